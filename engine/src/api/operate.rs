//! What can be done: TAPI functions on lines and calls, each answered when its LINE_REPLY comes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, PathRejection};
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::access::Caller;
use super::arguments::{
    AddToConference, CompleteCall, CompleteTransfer, Consult, Dial, Forward, GatherDigits, GenerateDigits,
    Handoff, MakeCall, MediaModes, MonitorDigits, Nothing, Octets, OpenLine, Park, Pickup, Quality,
    SetAppPriority, SetCallPrivilege, SetStatusMessages, StartFork, StopFork, SwapHold, TEXT_BYTES_MAX, To,
    UncompleteCall, Unpark, UserUser,
};
use super::explain::Missing;
use super::problem::Problem;
use super::read::segments;
use super::translate::{TRANSLATE_ADDRESS, TranslateAddress, Translated};
use super::{BODY_BYTES_MAX, Shared};
use crate::driver::clock;
use crate::driver::trace::Happened;
use crate::handle::AppIdentity;
use crate::switch::{CallId, CallOperation, LineError, Operation, Outcome, Reply, Requested};

/// What an operation brought forth.
#[derive(Serialize, ToSchema, Default)]
pub(super) struct Done {
    /// The call that came into being.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "c42")]
    call: Option<String>,
    /// The consultation call that came into being.
    #[serde(skip_serializing_if = "Option::is_none")]
    consult: Option<String>,
    /// The conference that came into being.
    #[serde(skip_serializing_if = "Option::is_none")]
    conference: Option<String>,
    /// Where the call is parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked_at: Option<String>,
    /// The request that is outstanding.
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<u32>,
    /// The file of the recording that began, from the directory of recordings on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "20261122T193319Z-c42-1.wav")]
    path: Option<String>,
    /// The fork that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "f3")]
    fork: Option<String>,
    /// The calls that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<String>>,
    /// What to dial and what to show: of `translate-address`, whose answer is described apart.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    translation: Option<Box<Translated>>,
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::default(),
            Outcome::Translated(found) => {
                Self { translation: Some(Box::new((*found).into())), ..Self::default() }
            }
            Outcome::Call(call) => Self { call: Some(call.to_string()), ..Self::default() },
            Outcome::Consult(call) => Self { consult: Some(call.to_string()), ..Self::default() },
            Outcome::Conference { conference, consult } => Self {
                conference: Some(conference.to_string()),
                consult: consult.map(|consult| consult.to_string()),
                ..Self::default()
            },
            Outcome::Parked(address) => Self { parked_at: Some(address), ..Self::default() },
            Outcome::Completion(completion) => Self { completion: Some(completion.0), ..Self::default() },
            Outcome::Fork(fork) => Self { fork: Some(fork.to_string()), ..Self::default() },
            Outcome::Recording(path) => Self { path: Some(path.to_string()), ..Self::default() },
            Outcome::Calls(calls) => {
                Self { calls: Some(calls.iter().map(CallId::to_string).collect()), ..Self::default() }
            }
        }
    }
}

/// The answer to `Prefer: respond-async`.
#[derive(Serialize, ToSchema)]
pub(super) struct Submitted {
    /// The request; the event of type `reply` with the same number ends it.
    request: u32,
}

/// `POST /v1/lines/{line}/{operation}`.
pub(super) async fn line(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (line, name) = segments(path)?;
    let prefer_async = prefers_async(request.headers());
    if !LINE_OPERATIONS.iter().any(|(known, ..)| *known == name) {
        return Err(unknown_on_lines(&name));
    }
    let at = clock::now();
    let line: Arc<str> = line.into();
    let operation = asked_of_line(&name, Arc::clone(&line), &body(request).await?)?;
    let answer = ask(&shared, &app, &name, operation, prefer_async).await;
    take_down((&shared, &app), at, &name, (None, Some(line)), &answer);
    answer
}

/// The operation that is asked of a line; what is wrong with its argument is told with what it takes.
fn asked_of_line(name: &str, line: Arc<str>, body: &[u8]) -> Result<Operation, Problem> {
    let Some((name, ..)) = LINE_OPERATIONS.iter().find(|(known, ..)| *known == name) else {
        return Err(unknown_on_lines(name));
    };
    on_line(name, line, body).map_err(|problem| problem.of(Requested::OnLine(name)))
}

