//! What an application may ask of the switch, and how it is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trunkline_media::ForkId;
use trunkline_sip::outbox::MessageCounts;

use super::call_state::CallState;
use super::error::LineError;
use super::fork_url::{Authorization, ForkUrl};
use super::forward::ForwardEntry;
use super::ids::{CallId, CompletionId};
use super::privilege::CallPrivilege;
use super::subject::Circumstances;
use super::view::MediaMode;
use crate::translate::Translation;

/// A TAPI function with its arguments. Handles are resolved by the switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `lineMakeCall`: call this address from this line.
    MakeCall {
        /// The line.
        line: Arc<str>,
        /// The destination in dialable format; empty or `;`: dial tone, and [`Operation::Dial`] dials. Digits after a `,` are
        /// said when the call is connected.
        to: String,
        /// LINECALLPARAMS.
        params: Option<Box<CallParams>>,
    },
    /// `lineTranslateAddress`.
    TranslateAddress {
        /// The line.
        line: Arc<str>,
        /// Canonical or dialable.
        address: String,
        /// The calling card, with CARDOVERRIDE.
        card: Option<u32>,
        /// LINETRANSLATEOPTION_ bits, as of [`TranslateOptions::bits`](crate::translate::TranslateOptions::bits).
        options: u32,
    },
    /// `lineForward`: replaces the whole list.
    Forward {
        /// The line.
        line: Arc<str>,
        /// The list; empty cancels.
        entries: Vec<ForwardEntry>,
        /// `dwNumRingsNoAnswer`: clamped; `None`: the default.
        rings: Option<u32>,
    },
    /// `lineSetLineDevStatus` with LINEDEVSTATUSFLAGS_MSGWAIT: how many messages the line has.
    SetMessages {
        /// The line.
        line: Arc<str>,
        /// How many.
        counts: MessageCounts,
    },
    /// The phones of a line look whether their configuration has changed (NOTIFY `check-sync`).
    CheckSync {
        /// The line.
        line: Arc<str>,
        /// Whether they start anew in any case.
        reboot: bool,
    },
    /// `linePickup`.
    Pickup {
        /// Where the call is to appear.
        line: Arc<str>,
        /// The address of the alerting station.
        from: Option<String>,
        /// The group of the alerting station; with neither: the line's own groups.
        group: Option<String>,
    },
    /// `lineUnpark`.
    Unpark {
        /// Where the call is to appear.
        line: Arc<str>,
        /// The park address.
        from: String,
    },
    /// `lineSetupConference` without a first call.
    SetupConferenceOnLine {
        /// The line.
        line: Arc<str>,
    },
    /// `lineUncompleteCall`.
    UncompleteCall {
        /// The line.
        line: Arc<str>,
        /// Which request.
        completion: CompletionId,
    },
    /// `lineGetNewCalls`: monitor handles for calls of the line that the application has no handle to.
    GetNewCalls {
        /// The line.
        line: Arc<str>,
    },
    /// `lineOpen`: opens the line (again) with this privilege for incoming calls.
    OpenLine {
        /// The line.
        line: Arc<str>,
        /// None, monitor or owner.
        privilege: CallPrivilege,
        /// What it takes as owner; empty: interactive voice.
        media_modes: Vec<MediaMode>,
    },
    /// `lineClose`.
    CloseLine {
        /// The line.
        line: Arc<str>,
    },
    /// `lineSetStatusMessages`: which LINE_LINEDEVSTATE and LINE_ADDRESSSTATE messages are wanted.
    SetStatusMessages {
        /// The line.
        line: Arc<str>,
        /// LINEDEVSTATE_ suffixes.
        line_states: Vec<String>,
        /// LINEADDRESSSTATE_ suffixes.
        address_states: Vec<String>,
    },
    /// `lineSetAppPriority`.
    SetAppPriority {
        /// Which application.
        app: String,
        /// For which mode.
        media_mode: MediaMode,
        /// 1: to the top; 0: off the list.
        priority: u32,
    },
    /// `lineAccept`, with user-user information.
    Accept(CallId, Option<Bytes>),
    /// `lineAnswer`, with user-user information.
    Answer(CallId, Option<Bytes>),
    /// `lineDrop`, with user-user information.
    Drop(CallId, Option<Bytes>),
    /// `lineDeallocateCall`.
    DeallocateCall(CallId),
    /// `lineHold`.
    Hold(CallId),
    /// `lineUnhold`.
    Unhold(CallId),
    /// `lineSwapHold`: the active call, and the held one that takes its place.
    SwapHold {
        /// The active call.
        call: CallId,
        /// The held call.
        with: CallId,
    },
    /// `lineDial`: more digits.
    Dial {
        /// The call.
        call: CallId,
        /// Dialable; `;` at the end: more follow; empty: complete.
        digits: String,
    },
    /// `lineBlindTransfer`.
    BlindTransfer {
        /// The call.
        call: CallId,
        /// Where to.
        to: String,
    },
    /// `lineSetupTransfer`.
    SetupTransfer {
        /// The call.
        call: CallId,
        /// LINECALLPARAMFLAGS_ONESTEPTRANSFER: dial this at once.
        to: Option<String>,
    },
    /// `lineCompleteTransfer`.
    CompleteTransfer {
        /// The call to be transferred.
        call: CallId,
        /// Where to.
        consult: CallId,
        /// LINETRANSFERMODE_.
        mode: TransferMode,
    },
    /// `lineSetupConference`.
    SetupConference {
        /// The first party's call.
        call: CallId,
        /// LINECALLPARAMFLAGS_NOHOLDCONFERENCE: dial this, and form the conference when it answers.
        to: Option<String>,
    },
    /// `linePrepareAddToConference`.
    PrepareAddToConference {
        /// The conference.
        call: CallId,
        /// As in [`Operation::SetupConference`].
        to: Option<String>,
    },
    /// `lineAddToConference`.
    AddToConference {
        /// The conference.
        call: CallId,
        /// The call to add.
        consult: CallId,
    },
    /// `lineRemoveFromConference`.
    RemoveFromConference(CallId),
    /// `lineGetConfRelatedCalls`.
    GetConfRelatedCalls(CallId),
    /// `linePark`.
    Park {
        /// The call.
        call: CallId,
        /// LINEPARKMODE_DIRECTED: where; `None`: nondirected.
        to: Option<String>,
    },
    /// `lineRedirect`.
    Redirect {
        /// The call.
        call: CallId,
        /// Where to.
        to: String,
    },
    /// `lineSecureCall`.
    SecureCall(CallId),
    /// `lineCompleteCall`.
    CompleteCall {
        /// The call.
        call: CallId,
        /// LINECALLCOMPLMODE_.
        mode: CompletionMode,
        /// Which message, with MESSAGE.
        message: Option<u32>,
    },
    /// `lineHandoff`.
    Handoff {
        /// The call.
        call: CallId,
        /// To whom.
        to: HandoffTarget,
    },
    /// Takes the call down into a file: `start-recording`, which TAPI 2.x does not have.
    StartRecording(CallId),
    /// Leaves silence in the recording from here on.
    PauseRecording(CallId),
    /// Ends the pause.
    ResumeRecording(CallId),
    /// Ends the recording.
    StopRecording(CallId),
    /// Sends the call's audio to a WebSocket, too: `start-fork`, which TAPI does not have.
    StartFork {
        /// The call.
        call: CallId,
        /// Where to.
        url: ForkUrl,
        /// What the application proves itself with there.
        authorization: Option<Authorization>,
    },
    /// Ends a fork, or all of the call.
    StopFork {
        /// The call.
        call: CallId,
        /// Which; `None`: all.
        fork: Option<ForkId>,
    },
    /// `lineSetCallPrivilege`.
    SetCallPrivilege {
        /// The call.
        call: CallId,
        /// Owner, monitor or none.
        privilege: CallPrivilege,
    },
    /// `lineSetMediaMode`.
    SetMediaMode {
        /// The call.
        call: CallId,
        /// One mode, or several of which one is unknown.
        media_modes: Vec<MediaMode>,
    },
    /// `lineSetCallData`.
    SetCallData {
        /// The call.
        call: CallId,
        /// The data; empty removes.
        data: Bytes,
    },
    /// `lineSendUserUserInfo`.
    SendUserUserInfo {
        /// The call.
        call: CallId,
        /// The octets.
        data: Bytes,
    },
    /// `lineSetCallQualityOfService`.
    SetCallQualityOfService {
        /// The call.
        call: CallId,
        /// The level.
        level: QosLevel,
    },
    /// `lineGenerateDigits`.
    GenerateDigits {
        /// The call.
        call: CallId,
        /// Digits, `,` and `!`; `None` cancels.
        digits: Option<String>,
        /// How long each sounds; clamped.
        duration: Option<Duration>,
        /// How they go out; `None`: as the far end takes them.
        mode: Option<DigitMode>,
    },
    /// `lineGatherDigits`.
    GatherDigits {
        /// The call.
        call: CallId,
        /// What is gathered; `None` cancels.
        gathering: Option<Gathering>,
    },
    /// `lineMonitorDigits`.
    MonitorDigits {
        /// The call.
        call: CallId,
        /// LINEDIGITMODE_; empty stops.
        modes: Vec<DigitMode>,
    },
    /// `lineMonitorMedia`.
    MonitorMedia {
        /// The call.
        call: CallId,
        /// What to look for; empty stops.
        media_modes: Vec<MediaMode>,
    },
}

