//! Texts between phones (MESSAGE, RFC 3428), with messages as softphones write them.

use trunkline::switch::Operation;
use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::Lab;

use crate::lamps::{answer, read};

/// Two phones of line 1004, who write to themselves.
const PHONES: [(&str, &str); 2] = [("desk", "10.0.9.1:5060"), ("soft", "10.0.9.2:5060")];

fn request(name: &str, method: &str, (to, cseq): (&str, u32), headers: &str, body: &str) -> String {
    let address = PHONES.iter().find(|(known, _)| *known == name).expect("it is one of them").1;
    let uri =
        if method == "REGISTER" { "sip:pbx.example".to_owned() } else { format!("sip:{to}@pbx.example") };
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{name}{method}{cseq}\nMax-Forwards: 70\n\
         From: <sip:1004@pbx.example>;tag={name}\nTo: <sip:{to}@pbx.example>\nCall-ID: {name}{method}\n\
         CSeq: {cseq} {method}\n{headers}Content-Length: {}\n\n{body}",
        body.len()
    )
}

/// Sends it, answers the challenge, and returns the answer, if one is there within 100 ms.
fn asks(
    lab: &mut Lab,
    name: &'static str,
    method: &str,
    to: &str,
    headers: &str,
    body: &str,
) -> Option<Message> {
    lab.sends(name, &request(name, method, (to, 1), headers, body));
    lab.run_ms(100);
    let challenge = read(&lab.received(name)[0]);
    assert_eq!(challenge.status(), 401, "nobody writes without a password");
    let uri =
        if method == "REGISTER" { "sip:pbx.example".to_owned() } else { format!("sip:{to}@pbx.example") };
    let headers = answer(&challenge, method, &uri) + headers;
    lab.sends(name, &request(name, method, (to, 2), &headers, body));
    lab.run_ms(100);
    lab.received(name).iter().map(|text| read(text)).find(|message| !message.is_request())
}

fn lab(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice"]);
    for (name, address) in PHONES {
        lab.stranger(name, address);
        let contact = format!("Contact: <sip:{name}@{address}>\nExpires: 600\n");
        let registered = asks(&mut lab, name, "REGISTER", "1004", &contact, "");
        assert_eq!(registered.map(|answer| answer.status()), Some(200));
    }
    lab.ladder().forget();
    lab
}

/// The MESSAGE that came to a phone, which answers it.
fn takes(lab: &mut Lab, name: &'static str, status: u16) -> Message {
    let texts = lab.received(name);
    let message = texts.iter().map(|text| read(text)).find(Message::is_request).expect("a text came");
    assert_eq!(message.method_text(), "MESSAGE");
    let line = |name: HeaderName| message.value(name).unwrap_or_default().to_owned();
    let (via, from, to) = (line(HeaderName::Via), line(HeaderName::From), line(HeaderName::To));
    let (call_id, cseq) = (line(HeaderName::CallId), line(HeaderName::CSeq));
    lab.sends(
        name,
        &format!(
            "SIP/2.0 {status} X\nVia: {via}\nFrom: {from}\nTo: {to};tag=t\nCall-ID: {call_id}\nCSeq: {cseq}\nContent-Length: 0\n\n"
        ),
    );
    lab.run_ms(100);
    message
}

#[test]
fn a_text_reaches_every_phone_of_a_line() {
    let mut lab = lab(1);
    let plain = "Content-Type: text/plain;charset=utf-8\n";
    let early = asks(&mut lab, "soft", "MESSAGE", "1004", plain, "Mahlzeit");
    assert!(early.is_none(), "it waits for a phone");
    assert_eq!(lab.ladder().count("engine", "soft", "MESSAGE"), 1, "it is a phone of the line, too");
    let text = takes(&mut lab, "desk", 200);
    assert_eq!((text.body(), text.content_type()), (&b"Mahlzeit"[..], Some("text/plain;charset=utf-8")));
    assert!(text.value(HeaderName::From).unwrap().contains("sip:1004@pbx.example"));
    let received: Vec<_> = lab.received("soft").iter().map(|text| read(text)).collect();
    assert!(received.iter().any(|message| !message.is_request() && message.status() == 200), "{received:?}");
    lab.run_ms(40_000);
    lab.nothing_left();
}

#[test]
fn who_cannot_be_written_to_is_said_at_once() {
    let mut lab = lab(2);
    for (cseq, (to, status)) in (10..).step_by(2).zip([("4711", 404), ("1002", 480), ("0301", 403)]) {
        let named = format!("X-Number: {cseq}\n");
        lab.sends("soft", &request("soft", "MESSAGE", (to, cseq), &named, "x"));
        lab.run_ms(100);
        let challenge = read(&lab.received("soft")[0]);
        let header = answer(&challenge, "MESSAGE", &format!("sip:{to}@pbx.example"));
        lab.sends("soft", &request("soft", "MESSAGE", (to, cseq + 1), &header, "x"));
        lab.run_ms(100);
        assert_eq!(read(&lab.received("soft")[0]).status(), status, "{to}");
    }
    // A phone that takes no texts says so itself (405): what it allows is not what is allowed here.
    lab.sends("soft", &request("soft", "MESSAGE", ("1001", 20), "", "x"));
    lab.run_ms(100);
    let challenge = read(&lab.received("soft")[0]);
    let header = answer(&challenge, "MESSAGE", "sip:1001@pbx.example");
    lab.sends("soft", &request("soft", "MESSAGE", ("1001", 21), &header, "x"));
    lab.run_ms(200);
    assert_eq!(read(&lab.received("soft")[0]).status(), 488);
    lab.run_ms(40_000);
    lab.nothing_left();
}

#[test]
fn phones_are_told_to_look_at_their_configuration() {
    let mut lab = lab(3);
    lab.does_ask("crm", Operation::CheckSync { line: "1004".into(), reboot: true });
    lab.run_ms(100);
    for (name, _) in PHONES {
        let notify = read(&lab.received(name)[0]);
        assert_eq!(
            (notify.method_text(), notify.value(HeaderName::Event)),
            ("NOTIFY", Some("check-sync;reboot=true"))
        );
        assert_eq!(notify.value(HeaderName::SubscriptionState), Some("terminated;reason=noresource"));
        assert!(notify.request_uri().starts_with(&format!("sip:{name}@")), "{}", notify.request_uri());
    }
    lab.run_ms(40_000);
    lab.nothing_left();
}
