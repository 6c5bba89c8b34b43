//! A call that an application has a handle to.

use std::time::Duration;

use bytes::Bytes;
use trunkline_media::ForkId;

use super::{App, outcome};
use crate::switch::call_state::CallState;
use crate::switch::error::LineError;
use crate::switch::fork_url::{Authorization, ForkUrl};
use crate::switch::ids::{CallId, CompletionId};
use crate::switch::operation::{
    CompletionMode, DigitMode, Gathering, HandoffTarget, Operation, Outcome, QosLevel, Refusal, TransferMode,
};
use crate::switch::privilege::CallPrivilege;
use crate::switch::view::{CallView, MediaMode};

/// A call as one application holds it. Dropping the value frees nothing: that is [`Call::deallocate`].
///
/// Each method is one TAPI function. It returns when its LINE_REPLY comes; the states that follow come as
/// [`Message`](crate::Message)s. Every method may fail with [`LineError::InvalCallHandle`] without a handle,
/// [`LineError::NotOwner`] with a monitor's where an owner's is needed, [`LineError::InvalCallState`] in a state that the
/// function's page does not list, [`LineError::OperationUnavail`] where this line, or this call as it is, cannot do it,
/// and [`LineError::ResourceUnavail`] beyond a limit. What is accepted at this moment is in
/// [`CallView::features`](crate::switch::CallView::features): never more, never less.
///
/// # A transfer by consultation
/// ```no_run
/// # async fn example(app: trunkline::App) -> Result<(), trunkline::Refusal> {
/// use trunkline::switch::TransferMode;
///
/// let call = app.line("1001").make_call("1002").await?;
/// // … connected: ask 1003 first, then let 1002 and 1003 talk.
/// let consult = call.setup_transfer().await?;
/// consult.dial("1003").await?;
/// call.complete_transfer(&consult, TransferMode::Transfer).await?;
/// # Ok(())
/// # }
/// ```
///
/// # A conference of three
/// ```no_run
/// # async fn example(app: trunkline::App) -> Result<(), trunkline::Refusal> {
/// let call = app.line("1001").make_call("1002").await?;
/// // … connected: call 1003, and put all three together.
/// let (conference, consult) = call.setup_conference().await?;
/// let consult = consult.expect("a conference begins with a consultation call");
/// consult.dial("1003").await?;
/// // … connected
/// conference.add_to_conference(&consult).await?;
/// assert_eq!(conference.get_conf_related_calls().await?.len(), 3);
/// # Ok(())
/// # }
/// ```
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

    /// As [`Call::accept`], with user-user information for the caller (RFC 7433).
    ///
    /// # Errors
    /// As [`Call::accept`], and [`LineError::UserUserInfoTooBig`] beyond 128 bytes.
    pub async fn accept_with(&self, user_user: Bytes) -> Result<(), Refusal> {
        self.request(Operation::Accept(self.id, Some(user_user))).await
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

    /// As [`Call::answer`], with user-user information for the caller.
    ///
    /// # Errors
    /// As [`Call::answer`], and [`LineError::UserUserInfoTooBig`] beyond 128 bytes.
    pub async fn answer_with(&self, user_user: Bytes) -> Result<(), Refusal> {
        self.request(Operation::Answer(self.id, Some(user_user))).await
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

    /// As [`Call::drop_call`], with user-user information for the far side.
    ///
    /// # Errors
    /// As [`Call::drop_call`], and [`LineError::UserUserInfoTooBig`] beyond 128 bytes.
    pub async fn drop_with(&self, user_user: Bytes) -> Result<(), Refusal> {
        self.request(Operation::Drop(self.id, Some(user_user))).await
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
    /// TAPI `lineUnhold`: onhold, onholdpendtransfer or onholdpendconf → connected.
    ///
    /// # Errors
    /// [`LineError::NotOwner`], [`LineError::InvalCallState`] unless the call is on hold.
    pub async fn unhold(&self) -> Result<(), Refusal> {
        self.request(Operation::Unhold(self.id)).await
    }

    /// Puts this active call on hold and retrieves `held` in its place.
    ///
    /// TAPI `lineSwapHold`: connected ⇄ any form of onhold.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] unless this call is connected and `held` is on hold on the same line.
    pub async fn swap_hold(&self, held: &Self) -> Result<(), Refusal> {
        self.request(Operation::SwapHold { call: self.id, with: held.id }).await
    }

    /// Dials digits on a call with dial tone, or more of them; `;` at the end says that more follow.
    ///
    /// TAPI `lineDial`: dialtone → dialing → proceeding.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] unless the call has dial tone or is dialing, [`LineError::InvalAddress`] and the
    /// LINEERR_DIAL codes for a string that cannot be dialled.
    pub async fn dial(&self, digits: &str) -> Result<(), Refusal> {
        self.request(Operation::Dial { call: self.id, digits: digits.to_owned() }).await
    }

    /// Sends the far party to `to` without asking there first.
    ///
    /// TAPI `lineBlindTransfer`: connected → idle.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] if `to` leads nowhere or back, [`LineError::InvalCallState`] unless connected.
    pub async fn blind_transfer(&self, to: &str) -> Result<(), Refusal> {
        self.request(Operation::BlindTransfer { call: self.id, to: to.to_owned() }).await
    }

    /// Puts the call on pending hold and gives the consultation call, which has dial tone.
    ///
    /// TAPI `lineSetupTransfer`: connected → onholdpendtransfer; the consultation call: dialtone.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] unless connected, [`LineError::InUse`] while another consultation goes on.
    pub async fn setup_transfer(&self) -> Result<Self, Refusal> {
        self.consult(Operation::SetupTransfer { call: self.id, to: None }).await
    }

    /// As [`Call::setup_transfer`], and the consultation call dials `to` at once.
    ///
    /// TAPI `lineSetupTransfer` with LINECALLPARAMFLAGS_ONESTEPTRANSFER.
    ///
    /// # Errors
    /// As [`Call::setup_transfer`] and [`Line::make_call`](super::Line::make_call).
    pub async fn setup_transfer_to(&self, to: &str) -> Result<Self, Refusal> {
        self.consult(Operation::SetupTransfer { call: self.id, to: Some(to.to_owned()) }).await
    }

    /// Joins the party of this call with that of `consult`; both calls become idle. As a conference, all stay: the
    /// conference is the result.
    ///
    /// TAPI `lineCompleteTransfer`.
    ///
    /// # Errors
    /// [`LineError::InvalConsultCallHandle`] unless `consult` is another call of this line that the application owns,
    /// [`LineError::InvalCallState`] unless this call is on hold and `consult` alerts or is connected.
    pub async fn complete_transfer(
        &self,
        consult: &Self,
        mode: TransferMode,
    ) -> Result<Option<Self>, Refusal> {
        let operation = Operation::CompleteTransfer { call: self.id, consult: consult.id, mode };
        match mode {
            TransferMode::Transfer => self.request(operation).await.map(|()| None),
            TransferMode::Conference => {
                let (conference, _) = outcome::conference(self.app.request(operation).await?)?;
                Ok(Some(self.sibling(conference)))
            }
        }
    }

    /// Makes a conference with this call as its first member: the conference on pending hold, and the consultation call
    /// with dial tone.
    ///
    /// TAPI `lineSetupConference`: connected → conferenced; the conference: onholdpendconf.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] unless connected.
    pub async fn setup_conference(&self) -> Result<(Self, Option<Self>), Refusal> {
        self.conference(Operation::SetupConference { call: self.id, to: None }).await
    }

    /// Makes a conference of this call and `to` without hold: it forms when `to` answers.
    ///
    /// TAPI `lineSetupConference` with LINECALLPARAMFLAGS_NOHOLDCONFERENCE.
    ///
    /// # Errors
    /// As [`Call::setup_conference`] and [`Line::make_call`](super::Line::make_call).
    pub async fn setup_conference_with(&self, to: &str) -> Result<(Self, Option<Self>), Refusal> {
        self.conference(Operation::SetupConference { call: self.id, to: Some(to.to_owned()) }).await
    }

    /// Puts this conference on pending hold and gives a consultation call, to ask one more party.
    ///
    /// TAPI `linePrepareAddToConference`: connected → onholdpendconf.
    ///
    /// # Errors
    /// [`LineError::InvalConfCallHandle`] if this is no conference, [`LineError::ConferenceFull`] with the most parties.
    pub async fn prepare_add_to_conference(&self) -> Result<Self, Refusal> {
        self.consult(Operation::PrepareAddToConference { call: self.id, to: None }).await
    }

    /// As [`Call::prepare_add_to_conference`] without hold: `to` is added when it answers.
    ///
    /// # Errors
    /// As [`Call::prepare_add_to_conference`] and [`Line::make_call`](super::Line::make_call).
    pub async fn prepare_add_to_conference_with(&self, to: &str) -> Result<Self, Refusal> {
        self.consult(Operation::PrepareAddToConference { call: self.id, to: Some(to.to_owned()) }).await
    }

    /// Adds a call to this conference.
    ///
    /// TAPI `lineAddToConference`: both → the conference connected, the call conferenced.
    ///
    /// # Errors
    /// [`LineError::InvalConfCallHandle`] if this is no conference, [`LineError::ConferenceFull`].
    pub async fn add_to_conference(&self, consult: &Self) -> Result<(), Refusal> {
        self.request(Operation::AddToConference { call: self.id, consult: consult.id }).await
    }

    /// Takes this call out of its conference.
    ///
    /// TAPI `lineRemoveFromConference`: conferenced → idle.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] unless the call is a member.
    pub async fn remove_from_conference(&self) -> Result<(), Refusal> {
        self.request(Operation::RemoveFromConference(self.id)).await
    }

    /// The conference, first, and its members.
    ///
    /// TAPI `lineGetConfRelatedCalls`; a monitor may.
    ///
    /// # Errors
    /// [`LineError::NoConference`] if the call belongs to none.
    pub async fn get_conf_related_calls(&self) -> Result<Vec<Self>, Refusal> {
        let reply = self.app.request(Operation::GetConfRelatedCalls(self.id)).await?;
        Ok(outcome::calls(reply)?.into_iter().map(|call| self.sibling(call)).collect())
    }

    /// Parks the far party wherever there is room; says where.
    ///
    /// TAPI `linePark` with LINEPARKMODE_NONDIRECTED: connected → idle.
    ///
    /// # Errors
    /// [`LineError::ResourceUnavail`] if every slot is taken.
    pub async fn park(&self) -> Result<String, Refusal> {
        outcome::parked(self.app.request(Operation::Park { call: self.id, to: None }).await?)
    }

    /// Parks the far party at this address.
    ///
    /// TAPI `linePark` with LINEPARKMODE_DIRECTED: connected → idle.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] if there is no such slot, or somebody waits there.
    pub async fn park_at(&self, to: &str) -> Result<(), Refusal> {
        self.request(Operation::Park { call: self.id, to: Some(to.to_owned()) }).await
    }

    /// Sends an offered call elsewhere.
    ///
    /// TAPI `lineRedirect`: offering or accepted → idle.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`], [`LineError::InvalCallState`] unless the call is offered.
    pub async fn redirect(&self, to: &str) -> Result<(), Refusal> {
        self.request(Operation::Redirect { call: self.id, to: to.to_owned() }).await
    }

    /// Keeps others from barging in, and tones out of the call.
    ///
    /// TAPI `lineSecureCall`: any state but idle.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] if the call is idle.
    pub async fn secure_call(&self) -> Result<(), Refusal> {
        self.request(Operation::SecureCall(self.id)).await
    }

    /// Takes the call down into a file, and gives its name, from the directory of recordings on: what its station says on the
    /// left, who speaks to it on the right. An extension: TAPI 2.x has no such function.
    ///
    /// # Errors
    /// [`LineError::OperationUnavail`] where nothing is recorded, or not this line's calls, or the call is recorded already, or
    /// nothing of it can be decoded; [`LineError::ResourceUnavail`] if there are as many recordings as there may be;
    /// [`LineError::OperationFailed`] if the file cannot be written.
    pub async fn start_recording(&self) -> Result<String, Refusal> {
        outcome::recording(self.app.request(Operation::StartRecording(self.id)).await?)
    }

    /// Leaves silence in the recording from here on.
    ///
    /// # Errors
    /// [`LineError::OperationUnavail`] unless the call is recorded, and not paused.
    pub async fn pause_recording(&self) -> Result<(), Refusal> {
        self.request(Operation::PauseRecording(self.id)).await
    }

    /// Ends the pause of the recording.
    ///
    /// # Errors
    /// [`LineError::OperationUnavail`] unless the recording is paused.
    pub async fn resume_recording(&self) -> Result<(), Refusal> {
        self.request(Operation::ResumeRecording(self.id)).await
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// [`LineError::OperationUnavail`] unless the call is recorded, and not because its line's policy demands it.
    pub async fn stop_recording(&self) -> Result<(), Refusal> {
        self.request(Operation::StopRecording(self.id)).await
    }

    /// Sends the call's audio to a WebSocket, too, and gives the fork when the server listens: what its station says first, then who
    /// speaks to it. `authorization` is the value of the Authorization header of the request. An extension: TAPI has no such function.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] for what is no such URL or header; [`LineError::AddressBlocked`] unless the URL is allowed;
    /// [`LineError::OperationUnavail`] where nothing is forked, or calls of this line are never recorded, or nothing of the call can be
    /// decoded; [`LineError::ResourceUnavail`] if there are as many forks as there may be; [`LineError::OperationFailed`] if the server
    /// does not listen, the cause of which the [`Message::Fork`](crate::Message::Fork) before says.
    pub async fn start_fork(&self, url: &str, authorization: Option<&str>) -> Result<ForkId, Refusal> {
        let url = ForkUrl::parse(url).ok_or(LineError::InvalParam)?;
        let authorization = authorization
            .map(|value| Authorization::parse(value).ok_or(LineError::InvalParam))
            .transpose()?;
        let operation = Operation::StartFork { call: self.id, url, authorization };
        outcome::fork(self.app.request(operation).await?)
    }

    /// Ends a fork, or all of the call.
    ///
    /// # Errors
    /// [`LineError::OperationUnavail`] if the call has none, [`LineError::InvalParam`] if it has not this one.
    pub async fn stop_fork(&self, fork: Option<ForkId>) -> Result<(), Refusal> {
        self.request(Operation::StopFork { call: self.id, fork }).await
    }

    /// Has a call that finds nobody completed later, or at once; `message` is for [`CompletionMode::Message`].
    ///
    /// TAPI `lineCompleteCall`: busy, ringback or proceeding.
    ///
    /// # Errors
    /// [`LineError::InvalCallComplMode`], [`LineError::InvalMessageId`], [`LineError::CompletionOverrun`].
    pub async fn complete_call(
        &self,
        mode: CompletionMode,
        message: Option<u32>,
    ) -> Result<Option<CompletionId>, Refusal> {
        let operation = Operation::CompleteCall { call: self.id, mode, message };
        let Outcome::Completion(completion) = self.app.request(operation).await? else { return Ok(None) };
        Ok(Some(completion))
    }

    /// Gives the call to another application, which becomes an owner; this one stays an owner until it lets go.
    ///
    /// TAPI `lineHandoff`: any state.
    ///
    /// # Errors
    /// [`LineError::TargetNotFound`] if nobody fits, [`LineError::TargetSelf`] if it is this application.
    pub async fn handoff(&self, to: HandoffTarget) -> Result<(), Refusal> {
        self.request(Operation::Handoff { call: self.id, to }).await
    }

    /// Becomes an owner or a mere monitor of the call.
    ///
    /// TAPI `lineSetCallPrivilege`: any state.
    ///
    /// # Errors
    /// [`LineError::InvalCallPrivilege`], [`LineError::InvalCallState`] for the sole owner of a call that is not idle.
    pub async fn set_call_privilege(&self, privilege: CallPrivilege) -> Result<(), Refusal> {
        self.request(Operation::SetCallPrivilege { call: self.id, privilege }).await
    }

    /// Says what kind of call it is.
    ///
    /// TAPI `lineSetMediaMode`: any state but idle.
    ///
    /// # Errors
    /// [`LineError::InvalMediaMode`] for several modes without [`MediaMode::Unknown`].
    pub async fn set_media_mode(&self, media_modes: &[MediaMode]) -> Result<(), Refusal> {
        self.request(Operation::SetMediaMode { call: self.id, media_modes: media_modes.to_vec() }).await
    }

    /// Attaches data, which follows the party through transfer and park; empty removes it.
    ///
    /// TAPI `lineSetCallData`: any state but idle.
    ///
    /// # Errors
    /// [`LineError::InvalParam`] beyond 4096 bytes.
    pub async fn set_call_data(&self, data: Bytes) -> Result<(), Refusal> {
        self.request(Operation::SetCallData { call: self.id, data }).await
    }

    /// Sends user-user information to the far side (RFC 7433).
    ///
    /// TAPI `lineSendUserUserInfo`: offering, accepted, ringback or connected.
    ///
    /// # Errors
    /// [`LineError::UserUserInfoTooBig`] beyond 128 bytes.
    pub async fn send_user_user_info(&self, data: Bytes) -> Result<(), Refusal> {
        self.request(Operation::SendUserUserInfo { call: self.id, data }).await
    }

    /// Asks for a quality of service.
    ///
    /// TAPI `lineSetCallQualityOfService`: any state but idle.
    ///
    /// # Errors
    /// [`LineError::ResourceUnavail`] for [`QosLevel::Needed`]: an IP network promises nothing.
    pub async fn set_call_quality_of_service(&self, level: QosLevel) -> Result<(), Refusal> {
        self.request(Operation::SetCallQualityOfService { call: self.id, level }).await
    }

    /// Sends digits to the far side, each as long as `duration` (`None`: 100 ms), as the far side takes them or as `mode`
    /// says. [`Message::Generate`](crate::Message::Generate) tells when they are out.
    ///
    /// TAPI `lineGenerateDigits`: connected.
    ///
    /// # Errors
    /// [`LineError::InvalDigits`], [`LineError::InvalDigitMode`].
    pub async fn generate_digits(
        &self,
        digits: &str,
        duration: Option<Duration>,
        mode: Option<DigitMode>,
    ) -> Result<(), Refusal> {
        let digits = Some(digits.to_owned());
        self.request(Operation::GenerateDigits { call: self.id, digits, duration, mode }).await
    }

    /// Stops sending digits.
    ///
    /// # Errors
    /// As [`Call::generate_digits`].
    pub async fn cancel_digits(&self) -> Result<(), Refusal> {
        let (digits, duration, mode) = (None, None, None);
        self.request(Operation::GenerateDigits { call: self.id, digits, duration, mode }).await
    }

    /// Gathers digits of the far side; [`Message::GatherDigits`](crate::Message::GatherDigits) brings them.
    ///
    /// TAPI `lineGatherDigits`: any state but idle and disconnected.
    ///
    /// # Errors
    /// [`LineError::InvalDigits`], [`LineError::InvalTimeout`], [`LineError::InvalParam`].
    pub async fn gather_digits(&self, gathering: Gathering) -> Result<(), Refusal> {
        self.request(Operation::GatherDigits { call: self.id, gathering: Some(gathering) }).await
    }

    /// Stops gathering; what was gathered is told.
    ///
    /// # Errors
    /// As [`Call::gather_digits`].
    pub async fn cancel_gathering(&self) -> Result<(), Refusal> {
        self.request(Operation::GatherDigits { call: self.id, gathering: None }).await
    }

    /// Tells each digit of the far side, its beginning or its end; no mode stops.
    ///
    /// TAPI `lineMonitorDigits`: any state but idle and disconnected; a monitor may.
    ///
    /// # Errors
    /// [`LineError::InvalDigitMode`] for pulses.
    pub async fn monitor_digits(&self, modes: &[DigitMode]) -> Result<(), Refusal> {
        self.request(Operation::MonitorDigits { call: self.id, modes: modes.to_vec() }).await
    }

    /// Tells when media of these kinds are detected; none stops.
    ///
    /// TAPI `lineMonitorMedia`: any state but idle; a monitor may.
    ///
    /// # Errors
    /// [`LineError::InvalMediaMode`].
    pub async fn monitor_media(&self, media_modes: &[MediaMode]) -> Result<(), Refusal> {
        self.request(Operation::MonitorMedia { call: self.id, media_modes: media_modes.to_vec() }).await
    }

    /// What the call is at this moment: TAPI `lineGetCallInfo` and `lineGetCallStatus`.
    ///
    /// # Errors
    /// [`LineError::InvalCallHandle`] if this application has no handle to it.
    pub async fn status(&self) -> Result<CallView, LineError> {
        let (app, id) = (self.app.id(), self.id);
        let call = self.app.engine().view(move |switch| switch.call(app, id)).await?;
        call.ok_or(LineError::InvalCallHandle)
    }

    /// The state alone.
    ///
    /// # Errors
    /// As [`Call::status`].
    pub async fn state(&self) -> Result<CallState, LineError> {
        Ok(self.status().await?.state)
    }

    fn sibling(&self, id: CallId) -> Self {
        Self::new(self.app.clone(), id)
    }

    async fn consult(&self, operation: Operation) -> Result<Self, Refusal> {
        Ok(self.sibling(outcome::consult(self.app.request(operation).await?)?))
    }

    async fn conference(&self, operation: Operation) -> Result<(Self, Option<Self>), Refusal> {
        let (conference, consult) = outcome::conference(self.app.request(operation).await?)?;
        Ok((self.sibling(conference), consult.map(|consult| self.sibling(consult))))
    }

    async fn request(&self, operation: Operation) -> Result<(), Refusal> {
        self.app.request(operation).await.map(drop)
    }
}
