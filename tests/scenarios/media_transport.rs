//! How media travels: families of addresses, shared ports, connectivity checks, ports that run out, streams that go on.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use trunkline::demo::Status;
use trunkline_media::QUARANTINE;
use trunkline_tests::{Lab, Plan};

/// Where Alice's and Bob's phones send RTP from.
const ALICE: &str = "10.0.1.1:4000";
const BOB_RTCP: &str = "10.0.1.2:4001";
/// Nobody of the call.
const MALLORY: &str = "10.0.66.6:4000";

#[test]
fn a_phone_of_ipv6_talks_with_one_of_ipv4() {
    let mut lab = Plan::seeded(1).six("alice").build().with_registered(&["alice", "bob"]);
    for (caller, callee) in [("alice", "bob"), ("bob", "alice")] {
        lab.connected_call(caller, callee);
        lab.expect_talk("alice", "bob");
        assert!(described(&mut lab, "alice").contains("c=IN IP6 fd00::1\n"));
        assert!(described(&mut lab, "bob").contains("c=IN IP4 10.0.0.1\n"));
        lab.hang_up(callee);
        lab.run_ms(500);
    }
    lab.nothing_left();
}

#[test]
fn rtcp_shares_the_port_where_that_was_offered() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    lab.stranger("alice-rtcp", "10.0.1.1:4001");
    for (attributes, shared) in [("a=rtcp-mux\r\n", true), ("", false)] {
        attributes.clone_into(&mut lab.phone("alice").script.attributes);
        lab.connected_call("alice", "bob");
        assert_eq!(described(&mut lab, "alice").contains("a=rtcp-mux\n"), shared);
        lab.expect_talk("alice", "bob");
        let ssrc = lab.phone("alice").heard().sources[0];
        lab.received("alice-rtcp");
        for port in lab.media_ports().into_iter().filter(|port| port % 2 == 1) {
            lab.sends_media(BOB_RTCP, port, sender_report(ssrc));
        }
        lab.run_ms(100);
        // Bob did not agree to share, and his port is his own whatever Alice does with hers.
        assert_eq!(lab.received("alice-rtcp").len(), usize::from(!shared));
        lab.hang_up("bob");
        lab.run_ms(500);
    }
    lab.nothing_left();
}

#[test]
fn a_phone_that_checks_connectivity_is_sent_nothing_before_a_check() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.stranger("mallory", MALLORY);
    let (ufrag, password) = calls_and_checks(&mut lab);
    assert_eq!(heard(&mut lab, "alice"), 0, "no check was made");

    // Who does not know the password has no answer, and no media.
    for port in lab.media_ports() {
        for forged in [check(&ufrag, "a-password-that-is-wrong"), check("else", &password), check("", "")] {
            lab.sends_media(MALLORY, port, forged);
        }
    }
    assert_eq!(heard(&mut lab, "alice"), 0);
    assert_eq!(lab.received("mallory").len(), 0);

    for port in lab.media_ports() {
        lab.sends_media(ALICE, port, check(&ufrag, &password));
    }
    assert!(heard(&mut lab, "alice") >= 45, "the nominated source is spoken to");
    assert!(!described(&mut lab, "bob").contains("ice"), "Bob's leg is another");
    lab.hang_up("alice");
    lab.nothing_left();
}

