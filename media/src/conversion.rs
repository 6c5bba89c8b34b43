//! From the payload types of one leg to those of another: the same encoding under another number is renumbered, another encoding
//! of the relay's is transcoded, what the hearer does not understand is dropped.
//!
//! Transcoding needs no clock: each codec but Opus says one byte a timestamp tick, so that a packet stays one packet with the same
//! times. G.722 is reduced to its low band, which is all that a G.711 leg can say or hear. To and from Opus speech is put into packets
//! anew (`reframing.rs`).

use crate::command::{Codec, Codecs};
use crate::g711::{self, Law};
use crate::g722;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::opus::HAS_OPUS;
use crate::reframing::{Reframing, Way, scale_events};
use crate::rtp::Header;

/// What becomes of a payload type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It has this number.
    Is(u8),
    /// It is in this codec and has to be in the hearer's.
    Transcoded(Codec),
    /// It is Opus, or in this codec of the relay's, and only the one of hearer and speaker has Opus.
    Reframed(Option<Codec>),
    /// It is telephone-event beside speech that is put into packets anew; it has this number, and these clocks, in kilohertz.
    Events(u8, [u32; 2]),
    Dropped,
}

/// How one leg's packets become those of a leg that hears it.
#[derive(Debug)]
pub(crate) struct Conversion {
    fates: [Fate; 128],
    speaks: Codecs,
    hears: Codecs,
    /// The codec that is transcoded to, under its number.
    into: Option<(u8, Codec)>,
    transcodes: bool,
    ssrc: Option<u32>,
    decoder: g722::Decoder,
    encoder: g722::Encoder,
    way: Option<Way>,
    /// Made when it is wanted first: most who may speak Opus do not.
    reframing: Option<Box<Reframing>>,
}

/// A packet made from another.
pub(crate) type Converted = [u8; DATAGRAM_BYTES_MAX];

impl Conversion {
    /// The conversion between two legs; `None` where every packet passes as it is.
    pub(crate) fn between(speaks: &Codecs, hears: &Codecs) -> Option<Box<Self>> {
        let mut fates: [Fate; 128] =
            std::array::from_fn(|number| Fate::Is(u8::try_from(number).unwrap_or_default()));
        let nothing_known = hears.speech().next().is_none() && hears.foreign().next().is_none();
        if nothing_known {
            return None;
        }
        let way = Self::way(speaks, hears);
        let mut decide = |number: u8, fate: Fate| fates[usize::from(number & 0x7f)] = fate;
        for (number, codec) in speaks.speech() {
            let same = || hears.speech().find(|(_, known)| *known == codec).map(|(number, _)| number);
            decide(
                number,
                match (hears.codec(number) == Some(codec), same(), hears.preferred()) {
                    (true, ..) => Fate::Is(number),
                    (false, Some(number), _) => Fate::Is(number),
                    (false, None, Some(_)) => Fate::Transcoded(codec),
                    (false, None, None) if way.is_some() => Fate::Reframed(Some(codec)),
                    (false, None, None) => Fate::Dropped,
                },
            );
        }
        for (number, codec) in speaks.foreign() {
            let mut same = hears.foreign().filter(|(_, known)| *known == codec).map(|(number, _)| number);
            let fate = if hears.foreign().any(|known| known == (number, codec)) {
                Fate::Is(number)
            } else {
                let is_opus = speaks.opus.is_some_and(|opus| opus.payload_type == number);
                let other = || if is_opus && way.is_some() { Fate::Reframed(None) } else { Fate::Dropped };
                same.next().map_or_else(other, Fate::Is)
            };
            decide(number, fate);
        }
        let known = hears.events.or(hears.events_known);
        let narrow = known.map(|number| (number, 8));
        for (said, khz, heard) in [
            (speaks.events, 8, known),
            (speaks.events_16k, 16, hears.events_16k),
            (speaks.events_48k, 48, hears.events_48k),
        ] {
            let Some(number) = said else { continue };
            // Beside Opus some say events by its clock, as they should, and some by the usual one.
            let wanted = hears.events_48k.filter(|_| hears.preferred().is_none()).map(|number| (number, 48));
            decide(
                number,
                match (way, wanted.or(narrow), heard) {
                    (Some(_), Some((number, into)), _) => Fate::Events(number, [khz, into]),
                    (None, _, Some(number)) => Fate::Is(number),
                    (Some(_), None, _) | (None, _, None) => Fate::Dropped,
                },
            );
        }
        if (0_u8..).zip(&fates).all(|(number, fate)| *fate == Fate::Is(number)) {
            return None;
        }
        Some(Box::new(Self {
            fates,
            speaks: *speaks,
            hears: *hears,
            into: hears.preferred(),
            transcodes: false,
            ssrc: None,
            decoder: g722::Decoder::default(),
            encoder: g722::Encoder::default(),
            way,
            reframing: None,
        }))
    }

