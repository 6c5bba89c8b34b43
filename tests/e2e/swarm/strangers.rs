//! Who was heard in another call than he spoke in, and how that could be: whose the relay's ports were, and since when.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Side;

/// Who was given which port of the relay, and who was heard where he should not be.
#[derive(Default)]
pub(super) struct Strangers {
    ports: Vec<Given>,
    /// By call, whether the phone said it, and the port that it came from.
    heard: BTreeMap<(usize, bool, u16), Stranger>,
}

/// From then on a side of a call spoke to a port of the relay.
#[derive(Clone, Copy)]
struct Given {
    call: usize,
    side: Side,
    port: u16,
    at: Instant,
}

/// Who was heard where he should not be.
#[derive(Clone, Copy)]
pub(crate) struct Stranger {
    /// His call.
    pub(crate) call: usize,
    by: Side,
    /// Where he speaks to.
    own: Option<Given>,
    /// Whose this port was when he was heard first.
    holder: Option<Given>,
    heard_by: Side,
    heard_from: u16,
    first: Instant,
    last: Instant,
    packets: u32,
}

impl Strangers {
    /// A side of a call speaks to a port of the relay.
    pub(super) fn note_port(&mut self, call: usize, side: Side, port: u16) {
        self.ports.push(Given { call, side, port, at: Instant::now() });
    }

    /// A packet that one side of a call said was heard by a side of another, or by who said it.
    pub(super) fn note(&mut self, call: usize, by: Side, heard_by: Side, heard_from: u16) {
        let now = Instant::now();
        let key = (call, by == Side::Phone, heard_from);
        if let Some(known) = self.heard.get_mut(&key) {
            known.packets += 1;
            known.last = now;
            return;
        }
        let last = |is_it: &dyn Fn(&Given) -> bool| self.ports.iter().rfind(|given| is_it(given)).copied();
        let own = last(&|given| given.call == call && given.side == by);
        let holder = own.and_then(|own| last(&|given| given.port == own.port));
        let (first, packets) = (now, 1);
        let stranger = Stranger { call, by, own, holder, heard_by, heard_from, first, last: now, packets };
        self.heard.insert(key, stranger);
    }

    /// All of them, the first ones first.
    pub(super) fn all(&self) -> Vec<Stranger> {
        let mut all: Vec<Stranger> = self.heard.values().copied().collect();
        all.sort_by_key(|stranger| stranger.first);
        all
    }
}

impl Stranger {
    /// What is known of him. Times are since the beginning, with how often the daemon had been killed by then.
    pub(crate) fn shown(&self, began: Instant, kills: &[Instant]) -> String {
        let Self { call, by, own, holder, heard_by, heard_from, packets, .. } = self;
        let at = |at: Instant| {
            let killed = kills.iter().filter(|kill| **kill <= at).count();
            format!("{:.2} s, kill {killed}", at.saturating_duration_since(began).as_secs_f64())
        };
        let given = |given: &Option<Given>| match given {
            Some(Given { call, port, at: since, .. }) => {
                format!("{port}, that of call {call} since {}", at(*since))
            }
            None => "no port".to_owned(),
        };
        let (first, last) = (at(self.first), at(self.last));
        format!(
            "{packets} packets of call {call} by its {by:?}, who speaks to {}, were heard from {first} to {last} by a \
             {heard_by:?} from {heard_from}; that port is {}",
            given(own),
            given(holder),
        )
    }
}
