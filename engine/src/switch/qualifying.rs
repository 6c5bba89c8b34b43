//! Peers of trunks that are asked by OPTIONS whether they live (RFC 3261 §11).
//!
//! ```text
//!  due ─▶ OPTIONS ──good──▶ up, asked again after `qualify_s`; one that was down must say so twice
//!            ├── no answer within ANSWER ──▶ asked once more at once ──▶ down, asked again after `qualify_s`
//!            │                                  └── it answered a call within `qualify_s` ──▶ asked again when that is over
//!            ├── not sent, for lack of room here ──▶ as it was, asked again after `qualify_s`
//!            └── 5xx that speaks of trouble ──▶ asked once more after CONFIRMED_AFTER ──▶ down, as above
//! ```
//!
//! Calls go to a peer that is down only where there is nobody else. A trunk all of whose peers are down is out of service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Content, OutgoingMessage, Party, UNSENT};
use trunkline_sip::transport::Transport;

use super::Switch;
use super::call::MAX_FORWARDS;
use super::outbound::peers;
use super::outbox::Outbox;
use super::places::TIMED_OUT;
use super::setup::{Setup, TrunkSetup};

/// How long a peer may take to answer: by UDP it was asked four times by then.
const ANSWER: Duration = Duration::from_secs(4);

/// Questions in a row without a good answer that make a peer one that is down.
const MISSES_MAX: u32 = 2;

/// Good answers in a row that bring it back.
const GOOD_MIN: u32 = 2;

/// Between the good answers of a peer that was down, and between those that speak of trouble of one that is not.
const CONFIRMED_AFTER: Duration = Duration::from_secs(2);

/// Between one question and the next, so that a start floods nobody.
const APART: Duration = Duration::from_millis(5);

/// Peers that are asked; those of later trunks are not.
const ASKED_MAX: usize = 1_024;

/// A peer of a trunk.
type Key = (Arc<str>, (Transport, SocketAddr));

/// All peers that are asked.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Qualifying {
    peers: BTreeMap<Key, Standing>,
    due: BTreeSet<(Instant, Key)>,
    by_usage: BTreeMap<UsageId, Key>,
    /// No question before.
    not_before: Option<Instant>,
    /// Trunks all of whose peers are down.
    out_of_service: BTreeSet<Arc<str>>,
}

/// How a peer stands.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Standing {
    /// When it is asked next, or has not answered.
    at: Instant,
    /// The question that is not answered.
    usage: Option<UsageId>,
    misses: u32,
    good: u32,
    is_down: bool,
    /// When it answered a call last.
    heard_at: Option<Instant>,
}

impl Qualifying {
    /// Those of a start.
    pub(super) fn new(setup: &Setup, now: Instant) -> Self {
        let mut qualifying = Self::default();
        qualifying.adopt(setup, now);
        qualifying
    }

    /// Forgets peers that are not asked any more, and asks new ones.
    fn adopt(&mut self, setup: &Setup, now: Instant) {
        let asked = setup.trunks.iter().filter(|trunk| trunk.qualify_every.is_some());
        let keys = asked.flat_map(|trunk| trunk.peers.iter().map(|peer| (Arc::clone(&trunk.name), *peer)));
        let wanted: BTreeSet<Key> = keys.take(ASKED_MAX).collect();
        self.peers.retain(|key, _| wanted.contains(key));
        self.due.retain(|(_, key)| wanted.contains(key));
        self.by_usage.retain(|_, key| wanted.contains(key));
        for key in wanted {
            if !self.peers.contains_key(&key) {
                // Other addresses of a trunk that is out of service are none that answered.
                let is_down = self.out_of_service.contains(&key.0);
                let standing = Standing { at: now, usage: None, misses: 0, good: 0, is_down, heard_at: None };
                self.peers.insert(key.clone(), standing);
                self.due.insert((now, key));
            }
        }
    }

    /// Nobody is asked any more.
    pub(super) fn stop(&mut self) {
        self.due.clear();
        self.by_usage.clear();
    }

