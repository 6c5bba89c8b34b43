//! Flows that move between the worker and the kernel, in virtual time: what the far ends hear does not show it.

mod common;

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::limits::{OFFLOAD_AFTER_PACKETS, OFFLOAD_RETRY, OFFLOAD_RETRY_MAX};
use trunkline_media::{
    Codec, Codecs, Command, ConferenceId, Detection, DigitVia, Event, Feed, LegId, PortPair, Remote,
    SourcePolicy,
};

use common::{A, ALICE, B, BOB, Relay, at, far_end, header, rtp};

const C: LegId = LegId(3);
const CAROL: &str = "192.0.2.3:6000";
const STRANGER: &str = "203.0.113.66:9999";
/// Packets until a direction is given away.
const RIPE: u16 = OFFLOAD_AFTER_PACKETS as u16;
const EVENTS: u8 = 101;

fn codecs() -> Codecs {
    Codecs::default().with(0, Codec::Pcmu).with_events(EVENTS)
}

fn remote(rtp: &str) -> Remote {
    Remote { codecs: codecs(), speaks: codecs(), ..far_end(at(rtp)) }
}

/// The key 5 that begins with packet 40, as it begins or as it ends.
fn event(ssrc: u32, sequence: u16, is_end: bool) -> Vec<u8> {
    let mut packet = rtp(ssrc, 40);
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[1] = EVENTS;
    packet.truncate(12);
    packet.extend([5, u8::from(is_end) << 7 | 10, 1, 0x40]);
    packet
}

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn sequences(sent: &[Sent]) -> Vec<u16> {
    sent.iter().map(|sent| header(sent).sequence).collect()
}

/// Alice on leg A and Bob on leg B, each hearing the other over a network with a kernel; nobody has spoken.
fn call() -> Relay {
    let mut relay = Relay::over(Simulated::with_kernel());
    open(&mut relay, A, 20_000, ALICE);
    open(&mut relay, B, 20_002, BOB);
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay
}

/// The same call; both directions are the kernel's. Alice has said 0 to 5, Bob 1000 to 1005.
fn given() -> Relay {
    let mut relay = call();
    relay.says(20_000, ALICE, 7, 0..6);
    relay.says(20_002, BOB, 9, 1_000..1_006);
    assert_eq!((relay.flows(), relay.worker.flows_in_kernel()), (2, 2));
    relay
}

fn open(relay: &mut Relay, leg: LegId, port: u16, far: &str) {
    relay.open(leg, PortPair(port));
    relay.tell(Command::Remote(leg, remote(far).into()));
}

#[test]
fn each_direction_is_given_away_by_itself_after_some_packets_in_order() {
    let mut relay = call();
    relay.says(20_000, ALICE, 7, 0..RIPE - 1);
    assert_eq!(relay.flows(), 0);
    relay.says(20_000, ALICE, 7, RIPE - 1..RIPE);
    assert_eq!(relay.flows(), 1);
    // Out of order: it begins anew.
    relay.says(20_002, BOB, 9, 0..3);
    relay.arrives(20_002, BOB, &rtp(9, 1));
    relay.says(20_002, BOB, 9, 3..3 + RIPE - 1);
    assert_eq!(relay.flows(), 1);
    relay.says(20_002, BOB, 9, 3 + RIPE - 1..3 + RIPE);
    assert_eq!(relay.flows(), 2);
}

#[test]
fn the_kernel_forwards_as_the_worker_does_and_all_is_counted_once() {
    let mut relay = given();
    let sent = relay.says(20_000, ALICE, 7, 6..60);
    assert_eq!(sent.len(), 54);
    assert_eq!(sent[0], Sent { local_port: 20_002, to: at(BOB), packet: rtp(7, 6) });
    for _ in 0..3 {
        let stats = relay.stats(A);
        assert_eq!((stats.packets_received, stats.kernel_packets, stats.bytes_received), (60, 55, 60 * 172));
        assert_eq!(
            (stats.packets_sent, stats.lost, stats.late + stats.duplicates, stats.kernel_missed),
            (6, 0, 0, 0)
        );
        let stats = relay.stats(B);
        assert_eq!((stats.packets_sent, stats.bytes_sent, stats.packets_received), (60, 60 * 172, 6));
        relay.wait(ms(1_500));
    }
}

