//! Tells when a thread that the engine cannot do without has ended.

use std::sync::Arc;

use tokio::sync::Notify;

/// Held by each such thread. However the thread ends, its lifeline is cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifeline {
    cut: Arc<Notify>,
}

/// The thread's end of a lifeline.
#[derive(Debug)]
pub(crate) struct Held(Lifeline);

impl Lifeline {
    /// An end for one thread.
    pub(crate) fn hold(&self) -> Held {
        Held(self.clone())
    }

    /// Waits until some thread has ended.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.cut.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_panics_cuts_its_lifeline() {
        let lifeline = Lifeline::default();
        let held = lifeline.hold();
        let thread = std::thread::spawn(move || {
            let _held = held;
            std::panic::resume_unwind(Box::new("quietly"));
        });
        lifeline.cut().await;
        assert!(thread.join().is_err());
    }
}
