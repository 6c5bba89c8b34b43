//! The relay in virtual time: commands and datagrams in, datagrams and events out, on a network that is a value.
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::{
    CallProgress, Codec, Codecs, Command, ConferenceId, Detection, DigitVia, Event, Feed, LegId, PortPair,
    Remote, SourcePolicy, g711,
};

use common::{A, ALICE, B, BOB, Relay, at, far_end, header, rtp};

const A_PORTS: PortPair = PortPair(20_000);
const B_PORTS: PortPair = PortPair(20_002);
fn remote(rtp: &str) -> Remote {
    far_end(at(rtp))
}

/// Alice on leg A and Bob on leg B, each hearing the other.
fn call() -> Relay {
    let mut relay = Relay::over(Simulated::new());
    relay.open(A, A_PORTS);
    relay.open(B, B_PORTS);
    relay.tell(Command::Remote(A, remote(ALICE).into()));
    relay.tell(Command::Remote(B, remote(BOB).into()));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay
}

#[test]
fn audio_passes_both_ways_unchanged() {
    let mut relay = call();
    for n in 0..100 {
        let sent = relay.arrives(20_000, ALICE, &rtp(7, n));
        assert_eq!(sent, [Sent { local_port: 20_002, to: at(BOB), packet: rtp(7, n) }]);
        let sent = relay.arrives(20_002, BOB, &rtp(9, n));
        assert_eq!(sent, [Sent { local_port: 20_000, to: at(ALICE), packet: rtp(9, n) }]);
    }
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.packets_sent), (100, 100));
    assert_eq!((stats.bytes_received, stats.lost, stats.unheard), (17_200, 0, 0));
}

#[test]
fn a_far_end_that_moves_to_another_port_is_heard_at_once_whatever_was_under_way() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    let moved = "192.0.2.1:4100";
    relay.tell(Command::Remote(A, remote(moved).into()));
    assert_eq!(relay.arrives(20_000, ALICE, &rtp(7, 2)).len(), 1, "it was under way");
    assert_eq!(relay.arrives(20_002, BOB, &rtp(9, 1))[0].to, at(moved));
    assert_eq!(relay.arrives(20_000, moved, &rtp(8, 1)).len(), 1);
    assert!(relay.arrives(20_000, ALICE, &rtp(7, 3)).is_empty());
    assert_eq!(relay.stats(A).foreign, 1);
}

#[test]
fn who_is_to_speak_from_another_address_has_its_time_for_it() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    relay.wait(Duration::from_millis(9_900));
    relay.arrives(20_000, ALICE, &rtp(7, 2));
    relay.arrives(20_002, BOB, &rtp(9, 2));
    relay.wait(Duration::from_millis(9_900));
    relay.tell(Command::Remote(A, remote("192.0.2.1:4100").into()));
    relay.arrives(20_002, BOB, &rtp(9, 3));
    relay.wait(Duration::from_millis(9_900));
    assert_eq!(relay.silences(), 0);
    relay.arrives(20_002, BOB, &rtp(9, 4));
    relay.wait(Duration::from_millis(200));
    assert_eq!(relay.silences(), 1);
}

#[test]
fn the_answer_goes_to_where_the_far_end_speaks_from() {
    let mut relay = call();
    relay.arrives(20_000, "192.0.2.1:4444", &rtp(7, 1));
    assert!(
        matches!(relay.events[..], [Event::Latched { leg: A, source }] if source == at("192.0.2.1:4444"))
    );
    assert_eq!(relay.arrives(20_002, BOB, &rtp(9, 1))[0].to, at("192.0.2.1:4444"));
}

