//! `GET /v1/log`: the last lines of the daemon's log, and those to come.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::de::IntoDeserializer;
use serde::de::value::Error as WrongWord;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::Level;
use utoipa::ToSchema;

use super::Shared;
use super::access::{admit, authenticate, bearer};
use super::explain::Missing;
use super::openapi::Refused;
use super::problem::Problem;
use super::timestamp::precise;
use crate::driver::http::closed;
use crate::driver::log_tail::{Found, LogLine, LogTail};
use crate::handle::AppIdentity;
use crate::switch::LineError;

/// A line of the log.
#[derive(Serialize, ToSchema)]
pub(super) struct LoggedLine {
    /// From 1 on since the start.
    number: u64,
    /// When, with microseconds.
    at: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    level: &'static str,
    /// The module that says it.
    target: String,
    /// What it says, then each field with its name.
    text: String,
    /// How many lines before it were lost, since they came faster than they were taken.
    #[serde(skip_serializing_if = "is_none")]
    lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none(lost: &u64) -> bool {
    *lost == 0
}

impl LoggedLine {
    fn new(line: &LogLine, lost: u64) -> Self {
        let (target, text) = (line.target.clone().into(), line.text.clone().into());
        Self { number: line.number, at: precise(line.at), level: name(line.level), target, text, lost }
    }
}

fn name(level: Level) -> &'static str {
    LEVELS.iter().find(|(known, _)| *known == level).map_or("trace", |(_, name)| name)
}

const LEVELS: [(Level, &str); 5] = [
    (Level::ERROR, "error"),
    (Level::WARN, "warn"),
    (Level::INFO, "info"),
    (Level::DEBUG, "debug"),
    (Level::TRACE, "trace"),
];

/// The least that matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Least {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl From<Least> for Level {
    fn from(least: Least) -> Self {
        match least {
            Least::Error => Self::ERROR,
            Least::Warn => Self::WARN,
            Least::Info => Self::INFO,
            Least::Debug => Self::DEBUG,
            Least::Trace => Self::TRACE,
        }
    }
}

/// What may stand behind the `?`.
#[derive(Deserialize)]
pub(super) struct Wanted {
    level: Option<String>,
    contains: Option<String>,
    after: Option<u64>,
    follow: Option<bool>,
    access_token: Option<String>,
}

/// Which lines somebody wants.
struct Filter {
    level: Level,
    /// In lower case.
    contains: String,
}

impl Filter {
    fn admits(&self, line: &LogLine) -> bool {
        // The more is said the higher the level.
        line.level <= self.level
            && (self.contains.is_empty()
                || [&line.text, &line.target].iter().any(|text| text.to_lowercase().contains(&self.contains)))
    }

    /// The lines of a look that are wanted. What was lost is told with the first of them.
    fn wanted(&self, found: Found, lost: &mut u64) -> Vec<LoggedLine> {
        *lost += found.lost;
        let wanted = found.lines.iter().filter(|line| self.admits(line));
        wanted.map(|line: &Arc<LogLine>| LoggedLine::new(line, std::mem::take(lost))).collect()
    }
}

