//! What a phone asks of a conference by REFER (RFC 4579 §5): to take a call of its own in, to call somebody, to expel.
//!
//! ```text
//!   in the dialog of a call       Refer-To: conf-77                its far party joins; the phone's leg is ended
//!   in the dialog with the focus  Refer-To: 1003                   1003 is called and joins
//!                                 Refer-To: 1003?Replaces=…        the far party of that call of the phone joins
//!                                 Refer-To: 1003;method=BYE        1003 is dropped
//! ```

use std::time::Instant;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Peer, Refer, ReferMethod};

use super::super::Switch;
use super::super::error::LineError;
use super::super::ids::CallId;
use super::super::outbox::Outbox;

impl Switch {
    /// Does what a REFER asks of a conference. Whether it was about one.
    pub(in crate::switch) fn referred_to_focus(
        &mut self,
        now: Instant,
        usage: UsageId,
        refer: &Refer,
        out: &mut Outbox,
    ) -> bool {
        let here = refer.leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.call);
        let led = here.filter(|here| self.is_conference(*here)).or_else(|| self.focus_named(&refer.dialled));
        // A phone knows the focus by the address that it called: the factory's.
        let own = || match &refer.peer {
            Peer::Line(line) => self.conference_on(line).filter(|id| self.is_led_by(*id, line)),
            Peer::Trunk(_) => None,
        };
        let named = || {
            let user = &refer.to.user;
            if self.is_factory(user) { own() } else { self.focus_named(user) }
        };
        let named = if refer.to.method == ReferMethod::Invite { named() } else { None };
        let outside = || if refer.leg.is_none() { own() } else { None };
        let Some(parent) = led.or(named).or_else(outside) else { return false };
        let led = if named.is_some() && led.is_none() { None } else { Some(parent) };
        let leads = matches!(&refer.peer, Peer::Line(line) if self.is_led_by(parent, line));
        let status = if leads {
            let brought = match led {
                None => here,
                Some(_) => refer.to.replaces.and_then(|replaced| Some(self.legs.get(&replaced.leg?)?.call)),
            };
            match (refer.to.method, brought) {
                (ReferMethod::Invite, Some(call)) => {
                    self.bring_by_refer(now, usage, (parent, call), refer.notifies, out);
                    return true;
                }
                (ReferMethod::Invite, None) if led.is_none() || refer.to.replaces.is_some() => 481,
                (ReferMethod::Invite, None) => {
                    self.call_by_refer(now, usage, parent, refer, out);
                    return true;
                }
                (ReferMethod::Bye, _) if self.expel(now, parent, &refer.to.user, out) => 0,
                (ReferMethod::Bye, _) => 404,
                (ReferMethod::Other, _) => 603,
            }
        } else {
            403
        };
        if status == 0 {
            out.sip.push(Command::AnswerRefer(usage, 202));
            self.tell_refer(usage, refer.notifies, 200, out);
        } else {
            out.sip.push(Command::AnswerRefer(usage, status));
        }
        true
    }

    /// Whether the conference is one of this line.
    fn is_led_by(&self, parent: CallId, line: &str) -> bool {
        self.calls.get(&parent).is_some_and(|call| *call.line == *line)
    }

    fn bring_by_refer(
        &mut self,
        now: Instant,
        usage: UsageId,
        (parent, call): (CallId, CallId),
        notifies: bool,
        out: &mut Outbox,
    ) {
        match self.can_bring_in(parent, call) {
            Ok(()) => {
                // The phone is told before its leg, and the REFER with it, is ended.
                out.sip.push(Command::AnswerRefer(usage, 202));
                self.tell_refer(usage, notifies, 200, out);
                self.bring_in(now, parent, call, out);
            }
            Err(error) => out.sip.push(Command::AnswerRefer(usage, status(error))),
        }
    }

    fn call_by_refer(
        &mut self,
        now: Instant,
        usage: UsageId,
        parent: CallId,
        refer: &Refer,
        out: &mut Outbox,
    ) {
        let number = match self.whole_number(&refer.to.user) {
            Ok(number) => number,
            Err(error) => {
                out.sip.push(Command::AnswerRefer(usage, status(error)));
                return;
            }
        };
        out.sip.push(Command::AnswerRefer(usage, 202));
        let told = self.call_into(now, parent, &number, out).map_or_else(status, |_| 200);
        self.tell_refer(usage, refer.notifies, told, out);
    }

    #[expect(clippy::unused_self, reason = "as its siblings")]
    fn tell_refer(&self, usage: UsageId, notifies: bool, status: u16, out: &mut Outbox) {
        if notifies {
            out.sip.push(Command::ReferProgress(usage, status));
        }
    }
}

/// What a phone is told of a refusal.
fn status(error: LineError) -> u16 {
    const STATUSES: [(LineError, u16); 6] = [
        (LineError::ConferenceFull, 486),
        (LineError::InvalAddress, 404),
        (LineError::AddressBlocked, 403),
        (LineError::CallUnavail, 503),
        (LineError::ResourceUnavail, 503),
        (LineError::OperationFailed, 480),
    ];
    STATUSES.iter().find(|(known, _)| *known == error).map_or(603, |(_, status)| *status)
}
