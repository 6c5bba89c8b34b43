//! The JSON that is answered: names as the rule of names says, from what the switch and the location table show.

use std::time::Instant;

use serde::Serialize;
use trunkline_sip::location::Binding;
use utoipa::ToSchema;

use super::timestamp::Anchor;
use crate::switch::{CallId, CallView, LineView, PartyView, TrunkView};

/// A line as this application sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Line {
    /// The address.
    #[schema(example = "1001")]
    address: String,
    /// The name a person reads.
    name: String,
    /// `phone`, `local` or `trunk`.
    kind: &'static str,
    /// Whether it can be reached: a phone has a contact, the others always can.
    registered: bool,
    /// Contacts of a phone.
    contacts: usize,
    /// Calls on it that this application has a handle to.
    calls: Vec<String>,
    /// Operations on the line that would be accepted now.
    features: Vec<&'static str>,
}

impl From<LineView> for Line {
    fn from(line: LineView) -> Self {
        Self {
            address: line.address.to_string(),
            name: line.name,
            kind: line.kind.name(),
            registered: line.registered,
            contacts: line.contacts,
            calls: line.calls.iter().map(CallId::to_string).collect(),
            features: line.features,
        }
    }
}

/// A call as this application sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Call {
    /// The same for every application.
    #[schema(example = "c42")]
    id: String,
    /// The line that the call appears on.
    line: String,
    /// The address of that line.
    address: String,
    /// LINECALLSTATE_.
    #[schema(example = "connected")]
    state: &'static str,
    /// The mode of the state, where it has one: LINECONNECTEDMODE_, LINEDISCONNECTMODE_ …
    #[schema(example = "active")]
    state_mode: Option<&'static str>,
    /// `owner` or `monitor`.
    privilege: &'static str,
    /// Operations that would be accepted now: never more, never less.
    features: Vec<&'static str>,
    /// LINECALLORIGIN_.
    origin: &'static str,
    /// LINECALLREASON_.
    reason: &'static str,
    /// Who calls.
    caller: Party,
    /// Who was called.
    called: Party,
    /// Who answered.
    connected: Party,
    /// Calls that are joined with this one.
    related: Vec<String>,
    /// When the state was entered (RFC 3339).
    #[schema(format = "date-time")]
    since: String,
}

impl Call {
    pub(super) fn new(call: CallView, anchor: &Anchor) -> Self {
        Self {
            id: call.id.to_string(),
            line: call.line.to_string(),
            address: call.address.to_string(),
            state: call.state.name(),
            state_mode: call.state.mode_name(),
            privilege: call.privilege.name(),
            features: call.features.into_iter().map(|operation| operation.name()).collect(),
            origin: call.origin.name(),
            reason: call.reason.name(),
            caller: call.caller.into(),
            called: call.called.into(),
            connected: call.connected.into(),
            related: call.related.iter().map(CallId::to_string).collect(),
            since: anchor.text(call.since),
        }
    }
}

/// A party as a person reads it.
#[derive(Serialize, ToSchema)]
pub(super) struct Party {
    /// The number or user part; empty where it is not known.
    number: String,
    /// The name; empty where it is not known.
    name: String,
}

impl From<PartyView> for Party {
    fn from(party: PartyView) -> Self {
        Self { number: party.number, name: party.name }
    }
}

/// A trunk.
#[derive(Serialize, ToSchema)]
pub(super) struct Trunk {
    /// The name; also the address of its line.
    name: String,
    /// The host of its peer.
    domain: String,
    /// Calls at this moment, both directions.
    calls: u32,
    /// The most there may be.
    max_calls: u32,
}

impl From<TrunkView> for Trunk {
    fn from(trunk: TrunkView) -> Self {
        Self {
            name: trunk.name.to_string(),
            domain: trunk.domain,
            calls: trunk.calls,
            max_calls: trunk.calls_max,
        }
    }
}

/// One contact of a phone.
#[derive(Serialize, ToSchema)]
pub(super) struct Registration {
    /// The line.
    line: String,
    /// The Contact URI.
    #[schema(example = "sip:1001@192.0.2.17:5060")]
    contact: String,
    /// `udp` or `tcp`.
    transport: &'static str,
    /// Where its requests come from.
    remote: String,
    /// User-Agent of the phone.
    user_agent: String,
    /// Preference, 0 to 1.
    q: f64,
    /// Seconds until it ends.
    expires_s: u64,
}

impl Registration {
    pub(super) fn new(line: &str, binding: &Binding, now: Instant) -> Self {
        Self {
            line: line.to_owned(),
            contact: binding.contact.to_string(),
            transport: binding.flow.transport.param_name(),
            remote: binding.flow.remote.to_string(),
            user_agent: binding.user_agent.to_string(),
            q: f64::from(binding.q_milli) / 1000.0,
            expires_s: binding.expires.saturating_duration_since(now).as_secs(),
        }
    }
}
