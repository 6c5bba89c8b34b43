//! The HTTP server: HTTP/1.1 with a limit on everything that a client can take its time with.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Access, Operator, Shared, State};
use crate::driver::http::{Limits, converse};
use crate::handle::Engine;

/// Serves the API until `shutdown`, then ends the connections: requests in hand are answered, event streams closed.
///
/// # Errors
/// The listener cannot accept at all.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    access: Access,
    operator: Operator,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let shared: Shared = Arc::new(State::new(engine, access, operator));
    let service = TowerToHyperService::new(super::routes(Arc::clone(&shared)));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        // Those that ended are forgotten, so that the set does not grow.
        while connections.try_join_next().is_some() {}
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a client that went before it was taken: the listener itself is whole.
                tracing::warn!(%error, "cannot accept an API connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::debug!("an API connection beyond the limit was closed");
            continue;
        };
        let (service, closing) = (service.clone(), shared.closing.subscribe());
        connections.spawn(async move {
            speak(stream, remote.ip(), service, closing).await;
            drop(place);
        });
    }
    shared.closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!("API connections were still open");
    }
    Ok(())
}

async fn speak(
    stream: TcpStream,
    source: IpAddr,
    service: TowerToHyperService<axum::Router>,
    closing: watch::Receiver<bool>,
) {
    match stream.set_nodelay(true) {
        Ok(()) => converse(stream, source, service, closing, LIMITS).await,
        Err(error) => tracing::debug!(%error, "an API connection was lost"),
    }
}

/// What a client may take its time with.
const LIMITS: Limits = Limits { head_max: Duration::from_secs(10), head_bytes_max: 64 * 1024 };

/// Connections at once; more are closed at once.
const CONNECTIONS_MAX: usize = 1024;

/// How long connections may take to end at shutdown.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Rest after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
