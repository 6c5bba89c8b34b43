//! REFER from phones, and callers that take the place of a dialog (RFC 3515, 3891, 4488, 5589).

use std::time::Duration;

use trunkline_sip::outbox::{CallDetails, Event, Peer, Refer, ReferMethod, ReferTo, Replaced};
use trunkline_sip::{LegId, UsageId};

use crate::switch::rig::{CRM, Rig, USUAL, sdp_at, setup};
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

/// 1001 (call 1) talks with 1002 (call 2): the legs of both.
fn talking(rig: &mut Rig) -> (LegId, LegId) {
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    quiet(rig);
    (caller, station)
}

fn quiet(rig: &mut Rig) {
    rig.commands();
    rig.states(CRM);
}

fn refer(leg: Option<LegId>, user: &str, replaces: Option<Replaced>) -> Refer {
    Refer {
        leg,
        peer: Peer::Line("1002".into()),
        dialled: "pbx".to_owned(),
        to: ReferTo {
            user: user.to_owned(),
            host: "pbx.example".to_owned(),
            method: ReferMethod::Invite,
            replaces,
            dialog: None,
        },
        referred_by: None,
        notifies: true,
    }
}

/// The phone refers its party; what the engine says to that.
fn refers(rig: &mut Rig, refer: Refer) -> Vec<String> {
    rig.tell(Event::Refer(UsageId(7), Box::new(refer)));
    rig.sip.iter().filter_map(answer_of).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only what a REFER hears")]
fn answer_of(command: &trunkline_sip::outbox::Command) -> Option<String> {
    use trunkline_sip::outbox::Command;
    match command {
        Command::AnswerRefer(_, status) => Some(format!("{status}")),
        Command::ReferProgress(_, status) => Some(format!("notify {status}")),
        _ => None,
    }
}

fn progress(rig: &mut Rig) -> Vec<String> {
    let said = rig.sip.iter().filter_map(answer_of).collect();
    rig.commands();
    said
}

#[test]
fn a_blind_refer_is_told_how_far_it_is_and_ends_with_a_bye() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    assert_eq!(refers(&mut rig, refer(Some(station), "030", None)), ["202"]);
    let (destination, invite) = rig.invited();
    assert_eq!((invite.from.user.as_str(), invite.to.user.as_str()), ("1001", "30"));
    assert_eq!(rig.state(2), CallState::OnHoldPendTransfer);
    rig.sip.clear();
    rig.progress(destination, 180, None);
    assert_eq!(progress(&mut rig), ["notify 180"]);
    assert_eq!(rig.feeds[&caller], "ringback");
    rig.answer(destination, USUAL);
    assert_eq!(progress(&mut rig), ["notify 200"]);
    assert_eq!(rig.feeds[&caller], format!("leg {destination:?}"));
    // The phone did not hang up.
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(rig.state(2), CallState::Idle);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_phone_that_hangs_up_after_202_has_transferred() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    refers(&mut rig, refer(Some(station), "030", None));
    let (destination, _) = rig.invited();
    rig.hang_up(station);
    rig.sip.clear();
    rig.answer(destination, USUAL);
    assert_eq!(progress(&mut rig), Vec::<String>::new(), "nobody is left to be told");
    assert_eq!(rig.feeds[&caller], format!("leg {destination:?}"));
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_refer_whose_target_fails_gives_the_party_back() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n")) });
    refers(&mut rig, refer(Some(station), "030", None));
    let (destination, _) = rig.invited();
    rig.sip.clear();
    rig.refuse(destination, 486);
    assert_eq!(progress(&mut rig), ["notify 486"]);
    assert_eq!(rig.state(2), CallState::OnHold);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendrecv\r\n")) });
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
}

#[test]
fn a_phone_that_left_is_called_back_when_the_target_fails() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    refers(&mut rig, refer(Some(station), "030", None));
    let (destination, _) = rig.invited();
    rig.hang_up(station);
    rig.sip.clear();
    rig.refuse(destination, 486);
    let (back, invite) = rig.invited();
    assert_eq!(invite.to.user, "1002");
    rig.answer(back, USUAL);
    assert_eq!(rig.feeds[&caller], format!("leg {back:?}"));
}

