//! What carriers are told on the wire: SIPp looks at each INVITE by regular expressions, and refuses the call that is not as it wants it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// Numbers, callers, codecs and what networks sign, as each carrier is to see them; a carrier that calls, and one that sends a call
/// elsewhere.
#[test]
fn as_carriers_want_it() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let callees = [
            callee(
                path,
                "e164",
                "127.0.0.6:5071",
                &[
                    ("start", "^INVITE sip:[+]49301234567@"),
                    ("To:", "sip:[+]49301234567@"),
                    ("From:", "sip:anonymous@anonymous.invalid"),
                    ("P-Asserted-Identity:", "sip:[+]4930555101@one.test"),
                    ("Privacy:", "^ *id"),
                    ("body", "m=audio [0-9]+ RTP/AVP 8 0 101"),
                ],
            ),
            callee(
                path,
                "national",
                "127.0.0.6:5072",
                &[
                    ("start", "^INVITE sip:0049-30-1234567@"),
                    ("From:", "sip:customer7@two.test"),
                    ("P-Preferred-Identity:", "sip:0049-30-555102@"),
                    ("body", "m=audio [0-9]+ RTP/AVP 8 101"),
                ],
            ),
            callee(
                path,
                "signed",
                "127.0.0.6:5073",
                &[
                    ("start", "^INVITE sip:[+]49301234567@"),
                    ("Identity:", "^ *eyJhbGciOiJFUzI1NiJ9.e30.c2ln;info="),
                    ("Date:", "Sun, 22 Nov 2026"),
                    ("P-Charging-Vector:", "icid-value=1234"),
                    ("Diversion:", "sip:[+]4930555@network.test.;reason=no-answer;counter=1"),
                    ("body", "m=audio [0-9]+ RTP/AVP 9 0 18 8 101"),
                ],
            ),
            callee(path, "elsewhere", "127.0.0.6:5075", &[("start", "^INVITE sip:1234567@")]),
            callee(
                path,
                "office",
                "127.0.0.5:5090",
                &[("start", "^INVITE sip:1007@"), ("From:", "sip:[+]49301111@")],
            ),
        ];
        let moved = [("CONTACT", "<sip:1234567@127.0.0.6:5075>")];
        let moves = ["-sf", &scenario(path, "redirects.xml", &moved)];
        let redirects = Sipp::callee(path, "redirects", "127.0.0.6:5074", &moves);

        let hidden = "P-Asserted-Identity: <sip:+4930555101@network.test>\nPrivacy: id";
        let signed = "Identity: eyJhbGciOiJFUzI1NiJ9.e30.c2ln;info=<https://cert.test/a>;alg=ES256;ppt=shaken\n\
                      Date: Sun, 22 Nov 2026 16:00:00 GMT\nP-Charging-Vector: icid-value=1234\n\
                      History-Info: <sip:+4930555@network.test>;index=1\n\
                      History-Info: <sip:+4930666@network.test;cause=408>;index=1.1;mp=1";
        let plain = "Subject: a call";
        let callers = [
            caller(path, "hides", ("127.0.0.5", 5081), ("anonymous", hidden), "10301234567"),
            caller(path, "shows", ("127.0.0.5", 5082), ("+4930555102", plain), "20301234567"),
            caller(path, "signs", ("127.0.0.5", 5083), ("+4930555103", signed), "+49301234567"),
            caller(path, "moves", ("127.0.0.5", 5084), ("+4930555104", plain), "41234567"),
            caller(path, "calls", ("127.0.0.6", 5085), ("0301111", plain), "+49305551007"),
        ];
        for (name, caller) in callers {
            let counted = caller.finish(SOON);
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{name}: {}", wire(path, name));
        }
        for (name, callee) in callees {
            let counted = callee.close();
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{name} saw something else");
        }
        assert_eq!(redirects.close().successful(), 1, "it was asked first");
        daemon.expect_nothing_left();
    });
}

/// One call too much, or too soon, is refused with 503; a call for help passes both limits.
#[test]
fn beyond_its_limits_for_help_alone() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let carrier = Sipp::callee(path, "carrier", "127.0.0.6:5076", &["-sn", "uas"]);
        let at = |port: u16| ("127.0.0.5", port);
        let who = ("+4930555104", "Subject: a call");
        let up = caller_for(path, "up", at(5081), who, "51234567", "6000");
        daemon.expect_metric("trunkline_calls", 2.0, SOON);
        let (_, too_much) = caller(path, "too-much", at(5082), who, "51234567");
        assert_eq!(too_much.finish(SOON).failed(), 1, "the only channel is taken");
        let refused = wire(path, "too-much");
        assert!(refused.contains(" 503 "), "{refused}");
        let (_, help) = caller(path, "help", at(5083), who, "112");
        assert_eq!(help.finish(SOON).failed(), 0, "a call for help");
        assert_eq!(up.1.finish(SOON).failed(), 0, "the call that is up");
        assert_eq!(carrier.close().successful(), 2);

        let carrier = Sipp::callee(path, "slow", "127.0.0.6:5077", &["-sn", "uas"]);
        let soon = scenario_of(path, "soon", who);
        let calls = ["127.0.0.1:5060", "-i", "127.0.0.5", "-p", "5084", "-sf", &soon, "-s", "61234567"];
        let counted =
            Sipp::start(path, "soon", &[&calls[..], &["-m", "3", "-r", "30", "-d", "300"]].concat());
        let counted = counted.finish(SOON);
        assert_eq!((counted.successful(), counted.failed()), (1, 2), "one call a second");
        let refused = wire(path, "soon");
        assert!(refused.contains(" 503 "), "{refused}");
        assert_eq!(carrier.close().successful(), 1);
        daemon.expect_nothing_left();
    });
}

