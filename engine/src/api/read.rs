//! What can be read: lines, calls, registrations, trunks, parked calls.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use trunkline_sip::location::Binding;

use super::Shared;
use super::access::Caller;
use super::explain::Missing;
use super::openapi::Refused;
use super::page::{Listed, Page};
use super::problem::Problem;
use super::shape::{Call, Line, Parked, Registration, Trunk};
use crate::driver::clock;
use crate::switch::{CallId, CallView, LineError, ParkedView};

/// The lines that the application opens, trunks last.
#[utoipa::path(
    get, path = "/v1/lines", operation_id = "lines", params(Page),
    responses(
        (status = OK, body = Vec<Line>, description = "the lines", headers(("Link" = String, description = "the next piece, if there is one"))),
        Refused,
    )
)]
pub(super) async fn lines(
    State(shared): State<Shared>,
    Caller(app): Caller,
    page: Page,
) -> Result<Listed<Line>, Problem> {
    let lines = shared.engine.view(move |switch| switch.lines(app.id)).await?;
    Ok(page.of_named("/v1/lines", lines, |line| line.address.to_string())?.map(Line::from))
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
    get, path = "/v1/calls", operation_id = "calls", params(Page),
    responses(
        (status = OK, body = Vec<Call>, description = "the calls", headers(("Link" = String, description = "the next piece, if there is one"))),
        Refused,
    )
)]
pub(super) async fn calls(
    State(shared): State<Shared>,
    Caller(app): Caller,
    page: Page,
) -> Result<Listed<Call>, Problem> {
    let calls = shared.engine.view(move |switch| switch.calls(app.id)).await?;
    let id = |call: &CallView| call.id.to_string();
    let calls = page.of_ordered("/v1/calls", calls, |call| call.id, |text| text.parse().ok(), id)?;
    Ok(calls.map(|call| Call::new(call, &shared.anchor)))
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
    get, path = "/v1/registrations", operation_id = "registrations", params(Page),
    responses(
        (status = OK, body = Vec<Registration>, description = "the contacts", headers(("Link" = String, description = "the next piece, if there is one"))),
        Refused,
    )
)]
pub(super) async fn registrations(
    State(shared): State<Shared>,
    Caller(app): Caller,
    page: Page,
) -> Result<Listed<Registration>, Problem> {
    let lines = shared.engine.view(move |switch| switch.lines(app.id)).await?;
    let opened: HashSet<_> = lines.into_iter().map(|line| line.address).collect();
    let now = clock::now();
    let mut table = shared.engine.location().snapshot();
    table.retain(|(line, _)| opened.contains(line));
    table.sort_by(|(a, _), (b, _)| a.cmp(b));
    let bindings =
        table.iter().flat_map(|(line, bindings)| bindings.iter().map(move |binding| (line, binding)));
    let mut bindings: Vec<_> = bindings.filter(|(_, binding)| binding.expires > now).collect();
    let place = |(line, binding): &(&Arc<str>, &Arc<Binding>)| (line.to_string(), fingerprint(&binding.key));
    // By pieces they need an order that stays when others come and go.
    if !page.is_all() {
        bindings.sort_by_cached_key(place);
    }
    let cursor = |one: &(&Arc<str>, &Arc<Binding>)| {
        let (line, key) = place(one);
        format!("{key:016x}.{line}")
    };
    let listed = page.of_ordered("/v1/registrations", bindings, place, parse_place, cursor)?;
    Ok(listed.map(|(line, binding)| Registration::new(line, binding, now)))
}

/// The trunks.
#[utoipa::path(
    get, path = "/v1/trunks", operation_id = "trunks", params(Page),
    responses(
        (status = OK, body = Vec<Trunk>, description = "the trunks", headers(("Link" = String, description = "the next piece, if there is one"))),
        Refused,
    )
)]
pub(super) async fn trunks(
    State(shared): State<Shared>,
    _: Caller,
    page: Page,
) -> Result<Listed<Trunk>, Problem> {
    let trunks = shared.engine.view(|switch| switch.trunks()).await?;
    let now = clock::now();
    let trunks = page.of_named("/v1/trunks", trunks, |trunk| trunk.name.to_string())?;
    Ok(trunks.map(|trunk| Trunk::new(trunk, &shared.anchor, now)))
}

/// The parked calls: those whose parker, or whose own line, the application opens.
#[utoipa::path(
    get, path = "/v1/parked", operation_id = "parked", params(Page),
    responses(
        (status = OK, body = Vec<Parked>, description = "the parked calls, by slot", headers(("Link" = String, description = "the next piece, if there is one"))),
        Refused,
    )
)]
pub(super) async fn parked(
    State(shared): State<Shared>,
    Caller(app): Caller,
    page: Page,
) -> Result<Listed<Parked>, Problem> {
    let parked = shared.engine.view(move |switch| switch.parked(app.id)).await?;
    let slot = |parked: &ParkedView| parked.slot.to_string();
    let parked = page.of_ordered("/v1/parked", parked, slot, |text| Some(text.to_owned()), slot)?;
    Ok(parked.map(|parked| Parked::new(parked, &shared.anchor)))
}

/// Which contact of a line it is, in as many octets as a cursor can have: identities may be long.
fn fingerprint(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The place in the list of contacts that a cursor names.
fn parse_place(cursor: &str) -> Option<(String, u64)> {
    let (key, line) = cursor.split_once('.')?;
    Some((line.to_owned(), u64::from_str_radix(key, 16).ok()?))
}

/// The path's parameters, where they are UTF-8.
pub(super) fn segments<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    match path {
        Ok(Path(segments)) => Ok(segments),
        Err(_) => Err(Problem::http(StatusCode::BAD_REQUEST, Missing::Request, "The path is no UTF-8.")),
    }
}
