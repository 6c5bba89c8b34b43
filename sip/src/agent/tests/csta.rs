//! Sessions about CSTA: an INVITE without media, services by INFO, and what the phone says.

use super::bench::{Bench, SDP_BODY, response, word};
use super::calling::calling;
use super::*;
use crate::message::{HeaderName, Message};
use crate::package::csta::{Connection, Service, Statement};

const LEG: LegId = LegId::new(0, 1);
const CONTACT: &str = "Contact: <sip:bob@192.0.2.2:5071>\r\n";

/// A response of the phone with a body of CSTA.
fn says(to: &Message, status: u16, headers: &str, body: &str) -> String {
    response(to, status, "b", headers, body).replace("application/sdp", "application/csta+xml")
}

/// A request of the phone in the dialog.
fn asks(ack: &Message, method: &str, cseq: u32, content_type: &str, body: &str) -> String {
    let (from, to) = (ack.value(HeaderName::From).unwrap(), ack.value(HeaderName::To).unwrap());
    let content = if body.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK-{cseq}-{method}\r\n\
         Max-Forwards: 70\r\nFrom: {to}\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:bob@192.0.2.2:5071>\r\nSupported: timer\r\n{content}Content-Length: {}\r\n\r\n{body}",
        ack.call_id(),
        body.len()
    )
}

const NORMAL: &str =
    "<RequestSystemStatusResponse><systemStatus>normal</systemStatus></RequestSystemStatusResponse>";

/// A session: the bench and the ACK.
fn session(headers: &str) -> (Bench, Message) {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| (invite.is_csta, invite.offer) = (true, None));
    bench.say(says(&invite, 200, &format!("{CONTACT}{headers}"), NORMAL));
    let ack = bench.only();
    assert_eq!(word(&ack), "ACK");
    let told = bench.told();
    assert!(told[0].starts_with("Csta Response") && told[1] == "Answered", "{told:?}");
    (bench, ack)
}

fn end(bench: &mut Bench) {
    bench.command(Command::End(LEG, None));
    let bye = bench.only();
    assert_eq!((word(&bye), bench.told()), ("BYE".to_owned(), vec!["Ended Local".to_owned()]));
    bench.say(says(&bye, 200, "", ""));
    bench.expect_nothing_left();
}

fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

#[test]
fn a_session_is_asked_for_without_media() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| (invite.is_csta, invite.offer) = (true, None));
    assert_eq!(invite.content_type(), Some("application/csta+xml"));
    assert_eq!(invite.value(HeaderName::ContentDisposition), Some("signal;handling=required"));
    assert_eq!(invite.value(HeaderName::Accept), Some("application/csta+xml"));
    assert!(body(&invite).contains("<RequestSystemStatus xmlns="));
    bench.say(says(&invite, 415, "", ""));
    assert_eq!(bench.told(), ["Failed Status 415"]);
    bench.expect_nothing_left();
}

#[test]
fn who_takes_it_for_a_call_is_left() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |invite| (invite.is_csta, invite.offer) = (true, None));
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["ACK".into(), "BYE".into()], vec!["Failed Status 488".into()])
    );
    bench.expect_nothing_left();
}

#[test]
fn services_go_one_after_the_other_and_each_is_answered() {
    let (mut bench, _) = session("");
    let call = || Connection { call: "7".to_owned(), device: "sip:bob@x".to_owned() };
    for service in [Service::AnswerCall(call()), Service::ClearConnection(call())] {
        bench.command(Command::Csta(LEG, Box::new(service)));
    }
    let info = bench.only();
    assert_eq!((word(&info), info.content_type()), ("INFO".to_owned(), Some("application/csta+xml")));
    assert_eq!(info.value(HeaderName::ContentDisposition), Some("signal;handling=required"));
    assert!(body(&info).contains("<AnswerCall "), "{}", body(&info));
    bench.say(says(&info, 200, "", "<AnswerCallResponse/>"));
    let [Event::CstaAnswered { leg: LEG, status: 200, statement: Some(statement) }] = &bench.events()[..]
    else {
        panic!("expected an answer")
    };
    assert!(matches!(&**statement, Statement::Response { service, .. } if service == "AnswerCall"));
    let info = bench.only();
    assert!(body(&info).contains("<ClearConnection "));
    bench.say(says(&info, 200, "", "<Clear"));
    assert_eq!(bench.told(), ["CstaAnswered 200 false"], "what cannot be read says nothing");
    end(&mut bench);
}