#[test]
fn a_party_that_leaves_ends_the_transfer() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    refers(&mut rig, refer(Some(station), "030", None));
    let (destination, _) = rig.invited();
    rig.sip.clear();
    rig.hang_up(caller);
    let commands = rig.commands();
    assert!(commands.contains(&format!("end {destination}")), "{commands:?}");
    assert!(commands.contains(&format!("end {station}")), "{commands:?}");
    assert!(commands.iter().any(|said| said.starts_with("refer progress 487")), "{commands:?}");
    rig.assert_quiet();
}

/// 1002 consults 030 by a second dialog, call 3: its leg and that of the network.
fn consulting(rig: &mut Rig, answered: bool) -> (LegId, LegId) {
    let leg = rig.call_in(Peer::Line("1002".into()), "030", Some(USUAL));
    let (far, _) = rig.invited();
    rig.progress(far, 180, None);
    if answered {
        rig.answer(far, USUAL);
        rig.tell(Event::Established { leg, answer: None });
    }
    quiet(rig);
    (leg, far)
}

const fn replaces(leg: LegId) -> Option<Replaced> {
    Some(Replaced { leg: Some(leg), early_only: false })
}

#[test]
fn an_attended_refer_joins_the_parties_of_both_dialogs() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    let (consult, far) = consulting(&mut rig, true);
    assert_eq!(refers(&mut rig, refer(Some(station), "030", replaces(consult))), ["202", "notify 200"]);
    assert!(rig.commands().contains(&format!("end {consult}")));
    assert_eq!(
        (rig.feeds[&caller].clone(), rig.feeds[&far].clone()),
        (format!("leg {far:?}"), format!("leg {caller:?}"))
    );
    rig.hang_up(station);
    assert_eq!((rig.state(2), rig.state(3)), (CallState::Idle, CallState::Idle));
    rig.hang_up(far);
    rig.assert_quiet();
}

#[test]
fn a_dialog_that_rings_is_transferred_to_when_it_answers() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    let (consult, far) = consulting(&mut rig, false);
    assert_eq!(refers(&mut rig, refer(Some(station), "030", replaces(consult))), ["202", "notify 180"]);
    assert!(rig.commands().contains(&format!("reject 487 {consult}")));
    assert_eq!(rig.feeds[&caller], "ringback");
    rig.answer(far, USUAL);
    assert_eq!(progress(&mut rig), ["notify 200"]);
    assert_eq!(rig.feeds[&caller], format!("leg {far:?}"));
    rig.hang_up(caller);
    rig.hang_up(station);
    rig.assert_quiet();
}

#[test]
fn what_may_not_be_is_refused_and_changes_nothing() {
    let mut setup = setup();
    let mut blocked = setup.routes[0].clone();
    blocked.pattern = regex::Regex::new("^0190").unwrap();
    blocked.to = setup::RouteTo::Reject(403);
    setup.routes.insert(0, blocked);
    let mut rig = Rig::with(setup);
    let (caller, station) = talking(&mut rig);
    let (consult, far) = consulting(&mut rig, true);
    let other = ReferTo { method: ReferMethod::Other, ..refer(None, "030", None).to };
    let early = Some(Replaced { leg: Some(consult), early_only: true });
    let missing = Some(Replaced { leg: None, early_only: false });
    for (refer, status) in [
        (refer(Some(station), "4711", None), "404"),
        (refer(Some(station), "", None), "404"),
        (refer(Some(station), "01901", None), "403"),
        (refer(Some(station), "1002", None), "603"),
        (refer(None, "030", None), "481"),
        (refer(Some(far), "1001", None), "403"),
        (refer(Some(station), "030", missing), "481"),
        (refer(Some(station), "030", early), "486"),
        (refer(Some(station), "030", replaces(caller)), "403"),
        (refer(Some(station), "030", replaces(station)), "603"),
        (Refer { to: other, ..refer(Some(station), "030", None) }, "603"),
    ] {
        assert_eq!(refers(&mut rig, refer.clone()), [status], "{refer:?}");
        rig.sip.clear();
        assert_eq!((rig.state(1), rig.state(2), rig.state(3)), (ACTIVE, ACTIVE, ACTIVE));
    }
}

