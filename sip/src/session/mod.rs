//! The INVITE usage of a dialog, by verb: `invite` and `answer` make it, `modify` changes it, `close` ends it.
//!
//! ```text
//!  as UAS  Incoming ──Answer──▶ Established (its 2xx repeated until the ACK) ──BYE──▶ Closing ──▶ Over
//!              └──Reject, CANCEL────────────────────────────────────────────────────────────▶
//!  as UAC  Calling ──2xx──▶ (Offered: the 2xx wants an answer) ──▶ Established ──BYE──▶ Closing ──▶ Over
//!              └──300-699, CANCEL───────────────────────────────────────────────────────────▶
//! ```
//!
//! A leg is told to its owner as over as soon as it is: `Closing` is only the wait for the answer to our BYE.

mod announcement;
mod answer;
mod close;
mod completion;
mod csta;
mod demand;
mod description;
mod identity;
mod info;
mod invite;
mod kept;
mod modify;
mod refresh;
mod reliable;
mod shared;

pub(crate) mod cause;
pub(crate) mod charging;
pub(crate) mod user_to_user;

pub(crate) use announcement::{Announcement, resolve};
pub(crate) use demand::unmet;
pub(crate) use description::offered;
pub(crate) use identity::{is_restricted, remote_party, wants_privacy};
#[cfg(test)]
pub(crate) use info::INFOS_WAITING_MAX;
pub(crate) use reliable::OPTION as RELIABLE;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::admission::Admitted;
use crate::auth::ClientAuth;
use crate::dialog::Dialog;
use crate::endpoint::Endpoint;
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{Builder, HeaderName, Message, Method, escape_user};
use crate::outbox::{Cause, CauseKind, Event, Invite, Outbox, Transmit};
use crate::sdp::SessionDescription;
use crate::timer_queue::Armed;
use crate::token::Token;
use crate::transaction::{ClientKey, ServerId};
use crate::transport::Flow;

use description::LocalDescription;
use identity::Identity;
use info::Infos;
use kept::Mark;
use refresh::SessionTimer;
use reliable::Reliable;

/// How many early dialogs one INVITE may make before the rest is ignored.
const FORKS_MAX: usize = 16;

/// More header lines are not enclosed in one message.
pub(crate) const ENCLOSED_MAX: usize = 16;

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    /// Our tag: it alone names the leg.
    pub(crate) tag: Token,
    /// When the leg's own timers fire.
    pub(crate) armed: Armed,
    /// The connection under which the leg is listed.
    pub(crate) listed: ConnectionId,
    role: Role,
    stage: Stage,
    dialog: Option<Dialog>,
    local: LocalDescription,
    exchange: Exchange,
    unacknowledged: Vec<Unacknowledged>,
    /// An offer of ours that has to wait.
    queued: Option<Box<SessionDescription>>,
    /// The user part of our Contact, escaped.
    user: Box<str>,
    /// Answers the challenges of this peer, and of no other.
    auth: Option<Box<ClientAuth>>,
    timer: Option<SessionTimer>,
    /// Whether the peer listed UPDATE in Allow.
    peer_takes_update: bool,
    /// What it does when it is asked by NOTIFY, as its owner knows it.
    controls: Controls,
    /// The call, as long as its owner does not know of it.
    unannounced: Option<Box<Announcement>>,
    /// Header lines for the next message that a command sends.
    enclosed: Vec<(&'static str, String)>,
    identity: Option<Box<Identity>>,
    infos: Option<Box<Infos>>,
    /// Whether it is about CSTA in place of media.
    is_csta: bool,
    /// The user part of the conference that our Contact names, escaped (RFC 4579).
    focus: Option<Box<str>>,
    /// The REFERs of the peer in this dialog that are not done.
    pub(crate) referrals: Vec<UsageId>,
    /// What was kept of it last.
    kept: Option<Mark>,
    /// The Reason of the end that waits until the peer has answered how its REFER went.
    pub(crate) parting: Option<Option<String>>,
    /// What the call takes of its peer's share; given back with the leg.
    pub(crate) admitted: Option<Admitted>,
    /// The line that called, where its From does not say so.
    pub(crate) line: Option<Arc<str>>,
}

