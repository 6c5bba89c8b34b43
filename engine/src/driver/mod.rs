//! The drivers: threads, sockets, clocks, files. They wait; what a protocol says is the cores' business.
//!
//! ```text
//!  sip-0 … sip-n   its own UDP sockets, a current-thread runtime, one Agent's timers    worker.rs
//!  switch          what applications ask, the Switch's timers                           switch.rs
//!  media-0 … -n    the RelayWorkers, each with its own epoll, outside tokio             trunkline_media
//!  store           SQLite, written behind                                               store.rs
//!  recording       the WAV files of calls that are recorded                             recording
//!  records         records of calls: SQLite, CSV, JSON lines                            records
//!  the caller's runtime: TCP connections, HTTP, signals                                 stream.rs
//!                        name servers                                                    names.rs
//!                        WebSockets that calls' audio is forked to                       audio_fork
//!                        connections to servers that the configuration names             dial.rs
//! ```
//!
//! Agents and Switch sit at desks ([`desk`]): the thread that brings something runs them there and then, unless another does, and
//! goes on to the desks that it concerns ([`floor`]).

mod audio_fork;
pub(crate) mod call_quality;
pub(crate) mod clock;
mod desk;
pub(crate) mod dial;
pub(crate) mod event_log;
mod floor;
mod hep;
pub(crate) mod http;
mod kernel;
mod lifeline;
pub(crate) mod log_tail;
mod mailbox;
mod mark;
pub(crate) mod metrics;
mod names;
mod notify;
mod presence;
mod pulse;
mod recording;
pub(crate) mod records;
mod recovery;
pub(crate) mod refusal_log;
mod relay;
mod reload;
mod routing_table;
mod start;
mod store;
pub(crate) mod stream;
pub(crate) mod switch;
pub(crate) mod trace;
mod udp;
pub(crate) mod worker;

pub(crate) use kernel::probe as probe_kernel;
pub use log_tail::LogTail;
pub use names::Located;
pub(crate) use notify::{keep_watchdog, notify_reloading, notify_service_manager, watchdog_limit};
pub(crate) use reload::is_fixed;
pub use reload::{Checked, Loaded, RELOADS_WAITING_MAX, ReloadError, ReloadRequest, Reloader};
pub use start::{Running, StartError};
pub use store::StoreError;
