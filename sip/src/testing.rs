//! What the tests of this crate share.

use std::time::{Duration, Instant};

use crate::ids::ConnectionId;
use crate::location::Binding;
use crate::transport::{Flow, Transport};

/// The instant at which virtual time starts.
#[expect(clippy::disallowed_methods, reason = "there is no other instant to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A contact that was registered by UDP from 192.0.2.1:5060, for an hour.
pub(crate) fn binding(contact: &str) -> Binding {
    let address = "192.0.2.1:5060".parse().unwrap();
    Binding {
        key: contact.into(),
        contact: contact.into(),
        params: "".into(),
        q_milli: 1000,
        path: [].into(),
        flow: Flow {
            transport: Transport::Udp,
            local: address,
            remote: address,
            connection: ConnectionId::default(),
        },
        call_id: "boot".into(),
        cseq: 1,
        user_agent: "".into(),
        expires: start() + Duration::from_secs(3600),
    }
}
