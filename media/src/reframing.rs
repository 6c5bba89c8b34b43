//! Between Opus and the relay's other codecs, whose clocks and packets differ: speech is decoded, and coded anew 20 ms at a time.
//!
//! ```text
//! packet ▶ in its turn? ▶ decoded ▶ samples ▶ 20 ms ▶ coded ▶ packet with numbers of its own
//!            │ some are missing: what this one says of them once more (in-band FEC of Opus), or made up
//!            │ a pause: as long a one
//!            ╰ late or doubled: dropped, for its place is taken
//! ```
//!
//! There is no clock: what comes goes on at once, so that the hearer's jitter buffer deals with the way to the relay, too.

use std::ops::Range;

use crate::command::{Codec, OpusFormat};
use crate::conference::Concealer;
use crate::conversion::Converted;
use crate::g711::{self, Law};
use crate::g722;
use crate::limits::REFRAMED_AHEAD;
use crate::opus::{self, CLOCK_KHZ, PACKET_MS_MAX};
use crate::rtp::Header;
use crate::rtp::header::FIXED_BYTES;
use crate::stats::MAX_MISORDER;

/// What is coded at a time, in milliseconds.
const FRAME_MS: usize = 20;

/// The longest loss that is made up, in milliseconds; a longer one is a pause.
const LOSS_MS_MAX: usize = 100;

/// The longest pause by which the times of a speaker may go on, in milliseconds; beyond, he has begun them anew.
const PAUSE_MS_MAX: u32 = 60_000;

/// Ticks in a millisecond of codecs that are not Opus.
const NARROW_KHZ: u32 = 8;

/// The most samples that wait: what was left over, what was lost and what came, at 16 kHz.
const SAMPLES_MAX: usize = (FRAME_MS + LOSS_MS_MAX + PACKET_MS_MAX) * 16;

/// How fast speech may come, beyond what the clock of a poor device is ahead: five quarters of the time that it takes to say.
const RATE: (u64, u64) = (5, 4);

/// Tells the relay's own stream from the speaker's, which a leg may hear in turns.
const OWN_SSRC: u32 = 0x4f70_7573;

/// From which codec into which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// From Opus into a codec of the relay, under its number.
    FromOpus(u8, Codec),
    /// From the relay's other codecs into Opus; whether G.722 is among them.
    IntoOpus(OpusFormat, bool),
}

/// Which codec the speaker has.
#[derive(Debug)]
enum Speaks {
    Opus(opus::Decoder),
    Other(Box<Others>),
}

/// What decodes every codec of the relay but Opus.
#[derive(Debug, Default)]
struct Others {
    decoder: g722::Decoder,
    double: g722::Double,
    concealer: Concealer,
}

/// Which codec the hearer has.
#[derive(Debug)]
enum Hears {
    Opus(opus::Encoder),
    Other(Codec, Box<g722::Encoder>),
}

/// One speaker's speech on its way to one hearer.
#[derive(Debug)]
pub(crate) struct Reframing {
    speaks: Speaks,
    hears: Hears,
    payload_type: u8,
    is_wide: bool,
    ssrc: u32,
    /// The sequence number and timestamp that the next packet should have; `None` before the first.
    next: Option<(u16, u32)>,
    samples: Vec<i16>,
    /// Which of them are made up.
    made_up: Range<usize>,
    /// The numbers of the next packet to the hearer.
    sequence: u16,
    timestamp: u32,
    begins: bool,
    /// The timestamp of the last event, as it was said and as it is heard.
    event: Option<(u32, u32)>,
    /// Until when there was speech, had it come no faster than [`RATE`] allows.
    said_until_us: u64,
}

