//! `lineMakeCall` by a phone that is sent a REFER (RFC 3515): call this number. Phones know it as click to dial.
//!
//! What the phone says later (NOTIFY) counts until its own INVITE is there: then the engine sees by itself what becomes of the call.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::UsageId;
use trunkline_sip::location::Binding;
use trunkline_sip::outbox::{Command, Content, OutgoingMessage, Party};

use super::{PATIENCE, Place};
use crate::switch::Switch;
use crate::switch::call::MAX_FORWARDS;
use crate::switch::ids::CallId;
use crate::switch::outbox::Outbox;
use crate::switch::ring::contact;
use crate::switch::vendor;

impl Switch {
    /// Sends the phone a REFER, where a row of the configuration says that it takes one.
    pub(super) fn make_by_refer(
        &mut self,
        now: Instant,
        id: CallId,
        place: &Place,
        binding: &Arc<Binding>,
        number: &str,
        out: &mut Outbox,
    ) -> bool {
        // A phone that is silent about CSTA would be waited for twice.
        if self.is_told_to_call(place) || !vendor::takes_refer(&self.setup.vendors, &binding.user_agent) {
            return false;
        }
        let usage = self.next_usage();
        self.note_made(now, id, place, number, Some(usage));
        self.made.referred.push_back((now + PATIENCE, id));
        let host = &self.setup.domain;
        let itself = Party { user: place.0.to_string(), host: host.clone(), name: self.lines.name(&place.0) };
        let called = Party { user: number.to_owned(), host: host.clone(), name: String::new() };
        let message = OutgoingMessage {
            target: contact(binding).target,
            from: itself.clone(),
            to: itself,
            max_forwards: MAX_FORWARDS,
            content: Content::Referral(called),
        };
        out.sip.push(Command::Message(usage, Box::new(message)));
        true
    }

    /// Whether this is a REFER of ours whose call is still to come.
    pub(in crate::switch) fn is_referral(&self, usage: UsageId) -> bool {
        self.made.by_referral.contains_key(&usage)
    }

    /// The phone has answered the REFER, or not.
    pub(in crate::switch) fn referral_answered(
        &mut self,
        now: Instant,
        usage: UsageId,
        status: u16,
        out: &mut Outbox,
    ) {
        let Some(id) = self.made.by_referral.get(&usage).copied() else { return };
        self.made.referral_answered(now, id);
        match status {
            200..300 => {
                self.phone_makes(now, id, None);
            }
            // Nobody heard whether it was heard.
            408 => self.phone_does_not_make(now, id, true, out),
            _ => self.phone_does_not_make(now, id, false, out),
        }
    }

    /// The phone says that it does not call after all, or that what it called failed.
    pub(in crate::switch) fn referral_failed(&mut self, now: Instant, usage: UsageId, out: &mut Outbox) {
        if let Some(id) = self.made.by_referral.get(&usage).copied() {
            self.phone_gives_up(now, id, out);
        }
    }

    /// The phone has had [`PATIENCE`] to answer.
    pub(super) fn referral_is_late(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let is_silent = self.made.by_id.get(&id).is_some_and(|made| !made.is_taken && !made.is_unwanted);
        if is_silent {
            self.phone_does_not_make(now, id, true, out);
        }
    }
}
