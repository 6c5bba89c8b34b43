//! CALL_STATE: the states of a TAPI 3.x call, what they are in TAPI 2.x, and how one follows another.

use crate::switch::CallState as LineCallState;

/// CALL_STATE.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallState {
    /// There is no call yet. No call ever enters this state: it is the opposite of LINECALLSTATE_IDLE.
    Idle,
    /// The call is on its way.
    InProgress,
    /// The parties talk.
    Connected,
    /// The call is over: release it.
    Disconnected,
    /// The call is offered: answer or disconnect it.
    Offering,
    /// The call is on hold.
    Hold,
    /// The call waits for an agent: this engine queues none.
    Queued,
}

impl CallState {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::InProgress,
        Self::Connected,
        Self::Disconnected,
        Self::Offering,
        Self::Hold,
        Self::Queued,
    ];

    /// The state of the TAPI 2.x state; `None` for LINECALLSTATE_UNKNOWN, which says nothing.
    pub const fn of(state: LineCallState) -> Option<Self> {
        match state {
            LineCallState::DialTone(_)
            | LineCallState::Dialing
            | LineCallState::Proceeding
            | LineCallState::Ringback
            | LineCallState::Busy(_)
            | LineCallState::SpecialInfo(_) => Some(Self::InProgress),
            LineCallState::Connected(_) | LineCallState::Conferenced => Some(Self::Connected),
            LineCallState::Disconnected(_) | LineCallState::Idle => Some(Self::Disconnected),
            LineCallState::Offering(_) | LineCallState::Accepted => Some(Self::Offering),
            LineCallState::OnHold | LineCallState::OnHoldPendConf | LineCallState::OnHoldPendTransfer => {
                Some(Self::Hold)
            }
            LineCallState::Unknown => None,
        }
    }

    /// Whether the documented table lets the call go from this state to that one.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Idle => !matches!(next, Self::Idle | Self::Queued),
            Self::InProgress => matches!(next, Self::Connected | Self::Disconnected | Self::Hold),
            Self::Offering | Self::Queued => {
                matches!(next, Self::Connected | Self::Disconnected | Self::Hold)
            }
            Self::Connected => matches!(next, Self::Hold | Self::Disconnected),
            Self::Hold => matches!(next, Self::Connected | Self::Disconnected),
            Self::Disconnected => false,
        }
    }

    /// The constant's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "CS_IDLE",
            Self::InProgress => "CS_INPROGRESS",
            Self::Connected => "CS_CONNECTED",
            Self::Disconnected => "CS_DISCONNECTED",
            Self::Offering => "CS_OFFERING",
            Self::Hold => "CS_HOLD",
            Self::Queued => "CS_QUEUED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::call_state::DialToneMode;
    use crate::switch::{BusyMode, ConnectedMode, DisconnectMode, OfferingMode, SpecialInfo};

    #[test]
    fn each_state_of_2_x_has_its_state_of_3_x() {
        use LineCallState as Line;
        for (line, state) in [
            (Line::DialTone(DialToneMode::Normal), Some(CallState::InProgress)),
            (Line::Dialing, Some(CallState::InProgress)),
            (Line::Proceeding, Some(CallState::InProgress)),
            (Line::Ringback, Some(CallState::InProgress)),
            (Line::Busy(BusyMode::Station), Some(CallState::InProgress)),
            (Line::SpecialInfo(SpecialInfo::Reorder), Some(CallState::InProgress)),
            (Line::Connected(ConnectedMode::Active), Some(CallState::Connected)),
            (Line::Conferenced, Some(CallState::Connected)),
            (Line::Disconnected(DisconnectMode::Normal), Some(CallState::Disconnected)),
            (Line::Idle, Some(CallState::Disconnected)),
            (Line::Offering(OfferingMode::Active), Some(CallState::Offering)),
            (Line::Accepted, Some(CallState::Offering)),
            (Line::OnHold, Some(CallState::Hold)),
            (Line::OnHoldPendTransfer, Some(CallState::Hold)),
            (Line::OnHoldPendConf, Some(CallState::Hold)),
            (Line::Unknown, None),
        ] {
            assert_eq!(CallState::of(line), state, "{line:?}");
        }
    }

    #[test]
    fn the_transitions_are_those_of_the_documented_table() {
        let table = [
            ("CS_IDLE", "CS_INPROGRESS CS_CONNECTED CS_DISCONNECTED CS_OFFERING CS_HOLD"),
            ("CS_INPROGRESS", "CS_CONNECTED CS_DISCONNECTED CS_HOLD"),
            ("CS_CONNECTED", "CS_DISCONNECTED CS_HOLD"),
            ("CS_DISCONNECTED", ""),
            ("CS_OFFERING", "CS_CONNECTED CS_DISCONNECTED CS_HOLD"),
            ("CS_HOLD", "CS_CONNECTED CS_DISCONNECTED"),
            ("CS_QUEUED", "CS_CONNECTED CS_DISCONNECTED CS_HOLD"),
        ];
        for (from, (name, to)) in CallState::ALL.into_iter().zip(table) {
            assert_eq!(from.name(), name);
            let legal = CallState::ALL.into_iter().filter(|next| from.may_become(*next));
            let legal: Vec<_> = legal.map(CallState::name).collect();
            assert_eq!(legal.join(" "), to, "{name}");
        }
    }
}