#[test]
fn strangers_neither_speak_nor_hear() {
    let mut relay = call();
    for n in 0..200 {
        assert!(relay.arrives(20_000, "127.0.0.9:6666", &rtp(66, n)).is_empty());
        assert!(relay.arrives(20_002, "127.0.0.9:6666", &rtp(66, n)).is_empty());
    }
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    for n in 0..200 {
        assert!(relay.arrives(20_000, "192.0.2.1:6666", &rtp(7, n)).is_empty());
        let sent = relay.arrives(20_002, BOB, &rtp(9, n));
        assert_eq!(sent.iter().map(|sent| sent.to).collect::<Vec<_>>(), [at(ALICE)]);
    }
    assert_eq!((relay.stats(A).foreign, relay.stats(B).foreign), (400, 200));
}

#[test]
fn music_on_hold_keeps_the_stream_that_the_phone_knows() {
    let mut relay = call();
    for n in 0..5 {
        relay.arrives(20_000, ALICE, &rtp(7, n));
    }
    relay.tell(Command::Feed(B, Feed::Music(Arc::new([8_000; 50]))));
    let music = relay.wait(Duration::from_millis(99));
    assert_eq!(music.len(), 5);
    let first = header(&music[0]);
    assert!(first.marker);
    assert_eq!((first.ssrc, first.sequence, first.timestamp), (7, 5, 5 * 160));
    assert!(
        music.iter().all(|sent| sent.to == at(BOB) && header(sent).ssrc == 7 && sent.packet.len() == 172)
    );
    assert!(music[4].packet[12..].iter().all(|byte| *byte == g711::encode(g711::Law::Mu, 8_000)));
    assert!(relay.arrives(20_000, ALICE, &rtp(7, 6)).is_empty(), "held audio is not heard");
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    let back = header(&relay.arrives(20_000, ALICE, &rtp(7, 200))[0]);
    assert_eq!((back.marker, back.ssrc, back.sequence), (true, 7, 10));
    assert!(relay.wait(Duration::from_secs(1)).is_empty(), "the music has stopped");
}

#[test]
fn a_transfer_keeps_the_stream_that_the_phone_knows() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 100));
    relay.open(LegId(3), PortPair(20_004));
    relay.tell(Command::Remote(LegId(3), remote("192.0.2.3:6000").into()));
    relay.tell(Command::Feed(B, Feed::Leg(LegId(3))));
    let carol = relay.arrives(20_004, "192.0.2.3:6000", &rtp(33, 60_000));
    assert_eq!((header(&carol[0]).ssrc, header(&carol[0]).sequence), (7, 101));
    assert!(relay.arrives(20_000, ALICE, &rtp(7, 101)).is_empty());
    assert_eq!(relay.stats(A).unheard, 1);
}

#[test]
fn several_legs_may_hear_one_each_in_its_own_stream() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    relay.open(LegId(3), PortPair(20_004));
    relay.tell(Command::Remote(LegId(3), remote("192.0.2.3:6000").into()));
    relay.tell(Command::Feed(LegId(3), Feed::Leg(B)));
    relay.arrives(20_002, BOB, &rtp(9, 1));
    relay.tell(Command::Feed(LegId(3), Feed::Leg(A)));
    let sent = relay.arrives(20_000, ALICE, &rtp(7, 2));
    let ssrcs: Vec<_> = sent.iter().map(|sent| (sent.to, header(sent).ssrc)).collect();
    assert_eq!(ssrcs, [(at(BOB), 7), (at("192.0.2.3:6000"), 9)]);
}

#[test]
fn nothing_is_played_to_a_far_end_that_may_not_be_sent_to() {
    let mut relay = call();
    relay.tell(Command::Feed(B, Feed::Tone(CallProgress::Ringback.cadence("us"))));
    relay.tell(Command::Remote(B, Remote { send: false, ..remote(BOB) }.into()));
    assert!(relay.wait(Duration::from_secs(1)).is_empty());
    relay.tell(Command::Remote(B, Remote { codecs: Codecs::default(), ..remote(BOB) }.into()));
    assert!(relay.wait(Duration::from_secs(1)).is_empty());
    relay.tell(Command::Remote(B, remote(BOB).into()));
    assert_eq!(relay.wait(Duration::from_secs(1)).len(), 50);
}

