//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): who repeats a POST, since he does not know whether it arrived, is given
//! the first answer, and nothing is done twice.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::access::{authenticate, bearer};
use super::explain::Missing;
use super::operate::{body, prefers_async};
use super::problem::Problem;
use crate::driver::clock;
use crate::switch::{AppId, LineError};

/// Answers a POST with a key by what was answered before, or has it done and keeps the answer. What was begun is brought to its end
/// even if the client goes away: he comes back for it.
pub(super) async fn once(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.method() != Method::POST || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return Ok(next.run(request).await);
    }
    let app = authenticate(&shared, bearer(request.headers())?)?.id;
    let key = key(request.headers())?.to_owned();
    let (parts, unread) = request.into_parts();
    let read = body(Request::from_parts(parts.clone(), unread)).await?;
    let asked = (parts.uri.path(), parts.uri.query(), prefers_async(&parts.headers), &read);
    let fingerprint = shared.answers.hasher.hash_one(asked);
    let turn = match shared.answers.begin(clock::now(), app, &key, fingerprint) {
        Begun::First(turn) => turn,
        Begun::Again(answer) => return Ok(answer.into_response()),
        Begun::UnderWay => {
            let detail =
                "The request with this Idempotency-Key is still under way: ask again for its answer.";
            return Err(Problem::http(StatusCode::CONFLICT, Missing::Turn, detail));
        }
        Begun::Other => {
            let detail =
                "This Idempotency-Key was sent with another path or body: make a new one for each request.";
            return Err(
                Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, detail).at_field("Idempotency-Key")
            );
        }
        Begun::Full => {
            let detail = format!("{KEPT_MAX} requests with an Idempotency-Key are under way already.");
            return Err(Problem::line_error(LineError::ResourceUnavail, detail));
        }
    };
    let request = Request::from_parts(parts, Body::from(read));
    let done = tokio::spawn(async move { turn.finish(next.run(request).await).await });
    done.await.map_err(|_| Problem::line_error(LineError::OperationFailed, "The request was given up."))
}

/// The key: a string of RFC 8941 or, as many write it, without its quotes.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (values.next().map(|value| value.to_str()), values.next()) {
        (Some(Ok(value)), None) if value.len() <= KEY_BYTES_MAX => {
            let value = value.trim();
            value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
        }
        _ => "",
    };
    if (1..=KEY_BYTES_MAX).contains(&key.len()) && !key.contains(['"', '\\']) {
        return Ok(key);
    }
    let detail =
        format!("Idempotency-Key is one string of 1 to {KEY_BYTES_MAX} characters, as in \"8e03978e-40d5\".");
    Err(Problem::invalid(StatusCode::BAD_REQUEST, detail).at_field("Idempotency-Key"))
}

/// The answers that are kept.
#[derive(Debug, Default)]
pub(super) struct Answers {
    apps: Arc<Mutex<HashMap<AppId, Kept>>>,
    hasher: RandomState,
}

/// Those of one application, the oldest first.
#[derive(Debug, Default)]
struct Kept(VecDeque<Entry>);

#[derive(Debug)]
struct Entry {
    key: String,
    /// What was asked for.
    fingerprint: u64,
    begun: Instant,
    /// `None`: it is under way.
    answer: Option<Answer>,
}

/// An answer, to be given again.
#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// What becomes of a request with a key.
#[derive(Debug)]
enum Begun {
    /// It is the first with it.
    First(Turn),
    /// This was answered.
    Again(Answer),
    /// The first is not answered yet.
    UnderWay,
    /// The first asked for something else.
    Other,
    /// Too many are under way.
    Full,
}

impl Answers {
    fn begin(&self, now: Instant, app: AppId, key: &str, fingerprint: u64) -> Begun {
        let mut apps = lock(&self.apps);
        apps.values_mut().for_each(|kept| kept.forget(now));
        let kept = apps.entry(app).or_default();
        if let Some(entry) = kept.0.iter().find(|entry| entry.key == key) {
            return match &entry.answer {
                _ if entry.fingerprint != fingerprint => Begun::Other,
                Some(answer) => Begun::Again(answer.clone()),
                None => Begun::UnderWay,
            };
        }
        if kept.0.len() == KEPT_MAX {
            let Some(oldest) = kept.0.iter().position(|entry| entry.answer.is_some()) else {
                return Begun::Full;
            };
            kept.0.remove(oldest);
        }
        kept.0.push_back(Entry { key: key.to_owned(), fingerprint, begun: now, answer: None });
        Begun::First(Turn { apps: Arc::clone(&self.apps), app, key: key.to_owned() })
    }
}

impl Kept {
    /// Forgets what is too old. What is under way is over long before.
    fn forget(&mut self, now: Instant) {
        let is_old = |entry: &Entry| now.saturating_duration_since(entry.begun) >= KEPT_FOR;
        while self.0.front().is_some_and(|entry| is_old(entry) && entry.answer.is_some()) {
            self.0.pop_front();
        }
    }
}

/// The right to answer a key. Dropped without an answer, the key is as if it was never sent.
#[derive(Debug)]
struct Turn {
    apps: Arc<Mutex<HashMap<AppId, Kept>>>,
    app: AppId,
    key: String,
}

