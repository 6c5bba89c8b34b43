//! Strangers, and messages that no phone sends.

use trunkline_tests::Lab;

/// A request from outside: the start line and the headers that a case adds.
fn request(method: &str, uri: &str, extra: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0
         Via: SIP/2.0/UDP 10.0.66.6:5060;branch=z9hG4bK-{method};rport
         From: <sip:mallory@evil.example>;tag=m1
         To: <{uri}>
         Call-ID: {method}@10.0.66.6
         CSeq: 7 {method}
         Contact: <sip:mallory@10.0.66.6>
         {extra}
         Content-Length: 0

         "
    )
}

/// What the engine answers to a stranger; empty where it says nothing.
fn answer(method: &str, uri: &str, extra: &str) -> String {
    let mut lab = Lab::seeded(1);
    lab.stranger("mallory", "10.0.66.6:5060");
    let text = request(method, uri, extra);
    lab.sends("mallory", &text);
    lab.run_ms(300);
    let received = lab.received("mallory");
    let last = received.last().cloned().unwrap_or_default();
    lab.nothing_left();
    last.strip_prefix("SIP/2.0 ").map(|line| line[..3].to_owned()).unwrap_or_default()
}

#[test]
fn a_call_from_an_unknown_peer_is_challenged() {
    assert_eq!(answer("INVITE", "sip:1002@pbx.example", "Max-Forwards: 70"), "401");
}

#[test]
fn options_are_answered() {
    assert_eq!(answer("OPTIONS", "sip:pbx.example", "Max-Forwards: 70"), "200");
}

#[test]
fn a_dialog_that_does_not_exist_is_481() {
    let mut lab = Lab::seeded(2);
    lab.stranger("mallory", "10.0.66.6:5060");
    let bye = request("BYE", "sip:1002@pbx.example", "Max-Forwards: 70")
        .replace("To: <sip:1002@pbx.example>", "To: <sip:1002@pbx.example>;tag=none");
    lab.sends("mallory", &bye);
    lab.run_ms(300);
    lab.expect_ladder(
        "mallory -> engine   BYE
         engine -> mallory   481",
    );
    lab.nothing_left();
}

#[test]
fn a_cancel_of_nothing_is_481() {
    assert_eq!(answer("CANCEL", "sip:1002@pbx.example", "Max-Forwards: 70"), "481");
}

#[test]
fn an_ack_of_nothing_is_ignored() {
    assert_eq!(answer("ACK", "sip:1002@pbx.example", "Max-Forwards: 70"), "");
}

#[test]
fn a_method_that_nobody_knows_is_405_or_501() {
    let status = answer("NEWMETHOD", "sip:1002@pbx.example", "Max-Forwards: 70");
    assert!(status == "405" || status == "501", "{status}");
}

#[test]
fn garbage_is_ignored_and_a_keep_alive_too() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.stranger("mallory", "10.0.66.6:5060");
    for bytes in [
        &b"\r\n\r\n"[..],
        b"",
        b"\0\0\0\0",
        b"hello",
        b"INVITE",
        b"INVITE sip:a SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        &[0xff; 1_400],
    ] {
        lab.sends_bytes("mallory", bytes::Bytes::copy_from_slice(bytes));
    }
    lab.run_ms(500);
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

/// What the engine answers to an INVITE of a trunk.
fn answer_to_trunk(headers: &str) -> String {
    let mut lab = Lab::registered(4, &["bob"]);
    lab.stranger("exchange", "10.0.1.6:5070");
    let invite =
        request("INVITE", "sip:1002@pbx.example", headers).replace("10.0.66.6:5060", "10.0.1.6:5070");
    lab.sends("exchange", &invite);
    lab.run_ms(300);
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 0);
    let received = lab.received("exchange");
    lab.nothing_left();
    received.last().cloned().unwrap_or_default()
}

#[test]
fn a_trunk_whose_hops_are_used_up_is_483() {
    assert!(answer_to_trunk("Max-Forwards: 0").starts_with("SIP/2.0 483 "));
}

#[test]
fn an_unknown_extension_is_420_and_named() {
    let answer = answer_to_trunk("Max-Forwards: 70\nRequire: nothingSupportsThis");
    assert!(
        answer.starts_with("SIP/2.0 420 ") && answer.contains("Unsupported: nothingSupportsThis"),
        "{answer}"
    );
}

#[test]
fn an_invite_that_comes_by_two_ways_is_one_call() {
    let mut lab = Lab::registered(5, &["bob"]);
    lab.stranger("exchange", "10.0.1.6:5070");
    let invite = request("INVITE", "sip:1002@pbx.example", "Max-Forwards: 70")
        .replace("10.0.66.6:5060", "10.0.1.6:5070");
    lab.sends("exchange", &invite);
    lab.run_ms(300);
    lab.sends("exchange", &invite.replace("z9hG4bK-INVITE", "z9hG4bK-fork2"));
    lab.run_ms(300);
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 1);
    assert_eq!(lab.ladder().count("engine", "exchange", "482"), 1);
    lab.hang_up("bob");
    lab.run_ms(300);
    lab.nothing_left();
}
