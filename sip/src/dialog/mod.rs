//! Dialogs: a peer-to-peer relationship between two user agents (RFC 3261 §12).
//!
//! ```text
//!  Early ──2xx──▶ Confirmed ──BYE──▶ Terminated
//!    └──300-699, CANCEL──────────────────▶
//! ```
//!
//! A dialog is early or confirmed and nothing else: requests that pass through it are events, not states.

mod kept;
mod name;
mod route;
mod sequence;

pub use kept::{DialogChange, KeptDialog};
pub use name::DialogName;
pub(crate) use name::{Named, READINGS, REPLACES_TAGS, TARGET_DIALOG_TAGS};
pub use route::{RouteSet, Routed};
pub use sequence::{OutOfOrder, Sequence};

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::ids::ConnectionId;
use crate::message::{HeaderName, Message, Method, NameAddr, Scheme, Uri, text_of};
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
    /// How often target, routes or path changed.
    revision: u32,
}

impl Dialog {
    /// The dialog of an INVITE or SUBSCRIBE that we answer (RFC 3261 §12.1.1), or of a NOTIFY that came before the 2xx to
    /// our SUBSCRIBE (RFC 6665 §4.1.2.4): that names our tag already. `flow` is where it came from.
    pub fn of_request(request: &Message, local_tag: Token, flow: Flow, local_cseq: u32) -> Self {
        let to = request.value(HeaderName::To).unwrap_or_default();
        let is_tagged = !request.to_tag().is_empty();
        let local = if is_tagged { to.to_owned() } else { text_of((to, ";tag=", local_tag)) };
        Self {
            state: DialogState::Early,
            call_id: request.call_id().into(),
            local: local.into(),
            remote: request.value(HeaderName::From).unwrap_or_default().into(),
            remote_tag: request.from_tag().into(),
            target: contact(request).map_or_else(|| fallback_target(request, flow), Into::into),
            routes: RouteSet::of_request(request),
            sequence: Sequence::new(local_cseq, Some(request.cseq().number)),
            flow,
            revision: 0,
        }
    }