impl Turn {
    /// Keeps the answer, unless it says that nothing was done and to try again, or holds a secret, or is longer than any of ours.
    async fn finish(self, response: Response) -> Response {
        let (parts, unread) = response.into_parts();
        let Ok(body) = to_bytes(unread, ANSWER_BYTES_MAX).await else {
            let detail = "The answer is too long to be kept: ask without Idempotency-Key.";
            return Problem::line_error(LineError::OperationFailed, detail).into_response();
        };
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        // A token is not to lie about; one that is made twice harms less.
        let is_secret = answer.headers.get(CACHE_CONTROL).is_some_and(|value| value == "no-store");
        if !matches!(answer.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
            && !is_secret
            && let Some(entry) = lock(&self.apps).entry(self.app).or_default().under_way(&self.key)
        {
            entry.answer = Some(answer.clone());
        }
        answer.into_response()
    }
}

impl Kept {
    fn under_way(&mut self, key: &str) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.key == key && entry.answer.is_none())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(kept) = lock(&self.apps).get_mut(&self.app) {
            kept.0.retain(|entry| entry.key != self.key || entry.answer.is_some());
        }
    }
}

fn lock(apps: &Mutex<HashMap<AppId, Kept>>) -> MutexGuard<'_, HashMap<AppId, Kept>> {
    apps.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The header.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key.
pub(super) const KEY_BYTES_MAX: usize = 255;

/// Keys of one application; a further one takes the place of the oldest that is answered.
const KEPT_MAX: usize = 1024;

/// How long an answer is kept, from its request on.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// The longest answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const APP: AppId = AppId(0);

    async fn answer(begun: Begun, status: StatusCode, text: &'static str) {
        let Begun::First(turn) = begun else { panic!("{begun:?}") };
        let response = turn.finish((status, text).into_response()).await;
        assert_eq!(response.status(), status);
    }

    #[tokio::test]
    async fn a_key_is_answered_once() {
        let (answers, now) = (Answers::default(), clock::now());
        let first = answers.begin(now, APP, "a", 1);
        assert!(matches!(answers.begin(now, APP, "a", 1), Begun::UnderWay));
        assert!(matches!(answers.begin(now, APP, "a", 2), Begun::Other));
        assert!(matches!(answers.begin(now, AppId(1), "a", 2), Begun::First(_)), "another application's key");
        answer(first, StatusCode::CONFLICT, "no").await;
        let again = answers.begin(now, APP, "a", 1);
        let Begun::Again(again) = again else { panic!("{again:?}") };
        assert_eq!((again.status, &again.body[..]), (StatusCode::CONFLICT, &b"no"[..]));
        assert!(matches!(answers.begin(now, APP, "a", 2), Begun::Other));
    }

    #[tokio::test]
    async fn what_was_not_done_may_be_tried_again() {
        let (answers, now) = (Answers::default(), clock::now());
        answer(answers.begin(now, APP, "a", 1), StatusCode::SERVICE_UNAVAILABLE, "later").await;
        drop(answers.begin(now, APP, "a", 1));
        assert!(
            matches!(answers.begin(now, APP, "a", 2), Begun::First(_)),
            "whoever was given up has answered nothing"
        );
    }

    #[tokio::test]
    async fn keys_are_forgotten_by_age_and_by_number() {
        let (answers, now) = (Answers::default(), clock::now());
        let key = |n: usize| n.to_string();
        for n in 0..KEPT_MAX {
            answer(answers.begin(now, APP, &key(n), 1), StatusCode::OK, "").await;
        }
        answer(answers.begin(now, APP, "more", 1), StatusCode::OK, "").await;
        assert_eq!(lock(&answers.apps)[&APP].0.len(), KEPT_MAX);
        assert!(matches!(answers.begin(now, APP, &key(1), 1), Begun::Again(_)));
        assert!(matches!(answers.begin(now, APP, &key(0), 1), Begun::First(_)), "the oldest gave way");
        let last = now + KEPT_FOR.saturating_sub(Duration::from_nanos(1));
        assert!(matches!(answers.begin(last, APP, &key(2), 1), Begun::Again(_)));
        assert!(matches!(answers.begin(now + KEPT_FOR, APP, &key(2), 1), Begun::First(_)));
        assert_eq!(lock(&answers.apps)[&APP].0.len(), 0, "all were as old, and that one was given up");
    }

    #[test]
    fn those_under_way_never_give_way() {
        let (answers, now) = (Answers::default(), clock::now());
        let turns: Vec<_> = (0..KEPT_MAX).map(|n| answers.begin(now, APP, &n.to_string(), 1)).collect();
        assert!(matches!(answers.begin(now + KEPT_FOR, APP, "more", 1), Begun::Full));
        assert!(matches!(answers.begin(now + KEPT_FOR, APP, "0", 1), Begun::UnderWay));
        drop(turns);
        assert!(matches!(answers.begin(now, APP, "more", 1), Begun::First(_)));
    }

    #[test]
    fn a_key_is_a_string_with_or_without_quotes() {
        let read = |values: &[&[u8]]| {
            let pairs = values.iter().map(|value| (IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap()));
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, value);
            }
            key(&headers).map(str::to_owned).ok()
        };
        assert_eq!(read(&[b"\"8e03978e-40d5\""]).as_deref(), Some("8e03978e-40d5"));
        assert_eq!(read(&[b" 8e03978e-40d5 "]).as_deref(), Some("8e03978e-40d5"));
        assert_eq!(read(&[&[b'k'; KEY_BYTES_MAX]]).map(|key| key.len()), Some(KEY_BYTES_MAX));
        for wrong in [
            &[&b""[..]][..],
            &[b"\"\""],
            &[b"\"a"],
            &[b"a\\b"],
            &[b"\xff"],
            &[&[b'k'; KEY_BYTES_MAX + 1]],
            &[b"a", b"b"],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
