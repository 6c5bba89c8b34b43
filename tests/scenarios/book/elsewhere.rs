//! Calls that go elsewhere, wait, and are taken from there.

use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline_tests::Plan;

use super::Page;
use super::calls::picks_up;
use super::play::Play;

pub(super) const PAGES: &[Page] = &[
    ("complete-call", complete_call),
    ("forward", forward),
    ("park", park),
    ("pickup", pickup),
    ("redirect", redirect),
    ("secure-call", secure_call),
    ("uncomplete-call", uncomplete_call),
    ("unpark", unpark),
];

fn park(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob"]);
    play.begin_with(&["crm"], &["parked"]);
    play.asks(&call, "park", r#"{"mode":"nondirected"}"#);
    let heard = play.lab().hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 40, "{heard:?}");
    play.note("alice hears music");
    play.end();
    play.refused("the call is idle", &call, r#"{"mode":"nondirected"}"#);
    let (call, _) = play.talking(&["alice", "bob"]);
    play.refused("the park address is none", &call, r#"{"mode":"directed","to":"999"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"mode":"nondirected"}"#);
}

fn unpark(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob", "carol", "dave"]);
    play.asks(&call, "park", r#"{"mode":"nondirected"}"#);
    picks_up(play, "carol");
    play.begin_with(&["crm"], &["parked"]);
    play.asks("1003", "unpark", r#"{"from":"701"}"#);
    play.wait(1_500);
    play.lab().expect_talk("alice", "carol");
    play.note("alice and carol talk");
    play.end();
    play.refused("nobody is parked there", "1004", r#"{"from":"701"}"#);
    play.refused("there is no such park address", "1004", r#"{"from":"999"}"#);
    play.refused("there is no such line", "1999", r#"{"from":"701"}"#);
}

fn pickup(play: &mut Play) {
    let plan = Plan::seeded(1).with(|setup| {
        for line in &mut setup.lines[1..] {
            line.groups = vec!["sales".to_owned()];
        }
    });
    play.build(plan, &["alice", "bob", "carol", "dave"]);
    play.lab().call("alice", "1002");
    play.wait(1_000);
    play.begin();
    play.asks("1003", "pickup", r#"{"from":"1002"}"#);
    play.wait(1_500);
    play.lab().expect_talk("alice", "carol");
    play.note("alice and carol talk");
    play.end();
    play.refused("nothing rings there", "1004", r#"{"from":"1002"}"#);
    play.refused("there is no such group", "1004", r#"{"group":"nobody"}"#);
    play.refused("the line is not in the group of the station", "1001", r#"{"from":"1002"}"#);
}

fn redirect(play: &mut Play) {
    play.registered(&["alice", "bob", "carol"]);
    picks_up(play, "carol");
    play.lab().call("alice", "1002");
    play.wait(1_000);
    let call = play.call_on("1002");
    play.begin();
    play.asks(&call, "redirect", r#"{"to":"1003"}"#);
    play.wait(1_500);
    play.lab().expect_talk("alice", "carol");
    play.note("alice and carol talk");
    play.end();
    let (_, call) = play.talking(&["alice", "bob"]);
    play.refused("the call is answered", &call, r#"{"to":"1003"}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"to":"1003"}"#);
    play.registered(&["alice", "bob"]).call("alice", "1002");
    play.wait(1_000);
    let call = play.call_on("1002");
    play.refused("the number leads nowhere", &call, r#"{"to":"999"}"#);
}

fn forward(play: &mut Play) {
    play.registered(&["alice", "bob", "carol"]);
    picks_up(play, "carol");
    play.begin_with(&["crm"], &["address-state"]);
    play.asks("1002", "forward", r#"{"entries":[{"mode":"uncond","destination":"1003"}]}"#);
    play.lab().call("alice", "1002");
    play.wait(2_000);
    play.lab().expect_talk("alice", "carol");
    play.note("alice and carol talk");
    play.end();
    play.refused(
        "the destination leads nowhere",
        "1002",
        r#"{"entries":[{"mode":"uncond","destination":"999"}]}"#,
    );
    play.refused("there is no such line", "1999", r#"{"entries":[]}"#);
    play.refused("the line is a trunk", "carrier", r#"{"entries":[]}"#);
}

/// Bob talks with Carol and refuses others as busy; Alice calls him by an application: her call, which is busy.
fn bob_is_busy(play: &mut Play) -> String {
    play.registered(&["alice", "bob", "carol"]).connected_call("carol", "bob");
    play.lab().phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    picks_up(play, "alice");
    let answer = play.asks("1001", "make-call", r#"{"to":"1002"}"#);
    play.wait(2_000);
    answer["call"].as_str().expect("a call").to_owned()
}

fn complete_call(play: &mut Play) {
    let call = bob_is_busy(play);
    play.begin();
    play.asks(&call, "complete-call", r#"{"mode":"callback"}"#);
    play.wait(1_000);
    play.lab().hang_up("carol");
    play.wait(1_000);
    picks_up(play, "bob");
    play.wait(5_000);
    play.lab().expect_talk("alice", "bob");
    play.note("alice and bob talk");
    play.end();
    play.refused("the call is idle", &call, r#"{"mode":"callback"}"#);
    let call = bob_is_busy(play);
    play.refused("`[completion]` has no messages", &call, r#"{"mode":"message","message":0}"#);
    play.refused_as("wall", "the application does not own the call", &call, r#"{"mode":"callback"}"#);
}

fn uncomplete_call(play: &mut Play) {
    let call = bob_is_busy(play);
    let answer = play.asks(&call, "complete-call", r#"{"mode":"callback"}"#);
    let body = format!(r#"{{"completion":{}}}"#, answer["completion"]);
    play.wait(500);
    play.begin();
    play.asks("1001", "uncomplete-call", &body);
    play.lab().hang_up("carol");
    play.wait(5_000);
    play.note("nobody is called back");
    play.end();
    play.refused("no such completion is outstanding", "1001", &body);
    play.refused("there is no such line", "1999", &body);
}

fn secure_call(play: &mut Play) {
    let (_, call) = play.talking(&["alice", "bob", "carol"]);
    play.begin();
    play.asks(&call, "secure-call", "");
    play.lab().call("carol", "1002");
    play.wait(1_000);
    play.note("bob's phone does not ring");
    play.end();
    play.refused_as("wall", "the application does not own the call", &call, "");
    play.refused("there is no such call", "c99", "");
}
