//! `POST /v1/check-config`: the configuration is read and judged, and nothing is changed.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::arguments::Nothing;
use super::explain::Missing;
use super::openapi::Refused;
use super::operate::{REPLY_MAX, argument, body};
use super::problem::{Mistake, Problem};
use super::reload::Reloaded;
use crate::driver::Checked;
use crate::switch::LineError;

/// What a reload would do.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckedConfig {
    /// What it holds; none: something in it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<Reloaded>,
    /// What is wrong, in the order of the lines: a reload would change nothing.
    errors: Vec<Mistake>,
    /// What only a restart can change: a reload would change nothing.
    restart: Vec<Mistake>,
    /// What is to be known though nothing is wrong: certificates that end soon, hosts that name servers do not know.
    notes: Vec<String>,
}

impl From<Checked> for CheckedConfig {
    fn from(checked: Checked) -> Self {
        let Checked { loaded, errors, restart, notes } = checked;
        let [errors, restart] = [errors, restart].map(|errors| errors.iter().map(Mistake::from).collect());
        Self { loaded: loaded.map(Reloaded::from), errors, restart, notes }
    }
}

/// Reads the configuration and says what a reload would do: what is wrong and where, what only a restart can change. Nothing is
/// changed.
#[utoipa::path(
    post, path = "/v1/check-config", operation_id = "check-config", request_body = Nothing,
    responses((status = OK, body = CheckedConfig, description = "what was found"), Refused)
)]
pub(super) async fn check_config(
    State(shared): State<Shared>,
    Caller(app): Caller,
    request: Request,
) -> Result<Json<CheckedConfig>, Problem> {
    let Nothing {} = argument(&body(request).await?)?;
    if !app.is_operator {
        return Err(Problem::for_operators());
    }
    let Some(reloader) = &shared.operator.reloader else {
        let detail = "Whoever runs this engine reads no configuration again.";
        return Err(Problem::lacks(Missing::Configuration, LineError::OperationUnavail, detail));
    };
    match timeout(REPLY_MAX, reloader.check()).await {
        Ok(checked) => Ok(Json(checked?.into())),
        Err(_) => {
            let detail = "The configuration is still being read.";
            Err(Problem::http(StatusCode::GATEWAY_TIMEOUT, Missing::Reply, detail))
        }
    }
}
