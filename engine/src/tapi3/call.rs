//! The Call object: ITBasicCallControl and ITCallInfo.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::address::Address;
use super::call_hub::CallHub;
use super::call_info::CallInfo;
use super::call_state::CallState;
use super::cause::CallStateEventCause;
use super::error::Error;
use super::tapi::{Shared, WAIT_MAX, lock};
use crate::handle::{Delivery, Subscription};
use crate::switch::{
    CallId, CallParams, CallState as LineCallState, DigitMode, Gathering, HandoffTarget, MediaMode, Message,
    Operation, Outcome, QosLevel, TransferMode,
};

/// A call of an application. Clones are the same object; when the last is dropped, the handle is freed.
///
/// Beside what each method names, all fail with [`Error::Timeout`] after two minutes, [`Error::InvalCallState`] when the
/// call is gone, [`Error::NotOwner`] for a monitor, and [`Error::Fail`] where the line cannot do it.
#[derive(Clone, Debug)]
pub struct Call(pub(super) Arc<CallObject>);

/// Whether a method returns when what it began has come to an end, or as soon as it is on its way (`fSync`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// VARIANT_TRUE: until the call is connected or has failed.
    Sync,
    /// VARIANT_FALSE: events tell the outcome.
    Async,
}

/// How a method that succeeded did so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Success {
    /// S_OK.
    Ok,
    /// S_FALSE: there was nothing to do.
    False,
}

/// DISCONNECT_CODE. What the far side sees follows from the call's state: a refused offer is 603, an ended call BYE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectCode {
    /// DC_NORMAL.
    Normal,
    /// DC_NOANSWER.
    NoAnswer,
    /// DC_REJECTED.
    Rejected,
}

/// FINISH_MODE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishMode {
    /// FM_ASTRANSFER.
    AsTransfer,
    /// FM_ASCONFERENCE.
    AsConference,
}

/// What stands behind a [`Call`].
#[derive(Debug)]
pub(super) struct CallObject {
    shared: Arc<Shared>,
    address: Arc<str>,
    part: Mutex<Part>,
}

#[derive(Debug, Default)]
struct Part {
    /// None in CS_IDLE.
    id: Option<CallId>,
    destination: String,
    media_types: Vec<MediaMode>,
    params: CallParams,
    is_released: bool,
    consults: Option<Consultation>,
}

/// What a consultation call is for.
#[derive(Clone, Debug)]
struct Consultation {
    original: Call,
    purpose: Purpose,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// The original call is to be transferred.
    Transfer,
    /// The original call and this one are to be in a conference, which comes into being then.
    Promote,
    /// This call is to be added to the conference.
    Add(CallId),
}

impl CallObject {
    pub(super) fn created(
        shared: Arc<Shared>,
        address: Arc<str>,
        destination: String,
        media_types: Vec<MediaMode>,
    ) -> Self {
        Self { shared, address, part: Mutex::new(Part { destination, media_types, ..Part::default() }) }
    }

    pub(super) fn existing(shared: Arc<Shared>, address: Arc<str>, id: CallId) -> Self {
        Self { shared, address, part: Mutex::new(Part { id: Some(id), ..Part::default() }) }
    }

    pub(super) fn becomes(&self, id: CallId) {
        lock(&self.part).id = Some(id);
    }
}

