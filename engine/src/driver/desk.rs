//! A core with its mailbox, run by whoever brings it something: one at a time, and nobody waits for it.
//!
//! To wake a thread for each input costs more than most inputs do. So who puts something into the mailbox tries to take the seat
//! and runs the core there and then. Where the seat is taken, the input is left to whoever sits, who looks into the mailbox once
//! more after he rose. The core's own thread wakes for timers, for what threads without a turn of their own bring (connections,
//! applications), and for what is left over by those who have had their share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use trunkline_media::io::kernel::Waker;

use super::clock;

/// Inputs that are taken in one turn.
pub(crate) const BATCH: usize = 256;

/// Turns that one visitor takes. What comes faster than it can be handled is the core's own thread's.
const TURNS_MAX: usize = 2;

/// Timers are looked at together: none is run earlier than it says, or more than this later.
const TICK: Duration = Duration::from_millis(20);

/// A core's own thread looks at least so often as long as anything is due some time: whatever is set for later than that by who
/// visits does not have it woken. Less than what nearly all timers are set to (T1, 500 ms).
const NAP: Duration = Duration::from_millis(400);

/// What sits at a desk.
pub(crate) trait Core {
    /// What it is given.
    type Input;

    /// Takes the inputs, then does what is due. `is_all`: nothing else waited.
    fn turn(&mut self, now: Instant, inputs: &mut Vec<Self::Input>, is_all: bool);

    /// When it has something to do without an input.
    fn deadline(&self) -> Option<Instant>;
}

/// Where inputs for a core are left. Clones are the same one.
#[derive(Debug)]
pub(crate) struct Letterbox<I> {
    sender: mpsc::Sender<I>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    /// Wakes a thread that waits as a task.
    notify: Notify,
    /// Wakes a thread that waits for its sockets.
    waker: OnceLock<Waker>,
    /// Whether that one was woken and has not looked yet.
    is_rung: AtomicBool,
    /// How many are about to look into the letterbox.
    attending: AtomicUsize,
}

