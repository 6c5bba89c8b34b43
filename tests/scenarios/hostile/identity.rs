//! Whoever one says to be: cases 17, 19 and 22. Identity comes from a password or from the real source, never from a header.

use trunkline::demo::Status;
use trunkline_sip::message::HeaderName;

use super::{Letter, MALLORY, SDP, answer, password_of, response, siege, status};

/// Headers that name Bob as the caller.
const BOB: &str = "P-Asserted-Identity: \"Bob\" <sip:1002@pbx.example>\r\nP-Preferred-Identity: <sip:1002@pbx.example>\r\n\
    Remote-Party-ID: \"Bob\" <sip:1002@pbx.example>;party=calling\r\nDiversion: <sip:1002@pbx.example>;reason=unconditional\r\n\
    Referred-By: <sip:1002@pbx.example>\r\nHistory-Info: <sip:1002@pbx.example>;index=1\r\nReply-To: <sip:1002@pbx.example>\r\n";

/// CVE-2025-47779: Alice's password and Bob's name.
#[test]
fn case_17_another_name_than_that_of_the_credentials() {
    let mut siege = siege(17);
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "NOTIFY"] {
        for from in ["sip:1002@pbx.example", "sip:mallory@evil.example", "sip:carrier@10.0.1.6", "tel:1002"] {
            let letter = Letter::new(method, "sip:1002@pbx.example").by(from);
            let letter = letter.with("Event: dialog\r\nRefer-To: <sip:0301@pbx.example>\r\n");
            assert_eq!(siege.insists(&letter, "1001"), 403, "{method} {from}");
        }
    }
    assert_eq!(siege.insists(&Letter::register("1002"), "1001"), 403, "another line's contact");
    siege.lab.call("alice", "1002");
    siege.lab.run_ms(300);
    assert_eq!(siege.lab.status("bob"), Status::Ringing, "at his own phone, and not at Mallory's");
    assert_eq!(siege.lab.ladder().count("engine", "mallory", "INVITE"), 0);
    siege.lab.hang_up("alice");
    siege.lab.run_ms(300);
    siege.ends();
}

/// What a phone asserts of itself goes nowhere: the network hears the line that has proven itself.
#[test]
fn case_17_an_identity_that_a_phone_asserts() {
    let mut siege = siege(17);
    let letter = Letter::invite("sip:0301234@pbx.example").by("sip:1001@pbx.example").with(BOB);
    siege.proves(&letter, "1001");
    let invite = siege.lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned();
    assert!(invite.contains("1001") && !invite.contains("1002") && !invite.contains("Bob"), "{invite}");
    assert_eq!(siege.lab.call_on("crm", "1001").caller.number, "1001");
    siege.lab.refuse("carrier", 486);
    siege.lab.run_ms(300);
    siege.ends();
}

/// A trunk is known by where its messages come from, and by nothing that they say.
#[test]
fn case_19_a_stranger_who_writes_the_address_of_a_trunk() {
    let mut siege = siege(19);
    let carrier = "10.0.1.6:5060";
    for headers in [
        format!("Contact: <sip:carrier@{carrier}>\r\n"),
        format!("Via: SIP/2.0/UDP {carrier};branch=z9hG4bKx;received=10.0.1.6\r\n"),
        format!("Record-Route: <sip:{carrier};lr>\r\nRoute: <sip:{carrier};lr>\r\n"),
        "P-Asserted-Identity: <sip:carrier@10.0.1.6>\r\nX-Forwarded-For: 10.0.1.6\r\nP-Charging-Vector: x\r\n".to_owned(),
    ] {
        let letter = Letter::invite("sip:1002@pbx.example").by("sip:carrier@10.0.1.6").with(&headers);
        assert_eq!(siege.asks(&letter), 401, "{headers}");
    }
    // Sent-by and received name the trunk; the answer goes to where the datagram came from.
    let letter = Letter::invite("sip:1002@pbx.example");
    let text = String::from_utf8(letter.write(500, carrier, "").to_vec()).expect("it is text");
    let text = text.replace(";rport", ";received=10.0.1.6;maddr=10.0.1.6;rport=5060");
    assert_eq!(status(&siege.sends(text.into())), 401);
    assert_eq!(siege.lab.ladder().count("engine", "carrier", "401"), 0);
    assert_eq!(siege.lab.ladder().count("engine", "bob", "INVITE"), 0);
    siege.ends();
}

