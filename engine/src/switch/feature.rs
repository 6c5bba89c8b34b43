//! What an application may do with a call: one function for the capability bits and for the check of a request, so that
//! the two cannot disagree (TAPI LINECALLFEATURE_, tapi.h LINECALLSTATUS.dwCallFeatures).

use super::Switch;
use super::call::Call;
use super::call_state::{
    BusyMode, CallState, ConnectedMode, DialToneMode, DisconnectMode, OfferingMode, SpecialInfo,
};
use super::error::LineError;
use super::ids::AppId;
use super::operation::CallOperation;
use super::privilege::CallPrivilege;

impl Switch {
    /// Whether the operation would be accepted with arguments that fit, checked in the order of handle, privilege, state,
    /// capability.
    ///
    /// # Errors
    /// Those of [`permit`]; [`LineError::OperationUnavail`] where this kind of line, or this call as it is, cannot do it;
    /// [`LineError::InUse`] while an earlier request waits for the station.
    pub(super) fn may(&self, app: AppId, call: &Call, operation: CallOperation) -> Result<(), LineError> {
        permit(call.state, call.privilege(app), operation)?;
        match operation {
            CallOperation::Accept | CallOperation::DeallocateCall | CallOperation::Drop => Ok(()),
            CallOperation::Handoff => self.can_handoff(call),
            CallOperation::SetCallPrivilege => self.can_set_call_privilege(call),
            CallOperation::Answer => self.can_answer(call),
            CallOperation::Hold => self.can_hold(call),
            CallOperation::Unhold => self.can_unhold(call),
            CallOperation::SwapHold => self.can_swap_hold(app, call),
            CallOperation::Dial => self.can_dial(call),
            CallOperation::BlindTransfer => self.can_blind_transfer(call),
            CallOperation::SetupTransfer => self.can_setup_transfer(call),
            CallOperation::CompleteTransfer => self.can_complete_transfer(app, call),
            CallOperation::Redirect => self.can_redirect(call),
            CallOperation::SecureCall => self.can_secure_call(call),
            CallOperation::SetupConference => self.can_setup_conference(call),
            CallOperation::PrepareAddToConference => self.can_prepare_add_to_conference(call),
            CallOperation::AddToConference => self.can_add_to_conference(app, call),
            CallOperation::RemoveFromConference => self.can_remove_from_conference(call),
            CallOperation::GetConfRelatedCalls => self.can_get_conf_related_calls(call),
            CallOperation::Park => self.can_park(call),
            CallOperation::CompleteCall => self.can_complete_call(call),
            CallOperation::SetCallData => self.can_set_call_data(call),
            CallOperation::SendUserUserInfo => self.can_send_user_user_info(call),
            CallOperation::SetMediaMode => self.can_set_media_mode(call),
            CallOperation::SetCallQualityOfService => self.can_set_quality_of_service(call),
            CallOperation::GenerateDigits => self.can_generate_digits(call),
            CallOperation::GatherDigits => self.can_gather_digits(call),
            CallOperation::MonitorDigits => self.can_monitor_digits(call),
            CallOperation::MonitorMedia => self.can_monitor_media(call),
            CallOperation::StartRecording
            | CallOperation::PauseRecording
            | CallOperation::ResumeRecording
            | CallOperation::StopRecording => self.can_record(call, operation),
            CallOperation::StartFork | CallOperation::StopFork => self.can_fork(call, operation),
        }
    }

    /// What would be accepted, in the order of the names.
    pub(super) fn features(&self, app: AppId, call: &Call) -> Vec<CallOperation> {
        CallOperation::ALL.into_iter().filter(|operation| self.may(app, call, *operation).is_ok()).collect()
    }
}

