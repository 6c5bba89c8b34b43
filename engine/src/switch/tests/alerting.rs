//! How phones are asked to ring, and to answer by themselves: by rows of their vendor.

use std::time::Duration;

use trunkline_sip::outbox::{Event, Invite, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::vendor::VendorSetup;
use crate::switch::*;

/// 1001 and 1002 are phones of the vendor that the row is for.
fn rig() -> Rig {
    let some = |text: &str| Some(text.to_owned());
    let mut setup = setup();
    setup.vendors = vec![VendorSetup {
        pattern: regex::Regex::new("^Snom").unwrap(),
        auto_answer: Some(vec![("Call-Info", "<sip:{domain}>;answer-after=1".to_owned())]),
        ring_internal: some("inside"),
        ring_external: some("outside"),
        ring_callback: some("again"),
    }];
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

fn asked(invite: &Invite) -> Vec<(&'static str, &str)> {
    let asks = |name: &str| ["Alert-Info", "Call-Info", "Answer-Mode"].contains(&name);
    let headers = invite.headers.iter().filter(|(name, _)| asks(name));
    headers.map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn a_phone_rings_by_where_the_call_comes_from() {
    let mut rig = rig();
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "inside")]);
    rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "outside")]);
    rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [], "a network is told nothing");
}

#[test]
fn a_call_that_comes_back_rings_so() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    rig.commands();
    rig.pass(Duration::from_secs(120));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "again")]);
}

#[test]
fn a_phone_is_asked_to_answer_by_its_row() {
    let mut rig = rig();
    let expected = [("Call-Info", "<sip:pbx.example>;answer-after=1")];
    let params = Some(CallParams { dest_off_hook: true, ..CallParams::default() }.into());
    let to = "1002".to_owned();
    rig.request(CRM, Operation::MakeCall { line: "1001".into(), to, params }).unwrap();
    let (own, invite) = rig.invited();
    assert_eq!(asked(&invite), expected, "the phone that calls");
    rig.answer(own, USUAL);
    assert_eq!(asked(&rig.invited().1), expected, "the phone that is called does not ring");
}
