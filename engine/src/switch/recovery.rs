//! Calls that go on after the process was killed: how they are taken back.
//!
//! ```text
//!  start: the agents have their legs back ──▶ recover ──▶ calls, handles, ports, Open, Remote, Feed
//!                     │                          └ a leg of no whole conversation ──▶ End (BYE)
//!                     └ 2 s ──▶ a station that says nothing ──▶ Probe ── 481, 408 or silence ──▶ its call is over
//! ```
//!
//! - A conversation comes back whole or not at all. What is more than two parties who talk or hold, or one who is parked, is
//!   ended: conferences, consultations, calls on their way, media that is keyed by DTLS.
//! - Keys of SRTP are not kept, and no index may be sealed twice: a far end that knows keys in descriptions is offered a
//!   fresh one by re-INVITE, and hears nothing before its answer.
//! - Who hung up within the last moment before, or while nobody was there, does not know the call any more: a station that is not
//!   heard is asked.
//! - Every application has begun anew as well: handles are given out as for calls that nobody made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::call::Call;
use super::call_state::DisconnectMode;
use super::ice::IceSession;
use super::ids::CallId;
use super::keeping::{KeptCall, KeptLeg, is_stable};
use super::kept::Kept;
use super::keying::Keying;
use super::leg::{Leg, LegPhase};
use super::outbound::SERIALS;
use super::outbox::Outbox;
use super::report::Hold;
use super::session;
use super::setup::LineKind;
use super::timers::Timer;

/// How long stations that were taken back have to be heard before they are asked whether they have the call.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(2);

/// How much later each of them is asked than the one before: all at once would be a storm.
const PROBE_PAUSE: Duration = Duration::from_millis(2);

/// The Reason of a BYE for what cannot go on (Q.850: temporary failure).
const CANNOT_GO_ON: &str = "Q.850;cause=41";

/// One side of a conversation, whose descriptions were read.
struct Side<'a> {
    kept: &'a KeptCall,
    leg: Option<DescribedLeg<'a>>,
}

struct DescribedLeg<'a> {
    kept: &'a KeptLeg,
    theirs: Box<SessionDescription>,
    ours: Box<SessionDescription>,
}

impl Switch {
    /// Takes back the calls that were kept, before the first input; the agents have taken back `dialogs`. Legs of no whole
    /// conversation are ended. How many calls go on.
    pub fn recover(
        &mut self,
        now: Instant,
        kept: Vec<KeptCall>,
        dialogs: &BTreeSet<LegId>,
        out: &mut Outbox,
    ) -> usize {
        self.now = now;
        self.number_beyond(&kept, dialogs);
        let calls: BTreeMap<CallId, KeptCall> = kept.into_iter().map(|call| (call.id, call)).collect();
        let mut recovered = 0;
        for call in calls.values() {
            let peer = call.peer.map(|peer| calls.get(&peer).filter(|peer| peer.peer == Some(call.id)));
            let sides = match peer {
                None => vec![call],
                // It is taken, or not, with its peer.
                Some(Some(peer)) if peer.id < call.id => continue,
                Some(Some(peer)) if peer.id > call.id => vec![call, peer],
                Some(_) => Vec::new(),
            };
            if self.take_back_all(now, &sides, dialogs, out) {
                recovered += sides.len();
            } else {
                let over = sides.iter().map(|side| side.id).chain(sides.is_empty().then_some(call.id));
                out.store.extend(over.map(Kept::CallOver));
            }
        }
        for leg in dialogs.iter().filter(|leg| !self.legs.contains_key(leg)) {
            out.sip.push(Command::End(*leg, Some(CANNOT_GO_ON.to_owned())));
        }
        self.keep_ahead(out);
        self.settle(now, out);
        recovered
    }

    /// No number that somebody may still know is given out again.
    fn number_beyond(&mut self, kept: &[KeptCall], dialogs: &BTreeSet<LegId>) {
        let last = kept.iter().map(|call| call.id.0).max().unwrap_or_default();
        self.last_call = self.last_call.max(last);
        let own = dialogs.iter().map(|leg| leg.0 & (SERIALS * 2 - 1)).filter(|serial| *serial < SERIALS);
        if let Some(last) = own.max() {
            self.next_leg = self.next_leg.max((last + 1) % SERIALS);
        }
    }

