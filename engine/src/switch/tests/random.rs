//! Whatever comes in whatever order: no panic, one reply a request, features that tell the truth, nothing left over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use trunkline_media::{Event as MediaEvent, LegId as MediaLegId};
use trunkline_sip::outbox::{
    CallDetails, Cause, CauseKind, Command, Event, Party, Peer, Refer, ReferMethod, ReferTo, Replaced,
};
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::{LegId, UsageId};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp, sdp_at, setup};
use crate::switch::setup::{GroupSetup, GroupStrategy, PageSetup};
use crate::switch::*;

/// One thing that happens. Numbers choose among the legs and calls that there are.
#[derive(Clone, Debug)]
enum Happening {
    CallIn { from: u8, to: u8, late: bool },
    Progress { leg: u8, status: u16, early: bool, talk: bool },
    Answered { leg: u8, formats: u8 },
    Established { leg: u8, formats: u8 },
    Offer { leg: u8, formats: u8, direction: u8 },
    Fax { leg: u8, is_answer: bool, formats: u8 },
    OfferAnswered { leg: u8, formats: u8 },
    OfferRefused { leg: u8 },
    Notified { leg: u8, good: bool },
    Failed { leg: u8, status: u16 },
    Ended { leg: u8, kind: u8 },
    Silent { leg: u8 },
    OpenFailed { leg: u8 },
    Request { app: bool, call: u8, operation: u8 },
    Confer { call: u8, other: u8, operation: u8 },
    Refer { leg: u8, to: u8, expels: bool },
    Consult { leg: u8, other: u8 },
    Replace { leg: u8, from: u8, early: bool },
    Transfer { call: u8, other: u8, operation: u8 },
    Fetch { app: bool, line: u8, from: u8 },
    Park { call: u8, to: u8 },
    DialCode { from: u8, code: u8 },
    MakeCall { app: bool, line: u8, to: u8 },
    Camp { call: u8 },
    Pass { seconds: u8 },
    Confirm,
    Reload,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        4 => (any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(from, to, late)| H::CallIn { from, to, late }),
        6 => (any::<u8>(), prop::sample::select(vec![180_u16, 181, 183, 199]), any::<bool>(), any::<bool>())
            .prop_map(|(leg, status, early, talk)| H::Progress { leg, status, early, talk }),
        8 => (any::<u8>(), any::<u8>()).prop_map(|(leg, formats)| H::Answered { leg, formats }),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(leg, formats)| H::Established { leg, formats }),
        4 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(leg, formats, direction)| H::Offer { leg, formats, direction }),
        4 => (any::<u8>(), any::<bool>(), any::<u8>())
            .prop_map(|(leg, is_answer, formats)| H::Fax { leg, is_answer, formats }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(leg, formats)| H::OfferAnswered { leg, formats }),
        1 => any::<u8>().prop_map(|leg| H::OfferRefused { leg }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(leg, good)| H::Notified { leg, good }),
        4 => (any::<u8>(), 300_u16..700).prop_map(|(leg, status)| H::Failed { leg, status }),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(leg, kind)| H::Ended { leg, kind }),
        1 => any::<u8>().prop_map(|leg| H::Silent { leg }),
        1 => any::<u8>().prop_map(|leg| H::OpenFailed { leg }),
        12 => (any::<bool>(), any::<u8>(), any::<u8>())
            .prop_map(|(app, call, operation)| H::Request { app, call, operation }),
        4 => (any::<bool>(), any::<u8>(), any::<u8>()).prop_map(|(app, line, to)| H::MakeCall { app, line, to }),
        3 => (0_u8..70).prop_map(|seconds| H::Pass { seconds }),
        3 => Just(H::Confirm),
        1 => Just(H::Reload),
    ]
}

/// A description of fax, behind this section.
fn fax(before: &str) -> Box<SessionDescription> {
    let head = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n";
    let text = [head, before, "m=image 6004 udptl t38\r\na=T38FaxVersion:0\r\n"].concat();
    Box::new(SessionDescription::parse(&Bytes::from(text)).unwrap())
}

