//! `POST /v1/reload`: the configuration is read again, all of it or nothing.

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
use super::problem::Problem;
use crate::driver::{Loaded, ReloadError};
use crate::switch::LineError;

/// What was loaded.
#[derive(Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// The file; none: the built-in default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/etc/trunkline/trunkline.toml")]
    file: Option<String>,
    /// How many lines it names.
    #[schema(example = 40)]
    lines: usize,
    /// How many trunks.
    #[schema(example = 1)]
    trunks: usize,
    /// How many routes.
    #[schema(example = 2)]
    routes: usize,
    /// How many applications.
    #[schema(example = 1)]
    apps: usize,
}

impl From<Loaded> for Reloaded {
    fn from(loaded: Loaded) -> Self {
        let Loaded { file, lines, trunks, routes, apps } = loaded;
        Self { file: file.map(|path| path.display().to_string()), lines, trunks, routes, apps }
    }
}

/// Reads the configuration again. Calls, registrations and subscriptions stay; where anything in it is wrong, or only a
/// restart could change it, nothing is changed, and `errors` says what and where.
#[utoipa::path(
    post, path = "/v1/reload", operation_id = "reload", request_body = Nothing,
    responses((status = OK, body = Reloaded, description = "it was taken"), Refused)
)]
pub(super) async fn reload(
    State(shared): State<Shared>,
    Caller(app): Caller,
    request: Request,
) -> Result<Json<Reloaded>, Problem> {
    let Nothing {} = argument(&body(request).await?)?;
    if !app.is_operator {
        return Err(Problem::for_operators());
    }
    let Some(reloader) = &shared.operator.reloader else {
        let detail = "Whoever runs this engine reads no configuration again.";
        return Err(Problem::lacks(Missing::Configuration, LineError::OperationUnavail, detail));
    };
    tracing::info!(app = %app.name, "a reload is asked for");
    match timeout(REPLY_MAX, reloader.reload()).await {
        Ok(loaded) => Ok(Json(loaded?.into())),
        Err(_) => {
            let detail = "The configuration is still being read; the log tells when it was.";
            Err(Problem::http(StatusCode::GATEWAY_TIMEOUT, Missing::Reply, detail))
        }
    }
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let detail = format!("Nothing was changed.\n{error}.");
        match error {
            ReloadError::Wrong(errors) => {
                let problem = Self::lacks(Missing::Configuration, LineError::InvalParam, detail);
                problem.with_errors(&errors)
            }
            ReloadError::NeedsRestart(errors) => {
                Self::http(StatusCode::CONFLICT, Missing::Restart, detail).with_errors(&errors)
            }
            ReloadError::Busy => Self::line_error(LineError::ResourceUnavail, "Other reloads wait already."),
            ReloadError::Stopping => LineError::Uninitialized.into(),
        }
    }
}
