//! The HTTP API: JSON over HTTP/1.1, events over a WebSocket, and the web console. One bearer token is one TAPI application.
//!
//! ```text
//! request ── serve (time, size) ── guard (Host, Origin) ── once (Idempotency-Key) ── Caller (token) ── read │ operate │ events ── Engine
//! ```

mod access;
mod apps;
mod arguments;
mod asyncapi;
mod check_config;
mod check_sync;
mod console;
mod event;
mod event_schema;
mod events;
mod explain;
mod health;
mod idempotency;
mod log;
mod messages;
mod narrow;
mod openapi;
mod operate;
mod page;
mod phones;
mod problem;
mod process;
mod rate;
mod read;
mod records;
mod reload;
mod serve;
mod shape;
mod timestamp;
mod trace;
mod trace_live;
mod translate;
mod webhooks;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::access::Access;
use self::access::Caller;
pub(crate) use self::event::event_json;
use self::explain::Missing;
pub use self::operate::{answer, operation};
use self::problem::Problem;
pub use self::serve::serve;
use crate::driver::refusal_log::RefusalLog;
use crate::driver::{LogTail, Reloader, clock};
use crate::handle::Engine;

/// What the handlers share.
struct State {
    engine: Engine,
    access: Access,
    operator: Operator,
    anchor: timestamp::Anchor,
    /// Places for event streams.
    sockets: Arc<Semaphore>,
    streams: apps::Streams,
    /// Places for those who read what happened.
    traces: Arc<Semaphore>,
    /// Places for those who read records of calls.
    records: Arc<Semaphore>,
    /// Places for those who see what happens.
    live_traces: Arc<Semaphore>,
    /// How often each application may ask.
    limiter: rate::Limiter,
    /// Places for those who read the log.
    logs: Arc<Semaphore>,
    /// Becomes true when the server stops.
    closing: watch::Sender<bool>,
    refusals: Mutex<RefusalLog>,
    /// What was answered to requests with an `Idempotency-Key`.
    answers: idempotency::Answers,
}

type Shared = Arc<State>;

/// What only whoever runs the engine can do for an operator. What is missing is refused, OPERATIONUNAVAIL.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// Who reads the configuration again.
    pub reloader: Option<Reloader>,
    /// The last lines of the log.
    pub log: Option<LogTail>,
}

impl State {
    fn new(engine: Engine, access: Access, operator: Operator) -> Self {
        Self {
            limiter: rate::Limiter::new(clock::now(), access.requests_per_second),
            engine,
            access,
            operator,
            anchor: timestamp::Anchor::new(),
            sockets: Arc::new(Semaphore::new(events::SOCKETS_MAX)),
            streams: apps::Streams::default(),
            traces: Arc::new(Semaphore::new(trace::READ_MAX)),
            live_traces: Arc::new(Semaphore::new(trace_live::LIVE_MAX)),
            logs: Arc::new(Semaphore::new(log::READERS_MAX)),
            records: Arc::new(Semaphore::new(records::READERS_MAX)),
            closing: watch::Sender::new(false),
            refusals: Mutex::new(RefusalLog::new(clock::now())),
            answers: idempotency::Answers::default(),
        }
    }

    /// Writes into the log that a request from there had no token, or a wrong one.
    fn tell_refused(&self, source: IpAddr) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.tell(clock::now(), source, "HTTP", "", StatusCode::UNAUTHORIZED.as_u16());
    }
}

/// The API as a service, without the server's own limits on time and connections: see [`serve`].
pub fn router(engine: Engine, access: Access, operator: Operator) -> Router {
    routes(Arc::new(State::new(engine, access, operator)))
}

/// The contract as OpenAPI 3.1: what `/v1/openapi.json` answers, on many lines.
pub fn openapi() -> String {
    let (_, document) = described();
    format!("{document:#}")
}

/// The handlers that describe themselves, and the contract.
fn described() -> (Router<Shared>, Value) {
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::document())
        .routes(routes!(read::lines))
        .routes(routes!(read::line))
        .routes(routes!(read::calls))
        .routes(routes!(read::call))
        .routes(routes!(read::registrations))
        .routes(routes!(read::trunks))
        .routes(routes!(read::parked))
        .routes(routes!(apps::apps))
        .routes(routes!(webhooks::webhooks))
        .routes(routes!(events::events))
        .routes(routes!(records::records))
        .routes(routes!(trace::of_call))
        .routes(routes!(trace_live::live))
        .routes(routes!(reload::reload))
        .routes(routes!(check_config::check_config))
        .routes(routes!(log::log))
        .routes(routes!(messages::set))
        .routes(routes!(phones::token))
        .routes(routes!(check_sync::check_sync))
        .split_for_parts();
    openapi::add_idempotency(&mut document);
    records::add_csv(&mut document);
    openapi::add_tags(&mut document);
    openapi::add_translation(&mut document);
    let mut document = serde_json::to_value(document).expect("the document has string keys only");
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        narrow::narrow(schemas);
    }
    narrow::narrow_bodies(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        narrow::narrow_parameters(paths);
    }
    (router, document)
}

fn routes(shared: Shared) -> Router {
    let (router, document) = described();
    let events: Arc<str> = asyncapi::document(&document).to_string().into();
    let document: Arc<str> = document.to_string().into();
    let serve = |document: Arc<str>| {
        move || async move { ([("content-type", "application/json")], document.to_string()) }
    };
    router
        .route("/v1/lines/{line}/{operation}", post(operate::line))
        .route(
            "/v1/calls/{call}/get-conf-related-calls",
            get(operate::conf_related_calls).post(operate::conf_related_calls),
        )
        .route("/v1/apps/{app}/set-app-priority", post(operate::app))
        .route("/v1/calls/{call}/{operation}", post(operate::call))
        .route("/v1/openapi.json", get(serve(document)))
        .route("/v1/asyncapi.json", get(serve(events)))
        .route("/metrics", get(health::metrics))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .merge(console::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn_with_state(Arc::clone(&shared), idempotency::once))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&shared), access::guard))
        .with_state(shared)
}

async fn unknown_path(_: Caller) -> Problem {
    Problem::http(
        StatusCode::NOT_FOUND,
        Missing::Path,
        "There is nothing here; /v1/openapi.json tells what there is.",
    )
}

async fn unknown_method(_: Caller) -> Problem {
    Problem::http(
        StatusCode::METHOD_NOT_ALLOWED,
        Missing::Method,
        "Read with GET, operate with POST; see /v1/openapi.json.",
    )
}

/// The longest body of a request.
const BODY_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
