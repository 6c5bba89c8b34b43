//! The messages of TAPI (LINE_*) as an application receives them.

use std::sync::Arc;

use super::call_state::CallState;
use super::ids::{CallId, RequestId};
use super::operation::Reply;
use super::privilege::CallPrivilege;

/// One message to one application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// LINE_REPLY: the request is over. Delivered before any message about a call that it made.
    Reply {
        /// Which request.
        request: RequestId,
        /// How it ended.
        reply: Reply,
    },
    /// LINE_APPNEWCALL: the application was given a handle; a [`Message::CallState`] follows at once.
    NewCall {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// The privilege given.
        privilege: CallPrivilege,
    },
    /// LINE_CALLSTATE.
    CallState {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// The state with its mode.
        state: CallState,
        /// dwParam3: the privilege just given, else `None`.
        privilege: Option<CallPrivilege>,
    },
    /// LINE_CALLINFO: what changed, as a LINECALLINFOSTATE_ suffix.
    CallInfo {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// `connectedid`, `numownerdecr` …
        changed: &'static str,
    },
    /// LINE_ADDRESSSTATE (NUMCALLS): the number of calls on the line changed.
    AddressState {
        /// The line.
        line: Arc<str>,
        /// Active calls, then calls on hold, then calls on pending hold.
        calls: [u16; 3],
    },
    /// A phone registered, unregistered or expired.
    Registration {
        /// The line.
        line: Arc<str>,
        /// The Contact URI.
        contact: String,
        /// `registered`, `unregistered` or `expired`.
        change: &'static str,
    },
}