/// Carol learns the tags of Bob's dialog from a lamp, which any line may have, and says that Bob has sent her.
#[test]
fn case_22_replaces_hijack() {
    let mut siege = siege(22);
    siege.lab.connected_call("alice", "bob");
    let dialog = siege.lab.phone("bob").replaceable().expect("a dialog");
    let [call_id, to_tag, from_tag] = {
        let mut parts = dialog.splitn(3, ';').map(str::to_owned);
        [(); 3].map(|()| parts.next().expect("three parts"))
    };
    for headers in [
        format!("Replaces: {dialog}\r\n"),
        format!("Replaces: {dialog}\r\nReferred-By: <sip:1002@pbx.example>\r\n"),
        format!(
            "Replaces: {call_id};{};{}\r\n",
            from_tag.replace("from", "to"),
            to_tag.replace("to", "from")
        ),
        format!("Replaces: {dialog}\r\nP-Asserted-Identity: <sip:1002@pbx.example>\r\n"),
    ] {
        let letter = Letter::invite("sip:1001@pbx.example").with(&headers);
        assert_eq!(siege.asks(&letter), 401, "a stranger: {headers}");
        let letter = letter.by("sip:1003@pbx.example");
        assert!(matches!(siege.insists(&letter, "1003"), 403 | 481), "another line: {headers}");
    }
    for guess in 0..50 {
        let headers = format!("Replaces: {call_id};{to_tag};from-tag=guess{guess}\r\n");
        let letter = Letter::invite("sip:1001@pbx.example").by("sip:1003@pbx.example").with(&headers);
        assert_eq!(siege.insists(&letter, "1003"), 481);
    }
    siege.lab.expect_talk("alice", "bob");
    siege.lab.hang_up("alice");
    siege.lab.run_ms(300);
    siege.ends();
}

/// Somebody who saw a call go by sends BYE, re-INVITE and UPDATE from elsewhere with the tags, but one, as they are.
#[test]
fn case_22_requests_in_the_dialog_of_others() {
    let mut siege = siege(22);
    siege.lab.connected_call("alice", "bob");
    let dialog = siege.lab.phone("bob").replaceable().expect("a dialog");
    let call_id = dialog.split(';').next().expect("the first part").to_owned();
    for method in ["BYE", "INVITE", "UPDATE", "REFER", "INFO"] {
        let letter = Letter::new(method, "sip:1002@pbx.example").with("Refer-To: <sip:0301@pbx.example>\r\n");
        let text = String::from_utf8(letter.write(700, MALLORY, "").to_vec()).expect("it is text");
        let text = text
            .replace("350@evil", &call_id)
            .replace("To: <sip:1002@pbx.example>", "To: <sip:1002@pbx.example>;tag=guessed");
        assert_eq!(status(&siege.sends(text.into())), 481, "{method}");
    }
    siege.lab.expect_talk("alice", "bob");
    siege.lab.hang_up("alice");
    siege.lab.run_ms(300);
    siege.ends();
}

/// Somebody who knows all of a dialog, and has a password of his own, but not that of the phone in it.
#[test]
fn case_22_requests_in_a_dialog_that_was_overheard() {
    let mut siege = siege(22);
    siege.lab.connected_call("alice", "bob");
    let dialog = siege.lab.phone("bob").replaceable().expect("a dialog");
    let mut parts = dialog.split(';');
    let mut next = || parts.next().expect("three parts").to_owned();
    let (call_id, to_tag, from_tag) = (next(), next(), next());
    for method in ["BYE", "INVITE", "UPDATE", "REFER", "INFO"] {
        let letter = Letter::new(method, "sip:1002@10.0.0.1").by("sip:1002@pbx.example");
        let letter = letter.with("Refer-To: <sip:0301@pbx.example>\r\n");
        let overheard = |serial: u32, authorization: &str| {
            let text = String::from_utf8(letter.write(serial, MALLORY, authorization).to_vec());
            let text = text.expect("it is text").replace(&format!("{}@evil", serial / 2), &call_id);
            let text = text.replace(&format!(";tag=m{}", serial / 2), &from_tag.replace("from-", ";"));
            text.replacen(
                "To: <sip:1002@10.0.0.1>",
                &format!("To: <sip:1001@pbx.example>{}", to_tag.replace("to-", ";")),
                1,
            )
        };
        let answers = siege.sends(overheard(9_000, "").into());
        assert_eq!(status(&answers), 401, "{method}");
        let own = answer(&answers[0], &letter, "1003", &password_of("1003"));
        assert_eq!(status(&siege.sends(overheard(9_002, &own).into())), 403, "{method}");
    }
    siege.lab.expect_talk("alice", "bob");
    siege.lab.hang_up("alice");
    siege.lab.run_ms(300);
    siege.ends();
}

/// A registered phone answers with the identity of somebody else.
#[test]
fn case_17_a_callee_that_says_to_be_another() {
    let mut siege = siege(17);
    let register = Letter::register("1004").with("Contact: <sip:1004@10.0.66.6:5060>\r\n");
    assert_eq!(siege.insists(&register, "1004"), 200);
    siege.lab.call("carrier", "1004");
    siege.lab.run_ms(200);
    let invite = siege
        .hears()
        .into_iter()
        .find(|heard| heard.value(HeaderName::CSeq).is_some_and(|cseq| cseq.contains("INVITE")));
    let invite = invite.expect("Mallory's phone is called");
    let ok = response(&invite, 200, BOB, SDP);
    siege.lab.sends_bytes("mallory", ok);
    siege.lab.run_ms(300);
    let answered = siege.lab.ladder().last("engine", "carrier", "200").expect("it is answered").to_owned();
    assert!(!answered.contains("1002") && !answered.contains("Bob"), "{answered}");
    siege.lab.hang_up("carrier");
    siege.lab.run_ms(300);
    for request in siege.hears().iter().filter(|heard| heard.is_request() && heard.method_text() != "ACK") {
        let ok = response(request, 200, "", "");
        siege.lab.sends_bytes("mallory", ok);
    }
    siege.lab.run_ms(300);
    siege.ends();
}