/// Whether TAPI allows the operation in this state with this privilege, whatever the line can do.
///
/// # Errors
/// [`LineError::InvalCallHandle`] without a handle, [`LineError::NotOwner`] with a monitor's,
/// [`LineError::InvalCallState`] in a state that the function's page does not list.
pub fn permit(state: CallState, privilege: CallPrivilege, operation: CallOperation) -> Result<(), LineError> {
    let for_monitors = matches!(
        operation,
        CallOperation::DeallocateCall
            | CallOperation::GetConfRelatedCalls
            | CallOperation::MonitorDigits
            | CallOperation::MonitorMedia
            | CallOperation::SetCallPrivilege
    );
    match privilege {
        CallPrivilege::None => return Err(LineError::InvalCallHandle),
        CallPrivilege::Monitor if !for_monitors => return Err(LineError::NotOwner),
        CallPrivilege::Monitor | CallPrivilege::Owner => {}
    }
    let connected = matches!(state, CallState::Connected(_));
    let listed = match operation {
        CallOperation::Accept => matches!(state, CallState::Offering(_)),
        CallOperation::Answer => matches!(
            state,
            CallState::Offering(_)
                | CallState::Accepted
                | CallState::Connected(ConnectedMode::Inactive | ConnectedMode::InactiveHeld)
        ),
        CallOperation::DeallocateCall
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Handoff
        | CallOperation::SetCallPrivilege => true,
        CallOperation::Drop
        | CallOperation::MonitorMedia
        | CallOperation::SecureCall
        | CallOperation::SetCallData
        | CallOperation::SetCallQualityOfService
        | CallOperation::SetMediaMode => state != CallState::Idle,
        CallOperation::GatherDigits
        | CallOperation::MonitorDigits
        | CallOperation::PauseRecording
        | CallOperation::ResumeRecording
        | CallOperation::StopFork
        | CallOperation::StopRecording => !matches!(state, CallState::Idle | CallState::Disconnected(_)),
        CallOperation::Hold
        | CallOperation::SwapHold
        | CallOperation::BlindTransfer
        | CallOperation::SetupTransfer
        | CallOperation::SetupConference
        | CallOperation::PrepareAddToConference
        | CallOperation::GenerateDigits
        | CallOperation::Park => connected,
        CallOperation::Unhold => {
            // The first party of a conference that is being set up (tapi.h does not list it, lineSetupConference does).
            matches!(
                state,
                CallState::OnHold
                    | CallState::OnHoldPendConf
                    | CallState::OnHoldPendTransfer
                    | CallState::Conferenced
            )
        }
        CallOperation::Dial => matches!(state, CallState::DialTone(_) | CallState::Dialing),
        CallOperation::CompleteTransfer => {
            matches!(state, CallState::OnHold | CallState::OnHoldPendTransfer)
        }
        CallOperation::AddToConference => matches!(state, CallState::OnHold | CallState::OnHoldPendConf),
        CallOperation::StartFork | CallOperation::StartRecording => {
            let holds = matches!(
                state,
                CallState::OnHold | CallState::OnHoldPendConf | CallState::OnHoldPendTransfer
            );
            connected || holds || state == CallState::Conferenced
        }
        CallOperation::RemoveFromConference => state == CallState::Conferenced,
        CallOperation::Redirect => matches!(state, CallState::Offering(_) | CallState::Accepted),
        CallOperation::CompleteCall => {
            matches!(state, CallState::Busy(_) | CallState::Ringback | CallState::Proceeding)
        }
        CallOperation::SendUserUserInfo => {
            connected || matches!(state, CallState::Offering(_) | CallState::Accepted | CallState::Ringback)
        }
    };
    if listed { Ok(()) } else { Err(LineError::InvalCallState) }
}

/// The states in which an owner may do this, as far as the state alone decides: names, with the mode where it matters.
pub fn states_for(operation: CallOperation) -> Vec<String> {
    let may = |state: &CallState| permit(*state, CallPrivilege::Owner, operation).is_ok();
    let connected = [
        ConnectedMode::Active,
        ConnectedMode::Inactive,
        ConnectedMode::ActiveHeld,
        ConnectedMode::InactiveHeld,
    ]
    .map(CallState::Connected);
    let fits: Vec<_> = connected.into_iter().filter(may).collect();
    let connected = match fits.len() {
        4 => vec![connected[0].name().to_owned()],
        _ => fits.iter().map(|state| state.to_string()).collect(),
    };
    let [before, after] = [
        &[
            CallState::Offering(OfferingMode::Active),
            CallState::Accepted,
            CallState::DialTone(DialToneMode::Normal),
            CallState::Dialing,
            CallState::Proceeding,
            CallState::Ringback,
            CallState::Busy(BusyMode::Station),
            CallState::SpecialInfo(SpecialInfo::NoCircuit),
        ][..],
        &[
            CallState::OnHold,
            CallState::OnHoldPendConf,
            CallState::OnHoldPendTransfer,
            CallState::Conferenced,
            CallState::Disconnected(DisconnectMode::Normal),
            CallState::Unknown,
            CallState::Idle,
        ],
    ]
    .map(|states| states.iter().copied().filter(may).map(|state| state.name().to_owned()));
    before.chain(connected).chain(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_of_an_operation_are_told_with_the_mode_where_it_matters() {
        assert_eq!(states_for(CallOperation::Hold), ["connected"]);
        let answer = ["offering", "accepted", "connected (inactive)", "connected (inactiveheld)"];
        assert_eq!(states_for(CallOperation::Answer), answer);
        assert_eq!(states_for(CallOperation::AddToConference), ["onhold", "onholdpendconf"]);
        assert_eq!(states_for(CallOperation::Handoff).len(), 16, "all of them");
    }

    #[test]
    fn the_handle_is_checked_before_the_privilege_and_that_before_the_state() {
        let check = |privilege| permit(CallState::Idle, privilege, CallOperation::Hold);
        assert_eq!(check(CallPrivilege::None), Err(LineError::InvalCallHandle));
        assert_eq!(check(CallPrivilege::Monitor), Err(LineError::NotOwner));
        assert_eq!(check(CallPrivilege::Owner), Err(LineError::InvalCallState));
    }
}
