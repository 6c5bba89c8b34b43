//! The phone's mouth and ears: RTP packets that say whose voice they carry, and a tally of what is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use trunkline_media::g711::{self, Law};

/// One RTP packet each 20 ms.
pub(super) const PACKET_TIME: Duration = Duration::from_millis(20);
const PAYLOAD_BYTES: usize = 160;
const HEADER_BYTES: usize = 12;
const SIGNATURE: &[u8] = b"voice:";
const ULAW_SILENCE: [u8; 2] = [0xff, 0x7f];
const ALAW_SILENCE: [u8; 2] = [0xd5, 0x55];
const SAMPLES_PER_SECOND: u32 = 8000;
/// How loud a phone speaks that speaks a sine.
const SINE_AMPLITUDE: f64 = 4000.0;

/// What one packet carried.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sound {
    /// The voice of the phone with this user name.
    Voice(String),
    /// G.711 zero.
    Silence,
    /// Anything else: music, tones.
    Tone,
}

/// What a phone heard since it last began to listen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heard {
    /// Packets by what they carried.
    pub sounds: BTreeMap<Sound, u64>,
    /// Packets whose source is not the address that the session description names.
    pub foreign: u64,
    /// The sequence numbers of datagrams of fax (UDPTL).
    pub datagrams: Vec<u16>,
    /// Packets that are not RTP.
    pub malformed: u64,
    /// Packets that are not sealed with the key that was agreed.
    pub unauthentic: u64,
    /// Synchronisation sources in the order of their first packet.
    pub sources: Vec<u32>,
    /// Packets whose sequence number is not one more than the last of their source.
    pub jumps: u64,
    /// The formats that came, events among them.
    pub formats: BTreeSet<u8>,
    /// Digits by RFC 4733, in the order in which they were pressed.
    pub digits: String,
    /// The timestamp of the last of them.
    last_digit: Option<u32>,
    last: Option<(u32, u16)>,
    /// The samples of the last packet.
    samples: Vec<i16>,
}

impl Heard {
    /// How loud a sine of this frequency, a multiple of 50 Hz, is in the last packet of G.711: its amplitude.
    pub fn level(&self, hz: u16) -> f64 {
        if self.samples.is_empty() {
            return 0.0;
        }
        let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(SAMPLES_PER_SECOND);
        let (mut across, mut up) = (0.0, 0.0);
        for (number, sample) in (0_u32..).zip(&self.samples) {
            let angle = turn * f64::from(number);
            across += f64::from(*sample) * angle.cos();
            up += f64::from(*sample) * angle.sin();
        }
        let samples = u32::try_from(self.samples.len()).unwrap_or(u32::MAX);
        2.0 * across.hypot(up) / f64::from(samples)
    }

    /// Packets of the voice of this phone.
    pub fn voice(&self, user: &str) -> u64 {
        self.sounds.get(&Sound::Voice(user.to_owned())).copied().unwrap_or(0)
    }

    /// Packets of G.711 zero.
    pub fn silence(&self) -> u64 {
        self.sounds.get(&Sound::Silence).copied().unwrap_or(0)
    }

    /// Packets of music or tones.
    pub fn tone(&self) -> u64 {
        self.sounds.get(&Sound::Tone).copied().unwrap_or(0)
    }

    /// All packets understood.
    pub fn total(&self) -> u64 {
        self.sounds.values().sum()
    }

    pub(super) fn packet(&mut self, bytes: &[u8], expected: bool) {
        if bytes.len() < HEADER_BYTES || bytes[0] >> 6 != 2 {
            self.malformed += 1;
            return;
        }
        if !expected {
            self.foreign += 1;
            return;
        }
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        let source = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
        if self.last.is_some_and(|(before, last)| before == source && last.wrapping_add(1) != sequence) {
            self.jumps += 1;
        }
        self.last = Some((source, sequence));
        self.formats.insert(bytes[1] & 0x7f);
        if bytes[1] & 0x7f == EVENTS {
            let pressed = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            let digit = bytes.get(HEADER_BYTES).and_then(|event| DIGITS.get(usize::from(*event)));
            if self.last_digit.replace(pressed) != Some(pressed) {
                self.digits.extend(digit.map(|digit| char::from(*digit)));
            }
        }
        let law = if bytes[1] & 0x7f == 8 { Law::A } else { Law::Mu };
        self.samples.clear();
        self.samples.extend(bytes[HEADER_BYTES..].iter().map(|byte| g711::decode(law, *byte)));
        *self.sounds.entry(classify(&bytes[HEADER_BYTES..])).or_default() += 1;
    }
}

/// The format by which the phone describes telephone events.
const EVENTS: u8 = 101;

