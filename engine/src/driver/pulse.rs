//! Whether the engine turns: each thread that it cannot do without is woken, and is to come round.
//!
//! A thread that has ended says so by its [lifeline](super::lifeline). This finds those that are there and do nothing: held up by a
//! lock, or in a loop without end.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use trunkline_media::thread::RelayPulse;

use super::switch::SwitchInput;
use super::worker::Workers;

/// How often it is looked whether the threads have come round.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Feels whether the threads of an engine turn.
#[derive(Debug)]
pub(crate) struct Pulse {
    workers: Workers,
    switch: mpsc::Sender<SwitchInput>,
    media: Vec<RelayPulse>,
}

impl Pulse {
    pub(crate) const fn new(
        workers: Workers,
        switch: mpsc::Sender<SwitchInput>,
        media: Vec<RelayPulse>,
    ) -> Self {
        Self { workers, switch, media }
    }

    /// Has each thread come round once. `Err`: those that did not within this time, by their names.
    pub(crate) async fn feel(&self, within: Duration) -> Result<(), Vec<String>> {
        let deadline = Instant::now() + within;
        let before = self.turns();
        for worker in 0..self.workers.count() {
            self.workers.letterbox(worker).ring();
        }
        for relay in &self.media {
            relay.wake();
        }
        let mut stand = Vec::new();
        if timeout_at(deadline, self.switch_answers()).await.is_err() {
            stand.push("switch".to_owned());
        }
        loop {
            let now = self.turns();
            // One that has ended meanwhile is not there any more.
            let still: Vec<&(String, u64)> = before.iter().filter(|then| now.contains(then)).collect();
            if still.is_empty() {
                break;
            }
            if Instant::now() >= deadline {
                stand.extend(still.into_iter().map(|(name, _)| name.clone()));
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        if stand.is_empty() { Ok(()) } else { Err(stand) }
    }

    /// By the way that applications' requests go: its own thread runs it.
    async fn switch_answers(&self) {
        let (answer, answered) = oneshot::channel();
        let read = SwitchInput::View(Box::new(move |_| _ = answer.send(())));
        // Where it has ended, the engine stops, or its lifeline is cut.
        if self.switch.send(read).await.is_ok() {
            drop(answered.await);
        }
    }

    /// Those that have not ended, by their names, and how often each has come round.
    fn turns(&self) -> Vec<(String, u64)> {
        let workers =
            (0..self.workers.count()).map(|worker| (format!("sip-{worker}"), self.workers.turns(worker)));
        let media = self.media.iter().enumerate();
        let media = media.filter_map(|(index, relay)| Some((format!("media-{index}"), relay.turns()?)));
        workers.chain(media).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trunkline_media::RelayConfig;
    use trunkline_media::thread::RelayThread;

    use super::*;
    use crate::driver::metrics::Metrics;

    #[tokio::test(start_paused = true)]
    async fn threads_that_stand_are_named() {
        let (workers, _mailboxes) = Workers::new(2, Arc::new(Metrics::new(2)));
        let (switch, _requests) = mpsc::channel(1);
        let pulse = Pulse::new(workers, switch, Vec::new());
        let felt = pulse.feel(Duration::from_secs(10)).await;
        assert_eq!(felt.unwrap_err(), ["switch", "sip-0", "sip-1"]);
        // The first question is still there: no room for another is no answer, either.
        assert!(pulse.feel(Duration::from_secs(10)).await.is_err());
    }

    #[tokio::test]
    async fn threads_that_turn_are_felt_at_once() {
        let thread = RelayThread::spawn(0, RelayConfig::default(), Box::new(|_| None)).unwrap();
        let (workers, _mailboxes) = Workers::new(0, Arc::new(Metrics::new(0)));
        let (switch, requests) = mpsc::channel(1);
        // An engine that stops is no defect.
        drop(requests);
        let pulse = Pulse::new(workers, switch, vec![thread.handle().pulse()]);
        assert_eq!(pulse.feel(Duration::from_secs(60)).await, Ok(()));
        thread.join();
        assert_eq!(pulse.feel(Duration::from_secs(60)).await, Ok(()));
    }
}
