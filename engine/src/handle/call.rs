//! A call that an application has a handle to.

use super::App;
use crate::switch::error::LineError;
use crate::switch::ids::CallId;
use crate::switch::operation::{Operation, Refusal};
use crate::switch::view::CallView;

/// A call as one application holds it. Dropping the value frees nothing: that is [`Call::deallocate`].
#[derive(Clone, Debug)]
pub struct Call {
    app: App,
    id: CallId,
}

impl Call {
    pub(crate) fn new(app: App, id: CallId) -> Self {
        Self { app, id }
    }

    /// The call's identity, the same for every application.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Takes responsibility for an offered call and alerts both ends.
    ///
    /// TAPI `lineAccept`: offering → accepted.
    ///
    /// # Errors
    /// [`LineError::NotOwner`], [`LineError::InvalCallState`] unless the call is offering.
    pub async fn accept(&self) -> Result<(), Refusal> {
        self.request(Operation::Accept(self.id, None)).await
    }

    /// Answers an offered call: a phone is told to go off hook.
    ///
    /// TAPI `lineAnswer`: offering or accepted → connected.
    ///
    /// # Errors
    /// [`LineError::NotOwner`], [`LineError::InvalCallState`] unless the call is offering or accepted.
    pub async fn answer(&self) -> Result<(), Refusal> {
        self.request(Operation::Answer(self.id, None)).await
    }

    /// Ends, refuses or abandons the call.
    ///
    /// TAPI `lineDrop`: any state → idle.
    ///
    /// # Errors
    /// [`LineError::NotOwner`], [`LineError::InvalCallState`] if the call is idle.
    pub async fn drop_call(&self) -> Result<(), Refusal> {
        self.request(Operation::Drop(self.id, None)).await
    }

    /// Frees this application's handle. The call itself goes on where somebody else takes part in it.
    ///
    /// TAPI `lineDeallocateCall`.
    ///
    /// # Errors
    /// [`LineError::InvalCallHandle`] if the handle was freed before.
    pub async fn deallocate(&self) -> Result<(), Refusal> {
        self.request(Operation::DeallocateCall(self.id)).await
    }

    /// Puts the call on hold: the far side hears music or silence.
    ///
    /// TAPI `lineHold`: connected → onhold.
    ///
    /// # Errors
    /// [`LineError::NotOwner`], [`LineError::InvalCallState`] unless the call is connected.
    pub async fn hold(&self) -> Result<(), Refusal> {
        self.request(Operation::Hold(self.id)).await
    }

    /// Retrieves the call from hold.
    ///
    /// TAPI `lineUnhold`: onhold → connected.
    ///
    /// # Errors
    /// [`LineError::NotOwner`], [`LineError::InvalCallState`] unless the call is on hold.
    pub async fn unhold(&self) -> Result<(), Refusal> {
        self.request(Operation::Unhold(self.id)).await
    }

    /// What the call is at this moment.
    ///
    /// # Errors
    /// [`LineError::InvalCallHandle`] if this application has no handle to it.
    pub async fn status(&self) -> Result<CallView, LineError> {
        let (app, id) = (self.app.id(), self.id);
        let call = self.app.engine().view(move |switch| switch.call(app, id)).await?;
        call.ok_or(LineError::InvalCallHandle)
    }

    async fn request(&self, operation: Operation) -> Result<(), Refusal> {
        self.app.request(operation).await.map(drop)
    }
}
