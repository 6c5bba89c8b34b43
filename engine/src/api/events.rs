//! `GET /v1/events`: the messages of one application over a WebSocket (RFC 6455).

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
use tokio::time::{Instant, interval_at, timeout};

use super::Shared;
use super::access::{admit, authenticate, bearer};
use super::apps::Listening;
use super::event::{Event, event_json};
use super::openapi::Refused;
use super::problem::Problem;
use crate::driver::http::closed;
use crate::handle::{AppIdentity, Subscription};
use crate::switch::LineError;

/// What may stand behind the `?`.
#[derive(Deserialize)]
pub(super) struct Resume {
    /// The last event that the client has; without it, events begin with the next one.
    after: Option<u64>,
    /// The token, for clients that cannot write headers.
    access_token: Option<String>,
}

/// The messages of the application, each a text frame with one `Event`.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "events", 
    params(
        ("after" = Option<u64>, Query, description = "resume behind this event; without it, with the next one"),
        ("access_token" = Option<String>, Query, description = "the token, where no header can be written"),
    ),
    responses((status = SWITCHING_PROTOCOLS, body = Event, description = "a WebSocket of Events"), Refused)
)]
pub(super) async fn events(
    State(shared): State<Shared>,
    query: Result<Query<Resume>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let query = query.ok().filter(|Query(resume)| resume.after.is_none_or(|after| after <= SEQ_MAX));
    let Some(Query(Resume { after, access_token })) = query else {
        return Err(
            Problem::invalid(StatusCode::BAD_REQUEST, "after must be the seq of an event.").at_field("after")
        );
    };
    let app = match &access_token {
        Some(token) => admit(&shared, token)?,
        None => admit(&shared, bearer(&headers)?)?,
    };
    let upgrade = upgrade.map_err(|_| Problem::no_websocket())?;
    let Ok(place) = shared.sockets.clone().try_acquire_owned() else {
        let detail = format!("There are {SOCKETS_MAX} event streams already.");
        return Err(Problem::line_error(LineError::ResourceUnavail, detail));
    };
    let subscription = shared.engine.events(app.id, after).ok_or(LineError::Uninitialized)?;
    let upgrade = upgrade.max_frame_size(FRAME_BYTES_MAX).max_message_size(FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| {
        let listening = shared.streams.enter(app.id);
        Stream { shared, app, subscription, socket, unanswered: 0, _place: place, _listening: listening }
            .run()
    }))
}

/// One client that listens.
struct Stream {
    shared: Shared,
    app: AppIdentity,
    subscription: Subscription,
    socket: WebSocket,
    /// Pings since the client was last heard.
    unanswered: u32,
    _place: OwnedSemaphorePermit,
    _listening: Listening,
}

impl Stream {
    async fn run(mut self) {
        let (code, reason) = self.follow().await;
        let farewell = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // The client may be gone: then there is nobody to tell.
        drop(timeout(WRITE_MAX, self.socket.send(farewell)).await);
    }

    /// Passes events on until one side ends it; returns what to tell the client.
    async fn follow(&mut self) -> (u16, &'static str) {
        let mut closing = self.shared.closing.subscribe();
        // Not at once: what is heard is counted from beat to beat.
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        let mut heard = 0;
        loop {
            let outgoing = tokio::select! {
                delivery = self.subscription.next() => match delivery {
                    Some(delivery) => {
                        let (_, event) = event_json(delivery);
                        Message::Text(event.into())
                    }
                    None => return (close_code::AWAY, "the engine stops"),
                },
                () = closed(&mut closing) => return (close_code::AWAY, "the engine stops"),
                incoming = self.socket.recv() => {
                    self.unanswered = 0;
                    heard += 1;
                    match incoming {
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) if heard <= HEARD_MAX => continue,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                            return (close_code::POLICY, "too many frames");
                        }
                        Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                            return (close_code::UNSUPPORTED, "events go one way");
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return (close_code::NORMAL, ""),
                    }
                }
                _ = beat.tick() => {
                    heard = 0;
                    if self.unanswered == UNANSWERED_MAX {
                        return (close_code::AWAY, "no answer to ping");
                    }
                    if !self.is_admitted() {
                        return (close_code::POLICY, "the token was withdrawn");
                    }
                    self.unanswered += 1;
                    Message::Ping(Bytes::new())
                }
            };
            // A client that takes nothing for so long resumes by number when it is back.
            match timeout(WRITE_MAX, self.socket.send(outgoing)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return (close_code::POLICY, "too slow"),
            }
        }
    }

    /// Whether a reload has left the application its token.
    fn is_admitted(&self) -> bool {
        authenticate(&self.shared, &self.app.token).is_ok_and(|app| app.id == self.app.id)
    }
}

/// The greatest number that can be named; those of events stay far below.
const SEQ_MAX: u64 = i64::MAX as u64;

/// Event streams at once; more are refused with 503.
pub(super) const SOCKETS_MAX: usize = 256;

/// The longest frame and message taken from a client.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Between two pings.
const BEAT: Duration = Duration::from_secs(30);

/// Pings without a sign of life after which a client is gone.
const UNANSWERED_MAX: u32 = 3;

/// Control frames taken from a client between two pings; more are a flood.
const HEARD_MAX: u32 = 600;

/// How long a client may leave a frame waiting.
const WRITE_MAX: Duration = Duration::from_secs(10);
