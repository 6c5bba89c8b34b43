//! Phones that are asked by REFER to make the call of an application.

use std::time::Duration;

use trunkline_sip::outbox::{Command, Content, Event};
use trunkline_sip::{LegId, UsageId};

use super::csta::{calls, make_call};
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::vendor::VendorSetup;
use crate::switch::*;

/// The host of the phone of 1001.
const PHONE: [u8; 4] = [10, 0, 0, 9];

fn rig() -> Rig {
    let mut setup = setup();
    let row = VendorSetup::of(regex::Regex::new("^Snom").unwrap());
    setup.vendors = vec![VendorSetup { refer: Some(true), ..row }];
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002"] {
        rig.register(line, &format!("sip:{line}@10.0.0.5"), 1000);
    }
    rig
}

/// The REFERs that were sent since the last look: which, to what, and whom to call.
fn referrals(rig: &mut Rig) -> Vec<(UsageId, String, String)> {
    let mut found = Vec::new();
    rig.sip.retain(|command| {
        let Command::Message(usage, message) = command else { return true };
        let Content::Referral(called) = &message.content else { return true };
        found.push((*usage, message.target.uri.clone(), called.user.clone()));
        false
    });
    found
}

fn referred(rig: &mut Rig, to: &str) -> (CallId, UsageId) {
    let id = make_call(rig, to);
    let sent = referrals(rig);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].1.as_str(), sent[0].2.as_str()), ("sip:1001@10.0.0.5", to));
    assert_eq!(invitations(rig), 0, "nobody is called before");
    (id, sent[0].0)
}

fn invitations(rig: &mut Rig) -> usize {
    let before = rig.sip.len();
    rig.sip.retain(|command| !matches!(command, Command::Invite(..)));
    before - rig.sip.len()
}

fn answered(rig: &mut Rig, usage: UsageId, status: u16) {
    rig.tell(Event::MessageDone { usage, status });
}

/// Whether the phone's own call was refused.
fn is_refused(rig: &mut Rig, leg: LegId) -> bool {
    rig.commands().contains(&format!("reject 480 {leg}"))
}

#[test]
fn a_phone_calls_and_it_is_the_call_of_the_application() {
    // The INVITE may overtake the answer to the REFER.
    for is_early in [false, true] {
        let mut rig = rig();
        let (id, usage) = referred(&mut rig, "1002");
        if !is_early {
            answered(&mut rig, usage, 202);
        }
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        let (callee, invite) = rig.invited();
        assert_eq!(invite.to.user, "1002");
        if is_early {
            answered(&mut rig, usage, 202);
        }
        rig.answer(callee, USUAL);
        rig.tell(Event::Established { leg, answer: None });
        assert_eq!(rig.state(id.0).name(), "connected");
        assert_eq!(rig.switch.calls(CRM).iter().filter(|call| &*call.line == "1001").count(), 1);
        // Phones say when their call is over, too: that is known.
        rig.tell(Event::Referred { usage, status: 487 });
        rig.pass(Duration::from_secs(30));
        assert_eq!(rig.state(id.0).name(), "connected");
        rig.hang_up(leg);
        rig.assert_quiet();
    }
}

#[test]
fn a_phone_that_takes_no_refer_is_called() {
    for status in [405, 501, 603, 302, 503] {
        let mut rig = rig();
        let (id, usage) = referred(&mut rig, "1002");
        answered(&mut rig, usage, status);
        let (own, invite) = rig.invited();
        assert_eq!(invite.target.uri, "sip:1001@10.0.0.5", "{status}");
        rig.answer(own, USUAL);
        assert_eq!(rig.invited().1.to.user, "1002");
        assert_eq!(rig.state(id.0).name(), "proceeding");
        // It was never to come: its user calls.
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(!is_refused(&mut rig, leg));
    }
}

#[test]
fn a_phone_that_says_nothing_is_called_and_comes_too_late() {
    // Silence, a late yes, a late no.
    for late in [None, Some(202), Some(405), Some(408)] {
        let mut rig = rig();
        let (id, usage) = referred(&mut rig, "1002");
        rig.pass(Duration::from_millis(1_999));
        assert_eq!(invitations(&mut rig), 0);
        rig.pass(Duration::from_millis(1));
        assert_eq!(invitations(&mut rig), 1, "it is called");
        if let Some(status) = late {
            answered(&mut rig, usage, status);
        }
        assert_eq!(invitations(&mut rig), 0, "once");
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert_eq!(is_refused(&mut rig, leg), late != Some(405), "{late:?}");
        assert_eq!(rig.state(id.0).name(), "dialing");
    }
}

