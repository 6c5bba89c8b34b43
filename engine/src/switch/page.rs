//! Page groups: who dials the address of one speaks to the phones of its members, which answer by themselves, and hears none of them.
//!
//! ```text
//!   caller A  CONNECTED ──┬──▶ F at 1001  CONNECTED
//!   (no partner; hears    ├──▶ G at 1002  CONNECTED
//!    silence)             └╌╌▶ H at 1003  OFFERING, for RING at most
//! ```
//!
//! - A is answered when the first member is. Each member's line has a call of its own without partner, REDIRECT by the group.
//! - Nobody is disturbed who has a call, or who said that he does not want to be; whose phone does not answer by itself is left alone
//!   after [`RING`]. The call goes nowhere else for any of them.
//! - One phone of a line is spoken to, the one that was heard of last, in the form that its vendor understands.
//! - A speaks to lines as one of them: not from outside, not hidden, and not as somebody whom another sent there; and alone.
//! - Members hear what the engine can say in their codecs and keys, so A must speak one that it understands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::outbox::{DialogPhase, DialogState, Party};

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, DisconnectMode, OfferingMode};
use super::caller::ANONYMITY_DISALLOWED;
use super::forward::Condition;
use super::ids::CallId;
use super::leg::{Leg, LegPhase};
use super::media::Heard;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::ring::contact;
use super::session;
use super::setup::{LineKind, PageSetup};
use super::status::{Failure, NORMAL_CLEARING};
use super::timers::Timer;
use super::view::{CallOrigin, CallReason, PartyView};

/// How long the phone of a member may ring: one that answers by itself does so at once.
pub(super) const RING: Duration = Duration::from_secs(5);

/// All who speak to page groups.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Pages {
    by_caller: BTreeMap<CallId, Page>,
    /// Who speaks to a member.
    by_member: BTreeMap<CallId, CallId>,
}

/// Who speaks to a page group.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Page {
    setup: Arc<PageSetup>,
    /// The calls of members that ring or listen.
    members: Vec<CallId>,
    /// Whether a member has answered.
    is_heard: bool,
    /// Whether all members that can be are called.
    is_called: bool,
}

impl Pages {
    /// Who speaks to this member.
    pub(super) fn speaker(&self, member: CallId) -> Option<CallId> {
        self.by_member.get(&member).copied()
    }

    /// Whether this call is one of a page: of who speaks, or of a member.
    pub(super) fn has(&self, id: CallId) -> bool {
        self.by_caller.contains_key(&id) || self.by_member.contains_key(&id)
    }

    /// Who speaks to the group of this address, and whether a member has answered.
    fn to(&self, address: &str) -> Option<(CallId, bool)> {
        let mut pages = self.by_caller.iter().filter(|(_, page)| *page.setup.address == *address);
        pages.next().map(|(caller, page)| (*caller, page.is_heard))
    }

    /// How many speak.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(
            self.by_caller.values().map(|page| page.members.len()).sum::<usize>(),
            self.by_member.len()
        );
        self.by_caller.len()
    }

    fn add(&mut self, caller: CallId, member: CallId) {
        if let Some(page) = self.by_caller.get_mut(&caller) {
            page.members.push(member);
            self.by_member.insert(member, caller);
        }
    }

    /// Takes a member out; who speaks to it.
    fn take_member(&mut self, member: CallId) -> Option<CallId> {
        let caller = self.by_member.remove(&member)?;
        if let Some(page) = self.by_caller.get_mut(&caller) {
            page.members.retain(|other| *other != member);
        }
        Some(caller)
    }

    fn take(&mut self, caller: CallId) -> Option<Page> {
        let page = self.by_caller.remove(&caller)?;
        for member in &page.members {
            self.by_member.remove(member);
        }
        Some(page)
    }
}

impl Switch {
    /// Calls the members of a page group for this caller.
    pub(super) fn call_page(&mut self, now: Instant, caller: CallId, address: &str, out: &mut Outbox) {
        let Some(page) = self.lines.page(address).map(Arc::clone) else { return };
        if let Err(status) = self.check_page(caller, &page) {
            self.fail(now, caller, &Failure::local(status), out);
            return;
        }
        self.report(now, caller, CallReport::Dialed, out);
        self.watches.touch(address);
        let members = page.members.clone();
        let entry = Page { setup: page, members: Vec::new(), is_heard: false, is_called: false };
        self.pages.by_caller.insert(caller, entry);
        for line in &members {
            self.call_listener(now, caller, line, out);
        }
        if let Some(page) = self.pages.by_caller.get_mut(&caller) {
            page.is_called = true;
        }
        self.page_on(now, caller, out);
    }