/// The rig with the legs that the agents know of.
struct World {
    rig: Rig,
    legs: BTreeSet<LegId>,
    ended: BTreeMap<CallId, ()>,
    requests: Vec<RequestId>,
}

impl World {
    fn new() -> Self {
        let mut rig = Rig::with(grouped());
        rig.register("1001", "sip:1001@10.0.0.9", 1000);
        rig.register("1002", "sip:1002@10.0.0.9", 1000);
        rig.register("1002", "sip:1002@10.0.0.10", 500);
        Self { rig, legs: BTreeSet::new(), ended: BTreeMap::new(), requests: Vec::new() }
    }

    fn leg(&self, number: u8) -> LegId {
        let known = self.legs.iter().nth(usize::from(number) % self.legs.len().max(1));
        known.copied().unwrap_or(LegId::new(0, 4711))
    }

    fn over(&mut self, leg: LegId, kind: CauseKind) {
        if self.legs.remove(&leg) {
            self.rig.end(leg, kind);
        }
    }

    /// The agents take their commands: they confirm what the switch ended.
    fn confirm(&mut self) {
        while !self.rig.sip.is_empty() {
            for command in std::mem::take(&mut self.rig.sip) {
                match command {
                    Command::Invite(leg, _) => {
                        self.legs.insert(leg);
                    }
                    Command::End(leg, _) | Command::Reject(leg, ..) => self.over(leg, CauseKind::Local),
                    Command::Progress(..)
                    | Command::Answer(..)
                    | Command::Offer(..)
                    | Command::AnswerOffer(..)
                    | Command::RefuseOffer(..)
                    | Command::Notify(..)
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
                    Command::Subscribe(usage, _) => self.rig.answer_subscribe(usage, usage.0 % 2 == 0),
                    Command::Unsubscribe(usage) => {
                        self.rig.tell(Event::SubscriptionOver { usage, status: 0 });
                    }
                }
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        let formats = |number: u8| ["0 8 101", "0", "8 101", "9", "18 101"][usize::from(number) % 5];
        let app = |first: bool| if first { CRM } else { WALLBOARD };
        match happening {
            Happening::CallIn { from, to, late } => {
                let peer =
                    [Peer::Line("1001".into()), Peer::Line("1002".into()), Peer::Trunk("carrier".into())]
                        [usize::from(from) % 3]
                        .clone();
                let to = ["1001", "1002", "1003", "030", "4711", "conference", "600", "601", "650"]
                    [usize::from(to) % 9];
                let leg = self.rig.call_in(peer, to, (!late).then_some(USUAL));
                self.legs.insert(leg);
            }
            Happening::Progress { leg, status, early, talk } => {
                let sdp = early.then(|| sdp(USUAL));
                let leg = self.leg(leg);
                self.rig.tell(Event::Announced { leg, talk, hold: talk });
                self.rig.tell(Event::Progress { leg, status, sdp });
            }
            Happening::Answered { leg, formats: number } => {
                let leg = self.leg(leg);
                let is_offer = number > 250;
                let connected = Party::default();
                let sdp = Some(sdp(formats(number)));
                self.rig.tell(Event::Answered { leg, sdp, is_offer, connected });
            }
            Happening::Established { leg, formats: number } => {
                let answer = (number % 2 == 0).then(|| sdp(formats(number)));
                self.rig.tell(Event::Established { leg: self.leg(leg), answer });
            }
            Happening::Offer { leg, formats: number, direction } => {
                let line =
                    ["", "a=sendonly\r\n", "a=inactive\r\n", "a=recvonly\r\n"][usize::from(direction) % 4];
                let sdp = (direction < 230).then(|| sdp_at("10.0.0.9", 4000, formats(number), line));
                self.rig.tell(Event::Offer { leg: self.leg(leg), sdp });
            }
            Happening::Fax { leg, is_answer, formats } => {
                let places = ["", "m=audio 0 RTP/AVP 0\r\n", "m=audio 4000 RTP/AVP 0\r\n"];
                let sdp = Some(fax(places[usize::from(formats) % 3]));
                let leg = self.leg(leg);
                self.rig.tell(match is_answer {
                    true => Event::OfferAnswered { leg, sdp },
                    false => Event::Offer { leg, sdp },
                });
            }
            Happening::OfferAnswered { leg, formats: number } => {
                self.rig.tell(Event::OfferAnswered { leg: self.leg(leg), sdp: Some(sdp(formats(number))) });
            }
            Happening::OfferRefused { leg } => {
                self.rig.tell(Event::OfferRefused { leg: self.leg(leg), status: 488 });
            }
            Happening::Notified { leg, good } => {
                let status = if good { 200 } else { 489 };
                let event = if leg % 3 == 0 { "hold" } else { "talk" };
                self.rig.tell(Event::Notified { leg: self.leg(leg), event, status });
            }
            Happening::Failed { leg, status } => {
                let leg = self.leg(leg);
                if self.legs.remove(&leg) {
                    let places = [
                        "sip:1001@pbx.example",
                        "sip:1002@pbx.example",
                        "sip:030@pbx.example",
                        "sip:30@198.51.100.9",
                        "sip:30@198.51.100.10:5080",
                        "sip:31@sbc.example",
                    ];
                    let elsewhere = (status < 400).then(|| places[usize::from(status) % places.len()]);
                    let redirect = elsewhere.map(str::to_owned).into_iter().collect();
                    let status = if elsewhere.is_some() { 302 } else { status };
                    let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
                    self.rig.tell(Event::Failed { leg, cause, retry_after_s: None, redirect });
                }
            }
            Happening::Ended { leg, kind } => {
                let kinds = [
                    CauseKind::Bye,
                    CauseKind::Cancel,
                    CauseKind::Lost,
                    CauseKind::NoAck,
                    CauseKind::Unreachable,
                ];
                self.over(self.leg(leg), kinds[usize::from(kind) % kinds.len()]);
            }
            Happening::Silent { leg } => {
                self.rig.tell_media(MediaEvent::Silent { leg: MediaLegId(self.leg(leg).0) });
            }
            Happening::OpenFailed { leg } => {
                let leg = self.leg(leg);
                if let Some((_, ports)) = self.rig.open.remove(&leg) {
                    self.rig.tell_media(MediaEvent::OpenFailed { leg: MediaLegId(leg.0), ports });
                }
            }
            Happening::Request { app: first, call, operation } => {
                let app = app(first);
                let calls = self.rig.switch.calls(app);
                let Some(view) = calls.get(usize::from(call) % calls.len().max(1)) else { return };
                let operation = CallOperation::ALL[usize::from(operation) % CallOperation::ALL.len()];
                self.request(app, view, operation);
            }
            Happening::Confer { call, other, operation } => {
                let calls = self.rig.switch.calls(CRM);
                let pick =
                    |number: u8| calls.get(usize::from(number) % calls.len().max(1)).map(|view| view.id);
                let (Some(call), Some(other)) = (pick(call), pick(other)) else { return };
                let silently = || Some("1003".to_owned());
                let operation = match operation % 20 {
                    0 | 1 => Operation::SetupConference { call, to: None },
                    2 => Operation::SetupConference { call, to: silently() },
                    3 | 4 => Operation::PrepareAddToConference { call, to: None },
                    5 => Operation::PrepareAddToConference { call, to: silently() },
                    6..=9 => Operation::AddToConference { call, consult: other },
                    10 => Operation::RemoveFromConference(call),
                    11 => Operation::Dial { call, digits: "030".to_owned() },
                    12 => Operation::Dial { call, digits: "1002".to_owned() },
                    13 => {
                        Operation::CompleteTransfer { call, consult: other, mode: TransferMode::Conference }
                    }
                    14 => Operation::SwapHold { call, with: other },
                    15 => Operation::Hold(call),
                    16 => Operation::Unhold(call),
                    17 => Operation::SetupTransfer { call, to: None },
                    18 => Operation::Drop(call, None),
                    _ => Operation::GetConfRelatedCalls(call),
                };
                let request = self.rig.ask(CRM, operation);
                self.requests.push(request);
            }
            Happening::Refer { leg, to, expels } => {
                let leg = self.leg(leg);
                let id = self.rig.switch.legs.get(&leg).map(|leg| leg.call);
                let Some(line) =
                    id.and_then(|id| self.rig.switch.calls.get(&id)).map(|call| call.line.clone())
                else {
                    return;
                };
                let parent = self.rig.switch.conferences.keys().next().copied().unwrap_or(CallId(0));
                let focus = format!("conf-{}", parent.0);
                let to = ["1002", "1003", "030", &focus, "650"][usize::from(to) % 5].to_owned();
                let method = if expels { ReferMethod::Bye } else { ReferMethod::Invite };
                let to = ReferTo {
                    user: to,
                    host: "pbx.example".to_owned(),
                    method,
                    replaces: None,
                    dialog: None,
                };
                let refer = Refer {
                    leg: Some(leg),
                    peer: Peer::Line(line),
                    dialled: String::new(),
                    to,
                    referred_by: None,
                    notifies: true,
                };
                self.rig.tell(Event::Refer(UsageId(1), Box::new(refer)));
            }
            Happening::Consult { leg, other } => {
                let (leg, other) = (self.leg(leg), self.leg(other));
                let replaces = Some(Replaced { leg: Some(other), early_only: false });
                let to = ReferTo {
                    user: "1002".to_owned(),
                    host: "pbx.example".to_owned(),
                    method: ReferMethod::Invite,
                    replaces,
                    dialog: None,
                };
                let refer = Refer {
                    leg: Some(leg),
                    peer: Peer::Line("1001".into()),
                    dialled: String::new(),
                    to,
                    referred_by: None,
                    notifies: true,
                };
                self.rig.tell(Event::Refer(UsageId(2), Box::new(refer)));
            }
            Happening::Replace { leg, from, early } => {
                let replaces = Some(Replaced { leg: Some(self.leg(leg)), early_only: early });
                let line = ["1001", "1002"][usize::from(from) % 2];
                let details = CallDetails { replaces, ..CallDetails::default() };
                let leg = self.rig.call_in_with(Peer::Line(line.into()), "1002", details);
                self.legs.insert(leg);
            }
            Happening::Transfer { call, other, operation } => {
                let calls = self.rig.switch.calls(CRM);
                let pick =
                    |number: u8| calls.get(usize::from(number) % calls.len().max(1)).map(|view| view.id);
                let (Some(call), Some(other)) = (pick(call), pick(other)) else { return };
                let to = || {
                    ["1001", "600", "1003", "030", "601", "650"][usize::from(operation) / 16 % 6].to_owned()
                };
                let operation = match operation % 16 {
                    0 | 1 => Operation::SetupTransfer { call, to: None },
                    2..=4 => Operation::SetupTransfer { call, to: Some(to()) },
                    5..=7 => {
                        Operation::CompleteTransfer { call, consult: other, mode: TransferMode::Transfer }
                    }
                    8 | 9 => Operation::BlindTransfer { call, to: to() },
                    10 => Operation::Redirect { call, to: to() },
                    11 => Operation::SwapHold { call, with: other },
                    12 => Operation::Dial { call, digits: to() },
                    13 => Operation::Hold(call),
                    14 => Operation::Unhold(call),
                    _ => Operation::Drop(call, None),
                };
                let request = self.rig.ask(CRM, operation);
                self.requests.push(request);
            }
            Happening::Camp { call } => {
                let calls = self.rig.switch.calls(CRM);
                let busy: Vec<_> =
                    calls.iter().filter(|call| matches!(call.state, CallState::Busy(_))).collect();
                let Some(call) = busy.get(usize::from(call) % busy.len().max(1)).map(|view| view.id) else {
                    return;
                };
                let operation = Operation::CompleteCall { call, mode: CompletionMode::CampOn, message: None };
                let request = self.rig.ask(CRM, operation);
                self.requests.push(request);
            }
            Happening::Fetch { app: first, line, from } => {
                let line: Arc<str> = ["1001", "1002", "1003", "carrier"][usize::from(line) % 4].into();
                let pickup = |from: Option<&str>, group: Option<&str>| Operation::Pickup {
                    line: Arc::clone(&line),
                    from: from.map(str::to_owned),
                    group: group.map(str::to_owned),
                };
                let operation = match from % 6 {
                    0 => pickup(None, None),
                    1 => pickup(None, Some("sales")),
                    2 => pickup(Some("1002"), None),
                    3 => pickup(Some("1001"), Some("sales")),
                    4 => Operation::Unpark { line, from: "701".to_owned() },
                    _ => Operation::Unpark { line, from: "702".to_owned() },
                };
                let request = self.rig.ask(app(first), operation);
                self.requests.push(request);
            }
            Happening::Park { call, to } => {
                let calls = self.rig.switch.calls(CRM);
                let Some(view) = calls.get(usize::from(call) % calls.len().max(1)) else { return };
                let to = [None, Some("701".to_owned()), Some("702".to_owned())][usize::from(to) % 3].clone();
                let request = self.rig.ask(CRM, Operation::Park { call: view.id, to });
                self.requests.push(request);
            }
            Happening::DialCode { from, code } => {
                let line = ["1001", "1002"][usize::from(from) % 2];
                let code =
                    ["701", "702", "*70", "*8", "**1002", "**1001", "**1003", "*78", "*21*1003", "#21"]
                        [usize::from(code) % 10];
                let leg = self.rig.call_in(Peer::Line(line.into()), code, Some(USUAL));
                self.legs.insert(leg);
            }
            Happening::MakeCall { app: first, line, to } => {
                let line = ["1001", "1002", "1003", "carrier"][usize::from(line) % 4];
                let to = ["1001", "1002", "1003", "030", "4711", "600", "650"][usize::from(to) % 7];
                let request = self.rig.ask(
                    app(first),
                    Operation::MakeCall { line: line.into(), to: to.to_owned(), params: None },
                );
                self.requests.push(request);
            }
            Happening::Pass { seconds } => self.rig.pass(Duration::from_secs(seconds.into())),
            Happening::Confirm => self.confirm(),
            Happening::Reload => {
                self.rig.switch.reconfigure(self.rig.now, grouped(), &mut Outbox::default());
            }
        }
    }

    fn request(&mut self, app: AppId, view: &CallView, operation: CallOperation) {
        let call = view.id;
        let request = self.rig.ask(app, Operation::sample(operation, call, call));
        self.requests.push(request);
        // What was advertised is accepted: at least it is not refused for what was known before.
        let known = [
            LineError::InvalCallState,
            LineError::OperationUnavail,
            LineError::NotOwner,
            LineError::InUse,
            LineError::InvalConfCallHandle,
            LineError::NoConference,
            LineError::ConferenceFull,
        ];
        let reply = self.rig.reply(request);
        let refused = matches!(&reply, Some(Err(refusal)) if known.contains(&refusal.error));
        assert_eq!(refused, !view.features.contains(&operation), "{view:?} {operation:?} {reply:?}");
    }

    fn check(&mut self) {
        for app in [CRM, WALLBOARD] {
            for view in self.rig.switch.calls(app) {
                if view.state == CallState::Idle {
                    self.ended.insert(view.id, ());
                } else {
                    assert!(!self.ended.contains_key(&view.id), "{} left idle", view.id);
                }
            }
        }
        let counts: usize = ["1001", "1002", "1003", "carrier"]
            .map(|line| {
                let line = self.rig.switch.lines.get(line).expect("a line of the configuration");
                line.counts.iter().map(|count| usize::from(*count)).sum::<usize>()
            })
            .into_iter()
            .sum();
        let gauges = self.rig.switch.gauges();
        assert_eq!(counts, gauges.calls);
        let idle = self.rig.switch.calls.values().filter(|call| call.state == CallState::Idle);
        assert_eq!(idle.count(), gauges.calls_idle);
        self.rig.switch.assert_conferences();
        self.rig.switch.assert_fax();
        let parked = self.rig.switch.parked(CRM);
        for view in &parked {
            let call = &self.rig.switch.calls[&view.call];
            assert!(call.is_alive() && call.parked.as_ref() == Some(&view.slot), "{view:?} {call:?}");
            assert!(self.rig.location.is_registered(&view.slot, self.rig.now), "{view:?}");
        }
        let waiting = self.rig.switch.calls.values().filter(|call| call.parked.is_some());
        assert_eq!(waiting.count(), parked.len());
    }

    fn run(mut self, happenings: Vec<Happening>) {
        for happening in happenings {
            // An agent takes its commands before it reports what came after; now and then it is late.
            let invited =
                |command: &Command| if let Command::Invite(leg, _) = command { Some(*leg) } else { None };
            let known: Vec<_> = self.rig.sip.iter().filter_map(invited).collect();
            self.legs.extend(known);
            self.happen(happening);
            self.check();
        }
        self.finish();
    }

    /// Everybody hangs up.
    fn finish(&mut self) {
        self.confirm();
        for line in ["1001", "1002", "1003"] {
            let mut out = Outbox::default();
            self.rig.switch.cancel_completions(self.rig.now, line, &mut out);
            self.rig.take(out);
        }
        while let Some(leg) = self.legs.first().copied() {
            self.over(leg, CauseKind::Bye);
            self.confirm();
        }
        for _ in 0..4 {
            self.rig.pass(Duration::from_secs(61));
            self.confirm();
            while let Some(leg) = self.legs.first().copied() {
                self.over(leg, CauseKind::Bye);
                self.confirm();
            }
        }
        for request in &self.requests {
            assert!(self.rig.reply(*request).is_some(), "a request without a reply");
        }
        for app in [CRM, WALLBOARD] {
            for view in self.rig.switch.calls(app) {
                self.rig.request(app, Operation::DeallocateCall(view.id)).unwrap();
            }
        }
        self.confirm();
        self.rig.assert_quiet();
        assert_eq!(self.rig.switch.gauges(), Gauges::default());
        assert_eq!(self.rig.switch.deadline(), None);
        assert!(self.rig.switch.conferences.is_empty());
    }
}

/// All lines in one pickup group.
fn grouped() -> Setup {
    let mut setup = setup();
    for line in &mut setup.lines {
        line.groups = vec!["sales".to_owned()];
    }
    let in_order = GroupSetup {
        strategy: GroupStrategy::RoundRobin,
        otherwise: Some("030".to_owned()),
        ..GroupSetup::new("601", &["1001", "1002"])
    };
    setup.groups = vec![GroupSetup::new("600", &["1001", "1002", "1003"]), in_order];
    setup.pages = vec![PageSetup::new("650", &["1001", "1002"])];
    setup
}

/// What happens around park slots and pickup groups: calls come in, are answered, parked, held, fetched.
fn parking() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        5 => (any::<u8>(), any::<u8>()).prop_map(|(call, to)| H::Park { call, to }),
        5 => (any::<bool>(), any::<u8>(), any::<u8>()).prop_map(|(app, line, from)| H::Fetch { app, line, from }),
        5 => (any::<u8>(), any::<u8>()).prop_map(|(from, code)| H::DialCode { from, code }),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(from, to)| H::CallIn { from, to, late: false }),
        5 => any::<u8>().prop_map(|leg| H::Answered { leg, formats: 0 }),
        3 => any::<u8>().prop_map(|leg| H::Established { leg, formats: 0 }),
        2 => (1_u8..125).prop_map(|seconds| H::Pass { seconds }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(leg, direction)| H::Offer { leg, formats: 0, direction: direction % 4 }),
        6 => happening(),
    ]
}