impl Reframing {
    /// One that has heard nothing; `None` where there is no coder of Opus.
    pub(crate) fn of(way: Way) -> Option<Self> {
        let (speaks, hears, payload_type, is_wide) = match way {
            Way::FromOpus(number, codec) => {
                let is_wide = codec == Codec::G722;
                let decoder = opus::Decoder::of(is_wide)?;
                (Speaks::Opus(decoder), Hears::Other(codec, Box::default()), number, is_wide)
            }
            Way::IntoOpus(opus, is_wide) => {
                let encoder = opus::Encoder::of(is_wide, opus.bits_per_second_max)?;
                (Speaks::Other(Box::default()), Hears::Opus(encoder), opus.payload_type, is_wide)
            }
        };
        Some(Self {
            speaks,
            hears,
            payload_type,
            is_wide,
            ssrc: 0,
            next: None,
            samples: Vec::with_capacity(SAMPLES_MAX),
            made_up: 0..0,
            sequence: 0,
            timestamp: 0,
            begins: true,
            event: None,
            said_until_us: 0,
        })
    }

    /// Takes a packet of speech; `codec` is `None` for Opus. What becomes of it is fetched by [`Self::take`].
    pub(crate) fn hear(&mut self, now_us: u64, codec: Option<Codec>, header: &Header, payload: &[u8]) {
        self.said_until_us = self.said_until_us.max(now_us);
        if self.said_until_us - now_us > REFRAMED_AHEAD.as_micros() as u64 {
            return;
        }
        self.turn_to(header);
        let (sequence, timestamp) = self.next.unwrap_or((header.sequence, header.timestamp));
        let ahead = header.sequence.wrapping_sub(sequence);
        if ahead > u16::MAX - MAX_MISORDER {
            return;
        }
        let mut samples = [0; SAMPLES_MAX];
        let mut made = 0;
        let passed = header.timestamp.wrapping_sub(timestamp);
        let passed = if passed <= PAUSE_MS_MAX * self.said_khz() { self.samples_in(passed) } else { 0 };
        if ahead > 0 && (1..=LOSS_MS_MAX * self.samples_per_ms()).contains(&passed) {
            // What a broken packet says of the one before is not believed either.
            made = self.make_up(payload, &mut samples[..passed]);
            let from = self.samples.len();
            self.push(&samples[..made]);
            self.made_up = from..self.samples.len();
        } else if ahead > 0 || passed > 0 {
            self.pause(passed);
        }
        let count = self.decode(codec, payload, &mut samples).unwrap_or(0);
        self.push(&samples[..count]);
        self.said_until_us += ((made + count) * 1_000 / self.samples_per_ms()) as u64 * RATE.1 / RATE.0;
        let ticks = u32::try_from(count / self.samples_per_ms()).unwrap_or(0) * self.said_khz();
        self.next = Some((header.sequence.wrapping_add(1), header.timestamp.wrapping_add(ticks)));
    }

    /// Writes the next packet for the hearer, if there is one; returns its header and length.
    pub(crate) fn take(&mut self, packet: &mut Converted) -> Option<(Header, usize)> {
        let length = FRAME_MS * self.samples_per_ms();
        while self.samples.len() >= length {
            let mut frame = [0; FRAME_MS * 16];
            let frame = &mut frame[..length];
            frame.copy_from_slice(&self.samples[..length]);
            self.samples.drain(..length);
            let was_said = self.made_up.start > 0 || self.made_up.end < length;
            let behind = |at: usize| at.saturating_sub(length);
            self.made_up = behind(self.made_up.start)..behind(self.made_up.end);
            if let Speaks::Other(others) = &mut self.speaks {
                others.concealer.keep(frame, scale(self.is_wide), was_said);
            }
            let (sequence, timestamp) = (self.sequence, self.timestamp);
            self.sequence = sequence.wrapping_add(1);
            self.timestamp = timestamp.wrapping_add(self.ticks(length));
            let Some(bytes) = self.hears.encode(frame, self.is_wide, &mut packet[FIXED_BYTES..]) else {
                continue;
            };
            let header = Header {
                marker: self.begins,
                payload_type: self.payload_type,
                sequence,
                timestamp,
                ssrc: self.ssrc ^ OWN_SSRC,
                payload_start: FIXED_BYTES,
                payload_end: FIXED_BYTES + bytes,
            };
            self.begins = false;
            packet[0] = 0x80;
            header.write(packet);
            return Some((header, header.payload_end));
        }
        None
    }

