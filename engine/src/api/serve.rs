//! The HTTP server: HTTP/1.1 with a limit on everything that a client can take its time with.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::access::Source;
use super::{Access, Shared, State};
use crate::driver::Reloader;
use crate::handle::Engine;

/// Serves the API until `shutdown`, then ends the connections: requests in hand are answered, event streams closed. Without a
/// `reloader` the configuration is not read again.
///
/// # Errors
/// The listener cannot accept at all.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    access: Access,
    reloader: Option<Reloader>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let shared: Shared = Arc::new(State::new(engine, access, reloader));
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
            converse(stream, remote.ip(), service, closing).await;
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

async fn converse(
    stream: TcpStream,
    source: IpAddr,
    service: TowerToHyperService<axum::Router>,
    mut closing: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "an API connection was lost");
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Source(source));
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = super::closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an API connection ended badly");
    }
}

/// Connections at once; more are closed at once.
const CONNECTIONS_MAX: usize = 1024;

/// How long the head of a request may take to arrive, counted from the end of the one before.
const HEAD_MAX: Duration = Duration::from_secs(10);

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long connections may take to end at shutdown.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Rest after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