/// The operation with the arguments of the body.
fn on_line(name: &str, line: Arc<str>, body: &[u8]) -> Result<Operation, Problem> {
    Ok(match name {
        MAKE_CALL => argument::<MakeCall>(body)?.on(line),
        TRANSLATE_ADDRESS => {
            let wrong = |error| Problem::of_field(error, "options");
            argument::<TranslateAddress>(body)?.on(line).map_err(wrong)?
        }
        "forward" => argument::<Forward>(body)?.on(line)?,
        "pickup" => argument::<Pickup>(body)?.on(line),
        "unpark" => Operation::Unpark { line, from: argument::<Unpark>(body)?.from.0 },
        "setup-conference" => {
            let Nothing {} = argument(body)?;
            Operation::SetupConferenceOnLine { line }
        }
        "uncomplete-call" => argument::<UncompleteCall>(body)?.on(line),
        "get-new-calls" => {
            let Nothing {} = argument(body)?;
            Operation::GetNewCalls { line }
        }
        "open" => argument::<OpenLine>(body)?.on(line)?,
        "close" => {
            let Nothing {} = argument(body)?;
            Operation::CloseLine { line }
        }
        "set-status-messages" => argument::<SetStatusMessages>(body)?.on(line),
        other => return Err(unknown_on_lines(other)),
    })
}

fn unknown_on_lines(name: &str) -> Problem {
    unknown(name, &LINE_OPERATIONS.map(|(name, ..)| name))
}

/// `POST /v1/calls/{call}/{operation}`.
pub(super) async fn call(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (call, name) = segments(path)?;
    let operation = call_operation(&name)?;
    let unknown = |()| Problem::from(LineError::InvalCallHandle).of(Requested::OnCall(operation));
    let call: CallId = call.parse().map_err(unknown)?;
    let prefer_async = prefers_async(request.headers());
    let at = clock::now();
    let operation = asked_of_call(operation, call, &body(request).await?)?;
    let answer = ask(&shared, &app, &name, operation, prefer_async).await;
    take_down((&shared, &app), at, &name, (Some(call), None), &answer);
    answer
}

/// The call that an operation on a line has made, beside its answer.
#[derive(Clone, Copy)]
struct Made(CallId);

/// The longest address of a line that is taken down.
const LINE_BYTES_MAX: usize = 128;

/// What was asked, for whoever looks at the call afterwards.
fn take_down(
    (shared, app): (&Shared, &AppIdentity),
    at: Instant,
    operation: &str,
    (call, line): (Option<CallId>, Option<Arc<str>>),
    answer: &Result<Response, Problem>,
) {
    let made = answer.as_ref().ok().and_then(|response| response.extensions().get::<Made>());
    let call = call.or_else(|| made.map(|made| made.0));
    let code = answer.as_ref().err().map(|problem| problem.code().into());
    // A line that there cannot be names nothing.
    let line = line.filter(|line| line.len() <= LINE_BYTES_MAX);
    let (app, operation) = (Arc::clone(&app.name), operation.into());
    shared.engine.operations().note_at(|| at, || Happened::Operation { app, operation, call, line, code });
}

fn call_operation(name: &str) -> Result<CallOperation, Problem> {
    let named = CallOperation::ALL.into_iter().find(|operation| operation.name() == name);
    named.ok_or_else(|| unknown(name, &CallOperation::ALL.map(CallOperation::name)))
}

/// The operation that is asked of a call; what is wrong with its argument is told with what it takes.
fn asked_of_call(operation: CallOperation, call: CallId, body: &[u8]) -> Result<Operation, Problem> {
    on_call(operation, call, body).map_err(|problem| problem.of(Requested::OnCall(operation)))
}