#[test]
fn silence_is_told_once_and_again_only_after_speech() {
    let mut relay = call();
    relay.tell(Command::Remote(B, Remote { receive: false, ..remote(BOB) }.into()));
    relay.wait(Duration::from_secs(9));
    assert_eq!(relay.silences(), 0);
    relay.wait(Duration::from_secs(60));
    assert_eq!(relay.silences(), 1, "{:?}", relay.events);
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    relay.wait(Duration::from_secs(9));
    assert_eq!(relay.silences(), 1);
    relay.wait(Duration::from_secs(60));
    assert_eq!(relay.silences(), 2);
}

#[test]
fn a_silence_of_no_time_is_told_once_too() {
    let mut relay = Relay::over(Simulated::new());
    let address = "192.0.2.100".parse().unwrap();
    let silent_after = Some(Duration::ZERO);
    relay.tell(Command::Open { leg: A, ports: A_PORTS, address, silent_after });
    relay.tell(Command::Remote(A, remote(ALICE).into()));
    assert_eq!(relay.worker.deadline(), Some(relay.now + trunkline_media::limits::SILENCE_MIN));
    relay.wait(Duration::from_secs(1));
    assert_eq!(relay.silences(), 1);
}

#[test]
fn holding_again_and_again_leaves_one_watch() {
    let mut relay = call();
    for _ in 0..1_000 {
        relay.tell(Command::Remote(A, Remote { receive: false, ..remote(ALICE) }.into()));
        relay.tell(Command::Remote(A, remote(ALICE).into()));
    }
    relay.tell(Command::Close(B));
    relay.wait(Duration::from_secs(11));
    assert_eq!(relay.silences(), 1);
}

#[test]
fn reports_are_relayed_in_the_numbers_of_the_hearer() {
    let mut relay = call();
    relay.arrives(20_002, BOB, &rtp(9, 1));
    relay.tell(Command::Feed(A, Feed::Silence));
    relay.wait(Duration::from_millis(30));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.arrives(20_002, BOB, &rtp(9, 2));
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9];
    report.extend([0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let sent = relay.arrives(20_001, "192.0.2.1:4001", &report);
    assert_eq!((sent[0].local_port, sent[0].to), (20_003, at("192.0.2.2:5001")));
    assert_eq!(
        sent[0].packet[16..20],
        [0, 0, 0, 2],
        "Bob's own sequence number, not the one after the silence"
    );
    assert!(relay.arrives(20_001, "203.0.113.66:4001", &report).is_empty());
    assert!(relay.arrives(20_001, "192.0.2.1:4001", &rtp(7, 3)).is_empty(), "no audio on the odd port");
    assert_eq!((relay.stats(A).rtcp_received, relay.stats(B).rtcp_sent), (1, 1));
}

/// An RTCP packet of 32-bit words.
fn rtcp(count: u8, kind: u8, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind, 0, u8::try_from(words.len()).unwrap()];
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

#[test]
fn each_way_is_measured_by_itself() {
    let mut relay = call();
    // Alice's network loses the third.
    for sequence in [1, 2, 4] {
        relay.arrives(20_000, ALICE, &rtp(7, sequence));
        relay.wait(Duration::from_millis(20));
    }
    relay.arrives(20_002, BOB, &rtp(9, 1));
    relay.arrives(20_001, "192.0.2.1:4001", &rtcp(0, 200, &[7, 0x0001_8000, 0x4000_0000, 640, 4, 640]));
    relay.wait(Duration::from_millis(580));
    // Bob misses the third and another; he had the report for half a second.
    let block = [7, 0x2000_0002, 4, 40, 0x8000_4000, 32_768];
    let sent = relay.arrives(20_003, "192.0.2.2:5001", &rtcp(1, 201, &[&[9], &block[..]].concat()));
    assert_eq!(sent[0].to, at("192.0.2.1:4001"), "it is passed on, too");
    let (alice, bob) = (relay.stats(A), relay.stats(B));
    assert_eq!((alice.lost, alice.late, alice.duplicates, alice.payload_type), (1, 0, 0, Some(0)));
    assert_eq!((alice.reported, alice.round_trip_us), (None, None));
    let reported = bob.reported.unwrap();
    assert_eq!((reported.lost, reported.fraction_lost, reported.jitter_us), (1, 32, 5_000));
    assert_eq!(bob.round_trip_us, Some(80_000));
}

#[test]
fn the_relays_own_reports_are_answered_too() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    relay.tell(Command::Feed(A, Feed::Tone(CallProgress::Ringback.cadence("us"))));
    let sent = relay.wait(Duration::from_secs(6));
    let report = sent.iter().find(|sent| sent.local_port == 20_001).expect("a report within five seconds");
    let word = |at: usize| u32::from_be_bytes(report.packet[at..at + 4].try_into().unwrap());
    // The answer says that it was kept for a second; the report was made less than six seconds ago.
    let block = [word(4), 0, 1, 0, word(8) << 16 | word(12) >> 16, 65_536];
    relay.arrives(20_001, "192.0.2.1:4001", &rtcp(1, 201, &[&[7], &block[..]].concat()));
    let stats = relay.stats(A);
    assert_eq!(stats.reported.map(|reported| reported.lost), Some(0));
    assert!(stats.round_trip_us.is_some_and(|us| us < 5_000_000), "{stats:?}");
}

