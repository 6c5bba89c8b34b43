//! What records of calls are made of: that a call began, whom it is with, how it stands, that it is over for good.
//!
//! ```text
//!  introduce ──▶ settle ── Began ── Stands … ── Over ──▶ Outbox::facts ──▶ the records' ledger (crate::records)
//!                             the relay's last word ── Media ──▶
//! ```
//!
//! A call is told as it stands after each input, and only where that differs from what was told before: nothing needs to be
//! remembered where a call moves. It is over for good when it is disconnected or idle; whoever is left at a busy tone is not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::FixedState;
use trunkline_sip::outbox::CauseKind;

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, DisconnectMode};
use super::ids::CallId;
use super::outbox::Outbox;
use super::quality::{EndedMedia, MediaView};
use super::release::Parting;
use super::route::Destination;
use super::setup::LineKind;
use super::status::Failure;
use super::view::{CallOrigin, CallReason, PartyView};

/// Something that happened to a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallFact {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: Instant,
    /// What.
    pub kind: CallFactKind,
}

impl CallFact {
    /// About how many octets of memory it takes while it waits.
    pub fn weight(&self) -> usize {
        let words = |words: &CallWords| words.called.len() + words.reached.len() + words.userfield.len();
        let more = match &self.kind {
            CallFactKind::Began(begun) => {
                let party = begun.party.number.len() + begun.party.name.len() + begun.redirecting.len();
                size_of::<CallBegun>() + party + words(&begun.words)
            }
            CallFactKind::Stands(_) => 0,
            CallFactKind::Did(deed) => size_of::<CallDeed>() + deed.text_bytes(),
            CallFactKind::Over(over) => size_of::<CallOver>() + words(&over.words),
            CallFactKind::Media(media) => media.as_ref().map_or(0, |_| size_of::<MediaView>()),
        };
        size_of::<Self>() + more
    }
}

/// What happened to a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallFactKind {
    /// It began, or was taken back after a restart. Always the first.
    Began(Box<CallBegun>),
    /// How it stands has changed.
    Stands(CallStanding),
    /// Something was done with it.
    Did(Box<CallDeed>),
    /// It is over for good. Always the last but [`Self::Media`].
    Over(Box<CallOver>),
    /// The relay has closed its leg: how the media was; `None`: there was none.
    Media(Option<Box<MediaView>>),
}

/// A call that began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallBegun {
    /// Its line, or its trunk.
    pub line: Arc<str>,
    /// Which of them.
    pub kind: LineKind,
    /// LINECALLORIGIN_.
    pub origin: CallOrigin,
    /// Who is at this end.
    pub party: PartyView,
    /// The call that it consults for.
    pub consults: Option<CallId>,
    /// Who sent it here last; empty where nobody did.
    pub redirecting: String,
    /// What may be known better at the end.
    pub words: CallWords,
    /// How it stands.
    pub standing: CallStanding,
}

/// What is said of a call at its begin and again at its end, when more may be known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallWords {
    /// The number that was called.
    pub called: String,
    /// What it led to: a line, `TRUNK/NUMBER`, a group; empty where it led nowhere.
    pub reached: String,
    /// `Dial`, `Queue` for a ring group, `Page`.
    pub application: &'static str,
    /// LINECALLREASON_.
    pub reason: CallReason,
    /// CallData, where it is text.
    pub userfield: String,
}

/// How a call stands, as far as records tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallStanding {
    /// Whether somebody answered, and what for.
    pub phase: CallPhase,
    /// The other side.
    pub peer: Option<CallId>,
    /// Whether it is the side that calls.
    pub calls: bool,
    /// The conference that it is in.
    pub conference: Option<CallId>,
}

