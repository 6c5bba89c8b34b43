//! `explain` of a problem: what is missing, as a word for programs and as a sentence for who writes them, and what would be allowed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::narrow::narrow;
use super::openapi;
use super::operate::{LINE_OPERATIONS, SET_APP_PRIORITY, argument_name};
use crate::switch::{CallOperation, CallPrivilege, Circumstances, LineError, Requested, states_for};

/// Why a request was refused, and what would not have been.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct Explain {
    /// What is missing.
    missing: Missing,
    /// What to do about it, as a sentence.
    #[schema(example = "hold takes a call that is connected; this one is onhold.")]
    sentence: String,
    /// The operation that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hold")]
    operation: Option<&'static str>,
    /// LINECALLSTATE_ of the call at that moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "onhold")]
    state: Option<&'static str>,
    /// The mode of that state, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_mode: Option<&'static str>,
    /// What this application holds of the call, or opened the line with: `owner`, `monitor` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "owner")]
    privilege: Option<&'static str>,
    /// Where the state is missing: those in which the operation is taken, with the mode where it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["connected"]))]
    states: Option<Vec<String>>,
    /// Operations that this application could do with the call, or with the line, at that moment: its `features`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["drop", "unhold"]))]
    allowed: Option<Vec<&'static str>>,
    /// The argument that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<Argument>,
}

/// An argument that was not taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct Argument {
    /// The field of the body, the parameter or the header.
    #[schema(example = "to")]
    field: String,
    /// What it takes, as its JSON schema in `/v1/openapi.json`; none where there is no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    takes: Option<Value>,
}

/// What a refused request lacks, in a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Missing {
    /// An argument that can be so.
    Argument,
    /// The line or the call, as it is, can do it.
    Capability,
    /// A conference.
    Conference,
    /// A configuration that permits it.
    Configuration,
    /// Somewhere to call.
    Destination,
    /// An engine that runs.
    Engine,
    /// Somebody at the far side, or a network, that agrees.
    FarSide,
    /// A handle to the call or line.
    Handle,
    /// A name by which the API may be called.
    Host,
    /// A method that the path takes.
    Method,
    /// An application that opens every line as owner.
    Operator,
    /// An origin of web pages that may use the API.
    Origin,
    /// A path that there is.
    Path,
    /// A route that lets this line dial there.
    Permission,
    /// The privilege of an owner.
    Privilege,
    /// A second in which fewer requests were made.
    Rate,
    /// A phone that is registered, or a trunk in service.
    Registration,
    /// The reply, which comes later.
    Reply,
    /// A request as HTTP has it.
    Request,
    /// A new start of the daemon.
    Restart,
    /// Room for one more.
    Room,
    /// A body that is short enough.
    Size,
    /// A call in a state in which this is done.
    State,
    /// A body that arrives in time.
    Time,
    /// A token of an application.
    Token,
    /// The end of what was asked before.
    Turn,
    /// A WebSocket.
    Websocket,
}

impl Missing {
    /// What each LINEERR_ lacks.
    pub(super) const fn of(error: LineError) -> Self {
        match error {
            LineError::AddressBlocked => Self::Permission,
            LineError::Allocated | LineError::InUse => Self::Turn,
            LineError::BearerModeUnavail | LineError::OperationUnavail => Self::Capability,
            LineError::CallUnavail
            | LineError::CompletionOverrun
            | LineError::ConferenceFull
            | LineError::ResourceUnavail => Self::Room,
            LineError::Disconnected | LineError::InvalCallState => Self::State,
            LineError::InvalAddress => Self::Destination,
            LineError::InvalCallHandle | LineError::InvalLineHandle => Self::Handle,
            LineError::InvalConfCallHandle | LineError::NoConference => Self::Conference,
            LineError::InvalLineState | LineError::NotRegistered => Self::Registration,
            LineError::NotOwner => Self::Privilege,
            LineError::OperationFailed => Self::FarSide,
            LineError::Uninitialized => Self::Engine,
            LineError::DialBilling
            | LineError::DialDialTone
            | LineError::DialPrompt
            | LineError::DialQuiet
            | LineError::DialVoiceDetect
            | LineError::InvalAddressState
            | LineError::InvalAddressType
            | LineError::InvalAppName
            | LineError::InvalCallComplMode
            | LineError::InvalCallParams
            | LineError::InvalCallPrivilege
            | LineError::InvalCard
            | LineError::InvalCompletionId
            | LineError::InvalConsultCallHandle
            | LineError::InvalCountryCode
            | LineError::InvalDigitMode
            | LineError::InvalDigits
            | LineError::InvalGroupId
            | LineError::InvalLocation
            | LineError::InvalMediaMode
            | LineError::InvalMessageId
            | LineError::InvalParam
            | LineError::InvalParkMode
            | LineError::InvalPrivSelect
            | LineError::InvalTimeout
            | LineError::InvalTransferMode
            | LineError::TargetNotFound
            | LineError::TargetSelf
            | LineError::UserUserInfoTooBig => Self::Argument,
        }
    }

