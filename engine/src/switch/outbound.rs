//! Calling stations: the INVITEs for a dialled address, to the contacts of a phone or the peers of a trunk.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::ConnectionId;
use trunkline_sip::LegId;
use trunkline_sip::admission::Limit;
use trunkline_sip::location::Binding;
use trunkline_sip::outbox::{Command, Invite, Party, Target};
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::transport::{Flow, Transport};

use super::Switch;
use super::call::Call;
use super::call_data::user_to_user;
use super::call_state::{CallState, OfferingMode};
use super::caller::ANONYMITY_DISALLOWED;
use super::failover::Others;
use super::forward::Condition;
use super::ice;
use super::ids::CallId;
use super::keying::Keying;
use super::leg::{Leg, LegPhase};
use super::outbox::Outbox;
use super::places::PLACES_MAX;
use super::privilege::CallPrivilege;
use super::report::CallReport;
use super::ring::{Candidate, Invitation, Ring, contact, groups};
use super::route::{Destination, Source, choice, first_fit, resolve};
use super::session::{self, Place};
use super::setup::{LineKind, PATIENCE, PROGRESS, TrunkSetup};
use super::status::Failure;
use super::streams::STREAMS;
use super::timers::{RING_STEP, Timer};
use super::transcoding::{extended, is_extensible};
use super::vendor::{self, RingKind};
use super::view::{CallOrigin, CallReason, PartyView};

/// The agent gives up this much later than the switch: a backstop, so that no leg rings for ever.
const BACKSTOP: Duration = Duration::from_secs(10);

/// Serial numbers of legs that the switch makes stay below this bit, which the agents set in theirs.
pub(super) const SERIALS: u64 = 1 << 47;

impl Switch {
    /// Calls the dialled address for this caller, whose leg, if it has one, is known.
    pub(super) fn dial(&mut self, now: Instant, caller: CallId, dialled: &str, out: &mut Outbox) {
        if self.serve(now, caller, dialled, out) {
            return;
        }
        let Some(call) = self.calls.get(&caller) else { return };
        if call.kind != LineKind::Trunk && self.is_factory(dialled) {
            self.open_conference(now, caller, out);
            return;
        }
        // Who was sent elsewhere goes by the rights of who sent him.
        let from_trunk = call.kind == LineKind::Trunk && call.sent_by.is_none();
        let own = if from_trunk { Source::Trunk(&call.line) } else { Source::Line };
        let source = call.trail.rights().unwrap_or(own);
        let found = resolve(&self.setup.routes, &self.lines, source, dialled);
        let route = first_fit(&self.setup.routes, source, dialled);
        let is_urgent = route.is_some_and(|route| route.is_emergency);
        // The dialog that this party is to take over is where the route leads first.
        let is_bound = self.replacing.as_ref().is_some_and(|(party, _)| *party == caller);
        let choice = route.and_then(choice).filter(|_| !is_bound).cloned();
        if let Some(calling) = self.calls.get_mut(&caller) {
            calling.reached = found.as_ref().ok().cloned();
            calling.completable = None;
            if !matches!(found, Ok(Destination::Trunk(..)))
                && let Some(few) = calling.few()
            {
                few.completes = None;
            }
        }
        if !matches!(found, Ok(Destination::Line(_)))
            && let Some(few) = self.calls.get_mut(&caller).and_then(Call::few)
        {
            few.device = None;
        }
        match found {
            Ok(Destination::Line(address)) => self.call_line(now, caller, &address, out),
            Ok(Destination::Group(address)) => self.call_group(now, caller, &address, out),
            Ok(Destination::Page(address)) => self.call_page(now, caller, &address, out),
            Ok(Destination::Trunk(trunk, number)) => {
                let names = self.in_order(&trunk, choice.as_ref());
                self.call_trunks(now, caller, (names, number), is_urgent, out);
            }
            Err(status) => self.fail(now, caller, &Failure::local(status), out),
        }
    }

