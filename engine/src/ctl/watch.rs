//! `trunkline ctl watch`: the event stream, a line for each event; and any other stream of the daemon.

use std::io::Write;

use axum::http::header::AUTHORIZATION;
use futures_util::StreamExt;
use serde_json::Value;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::CtlError;
use super::client::{Client, refused};
use super::table::{cell, outcome};

/// Prints events until the daemon ends the stream.
pub(super) async fn watch(
    client: &Client,
    after: Option<u64>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CtlError> {
    let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
    follow(client, &format!("/v1/events{query}"), json, out, line).await
}

/// Prints what a stream of the daemon says, each frame as `line` has it.
pub(super) async fn follow(
    client: &Client,
    path: &str,
    json: bool,
    out: &mut impl Write,
    line: impl Fn(&Value) -> String,
) -> Result<(), CtlError> {
    let foreign = |error: Error| {
        let Error::Http(answer) = error else { return CtlError::Foreign(error.to_string()) };
        match answer.body().as_deref().map(serde_json::from_slice::<Value>) {
            Some(Ok(problem)) => refused(&problem),
            _ => CtlError::Foreign(format!("status {}", answer.status())),
        }
    };
    let url = format!("ws://{}{path}", client.authority());
    let mut request = url.into_client_request().map_err(foreign)?;
    request.headers_mut().insert(AUTHORIZATION, client.authorization());
    let limits = WebSocketConfig::default().max_message_size(Some(EVENT_BYTES_MAX));
    let (mut socket, _) =
        client_async_with_config(request, client.connect().await?, Some(limits)).await.map_err(foreign)?;
    loop {
        let Some(message) = socket.next().await else { return Ok(()) };
        match message.map_err(foreign)? {
            Message::Text(text) if json => writeln!(out, "{text}")?,
            Message::Text(text) => {
                let event: Value =
                    serde_json::from_str(&text).map_err(|error| CtlError::Foreign(error.to_string()))?;
                writeln!(out, "{}", line(&event))?;
            }
            Message::Close(Some(frame)) if !frame.reason.is_empty() => {
                return Err(CtlError::Foreign(format!("it ended the stream: {}", frame.reason)));
            }
            Message::Close(_) => return Ok(()),
            Message::Binary(_) | Message::Frame(_) | Message::Ping(_) | Message::Pong(_) => {}
        }
        out.flush()?;
    }
}

/// An event as a person reads it: number, type, then each field with its name, the subject first.
fn line(event: &Value) -> String {
    let field = |key| event.get(key).map(cell).unwrap_or_default();
    let mut text = format!("{:>16}  {:13}", field("seq"), field("type"));
    let mut show = |key: &str, value: &Value| match (key, value) {
        (_, Value::Null) => {}
        ("problem", problem) => {
            let part = |key| problem.get(key).map(cell).unwrap_or_default();
            text += &format!("  {}: {}", part("code"), part("detail"));
        }
        ("result", result) => text += &format!("  {}", outcome(result, "  ")),
        (key, value) => text += &format!("  {key} {}", cell(value)),
    };
    for key in FIRST {
        show(key, event.get(key).unwrap_or(&Value::Null));
    }
    for (key, value) in event.as_object().into_iter().flatten() {
        if !["seq", "type"].contains(&key.as_str()) && !FIRST.contains(&key.as_str()) {
            show(key, value);
        }
    }
    text
}

/// What is shown before the other fields.
const FIRST: [&str; 5] = ["request", "call", "line", "state", "state_mode"];

/// The longest event taken.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"seq": 7, "type": "call-state", "call": "c3", "line": "1001", "state": "idle",
                           "state_mode": null, "privilege": "owner"});
        assert_eq!(
            line(&event),
            "               7  call-state     call c3  line 1001  state idle  privilege owner"
        );
        let reply = json!({"seq": 8, "type": "reply", "request": 2, "result": {}});
        assert_eq!(line(&reply), "               8  reply          request 2  done");
        let reply = json!({"seq": 8, "type": "reply", "request": 2, "result": {"parked_at": "701"}});
        assert_eq!(line(&reply), "               8  reply          request 2  parked_at 701");
        let digit =
            json!({"seq": 8, "type": "digits", "call": "c3", "line": "1001", "digit": "5", "mode": "dtmf"});
        assert_eq!(line(&digit), "               8  digits         call c3  line 1001  digit 5  mode dtmf");
        let reply = json!({"seq": 9, "type": "reply", "request": 3,
                           "problem": {"code": "notowner", "detail": "This needs owner privilege."}});
        assert_eq!(
            line(&reply),
            "               9  reply          request 3  notowner: This needs owner privilege."
        );
    }
}
