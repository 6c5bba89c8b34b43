//! One POST after the other to one receiver (HTTP/1.1, RFC 9112), over a connection that is kept as long as both sides like.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::key::signatures;
use crate::config::Webhook;
use crate::driver::clock;
use crate::driver::dial::{DialError, dial, seal};

/// Why a request was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// No name server knows the host.
    NoSuchHost,
    /// Nobody listens there.
    Unreachable,
    /// The certificate is not good, or not for that host.
    Tls,
    /// No answer came in time.
    Timeout,
    /// The connection broke before an answer came.
    Lost,
    /// What came is no HTTP.
    Protocol,
    /// An answer other than 2xx, and how long the receiver wants to be left alone.
    Refused(StatusCode, Option<Duration>),
}

impl Failure {
    /// What is wrong, as in `unreachable`.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NoSuchHost => "nosuchhost",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
            Self::Refused(..) => "refused",
        }
    }

    /// The HTTP status that was answered.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            Self::Refused(status, _) => Some(status.as_u16()),
            Self::NoSuchHost
            | Self::Unreachable
            | Self::Tls
            | Self::Timeout
            | Self::Lost
            | Self::Protocol => None,
        }
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        match error {
            DialError::NoSuchHost => Self::NoSuchHost,
            DialError::Unreachable => Self::Unreachable,
            DialError::Tls => Self::Tls,
        }
    }
}

/// Posts to one receiver.
#[derive(Default)]
pub(super) struct Poster {
    kept: Option<Kept>,
}

/// A connection.
struct Kept {
    /// What it was made for; a reload may name another receiver.
    hook: Arc<Webhook>,
    sender: http1::SendRequest<Body>,
    connection: AbortHandle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Poster {
    /// Posts a body and waits for the answer. Redirections are not followed, and nothing of an answer but its status and Retry-After is
    /// looked at: what it says is known before its body has ended, and stands if that never does.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) async fn post(&mut self, hook: &Arc<Webhook>, id: &str, body: &str) -> Result<(), Failure> {
        let Ok(answered) = timeout(hook.timeout, self.try_post(hook, id, body)).await else {
            self.kept = None;
            return Err(Failure::Timeout);
        };
        let (kept, response) = answered?;
        let (status, asked) = (response.status(), retry_after(response.headers()));
        if is_read(response).await {
            self.kept = Some(kept);
        }
        if status.is_success() { Ok(()) } else { Err(Failure::Refused(status, asked)) }
    }

    async fn try_post(&mut self, hook: &Arc<Webhook>, id: &str, body: &str) -> Result<Answered, Failure> {
        let is_usable = |kept: &Kept| Arc::ptr_eq(&kept.hook, hook) && !kept.sender.is_closed();
        if let Some(kept) = self.kept.take().filter(is_usable) {
            match exchange(kept, id, body).await {
                // Servers close connections that nobody used for a while, and may do so just now.
                Err(Failure::Lost) => {}
                done => return done,
            }
        }
        let kept = connect(hook).await?;
        exchange(kept, id, body).await
    }
}

/// The beginning of an answer, and the connection that it came by.
type Answered = (Kept, Response<Incoming>);

async fn exchange(mut kept: Kept, id: &str, body: &str) -> Result<Answered, Failure> {
    let request = request(&kept.hook, id, body).map_err(|_| Failure::Protocol)?;
    let response = kept.sender.send_request(request).await.map_err(|error| failure(&error))?;
    Ok((kept, response))
}

/// Whether the connection is as good as before the answer: its body came to an end before it was too long or too slow.
async fn is_read(response: Response<Incoming>) -> bool {
    let read = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX);
    timeout(ANSWER, read).await.is_ok_and(|read| read.is_ok())
}

fn request(hook: &Webhook, id: &str, body: &str) -> Result<Request<Body>, axum::http::Error> {
    // The receiver refuses what is old, so each try is signed anew.
    let unix_s = clock::unix_now().as_secs();
    Request::post(hook.url.target())
        .header(HOST, hook.url.authority())
        .header(USER_AGENT, concat!("Trunkline/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", unix_s)
        .header("webhook-signature", signatures(&hook.keys, id, unix_s, body))
        .body(Body::from(body.to_owned()))
}

async fn connect(hook: &Arc<Webhook>) -> Result<Kept, Failure> {
    let stream = dial(hook.url.host(), hook.url.port()).await?;
    let wire = seal(stream, hook.url.host(), hook.url.is_sealed(), hook.tls.as_ref()).await?;
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(|error| failure(&error))?;
    let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
    Ok(Kept { hook: Arc::clone(hook), sender, connection })
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_parse() { Failure::Protocol } else { Failure::Lost }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(clock::unix_now()))
}

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The longest body of an answer; a longer one costs the connection.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long a body may take once its head is here.
const ANSWER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_for_how_long_it_wants_to_be_left_alone() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(retry_after(&HeaderMap::new()), None);
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO), "it is over");
        let later = asked("Tue, 31 Dec 2199 23:59:59 GMT").unwrap();
        assert!(later > Duration::from_secs(86_400), "{later:?}");
        for text in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(asked(text), None, "{text:?}");
        }
    }
}
