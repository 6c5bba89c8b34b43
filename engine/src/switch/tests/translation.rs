//! `lineTranslateAddress` at the switch, and what may be dialled.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, IncomingCall, Party, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::{AppId, CallId, LineError, Message, Operation, Outbox, Outcome, Reply, Setup};
use crate::translate::{Country, Location, Locations, TranslateOptions, TranslateResults, Translation};

fn rig() -> Rig {
    let place = |code, area| Location::new(Country::of_code(code).unwrap(), area);
    let lines = HashMap::from([("1002".into(), 1)]);
    let locations = Locations::new(vec![place(49, "30"), place(1, "425")], Vec::new(), lines);
    Rig::with(Setup { translation: Arc::new(locations), ..setup() })
}

fn translate(rig: &mut Rig, app: AppId, line: &str, address: &str, options: u32) -> Reply {
    let (line, address) = (line.into(), address.to_owned());
    rig.request(app, Operation::TranslateAddress { line, address, card: Some(3), options })
}

fn make_call(rig: &mut Rig, to: &str) -> Reply {
    rig.request(CRM, Operation::MakeCall { line: "1003".into(), to: to.to_owned(), params: None })
}

#[test]
fn each_line_dials_from_its_own_location() {
    let mut rig = rig();
    let mut translated = |line: &str| match translate(&mut rig, CRM, line, "+1 (425) 555-0100", 0) {
        Ok(Outcome::Translated(translation)) => *translation,
        other => panic!("{other:?}"),
    };
    let expected = Translation {
        dialable: "T0014255550100".into(),
        displayable: "T001425555-0100".into(),
        current_country: 49,
        dest_country: 1,
        results: TranslateResults::CANONICAL | TranslateResults::INTERNATIONAL,
    };
    assert_eq!(translated("1001"), expected);
    assert_eq!(translated("1002").dialable, "T5550100");
    assert_eq!(translated("carrier").current_country, 49);
    rig.assert_quiet();
}

#[test]
fn what_cannot_be_translated_is_told() {
    let mut rig = rig();
    let mut refused = |line: &str, address: &str, options: u32| {
        translate(&mut rig, CRM, line, address, options).unwrap_err().error
    };
    assert_eq!(refused("4711", "1", 0), LineError::InvalLineHandle);
    assert_eq!(refused("1001", "", 0), LineError::InvalAddress);
    assert_eq!(refused("1001", "1", 16), LineError::InvalParam);
    assert_eq!(refused("1001", "1", TranslateOptions::CARD_OVERRIDE.bits()), LineError::InvalCard);
}

#[test]
fn a_translated_address_can_be_dialled() {
    let mut rig = rig();
    let reply = make_call(&mut rig, "T0014255550100|77^Ann");
    assert!(matches!(reply, Ok(Outcome::Call(_))), "{reply:?}");
    let (_, invite) = rig.invited();
    assert_eq!(invite.target.uri.as_str(), "sip:014255550100@carrier.example");
}

#[test]
fn a_control_that_sip_cannot_do_is_named_before_anything_is_dialled() {
    let mut rig = rig();
    let refusals = [
        ("09W5550100", LineError::DialDialTone),
        ("05550100@1", LineError::DialQuiet),
        ("018005550199$T1", LineError::DialBilling),
        ("05550100?123", LineError::DialPrompt),
        ("05550100:1", LineError::DialVoiceDetect),
        ("05550100,1;", LineError::InvalAddress),
        ("0555;0100", LineError::InvalAddress),
    ];
    for (to, error) in refusals {
        assert_eq!(make_call(&mut rig, to).unwrap_err().error, error, "{to}");
    }
    assert!(rig.commands().is_empty());
}

#[test]
fn a_caller_is_seen_in_canonical_form_and_signalled_as_given() {
    let mut rig = rig();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let from = Party { user: "0301234567".into(), ..Party::default() };
    let incoming = IncomingCall { from, ..*rig.incoming(Peer::Trunk("carrier".into()), "1002", Some(USUAL)) };
    let leg = LegId::new(1, 1 << 47);
    rig.tell(Event::Incoming(leg, Box::new(incoming)));
    let (_, invite) = rig.invited();
    assert_eq!(invite.from.user, "0301234567");
    let seen = |call| rig.switch.call(CRM, CallId(call)).unwrap().caller.number;
    assert_eq!(seen(1), "+49 (30) 1234567", "on the trunk, in Berlin");
    assert_eq!(seen(2), "0301234567", "no number of the country where 1002 is");
}

#[test]
fn who_asked_for_it_hears_that_a_line_dials_otherwise() {
    let mut rig = rig();
    for line in ["1001", "1002"] {
        let line_states = vec!["translatechange".to_owned()];
        let wish =
            Operation::SetStatusMessages { line: line.into(), line_states, address_states: Vec::new() };
        rig.request(CRM, wish).unwrap();
    }
    let reconfigured = |rig: &mut Rig, locations: Vec<Location>| {
        let lines = HashMap::from([("1002".into(), 1)]);
        let translation = Arc::new(Locations::new(locations, Vec::new(), lines));
        let mut out = Outbox::default();
        rig.switch.reconfigure(rig.now, Setup { translation, ..setup() }, &mut out);
        out.messages
    };
    let place = |code, area| Location::new(Country::of_code(code).unwrap(), area);
    assert_eq!(reconfigured(&mut rig, vec![place(49, "30"), place(1, "425")]), []);
    let heard = reconfigured(&mut rig, vec![place(49, "30"), place(1, "206")]);
    let change = Message::LineState { line: "1002".into(), state: "translatechange", detail: 0, count: 0 };
    assert_eq!(heard, [(CRM, change)]);
}
