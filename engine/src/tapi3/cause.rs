//! CALL_STATE_EVENT_CAUSE: why a call changed its state.

use crate::switch::{CallState as LineCallState, DisconnectMode};

/// CALL_STATE_EVENT_CAUSE.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallStateEventCause {
    /// CEC_NONE: no cause.
    None,
    /// CEC_DISCONNECT_NORMAL: the end of a normal call.
    DisconnectNormal,
    /// CEC_DISCONNECT_BUSY: the far end is busy.
    DisconnectBusy,
    /// CEC_DISCONNECT_BADADDRESS: the destination is none.
    DisconnectBadAddress,
    /// CEC_DISCONNECT_NOANSWER: nobody answered.
    DisconnectNoAnswer,
    /// CEC_DISCONNECT_CANCELLED: the caller gave up.
    DisconnectCancelled,
    /// CEC_DISCONNECT_REJECTED: the far end refused.
    DisconnectRejected,
    /// CEC_DISCONNECT_FAILED: anything else.
    DisconnectFailed,
    /// CEC_DISCONNECT_BLOCKED: the network takes no calls from here.
    DisconnectBlocked,
}

impl CallStateEventCause {
    /// The cause of the LINEDISCONNECTMODE_.
    pub const fn of(mode: DisconnectMode) -> Self {
        match mode {
            DisconnectMode::Normal => Self::DisconnectNormal,
            DisconnectMode::Busy => Self::DisconnectBusy,
            DisconnectMode::BadAddress | DisconnectMode::NumberChanged => Self::DisconnectBadAddress,
            DisconnectMode::NoAnswer => Self::DisconnectNoAnswer,
            DisconnectMode::Cancelled => Self::DisconnectCancelled,
            DisconnectMode::Reject | DisconnectMode::DoNotDisturb => Self::DisconnectRejected,
            DisconnectMode::Blocked => Self::DisconnectBlocked,
            DisconnectMode::Unknown
            | DisconnectMode::Pickup
            | DisconnectMode::Forwarded
            | DisconnectMode::Unreachable
            | DisconnectMode::Congestion
            | DisconnectMode::Incompatible
            | DisconnectMode::Unavail
            | DisconnectMode::NoDialTone
            | DisconnectMode::OutOfOrder
            | DisconnectMode::TempFailure
            | DisconnectMode::QosUnavail => Self::DisconnectFailed,
        }
    }

    /// The cause of entering `state` from `before`: a call that was busy when it was dropped ended so.
    pub(super) const fn entering(state: LineCallState, before: Option<LineCallState>) -> Self {
        match (state, before) {
            (LineCallState::Disconnected(mode), _) => Self::of(mode),
            (LineCallState::Idle, Some(LineCallState::Busy(_))) => Self::DisconnectBusy,
            (LineCallState::Idle, Some(LineCallState::SpecialInfo(_))) => Self::DisconnectFailed,
            (LineCallState::Idle, _) => Self::DisconnectNormal,
            (
                LineCallState::Offering(_)
                | LineCallState::Accepted
                | LineCallState::DialTone(_)
                | LineCallState::Dialing
                | LineCallState::Ringback
                | LineCallState::Busy(_)
                | LineCallState::SpecialInfo(_)
                | LineCallState::Connected(_)
                | LineCallState::Proceeding
                | LineCallState::OnHold
                | LineCallState::Conferenced
                | LineCallState::OnHoldPendConf
                | LineCallState::OnHoldPendTransfer
                | LineCallState::Unknown,
                _,
            ) => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::BusyMode;

    #[test]
    fn each_disconnect_mode_has_its_cause() {
        use CallStateEventCause as Cause;
        for (mode, cause) in [
            (DisconnectMode::Normal, Cause::DisconnectNormal),
            (DisconnectMode::Busy, Cause::DisconnectBusy),
            (DisconnectMode::BadAddress, Cause::DisconnectBadAddress),
            (DisconnectMode::NumberChanged, Cause::DisconnectBadAddress),
            (DisconnectMode::NoAnswer, Cause::DisconnectNoAnswer),
            (DisconnectMode::Cancelled, Cause::DisconnectCancelled),
            (DisconnectMode::Reject, Cause::DisconnectRejected),
            (DisconnectMode::DoNotDisturb, Cause::DisconnectRejected),
            (DisconnectMode::Blocked, Cause::DisconnectBlocked),
            (DisconnectMode::Congestion, Cause::DisconnectFailed),
            (DisconnectMode::Unknown, Cause::DisconnectFailed),
        ] {
            assert_eq!(Cause::of(mode), cause, "{mode:?}");
        }
    }

    #[test]
    fn a_busy_call_that_is_dropped_ended_busy() {
        let busy = Some(LineCallState::Busy(BusyMode::Station));
        let cause = CallStateEventCause::entering(LineCallState::Idle, busy);
        assert_eq!(cause, CallStateEventCause::DisconnectBusy);
        let cause = CallStateEventCause::entering(LineCallState::Ringback, None);
        assert_eq!(cause, CallStateEventCause::None);
    }
}
