//! Exhaustive exploration: every state that can be reached with up to three calls on a line and two applications, and in each
//! of them every operation by every application on every call. A bit is set exactly when the operation is accepted; what is
//! refused changes nothing.
//!
//! The world around the line is as small as it can be: applications open this line alone, and who was led away from it hangs
//! up, unless it may still come back. Two states of one shape (`shape.rs`) are one.

mod shape;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::io::Write;
use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Party, Peer};

use crate::switch::call::Errand;
use crate::switch::rig::{CRM, Rig, USUAL, sdp, sdp_at, setup};
use crate::switch::setup::AppSetup;
use crate::switch::*;

/// The second application: an owner, too.
const QUEUE: AppId = AppId(1);

/// What leads from one state to another. Calls and legs are named by their place among all that there were.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// A call comes in to the line; to a trunk's line: from its network.
    CallIn,
    /// The far end of a leg rings, answers, refuses, acknowledges, hangs up, holds, retrieves.
    Ring(usize),
    Answer(usize),
    Refuse(usize),
    Acknowledge(usize),
    HangUp(usize),
    Hold(usize),
    Retrieve(usize),
    /// An application makes a call; or begins one, to dial later.
    MakeCall(AppId),
    Begin(AppId),
    /// An application operates on a call, with another.
    Operate(AppId, CallOperation, usize, usize),
    /// Time passes: a little; until parked calls come back.
    Pass,
    Wait,
}

/// How far the far end of a leg is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Far {
    /// It called and waits.
    Waits,
    /// It was called.
    Called,
    /// It was called and rings.
    Rings,
    /// It was answered and has not acknowledged.
    Answered,
    Talks,
    Holds,
    Gone,
}

/// A line, what is around it, and how many calls it may have. Of one call everything is followed. Of two, far ends acknowledge
/// at once, and who owns a call stays its owner. Of three on a line, far ends are brisk too: they ring at once and do not
/// hold; and a party that is away and may come back counts as one of the three. What that changes it changes for each call
/// by itself, and each would multiply the states by the power of calls.
struct World {
    calls_max: usize,
    rig: Rig,
    line: &'static str,
    legs: Vec<(LegId, Far)>,
}

impl World {
    fn new(line: &'static str, calls_max: usize) -> Self {
        let mut setup = setup();
        setup.completion.outstanding_max = 1;
        setup.apps[0].lines = vec![line.into()];
        setup.apps[1] =
            AppSetup { name: "queue".into(), lines: vec![line.into()], privilege: CallPrivilege::Owner };
        let mut rig = Rig::with(setup);
        rig.register("1001", "sip:1001@10.0.0.9", 1000);
        rig.register("1002", "sip:1002@10.0.0.9", 1000);
        Self { calls_max, rig, line, legs: Vec::new() }
    }

    /// The same world once more.
    fn copy(&self) -> Self {
        Self { rig: self.rig.copy(), legs: self.legs.clone(), ..*self }
    }

    /// The same world, one step further on.
    fn after(&self, step: Step) -> (Self, Option<Reply>) {
        let mut world = self.copy();
        let reply = world.take(step);
        (world, reply)
    }

    /// How far the far end of a leg is.
    fn far(&self, leg: LegId) -> Option<Far> {
        self.legs.iter().find(|(known, _)| *known == leg).map(|(_, far)| *far)
    }

    fn calls(&self) -> Vec<CallId> {
        let held = |app| self.rig.switch.calls(app).into_iter().map(|call| call.id);
        let all: BTreeSet<CallId> = held(CRM).chain(held(QUEUE)).collect();
        all.into_iter().collect()
    }

    /// The calls that have something to do with the line: on it, connected with one that is, or able to come back to it.
    fn attached(&self) -> BTreeSet<CallId> {
        let calls = &self.rig.switch.calls;
        let mut attached: BTreeSet<CallId> = calls
            .values()
            .filter(|call| {
                call.line.as_ref() == self.line
                    || call.parked.is_some()
                    || call.sent.is_some()
                    || call.sends.is_some()
                    || call.camped.is_some()
                    || call.taker.is_some()
                    || matches!(call.errand, Some(Errand::Join(_) | Errand::Take(_)))
            })
            .map(|call| call.id)
            .collect();
        let partners: Vec<CallId> =
            attached.iter().filter_map(|id| calls.get(id)).filter_map(|call| call.peer).collect();
        attached.extend(partners);
        attached
    }