    /// When the next peer is asked, or has not answered.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| self.not_before.map_or(*at, |free| free.max(*at)))
    }

    fn take_due(&mut self, now: Instant) -> Option<Key> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        self.not_before = Some(now + APART);
        self.due.pop_first().map(|(_, key)| key)
    }

    /// Whether any peer is asked.
    pub(super) fn is_used(&self) -> bool {
        !self.peers.is_empty()
    }

    /// Whether the question is one of these.
    pub(super) fn has(&self, usage: UsageId) -> bool {
        self.by_usage.contains_key(&usage)
    }

    /// Whether it is known that the peer does not answer.
    pub(super) fn is_down(&self, trunk: &Arc<str>, peer: (Transport, SocketAddr)) -> bool {
        self.is_used() && self.peers.get(&(Arc::clone(trunk), peer)).is_some_and(|peer| peer.is_down)
    }

    /// When the peer is looked at next.
    fn look_again(&mut self, key: &Key, at: Instant) {
        if let Some(standing) = self.peers.get_mut(key) {
            self.due.remove(&(standing.at, key.clone()));
            standing.at = at;
            self.due.insert((at, key.clone()));
        }
    }
}

impl Switch {
    /// Asks the peers whose turn it is, and notes those that did not answer.
    pub(super) fn questions_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(key) = self.qualifying.take_due(now) {
            let Some(standing) = self.qualifying.peers.get_mut(&key) else { continue };
            match standing.usage.take() {
                Some(usage) => {
                    self.qualifying.by_usage.remove(&usage);
                    self.question_missed(now, &key, TIMED_OUT, out);
                }
                None => self.question(now, &key, out),
            }
        }
    }

    /// A question was not answered, or by a status that speaks of trouble.
    fn question_missed(&mut self, now: Instant, key: &Key, status: u16, out: &mut Outbox) {
        let every = self.trunk(&key.0).and_then(|trunk| trunk.qualify_every);
        let Some(standing) = self.qualifying.peers.get_mut(key) else { return };
        (standing.misses, standing.good) = (standing.misses + 1, 0);
        if !standing.is_down && standing.misses < MISSES_MAX {
            return if status == TIMED_OUT {
                self.question(now, key, out);
            } else {
                self.qualifying.look_again(key, now + CONFIRMED_AFTER);
            };
        }
        // Who takes calls is there, whether he serves OPTIONS or not.
        let takes_calls_until = standing.heard_at.zip(every).map(|(at, every)| at + every);
        match takes_calls_until.filter(|until| *until > now && !standing.is_down) {
            Some(until) => {
                standing.misses = 0;
                self.qualifying.look_again(key, until);
            }
            None => self.peer_found(now, key, Some(status), out),
        }
    }

    fn question(&mut self, now: Instant, key: &Key, out: &mut Outbox) {
        let Some(trunk) = self.trunk(&key.0) else { return };
        let Some(mut asked) = peers(trunk, &[key.1], "").into_iter().flatten().next() else { return };
        // The way that its registrar wants requests to take (RFC 3608 §6.1).
        if let Some((_, route)) = self.registrations.way_of(&key.0).filter(|(peer, _)| *peer == key.1) {
            asked.target.route = route.to_vec();
        }
        let host = if trunk.credentials.is_some() { &trunk.domain } else { &self.setup.domain };
        let host = trunk.numbers.from_domain.as_ref().unwrap_or(host).clone();
        let user = trunk.numbers.from_user.clone().unwrap_or_default();
        let question = OutgoingMessage {
            target: asked.target,
            from: Party { user, host, name: String::new() },
            to: Party::default(),
            max_forwards: MAX_FORWARDS,
            content: Content::Question,
        };
        let usage = self.next_usage();
        out.sip.push(Command::Message(usage, Box::new(question)));
        self.qualifying.by_usage.insert(usage, key.clone());
        if let Some(standing) = self.qualifying.peers.get_mut(key) {
            standing.usage = Some(usage);
        }
        self.qualifying.look_again(key, now + ANSWER);
    }

    /// A question was answered, or could not be sent. One that was given up is not heard any more.
    pub(super) fn question_answered(&mut self, now: Instant, usage: UsageId, status: u16, out: &mut Outbox) {
        let Some(key) = self.qualifying.by_usage.remove(&usage) else { return };
        if let Some(standing) = self.qualifying.peers.get_mut(&key) {
            standing.usage = None;
        }
        match status {
            // That we have no room says nothing of him.
            UNSENT => return self.ask_again(now, &key),
            // His stream was lost, perhaps with an earlier request.
            TIMED_OUT => return self.question_missed(now, &key, status, out),
            _ => {}
        }
        // Who does not serve OPTIONS is there.
        let is_in_trouble = matches!(status, 500..=599) && !matches!(status, 501 | 505 | 513);
        if is_in_trouble {
            self.question_missed(now, &key, status, out);
        } else {
            self.peer_found(now, &key, None, out);
        }
    }

    /// It is known how a peer is.
    fn peer_found(&mut self, now: Instant, key: &Key, trouble: Option<u16>, out: &mut Outbox) {
        let Some(every) = self.trunk(&key.0).and_then(|trunk| trunk.qualify_every) else { return };
        let Some(standing) = self.qualifying.peers.get_mut(key) else { return };
        let was_down = standing.is_down;
        standing.misses = 0;
        standing.good = if trouble.is_some() { 0 } else { standing.good.saturating_add(1) };
        standing.is_down = trouble.is_some() || was_down && standing.good < GOOD_MIN;
        let is_confirmed_soon = standing.is_down && standing.good > 0;
        match trouble {
            Some(status) if !was_down => self.suspects.found_down(key.1, status, now),
            None if !standing.is_down => self.suspects.is_back(&key.1, now),
            Some(_) | None => {}
        }
        if is_confirmed_soon {
            self.qualifying.look_again(key, now + CONFIRMED_AFTER.min(every));
        } else {
            self.ask_again(now, key);
        }
        self.look_at_service(&key.0, out);
    }

    /// Asks again in its turn. Engines that were started together do not ask together for ever.
    fn ask_again(&mut self, now: Instant, key: &Key) {
        let Some(every) = self.trunk(&key.0).and_then(|trunk| trunk.qualify_every) else { return };
        let every = every * self.rng.random_range(90..=100) / 100;
        self.qualifying.look_again(key, now + every);
    }

    /// A call was answered there.
    pub(super) fn peer_heard(&mut self, now: Instant, key: &Key, out: &mut Outbox) {
        let Some(standing) = self.qualifying.peers.get_mut(key) else { return };
        standing.heard_at = Some(now);
        if standing.is_down {
            (standing.is_down, standing.good) = (false, GOOD_MIN);
            self.look_at_service(&key.0, out);
        }
    }

    /// Whether every peer of a trunk is known not to answer.
    pub(super) fn is_silent_everywhere(&self, trunk: &str) -> bool {
        self.qualifying.out_of_service.contains(trunk)
    }

    /// Finds out whether a trunk is in service, and tells it where that has changed.
    fn look_at_service(&mut self, name: &Arc<str>, out: &mut Outbox) {
        let was_out = self.is_silent_everywhere(name);
        let trunk = self.trunk(name);
        let is_out = trunk.is_some_and(|trunk| {
            let is_down = |peer: &(Transport, SocketAddr)| self.qualifying.is_down(&trunk.name, *peer);
            // Where name servers know no address of it, nothing new is known.
            let is_out = if trunk.peers.is_empty() { was_out } else { trunk.peers.iter().all(is_down) };
            trunk.qualify_every.is_some() && is_out
        });
        if is_out == was_out {
            return;
        }
        if is_out {
            self.qualifying.out_of_service.insert(Arc::clone(name));
        } else {
            self.qualifying.out_of_service.remove(name);
        }
        // Who is not registered was out of service before.
        if self.trunk(name).is_some_and(|trunk| self.is_registered(trunk)) {
            self.tell_line_state(name, if is_out { "outofservice" } else { "inservice" }, 0, 0, None, out);
        }
    }

    /// After a change of the configuration, or of what name servers say.
    pub(super) fn revisit_questions(&mut self, now: Instant, out: &mut Outbox) {
        if !self.draining {
            self.qualifying.adopt(&self.setup, now);
        }
        let names: Vec<_> = self.setup.trunks.iter().map(|trunk| Arc::clone(&trunk.name)).collect();
        names.iter().for_each(|name| self.look_at_service(name, out));
        self.qualifying.out_of_service.retain(|name| names.contains(name));
    }

    /// Tells that a trunk registered, or is not any more, unless it is out of service either way.
    pub(super) fn tell_registered(&self, trunk: &str, state: &'static str, out: &mut Outbox) {
        if !self.is_silent_everywhere(trunk) {
            self.tell_line_state(trunk, state, 0, 0, None, out);
        }
    }

    /// Whether calls can be expected to pass by a trunk: it is registered where it has to be, and a peer of it answers.
    pub(super) fn is_in_service(&self, trunk: &TrunkSetup) -> bool {
        self.is_registered(trunk) && !self.is_silent_everywhere(&trunk.name)
    }
}

