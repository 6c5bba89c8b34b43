//! Fax by T.38: an adapter of fax machines and a carrier, and what comes between the two.

use std::time::Duration;

use trunkline::demo::{OnInvite, Phone, Status};
use trunkline::switch::Operation;
use trunkline_tests::Lab;

/// The carrier has called Alice; both take fax.
fn talking(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob"]);
    for name in ["alice", "carrier"] {
        lab.phone(name).script.takes_fax = true;
    }
    lab.connected_call("carrier", "alice");
    lab
}

/// The same, and they fax: who is called has heard the calling tone and asks for it (ITU-T T.38 §D.2.2.4).
fn faxing(seed: u64) -> Lab {
    let mut lab = talking(seed);
    lab.does("alice", Phone::offer_fax);
    lab.run_ms(1_000);
    lab.ladder().forget();
    lab
}

/// Datagrams go both ways, in order and each once.
#[track_caller]
fn expect_fax(lab: &mut Lab) {
    for name in ["alice", "carrier"] {
        assert!(lab.phone(name).faxes(), "{name}");
        lab.phone(name).listen();
    }
    for number in 0..50 {
        for name in ["alice", "carrier"] {
            lab.does(name, |phone, _, out| phone.send_fax(number..number + 1, out));
        }
        lab.run_ms(20);
    }
    lab.run_ms(200);
    for name in ["alice", "carrier"] {
        let heard = lab.phone(name).heard();
        assert_eq!(heard.datagrams, (0..50).collect::<Vec<_>>(), "{name}");
        assert_eq!((heard.total(), heard.malformed, heard.foreign), (0, 0, 0), "{name}");
    }
}

fn end(mut lab: Lab) {
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("carrier")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn a_fax_passes_through_and_speech_comes_back() {
    let mut lab = talking(1);
    lab.does("alice", Phone::offer_fax);
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine    INVITE, udptl t38
         engine -> carrier  INVITE, udptl t38, T38FaxUdpEC:t38UDPRedundancy, !m=audio
         carrier -> engine  200, udptl t38
         engine -> carrier  ACK
         engine -> alice    200, udptl t38, T38FaxUdpEC:t38UDPRedundancy, !m=audio
         alice -> engine    ACK",
    );
    expect_fax(&mut lab);
    lab.ladder().forget();
    lab.resume("carrier");
    lab.run_ms(500);
    lab.expect_ladder(
        "carrier -> engine  INVITE, m=audio
         engine -> alice    INVITE, m=audio, !m=image
         alice -> engine    200, m=audio
         engine -> alice    ACK
         engine -> carrier  200, m=audio
         carrier -> engine  ACK",
    );
    lab.expect_talk("alice", "carrier");
    lab.does("carrier", Phone::offer_fax);
    lab.run_ms(500);
    expect_fax(&mut lab);
    end(lab);
}

#[test]
fn a_side_without_fax_refuses_and_both_speak_on() {
    for status in [None, Some(606)] {
        let mut lab = talking(2);
        lab.phone("carrier").script.takes_fax = false;
        lab.phone("carrier").script.refuses_reinvite = status;
        lab.does("alice", Phone::offer_fax);
        lab.run_ms(500);
        lab.expect_ladder(&format!(
            "alice -> engine    INVITE, udptl t38
             engine -> carrier  INVITE, udptl t38
             carrier -> engine  {}
             engine -> carrier  ACK
             engine -> alice    488
             alice -> engine    ACK",
            status.unwrap_or(488)
        ));
        lab.expect_talk("alice", "carrier");
        end(lab);
    }
}

#[test]
fn both_ask_for_fax_at_once() {
    for (seed, apart_ms) in [(3, 0), (4, 5), (5, 10), (6, 20)] {
        let mut lab = talking(seed);
        lab.does("alice", Phone::offer_fax);
        lab.run_ms(apart_ms);
        lab.does("carrier", Phone::offer_fax);
        lab.run_ms(12_000);
        expect_fax(&mut lab);
        end(lab);
    }
}

#[test]
fn fax_comes_about_over_a_bad_network() {
    for seed in 10..20 {
        let mut lab = talking(seed).loss_ppm(100_000);
        lab.does("alice", Phone::offer_fax);
        lab.run_ms(20_000);
        let mut lab = lab.loss_ppm(0);
        lab.run_ms(5_000);
        expect_fax(&mut lab);
        end(lab);
    }
}