    /// Calls a line for this caller.
    pub(super) fn call_line(&mut self, now: Instant, caller: CallId, address: &str, out: &mut Outbox) {
        let Some(line) = self.lines.get(address) else { return };
        let (address, name, kind) = (Arc::clone(&line.address), line.name.clone(), line.kind);
        let device = self.calls.get_mut(&caller).and_then(|call| call.few()?.device.take());
        if self.refuses_hidden(caller, &address) {
            self.fail(now, caller, &Failure::local(ANONYMITY_DISALLOWED), out);
            return;
        }
        if self.forward_caller(now, caller, &address, Condition::Always, out) {
            return;
        }
        if self.is_line_busy(&address) {
            if !self.forward_caller(now, caller, &address, Condition::Busy, out) {
                self.fail(now, caller, &Failure::local(486), out);
            }
            return;
        }
        let Some(line) = self.lines.get(&address) else { return };
        let owned = line.watchers.iter().any(|(_, privilege)| *privilege == CallPrivilege::Owner);
        let mut bindings = self.location.lookup(&address, now);
        bindings.retain(|binding| device.as_deref().is_none_or(|device| binding.is_device(device)));
        let groups = groups(&bindings);
        let reachable = if kind == LineKind::Local { owned } else { !groups.is_empty() };
        if !reachable {
            if !self.forward_caller(now, caller, &address, Condition::Unavailable, out) {
                self.fail(now, caller, &Failure::local(480), out);
            }
            return;
        }
        let called = PartyView::new(address.to_string(), name);
        let offering = CallState::Offering(OfferingMode::Active);
        let Some(callee) = self.called_side(now, caller, &address, kind, offering, called, out) else {
            return;
        };
        self.report(now, caller, CallReport::Dialed, out);
        let (until, end) = self.ring_limits(caller, &address);
        if until < end
            && let Some(callee) = self.calls.get_mut(&callee)
        {
            callee.rings_until = Some(end);
        }
        self.timers.start(callee, Timer::Ring, until);
        if kind == LineKind::Phone {
            let to =
                Party { user: address.to_string(), host: self.setup.domain.clone(), name: String::new() };
            let from_host = self.setup.domain.clone();
            self.start_ring(now, callee, Some(caller), to, from_host, groups, out);
        }
    }

    /// Rings a trunk for a call on its line; `others` are the trunks that are called if this one fails.
    pub(super) fn ring_trunk(
        &mut self,
        now: Instant,
        id: CallId,
        caller: Option<CallId>,
        (name, number): (&str, &str),
        others: Option<Box<Others>>,
        out: &mut Outbox,
    ) {
        self.count_call_out(now, name);
        let places = self.places(now, name);
        // A reload has removed it under a call of its own, which may consult still.
        let Some(trunk) = self.trunk(name) else {
            self.fail(now, id, &Failure::local(404), out);
            return;
        };
        let number = &*self.sent_number(trunk, number);
        let mut groups = peers(trunk, &places, number);
        if let Some((peer, route)) = self.registrations.way_of(name) {
            prefer(&mut groups, peer, route, self.is_suspect(now, trunk, peer));
        }
        groups.truncate(PLACES_MAX);
        let to = Party { user: number.to_owned(), host: trunk.domain.clone(), name: String::new() };
        // A trunk that the engine is a customer of knows it by the trunk's own domain.
        let from = if trunk.credentials.is_some() { &trunk.domain } else { &self.setup.domain };
        let from_host = from.clone();
        let completes =
            self.calls.get_mut(&caller.unwrap_or(id)).and_then(|call| call.few()?.completes.take());
        if let Some(text) =
            self.calls.get(&caller.unwrap_or(id)).and_then(|call| call.trail.mailbox_parameters())
        {
            groups.iter_mut().flatten().for_each(|one| one.target.uri.push_str(&text));
        }
        if let Some(mode) = completes {
            groups.iter_mut().flatten().for_each(|one| one.target.uri.push_str(&format!(";m={mode}")));
        }
        if let Some((_, dialog)) = self.replacing.take_if(|(party, _)| Some(*party) == caller) {
            for one in groups.iter_mut().flatten() {
                one.headers.push(("Replaces", dialog.clone()));
                one.headers.push(("Require", "replaces".to_owned()));
            }
        }
        self.report(now, id, CallReport::Dialed, out);
        self.timers.start(id, Timer::Ring, now + self.ring_time(caller.unwrap_or(id)));
        let Some(invitation) = self.invitation(id, caller, to, from_host, &mut groups) else { return };
        self.ring(now, id, Ring { others, ..Ring::new(invitation, groups) }, out);
    }

