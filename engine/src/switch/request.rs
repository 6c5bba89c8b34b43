//! What applications ask for. Every request is answered by exactly one LINE_REPLY, before anything that it causes.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::{Command, Party};

use super::Switch;
use super::call::{Call, Errand, Few, Pending, Wish};
use super::call_state::{CallState, DialToneMode, DisconnectMode};
use super::error::LineError;
use super::ids::{AppId, CallId, RequestId};
use super::line::Line;
use super::message::Message;
use super::operation::{CallOperation, CallParams, Operation, Outcome, Refusal, Reply};
use super::outbox::Outbox;
use super::release::Parting;
use super::report::{CallReport, Hold};
use super::ring::contact;
use super::route::{Destination, Source, resolve};
use super::setup::LineKind;
use super::status::{COMPLETED_ELSEWHERE, Failure};
use super::timers::{GUARD, Timer};
use super::vendor;
use super::view::{CallOrigin, PartyView};
use crate::translate::Dialable;

/// Who asks, and by which request: it is answered once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asker {
    pub(super) app: AppId,
    pub(super) request: RequestId,
}

impl Asker {
    /// LINE_REPLY.
    pub(super) fn reply(self, reply: Reply, out: &mut Outbox) {
        out.messages.push((self.app, Message::Reply { request: self.request, reply }));
    }

    /// LINE_REPLY: done.
    pub(super) fn done(self, out: &mut Outbox) {
        self.reply(Ok(Outcome::Done), out);
    }
}

impl Switch {
    pub(super) fn operate(
        &mut self,
        now: Instant,
        app: AppId,
        request: RequestId,
        operation: Operation,
        out: &mut Outbox,
    ) {
        let asker = Asker { app, request };
        let subject = operation.subject();
        if let Err(refusal) = self.perform(now, asker, operation, out) {
            asker.reply(Err(self.told(app, &subject, refusal)), out);
        }
    }