#[test]
fn a_fax_that_is_held_comes_back_as_speech() {
    let mut lab = faxing(20);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.run_ms(500);
    assert!(!lab.phone("alice").faxes() && !lab.phone("carrier").faxes());
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1001") == 0, "{heard:?}");
    lab.does_ask("crm", Operation::Unhold(call));
    lab.expect_talk("alice", "carrier");
    lab.does("alice", Phone::offer_fax);
    lab.run_ms(500);
    expect_fax(&mut lab);
    end(lab);
}

#[test]
fn who_refuses_speech_while_he_is_held_is_asked_again_when_he_is_not() {
    let mut lab = faxing(22);
    lab.phone("alice").script.refuses_reinvite = Some(488);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.run_ms(500);
    assert!(lab.phone("alice").faxes() && !lab.phone("carrier").faxes());
    lab.phone("alice").script.refuses_reinvite = None;
    lab.ladder().forget();
    lab.does_ask("crm", Operation::Unhold(call));
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> alice    INVITE, m=audio, !m=image
         alice -> engine    200, m=audio
         engine -> alice    ACK",
    );
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_held_fax_that_cannot_speak_refreshes_its_session() {
    let mut lab = faxing(23);
    lab.phone("alice").script.refuses_reinvite = Some(488);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.run_ms(500);
    lab.ladder().forget();
    lab.does("alice", Phone::offer_fax);
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine    INVITE, udptl t38
         engine -> alice    200, udptl t38, !m=audio
         alice -> engine    ACK",
    );
    end(lab);
}

#[test]
fn a_fax_that_is_transferred_goes_on_as_speech() {
    let mut lab = faxing(21);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_millis(300));
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1002".to_owned() });
    lab.run_ms(2_000);
    lab.expect_talk("carrier", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_fax_that_is_parked_comes_back_as_speech() {
    let mut lab = faxing(22);
    let call = lab.call_on("crm", "1001").id;
    let to = Some("701".to_owned());
    lab.does_ask("crm", Operation::Park { call, to });
    lab.run_ms(1_000);
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "{heard:?}");
    lab.hang_up("carrier");
    lab.nothing_left();
}

#[test]
fn either_hangs_up_while_the_other_is_asked() {
    for (seed, name) in [(23, "alice"), (24, "carrier")] {
        let mut lab = talking(seed);
        lab.phone("carrier").script.refuses_reinvite = Some(491);
        lab.does("alice", Phone::offer_fax);
        lab.run_ms(500);
        lab.hang_up(name);
        lab.run_ms(1_000);
        assert_eq!((lab.status("alice"), lab.status("carrier")), (Status::Over(0), Status::Over(0)));
        lab.nothing_left();
    }
}

#[test]
fn a_side_that_is_silent_is_given_up() {
    let mut lab = talking(25);
    lab.phone("carrier").script.speaks = false;
    lab.phone("carrier").script.refuses_reinvite = Some(491);
    lab.does("alice", Phone::offer_fax);
    lab.run(Duration::from_secs(21));
    lab.phone("carrier").script.refuses_reinvite = None;
    assert_eq!(lab.ladder().count("engine", "alice", "488"), 1);
    // Ours, which waited, is taken too late, and taken back.
    lab.run(Duration::from_secs(10));
    lab.phone("carrier").script.speaks = true;
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn strangers_send_no_fax() {
    let mut lab = faxing(26);
    for name in ["alice", "carrier"] {
        lab.phone(name).listen();
    }
    for port in lab.media_ports() {
        for number in 0..20 {
            lab.sends_media("10.0.66.6:4000", port, vec![0, number, 1, 0, 0, 0]);
        }
    }
    lab.run_ms(500);
    for name in ["alice", "carrier"] {
        assert!(lab.phone(name).heard().datagrams.is_empty(), "{name}");
    }
    expect_fax(&mut lab);
    end(lab);
}

#[test]
fn a_fax_goes_on_after_the_engine_was_killed() {
    let mut lab = faxing(27);
    lab.run_ms(1_000);
    lab.restart();
    lab.run_ms(200);
    lab.expect_ladder("");
    expect_fax(&mut lab);
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    end(lab);
}
