//! `trunkline ctl trace`: a line for each message, state and operation; a capture as a file. The ladder is in `ladder`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;

use super::CtlError;
use super::table::cell;

/// Writes a capture to a file that nobody else reads, or to standard output for `-`.
pub(super) fn write(capture: &[u8], file: &Path, out: &mut impl Write) -> Result<(), CtlError> {
    if file == Path::new("-") {
        return Ok(out.write_all(capture)?);
    }
    let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    let written = open().and_then(|mut file| file.write_all(capture));
    written.map_err(|error| CtlError::File(file.display().to_string(), error))
}

/// Prints the trace of a call, each entry as `text` has it.
pub(super) fn print(
    trace: &Value,
    mut text: impl FnMut(&Value) -> String,
    out: &mut impl Write,
) -> Result<(), CtlError> {
    for entry in trace["entries"].as_array().into_iter().flatten() {
        writeln!(out, "{}", text(entry))?;
    }
    Ok(())
}

/// The time of day of an entry.
pub(super) fn time(entry: &Value) -> String {
    let at = entry.get("at").map(cell).unwrap_or_default();
    at.split_once('T').map_or(&*at, |(_, time)| time.trim_end_matches('Z')).to_owned()
}

/// An entry as a person reads it: the time of day, who to whom, what. What the engine did stands further right.
pub(super) fn text(entry: &Value, full: bool) -> String {
    let field = |key| entry.get(key).filter(|value| !value.is_null()).map(cell).unwrap_or_default();
    let said = match entry["kind"].as_str() {
        Some("sip") => {
            let line = format!(
                "{:>21} → {:21} {:3}  {}",
                field("from"),
                field("to"),
                field("transport"),
                field("summary")
            );
            // A line at a time: what stands in it is made harmless for the terminal.
            let shown = |line: &str| format!("\n    {}", cell(&Value::from(line)));
            let whole = || entry["text"].as_str().unwrap_or_default().lines().map(shown).collect::<String>();
            if full { line + &whole() } else { line }
        }
        _ => {
            let (who, what) = said(entry);
            format!("{who:>21} {what}")
        }
    };
    format!("{}  {said}", time(entry)).trim_end().to_owned()
}

/// Whose call did something, or which application, and what.
pub(super) fn said(entry: &Value) -> (String, String) {
    let field = |key| entry.get(key).filter(|value| !value.is_null()).map(cell).unwrap_or_default();
    let (who, what) = match entry["kind"].as_str() {
        Some("state") => {
            (field("line"), format!("call {}: {} {}", field("call"), field("state"), field("state_mode")))
        }
        Some("media") => {
            (field("line"), format!("call {} media: {} {}", field("call"), field("change"), field("detail")))
        }
        _ => {
            let about = [field("operation"), field("call"), field("line")];
            let about: Vec<_> = about.into_iter().filter(|part| !part.is_empty()).collect();
            (field("app"), format!("asks {}: {}", about.join(" "), field("outcome")))
        }
    };
    (who, what.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_entry_is_a_line_and_a_message_may_be_whole() {
        let sip = json!({"kind": "sip", "at": "2026-11-21T14:08:18.250417Z", "from": "10.0.0.5:5060", "to": "10.0.0.1:5060",
                         "transport": "udp", "call_id": "c", "summary": "INVITE sip:1002@pbx SIP/2.0",
                         "text": "INVITE sip:1002@pbx SIP/2.0\r\nTo: x\r\n"});
        let line =
            "14:08:18.250417          10.0.0.5:5060 → 10.0.0.1:5060         udp  INVITE sip:1002@pbx SIP/2.0";
        assert_eq!(text(&sip, false), line);
        assert_eq!(text(&sip, true), format!("{line}\n    INVITE sip:1002@pbx SIP/2.0\n    To: x"));
        let state = json!({"kind": "state", "at": "2026-11-21T14:08:18.250417Z", "call": "c7", "line": "1001",
                           "state": "connected", "state_mode": "active"});
        assert_eq!(text(&state, true), "14:08:18.250417                   1001 call c7: connected active");
        let media = json!({"kind": "media", "at": "2026-11-21T14:08:18.250417Z", "call": "c7", "line": "1001",
                           "change": "hears", "detail": "music"});
        assert_eq!(text(&media, false), "14:08:18.250417                   1001 call c7 media: hears music");
        let operation = json!({"kind": "operation", "at": "2026-11-21T14:08:18.250417Z", "app": "crm", "operation": "hold",
                               "call": "c7", "outcome": "notowner"});
        assert_eq!(text(&operation, true), "14:08:18.250417                    crm asks hold c7: notowner");
    }
}
