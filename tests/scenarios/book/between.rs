//! What lies between applications, and what goes with a call.

use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline::switch::CallPrivilege;
use trunkline_tests::Plan;

use super::Page;
use super::calls::picks_up;
use super::play::Play;

pub(super) const PAGES: &[Page] = &[
    ("close", close),
    ("get-new-calls", get_new_calls),
    ("handoff", handoff),
    ("open", open),
    ("send-user-user-info", send_user_user_info),
    ("set-app-priority", set_app_priority),
    ("set-call-data", set_call_data),
    ("set-call-privilege", set_call_privilege),
    ("set-call-quality-of-service", set_call_quality_of_service),
    ("set-media-mode", set_media_mode),
    ("set-status-messages", set_status_messages),
];

/// Both applications may own; alice and bob talk. The call of bob's line.
fn both_own(play: &mut Play) -> String {
    let plan = Plan::seeded(1).with(|setup| {
        for app in &mut setup.apps {
            app.privilege = CallPrivilege::Owner;
        }
    });
    play.build(plan, &["alice", "bob", "carol"]);
    play.lab().connected_call("alice", "bob");
    play.call_on("1002")
}

fn handoff(play: &mut Play) {
    let call = both_own(play);
    play.begin_with(&["crm", "wall"], &["call-info"]);
    play.asks(&call, "handoff", r#"{"app":"wall"}"#);
    play.end();
    play.refused("there is no such application, or it does not open the line", &call, r#"{"app":"nobody"}"#);
    play.refused("the first of them is the one that asks", &call, r#"{"media_mode":"interactivevoice"}"#);
    play.refused("nobody opened the line as owner for the mode", &call, r#"{"media_mode":"g3fax"}"#);
}

fn set_call_privilege(play: &mut Play) {
    let call = both_own(play);
    play.asks(&call, "handoff", r#"{"app":"wall"}"#);
    play.begin_with(&["crm", "wall"], &["call-info"]);
    play.asks(&call, "set-call-privilege", r#"{"privilege":"monitor"}"#);
    play.end();
    play.refused("there is no such privilege", &call, r#"{"privilege":"none"}"#);
    play.refused("there is no such call", "c99", r#"{"privilege":"monitor"}"#);
}

fn get_new_calls(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.asks(&call, "deallocate-call", "");
    play.begin();
    play.asks("1002", "get-new-calls", "");
    play.end();
    play.refused("there is no such line", "1999", "");
}

fn open(play: &mut Play) {
    play.registered(&["alice", "bob"]);
    play.asks("1002", "close", "");
    play.begin_with(&["crm"], &["line-state"]);
    play.asks("1002", "open", r#"{"privilege":"owner","media_modes":["interactivevoice"]}"#);
    play.lab().call("alice", "1002");
    play.wait(500);
    play.end();
    play.refused_as(
        "wall",
        "the configuration gives the application less",
        "1002",
        r#"{"privilege":"owner"}"#,
    );
    play.refused("there is no such line", "1999", r#"{"privilege":"owner"}"#);
}

fn close(play: &mut Play) {
    let _calls = play.talking(&["alice", "bob"]);
    play.begin_with(&["crm"], &["line-state"]);
    play.asks("1002", "close", "");
    play.lab().hang_up("alice");
    play.wait(500);
    play.end();
    play.refused("there is no such line", "1999", "");
}

fn set_app_priority(play: &mut Play) {
    both_own(play);
    play.lab().hang_up("alice");
    play.wait(500);
    play.begin_with(&["crm", "wall"], &[]);
    play.asks("wall", "set-app-priority", r#"{"media_mode":"interactivevoice","priority":1}"#);
    play.lab().call("alice", "1002");
    play.wait(500);
    play.end();
}

fn set_status_messages(play: &mut Play) {
    play.registered(&["alice", "bob"]);
    play.begin_with(&["crm"], &["line-state", "address-state"]);
    play.asks("1002", "set-status-messages", r#"{"line_states":["ringing"],"address_states":["numcalls"]}"#);
    play.lab().call("alice", "1002");
    play.wait(1_000);
    play.end();
    play.refused("there is no such line", "1999", r#"{"line_states":["ringing"]}"#);
}

fn set_call_data(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob", "carol"]);
    picks_up(play, "carol");
    play.begin_with(&["crm"], &["call-info"]);
    play.asks(&call, "set-call-data", r#"{"data":"63617365203432"}"#);
    play.asks(&call, "blind-transfer", r#"{"to":"1003"}"#);
    play.wait(1_500);
    assert_eq!(&play.lab().call_on("crm", "1003").data[..], b"case 42");
    play.note("the call of 1003 has the data");
    play.end();
    play.refused("the call is over", &call, r#"{"data":"00"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"data":"00"}"#);
}

fn send_user_user_info(play: &mut Play) {
    play.registered(&[]);
    play.lab().phone("carrier").script.on_invite = OnInvite::Answer(Duration::from_millis(200));
    let answer = play.asks("2001", "make-call", r#"{"to":"0301234"}"#);
    let call = answer["call"].as_str().expect("a call").to_owned();
    play.wait(1_000);
    play.begin();
    play.asks(&call, "send-user-user-info", r#"{"data":"046d6f7265"}"#);
    play.end();
    let long = format!(r#"{{"data":"04{}"}}"#, "61".repeat(300));
    play.refused("the octets are more than the far side takes", &call, &long);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"data":"04"}"#);
}

fn set_call_quality_of_service(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.begin_with(&["crm"], &["call-info"]);
    play.asks(&call, "set-call-quality-of-service", r#"{"level":"best-effort"}"#);
    play.end();
    play.refused("the level cannot be promised", &call, r#"{"level":"needed"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"level":"best-effort"}"#);
}

fn set_media_mode(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.begin_with(&["crm"], &["call-info"]);
    play.asks(&call, "set-media-mode", r#"{"media_modes":["automatedvoice"]}"#);
    play.end();
    play.refused(
        "several modes, and none of them unknown",
        &call,
        r#"{"media_modes":["g3fax","automatedvoice"]}"#,
    );
    play.refused_as("wall", "the application does not own the call", &call, r#"{"media_modes":["g3fax"]}"#);
}