impl Operation {
    /// The operation on this call, with arguments that fit as far as that can be told without knowing the call: for
    /// exploring what a switch accepts. `other` is the second call of those that take two.
    pub fn sample(operation: CallOperation, call: CallId, other: CallId) -> Self {
        let to = || "1003".to_owned();
        match operation {
            CallOperation::Accept => Self::Accept(call, None),
            CallOperation::AddToConference => Self::AddToConference { call, consult: other },
            CallOperation::Answer => Self::Answer(call, None),
            CallOperation::BlindTransfer => Self::BlindTransfer { call, to: to() },
            CallOperation::CompleteCall => {
                Self::CompleteCall { call, mode: CompletionMode::Callback, message: None }
            }
            CallOperation::CompleteTransfer => {
                Self::CompleteTransfer { call, consult: other, mode: TransferMode::Transfer }
            }
            CallOperation::DeallocateCall => Self::DeallocateCall(call),
            CallOperation::Dial => Self::Dial { call, digits: to() },
            CallOperation::Drop => Self::Drop(call, None),
            CallOperation::GatherDigits => Self::GatherDigits { call, gathering: None },
            CallOperation::GenerateDigits => {
                Self::GenerateDigits { call, digits: Some("1".to_owned()), duration: None, mode: None }
            }
            CallOperation::GetConfRelatedCalls => Self::GetConfRelatedCalls(call),
            CallOperation::Handoff => Self::Handoff { call, to: HandoffTarget::App("crm".to_owned()) },
            CallOperation::Hold => Self::Hold(call),
            CallOperation::MonitorDigits => Self::MonitorDigits { call, modes: vec![DigitMode::Dtmf] },
            CallOperation::MonitorMedia => {
                Self::MonitorMedia { call, media_modes: vec![MediaMode::InteractiveVoice] }
            }
            CallOperation::Park => Self::Park { call, to: None },
            CallOperation::PrepareAddToConference => Self::PrepareAddToConference { call, to: None },
            CallOperation::Redirect => Self::Redirect { call, to: to() },
            CallOperation::RemoveFromConference => Self::RemoveFromConference(call),
            CallOperation::SecureCall => Self::SecureCall(call),
            CallOperation::SendUserUserInfo => {
                Self::SendUserUserInfo { call, data: Bytes::from_static(b"\x04hello") }
            }
            CallOperation::SetCallData => Self::SetCallData { call, data: Bytes::from_static(b"data") },
            CallOperation::SetCallPrivilege => {
                Self::SetCallPrivilege { call, privilege: CallPrivilege::Owner }
            }
            CallOperation::SetCallQualityOfService => {
                Self::SetCallQualityOfService { call, level: QosLevel::BestEffort }
            }
            CallOperation::SetMediaMode => {
                Self::SetMediaMode { call, media_modes: vec![MediaMode::InteractiveVoice] }
            }
            CallOperation::SetupConference => Self::SetupConference { call, to: None },
            CallOperation::SetupTransfer => Self::SetupTransfer { call, to: None },
            CallOperation::SwapHold => Self::SwapHold { call, with: other },
            CallOperation::StartFork => Self::StartFork { call, url: ForkUrl::sample(), authorization: None },
            CallOperation::StopFork => Self::StopFork { call, fork: None },
            CallOperation::StartRecording => Self::StartRecording(call),
            CallOperation::PauseRecording => Self::PauseRecording(call),
            CallOperation::ResumeRecording => Self::ResumeRecording(call),
            CallOperation::StopRecording => Self::StopRecording(call),
            CallOperation::Unhold => Self::Unhold(call),
        }
    }
}

