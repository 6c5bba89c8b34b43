//! An application in a lab: what it is told, as text.

use std::collections::BTreeMap;

use trunkline::switch::{CallId, Message, Reply, RequestId};

/// An application's view of the engine.
#[derive(Debug, Default)]
pub struct App {
    replies: BTreeMap<RequestId, Reply>,
    lines: Vec<Told>,
    mark: usize,
}

#[derive(Debug)]
struct Told {
    /// `reply`, `new-call`, `call-state`, `call-info`, `address-state`, `registration`.
    kind: &'static str,
    /// The line of the call; empty for a reply.
    line: String,
    text: String,
}

impl App {
    pub(crate) fn tell(&mut self, message: Message) {
        let told = match message {
            Message::Reply { request, reply } => {
                let text = match &reply {
                    Ok(_) => "reply ok".to_owned(),
                    Err(refusal) => format!("reply {}", refusal.error),
                };
                assert!(
                    self.replies.insert(request, reply).is_none(),
                    "two replies to one request: {request:?}"
                );
                Told { kind: "reply", line: String::new(), text }
            }
            Message::NewCall { call: _, line, privilege } => Told {
                kind: "new-call",
                text: format!("{line} new-call {}", privilege.name()),
                line: line.to_string(),
            },
            Message::CallState { call: _, line, state, privilege } => {
                let mut text = format!("{line} {}", words(&format!("{state:?}")));
                if let Some(privilege) = privilege {
                    text.push_str(&format!(" as {}", privilege.name()));
                }
                Told { kind: "call-state", text, line: line.to_string() }
            }
            Message::CallInfo { call: _, line, changed } => Told {
                kind: "call-info",
                text: format!("{line} call-info {changed}"),
                line: line.to_string(),
            },
            Message::AddressState { line, calls } => {
                let text = format!("{line} address-state {}/{}/{}", calls[0], calls[1], calls[2]);
                Told { kind: "address-state", text, line: line.to_string() }
            }
            Message::Forwarded { line } => Told {
                kind: "address-state",
                text: format!("{line} address-state forward"),
                line: line.to_string(),
            },
            Message::LineState { line, state, detail, count } => Told {
                kind: "line-state",
                text: format!("{line} line-state {state} {detail} {count}"),
                line: line.to_string(),
            },
            Message::Close { line } => {
                Told { kind: "close", text: format!("{line} close"), line: line.to_string() }
            }
            Message::MonitorDigits { call: _, line, digit, mode } => Told {
                kind: "digits",
                text: format!("{line} digit {digit} {}", mode.name()),
                line: line.to_string(),
            },
            Message::GatherDigits { call: _, line, digits, reason } => Told {
                kind: "digits",
                text: format!("{line} gathered {digits} {reason}"),
                line: line.to_string(),
            },
            Message::Generate { call: _, line, reason } => {
                Told { kind: "digits", text: format!("{line} generate {reason}"), line: line.to_string() }
            }
            Message::MonitorMedia { call: _, line, media_mode } => Told {
                kind: "media",
                text: format!("{line} media {}", media_mode.name()),
                line: line.to_string(),
            },
            Message::Parked { slot, line, party, change } => Told {
                kind: "parked",
                text: format!("{slot} {change} {party} by {line}"),
                line: line.to_string(),
            },
            Message::Registration { line, contact: _, change } => Told {
                kind: "registration",
                text: format!("{line} registration {change}"),
                line: line.to_string(),
            },
        };
        self.lines.push(told);
    }

    /// The reply to a request, if it came.
    pub fn reply(&self, request: RequestId) -> Option<&Reply> {
        self.replies.get(&request)
    }

    /// What it was told since the last look: replies, calls and states, and other kinds that are named.
    pub fn take(&mut self, also: &[&str]) -> Vec<String> {
        let kinds = ["reply", "new-call", "call-state"];
        let told = self.lines[self.mark..]
            .iter()
            .filter(|told| kinds.contains(&told.kind) || also.contains(&told.kind));
        let told = told.map(|told| told.text.clone()).collect();
        self.mark = self.lines.len();
        told
    }

    /// The states of calls on this line since the last look, which stays where it is.
    pub fn states(&self, line: &str) -> Vec<String> {
        let fits = |told: &&Told| told.kind == "call-state" && told.line == line;
        let state = |told: &Told| told.text[line.len() + 1..].to_owned();
        self.lines[self.mark..].iter().filter(fits).map(state).collect()
    }

    /// Everything it was told, for a failure's report.
    pub fn tail(&self, lines: usize) -> String {
        let first = self.lines.len().saturating_sub(lines);
        self.lines[first..].iter().map(|told| format!("  {}\n", told.text)).collect()
    }
}

/// `Connected(ActiveHeld)` as `connected activeheld`.
fn words(debug: &str) -> String {
    debug.to_lowercase().replace('(', " ").replace(')', "")
}

/// The call that a successful reply names: the one that was made, the consultation call, or the conference.
pub fn call_of(reply: &Reply) -> Option<CallId> {
    use trunkline::switch::Outcome;

    match reply {
        Ok(Outcome::Call(call) | Outcome::Consult(call)) => Some(*call),
        Ok(Outcome::Conference { conference, .. }) => Some(*conference),
        Ok(
            Outcome::Done
            | Outcome::Parked(_)
            | Outcome::Completion(_)
            | Outcome::Calls(_)
            | Outcome::Translated(_),
        )
        | Err(_) => None,
    }
}