impl<I> Clone for Letterbox<I> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<I> Letterbox<I> {
    /// A letterbox with room for `capacity` inputs, and its other side.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<I>) {
        let (sender, inputs) = mpsc::channel(capacity);
        (Self { sender, bell: Arc::default() }, inputs)
    }

    /// Where to send to. Who does so [rings](Self::ring) or runs the desk.
    pub(crate) const fn sender(&self) -> &mpsc::Sender<I> {
        &self.sender
    }

    /// Wakes the core's own thread.
    pub(crate) fn ring(&self) {
        match self.bell.waker.get() {
            Some(waker) => {
                if !self.bell.is_rung.swap(true, Ordering::SeqCst) {
                    waker.wake();
                }
            }
            None => self.bell.notify.notify_one(),
        }
    }

    /// Has the bell ring by this from here on: for a core whose thread waits for sockets. Who rang before may not have been heard.
    pub(crate) fn answer_by(&self, waker: Waker) {
        // There is one thread to a core.
        let _first = self.bell.waker.set(waker).is_ok();
    }

    /// The thread is awake and looks into the letterbox after this.
    pub(crate) fn heard(&self) {
        self.bell.is_rung.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Wakes the core's own thread unless somebody is about to look anyway.
    pub(crate) fn ring_unless_attended(&self) {
        fence(Ordering::SeqCst);
        if self.bell.attending.load(Ordering::SeqCst) == 0 {
            self.ring();
        }
    }

    /// Waits as a task until the bell rings.
    pub(crate) async fn rung(&self) {
        self.bell.notify.notified().await;
    }

    /// Promises to look into the letterbox after [`Self::leave`].
    pub(crate) fn attend(&self) {
        self.bell.attending.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends the promise of [`Self::attend`]: look once more after it.
    pub(crate) fn leave(&self) {
        self.bell.attending.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Whether something waits.
    pub(crate) fn has_mail(&self) -> bool {
        self.sender.capacity() < self.sender.max_capacity()
    }
}

/// A core and its mailbox.
#[derive(Debug)]
pub(crate) struct Desk<C: Core> {
    letterbox: Letterbox<C::Input>,
    /// `None` when the core is gone.
    seat: Mutex<Option<Seat<C>>>,
}

#[derive(Debug)]
struct Seat<C: Core> {
    core: C,
    inputs: mpsc::Receiver<C::Input>,
    batch: Vec<C::Input>,
    /// When its own thread looks by itself.
    wakes_at: Option<Instant>,
    /// Where ticks begin.
    epoch: Instant,
}

impl<C: Core> Desk<C> {
    /// A desk for a core; both ends are those of one letterbox.
    pub(crate) fn new(core: C, letterbox: Letterbox<C::Input>, inputs: mpsc::Receiver<C::Input>) -> Self {
        let batch = Vec::with_capacity(BATCH);
        let seat = Seat { core, inputs, batch, wakes_at: None, epoch: clock::now() };
        Self { letterbox, seat: Mutex::new(Some(seat)) }
    }

    /// Where inputs for the core are left.
    pub(crate) const fn letterbox(&self) -> &Letterbox<C::Input> {
        &self.letterbox
    }

    /// Has what waits done, here unless somebody is at it; whether anything was done. The core's own thread calls
    /// [`Self::tend`] after its visit, any other is nobody that a timer could wake.
    pub(crate) fn visit(&self, is_own: bool) -> bool {
        let mut is_done = false;
        for _ in 0..TURNS_MAX {
            // Whoever leaves something looks at the seat after it, who rises looks at the letterbox: one of them sees the other.
            fence(Ordering::SeqCst);
            if !self.letterbox.has_mail() {
                return is_done;
            }
            let Some(mut seat) = self.take_seat() else { return is_done };
            let Some(seat) = &mut *seat else { return is_done };
            // Nothing where somebody is just leaving something, who may have found the seat taken: it is looked again.
            is_done |= seat.turn(clock::now()) > 0;
            if !is_own && seat.wakes_too_late() {
                self.letterbox.ring();
            }
        }
        fence(Ordering::SeqCst);
        if self.letterbox.has_mail() {
            self.letterbox.ring();
        }
        is_done
    }

    /// Asks the core for something where nobody sits there; `None`: somebody does, or the core is gone. For what sets no timer. Who asks
    /// visits after it, for what others may have left meanwhile.
    pub(crate) fn ask<R>(&self, ask: impl FnOnce(&mut C) -> R) -> Option<R> {
        let mut seat = self.take_seat()?;
        seat.as_mut().map(|seat| ask(&mut seat.core))
    }

    /// The seat, if it is free.
    fn take_seat(&self) -> Option<MutexGuard<'_, Option<Seat<C>>>> {
        match self.seat.try_lock() {
            Ok(seat) => Some(seat),
            // Who panicked is gone; the seat is free.
            Err(TryLockError::Poisoned(seat)) => Some(seat.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What the core's own thread does when it wakes: as [`Self::visit`], but it waits for the seat, and has `first` done before
    /// the mailbox. Returns what `then` says and when to wake again; `None` when the core is gone.
    pub(crate) fn tend<R>(
        &self,
        first: impl FnOnce(&mut C, Instant),
        then: impl FnOnce(&C) -> R,
    ) -> Option<(R, Option<Instant>)> {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = seat.as_mut()?;
        let now = clock::now();
        first(&mut seat.core, now);
        if seat.turn(now) == BATCH {
            self.letterbox.ring();
        }
        seat.wakes_at = seat.deadline().map(|at| at.min(now + NAP));
        Some((then(&seat.core), seat.wakes_at))
    }

    /// Takes the core away.
    pub(crate) fn close(&self) {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<C: Core> Seat<C> {
    /// The tick at which something is due.
    fn deadline(&self) -> Option<Instant> {
        let since = self.core.deadline()?.saturating_duration_since(self.epoch);
        let ticks = u32::try_from(since.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u32::MAX);
        Some(self.epoch + TICK * ticks)
    }

    /// Whether its own thread would sleep through a deadline. It is told once.
    fn wakes_too_late(&mut self) -> bool {
        let deadline = self.deadline();
        let is_late = deadline.is_some_and(|at| self.wakes_at.is_none_or(|wakes| at < wakes));
        if is_late {
            self.wakes_at = deadline;
        }
        is_late
    }

    /// Takes a batch; how many there were.
    fn turn(&mut self, now: Instant) -> usize {
        while self.batch.len() < BATCH {
            let Ok(input) = self.inputs.try_recv() else { break };
            self.batch.push(input);
        }
        let taken = self.batch.len();
        self.core.turn(now, &mut self.batch, taken < BATCH);
        self.batch.clear();
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use trunkline_media::io::Watch;

    use super::*;

    /// Adds up, and finds out whether it is run by two at once.
    #[derive(Debug)]
    struct Sum {
        total: Arc<AtomicU64>,
        inside: AtomicUsize,
        deadline: Option<Instant>,
    }

    impl Core for Sum {
        type Input = u64;

        fn turn(&mut self, _now: Instant, inputs: &mut Vec<u64>, _is_all: bool) {
            assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0);
            for input in inputs.drain(..) {
                self.total.fetch_add(input, Ordering::SeqCst);
            }
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }

        fn deadline(&self) -> Option<Instant> {
            self.deadline
        }
    }

    fn desk(capacity: usize) -> (Arc<Desk<Sum>>, Arc<AtomicU64>) {
        let total = Arc::new(AtomicU64::new(0));
        let (letterbox, inputs) = Letterbox::new(capacity);
        let sum = Sum { total: Arc::clone(&total), inside: AtomicUsize::new(0), deadline: None };
        (Arc::new(Desk::new(sum, letterbox, inputs)), total)
    }

    #[test]
    fn nothing_is_left_lying_when_all_visitors_have_gone() {
        let (desk, total) = desk(1_000_000);
        let visitor = || {
            let desk = Arc::clone(&desk);
            thread::spawn(move || {
                for input in 1..=10_000 {
                    desk.letterbox().sender().try_send(input).unwrap();
                    desk.visit(false);
                }
            })
        };
        let visitors = [(); 4].map(|()| visitor());
        for visitor in visitors {
            visitor.join().unwrap();
        }
        assert_eq!(total.load(Ordering::SeqCst), 4 * 10_000 * 10_001 / 2);
    }

    #[test]
    fn a_thread_that_waits_for_sockets_is_woken_once_until_it_has_looked() {
        let (desk, _) = desk(4);
        let mut watch = Watch::open().unwrap();
        let at_once = Some(Duration::ZERO);
        desk.letterbox().answer_by(watch.waker());
        desk.letterbox().ring();
        watch.wait_for_bell(Some(Duration::from_secs(20))).unwrap();
        // Who rings before the thread looks is seen by that look.
        desk.letterbox().ring();
        let begun = clock::now();
        watch.wait_for_bell(at_once).unwrap();
        desk.letterbox().heard();
        desk.letterbox().ring();
        watch.wait_for_bell(Some(Duration::from_secs(20))).unwrap();
        assert!(clock::now() < begun + Duration::from_secs(10));
    }

    #[test]
    fn a_thread_whose_core_waits_for_something_naps_and_one_whose_core_does_not_sleeps() {
        let (desk, _) = desk(4);
        assert_eq!(desk.tend(|_, _| {}, |_| ()), Some(((), None)));
        let begun = clock::now();
        let hour = Duration::from_secs(3600);
        let (_, wakes_at) = desk.tend(|sum, now| sum.deadline = Some(now + hour), |_| ()).unwrap();
        let naps_for = wakes_at.unwrap().duration_since(begun);
        assert!(naps_for >= NAP && naps_for < hour);
    }

    #[tokio::test]
    async fn what_is_more_than_a_share_is_left_to_the_own_thread() {
        let (desk, total) = desk(10 * BATCH);
        for _ in 0..10 * BATCH {
            desk.letterbox().sender().try_send(1).unwrap();
        }
        assert!(desk.visit(false));
        assert_eq!(total.load(Ordering::SeqCst), (TURNS_MAX * BATCH) as u64);
        for turns in TURNS_MAX + 1..=10 {
            desk.letterbox().rung().await;
            assert!(desk.tend(|_, _| {}, |_| ()).is_some());
            assert_eq!(total.load(Ordering::SeqCst), (turns * BATCH) as u64);
        }
        assert!(!desk.letterbox().has_mail());
    }

    #[test]
    fn who_asks_is_answered_unless_somebody_sits_there() {
        let (desk, total) = desk(4);
        let is_taken = desk.ask(|sum| (sum.total.load(Ordering::SeqCst), desk.ask(|_| ()).is_none()));
        assert_eq!(is_taken, Some((0, true)));
        desk.letterbox().sender().try_send(1).unwrap();
        assert!(desk.ask(|_| ()).is_some());
        assert_eq!(total.load(Ordering::SeqCst), 0, "a question is no turn");
    }

    #[test]
    fn a_core_that_is_gone_takes_nothing() {
        let (desk, _) = desk(4);
        desk.letterbox().sender().try_send(1).unwrap();
        desk.close();
        assert!(!desk.visit(false) && desk.ask(|_| ()).is_none());
        assert!(desk.tend(|_, _| {}, |_| ()).is_none());
        assert!(desk.letterbox().sender().try_send(1).is_err());
    }
}