/// LINECALLPARAMS, as far as a SIP line can use it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallParams {
    /// UserUserInfo.
    pub user_user: Option<Bytes>,
    /// CallData.
    pub call_data: Bytes,
    /// `dwNoAnswerTimeout`.
    pub no_answer_after: Option<Duration>,
    /// LINECALLPARAMFLAGS_SECURE.
    pub secure: bool,
    /// LINECALLPARAMFLAGS_BLOCKID.
    pub block_id: bool,
    /// LINECALLPARAMFLAGS_IDLE.
    pub idle: bool,
    /// LINECALLPARAMFLAGS_DESTOFFHOOK.
    pub dest_off_hook: bool,
    /// CallingPartyID: the name shown to the called party.
    pub calling_party: Option<String>,
}

/// LINETRANSFERMODE_.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferMode {
    /// The parties are joined.
    Transfer,
    /// Everybody stays, in a conference.
    Conference,
}

/// LINECALLCOMPLMODE_.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CompletionMode {
    /// Queue until the called station is free.
    CampOn,
    /// Call back when the called station is free.
    Callback,
    /// Barge in.
    Intrude,
    /// Leave a message.
    Message,
}

impl CompletionMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CampOn => "campon",
            Self::Callback => "callback",
            Self::Intrude => "intrude",
            Self::Message => "message",
        }
    }
}

