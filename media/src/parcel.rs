//! A leg on its way from one worker to another.

use std::any::Any;
use std::fmt;

use crate::command::PortPair;

/// The sockets and the state of a leg that a worker gave away; opaque. Dropping it closes the sockets.
#[derive(Default)]
pub struct Parcel(Option<Content>);

struct Content {
    ports: PortPair,
    leg: Box<dyn Any + Send>,
}

impl Parcel {
    /// A parcel with nothing in it, as a relay hands over that only plays one; attaching it does nothing.
    pub const fn empty() -> Self {
        Self(None)
    }

    pub(crate) fn of(ports: PortPair, leg: Box<dyn Any + Send>) -> Self {
        Self(Some(Content { ports, leg }))
    }

    /// The ports of the leg, and the leg if it is of this kind.
    pub(crate) fn open<L: 'static>(self) -> Option<(PortPair, Option<Box<L>>)> {
        let Content { ports, leg } = self.0?;
        Some((ports, leg.downcast().ok()))
    }
}

impl Clone for Parcel {
    /// A copy is empty, for sockets have one owner.
    fn clone(&self) -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parcel").field(&self.0.as_ref().map(|content| content.ports)).finish()
    }
}
