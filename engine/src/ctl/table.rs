//! JSON as tables for people.

use serde_json::{Value, json};

use super::log;
use crate::cli::Ask;

/// An answer as text that ends with a line break.
pub(super) fn text(ask: &Ask, answer: &Value) -> String {
    match ask {
        Ask::Lines { .. } => table(LINE, answer),
        Ask::Calls { .. } => table(CALL, answer),
        Ask::Parked => table(PARKED, answer),
        Ask::Webhooks => table(WEBHOOK, answer),
        Ask::Records { .. } => table(RECORD, answer),
        Ask::Registrations => table(REGISTRATION, answer),
        Ask::Trunks => table(TRUNK, answer) + &places(answer),
        Ask::CheckConfig => log::checked(answer),
        Ask::Operate(_)
        | Ask::PhoneToken { .. }
        | Ask::SetMessages { .. }
        | Ask::CheckSync { .. }
        | Ask::Trace { .. }
        | Ask::Log { .. }
        | Ask::Reload
        | Ask::Ready
        | Ask::Watch { .. } => outcome(answer, "\n"),
    }
}

/// Calls, each with its age.
pub(super) fn live(calls: &Value) -> String {
    table(LIVE_CALL, calls)
}

/// Where the calls of trunks go, below the trunks.
fn places(trunks: &Value) -> String {
    let places = |trunk: &Value| -> Vec<Value> {
        let peers = trunk["peers"].as_array().into_iter().flatten();
        peers.map(|peer| json!({"trunk": trunk["name"], "at": peer})).collect()
    };
    let places: Vec<Value> = trunks.as_array().into_iter().flatten().flat_map(places).collect();
    if places.is_empty() { String::new() } else { format!("\n{}", table(PLACE, &Value::Array(places))) }
}

/// What an operation brought forth, each part with its name; `done` where that is nothing.
pub(super) fn outcome(result: &Value, between: &str) -> String {
    let parts = result.as_object().into_iter().flatten();
    let parts: Vec<_> = parts.map(|(name, value)| format!("{name} {}", cell(value))).collect();
    let text = if parts.is_empty() { "done".to_owned() } else { parts.join(between) };
    if between == "\n" { text + "\n" } else { text }
}

/// The rows of a list, or the one row of an object, under the titles of its columns.
fn table(columns: &[Column], answer: &Value) -> String {
    let rows = match answer.as_array() {
        Some(rows) => rows.iter().collect(),
        None => vec![answer],
    };
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let titles = columns.iter().map(|column| column.title.to_owned()).collect();
    let mut lines: Vec<Vec<String>> = vec![titles];
    lines.extend(rows.iter().map(|row| columns.iter().map(|column| column.cell(row)).collect()));
    let widths: Vec<_> = (0..columns.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

struct Column {
    title: &'static str,
    /// JSON pointers (RFC 6901): those that are there are shown side by side.
    fields: &'static [&'static str],
}

impl Column {
    fn cell(&self, row: &Value) -> String {
        let cells = self.fields.iter().filter_map(|field| row.pointer(field)).map(cell);
        let mut cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
        // A line without a name has its number for one.
        cells.dedup();
        cells.join(" ")
    }
}

/// A value as a person reads it. Control characters are shown as what they are: a phone chooses its own name, and a
/// terminal would obey them.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(_) => value.to_string(),
    };
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}

const LINE: &[Column] = &[
    Column { title: "LINE", fields: &["/address"] },
    Column { title: "NAME", fields: &["/name"] },
    Column { title: "KIND", fields: &["/kind"] },
    Column { title: "REGISTERED", fields: &["/registered"] },
    Column { title: "CALLS", fields: &["/calls"] },
    Column { title: "FEATURES", fields: &["/features"] },
];

const RECORD: &[Column] = &[
    Column { title: "START", fields: &["/start"] },
    Column { title: "CALL", fields: &["/call"] },
    Column { title: "FROM", fields: &["/clid"] },
    Column { title: "TO", fields: &["/dst"] },
    Column { title: "TALKED_S", fields: &["/billsec"] },
    Column { title: "DISPOSITION", fields: &["/disposition"] },
    Column { title: "MODE", fields: &["/disconnectmode"] },
    Column { title: "BY", fields: &["/endedby"] },
    Column { title: "SIP", fields: &["/sipstatus"] },
    Column { title: "MOS", fields: &["/src_rx_mos", "/dst_rx_mos"] },
];

const CALL: &[Column] = &[
    Column { title: "CALL", fields: &["/id"] },
    Column { title: "LINE", fields: &["/line"] },
    Column { title: "STATE", fields: &["/state", "/state_mode"] },
    Column { title: "SINCE", fields: &["/since"] },
    Column { title: "CALLER", fields: &["/caller/number", "/caller/name"] },
    Column { title: "CALLED", fields: &["/called/number", "/called/name"] },
    Column { title: "PRIVILEGE", fields: &["/privilege"] },
    Column { title: "MOS", fields: &["/media/received/mos", "/media/sent/mos"] },
    Column { title: "FEATURES", fields: &["/features"] },
];

const LIVE_CALL: &[Column] = &[
    Column { title: "CALL", fields: &["/id"] },
    Column { title: "LINE", fields: &["/line"] },
    Column { title: "STATE", fields: &["/state", "/state_mode"] },
    Column { title: "FOR", fields: &["/age"] },
    Column { title: "CALLER", fields: &["/caller/number", "/caller/name"] },
    Column { title: "CALLED", fields: &["/called/number", "/called/name"] },
    Column { title: "PRIVILEGE", fields: &["/privilege"] },
    Column { title: "MOS", fields: &["/media/received/mos", "/media/sent/mos"] },
];

