//! An application in a lab: what it is told, as text, and whether an engine may tell it so.

use std::collections::{BTreeMap, BTreeSet};

use trunkline::switch::{
    CallId, CallReport, CallState, ForkEnd, Message, Outcome, Reply, RequestId, advance,
};

/// An application's view of the engine.
#[derive(Debug, Default)]
pub struct App {
    asked: BTreeSet<RequestId>,
    replies: BTreeMap<RequestId, Reply>,
    /// The state of each call as it was told last; a call that it has no handle to any more stays until it is given anew.
    states: BTreeMap<CallId, CallState>,
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

/// What an application was told, as the pages on operations say it: `c2 onhold`.
pub(crate) fn label(message: &Message) -> (&'static str, String) {
    let Told { kind, text, .. } = Told::of(message);
    let text = if let Message::NewCall { call, line, privilege } = message {
        format!("new-call {call} on {line}, {}", privilege.name())
    } else if let Message::CallState { call, state, .. } = message {
        format!("{call} {}", words(&format!("{state:?}")))
    } else if let Message::CallInfo { call, changed, .. } = message {
        format!("{call} call-info {changed}")
    } else {
        text
    };
    (kind, text)
}

impl Told {
    fn of(message: &Message) -> Self {
        match message {
            Message::Reply { request: _, reply } => {
                let text = match reply {
                    Ok(_) => "reply ok".to_owned(),
                    Err(refusal) => format!("reply {}", refusal.error),
                };
                Self { kind: "reply", line: String::new(), text }
            }
            Message::NewCall { call: _, line, privilege } => Self {
                kind: "new-call",
                text: format!("{line} new-call {}", privilege.name()),
                line: line.to_string(),
            },
            Message::CallState { call: _, line, state, privilege } => {
                let mut text = format!("{line} {}", words(&format!("{state:?}")));
                if let Some(privilege) = privilege {
                    text.push_str(&format!(" as {}", privilege.name()));
                }
                Self { kind: "call-state", text, line: line.to_string() }
            }
            Message::CallInfo { call: _, line, changed } => Self {
                kind: "call-info",
                text: format!("{line} call-info {changed}"),
                line: line.to_string(),
            },
            Message::CallQuality { call: _, line, media } => {
                let mos = media.received.mos_x100.unwrap_or(0);
                let text = format!("{line} call-quality {}.{:02}", mos / 100, mos % 100);
                Self { kind: "call-quality", text, line: line.to_string() }
            }
            Message::AddressState { line, calls } => {
                let text = format!("{line} address-state {}/{}/{}", calls[0], calls[1], calls[2]);
                Self { kind: "address-state", text, line: line.to_string() }
            }
            Message::Forwarded { line } => Self {
                kind: "address-state",
                text: format!("{line} address-state forward"),
                line: line.to_string(),
            },
            Message::LineState { line, state, detail, count } => Self {
                kind: "line-state",
                text: format!("{line} line-state {state} {detail} {count}"),
                line: line.to_string(),
            },
            Message::Close { line } => {
                Self { kind: "close", text: format!("{line} close"), line: line.to_string() }
            }
            Message::MonitorDigits { call: _, line, digit, mode } => Self {
                kind: "digits",
                text: format!("{line} digit {digit} {}", mode.name()),
                line: line.to_string(),
            },
            Message::GatherDigits { call: _, line, digits, reason } => Self {
                kind: "digits",
                text: format!("{line} gathered {digits} {reason}"),
                line: line.to_string(),
            },
            Message::Generate { call: _, line, reason } => {
                Self { kind: "generate", text: format!("{line} generate {reason}"), line: line.to_string() }
            }
            Message::MonitorMedia { call: _, line, media_mode } => Self {
                kind: "media",
                text: format!("{line} media {}", media_mode.name()),
                line: line.to_string(),
            },
            Message::Parked { slot, line, party, change } => Self {
                kind: "parked",
                text: format!("{slot} {change} {party} by {line}"),
                line: line.to_string(),
            },
            Message::Recording { call: _, line, change, reason, .. } => {
                let reason = reason.unwrap_or_default();
                let text = format!("{line} recording {change} {reason}").trim_end().to_owned();
                Self { kind: "recording", text, line: line.to_string() }
            }
            Message::Fork { call: _, line, fork, change, end, .. } => {
                let reason = end.map_or("", ForkEnd::name);
                let text = format!("{line} fork {fork} {change} {reason}").trim_end().to_owned();
                Self { kind: "fork", text, line: line.to_string() }
            }
            Message::Registration { line, contact: _, change } => Self {
                kind: "registration",
                text: format!("{line} registration {change}"),
                line: line.to_string(),
            },
        }
    }
}

impl App {
    pub(crate) fn asks(&mut self, request: RequestId) {
        self.asked.insert(request);
    }

