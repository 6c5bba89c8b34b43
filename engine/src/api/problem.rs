//! Errors as `application/problem+json` (RFC 9457), each with a code and a sentence that a person can act on.

use std::num::NonZeroU32;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::explain::{Explain, Missing};
use crate::config::ConfigError;
use crate::switch::{LineError, Refusal, Requested};

/// An error as it is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The reason phrase of the HTTP status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The LINEERR_ constant's suffix in lower case; without TAPI's word for it, the HTTP reason in kebab case.
    code: &'static str,
    /// What is wrong and what would be allowed, as a sentence.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// The state of the call that the operation was refused in.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// The mode of that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_mode: Option<&'static str>,
    /// Operations that this application could do with the call at that moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed: Option<Box<[&'static str]>>,
    /// What is wrong in the configuration, each with its place; of `reload` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Mistake>>)]
    errors: Option<Box<Mistakes>>,
    /// What is missing, and what would be allowed.
    #[schema(value_type = Explain)]
    explain: Box<Explain>,
    /// How many requests a second there may be, where there were more.
    #[serde(skip)]
    per_second: Option<NonZeroU32>,
}

/// Behind one pointer: most problems have none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
struct Mistakes(Vec<Mistake>);

/// One thing wrong in the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct Mistake {
    /// The file.
    #[schema(example = "/etc/trunkline/trunkline.toml")]
    file: String,
    /// The line, from 1; 0: the file as a whole, or a key that is not written.
    #[schema(example = 12)]
    line: usize,
    /// The key with the name of its table; empty where the text is no TOML.
    #[schema(example = "sip.listen")]
    key: String,
    /// What is wrong.
    wrong: String,
    /// What would be right.
    right: String,
}

impl From<&ConfigError> for Mistake {
    fn from(error: &ConfigError) -> Self {
        Self {
            file: error.file.display().to_string(),
            line: error.line,
            key: error.key.clone(),
            wrong: error.wrong.clone(),
            right: error.right.clone(),
        }
    }
}

impl Problem {
    /// What is wrong, in a word.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// An error that TAPI has a word for, with a sentence of its own.
    pub(super) fn line_error(error: LineError, detail: impl Into<String>) -> Self {
        Self::with(status(error), error.name(), Missing::of(error), detail)
    }

    /// The same where something else is missing than this error says by itself.
    pub(super) fn lacks(missing: Missing, error: LineError, detail: impl Into<String>) -> Self {
        Self::with(status(error), error.name(), missing, detail)
    }

    /// Only an application that opens every line as owner may do this.
    pub(super) fn for_operators() -> Self {
        let detail = "Only an application that opens every line as owner may do this.";
        Self::lacks(Missing::Operator, LineError::NotOwner, detail)
    }

    /// Nobody may do this without a token.
    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::with(StatusCode::UNAUTHORIZED, "unauthorized", Missing::Token, detail)
    }

    /// The application has asked too often.
    pub(super) fn too_often(per_second: u32) -> Self {
        let detail = format!("An application may ask {per_second} times a second here.");
        let problem = Self::http(StatusCode::TOO_MANY_REQUESTS, Missing::Rate, detail);
        Self { per_second: NonZeroU32::new(per_second), ..problem }
    }

    /// This is a WebSocket.
    pub(super) fn no_websocket() -> Self {
        let detail = "This is a WebSocket: connect with ws:// and version 13.";
        Self::http(StatusCode::UPGRADE_REQUIRED, Missing::Websocket, detail)
    }

    /// An error of HTTP itself.
    pub(super) fn http(status: StatusCode, missing: Missing, detail: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::METHOD_NOT_ALLOWED => "method-not-allowed",
            StatusCode::REQUEST_TIMEOUT => "request-timeout",
            StatusCode::CONFLICT => "conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "content-too-large",
            StatusCode::MISDIRECTED_REQUEST => "misdirected-request",
            StatusCode::TOO_MANY_REQUESTS => "too-many-requests",
            StatusCode::UPGRADE_REQUIRED => "upgrade-required",
            StatusCode::GATEWAY_TIMEOUT => "gateway-timeout",
            _ => "bad-request",
        };
        Self::with(status, code, missing, detail)
    }

    /// An argument that cannot be: 400 where the text is no JSON, 422 where its meaning is wrong.
    pub(super) fn invalid(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::with(status, LineError::InvalParam.name(), Missing::Argument, detail)
    }

    /// A field of the body, or a parameter, that cannot be so.
    pub(super) fn of_field(error: LineError, field: &str) -> Self {
        Self::from(error).at_field(field)
    }

    /// The same with the field or parameter that is wrong.
    pub(super) fn at_field(mut self, field: &str) -> Self {
        self.explain.name_field(field);
        self
    }

    /// The same with what was asked for, where that is not known yet.
    pub(super) fn of(mut self, requested: Requested) -> Self {
        self.explain.name_operation(requested);
        self
    }

    /// For who speaks no HTTP: the status and the sentence.
    pub(super) fn into_status_and_detail(self) -> (u16, String) {
        (self.status, self.detail.into())
    }

    /// The same with what is wrong in the configuration.
    pub(super) fn with_errors(self, errors: &[ConfigError]) -> Self {
        Self { errors: Some(Box::new(Mistakes(errors.iter().map(Mistake::from).collect()))), ..self }
    }

    fn with(status: StatusCode, code: &'static str, missing: Missing, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into().into(),
            state: None,
            state_mode: None,
            allowed: None,
            errors: None,
            explain: Box::new(Explain::new(missing)),
            per_second: None,
        }
    }
}

