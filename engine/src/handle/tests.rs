//! The handles before a real engine with lines whose media ends in it.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{App, Call, PickupFrom};
use crate::config::Config;
use crate::driver::Running;
use crate::switch::{
    CallOperation, CallParams, CallPrivilege, CallState, CompletionMode, ConnectedMode, DigitMode,
    ForwardEntry, ForwardMode, Gathering, HandoffTarget, LineError, MediaMode, QosLevel, TransferMode,
};
use crate::translate::TranslateOptions;

/// An engine on a free port of loopback.
pub(crate) struct Premises {
    pub(crate) running: Running,
    directory: PathBuf,
}

impl Premises {
    /// Lines 1001 to 1005, and what else the configuration says.
    pub(crate) fn new(more: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("trunkline-premises-{}-{number}", std::process::id()));
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let lines: String = ["1001", "1002", "1003", "1004", "1005"]
            .map(|line| format!("[[line]]\naddress = \"{line}\"\nkind = \"local\"\ngroups = [\"desk\"]\n"))
            .concat();
        let text = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\nworkers = 1\n[media]\nlisten = \"127.0.0.1\"\nworkers = 1\n\
             [park]\nslots = \"701-702\"\n{lines}{more}"
        );
        let config = Config::parse(Path::new("premises.toml"), &text).unwrap();
        Self { running: Running::start(config, &directory).unwrap(), directory }
    }

    pub(crate) async fn close(self) {
        self.running.stop().await;
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

const APPS: &str = "[[app]]\nname = \"crm\"\ntoken = \"a-token-of-the-first-application\"\nlines = [\"*\"]\n\
                    [[app]]\nname = \"desk\"\ntoken = \"a-token-of-the-other-application\"\nlines = [\"*\"]\n";

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

async fn app() -> (Premises, App) {
    let premises = Premises::new(APPS);
    let app = premises.running.engine().app("crm").unwrap();
    (premises, app)
}

/// The call that is offered at this line.
async fn offered(app: &App, line: &str) -> Call {
    let look = async {
        loop {
            let calls = app.calls().await.unwrap();
            let is_offered =
                calls.iter().find(|call| &*call.line == line && matches!(call.state, CallState::Offering(_)));
            if let Some(call) = is_offered {
                return app.call(call.id);
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), look).await.expect("a call is offered")
}

/// A call from 1001 that this line has answered.
async fn talking(app: &App, to: &str) -> Call {
    let call = app.line("1001").make_call(to).await.unwrap();
    offered(app, to).await.answer().await.unwrap();
    assert_eq!(call.state().await, Ok(ACTIVE));
    call
}

#[tokio::test]
async fn a_reader_that_panics_is_counted_and_stops_nobody_else() {
    let (premises, app) = app().await;
    let engine = premises.running.engine();
    let nothing: Result<(), _> = engine.view(|_| panic!("the panic of this test")).await;
    assert_eq!(nothing, Err(LineError::Uninitialized));
    assert_eq!(talking(&app, "1002").await.state().await, Ok(ACTIVE));
    assert_eq!(engine.metrics().panics_total, 1);
    premises.close().await;
}

#[tokio::test]
async fn a_consultation_ends_as_a_transfer() {
    let (premises, app) = app().await;
    let call = talking(&app, "1002").await;
    let consult = call.setup_transfer().await.unwrap();
    assert_eq!(call.state().await, Ok(CallState::OnHoldPendTransfer));
    consult.dial("1003").await.unwrap();
    let answering = offered(&app, "1003").await;
    answering.answer().await.unwrap();
    consult.swap_hold(&call).await.unwrap();
    call.swap_hold(&consult).await.unwrap();
    assert_eq!(
        call.complete_transfer(&consult, TransferMode::Transfer).await.map(|none| none.is_none()),
        Ok(true)
    );
    assert_eq!((call.state().await, consult.state().await), (Ok(CallState::Idle), Ok(CallState::Idle)));
    assert_eq!(answering.state().await, Ok(ACTIVE));
    call.deallocate().await.unwrap();
    assert_eq!(call.state().await, Err(LineError::InvalCallHandle));
    premises.close().await;
}

#[tokio::test]
async fn a_conference_is_made_enlarged_and_left() {
    let (premises, app) = app().await;
    let first = talking(&app, "1002").await;
    let (conference, consult) = first.setup_conference().await.unwrap();
    let second = consult.unwrap();
    second.dial("1003").await.unwrap();
    offered(&app, "1003").await.answer().await.unwrap();
    conference.add_to_conference(&second).await.unwrap();
    let third = conference.prepare_add_to_conference().await.unwrap();
    third.dial("1004").await.unwrap();
    offered(&app, "1004").await.answer().await.unwrap();
    conference.add_to_conference(&third).await.unwrap();
    let related = conference.get_conf_related_calls().await.unwrap();
    let ids: Vec<_> = related.iter().map(Call::id).collect();
    assert_eq!(ids, [conference.id(), first.id(), second.id(), third.id()]);
    second.remove_from_conference().await.unwrap();
    assert_eq!(second.state().await, Ok(CallState::Idle));
    conference.drop_call().await.unwrap();
    assert_eq!(third.state().await, Ok(CallState::Idle));
    premises.close().await;
}

#[tokio::test]
async fn a_transfer_becomes_a_conference() {
    let (premises, app) = app().await;
    let call = talking(&app, "1002").await;
    let consult = call.setup_transfer_to("1003").await.unwrap();
    offered(&app, "1003").await.answer().await.unwrap();
    let conference = call.complete_transfer(&consult, TransferMode::Conference).await.unwrap().unwrap();
    assert_eq!(conference.state().await, Ok(ACTIVE));
    assert_eq!(call.state().await, Ok(CallState::Conferenced));
    premises.close().await;
}

#[tokio::test]
async fn a_call_waits_at_a_slot_and_is_taken_elsewhere() {
    let (premises, app) = app().await;
    let call = talking(&app, "1002").await;
    let slot = call.park().await.unwrap();
    assert_eq!(slot, "701");
    let retrieved = app.line("1003").unpark(&slot).await.unwrap();
    assert_eq!(retrieved.state().await, Ok(ACTIVE));
    retrieved.park_at("702").await.unwrap();
    let nobody = app.line("1003").unpark("701").await;
    assert_eq!(nobody.err().map(|refusal| refusal.error), Some(LineError::OperationFailed));
    app.line("1004").make_call("1005").await.unwrap();
    offered(&app, "1005").await.accept().await.unwrap();
    let picked = app.line("1003").pickup(PickupFrom::OwnGroups).await.unwrap();
    assert_eq!(picked.state().await, Ok(ACTIVE));
    picked.blind_transfer("1001").await.unwrap();
    offered(&app, "1001").await.redirect("1005").await.unwrap();
    offered(&app, "1005").await.drop_call().await.unwrap();
    premises.close().await;
}

#[tokio::test]
async fn a_call_changes_hands() {
    let (premises, app) = app().await;
    let desk = premises.running.engine().app("desk").unwrap();
    let call = talking(&app, "1002").await;
    let watched = desk.call(call.id());
    assert_eq!(watched.status().await.unwrap().privilege, CallPrivilege::Monitor);
    let refusal = watched.hold().await.unwrap_err();
    assert_eq!(refusal.error, LineError::NotOwner);
    assert!(refusal.allowed.contains(&CallOperation::SetCallPrivilege));
    call.handoff(HandoffTarget::App("desk".to_owned())).await.unwrap();
    call.set_call_privilege(CallPrivilege::Monitor).await.unwrap();
    watched.hold().await.unwrap();
    watched.unhold().await.unwrap();
    watched.secure_call().await.unwrap();
    call.deallocate().await.unwrap();
    let found = app.line("1001").get_new_calls().await.unwrap();
    assert_eq!(found.iter().map(Call::id).collect::<Vec<_>>(), [call.id()]);
    app.set_app_priority("desk", MediaMode::InteractiveVoice, 1).await.unwrap();
    let nobody = app.set_app_priority("nobody", MediaMode::InteractiveVoice, 1).await;
    assert_eq!(nobody.map_err(|refusal| refusal.error), Err(LineError::InvalAppName));
    app.line("1001").close().await.unwrap();
    assert_eq!(app.line("1001").status().await.err(), Some(LineError::InvalLineHandle));
    app.line("1001").open(CallPrivilege::Monitor, &[]).await.unwrap();
    premises.close().await;
}

#[tokio::test]
async fn data_goes_with_a_call() {
    let (premises, app) = app().await;
    let params = CallParams {
        call_data: Bytes::from_static(b"case"),
        user_user: Some(Bytes::from_static(b"\x04hi")),
        ..CallParams::default()
    };
    let call = app.line("1001").make_call_with("1002", params).await.unwrap();
    let other = offered(&app, "1002").await;
    assert_eq!(&other.status().await.unwrap().user_user[..], b"\x04hi");
    other.answer_with(Bytes::from_static(b"\x04yes")).await.unwrap();
    let view = call.status().await.unwrap();
    assert_eq!((&view.data[..], &view.user_user[..]), (&b"case"[..], &b"\x04yes"[..]));
    call.set_call_data(Bytes::new()).await.unwrap();
    assert!(call.status().await.unwrap().data.is_empty());
    call.send_user_user_info(Bytes::from_static(b"\x04more")).await.unwrap();
    assert_eq!(&other.status().await.unwrap().user_user[..], b"\x04more");
    let error = |reply: Result<(), crate::Refusal>| reply.map_err(|refusal| refusal.error);
    let needed = call.set_call_quality_of_service(QosLevel::Needed).await;
    assert_eq!(error(needed), Err(LineError::ResourceUnavail));
    call.set_call_quality_of_service(QosLevel::BestEffort).await.unwrap();
    call.set_media_mode(&[MediaMode::AutomatedVoice]).await.unwrap();
    assert_eq!(call.status().await.unwrap().media_modes, [MediaMode::AutomatedVoice]);
    call.monitor_digits(&[DigitMode::Dtmf]).await.unwrap();
    call.monitor_media(&[MediaMode::G3Fax]).await.unwrap();
    let gathering = Gathering { count: 4, termination: "#".into(), first_digit: None, inter_digit: None };
    call.gather_digits(gathering).await.unwrap();
    call.cancel_gathering().await.unwrap();
    // Between two lines of the engine there is no stream to say digits into.
    let unheard = call.generate_digits("1", None, None).await;
    assert_eq!(error(unheard), Err(LineError::OperationUnavail));
    let not_now = call.complete_call(CompletionMode::Callback, None).await;
    assert_eq!(not_now.map_err(|refusal| refusal.error), Err(LineError::InvalCallState));
    call.drop_with(Bytes::from_static(b"\x04bye")).await.unwrap();
    premises.close().await;
}

#[tokio::test]
async fn a_line_forwards_translates_and_says_what_it_wants_to_hear() {
    let (premises, app) = app().await;
    let line = app.line("1002");
    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some("1003".into()) };
    line.forward(vec![entry.clone()], Some(3)).await.unwrap();
    let status = line.status().await.unwrap();
    assert_eq!((status.forwarding, status.rings), (vec![entry], 3));
    app.line("1001").make_call("1002").await.unwrap();
    offered(&app, "1003").await.drop_call().await.unwrap();
    line.forward(Vec::new(), None).await.unwrap();
    let found = line.translate_address("1003", None, TranslateOptions::NONE).await.unwrap();
    assert_eq!(found.dialable, "1003");
    line.set_status_messages(&["ringing"], &["forward"]).await.unwrap();
    let wrong = line.set_status_messages(&["dancing"], &[]).await;
    assert_eq!(wrong.map_err(|refusal| refusal.error), Err(LineError::InvalLineState));
    let addresses: Vec<_> = app.lines().await.unwrap().into_iter().map(|line| line.address).collect();
    assert_eq!(addresses.len(), 5);
    premises.close().await;
}
