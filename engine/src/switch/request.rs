//! What applications ask for. Every request is answered by exactly one LINE_REPLY, before anything that it causes.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::{Command, Party};

use super::Switch;
use super::auto_answer;
use super::call::{Call, MAX_FORWARDS, Pending, Wish};
use super::call_state::CallState;
use super::error::LineError;
use super::feature::Standing;
use super::ids::{AppId, CallId, RequestId};
use super::line::Line;
use super::message::Message;
use super::operation::{CallOperation, Operation, Outcome, Refusal, Reply};
use super::outbox::Outbox;
use super::report::CallReport;
use super::ring::{Invitation, contact};
use super::route::{DIALLED_BYTES_MAX, Destination, Source, resolve};
use super::setup::LineKind;
use super::status::COMPLETED_ELSEWHERE;
use super::timers::{GUARD, Timer};
use super::view::{CallOrigin, PartyView};

impl Switch {
    pub(super) fn operate(
        &mut self,
        now: Instant,
        app: AppId,
        request: RequestId,
        operation: Operation,
        out: &mut Outbox,
    ) {
        let refused = match operation {
            Operation::MakeCall { line, to } => {
                self.make_call(now, app, request, &line, to, out).map_err(Refusal::from)
            }
            Operation::Accept(call) => self.on_call(now, app, request, call, CallOperation::Accept, out),
            Operation::Answer(call) => self.on_call(now, app, request, call, CallOperation::Answer, out),
            Operation::Drop(call) => self.on_call(now, app, request, call, CallOperation::Drop, out),
            Operation::DeallocateCall(call) => {
                self.on_call(now, app, request, call, CallOperation::DeallocateCall, out)
            }
            Operation::Hold(call) => self.on_call(now, app, request, call, CallOperation::Hold, out),
            Operation::Unhold(call) => self.on_call(now, app, request, call, CallOperation::Unhold, out),
        };
        if let Err(refusal) = refused {
            reply(app, request, Err(refusal), out);
        }
    }

    /// The standing of an application towards a call: what it could do with it, and whether a request is accepted.
    pub(super) fn standing(&self, app: AppId, call: &Call) -> Standing {
        let talk = call.legs().any(|leg| self.legs.get(&leg).is_some_and(|leg| leg.talk));
        Standing {
            state: call.state,
            privilege: call.privilege(app),
            kind: call.kind,
            held_by_station: call.held_by_station,
            talk,
            pending: call.pending.is_some(),
        }
    }

    /// A refusal with what would have been allowed.
    pub(super) fn refusal(&self, id: CallId, app: AppId, error: LineError) -> Refusal {
        let call = self.calls.get(&id);
        Refusal {
            error,
            state: call.map(|call| call.state),
            allowed: call.map(|call| self.standing(app, call).features()).unwrap_or_default(),
        }
    }

    fn on_call(
        &mut self,
        now: Instant,
        app: AppId,
        request: RequestId,
        id: CallId,
        operation: CallOperation,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let known = self.calls.get(&id).filter(|call| call.handles.iter().any(|(holder, _)| *holder == app));
        let call = known.ok_or(LineError::InvalCallHandle)?;
        let standing = self.standing(app, call);
        standing.check(operation).map_err(|error| self.refusal(id, app, error))?;
        let kind = call.kind;
        if let Some(call) = self.calls.get_mut(&id) {
            call.claimed |= operation != CallOperation::DeallocateCall;
        }
        self.dirty.insert(id);
        match operation {
            CallOperation::Answer if kind == LineKind::Phone => {
                self.wait_for_station(now, id, Pending { app, request, wish: Wish::Answer });
                self.ask_to_answer(now, id, out);
                return Ok(());
            }
            CallOperation::Unhold if standing.held_by_station => {
                self.wait_for_station(now, id, Pending { app, request, wish: Wish::Retrieve });
                if let Some(leg) = self.calls.get(&id).and_then(|call| call.leg) {
                    out.sip.push(Command::Notify(leg, "talk"));
                }
                return Ok(());
            }
            CallOperation::Accept
            | CallOperation::Answer
            | CallOperation::DeallocateCall
            | CallOperation::Drop
            | CallOperation::Hold
            | CallOperation::Unhold => reply(app, request, Ok(Outcome::Done), out),
        }
        match operation {
            CallOperation::Accept => self.accept(now, id, out),
            CallOperation::Answer => self.answer_here(now, id, out),
            CallOperation::DeallocateCall => self.deallocate(now, id, app, out),
            CallOperation::Drop => self.drop_call(now, id, out),
            CallOperation::Hold => self.set_held(id, true),
            CallOperation::Unhold => self.set_held(id, false),
        }
        Ok(())
    }

