//! Plug and play: a phone asks the network where its configuration is (SUBSCRIBE to `ua-profile` by multicast, RFC 6080 §5), and
//! one that the configuration names is told.
//!
//! ```text
//! phone ── SUBSCRIBE sip:MAC%3A…@224.0.1.75, Event: ua-profile ──▶ 224.0.1.75:5060
//!       ◀── 200 ── NOTIFY, application/url: https://…/p/TOKEN/ ──
//!       ── 200 ──▶
//! ```
//!
//! Who is on this network and says the address of a phone is told where that phone's passwords are.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;
use trunkline_media::io::local_addresses;
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};

use super::{Mac, Provisioner};
use crate::config;
use crate::driver::clock;

/// Where phones ask: `sip.mcast.net`, and the port of SIP.
pub const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 1, 75), 5060);

/// A phone that asks where its configuration is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Question {
    /// What it says it is.
    pub(super) mac: Mac,
    vias: Vec<String>,
    from: String,
    to: String,
    call_id: String,
    cseq: String,
    contact: String,
}

impl Question {
    /// Reads a datagram; `None`: it is something else, which is nobody's here.
    pub(super) fn read(datagram: Bytes) -> Option<Self> {
        let message = Message::scan(datagram, Framing::Datagram, &Limits::DEFAULT).ok()?;
        let event = message.value(HeaderName::Event)?;
        let event = event.split(';').next().unwrap_or_default().trim();
        if message.method_text() != "SUBSCRIBE" || !event.eq_ignore_ascii_case("ua-profile") {
            return None;
        }
        let line = |name| {
            let value = message.value(name)?.to_owned();
            // A folded line would have to be folded again.
            (!value.contains(['\r', '\n'])).then_some(value)
        };
        let vias: Vec<_> = message.lines(HeaderName::Via).map(str::to_owned).collect();
        let contact = line(HeaderName::Contact)?;
        let contact = match contact.split_once('<') {
            Some((_, rest)) => rest.split('>').next().unwrap_or_default().to_owned(),
            None => contact.split(';').next().unwrap_or_default().trim().to_owned(),
        };
        let is_plain = |text: &str| !text.contains(|letter: char| letter.is_control() || letter == ' ');
        (contact.starts_with("sip:")
            && is_plain(&contact)
            && !vias.iter().any(|via| via.contains(['\r', '\n'])))
        .then_some(())?;
        Some(Self {
            mac: address(message.request_uri()).or_else(|| address(message.value(HeaderName::From)?))?,
            vias,
            from: line(HeaderName::From)?,
            to: line(HeaderName::To)?,
            call_id: line(HeaderName::CallId)?,
            cseq: line(HeaderName::CSeq)?,
            contact,
        })
    }

    /// The 200.
    pub(super) fn accept(&self, own: SocketAddr, tag: &str) -> String {
        let vias: String = self.vias.iter().map(|via| format!("Via: {via}\r\n")).collect();
        format!(
            "SIP/2.0 200 OK\r\n{vias}From: {}\r\nTo: {};tag={tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:{own}>\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n",
            self.from, self.to, self.call_id, self.cseq
        )
    }

    /// The NOTIFY with the place of its configuration, which ends the subscription.
    pub(super) fn notify(&self, own: SocketAddr, tag: &str, url: &str) -> String {
        format!(
            "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{tag};rport\r\nMax-Forwards: 70\r\n\
             From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 NOTIFY\r\nContact: <sip:{own}>\r\n\
             Event: ua-profile\r\nSubscription-State: terminated;reason=timeout\r\n\
             Content-Type: application/url\r\nContent-Length: {}\r\n\r\n{url}",
            self.contact,
            self.to,
            self.from,
            self.call_id,
            url.len()
        )
    }

    /// Whether this says that the NOTIFY was heard.
    fn is_answered_by(&self, datagram: Bytes) -> bool {
        let message = Message::scan(datagram, Framing::Datagram, &Limits::DEFAULT);
        message.is_ok_and(|message| {
            !message.is_request()
                && message.status() >= 200
                && message.value(HeaderName::CallId) == Some(&self.call_id)
        })
    }
}

/// The hardware address of `sip:MAC%3A0004132a1b2c@…`; some leave the word out.
fn address(uri: &str) -> Option<Mac> {
    let (_, rest) = uri.split_once("sip:")?;
    let (user, _) = rest.split_once('@')?;
    let user = user.to_ascii_lowercase();
    let digits = user.strip_prefix("mac%3a").or_else(|| user.strip_prefix("mac:")).unwrap_or(&user);
    Mac::parse(digits)
}

/// Joins the group on each network of this machine.
///
/// # Errors
/// The socket cannot be had, or no network could be joined.
pub fn join() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // SIP has the same port at other addresses.
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.set_multicast_all_v4(false)?;
    socket.bind(&SocketAddr::V4(GROUP).into())?;
    let mut joined = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in local_addresses() {
        if let IpAddr::V4(address) = address
            && !address.is_loopback()
        {
            let here = socket.join_multicast_v4(GROUP.ip(), &address);
            joined = if joined.is_ok() { joined } else { here };
        }
    }
    joined?;
    UdpSocket::from_std(socket.into())
}

