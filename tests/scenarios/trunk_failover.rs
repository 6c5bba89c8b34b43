//! Calls that go on by another trunk: one that is silent, overloaded, full, or has had enough calls in this second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::setup::{RegistrationSetup, RouteTo, TrunkChoice};
use trunkline::switch::{CodecList, NumberFormat, Operation, Setup};
use trunkline::translate::{Country, Location, Locations};
use trunkline_tests::{Lab, Plan};

/// `0…` leaves by the carrier, else from overseas.
fn choosing(setup: &mut Setup) {
    let tier = |name: &str| vec![(Arc::from(name), 1)];
    let tiers = vec![tier("carrier"), tier("overseas")];
    setup.routes[0].to = RouteTo::Trunks(Arc::new(TrunkChoice { tiers }));
}

fn lab(seed: u64) -> Lab {
    let mut lab = Plan::seeded(seed).with(choosing).build().with_registered(&["alice", "bob", "carol"]);
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::ZERO);
    }
    lab
}

/// How many INVITEs the trunks had since the last look.
fn invited(lab: &mut Lab) -> [u32; 2] {
    let counted = ["carrier", "overseas"].map(|name| lab.ladder().count("engine", name, "INVITE"));
    lab.ladder().forget();
    counted
}

/// For how many seconds after a failure the carrier's peer rests, until it answers, and how a call failed there last.
fn standing(lab: &Lab) -> (Option<u64>, Option<u16>) {
    let place = lab.switch().trunks()[0].places[0];
    let rests = place.rests_until.zip(place.failure).map(|(until, (_, at))| (until - at).as_secs());
    (rests, place.failure.map(|(status, _)| status))
}

fn is_connected(lab: &mut Lab, name: &str) -> bool {
    lab.call(name, "0301234");
    lab.run_ms(300);
    lab.status(name) == Status::Connected
}

fn hang_up(lab: &mut Lab, names: &[&str]) {
    for name in names {
        lab.hang_up(name);
    }
    lab.run_ms(500);
}

#[test]
fn a_silent_trunk_is_followed_by_the_next_after_four_seconds_and_then_left_alone() {
    let mut lab = lab(1);
    lab.phone("carrier").script.dead = true;
    lab.call("alice", "0301234");
    lab.run_ms(3_990);
    assert_eq!(invited(&mut lab)[1], 0);
    let call = lab.call_on("crm", "1001");
    lab.told("crm", "call-state");
    lab.run_ms(310);
    assert_eq!(invited(&mut lab)[1], 1);
    lab.expect_talk("alice", "overseas");
    assert_eq!(lab.call_on("crm", "1001").id, call.id, "the caller's call is the same");
    // Its caller is told of no way back.
    lab.expect_states("crm", "1001", "connected active");
    assert_eq!(standing(&lab), (Some(30), Some(408)));

    assert!(is_connected(&mut lab, "bob"), "at once");
    assert_eq!(invited(&mut lab), [0, 1]);
    hang_up(&mut lab, &["bob"]);

    // Half a minute later one call finds out, the others do not wait for that.
    lab.run(Duration::from_secs(30));
    lab.ladder().forget();
    lab.call("bob", "0305678");
    lab.run_ms(1);
    assert!(is_connected(&mut lab, "carol"));
    assert_eq!(lab.status("bob"), Status::Calling);
    lab.run_ms(4_000);
    assert_eq!(lab.status("bob"), Status::Connected);
    hang_up(&mut lab, &["bob", "carol"]);

    lab.run(Duration::from_secs(31));
    lab.phone("carrier").script.dead = false;
    lab.ladder().forget();
    assert!(is_connected(&mut lab, "bob") && is_connected(&mut lab, "carol"));
    assert_eq!(invited(&mut lab), [2, 0], "it is back");
    assert_eq!(standing(&lab), (None, Some(408)));
    lab.expect_talk("alice", "overseas");
    hang_up(&mut lab, &["alice", "bob", "carol"]);
    lab.nothing_left();
}

