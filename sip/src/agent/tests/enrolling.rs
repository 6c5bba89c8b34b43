//! Registrations of ours at a carrier: made, refreshed, ended (RFC 3261 §10.2), and the calls that come by them.

use super::bench::{Bench, SDP_BODY, response};
use super::*;
use crate::auth::Credentials;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{Peer, Register};

const USAGE: UsageId = UsageId::new(0, 1);
const OURS: &str = "Contact: <sip:4930@192.0.2.1:5060>";
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";

fn registration(flow: Flow) -> Box<Register> {
    let record = Party { user: "account".into(), host: "carrier.example".into(), name: String::new() };
    let credentials = Credentials { username: "account".into(), password: "secret".into(), realm: None };
    Box::new(Register {
        trunk: "carrier".into(),
        target: Target { uri: "sip:carrier.example".into(), flow, route: Vec::new() },
        record,
        contact: "4930".into(),
        expires: seconds(600),
        credentials: Some(Arc::new(credentials)),
    })
}

/// Registers at the peer of a bench. What was sent: the REGISTER.
fn register(bench: &mut Bench) -> Message {
    let register = registration(bench.flow);
    bench.command(Command::Register(USAGE, register));
    bench.only()
}

/// Registers, and is granted this.
fn registered(bench: &mut Bench, grant: &str) -> Message {
    let asked = register(bench);
    bench.say(response(&asked, 200, "c", grant, ""));
    asked
}

/// The next message that the agent sends by itself, at most this much later, and how long it took.
fn next(bench: &mut Bench, within: Duration) -> (u64, Message) {
    for second in 1..=within.as_secs() {
        bench.pass(seconds(1));
        if let Some((_, message)) = bench.sent().pop() {
            return (second, message);
        }
    }
    panic!("nothing was sent")
}

#[test]
fn a_register_says_whose_address_leads_here_and_for_how_long() {
    let mut bench = Bench::new();
    let asked = register(&mut bench);
    assert_eq!((asked.method_text(), asked.request_uri()), ("REGISTER", "sip:carrier.example"));
    assert_eq!(asked.from().unwrap().uri, "sip:account@carrier.example");
    assert_eq!((asked.to().unwrap().uri, asked.to_tag()), ("sip:account@carrier.example", ""));
    assert_eq!(asked.value(HeaderName::Contact), Some("<sip:4930@192.0.2.1:5060>"));
    assert_eq!((asked.expires(), asked.value(HeaderName::Authorization)), (Some(600), None));
}

#[test]
fn it_is_proven_refreshed_and_ended() {
    let mut bench = Bench::new();
    let asked = register(&mut bench);
    bench.say(response(&asked, 401, "c", CHALLENGE, ""));
    let again = bench.only();
    assert_eq!((again.cseq().number, again.call_id()), (asked.cseq().number + 1, asked.call_id()));
    assert_eq!(again.from_tag(), asked.from_tag());
    let proof = again.value(HeaderName::Authorization).unwrap();
    assert!(proof.contains("username=\"account\"") && proof.contains("uri=\"sip:carrier.example\""));
    bench.say(response(&again, 200, "c", &format!("{OURS};expires=300\r\n"), ""));
    assert_eq!(bench.told(), ["Registered 300 true"]);
    let (after, refresh) = next(&mut bench, seconds(300));
    assert!((270..=285).contains(&after), "5 to 10 % early: {after}");
    assert_eq!((refresh.call_id(), refresh.from_tag()), (asked.call_id(), asked.from_tag()));
    assert_eq!(refresh.cseq().number, again.cseq().number + 1);
    assert!(refresh.value(HeaderName::Authorization).unwrap().contains("nc=00000002"));
    bench.say(response(&refresh, 200, "c", &format!("{OURS};expires=300\r\n"), ""));
    assert_eq!(bench.told(), ["Registered 300 false"]);
    bench.command(Command::Unregister(USAGE));
    let end = bench.only();
    assert_eq!((end.expires(), end.cseq().number), (Some(0), refresh.cseq().number + 1));
    bench.say(response(&end, 200, "c", "", ""));
    assert_eq!(bench.told(), ["RegistrationOver 0 0"]);
    bench.expect_nothing_left();
    assert_eq!(bench.heard(), Vec::<String>::new());
}

