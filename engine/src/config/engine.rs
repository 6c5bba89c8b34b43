//! The whole file: the tables that come once, and the order in which the others are read.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use toml::Spanned;
use tracing_subscriber::EnvFilter;
use trunkline_media::HAS_OPUS;
use trunkline_media::kernel::Hook;
use trunkline_media::tone::has_country;
use trunkline_sip::location::KeepAlive;
use trunkline_sip::transport::Transport;

use super::key_lines::KeyLines;
use super::lines::Addresses;
use super::locations::Places;
use super::routes::Trunks;
use super::section::Section;
use super::tls::Sealing;
use super::{
    Api, Config, KernelRelay, Log, LogFormat, Media, Sip, Store, apps, capture, endpoint, event_lists,
    features, fork, groups, limits, lines, music, pages, provisioning, reach, recording, records, routes,
    trunk_groups, trunks, vendors, voicemail, webhooks,
};
use crate::switch::setup::{CompletionSetup, ConferenceSetup, ForwardSetup};

/// Reads the file. What is wrong is in the section's report; the value is of use only where nothing is.
pub(super) fn read(root: Section<'_>) -> Config {
    let (sip, mut tls) = sip(root.table("sip"));
    let media = media(root.table("media"));
    let api = api(root.table("api"));
    let limits = limits::read(root.table("limits"));
    let recording = recording::read(root.table("recording"));
    let store = store(root.table("store"));
    let records = records::read(root.table("records"), &store);
    let fork = fork::read(root.table("fork"), &mut tls);
    let log = log(root.table("log"));
    let (hep, capture_bytes) = capture::read(root.table("capture"), &log);
    let mut addresses = Addresses::default();
    let mut places = Places::read(root.tables("card"), root.table_or_tables("location"));
    let line_sections = root.tables("line");
    let lines_named = line_sections.len();
    let lines: Vec<_> = line_sections
        .into_iter()
        .filter_map(|line| lines::read(line, &mut addresses, &mut places, recording.as_ref()))
        .collect();
    let trunk_sections = root.tables("trunk");
    let trunks_named = trunk_sections.len();
    let trunks: Vec<_> = trunk_sections
        .into_iter()
        .filter_map(|trunk| {
            trunks::read(trunk, &mut addresses, &mut places, &mut tls, limits.calls, recording.as_ref())
        })
        .collect();
    let whole = trunks.len() == trunks_named;
    let group_sections = root.tables("trunk_group");
    let groups_named = group_sections.len();
    let mut trunk_groups = Vec::new();
    for section in group_sections {
        trunk_groups.extend(trunk_groups::read(section, &trunks, whole, &trunk_groups));
    }
    let groups_whole = trunk_groups.len() == groups_named;
    let known = Trunks { named: &trunks, whole, groups: &trunk_groups, groups_whole };
    let routes = root.tables("route").into_iter().filter_map(|route| routes::read(route, &known)).collect();
    let mut wanted = Vec::new();
    let voicemail = voicemail::read(root.table("voicemail"), &trunks, whole, &mut wanted);
    let open = api.listen.is_some_and(|listen| !listen.ip().is_loopback());
    let app_sections = root.tables("app");
    let apps_named = app_sections.len();
    let mut apps = Vec::new();
    for section in app_sections {
        apps.extend(apps::read(section, &apps, &addresses, open));
    }
    let known = webhooks::Known { apps: &apps, whole: apps.len() == apps_named, addresses: &addresses };
    let webhooks = webhooks::read(root.tables("webhook"), &known, &mut tls);
    // A group is no line that an application could open.
    let groups =
        groups::read(root.tables("group"), &lines, lines.len() == lines_named, &mut addresses, &mut wanted);
    let pages = pages::read(root.tables("page"), &lines, lines.len() == lines_named, &mut addresses);
    let list_sections = root.tables("list");
    let lists_named = list_sections.len();
    let lists = event_lists::addresses(list_sections, &mut addresses);
    let park = features::park(root.table("park"), &addresses, &groups, &pages);
    let whole = whole && lines.len() == lines_named;
    let known = event_lists::Known {
        lines: &lines,
        trunks: &trunks,
        groups: &groups,
        pages: &pages,
        park: &park,
        whole,
    };
    let lists = event_lists::read(lists, &known);
    let known = provisioning::Known {
        listen: &sip.listen,
        lines: &lines,
        addresses: &addresses,
        lists: &lists,
        lists_whole: lists.len() == lists_named,
        park: &park,
    };
    let provisioning = provisioning::read(root.table("provisioning"), root.tables("phone"), &known, &mut tls);
    let features = features::features(root.table("features"), &addresses);
    let mut config = Config {
        file: None,
        first_start: false,
        sip,
        tls: Arc::new(tls.finish()),
        media,
        api,
        apps,
        webhooks,
        store,
        locations: places.finish(),
        lines,
        groups,
        pages,
        lists,
        trunks,
        routes,
        park,
        features,
        conference: conference(root.table("conference")),
        forward: forward(root.table("forward")),
        completion: completion(root.table("completion")),
        vendors: vendors::read(&root),
        recording,
        records,
        hep,
        capture_bytes,
        fork,
        voicemail,
        provisioning,
        limits,
        log,
        key_lines: KeyLines::default(),
    };
    reach::check(root.report(), &config, &wanted);
    root.close();
    drop(config.locate(|_| Vec::new()));
    config
}

