//! INVITEs that name another dialog, and what else only some INVITEs say.

use super::bench::{Bench, SDP_BODY, invite, request, response};
use super::*;
use crate::outbox::{CallDetails, Replaced};

/// Another INVITE than that of the call of [`request`].
fn other(headers: &str) -> String {
    invite(headers).replace("Call-ID: call", "Call-ID: other").replace(";tag=peer", ";tag=other")
}

fn details(bench: &mut Bench) -> Option<CallDetails> {
    bench.events().into_iter().find_map(|event| {
        if let Event::Incoming(_, call) = event { call.details.map(|details| *details) } else { None }
    })
}

/// A call that rings: the leg and our tag.
fn ringing(bench: &mut Bench) -> (LegId, String) {
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Progress(leg, 180, None));
    let tag = bench.sent().last().unwrap().1.to_tag().to_owned();
    (leg, tag)
}

#[test]
fn a_dialog_is_found_by_our_tag_with_the_tags_in_either_order() {
    for early_only in [false, true] {
        let mut bench = Bench::new();
        let (leg, tag) = ringing(&mut bench);
        let flag = if early_only { ";early-only" } else { "" };
        for name in ["Replaces", "Join"] {
            for tags in [format!("to-tag={tag};from-tag=peer"), format!("from-tag={tag};to-tag=peer")] {
                bench.say(
                    other(&format!("{name}: call;{tags}{flag}\r\nRequire: {name}\r\n"))
                        .replace(
                            "branch=",
                            &format!("branch={name}{}", tags.len() + usize::from(tags.starts_with('f'))),
                        )
                        .replace(
                            "Call-ID: other",
                            &format!("Call-ID: {name}{tags}").replace([';', '='], "-"),
                        ),
                );
                let found = details(&mut bench).unwrap();
                let expected = Some(Replaced { leg: Some(leg), early_only });
                assert_eq!(
                    if name == "Join" { found.join } else { found.replaces },
                    expected,
                    "{name} {tags}"
                );
            }
        }
    }
}

#[test]
fn a_dialog_of_ours_as_caller_is_found_once_the_callee_has_a_tag() {
    let mut bench = Bench::new();
    let leg = LegId::new(0, 1);
    bench.command(Command::Invite(leg, invite_to(bench.flow.local, bench.flow.remote)));
    let sent = bench.only();
    let named = |bench: &mut Bench, call: &str| {
        bench.say(
            other(&format!("Replaces: {};from-tag=callee;to-tag={}\r\n", sent.call_id(), sent.from_tag()))
                .replace("Call-ID: other", &format!("Call-ID: {call}"))
                .replace("branch=", &format!("branch={call}")),
        );
        details(bench).unwrap().replaces.unwrap().leg
    };
    assert_eq!(named(&mut bench, "one"), None);
    bench.say(response(&sent, 180, "callee", "", ""));
    assert_eq!(named(&mut bench, "two"), Some(leg));
    bench.say(response(&sent, 200, "callee", "Contact: <sip:bob@192.0.2.2:5070>\r\n", SDP_BODY));
    assert_eq!(named(&mut bench, "three"), Some(leg));
}

#[test]
fn a_dialog_that_is_not_there_is_none() {
    let mut bench = Bench::new();
    let (_, tag) = ringing(&mut bench);
    for (number, name) in [
        format!("call;to-tag={tag};from-tag=somebody"),
        format!("another;to-tag={tag};from-tag=peer"),
        "call;to-tag=x;from-tag=peer".to_owned(),
        format!("call;to-tag=00ff{};from-tag=peer", "0".repeat(16)),
    ]
    .into_iter()
    .enumerate()
    {
        let text = other(&format!("Replaces: {name}\r\n"));
        bench.say(
            text.replace("Call-ID: other", &format!("Call-ID: {number}"))
                .replace("branch=", &format!("branch={number}")),
        );
        assert_eq!(
            details(&mut bench).unwrap().replaces,
            Some(Replaced { leg: None, early_only: false }),
            "{name}"
        );
    }
    assert!(bench.unresolved.is_empty());
}

#[test]
fn an_invite_that_names_two_dialogs_or_none_that_can_be_read_is_400() {
    for headers in [
        "Replaces: a;to-tag=1;from-tag=2\r\nJoin: a;to-tag=1;from-tag=2\r\n",
        "Replaces: a;to-tag=1;from-tag=2\r\nReplaces: a;to-tag=1;from-tag=2\r\n",
        "Replaces: a;to-tag=1\r\n",
    ] {
        let mut bench = Bench::new();
        bench.say(invite(headers));
        assert_eq!((bench.heard(), bench.told()), (vec!["400".to_owned()], vec![]));
        bench.expect_nothing_left();
    }
}

#[test]
fn only_an_invite_may_name_a_dialog() {
    let mut bench = Bench::new();
    let replaces = "Replaces: a;to-tag=1;from-tag=2\r\n";
    for method in ["OPTIONS", "REFER", "INFO"] {
        bench.say(request(method, 1, "", replaces, ""));
    }
    assert_eq!(bench.heard(), ["400"; 3]);
    let (_, tag) = ringing(&mut bench);
    bench.say(request("UPDATE", 2, &tag, replaces, ""));
    bench.say(request("BYE", 3, &tag, replaces, ""));
    assert_eq!(bench.heard(), ["400", "200", "487"]);
}

