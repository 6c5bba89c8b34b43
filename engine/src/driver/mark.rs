//! How the sockets of signalling mark their packets.

use std::os::fd::AsFd;

use socket2::SockRef;

/// Marks what a socket sends from here on with this DSCP (RFC 2474). Where the kernel refuses, packets go unmarked.
pub(crate) fn mark(socket: &impl AsFd, dscp: u8, is_ipv6: bool) {
    let socket = SockRef::from(socket);
    let class = u32::from(dscp & 0x3f) << 2;
    drop(socket.set_tos_v4(class));
    if is_ipv6 {
        drop(socket.set_tclass_v6(class));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_both_families_are_marked() {
        for (address, is_ipv6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
            let socket = std::net::UdpSocket::bind(address).expect("a free port");
            mark(&socket, 40, is_ipv6);
            let socket = SockRef::from(&socket);
            let class = if is_ipv6 { socket.tclass_v6() } else { socket.tos_v4() };
            assert_eq!(class.expect("the kernel tells"), 160);
        }
    }
}
