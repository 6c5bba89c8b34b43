//! Digits, recordings, forks, and addresses.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline::switch::ForkUrl;
use trunkline::translate::{Country, Location, Locations};
use trunkline_tests::Plan;

use super::Page;
use super::play::Play;

pub(super) const PAGES: &[Page] = &[
    ("gather-digits", gather_digits),
    ("generate-digits", generate_digits),
    ("monitor-digits", monitor_digits),
    ("monitor-media", monitor_media),
    ("start-fork", start_fork),
    ("start-recording", start_recording),
    ("translate-address", translate_address),
];

/// Alice talks with a line of the engine: its call, whose far side she is.
fn alice_and_engine(play: &mut Play) -> String {
    play.registered(&["alice"]).phone("alice").script.speaks = false;
    play.lab().call("alice", "2001");
    play.wait(300);
    let call = play.call_on("2001");
    play.asks(&call, "answer", "");
    call
}

fn generate_digits(play: &mut Play) {
    let call = alice_and_engine(play);
    play.begin_with(&["crm"], &["generate"]);
    play.lab().phone("alice").listen();
    play.asks(&call, "generate-digits", r#"{"digits":"12"}"#);
    play.wait(1_000);
    assert_eq!(play.lab().phone("alice").heard().digits, "12");
    play.note("alice's phone was sent 1 and 2");
    play.end();
    play.refused("pulses cannot be sent", &call, r#"{"digits":"1","mode":"pulse"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"digits":"1"}"#);
}

fn gather_digits(play: &mut Play) {
    let call = alice_and_engine(play);
    play.begin_with(&["crm"], &["digits"]);
    let body = r##"{"count":4,"termination_digits":"#","first_digit_timeout_ms":5000,"inter_digit_timeout_ms":2000}"##;
    play.asks(&call, "gather-digits", body);
    for digit in "42#".chars() {
        play.presses("alice", digit);
    }
    play.end();
    play.refused("it is to end without a digit", &call, r#"{"count":0}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"count":4}"#);
}

fn monitor_digits(play: &mut Play) {
    let call = alice_and_engine(play);
    play.begin_with(&["crm"], &["digits"]);
    play.asks(&call, "monitor-digits", r#"{"modes":["dtmf"]}"#);
    for digit in "42".chars() {
        play.presses("alice", digit);
    }
    play.end();
    play.refused("pulses are not seen", &call, r#"{"modes":["pulse"]}"#);
    play.refused("there is no such call", "c99", r#"{"modes":["dtmf"]}"#);
}

fn monitor_media(play: &mut Play) {
    let call = alice_and_engine(play);
    play.begin_with(&["crm"], &["media"]);
    play.asks(&call, "monitor-media", r#"{"media_modes":["interactivevoice"]}"#);
    play.wait(1_000);
    play.end();
    play.refused("the mode cannot be detected", &call, r#"{"media_modes":["tdd"]}"#);
    play.refused("there is no such call", "c99", r#"{"media_modes":["interactivevoice"]}"#);
}

fn start_recording(play: &mut Play) {
    let records = |maximum| Plan::seeded(1).with(move |setup| setup.recording.recordings_max = maximum);
    play.build(records(4), &["alice", "bob"]);
    play.lab().connected_call("alice", "bob");
    let call = play.call_on("1002");
    play.begin_with(&["crm"], &["recording"]);
    play.asks(&call, "start-recording", "");
    play.wait(1_000);
    play.asks(&call, "pause-recording", "");
    play.wait(1_000);
    play.asks(&call, "resume-recording", "");
    play.wait(1_000);
    play.asks(&call, "stop-recording", "");
    play.end();
    play.refused_as("wall", "the application does not own the call", &call, "");
    let (_, call) = play.talking(&["alice", "bob"]);
    play.refused("`[recording]` names no directory", &call, "");
}

fn start_fork(play: &mut Play) {
    let url = ForkUrl::parse("ws://speech.example:9000/").expect("it is one");
    let plan = Plan::seeded(1).with(|setup| {
        setup.fork.allow = vec![url];
        setup.fork.forks_max = 3;
        setup.fork.per_call_max = 1;
    });
    play.build(plan, &["alice", "bob"]);
    play.lab().connected_call("alice", "bob");
    let call = play.call_on("1002");
    play.begin_with(&["crm"], &["fork"]);
    let answer = play.asks(&call, "start-fork", r#"{"url":"ws://speech.example:9000/a"}"#);
    play.wait(1_000);
    let fork = answer["fork"].as_str().expect("a fork").to_owned();
    play.asks(&call, "stop-fork", &format!(r#"{{"fork":"{fork}"}}"#));
    play.wait(500);
    play.end();
    play.refused("`[fork]` `allow` has no such URL", &call, r#"{"url":"ws://elsewhere.example/"}"#);
    play.asks(&call, "start-fork", r#"{"url":"ws://speech.example:9000/a"}"#);
    play.refused("the call has as many forks as it may", &call, r#"{"url":"ws://speech.example:9000/b"}"#);
    play.refused_as(
        "wall",
        "the application does not own the call",
        &call,
        r#"{"url":"ws://speech.example:9000/a"}"#,
    );
}

fn translate_address(play: &mut Play) {
    let berlin = Location::new(Country::of_code(49).expect("a country"), "30");
    let locations = Arc::new(Locations::new(vec![berlin], Vec::new(), HashMap::new()));
    play.build(Plan::seeded(1).with(|setup| setup.translation = locations), &["alice"]);
    play.begin();
    play.asks("1001", "translate-address", r#"{"address":"+1 (206) 555-0123"}"#);
    play.end();
    play.refused("the address is none", "1001", r#"{"address":""}"#);
    play.refused(
        "there is no such calling card",
        "1001",
        r#"{"address":"+1 (206) 555-0123","card":9,"options":["cardoverride"]}"#,
    );
    play.refused("there is no such line", "1999", r#"{"address":"1"}"#);
}
