//! Legs that are recorded, in virtual time: who is on which channel, and what is never there.

mod common;

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::io::simulated::Simulated;
use trunkline_media::{Command, ConferenceId, Event, Feed, LegId, PortPair, RecordingId, Take, TapId, g711};

use common::{A, ALICE, B, BOB, Relay, at, far_end, rtp};

const C: LegId = LegId(3);
const CAROL: &str = "192.0.2.3:6000";

/// Each says one level all the time.
const ALICE_SAYS: u8 = 0x10;
const BOB_SAYS: u8 = 0x30;

fn sample(byte: u8) -> i16 {
    g711::decode(g711::Law::Mu, byte)
}

/// Alice on leg A and Bob on leg B, each hearing the other.
fn call(network: Simulated) -> Relay {
    let mut relay = Relay::over(network);
    for (leg, port, far) in [(A, 20_000, ALICE), (B, 20_002, BOB)] {
        relay.open(leg, PortPair(port));
        relay.tell(Command::Remote(leg, far_end(at(far)).into()));
    }
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay
}

fn record(relay: &mut Relay, leg: LegId, recording: u64) -> Take {
    let take = Take { tap: TapId::Recording(RecordingId(recording)), began: relay.now, is_wide: false };
    relay.tell(Command::Record(leg, [take].into()));
    take
}

/// Both talk for so many packets of 20 ms, from this number on.
fn talk(relay: &mut Relay, numbers: std::ops::Range<u16>) {
    for n in numbers {
        for (port, far, ssrc, says) in [(20_000, ALICE, 7, ALICE_SAYS), (20_002, BOB, 9, BOB_SAYS)] {
            let mut packet = rtp(ssrc, n);
            packet[12..].fill(says);
            relay.arrives(port, far, &packet);
        }
        relay.wait(Duration::from_millis(20));
    }
}

/// What a recording holds: its channels, with silence where nothing was told.
fn recorded(relay: &mut Relay, recording: u64) -> [Vec<i16>; 2] {
    let mut channels = [Vec::new(), Vec::new()];
    for event in relay.events.drain(..) {
        let Event::Recorded(piece) = event else { continue };
        if piece.tap != TapId::Recording(RecordingId(recording)) {
            continue;
        }
        let from = usize::try_from(piece.frame).expect("it is short") * 160;
        for (side, channel) in channels.iter_mut().enumerate() {
            assert!(channel.len() <= from, "no frame comes twice");
            channel.resize(from, 0);
            channel.extend(piece.samples.iter().skip(side).step_by(2));
        }
    }
    channels
}

/// The share of a channel, from one millisecond to another, that has this sample.
fn share(channel: &[i16], from_ms: usize, to_ms: usize, sample: i16) -> usize {
    let part = &channel[from_ms * 8..to_ms * 8];
    100 * part.iter().filter(|other| **other == sample).count() / part.len()
}

#[test]
fn the_far_end_is_left_and_who_speaks_to_it_right() {
    let mut relay = call(Simulated::new());
    talk(&mut relay, 0..10);
    record(&mut relay, A, 1);
    talk(&mut relay, 10..110);
    relay.tell(Command::Record(A, Arc::new([])));
    talk(&mut relay, 110..150);
    let [left, right] = recorded(&mut relay, 1);
    assert!((15_840..=16_160).contains(&left.len()), "{}", left.len());
    assert!(share(&left, 200, 1_900, sample(ALICE_SAYS)) == 100, "{:?}", &left[1_600..1_700]);
    assert!(share(&right, 200, 1_900, sample(BOB_SAYS)) == 100);
}

#[test]
fn a_call_on_hold_is_silence_on_both_sides() {
    let mut relay = call(Simulated::new());
    record(&mut relay, A, 1);
    talk(&mut relay, 0..50);
    relay.tell(Command::Feed(B, Feed::Music(Arc::new([8_000; 50]))));
    relay.tell(Command::Feed(A, Feed::Silence));
    talk(&mut relay, 50..100);
    relay.tell(Command::Feed(A, Feed::Music(Arc::new([8_000; 50]))));
    talk(&mut relay, 100..150);
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    talk(&mut relay, 150..200);
    relay.tell(Command::Close(A));
    let [left, right] = recorded(&mut relay, 1);
    for (channel, says) in [(&left, ALICE_SAYS), (&right, BOB_SAYS)] {
        assert_eq!(share(channel, 200, 950, sample(says)), 100);
        assert_eq!(share(channel, 1_200, 2_950, 0), 100, "neither words nor music");
        assert_eq!(share(channel, 3_200, 3_900, sample(says)), 100);
    }
}

