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
}

impl Transport {
    /// As it stands in a Via header: `UDP`, `TCP`.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// As it stands in a `transport=` URI parameter: `udp`, `tcp`.
    pub const fn param_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// Whether the transport itself delivers: then no request or response is retransmitted by a transaction.
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
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