/// Who is to own a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandoffTarget {
    /// The application of this name.
    App(String),
    /// The first that opened the line as owner for this mode.
    Media(MediaMode),
}

/// LINEDIGITMODE_, and how digits go out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DigitMode {
    /// Rotary pulses: never on a SIP line.
    Pulse,
    /// The beginning of a digit.
    Dtmf,
    /// The end of a digit.
    DtmfEnd,
}

impl DigitMode {
    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pulse => "pulse",
            Self::Dtmf => "dtmf",
            Self::DtmfEnd => "dtmfend",
        }
    }
}

/// The arguments of `lineGatherDigits`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gathering {
    /// How many digits fill the buffer.
    pub count: u32,
    /// Digits that end it.
    pub termination: String,
    /// How long the first digit is waited for.
    pub first_digit: Option<Duration>,
    /// How long each further digit is waited for.
    pub inter_digit: Option<Duration>,
}

/// `QOS_SERVICE_LEVEL` of TAPI 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QosLevel {
    /// QSL_NEEDED.
    Needed,
    /// QSL_IF_AVAILABLE.
    IfAvailable,
    /// QSL_BEST_EFFORT.
    BestEffort,
}

/// An operation on a call, without its arguments: what privileges, states and capability bits speak of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the operation of its name")]
pub enum CallOperation {
    Accept,
    AddToConference,
    Answer,
    BlindTransfer,
    CompleteCall,
    CompleteTransfer,
    DeallocateCall,
    Dial,
    Drop,
    GatherDigits,
    GenerateDigits,
    GetConfRelatedCalls,
    Handoff,
    Hold,
    MonitorDigits,
    MonitorMedia,
    Park,
    PauseRecording,
    PrepareAddToConference,
    Redirect,
    RemoveFromConference,
    ResumeRecording,
    SecureCall,
    SendUserUserInfo,
    SetCallData,
    SetCallPrivilege,
    SetCallQualityOfService,
    SetMediaMode,
    SetupConference,
    SetupTransfer,
    StartFork,
    StartRecording,
    StopFork,
    StopRecording,
    SwapHold,
    Unhold,
}