#[test]
fn loss_and_disorder_in_the_kernel_and_at_its_border_are_counted_as_ever() {
    let mut relay = given();
    // 6 is lost on the way into the kernel, 9 late, 10 doubled, 11 lost before it is taken back.
    for sequence in [7, 8, 10, 9, 10, 10] {
        assert_eq!(relay.arrives(20_000, ALICE, &rtp(7, sequence)).len(), 1);
    }
    relay.tell(Command::Feed(B, Feed::Silence));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    let sent = relay.arrives(20_000, ALICE, &rtp(7, 12));
    assert_eq!(sequences(&sent), [11], "one further than the highest that Bob heard");
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.kernel_packets), (13, 7));
    assert_eq!((stats.lost, stats.late, stats.duplicates), (2, 1, 2));
}

#[test]
fn hold_music_and_unhold_are_one_stream() {
    let mut relay = given();
    let mut heard = relay.says(20_000, ALICE, 7, 6..100);
    relay.tell(Command::Feed(B, Feed::Music(Arc::new([8_000; 50]))));
    assert_eq!(relay.flows(), 1, "Bob's own direction stays");
    heard.extend(relay.wait(ms(199)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    heard.extend(relay.says(20_000, ALICE, 7, 110..150));
    assert_eq!(relay.flows(), 2);
    assert_eq!(sequences(&heard), (6..100 + 10 + 40).collect::<Vec<u16>>());
    let timestamps: Vec<u32> = heard.iter().map(|sent| header(sent).timestamp).collect();
    assert!(timestamps.windows(2).all(|pair| pair[1] - pair[0] == 160), "{timestamps:?}");
    assert!(heard.iter().all(|sent| header(sent).ssrc == 7 && sent.to == at(BOB)));
    let turns = heard.iter().filter(|sent| header(sent).marker).count();
    assert_eq!(turns, 2, "to the music and back");
    assert_eq!(relay.stats(B).packets_sent, 150);
}

#[test]
fn numbers_go_on_where_they_wrap_in_the_kernel() {
    let mut relay = call();
    relay.says(20_000, ALICE, 7, 65_530 - RIPE..65_530);
    assert_eq!(relay.flows(), 1);
    relay.says(20_000, ALICE, 7, 65_530..65_535);
    relay.arrives(20_000, ALICE, &rtp(7, 65_535));
    relay.says(20_000, ALICE, 7, 0..3);
    relay.tell(Command::Feed(B, Feed::Silence));
    let silence = relay.wait(ms(0));
    assert_eq!(sequences(&silence), [3]);
    let stats = relay.stats(A);
    assert_eq!((stats.lost, stats.late + stats.duplicates), (0, 0));
    assert_eq!(stats.packets_received, u64::from(RIPE) + 9);
}

#[test]
fn a_long_talk_in_the_kernel_moves_past_half_the_numbers() {
    let mut relay = given();
    for sequence in 6..40_000 {
        relay.arrives(20_000, ALICE, &rtp(7, sequence));
    }
    relay.tell(Command::Feed(B, Feed::Silence));
    assert_eq!(sequences(&relay.wait(ms(0))), [40_000]);
    assert_eq!(relay.stats(A).lost, 0);
}

#[test]
fn a_transfer_goes_on_in_the_stream_that_the_phone_knows() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..50);
    open(&mut relay, C, 20_004, CAROL);
    relay.tell(Command::Feed(B, Feed::Leg(C)));
    relay.tell(Command::Feed(C, Feed::Leg(B)));
    relay.tell(Command::Feed(A, Feed::Nothing));
    assert_eq!(relay.flows(), 0);
    let sent = relay.says(20_004, CAROL, 33, 60_000..60_020);
    assert_eq!(sequences(&sent), (50..70).collect::<Vec<u16>>());
    assert!(sent.iter().all(|sent| header(sent).ssrc == 7 && sent.to == at(BOB)));
    let bob = relay.says(20_002, BOB, 9, 1_006..1_020);
    assert!(bob.iter().all(|sent| sent.to == at(CAROL)) && bob.len() == 14);
    assert_eq!(relay.flows(), 2);
    relay.tell(Command::Close(A));
    assert_eq!(relay.flows(), 2, "who is left out is of no account");
}

