//! Transfers and conferences.

use super::Page;
use super::calls::picks_up;
use super::play::Play;

pub(super) const PAGES: &[Page] = &[
    ("add-to-conference", add_to_conference),
    ("blind-transfer", blind_transfer),
    ("complete-transfer", complete_transfer),
    ("get-conf-related-calls", get_conf_related_calls),
    ("prepare-add-to-conference", prepare_add_to_conference),
    ("remove-from-conference", remove_from_conference),
    ("setup-conference", setup_conference),
    ("setup-transfer", setup_transfer),
];

/// Alice talks with Bob; Carol and Dave pick up by themselves. The call of Bob's line.
fn bob_talks(play: &mut Play) -> String {
    let (_, call) = play.talking(&["alice", "bob", "carol", "dave"]);
    picks_up(play, "carol");
    picks_up(play, "dave");
    call
}

fn field(answer: &serde_json::Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}")).to_owned()
}

fn blind_transfer(play: &mut Play) {
    let call = bob_talks(play);
    play.begin();
    play.asks(&call, "blind-transfer", r#"{"to":"1003"}"#);
    play.wait(1_500);
    play.lab().expect_talk("alice", "carol");
    play.note("alice and carol talk");
    play.end();
    play.refused("the call is idle", &call, r#"{"to":"1003"}"#);
    let call = bob_talks(play);
    play.refused("the number leads nowhere", &call, r#"{"to":"999"}"#);
    play.refused("a route refuses the number", &call, r#"{"to":"666"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"to":"1003"}"#);
}

fn setup_transfer(play: &mut Play) {
    let call = bob_talks(play);
    play.begin();
    let answer = play.asks(&call, "setup-transfer", "");
    let consult = field(&answer, "consult");
    play.asks(&consult, "dial", r#"{"digits":"1003"}"#);
    play.wait(1_500);
    play.lab().expect_talk("bob", "carol");
    play.note("bob and carol talk");
    play.end();
    play.refused("the call waits for a transfer already", &call, "");
    play.refused_as("wall", "the application does not own the call", &call, "");
}

fn complete_transfer(play: &mut Play) {
    let call = bob_talks(play);
    let answer = play.asks(&call, "setup-transfer", r#"{"to":"1003"}"#);
    let consult = field(&answer, "consult");
    play.wait(1_500);
    let body = format!(r#"{{"consult":"{consult}","mode":"transfer"}}"#);
    play.begin();
    play.asks(&call, "complete-transfer", &body);
    play.lab().expect_talk("alice", "carol");
    play.note("alice and carol talk");
    play.end();
    play.refused("the transfer is done already", &call, &body);
    let call = bob_talks(play);
    play.refused("the call is connected: nothing was set up", &call, r#"{"consult":"c1","mode":"transfer"}"#);
    play.asks(&call, "setup-transfer", "");
    play.refused("there is no such consultation call", &call, r#"{"consult":"c99","mode":"transfer"}"#);
    play.refused_as(
        "wall",
        "the application does not own the calls",
        &call,
        r#"{"consult":"c3","mode":"transfer"}"#,
    );
}

/// Bob begins a conference with Alice and consults Carol: the conference, Alice's call in it, the consultation call.
fn conference_begins(play: &mut Play) -> (String, String, String) {
    let call = bob_talks(play);
    let answer = play.asks(&call, "setup-conference", "");
    let consult = field(&answer, "consult");
    play.asks(&consult, "dial", r#"{"digits":"1003"}"#);
    play.wait(1_500);
    (field(&answer, "conference"), call, consult)
}

/// The same, and Carol is in it.
fn conference(play: &mut Play) -> (String, String, String) {
    let (conference, first, consult) = conference_begins(play);
    let body = format!(r#"{{"consult":"{consult}"}}"#);
    play.asks(&conference, "add-to-conference", &body);
    (conference, first, consult)
}

fn setup_conference(play: &mut Play) {
    let call = bob_talks(play);
    play.begin();
    let answer = play.asks(&call, "setup-conference", "");
    let consult = field(&answer, "consult");
    play.asks(&consult, "dial", r#"{"digits":"1003"}"#);
    play.wait(1_500);
    play.lab().expect_talk("bob", "carol");
    play.note("bob and carol talk, alice hears music");
    play.end();
    play.refused("the call is in a conference already", &call, "");
    play.refused_as("wall", "the application does not own the call", &call, "");
}

fn add_to_conference(play: &mut Play) {
    let (conference, _, consult) = conference_begins(play);
    let body = format!(r#"{{"consult":"{consult}"}}"#);
    play.begin();
    play.asks(&conference, "add-to-conference", &body);
    play.end();
    play.refused("no call waits to be added", &conference, &body);
    play.refused("the first call is no conference", &consult, &body);
    play.refused_as("wall", "the application does not own the calls", &conference, &body);
}

fn prepare_add_to_conference(play: &mut Play) {
    let (conference, first, _) = conference(play);
    play.begin();
    let answer = play.asks(&conference, "prepare-add-to-conference", "");
    let consult = field(&answer, "consult");
    play.asks(&consult, "dial", r#"{"digits":"1004"}"#);
    play.wait(1_500);
    play.lab().expect_talk("bob", "dave");
    play.note("bob and dave talk; alice and carol talk on");
    play.end();
    play.refused("another call is prepared already", &conference, "");
    play.refused("the call is no conference", &first, "");
    play.refused_as("wall", "the application does not own the conference", &conference, "");
}

fn remove_from_conference(play: &mut Play) {
    let (conference, _, carol) = conference(play);
    play.begin();
    play.asks(&carol, "remove-from-conference", "");
    play.lab().expect_talk("alice", "bob");
    play.note("alice and bob talk");
    play.end();
    play.refused("the call is no member any more", &carol, "");
    play.refused("the call is the conference itself", &conference, "");
}

fn get_conf_related_calls(play: &mut Play) {
    let (conference, ..) = conference(play);
    play.begin();
    play.asks(&conference, "get-conf-related-calls", "");
    play.end();
    let (call, _) = play.talking(&["alice", "bob"]);
    play.refused("the call is in no conference", &call, "");
    play.refused("there is no such call", "c99", "");
}
