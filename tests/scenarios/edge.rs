//! Phones behind an edge proxy (RFC 5626, RFC 3327): calls to them take the Path by which they registered, and another one of the same
//! phone where that leads nowhere.

use trunkline::demo::Status;
use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::Lab;

use crate::lamps::{answer, read};

const EDGE: &str = "10.0.9.9:5060";
/// Flow tokens of the edge proxy: all that the user part of a URI may be made of (RFC 3261 §25.1).
const TOKENS: [&str; 2] = ["Zm9v%2Fa,b;c?d/=+&$", "-_.!~*'()%5b%C3%A4;ob=2"];

/// The Path of a flow.
fn path(token: &str) -> String {
    format!("<sip:{token}@{EDGE};lr;ob>")
}

/// Carol's phone registers each of its flows through the edge proxy, the first one last.
fn registered(seed: u64, flows: usize) -> Lab {
    let mut lab = Lab::registered(seed, &["alice"]);
    lab.stranger("edge", EDGE);
    for number in (0..flows).rev() {
        let mut authorization = String::new();
        for cseq in 1..3 {
            let token = TOKENS[number];
            lab.sends(
                "edge",
                &format!(
                    "REGISTER sip:pbx.example SIP/2.0\n\
                     Via: SIP/2.0/UDP {EDGE};branch=z9hG4bKe{number}{cseq}\n\
                     Via: SIP/2.0/TCP 192.168.1.20:49152;branch=z9hG4bKp{number}{cseq}\nMax-Forwards: 69\n\
                     From: <sip:1004@pbx.example>;tag=flow{number}\nTo: <sip:1004@pbx.example>\n\
                     Call-ID: flow{number}\nCSeq: {cseq} REGISTER\nPath: {}\nSupported: path, outbound\n\
                     Contact: <sip:1004@192.168.1.20:5060;transport=tcp>;reg-id={};+sip.instance=\"<urn:uuid:a>\"\n\
                     Expires: 600\n{authorization}Content-Length: 0\n\n",
                    path(token),
                    number + 1
                ),
            );
            lab.run_ms(200);
            let response = read(&lab.received("edge").pop().expect("an answer"));
            if cseq == 1 {
                authorization = answer(&response, "REGISTER", "sip:pbx.example");
                continue;
            }
            assert_eq!(response.status(), 200);
            assert_eq!(response.value(HeaderName::Path), Some(&*path(token)), "as it came");
            assert!(response.has_option(HeaderName::Require, "outbound"));
            assert_eq!(response.other("Flow-Timer"), None, "that is the edge proxy's to say");
        }
    }
    lab.ladder().forget();
    lab
}

/// The last request of this method that the edge proxy was sent: by the flow of this token, octet by octet.
#[track_caller]
fn came_by(lab: &mut Lab, method: &str, token: &str) -> Message {
    let text = lab.ladder().last("engine", "edge", method).expect("it was sent").to_owned();
    assert!(text.contains(&format!("\r\nRoute: {}\r\n", path(token))), "{text}");
    let message = read(&text);
    assert_eq!(message.request_uri(), "sip:1004@192.168.1.20:5060;transport=tcp");
    message
}

fn answers(lab: &mut Lab, request: &Message, status: &str, more: &str, body: &str) {
    let value = |name| request.value(name).expect("the engine's requests have it");
    let to = value(HeaderName::To);
    let tag = if to.contains(";tag=") { "" } else { ";tag=carol" };
    lab.sends(
        "edge",
        &format!(
            "SIP/2.0 {status}\nVia: {}\nFrom: {}\nTo: {to}{tag}\nCall-ID: {}\nCSeq: {}\n{more}Content-Length: {}\n\n{body}",
            value(HeaderName::Via),
            value(HeaderName::From),
            value(HeaderName::CallId),
            value(HeaderName::CSeq),
            body.len() + body.matches('\n').count()
        ),
    );
    lab.run_ms(200);
}

/// The phone answers by the flow of this token, on which the proxy stays (Record-Route); Alice hangs up.
fn talks_and_ends(mut lab: Lab, invite: &Message, token: &str) {
    let contact = "Contact: <sip:1004@192.168.1.20:5060;transport=tcp>\n";
    let more = format!("{contact}Record-Route: {}\nContent-Type: application/sdp\n", path(token));
    answers(&mut lab, invite, "180 Ringing", contact, "");
    assert_eq!(lab.status("alice"), Status::Ringback);
    let sdp = "v=0\no=- 1 1 IN IP4 10.0.9.9\ns=-\nc=IN IP4 10.0.9.9\nt=0 0\nm=audio 4000 RTP/AVP 0\n";
    answers(&mut lab, invite, "200 OK", &more, sdp);
    came_by(&mut lab, "ACK", token);
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.hang_up("alice");
    lab.run_ms(200);
    let bye = came_by(&mut lab, "BYE", token);
    answers(&mut lab, &bye, "200 OK", "", "");
    assert_eq!(lab.status("alice"), Status::Over(0));
    forget(lab);
}

/// Bindings of strangers are theirs to remove: the last of them is waited for.
fn forget(mut lab: Lab) {
    lab.run_ms(600_000);
    lab.nothing_left();
}

#[test]
fn a_call_takes_the_path_octet_by_octet() {
    let mut lab = registered(1, 1);
    lab.call("alice", "1004");
    lab.run_ms(300);
    let invite = came_by(&mut lab, "INVITE", TOKENS[0]);
    talks_and_ends(lab, &invite, TOKENS[0]);
}

#[test]
fn a_flow_that_failed_is_followed_by_the_other_of_the_phone() {
    for status in ["430 Flow Failed", "408 Request Timeout"] {
        let mut lab = registered(2, 2);
        lab.call("alice", "1004");
        lab.run_ms(300);
        assert_eq!(lab.ladder().count("engine", "edge", "INVITE"), 1, "nobody's phone rings twice");
        let invite = came_by(&mut lab, "INVITE", TOKENS[0]);
        answers(&mut lab, &invite, status, "", "");
        assert_eq!(lab.status("alice"), Status::Calling, "{status} is not for her");
        let invite = came_by(&mut lab, "INVITE", TOKENS[1]);
        talks_and_ends(lab, &invite, TOKENS[1]);
    }
}

#[test]
fn a_phone_none_of_whose_flows_works_is_not_there() {
    let mut lab = registered(3, 2);
    lab.call("alice", "1004");
    lab.run_ms(300);
    for token in TOKENS {
        let invite = came_by(&mut lab, "INVITE", token);
        answers(&mut lab, &invite, "430 Flow Failed", "", "");
    }
    assert_eq!(lab.ladder().count("engine", "edge", "INVITE"), 2);
    assert_eq!(lab.status("alice"), Status::Over(480));
    forget(lab);
}

#[test]
fn a_phone_that_refuses_is_not_called_by_its_other_flow() {
    for (rings, status) in [(false, 486), (false, 480), (true, 408)] {
        let mut lab = registered(4, 2);
        lab.call("alice", "1004");
        lab.run_ms(300);
        let invite = came_by(&mut lab, "INVITE", TOKENS[0]);
        if rings {
            answers(&mut lab, &invite, "180 Ringing", "Contact: <sip:1004@192.168.1.20>\n", "");
        }
        answers(&mut lab, &invite, &format!("{status} No"), "", "");
        assert_eq!(lab.ladder().count("engine", "edge", "INVITE"), 1);
        assert_eq!(lab.status("alice"), Status::Over(status));
        forget(lab);
    }
}
