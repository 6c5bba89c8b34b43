//! The loop of the switch: one mailbox in, commands to workers and relay, messages to applications out.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use dashmap::DashMap;
use tokio::sync::{mpsc, oneshot};
use trunkline_sip::outbox::Event as SipEvent;

use super::clock;
use super::event_log::EventLog;
use super::lifeline::Held;
use super::mailbox::Outlet;
use super::metrics::{Counter, Metrics};
use super::presence::Presence;
use super::refusals::Refusals;
use super::relay::Relays;
use super::store::Store;
use super::worker::{WorkerInput, Workers, sleep_until};
use crate::switch::ids::{AppId, RequestId};
use crate::switch::message::Message;
use crate::switch::operation::{Operation, Reply};
use crate::switch::setup::Setup;
use crate::switch::{Outbox, Switch};

/// Inputs taken from the mailbox before the outlets get their turn.
const BATCH: usize = 256;

/// A reader of the switch's state, run on its thread.
pub(crate) type Reader = Box<dyn FnOnce(&Switch) + Send>;

/// What reaches the switch.
pub(crate) enum SwitchInput {
    Sip(SipEvent),
    Media(trunkline_media::Event),
    Request(AppId, RequestId, Operation),
    View(Reader),
    Reconfigure(Box<Setup>),
    Drain,
    Stop,
}

impl fmt::Debug for SwitchInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip(_) => "Sip",
            Self::Media(_) => "Media",
            Self::Request(..) => "Request",
            Self::View(_) => "View",
            Self::Reconfigure(_) => "Reconfigure",
            Self::Drain => "Drain",
            Self::Stop => "Stop",
        })
    }
}

/// Who waits for which LINE_REPLY.
pub(crate) type Waiting = DashMap<RequestId, oneshot::Sender<Reply>>;

/// What the switch's loop is made of.
pub(crate) struct Parts {
    pub(crate) switch: Switch,
    /// What it wants done already.
    pub(crate) out: Outbox,
    pub(crate) mailbox: mpsc::Receiver<SwitchInput>,
    pub(crate) workers: Workers,
    pub(crate) relays: Relays,
    pub(crate) events: Arc<EventLog>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lifeline: Held,
}

/// Starts the switch's thread.
///
/// # Errors
/// What the kernel says when it cannot make one.
pub(crate) fn spawn(parts: Parts) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("switch".to_owned()).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(SwitchLoop::new(parts).run()),
            Err(error) => tracing::error!(%error, "the switch has no runtime"),
        }
    })
}

struct SwitchLoop {
    switch: Switch,
    mailbox: mpsc::Receiver<SwitchInput>,
    workers: Vec<Outlet<WorkerInput>>,
    relays: Relays,
    events: Arc<EventLog>,
    waiting: Arc<Waiting>,
    store: Store,
    metrics: Arc<Metrics>,
    _lifeline: Held,
    presence: Presence,
    refusals: Refusals,
    out: Outbox,
}

impl SwitchLoop {
    fn new(parts: Parts) -> Self {
        let Parts { switch, out, mailbox, workers, relays, events, waiting, store, metrics, lifeline } =
            parts;
        let workers = (0..workers.count()).map(|worker| Outlet::new(workers.mailbox(worker))).collect();
        Self {
            switch,
            mailbox,
            workers,
            relays,
            events,
            waiting,
            store,
            metrics,
            _lifeline: lifeline,
            presence: Presence::new(clock::now()),
            refusals: Refusals::new(clock::now()),
            out,
        }
    }