#[test]
fn a_plain_call_has_no_details() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    assert_eq!(details(&mut bench), None);
}

#[test]
fn octets_from_user_to_user_come_after_the_call_and_before_what_they_came_with() {
    let mut bench = Bench::new();
    bench.say(invite("User-to-User: 6869;encoding=hex\r\n"));
    let events = bench.events();
    assert_eq!(events.iter().map(name).collect::<Vec<_>>(), ["Incoming", "UserToUser hi"]);
    let Event::Incoming(leg, _) = events[0] else { unreachable!() };
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent().last().unwrap().1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.say(request("BYE", 2, &tag, "User-to-User: 627965\r\n", ""));
    assert_eq!(bench.told(), ["Established", "UserToUser bye", "Ended Bye"]);
    bench.expect_nothing_left();

    let mut bench = Bench::new();
    bench.command(Command::Invite(LegId::new(0, 1), invite_to(bench.flow.local, bench.flow.remote)));
    let sent = bench.only();
    bench.say(response(&sent, 180, "b", "User-to-User: 31\r\n", ""));
    bench.say(response(&sent, 200, "b", "User-to-User: 32\r\nContact: <sip:b@192.0.2.2>\r\n", SDP_BODY));
    assert_eq!(bench.told(), ["UserToUser 1", "Progress 180", "UserToUser 2", "Answered"]);
}

/// Two workers with a call that rings at the first one: its leg, and an INVITE to the other that is to replace it.
fn workers() -> ([Bench; 2], LegId, String) {
    let mut benches = [0, 1].map(|number| Bench::of_worker((number, 2), trusting(), "192.0.2.2:5070"));
    let (leg, tag) = ringing(&mut benches[0]);
    (benches, leg, other(&format!("Replaces: call;to-tag={tag};from-tag=peer\r\n")))
}

/// Carries one message between the workers.
fn carry(benches: &mut [Bench; 2], from: usize, to: u16) {
    let (worker, unresolved) = benches[from].unresolved.remove(0);
    assert_eq!(worker, to);
    benches[usize::from(to)].act(|agent, now, out| agent.resolve(now, unresolved, out));
}

#[test]
fn the_dialog_of_another_worker_is_asked_for() {
    let (mut benches, leg, replacing) = workers();
    benches[1].say(replacing);
    assert_eq!(benches[1].heard(), ["100"]);
    assert!(benches[1].told().is_empty(), "the owner is told when the leg is known");
    carry(&mut benches, 1, 0);
    carry(&mut benches, 0, 1);
    assert_eq!(
        details(&mut benches[1]).unwrap().replaces,
        Some(Replaced { leg: Some(leg), early_only: false })
    );
    benches[1].pass(seconds(2));
    assert!(benches[1].told().is_empty(), "told once");
}

#[test]
fn a_worker_that_does_not_answer_has_no_such_dialog() {
    let (mut benches, _, replacing) = workers();
    benches[1].say(replacing);
    benches[1].pass(milliseconds(500));
    assert_eq!(details(&mut benches[1]).unwrap().replaces, Some(Replaced { leg: None, early_only: false }));
    carry(&mut benches, 1, 0);
    carry(&mut benches, 0, 1);
    assert!(benches[1].told().is_empty(), "the answer is too late");
}

#[test]
fn a_caller_who_hangs_up_before_the_answer_was_never_there() {
    let (mut benches, _, replacing) = workers();
    benches[1].say(replacing.clone());
    let cancel = replacing.replace("INVITE", "CANCEL").replace("z9hG4bK-1-CANCEL", "z9hG4bK-1-INVITE");
    let end = cancel.find("Content-Type").unwrap();
    benches[1].say(format!("{}Content-Length: 0\r\n\r\n", &cancel[..end]));
    assert_eq!(benches[1].heard(), ["100", "200", "487"]);
    carry(&mut benches, 1, 0);
    carry(&mut benches, 0, 1);
    assert!(benches[1].told().is_empty());
    benches[1].expect_nothing_left();
}

#[test]
fn two_tags_that_look_like_ours_are_both_tried() {
    let mut benches = [0, 1].map(|number| Bench::of_worker((number, 2), trusting(), "192.0.2.2:5070"));
    // The peer makes tags as we do: the first reading leads to worker 1, which has no such dialog.
    let theirs = format!("0001{}", "0".repeat(16));
    benches[0].say(invite("").replace(";tag=peer", &format!(";tag={theirs}")));
    let leg = benches[0].incoming();
    benches[0].command(Command::Progress(leg, 180, None));
    let ours = benches[0].sent().last().unwrap().1.to_tag().to_owned();
    benches[1].say(other(&format!("Replaces: call;to-tag={theirs};from-tag={ours}\r\n")));
    carry(&mut benches, 1, 0);
    carry(&mut benches, 0, 1);
    assert_eq!(details(&mut benches[1]).unwrap().replaces.unwrap().leg, Some(leg));
}
