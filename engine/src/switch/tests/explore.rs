//! Exhaustive exploration: every state that can be reached with up to three calls on a line and two applications, and in each
//! of them every operation by every application on every call. A bit is set exactly when the operation is accepted; what is
//! refused changes nothing.
//!
//! A state is reached by replaying the steps that lead to it; two states are the same when the switch would tell them apart
//! only by names and times.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Party, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, sdp, sdp_at, setup};
use crate::switch::setup::AppSetup;
use crate::switch::*;

/// The second application: an owner, too.
const QUEUE: AppId = AppId(1);

/// Calls on the line, beyond which a state is not entered; `TRUNKLINE_CALLS` sets another number.
fn calls_max() -> usize {
    std::env::var("TRUNKLINE_CALLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

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
    /// Time passes.
    Pass,
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

struct World {
    rig: Rig,
    line: &'static str,
    legs: Vec<(LegId, Far)>,
}

impl World {
    fn new(line: &'static str) -> Self {
        let mut setup = setup();
        setup.apps[1] =
            AppSetup { name: "queue".into(), lines: vec!["*".into()], privilege: CallPrivilege::Owner };
        let mut rig = Rig::with(setup);
        rig.register("1001", "sip:1001@10.0.0.9", 1000);
        rig.register("1002", "sip:1002@10.0.0.9", 1000);
        Self { rig, line, legs: Vec::new() }
    }

    fn reached(line: &'static str, steps: &[Step]) -> Self {
        let mut world = Self::new(line);
        for step in steps {
            world.take(*step);
        }
        world
    }

    fn calls(&self) -> Vec<CallId> {
        let held = |app| self.rig.switch.calls(app).into_iter().map(|call| call.id);
        let all: BTreeSet<CallId> = held(CRM).chain(held(QUEUE)).collect();
        all.into_iter().collect()
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
                self.rig.tell(Event::Progress { leg, status: 180, sdp: None, talk: false });
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
            Step::HangUp(at) => {
                let waited = matches!(self.legs[at].1, Far::Waits);
                self.legs[at].1 = Far::Gone;
                let kind = trunkline_sip::outbox::CauseKind::Cancel;
                if waited { self.rig.end(self.legs[at].0, kind) } else { self.rig.hang_up(self.legs[at].0) }
            }
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
                let (call, other) = (calls[call], calls[other]);
                let request = self.rig.ask(app, sample(operation, call, other));
                reply = self.rig.reply(request);
            }
            Step::Pass => self.rig.pass(Duration::from_secs(5)),
        }
        self.obey();
        reply
    }

    /// The agents do what they are told.
    fn obey(&mut self) {
        self.rig.messages.clear();
        while !self.rig.sip.is_empty() {
            for command in std::mem::take(&mut self.rig.sip) {
                match command {
                    Command::Invite(leg, _) => self.legs.push((leg, Far::Called)),
                    Command::Answer(leg, _) => self.set(leg, Far::Answered),
                    Command::End(leg, _) | Command::Reject(leg, ..) => {
                        self.set(leg, Far::Gone);
                        self.rig.end(leg, trunkline_sip::outbox::CauseKind::Local);
                    }
                    Command::Offer(leg, _) => {
                        self.rig.tell(Event::OfferAnswered { leg, sdp: Some(sdp(USUAL)) });
                    }
                    Command::Notify(leg, _) => self.rig.tell(Event::Notified { leg, status: 405 }),
                    Command::Progress(..)
                    | Command::AnswerOffer(..)
                    | Command::RefuseOffer(..)
                    | Command::Enclose(..)
                    | Command::Identify(..)
                    | Command::Focus(..)
                    | Command::Digit(..)
                    | Command::UserToUser(..)
                    | Command::AnswerRefer(..)
                    | Command::ReferProgress(..)
                    | Command::AnswerSubscribe(..)
                    | Command::NotifySubscriber(..)
                    | Command::Message(..) => {}
                    Command::Subscribe(usage, _) => self.rig.answer_subscribe(usage, true),
                    Command::Unsubscribe(usage) => {
                        self.rig.tell(Event::SubscriptionOver { usage, status: 0 });
                    }
                }
            }
        }
        self.forget();
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
        if self.on_line() < calls_max() {
            steps.extend([Step::CallIn, Step::MakeCall(CRM), Step::Begin(CRM)]);
        }
        for (at, (_, far)) in self.legs.iter().enumerate() {
            match far {
                Far::Waits => steps.push(Step::HangUp(at)),
                Far::Called => steps.extend([Step::Ring(at), Step::Answer(at), Step::Refuse(at)]),
                Far::Rings => steps.extend([Step::Answer(at), Step::Refuse(at)]),
                Far::Answered => steps.extend([Step::Acknowledge(at), Step::HangUp(at)]),
                Far::Talks => steps.extend([Step::HangUp(at), Step::Hold(at)]),
                Far::Holds => steps.extend([Step::HangUp(at), Step::Retrieve(at)]),
                Far::Gone => {}
            }
        }
        if self.rig.switch.calls.values().any(|call| call.pending.is_some()) {
            steps.push(Step::Pass);
        }
        steps
    }

    /// What tells this state from another, whatever its calls and legs are called and when it was reached.
    fn fingerprint(&self) -> u64 {
        let mut names = Names::default();
        let mut hash = DefaultHasher::new();
        for call in self.rig.switch.calls.values() {
            names.read(&format!("{call:?}")).hash(&mut hash);
        }
        for leg in self.rig.switch.legs.values() {
            let shown = (leg.id, leg.call, leg.phase, leg.talk, leg.rang, leg.far_end, leg.offered.len());
            names.read(&format!("{shown:?}")).hash(&mut hash);
        }
        for (leg, far) in self.legs.iter().filter(|(_, far)| *far != Far::Gone) {
            names.read(&format!("{leg:?} {far:?}")).hash(&mut hash);
        }
        hash.finish()
    }

    /// Checks every operation in this state; gives the steps that lead on.
    fn check(&self, path: &[Step]) -> Vec<Step> {
        let calls = self.calls();
        let mut onward = Vec::new();
        let mut refused = Self::reached(self.line, path);
        let mut touched = Self::reached(self.line, path);
        let before = refused.fingerprint();
        for app in [CRM, QUEUE] {
            for (at, id) in calls.iter().enumerate() {
                let features = self.rig.switch.call(app, *id).map(|view| view.features);
                for operation in CallOperation::ALL {
                    let others: Vec<_> = if takes_two(operation) {
                        (0..calls.len()).filter(|other| *other != at).collect()
                    } else {
                        vec![at]
                    };
                    if features.as_ref().is_some_and(|features| features.contains(&operation)) {
                        if leaves_calls_alone(operation) {
                            let reply = touched.take(Step::Operate(app, operation, at, at));
                            assert!(
                                !matches!(&reply, Some(Err(refusal)) if is_told_by_bits(refusal.error)),
                                "{operation:?} is advertised to {app:?} on {id} and refused\n{}",
                                self.show(path)
                            );
                            continue;
                        }
                        let accepts = |other: &usize| {
                            let mut world = Self::reached(self.line, path);
                            let reply = world.take(Step::Operate(app, operation, at, *other));
                            !matches!(&reply, Some(Err(refusal)) if is_told_by_bits(refusal.error))
                        };
                        let other = others.iter().find(|other| accepts(other)).unwrap_or_else(|| {
                            panic!(
                                "{operation:?} is advertised to {app:?} on {id} and refused\n{}",
                                self.show(path)
                            )
                        });
                        onward.push(Step::Operate(app, operation, at, *other));
                    } else {
                        for other in others {
                            let reply = refused.take(Step::Operate(app, operation, at, other));
                            assert!(
                                matches!(&reply, Some(Err(_))),
                                "{operation:?} is not advertised to {app:?} on {id} and accepted\n{}",
                                self.show(path)
                            );
                        }
                    }
                }
            }
        }
        assert_eq!(refused.fingerprint(), before, "a refusal changed something\n{}", self.show(path));
        onward
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

/// Names that do not matter, numbered in the order in which they appear.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn read(&mut self, text: &str) -> String {
        let mut read = String::with_capacity(text.len());
        let mut rest = text;
        let kinds =
            ["CallId(", "LegId(", "RequestId(", "CompletionId(", "ConferenceId(", "UsageId(", "Instant { "];
        while let Some((at, kind)) =
            kinds.iter().filter_map(|kind| Some((rest.find(kind)?, *kind))).min_by_key(|(at, _)| *at)
        {
            read.push_str(&rest[..at]);
            let end = rest[at..].find([')', '}']).map_or(rest.len(), |end| at + end + 1);
            let name = &rest[at..end];
            if kind.starts_with("Instant") {
                read.push_str("Instant");
            } else {
                let next = self.0.len();
                let number = *self.0.entry(name.to_owned()).or_insert(next);
                read.push_str(&format!("{kind}{number})"));
            }
            rest = &rest[end..];
        }
        read.push_str(rest);
        read
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

/// Whether a step only changes who holds a call: it is checked, and not followed.
fn is_inert(step: Step) -> bool {
    let Step::Operate(app, operation, ..) = step else { return false };
    app == QUEUE
        || matches!(
            operation,
            CallOperation::GetConfRelatedCalls | CallOperation::Handoff | CallOperation::SetCallPrivilege
        )
}

/// Explores from one line; how many states there were, and how many operations were tried with success.
fn explore(line: &'static str, states_max: usize) -> (usize, usize) {
    let mut seen = HashSet::new();
    let mut open: VecDeque<Vec<Step>> = VecDeque::from([Vec::new()]);
    seen.insert(World::new(line).fingerprint());
    let (mut states, mut accepted) = (0, 0);
    while let Some(path) = open.pop_front() {
        states += 1;
        let world = World::reached(line, &path);
        let operations = world.check(&path);
        accepted += operations.len();
        for step in world.steps().into_iter().chain(operations.into_iter().filter(|step| !is_inert(*step))) {
            if seen.len() >= states_max {
                break;
            }
            let onward: Vec<_> = path.iter().copied().chain([step]).collect();
            let next = World::reached(line, &onward);
            // Each call has one on the other side; who was transferred or parked is not followed any further.
            let is_small = next.on_line() <= calls_max() && next.rig.switch.calls.len() <= 2 * calls_max();
            if is_small && seen.insert(next.fingerprint()) {
                open.push_back(onward);
            }
        }
    }
    (states, accepted)
}

fn explored(line: &'static str) {
    let (states, accepted) = explore(line, states_max());
    // Not captured: how far it went is a result, too.
    writeln!(std::io::stderr(), "{line}: {states} states, {accepted} operations accepted").unwrap();
    assert!(states >= states_max().min(50), "only {states} states were found");
}

/// `TRUNKLINE_STATES` sets how many states are explored on each line; the nearest ones first.
fn states_max() -> usize {
    std::env::var("TRUNKLINE_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

#[test]
fn the_bits_of_a_phone_line_are_true() {
    explored("1001");
}

#[test]
fn the_bits_of_a_local_line_are_true() {
    explored("1003");
}

#[test]
fn the_bits_of_a_trunk_are_true() {
    explored("carrier");
}
