//! Trunks that register: where, when again, and who hears that they are in service (RFC 3261 §10.2).
//!
//! ```text
//!  due ──▶ Register at a peer ──Registered──▶ in service ⟲ refreshed by the agent
//!   ▲                 └──────RegistrationOver──────┴──▶ the next peer at once, else a pause ──┐
//!   └─────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! - A peer that does not answer, or is broken, is followed by the next one. When all were asked, or one refused for good, a pause
//!   follows: it doubles from [`PAUSE_MIN`] to [`PAUSE_MAX`], a part of it is random, and a Retry-After is waited for. Who refused
//!   for good (403, a wrong password) is not asked again before [`REFUSED_MIN`].
//! - Where a registration is changed, its end is told first and waited for, [`LEAVING`] at most: a registrar that took it for later than
//!   the new one would take that back, for both name one Contact.
//! - All registrations of a trunk are made by one worker, chosen by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::quality::FixedState;
use rand::Rng;
use rand::rngs::StdRng;
use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Party, Register};
use trunkline_sip::transport::Transport;

use super::Switch;
use super::outbound::peers;
use super::outbox::Outbox;
use super::setup::{Setup, TrunkSetup};
use super::view::RegistrationView;

/// Between one registration and the next, so that a start floods nobody.
const APART: Duration = Duration::from_millis(50);

/// The first pause after all peers failed.
const PAUSE_MIN: Duration = Duration::from_secs(30);

/// The longest pause (RFC 5626 §4.5).
const PAUSE_MAX: Duration = Duration::from_secs(1800);

/// When it is looked again whether name servers have said where a trunk is.
const LOCATED_AGAIN: Duration = Duration::from_secs(5);

/// Who refused for good is not asked again before.
const REFUSED_MIN: Duration = Duration::from_secs(600);

/// How long a new registration waits for the end of the one before: a registrar that lives has answered by then.
const LEAVING: Duration = Duration::from_secs(4);

/// No Retry-After is waited for longer than this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Spreads trunks over the workers.
const SPREAD: FixedState = FixedState::with_seed(0x7265_6769_7374_6572);

/// The registrations of all trunks.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Registrations {
    by_trunk: BTreeMap<Arc<str>, Standing>,
    /// Trunks to register.
    due: BTreeSet<(Instant, Arc<str>)>,
    /// No registration before.
    not_before: Option<Instant>,
    /// Registrations that are being ended.
    leaving: BTreeMap<UsageId, Leaving>,
}

/// A registration that is being ended.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Leaving {
    trunk: Arc<str>,
    record: Option<Record>,
    /// Until when the next one of this trunk, or of this address of record, waits.
    until: Instant,
}

/// An address of record: user and host.
type Record = (String, String);

/// That of a trunk.
fn record(trunk: &TrunkSetup) -> Option<Record> {
    Some((trunk.registration.as_ref()?.user.clone(), trunk.domain.clone()))
}

/// How a trunk stands with its registrar.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
struct Standing {
    usage: Option<UsageId>,
    /// What it registers, or did last.
    record: Option<Record>,
    /// Where it is registered, or was asked last.
    peer: Option<(Transport, SocketAddr)>,
    /// Which peer is asked next.
    place: usize,
    /// Peers that failed since the last success or pause.
    failed_peers: usize,
    /// Pauses since the last success.
    pauses: u32,
    /// Since when it is registered.
    since: Option<Instant>,
    /// Until when, if it is not refreshed.
    until: Option<Instant>,
    service_route: Vec<String>,
    /// What failed last: the status, and when.
    failure: Option<(u16, Instant)>,
}

impl Registrations {
    /// Those of a start: all are due.
    pub(super) fn new(setup: &Setup, now: Instant) -> Self {
        let registering = setup.trunks.iter().filter(|trunk| trunk.registration.is_some());
        let names = || registering.clone().map(|trunk| Arc::clone(&trunk.name));
        Self {
            by_trunk: names().map(|name| (name, Standing::default())).collect(),
            due: names().map(|name| (now, name)).collect(),
            ..Self::default()
        }
    }