    /// Writes an event (RFC 4733) under another number and clock; returns its header and length.
    pub(crate) fn say_event(
        &mut self,
        header: &Header,
        payload: &[u8],
        (payload_type, khz): (u8, [u32; 2]),
        packet: &mut Converted,
    ) -> Option<(Header, usize)> {
        self.turn_to(header);
        if let Some((sequence, _)) = &mut self.next
            && *sequence == header.sequence
        {
            *sequence = sequence.wrapping_add(1);
        }
        let position = self.timestamp.wrapping_add(self.ticks(self.samples.len()));
        let timestamp = match self.event {
            Some((said, heard)) if said == header.timestamp => heard,
            Some((said, heard)) => {
                let since = header.timestamp.wrapping_sub(said);
                let since = if since <= PAUSE_MS_MAX * khz[0] { since * khz[1] / khz[0] } else { 0 };
                let frame = u32::try_from(FRAME_MS).unwrap_or(0) * khz[1];
                let behind = heard.wrapping_add(since.max(frame));
                if position.wrapping_sub(behind) < 1 << 31 { position } else { behind }
            }
            None => position,
        };
        self.event = Some((header.timestamp, timestamp));
        let place = packet.get_mut(FIXED_BYTES..FIXED_BYTES + payload.len())?;
        place.copy_from_slice(payload);
        scale_events(place, khz);
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let header = Header {
            marker: header.marker,
            payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc ^ OWN_SSRC,
            payload_start: FIXED_BYTES,
            payload_end: FIXED_BYTES + payload.len(),
        };
        packet[0] = 0x80;
        header.write(packet);
        Some((header, header.payload_end))
    }

    /// Another source speaks from here on, if it is another.
    fn turn_to(&mut self, header: &Header) {
        if self.next.is_some() && self.ssrc == header.ssrc {
            return;
        }
        match &mut self.speaks {
            Speaks::Opus(decoder) => decoder.reset(),
            Speaks::Other(others) => **others = Others::default(),
        }
        self.ssrc = header.ssrc;
        self.next = Some((header.sequence, header.timestamp));
        self.samples.clear();
        self.made_up = 0..0;
        (self.sequence, self.timestamp) = (header.sequence, header.timestamp);
        self.begins = true;
        self.event = None;
    }

    /// Fills in for what is missing before a packet; how many samples.
    fn make_up(&mut self, payload: &[u8], samples: &mut [i16]) -> usize {
        // libopus makes up whole 2.5 ms.
        let whole = samples.len() - samples.len() % (5 * self.samples_per_ms() / 2);
        let samples = &mut samples[..whole];
        match &mut self.speaks {
            Speaks::Opus(decoder) => decoder.recover(payload, samples).unwrap_or(0),
            Speaks::Other(others) => {
                others.concealer.fill(samples, scale(self.is_wide));
                whole
            }
        }
    }

    /// Nothing was said for so many samples.
    fn pause(&mut self, samples: usize) {
        let passed = self.ticks(self.samples.len() + samples);
        self.timestamp = self.timestamp.wrapping_add(passed);
        self.samples.clear();
        self.made_up = 0..0;
        self.begins = true;
    }

    fn push(&mut self, samples: &[i16]) {
        // Whoever fetches what there is leaves less than a frame.
        if self.samples.len() + samples.len() > SAMPLES_MAX {
            self.pause(0);
        }
        self.samples.extend_from_slice(samples);
    }