#[test]
fn a_second_listener_takes_it_back_until_it_is_gone() {
    let mut relay = given();
    open(&mut relay, C, 20_004, CAROL);
    relay.tell(Command::Feed(C, Feed::Leg(A)));
    let sent = relay.says(20_000, ALICE, 7, 6..20);
    assert_eq!((sent.len(), relay.flows()), (28, 1));
    relay.tell(Command::Close(C));
    relay.says(20_000, ALICE, 7, 20..20 + RIPE);
    assert_eq!(relay.flows(), 2);
}

#[test]
fn speech_that_is_listened_to_comes_up() {
    let media = Detection { media: true, ..Detection::default() };
    let inband = Detection { inband: true, ..Detection::default() };
    for detection in [media, inband] {
        let mut relay = given();
        relay.tell(Command::Detect(A, detection));
        assert_eq!(relay.flows(), 1);
        assert_eq!(sequences(&relay.says(20_000, ALICE, 7, 6..40)), (6..40).collect::<Vec<u16>>());
        assert_eq!(relay.flows(), 1);
        relay.tell(Command::Detect(A, Detection::default()));
        assert_eq!(sequences(&relay.says(20_000, ALICE, 7, 40..80)), (40..80).collect::<Vec<u16>>());
        assert_eq!(relay.flows(), 2);
    }
}

#[test]
fn digits_said_as_events_are_heard_while_speech_stays_in_the_kernel() {
    let mut relay = given();
    relay.tell(Command::Detect(A, Detection { events: true, ..Detection::default() }));
    assert_eq!(relay.flows(), 2);
    relay.says(20_000, ALICE, 7, 6..40);
    relay.events.clear();
    let sent = relay.arrives(20_000, ALICE, &event(7, 40, false));
    assert_eq!(sequences(&sent), [40]);
    relay.arrives(20_000, ALICE, &event(7, 41, true));
    let mut digits = Vec::new();
    for event in &relay.events {
        if let Event::Digit { digit: b'5', is_end, .. } = event {
            digits.push(*is_end);
        }
    }
    assert_eq!((digits, relay.flows()), (vec![false, true], 2));
    relay.says(20_000, ALICE, 7, 42..50);
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.lost, stats.kernel_packets), (50, 0, 43));
    relay.tell(Command::Feed(B, Feed::Silence));
    assert_eq!(sequences(&relay.wait(ms(0))), [50]);
}

#[test]
fn where_only_events_have_other_numbers_speech_stays_in_the_kernel() {
    let mut relay = call();
    let other = Codecs::default().with(0, Codec::Pcmu).with_events(96);
    relay.tell(Command::Remote(B, Remote { codecs: other, ..remote(BOB) }.into()));
    relay.says(20_000, ALICE, 7, 0..RIPE + 5);
    assert_eq!(relay.flows(), 1);
    let sent = relay.arrives(20_000, ALICE, &event(7, RIPE + 5, false));
    assert_eq!((header(&sent[0]).payload_type, header(&sent[0]).sequence), (96, RIPE + 5));
    assert_eq!(relay.flows(), 1);
}

#[test]
fn speech_that_is_renumbered_or_transcoded_is_not_given_away() {
    for other in [Codecs::default().with(100, Codec::Pcmu), Codecs::default().with(8, Codec::Pcma)] {
        let mut relay = call();
        relay.tell(Command::Remote(B, Remote { codecs: other, ..remote(BOB) }.into()));
        assert_eq!(relay.says(20_000, ALICE, 7, 0..100).len(), 100);
        assert_eq!(relay.flows(), 0);
    }
}

