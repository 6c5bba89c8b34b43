//! lineCompleteCall: calls that are completed when their destination is free, on the wire.

use std::time::Duration;

use bytes::Bytes;
use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{
    AppId, CallId, CallReason, CallState, CallView, CompletionMode, LineError, Operation, Outcome,
};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message, Method};
use trunkline_tests::Lab;

/// The application that the lab calls `crm`.
const CRM: AppId = AppId(0);

/// Bob talks with Carol and is busy for everybody else.
fn bob_talks(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob", "carol"]);
    lab.connected_call("carol", "bob");
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    lab
}

/// Carol hangs up, and Bob takes calls.
fn bob_is_free(lab: &mut Lab) {
    lab.hang_up("carol");
    lab.run_ms(1_000);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.ladder().forget();
    lab.run(Duration::from_secs(3));
}

#[test]
fn who_was_busy_is_called_back_by_a_code_of_the_handset() {
    let mut lab = bob_talks(1);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("alice"), Status::Over(486));
    lab.call("alice", "*66");
    lab.run_ms(3_000);
    bob_is_free(&mut lab);
    lab.expect_ladder(
        "engine -> alice   INVITE, \"Line 1002\" <sip:1002@pbx.example>
         alice -> engine   180",
    );
    assert_eq!(lab.call_on("crm", "1001").reason, CallReason::CallCompletion);
    lab.answer("alice");
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn an_application_completes_its_call_and_answers_when_it_is_offered() {
    let mut lab = bob_talks(2);
    let wanted = Operation::SetStatusMessages {
        line: "1001".into(),
        line_states: vec!["numcompletions".to_owned()],
        address_states: Vec::new(),
    };
    lab.does_ask("crm", wanted);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(1_000);
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station");
    lab.does_ask("crm", Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None });
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station, idle");
    bob_is_free(&mut lab);
    let offered = lab.call_on("crm", "1001");
    assert_eq!(offered.reason, CallReason::CallCompletion);
    assert!(offered.completion.is_some());
    lab.does_ask("crm", Operation::Answer(offered.id, None));
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.does_ask("crm", Operation::Drop(offered.id, None));
    lab.nothing_left();
}

#[test]
fn a_code_takes_the_request_back() {
    let mut lab = bob_talks(3);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.call("alice", "*66");
    lab.run_ms(3_000);
    lab.call("alice", "#66");
    lab.run_ms(3_000);
    bob_is_free(&mut lab);
    lab.expect_ladder("");
    lab.nothing_left();
}

/// Something other than a voice is heard.
fn expect_music(lab: &mut Lab, name: &str) {
    let heard = lab.hears(name, Duration::from_secs(1));
    assert!(heard.total() >= 45, "{heard:?}");
    for voice in ["1001", "1002", "1003"] {
        assert_eq!(heard.voice(voice), 0, "{heard:?}");
    }
}

/// Alice's application has called Bob, who talks with Carol, and waits for him.
fn alice_waits(seed: u64) -> (Lab, CallId) {
    let mut lab = bob_talks(seed);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(1_000);
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station");
    lab.does_ask("crm", Operation::CompleteCall { call, mode: CompletionMode::CampOn, message: None });
    lab.run_ms(1_000);
    expect_music(&mut lab, "alice");
    (lab, call)
}

#[test]
fn who_camps_on_is_offered_when_the_line_is_free() {
    let (mut lab, call) = alice_waits(4);
    lab.phone("bob").script.on_invite = OnInvite::Ring;
    lab.ladder().forget();
    lab.hang_up("carol");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "carol -> engine   BYE
         engine -> carol   200
         engine -> bob     BYE
         engine -> bob     INVITE
         bob -> engine     200
         bob -> engine     180",
    );
    lab.answer("bob");
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station, connected active");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn an_application_swaps_to_who_camps_on() {
    let (mut lab, call) = alice_waits(5);
    let waiting = |call: &CallView| call.reason == CallReason::CampedOn;
    let camped = lab.calls("crm").into_iter().find(waiting).expect("a camped-on call").id;
    let active =
        |call: &CallView| &*call.line == "1002" && call.id != camped && call.state != CallState::Idle;
    let active = lab.calls("crm").into_iter().find(active).expect("Bob talks").id;
    lab.does_ask("crm", Operation::SwapHold { call: active, with: camped });
    lab.run_ms(1_000);
    lab.expect_talk("alice", "bob");
    expect_music(&mut lab, "carol");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.does_ask("crm", Operation::Unhold(active));
    lab.run_ms(1_000);
    lab.expect_talk("carol", "bob");
    lab.hang_up("carol");
    lab.nothing_left();
}