    fn decode(&mut self, codec: Option<Codec>, payload: &[u8], samples: &mut [i16]) -> Option<usize> {
        let per_ms = self.samples_per_ms();
        let samples = &mut samples[..PACKET_MS_MAX * per_ms];
        match (&mut self.speaks, codec) {
            (Speaks::Opus(decoder), None) => decoder.decode(payload, samples),
            (Speaks::Other(others), Some(codec)) => {
                let samples = samples.get_mut(..payload.len() * per_ms / 8)?;
                others.decode(codec, self.is_wide, payload, samples);
                Some(samples.len())
            }
            (Speaks::Opus(_), Some(_)) | (Speaks::Other(_), None) => None,
        }
    }

    const fn samples_per_ms(&self) -> usize {
        if self.is_wide { 16 } else { 8 }
    }

    const fn said_khz(&self) -> u32 {
        if matches!(self.speaks, Speaks::Opus(_)) { CLOCK_KHZ } else { NARROW_KHZ }
    }

    const fn heard_khz(&self) -> u32 {
        if matches!(self.hears, Hears::Opus(_)) { CLOCK_KHZ } else { NARROW_KHZ }
    }

    /// Samples in so many ticks of the speaker's clock.
    fn samples_in(&self, ticks: u32) -> usize {
        usize::try_from(ticks).unwrap_or(0) * self.samples_per_ms() / self.said_khz() as usize
    }

    /// Ticks of the hearer's clock in so many samples.
    fn ticks(&self, samples: usize) -> u32 {
        let ticks = samples * self.heard_khz() as usize / self.samples_per_ms();
        u32::try_from(ticks).unwrap_or(0)
    }
}

impl Others {
    /// Decodes into samples of 8 kHz, or into twice as many of 16 kHz.
    fn decode(&mut self, codec: Codec, is_wide: bool, payload: &[u8], samples: &mut [i16]) {
        let law = match codec {
            Codec::Pcmu => Law::Mu,
            Codec::Pcma => Law::A,
            Codec::G722 if is_wide => return self.decoder.decode(payload, samples),
            Codec::G722 => return self.decoder.decode_narrow(payload, samples),
        };
        if !is_wide {
            g711::expand(law, payload, samples);
            return;
        }
        let mut narrow = [0; PACKET_MS_MAX * 8];
        let narrow = &mut narrow[..payload.len()];
        g711::expand(law, payload, narrow);
        self.double.double(narrow, samples);
    }
}

impl Hears {
    /// Codes a frame; the bytes that were written, `None` if it could not be coded.
    fn encode(&mut self, frame: &[i16], is_wide: bool, payload: &mut [u8]) -> Option<usize> {
        match self {
            Self::Opus(encoder) => encoder.encode(frame, payload),
            Self::Other(codec, encoder) => {
                let payload = &mut payload[..frame.len() / scale(is_wide)];
                match codec {
                    Codec::Pcmu => g711::compress(Law::Mu, frame, payload),
                    Codec::Pcma => g711::compress(Law::A, frame, payload),
                    Codec::G722 => encoder.encode(frame, payload),
                }
                Some(payload.len())
            }
        }
    }
}

/// Samples for each of 8 kHz.
const fn scale(is_wide: bool) -> usize {
    if is_wide { 2 } else { 1 }
}

/// Writes the durations of events by another clock (RFC 4733 §2.3.5); one that is too long for it is as long as can be said.
pub(crate) fn scale_events(payload: &mut [u8], [from, into]: [u32; 2]) {
    for event in payload.chunks_exact_mut(4) {
        let duration = u32::from(u16::from_be_bytes([event[2], event[3]])) * into / from;
        event[2..].copy_from_slice(&u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes());
    }
}

#[cfg(test)]
#[cfg(feature = "opus")]
mod tests {
    use super::*;
    use crate::conference::testing::{amplitude, sine};
    use crate::limits::DATAGRAM_BYTES_MAX;

    const TONE_HZ: f64 = 440.0;
    const OPUS: OpusFormat = OpusFormat { payload_type: 96, bits_per_second_max: 510_000 };

    /// A packet for a hearer.
    type Sent = (Header, Vec<u8>);