/// What was done with a call, as events tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallDeed {
    /// Its far party is sent to a number, without asking there.
    BlindTransfer {
        /// The far party.
        far: CallId,
        /// The number.
        to: String,
    },
    /// Its far party is connected with that of another call of its line.
    AttendedTransfer {
        /// The far party.
        far: CallId,
        /// The other call.
        consult: CallId,
        /// The far party of that.
        to: CallId,
    },
    /// What was offered here is taken by another call.
    Pickup {
        /// That call.
        by: CallId,
    },
    /// Who calls is sent on.
    Forward {
        /// Who sends him on.
        by: String,
        /// The number.
        to: String,
        /// LINECALLREASON_.
        reason: CallReason,
    },
}

impl CallDeed {
    const fn text_bytes(&self) -> usize {
        match self {
            Self::BlindTransfer { to, .. } => to.len(),
            Self::AttendedTransfer { .. } | Self::Pickup { .. } => 0,
            Self::Forward { by, to, .. } => by.len() + to.len(),
        }
    }
}

/// What a call is about, for records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallPhase {
    /// Nobody answered yet.
    Waiting,
    /// It is answered.
    Talking,
    /// It is answered, and this side holds it.
    Holding,
    /// It is the parent of a conference: the organizer's part in it.
    Conference,
    /// Its party is parked here.
    Parked(Arc<str>),
}

/// A call that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallOver {
    /// What is known of it at the end.
    pub words: CallWords,
    /// LINEDISCONNECTMODE_, whichever side ended it.
    pub mode: DisconnectMode,
    /// In the words of SIP and Q.850.
    pub cause: EndCause,
    /// Whether its own station hung up.
    pub has_hung_up: bool,
    /// Whether it had a station, whose media the relay will tell.
    pub had_station: bool,
}

/// Why a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EndCause {
    /// The final response that the attempt got or would get; 200 for a BYE.
    pub status: u16,
    /// The cause of Q.850 that was said, else what RFC 3398 §8.2.6.1 makes of the status.
    pub q850: Option<u8>,
    /// Whether the far end refused.
    pub is_refusal: bool,
}

impl EndCause {
    /// Because of a failure.
    pub(super) fn of(failure: &Failure) -> Self {
        let cause = &failure.cause;
        let (status, q850) = match cause.kind {
            CauseKind::Bye => (200, Some(NORMAL)),
            CauseKind::Cancel | CauseKind::Local => (487, Some(NORMAL)),
            CauseKind::Status => (cause.status, of_status(cause.status)),
            CauseKind::Unreachable | CauseKind::Lost | CauseKind::NoAck => (408, Some(TEMPORARY_FAILURE)),
        };
        let is_refusal = cause.kind == CauseKind::Status && !failure.ours;
        Self { status, q850: cause.q850.or(q850), is_refusal }
    }

    /// Because of the engine or an application, with this status and this value of Reason.
    pub(super) fn by_us(status: u16, reason: Option<&str>) -> Self {
        let said = reason.and_then(|reason| reason.strip_prefix("Q.850;cause="));
        let said = said.and_then(|rest| rest.split(';').next()?.parse().ok());
        Self { status, q850: said.or_else(|| of_status(status)), is_refusal: false }
    }
}

/// Q.850: normal call clearing.
const NORMAL: u8 = 16;
/// Q.850: temporary failure.
const TEMPORARY_FAILURE: u8 = 41;

/// The cause of Q.850 for a final response (RFC 3398 §8.2.6.1); a request that was cancelled is cleared normally.
const fn of_status(status: u16) -> Option<u8> {
    Some(match status {
        401 | 402 | 403 | 407 | 603 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        487 => NORMAL,
        400 | 481 | 500 | 503 => TEMPORARY_FAILURE,
        502 => 38,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        _ => return None,
    })
}

/// What was told of the calls that are not over.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Facts(HashMap<CallId, Noted, FixedState>);

#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
struct Noted {
    /// How it was told to stand; `None`: nothing was told yet.
    told: Option<CallStanding>,
    /// Why it ended, or why its attempt failed.
    end: Option<(DisconnectMode, EndCause)>,
    has_hung_up: bool,
    had_station: bool,
    /// What was done with it since it was told of.
    deeds: Vec<CallDeed>,
}