/// Where the network of the carrier is.
const CARRIER: &str = "10.0.1.6:5060";

/// A request to the carrier that is not answered yet.
fn asked(lab: &mut Lab, method: Method) -> Message {
    let requests = lab.received("carrier");
    let requests = requests.iter().map(|text| {
        Message::scan(Bytes::from(text.clone()), Framing::Datagram, &Limits::DEFAULT)
            .expect("the engine writes SIP")
    });
    let mut wanted = requests.filter(|message| message.is_request() && message.method() == method);
    wanted.next().unwrap_or_else(|| panic!("no {}", method.name()))
}

/// The carrier answers a request.
fn answers(lab: &mut Lab, request: &Message, status: &str, headers: &str) {
    let line = |name| request.value(name).unwrap_or_default().to_owned();
    let text = format!(
        "SIP/2.0 {status}\nVia: {}\nFrom: {}\nTo: {};tag=far\nCall-ID: {}\nCSeq: {}\n{headers}Content-Length: 0\n\n",
        line(HeaderName::Via),
        line(HeaderName::From),
        line(HeaderName::To),
        line(HeaderName::CallId),
        line(HeaderName::CSeq)
    );
    lab.sends("carrier", &text);
    lab.run_ms(200);
}

/// The carrier says how far it is with what this SUBSCRIBE asked for.
fn tells(lab: &mut Lab, subscribe: &Message, serial: u32, state: &str) {
    let line = |name| subscribe.value(name).unwrap_or_default().to_owned();
    let body = format!("cc-state: {state}");
    let text = format!(
        "NOTIFY sip:1001@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bK-n{serial}\nMax-Forwards: 70\n\
         From: {};tag=far\nTo: {}\nCall-ID: {}\nCSeq: {serial} NOTIFY\nContact: <sip:cc@{CARRIER}>\n\
         Event: call-completion\nSubscription-State: active;expires=2000\n\
         Content-Type: application/call-completion\nContent-Length: {}\n\n{body}\n",
        line(HeaderName::To),
        line(HeaderName::From),
        line(HeaderName::CallId),
        body.len() + 2
    );
    lab.sends("carrier", &text);
    lab.run_ms(200);
}

#[test]
fn another_system_tells_when_its_number_is_free() {
    let mut lab = Lab::registered(6, &["alice"]);
    lab.stranger("carrier", CARRIER);
    let call = lab.make_call("crm", "1001", "0301234");
    lab.run_ms(1_000);
    let invite = asked(&mut lab, Method::Invite);
    let offer = format!("Call-Info: <sip:cc@{CARRIER}>;purpose=call-completion;m=BS\n");
    answers(&mut lab, &invite, "486 Busy Here", &offer);
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station");

    let completes = Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None };
    let request = lab.request("crm", completes);
    lab.run_ms(200);
    let subscribe = asked(&mut lab, Method::Subscribe);
    assert_eq!(subscribe.request_uri(), format!("sip:cc@{CARRIER};m=BS"));
    assert_eq!(subscribe.value(HeaderName::Event), Some("call-completion"));
    answers(&mut lab, &subscribe, "200 OK", &format!("Expires: 2000\nContact: <sip:cc@{CARRIER}>\n"));
    assert_eq!(lab.reply("crm", request), None);
    tells(&mut lab, &subscribe, 1, "queued");
    assert!(matches!(lab.reply("crm", request), Some(Ok(Outcome::Completion(_)))));
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station, idle");
    lab.run(Duration::from_secs(60));
    tells(&mut lab, &subscribe, 2, "ready");
    let offered = lab.call_on("crm", "1001");
    assert_eq!(offered.reason, CallReason::CallCompletion);

    lab.received("carrier");
    lab.does_ask("crm", Operation::Answer(offered.id, None));
    lab.run_ms(500);
    let invite = asked(&mut lab, Method::Invite);
    assert!(invite.request_uri().starts_with("sip:301234@"), "{}", invite.request_uri());
    answers(&mut lab, &invite, "486 Busy Here", "");
    lab.does_ask("crm", Operation::Drop(offered.id, None));
    lab.run(Duration::from_secs(40));
    lab.nothing_left();
}

