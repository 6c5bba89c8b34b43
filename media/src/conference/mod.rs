//! A conference: everybody hears everybody else.
//!
//! ```text
//! packets ─▶ Voice (jitter buffer, decoder, concealment) ─▶ frame ─┐
//!                                                  who speaks? ───▶ + ─▶ sum ─▶ Outlet (limiter, encoder) ─▶ payload
//!                        who speaks hears the sum without himself ──┘
//! ```
//!
//! Frames are 20 ms of 16-bit samples: at 8 kHz, or at 16 kHz from when a member speaks or hears G.722. Only members who speak are
//! summed, so that the noise of many rooms does not add up. Whoever is silent hears the same: that is coded once for each codec.

mod conceal;
mod jitter;
mod outlet;
#[cfg(test)]
pub(crate) mod testing;
mod voice;

pub(crate) use conceal::Concealer;
pub(crate) use jitter::FRAME_TICKS;
use outlet::{Outlet, Payload};
pub(crate) use voice::Voice;

use crate::command::{Codec, ConferenceId};
use crate::limits::{MEMBERS_MAX, SPEAKERS_MAX};
use crate::rtp::Header;

/// Samples in a frame at 16 kHz.
pub(crate) const FRAME_MAX: usize = 2 * FRAME_TICKS;

type Frame = [i16; FRAME_MAX];

/// The mean magnitude from which a frame is speech: about -57 dBm0, above the noise of a quiet line.
const SPEECH_LEVEL: u32 = 40;
/// For how many frames a member counts as speaking after his last word: 300 ms.
const SPEECH_FRAMES: u32 = 15;
/// How many frames after that he goes on hearing a mix of his own, for the states of the two encoders to meet.
const OWN_FRAMES: u32 = 25;
/// So few members are all summed, whether they speak or not: their rooms are part of the conversation.
const SMALL: usize = 4;
/// How long a member takes to fade into the sum or out of it, in samples of 8 kHz: 5 ms.
const FADE: usize = 40;

/// One conference.
#[derive(Debug)]
pub(crate) struct Conference {
    pub(crate) id: ConferenceId,
    members: Vec<Member>,
    wide: bool,
    sum: Box<[i32; FRAME_MAX]>,
    /// What everybody hears who does not speak.
    common: Outlet,
    heard: Box<Frame>,
    payloads: Payloads,
}

/// The common mix by codec, as far as it was asked for in this frame.
#[derive(Debug)]
struct Payloads([Option<Payload>; 3]);

/// One member.
#[derive(Debug)]
struct Member {
    slot: u32,
    voice: Voice,
    /// What he says in this frame, as it is in the sum.
    said: Box<Frame>,
    level: u32,
    /// Frames since he last spoke.
    quiet: u32,
    has_frame: bool,
    is_summed: bool,
    was_summed: bool,
    /// His own mix, while he speaks and a little longer.
    own: Option<Box<Outlet>>,
}

impl Conference {
    pub(crate) fn new(id: ConferenceId) -> Self {
        Self {
            id,
            members: Vec::new(),
            wide: false,
            sum: Box::new([0; FRAME_MAX]),
            common: Outlet::default(),
            heard: Box::new([0; FRAME_MAX]),
            payloads: Payloads([None; 3]),
        }
    }

    /// Takes the leg of a slot as the last member; `false` when there are [`MEMBERS_MAX`].
    pub(crate) fn join(&mut self, slot: u32) -> bool {
        if self.members.len() == MEMBERS_MAX {
            return false;
        }
        self.members.push(Member {
            slot,
            voice: Voice::default(),
            said: Box::new([0; FRAME_MAX]),
            level: 0,
            quiet: u32::MAX,
            has_frame: false,
            is_summed: false,
            was_summed: false,
            own: None,
        });
        true
    }

    /// Lets a member go. The last one takes his place; its slot is returned.
    pub(crate) fn leave(&mut self, member: usize) -> Option<u32> {
        self.members.swap_remove(member);
        self.members.get(member).map(|moved| moved.slot)
    }

