//! `GET /v1/webhooks`: how the webhooks do.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::openapi::Refused;
use super::problem::Problem;
use crate::driver::clock::rfc3339;
use crate::handle::Engine;
use crate::webhook::{Entry, LastError};

/// A webhook. Its secrets, and what stands behind the host of its URL, are not shown.
#[derive(Serialize, ToSchema)]
pub(super) struct Webhook {
    /// Its name.
    #[schema(example = "crm")]
    name: String,
    /// The application whose events it is told.
    #[schema(example = "crm")]
    app: String,
    /// Where the receiver is.
    #[schema(example = "https://crm.example")]
    server: String,
    /// The types of events that it is told; empty: all.
    events: Vec<&'static str>,
    /// The lines whose events it is told; empty: all.
    lines: Vec<String>,
    /// `up`, `failing` (events wait for the next try) or `gone` (the receiver answered 410: nothing is sent until a reload).
    #[schema(example = "up")]
    state: &'static str,
    /// Since when.
    #[schema(example = "2026-11-21T14:08:18.250Z")]
    since: String,
    /// The last event that was delivered; null: none since the start.
    #[schema(example = 1_795_415_071_000_214_u64)]
    last_seq: Option<u64>,
    /// Events behind that which are not delivered yet, those included that it does not want.
    #[schema(example = 0)]
    behind: u64,
    /// Tries that failed one after the other.
    #[schema(example = 0)]
    failures: u32,
    /// How the last try that failed did; null: none since the start.
    last_error: Option<Error>,
    /// When the next try is, where one failed.
    #[schema(example = "2026-11-21T14:08:20.100Z")]
    next_try: Option<String>,
    /// Events that were delivered since the start.
    #[schema(example = 1_234)]
    delivered: u64,
    /// Tries that failed since the start.
    #[schema(example = 2)]
    failed: u64,
    /// Events that were kept no longer when their turn came, since the start.
    #[schema(example = 0)]
    lost: u64,
}

/// Why a try failed.
#[derive(Serialize, ToSchema)]
struct Error {
    /// `nosuchhost`, `unreachable`, `tls`, `timeout`, `lost` (the connection broke), `protocol` or `refused`.
    #[schema(example = "refused")]
    reason: &'static str,
    /// With `refused`: the HTTP status.
    #[schema(example = 503)]
    status: Option<u16>,
    /// When.
    #[schema(example = "2026-11-21T14:08:18.250Z")]
    at: String,
}

/// The webhooks of the configuration. Who does not open every line as owner sees its own alone.
#[utoipa::path(
    get, path = "/v1/webhooks", operation_id = "webhooks",
    responses((status = OK, body = Vec<Webhook>, description = "the webhooks"), Refused)
)]
pub(super) async fn webhooks(
    State(shared): State<Shared>,
    Caller(asker): Caller,
) -> Result<Json<Vec<Webhook>>, Problem> {
    let entries = shared.engine.webhooks().entries();
    let seen = entries.iter().filter(|entry| asker.is_operator || entry.app == asker.id);
    Ok(Json(seen.map(|entry| Webhook::new(entry, &shared.engine)).collect()))
}

impl Webhook {
    fn new(entry: &Entry, engine: &Engine) -> Self {
        let (now, counts) = (entry.now(), entry.counts());
        let hook = now.hook;
        Self {
            name: hook.name.to_string(),
            app: hook.app.to_string(),
            server: hook.url.to_string(),
            events: hook.filter.events.clone(),
            lines: hook.filter.lines.clone(),
            state: now.standing.name(),
            since: rfc3339(now.since),
            last_seq: now.last_seq,
            behind: engine.events_behind(entry.app, entry.position()),
            failures: now.failures,
            last_error: now.last_error.map(Error::from),
            next_try: now.next_try.map(|at: Duration| rfc3339(at)),
            delivered: counts.delivered,
            failed: counts.failed,
            lost: counts.lost,
        }
    }
}

impl From<LastError> for Error {
    fn from(LastError { reason, status, at }: LastError) -> Self {
        Self { reason, status, at: rfc3339(at) }
    }
}
