//! Conferences: set up by an application or by a phone, heard, left.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{CallId, CallState, ConnectedMode, Operation, Outcome, TransferMode};
use trunkline_sip::message::HeaderName;
use trunkline_tests::{Lab, conference_info};

use crate::desk::Desk;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

/// Who speaks which sine, so that it can be heard out of a mix.
const TONES: [(&str, u16); 4] = [("alice", 400), ("bob", 700), ("carol", 1000), ("dave", 1300)];

/// How loud somebody is who is heard, at least; who is not is below a tenth.
const AUDIBLE: f64 = 1_000.0;

/// Four phones that answer after a second.
fn lab(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob", "carol", "dave"]);
    for (name, hz) in TONES {
        lab.phone(name).script.tone_hz = Some(hz);
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    }
    lab
}

/// Alice talks with Bob: the call of her line.
fn talking(lab: &mut Lab) -> CallId {
    lab.call("alice", "1002");
    lab.run_ms(3_000);
    lab.call_on("crm", "1001").id
}

/// The parent and the consultation call of a conference that begins with this call.
fn set_up(lab: &mut Lab, call: CallId) -> (CallId, CallId) {
    let reply = lab.asks("crm", Operation::SetupConference { call, to: None });
    let Ok(Outcome::Conference { conference, consult: Some(consult) }) = reply else { panic!("{reply:?}") };
    (conference, consult)
}

fn dial(lab: &mut Lab, call: CallId, to: &str) {
    lab.does_ask("crm", Operation::Dial { call, digits: to.to_owned() });
    lab.run_ms(3_000);
}

/// Alice leads a conference with Bob and Carol: the parent, and the calls of Bob and Carol on her line.
fn three(lab: &mut Lab) -> (CallId, CallId, CallId) {
    let first = talking(lab);
    let (conference, consult) = set_up(lab, first);
    dial(lab, consult, "1003");
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(1_000);
    (conference, first, consult)
}

/// Everybody named hears everybody else who is named, and nobody more.
fn expect_together(lab: &mut Lab, together: &[&str]) {
    for name in together {
        let heard = lab.hears(name, Duration::from_secs(1));
        assert!(heard.total() >= 45, "{name}: {heard:?}");
        for (other, hz) in TONES {
            let level = heard.level(hz);
            let expected = other != *name && together.contains(&other);
            let fits = if expected { level > AUDIBLE } else { level < AUDIBLE / 10.0 };
            assert!(fits, "{name} hears {other} at {level}");
        }
    }
}

#[test]
fn an_application_makes_a_conference_of_three_and_all_hear_all() {
    let mut lab = lab(1);
    let call = talking(&mut lab);
    expect_together(&mut lab, &["alice", "bob"]);
    let (conference, consult) = set_up(&mut lab, call);
    dial(&mut lab, consult, "1003");
    expect_together(&mut lab, &["alice", "carol"]);
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob", "carol"]);
    lab.does_ask("crm", Operation::Drop(conference, None));
    lab.run_ms(1_000);
    for name in ["alice", "bob", "carol"] {
        assert_eq!(lab.status(name), Status::Over(0), "{name}");
    }
    lab.nothing_left();
}

#[test]
fn a_fourth_joins_one_leaves_and_the_last_two_talk_on() {
    let mut lab = lab(2);
    let (conference, first, _) = three(&mut lab);
    let reply = lab.asks("crm", Operation::PrepareAddToConference { call: conference, to: None });
    let Ok(Outcome::Consult(consult)) = reply else { panic!("{reply:?}") };
    lab.run_ms(500);
    expect_together(&mut lab, &["bob", "carol"]);
    dial(&mut lab, consult, "1004");
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob", "carol", "dave"]);
    lab.hang_up("carol");
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob", "dave"]);
    lab.does_ask("crm", Operation::RemoveFromConference(consult));
    lab.run_ms(1_000);
    assert_eq!(lab.status("dave"), Status::Over(0));
    expect_together(&mut lab, &["alice", "bob"]);
    assert_eq!(lab.calls("crm").iter().find(|view| view.id == first).map(|view| view.state), Some(ACTIVE));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_leads_may_step_out_and_who_holds_plays_no_music() {
    let mut lab = lab(3);
    let (conference, _, _) = three(&mut lab);
    lab.does_ask("crm", Operation::Hold(conference));
    lab.run_ms(1_000);
    expect_together(&mut lab, &["bob", "carol"]);
    lab.does_ask("crm", Operation::Unhold(conference));
    lab.hold("bob");
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "carol"]);
    lab.resume("bob");
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob", "carol"]);
    lab.hang_up("alice");
    lab.run_ms(1_000);
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn somebody_is_attached_without_holding_anybody() {
    let mut lab = lab(4);
    let call = talking(&mut lab);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(4));
    lab.does_ask("crm", Operation::SetupConference { call, to: Some("1003".to_owned()) });
    lab.run_ms(500);
    expect_together(&mut lab, &["alice", "bob"]);
    lab.run_ms(3_000);
    expect_together(&mut lab, &["alice", "bob", "carol"]);
    lab.hang_up("carol");
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob"]);
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_consultation_for_a_transfer_ends_as_a_conference() {
    let mut lab = lab(5);
    let call = talking(&mut lab);
    let reply = lab.asks("crm", Operation::SetupTransfer { call, to: None });
    let Ok(Outcome::Consult(consult)) = reply else { panic!("{reply:?}") };
    dial(&mut lab, consult, "1003");
    lab.does_ask("crm", Operation::CompleteTransfer { call, consult, mode: TransferMode::Conference });
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob", "carol"]);
    lab.hang_up("bob");
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "carol"]);
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn a_network_behind_a_trunk_is_a_member() {
    let mut lab = lab(6);
    lab.phone("carrier").script.tone_hz = Some(1_600);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    let call = talking(&mut lab);
    let (conference, consult) = set_up(&mut lab, call);
    dial(&mut lab, consult, "030");
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(1_000);
    for name in ["alice", "bob"] {
        let heard = lab.hears(name, Duration::from_secs(1));
        assert!(heard.level(1_600) > AUDIBLE, "{name}: {}", heard.level(1_600));
    }
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert!(heard.level(400) > AUDIBLE && heard.level(700) > AUDIBLE && heard.level(1_600) < AUDIBLE / 10.0);
    lab.does_ask("crm", Operation::Drop(conference, None));
    lab.nothing_left();
}