    /// Makes the call on the called line and joins it with the caller's.
    #[expect(clippy::too_many_arguments, reason = "what a call is made of")]
    pub(super) fn called_side(
        &mut self,
        now: Instant,
        caller: CallId,
        line: &Arc<str>,
        kind: LineKind,
        state: CallState,
        called: PartyView,
        out: &mut Outbox,
    ) -> Option<CallId> {
        let calling = self.calls.get(&caller)?;
        let origin = match (kind, calling.kind) {
            (LineKind::Trunk, _) => CallOrigin::Outbound,
            (LineKind::Phone | LineKind::Local, LineKind::Trunk) => CallOrigin::External,
            (LineKind::Phone | LineKind::Local, LineKind::Phone | LineKind::Local) => CallOrigin::Internal,
        };
        let from = calling.station_party();
        let reason = match &calling.sent_by {
            Some((_, reason)) if !calling.trail.is_ours() => *reason,
            Some(_) | None => calling.trail.reason(),
        };
        let (redirecting, redirection) = (calling.redirecting.clone(), calling.redirection.clone());
        let (max_forwards, media_worker) = (calling.max_forwards, calling.media_worker);
        let greeting = calling.greeting.clone().filter(|_| kind != LineKind::Trunk);
        let data = calling.data.clone();
        let verstat = calling.verstat.clone();
        let id = self.next_call();
        let call = Call {
            caller: from,
            called,
            peer: Some(caller),
            max_forwards,
            reason,
            media_worker,
            ..Call::new(now, id, Arc::clone(line), kind, origin, state)
        };
        let mut call = call.with(redirecting, redirection, data, greeting.unwrap_or_default());
        if verstat.is_some() {
            call.verstat = verstat;
        }
        if let Some(calling) = self.calls.get_mut(&caller) {
            calling.peer = Some(id);
        }
        Some(self.introduce(call, None, out))
    }

    #[expect(clippy::too_many_arguments, reason = "what an invitation is made of")]
    pub(super) fn start_ring(
        &mut self,
        now: Instant,
        id: CallId,
        caller: Option<CallId>,
        to: Party,
        from_host: String,
        mut groups: VecDeque<Vec<Candidate>>,
        out: &mut Outbox,
    ) {
        if let Some(invitation) = self.invitation(id, caller, to, from_host, &mut groups) {
            self.ring(now, id, Ring::new(invitation, groups), out);
        }
    }

