//! Phones that are told what to do by CSTA (ECMA-323 by SIP, ECMA TR/87): a session with each, which has no media.
//!
//! ```text
//!  registered, User-Agent of a row with csta ──▶ due ──▶ Invite ──2xx──▶ open: MonitorStart, services, events
//!                                                 ▲         │                │ refused INFO 481, silence, BYE
//!                                                 └─ pause ─┴────────────────┘
//! ```
//!
//! - Whom to ask is said by rows of `[[vendor]]`: the INVITE names no media, and a phone that is not set up for it could ring.
//!   One that does is left at once and not asked again before a quarter of an hour has passed, as one that refuses.
//! - A phone without a session is asked as others are: by NOTIFY `talk`, or by a call that it is to answer by itself.
//! - A session is quiet mostly: after five minutes the phone is asked for its status, so that one that was restarted is found.
//! - Sessions do not outlive the process. Those of a process that was killed are ended by the next one.

mod answer;
mod features;
mod make;
mod retrieve;
mod services;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use trunkline_sip::LegId;
use trunkline_sip::location::Binding;
use trunkline_sip::outbox::{Cause, Command, Event, Invite, Party};
use trunkline_sip::package::csta::Statement;

use super::Switch;
use super::call::MAX_FORWARDS;
use super::made::{PATIENCE, Place};
use super::outbound::SERIALS;
use super::outbox::Outbox;
use super::ring::contact;
use super::setup::LineKind;
use super::vendor;

use session::{Lost, Session};

/// Phones that are asked, those included that refused. Further ones are not.
pub(super) const PHONES_MAX: usize = 10_000;

/// Between one session and the next, so that a start floods nobody.
const APART: Duration = Duration::from_millis(10);

/// How long a phone that registered has until it is asked: it is busy starting.
const SETTLED: Duration = Duration::from_secs(1);

/// How long a phone may take to answer the INVITE.
const ANSWER: Duration = Duration::from_secs(5);

/// The first pause after one that was silent or hung up.
const PAUSE_MIN: Duration = Duration::from_secs(30);

/// Who refused is not asked again before.
const REFUSED: Duration = Duration::from_secs(1_800);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// After this long without a word the phone is asked for its status.
const QUIET: Duration = Duration::from_secs(300);

/// Lines whose phones are looked at in one go.
const SWEPT_AT_ONCE: usize = 256;

/// What phones are asked for by CSTA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CstaUse {
    /// To call for an application.
    MakeCall,
    /// To answer for an application.
    Answer,
    /// To take back for an application what its user holds.
    Retrieve,
    /// To show do not disturb and forwarding as the line has them, and to say when its keys change them.
    Features,
}

impl CstaUse {
    /// Each with its word in the configuration.
    pub const ALL: [(&str, Self); 4] = [
        ("make-call", Self::MakeCall),
        ("answer", Self::Answer),
        ("retrieve", Self::Retrieve),
        ("features", Self::Features),
    ];
}

/// What the log is told of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CstaNote {
    /// The line.
    pub line: Arc<str>,
    /// The Contact of the phone.
    pub contact: String,
    /// `None`: the session is there. Else the status of the refusal, 408 for silence, zero where the phone hung up.
    pub failure: Option<u16>,
}