/// Of one call between two looks at it: no input does as much.
const DEEDS_MAX: usize = 16;

impl Switch {
    /// Tells from here on what records of calls are made of ([`Outbox::facts`]).
    pub fn tell_facts(&mut self) {
        self.facts = Some(Facts::default());
    }

    /// A call is there.
    pub(super) fn note_begin(&mut self, id: CallId) {
        if let Some(facts) = &mut self.facts {
            facts.0.insert(id, Noted::default());
        }
    }

    /// Something is done with a call.
    pub(super) fn note_deed(&mut self, id: CallId, deed: impl FnOnce() -> CallDeed) {
        if let Some(noted) = self.facts.as_mut().and_then(|facts| facts.0.get_mut(&id))
            && noted.deeds.len() < DEEDS_MAX
        {
            noted.deeds.push(deed());
            self.dirty.insert(id);
        }
    }

    /// The party of a call is sent to a number.
    pub(super) fn note_blind_transfer(&mut self, id: CallId, far: CallId, to: &str) {
        self.note_deed(id, || CallDeed::BlindTransfer { far, to: cut(to.to_owned()) });
    }

    /// Who calls is sent on to where [`Call::redirection`] says, by whom its trail names.
    pub(super) fn note_forward(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id).filter(|_| self.facts.is_some()) else { return };
        let (by, to) = (cut(call.redirecting.number.clone()), cut(call.redirection.number.clone()));
        let reason = call.trail.reason();
        self.note_deed(id, || CallDeed::Forward { by, to, reason });
    }

    /// The station of a call hung up.
    pub(super) fn note_hung_up(&mut self, id: CallId) {
        if let Some(noted) = self.facts.as_mut().and_then(|facts| facts.0.get_mut(&id)) {
            noted.has_hung_up = true;
        }
    }

    /// One side of a call ends.
    pub(super) fn note_end(&mut self, id: CallId, parting: &Parting) {
        if let Some(noted) = self.facts.as_mut().and_then(|facts| facts.0.get_mut(&id)) {
            noted.end.get_or_insert((parting.mode, parting.cause));
        }
    }

    /// Something happened to a call.
    pub(super) fn settle_facts(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(facts) = &mut self.facts else { return };
        let Some(noted) = facts.0.get_mut(&id) else { return };
        let Some(call) = self.calls.get(&id) else {
            facts.0.remove(&id);
            return;
        };
        noted.had_station |= call.leg.is_some();
        let mut tell = |kind| out.facts.push(CallFact { call: id, at: now, kind });
        let is_alive = call.is_alive();
        if is_alive || noted.told.is_none() {
            let standing = standing(call);
            if noted.told.is_none() {
                tell(CallFactKind::Began(Box::new(begun(call, standing.clone()))));
                noted.told = Some(standing.clone());
            }
            noted.deeds.drain(..).for_each(|deed| tell(CallFactKind::Did(Box::new(deed))));
            match &mut noted.told {
                Some(told) if *told != standing => {
                    if standing.phase != CallPhase::Waiting {
                        // An attempt that failed was followed by one that did not.
                        noted.end = None;
                    }
                    *told = standing.clone();
                    tell(CallFactKind::Stands(standing));
                }
                Some(_) | None => {}
            }
        }
        noted.deeds.drain(..).for_each(|deed| tell(CallFactKind::Did(Box::new(deed))));
        if is_alive {
            return;
        }
        let (mode, cause) = noted.end.unwrap_or_else(|| {
            let mode =
                if let CallState::Disconnected(mode) = call.state { mode } else { DisconnectMode::Normal };
            (mode, EndCause { status: 487, q850: Some(NORMAL), is_refusal: false })
        });
        let (has_hung_up, had_station) = (noted.has_hung_up, noted.had_station);
        let over = CallOver { words: words(call), mode, cause, has_hung_up, had_station };
        tell(CallFactKind::Over(Box::new(over)));
        facts.0.remove(&id);
    }

    /// The relay has closed a leg of a call.
    pub(super) fn tell_media_fact(&self, ended: &EndedMedia, out: &mut Outbox) {
        if self.facts.is_some() {
            let media = (!ended.media.is_empty()).then(|| Box::new(ended.media.clone()));
            out.facts.push(CallFact { call: ended.call, at: self.now, kind: CallFactKind::Media(media) });
        }
    }
}

