//! What an operation is about, and how that stood when it was refused.

use std::sync::Arc;

use super::Switch;
use super::call_state::CallState;
use super::ids::{AppId, CallId};
use super::operation::{CallOperation, Operation, Refusal};
use super::privilege::CallPrivilege;

/// An operation without its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requested {
    /// On a call.
    OnCall(CallOperation),
    /// On a line: its name in the API.
    OnLine(&'static str),
    /// On an application: its name in the API.
    OnApp(&'static str),
}

impl Requested {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnCall(operation) => operation.name(),
            Self::OnLine(name) | Self::OnApp(name) => name,
        }
    }
}

/// What a refused operation was, and how what it is about stood at that moment, as far as the application may know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Circumstances {
    /// The operation.
    pub requested: Requested,
    /// The state of the call.
    pub state: Option<CallState>,
    /// What the application holds of the call, or opened the line with.
    pub privilege: Option<CallPrivilege>,
    /// What the application could do with the call, or with the line: names in the API.
    pub allowed: Option<Vec<&'static str>>,
}

/// What an operation is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    Call(CallOperation, CallId),
    Line(&'static str, Arc<str>),
    App(&'static str),
}

impl Operation {
    /// What it is about: of several calls the one that the API's path names.
    pub(super) fn subject(&self) -> Subject {
        use CallOperation as On;
        let (operation, call) = match self {
            Self::MakeCall { line, .. } => return Subject::Line("make-call", Arc::clone(line)),
            Self::TranslateAddress { line, .. } => {
                return Subject::Line("translate-address", Arc::clone(line));
            }
            Self::Forward { line, .. } => return Subject::Line("forward", Arc::clone(line)),
            Self::SetMessages { line, .. } => return Subject::Line("set-messages", Arc::clone(line)),
            Self::CheckSync { line, .. } => return Subject::Line("check-sync", Arc::clone(line)),
            Self::Pickup { line, .. } => return Subject::Line("pickup", Arc::clone(line)),
            Self::Unpark { line, .. } => return Subject::Line("unpark", Arc::clone(line)),
            Self::SetupConferenceOnLine { line } => {
                return Subject::Line("setup-conference", Arc::clone(line));
            }
            Self::UncompleteCall { line, .. } => return Subject::Line("uncomplete-call", Arc::clone(line)),
            Self::GetNewCalls { line } => return Subject::Line("get-new-calls", Arc::clone(line)),
            Self::OpenLine { line, .. } => return Subject::Line("open", Arc::clone(line)),
            Self::CloseLine { line } => return Subject::Line("close", Arc::clone(line)),
            Self::SetStatusMessages { line, .. } => {
                return Subject::Line("set-status-messages", Arc::clone(line));
            }
            Self::SetAppPriority { .. } => return Subject::App("set-app-priority"),
            Self::Accept(call, _) => (On::Accept, call),
            Self::Answer(call, _) => (On::Answer, call),
            Self::Drop(call, _) => (On::Drop, call),
            Self::DeallocateCall(call) => (On::DeallocateCall, call),
            Self::Hold(call) => (On::Hold, call),
            Self::Unhold(call) => (On::Unhold, call),
            Self::SwapHold { call, .. } => (On::SwapHold, call),
            Self::Dial { call, .. } => (On::Dial, call),
            Self::BlindTransfer { call, .. } => (On::BlindTransfer, call),
            Self::SetupTransfer { call, .. } => (On::SetupTransfer, call),
            Self::CompleteTransfer { call, .. } => (On::CompleteTransfer, call),
            Self::SetupConference { call, .. } => (On::SetupConference, call),
            Self::PrepareAddToConference { call, .. } => (On::PrepareAddToConference, call),
            Self::AddToConference { call, .. } => (On::AddToConference, call),
            Self::RemoveFromConference(call) => (On::RemoveFromConference, call),
            Self::GetConfRelatedCalls(call) => (On::GetConfRelatedCalls, call),
            Self::Park { call, .. } => (On::Park, call),
            Self::Redirect { call, .. } => (On::Redirect, call),
            Self::SecureCall(call) => (On::SecureCall, call),
            Self::CompleteCall { call, .. } => (On::CompleteCall, call),
            Self::Handoff { call, .. } => (On::Handoff, call),
            Self::StartRecording(call) => (On::StartRecording, call),
            Self::PauseRecording(call) => (On::PauseRecording, call),
            Self::ResumeRecording(call) => (On::ResumeRecording, call),
            Self::StopRecording(call) => (On::StopRecording, call),
            Self::StartFork { call, .. } => (On::StartFork, call),
            Self::StopFork { call, .. } => (On::StopFork, call),
            Self::SetCallPrivilege { call, .. } => (On::SetCallPrivilege, call),
            Self::SetMediaMode { call, .. } => (On::SetMediaMode, call),
            Self::SetCallData { call, .. } => (On::SetCallData, call),
            Self::SendUserUserInfo { call, .. } => (On::SendUserUserInfo, call),
            Self::SetCallQualityOfService { call, .. } => (On::SetCallQualityOfService, call),
            Self::GenerateDigits { call, .. } => (On::GenerateDigits, call),
            Self::GatherDigits { call, .. } => (On::GatherDigits, call),
            Self::MonitorDigits { call, .. } => (On::MonitorDigits, call),
            Self::MonitorMedia { call, .. } => (On::MonitorMedia, call),
        };
        Subject::Call(operation, *call)
    }
}

impl Switch {
    /// The refusal with what it is about; of calls and lines of others nothing is told.
    pub(super) fn told(&self, app: AppId, subject: &Subject, refusal: Refusal) -> Refusal {
        let circumstances = match subject {
            Subject::Call(operation, id) => {
                let known = self.calls.get(id);
                let call = known.filter(|call| call.handles.iter().any(|(holder, _)| *holder == app));
                let names = |call| self.features(app, call).into_iter().map(CallOperation::name).collect();
                Circumstances {
                    requested: Requested::OnCall(*operation),
                    state: call.map(|call| call.state),
                    privilege: call.map(|call| call.privilege(app)),
                    allowed: call.map(names),
                }
            }
            Subject::Line(name, address) => {
                let watchers = self.lines.get(address).into_iter().flat_map(|line| line.watchers.iter());
                let privilege = watchers.clone().find(|(watcher, _)| *watcher == app).map(|(_, it)| *it);
                Circumstances {
                    requested: Requested::OnLine(name),
                    state: None,
                    privilege,
                    allowed: self.line(app, address).map(|line| line.features),
                }
            }
            Subject::App(name) => Circumstances {
                requested: Requested::OnApp(name),
                state: None,
                privilege: None,
                allowed: None,
            },
        };
        Refusal { circumstances: Some(Box::new(circumstances)), ..refusal }
    }

    /// The same for an operation on a call that is refused late.
    pub(super) fn told_of_call(
        &self,
        app: AppId,
        operation: CallOperation,
        call: CallId,
        refusal: Refusal,
    ) -> Refusal {
        self.told(app, &Subject::Call(operation, call), refusal)
    }
}
