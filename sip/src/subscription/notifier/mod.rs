//! The notifier's side: a peer's subscription (RFC 6665 §4.2).

mod kept;
mod notify;

pub use kept::{KeptSubscription, SubscriptionChange};

use std::time::{Duration, Instant};

use super::{Demand, EventType, Ground, demand};
use crate::dialog::Dialog;
use crate::endpoint::{Arrival, Endpoint, allow_events, response_flow};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{Builder, HeaderName, Message, Uri, escape_user};
use crate::outbox::{Document, Event, Outbox, Peer, Subscriber};
use crate::package::{self, Entity, LegDialog, event_list};
use crate::token::Token;
use crate::transaction::{ClientKey, ServerId};
use crate::transport::Flow;

/// How long the owner may take to accept, and then to say what a poll is to be told.
const OWNER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a phone subscribes to within this time, several keys for one colleague among it, is of one life of that phone.
const LIFE_BEGINS: Duration = Duration::from_secs(10);

/// Within how many seconds a peer may ask again for whom there is no room.
const LATER_S: (u32, u32) = (1, 10);

/// A peer's subscription.
#[derive(Debug)]
pub(crate) struct Notifier {
    pub(crate) id: UsageId,
    tag: Token,
    peer: Peer,
    event: EventType,
    entity: Entity,
    /// The user part of our Contact, escaped.
    user: Box<str>,
    place: Place,
    /// The path of the last SUBSCRIBE: nobody else is notified.
    source: Flow,
    /// When that came.
    asked_at: Instant,
    /// Which phone it is (RFC 5626), if it says so.
    instance: Option<Box<str>>,
    stage: Stage,
    expires_at: Instant,
    /// Of the next notice.
    version: u32,
    /// What was to be told last.
    document: Option<Document>,
    /// What of a list has been told; `None`: it is to none.
    list: Option<event_list::Told>,
    /// Whether it is still to be told.
    is_due: bool,
    not_before: Option<Instant>,
    in_flight: Option<ClientKey>,
    failures: u8,
    /// The dialog that was told last.
    last_dialog: u64,
    /// The legs of other workers that `document` names, with what those said.
    elsewhere: Vec<(LegId, Option<LegDialog>)>,
    /// They are waited for until then.
    patience: Option<Instant>,
    /// When to look whether a leg that was told without the tag of its peer has it: it does not before it rings.
    look_again_at: Option<Instant>,
    /// Those legs.
    told_unnamed: Vec<LegId>,
    /// Whether its owner has not said yet whether it holds on after a restart.
    is_restored: bool,
    /// What the store was told.
    kept: Option<kept::Mark>,
}

/// The dialog that it is in.
#[derive(Debug)]
enum Place {
    Own(Box<Dialog>),
    Leg(LegId),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// SUBSCRIBE waits for the owner.
    Asked {
        server: ServerId,
        expires_s: u32,
    },
    /// Accepted for one notice.
    Polled,
    /// Accepted.
    Active,
    /// The owner knows that it is over; the last NOTIFY, with this reason, waits for the one before.
    Ending(&'static str),
    Over,
}

/// A SUBSCRIBE that passed every check.
pub(crate) struct Asked {
    pub(crate) arrival: Arrival,
    pub(crate) subscriber: Box<Subscriber>,
    pub(crate) demand: Demand,
}

impl Notifier {
    /// Takes a SUBSCRIBE and tells the owner.
    pub(crate) fn new(
        now: Instant,
        id: UsageId,
        asked: Asked,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) -> Option<Self> {
        let Asked { arrival: Arrival { message, flow, id: server, key }, subscriber, demand } = asked;
        let endpoint = &mut *ground.endpoint;
        let tag = match subscriber.leg {
            Some(leg) => ground.legs.get(&leg)?.tag,
            None => endpoint.token(),
        };
        let place = match subscriber.leg {
            Some(leg) => Place::Leg(leg),
            None => {
                let cseq = endpoint.first_cseq(now);
                Place::Own(Box::new(Dialog::of_request(&message, tag, flow, cseq)))
            }
        };
        let entity = Entity::of(&Uri::parse(message.request_uri())?);
        let instance = instance(&message);
        let to = response_flow(&message, flow);
        endpoint.transactions.begin(server, key, message, to, flow.remote, None);
        let notifier = Self {
            id,
            tag,
            peer: subscriber.peer.clone(),
            event: demand.event,
            entity,
            user: escape_user(&subscriber.dialled).into(),
            place,
            source: flow,
            asked_at: now,
            instance,
            stage: Stage::Asked { server, expires_s: demand.expires_s },
            expires_at: now + OWNER_TIMEOUT,
            version: 0,
            document: None,
            list: None,
            is_due: false,
            not_before: None,
            in_flight: None,
            failures: 0,
            last_dialog: 0,
            elsewhere: Vec::new(),
            patience: None,
            look_again_at: None,
            told_unnamed: Vec::new(),
            is_restored: false,
            kept: None,
        };
        out.events.push(Event::Subscribe(id, subscriber));
        out.events.extend(demand.wish.map(|wish| Event::FeatureWish(id, wish)));
        Some(notifier)
    }

