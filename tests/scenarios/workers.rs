//! Several SIP workers: a datagram reaches any of them, and its owner gets it.

use std::sync::Arc;
use std::time::Duration;

use trunkline::demo::Status;
use trunkline::switch::Operation;
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};
use trunkline_tests::network::Quality;
use trunkline_tests::{Lab, Plan, password_of};

fn lab(seed: u64) -> Lab {
    let mut lab = Plan::seeded(seed).workers(4).build().with_registered(&["alice", "bob", "carol", "dave"]);
    lab.set_quality(Quality { mailbox_wait_max: Duration::from_millis(2), ..Quality::GOOD });
    lab
}

#[test]
fn calls_live_on_several_workers() {
    let mut lab = lab(1);
    lab.connected_call("alice", "bob");
    lab.connected_call("carol", "dave");
    lab.expect_talk("alice", "bob");
    lab.expect_talk("carol", "dave");
    lab.hold("alice");
    lab.hold("dave");
    lab.run_ms(500);
    lab.resume("alice");
    lab.resume("dave");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.hang_up("carol");
    lab.run_ms(500);
    lab.nothing_left();
}

#[test]
fn a_cancel_finds_its_invite_on_its_worker() {
    for seed in 0..8 {
        let mut lab = lab(seed);
        lab.call("alice", "1002");
        lab.run_ms(500);
        lab.hang_up("alice");
        lab.run_ms(500);
        assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(487), Status::Over(487)));
        lab.nothing_left();
    }
}

#[test]
fn a_made_call_spans_workers() {
    let mut lab = lab(3);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

/// Calls, holds, transfers, registrations and lamps. What is counted: the messages of each call by its Call-ID, in the order sent.
fn a_busy_day(workers: u16) -> Lab {
    let mut lab = Plan::seeded(16)
        .workers(workers)
        .with(|setup| setup.lines.iter_mut().for_each(|line| line.groups = vec!["desk".to_owned()]))
        .build()
        .with_registered(&PHONES);
    lab.watch_workers();
    for name in PHONES.into_iter().chain(["carrier", "overseas"]) {
        lab.phone(name).script.speaks = false;
    }
    for (name, address) in LAMPS {
        lab.stranger(name, address);
        subscribe(&mut lab, name, address);
    }
    for round in 0..30 {
        let [one, other, third, last] = [0, 1, 2, 3].map(|place| PHONES[(place + round) % 4]);
        let number = |lab: &mut Lab, name| lab.phone(name).config().user.clone();
        // A call that is held, taken back and sent on by its phone to the carrier; one that is sent on by an application.
        let called = number(&mut lab, other);
        lab.call(one, &called);
        let made = number(&mut lab, third);
        let made = lab.make_call("crm", &made, "0301234");
        step(&mut lab);
        lab.answer(other);
        lab.answer("carrier");
        step(&mut lab);
        lab.hold(one);
        step(&mut lab);
        lab.resume(one);
        step(&mut lab);
        lab.does(one, |phone, now, out| phone.transfer(now, "0305678", out));
        let to = number(&mut lab, last);
        lab.does_ask("crm", Operation::BlindTransfer { call: made, to });
        step(&mut lab);
        lab.answer("carrier");
        lab.answer(last);
        step(&mut lab);
        for name in PHONES {
            lab.register(name);
            step(&mut lab);
        }
        // One from outside that nobody answers, one to a number that nobody has.
        let called = number(&mut lab, one);
        lab.call("overseas", &called);
        lab.call(third, "4711");
        step(&mut lab);
        for name in PHONES.into_iter().chain(["overseas", "carrier"]) {
            lab.hang_up(name);
            step(&mut lab);
        }
    }
    lab
}

/// A while, in which the lamps answer.
fn step(lab: &mut Lab) {
    for _ in 0..3 {
        lab.run_ms(400);
        for (name, _) in LAMPS {
            for text in lab.received(name) {
                if text.starts_with("NOTIFY") {
                    let answer = text.lines().take_while(|line| !line.is_empty()).filter(|line| {
                        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
                            .iter()
                            .any(|header| line.starts_with(header))
                    });
                    let answer: String = answer.map(|line| format!("{line}\n")).collect();
                    lab.sends(name, &format!("SIP/2.0 200 OK\n{answer}Content-Length: 0\n\n"));
                }
            }
        }
    }
}

/// The lamp, a phone of line 1004, watches one of the others.
fn subscribe(lab: &mut Lab, name: &'static str, address: &str) {
    let uri = format!("sip:100{}@pbx.example", 1 + name.len() % 3);
    let ask = |cseq: u32, authorization: &str| {
        format!(
            "SUBSCRIBE {uri} SIP/2.0\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{name}{cseq}\nMax-Forwards: 70\n\
             From: <sip:1004@pbx.example>;tag={name}\nTo: <{uri}>\nCall-ID: call-of-{name}\nCSeq: {cseq} SUBSCRIBE\n\
             Contact: <sip:1004@{address}>\nEvent: dialog\nAccept: application/dialog-info+xml\nExpires: 3600\n\
             {authorization}Content-Length: 0\n\n"
        )
    };
    lab.sends(name, &ask(1, ""));
    lab.run_ms(50);
    let challenge = lab.received(name).remove(0);
    let challenge =
        Message::scan(challenge.into(), Framing::Datagram, &Limits::DEFAULT).expect("the engine writes SIP");
    let credentials =
        Credentials { username: "1004".into(), password: password_of("1004").into(), realm: None };
    let (_, value) = ClientAuth::new(Arc::new(credentials))
        .answer(401, challenge.lines(HeaderName::WwwAuthenticate), "SUBSCRIBE", &uri, "c")
        .expect("the challenge can be answered");
    lab.sends(name, &ask(2, &format!("Authorization: {value}\n")));
    step(lab);
}

const PHONES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const LAMPS: [(&str, &str); 8] = [
    ("red", "10.0.66.1:5060"),
    ("blue", "10.0.66.2:5060"),
    ("green", "10.0.66.3:5060"),
    ("yellow", "10.0.66.4:5060"),
    ("white", "10.0.66.5:5060"),
    ("orange", "10.0.66.6:5060"),
    ("violet", "10.0.66.7:5060"),
    ("pink", "10.0.66.8:5060"),
];

/// Each Call-ID is one worker's from its first message to its last, whichever socket they came by, each worker has some, and
/// the same is said in each call as where there is one worker: what they share decides nothing but who is where and how much
/// is let in.
#[test]
fn sixteen_workers_share_the_switch_and_no_call() {
    let (mut one, mut sixteen) = (a_busy_day(1), a_busy_day(16));
    let (alone, spread) = (one.spread().clone(), sixteen.spread().clone());
    assert_eq!(alone.handed_over, 0);
    for (call_id, owners) in spread.owners() {
        assert_eq!(owners.len(), 1, "{call_id} was received by workers {owners:?}");
    }
    let total: u64 = spread.received.iter().sum();
    assert_eq!(total, alone.received[0], "the same number of messages");
    assert!(spread.received.iter().all(|received| *received > 0), "{:?}", spread.received);
    let strangers = spread.handed_over as f64 / total as f64;
    assert!((0.90..0.97).contains(&strangers), "{} of {total} handed over", spread.handed_over);
    let (said, expected) = (sixteen.ladder().calls(), one.ladder().calls());
    assert!(expected.len() > 100, "{} calls", expected.len());
    assert_eq!(said, expected, "each call's messages");
    eprintln!(
        "{} dialogs and registrations, {total} messages received, {} handed over",
        said.len(),
        spread.handed_over
    );
}
