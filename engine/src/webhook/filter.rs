//! Which events a webhook is told.

use std::borrow::Cow;

use serde::Deserialize;

/// The types of events, in the order of the letters; `lost` is not among them, since who misses something must hear of it.
pub const EVENT_TYPES: [&str; 16] = [
    "address-state",
    "call-info",
    "call-quality",
    "call-state",
    "close",
    "digits",
    "fork",
    "gather-digits",
    "generate",
    "line-state",
    "monitor-media",
    "new-call",
    "parked",
    "recording",
    "registration",
    "reply",
];

/// Which events: those of these types, on these lines.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    /// Types; empty: all.
    pub events: Vec<&'static str>,
    /// Lines; empty: all, and events that belong to none.
    pub lines: Vec<String>,
}

/// What an event says of itself.
#[derive(Deserialize)]
struct About<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    line: Option<Cow<'a, str>>,
}

impl Filter {
    /// Whether an event, as the event stream writes it, is among them.
    pub(super) fn takes(&self, event: &str) -> bool {
        if self.events.is_empty() && self.lines.is_empty() {
            return true;
        }
        let Ok(About { kind, line }) = serde_json::from_str(event) else { return true };
        let is_of_line =
            self.lines.is_empty() || line.is_some_and(|line| self.lines.iter().any(|of| **of == *line));
        let is_of_type = self.events.is_empty() || self.events.contains(&&*kind);
        kind == "lost" || is_of_line && is_of_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_told_and_what_is_lost_always() {
        let state = r#"{"seq":1,"type":"call-state","call":"c1","line":"1001","state":"idle"}"#;
        let reply = r#"{"seq":2,"type":"reply","request":1}"#;
        let lost = r#"{"seq":9,"type":"lost","from":3,"to":9}"#;
        let filter = |events: &[&'static str], lines: &[&str]| Filter {
            events: events.to_vec(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        for (filter, takes) in [
            (filter(&[], &[]), [true, true]),
            (filter(&["call-state"], &[]), [true, false]),
            (filter(&["reply"], &[]), [false, true]),
            (filter(&[], &["1001"]), [true, false]),
            (filter(&[], &["1002"]), [false, false]),
            (filter(&["call-state"], &["1002", "1001"]), [true, false]),
            (filter(&["digits"], &["1001"]), [false, false]),
        ] {
            assert_eq!([state, reply].map(|event| filter.takes(event)), takes, "{filter:?}");
            assert!(filter.takes(lost), "{filter:?}");
        }
    }
}
