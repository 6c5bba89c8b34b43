//! The phone as one value: bytes and verbs in, bytes and notices out; time is an argument, chance is seeded.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rsip::Header;
use trunkline_sip::message::{Framing, Limits, Message, Method};
use trunkline_sip::transport::Transport;

use super::call::{Call, Change};
use super::description::{Description, Direction, OwnDescription};
use super::dialog::Dialog;
use super::registration::Registration;
use super::script::{HoldForm, Script};
use super::stream::Stream;
use super::transaction::{Client, Due, Purpose, Served};
use super::voice::{Heard, Voice};
use super::wire;

/// Calls that are remembered after their end.
const CALLS_MAX: usize = 32;
/// What the phone complains of is kept up to this many sentences.
const COMPLAINTS_MAX: usize = 64;

/// Who the phone is.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// The user name, which is the address that it registers.
    pub user: String,
    /// The password; `None`: never answers a challenge.
    pub password: Option<String>,
    /// Its SIP address.
    pub address: SocketAddr,
    /// Its RTP address.
    pub media: SocketAddr,
    /// Where its requests go.
    pub server: SocketAddr,
    /// The domain of its address of record.
    pub domain: String,
    /// How it speaks SIP.
    pub transport: Transport,
    /// The seed of its tags and branches.
    pub seed: u64,
}

/// The state of a call on the phone's display.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// No call yet.
    Idle,
    /// An INVITE was sent.
    Calling,
    /// The other side rings.
    Ringback,
    /// The phone rings.
    Ringing,
    /// The parties speak.
    Connected,
    /// Over: by a final status of 300 or more, or by BYE (0).
    Over(u16),
}

/// What the user of the phone notices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// Registered.
    Registered,
    /// The registration was removed.
    Unregistered,
    /// Registration failed with this status.
    RegistrationFailed(u16),
    /// The status of this call changed.
    Call(u32, Status),
    /// The other side holds or resumes.
    Held(u32, bool),
    /// Our own hold or resume was accepted, or refused with a status.
    Changed(u32, Result<(), u16>),
    /// How far the transfer is that this call asked for: the status of the destination, or of the refusal.
    Transfer(u32, u16),
}

/// A packet of the phone's voice.
#[derive(Clone, Debug)]
pub struct RtpDatagram {
    /// Where to.
    pub to: SocketAddr,
    /// The packet.
    pub bytes: Bytes,
}

/// What a phone wants sent, and what its user notices.
#[derive(Default, Debug)]
pub struct PhoneOutbox {
    /// SIP messages with their destinations.
    pub sip: Vec<(SocketAddr, Bytes)>,
    /// Packets of its voice.
    pub rtp: Vec<RtpDatagram>,
    /// What its user notices.
    pub notices: Vec<Notice>,
}

/// A scripted phone.
#[derive(Debug)]
pub struct Phone {
    /// How it behaves.
    pub script: Script,
    pub(super) config: PhoneConfig,
    pub(super) rng: StdRng,
    pub(super) registration: Registration,
    pub(super) calls: Vec<Call>,
    pub(super) clients: Vec<Client>,
    pub(super) served: Vec<Served>,
    pub(super) heard: Heard,
    voice: Voice,
    stream: Stream,
    call_serial: u32,
    complaints: Vec<String>,
}

impl Phone {
    /// A phone that was just switched on.
    pub fn new(config: PhoneConfig) -> Self {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let voice = Voice::new(config.user.clone(), rng.random(), rng.random());
        let registration = Registration::new(format!("r{:016x}", rng.random::<u64>()));
        Self {
            script: Script::default(),
            config,
            rng,
            registration,
            calls: Vec::new(),
            clients: Vec::new(),
            served: Vec::new(),
            heard: Heard::default(),
            voice,
            stream: Stream::default(),
            call_serial: 0,
            complaints: Vec::new(),
        }
    }

    /// Who it is.
    pub const fn config(&self) -> &PhoneConfig {
        &self.config
    }

    /// Believes in another password from here on.
    pub fn set_password(&mut self, password: &str) {
        self.config.password = Some(password.to_owned());
    }

    /// The status of the latest call.
    pub fn status(&self) -> Status {
        self.calls.last().map_or(Status::Idle, |call| call.status)
    }

    /// The statuses of all calls it remembers, oldest first.
    pub fn statuses(&self) -> impl Iterator<Item = (u32, Status)> {
        self.calls.iter().map(|call| (call.id, call.status))
    }

