//! Forks of calls' audio: a WebSocket each, served by a task of its own beside everything else.
//!
//! ```text
//!  switch ── Begin, End ──▶ task: connects, says `start` ── Began, Ended ─▶ switch
//!  media threads ── pieces ──▶ queue of the fork ──▶ task ──▶ server
//! ```
//!
//! Nobody waits for a server: pieces that find [`queue::PIECES_WAITING_MAX`] in the queue push out the oldest, which are counted. What is
//! connected to is what the switch allowed, and nothing that a server says leads anywhere else.

mod connection;
mod queue;
mod speaking;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;
use trunkline_media::{ForkId, Recorded};

use self::connection::connect;
use self::queue::Queue;
use self::speaking::converse;
use super::desk::Letterbox;
use super::metrics::{Counter, Metrics};
use super::switch::SwitchInput;
use crate::switch::{ForkBegin, ForkCommand, ForkEnd, ForkEvent};

/// How long a server has to listen: name, connection, TLS and WebSocket handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the engine waits for its servers when it stops: longer than any of them has, see [`speaking`].
const LEAVING_AT_MOST: Duration = Duration::from_secs(3);

/// The way to the connections. Clones share it.
#[derive(Clone)]
pub(crate) struct Forks {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Handle,
    /// How servers by `wss://` are met; a reload may change whom is trusted.
    tls: ArcSwapOption<ClientConfig>,
    open: DashMap<ForkId, Arc<Queue>>,
    /// Rung when one is open no more.
    gone: Notify,
    metrics: Arc<Metrics>,
    switch: Letterbox<SwitchInput>,
}

/// Waits for connections to be over when the engine stops.
#[derive(Debug)]
pub(crate) struct Leaving(Forks);

impl fmt::Debug for Forks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forks").field("open", &self.shared.open.len()).finish_non_exhaustive()
    }
}

impl Forks {
    /// Nothing is connected yet. `tls` is for servers by `wss://`.
    pub(crate) fn new(
        runtime: Handle,
        tls: Option<Arc<ClientConfig>>,
        metrics: Arc<Metrics>,
        switch: Letterbox<SwitchInput>,
    ) -> (Self, Leaving) {
        let (tls, open, gone) = (ArcSwapOption::new(tls), DashMap::new(), Notify::new());
        let forks = Self { shared: Arc::new(Shared { runtime, tls, open, gone, metrics, switch }) };
        (forks.clone(), Leaving(forks))
    }

    /// Whom the next servers by `wss://` are trusted by.
    pub(crate) fn set_tls(&self, tls: Option<Arc<ClientConfig>>) {
        self.shared.tls.store(tls);
    }

    /// What the switch wants of a connection.
    pub(crate) fn command(&self, command: ForkCommand) {
        match command {
            ForkCommand::Begin(begin) => self.begin(*begin),
            ForkCommand::End(fork, end) => {
                if let Some(queue) = self.shared.open.get(&fork) {
                    queue.end(end);
                }
            }
        }
    }

    /// A piece of a fork. Never waits.
    pub(crate) fn piece(&self, fork: ForkId, piece: Recorded) {
        let Some(queue) = self.shared.open.get(&fork) else { return };
        if queue.push(piece).is_some() {
            self.shared.metrics.count(Counter::ForkPiecesLost);
        }
    }

    fn begin(&self, begin: ForkBegin) {
        let (queue, fork) = (Arc::<Queue>::default(), begin.fork);
        self.shared.open.insert(fork, Arc::clone(&queue));
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            tracing::info!(%fork, call = %begin.call, line = %begin.line, url = %begin.url, "a fork begins");
            let (server, call) = (begin.url.to_string(), begin.call);
            let served = tokio::spawn(serve(begin, Arc::clone(&queue), Arc::clone(&shared)));
            // What panics is over as well.
            let end = served.await.unwrap_or(ForkEnd::Lost);
            shared.open.remove(&fork);
            shared.gone.notify_one();
            let (reason, status, pieces_lost) = (end.name(), end.status(), queue.lost());
            if end.is_wanted() {
                tracing::info!(%fork, %call, url = server, reason, pieces_lost, "a fork is over");
            } else {
                shared.metrics.count(Counter::ForksFailed);
                tracing::warn!(%fork, %call, url = server, reason, status, pieces_lost, "a fork failed");
            }
            shared.tell(ForkEvent::Ended { fork, end, pieces_lost }).await;
        });
    }
}

impl Shared {
    async fn tell(&self, event: ForkEvent) {
        // A closed mailbox means that the engine stops.
        if self.switch.sender().send(SwitchInput::Fork(event)).await.is_ok() {
            self.switch.ring_unless_attended();
        }
    }
}

/// Connects, and speaks until somebody ends it; why it is over.
async fn serve(begin: ForkBegin, queue: Arc<Queue>, shared: Arc<Shared>) -> ForkEnd {
    let tls = shared.tls.load_full();
    let connected = tokio::select! {
        biased;
        end = queue.ended() => Err(end),
        connected = timeout(CONNECT, connect(&begin, tls.as_ref())) => {
            connected.unwrap_or(Err(ForkEnd::Timeout))
        }
    };
    match connected {
        Ok(socket) => {
            shared.metrics.count(Counter::Forks);
            shared.tell(ForkEvent::Began(begin.fork)).await;
            converse(socket, &begin, &queue).await
        }
        Err(end) => end,
    }
}

impl Leaving {
    /// Tells all servers that it is over, and waits a little until they heard it.
    pub(crate) async fn leave(self) {
        let Forks { shared } = self.0;
        for queue in &shared.open {
            queue.end(ForkEnd::Shutdown);
        }
        let all_gone = async {
            while !shared.open.is_empty() {
                shared.gone.notified().await;
            }
        };
        drop(timeout(LEAVING_AT_MOST, all_gone).await);
    }
}