/// All phones that rows of the configuration say are told by CSTA.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Sessions {
    phones: BTreeMap<Place, Phone>,
    by_leg: BTreeMap<LegId, Place>,
    /// Phones to ask for a session.
    due: BTreeSet<(Instant, Place)>,
    /// None before.
    not_before: Option<Instant>,
    /// When something of an open session is due.
    watch: BTreeSet<(Instant, LegId)>,
    /// Sessions that we ended and whose end was not confirmed.
    leaving: BTreeSet<LegId>,
    /// When the phones of further lines are looked at, and how many lines were.
    sweep: Option<(Instant, usize)>,
    /// Sessions that are open.
    open: usize,
    /// Lines whose features have changed since their phones were told.
    changed: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Phone {
    binding: Arc<Binding>,
    uses: Vec<CstaUse>,
    state: State,
    /// Sessions that failed since one was of use.
    failures: u32,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum State {
    /// It is asked when it is due.
    Resting(Instant),
    /// It was sent an INVITE; whether its answer says that it does not serve.
    Asked(LegId, bool),
    Open(Box<Session>),
}

impl Sessions {
    /// Those of a start: whoever is registered is looked at.
    pub(super) fn new(rows: &[vendor::VendorSetup], now: Instant) -> Self {
        Self { sweep: vendor::uses_csta(rows).then_some((now, 0)), ..Self::default() }
    }

    /// Whether the leg is that of a session.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.by_leg.contains_key(&leg) || self.leaving.contains(&leg)
    }

    /// How many are open.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// Phones that are known.
    #[cfg(test)]
    pub(super) fn phones(&self) -> usize {
        self.phones.len()
    }

    /// How many are being ended.
    pub(super) fn leaving(&self) -> usize {
        self.leaving.len()
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| self.not_before.map_or(*at, |free| free.max(*at)));
        let watch = self.watch.first().map(|(at, _)| *at);
        let sweep = self.sweep.map(|(at, _)| at);
        due.into_iter().chain(watch).chain(sweep).min()
    }

    fn take_due(&mut self, now: Instant) -> Option<Place> {
        let (at, _) = self.due.first()?;
        if self.not_before.map_or(*at, |free| free.max(*at)) > now {
            return None;
        }
        self.not_before = Some(now + APART);
        self.due.pop_first().map(|(_, place)| place)
    }

    /// The phones of a line.
    fn of_line(&self, line: &Arc<str>) -> Vec<Place> {
        let from = (Arc::clone(line), Arc::from(""));
        self.phones.range(from..).map(|(place, _)| place).take_while(|(of, _)| of == line).cloned().collect()
    }

    /// The open session of a phone, to look at.
    fn look(&self, place: &Place) -> Option<&Session> {
        match &self.phones.get(place)?.state {
            State::Open(session) => Some(session),
            State::Resting(_) | State::Asked(..) => None,
        }
    }

    /// The open session of a phone.
    fn session(&mut self, place: &Place) -> Option<&mut Session> {
        match &mut self.phones.get_mut(place)?.state {
            State::Open(session) => Some(session),
            State::Resting(_) | State::Asked(..) => None,
        }
    }

    /// Ends whatever there is with a phone; what was asked of it and not answered.
    fn leave(&mut self, now: Instant, place: &Place, out: &mut Outbox) -> Vec<Lost> {
        let (leg, lost) = self.close(now, place);
        if let Some(leg) = leg {
            self.leaving.insert(leg);
            out.sip.push(Command::End(leg, None));
        }
        lost
    }

    /// Forgets the session with a phone: its leg, and what was asked in it and not answered.
    fn close(&mut self, now: Instant, place: &Place) -> (Option<LegId>, Vec<Lost>) {
        let Some(phone) = self.phones.get_mut(place) else { return (None, Vec::new()) };
        let (leg, lost) = match std::mem::replace(&mut phone.state, State::Resting(phone.binding.expires)) {
            State::Resting(at) => {
                self.due.remove(&(at, place.clone()));
                return (None, Vec::new());
            }
            State::Asked(leg, _) => (leg, Vec::new()),
            State::Open(mut session) => {
                // One that has lasted was of use.
                if now.saturating_duration_since(session.opened_at) >= QUIET {
                    phone.failures = 0;
                }
                self.open -= 1;
                self.watch.remove(&(session.watched_at, session.leg));
                (session.leg, session.lost())
            }
        };
        self.by_leg.remove(&leg);
        (Some(leg), lost)
    }

    /// Asks the phone when it is time.
    fn rest(&mut self, place: &Place, at: Instant) {
        if let Some(phone) = self.phones.get_mut(place) {
            phone.state = State::Resting(at);
            self.due.insert((at, place.clone()));
        }
    }
}

impl Switch {
    /// How many sessions about CSTA are being ended.
    pub fn csta_leaving(&self) -> usize {
        self.csta.leaving()
    }

    /// After a change of the configuration all phones are looked at.
    pub(super) fn revisit_csta(&mut self, now: Instant) {
        let is_used = vendor::uses_csta(&self.setup.vendors) || !self.csta.phones.is_empty();
        if is_used && !self.draining {
            self.csta.sweep = Some((now, 0));
        }
    }

    /// The engine ends: phones are told.
    pub(super) fn leave_csta(&mut self, now: Instant, out: &mut Outbox) {
        let places: Vec<_> = self.csta.phones.keys().cloned().collect();
        for place in places {
            self.part_from_phone(now, &place, out);
        }
        self.csta.sweep = None;
    }