#[test]
fn what_is_granted_is_that_of_our_contact() {
    let other = "Contact: <sip:4930@192.0.2.77:5060>;expires=7200";
    for (headers, granted) in [
        (format!("{other}\r\n{OURS};expires=120\r\n"), 120),
        (format!("{OURS};expires=\"90\"\r\nExpires: 30\r\n"), 90),
        (format!("{OURS}\r\nExpires: 200\r\n"), 200),
        ("Contact: <sip:4930@198.51.100.9:1024>;expires=100\r\n".to_owned(), 100),
        (format!("{other}\r\nContact: <sip:x@192.0.2.9>;expires=1\r\nExpires: 400\r\n"), 400),
        (format!("{OURS};expires=86400\r\n"), 600),
        (String::new(), 600),
    ] {
        let mut bench = Bench::new();
        registered(&mut bench, &headers);
        assert_eq!(bench.told(), [format!("Registered {granted} true")], "{headers}");
    }
    let mut bench = Bench::new();
    registered(&mut bench, &format!("{OURS};expires=0\r\n"));
    assert_eq!(bench.told(), ["RegistrationOver 200 0"], "no time at all");
}

#[test]
fn next_to_no_time_is_not_refreshed_without_end() {
    let mut bench = Bench::new();
    registered(&mut bench, &format!("{OURS};expires=1\r\n"));
    let (after, _) = next(&mut bench, seconds(60));
    assert_eq!(after, 5);
}

#[test]
fn a_registrar_that_wants_a_longer_time_gets_it_once() {
    let mut bench = Bench::new();
    let asked = register(&mut bench);
    bench.say(response(&asked, 423, "c", "Min-Expires: 1800\r\n", ""));
    let again = bench.only();
    assert_eq!(again.expires(), Some(1800));
    bench.say(response(&again, 423, "c", "Min-Expires: 1800\r\n", ""));
    assert_eq!(bench.told(), ["RegistrationOver 423 0"]);
    let asked = register(&mut bench);
    bench.say(response(&asked, 423, "c", "Min-Expires: 99999999\r\n", ""));
    assert_eq!(bench.told(), ["RegistrationOver 423 0"]);
    bench.expect_nothing_left();
}

#[test]
fn a_wrong_password_and_a_refusal_end_it() {
    let mut bench = Bench::new();
    let asked = register(&mut bench);
    bench.say(response(&asked, 401, "c", CHALLENGE, ""));
    let again = bench.only();
    bench.say(response(&again, 401, "c", CHALLENGE, ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["RegistrationOver 401 0".to_owned()]));
    let asked = register(&mut bench);
    bench.say(response(&asked, 503, "c", "Retry-After: 90\r\n", ""));
    assert_eq!(bench.told(), ["RegistrationOver 503 90"]);
    register(&mut bench);
    bench.pass(seconds(40));
    bench.sent();
    assert_eq!(bench.told(), ["RegistrationOver 408 0"]);
    bench.expect_nothing_left();
}

#[test]
fn nothing_is_proven_to_a_registrar_that_is_another_than_asked() {
    let mut bench = Bench::new();
    let mut asked = registration(bench.flow);
    asked.credentials = None;
    bench.command(Command::Register(USAGE, asked));
    let asked = bench.only();
    bench.say(response(&asked, 401, "c", CHALLENGE, ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["RegistrationOver 401 0".to_owned()]));
}

#[test]
fn who_leaves_before_he_is_let_in_leaves_as_soon_as_he_is() {
    let mut bench = Bench::new();
    let asked = register(&mut bench);
    bench.command(Command::Unregister(USAGE));
    bench.command(Command::Unregister(USAGE));
    assert_eq!(bench.heard(), Vec::<String>::new(), "one at a time");
    bench.say(response(&asked, 200, "c", &format!("{OURS};expires=300\r\n"), ""));
    let end = bench.only();
    assert_eq!(end.expires(), Some(0));
    bench.say(response(&end, 401, "c", CHALLENGE, ""));
    let proven = bench.only();
    assert_eq!(proven.expires(), Some(0));
    bench.say(response(&proven, 500, "c", "", ""));
    assert_eq!(bench.told(), ["RegistrationOver 0 0"]);
    let asked = register(&mut bench);
    bench.command(Command::Unregister(USAGE));
    bench.say(response(&asked, 403, "c", "", ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["RegistrationOver 0 0".to_owned()]));
    bench.expect_nothing_left();
}

