//! A worker on a thread of its own: the driver that waits, reads the clock, and carries commands and events across.
//!
//! The thread owns the worker while it is awake. While it waits for packets, whoever gives it commands has them carried out on
//! the spot, which costs less than waking it; what that cannot do, the doorbell does.
//!
//! Sockets are bound by whoever wants a leg opened, before the thread hears of it: what far ends are told of a port holds at once,
//! also while the thread has no processor, and what they say meanwhile waits in the socket.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use thiserror::Error;

use crate::command::{Command, Event};
use crate::io::kernel::{Binder, KernelIo, KernelSocket, Lookout, Waker};
use crate::limits::{COMMANDS_PER_TURN, COMMANDS_WAITING_MAX, EVENT_RETRY};
use crate::worker::{LegPlace, RelayConfig, RelayWorker};

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
    commands: SyncSender<Errand>,
    binder: Binder,
    doorbell: Arc<Doorbell>,
    desk: Arc<Desk>,
}

/// Tells whether a worker thread turns. It does not keep the thread.
#[derive(Clone, Debug)]
pub struct RelayPulse {
    desk: Weak<Desk>,
    doorbell: Weak<Doorbell>,
}

/// A command on its way, with the sockets of the leg that it opens.
struct Errand {
    command: Command,
    sockets: Option<Box<[KernelSocket; 2]>>,
}

impl Errand {
    /// Where the ports cannot be had the worker tries once more, behind the commands that may close them, and tells.
    fn of(command: Command, binder: Binder) -> Self {
        let sockets = match &command {
            Command::Open { ports, address, .. } => binder.bind_pair(*address, *ports).ok().map(Box::new),
            Command::Remote(..)
            | Command::Feed(..)
            | Command::Digits { .. }
            | Command::CancelDigits(_)
            | Command::Detect(..)
            | Command::Record(..)
            | Command::Detach(_)
            | Command::Attach { .. }
            | Command::Stats(_)
            | Command::Close(_) => None,
        };
        Self { command, sockets }
    }

    fn run(self, now: Instant, worker: &mut RelayWorker<KernelIo>, out: &mut Vec<Event>) {
        match (self.command, self.sockets) {
            (Command::Open { leg, ports, address, silent_after }, Some(sockets)) => {
                worker.open_on(now, LegPlace { leg, ports, address, silent_after }, *sockets, out);
            }
            (command, _) => worker.command(now, command, out),
        }
    }
}

