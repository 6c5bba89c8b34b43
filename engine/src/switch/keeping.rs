//! What is kept of calls, so that they go on after the process was killed.
//!
//! ```text
//!  settle ──KEEP_AFTER──▶ two parties who talk or hold, or who is parked? ──▶ Kept::Call ──▶ store
//!                              └ no, or over ────────────────────────────▶ Kept::CallOver, if it was kept
//! ```
//!
//! What speaks of the far ends is not kept twice: the agents keep the dialogs, the switch what they mean.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::fast::FixedState;
use trunkline_media::{PortPair, Protection};
use trunkline_sip::LegId;
use trunkline_sip::sdp::{Origin, SessionDescription, UNFILLED};

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, ConnectedMode};
use super::ice::IceSession;
use super::ids::{CallId, CompletionId};
use super::kept::Kept;
use super::keying::KeptSeal;
use super::outbox::Outbox;
use super::park::KeptPark;
use super::report::Hold;
use super::setup::LineKind;
use super::view::{CallOrigin, CallReason, MediaMode, PartyView};

/// How long after a change a call is kept: most changes come in groups, and calls that are over by then cost nothing.
pub(super) const KEEP_AFTER: Duration = Duration::from_millis(500);

/// Calls are looked at together, each at most this later than [`KEEP_AFTER`].
const KEEP_EVERY: Duration = Duration::from_millis(100);

/// How many numbers of calls are written off at a time: applications and records of calls know the numbers of brief calls, which
/// are never kept, and after a crash they must not mean another call.
pub(super) const NUMBERS: u64 = 100_000;

/// One side of a conversation that goes on after a crash, or who is parked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptCall {
    /// `dwCallID`.
    pub id: CallId,
    /// The line that it is on.
    pub line: Arc<str>,
    /// The other side; who is parked has none.
    pub peer: Option<CallId>,
    /// Where it is parked.
    pub park: Option<KeptPark>,
    /// The station's leg; a line whose media ends in the engine has none.
    pub leg: Option<KeptLeg>,
    /// The media worker.
    pub media_worker: u16,
    /// Whether this is the side that calls.
    pub calls: bool,
    /// CONNECTED or ONHOLD.
    pub state: CallState,
    /// When the state was entered.
    pub since: Instant,
    /// LINECALLORIGIN_.
    pub origin: CallOrigin,
    /// LINECALLREASON_.
    pub reason: CallReason,
    /// Who calls.
    pub caller: PartyView,
    /// Who was called.
    pub called: PartyView,
    /// Who answered.
    pub connected: PartyView,
    /// Who sent the call here last.
    pub redirecting: PartyView,
    /// Where it was sent.
    pub redirection: PartyView,
    /// The request that the call completes.
    pub completion: Option<CompletionId>,
    /// Whether an application made it.
    pub made: bool,
    /// Whether an application acted on it.
    pub claimed: bool,
    /// Whether an application holds it.
    pub held: bool,
    /// Whether it is held at the handset.
    pub held_by_station: bool,
    /// Whether nothing may interrupt it.
    pub is_secure: bool,
    /// CallData.
    pub data: Bytes,
    /// The user-user information that came last.
    pub user_user: Bytes,
    /// LINEMEDIAMODE_.
    pub media_modes: Vec<MediaMode>,
}

/// The leg of a station, beyond its dialog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptLeg {
    /// The leg.
    pub id: LegId,
    /// Its ports.
    pub ports: PortPair,
    /// Where its messages come from.
    pub signalling: IpAddr,
    /// The far end's last description, as text.
    pub theirs: Bytes,
    /// What we described last.
    pub ours: Bytes,
    /// How it is sealed; its keys are not kept.
    pub seal: Option<KeptSeal>,
    /// Names and passwords of ICE, where the far end takes part in it: its own, then ours.
    pub ice: Option<[Bytes; 4]>,
    /// Whether the phone can be asked by `NOTIFY Event: talk`.
    pub talk: bool,
}

/// Which calls are kept, and which are to be looked at.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Keeping {
    is_on: bool,
    /// In the order of time, each call once.
    due: VecDeque<(Instant, CallId)>,
    waiting: HashSet<CallId, FixedState>,
    /// Up to this one numbers of calls are written off.
    numbered: u64,
    /// Those that the store has.
    pub(super) kept: HashSet<CallId, FixedState>,
}

impl Keeping {
    /// When the next call is to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }
}

impl Switch {
    /// Says what is to be kept of calls from here on ([`Outbox::store`]), so that [`Self::recover`] can take them back.
    pub const fn keep_calls(&mut self) {
        self.keeping.is_on = true;
    }

    /// Something happened to a call.
    pub(super) fn settle_kept(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if !self.keeping.is_on {
            return;
        }
        self.keep_ahead(out);
        let Some(call) = self.calls.get(&id) else { return };
        if !call.is_alive() {
            if self.keeping.kept.remove(&id) {
                out.store.push(Kept::CallOver(id));
            }
        } else if (is_stable(call.state) || self.keeping.kept.contains(&id))
            && self.keeping.waiting.insert(id)
        {
            let at = now + KEEP_AFTER;
            let together = self.keeping.due.back().map(|(together, _)| *together);
            let at = match together {
                Some(together) if together >= at => together,
                Some(_) => at + KEEP_EVERY,
                None => at,
            };
            self.keeping.due.push_back((at, id));
        }
    }