/// The operation with the arguments of the body.
fn on_call(operation: CallOperation, call: CallId, body: &[u8]) -> Result<Operation, Problem> {
    Ok(match operation {
        CallOperation::Accept => Operation::Accept(call, user_user(body)?),
        CallOperation::Answer => Operation::Answer(call, user_user(body)?),
        CallOperation::Drop => Operation::Drop(call, user_user(body)?),
        CallOperation::DeallocateCall
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Hold
        | CallOperation::PauseRecording
        | CallOperation::RemoveFromConference
        | CallOperation::ResumeRecording
        | CallOperation::SecureCall
        | CallOperation::StartRecording
        | CallOperation::StopRecording
        | CallOperation::Unhold => {
            let Nothing {} = argument(body)?;
            Operation::sample(operation, call, call)
        }
        CallOperation::StartFork => argument::<StartFork>(body)?.on(call)?,
        CallOperation::StopFork => argument::<StopFork>(body)?.on(call)?,
        CallOperation::SwapHold => argument::<SwapHold>(body)?.on(call)?,
        CallOperation::Dial => Operation::Dial { call, digits: argument::<Dial>(body)?.digits.0 },
        CallOperation::BlindTransfer => Operation::BlindTransfer { call, to: argument::<To>(body)?.to.0 },
        CallOperation::Redirect => Operation::Redirect { call, to: argument::<To>(body)?.to.0 },
        CallOperation::SetupTransfer => {
            Operation::SetupTransfer { call, to: argument::<Consult>(body)?.to() }
        }
        CallOperation::SetupConference => {
            Operation::SetupConference { call, to: argument::<Consult>(body)?.to() }
        }
        CallOperation::PrepareAddToConference => {
            Operation::PrepareAddToConference { call, to: argument::<Consult>(body)?.to() }
        }
        CallOperation::CompleteTransfer => argument::<CompleteTransfer>(body)?.on(call)?,
        CallOperation::AddToConference => argument::<AddToConference>(body)?.on(call)?,
        CallOperation::Park => argument::<Park>(body)?.on(call)?,
        CallOperation::CompleteCall => argument::<CompleteCall>(body)?.on(call)?,
        CallOperation::Handoff => argument::<Handoff>(body)?.on(call)?,
        CallOperation::SetCallPrivilege => argument::<SetCallPrivilege>(body)?.on(call)?,
        CallOperation::SetMediaMode => {
            Operation::SetMediaMode { call, media_modes: argument::<MediaModes>(body)?.modes()? }
        }
        CallOperation::MonitorMedia => {
            Operation::MonitorMedia { call, media_modes: argument::<MediaModes>(body)?.modes()? }
        }
        CallOperation::SetCallData => Operation::SetCallData { call, data: argument::<Octets>(body)?.data.0 },
        CallOperation::SendUserUserInfo => {
            Operation::SendUserUserInfo { call, data: argument::<Octets>(body)?.data.0 }
        }
        CallOperation::SetCallQualityOfService => argument::<Quality>(body)?.on(call)?,
        CallOperation::GenerateDigits => argument::<GenerateDigits>(body)?.on(call)?,
        CallOperation::GatherDigits => argument::<GatherDigits>(body)?.on(call),
        CallOperation::MonitorDigits => argument::<MonitorDigits>(body)?.on(call)?,
    })
}

fn user_user(body: &[u8]) -> Result<Option<Bytes>, Problem> {
    Ok(argument::<UserUser>(body)?.user_user.map(|hex| hex.0))
}

/// The operation that `POST /v1/{kind}/{target}/{name}` asks for: `lines`, `1001`, `make-call`, each as it is after percent
/// decoding.
///
/// # Errors
/// The HTTP status that it is refused with, and why.
pub fn operation(kind: &str, target: &str, name: &str, body: &[u8]) -> Result<Operation, (u16, String)> {
    let made = match (kind, name) {
        ("lines", name) => asked_of_line(name, target.into(), body),
        ("calls", name) => call_operation(name).and_then(|operation| {
            let call = target.parse().map_err(|()| LineError::InvalCallHandle)?;
            asked_of_call(operation, call, body)
        }),
        ("apps", SET_APP_PRIORITY) => {
            argument::<SetAppPriority>(body).and_then(|it| it.on(target.to_owned()))
        }
        (_, name) => Err(unknown(name, &[SET_APP_PRIORITY])),
    };
    made.map_err(|problem| problem.into_status_and_detail())
}

