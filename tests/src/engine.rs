//! The engine of a lab: how it is made, and how it is killed and made again with what its store holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::switch::{Kept, KeptCall, Switch};
use trunkline_media::io::simulated::Simulated;
use trunkline_media::{Destinations, RelayConfig, RelayWorker};
use trunkline_sip::Agent;
use trunkline_sip::admission::Admission;
use trunkline_sip::auth::Challenger;
use trunkline_sip::certificates::Certificates;
use trunkline_sip::dialog::KeptDialog;
use trunkline_sip::ids::{LegId, UsageId};
use trunkline_sip::location::{Binding, Location, LocationLimits};
use trunkline_sip::outbox::{Event, KeptSubscription};
use trunkline_sip::transport::Transport;

use crate::Lab;
use crate::app::App;
use crate::drive::Parcel;
use crate::plan::{DOMAIN, ENGINE, ENGINE_V6, LINES, Plan};
use crate::recording::Disk;

/// The cores, as a start of the daemon makes them.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) location: Arc<Location>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) switch: Switch,
    pub(crate) relay: RelayWorker<Simulated>,
}

impl Engine {
    pub(crate) fn new(plan: &Plan, rng: &mut StdRng, now: Instant) -> Self {
        let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
        location.set_keep_alive(plan.keep_alive, plan.keep_alive_with);
        let challenger = Arc::new(Challenger::new(rng.random(), now, DOMAIN));
        let admission = Arc::new(Admission::new(now));
        let certificates = Arc::new(Certificates::default());
        let agents = (0..plan.workers)
            .map(|worker| {
                crate::drive::agent(plan, worker, (&location, &challenger), rng.random(), now)
                    .with_admission(Arc::clone(&admission))
                    .with_certificates(Arc::clone(&certificates))
            })
            .collect();
        let mut switch = Switch::new(plan.setup.clone(), Arc::clone(&location), rng.random(), now);
        switch.keep_calls();
        switch.tell_facts();
        if let Some(fingerprint) = plan.fingerprint {
            switch.set_fingerprint(fingerprint);
        }
        let ports = plan.setup.media.ports.clone();
        let relay = RelayWorker::new(
            now,
            if plan.kernel { Simulated::with_kernel() } else { Simulated::new() },
            RelayConfig {
                seed: rng.random(),
                destinations: Destinations::of_engine([ENGINE.ip(), ENGINE_V6.ip()], [5060..=5060, ports]),
                continuity: plan.continuity,
                ..RelayConfig::default()
            },
        );
        Self { location, certificates, agents, switch, relay }
    }
}

/// What the store of a lab holds at one moment.
#[derive(Clone, Debug)]
pub struct Stored {
    kept: Vec<Kept>,
    dialogs: BTreeMap<LegId, KeptDialog>,
    subscriptions: BTreeMap<UsageId, KeptSubscription>,
}

impl Lab {
    /// What the store holds, registrations apart.
    pub fn stored(&self) -> Stored {
        Stored {
            kept: self.kept.clone(),
            dialogs: self.dialogs.clone(),
            subscriptions: self.subscriptions.clone(),
        }
    }

    /// The same as [`Self::restart`], where nothing was stored of what happened since then.
    pub fn restart_from(&mut self, stored: Stored) {
        let Stored { kept, dialogs, subscriptions } = stored;
        (self.kept, self.dialogs, self.subscriptions) = (kept, dialogs, subscriptions);
        self.restart();
    }

