//! Dialogs: a peer-to-peer relationship between two user agents (RFC 3261 §12).
//!
//! ```text
//!  Early ──2xx──▶ Confirmed ──BYE──▶ Terminated
//!    └──300-699, CANCEL──────────────────▶
//! ```
//!
//! A dialog is early or confirmed and nothing else: requests that pass through it are events, not states.

mod route;
mod sequence;

pub use route::{RouteSet, Routed};
pub use sequence::{OutOfOrder, Sequence};

use std::net::{IpAddr, SocketAddr};

use crate::ids::ConnectionId;
use crate::message::{HeaderName, Message, Method, Scheme, Uri};
use crate::token::Token;
use crate::transport::{Flow, Transport};

/// How far a dialog has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialogState {
    /// Made by a provisional response.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
    /// Over; only late messages still meet it.
    Terminated,
}

/// One dialog, seen from us.
#[derive(Clone, Debug)]
pub struct Dialog {
    state: DialogState,
    call_id: Box<str>,
    /// Our To or From value with our tag.
    local: Box<str>,
    /// The peer's To or From value with its tag, if it has one.
    remote: Box<str>,
    remote_tag: Box<str>,
    target: Box<str>,
    routes: RouteSet,
    sequence: Sequence,
    /// The path of the last message from the peer.
    flow: Flow,
}

impl Dialog {
    /// The dialog of an INVITE that we answer (RFC 3261 §12.1.1). `flow` is where it came from.
    pub fn of_request(request: &Message, local_tag: Token, flow: Flow, local_cseq: u32) -> Self {
        let to = request.value(HeaderName::To).unwrap_or_default();
        Self {
            state: DialogState::Early,
            call_id: request.call_id().into(),
            local: format!("{to};tag={local_tag}").into(),
            remote: request.value(HeaderName::From).unwrap_or_default().into(),
            remote_tag: request.from_tag().into(),
            target: contact(request).map_or_else(|| fallback_target(request, flow), Into::into),
            routes: RouteSet::of_request(request),
            sequence: Sequence::new(local_cseq, Some(request.cseq().number)),
            flow,
        }
    }

    /// The dialog of an INVITE that we sent, made by a response above 100 (RFC 3261 §12.1.2). `target` is the Request-URI, for
    /// a response without Contact.
    pub fn of_response(response: &Message, target: &str, flow: Flow) -> Self {
        let state = if response.status() < 200 { DialogState::Early } else { DialogState::Confirmed };
        Self {
            state,
            call_id: response.call_id().into(),
            local: response.value(HeaderName::From).unwrap_or_default().into(),
            remote: response.value(HeaderName::To).unwrap_or_default().into(),
            remote_tag: response.to_tag().into(),
            target: contact(response).unwrap_or(target).into(),
            routes: RouteSet::of_response(response),
            sequence: Sequence::new(response.cseq().number, None),
            flow,
        }
    }

    /// A later response to the same INVITE: it may move the target, and a 2xx confirms the dialog with the route set of its
    /// own (RFC 3261 §13.2.2.4).
    pub fn update(&mut self, response: &Message, flow: Flow) {
        if let Some(target) = contact(response) {
            self.target = target.into();
        }
        if self.state == DialogState::Early && (200..300).contains(&response.status()) {
            self.routes = RouteSet::of_response(response);
            self.state = DialogState::Confirmed;
        }
        self.flow = flow;
    }

    /// We sent a 2xx.
    pub fn confirm(&mut self) {
        self.state = DialogState::Confirmed;
    }

    /// We sent or received BYE.
    pub fn terminate(&mut self) {
        self.state = DialogState::Terminated;
    }

    /// How far it has come.
    pub const fn state(&self) -> DialogState {
        self.state
    }

