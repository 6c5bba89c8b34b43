//! The engine is killed in the middle of calls, and started again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{CallState, CallView, Operation, SrtpSuite};
use trunkline_sip::sdp::Crypto;
use trunkline_tests::{Lab, Plan, number_in_environment, run_seeds, seeds};

/// Long enough for what happened to be kept.
const KEPT_MS: u64 = 1_000;

fn connected(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(KEPT_MS);
    lab
}

/// Calls as an application sees them, but for what the relay counted.
fn seen(lab: &Lab) -> Vec<CallView> {
    lab.calls("crm").into_iter().map(|call| CallView { media: None, ..call }).collect()
}

#[test]
fn a_call_goes_on_and_either_phone_hangs_up() {
    for (seed, hangs_up) in [(1, "alice"), (2, "bob")] {
        let mut lab = connected(seed);
        let (before, ports) = (seen(&lab), lab.media_ports());
        lab.restart();
        lab.run_ms(200);
        lab.expect_ladder("");
        assert_eq!((seen(&lab), lab.media_ports()), (before, ports));
        lab.expect_talk("alice", "bob");
        lab.hang_up(hangs_up);
        lab.run_ms(500);
        assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
        lab.nothing_left();
    }
}

#[test]
fn a_call_is_held_and_retrieved_across_crashes() {
    let mut lab = connected(3);
    lab.hold("alice");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(500);
    lab.expect_states("crm", "1001", "onhold as owner");
    let heard = lab.hears("bob", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1001") == 0, "{heard:?}");
    lab.resume("alice");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn an_application_goes_on_with_its_calls() {
    let mut lab = connected(4);
    lab.restart();
    lab.run_ms(200);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Hold(call));
    let heard = lab.hears("bob", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "{heard:?}");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(200);
    assert_eq!(lab.call_on("crm", "1001").id, call);
    lab.does_ask("crm", Operation::Unhold(call));
    lab.expect_talk("alice", "bob");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn a_call_to_a_network_goes_on() {
    let mut lab = Lab::registered(5, &["alice"]);
    lab.call("alice", "0301234");
    lab.run_ms(1_000);
    lab.answer("carrier");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("carrier");
    lab.nothing_left();
}

#[test]
fn a_call_is_transferred_after_a_crash() {
    let mut lab = Lab::registered(6, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(200);
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_000);
    lab.answer("carol");
    lab.run_ms(KEPT_MS);
    lab.expect_talk("alice", "carol");
    lab.restart();
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn a_phone_behind_a_translator_and_one_of_another_worker_go_on() {
    let plan = Plan::seeded(7).workers(3).translated("bob");
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_call_that_was_hung_up_before_that_was_stored_is_soon_gone() {
    for (seed, hangs_up) in [(15, "alice"), (16, "bob")] {
        let mut lab = connected(seed);
        let stored = lab.stored();
        lab.hang_up(hangs_up);
        lab.run_ms(200);
        lab.restart_from(stored);
        let up = |lab: &Lab| lab.calls("crm").iter().filter(|call| call.state != CallState::Idle).count();
        lab.run_ms(1_500);
        assert_eq!(up(&lab), 2, "nobody knows better");
        lab.run_ms(1_000);
        assert_eq!(up(&lab), 0, "{:?}", lab.calls("crm"));
        lab.nothing_left();
    }
}

#[test]
fn who_says_nothing_is_asked_and_keeps_the_call() {
    let mut lab = Lab::registered(18, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    for phone in ["alice", "bob"] {
        lab.phone(phone).script.speaks = false;
    }
    lab.run_ms(KEPT_MS);
    lab.restart();
    let before = seen(&lab);
    lab.expect_ladder("");
    lab.run(Duration::from_secs(10));
    assert_eq!(seen(&lab), before);
    let asked = |lab: &mut Lab, phone| -> u32 {
        ["UPDATE", "INVITE"].into_iter().map(|word| lab.ladder().count("engine", phone, word)).sum()
    };
    assert_eq!([asked(&mut lab, "alice"), asked(&mut lab, "bob")], [1, 1]);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn a_call_that_rings_is_gone() {
    let mut lab = Lab::registered(8, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.restart();
    lab.run_ms(200);
    assert!(lab.calls("crm").is_empty());
    lab.ladder().forget();
    lab.hang_up("alice");
    lab.run_ms(200);
    lab.expect_ladder(
        "alice -> engine   CANCEL
         engine -> alice   481",
    );
    lab.refuse("bob", 486);
    lab.run(Duration::from_secs(200));
    lab.nothing_left();
}

#[test]
fn who_consults_is_not_left_as_a_ghost() {
    let mut lab = Lab::registered(9, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::SetupTransfer { call, to: Some("1003".to_owned()) });
    lab.run_ms(1_000);
    lab.answer("carol");
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(500);
    for phone in ["alice", "bob", "carol"] {
        assert!(matches!(lab.status(phone), Status::Over(_)), "{phone} is {:?}", lab.status(phone));
    }
    lab.nothing_left();
}

/// The phone of Alice seals with a key of this byte, Bob's does not.
fn sealed(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob"]);
    let suite = SrtpSuite::Aes128CmSha1_80;
    let key = Crypto { tag: 1, suite: suite.name().to_owned(), key: vec![1; suite.master_bytes()] };
    lab.phone("alice").script.srtp = Some(key);
    lab.connected_call("alice", "bob");
    lab.run_ms(KEPT_MS);
    lab
}

fn key_for(lab: &mut Lab, phone: &str) -> String {
    let description = lab.phone(phone).description().expect("the engine described itself").to_owned();
    let mut keys = description.lines().filter(|line| line.starts_with("a=crypto:"));
    keys.next().expect("a line with a key").to_owned()
}

#[test]
fn a_phone_that_seals_gets_a_fresh_key() {
    let mut lab = sealed(10);
    let before = key_for(&mut lab, "alice");
    lab.restart();
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> alice   INVITE, RTP/SAVP, a=crypto:1 AES_CM_128_HMAC_SHA1_80
         alice -> engine   200, RTP/SAVP
         engine -> alice   ACK",
    );
    assert_ne!(key_for(&mut lab, "alice"), before);
    lab.expect_talk("alice", "bob");
    assert_eq!(lab.phone("alice").heard().unauthentic, 0);
    lab.run_ms(KEPT_MS);
    lab.restart();
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_gives_no_key_is_not_talked_with() {
    let mut lab = sealed(11);
    lab.phone("alice").script.srtp = None;
    lab.restart();
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn phones_on_streams_are_reached_by_others() {
    for (seed, hangs_up) in [(12, "alice"), (13, "bob")] {
        let mut lab = Plan::seeded(seed).tcp("alice").build().with_registered(&["alice", "bob"]);
        lab.connected_call("alice", "bob");
        lab.run_ms(KEPT_MS);
        lab.restart();
        lab.run_ms(200);
        lab.expect_talk("alice", "bob");
        lab.hang_up(hangs_up);
        lab.run_ms(500);
        assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
        lab.nothing_left();
    }
}

#[test]
fn who_is_parked_waits_on() {
    let mut lab = connected(14);
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Park { call, to: Some("701".to_owned()) });
    lab.run_ms(KEPT_MS);
    lab.restart();
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 40, "{heard:?}");
    lab.call("bob", "701");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

const PHONES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const NUMBERS: [&str; 6] = ["1001", "1002", "1003", "1004", "701", "0301234"];

/// Who talks afterwards talks in a leg of the engine, and no leg is without its phone.
#[test]
fn killed_at_any_moment_it_leaves_nobody_behind() {
    if let Some(seed) = number_in_environment("SIM_SEED") {
        return killed(seed);
    }
    run_seeds(seeds(300, 12), killed);
}

fn killed(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed ^ 0xdead);
    let workers = rng.random_range(1..=3);
    let plan = Plan::seeded(seed).workers(workers).with(|setup| setup.media.silent_after = None);
    let mut lab = plan.build().with_registered(&PHONES);
    for name in PHONES.into_iter().chain(["carrier"]) {
        let script = &mut lab.phone(name).script;
        script.on_invite = OnInvite::Answer(Duration::from_millis(rng.random_range(0..1_500)));
        script.speaks = false;
    }
    for _ in 0..rng.random_range(10..40) {
        lab.run_ms(rng.random_range(0..1_500));
        let name = PHONES[rng.random_range(0..PHONES.len())];
        match rng.random_range(0..10) {
            0..=3 => lab.call(name, NUMBERS[rng.random_range(0..NUMBERS.len())]),
            4 => lab.hold(name),
            5 => lab.resume(name),
            6 => lab.hang_up(name),
            7 | 8 => {
                let calls = lab.calls("crm");
                if let Some(call) = calls.get(rng.random_range(0..calls.len().max(1))) {
                    let operations = [
                        Operation::Hold(call.id),
                        Operation::Unhold(call.id),
                        Operation::Park { call: call.id, to: None },
                        Operation::BlindTransfer { call: call.id, to: "1003".to_owned() },
                    ];
                    lab.request("crm", operations[rng.random_range(0..operations.len())].clone());
                }
            }
            _ => lab.restart(),
        }
    }
    lab.restart();
    lab.expect_agreement();
    // Who is parked would be offered back.
    for call in lab.calls("crm") {
        lab.request("crm", Operation::Drop(call.id, None));
    }
    // A phone hangs up its latest call first, and waits for the end of one whose engine is gone.
    for _ in 0..8 {
        for _ in 0..10 {
            for name in PHONES.into_iter().chain(["carrier"]) {
                lab.hang_up(name);
            }
            lab.run_ms(100);
        }
        lab.run(Duration::from_secs(33));
    }
    lab.nothing_left();
}
