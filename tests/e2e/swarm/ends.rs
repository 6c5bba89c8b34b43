//! The network and the phones: registrations, calls, and requests that are repeated until they are answered.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::auth::{ClientAuth, Credentials};

use super::message::{audio_port, body, cseq, header, headers, param, response, status, uri, user};
use super::{DAEMON, HOSTS, Media, PASSWORD, RTP_PORT, SIDES, SIP_PORT, Side, TICK, line};

/// T1 of RFC 3261.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
/// T2 of RFC 3261.
const REPEAT_AT_MOST: Duration = Duration::from_secs(4);
/// After that nobody is there.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15);
/// REGISTERs at once while all phones register.
const REGISTERING_MAX: usize = 50;
/// Who was refused waits for this long.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How long a call of the load lasts.
const LOAD_TALKS: Duration = Duration::from_millis(1_500);

/// Where a call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Calling,
    Up,
    /// One side hangs up.
    Leaving,
    Over,
    /// Refused, or never answered.
    Failed,
}

/// A call of the network to a phone.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) user: usize,
    pub(crate) stage: Stage,
    /// When both sides had what they need to talk.
    pub(crate) since: Instant,
    /// When it was over.
    over: Option<Instant>,
    /// Who hung up, and what the answer was.
    pub(crate) bye: Option<(Side, Option<u16>)>,
    /// Which sides were hung up on.
    pub(crate) is_hung_up_on: [bool; 2],
    /// Whether the daemon was killed while the call was made, was young, or was hung up.
    pub(crate) is_cut: bool,
    legs: [Leg; 2],
    ends: Option<Instant>,
}

impl Call {
    /// Whether nobody is there any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over | Stage::Failed)
    }

    /// The same of one side.
    fn is_over_for(&self, side: Side) -> bool {
        self.is_over() || self.stage == Stage::Leaving || self.is_hung_up_on[side as usize]
    }
}

/// One side's dialog.
#[derive(Default, Debug)]
struct Leg {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    relay: Option<u16>,
}

/// What goes on meanwhile, a second.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Load {
    pub(crate) calls: f64,
    pub(crate) registers: f64,
    /// Phones that are registered are left alone, and only others come.
    pub(crate) only_strangers: bool,
}

struct User {
    auth: ClientAuth,
    cseq: u32,
    registered: Option<Instant>,
    not_before: Option<Instant>,
    is_busy: bool,
}

/// A request or answer that is repeated until it is answered.
struct Waiting {
    side: Side,
    message: String,
    next: Instant,
    interval: Duration,
    until: Instant,
}

/// All of them.
pub(crate) struct Ends {
    pub(crate) calls: Vec<Call>,
    /// What goes on meanwhile.
    pub(crate) load: Load,
    /// When the first response came since this was `None`.
    pub(crate) answered: Option<Instant>,
    /// REGISTERs and INVITEs that were refused.
    pub(crate) refused: u64,
    /// Requests and answers that were repeated in vain.
    pub(crate) unanswered: u64,
    users: Vec<User>,
    sockets: [Arc<UdpSocket>; 2],
    media: Arc<Media>,
    waiting: HashMap<String, Waiting>,
    /// Calls by the Call-ID of the phone's side.
    at_phones: HashMap<String, usize>,
    owed: [f64; 2],
    next: [usize; 3],
    ticked: Instant,
}

impl Ends {
    pub(super) fn new(users: usize, sockets: [Arc<UdpSocket>; 2], media: Arc<Media>) -> Self {
        let user = |user| {
            let credentials =
                Credentials { username: line(user).into(), password: PASSWORD.into(), realm: None };
            User {
                auth: ClientAuth::new(Arc::new(credentials)),
                cseq: 0,
                registered: None,
                not_before: None,
                is_busy: false,
            }
        };
        Self {
            calls: Vec::new(),
            load: Load::default(),
            answered: None,
            refused: 0,
            unanswered: 0,
            users: (0..users).map(user).collect(),
            sockets,
            media,
            waiting: HashMap::new(),
            at_phones: HashMap::new(),
            owed: [0.0; 2],
            next: [0; 3],
            ticked: Instant::now(),
        }
    }

    /// Who was told before then that it is registered.
    pub(crate) fn registered_before(&self, then: Instant) -> Vec<usize> {
        let is_in = |user: &User| user.registered.is_some_and(|at| at < then);
        self.users.iter().enumerate().filter(|(_, user)| is_in(user)).map(|(number, _)| number).collect()
    }