fn sip(section: Section<'_>) -> (Sip, Sealing) {
    let tls = Sealing::read(section.table("tls"));
    let listen = match section.string_or_strings("listen") {
        Some(values) if values.is_empty() => {
            section.refuse_key("listen", "names no listener", "write listen = [\"udp:0.0.0.0:5060\"]");
            Vec::new()
        }
        Some(values) => values.iter().filter_map(|value| endpoint::listener(&section, &tls, value)).collect(),
        None => SIP_LISTEN_DEFAULT.to_vec(),
    };
    let domains: Vec<String> = host_names(&section, "domains");
    let realm = section.string("realm").map(|realm| realm.into_inner().to_owned());
    let realm = realm.or_else(|| domains.first().cloned()).unwrap_or_else(|| "trunkline".to_owned());
    let advertise = address(&section, "advertise").filter(|advertise| {
        if advertise.is_unspecified() {
            section.refuse_key(
                "advertise",
                "is the unspecified address",
                "write the one that phones can reach",
            );
        }
        !advertise.is_unspecified()
    });
    let websocket_origins = origins(&section, "websocket_origins");
    let dns = name_servers(&section);
    let workers = workers(&section);
    let dscp = dscp(&section).unwrap_or(SIGNALLING);
    let ring_timeout_s = section.integer("ring_timeout_s", 5..=3600).unwrap_or(120);
    let keep_alive_with = section.string("keep_alive").and_then(|value| keep_alive(&section, &value));
    let keep_alive_s = section.integer("keep_alive_s", 0..=600).unwrap_or(KEEP_ALIVE_S_DEFAULT);
    section.close();
    let ring_timeout = Duration::from_secs(u64::from(ring_timeout_s));
    let keep_alive = Duration::from_secs(u64::from(keep_alive_s));
    let sip = Sip {
        listen,
        domains,
        realm,
        websocket_origins,
        dns,
        advertise,
        workers,
        dscp,
        ring_timeout,
        keep_alive,
        keep_alive_with: keep_alive_with.unwrap_or_default(),
    };
    (sip, tls)
}

fn keep_alive(section: &Section<'_>, value: &Spanned<&str>) -> Option<KeepAlive> {
    let found = KeepAlive::ALL.into_iter().find(|known| known.name() == *value.get_ref());
    if found.is_none() {
        let right = "write \"crlf\" or \"options\"";
        section.refuse("keep_alive", value, format!("{:?} keeps no way open", value.get_ref()), right);
    }
    found
}

fn name_servers(section: &Section<'_>) -> Vec<SocketAddr> {
    let servers = section.string_or_strings("dns").unwrap_or_default();
    if servers.len() > NAME_SERVERS_MAX {
        let right = format!("write {NAME_SERVERS_MAX} at most");
        section.refuse_key("dns", &format!("names {} name servers", servers.len()), &right);
    }
    servers.iter().filter_map(|value| endpoint::name_server(section, value)).collect()
}