    /// What all branches of an attempt say; phones are told each for itself how to ring.
    fn invitation(
        &mut self,
        id: CallId,
        caller: Option<CallId>,
        to: Party,
        from_host: String,
        groups: &mut VecDeque<Vec<Candidate>>,
    ) -> Option<Invitation> {
        let call = self.calls.get(&id)?;
        let trunk = self.trunk(&call.line).filter(|_| call.kind == LineKind::Trunk);
        let (from, told) = match trunk {
            Some(trunk) => {
                // Who calls for help is told to who sends it, whatever he wished.
                let caller = PartyView {
                    is_blocked: call.caller.is_blocked && !call.is_urgent,
                    ..call.caller.clone()
                };
                self.told_caller(trunk, &caller, &from_host)
            }
            None => (call.caller.shown(&from_host), Vec::new()),
        };
        let max_forwards = call.max_forwards;
        let wishes = caller.and_then(|caller| self.calls.get(&caller)).unwrap_or(call);
        // One phone is asked to answer by itself, never all of a group nor all of a line: the one that was heard of last.
        let is_member = caller.is_some_and(|caller| self.hunts.offers(caller, id));
        let wants_off_hook = wishes.dest_off_hook;
        let asked =
            (wants_off_hook && !is_member).then(|| self.location.bindings(&call.line, self.now).pop());
        let asked = asked.flatten().map(|binding| binding.key.clone());
        let mut headers: Vec<_> = wishes.greeting.iter().map(user_to_user).collect();
        if call.kind == LineKind::Phone {
            let (rows, domain, kind) = (&self.setup.vendors, &self.setup.domain, ring_kind(call));
            for candidate in groups.iter_mut().flatten() {
                let agent = candidate.binding.as_ref().map_or("", |binding| &*binding.user_agent);
                let key = candidate.binding.as_ref().map(|binding| &binding.key);
                if asked.is_some() && asked.as_ref() == key {
                    candidate.headers.extend(vendor::auto_answer(rows, agent, domain));
                } else {
                    let together = || vendor::ring(rows, agent, RingKind::Group, domain);
                    let together = is_member.then(together).flatten();
                    candidate.headers.extend(together.or_else(|| vendor::ring(rows, agent, kind, domain)));
                }
            }
        }
        headers.extend(told);
        if let Some(trunk) = trunk {
            headers.extend(self.carried(caller, (trunk, call.is_urgent), &from, &to));
        }
        if let Some(caller) = caller.and_then(|caller| self.calls.get(&caller)) {
            headers.extend(caller.trail.headers(&to));
        }
        // Who hid as he sent the caller here is not named.
        let sender = caller.and_then(|caller| self.calls.get(&caller));
        let sender = sender.filter(|call| !call.sent.as_ref().is_some_and(|sent| sent.is_hidden));
        let sent_by = sender.and_then(|call| call.sent_by.as_ref());
        if let Some((line, CallReason::Transfer)) = sent_by {
            headers.push(("Referred-By", format!("<sip:{line}@{}>", self.setup.domain)));
        }
        let caller_leg = caller.and_then(|caller| self.calls.get(&caller)?.leg);
        let caller_entry = caller_leg.and_then(|leg| self.legs.get(&leg));
        // Whom a caller is sent to who is in a fax, it is with speech that he begins.
        let speaks = caller_entry.filter(|entry| !(entry.is_up() && entry.is_fax()));
        let mut offer = speaks.and_then(|entry| entry.theirs.clone());
        // A caller who is sent here while he holds somebody does not hold whom he is sent to.
        if let Some(offer) = offer.as_mut().filter(|_| caller_entry.is_some_and(Leg::is_up)) {
            offer.direction = None;
            offer.media.iter_mut().for_each(|media| media.direction = None);
        }
        if let Some((offer, caller)) = offer.as_mut().zip(caller_entry) {
            caller.leave_out_streams(offer);
        }
        let worker = caller_leg.map_or_else(|| self.next_sip_worker(), LegId::worker);
        // Whoever rings later, when this call was transferred or comes back, is not meant.
        if wants_off_hook && let Some(wishing) = self.calls.get_mut(&caller.unwrap_or(id)) {
            wishing.dest_off_hook = false;
        }
        Some(Invitation { from, to, max_forwards, credentials: None, headers, offer, worker })
    }

    /// Starts an attempt.
    pub(super) fn ring(&mut self, now: Instant, id: CallId, mut ring: Ring, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        ring.invitation.credentials = self.trunk(&call.line).and_then(|trunk| trunk.credentials.clone());
        if let Some(call) = self.calls.get_mut(&id) {
            call.ring = Some(Box::new(ring));
        }
        self.ring_next(now, id, out);
    }

    /// Tries the next group; when there is none and nothing rings, the attempt has failed.
    pub(super) fn ring_next(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        loop {
            let Some(call) = self.calls.get_mut(&id) else { return };
            let kind = call.kind;
            let Some(ring) = call.ring.as_mut() else { return };
            let Some(group) = ring.waiting.pop_front() else { break };
            let more = !ring.waiting.is_empty();
            let mut invited = false;
            for candidate in group {
                match self.invite(now, id, candidate, out) {
                    Ok(()) => invited = true,
                    Err(failure) => self.note(id, failure),
                }
            }
            if invited {
                if more && kind == LineKind::Phone {
                    self.timers.start(id, Timer::RingStep, now + RING_STEP);
                }
                return;
            }
        }
        self.ring_over(now, id, out);
    }