    /// The daemon is killed, and knows what was so before then.
    pub(crate) fn cut(&mut self, then: Instant) {
        for call in &mut self.calls {
            let is_young = call.stage == Stage::Up && call.since >= then;
            // A record may not be written yet when its call was hung up just before.
            let is_just_over = call.stage == Stage::Over && call.over.is_some_and(|at| at >= then);
            let is_moving = matches!(call.stage, Stage::Calling | Stage::Leaving);
            call.is_cut |= is_young || is_moving || is_just_over;
        }
    }

    /// Who is registered no more finds out, and registers again some time.
    pub(crate) fn forget_registrations(&mut self, is_kept: impl Fn(usize) -> bool) {
        for (number, user) in self.users.iter_mut().enumerate() {
            user.registered = user.registered.filter(|_| is_kept(number));
        }
    }

    /// Whether the phone has a call.
    pub(crate) fn is_busy(&self, user: usize) -> bool {
        self.users[user].is_busy
    }

    /// Some more of the first users register.
    pub(super) fn register_some(&mut self, users: usize) {
        let free = REGISTERING_MAX.saturating_sub(self.waiting.len());
        let strangers: Vec<usize> = (0..users).filter(|user| self.is_stranger(*user)).take(free).collect();
        strangers.into_iter().for_each(|user| self.register(user, None));
    }

    fn is_stranger(&self, user: usize) -> bool {
        let User { registered, not_before, .. } = &self.users[user];
        let may = not_before.is_none_or(|at| at <= Instant::now());
        registered.is_none() && may && !self.waiting.contains_key(&register_branch(user))
    }

    /// The calls of which both sides talk since before then, but for those of the load.
    pub(crate) fn talking_before(&self, then: Instant) -> Vec<usize> {
        let is_so = |call: &Call| {
            let talks = call.stage == Stage::Up && call.is_hung_up_on == [false; 2];
            talks && call.ends.is_none() && call.since < then
        };
        self.calls.iter().enumerate().filter(|(_, call)| is_so(call)).map(|(number, _)| number).collect()
    }

    /// The network calls a phone. With a time it ends by then.
    pub(crate) fn call(&mut self, user: usize, ends: Option<Instant>) -> usize {
        let number = self.calls.len();
        self.users[user].is_busy = true;
        let host = HOSTS[0];
        let leg = Leg {
            call_id: format!("call{number}@swarm"),
            local: format!("<sip:{number}@{host}>;tag=n{number}"),
            remote: format!("<sip:{}@{DAEMON}>", line(user)),
            target: format!("sip:{}@{DAEMON}", line(user)),
            cseq: 1,
            relay: None,
        };
        let invite =
            request(Side::Network, "INVITE", &leg, &format!("i{number}"), &description(Side::Network));
        self.calls.push(Call {
            user,
            stage: Stage::Calling,
            since: Instant::now(),
            over: None,
            bye: None,
            is_hung_up_on: [false; 2],
            is_cut: false,
            legs: [leg, Leg::default()],
            ends,
        });
        self.ask(format!("i{number}"), Side::Network, invite);
        number
    }

    /// One side hangs up.
    pub(crate) fn hang_up(&mut self, number: usize, side: Side) {
        let call = &mut self.calls[number];
        call.stage = Stage::Leaving;
        call.bye = Some((side, None));
        let leg = &mut call.legs[side as usize];
        leg.cseq += 1;
        let branch = format!("b{number}");
        let bye = request(side, "BYE", leg, &branch, "");
        SIDES.into_iter().for_each(|side| self.media.end(number, side));
        self.ask(branch, side, bye);
    }

    fn register(&mut self, number: usize, authorization: Option<String>) {
        let branch = register_branch(number);
        let user = &mut self.users[number];
        user.cseq += 1;
        let (cseq, line, host) = (user.cseq, line(number), HOSTS[1]);
        let authorization =
            authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        let message = format!(
            "REGISTER sip:{DAEMON} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{SIP_PORT};branch=z9hG4bK.{branch}.{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{line}@{DAEMON}>;tag=r{number}\r\nTo: <sip:{line}@{DAEMON}>\r\n\
             Call-ID: register{number}@swarm\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{line}@{host}:{SIP_PORT}>\r\n\
             Expires: 3600\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        self.ask(branch, Side::Phone, message);
    }

    fn ask(&mut self, branch: String, side: Side, message: String) {
        let now = Instant::now();
        self.send(side, &message);
        let waiting = Waiting {
            side,
            message,
            next: now + REPEAT_AFTER,
            interval: REPEAT_AFTER,
            until: now + GIVE_UP_AFTER,
        };
        self.waiting.insert(branch, waiting);
    }

    fn send(&self, side: Side, message: &str) {
        // Where the daemon is away it is repeated.
        drop(self.sockets[side as usize].send_to(message.as_bytes(), DAEMON));
    }

    /// Repeats what is due, and does what the load wants.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        let mut given_up = Vec::new();
        for (branch, waiting) in &mut self.waiting {
            if now >= waiting.until {
                given_up.push(branch.clone());
            } else if now >= waiting.next {
                waiting.interval = (waiting.interval * 2).min(REPEAT_AT_MOST);
                waiting.next = now + waiting.interval;
                drop(self.sockets[waiting.side as usize].send_to(waiting.message.as_bytes(), DAEMON));
            }
        }
        for branch in given_up {
            self.waiting.remove(&branch);
            self.unanswered += 1;
            if let Some(number) = branch.strip_prefix('i').and_then(|number| number.parse().ok()) {
                self.over(number, Stage::Failed);
            } else if let Some(number) = branch.strip_prefix('b').and_then(|number| number.parse().ok()) {
                self.over(number, Stage::Over);
            }
        }
        let due: Vec<usize> = (0..self.calls.len())
            .filter(|number| {
                let call = &self.calls[*number];
                call.stage == Stage::Up && call.ends.is_some_and(|at| at <= now)
            })
            .collect();
        due.into_iter().for_each(|number| self.hang_up(number, SIDES[number % 2]));
        self.add_load(now);
    }

