//! `GET /v1/calls/{call}/trace`, `GET /v1/trace`: what went over the wire and what calls did, afterwards and as it happens.
//!
//! Keys, hashes of passwords and digits are `*` in what is shown.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::ToSchema;

use super::Shared;
use super::access::{Caller, admit, authenticate, bearer};
use super::openapi::Refused;
use super::problem::Problem;
use super::read::segments;
use super::timestamp::precise;
use crate::capture::masking::masked;
use crate::capture::pcapng::{Direction, File, Media};
use crate::driver::http::closed;
use crate::driver::trace::{Entry, Scope, Shown, Tracing};
use crate::handle::AppIdentity;
use crate::switch::{CallId, CallPrivilege, LineError};

/// What happened around a call.
#[derive(Serialize, ToSchema)]
pub(super) struct Trace {
    /// In the order of time.
    entries: Vec<TraceEntry>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum TraceEntry {
    /// A SIP message came or was sent.
    Sip {
        /// When, with microseconds.
        at: String,
        /// The address that sent it.
        from: String,
        /// The address that it was sent to.
        to: String,
        /// `udp`, `tcp`, `tls`, `ws` or `wss`.
        transport: &'static str,
        /// Its Call-ID.
        call_id: String,
        /// Its first line.
        summary: String,
        /// All of it; secrets are `*`.
        text: String,
    },
    /// A call came into a state.
    State {
        /// When.
        at: String,
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// The state, as in a call.
        state: &'static str,
        /// Its mode.
        #[serde(skip_serializing_if = "Option::is_none")]
        state_mode: Option<&'static str>,
    },
    /// An application asked for something by HTTP.
    Operation {
        /// When.
        at: String,
        /// The application.
        app: String,
        /// The operation, as in its path.
        operation: String,
        /// The call it was about.
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<String>,
        /// The line it was about.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<String>,
        /// `ok`, or the code of the refusal.
        outcome: String,
    },
}

impl TraceEntry {
    /// As it is written; packets of media are not.
    fn of(entry: Entry) -> Option<Self> {
        let at = precise(entry.at);
        Some(match entry.what {
            Shown::Media { .. } => return None,
            Shown::Message { from, to, transport, bytes, .. } => {
                let text = String::from_utf8_lossy(&masked(&bytes)).into_owned();
                let summary = text.lines().next().unwrap_or_default().to_owned();
                let call_id =
                    String::from_utf8_lossy(trunkline_sip::agent::Agent::call_id_in(&bytes)).into_owned();
                let [from, to] = [from, to].map(|address: SocketAddr| address.to_string());
                Self::Sip { at, from, to, transport: transport.name(), call_id, summary, text }
            }
            Shown::State { call, line, state } => Self::State {
                at,
                call: call.to_string(),
                line: line.to_string(),
                state: state.name(),
                state_mode: state.mode_name(),
            },
            Shown::Operation { app, operation, call, line, code } => Self::Operation {
                at,
                app: app.to_string(),
                operation: operation.into(),
                call: call.map(|call| call.to_string()),
                line: line.map(|line| line.to_string()),
                outcome: code.map_or_else(|| "ok".to_owned(), String::from),
            },
        })
    }
}

/// What somebody else has written, for a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// What may stand behind the `?`.
#[derive(Deserialize)]
pub(super) struct Form {
    format: Option<Format>,
}

/// How a trace is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Text,
    Mermaid,
    Pcapng,
}

/// What happened around a call, as far back as it is kept: the SIP messages of its station and of the party at its other end, the states of
/// both calls, and what applications asked for; of the other end where the application opens that line, too. The call may be over. `format` is `json`, `text` or
/// `mermaid` for a ladder, or `pcapng`: the messages as a capture that Wireshark reads, each a UDP datagram in clear, whatever brought it, with what its
/// stations said (RTP, RTCP) where their line is captured.
#[utoipa::path(
    get, path = "/v1/calls/{call}/trace", operation_id = "trace",
    params(
        ("call" = String, Path, description = "Its id"),
        ("format" = inline(Option<Format>), Query, description = "json, text, mermaid or pcapng"),
    ),
    responses(
        (status = OK, description = "what happened", content(
            (Trace = "application/json"), (String = "text/plain"), (Vec<u8> = "application/x-pcapng"),
        )),
        Refused,
    )
)]
pub(super) async fn of_call(
    State(shared): State<Shared>,
    Caller(app): Caller,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Form>, QueryRejection>,
) -> Result<Response, Problem> {
    let call: CallId = segments(path)?.parse().map_err(|()| LineError::InvalCallHandle)?;
    let Ok(Query(Form { format })) = query else {
        let detail = "format is json, text, mermaid or pcapng.";
        return Err(Problem::invalid(StatusCode::BAD_REQUEST, detail).at_field("format"));
    };
    let is_capture = matches!(format, Some(Format::Pcapng));
    let draw: Draw<Response> = match format.unwrap_or_default() {
        Format::Json => Box::new(|entries| Json(Trace { entries: written(entries) }).into_response()),
        Format::Text => Box::new(|entries| {
            plain(written(entries).iter().map(|entry| line(entry) + "\n").collect::<String>())
        }),
        Format::Mermaid => Box::new(|entries| plain(mermaid(&written(entries)))),
        Format::Pcapng => Box::new(move |entries| captured(call, entries)),
    };
    let (scope, lines) = (Scope::Call(call), Some(opened(&shared, &app).await?));
    // What people say is for who may record it.
    let tracing = if is_capture && app.privilege == CallPrivilege::Owner {
        shared.engine.trace().read_with_media(scope, lines)
    } else {
        shared.engine.trace().read(scope, lines)
    };
    // A few at a time: each reads all that is kept.
    let place = shared.traces.clone().acquire_owned().await.map_err(|_| LineError::Uninitialized)?;
    let (tracing, answer) = look(tracing, &app, draw).await?;
    drop(place);
    if tracing.has_found() { Ok(answer) } else { Err(LineError::InvalCallHandle.into()) }
}

