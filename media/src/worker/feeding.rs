//! What each leg hears: another leg, also one that is not open yet, what the relay plays, a conference, or nothing.

use std::mem;

use super::conferring::Membership;
use super::{RelayWorker, SlotIndex};
use crate::command::{Feed, LegId};
use crate::io::DatagramIo;
use crate::limits::LISTENERS_MAX;
use crate::playout::Player;

/// What a leg hears.
#[derive(Debug)]
pub(super) enum Hears {
    Nothing,
    Leg(SlotIndex),
    /// A leg that is not open.
    Awaited(LegId),
    Player(Box<Player>),
    Conference(Box<Membership>),
}

impl<I: DatagramIo> RelayWorker<I> {
    /// Lets a leg hear what a command says.
    pub(super) fn feed(&mut self, now_us: u64, id: LegId, feed: &Feed) {
        let Some(&slot) = self.slot_of.get(&id) else { return };
        let source = match feed {
            Feed::Leg(source) => self.slot_of.get(source).copied(),
            Feed::Nothing | Feed::Silence | Feed::Tone(_) | Feed::Music(_) | Feed::Conference(_) => None,
        };
        if let Feed::Conference(conference) = feed
            && self.conference_of(slot) == Some(*conference)
        {
            return;
        }
        if let (Some(source), Some(leg)) = (source, self.leg(slot))
            && matches!(leg.hears, Hears::Leg(heard) if heard == source)
        {
            return;
        }
        self.end_feed(slot);
        if let Some(source) = source {
            self.hear(now_us, slot, source);
        } else if let Feed::Leg(source) = *feed {
            self.awaiting.entry(source).or_default().push(slot);
            self.set_hears(slot, Hears::Awaited(source));
        } else if let Feed::Conference(conference) = *feed {
            self.join(now_us, slot, conference);
        } else {
            self.play(now_us, slot, feed);
        }
    }

    /// Lets one leg hear another.
    pub(super) fn hear(&mut self, now_us: u64, hearer: u32, source: u32) {
        self.recall_from(source);
        let Some(source_leg) = self.leg(source) else { return };
        let hears = if source_leg.listeners.len() < LISTENERS_MAX {
            source_leg.listeners.push(hearer);
            Hears::Leg(source)
        } else {
            Hears::Nothing
        };
        self.set_hears(hearer, hears);
        if self.is_recorded_by_another(source) {
            self.set_tapped(source);
        }
        self.find_conversion(now_us, hearer);
    }

    /// Notes what a leg hears.
    pub(super) fn set_hears(&mut self, slot: u32, hears: Hears) {
        if let Some(leg) = self.leg(slot) {
            leg.hears = hears;
        }
    }

    /// Lets a leg hear nothing.
    pub(super) fn end_feed(&mut self, slot: u32) {
        self.recall_to(slot);
        let Some(leg) = self.leg(slot) else { return };
        leg.flow.end_source();
        match mem::replace(&mut leg.hears, Hears::Nothing) {
            Hears::Nothing => {}
            Hears::Leg(source) => {
                if let Some(source) = self.leg(source) {
                    source.listeners.retain(|listener| *listener != slot);
                }
                self.set_tapped(source);
            }
            Hears::Awaited(source) => {
                if let Some(hearers) = self.awaiting.get_mut(&source) {
                    hearers.retain(|hearer| *hearer != slot);
                    if hearers.is_empty() {
                        self.awaiting.remove(&source);
                    }
                }
            }
            Hears::Player(_) => self.playing.retain(|playing| *playing != slot),
            Hears::Conference(membership) => self.leave(slot, &membership),
        }
        if let Some(leg) = self.leg(slot)
            && leg.conversion.take().is_some()
        {
            self.transcoding.retain(|transcoding| *transcoding != slot);
            self.set_diverted(slot);
        }
    }

    /// Lets those who heard a leg that is gone hear nothing.
    pub(super) fn let_go(&mut self, listeners: impl IntoIterator<Item = u32>) {
        for listener in listeners {
            if let Some(listener) = self.leg(listener) {
                listener.hears = Hears::Nothing;
                listener.flow.end_source();
            }
        }
    }
}
