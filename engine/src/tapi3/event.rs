//! TAPI_EVENT: what an application is told, and which of it it wants.

use std::ops::BitOr;

use super::address::Address;
use super::call::Call;
use super::call_hub::CallHub;
use super::call_state::CallState;
use super::cause::CallStateEventCause;
use crate::switch::{CallPrivilege, DigitMode, MediaMode};

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// TE_CALLNOTIFICATION: a call appeared, with the privilege that was given (CNE_OWNER, CNE_MONITOR).
    CallNotification {
        /// The call.
        call: Call,
        /// Owner or monitor.
        privilege: CallPrivilege,
    },
    /// TE_CALLSTATE.
    CallState {
        /// The call.
        call: Call,
        /// The state that it entered.
        state: CallState,
        /// Why.
        cause: CallStateEventCause,
    },
    /// TE_CALLINFOCHANGE.
    CallInfoChange {
        /// The call.
        call: Call,
        /// What changed.
        change: CallInfoChange,
    },
    /// TE_ADDRESS.
    Address {
        /// The address.
        address: Address,
        /// What changed.
        change: AddressChange,
    },
    /// TE_CALLHUB.
    CallHub {
        /// The hub.
        hub: CallHub,
        /// Who joined or left; none when the hub itself came or went.
        call: Option<Call>,
        /// What happened.
        change: CallHubChange,
    },
    /// TE_CALLMEDIA: this kind of media was detected.
    CallMedia {
        /// The call.
        call: Call,
        /// LINEMEDIAMODE_.
        media_mode: MediaMode,
    },
    /// TE_DIGITEVENT.
    Digit {
        /// The call.
        call: Call,
        /// The digit.
        digit: char,
        /// How it was seen.
        mode: DigitMode,
    },
    /// TE_GENERATEEVENT: digits are out (`done`), or were cancelled (`cancel`).
    Generate {
        /// The call.
        call: Call,
        /// LINEGENERATETERM_ suffix.
        reason: &'static str,
    },
    /// TE_GATHERDIGITS.
    GatherDigits {
        /// The call.
        call: Call,
        /// What was gathered.
        digits: String,
        /// LINEGATHERTERM_ suffix.
        reason: &'static str,
    },
    /// TE_QOSEVENT: the quality of service changed.
    Qos {
        /// The call.
        call: Call,
    },
    /// The application was too slow, and events are lost: read the states again. It cannot be filtered.
    Lost,
}

impl Event {
    /// The type as a filter; [`EventFilter::NONE`] for what cannot be filtered.
    pub const fn kind(&self) -> EventFilter {
        match self {
            Self::CallNotification { .. } => EventFilter::CALL_NOTIFICATION,
            Self::CallState { .. } => EventFilter::CALL_STATE,
            Self::CallInfoChange { .. } => EventFilter::CALL_INFO_CHANGE,
            Self::Address { .. } => EventFilter::ADDRESS,
            Self::CallHub { .. } => EventFilter::CALL_HUB,
            Self::CallMedia { .. } => EventFilter::CALL_MEDIA,
            Self::Digit { .. } => EventFilter::DIGIT,
            Self::Generate { .. } => EventFilter::GENERATE,
            Self::GatherDigits { .. } => EventFilter::GATHER_DIGITS,
            Self::Qos { .. } => EventFilter::QOS,
            Self::Lost => EventFilter::NONE,
        }
    }
}

/// The types of events that are wanted: bits of TAPI_EVENT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EventFilter(pub(super) u32);

