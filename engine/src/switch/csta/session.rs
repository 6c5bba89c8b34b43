//! An open session: what waits to be asked, what was asked, which calls the phone has.

use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::FeatureStates;
use trunkline_sip::package::csta::{CallChange, CallEvent, Connection, Service, Statement};

use super::PATIENCE;
use crate::switch::ids::CallId;

/// Services that wait for one phone. Further ones go another way.
const QUEUE_MAX: usize = 8;

/// Services whose answer said nothing, of one phone. The first is forgotten for a further one.
const UNSAID_MAX: usize = 8;

/// Calls of one phone that are known. The one heard of first is forgotten for a further one.
const CALLS_MAX: usize = 16;

/// What a service is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// Nobody waits for it.
    Upkeep,
    Make(CallId),
    /// The phone is to leave what it was asked to make.
    Clear(CallId),
    Answer(CallId),
    Retrieve(CallId),
}

impl Job {
    /// Whether somebody waits for it who has another way.
    const fn is_awaited(self) -> bool {
        matches!(self, Self::Make(_) | Self::Answer(_) | Self::Retrieve(_))
    }
}

/// A job that the phone will not do, or not in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lost {
    pub(super) job: Job,
    /// Whether the phone may do it all the same: it was asked and has not refused.
    pub(super) may_come: bool,
}

/// An open session.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(in crate::switch) struct Session {
    pub(super) leg: LegId,
    pub(super) opened_at: Instant,
    /// Its entry among what is due.
    pub(super) watched_at: Instant,
    queue: VecDeque<Waiting>,
    in_flight: Option<Asked>,
    unsaid: VecDeque<Unsaid>,
    calls: VecDeque<Known>,
    /// What the phone was told last of the features of its line, or says itself.
    pub(super) shown: Option<Box<FeatureStates>>,
}

/// A service that waits for the one before it.
#[derive(Clone, Debug)]
struct Waiting {
    service: Service,
    job: Job,
    until: Instant,
}

/// The service that the phone was asked for last.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    name: &'static str,
    pub(super) job: Job,
    until: Instant,
    /// Whether its time is over: who waited went another way.
    pub(super) is_given_up: bool,
    /// What the phone said of it by itself before it answered.
    said: Option<Statement>,
}

/// A service whose answer said nothing: the phone may say by itself what came of it.
#[derive(Clone, Debug)]
struct Unsaid {
    name: &'static str,
    job: Job,
    until: Instant,
}

/// A call at the phone.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    connection: Connection,
    phase: Phase,
    /// The number of the other party; empty where the phone does not say it.
    party: String,
}

/// What a call at the phone does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Alerting,
    Up,
    /// The phone holds it.
    Held,
}

/// What is asked.
impl Session {
    pub(super) const fn new(leg: LegId, opened_at: Instant, watched_at: Instant) -> Self {
        Self {
            leg,
            opened_at,
            watched_at,
            queue: VecDeque::new(),
            in_flight: None,
            unsaid: VecDeque::new(),
            calls: VecDeque::new(),
            shown: None,
        }
    }