impl From<LineError> for Problem {
    fn from(error: LineError) -> Self {
        Self::line_error(error, sentence(error))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { error, state, allowed, circumstances } = refusal;
        let allowed: Vec<_> = allowed.into_iter().map(|operation| operation.name()).collect();
        let mut problem = Self::from(error);
        if let Some(state) = state {
            let may = match allowed.is_empty() {
                true => "This application can do nothing with it.".to_owned(),
                false => format!("Allowed: {}.", allowed.join(", ")),
            };
            problem.detail = format!("{} The call is {state}. {may}", problem.detail).into();
            problem.state = Some(state.name());
            problem.state_mode = state.mode_name();
            problem.allowed = Some(allowed.into());
        }
        if let Some(circumstances) = circumstances {
            problem.explain = Box::new(Explain::of(error, *circumstances));
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem has string keys only");
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(CONTENT_TYPE, content_type)], body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"trunkline\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        if let Some(per_second) = self.per_second {
            let policy = HeaderValue::try_from(format!("\"application\";q={per_second};w=1"));
            headers.extend(policy.into_iter().map(|policy| (RATE_LIMIT_POLICY, policy)));
            let left = format!("\"application\";r=0;t={RETRY_AFTER_S}");
            headers.extend(HeaderValue::try_from(left).into_iter().map(|left| (RATE_LIMIT, left)));
        }
        response
    }
}

/// The HTTP status of each LINEERR_. Printed in tests/tables/http_status.md.
pub(super) const fn status(error: LineError) -> StatusCode {
    match error {
        LineError::AddressBlocked | LineError::NotOwner => StatusCode::FORBIDDEN,
        LineError::InvalCallHandle | LineError::InvalLineHandle => StatusCode::NOT_FOUND,
        LineError::Allocated
        | LineError::CallUnavail
        | LineError::CompletionOverrun
        | LineError::ConferenceFull
        | LineError::NoConference
        | LineError::TargetNotFound
        | LineError::TargetSelf
        | LineError::Disconnected
        | LineError::InUse
        | LineError::InvalCallState
        | LineError::InvalLineState
        | LineError::NotRegistered => StatusCode::CONFLICT,
        LineError::BearerModeUnavail
        | LineError::DialBilling
        | LineError::DialDialTone
        | LineError::DialPrompt
        | LineError::DialQuiet
        | LineError::DialVoiceDetect
        | LineError::InvalAddress
        | LineError::InvalAddressState
        | LineError::InvalAddressType
        | LineError::InvalAppName
        | LineError::InvalCallComplMode
        | LineError::InvalCallParams
        | LineError::InvalCallPrivilege
        | LineError::InvalCard
        | LineError::InvalCompletionId
        | LineError::InvalConfCallHandle
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
        | LineError::UserUserInfoTooBig => StatusCode::UNPROCESSABLE_ENTITY,
        LineError::OperationUnavail => StatusCode::NOT_IMPLEMENTED,
        LineError::OperationFailed => StatusCode::BAD_GATEWAY,
        LineError::ResourceUnavail | LineError::Uninitialized => StatusCode::SERVICE_UNAVAILABLE,
    }
}

