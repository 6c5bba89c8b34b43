//! Digest, challenge and response (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! ```text
//!  phone                    Challenger                ClientAuth                 trunk
//!    |--REGISTER --------------▶|                          |--INVITE --------------▶|
//!    |◀------------ 401 nonce --| challenge                |◀----------- 407 nonce --|
//!    |--REGISTER Authorization ▶| verify            answer |--INVITE Proxy-Auth… ---▶|
//! ```

mod challenge;
mod digest;
mod guesses;
mod nonce;
mod params;
mod response;
mod user_agent;

use std::sync::Arc;

pub use challenge::{Account, Attempt, Challenger, Verdict};
pub use guesses::{GUESS_WINDOW, GUESSERS_MAX, GUESSES_MAX, PROVEN_MAX};
pub use nonce::{NONCE_LIFETIME, NONCES_MAX};
pub use response::{ATTEMPTS_MAX, ClientAuth};
pub(crate) use user_agent::{algorithms_for, known_by};

/// A hash of RFC 8760.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// `MD5`, for old phones.
    Md5,
    /// `SHA-256`.
    Sha256,
}

impl Algorithm {
    /// As it stands in a header and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Reads a name, compared without case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

/// A user name and its password, for one realm.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: Arc<str>,
    /// The password.
    pub password: Arc<str>,
    /// The only realm they may be used for; `None`: the first realm the peer names.
    pub realm: Option<Arc<str>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, masked)", self.username)
    }
}
