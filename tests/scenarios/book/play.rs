//! One operation as it is played for its page: requests as HTTP sends them, the ladder, and what is refused.

use trunkline::api;
use trunkline::switch::call_state::DialToneMode;
use trunkline::switch::{
    BusyMode, CallId, CallOperation, CallPrivilege, CallState, ConnectedMode, DisconnectMode, OfferingMode,
    Reply, SpecialInfo, permit,
};
use trunkline_tests::{Lab, Plan};

/// The application that owns, where nobody else is named.
const APP: &str = "crm";

/// What is asked is written in short where it is longer: the whole stands above the ladder.
const LABEL_MAX: usize = 40;

/// A run and what becomes of it.
pub(super) struct Play {
    operation: &'static str,
    lab: Lab,
    is_told: bool,
    ladder: String,
    before: String,
    /// The first request for the operation, and its answer.
    exchange: Option<String>,
    refusals: Vec<String>,
    digits: u16,
    /// What should have been refused.
    granted: Vec<String>,
}

impl Play {
    pub(super) fn of(operation: &'static str) -> Self {
        let lab = Lab::seeded(1);
        let (ladder, before) = (String::new(), String::new());
        Self {
            operation,
            lab,
            is_told: false,
            ladder,
            before,
            exchange: None,
            refusals: Vec::new(),
            digits: 0,
            granted: Vec::new(),
        }
    }

    /// These phones register with a new engine.
    pub(super) fn registered(&mut self, phones: &[&str]) -> &mut Lab {
        self.lab = Lab::registered(1, phones);
        &mut self.lab
    }

    /// The same in an engine that is set up so.
    pub(super) fn build(&mut self, plan: Plan, phones: &[&str]) {
        self.lab = plan.build().with_registered(phones);
    }

    /// These phones register, and the first two talk. The calls of the first and of the second.
    pub(super) fn talking(&mut self, phones: &[&str]) -> (String, String) {
        self.registered(phones).connected_call(phones[0], phones[1]);
        let line = |number: usize| self.lab.call_on(APP, &format!("100{number}")).id.to_string();
        (line(1), line(2))
    }

    pub(super) const fn lab(&mut self) -> &mut Lab {
        &mut self.lab
    }

    /// Time passes.
    pub(super) fn wait(&mut self, ms: u64) {
        self.lab.run_ms(ms);
    }

    /// The ladder begins.
    pub(super) fn begin(&mut self) {
        self.begin_with(&[APP], &[]);
    }

    /// The same with other applications and kinds of events, too.
    pub(super) fn begin_with(&mut self, apps: &[&'static str], also: &[&'static str]) {
        let calls = self.lab.calls(APP);
        let calls = calls.iter().filter(|call| call.state != CallState::Idle);
        let calls = calls.map(|call| format!("{} of {} is {}", call.id, call.line, name(call.state)));
        self.before = calls.collect::<Vec<_>>().join(", ");
        self.lab.story().begin(apps, also);
        self.is_told = true;
    }

    /// The ladder ends.
    pub(super) fn end(&mut self) {
        self.lab.story().end();
        self.ladder = self.lab.story().text();
        self.is_told = false;
    }

    /// What is heard.
    pub(super) fn note(&mut self, text: &str) {
        let now = self.lab.now();
        self.lab.story().note(now, text);
    }

    /// The phone, which is silent otherwise, presses a digit for a tenth of a second (RFC 4733).
    pub(super) fn presses(&mut self, phone: &str, digit: char) {
        let description =
            self.lab.ladder().last("engine", phone, "200").expect("the phone was answered").to_owned();
        let port = description.split_once("m=audio ").and_then(|(_, rest)| rest.split_once(' '));
        let port: u16 = port.and_then(|(port, _)| port.parse().ok()).expect("audio is described");
        let event = "0123456789*#".find(digit).and_then(|event| u8::try_from(event).ok()).expect("a digit");
        let now = self.lab.now();
        self.lab.story().step(now, phone, "engine", &format!("RTP: digit {digit}"));
        self.digits += 1;
        for part in 1..=8_u16 {
            let [high, low] = (self.digits * 8 + part).to_be_bytes();
            let [longer, shorter] = (part * 160).to_be_bytes();
            let [first, second] = (self.digits * 4_000).to_be_bytes();
            // The last three say that it is over.
            let end = if part > 5 { 0x80 } else { 0 };
            let packet =
                vec![0x80, 101, high, low, 0, 0, first, second, 0, 0, 0, 7, event, end | 10, longer, shorter];
            let from = format!("{}:4000", self.lab.phone(phone).config().address.ip());
            self.lab.sends_media(&from, port, packet);
            self.lab.run_ms(20);
        }
        self.lab.run_ms(200);
    }

    /// The one call on a line.
    pub(super) fn call_on(&self, line: &str) -> String {
        self.lab.call_on(APP, line).id.to_string()
    }

    /// An application sends `POST /v1/{kind}/{target}/{name}`, and it is granted: the JSON of the answer.
    pub(super) fn asks(&mut self, target: &str, name: &str, body: &str) -> serde_json::Value {
        self.asks_as(APP, target, name, body)
    }

    pub(super) fn asks_as(&mut self, app: &str, target: &str, name: &str, body: &str) -> serde_json::Value {
        let (status, answer, reply) = self.post(app, target, name, body);
        assert!(reply.is_ok(), "{name} of {target}: {status} {answer}");
        serde_json::from_str(&answer).expect("an answer is JSON")
    }

