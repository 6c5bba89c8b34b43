//! Who owns a call, who may, and what the others hear of it (TAPI lineHandoff, lineSetCallPrivilege, lineOpen).

use std::time::Duration;

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, setup};
use crate::switch::setup::AppSetup;
use crate::switch::*;

/// The third application: an owner who comes after the first.
const QUEUE: AppId = AppId(2);

fn with_two_owners() -> Rig {
    let mut setup = setup();
    let lines = vec!["*".to_owned()];
    setup.apps.push(AppSetup { name: "queue".into(), lines, privilege: CallPrivilege::Owner });
    Rig::with(setup)
}

/// 1001 calls the local line 1003, which answers: the calls 1 and 2.
fn talking(rig: &mut Rig) -> LegId {
    let caller = rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.messages.clear();
    caller
}

fn privilege(rig: &Rig, app: AppId, call: u64) -> CallPrivilege {
    rig.switch.call(app, CallId(call)).map_or(CallPrivilege::None, |call| call.privilege)
}

fn infos(rig: &mut Rig, app: AppId) -> Vec<&'static str> {
    let told = rig.told(app, |message| matches!(message, Message::CallInfo { .. }));
    told.iter()
        .filter_map(
            |message| if let Message::CallInfo { changed, .. } = message { Some(*changed) } else { None },
        )
        .collect()
}

fn to_app(name: &str) -> Operation {
    Operation::Handoff { call: CallId(2), to: HandoffTarget::App(name.to_owned()) }
}

fn to_media(mode: MediaMode) -> Operation {
    Operation::Handoff { call: CallId(2), to: HandoffTarget::Media(mode) }
}

#[test]
fn a_call_handed_off_has_two_owners_until_the_first_lets_go() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    rig.request(CRM, to_app("queue")).unwrap();
    assert_eq!(rig.states(CRM), ["reply"]);
    assert_eq!(rig.states(QUEUE), ["c2 connected/active"]);
    assert_eq!(infos(&mut rig, WALLBOARD), ["numownerincr", "nummonitors"]);
    assert_eq!(
        [privilege(&rig, CRM, 2), privilege(&rig, QUEUE, 2)],
        [CallPrivilege::Owner, CallPrivilege::Owner]
    );
    rig.request(CRM, Operation::DeallocateCall(CallId(2))).unwrap();
    assert_eq!(infos(&mut rig, QUEUE), ["numownerdecr"]);
    assert_eq!(rig.state(1), CallState::Connected(ConnectedMode::Active), "it goes on");
}

#[test]
fn who_had_no_handle_is_given_the_call_anew() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    rig.request(QUEUE, Operation::DeallocateCall(CallId(2))).unwrap();
    rig.messages.clear();
    rig.request(CRM, to_app("queue")).unwrap();
    assert_eq!(rig.states(QUEUE), ["c2 new owner", "c2 connected/active"]);
}

#[test]
fn a_handoff_needs_somebody_who_opened_the_line_as_owner() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    let mut error = |operation| rig.request(CRM, operation).map_err(|refusal| refusal.error);
    assert_eq!(error(to_app("crm")), Ok(Outcome::Done), "to itself is no error");
    assert_eq!(error(to_app("wallboard")), Err(LineError::TargetNotFound));
    assert_eq!(error(to_app("nobody")), Err(LineError::TargetNotFound));
    assert_eq!(error(to_media(MediaMode::InteractiveVoice)), Err(LineError::TargetSelf));
    assert_eq!(error(to_media(MediaMode::G3Fax)), Err(LineError::TargetNotFound));
}

#[test]
fn a_handoff_by_media_mode_goes_to_who_opened_for_it() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    rig.request(
        QUEUE,
        Operation::OpenLine {
            line: "1003".into(),
            privilege: CallPrivilege::Owner,
            media_modes: vec![MediaMode::G3Fax],
        },
    )
    .unwrap();
    rig.request(CRM, to_media(MediaMode::G3Fax)).unwrap();
    assert_eq!(privilege(&rig, QUEUE, 2), CallPrivilege::Owner);
}