    /// Everything that comes of some packets, each with what it is for.
    fn sent(reframing: &mut Reframing, codec: Option<Codec>, packets: &[Sent]) -> Vec<Sent> {
        let mut converted = [0; DATAGRAM_BYTES_MAX];
        let mut sent = Vec::new();
        for (header, payload) in packets {
            reframing.hear(reframing.said_until_us, codec, header, payload);
            while let Some((header, length)) = reframing.take(&mut converted) {
                assert_eq!(Header::read(&converted[..length]), Ok(header));
                sent.push((header, converted[FIXED_BYTES..length].to_vec()));
            }
        }
        sent
    }

    /// A tone in one of the codecs that are not Opus, in packets of so many milliseconds.
    fn said(codec: Codec, ms: usize, packets: usize) -> Vec<Sent> {
        let mut encoder = g722::Encoder::default();
        let packet = |n: usize| {
            let mut payload = vec![0; 8 * ms];
            match codec {
                Codec::Pcmu => g711::compress(Law::Mu, &tone(8, n * ms, ms), &mut payload),
                Codec::Pcma => g711::compress(Law::A, &tone(8, n * ms, ms), &mut payload),
                Codec::G722 => encoder.encode(&tone(16, n * ms, ms), &mut payload),
            }
            (header(n, 8 * ms), payload)
        };
        (0..packets).map(packet).collect()
    }

    /// The same in Opus, which says each packet's predecessor once more.
    fn said_in_opus(ms: usize, packets: usize) -> Vec<Sent> {
        let mut encoder = opus::Encoder::of(false, u32::MAX >> 1).unwrap();
        let packet = |n: usize| {
            let mut payload = vec![0; 1_000];
            let length = encoder.encode(&tone(8, n * ms, ms), &mut payload).unwrap();
            payload.truncate(length);
            (header(n, 48 * ms), payload)
        };
        (0..packets).map(packet).collect()
    }

    fn tone(khz: usize, from_ms: usize, ms: usize) -> Vec<i16> {
        sine(TONE_HZ, 1_000.0 * khz as f64, 5_000.0, khz * from_ms, khz * ms)
    }

    fn header(n: usize, ticks: usize) -> Header {
        let sequence = 65_530_u16.wrapping_add(u16::try_from(n).unwrap());
        let timestamp = u32::try_from(n * ticks).unwrap().wrapping_sub(500);
        Header {
            marker: n == 0,
            payload_type: 0,
            sequence,
            timestamp,
            ssrc: 7,
            payload_start: 12,
            payload_end: 12,
        }
    }

    fn decoded(into: Codec, sent: &[Sent]) -> Vec<i16> {
        let mut decoder = g722::Decoder::default();
        let decode = |(_, payload): &Sent| {
            let mut samples = vec![0; payload.len() * if into == Codec::G722 { 2 } else { 1 }];
            match into {
                Codec::Pcmu => g711::expand(Law::Mu, payload, &mut samples),
                Codec::Pcma => g711::expand(Law::A, payload, &mut samples),
                Codec::G722 => decoder.decode(payload, &mut samples),
            }
            samples
        };
        sent.iter().flat_map(decode).collect()
    }

    /// The numbers follow each other, and each packet is 20 ms after the one before.
    #[track_caller]
    fn expect_a_stream(sent: &[Sent], ticks: u32) {
        for pair in sent.windows(2) {
            let [(before, _), (after, _)] = pair else { unreachable!() };
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            assert_eq!(after.timestamp.wrapping_sub(before.timestamp), ticks);
            assert!(!after.marker);
        }
        assert!(sent.iter().all(|(header, _)| header.ssrc == 7 ^ OWN_SSRC));
    }