/// What a phone does when a NOTIFY in the dialog asks it to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Controls {
    talk: bool,
    hold: bool,
}

impl Controls {
    /// What a message announces, if it names any events.
    fn of(message: &Message) -> Option<Self> {
        message.value(HeaderName::AllowEvents)?;
        let takes = |event| message.has_option(HeaderName::AllowEvents, event);
        Some(Self { talk: takes("talk"), hold: takes("hold") })
    }

    const fn event(self, leg: LegId) -> Event {
        Event::Announced { leg, talk: self.talk, hold: self.hold }
    }
}

/// Which side of the initial INVITE we are: it decides who waits longer after a glare (RFC 3261 §14.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Uac,
    Uas,
}

#[derive(Debug)]
enum Stage {
    /// Their INVITE is not answered.
    Incoming(Incoming),
    /// Our INVITE is not answered.
    Calling(Box<Calling>),
    /// Their 2xx carried an offer; the ACK waits for our answer.
    Offered { key: ClientKey, cseq: u32, offer: Box<SessionDescription>, give_up_at: Instant },
    /// There is a session.
    Established,
    /// The owner wants out, but our 2xx is not acknowledged: BYE follows then (RFC 3261 §15), with this Reason.
    Leaving(Option<String>),
    /// BYE is sent.
    Closing,
    /// Nothing is left to do.
    Over,
}

#[derive(Debug)]
struct Incoming {
    server: ServerId,
    has_offer: bool,
    give_up_at: Instant,
    /// The last provisional response above 100, sent again every minute (RFC 3261 §13.3.1.1).
    progress: Option<Progress>,
    /// Its status.
    status: u16,
    /// Where provisional responses are sent reliably.
    reliable: Option<Box<Reliable>>,
}

#[derive(Debug)]
struct Progress {
    response: Bytes,
    repeat_at: Instant,
}

/// How long a re-INVITE may be provisionally answered before it is cancelled.
const MODIFY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long their INVITE may stay unanswered: longer than any ringing or queueing, so that no leg is for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(900);

/// How often a provisional response is repeated, for the Timer C of proxies.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Calling {
    invite: Box<Invite>,
    key: ClientKey,
    flow: Flow,
    call_id: String,
    cseq: u32,
    forks: SmallVec<[Fork; 1]>,
    give_up_at: Instant,
    /// The same once there was a response.
    final_by: Instant,
    /// The session interval that a 422 asked for, in seconds.
    min_se_s: u32,
    /// Whether the request went by a stream only because of its length.
    is_diverted: bool,
    has_response: bool,
    /// Whether the request lists `100rel`.
    lists_reliable: bool,
    /// How many reliable responses were acknowledged.
    pracks: u32,
}

#[derive(Debug)]
struct Fork {
    dialog: Dialog,
    /// The description in a provisional response, for a 2xx without one.
    preview: Option<Box<SessionDescription>>,
    /// RSeq of its last reliable response; zero before the first.
    rseq: u32,
    /// Whether that description came reliably: then it is the answer, whatever a 2xx describes (RFC 3262 §5).
    is_answered: bool,
}

/// Offer and answer inside the session (RFC 3264): at most one offer is open.
#[derive(Debug)]
enum Exchange {
    Stable,
    /// Our re-INVITE is on its way.
    LocalOffer {
        key: ClientKey,
        description: Box<SessionDescription>,
        give_up_at: Instant,
    },
    /// A request that only refreshes the session is on its way.
    Refreshing {
        key: ClientKey,
        give_up_at: Instant,
    },
    /// It met another one and will be sent again (RFC 3261 §14.1).
    Retry {
        at: Instant,
        description: Box<SessionDescription>,
    },
    /// Their re-INVITE or UPDATE waits for our answer.
    RemoteOffer {
        server: ServerId,
        has_offer: bool,
        is_update: bool,
        give_up_at: Instant,
    },
}

