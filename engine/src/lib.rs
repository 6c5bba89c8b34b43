//! A SIP session engine whose call control is TAPI.
//!
//! An application holds an [`Engine`], opens an [`App`], takes a [`Line`] and makes a [`Call`]. Each method sends one
//! TAPI operation to the [`switch`] and awaits its LINE_REPLY; what happens to calls comes as [`Message`]s.
//!
//! ```text
//!  app.line("1001").make_call("1002")
//!     │ Operation::MakeCall                                      ┌ LINE_REPLY
//!     ▼                                                          │
//!  Switch ── INVITE, auto-answer ──▶ 1001   200 ──▶ INVITE ──▶ 1002   LINE_CALLSTATE dialing … connected
//! ```

pub mod api;
mod capture;
pub mod cli;
pub mod config;
pub mod ctl;
pub mod demo;
mod driver;
mod handle;
mod manual;
pub mod provision;
pub mod records;
mod serve;
pub mod switch;
pub mod tapi3;
pub mod translate;
mod uri;
pub mod webhook;

pub use config::Config;
pub use driver::{
    Checked, Loaded, Located, LogTail, RELOADS_WAITING_MAX, ReloadError, ReloadRequest, Reloader, Running,
    StartError, StoreError,
};
pub use handle::{App, AppIdentity, Call, Delivery, Engine, Line, MetricsSnapshot, PickupFrom, Subscription};
pub use switch::call_state::CallState;
pub use switch::error::LineError;
pub use switch::ids::{AppId, CallId, RequestId};
pub use switch::message::Message;
pub use switch::operation::{CallOperation, Operation, Outcome, Refusal, Reply};
pub use switch::privilege::CallPrivilege;
pub use switch::{Circumstances, Requested};

use std::process::ExitCode;

use cli::{Cli, Command};

/// Runs the command that the command line names; `serve` where it names none.
pub async fn run(cli: Cli) -> ExitCode {
    match cli.command() {
        Command::Serve(serve) => serve::serve(serve.config.as_deref(), serve.state_dir.as_deref()).await,
        Command::Check(check) => serve::check(check.config.as_deref()).await,
        Command::Demo => demo::run().await,
        Command::Ctl(ctl) => done(ctl::run(ctl).await),
        Command::Completions { shell } => {
            serve::say(&manual::completions(shell));
            ExitCode::SUCCESS
        }
        Command::Openapi => {
            serve::say(&api::openapi());
            ExitCode::SUCCESS
        }
        Command::Schema => {
            serve::say(&manual::schema());
            ExitCode::SUCCESS
        }
        Command::Man { directory } => done(manual::write_pages(&directory)),
    }
}

/// The exit status of a command, and why it failed.
fn done<E: std::fmt::Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            serve::complain(&format!("trunkline: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// And those of the guide to embedding.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