    /// Forgets what it was told, but for the states of calls that go on.
    pub(crate) fn forget(&mut self) {
        self.asked.retain(|request| !self.replies.contains_key(request));
        self.replies.clear();
        self.states.retain(|_, state| *state != CallState::Idle);
        self.lines.clear();
        self.mark = 0;
    }

    /// The requests that were not answered.
    pub fn unanswered(&self) -> impl Iterator<Item = RequestId> {
        self.asked.iter().copied().filter(|request| !self.replies.contains_key(request))
    }

    /// # Panics
    /// If the message is none that may follow what was told before.
    fn check(&mut self, message: &Message) {
        match message {
            Message::Reply { request, reply } => {
                assert!(self.asked.contains(request), "a reply that nobody waits for: {request:?}");
                if let Ok(Outcome::Calls(given)) = reply {
                    self.states.retain(|call, state| !given.contains(call) || *state == CallState::Idle);
                }
                let spoken_of = call_of(reply).filter(|call| self.states.contains_key(call));
                assert_eq!(spoken_of, None, "the call was spoken of before the reply that names it");
            }
            Message::NewCall { call, .. } => {
                // TAPI: a call never leaves idle.
                self.states.retain(|known, state| known != call || *state == CallState::Idle);
            }
            Message::CallState { call, state, privilege, .. } => {
                let before = self.states.insert(*call, *state);
                let told_anew = privilege.is_some() && before == Some(*state);
                let legal = before.is_none_or(|before| may_follow(before, *state)) || told_anew;
                assert!(legal, "{call} went from {before:?} to {state:?}");
            }
            Message::CallQuality { call, media, .. } => {
                let state = self.states.get(call);
                let is_over = matches!(state, None | Some(CallState::Idle | CallState::Disconnected(_)));
                assert!(is_over && !media.is_empty(), "{call} in {state:?}: {media:?}");
            }
            Message::CallInfo { .. }
            | Message::AddressState { .. }
            | Message::Forwarded { .. }
            | Message::LineState { .. }
            | Message::Close { .. }
            | Message::MonitorDigits { .. }
            | Message::GatherDigits { .. }
            | Message::Generate { .. }
            | Message::MonitorMedia { .. }
            | Message::Parked { .. }
            | Message::Recording { .. }
            | Message::Fork { .. }
            | Message::Registration { .. } => {}
        }
    }

    pub(crate) fn tell(&mut self, message: Message) {
        self.check(&message);
        self.lines.push(Told::of(&message));
        if let Message::Reply { request, reply } = message {
            assert!(self.replies.insert(request, reply).is_none(), "two replies to one request: {request:?}");
        }
    }

    /// The reply to a request, if it came.
    pub fn reply(&self, request: RequestId) -> Option<&Reply> {
        self.replies.get(&request)
    }

    /// What it was told since the last look: replies, calls and states, and other kinds that are named.
    pub fn take(&mut self, also: &[&str]) -> Vec<String> {
        let kinds = ["reply", "new-call", "call-state"];
        self.take_kinds(|kind| kinds.contains(&kind) || also.contains(&kind))
    }

