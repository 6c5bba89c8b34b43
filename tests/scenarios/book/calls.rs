//! Calls that are made, answered, held and ended.

use std::time::Duration;

use trunkline::demo::OnInvite;

use super::Page;
use super::play::Play;

pub(super) const PAGES: &[Page] = &[
    ("accept", accept),
    ("answer", answer),
    ("deallocate-call", deallocate_call),
    ("dial", dial),
    ("drop", drop_call),
    ("hold", hold),
    ("make-call", make_call),
    ("swap-hold", swap_hold),
    ("unhold", unhold),
];

/// The phone picks up by itself after a second.
pub(super) fn picks_up(play: &mut Play, phone: &str) {
    play.lab().phone(phone).script.on_invite = OnInvite::Answer(Duration::from_secs(1));
}

fn make_call(play: &mut Play) {
    play.registered(&["alice", "bob"]);
    for phone in ["alice", "bob"] {
        picks_up(play, phone);
    }
    play.begin();
    play.asks("1001", "make-call", r#"{"to":"1002"}"#);
    play.wait(2_500);
    play.lab().expect_talk("alice", "bob");
    play.note("alice and bob talk");
    play.end();
    play.refused("the number leads nowhere", "1001", r#"{"to":"999"}"#);
    play.refused("a route refuses the number", "1001", r#"{"to":"666"}"#);
    play.refused("the number asks a person (`?`)", "1001", r#"{"to":"10?2"}"#);
    play.refused("the line has no phone that is registered", "1003", r#"{"to":"1002"}"#);
    play.refused("there is no such line", "1999", r#"{"to":"1002"}"#);
}

fn accept(play: &mut Play) {
    play.registered(&["alice"]);
    play.begin();
    play.lab().call("alice", "2001");
    play.wait(100);
    let call = play.call_on("2001");
    play.asks(&call, "accept", "");
    play.end();
    play.refused("the call is accepted already", &call, "");
    play.refused_as("wall", "the application does not own the call", &call, "");
    play.refused("there is no such call", "c99", "");
}

fn answer(play: &mut Play) {
    play.registered(&["alice"]);
    play.begin();
    play.lab().call("alice", "2001");
    play.wait(300);
    let call = play.call_on("2001");
    play.asks(&call, "answer", "");
    play.end();
    play.refused("the call is answered already", &call, "");
    play.refused_as("wall", "the application does not own the call", &call, "");
}

fn drop_call(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.begin();
    play.asks(&call, "drop", "");
    play.end();
    play.refused("the call is idle", &call, "");
    let (_, call) = play.talking(&["alice", "bob"]);
    play.refused_as("wall", "the application does not own the call", &call, "");
    play.refused("there is no such call", "c99", "");
}

fn deallocate_call(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.begin();
    play.lab().hang_up("alice");
    play.wait(300);
    play.asks(&call, "deallocate-call", "");
    play.end();
    play.refused("the handle is gone", &call, "");
}

fn dial(play: &mut Play) {
    play.registered(&["alice", "bob"]);
    for phone in ["alice", "bob"] {
        picks_up(play, phone);
    }
    play.begin();
    play.asks("1001", "make-call", r#"{"to":""}"#);
    play.wait(1_500);
    let call = play.call_on("1001");
    play.asks(&call, "dial", r#"{"digits":"10;"}"#);
    play.asks(&call, "dial", r#"{"digits":"02"}"#);
    play.wait(1_500);
    play.lab().expect_talk("alice", "bob");
    play.note("alice and bob talk");
    play.end();
    play.refused("the call is connected", &call, r#"{"digits":"1"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"digits":"1"}"#);
}

fn hold(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.begin();
    play.asks(&call, "hold", "");
    let heard = play.lab().hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 40, "{heard:?}");
    play.note("alice hears music");
    play.end();
    play.refused("the call is held already", &call, "");
    play.refused_as("wall", "the application does not own the call", &call, "");
    play.refused("there is no such call", "c99", "");
}

fn unhold(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.asks(&call, "hold", "");
    play.begin();
    play.asks(&call, "unhold", "");
    play.lab().expect_talk("alice", "bob");
    play.note("alice and bob talk");
    play.end();
    play.refused("the call is not held", &call, "");
    play.refused_as("wall", "the application does not own the call", &call, "");
}

fn swap_hold(play: &mut Play) {
    let (_, held) = play.talking(&["alice", "bob", "carol"]);
    picks_up(play, "carol");
    let answer = play.asks(&held, "setup-transfer", r#"{"to":"1003"}"#);
    let active = answer["consult"].as_str().expect("a consultation call").to_owned();
    play.wait(1_500);
    let body = format!(r#"{{"with":"{held}"}}"#);
    play.begin();
    play.asks(&active, "swap-hold", &body);
    play.lab().expect_talk("alice", "bob");
    play.note("alice and bob talk");
    play.end();
    play.refused("the first call is held, not the second", &active, &body);
    play.refused("there is no such second call", &held, r#"{"with":"c99"}"#);
    play.refused_as("wall", "the application does not own the calls", &active, &body);
}
