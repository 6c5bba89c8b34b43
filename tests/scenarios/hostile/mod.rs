//! What nobody friendly sends: the attack cases of SECURITY.md by their numbers. Each ends with nothing left: no call,
//! transaction, dialog, port, subscription or timer.

mod enumeration;
mod flood;
mod identity;
mod injection;
mod leak;
mod size;
mod toll;

use std::sync::Arc;

use bytes::Bytes;
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};
use trunkline_tests::{Lab, Plan, password_of};

/// Where Mallory is: nobody's address.
const MALLORY: &str = "10.0.66.6:5060";
/// Where the network of the first trunk speaks from, at a port of its own.
const EXCHANGE: &str = "10.0.1.6:5070";
/// What everybody may describe.
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.66.6\r\ns=-\r\nc=IN IP4 10.0.66.6\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/// A request of somebody who writes his messages himself.
#[derive(Clone, Debug)]
struct Letter {
    method: String,
    uri: String,
    /// What stands before the address in From.
    display: String,
    from: String,
    to: String,
    /// Header lines, each with its end.
    headers: String,
    body: String,
}

impl Letter {
    fn new(method: &str, uri: &str) -> Self {
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            display: String::new(),
            from: "sip:mallory@evil.example".to_owned(),
            to: uri.to_owned(),
            headers: String::new(),
            body: String::new(),
        }
    }

    /// A call with an offer.
    fn invite(uri: &str) -> Self {
        Self { body: SDP.to_owned(), ..Self::new("INVITE", uri) }.with("Content-Type: application/sdp\r\n")
    }

    /// A phone of this line registers where Mallory is.
    fn register(line: &str) -> Self {
        let uri = format!("sip:{line}@pbx.example");
        Self { from: uri.clone(), to: uri, ..Self::new("REGISTER", "sip:pbx.example") }
    }

    fn by(mut self, from: &str) -> Self {
        from.clone_into(&mut self.from);
        self
    }

    fn with(mut self, headers: &str) -> Self {
        self.headers.push_str(headers);
        self
    }

    fn write(&self, serial: u32, address: &str, authorization: &str) -> Bytes {
        let Self { method, uri, display, from, to, headers, body } = self;
        let contact = if headers.contains("Contact") {
            String::new()
        } else {
            format!("Contact: <sip:mallory@{address}>\r\n")
        };
        let call = serial / 2;
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-{serial};rport\r\nMax-Forwards: 70\r\n\
             From: {display}<{from}>;tag=m{call}\r\nTo: <{to}>\r\nCall-ID: {call}@evil\r\nCSeq: {serial} {method}\r\n\
             {contact}{headers}{authorization}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        text.into()
    }
}

/// A lab, and somebody outside who writes to it.
struct Siege {
    lab: Lab,
    name: &'static str,
    address: &'static str,
    serial: u32,
}

impl Siege {
    /// Mallory before this lab.
    fn of(lab: Lab) -> Self {
        Self::at(lab, "mallory", MALLORY)
    }

    /// The network of the first trunk before this lab.
    fn of_exchange(lab: Lab) -> Self {
        Self::at(lab, "exchange", EXCHANGE)
    }

    fn at(mut lab: Lab, name: &'static str, address: &'static str) -> Self {
        lab.stranger(name, address);
        Self { lab, name, address, serial: 0 }
    }

    /// Sends it in a call of its own, and says what came back.
    fn says(&mut self, letter: &Letter) -> Vec<Message> {
        self.serial = (self.serial | 1) + 1;
        self.writes(letter, "")
    }

    /// The same with the password of a line, after the challenge: what came back then.
    fn proves(&mut self, letter: &Letter, line: &str) -> Vec<Message> {
        self.proves_with(letter, line, &password_of(line))
    }

    fn proves_with(&mut self, letter: &Letter, user: &str, password: &str) -> Vec<Message> {
        let challenge = self.says(letter);
        let Some(challenge) = challenge.iter().find(|answer| answer.status() == 401) else {
            return challenge;
        };
        let authorization = answer(challenge, letter, user, password);
        self.says_again(letter, &authorization)
    }

    /// Sends it once more in the same call, with these header lines beside its own.
    fn says_again(&mut self, letter: &Letter, headers: &str) -> Vec<Message> {
        self.serial += 1;
        self.writes(letter, headers)
    }

    /// What comes back in the call of the letter: refusals of others may come again, as nobody acknowledges them.
    fn writes(&mut self, letter: &Letter, headers: &str) -> Vec<Message> {
        let bytes = letter.write(self.serial, self.address, headers);
        let call_id = format!("{}@evil", self.serial / 2);
        let mut heard = self.sends(bytes);
        heard.retain(|heard| heard.is_request() || heard.call_id() == call_id);
        heard
    }

    fn sends(&mut self, bytes: Bytes) -> Vec<Message> {
        self.lab.received(self.name);
        self.lab.sends_bytes(self.name, bytes);
        self.lab.run_ms(100);
        self.hears()
    }

    /// What came since the last look.
    fn hears(&mut self) -> Vec<Message> {
        self.lab.received(self.name).into_iter().map(|text| read(&text)).collect()
    }

    /// The last status that comes back; 0 for silence.
    fn asks(&mut self, letter: &Letter) -> u16 {
        status(&self.says(letter))
    }

    /// The same after the challenge.
    fn insists(&mut self, letter: &Letter, line: &str) -> u16 {
        status(&self.proves(letter, line))
    }

    /// Nobody was harmed: those two talk, and then nothing is left.
    fn ends(mut self) {
        self.lab.connected_call("alice", "bob");
        self.lab.expect_talk("alice", "bob");
        self.lab.hang_up("alice");
        self.lab.run_ms(500);
        self.lab.nothing_left();
    }
}

fn status(answers: &[Message]) -> u16 {
    answers.iter().rev().find(|answer| !answer.is_request()).map_or(0, Message::status)
}

fn read(text: &str) -> Message {
    Message::scan(text.to_owned().into(), Framing::Datagram, &Limits::DEFAULT).expect("the engine writes SIP")
}

/// The header line that answers a challenge.
fn answer(challenge: &Message, letter: &Letter, user: &str, password: &str) -> String {
    let credentials = Credentials { username: user.into(), password: password.into(), realm: None };
    let challenges = challenge.lines(HeaderName::WwwAuthenticate);
    let answer =
        ClientAuth::new(Arc::new(credentials)).answer(401, challenges, &letter.method, &letter.uri, "c");
    let (_, value) = answer.expect("the challenge can be answered");
    format!("Authorization: {value}\r\n")
}

/// A response to a request of the engine, as a phone writes it.
fn response(to: &Message, status: u16, headers: &str, body: &str) -> Bytes {
    let line = |name| to.value(name).unwrap_or_default().to_owned();
    let tag = if to.to_tag().is_empty() { ";tag=mallory" } else { "" };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:mallory@{MALLORY}>\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
        line(HeaderName::Via),
        line(HeaderName::From),
        line(HeaderName::To),
        line(HeaderName::CallId),
        line(HeaderName::CSeq),
        body.len()
    );
    text.into()
}

/// The usual lab with Alice and Bob registered, and Mallory outside.
fn siege(seed: u64) -> Siege {
    Siege::of(Plan::seeded(seed).build().with_registered(&["alice", "bob"]))
}
