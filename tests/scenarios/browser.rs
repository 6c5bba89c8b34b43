//! Browser phones: what they are offered when they are called, and answered when they call. The relay has no certificate here, so
//! nobody hears anything; tests/e2e/browser.rs hears both.

use trunkline::demo::Status;
use trunkline::switch::SrtpPolicy;
use trunkline_tests::{Lab, Plan};

/// Bob's phone is a browser that registers by WebSocket, and Alice's another, which speaks UDP.
fn lab(seed: u64, policy: SrtpPolicy) -> Lab {
    let plan = Plan::seeded(seed).certified().wss("bob").with(|setup| {
        setup.lines.iter_mut().for_each(|line| line.srtp = policy);
    });
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    let fingerprint = vec!["07"; 32].join(":");
    lab.phone("bob").script.attributes = format!(
        "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
         a=candidate:1 1 UDP 2130706431 10.0.1.2 4000 typ host\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:active\r\na=mid:0\r\na=msid:stream track\r\na=ssrc:7 cname:bob\r\na=rtcp-mux\r\n"
    );
    lab
}

fn described(lab: &mut Lab, phone: &str) -> String {
    lab.phone(phone).description().expect("the engine described itself").to_owned()
}

/// Nothing of a browser's description.
#[track_caller]
fn expect_plain(lab: &mut Lab, phone: &str) {
    let text = described(lab, phone);
    assert!(text.contains("RTP/AVP "), "{text}");
    for line in ["a=ice", "a=candidate", "a=fingerprint", "a=setup", "a=mid", "a=group", "a=msid", "a=ssrc"] {
        assert!(!text.contains(line), "{text}");
    }
}

#[test]
fn a_browser_that_is_called_is_offered_ice_a_handshake_and_one_port() {
    let mut lab = lab(1, SrtpPolicy::Accept);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   INVITE
         engine -> alice   401
         alice -> engine   ACK
         alice -> engine   INVITE, RTP/AVP
         engine -> bob     INVITE, UDP/TLS/RTP/SAVPF, a=ice-lite, a=group:BUNDLE 0, a=rtcp-mux, a=setup:actpass, a=mid:0
         bob -> engine     180
         engine -> alice   180
         bob -> engine     200, UDP/TLS/RTP/SAVPF
         engine -> bob     ACK
         engine -> alice   200, RTP/AVP, !a=rtcp-mux
         alice -> engine   ACK",
    );
    expect_plain(&mut lab, "alice");
    let text = described(&mut lab, "bob");
    assert_eq!(text.matches(" typ host\n").count(), 1, "one candidate, for RTP and RTCP: {text}");
    let candidate = text.lines().find(|line| line.starts_with("a=candidate:")).expect("a candidate");
    let section = text.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("an audio section");
    let port = section.split(' ').next().expect("a port");
    assert!(candidate.contains(&format!(" 10.0.0.1 {port} typ host")), "{text}");
    assert!(text.contains("a=fingerprint:sha-256 09:09:"), "{text}");

    // Before the handshake nothing passes, in either direction.
    for name in ["alice", "bob"] {
        lab.phone(name).listen();
    }
    lab.run_ms(1_000);
    assert_eq!(lab.phone("bob").heard().total(), 0, "nothing is sent in clear");
    assert_eq!(lab.phone("alice").heard().voice("1002"), 0, "nothing is believed");

    // A hold of the other phone is none of its business.
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    assert_eq!(described(&mut lab, "bob"), text);
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_browser_that_calls_is_answered_as_it_asks_and_the_other_phone_is_offered_plain_audio() {
    let mut lab = lab(2, SrtpPolicy::Accept);
    lab.phone("bob").script.attributes.push_str("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
    lab.connected_call("bob", "alice");
    expect_plain(&mut lab, "alice");
    assert!(!described(&mut lab, "alice").contains("extmap"));
    let text = described(&mut lab, "bob");
    for line in ["UDP/TLS/RTP/SAVPF", "a=ice-lite\n", "a=setup:passive\n", "a=rtcp-mux\n", " typ host\n"] {
        assert!(text.contains(line), "{text}");
    }
    let credentials = |text: &str| {
        text.lines().filter(|line| line.starts_with("a=ice-")).map(str::to_owned).collect::<Vec<_>>()
    };
    lab.hold("bob");
    lab.run_ms(500);
    let held = described(&mut lab, "bob");
    assert!(held.contains("a=recvonly\n") && credentials(&held) == credentials(&text), "{held}");
    lab.resume("bob");
    lab.run_ms(500);
    lab.hang_up("bob");
    lab.nothing_left();
}

/// What browsers need is not what the administrator allows: such a phone is offered plain audio, and a browser refuses it.
#[test]
fn a_line_without_srtp_offers_none_to_a_browser() {
    let mut lab = lab(3, SrtpPolicy::Off);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(488));
    lab.expect_ladder(
        "alice -> engine   INVITE
         engine -> alice   401
         alice -> engine   ACK
         alice -> engine   INVITE, RTP/AVP
         engine -> bob     INVITE, RTP/AVP, !a=ice, !a=fingerprint, !a=group, !a=mid
         bob -> engine     488
         engine -> bob     ACK
         engine -> alice   488
         alice -> engine   ACK",
    );
    lab.nothing_left();
}