/// What the thread and its handles share.
struct Desk {
    /// `None` when the thread has ended. Held by the thread while it is awake.
    driver: Mutex<Option<Driver>>,
    /// Whether the thread waits, or is about to without another look at the queue.
    waits: AtomicBool,
    /// Whether a command was queued and nobody prompted since.
    has_mail: AtomicBool,
    flows_in_kernel: AtomicUsize,
    panics: Arc<AtomicU64>,
    /// How often the thread has come round.
    turns: AtomicU64,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("waits", &self.waits).finish_non_exhaustive()
    }
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
    /// Starts worker number `index`. Events are given to `on_event` in order, on the worker's thread or on that of who gives it
    /// commands. It must not wait: what it cannot take at once it gives back, and has offered again [`EVENT_RETRY`] later.
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
        let (doorbell, lookout, binder) = (Arc::new(Doorbell(io.waker())), io.lookout(), io.binder());
        let panics = Arc::default();
        let driver = Driver {
            worker: RelayWorker::new(clock(), io, config),
            panics: Arc::clone(&panics),
            commands,
            on_event,
            out: Vec::new(),
            untold: VecDeque::new(),
            wakes_at: None,
        };
        let desk = Arc::new(Desk {
            driver: Mutex::new(Some(driver)),
            waits: AtomicBool::new(false),
            has_mail: AtomicBool::new(false),
            flows_in_kernel: AtomicUsize::new(0),
            panics,
            turns: AtomicU64::new(0),
        });
        let handle = RelayHandle { commands: sender, binder, doorbell, desk: Arc::clone(&desk) };
        let thread = thread::Builder::new().name(format!("media-{index}")).spawn(move || {
            let _ends = Ends(&desk);
            desk.run(lookout);
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
        self.desk.flows_in_kernel.load(Ordering::Relaxed)
    }

    /// How many packets and commands ended in a panic, each counted once its leg is closed. The count outlives the thread and
    /// does not keep it.
    pub fn panics(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.desk.panics)
    }

    /// What tells whether the thread turns.
    pub fn pulse(&self) -> RelayPulse {
        RelayPulse { desk: Arc::downgrade(&self.desk), doorbell: Arc::downgrade(&self.doorbell) }
    }

    /// Puts a command into the worker's queue and has it carried out; never waits.
    ///
    /// # Errors
    /// The queue is full or the thread has ended.
    pub fn send(&self, command: Command) -> Result<(), Refused> {
        self.queue(command)?;
        self.prompt();
        Ok(())
    }

    /// Puts a command into the worker's queue, until it is [prompted](Self::prompt); never waits. The ports of a leg that it opens
    /// are bound by then.
    ///
    /// # Errors
    /// The queue is full or the thread has ended.
    pub fn queue(&self, command: Command) -> Result<(), Refused> {
        self.commands.try_send(Errand::of(command, self.binder)).map_err(|refused| match refused {
            TrySendError::Full(errand) => Refused::Full(Box::new(errand.command)),
            TrySendError::Disconnected(errand) => Refused::Ended(Box::new(errand.command)),
        })?;
        self.desk.has_mail.store(true, Ordering::Release);
        Ok(())
    }

    /// Has what is queued carried out: here if the thread waits for packets, else by the thread, soon.
    pub fn prompt(&self) {
        if !self.desk.has_mail.load(Ordering::Relaxed) || !self.desk.has_mail.swap(false, Ordering::AcqRel) {
            return;
        }
        // Whoever queues looks whether the thread waits; the thread says so before it looks at the queue. One of them sees the other.
        fence(Ordering::SeqCst);
        if self.desk.waits.load(Ordering::SeqCst) && self.desk.carry_out() {
            self.doorbell.0.wake();
        }
    }
}

impl RelayPulse {
    /// How often the thread has come round; `None`: it has ended. A thread for which nothing is to be done waits until it is
    /// [woken](Self::wake).
    pub fn turns(&self) -> Option<u64> {
        Some(self.desk.upgrade()?.turns.load(Ordering::Relaxed))
    }

    /// Has the thread come round once more.
    pub fn wake(&self) {
        if let Some(doorbell) = self.doorbell.upgrade() {
            doorbell.0.wake();
        }
    }
}

impl Desk {
    fn driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out commands in the thread's place; whether it is to be woken nevertheless.
    fn carry_out(&self) -> bool {
        let mut driver = match self.driver.try_lock() {
            Ok(driver) => driver,
            Err(TryLockError::Poisoned(driver)) => driver.into_inner(),
            Err(TryLockError::WouldBlock) => return true,
        };
        let Some(driver) = &mut *driver else { return false };
        let now = clock();
        let is_over = driver.take_commands(now);
        driver.tell();
        self.flows_in_kernel.store(driver.worker.flows_in_kernel(), Ordering::Relaxed);
        is_over || driver.wakes_too_late(now)
    }

