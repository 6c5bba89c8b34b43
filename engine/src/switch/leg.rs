//! SIP legs as the switch knows them.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use trunkline_sip::LegId;
use trunkline_sip::location::Binding;
use trunkline_sip::sdp::SessionDescription;

use super::digits::DigitWay;
use super::ice::IceSession;
use super::ids::CallId;
use super::keying::Keying;
use super::passing::Passing;
use super::ring::Candidate;
use super::session::FarEnd;

/// How far a leg is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LegPhase {
    /// It called in and has no final response.
    Offered,
    /// We called and have no final response.
    Inviting,
    /// We answered it and wait for the ACK.
    Answered,
    /// It is confirmed.
    Up,
    /// We ended it and wait for the agent to say so.
    Ending,
}

/// An offer of ours.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Offered {
    pub(super) description: Box<SessionDescription>,
    /// Whether the far end asked for it.
    pub(super) asked: bool,
    /// The leg whose far end's offer it passes on.
    pub(super) on_behalf: Option<LegId>,
    /// The leg whose codecs it asks for.
    pub(super) aligned_to: Option<LegId>,
}

impl Offered {
    /// An offer that nobody asked for and that passes on nobody's.
    pub(super) const fn own(description: Box<SessionDescription>) -> Self {
        Self { description, asked: false, on_behalf: None, aligned_to: None }
    }
}

/// One leg.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) call: CallId,
    pub(super) phase: LegPhase,
    /// Where its messages come from.
    pub(super) signalling: IpAddr,
    /// The far end's last description.
    pub(super) theirs: Option<Box<SessionDescription>>,
    /// What we described last.
    pub(super) ours: Option<Box<SessionDescription>>,
    /// How its media is sealed; both descriptions are without keys.
    pub(super) keying: Keying,
    /// Where we called it, should it be worth another offer.
    pub(super) invited: Option<Box<Candidate>>,
    /// The leg whose codecs the far end does not know: between the two the relay transcodes.
    pub(super) is_foreign_to: Option<LegId>,
    /// The leg whose far end did not take the video or text that this one's offers.
    pub(super) streams_refused_by: Option<LegId>,
    /// The contact of the phone, where we called it.
    pub(super) binding: Option<Arc<Binding>>,
    /// The header lines that this contact alone was told, where it is one of the flows that a device keeps.
    pub(super) keeps_flow: Option<Box<[(&'static str, String)]>>,
    /// Whether the phone can be asked by `NOTIFY Event: talk`.
    pub(super) talk: bool,
    /// Whether it can be asked by `NOTIFY Event: hold`; not known over a restart, the engine holds then.
    pub(super) hold: bool,
    /// Whether it was alerted.
    pub(super) rang: bool,
    /// How the far end holds.
    pub(super) far_end: FarEnd,
    /// Our offers that wait for an answer, in the order in which the agent sends them.
    pub(super) offered: VecDeque<Offered>,
    /// The far end's offer that waits for what the other side says to it.
    pub(super) passing: Option<Box<Passing>>,
    /// While fax is agreed: what we described of audio before, and whether audio was offered again.
    pub(super) audio: Option<Box<SessionDescription>>,
    pub(super) leaves_fax: bool,
    /// The ICE session with the far end, where it wants one.
    pub(super) ice: Option<IceSession>,
    /// Whether our port moved after it was described.
    pub(super) moved: bool,
    /// By which way it says digits.
    pub(super) digit_way: Option<DigitWay>,
    /// The conference that it was told the engine is the focus of (RFC 4579).
    pub(super) focus: Option<CallId>,
    /// The last provisional response sent.
    pub(super) provisional: Option<u16>,
}

impl Leg {
    /// A leg that has said nothing.
    pub(super) fn new(id: LegId, call: CallId, phase: LegPhase, signalling: IpAddr) -> Self {
        Self {
            id,
            call,
            phase,
            signalling,
            theirs: None,
            ours: None,
            keying: Keying::default(),
            invited: None,
            is_foreign_to: None,
            streams_refused_by: None,
            binding: None,
            keeps_flow: None,
            talk: false,
            hold: false,
            rang: false,
            far_end: FarEnd::Listens,
            offered: VecDeque::new(),
            passing: None,
            audio: None,
            leaves_fax: false,
            ice: None,
            moved: false,
            digit_way: None,
            focus: None,
            provisional: None,
        }
    }

    /// Whether both sides have described what they speak, perhaps in early media: another offer may follow.
    pub(super) const fn is_agreed(&self) -> bool {
        match self.phase {
            LegPhase::Answered | LegPhase::Up => true,
            LegPhase::Offered | LegPhase::Inviting => self.ours.is_some() && self.theirs.is_some(),
            LegPhase::Ending => false,
        }
    }

    /// Whether speech can flow.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.phase, LegPhase::Answered | LegPhase::Up)
    }
}