    /// How speech is put into packets anew where it takes that for the hearer to understand it, and there is a coder of Opus.
    fn way(speaks: &Codecs, hears: &Codecs) -> Option<Way> {
        match (speaks.opus, hears.opus, speaks.preferred(), hears.preferred()) {
            _ if !HAS_OPUS => None,
            (Some(_), None, _, Some((number, codec))) => Some(Way::FromOpus(number, codec)),
            (_, Some(opus), Some((_, codec)), None) => Some(Way::IntoOpus(opus, codec == Codec::G722)),
            _ => None,
        }
    }

    /// Whether it is the one between these.
    pub(crate) fn is_between(&self, speaks: &Codecs, hears: &Codecs) -> bool {
        self.speaks == *speaks && self.hears == *hears
    }

    /// Whether packets of a payload type pass as they are.
    pub(crate) const fn passes(&self, payload_type: u8) -> bool {
        match self.fates[(payload_type & 0x7f) as usize] {
            Fate::Is(number) => number == payload_type,
            Fate::Events(number, [said, heard]) => {
                number == payload_type && said == heard && !self.transcodes
            }
            Fate::Transcoded(_) | Fate::Reframed(_) | Fate::Dropped => false,
        }
    }

    /// Whether some payload type would be transcoded.
    pub(crate) fn may_transcode(&self) -> bool {
        self.fates.iter().any(|fate| matches!(fate, Fate::Transcoded(_) | Fate::Reframed(_)))
    }

    /// Whether the hearer is sent a stream that has numbers of its own.
    pub(crate) const fn reframes(&self) -> bool {
        self.way.is_some()
    }

    /// The clock of the timestamps of speech that is transcoded, in hertz.
    pub(crate) const fn clock_hz(&self) -> u32 {
        match self.way {
            Some(Way::IntoOpus(..)) => 48_000,
            Some(Way::FromOpus(..)) | None => 8_000,
        }
    }

    /// Whether the speech that was heard last was transcoded: the hearer's stream is then one of the relay's own.
    pub(crate) const fn transcodes(&self) -> bool {
        self.transcodes
    }

    /// Writes the packet as the hearer is to have it; returns its header and length, `None` if it does not understand it. There may be
    /// [more](Self::more).
    pub(crate) fn convert(
        &mut self,
        now_us: u64,
        header: &Header,
        packet: &[u8],
        converted: &mut Converted,
    ) -> Option<(Header, usize)> {
        match self.fates[usize::from(header.payload_type & 0x7f)] {
            Fate::Is(payload_type) => {
                if self.speaks.codec(header.payload_type).is_some() {
                    self.transcodes = false;
                }
                converted.get_mut(..packet.len())?.copy_from_slice(packet);
                Some((Header { payload_type, ..*header }, packet.len()))
            }
            Fate::Transcoded(codec) => {
                let (payload_type, into) = self.into?;
                self.transcodes = true;
                let payload = packet.get(header.payload_start..header.payload_end)?;
                let place = converted.get_mut(..header.payload_end)?;
                place[..header.payload_start].copy_from_slice(&packet[..header.payload_start]);
                // The padding is left out.
                place[0] &= !0x20;
                if self.ssrc.replace(header.ssrc) != Some(header.ssrc) {
                    self.decoder = g722::Decoder::default();
                }
                self.transcode(codec, into, payload, &mut place[header.payload_start..]);
                Some((Header { payload_type, ..*header }, header.payload_end))
            }
            Fate::Reframed(codec) => {
                self.transcodes = true;
                let payload = packet.get(header.payload_start..header.payload_end)?;
                if self.reframing.is_none() {
                    self.reframing = Reframing::of(self.way?).map(Box::new);
                }
                let reframing = self.reframing.as_mut()?;
                reframing.hear(now_us, codec, header, payload);
                reframing.take(converted)
            }
            Fate::Events(payload_type, khz) => {
                let payload = packet.get(header.payload_start..header.payload_end)?;
                if self.transcodes {
                    let reframing = self.reframing.as_mut()?;
                    return reframing.say_event(header, payload, (payload_type, khz), converted);
                }
                let place = converted.get_mut(..packet.len())?;
                place.copy_from_slice(packet);
                scale_events(&mut place[header.payload_start..header.payload_end], khz);
                Some((Header { payload_type, ..*header }, packet.len()))
            }
            Fate::Dropped => None,
        }
    }

