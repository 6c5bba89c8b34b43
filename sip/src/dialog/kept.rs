//! What of a dialog outlives the process: enough to understand what the far end sends, and to be understood by it.

use bytes::Bytes;

use super::{Dialog, DialogState, RouteSet, Sequence, literal_by};
use crate::ids::{ConnectionId, LegId};
use crate::sdp::Origin;
use crate::token::Token;
use crate::transport::Flow;

/// By how much our sequence numbers begin beyond the last one that was kept: requests may have been sent since. Gaps are no
/// error (RFC 3261 §12.2.2).
const REQUESTS_UNKEPT_MAX: u32 = 10_000;

/// An answered leg as a store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptDialog {
    /// Whether we sent the INVITE.
    pub is_caller: bool,
    /// Our tag.
    pub tag: Token,
    /// Call-ID.
    pub call_id: String,
    /// Our To or From value with our tag.
    pub local: String,
    /// The peer's, with its tag.
    pub remote: String,
    /// The peer's tag; empty where it has none.
    pub remote_tag: String,
    /// The remote target.
    pub target: String,
    /// The route set, in the order in which a request visits it.
    pub routes: Vec<String>,
    /// The number of our last request.
    pub local_cseq: u32,
    /// That of the peer's, if it has sent one.
    pub remote_cseq: Option<u32>,
    /// The path of the last message from the peer. A connection does not outlive the process.
    pub flow: Flow,
    /// The user part of our Contact, escaped.
    pub user: String,
    /// `o=` of our descriptions.
    pub origin: Origin,
    /// Our description of the session as it is. Empty where there is none, and where it has keys: those are not kept.
    pub description: Bytes,
    /// The session interval in seconds, and whether it is we who refresh (RFC 4028).
    pub timer: Option<(u32, bool)>,
    /// Whether the peer listed UPDATE in Allow.
    pub takes_update: bool,
}

/// A change of what a store must keep of the legs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DialogChange {
    /// The leg was answered, or its session changed.
    Put(LegId, Box<KeptDialog>),
    /// The leg is over.
    Remove(LegId),
}

impl KeptDialog {
    /// [`Dialog::requests`] when it was kept.
    pub(crate) const fn requests(&self) -> u32 {
        self.local_cseq / REQUESTS_UNKEPT_MAX
    }
}

impl Dialog {
    /// Another number before our requests outrun the margin that they are kept with.
    pub(crate) const fn requests(&self) -> u32 {
        self.sequence.local() / REQUESTS_UNKEPT_MAX
    }

    /// A confirmed dialog as it was kept.
    pub(crate) fn restored(kept: &KeptDialog) -> Self {
        let mut flow = Flow { connection: ConnectionId::default(), ..kept.flow };
        if let Some(address) =
            literal_by(&kept.target, flow.transport).filter(|_| flow.transport.is_reliable())
        {
            // The far end of a closed connection is an ephemeral port.
            flow.remote = address;
        }
        let local_cseq = kept.local_cseq.saturating_add(REQUESTS_UNKEPT_MAX);
        Self {
            state: DialogState::Confirmed,
            call_id: kept.call_id.as_str().into(),
            local: kept.local.as_str().into(),
            remote: kept.remote.as_str().into(),
            remote_tag: kept.remote_tag.as_str().into(),
            target: kept.target.as_str().into(),
            routes: RouteSet::preloaded(&kept.routes),
            sequence: Sequence::new(local_cseq, kept.remote_cseq),
            flow,
            revision: 0,
        }
    }

    /// Writes what it has into what is to be kept.
    pub(crate) fn keep(&self, kept: &mut KeptDialog) {
        kept.call_id = self.call_id.to_string();
        kept.local = self.local.to_string();
        kept.remote = self.remote.to_string();
        kept.remote_tag = self.remote_tag.to_string();
        kept.target = self.target.to_string();
        kept.routes = self.routes.iter().map(str::to_owned).collect();
        kept.local_cseq = self.sequence.local();
        kept.remote_cseq = self.sequence.remote();
        kept.flow = self.flow;
    }
}