#[test]
fn sealed_packets_pass_bit_by_bit_also_after_a_hold() {
    let mut relay = call();
    relay
        .tell(Command::Remote(A, Remote { sealed: true, codecs: Codecs::default(), ..remote(ALICE) }.into()));
    relay.tell(Command::Remote(B, Remote { sealed: true, codecs: Codecs::default(), ..remote(BOB) }.into()));
    let sealed = |sequence| {
        let mut packet = rtp(7, sequence);
        packet[0] |= 0x20;
        packet
    };
    assert_eq!(relay.arrives(20_000, ALICE, &sealed(1))[0].packet, sealed(1));
    relay.tell(Command::Feed(B, Feed::Silence));
    assert!(relay.wait(Duration::from_secs(1)).is_empty());
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    assert_eq!(relay.arrives(20_000, ALICE, &sealed(60))[0].packet, sealed(60));
    let report = [0x81, 200, 0xff, 0xff, 0, 0, 0, 7, 1, 2, 3, 4, 5];
    assert_eq!(relay.arrives(20_001, "192.0.2.1:4001", &report)[0].packet, report);
}

#[test]
fn what_is_sealed_for_one_only_is_noise_to_the_other() {
    let mut relay = call();
    relay.tell(Command::Remote(A, Remote { sealed: true, ..remote(ALICE) }.into()));
    assert!(relay.arrives(20_000, ALICE, &rtp(7, 1)).is_empty());
    assert!(relay.arrives(20_002, BOB, &rtp(9, 1)).is_empty());
    assert_eq!((relay.stats(A).unheard, relay.stats(B).unheard), (1, 1));
    relay.tell(Command::Feed(A, Feed::Tone(CallProgress::Ringback.cadence("us"))));
    assert!(relay.wait(Duration::from_secs(1)).is_empty());
    let report = [0x81, 200, 0xff, 0xff, 0, 0, 0, 7, 1, 2, 3, 4, 5];
    assert!(relay.arrives(20_001, "192.0.2.1:4001", &report).is_empty());
}

#[test]
fn with_rtcp_mux_reports_share_the_port() {
    let mut relay = call();
    relay.tell(Command::Remote(B, Remote { rtcp: Some(at(BOB)), ..remote(BOB) }.into()));
    let sent = relay.arrives(20_000, ALICE, &[0x80, 201, 0, 1, 0, 0, 0, 7]);
    assert_eq!((sent[0].local_port, sent[0].to), (20_002, at(BOB)));
}

