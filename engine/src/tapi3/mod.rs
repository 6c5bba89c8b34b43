//! TAPI 3.x: the same switch, shaped as objects.
//!
//! ```text
//!  Tapi ── Address ── create_call ── Call (CS_IDLE) ── connect ── CS_INPROGRESS ── CS_CONNECTED ── … CS_DISCONNECTED
//!   │                                 │
//!   └── events (TE_*)                 └── CallInfo, CallHub
//! ```
//!
//! The objects stand on the handles of one [`App`](crate::App): a [`Call`] is that application's handle to a call, an
//! [`Address`] its line. An application uses one face or the other; [`Tapi::initialize`] closes its lines for incoming
//! calls until [`Tapi::register_call_notifications`] opens them, as TAPI 3 has it.
//!
//! - A call begins as an object in [`CallState::Idle`] that nobody knows of; [`Call::connect`] makes the call, and so do
//!   [`Call::unpark`], [`Call::pickup`], and [`Call::transfer`] and [`Call::conference`] of another call.
//! - A call is released, which frees the handle (`lineDeallocateCall`), in two ways: by [`Call::release`], or when the
//!   last clone of the object is dropped. [`Events`] keeps the calls that it told of until they are disconnected.
//! - What waits, waits two minutes at most: [`Error::Timeout`].
//! - No event comes unless [`Tapi::put_event_filter`] asks for its type.
//! - There is no counterpart to `lineCompleteCall`, `lineUncompleteCall`, `lineRedirect`, `lineSecureCall` and
//!   `lineAccept`: TAPI 3 has none.
//!
//! ```no_run
//! # async fn example(app: trunkline::App) -> Result<(), trunkline::tapi3::Error> {
//! use trunkline::switch::MediaMode;
//! use trunkline::tapi3::{AddressType, FinishMode, Tapi, Wait};
//!
//! let tapi = Tapi::initialize(app).await?;
//! let address = tapi.address("1001").await?;
//! let voice = [MediaMode::InteractiveVoice];
//! let original = address.create_call(Some("1002"), AddressType::PhoneNumber, &voice)?;
//! original.connect(Wait::Sync).await?;
//! let consult = address.create_call(Some("1003"), AddressType::PhoneNumber, &voice)?;
//! original.transfer(&consult, Wait::Sync).await?;
//! consult.finish(FinishMode::AsTransfer).await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod call;
mod call_hub;
mod call_info;
mod call_state;
mod cause;
mod error;
mod event;
mod events;
mod forward_information;
mod hub_table;
mod tapi;
#[cfg(test)]
mod tests;

pub use address::{Address, AddressType};
pub use call::{Call, DisconnectCode, FinishMode, Success, Wait};
pub use call_hub::CallHub;
pub use call_info::CallInfo;
pub use call_state::CallState;
pub use cause::CallStateEventCause;
pub use error::Error;
pub use event::{AddressChange, CallHubChange, CallInfoChange, Event, EventFilter};
pub use events::Events;
pub use forward_information::ForwardInformation;
pub use tapi::{Notifications, Tapi};
