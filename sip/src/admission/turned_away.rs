//! INVITEs that were turned away without state: one that comes again is turned away again, whatever there is room for by
//! then (RFC 3261 §8.2.7). Else the caller, who has our refusal, would never learn that the callee rings.

use std::time::{Duration, Instant};

use crate::transaction::ServerId;

/// How many are remembered: at 2,000 a second those of four seconds, longer than one waits in a queue. 64 KiB, made with
/// the first.
const REMEMBERED: usize = 8_192;

/// After the last one, an ACK or a copy of an INVITE may come for as long: 64 × T1, as Timer H says of a refusal that is kept.
const RECENT: Duration = Duration::from_secs(32);

/// The transactions turned away last.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway {
    /// Each at the place that its number names; zero is none.
    slots: Box<[u64]>,
    last: Option<Instant>,
}

impl TurnedAway {
    /// Remembers one, and forgets the one whose place it takes.
    pub(crate) fn note(&mut self, now: Instant, id: ServerId) {
        self.last = Some(now);
        if self.slots.is_empty() {
            self.slots = vec![0; REMEMBERED].into_boxed_slice();
        }
        self.slots[place(id)] = id.bits();
    }

    /// Whether there may be an ACK or a copy of one on its way.
    pub(crate) fn is_recent(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < RECENT)
    }

    /// Whether it is remembered.
    pub(crate) fn contains(&self, id: ServerId) -> bool {
        !self.slots.is_empty() && self.slots[place(id)] == id.bits() && id.bits() != 0
    }
}

fn place(id: ServerId) -> usize {
    (id.bits() % REMEMBERED as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits, Message};
    use crate::testing::start;
    use crate::timing::Timing;
    use crate::transaction::{ServerKey, Transactions};

    fn ids(count: usize) -> Vec<ServerId> {
        let transactions = Transactions::new(Timing::RFC);
        let id = |number: usize| {
            let text = format!(
                "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{number}\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n\
                 Call-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            let invite = Message::scan(text.into(), Framing::Datagram, &Limits::DEFAULT).unwrap();
            transactions.server_id(&ServerKey::of_request(&invite, true).unwrap())
        };
        (0..count).map(id).collect()
    }

    #[test]
    fn the_last_ones_are_remembered_and_no_more_than_there_is_room_for() {
        let mut turned_away = TurnedAway::default();
        let ids = ids(3 * REMEMBERED);
        assert!(!turned_away.is_recent(start()));
        assert!(!turned_away.contains(ids[0]) && turned_away.slots.is_empty(), "nothing costs nothing");
        for id in &ids {
            turned_away.note(start(), *id);
            assert!(turned_away.contains(*id));
        }
        assert!(turned_away.is_recent(start() + RECENT - Duration::from_millis(1)));
        assert!(!turned_away.is_recent(start() + RECENT));
        let remembered = ids.iter().filter(|id| turned_away.contains(**id)).count();
        assert!((REMEMBERED / 2..=REMEMBERED).contains(&remembered), "{remembered}");
    }
}
