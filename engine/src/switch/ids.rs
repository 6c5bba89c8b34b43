//! Identities of the switch.

use std::fmt;
use std::str::FromStr;

/// One application: the holder of one bearer token. The index into [`super::setup::Setup::apps`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AppId(pub u32);

/// One asynchronous request of an application, answered by exactly one LINE_REPLY. Positive, as in TAPI.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u32);

/// One call: `dwCallID`, the same for every application. What an application may do with it is its privilege.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl FromStr for CallId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.strip_prefix('c').and_then(|digits| digits.parse().ok()).map(Self).ok_or(())
    }
}

/// An outstanding call completion (`dwCompletionID`), unique on the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CompletionId(pub u32);
