//! A desk phone that is told what to do by CSTA (ECMA TR/87) or asked by REFER, on the wire: sessions, calls that it makes and answers.

use std::collections::BTreeMap;

use trunkline::demo::Status;
use trunkline::switch::csta::CstaUse;
use trunkline::switch::vendor::VendorSetup;
use trunkline::switch::{CallId, CallState, ForwardEntry, ForwardMode, Operation, Setup};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::{Lab, Plan};

use crate::lamps::{answer, read};

const HOST: &str = "10.0.66.9";
const ADDRESS: &str = "10.0.66.9:5060";
const NAMESPACE: &str = "xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed3\"";

/// The phone of line 1004: it answers what it is sent, and does what it is told in its session.
#[derive(Default)]
struct Desk {
    cseq: u32,
    /// What it refuses by CSTAErrorCode.
    refuses: &'static str,
    /// Whether it answers INFO 200 without a body, and says what came of it in an INFO of its own.
    is_late: bool,
    /// Whether it does nothing about INFO, and what it will do about them once it wakes.
    is_asleep: bool,
    slept: Vec<Message>,
    /// What it answers a REFER; zero: nothing.
    refer: u16,
    /// What it says of it by NOTIFY in place of calling; zero: it calls.
    says: u16,
    /// What its dial plan puts before each number.
    prefix: &'static str,
    /// The dialog of the session: From, To and Call-ID of requests of its own.
    session: Option<[String; 3]>,
    /// The INVITE of a call that rings.
    ringing: Option<Message>,
    /// Its own call: the number, and what answers the challenge.
    calls: Option<String>,
    /// Methods, statuses and services since the last look.
    heard: Vec<String>,
    /// Dialogs of calls by Call-ID, as in `session`.
    up: BTreeMap<String, [String; 3]>,
}

impl Desk {
    fn start(lab: &mut Lab) -> Self {
        lab.stranger("desk", ADDRESS);
        let mut desk = Self::default();
        desk.registers(lab, 600);
        desk
    }

    fn registers(&mut self, lab: &mut Lab, expires: u32) {
        let mut authorization = String::new();
        for _ in 0..2 {
            self.cseq += 1;
            lab.sends(
                "desk",
                &format!(
                    "REGISTER sip:pbx.example SIP/2.0\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bKr{}\nMax-Forwards: 70\n\
                     From: <sip:1004@pbx.example>;tag=r\nTo: <sip:1004@pbx.example>\nCall-ID: register\n\
                     CSeq: {} REGISTER\nContact: <sip:1004@{ADDRESS}>;expires={expires}\nUser-Agent: snomD785/10.1\n\
                     {authorization}Content-Length: 0\n\n",
                    self.cseq, self.cseq
                ),
            );
            lab.run_ms(20);
            for text in lab.received("desk") {
                let message = read(&text);
                if message.status() == 401 {
                    authorization = answer(&message, "REGISTER", "sip:pbx.example");
                } else {
                    self.takes(lab, &message);
                }
            }
        }
    }

    /// Acts for this long.
    fn listen(&mut self, lab: &mut Lab, time_ms: u64) {
        for _ in 0..time_ms / 20 {
            lab.run_ms(20);
            for text in lab.received("desk") {
                self.takes(lab, &read(&text));
            }
        }
    }

