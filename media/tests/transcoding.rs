//! Speech between legs of different codecs over a network that loses, repeats and reorders packets.

mod common;

use std::f64::consts::TAU;
use std::time::Duration;

use common::{A, ALICE, B, BOB, Relay, at, far_end, header};
use trunkline_media::g711::{self, Law};
use trunkline_media::g722;
use trunkline_media::io::simulated::Simulated;
use trunkline_media::{Codec, Codecs, Command, Feed, PayloadTypes, PortPair, Remote};

const FRAME: usize = 160;
const FRAMES: u16 = 500;

/// What becomes of a packet on its way to the relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    /// Behind the next one.
    IsLate,
}

/// A voice of 120 Hz with its harmonics, louder and softer.
fn voice(sample: usize) -> i16 {
    let time = f64::from(u32::try_from(sample).expect("a few seconds")) / 8_000.0;
    let wave: f64 = (1_u8..8).map(|k| (TAU * 120.0 * f64::from(k) * time).sin() / f64::from(k)).sum();
    #[expect(clippy::cast_possible_truncation, reason = "an amplitude is a sample")]
    let sample = (wave * 4_000.0 * (0.5 + 0.5 * (TAU * 1.5 * time).sin().abs())) as i16;
    sample
}

fn codec_of(leg: Codec) -> (u8, Codecs) {
    let number = match leg {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
    };
    (number, Codecs::default().with(number, leg))
}