    #[test]
    fn speech_goes_into_opus_and_comes_out_of_it() {
        use Codec::{G722, Pcma, Pcmu};
        for (from, into) in [(Pcmu, Pcma), (Pcma, Pcmu), (G722, G722), (G722, Pcmu), (Pcma, G722)] {
            let mut there = Reframing::of(Way::IntoOpus(OPUS, from == G722)).unwrap();
            let mut back = Reframing::of(Way::FromOpus(8, into)).unwrap();
            let opus = sent(&mut there, Some(from), &said(from, 20, 100));
            expect_a_stream(&opus, 960);
            assert!(opus[0].0.marker && opus.iter().all(|(header, _)| header.payload_type == 96));
            let heard = sent(
                &mut back,
                None,
                &opus
                    .iter()
                    .map(|(header, payload)| (Header { ssrc: 7, ..*header }, payload.clone()))
                    .collect::<Vec<_>>(),
            );
            expect_a_stream(&heard, 160);
            assert_eq!((opus.len(), heard.len()), (100, 100));
            let bytes: usize = opus.iter().map(|(_, payload)| payload.len()).sum();
            assert!((1_000..10_000).contains(&bytes), "{bytes} bytes in two seconds");
            let rate_hz = if into == G722 { 16_000.0 } else { 8_000.0 };
            let heard = decoded(into, &heard);
            let level = amplitude(&heard[heard.len() / 2..], TONE_HZ, rate_hz);
            assert!((4_000.0..6_000.0).contains(&level), "{from:?} to {into:?}: {level}");
        }
    }

    #[test]
    fn packets_of_other_lengths_become_packets_of_20_ms() {
        for ms in [10, 20, 30, 40, 60, 120] {
            let packets = 1_200 / ms;
            let mut reframing = Reframing::of(Way::IntoOpus(OPUS, false)).unwrap();
            let opus = sent(&mut reframing, Some(Codec::Pcmu), &said(Codec::Pcmu, ms, packets));
            expect_a_stream(&opus, 960);
            assert_eq!(opus.len(), 60, "of {ms} ms");
        }
        for ms in [10, 20, 40, 60] {
            let mut reframing = Reframing::of(Way::FromOpus(0, Codec::Pcmu)).unwrap();
            let heard = sent(&mut reframing, None, &said_in_opus(ms, 1_200 / ms));
            expect_a_stream(&heard, 160);
            assert!(heard.iter().all(|(_, payload)| payload.len() == 160));
            assert_eq!(heard.len(), 60, "of {ms} ms");
        }
        let mut reframing = Reframing::of(Way::IntoOpus(OPUS, false)).unwrap();
        assert!(sent(&mut reframing, Some(Codec::Pcmu), &said(Codec::Pcmu, 140, 5)).is_empty(), "too long");
    }

    /// Decodes what was sent to a hearer of Opus.
    fn heard_of(opus: Vec<Sent>) -> Vec<i16> {
        let mut ear = Reframing::of(Way::FromOpus(0, Codec::Pcmu)).unwrap();
        let packets: Vec<Sent> =
            opus.into_iter().map(|(header, payload)| (Header { ssrc: 7, ..header }, payload)).collect();
        decoded(Codec::Pcmu, &sent(&mut ear, None, &packets))
    }