/// Answers phones until the task is dropped.
pub async fn answer(socket: UdpSocket, provisioner: Arc<Provisioner>) {
    let mut told = JoinSet::new();
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok((length, source)) = socket.recv_from(&mut datagram).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        while told.try_join_next().is_some() {}
        let Some(question) = Question::read(Bytes::copy_from_slice(&datagram[..length])) else { continue };
        let (mac, now) = (question.mac, clock::now());
        let Some(url) = provisioner.offer(now, mac, source.ip()) else {
            tracing::debug!(%source, %mac, "a phone that the configuration does not name asked for its own");
            continue;
        };
        if told.len() >= TOLD_AT_ONCE_MAX {
            continue;
        }
        let (Ok(own), Ok(tag)) =
            (UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await, config::random(TAG_LETTERS))
        else {
            continue;
        };
        if own.connect(source).await.is_err() {
            continue;
        }
        let Ok(address) = own.local_addr() else { continue };
        drop(socket.send_to(question.accept(address, &tag).as_bytes(), source).await);
        tracing::info!(%source, %mac, "a phone asked the network for its configuration");
        told.spawn(async move { tell(&own, &question, question.notify(address, &tag, &url)).await });
    }
}

/// Sends the NOTIFY until it is answered, or for four seconds: a phone asks again.
async fn tell(own: &UdpSocket, question: &Question, notify: String) {
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    for wait in NOTIFY_AGAIN_AFTER {
        drop(own.send(notify.as_bytes()).await);
        let answered = async {
            loop {
                let Ok(length) = own.recv(&mut datagram).await else {
                    // Nobody listens there any more.
                    return std::future::pending().await;
                };
                if question.is_answered_by(Bytes::copy_from_slice(&datagram[..length])) {
                    return;
                }
            }
        };
        if timeout(wait, answered).await.is_ok() {
            return;
        }
    }
}

/// T1 doubled (RFC 3261 §17.1.2.2).
const NOTIFY_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// Phones that are told at once; further ones ask again.
const TOLD_AT_ONCE_MAX: usize = 64;

/// A question has some 700 bytes.
const DATAGRAM_BYTES_MAX: usize = 4_096;

/// 80 bits.
const TAG_LETTERS: usize = 16;

/// Rest after a failure to receive.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn question(uri: &str, event: &str) -> Option<Question> {
        let text = format!(
            "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.10.67:5060;rport\r\n\
             From: <{uri}>;tag=1\r\nTo: <{uri}>\r\nCall-ID: a@192.168.10.67\r\nCSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:192.168.10.67:5060>;expires=0\r\nEvent: {event}\r\nExpires: 0\r\n\
             Accept: application/url\r\nContent-Length: 0\r\n\r\n"
        );
        Question::read(text.into())
    }

    const SNOM: &str = "sip:MAC%3A0004132a1b2c@224.0.1.75";
    const PROFILE: &str =
        "ua-profile;profile-type=\"device\";vendor=\"snom\";model=\"snomD785\";version=\"10.1\"";

    #[test]
    fn phones_are_read_as_they_ask() {
        let mac = Mac::parse("0004132a1b2c").unwrap();
        for uri in [
            SNOM,
            "sip:mac%3a0004132A1B2C@sip.mcast.net",
            "sip:MAC:0004132a1b2c@224.0.1.75:5060",
            "sip:0004132a1b2c@224.0.1.75",
        ] {
            assert_eq!(question(uri, PROFILE).expect(uri).mac, mac, "{uri}");
        }
        for (uri, event) in
            [(SNOM, "dialog"), ("sip:1001@224.0.1.75", PROFILE), ("tel:0004132a1b2c", PROFILE)]
        {
            assert_eq!(question(uri, event), None, "{uri} {event}");
        }
        for text in ["", "\r\n\r\n", "SUBSCRIBE", "SIP/2.0 200 OK\r\n\r\n"] {
            assert_eq!(Question::read(Bytes::copy_from_slice(text.as_bytes())), None, "{text}");
        }
    }

    #[test]
    fn what_is_answered_is_sip() {
        let question = question(SNOM, PROFILE).unwrap();
        let own = "192.168.10.1:40000".parse().unwrap();
        let read = |text: &str| {
            Message::scan(Bytes::copy_from_slice(text.as_bytes()), Framing::Datagram, &Limits::DEFAULT)
                .unwrap()
        };
        let accepted = read(&question.accept(own, "t"));
        assert_eq!(accepted.status(), 200);
        assert_eq!(accepted.value(HeaderName::Via), Some("SIP/2.0/UDP 192.168.10.67:5060;rport"));
        let text = question.notify(own, "t", "http://pbx.example:8090/p/x/");
        let notify = read(&text);
        assert_eq!((notify.method_text(), notify.request_uri()), ("NOTIFY", "sip:192.168.10.67:5060"));
        assert_eq!(notify.value(HeaderName::From), Some("<sip:MAC%3A0004132a1b2c@224.0.1.75>;tag=t"));
        assert_eq!(notify.value(HeaderName::To), Some("<sip:MAC%3A0004132a1b2c@224.0.1.75>;tag=1"));
        assert_eq!(notify.value(HeaderName::SubscriptionState), Some("terminated;reason=timeout"));
        assert_eq!(notify.body(), b"http://pbx.example:8090/p/x/");
        assert!(
            question.is_answered_by(
                "SIP/2.0 200 OK\r\nCall-ID: a@192.168.10.67\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n"
                    .into()
            )
        );
        assert!(!question.is_answered_by(text.into()));
    }
}
