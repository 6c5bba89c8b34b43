//! What the engine answers to each torture message of RFC 4475 and RFC 5118.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its corpus has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::agent::{Agent, AgentConfig};
use trunkline_sip::auth::Challenger;
use trunkline_sip::directory::{Directory, TrustedTrunk};
use trunkline_sip::location::{Location, LocationLimits};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};
use trunkline_sip::outbox::{Event, Outbox};
use trunkline_sip::transport::{Flow, Transport};

#[expect(clippy::disallowed_methods, reason = "there is no other instant to count from")]
fn start() -> Instant {
    Instant::now()
}

/// What a sender hears of one datagram in two seconds, and whether a call came in by it.
fn reaction(bytes: &[u8], is_trusted: bool) -> (Vec<Message>, bool) {
    let now = start();
    let address = ([192, 0, 2, 1], 5060).into();
    let config = AgentConfig {
        domains: vec!["example.com".to_owned()],
        listeners: vec![(Transport::Udp, address), (Transport::Tcp, address)],
        ..AgentConfig::default()
    };
    let allow_from = if is_trusted { vec!["198.51.100.0/24".parse().unwrap()] } else { Vec::new() };
    let trunks = vec![TrustedTrunk { name: "trunk".into(), allow_from }];
    let directory = Directory { trunks, realm: "example.com".into(), ..Directory::default() };
    let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
    let challenger = Arc::new(Challenger::new([7; 32], now, "example.com"));
    let mut agent = Agent::new(config, Arc::new(directory), location, challenger, [1; 32], now);
    let remote = ([198, 51, 100, 9], 5060).into();
    let flow = Flow { transport: Transport::Udp, local: address, remote, connection: Default::default() };
    let mut out = Outbox::default();
    agent.receive(now, flow, bytes.to_vec().into(), &mut out);
    agent.handle_timeout(now + Duration::from_secs(2), &mut out);
    let scan = |bytes| Message::scan(bytes, Framing::Datagram, &Limits::DEFAULT).unwrap();
    let heard = out.transmits.into_iter().map(|transmit| scan(transmit.bytes)).collect();
    (heard, out.events.iter().any(|event| matches!(event, Event::Incoming(..))))
}

/// A stranger's request, and the same from a trunk that is trusted by its address: the last status heard, 0 for silence.
/// 100 is that of a call which came in.
const REACTIONS: &[(&str, u16, u16)] = &[
    ("rfc4475/badaspec", 400, 400),
    ("rfc4475/badbranch", 200, 200),
    ("rfc4475/baddate", 401, 100),
    ("rfc4475/baddn", 400, 400),
    ("rfc4475/baddn.fixed", 400, 400),
    ("rfc4475/badinv01", 400, 400),
    ("rfc4475/badvers", 505, 505),
    ("rfc4475/bcast", 0, 0),
    ("rfc4475/bext01", 420, 420),
    ("rfc4475/bigcode", 0, 0),
    ("rfc4475/clerr", 400, 400),
    ("rfc4475/cparam01", 401, 200),
    ("rfc4475/cparam02", 401, 200),
    ("rfc4475/dblreq", 401, 200),
    ("rfc4475/esc01", 401, 100),
    ("rfc4475/esc02", 501, 501),
    ("rfc4475/escnull", 401, 200),
    ("rfc4475/escruri", 400, 400),
    ("rfc4475/insuf", 400, 400),
    ("rfc4475/intmeth", 501, 501),
    ("rfc4475/inv2543", 401, 100),
    ("rfc4475/invut", 401, 415),
    ("rfc4475/longreq", 401, 100),
    ("rfc4475/ltgtruri", 400, 400),
    ("rfc4475/lwsdisp", 200, 200),
    ("rfc4475/lwsruri", 400, 400),
    ("rfc4475/lwsstart", 400, 400),
    ("rfc4475/mcl01", 400, 400),
    ("rfc4475/mismatch01", 400, 400),
    ("rfc4475/mismatch02", 400, 400),
    ("rfc4475/mpart01", 401, 405),
    ("rfc4475/multi01", 400, 400),
    ("rfc4475/ncl", 400, 400),
    ("rfc4475/noreason", 0, 0),
    ("rfc4475/novelsc", 416, 416),
    ("rfc4475/quotbal", 400, 400),
    ("rfc4475/regaut01", 401, 200),
    ("rfc4475/regbadct", 400, 400),
    ("rfc4475/regescrt", 401, 200),
    ("rfc4475/scalar02", 400, 400),
    ("rfc4475/scalarlg", 0, 0),
    ("rfc4475/sdp01", 401, 100),
    ("rfc4475/semiuri", 200, 200),
    ("rfc4475/transports", 200, 200),
    ("rfc4475/trws", 200, 200),
    ("rfc4475/unkscm", 416, 416),
    ("rfc4475/unksm2", 401, 200),
    ("rfc4475/unreason", 0, 0),
    // In a dialog that does not exist.
    ("rfc4475/wsinv", 481, 481),
    ("rfc4475/zeromf", 200, 200),
    ("rfc5118/ipv4-mapped-ipv6", 401, 100),
    ("rfc5118/ipv4-mapped-ipv6.fixed", 401, 100),
    ("rfc5118/ipv6-bad", 400, 400),
    ("rfc5118/ipv6-bug-abnf-3-colons", 200, 200),
    ("rfc5118/ipv6-correct-abnf-2-colons", 200, 200),
    ("rfc5118/ipv6-good", 404, 200),
    ("rfc5118/ipv6-in-sdp", 400, 400),
    ("rfc5118/ipv6-in-sdp.fixed", 401, 100),
    // A BYE of a trunk finds its 200 (SIPp), a stranger's finds no dialog.
    ("rfc5118/mult-ip-in-header", 481, 200),
    ("rfc5118/mult-ip-in-sdp", 401, 100),
    ("rfc5118/mult-ip-in-sdp.fixed", 401, 100),
    ("rfc5118/port-ambiguous", 404, 200),
    ("rfc5118/port-unambiguous", 404, 200),
    ("rfc5118/via-received-param-no-delim", 200, 200),
    ("rfc5118/via-received-param-with-delim", 481, 200),
];