    fn loudness(samples: &[i16]) -> f64 {
        (samples.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn what_is_lost_of_opus_is_said_once_more() {
        // Syllables of 160 ms: what begins in the packet that is lost cannot be guessed from those before.
        let mut encoder = opus::Encoder::of(false, u32::MAX >> 1).unwrap();
        let packet = |n: usize| {
            let volume = if n % 15 < 8 { 3.0 } else { 0.0 };
            let hz = 200.0 + 20.0 * (n / 15 % 7) as f64;
            let voice = (1..5_u8)
                .map(|k| sine(hz * f64::from(k), 8_000.0, volume * 1_000.0 / f64::from(k), n * 160, 160));
            let samples =
                voice.fold(vec![0; 160], |sum, part| sum.iter().zip(&part).map(|(a, b)| a + b).collect());
            let mut payload = vec![0; 1_000];
            let length = encoder.encode(&samples, &mut payload).unwrap();
            payload.truncate(length);
            (header(n, 960), payload)
        };
        let packets: Vec<Sent> = (0..300).map(packet).collect();
        let some: Vec<Sent> =
            (0..).zip(&packets).filter(|(n, _)| n % 15 != 1).map(|(_, packet)| packet.clone()).collect();
        let [whole, heard] = [&packets, &some].map(|packets| {
            let mut reframing = Reframing::of(Way::FromOpus(0, Codec::Pcmu)).unwrap();
            let heard = sent(&mut reframing, None, packets);
            expect_a_stream(&heard, 160);
            decoded(Codec::Pcmu, &heard)
        });
        assert_eq!(whole.len(), heard.len(), "no time is lost");
        let frames = whole.chunks_exact(160).zip(heard.chunks_exact(160)).enumerate();
        for (n, (meant, heard)) in frames.filter(|(n, _)| n % 15 == 1) {
            let share = loudness(heard) / loudness(meant);
            assert!((0.7..1.4).contains(&share), "packet {n}: {share}");
        }
    }

    #[test]
    fn what_is_lost_on_the_way_into_opus_is_made_up() {
        for ms in [20, 30] {
            let packets = said(Codec::Pcma, ms, 4_020 / ms);
            let some: Vec<Sent> = (0..)
                .zip(&packets)
                .filter(|(n, _)| *n < 10 || n % 10 != 5)
                .map(|(_, packet)| packet.clone())
                .collect();
            let mut reframing = Reframing::of(Way::IntoOpus(OPUS, false)).unwrap();
            let opus = sent(&mut reframing, Some(Codec::Pcma), &some);
            expect_a_stream(&opus, 960);
            assert_eq!(opus.len(), 201, "no time is lost");
            let heard = heard_of(opus);
            let least = heard.chunks_exact(160).skip(10).map(loudness).fold(f64::INFINITY, f64::min);
            assert!(least > 1_500.0, "of {ms} ms: {least} of 3500");
        }
    }

    #[test]
    fn a_pause_is_as_long_as_it_was() {
        for is_of_opus in [true, false] {
            let (codec, khz, hears) = if is_of_opus { (None, 48, 8) } else { (Some(Codec::Pcmu), 8, 48) };
            let packets = if is_of_opus { said_in_opus(20, 40) } else { said(Codec::Pcmu, 20, 40) };
            let mut reframing = if is_of_opus {
                Reframing::of(Way::FromOpus(0, Codec::Pcmu)).unwrap()
            } else {
                Reframing::of(Way::IntoOpus(OPUS, false)).unwrap()
            };
            let before = sent(&mut reframing, codec, &packets[..20]);
            // Nothing was said for 400 ms (DTX), then half a second was lost.
            for (pause_ms, missing) in [(400, 0), (500, 25)] {
                let moved = |(header, payload): &Sent| {
                    let sequence = header.sequence.wrapping_add(missing);
                    let timestamp = header.timestamp.wrapping_add(khz * if missing > 0 { 900 } else { 400 });
                    (Header { sequence, timestamp, ..*header }, payload.clone())
                };
                let range = if missing > 0 { 30..40 } else { 20..30 };
                let after =
                    sent(&mut reframing, codec, &packets[range].iter().map(moved).collect::<Vec<_>>());
                expect_a_stream(&after, 20 * hears);
                assert_eq!(after.len(), 10);
                if missing == 0 {
                    let (last, first) = (before[19].0, after[0].0);
                    assert_eq!(first.timestamp.wrapping_sub(last.timestamp), (pause_ms + 20) * hears);
                    assert!(first.marker && first.sequence == last.sequence.wrapping_add(1));
                }
            }
        }
    }

    #[test]
    fn what_is_late_or_doubled_is_heard_once_or_not() {
        let packets = said(Codec::Pcmu, 20, 10);
        let order = [0, 1, 1, 3, 2, 4, 4, 3, 5];
        let packets: Vec<Sent> = order.iter().map(|n| packets[*n].clone()).collect();
        let mut reframing = Reframing::of(Way::IntoOpus(OPUS, false)).unwrap();
        let opus = sent(&mut reframing, Some(Codec::Pcmu), &packets);
        expect_a_stream(&opus, 960);
        assert_eq!(opus.len(), 6, "the third was made up before it came");
    }

    #[test]
    fn who_speaks_faster_than_time_passes_is_not_heard() {
        let mut reframing = Reframing::of(Way::IntoOpus(OPUS, false)).unwrap();
        let mut converted = [0; DATAGRAM_BYTES_MAX];
        let mut heard = 0;
        for (header, payload) in said(Codec::Pcmu, 20, 400) {
            reframing.hear(5_000_000, Some(Codec::Pcmu), &header, &payload);
            heard += std::iter::from_fn(|| reframing.take(&mut converted)).count();
        }
        assert_eq!(heard, 63, "1 s at five quarters, and the packet that goes beyond");
    }

    #[test]
    fn a_digit_is_one_digit_by_either_clock() {
        let mut reframing = Reframing::of(Way::IntoOpus(OPUS, false)).unwrap();
        let speech = said(Codec::Pcmu, 20, 30);
        let before = sent(&mut reframing, Some(Codec::Pcmu), &speech[..10]).pop().unwrap().0;
        let mut converted = [0; DATAGRAM_BYTES_MAX];
        let mut events = Vec::new();
        for (digit, packet) in (0..3_u8).flat_map(|digit| (0..5_usize).map(move |packet| (digit, packet))) {
            let n = 10 + 5 * usize::from(digit);
            let mut header = header(n, 160);
            header.sequence = header.sequence.wrapping_add(u16::try_from(packet).unwrap());
            let payload = [digit, 10, 0, 160];
            let said = reframing.say_event(&header, &payload, (101, [8, 48]), &mut converted);
            let (header, length) = said.unwrap();
            assert_eq!(&converted[12..length], [digit, 10, 3, 192], "160 ticks are 960");
            events.push(header);
        }
        for (n, event) in events.iter().enumerate() {
            assert_eq!(event.sequence, before.sequence.wrapping_add(1 + u16::try_from(n).unwrap()));
            let since = u32::try_from(n / 5).unwrap() * 5 * 960;
            assert_eq!(event.timestamp.wrapping_sub(before.timestamp), 960 + since);
        }
        let after = sent(&mut reframing, Some(Codec::Pcmu), &speech[25..]);
        expect_a_stream(&after, 960);
        assert_eq!(after[0].0.sequence, events[14].sequence.wrapping_add(1), "nothing is lost by a digit");
        assert_eq!(after[0].0.timestamp.wrapping_sub(before.timestamp), 16 * 960);
        let mut long = [1, 10, 0xff, 0xff];
        scale_events(&mut long, [8, 48]);
        assert_eq!(long, [1, 10, 0xff, 0xff], "as long as can be said");
        scale_events(&mut long, [48, 8]);
        assert_eq!(long, [1, 10, 42, 170]);
    }

    #[test]
    fn bytes_that_are_no_opus_are_nothing_and_harm_nothing() {
        let mut reframing = Reframing::of(Way::FromOpus(0, Codec::Pcmu)).unwrap();
        let good = said_in_opus(20, 400);
        let mut state = 1_u32;
        let mut any = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for (n, (mut header, mut payload)) in good.into_iter().enumerate() {
            match n % 4 {
                0 => payload.clear(),
                1 => payload.iter_mut().for_each(|byte| *byte = u8::try_from(any() & 0xff).unwrap()),
                2 => payload = vec![u8::try_from(any() & 0xff).unwrap(); any() as usize % 1_400],
                _ => {}
            }
            if n % 16 == 1 {
                header.sequence = u16::try_from(any()).unwrap();
                header.timestamp = any() << 16 | any();
            }
            let heard = sent(&mut reframing, None, &[(header, payload)]);
            assert!(heard.len() <= (LOSS_MS_MAX + PACKET_MS_MAX) / FRAME_MS + 1);
            assert!(heard.iter().all(|(_, payload)| payload.len() == 160));
        }
    }
}