fn media(section: Section<'_>) -> Media {
    let listen = address(&section, "listen").unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let ports = media_ports(&section);
    let workers = workers(&section);
    let dscp = dscp(&section).unwrap_or(EXPEDITED_FORWARDING);
    let continuity = section.boolean("continuity").is_none_or(Spanned::into_inner);
    let kernel = section.string("kernel").map_or(KernelRelay::Auto, |value| match *value.get_ref() {
        "auto" => KernelRelay::Auto,
        "off" => KernelRelay::Off,
        "require" => KernelRelay::Require,
        other => {
            let right = "write \"auto\", \"off\" or \"require\"";
            section.refuse("kernel", &value, format!("{other:?} is no setting"), right);
            KernelRelay::Off
        }
    });
    let interfaces = section.strings("kernel_interfaces").unwrap_or_default();
    for name in &interfaces {
        // IFNAMSIZ with its final zero.
        if name.get_ref().is_empty() || name.get_ref().len() > 15 {
            let wrong = format!("{:?} is no name of an interface", name.get_ref());
            section.refuse("kernel_interfaces", name, wrong, "write names as in [\"eth0\"]");
        }
    }
    let kernel_interfaces = interfaces.into_iter().map(|name| name.into_inner().to_owned()).collect();
    let kernel_hook = section.string("kernel_hook").and_then(|value| match *value.get_ref() {
        "auto" => None,
        "xdp" => Some(Hook::XdpNative),
        "xdp-generic" => Some(Hook::XdpGeneric),
        "tc" => Some(Hook::Tc),
        other => {
            let right = "write \"auto\", \"xdp\", \"xdp-generic\" or \"tc\"";
            section.refuse("kernel_hook", &value, format!("{other:?} is no hook"), right);
            None
        }
    });
    let silence_timeout_s = section.integer("silence_timeout_s", 0..=86_400).unwrap_or(60);
    let music =
        section.string("music").and_then(|value| match music::load(section.report().open(value.get_ref())) {
            Ok(samples) => Some(samples),
            Err(error) => {
                let wrong = format!("{}: {error}", value.get_ref());
                section.refuse(
                    "music",
                    &value,
                    wrong,
                    "name a WAV file as sox FILE -r 8000 -c 1 -b 16 music.wav makes it",
                );
                None
            }
        });
    let tones = section.string("tones").map_or("us", |value| {
        let country = *value.get_ref();
        if !has_country(country) {
            let wrong = format!("{country:?} is no country whose tones are known");
            section.refuse("tones", &value, wrong, "write a country code such as \"us\", \"de\" or \"gb\"");
        }
        country
    });
    let tones = tones.to_owned();
    let transcodes = section.boolean("transcode").is_none_or(Spanned::into_inner);
    let opus = section.boolean("opus").is_some_and(|value| {
        let wanted = *value.get_ref();
        if wanted && !HAS_OPUS {
            let right = "leave the key out, or build with --features opus";
            section.refuse("opus", &value, "this build cannot code Opus", right);
        }
        wanted
    });
    section.close();
    let silence_timeout = (silence_timeout_s > 0).then(|| Duration::from_secs(u64::from(silence_timeout_s)));
    Media {
        listen,
        ports,
        workers,
        dscp,
        continuity,
        kernel,
        kernel_interfaces,
        kernel_hook,
        silence_timeout,
        music,
        tones,
        transcodes,
        opus,
    }
}

/// RFC 2474.
fn dscp(section: &Section<'_>) -> Option<u8> {
    section.integer("dscp", 0..=63).and_then(|dscp| u8::try_from(dscp).ok())
}

fn media_ports(section: &Section<'_>) -> RangeInclusive<u16> {
    let Some(value) = section.string("ports") else { return MEDIA_PORTS_DEFAULT };
    let right = "write FIRST-LAST, as in \"20000-29999\"";
    let bounds = value.get_ref().split_once('-');
    let bounds = bounds.and_then(|(first, last)| {
        Some((first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?))
    });
    let Some((first, last)) = bounds else {
        section.refuse("ports", &value, format!("{:?} is no range of ports", value.get_ref()), right);
        return MEDIA_PORTS_DEFAULT;
    };
    // RTP takes an even port and RTCP the odd one above it (RFC 3550 §11).
    if first % 2 != 0 || last % 2 != 1 {
        let wrong = format!("{first}-{last} does not begin even and end odd");
        section.refuse("ports", &value, wrong, "each flow takes an even port and the odd one above it");
    } else if first < 1024 {
        section.refuse("ports", &value, format!("{first} is a privileged port"), "begin at 1024 or above");
    } else if u32::from(last) + 1 < u32::from(first) + MEDIA_PORTS_MIN {
        let right = format!("a call takes four: give at least {MEDIA_PORTS_MIN}");
        section.refuse("ports", &value, format!("{first}-{last} is too small"), right);
    } else {
        return first..=last;
    }
    MEDIA_PORTS_DEFAULT
}