    fn make_call(
        &mut self,
        now: Instant,
        app: AppId,
        request: RequestId,
        address: &str,
        to: String,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let opened = |line: &&Line| line.watchers.iter().any(|(watcher, _)| *watcher == app);
        let line = self.lines.get(address).filter(opened).ok_or(LineError::InvalLineHandle)?;
        let (address, kind) = (Arc::clone(&line.address), line.kind);
        let own_name = line.name.clone();
        let to = dialable(&to).ok_or(LineError::InvalAddress)?;
        let bindings = self.location.bindings(&address, now);
        if kind == LineKind::Phone && bindings.is_empty() {
            return Err(LineError::InvalLineState);
        }
        let called_name = match kind {
            LineKind::Trunk => String::new(),
            LineKind::Phone | LineKind::Local => self.check_destination(&to)?,
        };
        if self.draining {
            return Err(LineError::ResourceUnavail);
        }
        let full = self.trunk(&address).is_some_and(|trunk| self.is_full(trunk));
        if full || self.conversations >= self.setup.calls_max {
            return Err(LineError::CallUnavail);
        }

        let id = self.next_call();
        let domain = self.setup.domain.clone();
        let media_worker = self.media.choose_worker(&self.setup.media);
        let called = PartyView { number: to.clone(), name: called_name };
        let call = Call {
            caller: PartyView { number: address.to_string(), name: own_name },
            called: called.clone(),
            calls: true,
            dial: (kind == LineKind::Phone).then(|| to.clone()),
            media_worker,
            made: true,
            claimed: true,
            ..Call::new(now, id, Arc::clone(&address), kind, CallOrigin::Outbound, CallState::Dialing)
        };
        reply(app, request, Ok(Outcome::Call(id)), out);
        self.introduce(call, Some(app), out);
        match kind {
            LineKind::Phone => {
                // Only the contact refreshed last: not every microphone of the user is to open.
                let Some(binding) = bindings.last() else { return Ok(()) };
                let mut own = contact(binding);
                own.headers = auto_answer::headers(&binding.user_agent, &domain);
                let invitation = Invitation {
                    from: Party { user: to, host: domain.clone(), name: called.name },
                    to: Party { user: address.to_string(), host: domain, name: String::new() },
                    max_forwards: MAX_FORWARDS,
                    credentials: None,
                    diversion: None,
                    offer: None,
                    worker: self.next_sip_worker(),
                };
                self.timers.start(id, Timer::Ring, now + self.setup.ring_max);
                self.ring(now, id, invitation, [vec![own]].into(), out);
            }
            LineKind::Local => self.dial(now, id, &to, out),
            LineKind::Trunk => self.ring_trunk(now, id, None, &address, &to, out),
        }
        Ok(())
    }

    /// The name of the destination, if it is a line; an error where a call would lead nowhere.
    fn check_destination(&self, to: &str) -> Result<String, LineError> {
        match resolve(&self.setup.routes, &self.lines, Source::Line, to) {
            Ok(Destination::Line(address)) => {
                Ok(self.lines.get(&address).map(|line| line.name.clone()).unwrap_or_default())
            }
            Ok(Destination::Trunk(..)) => Ok(String::new()),
            Err(404 | 484 | 604) => Err(LineError::InvalAddress),
            Err(_) => Err(LineError::AddressBlocked),
        }
    }

    fn accept(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let caller = if call.calls { Some(id) } else { call.peer };
        self.report(now, id, CallReport::Ringing, out);
        if let Some(caller) = caller {
            self.ring_caller(now, caller, out);
        }
    }

    /// Answers a call on a line whose media ends in the engine; or one that came in from a trunk, which then hears the
    /// destination ring.
    fn answer_here(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.calls {
            self.answer_caller(now, id, None, out);
            return;
        }
        self.timers.stop(id, Timer::Ring);
        self.report(now, id, CallReport::Answered, out);
        if let Some(caller) = self.calls.get(&id).and_then(|call| call.peer) {
            self.answer_caller(now, caller, Some(id), out);
        }
    }

