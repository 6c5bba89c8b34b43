//! What can be done: TAPI functions on lines and calls, each answered when its LINE_REPLY comes.

use std::time::Duration;

use axum::Json;
use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, PathRejection};
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::access::Caller;
use super::problem::Problem;
use super::read::segments;
use super::translate::{TRANSLATE_ADDRESS, TranslateAddress, Translated};
use super::{BODY_BYTES_MAX, Shared};
use crate::handle::AppIdentity;
use crate::switch::{CallId, CallOperation, LineError, Operation, Outcome};

/// The argument of `make-call`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeCall {
    /// The destination in dialable format.
    #[schema(example = "1002")]
    #[serde(deserialize_with = "plain_text")]
    to: String,
}

/// The argument of operations that have none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

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
    /// The calls that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<String>>,
    /// What to dial and what to show.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
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
    let operation = match &*name {
        MAKE_CALL => {
            let MakeCall { to } = argument(request).await?;
            Operation::MakeCall { line: line.into(), to, params: None }
        }
        TRANSLATE_ADDRESS => argument::<TranslateAddress>(request).await?.on(line.into())?,
        other => {
            return Err(unknown(other, &[MAKE_CALL, TRANSLATE_ADDRESS], &LINE_OPERATIONS_UNAVAILABLE));
        }
    };
    ask(&shared, &app, &name, operation, prefer_async).await
}

/// `POST /v1/calls/{call}/{operation}`.
pub(super) async fn call(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (call, name) = segments(path)?;
    let Some(operation) = CallOperation::ALL.into_iter().find(|operation| operation.name() == name) else {
        let known = CallOperation::ALL.map(CallOperation::name);
        return Err(unknown(&name, &known, &[]));
    };
    let call: CallId = call.parse().map_err(|()| LineError::InvalCallHandle)?;
    let prefer_async = prefers_async(request.headers());
    let Nothing {} = argument(request).await?;
    let operation = match operation {
        CallOperation::Accept => Operation::Accept(call, None),
        CallOperation::Answer => Operation::Answer(call, None),
        CallOperation::DeallocateCall => Operation::DeallocateCall(call),
        CallOperation::Drop => Operation::Drop(call, None),
        CallOperation::Hold => Operation::Hold(call),
        CallOperation::Unhold => Operation::Unhold(call),
        CallOperation::AddToConference
        | CallOperation::BlindTransfer
        | CallOperation::CompleteCall
        | CallOperation::CompleteTransfer
        | CallOperation::Dial
        | CallOperation::GatherDigits
        | CallOperation::GenerateDigits
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Handoff
        | CallOperation::MonitorDigits
        | CallOperation::MonitorMedia
        | CallOperation::Park
        | CallOperation::PrepareAddToConference
        | CallOperation::Redirect
        | CallOperation::RemoveFromConference
        | CallOperation::SecureCall
        | CallOperation::SendUserUserInfo
        | CallOperation::SetCallData
        | CallOperation::SetCallPrivilege
        | CallOperation::SetCallQualityOfService
        | CallOperation::SetMediaMode
        | CallOperation::SetupConference
        | CallOperation::SetupTransfer
        | CallOperation::SwapHold => {
            return Err(unknown(&name, &[], &[operation.name()]));
        }
    };
    ask(&shared, &app, &name, operation, prefer_async).await
}

/// `GET /v1/calls/{call}/get-conf-related-calls`, the one operation that is also a read.
pub(super) async fn conf_related_calls(_: Caller) -> Problem {
    unknown("get-conf-related-calls", &[], &["get-conf-related-calls"])
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
        Ok(reply) => Ok(Json(Done::from(reply?)).into_response()),
        Err(_) => {
            let detail = "The far side has not answered; an event of type reply tells when it does.";
            Err(Problem::http(StatusCode::GATEWAY_TIMEOUT, detail))
        }
    }
}

/// 501 for an operation that TAPI has and this version has not, 404 for a name that means nothing.
fn unknown(name: &str, known: &[&str], unavailable: &[&str]) -> Problem {
    if unavailable.contains(&name) {
        let detail = format!("The operation {name} is not available in this version.");
        return Problem::line_error(LineError::OperationUnavail, detail);
    }
    let detail = format!("There is no operation of this name; here are: {}.", known.join(", "));
    Problem::http(StatusCode::NOT_FOUND, detail)
}

/// Whether the client prefers 202 to waiting (RFC 7240 §4.1).
fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|preference| {
        preference.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(RESPOND_ASYNC)
    })
}

/// The JSON of the body; an empty body is an empty object.
async fn argument<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let too_large = || Problem::http(StatusCode::PAYLOAD_TOO_LARGE, "A body has at most 1 MB.");
    if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let body = match timeout(BODY_MAX, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)))) => {
            return Err(too_large());
        }
        Ok(Err(_)) => return Err(Problem::http(StatusCode::BAD_REQUEST, "The body ended early.")),
        Err(_) => return Err(Problem::http(StatusCode::REQUEST_TIMEOUT, "The body took longer than 10 s.")),
    };
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text).map_err(|error| {
        let status = match error.classify() {
            Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            Category::Io | Category::Syntax | Category::Eof => StatusCode::BAD_REQUEST,
        };
        Problem::invalid(status, format!("The body is not what the operation takes: {error}."))
    })
}

/// A string that cannot break a header or a line of a log.
fn plain_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.chars().any(char::is_control) {
        return Err(D::Error::custom("a string has a control character"));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(D::Error::custom(format_args!("a string has more than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// The operation on lines.
pub(super) const MAKE_CALL: &str = "make-call";

/// Operations on lines that TAPI has and this version has not.
const LINE_OPERATIONS_UNAVAILABLE: [&str; 5] =
    ["forward", "pickup", "setup-conference", "uncomplete-call", "unpark"];

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

/// How long a body may take to arrive.
const BODY_MAX: Duration = Duration::from_secs(10);

/// How long a reply is waited for: a transaction of SIP ends after 64·T1 = 32 s (RFC 3261 §17).
const REPLY_MAX: Duration = Duration::from_secs(40);

/// The longest string of an argument.
const TEXT_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

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
}
