//! A worker on a thread of its own: the driver that waits, reads the clock, and carries commands and events across.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use thiserror::Error;

use crate::command::{Command, Event};
use crate::io::kernel::{KernelIo, Waker};
use crate::limits::{COMMANDS_PER_TURN, COMMANDS_WAITING_MAX, EVENT_RETRY};
use crate::worker::{RelayConfig, RelayWorker};

/// Why a command was not taken; it comes back unharmed.
#[derive(Debug, Error)]
pub enum Refused {
    /// [`COMMANDS_WAITING_MAX`] commands wait already.
    #[error("the worker's queue is full")]
    Full(Box<Command>),
    /// The thread has ended.
    #[error("the worker has ended")]
    Ended(Box<Command>),
}

/// Takes events; gives back the one that it cannot take.
pub type OnEvent = Box<dyn FnMut(Event) -> Option<Event> + Send>;

/// A running worker thread. Dropping it lets the thread close its legs and end.
#[derive(Debug)]
pub struct RelayThread {
    handle: RelayHandle,
    thread: Option<JoinHandle<()>>,
}

/// Gives commands to a worker thread from anywhere. The thread ends when the last handle is gone.
#[derive(Clone, Debug)]
pub struct RelayHandle {
    // Declared in this order, so that the queue is gone before the last doorbell rings.
    commands: SyncSender<Command>,
    doorbell: Arc<Doorbell>,
    flows_in_kernel: Arc<AtomicUsize>,
}

/// Wakes the thread once more when the last handle is dropped.
#[derive(Debug)]
struct Doorbell(Waker);

impl Drop for Doorbell {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl RelayThread {
    /// Starts worker number `index`. Events are given to `on_event` in order on the worker's thread, which must not wait: what it
    /// cannot take at once it gives back, and has offered again [`EVENT_RETRY`] later.
    ///
    /// # Errors
    /// The kernel's, when descriptors or threads are used up.
    pub fn spawn(index: usize, config: RelayConfig, on_event: OnEvent) -> io::Result<Self> {
        Self::spawn_over(KernelIo::open()?, index, config, on_event)
    }

    /// The same over sockets that may have their flows forwarded in the kernel ([`KernelIo::set_flows`]).
    ///
    /// # Errors
    /// The kernel's, when threads are used up.
    pub fn spawn_over(
        mut io: KernelIo,
        index: usize,
        config: RelayConfig,
        on_event: OnEvent,
    ) -> io::Result<Self> {
        io.mark(config.dscp);
        let (sender, commands) = sync_channel(COMMANDS_WAITING_MAX);
        let flows_in_kernel = Arc::new(AtomicUsize::new(0));
        let handle = RelayHandle {
            commands: sender,
            doorbell: Arc::new(Doorbell(io.waker())),
            flows_in_kernel: Arc::clone(&flows_in_kernel),
        };
        let thread = thread::Builder::new().name(format!("media-{index}")).spawn(move || {
            let worker = RelayWorker::new(clock(), io, config);
            Driver { worker, commands, on_event, out: Vec::new(), untold: VecDeque::new(), flows_in_kernel }
                .run();
        })?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// A handle to give commands with.
    pub fn handle(&self) -> RelayHandle {
        self.handle.clone()
    }

    /// Waits until the thread has closed all its legs; every handle must be dropped for that.
    pub fn join(self) {
        let Self { handle, thread } = self;
        drop(handle);
        if let Some(thread) = thread {
            // A panic outside a packet is the thread's end, and has been printed by it.
            let _ended = thread.join().is_ok();
        }
    }
}

impl RelayHandle {
    /// How many directions of conversations the kernel forwards for this thread at present.
    pub fn flows_in_kernel(&self) -> usize {
        self.flows_in_kernel.load(Ordering::Relaxed)
    }

    /// Puts a command into the worker's queue; never waits.
    ///
    /// # Errors
    /// The queue is full or the thread has ended.
    pub fn send(&self, command: Command) -> Result<(), Refused> {
        self.commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(command) => Refused::Full(Box::new(command)),
            TrySendError::Disconnected(command) => Refused::Ended(Box::new(command)),
        })?;
        self.doorbell.0.wake();
        Ok(())
    }
}

struct Driver {
    worker: RelayWorker<KernelIo>,
    commands: Receiver<Command>,
    on_event: OnEvent,
    out: Vec<Event>,
    /// What was given back, and what came after it.
    untold: VecDeque<Event>,
    /// What the handles are told.
    flows_in_kernel: Arc<AtomicUsize>,
}

impl Driver {
    fn run(mut self) {
        let mut now = clock();
        loop {
            let deadline = self.worker.deadline().map(|deadline| deadline.saturating_duration_since(now));
            let retry = (!self.untold.is_empty()).then_some(EVENT_RETRY);
            let timeout = match (deadline, retry) {
                (Some(deadline), Some(retry)) => Some(deadline.min(retry)),
                (one, other) => one.or(other),
            };
            if self.worker.io_mut().wait(timeout).is_err() {
                break;
            }
            now = clock();
            self.guarded(|worker, out| {
                worker.handle_io(now, out);
                worker.handle_timeout(now, out);
            });
            // After every batch: where packets are always waiting, the doorbell is one of thousands of sockets.
            let ended = self.take_commands(now);
            self.flows_in_kernel.store(self.worker.flows_in_kernel(), Ordering::Relaxed);
            self.tell();
            if ended {
                break;
            }
        }
        self.worker.close_all(&mut self.out);
        self.tell();
    }

    /// A panic over one packet or command costs the leg of it and no other.
    fn guarded(&mut self, work: impl FnOnce(&mut RelayWorker<KernelIo>, &mut Vec<Event>)) {
        let Self { worker, out, .. } = self;
        if catch_unwind(AssertUnwindSafe(|| work(worker, out))).is_err() {
            worker.close_in_hand(out);
        }
    }

    /// Carries out what waits, [`COMMANDS_PER_TURN`] at most; true when no handle is left.
    fn take_commands(&mut self, now: Instant) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(command) => self.guarded(|worker, out| worker.command(now, command, out)),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        self.worker.io().waker().wake();
        false
    }

    /// Offers what happened, in order, until an event is given back.
    fn tell(&mut self) {
        self.untold.extend(self.out.drain(..));
        while let Some(event) = self.untold.pop_front() {
            if let Some(refused) = (self.on_event)(event) {
                self.untold.push_front(refused);
                return;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one clock of a media thread")]
fn clock() -> Instant {
    Instant::now()
}