    /// The phones of a line have changed.
    pub(super) fn look_at_phones(&mut self, now: Instant, line: &Arc<str>, out: &mut Outbox) {
        let is_unused = !vendor::uses_csta(&self.setup.vendors) && self.csta.phones.is_empty();
        if self.draining || is_unused {
            return;
        }
        let is_phone = self.lines.get(line).is_some_and(|line| line.kind == LineKind::Phone);
        let bindings = if is_phone { self.location.bindings(line, now) } else { Vec::new() };
        let wanted: Vec<_> = bindings
            .into_iter()
            .filter_map(|binding| {
                let uses = vendor::csta(&self.setup.vendors, &binding.user_agent);
                (!uses.is_empty()).then(|| (binding, uses.to_vec()))
            })
            .collect();
        let from = (Arc::clone(line), Arc::from(""));
        let known = self.csta.phones.range(from..).take_while(|((of, _), _)| of == line);
        let is_gone = |phone: &Phone| {
            !wanted.iter().any(|(binding, uses)| {
                (&binding.key, &binding.contact, uses)
                    == (&phone.binding.key, &phone.binding.contact, &phone.uses)
            })
        };
        let gone: Vec<_> =
            known.filter(|(_, phone)| is_gone(phone)).map(|(place, _)| place.clone()).collect();
        for place in gone {
            self.part_from_phone(now, &place, out);
        }
        for (binding, uses) in wanted {
            let place = (Arc::clone(line), Arc::clone(&binding.key));
            if self.csta.phones.contains_key(&place) || self.csta.phones.len() >= PHONES_MAX {
                continue;
            }
            let at = now + SETTLED;
            let phone = Phone { binding, uses, state: State::Resting(at), failures: 0 };
            self.csta.phones.insert(place.clone(), phone);
            self.csta.due.insert((at, place));
        }
    }

    /// The phone is not told by CSTA any more.
    fn part_from_phone(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        let lost = self.csta.leave(now, place, out);
        self.csta.phones.remove(place);
        self.jobs_lost(now, lost, out);
    }

    /// Does what is due.
    pub(super) fn csta_due(&mut self, now: Instant, out: &mut Outbox) {
        if let Some((_, from)) = self.csta.sweep.take_if(|(at, _)| *at <= now) {
            self.sweep_phones(now, from, out);
        }
        while let Some(place) = self.csta.take_due(now) {
            self.ask_for_session(now, &place, out);
        }
        while let Some((_, leg)) = self.csta.watch.first().copied().filter(|(at, _)| *at <= now) {
            self.csta.watch.pop_first();
            self.session_due(now, leg, out);
        }
    }

    /// Looks at the phones of the next lines, in the order of the configuration.
    fn sweep_phones(&mut self, now: Instant, from: usize, out: &mut Outbox) {
        if from == 0 {
            let is_gone = |place: &&Place| self.lines.get(&place.0).is_none();
            let gone: Vec<_> = self.csta.phones.keys().filter(is_gone).cloned().collect();
            for place in gone {
                self.part_from_phone(now, &place, out);
            }
        }
        let lines: Vec<Arc<str>> = self.lines.some(from, SWEPT_AT_ONCE).to_vec();
        if lines.len() == SWEPT_AT_ONCE {
            self.csta.sweep = Some((now + APART, from + SWEPT_AT_ONCE));
        }
        for line in lines {
            self.look_at_phones(now, &line, out);
        }
    }

    fn ask_for_session(&mut self, now: Instant, place: &Place, out: &mut Outbox) {
        let (line, key) = place;
        let bindings = self.location.bindings(line, now);
        let Some(binding) = bindings.into_iter().find(|binding| binding.key == *key) else {
            self.csta.phones.remove(place);
            return;
        };
        let leg = LegId::new(self.next_sip_worker(), self.next_leg);
        self.next_leg = (self.next_leg + 1) % SERIALS;
        let name = self.lines.name(line);
        let itself = Party { user: line.to_string(), host: self.setup.domain.clone(), name };
        let target = contact(&binding).target;
        let Some(phone) = self.csta.phones.get_mut(place) else { return };
        phone.binding = binding;
        phone.state = State::Asked(leg, false);
        self.csta.by_leg.insert(leg, place.clone());
        let invite = Invite {
            target,
            from: itself.clone(),
            to: itself,
            is_csta: true,
            offer: None,
            max_forwards: MAX_FORWARDS,
            headers: Vec::new(),
            credentials: None,
            timeout: ANSWER,
            patience: None,
            progress: None,
        };
        out.sip.push(Command::Invite(leg, Box::new(invite)));
    }