#[test]
fn a_connection_that_closes_is_opened_again_but_not_without_end() {
    let mut bench = Bench::new().by_tcp();
    registered(&mut bench, "Contact: <sip:4930@192.0.2.1:5060;transport=tcp>;expires=300\r\n");
    assert_eq!(bench.told(), ["Registered 300 true"]);
    bench.pass(seconds(60));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    bench.pass(Duration::ZERO);
    let (flow, refresh) = bench.sent().remove(0);
    assert_eq!((flow.connection, refresh.method_text()), (ConnectionId(0), "REGISTER"));
    bench.flow.connection = ConnectionId(2);
    bench.say(response(&refresh, 200, "c", "Expires: 300\r\n", ""));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(2), out));
    let (after, _) = next(&mut bench, seconds(60));
    assert_eq!(after, 5);
}

#[test]
fn the_way_of_calls_out_is_told() {
    let routes = |headers: &str| {
        let mut bench = Bench::new();
        registered(&mut bench, headers);
        let [Event::Registered { service_route, .. }] = &bench.events()[..] else { panic!("not registered") };
        service_route.clone()
    };
    assert_eq!(
        routes(
            "Service-Route: <sip:a.example;lr>, <sip:b.example;lr>\r\nservice-route: <sip:c.example;lr>\r\n"
        ),
        ["<sip:a.example;lr>", "<sip:b.example;lr>", "<sip:c.example;lr>"]
    );
    assert!(routes("Service-Route: <>\r\n").is_empty());
    assert!(routes(&"Service-Route: <sip:a.example;lr>\r\n".repeat(9)).is_empty());
}

#[test]
fn a_call_to_our_contact_is_the_trunks_and_for_the_number_that_is_named() {
    let carrier = |name: &str| TrustedTrunk { name: name.into(), allow_from: Vec::new() };
    let host = "192.0.2.2".parse().unwrap();
    let directory = || Directory {
        trunks: vec![carrier("first"), carrier("second")],
        peers: vec![vec![host], vec![host]],
        contacts: vec![Some("4930".into()), Some("4940".into())],
        realm: "test".into(),
        ..Directory::default()
    };
    let call = |user: &str, to: &str, headers: &str| {
        let mut bench = Bench::with(directory(), "192.0.2.2:5070");
        bench.say(format!(
            "INVITE sip:{user}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKi\r\n\
             Max-Forwards: 70\r\nFrom: <sip:030@carrier.example>;tag=a\r\nTo: <sip:{to}@carrier.example>\r\n\
             Call-ID: i\r\nCSeq: 1 INVITE\r\nContact: <sip:192.0.2.2:5070>\r\n{headers}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP_BODY}",
            SDP_BODY.len()
        ));
        match &bench.events()[..] {
            [Event::Incoming(_, call)] => (call.peer.clone(), call.dialled.clone()),
            other => panic!("{other:?}"),
        }
    };
    let trunk = |name: &str| Peer::Trunk(name.into());
    assert_eq!(call("4940", "49401234", ""), (trunk("second"), "49401234".into()));
    assert_eq!(call("4930", "4930", ""), (trunk("first"), "4930".into()));
    let named = "P-Called-Party-ID: <sip:%2B4930777@carrier.example>\r\n";
    assert_eq!(call("4930", "4930", named), (trunk("first"), "+4930777".into()));
    assert_eq!(call("49305", "4930", named), (trunk("first"), "49305".into()), "as the carrier wrote it");
}

#[test]
fn a_block_of_numbers_is_registered_by_a_contact_without_a_user() {
    let mut bench = Bench::new();
    let mut register = registration(bench.flow);
    register.contact = String::new();
    bench.command(Command::Register(USAGE, register));
    let asked = bench.only();
    assert_eq!(asked.value(HeaderName::Contact), Some("<sip:192.0.2.1:5060;bnc>"));
    for (name, value) in [(HeaderName::Require, "gin"), (HeaderName::ProxyRequire, "gin")] {
        assert_eq!(asked.value(name), Some(value));
    }
    let granted =
        "Contact: <sip:192.0.2.1:5060;bnc>;expires=300\r\nContact: <sip:192.0.2.7;bnc>;expires=20\r\n";
    bench.say(response(&asked, 200, "c", granted, ""));
    assert_eq!(bench.told(), ["Registered 300 true"]);
    bench.command(Command::Unregister(USAGE));
    let end = bench.only();
    assert_eq!((end.value(HeaderName::Require), end.expires()), (Some("gin"), Some(0)));
    bench.say(response(&end, 200, "c", "", ""));
    assert_eq!(bench.told(), ["RegistrationOver 0 0"]);
    bench.expect_nothing_left();
}