#[cfg(test)]
mod tests {
    use trunkline_sip::outbox::{Event, Peer};

    use super::*;
    use crate::switch::TrunkPlaces;
    use crate::switch::rig::{self, Rig};
    use crate::switch::setup::RegistrationSetup;

    #[test]
    fn peers_that_are_asked_are_few_and_asked_one_after_the_other() {
        let mut setup = rig::setup();
        let now = rig::epoch();
        let trunk = &mut setup.trunks[0];
        trunk.qualify_every = Some(Duration::from_secs(30));
        trunk.peers = (0..2_000)
            .map(|port| (Transport::Udp, SocketAddr::from(([192, 0, 2, 1], 1_000 + port))))
            .collect();
        let mut qualifying = Qualifying::new(&setup, now);
        assert_eq!((qualifying.peers.len(), qualifying.due.len()), (ASKED_MAX, ASKED_MAX));
        assert!(qualifying.take_due(now).is_some() && qualifying.take_due(now).is_none());
        assert_eq!(qualifying.deadline(), Some(now + APART));
        setup.trunks[0].peers.truncate(1);
        qualifying.adopt(&setup, now);
        assert_eq!(qualifying.peers.len(), 1);
        setup.trunks[0].qualify_every = None;
        qualifying.adopt(&setup, now);
        assert_eq!((qualifying.peers.len(), qualifying.due.len(), qualifying.deadline()), (0, 0, None));
    }

