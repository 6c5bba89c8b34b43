//! `lineMakeCall` by a phone that is told by CSTA.
//!
//! Once nobody wants the call any more the phone is told to leave it, as soon as it has named it.

use std::time::Instant;

use trunkline_sip::package::csta::{CallChange, CallEvent, Connection, Service};

use super::CstaUse;
use super::session::Job;
use crate::switch::Switch;
use crate::switch::ids::CallId;
use crate::switch::made::Place;
use crate::switch::outbox::Outbox;

impl Switch {
    /// Asks the phone, if there is a session with it.
    pub(in crate::switch) fn make_by_csta(
        &mut self,
        now: Instant,
        id: CallId,
        place: &Place,
        number: &str,
        out: &mut Outbox,
    ) -> bool {
        if !self.is_told(place, CstaUse::MakeCall) {
            return false;
        }
        let service = Service::MakeCall(self.device(&place.0), self.device(number));
        self.note_made(now, id, place, number, None);
        let is_asked = self.serve_by_phone(now, place, service, Job::Make(id), out);
        if !is_asked {
            self.made.remove(id);
        }
        is_asked
    }

    /// The phone has taken MakeCall.
    pub(super) fn make_call_taken(
        &mut self,
        now: Instant,
        id: CallId,
        connection: Option<Connection>,
        out: &mut Outbox,
    ) {
        if !self.phone_makes(now, id, connection) {
            self.clear_by_csta(now, id, out);
        }
    }

    /// Takes back what the phone was not asked for yet.
    pub(in crate::switch) fn withdraw_from_phone(&mut self, id: CallId, place: &Place) -> bool {
        self.csta.session(place).is_some_and(|session| session.withdraw(Job::Make(id)))
    }

    /// Has the phone leave a call, once it has said what it calls it.
    pub(in crate::switch) fn clear_by_csta(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let named = self.made.named(id).map(|(place, connection)| (place.clone(), connection.clone()));
        if let Some((place, connection)) = named {
            self.serve_by_phone(now, &place, Service::ClearConnection(connection), Job::Clear(id), out);
        }
    }

    /// The phone tells what becomes of a call that it was asked to make.
    pub(super) fn made_call_changed(
        &mut self,
        now: Instant,
        place: &Place,
        event: &CallEvent,
        out: &mut Outbox,
    ) {
        let Some(id) = self.made.by_name(place, &event.connection.call) else { return };
        match event.change {
            CallChange::Cleared | CallChange::Failed => self.phone_gives_up(now, id, out),
            CallChange::Begun if !event.called.is_empty() => self.made.dials(id, &event.called),
            CallChange::Begun
            | CallChange::Delivered
            | CallChange::Established
            | CallChange::Held
            | CallChange::Retrieved => {}
        }
    }
}
