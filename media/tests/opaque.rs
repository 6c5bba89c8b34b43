//! Datagrams that are no RTP (UDPTL of fax) between two legs that agreed to them.

mod common;

use std::time::Duration;

use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::{Command, Feed, PortPair, Remote, SourcePolicy};

use common::{A, ALICE, B, BOB, Relay, at, far_end, rtp};

const STRANGER: &str = "203.0.113.66:4000";

fn speech(far: &str) -> Command {
    Command::Remote(if far == ALICE { A } else { B }, far_end(at(far)).into())
}

/// A far end that says UDPTL.
fn fax(far: &str) -> Remote {
    Remote { rtcp: None, receive: false, opaque: true, ..far_end(at(far)) }
}

/// Alice on leg A and Bob on leg B, who hear each other.
fn call(network: Simulated) -> Relay {
    let mut relay = Relay::over(network);
    relay.open(A, PortPair(20_000));
    relay.open(B, PortPair(20_002));
    relay.tell(speech(ALICE));
    relay.tell(speech(BOB));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay
}

/// The same two, turned to fax.
fn faxing(network: Simulated) -> Relay {
    let mut relay = call(network);
    relay.tell(Command::Remote(A, fax(ALICE).into()));
    relay.tell(Command::Remote(B, fax(BOB).into()));
    relay
}

/// A datagram of UDPTL with this sequence number.
fn udptl(sequence: u16) -> Vec<u8> {
    let mut datagram = sequence.to_be_bytes().to_vec();
    datagram.extend([6, 0xc0, 1, 0x80, 0, 0, 0xff, 0, 0, 0, 7, 9]);
    datagram
}

#[test]
fn datagrams_pass_both_ways_as_they_are_whatever_they_look_like() {
    let mut relay = faxing(Simulated::new());
    // Version 2 of RTP, RTCP by its type, STUN and DTLS by their first byte.
    for sequence in [0, 1, 0x8000, 0x80c8, 0x0001, 0x16fe] {
        let datagram = udptl(sequence);
        let sent = relay.arrives(20_000, ALICE, &datagram);
        assert_eq!(sent, [Sent { local_port: 20_002, to: at(BOB), packet: datagram.clone() }]);
        let sent = relay.arrives(20_002, BOB, &datagram);
        assert_eq!(sent, [Sent { local_port: 20_000, to: at(ALICE), packet: datagram }]);
    }
    let stats = relay.stats(A);
    assert_eq!((stats.datagrams_received, stats.datagrams_sent), (6, 6));
    assert_eq!((stats.packets_received, stats.packets_sent, stats.malformed, stats.lost), (0, 0, 0, 0));
    assert!(!stats.is_quiet());
}

#[test]
fn what_keeps_a_translator_open_is_no_fax() {
    let mut relay = faxing(Simulated::new());
    let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let keep_alives = [&b""[..], b"\0", b"\r\n", b"\r\n\r\n", &stun];
    for datagram in keep_alives {
        assert!(relay.arrives(20_000, ALICE, datagram).is_empty(), "{datagram:?}");
    }
    let stats = relay.stats(A);
    assert_eq!((stats.datagrams_received, stats.malformed), (0, 5));
    assert_eq!(relay.arrives(20_000, ALICE, &udptl(1)).len(), 1);
}

#[test]
fn strangers_are_not_heard_and_not_learnt() {
    let mut relay = faxing(Simulated::new());
    let window = Duration::from_secs(3);
    let source = SourcePolicy::Learn { signalling: at(ALICE).ip(), window };
    let inside = Remote { source, ..fax("10.0.0.5:4000") };
    relay.tell(Command::Remote(A, inside.into()));
    assert!(relay.arrives(20_002, BOB, &udptl(0)).is_empty(), "nobody knows where Alice is");
    for sequence in 0..10 {
        assert!(relay.arrives(20_000, STRANGER, &udptl(sequence)).is_empty());
        assert!(relay.arrives(20_000, STRANGER, &rtp(1, sequence)).is_empty());
    }
    assert_eq!(relay.stats(A).foreign, 20);
    // From another port of the signalling's address, as a translator has it.
    assert_eq!(relay.arrives(20_000, "192.0.2.1:6000", &udptl(0)).len(), 1);
    assert_eq!(relay.arrives(20_002, BOB, &udptl(1))[0].to, at("192.0.2.1:6000"));
    assert!(relay.arrives(20_000, STRANGER, &udptl(11)).is_empty());
}

