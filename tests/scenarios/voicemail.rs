//! Voicemail: who is not answered is handed to the mailbox of the line, and phones hear their messages, on the wire.

use std::time::Duration;

use regex::Regex;
use trunkline::demo::{OnInvite, Status};
use trunkline::switch::CallReason;
use trunkline::switch::setup::{RouteSetup, VoicemailSetup};
use trunkline_tests::{Lab, Plan};

/// The trunk `overseas` keeps the messages: `*97` leads there.
fn lab(seed: u64, phones: &[&str], deposit: &str) -> Lab {
    let plan = Plan::seeded(seed).with(|setup| {
        let pattern = Regex::new(r"^\*97$").expect("an expression");
        let to = trunkline::switch::setup::RouteTo::Trunk("overseas".into());
        setup.routes.push(RouteSetup { pattern, to, number: None, ..setup.routes[0].clone() });
        setup.voicemail = VoicemailSetup {
            number: "*97".to_owned(),
            deposit: deposit.to_owned(),
            rings: 2,
            ..VoicemailSetup::default()
        };
    });
    plan.build().with_registered(phones)
}

#[test]
fn a_call_that_nobody_answers_is_handed_to_the_mailbox() {
    let mut lab = lab(1, &["alice", "bob"], "*97");
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.ladder().forget();
    lab.run(Duration::from_secs(12));
    lab.expect_ladder(
        "engine -> bob       CANCEL, SIP;cause=408
         engine -> overseas  INVITE sip:*97@, ;target=sip:1002%40pbx.example;cause=408, <sip:1002@pbx.example>;reason=no-answer;counter=1, <sip:1002@pbx.example?Reason=SIP%3Bcause%3D408>;index=1
         bob -> engine       200 CANCEL
         bob -> engine       487
         overseas -> engine  180
         engine -> bob       ACK",
    );
    lab.answer("overseas");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "overseas");
    let call = lab.call_on("wall", "overseas");
    assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::FwdNoAnswer, "1002"));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_busy_phone_hands_its_callers_to_a_line_that_keeps_messages() {
    let mut lab = lab(2, &["alice", "bob", "carol"], "1003");
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "engine -> bob    INVITE
         bob -> engine    486
         engine -> bob    ACK
         engine -> carol  INVITE, \"Line 1002\" <sip:1002@pbx.example>;reason=user-busy;counter=1
         carol -> engine  180",
    );
    // Both ends hang up at once.
    lab.answer("carol");
    lab.run_ms(1_000);
    lab.hang_up("carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_is_gone_has_a_mailbox_and_a_caller_who_gives_up_leaves_nothing() {
    let mut lab = lab(3, &["alice"], "*97");
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine     INVITE
         engine -> alice     401
         alice -> engine     ACK
         alice -> engine     INVITE
         engine -> overseas  INVITE sip:*97@, ;cause=503, reason=unavailable
         overseas -> engine  180
         engine -> alice     180",
    );
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn the_key_of_the_mailbox_leads_to_the_messages() {
    let mut lab = lab(4, &["alice"], "*97");
    for dialled in ["*97", "1001"] {
        lab.call("alice", dialled);
        lab.run_ms(1_000);
        let said = lab.ladder().texts("engine", "overseas");
        let invites = said.iter().filter(|text| text.starts_with("INVITE sip:*97@"));
        assert_eq!(invites.count(), 1, "{dialled}: {said:?}");
        lab.answer("overseas");
        lab.run_ms(1_000);
        lab.expect_talk("alice", "overseas");
        lab.hang_up("alice");
        lab.run_ms(1_000);
        lab.ladder().forget();
    }
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}