    /// Writes the next packet that came of the same one, as [`Self::convert`] does.
    pub(crate) fn more(&mut self, converted: &mut Converted) -> Option<(Header, usize)> {
        self.reframing.as_mut()?.take(converted)
    }

    fn transcode(&mut self, from: Codec, into: Codec, said: &[u8], heard: &mut [u8]) {
        let mut samples = [0; 160];
        for (said, heard) in said.chunks(samples.len()).zip(heard.chunks_mut(samples.len())) {
            let samples = &mut samples[..said.len()];
            match from {
                Codec::Pcmu => g711::expand(Law::Mu, said, samples),
                Codec::Pcma => g711::expand(Law::A, said, samples),
                Codec::G722 => self.decoder.decode_narrow(said, samples),
            }
            match into {
                Codec::Pcmu => g711::compress(Law::Mu, samples, heard),
                Codec::Pcma => g711::compress(Law::A, samples, heard),
                Codec::G722 => self.encoder.encode_narrow(samples, heard),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{ForeignCodec, OpusFormat};

    const OPUS: ForeignCodec = ForeignCodec { name: 77, clock_hz: 48_000 };

    fn packet(payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7];
        packet.extend(payload);
        packet
    }

    fn converted(conversion: &mut Conversion, packet: &[u8]) -> Option<(u8, Vec<u8>)> {
        let header = Header::read(packet).unwrap();
        let mut out = [0; DATAGRAM_BYTES_MAX];
        let (header, length) = conversion.convert(0, &header, packet, &mut out)?;
        Some((header.payload_type, out[12..length].to_vec()))
    }

    #[test]
    fn the_same_numbers_need_no_conversion() {
        let codecs = Codecs::default().with(0, Codec::Pcmu).with_foreign(96, OPUS).with_events(101);
        assert!(Conversion::between(&codecs, &codecs).is_none());
        let more = codecs.with(8, Codec::Pcma);
        assert!(Conversion::between(&codecs, &more).is_none(), "the hearer may know more");
        assert!(Conversion::between(&codecs, &Codecs::default()).is_none(), "nothing is known of the hearer");
    }

    #[test]
    fn other_numbers_of_the_same_encoding_are_written() {
        let speaks = Codecs::default().with(0, Codec::Pcmu).with_foreign(96, OPUS).with_events(101);
        let hears = Codecs::default().with(0, Codec::Pcmu).with_foreign(111, OPUS).with_events(97);
        let mut conversion = Conversion::between(&speaks, &hears).unwrap();
        for (said, heard) in [(0, 0), (96, 111), (101, 97)] {
            assert_eq!(converted(&mut conversion, &packet(said, &[1; 4])), Some((heard, vec![1; 4])));
        }
        assert!(!conversion.may_transcode());
    }

    #[test]
    fn what_the_hearer_does_not_understand_is_dropped() {
        let speaks = Codecs::default().with(0, Codec::Pcmu).with_foreign(96, OPUS).with_events(101);
        let hears = Codecs::default().with(0, Codec::Pcmu);
        let mut conversion = Conversion::between(&speaks, &hears).unwrap();
        assert_eq!(converted(&mut conversion, &packet(96, &[1; 4])), None);
        assert_eq!(converted(&mut conversion, &packet(101, &[1; 4])), None);
        assert_eq!(converted(&mut conversion, &packet(0, &[1; 4])), Some((0, vec![1; 4])));
        let mut deaf = Conversion::between(&speaks, &Codecs::default().with_foreign(96, OPUS)).unwrap();
        assert_eq!(converted(&mut deaf, &packet(0, &[1; 4])), None);
    }

    #[test]
    fn digits_pass_to_who_knows_them_though_none_were_agreed_to() {
        let speaks = Codecs::default().with(0, Codec::Pcmu).with_events(101);
        let mut hears = Codecs::default().with(8, Codec::Pcma);
        hears.events_known = Some(96);
        let mut conversion = Conversion::between(&speaks, &hears).unwrap();
        assert_eq!(converted(&mut conversion, &packet(101, &[1; 4])), Some((96, vec![1; 4])));
    }

    #[test]
    fn opus_becomes_what_the_hearer_knows_where_the_relay_codes_it() {
        let opus = |payload_type| {
            let mut codecs = Codecs::default().with_foreign(payload_type, OPUS).with_events(101);
            codecs.opus = Some(OpusFormat { payload_type, bits_per_second_max: 20_000 });
            codecs
        };
        let pcmu = Codecs::default().with(0, Codec::Pcmu).with_events(101);
        let mut renumbering = Conversion::between(&opus(96), &opus(111)).unwrap();
        assert_eq!(converted(&mut renumbering, &packet(96, &[1; 4])), Some((111, vec![1; 4])));
        assert!(!renumbering.may_transcode() && !renumbering.reframes());
        let mut into = Conversion::between(&pcmu, &opus(96)).unwrap();
        let heard = converted(&mut into, &packet(0, &[0xff; 160]));
        assert_eq!(heard.map(|(number, _)| number), HAS_OPUS.then_some(96));
        assert_eq!(
            (into.may_transcode(), into.clock_hz()),
            (HAS_OPUS, if HAS_OPUS { 48_000 } else { 8_000 })
        );
        // Who was offered Opus may speak it.
        let mut either = Conversion::between(&opus(96).with(0, Codec::Pcmu), &opus(111)).unwrap();
        let heard = converted(&mut either, &packet(0, &[0xff; 160]));
        assert_eq!(heard.map(|(number, _)| number), HAS_OPUS.then_some(111));
        assert_eq!(converted(&mut either, &packet(96, &[1; 4])), Some((111, vec![1; 4])));
        // Beside speech that passes digits keep their numbers, but not their clock.
        let mut both = opus(96).with(0, Codec::Pcmu);
        both.events_48k = Some(110);
        let mut from = Conversion::between(&both, &pcmu).unwrap();
        assert_eq!(converted(&mut from, &packet(0, &[1; 4])), Some((0, vec![1; 4])));
        assert!(from.passes(0) && from.passes(101) && !from.passes(96) && !from.passes(110));
        let heard = converted(&mut from, &packet(110, &[5, 10, 3, 192]));
        assert_eq!(heard, HAS_OPUS.then(|| (101, vec![5, 10, 0, 160])));
        assert_eq!(converted(&mut from, &packet(96, &[])), None, "no bytes are no Opus");
    }

    #[test]
    fn speech_is_transcoded_byte_for_byte_in_time() {
        for (from, into) in [
            (Codec::Pcmu, Codec::Pcma),
            (Codec::Pcma, Codec::Pcmu),
            (Codec::Pcmu, Codec::G722),
            (Codec::G722, Codec::Pcma),
        ] {
            let speaks = Codecs::default().with(100, from);
            let hears = Codecs::default().with(8, into);
            let mut conversion = Conversion::between(&speaks, &hears).unwrap();
            for length in [0, 1, 160, 163, 2_000] {
                let (number, payload) =
                    converted(&mut conversion, &packet(100, &vec![0x55; length])).unwrap();
                assert_eq!((number, payload.len()), (8, length));
            }
            assert!(conversion.transcodes());
        }
        let speaks = Codecs::default().with(0, Codec::Pcmu);
        let mut conversion = Conversion::between(&speaks, &Codecs::default().with(8, Codec::Pcma)).unwrap();
        let said: Vec<u8> = (0..=255).collect();
        let (_, heard) = converted(&mut conversion, &packet(0, &said)).unwrap();
        for (said, heard) in said.iter().zip(heard) {
            let (before, after) = (g711::decode(Law::Mu, *said), g711::decode(Law::A, heard));
            assert!((i32::from(before) - i32::from(after)).abs() <= 16 + i32::from(before).abs() / 24);
        }
    }

    #[test]
    fn padding_and_extensions_are_no_speech() {
        let speaks = Codecs::default().with(0, Codec::Pcmu);
        let mut conversion = Conversion::between(&speaks, &Codecs::default().with(8, Codec::Pcma)).unwrap();
        // One contributing source and three bytes of padding.
        let mut padded = vec![0xa1, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7, 9, 9, 9, 9, 0xff, 0xff, 0, 0, 3];
        let header = Header::read(&padded).unwrap();
        let mut out = [0; DATAGRAM_BYTES_MAX];
        let (_, length) = conversion.convert(0, &header, &padded, &mut out).unwrap();
        assert_eq!((length, out[0], &out[12..length]), (18, 0x81, &[9, 9, 9, 9, 0xd5, 0xd5][..]));
        padded.truncate(16);
    }
}