/// Names and passwords of ICE outlive the process: a phone that goes on checking finds the agent that it knows.
#[test]
fn a_phone_that_checks_connectivity_goes_on_after_a_crash() {
    let mut lab = Lab::registered(10, &["alice", "bob"]);
    lab.stranger("mallory", MALLORY);
    let (ufrag, password) = calls_and_checks(&mut lab);
    lab.run_ms(1_000);
    lab.restart();
    assert_eq!(heard(&mut lab, "alice"), 0, "nobody has proved that it wants to hear");
    for port in lab.media_ports() {
        lab.sends_media(MALLORY, port, check(&ufrag, "a-password-that-is-wrong"));
        lab.sends_media(MALLORY, port, check("else", &password));
    }
    assert_eq!((heard(&mut lab, "alice"), lab.received("mallory").len()), (0, 0));
    for port in lab.media_ports() {
        lab.sends_media(ALICE, port, check(&ufrag, &password));
    }
    assert!(heard(&mut lab, "alice") >= 45, "the agent is the one that it was");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn two_hundred_packets_of_a_stranger_before_and_during_a_call_are_not_heard_and_draw_nothing() {
    for (seed, mut lab) in [(4, Plan::seeded(4).build()), (5, Plan::seeded(5).translated("alice").build())] {
        lab.stranger("mallory", MALLORY);
        lab = lab.with_registered(&["alice", "bob"]);
        lab.call("alice", "1002");
        lab.run_ms(500);
        attack(&mut lab, 200);
        lab.answer("bob");
        lab.run_ms(500);
        for _ in 0..4 {
            lab.phone("alice").listen();
            lab.phone("bob").listen();
            attack(&mut lab, 50);
            lab.run_ms(1_000);
            for name in ["alice", "bob"] {
                let heard = lab.phone(name).heard().clone();
                assert_eq!((heard.tone(), heard.foreign, heard.malformed), (0, 0, 0), "{name}: {heard:?}");
                assert!(heard.total() >= 45, "{name}: {heard:?}");
            }
        }
        assert_eq!(lab.received("mallory").len(), 0, "seed {seed}");
        lab.hang_up("alice");
        lab.nothing_left();
    }
}

#[test]
fn calls_beyond_the_ports_are_refused_for_a_while() {
    // For the second range the third caller's own leg has the last pair, and the one that it calls has none.
    for (seed, last) in [(6, 20_007), (7, 20_009)] {
        let few = |setup: &mut trunkline::switch::Setup| setup.media.ports = 20_000..=last;
        // Bob's other phone calls and is not called.
        let phones = ["alice", "bob", "carol", "dave"];
        let mut lab = Plan::seeded(seed).with(few).build().with_registered(&phones);
        lab.connected_call("alice", "bob");
        lab.connected_call("carol", "dave");
        for _ in 0..3 {
            lab.call("bob-home", "1003");
            lab.run_ms(500);
            assert_eq!(lab.status("bob-home"), Status::Over(503));
            lab.run(QUARANTINE);
        }
        lab.expect_talk("alice", "bob");
        lab.hang_up("alice");
        lab.run_ms(500);
        lab.call("bob-home", "1001");
        lab.run_ms(500);
        assert_eq!(lab.status("bob-home"), Status::Over(503), "the ports are in quarantine");
        lab.run(QUARANTINE);
        lab.connected_call("bob-home", "alice");
        lab.hang_up("alice");
        lab.hang_up("carol");
        lab.nothing_left();
    }
}

#[test]
fn one_stream_goes_on_through_hold_and_music_unless_that_is_turned_off() {
    for (lab, continues) in [(Plan::seeded(8), true), (Plan::seeded(9).without_continuity(), false)] {
        let mut lab = lab.build().with_registered(&["alice", "bob"]);
        lab.connected_call("alice", "bob");
        lab.phone("bob").listen();
        lab.run_ms(500);
        lab.hold("alice");
        lab.run_ms(1_000);
        lab.resume("alice");
        lab.run_ms(1_000);
        let heard = lab.phone("bob").heard().clone();
        assert!(heard.tone() > 0 && heard.voice("1001") > 0, "{heard:?}");
        assert_eq!((heard.sources.len() == 1, heard.jumps), (continues, 0), "{heard:?}");
        lab.hang_up("alice");
        lab.nothing_left();
    }
}

/// A stranger sends valid RTP, in sequence and of one SSRC, and reports to every port there is.
fn attack(lab: &mut Lab, packets: u16) {
    for port in lab.media_ports() {
        for n in 0..packets {
            let [high, low] = n.to_be_bytes();
            let mut packet = vec![0x31; 172];
            packet[..12].copy_from_slice(&[0x80, 0, high, low, 0, 0, high, low, 6, 6, 6, 6]);
            lab.sends_media(MALLORY, port, packet);
        }
        lab.sends_media(MALLORY, port, sender_report(0x0606_0606));
    }
}

/// How many packets a phone hears in a second.
fn heard(lab: &mut Lab, name: &str) -> u64 {
    lab.phone(name).listen();
    lab.run_ms(1_000);
    lab.phone(name).heard().total()
}

/// Alice calls Bob as an agent that checks connectivity and says nothing; the name and the password that she was answered.
fn calls_and_checks(lab: &mut Lab) -> (String, String) {
    let alice = lab.phone("alice");
    alice.script.attributes = "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
                               a=candidate:1 1 UDP 2130706431 10.0.1.1 4000 typ host\r\n"
        .to_owned();
    alice.script.speaks = false;
    lab.connected_call("alice", "bob");
    let text = described(lab, "alice");
    assert!(text.contains("a=ice-lite\n") && text.contains(" typ host\n"), "{text}");
    let value = |name: &str| {
        text.split_once(name).and_then(|(_, rest)| rest.lines().next()).expect("it is answered").to_owned()
    };
    (value("a=ice-ufrag:"), value("a=ice-pwd:"))
}

fn described(lab: &mut Lab, name: &str) -> String {
    lab.phone(name).description().unwrap_or_default().to_owned()
}

/// RFC 3550 §6.4.1, without report blocks.
fn sender_report(ssrc: u32) -> Vec<u8> {
    let mut report = vec![0; 28];
    report[..4].copy_from_slice(&[0x80, 200, 0, 6]);
    report[4..8].copy_from_slice(&ssrc.to_be_bytes());
    report
}

/// A Binding request that nominates its source (RFC 8445 §7.1).
fn check(ufrag: &str, password: &str) -> Vec<u8> {
    let name = format!("{ufrag}:8hhY");
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend(b"transaction.");
    add(&mut packet, 0x0006, name.as_bytes());
    add(&mut packet, 0x0024, &[0x6e, 0, 1, 0xff]);
    add(&mut packet, 0x0025, &[]);
    set_length(&mut packet, 24);
    let mut proof =
        Hmac::<Sha1>::new_from_slice(password.as_bytes()).expect("HMAC takes a key of any length");
    proof.update(&packet);
    let proof = proof.finalize().into_bytes();
    add(&mut packet, 0x0008, &proof);
    set_length(&mut packet, 8);
    let crc = packet.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    let mark = !crc ^ 0x5354_554e;
    add(&mut packet, 0x8028, &mark.to_be_bytes());
    packet
}

fn add(packet: &mut Vec<u8>, kind: u16, value: &[u8]) {
    packet.extend(kind.to_be_bytes());
    packet.extend(u16::try_from(value.len()).expect("a short value").to_be_bytes());
    packet.extend(value);
    packet.resize(packet.len().next_multiple_of(4), 0);
    set_length(packet, 0);
}

/// The length in the header, with so many bytes to come.
fn set_length(packet: &mut [u8], more: usize) {
    let length = u16::try_from(packet.len() - 20 + more).expect("a short packet");
    packet[2..4].copy_from_slice(&length.to_be_bytes());
}