    /// What of this kind it was told since the last look.
    pub fn take_only(&mut self, kind: &str) -> Vec<String> {
        self.take_kinds(|told| told == kind)
    }

    fn take_kinds(&mut self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let told = self.lines[self.mark..].iter().filter(|told| is_wanted(told.kind));
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

/// Whether some report leads from one state to the other: the table in `tests/tables/call_states.md`.
fn may_follow(from: CallState, to: CallState) -> bool {
    let with_mode = match to {
        CallState::Busy(mode) => Some(CallReport::Busy(mode)),
        CallState::SpecialInfo(information) => Some(CallReport::Announced(information)),
        CallState::Disconnected(mode) => Some(CallReport::Disconnected(mode)),
        CallState::Idle
        | CallState::Offering(_)
        | CallState::Accepted
        | CallState::DialTone(_)
        | CallState::Dialing
        | CallState::Proceeding
        | CallState::Ringback
        | CallState::Connected(_)
        | CallState::OnHold
        | CallState::Conferenced
        | CallState::OnHoldPendConf
        | CallState::OnHoldPendTransfer
        | CallState::Unknown => None,
    };
    // A call that is introduced as unknown may turn out to be anything.
    from == CallState::Unknown
        || CallReport::SAMPLES.into_iter().chain(with_mode).any(|report| advance(from, report) == Some(to))
}

/// `Connected(ActiveHeld)` as `connected activeheld`.
fn words(debug: &str) -> String {
    debug.to_lowercase().replace('(', " ").replace(')', "")
}

/// The call that a successful reply names: the one that was made, the consultation call, or the conference.
pub fn call_of(reply: &Reply) -> Option<CallId> {
    match reply {
        Ok(Outcome::Call(call) | Outcome::Consult(call)) => Some(*call),
        Ok(Outcome::Conference { conference, .. }) => Some(*conference),
        Ok(
            Outcome::Done
            | Outcome::Parked(_)
            | Outcome::Completion(_)
            | Outcome::Calls(_)
            | Outcome::Recording(_)
            | Outcome::Fork(_)
            | Outcome::Translated(_),
        )
        | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use trunkline::switch::{CallPrivilege, ConnectedMode, DisconnectMode};

    use super::*;

    const CALL: CallId = CallId(1);

    fn told(states: &[CallState]) {
        let mut app = App::default();
        for state in states {
            let (line, privilege) = ("1001".into(), None);
            app.tell(Message::CallState { call: CALL, line, state: *state, privilege });
        }
    }

    #[test]
    fn what_the_table_has_may_be_told() {
        let active = CallState::Connected(ConnectedMode::Active);
        let ended = CallState::Disconnected(DisconnectMode::NumberChanged);
        told(&[CallState::Dialing, CallState::Proceeding, active, CallState::OnHold, ended, CallState::Idle]);
    }

    #[test]
    #[should_panic(expected = "went from")]
    fn a_call_that_leaves_idle_is_found() {
        told(&[CallState::Dialing, CallState::Idle, CallState::Dialing]);
    }

    #[test]
    #[should_panic(expected = "went from")]
    fn a_call_that_is_told_twice_is_found() {
        told(&[CallState::OnHold, CallState::OnHold]);
    }

    #[test]
    #[should_panic(expected = "went from")]
    fn a_call_that_leaves_idle_by_being_given_anew_is_found() {
        let mut app = App::default();
        let line = || "1001".into();
        let state = |state| Message::CallState { call: CALL, line: line(), state, privilege: None };
        app.tell(state(CallState::Idle));
        app.tell(Message::NewCall { call: CALL, line: line(), privilege: CallPrivilege::Owner });
        app.tell(state(CallState::Dialing));
    }

    #[test]
    #[should_panic(expected = "nobody waits for")]
    fn a_reply_that_nobody_waits_for_is_found() {
        let reply = Ok(Outcome::Done);
        App::default().tell(Message::Reply { request: RequestId(1), reply });
    }
}
