//! `GET /v1/apps`: the applications, what they open and how many listen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::access::Caller;
use super::openapi::Refused;
use super::page::{Listed, Page};
use super::problem::Problem;
use crate::handle::AppIdentity;
use crate::switch::AppId;

/// An application.
#[derive(Serialize, ToSchema)]
pub(super) struct App {
    /// Its name.
    #[schema(example = "crm")]
    name: String,
    /// Whether it is who asks.
    you: bool,
    /// Its privilege on calls that it did not make: `owner` or `monitor`.
    #[schema(example = "owner")]
    privilege: &'static str,
    /// The lines that it opens by the configuration; `*` for all.
    #[schema(example = json!(["*"]))]
    lines: Vec<String>,
    /// Whether it may have the configuration read again: it opens every line as owner.
    operator: bool,
    /// Its event streams at this moment.
    #[schema(example = 1)]
    event_streams: usize,
}

/// The applications of the configuration. Who does not open every line as owner sees itself alone.
#[utoipa::path(
    get, path = "/v1/apps", operation_id = "apps", params(Page),
    responses(
        (status = OK, body = Vec<App>, description = "the applications", headers(("Link" = String, description = "the next piece, if there is one"))),
        Refused,
    )
)]
pub(super) async fn apps(
    State(shared): State<Shared>,
    Caller(asker): Caller,
    page: Page,
) -> Result<Listed<App>, Problem> {
    let apps = shared.engine.apps();
    let seen = apps.iter().filter(|app| asker.is_operator || app.id == asker.id).collect();
    let listed = page.of_named("/v1/apps", seen, |app: &&AppIdentity| app.name.to_string())?;
    Ok(listed.map(|app| App::new(app, app.id == asker.id, shared.streams.of(app.id))))
}

impl App {
    fn new(app: &AppIdentity, you: bool, event_streams: usize) -> Self {
        Self {
            name: app.name.to_string(),
            you,
            privilege: app.privilege.name(),
            lines: app.lines.to_vec(),
            operator: app.is_operator,
            event_streams,
        }
    }
}

/// How many event streams each application has.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<AppId, usize>>>);

impl Streams {
    /// One more, until what is returned is dropped.
    pub(super) fn enter(&self, app: AppId) -> Listening {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(app).or_default() += 1;
        Listening { streams: self.clone(), app }
    }

    fn of(&self, app: AppId) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&app).copied().unwrap_or_default()
    }
}

/// An event stream that is counted.
pub(super) struct Listening {
    streams: Streams,
    app: AppId,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut counts = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.app) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.app);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_counted_while_they_last() {
        let streams = Streams::default();
        let (first, second) = (streams.enter(AppId(1)), streams.enter(AppId(1)));
        let other = streams.enter(AppId(2));
        assert_eq!([1, 2, 3].map(|app| streams.of(AppId(app))), [2, 1, 0]);
        drop((first, other));
        assert_eq!([1, 2].map(|app| streams.of(AppId(app))), [1, 0]);
        drop(second);
        assert!(streams.0.lock().unwrap().is_empty());
    }
}
