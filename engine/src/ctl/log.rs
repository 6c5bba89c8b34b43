//! `trunkline ctl log`: the daemon's log, a line each.

use serde_json::Value;

use super::table::cell;

/// A line as a person reads it, with what was lost before it.
pub(super) fn text(line: &Value) -> String {
    let field = |key| line.get(key).map(cell).unwrap_or_default();
    let lost = match line["lost"].as_u64() {
        Some(lost) => format!("({lost} lines were lost)\n"),
        None => String::new(),
    };
    let level = field("level").to_uppercase();
    format!("{lost}{}  {level:5}  {}: {}", field("at"), field("target"), field("text"))
}

/// What a reload would do, a line for each thing.
pub(super) fn checked(found: &Value) -> String {
    let list = |key: &str| found[key].as_array().cloned().unwrap_or_default();
    let mistake = |one: &Value, what: &str| {
        let field = |key| one.get(key).map(cell).unwrap_or_default();
        let line = one["line"].as_u64().filter(|line| *line > 0).map(|line| format!(":{line}"));
        let (file, line) = (field("file"), line.unwrap_or_default());
        format!("{what}: {file}{line}: {}: {}; {}\n", field("key"), field("wrong"), field("right"))
    };
    let mut text: String = list("errors").iter().map(|one| mistake(one, "wrong")).collect();
    text.extend(list("restart").iter().map(|one| mistake(one, "needs a restart")));
    text.extend(list("notes").iter().map(|note| format!("note: {}\n", cell(note))));
    if list("errors").is_empty() && list("restart").is_empty() {
        text += "a reload would take it\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_one_line_and_says_what_was_lost() {
        let line = json!({"number": 7, "at": "2026-11-21T14:08:18.250417Z", "level": "warn", "target": "trunkline::driver",
                          "text": "not sent error=\u{1b}[2J"});
        let shown = "2026-11-21T14:08:18.250417Z  WARN   trunkline::driver: not sent error=\\u{1b}[2J";
        assert_eq!(text(&line), shown);
        let mut later = line;
        later["lost"] = json!(3);
        assert_eq!(text(&later), format!("(3 lines were lost)\n{shown}"));
    }

    #[test]
    fn what_was_found_has_its_place() {
        let place = |line| json!({"file": "t.toml", "line": line, "key": "sip.listen", "wrong": "is wrong", "right": "write it right"});
        let found = json!({"errors": [place(3)], "restart": [place(0)], "notes": ["a note"]});
        assert_eq!(
            checked(&found),
            "wrong: t.toml:3: sip.listen: is wrong; write it right\n\
             needs a restart: t.toml: sip.listen: is wrong; write it right\nnote: a note\n"
        );
        let good = json!({"loaded": {}, "errors": [], "restart": [], "notes": []});
        assert_eq!(checked(&good), "a reload would take it\n");
    }
}