/// A 2xx of ours without its ACK: repeated from T1 to T2, given up after 64·T1, on any transport (RFC 3261 §13.3.1.4).
#[derive(Debug)]
struct Unacknowledged {
    cseq: u32,
    /// RSeq of a reliable response that the 2xx overtook: its PRACK may come yet. Zero: there is none.
    rseq: u32,
    response: Transmit,
    is_initial: bool,
    /// Whether the ACK is to bring the answer.
    is_offer: bool,
    interval: Duration,
    repeat_at: Instant,
    give_up_at: Instant,
}

impl Leg {
    fn new(id: LegId, role: Role, stage: Stage, user: &str, endpoint: &mut Endpoint) -> Self {
        // The session id is a number that some peers keep in 32 bits.
        let session = u64::from(endpoint.between(1, 0x7fff_ffff));
        Self {
            id,
            tag: endpoint.token(),
            armed: Armed::default(),
            listed: ConnectionId::default(),
            role,
            stage,
            dialog: None,
            local: LocalDescription::new(session),
            exchange: Exchange::Stable,
            unacknowledged: Vec::new(),
            queued: None,
            user: escape_user(user).into(),
            auth: None,
            timer: None,
            peer_takes_update: false,
            controls: Controls::default(),
            unannounced: None,
            enclosed: Vec::new(),
            identity: None,
            infos: None,
            is_csta: false,
            focus: None,
            referrals: Vec::new(),
            kept: None,
            parting: None,
            admitted: None,
            line: None,
        }
    }

    /// Whether its owner does not know of it yet: whatever happens to it is not told.
    pub(crate) const fn is_unannounced(&self) -> bool {
        self.unannounced.is_some()
    }

    /// Whether it can be forgotten.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether there is a dialog.
    pub(crate) fn has_dialog(&self) -> bool {
        self.dialog.is_some() || matches!(&self.stage, Stage::Calling(calling) if !calling.forks.is_empty())
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let unacknowledged =
            self.unacknowledged.iter().map(|waiting| waiting.repeat_at.min(waiting.give_up_at));
        let stage = match &self.stage {
            Stage::Incoming(Incoming { progress, give_up_at, reliable, .. }) => {
                let reliable = reliable.as_ref().and_then(|reliable| reliable.deadline());
                let progress = progress.as_ref().map(|progress| progress.repeat_at);
                progress.into_iter().chain(reliable).chain([*give_up_at]).min()
            }
            Stage::Calling(calling) => Some(calling.give_up_at),
            Stage::Offered { give_up_at, .. } => Some(*give_up_at),
            Stage::Established | Stage::Leaving(_) | Stage::Closing | Stage::Over => None,
        };
        let exchange = match &self.exchange {
            Exchange::Retry { at, .. }
            | Exchange::LocalOffer { give_up_at: at, .. }
            | Exchange::Refreshing { give_up_at: at, .. }
            | Exchange::RemoteOffer { give_up_at: at, .. } => Some(*at),
            Exchange::Stable => None,
        };
        let timer = self.timer.as_ref().map(SessionTimer::deadline);
        let unannounced = self.unannounced.as_ref().and_then(|waiting| waiting.wait_until);
        let identity = self.identity.as_ref().and_then(|identity| identity.deadline());
        let rest = timer.into_iter().chain(unannounced).chain(identity);
        unacknowledged.chain(stage).chain(exchange).chain(rest).min()
    }