impl EventFilter {
    /// Nothing: what a [`Tapi`](super::Tapi) begins with.
    pub const NONE: Self = Self(0);
    /// TE_ADDRESS.
    pub const ADDRESS: Self = Self(0x2);
    /// TE_CALLNOTIFICATION.
    pub const CALL_NOTIFICATION: Self = Self(0x4);
    /// TE_CALLSTATE.
    pub const CALL_STATE: Self = Self(0x8);
    /// TE_CALLMEDIA.
    pub const CALL_MEDIA: Self = Self(0x10);
    /// TE_CALLHUB.
    pub const CALL_HUB: Self = Self(0x20);
    /// TE_CALLINFOCHANGE.
    pub const CALL_INFO_CHANGE: Self = Self(0x40);
    /// TE_QOSEVENT.
    pub const QOS: Self = Self(0x800);
    /// TE_DIGITEVENT.
    pub const DIGIT: Self = Self(0x8000);
    /// TE_GENERATEEVENT.
    pub const GENERATE: Self = Self(0x1_0000);
    /// TE_GATHERDIGITS.
    pub const GATHER_DIGITS: Self = Self(0x80_0000);
    /// All of these.
    pub const ALL: Self = Self(0x81_887E);

    /// Whether all bits of `other` are in this filter.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for EventFilter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// CALLINFOCHANGE_CAUSE: as far as a SIP line has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the CIC_ constant of its name")]
pub enum CallInfoChange {
    AppSpecific,
    CallData,
    CalledId,
    CallerId,
    CallId,
    CompletionId,
    ConnectedId,
    MediaType,
    NumMonitors,
    NumOwnerDecr,
    NumOwnerIncr,
    Origin,
    Other,
    Reason,
    RedirectingId,
    RedirectionId,
    RelatedCallId,
    Treatment,
    Trunk,
    UserUserInfo,
}

impl CallInfoChange {
    /// The change of the LINECALLINFOSTATE_ with this suffix.
    pub fn of(changed: &str) -> Self {
        match changed {
            "appspecific" => Self::AppSpecific,
            "calldata" => Self::CallData,
            "calledid" => Self::CalledId,
            "callerid" => Self::CallerId,
            "callid" => Self::CallId,
            "completionid" => Self::CompletionId,
            "connectedid" => Self::ConnectedId,
            "mediamode" => Self::MediaType,
            "nummonitors" => Self::NumMonitors,
            "numownerdecr" => Self::NumOwnerDecr,
            "numownerincr" => Self::NumOwnerIncr,
            "origin" => Self::Origin,
            "reason" => Self::Reason,
            "redirectingid" => Self::RedirectingId,
            "redirectionid" => Self::RedirectionId,
            "relatedcallid" => Self::RelatedCallId,
            "treatment" => Self::Treatment,
            "trunk" => Self::Trunk,
            "useruserinfo" => Self::UserUserInfo,
            _ => Self::Other,
        }
    }
}

/// ADDRESS_EVENT: as far as a SIP line has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AddressChange {
    /// AE_STATE: calls on it, registration, whether it is open.
    State,
    /// AE_RINGING.
    Ringing,
    /// AE_CONFIGCHANGE: what numbers are translated into.
    ConfigChange,
    /// AE_FORWARD.
    Forward,
    /// AE_MSGWAITON.
    MsgWaitOn,
    /// AE_MSGWAITOFF.
    MsgWaitOff,
}

/// CALLHUB_EVENT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallHubChange {
    /// CHE_CALLJOIN.
    CallJoin,
    /// CHE_CALLLEAVE.
    CallLeave,
    /// CHE_CALLHUBNEW.
    CallHubNew,
    /// CHE_CALLHUBIDLE: the last call left.
    CallHubIdle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_type() {
        let all = [
            EventFilter::ADDRESS,
            EventFilter::CALL_NOTIFICATION,
            EventFilter::CALL_STATE,
            EventFilter::CALL_MEDIA,
            EventFilter::CALL_HUB,
            EventFilter::CALL_INFO_CHANGE,
            EventFilter::QOS,
            EventFilter::DIGIT,
            EventFilter::GENERATE,
            EventFilter::GATHER_DIGITS,
        ];
        assert_eq!(all.into_iter().fold(EventFilter::NONE, BitOr::bitor), EventFilter::ALL);
        assert!(!EventFilter::NONE.contains(EventFilter::CALL_STATE));
    }
}
