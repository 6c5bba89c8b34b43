//! Calls that were up when the process ended go on: the agents take back their legs, then the switch its calls. So do
//! subscriptions of phones.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::agent::Agent;
use trunkline_sip::auth::Credentials;
use trunkline_sip::dialog::DialogChange;
use trunkline_sip::ids::{LegId, UsageId};
use trunkline_sip::outbox::{Event, KeptSubscription, SubscriptionChange};

use super::refusal_log::shown;
use super::store::{Recovered, Store};
use crate::switch::{CallId, Kept, KeptCall, Outbox, PartyView, Setup, Switch};

/// Calls whose engine was away for longer are over: their parties heard nothing and have hung up.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Gives agents and switch what is theirs, before their first input. Returns what the switch wants done.
pub(crate) fn recover(
    recovered: Recovered,
    agents: &mut [Agent],
    switch: &mut Switch,
    setup: &Setup,
    store: &Store,
    now: Instant,
) -> Outbox {
    let Recovered { calls, dialogs, away } = recovered;
    let credentials = credentials(&calls, setup);
    let mut legs = BTreeSet::new();
    for (leg, dialog) in &dialogs {
        let agent = agents.get_mut(usize::from(leg.worker()));
        let credentials = credentials.get(leg).cloned();
        if agent.is_some_and(|agent| agent.restore(now, *leg, dialog, credentials)) {
            legs.insert(*leg);
        } else {
            // There are fewer workers than before: nobody would find the leg by its tag.
            store.keep_dialog(DialogChange::Remove(*leg));
        }
    }
    let mut out = Outbox::default();
    let known: HashMap<CallId, Said> = calls.iter().map(|call| (call.id, Said::of(call))).collect();
    let is_too_late = away > AWAY_MAX;
    let kept = calls.len();
    if is_too_late {
        out.store.extend(calls.iter().map(|call| Kept::CallOver(call.id)));
    }
    let calls = if is_too_late { Vec::new() } else { calls };
    let recovered = switch.recover(now, calls, &legs, &mut out);
    if kept > 0 || !dialogs.is_empty() {
        let away_s = away.as_secs();
        tracing::info!(
            recovered,
            lost = kept - recovered,
            dialogs = dialogs.len(),
            away_s,
            "calls that were up"
        );
    }
    for kept in &out.store {
        if let Kept::CallOver(id) = kept
            && let Some(said) = known.get(id)
        {
            said.say_lost(*id, now);
        }
    }
    out
}

/// Within this time after a start the phones that watch something are told how it is, one after the other.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// Gives agents and switch the subscriptions that hold on.
pub(crate) fn resubscribe(
    subscriptions: &[(UsageId, KeptSubscription)],
    agents: &mut [Agent],
    switch: &mut Switch,
    store: &Store,
    now: Instant,
    out: &mut Outbox,
) {
    let all = u32::try_from(subscriptions.len()).unwrap_or(u32::MAX).max(1);
    for (place, (id, kept)) in (0_u32..).zip(subscriptions) {
        let after = TOLD_WITHIN / all * place;
        let agent = agents.get_mut(usize::from(id.worker()));
        match agent.and_then(|agent| agent.restore_subscription(now, *id, kept, after)) {
            Some(subscriber) => switch.sip(now, Event::Subscribe(*id, subscriber), out),
            None => store.keep_subscription(SubscriptionChange::Remove(*id)),
        }
    }
    if !subscriptions.is_empty() {
        tracing::info!(subscriptions = subscriptions.len(), "phones that watch something");
    }
}

/// What the log says of a call that does not go on: its record.
struct Said {
    line: Arc<str>,
    caller: String,
    called: String,
    since: Instant,
}

impl Said {
    fn of(call: &KeptCall) -> Self {
        let number = |party: &PartyView| shown(&party.number);
        let (caller, called) = (number(&call.caller), number(&call.called));
        Self { line: Arc::clone(&call.line), caller, called, since: call.since }
    }

    fn say_lost(&self, call: CallId, now: Instant) {
        let Self { line, caller, called, since } = self;
        let seconds = now.saturating_duration_since(*since).as_secs();
        tracing::warn!(%call, %line, caller, called, seconds, "a call was up and is lost");
    }
}

/// What answers the challenges of the networks behind trunks, and a host of theirs.
fn credentials(calls: &[KeptCall], setup: &Setup) -> HashMap<LegId, (Arc<Credentials>, IpAddr)> {
    let of_call = |call: &KeptCall| {
        let trunk = setup.trunks.iter().find(|trunk| trunk.name == call.line)?;
        let (_, peer) = trunk.peers.first()?;
        Some((call.leg.as_ref()?.id, (Arc::clone(trunk.credentials.as_ref()?), peer.ip())))
    };
    calls.iter().filter_map(of_call).collect()
}
