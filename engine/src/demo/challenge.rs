//! The phone's answer to a challenge (RFC 3261 §22.2).

use rsip::Header;
use trunkline_sip::message::{Message, Method};

use super::phone::Phone;

impl Phone {
    /// The credentials that a challenge asks for, if the phone has any.
    pub(super) fn credentials(
        &mut self,
        _challenge: &Message,
        _method: Method,
        _uri: &str,
    ) -> Option<Header> {
        None
    }
}