    /// What to do about it.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Argument => "Send the argument as /v1/openapi.json describes it.",
            Self::Capability => {
                "This kind of line, or the call as it is, cannot do it: ask for what its `features` name."
            }
            Self::Conference => {
                "Make a conference with setup-conference, and ask for this with its parent call."
            }
            Self::Configuration => "Change the configuration as `detail` says.",
            Self::Destination => {
                "Call a line, a group, or a number that a [[route]] of the configuration leads to a trunk."
            }
            Self::Engine => "The engine is stopping or starting: ask again when /readyz answers 200.",
            Self::FarSide => {
                "The phone, the far side or the network refused or was silent: try again, or elsewhere."
            }
            Self::Handle => {
                "GET /v1/lines and GET /v1/calls list what this application has a handle to; get-new-calls gives handles to calls of a line."
            }
            Self::Host => "Call the API by its address, by localhost, or by a name that hosts of [api] has.",
            Self::Method => "Use the method that /v1/openapi.json gives for the path.",
            Self::Operator => "Use a token of an [[app]] with lines = [\"*\"] and privilege = \"owner\".",
            Self::Origin => "Add the origin of the page to origins of [api].",
            Self::Path => "Ask for a path and an operation that /v1/openapi.json names.",
            Self::Permission => "Let a [[route]] of the configuration lead there from this line.",
            Self::Privilege => {
                "Become owner: by set-call-privilege where the [[app]] has privilege = \"owner\", or by an owner's handoff."
            }
            Self::Rate => "Wait as Retry-After says, and ask less often: requests_per_second of [api].",
            Self::Registration => {
                "Have a phone registered for the line, or the trunk in service: GET /v1/registrations, GET /v1/trunks."
            }
            Self::Reply => "It goes on: wait for the event of type reply, or ask how things stand.",
            Self::Request => "Send the request as HTTP/1.1 (RFC 9112) has it.",
            Self::Restart => "Start the daemon again.",
            Self::Room => "Try again when something has ended; docs/limits.md lists what is bounded.",
            Self::Size => "Send a body of at most 1 MB.",
            Self::State => "Ask for what `allowed` names, or wait for the event call-state.",
            Self::Time => "Send the whole body within 10 s.",
            Self::Token => "Send the token of an [[app]] of the configuration: Authorization: Bearer TOKEN.",
            Self::Turn => "Wait until what was asked for before is over.",
            Self::Websocket => "Open a WebSocket (RFC 6455) at this path.",
        }
    }
}

impl Explain {
    pub(super) fn new(missing: Missing) -> Self {
        Self {
            missing,
            sentence: missing.sentence().to_owned(),
            operation: None,
            state: None,
            state_mode: None,
            privilege: None,
            states: None,
            allowed: None,
            argument: None,
        }
    }

