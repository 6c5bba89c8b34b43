//! One call: a connection end at a line's address, with exactly one state.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::{LegId, UsageId};

use super::call_state::CallState;
use super::callback::Completable;
use super::carried::Carried;
use super::digits::Listening;
use super::diversion::{Trail, Why};
use super::ids::{AppId, CallId, CompletionId, RequestId};
use super::operation::CallOperation;
use super::privilege::CallPrivilege;
use super::quality::MediaView;
use super::report::Hold;
use super::ring::Ring;
use super::route::Destination;
use super::setup::LineKind;
use super::translate::CallerId;
use super::view::{CallOrigin, CallReason, MediaMode, PartyView};

/// Max-Forwards of calls that begin here (RFC 3261 §8.1.1.6).
pub(super) const MAX_FORWARDS: u8 = 70;

/// A request that waits for the station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) app: AppId,
    pub(super) request: RequestId,
    pub(super) wish: Wish,
}

/// What the station was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// To answer.
    Answer,
    /// To hold the call.
    Hold,
    /// To retrieve the call that it holds.
    Retrieve,
    /// Another system, to tell when it can be completed.
    Complete,
}

impl Wish {
    /// The operation that asked for it.
    pub(super) const fn operation(self) -> CallOperation {
        match self {
            Self::Answer => CallOperation::Answer,
            Self::Hold => CallOperation::Hold,
            Self::Retrieve => CallOperation::Unhold,
            Self::Complete => CallOperation::CompleteCall,
        }
    }
}

/// What is done once the own phone, called for an application, has answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Errand {
    /// This number is called.
    Dial(String),
    /// Dial tone is heard, and digits are waited for.
    Collect,
    /// Who waits on this call is talked with.
    Join(CallId),
    /// The call that is offered there is taken.
    Take(CallId),
    /// This number is called, as that request wanted.
    CallBack(CompletionId, String),
}

/// A consultation that is under way, as either of its two calls knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Consultation {
    /// What it is for.
    pub(super) hold: Hold,
    /// The other of the two calls.
    pub(super) other: CallId,
    /// Whether this is the consultation call; else the original, or the conference.
    pub(super) is_consult: bool,
}

/// A party that was transferred to a destination which has not answered yet: who gets it back if nobody does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// The line of the transferor.
    pub(super) by: Arc<str>,
    /// The transferor's call, as long as it waits for the outcome.
    pub(super) from: Option<CallId>,
    /// The REFER whose sender is told how far it is.
    pub(super) usage: Option<UsageId>,
    /// Whether he was told that the destination rings.
    pub(super) rang: bool,
    /// Whether he hid in the call that he sends away, or in that to the destination.
    pub(super) is_hidden: bool,
}

/// What few calls have, or only on their way: read and written as if it were the call's, which has it put aside.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Few {
    /// What is done once the own phone has answered.
    pub(super) errand: Option<Errand>,
    /// What was dialled so far, while more digits are waited for.
    pub(super) digits: Option<String>,
    /// `m` of the network's queue that this caller comes from (RFC 6910), until he is led there.
    pub(super) completes: Option<&'static str>,
    /// The device of the line that alone is to ring, until the caller is led to that line (RFC 5627).
    pub(super) device: Option<Box<str>>,
    /// How long the station may ring, where it is to be forwarded earlier.
    pub(super) rings_until: Option<Instant>,
    /// User-user information for the called party.
    pub(super) greeting: Option<Bytes>,
    /// `dwNoAnswerTimeout`.
    pub(super) no_answer_after: Option<Duration>,
    /// Digits and media that applications wait for.
    pub(super) listening: Listening,
    pub(super) consultation: Option<Consultation>,
    /// Whom this party was sent away by, while the destination has not answered.
    pub(super) sent: Option<Sent>,
    /// The party that this station sent away, while the destination has not answered.
    pub(super) sends: Option<CallId>,
    /// The line by whose rights this caller goes where it was sent, and why it comes there.
    pub(super) sent_by: Option<(Arc<str>, CallReason)>,
    /// The parent of the conference that it is a member of, or will be when the consultation is answered.
    pub(super) conference: Option<CallId>,
    pub(super) pending: Option<Pending>,
    /// The park address where the party at this end waits.
    pub(super) parked: Option<Arc<str>>,
    /// The call whose phone is rung to take this one over.
    pub(super) taker: Option<CallId>,
    /// The request by which the caller on the other side waits for this line.
    pub(super) camped: Option<CompletionId>,
    /// Who sent the call here last; empty where nobody did.
    pub(super) redirecting: PartyView,
    /// Where it was sent.
    pub(super) redirection: PartyView,
    /// CallData.
    pub(super) data: Bytes,
    /// The user-user information that came last.
    pub(super) user_user: Bytes,
    /// What a trusted network found of the caller's number.
    pub(super) verstat: Option<Arc<str>>,
    /// What a trusted network says that the next is told.
    pub(super) carried: Option<Box<Carried>>,
    /// Whether it calls for help.
    pub(super) is_urgent: bool,
    /// The line whose mailbox the caller was handed to, and why; until that answers.
    pub(super) deposited: Option<(Arc<str>, Why)>,
}

