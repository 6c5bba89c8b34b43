//! Provisioning: desk phones fetch their configuration by HTTP, each its own, with a token that only it was given.
//!
//! ```text
//! POST /v1/phones/{mac}/token ──> Tokens ── URL ──> who sets the phone up
//! phone ── GET /p/TOKEN/MAC.cfg ── serve (time, size, rate) ── Provisioner ── token? ── file of its own? ── brand ──> text
//! ```
//!
//! What is asked with a wrong token is not looked at any further, so that nobody learns which phones there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::transport::Transport;

use crate::config::Secret;

mod brand;
mod escape;
mod mac;
pub mod pnp;
mod provisioner;
mod serve;
mod sources;
mod tokens;

pub use self::brand::Brand;
pub use self::mac::Mac;
pub use self::provisioner::{Answer, Issued, Provisioner, TokenError};
pub use self::serve::serve;

/// All that phones are told, and which phones there are.
#[derive(Clone, Debug)]
pub struct Site {
    /// Host of the registrar, as phones are to write it.
    pub server: String,
    /// Where phones reach the provisioning server: scheme, host and port.
    pub base: String,
    /// How long a token holds, unless who asks for it says otherwise.
    pub token_holds: Duration,
    /// The code that picks up at the number behind it; empty: there is none.
    pub pickup_code: String,
    /// Whether a code has a `#`, which a phone may take for the end of dialling.
    pub dials_pound: bool,
    /// Whether keys for do not disturb and forwarding are those of the line (as-feature-event).
    pub feature_sync: bool,
    /// What is dialled to hear messages; empty: nothing.
    pub voicemail: String,
    /// Codecs, the preferred one first.
    pub codecs: Vec<Codec>,
    /// Rises with each load of the configuration: seconds since 1970.
    pub revision: u64,
    /// The phones.
    pub phones: HashMap<Mac, Phone>,
}

/// `[[phone]]`: one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phone {
    /// Its hardware address, by which it names its files.
    pub mac: Mac,
    /// Who made it.
    pub brand: Brand,
    /// The lines that it registers, the first one first.
    pub accounts: Vec<Account>,
    /// The keys behind those of its lines, in order.
    pub keys: Vec<Key>,
    /// The event list whose keys come behind those (RFC 4662).
    pub list: Option<KeyList>,
    /// How it registers.
    pub transport: Transport,
    /// The registrar's port for that.
    pub port: u16,
    /// How its media is protected.
    pub srtp: Srtp,
}

/// A line as its phone registers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The line's address: user and authentication name.
    pub user: Arc<str>,
    /// What the phone shows.
    pub name: String,
    /// What it proves itself with.
    pub password: Secret,
}

/// Keys that a phone asks for by one subscription: what they are stands in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyList {
    /// The list's address.
    pub address: Arc<str>,
    /// How many.
    pub keys: usize,
}

/// A key of a phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// What stands beside it.
    pub label: String,
    /// What it does.
    pub function: Function,
    /// What it dials or watches.
    pub number: String,
}

/// What a key does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// Shows how a line is (RFC 4235), calls it, and picks up its calls.
    Lamp,
    /// Shows whether a call waits at a parking slot; takes it back by dialling the slot.
    Slot,
    /// Dials a number.
    Dial,
}

/// How a phone is to protect its media, with keys in SDP (RFC 4568).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Srtp {
    /// Not at all.
    Off,
    /// Where the other side agrees.
    Optional,
    /// Always.
    Required,
}

/// A codec that phones can be told to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// G.722.
    G722,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.729.
    G729,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Opus, Self::G722, Self::Pcma, Self::Pcmu, Self::G729];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "g722",
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
            Self::G729 => "g729",
        }
    }
}

impl Srtp {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Optional, Self::Required];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// A file as a phone is given it.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// The media type.
    pub media_type: &'static str,
    /// The text.
    pub text: String,
}

/// Nothing of the text, in which passwords are.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