#[test]
fn a_trunk_that_says_100_and_nothing_more_is_followed_by_the_next_and_not_left_alone() {
    let mut lab = lab(13);
    lab.phone("carrier").script.on_invite = OnInvite::Try;
    lab.call("alice", "0301234");
    lab.run_ms(14_990);
    assert_eq!(invited(&mut lab), [1, 0]);
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("carrier")), (Status::Connected, Status::Over(487)));
    lab.expect_talk("alice", "overseas");
    // That call's callee may have been slow: others go there as before.
    assert_eq!(standing(&lab), (None, Some(408)));
    lab.ladder().forget();
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::ZERO);
    assert!(is_connected(&mut lab, "bob"));
    assert_eq!(invited(&mut lab), [1, 0]);
    hang_up(&mut lab, &["alice", "bob"]);
    lab.nothing_left();
}

#[test]
fn where_there_is_nobody_else_100_is_waited_upon() {
    let mut lab = Plan::seeded(14).build().with_registered(&["alice"]);
    lab.phone("carrier").script.on_invite = OnInvite::Try;
    lab.call("alice", "0301234");
    lab.run(Duration::from_secs(60));
    assert_eq!(lab.status("carrier"), Status::Ringing, "it was called, and says nothing");
    lab.answer("carrier");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

type Way = fn(&mut Lab);

#[test]
fn a_slow_call_is_given_up_for_none_that_would_not_take_it() {
    let not_listed = |lab: &mut Lab| lab.reload(|setup| setup.trunks[0].failover_on = vec![503]);
    let full = |lab: &mut Lab| lab.reload(|setup| setup.trunks[1].calls_max = 0);
    let rests = |lab: &mut Lab| {
        lab.phone("carrier").script.on_invite = OnInvite::Refuse(503, Duration::ZERO);
        lab.phone("overseas").script.dead = true;
        lab.call("bob", "0301234");
        // Overseas rests from when bob's call has failed, and the carrier no more.
        lab.run(Duration::from_secs(40));
    };
    let ways: [(_, Way); 3] = [("408 is not listed", not_listed), ("full", full), ("rests", rests)];
    for (seed, (why, way)) in (20..).zip(ways) {
        let mut lab = lab(seed);
        way(&mut lab);
        lab.ladder().forget();
        lab.phone("carrier").script.on_invite = OnInvite::Try;
        lab.call("alice", "0301234");
        lab.run_ms(20_000);
        assert_eq!((lab.status("carrier"), invited(&mut lab)), (Status::Ringing, [1, 0]), "{why}");
        lab.answer("carrier");
        lab.run_ms(500);
        lab.expect_talk("alice", "carrier");
        hang_up(&mut lab, &["alice"]);
    }
}

#[test]
fn what_the_callee_says_is_the_last_word_and_so_is_a_bell_that_rang() {
    let mut lab = lab(2);
    for (answer, expected) in [
        (OnInvite::Refuse(503, Duration::ZERO), None),
        (OnInvite::Refuse(500, Duration::ZERO), None),
        (OnInvite::Refuse(408, Duration::ZERO), None),
        (OnInvite::Refuse(486, Duration::ZERO), Some(486)),
        (OnInvite::Refuse(404, Duration::ZERO), Some(404)),
        (OnInvite::Refuse(603, Duration::ZERO), Some(603)),
        (OnInvite::Refuse(503, Duration::from_secs(2)), Some(500)),
    ] {
        lab.phone("carrier").script.on_invite = answer;
        lab.call("alice", "0301234");
        lab.run_ms(2_500);
        let calls = invited(&mut lab);
        let said = (lab.status("alice"), calls);
        match expected {
            None => assert_eq!(said, (Status::Connected, [1, 1]), "{answer:?}"),
            Some(status) => assert_eq!(said, (Status::Over(status), [1, 0]), "{answer:?}"),
        }
        lab.hang_up("alice");
        lab.run(Duration::from_secs(31));
        lab.ladder().forget();
    }
    // Whoever was heard before he was answered has been reached.
    let carrier = lab.phone("carrier");
    (carrier.script.early_media, carrier.script.on_invite) =
        (true, OnInvite::Refuse(503, Duration::from_secs(2)));
    lab.call("alice", "0301234");
    lab.run_ms(2_500);
    assert_eq!((lab.status("alice"), invited(&mut lab)), (Status::Over(500), [1, 0]));
    lab.phone("carrier").script.early_media = false;
    lab.run(Duration::from_secs(31));
    // What is listed decides.
    lab.reload(|setup| setup.trunks[0].failover_on = vec![404]);
    for (status, expected) in [(404, (Status::Connected, [1, 1])), (503, (Status::Over(500), [1, 0]))] {
        lab.phone("carrier").script.on_invite = OnInvite::Refuse(status, Duration::ZERO);
        lab.call("alice", "0301234");
        lab.run_ms(500);
        assert_eq!((lab.status("alice"), invited(&mut lab)), expected);
        hang_up(&mut lab, &["alice"]);
        lab.ladder().forget();
    }
    lab.nothing_left();
}

#[test]
fn a_carrier_that_says_when_it_has_time_again_is_left_alone_until_then() {
    let mut lab = lab(3);
    lab.phone("carrier").script.on_invite = OnInvite::Refuse(503, Duration::ZERO);
    for (retry_after_s, rests) in [(300, 300), (2, 2), (86_400, 3_600), (0, 0)] {
        lab.phone("carrier").script.retry_after_s = Some(retry_after_s);
        assert!(is_connected(&mut lab, "alice"));
        assert_eq!((invited(&mut lab), standing(&lab)), ([1, 1], (Some(rests), Some(503))));
        hang_up(&mut lab, &["alice"]);
        lab.run(Duration::from_secs(rests.saturating_sub(2)));
        lab.ladder().forget();
        if rests > 2 {
            assert!(is_connected(&mut lab, "alice"));
            assert_eq!(invited(&mut lab), [0, 1], "{retry_after_s}");
            hang_up(&mut lab, &["alice"]);
        }
        lab.run(Duration::from_secs(2));
        lab.ladder().forget();
    }
    lab.nothing_left();
}

#[test]
fn a_trunk_that_is_full_or_has_had_enough_calls_in_this_second_is_passed_over() {
    let full = |setup: &mut Setup| setup.trunks[0].calls_max = 1;
    let slow = |setup: &mut Setup| setup.trunks[0].calls_per_second = Some(1);
    for (limit, again) in [(full as fn(&mut Setup), [0, 1]), (slow, [1, 0])] {
        let mut lab = lab(4);
        lab.reload(limit);
        for (name, expected) in [("alice", [1, 0]), ("bob", [0, 1])] {
            assert!(is_connected(&mut lab, name));
            assert_eq!(invited(&mut lab), expected);
        }
        // Where help is called for, nobody counts.
        lab.reload(|setup| setup.routes[0].is_emergency = true);
        assert!(is_connected(&mut lab, "carol"));
        assert_eq!(invited(&mut lab), [1, 0]);
        lab.reload(|setup| setup.routes[0].is_emergency = false);
        hang_up(&mut lab, &["carol"]);
        lab.run_ms(1_000);
        lab.ladder().forget();
        assert!(is_connected(&mut lab, "carol"));
        assert_eq!(invited(&mut lab), again);
        hang_up(&mut lab, &["alice", "bob", "carol"]);
        lab.nothing_left();
    }
}

#[test]
fn applications_are_told_when_a_trunk_has_had_its_calls_of_this_second() {
    let mut lab = lab(5);
    lab.reload(|setup| {
        setup.trunks.iter_mut().for_each(|trunk| trunk.calls_per_second = Some(1));
    });
    assert!(is_connected(&mut lab, "alice") && is_connected(&mut lab, "bob"));
    lab.call("carol", "0301234");
    lab.run_ms(100);
    assert_eq!(lab.status("carol"), Status::Over(503), "both have had theirs");
    lab.run_ms(1_000);
    assert!(is_connected(&mut lab, "carol"));
    hang_up(&mut lab, &["alice", "bob", "carol"]);
    lab.nothing_left();
}

#[test]
fn where_all_trunks_are_silent_the_caller_is_told_and_a_resting_one_is_better_than_none() {
    let mut lab = lab(6);
    lab.reload(|setup| setup.trunks.iter_mut().for_each(|trunk| trunk.rest = Duration::from_secs(120)));
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.dead = true;
    }
    lab.call("alice", "0301234");
    lab.run(Duration::from_secs(4 + 33));
    assert_eq!(lab.status("alice"), Status::Over(480));
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.dead = false;
    }
    assert!(standing(&lab).0.is_some() && is_connected(&mut lab, "alice"));
    assert_eq!(standing(&lab).0, None, "the first of those that rest was asked");
    hang_up(&mut lab, &["alice"]);
    lab.nothing_left();
}

