//! What phones are asked for in a session about CSTA, and what comes of it.
//!
//! ```text
//!  lineMakeCall ──▶ MakeCall ──▶ the phone's own INVITE ──▶ the call of the operation goes on as one of the phone's
//!                       └ CSTAErrorCode, 2 s ──▶ the phone is called, as one without CSTA
//!  lineAnswer ────▶ AnswerCall ──▶ its 200 to our INVITE
//!                       └ CSTAErrorCode, 2 s ──▶ NOTIFY talk, or called anew
//! ```
//!
//! - One service at a time: bodies have no number. A phone that answers 200 without a body and says what came of it in an INFO
//!   of its own is believed until then.
//! - Which call of the phone rings is known by its DeliveredEvent. A phone that tells no events is not asked to answer so.

use std::collections::VecDeque;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::LegId;
use trunkline_sip::message::escape_user;
use trunkline_sip::outbox::{Command, IncomingCall};
use trunkline_sip::package::csta::{CallChange, CallEvent, Connection, Service, Statement};

use super::{CstaUse, Place, QUIET, State};
use crate::switch::Switch;
use crate::switch::call::{Call, Errand, Wish};
use crate::switch::call_state::DisconnectMode;
use crate::switch::ids::CallId;
use crate::switch::outbox::Outbox;
use crate::switch::release::Parting;
use crate::switch::report::CallReport;
use crate::switch::status::Failure;
use crate::switch::timers::Timer;
use crate::switch::view::PartyView;

/// How long a phone may take for a service before another way is gone.
pub(in crate::switch) const PATIENCE: Duration = Duration::from_secs(2);

/// How long a phone that took MakeCall may take to call.
pub(in crate::switch) const CALLING: Duration = Duration::from_secs(20);

/// Services that wait for one phone. Further ones go another way.
const QUEUE_MAX: usize = 8;

/// Calls of one phone that are known. The one heard of first is forgotten for a further one.
const CALLS_MAX: usize = 16;

/// An open session.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(in crate::switch) struct Session {
    pub(super) leg: LegId,
    /// Its entry among what is due.
    pub(super) watched_at: Instant,
    queue: VecDeque<(Service, Job)>,
    /// What the service under way is for; `Some(None)`: nobody waits for it any more.
    in_flight: Option<Option<Job>>,
    /// What the last service was for, where its answer said nothing.
    unsaid: Option<Job>,
    calls: VecDeque<Known>,
}

/// A call at the phone.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    connection: Connection,
    is_alerting: bool,
    /// The number of the caller; empty where the phone does not say it.
    calling: String,
}

/// What a service is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// Nobody waits for it.
    Upkeep,
    Make(CallId),
    Answer(CallId),
}

/// A call that a phone was asked to make.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Made {
    place: Place,
    /// Where the phone is.
    host: IpAddr,
    /// The phone's name of it, once it has said so.
    connection: Option<Connection>,
    /// Whether nobody wants it any more.
    is_unwanted: bool,
}

impl Session {
    pub(super) const fn new(leg: LegId, watched_at: Instant) -> Self {
        Self {
            leg,
            watched_at,
            queue: VecDeque::new(),
            in_flight: None,
            unsaid: None,
            calls: VecDeque::new(),
        }
    }

    /// What was asked for and is not done.
    pub(super) fn jobs(&mut self) -> Vec<Job> {
        let waiting = mem::take(&mut self.queue).into_iter().map(|(_, job)| job);
        self.in_flight.take().flatten().into_iter().chain(waiting).collect()
    }

    /// The call that rings for this caller.
    fn ringing(&self, caller: &str) -> Option<&Connection> {
        let alerting = || self.calls.iter().filter(|call| call.is_alerting);
        let named = alerting().filter(|call| call.calling == caller);
        let unnamed = alerting().filter(|call| call.calling.is_empty() && alerting().count() == 1);
        let found: Vec<_> = named.chain(unnamed).collect();
        // Of two that look the same none is meant.
        if let [only] = found[..] { Some(&only.connection) } else { None }
    }