    fn takes(&mut self, lab: &mut Lab, message: &Message) {
        let body = String::from_utf8_lossy(message.body()).into_owned();
        let service = body.split("\r\n<").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let word = if message.is_request() { message.method_text() } else { "" };
        let is_csta = message.content_type() == Some("application/csta+xml");
        match word {
            "" if message.cseq().method_text == "INVITE" => self.takes_answer(lab, message),
            "" | "ACK" => {}
            "INVITE" if is_csta => {
                self.session = Some(dialog(message));
                let status = "<systemStatus>normal</systemStatus>";
                self.heard.push(format!("session {service}"));
                self.replies(lab, message, 200, &response(service, status));
            }
            "INVITE" => {
                self.heard.push("INVITE".to_owned());
                self.ringing = Some(message.clone());
                self.replies(lab, message, 180, "");
                let caller = message.from().expect("a caller").parsed_uri().expect("a URI");
                let caller = caller.user_unescaped().into_owned();
                self.tells(lab, "DeliveredEvent", "connection", &caller);
            }
            "INFO" if self.is_asleep => {
                if self.slept.last().is_none_or(|before| before.cseq().number != message.cseq().number) {
                    self.slept.push(message.clone());
                }
            }
            "INFO" => {
                self.heard.push(service.to_owned());
                self.serves(lab, message, service, &body);
            }
            "REFER" => {
                let to = message.value(HeaderName::ReferTo).expect("whom to call").to_owned();
                self.heard.push(format!("REFER {to}"));
                if self.refer > 0 {
                    self.replies(lab, message, self.refer, "");
                }
                if (200..300).contains(&self.refer) {
                    self.is_referred(lab, message, &to);
                }
            }
            "BYE" | "CANCEL" => {
                self.heard.push(word.to_owned());
                self.replies(lab, message, 200, "");
                if self.session.as_ref().is_some_and(|[_, _, call]| call == message.call_id()) {
                    self.session = None;
                }
            }
            _ => self.replies(lab, message, 200, ""),
        }
    }

    /// It does what it was asked meanwhile.
    fn wakes(&mut self, lab: &mut Lab) {
        self.is_asleep = false;
        for info in std::mem::take(&mut self.slept) {
            self.takes(lab, &info);
        }
    }

    fn serves(&mut self, lab: &mut Lab, info: &Message, service: &str, body: &str) {
        let said = if service == self.refuses {
            format!("<CSTAErrorCode {NAMESPACE}><operation>generic</operation></CSTAErrorCode>")
        } else {
            let connection = format!("<callID>21</callID><deviceID>sip:1004@{HOST}</deviceID>");
            let inside = match service {
                "MonitorStart" => "<monitorCrossRefID>1</monitorCrossRefID>".to_owned(),
                "MakeCall" => format!("<callingDevice>{connection}</callingDevice>"),
                _ => String::new(),
            };
            response(service, &inside)
        };
        if self.is_late {
            self.replies(lab, info, 200, "");
            self.informs(lab, &said);
        } else {
            self.replies(lab, info, 200, &said);
        }
        match service {
            _ if service == self.refuses => {}
            "MakeCall" => {
                let to =
                    body.split("<calledDirectoryNumber>sip:").nth(1).and_then(|rest| rest.split('@').next());
                let to = format!("{}{}", self.prefix, to.expect("a number"));
                self.dials(lab, &to, "");
            }
            "RetrieveCall" => self.offers(lab, "sendrecv"),
            "AnswerCall" => {
                assert!(body.contains("<callID>21</callID>"), "the call that rings: {body}");
                self.answers(lab);
            }
            _ => {}
        }
    }

    /// It calls as the REFER says, or says that it does not.
    fn is_referred(&mut self, lab: &mut Lab, refer: &Message, to: &str) {
        let [from, to_us, call] = dialog(refer);
        let status = if self.says > 0 { self.says } else { 100 };
        self.cseq += 1;
        let (cseq, body) = (self.cseq, format!("SIP/2.0 {status} X\n"));
        let state = if self.says > 0 { "terminated;reason=noresource" } else { "active;expires=60" };
        lab.sends(
            "desk",
            &format!(
                "NOTIFY sip:10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bKf{cseq}\nMax-Forwards: 70\n\
                 From: {from}\nTo: {to_us}\nCall-ID: {call}\nCSeq: {cseq} NOTIFY\nContact: <sip:1004@{ADDRESS}>\n\
                 Event: refer\nSubscription-State: {state}\nContent-Type: message/sipfrag;version=2.0\n\
                 Content-Length: {}\n\n{body}",
                body.len() + 1
            ),
        );
        if self.says == 0 {
            let number = to.split("sip:").nth(1).and_then(|rest| rest.split('@').next()).expect("a number");
            self.dials(lab, number, "");
        }
    }

    fn answers(&mut self, lab: &mut Lab) {
        let Some(invite) = self.ringing.take() else { return };
        self.up.insert(invite.call_id().to_owned(), dialog(&invite));
        self.replies(lab, &invite, 200, SDP);
        self.tells(lab, "EstablishedEvent", "establishedConnection", "");
    }