/// A carrier at this address, which takes one call as long as these places of its INVITE look so: the message from its `start`, its
/// `body`, or a header.
fn callee(
    directory: &Path,
    name: &'static str,
    address: &str,
    wanted: &[(&str, &str)],
) -> (&'static str, Sipp) {
    let check = |(place, pattern): &(&str, &str)| {
        let place = match *place {
            "start" => "search_in=\"msg\"".to_owned(),
            "body" => "search_in=\"body\"".to_owned(),
            header => format!("search_in=\"hdr\" header=\"{header}\""),
        };
        format!("      <ereg regexp=\"{pattern}\" {place} check_it=\"true\" assign_to=\"seen\"/>\n")
    };
    let checks: String = wanted.iter().map(check).collect();
    let file = own(directory, "seen.xml", name, &[("CHECKS", &checks)]);
    (name, Sipp::callee(directory, name, address, &["-sf", &file]))
}

/// One call of a network to this number.
fn caller(
    directory: &Path,
    name: &'static str,
    from: (&str, u16),
    who: (&str, &str),
    number: &str,
) -> (&'static str, Sipp) {
    caller_for(directory, name, from, who, number, "300")
}

/// The same for so many milliseconds.
fn caller_for(
    directory: &Path,
    name: &'static str,
    (host, port): (&str, u16),
    who: (&str, &str),
    number: &str,
    held_ms: &str,
) -> (&'static str, Sipp) {
    let file = scenario_of(directory, name, who);
    let port = port.to_string();
    let arguments = ["127.0.0.1:5060", "-i", host, "-p", &port, "-m", "1", "-sf", &file, "-s", number];
    (name, Sipp::start(directory, name, &[&arguments[..], &["-d", held_ms]].concat()))
}

/// What a SIPp sent and received.
fn wire(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(format!("{name}.short"))).unwrap_or_default()
}

fn scenario_of(directory: &Path, name: &str, (caller, headers): (&str, &str)) -> String {
    own(directory, "network.xml", name, &[("CALLER", caller), ("HEADERS", headers)])
}

/// A scenario in a file of its own, for there are several of it.
fn own(directory: &Path, file: &str, name: &str, replace: &[(&str, &str)]) -> String {
    let common = scenario(directory, file, replace);
    let own = directory.join(format!("{name}-{file}"));
    fs::rename(common, &own).expect("a directory of ours");
    own.to_str().expect("paths here are UTF-8").to_owned()
}

/// The first digit of a number says which carrier is called.
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
domains = ["127.0.0.1"]
[media]
listen = "127.0.0.1"
kernel = "off"
[location]
country_code = 49
area_code = "30"
[[trunk]]
name = "office"
peer = "udp:127.0.0.5:5090"
allow_from = ["127.0.0.5/32"]
trusted = true
[[trunk]]
name = "one"
peer = "udp:127.0.0.6:5071"
allow_from = ["127.0.0.6/32"]
number_format = "e164"
rewrite_in = [{ match = "^\\+49305551(\\d{3})$", number = "1$1" }]
from_domain = "one.test"
trusted = true
codecs = ["PCMA", "PCMU"]
[[trunk]]
name = "two"
peer = "udp:127.0.0.6:5072"
number_format = "national"
rewrite_out = [{ match = "^030(.*)$", number = "0049-30-$1" }]
from_user = "customer7"
from_domain = "two.test"
caller_header = "preferred"
codecs = ["PCMA"]
[[trunk]]
name = "three"
peer = "udp:127.0.0.6:5073"
trusted = true
[[trunk]]
name = "four"
peer = ["udp:127.0.0.6:5074", "udp:127.0.0.6:5075"]
[[trunk]]
name = "five"
peer = "udp:127.0.0.6:5076"
max_calls = 1
[[trunk]]
name = "six"
peer = "udp:127.0.0.6:5077"
calls_per_second = 1
[[route]]
match = "^112$"
to = "trunk:five"
emergency = true
[[route]]
from = "trunk:office"
match = "^1(0\\d+)$"
to = "trunk:one"
number = "$1"
[[route]]
from = "trunk:office"
match = "^2(0\\d+)$"
to = "trunk:two"
number = "$1"
[[route]]
from = "trunk:office"
match = "^\\+\\d+$"
to = "trunk:three"
[[route]]
from = "trunk:office"
match = "^4(\\d+)$"
to = "trunk:four"
number = "$1"
[[route]]
from = "trunk:office"
match = "^5(\\d+)$"
to = "trunk:five"
number = "$1"
[[route]]
from = "trunk:office"
match = "^6(\\d+)$"
to = "trunk:six"
number = "$1"
[[route]]
from = "trunk:one"
match = "^1\\d{3}$"
to = "trunk:office"
"#;

const SOON: Duration = Duration::from_secs(20);
