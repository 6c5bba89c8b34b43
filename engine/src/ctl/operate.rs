//! The operations as commands: each a TAPI function in kebab case, and the request that it makes.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::path;

/// Something to do with a line or a call.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Operate {
    /// Call a number from a line: its phone rings first.
    MakeCall {
        /// The line that calls.
        line: String,
        /// The number to call; empty, or with `;` at its end: dial brings the rest.
        to: String,
        /// The name that the called party is shown.
        #[arg(long, value_name = "NAME")]
        calling_party: Option<String>,
        /// The called party is not shown who calls.
        #[arg(long)]
        block_id: bool,
        /// Nothing may interrupt the call.
        #[arg(long)]
        secure: bool,
        /// Give up when nobody answered for so many seconds.
        #[arg(long, value_name = "SECONDS")]
        no_answer_timeout: Option<u32>,
    },
    /// Say what to dial on a line for an address, and what to show.
    TranslateAddress {
        /// The line.
        line: String,
        /// The address, canonical as in "+1 (425) 555-0100" or dialable.
        #[arg(allow_hyphen_values = true)]
        address: String,
        /// The calling card, with --option cardoverride.
        #[arg(long)]
        card: Option<u32>,
        /// cardoverride, cancelcallwaiting, forcelocal or forceld.
        #[arg(long = "option", value_name = "OPTION")]
        options: Vec<String>,
    },
    /// Say where calls of a line go instead: the whole list; none cancels.
    Forward {
        /// The line.
        line: String,
        /// MODE=DESTINATION or MODE:CALLER=DESTINATION, as in noansw=1003; no destination: do not disturb.
        entries: Vec<String>,
        /// Rings before a call counts as not answered.
        #[arg(long)]
        rings: Option<u32>,
    },
    /// Take a call that rings elsewhere.
    Pickup {
        /// The line that takes it.
        line: String,
        /// The station that rings. With neither this nor a group: one of the line's own groups.
        from: Option<String>,
        /// The group of the station that rings.
        #[arg(long)]
        group: Option<String>,
    },
    /// Retrieve a parked call.
    Unpark {
        /// The line that retrieves it.
        line: String,
        /// The park address.
        from: String,
    },
    /// Cancel a completion that is outstanding.
    UncompleteCall {
        /// The line.
        line: String,
        /// Its number.
        completion: u32,
    },
    /// Get monitor handles for the calls of a line that are not known.
    GetNewCalls(OneLine),
    /// Open a line for incoming calls.
    Open {
        /// The line.
        line: String,
        /// none, monitor or owner.
        privilege: String,
        /// What is taken as owner: interactivevoice, automatedvoice …
        media_modes: Vec<String>,
    },
    /// Close a line.
    Close(OneLine),
    /// Say which events of a line are wanted.
    SetStatusMessages {
        /// The line.
        line: String,
        /// ringing, numcompletions …
        #[arg(long = "line-state", value_name = "STATE")]
        line_states: Vec<String>,
        /// numcalls, forward.
        #[arg(long = "address-state", value_name = "STATE")]
        address_states: Vec<String>,
    },
    /// Say who is asked first to own calls of a media mode.
    SetAppPriority {
        /// The application.
        app: String,
        /// The media mode.
        media_mode: String,
        /// 1: to the top; 0: off the list.
        priority: u32,
    },
    /// Take responsibility for an offered call.
    Accept(UserUser),
    /// Answer an offered call.
    Answer(UserUser),
    /// End a call.
    Drop(UserUser),
    /// Give a handle to a call back.
    DeallocateCall(OneCall),
    /// Put a call on hold.
    Hold(OneCall),
    /// Retrieve a call from hold.
    Unhold(OneCall),
    /// Put a call on hold and retrieve another in its place.
    SwapHold {
        /// The active call.
        call: String,
        /// The held call.
        with: String,
    },
    /// Dial digits, or more of them.
    Dial {
        /// The call.
        call: String,
        /// The digits; `;` at the end: more follow.
        digits: String,
    },
    /// Send the far party elsewhere without asking there first.
    BlindTransfer(CallTo),
    /// Put a call on hold to ask somebody; gives the consultation call.
    SetupTransfer(CallMayTo),
    /// Let the two far parties talk.
    CompleteTransfer {
        /// The call that waits.
        call: String,
        /// The consultation call.
        consult: String,
        /// All three stay, in a conference.
        #[arg(long)]
        conference: bool,
    },
    /// Make a conference of a call, or on a line without one; gives the conference and the consultation call.
    SetupConference {
        /// The call, as in c42, or the line.
        call_or_line: String,
        /// Call this, and form the conference when it answers.
        to: Option<String>,
    },
    /// Ask one more party for a conference; gives the consultation call.
    PrepareAddToConference(CallMayTo),
    /// Add a call to a conference.
    AddToConference {
        /// The conference.
        call: String,
        /// The call to add.
        consult: String,
    },
    /// Take a call out of its conference.
    RemoveFromConference(OneCall),
    /// List a conference and its members.
    GetConfRelatedCalls(OneCall),
    /// Park the far party: at an address, or wherever there is room.
    Park(CallMayTo),
    /// Send an offered call elsewhere.
    Redirect(CallTo),
    /// Let nobody barge into a call.
    SecureCall(OneCall),
    /// Record a call; gives the file.
    StartRecording(OneCall),
    /// Leave silence in the recording of a call.
    PauseRecording(OneCall),
    /// End the pause of a recording.
    ResumeRecording(OneCall),
    /// End the recording of a call.
    StopRecording(OneCall),
    /// Send the audio of a call to a WebSocket, too; gives the fork.
    StartFork {
        /// The call.
        call: String,
        /// Where to, as in ws://127.0.0.1:9000/listen; the configuration must allow it (fork.allow).
        url: String,
        /// The value of the Authorization header of the request to it.
        #[arg(long, value_name = "VALUE")]
        authorization: Option<String>,
    },
    /// End a fork of a call, or all of them.
    StopFork {
        /// The call.
        call: String,
        /// Which, as in f3; none: all.
        fork: Option<String>,
    },
    /// Have a call that finds nobody completed later, or at once.
    CompleteCall {
        /// The call.
        call: String,
        /// campon, callback, intrude or message.
        mode: String,
        /// Which message.
        #[arg(long)]
        message: Option<u32>,
    },
    /// Give a call to another application.
    Handoff {
        /// The call.
        call: String,
        /// The application.
        #[arg(required_unless_present = "media_mode")]
        app: Option<String>,
        /// Or to the first that takes this media mode.
        #[arg(long, conflicts_with = "app")]
        media_mode: Option<String>,
    },
    /// Become owner or monitor of a call.
    SetCallPrivilege {
        /// The call.
        call: String,
        /// monitor or owner.
        privilege: String,
    },
    /// Say what kind of call it is.
    SetMediaMode(MediaModes),
    /// Tell when these kinds of media are detected; none stops.
    MonitorMedia(MediaModes),
    /// Attach data to a call.
    SetCallData(Octets),
    /// Send user-user information to the far side.
    SendUserUserInfo(Octets),
    /// Ask for a quality of service.
    SetCallQualityOfService {
        /// The call.
        call: String,
        /// needed, if-available or best-effort.
        level: String,
    },
    /// Send digits to the far side; none: stop.
    GenerateDigits {
        /// The call.
        call: String,
        /// 0-9, A-D, *, #, `,` for a pause, `!` for a hookflash.
        digits: Option<String>,
        /// How long each lasts.
        #[arg(long)]
        duration_ms: Option<u32>,
    },
    /// Gather digits of the far side; none: stop.
    GatherDigits {
        /// The call.
        call: String,
        /// How many.
        count: Option<u32>,
        /// Digits that end it.
        #[arg(long, value_name = "DIGITS")]
        termination_digits: Option<String>,
        /// How long the first is waited for.
        #[arg(long, value_name = "MS")]
        first_digit_timeout_ms: Option<u32>,
        /// How long each further one is waited for.
        #[arg(long, value_name = "MS")]
        inter_digit_timeout_ms: Option<u32>,
    },
    /// Tell each digit of the far side; no mode stops.
    MonitorDigits {
        /// The call.
        call: String,
        /// dtmf, dtmfend.
        modes: Vec<String>,
    },
}