#[test]
fn a_phone_takes_its_call_into_a_conference_of_its_own() {
    let mut lab = lab(8);
    lab.call("alice", "conference");
    lab.run_ms(1_000);
    let parent = lab.call_on("crm", "1001").id;
    let focus = format!("conf-{}", parent.to_string().trim_start_matches('c'));
    lab.call("alice", "1002");
    lab.run_ms(2_000);
    lab.does("alice", |phone, now, out| phone.transfer(now, &focus, out));
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob"]);
    // The scripted phone hangs up when its REFER has succeeded: so ends its conference.
    lab.does("alice", |phone, now, out| phone.transfer(now, "1003", out));
    lab.run_ms(1_000);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn a_phone_calls_for_a_conference_and_is_told_that_it_talks_with_a_focus() {
    let mut lab = lab(7);
    lab.call("alice", "conference");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine   INVITE
         engine -> alice   401
         alice -> engine   ACK
         alice -> engine   INVITE, conference
         engine -> alice   100
         engine -> alice   200, isfocus
         alice -> engine   ACK",
    );
    assert_eq!(lab.call_on("crm", "1001").state, ACTIVE);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.level(400) < AUDIBLE / 10.0, "who is alone hears nobody: {}", heard.level(400));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_was_silent_for_a_while_is_heard_again() {
    let mut lab = lab(9);
    three(&mut lab);
    lab.phone("alice").script.speaks = false;
    lab.run_ms(1_000);
    lab.does("alice", |phone, now, out| {
        phone.script.speaks = true;
        phone.handle_timeout(now, out);
    });
    lab.run_ms(1_000);
    expect_together(&mut lab, &["alice", "bob", "carol"]);
    lab.hang_up("alice");
    lab.nothing_left();
}

/// Another phone of Dave's line shows who is in it (RFC 4575).
#[test]
fn a_phone_that_watches_sees_who_comes_is_held_and_leaves() {
    let mut lab = lab(10);
    let call = talking(&mut lab);
    let (conference, consult) = set_up(&mut lab, call);
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let focus = format!("conf-{}", conference.to_string().trim_start_matches('c'));
    let accept = "Event: conference\nAccept: application/conference-info+xml\nExpires: 600\n";
    desk.subscribes(&mut lab, &focus, accept);
    let mut version = 0;
    let mut told = |lab: &mut Lab, desk: &mut Desk| {
        lab.run_ms(1_500);
        let words = |notify: trunkline_sip::message::Message| {
            let told =
                conference_info::judge(&String::from_utf8_lossy(notify.body())).expect("it was judged");
            assert_eq!(told.entity, format!("sip:{focus}@pbx.example"));
            assert_eq!(std::mem::replace(&mut version, told.version + 1), told.version);
            let users = told.users.iter().map(|[name, status]| format!(" {name} {status}"));
            let state = notify.value(HeaderName::SubscriptionState).unwrap_or_default();
            let is_last = state.starts_with("terminated");
            assert_eq!(is_last, told.state == "deleted", "{state}");
            told.state.clone() + &users.collect::<String>()
        };
        desk.told(lab).into_iter().map(words).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut lab, &mut desk), ["full Line 1001 on-hold Line 1002 connected"]);
    dial(&mut lab, consult, "1003");
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    assert_eq!(
        told(&mut lab, &mut desk),
        ["full Line 1001 connected Line 1002 connected Line 1003 connected"]
    );
    lab.hold("carol");
    assert_eq!(told(&mut lab, &mut desk), ["full Line 1001 connected Line 1002 connected Line 1003 on-hold"]);
    lab.resume("carol");
    assert_eq!(
        told(&mut lab, &mut desk),
        ["full Line 1001 connected Line 1002 connected Line 1003 connected"]
    );
    lab.does_ask("crm", Operation::Drop(conference, None));
    assert_eq!(told(&mut lab, &mut desk), ["deleted"]);
    lab.nothing_left();
}