impl Drop for CallObject {
    fn drop(&mut self) {
        let part = lock(&self.part);
        let Some(id) = part.id else { return };
        self.shared.forget(id);
        if !part.is_released {
            let app = &self.shared.app;
            let submitted = app.engine().submit(app.id(), Operation::DeallocateCall(id));
            if let Err(error) = submitted {
                // An engine that has stopped holds no handle; one that is overloaded keeps so many idle calls.
                tracing::debug!(%id, %error, "the handle of a released call is kept");
            }
        }
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Call {
    /// The identity of the call in the switch; `None` in CS_IDLE.
    pub fn id(&self) -> Option<CallId> {
        lock(&self.0.part).id
    }

    /// `get_Address`.
    pub fn address(&self) -> Address {
        Address::new(Arc::clone(&self.0.shared), Arc::clone(&self.0.address))
    }

    /// `get_CallState`.
    ///
    /// # Errors
    /// [`Error::NotInitialized`] when the engine has stopped.
    pub async fn call_state(&self) -> Result<CallState, Error> {
        match self.id() {
            None => Ok(CallState::Idle),
            Some(id) => {
                let call = self.0.shared.view(move |switch, app| switch.call(app, id)).await?;
                Ok(call.map_or(CallState::Disconnected, |call| CallInfo::new(call).call_state()))
            }
        }
    }

    /// `ITCallInfo`: what the call is at this moment.
    ///
    /// # Errors
    /// [`Error::InvalCallState`] in CS_IDLE.
    pub async fn call_info(&self) -> Result<CallInfo, Error> {
        let id = self.existing()?;
        let call = self.0.shared.view(move |switch, app| switch.call(app, id)).await?;
        call.map(CallInfo::new).ok_or(Error::InvalCallState)
    }

    /// `get_CallHub`: the calls that this one is joined with.
    ///
    /// # Errors
    /// [`Error::InvalCallState`] in CS_IDLE.
    pub fn call_hub(&self) -> Result<CallHub, Error> {
        Ok(CallHub::new(Arc::clone(&self.0.shared), self.existing()?, 0))
    }

    /// Sets what the call is made with (the call set-up items of `put_CallInfoLong`, `-String` and `-Buffer`).
    ///
    /// # Errors
    /// [`Error::InvalCallState`] unless CS_IDLE.
    pub fn put_call_params(&self, params: CallParams) -> Result<(), Error> {
        let mut part = lock(&self.0.part);
        if part.id.is_some() {
            return Err(Error::InvalCallState);
        }
        part.params = params;
        Ok(())
    }

    /// CIB_CALLDATABUFFER: with the call in CS_IDLE, for everybody who has a handle afterwards.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] beyond 4096 bytes.
    pub async fn put_call_data(&self, data: Bytes) -> Result<(), Error> {
        let Some(call) = self.id() else {
            lock(&self.0.part).params.call_data = data;
            return Ok(());
        };
        self.ask(Operation::SetCallData { call, data }).await
    }

    /// CIB_USERUSERINFO: with the call in CS_IDLE, to the far side afterwards.
    ///
    /// # Errors
    /// [`Error::UserUserInfoTooBig`] beyond 128 bytes.
    pub async fn put_user_user_info(&self, data: Bytes) -> Result<(), Error> {
        let Some(call) = self.id() else {
            lock(&self.0.part).params.user_user = Some(data);
            return Ok(());
        };
        self.ask(Operation::SendUserUserInfo { call, data }).await
    }

    /// `Connect`: makes the call.
    ///
    /// # Errors
    /// [`Error::InvalCallState`] unless CS_IDLE; with [`Wait::Sync`] why it failed: [`Error::DestBusy`],
    /// [`Error::DestNoAnswer`], [`Error::DestUnavail`], [`Error::InvalAddress`].
    pub async fn connect(&self, wait: Wait) -> Result<(), Error> {
        let told = self.listen()?;
        let (to, params, media_modes) = {
            let part = self.created()?;
            (part.destination.clone(), part.params.clone(), part.media_types.clone())
        };
        let params = (params != CallParams::default()).then(|| Box::new(params));
        let line = Arc::clone(&self.0.address);
        self.0.shared.ask_for(&self.0, Operation::MakeCall { line, to, params }).await?;
        let call = self.existing()?;
        if media_modes != [MediaMode::InteractiveVoice] {
            self.ask(Operation::SetMediaMode { call, media_modes }).await?;
        }
        self.follow(told, wait).await
    }

    /// `Answer`.
    ///
    /// # Errors
    /// [`Error::Unexpected`] unless CS_OFFERING.
    pub async fn answer(&self) -> Result<(), Error> {
        if self.call_state().await? != CallState::Offering {
            return Err(Error::Unexpected);
        }
        self.ask(Operation::Answer(self.existing()?, None)).await
    }

    /// `Disconnect`: the call ends in CS_DISCONNECTED. [`Success::False`] if it is in CS_IDLE or gone.
    ///
    /// # Errors
    /// As all methods.
    pub async fn disconnect(&self, _code: DisconnectCode) -> Result<Success, Error> {
        let Some(id) = self.id() else { return Ok(Success::False) };
        match self.ask(Operation::Drop(id, None)).await {
            Ok(()) => Ok(Success::Ok),
            Err(Error::InvalCallState) => Ok(Success::False),
            Err(error) => Err(error),
        }
    }

    /// `Dial`: more digits.
    ///
    /// # Errors
    /// [`Error::InvalAddress`], [`Error::DialModifierNotSupported`].
    pub async fn dial(&self, destination: &str) -> Result<(), Error> {
        self.ask(Operation::Dial { call: self.existing()?, digits: destination.to_owned() }).await
    }

    /// `Hold`: `true` to CS_HOLD, `false` to CS_CONNECTED.
    ///
    /// # Errors
    /// As all methods.
    pub async fn hold(&self, hold: bool) -> Result<(), Error> {
        let id = self.existing()?;
        self.ask(if hold { Operation::Hold(id) } else { Operation::Unhold(id) }).await
    }

    /// `SwapHold`: `held` becomes active, and this call is held.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if `held` is in CS_IDLE.
    pub async fn swap_hold(&self, held: &Self) -> Result<(), Error> {
        let with = held.id().ok_or(Error::InvalidArg)?;
        self.ask(Operation::SwapHold { call: self.existing()?, with }).await
    }

    /// `ParkDirect`: to CS_DISCONNECTED.
    ///
    /// # Errors
    /// [`Error::InvalAddress`] if there is no such slot, or somebody waits there.
    pub async fn park_direct(&self, address: &str) -> Result<(), Error> {
        self.ask(Operation::Park { call: self.existing()?, to: Some(address.to_owned()) }).await
    }

    /// `ParkIndirect`: to CS_DISCONNECTED; says where.
    ///
    /// # Errors
    /// [`Error::ResourceUnavail`] if every slot is taken.
    pub async fn park_indirect(&self) -> Result<String, Error> {
        let parked = self.0.shared.ask(Operation::Park { call: self.existing()?, to: None }).await?;
        let Outcome::Parked(address) = parked else { return Err(Error::OperationFailed) };
        Ok(address)
    }

    /// `Unpark`: this object, created with the park address as its destination, becomes the call that waits there.
    ///
    /// # Errors
    /// [`Error::InvalCallState`] unless CS_IDLE, [`Error::InvalAddress`] if nobody waits there.
    pub async fn unpark(&self) -> Result<(), Error> {
        let from = self.created()?.destination.clone();
        let line = Arc::clone(&self.0.address);
        self.0.shared.ask_for(&self.0, Operation::Unpark { line, from }).await.map(drop)
    }

    /// `Pickup`: this object becomes a call that alerts at its destination, or in the group, or, with neither, in the
    /// groups of the line.
    ///
    /// # Errors
    /// [`Error::InvalCallState`] unless CS_IDLE, [`Error::InvalAddress`] or [`Error::InvalGroupId`] if nothing alerts.
    pub async fn pickup(&self, group: Option<&str>) -> Result<(), Error> {
        let destination = self.created()?.destination.clone();
        let from = Some(destination).filter(|destination| !destination.is_empty());
        let (line, group) = (Arc::clone(&self.0.address), group.map(str::to_owned));
        self.0.shared.ask_for(&self.0, Operation::Pickup { line, from, group }).await.map(drop)
    }

    /// `BlindTransfer`: to CS_DISCONNECTED.
    ///
    /// # Errors
    /// [`Error::InvalAddress`].
    pub async fn blind_transfer(&self, destination: &str) -> Result<(), Error> {
        self.ask(Operation::BlindTransfer { call: self.existing()?, to: destination.to_owned() }).await
    }

    /// `Transfer`: this call is held; the consultation call is connected to its destination, unless it is connected
    /// already. [`Call::finish`] on the consultation call ends it.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the consultation call is this one, of another address, or without a destination; with
    /// [`Wait::Sync`] those of [`Call::connect`].
    pub async fn transfer(&self, consult: &Self, wait: Wait) -> Result<(), Error> {
        let told = self.listen()?;
        let call = self.existing()?;
        if !self.consult_fits(consult).await? {
            self.hold_for(consult, Purpose::Transfer).await?;
            return Ok(());
        }
        let to = Some(consult.created()?.destination.clone());
        self.0.shared.ask_for(&consult.0, Operation::SetupTransfer { call, to }).await?;
        consult.flag(self, Purpose::Transfer);
        consult.follow(told, wait).await
    }

    /// `Conference`: as [`Call::transfer`], to bring the consultation call into a conference with this call, or into the
    /// one that this call is a member of.
    ///
    /// # Errors
    /// As [`Call::transfer`]; [`Error::ConferenceFull`].
    pub async fn conference(&self, consult: &Self, wait: Wait) -> Result<(), Error> {
        let told = self.listen()?;
        let call = self.existing()?;
        let must_be_made = self.consult_fits(consult).await?;
        let shared = &self.0.shared;
        let is_member = self.call_info().await?.view().state == LineCallState::Conferenced;
        if !is_member && !must_be_made {
            return self.hold_for(consult, Purpose::Promote).await;
        }
        let parent = if is_member {
            let Outcome::Calls(calls) = shared.ask(Operation::GetConfRelatedCalls(call)).await? else {
                return Err(Error::OperationFailed);
            };
            calls.first().copied().ok_or(Error::NoConference)?
        } else {
            call
        };
        if !must_be_made {
            consult.flag(self, Purpose::Add(parent));
            return Ok(());
        }
        let digits = consult.created()?.destination.clone();
        let operation = if is_member {
            Operation::PrepareAddToConference { call: parent, to: None }
        } else {
            Operation::SetupConference { call, to: None }
        };
        let parent = match shared.ask_for(&consult.0, operation).await? {
            Outcome::Conference { conference, .. } => conference,
            Outcome::Done
            | Outcome::Call(_)
            | Outcome::Consult(_)
            | Outcome::Parked(_)
            | Outcome::Completion(_)
            | Outcome::Calls(_)
            | Outcome::Recording(_)
            | Outcome::Fork(_)
            | Outcome::Translated(_) => parent,
        };
        consult.flag(self, Purpose::Add(parent));
        if let Err(error) = consult.dial(&digits).await {
            // The original call is retrieved with it.
            consult.disconnect(DisconnectCode::Normal).await?;
            return Err(error);
        }
        consult.follow(told, wait).await
    }

    /// `Finish`, on the consultation call: as a transfer both calls end in CS_DISCONNECTED, as a conference both stay.
    ///
    /// # Errors
    /// [`Error::InvalCallState`] if the call is no consultation call, or one for a conference is to end as a transfer.
    pub async fn finish(&self, mode: FinishMode) -> Result<(), Error> {
        let consult = self.existing()?;
        let consultation = lock(&self.0.part).consults.clone().ok_or(Error::InvalCallState)?;
        let call = consultation.original.existing()?;
        let operation = match (consultation.purpose, mode) {
            (Purpose::Transfer, FinishMode::AsTransfer) => {
                Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer }
            }
            (Purpose::Transfer | Purpose::Promote, FinishMode::AsConference) => {
                Operation::CompleteTransfer { call, consult, mode: TransferMode::Conference }
            }
            (Purpose::Add(parent), FinishMode::AsConference) => {
                Operation::AddToConference { call: parent, consult }
            }
            (Purpose::Promote | Purpose::Add(_), FinishMode::AsTransfer) => {
                return Err(Error::InvalCallState);
            }
        };
        self.ask(operation).await?;
        lock(&self.0.part).consults = None;
        Ok(())
    }

    /// `RemoveFromConference`.
    ///
    /// # Errors
    /// As all methods.
    pub async fn remove_from_conference(&self) -> Result<(), Error> {
        self.ask(Operation::RemoveFromConference(self.existing()?)).await
    }

    /// `HandoffDirect`: to the application of this name. If that fails, the call is disconnected: whoever hands a call
    /// off has said that it needs it no more.
    ///
    /// # Errors
    /// [`Error::TargetNotFound`].
    pub async fn handoff_direct(&self, application: &str) -> Result<(), Error> {
        self.handoff(HandoffTarget::App(application.to_owned())).await
    }

    /// `HandoffIndirect`: to the application that takes calls of this media type first; else as
    /// [`Call::handoff_direct`].
    ///
    /// # Errors
    /// [`Error::TargetNotFound`], [`Error::TargetSelf`].
    pub async fn handoff_indirect(&self, media_type: MediaMode) -> Result<(), Error> {
        self.handoff(HandoffTarget::Media(media_type)).await
    }

    /// `SetQOS`.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] if the call has no such media; [`Error::ResourceUnavail`] for [`QosLevel::Needed`].
    pub async fn set_qos(&self, media_type: MediaMode, level: QosLevel) -> Result<(), Error> {
        if !self.call_info().await?.media_types().contains(&media_type) {
            return Err(Error::InvalidArg);
        }
        self.ask(Operation::SetCallQualityOfService { call: self.existing()?, level }).await
    }

    /// `ITLegacyCallMediaControl::DetectDigits`: TE_DIGITEVENT tells each digit of the far side; no mode stops.
    ///
    /// # Errors
    /// [`Error::InvalMode`] for pulses.
    pub async fn detect_digits(&self, modes: &[DigitMode]) -> Result<(), Error> {
        self.ask(Operation::MonitorDigits { call: self.existing()?, modes: modes.to_vec() }).await
    }

    /// `ITLegacyCallMediaControl::GenerateDigits`: sends digits to the far side; TE_GENERATEEVENT tells when they are out.
    ///
    /// # Errors
    /// [`Error::InvalDigits`], [`Error::InvalMode`].
    pub async fn generate_digits(&self, digits: &str, mode: DigitMode) -> Result<(), Error> {
        let (call, digits, mode) = (self.existing()?, Some(digits.to_owned()), Some(mode));
        self.ask(Operation::GenerateDigits { call, digits, duration: None, mode }).await
    }

    /// `ITLegacyCallMediaControl2::GatherDigits`: TE_GATHERDIGITS brings them.
    ///
    /// # Errors
    /// [`Error::InvalDigits`], [`Error::InvalTimeout`], [`Error::InvalidArg`].
    pub async fn gather_digits(&self, gathering: Gathering) -> Result<(), Error> {
        self.ask(Operation::GatherDigits { call: self.existing()?, gathering: Some(gathering) }).await
    }

    /// `ITLegacyCallMediaControl::MonitorMedia`: TE_CALLMEDIA tells what is detected; none stops.
    ///
    /// # Errors
    /// [`Error::InvalidMediaType`].
    pub async fn monitor_media(&self, media_types: &[MediaMode]) -> Result<(), Error> {
        self.ask(Operation::MonitorMedia { call: self.existing()?, media_modes: media_types.to_vec() }).await
    }

    /// Releases the call, whoever else has a clone: the handle is freed, and no event comes any more. The call itself
    /// goes on where somebody else takes part in it.
    ///
    /// # Errors
    /// As all methods.
    pub async fn release(&self) -> Result<(), Error> {
        let Some(id) = self.id() else { return Ok(()) };
        if std::mem::replace(&mut lock(&self.0.part).is_released, true) {
            return Ok(());
        }
        self.ask(Operation::DeallocateCall(id)).await
    }

    pub(super) fn is_released(&self) -> bool {
        lock(&self.0.part).is_released
    }

    async fn ask(&self, operation: Operation) -> Result<(), Error> {
        self.0.shared.ask(operation).await.map(drop)
    }

    /// Hands off, or disconnects.
    async fn handoff(&self, to: HandoffTarget) -> Result<(), Error> {
        let handed = self.ask(Operation::Handoff { call: self.existing()?, to }).await;
        if handed.is_err() {
            self.disconnect(DisconnectCode::Normal).await?;
        }
        handed
    }

    /// Whether the consultation call is to be made; otherwise it is connected already.
    async fn consult_fits(&self, consult: &Self) -> Result<bool, Error> {
        if consult == self || consult.0.address != self.0.address {
            return Err(Error::InvalidArg);
        }
        match consult.call_state().await? {
            CallState::Idle if lock(&consult.0.part).destination.is_empty() => Err(Error::InvalidArg),
            CallState::Idle => Ok(true),
            CallState::Connected => Ok(false),
            CallState::InProgress
            | CallState::Disconnected
            | CallState::Offering
            | CallState::Hold
            | CallState::Queued => Err(Error::InvalCallState),
        }
    }

    /// The consultation call is connected already: this call waits.
    async fn hold_for(&self, consult: &Self, purpose: Purpose) -> Result<(), Error> {
        if self.call_state().await? == CallState::Connected {
            self.hold(true).await?;
        }
        consult.flag(self, purpose);
        Ok(())
    }

    fn flag(&self, original: &Self, purpose: Purpose) {
        lock(&self.0.part).consults = Some(Consultation { original: original.clone(), purpose });
    }

    fn existing(&self) -> Result<CallId, Error> {
        self.id().ok_or(Error::InvalCallState)
    }

    fn created(&self) -> Result<std::sync::MutexGuard<'_, Part>, Error> {
        let part = lock(&self.0.part);
        if part.id.is_some() { Err(Error::InvalCallState) } else { Ok(part) }
    }