/// The last lines of the daemon's log, then those to come: a WebSocket, each text frame a line. Only for an application that opens every
/// line as owner. What is below `[log] level` is nowhere.
#[utoipa::path(
    get, path = "/v1/log", operation_id = "log",
    params(
        ("level" = inline(Option<Least>), Query, description = "the least that matters: error, warn, info (the default), debug or trace"),
        ("contains" = Option<String>, Query, max_length = 256, description = "only lines whose text or module has this in it, in capitals or not"),
        ("after" = Option<u64>, Query, description = "only lines behind the one of this number"),
        ("follow" = Option<bool>, Query, description = "false: it ends with the last line that there is"),
        ("access_token" = Option<String>, Query, description = "the token, where no header can be written"),
    ),
    responses((status = SWITCHING_PROTOCOLS, body = LoggedLine, description = "a WebSocket of lines"), Refused)
)]
pub(super) async fn log(
    State(shared): State<Shared>,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let wrong =
        |field: &str, detail: &'static str| Problem::invalid(StatusCode::BAD_REQUEST, detail).at_field(field);
    let query = query.ok().filter(|Query(wanted)| wanted.after.is_none_or(|after| after <= AFTER_MAX));
    let Some(Query(Wanted { level, contains, after, follow, access_token })) = query else {
        return Err(wrong("after", "after is the number of a line, follow is true or false."));
    };
    let app = match &access_token {
        Some(token) => admit(&shared, token)?,
        None => admit(&shared, bearer(&headers)?)?,
    };
    if !app.is_operator {
        return Err(Problem::for_operators());
    }
    let least = match level {
        Some(word) => Least::deserialize(IntoDeserializer::<WrongWord>::into_deserializer(word)),
        None => Ok(Least::default()),
    };
    let Ok(level) = least.map(Level::from) else {
        return Err(wrong("level", "level is error, warn, info, debug or trace."));
    };
    let contains = contains.unwrap_or_default();
    if contains.chars().count() > CONTAINS_MAX {
        return Err(wrong("contains", "contains has at most 256 characters."));
    }
    let contains = contains.to_lowercase();
    let Some(tail) = shared.operator.log.clone() else {
        let detail = "Whoever runs this engine keeps its log elsewhere.";
        return Err(Problem::lacks(Missing::Configuration, LineError::OperationUnavail, detail));
    };
    let upgrade = upgrade.map_err(|_| Problem::no_websocket())?;
    let Ok(place) = shared.logs.clone().try_acquire_owned() else {
        let detail = format!("{READERS_MAX} read the log already.");
        return Err(Problem::line_error(LineError::ResourceUnavail, detail));
    };
    let upgrade = upgrade.max_frame_size(FRAME_BYTES_MAX).max_message_size(FRAME_BYTES_MAX);
    let (filter, is_live) = (Filter { level, contains }, follow.unwrap_or(true));
    Ok(upgrade.on_upgrade(move |socket| {
        let reader = Reader { shared, app, tail, filter, last: after.unwrap_or(0), _place: place };
        reader.run(socket, is_live)
    }))
}

/// One who reads the log.
struct Reader {
    shared: Shared,
    app: AppIdentity,
    tail: LogTail,
    filter: Filter,
    /// The line up to which all was looked at.
    last: u64,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    async fn run(mut self, mut socket: WebSocket, is_live: bool) {
        let (code, reason) = self.follow(&mut socket, is_live).await;
        let farewell = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // The client may be gone: then there is nobody to tell.
        drop(timeout(WRITE_MAX, socket.send(farewell)).await);
    }

    async fn follow(&mut self, socket: &mut WebSocket, is_live: bool) -> (u16, &'static str) {
        let mut closing = self.shared.closing.subscribe();
        let mut beat = interval(LOOK);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Looks so far; questions whether the client is there that it has not answered; lines that it has not been told are lost.
        let (mut looks, mut unanswered, mut lost) = (0_u32, 0_u32, 0_u64);
        loop {
            tokio::select! {
                _ = beat.tick() => {
                    looks = looks.wrapping_add(1);
                    if looks % CHECKED_EACH == 0 && !self.is_admitted() {
                        return (close_code::POLICY, "the token was withdrawn");
                    }
                    if looks % ASKED_EACH == 0 {
                        unanswered += 1;
                        if unanswered > UNANSWERED_MAX {
                            return (close_code::AWAY, "no answer to ping");
                        }
                        if !told(socket, vec![Message::Ping(Bytes::new())]).await {
                            return (close_code::POLICY, "too slow");
                        }
                    }
                    let found = self.tail.behind(self.last);
                    self.last = found.last;
                    let frames = self.filter.wanted(found, &mut lost).iter().map(frame).collect();
                    if !told(socket, frames).await {
                        return (close_code::POLICY, "too slow");
                    }
                    if !is_live {
                        return (close_code::NORMAL, "");
                    }
                }
                () = closed(&mut closing) => return (close_code::AWAY, "the engine stops"),
                incoming = socket.recv() => match incoming {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => unanswered = 0,
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => return (close_code::UNSUPPORTED, "the log goes one way"),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return (close_code::NORMAL, ""),
                },
            }
        }
    }