/// What the reply to an operation is answered with: the HTTP status, and the JSON of the body.
pub fn answer(reply: Reply) -> (u16, String) {
    let json = |text: serde_json::Result<String>| text.expect("an answer has string keys only");
    match reply {
        Ok(outcome) => (StatusCode::OK.as_u16(), json(serde_json::to_string(&Done::from(outcome)))),
        Err(refusal) => {
            let problem = Problem::from(refusal);
            let text = json(serde_json::to_string(&problem));
            (problem.into_status_and_detail().0, text)
        }
    }
}

/// `GET /v1/calls/{call}/get-conf-related-calls`: the one operation that is also a read.
pub(super) async fn conf_related_calls(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(call) = path.map_err(|_| LineError::InvalCallHandle)?;
    let call = call.parse().map_err(|()| LineError::InvalCallHandle)?;
    ask(&shared, &app, "get-conf-related-calls", Operation::GetConfRelatedCalls(call), false).await
}

/// `POST /v1/apps/{app}/set-app-priority`.
pub(super) async fn app(
    State(shared): State<Shared>,
    Caller(caller): Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(app) = path.map_err(|_| LineError::InvalAppName)?;
    let prefer_async = prefers_async(request.headers());
    let body = body(request).await?;
    let operation = argument::<SetAppPriority>(&body).and_then(|argument| argument.on(app));
    let operation = operation.map_err(|problem| problem.of(Requested::OnApp(SET_APP_PRIORITY)))?;
    ask(&shared, &caller, SET_APP_PRIORITY, operation, prefer_async).await
}

/// Asks for an operation on the line that the path names; `on` makes it of the body.
pub(super) async fn ask_on_line<T: DeserializeOwned>(
    (shared, app): (&Shared, &AppIdentity),
    name: &'static str,
    path: Result<Path<String>, PathRejection>,
    request: Request,
    on: impl FnOnce(T, Arc<str>) -> Operation,
) -> Result<Response, Problem> {
    let line = segments(path)?;
    let prefer_async = prefers_async(request.headers());
    let argument = argument(&body(request).await?).map_err(|problem| problem.of(Requested::OnLine(name)))?;
    let operation = on(argument, line.into());
    ask(shared, app, name, operation, prefer_async).await
}

async fn ask(
    shared: &Shared,
    app: &AppIdentity,
    name: &str,
    operation: Operation,
    prefer_async: bool,
) -> Result<Response, Problem> {
    // Without its arguments: an address to dial may hold the number of a calling card.
    tracing::debug!(app = %app.name, operation = %name, prefer_async, "operation");
    if prefer_async {
        let request = shared.engine.submit(app.id, operation)?;
        let applied = [(PREFERENCE_APPLIED, HeaderValue::from_static(RESPOND_ASYNC))];
        return Ok((StatusCode::ACCEPTED, applied, Json(Submitted { request: request.0 })).into_response());
    }
    match timeout(REPLY_MAX, shared.engine.request(app.id, operation)).await {
        Ok(reply) => {
            let outcome = reply?;
            let made = if let Outcome::Call(call) = outcome { Some(Made(call)) } else { None };
            let mut response = Json(Done::from(outcome)).into_response();
            made.map(|made| response.extensions_mut().insert(made));
            Ok(response)
        }
        Err(_) => {
            let detail = "The far side has not answered; an event of type reply tells when it does.";
            Err(Problem::http(StatusCode::GATEWAY_TIMEOUT, Missing::Reply, detail))
        }
    }
}

/// 404 for a name that means nothing.
fn unknown(name: &str, known: &[&str]) -> Problem {
    let detail = format!("There is no operation {name:?}; here are: {}.", known.join(", "));
    Problem::http(StatusCode::NOT_FOUND, Missing::Path, detail)
}

/// Whether the client prefers 202 to waiting (RFC 7240 §4.1).
pub(super) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|preference| {
        preference.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(RESPOND_ASYNC)
    })
}

