//! Two applications before a real engine with lines whose media ends in it: `crm` has 1001, `desk` the other four.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::handle::tests::Premises;
use crate::switch::{CallPrivilege, MediaMode};
use crate::tapi3::{
    Address, AddressType, Call, CallState, DisconnectCode, Event, EventFilter, Events, Notifications, Tapi,
};

pub(super) const VOICE: [MediaMode; 1] = [MediaMode::InteractiveVoice];

pub(super) struct Bench {
    pub(super) premises: Premises,
    pub(super) crm: Tapi,
    pub(super) desk: Tapi,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let premises = Premises::new(
            "[[app]]\nname = \"crm\"\ntoken = \"a-token-of-the-first-application\"\nlines = [\"1001\"]\n\
             [[app]]\nname = \"desk\"\ntoken = \"a-token-of-the-other-application\"\n\
             lines = [\"1002\", \"1003\", \"1004\", \"1005\"]\n",
        );
        let tapi = async |name| Tapi::initialize(premises.running.engine().app(name).unwrap()).await.unwrap();
        let (crm, desk) = (tapi("crm").await, tapi("desk").await);
        Self { premises, crm, desk }
    }

    pub(super) async fn end(self) {
        drop((self.crm, self.desk));
        self.premises.close().await;
    }

    /// A call of crm to this number, not connected.
    pub(super) async fn call_to(&self, number: &str) -> Call {
        let address = self.crm.address("1001").await.unwrap();
        create(&address, number)
    }

    /// The desk answers whatever is offered to these lines.
    pub(super) async fn answering(&self, lines: &[&str]) -> JoinHandle<()> {
        let mut events = self.offers(lines).await;
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                // The desk hears of what is offered to its other lines, too.
                if let Event::CallNotification { call, privilege: CallPrivilege::Owner } = event
                    && lines.iter().any(|line| line == call.address().name())
                {
                    call.answer().await.unwrap();
                }
            }
        })
    }

    /// The desk refuses whatever is offered to this line.
    pub(super) async fn refusing(&self, line: &str) -> JoinHandle<()> {
        let mut events = self.offers(&[line]).await;
        let line = line.to_owned();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::CallNotification { call, .. } = event
                    && line == call.address().name()
                {
                    call.disconnect(DisconnectCode::Rejected).await.unwrap();
                }
            }
        })
    }

    /// What is offered to these lines of the desk.
    pub(super) async fn offers(&self, lines: &[&str]) -> Events {
        for line in lines {
            let address = self.desk.address(line).await.unwrap();
            self.desk.register_call_notifications(&address, Notifications::Owner, &VOICE).await.unwrap();
        }
        self.desk.put_event_filter(EventFilter::CALL_NOTIFICATION | EventFilter::CALL_STATE);
        self.desk.events().unwrap()
    }
}

pub(super) fn create(address: &Address, number: &str) -> Call {
    address.create_call(Some(number), AddressType::PhoneNumber, &VOICE).unwrap()
}

/// The next event; it must come soon.
pub(super) async fn next(events: &mut Events) -> Event {
    timeout(Duration::from_secs(10), events.next()).await.expect("an event").expect("the engine runs")
}

/// The next states of these calls, as many as come until each was disconnected or `count` have come.
pub(super) async fn states(events: &mut Events, calls: &[(&str, &Call)], count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        let Event::CallState { call, state, cause } = next(events).await else { continue };
        let name = calls.iter().find(|(_, known)| **known == call).map_or("?", |(name, _)| name);
        let mut text = format!("{name} {}", state.name());
        if state == CallState::Disconnected {
            text += &format!(" {cause:?}");
        }
        found.push(text);
    }
    found
}