    pub(super) const fn own_tag(&self) -> Option<Token> {
        match self.place {
            Place::Own(_) => Some(self.tag),
            Place::Leg(_) => None,
        }
    }

    pub(super) const fn leg(&self) -> Option<LegId> {
        match self.place {
            Place::Leg(leg) => Some(leg),
            Place::Own(_) => None,
        }
    }

    pub(crate) const fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) const fn event(&self) -> &EventType {
        &self.event
    }

    pub(super) fn connection(&self) -> ConnectionId {
        self.source.connection
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    pub(super) fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        match &self.place {
            Place::Own(dialog) => dialog.matches(call_id, remote_tag),
            Place::Leg(_) => false,
        }
    }

    /// Whether it is for the same phone and about the same as another SUBSCRIBE.
    pub(crate) fn is_twin(&self, request: &Message, event: &EventType) -> bool {
        let entity = Uri::parse(request.request_uri()).map(|uri| Entity::of(&uri));
        let contact = request.contacts().next().map(|contact| contact.uri);
        match &self.place {
            Place::Own(dialog) => {
                self.event.package == event.package
                    && entity.as_ref() == Some(&self.entity)
                    && (contact == Some(dialog.target()) || self.is_of_instance(request))
            }
            Place::Leg(_) => false,
        }
    }

    /// Whether a twin shows that the phone has started anew since.
    pub(crate) fn is_outlived(&self, now: Instant, twin: &Message) -> bool {
        self.is_of_instance(twin) && now.saturating_duration_since(self.asked_at) >= LIFE_BEGINS
    }

    fn is_of_instance(&self, request: &Message) -> bool {
        self.instance.is_some() && self.instance == instance(request)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asked { .. } | Stage::Polled => Some(self.expires_at),
            Stage::Active => {
                let told_at = self.not_before.max(self.patience);
                let told_at = told_at.filter(|_| self.is_due && self.in_flight.is_none());
                let own = told_at.into_iter().chain(self.look_again_at);
                Some(own.fold(self.expires_at, Instant::min))
            }
            Stage::Ending(_) | Stage::Over => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        match self.stage {
            Stage::Asked { .. } if self.expires_at <= now => self.answer(now, 500, ground, out),
            Stage::Polled | Stage::Active if self.expires_at <= now => self.end(now, "timeout", ground, out),
            Stage::Active => {
                self.look_again(now, ground, out);
                self.tell_state(now, ground, out);
            }
            Stage::Asked { .. } | Stage::Polled | Stage::Ending(_) | Stage::Over => {}
        }
    }