    fn dials(&mut self, lab: &mut Lab, to: &str, authorization: &str) {
        self.cseq += 1;
        self.calls = Some(to.to_owned());
        let cseq = self.cseq;
        lab.sends(
            "desk",
            &format!(
                "INVITE sip:{to}@pbx.example SIP/2.0\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bKi{cseq}\n\
                 Max-Forwards: 70\nFrom: <sip:1004@pbx.example>;tag=own\nTo: <sip:{to}@pbx.example>\nCall-ID: own\n\
                 CSeq: {cseq} INVITE\nContact: <sip:1004@{ADDRESS}>\n{authorization}Content-Type: application/sdp\n\
                 Content-Length: {}\n\n{SDP}",
                SDP.len() + SDP.matches('\n').count()
            ),
        );
    }

    /// A response to its own INVITE: a challenge is answered, whatever is final acknowledged.
    fn takes_answer(&mut self, lab: &mut Lab, message: &Message) {
        let status = message.status();
        if status < 200 {
            return;
        }
        let line = |name| message.value(name).unwrap_or_default();
        let to = self.calls.clone().unwrap_or_default();
        let branch = if status < 300 {
            "z9hG4bKack".to_owned()
        } else {
            message.via().expect("a Via").branch().to_owned()
        };
        lab.sends(
            "desk",
            &format!(
                "ACK sip:{to}@pbx.example SIP/2.0\nVia: SIP/2.0/UDP {ADDRESS};branch={branch}\nMax-Forwards: 70\n\
                 From: {}\nTo: {}\nCall-ID: {}\nCSeq: {} ACK\nContent-Length: 0\n\n",
                line(HeaderName::From),
                line(HeaderName::To),
                message.call_id(),
                message.cseq().number
            ),
        );
        if status == 401 {
            let uri = format!("sip:{to}@pbx.example");
            self.dials(lab, &to, &answer(message, "INVITE", &uri));
        } else {
            self.heard.push(status.to_string());
            if status >= 300 {
                return;
            }
            let call = message.call_id();
            let own = [line(HeaderName::From), line(HeaderName::To), call].map(str::to_owned);
            self.up.insert(call.to_owned(), own);
        }
    }

    fn replies(&self, lab: &mut Lab, to: &Message, status: u16, body: &str) {
        let line = |name| to.value(name).unwrap_or_default();
        let tag = if to.to_tag().is_empty() { ";tag=desk" } else { "" };
        let content = match body {
            "" => String::new(),
            SDP => "Content-Type: application/sdp\n".to_owned(),
            _ => "Content-Type: application/csta+xml\n".to_owned(),
        };
        lab.sends(
            "desk",
            &format!(
                "SIP/2.0 {status} X\nVia: {}\nFrom: {}\nTo: {}{tag}\nCall-ID: {}\nCSeq: {}\nContact: <sip:1004@{ADDRESS}>\n\
                 {content}Content-Length: {}\n\n{body}",
                line(HeaderName::Via),
                line(HeaderName::From),
                line(HeaderName::To),
                to.call_id(),
                line(HeaderName::CSeq),
                body.len() + body.matches('\n').count()
            ),
        );
    }

    /// An event of the call that the phone calls 21.
    fn tells(&mut self, lab: &mut Lab, event: &str, connection: &str, caller: &str) {
        let body = format!(
            "<{event} {NAMESPACE}><monitorCrossRefID>1</monitorCrossRefID><{connection}><callID>21</callID>\
             <deviceID>sip:1004@{HOST}</deviceID></{connection}><callingDevice><deviceIdentifier>sip:{caller}@{HOST}\
             </deviceIdentifier></callingDevice></{event}>\n"
        );
        self.informs(lab, &body);
    }

    /// A key: an event of the phone, or a service that it asks for.
    fn presses(&mut self, lab: &mut Lab, root: &str, inside: &str) {
        self.informs(
            lab,
            &format!("<{root} {NAMESPACE}><device>sip:1004@{HOST}</device>{inside}</{root}>\n"),
        );
        self.listen(lab, 100);
    }

    fn informs(&mut self, lab: &mut Lab, body: &str) {
        let Some(dialog) = self.session.clone() else { return };
        self.requests(lab, "INFO", &dialog, body);
    }