#[test]
fn legs_that_name_each_others_ports_forward_nothing() {
    let mut relay = Relay::over(Simulated::new());
    relay.open(A, A_PORTS);
    relay.open(B, B_PORTS);
    relay.tell(Command::Remote(A, remote("127.0.0.1:20002").into()));
    relay.tell(Command::Remote(B, remote("127.0.0.1:20000").into()));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    assert!(relay.arrives(20_000, "127.0.0.1:20002", &rtp(7, 1)).is_empty());
    relay.tell(Command::Feed(A, Feed::Silence));
    assert!(relay.wait(Duration::from_secs(1)).is_empty());
}

#[test]
fn a_pair_that_is_taken_is_reported_and_leaves_nothing_bound() {
    let mut relay = Relay::over(Simulated::new());
    relay.worker.io_mut().take_port(20_001);
    relay.open(A, A_PORTS);
    assert!(matches!(relay.events[..], [Event::OpenFailed { leg: A, ports: A_PORTS }]));
    assert_eq!((relay.worker.io().bound(), relay.worker.legs_open()), (0, 0));
    relay.tell(Command::Remote(A, remote(ALICE).into()));
    relay.tell(Command::Close(A));
    assert_eq!(relay.events.len(), 1);
}

#[test]
fn a_closed_leg_leaves_nothing_and_its_slot_serves_the_next() {
    let mut relay = call();
    relay.arrives(20_000, ALICE, &rtp(7, 1));
    relay.events.clear();
    relay.tell(Command::Close(A));
    assert!(
        matches!(&relay.events[..], [Event::Closed { leg: A, ports: A_PORTS, stats }] if stats.packets_received == 1)
    );
    assert_eq!(relay.worker.io().bound(), 2);
    assert!(!relay.worker.receive(relay.now, 20_000, at(ALICE), &mut rtp(7, 2), &mut relay.events));
    assert!(relay.arrives(20_002, BOB, &rtp(9, 1)).is_empty());
    relay.open(LegId(3), PortPair(20_004));
    relay.tell(Command::Remote(LegId(3), remote("192.0.2.3:6000").into()));
    assert!(relay.arrives(20_002, BOB, &rtp(9, 2)).is_empty(), "the slot's next leg hears nothing of Bob");
    relay.tell(Command::Close(B));
    relay.tell(Command::Close(LegId(3)));
    assert_eq!((relay.worker.io().bound(), relay.worker.legs_open()), (0, 0));
    assert!(relay.wait(Duration::from_secs(60)).is_empty());
    assert_eq!(relay.worker.deadline(), None, "no timer outlives its leg");
}

#[test]
fn a_leg_that_is_not_open_yet_is_heard_once_it_is() {
    let mut relay = Relay::over(Simulated::new());
    relay.open(B, B_PORTS);
    relay.tell(Command::Remote(B, remote(BOB).into()));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay.worker.io_mut().take_port(20_001);
    relay.open(A, A_PORTS);
    assert!(matches!(relay.events.pop(), Some(Event::OpenFailed { leg: A, .. })));
    relay.open(A, PortPair(20_008));
    relay.tell(Command::Remote(A, remote(ALICE).into()));
    assert_eq!(relay.arrives(20_008, ALICE, &rtp(7, 1)).len(), 1);
}

#[test]
fn a_leg_that_waits_for_another_can_change_its_mind() {
    let mut relay = Relay::over(Simulated::new());
    relay.open(B, B_PORTS);
    relay.tell(Command::Remote(B, remote(BOB).into()));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay.tell(Command::Feed(B, Feed::Nothing));
    relay.open(A, A_PORTS);
    relay.tell(Command::Remote(A, remote(ALICE).into()));
    assert!(relay.arrives(20_000, ALICE, &rtp(7, 1)).is_empty());
}

