//! `GET /v1/calls/{call}/trace`: what went over the wire and what calls did, afterwards; as it happens: `trace_live`.
//!
//! Keys, hashes of passwords and digits are `*` in what is shown.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::openapi::Refused;
use super::problem::Problem;
use super::read::segments;
use super::timestamp::precise;
use crate::capture::masking::masked;
use crate::capture::pcapng::{Direction, File, Media};
use crate::driver::trace::{Entry, Scope, Shown, Tracing};
use crate::handle::AppIdentity;
use crate::switch::{CallId, CallPrivilege, Hearing, LineError, MediaChange};

/// What happened around a call.
#[derive(Serialize, ToSchema)]
pub(super) struct Trace {
    /// In the order of time.
    entries: Vec<TraceEntry>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum TraceEntry {
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
    /// The media of a call's station changed.
    Media {
        /// When.
        at: String,
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// `agreed`, `hears`, `path` or `taps`.
        change: &'static str,
        /// What it is from here on: direction, encodings and address; who or what is heard; `kernel` or `user`; recording and forks.
        detail: String,
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
            Shown::MediaChange { call, line, change, is_hidden } => {
                let (change, detail) = said(&change, is_hidden);
                Self::Media { at, call: call.to_string(), line: line.to_string(), change, detail }
            }
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

/// A change of media by its name, and what it is from there on.
fn said(change: &MediaChange, is_hidden: bool) -> (&'static str, String) {
    match change {
        MediaChange::Agreed { direction, codecs, to, is_secured } => {
            let codecs: Vec<_> = codecs.iter().flatten().copied().collect();
            let to = to.map_or_else(|| "nowhere".to_owned(), |to| to.to_string());
            let secured = if *is_secured { ", SRTP" } else { "" };
            ("agreed", format!("{direction} {} at {to}{secured}", codecs.join("/")))
        }
        MediaChange::Hears(hearing) => {
            let heard = match hearing {
                Hearing::Nothing => "nothing".to_owned(),
                Hearing::Silence => "silence".to_owned(),
                Hearing::Tone => "a tone".to_owned(),
                Hearing::Music => "music".to_owned(),
                Hearing::Conference => "the conference".to_owned(),
                Hearing::Call(_) if is_hidden => "another call".to_owned(),
                Hearing::Call(call) => call.to_string(),
            };
            ("hears", heard)
        }
        MediaChange::Path { in_kernel } => ("path", if *in_kernel { "kernel" } else { "user" }.to_owned()),
        MediaChange::Taps { recording, forks } => {
            let recording = match recording {
                None => "not recorded",
                Some(false) => "recorded",
                Some(true) => "recording paused",
            };
            let forks = match forks {
                0 => String::new(),
                1 => ", 1 fork".to_owned(),
                forks => format!(", {forks} forks"),
            };
            ("taps", format!("{recording}{forks}"))
        }
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
/// both calls and what became of their media, and what applications asked for; of the other end where the application opens that line, too. The call may be over. `format` is `json`, `text` or
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
pub(super) type Draw<T> = Box<dyn FnOnce(Vec<Entry>) -> T + Send>;

pub(super) fn written(entries: Vec<Entry>) -> Vec<TraceEntry> {
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
            Shown::State { .. } | Shown::MediaChange { .. } | Shown::Operation { .. } => {}
        }
    }
    let name = format!("attachment; filename=\"{call}.pcapng\"");
    let head = [(header::CONTENT_TYPE, "application/x-pcapng"), (header::CONTENT_DISPOSITION, &name)];
    (head, file.into_bytes()).into_response()
}

/// Looks and draws on a thread that may take its time. Which other applications there are only an operator learns.
pub(super) async fn look<T: Send + 'static>(
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

pub(super) async fn opened(shared: &Shared, app: &AppIdentity) -> Result<HashSet<Arc<str>>, LineError> {
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
        TraceEntry::Media { at, call, line, change, detail } => {
            format!("{at}  {line} call {call} media: {change} {detail}")
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
            TraceEntry::State { .. } | TraceEntry::Media { .. } | TraceEntry::Operation { .. }
                if !names.is_empty() =>
            {
                let said = line(entry);
                text += &format!(
                    "  Note over p0: {}\n",
                    safe(said.split_once("  ").map_or("", |(_, said)| said))
                );
            }
            TraceEntry::State { .. } | TraceEntry::Media { .. } | TraceEntry::Operation { .. } => {}
        }
    }
    text
}

/// Traces of calls that are read at once; more wait.
pub(super) const READ_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(harmless("a\u{1b}[2Jb"), "a [2Jb");
    }

    #[test]
    fn a_change_of_media_is_a_few_words() {
        let to = Some("10.0.0.5:4000".parse().expect("an address"));
        let codecs = [Some("PCMU"), Some("opus"), None, None];
        let all = [
            (
                MediaChange::Agreed { direction: "sendonly", codecs, to, is_secured: true },
                "agreed sendonly PCMU/opus at 10.0.0.5:4000, SRTP",
            ),
            (MediaChange::Hears(Hearing::Music), "hears music"),
            (MediaChange::Hears(Hearing::Call(CallId(7))), "hears c7"),
            (MediaChange::Path { in_kernel: true }, "path kernel"),
            (MediaChange::Taps { recording: Some(false), forks: 1 }, "taps recorded, 1 fork"),
            (MediaChange::Taps { recording: None, forks: 0 }, "taps not recorded"),
        ];
        for (change, words) in all {
            let (name, detail) = said(&change, false);
            assert_eq!(format!("{name} {detail}"), words);
        }
        assert_eq!(said(&MediaChange::Hears(Hearing::Call(CallId(7))), true).1, "another call");
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