    pub(super) fn connection_closed(&mut self, connection: ConnectionId) {
        if self.source.connection == connection {
            self.source.connection = ConnectionId::default();
        }
        if let Place::Own(dialog) = &mut self.place {
            dialog.disconnect(connection);
        }
    }
}

/// What the owner wants.
impl Notifier {
    /// Accepts or refuses the SUBSCRIBE.
    pub(crate) fn answer(&mut self, now: Instant, status: u16, ground: &mut Ground<'_>, out: &mut Outbox) {
        let Stage::Asked { server, expires_s } = self.stage else {
            if std::mem::take(&mut self.is_restored) && status >= 300 {
                self.end(now, "deactivated", ground, out);
            }
            return;
        };
        let endpoint = &mut *ground.endpoint;
        let Some(reply) = endpoint.response(server, status, self.tag).filter(|_| status >= 200) else {
            return;
        };
        if status >= 300 {
            // RFC 6665 §8.3.2: who hears that an event is bad hears which are not.
            let reply = match status {
                // RFC 4662 §4.1: who is told of a list must know what that is.
                421 => reply.header(HeaderName::Require, event_list::OPTION),
                489 => allow_events(reply),
                // RFC 3261 §21.5.4: without the time it would be taken for a 500.
                503 => reply.header(HeaderName::RetryAfter, endpoint.between(LATER_S.0, LATER_S.1)),
                _ => reply,
            };
            endpoint.transactions.respond(now, server, status, reply.finish(), out);
            return self.lose(out);
        }
        let reply = match endpoint.transactions.request(server) {
            Some((request, _)) => reply.copy(request, HeaderName::RecordRoute),
            None => reply,
        };
        let bytes = self
            .requiring(reply)
            .header(HeaderName::Contact, endpoint.contact(self.source, &self.user))
            .header(HeaderName::Expires, expires_s)
            .finish();
        endpoint.transactions.respond(now, server, status, bytes, out);
        if let Place::Own(dialog) = &mut self.place {
            dialog.confirm();
        }
        if expires_s == 0 {
            self.stage = Stage::Polled;
            self.expires_at = now + OWNER_TIMEOUT;
        } else {
            self.stage = Stage::Active;
            self.expires_at = now + Duration::from_secs(expires_s.into());
        }
    }

    /// Accepts the SUBSCRIBE: it is to a list.
    pub(crate) fn accept_list(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        self.list.get_or_insert_default();
        self.answer(now, 200, ground, out);
    }

    /// Says that it is of a list, if it is (RFC 4662 §4.1).
    fn requiring(&self, message: Builder) -> Builder {
        match self.list {
            Some(_) => message.header(HeaderName::Require, event_list::OPTION),
            None => message,
        }
    }

    /// Tells the subscriber: now, or as soon as may be. A document that waits is replaced.
    pub(crate) fn tell(
        &mut self,
        now: Instant,
        document: Document,
        is_last: bool,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        if !matches!(self.stage, Stage::Active | Stage::Polled)
            || !package::is_of(&document, self.event.package)
        {
            return;
        }
        self.ask_elsewhere(now, &document, ground.endpoint, out);
        self.document = Some(document);
        self.is_due = true;
        match (is_last, self.stage) {
            (true, _) => self.end(now, "noresource", ground, out),
            (false, Stage::Polled) => self.end(now, "timeout", ground, out),
            (false, _) => self.tell_state(now, ground, out),
        }
    }

    /// Ends the subscription: the owner knows at once, the subscriber by a last NOTIFY.
    fn end(&mut self, now: Instant, reason: &'static str, ground: &mut Ground<'_>, out: &mut Outbox) {
        self.stage = Stage::Ending(reason);
        out.events.push(Event::Unsubscribed(self.id));
        if self.in_flight.is_none() {
            self.say_farewell(now, reason, ground, out);
        }
    }

    /// As if it had told this many states.
    #[cfg(test)]
    pub(crate) const fn age(&mut self, version: u32) {
        self.version = version;
    }

