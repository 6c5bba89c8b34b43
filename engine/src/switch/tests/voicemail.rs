//! Calls that a line does not take go to its mailbox.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Cause, CauseKind, Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::setup::{GroupSetup, LineSetup, RouteSetup, VoicemailSetup};
use crate::switch::*;

/// Lines 1001, 1002 and 1004 with phones; `097` and `*97` lead to the carrier, which keeps the messages.
fn rig(change: impl FnOnce(&mut Setup)) -> Rig {
    let mut setup = setup();
    setup.lines.push(LineSetup { address: "1004".into(), ..setup.lines[0].clone() });
    let pattern = regex::Regex::new(r"^\*97$").unwrap();
    setup.routes.push(RouteSetup { pattern, number: None, ..setup.routes[0].clone() });
    setup.voicemail = VoicemailSetup {
        number: "*97".to_owned(),
        deposit: "097".to_owned(),
        rings: 2,
        ..VoicemailSetup::default()
    };
    change(&mut setup);
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002", "1004"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

fn from_line(rig: &mut Rig, to: &str) -> LegId {
    rig.call_in(Peer::Line("1001".into()), to, Some(USUAL))
}

fn forward(rig: &mut Rig, line: &str, mode: ForwardMode, to: Option<&str>) {
    let entry = ForwardEntry { mode, caller: None, destination: to.map(Into::into) };
    let forward = Operation::Forward { line: line.into(), entries: vec![entry], rings: None };
    assert_eq!(rig.request(CRM, forward), Ok(Outcome::Done));
    rig.messages.clear();
}

/// The Request-URI of the next INVITE, and who sent the call there.
fn handed_to(rig: &mut Rig) -> (String, String) {
    let (_, invite) = rig.invited();
    let diversion = invite.headers.iter().find(|(name, _)| *name == "Diversion");
    (invite.target.uri, diversion.map(|(_, value)| value.clone()).unwrap_or_default())
}

fn box_of(line: &str, cause: u16) -> String {
    format!("sip:97@carrier.example;target=sip:{line}%40pbx.example;cause={cause}")
}

#[test]
fn a_call_that_nobody_answers_goes_to_the_mailbox_after_the_rings() {
    let mut rig = rig(|_| {});
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    rig.pass(Duration::from_millis(11_999));
    assert!(rig.states(CRM).is_empty());
    rig.pass(Duration::from_millis(1));
    let diversion = "\"Line 1002\" <sip:1002@pbx.example>;reason=no-answer;counter=1".to_owned();
    let (kept, invite) = rig.invited();
    assert_eq!(invite.target.uri, box_of("1002", 408));
    assert!(invite.headers.contains(&("Diversion", diversion)), "{:?}", invite.headers);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(
        rig.states(CRM),
        [
            "c2 disconnected/forwarded",
            "c3 new owner",
            "c3 dialing",
            "c1 proceeding",
            "c3 proceeding",
            "c2 idle"
        ]
    );
    let call = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::FwdNoAnswer, "1002"));
    rig.answer(kept, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn the_mailbox_is_told_why() {
    let cases =
        [(486, "user-busy", 486), (600, "user-busy", 486), (603, "deflection", 480), (480, "no-answer", 408)];
    for (status, reason, cause) in cases {
        let mut rig = rig(|_| {});
        let caller = from_line(&mut rig, "1002");
        let (station, _) = rig.invited();
        rig.refuse(station, status);
        let (uri, diversion) = handed_to(&mut rig);
        assert_eq!(uri, box_of("1002", cause), "{status}");
        assert!(diversion.contains(reason), "{status}: {diversion}");
        rig.hang_up(caller);
        rig.assert_quiet();
    }
    for status in [404, 488, 500] {
        let mut rig = rig(|_| {});
        let caller = from_line(&mut rig, "1002");
        let (station, _) = rig.invited();
        rig.refuse(station, status);
        if status == 488 {
            let (again, _) = rig.invited();
            rig.refuse(again, status);
        }
        assert_eq!(rig.commands(), [format!("reject {status} {caller}")], "the phone is broken");
    }
}

#[test]
fn who_finds_the_mailbox_closed_is_told_why_he_came_there() {
    for (status, told) in [(486, 486), (603, 603), (480, 480)] {
        let mut rig = rig(|_| {});
        let caller = from_line(&mut rig, "1002");
        let (station, _) = rig.invited();
        rig.refuse(station, status);
        let (mailbox, _) = rig.invited();
        rig.refuse(mailbox, 404);
        assert_eq!(rig.commands().last(), Some(&format!("reject {told} {caller}")), "{status}");
        rig.assert_quiet();
    }
    // An application hears it as well, and what can be completed later is the call to the line.
    let mut rig = rig(|setup| setup.lines[1].calls_max = Some(1));
    from_line(&mut rig, "1002");
    rig.invited();
    let to = "1002".to_owned();
    let params = None;
    let Ok(Outcome::Call(id)) = rig.request(CRM, Operation::MakeCall { line: "1004".into(), to, params })
    else {
        panic!("it is made")
    };
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (mailbox, _) = rig.invited();
    rig.refuse(mailbox, 404);
    assert_eq!(rig.state(id.0), CallState::Busy(BusyMode::Station));
    let completes = Operation::CompleteCall { call: id, mode: CompletionMode::Callback, message: None };
    assert!(matches!(rig.request(CRM, completes), Ok(Outcome::Completion(_))));
    // What happens after the mailbox has answered is its own.
    let mut rig = self::rig(|_| {});
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    let (mailbox, _) = rig.invited();
    rig.answer(mailbox, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.states(CRM);
    rig.hang_up(mailbox);
    assert!(rig.states(CRM).contains(&"c1 disconnected/normal".to_owned()));
}

#[test]
fn a_phone_that_is_not_there_and_a_line_that_is_full_have_mailboxes() {
    let mut rig = rig(|setup| setup.lines[1].calls_max = Some(1));
    from_line(&mut rig, "1002");
    rig.invited();
    rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    assert_eq!(handed_to(&mut rig).0, box_of("1002", 486));
    // A local line that no application opens, and one that has no phone.
    let mut rig = self::rig(|setup| {
        setup.lines.push(LineSetup::new("1005", LineKind::Phone));
    });
    from_line(&mut rig, "1005");
    let (uri, diversion) = handed_to(&mut rig);
    assert_eq!((uri, diversion.contains("reason=unavailable")), (box_of("1005", 503), true));
}

#[test]
fn what_the_line_forwards_by_itself_goes_before() {
    let mut rig = rig(|_| {});
    forward(&mut rig, "1002", ForwardMode::Busy, Some("1004"));
    from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    let (second, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1004@10.0.0.9");
    rig.refuse(second, 486);
    assert_eq!(handed_to(&mut rig).0, box_of("1004", 486), "who was called last keeps the message");
    // Nobody who is unanswered is forwarded.
    from_line(&mut rig, "1002");
    rig.invited();
    rig.pass(Duration::from_secs(12));
    assert_eq!(handed_to(&mut rig).0, box_of("1002", 408));
}

#[test]
fn rings_are_those_of_the_list_where_it_says_something_else_of_the_line() {
    let mut rig = rig(|setup| setup.lines[1].deposit_rings = Some(3));
    from_line(&mut rig, "1002");
    rig.invited();
    rig.commands();
    rig.pass(Duration::from_secs(17));
    assert!(rig.sip.is_empty());
    rig.pass(Duration::from_secs(1));
    assert_eq!(handed_to(&mut rig).0, box_of("1002", 408));
    forward(&mut rig, "1002", ForwardMode::NoAnsw, Some("1004"));
    rig.commands();
    from_line(&mut rig, "1002");
    rig.invited();
    rig.pass(Duration::from_secs(23));
    assert!(!rig.sip.iter().any(|command| matches!(command, Command::Invite(..))));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.invited().1.target.uri, "sip:1004@10.0.0.9");
}

#[test]
fn a_loop_of_lists_ends_in_the_mailbox() {
    let mut rig = rig(|_| {});
    forward(&mut rig, "1002", ForwardMode::Uncond, Some("1004"));
    forward(&mut rig, "1004", ForwardMode::Busy, Some("1002"));
    from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(handed_to(&mut rig).0, box_of("1004", 486));
}

#[test]
fn who_does_not_want_to_be_disturbed_has_a_mailbox_and_who_is_not_wanted_has_none() {
    let mut rig = rig(|_| {});
    forward(&mut rig, "1002", ForwardMode::Uncond, None);
    from_line(&mut rig, "1002");
    let (uri, diversion) = handed_to(&mut rig);
    assert_eq!((uri, diversion.contains("reason=do-not-disturb")), (box_of("1002", 480), true));
    rig.commands();
    for mode in [ForwardMode::UncondInternal, ForwardMode::Busy] {
        forward(&mut rig, "1002", mode, None);
        let caller = from_line(&mut rig, "1002");
        if mode == ForwardMode::Busy {
            let (station, _) = rig.invited();
            rig.refuse(station, 486);
        }
        assert_eq!(rig.commands(), [format!("reject 480 {caller}")], "{mode:?}");
    }
}

#[test]
fn a_line_without_a_mailbox_is_busy() {
    let changes: [fn(&mut Setup); 3] = [
        |setup| setup.lines[1].deposits = false,
        |setup| setup.lines[1].mailbox = Some("".into()),
        |setup| setup.voicemail.deposit.clear(),
    ];
    for change in changes {
        let mut rig = rig(change);
        let caller = from_line(&mut rig, "1002");
        let (station, _) = rig.invited();
        rig.pass(Duration::from_secs(13));
        rig.refuse(station, 486);
        assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
        rig.call_in(Peer::Line("1002".into()), "1002", Some(USUAL));
        assert_eq!(rig.invited().1.target.uri, "sip:1002@10.0.0.9", "the other phones of the own line");
    }
}

#[test]
fn a_mailbox_has_a_name_and_perhaps_a_number_of_its_own() {
    let mut rig = rig(|setup| {
        setup.lines[1].mailbox = Some("5002".into());
        setup.voicemail.deposit = "09{mailbox}".to_owned();
    });
    from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    let (uri, diversion) = handed_to(&mut rig);
    assert_eq!(uri, "sip:95002@carrier.example;target=sip:5002%40pbx.example;cause=486");
    assert_eq!(diversion, "\"Line 1002\" <sip:5002@pbx.example>;reason=user-busy;counter=1");
    let call = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!(call.redirecting.number, "1002", "applications know lines");
}

#[test]
fn a_line_may_keep_the_messages_and_call_whom_it_keeps_them_for() {
    let mut rig = rig(|setup| setup.voicemail.deposit = "1004".to_owned());
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    let (uri, diversion) = handed_to(&mut rig);
    assert_eq!(uri, "sip:1004@10.0.0.9", "a Contact stays as it is");
    assert!(diversion.contains("<sip:1002@pbx.example>;reason=user-busy"), "{diversion}");
    rig.hang_up(caller);
    rig.commands();
    let keeper = rig.call_in(Peer::Line("1004".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(rig.commands(), [format!("reject 486 {keeper}")]);
    // The line that keeps them is busy itself.
    let caller = from_line(&mut rig, "1004");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_phone_hears_its_messages_by_its_own_number_and_its_mailbox() {
    let mailbox = |setup: &mut Setup| setup.lines[0].mailbox = Some("5001".into());
    for dialled in ["1001", "5001", "*97"] {
        let mut rig = rig(mailbox);
        let caller = from_line(&mut rig, dialled);
        assert_eq!(handed_to(&mut rig), ("sip:*97@carrier.example".to_owned(), String::new()), "{dialled}");
        rig.hang_up(caller);
        rig.assert_quiet();
    }
    let mut rig = rig(mailbox);
    let caller = from_line(&mut rig, "5002");
    assert_eq!(rig.commands(), [format!("reject 404 {caller}")], "of nobody else");
    let caller = rig.call_in(Peer::Line("1004".into()), "1001", Some(USUAL));
    assert_eq!(rig.invited().1.target.uri, "sip:1001@10.0.0.9", "others call the line");
    rig.hang_up(caller);
    let setup = without_number(&rig);
    rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
    from_line(&mut rig, "1001");
    assert_eq!(handed_to(&mut rig).0, "sip:97@carrier.example", "who leaves messages is known by who calls");
}

#[test]
fn a_mailbox_that_is_shared_leaves_lines_within_reach() {
    let mut rig = rig(|setup| setup.lines[0].mailbox = Some("1002".into()));
    from_line(&mut rig, "1002");
    let (station, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.9");
    rig.refuse(station, 486);
    assert_eq!(handed_to(&mut rig).0, box_of("1002", 486));
    rig.call_in(Peer::Line("1004".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(handed_to(&mut rig).0, box_of("1002", 486), "that of the other line");
}

fn without_number(rig: &Rig) -> Setup {
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.voicemail.number.clear();
    setup
}

#[test]
fn a_member_of_a_group_is_not_spoken_for_by_his_mailbox() {
    let mut rig = rig(|setup| setup.groups.push(GroupSetup::new("600", &["1002", "1004"])));
    let caller = from_line(&mut rig, "600");
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.refuse(one, 486);
    assert!(rig.sip.is_empty());
    rig.refuse(other, 603);
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_parked_call_that_comes_back_waits_on() {
    let mut rig = rig(|_| {});
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    rig.commands();
    rig.pass(Duration::from_secs(120));
    let (reminder, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.9");
    rig.refuse(reminder, 486);
    assert!(rig.commands().is_empty());
    assert_eq!(rig.switch.parked(CRM).len(), 1);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_mailbox_that_is_gone_while_the_phone_rings_lets_it_ring_on() {
    let mut rig = rig(|_| {});
    let caller = from_line(&mut rig, "1002");
    rig.commands();
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.voicemail = VoicemailSetup::default();
    rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
    rig.pass(Duration::from_secs(12));
    assert!(rig.sip.is_empty(), "{:?}", rig.sip);
    rig.pass(Duration::from_secs(48));
    assert!(rig.commands().contains(&format!("reject 480 {caller}")));
    rig.assert_quiet();
}

#[test]
fn a_phone_rings_on_where_who_keeps_messages_has_no_line_free() {
    let mut rig = rig(|setup| setup.trunks[0].calls_max = 1);
    rig.call_in(Peer::Line("1004".into()), "030", Some(USUAL));
    rig.invited();
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.pass(Duration::from_secs(13));
    assert!(rig.sip.is_empty(), "{:?}", rig.sip);
    rig.refuse(station, 486);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")], "busy as without a mailbox");
}

#[test]
fn who_announces_messages_is_not_handed_to_himself() {
    // The trunk of these tests says that "carrier" calls.
    let mut rig = rig(|setup| setup.voicemail.number = "carrier".to_owned());
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
}

#[test]
fn a_mailbox_that_lines_share_is_called_by_its_number() {
    let mut rig = rig(|setup| setup.lines[1].mailbox = Some("1001".into()));
    rig.call_in(Peer::Line("1002".into()), "1001", Some(USUAL));
    assert_eq!(rig.invited().1.target.uri, "sip:1001@10.0.0.9", "the line, not its messages");
}

#[test]
fn whom_the_mailbox_sends_on_is_told_what_became_of_him_there() {
    // A line of its own keeps the messages; its phone sends him to somebody who is busy.
    let mut rig = rig(|setup| setup.voicemail.deposit = "1004".to_owned());
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 603);
    let (keeper, invite) = rig.invited();
    assert!(invite.target.uri.starts_with("sip:1004@"), "{}", invite.target.uri);
    let cause = Cause { status: 302, kind: CauseKind::Status, ..Cause::default() };
    let redirect = vec!["sip:030@pbx.example".to_owned()];
    rig.tell(Event::Failed { leg: keeper, cause, retry_after_s: None, redirect });
    let (elsewhere, _) = rig.invited();
    rig.refuse(elsewhere, 404);
    assert_eq!(rig.commands().last(), Some(&format!("reject 404 {caller}")));
    rig.assert_quiet();
}
