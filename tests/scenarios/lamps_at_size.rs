//! Two hundred phones with lamps of two hundred lines, while twenty calls a second are made on these lines (RFC 4235).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use trunkline::switch::setup::{LineKind, LineSetup};
use trunkline::switch::{CallId, CallState, Operation};
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_sip::outbox::DialogPhase;
use trunkline_sip::package::dialog_info::DialogInfo;
use trunkline_tests::{Lab, Plan, dialog_info, password_of};

use crate::lamps::read;

/// Each phone watches twenty of the lines, each line is watched by twenty phones: 4,000 subscriptions. Every NOTIFY is as the schema
/// has it, with a version one above the last of its subscription; while forty calls are up, and when all are over, each lamp shows
/// what the engine says of its line. On the second run one datagram of a hundred is lost.
#[test]
fn lamps_tell_the_truth_under_load() {
    for (seed, loss_ppm) in [(1, 0), (2, 10_000)] {
        let plan = Plan::seeded(seed).workers(2).with(|setup| {
            setup.calls_max = 1_000;
            setup.lines.extend((0..LINES).map(|line| LineSetup::new(&watched(line), LineKind::Local)));
            setup.lines.extend((0..LINES).map(|line| LineSetup::new(&watching(line), LineKind::Phone)));
        });
        let mut lab = plan.build().loss_ppm(loss_ppm);
        lab.stop_ladder();
        lab.stranger(OFFICE, OFFICE_ADDRESS);
        let mut office = Office::default();
        for phone in 0..LINES {
            for step in 0..WATCHED_BY_EACH {
                office.subscribe(&mut lab, phone, (phone + step) % LINES);
            }
            office.hear(&mut lab, 20);
        }
        for _ in 0..200 {
            office.hear(&mut lab, 500);
            if office.waiting.is_empty() {
                break;
            }
        }
        office.agree(&BTreeSet::new());

        let mut up = VecDeque::new();
        for call in 0..CALLS {
            let (from, to) = (call % (LINES / 2), LINES / 2 + call % (LINES / 2));
            let make = Operation::MakeCall { line: watched(from).into(), to: watched(to), params: None };
            lab.request("crm", make);
            up.push_back((from, to));
            office.hear(&mut lab, 50);
            if let Some(call) = call_on(&lab, to) {
                lab.request("crm", Operation::Answer(call, None));
            }
            if up.len() > UP_AT_ONCE {
                hang_up(&mut lab, up.pop_front().expect("more than one"));
            }
        }
        office.hear(&mut lab, 8_000);
        let talking: BTreeSet<usize> = up.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let engine: BTreeSet<usize> = (0..LINES).filter(|line| call_on(&lab, *line).is_some()).collect();
        assert_eq!(talking, engine, "what was asked for is what there is");
        office.agree(&talking);
        up.into_iter().for_each(|ends| hang_up(&mut lab, ends));
        office.hear(&mut lab, 8_000);
        office.agree(&BTreeSet::new());
        let (told, repeated) = (office.told, office.repeated);
        eprintln!("seed {seed}: {CALLS} calls, {told} NOTIFYs judged, {repeated} of them sent twice");
        assert!(told > LINES * WATCHED_BY_EACH + 4 * CALLS * WATCHED_BY_EACH, "{told}");
    }
}

/// All watching phones, behind one address.
#[derive(Default)]
struct Office {
    auth: BTreeMap<usize, ClientAuth>,
    /// By Call-ID: the last request that was not answered.
    waiting: BTreeMap<String, (u32, String)>,
    lamps: BTreeMap<String, Lamp>,
    told: usize,
    repeated: usize,
}

struct Lamp {
    line: usize,
    /// Number and version of the last NOTIFY.
    heard: (u32, u32),
    is_lit: bool,
    last: String,
}

impl Office {
    fn subscribe(&mut self, lab: &mut Lab, phone: usize, line: usize) {
        let uri = format!("sip:{}@pbx.example", watched(line));
        let proof = self.auth.get_mut(&phone).and_then(|auth| auth.header("SUBSCRIBE", &uri, "c"));
        let proof = proof.map(|(name, value)| format!("{}: {value}\r\n", name.name())).unwrap_or_default();
        self.send(lab, (phone, line), 1, &proof);
    }

    fn send(&mut self, lab: &mut Lab, (phone, line): (usize, usize), cseq: u32, proof: &str) {
        let (own, other, call_id) = (watching(phone), watched(line), format!("w{phone}x{line}"));
        let text = format!(
            "SUBSCRIBE sip:{other}@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP {OFFICE_ADDRESS};branch=z9hG4bK{call_id}c{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{own}@pbx.example>;tag=w\r\nTo: <sip:{other}@pbx.example>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:{own}@{OFFICE_ADDRESS}>\r\n\
             Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 3600\r\n{proof}Content-Length: 0\r\n\r\n"
        );
        lab.sends_bytes(OFFICE, Bytes::from(text.clone()));
        self.waiting.insert(call_id, (cseq, text));
    }

    /// Lets time pass, answers what came, and says again what nobody has answered.
    fn hear(&mut self, lab: &mut Lab, time_ms: u64) {
        for _ in 0..time_ms.div_ceil(STEP_MS) {
            lab.run_ms(time_ms.min(STEP_MS));
            for text in lab.received(OFFICE) {
                let message = read(&text);
                if message.is_request() {
                    self.notified(lab, &message, &text)
                } else {
                    self.answered(lab, &message)
                }
            }
        }
        if time_ms >= STEP_MS {
            for (_, text) in self.waiting.values() {
                lab.sends_bytes(OFFICE, Bytes::from(text.clone()));
            }
        }
    }