#[test]
fn a_far_end_that_changes_its_codec_is_taken_back_and_given_away_anew() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    let mut heard = Vec::new();
    for sequence in 20..40 {
        let mut packet = rtp(7, sequence);
        packet[1] = 8;
        heard.extend(relay.arrives(20_000, ALICE, &packet));
    }
    assert_eq!(sequences(&heard), (20..40).collect::<Vec<u16>>());
    assert_eq!((relay.flows(), relay.stats(A).lost), (2, 0));
}

#[test]
fn digits_said_to_a_far_end_take_back_what_it_hears() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    relay.tell(Command::Digits {
        leg: B,
        generation: 1,
        digits: Box::new(*b"1"),
        via: DigitVia::Event,
        tone_ms: 0,
        gap_ms: 0,
    });
    assert_eq!(relay.flows(), 1);
    let mut heard = relay.says(20_000, ALICE, 7, 20..40);
    assert!(relay.events.iter().any(|event| matches!(event, Event::Generated { cancelled: false, .. })));
    heard.extend(relay.says(20_000, ALICE, 7, 40..60));
    let numbers = sequences(&heard);
    assert!(numbers.iter().zip(20..).all(|(number, wanted)| *number == wanted), "{numbers:?}");
    assert_eq!(relay.flows(), 2);
}

#[test]
fn a_conference_takes_both_directions_and_gives_them_back() {
    let mut relay = given();
    let mut heard = relay.says(20_000, ALICE, 7, 6..20);
    let room = ConferenceId(1);
    relay.tell(Command::Feed(A, Feed::Conference(room)));
    relay.tell(Command::Feed(B, Feed::Conference(room)));
    assert_eq!(relay.flows(), 0);
    heard.extend(relay.says(20_000, ALICE, 7, 20..40));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    heard.extend(relay.says(20_000, ALICE, 7, 40..60));
    relay.says(20_002, BOB, 9, 1_100..1_100 + RIPE);
    assert_eq!(relay.flows(), 2);
    let numbers = sequences(&heard.into_iter().filter(|sent| sent.to == at(BOB)).collect::<Vec<_>>());
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn another_agreement_takes_back_both_directions() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    relay.tell(Command::Remote(B, remote("192.0.2.2:5500").into()));
    assert_eq!(relay.flows(), 0);
    let sent = relay.says(20_000, ALICE, 7, 20..20 + RIPE);
    assert!(sent.iter().all(|sent| sent.to == at("192.0.2.2:5500")), "{sent:?}");
    assert_eq!(relay.flows(), 1);
    relay.tell(Command::Remote(B, Remote { send: false, ..remote("192.0.2.2:5500") }.into()));
    assert!(relay.says(20_000, ALICE, 7, 40..80).is_empty());
    assert_eq!(relay.flows(), 0);
}

#[test]
fn a_far_end_that_moves_to_another_port_is_answered_there() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    let moved = "192.0.2.2:5044";
    assert!(relay.arrives(20_002, moved, &rtp(9, 1_006)).is_empty(), "Bob has just spoken from elsewhere");
    assert_eq!(relay.flows(), 2);
    relay.says(20_000, ALICE, 7, 20..290);
    let sent = relay.arrives(20_002, moved, &rtp(9, 1_300));
    assert_eq!(sent.len(), 1);
    assert!(
        relay
            .events
            .iter()
            .any(|event| matches!(event, Event::Latched { leg: B, source } if *source == at(moved)))
    );
    assert_eq!(relay.flows(), 0, "what Bob hears goes elsewhere, and what he says comes from elsewhere");
    let sent = relay.says(20_000, ALICE, 7, 290..290 + RIPE);
    assert!(sent.iter().all(|sent| sent.to == at(moved)));
    assert_eq!(relay.flows(), 1);
    assert_eq!(relay.stats(A).lost, 0);
}