    /// Whether a reload has left the application its token, and its being an operator.
    fn is_admitted(&self) -> bool {
        authenticate(&self.shared, &self.app.token).is_ok_and(|app| app.id == self.app.id && app.is_operator)
    }
}

fn frame(line: &LoggedLine) -> Message {
    let text = serde_json::to_string(line).expect("a line has string keys only");
    Message::Text(text.into())
}

/// Sends frames; whether the client took them in time.
async fn told(socket: &mut WebSocket, frames: Vec<Message>) -> bool {
    let all = async {
        for frame in frames {
            socket.send(frame).await?;
        }
        Ok::<(), axum::Error>(())
    };
    matches!(timeout(WRITE_MAX, all).await, Ok(Ok(())))
}

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(250);

/// Looks between two looks at what the application may do.
const CHECKED_EACH: u32 = 4;

/// Looks between two pings.
const ASKED_EACH: u32 = 120;

/// Pings without an answer after which a client is gone.
const UNANSWERED_MAX: u32 = 3;

/// Readers at once; more are refused with 503.
pub(super) const READERS_MAX: usize = 8;

/// The longest text that lines are searched for, in characters.
const CONTAINS_MAX: usize = 256;

/// The greatest number that can be named; those of lines stay far below.
const AFTER_MAX: u64 = i64::MAX as u64;

/// The longest frame and message taken from a client.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How long a client may leave what was looked at waiting.
const WRITE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, level: Level, text: &str) -> Arc<LogLine> {
        Arc::new(LogLine {
            number,
            at: Duration::from_secs(1),
            level,
            target: "trunkline::driver".into(),
            text: text.into(),
        })
    }

    #[test]
    fn lines_are_chosen_by_level_and_text_and_what_was_lost_is_told_once() {
        let all = || {
            let lines = vec![
                line(11, Level::DEBUG, "a detail"),
                line(12, Level::INFO, "registration line=1001"),
                line(13, Level::ERROR, "No Route"),
            ];
            Found { lines, lost: 10, last: 13 }
        };
        let chosen = |level, contains: &str| {
            let (filter, mut lost) = (Filter { level, contains: contains.to_owned() }, 0);
            let lines = filter.wanted(all(), &mut lost);
            let told: Vec<_> = lines.into_iter().map(|line| (line.number, line.lost)).collect();
            (told, lost)
        };
        assert_eq!(chosen(Level::TRACE, ""), (vec![(11, 10), (12, 0), (13, 0)], 0));
        assert_eq!(chosen(Level::INFO, ""), (vec![(12, 10), (13, 0)], 0));
        assert_eq!(chosen(Level::WARN, ""), (vec![(13, 10)], 0));
        assert_eq!(chosen(Level::INFO, "no route"), (vec![(13, 10)], 0));
        assert_eq!(chosen(Level::INFO, "driver"), (vec![(12, 10), (13, 0)], 0));
        assert_eq!(chosen(Level::WARN, "registration"), (vec![], 10), "it is told with the next one");
        let told = serde_json::to_value(LoggedLine::new(&line(1, Level::WARN, "x"), 0)).expect("string keys");
        let expected = serde_json::json!({"number": 1, "at": "1970-01-01T00:00:01.000000Z", "level": "warn",
                                          "target": "trunkline::driver", "text": "x"});
        assert_eq!(told, expected);
    }
}