    fn note(&mut self, line: &str, event: &CallEvent) {
        let at = self.calls.iter().position(|call| call.connection.call == event.connection.call);
        let is_own = event.device == line || event.device.is_empty();
        match (event.change, at) {
            (CallChange::Delivered, at) if is_own && event.calling != line => {
                // Names are used again by phones that do not tell the end of calls.
                at.and_then(|at| self.calls.remove(at));
                if self.calls.len() == CALLS_MAX {
                    self.calls.pop_front();
                }
                let (connection, calling) = (event.connection.clone(), event.calling.clone());
                self.calls.push_back(Known { connection, is_alerting: true, calling });
            }
            (CallChange::Cleared | CallChange::Failed, Some(at)) => drop(self.calls.remove(at)),
            (CallChange::Delivered, _) | (_, None) => {}
            (
                CallChange::Begun | CallChange::Established | CallChange::Held | CallChange::Retrieved,
                Some(at),
            ) => self.calls[at].is_alerting = false,
        }
    }
}

/// Services.
impl Switch {
    /// Asks the phone to tell what becomes of its calls.
    pub(super) fn watch_calls(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        let device = self.device(&place.0);
        self.serve_by_phone(now, place, Service::MonitorStart(device), Job::Upkeep, out);
    }

    /// A number as phones are told it.
    fn device(&self, number: &str) -> String {
        format!("sip:{}@{}", escape_user(number), self.setup.domain)
    }

    /// Asks a phone for a service; `false`: it cannot be asked.
    fn serve_by_phone(
        &mut self,
        now: Instant,
        place: &Place,
        service: Service,
        job: Job,
        out: &mut Outbox,
    ) -> bool {
        let Some(session) = self.csta.session(place) else { return false };
        if session.queue.len() >= QUEUE_MAX {
            return false;
        }
        session.queue.push_back((service, job));
        self.next_service(now, place, out);
        true
    }

    fn next_service(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        let Some(session) = self.csta.session(place) else { return };
        if session.in_flight.is_some() {
            return;
        }
        if let Some((service, job)) = session.queue.pop_front() {
            session.in_flight = Some(Some(job));
            out.sip.push(Command::Csta(session.leg, Box::new(service)));
            self.watch_until(place, now + PATIENCE);
        } else {
            self.watch_until(place, now + QUIET);
        }
    }

    fn watch_until(&mut self, place: &Place, at: Instant) {
        let Some(session) = self.csta.session(place) else { return };
        let (before, leg) = (mem::replace(&mut session.watched_at, at), session.leg);
        self.csta.watch.remove(&(before, leg));
        self.csta.watch.insert((at, leg));
    }

    /// A service takes too long, or the phone has said nothing for long.
    pub(super) fn session_due(&mut self, now: Instant, leg: LegId, out: &mut Outbox) {
        let Some(place) = self.csta.by_leg.get(&leg).cloned() else { return };
        let Some(session) = self.csta.session(&place) else { return };
        match &mut session.in_flight {
            Some(job) => {
                let given_up = job.take();
                // Its INFO is answered, or given up by the agent, later.
                self.watch_until(&place, now + QUIET);
                self.jobs_failed(now, given_up.into_iter().collect(), out);
            }
            None => {
                let service = Service::RequestSystemStatus;
                self.serve_by_phone(now, &place, service, Job::Upkeep, out);
            }
        }
    }

    /// The phone has answered a service.
    pub(super) fn service_answered(
        &mut self,
        now: Instant,
        place: &Place,
        status: u16,
        statement: Option<Statement>,
        out: &mut Outbox,
    ) {
        let Some(session) = self.csta.session(place) else { return };
        let job = session.in_flight.take().flatten();
        session.unsaid = job.filter(|_| statement.is_none());
        // The phone does not know the session, or is not there.
        if matches!(status, 408 | 481) {
            let jobs = job.into_iter().chain(self.csta.leave(place, out)).collect();
            return self.session_failed(now, place, (status, None), jobs, out);
        }
        let is_done = (200..300).contains(&status) && !matches!(statement, Some(Statement::Error(_)));
        let connection = match statement {
            Some(Statement::Response { connection, .. }) => connection,
            Some(Statement::Error(_) | Statement::CallEvent(_) | Statement::Status { .. })
            | Some(Statement::Other)
            | None => None,
        };
        if let Some(phone) = self.csta.phones.get_mut(place).filter(|_| is_done) {
            phone.failures = 0;
        }
        self.next_service(now, place, out);
        match job {
            Some(job) if is_done => self.job_done(now, job, connection, out),
            Some(job) => self.jobs_failed(now, vec![job], out),
            None => {}
        }
    }

