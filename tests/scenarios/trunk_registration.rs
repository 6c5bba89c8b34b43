//! A trunk that registers at its carrier: the carrier is written out as text, its calls are those of any trunk.

use std::time::Duration;

use trunkline::switch::setup::RegistrationSetup;
use trunkline::switch::{Operation, RegistrationView, Setup};
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_sip::transport::Transport;
use trunkline_tests::{Lab, Plan};

use crate::lamps::read;

const FIRST: &str = "10.0.9.1:5060";
const SECOND: &str = "10.0.9.2:5060";
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\"\n";

fn credentials() -> Credentials {
    Credentials { username: "4930".into(), password: "secret".into(), realm: None }
}

/// The trunk `carrier` registers at two peers, for ten minutes.
fn registering(setup: &mut Setup) {
    let trunk = &mut setup.trunks[0];
    trunk.peers = [FIRST, SECOND].map(|peer| (Transport::Udp, peer.parse().expect("an address"))).to_vec();
    trunk.domain = "carrier.example".to_owned();
    trunk.credentials = Some(credentials().into());
    trunk.registration = Some(RegistrationSetup {
        user: "4930".to_owned(),
        contact: "4930".into(),
        expires: Duration::from_secs(600),
    });
}

fn lab(seed: u64) -> Lab {
    let mut lab = Plan::seeded(seed).workers(2).with(registering).build();
    lab.stranger("first", FIRST);
    lab.stranger("second", SECOND);
    let line_states = vec!["inservice".to_owned(), "outofservice".to_owned()];
    let line = "carrier".into();
    lab.does_ask("wall", Operation::SetStatusMessages { line, line_states, address_states: Vec::new() });
    lab
}

/// What the peer received since the last look.
fn received(lab: &mut Lab, peer: &'static str) -> Vec<Message> {
    lab.received(peer).iter().map(|text| read(text)).collect()
}

/// The last request that the peer received: it may have come before, while nobody answered.
fn asked(lab: &mut Lab, peer: &'static str) -> Message {
    let mut received = received(lab, peer);
    let last = received.pop().expect("the peer was asked");
    assert!(received.iter().all(|before| before.method() == last.method()), "{received:?}");
    last
}

/// The peer answers, and a little time passes.
fn says(lab: &mut Lab, peer: &'static str, to: &Message, status: u16, headers: &str) {
    let line = |name| to.value(name).unwrap_or_default();
    let answer = format!(
        "SIP/2.0 {status} X\nVia: {}\nFrom: {}\nTo: {};tag=c\nCall-ID: {}\nCSeq: {}\n{headers}Content-Length: 0\n\n",
        line(HeaderName::Via),
        line(HeaderName::From),
        line(HeaderName::To),
        line(HeaderName::CallId),
        line(HeaderName::CSeq)
    );
    lab.sends(peer, &answer);
    lab.run_ms(100);
}

/// The peer lets the trunk in, whose password it asks for, for five minutes.
fn lets_in(lab: &mut Lab, peer: &'static str) {
    let first = asked(lab, peer);
    says(lab, peer, &first, 401, CHALLENGE);
    let proven = asked(lab, peer);
    let given = proven.value(HeaderName::Authorization).expect("the password was asked for");
    let mut knowing = ClientAuth::new(credentials().into());
    let challenge = [CHALLENGE.trim_start_matches("WWW-Authenticate: ").trim()];
    let nonce =
        given.split('"').skip_while(|part| !part.ends_with("cnonce=")).nth(1).expect("with qop there is one");
    let (_, right) =
        knowing.answer(401, challenge, "REGISTER", "sip:carrier.example", nonce).expect("it can be answered");
    assert_eq!(given, right);
    let contact = proven.value(HeaderName::Contact).expect("it says where we are").to_owned();
    says(
        lab,
        peer,
        &proven,
        200,
        &format!("Contact: {contact};expires=300\nService-Route: <sip:edge.example;lr>\n"),
    );
}

fn view(lab: &Lab) -> (bool, RegistrationView) {
    let trunk = lab.switch().trunks().remove(0);
    (trunk.is_in_service, trunk.registration.expect("the trunk registers"))
}

/// What applications were told of the trunk since the last look: `inservice`, `outofservice`.
fn states(lab: &mut Lab) -> usize {
    lab.told("wall", "line-state").len()
}