fn standing(call: &Call) -> CallStanding {
    let phase = match call.state {
        _ if call.parked.is_some() => call.parked.clone().map_or(CallPhase::Talking, CallPhase::Parked),
        CallState::Connected(_) | CallState::Conferenced | CallState::OnHoldPendConf
            if call.origin == CallOrigin::Conference =>
        {
            CallPhase::Conference
        }
        CallState::Connected(_) | CallState::Conferenced => CallPhase::Talking,
        CallState::OnHold | CallState::OnHoldPendConf | CallState::OnHoldPendTransfer => CallPhase::Holding,
        CallState::Idle
        | CallState::Offering(_)
        | CallState::Accepted
        | CallState::DialTone(_)
        | CallState::Dialing
        | CallState::Ringback
        | CallState::Busy(_)
        | CallState::SpecialInfo(_)
        | CallState::Proceeding
        | CallState::Disconnected(_)
        | CallState::Unknown => CallPhase::Waiting,
    };
    let conference = call.conference.filter(|_| call.state == CallState::Conferenced);
    CallStanding { phase, peer: call.peer, calls: call.calls, conference }
}

fn begun(call: &Call, standing: CallStanding) -> CallBegun {
    CallBegun {
        line: Arc::clone(&call.line),
        kind: call.kind,
        origin: call.origin,
        party: {
            let PartyView { number, name, is_blocked } = call.station_party();
            PartyView { number: cut(number), name: cut(name), is_blocked }
        },
        consults: call.consultation.filter(|one| one.is_consult).map(|one| one.other),
        redirecting: cut(call.redirecting.number.clone()),
        words: words(call),
        standing,
    }
}

fn words(call: &Call) -> CallWords {
    let (application, reached) = match &call.reached {
        Some(Destination::Line(line)) => ("Dial", line.to_string()),
        Some(Destination::Trunk(trunk, number)) => ("Dial", format!("{trunk}/{number}")),
        Some(Destination::Group(group)) => ("Queue", group.to_string()),
        Some(Destination::Page(page)) => ("Page", page.to_string()),
        None => ("Dial", String::new()),
    };
    CallWords {
        called: cut(call.called.number.clone()),
        reached: cut(reached),
        application,
        reason: call.reason,
        userfield: userfield(&call.data),
    }
}

/// Names and numbers that strangers say, in octets: facts wait in memory.
const TEXT_MAX: usize = 256;

/// The longest `userfield`, in octets, as Asterisk has it.
const USERFIELD_MAX: usize = 255;

fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text.shrink_to_fit();
    }
    text
}