#[test]
fn each_torture_message_gets_its_reaction() {
    for &(name, to_stranger, to_trunk) in REACTIONS {
        for (is_trusted, expected) in [(false, to_stranger), (true, to_trunk)] {
            let (heard, is_call) = reaction(&read(name), is_trusted);
            let status = heard.last().map_or(0, Message::status);
            assert_eq!(status, expected, "{name}, trusted: {is_trusted}");
            assert_eq!(is_call, status == 100, "{name}, trusted: {is_trusted}");
            assert!(heard.len() <= 1, "one answer to {name}");
        }
    }
}

#[test]
fn refusals_say_what_would_do() {
    let (heard, _) = reaction(&read("rfc4475/bext01"), false);
    for option in ["nothingSupportsThis", "nothingSupportsThisEither"] {
        assert!(heard[0].has_option(HeaderName::Unsupported, option));
    }
    let (heard, _) = reaction(&read("rfc4475/invut"), true);
    assert!(heard[0].has_option(HeaderName::Accept, "application/sdp"));
    let (heard, _) = reaction(&read("rfc4475/esc02"), false);
    assert!(heard[0].has_option(HeaderName::Allow, "INVITE"));
    let (heard, _) = reaction(&read("rfc4475/regaut01"), false);
    assert!(heard[0].value(HeaderName::WwwAuthenticate).is_some());
    let demanding =
        String::from_utf8(read("rfc4475/cparam01")).unwrap().replacen("\r\n", "\r\nRequire: gin\r\n", 1);
    let (heard, _) = reaction(demanding.as_bytes(), false);
    assert_eq!(
        heard[0].status(),
        401,
        "a stranger proves who it is before anything is said about extensions"
    );
}

/// A stranger's datagram costs the one it names as its source little (hostile input: amplification).
#[test]
fn no_answer_to_a_stranger_is_much_longer_than_its_request() {
    for &(name, ..) in REACTIONS {
        let request = read(name);
        let (heard, _) = reaction(&request, false);
        for answer in heard {
            let answer_len = answer.bytes().len();
            assert!(answer_len <= (request.len() * 2).max(600), "{name}: {} -> {answer_len}", request.len());
        }
    }
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("corpus/{name}.dat"))).unwrap()
}
