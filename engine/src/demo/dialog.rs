//! The phone's dialog (RFC 3261 §12): both tags, the remote target, the route set, both sequence numbers.

use std::net::{IpAddr, SocketAddr};

use trunkline_sip::message::{HeaderName, Message};

/// One dialog, or the attempt to make one.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// Our From or To value, with our tag.
    pub(super) local: String,
    pub(super) local_tag: String,
    /// Their From or To value, with their tag once it is known.
    pub(super) remote: String,
    /// Empty until it is known.
    pub(super) remote_tag: String,
    /// The Request-URI of the next request.
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    /// Of the last request sent.
    pub(super) cseq: u32,
    /// Of the last request received.
    pub(super) remote_cseq: Option<u32>,
}

impl Dialog {
    /// The dialog of a request that is about to be sent.
    pub(super) fn outgoing(
        call_id: String,
        (local, local_tag): (String, String),
        remote: &str,
        target: &str,
    ) -> Self {
        Self {
            call_id,
            local: format!("{local};tag={local_tag}"),
            local_tag,
            remote: remote.to_owned(),
            remote_tag: String::new(),
            target: target.to_owned(),
            routes: Vec::new(),
            cseq: 0,
            remote_cseq: None,
        }
    }

    /// The dialog that this INVITE asks for.
    pub(super) fn incoming(invite: &Message, local_tag: String) -> Self {
        Self {
            call_id: invite.call_id().to_owned(),
            local: format!("{};tag={local_tag}", invite.value(HeaderName::To).unwrap_or_default()),
            local_tag,
            remote: invite.value(HeaderName::From).unwrap_or_default().to_owned(),
            remote_tag: invite.from_tag().to_owned(),
            target: contact(invite).unwrap_or_default(),
            routes: invite.values(HeaderName::RecordRoute).map(str::to_owned).collect(),
            cseq: 0,
            remote_cseq: Some(invite.cseq().number),
        }
    }

    /// Learns tag, target and route set from a response that makes or confirms the dialog.
    pub(super) fn learn(&mut self, response: &Message) {
        if let Some(to) = response.value(HeaderName::To)
            && !response.to_tag().is_empty()
        {
            to.clone_into(&mut self.remote);
            response.to_tag().clone_into(&mut self.remote_tag);
        }
        if let Some(target) = contact(response) {
            self.target = target;
        }
        self.routes = response.values(HeaderName::RecordRoute).map(str::to_owned).collect();
        self.routes.reverse();
    }

    /// Takes a changed Contact (RFC 3261 §12.2.1.2).
    pub(super) fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = contact(message) {
            self.target = target;
        }
    }

    /// Whether a request from the other side belongs to this dialog.
    pub(super) fn receives(&self, request: &Message) -> bool {
        self.call_id == request.call_id()
            && self.local_tag == request.to_tag()
            && self.remote_tag == request.from_tag()
    }

    /// Whether a response to one of our requests belongs to this dialog, whatever the fork.
    pub(super) fn sent(&self, response: &Message) -> bool {
        self.call_id == response.call_id() && self.local_tag == response.from_tag()
    }

    /// Where the next request goes.
    pub(super) fn next_hop(&self, default: SocketAddr) -> SocketAddr {
        let uri = self.routes.first().map_or(self.target.as_str(), |route| route.as_str());
        host_port(uri).unwrap_or(default)
    }
}

fn contact(message: &Message) -> Option<String> {
    message.contacts().next().map(|contact| contact.uri.to_owned())
}

/// The address in a URI whose host is one.
fn host_port(uri: &str) -> Option<SocketAddr> {
    let uri = uri.trim_start_matches(|c| c != ':').trim_start_matches(':');
    let host = uri.rsplit_once('@').map_or(uri, |(_, host)| host);
    let host = host.split([';', '>', '?']).next()?;
    host.parse().ok().or_else(|| host.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 5060)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_hop_is_read_from_a_uri() {
        let five = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(host_port("sip:1001@192.0.2.1:5070;transport=udp"), Some(five("192.0.2.1:5070")));
        assert_eq!(host_port("<sip:192.0.2.1;lr>"), Some(five("192.0.2.1:5060")));
        assert_eq!(host_port("sip:a@[2001:db8::1]:5061"), Some(five("[2001:db8::1]:5061")));
        assert_eq!(host_port("sip:a@pbx.example"), None);
    }
}