    /// The dialog of an INVITE that we sent, made by a response above 100 (RFC 3261 §12.1.2). `target` is the
    /// Request-URI, for a response without Contact.
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
            revision: 0,
        }
    }

    /// A later response to the same INVITE: it may move the target, and a 2xx confirms the dialog with the route set
    /// of its own (RFC 3261 §13.2.2.4).
    pub fn update(&mut self, response: &Message, flow: Flow) {
        self.retarget(response);
        if self.state == DialogState::Early && (200..300).contains(&response.status()) {
            self.routes = RouteSet::of_response(response);
            self.state = DialogState::Confirmed;
            self.revision = self.revision.wrapping_add(1);
        }
        self.move_to(flow);
    }

    fn move_to(&mut self, flow: Flow) {
        if self.flow != flow {
            self.flow = flow;
            self.revision = self.revision.wrapping_add(1);
        }
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

    /// The remote target: the peer's Contact.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path of the last message from the peer.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// The sequence numbers.
    pub const fn sequence(&mut self) -> &mut Sequence {
        &mut self.sequence
    }

    /// A request from the peer: checks its place.
    ///
    /// # Errors
    /// [`OutOfOrder`]: to be answered 500.
    pub fn receive(&mut self, request: &Message, flow: Flow) -> Result<(), OutOfOrder> {
        self.sequence.receive(request.method(), request.cseq().number)?;
        if request.method() != Method::Ack {
            self.move_to(flow);
        }
        Ok(())
    }

    /// An INVITE or UPDATE of the peer is accepted: its Contact is the remote target from here on. One that is refused
    /// moves nothing (RFC 3261 §12.2.2, RFC 3311 §5.1).
    pub fn retarget(&mut self, request: &Message) {
        let named = request.contacts().next().map(|contact| contact.uri);
        if let Some(target) = named.filter(|target| **target != *self.target && is_target(target)) {
            self.target = target.into();
            self.revision = self.revision.wrapping_add(1);
        }
    }

    /// Another number whenever target, routes or path changed.
    pub(crate) const fn revision(&self) -> u32 {
        self.revision
    }

    /// The connection is gone: the next request opens another.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        if self.flow.connection == connection {
            self.flow.connection = ConnectionId::default();
            if let Some(address) = literal_by(&self.target, self.flow.transport) {
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

    /// Who the peer is by the name that it has in the dialog.
    pub(crate) fn remote_user(&self) -> Option<Cow<'_, str>> {
        let uri = NameAddr::parse(&self.remote)?.parsed_uri()?;
        Some(uri.user_unescaped())
    }

    /// Whether nobody stands between: there is no route.
    pub(crate) fn is_direct(&self) -> bool {
        self.routes.is_empty()
    }

    /// The hop for a request from us.
    ///
    /// The first route decides, else the remote target; the path that the peer's messages come by decides where the
    /// target says nothing useful: a host name, a private address seen from outside, a stream that is open.
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
        let is_another = transport != self.flow.transport;
        if is_another && (self.routes.is_empty() || !transport.can_be_opened()) {
            return self.flow;
        }
        // What was said sealed does not go on in clear, whatever a route forgets to say.
        if self.flow.transport.is_secure() && !transport.is_secure() {
            let by_same = literal_by(named, self.flow.transport);
            let Some(remote) = by_same.filter(|_| !is_open_stream && self.flow.transport.can_be_opened())
            else {
                return self.flow;
            };
            return Flow { remote, connection: ConnectionId::default(), ..self.flow };
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
    let address = SocketAddr::new(uri.host_ip()?, uri.port_or_default());
    (address.port() != 0).then_some(address)
}

/// The same, by this transport where it names none.
fn literal_by(uri: &str, transport: Transport) -> Option<SocketAddr> {
    let parsed = Uri::parse(uri)?;
    let port = parsed.port.unwrap_or_else(|| parsed.transport().unwrap_or(transport).default_port());
    literal(uri).map(|address| SocketAddr::new(address.ip(), port))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn message(text: &str) -> Message {
        Message::scan(text.to_owned().into(), Framing::Stream, &Limits::DEFAULT).unwrap()
    }

    fn invite(contact: &str, routes: &str) -> Message {
        message(&format!(
            "INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=a\r\n\
             To: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n{contact}{routes}Content-Length: 0\r\n\r\n"
        ))
    }

    fn response(status: u16, routes: &str) -> Message {
        message(&format!(
            "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:b@x>;tag=us\r\n\
             To: <sip:a@x>;tag=a\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\nContact: <sip:a@192.0.2.2:{status}>\r\n{routes}\
             Content-Length: 0\r\n\r\n"
        ))
    }

    fn flow(transport: Transport, connection: u64) -> Flow {
        Flow {
            transport,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.2:40000".parse().unwrap(),
            connection: ConnectionId(connection),
        }
    }

    const TAG: Token = Token { worker: 1, bits: 2 };

    #[test]
    fn an_invite_and_its_answer_make_the_same_dialog_from_both_sides() {
        let ours = Dialog::of_request(
            &invite("Contact: <sip:a@192.0.2.2>\r\n", ""),
            TAG,
            flow(Transport::Udp, 0),
            1,
        );
        assert_eq!(ours.state(), DialogState::Early);
        assert_eq!(ours.identity(), ("c", &*format!("<sip:b@x>;tag={TAG}"), "<sip:a@x>;tag=a"));
        assert!(ours.matches("c", "a") && !ours.matches("c", "b") && !ours.matches("d", "a"));
        let theirs = Dialog::of_response(&response(180, ""), "sip:x", flow(Transport::Udp, 0));
        assert_eq!(theirs.identity(), ("c", "<sip:b@x>;tag=us", "<sip:a@x>;tag=a"));
    }

    #[test]
    fn what_was_said_sealed_goes_on_sealed_whatever_routes_and_contacts_forget_to_say() {
        let route = "Record-Route: <sip:192.0.2.2;lr>\r\n";
        for routes in ["", route, "Record-Route: <sip:192.0.2.9;lr>\r\n"] {
            let request = invite("Contact: <sip:a@192.0.2.2>\r\n", routes);
            let mut dialog = Dialog::of_request(&request, TAG, flow(Transport::Tls, 7), 1);
            assert_eq!((dialog.hop().transport, dialog.hop().connection), (Transport::Tls, ConnectionId(7)));
            dialog.disconnect(ConnectionId(7));
            let host = if routes.contains("192.0.2.9") { "192.0.2.9:5061" } else { "192.0.2.2:5061" };
            let hop = dialog.hop();
            assert_eq!((hop.transport, hop.remote), (Transport::Tls, host.parse().unwrap()), "{routes}");
        }
        let request = invite("Contact: <sip:a@192.0.2.2>\r\n", route);
        let mut browser = Dialog::of_request(&request, TAG, flow(Transport::Wss, 7), 1);
        browser.disconnect(ConnectionId(7));
        assert_eq!(browser.hop().transport, Transport::Wss, "nowhere rather than in clear");
    }

    #[test]
    fn the_route_set_is_that_of_the_2xx_and_then_stays() {
        let mut dialog = Dialog::of_response(
            &response(180, "Record-Route: <sip:early;lr>\r\n"),
            "sip:x",
            flow(Transport::Udp, 0),
        );
        assert_eq!(dialog.routed().route, ["<sip:early;lr>"]);
        dialog.update(&response(200, "Record-Route: <sip:one;lr>,<sip:two;lr>\r\n"), flow(Transport::Udp, 0));
        assert_eq!(
            (dialog.state(), &dialog.routed().route[..]),
            (DialogState::Confirmed, &["<sip:two;lr>", "<sip:one;lr>"][..])
        );
        dialog.update(&response(202, "Record-Route: <sip:late;lr>\r\n"), flow(Transport::Udp, 0));
        assert_eq!(dialog.routed().route.len(), 2);
        assert_eq!(dialog.routed().uri, "sip:a@192.0.2.2:202", "the target may move");
    }

    #[test]
    fn a_strict_router_is_the_request_uri_and_the_target_goes_last() {
        let routes = "Record-Route: <sip:strict>, <sip:loose;lr>\r\n";
        let dialog = Dialog::of_request(
            &invite("Contact: <sip:a@192.0.2.2>\r\n", routes),
            TAG,
            flow(Transport::Udp, 0),
            1,
        );
        let routed = dialog.routed();
        assert_eq!(
            (routed.uri, &routed.route[..], routed.last),
            ("sip:strict", &["<sip:loose;lr>"][..], Some("sip:a@192.0.2.2"))
        );
    }

    #[test]
    fn a_peer_without_a_useful_contact_is_reached_by_its_name_or_address() {
        for (contact, expected) in [
            ("", "sip:a@x"),
            ("Contact: *\r\n", "sip:a@x"),
            ("Contact: <tel:+49>\r\n", "sip:a@x"),
            ("Contact: <sip:a@h?Evil=1>\r\n", "sip:a@x"),
            ("Contact: <sip:a@h;x=1>\r\n", "sip:a@h;x=1"),
        ] {
            let dialog = Dialog::of_request(&invite(contact, ""), TAG, flow(Transport::Udp, 0), 1);
            assert_eq!(dialog.routed().uri, expected);
        }
        let nameless = message(
            "INVITE sip:us SIP/2.0\r\nFrom: <tel:+49>;tag=a\r\nTo: <sip:b@x>\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        );
        let dialog = Dialog::of_request(&nameless, TAG, flow(Transport::Udp, 0), 1);
        assert_eq!(dialog.routed().uri, "sip:192.0.2.2:40000");
    }

    #[test]
    fn the_hop_is_the_route_or_the_target_or_where_the_peer_speaks_from() {
        let hop = |contact: &str, routes: &str, from: Flow| {
            let contact = format!("Contact: {contact}\r\n");
            let hop = Dialog::of_request(&invite(&contact, routes), TAG, from, 1).hop();
            (hop.transport, hop.remote.to_string(), hop.connection.0)
        };
        let (udp, tcp) = (flow(Transport::Udp, 0), flow(Transport::Tcp, 7));
        let by_udp = |remote: &str| (Transport::Udp, remote.to_owned(), 0);
        let by_stream = (Transport::Tcp, "192.0.2.2:40000".to_owned(), 7);
        assert_eq!(hop("<sip:a@192.0.2.2:5070>", "", udp), by_udp("192.0.2.2:5070"));
        assert_eq!(hop("<sip:a@198.51.100.1>", "", udp), by_udp("198.51.100.1:5060"));
        for hidden in
            ["10.0.0.1", "192.168.1.9:5070", "100.64.0.1", "169.254.1.1", "127.0.0.1", "0.0.0.0", "[fd00::1]"]
        {
            assert_eq!(hop(&format!("<sip:a@{hidden}>"), "", udp), by_udp("192.0.2.2:40000"), "{hidden}");
        }
        assert_eq!(hop("<sip:a@192.0.2.2:0>", "", udp), by_udp("192.0.2.2:40000"));
        assert_eq!(hop("<sip:a@phone.invalid>", "", udp), by_udp("192.0.2.2:40000"));
        let routes = "Record-Route: <sip:10.0.0.1:5099;lr>\r\n";
        assert_eq!(
            hop("<sip:a@198.51.100.1>", routes, udp),
            by_udp("10.0.0.1:5099"),
            "a proxy knows its address"
        );
        let routes = "Record-Route: <sip:proxy.example;lr>\r\n";
        assert_eq!(hop("<sip:a@198.51.100.1>", routes, udp), by_udp("192.0.2.2:40000"));
        assert_eq!(hop("<sip:a@192.0.2.2:5070;transport=tcp>", "", tcp), by_stream);
        assert_eq!(hop("<sip:a@10.0.0.1>", "", tcp), by_stream);
    }

    #[test]
    fn a_closed_stream_is_opened_anew_to_the_target() {
        let request = invite("Contact: <sip:a@192.0.2.2:5070;transport=tcp>\r\n", "");
        let mut dialog = Dialog::of_request(&request, TAG, flow(Transport::Tcp, 7), 1);
        dialog.disconnect(ConnectionId(8));
        assert_eq!(dialog.hop().connection, ConnectionId(7));
        dialog.disconnect(ConnectionId(7));
        let hop = dialog.hop();
        assert_eq!((hop.connection, hop.remote.port()), (ConnectionId::default(), 5070));
    }
}