#[test]
fn a_source_that_speaks_only_through_the_kernel_is_not_taken_over() {
    let mut relay = given();
    for sequence in 6..500 {
        relay.says(20_000, ALICE, 7, sequence..sequence + 1);
        assert!(relay.arrives(20_000, "192.0.2.1:4444", &rtp(66, sequence)).is_empty());
        assert!(relay.arrives(20_000, STRANGER, &rtp(66, sequence)).is_empty());
    }
    let stats = relay.stats(A);
    assert_eq!((stats.foreign, stats.packets_received), (988, 500));
    assert_eq!(relay.worker.io().flows_taken(), 2, "and nothing was taken back for them");
}

#[test]
fn a_learnt_source_gives_way_to_the_named_one() {
    let mut relay = call();
    let window = Duration::from_secs(3);
    let source = SourcePolicy::Learn { signalling: at(ALICE).ip(), window };
    relay.tell(Command::Remote(A, Remote { source, ..remote("10.0.0.5:4000") }.into()));
    let sent = relay.says(20_000, STRANGER, 66, 0..40);
    assert_eq!((sent.len(), relay.flows()), (38, 1), "three packets prove it");
    let sent = relay.says(20_000, ALICE, 7, 500..520);
    assert_eq!(sequences(&sent), (40..60).collect::<Vec<u16>>());
    assert!(relay.arrives(20_000, STRANGER, &rtp(66, 40)).is_empty());
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.lost, stats.foreign), (58, 0, 3));
}

#[test]
fn another_synchronisation_source_goes_on_in_the_same_stream() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    let sent = relay.says(20_000, ALICE, 8, 500..500 + RIPE + 10);
    assert_eq!(sequences(&sent), (20..20 + RIPE + 10).collect::<Vec<u16>>());
    assert!(sent.iter().all(|sent| header(sent).ssrc == 7));
    assert_eq!(relay.flows(), 2);
    let stats = relay.stats(A);
    assert_eq!((stats.lost, stats.packets_received), (0, 20 + u64::from(RIPE) + 10));
}

#[test]
fn a_sequence_that_begins_anew_is_judged_by_the_worker() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    let sent = relay.says(20_000, ALICE, 7, 40_000..40_000 + 2 * RIPE);
    assert_eq!(sent.len(), usize::from(2 * RIPE));
    assert_eq!((relay.flows(), relay.stats(A).lost), (2, 0));
}

#[test]
fn reports_pass_in_the_numbers_of_the_hearer_while_speech_is_in_the_kernel() {
    let mut relay = call();
    relay.arrives(20_002, BOB, &rtp(9, 1));
    relay.tell(Command::Feed(A, Feed::Silence));
    relay.wait(ms(30));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.says(20_002, BOB, 9, 2..2 + RIPE);
    relay.says(20_000, ALICE, 7, 0..RIPE);
    assert_eq!(relay.flows(), 2);
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9];
    report.extend([0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let sent = relay.arrives(20_001, "192.0.2.1:4001", &report);
    assert_eq!((sent[0].to, &sent[0].packet[16..20]), (at("192.0.2.2:5001"), &[0, 0, 0, 2][..]));
    assert_eq!(relay.flows(), 2);
}

#[test]
fn sealed_packets_pass_the_kernel_bit_by_bit() {
    let mut relay = call();
    relay.tell(Command::Remote(A, Remote { sealed: true, ..remote(ALICE) }.into()));
    relay.tell(Command::Remote(B, Remote { sealed: true, ..remote(BOB) }.into()));
    let sealed = |sequence| {
        let mut packet = rtp(7, sequence);
        packet[0] |= 0x20;
        packet
    };
    for sequence in 0..50 {
        assert_eq!(relay.arrives(20_000, ALICE, &sealed(sequence))[0].packet, sealed(sequence));
    }
    assert_eq!((relay.flows(), relay.stats(B).packets_sent), (1, 50));
    relay.tell(Command::Remote(B, remote(BOB).into()));
    assert!(relay.arrives(20_000, ALICE, &sealed(50)).is_empty(), "noise to one who has no key");
}

#[test]
fn who_speaks_through_the_kernel_is_not_silent() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..1_500);
    assert!(relay.events.iter().any(|event| matches!(event, Event::Silent { leg: B })));
    assert_eq!(relay.silences(), 1);
    relay.wait(ms(9_000));
    assert_eq!(relay.silences(), 1);
    relay.wait(ms(2_000));
    assert_eq!(relay.silences(), 2);
}