#[test]
fn the_second_of_two_refers_for_one_conversation_is_declined() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    assert_eq!(refers(&mut rig, refer(Some(station), "030", None)), ["202"]);
    rig.sip.clear();
    assert_eq!(refers(&mut rig, refer(Some(station), "030", None)), ["603"]);
    rig.sip.clear();
    assert_eq!(refers(&mut rig, refer(Some(caller), "030", None)), ["603"]);
}

#[test]
fn without_a_subscription_the_phone_is_hung_up_at_once() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    refers(&mut rig, Refer { notifies: false, ..refer(Some(station), "030", None) });
    let (destination, _) = rig.invited();
    rig.sip.clear();
    rig.answer(destination, USUAL);
    assert_eq!(rig.commands(), [format!("identify 30 {caller}"), format!("end {station}")]);
}

/// A call from this line that names a leg to be replaced, and whom it says it was sent by: its leg, and what it was told.
fn replacing(rig: &mut Rig, line: &str, replaced: Replaced, referrer: Option<&str>) -> (LegId, Vec<String>) {
    let leg = LegId::new(1, (1 << 47) | 0xFF00);
    let mut call = rig.incoming(Peer::Line(line.into()), "1002", Some(USUAL));
    let referred_by =
        referrer.map(|user| trunkline_sip::outbox::Party { user: user.to_owned(), ..Default::default() });
    call.details =
        Some(Box::new(CallDetails { replaces: Some(replaced), referred_by, ..CallDetails::default() }));
    rig.tell(Event::Incoming(leg, call));
    (leg, rig.commands())
}

#[test]
fn a_second_device_takes_over_the_call_of_its_line() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    let (leg, said) = replacing(&mut rig, "1002", replaces(station).unwrap(), None);
    assert!(said.contains(&format!("answer {leg}")) && said.contains(&format!("end {station}")), "{said:?}");
    rig.tell(Event::Established { leg, answer: None });
    assert_eq!(rig.feeds[&caller], format!("leg {leg:?}"));
    assert_eq!((rig.state(2), rig.state(3)), (CallState::Idle, ACTIVE));
    rig.hang_up(leg);
    rig.assert_quiet();
}

#[test]
fn a_dialog_is_replaced_by_who_may_and_where_it_fits() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    let missing = Replaced { leg: None, early_only: false };
    let early = Replaced { leg: Some(station), early_only: true };
    let status = |rig: &mut Rig, line: &str, replaced, referrer| {
        let (leg, said) = replacing(rig, line, replaced, referrer);
        assert_eq!(said.len(), 1, "{said:?}");
        said[0].replace(&format!(" {leg}"), "")
    };
    assert_eq!(status(&mut rig, "1002", missing, None), "reject 481");
    assert_eq!(status(&mut rig, "1002", early, None), "reject 486");
    assert_eq!(status(&mut rig, "1001", replaces(station).unwrap(), None), "reject 403");
    assert_eq!(status(&mut rig, "1002", replaces(caller).unwrap(), Some("1002")), "reject 403");
    rig.request(CRM, Operation::SecureCall(CallId(2))).unwrap();
    rig.messages.clear();
    assert_eq!(status(&mut rig, "1002", replaces(station).unwrap(), None), "reject 403");
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
}

/// Whoever calls writes Referred-By himself, and a lamp tells him the tags.
#[test]
fn who_says_that_the_line_referred_him_takes_no_place() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    let (leg, said) = replacing(&mut rig, "1001", replaces(station).unwrap(), Some("1002"));
    assert_eq!(said, [format!("reject 403 {leg}")]);
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
}

#[test]
fn a_secured_station_is_busy_for_everybody_else() {
    let mut rig = Rig::new();
    talking(&mut rig);
    rig.request(CRM, Operation::SecureCall(CallId(2))).unwrap();
    rig.request(CRM, Operation::SecureCall(CallId(2))).unwrap();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
    rig.request(CRM, Operation::Drop(CallId(2), None)).unwrap();
    rig.commands();
    rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    assert_eq!(rig.invited().1.to.user, "1002");
}