/// The body of a request that is as long as it may be, and arrives in time.
pub(super) async fn body(request: Request) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::http(StatusCode::PAYLOAD_TOO_LARGE, Missing::Size, "A body has at most 1 MB.");
    if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match timeout(BODY_MAX, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)))) => {
            Err(too_large())
        }
        Ok(Err(_)) => Err(Problem::http(StatusCode::BAD_REQUEST, Missing::Request, "The body ended early.")),
        Err(_) => {
            Err(Problem::http(StatusCode::REQUEST_TIMEOUT, Missing::Time, "The body took longer than 10 s."))
        }
    }
}

/// The JSON of the body; an empty body is an empty object.
pub(super) fn argument<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    // Fields without their names are no argument, whatever could be read of them.
    if text.trim_ascii_start().starts_with(b"[") {
        let detail = "The body is not what the operation takes: it is a list, not an object.";
        return Err(Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = field_of(&error);
        (error.into_inner(), field)
    });
    let whole = parsed.and_then(|it| deserializer.end().map(|()| it).map_err(|error| (error, None)));
    whole.map_err(|(error, field)| {
        let status = match error.classify() {
            Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            Category::Io | Category::Syntax | Category::Eof => StatusCode::BAD_REQUEST,
        };
        let problem = Problem::invalid(status, format!("The body is not what the operation takes: {error}."));
        match field {
            Some(field) => problem.at_field(&field),
            None => problem,
        }
    })
}

/// The field of the body that is wrong, or is not there.
fn field_of(error: &serde_path_to_error::Error<serde_json::Error>) -> Option<String> {
    match error.path().iter().next() {
        Some(Segment::Map { key }) => Some(key.chars().take(TEXT_BYTES_MAX).collect()),
        Some(Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown) => None,
        None => {
            let text = error.inner().to_string();
            let (field, _) = text.strip_prefix("missing field `")?.split_once('`')?;
            Some(field.to_owned())
        }
    }
}

/// `lineMakeCall`.
pub(super) const MAKE_CALL: &str = "make-call";

/// `lineSetAppPriority`.
pub(super) const SET_APP_PRIORITY: &str = "set-app-priority";

/// The operations on lines: their name, their argument's schema, and what they do.
pub(super) const LINE_OPERATIONS: [(&str, &str, &str); 11] = [
    (
        "close",
        "Nothing",
        "lineClose: handles are gone, calls of which the application is the sole owner are dropped.",
    ),
    ("forward", "Forward", "lineForward: replaces the whole list; an empty one cancels."),
    ("get-new-calls", "Nothing", "lineGetNewCalls: monitor handles for the calls that are not known."),
    (MAKE_CALL, "MakeCall", "lineMakeCall: call this address from this line."),
    ("open", "OpenLine", "lineOpen: for which calls, and with which privilege."),
    ("pickup", "Pickup", "linePickup: take a call that alerts elsewhere."),
    (
        "set-status-messages",
        "SetStatusMessages",
        "lineSetStatusMessages: which events of the line are wanted.",
    ),
    ("setup-conference", "Nothing", "lineSetupConference without a first call."),
    (
        TRANSLATE_ADDRESS,
        "TranslateAddress",
        "lineTranslateAddress: what to dial on this line for an address, and what to show.",
    ),
    ("uncomplete-call", "UncompleteCall", "lineUncompleteCall: cancel a completion that is outstanding."),
    ("unpark", "Unpark", "lineUnpark: retrieve the call at a park address."),
];

/// The argument's schema of an operation on a call.
pub(super) const fn argument_name(operation: CallOperation) -> &'static str {
    match operation {
        CallOperation::Accept | CallOperation::Answer | CallOperation::Drop => "UserUser",
        CallOperation::DeallocateCall
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Hold
        | CallOperation::PauseRecording
        | CallOperation::RemoveFromConference
        | CallOperation::ResumeRecording
        | CallOperation::SecureCall
        | CallOperation::StartRecording
        | CallOperation::StopRecording
        | CallOperation::Unhold => "Nothing",
        CallOperation::StartFork => "StartFork",
        CallOperation::StopFork => "StopFork",
        CallOperation::SwapHold => "SwapHold",
        CallOperation::Dial => "Dial",
        CallOperation::BlindTransfer | CallOperation::Redirect => "To",
        CallOperation::SetupTransfer
        | CallOperation::SetupConference
        | CallOperation::PrepareAddToConference => "Consult",
        CallOperation::CompleteTransfer => "CompleteTransfer",
        CallOperation::AddToConference => "AddToConference",
        CallOperation::Park => "Park",
        CallOperation::CompleteCall => "CompleteCall",
        CallOperation::Handoff => "Handoff",
        CallOperation::SetCallPrivilege => "SetCallPrivilege",
        CallOperation::SetMediaMode | CallOperation::MonitorMedia => "MediaModes",
        CallOperation::SetCallData | CallOperation::SendUserUserInfo => "Octets",
        CallOperation::SetCallQualityOfService => "Quality",
        CallOperation::GenerateDigits => "GenerateDigits",
        CallOperation::GatherDigits => "GatherDigits",
        CallOperation::MonitorDigits => "MonitorDigits",
    }
}

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