/// What is no text is for the applications alone.
fn userfield(data: &[u8]) -> String {
    let text = std::str::from_utf8(data).unwrap_or_default();
    text[..text.floor_char_boundary(USERFIELD_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use trunkline_sip::outbox::{Event, Peer};

    use super::*;
    use crate::switch::rig::Rig;

    fn kinds(facts: &[CallFact]) -> Vec<(u64, &'static str)> {
        let name = |fact: &CallFact| match &fact.kind {
            CallFactKind::Began(_) => "began",
            CallFactKind::Stands(standing) => match standing.phase {
                CallPhase::Waiting => "waits",
                CallPhase::Talking => "talks",
                CallPhase::Holding => "holds",
                CallPhase::Conference => "conference",
                CallPhase::Parked(_) => "parked",
            },
            CallFactKind::Did(_) => "did",
            CallFactKind::Over(_) => "over",
            CallFactKind::Media(_) => "media",
        };
        facts.iter().map(|fact| (fact.call.0, name(fact))).collect()
    }

    #[test]
    fn a_plain_call_is_told_once_each_way() {
        let mut rig = Rig::new();
        rig.switch.tell_facts();
        let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some("8 101"));
        let (station, _) = rig.invited();
        rig.progress(station, 180, None);
        assert_eq!(kinds(&rig.facts()), [(1, "began"), (2, "began")]);
        rig.answer(station, "8 101");
        rig.tell(Event::Established { leg: caller, answer: None });
        assert_eq!(kinds(&rig.facts()), [(1, "talks"), (2, "talks")]);
        rig.end(caller, CauseKind::Bye);
        let facts = rig.facts();
        assert_eq!(kinds(&facts), [(1, "over"), (2, "over"), (1, "media"), (2, "media")]);
        for (fact, has_hung_up) in facts[..2].iter().zip([true, false]) {
            let CallFactKind::Over(over) = &fact.kind else { panic!("{fact:?}") };
            assert_eq!(
                (over.mode, over.has_hung_up, over.had_station),
                (DisconnectMode::Normal, has_hung_up, true)
            );
            assert_eq!((over.cause.status, over.cause.q850), (200, Some(16)));
        }
    }

    #[test]
    fn who_is_refused_is_told_with_status_and_cause() {
        let mut rig = Rig::new();
        rig.switch.tell_facts();
        rig.call_in(Peer::Trunk("carrier".into()), "030", Some("8 101"));
        let (station, _) = rig.invited();
        rig.facts();
        rig.refuse(station, 486);
        let facts = rig.facts();
        let ends = facts
            .iter()
            .filter(|fact| fact.call == CallId(1))
            .filter_map(|fact| if let CallFactKind::Over(over) = &fact.kind { Some(over) } else { None });
        let over = ends.collect::<Vec<_>>().pop().expect("it is over");
        assert_eq!((over.mode, over.cause.status, over.cause.q850), (DisconnectMode::Busy, 486, Some(17)));
        assert!(over.cause.is_refusal && !over.has_hung_up);
    }

    #[test]
    fn what_strangers_say_is_cut_between_characters() {
        let long = "ä".repeat(300);
        assert_eq!(cut(long.clone()), "ä".repeat(128));
        assert_eq!(cut("1001".to_owned()), "1001");
        assert_eq!(userfield(long.as_bytes()), "ä".repeat(127));
        assert_eq!((userfield(b"case 7").as_str(), userfield(&[0xff; 9]).as_str()), ("case 7", ""));
    }

    #[test]
    fn a_fact_weighs_what_it_carries() {
        let mut rig = Rig::new();
        rig.switch.tell_facts();
        rig.call_in(Peer::Trunk("carrier".into()), &"3".repeat(4_000), Some("8 101"));
        let facts = rig.facts();
        let most = size_of::<CallFact>() + size_of::<CallBegun>() + 5 * TEXT_MAX + USERFIELD_MAX;
        let least = size_of::<CallFact>() + size_of::<CallBegun>();
        let began = facts.iter().filter(|fact| matches!(fact.kind, CallFactKind::Began(_)));
        assert!(
            began.clone().count() == 1 && began.clone().all(|fact| (least..=most).contains(&fact.weight())),
            "{:?}",
            facts.iter().map(CallFact::weight).collect::<Vec<_>>()
        );
    }

    #[test]
    fn who_wants_no_records_is_told_nothing() {
        let mut rig = Rig::new();
        rig.call_in(Peer::Trunk("carrier".into()), "030", Some("8 101"));
        assert!(rig.facts().is_empty());
    }
}