    async fn run(mut self) {
        let mut inputs = Vec::with_capacity(BATCH);
        self.deliver();
        let mut retry = self.relays.flush(clock::now());
        loop {
            let look = self.presence.deadline();
            let wake = [Some(look), self.switch.deadline(), retry].into_iter().flatten().min();
            let blocked = self.workers.iter_mut().find(|outlet| outlet.is_blocked());
            tokio::select! {
                biased;
                () = async { if let Some(outlet) = blocked { outlet.flush().await } else { std::future::pending().await } } => {}
                count = self.mailbox.recv_many(&mut inputs, BATCH) => {
                    if count == 0 {
                        return;
                    }
                }
                () = sleep_until(wake) => {}
            }
            let now = clock::now();
            for input in inputs.drain(..) {
                if matches!(input, SwitchInput::Stop) {
                    return;
                }
                self.take(now, input);
            }
            if self.switch.deadline().is_some_and(|deadline| deadline <= now) {
                self.guarded("a timer", |switch, out| switch.handle_timeout(now, out));
            }
            if look <= now {
                for app in self.presence.look(now, &self.events.readers()) {
                    self.guarded("an application that is gone", |switch, out| switch.app_gone(now, app, out));
                }
            }
            retry = self.relays.flush(now);
            let gauges = self.switch.gauges();
            self.metrics.set_switch(
                gauges.calls as u64,
                gauges.legs as u64,
                gauges.media_ports_in_use as u64,
            );
            self.metrics.set_switch_refusals(&self.switch.refusals());
            self.metrics.set_media(self.switch.media_totals());
        }
    }

    fn take(&mut self, now: Instant, input: SwitchInput) {
        match input {
            SwitchInput::Sip(event) => {
                self.note(now, &event);
                self.guarded("a SIP event", |switch, out| switch.sip(now, event, out));
            }
            SwitchInput::Media(event) => {
                self.guarded("a media event", |switch, out| switch.media(now, event, out));
            }
            SwitchInput::Request(app, request, operation) => {
                self.guarded("an operation", |switch, out| switch.request(now, app, request, operation, out));
            }
            SwitchInput::View(read) => read(&self.switch),
            SwitchInput::Reconfigure(setup) => {
                self.guarded("a reload", |switch, out| switch.reconfigure(now, *setup, out));
            }
            SwitchInput::Drain => self.guarded("a drain", |switch, out| switch.drain(now, out)),
            SwitchInput::Stop => {}
        }
    }

    /// What an operator wants in the log and in a counter.
    fn note(&mut self, now: Instant, event: &SipEvent) {
        match event {
            SipEvent::Incoming(..) => self.metrics.count(Counter::Calls),
            SipEvent::Refused { flow, method, user, status } => {
                self.metrics.count(Counter::Refused);
                self.refusals.tell(now, flow.remote.ip(), method, user, *status);
            }
            SipEvent::Registration { line, change, .. } => {
                tracing::info!(%line, ?change, "registration");
            }
            SipEvent::Progress { .. }
            | SipEvent::Answered { .. }
            | SipEvent::Established { .. }
            | SipEvent::Offer { .. }
            | SipEvent::OfferAnswered { .. }
            | SipEvent::OfferRefused { .. }
            | SipEvent::Notified { .. }
            | SipEvent::Refer(..)
            | SipEvent::Completable { .. }
            | SipEvent::UserToUser { .. }
            | SipEvent::Digit { .. }
            | SipEvent::Subscribe(..)
            | SipEvent::Unsubscribed(_)
            | SipEvent::Subscription { .. }
            | SipEvent::SubscriptionOver { .. }
            | SipEvent::MessageDone { .. }
            | SipEvent::Failed { .. }
            | SipEvent::Ended { .. } => {}
        }
    }

    /// Runs the switch on one input. A panic costs that input and is counted.
    fn guarded(&mut self, what: &'static str, run: impl FnOnce(&mut Switch, &mut Outbox)) {
        let (switch, out) = (&mut self.switch, &mut self.out);
        if catch_unwind(AssertUnwindSafe(|| run(switch, out))).is_err() {
            self.metrics.count(Counter::Panics);
            tracing::error!(what, "the switch could not handle an input");
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        // Ports are bound before an answer can name them.
        for (worker, command) in self.out.media.drain(..) {
            self.relays.push(worker, command);
        }
        for command in self.out.sip.drain(..) {
            let worker = usize::from(command.worker()) % self.workers.len();
            self.workers[worker].push(WorkerInput::Command(command));
        }
        for kept in self.out.store.drain(..) {
            self.store.keep(kept);
        }
        for ended in self.out.ended.drain(..) {
            self.metrics.call_quality.note(&ended);
        }
        for (app, message) in self.out.messages.drain(..) {
            if let Message::Reply { request, reply } = &message
                && let Some((_, waiting)) = self.waiting.remove(request)
            {
                // An application that gave up waiting still has the message in its log.
                drop(waiting.send(reply.clone()));
            }
            self.events.append(app, message);
        }
    }
}