#[test]
fn priority_decides_who_owns_the_next_call() {
    let mut rig = with_two_owners();
    let mode = MediaMode::InteractiveVoice;
    let set =
        |app: &str, priority| Operation::SetAppPriority { app: app.to_owned(), media_mode: mode, priority };
    rig.request(CRM, set("queue", 1)).unwrap();
    rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    assert_eq!(privilege(&rig, QUEUE, 2), CallPrivilege::Owner);
    rig.request(CRM, set("queue", 0)).unwrap();
    rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    assert_eq!(privilege(&rig, CRM, 4), CallPrivilege::Owner);
    assert_eq!(rig.request(CRM, set("queue", 2)).unwrap_err().error, LineError::InvalParam);
    assert_eq!(rig.request(CRM, set("nobody", 1)).unwrap_err().error, LineError::InvalAppName);
}

#[test]
fn a_sole_owner_cannot_step_back_and_a_monitor_of_the_configuration_cannot_step_up() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    let set = |privilege| Operation::SetCallPrivilege { call: CallId(2), privilege };
    let error =
        |rig: &mut Rig, app, privilege| rig.request(app, set(privilege)).map_err(|refusal| refusal.error);
    assert_eq!(error(&mut rig, CRM, CallPrivilege::Monitor), Err(LineError::InvalCallState));
    assert_eq!(error(&mut rig, WALLBOARD, CallPrivilege::Owner), Err(LineError::InvalCallPrivilege));
    assert_eq!(error(&mut rig, CRM, CallPrivilege::None), Err(LineError::InvalCallPrivilege));
    assert_eq!(error(&mut rig, QUEUE, CallPrivilege::Owner), Ok(Outcome::Done));
    assert_eq!(error(&mut rig, CRM, CallPrivilege::Monitor), Ok(Outcome::Done));
    assert_eq!(privilege(&rig, CRM, 2), CallPrivilege::Monitor);
}

#[test]
fn calls_that_are_not_known_are_found_by_asking() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    rig.request(WALLBOARD, Operation::DeallocateCall(CallId(2))).unwrap();
    let found = rig.request(WALLBOARD, Operation::GetNewCalls { line: "1003".into() });
    assert_eq!(found, Ok(Outcome::Calls(vec![CallId(2)])));
    assert_eq!(privilege(&rig, WALLBOARD, 2), CallPrivilege::Monitor);
    let found = rig.request(WALLBOARD, Operation::GetNewCalls { line: "1003".into() });
    assert_eq!(found, Ok(Outcome::Calls(Vec::new())));
}

#[test]
fn closing_a_line_drops_what_only_the_application_owned() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, Operation::CloseLine { line: "1003".into() }).unwrap();
    assert_eq!(privilege(&rig, CRM, 2), CallPrivilege::None);
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    let refused = rig.request(CRM, Operation::GetNewCalls { line: "1003".into() }).unwrap_err();
    assert_eq!(refused.error, LineError::InvalLineHandle);
    let reopen = |privilege| Operation::OpenLine { line: "1003".into(), privilege, media_modes: Vec::new() };
    rig.request(CRM, reopen(CallPrivilege::Owner)).unwrap();
    let refused = rig.request(WALLBOARD, reopen(CallPrivilege::Owner)).unwrap_err();
    assert_eq!(refused.error, LineError::InvalPrivSelect);
}

#[test]
fn an_application_that_vanishes_leaves_its_calls_to_the_next_owner() {
    let mut rig = with_two_owners();
    talking(&mut rig);
    rig.switch.app_gone(rig.now, CRM, &mut Outbox::default());
    let call = rig.switch.call(QUEUE, CallId(2)).unwrap();
    assert_eq!(
        (call.privilege, call.state),
        (CallPrivilege::Owner, CallState::Connected(ConnectedMode::Active))
    );
}

#[test]
fn a_call_that_nobody_is_left_to_own_is_dropped_after_a_while() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.switch.app_gone(rig.now, CRM, &mut Outbox::default());
    rig.pass(Duration::from_secs(29));
    assert!(rig.commands().is_empty());
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.commands(), [format!("end {caller}")]);
}