    /// The phone says something by itself.
    pub(super) fn phone_said(&mut self, now: Instant, place: &Place, statement: Statement, out: &mut Outbox) {
        let Some(session) = self.csta.session(place) else { return };
        match statement {
            Statement::Response { connection, .. } => {
                if let Some(job) = session.unsaid.take() {
                    self.job_done(now, job, connection, out);
                }
            }
            Statement::Error(_) => {
                if let Some(job) = session.unsaid.take() {
                    self.jobs_failed(now, vec![job], out);
                }
            }
            Statement::CallEvent(event) => {
                session.note(&place.0, &event);
                if matches!(event.change, CallChange::Cleared | CallChange::Failed) {
                    self.made_call_failed(now, place, &event.connection, out);
                }
            }
            Statement::Status { .. } | Statement::Other => {}
        }
    }

    fn job_done(&mut self, now: Instant, job: Job, connection: Option<Connection>, out: &mut Outbox) {
        match job {
            // That it answers is heard of on the leg.
            Job::Upkeep | Job::Answer(_) => {}
            Job::Make(id) => {
                let Some(made) = self.csta.made.get_mut(&id) else { return };
                made.connection = connection.or_else(|| made.connection.take());
                if made.is_unwanted {
                    self.clear_made(now, id, out);
                } else {
                    self.timers.start(id, Timer::Ring, now + CALLING);
                }
            }
        }
    }

    /// What a phone was asked for it will not do: other ways are gone.
    pub(super) fn jobs_failed(&mut self, now: Instant, jobs: Vec<Job>, out: &mut Outbox) {
        for job in jobs {
            match job {
                Job::Upkeep => {}
                Job::Make(id) => {
                    let made = self.csta.made.remove(&id);
                    if made.is_some_and(|made| !made.is_unwanted)
                        && let Some(shown) = self.calls.get(&id).map(|call| call.called.clone())
                    {
                        self.ring_own_phone(now, id, &shown, out);
                    }
                }
                Job::Answer(id) => {
                    let waits = |call: &Call| call.pending.is_some_and(|one| one.wish == Wish::Answer);
                    if self.calls.get(&id).is_some_and(waits) {
                        self.ask_to_answer_by_sip(now, id, out);
                    }
                }
            }
        }
    }
}

/// `lineMakeCall`.
impl Switch {
    /// Has the phone of a line that was heard of last make the call; `false`: it cannot be asked.
    pub(in crate::switch) fn make_by_phone(
        &mut self,
        now: Instant,
        id: CallId,
        number: &str,
        out: &mut Outbox,
    ) -> bool {
        let Some(line) = self.calls.get(&id).map(|call| Arc::clone(&call.line)) else { return false };
        let Some(binding) = self.location.bindings(&line, now).pop() else { return false };
        let place = (Arc::clone(&line), Arc::clone(&binding.key));
        if !self.is_told(&place, CstaUse::MakeCall) {
            return false;
        }
        let service = Service::MakeCall(self.device(&line), self.device(number));
        let host = binding.flow.remote.ip();
        let made = Made { place: place.clone(), host, connection: None, is_unwanted: false };
        self.csta.made.insert(id, made);
        self.timers.start(id, Timer::Ring, now + self.setup.ring_max);
        let is_asked = self.serve_by_phone(now, &place, service, Job::Make(id), out);
        if !is_asked {
            self.csta.made.remove(&id);
        }
        is_asked
    }

    /// Whether there is a session with the phone in which it is asked for that.
    fn is_told(&self, place: &Place, wanted: CstaUse) -> bool {
        let phone = self.csta.phones.get(place);
        phone.is_some_and(|phone| phone.uses.contains(&wanted) && matches!(phone.state, State::Open(_)))
    }