    /// Sends one INVITE.
    pub(super) fn invite(
        &mut self,
        now: Instant,
        id: CallId,
        candidate: Candidate,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        self.invite_with(now, id, candidate, Extent::Whole, out)
    }

    /// The same, without video and text.
    pub(super) fn invite_to_speech(
        &mut self,
        now: Instant,
        id: CallId,
        candidate: Candidate,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        self.invite_with(now, id, candidate, Extent::Speech, out)
    }

    /// The same, with all codecs of the relay behind those of the caller: nobody is offered them who has not refused these alone.
    pub(super) fn invite_extended(
        &mut self,
        now: Instant,
        id: CallId,
        candidate: Candidate,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        self.invite_with(now, id, candidate, Extent::Extended, out)
    }

    fn invite_with(
        &mut self,
        now: Instant,
        id: CallId,
        candidate: Candidate,
        extent: Extent,
        out: &mut Outbox,
    ) -> Result<(), Failure> {
        let call = self.calls.get(&id).ok_or_else(|| Failure::local(481))?;
        let ring = call.ring.as_ref().ok_or_else(|| Failure::local(481))?;
        let (invitation, media_worker) = (ring.invitation.clone(), call.media_worker);
        let has_others = !ring.waiting.is_empty() || ring.others.is_some();
        // Where there is nobody else, a late answer is better than none.
        let goes_on = self.goes_on_after_silence(call, ring);
        let is_trunk = call.kind == LineKind::Trunk;
        let patience = is_trunk.then(|| self.trunk(&call.line).map_or(PATIENCE, |trunk| trunk.patience));
        let progress = is_trunk.then(|| self.trunk(&call.line).map_or(PROGRESS, |trunk| trunk.progress));
        let line = self.lines.of_call(&call.line).map(|line| (line.srtp, line.codecs.clone(), line.video));
        let (srtp, codecs, video) = line.unwrap_or_default();
        // A trunk may let nothing pass of what the caller speaks.
        let was_refused = extent == Extent::Extended;
        let is_barred = !was_refused
            && invitation.offer.as_deref().is_some_and(|offer| {
                session::audio(offer).is_some() && session::audio(&codecs.passing(offer)).is_none()
            });
        let spoken = self.transcoded_codecs(id);
        let caller_leg = call.peer.and_then(|caller| self.calls.get(&caller)?.leg);
        // The next trunk may know a codec of the caller's.
        let is_saved = is_barred && ring.others.is_none();
        let is_saved =
            is_saved && invitation.offer.as_ref().is_some_and(|offer| is_extensible(offer, &codecs, spoken));
        let (is_extended, is_urgent) = (was_refused || is_saved, call.is_urgent);
        if is_extended && !is_urgent && !self.has_room_to_transcode() {
            return Err(Failure::local(488));
        }
        let leg = LegId::new(invitation.worker, self.next_leg);
        self.next_leg = (self.next_leg + 1) % SERIALS;
        let peer = candidate.target.flow.remote.ip();
        let Some(ports) = self.media.open(now, leg, media_worker, peer, &self.setup.media, out) else {
            self.refusals.count(Limit::MediaPorts);
            return Err(Failure::local(503));
        };
        let flow = candidate.target.flow;
        let keying = Keying::new(srtp, self.fingerprint).with(codecs.clone(), video);
        let keying = keying.towards_browser(flow.transport.is_websocket());
        if let Some(from) =
            invitation.offer.as_deref().filter(|_| extent == Extent::Whole && keying.may_have_streams())
        {
            self.open_streams(leg, from, out);
        }
        let streams = self.media.stream_ports(leg);
        let place = Place { port: ports.rtp(), address: self.setup.media.address, streams };
        let mut offer = offer(invitation.offer.as_deref(), place);
        if is_extended {
            offer = offer.and_then(|offer| extended(&offer, &codecs, spoken));
        }
        let Some(offer) = offer else {
            self.media.close(leg, None, out);
            return Err(Failure::local(488));
        };
        let mut offer = Box::new(offer);
        let mut entry = Leg::new(leg, id, LegPhase::Inviting, flow.remote.ip());
        entry.keying = keying;
        if entry.keying.offers_to_browser() {
            ice::offer(&mut entry.ice, &mut self.rng, &mut offer);
        }
        let written = entry.keying.write(&offer, true, &mut self.rng);
        let is_usable = session::audio(&written).is_some()
            || session::relayed(&written).is_some() && entry.keying.may_be_plain();
        if !is_usable {
            // The caller and this trunk have no codec in common, or there is no fax with keys.
            self.media.close(leg, None, out);
            return Err(Failure::local(488));
        }
        // Browsers know G.711 (RFC 7874 §3): what they refuse is something else.
        let may_know_less = !is_extended && !flow.transport.is_websocket();
        let has_streams = self.media.stream_ports(leg) != [0; STREAMS];
        if has_streams || (may_know_less && is_extensible(&offer, &codecs, spoken)) {
            entry.invited = Some(Box::new(candidate.clone()));
        }
        if is_extended {
            entry.is_foreign_to = caller_leg;
            self.media.note_transcoded(leg);
        }
        entry.ours = Some(offer);
        let keeps_flow = candidate.binding.as_ref().is_some_and(|binding| binding.is_kept_flow());
        entry.keeps_flow = keeps_flow.then(|| candidate.headers.clone().into());
        entry.binding = candidate.binding;
        self.legs.insert(leg, entry);
        if let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) {
            ring.branches.push(leg);
            ring.reached = false;
            if patience.is_some() {
                ring.tried.push(candidate.target.clone());
            }
        }
        if let Some(patience) = patience {
            self.place_called(now, flow, patience);
        }
        self.dirty.insert(id);
        let invite = Invite {
            target: candidate.target,
            is_csta: false,
            from: invitation.from,
            to: invitation.to,
            offer: Some(written),
            max_forwards: invitation.max_forwards,
            headers: candidate.headers.into_iter().chain(invitation.headers).collect(),
            credentials: invitation.credentials,
            timeout: self.setup.ring_max + BACKSTOP,
            patience: patience.filter(|_| has_others),
            progress: progress.filter(|_| goes_on),
        };
        out.sip.push(Command::Invite(leg, Box::new(invite)));
        Ok(())
    }

    /// Calls a phone by another flow that it keeps (RFC 5626), where one leads nowhere. `false`: there is none.
    pub(super) fn invite_by_another_flow(
        &mut self,
        now: Instant,
        id: CallId,
        failed: &Leg,
        failure: &Failure,
        out: &mut Outbox,
    ) -> bool {
        let Some((binding, headers)) = failed.binding.as_ref().zip(failed.keeps_flow.as_ref()) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(&id).filter(|_| failure.is_of_the_flow()) else { return false };
        let Some(ring) = call.ring.as_mut() else { return false };
        ring.dead_flows.push(Arc::clone(&binding.key));
        let may = |other: &Binding| !ring.dead_flows.contains(&other.key);
        let Some(other) = self.location.other_flow(&call.line, binding, now, may) else { return false };
        let candidate = Candidate { headers: headers.to_vec(), ..contact(&other) };
        self.invite(now, id, candidate, out).is_ok()
    }

    /// How long a destination may ring for this caller.
    pub(super) fn ring_time(&self, caller: CallId) -> Duration {
        let wished = self.calls.get(&caller).and_then(|call| call.no_answer_after);
        wished.map_or(self.setup.ring_max, |wished| wished.min(self.setup.ring_max))
    }

    pub(super) fn next_sip_worker(&mut self) -> u16 {
        let worker = self.sip_worker % self.setup.sip_workers.max(1);
        self.sip_worker = worker + 1;
        worker
    }

    pub(super) fn trunk(&self, name: &str) -> Option<&TrunkSetup> {
        self.setup.trunks.iter().find(|trunk| *trunk.name == *name)
    }

    /// Whether the trunk has as many calls as it may.
    pub(super) fn is_full(&self, trunk: &TrunkSetup) -> bool {
        self.lines.get(&trunk.name).is_none_or(|line| line.occupied >= trunk.calls_max)
    }

    fn note(&mut self, id: CallId, failure: Failure) {
        if let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) {
            ring.note(failure);
        }
    }
}