    /// Over, without a word to the subscriber: it does not hear, or must not be told.
    fn lose(&mut self, out: &mut Outbox) {
        if !matches!(self.stage, Stage::Ending(_) | Stage::Over) {
            out.events.push(Event::Unsubscribed(self.id));
        }
        self.stage = Stage::Over;
    }

    /// The leg in whose dialog it is is over. A SUBSCRIBE that waits for the owner is answered first.
    pub(crate) fn leg_is_over(&mut self, out: &mut Outbox) {
        match self.stage {
            Stage::Asked { .. } => {}
            Stage::Polled | Stage::Active | Stage::Ending(_) | Stage::Over => self.lose(out),
        }
    }

    /// As [`Self::lose`]: another took its place.
    pub(crate) fn drop_silently(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        match self.stage {
            Stage::Asked { .. } => self.answer(now, 480, ground, out),
            Stage::Polled | Stage::Active | Stage::Ending(_) | Stage::Over => self.lose(out),
        }
    }
}

/// What the subscriber wants, and what it says to a NOTIFY.
impl Notifier {
    /// SUBSCRIBE in the dialog: refreshes, or ends. The sequence number is to be checked by then for a leg's dialog.
    pub(crate) fn resubscribe(
        &mut self,
        now: Instant,
        arrival: Arrival,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        let (tag, flow) = (self.tag, arrival.flow);
        if let Place::Own(dialog) = &mut self.place
            && dialog.receive(&arrival.message, flow).is_err()
        {
            return ground.endpoint.reply(now, arrival, 500, tag, out, |reply| reply);
        }
        if !matches!(self.stage, Stage::Active) {
            return ground.endpoint.reply(now, arrival, 481, tag, out, |reply| reply);
        }
        if !ground.endpoint.directory.knows(&self.peer) {
            ground.endpoint.reply(now, arrival, 403, tag, out, |reply| reply);
            return self.end(now, "rejected", ground, out);
        }
        let demand = match demand(&arrival.message) {
            Ok(demand) if demand.event.is_same(&self.event) => demand,
            Ok(_) => return ground.endpoint.reply(now, arrival, 489, tag, out, allow_events),
            Err(refusal) => {
                return ground
                    .endpoint
                    .reply(now, arrival, refusal.status(), tag, out, |reply| refusal.explain(reply));
            }
        };
        if demand.accepts {
            self.event.form = demand.event.form;
        }
        if let Place::Own(dialog) = &mut self.place {
            dialog.retarget(&arrival.message);
        }
        (self.source, self.asked_at) = (flow, now);
        self.accept(now, arrival, demand.expires_s, ground.endpoint, out);
        if demand.expires_s == 0 {
            self.end(now, "timeout", ground, out);
        } else if let Some(wish) = demand.wish {
            // The owner tells what holds by then: the phone does not see its key fall back for a second.
            out.events.push(Event::FeatureWish(self.id, wish));
        } else {
            self.is_due = self.document.is_some();
            self.forget_told();
            self.tell_state(now, ground, out);
        }
    }

    fn accept(
        &mut self,
        now: Instant,
        arrival: Arrival,
        expires_s: u32,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        self.expires_at = now + Duration::from_secs(expires_s.into());
        let contact = endpoint.contact(arrival.flow, &self.user);
        endpoint.reply(now, arrival, 200, self.tag, out, |reply| {
            let reply = self.requiring(reply);
            reply.header(HeaderName::Contact, contact).header(HeaderName::Expires, expires_s)
        });
    }
}

/// `+sip.instance` of the Contact.
fn instance(request: &Message) -> Option<Box<str>> {
    let contact = request.contacts().next()?;
    let instance = contact.param("+sip.instance").filter(|instance| !instance.is_empty())?;
    (instance.len() <= INSTANCE_BYTES_MAX).then(|| instance.into())
}

/// A longer one is not kept: a URN of a UUID has 45.
const INSTANCE_BYTES_MAX: usize = 128;
