use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use trunkline_media::HAS_OPUS;
use trunkline_sip::servers::Host;

use super::*;
use crate::switch::setup::{RouteFrom, RouteTo};
use crate::translate::TranslateOptions;

const EXAMPLE: &str = include_str!("../../trunkline.example.toml");
const MISTAKES: &str = include_str!("../../../tests/tables/config_errors.md");

/// A directory of this test's own, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-config-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn parse(text: &str) -> Result<Config, Vec<ConfigError>> {
    Config::parse(Path::new("t.toml"), text)
}

/// What a text is refused with, a line for each error.
fn errors(text: &str) -> String {
    let errors = parse(text).expect_err(text);
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_good() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(
        (config.lines.len(), config.trunks.len(), config.routes.len(), config.apps.len()),
        (2, 1, 1, 1)
    );
    let trunk = &config.trunks[0];
    assert_eq!((trunk.peers.len(), trunk.domain.as_str(), trunk.calls_max), (2, "198.51.100.7", 60));
    assert_eq!(&*trunk.credentials.as_ref().unwrap().username, "4930123456");
    assert_eq!(config.sip.realm, "pbx.example");
}

#[test]
fn what_the_example_leaves_out_by_a_sign_is_the_default() {
    // Examples without a default stand behind a sign as well.
    let no_default = [
        "advertise",
        "area_rules",
        "card",
        "certificate",
        "client_c",
        "dns",
        "directory = \"recordings",
        "max_recordings",
        "sqlite = ",
        "hep = ",
        "agent_id",
        "csv = ",
        "csv_events",
        "json_lines",
        "events = ",
        "old_secret",
        "keep_days",
        "max_bytes",
        "allow = [\"ws",
        "max_forks",
        "max_per_call",
        "max_seconds",
        "min_free_mb",
        "codecs",
        "rewrite_",
        "caller_number",
        "from_",
        "outside_number",
        "fallback",
        "key = ",
        "music",
        "hosts",
        "origins",
        "realm = \"carrier",
        "register_",
        "contact_user",
        "inbound_",
        "tls_",
        "trusted_ca",
        "messages",
        "max_calls = 4",
        "mailbox",
        "location = \"Berlin",
        "voicemail_rings",
        "url = \"https",
        "server = \"pbx",
        "busy = ",
        "otherwise = ",
        "step_s",
        "calls_per_second = 5",
        "callers = ",
        "watchers = ",
        "blf_list = ",
        "transcode = ",
    ];
    let is_key = |text: &str| text.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let shown: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(text) if is_key(text) && !no_default.iter().any(|no| text.starts_with(no)) => text,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(shown, EXAMPLE);
    assert_eq!(format!("{:?}", parse(&shown).unwrap()), format!("{:?}", parse(EXAMPLE).unwrap()));
}

#[test]
fn video_passes_to_lines_that_do_not_refuse_it_and_trunks_that_want_it() {
    let text = |video: &str| {
        format!(
            "[[line]]\naddress = \"1001\"\npassword = \"x\"\n{video}\n\
             [[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.9\"\n{video}\n"
        )
    };
    for (written, line, trunk) in
        [("", true, false), ("video = true", true, true), ("video = false", false, false)]
    {
        let setup = parse(&text(written)).unwrap().setup();
        assert_eq!((setup.lines[0].video, setup.trunks[0].video), (line, trunk), "{written}");
    }
    assert!(parse(&text("video = \"no\"")).is_err());
}

#[test]
fn opus_is_for_builds_that_can() {
    let text = "[media]\nopus = true\n";
    if HAS_OPUS {
        assert!(parse(text).unwrap().setup().media.opus);
    } else {
        let wrong = parse(text).unwrap_err();
        assert_eq!((wrong[0].line, &*wrong[0].key), (2, "media.opus"));
    }
    assert!(!parse("").unwrap().setup().media.opus && !parse("[media]\nopus = false\n").unwrap().media.opus);
}