#[test]
fn a_ringing_dialog_is_picked_up_by_another_device_of_its_line() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (ringing, _) = rig.invited();
    rig.progress(ringing, 180, None);
    quiet(&mut rig);
    let early = Replaced { leg: Some(ringing), early_only: true };
    let (stranger, said) = replacing(&mut rig, "1001", early, None);
    assert_eq!(said, [format!("reject 403 {stranger}")]);
    let details = CallDetails { replaces: Some(early), ..CallDetails::default() };
    let leg = rig.call_in_with(Peer::Line("1002".into()), "1002", details);
    let said = rig.commands();
    for expected in [format!("answer {leg}"), format!("answer {caller}"), format!("end {ringing}")] {
        assert!(said.contains(&expected), "{expected}: {said:?}");
    }
    rig.tell(Event::Established { leg, answer: None });
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(rig.feeds[&caller], format!("leg {leg:?}"));
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_call_may_be_secured_from_the_beginning() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    let params = CallParams { secure: true, ..CallParams::default() };
    let make =
        Operation::MakeCall { line: "1001".into(), to: "030".to_owned(), params: Some(Box::new(params)) };
    rig.request(CRM, make).unwrap();
    rig.commands();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
}

/// A REFER to a number with Replaces of a dialog that the engine does not know.
fn unknown(station: LegId, user: &str, host: &str) -> Refer {
    let missing = Some(Replaced { leg: None, early_only: false });
    let mut refer = refer(Some(station), user, missing);
    refer.to.host = host.to_owned();
    refer.to.dialog = Some("far;to-tag=a;from-tag=b".to_owned());
    refer
}

#[test]
fn a_dialog_of_another_system_is_taken_over_there() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig);
    assert_eq!(refers(&mut rig, unknown(station, "030", "Carrier.Example")), ["202"]);
    let (destination, invite) = rig.invited();
    let header = |name: &str| {
        let found = invite.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(invite.to.user, "30");
    assert_eq!((header("Replaces"), header("Require")), (Some("far;to-tag=a;from-tag=b"), Some("replaces")));
    assert_eq!(header("Referred-By"), Some("<sip:1002@pbx.example>"));
    rig.sip.clear();
    rig.answer(destination, USUAL);
    assert_eq!(rig.feeds[&caller], format!("leg {destination:?}"));
    rig.hang_up(station);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_party_comes_back_from_a_system_that_knows_no_such_dialog() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig);
    refers(&mut rig, unknown(station, "030", "198.51.100.8"));
    let (destination, _) = rig.invited();
    rig.sip.clear();
    rig.refuse(destination, 481);
    assert!(rig.sip.iter().filter_map(answer_of).any(|said| said.starts_with("notify 4")));
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
    let another = Operation::MakeCall { line: "1003".into(), to: "030".to_owned(), params: None };
    rig.request(CRM, another).unwrap();
    assert!(rig.invited().1.headers.iter().all(|(name, _)| *name != "Replaces"));
}

#[test]
fn a_dialog_that_is_nobodys_or_out_of_reach_is_refused() {
    let mut setup = setup();
    let mut blocked = setup.routes[0].clone();
    blocked.pattern = regex::Regex::new("^0190").unwrap();
    blocked.to = setup::RouteTo::Reject(403);
    setup.routes.insert(0, blocked);
    let mut rig = Rig::with(setup);
    let (_, station) = talking(&mut rig);
    for (user, host, status) in [
        ("030", "pbx.example", "481"),
        ("030", "carrier.example.org", "481"),
        ("030", "192.0.2.9", "481"),
        ("030", "", "481"),
        ("1001", "carrier.example", "481"),
        ("4711", "carrier.example", "481"),
        ("01901", "carrier.example", "403"),
    ] {
        assert_eq!(refers(&mut rig, unknown(station, user, host)), [status], "{user}@{host}");
        rig.sip.clear();
    }
}

#[test]
fn a_network_refers_nobody_whoever_its_from_says_it_is() {
    let mut rig = Rig::new();
    talking(&mut rig);
    let conference = rig.request(CRM, Operation::SetupConference { call: CallId(2), to: None });
    let Ok(Outcome::Conference { conference, .. }) = conference else { panic!("{conference:?}") };
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    rig.commands();
    let focus = format!("conf-{}", conference.0);
    assert_eq!(refers(&mut rig, refer(Some(network), &focus, None)), ["403"], "it says that it is 1002");
}