    /// How many members there are.
    pub(crate) const fn size(&self) -> usize {
        self.members.len()
    }

    /// The slot of a member's leg.
    pub(crate) fn slot(&self, member: usize) -> u32 {
        self.members[member].slot
    }

    /// A member's packet, of a codec that the relay speaks, `lead` ticks of 125 µs before the next mix.
    pub(crate) fn hear(&mut self, member: usize, header: &Header, codec: Codec, payload: &[u8], lead: i32) {
        self.widen_for(codec);
        self.members[member].voice.hear(header, codec, payload, lead);
    }

    /// Mixes the next 20 ms.
    pub(crate) fn mix(&mut self) {
        for member in &mut self.members {
            member.speak(self.wide);
        }
        self.choose_speakers();
        let length = self.length();
        self.common.keep_up(&self.heard[..length]);
        let sum = &mut self.sum[..length];
        sum.fill(0);
        for member in &mut self.members {
            member.fade(length);
            if member.is_summed || member.was_summed {
                for (sum, said) in sum.iter_mut().zip(&*member.said) {
                    *sum += i32::from(*said);
                }
            }
        }
        for member in &mut self.members {
            if member.is_summed {
                // The copy goes on where the common mix is, and so does the decoder at the other end.
                member.own.get_or_insert_with(|| Box::new(self.common.clone()));
            } else if member.quiet > SPEECH_FRAMES + OWN_FRAMES {
                member.own = None;
            }
        }
        self.common.limit(&self.sum[..length], &mut self.heard[..length]);
        self.payloads = Payloads([None; 3]);
    }

    /// What a member hears of the frame that was mixed, in its codec.
    pub(crate) fn payload(&mut self, member: usize, codec: Codec) -> Payload {
        self.widen_for(codec);
        let length = self.length();
        let member = &mut self.members[member];
        let Some(own) = &mut member.own else {
            let common = &mut self.common;
            let heard = &self.heard[..length];
            return *self.payloads.of(codec).get_or_insert_with(|| common.encode(codec, heard));
        };
        let mut others = [0; FRAME_MAX];
        let others = &mut others[..length];
        others.copy_from_slice(&self.sum[..length]);
        if member.is_summed || member.was_summed {
            for (sum, said) in others.iter_mut().zip(&*member.said) {
                *sum -= i32::from(*said);
            }
        }
        let mut heard = [0; FRAME_MAX];
        own.limit(others, &mut heard[..length]);
        own.encode(codec, &heard[..length])
    }

    const fn length(&self) -> usize {
        if self.wide { FRAME_MAX } else { FRAME_TICKS }
    }

    /// Goes to 16 kHz when the first member speaks or hears a codec of that rate, and stays there.
    fn widen_for(&mut self, codec: Codec) {
        if self.wide || codec != Codec::G722 {
            return;
        }
        self.wide = true;
        self.sum.fill(0);
        self.heard.fill(0);
        for member in &mut self.members {
            member.voice.change_rate();
            member.said.fill(0);
            member.is_summed = false;
            member.own = None;
        }
    }

    fn choose_speakers(&mut self) {
        let is_small = self.members.len() <= SMALL;
        let speaks = |member: &Member| member.has_frame && (is_small || member.quiet <= SPEECH_FRAMES);
        let mut levels = [0; MEMBERS_MAX];
        let mut speakers = 0;
        for member in self.members.iter().filter(|member| speaks(member)) {
            levels[speakers] = member.rank();
            speakers += 1;
        }
        let least = if speakers > SPEAKERS_MAX {
            let levels = &mut levels[..speakers];
            *levels.select_nth_unstable_by(SPEAKERS_MAX - 1, |one, other| other.cmp(one)).1
        } else {
            0
        };
        let mut places = SPEAKERS_MAX;
        for member in &mut self.members {
            let is_chosen = speaks(member) && member.rank() >= least && places > 0;
            places -= usize::from(is_chosen);
            member.was_summed = member.is_summed;
            member.is_summed = is_chosen;
        }
    }
}