fn api(section: Section<'_>) -> Api {
    let listen = match section.string("listen") {
        None => Some(API_LISTEN_DEFAULT),
        Some(value) if *value.get_ref() == "off" => None,
        Some(value) => {
            let parsed = value.get_ref().parse::<SocketAddr>();
            if parsed.is_err() {
                let right = "write address:port, as in \"127.0.0.1:8080\", or \"off\"";
                section.refuse(
                    "listen",
                    &value,
                    format!("{:?} is no address with a port", value.get_ref()),
                    right,
                );
            }
            parsed.ok()
        }
    };
    let hosts = host_names(&section, "hosts");
    let origins = origins(&section, "origins");
    let requests_per_second =
        section.integer("requests_per_second", 0..=1_000_000).unwrap_or(API_REQUESTS_PER_SECOND);
    section.close();
    Api { listen, hosts, origins, requests_per_second }
}

/// Requests of an application within a second where the file does not say.
const API_REQUESTS_PER_SECOND: u32 = 1_000;

/// Scheme and host of web pages, in lower case.
fn origins(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let origins = section.strings(key).unwrap_or_default();
    for value in &origins {
        let rest =
            value.get_ref().strip_prefix("https://").or_else(|| value.get_ref().strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains('/')) {
            let right = "write scheme and host without a path, as in \"https://crm.example\"";
            section.refuse(key, value, format!("{:?} is no web origin", value.get_ref()), right);
        }
    }
    origins.into_iter().map(|origin| origin.into_inner().to_ascii_lowercase()).collect()
}

fn store(section: Section<'_>) -> Store {
    let default = PathBuf::from("state.db");
    let path = match section.string("url") {
        None => default,
        Some(value) => match value.get_ref().strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            Some(path) => path.into(),
            None => {
                let wrong = format!("{:?} is no store of this version", value.get_ref());
                section.refuse("url", &value, wrong, "write \"sqlite:FILE\"");
                default
            }
        },
    };
    section.close();
    Store { path }
}

fn conference(section: Section<'_>) -> ConferenceSetup {
    let ConferenceSetup { parties_max, factory } = ConferenceSetup::default();
    let parties_max = section
        .integer("max_parties", 3..=PARTIES_MAX)
        .and_then(|parties| usize::try_from(parties).ok())
        .unwrap_or(parties_max);
    let factory = section.string("factory").map_or(factory, |value| {
        let user = *value.get_ref();
        if user.contains(|c: char| c.is_whitespace() || "@:;<>\"".contains(c)) {
            let wrong = format!("{user:?} is no user part of a SIP address");
            section.refuse("factory", &value, wrong, "write a word, as in \"conference\", or \"\" for none");
        }
        user.to_owned()
    });
    section.close();
    ConferenceSetup { parties_max, factory }
}

fn forward(section: Section<'_>) -> ForwardSetup {
    let default = ForwardSetup::default();
    let ring_s = section.integer("ring_s", 1..=60);
    let do_not_disturb = section.integer("do_not_disturb", 400..=699).and_then(|status| {
        let status = u16::try_from(status).ok().filter(|status| matches!(status, 480 | 486 | 603));
        if status.is_none() {
            section.refuse_key("do_not_disturb", "is none of the usual answers", "write 480, 486 or 603");
        }
        status
    });
    section.close();
    ForwardSetup {
        ring: ring_s.map_or(default.ring, |seconds| Duration::from_secs(u64::from(seconds))),
        do_not_disturb: do_not_disturb.unwrap_or(default.do_not_disturb),
    }
}

