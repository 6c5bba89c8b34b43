//! What phones are asked for in a session about CSTA, and what comes of it.
//!
//! - One service at a time: bodies have no number. A phone that answers 200 without a body and says what came of it in an INFO
//!   of its own is believed until then.
//! - Who waits for a service longer than [`PATIENCE`] after it was wanted goes another way, and so does whoever comes while the phone
//!   is silent. What was not sent by then is not sent any more.

use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::message::escape_user;
use trunkline_sip::outbox::Command;
use trunkline_sip::package::csta::{Connection, Service, Statement};

use super::session::{Asked, Job, Lost};
use super::{CstaUse, Place, QUIET, State};
use crate::switch::Switch;
use crate::switch::outbox::Outbox;

impl Switch {
    /// Asks the phone to tell what becomes of its calls.
    pub(super) fn watch_calls(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        let device = self.device(&place.0);
        self.serve_by_phone(now, place, Service::MonitorStart(device), Job::Upkeep, out);
    }

    /// A number as phones are told it.
    pub(super) fn device(&self, number: &str) -> String {
        format!("sip:{}@{}", escape_user(number), self.setup.domain)
    }

    /// Whether there is a session with the phone in which it is asked for that, and the phone is not silent.
    pub(super) fn is_told(&self, place: &Place, wanted: CstaUse) -> bool {
        let phone = self.csta.phones.get(place).filter(|phone| phone.uses.contains(&wanted));
        phone.is_some_and(|phone| matches!(&phone.state, State::Open(session) if !session.is_silent()))
    }

    /// Whether there is a session with the phone in which it is asked to call, though it may be silent.
    pub(in crate::switch) fn is_told_to_call(&self, place: &Place) -> bool {
        let phone = self.csta.phones.get(place).filter(|phone| phone.uses.contains(&CstaUse::MakeCall));
        phone.is_some_and(|phone| matches!(phone.state, State::Open(_)))
    }

    /// Asks a phone for a service; `false`: it cannot be asked.
    pub(super) fn serve_by_phone(
        &mut self,
        now: Instant,
        place: &Place,
        service: Service,
        job: Job,
        out: &mut Outbox,
    ) -> bool {
        let Some(session) = self.csta.session(place) else { return false };
        let is_put = session.put(service, job, now);
        if is_put {
            self.next_service(now, place, out);
        }
        is_put
    }

    /// Asks for what waits. What nobody wants any more is left out.
    fn next_service(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        while let Some(job) = self.csta.session(place).and_then(|session| session.waiting()) {
            let is_wanted = match job {
                Job::Upkeep | Job::Clear(_) => true,
                Job::Make(id) => self.made.is_wanted(id),
                Job::Answer(id) => self.waits_for_answer(id),
                Job::Retrieve(id) => self.waits_for_retrieval(id),
            };
            if is_wanted {
                break;
            }
            self.csta.session(place).map(|session| session.withdraw(job));
        }
        let Some(session) = self.csta.session(place) else { return };
        let leg = session.leg;
        if let Some((service, job)) = session.next() {
            out.sip.push(Command::Csta(leg, Box::new(service)));
            if let Job::Make(id) = job {
                self.made.ask(id);
            }
        }
        let Some(session) = self.csta.session(place) else { return };
        let at = session.deadline().unwrap_or(now + QUIET);
        self.watch_until(place, at);
    }

    fn watch_until(&mut self, place: &Place, at: Instant) {
        let Some(session) = self.csta.session(place) else { return };
        let (before, leg) = (std::mem::replace(&mut session.watched_at, at), session.leg);
        self.csta.watch.remove(&(before, leg));
        self.csta.watch.insert((at, leg));
    }