impl CallOperation {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 36] = [
        Self::Accept,
        Self::AddToConference,
        Self::Answer,
        Self::BlindTransfer,
        Self::CompleteCall,
        Self::CompleteTransfer,
        Self::DeallocateCall,
        Self::Dial,
        Self::Drop,
        Self::GatherDigits,
        Self::GenerateDigits,
        Self::GetConfRelatedCalls,
        Self::Handoff,
        Self::Hold,
        Self::MonitorDigits,
        Self::MonitorMedia,
        Self::Park,
        Self::PauseRecording,
        Self::PrepareAddToConference,
        Self::Redirect,
        Self::RemoveFromConference,
        Self::ResumeRecording,
        Self::SecureCall,
        Self::SendUserUserInfo,
        Self::SetCallData,
        Self::SetCallPrivilege,
        Self::SetCallQualityOfService,
        Self::SetMediaMode,
        Self::SetupConference,
        Self::SetupTransfer,
        Self::StartFork,
        Self::StartRecording,
        Self::StopFork,
        Self::StopRecording,
        Self::SwapHold,
        Self::Unhold,
    ];

    /// Whether TAPI 2.x has a function for it; what records and forks calls is an extension.
    pub const fn is_tapi(self) -> bool {
        !matches!(
            self,
            Self::StartRecording
                | Self::PauseRecording
                | Self::ResumeRecording
                | Self::StopRecording
                | Self::StartFork
                | Self::StopFork
        )
    }

    /// The name in the API: the TAPI function's suffix in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AddToConference => "add-to-conference",
            Self::Answer => "answer",
            Self::BlindTransfer => "blind-transfer",
            Self::CompleteCall => "complete-call",
            Self::CompleteTransfer => "complete-transfer",
            Self::DeallocateCall => "deallocate-call",
            Self::Dial => "dial",
            Self::Drop => "drop",
            Self::GatherDigits => "gather-digits",
            Self::GenerateDigits => "generate-digits",
            Self::GetConfRelatedCalls => "get-conf-related-calls",
            Self::Handoff => "handoff",
            Self::Hold => "hold",
            Self::MonitorDigits => "monitor-digits",
            Self::MonitorMedia => "monitor-media",
            Self::Park => "park",
            Self::PauseRecording => "pause-recording",
            Self::PrepareAddToConference => "prepare-add-to-conference",
            Self::Redirect => "redirect",
            Self::RemoveFromConference => "remove-from-conference",
            Self::ResumeRecording => "resume-recording",
            Self::SecureCall => "secure-call",
            Self::SendUserUserInfo => "send-user-user-info",
            Self::SetCallData => "set-call-data",
            Self::SetCallPrivilege => "set-call-privilege",
            Self::SetCallQualityOfService => "set-call-quality-of-service",
            Self::SetMediaMode => "set-media-mode",
            Self::SetupConference => "setup-conference",
            Self::SetupTransfer => "setup-transfer",
            Self::StartFork => "start-fork",
            Self::StartRecording => "start-recording",
            Self::StopFork => "stop-fork",
            Self::StopRecording => "stop-recording",
            Self::SwapHold => "swap-hold",
            Self::Unhold => "unhold",
        }
    }
}

/// An operation on a line, without its arguments: what `features` of a line speak of (LINEADDRFEATURE_).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the TAPI function of its name")]
pub enum LineOperation {
    Forward,
    GetNewCalls,
    MakeCall,
    Pickup,
    SetupConference,
    TranslateAddress,
    UncompleteCall,
    Unpark,
}

impl LineOperation {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 8] = [
        Self::Forward,
        Self::GetNewCalls,
        Self::MakeCall,
        Self::Pickup,
        Self::SetupConference,
        Self::TranslateAddress,
        Self::UncompleteCall,
        Self::Unpark,
    ];

    /// The name in the API: the TAPI function's suffix in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::GetNewCalls => "get-new-calls",
            Self::MakeCall => "make-call",
            Self::Pickup => "pickup",
            Self::SetupConference => "setup-conference",
            Self::TranslateAddress => "translate-address",
            Self::UncompleteCall => "uncomplete-call",
            Self::Unpark => "unpark",
        }
    }
}

/// What a successful reply carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing but success.
    Done,
    /// The call that came into being.
    Call(CallId),
    /// The consultation call that came into being.
    Consult(CallId),
    /// The conference that came into being, with its consultation call.
    Conference {
        /// The parent call.
        conference: CallId,
        /// The consultation call; none after `lineCompleteTransfer`.
        consult: Option<CallId>,
    },
    /// Where the call is parked.
    Parked(String),
    /// The request that is outstanding.
    Completion(CompletionId),
    /// Calls: the conference first, then its members; or those that handles were given for.
    Calls(Vec<CallId>),
    /// The file of the recording that began, from the directory of recordings on.
    Recording(Arc<str>),
    /// The fork that began.
    Fork(ForkId),
    /// What to dial and what to show.
    Translated(Box<Translation>),
}

/// Why an operation was refused, and what would have been allowed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// The LINEERR_ code.
    pub error: LineError,
    /// The state of the call, where there is one.
    pub state: Option<CallState>,
    /// What this application could do with the call at that moment.
    pub allowed: Vec<CallOperation>,
    /// What was asked for, and how that stood; of the switch's refusals.
    pub circumstances: Option<Box<Circumstances>>,
}

impl From<LineError> for Refusal {
    fn from(error: LineError) -> Self {
        Self { error, state: None, allowed: Vec::new(), circumstances: None }
    }
}

/// How a request ends.
pub type Reply = Result<Outcome, Refusal>;