/// The events of RFC 4733 §3.2 that are digits, by number.
const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

fn classify(payload: &[u8]) -> Sound {
    if let Some(rest) = payload.strip_prefix(SIGNATURE) {
        let end = rest.iter().position(|byte| *byte == b';').unwrap_or(0);
        return Sound::Voice(String::from_utf8_lossy(&rest[..end]).into_owned());
    }
    let is_silence = |zero: [u8; 2]| payload.iter().all(|byte| zero.contains(byte));
    if is_silence(ULAW_SILENCE) || is_silence(ALAW_SILENCE) { Sound::Silence } else { Sound::Tone }
}

/// The stream of packets that a phone sends.
#[derive(Debug)]
pub(super) struct Voice {
    user: String,
    source: u32,
    sequence: u16,
    timestamp: u32,
    next: Option<Instant>,
}

impl Voice {
    pub(super) const fn new(user: String, source: u32, sequence: u16) -> Self {
        Self { user, source, sequence, timestamp: 0, next: None }
    }

    /// When the next packet is due; `None` while the phone does not speak.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Begins to speak if it does not yet, or stops.
    pub(super) fn speak(&mut self, now: Instant, speaks: bool) {
        match (speaks, self.next) {
            (true, None) => self.next = Some(now),
            (false, Some(_)) => self.next = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// The packet that is due, if one is: of its voice, or a sine of `hz`.
    pub(super) fn packet(&mut self, now: Instant, payload_type: u8, hz: Option<u16>) -> Option<Bytes> {
        let due = self.next.filter(|due| *due <= now)?;
        self.next = Some(due + PACKET_TIME);
        let mut packet = BytesMut::with_capacity(HEADER_BYTES + PAYLOAD_BYTES);
        packet.put_u8(0x80);
        packet.put_u8(payload_type);
        packet.put_u16(self.sequence);
        packet.put_u32(self.timestamp);
        packet.put_u32(self.source);
        match hz {
            Some(hz) => packet.extend(sine(hz, payload_type)),
            None => {
                packet.put_slice(SIGNATURE);
                packet.put_slice(self.user.as_bytes());
                packet.put_u8(b';');
            }
        }
        packet.resize(HEADER_BYTES + PAYLOAD_BYTES, 0x31);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        Some(packet.freeze())
    }
}

/// One packet of a sine; a multiple of 50 Hz goes on in the next packet as it ended.
fn sine(hz: u16, payload_type: u8) -> impl Iterator<Item = u8> {
    let law = if payload_type == 8 { Law::A } else { Law::Mu };
    let turn = std::f64::consts::TAU * f64::from(hz) / f64::from(SAMPLES_PER_SECOND);
    (0_u32..160).map(move |number| {
        #[expect(clippy::cast_possible_truncation, reason = "an amplitude is a sample")]
        let sample = (SINE_AMPLITUDE * (turn * f64::from(number)).sin()) as i16;
        g711::encode(law, sample)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_recognised_by_the_ears() {
        let now = crate::demo::phone::tests::epoch();
        let mut voice = Voice::new("1001".to_owned(), 7, 65_535);
        let mut heard = Heard::default();
        voice.speak(now, true);
        for tick in 0..3 {
            let packet = voice.packet(now + PACKET_TIME * tick, 0, None).unwrap();
            assert_eq!(packet.len(), 172);
            heard.packet(&packet, true);
        }
        assert_eq!((heard.voice("1001"), heard.jumps, heard.sources.clone()), (3, 0, vec![7]));
    }

    #[test]
    fn a_sine_is_heard_at_its_own_frequency_and_no_other() {
        let now = crate::demo::phone::tests::epoch();
        for payload_type in [0, 8] {
            let mut voice = Voice::new("1001".to_owned(), 7, 0);
            let mut heard = Heard::default();
            voice.speak(now, true);
            heard.packet(&voice.packet(now, payload_type, Some(400)).unwrap(), true);
            assert!((3800.0..4200.0).contains(&heard.level(400)), "{}", heard.level(400));
            assert!(heard.level(700) < 100.0, "{}", heard.level(700));
        }
    }

    #[test]
    fn silence_and_music_are_told_apart() {
        let mut heard = Heard::default();
        let mut packet = vec![0x80; 172];
        packet[HEADER_BYTES..].fill(0xff);
        heard.packet(&packet, true);
        packet[100] = 0x12;
        heard.packet(&packet, true);
        heard.packet(&packet, false);
        heard.packet(&[0x80, 0], true);
        assert_eq!((heard.silence(), heard.tone(), heard.foreign, heard.malformed), (1, 1, 1, 1));
    }
}
