//! What the agents tell: calls that come in, progress, refusals, ends.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rand::Rng;
use trunkline_sip::LegId;
use trunkline_sip::admission::Limit;
use trunkline_sip::outbox::{CauseKind, Command, Event, IncomingCall, Peer, RegistrationChange, Subject};
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::call::{Call, Wish};
use super::call_state::{CallState, OfferingMode};
use super::carried;
use super::diversion::{Trail, Why};
use super::error::LineError;
use super::ice;
use super::ids::CallId;
use super::keying::Keying;
use super::leg::{Leg, LegPhase};
use super::made::MadeByPhone;
use super::message::Message;
use super::operation::Outcome;
use super::outbox::Outbox;
use super::places::TIMED_OUT;
use super::privilege::CallPrivilege;
use super::release::Parting;
use super::report::{CallReport, Hold};
use super::route::{Source, help_number, is_for_help};
use super::session;
use super::setup::{EarlyMedia, LineKind};
use super::status::{Failure, RETRY_AFTER_S};
use super::timers::{GUARD, Timer};
use super::view::{CallOrigin, PartyView};

impl Switch {
    pub(super) fn sip_event(&mut self, now: Instant, event: Event, out: &mut Outbox) {
        if let Some(Subject::Leg(leg)) = event.subject()
            && self.csta.has(leg)
        {
            return self.csta_event(now, leg, event, out);
        }
        match event {
            Event::Incoming(leg, call) => self.incoming(now, leg, *call, out),
            Event::Announced { leg, talk, hold } => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    (leg.talk, leg.hold) = (talk, hold);
                }
            }
            Event::Progress { leg, status, sdp } => {
                self.place_answered(now, leg, out);
                let sdp = self.plain_answer(leg, sdp);
                self.progress(now, leg, status, sdp, out);
            }
            Event::Answered { leg, sdp, is_offer, connected } => {
                self.place_answered(now, leg, out);
                let sdp = if is_offer { self.plain_offer(leg, sdp) } else { self.plain_answer(leg, sdp) };
                self.answered(now, leg, sdp, is_offer, &connected, out);
            }
            Event::Established { leg, answer } => {
                let answer = self.plain_answer(leg, answer);
                self.established(now, leg, answer, out);
            }
            Event::Offer { leg, sdp } => {
                let sdp = self.plain_offer(leg, sdp);
                self.offered(leg, sdp, out);
            }
            Event::OfferWithdrawn { leg } => self.offer_withdrawn(leg),
            Event::OfferAnswered { leg, sdp } => {
                let sdp = self.plain_answer(leg, sdp);
                self.offer_answered(leg, sdp, out);
                self.end_unsealed(now, leg, out);
            }
            Event::OfferRefused { leg, status } => {
                self.offer_refused(leg, status, out);
                self.end_unsealed(now, leg, out);
            }
            Event::Notified { leg, event, status } => self.notified(now, leg, event, status, out),
            Event::Failed { leg, cause, retry_after_s, redirect } => {
                self.note_elsewhere(leg, redirect);
                self.leg_over(now, leg, Failure { retry_after_s, ..Failure::of(cause, false) }, out);
            }
            Event::Ended { leg, cause } => self.leg_over(now, leg, Failure::of(cause, false), out),
            Event::Registration { line, contact, change } => {
                self.completions.stir(&line);
                self.watches.contact_changed(&line, &contact, change);
                self.registration(&line, &contact, change, out);
                self.look_at_phones(now, &line, out);
            }
            Event::Refer(usage, refer) => self.referred(now, usage, &refer, out),
            Event::Subscribe(usage, subscriber) => self.subscribed(now, usage, &subscriber, out),
            Event::FeatureWish(usage, wish) => self.wished(now, usage, &wish, out),
            Event::Unsubscribed(usage) => self.watches.remove(usage),
            Event::UserToUser { leg, data } => self.user_user_came(leg, data, out),
            Event::Digit { leg, digit, duration_ms } => {
                self.info_digit(now, leg, digit, duration_ms, out);
            }
            Event::Charged { leg, headers } => self.charged(leg, headers, out),
            Event::Completable { leg, offer } => self.completion_offered(leg, *offer),
            Event::Subscription { usage, phase, body } if self.messages.has(usage) => {
                self.mailbox_notified(usage, phase, body.as_ref(), out);
            }
            Event::Subscription { usage, phase, body } => {
                self.told_elsewhere(now, usage, phase, body.as_ref(), out);
            }
            Event::SubscriptionOver { usage, status } if self.messages.has(usage) => {
                self.mailbox_silent(now, usage, status);
            }
            Event::MessagesTold(told) => self.messages_told(&told, out),
            Event::SubscriptionOver { usage, status } => self.silent_elsewhere(now, usage, status, out),
            Event::Registered { usage, trunk, expires, service_route, .. } => {
                self.trunk_registered(now, (usage, &trunk), expires, service_route, out);
            }
            Event::RegistrationOver { usage, trunk, status, retry_after_s } => {
                self.trunk_unregistered(now, (usage, &trunk), status, retry_after_s, out);
            }
            Event::Text(usage, text) => self.texted(now, usage, *text, out),
            Event::Publish(usage, publication) => self.published(now, usage, *publication, out),
            Event::MessageDone { usage, status } if self.qualifying.has(usage) => {
                self.question_answered(now, usage, status, out);
            }
            Event::MessageDone { usage, status } if self.is_referral(usage) => {
                self.referral_answered(now, usage, status, out);
            }
            Event::MessageDone { usage, status } => self.text_done(usage, status, out),
            Event::Referred { usage, .. } => self.referral_failed(now, usage, out),
            // Of a session that is over.
            Event::Csta { .. } | Event::CstaAnswered { .. } | Event::Refused { .. } => {}
        }
    }

    fn incoming(&mut self, now: Instant, leg: LegId, invite: IncomingCall, out: &mut Outbox) {
        if self.legs.contains_key(&leg) {
            return;
        }
        let asked_for = self.call_of_phone(now, &invite);
        if let Err(status) = self.admit(now, leg, &invite, asked_for, out) {
            self.media.close(leg, None, out);
            out.sip.push(Command::Reject(leg, status, self.refusal_headers(status, None)));
            if let Some(MadeByPhone::Wanted(id)) = asked_for {
                // It will not try again: it is called.
                self.phone_does_not_make(now, id, false, out);
            }
        }
    }

    /// Takes the call in and dials; or says with which status it is refused without a trace.
    fn admit(
        &mut self,
        now: Instant,
        leg: LegId,
        invite: &IncomingCall,
        asked_for: Option<MadeByPhone>,
        out: &mut Outbox,
    ) -> Result<(), u16> {
        if self.draining && !matches!(asked_for, Some(MadeByPhone::Wanted(_))) {
            return Err(503);
        }
        let (Peer::Line(address) | Peer::Trunk(address)) = &invite.peer;
        // One that the phone was asked to make is counted already.
        let asked_for = match asked_for {
            Some(MadeByPhone::Wanted(id)) => Some(id),
            Some(MadeByPhone::Unwanted(id)) => {
                self.unwanted_came(id);
                return Err(480);
            }
            None => None,
        };
        let is_full = self.conversations >= self.setup.calls_max && asked_for.is_none();
        if is_full && !self.is_call_for_help(invite) {
            self.refusals.count(Limit::Calls);
            return Err(503);
        }
        let max_forwards = invite.max_forwards.checked_sub(1).ok_or(483_u16)?;
        let line = self.lines.get(address).ok_or(403_u16)?;
        let (address, name, kind) = (Arc::clone(&line.address), line.name.clone(), line.kind);
        if self.trunk(&address).is_some_and(|trunk| self.is_full(trunk)) {
            return Err(503);
        }
        let mut keying =
            Keying::new(line.srtp, self.fingerprint).towards_browser(invite.flow.transport.is_websocket());
        keying = keying.with(line.codecs.clone(), line.video);
        let offer = invite.offer.as_ref().map(|offer| Box::new(keying.read_offer(offer)));
        let is_usable = |offer: &SessionDescription| match session::relayed(offer) {
            Some(_) => session::audio(offer).is_some() || keying.may_be_plain(),
            None => false,
        };
        if offer.as_ref().is_some_and(|offer| !is_usable(offer)) {
            return Err(488);
        }
        let details = invite.details.as_deref();
        let replaces = details.and_then(|details| details.replaces);
        let place = replaces.map(|replaces| self.check_replaces(replaces, &address)).transpose()?;
        let media_worker = asked_for.and_then(|id| self.calls.get(&id)).map(|call| call.media_worker);
        let media_worker = media_worker.unwrap_or_else(|| self.media.choose_worker(&self.setup.media));
        let peer = session::family(invite.offer.as_deref(), invite.flow.remote.ip());
        if self.media.open(now, leg, media_worker, peer, &self.setup.media, out).is_none() {
            self.refusals.count(Limit::MediaPorts);
            return Err(503);
        }

        let id = asked_for.unwrap_or_else(|| self.next_call());
        let mut entry = Leg::new(leg, id, LegPhase::Offered, invite.flow.remote.ip());
        entry.theirs = offer;
        entry.keying = keying;
        self.legs.insert(leg, entry);
        if asked_for.is_some() {
            let caller = PartyView::of_line(&address, name, invite);
            let number = self.phone_called(id, leg, invite, caller);
            self.dial(now, id, &number, out);
            return Ok(());
        }
        let inbound = kind == LineKind::Trunk;
        let caller = if inbound {
            let caller = PartyView::of_network(invite);
            PartyView { number: self.received_number(&address, &caller.number), ..caller }
        } else {
            PartyView::of_line(&address, name, invite)
        };
        let line_address = Arc::clone(&address);
        let dialled = self.dialled(&invite.peer, &invite.dialled);
        let state = if inbound { CallState::Offering(OfferingMode::Active) } else { CallState::Dialing };
        let origin = if inbound { CallOrigin::External } else { CallOrigin::Outbound };
        let trail = Trail::received(invite.details.as_deref(), inbound);
        let redirecting = trail.redirecting();
        let call = Call {
            reason: trail.reason(),
            trail,
            caller,
            called: PartyView::new(dialled.clone(), String::new()),
            calls: true,
            leg: Some(leg),
            max_forwards,
            media_worker,
            ..Call::new(now, id, address, kind, origin, state)
        };
        let mut call = call.with(redirecting, PartyView::default(), Bytes::new(), Bytes::new());
        carried::note(&mut call, self.trunk(&line_address), invite);
        if let Some(device) = invite.details.as_ref().and_then(|details| details.device.as_deref()) {
            call.device = Some(device.into());
        }
        self.introduce(call, None, out);
        let join = invite.details.as_ref().and_then(|details| details.join);
        match (place, join) {
            (Some(place), _) => self.take_place(now, id, place, out),
            (None, Some(join)) => self.join_dialog(now, id, join, out),
            (None, None) => self.dial(now, id, &dialled, out),
        }
        Ok(())
    }

    /// Whether a route for calls for help takes it.
    pub(super) fn is_call_for_help(&self, invite: &IncomingCall) -> bool {
        let (source, _) = source_of(&invite.peer);
        is_for_help(&self.setup.routes, source, &self.dialled(&invite.peer, &invite.dialled))
    }

    /// The number that somebody dialled, as routes see it.
    fn dialled(&self, peer: &Peer, dialled: &str) -> String {
        let (source, line) = source_of(peer);
        let number = self.received_number(line, dialled);
        let help = help_number(&self.setup.routes, &self.lines, source, &number);
        help.map(str::to_owned).unwrap_or(number)
    }

    /// Header lines of a refusal: when to try again, and why.
    pub(super) fn refusal_headers(
        &mut self,
        status: u16,
        reason: Option<&str>,
    ) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if status == 503 {
            headers.push(("Retry-After", self.rng.random_range(RETRY_AFTER_S).to_string()));
        }
        if let Some(reason) = reason {
            headers.push(("Reason", reason.to_owned()));
        }
        headers
    }

    /// A far end's offer without its keys, which are noted with the leg.
    fn plain_offer(
        &mut self,
        leg: LegId,
        sdp: Option<Box<SessionDescription>>,
    ) -> Option<Box<SessionDescription>> {
        let Some(entry) = self.legs.get_mut(&leg) else { return sdp };
        let Some(offer) = sdp else {
            entry.keying.read_request();
            return None;
        };
        Some(Box::new(entry.keying.read_offer(&offer)))
    }

    /// The same of its answer.
    fn plain_answer(
        &mut self,
        leg: LegId,
        sdp: Option<Box<SessionDescription>>,
    ) -> Option<Box<SessionDescription>> {
        let Some(entry) = self.legs.get_mut(&leg) else { return sdp };
        let answer = Box::new(entry.keying.read_answer(&*sdp?));
        if session::audio(&answer).is_some() {
            ice::answered(&mut entry.ice, &answer);
        }
        Some(answer)
    }

    /// A provisional response of a station that we call.
    fn progress(
        &mut self,
        now: Instant,
        leg: LegId,
        status: u16,
        sdp: Option<Box<SessionDescription>>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| entry.phase == LegPhase::Inviting) else {
            return;
        };
        let sdp = sdp.filter(|sdp| session::relayed(sdp).is_some());
        let early = sdp.is_some();
        // 183 without SDP says nothing; 181, 182 and 199 are not relayed.
        let alerted = status == 180 || (status == 183 && early);
        entry.rang |= alerted;
        if early {
            entry.theirs = sdp;
        }
        let id = entry.call;
        if early {
            self.tell_relay(leg, out);
        }
        let is_relayed = self.relays_early_media(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let is_one_of_many = call.peer.is_some_and(|caller| self.hunts.offers(caller, id));
        let Some(ring) = call.ring.as_mut() else { return };
        ring.rang |= alerted;
        ring.reached |= status > 100;
        // Of the members of a group none is heard before the others.
        if early && ring.early.is_none() && !is_one_of_many && is_relayed {
            ring.early = Some(leg);
        }
        let heard = ring.early == Some(leg);
        self.dirty.insert(id);
        // The own phone of a make-call is alerted: the call stays in dialing.
        if call.errand.is_some() || !alerted {
            return;
        }
        let peer = call.peer;
        self.report(now, id, CallReport::Ringing, out);
        if let Some(caller) = peer {
            self.member_rings(caller, id);
            self.alert_caller(now, caller, status, leg, heard && early, out);
        }
    }

    /// Tells the caller that it rings, with the early media of `station` if it has some.
    fn alert_caller(
        &mut self,
        now: Instant,
        caller: CallId,
        status: u16,
        station: LegId,
        early: bool,
        out: &mut Outbox,
    ) {
        self.report(now, caller, CallReport::Ringing, out);
        self.alerted(caller, out);
        self.dirty.insert(caller);
        let Some(leg) = self.calls.get(&caller).and_then(|call| call.leg) else { return };
        let early = early && self.relays_early_media(caller);
        let spoken = self.transcoded_codecs(caller);
        let theirs = self.legs.get(&station).and_then(|station| station.theirs.clone()).filter(|_| early);
        self.open_streams_for(Some(leg), early.then_some(station), out);
        let place = self.place(leg);
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| entry.phase == LegPhase::Offered) else {
            return;
        };
        let described = match (&entry.theirs, &theirs, place) {
            // What was described once is not described differently (RFC 3261 §13.2.1).
            (Some(offer), Some(theirs), Some(place)) if entry.ours.is_none() => {
                session::answer_between(offer, theirs, place, spoken)
            }
            (_, _, _) => None,
        };
        let status = match (&described, status) {
            (Some(_), status) => status,
            (None, _) if entry.provisional.is_none() => 180,
            (None, _) => return,
        };
        entry.provisional = Some(status);
        if let Some((mut described, is_transcoded)) = described {
            entry.is_foreign_to = is_transcoded.then_some(station);
            if let Some(offer) = &entry.theirs {
                ice::take_part(&mut entry.ice, &mut self.rng, offer, &mut described);
            }
            entry.ours = Some(Box::new(described));
        }
        let written = entry.ours.as_ref().map(|ours| entry.keying.write(ours, false, &mut self.rng));
        out.sip.push(Command::Progress(leg, status, written));
        self.tell_relay(leg, out);
    }

    /// Whether the far end of this call hears, or is heard, before the answer.
    fn relays_early_media(&self, id: CallId) -> bool {
        let trunk = self.calls.get(&id).filter(|call| call.kind == LineKind::Trunk);
        let trunk = trunk.and_then(|call| self.trunk(&call.line));
        trunk.is_none_or(|trunk| trunk.early_media == EarlyMedia::Relay)
    }

    /// Sends 180 to the caller because an application accepted the call.
    pub(super) fn ring_caller(&mut self, now: Instant, caller: CallId, out: &mut Outbox) {
        self.report(now, caller, CallReport::Ringing, out);
        self.alerted(caller, out);
        let Some(leg) = self.calls.get(&caller).and_then(|call| call.leg) else { return };
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| entry.phase == LegPhase::Offered) else {
            return;
        };
        if entry.provisional.is_none() {
            entry.provisional = Some(180);
            out.sip.push(Command::Progress(leg, 180, None));
        }
    }

    /// A branch of an attempt failed: the next is tried, or the attempt has failed.
    pub(super) fn branch_failed(&mut self, now: Instant, id: CallId, failure: Failure, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let trunk = call.kind == LineKind::Trunk;
        let Some(ring) = call.ring.as_mut() else { return };
        ring.note(failure);
        // A port that could not be opened is none of the place's; with another one it may take the call.
        let is_of_our_port = failure.ours && failure.cause.status == 503;
        let is_of_the_place = trunk && (self.place_failed(now, id, &failure) || is_of_our_port);
        let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) else { return };
        if !ring.contacts.is_empty() && self.follow(now, id, failure.cause.status, out) {
            return;
        }
        let Some(ring) = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut()) else { return };
        // Where a network searched for the callee already, 408 says that he did not answer.
        let is_no_answer =
            ring.reached && failure.cause.kind == CauseKind::Status && failure.cause.status == TIMED_OUT;
        // 6xx and "elsewhere" speak for the person, not for the device; a trunk's next peer is only asked in place of a
        // dead one.
        let stop = if trunk {
            ring.rang || !is_of_the_place || is_no_answer
        } else {
            (600..700).contains(&failure.cause.status) || ring.elsewhere.is_some()
        };
        if stop {
            if trunk {
                // The last word counts, whatever the peers before said.
                ring.failure = Some(failure);
            }
            ring.others = ring.others.take().filter(|others| others.may_help(&failure));
            ring.waiting.clear();
            let others = std::mem::take(&mut ring.branches);
            for other in others {
                self.end_leg(other, 480, None, out);
            }
            self.ring_over(now, id, out);
        } else if ring.branches.is_empty() {
            self.ring_next(now, id, out);
        }
    }

    /// Nobody answered.
    pub(super) fn ring_over(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(mut ring) = call.ring.take() else { return };
        let is_one_of_many = call.peer.is_some_and(|caller| self.hunts.offers(caller, id));
        if let Some(number) = ring.elsewhere.filter(|_| !is_one_of_many)
            && self.divert_call(now, id, &number, Why::Always, out)
        {
            return;
        }
        let failure = ring.failure.unwrap_or_else(|| Failure::local(480));
        let failure = Failure { rang: failure.rang || ring.rang, ..failure };
        let others = ring.others.take();
        if others.is_some_and(|others| self.lead_on(now, id, (&failure, ring.tried.is_empty()), *others, out))
        {
            return;
        }
        if self.forward_failed(now, id, &failure, out) {
            return;
        }
        self.postpone_recall(now, id, &failure);
        let refused = failure.cause.status != 0 && !failure.ours;
        let Some(call) = self.calls.get(&id) else { return };
        let report = match call.kind {
            // The own phone refused: the destination was never called.
            _ if call.errand.is_some() => CallReport::Disconnected(super::DisconnectMode::Unavail),
            // The station refused: a drop by the handset.
            LineKind::Phone | LineKind::Local if refused => CallReport::Cleared,
            LineKind::Phone | LineKind::Local => CallReport::Disconnected(failure.mode()),
            LineKind::Trunk => failure.report(),
        };
        self.over(now, id, report, &Parting::because(&failure), out);
    }

    /// The station was asked by NOTIFY and said so.
    fn notified(&mut self, now: Instant, leg: LegId, event: &str, status: u16, out: &mut Outbox) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let id = entry.call;
        if (200..300).contains(&status) {
            return;
        }
        let is_hold = event == "hold";
        *(if is_hold { &mut entry.hold } else { &mut entry.talk }) = false;
        self.dirty.insert(id);
        // It may be said late, when something else is waited for.
        let wish = self.calls.get(&id).and_then(|call| call.pending).map(|pending| pending.wish);
        match wish {
            Some(Wish::Answer) if !is_hold => {
                self.timers.start(id, Timer::Guard, now + GUARD);
                self.ring_anew(now, id, out);
            }
            Some(Wish::Retrieve) if !is_hold => self.station_failed(id, out),
            Some(Wish::Hold) if is_hold => self.station_failed(id, out),
            _ => {}
        }
    }

    /// The station did not do what it was asked for: then the engine holds the call in its place; nobody can answer or retrieve for it.
    pub(super) fn station_failed(&mut self, id: CallId, out: &mut Outbox) {
        let wish = self.calls.get(&id).and_then(|call| call.pending).map(|pending| pending.wish);
        if wish == Some(Wish::Hold) {
            let leg = self.calls.get(&id).and_then(|call| call.leg);
            if let Some(leg) = leg.and_then(|leg| self.legs.get_mut(&leg)) {
                leg.hold = false;
            }
            self.set_held(id, Some(Hold::Hard));
            self.finish_pending(id, Ok(()), out);
        } else {
            self.finish_pending(id, Err(LineError::OperationFailed), out);
        }
    }

    /// Answers the request that waits for the station, if there is one.
    pub(super) fn finish_pending(&mut self, id: CallId, result: Result<(), LineError>, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(pending) = call.few().and_then(|few| few.pending.take()) else { return };
        self.timers.stop(id, Timer::Guard);
        self.dirty.insert(id);
        let reply = match result {
            Ok(()) => Ok(Outcome::Done),
            Err(error) => {
                let refusal = self.refusal(id, pending.app, error);
                Err(self.told_of_call(pending.app, pending.wish.operation(), id, refusal))
            }
        };
        out.messages.push((pending.app, Message::Reply { request: pending.request, reply }));
    }

    fn registration(&self, line: &str, contact: &str, change: RegistrationChange, out: &mut Outbox) {
        let Some(line) = self.lines.get(line) else { return };
        let change = match change {
            RegistrationChange::Registered => "registered",
            RegistrationChange::Unregistered => "unregistered",
            RegistrationChange::Expired => "expired",
        };
        for (app, _) in line.watchers.iter().filter(|(_, privilege)| *privilege != CallPrivilege::None) {
            let line = Arc::clone(&line.address);
            out.messages.push((*app, Message::Registration { line, contact: contact.to_owned(), change }));
        }
    }
}

/// Who dials as routes see him, and the line that he calls by.
fn source_of(peer: &Peer) -> (Source<'_>, &Arc<str>) {
    match peer {
        Peer::Line(line) => (Source::Line, line),
        Peer::Trunk(trunk) => (Source::Trunk(trunk), trunk),
    }
}