#[test]
fn a_phone_whose_user_says_no_ends_the_call() {
    // The NOTIFY may overtake the answer to the REFER.
    for is_early in [false, true] {
        let mut rig = rig();
        let (id, usage) = referred(&mut rig, "1002");
        if !is_early {
            answered(&mut rig, usage, 202);
        }
        rig.tell(Event::Referred { usage, status: 603 });
        assert_eq!(rig.state(id.0).name(), "disconnected");
        if is_early {
            answered(&mut rig, usage, 202);
        }
        assert_eq!(invitations(&mut rig), 0);
        rig.request(CRM, Operation::DeallocateCall(id)).unwrap();
        rig.assert_quiet();
    }
}

#[test]
fn a_phone_that_takes_it_and_does_not_call_is_given_up() {
    let mut rig = rig();
    let (id, usage) = referred(&mut rig, "1002");
    answered(&mut rig, usage, 202);
    rig.pass(Duration::from_millis(19_999));
    assert_eq!(rig.state(id.0).name(), "dialing", "its user may be asked first");
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.state(id.0).name(), "disconnected");
    let leg = calls(&mut rig, "1001", "1002", PHONE);
    assert!(is_refused(&mut rig, leg), "too late");
}

#[test]
fn what_an_application_drops_the_phone_does_not_call() {
    for is_taken in [false, true] {
        let mut rig = rig();
        let (id, usage) = referred(&mut rig, "1002");
        if is_taken {
            answered(&mut rig, usage, 202);
        }
        rig.request(CRM, Operation::Drop(id, None)).unwrap();
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(is_refused(&mut rig, leg) && !rig.commands().iter().any(|word| word.starts_with("invite")));
        // What its user dials next goes through.
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(!is_refused(&mut rig, leg));
    }
}

/// A REFER is sent again and again for 32 s: one that is heard late, or a user that is asked long, makes a call that nobody wants.
#[test]
fn what_nobody_wants_is_remembered_until_the_refer_is_over() {
    for (heard, dials) in [(31_000, 32_000), (31_000, 50_500), (19_500, 25_000), (500, 19_900)] {
        let mut rig = rig();
        let (id, usage) = referred(&mut rig, "1002");
        rig.pass(Duration::from_millis(100));
        rig.request(CRM, Operation::Drop(id, None)).unwrap();
        assert_eq!(rig.commands(), ["withdraw 0"], "no password for what nobody wants");
        rig.request(CRM, Operation::DeallocateCall(id)).unwrap();
        rig.pass(Duration::from_millis(heard));
        answered(&mut rig, usage, 202);
        rig.pass(Duration::from_millis(dials - heard));
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(is_refused(&mut rig, leg), "heard after {heard} ms, dialled after {dials} ms");
        rig.pass(Duration::from_secs(60));
        rig.assert_quiet();
    }
    let mut rig = rig();
    let (id, usage) = referred(&mut rig, "1002");
    rig.request(CRM, Operation::Drop(id, None)).unwrap();
    rig.pass(Duration::from_secs(32));
    answered(&mut rig, usage, 408);
    rig.pass(Duration::from_secs(41));
    let leg = calls(&mut rig, "1001", "1002", PHONE);
    assert!(!is_refused(&mut rig, leg), "it is forgotten");
}

#[test]
fn of_two_calls_to_one_number_the_phone_makes_the_one_that_it_took() {
    let mut rig = rig();
    let (first, _) = referred(&mut rig, "1002");
    let (second, usage) = referred(&mut rig, "1002");
    answered(&mut rig, usage, 202);
    calls(&mut rig, "1001", "1002", PHONE);
    rig.invited();
    assert_eq!([first, second].map(|id| rig.state(id.0).name()), ["dialing", "proceeding"]);
}

#[test]
fn who_is_not_said_to_take_it_is_called() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.5", 1000);
    make_call(&mut rig, "1002");
    assert_eq!((referrals(&mut rig).len(), invitations(&mut rig)), (0, 1));
    // A number that is dialled piece by piece is no number to refer to.
    let mut rig = self::rig();
    make_call(&mut rig, "");
    assert_eq!((referrals(&mut rig).len(), invitations(&mut rig)), (0, 1));
}