    /// Writes numbers and ports off well before they are given out: by then that has been stored.
    pub(super) fn keep_ahead(&mut self, out: &mut Outbox) {
        if !self.keeping.is_on {
            return;
        }
        if self.last_call + NUMBERS / 2 > self.keeping.numbered {
            self.keeping.numbered = self.last_call + NUMBERS;
            out.store.push(Kept::Numbers(self.keeping.numbered));
        }
        out.store.extend(self.media.note_ports().map(Kept::Ports));
    }

    /// Keeps what has settled.
    pub(super) fn keep_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((_, id)) = self.keeping.due.front().copied().filter(|(at, _)| *at <= now) {
            self.keeping.due.pop_front();
            self.keeping.waiting.remove(&id);
            match self.calls.get(&id).and_then(|call| self.kept_call(call)) {
                Some(kept) => {
                    self.keeping.kept.insert(id);
                    out.store.push(Kept::Call(Box::new(kept)));
                }
                None if self.keeping.kept.remove(&id) => out.store.push(Kept::CallOver(id)),
                None => {}
            }
        }
    }

    /// A call as it is to be kept. `None`: it cannot be taken back.
    fn kept_call(&self, call: &Call) -> Option<KeptCall> {
        let park = self.kept_park(call);
        // Whom a parked call is offered to is rung anew.
        let peer = call.peer.filter(|_| park.is_none()).and_then(|peer| self.calls.get(&peer));
        let leg = self.kept_leg(call)?;
        let (is_whole, has_leg) = match peer {
            Some(peer) => (peer.peer == Some(call.id) && is_plain(peer), leg.is_some() || peer.leg.is_some()),
            None => (park.is_some(), leg.is_some()),
        };
        if !is_whole || !has_leg || !is_plain(call) {
            return None;
        }
        Some(KeptCall {
            id: call.id,
            line: Arc::clone(&call.line),
            peer: peer.map(|peer| peer.id),
            park,
            leg,
            media_worker: call.media_worker,
            calls: call.calls,
            state: call.state,
            since: call.since,
            origin: call.origin,
            reason: call.reason,
            caller: call.caller.clone(),
            called: call.called.clone(),
            connected: call.connected.clone(),
            redirecting: call.redirecting.clone(),
            redirection: call.redirection.clone(),
            completion: call.completion,
            made: call.made,
            claimed: call.claimed,
            held: call.held.is_some(),
            held_by_station: call.held_by_station,
            is_secure: call.is_secure,
            data: call.data.clone(),
            user_user: call.user_user.clone(),
            media_modes: call.media_modes.clone(),
        })
    }

    /// The leg of a call as it is to be kept: `Some(None)` where the call has none and needs none.
    fn kept_leg(&self, call: &Call) -> Option<Option<KeptLeg>> {
        let Some(leg) = call.leg else { return (call.kind == LineKind::Local).then_some(None) };
        let entry = self.legs.get(&leg).filter(|entry| entry.call == call.id && entry.is_up())?;
        let (Some(theirs), Some(ours), Some(port)) = (&entry.theirs, &entry.ours, self.media.port(leg))
        else {
            return None;
        };
        let is_by_handshake = matches!(entry.keying.protection(), Protection::Dtls(_));
        if is_by_handshake || entry.keying.is_lost() || entry.focus.is_some() {
            return None;
        }
        Some(Some(KeptLeg {
            id: leg,
            ports: PortPair(port),
            signalling: entry.signalling,
            theirs: text(theirs),
            ours: text(ours),
            seal: entry.keying.seal(),
            ice: entry.ice.as_ref().and_then(IceSession::keep),
            talk: entry.talk,
        }))
    }
}

/// Whether a call in this state is answered and waits for nobody.
pub(super) const fn is_stable(state: CallState) -> bool {
    matches!(
        state,
        CallState::Connected(ConnectedMode::Active | ConnectedMode::ActiveHeld) | CallState::OnHold
    )
}

/// Whether a call is one side of two parties who talk or hold, and nothing else is under way.
fn is_plain(call: &Call) -> bool {
    let is_busy_otherwise = call.ring.is_some()
        || call.errand.is_some()
        || call.digits.is_some()
        || call.consultation.is_some()
        || call.sent.is_some()
        || call.sends.is_some()
        || call.conference.is_some()
        || call.taker.is_some()
        || call.camped.is_some()
        || call.is_confirmed;
    is_stable(call.state) && !is_busy_otherwise && matches!(call.held, None | Some(Hold::Hard))
}

/// A description as it is kept: with an unspecified address where the engine's own is meant, and without what ICE adds.
fn text(description: &SessionDescription) -> Bytes {
    let mut plain = description.clone();
    plain.media.iter_mut().for_each(|media| media.ice = None);
    plain.print(Origin { id: 0, version: 0 }, UNFILLED)
}