#[test]
fn it_registers_is_called_calls_and_leaves() {
    let mut lab = lab(1).with_registered(&["alice", "bob"]);
    lets_in(&mut lab, "first");
    let (in_service, registration) = view(&lab);
    assert!(in_service && registration.since.is_some() && registration.failure.is_none(), "{registration:?}");
    assert_eq!(registration.peer, Some((Transport::Udp, FIRST.parse().unwrap())));
    assert_eq!(states(&mut lab), 1);

    let invite = |branch: &str| {
        format!(
            "INVITE sip:4930@10.0.0.1:5060 SIP/2.0\nVia: SIP/2.0/UDP {FIRST};branch=z9hG4bK{branch}\nMax-Forwards: 70\n\
             From: <sip:0301234@carrier.example>;tag=f\nTo: <sip:1002@carrier.example>\nCall-ID: {branch}\n\
             CSeq: 1 INVITE\nContact: <sip:{FIRST}>\nContent-Length: 0\n\n"
        )
    };
    lab.sends("first", &invite("in"));
    lab.run_ms(500);
    let heard: Vec<u16> = received(&mut lab, "first").iter().map(Message::status).collect();
    assert_eq!(heard, [100, 180], "the number is that of To");
    assert_eq!(&*lab.call_on("crm", "carrier").called.number, "1002");
    lab.sends("first", &invite("in").replace("INVITE", "CANCEL"));
    lab.run_ms(500);
    lab.received("first");

    lab.call("alice", "0305678");
    lab.run_ms(300);
    let called = asked(&mut lab, "first");
    assert_eq!(called.request_uri(), "sip:305678@carrier.example");
    assert_eq!(called.value(HeaderName::Route), Some("<sip:edge.example;lr>"));
    says(&mut lab, "first", &called, 404, "");
    lab.received("first");

    lab.drain();
    lab.run_ms(100);
    let end = asked(&mut lab, "first");
    assert_eq!((end.method_text(), end.expires()), ("REGISTER", Some(0)));
    assert_eq!(lab.switch().registrations_leaving(), 1);
    says(&mut lab, "first", &end, 200, "");
    assert_eq!(lab.switch().registrations_leaving(), 0);
    assert!(!view(&lab).0);
    assert_eq!(states(&mut lab), 1);
    lab.run(Duration::from_secs(4_000));
    for peer in ["first", "second"] {
        assert!(!received(&mut lab, peer).iter().any(Message::is_request), "{peer} is asked no more");
    }
    lab.nothing_left();
}

#[test]
fn numbers_of_a_block_are_called_by_themselves() {
    let bulk = |setup: &mut Setup| {
        registering(setup);
        let registration = setup.trunks[0].registration.as_mut().expect("it registers");
        registration.contact = "".into();
    };
    let mut lab = Plan::seeded(9).workers(2).with(bulk).build().with_registered(&["bob"]);
    lab.stranger("first", FIRST);
    lab.run_ms(5_000);
    let register = asked(&mut lab, "first");
    assert_eq!(register.value(HeaderName::Contact), Some("<sip:10.0.0.1:5060;bnc>"));
    assert_eq!(register.value(HeaderName::Require), Some("gin"));
    says(&mut lab, "first", &register, 200, "Contact: <sip:10.0.0.1:5060;bnc>;expires=300\n");
    assert!(view(&lab).0);
    lab.sends(
        "first",
        &format!(
            "INVITE sip:1002@10.0.0.1:5060 SIP/2.0\nVia: SIP/2.0/UDP {FIRST};branch=z9hG4bKin\nMax-Forwards: 70\n\
             From: <sip:0301234@carrier.example>;tag=f\nTo: <sip:main@carrier.example>\nCall-ID: in\n\
             CSeq: 1 INVITE\nContact: <sip:{FIRST}>\nContent-Length: 0\n\n"
        ),
    );
    lab.run_ms(500);
    let heard: Vec<u16> = received(&mut lab, "first").iter().map(Message::status).collect();
    assert_eq!(heard, [100, 180]);
    assert_eq!(&*lab.call_on("crm", "carrier").called.number, "1002");
}