    /// Calls of the line that are not idle.
    fn on_line(&self) -> usize {
        let line = self.rig.switch.lines.get(self.line);
        line.map_or(0, |line| line.calls.len())
    }

    fn take(&mut self, step: Step) -> Option<Reply> {
        let mut reply = None;
        match step {
            Step::CallIn => {
                let leg = match self.line {
                    "carrier" => self.rig.call_in(Peer::Trunk("carrier".into()), "1003", Some(USUAL)),
                    line => self.rig.call_in(Peer::Line("1002".into()), line, Some(USUAL)),
                };
                self.legs.push((leg, Far::Waits));
            }
            Step::Ring(at) => {
                self.legs[at].1 = Far::Rings;
                let leg = self.legs[at].0;
                self.rig.tell(Event::Progress { leg, status: 180, sdp: None });
            }
            Step::Answer(at) => {
                self.legs[at].1 = Far::Talks;
                let (leg, connected) = (self.legs[at].0, Party::default());
                self.rig.tell(Event::Answered { leg, sdp: Some(sdp(USUAL)), is_offer: false, connected });
            }
            Step::Refuse(at) => {
                self.legs[at].1 = Far::Gone;
                self.rig.refuse(self.legs[at].0, 486);
            }
            Step::Acknowledge(at) => {
                self.legs[at].1 = Far::Talks;
                self.rig.tell(Event::Established { leg: self.legs[at].0, answer: None });
            }
            Step::HangUp(at) => self.hang_up(at),
            Step::Hold(at) => {
                self.legs[at].1 = Far::Holds;
                let offer = sdp_at("198.51.100.7", 4000, USUAL, "a=sendonly\r\n");
                self.rig.tell(Event::Offer { leg: self.legs[at].0, sdp: Some(offer) });
            }
            Step::Retrieve(at) => {
                self.legs[at].1 = Far::Talks;
                self.rig.tell(Event::Offer { leg: self.legs[at].0, sdp: Some(sdp(USUAL)) });
            }
            Step::MakeCall(app) => {
                let to = if self.line == "carrier" { "030" } else { "1002" }.to_owned();
                let line = self.line.into();
                self.rig.request(app, Operation::MakeCall { line, to, params: None }).ok();
            }
            Step::Begin(app) => {
                let line = self.line.into();
                self.rig.request(app, Operation::MakeCall { line, to: String::new(), params: None }).ok();
            }
            Step::Operate(app, operation, call, other) => {
                let calls = self.calls();
                reply = self.try_it(app, operation, calls[call], calls[other]);
            }
            Step::Pass => self.rig.pass(Duration::from_secs(5)),
            Step::Wait => self.rig.pass(Duration::from_secs(125)),
        }
        self.rig.messages.clear();
        self.obey();
        self.part();
        self.forget();
        self.legs.retain(|(_, far)| *far != Far::Gone);
        reply
    }

    fn try_it(&mut self, app: AppId, operation: CallOperation, call: CallId, other: CallId) -> Option<Reply> {
        self.rig.messages.clear();
        let request = self.rig.ask(app, sample(operation, call, other));
        self.rig.reply(request)
    }