/// The line that is meant.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct OneLine {
    /// Its address.
    pub line: String,
}

/// The call that is meant.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct OneCall {
    /// Its id, as in c42.
    pub call: String,
}

/// A call, and what to tell the far side.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct UserUser {
    /// Its id, as in c42.
    pub call: String,
    /// User-user information for the far side, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    pub user_user: Option<String>,
}

/// A call and a number.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CallTo {
    /// The call.
    pub call: String,
    /// Where to.
    pub to: String,
}

/// A call, and perhaps a number.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct CallMayTo {
    /// The call.
    pub call: String,
    /// Where to, or whom to call.
    pub to: Option<String>,
}

/// A call and media modes.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct MediaModes {
    /// The call.
    pub call: String,
    /// interactivevoice, automatedvoice, g3fax, video, unknown.
    pub media_modes: Vec<String>,
}

/// A call and octets.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Octets {
    /// The call.
    pub call: String,
    /// In hexadecimal; none: removed.
    #[arg(default_value = "")]
    pub data: String,
}

/// The request that a command makes: path and body.
pub(super) fn request(operate: &Operate) -> (String, Value) {
    match operate {
        Operate::MakeCall { line, to, calling_party, block_id, secure, no_answer_timeout } => {
            let body = json!({"to": to, "calling_party": calling_party, "block_id": block_id, "secure": secure,
                              "no_answer_timeout_s": no_answer_timeout});
            on_line(line, "make-call", body)
        }
        Operate::TranslateAddress { line, address, card, options } => {
            let body = json!({"address": address, "card": card, "options": options});
            on_line(line, "translate-address", body)
        }
        Operate::Forward { line, entries, rings } => {
            let entries: Vec<_> = entries.iter().map(|text| forward_entry(text)).collect();
            on_line(line, "forward", json!({"entries": entries, "rings": rings}))
        }
        Operate::Pickup { line, from, group } => {
            on_line(line, "pickup", json!({"from": from, "group": group}))
        }
        Operate::Unpark { line, from } => on_line(line, "unpark", json!({ "from": from })),
        Operate::UncompleteCall { line, completion } => {
            on_line(line, "uncomplete-call", json!({ "completion": completion }))
        }
        Operate::GetNewCalls(OneLine { line }) => on_line(line, "get-new-calls", json!({})),
        Operate::Open { line, privilege, media_modes } => {
            on_line(line, "open", json!({"privilege": privilege, "media_modes": media_modes}))
        }
        Operate::Close(OneLine { line }) => on_line(line, "close", json!({})),
        Operate::SetStatusMessages { line, line_states, address_states } => {
            let body = json!({"line_states": line_states, "address_states": address_states});
            on_line(line, "set-status-messages", body)
        }
        Operate::SetAppPriority { app, media_mode, priority } => {
            let body = json!({"media_mode": media_mode, "priority": priority});
            (format!("{}/set-app-priority", path("apps", Some(app))), body)
        }
        Operate::Accept(call) => with_user_user(call, "accept"),
        Operate::Answer(call) => with_user_user(call, "answer"),
        Operate::Drop(call) => with_user_user(call, "drop"),
        Operate::DeallocateCall(OneCall { call }) => on_call(call, "deallocate-call", json!({})),
        Operate::Hold(OneCall { call }) => on_call(call, "hold", json!({})),
        Operate::Unhold(OneCall { call }) => on_call(call, "unhold", json!({})),
        Operate::SwapHold { call, with } => on_call(call, "swap-hold", json!({ "with": with })),
        Operate::Dial { call, digits } => on_call(call, "dial", json!({ "digits": digits })),
        Operate::BlindTransfer(CallTo { call, to }) => on_call(call, "blind-transfer", json!({ "to": to })),
        Operate::SetupTransfer(CallMayTo { call, to }) => {
            on_call(call, "setup-transfer", json!({ "to": to }))
        }
        Operate::CompleteTransfer { call, consult, conference } => {
            let mode = if *conference { "conference" } else { "transfer" };
            on_call(call, "complete-transfer", json!({"consult": consult, "mode": mode}))
        }
        Operate::SetupConference { call_or_line, to } if is_call(call_or_line) => {
            on_call(call_or_line, "setup-conference", json!({ "to": to }))
        }
        Operate::SetupConference { call_or_line, to } => {
            on_line(call_or_line, "setup-conference", json!({ "to": to }))
        }
        Operate::PrepareAddToConference(CallMayTo { call, to }) => {
            on_call(call, "prepare-add-to-conference", json!({ "to": to }))
        }
        Operate::AddToConference { call, consult } => {
            on_call(call, "add-to-conference", json!({ "consult": consult }))
        }
        Operate::RemoveFromConference(OneCall { call }) => on_call(call, "remove-from-conference", json!({})),
        Operate::GetConfRelatedCalls(OneCall { call }) => on_call(call, "get-conf-related-calls", json!({})),
        Operate::Park(CallMayTo { call, to }) => {
            let mode = if to.is_some() { "directed" } else { "nondirected" };
            on_call(call, "park", json!({"mode": mode, "to": to}))
        }
        Operate::Redirect(CallTo { call, to }) => on_call(call, "redirect", json!({ "to": to })),
        Operate::SecureCall(OneCall { call }) => on_call(call, "secure-call", json!({})),
        Operate::StartRecording(OneCall { call }) => on_call(call, "start-recording", json!({})),
        Operate::PauseRecording(OneCall { call }) => on_call(call, "pause-recording", json!({})),
        Operate::ResumeRecording(OneCall { call }) => on_call(call, "resume-recording", json!({})),
        Operate::StopRecording(OneCall { call }) => on_call(call, "stop-recording", json!({})),
        Operate::StartFork { call, url, authorization } => {
            on_call(call, "start-fork", json!({"url": url, "authorization": authorization}))
        }
        Operate::StopFork { call, fork } => on_call(call, "stop-fork", json!({ "fork": fork })),
        Operate::CompleteCall { call, mode, message } => {
            on_call(call, "complete-call", json!({"mode": mode, "message": message}))
        }
        Operate::Handoff { call, app, media_mode } => {
            on_call(call, "handoff", json!({"app": app, "media_mode": media_mode}))
        }
        Operate::SetCallPrivilege { call, privilege } => {
            on_call(call, "set-call-privilege", json!({ "privilege": privilege }))
        }
        Operate::SetMediaMode(MediaModes { call, media_modes }) => {
            on_call(call, "set-media-mode", json!({ "media_modes": media_modes }))
        }
        Operate::MonitorMedia(MediaModes { call, media_modes }) => {
            on_call(call, "monitor-media", json!({ "media_modes": media_modes }))
        }
        Operate::SetCallData(Octets { call, data }) => {
            on_call(call, "set-call-data", json!({ "data": data }))
        }
        Operate::SendUserUserInfo(Octets { call, data }) => {
            on_call(call, "send-user-user-info", json!({ "data": data }))
        }
        Operate::SetCallQualityOfService { call, level } => {
            on_call(call, "set-call-quality-of-service", json!({ "level": level }))
        }
        Operate::GenerateDigits { call, digits, duration_ms } => {
            on_call(call, "generate-digits", json!({"digits": digits, "duration_ms": duration_ms}))
        }
        Operate::GatherDigits {
            call,
            count,
            termination_digits,
            first_digit_timeout_ms,
            inter_digit_timeout_ms,
        } => {
            let body = json!({"count": count, "termination_digits": termination_digits,
                              "first_digit_timeout_ms": first_digit_timeout_ms,
                              "inter_digit_timeout_ms": inter_digit_timeout_ms});
            on_call(call, "gather-digits", body)
        }
        Operate::MonitorDigits { call, modes } => on_call(call, "monitor-digits", json!({ "modes": modes })),
    }
}

