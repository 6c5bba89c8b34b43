//! Video beside audio: who offers it, who takes it, and what ends it.

use std::time::Duration;

use trunkline::demo::{OnInvite, Phone, Status};
use trunkline::switch::{Operation, Outcome};
use trunkline_tests::Lab;

/// All three are there, and these have cameras.
fn with_cameras(seed: u64, cameras: &[&str]) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob"]);
    for name in cameras {
        lab.phone(name).script.takes_video = true;
    }
    lab
}

/// The carrier has called Alice, and both show themselves.
fn watching(seed: u64) -> Lab {
    let mut lab = with_cameras(seed, &["alice", "carrier"]);
    lab.connected_call("carrier", "alice");
    lab.ladder().forget();
    lab
}

/// How many messages of the engine to somebody have video refused or taken away.
fn refusals(lab: &mut Lab, name: &str) -> usize {
    lab.ladder().texts("engine", name).iter().filter(|text| text.contains("m=video 0")).count()
}

fn end(mut lab: Lab) {
    lab.hang_up("carrier");
    lab.run_ms(500);
    lab.nothing_left();
}

#[test]
fn video_is_offered_to_the_other_side_and_taken() {
    let mut lab = with_cameras(1, &["alice", "carrier"]);
    lab.ladder().forget();
    lab.call("carrier", "1001");
    lab.run_ms(500);
    lab.answer("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "carrier -> engine  INVITE, m=video, rtpmap:97 H264
         engine -> carrier  100
         engine -> alice    INVITE, m=video, rtpmap:97 H264
         alice -> engine    180
         engine -> carrier  180
         alice -> engine    200, m=video, rtpmap:97 H264
         engine -> alice    ACK
         engine -> carrier  200, m=video, rtpmap:97 H264, !m=video 0
         carrier -> engine  ACK",
    );
    assert_eq!(lab.media_ports().len(), 8, "audio and video of two legs, RTP and RTCP");
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn who_has_no_camera_refuses_it_and_both_speak() {
    let mut lab = with_cameras(2, &["carrier"]);
    lab.call("carrier", "1001");
    lab.run_ms(500);
    lab.answer("alice");
    lab.run_ms(500);
    assert_eq!(refusals(&mut lab, "carrier"), 1);
    assert_eq!(lab.media_ports().len(), 4);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_camera_is_switched_on_and_off() {
    let mut lab = with_cameras(3, &["carrier"]);
    lab.connected_call("carrier", "alice");
    lab.ladder().forget();
    lab.phone("alice").script.takes_video = true;
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine    INVITE, m=video
         engine -> carrier  INVITE, m=video, !m=video 0
         carrier -> engine  200, m=video
         engine -> carrier  ACK
         engine -> alice    200, m=video, !m=video 0
         alice -> engine    ACK",
    );
    assert_eq!(lab.media_ports().len(), 8);
    lab.ladder().forget();
    lab.phone("alice").script.takes_video = false;
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine    INVITE, m=video 0
         engine -> alice    200, m=video 0
         engine -> carrier  INVITE, m=video 0
         alice -> engine    ACK
         carrier -> engine  200, m=video 0
         engine -> carrier  ACK",
    );
    assert_eq!(lab.media_ports().len(), 4);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_hold_says_nothing_to_the_other_side_and_video_comes_back_with_speech() {
    let mut lab = watching(4);
    lab.hold("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine    INVITE, m=video, sendonly
         engine -> alice    200, m=video, recvonly
         alice -> engine    ACK",
    );
    lab.resume("alice");
    lab.run_ms(500);
    assert_eq!(lab.media_ports().len(), 8);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_phone_that_holds_without_its_camera_has_it_back_with_speech() {
    let mut lab = watching(41);
    lab.phone("alice").script.takes_video = false;
    lab.hold("alice");
    lab.run_ms(500);
    assert_eq!(lab.media_ports().len(), 6);
    lab.phone("alice").script.takes_video = true;
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine    INVITE, m=video 0, sendonly
         engine -> alice    200, m=video 0, recvonly
         alice -> engine    ACK
         alice -> engine    INVITE, m=video, !m=video 0
         engine -> alice    200, m=video, !m=video 0
         alice -> engine    ACK",
    );
    assert_eq!(lab.media_ports().len(), 8);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_phone_that_refuses_calls_with_video_is_called_again_without() {
    let mut lab = with_cameras(42, &["carrier"]);
    lab.phone("alice").script.refuses_video = true;
    lab.ladder().forget();
    lab.call("carrier", "1001");
    lab.run_ms(500);
    lab.answer("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "carrier -> engine  INVITE, m=video
         engine -> carrier  100
         engine -> alice    INVITE, m=video, !m=video 0
         alice -> engine    488
         engine -> alice    ACK
         engine -> alice    INVITE, m=video 0
         alice -> engine    180
         engine -> carrier  180
         alice -> engine    200, m=video 0
         engine -> alice    ACK
         engine -> carrier  200, m=video 0
         carrier -> engine  ACK",
    );
    assert_eq!(lab.media_ports().len(), 4);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_phone_that_offers_refused_video_at_each_refresh_asks_nobody() {
    let mut lab = with_cameras(43, &["carrier"]);
    lab.connected_call("carrier", "alice");
    lab.ladder().forget();
    for _ in 0..2 {
        lab.resume("carrier");
        lab.run_ms(500);
    }
    assert_eq!(lab.ladder().count("carrier", "engine", "INVITE"), 2);
    assert_eq!(lab.ladder().count("engine", "alice", "INVITE"), 0);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_transfer_to_a_phone_without_a_camera_ends_video() {
    for (seed, takes) in [(5, false), (6, true)] {
        let mut lab = watching(seed);
        lab.phone("bob").script.takes_video = takes;
        lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_millis(300));
        let call = lab.call_on("crm", "1001").id;
        lab.does_ask("crm", Operation::BlindTransfer { call, to: "1002".to_owned() });
        lab.run_ms(2_000);
        lab.expect_talk("carrier", "bob");
        assert_eq!(lab.media_ports().len(), if takes { 8 } else { 4 });
        assert_eq!(refusals(&mut lab, "carrier"), usize::from(!takes));
        lab.hang_up("bob");
        lab.run_ms(500);
        lab.nothing_left();
    }
}

#[test]
fn a_park_ends_video() {
    let mut lab = watching(7);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Park { call, to: Some("701".to_owned()) });
    lab.run_ms(1_000);
    assert_eq!(refusals(&mut lab, "carrier"), 1);
    assert_eq!(lab.media_ports().len(), 2);
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "{heard:?}");
    end(lab);
}

#[test]
fn either_hangs_up_while_the_other_is_asked_for_video() {
    for (seed, name) in [(8, "alice"), (9, "carrier")] {
        let mut lab = with_cameras(seed, &[]);
        lab.connected_call("carrier", "alice");
        lab.phone("alice").script.takes_video = true;
        lab.resume("alice");
        lab.run_ms(3);
        lab.hang_up(name);
        lab.run_ms(2_000);
        assert_eq!((lab.status("alice"), lab.status("carrier")), (Status::Over(0), Status::Over(0)));
        lab.nothing_left();
    }
}

#[test]
fn a_side_that_refuses_to_be_asked_leaves_both_with_speech() {
    let mut lab = with_cameras(10, &[]);
    lab.connected_call("carrier", "alice");
    lab.phone("carrier").script.refuses_reinvite = Some(488);
    lab.phone("alice").script.takes_video = true;
    lab.resume("alice");
    lab.run_ms(500);
    assert_eq!(refusals(&mut lab, "alice"), 1);
    assert_eq!(lab.media_ports().len(), 4);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn both_switch_their_cameras_on_at_once() {
    for (seed, apart_ms) in [(11, 0), (12, 5), (13, 10), (14, 20)] {
        let mut lab = with_cameras(seed, &[]);
        lab.connected_call("carrier", "alice");
        for name in ["alice", "carrier"] {
            lab.phone(name).script.takes_video = true;
        }
        lab.does("alice", Phone::resume);
        lab.run_ms(apart_ms);
        lab.does("carrier", Phone::resume);
        lab.run_ms(12_000);
        assert_eq!(lab.media_ports().len(), 8, "{apart_ms} ms");
        lab.expect_talk("alice", "carrier");
        end(lab);
    }
}

#[test]
fn video_comes_about_over_a_bad_network() {
    for seed in 20..30 {
        let mut lab = with_cameras(seed, &[]);
        lab.connected_call("carrier", "alice");
        let mut lab = lab.loss_ppm(100_000);
        for name in ["alice", "carrier"] {
            lab.phone(name).script.takes_video = true;
        }
        lab.resume("alice");
        lab.run_ms(40_000);
        let mut lab = lab.loss_ppm(0);
        assert_eq!(lab.media_ports().len(), 8, "{seed}");
        lab.expect_talk("alice", "carrier");
        end(lab);
    }
}

#[test]
fn a_call_goes_on_without_video_after_the_engine_was_killed() {
    let mut lab = watching(31);
    lab.run_ms(1_000);
    lab.restart();
    lab.run_ms(1_000);
    for name in ["alice", "carrier"] {
        assert_eq!(refusals(&mut lab, name), 1, "{name}");
    }
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn a_conference_ends_video() {
    let cameras = ["alice", "bob", "carol"];
    let mut lab = Lab::registered(40, &cameras);
    for name in cameras {
        lab.phone(name).script.takes_video = true;
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::from_millis(300));
    }
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    let first = lab.call_on("crm", "1001").id;
    assert_eq!(lab.media_ports().len(), 8);
    let reply = lab.asks("crm", Operation::SetupConference { call: first, to: None });
    let Ok(Outcome::Conference { conference, consult: Some(consult) }) = reply else { panic!("{reply:?}") };
    lab.does_ask("crm", Operation::Dial { call: consult, digits: "1003".to_owned() });
    lab.run_ms(2_000);
    assert_eq!(lab.media_ports().len(), 10, "Bob waits in the conference, and Carol is seen");
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(1_000);
    for name in cameras {
        assert_eq!(refusals(&mut lab, name), 1, "{name}");
    }
    assert_eq!(lab.media_ports().len(), 6);
    for name in cameras {
        assert!(lab.hears(name, Duration::from_secs(1)).total() >= 45, "{name}");
    }
    lab.hang_up("alice");
    lab.run_ms(1_000);
    for name in ["bob", "carol"] {
        lab.hang_up(name);
    }
    lab.run_ms(500);
    lab.nothing_left();
}