    /// The agents do what they are told.
    fn obey(&mut self) {
        while !self.rig.sip.is_empty() {
            for command in std::mem::take(&mut self.rig.sip) {
                match command {
                    Command::Invite(leg, _) if self.is_brisk() => {
                        self.legs.push((leg, Far::Rings));
                        self.rig.tell(Event::Progress { leg, status: 180, sdp: None });
                    }
                    Command::Invite(leg, _) => self.legs.push((leg, Far::Called)),
                    // Far ends that take their time would double the states with each call.
                    Command::Answer(leg, _) if self.calls_max > 1 => {
                        self.set(leg, Far::Talks);
                        self.rig.tell(Event::Established { leg, answer: None });
                    }
                    Command::Answer(leg, _) => self.set(leg, Far::Answered),
                    Command::End(leg, _) | Command::Reject(leg, ..) => {
                        self.set(leg, Far::Gone);
                        self.rig.end(leg, trunkline_sip::outbox::CauseKind::Local);
                    }
                    Command::Offer(leg, _) => {
                        self.rig.tell(Event::OfferAnswered { leg, sdp: Some(sdp(USUAL)) });
                    }
                    Command::Notify(leg, event) => self.rig.tell(Event::Notified { leg, event, status: 405 }),
                    Command::Progress(..)
                    | Command::AnswerOffer(..)
                    | Command::RefuseOffer(..)
                    | Command::Enclose(..)
                    | Command::Identify(..)
                    | Command::Probe(..)
                    | Command::Withdraw(_)
                    | Command::Focus(..)
                    | Command::Digit(..)
                    | Command::UserToUser(..)
                    | Command::Csta(..)
                    | Command::AnswerRefer(..)
                    | Command::ReferProgress(..)
                    | Command::AnswerSubscribe(..)
                    | Command::AcceptList(_)
                    | Command::NotifySubscriber(..)
                    | Command::Register(..)
                    | Command::Unregister(_)
                    | Command::AnswerText(..)
                    | Command::AnswerPublish(..)
                    | Command::Message(..) => {}
                    Command::Subscribe(usage, _) => self.rig.answer_subscribe(usage, true),
                    Command::Unsubscribe(usage) => {
                        self.rig.tell(Event::SubscriptionOver { usage, status: 0 });
                    }
                }
            }
        }
    }

    /// Who was led away from the line hangs up.
    fn part(&mut self) {
        while let Some(at) = self.stray() {
            self.hang_up(at);
            self.obey();
        }
    }

    /// A leg that has nothing to do with the line any more.
    fn stray(&self) -> Option<usize> {
        let attached = self.attached();
        self.legs.iter().position(|(leg, far)| {
            let call = self.rig.switch.legs.get(leg).map(|leg| leg.call);
            *far != Far::Gone && call.is_some_and(|call| !attached.contains(&call))
        })
    }

    fn hang_up(&mut self, at: usize) {
        let (leg, far) = self.legs[at];
        self.legs[at].1 = Far::Gone;
        match far {
            Far::Called | Far::Rings => self.rig.refuse(leg, 486),
            Far::Waits => self.rig.end(leg, trunkline_sip::outbox::CauseKind::Cancel),
            Far::Answered | Far::Talks | Far::Holds | Far::Gone => self.rig.hang_up(leg),
        }
    }

    /// Idle calls are deallocated: they lead nowhere.
    fn forget(&mut self) {
        for app in [CRM, QUEUE] {
            for call in self.rig.switch.calls(app) {
                if call.state == CallState::Idle {
                    self.rig.request(app, Operation::DeallocateCall(call.id)).unwrap();
                }
            }
        }
        self.rig.messages.clear();
    }

    fn set(&mut self, leg: LegId, far: Far) {
        if let Some(entry) = self.legs.iter_mut().find(|(known, _)| *known == leg) {
            entry.1 = far;
        }
    }