    /// When the next trunk is registered.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| self.not_before.map_or(*at, |free| free.max(*at)))
    }

    fn take_due(&mut self, now: Instant) -> Option<Arc<str>> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        self.not_before = Some(now + APART);
        self.due.pop_first().map(|(_, name)| name)
    }

    /// How many are being ended.
    pub(super) fn leaving(&self) -> usize {
        self.leaving.len()
    }

    /// Where a trunk is registered, and the way that calls out are to take there.
    pub(super) fn way_of(&self, trunk: &str) -> Option<((Transport, SocketAddr), &[String])> {
        let standing = self.by_trunk.get(trunk).filter(|standing| standing.since.is_some())?;
        Some((standing.peer?, &standing.service_route))
    }

    /// Until when the next registration of a trunk waits for the end of one before, if it does: of its own, or where another trunk
    /// registered the same, as it did itself by another name.
    fn waits_until(&self, trunk: &str, record: Option<&Record>, now: Instant) -> Option<Instant> {
        let is_before = |leaving: &&Leaving| {
            *leaving.trunk == *trunk || record.is_some() && leaving.record.as_ref() == record
        };
        let ends = self.leaving.values().filter(is_before).map(|leaving| leaving.until);
        ends.filter(|until| *until > now).max()
    }

    /// Ends the registration of a trunk, if it has or wants one; whether it was registered.
    fn leave(&mut self, now: Instant, trunk: &Arc<str>, out: &mut Outbox) -> bool {
        self.due.retain(|(_, name)| name != trunk);
        let Some(standing) = self.by_trunk.get_mut(trunk) else { return false };
        if let Some(usage) = standing.usage.take() {
            let (trunk, record) = (Arc::clone(trunk), standing.record.clone());
            self.leaving.insert(usage, Leaving { trunk, record, until: now + LEAVING });
            out.sip.push(Command::Unregister(usage));
        }
        standing.until = None;
        standing.since.take().is_some()
    }
}

impl Standing {
    /// A REGISTER failed: when to try again.
    fn fail(
        &mut self,
        now: Instant,
        status: u16,
        retry_after_s: Option<u32>,
        peers: usize,
        rng: &mut StdRng,
    ) -> Instant {
        self.failure = Some((status, now));
        (self.usage, self.since, self.until) = (None, None, None);
        self.place = self.place.wrapping_add(1);
        let is_of_the_peer = matches!(status, 408 | 500 | 502..=504);
        self.failed_peers += 1;
        if is_of_the_peer && self.failed_peers < peers {
            return now;
        }
        self.failed_peers = 0;
        let least = if is_of_the_peer || status == 423 { PAUSE_MIN } else { REFUSED_MIN };
        let pause = least.saturating_mul(2_u32.saturating_pow(self.pauses)).min(PAUSE_MAX);
        self.pauses = self.pauses.saturating_add(1);
        // Who failed together does not come back together.
        let pause = pause * rng.random_range(50..=100) / 100;
        let wanted = Duration::from_secs(retry_after_s.unwrap_or_default().into()).min(RETRY_AFTER_MAX);
        now + pause.max(wanted)
    }
}

impl Switch {
    /// Whether a trunk is registered where it has to be.
    pub(super) fn is_registered(&self, trunk: &TrunkSetup) -> bool {
        trunk.registration.is_none() || self.registrations.way_of(&trunk.name).is_some()
    }