    const EVERY: Duration = Duration::from_secs(30);

    /// One peer is asked: the rig, and the first question.
    fn asked() -> (Rig, UsageId) {
        let mut setup = rig::setup();
        setup.trunks[0].qualify_every = Some(EVERY);
        setup.trunks[0].peers.truncate(1);
        let mut rig = Rig::with(setup);
        rig.pass(Duration::ZERO);
        let first = question(&mut rig).expect("it is asked at once");
        (rig, first)
    }

    fn question(rig: &mut Rig) -> Option<UsageId> {
        let questions = std::mem::take(&mut rig.sip).into_iter();
        let asked = questions
            .filter_map(|command| if let Command::Message(usage, _) = command { Some(usage) } else { None });
        asked.last()
    }

    fn done(rig: &mut Rig, usage: UsageId, status: u16) -> Option<UsageId> {
        rig.tell(Event::MessageDone { usage, status });
        question(rig)
    }

    fn is_in_service(rig: &Rig) -> bool {
        rig.switch.trunks()[0].is_in_service
    }

    /// Nobody answers until the peer is down.
    fn silence(rig: &mut Rig) {
        for _ in 0..MISSES_MAX {
            rig.pass(ANSWER);
        }
        question(rig);
    }

    #[test]
    fn what_there_was_no_room_to_ask_takes_nobody_out_of_service() {
        let (mut rig, first) = asked();
        let mut usage = first;
        for _ in 0..3 {
            assert_eq!(done(&mut rig, usage, UNSENT), None, "not at once");
            assert!(is_in_service(&rig));
            rig.pass(EVERY);
            usage = question(&mut rig).expect("asked again in its turn");
        }
        let again = done(&mut rig, usage, TIMED_OUT).expect("a stream was lost: asked once more");
        assert!(is_in_service(&rig));
        assert_eq!(done(&mut rig, again, TIMED_OUT), None);
        assert!(!is_in_service(&rig));
        rig.pass(EVERY);
        let usage = question(&mut rig).expect("asked again in its turn");
        done(&mut rig, usage, UNSENT);
        assert!(!is_in_service(&rig), "as it was");
    }