    fn requests(&mut self, lab: &mut Lab, method: &str, [from, to, call]: &[String; 3], body: &str) {
        self.cseq += 1;
        let cseq = self.cseq;
        let content = if body.is_empty() { "" } else { "Content-Type: application/csta+xml\n" };
        lab.sends(
            "desk",
            &format!(
                "{method} sip:1004@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bKd{cseq}\nMax-Forwards: 70\n\
                 From: {from}\nTo: {to}\nCall-ID: {call}\nCSeq: {cseq} {method}\nContact: <sip:1004@{ADDRESS}>\n\
                 {content}Content-Length: {}\n\n{body}",
                body.len() + body.matches('\n').count()
            ),
        );
    }

    /// Offers to hold its call, or to talk again.
    fn offers(&mut self, lab: &mut Lab, direction: &str) {
        let Some([from, to, call]) = self.up.values().next().cloned() else { return };
        self.cseq += 1;
        let (cseq, body) = (self.cseq, format!("{SDP}a={direction}\n"));
        lab.sends(
            "desk",
            &format!(
                "INVITE sip:1004@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {ADDRESS};branch=z9hG4bKo{cseq}\nMax-Forwards: 70\n\
                 From: {from}\nTo: {to}\nCall-ID: {call}\nCSeq: {cseq} INVITE\nContact: <sip:1004@{ADDRESS}>\n\
                 Content-Type: application/sdp\nContent-Length: {}\n\n{body}",
                body.len() + body.matches('\n').count()
            ),
        );
        self.listen(lab, 200);
    }

    /// Hangs up every call that it has.
    fn hangs_up(&mut self, lab: &mut Lab) {
        for dialog in std::mem::take(&mut self.up).into_values() {
            self.requests(lab, "BYE", &dialog, "");
        }
        self.listen(lab, 200);
    }

    fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard)
    }
}

const SDP: &str = "v=0\no=- 1 1 IN IP4 10.0.66.9\ns=-\nc=IN IP4 10.0.66.9\nt=0 0\nm=audio 4000 RTP/AVP 0 8 101\n\
                   a=rtpmap:101 telephone-event/8000\n";

fn response(service: &str, inside: &str) -> String {
    format!("<{service}Response {NAMESPACE}>{inside}</{service}Response>\n")
}

/// From, To and Call-ID of requests of the phone in the dialog that this INVITE makes.
fn dialog(invite: &Message) -> [String; 3] {
    let line = |name| invite.value(name).unwrap_or_default();
    let from = format!("{};tag=desk", line(HeaderName::To));
    [from, line(HeaderName::From).to_owned(), invite.call_id().to_owned()]
}

fn set_up(setup: &mut Setup, uses: &[CstaUse]) {
    setup.vendors = vec![VendorSetup {
        csta: Some(uses.to_vec()),
        ..VendorSetup::of(regex::Regex::new("^snom").expect("it is one"))
    }];
}

fn lab(seed: u64) -> Lab {
    let mut plan = Plan::seeded(seed);
    set_up(&mut plan.setup, &[CstaUse::MakeCall, CstaUse::Answer]);
    plan.build().with_registered(&["alice", "bob"])
}

/// A session with the phone.
fn started(seed: u64) -> (Lab, Desk) {
    let mut lab = lab(seed);
    let mut desk = Desk::start(&mut lab);
    desk.listen(&mut lab, 1_500);
    assert_eq!(desk.heard(), ["session RequestSystemStatus", "MonitorStart"]);
    (lab, desk)
}

/// The phone leaves: its session ends and nothing is left.
fn leave(lab: &mut Lab, desk: &mut Desk) {
    desk.registers(lab, 0);
    desk.listen(lab, 500);
    assert_eq!(desk.heard().last().map(String::as_str), Some("BYE"));
    lab.nothing_left();
}

fn call_on(lab: &Lab, line: &str) -> CallId {
    let calls = lab.calls("crm");
    let on_line = calls.iter().filter(|call| &*call.line == line && call.state != CallState::Idle);
    on_line.map(|call| call.id).next_back().expect("a call on the line")
}

