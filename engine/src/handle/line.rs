//! A line that an application opened.

use std::sync::Arc;

use super::{App, Call};
use crate::switch::error::LineError;
use crate::switch::operation::{Operation, Outcome, Refusal};
use crate::switch::view::LineView;
use crate::translate::{TranslateOptions, Translation};

/// A line of an application.
#[derive(Clone, Debug)]
pub struct Line {
    app: App,
    address: Arc<str>,
}

impl Line {
    pub(crate) fn new(app: App, address: Arc<str>) -> Self {
        Self { app, address }
    }

    /// Calls `to` from this line: a phone is rung first, then the destination.
    ///
    /// TAPI `lineMakeCall`. The application becomes the sole owner of the call.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's, [`LineError::InvalAddress`] if `to` cannot
    /// be dialled, [`LineError::InvalLineState`] if no phone is registered, [`LineError::ResourceUnavail`] beyond a limit.
    pub async fn make_call(&self, to: &str) -> Result<Call, Refusal> {
        let operation =
            Operation::MakeCall { line: Arc::clone(&self.address), to: to.to_owned(), params: None };
        match self.app.request(operation).await? {
            Outcome::Call(call) => Ok(Call::new(self.app.clone(), call)),
            Outcome::Done
            | Outcome::Consult(_)
            | Outcome::Conference { .. }
            | Outcome::Parked(_)
            | Outcome::Completion(_)
            | Outcome::Calls(_)
            | Outcome::Translated(_) => Err(LineError::OperationFailed.into()),
        }
    }

    /// What to dial on this line for a canonical or dialable address, and what to show.
    ///
    /// TAPI `lineTranslateAddress`. `card` is heeded with [`TranslateOptions::CARD_OVERRIDE`] alone.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's; those of
    /// [`translate`](crate::translate::translate).
    pub async fn translate_address(
        &self,
        address: &str,
        card: Option<u32>,
        options: TranslateOptions,
    ) -> Result<Translation, Refusal> {
        let (line, address) = (Arc::clone(&self.address), address.to_owned());
        let options = options.bits();
        match self.app.request(Operation::TranslateAddress { line, address, card, options }).await? {
            Outcome::Translated(translation) => Ok(*translation),
            Outcome::Done
            | Outcome::Call(_)
            | Outcome::Consult(_)
            | Outcome::Conference { .. }
            | Outcome::Parked(_)
            | Outcome::Completion(_)
            | Outcome::Calls(_) => Err(LineError::OperationFailed.into()),
        }
    }

    /// What the line is at this moment.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's.
    pub async fn status(&self) -> Result<LineView, LineError> {
        let (app, address) = (self.app.id(), Arc::clone(&self.address));
        let line = self.app.engine().view(move |switch| switch.line(app, &address)).await?;
        line.ok_or(LineError::InvalLineHandle)
    }
}
