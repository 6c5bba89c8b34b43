//! `GET /v1/trace`: what goes over the wire and what calls do, as it happens.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Shared;
use super::access::{admit, authenticate, bearer};
use super::openapi::Refused;
use super::problem::Problem;
use super::trace::{TraceEntry, look, opened, written};
use crate::driver::http::closed;
use crate::driver::trace::{Scope, Tracing};
use crate::handle::AppIdentity;
use crate::switch::LineError;

/// What may stand behind the `?` of the live trace.
#[derive(Deserialize)]
pub(super) struct Wanted {
    line: Option<String>,
    call: Option<String>,
    access_token: Option<String>,
}

/// What goes over the wire and what calls do, as it happens: a WebSocket, each text frame an entry. Of a line; of a call, with what is
/// kept of it first; or, for an application that opens every line as owner, of everything.
#[utoipa::path(
    get, path = "/v1/trace", operation_id = "live-trace",
    params(
        ("line" = Option<String>, Query, description = "its address"),
        ("call" = Option<String>, Query, description = "its id; without call and line, everything"),
        ("access_token" = Option<String>, Query, description = "the token, where no header can be written"),
    ),
    responses((status = SWITCHING_PROTOCOLS, body = TraceEntry, description = "a WebSocket of entries"), Refused)
)]
pub(super) async fn live(
    State(shared): State<Shared>,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Ok(Query(Wanted { line, call, access_token })) = query else {
        let detail = "line is the address of a line, call the id of a call.";
        return Err(Problem::invalid(StatusCode::BAD_REQUEST, detail).at_field("call"));
    };
    let app = match &access_token {
        Some(token) => admit(&shared, token)?,
        None => admit(&shared, bearer(&headers)?)?,
    };
    let upgrade = upgrade.map_err(|_| Problem::no_websocket())?;
    let (scope, lines) = match (line, call) {
        (Some(_), Some(_)) => {
            let detail = "Name a line or a call, not both.";
            return Err(Problem::invalid(StatusCode::BAD_REQUEST, detail).at_field("call"));
        }
        (Some(line), None) => {
            let (line, opened): (Arc<str>, _) = (line.into(), opened(&shared, &app).await?);
            if !opened.contains(&line) {
                return Err(LineError::InvalLineHandle.into());
            }
            (Scope::Line(line), Some(opened))
        }
        (None, Some(call)) => {
            let call = call.parse().map_err(|()| LineError::InvalCallHandle)?;
            (Scope::Call(call), Some(opened(&shared, &app).await?))
        }
        (None, None) if app.is_operator => (Scope::All, None),
        (None, None) => return Err(Problem::for_operators()),
    };
    let Ok(place) = shared.live_traces.clone().try_acquire_owned() else {
        return Err(Problem::line_error(
            LineError::ResourceUnavail,
            format!("There are {LIVE_MAX} live traces already."),
        ));
    };
    let (tracing, kept) = match &scope {
        Scope::Call(_) => {
            let reading =
                shared.traces.clone().acquire_owned().await.map_err(|_| LineError::Uninitialized)?;
            let looked =
                look(shared.engine.trace().read(scope, lines.clone()), &app, Box::new(written)).await?;
            drop(reading);
            if !looked.0.has_found() {
                return Err(LineError::InvalCallHandle.into());
            }
            looked
        }
        Scope::Line(_) | Scope::All => (shared.engine.trace().follow(scope, lines.clone()), Vec::new()),
    };
    let upgrade = upgrade.max_frame_size(FRAME_BYTES_MAX).max_message_size(FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| follow(shared, (app, lines), (tracing, kept), socket, place)))
}

async fn follow(
    shared: Shared,
    (app, lines): (AppIdentity, Option<HashSet<Arc<str>>>),
    (mut tracing, kept): (Tracing, Vec<TraceEntry>),
    mut socket: WebSocket,
    _place: OwnedSemaphorePermit,
) {
    let mut closing = shared.closing.subscribe();
    let mut beat = interval(LOOK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Looks since the client was asked whether it is there, and questions that it has not answered.
    let (mut looks, mut unanswered) = (0_u32, 0_u32);
    if !told(&mut socket, kept).await {
        return;
    }
    let (code, reason) = loop {
        tokio::select! {
            _ = beat.tick() => {
                looks += 1;
                if looks % CHECKED_EACH == 0 && !may_look(&shared, &app, lines.as_ref()).await {
                    break (close_code::POLICY, "the token, or a line, was withdrawn");
                }
                if looks % ASKED_EACH == 0 {
                    unanswered += 1;
                    if unanswered > UNANSWERED_MAX {
                        break (close_code::AWAY, "no answer to ping");
                    }
                    if !matches!(timeout(WRITE_MAX, socket.send(Message::Ping(Bytes::new()))).await, Ok(Ok(()))) {
                        break (close_code::POLICY, "too slow");
                    }
                }
                let Ok((same, entries)) = look(tracing, &app, Box::new(written)).await else { return };
                tracing = same;
                if !told(&mut socket, entries).await {
                    break (close_code::POLICY, "too slow");
                }
            }
            () = closed(&mut closing) => break (close_code::AWAY, "the engine stops"),
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => unanswered = 0,
                Some(Ok(Message::Text(_) | Message::Binary(_))) => break (close_code::UNSUPPORTED, "a trace goes one way"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break (close_code::NORMAL, ""),
            },
        }
    };
    let farewell = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    drop(timeout(WRITE_MAX, socket.send(farewell)).await);
}

/// Sends entries; whether the client took them in time.
async fn told(socket: &mut WebSocket, entries: Vec<TraceEntry>) -> bool {
    let all = async {
        for entry in entries {
            let text = serde_json::to_string(&entry).expect("an entry has string keys only");
            socket.send(Message::Text(text.into())).await?;
        }
        Ok::<(), axum::Error>(())
    };
    matches!(timeout(WRITE_MAX, all).await, Ok(Ok(())))
}

/// Whether the application may still see what it looks at: a reload may have taken its token, its lines, or its being an operator.
async fn may_look(shared: &Shared, app: &AppIdentity, lines: Option<&HashSet<Arc<str>>>) -> bool {
    let is_same = authenticate(shared, &app.token)
        .is_ok_and(|found| found.id == app.id && found.is_operator == app.is_operator);
    match lines {
        Some(lines) => is_same && opened(shared, app).await.is_ok_and(|opened| opened.is_superset(lines)),
        None => is_same,
    }
}

/// How often a live trace looks for more.
const LOOK: Duration = Duration::from_millis(100);

/// Looks between two looks at what the application may see.
const CHECKED_EACH: u32 = 10;

/// Looks between two pings.
const ASKED_EACH: u32 = 300;

/// Pings without an answer after which a client is gone.
const UNANSWERED_MAX: u32 = 3;

/// Live traces at once; more are refused with 503.
pub(super) const LIVE_MAX: usize = 16;

/// The longest frame and message taken from a client.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How long a client may leave what was looked at waiting.
const WRITE_MAX: Duration = Duration::from_secs(10);