    /// A service takes too long, or the phone has said nothing for long.
    pub(super) fn session_due(&mut self, now: Instant, leg: LegId, out: &mut Outbox) {
        let Some(place) = self.csta.by_leg.get(&leg).cloned() else { return };
        let Some(session) = self.csta.session(&place) else { return };
        let is_quiet = session.deadline().is_none() && !session.is_silent();
        let lost = session.give_up();
        // Its INFO is answered, or given up by the agent, later.
        self.watch_until(&place, now + QUIET);
        if is_quiet {
            self.serve_by_phone(now, &place, Service::RequestSystemStatus, Job::Upkeep, out);
        }
        self.jobs_lost(now, lost, out);
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
        let Some((asked, statement)) = session.answered(now, status, statement) else { return };
        let Asked { job, is_given_up, .. } = asked;
        let is_done = (200..300).contains(&status) && !matches!(statement, Some(Statement::Error(_)));
        // Silence, or a broken stream: the phone may have heard of it.
        let lost = Lost { job, may_come: matches!(status, 408 | 503) };
        // The phone does not know the session, or is not there.
        if matches!(status, 408 | 481) {
            let mut all = vec![lost];
            all.extend(self.csta.leave(now, place, out));
            return self.session_failed(now, place, (status, None), all, out);
        }
        self.next_service(now, place, out);
        // What did not fit while the phone was silent.
        if self.csta.session(place).is_some_and(|session| session.is_idle() && session.shown.is_none()) {
            self.show_features(now, place, out);
        }
        match is_done {
            true => self.job_done(now, place, job, connection_of(statement), out),
            false if is_given_up => self.refused_late(lost),
            false => self.jobs_lost(now, vec![lost], out),
        }
    }

    /// The phone says something by itself.
    pub(super) fn phone_said(&mut self, now: Instant, place: &Place, statement: Statement, out: &mut Outbox) {
        let Some(session) = self.csta.session(place) else { return };
        if let Some(job) = session.said(now, &statement) {
            if matches!(statement, Statement::Error(_)) {
                return self.jobs_lost(now, vec![Lost { job, may_come: false }], out);
            }
            return self.job_done(now, place, job, connection_of(Some(statement)), out);
        }
        match statement {
            Statement::CallEvent(event) => {
                session.note(&place.0, &event);
                self.made_call_changed(now, place, &event, out);
            }
            Statement::Feature { wish, .. } => self.feature_pressed(now, place, &wish, out),
            Statement::Response { .. }
            | Statement::Error(_)
            | Statement::Status { .. }
            | Statement::Other => {}
        }
    }

    fn job_done(
        &mut self,
        now: Instant,
        place: &Place,
        job: Job,
        connection: Option<Connection>,
        out: &mut Outbox,
    ) {
        match job {
            Job::Upkeep => return,
            Job::Make(id) => self.make_call_taken(now, id, connection, out),
            Job::Clear(id) => self.made.remove(id),
            // That it answers, or takes back, is heard of on the leg.
            Job::Answer(_) | Job::Retrieve(_) => {}
        }
        if let Some(phone) = self.csta.phones.get_mut(place) {
            phone.failures = 0;
        }
    }

    /// What phones were asked for they will not do, or not in time: other ways are gone.
    pub(super) fn jobs_lost(&mut self, now: Instant, all: Vec<Lost>, out: &mut Outbox) {
        for lost in all {
            match lost.job {
                Job::Upkeep | Job::Clear(_) => {}
                Job::Make(id) => self.phone_does_not_make(now, id, lost.may_come, out),
                Job::Answer(id) => self.phone_does_not_answer(now, id, out),
                Job::Retrieve(id) => self.phone_does_not_retrieve(id, out),
            }
        }
    }

    /// A phone refuses what nobody waits for any more.
    fn refused_late(&mut self, lost: Lost) {
        if let (Job::Make(id), false) = (lost.job, lost.may_come) {
            self.made.remove(id);
        }
    }
}

/// The call that a response names.
fn connection_of(statement: Option<Statement>) -> Option<Connection> {
    if let Some(Statement::Response { connection, .. }) = statement { connection } else { None }
}