#[test]
fn forwarding_and_completion_are_set_apart_from_their_defaults() {
    let text = "[forward]\nring_s = 5\ndo_not_disturb = 603\n[completion]\nmessages = [\"Call me.\"]\nmax = 2\ntimeout_s = 60";
    let config = parse(text).unwrap();
    assert_eq!((config.forward.ring.as_secs(), config.forward.do_not_disturb), (5, 603));
    assert_eq!((config.completion.outstanding_max, config.completion.timeout.as_secs()), (2, 60));
    assert_eq!(config.completion.messages, ["Call me."]);
    let wrong = parse("[forward]\ndo_not_disturb = 481\n[completion]\nmessages = [\"\"]").unwrap_err();
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

#[test]
fn stock_sipp_needs_one_trunk_and_one_route() {
    let config = parse(
        r#"
        [[trunk]]
        name = "sipp"
        peer = "udp:127.0.0.1:5070"
        allow_from = ["127.0.0.1/32"]
        [[route]]
        from = "any"
        match = ".*"
        to = "trunk:sipp"
        "#,
    )
    .unwrap();
    let setup = config.setup();
    assert_eq!(setup.routes[0].to, RouteTo::Trunk("sipp".into()));
    assert_eq!(setup.routes[0].from, RouteFrom::Any);
    assert_eq!(setup.trunks[0].peers, [(Transport::Udp, "127.0.0.1:5070".parse().unwrap())]);
    let [(network, name)] = &config.trusted()[..] else { panic!("one network") };
    assert!(network.contains(&"127.0.0.1".parse::<IpAddr>().unwrap()));
    assert_eq!(&**name, "sipp");
}

#[test]
fn a_route_may_name_several_trunks_and_groups_of_them() {
    let trunk = |name: &str| format!("[[trunk]]\nname = \"{name}\"\npeer = \"udp:192.0.2.1\"\n");
    let trunks: String = ["a", "b", "c", "d"].map(trunk).concat();
    let rest = "failover_s = 2\nprogress_s = 20\nrest_s = 60\nfailover_on = [403]\ncalls_per_second = 7\n\
        [[trunk_group]]\nname = \"out\"\nmembers = [{ trunk = \"b\", priority = 2 }, { trunk = \"c\", weight = 3 }, \
        { trunk = \"d\" }]\n[[route]]\nmatch = \"1\"\nto = [\"trunk:a\", \"trunk:b\", \"trunk_group:out\"]\n\
        [[route]]\nmatch = \"2\"\nto = \"trunk_group:out\"\n[[route]]\nmatch = \"3\"\nto = [\"trunk:d\"]\n";
    let setup = parse(&(trunks + rest)).unwrap().setup();
    let tiers = |place: usize| {
        let RouteTo::Trunks(choice) = &setup.routes[place].to else { panic!("{:?}", setup.routes[place].to) };
        choice.tiers.clone()
    };
    let one = |name: &str, weight: u16| -> (Arc<str>, u16) { (name.into(), weight) };
    assert_eq!(tiers(0), [vec![one("a", 1)], vec![one("b", 1)], vec![one("c", 3), one("d", 1)]], "b once");
    assert_eq!(tiers(1), [vec![one("c", 3), one("d", 1)], vec![one("b", 1)]]);
    assert_eq!(setup.routes[2].to, RouteTo::Trunk("d".into()));
    let [plain, .., changed] = &setup.trunks[..] else { panic!("four trunks") };
    assert_eq!(
        (plain.failover_on.as_slice(), plain.calls_per_second),
        (&[408, 500, 502, 503, 504][..], None)
    );
    assert_eq!((changed.failover_on.as_slice(), changed.calls_per_second), (&[403][..], Some(7)));
    let seconds = |trunk: &crate::switch::setup::TrunkSetup| {
        (trunk.patience.as_secs(), trunk.progress.as_secs(), trunk.rest.as_secs())
    };
    assert_eq!((seconds(plain), seconds(changed)), ((4, 15, 30), (2, 20, 60)));
}

#[test]
fn an_empty_text_is_the_defaults() {
    let config = parse("").unwrap();
    let listen: Vec<_> =
        config.sip.listen.iter().map(|(transport, address)| format!("{transport} {address}")).collect();
    assert_eq!(listen, ["UDP 0.0.0.0:5060", "TCP 0.0.0.0:5060"]);
    assert_eq!(config.api.listen, Some("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(config.media.ports, 20_000..=29_999);
    assert_eq!((config.sip.dscp, config.media.dscp, config.media.continuity), (40, 46, true));
    assert!(config.sip.workers >= 1 && config.media.workers >= 1);
}

#[test]
fn every_mistake_is_told_with_its_place_and_its_remedy() {
    let blocks: Vec<_> = MISTAKES.split("```toml\n").skip(1).collect();
    assert!(blocks.len() > 60, "the table is whole");
    for block in blocks {
        let (text, rest) = block.split_once("```\n").unwrap();
        let told = rest.strip_prefix("```text\n").unwrap().split_once("\n```").unwrap().0;
        assert_eq!(errors(text), told, "{text}");
    }
}

/// A quote too few moves the password under another key, whose mistakes are shown.
#[test]
fn a_text_that_is_no_toml_shows_none_of_its_values() {
    for (text, told) in [
        (
            "[[line]]\naddress = password = \"do-not-tell\"\n",
            "t.toml:2: byte 20 of the line: unexpected key or value, expected newline, `#`; write TOML 1.0",
        ),
        (
            "[[line]]\naddress = \"1001\"\npassword = do-not-tell\n",
            "t.toml:3: byte 12 of the line: string values must be quoted, expected literal string; write TOML 1.0",
        ),
        ("[[line]]\naddress = \"1001\npassword = \"do-not-tell\"\n", "t.toml:2: byte "),
    ] {
        let shown = errors(text);
        assert!(shown.starts_with(told) && !shown.contains("do-not-tell"), "{text}: {shown}");
    }
    for at in 0..EXAMPLE_OF_SECRETS.len() {
        for edit in ["", "\"", "=", "\n", "'", "["] {
            let text = format!("{}{edit}{}", &EXAMPLE_OF_SECRETS[..at], &EXAMPLE_OF_SECRETS[at + 1..]);
            let is_toml = DeTable::parse(&text).is_ok();
            let shown = parse(&text).err().map(|errors| format!("{errors:?}")).unwrap_or_default();
            assert!(is_toml || !shown.contains("do-not-tell"), "{text}: {shown}");
        }
    }
}

const EXAMPLE_OF_SECRETS: &str = "[[line]]\naddress = \"1001\"\npassword = \"do-not-tell\"\ndigest = [\"MD5\"]\nsrtp = \"off\"\n\
                                  [[app]]\nname = \"crm\"\ntoken = \"do-not-tell-anybody\"\nlines = [\"1001\"]\n";

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_order() {
    let text = "[sip]\nworkers = 1000\nlisten = [\"tls:0.0.0.0:5061\"]\n[[line]]\naddress = \"1 1\"\n\
                password = \"x\"\nfoo = 1\n[[route]]\nmatch = \"(\"\nto = \"trunk:none\"\n";
    let lines: Vec<_> =
        parse(text).unwrap_err().iter().map(|error| (error.line, error.key.clone())).collect();
    let expected = [
        (2, "sip.workers"),
        (3, "sip.listen"),
        (5, "line.address"),
        (7, "line.foo"),
        (9, "route.match"),
        (10, "route.to"),
    ];
    assert_eq!(lines, expected.map(|(line, key)| (line, key.to_owned())));
}

#[test]
fn the_errors_of_one_file_have_an_end() {
    let text = "[[line]]\n".repeat(1000);
    assert_eq!(parse(&text).unwrap_err().len(), 100);
}

#[test]
fn numbers_may_be_written_as_toml_writes_them() {
    let config = parse("[limits]\ncalls = 1_000\n[location]\ncountry_code = 0x31").unwrap();
    assert_eq!((config.limits.calls, config.locations.all()[0].country.code), (1000, 49));
}

proptest::proptest! {
    /// Whatever was overwritten, doubled or lost in a file: it is read or refused, and every error names a line of it.
    #[test]
    fn no_text_breaks_the_reader(at in 0..EXAMPLE.len(), cut in 0..80_usize, put in "[\\[\\]=\"',.{}#a-z0-9\n\u{0}é-]{0,12}") {
        // Without peers: a changed one would be a host name to resolve.
        let kept = |line: &&str| !line.starts_with('#') && !line.starts_with("peer");
        let whole = EXAMPLE.lines().filter(kept).collect::<Vec<_>>().join("\n");
        let start = whole.floor_char_boundary(at);
        let end = whole.floor_char_boundary((start + cut).min(whole.len())).max(start);
        let text = format!("{}{put}{}", &whole[..start.min(whole.len())], &whole[end..]);
        if let Err(errors) = parse(&text) {
            for error in errors {
                assert!((1..=text.lines().count().max(1) + 1).contains(&error.line), "{error}");
            }
        }
    }
}

#[test]
fn a_secret_may_be_a_file_beside_the_configuration() {
    let scratch = Scratch::new("secret");
    fs::write(scratch.0.join("pw"), "from file\n").unwrap();
    let text = "[[line]]\naddress = \"1001\"\npassword_file = \"pw\"\n";
    let config = Config::parse(&scratch.0.join("t.toml"), text).unwrap();
    assert_eq!(&*config.accounts()[0].password.0, "from file");
    assert!(!format!("{config:?}").contains("from file"), "a secret never reaches a log");
}

#[test]
fn the_built_in_default_keeps_its_secrets() {
    let scratch = Scratch::new("built-in");
    let state = scratch.0.join("state");
    let first = Config::built_in(&state).unwrap();
    let second = Config::built_in(&state).unwrap();
    assert!(first.first_start && !second.first_start);
    let passwords = |config: &Config| -> Vec<_> {
        config
            .accounts()
            .iter()
            .map(|account| (account.line.to_string(), account.password.0.to_string()))
            .collect()
    };
    assert_eq!(passwords(&first), passwords(&second));
    let mut distinct = passwords(&first);
    assert_eq!(
        distinct.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>(),
        ["1001", "1002", "1003", "1004"]
    );
    distinct.dedup_by(|a, b| a.1 == b.1);
    assert_eq!(distinct.len(), 4);
    assert_eq!(admin_token(&state).as_deref(), Some(&*first.apps[0].token.0));
    for file in [built_in::PHONES_FILE, ADMIN_TOKEN_FILE] {
        assert_eq!(fs::metadata(state.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let table = phone_table(&first, &state);
    for (line, password) in passwords(&first) {
        assert!(table.contains(&format!("{line}   {password}")), "{table}");
    }
    assert!(table.contains(&*first.apps[0].token.0), "{table}");
    assert_eq!(phone_table(&second, &state).lines().count(), 1, "secrets are printed once");
}

#[test]
fn a_state_directory_that_cannot_be_is_told() {
    let error = &Config::built_in(Path::new("/dev/null/state")).unwrap_err()[0];
    let right = "name a directory that the daemon may write with --state-dir";
    assert_eq!(error.to_string(), format!("/dev/null/state/phones: Not a directory (os error 20); {right}"));
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let error = &Config::load(Path::new("/nonexistent/t.toml")).unwrap_err()[0];
    assert_eq!(
        error.to_string(),
        "/nonexistent/t.toml: cannot be read: No such file or directory (os error 2); \
         name a readable file with --config"
    );
}

#[test]
fn a_location_says_what_its_country_does_not() {
    let config = parse(
        r#"
        [[card]]
        name = "Example Card"
        number = "1234567890"
        long_distance = "18005550199,,,,H,,FG"
        [[location]]
        name = "Seattle"
        country_code = 1
        area_code = "425"
        local_access = "9,"
        long_distance_access = "8,"
        toll_prefixes = ["555", "881"]
        cancel_call_waiting = "*70,"
        card = "Example Card"
        area_rules = [{ area_code = "253", dial = "", include_area_code = true }]
        [[location]]
        name = "Berlin"
        country_code = 49
        area_code = "30"
        long_distance_prefix = "9"
        pulse = true
        [[line]]
        address = "1001"
        password = "x"
        [[line]]
        address = "2001"
        password = "x"
        location = "Berlin"
        "#,
    )
    .unwrap();
    let locations = &config.setup().translation;
    let dialled = |line: &str, address: &str| {
        let found = locations.translate(line, address, None, TranslateOptions::NONE).unwrap();
        (found.dialable, found.displayable)
    };
    let expected = |dialable: &str, displayable: &str| (dialable.to_owned(), displayable.to_owned());
    assert_eq!(
        dialled("1001", "+1 (206) 555-0123"),
        expected("T8,18005550199,,,,1234567890,,2065550123", "T8,18005550199,,,,[Example Card],,206555-0123")
    );
    assert_eq!(dialled("1001", "+1 (253) 5550123"), expected("T9,2535550123", "T9,2535550123"));
    assert_eq!(dialled("1001", "+49 (30) 12-34"), expected("T8,01149301234", "T8,011493012-34"));
    assert_eq!(dialled("2001", "+49 (40) 1234"), expected("P9401234", "P9401234"));
    // The network knows nothing of what is dialled at a place.
    assert_eq!(locations.caller_id("2001", "0301234567").as_deref(), Some("+49 (30) 1234567"));
    assert!(!format!("{config:?}").contains("1234567890"), "a card's number never reaches a log");
}

#[test]
fn one_location_needs_no_name_and_no_list() {
    let config = parse("[location]\ncountry_code = 49\narea_code = \"30\"\n").unwrap();
    let found =
        config.locations.translate("1001", "+1 (425) 555-0100", None, TranslateOptions::NONE).unwrap();
    assert_eq!(found.dialable, "T0014255550100");
    assert!(parse("[location]\n").unwrap().locations.all().is_empty());
}

#[test]
fn a_peer_is_an_address_or_a_host_whose_servers_are_asked_for() {
    let host = |name: &str, transport, port| PeerPlace::Host(Host { name: name.to_owned(), transport, port });
    let (udp, tls) = (Some(Transport::Udp), Some(Transport::Tls));
    for (written, place) in [
        ("udp:192.0.2.1", PeerPlace::Address(Transport::Udp, "192.0.2.1:5060".parse().unwrap())),
        ("sip:192.0.2.1", PeerPlace::Address(Transport::Udp, "192.0.2.1:5060".parse().unwrap())),
        ("tcp:[2001:db8::1]:5070", PeerPlace::Address(Transport::Tcp, "[2001:db8::1]:5070".parse().unwrap())),
        ("udp:Sip.Example.:5062", host("sip.example", udp, Some(5062))),
        ("udp:sip.example", host("sip.example", udp, None)),
        ("tls:sip.example", host("sip.example", tls, None)),
        ("sip:example", host("example", None, None)),
    ] {
        let config = parse(&format!("[[trunk]]\nname = \"a\"\npeer = \"{written}\"\n")).unwrap();
        assert_eq!(config.trunks[0].written[0].place, place, "{written}");
        let wanted = usize::from(matches!(place, PeerPlace::Host(_)));
        assert_eq!((config.hosts().len(), config.trunks[0].peers.len()), (wanted, 1 - wanted), "{written}");
    }
}

#[test]
fn what_name_servers_say_is_where_a_trunk_is_and_who_may_call() {
    let text = "[[trunk]]\nname = \"a\"\npeer = [\"udp:one.example\", \"udp:192.0.2.9\"]\n\
                allow_from = [\"peer\", \"198.51.100.0/24\"]\nredirect_to = [\"two.example\"]\n";
    let mut config = parse(text).unwrap();
    assert_eq!(config.setup().trunks[0].peers.len(), 1, "the address");
    let server = |priority, ports: &[u16]| Server {
        transport: Transport::Udp,
        priority,
        weight: 1,
        addresses: ports.iter().map(|port| ([192, 0, 2, 1], *port).into()).collect(),
    };
    let doubtful = config.locate(|host| match (host.name.as_str(), host.port) {
        ("one.example", None) => vec![server(1, &[5061, 5062]), server(2, &[5061])],
        ("two.example", Some(_)) => vec![server(0, &[5060])],
        _ => panic!("{host:?} is nowhere in the text"),
    });
    assert!(doubtful.is_empty());
    let trunk = &config.setup().trunks[0];
    let peers: Vec<_> = trunk.peers.iter().map(|(_, address)| address.to_string()).collect();
    assert_eq!(peers, ["192.0.2.1:5061", "192.0.2.1:5062", "192.0.2.9:5060"], "each once");
    assert_eq!(trunk.servers.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let place = RedirectPlace::Host("two.example".to_owned(), vec!["192.0.2.1".parse().unwrap()]);
    assert_eq!(trunk.redirects.places, [place]);
    let allowed: BTreeSet<_> = config.trusted().iter().map(|(network, _)| network.to_string()).collect();
    assert_eq!(allowed.into_iter().collect::<Vec<_>>(), ["192.0.2.1/32", "192.0.2.9/32", "198.51.100.0/24"]);
}

#[test]
fn a_trunk_has_no_more_addresses_than_it_may_whatever_name_servers_say() {
    let text = "[[trunk]]\nname = \"a\"\npeer = [\"udp:one.example\", \"udp:two.example\"]\n";
    let mut config = parse(text).unwrap();
    let server = |priority: u16, host: u8| Server {
        transport: Transport::Udp,
        priority,
        weight: 1,
        addresses: (1..=40).map(|port| ([192, 0, 2, host], port).into()).collect(),
    };
    config.locate(|host| match host.name.as_str() {
        "one.example" => vec![server(2, 2), server(1, 1)],
        _ => vec![server(0, 3)],
    });
    let trunk = &config.setup().trunks[0];
    let counted: Vec<Vec<usize>> =
        trunk.servers.iter().map(|peer| peer.iter().map(|server| server.addresses.len()).collect()).collect();
    assert_eq!(
        (counted, trunk.peers.len()),
        (vec![vec![40, 24], vec![]], 64),
        "of the lowest priorities first"
    );
    assert_eq!(trunk.servers[0][0].priority, 1);
}

#[test]
fn a_route_names_no_more_trunks_than_it_may() {
    let trunk = |number: usize| format!("[[trunk]]\nname = \"t{number}\"\npeer = \"udp:192.0.2.1\"\n");
    let route = |count: usize| {
        let trunks: String = (0..count).map(trunk).collect();
        let named: Vec<_> = (0..count).map(|number| format!("\"trunk:t{number}\"")).collect();
        parse(&format!("{trunks}[[route]]\nmatch = \"1\"\nto = [{}]\n", named.join(", ")))
    };
    assert!(route(16).is_ok());
    let wrong = route(17).unwrap_err();
    assert_eq!((wrong.len(), wrong[0].wrong.as_str()), (1, "names 17 trunks"));
}
