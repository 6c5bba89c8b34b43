//! `lineUnhold` of a call that the user of a phone holds.
//!
//! ```text
//!  lineUnhold ──▶ RetrieveCall ──▶ its offer (sendrecv)
//!                     └ CSTAErrorCode, 2 s ──▶ NOTIFY talk, where the phone announced it
//! ```
//!
//! Which call that is for the phone is known by its HeldEvent.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::Command;
use trunkline_sip::package::csta::{Connection, Service};

use super::session::Job;
use super::{CstaUse, Place};
use crate::switch::Switch;
use crate::switch::call::{Call, Wish};
use crate::switch::error::LineError;
use crate::switch::ids::CallId;
use crate::switch::outbox::Outbox;

impl Switch {
    /// Whether the phone that holds this call can be asked to take it back.
    pub(in crate::switch) fn is_retrieved_by_phone(&self, call: &Call) -> bool {
        self.held_at_phone(self.now, call).is_some()
    }

    /// The phone that holds a call, and its name of it.
    fn held_at_phone(&self, now: Instant, call: &Call) -> Option<(Place, Connection)> {
        let leg = call.leg.filter(|_| call.held_by_station).and_then(|leg| self.legs.get(&leg))?;
        let key = match &leg.binding {
            Some(binding) => Arc::clone(&binding.key),
            // It called: it is known by its address, where it is alone there.
            None => {
                let bindings = self.location.bindings(&call.line, now);
                let mut at_host =
                    bindings.iter().filter(|binding| binding.flow.remote.ip() == leg.signalling);
                at_host.next().filter(|_| at_host.next().is_none()).map(|binding| Arc::clone(&binding.key))?
            }
        };
        let place = (Arc::clone(&call.line), key);
        if !self.is_told(&place, CstaUse::Retrieve) {
            return None;
        }
        let party =
            if call.calls { call.called.number.clone() } else { call.caller.shown(&self.setup.domain).user };
        let connection = self.csta.look(&place)?.held(&party)?.clone();
        Some((place, connection))
    }

    /// Asks the phone that holds the call to take it back: by CSTA where it is told so, else by NOTIFY.
    pub(in crate::switch) fn ask_to_retrieve(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let held = self.calls.get(&id).and_then(|call| self.held_at_phone(now, call));
        let is_asked = held.is_some_and(|(place, connection)| {
            self.serve_by_phone(now, &place, Service::RetrieveCall(connection), Job::Retrieve(id), out)
        });
        if !is_asked {
            self.ask_to_retrieve_by_sip(id, out);
        }
    }

    fn ask_to_retrieve_by_sip(&mut self, id: CallId, out: &mut Outbox) {
        let leg = self.calls.get(&id).and_then(|call| call.leg);
        match leg.filter(|leg| self.legs.get(leg).is_some_and(|leg| leg.talk)) {
            Some(leg) => out.sip.push(Command::Notify(leg, "talk")),
            None => self.finish_pending(id, Err(LineError::OperationFailed), out),
        }
    }

    /// Whether an application waits until the phone takes its call back.
    pub(super) fn waits_for_retrieval(&self, id: CallId) -> bool {
        let waits = |call: &Call| call.pending.is_some_and(|one| one.wish == Wish::Retrieve);
        self.calls.get(&id).is_some_and(waits)
    }

    /// The phone will not take it back so.
    pub(super) fn phone_does_not_retrieve(&mut self, id: CallId, out: &mut Outbox) {
        if self.waits_for_retrieval(id) {
            self.ask_to_retrieve_by_sip(id, out);
        }
    }
}