    /// What the network and the applications could do that makes or moves calls.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.on_line() < self.calls_max {
            steps.extend([Step::CallIn, Step::MakeCall(CRM), Step::Begin(CRM)]);
        }
        for (at, (_, far)) in self.legs.iter().enumerate() {
            match far {
                Far::Waits => steps.push(Step::HangUp(at)),
                Far::Called => steps.extend([Step::Ring(at), Step::Answer(at), Step::Refuse(at)]),
                Far::Rings => steps.extend([Step::Answer(at), Step::Refuse(at)]),
                Far::Answered => steps.extend([Step::Acknowledge(at), Step::HangUp(at)]),
                Far::Talks if self.is_brisk() => steps.push(Step::HangUp(at)),
                Far::Talks => steps.extend([Step::HangUp(at), Step::Hold(at)]),
                Far::Holds => steps.extend([Step::HangUp(at), Step::Retrieve(at)]),
                Far::Gone => {}
            }
        }
        if self.rig.switch.calls.values().any(|call| call.pending.is_some()) {
            steps.push(Step::Pass);
        }
        if self.rig.switch.calls.values().any(|call| call.parked.is_some()) {
            steps.push(Step::Wait);
        }
        steps
    }

    /// Everything that the switch keeps of calls and legs: a refusal changes none of it.
    fn written(&self) -> String {
        format!("{:?}{:?}{:?}", self.rig.switch.calls, self.rig.switch.legs, self.rig.switch.conferences)
    }

    /// Checks every operation in this state; gives the steps that lead on, and where.
    fn check(&self, path: &dyn Fn() -> Vec<Step>) -> Vec<(Step, Self)> {
        let calls = self.calls();
        let mut onward = Vec::new();
        let mut refused = self.copy();
        let mut touched = self.copy();
        let before = self.written();
        for app in [CRM, QUEUE] {
            for (at, id) in calls.iter().enumerate() {
                let features = self.rig.switch.call(app, *id).map(|view| view.features);
                for operation in CallOperation::ALL {
                    let others: Vec<_> = if takes_two(operation) {
                        (0..calls.len()).filter(|other| *other != at).collect()
                    } else {
                        vec![at]
                    };
                    let is_set = features.as_ref().is_some_and(|features| features.contains(&operation));
                    let wrong = |what: &str| -> ! {
                        panic!("{operation:?} is {what}, for {app:?} on {id}\n{}", self.show(&path()))
                    };
                    if is_set && leaves_calls_alone(operation) {
                        let reply = touched.take(Step::Operate(app, operation, at, at));
                        if is_refused(reply.as_ref()) {
                            wrong("advertised and refused");
                        }
                    } else if is_set {
                        let led: Vec<_> = others
                            .into_iter()
                            .map(|other| Step::Operate(app, operation, at, other))
                            .map(|step| (step, self.after(step)))
                            .filter(|(_, (_, reply))| !is_refused(reply.as_ref()))
                            .map(|(step, (world, _))| (step, world))
                            .collect();
                        if led.is_empty() {
                            wrong("advertised and refused");
                        }
                        onward.extend(led);
                    } else {
                        for other in others {
                            let reply = refused.try_it(app, operation, calls[at], calls[other]);
                            if !matches!(&reply, Some(Err(_))) {
                                wrong("not advertised and accepted");
                            }
                        }
                    }
                }
            }
        }
        assert!(refused.written() == before, "a refusal changed something\n{}", self.show(&path()));
        onward
    }

    /// Whether a step only changes who holds a call: it is checked, and not followed.
    fn is_inert(&self, step: Step) -> bool {
        let Step::Operate(app, operation, ..) = step else { return false };
        let only_moves = matches!(
            operation,
            CallOperation::GetConfRelatedCalls | CallOperation::Handoff | CallOperation::SetCallPrivilege
        );
        self.calls_max > 1 && (app == QUEUE || only_moves)
    }

    /// Whether far ends leave out what they may leave out; a trunk's have few states.
    fn is_brisk(&self) -> bool {
        self.calls_max > 2 && self.line != "carrier"
    }

    /// Whether there are no more calls than are looked at. Each has one on the other side. Where far ends are brisk, who is
    /// away and may come back counts as one of them.
    fn is_small(&self) -> bool {
        let away = if self.is_brisk() { self.away() } else { 0 };
        self.on_line() + away <= self.calls_max && self.rig.switch.calls.len() <= 2 * self.calls_max
    }

    /// Calls that are away from the line and may come back: parked, sent elsewhere, waiting to be let in. Two that are
    /// connected count once.
    fn away(&self) -> usize {
        let calls = &self.rig.switch.calls;
        let attached = self.attached();
        let is_away = |id: &CallId| calls.get(id).is_some_and(|call| call.line.as_ref() != self.line);
        let counts = |id: &&CallId| {
            let peer = calls.get(*id).and_then(|call| call.peer);
            is_away(id) && peer.is_none_or(|peer| is_away(&peer) && **id < peer)
        };
        attached.iter().filter(counts).count()
    }

    fn show(&self, path: &[Step]) -> String {
        let calls = self.rig.switch.calls(CRM);
        let calls = calls.iter().map(|call| {
            format!(
                "{} on {}: {:?}, related {:?}, {:?}\n",
                call.id, call.line, call.state, call.related, call.features
            )
        });
        format!("after {path:?}:\n{}", calls.collect::<String>())
    }
}

