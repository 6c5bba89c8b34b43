//! What an application may do with a call: one function for the capability bits and for the check of a request, so that
//! the two cannot disagree (TAPI LINECALLFEATURE_, tapi.h LINECALLSTATUS.dwCallFeatures).

use super::call_state::{CallState, ConnectedMode};
use super::error::LineError;
use super::operation::CallOperation;
use super::privilege::CallPrivilege;
use super::setup::LineKind;

/// Everything that decides whether an operation on a call is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The state of the call.
    pub state: CallState,
    /// What the application holds.
    pub privilege: CallPrivilege,
    /// The kind of the line.
    pub kind: LineKind,
    /// Whether the station itself holds the call: only the station can retrieve it.
    pub held_by_station: bool,
    /// Whether the station can be asked by `NOTIFY Event: talk` to answer or to retrieve.
    pub talk: bool,
    /// Whether an earlier request still waits for the station.
    pub pending: bool,
}

impl Standing {
    /// Checks in the order of handle, privilege, state, capability.
    ///
    /// # Errors
    /// Those of [`permit`]; [`LineError::OperationUnavail`] where this kind of line cannot do it;
    /// [`LineError::InUse`] while an earlier request waits for the station.
    pub fn check(&self, operation: CallOperation) -> Result<(), LineError> {
        permit(self.state, self.privilege, operation)?;
        let possible = match operation {
            CallOperation::Accept
            | CallOperation::DeallocateCall
            | CallOperation::Drop
            | CallOperation::Hold => true,
            // A bridged appearance cannot be joined.
            CallOperation::Answer => !matches!(self.state, CallState::Connected(_)),
            CallOperation::Unhold => !self.held_by_station || self.talk,
        };
        if !possible {
            return Err(LineError::OperationUnavail);
        }
        let waits = matches!(operation, CallOperation::Answer | CallOperation::Unhold);
        if waits && self.pending { Err(LineError::InUse) } else { Ok(()) }
    }

    /// What would be accepted, in the order of the names.
    pub fn features(&self) -> Vec<CallOperation> {
        CallOperation::ALL.into_iter().filter(|operation| self.check(*operation).is_ok()).collect()
    }
}

/// Whether TAPI allows the operation in this state with this privilege, whatever the line can do.
///
/// # Errors
/// [`LineError::InvalCallHandle`] without a handle, [`LineError::NotOwner`] with a monitor's,
/// [`LineError::InvalCallState`] in a state that the function's page does not list.
pub fn permit(state: CallState, privilege: CallPrivilege, operation: CallOperation) -> Result<(), LineError> {
    match privilege {
        CallPrivilege::None => return Err(LineError::InvalCallHandle),
        CallPrivilege::Monitor if operation != CallOperation::DeallocateCall => {
            return Err(LineError::NotOwner);
        }
        CallPrivilege::Monitor | CallPrivilege::Owner => {}
    }
    let listed = match operation {
        CallOperation::Accept => matches!(state, CallState::Offering(_)),
        CallOperation::Answer => matches!(
            state,
            CallState::Offering(_)
                | CallState::Accepted
                | CallState::Connected(ConnectedMode::Inactive | ConnectedMode::InactiveHeld)
        ),
        CallOperation::DeallocateCall => true,
        CallOperation::Drop => state != CallState::Idle,
        CallOperation::Hold => matches!(state, CallState::Connected(_)),
        CallOperation::Unhold => {
            matches!(state, CallState::OnHold | CallState::OnHoldPendConf | CallState::OnHoldPendTransfer)
        }
    };
    if listed { Ok(()) } else { Err(LineError::InvalCallState) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::call_state::OfferingMode;

    const STANDING: Standing = Standing {
        state: CallState::Connected(ConnectedMode::Active),
        privilege: CallPrivilege::Owner,
        kind: LineKind::Phone,
        held_by_station: false,
        talk: false,
        pending: false,
    };

    #[test]
    fn the_handle_is_checked_before_the_privilege_and_that_before_the_state() {
        let check = |privilege| permit(CallState::Idle, privilege, CallOperation::Hold);
        assert_eq!(check(CallPrivilege::None), Err(LineError::InvalCallHandle));
        assert_eq!(check(CallPrivilege::Monitor), Err(LineError::NotOwner));
        assert_eq!(check(CallPrivilege::Owner), Err(LineError::InvalCallState));
    }

    #[test]
    fn a_monitor_may_only_deallocate() {
        let standing = Standing { privilege: CallPrivilege::Monitor, ..STANDING };
        assert_eq!(standing.features(), [CallOperation::DeallocateCall]);
    }

    #[test]
    fn a_call_held_by_a_handset_that_knows_no_talk_cannot_be_retrieved() {
        let held = Standing { state: CallState::OnHold, held_by_station: true, ..STANDING };
        assert_eq!(held.check(CallOperation::Unhold), Err(LineError::OperationUnavail));
        assert_eq!(Standing { talk: true, ..held }.check(CallOperation::Unhold), Ok(()));
    }

    #[test]
    fn a_second_answer_waits_for_the_first() {
        let offered =
            Standing { state: CallState::Offering(OfferingMode::Active), pending: true, ..STANDING };
        assert_eq!(offered.check(CallOperation::Answer), Err(LineError::InUse));
        assert!(!offered.features().contains(&CallOperation::Answer));
    }
}