    /// What was kept, if the line is there as it was, the leg is an agent's, and its descriptions can be read.
    fn side<'a>(&self, kept: &'a KeptCall, dialogs: &BTreeSet<LegId>) -> Option<Side<'a>> {
        let line = self.lines.get(&kept.line)?;
        // Who is parked has no other side.
        let is_whole = is_stable(kept.state)
            && kept.peer.is_some() != kept.park.is_some()
            && !self.calls.contains_key(&kept.id);
        let leg = match &kept.leg {
            Some(leg) if dialogs.contains(&leg.id) && !self.legs.contains_key(&leg.id) => {
                let (theirs, ours) = (read(&leg.theirs)?, read(&leg.ours)?);
                Some(DescribedLeg { kept: leg, theirs, ours })
            }
            None if line.kind == LineKind::Local => None,
            Some(_) | None => return None,
        };
        is_whole.then_some(Side { kept, leg })
    }

    /// Takes back a conversation, or who is parked; whether it is whole.
    fn take_back_all(
        &mut self,
        now: Instant,
        sides: &[&KeptCall],
        dialogs: &BTreeSet<LegId>,
        out: &mut Outbox,
    ) -> bool {
        let sides: Option<Vec<Side<'_>>> = sides.iter().map(|kept| self.side(kept, dialogs)).collect();
        let Some(sides) = sides.filter(|sides| !sides.is_empty() && self.reopen(now, sides, out)) else {
            return false;
        };
        sides.into_iter().for_each(|side| self.take_back(now, side, out));
        true
    }

    /// Opens the ports of both sides again; whether all of them could be had.
    fn reopen(&mut self, now: Instant, sides: &[Side<'_>], out: &mut Outbox) -> bool {
        let mut opened = Vec::new();
        let mut is_whole = true;
        for side in sides {
            let worker = sides[0].kept.media_worker % self.setup.media.workers.max(1);
            if let Some(DescribedLeg { kept: leg, theirs, .. }) = &side.leg {
                let peer = session::family(Some(theirs), leg.signalling);
                let setup = &self.setup.media;
                let is_open = self.media.reopen(now, leg.id, worker, leg.ports, peer, setup, out);
                opened.extend(is_open.then_some(leg.id));
                is_whole &= is_open;
            }
            let park = side.kept.park.as_ref();
            is_whole &= park.is_none_or(|park| self.claim_again(now, side.kept.id, park));
        }
        if !is_whole {
            opened.into_iter().for_each(|leg| self.media.close(leg, None, out));
        }
        is_whole
    }

    fn take_back(&mut self, now: Instant, side: Side<'_>, out: &mut Outbox) {
        let Side { kept, leg } = side;
        let Some(line) = self.lines.get(&kept.line) else { return };
        let (address, kind, srtp) = (Arc::clone(&line.address), line.kind, line.srtp);
        let (codecs, video) = (line.codecs.clone(), line.video);
        if let Some(DescribedLeg { kept: leg, theirs, ours }) = leg {
            let mut entry = Leg::new(leg.id, kept.id, LegPhase::Up, leg.signalling);
            (entry.theirs, entry.ours) = (Some(theirs), Some(ours));
            let ice = leg.ice.clone().zip(entry.ours.as_deref_mut());
            entry.ice = ice.map(|(ice, ours)| IceSession::restored(ice, ours));
            let seal = leg.seal.as_ref();
            let sealed = seal.and_then(|seal| Keying::sealed_before(srtp, self.fingerprint, seal));
            // Video and text end: their ports are not kept.
            let has_streams = entry.streams().next().is_some();
            entry.moved = sealed.is_some() || has_streams;
            entry.keying =
                sealed.unwrap_or_else(|| Keying::plain(srtp, self.fingerprint)).with(codecs, video);
            entry.talk = leg.talk;
            entry.far_end = entry.theirs.as_deref().map(session::far_end).unwrap_or_default();
            self.legs.insert(leg.id, entry);
            self.tell_relay(leg.id, out);
            self.describe_moved(leg.id, out);
        }
        let call = Call {
            since: kept.since,
            reason: kept.reason,
            caller: kept.caller.clone(),
            called: kept.called.clone(),
            connected: kept.connected.clone(),
            completion: kept.completion,
            calls: kept.calls,
            peer: kept.peer,
            leg: kept.leg.as_ref().map(|leg| leg.id),
            media_worker: kept.media_worker % self.setup.media.workers.max(1),
            made: kept.made,
            claimed: kept.claimed,
            held: kept.held.then_some(Hold::Hard),
            held_by_station: kept.held_by_station,
            is_secure: kept.is_secure,
            media_modes: kept.media_modes.clone(),
            ..Call::new(now, kept.id, address, kind, kept.origin, kept.state)
        };
        let (redirecting, redirection) = (kept.redirecting.clone(), kept.redirection.clone());
        let call = call.with(redirecting, redirection, kept.data.clone(), kept.user_user.clone());
        self.introduce(call, None, out);
        if let Some(park) = &kept.park {
            self.put_again(now, kept.id, park, out);
        }
        if kept.leg.is_some() {
            let turn = u32::try_from(self.keeping.kept.len()).unwrap_or(u32::MAX);
            self.timers.start(kept.id, Timer::Probe, now + PROBE_AFTER + PROBE_PAUSE * turn);
        }
        self.keeping.kept.insert(kept.id);
        let is_owned = self.calls.get(&kept.id).is_some_and(Call::is_owned);
        if !is_owned && !self.is_controlled_elsewhere(kept.id) {
            self.timers.start(kept.id, Timer::Orphan, now + self.setup.orphans_after);
        }
    }

    /// A station speaks.
    pub(super) fn spoke(&mut self, leg: LegId) {
        if let Some(entry) = self.legs.get(&leg) {
            self.timers.stop(entry.call, Timer::Probe);
        }
    }

    /// A station that was taken back says nothing: perhaps it does not know the call any more.
    pub(super) fn probe(&self, id: CallId, out: &mut Outbox) {
        let leg = self.calls.get(&id).filter(|call| call.is_alive()).and_then(|call| call.leg);
        if let Some(leg) = leg
            && self.legs.get(&leg).is_some_and(Leg::is_up)
        {
            out.sip.push(Command::Probe(leg));
        }
    }

    /// The far end has answered a fresh key of ours, or not: then nothing can be said to it.
    pub(super) fn end_unsealed(&mut self, now: Instant, leg: LegId, out: &mut Outbox) {
        let is_unsealed = |entry: &&Leg| entry.keying.is_lost() && entry.offered.is_empty();
        if let Some(entry) = self.legs.get(&leg).filter(is_unsealed) {
            let id = entry.call;
            self.media_lost(now, id, DisconnectMode::TempFailure, out);
        }
    }
}

/// A description as it was kept. `None`: nobody could talk by it.
fn read(text: &Bytes) -> Option<Box<SessionDescription>> {
    let description = SessionDescription::parse(text).ok()?;
    session::relayed(&description).is_some().then(|| Box::new(description))
}