    /// Whether this caller may speak to the group, and can be heard there.
    ///
    /// # Errors
    /// The status of the refusal: 403 without the right, 433 for who hides, 486 where somebody speaks already, 488 where the engine does not
    /// understand his codecs.
    fn check_page(&self, caller: CallId, page: &PageSetup) -> Result<(), u16> {
        let call = self.calls.get(&caller).ok_or(481_u16)?;
        let may = page.callers.is_empty() || page.callers.contains(&call.line);
        let is_himself = call.kind == LineKind::Phone && !call.trail.is_ours() && call.sent_by.is_none();
        if !(may && is_himself) {
            return Err(403);
        }
        if call.caller.is_blocked {
            return Err(ANONYMITY_DISALLOWED);
        }
        if self.pages.to(&page.address).is_some() {
            return Err(486);
        }
        let leg =
            call.leg.and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.call == caller).ok_or(480_u16)?;
        let is_understood = match &leg.theirs {
            Some(_) if leg.is_up() => self.media.is_decoded(leg.id),
            Some(offer) if leg.phase == LegPhase::Offered => {
                self.place(leg.id).is_some_and(|place| session::own_answer(offer, place).is_some())
            }
            Some(_) | None => true,
        };
        if is_understood { Ok(()) } else { Err(488) }
    }

    /// Calls the phone of a member, if it may be disturbed.
    fn call_listener(&mut self, now: Instant, caller: CallId, address: &Arc<str>, out: &mut Outbox) {
        let setup = self.setup.lines.iter().find(|line| line.address == *address);
        if !setup.is_some_and(|line| line.kind == LineKind::Phone && line.intercom)
            || self.forward_entry(caller, address, Condition::Always).is_some()
            || self.is_on_a_call(address)
        {
            return;
        }
        let Some(binding) = self.location.bindings(address, now).pop() else { return };
        let Some((calling, page)) = self.calls.get(&caller).zip(self.pages.by_caller.get(&caller)) else {
            return;
        };
        let group = PartyView::new(page.setup.address.to_string(), page.setup.name.clone());
        let member = PartyView::new(address.to_string(), self.lines.name(address));
        let (from, max_forwards, media_worker) =
            (calling.station_party(), calling.max_forwards, calling.media_worker);
        let id = self.next_call();
        let offering = CallState::Offering(OfferingMode::Active);
        let call = Call {
            caller: from,
            called: member.clone(),
            reason: CallReason::Redirect,
            dest_off_hook: true,
            max_forwards,
            media_worker,
            ..Call::new(now, id, Arc::clone(address), LineKind::Phone, CallOrigin::Internal, offering)
        };
        self.introduce(call.with(group.clone(), member, Bytes::new(), Bytes::new()), None, out);
        self.pages.add(caller, id);
        self.timers.start(id, Timer::Ring, now + RING);
        let host = self.setup.domain.clone();
        let to = Party { user: group.number, host: host.clone(), name: group.name };
        // Not by the caller's description: members have codecs and keys of their own.
        self.start_ring(now, id, None, to, host, [vec![contact(&binding)]].into(), out);
    }

    /// A member's phone has answered: it listens from here on.
    pub(super) fn listens(&mut self, now: Instant, caller: CallId, id: CallId, out: &mut Outbox) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.connected = call.caller.clone();
        }
        self.tell_info(id, "connectedid", None, out);
        let Some(page) = self.pages.by_caller.get_mut(&caller) else { return };
        if std::mem::replace(&mut page.is_heard, true) {
            return;
        }
        let (longest, group) = (page.setup.longest, &page.setup);
        self.watches.touch(&group.address);
        let group = PartyView::new(group.address.to_string(), group.name.clone());
        self.timers.start(caller, Timer::Page, now + longest);
        if let Some(calling) = self.calls.get_mut(&caller) {
            calling.connected = group;
        }
        self.tell_info(caller, "connectedid", None, out);
        self.answer_caller(now, caller, None, out);
    }

    /// What a member hears: who speaks, while he does.
    pub(super) fn listened_to(&self, member: &Call) -> Option<Heard> {
        let caller = self.calls.get(&self.pages.speaker(member.id)?)?;
        let speaks = |leg: &&Leg| leg.is_up() && leg.call == caller.id && !caller.holds();
        let leg = caller.leg.and_then(|leg| self.legs.get(&leg)).filter(speaks);
        Some(leg.map_or(Heard::Silence, |leg| Heard::Leg(leg.id)))
    }

    /// Something happened to who speaks: members hear it.
    pub(super) fn settle_page(&mut self, id: CallId, out: &mut Outbox) {
        let members = self.pages.by_caller.get(&id).map(|page| page.members.clone()).unwrap_or_default();
        for member in members {
            self.tell_feeds(member, out);
        }
    }

    /// A call is over: with who speaks the members' calls are, with the last member that of who speaks.
    pub(super) fn page_over(&mut self, now: Instant, id: CallId, parting: &Parting, out: &mut Outbox) {
        if let Some(page) = self.pages.take(id) {
            self.timers.stop(id, Timer::Page);
            self.watches.touch(&page.setup.address);
            for member in page.members {
                self.part(now, member, parting, out);
            }
        } else if let Some(caller) = self.pages.take_member(id) {
            self.page_on(now, caller, out);
        }
    }

    /// Nobody listens, and nobody will: who speaks is told.
    fn page_on(&mut self, now: Instant, caller: CallId, out: &mut Outbox) {
        let is_over = |page: &&Page| page.members.is_empty() && page.is_called;
        let Some(page) = self.pages.by_caller.get(&caller).filter(is_over) else { return };
        if page.is_heard {
            self.page_ends(now, caller, out);
        } else {
            self.fail(now, caller, &Failure::local(480), out);
        }
    }

    /// Nobody may speak for longer.
    pub(super) fn page_ends(&mut self, now: Instant, caller: CallId, out: &mut Outbox) {
        let parting = Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING));
        self.over(now, caller, CallReport::Disconnected(DisconnectMode::Normal), &parting, out);
    }

    /// The dialogs of a page group, for lamps: that of who speaks, early until a member has answered. `None`: there is no such group.
    pub(super) fn page_dialogs(&self, address: &str) -> Option<Vec<DialogState>> {
        let group = self.lines.page(address)?;
        let speaker = self.pages.to(&group.address);
        let phase = |is_heard| if is_heard { DialogPhase::Confirmed } else { DialogPhase::Early };
        let callers = speaker.into_iter().map(|(caller, is_heard)| (caller, phase(is_heard)));
        Some(self.dialogs_with(&group.address, callers))
    }
}
