//! Connections to servers that a configuration names, forks of audio and webhooks: TCP, and TLS above it.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// What is spoken on.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why nobody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DialError {
    /// No name server knows the host.
    NoSuchHost,
    /// None of its addresses takes a connection.
    Unreachable,
    /// Its certificate is not that of the host, or the handshake failed.
    Tls,
}

/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// How long one of them may be silent: it leaves time for the others.
const ADDRESS: Duration = Duration::from_millis(1_500);

/// Connects to a host.
pub(crate) async fn dial(host: &str, port: u16) -> Result<TcpStream, DialError> {
    let addresses = lookup_host((host, port)).await.map_err(|_| DialError::NoSuchHost)?;
    for address in addresses.take(ADDRESSES_MAX) {
        if let Ok(Ok(stream)) = timeout(ADDRESS, TcpStream::connect(address)).await
            && stream.set_nodelay(true).is_ok()
        {
            return Ok(stream);
        }
    }
    Err(DialError::Unreachable)
}

/// Speaks TLS on a connection where a server wants it; `tls` says who may have signed its certificate.
pub(crate) async fn seal(
    stream: TcpStream,
    host: &str,
    is_sealed: bool,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Box<dyn Wire>, DialError> {
    if !is_sealed {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| DialError::Tls)?;
    let connector = TlsConnector::from(Arc::clone(tls.ok_or(DialError::Tls)?));
    let stream = connector.connect(name, stream).await.map_err(|_| DialError::Tls)?;
    Ok(Box::new(stream))
}
