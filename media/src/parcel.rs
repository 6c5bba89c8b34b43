//! A leg on its way from one worker to another.

use std::any::Any;
use std::fmt;

/// The sockets and the state of a leg that a worker gave away; opaque. Dropping it closes the sockets.
#[derive(Default)]
pub struct Parcel(Option<Box<dyn Any + Send>>);

impl Parcel {
    /// A parcel with nothing in it, as a relay hands over that only plays one; attaching it fails.
    pub const fn empty() -> Self {
        Self(None)
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
        f.debug_tuple("Parcel").field(&self.0.is_some()).finish()
    }
}