#[test]
fn the_phone_makes_the_call_of_an_application() {
    for is_late in [false, true] {
        let (mut lab, mut desk) = started(1);
        desk.is_late = is_late;
        let call = lab.make_call("crm", "1004", "1002");
        desk.listen(&mut lab, 500);
        assert_eq!(lab.status("bob"), Status::Ringing);
        lab.answer("bob");
        desk.listen(&mut lab, 500);
        assert_eq!(desk.heard(), ["MakeCall", "200"], "no INVITE opens its microphone");
        lab.expect_states("crm", "1004", "dialing, proceeding, ringback, connected active");
        lab.does_ask("crm", Operation::Drop(call, None));
        desk.listen(&mut lab, 500);
        assert_eq!((desk.heard(), lab.status("bob")), (vec!["BYE".to_owned()], Status::Over(0)));
        leave(&mut lab, &mut desk);
    }
}

#[test]
fn the_phone_answers_for_an_application() {
    let (mut lab, mut desk) = started(2);
    lab.call("alice", "1004");
    desk.listen(&mut lab, 300);
    assert_eq!(desk.heard(), ["INVITE"]);
    let call = call_on(&lab, "1004");
    lab.request("crm", Operation::Answer(call, None));
    desk.listen(&mut lab, 500);
    assert_eq!((desk.heard(), lab.status("alice")), (vec!["AnswerCall".to_owned()], Status::Connected));
    desk.hangs_up(&mut lab);
    assert_eq!(lab.status("alice"), Status::Over(0));
    leave(&mut lab, &mut desk);
}

/// What the phone will not do by CSTA it is asked by SIP.
#[test]
fn a_phone_that_refuses_a_service_is_asked_otherwise() {
    let (mut lab, mut desk) = started(3);
    desk.refuses = "MakeCall";
    lab.make_call("crm", "1004", "1002");
    desk.listen(&mut lab, 300);
    assert_eq!(desk.heard(), ["MakeCall", "INVITE"]);
    let invite = desk.ringing.clone().expect("a call to itself");
    assert!(invite.other("answer-mode").is_some(), "that it is to answer by itself");
    desk.answers(&mut lab);
    desk.listen(&mut lab, 500);
    assert_eq!(lab.status("bob"), Status::Ringing);
    desk.hangs_up(&mut lab);
    desk.heard();

    desk.refuses = "AnswerCall";
    lab.call("alice", "1004");
    desk.listen(&mut lab, 300);
    let call = call_on(&lab, "1004");
    lab.request("crm", Operation::Answer(call, None));
    desk.listen(&mut lab, 300);
    assert_eq!(desk.heard(), ["INVITE", "AnswerCall", "INVITE", "CANCEL"]);
    lab.hang_up("alice");
    desk.listen(&mut lab, 500);
    leave(&mut lab, &mut desk);
}

/// A phone without CSTA that takes REFER.
fn referred(seed: u64, refer: u16, says: u16) -> (Lab, Desk, CallId) {
    let mut plan = Plan::seeded(seed);
    let row = VendorSetup::of(regex::Regex::new("^snom").expect("it is one"));
    plan.setup.vendors = vec![VendorSetup { refer: Some(true), ..row }];
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    let mut desk = Desk::start(&mut lab);
    (desk.refer, desk.says) = (refer, says);
    let call = lab.make_call("crm", "1004", "1002");
    desk.listen(&mut lab, 500);
    assert_eq!(desk.heard()[0], "REFER <sip:1002@pbx.example>");
    (lab, desk, call)
}

#[test]
fn a_phone_calls_whom_a_refer_names_and_it_is_the_call_of_the_application() {
    let (mut lab, mut desk, call) = referred(31, 202, 0);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.answer("bob");
    desk.listen(&mut lab, 500);
    assert_eq!(desk.heard(), ["200"], "no INVITE opens its microphone");
    lab.expect_states("crm", "1004", "dialing, proceeding, ringback, connected active");
    lab.does_ask("crm", Operation::Drop(call, None));
    desk.listen(&mut lab, 500);
    assert_eq!((desk.heard(), lab.status("bob")), (vec!["BYE".to_owned()], Status::Over(0)));
    desk.registers(&mut lab, 0);
    lab.nothing_left();
}