    fn post(&mut self, app: &str, target: &str, name: &str, body: &str) -> (u16, String, Reply) {
        let operation = api::operation(kind(target), target, name, body.as_bytes())
            .unwrap_or_else(|refused| panic!("{name} {body}: {refused:?}"));
        let now = self.lab.now();
        let asked = format!("{name} {target} {body}");
        let asked = if asked.len() > LABEL_MAX { format!("{name} {target} {{…}}") } else { asked };
        self.lab.story().step(now, app, "engine", asked.trim_end());
        let request = self.lab.request(app, operation);
        self.lab.run_ms(300);
        let reply = self.lab.reply(app, request);
        let reply = reply.unwrap_or_else(|| panic!("{name} of {target} has no answer"));
        let (status, answer) = api::answer(reply.clone());
        if self.is_told && name == self.operation && self.exchange.is_none() {
            let body = if body.is_empty() { String::new() } else { format!("\n{body}\n") };
            let (kind, title) = (kind(target), if status == 200 { "OK" } else { "" });
            self.exchange =
                Some(format!("POST /v1/{kind}/{target}/{name}\n{body}\n{status} {title}\n\n{answer}\n"));
        }
        (status, answer, reply)
    }

    /// It is refused, for this reason.
    pub(super) fn refused(&mut self, when: &str, target: &str, body: &str) {
        self.refused_as(APP, when, target, body);
    }

    pub(super) fn refused_as(&mut self, app: &str, when: &str, target: &str, body: &str) {
        let name = self.operation;
        let row = match api::operation(kind(target), target, name, body.as_bytes()) {
            Err((status, _)) => format!("| {when} | – | {status} |"),
            Ok(_) => {
                let (status, answer, reply) = self.post(app, target, name, body);
                let Err(refusal) = reply else {
                    self.granted.push(format!("{name} though {when}: {answer}"));
                    return;
                };
                format!("| {when} | `{}` | {status} |", refusal.error)
            }
        };
        self.refusals.push(row);
    }

    /// What the page shows.
    pub(super) fn blocks(&self) -> Vec<(&'static str, String)> {
        assert!(self.granted.is_empty(), "{:?}", self.granted);
        assert!(!self.ladder.is_empty(), "{}: no ladder", self.operation);
        let exchange =
            self.exchange.as_ref().unwrap_or_else(|| panic!("{} was not asked for", self.operation));
        let before = match self.before.is_empty() {
            true => String::new(),
            false => format!("Before: {}.\n\n", self.before),
        };
        let mut blocks = Vec::new();
        if let Some(operation) = CallOperation::ALL.into_iter().find(|known| known.name() == self.operation) {
            blocks.push(("states", states(operation)));
        }
        blocks.push(("http", format!("```text\n{exchange}```")));
        blocks.push(("ladder", format!("{before}```text\n{}```", self.ladder)));
        if !self.refusals.is_empty() {
            let rows = self.refusals.join("\n");
            blocks.push(("refusals", format!("| when | code | HTTP |\n|---|---|---|\n{rows}")));
        }
        blocks
    }
}

/// The part of the path before `target`.
fn kind(target: &str) -> &'static str {
    if target.parse::<CallId>().is_ok() {
        "calls"
    } else if target == "wall" {
        "apps"
    } else {
        "lines"
    }
}

fn name(state: CallState) -> String {
    match state.mode_name() {
        Some(mode) => format!("{} ({mode})", state.name()),
        None => state.name().to_owned(),
    }
}

/// In which states the operation is permitted, and to whom.
fn states(operation: CallOperation) -> String {
    let all = [
        CallState::Idle,
        CallState::Offering(OfferingMode::Active),
        CallState::Accepted,
        CallState::DialTone(DialToneMode::Normal),
        CallState::Dialing,
        CallState::Proceeding,
        CallState::Ringback,
        CallState::Busy(BusyMode::Station),
        CallState::SpecialInfo(SpecialInfo::NoCircuit),
        CallState::Connected(ConnectedMode::Active),
        CallState::Connected(ConnectedMode::Inactive),
        CallState::OnHold,
        CallState::OnHoldPendConf,
        CallState::OnHoldPendTransfer,
        CallState::Conferenced,
        CallState::Disconnected(DisconnectMode::Normal),
        CallState::Unknown,
    ];
    let may = |state: &CallState| permit(*state, CallPrivilege::Owner, operation).is_ok();
    let (permitted, others): (Vec<CallState>, Vec<CallState>) = all.into_iter().partition(may);
    let list = |states: &[CallState]| {
        let connected = states.iter().filter(|state| matches!(state, CallState::Connected(_))).count();
        let is_half = |state: &CallState| connected == 1 && matches!(state, CallState::Connected(_));
        let mut names: Vec<String> = states
            .iter()
            .map(|state| if is_half(state) { name(*state) } else { state.name().to_owned() })
            .collect();
        names.dedup();
        names.join(", ")
    };
    let states = match (others.is_empty(), permitted.len() > others.len()) {
        (true, _) => "any".to_owned(),
        (false, true) => format!("any but {}", list(&others)),
        (false, false) => list(&permitted),
    };
    let monitor = all.into_iter().any(|state| permit(state, CallPrivilege::Monitor, operation).is_ok());
    let privilege = if monitor { "monitor" } else { "owner" };
    format!("Privilege: {privilege}. States: {states}.")
}
