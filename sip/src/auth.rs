//! Digest, challenge and response (RFC 3261 §22, RFC 7616, RFC 8760).

use std::sync::Arc;

/// A hash of RFC 8760.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// `MD5`, for old phones.
    Md5,
    /// `SHA-256`.
    Sha256,
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

/// Challenges and verifies. One for all workers: a nonce of one counts at the others.
#[derive(Debug, Default)]
pub struct Challenger;
