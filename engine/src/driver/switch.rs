//! The switch at its desk: events in, commands to workers and relay, messages to applications out; and its own thread, which
//! brings what applications ask and wakes it for its timers.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use dashmap::DashMap;
use tokio::sync::{mpsc, oneshot};
use trunkline_sip::outbox::{Command, Event as SipEvent};

use super::audio_fork::Forks;
use super::clock;
use super::desk::{BATCH, Core, Letterbox};
use super::event_log::EventLog;
use super::floor::Floor;
use super::lifeline::Held;
use super::mailbox::{Outlet, RETRY};
use super::metrics::{Counter, Metrics};
use super::presence::Presence;
use super::recording::Recordings;
use super::records::Records;
use super::refusal_log::RefusalLog;
use super::relay::Relays;
use super::store::Store;
use super::trace::{Happened, Writer};
use super::worker::{WorkerInput, Workers};
use crate::switch::csta::CstaNote;
use crate::switch::ids::{AppId, RequestId};
use crate::switch::message::Message;
use crate::switch::operation::{Operation, Reply};
use crate::switch::setup::{Setup, TrunkPlaces};
use crate::switch::{ForkEvent, Outbox, RecordingEvent, Switch, Urgent};

/// A reader of the switch's state, run on its thread.
pub(crate) type Reader = Box<dyn FnOnce(&Switch) + Send>;

/// What reaches the switch.
pub(crate) enum SwitchInput {
    Sip(SipEvent),
    Media(trunkline_media::Event),
    Recording(RecordingEvent),
    Fork(ForkEvent),
    Request(AppId, RequestId, Operation),
    View(Reader),
    Reconfigure(Box<Setup>),
    Relocate(Vec<TrunkPlaces>),
    Drain,
    Stop,
}

impl fmt::Debug for SwitchInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip(_) => "Sip",
            Self::Media(_) => "Media",
            Self::Recording(_) => "Recording",
            Self::Fork(_) => "Fork",
            Self::Request(..) => "Request",
            Self::View(_) => "View",
            Self::Reconfigure(_) => "Reconfigure",
            Self::Relocate(_) => "Relocate",
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
    pub(crate) workers: Workers,
    pub(crate) relays: Relays,
    pub(crate) events: Arc<EventLog>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) store: Store,
    pub(crate) recordings: Option<Recordings>,
    pub(crate) records: Option<Records>,
    pub(crate) forks: Forks,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trace: Writer,
}

/// Starts the switch's thread. `requests` is what applications and the operator ask.
///
/// # Errors
/// What the kernel says when it cannot make one.
pub(crate) fn spawn(
    floor: Arc<Floor>,
    requests: mpsc::Receiver<SwitchInput>,
    lifeline: Held,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("switch".to_owned()).spawn(move || {
        let _held = lifeline;
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(run(&floor, requests)),
            Err(error) => tracing::error!(%error, "the switch has no runtime"),
        }
    })
}

async fn run(floor: &Floor, mut requests: mpsc::Receiver<SwitchInput>) {
    let desk = &floor.switch;
    let mut inputs = Vec::with_capacity(BATCH);
    let mut wake = Some(clock::now());
    loop {
        if !wait(desk.letterbox(), &mut requests, &mut inputs, wake).await {
            break;
        }
        let is_over = inputs.iter().any(|input| matches!(input, SwitchInput::Stop));
        let ask = |core: &mut SwitchCore, now| inputs.drain(..).for_each(|input| core.take(now, input));
        let Some(((), deadline)) = desk.tend(ask, |_| ()) else { break };
        if is_over {
            break;
        }
        wake = deadline;
        floor.round(None);
    }
    desk.close();
}

/// Waits until there is something to do. Takes what is asked then, whatever else there is: who brings the switch more than it can do
/// is not to silence its applications. `false`: nobody can ask any more.
async fn wait<I>(
    letterbox: &Letterbox<I>,
    requests: &mut mpsc::Receiver<SwitchInput>,
    inputs: &mut Vec<SwitchInput>,
    wake: Option<Instant>,
) -> bool {
    tokio::select! {
        biased;
        () = letterbox.rung() => {}
        count = requests.recv_many(inputs, BATCH) => return count > 0,
        () = sleep_until(wake) => {}
    }
    while inputs.len() < BATCH
        && let Ok(input) = requests.try_recv()
    {
        inputs.push(input);
    }
    true
}

