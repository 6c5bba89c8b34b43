//! The connection to the server of a fork: name, TCP, TLS, WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ClientConfig;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::driver::dial::{DialError, Wire, dial, seal};
use crate::switch::{ForkBegin, ForkEnd};

/// A connection whose server listens.
pub(super) type Socket = WebSocketStream<Measured<Box<dyn Wire>>>;

/// The longest message that a server may send; nothing in it is read.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What a server may send in a second, in bytes. It counts what is no message, too: fragments of one that never ends.
pub(super) const BYTES_PER_SECOND_MAX: usize = 256 * 1024;

/// What the kernel keeps for a server that does not read, in bytes: what waits there is heard late.
const SEND_BUFFER_BYTES: usize = 16 * 1024;

/// Connects to the server that the switch allowed, and to no other: redirections are not followed.
///
/// # Errors
/// Why it does not listen.
pub(super) async fn connect(begin: &ForkBegin, tls: Option<&Arc<ClientConfig>>) -> Result<Socket, ForkEnd> {
    let url = &begin.url;
    let mut request = url.whole().into_client_request().map_err(|_| ForkEnd::Protocol)?;
    if let Some(authorization) = &begin.authorization {
        let mut value = HeaderValue::from_str(authorization.value()).map_err(|_| ForkEnd::Protocol)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let stream = dial(url.host(), url.port()).await?;
    // Where it is refused the kernel keeps more, and what is heard late is heard later.
    drop(SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES));
    let wire = seal(stream, url.host(), url.is_sealed(), tls).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    match client_async_with_config(request, Measured::new(wire), Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(ForkEnd::Refused(response.status().as_u16())),
        Err(Error::Io(_) | Error::Protocol(ProtocolError::HandshakeIncomplete)) => Err(ForkEnd::Lost),
        Err(_) => Err(ForkEnd::Protocol),
    }
}

impl From<DialError> for ForkEnd {
    fn from(error: DialError) -> Self {
        match error {
            DialError::NoSuchHost => Self::NoSuchHost,
            DialError::Unreachable => Self::Unreachable,
            DialError::Tls => Self::Tls,
        }
    }
}

/// A wire that is read no further once its far end has said too much in a second.
pub(super) struct Measured<W> {
    wire: W,
    until: Instant,
    bytes: usize,
}

/// Why it is read no further.
#[derive(Debug, thiserror::Error)]
#[error("the server says too much")]
struct TooMuch;

/// Whether an error is that the server says too much.
pub(super) fn is_too_much(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<TooMuch>())
}

impl<W> Measured<W> {
    fn new(wire: W) -> Self {
        Self { wire, until: Instant::now() + SECOND, bytes: 0 }
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Measured<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.wire).poll_read(cx, buffer))?;
        let now = Instant::now();
        if now >= self.until {
            (self.until, self.bytes) = (now + SECOND, 0);
        }
        self.bytes += buffer.filled().len() - before;
        Poll::Ready(if self.bytes > BYTES_PER_SECOND_MAX { Err(io::Error::other(TooMuch)) } else { Ok(()) })
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Measured<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

const SECOND: Duration = Duration::from_secs(1);
