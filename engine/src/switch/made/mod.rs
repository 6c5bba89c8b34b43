//! Calls of applications that phones are asked to make themselves (`lineMakeCall`), by CSTA or by REFER.
//!
//! ```text
//!  lineMakeCall ──▶ MakeCall, or REFER ──▶ the phone's own INVITE ──▶ the call of the operation goes on as one of the phone's
//!                       └ refused, or 2 s ──▶ the phone is called, as others are
//! ```
//!
//! A phone that may still call when nobody wants it (the application has dropped the call, or the phone was called in the meantime) is
//! remembered for [`UNWANTED`], and for as long after it has answered a REFER: its INVITE is refused.

mod phone_calls;
mod refer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::UsageId;
use trunkline_sip::outbox::Command;
use trunkline_sip::package::csta::Connection;

use super::Switch;
use super::call::Call;
use super::call_state::DisconnectMode;
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::route::{Source, is_for_help};
use super::status::Failure;
use super::timers::Timer;

pub(super) use phone_calls::MadeByPhone;

/// A phone: its line, and the key of its binding.
pub(super) type Place = (Arc<str>, Arc<str>);

/// How long a phone that was asked may take to call.
pub(super) const CALLING: Duration = Duration::from_secs(20);

/// How long a phone may take to answer what it is asked, before another way is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How long a call that nobody wants any more is refused to the phone that was asked to make it.
const UNWANTED: Duration = Duration::from_secs(20);

/// Calls that phones are asked to make at a time. For further ones the phone is called.
const MADE_MAX: usize = 10_000;

/// A call that a phone was asked to make.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Made {
    place: Place,
    number: String,
    /// What the phone says that it has dialled for it.
    dialled: Option<String>,
    /// The phone's name of it, once it has said so.
    connection: Option<Connection>,
    /// The REFER that asks for it.
    referral: Option<UsageId>,
    /// Whether it is known what became of the REFER: copies of it may be under way before.
    is_answered: bool,
    /// Nobody wants it, and until then the phone may make it.
    may_come_until: Option<Instant>,
    /// Whether the phone was asked already: it makes none before.
    is_asked: bool,
    /// Whether it said that it will.
    is_taken: bool,
    /// Whether nobody wants it any more.
    is_unwanted: bool,
}

/// Calls that phones were asked to make, until they do.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct MadeCalls {
    by_id: BTreeMap<CallId, Made>,
    by_line: BTreeSet<(Arc<str>, CallId)>,
    by_referral: BTreeMap<UsageId, CallId>,
    /// Those whose REFER is not answered, perhaps, the first to give up first.
    referred: VecDeque<(Instant, CallId)>,
    /// Those that nobody wants, the first to forget first.
    unwanted: VecDeque<(Instant, CallId)>,
}

impl MadeCalls {
    fn insert(&mut self, id: CallId, made: Made) {
        self.by_line.insert((Arc::clone(&made.place.0), id));
        if let Some(referral) = made.referral {
            self.by_referral.insert(referral, id);
        }
        self.by_id.insert(id, made);
    }

    /// It is made, or will not be.
    pub(super) fn remove(&mut self, id: CallId) {
        let Some(made) = self.by_id.remove(&id) else { return };
        self.by_line.remove(&(made.place.0, id));
        if let Some(referral) = made.referral {
            self.by_referral.remove(&referral);
        }
    }

    /// The phone is asked for it.
    pub(super) fn ask(&mut self, id: CallId) {
        if let Some(made) = self.by_id.get_mut(&id) {
            made.is_asked = true;
        }
    }

    /// The phone will make it, and calls it so; whether nobody wants that any more.
    pub(super) fn take(&mut self, id: CallId, connection: Option<Connection>) -> Option<bool> {
        let made = self.by_id.get_mut(&id)?;
        made.connection = connection.or_else(|| made.connection.take());
        made.is_taken = true;
        Some(made.is_unwanted)
    }

    /// The phone says what it dials for it.
    pub(super) fn dials(&mut self, id: CallId, number: &str) {
        if let Some(made) = self.by_id.get_mut(&id) {
            made.dialled = Some(number.to_owned());
        }
    }

    /// The phone, and its name of the call, once it has said so.
    pub(super) fn named(&self, id: CallId) -> Option<(&Place, &Connection)> {
        let made = self.by_id.get(&id)?;
        Some((&made.place, made.connection.as_ref()?))
    }

    /// The call that this phone calls so.
    pub(super) fn by_name(&self, place: &Place, call: &str) -> Option<CallId> {
        let is_it = |made: &Made| {
            made.place == *place && made.connection.as_ref().is_some_and(|known| known.call == call)
        };
        self.of_line(&place.0).find(|(_, made)| is_it(made)).map(|(id, _)| id)
    }

    /// Whether the phone is still to make it.
    pub(super) fn is_wanted(&self, id: CallId) -> bool {
        self.by_id.get(&id).is_some_and(|made| !made.is_unwanted)
    }

    /// Nobody wants it any more; the REFER that asks for it.
    fn leave(&mut self, now: Instant, id: CallId) -> Option<UsageId> {
        let made = self.by_id.get_mut(&id).filter(|made| !made.is_unwanted)?;
        made.is_unwanted = true;
        self.unwanted.push_back((now + UNWANTED, id));
        made.referral
    }