    /// The engine is killed and started again. Calls that are not answered and what was on its way inside of it are gone;
    /// registrations and subscriptions by UDP, calls that are up and what else was kept are there. Nobody is told; applications
    /// begin anew.
    pub fn restart(&mut self) {
        let open: Vec<u64> = self.connections.keys().copied().collect();
        open.into_iter().for_each(|connection| self.close(connection));
        self.network.keep(|parcel| matches!(parcel, Parcel::Sip { .. } | Parcel::Rtp { .. }));
        let bindings: Vec<(Arc<str>, Binding)> = self
            .location
            .snapshot()
            .into_iter()
            .filter(|(line, _)| LINES.contains(&&**line))
            .flat_map(|(line, bindings)| {
                let kept = bindings.into_iter().filter(|one| one.flow.transport == Transport::Udp);
                kept.map(move |binding| (Arc::clone(&line), Binding::clone(&binding)))
            })
            .collect();
        self.restarts += 1;
        // Files are numbered anew.
        self.disk = Disk::default();
        let mut rng = StdRng::seed_from_u64(self.plan.seed ^ self.restarts.rotate_right(8));
        let Engine { location, certificates, agents, switch, relay } =
            Engine::new(&self.plan, &mut rng, self.now);
        location.load(self.now, bindings);
        (self.location, self.certificates) = (location, certificates);
        (self.agents, self.switch, self.relay) = (agents, switch, relay);
        self.switch.restore(self.kept.iter().cloned());
        // The numbers of requests begin again.
        self.apps.iter_mut().for_each(|app| *app = App::default());
        self.book.restart();
        self.recover();
        self.book.recovered(self.now);
    }

    fn recover(&mut self) {
        let now = self.now;
        let mut legs = BTreeSet::new();
        for (leg, kept) in std::mem::take(&mut self.dialogs) {
            let agent = self.agents.get_mut(usize::from(leg.worker()));
            if agent.is_some_and(|agent| agent.restore(now, leg, &kept, None)) {
                legs.insert(leg);
                self.dialogs.insert(leg, kept);
            }
        }
        let calls = self.kept.iter().filter_map(|kept| match kept {
            Kept::Call(call) => Some(KeptCall::clone(call)),
            Kept::Forwarding { .. }
            | Kept::Completion(_)
            | Kept::CompletionOver(_)
            | Kept::CallOver(_)
            | Kept::Numbers(_)
            | Kept::Ports(_)
            | Kept::Messages { .. } => None,
        });
        let calls: Vec<KeptCall> = calls.collect();
        self.switched(|switch, out| {
            switch.recover(now, calls, &legs, out);
        });
        for (id, kept) in std::mem::take(&mut self.subscriptions) {
            let agent = self.agents.get_mut(usize::from(id.worker()));
            let restored = agent.and_then(|agent| agent.restore_subscription(now, id, &kept, Duration::ZERO));
            if let Some(subscriber) = restored {
                self.subscriptions.insert(id, kept);
                self.switched(|switch, out| switch.sip(now, Event::Subscribe(id, subscriber), out));
            }
        }
    }

    /// Does what the store does.
    pub(crate) fn keep(&mut self, change: Kept) {
        let is_same = |kept: &Kept| match (kept, &change) {
            (Kept::Forwarding { line, .. }, Kept::Forwarding { line: changed, .. }) => line == changed,
            (Kept::Messages { line, .. }, Kept::Messages { line: changed, .. }) => line == changed,
            (Kept::Completion(kept), Kept::Completion(changed)) => kept.id == changed.id,
            (Kept::Completion(kept), Kept::CompletionOver(over)) => kept.id == *over,
            (Kept::Call(kept), Kept::Call(changed)) => kept.id == changed.id,
            (Kept::Call(kept), Kept::CallOver(over)) => kept.id == *over,
            (Kept::Numbers(_), Kept::Numbers(_)) | (Kept::Ports(_), Kept::Ports(_)) => true,
            (
                Kept::Forwarding { .. }
                | Kept::Completion(_)
                | Kept::CompletionOver(_)
                | Kept::Call(_)
                | Kept::CallOver(_)
                | Kept::Numbers(_)
                | Kept::Ports(_)
                | Kept::Messages { .. },
                _,
            ) => false,
        };
        self.kept.retain(|kept| !is_same(kept));
        match change {
            Kept::Forwarding { .. }
            | Kept::Completion(_)
            | Kept::Call(_)
            | Kept::Numbers(_)
            | Kept::Ports(_)
            | Kept::Messages { .. } => self.kept.push(change),
            Kept::CompletionOver(_) | Kept::CallOver(_) => {}
        }
    }
}