    /// Whether the phone is silent about what it was asked.
    pub(super) fn is_silent(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|asked| asked.is_given_up)
    }

    /// Whether the phone is asked for nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.queue.is_empty()
    }

    /// Has the phone asked when it is free; `false`: it is not.
    pub(super) fn put(&mut self, service: Service, job: Job, now: Instant) -> bool {
        if self.queue.len() >= QUEUE_MAX || job.is_awaited() && self.is_silent() {
            return false;
        }
        self.queue.push_back(Waiting { service, job, until: now + PATIENCE });
        true
    }

    /// What would be asked for next, if the phone is free.
    pub(super) fn waiting(&self) -> Option<Job> {
        self.queue.front().filter(|_| self.in_flight.is_none()).map(|waiting| waiting.job)
    }

    /// The service that is asked for next, if the phone is free.
    pub(super) fn next(&mut self) -> Option<(Service, Job)> {
        self.waiting()?;
        let Waiting { service, job, until } = self.queue.pop_front()?;
        self.in_flight = Some(Asked { name: service.name(), job, until, is_given_up: false, said: None });
        Some((service, job))
    }

    /// Nobody wants it any more; `false`: the phone was asked already.
    pub(super) fn withdraw(&mut self, job: Job) -> bool {
        let before = self.queue.len();
        self.queue.retain(|waiting| waiting.job != job);
        self.queue.len() < before
    }

    /// When the patience with the service under way ends. Those behind it were wanted later.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.in_flight.as_ref().filter(|asked| !asked.is_given_up).map(|asked| asked.until)
    }

    /// The service under way takes too long: who waits for it, or for one behind it, goes another way.
    pub(super) fn give_up(&mut self) -> Vec<Lost> {
        let Some(asked) = self.in_flight.as_mut().filter(|asked| !asked.is_given_up) else {
            return Vec::new();
        };
        asked.is_given_up = true;
        let mut lost = vec![Lost { job: asked.job, may_come: true }];
        self.queue.retain(|waiting| {
            let stays = !waiting.job.is_awaited();
            if !stays {
                lost.push(Lost { job: waiting.job, may_come: false });
            }
            stays
        });
        lost
    }

    /// The service under way is answered; what is said of it.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        status: u16,
        statement: Option<Statement>,
    ) -> Option<(Asked, Option<Statement>)> {
        let mut asked = self.in_flight.take()?;
        let statement = statement.or_else(|| asked.said.take());
        if statement.is_none() && (200..300).contains(&status) {
            // What nobody waits for is not matched with what is said much later.
            let patience = if asked.job.is_awaited() { crate::switch::made::CALLING } else { PATIENCE };
            if self.unsaid.len() == UNSAID_MAX {
                self.unsaid.pop_front();
            }
            self.unsaid.push_back(Unsaid { name: asked.name, job: asked.job, until: now + patience });
        }
        Some((asked, statement))
    }

    /// The phone says by itself what came of a service; the job, if its answer said nothing. A refusal does not name the service:
    /// phones do one after the other.
    pub(super) fn said(&mut self, now: Instant, statement: &Statement) -> Option<Job> {
        self.unsaid.retain(|unsaid| now < unsaid.until);
        let is_of = |name: &str| match statement {
            Statement::Response { service, .. } => service == name,
            Statement::Error(_) => true,
            Statement::CallEvent(_) | Statement::Feature { .. } => false,
            Statement::Status { .. } | Statement::Other => false,
        };
        if let Some(at) = self.unsaid.iter().position(|unsaid| is_of(unsaid.name)) {
            return self.unsaid.remove(at).map(|unsaid| unsaid.job);
        }
        if let Some(asked) = self.in_flight.as_mut().filter(|asked| is_of(asked.name)) {
            asked.said = Some(statement.clone());
        }
        None
    }

    /// The session is over: what was asked for and is not done.
    pub(super) fn lost(&mut self) -> Vec<Lost> {
        let asked = self.in_flight.take().filter(|asked| !asked.is_given_up);
        let asked = asked.map(|asked| Lost { job: asked.job, may_come: true });
        let waiting = mem::take(&mut self.queue).into_iter();
        asked.into_iter().chain(waiting.map(|waiting| Lost { job: waiting.job, may_come: false })).collect()
    }
}

/// Calls at the phone.
impl Session {
    /// The call that rings for this caller.
    pub(super) fn ringing(&self, caller: &str) -> Option<&Connection> {
        self.only(Phase::Alerting, caller)
    }

    /// The call with this party that the phone holds.
    pub(super) fn held(&self, party: &str) -> Option<&Connection> {
        self.only(Phase::Held, party)
    }

    fn only(&self, phase: Phase, party: &str) -> Option<&Connection> {
        let all = || self.calls.iter().filter(|call| call.phase == phase);
        let named = all().filter(|call| call.party == party);
        let unnamed = all().filter(|call| call.party.is_empty() && all().count() == 1);
        let found: Vec<_> = named.chain(unnamed).collect();
        // Of two that look the same none is meant.
        if let [only] = found[..] { Some(&only.connection) } else { None }
    }

    /// Notes what became of a call of the phone of this line.
    pub(super) fn note(&mut self, line: &str, event: &CallEvent) {
        let at = self.calls.iter().position(|call| call.connection.call == event.connection.call);
        let is_own = event.device == line || event.device.is_empty();
        match (event.change, at) {
            (CallChange::Delivered, at) if is_own && event.calling != line => {
                // Names are used again by phones that do not tell the end of calls.
                at.and_then(|at| self.calls.remove(at));
                self.meet(event, Phase::Alerting, &event.calling);
            }
            (CallChange::Begun, None) if is_own => self.meet(event, Phase::Up, &event.called),
            (CallChange::Held, None) if is_own => self.meet(event, Phase::Held, ""),
            (CallChange::Cleared | CallChange::Failed, Some(at)) => drop(self.calls.remove(at)),
            (CallChange::Held, Some(at)) if is_own => self.calls[at].phase = Phase::Held,
            (CallChange::Delivered | CallChange::Held, _) | (_, None) => {}
            (CallChange::Begun | CallChange::Established | CallChange::Retrieved, Some(at)) => {
                let call = &mut self.calls[at];
                call.phase = Phase::Up;
                if event.change == CallChange::Begun && !event.called.is_empty() {
                    call.party.clone_from(&event.called);
                }
            }
        }
    }

