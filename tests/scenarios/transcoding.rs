//! Calls between ends that share no codec.

use trunkline::demo::Status;
use trunkline::switch::{CodecList, Operation, Setup};
use trunkline_media::HAS_OPUS;
use trunkline_sip::admission::Limit;
use trunkline_tests::{Lab, Plan};

/// A lab whose phones know these formats (0 PCMU, 8 PCMA, 101 telephone-event) and speak a sine each.
fn lab(plan: Plan, formats: &[(&str, &[u8])]) -> Lab {
    let mut lab = plan.build();
    for (place, (name, formats)) in (1_u16..).zip(formats) {
        let script = &mut lab.phone(name).script;
        script.formats = formats.to_vec();
        script.tone_hz = Some(300 * place);
    }
    let phones: Vec<&str> = formats.iter().map(|(name, _)| *name).filter(|name| *name != "carrier").collect();
    lab.with_registered(&phones)
}

/// Both hear the other's sine, each in its own codec, and nothing else.
#[track_caller]
fn expect_sines(lab: &mut Lab, one: &str, other: &str) {
    let hz = [one, other].map(|name| lab.phone(name).script.tone_hz.expect("it speaks a sine"));
    lab.phone(one).listen();
    lab.phone(other).listen();
    lab.run_ms(1_000);
    for (listener, hz, own) in [(one, hz[1], hz[0]), (other, hz[0], hz[1])] {
        let known = lab.phone(listener).script.formats.clone();
        let heard = lab.phone(listener).heard();
        assert!(heard.formats.iter().all(|format| known.contains(format)), "{listener}: {heard:?}");
        assert!(heard.total() >= 45 && heard.foreign == 0 && heard.jumps == 0, "{listener}: {heard:?}");
        assert!((3_500.0..4_500.0).contains(&heard.level(hz)), "{listener} hears {}", heard.level(hz));
        assert!(heard.level(own) < 200.0, "{listener} hears itself");
    }
}

/// The formats of the audio section of the last such message.
fn formats(lab: &mut Lab, from: &str, to: &str, word: &str) -> String {
    let text = lab.ladder().last(from, to, word).expect("it was sent").to_owned();
    let section = text.lines().find(|line| line.starts_with("m=audio")).expect("it describes audio");
    section.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")
}

const DEAF: [(&str, &[u8]); 2] = [("alice", &[8, 101]), ("bob", &[0, 101])];

#[test]
fn who_shares_no_codec_is_called_again_with_those_of_the_relay() {
    let mut lab = lab(Plan::seeded(1), &DEAF);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Ringing);
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 2);
    assert_eq!(formats(&mut lab, "engine", "bob", "INVITE"), "8 101 0 9");
    lab.answer("bob");
    lab.run_ms(500);
    assert_eq!(formats(&mut lab, "engine", "alice", "200"), "8 101");
    expect_sines(&mut lab, "alice", "bob");
    assert_eq!(lab.flows_in_kernel(), 0, "its packets are not those that came");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn who_knows_opus_alone_is_spoken_to_in_opus_where_the_relay_may() {
    let opus: [(&str, &[u8]); 2] = [("alice", &[8, 101]), ("bob", &[96, 101])];
    for caller in ["alice", "bob"] {
        let may = |setup: &mut Setup| setup.media.opus = true;
        let mut lab = lab(Plan::seeded(13).with(may), &opus);
        let (callee, number) = if caller == "alice" { ("bob", "1002") } else { ("alice", "1001") };
        lab.call(caller, number);
        lab.run_ms(500);
        let offered = if caller == "alice" { "8 101 0 9 96 102" } else { "96 101 9 0 8" };
        assert_eq!(formats(&mut lab, "engine", callee, "INVITE"), offered);
        lab.answer(callee);
        lab.run_ms(500);
        let answered = if caller == "alice" { "8 101" } else { "96 101" };
        assert_eq!(formats(&mut lab, "engine", caller, "200"), answered);
        lab.phone("bob").listen();
        lab.run_ms(1_000);
        let heard = lab.phone("bob").heard();
        // Only a relay that was built with Opus speaks it; the phone understands none.
        assert_eq!(
            heard.formats.iter().copied().collect::<Vec<_>>(),
            if HAS_OPUS { vec![96] } else { vec![] }
        );
        assert_eq!(heard.total() >= 45, HAS_OPUS, "{heard:?}");
        lab.hold("alice");
        lab.run_ms(500);
        lab.resume("alice");
        lab.run_ms(500);
        lab.phone("bob").listen();
        lab.run_ms(1_000);
        let heard = lab.phone("bob").heard();
        assert_eq!((heard.total() >= 45, heard.foreign, heard.jumps), (HAS_OPUS, 0, 0), "{heard:?}");
        lab.hang_up("bob");
        lab.nothing_left();
        let mut lab = self::lab(Plan::seeded(13), &opus);
        lab.call(caller, number);
        lab.run_ms(500);
        assert_eq!(lab.status(caller), Status::Over(488), "unless it is asked for");
        lab.nothing_left();
    }
}