#[test]
fn what_waits_in_the_socket_is_not_overtaken() {
    let mut relay = call();
    let alice = at(ALICE);
    for sequence in 0..RIPE {
        relay.batch();
        relay.worker.io_mut().arrive(20_000, alice, &rtp(7, sequence));
        assert_eq!(sequences(&relay.batch()), [sequence]);
    }
    assert_eq!(relay.flows(), 0, "that the socket is empty was not seen");
    // Three come at once, two more in the moment in which the flow is given away.
    for sequence in RIPE..8 {
        relay.worker.io_mut().arrive(20_000, alice, &rtp(7, sequence));
    }
    for sequence in [8, 9] {
        relay.worker.io_mut().arrive_at_offload(20_000, alice, &rtp(7, sequence));
    }
    assert_eq!(sequences(&relay.batch()), (RIPE..10).collect::<Vec<u16>>());
    assert_eq!(relay.flows(), 1);
    assert_eq!(sequences(&relay.says(20_000, ALICE, 7, 10..20)), (10..20).collect::<Vec<u16>>());
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.lost, stats.kernel_missed), (20, 0, 2));
}

#[test]
fn a_flooded_socket_is_not_given_away() {
    let mut relay = call();
    relay.says(20_000, ALICE, 7, 0..RIPE - 1);
    for sequence in RIPE - 1..RIPE + 32 {
        relay.worker.io_mut().arrive(20_000, at(ALICE), &rtp(7, sequence));
    }
    for _ in 0..4 {
        assert_eq!((relay.batch().len(), relay.flows()), (8, 0), "a turn, and more is waiting");
    }
    assert_eq!((relay.batch().len(), relay.flows()), (1, 1));
}

#[test]
fn a_refusal_is_tried_again_later_and_ever_later() {
    let mut relay = call();
    relay.worker.io_mut().set_room(0);
    relay.says(20_000, ALICE, 7, 0..RIPE);
    assert_eq!(relay.flows(), 0);
    relay.worker.io_mut().set_room(1);
    let retry = u16::try_from(OFFLOAD_RETRY.as_millis() / 20).unwrap();
    relay.says(20_000, ALICE, 7, RIPE..RIPE + retry - 2);
    assert_eq!(relay.flows(), 0, "not before its time");
    relay.says(20_000, ALICE, 7, RIPE + retry - 2..2 * RIPE + retry);
    assert_eq!(relay.flows(), 1);
    relay.says(20_002, BOB, 9, 0..400);
    assert_eq!(relay.flows(), 1, "there is room for one");
    relay.worker.io_mut().set_room(2);
    relay.says(20_002, BOB, 9, 400..400 + 8 * retry + 2 * RIPE);
    assert_eq!(relay.flows(), 2);
}

#[test]
fn flows_that_the_kernel_loses_go_through_the_worker_and_come_back() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..40);
    relay.worker.io_mut().lose_flows();
    let sent = relay.says(20_000, ALICE, 7, 40..200);
    assert_eq!(sequences(&sent), (40..200).collect::<Vec<u16>>());
    assert_eq!((relay.flows(), relay.worker.flows_in_kernel()), (1, 1));
    assert_eq!(relay.stats(A).packets_received, 200 - 35, "what it counted since the last look is lost");
}

#[test]
fn numbers_that_were_lost_with_the_kernel_are_not_said_twice() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..40);
    relay.worker.io_mut().lose_flows();
    relay.tell(Command::Feed(B, Feed::Silence));
    let next = sequences(&relay.wait(ms(0)))[0];
    assert!((40..140).contains(&next), "{next}");
}