#[test]
fn speech_that_is_under_way_is_no_fax() {
    let mut relay = call(Simulated::new());
    relay.says(20_000, ALICE, 7, 0..10);
    relay.tell(Command::Remote(A, fax(ALICE).into()));
    relay.tell(Command::Remote(B, fax(BOB).into()));
    assert!(relay.arrives(20_000, ALICE, &rtp(7, 10)).is_empty());
    let mut report = vec![0x80, 200, 0, 6];
    report.extend(7_u32.to_be_bytes());
    report.resize(28, 0);
    assert!(relay.arrives(20_000, ALICE, &report).is_empty());
    assert!(
        relay.arrives(20_001, "192.0.2.1:4001", &report).is_empty(),
        "on the port of RTCP nothing passes"
    );
    assert_eq!(relay.arrives(20_000, ALICE, &udptl(0x8000)).len(), 1);
    let stats = relay.stats(A);
    assert_eq!((stats.unheard, stats.datagrams_received, stats.packets_received), (3, 1, 10));
}

#[test]
fn one_end_that_still_speaks_hears_no_fax_and_is_not_heard() {
    let mut relay = call(Simulated::new());
    relay.says(20_000, ALICE, 7, 0..3);
    relay.tell(Command::Remote(A, fax(ALICE).into()));
    assert!(relay.arrives(20_000, ALICE, &udptl(0)).is_empty());
    assert!(relay.arrives(20_002, BOB, &rtp(9, 1)).is_empty());
    assert_eq!((relay.stats(A).unheard, relay.stats(B).unheard), (1, 1));
    // Nor does it hear what the relay would say.
    relay.tell(Command::Feed(A, Feed::Silence));
    assert!(relay.wait(Duration::from_secs(1)).is_empty());
}

#[test]
fn after_fax_the_same_two_speak_on_in_one_stream() {
    let mut relay = call(Simulated::new());
    relay.says(20_000, ALICE, 7, 0..5);
    relay.tell(Command::Remote(A, fax(ALICE).into()));
    relay.tell(Command::Remote(B, fax(BOB).into()));
    assert_eq!(relay.arrives(20_000, ALICE, &udptl(0)).len(), 1);
    relay.tell(speech(ALICE));
    relay.tell(speech(BOB));
    let sent = relay.says(20_000, ALICE, 7, 5..10);
    let numbers: Vec<_> = sent.iter().map(|sent| common::header(sent).sequence).collect();
    assert_eq!(numbers, [5, 6, 7, 8, 9]);
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.datagrams_received, stats.lost), (10, 1, 0));
}

#[test]
fn what_is_too_short_or_too_long_is_malformed() {
    let mut relay = faxing(Simulated::new());
    for length in [0, 1, 2, 2_049] {
        assert!(relay.arrives(20_000, ALICE, &vec![0x20; length]).is_empty(), "{length}");
    }
    assert_eq!((relay.stats(A).malformed, relay.stats(A).datagrams_received), (4, 0));
    for length in [3, 2_048] {
        assert_eq!(relay.arrives(20_000, ALICE, &vec![0x20; length]).len(), 1, "{length}");
    }
}

#[test]
fn the_kernel_is_given_no_fax_and_gives_back_the_speech() {
    let mut relay = call(Simulated::with_kernel());
    relay.says(20_000, ALICE, 7, 0..20);
    relay.says(20_002, BOB, 9, 0..20);
    relay.batch();
    assert!(relay.flows() > 0);
    relay.tell(Command::Remote(A, fax(ALICE).into()));
    relay.tell(Command::Remote(B, fax(BOB).into()));
    assert_eq!(relay.flows(), 0);
    for sequence in 0..50 {
        assert_eq!(relay.arrives(20_000, ALICE, &udptl(sequence)).len(), 1);
        relay.wait(Duration::from_millis(20));
    }
    assert_eq!(relay.flows(), 0);
}

#[test]
fn a_fax_that_says_nothing_for_long_is_no_fault() {
    let mut relay = faxing(Simulated::new());
    relay.arrives(20_000, ALICE, &udptl(0));
    relay.wait(Duration::from_secs(300));
    assert_eq!(relay.silences(), 0);
}

#[test]
fn legs_that_move_to_another_worker_go_on() {
    let mut relay = faxing(Simulated::new());
    relay.arrives(20_000, ALICE, &udptl(0));
    for leg in [A, B] {
        relay.tell(Command::Detach(leg));
        let Some(trunkline_media::Event::Detached { leg, parcel }) = relay.events.pop() else { panic!() };
        relay.tell(Command::Attach { leg, parcel });
    }
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    assert_eq!(relay.arrives(20_000, ALICE, &udptl(1)).len(), 1);
}

#[test]
fn a_named_source_that_is_silent_for_long_keeps_its_place() {
    let mut relay = faxing(Simulated::new());
    assert_eq!(relay.arrives(20_000, ALICE, &udptl(0)).len(), 1);
    relay.wait(Duration::from_secs(20));
    assert!(relay.arrives(20_000, "192.0.2.1:9", &udptl(1)).is_empty(), "the same host, another port");
    assert_eq!(relay.arrives(20_002, BOB, &udptl(1))[0].to, at(ALICE));
    assert_eq!(relay.arrives(20_000, ALICE, &udptl(1)).len(), 1);
}
