//! Webhooks: events of applications, posted to where the configuration says, signed as Standard Webhooks 1.0 does it.
//!
//! ```text
//!  EventLog ── Subscription ──▶ Courier: Filter ── Batch ── Schedule ── Poster ──▶ receiver
//!                                   └── Entry of the Board ──▶ /metrics, GET /v1/webhooks
//! ```
//!
//! The queue of a webhook is the event log of its application, which others read, too: who is too slow is told what is lost, as in the event
//! stream. Nobody waits for a receiver but the task of its webhook.

mod batch;
mod board;
mod courier;
mod filter;
mod key;
mod post;
mod schedule;
#[cfg(test)]
mod tests;
mod url;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) use self::board::{Board, Entry, LastError, Standing};
use self::courier::Courier;
pub use self::filter::{EVENT_TYPES, Filter};
pub use self::key::SigningKey;
use self::post::Poster;
use self::schedule::Schedule;
pub use self::url::WebhookUrl;
use crate::config::{Config, Webhook};
use crate::driver::clock;
use crate::handle::Engine;
use crate::switch::AppId;

/// The webhooks of a running daemon.
pub(crate) struct Webhooks {
    engine: Engine,
    running: HashMap<Arc<str>, Running>,
}

/// One that runs.
struct Running {
    /// Its application.
    app: Arc<str>,
    wish: watch::Sender<Arc<Webhook>>,
    entry: Arc<Entry>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Webhooks {
    /// Starts those of the configuration, with everything that this engine has told since it runs.
    ///
    /// # Errors
    /// The kernel gave no random numbers.
    pub(crate) fn start(engine: &Engine, config: &Config) -> io::Result<Self> {
        let mut webhooks = Self { engine: engine.clone(), running: HashMap::new() };
        webhooks.run(config, true)?;
        Ok(webhooks)
    }

    /// Takes a changed configuration. Those that wait try again at once; new ones begin with the next event; what those that are named no
    /// more were not told is not told.
    ///
    /// # Errors
    /// The kernel gave no random numbers.
    pub(crate) fn set(&mut self, config: &Config) -> io::Result<()> {
        self.run(config, false)
    }

    fn run(&mut self, config: &Config, is_start: bool) -> io::Result<()> {
        let is_wanted = |name: &str, running: &Running| {
            config.webhooks.iter().any(|hook| *hook.name == *name && hook.app == running.app)
        };
        self.running.retain(|name, running| is_wanted(name, running));
        for hook in &config.webhooks {
            match self.running.get(&hook.name) {
                Some(running) => {
                    running.entry.configured(Arc::clone(hook));
                    running.wish.send_replace(Arc::clone(hook));
                }
                None => {
                    let Some(app) = (0..).zip(&config.apps).find(|(_, app)| app.name == hook.app) else {
                        continue;
                    };
                    let running = self.begin(AppId(app.0), hook, is_start)?;
                    self.running.insert(Arc::clone(&hook.name), running);
                }
            }
        }
        let entry = |hook: &Arc<Webhook>| Some(Arc::clone(&self.running.get(&hook.name)?.entry));
        self.engine.webhooks().set(config.webhooks.iter().filter_map(entry).collect());
        Ok(())
    }

    fn begin(&self, app: AppId, hook: &Arc<Webhook>, is_start: bool) -> io::Result<Running> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let after = is_start.then(|| self.engine.events_before_all());
        let events = self.engine.events(app, after).ok_or_else(|| io::Error::other("no such application"))?;
        let entry = Arc::new(Entry::new(app, Arc::clone(hook), events.position(), clock::unix_now()));
        let (wish, wished) = watch::channel(Arc::clone(hook));
        let courier = Courier {
            wish: wished,
            events,
            schedule: Schedule::new(seed),
            entry: Arc::clone(&entry),
            poster: Poster::default(),
        };
        let task = tokio::spawn(courier.run()).abort_handle();
        Ok(Running { app: Arc::clone(&hook.app), wish, entry, task })
    }
}