/// One that is not set up for it, one that says nothing, one whose user says no.
#[test]
fn a_phone_that_does_not_call_is_called_or_its_call_is_over() {
    for (refer, says, heard) in [(405, 0, vec!["INVITE"]), (0, 0, vec!["INVITE"]), (202, 603, vec![])] {
        let (mut lab, mut desk, _) = referred(32, refer, says);
        desk.heard();
        desk.listen(&mut lab, 2_000);
        let sent: Vec<_> = desk.heard();
        let called = sent.iter().filter(|word| !word.starts_with("REFER")).collect::<Vec<_>>();
        // 405 was answered before, by an INVITE at once.
        assert!(
            heard.is_empty() == (called.is_empty() && desk.ringing.is_none()),
            "{refer} {says}: {sent:?}"
        );
        if says > 0 {
            lab.expect_states("crm", "1004", "dialing, disconnected unavail");
        } else {
            desk.answers(&mut lab);
            desk.listen(&mut lab, 500);
            assert_eq!(lab.status("bob"), Status::Ringing, "{refer}");
            desk.hangs_up(&mut lab);
        }
        desk.registers(&mut lab, 0);
        lab.nothing_left();
    }
}

#[test]
fn a_phone_that_calls_too_late_is_refused_and_told_to_leave() {
    let (mut lab, mut desk) = started(8);
    desk.is_asleep = true;
    lab.make_call("crm", "1004", "1002");
    desk.listen(&mut lab, 2_200);
    assert_eq!(desk.heard(), ["INVITE"], "it is called, since it is silent");
    desk.wakes(&mut lab);
    desk.listen(&mut lab, 500);
    assert_eq!(desk.heard(), ["MakeCall", "ClearConnection", "480"]);
    assert_ne!(lab.status("bob"), Status::Ringing, "nobody is called for what it made");
    desk.answers(&mut lab);
    desk.listen(&mut lab, 500);
    assert_eq!(lab.status("bob"), Status::Ringing, "the other way goes on");
    desk.hangs_up(&mut lab);
    leave(&mut lab, &mut desk);
}

#[test]
fn a_call_that_is_dropped_before_the_phone_calls_does_not_go_out() {
    let (mut lab, mut desk) = started(9);
    desk.is_asleep = true;
    let call = lab.make_call("crm", "1004", "1002");
    desk.listen(&mut lab, 500);
    lab.does_ask("crm", Operation::Drop(call, None));
    desk.wakes(&mut lab);
    desk.listen(&mut lab, 500);
    assert_eq!(desk.heard(), ["MakeCall", "ClearConnection", "480"]);
    assert_ne!(lab.status("bob"), Status::Ringing);
    leave(&mut lab, &mut desk);
}

#[test]
fn a_number_that_the_phone_changed_is_known_and_the_one_asked_for_is_called() {
    let (mut lab, mut desk) = started(10);
    desk.prefix = "9";
    let call = lab.make_call("crm", "1004", "1002");
    desk.listen(&mut lab, 500);
    lab.answer("bob");
    desk.listen(&mut lab, 500);
    assert_eq!((desk.heard(), lab.status("bob")), (vec!["MakeCall".into(), "200".into()], Status::Connected));
    lab.does_ask("crm", Operation::Drop(call, None));
    desk.listen(&mut lab, 500);
    desk.heard();
    leave(&mut lab, &mut desk);
}

#[test]
fn keys_of_the_phone_and_the_line_are_one() {
    let mut plan = Plan::seeded(8);
    set_up(&mut plan.setup, &[CstaUse::Features]);
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    let mut desk = Desk::start(&mut lab);
    desk.listen(&mut lab, 1_500);
    let told = ["session RequestSystemStatus", "MonitorStart", "SetDoNotDisturb"];
    assert_eq!(desk.heard(), [&told[..], &["SetForwarding"; 3]].concat());

    desk.presses(&mut lab, "DoNotDisturbEvent", "<doNotDisturbOn>true</doNotDisturbOn>");
    lab.call("alice", "1004");
    desk.listen(&mut lab, 500);
    assert_eq!((desk.heard(), lab.status("alice")), (Vec::new(), Status::Over(480)), "nobody disturbs");
    desk.presses(&mut lab, "SetDoNotDisturb", "<doNotDisturbOn>false</doNotDisturbOn>");

    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some("1002".into()) };
    lab.does_ask("crm", Operation::Forward { line: "1004".into(), entries: vec![entry], rings: None });
    desk.listen(&mut lab, 200);
    assert_eq!(desk.heard(), ["SetForwarding"], "what an application does the phone shows");
    let off = "<forwardingType>forwardImmediate</forwardingType><forwardStatus>false</forwardStatus>";
    desk.presses(&mut lab, "ForwardingEvent", off);
    lab.call("alice", "1004");
    desk.listen(&mut lab, 500);
    assert_eq!(desk.heard(), ["INVITE"], "its key took it back");
    lab.hang_up("alice");
    desk.listen(&mut lab, 500);
    leave(&mut lab, &mut desk);
}

