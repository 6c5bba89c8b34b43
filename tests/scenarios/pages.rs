//! Page groups, on the wire: phones answer by themselves and hear one who hears none of them.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::SrtpSuite;
use trunkline::switch::setup::PageSetup;
use trunkline_sip::sdp::Crypto;
use trunkline_tests::{Lab, Plan};

/// 650 are Bob, Carol and Dave.
fn lab(seed: u64, phones: &[&str]) -> Lab {
    let page = PageSetup::new("650", &["1002", "1003", "1004"]);
    let page = PageSetup { name: "Everybody".to_owned(), longest: Duration::from_secs(20), ..page };
    Plan::seeded(seed).with(|setup| setup.pages = vec![page]).build().with_registered(phones)
}

#[test]
fn members_answer_by_themselves_and_hear_the_caller_who_hears_silence() {
    let mut lab = lab(1, &["alice", "bob", "carol"]);
    lab.call("alice", "650");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine  INVITE sip:650@
         engine -> alice  401
         alice -> engine  ACK
         alice -> engine  INVITE
         engine -> bob    INVITE, answer-after=0, Answer-Mode: Auto, To: \"Everybody\" <sip:650@pbx.example>
         engine -> carol  INVITE, answer-after=0
         bob -> engine    200
         carol -> engine  200
         engine -> bob    ACK
         engine -> carol  ACK
         engine -> alice  200
         alice -> engine  ACK",
    );
    for phone in ["bob", "carol"] {
        let heard = lab.hears(phone, Duration::from_secs(1));
        assert!(heard.voice("1001") >= 45 && heard.total() == heard.voice("1001"), "{phone}: {heard:?}");
    }
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.silence() >= 45 && heard.total() == heard.silence(), "{heard:?}");
    lab.expect_states("crm", "1001", "dialing as owner, proceeding, connected active");
    lab.expect_states("crm", "1003", "offering active as owner, connected active");
    let call = lab.call_on("crm", "1003");
    assert_eq!((call.redirecting.number.as_str(), call.connected.number.as_str()), ("650", "1001"));
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.hears("carol", Duration::from_secs(1)).voice("1001"), 50);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn members_with_keys_and_other_codecs_hear_the_same() {
    let mut lab = lab(2, &["alice", "bob", "carol", "dave"]);
    lab.phone("alice").script.tone_hz = Some(400);
    lab.phone("alice").script.formats = vec![0, 101];
    let suite = SrtpSuite::Aes128CmSha1_80;
    let key = Crypto { tag: 1, suite: suite.name().to_owned(), key: vec![3; suite.master_bytes()] };
    lab.phone("carol").script.srtp = Some(key);
    lab.phone("dave").script.formats = vec![8];
    lab.reload(|setup| {
        let carol = setup.lines.iter_mut().find(|line| &*line.address == "1003").expect("a line of the lab");
        carol.srtp = trunkline::switch::SrtpPolicy::Required;
    });
    lab.call("alice", "650");
    lab.run_ms(1_000);
    for phone in ["bob", "carol", "dave"] {
        let heard = lab.hears(phone, Duration::from_secs(1));
        assert!(heard.level(400) > 3_000.0, "{phone}: {}", heard.level(400));
        assert_eq!((heard.unauthentic, heard.jumps, heard.sources.len()), (0, 0, 1), "{phone}");
    }
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_talks_and_whose_phone_only_rings_are_left_alone() {
    let mut lab = lab(3, &["alice", "bob", "carol", "dave"]);
    lab.phone("dave").script.auto_answers = false;
    lab.phone("dave").script.on_invite = OnInvite::Ring;
    lab.call("carrier", "1003");
    lab.run_ms(500);
    lab.answer("carol");
    lab.run_ms(500);
    lab.call("alice", "650");
    lab.run(Duration::from_secs(4));
    assert_eq!((lab.status("bob"), lab.status("dave")), (Status::Connected, Status::Ringing));
    lab.run(Duration::from_secs(2));
    assert_eq!(lab.status("dave"), Status::Over(487));
    lab.expect_talk("carol", "carrier");
    // Twenty seconds are the most.
    lab.run(Duration::from_secs(14));
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.hang_up("carol");
    lab.run_ms(500);
    lab.call("dave", "650");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Connected);
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.status("dave"), Status::Over(0), "nobody is left");
    lab.nothing_left();
}

#[test]
fn whoever_hangs_up_when_nobody_is_left_over_whatever_is_lost() {
    for seed in 10..20 {
        let mut lab = lab(seed, &["alice", "bob", "carol", "dave"]).loss_ppm(100_000);
        lab.call("alice", "650");
        lab.run_ms(seed * 150 - 1_000);
        lab.hang_up("bob");
        lab.run_ms(seed % 3 * 400);
        lab.hang_up("alice");
        lab.run(Duration::from_secs(40));
        for phone in ["bob", "carol", "dave"] {
            assert!(!matches!(lab.status(phone), Status::Ringing | Status::Connected), "{phone} with {seed}");
        }
        lab.nothing_left();
    }
}
