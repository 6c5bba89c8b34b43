//! Phones that seal their media with keys in their descriptions (SDES, RFC 4568): with whom they talk, what is refused, which keys
//! go on.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{MediaView, Operation, Secured, SrtpPolicy, SrtpSuite};
use trunkline_sip::sdp::Crypto;
use trunkline_tests::{Lab, Plan};

/// What most phones know.
const USUAL: SrtpSuite = SrtpSuite::Aes128CmSha1_80;

/// A key of these bytes.
fn key(suite: SrtpSuite, byte: u8) -> Crypto {
    Crypto { tag: 1, suite: suite.name().to_owned(), key: vec![byte; suite.master_bytes()] }
}

/// The phone of each line seals, or not.
fn lab(seed: u64, policies: &[(&str, SrtpPolicy)], phones: &[(&'static str, Option<Crypto>)]) -> Lab {
    let plan = Plan::seeded(seed).with(|setup| {
        for (address, policy) in policies {
            let line = setup.lines.iter_mut().find(|line| &*line.address == *address);
            line.expect("the lab has the line").srtp = *policy;
        }
    });
    let names: Vec<&str> = phones.iter().map(|(name, _)| *name).collect();
    let mut lab = plan.build().with_registered(&names);
    for (name, key) in phones {
        lab.phone(name).script.srtp.clone_from(key);
    }
    lab
}

/// What the engine described to a phone last.
fn described(lab: &mut Lab, phone: &str) -> String {
    lab.phone(phone).description().expect("the engine described itself").to_owned()
}

/// The lines of keys in that.
fn keys(lab: &mut Lab, phone: &str) -> Vec<String> {
    described(lab, phone).lines().filter(|line| line.starts_with("a=crypto:")).map(str::to_owned).collect()
}

fn media(lab: &Lab, line: &str) -> MediaView {
    let calls = lab.calls("crm").into_iter().filter(|call| &*call.line == line);
    calls.last().and_then(|call| call.media).expect("the call has media")
}

/// Both hear each other, and nothing that comes is under another key.
#[track_caller]
fn expect_sealed_talk(lab: &mut Lab, one: &str, other: &str) {
    lab.expect_talk(one, other);
    let refused = [one, other].map(|name| lab.phone(name).heard().unauthentic);
    assert_eq!(refused, [0, 0]);
}

#[test]
fn a_phone_that_seals_talks_with_one_that_does_not() {
    let mut lab = lab(1, &[], &[("alice", Some(key(USUAL, 1))), ("bob", None)]);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.answer("bob");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine   INVITE
         engine -> alice   401
         alice -> engine   ACK
         alice -> engine   INVITE, RTP/SAVP, a=crypto:1 AES_CM_128_HMAC_SHA1_80
         engine -> bob     INVITE, RTP/AVP, !a=crypto
         bob -> engine     180
         engine -> alice   180
         bob -> engine     200, RTP/AVP
         engine -> bob     ACK
         engine -> alice   200, RTP/SAVP, a=crypto:1 AES_CM_128_HMAC_SHA1_80
         alice -> engine   ACK",
    );
    expect_sealed_talk(&mut lab, "alice", "bob");
    lab.run(Duration::from_secs(5));
    assert_eq!(media(&lab, "1001").secured, Secured::Sdes(USUAL));
    assert_eq!((media(&lab, "1002").secured, lab.flows_in_kernel()), (Secured::Not, 0));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_does_not_seal_calls_a_line_that_requires_it() {
    for suite in SrtpSuite::ALL {
        let required = [("1002", SrtpPolicy::Required)];
        let mut lab = lab(2, &required, &[("alice", None), ("bob", Some(key(suite, 1)))]);
        lab.connected_call("alice", "bob");
        let offered = keys(&mut lab, "bob");
        assert_eq!(offered.len(), SrtpSuite::ALL.len(), "{offered:?}");
        assert!(described(&mut lab, "alice").contains(" RTP/AVP ") && keys(&mut lab, "alice").is_empty());
        expect_sealed_talk(&mut lab, "alice", "bob");
        lab.run(Duration::from_secs(5));
        assert_eq!(media(&lab, "1002").secured, Secured::Sdes(suite));
        lab.hang_up("bob");
        lab.nothing_left();
    }
}

#[test]
fn best_effort_is_plain_with_who_cannot_seal() {
    let optional = [("1002", SrtpPolicy::Optional)];
    let mut lab = lab(3, &optional, &[("alice", None), ("bob", None)]);
    lab.connected_call("alice", "bob");
    assert!(described(&mut lab, "bob").contains(" RTP/AVP "));
    assert_eq!(keys(&mut lab, "bob").len(), SrtpSuite::ALL.len());
    expect_sealed_talk(&mut lab, "alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn what_a_line_does_not_allow_is_488() {
    let unknown = Crypto { suite: "F8_128_HMAC_SHA1_80".to_owned(), ..key(USUAL, 1) };
    let short = Crypto { key: vec![1; 29], ..key(USUAL, 1) };
    for (policy, key) in [
        (SrtpPolicy::Off, Some(key(USUAL, 1))),
        (SrtpPolicy::Required, None),
        (SrtpPolicy::Accept, Some(unknown)),
        (SrtpPolicy::Accept, Some(short)),
        // DTLS needs a certificate, and the lab has none.
        (SrtpPolicy::Dtls, None),
    ] {
        let case = format!("{policy:?} {key:?}");
        let mut lab = lab(4, &[("1001", policy)], &[("alice", key), ("bob", None)]);
        lab.call("alice", "1002");
        lab.run_ms(1_000);
        assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(488), Status::Idle), "{case}");
        lab.nothing_left();
    }
}

#[test]
fn a_phone_that_does_not_take_what_its_line_requires_is_not_talked_to_in_plain() {
    let required = [("1002", SrtpPolicy::Required)];
    for key in [None, Some(Crypto { suite: "F8_128_HMAC_SHA1_80".to_owned(), ..key(USUAL, 1) })] {
        let mut lab = lab(5, &required, &[("alice", None), ("bob", key)]);
        lab.call("alice", "1002");
        lab.run_ms(1_000);
        lab.expect_ladder(
            "engine -> bob     INVITE, RTP/SAVP
             bob -> engine     488
             engine -> bob     ACK
             engine -> bob     INVITE, RTP/SAVP, a=rtpmap:9 G722/8000
             bob -> engine     488
             engine -> bob     ACK",
        );
        assert_eq!(lab.status("alice"), Status::Over(488));
        lab.nothing_left();
    }
}

#[test]
fn hold_keeps_the_keys_and_another_key_gets_another() {
    let mut lab = lab(6, &[], &[("alice", Some(key(USUAL, 1))), ("bob", None)]);
    lab.connected_call("alice", "bob");
    let first = keys(&mut lab, "alice");
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    assert_eq!(keys(&mut lab, "alice"), first);
    expect_sealed_talk(&mut lab, "alice", "bob");
    // Held by the other side she hears music, sealed as all.
    lab.hold("bob");
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.unauthentic == 0, "{heard:?}");
    lab.resume("bob");
    lab.run_ms(500);
    expect_sealed_talk(&mut lab, "alice", "bob");

    for (suite, byte) in [(USUAL, 2), (SrtpSuite::Aes256Gcm, 3)] {
        lab.phone("alice").script.srtp = Some(key(suite, byte));
        let before = keys(&mut lab, "alice");
        lab.resume("alice");
        lab.run_ms(500);
        let after = keys(&mut lab, "alice");
        assert!(after.len() == 1 && after != before && after[0].contains(suite.name()), "{after:?}");
        expect_sealed_talk(&mut lab, "alice", "bob");
    }
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_re_invite_that_would_end_the_protection_is_refused_and_the_keys_go_on() {
    let required = [("1001", SrtpPolicy::Required)];
    let mut lab = lab(7, &required, &[("alice", Some(key(USUAL, 1))), ("bob", None)]);
    lab.connected_call("alice", "bob");
    let unknown = Crypto { suite: "F8_128_HMAC_SHA1_80".to_owned(), ..key(USUAL, 1) };
    for refused in [None, Some(unknown)] {
        lab.phone("alice").script.srtp = refused;
        lab.resume("alice");
        lab.run_ms(500);
        lab.expect_ladder(
            "alice -> engine   INVITE
             engine -> alice   488
             alice -> engine   ACK",
        );
        lab.phone("alice").script.srtp = Some(key(USUAL, 1));
    }
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_transfer_changes_the_other_side_and_not_the_keys() {
    let required = [("1003", SrtpPolicy::Required)];
    let phones =
        [("alice", Some(key(USUAL, 1))), ("bob", None), ("carol", Some(key(SrtpSuite::Aes128Gcm, 5)))];
    let mut lab = lab(8, &required, &phones);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    let before = keys(&mut lab, "alice");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_500);
    assert_eq!(keys(&mut lab, "alice"), before);
    expect_sealed_talk(&mut lab, "alice", "carol");
    lab.run(Duration::from_secs(5));
    let secured = ["1001", "1003"].map(|line| media(&lab, line).secured);
    assert_eq!(secured, [Secured::Sdes(USUAL), Secured::Sdes(SrtpSuite::Aes128Gcm)]);
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn forged_packets_are_counted_on_the_call_and_not_heard() {
    let mut lab = lab(9, &[], &[("alice", Some(key(USUAL, 1))), ("bob", None)]);
    lab.connected_call("alice", "bob");
    let port = lab.media_ports()[0];
    for _ in 0..200 {
        lab.injects_rtp("10.0.1.1:4000", port);
    }
    lab.expect_talk("alice", "bob");
    lab.run(Duration::from_secs(6));
    assert_eq!((media(&lab, "1001").unauthentic, media(&lab, "1002").unauthentic), (200, 0));
    lab.hang_up("bob");
    lab.nothing_left();
}