#[test]
fn who_shares_a_codec_is_never_offered_another() {
    let mut lab = lab(Plan::seeded(2), &[("alice", &[8, 101]), ("bob", &[0, 8, 101])]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 1);
    assert_eq!(formats(&mut lab, "engine", "bob", "INVITE"), "8 101");
    lab.answer("bob");
    lab.run_ms(2_000);
    assert_eq!(lab.flows_in_kernel(), 2);
    expect_sines(&mut lab, "alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn neither_hold_nor_its_end_asks_the_other_side_for_what_it_does_not_know() {
    let mut lab = lab(Plan::seeded(3), &DEAF);
    lab.connected_call("alice", "bob");
    for (holder, other) in [("alice", "bob"), ("bob", "alice")] {
        let before = lab.ladder().count("engine", other, "INVITE");
        lab.hold(holder);
        lab.run_ms(500);
        lab.resume(holder);
        lab.run_ms(500);
        assert_eq!(lab.ladder().count("engine", other, "INVITE"), before, "{holder} holds");
        expect_sines(&mut lab, "alice", "bob");
    }
    // An end that asks for an offer is offered its own codec first.
    lab.phone("alice").script.resumes_without_offer = true;
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(1_000);
    expect_sines(&mut lab, "alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn where_nothing_is_transcoded_the_call_is_refused() {
    let off: [fn(&mut Setup); 2] =
        [|setup| setup.lines[0].transcodes = false, |setup| setup.lines[1].transcodes = false];
    for off in off {
        let mut lab = lab(Plan::seeded(4).with(off), &DEAF);
        lab.call("alice", "1002");
        lab.run_ms(500);
        assert_eq!(lab.status("alice"), Status::Over(488));
        assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 1);
        lab.nothing_left();
    }
}

#[test]
fn who_refuses_twice_is_not_called_a_third_time() {
    let mut lab = lab(Plan::seeded(5), &[("alice", &[8, 101]), ("bob", &[101])]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(488));
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 2);
    lab.nothing_left();
}

#[test]
fn a_trunk_is_offered_what_it_lets_pass_at_once() {
    let only = |setup: &mut Setup| setup.trunks[0].codecs = CodecList::new(["PCMU".to_owned()]);
    let mut lab = lab(Plan::seeded(6).with(only), &[("alice", &[8, 101]), ("carrier", &[0, 101])]);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.ladder().count("engine", "carrier", "INVITE"), 1);
    assert_eq!(formats(&mut lab, "engine", "carrier", "INVITE"), "0 101");
    lab.answer("carrier");
    lab.run_ms(500);
    expect_sines(&mut lab, "alice", "carrier");
    lab.hang_up("carrier");
    lab.nothing_left();
    let none = |setup: &mut Setup| {
        setup.trunks[0].codecs = CodecList::new(["PCMU".to_owned()]);
        setup.trunks[0].transcodes = false;
    };
    let mut lab = self::lab(Plan::seeded(6).with(none), &[("alice", &[8, 101]), ("carrier", &[0, 101])]);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(488));
    assert_eq!(lab.ladder().count("engine", "carrier", "INVITE"), 0);
    lab.nothing_left();
}