    fn meet(&mut self, event: &CallEvent, phase: Phase, party: &str) {
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
        }
        let connection = event.connection.clone();
        self.calls.push_back(Known { connection, phase, party: party.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::switch::rig::epoch;

    const MAKE: Job = Job::Make(CallId(1));

    fn session() -> (Session, Instant) {
        let now = epoch();
        (Session::new(LegId::new(0, 1), now, now), now)
    }

    fn make() -> Service {
        Service::MakeCall("sip:1001@x".to_owned(), "sip:1002@x".to_owned())
    }

    fn response(service: &str) -> Statement {
        Statement::Response { service: service.to_owned(), connection: None, is_disabled: false }
    }

    #[test]
    fn behind_a_silent_service_nothing_waits_that_has_another_way() {
        let (mut session, now) = session();
        assert!(session.put(Service::RequestSystemStatus, Job::Upkeep, now));
        assert!(session.next().is_some() && session.deadline() == Some(now + PATIENCE));
        assert!(session.put(make(), MAKE, now) && session.put(make(), Job::Clear(CallId(2)), now));
        assert_eq!(session.next(), None, "one at a time");
        let lost = session.give_up();
        let expected = [(Job::Upkeep, true), (MAKE, false)].map(|(job, may_come)| Lost { job, may_come });
        assert_eq!(lost, expected);
        assert!(session.is_silent() && session.deadline().is_none() && session.give_up().is_empty());
        assert!(!session.put(make(), MAKE, now), "it has another way at once");
        assert!(session.put(Service::RequestSystemStatus, Job::Upkeep, now));
        // Once the phone says something it is asked again.
        let (asked, _) = session.answered(now, 200, Some(Statement::Other)).unwrap();
        assert!(asked.is_given_up && !session.is_silent());
        assert_eq!(session.next().map(|(_, job)| job), Some(Job::Clear(CallId(2))));
    }

    #[test]
    fn what_waits_has_been_wanted_no_earlier_than_what_is_under_way() {
        let (mut session, now) = session();
        session.put(Service::RequestSystemStatus, Job::Upkeep, now);
        session.next();
        session.put(make(), MAKE, now + Duration::from_secs(1));
        session.answered(now, 200, Some(Statement::Other));
        session.next();
        assert_eq!(session.deadline(), Some(now + Duration::from_secs(3)), "two seconds after the wish");
    }

    #[test]
    fn what_the_phone_says_by_itself_belongs_to_the_service_of_that_name() {
        let (mut session, now) = session();
        for service in [Service::RequestSystemStatus, make()] {
            let job = if service == make() { MAKE } else { Job::Upkeep };
            session.put(service, job, now);
            session.next();
            assert!(session.answered(now, 200, None).is_some());
        }
        assert_eq!(session.said(now, &response("AnswerCall")), None);
        assert_eq!(session.said(now, &response("MakeCall")), Some(MAKE));
        assert_eq!(session.said(now, &response("MakeCall")), None, "once");
        // A refusal is that of the first of which nothing is known.
        assert_eq!(session.said(now, &Statement::Error(String::new())), Some(Job::Upkeep));

        // Before the answer.
        session.put(make(), MAKE, now);
        session.next();
        assert_eq!(session.said(now, &response("MakeCall")), None);
        let (_, said) = session.answered(now, 200, None).unwrap();
        assert_eq!(said, Some(response("MakeCall")));
        assert_eq!(session.said(now, &response("MakeCall")), None);
    }

    #[test]
    fn silence_is_forgotten() {
        let (mut session, now) = session();
        for _ in 0..=UNSAID_MAX {
            session.put(make(), MAKE, now);
            session.next();
            session.answered(now, 200, None);
        }
        assert_eq!(session.unsaid.len(), UNSAID_MAX);
        let later = now + crate::switch::made::CALLING;
        assert_eq!(session.said(later, &Statement::Error(String::new())), None);
        assert!(session.unsaid.is_empty());
    }

    #[test]
    fn calls_that_are_known_are_bounded() {
        let (mut session, _) = session();
        let tell = |session: &mut Session, call: usize, change| {
            let connection = Connection { call: call.to_string(), device: String::new() };
            let (calling, called, device) = (format!("2{call}"), String::new(), String::new());
            session.note("1001", &CallEvent { change, connection, calling, called, device });
        };
        for call in 0..=CALLS_MAX {
            tell(&mut session, call, CallChange::Delivered);
        }
        assert_eq!((session.calls.len(), session.ringing("20")), (CALLS_MAX, None));
        assert!(session.ringing("21").is_some());
        tell(&mut session, 1, CallChange::Established);
        assert_eq!(session.ringing("21"), None);
        tell(&mut session, 1, CallChange::Held);
        assert!(session.held("21").is_some() && session.held("22").is_none());
        tell(&mut session, 1, CallChange::Retrieved);
        assert_eq!(session.held("21"), None);
        tell(&mut session, 1, CallChange::Cleared);
        assert_eq!(session.calls.len(), CALLS_MAX - 1);
        // One whose beginning was not told.
        tell(&mut session, 99, CallChange::Held);
        assert!(session.held("21").is_some(), "the only one");
    }
}