/// How long a body may take to arrive.
const BODY_MAX: Duration = Duration::from_secs(10);

/// How long a reply is waited for: a transaction of SIP ends after 64·T1 = 32 s (RFC 3261 §17).
pub(super) const REPLY_MAX: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::{Authorization, ForkId, ForkUrl};

    #[test]
    fn the_preference_is_found_among_others() {
        let prefers = |value| {
            let headers: HeaderMap = [(PREFER, HeaderValue::from_static(value))].into_iter().collect();
            prefers_async(&headers)
        };
        assert!(prefers("respond-async"));
        assert!(prefers("wait=10, Respond-Async; foo=bar"));
        assert!(!prefers("return=minimal"));
        assert!(!prefers("respond-async-not"));
    }

    fn made(name: CallOperation, body: &str) -> Result<Operation, u16> {
        operation("calls", "c1", name.name(), body.as_bytes()).map_err(|(status, _)| status)
    }

    #[test]
    fn each_body_makes_its_operation() {
        use CallOperation as On;
        let call = CallId(1);
        let consult = CallId(2);
        let to = || "1003".to_owned();
        for (on, body, expected) in [
            (On::Accept, "{}", Operation::Accept(call, None)),
            (
                On::Answer,
                r#"{"user_user":"046869"}"#,
                Operation::Answer(call, Some(Bytes::from_static(b"\x04hi"))),
            ),
            (On::Drop, "", Operation::Drop(call, None)),
            (On::Hold, "{}", Operation::Hold(call)),
            (On::Unhold, "{}", Operation::Unhold(call)),
            (On::SwapHold, r#"{"with":"c2"}"#, Operation::SwapHold { call, with: consult }),
            (On::Dial, r#"{"digits":"1003"}"#, Operation::Dial { call, digits: to() }),
            (On::BlindTransfer, r#"{"to":"1003"}"#, Operation::BlindTransfer { call, to: to() }),
            (On::Redirect, r#"{"to":"1003"}"#, Operation::Redirect { call, to: to() }),
            (On::SetupTransfer, "{}", Operation::SetupTransfer { call, to: None }),
            (On::SetupTransfer, r#"{"to":"1003"}"#, Operation::SetupTransfer { call, to: Some(to()) }),
            (On::SetupConference, "{}", Operation::SetupConference { call, to: None }),
            (On::PrepareAddToConference, "{}", Operation::PrepareAddToConference { call, to: None }),
            (On::AddToConference, r#"{"consult":"c2"}"#, Operation::AddToConference { call, consult }),
            (On::RemoveFromConference, "{}", Operation::RemoveFromConference(call)),
            (On::GetConfRelatedCalls, "{}", Operation::GetConfRelatedCalls(call)),
            (
                On::CompleteTransfer,
                r#"{"consult":"c2","mode":"conference"}"#,
                Operation::CompleteTransfer { call, consult, mode: crate::switch::TransferMode::Conference },
            ),
            (On::Park, r#"{"mode":"nondirected"}"#, Operation::Park { call, to: None }),
            (On::Park, r#"{"mode":"directed","to":"1003"}"#, Operation::Park { call, to: Some(to()) }),
            (On::SecureCall, "{}", Operation::SecureCall(call)),
            (On::StartRecording, "{}", Operation::StartRecording(call)),
            (On::PauseRecording, "{}", Operation::PauseRecording(call)),
            (On::ResumeRecording, "{}", Operation::ResumeRecording(call)),
            (On::StopRecording, "{}", Operation::StopRecording(call)),
            (
                On::StartFork,
                r#"{"url":"ws://127.0.0.1:9000/","authorization":"Bearer x"}"#,
                Operation::StartFork {
                    call,
                    url: ForkUrl::parse("ws://127.0.0.1:9000").unwrap(),
                    authorization: Authorization::parse("Bearer x"),
                },
            ),
            (On::StopFork, "{}", Operation::StopFork { call, fork: None }),
            (On::StopFork, r#"{"fork":"f3"}"#, Operation::StopFork { call, fork: Some(ForkId(3)) }),
            (
                On::CompleteCall,
                r#"{"mode":"message","message":1}"#,
                Operation::CompleteCall {
                    call,
                    mode: crate::switch::CompletionMode::Message,
                    message: Some(1),
                },
            ),
            (
                On::Handoff,
                r#"{"media_mode":"g3fax"}"#,
                Operation::Handoff {
                    call,
                    to: crate::switch::HandoffTarget::Media(crate::switch::MediaMode::G3Fax),
                },
            ),
            (
                On::SetCallPrivilege,
                r#"{"privilege":"owner"}"#,
                Operation::SetCallPrivilege { call, privilege: crate::switch::CallPrivilege::Owner },
            ),
            (
                On::SetCallData,
                r#"{"data":"00ff"}"#,
                Operation::SetCallData { call, data: Bytes::from_static(b"\0\xff") },
            ),
            (
                On::GenerateDigits,
                r#"{"digits":"1#"}"#,
                Operation::GenerateDigits { call, digits: Some("1#".to_owned()), duration: None, mode: None },
            ),
            (On::GatherDigits, "{}", Operation::GatherDigits { call, gathering: None }),
            (On::MonitorDigits, r#"{"modes":[]}"#, Operation::MonitorDigits { call, modes: Vec::new() }),
        ] {
            assert_eq!(made(on, body), Ok(expected), "{} {body}", on.name());
        }
    }

    #[test]
    fn a_body_that_does_not_fit_makes_none() {
        use CallOperation as On;
        for (on, body) in [
            (On::Hold, r#"{"x":1}"#),
            (On::SwapHold, "{}"),
            (On::SwapHold, r#"{"with":"2"}"#),
            (On::CompleteTransfer, r#"{"consult":"c2","mode":"both"}"#),
            (On::Park, r#"{"mode":"directed"}"#),
            (On::Handoff, "{}"),
            (On::SetCallData, r#"{"data":"0"}"#),
            (On::Dial, "{\"digits\":\"1\\n\"}"),
            (On::MonitorDigits, r#"{"modes":["morse"]}"#),
            (On::StartFork, "{}"),
            (On::StartFork, r#"{"url":"http://127.0.0.1:9000/"}"#),
            (On::StartFork, r#"{"url":"ws://127.0.0.1:9000/","authorization":"a\r\nb"}"#),
            (On::StopFork, r#"{"fork":"3"}"#),
        ] {
            let status = made(on, body).unwrap_err();
            assert!([404, 422].contains(&status), "{} {body}: {status}", on.name());
        }
    }

    #[test]
    fn a_path_names_a_line_a_call_or_an_application() {
        let close = Operation::CloseLine { line: "1001".into() };
        assert_eq!(operation("lines", "1001", "close", b""), Ok(close));
        let priority = operation("apps", "desk", SET_APP_PRIORITY, br#"{"media_mode":"g3fax","priority":1}"#);
        assert!(matches!(priority, Ok(Operation::SetAppPriority { app, .. }) if app == "desk"));
        for (kind, target, name) in [
            ("lines", "1001", "hold"),
            ("calls", "c1", "make-call"),
            ("calls", "1", "hold"),
            ("apps", "desk", "close"),
            ("trunks", "carrier", "close"),
        ] {
            assert_eq!(
                operation(kind, target, name, b"").map_err(|(status, _)| status),
                Err(404),
                "{kind} {name}"
            );
        }
    }
}