    /// Registers the trunks whose turn it is.
    pub(super) fn registrations_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(name) = self.registrations.take_due(now) {
            let record = self.trunk(&name).and_then(record);
            if let Some(until) = self.registrations.waits_until(&name, record.as_ref(), now) {
                self.registrations.due.insert((until, name));
                continue;
            }
            let Some((register, peer)) = self.registration_of(&name) else {
                // Name servers have not said yet where it is.
                if self.registrations.by_trunk.contains_key(&name) {
                    self.registrations.due.insert((now + LOCATED_AGAIN, name));
                }
                continue;
            };
            let worker = SPREAD.hash_one(&*name) % u64::from(self.setup.sip_workers.max(1));
            let usage = self.usage_of(u16::try_from(worker).unwrap_or_default());
            if let Some(standing) = self.registrations.by_trunk.get_mut(&name) {
                (standing.usage, standing.peer, standing.record) = (Some(usage), Some(peer), record);
                out.sip.push(Command::Register(usage, Box::new(register)));
            }
        }
    }

    fn registration_of(&self, name: &str) -> Option<(Register, (Transport, SocketAddr))> {
        let trunk = self.trunk(name)?;
        let registration = trunk.registration.as_ref()?;
        let place = self.registrations.by_trunk.get(name)?.place;
        let mut places: Vec<_> = peers(trunk, &trunk.peers, "").into_iter().flatten().collect();
        let place = place.checked_rem(places.len())?;
        let target = places.swap_remove(place).target;
        let peer = (target.flow.transport, target.flow.remote);
        let record =
            Party { user: registration.user.clone(), host: trunk.domain.clone(), name: String::new() };
        let register = Register {
            trunk: Arc::clone(&trunk.name),
            target,
            record,
            contact: registration.contact.to_string(),
            expires: registration.expires,
            credentials: trunk.credentials.clone(),
        };
        Some((register, peer))
    }

    /// A trunk is registered, or was refreshed.
    pub(super) fn trunk_registered(
        &mut self,
        now: Instant,
        (usage, trunk): (UsageId, &str),
        expires: Duration,
        service_route: Vec<String>,
        out: &mut Outbox,
    ) {
        let Some(standing) = self.registrations.by_trunk.get_mut(trunk) else { return };
        if standing.usage != Some(usage) {
            return;
        }
        (standing.failed_peers, standing.pauses) = (0, 0);
        standing.until = Some(now + expires);
        standing.service_route = service_route;
        if standing.since.is_none() {
            standing.since = Some(now);
            self.tell_registered(trunk, "inservice", out);
        }
    }

    /// A registration is over, as we wanted, or since it failed.
    pub(super) fn trunk_unregistered(
        &mut self,
        now: Instant,
        (usage, trunk): (UsageId, &Arc<str>),
        status: u16,
        retry_after_s: Option<u32>,
        out: &mut Outbox,
    ) {
        if let Some(Leaving { until, .. }) = self.registrations.leaving.remove(&usage) {
            // Who waited for that need not wait any more; who waits for another as well will.
            let due = std::mem::take(&mut self.registrations.due).into_iter();
            self.registrations.due =
                due.map(|(at, name)| (if at == until { now } else { at }, name)).collect();
            return;
        }
        let count = self.trunk(trunk).map_or(0, |trunk| trunk.peers.len());
        let Some(standing) = self.registrations.by_trunk.get_mut(trunk) else { return };
        if standing.usage != Some(usage) {
            return;
        }
        let was_registered = standing.since.is_some();
        let again = standing.fail(now, status, retry_after_s, count, &mut self.rng);
        self.registrations.due.insert((again, Arc::clone(trunk)));
        if was_registered {
            self.tell_registered(trunk, "outofservice", out);
        }
    }

    /// After a change of the configuration: what it has no more, or otherwise, is left; what is new is registered.
    pub(super) fn revisit_registrations(&mut self, now: Instant, before: &Setup, out: &mut Outbox) {
        let setup = Arc::clone(&self.setup);
        let known: Vec<_> = self.registrations.by_trunk.keys().cloned().collect();
        for name in known {
            let is_same = place(before, &name) == place(&setup, &name);
            if !is_same || self.draining {
                let was_registered = self.registrations.leave(now, &name, out);
                self.registrations.by_trunk.remove(&name);
                if was_registered {
                    self.tell_registered(&name, "outofservice", out);
                }
            }
        }
        if self.draining {
            return;
        }
        for trunk in setup.trunks.iter().filter(|trunk| trunk.registration.is_some()) {
            if !self.registrations.by_trunk.contains_key(&trunk.name) {
                self.registrations.by_trunk.insert(Arc::clone(&trunk.name), Standing::default());
                self.registrations.due.insert((now, Arc::clone(&trunk.name)));
            }
        }
    }

    /// Name servers say where trunks are: who is registered where his trunk no longer is registers anew. Nobody there is asked for
    /// calls or told a password any more.
    pub(super) fn registrars_moved(&mut self, now: Instant, out: &mut Outbox) {
        let setup = Arc::clone(&self.setup);
        for trunk in setup.trunks.iter().filter(|trunk| trunk.registration.is_some()) {
            let standing = self.registrations.by_trunk.get(&trunk.name);
            let at = standing.and_then(|standing| standing.usage.and(standing.peer));
            if self.draining || at.is_none_or(|at| trunk.peers.contains(&at)) {
                continue;
            }
            if self.registrations.leave(now, &trunk.name, out) {
                self.tell_registered(&trunk.name, "outofservice", out);
            }
            self.registrations.due.insert((now, Arc::clone(&trunk.name)));
        }
    }

    /// The engine ends: carriers are told, so that they send their calls elsewhere.
    pub(super) fn leave_registrars(&mut self, out: &mut Outbox) {
        let known: Vec<_> = self.registrations.by_trunk.keys().cloned().collect();
        for name in known {
            if self.registrations.leave(self.now, &name, out) {
                self.tell_registered(&name, "outofservice", out);
            }
        }
    }

    /// How many registrations at carriers are being ended.
    pub fn registrations_leaving(&self) -> usize {
        self.registrations.leaving()
    }

    pub(super) fn registration_view(&self, trunk: &TrunkSetup) -> Option<RegistrationView> {
        trunk.registration.as_ref()?;
        let standing = self.registrations.by_trunk.get(&trunk.name)?;
        let due = self.registrations.due.iter().find(|(_, name)| *name == trunk.name);
        Some(RegistrationView {
            since: standing.since,
            until: standing.until,
            peer: standing.peer,
            failure: standing.failure,
            again_at: due.map(|(at, _)| *at),
        })
    }
}

/// What a registration depends on.
fn place<'s>(setup: &'s Setup, name: &str) -> Option<impl PartialEq + use<'s>> {
    let trunk = setup.trunks.iter().find(|trunk| *trunk.name == *name)?;
    let registration = trunk.registration.as_ref()?;
    Some((&trunk.peers, &trunk.domain, &trunk.credentials, registration))
}