/// Alice says the voice in her codec; what Bob decodes of it by number, each with its timestamp, in the order in which it came.
fn heard(from: Codec, into: Codec, fate: impl Fn(u16) -> Fate) -> Vec<(u16, u32, Vec<i16>)> {
    let mut relay = Relay::over(Simulated::default());
    for (leg, port, address, codec) in [(A, 20_000, ALICE, from), (B, 20_002, BOB, into)] {
        let (number, codecs) = codec_of(codec);
        let payload_types = PayloadTypes::default().with(number);
        let remote = Remote { codecs, speaks: codecs, payload_types, ..far_end(at(address)) };
        relay.open(leg, PortPair(port));
        relay.tell(Command::Remote(leg, remote.into()));
    }
    relay.tell(Command::Feed(A, Feed::Leg(B)));
    relay.tell(Command::Feed(B, Feed::Leg(A)));
    let mut encoder = g722::Encoder::default();
    let mut packets = (0..FRAMES).map(|number| {
        let first = usize::from(number) * FRAME;
        let samples: Vec<i16> = (first..first + FRAME).map(voice).collect();
        let mut payload = [0; FRAME];
        match from {
            Codec::Pcmu => g711::compress(Law::Mu, &samples, &mut payload),
            Codec::Pcma => g711::compress(Law::A, &samples, &mut payload),
            Codec::G722 => encoder.encode_narrow(&samples, &mut payload),
        }
        let mut packet = vec![0x80, codec_of(from).0];
        packet.extend(number.to_be_bytes());
        packet.extend((u32::from(number) * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend(payload);
        (number, packet)
    });
    let mut sent = Vec::new();
    let mut waiting = None;
    for (number, packet) in &mut packets {
        let now = match fate(number) {
            Fate::Arrives => vec![packet],
            Fate::IsLost => vec![],
            Fate::ArrivesTwice => vec![packet.clone(), packet],
            Fate::IsLate => {
                waiting = Some(packet);
                continue;
            }
        };
        for packet in now.into_iter().chain(waiting.take()) {
            sent.extend(relay.arrives(20_000, ALICE, &packet));
        }
        sent.extend(relay.wait(Duration::from_millis(20)));
    }
    let mut decoder = g722::Decoder::default();
    let speech = sent.iter().filter(|sent| sent.to == at(BOB) && sent.packet[1] & 0x7f == codec_of(into).0);
    speech
        .map(|sent| {
            let header = header(sent);
            let payload = &sent.packet[header.payload_start..header.payload_end];
            let mut samples = vec![0; payload.len()];
            match into {
                Codec::Pcmu => g711::expand(Law::Mu, payload, &mut samples),
                Codec::Pcma => g711::expand(Law::A, payload, &mut samples),
                Codec::G722 => decoder.decode_narrow(payload, &mut samples),
            }
            (header.sequence, header.timestamp, samples)
        })
        .collect()
}

/// How much louder the speech is than what differs from it, in decibels.
fn clarity(whole: &[(u16, u32, Vec<i16>)], heard: &[(u16, u32, Vec<i16>)]) -> f64 {
    let (mut speech, mut noise) = (0.0, 1.0);
    for (number, timestamp, samples) in heard {
        let (_, _, meant) =
            whole.iter().find(|(of, when, _)| (of, when) == (number, timestamp)).expect("it has its place");
        for (meant, heard) in meant.iter().zip(samples) {
            speech += f64::from(*meant).powi(2);
            noise += (f64::from(*meant) - f64::from(*heard)).powi(2);
        }
    }
    10.0 * (speech / noise).log10()
}

#[test]
fn what_arrives_keeps_its_place_and_sounds_as_it_was_said() {
    for (from, into) in [(Codec::Pcmu, Codec::Pcma), (Codec::Pcma, Codec::G722), (Codec::G722, Codec::Pcmu)] {
        let whole = heard(from, into, |_| Fate::Arrives);
        assert_eq!(whole.len(), usize::from(FRAMES));
        for (fate, least) in [(Fate::IsLost, 15.0), (Fate::ArrivesTwice, 15.0), (Fate::IsLate, 12.0)] {
            // One of twenty.
            let is_hit = |number: u16| number > 20 && number % 20 == 7;
            let heard = heard(from, into, |number| if is_hit(number) { fate } else { Fate::Arrives });
            let clarity = clarity(&whole, &heard);
            eprintln!("{from:?} to {into:?}, {fate:?}: {} packets, {clarity:.1} dB", heard.len());
            assert!(clarity > least, "{from:?} to {into:?}, {fate:?}: {clarity}");
            let hits = (0..FRAMES).filter(|number| is_hit(*number)).count();
            let expected = match fate {
                Fate::Arrives | Fate::IsLate => usize::from(FRAMES),
                Fate::IsLost => usize::from(FRAMES) - hits,
                Fate::ArrivesTwice => usize::from(FRAMES) + hits,
            };
            assert_eq!(heard.len(), expected, "{fate:?}");
        }
    }
}

/// PCMU becomes Opus for Bob, whose far end says it back; Alice hears herself in PCMU, also after a hold.
#[cfg(feature = "opus")]
#[test]
fn opus_is_spoken_to_who_knows_nothing_else() {
    use trunkline_media::{ForeignCodec, OpusFormat};
    let mut relay = Relay::over(Simulated::default());
    let mut opus =
        Codecs::default().with_foreign(96, ForeignCodec { name: 1, clock_hz: 48_000 }).with_events(101);
    opus.opus = Some(OpusFormat { payload_type: 96, bits_per_second_max: 20_000 });
    let pcmu = Codecs::default().with(0, Codec::Pcmu).with_events(101);
    for (leg, port, address, codecs, number) in [(A, 20_000, ALICE, pcmu, 0), (B, 20_002, BOB, opus, 96)] {
        let payload_types = PayloadTypes::default().with(number).with(101);
        let remote = Remote { codecs, speaks: codecs, payload_types, ..far_end(at(address)) };
        relay.open(leg, PortPair(port));
        relay.tell(Command::Remote(leg, remote.into()));
    }
    let mut numbers = [None::<(u16, u32)>; 2];
    for turn in 0..2_u16 {
        relay.tell(Command::Feed(A, Feed::Leg(B)));
        relay.tell(Command::Feed(B, Feed::Leg(A)));
        let mut heard = [Vec::new(), Vec::new()];
        for n in turn * 100..turn * 100 + 100 {
            let first = usize::from(n) * FRAME;
            let samples: Vec<i16> = (first..first + FRAME).map(voice).collect();
            let mut packet = vec![0x80, 0];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(n) * 160).to_be_bytes());
            packet.extend(7_u32.to_be_bytes());
            packet.resize(12 + FRAME, 0);
            g711::compress(Law::Mu, &samples, &mut packet[12..]);
            for sent in relay.arrives(20_000, ALICE, &packet) {
                assert_eq!((sent.to, sent.packet[1] & 0x7f), (at(BOB), 96));
                assert!(sent.packet.len() < 12 + 100, "{} bytes", sent.packet.len());
                heard[1].push(header(&sent));
                let mut echo = sent.packet.clone();
                echo[8..12].copy_from_slice(&9_u32.to_be_bytes());
                for sent in relay.arrives(20_002, BOB, &echo) {
                    assert_eq!(
                        (sent.to, sent.packet[1] & 0x7f, sent.packet.len()),
                        (at(ALICE), 0, 12 + FRAME)
                    );
                    heard[0].push(header(&sent));
                }
            }
            relay.wait(Duration::from_millis(20));
        }
        for ((heard, ticks), before) in heard.iter().zip([160, 960]).zip(&mut numbers) {
            assert_eq!(heard.len(), 100);
            for header in heard {
                if let Some((sequence, timestamp)) = *before {
                    assert_eq!(header.sequence, sequence.wrapping_add(1));
                    let since = header.timestamp.wrapping_sub(timestamp);
                    assert!(since == ticks || header.marker, "{since}");
                }
                *before = Some((header.sequence, header.timestamp));
            }
            assert!(heard.iter().all(|header| header.ssrc == heard[0].ssrc));
        }
        for leg in [A, B] {
            relay.tell(Command::Feed(leg, Feed::Nothing));
        }
        relay.wait(Duration::from_secs(3));
    }
    assert_eq!(relay.stats(A).unheard + relay.stats(B).unheard, 0);
}