/// Waits until the instant; forever where there is none.
async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// The switch with everything that it uses.
pub(crate) struct SwitchCore {
    switch: Switch,
    workers: Vec<Outlet<WorkerInput>>,
    relays: Relays,
    events: Arc<EventLog>,
    waiting: Arc<Waiting>,
    store: Store,
    recordings: Option<Recordings>,
    records: Option<Records>,
    forks: Forks,
    metrics: Arc<Metrics>,
    trace: Writer,
    presence: Presence,
    refusals: RefusalLog,
    /// When something is to be sent once more that found no room.
    retry: Option<Instant>,
    out: Outbox,
}

impl Core for SwitchCore {
    type Input = SwitchInput;

    fn turn(&mut self, now: Instant, inputs: &mut Vec<SwitchInput>, _is_all: bool) {
        for input in inputs.drain(..) {
            self.take(now, input);
        }
        if self.switch.deadline().is_some_and(|deadline| deadline <= now) {
            self.guarded("a timer", |switch, out| switch.handle_timeout(now, out));
        }
        if self.presence.deadline() <= now {
            for app in self.presence.look(now, &self.events.readers()) {
                self.guarded("an application that is gone", |switch, out| switch.app_gone(now, app, out));
            }
        }
        self.retry = self.relays.flush(now);
        for worker in self.workers.iter_mut().filter(|worker| worker.is_blocked()) {
            worker.flush();
            self.retry = Some(now + RETRY);
        }
        self.count();
    }

    fn deadline(&self) -> Option<Instant> {
        let look = self.presence.deadline();
        [Some(look), self.switch.deadline(), self.retry].into_iter().flatten().min()
    }
}