#[test]
fn who_hangs_up_while_the_second_trunk_rings_is_led_no_further() {
    let mut lab = lab(7);
    lab.phone("carrier").script.on_invite = OnInvite::Refuse(503, Duration::ZERO);
    lab.phone("overseas").script.on_invite = OnInvite::Ring;
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Ringback);
    hang_up(&mut lab, &["alice"]);
    assert_eq!(lab.ladder().count("engine", "overseas", "CANCEL"), 1);
    lab.phone("carrier").script.dead = true;
    lab.run(Duration::from_secs(31));
    lab.ladder().forget();
    lab.call("alice", "0301234");
    lab.run_ms(1_000);
    lab.hang_up("alice");
    lab.run(Duration::from_secs(40));
    assert_eq!(invited(&mut lab)[1], 0, "he was gone before the four seconds were over");
    lab.nothing_left();
}

#[test]
fn each_trunk_is_told_what_it_wants_to_be_told() {
    let germany = Location::new(Country::of_code(49).expect("a country"), "30");
    let each = move |setup: &mut Setup| {
        choosing(setup);
        setup.translation = Arc::new(Locations::new(vec![germany.clone()], Vec::new(), HashMap::new()));
        setup.routes[0].number = Some("0$1".to_owned());
        let [carrier, overseas] = &mut setup.trunks[..] else { panic!("a lab has two trunks") };
        carrier.numbers.format = NumberFormat::E164;
        carrier.numbers.from_user = Some("account".to_owned());
        overseas.numbers.from_domain = Some("other.example".to_owned());
        overseas.codecs = CodecList::new(["PCMU".to_owned()]);
    };
    let mut lab = Plan::seeded(8).with(each).build().with_registered(&["alice"]);
    lab.phone("carrier").script.on_invite = OnInvite::Refuse(503, Duration::ZERO);
    lab.phone("overseas").script.on_invite = OnInvite::Answer(Duration::ZERO);
    assert!(is_connected(&mut lab, "alice"));
    let said = |lab: &mut Lab, name: &'static str| {
        lab.ladder().last("engine", name, "INVITE").expect("it was called").to_owned()
    };
    let (first, second) = (said(&mut lab, "carrier"), said(&mut lab, "overseas"));
    assert!(first.contains("INVITE sip:+49301234@") && first.contains("<sip:account@"), "{first}");
    assert!(second.contains("INVITE sip:0301234@") && second.contains("@other.example>"), "{second}");
    assert!(first.contains("PCMA") && !second.contains("PCMA"), "{second}");
    hang_up(&mut lab, &["alice"]);
    lab.nothing_left();
}