    fn add_load(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.ticked).min(TICK * 10).as_secs_f64();
        self.ticked = now;
        self.owed[0] += passed * self.load.calls;
        self.owed[1] += passed * self.load.registers;
        let count = self.users.len();
        while self.owed[0] >= 1.0 {
            self.owed[0] -= 1.0;
            let is_free = |user: &User| !user.is_busy && user.registered.is_some();
            let candidates = (0..count).map(|step| (self.next[0] + step) % count);
            let Some(user) = candidates.into_iter().find(|user| is_free(&self.users[*user])) else { break };
            self.next[0] = user + 1;
            self.call(user, Some(now + LOAD_TALKS));
        }
        while self.owed[1] >= 1.0 {
            self.owed[1] -= 1.0;
            // Every fourth is new.
            self.next[1] += 1;
            let is_new = self.load.only_strangers || self.next[1].is_multiple_of(4);
            let start = if is_new { 0 } else { self.next[2] };
            let is_wanted = |user: &usize| match is_new {
                true => self.is_stranger(*user),
                false => {
                    self.users[*user].registered.is_some()
                        && !self.waiting.contains_key(&register_branch(*user))
                }
            };
            let Some(user) = (0..count).map(|step| (start + step) % count).find(is_wanted) else { continue };
            if !is_new {
                self.next[2] = user + 1;
            }
            self.register(user, None);
        }
    }

    /// A message of the daemon.
    pub(super) fn receive(&mut self, side: Side, message: &str) {
        match status(message) {
            Some(status) => self.response(side, status, message),
            None => self.request(side, message),
        }
    }

    fn response(&mut self, side: Side, status: u16, message: &str) {
        self.answered.get_or_insert_with(Instant::now);
        let branch = param(header(message, "Via"), "branch");
        let Some(branch) = branch.split('.').nth(1).map(str::to_owned) else { return };
        let Some(number) = branch.get(1..).and_then(|number| number.parse::<usize>().ok()) else { return };
        let (sequence, method) = cseq(message);
        if status < 200 {
            if let Some(waiting) = self.waiting.get_mut(&branch) {
                waiting.next = waiting.until;
            }
            return;
        }
        match method {
            "REGISTER" if sequence == self.users[number].cseq => {
                self.waiting.remove(&branch);
                self.registered(number, status, message);
            }
            "INVITE" => self.invited(number, status, message, &branch),
            "BYE" => {
                self.waiting.remove(&branch);
                self.calls[number].bye = Some((side, Some(status)));
                self.over(number, Stage::Over);
            }
            _ => {}
        }
    }

    fn registered(&mut self, number: usize, status: u16, message: &str) {
        let user = &mut self.users[number];
        let mut is_refused = false;
        match status {
            200 => {
                user.auth.accepted();
                user.registered.get_or_insert_with(Instant::now);
            }
            401 => {
                let challenges = headers(message, "WWW-Authenticate");
                let answer =
                    user.auth.answer(401, challenges, "REGISTER", &format!("sip:{DAEMON}"), "cnonce");
                match answer {
                    Some((_, value)) => self.register(number, Some(value)),
                    None => is_refused = true,
                }
            }
            _ => is_refused = true,
        }
        if is_refused {
            self.refused += 1;
            self.users[number].not_before = Some(Instant::now() + RETRY_AFTER);
        }
    }

    fn invited(&mut self, number: usize, status: u16, message: &str, branch: &str) {
        let was_waiting = self.waiting.remove(branch).is_some();
        let leg = &mut self.calls[number].legs[0];
        leg.remote = header(message, "To").to_owned();
        if status >= 300 {
            let ack = request(Side::Network, "ACK", leg, branch, "");
            self.send(Side::Network, &ack);
            if was_waiting {
                self.refused += 1;
                self.over(number, Stage::Failed);
            }
            return;
        }
        leg.target = uri(header(message, "Contact")).to_owned();
        leg.relay = audio_port(message);
        let ack = request(Side::Network, "ACK", leg, &format!("a{number}"), "");
        self.send(Side::Network, &ack);
        let call = &mut self.calls[number];
        if call.stage == Stage::Calling && was_waiting {
            let [Some(network), Some(phone)] = [call.legs[0].relay, call.legs[1].relay] else {
                return self.over(number, Stage::Failed);
            };
            call.stage = Stage::Up;
            call.since = Instant::now();
            self.media.begin(number, [network, phone]);
        }
    }

    fn request(&mut self, side: Side, message: &str) {
        let call_id = header(message, "Call-ID");
        let contact = format!("sip:{}@{}:{SIP_PORT}", user(header(message, "To")), HOSTS[side as usize]);
        let answer = |status: &str, description: &str| response(message, status, "p", &contact, description);
        let number = match side {
            Side::Network => call_id
                .strip_prefix("call")
                .and_then(|rest| rest.strip_suffix("@swarm"))
                .and_then(|number| number.parse::<usize>().ok()),
            Side::Phone => self.at_phones.get(call_id).copied(),
        };
        match (message.split(' ').next().unwrap_or_default(), number) {
            ("ACK", Some(number)) => drop(self.waiting.remove(&format!("w{number}"))),
            ("ACK", None) => {}
            ("INVITE", None) if side == Side::Phone => self.rung(message, &answer),
            ("INVITE", Some(number)) if side == Side::Phone && !header(message, "To").contains(";tag=") => {
                // Repeated: the answer to the first one was lost, or is on its way.
                if let Some(waiting) = self.waiting.get(&format!("w{number}")) {
                    self.send(side, &waiting.message);
                }
            }
            ("INVITE" | "UPDATE", Some(number)) if self.calls[number].is_over_for(side) => {
                self.send(side, &answer("481 No such call", ""));
            }
            ("INVITE", Some(_)) => self.send(side, &answer("200 OK", &description(side))),
            ("BYE", Some(number)) => {
                self.send(side, &answer("200 OK", ""));
                self.calls[number].is_hung_up_on[side as usize] = true;
                self.media.end(number, side);
                let call = &self.calls[number];
                if call.stage == Stage::Up && call.is_hung_up_on == [true; 2] {
                    self.over(number, Stage::Over);
                }
            }
            ("BYE", None) => self.send(side, &answer("481 Nobody", "")),
            ("CANCEL", Some(number)) => {
                self.send(side, &answer("200 OK", ""));
                self.over(number, Stage::Failed);
            }
            _ => self.send(side, &answer("200 OK", "")),
        }
    }

    /// A phone rings, and is answered at once.
    fn rung(&mut self, message: &str, answer: &dyn Fn(&str, &str) -> String) {
        let caller = user(header(message, "From")).parse::<usize>();
        let Some(number) = caller.ok().filter(|number| *number < self.calls.len()) else {
            return self.send(Side::Phone, &answer("404 Nobody", ""));
        };
        let call_id = header(message, "Call-ID").to_owned();
        let ok = answer("200 OK", &description(Side::Phone));
        self.at_phones.insert(call_id.clone(), number);
        self.calls[number].legs[1] = Leg {
            call_id,
            local: header(&ok, "To").to_owned(),
            remote: header(message, "From").to_owned(),
            target: uri(header(message, "Contact")).to_owned(),
            cseq: 1,
            relay: audio_port(message),
        };
        self.ask(format!("w{number}"), Side::Phone, ok);
    }

    fn over(&mut self, number: usize, stage: Stage) {
        SIDES.into_iter().for_each(|side| self.media.end(number, side));
        let call = &mut self.calls[number];
        call.stage = stage;
        call.over = Some(Instant::now());
        self.users[call.user].is_busy = false;
    }
}

fn register_branch(user: usize) -> String {
    format!("r{user}")
}

fn request(side: Side, method: &str, leg: &Leg, branch: &str, description: &str) -> String {
    let host = HOSTS[side as usize];
    let Leg { call_id, local, remote, target, cseq, .. } = leg;
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{SIP_PORT};branch=z9hG4bK.{branch}\r\nMax-Forwards: 70\r\n\
         From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:swarm@{host}:{SIP_PORT}>\r\n{}",
        body(description)
    )
}

fn description(side: Side) -> String {
    let host = HOSTS[side as usize];
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {RTP_PORT} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n"
    )
}
