//! `POST /v1/phones/{mac}/token`: how a phone fetches its configuration.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::explain::Missing;
use super::openapi::Refused;
use super::operate::{argument, body};
use super::problem::Problem;
use super::read::segments;
use crate::config::TOKEN_HOURS_MAX;
use crate::driver::clock;
use crate::provision::{Mac, TokenError};
use crate::switch::LineError;

/// How long the token is to hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeToken {
    /// 1 to 744 hours; left out: as the configuration says.
    #[serde(default)]
    #[schema(example = 24)]
    hours: Option<u32>,
}

/// A token, in the place where it is typed into the phone.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// The phone's hardware address.
    #[schema(example = "00:15:65:12:34:56")]
    mac: String,
    /// What is typed into the phone. Whoever knows it is given the passwords of its lines.
    #[schema(example = "https://pbx.example:8090/p/h2k…/")]
    url: String,
    /// For how many seconds it holds.
    #[schema(example = 86400)]
    expires_s: u64,
}

/// Makes a token by which a phone fetches its configuration; the one that it had holds no longer. It holds for some hours, and from
/// the first fetch on for that host alone. The application must open every line as owner.
#[utoipa::path(
    post, path = "/v1/phones/{mac}/token", operation_id = "make-phone-token", request_body = MakeToken,
    params(("mac" = String, Path, description = "The phone's hardware address")),
    responses((status = OK, body = Token, description = "the token"), Refused)
)]
pub(super) async fn token(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<([(HeaderName, &'static str); 1], Json<Token>), Problem> {
    let mac = segments(path)?;
    let MakeToken { hours } = argument(&body(request).await?)?;
    if !app.is_operator {
        return Err(Problem::for_operators());
    }
    if hours.is_some_and(|hours| !(1..=TOKEN_HOURS_MAX).contains(&hours)) {
        let detail = format!("A token holds for 1 to {TOKEN_HOURS_MAX} hours.");
        return Err(Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, detail).at_field("hours"));
    }
    let mac = Mac::parse(&mac).ok_or(TokenError::UnknownPhone)?;
    let holds = hours.map(|hours| Duration::from_secs(u64::from(hours) * 3_600));
    let issued = shared.engine.provisioner().issue(clock::now(), mac, holds, None)?;
    tracing::info!(app = %app.name, %mac, "a token was made for a phone");
    let token = Token { mac: mac.to_string(), url: issued.url, expires_s: issued.holds.as_secs() };
    Ok(([(CACHE_CONTROL, "no-store")], Json(token)))
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Off => {
                let detail = "Provisioning is off: write [provisioning] listen, and start again.";
                Self::lacks(Missing::Configuration, LineError::OperationUnavail, detail)
            }
            TokenError::UnknownPhone => Self::http(
                StatusCode::NOT_FOUND,
                Missing::Configuration,
                "No [[phone]] of the configuration has this hardware address.",
            ),
            TokenError::Random(_) => {
                Self::line_error(LineError::ResourceUnavail, "The system gave no random numbers.")
            }
        }
    }
}