#[test]
fn nobody_is_led_on_for_longer_than_a_phone_may_ring() {
    let mut lab = lab(12);
    lab.stranger("third", "10.0.9.3:5060");
    lab.reload(|setup| {
        let mut third = setup.trunks[1].clone();
        third.name = "third".into();
        third.peers[0].1 = "10.0.9.3:5060".parse().expect("an address");
        setup.trunks.push(third);
        let tiers = ["carrier", "overseas", "third"].map(|name| vec![(Arc::from(name), 1)]);
        setup.routes[0].to = RouteTo::Trunks(Arc::new(TrunkChoice { tiers: tiers.to_vec() }));
        setup.ring_max = Duration::from_secs(7);
    });
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.dead = true;
    }
    lab.call("alice", "0301234");
    lab.run(Duration::from_secs(10));
    assert_eq!((lab.status("alice"), lab.received("third").len()), (Status::Over(480), 0));
    lab.run(Duration::from_secs(31));
    lab.reload(|setup| setup.ring_max = Duration::from_secs(60));
    lab.call("alice", "0301234");
    lab.run(Duration::from_secs(10));
    assert!(!lab.received("third").is_empty());
    lab.hang_up("alice");
    lab.run(Duration::from_secs(40));
    lab.nothing_left();
}

/// The carrier is asked by OPTIONS every half minute, and who watches hears whether it is in service.
fn asked(seed: u64, change: impl FnOnce(&mut Setup)) -> Lab {
    let asked = |setup: &mut Setup| {
        choosing(setup);
        setup.trunks[0].qualify_every = Some(Duration::from_secs(30));
        change(setup);
    };
    let mut lab = Plan::seeded(seed).with(asked).build().with_registered(&["alice", "bob"]);
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::ZERO);
    }
    let line_states = vec!["inservice".to_owned(), "outofservice".to_owned()];
    let line = "carrier".into();
    lab.does_ask("wall", Operation::SetStatusMessages { line, line_states, address_states: Vec::new() });
    lab
}