    /// It is known what became of the REFER.
    fn referral_answered(&mut self, now: Instant, id: CallId) {
        if let Some(made) = self.by_id.get_mut(&id) {
            (made.is_answered, made.may_come_until) = (true, Some(now + UNWANTED));
        }
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let first = |queue: &VecDeque<(Instant, CallId)>| queue.front().map(|(at, _)| *at);
        first(&self.unwanted).into_iter().chain(first(&self.referred)).min()
    }

    fn of_line(&self, line: &Arc<str>) -> impl Iterator<Item = (CallId, &Made)> {
        let from = (Arc::clone(line), CallId(0));
        let ids = self.by_line.range(from..).take_while(move |(of, _)| of == line);
        ids.filter_map(|(_, id)| self.by_id.get(id).map(|made| (*id, made)))
    }
}

impl Made {
    /// Whether the phone may make what nobody wants any more.
    fn may_come(&self, now: Instant) -> bool {
        let is_under_way = self.referral.is_some() && !self.is_answered;
        is_under_way || self.may_come_until.is_some_and(|until| until > now)
    }
}

impl Switch {
    /// Has the phone of a line that was heard of last make the call; `false`: it cannot be asked.
    pub(super) fn make_by_phone(&mut self, now: Instant, id: CallId, number: &str, out: &mut Outbox) -> bool {
        let Some(line) = self.calls.get(&id).map(|call| Arc::clone(&call.line)) else { return false };
        let Some(binding) = self.location.bindings(&line, now).pop() else { return false };
        // The phone would perhaps ask its user first, or be silent for a while.
        let is_for_help = is_for_help(&self.setup.routes, Source::Line, number);
        if is_for_help || self.made.by_id.len() >= MADE_MAX {
            return false;
        }
        let place = (line, Arc::clone(&binding.key));
        self.make_by_csta(now, id, &place, number, out)
            || self.make_by_refer(now, id, &place, &binding, number, out)
    }

    /// The phone is about to be asked.
    pub(super) fn note_made(
        &mut self,
        now: Instant,
        id: CallId,
        place: &Place,
        number: &str,
        referral: Option<UsageId>,
    ) {
        let made = Made {
            place: place.clone(),
            number: number.to_owned(),
            dialled: None,
            connection: None,
            referral,
            is_answered: false,
            may_come_until: None,
            is_asked: referral.is_some(),
            is_taken: false,
            is_unwanted: false,
        };
        self.made.insert(id, made);
        self.timers.start(id, Timer::Ring, now + self.setup.ring_max);
    }

    /// The phone has said that it will call; whether anybody wants that still.
    pub(super) fn phone_makes(&mut self, now: Instant, id: CallId, connection: Option<Connection>) -> bool {
        let is_wanted = self.made.take(id, connection) == Some(false);
        if is_wanted {
            self.timers.start(id, Timer::Ring, now + CALLING);
        }
        is_wanted
    }

    /// The phone will not call, or takes too long to say so: it is called, as others are.
    pub(super) fn phone_does_not_make(&mut self, now: Instant, id: CallId, may_come: bool, out: &mut Outbox) {
        let is_wanted = self.made.is_wanted(id);
        if may_come {
            self.leave_to_phone(now, id, out);
        } else {
            self.made.remove(id);
        }
        let waits = |call: &&Call| call.is_alive() && call.leg.is_none() && call.ring.is_none();
        let shown = self.calls.get(&id).filter(waits).map(|call| call.called.clone());
        if let (Some(shown), true) = (shown, is_wanted) {
            self.ring_own_phone(now, id, &shown, out);
        }
    }

    /// The phone had said that it will call, and does not.
    pub(super) fn phone_gives_up(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let is_wanted = self.made.is_wanted(id);
        self.made.remove(id);
        if is_wanted {
            let parting = Parting::because(&Failure::local(480));
            self.over(now, id, CallReport::Disconnected(DisconnectMode::Unavail), &parting, out);
        }
    }

    /// A call that a phone was asked to make is over before the phone has called.
    pub(super) fn settle_made(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let is_alive = self.calls.get(&id).is_some_and(Call::is_alive);
        let Some(made) = self.made.by_id.get(&id).filter(|made| !is_alive && !made.is_unwanted) else {
            return;
        };
        let place = made.place.clone();
        if self.withdraw_from_phone(id, &place) {
            return self.made.remove(id);
        }
        self.leave_to_phone(now, id, out);
        self.clear_by_csta(now, id, out);
    }

    /// Nobody wants a call any more that the phone may still make.
    fn leave_to_phone(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if let Some(referral) = self.made.leave(now, id) {
            out.sip.push(Command::Withdraw(referral));
        }
    }

    /// Does what is due.
    pub(super) fn made_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((_, id)) = self.made.unwanted.pop_front_if(|(at, _)| *at <= now) {
            if self.made.by_id.get(&id).is_some_and(|made| made.may_come(now)) {
                self.made.unwanted.push_back((now + UNWANTED, id));
            } else {
                self.made.remove(id);
            }
        }
        while let Some((_, id)) = self.made.referred.pop_front_if(|(at, _)| *at <= now) {
            self.referral_is_late(now, id, out);
        }
    }
}