#[test]
fn ringing_is_told_each_cycle_to_who_asked() {
    let mut rig = Rig::new();
    let states = |line_states: &[&str]| Operation::SetStatusMessages {
        line: "1003".into(),
        line_states: line_states.iter().map(|state| (*state).to_owned()).collect(),
        address_states: Vec::new(),
    };
    rig.request(WALLBOARD, states(&["ringing"])).unwrap();
    assert_eq!(rig.request(CRM, states(&["dancing"])).unwrap_err().error, LineError::InvalLineState);
    rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    rig.pass(Duration::from_secs(6));
    let rings = rig.told(WALLBOARD, |message| matches!(message, Message::LineState { .. }));
    let ring = |count| Message::LineState { line: "1003".into(), state: "ringing", detail: 1, count };
    assert_eq!(rings, [ring(0), ring(1)]);
    let counters = rig.told(WALLBOARD, |message| matches!(message, Message::AddressState { .. }));
    assert!(counters.is_empty(), "address states were not asked for");
}

#[test]
fn call_data_is_seen_by_everybody_and_bounded() {
    let mut rig = Rig::new();
    talking(&mut rig);
    let set = |bytes: usize| Operation::SetCallData { call: CallId(2), data: vec![7; bytes].into() };
    rig.request(CRM, set(4096)).unwrap();
    assert_eq!(infos(&mut rig, WALLBOARD), ["calldata"]);
    assert_eq!(rig.switch.call(WALLBOARD, CallId(2)).unwrap().data.len(), 4096);
    assert_eq!(rig.request(CRM, set(4097)).unwrap_err().error, LineError::InvalParam);
}

#[test]
fn user_user_information_reaches_the_other_side() {
    let mut rig = Rig::new();
    rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    let data = Bytes::from_static(b"\x04hello");
    rig.request(CRM, Operation::Answer(CallId(2), Some(data.clone()))).unwrap();
    let Some(Command::Enclose(_, headers)) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!(headers[0], ("User-to-User", "0468656c6c6f;encoding=hex".to_owned()));
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().user_user, data);
    let long = Operation::SendUserUserInfo { call: CallId(2), data: vec![0; 129].into() };
    assert_eq!(rig.request(CRM, long).unwrap_err().error, LineError::UserUserInfoTooBig);
}

#[test]
fn a_network_is_sent_user_user_information_by_info() {
    let mut rig = Rig::new();
    let made = Operation::MakeCall { line: "carrier".into(), to: "030".to_owned(), params: None };
    rig.request(CRM, made).unwrap();
    let (network, _) = rig.invited();
    rig.answer(network, USUAL);
    rig.commands();
    let data = Bytes::from_static(b"hi");
    rig.request(CRM, Operation::SendUserUserInfo { call: CallId(1), data }).unwrap();
    assert_eq!(rig.commands(), [format!("user-to-user {network}")]);
}

#[test]
fn parameters_of_a_call_go_into_its_invite() {
    let mut setup = setup();
    setup.trunks[0].is_trusted = true;
    let mut rig = Rig::with(setup);
    let params = CallParams {
        user_user: Some(Bytes::from_static(b"hi")),
        block_id: true,
        no_answer_after: Some(Duration::from_secs(10)),
        call_data: Bytes::from_static(b"case 7"),
        ..CallParams::default()
    };
    let to = "030".to_owned();
    rig.request(CRM, Operation::MakeCall { line: "1003".into(), to, params: Some(params.into()) }).unwrap();
    let (_, invite) = rig.invited();
    assert_eq!((invite.from.user.as_str(), invite.from.host.as_str()), ("anonymous", "anonymous.invalid"));
    let names: Vec<_> = invite.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["User-to-User", "Privacy", "P-Asserted-Identity"]);
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().data, "case 7");
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.state(1), CallState::Disconnected(DisconnectMode::NoAnswer));
}

#[test]
fn a_media_mode_is_one_and_quality_cannot_be_promised() {
    let mut rig = Rig::new();
    talking(&mut rig);
    let call = CallId(2);
    let set = |media_modes: &[MediaMode]| Operation::SetMediaMode { call, media_modes: media_modes.to_vec() };
    let two = set(&[MediaMode::Video, MediaMode::G3Fax]);
    assert_eq!(rig.request(CRM, two).unwrap_err().error, LineError::InvalMediaMode);
    rig.request(CRM, set(&[MediaMode::G3Fax])).unwrap();
    assert_eq!(infos(&mut rig, WALLBOARD), ["mediamode"]);
    let quality = |level| Operation::SetCallQualityOfService { call, level };
    let refused = rig.request(CRM, quality(QosLevel::Needed)).unwrap_err();
    assert_eq!(refused.error, LineError::ResourceUnavail);
    rig.request(CRM, quality(QosLevel::BestEffort)).unwrap();
}