#[test]
fn what_comes_by_a_trunk_reaches_a_phone_that_knows_none_of_it() {
    let mut lab = lab(Plan::seeded(7), &[("carrier", &[8, 101]), ("bob", &[0, 101])]);
    lab.call("carrier", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    expect_sines(&mut lab, "carrier", "bob");
    lab.hang_up("carrier");
    lab.nothing_left();
}

#[test]
fn no_more_calls_are_transcoded_than_may_be() {
    let one = |setup: &mut Setup| setup.transcoded_calls_max = 1;
    let phones: [(&str, &[u8]); 4] =
        [("alice", &[8, 101]), ("bob", &[0, 101]), ("carol", &[8, 101]), ("dave", &[0, 101])];
    let mut lab = lab(Plan::seeded(8).with(one), &phones);
    lab.connected_call("alice", "bob");
    lab.call("carol", "1004");
    lab.run_ms(500);
    assert_eq!((lab.status("carol"), lab.refusals(Limit::TranscodedCalls)), (Status::Over(488), 1));
    expect_sines(&mut lab, "alice", "bob");
    lab.hang_up("alice");
    lab.run_ms(1_000);
    lab.connected_call("carol", "dave");
    expect_sines(&mut lab, "carol", "dave");
    lab.hang_up("dave");
    lab.nothing_left();
}

#[test]
fn of_two_phones_of_a_line_each_rings_in_its_codec() {
    for (answers, formats) in [("bob", "0"), ("bob-home", "8")] {
        let mut lab = lab(Plan::seeded(9), &[("alice", &[8]), ("bob", &[0]), ("bob-home", &[8])]);
        lab.call("alice", "1002");
        lab.run_ms(500);
        assert_eq!([lab.status("bob"), lab.status("bob-home")], [Status::Ringing; 2]);
        lab.answer(answers);
        lab.run_ms(500);
        assert_eq!(self::formats(&mut lab, answers, "engine", "200"), formats);
        expect_sines(&mut lab, "alice", answers);
        lab.hang_up("alice");
        lab.nothing_left();
    }
}

#[test]
fn early_media_is_transcoded() {
    let mut lab = lab(Plan::seeded(10), &[("alice", &[8, 101]), ("carrier", &[0, 101])]);
    lab.phone("carrier").script.early_media = true;
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.phone("alice").listen();
    lab.run_ms(500);
    assert!(lab.phone("alice").heard().level(600) > 3_500.0, "{:?}", lab.phone("alice").heard());
    lab.answer("carrier");
    lab.run_ms(500);
    expect_sines(&mut lab, "alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_calls_without_an_offer_is_offered_what_the_relay_speaks() {
    let mut lab = lab(Plan::seeded(11), &DEAF);
    lab.phone("alice").script.late_offer = true;
    lab.phone("bob").script.refuses_reinvite = Some(488);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(1_000);
    assert_eq!(formats(&mut lab, "engine", "alice", "200"), "0 101 8");
    expect_sines(&mut lab, "alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_is_transferred_to_one_of_his_codec_passes_as_he_is() {
    let mut lab = lab(Plan::seeded(12), &[("alice", &[8, 101]), ("bob", &[0, 101]), ("carol", &[8, 101])]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_000);
    assert_eq!(lab.ladder().count("engine", "carol", "INVITE"), 1);
    lab.answer("carol");
    lab.run_ms(2_000);
    assert_eq!(lab.flows_in_kernel(), 2);
    expect_sines(&mut lab, "alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_is_transferred_to_one_of_another_codec_is_transcoded() {
    let mut lab = lab(Plan::seeded(13), &[("alice", &[8, 101]), ("bob", &[8, 101]), ("carol", &[0, 101])]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_000);
    lab.answer("carol");
    lab.run_ms(1_000);
    let asked = ["alice", "carol"].map(|name| formats(&mut lab, "engine", name, "INVITE"));
    assert_eq!(asked, ["8 101", "8 101 0 9"], "neither is asked for what it does not know");
    assert_eq!(lab.ladder().count("engine", "carol", "INVITE"), 2);
    expect_sines(&mut lab, "alice", "carol");
    // Nobody refused anything on her leg: what she is offered afresh is hers all the same.
    lab.phone("alice").script.resumes_without_offer = true;
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(1_000);
    expect_sines(&mut lab, "alice", "carol");
    lab.hang_up("carol");
    lab.nothing_left();
}

/// The limit of transcoded calls does not hold for who calls for help.
#[test]
fn a_call_for_help_is_transcoded_whatever_is() {
    let full = |setup: &mut Setup| {
        setup.transcoded_calls_max = 0;
        setup.routes.iter_mut().for_each(|route| route.is_emergency = true);
    };
    let mut lab = lab(Plan::seeded(16).with(full), &[("alice", &[8, 101]), ("carrier", &[0, 101])]);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.answer("carrier");
    lab.run_ms(500);
    expect_sines(&mut lab, "alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_caller_who_leaves_while_the_callee_is_called_again_leaves_nothing() {
    for pause_ms in 0..40 {
        let mut lab = lab(Plan::seeded(14), &DEAF);
        lab.call("alice", "1002");
        lab.run_ms(pause_ms);
        lab.hang_up("alice");
        lab.run_ms(2_000);
        assert_ne!(lab.status("bob"), Status::Ringing, "after {pause_ms} ms");
        lab.nothing_left();
    }
}

#[test]
fn calls_are_transcoded_where_packets_of_signalling_are_lost() {
    for seed in 0..20 {
        let mut lab = lab(Plan::seeded(seed), &DEAF).loss_ppm(50_000);
        lab.call("alice", "1002");
        lab.run_ms(8_000);
        if lab.status("bob") == Status::Ringing {
            lab.answer("bob");
            lab.run_ms(8_000);
            lab.hang_up("alice");
        }
        lab.run_ms(40_000);
        lab.nothing_left();
    }
}
