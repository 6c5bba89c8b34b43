//! The media threads as the switch reaches them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;
use trunkline_media::io::kernel::KernelIo;
use trunkline_media::kernel::KernelPath;
use trunkline_media::thread::{Refused, RelayHandle, RelayThread};
use trunkline_media::{Captured, Command, Event, RelayConfig, Reported, TapId};
use trunkline_sip::LegId as SipLegId;

use super::audio_fork::Forks;
use super::desk::Letterbox;
use super::mailbox::RETRY;
use super::recording::Recordings;
use super::switch::SwitchInput;
use super::trace::{Happened, MediaPacket, Report, Trace};
use crate::switch::ids::CallId;

/// The way to the media threads, with the commands that their queues had no room for.
#[derive(Debug)]
pub(crate) struct Relays {
    relays: Vec<Way>,
}

/// The way to one media thread.
#[derive(Debug)]
struct Way {
    relay: RelayHandle,
    waiting: VecDeque<Command>,
}

impl Relays {
    /// Starts `count` media threads that report to the switch, and forward in the kernel if there is a path. What they take
    /// down goes to the files of recordings, to forks and to captures. Their seeds follow that of `config`.
    ///
    /// # Errors
    /// The kernel's, when descriptors or threads are used up.
    pub(crate) fn spawn(
        count: u16,
        config: &RelayConfig,
        kernel: Option<&KernelPath>,
        switch: &Letterbox<SwitchInput>,
        (recordings, forks, trace): (Option<&Recordings>, &Forks, &Arc<Trace>),
    ) -> io::Result<(Self, Vec<RelayThread>)> {
        let start = |index| {
            let (switch, recordings, forks) = (switch.clone(), recordings.cloned(), forks.clone());
            let (media, reports) = (trace.of_media(), trace.of_reports());
            // A full mailbox has it offered again: audio does not wait for the switch.
            let report = move |event: Event| {
                if let Event::Captured(captured) = event {
                    let at = captured.at;
                    media.note_at(|| at, || Happened::Media(Box::new(packet_of(*captured))));
                    return None;
                }
                if let Event::Reported(reported) = event {
                    let at = reported.at;
                    reports.note_at(|| at, || Happened::Report(Box::new(report_of(*reported))));
                    return None;
                }
                if let Event::Recorded(piece) = event {
                    match (piece.tap, &recordings) {
                        (TapId::Fork(fork), _) => forks.piece(fork, piece),
                        (TapId::Recording(_), Some(recordings)) => recordings.piece(piece),
                        (TapId::Recording(_), None) | (TapId::Capture(_), _) => {}
                    }
                    return None;
                }
                let refused = switch.sender().try_send(SwitchInput::Media(event));
                switch.ring_unless_attended();
                match refused {
                    Err(TrySendError::Full(SwitchInput::Media(event))) => Some(event),
                    Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => None,
                }
            };
            let config = RelayConfig { seed: config.seed ^ u64::from(index), ..config.clone() };
            let mut io = KernelIo::open()?;
            if let Some(kernel) = kernel {
                io.set_flows(kernel.flows()?);
            }
            RelayThread::spawn_over(io, usize::from(index), config, Box::new(report))
        };
        let threads = (0..count.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
        let relays = threads.iter().map(|thread| Way::to(thread.handle())).collect();
        Ok((Self { relays }, threads))
    }

    /// Queues a command for one worker, until it is prompted. The order is kept.
    pub(crate) fn push(&mut self, worker: u16, command: Command) {
        let count = self.relays.len();
        let way = &mut self.relays[usize::from(worker) % count];
        way.waiting.push_back(command);
        way.flush();
    }

    /// Who prompts the threads.
    pub(crate) fn handles(&self) -> Vec<RelayHandle> {
        self.relays.iter().map(|way| way.relay.clone()).collect()
    }

    /// Sends what waits, as far as there is room; when to try again, if some still waits.
    pub(crate) fn flush(&mut self, now: Instant) -> Option<Instant> {
        for way in self.relays.iter_mut().filter(|way| !way.waiting.is_empty()) {
            way.flush();
            way.relay.prompt();
        }
        self.relays.iter().any(|way| !way.waiting.is_empty()).then(|| now + RETRY)
    }
}

fn packet_of(captured: Captured) -> MediaPacket {
    let Captured { capture, leg, from, port, is_opened, is_masked, packet, .. } = captured;
    MediaPacket {
        call: CallId(capture.0),
        leg: SipLegId(leg.0),
        from,
        port,
        is_opened,
        is_masked,
        packet: packet.into(),
    }
}

fn report_of(reported: Reported) -> Report {
    let Reported { leg, from, port, compound, .. } = reported;
    Report { leg: SipLegId(leg.0), from, port, compound: compound.into() }
}

impl Way {
    const fn to(relay: RelayHandle) -> Self {
        Self { relay, waiting: VecDeque::new() }
    }

    fn flush(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            match self.relay.queue(command) {
                Ok(()) => {}
                Err(Refused::Full(command)) => {
                    self.waiting.push_front(*command);
                    return;
                }
                // The engine stops.
                Err(Refused::Ended(_)) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use trunkline_media::limits::COMMANDS_WAITING_MAX;
    use trunkline_media::{LegId, PortPair};

    use super::*;
    use crate::driver::clock;

    #[test]
    fn what_a_full_queue_refused_is_sent_when_there_is_room() {
        let (holds, held) = channel::<()>();
        let (tells, told) = channel();
        let (stands, standing) = channel();
        let on_event = Box::new(move |event: Event| {
            // The worker stands still until it is let go.
            let _heard = stands.send(()).is_ok();
            let _released = held.recv().is_err();
            tells.send(event).err().map(|refused| refused.0)
        });
        let thread = RelayThread::spawn(0, RelayConfig::default(), on_event).unwrap();
        let first = thread.handle();
        let mut relays = Relays { relays: vec![Way::to(thread.handle())] };
        // A pair that cannot be bound is told of.
        let address = "192.0.2.1".parse().unwrap();
        let commands = 3 * COMMANDS_WAITING_MAX as u64;
        let open = |leg| {
            let (leg, ports) = (LegId(leg), PortPair(20_000));
            Command::Open { leg, ports, address, silent_after: None }
        };
        let begin = open(0);
        let first = std::thread::spawn(move || first.send(begin).is_ok());
        standing.recv_timeout(Duration::from_secs(20)).unwrap();
        for leg in 1..commands {
            relays.push(0, open(leg));
        }
        assert!(relays.flush(clock::now()).is_some());
        drop(holds);
        assert!(first.join().unwrap());
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