/// What happens around conferences: those who are called mostly answer, and applications know what they want.
fn conferring() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        12 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(call, other, operation)| H::Confer { call, other, operation }),
        4 => any::<u8>().prop_map(|leg| H::Answered { leg, formats: 0 }),
        2 => any::<u8>().prop_map(|leg| H::Established { leg, formats: 0 }),
        1 => (any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(leg, to, expels)| H::Refer { leg, to, expels }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(from, to)| H::CallIn { from, to, late: false }),
        5 => happening(),
    ]
}

/// What happens around busy lines: callers of applications wait there, and the lines become free.
fn camping() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        6 => any::<u8>().prop_map(|call| H::Camp { call }),
        5 => (any::<u8>(), any::<u8>()).prop_map(|(line, to)| H::MakeCall { app: true, line, to }),
        5 => any::<u8>().prop_map(|leg| H::Failed { leg, status: 486 }),
        6 => any::<u8>().prop_map(|leg| H::Answered { leg, formats: 0 }),
        3 => (any::<u8>(), any::<u8>(), 11_u8..16)
            .prop_map(|(call, other, operation)| H::Transfer { call, other, operation }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(leg, kind)| H::Ended { leg, kind }),
        4 => happening(),
    ]
}

/// What happens around transfers, by applications and by phones.
fn transferring() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        12 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(call, other, operation)| H::Transfer { call, other, operation }),
        4 => any::<u8>().prop_map(|leg| H::Answered { leg, formats: 0 }),
        2 => any::<u8>().prop_map(|leg| H::Established { leg, formats: 0 }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(leg, to)| H::Refer { leg, to, expels: false }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(leg, other)| H::Consult { leg, other }),
        1 => (any::<u8>(), any::<u8>(), any::<bool>())
            .prop_map(|(leg, from, early)| H::Replace { leg, from, early }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(from, to)| H::CallIn { from, to, late: false }),
        5 => happening(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_breaks_and_nothing_is_left(happenings in prop::collection::vec(happening(), 1..60)) {
        World::new().run(happenings);
    }

    #[test]
    fn nothing_breaks_where_calls_are_parked_and_picked_up(happenings in prop::collection::vec(parking(), 1..80)) {
        let mut world = World::new();
        for (from, to) in [("1001", "1002"), ("carrier", "1001")] {
            let peer = if from == "carrier" { Peer::Trunk(from.into()) } else { Peer::Line(from.into()) };
            let leg = world.rig.call_in(peer, to, Some(USUAL));
            let (station, _) = world.rig.invited();
            world.rig.answer(station, USUAL);
            world.rig.tell(Event::Established { leg, answer: None });
            world.legs.extend([leg, station]);
        }
        world.run(happenings);
    }

    #[test]
    fn nothing_breaks_in_conferences(happenings in prop::collection::vec(conferring(), 1..80)) {
        let mut world = World::new();
        for (from, to) in [("1001", "1002"), ("1001", "030")] {
            let leg = world.rig.call_in(Peer::Line(from.into()), to, Some(USUAL));
            let (station, _) = world.rig.invited();
            world.rig.answer(station, USUAL);
            world.rig.tell(Event::Established { leg, answer: None });
            world.legs.extend([leg, station]);
        }
        world.run(happenings);
    }

    #[test]
    fn nothing_breaks_where_callers_camp_on(happenings in prop::collection::vec(camping(), 1..80)) {
        let mut world = World::new();
        for to in ["1001", "1002"] {
            let leg = world.rig.call_in(Peer::Trunk("carrier".into()), to, Some(USUAL));
            let (station, _) = world.rig.invited();
            world.rig.answer(station, USUAL);
            world.rig.tell(Event::Established { leg, answer: None });
            world.legs.extend([leg, station]);
        }
        world.run(happenings);
    }

    #[test]
    fn nothing_breaks_in_transfers(happenings in prop::collection::vec(transferring(), 1..80)) {
        let mut world = World::new();
        for (from, to) in [("1001", "1002"), ("1001", "030")] {
            let leg = world.rig.call_in(Peer::Line(from.into()), to, Some(USUAL));
            let (station, _) = world.rig.invited();
            world.rig.answer(station, USUAL);
            world.rig.tell(Event::Established { leg, answer: None });
            world.legs.extend([leg, station]);
        }
        world.run(happenings);
    }
}
