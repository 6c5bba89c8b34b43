//! `trunkline ctl watch` where nobody looks, or with `--events`: the event stream, a line for each event.

use std::io::Write;

use serde_json::Value;

use super::CtlError;
use super::client::Client;
use super::stream::follow;
use super::table::{cell, outcome};

/// Prints events until the daemon ends the stream: of one line, where one is named.
pub(super) async fn watch(
    client: &Client,
    after: Option<u64>,
    of: Option<&str>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CtlError> {
    let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
    let is_wanted = |event: &Value| of.is_none_or(|line| event["line"] == line);
    let shown = |event: &Value| if is_wanted(event) { line(event) } else { String::new() };
    follow(client, &format!("/v1/events{query}"), json, out, shown).await
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