    /// Of what the switch refused.
    pub(super) fn of(error: LineError, circumstances: Circumstances) -> Self {
        let Circumstances { requested, state, privilege, allowed } = circumstances;
        let mut explain = Self {
            operation: Some(requested.name()),
            state: state.map(|state| state.name()),
            state_mode: state.and_then(|state| state.mode_name()),
            privilege: privilege.map(CallPrivilege::name),
            allowed,
            ..Self::new(Missing::of(error))
        };
        let name = requested.name();
        match (explain.missing, requested) {
            (Missing::State, Requested::OnCall(operation)) => {
                let states = states_for(operation);
                if let Some(state) = state
                    && !states.contains(&state.to_string())
                    && !states.iter().any(|one| one == state.name())
                {
                    explain.sentence =
                        format!("{name} takes a call that is {}; this one is {state}.", either(&states));
                }
                explain.states = Some(states);
            }
            (Missing::Capability, Requested::OnCall(operation)) => {
                explain.sentence = format!("{name}: {}", needed_of_call(operation));
            }
            (Missing::Capability, Requested::OnLine(on)) => {
                explain.sentence = format!("{name}: {}", needed_of_line(on));
            }
            (Missing::Privilege, Requested::OnLine(_)) => {
                explain.sentence =
                    format!("{name} takes a line that this application opened as owner: see open.");
            }
            (Missing::Privilege, _) => {
                if let Some(privilege) = explain.privilege {
                    explain.sentence = format!(
                        "{name} takes an owner; this application is {privilege}. {}",
                        Missing::Privilege.sentence()
                    );
                }
            }
            (Missing::Argument | Missing::Destination, _) => {
                let schema = schema_of(requested);
                let field =
                    fields(error).iter().find(|field| schema.is_some_and(|it| it.get(**field).is_some()));
                if let Some(field) = field {
                    explain.name_field(field);
                    explain.describe_argument(requested);
                }
            }
            _ => {}
        }
        explain
    }

    /// Says what was asked for, and what its argument would have to be, where that is not said yet.
    pub(super) fn name_operation(&mut self, requested: Requested) {
        if self.operation.is_none() {
            self.operation = Some(requested.name());
            self.describe_argument(requested);
        }
    }

    /// Says which argument is wrong.
    pub(super) fn name_field(&mut self, field: &str) {
        self.argument = Some(Argument { field: field.to_owned(), takes: None });
    }

    fn describe_argument(&mut self, requested: Requested) {
        let Some(argument) = &mut self.argument else { return };
        let Some(fields) = schema_of(requested) else { return };
        let Some(takes) = fields.get(&argument.field) else {
            let known: Vec<_> = fields.keys().map(String::as_str).collect();
            self.sentence = match known.as_slice() {
                [] => format!("{} takes no argument.", requested.name()),
                known => format!("{} takes {}.", requested.name(), known.join(", ")),
            };
            return;
        };
        if let Some(description) = takes.get("description").and_then(Value::as_str) {
            let mark = if description.ends_with('.') { "" } else { "." };
            self.sentence = format!("`{}` of {}: {description}{mark}", argument.field, requested.name());
        }
        argument.takes = Some(takes.clone());
    }
}

/// `a, b or c`.
fn either(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The fields that an error of the switch can be about; the first that the operation has is meant.
const fn fields(error: LineError) -> &'static [&'static str] {
    match error {
        LineError::DialBilling
        | LineError::DialDialTone
        | LineError::DialPrompt
        | LineError::DialQuiet
        | LineError::DialVoiceDetect
        | LineError::InvalAddress => &["to", "digits", "entries", "from", "address"],
        LineError::InvalAddressState => &["address_states"],
        LineError::InvalAppName | LineError::TargetNotFound | LineError::TargetSelf => &["app"],
        LineError::InvalCallComplMode
        | LineError::InvalParkMode
        | LineError::InvalTransferMode
        | LineError::InvalDigitMode => &["mode", "modes"],
        LineError::InvalCallPrivilege | LineError::InvalPrivSelect => &["privilege"],
        LineError::InvalCard => &["card"],
        LineError::InvalCompletionId => &["completion"],
        LineError::InvalConsultCallHandle => &["consult"],
        LineError::InvalDigits => &["termination_digits", "digits"],
        LineError::InvalGroupId => &["group"],
        LineError::InvalMediaMode => &["media_mode", "media_modes"],
        LineError::InvalMessageId => &["message"],
        LineError::InvalParam => {
            &["data", "digits", "count", "entries", "priority", "line_states", "level", "fork", "new"]
        }
        LineError::InvalTimeout => &["first_digit_timeout_ms"],
        LineError::UserUserInfoTooBig => &["user_user", "data"],
        LineError::AddressBlocked
        | LineError::Allocated
        | LineError::BearerModeUnavail
        | LineError::CallUnavail
        | LineError::CompletionOverrun
        | LineError::ConferenceFull
        | LineError::Disconnected
        | LineError::InUse
        | LineError::InvalAddressType
        | LineError::InvalCallHandle
        | LineError::InvalCallParams
        | LineError::InvalCallState
        | LineError::InvalConfCallHandle
        | LineError::InvalCountryCode
        | LineError::InvalLineHandle
        | LineError::InvalLineState
        | LineError::InvalLocation
        | LineError::NoConference
        | LineError::NotOwner
        | LineError::NotRegistered
        | LineError::OperationFailed
        | LineError::OperationUnavail
        | LineError::ResourceUnavail
        | LineError::Uninitialized => &[],
    }
}