/// Whether the carrier is in service, whether its peer is down, and how often its service has changed since the last look.
fn service(lab: &mut Lab) -> (bool, bool, usize) {
    let trunk = lab.switch().trunks().remove(0);
    (trunk.is_in_service, trunk.places[0].is_down, lab.told("wall", "line-state").len())
}

#[test]
fn a_peer_that_does_not_answer_options_is_left_out_until_it_answers_again() {
    let mut lab = asked(9, |_| {});
    assert_eq!(service(&mut lab), (true, false, 0));
    assert_eq!(lab.ladder().count("engine", "overseas", "OPTIONS"), 0, "it is not to be asked");
    lab.run(Duration::from_secs(60));
    assert!((2..=4).contains(&lab.ladder().count("engine", "carrier", "OPTIONS")));

    lab.phone("carrier").script.dead = true;
    lab.run(Duration::from_secs(30 + 2 * 4 + 1));
    assert_eq!(service(&mut lab), (false, true, 1), "asked twice in vain");
    lab.ladder().forget();
    assert!(is_connected(&mut lab, "alice"), "no call waits");
    assert_eq!(invited(&mut lab), [0, 1]);
    lab.run(Duration::from_secs(120));
    assert_eq!(service(&mut lab), (false, true, 0), "said once");

    lab.phone("carrier").script.dead = false;
    assert!(lab.run_until(Duration::from_secs(36), |lab| lab.switch().trunks()[0].is_in_service));
    assert_eq!(service(&mut lab), (true, false, 1));
    lab.ladder().forget();
    assert!(is_connected(&mut lab, "bob"));
    assert_eq!(invited(&mut lab), [1, 0]);
    lab.expect_talk("alice", "overseas");
    hang_up(&mut lab, &["alice", "bob"]);
    lab.drain();
    lab.ladder().forget();
    lab.run(Duration::from_secs(60));
    assert_eq!(lab.ladder().count("engine", "carrier", "OPTIONS"), 0, "nobody asks who ends");
    lab.nothing_left();
}

#[test]
fn a_reload_ends_the_questions_and_a_trunk_that_is_down_is_called_where_there_is_nobody_else() {
    let mut lab = asked(10, |setup| setup.routes[0].to = RouteTo::Trunk("carrier".into()));
    lab.phone("carrier").script.dead = true;
    lab.run(Duration::from_secs(40));
    assert_eq!(service(&mut lab), (false, true, 1));
    lab.phone("carrier").script.dead = false;
    assert!(is_connected(&mut lab, "alice"), "it is better than none");
    assert_eq!(service(&mut lab), (true, false, 1), "a call has found out");
    hang_up(&mut lab, &["alice"]);
    lab.phone("carrier").script.dead = true;
    lab.run(Duration::from_secs(40));
    assert_eq!(service(&mut lab), (false, true, 1));
    lab.phone("carrier").script.dead = false;
    lab.reload(|setup| setup.trunks[0].qualify_every = None);
    assert_eq!(service(&mut lab), (true, false, 1));
    lab.ladder().forget();
    lab.run(Duration::from_secs(60));
    assert_eq!(lab.ladder().count("engine", "carrier", "OPTIONS"), 0);
    lab.nothing_left();
}

#[test]
fn a_trunk_that_is_not_registered_either_goes_out_of_service_once() {
    let registers = |setup: &mut Setup| {
        setup.trunks[0].registration = Some(RegistrationSetup {
            user: "4930".to_owned(),
            contact: "4930".into(),
            expires: Duration::from_secs(600),
        });
    };
    let mut lab = asked(11, registers);
    lab.phone("carrier").script.dead = true;
    lab.run(Duration::from_secs(60));
    assert_eq!(service(&mut lab), (false, true, 0), "it was out of service before");
    lab.reload(|setup| setup.trunks[0].registration = None);
    assert_eq!(service(&mut lab), (false, true, 0), "and still is");
    lab.phone("carrier").script.dead = false;
    assert!(lab.run_until(Duration::from_secs(36), |lab| lab.switch().trunks()[0].is_in_service));
    assert_eq!(service(&mut lab), (true, false, 1));
}
