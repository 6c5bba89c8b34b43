//! What a flow tells the network that is to forward its packets by itself, and what it takes of the network's count.

use std::net::SocketAddr;

use super::{COMFORT_NOISE, Flow};
use crate::command::{Codec, PayloadTypes};
use crate::stats::{Reception, clock_hz};
use crate::tally::{Gain, Tally};

/// What the network has to know of a far end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeardStream {
    /// The latched source.
    pub(crate) source: SocketAddr,
    /// Its SSRC.
    pub(crate) ssrc: u32,
    /// Its highest sequence number, extended by its wraps.
    pub(crate) highest: u64,
    /// Its speech, and comfort noise.
    pub(crate) payload_types: PayloadTypes,
    /// That clock, in hertz; 0 where it is not known.
    pub(crate) clock_hz: u32,
}

impl Flow {
    /// What the network has to know of the far end to forward its speech by itself; `None` before it was heard. Of its payload
    /// types only that of its speech passes, and comfort noise with the same clock: another codec is the worker's to see, and
    /// events repeat their timestamp.
    pub(crate) fn heard(&self) -> Option<HeardStream> {
        let remote = self.aside.remote.as_ref()?;
        let (ssrc, highest) = self.inbound.reception.stream()?;
        let speech = self.aside.counters.payload_type?;
        let clock_hz = self.clock_of(speech);
        let may_pass =
            |number: &u8| remote.payload_types.contains(*number) && self.clock_of(*number) == clock_hz;
        let payload_types = [speech, COMFORT_NOISE].into_iter().filter(may_pass);
        Some(HeardStream {
            source: self.inbound.latch.source()?,
            ssrc,
            highest,
            payload_types: payload_types.fold(PayloadTypes::default(), PayloadTypes::with),
            clock_hz,
        })
    }

    /// Whether a payload type of the far end is speech: neither telephone-event nor comfort noise.
    pub(crate) fn is_speech(&self, payload_type: u8) -> bool {
        payload_type != COMFORT_NOISE && !self.is_event(payload_type)
    }

    /// Whether a payload type of the far end is telephone-event.
    pub(super) fn is_event(&self, payload_type: u8) -> bool {
        let said = Some(payload_type);
        let speaks = self.aside.remote.as_ref().map(|remote| remote.speaks).unwrap_or_default();
        [speaks.events, speaks.events_16k, speaks.events_48k].contains(&said)
    }

    /// The clock of a payload type's timestamps as far as they tell arrival times, in hertz, else 0.
    pub(super) fn clock_of(&self, payload_type: u8) -> u32 {
        // All packets of an event bear the timestamp of its beginning (RFC 4733 §2.2).
        if self.is_event(payload_type) {
            return 0;
        }
        let speaks = self.aside.remote.as_ref().map(|remote| remote.speaks).unwrap_or_default();
        let foreign = || speaks.foreign().find(|(known, _)| *known == payload_type);
        let agreed = match speaks.codec(payload_type) {
            Some(Codec::Pcmu | Codec::Pcma | Codec::G722) => Some(8_000),
            None => foreign().map(|(_, codec)| codec.clock_hz).or_else(|| clock_hz(payload_type)),
        };
        agreed.unwrap_or(0)
    }

    /// Where RTP to the far end goes.
    pub(crate) const fn rtp_to(&self) -> Option<SocketAddr> {
        self.outbound.to
    }

    /// What has arrived of the present stream.
    pub(crate) const fn reception(&self) -> &Reception {
        &self.inbound.reception
    }

    /// Begins to tally what the network forwards of the far end's present stream.
    pub(crate) fn tally(&self) -> Option<Tally> {
        let (_, highest) = self.inbound.reception.stream()?;
        let jitter_x16 = self.inbound.reception.jitter_x16();
        Some(Tally::begin(highest, (self.aside.speech_clock_hz != 0).then_some(jitter_x16)))
    }

    /// Counts what the network forwarded of the far end's packets.
    pub(crate) fn gain_heard(&mut self, gain: &Gain) {
        let inbound = &mut self.inbound;
        let packets = gain.packets + gain.send_failed;
        inbound.packets += packets;
        inbound.bytes += gain.bytes;
        inbound.reception.gain(gain);
        inbound.latch.note_heard(gain.last_at_us);
        self.aside.counters.kernel_packets += packets;
    }

    /// Counts what the network forwarded to the far end.
    pub(crate) fn gain_said(&mut self, gain: &Gain) {
        self.outbound.packets += gain.packets;
        self.outbound.bytes += gain.bytes;
        self.aside.counters.send_failed += gain.send_failed;
        if !self.outbound.sealed {
            self.outbound.rewrite.gain(gain);
        }
    }

    /// Whether a valid packet from here would take the place of the latched source.
    pub(crate) fn may_move(&self, now_us: u64, from: SocketAddr) -> bool {
        self.inbound.latch.may_move(now_us, from)
    }

    /// The far end spoke at that time, past the worker.
    pub(crate) const fn note_heard(&mut self, at_us: u64) {
        self.inbound.latch.note_heard(at_us);
    }

    /// For so long the network may have sent to the far end what it did not count.
    pub(crate) fn skip(&mut self, unknown_us: u64) {
        if !self.outbound.sealed {
            self.outbound.rewrite.skip(unknown_us);
        }
    }

    /// Counts a packet that the network was to forward by itself.
    pub(crate) fn count_missed(&mut self) {
        self.aside.counters.kernel_missed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Codecs, ForeignCodec, Protection, Remote, SourcePolicy};
    use crate::destination::Destinations;
    use crate::flow::Channel;

    const FAR: &str = "192.0.2.1:4000";

    /// The payload types that would go into the kernel after a packet of this one.
    fn pass_after(payload_type: u8) -> Option<(PayloadTypes, u32)> {
        let opus = ForeignCodec { name: 1, clock_hz: 48_000 };
        let speaks = Codecs::default().with(0, Codec::Pcmu).with_foreign(96, opus).with_events(101);
        let agreed = [0, 8, 13, 96, 101].into_iter().fold(PayloadTypes::default(), PayloadTypes::with);
        let remote = Remote {
            rtp: Some(FAR.parse().unwrap()),
            rtcp: None,
            source: SourcePolicy::Signalled,
            payload_types: agreed,
            codecs: speaks,
            speaks,
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Plain,
            ice: None,
        };
        let mut flow = Flow::default();
        let destinations = Destinations::default();
        flow.agree(0, &remote.into(), &destinations);
        let mut packet = [0; 172];
        packet[..12].copy_from_slice(&[0x80, payload_type, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
        flow.receive(0, Channel::Rtp, FAR.parse().unwrap(), &packet, &destinations);
        flow.heard().map(|heard| (heard.payload_types, heard.clock_hz))
    }

    #[test]
    fn speech_passes_with_comfort_noise_of_its_clock() {
        let of = |types: &[u8]| types.iter().copied().fold(PayloadTypes::default(), PayloadTypes::with);
        assert_eq!(pass_after(0), Some((of(&[0, 13]), 8_000)));
        assert_eq!(pass_after(8), Some((of(&[8, 13]), 8_000)));
        assert_eq!(pass_after(96), Some((of(&[96]), 48_000)));
    }

    #[test]
    fn what_was_not_agreed_does_not_pass_and_without_speech_nothing_does() {
        assert_eq!(pass_after(18), Some((PayloadTypes::default().with(13), 8_000)));
        assert_eq!((pass_after(101), pass_after(13)), (None, None));
    }
}