    /// Whether a request with these tags is in this dialog. A peer without a tag is one of RFC 2543.
    pub fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        *self.call_id == *call_id && *self.remote_tag == *remote_tag
    }

    /// The peer's tag.
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// The path of the last message from the peer.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// The sequence numbers.
    pub const fn sequence(&mut self) -> &mut Sequence {
        &mut self.sequence
    }

    /// A request from the peer: checks its place and takes its Contact as remote target if it refreshes the target (INVITE
    /// and UPDATE, RFC 3261 §12.2.2, RFC 3311 §5.1).
    ///
    /// # Errors
    /// [`OutOfOrder`]: to be answered 500.
    pub fn receive(&mut self, request: &Message, flow: Flow) -> Result<(), OutOfOrder> {
        let method = request.method();
        self.sequence.receive(method, request.cseq().number)?;
        if matches!(method, Method::Invite | Method::Update)
            && let Some(target) = contact(request)
        {
            self.target = target.into();
        }
        if method != Method::Ack {
            self.flow = flow;
        }
        Ok(())
    }

    /// The connection is gone: the next request opens another.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        if self.flow.connection == connection {
            self.flow.connection = ConnectionId::default();
            if let Some(address) = literal(&self.target) {
                self.flow.remote = address;
            }
        }
    }

    /// Request-URI and Route for a request from us.
    pub fn routed(&self) -> Routed<'_> {
        self.routes.apply(&self.target)
    }

    /// Call-ID, our value (From of our requests) and the peer's (To).
    pub fn identity(&self) -> (&str, &str, &str) {
        (&self.call_id, &self.local, &self.remote)
    }

    /// The hop for a request from us.
    ///
    /// The first route decides, else the remote target; the path that the peer's messages come by decides where the target
    /// says nothing useful: a host name, a private address seen from outside, a stream that is open.
    pub fn hop(&self) -> Flow {
        let is_open_stream =
            self.flow.transport.is_reliable() && self.flow.connection != ConnectionId::default();
        let named = self.routes.first_uri().unwrap_or(&self.target);
        let Some(address) = literal(named) else { return self.flow };
        let source = self.flow.remote;
        if address == source || is_open_stream && address.ip() == source.ip() {
            return self.flow;
        }
        let is_hidden = self.routes.is_empty()
            && address.ip() != source.ip()
            && is_unroutable_from(address.ip(), source.ip());
        if is_hidden || is_open_stream && self.routes.is_empty() {
            return self.flow;
        }
        let transport = Uri::parse(named).and_then(|uri| uri.transport()).unwrap_or(Transport::Udp);
        if transport != self.flow.transport && self.routes.is_empty() {
            return self.flow;
        }
        Flow { transport, remote: address, connection: ConnectionId::default(), ..self.flow }
    }
}

/// Whether a host that says it is at `address`, while its messages come from `source`, is behind a translator.
fn is_unroutable_from(address: IpAddr, source: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            let is_private = v4.is_private() || v4.is_link_local() || v4.is_unspecified() || is_shared;
            is_private || v4.is_loopback() && !source.is_loopback()
        }
        IpAddr::V6(v6) => {
            let is_private = v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified();
            is_private || v6.is_loopback() && !source.is_loopback()
        }
    }
}

/// The address that a URI names without asking anybody.
fn literal(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri)?;
    let address = SocketAddr::new(uri.host_ip()?, uri.port.unwrap_or(5060));
    (address.port() != 0).then_some(address)
}

/// The Contact URI, if something can be sent to it.
fn contact(message: &Message) -> Option<&str> {
    message.contacts().next().map(|contact| contact.uri).filter(|uri| is_target(uri))
}

/// A peer without Contact (RFC 2543): its From URI, else its address.
fn fallback_target(request: &Message, flow: Flow) -> Box<str> {
    let from = request.from().map(|from| from.uri).filter(|uri| is_target(uri));
    from.map_or_else(|| format!("sip:{}", flow.remote).into(), Into::into)
}

/// Whether a URI can be a Request-URI (RFC 3261 §19.1.1).
fn is_target(uri: &str) -> bool {
    Uri::parse(uri)
        .is_some_and(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && uri.headers().is_empty())
}
