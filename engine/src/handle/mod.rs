//! Async handles: what an application in the same process holds. Each method sends one operation and awaits its reply.

mod call;
mod engine;
mod line;
mod outcome;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::driver::event_log::{Delivery, Subscription};
pub use crate::driver::metrics::MetricsSnapshot;
pub use call::Call;
pub(crate) use engine::Shared;
pub use engine::{App, AppIdentity, Engine};
pub use line::{Line, PickupFrom};
