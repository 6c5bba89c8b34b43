//! ITCallInfo: what a call is.

use bytes::Bytes;

use super::call_state::CallState;
use crate::switch::{CallOrigin, CallPrivilege, CallReason, CallView, MediaMode, PartyView};

/// What a call is at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallInfo {
    view: CallView,
}

impl CallInfo {
    pub(super) const fn new(view: CallView) -> Self {
        Self { view }
    }

    /// `get_CallState`. A call in LINECALLSTATE_UNKNOWN is on its way.
    pub fn call_state(&self) -> CallState {
        CallState::of(self.view.state).unwrap_or(CallState::InProgress)
    }

    /// `get_Privilege`: CP_OWNER or CP_MONITOR.
    pub fn privilege(&self) -> CallPrivilege {
        self.view.privilege
    }

    /// CIS_CALLERIDNUMBER and CIS_CALLERIDNAME; [`PartyView::is_blocked`] says that they are not to be shown.
    pub fn caller_id(&self) -> &PartyView {
        &self.view.caller
    }

    /// CIS_CALLEDIDNUMBER and CIS_CALLEDIDNAME.
    pub fn called_id(&self) -> &PartyView {
        &self.view.called
    }

    /// CIS_CONNECTEDIDNUMBER and CIS_CONNECTEDIDNAME.
    pub fn connected_id(&self) -> &PartyView {
        &self.view.connected
    }

    /// CIL_ORIGIN.
    pub fn origin(&self) -> CallOrigin {
        self.view.origin
    }

    /// CIL_REASON.
    pub fn reason(&self) -> CallReason {
        self.view.reason
    }

    /// CIL_MEDIATYPESAVAILABLE.
    pub fn media_types(&self) -> &[MediaMode] {
        &self.view.media_modes
    }

    /// CIB_USERUSERINFO: what came last.
    pub fn user_user_info(&self) -> &Bytes {
        &self.view.user_user
    }

    /// CIB_CALLDATABUFFER.
    pub fn call_data(&self) -> &Bytes {
        &self.view.data
    }

    /// All of it in the words of TAPI 2.x.
    pub fn view(&self) -> &CallView {
        &self.view
    }
}