/// The fields of an operation's argument.
fn schema_of(requested: Requested) -> Option<&'static Map<String, Value>> {
    let name = match requested {
        Requested::OnCall(operation) => argument_name(operation),
        Requested::OnLine("set-messages") => "SetMessages",
        Requested::OnLine("check-sync") => "CheckSync",
        Requested::OnLine(name) => LINE_OPERATIONS.iter().find(|(known, ..)| *known == name)?.1,
        Requested::OnApp(SET_APP_PRIORITY) => "SetAppPriority",
        Requested::OnApp(_) => return None,
    };
    ARGUMENTS.get(name)
}

/// What each argument is made of, by the name of its schema.
static ARGUMENTS: LazyLock<BTreeMap<String, Map<String, Value>>> = LazyLock::new(|| {
    let schemas = openapi::schemas()
        .into_iter()
        .map(|(name, schema)| (name.into_owned(), serde_json::to_value(schema).unwrap_or_default()));
    let mut schemas = schemas.collect();
    narrow(&mut schemas);
    let fields = schemas.into_iter().map(|(name, mut schema)| {
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take);
        (name, fields.unwrap_or_default())
    });
    fields.collect()
});

/// What a call must have for an operation that its state would allow.
const fn needed_of_call(operation: CallOperation) -> &'static str {
    match operation {
        CallOperation::Accept
        | CallOperation::DeallocateCall
        | CallOperation::Drop
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Handoff
        | CallOperation::Hold
        | CallOperation::SecureCall
        | CallOperation::SetCallData
        | CallOperation::SetCallPrivilege
        | CallOperation::SetCallQualityOfService
        | CallOperation::SetMediaMode => "the call as it is cannot do it.",
        CallOperation::AddToConference => {
            "needs a second call of the line that this application owns and that can be added; a conference that the handset holds is \
             retrieved there."
        }
        CallOperation::Answer => "a call that is connected at another phone of the line cannot be joined.",
        CallOperation::BlindTransfer | CallOperation::SetupTransfer => {
            "needs a far side, a phone that talks, and nobody on his way to another destination."
        }
        CallOperation::CompleteCall => {
            "needs a call that a phone or local line made and that waits for nobody; where the destination can be watched, and callback \
             and message where the caller shows who he is."
        }
        CallOperation::CompleteTransfer => {
            "needs a party that can be sent, and a second call of the line that this application owns to send it to."
        }
        CallOperation::Dial => "the number is complete; one that ends in `;` takes more digits.",
        CallOperation::GatherDigits | CallOperation::MonitorDigits | CallOperation::MonitorMedia => {
            "nobody who speaks or listens to a page group can be listened to."
        }
        CallOperation::GenerateDigits => "needs a far side that is connected and takes digits.",
        CallOperation::Park => {
            "needs a far side that can wait, a free park address, and no consultation or transfer that is under way."
        }
        CallOperation::PauseRecording => "needs a recording that goes on.",
        CallOperation::PrepareAddToConference => {
            "needs a conference whose phone talks and that consults nobody yet."
        }
        CallOperation::Redirect => {
            "the caller went through as many diversions as a call may, or waits for somebody who is busy."
        }
        CallOperation::RemoveFromConference => "needs a call that is in a conference of this engine.",
        CallOperation::ResumeRecording => "needs a recording that is paused.",
        CallOperation::SendUserUserInfo => "needs a far side.",
        CallOperation::SetupConference => {
            "needs a far side, a phone that talks, and neither a consultation nor another conference."
        }
        CallOperation::StartFork => {
            "needs a server that [fork] allow names, a line that is not `record = \"never\"`, and audio that the relay can read."
        }
        CallOperation::StartRecording => {
            "needs [recording], a line that is not `record = \"never\"`, audio that the relay can read, and no recording that goes on."
        }
        CallOperation::StopFork => "needs a fork that goes on.",
        CallOperation::StopRecording => "needs a recording that the configuration does not demand.",
        CallOperation::SwapHold => {
            "needs a second call of the line that this application owns, which is held while this one talks."
        }
        CallOperation::Unhold => {
            "who is held at the handset is retrieved there, unless the phone takes `Event: talk` or CSTA; a consultation call is \
             swapped instead."
        }
    }
}

