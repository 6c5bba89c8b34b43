//! Keys for do not disturb and forwarding that show what the line does (as-feature-event), with messages as phones of Poly and
//! Yealink write them.

use trunkline::demo::Status;
use trunkline::switch::{ForwardEntry, ForwardMode, Operation};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::{Lab, Plan};

use crate::lamps::{answer, read};

const NAMESPACE: &str = "http://www.ecma-international.org/standards/ecma-323/csta/ed3";

/// A phone of line 1004.
struct Desk {
    name: &'static str,
    address: &'static str,
    cseq: u32,
    tag: String,
    /// The last answer.
    status: u16,
    /// What answers its challenge.
    authorization: String,
    /// The sequence number of the last NOTIFY.
    notified: u32,
    /// What it was told since the last look.
    told: Vec<String>,
}

impl Desk {
    /// Subscribes with the password; what it is told at once.
    fn start(lab: &mut Lab, name: &'static str, address: &'static str) -> (Self, Vec<String>) {
        let (tag, told) = (String::new(), Vec::new());
        let authorization = String::new();
        let mut desk = Self { name, address, cseq: 1, tag, status: 0, authorization, notified: 0, told };
        lab.stranger(name, address);
        lab.sends(name, &desk.subscribe("", ""));
        lab.run_ms(50);
        let value = answer(&read(&lab.received(name)[0]), "SUBSCRIBE", "sip:1004@pbx.example");
        desk.cseq = 2;
        lab.sends(name, &desk.subscribe(&value, ""));
        desk.listen(lab, 1_500);
        assert_eq!(desk.status, 200);
        let first = desk.told();
        (desk, first)
    }

    fn subscribe(&self, authorization: &str, body: &str) -> String {
        let Self { name, address, cseq, tag, .. } = self;
        let content = match body {
            "" => String::new(),
            _ => "Content-Type: application/x-as-feature-event+xml\n".to_owned(),
        };
        format!(
            "SUBSCRIBE sip:1004@pbx.example SIP/2.0\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{name}{cseq}\nMax-Forwards: 70\n\
             From: <sip:1004@pbx.example>;tag={name}\nTo: <sip:1004@pbx.example>{tag}\nCall-ID: {name}\n\
             CSeq: {cseq} SUBSCRIBE\nContact: <sip:1004@{address}>\nEvent: as-feature-event\n\
             Accept: application/x-as-feature-event+xml\nExpires: 600\n{authorization}{content}\
             Content-Length: {}\n\n{body}",
            body.len() + body.matches('\n').count()
        )
    }

    /// A key is pressed: the status of the answer. No registration is from this phone's address, so that it has to prove whose it is.
    fn wants(&mut self, lab: &mut Lab, body: &str) -> u16 {
        self.asks(lab, "", body);
        assert_eq!(self.status, 401);
        let authorization = std::mem::take(&mut self.authorization);
        self.asks(lab, &authorization, body);
        self.status
    }

    fn asks(&mut self, lab: &mut Lab, authorization: &str, body: &str) {
        self.cseq += 1;
        self.status = 0;
        lab.sends(self.name, &self.subscribe(authorization, body));
        self.listen(lab, 1_500);
    }

    /// Hears for this long, and answers each NOTIFY.
    fn listen(&mut self, lab: &mut Lab, time_ms: u64) {
        for _ in 0..time_ms / 50 {
            lab.run_ms(50);
            for text in lab.received(self.name) {
                let message = read(&text);
                if !message.is_request() {
                    self.status = message.status();
                    if self.status == 401 {
                        self.authorization = answer(&message, "SUBSCRIBE", "sip:1004@pbx.example");
                    }
                    self.tag = format!(";tag={}", message.to_tag());
                    continue;
                }
                let line = |name| message.value(name).unwrap_or_default();
                let ok = format!(
                    "SIP/2.0 200 OK\nVia: {}\nFrom: {}\nTo: {}\nCall-ID: {}\nCSeq: {}\nContent-Length: 0\n\n",
                    line(HeaderName::Via),
                    line(HeaderName::From),
                    line(HeaderName::To),
                    line(HeaderName::CallId),
                    line(HeaderName::CSeq)
                );
                lab.sends(self.name, &ok);
                let number = message.cseq().number;
                if number > self.notified {
                    self.notified = number;
                    self.told.push(words(&message));
                }
            }
        }
    }