#[test]
fn silence_and_refusals_answer_whatever_waits() {
    let (mut bench, _) = session("");
    for _ in 0..2 {
        bench.command(Command::Csta(LEG, Box::new(Service::RequestSystemStatus)));
    }
    let info = bench.only();
    bench.say(says(&info, 481, "", ""));
    assert_eq!(bench.told(), ["CstaAnswered 481 false"; 2]);
    bench.command(Command::Csta(LEG, Box::new(Service::RequestSystemStatus)));
    bench.pass(seconds(33));
    assert_eq!(bench.told(), ["CstaAnswered 408 false"]);
    bench.sent();
    bench.command(Command::Csta(LEG, Box::new(Service::RequestSystemStatus)));
    for _ in 0..=crate::session::INFOS_WAITING_MAX {
        bench.command(Command::Csta(LEG, Box::new(Service::RequestSystemStatus)));
    }
    assert_eq!(bench.told(), ["CstaAnswered 0 false"], "as many as wait");
    bench.sent();
    end(&mut bench);
}

#[test]
fn what_the_phone_says_is_answered_and_told() {
    let (mut bench, ack) = session("");
    let csta = "application/csta+xml";
    let held = "<HeldEvent><heldConnection><callID>1</callID></heldConnection></HeldEvent>";
    bench.say(asks(&ack, "INFO", 1, csta, held));
    let told = bench.told();
    assert!(bench.heard() == ["200"] && told[0].starts_with("Csta CallEvent"), "{told:?}");
    bench.say(asks(&ack, "INFO", 2, csta, "<RequestSystemStatus/>"));
    let answer = bench.only();
    assert_eq!((answer.status(), answer.content_type()), (200, Some(csta)));
    assert!(body(&answer).contains("<systemStatus>normal</systemStatus>"));
    assert_eq!(bench.told(), ["Csta Status { is_question: true }"]);
    for (cseq, content_type, body, status) in [
        (3, csta, "<Held", "400"),
        (4, csta, "<!DOCTYPE a><a/>", "400"),
        (5, "text/plain", "hello", "415"),
        (6, "application/sdp", SDP_BODY, "415"),
    ] {
        bench.say(asks(&ack, "INFO", cseq, content_type, body));
        assert_eq!((bench.heard(), bench.told()), (vec![status.to_owned()], Vec::new()), "{body}");
    }
    end(&mut bench);
}

/// Bodies of CSTA on a leg with media are none that it knows.
#[test]
fn a_call_hears_nothing_of_csta() {
    let mut bench = Bench::new();
    let invite = calling(&mut bench, |_| {});
    bench.say(response(&invite, 200, "b", CONTACT, SDP_BODY));
    let ack = bench.only();
    bench.events();
    bench.say(asks(&ack, "INFO", 1, "application/csta+xml", "<HeldEvent/>"));
    bench.say(asks(&ack, "INVITE", 2, "application/csta+xml", "<RequestSystemStatus/>"));
    assert_eq!((bench.heard(), bench.told()), (vec!["415".to_owned(); 2], Vec::new()));
}

