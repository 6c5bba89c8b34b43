//! The media threads as the switch reaches them.

use std::collections::VecDeque;
use std::io;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use trunkline_media::io::kernel::KernelIo;
use trunkline_media::kernel::KernelPath;
use trunkline_media::thread::{Refused, RelayHandle, RelayThread};
use trunkline_media::{Command, Event, RelayConfig};

use super::switch::SwitchInput;

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
}