    /// Lets the leg's own timers act.
    pub(crate) fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        self.announce_late(now, out);
        match &self.stage {
            Stage::Incoming(incoming) if incoming.give_up_at <= now => self.expire(now, endpoint, out),
            Stage::Incoming(_) => {
                self.repeat_progress(now, endpoint, out);
                self.repeat_reliably(now, endpoint, out);
            }
            Stage::Calling(calling) if calling.give_up_at <= now => self.give_up(now, endpoint, out),
            Stage::Offered { give_up_at, .. } if *give_up_at <= now => {
                self.finish(now, CauseKind::Lost, None, endpoint, out);
            }
            Stage::Calling(_)
            | Stage::Offered { .. }
            | Stage::Established
            | Stage::Leaving(_)
            | Stage::Closing
            | Stage::Over => {}
        }
        if matches!(&self.exchange, Exchange::RemoteOffer { give_up_at, .. } if *give_up_at <= now) {
            out.events.push(Event::OfferWithdrawn { leg: self.id });
            self.refuse_offer(now, 500, endpoint, out);
        }
        self.repeat_unacknowledged(now, endpoint, out);
        self.cancel_offer(now, endpoint, out);
        self.retry_offer(now, endpoint, out);
        self.retry_identity(now, endpoint, out);
        self.handle_session_timer(now, endpoint, out);
    }

    /// The connection that the leg's peer is reached by, if any.
    pub(crate) fn connection(&self) -> ConnectionId {
        self.dialog.as_ref().map(|dialog| dialog.flow().connection).unwrap_or_default()
    }

    /// A connection closed: what waits on it is over, what is established goes on by another (RFC 3261 §18.4).
    pub(crate) fn connection_closed(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if let Stage::Incoming(incoming) = &self.stage {
            let flow = endpoint.transactions.response_flow(incoming.server);
            if flow.is_some_and(|flow| flow.connection == connection) {
                self.lose(now, endpoint, out);
            }
        } else if let Some(dialog) = &mut self.dialog {
            dialog.disconnect(connection);
        }
    }

    /// Credentials for a request inside the dialog, where the peer has asked for them before (RFC 3261 §22.2).
    fn authorization(&mut self, method: Method, endpoint: &mut Endpoint) -> Option<(HeaderName, String)> {
        let dialog = self.dialog.as_ref()?;
        let auth = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, endpoint.hop(dialog)))?;
        auth.header(method.name(), dialog.routed().uri, &endpoint.token().to_string())
    }

    /// The answer to a challenge: the header to send the request again with. `None` also where the request does not go to the
    /// peer whose credentials we have.
    fn answer_challenge(
        &mut self,
        response: &Message,
        method: Method,
        uri: &str,
        endpoint: &mut Endpoint,
    ) -> Option<(HeaderName, String)> {
        let challenges = match response.status() {
            401 => HeaderName::WwwAuthenticate,
            407 => HeaderName::ProxyAuthenticate,
            _ => return None,
        };
        let cnonce = endpoint.token().to_string();
        let hop = match (&self.dialog, &self.stage) {
            (Some(dialog), _) => endpoint.hop(dialog),
            (None, Stage::Calling(calling)) => calling.flow,
            (None, _) => return None,
        };
        let auth = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, hop))?;
        auth.answer(response.status(), response.lines(challenges), method.name(), uri, &cnonce)
    }

    /// The address to write into a description that leaves by this flow.
    fn media_address(endpoint: &Endpoint, flow: Flow) -> IpAddr {
        endpoint.address(flow).ip()
    }

    /// Whether the owner was told that the leg is over.
    pub(crate) const fn is_told_over(&self) -> bool {
        matches!(self.stage, Stage::Leaving(_) | Stage::Closing | Stage::Over)
    }

    /// Keeps header lines for the next message that a command sends on this leg.
    pub(crate) fn enclose(&mut self, headers: Vec<(&'static str, String)>) {
        self.enclosed.extend(headers);
        self.enclosed.truncate(ENCLOSED_MAX);
    }

    /// Writes the header lines that were kept.
    fn enclosing(&mut self, message: Builder) -> Builder {
        let headers = std::mem::take(&mut self.enclosed);
        headers.into_iter().fold(message, |message, (name, value)| message.raw(name, value))
    }

    /// Makes our Contact that of a conference with this user part, or again that of the call.
    pub(crate) fn focus(&mut self, user: Option<&str>) {
        self.focus = user.map(|user| escape_user(user).into());
    }

    /// Tells the owner what a message brings from user to user.
    fn tell_user_to_user(&self, message: &Message, out: &mut Outbox) {
        if let Some(data) = user_to_user::of(message) {
            out.events.push(Event::UserToUser { leg: self.id, data });
        }
    }

    /// Tells the owner that the leg is over.
    fn ended(&self, cause: Cause, out: &mut Outbox) {
        out.events.push(Event::Ended { leg: self.id, cause });
    }
}
