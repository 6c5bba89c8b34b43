//! Telling the owner of a call that came in: at once, or when another worker has said which leg its Replaces or Join
//! means.

use std::time::Instant;

use bytes::Bytes;

use super::{Controls, Leg};
use crate::ids::LegId;
use crate::outbox::{CallDetails, Event, IncomingCall, Outbox, Place};

/// A call that its owner is to be told of.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) call: Box<IncomingCall>,
    pub(crate) user_to_user: Option<Bytes>,
    /// Until when another worker may say which leg is meant. `None`: nobody was asked.
    pub(crate) wait_until: Option<Instant>,
}

impl Leg {
    /// Tells the owner, or keeps the call until it can be told.
    pub(super) fn announce_or_wait(&mut self, announcement: Announcement, out: &mut Outbox) {
        match announcement.wait_until {
            Some(_) => self.unannounced = Some(Box::new(announcement)),
            None => self.tell(announcement, out),
        }
    }

    /// It is known which leg the call names.
    pub(crate) fn announce(&mut self, place: Place, found: Option<LegId>, out: &mut Outbox) {
        let Some(mut announcement) = self.unannounced.take() else { return };
        if let Some(details) = &mut announcement.call.details {
            resolve(details, place, found);
        }
        self.tell(*announcement, out);
    }

    /// Nobody said which leg it names: none.
    pub(super) fn announce_late(&mut self, now: Instant, out: &mut Outbox) {
        let is_late = |waiting: &mut Box<Announcement>| waiting.wait_until.is_some_and(|until| until <= now);
        if let Some(announcement) = self.unannounced.take_if(is_late) {
            self.tell(*announcement, out);
        }
    }

    fn tell(&self, announcement: Announcement, out: &mut Outbox) {
        let Announcement { call, user_to_user, .. } = announcement;
        out.events.push(Event::Incoming(self.id, call));
        if self.controls != Controls::default() {
            out.events.push(self.controls.event(self.id));
        }
        if let Some(data) = user_to_user {
            out.events.push(Event::UserToUser { leg: self.id, data });
        }
    }
}

/// Fills in which leg a header names.
pub(crate) fn resolve(details: &mut CallDetails, place: Place, leg: Option<LegId>) {
    let replaced = match place {
        Place::Replaces => &mut details.replaces,
        Place::Join => &mut details.join,
        Place::ReferTo | Place::TargetDialog => return,
    };
    if let Some(replaced) = replaced {
        replaced.leg = leg;
    }
}
