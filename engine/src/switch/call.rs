//! One call: a connection end at a line's address, with exactly one state.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;

use super::call_state::CallState;
use super::ids::{AppId, CallId, RequestId};
use super::privilege::CallPrivilege;
use super::ring::Ring;
use super::setup::LineKind;
use super::view::{CallOrigin, CallReason, PartyView};

/// Max-Forwards of calls that begin here (RFC 3261 §8.1.1.6).
pub(super) const MAX_FORWARDS: u8 = 70;

/// A request that waits for the station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) app: AppId,
    pub(super) request: RequestId,
    pub(super) wish: Wish,
}

/// What the station was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// To answer.
    Answer,
    /// To retrieve the call that it holds.
    Retrieve,
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) line: Arc<str>,
    pub(super) kind: LineKind,
    pub(super) state: CallState,
    pub(super) since: Instant,
    pub(super) origin: CallOrigin,
    pub(super) reason: CallReason,
    pub(super) caller: PartyView,
    pub(super) called: PartyView,
    pub(super) connected: PartyView,
    /// Whether this is the side that calls: it counts as the conversation.
    pub(super) calls: bool,
    /// The other side of the conversation.
    pub(super) peer: Option<CallId>,
    /// The station's leg: the one that called in, or the one that answered.
    pub(super) leg: Option<LegId>,
    /// The attempt to reach the station.
    pub(super) ring: Option<Ring>,
    /// What is dialled once the own phone has answered (make-call on a phone's line).
    pub(super) dial: Option<String>,
    /// Max-Forwards for what this call leads to.
    pub(super) max_forwards: u8,
    /// How often this caller was sent elsewhere.
    pub(super) redirects: u8,
    /// The Diversion header's value (RFC 5806) for what this caller leads to.
    pub(super) diversion: Option<String>,
    /// The media worker of the conversation.
    pub(super) media_worker: u16,
    /// Who holds a handle.
    pub(super) handles: Vec<(AppId, CallPrivilege)>,
    /// Whether an application made the call.
    pub(super) made: bool,
    /// Whether an application acted on the call: then it waits for that application to clear it.
    pub(super) claimed: bool,
    /// Held by lineHold.
    pub(super) held_by_app: bool,
    /// Held at the handset.
    pub(super) held_by_station: bool,
    pub(super) pending: Option<Pending>,
}

impl Call {
    /// A call on this line, between nobodies so far.
    pub(super) fn new(
        now: Instant,
        id: CallId,
        line: Arc<str>,
        kind: LineKind,
        origin: CallOrigin,
        state: CallState,
    ) -> Self {
        Self {
            id,
            line,
            kind,
            state,
            since: now,
            origin,
            reason: CallReason::Direct,
            caller: PartyView::default(),
            called: PartyView::default(),
            connected: PartyView::default(),
            calls: false,
            peer: None,
            leg: None,
            ring: None,
            dial: None,
            max_forwards: MAX_FORWARDS,
            redirects: 0,
            diversion: None,
            media_worker: 0,
            handles: Vec::new(),
            made: false,
            claimed: false,
            held_by_app: false,
            held_by_station: false,
            pending: None,
        }
    }

    /// What the application holds.
    pub(super) fn privilege(&self, app: AppId) -> CallPrivilege {
        self.handles
            .iter()
            .find(|(holder, _)| *holder == app)
            .map_or(CallPrivilege::None, |(_, privilege)| *privilege)
    }

    /// Whether anybody owns it.
    pub(super) fn is_owned(&self) -> bool {
        self.handles.iter().any(|(_, privilege)| *privilege == CallPrivilege::Owner)
    }

    /// Whether this side holds the other.
    pub(super) const fn holds(&self) -> bool {
        matches!(self.state, CallState::OnHold | CallState::OnHoldPendConf | CallState::OnHoldPendTransfer)
    }

    /// Whether the call is neither over nor disconnected.
    pub(super) const fn is_alive(&self) -> bool {
        !matches!(self.state, CallState::Idle | CallState::Disconnected(_))
    }

    /// Its legs: the station's and those that ring.
    pub(super) fn legs(&self) -> impl Iterator<Item = LegId> {
        let ringing = self.ring.iter().flat_map(|ring| ring.branches.iter().copied());
        self.leg.into_iter().chain(ringing)
    }
}