const PARKED: &[Column] = &[
    Column { title: "AT", fields: &["/parked_at"] },
    Column { title: "WHO", fields: &["/party/number", "/party/name"] },
    Column { title: "BY", fields: &["/line"] },
    Column { title: "CALL", fields: &["/call"] },
    Column { title: "SINCE", fields: &["/since"] },
];

const REGISTRATION: &[Column] = &[
    Column { title: "LINE", fields: &["/line"] },
    Column { title: "CONTACT", fields: &["/contact"] },
    Column { title: "FROM", fields: &["/transport", "/remote"] },
    Column { title: "SECONDS LEFT", fields: &["/expires_s"] },
    Column { title: "PHONE", fields: &["/user_agent"] },
];

const TRUNK: &[Column] = &[
    Column { title: "TRUNK", fields: &["/name"] },
    Column { title: "PEER", fields: &["/domain"] },
    Column { title: "CALLS", fields: &["/calls"] },
    Column { title: "MOST", fields: &["/max_calls"] },
    Column { title: "IN SERVICE", fields: &["/in_service"] },
    Column { title: "REGISTERED", fields: &["/registration/since"] },
    Column { title: "SECONDS LEFT", fields: &["/registration/expires_s"] },
    Column { title: "LAST FAILURE", fields: &["/registration/last_failure/status"] },
];

const WEBHOOK: &[Column] = &[
    Column { title: "WEBHOOK", fields: &["/name"] },
    Column { title: "APP", fields: &["/app"] },
    Column { title: "SERVER", fields: &["/server"] },
    Column { title: "STATE", fields: &["/state"] },
    Column { title: "SINCE", fields: &["/since"] },
    Column { title: "LAST SEQ", fields: &["/last_seq"] },
    Column { title: "BEHIND", fields: &["/behind"] },
    Column { title: "LAST ERROR", fields: &["/last_error/reason", "/last_error/status", "/last_error/at"] },
];

const PLACE: &[Column] = &[
    Column { title: "TRUNK", fields: &["/trunk"] },
    Column { title: "AT", fields: &["/at/peer"] },
    Column { title: "STATE", fields: &["/at/state"] },
    Column { title: "SECONDS LEFT", fields: &["/at/rests_s"] },
    Column { title: "LAST FAILURE", fields: &["/at/last_failure/status", "/at/last_failure/at"] },
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_a_table_with_columns_as_wide_as_needed() {
        let answer = json!([
            {"name": "carrier", "domain": "sip.example", "calls": 3, "max_calls": 60, "in_service": true,
             "registration": {"since": "2026-01-01T00:00:00Z", "expires_s": 540, "last_failure": {"status": 408}},
             "peers": [{"peer": "udp:192.0.2.7:5060", "state": "resting", "rests_s": 20,
                        "last_failure": {"status": 503, "at": "2026-01-01T00:00:00Z"}}]},
            {"name": "b", "domain": "192.0.2.1", "calls": 0, "max_calls": 10000, "in_service": true,
             "registration": null, "peers": [{"peer": "udp:192.0.2.1:5060", "state": "up", "rests_s": null,
                                              "last_failure": null}]},
        ]);
        assert_eq!(
            text(&Ask::Trunks, &answer),
            "TRUNK    PEER         CALLS  MOST   IN SERVICE  REGISTERED            SECONDS LEFT  LAST FAILURE\n\
             carrier  sip.example  3      60     yes         2026-01-01T00:00:00Z  540           408\n\
             b        192.0.2.1    0      10000  yes\n\n\
             TRUNK    AT                  STATE    SECONDS LEFT  LAST FAILURE\n\
             carrier  udp:192.0.2.7:5060  resting  20            503 2026-01-01T00:00:00Z\n\
             b        udp:192.0.2.1:5060  up\n"
        );
        assert_eq!(text(&Ask::Trunks, &json!([])), "none\n");
    }

    #[test]
    fn a_webhook_shows_how_it_does() {
        let answer = json!([{"name": "crm", "app": "crm", "server": "https://crm.example", "events": [], "lines": [],
                             "state": "failing", "since": "2026-01-01T00:00:00Z", "last_seq": 7, "behind": 3,
                             "failures": 2, "last_error": {"reason": "refused", "status": 503, "at": "2026-01-01T00:00:01Z"},
                             "next_try": null, "delivered": 7, "failed": 2, "lost": 0}]);
        assert_eq!(
            text(&Ask::Webhooks, &answer),
            "WEBHOOK  APP  SERVER               STATE    SINCE                 LAST SEQ  BEHIND  LAST ERROR\n\
             crm      crm  https://crm.example  failing  2026-01-01T00:00:00Z  7         3       refused 503 2026-01-01T00:00:01Z\n"
        );
    }

    #[test]
    fn an_operation_says_what_it_brought_forth() {
        assert_eq!(outcome(&json!({}), "\n"), "done\n");
        assert_eq!(
            outcome(&json!({"conference": "c3", "consult": "c4"}), "\n"),
            "conference c3\nconsult c4\n"
        );
        assert_eq!(outcome(&json!({"calls": ["c1", "c2"]}), "  "), "calls c1 c2");
        let parked = json!([{"parked_at": "701", "party": {"number": "1002", "name": ""}, "line": "1001",
                             "call": "c5", "since": "2026-01-01T00:00:00Z"}]);
        assert_eq!(
            text(&Ask::Parked, &parked),
            "AT   WHO   BY    CALL  SINCE\n701  1002  1001  c5    2026-01-01T00:00:00Z\n"
        );
    }

    #[test]
    fn a_terminal_is_not_told_what_to_do_by_a_phone() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\n\u{9b}")), "a\\u{1b}[2Jb\\n\\u{9b}");
    }
}
