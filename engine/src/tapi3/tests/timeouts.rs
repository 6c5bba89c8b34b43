//! A switch that never replies: every method gives up after two minutes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::time::Instant;
use trunkline_sip::location::{Location, LocationLimits};

use super::bench::{VOICE, create};
use crate::config::{Config, ConnectionLimits};
use crate::driver::clock;
use crate::driver::event_log::EventLog;
use crate::driver::metrics::Metrics;
use crate::driver::stream::Connections;
use crate::driver::switch::{SwitchInput, Waiting};
use crate::driver::worker::Workers;
use crate::handle::{AppIdentity, Engine, Shared};
use crate::provision::Provisioner;
use crate::switch::{AppId, CallId, LineError, Message, Operation, Outcome, Reply, Switch};
use crate::tapi3::{Error, Event, EventFilter, Notifications, Tapi, Wait};
use crate::webhook::Board;

const CONFIG: &str = "[sip]\nworkers = 1\n[[line]]\naddress = \"1001\"\nkind = \"local\"\n\
                      [[app]]\nname = \"crm\"\ntoken = \"a-token-of-the-first-application\"\nlines = [\"*\"]\n";

/// An engine whose switch opens lines and makes call 7, and answers nothing else.
fn engine() -> (Engine, Arc<EventLog>) {
    let config = Config::parse(Path::new("stage.toml"), CONFIG).unwrap();
    let now = clock::now();
    let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
    let (events, waiting) = (Arc::new(EventLog::new(1, 1)), Arc::new(Waiting::new()));
    let metrics = Arc::new(Metrics::new(1));
    let (workers, _) = Workers::new(1, Arc::clone(&metrics));
    let (switch, mut mailbox) = mpsc::channel(16);
    let state = Switch::new(config.setup(), Arc::clone(&location), [1; 32], now);
    let (log, replies) = (Arc::clone(&events), Arc::clone(&waiting));
    tokio::spawn(async move {
        while let Some(input) = mailbox.recv().await {
            match input {
                SwitchInput::View(reader) => reader(&state),
                SwitchInput::Request(app, request, operation) => {
                    let Some(reply) = script(&operation) else { continue };
                    log.append(app, Message::Reply { request, reply: reply.clone() });
                    if let Some((_, sender)) = replies.remove(&request) {
                        drop(sender.send(reply));
                    }
                }
                SwitchInput::Drain
                | SwitchInput::Media(_)
                | SwitchInput::Fork(_)
                | SwitchInput::Recording(_)
                | SwitchInput::Reconfigure(_)
                | SwitchInput::Relocate(_)
                | SwitchInput::Sip(_)
                | SwitchInput::Stop => panic!("{input:?}"),
            }
        }
    });
    let apps = config.apps.iter().map(|app| AppIdentity {
        id: AppId(0),
        name: app.name.clone(),
        token: app.token.0.clone(),
        privilege: app.privilege,
        lines: app.lines.as_slice().into(),
        is_operator: app.is_operator(),
    });
    let trace = crate::driver::trace::Trace::new(1, 0, (0, 0));
    let engine = Engine::new(Arc::new(Shared {
        switch,
        waiting,
        events: Arc::clone(&events),
        location,
        metrics,
        connections: Connections::of_test(workers, ConnectionLimits::DEFAULT),
        apps: ArcSwap::from_pointee(apps.collect()),
        provisioner: Arc::new(Provisioner::new(&config)),
        webhooks: Board::default(),
        next_request: AtomicU32::new(0),
        ready: AtomicBool::new(true),
        operations: trace.of_api(),
        trace,
        records: None,
    }));
    (engine, events)
}

/// Opens lines, makes call 7, dials nothing, and is silent else.
fn script(operation: &Operation) -> Option<Reply> {
    if matches!(operation, Operation::OpenLine { .. } | Operation::SetStatusMessages { .. }) {
        return Some(Ok(Outcome::Done));
    }
    let Operation::MakeCall { to, .. } = operation else { return None };
    match to.as_str() {
        "1002" => Some(Ok(Outcome::Call(CallId(7)))),
        "" => Some(Err(LineError::InvalAddress.into())),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_gives_up_after_two_minutes() {
    let (engine, _events) = engine();
    let tapi = Tapi::initialize(engine.app("crm").unwrap()).await.unwrap();
    let address = tapi.address("1001").await.unwrap();
    let began = Instant::now();
    assert_eq!(create(&address, "1003").connect(Wait::Async).await, Err(Error::Timeout));
    assert_eq!(began.elapsed().as_secs(), 120);
    // The call is made, and nobody ever answers it.
    let call = create(&address, "1002");
    assert_eq!(call.connect(Wait::Sync).await, Err(Error::Timeout));
    assert_eq!(call.id(), Some(CallId(7)));
    assert_eq!(call.hold(true).await, Err(Error::Timeout));
    assert_eq!(began.elapsed().as_secs(), 360);
    assert_eq!(create(&address, "").connect(Wait::Sync).await, Err(Error::InvalAddress));
}

#[tokio::test(start_paused = true)]
async fn an_object_is_its_call_even_where_the_event_is_faster_than_the_reply() {
    let (engine, log) = engine();
    let tapi = Tapi::initialize(engine.app("crm").unwrap()).await.unwrap();
    let address = tapi.address("1001").await.unwrap();
    tapi.register_call_notifications(&address, Notifications::Both, &VOICE).await.unwrap();
    tapi.put_event_filter(EventFilter::DIGIT);
    let mut events = tapi.events().unwrap();
    let call = create(&address, "1002");
    call.connect(Wait::Async).await.unwrap();
    let mode = crate::switch::DigitMode::Dtmf;
    log.append(AppId(0), Message::MonitorDigits { call: CallId(7), line: "1001".into(), digit: '5', mode });
    let event = tokio::time::timeout(Duration::from_secs(1), events.next()).await.unwrap();
    assert_eq!(event, Some(Event::Digit { call, digit: '5', mode }));
}
