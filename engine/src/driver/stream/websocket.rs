//! SIP by WebSocket (RFC 7118): the door, and what is said behind it, a message a frame.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Frame, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use trunkline_sip::stream::MESSAGE_BYTES_MAX;

use super::conversation::{Conversation, IDLE, WRITE};
use crate::driver::worker::WorkerInput;

/// How often a browser is asked whether it is still there. Proxies forget connections after a minute.
const PING: Duration = Duration::from_secs(25);

/// A browser that has said nothing for this long, not even what it must answer to a ping, is gone.
const SILENT: Duration = Duration::from_secs(75);

/// The subprotocol (RFC 7118 §4).
const SUBPROTOCOL: &str = "sip";

/// CRLF CRLF as a message of its own (RFC 5626 §3.5.1).
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

/// What a connection holds at once, beside the one message that is being read.
const BUFFER: usize = 2_048;

/// Opens the door to whom asks for SIP, from a page that may.
///
/// # Errors
/// What was wrong; the client was told.
pub(super) async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    origins: &[String],
) -> Result<WebSocketStream<S>, Box<Error>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    accept_hdr_async_with_config(stream, Door { origins }, Some(config)).await.map_err(Box::new)
}

/// Who may come in.
struct Door<'a> {
    origins: &'a [String],
}

impl Callback for Door<'_> {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let headers = request.headers();
        let asked = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let is_sip = asked.flat_map(|value| value.split(',')).any(|name| name.trim() == SUBPROTOCOL);
        if !is_sip {
            return Err(refusal(StatusCode::BAD_REQUEST, "ask for the subprotocol sip\n"));
        }
        // What is no browser names no page.
        let page = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("").to_ascii_lowercase());
        if page.is_some_and(|page| !self.origins.is_empty() && !self.origins.contains(&page)) {
            return Err(refusal(StatusCode::FORBIDDEN, "this page is none of [sip] websocket_origins\n"));
        }
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    }
}

fn refusal(status: StatusCode, text: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(text.to_owned()));
    *refusal.status_mut() = status;
    refusal
}

impl Conversation {
    /// Reads and writes until either ends, or nothing is heard any more.
    pub(super) async fn hold_websocket<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        mut socket: WebSocketStream<S>,
    ) {
        let Self { flow, workers, mut queue, answers, first_until } = self;
        let mut has_spoken = false;
        let mut ping_at = Instant::now() + PING;
        let mut heard_at = Instant::now();
        let mut spoke_at = heard_at;
        loop {
            let until = match has_spoken {
                true => (spoke_at + IDLE).min(heard_at + SILENT),
                false => first_until,
            };
            let written = tokio::select! {
                queued = queue.recv() => match queued {
                    Some(bytes) => frame(bytes),
                    None => break,
                },
                () = tokio::time::sleep_until(ping_at.min(until)) => {
                    if until <= Instant::now() {
                        break;
                    }
                    ping_at = Instant::now() + PING;
                    Frame::Ping(Bytes::new())
                }
                came = socket.next() => {
                    heard_at = Instant::now();
                    let bytes = match came {
                        Some(Ok(Frame::Text(text))) => Bytes::from(text),
                        Some(Ok(Frame::Binary(bytes))) => bytes,
                        // The library answers pings itself.
                        Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => continue,
                        Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
                    };
                    if &bytes[..] == KEEP_ALIVE {
                        Frame::Text(Utf8Bytes::from_static("\r\n"))
                    } else if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                        // Says nothing, and counts as nothing.
                        continue;
                    } else {
                        // Who is not written to any more is not read either.
                        if answers.strong_count() == 0 {
                            break;
                        }
                        (has_spoken, spoke_at) = (true, heard_at);
                        workers.deliver(WorkerInput::Message(flow, bytes)).await;
                        continue;
                    }
                }
            };
            let Ok(Ok(())) = timeout(WRITE, socket.send(written)).await else { break };
        }
        drop(timeout(WRITE, socket.close(None)).await);
    }
}

/// Text, as browsers expect it, unless it holds what is none.
fn frame(bytes: Bytes) -> Frame {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Frame::Text(text),
        Err(_) => Frame::Binary(bytes),
    }
}