    /// Does what is asked and replies, at once or later; or says why not.
    fn perform(
        &mut self,
        now: Instant,
        asker: Asker,
        operation: Operation,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        use CallOperation as On;
        match operation {
            Operation::MakeCall { line, to, params } => {
                self.make_call(now, asker, &line, &to, params, out)?;
            }
            Operation::TranslateAddress { line, address, card, options } => {
                self.translate_address(asker, &line, &address, card, options, out)?;
            }
            Operation::Forward { line, entries, rings } => {
                self.forward(asker, &line, entries, rings, out)?;
            }
            Operation::SetMessages { line, counts } => self.set_messages(asker, &line, counts, out)?,
            Operation::CheckSync { line, reboot } => self.check_sync(now, asker, &line, reboot, out)?,
            Operation::Pickup { line, from, group } => {
                self.pickup(now, asker, &line, from.as_deref(), group.as_deref(), out)?;
            }
            Operation::Unpark { line, from } => self.unpark(now, asker, &line, &from, out)?,
            Operation::SetupConferenceOnLine { line } => {
                self.setup_conference_on_line(now, asker, &line, out)?;
            }
            Operation::UncompleteCall { line, completion } => {
                self.uncomplete_call(now, asker, &line, completion, out)?;
            }
            Operation::GetNewCalls { line } => self.get_new_calls(asker, &line, out)?,
            Operation::OpenLine { line, privilege, media_modes } => {
                self.open_line(asker, &line, privilege, media_modes, out)?;
            }
            Operation::CloseLine { line } => self.close_line(now, asker, &line, out)?,
            Operation::SetStatusMessages { line, line_states, address_states } => {
                self.set_status_messages(asker, &line, &line_states, &address_states, out)?;
            }
            Operation::SetAppPriority { app, media_mode, priority } => {
                self.set_app_priority(asker, &app, media_mode, priority, out)?;
            }
            Operation::Accept(call, user_user) => {
                self.check(asker.app, call, On::Accept)?;
                self.check_user_user(user_user.as_ref())?;
                self.enclose_far(call, user_user, out);
                asker.done(out);
                self.accept(now, call, out);
            }
            Operation::Answer(call, user_user) => {
                self.check(asker.app, call, On::Answer)?;
                self.check_user_user(user_user.as_ref())?;
                self.enclose_far(call, user_user, out);
                self.answer(now, asker, call, out);
            }
            Operation::Drop(call, user_user) => {
                self.check(asker.app, call, On::Drop)?;
                self.check_user_user(user_user.as_ref())?;
                self.enclose_far(call, user_user, out);
                asker.done(out);
                self.drop_call(now, call, out);
            }
            Operation::DeallocateCall(call) => {
                self.check(asker.app, call, On::DeallocateCall)?;
                asker.done(out);
                self.deallocate(now, call, asker.app, out);
            }
            Operation::Hold(call) => {
                self.check(asker.app, call, On::Hold)?;
                self.hold(now, asker, call, out);
            }
            Operation::Unhold(call) => {
                self.check(asker.app, call, On::Unhold)?;
                self.unhold(now, asker, call, out);
            }
            Operation::SwapHold { call, with } => {
                self.check(asker.app, call, On::SwapHold)?;
                self.swap_hold(now, asker, call, with, out)?;
            }
            Operation::Dial { call, digits } => {
                self.check(asker.app, call, On::Dial)?;
                self.dial_digits(now, asker, call, &digits, out)?;
            }
            Operation::BlindTransfer { call, to } => {
                self.check(asker.app, call, On::BlindTransfer)?;
                self.blind_transfer(now, asker, call, &to, out)?;
            }
            Operation::SetupTransfer { call, to } => {
                self.check(asker.app, call, On::SetupTransfer)?;
                self.setup_transfer(now, asker, call, to, out)?;
            }
            Operation::CompleteTransfer { call, consult, mode } => {
                self.check(asker.app, call, On::CompleteTransfer)?;
                self.complete_transfer(now, asker, call, consult, mode, out)?;
            }
            Operation::SetupConference { call, to } => {
                self.check(asker.app, call, On::SetupConference)?;
                self.setup_conference(now, asker, call, to, out)?;
            }
            Operation::PrepareAddToConference { call, to } => {
                self.check(asker.app, call, On::PrepareAddToConference)?;
                self.prepare_add_to_conference(now, asker, call, to, out)?;
            }
            Operation::AddToConference { call, consult } => {
                self.check(asker.app, call, On::AddToConference)?;
                self.add_to_conference(now, asker, call, consult, out)?;
            }
            Operation::RemoveFromConference(call) => {
                self.check(asker.app, call, On::RemoveFromConference)?;
                self.remove_from_conference(now, asker, call, out)?;
            }
            Operation::GetConfRelatedCalls(call) => {
                self.check(asker.app, call, On::GetConfRelatedCalls)?;
                self.get_conf_related_calls(asker, call, out)?;
            }
            Operation::Park { call, to } => {
                self.check(asker.app, call, On::Park)?;
                self.park(now, asker, call, to.as_deref(), out)?;
            }
            Operation::Redirect { call, to } => {
                self.check(asker.app, call, On::Redirect)?;
                self.redirect_offered(now, asker, call, &to, out)?;
            }
            Operation::SecureCall(call) => {
                self.check(asker.app, call, On::SecureCall)?;
                self.secure_call(asker, call, out)?;
            }
            Operation::CompleteCall { call, mode, message } => {
                self.check(asker.app, call, On::CompleteCall)?;
                self.complete_call(now, asker, call, mode, message, out)?;
            }
            Operation::Handoff { call, to } => {
                self.check(asker.app, call, On::Handoff)?;
                self.handoff(asker, call, &to, out)?;
            }
            Operation::StartRecording(call) => {
                self.check(asker.app, call, On::StartRecording)?;
                self.start_recording(asker, call, out);
            }
            Operation::PauseRecording(call) => {
                self.check(asker.app, call, On::PauseRecording)?;
                self.pause_recording(asker, call, true, out);
            }
            Operation::ResumeRecording(call) => {
                self.check(asker.app, call, On::ResumeRecording)?;
                self.pause_recording(asker, call, false, out);
            }
            Operation::StopRecording(call) => {
                self.check(asker.app, call, On::StopRecording)?;
                self.stop_recording(asker, call, out);
            }
            Operation::StartFork { call, url, authorization } => {
                self.check(asker.app, call, On::StartFork)?;
                self.start_fork(asker, call, url, authorization, out)?;
            }
            Operation::StopFork { call, fork } => {
                self.check(asker.app, call, On::StopFork)?;
                self.stop_fork(asker, call, fork, out)?;
            }
            Operation::SetCallPrivilege { call, privilege } => {
                self.check(asker.app, call, On::SetCallPrivilege)?;
                self.set_call_privilege(asker, call, privilege, out)?;
            }
            Operation::SetMediaMode { call, media_modes } => {
                self.check(asker.app, call, On::SetMediaMode)?;
                self.set_media_mode(asker, call, media_modes, out)?;
            }
            Operation::SetCallData { call, data } => {
                self.check(asker.app, call, On::SetCallData)?;
                self.set_call_data(asker, call, data, out)?;
            }
            Operation::SendUserUserInfo { call, data } => {
                self.check(asker.app, call, On::SendUserUserInfo)?;
                self.send_user_user_info(asker, call, data, out)?;
            }
            Operation::SetCallQualityOfService { call, level } => {
                self.check(asker.app, call, On::SetCallQualityOfService)?;
                self.set_quality_of_service(asker, call, level, out)?;
            }
            Operation::GenerateDigits { call, digits, duration, mode } => {
                self.check(asker.app, call, On::GenerateDigits)?;
                self.generate_digits(now, asker, call, digits, duration, mode, out)?;
            }
            Operation::GatherDigits { call, gathering } => {
                self.check(asker.app, call, On::GatherDigits)?;
                self.gather_digits(now, asker, call, gathering, out)?;
            }
            Operation::MonitorDigits { call, modes } => {
                self.check(asker.app, call, On::MonitorDigits)?;
                self.monitor_digits(asker, call, modes, out)?;
            }
            Operation::MonitorMedia { call, media_modes } => {
                self.check(asker.app, call, On::MonitorMedia)?;
                self.monitor_media(asker, call, media_modes, out)?;
            }
        }
        Ok(())
    }