    /// The other side's description in the latest call, but for its `o=` line.
    pub fn description(&self) -> Option<&str> {
        self.calls.last()?.remote.as_ref().map(Description::text)
    }

    /// Whether the other side holds the latest call.
    pub fn is_held(&self) -> bool {
        self.calls.last().and_then(|call| call.remote.as_ref()).is_some_and(Description::holds)
    }

    /// Whether it is registered, as far as it knows.
    pub const fn is_registered(&self) -> bool {
        self.registration.is_registered
    }

    /// What it heard since [`Phone::listen`].
    pub const fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Begins to listen anew.
    pub fn listen(&mut self) {
        self.heard = Heard::default();
    }

    /// What the engine did that no standard allows.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Whether no transaction of its own is left.
    pub fn is_quiet(&self) -> bool {
        self.clients.is_empty() && self.served.is_empty()
    }

    /// Takes one SIP message.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &Bytes, out: &mut PhoneOutbox) {
        if self.script.dead || bytes.iter().all(|byte| b"\r\n\0".contains(byte)) {
            return;
        }
        let framing = if self.config.transport.is_framed() { Framing::Stream } else { Framing::Datagram };
        let message = match Message::scan(bytes.clone(), framing, &Limits::DEFAULT) {
            Ok(message) => message,
            Err(malformed) => return self.complain(format!("cannot read a message: {malformed}")),
        };
        if let Err(malformed) = message.validate(&Limits::DEFAULT) {
            self.complain(format!("invalid message: {malformed}"));
        }
        if message.is_request() {
            self.receive_request(now, from, &message, out);
        } else {
            self.receive_response(now, &message, out);
        }
        self.mind_the_voice(now);
    }

    /// Takes a piece of its connection, which may hold any part of any number of messages.
    pub fn receive_stream(&mut self, now: Instant, from: SocketAddr, piece: &[u8], out: &mut PhoneOutbox) {
        self.stream.push(piece);
        while let Some(message) = self.stream.next() {
            self.receive(now, from, &message, out);
        }
    }

    /// Its connection is gone: what waited for a response by it waits no more, and what rang rings no more.
    pub fn connection_closed(&mut self, now: Instant, out: &mut PhoneOutbox) {
        self.stream = Stream::default();
        let (waiting, rest) =
            std::mem::take(&mut self.clients).into_iter().partition(|client| !client.is_final);
        self.clients = rest;
        let waiting: Vec<Client> = waiting;
        for client in waiting {
            self.no_response(now, client.purpose, client.call, out);
        }
        for index in 0..self.calls.len() {
            if self.calls[index].status == Status::Ringing {
                self.set_status(index, Status::Over(408), out);
            }
        }
    }

    /// Takes one RTP packet.
    pub fn receive_rtp(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.script.dead {
            return;
        }
        if self.hears_fax(from, bytes) {
            return;
        }
        let comes_from =
            |call: &&mut Call| call.remote.as_ref().is_some_and(|remote| remote.audio == Some(from));
        let Some(call) = self.calls.iter_mut().rev().find(comes_from) else {
            return self.heard.packet(bytes, false);
        };
        match call.open(bytes) {
            Some(plain) => self.heard.packet(&plain, true),
            None => self.heard.unauthentic += 1,
        }
    }

    /// When to call [`Phone::handle_timeout`] if nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        if self.script.dead {
            return None;
        }
        let clients = self.clients.iter().filter_map(Client::deadline);
        let served = self.served.iter().filter_map(Served::deadline);
        let calls = self.calls.iter().filter_map(Call::deadline);
        let rest = [self.voice.deadline(), self.registration.refresh_at.filter(|_| self.script.refreshes)];
        clients.chain(served).chain(calls).chain(rest.into_iter().flatten()).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut PhoneOutbox) {
        if self.script.dead {
            return;
        }
        self.clients_due(now, out);
        self.served_due(now, out);
        for index in 0..self.calls.len() {
            self.call_due(now, index, out);
        }
        if self.script.refreshes && self.registration.refresh_at.is_some_and(|at| at <= now) {
            self.register(now, out);
        }
        self.mind_the_voice(now);
        if let Some((index, (to, payload_type))) = self.speaks_to()
            && let Some(packet) = self.voice.packet(now, payload_type, self.script.tone_hz)
            && let Some(bytes) = self.calls[index].seal(packet)
        {
            out.rtp.push(RtpDatagram { to, bytes });
        }
    }

    /// Calls this address. Returns the number of the call.
    pub fn call(&mut self, now: Instant, to: &str, out: &mut PhoneOutbox) -> u32 {
        self.call_with(now, to, Vec::new(), out)
    }

    /// Calls this number, or `sip:` URI, with further headers in the INVITE.
    pub fn call_with(
        &mut self,
        now: Instant,
        to: &str,
        headers: Vec<(String, String)>,
        out: &mut PhoneOutbox,
    ) -> u32 {
        let is_uri = to.starts_with("sip:");
        let uri = if is_uri { to.to_owned() } else { format!("sip:{to}@{}", self.config.domain) };
        let local = format!("\"{0}\" <sip:{0}@{1}>", self.config.user, self.config.domain);
        let call_id = format!("{:016x}@{}", self.rng.random::<u64>(), self.config.address.ip());
        let dialog = Dialog::outgoing(call_id, (local, self.tag()), &format!("<{uri}>"), &uri);
        let id = self.push_call(Status::Calling, dialog, true);
        let index = self.calls.len() - 1;
        let call = &mut self.calls[index];
        call.headers = headers.into_iter().map(|(name, value)| Header::Other(name, value)).collect();
        call.is_late_offer = self.script.late_offer;
        out.notices.push(Notice::Call(id, Status::Calling));
        self.send_invite(now, index, out);
        id
    }

    /// Answers the ringing call.
    pub fn answer(&mut self, now: Instant, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Ringing) {
            self.accept_call(now, index, out);
            self.mind_the_voice(now);
        }
    }

    /// Refuses the ringing call.
    pub fn refuse(&mut self, now: Instant, status: u16, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Ringing) {
            self.refuse_call(now, index, status, out);
        }
    }

    /// Hangs up the latest call, however its state demands: CANCEL, 486 or BYE.
    pub fn hang_up(&mut self, now: Instant, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| !call.is_over()) {
            self.hang_up_call(now, index, out);
            self.mind_the_voice(now);
        }
    }

    /// Holds the other side of the latest call.
    pub fn hold(&mut self, now: Instant, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Connected) {
            self.change(now, index, Change::Hold, out);
            self.mind_the_voice(now);
        }
    }

    /// Takes the latest call back from hold.
    pub fn resume(&mut self, now: Instant, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Connected) {
            self.change(now, index, Change::Resume, out);
            self.mind_the_voice(now);
        }
    }

    pub(super) fn latest(&self, fits: impl Fn(&Call) -> bool) -> Option<usize> {
        self.calls.iter().rposition(fits)
    }

    pub(super) fn push_call(&mut self, status: Status, dialog: Dialog, is_caller: bool) -> u32 {
        self.call_serial += 1;
        if self.calls.len() >= CALLS_MAX
            && let Some(index) = self.calls.iter().position(Call::is_over)
        {
            self.calls.remove(index);
        }
        let session = self.rng.random_range(1..1 << 48);
        let own = OwnDescription::new(
            self.config.user.clone(),
            session,
            self.config.media,
            self.script.attributes.clone(),
        );
        self.calls.push(Call::new(self.call_serial, status, dialog, own, is_caller));
        self.call_serial
    }

    pub(super) fn set_status(&mut self, index: usize, status: Status, out: &mut PhoneOutbox) {
        let call = &mut self.calls[index];
        if call.status == status || call.is_over() {
            return;
        }
        call.status = status;
        if status != Status::Ringing {
            call.ring_ends_at = None;
        }
        if call.is_over() {
            call.retry_at = None;
            call.wants = None;
        }
        out.notices.push(Notice::Call(call.id, status));
    }

    /// Takes what the other side describes, and complains of what no standard allows.
    pub(super) fn describe(&mut self, index: usize, description: Description, is_answer: bool) {
        let call = &mut self.calls[index];
        let fault = call.remote.as_ref().and_then(|last| description.fault_after(last));
        let is_cut = is_answer && description.sections() != call.own.sections();
        call.remote = Some(description);
        call.agree_keys();
        if let Some(fault) = fault {
            self.complain(fault.to_owned());
        }
        if is_cut {
            self.complain("an answer without a line for each line of the offer".to_owned());
        }
    }

    pub(super) fn complain(&mut self, complaint: String) {
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(complaint);
        }
    }

    pub(super) fn tag(&mut self) -> String {
        format!("{:08x}", self.rng.random::<u32>())
    }

    pub(super) fn branch(&mut self) -> String {
        format!("z9hG4bK{:012x}", self.rng.random::<u64>() >> 16)
    }

    /// What it can be reached at: an address of its own if it was given one, else where it is.
    pub(super) fn contact(&self) -> String {
        self.registration.gruu.clone().unwrap_or_else(|| self.place())
    }

    /// Where it is.
    pub(super) fn place(&self) -> String {
        let transport = self.config.transport.param_name();
        format!("<sip:{}@{};transport={transport}>", self.config.user, self.config.address)
    }

    /// The loose router that the phone claims to be behind.
    pub(super) fn own_route(&self) -> String {
        format!("<sip:{};lr>", self.config.address)
    }

    pub(super) fn via(&self, branch: &str) -> String {
        wire::via(self.config.transport, self.config.address, branch)
    }

    /// Sends a request and begins its transaction.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        (branch, method): (String, Method),
        (purpose, call): (Purpose, u32),
        (request, to): (Bytes, SocketAddr),
        out: &mut PhoneOutbox,
    ) {
        out.sip.push((to, request.clone()));
        let is_reliable = self.config.transport.is_reliable();
        self.clients.push(Client::new(now, (branch, method), (purpose, call), (request, to), is_reliable));
    }

    fn clients_due(&mut self, now: Instant, out: &mut PhoneOutbox) {
        let mut ended = Vec::new();
        self.clients.retain_mut(|client| match client.due(now) {
            Due::Nothing => true,
            Due::Resend => {
                out.sip.push((client.to, client.request.clone()));
                true
            }
            Due::End => {
                if !client.is_final {
                    ended.push((client.purpose, client.call));
                }
                false
            }
        });
        for (purpose, call) in ended {
            self.no_response(now, purpose, call, out);
        }
    }

    fn served_due(&mut self, now: Instant, out: &mut PhoneOutbox) {
        let mut unacknowledged = Vec::new();
        self.served.retain_mut(|served| match served.due(now) {
            Due::Nothing => true,
            Due::Resend => {
                out.sip.push((served.to, served.response.clone()));
                true
            }
            Due::End => {
                if served.awaits_ack() && served.status < 300 {
                    unacknowledged.push(served.call);
                }
                false
            }
        });
        for call in unacknowledged {
            if let Some(index) = self.latest(|known| known.id == call && !known.is_over()) {
                self.send_bye(now, index, out);
            }
        }
    }

    fn call_due(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        let call = &mut self.calls[index];
        if call.ring_ends_at.is_some_and(|at| at <= now) {
            call.ring_ends_at = None;
            match call.refuse_with {
                Some(status) => self.refuse_call(now, index, status, out),
                None => self.accept_call(now, index, out),
            }
        } else if let Some((_, change)) = call.retry_at.take_if(|(at, _)| *at <= now) {
            self.change(now, index, change, out);
        }
    }

    /// The call that the phone speaks in, and where to.
    fn speaks_to(&self) -> Option<(usize, (SocketAddr, u8))> {
        let early = self.script.early_media;
        let calls = self.calls.iter().enumerate().rev();
        calls
            .filter(|_| self.script.speaks)
            .find_map(|(index, call)| call.speaks_to(early, &self.script.formats).map(|to| (index, to)))
    }

    fn mind_the_voice(&mut self, now: Instant) {
        let speaks = self.speaks_to().is_some();
        self.voice.speak(now, speaks);
    }

    /// The offer of a change, or of a whole session.
    pub(super) fn offer(&mut self, index: usize, holds: bool) -> String {
        let form = self.script.hold_form;
        let call = &mut self.calls[index];
        let direction = match (holds, form) {
            (true, HoldForm::SendOnly) => Direction::SendOnly,
            (true, HoldForm::Inactive) => Direction::Inactive,
            (true, HoldForm::Unspecified) | (false, _) => Direction::SendRecv,
        };
        call.direction = direction;
        call.own.key.clone_from(&self.script.srtp);
        call.own.takes_video = self.script.takes_video;
        call.own.offer(&self.script.formats, direction, holds && form == HoldForm::Unspecified)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::LazyLock;
    use std::time::Instant;

    /// A moment to count from.
    pub(in crate::demo) fn epoch() -> Instant {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant can be made no other way; only differences count"
        )]
        static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
        *EPOCH
    }
}
