//! What the network or the station reports of a call, and what that does to its state: the only way a call moves.
//!
//! TAPI is asynchronous: an operation asks, a report moves. The whole table is printed in `tests/tables/call_states.md`.

use super::call_state::{BusyMode, CallState, ConnectedMode, DisconnectMode, OfferingMode, SpecialInfo};

/// Why a call is held (TAPI LINECALLSTATE_ONHOLD, ONHOLDPENDTRANSFER, ONHOLDPENDCONF).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// `lineHold`, or the handset.
    Hard,
    /// A party is consulted, to transfer the call to.
    Transfer,
    /// A party is consulted, to add to the conference.
    Conference,
}

/// One report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallReport {
    /// A call that waited is presented to the station.
    Offered,
    /// Digits are collected.
    Dialing,
    /// The destination is known and being called.
    Dialed,
    /// An owner took responsibility, or the station is alerted.
    Ringing,
    /// Somebody answered.
    Answered,
    /// This side put the call on hold, for this.
    Held(Hold),
    /// The call became a member of a conference.
    Conferenced,
    /// This side retrieved the call.
    Retrieved,
    /// The remote party put the call on hold.
    RemoteHeld,
    /// The remote party retrieved the call.
    RemoteRetrieved,
    /// The destination, or the way to it, is busy.
    Busy(BusyMode),
    /// An announcement says why the call cannot be completed.
    Announced(SpecialInfo),
    /// The remote party or the network ended the call.
    Disconnected(DisconnectMode),
    /// The call is over on this side.
    Cleared,
}

impl CallReport {
    /// One of each kind, as the printed table lists them.
    pub const SAMPLES: [Self; 16] = [
        Self::Offered,
        Self::Dialing,
        Self::Dialed,
        Self::Ringing,
        Self::Answered,
        Self::Held(Hold::Hard),
        Self::Held(Hold::Transfer),
        Self::Held(Hold::Conference),
        Self::Conferenced,
        Self::Retrieved,
        Self::RemoteHeld,
        Self::RemoteRetrieved,
        Self::Busy(BusyMode::Station),
        Self::Announced(SpecialInfo::NoCircuit),
        Self::Disconnected(DisconnectMode::Normal),
        Self::Cleared,
    ];
}

/// What a report does to a call. `None`: nothing for an application to hear.
pub fn advance(state: CallState, report: CallReport) -> Option<CallState> {
    use CallReport as Report;
    use CallState as State;
    use ConnectedMode as Mode;

    Some(match (state, report) {
        // TAPI: a call never leaves idle.
        (State::Idle, _) => return None,
        (_, Report::Cleared) => State::Idle,
        // The remote party is gone: only clearing is left.
        (State::Disconnected(_), _) => return None,
        (_, Report::Disconnected(mode)) => State::Disconnected(mode),

        (State::DialTone(_) | State::Dialing | State::Ringback | State::Unknown, Report::Dialed) => {
            State::Proceeding
        }
        (State::OnHold, Report::Offered) => State::Offering(OfferingMode::Active),
        (State::DialTone(_) | State::Unknown, Report::Dialing) => State::Dialing,
        (State::Offering(_), Report::Ringing) => State::Accepted,
        (State::DialTone(_) | State::Dialing | State::Proceeding | State::Unknown, Report::Ringing) => {
            State::Ringback
        }
        (
            State::Offering(_)
            | State::Accepted
            | State::DialTone(_)
            | State::Dialing
            | State::Proceeding
            | State::Ringback
            // A call to a busy line that is completed by barging in.
            | State::Busy(_)
            | State::Unknown,
            Report::Answered,
        ) => State::Connected(Mode::Active),

        (
            State::DialTone(_) | State::Dialing | State::Proceeding | State::Ringback | State::Unknown,
            Report::Busy(mode),
        ) => State::Busy(mode),
        (
            State::DialTone(_) | State::Dialing | State::Proceeding | State::Ringback | State::Unknown,
            Report::Announced(information),
        ) => State::SpecialInfo(information),

        (State::Connected(_) | State::Conferenced | State::Unknown, Report::Held(Hold::Hard)) => {
            State::OnHold
        }
        (State::Connected(_), Report::Held(Hold::Transfer)) => State::OnHoldPendTransfer,
        (State::Connected(_), Report::Held(Hold::Conference)) => State::OnHoldPendConf,
        (
            State::OnHold | State::OnHoldPendConf | State::OnHoldPendTransfer | State::Conferenced,
            Report::Retrieved,
        ) => State::Connected(Mode::Active),
        (
            State::Proceeding
            | State::Ringback
            | State::Connected(_)
            | State::OnHold
            | State::OnHoldPendTransfer,
            Report::Conferenced,
        ) => State::Conferenced,
        (State::Connected(Mode::Active), Report::RemoteHeld) => State::Connected(Mode::ActiveHeld),
        (State::Connected(Mode::Inactive), Report::RemoteHeld) => State::Connected(Mode::InactiveHeld),
        (State::Connected(Mode::ActiveHeld), Report::RemoteRetrieved) => State::Connected(Mode::Active),
        (State::Connected(Mode::InactiveHeld), Report::RemoteRetrieved) => State::Connected(Mode::Inactive),
        // Every pair is printed in tests/tables/call_states.md.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_report_moves_an_idle_call() {
        for report in CallReport::SAMPLES {
            assert_eq!(advance(CallState::Idle, report), None, "{report:?}");
        }
    }

    #[test]
    fn a_disconnected_call_can_only_be_cleared() {
        let state = CallState::Disconnected(DisconnectMode::Busy);
        for report in CallReport::SAMPLES {
            let expected = (report == CallReport::Cleared).then_some(CallState::Idle);
            assert_eq!(advance(state, report), expected, "{report:?}");
        }
    }

    #[test]
    fn an_outgoing_call_goes_the_usual_way() {
        let mut state = CallState::Dialing;
        for (report, expected) in [
            (CallReport::Dialed, CallState::Proceeding),
            (CallReport::Ringing, CallState::Ringback),
            (CallReport::Answered, CallState::Connected(ConnectedMode::Active)),
            (CallReport::Held(Hold::Hard), CallState::OnHold),
            (CallReport::Retrieved, CallState::Connected(ConnectedMode::Active)),
            (CallReport::RemoteHeld, CallState::Connected(ConnectedMode::ActiveHeld)),
        ] {
            state = advance(state, report).unwrap();
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn remote_hold_does_not_touch_a_held_call() {
        assert_eq!(advance(CallState::OnHold, CallReport::RemoteHeld), None);
    }
}