/// How much of what its caller offers a station is offered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it.
    Whole,
    /// Its audio alone.
    Speech,
    /// The same with all codecs of the relay behind.
    Extended,
}

fn offer(from: Option<&SessionDescription>, place: Place) -> Option<SessionDescription> {
    match from {
        Some(from) => session::offer(from, place),
        None => Some(session::own_offer(None, place)),
    }
}

/// How a phone rings for its call.
const fn ring_kind(call: &Call) -> RingKind {
    match (call.reason, call.origin) {
        (CallReason::CallCompletion | CallReason::Reminder, _) => RingKind::Callback,
        (_, CallOrigin::External) => RingKind::External,
        (_, CallOrigin::Internal | CallOrigin::Outbound | CallOrigin::Conference) => RingKind::Internal,
    }
}

/// These places of a trunk, one after the other.
pub(super) fn peers(
    trunk: &TrunkSetup,
    places: &[(Transport, SocketAddr)],
    number: &str,
) -> VecDeque<Vec<Candidate>> {
    let candidate = |&(transport, remote): &(Transport, SocketAddr)| {
        let target = Target {
            uri: request_uri(number, &trunk.domain, transport),
            flow: Flow { transport, local: unspecified(remote), remote, connection: ConnectionId::default() },
            route: Vec::new(),
        };
        vec![Candidate { target, binding: None, headers: Vec::new() }]
    };
    places.iter().map(candidate).collect()
}