    /// What it was told since the last look.
    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

/// The parts of a NOTIFY: `dnd false, Immediate true 1002, …`.
fn words(notify: &Message) -> String {
    let (kind, boundary) =
        notify.content_type().and_then(|kind| kind.split_once(";boundary=")).expect("parts");
    assert_eq!(kind, "multipart/mixed");
    let body = String::from_utf8_lossy(notify.body()).into_owned();
    let element = |part: &str, name: &str| -> String {
        let rest = part.split_once(&format!("<{name}>")).map(|(_, rest)| rest).unwrap_or_default();
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    let boundary = format!("--{boundary}");
    let parts = body.split(&boundary).filter(|part| part.contains('<')).map(|part| {
        match element(part, "doNotDisturbOn").as_str() {
            "" => {
                let kind = element(part, "forwardingType").replace("forward", "");
                let state = [kind, element(part, "forwardStatus"), element(part, "forwardTo")].join(" ");
                state.trim().to_owned()
            }
            on => format!("dnd {on}"),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn do_not_disturb(on: bool) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<SetDoNotDisturb xmlns=\"{NAMESPACE}\">\n\
         <device></device>\n<doNotDisturbOn>{on}</doNotDisturbOn>\n</SetDoNotDisturb>\n"
    )
}

fn forwarding(kind: &str, on: bool, to: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SetForwarding xmlns=\"{NAMESPACE}\">\n<device/>\n\
         <forwardingType>{kind}</forwardingType>\n<activateForward>{on}</activateForward>\n<forwardDN>{to}</forwardDN>\n\
         </SetForwarding>\n"
    )
}

#[test]
fn keys_of_poly_and_yealink_show_what_the_line_does() {
    let mut lab = Plan::seeded(11).build().with_registered(&["alice", "bob"]);
    let off = "dnd false, Immediate false, Busy false, NoAns false";
    let (mut poly, first) = Desk::start(&mut lab, "poly", "10.0.66.7:5060");
    assert_eq!(first, [off]);
    let (mut yealink, first) = Desk::start(&mut lab, "yealink", "10.0.66.8:5060");
    assert_eq!(first, [off]);

    assert_eq!(poly.wants(&mut lab, &do_not_disturb(true)), 200);
    yealink.listen(&mut lab, 100);
    let disturbed = ["dnd true, Immediate false, Busy false, NoAns false"];
    assert_eq!(
        (poly.told(), yealink.told()),
        (disturbed.map(str::to_owned).into(), disturbed.map(str::to_owned).into())
    );
    assert_eq!(poly.wants(&mut lab, &do_not_disturb(false)), 200);

    assert_eq!(yealink.wants(&mut lab, &forwarding("forwardImmediate", true, "1002")), 200);
    poly.listen(&mut lab, 1_500);
    let forwarded = "dnd false, Immediate true 1002, Busy false, NoAns false";
    assert_eq!(
        (poly.told().pop(), yealink.told().pop()),
        (Some(forwarded.to_owned()), Some(forwarded.to_owned()))
    );
    lab.call("alice", "1004");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Ringing, "the call goes where the key says");
    lab.hang_up("alice");
    lab.run_ms(500);

    let entry = ForwardEntry { mode: ForwardMode::Busy, caller: None, destination: Some("1003".into()) };
    lab.does_ask("crm", Operation::Forward { line: "1004".into(), entries: vec![entry], rings: None });
    let by_application = "dnd false, Immediate false, Busy true 1003, NoAns false";
    for desk in [&mut poly, &mut yealink] {
        desk.listen(&mut lab, 1_500);
        assert_eq!(desk.told().pop().as_deref(), Some(by_application), "{}", desk.name);
    }

    assert_eq!(poly.wants(&mut lab, "<SetForwarding/>"), 400);
    assert_eq!(poly.wants(&mut lab, &forwarding("forwardBusy", true, "4711")), 200, "of nobody's number");
    assert_eq!(poly.told().pop().as_deref(), Some(by_application), "what holds is told");
    yealink.listen(&mut lab, 1_500);
    assert!(yealink.told().is_empty(), "and nothing changed");
}