    fn answered(&mut self, lab: &mut Lab, answer: &Message) {
        let call_id = answer.value(HeaderName::CallId).expect("a Call-ID").to_owned();
        let cseq = first_number(answer.value(HeaderName::CSeq).expect("a CSeq"));
        if self.waiting.get(&call_id).is_none_or(|(waiting, _)| *waiting != cseq) {
            return;
        }
        self.waiting.remove(&call_id);
        if answer.status() == 401 {
            let (phone, line) = ends(&call_id);
            let credentials = Credentials {
                username: watching(phone).into(),
                password: password_of(&watching(phone)).into(),
                realm: None,
            };
            let mut auth = ClientAuth::new(Arc::new(credentials));
            let uri = format!("sip:{}@pbx.example", watched(line));
            let challenges = answer.lines(HeaderName::WwwAuthenticate);
            let (name, value) = auth.answer(401, challenges, "SUBSCRIBE", &uri, "c").expect("a challenge");
            self.auth.insert(phone, auth);
            self.send(lab, (phone, line), cseq + 1, &format!("{}: {value}\r\n", name.name()));
        } else {
            assert_eq!(answer.status(), 200, "{call_id}");
        }
    }

    /// Judges a NOTIFY, and answers it.
    fn notified(&mut self, lab: &mut Lab, notify: &Message, text: &str) {
        let line = |name| notify.value(name).unwrap_or_default();
        let call_id = line(HeaderName::CallId);
        let answer = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
            line(HeaderName::Via),
            line(HeaderName::From),
            line(HeaderName::To),
            line(HeaderName::CSeq)
        );
        lab.sends_bytes(OFFICE, Bytes::from(answer));
        let cseq = first_number(line(HeaderName::CSeq));
        let (_, watched_line) = ends(call_id);
        let body = std::str::from_utf8(notify.body()).expect("UTF-8");
        let entity = format!("entity=\"sip:{}@pbx.example\"", watched(watched_line));
        assert!(body.contains(&entity), "{text}");
        dialog_info::judge(body).unwrap_or_else(|fault| panic!("{fault}: {text}"));
        let info = DialogInfo::parse(notify.body()).expect("it was judged");
        let is_lit = info.dialogs.iter().any(|dialog| dialog.phase != DialogPhase::Terminated);
        let heard = (cseq, info.version);
        match self.lamps.get_mut(call_id) {
            Some(lamp) if lamp.heard.0 == cseq => {
                assert_eq!(lamp.last, body, "what is said again is the same");
                self.repeated += 1;
            }
            Some(lamp) => {
                assert_eq!(heard, (lamp.heard.0 + 1, lamp.heard.1 + 1), "after {}: {text}", lamp.last);
                (lamp.heard, lamp.is_lit, lamp.last) = (heard, is_lit, body.to_owned());
                self.told += 1;
            }
            None => {
                assert_eq!(info.version, 0, "{text}");
                let lamp = Lamp { line: watched_line, heard, is_lit, last: body.to_owned() };
                self.lamps.insert(call_id.to_owned(), lamp);
                self.told += 1;
            }
        }
    }

    /// Whether each lamp shows what is so.
    fn agree(&self, talking: &BTreeSet<usize>) {
        assert_eq!(self.lamps.len(), LINES * WATCHED_BY_EACH);
        for (call_id, lamp) in &self.lamps {
            assert_eq!(lamp.is_lit, talking.contains(&lamp.line), "{call_id}: {}", lamp.last);
        }
    }
}

/// The call on a line that is not over.
fn call_on(lab: &Lab, line: usize) -> Option<CallId> {
    let address = watched(line);
    let is_over = |state| matches!(state, CallState::Idle | CallState::Disconnected(_));
    let mut calls = lab.calls("crm").into_iter();
    calls.find(|call| *call.line == *address && !is_over(call.state)).map(|call| call.id)
}

fn hang_up(lab: &mut Lab, (from, to): (usize, usize)) {
    for call in [call_on(lab, from), call_on(lab, to)].into_iter().flatten() {
        lab.request("crm", Operation::Drop(call, None));
    }
}

fn watched(line: usize) -> String {
    (2_000 + line).to_string()
}

fn watching(phone: usize) -> String {
    (3_000 + phone).to_string()
}

/// Who watches what, of a Call-ID of ours.
fn ends(call_id: &str) -> (usize, usize) {
    let (phone, line) = call_id[1..].split_once('x').expect("a Call-ID of ours");
    (phone.parse().expect("a number"), line.parse().expect("a number"))
}

fn first_number(cseq: &str) -> u32 {
    cseq.split(' ').next().and_then(|number| number.parse().ok()).expect("a CSeq")
}

const LINES: usize = 200;
const WATCHED_BY_EACH: usize = 20;
const CALLS: usize = 100;
const UP_AT_ONCE: usize = 40;
const OFFICE: &str = "office";
const OFFICE_ADDRESS: &str = "10.0.66.8:5060";
/// Answers to NOTIFY are not late.
const STEP_MS: u64 = 50;