    /// The call that this INVITE of a phone was asked for.
    pub(in crate::switch) fn call_of_phone(
        &self,
        line: &str,
        dialled: &str,
        invite: &IncomingCall,
    ) -> Option<CallId> {
        let host = invite.flow.remote.ip();
        // Who takes over or joins a call makes none.
        let details = invite.details.as_deref();
        if details.is_some_and(|details| details.replaces.is_some() || details.join.is_some()) {
            return None;
        }
        let fits = |(id, made): &(&CallId, &Made)| {
            let call = self.calls.get(id).filter(|call| call.is_alive() && call.leg.is_none());
            let wants = call.and_then(|call| call.errand.as_ref());
            *made.place.0 == *line
                && made.host == host
                && !made.is_unwanted
                && matches!(wants, Some(Errand::Dial(number)) if *number == dialled)
        };
        self.csta.made.iter().find(fits).map(|(id, _)| *id)
    }

    /// The phone has called, as it was asked to.
    pub(in crate::switch) fn phone_called(
        &mut self,
        id: CallId,
        leg: LegId,
        caller: PartyView,
        max_forwards: u8,
    ) {
        self.csta.made.remove(&id);
        self.timers.stop(id, Timer::Ring);
        self.dirty.insert(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        (call.leg, call.caller, call.max_forwards) = (Some(leg), caller, max_forwards);
        if let Some(few) = call.few() {
            few.errand = None;
        }
    }

    /// The phone ended the call that it was asked to make.
    fn made_call_failed(&mut self, now: Instant, place: &Place, call: &Connection, out: &mut Outbox) {
        let is_it = |(_, made): &(&CallId, &Made)| {
            made.place == *place && made.connection.as_ref().is_some_and(|known| known.call == call.call)
        };
        let Some(id) = self.csta.made.iter().find(is_it).map(|(id, _)| *id) else { return };
        self.csta.made.remove(&id);
        let parting = Parting::because(&Failure::local(480));
        self.over(now, id, CallReport::Disconnected(DisconnectMode::Unavail), &parting, out);
    }

    /// A call that a phone was asked to make is over before the phone has called: it is to leave it.
    pub(in crate::switch) fn settle_made(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if self.calls.get(&id).is_some_and(Call::is_alive) {
            return;
        }
        if let Some(made) = self.csta.made.get_mut(&id) {
            made.is_unwanted = true;
            self.clear_made(now, id, out);
        }
    }

    fn clear_made(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(made) = self.csta.made.get(&id) else { return };
        let place = made.place.clone();
        let has_no_name = made.connection.is_none();
        let session = self.csta.session(&place);
        // Where the phone has not answered yet, its answer is waited for.
        if has_no_name && session.is_some_and(|session| session.waits_for(Job::Make(id))) {
            return;
        }
        let made = self.csta.made.remove(&id).and_then(|made| made.connection);
        if let Some(connection) = made {
            self.serve_by_phone(now, &place, Service::ClearConnection(connection), Job::Upkeep, out);
        }
    }
}

impl Session {
    fn waits_for(&self, job: Job) -> bool {
        let mut waiting = self.queue.iter().map(|(_, job)| *job).chain(self.in_flight.flatten());
        waiting.any(|one| one == job)
    }
}

/// `lineAnswer`.
impl Switch {
    /// Asks a phone that rings to answer; `false`: it cannot be asked.
    pub(in crate::switch) fn answer_by_phone(&mut self, now: Instant, id: CallId, out: &mut Outbox) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let caller = call.caller.shown(&self.setup.domain).user;
        let branches = call.ring.iter().flat_map(|ring| ring.branches.iter());
        let places: Vec<Place> = branches
            .filter_map(|leg| self.legs.get(leg)?.binding.as_ref())
            .map(|binding| (Arc::clone(&call.line), Arc::clone(&binding.key)))
            .collect();
        for place in
            places.into_iter().filter(|place| self.is_told(place, CstaUse::Answer)).collect::<Vec<_>>()
        {
            let ringing = self.csta.session(&place).and_then(|session| session.ringing(&caller).cloned());
            if let Some(connection) = ringing
                && self.serve_by_phone(now, &place, Service::AnswerCall(connection), Job::Answer(id), out)
            {
                return true;
            }
        }
        false
    }
}
