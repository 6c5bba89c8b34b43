//! What can be read: lines, calls, registrations, trunks, parked calls.

use std::collections::HashSet;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::Shared;
use super::access::Caller;
use super::explain::Missing;
use super::openapi::Refused;
use super::problem::Problem;
use super::shape::{Call, Line, Parked, Registration, Trunk};
use crate::driver::clock;
use crate::switch::{CallId, LineError};

/// The lines that the application opens, trunks last.
#[utoipa::path(
    get, path = "/v1/lines", operation_id = "lines",
    responses((status = OK, body = Vec<Line>, description = "the lines"), Refused)
)]
pub(super) async fn lines(
    State(shared): State<Shared>,
    Caller(app): Caller,
) -> Result<Json<Vec<Line>>, Problem> {
    let lines = shared.engine.view(move |switch| switch.lines(app.id)).await?;
    Ok(Json(lines.into_iter().map(Line::from).collect()))
}

/// One line.
#[utoipa::path(
    get, path = "/v1/lines/{line}", operation_id = "line", params(("line" = String, Path, description = "Its address")),
    responses((status = OK, body = Line, description = "the line"), Refused)
)]
pub(super) async fn line(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Line>, Problem> {
    let address = segments(path)?;
    let line = shared.engine.view(move |switch| switch.line(app.id, &address)).await?;
    Ok(Json(line.ok_or(LineError::InvalLineHandle)?.into()))
}

/// The calls that the application has a handle to.
#[utoipa::path(
    get, path = "/v1/calls", operation_id = "calls",
    responses((status = OK, body = Vec<Call>, description = "the calls"), Refused)
)]
pub(super) async fn calls(
    State(shared): State<Shared>,
    Caller(app): Caller,
) -> Result<Json<Vec<Call>>, Problem> {
    let calls = shared.engine.view(move |switch| switch.calls(app.id)).await?;
    Ok(Json(calls.into_iter().map(|call| Call::new(call, &shared.anchor)).collect()))
}

/// One call.
#[utoipa::path(
    get, path = "/v1/calls/{call}", operation_id = "call", params(("call" = String, Path, description = "Its id")),
    responses((status = OK, body = Call, description = "the call"), Refused)
)]
pub(super) async fn call(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Call>, Problem> {
    let id: CallId = segments(path)?.parse().map_err(|()| LineError::InvalCallHandle)?;
    let call = shared.engine.view(move |switch| switch.call(app.id, id)).await?;
    Ok(Json(Call::new(call.ok_or(LineError::InvalCallHandle)?, &shared.anchor)))
}

/// Where the phones of the application's lines are registered.
#[utoipa::path(
    get, path = "/v1/registrations", operation_id = "registrations",
    responses((status = OK, body = Vec<Registration>, description = "the contacts"), Refused)
)]
pub(super) async fn registrations(
    State(shared): State<Shared>,
    Caller(app): Caller,
) -> Result<Json<Vec<Registration>>, Problem> {
    let lines = shared.engine.view(move |switch| switch.lines(app.id)).await?;
    let opened: HashSet<_> = lines.into_iter().map(|line| line.address).collect();
    let now = clock::now();
    let mut table = shared.engine.location().snapshot();
    table.retain(|(line, _)| opened.contains(line));
    table.sort_by(|(a, _), (b, _)| a.cmp(b));
    let bindings =
        table.iter().flat_map(|(line, bindings)| bindings.iter().map(move |binding| (line, binding)));
    Ok(Json(
        bindings
            .filter(|(_, binding)| binding.expires > now)
            .map(|(line, binding)| Registration::new(line, binding, now))
            .collect(),
    ))
}

/// The trunks.
#[utoipa::path(
    get, path = "/v1/trunks", operation_id = "trunks",
    responses((status = OK, body = Vec<Trunk>, description = "the trunks"), Refused)
)]
pub(super) async fn trunks(State(shared): State<Shared>, _: Caller) -> Result<Json<Vec<Trunk>>, Problem> {
    let trunks = shared.engine.view(|switch| switch.trunks()).await?;
    let now = clock::now();
    Ok(Json(trunks.into_iter().map(|trunk| Trunk::new(trunk, &shared.anchor, now)).collect()))
}

/// The parked calls: those whose parker, or whose own line, the application opens.
#[utoipa::path(
    get, path = "/v1/parked", operation_id = "parked",
    responses((status = OK, body = Vec<Parked>, description = "the parked calls, by slot"), Refused)
)]
pub(super) async fn parked(
    State(shared): State<Shared>,
    Caller(app): Caller,
) -> Result<Json<Vec<Parked>>, Problem> {
    let parked = shared.engine.view(move |switch| switch.parked(app.id)).await?;
    Ok(Json(parked.into_iter().map(|parked| Parked::new(parked, &shared.anchor)).collect()))
}

/// The path's parameters, where they are UTF-8.
pub(super) fn segments<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    match path {
        Ok(Path(segments)) => Ok(segments),
        Err(_) => Err(Problem::http(StatusCode::BAD_REQUEST, Missing::Request, "The path is no UTF-8.")),
    }
}