impl SwitchCore {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            switch,
            out,
            workers,
            relays,
            events,
            waiting,
            store,
            recordings,
            records,
            forks,
            metrics,
            trace,
        } = parts;
        let workers = (0..workers.count()).map(|worker| Outlet::new(workers.mailbox(worker))).collect();
        let mut core = Self {
            switch,
            workers,
            relays,
            events,
            waiting,
            store,
            recordings,
            records,
            forks,
            metrics,
            trace,
            presence: Presence::new(clock::now()),
            refusals: RefusalLog::new(clock::now()),
            retry: None,
            out,
        };
        core.deliver();
        core
    }

    fn count(&self) {
        let gauges = self.switch.gauges();
        self.metrics.set_switch(gauges.calls as u64, gauges.legs as u64, gauges.media_ports_in_use as u64);
        self.metrics.set_taps(gauges.recordings as u64, gauges.forks as u64);
        self.metrics.set_csta_sessions(gauges.csta_sessions as u64);
        self.metrics.set_switch_refusals(&self.switch.refusals());
        self.metrics.set_media(self.switch.media_totals());
    }

    fn take(&mut self, now: Instant, input: SwitchInput) {
        match input {
            SwitchInput::Sip(event) => {
                self.note(now, &event);
                self.guarded("a SIP event", |switch, out| switch.sip(now, event, out));
            }
            SwitchInput::Media(event) => {
                if self.trace.is_on()
                    && let Some(note) = self.switch.path_note(&event)
                {
                    self.trace.note(|| Happened::MediaChange(note.into()));
                }
                self.guarded("a media event", |switch, out| switch.media(now, event, out));
            }
            SwitchInput::Recording(event) => {
                self.guarded("a recording", |switch, out| switch.recorded(now, event, out));
            }
            SwitchInput::Fork(event) => {
                self.guarded("a fork", |switch, out| switch.forked(now, event, out));
            }
            SwitchInput::Request(app, request, operation) => {
                self.guarded("an operation", |switch, out| switch.request(now, app, request, operation, out));
            }
            SwitchInput::View(read) => self.guarded("a reader", |switch, _| read(switch)),
            SwitchInput::Reconfigure(setup) => {
                self.guarded("a reload", |switch, out| switch.reconfigure(now, *setup, out));
            }
            SwitchInput::Relocate(places) => {
                self.guarded("where trunks are", |switch, out| switch.relocate(now, places, out));
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
            SipEvent::Registered { trunk, expires, is_first: true, .. } => {
                tracing::info!(%trunk, seconds = expires.as_secs(), "registered at a carrier");
            }
            SipEvent::RegistrationOver { trunk, status: 0, .. } => {
                tracing::info!(%trunk, "no longer registered at a carrier");
            }
            SipEvent::RegistrationOver { trunk, status, .. } => {
                tracing::warn!(%trunk, status, "not registered at a carrier");
            }
            SipEvent::Registered { .. }
            | SipEvent::Progress { .. }
            | SipEvent::Announced { .. }
            | SipEvent::Answered { .. }
            | SipEvent::Established { .. }
            | SipEvent::Offer { .. }
            | SipEvent::OfferWithdrawn { .. }
            | SipEvent::OfferAnswered { .. }
            | SipEvent::OfferRefused { .. }
            | SipEvent::Notified { .. }
            | SipEvent::Refer(..)
            | SipEvent::Charged { .. }
            | SipEvent::Completable { .. }
            | SipEvent::UserToUser { .. }
            | SipEvent::Digit { .. }
            | SipEvent::Csta { .. }
            | SipEvent::CstaAnswered { .. }
            | SipEvent::Subscribe(..)
            | SipEvent::FeatureWish(..)
            | SipEvent::Unsubscribed(_)
            | SipEvent::Subscription { .. }
            | SipEvent::SubscriptionOver { .. }
            | SipEvent::MessagesTold(_)
            | SipEvent::Text(..)
            | SipEvent::Publish(..)
            | SipEvent::MessageDone { .. }
            | SipEvent::Referred { .. }
            | SipEvent::Failed { .. }
            | SipEvent::Ended { .. } => {}
        }
    }

    /// Runs the switch on one input, and delivers what comes of it.
    fn guarded(&mut self, what: &'static str, run: impl FnOnce(&mut Switch, &mut Outbox)) {
        self.run(what, run);
        self.deliver();
    }

    /// Runs the switch on one input. A panic costs that input and is counted.
    fn run(&mut self, what: &'static str, run: impl FnOnce(&mut Switch, &mut Outbox)) {
        let (switch, out) = (&mut self.switch, &mut self.out);
        if catch_unwind(AssertUnwindSafe(|| run(switch, out))).is_err() {
            self.metrics.count(Counter::Panics);
            tracing::error!(what, "the switch could not handle an input");
        }
    }

    fn deliver(&mut self) {
        while !self.out.recordings.is_empty() {
            for command in std::mem::take(&mut self.out.recordings) {
                let recordings = self.recordings.as_ref();
                if recordings.is_none_or(|recordings| recordings.command(command.clone()).is_err()) {
                    // Who waits for a recording is not to wait for ever.
                    let failed = RecordingEvent::failed(&command);
                    self.run("a recording", |switch, out| switch.recorded(clock::now(), failed, out));
                }
            }
        }
        for command in self.out.forks.drain(..) {
            self.forks.command(command);
        }
        for (worker, command) in self.out.media.drain(..) {
            if self.trace.is_on()
                && let Some(note) = self.switch.media_note(&command)
            {
                self.trace.note(|| Happened::MediaChange(note.into()));
            }
            self.relays.push(worker, command);
        }
        for state in self.out.states.drain(..) {
            self.trace.note(|| Happened::State(state));
        }
        for command in self.out.sip.drain(..) {
            if let Command::Invite(leg, _) = &command
                && let Some(call) = self.switch.call_of_leg(*leg)
            {
                self.trace.note(|| Happened::LegOf(*leg, call));
            }
            let worker = usize::from(command.worker()) % self.workers.len();
            self.workers[worker].push(WorkerInput::Command(command));
        }
        for kept in self.out.store.drain(..) {
            self.store.keep(kept);
        }
        for ended in self.out.ended.drain(..) {
            self.metrics.call_quality.note(&ended);
            self.trace.note(|| Happened::Ended(Box::new(ended)));
        }
        if let Some(records) = self.records.as_ref().filter(|_| !self.out.facts.is_empty()) {
            records.tell(std::mem::take(&mut self.out.facts));
        }
        for (call, line) in self.out.unrecorded.drain(..) {
            self.metrics.count(Counter::RecordingsFailed);
            tracing::error!(%call, %line, "a call is not recorded: there are as many recordings as there may be");
        }
        for CstaNote { line, contact, failure } in self.out.csta.drain(..) {
            match failure {
                None => tracing::info!(%line, contact, "a phone takes CSTA"),
                Some(status) => tracing::warn!(%line, contact, status, "no session about CSTA with a phone"),
            }
        }
        for Urgent { call, line, number, trunk } in self.out.urgent.drain(..) {
            tracing::warn!(%call, %line, number, %trunk, "a call for help");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_is_heard_beside_a_bell_that_never_rests() {
        let (letterbox, _mail) = Letterbox::<()>::new(1);
        let (asks, mut requests) = mpsc::channel(2 * BATCH);
        let mut inputs = Vec::new();
        for _ in 0..BATCH + 1 {
            asks.try_send(SwitchInput::Drain).unwrap();
        }
        for expected in [BATCH, 1, 0] {
            letterbox.ring();
            assert!(wait(&letterbox, &mut requests, &mut inputs, None).await);
            assert_eq!(inputs.drain(..).count(), expected);
        }
        drop(asks);
        assert!(!wait(&letterbox, &mut requests, &mut inputs, None).await);
    }
}
