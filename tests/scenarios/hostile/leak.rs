//! Passwords of trunks, and who asks for them: case 11.

use std::sync::Arc;

use trunkline::demo::Status;
use trunkline_sip::auth::Credentials;
use trunkline_sip::message::Message;
use trunkline_tests::Plan;

use super::{Letter, MALLORY, SDP, Siege, response};

/// A challenge in the name of the carrier.
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"chosen\", algorithm=MD5, qop=\"auth\"\r\n\
    Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"chosen\", algorithm=MD5\r\n";

/// The engine is a customer of the carrier. Mallory has a phone of line 1004.
fn customer(seed: u64) -> Siege {
    let plan = Plan::seeded(seed).with(|setup| {
        setup.trunks[0].credentials = Some(Arc::new(Credentials {
            username: "customer".into(),
            password: "secret of the trunk".into(),
            realm: None,
        }));
    });
    let mut siege = Siege::of(plan.build().with_registered(&["alice", "bob"]));
    let register = Letter::register("1004").with(&format!("Contact: <sip:1004@{MALLORY}>\r\n"));
    assert_eq!(siege.insists(&register, "1004"), 200);
    siege
}

fn request<'a>(heard: &'a [Message], method: &str) -> Option<&'a Message> {
    heard.iter().rev().find(|heard| heard.is_request() && heard.method_text() == method)
}

/// Answers each request but ACK with a challenge, as often as one comes. What came.
fn challenges(siege: &mut Siege, status: u16) -> Vec<Message> {
    let mut all = Vec::new();
    for _ in 0..5 {
        let heard = siege.hears();
        for request in heard.iter().filter(|heard| heard.is_request() && heard.method_text() != "ACK") {
            let challenge = response(request, status, CHALLENGE, "");
            siege.lab.sends_bytes("mallory", challenge);
        }
        all.extend(heard);
        siege.lab.run_ms(300);
    }
    all
}

fn holds_nothing_secret(heard: &[Message]) {
    for message in heard {
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        assert!(!text.contains("Authorization:"), "{text}");
    }
}

/// Whoever is called asks for the password of the trunk when he is called, and when the call ends (CVE-2021-41158).
#[test]
fn case_11_a_callee_that_asks_for_the_password_of_a_trunk() {
    for status in [401, 407] {
        let mut siege = customer(11);
        siege.lab.call("carrier", "1004");
        siege.lab.run_ms(200);
        let heard = challenges(&mut siege, status);
        assert!(request(&heard, "INVITE").is_some());
        holds_nothing_secret(&heard);
        siege.lab.run_ms(500);
        assert!(matches!(siege.lab.status("carrier"), Status::Over(_)), "{:?}", siege.lab.status("carrier"));

        siege.lab.call("carrier", "1004");
        siege.lab.run_ms(200);
        let heard = siege.hears();
        let ok = response(
            request(&heard, "INVITE").expect("Mallory is called"),
            200,
            "Allow: UPDATE, INFO\r\n",
            SDP,
        );
        siege.lab.sends_bytes("mallory", ok);
        siege.lab.run_ms(500);
        assert_eq!(siege.lab.status("carrier"), Status::Connected);
        siege.lab.hold("carrier");
        siege.lab.run_ms(300);
        holds_nothing_secret(&challenges(&mut siege, status));
        siege.lab.hang_up("carrier");
        siege.lab.run_ms(300);
        let heard = challenges(&mut siege, status);
        assert!(request(&heard, "BYE").is_some());
        holds_nothing_secret(&heard);
        siege.ends();
    }
}

/// The same by a caller, and for what tells how far a transfer is.
#[test]
fn case_11_a_caller_that_asks_for_the_password_of_a_trunk() {
    let mut siege = customer(11);
    let letter = Letter::invite("sip:0301234@pbx.example").by("sip:1004@pbx.example");
    siege.proves(&letter, "1004");
    siege.lab.answer("carrier");
    siege.lab.run_ms(300);
    siege.lab.hang_up("carrier");
    siege.lab.run_ms(300);
    holds_nothing_secret(&challenges(&mut siege, 401));
    siege.lab.run(std::time::Duration::from_secs(40));
    let heard = challenges(&mut siege, 407);
    assert!(request(&heard, "BYE").is_some(), "64 T1 after the 200 that is never acknowledged");
    holds_nothing_secret(&heard);
    siege.ends();
}