#[test]
fn either_side_refreshes_it() {
    // The phone, by re-INVITE and UPDATE, with and without a body.
    let (mut bench, ack) = session("");
    bench.say(asks(&ack, "INVITE", 1, "application/csta+xml", "<RequestSystemStatus/>"));
    let answer = bench.only();
    assert_eq!((answer.status(), answer.content_type()), (200, Some("application/csta+xml")));
    assert!(
        answer.value(HeaderName::SessionExpires).is_some() && answer.value(HeaderName::Contact).is_some()
    );
    bench.say(asks(&ack, "ACK", 1, "", ""));
    bench.say(asks(&ack, "INVITE", 2, "", ""));
    let answer = bench.only();
    assert_eq!((answer.status(), answer.body().is_empty()), (200, true), "no media is offered");
    bench.say(asks(&ack, "ACK", 2, "", ""));
    bench.say(asks(&ack, "UPDATE", 3, "", ""));
    assert_eq!(bench.heard(), ["200"]);
    bench.events();
    end(&mut bench);

    // We, and where no UPDATE is taken by the question that began it.
    let (mut bench, _) = session("Session-Expires: 90;refresher=uac\r\nAllow: INVITE, INFO\r\n");
    bench.pass(seconds(45));
    let refresh = bench.only();
    assert_eq!((word(&refresh), refresh.content_type()), ("INVITE".to_owned(), Some("application/csta+xml")));
    bench.say(says(&refresh, 200, &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), NORMAL));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], Vec::new()));
    bench.pass(seconds(45));
    let refresh = bench.only();
    bench.say(says(&refresh, 481, "", ""));
    assert_eq!(bench.told(), ["Ended Lost"]);
    bench.sent();
    bench.expect_nothing_left();
}

/// The phone may have made the call already.
#[test]
fn a_call_is_not_asked_for_again_by_another_stream() {
    for (service, is_repeated) in [
        (Service::MakeCall("sip:bob@x".to_owned(), "sip:carol@x".to_owned()), false),
        (Service::MonitorStart("sip:bob@x".to_owned()), true),
    ] {
        let mut bench = Bench::new().by_tcp();
        let invite = calling(&mut bench, |invite| (invite.is_csta, invite.offer) = (true, None));
        bench.say(says(&invite, 200, "Contact: <sip:bob@192.0.2.2:5071;transport=tcp>\r\n", NORMAL));
        bench.sent();
        bench.told();
        for service in [service, Service::RequestSystemStatus] {
            bench.command(Command::Csta(LEG, Box::new(service)));
        }
        let first = body(&bench.only());
        bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
        let next = body(&bench.only());
        assert_eq!(first == next, is_repeated, "{first}");
        assert!(is_repeated || next.contains("<RequestSystemStatus "), "what waits goes on: {next}");
        let told = if is_repeated { vec![] } else { vec!["CstaAnswered 503 false".to_owned()] };
        assert_eq!(bench.told(), told);
    }
}

#[test]
fn a_refresh_that_meets_ours_or_brings_media_is_refused() {
    let (mut bench, ack) = session("Session-Expires: 90;refresher=uac\r\nAllow: INVITE, INFO\r\n");
    for (cseq, method, content_type, body) in [
        (1, "INVITE", "application/sdp", SDP_BODY),
        (2, "UPDATE", "application/sdp", SDP_BODY),
        (3, "INVITE", "text/plain", "hello"),
    ] {
        bench.say(asks(&ack, method, cseq, content_type, body));
        let answer = bench.only();
        let status = if content_type == "text/plain" { 415 } else { 488 };
        assert_eq!((answer.status(), bench.told()), (status, Vec::new()), "{method} {content_type}");
        assert_eq!(answer.value(HeaderName::Warning).is_some(), status == 488);
        if method == "INVITE" {
            bench.say(asks(&ack, "ACK", cseq, "", "").replace("-ACK", "-INVITE"));
        }
    }
    bench.pass(seconds(45));
    let ours = bench.only();
    assert_eq!(word(&ours), "INVITE");
    for (cseq, method) in [(4, "INVITE"), (5, "UPDATE")] {
        bench.say(asks(&ack, method, cseq, "", ""));
        assert_eq!(bench.heard(), ["491"], "{method}");
    }
    bench.say(asks(&ack, "ACK", 4, "", "").replace("-ACK", "-INVITE"));
    bench.say(says(&ours, 200, &format!("{CONTACT}Session-Expires: 90;refresher=uac\r\n"), NORMAL));
    assert_eq!((bench.heard(), bench.told()), (vec!["ACK".to_owned()], Vec::new()), "the session lives on");
    end(&mut bench);
}