fn completion(section: Section<'_>) -> CompletionSetup {
    let default = CompletionSetup::default();
    let messages = section.strings("messages").unwrap_or_default();
    if messages.len() > MESSAGES_MAX {
        let right = format!("write at most {MESSAGES_MAX}");
        section.refuse_key("messages", &format!("names {} messages", messages.len()), &right);
    }
    for message in &messages {
        let text = message.get_ref();
        if text.is_empty() || text.len() > MESSAGE_BYTES_MAX {
            let right = format!("write 1 to {MESSAGE_BYTES_MAX} bytes");
            section.refuse("messages", message, format!("has {} bytes", text.len()), right);
        }
    }
    let outstanding_max = section.integer("max", 1..=100).unwrap_or(default.outstanding_max);
    let timeout_s = section.integer("timeout_s", 60..=86_400);
    section.close();
    CompletionSetup {
        messages: messages.into_iter().map(|message| message.into_inner().to_owned()).collect(),
        outstanding_max,
        timeout: timeout_s.map_or(default.timeout, |seconds| Duration::from_secs(u64::from(seconds))),
    }
}

fn log(section: Section<'_>) -> Log {
    let format = section.string("format").map_or(LogFormat::Text, |value| match *value.get_ref() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        other => {
            section.refuse("format", &value, format!("{other:?} is no format"), "write \"text\" or \"json\"");
            LogFormat::Text
        }
    });
    let level = section.string("level").map_or("info", |value| {
        let level = *value.get_ref();
        if level.is_empty() || EnvFilter::try_new(level).is_err() {
            let right =
                "write error, warn, info, debug or trace, or a list as in \"info,trunkline_sip=debug\"";
            section.refuse("level", &value, format!("{level:?} is no level"), right);
        }
        level
    });
    let level = level.to_owned();
    let trace_mib = section.integer("trace_mib", 0..=1_024).unwrap_or(TRACE_MIB);
    section.close();
    Log { format, level, trace_bytes: trace_mib.saturating_mul(1_048_576) }
}

/// What is kept to look at calls afterwards, where nobody says how much: some ten thousand messages.
const TRACE_MIB: u32 = 16;

/// 0 or nothing: one a core.
fn workers(section: &Section<'_>) -> u16 {
    let asked = section.integer("workers", 0..=WORKERS_MAX).unwrap_or(0);
    let workers = match asked {
        0 => {
            available_parallelism().map_or(1, NonZero::get).try_into().unwrap_or(WORKERS_MAX).min(WORKERS_MAX)
        }
        asked => asked,
    };
    u16::try_from(workers).expect("WORKERS_MAX fits")
}

fn address(section: &Section<'_>, key: &'static str) -> Option<IpAddr> {
    let value = section.string(key)?;
    let parsed = value.get_ref().parse();
    if parsed.is_err() {
        let right = "write one without a port, as in \"192.0.2.1\" or \"2001:db8::1\"";
        section.refuse(key, &value, format!("{:?} is no address", value.get_ref()), right);
    }
    parsed.ok()
}

fn host_names(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let mut names = Vec::new();
    for value in section.strings(key).unwrap_or_default() {
        let text = *value.get_ref();
        let is_name = !text.is_empty()
            && text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
        if is_name || text.parse::<IpAddr>().is_ok() {
            names.push(text.to_ascii_lowercase());
        } else {
            let right = "write a name without scheme or port, as in \"pbx.example\"";
            section.refuse(key, &value, format!("{text:?} is no host name"), right);
        }
    }
    names
}

/// SIP on UDP and TCP of all addresses.
pub(super) const SIP_LISTEN_DEFAULT: [(Transport, SocketAddr); 2] = [
    (Transport::Udp, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5060)),
    (Transport::Tcp, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5060)),
];

/// Name servers that are asked.
const NAME_SERVERS_MAX: usize = 8;

/// Translators forget after half a minute (RFC 4787 §4.3 asks for two, and finds less).
const KEEP_ALIVE_S_DEFAULT: u32 = 25;

/// HTTP for this machine only.
const API_LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Ten thousand ports are 2,500 calls.
const MEDIA_PORTS_DEFAULT: RangeInclusive<u16> = 20_000..=29_999;

/// The fewest ports: four calls.
const MEDIA_PORTS_MIN: u32 = 16;

/// Class selector 5, as RFC 4594 §4.2 recommends for signalling.
const SIGNALLING: u8 = 40;
/// RFC 3246, as voice is marked.
const EXPEDITED_FORWARDING: u8 = 46;
/// Workers of a kind.
const WORKERS_MAX: u32 = 256;

/// Parties of one conference.
const PARTIES_MAX: u32 = 128;

/// Predefined messages.
const MESSAGES_MAX: usize = 100;

/// The longest predefined message: a MESSAGE must fit into a datagram (RFC 3428 §8).
const MESSAGE_BYTES_MAX: usize = 500;
