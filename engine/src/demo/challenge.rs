//! The phone's answer to a challenge (RFC 3261 §22.2).

use std::sync::Arc;

use rand::Rng;
use rsip::Header;
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{HeaderName, Message, Method};

use super::phone::Phone;

impl Phone {
    /// The credentials that a challenge asks for, if the phone has any.
    pub(super) fn credentials(&mut self, challenge: &Message, method: Method, uri: &str) -> Option<Header> {
        let credentials = Credentials {
            username: self.config.user.as_str().into(),
            password: self.config.password.as_deref()?.into(),
            realm: None,
        };
        let status = challenge.status();
        let header = if status == 407 { HeaderName::ProxyAuthenticate } else { HeaderName::WwwAuthenticate };
        let cnonce = format!("{:016x}", self.rng.random::<u64>());
        let mut auth = ClientAuth::new(Arc::new(credentials));
        let (name, value) = auth.answer(status, challenge.lines(header), method.name(), uri, &cnonce)?;
        Some(Header::Other(name.name().to_owned(), value))
    }
}