/// What a line must have for an operation of this name.
fn needed_of_line(name: &str) -> &'static str {
    match name {
        "check-sync" => "needs the line of a phone.",
        "forward" => "a trunk is forwarded nowhere.",
        "pickup" => {
            "needs a line with a station, in a pickup group with the one that alerts; a trunk picks up nothing."
        }
        "set-messages" => "a trunk has no messages.",
        "unpark" => "needs a line with a station: a trunk brings nobody back.",
        _ => "the line as it is cannot do it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::CallState;

    fn of(error: LineError, requested: Requested) -> Explain {
        Explain::of(
            error,
            Circumstances {
                requested,
                state: Some(CallState::OnHold),
                privilege: Some(CallPrivilege::Monitor),
                allowed: Some(vec!["drop"]),
            },
        )
    }

    /// Every operation that can be refused.
    fn all() -> impl Iterator<Item = Requested> {
        let lines = LINE_OPERATIONS.map(|(name, ..)| name).into_iter().chain(["set-messages", "check-sync"]);
        let on_calls = CallOperation::ALL.into_iter().map(Requested::OnCall);
        on_calls.chain(lines.map(Requested::OnLine)).chain([Requested::OnApp(SET_APP_PRIORITY)])
    }

    #[test]
    fn every_error_of_every_operation_has_a_word_and_a_sentence() {
        for error in LineError::ALL {
            for requested in all() {
                let explain = of(error, requested);
                let name = requested.name();
                assert_eq!(explain.missing, Missing::of(error), "{error} {name}");
                assert_eq!(explain.operation, Some(name));
                assert!(
                    explain.sentence.len() > 20 && explain.sentence.ends_with('.'),
                    "{}",
                    explain.sentence
                );
                assert_eq!((explain.state, explain.privilege), (Some("onhold"), Some("monitor")));
                assert_eq!(explain.allowed.as_deref(), Some(&["drop"][..]));
                let is_of_state =
                    explain.missing == Missing::State && matches!(requested, Requested::OnCall(_));
                assert_eq!(explain.states.is_some(), is_of_state, "{error} {name}");
                // What is named is a field, and what it takes is told.
                if let Some(argument) = explain.argument {
                    assert!(argument.takes.is_some(), "{error} {name}: {argument:?}");
                }
            }
        }
    }

    #[test]
    fn each_error_of_arguments_names_a_field_of_some_operation() {
        for error in LineError::ALL {
            let found = all().any(|requested| of(error, requested).argument.is_some());
            let spoken_of = !fields(error).is_empty();
            assert_eq!(found, spoken_of, "{error}");
            for field in fields(error) {
                let is_field = |requested| schema_of(requested).is_some_and(|it| it.contains_key(*field));
                assert!(all().any(is_field), "{error}: no operation has {field}");
            }
        }
    }

    #[test]
    fn who_only_watches_is_told_how_to_become_owner() {
        let explain = of(LineError::NotOwner, Requested::OnCall(CallOperation::Unhold));
        assert!(
            explain
                .sentence
                .starts_with("unhold takes an owner; this application is monitor. Become owner: "),
            "{}",
            explain.sentence
        );
    }

    #[test]
    fn a_state_that_would_do_is_not_blamed() {
        let explain = of(LineError::InvalCallState, Requested::OnCall(CallOperation::Unhold));
        assert_eq!(explain.sentence, Missing::State.sentence());
        let explain = of(LineError::InvalCallState, Requested::OnCall(CallOperation::Hold));
        assert_eq!(explain.sentence, "hold takes a call that is connected; this one is onhold.");
    }

    #[test]
    fn an_argument_is_told_with_what_it_takes() {
        let explain = of(LineError::InvalAddress, Requested::OnLine("make-call"));
        let argument = explain.argument.unwrap();
        assert_eq!(argument.field, "to");
        assert_eq!(argument.takes.unwrap()["type"], "string");
        assert!(
            explain.sentence.starts_with("`to` of make-call: The destination in dialable"),
            "{}",
            explain.sentence
        );
    }
}
