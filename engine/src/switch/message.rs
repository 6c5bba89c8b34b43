//! The messages of TAPI (LINE_*) as an application receives them.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::ForkId;

use super::audio_fork::ForkEnd;
use super::call_state::CallState;
use super::ids::{CallId, RequestId};
use super::operation::{DigitMode, Reply};
use super::privilege::CallPrivilege;
use super::quality::MediaView;
use super::view::MediaMode;

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
    /// The media of a call is over: how it was. TAPI has no such message, and LINE_CALLINFO ends with the call.
    CallQuality {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// The figures of its station.
        media: Box<MediaView>,
    },
    /// A recording of the call began, is paused or resumed, or is over. TAPI has no such message.
    Recording {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// `started`, `paused`, `resumed`, `stopped` or `failed`.
        change: &'static str,
        /// The file, from the directory of recordings on, if there is one.
        path: Option<Arc<str>>,
        /// Why it is over: `stopped`, `toolong`, `diskfull`, `failed` or `resourceunavail`.
        reason: Option<&'static str>,
        /// How long it is, when it is over.
        length: Duration,
    },
    /// A fork of the call's audio began, or is over. TAPI has no such message.
    Fork {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// The fork.
        fork: ForkId,
        /// `started`, `stopped` or `failed`.
        change: &'static str,
        /// Why it is over.
        end: Option<ForkEnd>,
        /// Pieces of 20 ms that found no room on their way to the server.
        pieces_lost: u64,
    },
    /// LINE_ADDRESSSTATE (NUMCALLS): the number of calls on the line changed.
    AddressState {
        /// The line.
        line: Arc<str>,
        /// Active calls, then calls on hold, then calls on pending hold.
        calls: [u16; 3],
    },
    /// LINE_ADDRESSSTATE (FORWARD): the forwarding of the line changed.
    Forwarded {
        /// The line.
        line: Arc<str>,
    },
    /// LINE_LINEDEVSTATE.
    LineState {
        /// The line.
        line: Arc<str>,
        /// LINEDEVSTATE_ suffix: `ringing`, `numcompletions`, `complcancel`, `open`, `close`, `translatechange`, `msgwaiton` …
        state: &'static str,
        /// dwParam2: the ring mode, the completion id, the number of new messages.
        detail: u32,
        /// dwParam3: the ring count.
        count: u32,
    },
    /// LINE_CLOSE: the line was closed for this application; its handles are gone.
    Close {
        /// The line.
        line: Arc<str>,
    },
    /// LINE_MONITORDIGITS.
    MonitorDigits {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// The digit.
        digit: char,
        /// How it was seen.
        mode: DigitMode,
    },
    /// LINE_GATHERDIGITS.
    GatherDigits {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// What was gathered.
        digits: String,
        /// LINEGATHERTERM_ suffix: `bufferfull`, `termdigit`, `firsttimeout`, `intertimeout`, `cancel`.
        reason: &'static str,
    },
    /// LINE_GENERATE: the digits are out, or were cancelled.
    Generate {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// LINEGENERATETERM_ suffix: `done` or `cancel`.
        reason: &'static str,
    },
    /// LINE_MONITORMEDIA.
    MonitorMedia {
        /// The call.
        call: CallId,
        /// Its line.
        line: Arc<str>,
        /// What was detected.
        media_mode: MediaMode,
    },
    /// A park address was taken or became free.
    Parked {
        /// The park address.
        slot: Arc<str>,
        /// Who parked.
        line: Arc<str>,
        /// Who is parked: the number; empty where it is not known, or not to be shown.
        party: String,
        /// `parked`, `retrieved`, `returned` or `abandoned`.
        change: &'static str,
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