    /// Whether the application may do this with the call; the call is then its to clear.
    pub(super) fn check(&mut self, app: AppId, id: CallId, operation: CallOperation) -> Result<(), Refusal> {
        let known = self.calls.get(&id).filter(|call| call.handles.iter().any(|(holder, _)| *holder == app));
        let call = known.ok_or(LineError::InvalCallHandle)?;
        self.may(app, call, operation).map_err(|error| self.refusal(id, app, error))?;
        let changes = permit_to_claim(operation);
        if let Some(call) = self.calls.get_mut(&id) {
            call.claimed |= changes;
        }
        self.dirty.insert(id);
        Ok(())
    }

    /// A second call that an operation names: the application owns it.
    pub(super) fn owned(&self, app: AppId, id: CallId, missing: LineError) -> Result<&Call, LineError> {
        let known = self.calls.get(&id).filter(|call| call.handles.iter().any(|(holder, _)| *holder == app));
        let call = known.ok_or(missing)?;
        if call.privilege(app) == super::CallPrivilege::Owner { Ok(call) } else { Err(LineError::NotOwner) }
    }

    /// A refusal with what would have been allowed.
    pub(super) fn refusal(&self, id: CallId, app: AppId, error: LineError) -> Refusal {
        let call = self.calls.get(&id);
        Refusal {
            error,
            state: call.map(|call| call.state),
            allowed: call.map(|call| self.features(app, call)).unwrap_or_default(),
            circumstances: None,
        }
    }

    /// A line that the application opened.
    pub(super) fn opened(&self, app: AppId, address: &str) -> Result<&Line, LineError> {
        let opened = |line: &&Line| line.watchers.iter().any(|(watcher, _)| *watcher == app);
        self.lines.get(address).filter(opened).ok_or(LineError::InvalLineHandle)
    }

    /// Whether a further call may begin on the line.
    pub(super) fn admit_call(&self, address: &str) -> Result<(), LineError> {
        if self.draining {
            return Err(LineError::ResourceUnavail);
        }
        let full = self.trunk(address).is_some_and(|trunk| !self.has_room(trunk));
        if full || self.conversations >= self.setup.calls_max { Err(LineError::CallUnavail) } else { Ok(()) }
    }