const fn sentence(error: LineError) -> &'static str {
    match error {
        LineError::Allocated => "The line is held by somebody else.",
        LineError::BearerModeUnavail => "The line has no such bearer mode.",
        LineError::CompletionOverrun => "Too many completions are outstanding on this line.",
        LineError::ConferenceFull => "The conference has as many parties as it may.",
        LineError::DialBilling => "`$` (wait for the billing tone) cannot be dialled here.",
        LineError::DialDialTone => "`W` (wait for dial tone) cannot be dialled here.",
        LineError::DialPrompt => "`?` asks a person; it cannot be dialled.",
        LineError::DialQuiet => "`@` (wait for silence) cannot be dialled here.",
        LineError::DialVoiceDetect => "`:` (wait for a voice) cannot be dialled here.",
        LineError::InvalAddressState => "There is no such address state.",
        LineError::InvalAddressType => "There is no such address type.",
        LineError::InvalAppName => "There is no application of this name.",
        LineError::InvalCallComplMode => "There is no such completion mode.",
        LineError::InvalCallParams => "These call parameters do not go together.",
        LineError::InvalCallPrivilege => "There is no such call privilege.",
        LineError::InvalCard => "There is no such calling card.",
        LineError::InvalCompletionId => "No such completion is outstanding.",
        LineError::InvalConfCallHandle => "This call is not the parent of a conference.",
        LineError::InvalConsultCallHandle => "This application has no handle to such a consultation call.",
        LineError::InvalCountryCode => "There is no such country code.",
        LineError::InvalDigitMode => "Digits cannot be sent or seen in this mode.",
        LineError::InvalDigits => "These are no digits.",
        LineError::InvalGroupId => "There is no such pickup group.",
        LineError::InvalLocation => "There is no such location.",
        LineError::InvalMediaMode => "There is no such media mode, or too many at once.",
        LineError::InvalMessageId => "There is no such message.",
        LineError::InvalParkMode => "There is no such park mode.",
        LineError::InvalPrivSelect => "A line cannot be opened with this privilege.",
        LineError::InvalTimeout => "The timeout is out of range.",
        LineError::InvalTransferMode => "There is no such transfer mode.",
        LineError::NoConference => "The call is neither a conference nor in one.",
        LineError::TargetNotFound => "No such application has opened the line as owner.",
        LineError::TargetSelf => "The application itself is the one to hand the call to.",
        LineError::UserUserInfoTooBig => "The user-user information is too long.",
        LineError::AddressBlocked => "This address may not be dialled from here.",
        LineError::CallUnavail => "The line can take no further call.",
        LineError::Disconnected => "The far side ended the call meanwhile.",
        LineError::InUse => "The line is in use.",
        LineError::InvalAddress => "The destination cannot be dialled: no line, route or trunk takes it.",
        LineError::InvalCallHandle => {
            "This application has no handle to such a call; GET /v1/calls lists those it has."
        }
        LineError::InvalCallState => "The call is in a state in which this cannot be done.",
        LineError::InvalLineHandle => {
            "This application opens no such line; GET /v1/lines lists those it opens."
        }
        LineError::InvalLineState => "No phone is registered for the line, or it is out of service.",
        LineError::InvalParam => "An argument has a value that it cannot have.",
        LineError::NotOwner => "This needs owner privilege.",
        LineError::NotRegistered => "Nothing is registered that could do this.",
        LineError::OperationFailed => "The far side or the network refused.",
        LineError::OperationUnavail => "This operation is not available here.",
        LineError::ResourceUnavail => "A limit is reached; try again later.",
        LineError::Uninitialized => "The engine is stopping.",
    }
}

/// The fields of draft-ietf-httpapi-ratelimit-headers-10.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// When a refused client may try again, in seconds.
const RETRY_AFTER_S: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::{CallOperation, CallPrivilege, CallState, Circumstances, ConnectedMode};

    #[test]
    fn the_table_of_statuses_is_as_documented() {
        let mut table = String::from(
            "# The HTTP status of each LINEERR_\n\n| code | status | what the answer says first |\n|---|---|---|\n",
        );
        for error in LineError::ALL {
            let status = status(error);
            table += &format!("| {} | {} | {} |\n", error.name(), status, sentence(error));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tables/http_status.md");
        if std::env::var_os("TRUNKLINE_BLESS").is_some() {
            std::fs::write(path, &table).unwrap();
        }
        assert_eq!(table, std::fs::read_to_string(path).unwrap(), "look, then run with TRUNKLINE_BLESS=1");
    }

    #[test]
    fn a_refusal_says_what_would_have_been_allowed() {
        let problem = Problem::from(Refusal {
            error: LineError::InvalCallState,
            state: Some(CallState::Connected(ConnectedMode::Active)),
            allowed: vec![CallOperation::Drop, CallOperation::Hold],
            circumstances: Some(Box::new(Circumstances {
                requested: Requested::OnCall(CallOperation::Answer),
                state: Some(CallState::Connected(ConnectedMode::Active)),
                privilege: Some(CallPrivilege::Owner),
                allowed: Some(vec!["drop", "hold"]),
            })),
        });
        let text = "The call is in a state in which this cannot be done. The call is connected (active). \
                    Allowed: drop, hold.";
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "title": "Conflict", "status": 409, "code": "invalcallstate", "detail": text,
                "state": "connected", "state_mode": "active", "allowed": ["drop", "hold"],
                "explain": {
                    "missing": "state", "operation": "answer", "privilege": "owner",
                    "sentence": "answer takes a call that is offering, accepted, connected (inactive) or connected \
                                 (inactiveheld); this one is connected (active).",
                    "state": "connected", "state_mode": "active", "allowed": ["drop", "hold"],
                    "states": ["offering", "accepted", "connected (inactive)", "connected (inactiveheld)"],
                },
            })
        );
    }
}