/// What most calls have of it.
static NOTHING: Few = Few::NOTHING;

impl Few {
    /// Nothing of it.
    pub(super) const NOTHING: Self = Self {
        errand: None,
        digits: None,
        completes: None,
        device: None,
        rings_until: None,
        greeting: None,
        no_answer_after: None,
        listening: Listening::new(),
        consultation: None,
        sent: None,
        sends: None,
        sent_by: None,
        conference: None,
        pending: None,
        parked: None,
        taker: None,
        camped: None,
        redirecting: PartyView { number: String::new(), name: String::new(), is_blocked: false },
        redirection: PartyView { number: String::new(), name: String::new(), is_blocked: false },
        data: Bytes::new(),
        user_user: Bytes::new(),
        verstat: None,
        carried: None,
        is_urgent: false,
        deposited: None,
    };
}

/// A call.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) line: Arc<str>,
    pub(super) kind: LineKind,
    pub(super) state: CallState,
    pub(super) since: Instant,
    pub(super) origin: CallOrigin,
    pub(super) reason: CallReason,
    pub(super) caller: PartyView,
    /// The caller's number in canonical form.
    pub(super) caller_id: Option<CallerId>,
    pub(super) called: PartyView,
    pub(super) connected: PartyView,
    /// Whether this is the side that calls: it counts as the conversation.
    pub(super) calls: bool,
    /// The other side of the conversation.
    pub(super) peer: Option<CallId>,
    /// The station's leg: the one that called in, or the one that answered.
    pub(super) leg: Option<LegId>,
    /// The attempt to reach the station; aside, for calls that are up have none.
    pub(super) ring: Option<Box<Ring>>,
    /// Max-Forwards for what this call leads to.
    pub(super) max_forwards: u8,
    /// What the network that he called offered to tell (RFC 6910).
    pub(super) completable: Option<Box<Completable>>,
    /// Where this caller was led.
    pub(super) reached: Option<Destination>,
    /// Who sent this caller elsewhere.
    pub(super) trail: Trail,
    /// The request that this call completes (`dwCompletionID`).
    pub(super) completion: Option<CompletionId>,
    /// The media worker of the conversation.
    pub(super) media_worker: u16,
    /// Who holds a handle.
    pub(super) handles: Vec<(AppId, CallPrivilege)>,
    /// Whether an application made the call.
    pub(super) made: bool,
    /// Whether an application acted on the call: then it waits for that application to clear it.
    pub(super) claimed: bool,
    /// Held by an application.
    pub(super) held: Option<Hold>,
    /// Held at the handset.
    pub(super) held_by_station: bool,
    pub(super) media_modes: Vec<MediaMode>,
    /// How often the station rang.
    pub(super) rings: u32,
    /// Whether the called phone is asked to answer by itself.
    pub(super) dest_off_hook: bool,
    /// Whether nothing may interrupt it (`lineSecureCall`).
    pub(super) is_secure: bool,
    /// Whether it is answered only to hear that a feature was switched.
    pub(super) is_confirmed: bool,
    /// The figures of a station that it has no more.
    pub(super) media: Option<Box<MediaView>>,
    /// Read by dereference.
    pub(super) few: Option<Box<Few>>,
}

impl Deref for Call {
    type Target = Few;

    fn deref(&self) -> &Few {
        self.few.as_deref().unwrap_or(&NOTHING)
    }
}

/// Makes room for what few calls have; what is only taken away is taken by [`Call::few`].
impl DerefMut for Call {
    fn deref_mut(&mut self) -> &mut Few {
        self.few.get_or_insert_with(|| Box::new(Few::NOTHING))
    }
}