    #[test]
    fn who_answers_calls_and_no_questions_is_in_service_for_a_while() {
        let (mut rig, _) = asked();
        let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(rig::USUAL));
        let (leg, _) = rig.invited();
        rig.progress(leg, 180, None);
        silence(&mut rig);
        assert!(is_in_service(&rig));
        rig.pass(EVERY - MISSES_MAX * ANSWER);
        assert!(question(&mut rig).is_some(), "when the answer is old it is asked again");
        silence(&mut rig);
        assert!(!is_in_service(&rig), "so an outage is found in time");
        rig.answer(leg, rig::USUAL);
        assert!(is_in_service(&rig));
        rig.hang_up(caller);
        rig.assert_quiet();
    }

    #[test]
    fn one_answer_of_trouble_takes_nobody_out_of_service_and_two_do() {
        let (mut rig, first) = asked();
        assert_eq!(done(&mut rig, first, 503), None, "not at once");
        assert!(is_in_service(&rig));
        rig.pass(CONFIRMED_AFTER);
        let second = question(&mut rig).expect("asked once more");
        assert_eq!(done(&mut rig, second, 200), None);
        assert!(is_in_service(&rig), "it was for a moment");
        rig.pass(EVERY);
        let third = question(&mut rig).expect("asked in its turn");
        done(&mut rig, third, 500);
        rig.pass(CONFIRMED_AFTER);
        let fourth = question(&mut rig).expect("asked once more");
        done(&mut rig, fourth, 503);
        assert!(!is_in_service(&rig));
        assert_eq!(rig.switch.trunks()[0].places[0].failure.map(|(status, _)| status), Some(503));
    }

    #[test]
    fn a_question_takes_the_way_that_the_registrar_wants() {
        let mut setup = rig::setup();
        setup.trunks[0].qualify_every = Some(EVERY);
        setup.trunks[0].registration = Some(RegistrationSetup {
            user: "4930".to_owned(),
            contact: "4930".into(),
            expires: Duration::from_secs(600),
        });
        let mut rig = Rig::with(setup);
        rig.pass(Duration::ZERO);
        rig.pass(APART);
        let route = || vec!["<sip:edge.carrier.example;lr>".to_owned()];
        let registers = rig
            .sip
            .iter()
            .find_map(|command| if let Command::Register(usage, _) = command { Some(*usage) } else { None });
        let (usage, trunk, expires) = (registers.unwrap(), "carrier".into(), Duration::from_secs(600));
        rig.tell(Event::Registered { usage, trunk, expires, service_route: route(), is_first: true });
        rig.sip.clear();
        let asked: Vec<_> = std::mem::take(&mut rig.switch.qualifying.by_usage).into_keys().collect();
        assert_eq!(asked.len(), 2);
        for _ in 0..4 {
            rig.pass(ANSWER);
        }
        let questions = rig.sip.iter().filter_map(|command| {
            let Command::Message(_, question) = command else { return None };
            Some((question.target.flow.remote, question.target.route.clone()))
        });
        let questions: Vec<_> = questions.collect();
        assert!(questions.len() >= 2, "{questions:?}");
        for (remote, taken) in questions {
            let is_registrar = remote == rig.switch.setup.trunks[0].peers[0].1;
            assert_eq!(taken, if is_registrar { route() } else { Vec::new() }, "{remote}");
        }
    }

    #[test]
    fn other_addresses_and_none_do_not_bring_a_trunk_back() {
        let (mut rig, _) = asked();
        silence(&mut rig);
        assert!(!is_in_service(&rig));
        for hosts in [&["198.51.100.9:5060"][..], &[], &["198.51.100.10:5060"]] {
            let peers = hosts.iter().map(|host| (Transport::Udp, host.parse().unwrap())).collect();
            let (name, servers, redirects) = ("carrier".into(), Vec::new(), Vec::new());
            let mut out = Outbox::default();
            rig.switch.relocate(rig.now, vec![TrunkPlaces { name, peers, servers, redirects }], &mut out);
            rig.take(out);
            assert!(!is_in_service(&rig), "{hosts:?}");
        }
        rig.pass(APART);
        let first = question(&mut rig).expect("the new one is asked at once");
        done(&mut rig, first, 200);
        rig.pass(CONFIRMED_AFTER);
        let second = question(&mut rig).expect("and once more");
        done(&mut rig, second, 200);
        assert!(is_in_service(&rig));
    }
}