#[test]
fn a_flow_whose_packets_pass_the_kernel_by_is_taken_back_for_long() {
    let mut relay = given();
    relay.worker.io_mut().set_passed_by(true);
    let sent = relay.says(20_000, ALICE, 7, 6..200);
    assert_eq!(sequences(&sent), (6..200).collect::<Vec<u16>>());
    assert_eq!(relay.flows(), 1);
    let stats = relay.stats(A);
    assert_eq!((stats.packets_received, stats.kernel_packets, stats.lost), (200, 1, 0));
    assert!((40..=110).contains(&stats.kernel_missed), "{}", stats.kernel_missed);
    relay.worker.io_mut().set_passed_by(false);
    let long = u16::try_from(OFFLOAD_RETRY_MAX.as_millis() / 20).unwrap();
    relay.says(20_000, ALICE, 7, 200..long);
    assert_eq!(relay.flows(), 1);
    relay.says(20_000, ALICE, 7, long..long + 200);
    assert_eq!(relay.flows(), 2);
}

#[test]
fn legs_that_close_leave_take_their_flows_along() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    relay.events.clear();
    relay.tell(Command::Close(A));
    assert_eq!(relay.flows(), 0);
    assert!(matches!(&relay.events[..], [Event::Closed { stats, .. }]
        if (stats.packets_received, stats.packets_sent, stats.kernel_packets) == (20, 6, 15)));
    assert_eq!(relay.stats(B).packets_sent, 20);
    let mut relay = given();
    relay.worker.close_all(&mut relay.events);
    assert_eq!((relay.flows(), relay.worker.flows_in_kernel(), relay.worker.io().bound()), (0, 0, 0));
}

#[test]
fn a_leg_that_is_given_to_another_worker_is_taken_back_first() {
    let mut relay = given();
    relay.says(20_000, ALICE, 7, 6..20);
    relay.tell(Command::Detach(A));
    assert_eq!(relay.flows(), 0);
    let Some(Event::Detached { parcel, .. }) = relay.events.pop() else { panic!("{:?}", relay.events) };
    relay.tell(Command::Attach { leg: A, parcel });
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    let sent = relay.says(20_000, ALICE, 7, 20..20 + RIPE);
    assert_eq!(sequences(&sent), (20..20 + RIPE).collect::<Vec<u16>>());
    relay.says(20_002, BOB, 9, 1_006..1_006 + RIPE);
    assert_eq!(relay.flows(), 2);
    assert_eq!(relay.stats(A).packets_received, 20 + u64::from(RIPE));
}

#[test]
fn jitter_is_that_of_all_packets() {
    let mut relays = [call(), call()];
    relays[1].worker.io_mut().set_room(0);
    let jitters = relays.map(|mut relay| {
        for n in 0..300_u16 {
            relay.now += Duration::from_millis(if n % 2 == 0 { 15 } else { 25 });
            relay.arrives(20_000, ALICE, &rtp(7, n));
        }
        relay.stats(A).jitter_us
    });
    assert!(jitters[0].abs_diff(jitters[1]) <= 200, "{jitters:?}");
    assert!((4_000..=6_000).contains(&jitters[0]), "{jitters:?}");
}

#[test]
fn many_flows_are_looked_at_a_few_at_a_time() {
    let mut relay = Relay::over(Simulated::with_kernel());
    for n in 0..200_u16 {
        let (one, other) = (LegId(2 * u64::from(n)), LegId(2 * u64::from(n) + 1));
        let far = |last| format!("192.0.2.{last}:{}", 4_000 + 4 * n);
        open(&mut relay, one, 20_000 + 4 * n, &far(1));
        open(&mut relay, other, 20_002 + 4 * n, &far(2));
        relay.tell(Command::Feed(one, Feed::Leg(other)));
        relay.tell(Command::Feed(other, Feed::Leg(one)));
        for sequence in 0..RIPE {
            relay.arrives(20_000 + 4 * n, &far(1), &rtp(7, sequence));
        }
    }
    assert_eq!(relay.flows(), 200);
    let due = relay.worker.deadline().unwrap();
    relay.now = due;
    let mut turns = 0;
    while relay.worker.deadline().is_some_and(|at| at <= due) {
        relay.worker.handle_timeout(due, &mut relay.events);
        turns += 1;
    }
    assert_eq!(turns, 200_usize.div_ceil(trunkline_media::limits::OFFLOAD_REVIEWS_PER_TURN));
}