    /// What an agent tells of a session.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a session has no media")]
    pub(super) fn csta_event(&mut self, now: Instant, leg: LegId, event: Event, out: &mut Outbox) {
        let Some(place) = self.csta.by_leg.get(&leg).cloned() else {
            if event.ends_leg() {
                self.csta.leaving.remove(&leg);
            }
            return;
        };
        match event {
            Event::Progress { status: 180..=183, .. } => {
                // It rings.
                let lost = self.csta.leave(now, &place, out);
                self.session_failed(now, &place, (488, None), lost, out);
            }
            Event::Csta { statement, .. } => {
                let is_refusal = matches!(
                    &*statement,
                    Statement::Error(_) | Statement::Response { is_disabled: true, .. }
                );
                match self.csta.phones.get_mut(&place).map(|phone| &mut phone.state) {
                    Some(State::Asked(_, is_refused)) => *is_refused |= is_refusal,
                    Some(State::Open(_)) => self.phone_said(now, &place, *statement, out),
                    Some(State::Resting(_)) | None => {}
                }
            }
            Event::Answered { .. } => self.session_answered(now, leg, &place, out),
            Event::CstaAnswered { status, statement, .. } => {
                self.service_answered(now, &place, status, statement.map(|said| *said), out);
            }
            Event::Failed { cause, retry_after_s, .. } => {
                self.session_over(now, &place, &cause, retry_after_s, out);
            }
            Event::Ended { cause, .. } => self.session_over(now, &place, &cause, None, out),
            _ => {}
        }
    }

    fn session_answered(&mut self, now: Instant, leg: LegId, place: &Place, out: &mut Outbox) {
        let Some(phone) = self.csta.phones.get_mut(place) else { return };
        if matches!(phone.state, State::Asked(_, true)) {
            let lost = self.csta.leave(now, place, out);
            return self.session_failed(now, place, (488, None), lost, out);
        }
        let at = now + QUIET;
        phone.state = State::Open(Box::new(Session::new(leg, now, at)));
        self.csta.open += 1;
        let (line, contact) = (Arc::clone(&place.0), phone.binding.contact.to_string());
        out.csta.push(CstaNote { line, contact, failure: None });
        self.csta.watch.insert((at, leg));
        self.watch_calls(now, place, out);
        self.show_features(now, place, out);
    }

    /// The phone refused the session, hung up, or was silent.
    fn session_over(
        &mut self,
        now: Instant,
        place: &Place,
        cause: &Cause,
        retry_after_s: Option<u32>,
        out: &mut Outbox,
    ) {
        let (_, lost) = self.csta.close(now, place);
        self.session_failed(now, place, (cause.status, retry_after_s), lost, out);
    }

    /// There is no session with the phone: it is asked again after a pause.
    fn session_failed(
        &mut self,
        now: Instant,
        place: &Place,
        (status, retry_after_s): (u16, Option<u32>),
        lost: Vec<Lost>,
        out: &mut Outbox,
    ) {
        let Some(phone) = self.csta.phones.get_mut(place) else { return };
        // Of the moment: silence, no room, a phone that starts again.
        let is_passing = matches!(status, 0..=299 | 408 | 480 | 481 | 491 | 500 | 503 | 504);
        let least = if is_passing { PAUSE_MIN } else { REFUSED };
        let pause = least.saturating_mul(2_u32.saturating_pow(phone.failures)).min(PAUSE_MAX);
        phone.failures = phone.failures.saturating_add(1);
        // Who failed together does not come back together.
        let pause = pause * self.rng.random_range(50..=100) / 100;
        let wanted = Duration::from_secs(retry_after_s.unwrap_or_default().into()).min(PAUSE_MAX);
        let (line, contact) = (Arc::clone(&place.0), phone.binding.contact.to_string());
        out.csta.push(CstaNote { line, contact, failure: Some(status) });
        self.csta.rest(place, now + pause.max(wanted));
        self.jobs_lost(now, lost, out);
    }
}