#[test]
fn a_leg_that_hears_itself_is_an_echo() {
    let mut relay = call();
    relay.tell(Command::Feed(A, Feed::Leg(A)));
    let sent = relay.arrives(20_000, ALICE, &rtp(7, 1));
    let to: Vec<_> = sent.iter().map(|sent| sent.to).collect();
    assert_eq!(to, [at(BOB), at(ALICE)]);
    relay.tell(Command::Close(A));
    relay.tell(Command::Close(B));
    assert_eq!(relay.worker.io().bound(), 0);
}

#[test]
fn a_leg_opened_twice_is_refused() {
    let mut relay = call();
    relay.open(A, PortPair(20_006));
    assert!(matches!(relay.events[..], [Event::OpenFailed { leg: A, ports: PortPair(20_006) }]));
    assert_eq!(relay.arrives(20_000, ALICE, &rtp(7, 1)).len(), 1);
}

#[test]
fn a_datagram_beyond_the_limit_is_malformed() {
    let mut relay = call();
    let mut packet = rtp(7, 1);
    packet.resize(trunkline_media::DATAGRAM_BYTES_MAX, 0);
    assert_eq!(relay.arrives(20_000, ALICE, &packet).len(), 1);
    packet.push(0);
    assert!(relay.arrives(20_000, ALICE, &packet).is_empty());
    assert_eq!(relay.stats(A).malformed, 1);
}

#[test]
fn the_clock_of_the_players_skips_rather_than_bursts() {
    let mut relay = call();
    relay.tell(Command::Feed(B, Feed::Silence));
    relay.wait(Duration::from_millis(50));
    relay.now += Duration::from_secs(3_600);
    relay.worker.handle_timeout(relay.now, &mut relay.events);
    assert!(relay.worker.io_mut().take_sent().len() < 10);
}

#[test]
fn more_listeners_than_the_limit_hear_nothing() {
    let mut relay = call();
    let count = trunkline_media::LISTENERS_MAX as u64 + 14;
    for n in 0..count {
        let leg = LegId(100 + n);
        relay.open(leg, PortPair(20_100 + u16::try_from(n).unwrap() * 2));
        relay.tell(Command::Remote(leg, remote(BOB).into()));
        relay.tell(Command::Feed(leg, Feed::Leg(A)));
    }
    assert_eq!(relay.arrives(20_000, ALICE, &rtp(7, 1)).len(), trunkline_media::LISTENERS_MAX);
}

/// One step of a run in which anything may happen.
#[derive(Clone, Debug)]
enum Step {
    Open(u64),
    Remote(u64, u8, bool, bool),
    Feed(u64, u8, u64),
    Digits(u64, bool),
    CancelDigits(u64),
    Detect(u64, bool),
    Move(u64),
    Close(u64),
    Packet(u16, u8, Vec<u8>),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let packet = prop_oneof![
        (0_u16..9).prop_map(|sequence| rtp(7, sequence)),
        (0_u16..9).prop_map(|sequence| [&[0x80, 9], &rtp(7, sequence)[2..]].concat()),
        any::<[u8; 4]>().prop_map(|event| [&[0x80, 101], &rtp(7, 1)[2..12], &event].concat()),
        Just(vec![0x80, 200, 0, 6]),
        proptest::collection::vec(any::<u8>(), 0..64),
        proptest::collection::vec(any::<u8>(), 30).prop_map(|rest| [vec![0x81, 201, 0, 7], rest].concat()),
    ];
    prop_oneof![
        (0..4_u64).prop_map(Step::Open),
        (0..4_u64, any::<u8>(), any::<bool>(), any::<bool>())
            .prop_map(|(leg, far, send, receive)| Step::Remote(leg, far, send, receive)),
        (0..4_u64, any::<u8>(), 0..4_u64).prop_map(|(leg, kind, source)| Step::Feed(leg, kind, source)),
        (0..4_u64, any::<bool>()).prop_map(|(leg, inband)| Step::Digits(leg, inband)),
        (0..4_u64).prop_map(Step::CancelDigits),
        (0..4_u64, any::<bool>()).prop_map(|(leg, on)| Step::Detect(leg, on)),
        (0..4_u64).prop_map(Step::Move),
        (0..4_u64).prop_map(Step::Close),
        (0_u16..8, any::<u8>(), packet).prop_map(|(port, from, packet)| Step::Packet(port, from, packet)),
        (0..20_000_u64).prop_map(Step::Wait),
    ]
}