/// What is made of entries.
type Draw<T> = Box<dyn FnOnce(Vec<Entry>) -> T + Send>;

fn written(entries: Vec<Entry>) -> Vec<TraceEntry> {
    entries.into_iter().filter_map(TraceEntry::of).collect()
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// The messages as a capture.
fn captured(call: CallId, entries: Vec<Entry>) -> Response {
    let has_media = entries.iter().any(|entry| matches!(entry.what, Shown::Media { .. }));
    let mut file = File::new(&format!("call {call}; secrets and digits are *"), has_media);
    for Entry { at, what } in entries {
        match what {
            Shown::Message { from, to, transport, is_sent, bytes } => {
                let direction = if is_sent { Direction::Sent } else { Direction::Received };
                file.add_message(at, (from, to), (transport, direction), &bytes);
            }
            Shown::Media { to, media } => {
                let how = Media { is_opened: media.is_opened, is_masked: media.is_masked };
                file.add_media(at, (media.from, to), how, &media.packet);
            }
            Shown::State { .. } | Shown::Operation { .. } => {}
        }
    }
    let name = format!("attachment; filename=\"{call}.pcapng\"");
    let head = [(header::CONTENT_TYPE, "application/x-pcapng"), (header::CONTENT_DISPOSITION, &name)];
    (head, file.into_bytes()).into_response()
}

/// Looks and draws on a thread that may take its time. Which other applications there are only an operator learns.
async fn look<T: Send + 'static>(
    mut tracing: Tracing,
    asker: &AppIdentity,
    draw: Draw<T>,
) -> Result<(Tracing, T), LineError> {
    let (own, is_operator) = (Arc::clone(&asker.name), asker.is_operator);
    let looked = spawn_blocking(move || {
        let mut entries = tracing.look();
        for entry in &mut entries {
            if let Shown::Operation { app, .. } = &mut entry.what
                && !is_operator
                && *app != own
            {
                *app = "another application".into();
            }
        }
        (tracing, draw(entries))
    });
    looked.await.map_err(|_| LineError::OperationFailed)
}

async fn opened(shared: &Shared, app: &AppIdentity) -> Result<HashSet<Arc<str>>, LineError> {
    let id = app.id;
    let lines = shared.engine.view(move |switch| switch.lines(id)).await?;
    Ok(lines.into_iter().map(|line| line.address).collect())
}

/// An entry in one line.
fn line(entry: &TraceEntry) -> String {
    match entry {
        TraceEntry::Sip { at, from, to, transport, summary, .. } => {
            format!("{at}  {from} → {to} {transport}  {}", harmless(summary))
        }
        TraceEntry::State { at, call, line, state, state_mode } => {
            format!("{at}  {line} call {call}: {state} {}", state_mode.unwrap_or_default())
                .trim_end()
                .to_owned()
        }
        TraceEntry::Operation { at, app, operation, call, line, outcome } => {
            let about = call.as_ref().or(line.as_ref()).map_or("", String::as_str);
            format!("{at}  {app} asks {operation} {about}: {outcome}")
        }
    }
}

