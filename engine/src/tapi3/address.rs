//! ITAddress: a line of the application.

use std::sync::Arc;

use super::call::{Call, CallObject};
use super::error::Error;
use super::forward_information::ForwardInformation;
use super::tapi::Shared;
use crate::handle::Line;
use crate::switch::{ForwardEntry, ForwardMode, LineView, MediaMode};
use crate::translate::{TranslateOptions, Translation};

/// An address. Clones are the same object.
#[derive(Clone, Debug)]
pub struct Address {
    shared: Arc<Shared>,
    name: Arc<str>,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// LINEADDRESSTYPE_.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant is the LINEADDRESSTYPE_ constant of its name")]
pub enum AddressType {
    PhoneNumber,
    Sdp,
    EmailName,
    DomainName,
    IpAddress,
}

impl Address {
    pub(super) fn new(shared: Arc<Shared>, name: Arc<str>) -> Self {
        Self { shared, name }
    }

    /// `get_DialableAddress`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the address is at this moment.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the application closed the line.
    pub async fn status(&self) -> Result<LineView, Error> {
        Ok(self.line().status().await?)
    }

    /// `CreateCall`: an object in CS_IDLE. Nothing is sent until it is connected, or used for unpark, pickup or a
    /// consultation. The destination may be missing for a call that is dialled later and for a pickup of the own groups.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] for an address type that lines do not take, or no media type.
    pub fn create_call(
        &self,
        destination: Option<&str>,
        address_type: AddressType,
        media_types: &[MediaMode],
    ) -> Result<Call, Error> {
        match address_type {
            AddressType::PhoneNumber if !media_types.is_empty() => {}
            AddressType::PhoneNumber
            | AddressType::Sdp
            | AddressType::EmailName
            | AddressType::DomainName
            | AddressType::IpAddress => return Err(Error::InvalidArg),
        }
        let (shared, name) = (Arc::clone(&self.shared), Arc::clone(&self.name));
        let destination = destination.unwrap_or_default().to_owned();
        Ok(Call(Arc::new(CallObject::created(shared, name, destination, media_types.to_vec()))))
    }

    /// `get_Calls`: those that the application has handles to.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the application closed the line.
    pub async fn calls(&self) -> Result<Vec<Call>, Error> {
        let line = self.status().await?;
        Ok(line.calls.into_iter().map(|id| self.shared.call(id, &self.name)).collect())
    }

    /// `Forward`: replaces all instructions; `None` cancels them. A consultation call is not needed, and not taken.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] with a consultation call, [`Error::InvalAddress`] for a destination.
    pub async fn forward(
        &self,
        information: Option<ForwardInformation>,
        consult: Option<&Call>,
    ) -> Result<(), Error> {
        if consult.is_some() {
            return Err(Error::InvalidArg);
        }
        let (entries, rings) = information.unwrap_or_default().into_parts();
        self.shared.in_time(self.line().forward(entries, rings)).await
    }

    /// `get_CurrentForwardInfo`.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the application closed the line.
    pub async fn current_forward_info(&self) -> Result<ForwardInformation, Error> {
        let line = self.status().await?;
        Ok(ForwardInformation::current(line.forwarding, line.rings))
    }

    /// `put_DoNotDisturb`: on replaces all forwarding by it; off cancels all forwarding, also what
    /// [`Address::forward`] set.
    ///
    /// # Errors
    /// As [`Address::forward`].
    pub async fn put_do_not_disturb(&self, on: bool) -> Result<(), Error> {
        let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None };
        let entries = if on { vec![entry] } else { Vec::new() };
        self.shared.in_time(self.line().forward(entries, None)).await
    }

    /// `get_DoNotDisturb`.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the application closed the line.
    pub async fn do_not_disturb(&self) -> Result<bool, Error> {
        let disturbs_nobody =
            |entry: &ForwardEntry| entry.mode == ForwardMode::Uncond && entry.destination.is_none();
        Ok(self.status().await?.forwarding.iter().any(disturbs_nobody))
    }

    /// `ITAddressTranslation::TranslateAddress`: what to dial here for an address, and what to show.
    ///
    /// # Errors
    /// [`Error::InvalCard`], [`Error::InvalAddress`].
    pub async fn translate_address(
        &self,
        address: &str,
        card: Option<u32>,
        options: TranslateOptions,
    ) -> Result<Translation, Error> {
        self.shared.in_time(self.line().translate_address(address, card, options)).await
    }

    pub(super) fn line(&self) -> Line {
        self.shared.line(&self.name)
    }
}