fn numbered(number: u8) -> String {
    format!("192.0.2.{}:{}", number % 4 + 1, 4_000 + u16::from(number % 3))
}

proptest! {
    #[test]
    fn whatever_happens_nothing_goes_astray_and_nothing_is_left(steps in proptest::collection::vec(step(), 1..80)) {
        let mut relay = Relay::over(Simulated::new());
        for step in steps {
            match step {
                Step::Open(leg) => {
                    relay.open(LegId(leg), PortPair(20_000 + u16::try_from(leg).unwrap() * 2));
                }
                Step::Remote(leg, far, send, receive) => {
                    let mut remote = Remote { send, receive, ..remote(&numbered(far)) };
                    remote.codecs = match far % 4 {
                        0 => Codecs::default(),
                        1 => Codecs::default().with(8, Codec::Pcma),
                        2 => Codecs::default().with(120, Codec::G722).with_events(97),
                        _ => Codecs::default().with(0, Codec::Pcmu).with(8, Codec::Pcma).with_events(101),
                    };
                    remote.speaks = if far % 8 < 4 { remote.codecs } else { remote.speaks.with_events(101) };
                    if far > 200 {
                        remote.rtp = None;
                    } else if far > 100 {
                        let window = Duration::from_secs(3);
                        remote.source = SourcePolicy::Learn { signalling: at(&numbered(far / 2)).ip(), window };
                    }
                    relay.tell(Command::Remote(LegId(leg), remote.into()));
                }
                Step::Feed(leg, kind, source) => {
                    let feed = match kind % 7 {
                        0 => Feed::Nothing,
                        1 => Feed::Silence,
                        2 => Feed::Tone(CallProgress::Ringback.cadence("us")),
                        3 => Feed::Music(Arc::new([1, 2, 3])),
                        4 | 5 => Feed::Conference(ConferenceId(source % 2)),
                        _ => Feed::Leg(LegId(source)),
                    };
                    relay.tell(Command::Feed(LegId(leg), feed));
                }
                Step::Digits(leg, inband) => relay.tell(Command::Digits {
                    leg: LegId(leg),
                    generation: 1,
                    digits: (*b"1,2!").into(),
                    via: if inband { DigitVia::Inband } else { DigitVia::Event },
                    tone_ms: 0,
                    gap_ms: 0,
                }),
                Step::CancelDigits(leg) => relay.tell(Command::CancelDigits(LegId(leg))),
                Step::Detect(leg, on) => {
                    let detection = Detection { events: on, inband: on, media: on };
                    relay.tell(Command::Detect(LegId(leg), detection));
                }
                Step::Move(leg) => {
                    relay.tell(Command::Detach(LegId(leg)));
                    if let Some(Event::Detached { leg, parcel }) = relay.events.pop() {
                        relay.tell(Command::Attach { leg, parcel });
                    }
                }
                Step::Close(leg) => relay.tell(Command::Close(LegId(leg))),
                Step::Packet(port, from, mut packet) => {
                    let from = at(&numbered(from));
                    relay.worker.receive(relay.now, 20_000 + port, from, &mut packet, &mut relay.events);
                }
                Step::Wait(ms) => {
                    relay.wait(Duration::from_millis(ms));
                }
            }
            for sent in relay.worker.io_mut().take_sent() {
                prop_assert!(sent.to.ip().to_string().starts_with("192.0.2."));
            }
        }
        relay.worker.close_all(&mut relay.events);
        relay.wait(Duration::from_secs(60));
        prop_assert_eq!((relay.worker.io().bound(), relay.worker.legs_open()), (0, 0));
        prop_assert_eq!(relay.worker.deadline(), None);
    }
}