fn takes_two(operation: CallOperation) -> bool {
    matches!(
        operation,
        CallOperation::AddToConference | CallOperation::CompleteTransfer | CallOperation::SwapHold
    )
}

/// Errors that say that the operation cannot be done with this call at this moment.
fn is_told_by_bits(error: LineError) -> bool {
    matches!(
        error,
        LineError::InvalCallHandle
            | LineError::InvalCallState
            | LineError::InvalConfCallHandle
            | LineError::InvalConsultCallHandle
            | LineError::InUse
            | LineError::NotOwner
            | LineError::OperationUnavail
    )
}

fn is_refused(reply: Option<&Reply>) -> bool {
    matches!(reply, Some(Err(refusal)) if is_told_by_bits(refusal.error))
}

/// The operation with arguments that lead somewhere from every line.
fn sample(operation: CallOperation, call: CallId, other: CallId) -> Operation {
    if operation == CallOperation::Handoff {
        return Operation::Handoff { call, to: HandoffTarget::App("queue".to_owned()) };
    }
    Operation::sample(operation, call, other)
}

/// Operations that move no call and change no handle: they may be tried one after the other.
fn leaves_calls_alone(operation: CallOperation) -> bool {
    matches!(
        operation,
        CallOperation::GatherDigits
            | CallOperation::GenerateDigits
            | CallOperation::MonitorDigits
            | CallOperation::MonitorMedia
            | CallOperation::SendUserUserInfo
            | CallOperation::SetCallData
            | CallOperation::SetCallQualityOfService
            | CallOperation::SetMediaMode
    )
}

/// What an exploration found.
#[derive(Default)]
struct Found {
    states: usize,
    operations: usize,
    /// Whether there is no further state.
    is_closed: bool,
}

/// Explores from one line, the nearest states first.
fn explore(line: &'static str, calls_max: usize, states_max: usize) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::new();
    // Each state by the one that it was reached from.
    let mut paths: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let start = World::new(line, calls_max);
    seen.insert(shape::shape(&start));
    let mut open = VecDeque::from([(0, start)]);
    while let Some((at, world)) = open.pop_front() {
        found.states += 1;
        let path = || {
            let mut steps = Vec::new();
            let mut at = at;
            while let (before, Some(step)) = paths[at] {
                steps.push(step);
                at = before;
            }
            steps.reverse();
            steps
        };
        let led = world.check(&path);
        found.operations += led.len();
        let moved = world.steps().into_iter().map(|step| (step, world.after(step).0));
        let led = led.into_iter().filter(|(step, _)| !world.is_inert(*step));
        let mut fresh = Vec::new();
        for (step, next) in moved.chain(led) {
            // Each call has one on the other side, and nobody can be parked for ever.
            if next.is_small() && seen.len() < states_max && seen.insert(shape::shape(&next)) {
                fresh.push((step, next));
            }
        }
        for (step, next) in fresh {
            paths.push((at, Some(step)));
            open.push_back((paths.len() - 1, next));
        }
    }
    found.is_closed = seen.len() < states_max;
    found
}

fn explored(line: &'static str, calls_max: usize, states_max: usize) -> Found {
    let found = explore(line, calls_max, states_max);
    let all = if found.is_closed { "all" } else { "the nearest" };
    let Found { states, operations, .. } = found;
    // Not captured: how far it went is a result, too.
    let what = format!("{line}, {calls_max} calls: {all} {states} states, {operations} operations accepted");
    writeln!(std::io::stderr(), "{what}").unwrap();
    assert!(found.is_closed || states >= states_max, "only {states} states were found");
    found
}

/// A number for a longer run.
fn from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// All states with one call, then the nearest with `TRUNKLINE_CALLS` calls (3): `TRUNKLINE_STATES` of them at most.
fn the_bits_are_true(line: &'static str) {
    assert!(explored(line, 1, usize::MAX).is_closed);
    explored(line, from_environment("TRUNKLINE_CALLS", 3), from_environment("TRUNKLINE_STATES", 100));
}

#[test]
fn the_bits_of_a_phone_line_are_true() {
    the_bits_are_true("1001");
}

#[test]
fn the_bits_of_a_local_line_are_true() {
    the_bits_are_true("1003");
}

#[test]
fn the_bits_of_a_trunk_are_true() {
    the_bits_are_true("carrier");
}
