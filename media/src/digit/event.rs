//! RFC 4733 events as they are received: every event once, whichever of its packets arrive.

use super::digit;

/// An event whose packets stop is over after this: several of them were lost, or its end was.
const LOST_AFTER_US: u64 = 200_000;

/// Older packets than this, in timestamp ticks, are no late packets but another stream: ten seconds at 8 kHz.
const LATE_MAX: i32 = 80_000;

/// From this duration on an event may go on under another timestamp (§2.5.1.3).
const LONG: u16 = 0xff00;

/// What is known of the events of one leg.
#[derive(Clone, Debug, Default)]
pub(super) struct EventEar {
    /// Stream and timestamp of the newest event, whether it is over or not.
    newest: Option<(u32, u32)>,
    present: Option<Present>,
}

#[derive(Clone, Copy, Debug)]
struct Present {
    event: u8,
    /// Ticks of segments before this one, and of this one.
    before: u32,
    duration: u16,
    clock_hz: u32,
    heard_at_us: u64,
}

/// A digit's beginning or end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Heard {
    pub(super) digit: u8,
    pub(super) duration_ms: u16,
    pub(super) is_end: bool,
}

impl EventEar {
    /// Takes an event packet; `false` if it is none.
    pub(super) fn hear(
        &mut self,
        now_us: u64,
        stream: (u32, u32),
        clock_hz: u32,
        payload: &[u8],
        tell: &mut impl FnMut(Heard),
    ) -> bool {
        let [event, flags, duration @ ..] = payload else { return false };
        let Some(duration) = duration.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes)) else {
            return false;
        };
        if digit(*event).is_none() {
            return false;
        }
        let (ssrc, timestamp) = stream;
        if let Some((before, newest)) = self.newest
            && before == ssrc
        {
            let ahead = timestamp.wrapping_sub(newest).cast_signed();
            if ahead < 0 && ahead > -LATE_MAX || ahead == 0 && self.present.is_none() {
                // A late packet of an event before, or the end again.
                return true;
            }
            if ahead > 0 && self.goes_on(*event, ahead) {
                self.newest = Some(stream);
            }
        }
        if self.newest != Some(stream) || self.present.is_none_or(|present| present.event != *event) {
            self.end(tell);
            self.newest = Some(stream);
            let present = Present { event: *event, before: 0, duration: 0, clock_hz, heard_at_us: now_us };
            self.present = Some(present);
            tell(present.heard(false));
        }
        if let Some(present) = &mut self.present {
            present.duration = present.duration.max(duration);
            present.heard_at_us = now_us;
        }
        if flags & 0x80 != 0 {
            self.end(tell);
        }
        true
    }

    /// Ends an event of which nothing more was heard; `false` when there is none to be watched.
    pub(super) fn watch(&mut self, now_us: u64, tell: &mut impl FnMut(Heard)) -> bool {
        let Some(present) = self.present else { return false };
        if now_us.saturating_sub(present.heard_at_us) < LOST_AFTER_US {
            return true;
        }
        self.end(tell);
        false
    }

    /// Whether an event is being said.
    pub(super) const fn is_open(&self) -> bool {
        self.present.is_some()
    }

    /// Whether a packet is the next segment of the present event.
    fn goes_on(&mut self, event: u8, ahead: i32) -> bool {
        match &mut self.present {
            Some(present)
                if present.event == event
                    && present.duration >= LONG
                    && ahead.unsigned_abs() <= u32::from(u16::MAX) =>
            {
                present.before = present.before.saturating_add(ahead.unsigned_abs());
                present.duration = 0;
                true
            }
            Some(_) | None => false,
        }
    }

    fn end(&mut self, tell: &mut impl FnMut(Heard)) {
        if let Some(present) = self.present.take() {
            tell(present.heard(true));
        }
    }
}