#[test]
fn a_system_that_tells_nothing_is_not_waited_for() {
    let mut lab = Lab::registered(7, &["alice"]);
    lab.stranger("carrier", CARRIER);
    let call = lab.make_call("crm", "1001", "0301234");
    lab.run_ms(1_000);
    let invite = asked(&mut lab, Method::Invite);
    answers(&mut lab, &invite, "486 Busy Here", "");
    let completes = Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None };
    let request = lab.request("crm", completes);
    lab.run_ms(200);
    let subscribe = asked(&mut lab, Method::Subscribe);
    assert_eq!(subscribe.value(HeaderName::Event), Some("dialog"));
    answers(&mut lab, &subscribe, "489 Bad Event", "");
    let refused = lab.reply("crm", request).expect("a reply").expect_err("a refusal");
    assert_eq!(refused.error, LineError::OperationUnavail);
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn after_a_restart_another_system_is_asked_again() {
    let mut lab = Lab::registered(8, &["alice"]);
    lab.stranger("carrier", CARRIER);
    let call = lab.make_call("crm", "1001", "0301234");
    lab.run_ms(1_000);
    let invite = asked(&mut lab, Method::Invite);
    let offer = format!("Call-Info: <sip:cc@{CARRIER}>;purpose=call-completion;m=BS\n");
    answers(&mut lab, &invite, "486 Busy Here", &offer);
    let completes = Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None };
    let request = lab.request("crm", completes);
    lab.run_ms(200);
    let before = asked(&mut lab, Method::Subscribe);
    answers(&mut lab, &before, "200 OK", &format!("Expires: 2000\nContact: <sip:cc@{CARRIER}>\n"));
    tells(&mut lab, &before, 1, "queued");
    let Some(Ok(Outcome::Completion(id))) = lab.reply("crm", request) else { panic!("not accepted") };
    lab.run(Duration::from_secs(60));

    lab.received("carrier");
    lab.restart();
    lab.run_ms(200);
    assert_eq!(lab.switch().line(CRM, "1001").expect("the line").completions, [id]);
    let subscribe = asked(&mut lab, Method::Subscribe);
    assert_eq!(subscribe.request_uri(), format!("sip:cc@{CARRIER};m=BS"));
    assert_ne!(subscribe.call_id(), before.call_id());
    // Whoever still holds to the dialog before hears that nobody is there.
    tells(&mut lab, &before, 2, "ready");
    assert!(lab.received("carrier").iter().any(|text| text.starts_with("SIP/2.0 481")));
    assert_eq!(lab.calls("crm"), []);
    answers(&mut lab, &subscribe, "200 OK", &format!("Expires: 2000\nContact: <sip:cc@{CARRIER}>\n"));
    tells(&mut lab, &subscribe, 1, "queued");
    lab.run(Duration::from_secs(60));
    lab.ladder().forget();
    tells(&mut lab, &subscribe, 2, "ready");
    let offered = lab.call_on("crm", "1001");
    assert_eq!((offered.reason, offered.completion), (CallReason::CallCompletion, Some(id)));

    lab.received("carrier");
    lab.answer("alice");
    lab.run_ms(500);
    let invite = asked(&mut lab, Method::Invite);
    assert!(invite.request_uri().ends_with(";m=BS"), "{}", invite.request_uri());
    answers(&mut lab, &invite, "486 Busy Here", "");
    lab.hang_up("alice");
    lab.run(Duration::from_secs(40));
    lab.nothing_left();
}

#[test]
fn a_call_back_to_a_line_and_its_phone_outlive_a_restart() {
    let mut lab = Lab::registered(9, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.call("alice", "*66");
    lab.run_ms(3_000);
    lab.restart();
    lab.run_ms(1_000);
    // He is seen on the telephone, and then free.
    lab.call("bob", "2001");
    lab.run_ms(1_000);
    lab.hang_up("bob");
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.run(Duration::from_secs(5));
    assert_eq!(lab.call_on("crm", "1001").reason, CallReason::CallCompletion);
    lab.answer("alice");
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}