fn on_line(line: &str, operation: &str, body: Value) -> (String, Value) {
    (format!("{}/{operation}", path("lines", Some(line))), given(body))
}

fn on_call(call: &str, operation: &str, body: Value) -> (String, Value) {
    (format!("{}/{operation}", path("calls", Some(call))), given(body))
}

fn with_user_user(UserUser { call, user_user }: &UserUser, operation: &str) -> (String, Value) {
    on_call(call, operation, json!({ "user_user": user_user }))
}

/// Without what was not said: an operation that takes no such argument would refuse it.
fn given(body: Value) -> Value {
    let Value::Object(fields) = body else { return body };
    let said = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(said.collect::<Map<_, _>>())
}

/// `MODE[:CALLER]=DESTINATION`.
fn forward_entry(text: &str) -> Value {
    let (when, destination) = text.split_once('=').unwrap_or((text, ""));
    let (mode, caller) = match when.split_once(':') {
        Some((mode, caller)) => (mode, Some(caller)),
        None => (when, None),
    };
    let destination = Some(destination).filter(|destination| !destination.is_empty());
    given(json!({"mode": mode, "caller": caller, "destination": destination}))
}

fn is_call(name: &str) -> bool {
    name.strip_prefix('c')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Ask, Cli, Command};
    use crate::switch::{CallOperation, LineOperation};

    fn made(words: &str) -> (String, Value) {
        let line = format!("trunkline ctl {words}");
        let Command::Ctl(ctl) = Cli::try_parse_from(line.split(' ')).expect(words).command() else {
            panic!()
        };
        let Ask::Operate(operate) = ctl.ask else { panic!("{words}") };
        request(&operate)
    }

    #[test]
    fn each_command_makes_its_request() {
        for (words, path, body) in [
            (
                "make-call 1001 1002",
                "lines/1001/make-call",
                json!({"to": "1002", "block_id": false, "secure": false}),
            ),
            (
                "translate-address 1001 +4930123 --option forcelocal",
                "lines/1001/translate-address",
                json!({"address": "+4930123", "options": ["forcelocal"]}),
            ),
            (
                "forward 1001 noansw=1003 busyspecific:1009=1004 uncond --rings 4",
                "lines/1001/forward",
                json!({"entries": [{"mode": "noansw", "destination": "1003"},
                                   {"mode": "busyspecific", "caller": "1009", "destination": "1004"},
                                   {"mode": "uncond"}], "rings": 4}),
            ),
            ("forward 1001", "lines/1001/forward", json!({"entries": []})),
            ("pickup 1001 1002", "lines/1001/pickup", json!({"from": "1002"})),
            ("pickup 1001", "lines/1001/pickup", json!({})),
            ("unpark 1001 701", "lines/1001/unpark", json!({"from": "701"})),
            ("uncomplete-call 1001 3", "lines/1001/uncomplete-call", json!({"completion": 3})),
            ("setup-conference 1001", "lines/1001/setup-conference", json!({})),
            ("setup-conference c1 1003", "calls/c1/setup-conference", json!({"to": "1003"})),
            ("drop c1 --user-user 0468", "calls/c1/drop", json!({"user_user": "0468"})),
            ("hold c1", "calls/c1/hold", json!({})),
            ("start-recording c1", "calls/c1/start-recording", json!({})),
            (
                "start-fork c1 ws://127.0.0.1:9000/ --authorization x",
                "calls/c1/start-fork",
                json!({"url": "ws://127.0.0.1:9000/", "authorization": "x"}),
            ),
            ("stop-fork c1", "calls/c1/stop-fork", json!({})),
            ("stop-fork c1 f3", "calls/c1/stop-fork", json!({"fork": "f3"})),
            ("swap-hold c1 c2", "calls/c1/swap-hold", json!({"with": "c2"})),
            (
                "complete-transfer c1 c2 --conference",
                "calls/c1/complete-transfer",
                json!({"consult": "c2", "mode": "conference"}),
            ),
            ("park c1", "calls/c1/park", json!({"mode": "nondirected"})),
            ("park c1 701", "calls/c1/park", json!({"mode": "directed", "to": "701"})),
            ("handoff c1 desk", "calls/c1/handoff", json!({"app": "desk"})),
            ("handoff c1 --media-mode g3fax", "calls/c1/handoff", json!({"media_mode": "g3fax"})),
            ("gather-digits c1 4", "calls/c1/gather-digits", json!({"count": 4})),
            ("generate-digits c1", "calls/c1/generate-digits", json!({})),
            (
                "set-app-priority desk g3fax 1",
                "apps/desk/set-app-priority",
                json!({"media_mode": "g3fax", "priority": 1}),
            ),
        ] {
            assert_eq!(made(words), (format!("/v1/{path}"), body), "{words}");
        }
    }

    #[test]
    fn every_operation_is_a_command() {
        use clap::CommandFactory;

        let cli = <Cli as CommandFactory>::command();
        let ctl = cli.find_subcommand("ctl").unwrap();
        let operations = CallOperation::ALL.map(CallOperation::name).into_iter();
        for name in operations.chain(LineOperation::ALL.map(LineOperation::name)) {
            assert!(ctl.find_subcommand(name).is_some(), "{name}");
        }
    }
}