impl Call {
    /// A call on this line, between nobodies so far.
    pub(super) fn new(
        now: Instant,
        id: CallId,
        line: Arc<str>,
        kind: LineKind,
        origin: CallOrigin,
        state: CallState,
    ) -> Self {
        Self {
            id,
            line,
            kind,
            state,
            since: now,
            origin,
            reason: CallReason::Direct,
            caller: PartyView::default(),
            caller_id: None,
            called: PartyView::default(),
            connected: PartyView::default(),
            calls: false,
            peer: None,
            leg: None,
            ring: None,
            max_forwards: MAX_FORWARDS,
            completable: None,
            reached: None,
            trail: Trail::default(),
            completion: None,
            media_worker: 0,
            handles: Vec::new(),
            made: false,
            claimed: false,
            held: None,
            held_by_station: false,
            media_modes: vec![MediaMode::InteractiveVoice],
            rings: 0,
            dest_off_hook: false,
            is_secure: false,
            is_confirmed: false,
            media: None,
            few: None,
        }
    }

    /// The same call with what came along with it, as a rule nothing.
    pub(super) fn with(
        mut self,
        redirecting: PartyView,
        redirection: PartyView,
        data: Bytes,
        user_user: Bytes,
    ) -> Self {
        let nobody = PartyView::default();
        let is_plain = redirecting == nobody && redirection == nobody;
        if !is_plain || !data.is_empty() || !user_user.is_empty() {
            let few = &mut *self;
            (few.redirecting, few.redirection) = (redirecting, redirection);
            (few.data, few.user_user) = (data, user_user);
        }
        self
    }

    /// What few calls have, if this one has any of it.
    pub(super) fn few(&mut self) -> Option<&mut Few> {
        self.few.as_deref_mut()
    }

    /// What the application holds.
    pub(super) fn privilege(&self, app: AppId) -> CallPrivilege {
        self.handles
            .iter()
            .find(|(holder, _)| *holder == app)
            .map_or(CallPrivilege::None, |(_, privilege)| *privilege)
    }

    /// Who is at this end of the call: who calls, on the calling side, else who was called, or who answered for him.
    pub(super) fn station_party(&self) -> PartyView {
        match (self.kind, self.origin) {
            (LineKind::Trunk, CallOrigin::Outbound)
            | (LineKind::Phone | LineKind::Local, CallOrigin::Internal | CallOrigin::External) => {
                self.called.clone()
            }
            (LineKind::Trunk, CallOrigin::Internal | CallOrigin::External | CallOrigin::Conference)
            | (LineKind::Phone | LineKind::Local, CallOrigin::Outbound | CallOrigin::Conference) => {
                self.caller.clone()
            }
        }
    }

    /// Whether anybody owns it.
    pub(super) fn is_owned(&self) -> bool {
        self.handles.iter().any(|(_, privilege)| *privilege == CallPrivilege::Owner)
    }

    /// Whether this side holds the other.
    pub(super) const fn holds(&self) -> bool {
        matches!(self.state, CallState::OnHold | CallState::OnHoldPendConf | CallState::OnHoldPendTransfer)
    }

    /// Whether its station was asked to hold it, and has not done so yet.
    pub(super) fn is_asked_to_hold(&self) -> bool {
        self.pending.is_some_and(|pending| pending.wish == Wish::Hold)
    }

    /// Whether the call is neither over nor disconnected.
    pub(super) const fn is_alive(&self) -> bool {
        !matches!(self.state, CallState::Idle | CallState::Disconnected(_))
    }

    /// Its legs: the station's and those that ring.
    pub(super) fn legs(&self) -> impl Iterator<Item = LegId> {
        let ringing = self.ring.iter().flat_map(|ring| ring.branches.iter().copied());
        self.leg.into_iter().chain(ringing)
    }
}

#[cfg(test)]
mod tests {
    use trunkline_sip::outbox::{Event, Peer};

    use super::*;
    use crate::switch::rig::Rig;

    #[test]
    fn a_plain_call_that_is_up_has_nothing_of_what_few_calls_have() {
        let mut rig = Rig::new();
        let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some("8 101"));
        let (station, _) = rig.invited();
        rig.progress(station, 180, None);
        rig.answer(station, "8 101");
        rig.tell(Event::Established { leg: caller, answer: None });
        for id in [CallId(1), CallId(2)] {
            let call = rig.switch.calls.get(&id).unwrap();
            assert!(matches!(call.state, CallState::Connected(_)) && call.few.is_none());
            assert_eq!((call.sent.is_some(), call.errand.is_some()), (false, false));
        }
    }
}
