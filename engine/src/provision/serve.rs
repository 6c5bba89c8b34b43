//! The server that phones fetch from: HTTP/1.1, in clear or by TLS, with a limit on everything that a client can take its time
//! with.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use dashmap::DashMap;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use trunkline_sip::admission::network;

use super::{Answer, Provisioner};
use crate::driver::clock;
use crate::driver::http::{Limits, Source, converse};

/// Serves phones until `shutdown`; requests in hand are answered.
///
/// # Errors
/// None at present: a listener that cannot accept is tried again.
pub async fn serve(
    listener: TcpListener,
    provisioner: Arc<Provisioner>,
    is_secure: bool,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let service = TowerToHyperService::new(router(Arc::clone(&provisioner)));
    let places = Arc::new(DashMap::new());
    let (closing, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a provisioning connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = Place::take(&places, remote.ip()) else {
            tracing::debug!(source = %remote.ip(), "a provisioning connection beyond the limit was closed");
            continue;
        };
        let acceptor = is_secure.then(|| provisioner.tls().map(TlsAcceptor::from));
        let (service, closing) = (service.clone(), closing.subscribe());
        connections.spawn(async move {
            // Whoever reads slowly, or not at all, holds a place for a minute at most.
            drop(timeout(CONNECTION_MAX, speak(stream, remote, acceptor, service, closing)).await);
            drop(place);
        });
    }
    closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    drop(timeout(DRAIN_MAX, drained).await);
    Ok(())
}

/// Connections that are open, by source.
type Places = Arc<DashMap<u64, usize>>;

/// The place of one connection, which is free again when it is dropped.
struct Place(Places, u64);

impl Place {
    fn take(places: &Places, source: IpAddr) -> Option<Self> {
        let source = network(source);
        let open: usize = places.iter().map(|count| *count).sum();
        if open >= CONNECTIONS_MAX {
            return None;
        }
        let mut of_source = places.entry(source).or_insert(0);
        if *of_source >= CONNECTIONS_PER_SOURCE_MAX {
            return None;
        }
        *of_source += 1;
        drop(of_source);
        Some(Self(Arc::clone(places), source))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.remove_if_mut(&self.1, |_, open| {
            *open = open.saturating_sub(1);
            *open == 0
        });
    }
}

/// `acceptor` is `None` for HTTP in clear, and `Some(None)` where there is no certificate to show.
async fn speak(
    stream: TcpStream,
    remote: SocketAddr,
    acceptor: Option<Option<TlsAcceptor>>,
    service: TowerToHyperService<Router>,
    closing: watch::Receiver<bool>,
) {
    let source = remote.ip();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a provisioning connection was lost");
        return;
    }
    match acceptor {
        None => converse(stream, source, service, closing, LIMITS).await,
        Some(None) => {}
        Some(Some(acceptor)) => match timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
            Ok(Ok(sealed)) => converse(sealed, source, service, closing, LIMITS).await,
            Ok(Err(error)) => tracing::debug!(%source, %error, "a TLS handshake of a phone failed"),
            Err(_) => tracing::debug!(%source, "a TLS handshake of a phone took too long"),
        },
    }
}

/// Everything is answered by one function, so that no path differs from another.
pub(super) fn router(provisioner: Arc<Provisioner>) -> Router {
    Router::new().fallback(answer).with_state(provisioner)
}

async fn answer(
    State(provisioner): State<Arc<Provisioner>>,
    Extension(Source(source)): Extension<Source>,
    method: Method,
    uri: Uri,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        // Phones of Poly put their logs where their files are.
        let headers = [(CACHE_CONTROL, NO_STORE), (ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, headers).into_response();
    }
    match provisioner.answer(clock::now(), source, uri.path(), uri.query()) {
        Answer::File(file) => {
            ([(CACHE_CONTROL, NO_STORE), (CONTENT_TYPE, file.media_type)], file.text).into_response()
        }
        Answer::NotFound => (StatusCode::NOT_FOUND, [(CACHE_CONTROL, NO_STORE)]).into_response(),
        Answer::TooMany(wait) => {
            let wait = wait.as_secs().to_string();
            let headers = [(CACHE_CONTROL, NO_STORE), (RETRY_AFTER, &wait)];
            (StatusCode::TOO_MANY_REQUESTS, headers).into_response()
        }
    }
}

/// Nobody between keeps a password (RFC 9111 §5.2.2.5).
const NO_STORE: &str = "no-store";

/// A phone sends a few hundred bytes, at once.
const LIMITS: Limits = Limits { head_max: Duration::from_secs(10), head_bytes_max: 16 * 1024 };

/// Connections at once; more are closed at once.
const CONNECTIONS_MAX: usize = 256;

/// Connections of one source: who says nothing keeps nobody else out.
const CONNECTIONS_PER_SOURCE_MAX: usize = 64;

/// How long one may last.
const CONNECTION_MAX: Duration = Duration::from_secs(60);

/// How long a handshake of TLS may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long connections may take to end at shutdown.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Rest after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
