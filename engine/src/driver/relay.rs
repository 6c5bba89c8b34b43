//! The media threads as the switch reaches them.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use trunkline_media::io::kernel::KernelIo;
use trunkline_media::kernel::KernelPath;
use trunkline_media::thread::{Refused, RelayHandle, RelayThread};
use trunkline_media::{Command, Event, RelayConfig};

use super::switch::SwitchInput;

/// When a command is offered again that a queue had no room for.
const RETRY: Duration = Duration::from_millis(5);

/// The way to the media threads, with the commands that their queues had no room for.
#[derive(Debug)]
pub(crate) struct Relays {
    relays: Vec<(RelayHandle, VecDeque<Command>)>,
}

impl Relays {
    /// Starts `count` media threads that report to the switch, and forward in the kernel if there is a path. Their seeds follow
    /// that of `config`.
    ///
    /// # Errors
    /// The kernel's, when descriptors or threads are used up.
    pub(crate) fn spawn(
        count: u16,
        config: &RelayConfig,
        kernel: Option<&KernelPath>,
        switch: &mpsc::Sender<SwitchInput>,
    ) -> io::Result<(Self, Vec<RelayThread>)> {
        let start = |index| {
            let switch = switch.clone();
            // A full mailbox has it offered again: audio does not wait for the switch.
            let report = move |event: Event| match switch.try_send(SwitchInput::Media(event)) {
                Err(TrySendError::Full(SwitchInput::Media(event))) => Some(event),
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => None,
            };
            let config = RelayConfig { seed: config.seed ^ u64::from(index), ..config.clone() };
            let mut io = KernelIo::open()?;
            if let Some(kernel) = kernel {
                io.set_flows(kernel.flows()?);
            }
            RelayThread::spawn_over(io, usize::from(index), config, Box::new(report))
        };
        let threads = (0..count.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
        let relays = threads.iter().map(|thread| (thread.handle(), VecDeque::new())).collect();
        Ok((Self { relays }, threads))
    }

    /// Sends a command to one thread. The order is kept.
    pub(crate) fn push(&mut self, worker: u16, command: Command) {
        let count = self.relays.len();
        let (relay, waiting) = &mut self.relays[usize::from(worker) % count];
        waiting.push_back(command);
        flush(relay, waiting);
    }

    /// Sends what waits, as far as there is room; when to try again, if some still waits.
    pub(crate) fn flush(&mut self, now: Instant) -> Option<Instant> {
        for (relay, waiting) in &mut self.relays {
            flush(relay, waiting);
        }
        self.relays.iter().any(|(_, waiting)| !waiting.is_empty()).then(|| now + RETRY)
    }
}

fn flush(relay: &RelayHandle, waiting: &mut VecDeque<Command>) {
    while let Some(command) = waiting.pop_front() {
        match relay.send(command) {
            Ok(()) => {}
            Err(Refused::Full(command)) => {
                waiting.push_front(*command);
                return;
            }
            // The engine stops.
            Err(Refused::Ended(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use trunkline_media::limits::COMMANDS_WAITING_MAX;
    use trunkline_media::{LegId, PortPair};

    use super::*;
    use crate::driver::clock;

    #[test]
    fn what_a_full_queue_refused_is_sent_when_there_is_room() {
        let (holds, held) = channel::<()>();
        let (tells, told) = channel();
        let on_event = Box::new(move |event: Event| {
            // The thread stands still until it is let go.
            let _released = held.recv().is_err();
            tells.send(event).err().map(|refused| refused.0)
        });
        let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
        let mut relays = Relays { relays: vec![(thread.handle(), VecDeque::new())] };
        // A pair that cannot be bound is told of.
        let address = "192.0.2.1".parse().unwrap();
        let commands = 3 * COMMANDS_WAITING_MAX as u64;
        for leg in 0..commands {
            let ports = PortPair(20_000);
            relays.push(0, Command::Open { leg: LegId(leg), ports, address, silent_after: None });
        }
        assert!(relays.flush(clock::now()).is_some());
        drop(holds);
        let mut failed = 0;
        while failed < commands {
            relays.flush(clock::now());
            let Ok(Event::OpenFailed { leg, .. }) = told.recv_timeout(Duration::from_secs(20)) else {
                panic!("{failed} of {commands} commands were carried out")
            };
            assert_eq!(leg, LegId(failed));
            failed += 1;
        }
        assert_eq!(relays.flush(clock::now()), None);
        drop(relays);
        thread.join();
    }
}