impl Payloads {
    const fn of(&mut self, codec: Codec) -> &mut Option<Payload> {
        match codec {
            Codec::Pcmu => &mut self.0[0],
            Codec::Pcma => &mut self.0[1],
            Codec::G722 => &mut self.0[2],
        }
    }
}

impl Member {
    /// Takes the next frame from the voice and measures it.
    fn speak(&mut self, wide: bool) {
        self.has_frame = self.voice.speak(wide, &mut self.said);
        let length = if wide { FRAME_MAX } else { FRAME_TICKS };
        let level = if self.has_frame {
            let sum: u32 = self.said[..length].iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
            sum / if wide { FRAME_MAX as u32 } else { FRAME_TICKS as u32 }
        } else {
            self.said[..length].fill(0);
            0
        };
        self.quiet = if level >= SPEECH_LEVEL { 0 } else { self.quiet.saturating_add(1) };
        self.level = level.max(self.level - self.level / 8);
    }

    /// How loud he is among the others; who is heard already does not give way to one who is hardly louder.
    const fn rank(&self) -> u32 {
        if self.is_summed { self.level * 2 } else { self.level }
    }

    /// Fades in or out where he begins or ends to be heard.
    fn fade(&mut self, length: usize) {
        if self.is_summed == self.was_summed {
            return;
        }
        let fade = FADE * length / FRAME_TICKS;
        for (n, sample) in self.said[..length].iter_mut().enumerate() {
            let step = n.min(fade);
            let share = if self.is_summed { step } else { fade - step };
            let (share, whole) = (i32::try_from(share).unwrap_or(0), i32::try_from(fade).unwrap_or(1));
            #[expect(clippy::cast_possible_truncation, reason = "not greater than a 16-bit sample")]
            let faded = (i32::from(*sample) * share / whole) as i16;
            *sample = faded;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Listener, packet};
    use super::*;

    /// A conference in which member `n` says a tone of his own, in turn with the mixer's clock.
    struct Room {
        conference: Conference,
        codecs: Vec<Codec>,
        decoders: Vec<Listener>,
        tick: u64,
    }

    /// Tones that are no harmonics of one another, 33 Hz apart and more.
    fn tone_hz(member: usize) -> f64 {
        400.0 + 150.0 * member as f64
    }

    impl Room {
        fn of(codecs: &[Codec]) -> Self {
            let mut conference = Conference::new(ConferenceId(1));
            for n in 0..codecs.len() {
                assert!(conference.join(u32::try_from(n).unwrap()));
            }
            let decoders = codecs.iter().map(|codec| Listener::of(*codec)).collect();
            Self { conference, codecs: codecs.to_vec(), decoders, tick: 0 }
        }

        fn run(&mut self, ticks: u64, speaks: impl Fn(usize) -> bool) {
            for _ in 0..ticks {
                for member in 0..self.codecs.len() {
                    if speaks(member) {
                        let codec = self.codecs[member];
                        let (header, payload) = packet(codec, 7, self.tick, tone_hz(member));
                        self.conference.hear(member, &header, codec, &payload, 80);
                    }
                }
                self.conference.mix();
                for member in 0..self.codecs.len() {
                    let payload = self.conference.payload(member, self.codecs[member]);
                    self.decoders[member].hear_payload(self.codecs[member], &payload);
                }
                self.tick += 1;
            }
        }

        fn forget(&mut self) {
            self.decoders.iter_mut().for_each(Listener::forget);
        }

        /// Whether one hears the tone of another; each says it at the same level.
        fn hears(&self, one: usize, other: usize) -> bool {
            let level = self.decoders[one].level(tone_hz(other));
            assert!(!(250.0..1_500.0).contains(&level), "{one} of {other}: {level}");
            level > 1_000.0
        }
    }

    #[test]
    fn everybody_hears_everybody_else_and_nobody_himself() {
        use Codec::{G722, Pcma, Pcmu};
        for codecs in [[Pcmu; 5], [Pcma, Pcmu, Pcma, Pcmu, Pcmu], [Pcma, G722, Pcmu, G722, Pcma], [G722; 5]] {
            let mut room = Room::of(&codecs);
            room.run(20, |_| true);
            room.forget();
            room.run(50, |_| true);
            for one in 0..5 {
                for other in 0..5 {
                    assert_eq!(room.hears(one, other), one != other, "{codecs:?} {one} {other}");
                }
            }
        }
    }

    #[test]
    fn who_stops_falls_out_of_the_mix_and_still_hears() {
        let mut room = Room::of(&[Codec::Pcmu; 6]);
        room.run(20, |_| true);
        room.run(20, |member| member != 2);
        room.forget();
        room.run(50, |member| member != 2);
        assert!(!room.hears(0, 2) && room.hears(0, 1) && room.hears(2, 0) && room.hears(2, 5));
    }

    #[test]
    fn who_is_silent_hears_the_common_mix_without_a_break() {
        let mut room = Room::of(&[Codec::G722; 6]);
        for round in 0..6 {
            // One after the other speaks; a listener of all hears no break when he himself begins or ends.
            room.run(60, |member| member == 0 || (member == 1 && round % 2 == 0));
        }
        let purity = room.decoders[1].worst_purity_after(tone_hz(0), 20);
        assert!(purity > 0.95, "{purity}");
    }

    #[test]
    fn one_mix_in_several_codecs_is_pure_in_each() {
        let mut room =
            Room::of(&[Codec::G722, Codec::Pcmu, Codec::Pcma, Codec::Pcmu, Codec::Pcma, Codec::G722]);
        room.run(80, |member| member == 1);
        for listener in [2, 3, 4] {
            let purity = room.decoders[listener].worst_purity_after(tone_hz(1), 20);
            assert!(purity > 0.99, "{listener}: {purity}");
        }
    }

    #[test]
    fn of_many_speakers_the_loudest_are_heard_and_nothing_wraps_around() {
        let mut room = Room::of(&[Codec::Pcmu; 64]);
        room.run(60, |_| true);
        assert_eq!(room.conference.members.iter().filter(|member| member.is_summed).count(), SPEAKERS_MAX);
        let chosen: Vec<bool> = room.conference.members.iter().map(|member| member.is_summed).collect();
        room.run(60, |_| true);
        let later: Vec<bool> = room.conference.members.iter().map(|member| member.is_summed).collect();
        assert_eq!(chosen, later, "speakers of one level do not take turns");
        // A sum that wraps around has steps of the whole range.
        assert!(room.decoders[63].steepest() < 50_000, "{}", room.decoders[63].steepest());
    }

    #[test]
    fn quiet_rooms_are_not_summed_in_a_large_conference() {
        let mut conference = Conference::new(ConferenceId(1));
        for n in 0..64 {
            conference.join(n);
        }
        for tick in 0..50 {
            for member in 0..64 {
                let (mut header, _) = packet(Codec::Pcmu, 7, tick, 400.0);
                header.ssrc = u32::try_from(member).unwrap();
                let noise: Vec<u8> = (0..160).map(|n| 0xfc + ((n * 7 + member * 13) % 4) as u8).collect();
                conference.hear(member, &header, Codec::Pcmu, &noise, 80);
            }
            conference.mix();
        }
        assert!(conference.sum.iter().all(|sample| *sample == 0));
    }

    #[test]
    fn a_member_more_than_the_limit_is_refused_and_a_place_is_free_again() {
        let mut conference = Conference::new(ConferenceId(1));
        for n in 0..MEMBERS_MAX {
            assert!(conference.join(u32::try_from(n).unwrap()));
        }
        assert!(!conference.join(1_000));
        assert_eq!(conference.leave(3), Some(u32::try_from(MEMBERS_MAX - 1).unwrap()));
        assert_eq!(conference.slot(3), u32::try_from(MEMBERS_MAX - 1).unwrap());
        assert_eq!(conference.leave(MEMBERS_MAX - 2), None);
        assert!(conference.join(1_000));
    }
}
