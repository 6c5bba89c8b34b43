//! ITCallHub: the calls that are joined with each other, seen from outside.

use std::sync::Arc;

use super::call::Call;
use super::error::Error;
use super::tapi::Shared;
use crate::switch::{CallId, CallOrigin, CallPrivilege, Operation};

/// A set of calls that are joined: the two sides of a conversation, or the members of a conference, as far as the
/// application has handles to them.
#[derive(Clone, Debug)]
pub struct CallHub {
    shared: Arc<Shared>,
    /// The call that it was asked of.
    anchor: CallId,
    /// What tells hubs of one event stream apart.
    number: u64,
}

impl PartialEq for CallHub {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && (self.number != 0 || self.anchor == other.anchor)
    }
}

impl CallHub {
    pub(super) fn new(shared: Arc<Shared>, anchor: CallId, number: u64) -> Self {
        Self { shared, anchor, number }
    }

    /// The number of the hub in the event stream that told of it; 0 for one that was asked for.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// `EnumerateCalls`. The conference itself is no member.
    ///
    /// # Errors
    /// [`Error::NotInitialized`] when the engine has stopped.
    pub async fn calls(&self) -> Result<Vec<Call>, Error> {
        let joined = self.shared.joined(self.anchor).await?;
        let members = joined.into_iter().filter(|call| call.origin != CallOrigin::Conference);
        Ok(members.map(|call| self.shared.call(call.id, &call.line)).collect())
    }

    /// `get_NumCalls`.
    ///
    /// # Errors
    /// As [`CallHub::calls`].
    pub async fn num_calls(&self) -> Result<usize, Error> {
        let joined = self.shared.joined(self.anchor).await?;
        Ok(joined.iter().filter(|call| call.origin != CallOrigin::Conference).count())
    }

    /// `Clear`: drops every call of the hub that the application owns.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub async fn clear(&self) -> Result<(), Error> {
        let joined = self.shared.joined(self.anchor).await?;
        for call in joined.iter().filter(|call| call.privilege == CallPrivilege::Owner) {
            match self.shared.ask(Operation::Drop(call.id, None)).await {
                // It went with another one.
                Ok(_) | Err(Error::InvalCallState) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