impl Present {
    fn heard(&self, is_end: bool) -> Heard {
        let ticks = u64::from(self.before) + u64::from(self.duration);
        let duration_ms = u16::try_from(ticks * 1_000 / u64::from(self.clock_hz)).unwrap_or(u16::MAX);
        Heard { digit: digit(self.event).unwrap_or(b'?'), duration_ms, is_end }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hears packets of (timestamp, event, end, duration), 20 ms apart.
    fn heard(packets: &[(u32, u8, bool, u16)]) -> Vec<String> {
        let mut ear = EventEar::default();
        let mut told = Vec::new();
        let mut tell = |heard: Heard| {
            let mark = if heard.is_end { format!("-{}", heard.duration_ms) } else { "+".to_owned() };
            told.push(format!("{}{mark}", char::from(heard.digit)));
        };
        let mut now_us = 0;
        for (timestamp, event, end, duration) in packets {
            now_us += 20_000;
            let [high, low] = duration.to_be_bytes();
            let payload = [*event, if *end { 0x8a } else { 0x0a }, high, low];
            ear.hear(now_us, (7, *timestamp), 8_000, &payload, &mut tell);
        }
        ear.watch(now_us + LOST_AFTER_US, &mut tell);
        told
    }

    #[test]
    fn a_digit_begins_and_ends_once_though_its_end_is_said_three_times() {
        let told = heard(&[
            (0, 5, false, 160),
            (0, 5, false, 320),
            (0, 5, true, 800),
            (0, 5, true, 800),
            (0, 5, true, 800),
        ]);
        assert_eq!(told, ["5+", "5-100"]);
    }

    #[test]
    fn lost_packets_neither_lose_nor_double_a_digit() {
        assert_eq!(heard(&[(0, 1, true, 800)]), ["1+", "1-100"]);
        assert_eq!(heard(&[(0, 1, false, 160), (1_600, 1, false, 160)]), ["1+", "1-20", "1+", "1-20"]);
        assert_eq!(heard(&[(0, 11, false, 480)]), ["#+", "#-60"]);
    }

    #[test]
    fn the_same_digit_twice_is_two() {
        let told =
            heard(&[(0, 3, true, 800), (0, 3, true, 800), (1_600, 3, false, 160), (1_600, 3, true, 800)]);
        assert_eq!(told, ["3+", "3-100", "3+", "3-100"]);
    }

    #[test]
    fn packets_out_of_order_say_nothing_again() {
        let told =
            heard(&[(0, 1, true, 800), (1_600, 2, false, 160), (0, 1, true, 800), (1_600, 2, true, 800)]);
        assert_eq!(told, ["1+", "1-100", "2+", "2-100"]);
    }

    #[test]
    fn a_long_event_in_segments_is_one() {
        let next = 0xffff;
        let told = heard(&[
            (0, 9, false, 0xfff0),
            (0, 9, false, 0xffff),
            (next, 9, false, 160),
            (next, 9, true, 800),
        ]);
        assert_eq!(told, ["9+", &format!("9-{}", (0xffff + 800) / 8)]);
    }

    #[test]
    fn all_digits_and_the_flash_are_known_and_nothing_else() {
        for (event, digit) in (0_u8..).zip(*b"0123456789*#ABCD!") {
            assert_eq!(heard(&[(0, event, true, 400)])[0], format!("{}+", char::from(digit)));
        }
        assert!(heard(&[(0, 17, true, 400), (0, 32, true, 400)]).is_empty());
        let mut ear = EventEar::default();
        for short in [&[][..], &[1], &[1, 0x80, 3]] {
            assert!(!ear.hear(0, (7, 0), 8_000, short, &mut |_| panic!()));
        }
    }

    proptest! {
        #[test]
        fn beginnings_and_ends_alternate(
            packets in proptest::collection::vec((0_u32..4, 0_u8..20, any::<bool>(), any::<u16>()), 0..60),
        ) {
            let packets: Vec<_> = packets.into_iter().map(|(n, e, end, d)| (n * 1_600, e, end, d)).collect();
            let told = heard(&packets);
            prop_assert_eq!(told.len() % 2, 0);
            for (n, told) in told.iter().enumerate() {
                prop_assert_eq!(told.contains('+'), n % 2 == 0);
            }
        }
    }
}