/// Puts the peer first where the trunk is registered, unless it rests, with the way that is to be taken there (RFC 3608 §6.1).
fn prefer(
    groups: &mut VecDeque<Vec<Candidate>>,
    peer: (Transport, SocketAddr),
    route: &[String],
    rests: bool,
) {
    let is_it = |group: &Vec<Candidate>| {
        group.iter().any(|one| (one.target.flow.transport, one.target.flow.remote) == peer)
    };
    let Some(place) = groups.iter().position(is_it) else { return };
    let Some(mut group) = groups.remove(place) else { return };
    group.iter_mut().for_each(|one| one.target.route = route.to_vec());
    groups.insert(if rests { place } else { 0 }, group);
}

fn request_uri(number: &str, domain: &str, transport: Transport) -> String {
    let at = if number.is_empty() { "" } else { "@" };
    let uri = ["sip:", &escaped(number), at, domain].concat();
    if transport.is_default() {
        return uri;
    }
    [&uri, ";transport=", transport.param_name()].concat()
}

/// RFC 3261 §25.1: what a user part may hold as it is; everything else is written as `%XX`.
pub(super) fn escaped(user: &str) -> String {
    user.bytes().fold(String::with_capacity(user.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// The driver asks the routing table which local address leads there.
pub(super) const fn unspecified(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        SocketAddr::V6(_) => SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_part_is_escaped() {
        assert_eq!(request_uri("*21#", "carrier.example", Transport::Udp), "sip:*21%23@carrier.example");
        assert_eq!(request_uri("a b\r\n", "h", Transport::Tcp), "sip:a%20b%0D%0A@h;transport=tcp");
        assert_eq!(request_uri("1", "h", Transport::Tls), "sip:1@h;transport=tls");
    }

    #[test]
    fn a_number_that_is_empty_leaves_no_at_sign() {
        assert_eq!(request_uri("", "carrier.example", Transport::Udp), "sip:carrier.example");
    }
}
