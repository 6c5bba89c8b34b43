//! `POST /v1/lines/{line}/check-sync`: phones look whether their configuration has changed.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::openapi::Refused;
use super::operate::{Done, ask_on_line};
use super::problem::Problem;
use crate::switch::Operation;

/// What the phones are to do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckSync {
    /// Whether they start anew in any case.
    #[serde(default)]
    #[schema(example = true)]
    reboot: bool,
}

/// Tells every phone of the line to fetch its configuration, by NOTIFY `check-sync`; no phone says what becomes of it. The application
/// must have opened the line as owner.
#[utoipa::path(
    post, path = "/v1/lines/{line}/check-sync", operation_id = "check-sync", request_body = CheckSync,
    params(("line" = String, Path, description = "Its address")),
    responses((status = OK, body = Done, description = "they were told"), Refused)
)]
pub(super) async fn check_sync(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let on = |CheckSync { reboot }, line| Operation::CheckSync { line, reboot };
    ask_on_line((&shared, &app), "check-sync", path, request, on).await
}