    fn wait_for_station(&mut self, now: Instant, id: CallId, pending: Pending) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.pending = Some(pending);
            self.timers.start(id, Timer::Guard, now + GUARD);
        }
    }

    /// Asks the phone to answer: by NOTIFY where it announced that it knows how, else by calling it anew.
    fn ask_to_answer(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let ring = self.calls.get(&id).and_then(|call| call.ring.as_ref());
        let mut branches = ring.iter().flat_map(|ring| ring.branches.iter());
        let knows = |leg: &&trunkline_sip::LegId| self.legs.get(leg).is_some_and(|leg| leg.talk);
        match branches.find(knows).copied() {
            Some(leg) => out.sip.push(Command::Notify(leg, "talk")),
            None => self.ring_anew(now, id, out),
        }
    }

    /// Cancels a ringing leg and calls the same contact again, so that it answers by itself. The caller hears nothing
    /// of it.
    pub(super) fn ring_anew(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(ring) = self.calls.get(&id).and_then(|call| call.ring.as_ref()) else { return };
        let rang = |leg: &&trunkline_sip::LegId| self.legs.get(leg).is_some_and(|leg| leg.rang);
        let branch = ring.branches.iter().find(rang).or_else(|| ring.branches.first()).copied();
        let binding = branch.and_then(|leg| self.legs.get(&leg)?.binding.clone());
        let Some((leg, binding)) = branch.zip(binding) else {
            self.finish_pending(id, Err(LineError::OperationFailed), out);
            return;
        };
        let mut candidate = contact(&binding);
        candidate.headers = auto_answer::headers(&binding.user_agent, &self.setup.domain);
        match self.invite(now, id, candidate, out) {
            Ok(()) => {
                if let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) {
                    ring.remove(leg);
                }
                self.end_leg(leg, 480, Some(COMPLETED_ELSEWHERE), out);
            }
            Err(_) => self.finish_pending(id, Err(LineError::ResourceUnavail), out),
        }
    }

    fn set_held(&mut self, id: CallId, held: bool) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.held_by_app = held;
        }
    }

    /// Takes back the handle; a call that nobody is left to control is dropped (LINEDEVCAPFLAGS_CLOSEDROP). A call that a
    /// handset takes part in, or that merely passes through, goes on.
    fn deallocate(&mut self, now: Instant, id: CallId, app: AppId, out: &mut Outbox) {
        self.release_handle(id, app, out);
        let Some(call) = self.calls.get(&id) else { return };
        let controlled = match call.kind {
            LineKind::Phone => !call.made || call.leg.is_some(),
            LineKind::Local => false,
            LineKind::Trunk => !call.made,
        };
        if !call.is_owned() && !controlled && call.state != CallState::Idle {
            self.drop_call(now, id, out);
        }
    }
}

fn reply(app: AppId, request: RequestId, reply: Reply, out: &mut Outbox) {
    out.messages.push((app, Message::Reply { request, reply }));
}

/// The address to dial: TAPI's dialable format as far as it is supported. Visual separators of a number are left out; a
/// name is taken as it is.
fn dialable(to: &str) -> Option<String> {
    const SEPARATORS: &[char] = &[' ', '-', '.', '(', ')'];
    /// Partial dialling, subaddresses, pauses, prompts and billing; and what would end a SIP URI.
    const UNSUPPORTED: &[char] = &[';', '|', '^', ',', '?', '$', '@', ':', '<', '>', '"', '/'];
    let is_digit = |c: char| c.is_ascii_digit() || "+*#".contains(c);
    let is_number = to.chars().all(|c| is_digit(c) || SEPARATORS.contains(&c));
    let address = if is_number { to.replace(SEPARATORS, "") } else { to.to_owned() };
    let is_supported = |c: char| !c.is_control() && !c.is_whitespace() && !UNSUPPORTED.contains(&c);
    let fits = !address.is_empty() && address.len() <= DIALLED_BYTES_MAX;
    (fits && address.chars().all(is_supported)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_of_a_number_are_for_the_eye() {
        assert_eq!(dialable("+49 (30) 12-34.5").as_deref(), Some("+493012345"));
        assert_eq!(dialable("*21#").as_deref(), Some("*21#"));
    }

    #[test]
    fn a_name_is_taken_as_it_is() {
        assert_eq!(dialable("john.doe-2").as_deref(), Some("john.doe-2"));
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        let long = "1".repeat(DIALLED_BYTES_MAX + 1);
        for to in ["", "()", "john doe", "100;", "1,2", "a@b", "a\r\nVia: x", &long] {
            assert_eq!(dialable(to), None, "{to}");
        }
    }
}
