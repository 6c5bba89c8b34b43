//! A line that an application opened.

use std::sync::Arc;

use trunkline_sip::outbox::MessageCounts;

use super::{App, Call, outcome};
use crate::switch::error::LineError;
use crate::switch::forward::ForwardEntry;
use crate::switch::ids::{CallId, CompletionId};
use crate::switch::operation::{CallParams, Operation, Refusal};
use crate::switch::privilege::CallPrivilege;
use crate::switch::view::{LineView, MediaMode};
use crate::translate::{TranslateOptions, Translation};

/// A line of an application.
///
/// Each method is one TAPI function, and fails with [`LineError::InvalLineHandle`] if the line is not this application's.
#[derive(Clone, Debug)]
pub struct Line {
    app: App,
    address: Arc<str>,
}

/// Whose alerting call is picked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PickupFrom {
    /// That of this station.
    Address(String),
    /// The one that alerts longest in this group.
    Group(String),
    /// The one that alerts longest in the groups of the line.
    OwnGroups,
}

impl Line {
    pub(crate) fn new(app: App, address: Arc<str>) -> Self {
        Self { app, address }
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Calls `to` from this line: a phone is rung first, then the destination.
    ///
    /// TAPI `lineMakeCall`. The application becomes the sole owner of the call. An empty `to`, or one that ends in `;`,
    /// is completed by [`Call::dial`]. Digits after a `,` are said when the call is connected, two seconds for each `,`.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's, [`LineError::InvalAddress`] if `to` cannot
    /// be dialled, [`LineError::InvalLineState`] if no phone is registered, [`LineError::ResourceUnavail`] beyond a limit.
    pub async fn make_call(&self, to: &str) -> Result<Call, Refusal> {
        self.call(Operation::MakeCall { line: self.name(), to: to.to_owned(), params: None }).await
    }

    /// As [`Line::make_call`], with LINECALLPARAMS.
    ///
    /// # Errors
    /// As [`Line::make_call`], [`LineError::CallUnavail`] with [`CallParams::idle`] on a line that has a call,
    /// [`LineError::UserUserInfoTooBig`].
    pub async fn make_call_with(&self, to: &str, params: CallParams) -> Result<Call, Refusal> {
        let params = Some(Box::new(params));
        self.call(Operation::MakeCall { line: self.name(), to: to.to_owned(), params }).await
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
        let (line, address) = (self.name(), address.to_owned());
        let options = options.bits();
        let operation = Operation::TranslateAddress { line, address, card, options };
        outcome::translated(self.app.request(operation).await?)
    }

    /// Replaces the list of where calls of this line go instead; an empty one cancels. `rings` is what passes before a
    /// call counts as not answered (`None`: the default).
    ///
    /// TAPI `lineForward`.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] for entries that contradict each other, [`LineError::InvalAddress`] for a destination.
    pub async fn forward(&self, entries: Vec<ForwardEntry>, rings: Option<u32>) -> Result<(), Refusal> {
        self.request(Operation::Forward { line: self.name(), entries, rings }).await
    }

    /// Says how many messages this line has: its phones and applications are told.
    ///
    /// TAPI `lineSetLineDevStatus` with LINEDEVSTATUSFLAGS_MSGWAIT.
    ///
    /// # Errors
    /// [`LineError::NotOwner`] unless the line was opened as owner, [`LineError::OperationUnavail`] of a trunk,
    /// [`LineError::InvalParam`] for numbers above 9,999 or more urgent messages than there are.
    pub async fn set_messages(&self, counts: MessageCounts) -> Result<(), Refusal> {
        self.request(Operation::SetMessages { line: self.name(), counts }).await
    }

    /// Tells the phones of this line to fetch their configuration, and to start anew in any case where `reboot` says so.
    ///
    /// # Errors
    /// [`LineError::NotOwner`] unless the line was opened as owner, [`LineError::InvalLineState`] where no phone is registered,
    /// [`LineError::OperationUnavail`] of a trunk or local line.
    pub async fn check_sync(&self, reboot: bool) -> Result<(), Refusal> {
        self.request(Operation::CheckSync { line: self.name(), reboot }).await
    }

    /// Takes a call that alerts elsewhere.
    ///
    /// TAPI `linePickup`: the call appears here, and is connected when the phone of this line has answered.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] or [`LineError::InvalGroupId`] where nothing alerts.
    pub async fn pickup(&self, from: PickupFrom) -> Result<Call, Refusal> {
        let (from, group) = match from {
            PickupFrom::Address(address) => (Some(address), None),
            PickupFrom::Group(group) => (None, Some(group)),
            PickupFrom::OwnGroups => (None, None),
        };
        self.call(Operation::Pickup { line: self.name(), from, group }).await
    }

    /// Retrieves the call that is parked at `from`.
    ///
    /// TAPI `lineUnpark`.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] if nobody waits there.
    pub async fn unpark(&self, from: &str) -> Result<Call, Refusal> {
        self.call(Operation::Unpark { line: self.name(), from: from.to_owned() }).await
    }

    /// Makes a conference without a first call: the conference, and its consultation call where it comes with one.
    ///
    /// TAPI `lineSetupConference` with a NULL call.
    ///
    /// # Errors
    /// [`LineError::OperationUnavail`] where the line cannot do it.
    pub async fn setup_conference(&self) -> Result<(Call, Option<Call>), Refusal> {
        let reply = self.app.request(Operation::SetupConferenceOnLine { line: self.name() }).await?;
        let (conference, consult) = outcome::conference(reply)?;
        Ok((self.holding(conference), consult.map(|consult| self.holding(consult))))
    }

    /// Cancels a completion that is outstanding.
    ///
    /// TAPI `lineUncompleteCall`.
    ///
    /// # Errors
    /// [`LineError::InvalCompletionId`] if there is no such request of this line.
    pub async fn uncomplete_call(&self, completion: CompletionId) -> Result<(), Refusal> {
        self.request(Operation::UncompleteCall { line: self.name(), completion }).await
    }

    /// Monitor handles for the calls of the line that the application has none to.
    ///
    /// TAPI `lineGetNewCalls`.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's.
    pub async fn get_new_calls(&self) -> Result<Vec<Call>, Refusal> {
        let reply = self.app.request(Operation::GetNewCalls { line: self.name() }).await?;
        Ok(outcome::calls(reply)?.into_iter().map(|call| self.holding(call)).collect())
    }

    /// Opens the line (again) for calls of these media modes; none: interactive voice.
    ///
    /// TAPI `lineOpen`.
    ///
    /// # Errors
    /// [`LineError::InvalPrivSelect`] for more than the configuration gives the application.
    pub async fn open(&self, privilege: CallPrivilege, media_modes: &[MediaMode]) -> Result<(), Refusal> {
        let media_modes = media_modes.to_vec();
        self.request(Operation::OpenLine { line: self.name(), privilege, media_modes }).await
    }

    /// Closes the line: handles are gone, calls of which the application is the sole owner are dropped.
    ///
    /// TAPI `lineClose`.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's.
    pub async fn close(&self) -> Result<(), Refusal> {
        self.request(Operation::CloseLine { line: self.name() }).await
    }

    /// Says which LINE_LINEDEVSTATE and LINE_ADDRESSSTATE messages are wanted, by the suffixes of their constants.
    ///
    /// TAPI `lineSetStatusMessages`.
    ///
    /// # Errors
    /// [`LineError::InvalLineState`] and [`LineError::InvalAddressState`] for a name that is not told.
    pub async fn set_status_messages(
        &self,
        line_states: &[&str],
        address_states: &[&str],
    ) -> Result<(), Refusal> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (line_states, address_states) = (own(line_states), own(address_states));
        self.request(Operation::SetStatusMessages { line: self.name(), line_states, address_states }).await
    }

    /// What the line is at this moment: TAPI `lineGetAddressStatus` and `lineGetLineDevStatus`.
    ///
    /// # Errors
    /// [`LineError::InvalLineHandle`] if the line is not this application's.
    pub async fn status(&self) -> Result<LineView, LineError> {
        let (app, address) = (self.app.id(), self.name());
        let line = self.app.engine().view(move |switch| switch.line(app, &address)).await?;
        line.ok_or(LineError::InvalLineHandle)
    }

    fn name(&self) -> Arc<str> {
        Arc::clone(&self.address)
    }

    fn holding(&self, id: CallId) -> Call {
        Call::new(self.app.clone(), id)
    }

    async fn call(&self, operation: Operation) -> Result<Call, Refusal> {
        Ok(self.holding(outcome::call(self.app.request(operation).await?)?))
    }

    async fn request(&self, operation: Operation) -> Result<(), Refusal> {
        self.app.request(operation).await.map(drop)
    }
}