#[test]
fn the_phone_takes_back_for_an_application_what_its_user_holds() {
    let mut plan = Plan::seeded(11);
    set_up(&mut plan.setup, &[CstaUse::Retrieve]);
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    let mut desk = Desk::start(&mut lab);
    desk.listen(&mut lab, 1_500);
    lab.call("alice", "1004");
    desk.listen(&mut lab, 300);
    desk.answers(&mut lab);
    desk.listen(&mut lab, 300);
    desk.offers(&mut lab, "sendonly");
    desk.tells(&mut lab, "HeldEvent", "heldConnection", "");
    desk.listen(&mut lab, 100);
    let call = call_on(&lab, "1004");
    let state = |lab: &Lab| lab.calls("crm").iter().find(|one| one.id == call).map(|one| one.state.name());
    assert_eq!(state(&lab), Some("onhold"));
    desk.heard();
    lab.request("crm", Operation::Unhold(call));
    desk.listen(&mut lab, 500);
    assert_eq!(desk.heard(), ["RetrieveCall", "200"]);
    assert_eq!((state(&lab), lab.status("alice")), (Some("connected"), Status::Connected));
    desk.hangs_up(&mut lab);
    leave(&mut lab, &mut desk);
}

/// A phone that is not set up for CSTA takes the INVITE for a call: it is left before anybody hears it ring for long.
#[test]
fn a_phone_that_rings_is_left_at_once() {
    let mut lab = lab(4);
    lab.register("carol");
    lab.run_ms(200);
    lab.reload(|setup| {
        set_up(setup, &[CstaUse::MakeCall]);
        setup.vendors[0].pattern = regex::Regex::new("").expect("it is one");
    });
    lab.run_ms(2_000);
    for name in ["alice", "bob", "carol"] {
        assert_ne!(lab.status(name), Status::Ringing, "{name}");
    }
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_forgot_its_session_gets_another() {
    let (mut lab, mut desk) = started(5);
    // It starts anew: the session is nothing to it.
    desk.session = None;
    desk.refuses = "";
    let mut lost = 0;
    for _ in 0..1_600 {
        lab.run_ms(200);
        for text in lab.received("desk") {
            let message = read(&text);
            if message.is_request() && message.method_text() == "INFO" && desk.session.is_none() {
                lost += 1;
                desk.replies(&mut lab, &message, 481, "");
            } else {
                desk.takes(&mut lab, &message);
            }
        }
    }
    assert_eq!(lost, 1, "after five minutes without a word it is asked for its status");
    assert_eq!(desk.heard(), ["BYE", "session RequestSystemStatus", "MonitorStart"]);
    leave(&mut lab, &mut desk);
}

#[test]
fn a_reload_and_a_shutdown_end_the_sessions() {
    let (mut lab, mut desk) = started(6);
    lab.reload(|setup| set_up(setup, &[]));
    desk.listen(&mut lab, 200);
    assert_eq!(desk.heard(), ["BYE"]);
    lab.reload(|setup| set_up(setup, &[CstaUse::Answer]));
    desk.listen(&mut lab, 1_500);
    assert_eq!(desk.heard(), ["session RequestSystemStatus", "MonitorStart"]);
    lab.drain();
    desk.listen(&mut lab, 200);
    assert_eq!(desk.heard(), ["BYE"]);
    assert_eq!(lab.switch().csta_leaving(), 0);
}

/// After a crash the phone hears the end of the session that nobody knows any more, and is asked for another.
#[test]
fn a_crash_leaves_no_session_behind() {
    let (mut lab, mut desk) = started(7);
    lab.restart();
    desk.listen(&mut lab, 2_000);
    let heard = desk.heard();
    assert!(heard.contains(&"BYE".to_owned()), "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some("MonitorStart"), "{heard:?}");
    leave(&mut lab, &mut desk);
}