    /// What the thread does.
    fn run(&self, mut lookout: Lookout) {
        let mut now = clock();
        loop {
            let timeout = {
                let mut driver = self.driver();
                let Some(driver) = &mut *driver else { return };
                driver.worker.io_mut().begin(&mut lookout);
                // First: who speaks upon an answer is not read before what was said of him when it was given.
                if driver.take_commands(now) {
                    return;
                }
                driver.guarded(|worker, out| {
                    worker.handle_io(now, out);
                    worker.handle_timeout(now, out);
                });
                self.waits.store(true, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                // After every batch: where packets are always waiting, the doorbell is one of thousands of sockets.
                if driver.take_commands(now) {
                    return;
                }
                self.flows_in_kernel.store(driver.worker.flows_in_kernel(), Ordering::Relaxed);
                driver.tell();
                driver.wakes_at = driver.deadline(now);
                driver.wakes_at.map(|at| at.saturating_duration_since(now))
            };
            self.turns.fetch_add(1, Ordering::Relaxed);
            if lookout.wait(timeout).is_err() {
                return;
            }
            self.waits.store(false, Ordering::SeqCst);
            now = clock();
        }
    }
}

/// Takes the worker away from the handles when its thread ends, however that comes.
struct Ends<'a>(&'a Desk);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if let Some(mut driver) = self.0.driver().take() {
            driver.worker.close_all(&mut driver.out);
            driver.tell();
        }
    }
}

struct Driver {
    worker: RelayWorker<KernelIo>,
    panics: Arc<AtomicU64>,
    commands: Receiver<Errand>,
    on_event: OnEvent,
    out: Vec<Event>,
    /// What was given back, and what came after it.
    untold: VecDeque<Event>,
    /// When the thread looks by itself.
    wakes_at: Option<Instant>,
}

impl Driver {
    /// When the thread has something to do without being asked.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let retry = (!self.untold.is_empty()).then(|| now + EVENT_RETRY);
        retry.into_iter().chain(self.worker.deadline()).min()
    }

    /// Whether the thread would sleep through a deadline.
    fn wakes_too_late(&self, now: Instant) -> bool {
        self.deadline(now).is_some_and(|deadline| self.wakes_at.is_none_or(|at| deadline < at))
    }

    /// A panic over one packet or command costs the leg of it and no other.
    fn guarded(&mut self, work: impl FnOnce(&mut RelayWorker<KernelIo>, &mut Vec<Event>)) {
        let Self { worker, panics, out, .. } = self;
        if catch_unwind(AssertUnwindSafe(|| work(worker, out))).is_err() {
            worker.close_in_hand(out);
            panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Carries out what waits, [`COMMANDS_PER_TURN`] at most; true when no handle is left.
    fn take_commands(&mut self, now: Instant) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(errand) => self.guarded(|worker, out| errand.run(now, worker, out)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_and_the_thread_goes_on() {
        let thread = RelayThread::spawn(0, RelayConfig::default(), Box::new(|_| None)).expect("a thread");
        let (handle, panics) = (thread.handle(), thread.handle().panics());
        let mut driver = handle.desk.driver();
        driver.as_mut().expect("it runs").guarded(|_, _| panic!("the panic of this test"));
        drop(driver);
        assert_eq!(panics.load(Ordering::Relaxed), 1);
        drop(handle);
        thread.join();
        assert_eq!(panics.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_thread_that_is_woken_turns_and_one_that_is_held_up_does_not() {
        let thread = RelayThread::spawn(0, RelayConfig::default(), Box::new(|_| None)).expect("a thread");
        let (handle, pulse) = (thread.handle(), thread.handle().pulse());
        let turns_beyond = |before: u64| {
            // One call may make one turn, and two may be waited for.
            while pulse.turns().is_some_and(|turns| turns <= before) {
                pulse.wake();
                thread::yield_now();
            }
        };
        turns_beyond(pulse.turns().expect("it runs"));
        let held = handle.desk.driver();
        let stands = pulse.turns().expect("it runs");
        // One turn may have ended when the driver was taken from it.
        for _ in 0..1_000 {
            pulse.wake();
            thread::yield_now();
        }
        assert!(pulse.turns() <= Some(stands + 1), "a turn needs the driver");
        drop(held);
        turns_beyond(stands + 1);
        drop(handle);
        thread.join();
        assert_eq!(pulse.turns(), None);
        pulse.wake();
    }
}
