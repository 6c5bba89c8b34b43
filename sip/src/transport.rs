//! Where a message came from or goes to (RFC 3261 §18): transport, both addresses, connection.

use std::fmt;
use std::net::SocketAddr;

use crate::ids::ConnectionId;

/// A transport the engine speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// Datagrams, retransmitted by the transaction layer.
    Udp,
    /// A byte stream, framed by Content-Length (RFC 3261 §18.3).
    Tcp,
    /// The same sealed by TLS (RFC 3261 §26.2.1).
    Tls,
    /// Messages of a WebSocket (RFC 7118).
    Ws,
    /// The same sealed by TLS.
    Wss,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];

    /// As it is written in a configuration and kept in a store: `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The transport of this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }

    /// As it stands in a Via header (RFC 3261 §25.1, RFC 7118 §5.2): `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As it stands in a `transport=` URI parameter: `ws` for both kinds of WebSocket (RFC 7118 §5.2), else its
    /// [name](Self::name).
    pub const fn param_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// The transport that a `transport=` URI parameter names in a `sip:` URI; [`Self::Ws`] for `ws`. Case does not matter.
    pub fn from_param(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| value.eq_ignore_ascii_case(transport.param_name()))
    }

    /// Whether a `sip:` URI without a `transport` parameter means it.
    pub const fn is_default(self) -> bool {
        match self {
            Self::Udp => true,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => false,
        }
    }

    /// Whether the transport itself delivers: then no request or response is retransmitted by a transaction.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => true,
        }
    }

    /// Whether messages are cut out of a stream by Content-Length, which is mandatory then (RFC 3261 §18.3).
    pub const fn is_framed(self) -> bool {
        match self {
            Self::Tcp | Self::Tls => true,
            Self::Udp | Self::Ws | Self::Wss => false,
        }
    }

    /// Whether messages are sealed by TLS.
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Tls | Self::Wss => true,
            Self::Udp | Self::Tcp | Self::Ws => false,
        }
    }

    /// Whether messages are those of a WebSocket.
    pub const fn is_websocket(self) -> bool {
        match self {
            Self::Ws | Self::Wss => true,
            Self::Udp | Self::Tcp | Self::Tls => false,
        }
    }

    /// Whether the engine can reach a peer by it that has not come to it before: a browser cannot be dialled (RFC 7118
    /// §5).
    pub const fn can_be_opened(self) -> bool {
        !self.is_websocket()
    }

    /// The port where none is written (RFC 3261 §19.1.2, RFC 7118 §5.4).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.via_name())
    }
}

/// The path of one message: what it arrived on, or what it is to leave by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// The engine's own address on this path. An unspecified IP (`0.0.0.0`, `::`) in a command is filled in by the
    /// driver, which asks the routing table, before the agent sees it.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The connection of a stream transport; the default where there is none or a new one is to be opened.
    pub connection: ConnectionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_transport_is() {
        let table: Vec<String> = Transport::ALL
            .into_iter()
            .map(|of| {
                let marks = [
                    (of.is_default(), 'd'),
                    (of.is_reliable(), 'r'),
                    (of.is_framed(), 'f'),
                    (of.is_secure(), 's'),
                    (of.is_websocket(), 'w'),
                    (of.can_be_opened(), 'o'),
                ];
                let marks: String =
                    marks.into_iter().map(|(holds, mark)| if holds { mark } else { '-' }).collect();
                format!("{} {} {} {marks} {}", of.name(), of.via_name(), of.param_name(), of.default_port())
            })
            .collect();
        assert_eq!(
            table,
            [
                "udp UDP udp d----o 5060",
                "tcp TCP tcp -rf--o 5060",
                "tls TLS tls -rfs-o 5061",
                "ws WS ws -r--w- 80",
                "wss WSS ws -r-sw- 443",
            ]
        );
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for transport in Transport::ALL {
            assert_eq!(Transport::from_name(transport.name()), Some(transport));
        }
        assert_eq!(Transport::from_name("WS"), None);
        assert_eq!(Transport::from_param("WS"), Some(Transport::Ws));
        assert_eq!(Transport::from_param("Tls"), Some(Transport::Tls));
        assert_eq!(Transport::from_param("wss"), None, "RFC 7118 knows `ws` alone");
        assert_eq!(Transport::from_param("sctp"), None);
    }
}