    fn make_call(
        &mut self,
        now: Instant,
        asker: Asker,
        address: &str,
        to: &str,
        params: Option<Box<CallParams>>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, address)?;
        let (address, kind) = (Arc::clone(&line.address), line.kind);
        let line_has_calls = !line.calls.is_empty();
        let Dialable { number, is_partial, digits_after_answer, .. } = self.destination(to)?;
        if kind == LineKind::Phone && self.location.bindings(&address, now).is_empty() {
            return Err(LineError::InvalLineState);
        }
        let called_name = match kind {
            _ if is_partial => String::new(),
            LineKind::Trunk => String::new(),
            LineKind::Phone | LineKind::Local => self.check_destination(&number)?,
        };
        self.admit_call(&address)?;
        self.check_user_user(params.as_ref().and_then(|params| params.user_user.as_ref()))?;
        if params.as_ref().is_some_and(|params| params.idle) && line_has_calls {
            return Err(LineError::CallUnavail);
        }

        let id = self.next_call();
        let media_worker = self.media.choose_worker(&self.setup.media);
        let called = PartyView::new(number.clone(), called_name);
        let state =
            if number.is_empty() { CallState::DialTone(DialToneMode::Normal) } else { CallState::Dialing };
        let errand = if is_partial { Errand::Collect } else { Errand::Dial(number.clone()) };
        let errand = (kind == LineKind::Phone).then_some(errand);
        let digits = is_partial.then(|| number.clone());
        let call = Call {
            caller: self.own_party(&address),
            called: called.clone(),
            calls: true,
            few: Some(Box::new(Few { errand, digits, ..Few::NOTHING })),
            media_worker,
            made: true,
            claimed: true,
            ..Call::new(now, id, Arc::clone(&address), kind, CallOrigin::Outbound, state)
        };
        asker.reply(Ok(Outcome::Call(id)), out);
        self.introduce(call, Some(asker.app), out);
        self.put_suffix(id, asker.app, digits_after_answer);
        if let Some(params) = params {
            self.take_params(id, &params);
        }
        match kind {
            LineKind::Phone => {
                // The phone shows whom it calls; itself, while nobody knows.
                let shown = if number.is_empty() { self.own_party(&address) } else { called };
                if is_partial || !self.make_by_phone(now, id, &number, out) {
                    self.ring_own_phone(now, id, &shown, out);
                }
            }
            LineKind::Local | LineKind::Trunk if is_partial => self.collect(now, id, number),
            LineKind::Local => self.dial(now, id, &number, out),
            LineKind::Trunk => self.ring_trunk(now, id, None, (&address, &number), None, out),
        }
        Ok(())
    }

    /// Who calls from a line.
    pub(super) fn own_party(&self, address: &str) -> PartyView {
        let name = self.lines.get(address).map(|line| line.name.clone()).unwrap_or_default();
        PartyView::new(address.to_owned(), name)
    }

    /// The name of the destination, if it is a line; an error where a call would lead nowhere.
    pub(super) fn check_destination(&self, to: &str) -> Result<String, LineError> {
        if self.is_factory(to) {
            return Ok("Conference".to_owned());
        }
        match resolve(&self.setup.routes, &self.lines, Source::Line, to) {
            Ok(Destination::Line(address) | Destination::Group(address) | Destination::Page(address)) => {
                Ok(self.lines.name(&address))
            }
            Ok(Destination::Trunk(..)) => Ok(String::new()),
            Err(404 | 484 | 604) => Err(LineError::InvalAddress),
            Err(_) => Err(LineError::AddressBlocked),
        }
    }

    /// The same for where somebody else is sent: he speaks to one, and is heard, so not to a page group.
    pub(super) fn check_sent_to(&self, to: &str) -> Result<String, LineError> {
        let found = resolve(&self.setup.routes, &self.lines, Source::Line, to);
        if matches!(found, Ok(Destination::Page(_))) && !self.is_factory(to) {
            return Err(LineError::AddressBlocked);
        }
        self.check_destination(to)
    }

    pub(super) fn can_answer(&self, call: &Call) -> Result<(), LineError> {
        // A bridged appearance cannot be joined.
        if matches!(call.state, CallState::Connected(_)) {
            return Err(LineError::OperationUnavail);
        }
        if call.pending.is_some() { Err(LineError::InUse) } else { Ok(()) }
    }

    fn answer(&mut self, now: Instant, asker: Asker, id: CallId, out: &mut Outbox) {
        let Asker { app, request } = asker;
        if self.calls.get(&id).is_some_and(|call| call.kind == LineKind::Phone) {
            self.wait_for_station(now, id, Pending { app, request, wish: Wish::Answer });
            self.ask_to_answer(now, id, out);
        } else {
            asker.done(out);
            self.answer_here(now, id, out);
        }
    }

    fn accept(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let caller = if call.calls { Some(id) } else { call.peer };
        self.report(now, id, CallReport::Ringing, out);
        if let Some(caller) = caller {
            self.member_rings(caller, id);
            self.ring_caller(now, caller, out);
        }
    }

    /// Answers a call on a line whose media ends in the engine; or one that came in from a trunk, which then hears the
    /// destination ring.
    fn answer_here(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        if let Some(errand) = call.errand.clone() {
            if let Some(call) = self.calls.get_mut(&id) {
                call.errand = None;
            }
            self.timers.stop(id, Timer::Ring);
            self.run_errand(now, id, errand, out);
            return;
        }
        if call.calls {
            self.answer_caller(now, id, None, out);
            return;
        }
        if !self.fits_caller(id, None) {
            let parting = Parting::because(&Failure::local(488));
            self.over(now, id, CallReport::Disconnected(DisconnectMode::Incompatible), &parting, out);
            return;
        }
        self.timers.stop(id, Timer::Ring);
        self.report(now, id, CallReport::Answered, out);
        if let Some(caller) = self.calls.get(&id).and_then(|call| call.peer) {
            if self.hunts.offers(caller, id) {
                // He called the group: who it is that answers is news.
                self.name_connected(id, caller, &Party::default(), out);
            }
            self.answer_caller(now, caller, Some(id), out);
        }
    }

    pub(super) fn wait_for_station(&mut self, now: Instant, id: CallId, pending: Pending) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.pending = Some(pending);
            self.timers.start(id, Timer::Guard, now + GUARD);
        }
    }

    /// Asks the phone to answer: by CSTA where it is told so, else as SIP has it.
    fn ask_to_answer(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if !self.answer_by_phone(now, id, out) {
            self.ask_to_answer_by_sip(now, id, out);
        }
    }

    /// Asks the phone to answer: by NOTIFY where it announced that it knows how, else by calling it anew.
    pub(super) fn ask_to_answer_by_sip(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
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
        candidate.headers = vendor::auto_answer(&self.setup.vendors, &binding.user_agent, &self.setup.domain);
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

    /// Holds a call for an application, or retrieves it.
    pub(super) fn set_held(&mut self, id: CallId, held: Option<Hold>) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.held = held;
        }
        self.dirty.insert(id);
    }

    /// Takes back the handle; a call that nobody is left to control is dropped (LINEDEVCAPFLAGS_CLOSEDROP). A call that a
    /// handset takes part in, or that merely passes through, goes on.
    fn deallocate(&mut self, now: Instant, id: CallId, app: AppId, out: &mut Outbox) {
        self.release_handle(id, app, out);
        let Some(call) = self.calls.get(&id) else { return };
        if !call.is_owned() && !self.is_controlled_elsewhere(id) && call.state != CallState::Idle {
            self.drop_call(now, id, out);
        }
    }
}

/// Whether an application that does this takes part in the call.
const fn permit_to_claim(operation: CallOperation) -> bool {
    !matches!(
        operation,
        CallOperation::DeallocateCall
            | CallOperation::GetConfRelatedCalls
            | CallOperation::MonitorDigits
            | CallOperation::MonitorMedia
            | CallOperation::PauseRecording
            | CallOperation::ResumeRecording
            | CallOperation::SetCallPrivilege
            | CallOperation::StartFork
            | CallOperation::StartRecording
            | CallOperation::StopFork
            | CallOperation::StopRecording
    )
}