#[test]
fn what_the_kernel_forwards_is_taken_back_and_given_away_again() {
    let mut relay = call(Simulated::with_kernel());
    talk(&mut relay, 0..10);
    assert_eq!(relay.flows(), 2);
    record(&mut relay, A, 1);
    assert_eq!(relay.flows(), 0, "both directions");
    talk(&mut relay, 10..60);
    assert_eq!(relay.flows(), 0);
    relay.tell(Command::Record(A, Arc::new([])));
    talk(&mut relay, 60..80);
    assert_eq!(relay.flows(), 2);
    let [left, right] = recorded(&mut relay, 1);
    assert_eq!(share(&left, 200, 900, sample(ALICE_SAYS)), 100);
    assert_eq!(share(&right, 200, 900, sample(BOB_SAYS)), 100);
}

#[test]
fn a_leg_is_recorded_through_a_conference_and_at_another_worker() {
    let mut relay = call(Simulated::new());
    relay.open(C, PortPair(20_004));
    relay.tell(Command::Remote(C, far_end(at(CAROL)).into()));
    record(&mut relay, A, 1);
    for leg in [A, B, C] {
        relay.tell(Command::Feed(leg, Feed::Conference(ConferenceId(4))));
    }
    talk(&mut relay, 0..60);
    relay.tell(Command::Detach(A));
    let mut parcel = None;
    relay.events.retain_mut(|event| {
        let Event::Detached { parcel: gone, .. } = event else { return true };
        parcel = Some(std::mem::take(gone));
        false
    });
    relay.wait(Duration::from_millis(500));
    relay.tell(Command::Attach { leg: A, parcel: parcel.expect("the leg goes") });
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    talk(&mut relay, 85..135);
    relay.tell(Command::Record(A, Arc::new([])));
    let [left, right] = recorded(&mut relay, 1);
    assert_eq!(share(&left, 300, 1_150, sample(ALICE_SAYS)), 100, "in the conference");
    assert!(share(&right, 300, 1_150, 0) < 2, "the mix");
    assert_eq!(share(&left, 1_250, 1_650, 0), 100, "on its way");
    assert_eq!(share(&left, 2_000, 2_650, sample(ALICE_SAYS)), 100);
    assert_eq!(share(&right, 2_000, 2_650, sample(BOB_SAYS)), 100);
}

#[test]
fn two_recordings_of_one_leg_have_the_same_and_end_by_themselves() {
    let mut relay = call(Simulated::new());
    let first = record(&mut relay, A, 1);
    talk(&mut relay, 0..25);
    let second = Take { tap: TapId::Recording(RecordingId(2)), began: relay.now, is_wide: true };
    relay.tell(Command::Record(A, [first, second].into()));
    talk(&mut relay, 25..50);
    relay.tell(Command::Record(A, [second].into()));
    talk(&mut relay, 50..75);
    let frames = |of: u64, samples: usize| {
        let of_it = |event: &Event| {
            let Event::Recorded(piece) = event else { return None };
            (piece.tap == TapId::Recording(RecordingId(of))).then_some(piece.samples.len() / samples)
        };
        relay.events.iter().filter_map(of_it).sum::<usize>()
    };
    let counted = [frames(1, 320), frames(2, 640)];
    assert!(counted.iter().all(|frames| (49..=51).contains(frames)), "{counted:?}");
    let wide = relay.events.iter().find_map(|event| {
        let Event::Recorded(piece) = event else { return None };
        (piece.tap == TapId::Recording(RecordingId(2))).then_some(piece.samples.len())
    });
    assert_eq!(wide, Some(10 * 2 * 320));
}