#[test]
fn a_stranger_who_knows_the_contact_calls_nobody() {
    let mut lab = lab(2).with_registered(&["bob"]);
    lets_in(&mut lab, "first");
    lab.stranger("nobody", "10.0.66.6:5060");
    lab.sends(
        "nobody",
        "INVITE sip:4930@10.0.0.1:5060 SIP/2.0\nVia: SIP/2.0/UDP 10.0.66.6:5060;branch=z9hG4bKx\nMax-Forwards: 70\n\
         From: <sip:0301234@carrier.example>;tag=f\nTo: <sip:1002@carrier.example>\nCall-ID: x\n\
         CSeq: 1 INVITE\nContact: <sip:10.0.66.6>\nContent-Length: 0\n\n",
    );
    lab.run_ms(100);
    assert_eq!(received(&mut lab, "nobody")[0].status(), 401);
}

#[test]
fn a_peer_that_dies_is_followed_by_the_next_and_then_by_longer_and_longer_pauses() {
    let mut lab = lab(3);
    lets_in(&mut lab, "first");
    assert_eq!(states(&mut lab), 1);
    // The refresh is not answered: 32 s later the second peer is asked.
    lab.run(Duration::from_secs(300));
    assert!(!received(&mut lab, "first").is_empty());
    lab.run(Duration::from_secs(20));
    let (in_service, registration) = view(&lab);
    assert_eq!((in_service, registration.failure.map(|(status, _)| status)), (false, Some(408)));
    assert_eq!(states(&mut lab), 1);
    assert!(!received(&mut lab, "second").is_empty());
    let mut pauses = Vec::new();
    for _ in 0..8 {
        assert!(lab.run_until(Duration::from_secs(100), |lab| pause(lab).is_some()));
        pauses.extend(pause(&lab));
        assert!(lab.run_until(Duration::from_secs(1_900), |lab| pause(lab).is_none()));
    }
    for (pause, most) in pauses.iter().zip([30, 60, 120, 240, 480, 960, 1_800, 1_800]) {
        let most = Duration::from_secs(most);
        assert!((most / 2..=most).contains(pause), "{pauses:?}");
    }
    // It comes back where it is let in: nobody was asked at the first peer but in its turn.
    lab.run_ms(100);
    lab.received("second");
    let mut asked = received(&mut lab, "first");
    let last = asked.pop().unwrap();
    says(&mut lab, "first", &last, 200, "Expires: 300\n");
    assert!(view(&lab).0, "{:?}", view(&lab));
    assert_eq!(states(&mut lab), 1);
}

/// The pause that the trunk makes, while it makes one.
fn pause(lab: &Lab) -> Option<Duration> {
    let registration = view(lab).1;
    let (again_at, (_, failed_at)) = registration.again_at.zip(registration.failure)?;
    again_at.checked_duration_since(failed_at).filter(|pause| *pause > Duration::from_secs(1))
}

#[test]
fn a_registrar_says_when_to_come_again_and_who_refuses_is_left_alone() {
    let mut lab = lab(4);
    let first = asked(&mut lab, "first");
    says(&mut lab, "first", &first, 503, "Retry-After: 900\n");
    let second = asked(&mut lab, "second");
    says(&mut lab, "second", &second, 503, "Retry-After: 900\n");
    assert_eq!(pause(&lab), Some(Duration::from_secs(900)));
    lab.run(Duration::from_secs(901));
    let first = asked(&mut lab, "first");
    says(&mut lab, "first", &first, 403, "");
    assert!(received(&mut lab, "second").is_empty(), "the next one would refuse, too");
    assert!(pause(&lab) >= Some(Duration::from_secs(600)), "{:?}", pause(&lab));
}

#[test]
fn a_reload_registers_what_is_new_and_leaves_what_is_gone() {
    let mut lab = lab(5);
    lets_in(&mut lab, "first");
    lab.reload(|setup| setup.ring_max = Duration::from_secs(30));
    lab.run_ms(200);
    assert!(received(&mut lab, "first").is_empty(), "nothing has changed for the trunk");
    lab.reload(|setup| setup.trunks[0].peers.reverse());
    lab.run_ms(200);
    let left = asked(&mut lab, "first");
    assert_eq!(left.expires(), Some(0));
    says(&mut lab, "first", &left, 200, "");
    lets_in(&mut lab, "second");
    assert_eq!(states(&mut lab), 3, "in, out and in again");
    lab.reload(|setup| setup.trunks[0].registration = None);
    lab.run_ms(200);
    assert_eq!(asked(&mut lab, "second").expires(), Some(0));
    assert!(lab.switch().trunks()[0].is_in_service);
}
