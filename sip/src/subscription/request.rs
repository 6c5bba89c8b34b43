//! Requests outside dialogs: the first SUBSCRIBE, MESSAGE, NOTIFY without a subscription, OPTIONS, and REFER.

use std::net::IpAddr;
use std::time::Instant;

use crate::dialog::RouteSet;
use crate::endpoint::{ACCEPT, Endpoint};
use crate::ids::{LegId, UsageId};
use crate::location::Binding;
use crate::message::{Builder, HeaderName, Method, Uri, request};
use crate::outbox::{Content, Outbox, OutgoingMessage, Party, Target, Transmit};
use crate::session::cause::name_addr;
use crate::token::Token;
use crate::transaction::{ClientKey, Purpose};
use crate::transport::Flow;

/// A longer text is refused with 513: the request would not fit into a datagram (RFC 3428 §8), in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 1000;

/// Of requests that begin here (RFC 3261 §8.1.1.6).
pub(crate) const MAX_FORWARDS: u8 = 70;

/// What names a request outside a dialog.
pub(crate) struct Outside<'a> {
    pub(crate) method: Method,
    pub(crate) target: &'a Target,
    /// The target's flow, or another to the same.
    pub(crate) flow: Flow,
    pub(crate) from: &'a Party,
    pub(crate) to: &'a Party,
    pub(crate) max_forwards: u8,
    pub(crate) tag: Token,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
}

impl Outside<'_> {
    /// Everything up to the headers of its method.
    pub(crate) fn begin(&self, branch: Token, endpoint: &Endpoint) -> Builder {
        let Self { method, target, flow, from, to, max_forwards, tag, call_id, cseq } = self;
        let routes = RouteSet::preloaded(&target.route);
        let routed = routes.apply(&target.uri);
        let host = host(endpoint.address(*flow).ip());
        let callee = Uri::parse(&target.uri).map_or(&*host, |uri| uri.host);
        let mut builder = request(*method, routed.uri)
            .header(HeaderName::Via, endpoint.via(*flow, branch))
            .header(HeaderName::MaxForwards, u32::from(*max_forwards))
            .header(HeaderName::From, (name_addr(from, &host), ";tag=", tag))
            .header(HeaderName::To, name_addr(to, callee))
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, (cseq, " ", method.name()))
            .header(HeaderName::UserAgent, &endpoint.config.user_agent);
        for route in routed.route {
            builder = builder.header(HeaderName::Route, route);
        }
        match routed.last {
            Some(last) => builder.header(HeaderName::Route, ("<", last, ">")),
            None => builder,
        }
    }
}

/// What a request outside of dialogs keeps when it is sent once more, with a password (RFC 3261 §8.1.3.5).
#[derive(Debug)]
pub(crate) struct Identity {
    tag: Token,
    call_id: String,
    cseq: u32,
}

impl Identity {
    /// The tag of ours, and the Call-ID.
    pub(crate) fn names(&self) -> (Token, &str) {
        (self.tag, &self.call_id)
    }

    pub(crate) fn new(now: Instant, endpoint: &mut Endpoint) -> Self {
        let call_id = format!("{}{}", endpoint.token(), endpoint.token());
        Self { tag: endpoint.token(), call_id, cseq: endpoint.first_cseq(now) }
    }

    /// The next request.
    pub(crate) const fn next(&mut self) {
        self.cseq += 1;
    }
}

/// Sends a MESSAGE (RFC 3428), a NOTIFY that nobody subscribed to, an OPTIONS (RFC 3261 §11), or a REFER (RFC 3515). Its outcome is told by
/// [`Event::MessageDone`](crate::outbox::Event::MessageDone).
pub(crate) fn message(
    now: Instant,
    id: UsageId,
    message: &OutgoingMessage,
    identity: &Identity,
    authorization: Option<(HeaderName, String)>,
    endpoint: &mut Endpoint,
    out: &mut Outbox,
) {
    let branch = endpoint.token();
    let Identity { tag, call_id, cseq } = identity;
    let OutgoingMessage { target, from, to, max_forwards, content } = message;
    let method = content.method();
    let flow = target.flow;
    let (max_forwards, tag, cseq) = (*max_forwards, *tag, *cseq);
    let outside = Outside { method, target, flow, from, to, max_forwards, tag, call_id, cseq };
    let mut begun = outside.begin(branch, endpoint);
    if let Some((name, value)) = authorization {
        begun = begun.header(name, value);
    }
    let bytes = match content {
        Content::Text(content_type, body) => begun.body(content_type, body),
        // Whoever takes it without having subscribed looks at the event alone; nothing follows.
        Content::Event(event) => begun
            .header(HeaderName::Contact, endpoint.contact(flow, ""))
            .header(HeaderName::Event, &**event)
            .header(HeaderName::SubscriptionState, "terminated;reason=noresource")
            .finish(),
        Content::Question => begun
            .header(HeaderName::Contact, endpoint.contact(flow, ""))
            .header(HeaderName::Accept, ACCEPT)
            .finish(),
        Content::Referral(called) => {
            let host = host(endpoint.address(flow).ip());
            begun
                .header(HeaderName::Contact, endpoint.contact(flow, ""))
                .header(HeaderName::ReferTo, name_addr(called, &host))
                .header(HeaderName::ReferredBy, name_addr(from, &host))
                .finish()
        }
    };
    let key = ClientKey::new(branch, method);
    let purpose = Purpose::Message(id);
    endpoint.transactions.send(now, key, method, bytes, flow, LegId(id.0), purpose, out);
}

/// Sends a phone OPTIONS, so that it says something: once, and whatever it answers finds no transaction.
pub(crate) fn ask_whether_there(
    now: Instant,
    line: &str,
    binding: &Binding,
    endpoint: &mut Endpoint,
    out: &mut Outbox,
) {
    let Identity { tag, call_id, cseq } = Identity::new(now, endpoint);
    let itself = Party {
        user: line.to_owned(),
        host: endpoint.config.domains.first().cloned().unwrap_or_default(),
        name: String::new(),
    };
    let flow = binding.flow;
    let target = Target { uri: binding.contact.to_string(), flow, route: Vec::new() };
    let (target, from, to, call_id) = (&target, &itself, &itself, &*call_id);
    let outside = Outside {
        method: Method::Options,
        target,
        flow,
        from,
        to,
        max_forwards: MAX_FORWARDS,
        tag,
        call_id,
        cseq,
    };
    let branch = endpoint.token();
    let bytes = outside
        .begin(branch, endpoint)
        .header(HeaderName::Contact, endpoint.contact(flow, ""))
        .header(HeaderName::Accept, ACCEPT)
        .finish();
    out.transmits.push(Transmit { flow, bytes });
}

/// An address as the host of a URI.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