    fn listen(&self) -> Result<Subscription, Error> {
        self.0.shared.app.events().ok_or(Error::NotInitialized)
    }

    /// Waits until the call is connected, if so asked.
    async fn follow(&self, mut told: Subscription, wait: Wait) -> Result<(), Error> {
        if wait == Wait::Async {
            return Ok(());
        }
        let (id, deadline) = (self.existing()?, Instant::now() + WAIT_MAX);
        loop {
            let delivery = timeout_at(deadline, told.next()).await.map_err(|_| Error::Timeout)?;
            let message = match delivery.ok_or(Error::NotInitialized)? {
                Delivery::Message { message, .. } => message,
                Delivery::Lost { .. } => match self.call_state().await? {
                    CallState::Connected => return Ok(()),
                    CallState::Disconnected => return Err(Error::OperationFailed),
                    CallState::Idle
                    | CallState::InProgress
                    | CallState::Offering
                    | CallState::Hold
                    | CallState::Queued => continue,
                },
            };
            let Message::CallState { call, state, .. } = &*message else { continue };
            if *call != id {
                continue;
            }
            match state {
                LineCallState::Connected(_) | LineCallState::Conferenced => return Ok(()),
                LineCallState::Busy(_) => {
                    // Nobody else would clear it: to whom it failed, it is over.
                    self.disconnect(DisconnectCode::Normal).await?;
                    return Err(Error::DestBusy);
                }
                LineCallState::SpecialInfo(_) => {
                    self.disconnect(DisconnectCode::Normal).await?;
                    return Err(Error::DestUnavail);
                }
                LineCallState::Disconnected(mode) => return Err(failure(CallStateEventCause::of(*mode))),
                LineCallState::Idle => return Err(Error::Dropped),
                LineCallState::Offering(_)
                | LineCallState::Accepted
                | LineCallState::DialTone(_)
                | LineCallState::Dialing
                | LineCallState::Ringback
                | LineCallState::Proceeding
                | LineCallState::OnHold
                | LineCallState::OnHoldPendConf
                | LineCallState::OnHoldPendTransfer
                | LineCallState::Unknown => {}
            }
        }
    }
}

const fn failure(cause: CallStateEventCause) -> Error {
    match cause {
        CallStateEventCause::DisconnectBusy => Error::DestBusy,
        CallStateEventCause::DisconnectBadAddress => Error::InvalAddress,
        CallStateEventCause::DisconnectNoAnswer => Error::DestNoAnswer,
        CallStateEventCause::DisconnectBlocked => Error::AddressBlocked,
        CallStateEventCause::None
        | CallStateEventCause::DisconnectNormal
        | CallStateEventCause::DisconnectCancelled
        | CallStateEventCause::DisconnectRejected
        | CallStateEventCause::DisconnectFailed => Error::DestUnavail,
    }
}