/// A sequence diagram of Mermaid.
fn mermaid(entries: &[TraceEntry]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for entry in entries {
        if let TraceEntry::Sip { from, to, .. } = entry {
            for address in [from.as_str(), to.as_str()] {
                if !names.contains(&address) {
                    names.push(address);
                }
            }
        }
    }
    let safe = |text: &str| harmless(text).replace([';', '#'], " ");
    let mut text = "sequenceDiagram\n".to_owned();
    for (index, name) in names.iter().enumerate() {
        text += &format!("  participant p{index} as {name}\n");
    }
    let place = |name: &str| names.iter().position(|known| *known == name).unwrap_or_default();
    for entry in entries {
        match entry {
            TraceEntry::Sip { from, to, summary, .. } => {
                text += &format!("  p{}->>p{}: {}\n", place(from), place(to), safe(summary));
            }
            TraceEntry::State { .. } | TraceEntry::Operation { .. } if !names.is_empty() => {
                let said = line(entry);
                text += &format!(
                    "  Note over p0: {}\n",
                    safe(said.split_once("  ").map_or("", |(_, said)| said))
                );
            }
            TraceEntry::State { .. } | TraceEntry::Operation { .. } => {}
        }
    }
    text
}

/// What may stand behind the `?` of the live trace.
#[derive(Deserialize)]
pub(super) struct Wanted {
    line: Option<String>,
    access_token: Option<String>,
}

/// The same as it happens, of a line, or, for an application that opens every line as owner, of everything: a WebSocket, each text frame an entry.
#[utoipa::path(
    get, path = "/v1/trace", operation_id = "live-trace",
    params(
        ("line" = Option<String>, Query, description = "its address; without it, everything"),
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
    let Ok(Query(Wanted { line, access_token })) = query else {
        return Err(
            Problem::invalid(StatusCode::BAD_REQUEST, "line is the address of a line.").at_field("line")
        );
    };
    let app = match &access_token {
        Some(token) => admit(&shared, token)?,
        None => admit(&shared, bearer(&headers)?)?,
    };
    let (scope, lines) = match line {
        Some(line) => {
            let (line, opened): (Arc<str>, _) = (line.into(), opened(&shared, &app).await?);
            if !opened.contains(&line) {
                return Err(LineError::InvalLineHandle.into());
            }
            (Scope::Line(line), Some(opened))
        }
        None if app.is_operator => (Scope::All, None),
        None => return Err(Problem::for_operators()),
    };
    let upgrade = upgrade.map_err(|_| Problem::no_websocket())?;
    let Ok(place) = shared.live_traces.clone().try_acquire_owned() else {
        return Err(Problem::line_error(
            LineError::ResourceUnavail,
            format!("There are {LIVE_MAX} live traces already."),
        ));
    };
    let tracing = shared.engine.trace().follow(scope, lines.clone());
    let upgrade = upgrade.max_frame_size(FRAME_BYTES_MAX).max_message_size(FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| follow(shared, (app, lines), tracing, socket, place)))
}

async fn follow(
    shared: Shared,
    (app, lines): (AppIdentity, Option<HashSet<Arc<str>>>),
    mut tracing: Tracing,
    mut socket: WebSocket,
    _place: OwnedSemaphorePermit,
) {
    let mut closing = shared.closing.subscribe();
    let mut beat = interval(LOOK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Looks since the client was asked whether it is there, and questions that it has not answered.
    let (mut looks, mut unanswered) = (0_u32, 0_u32);
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
                let all = async {
                    for entry in entries {
                        let text = serde_json::to_string(&entry).expect("an entry has string keys only");
                        socket.send(Message::Text(text.into())).await?;
                    }
                    Ok::<(), axum::Error>(())
                };
                if !matches!(timeout(WRITE_MAX, all).await, Ok(Ok(()))) {
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

/// Traces of calls that are read at once; more wait.
pub(super) const READ_MAX: usize = 2;

/// The longest frame and message taken from a client.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How long a client may leave what was looked at waiting.
const WRITE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(harmless("a\u{1b}[2Jb"), "a [2Jb");
    }

    #[test]
    fn a_ladder_is_drawn() {
        let sip = |from: &str, to: &str, summary: &str| TraceEntry::Sip {
            at: "t".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            transport: "udp",
            call_id: "c".to_owned(),
            summary: summary.to_owned(),
            text: String::new(),
        };
        let state = TraceEntry::State {
            at: "t".to_owned(),
            call: "7".to_owned(),
            line: "1001".to_owned(),
            state: "connected",
            state_mode: Some("active"),
        };
        let entries =
            [sip("a:1", "b:2", "INVITE sip:1;x#y SIP/2.0"), state, sip("b:2", "a:1", "SIP/2.0 200 OK")];
        assert_eq!(
            mermaid(&entries),
            "sequenceDiagram\n  participant p0 as a:1\n  participant p1 as b:2\n  p0->>p1: INVITE sip:1 x y SIP/2.0\n  \
             Note over p0: 1001 call 7: connected active\n  p1->>p0: SIP/2.0 200 OK\n"
        );
        assert_eq!(line(&entries[2]), "t  b:2 → a:1 udp  SIP/2.0 200 OK");
    }
}
