//! Listens to one far end: digits from events or tones, never from both, and what its media is.

use super::event::{EventEar, Heard};
use super::inband::{Found, ToneEar};
use crate::command::{Codec, Codecs, Detection, DigitSource, MediaKind};
use crate::g711::{self, Law};
use crate::g722;
use crate::rtp::Header;

/// What is told of a far end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// A digit begins or ends.
    Digit { digit: u8, source: DigitSource, duration_ms: u16, is_end: bool },
    /// Its media was recognised.
    Media(MediaKind),
}

/// One leg's ear.
///
/// A far end that agreed to events says its digits by them as a rule, and many let the tone be heard in their speech as well. So
/// there a tone is told when it is over and no event was heard; and from the first event on, tones are not listened to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ear {
    detection: Detection,
    events: EventEar,
    says_events: bool,
    tones: ToneEar,
    decoder: Box<g722::Decoder>,
    voice_told: bool,
    fax_told: bool,
}

impl Ear {
    /// Sets what is told. Media that was told once is told again where it was switched off in between.
    pub(crate) const fn set(&mut self, detection: Detection) {
        if !detection.media {
            self.voice_told = false;
            self.fax_told = false;
        }
        self.detection = detection;
    }

    /// Whether it has to hear speech; events alone tell it the rest.
    pub(crate) const fn needs_speech(&self) -> bool {
        let Detection { inband, media, .. } = self.detection;
        (inband && !self.says_events) || (media && !(self.voice_told && self.fax_told))
    }

    /// Takes a packet of the far end.
    pub(crate) fn hear(
        &mut self,
        now_us: u64,
        speaks: &Codecs,
        codec: Option<Codec>,
        header: &Header,
        payload: &[u8],
        tell: &mut impl FnMut(Told),
    ) {
        let clock_hz = match Some(header.payload_type) {
            number if number == speaks.events => Some(8_000),
            number if number == speaks.events_16k => Some(16_000),
            number if number == speaks.events_48k => Some(48_000),
            _ => None,
        };
        if let Some(clock_hz) = clock_hz {
            let says = self.detection.events;
            let mut tell = |heard: Heard| {
                if says {
                    tell(digit(heard));
                }
            };
            let stream = (header.ssrc, header.timestamp);
            self.says_events |= self.events.hear(now_us, stream, clock_hz, payload, &mut tell);
            return;
        }
        let Some(codec) = codec else { return };
        if self.detection.media && !self.voice_told {
            self.voice_told = true;
            tell(Told::Media(MediaKind::Voice));
        }
        let wants_digits = self.detection.inband && !self.says_events;
        if wants_digits || (self.detection.media && !self.fax_told) {
            self.listen(codec, speaks, payload, tell);
        }
    }

    /// Ends what is lost; `false` when nothing has to be watched.
    pub(crate) fn watch(&mut self, now_us: u64, tell: &mut impl FnMut(Told)) -> bool {
        let says = self.detection.events;
        self.events.watch(now_us, &mut |heard| {
            if says {
                tell(digit(heard));
            }
        })
    }

    /// Whether an event is being said, whose end may be lost.
    pub(crate) const fn has_open_event(&self) -> bool {
        self.events.is_open()
    }

    fn listen(&mut self, codec: Codec, speaks: &Codecs, payload: &[u8], tell: &mut impl FnMut(Told)) {
        let Self { detection, says_events, tones, decoder, fax_told, .. } = self;
        let waits_for_events =
            [speaks.events, speaks.events_16k, speaks.events_48k].iter().any(Option::is_some);
        let mut found = |found: Found| {
            let digit = |digit, duration_ms, is_end| Told::Digit {
                digit,
                source: DigitSource::Inband,
                duration_ms,
                is_end,
            };
            let tells = detection.inband && !*says_events;
            match found {
                Found::Begun(said) if tells && !waits_for_events => tell(digit(said, 0, false)),
                Found::Ended(said, duration_ms) if tells => {
                    if waits_for_events {
                        tell(digit(said, 0, false));
                    }
                    tell(digit(said, duration_ms, true));
                }
                Found::Fax if detection.media && !*fax_told => {
                    *fax_told = true;
                    tell(Told::Media(MediaKind::Fax));
                }
                Found::Begun(_) | Found::Ended(..) | Found::Fax => {}
            }
        };
        let mut samples = [0; 160];
        for bytes in payload.chunks(samples.len()) {
            let samples = &mut samples[..bytes.len()];
            match codec {
                Codec::Pcmu => g711::expand(Law::Mu, bytes, samples),
                Codec::Pcma => g711::expand(Law::A, bytes, samples),
                Codec::G722 => decoder.decode_narrow(bytes, samples),
            }
            tones.hear(samples, &mut found);
        }
    }
}

const fn digit(heard: Heard) -> Told {
    let Heard { digit, duration_ms, is_end } = heard;
    Told::Digit { digit, source: DigitSource::Event, duration_ms, is_end }
}
