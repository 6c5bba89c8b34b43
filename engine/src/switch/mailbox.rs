//! Calls that a line does not take, handed to its mailbox, and what its phone dials to hear its messages.
//!
//! ```text
//!   caller ──▶ 1002: busy, unanswered, not there ──▶ [voicemail] deposit ──▶ a trunk or a line
//!                    │                                Diversion: <sip:1002@…>;reason=no-answer
//!                    └─ what the line forwards by itself goes before
//! ```
//!
//! The number is dialled by the rights of the line, and the hand-over is a forwarding in all that is told of it. Members of a ring group
//! and calls that come back from being parked have somebody else to go to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::{Cause, CauseKind};

use super::Switch;
use super::call::Call;
use super::diversion::Why;
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::route::{Destination, Source, choice, first_fit, resolve};
use super::setup::{LineKind, Setup};
use super::status::Failure;
use super::view::CallReason;

/// Stands for the name of a mailbox in what is dialled.
pub(crate) const MAILBOX: &str = "{mailbox}";

/// What the mailbox of a line takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Deposit {
    /// Its name.
    mailbox: Arc<str>,
    /// What is dialled to leave a message there.
    number: String,
    /// Rings before that.
    rings: u32,
}

/// The lines whose mailboxes take calls.
pub(super) fn deposits(setup: &Setup) -> BTreeMap<Arc<str>, Deposit> {
    let voicemail = &setup.voicemail;
    let lines = setup.lines.iter().filter(|line| line.deposits && !voicemail.deposit.is_empty());
    let deposits = lines.filter_map(|line| {
        let mailbox = line.mailbox.as_ref().unwrap_or(&line.address);
        let number = voicemail.deposit.replace(MAILBOX, mailbox);
        let rings = line.deposit_rings.unwrap_or(voicemail.rings);
        let deposit = Deposit { mailbox: Arc::clone(mailbox), number, rings };
        (!mailbox.is_empty()).then(|| (Arc::clone(&line.address), deposit))
    });
    deposits.collect()
}

impl Switch {
    /// The mailbox that this caller may be handed to. Who takes the messages of a line can still call it.
    fn deposit_for(&self, caller: CallId, line: &str) -> Option<&Deposit> {
        let deposit = self.messages.deposit(line)?;
        let calling = self.calls.get(&caller)?;
        let is_keeper = match calling.kind {
            // Who announces messages hears none: he would announce his own.
            LineKind::Trunk => {
                let number = &*calling.caller.number;
                !number.is_empty() && (number == self.setup.voicemail.number || number == deposit.number)
            }
            LineKind::Phone | LineKind::Local => {
                let group = self.lines.group(&deposit.number);
                self.leads_to(&deposit.number, &calling.line)
                    || group.is_some_and(|group| group.members.contains(&calling.line))
            }
        };
        (!is_keeper && self.has_room_for(&deposit.number) && self.may_divert(caller, line, &deposit.number))
            .then_some(deposit)
    }

    /// Whether who keeps the messages takes one more call, as far as is known: a phone rings on rather than for nothing.
    fn has_room_for(&self, number: &str) -> bool {
        match resolve(&self.setup.routes, &self.lines, Source::Line, number) {
            Ok(Destination::Trunk(name, _)) => {
                let chosen = first_fit(&self.setup.routes, Source::Line, number).and_then(choice);
                let can = |name: &str| {
                    self.trunk(name).is_some_and(|trunk| self.has_room(trunk) && self.is_in_service(trunk))
                };
                match chosen {
                    Some(choice) => choice.tiers.iter().flatten().any(|(name, _)| can(name)),
                    None => can(&name),
                }
            }
            Ok(Destination::Line(address)) => !self.is_line_busy(&address),
            Ok(Destination::Group(_)) => true,
            Ok(Destination::Page(_)) | Err(_) => false,
        }
    }

    /// Rings before the mailbox of the line takes this caller, if it may.
    pub(super) fn deposit_rings(&self, caller: CallId, line: &str) -> Option<u32> {
        self.deposit_for(caller, line).map(|deposit| deposit.rings)
    }

    /// Hands a caller for whom the line has no call to its mailbox. Whether that was possible; nothing was done if not.
    pub(super) fn deposit_caller(
        &mut self,
        now: Instant,
        caller: CallId,
        line: &Arc<str>,
        why: Why,
        out: &mut Outbox,
    ) -> bool {
        let Some(Deposit { mailbox, number, .. }) = self.deposit_for(caller, line).cloned() else {
            return false;
        };
        let hop = self.sent_on_by(line, why).into_mailbox(mailbox);
        if let Some(calling) = self.calls.get_mut(&caller) {
            calling.deposited = Some((Arc::clone(line), why));
        }
        self.divert_by(now, caller, hop, &number, out);
        true
    }

    /// The same for the caller of this call, in place of it: it is DISCONNECTED (FORWARDED).
    pub(super) fn deposit_call(&mut self, now: Instant, id: CallId, why: Why, out: &mut Outbox) -> bool {
        let Some(call) = self.calls.get(&id).filter(|call| call.reason != CallReason::Reminder) else {
            return false;
        };
        let (line, caller) = (Arc::clone(&call.line), call.peer);
        let Some(caller) = caller.filter(|caller| self.deposit_for(*caller, &line).is_some()) else {
            return false;
        };
        self.leave_forwarded(now, id, caller, why, out);
        self.deposit_caller(now, caller, &line, why, out)
    }

    /// The mailbox did not take a caller either: what he is told is why he came there, and whom he did not reach is who was called.
    pub(super) fn undeposited(&mut self, caller: CallId) -> Option<Parting> {
        let calling = self.calls.get_mut(&caller)?;
        let (line, why) = calling.few()?.deposited.take()?;
        calling.reached = Some(Destination::Line(line));
        let refused = |status| {
            let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
            Parting::because(&Failure::of(cause, false))
        };
        Some(match why {
            Why::Busy => refused(486),
            Why::Deflected => refused(603),
            Why::NoAnswer => Parting::because(&Failure::no_answer()),
            Why::Always | Why::Unavailable => Parting::because(&Failure::local(480)),
            Why::DoNotDisturb => self.do_not_disturb(),
        })
    }

    /// What is called in place of a line's own number or mailbox, which its phone dials to hear its messages.
    pub(super) fn own_messages(&self, call: &Call, dialled: &str) -> Option<String> {
        let deposit = self.messages.deposit(&call.line).filter(|_| !call.trail.is_ours())?;
        // A mailbox that lines share may have the address of one of them, whom the others call by it.
        let is_station = self.lines.is_taken(dialled);
        let is_own = dialled == &*call.line || dialled == &*deposit.mailbox && !is_station;
        let number = match &*self.setup.voicemail.number {
            "" => &*deposit.number,
            number => number,
        };
        // Who keeps the messages calls himself as anybody does.
        let leads = is_own && dialled != number && !self.leads_to(number, &call.line);
        leads.then(|| number.to_owned())
    }
}
