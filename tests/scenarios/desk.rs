//! A phone of line 1004 that is written out as text: it asks, proves who it is, subscribes, and answers what it is told.

use std::collections::BTreeSet;

use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::{Lab, body};

use crate::lamps::{answer, read};

/// The phone.
pub(crate) struct Desk {
    name: &'static str,
    address: &'static str,
    cseq: u32,
    told: Vec<Message>,
    heard: BTreeSet<(String, u32)>,
}

/// A dialog that it began.
pub(crate) struct Dialog {
    uri: String,
    call_id: String,
    to: String,
}

impl Desk {
    pub(crate) fn new(lab: &mut Lab, name: &'static str, address: &'static str) -> Self {
        lab.stranger(name, address);
        Self { name, address, cseq: 0, told: Vec::new(), heard: BTreeSet::new() }
    }

    /// Sends a request to this line with the password: the final answer.
    pub(crate) fn asks(
        &mut self,
        lab: &mut Lab,
        method: &str,
        to: &str,
        headers: &str,
        body: &str,
    ) -> Message {
        let dialog = Dialog {
            uri: format!("sip:{to}@pbx.example"),
            call_id: format!("{}{}", self.name, self.cseq),
            to: format!("<sip:{to}@pbx.example>"),
        };
        let challenge = self.says(lab, method, &dialog, headers, body);
        assert_eq!(challenge.status(), 401, "nobody asks without a password");
        let headers = answer(&challenge, method, &dialog.uri) + headers;
        self.says(lab, method, &dialog, &headers, body)
    }

    /// Subscribes to this package of this line: the dialog.
    pub(crate) fn subscribes(&mut self, lab: &mut Lab, to: &str, headers: &str) -> Dialog {
        let ok = self.asks(lab, "SUBSCRIBE", to, headers, "");
        assert_eq!(ok.status(), 200);
        Dialog {
            uri: format!("sip:{to}@pbx.example"),
            call_id: ok.call_id().to_owned(),
            to: ok.value(HeaderName::To).expect("every answer has one").to_owned(),
        }
    }

    /// Sends a request in a dialog: the answer.
    pub(crate) fn says(
        &mut self,
        lab: &mut Lab,
        method: &str,
        dialog: &Dialog,
        headers: &str,
        body: &str,
    ) -> Message {
        self.cseq += 1;
        let Self { name, address, cseq, .. } = self;
        let Dialog { uri, call_id, to } = dialog;
        let text = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{name}{cseq}\nMax-Forwards: 70\n\
             From: <sip:1004@pbx.example>;tag={name}\nTo: {to}\nCall-ID: {call_id}\nCSeq: {cseq} {method}\n\
             Contact: <sip:1004@{address}>\n{headers}Content-Length: {}\n\n{body}",
            body.len() + body.matches('\n').count()
        );
        lab.sends(name, &text);
        lab.run_ms(50);
        self.hears(lab).expect("an answer")
    }

    /// What it was told since the last look.
    pub(crate) fn told(&mut self, lab: &mut Lab) -> Vec<Message> {
        assert!(self.hears(lab).is_none(), "it asked nothing");
        std::mem::take(&mut self.told)
    }

    /// Judges and answers NOTIFYs; the last response, if there is one.
    fn hears(&mut self, lab: &mut Lab) -> Option<Message> {
        let mut response = None;
        for text in lab.received(self.name) {
            let message = read(&text);
            if !message.is_request() {
                response = Some(message);
                continue;
            }
            let text = String::from_utf8_lossy(message.body());
            let fault = body::judge(message.content_type().unwrap_or_default(), &text).err();
            assert_eq!(fault, None, "{text}");
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
            // What came twice was told once.
            if self.heard.insert((message.call_id().to_owned(), message.cseq().number)) {
                self.told.push(message);
            }
        }
        response
    }
}
