//! Which server comes first: RFC 2782, "Usage rules", with the randomness of the caller.

use std::net::SocketAddr;

use super::Server;
use crate::transport::Transport;

/// The addresses of these servers in the order to try them. Lower priorities come first; within one a server is drawn by its
/// weight, then one of the rest, and so on; all addresses of a server come before those of the next. `draw` gives a number from 0 to the one
/// given, each as likely as the others. It is not asked where there is nothing to choose.
pub fn order(servers: &[Server], draw: &mut impl FnMut(u32) -> u32) -> Vec<(Transport, SocketAddr)> {
    let mut sorted: Vec<&Server> = servers.iter().collect();
    // Those without weight stand in front, so that they are drawn hardly ever (RFC 2782).
    sorted.sort_by_key(|server| (server.priority, server.weight > 0));
    let mut ordered = Vec::new();
    for group in sorted.chunk_by(|one, other| one.priority == other.priority) {
        let mut left = group.to_vec();
        while !left.is_empty() {
            let server = left.remove(drawn(&left, draw));
            ordered.extend(turned(server, draw));
        }
    }
    ordered
}

/// The place of the server that is next.
fn drawn(left: &[&Server], draw: &mut impl FnMut(u32) -> u32) -> usize {
    if left.len() == 1 {
        return 0;
    }
    let sum = left.iter().map(|server| u32::from(server.weight)).sum();
    // Where nobody has a weight, each is as good as the others.
    if sum == 0 {
        return place(draw, left.len());
    }
    let number = draw(sum);
    let mut running = 0;
    let reaches = |server: &&Server| {
        running += u32::from(server.weight);
        running >= number
    };
    left.iter().position(reaches).unwrap_or(left.len() - 1)
}

/// The addresses of one server, beginning anywhere: many name servers rotate them, but the answer is kept.
fn turned(
    server: &Server,
    draw: &mut impl FnMut(u32) -> u32,
) -> impl Iterator<Item = (Transport, SocketAddr)> {
    let count = server.addresses.len();
    let first = if count < 2 { 0 } else { place(draw, count) };
    let addresses = server.addresses.iter().cycle().skip(first).take(count);
    addresses.map(|address| (server.transport, *address))
}

fn place(draw: &mut impl FnMut(u32) -> u32, count: usize) -> usize {
    let last = u32::try_from(count - 1).unwrap_or(u32::MAX);
    usize::try_from(draw(last)).unwrap_or(0).min(count - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn server(priority: u16, weight: u16, ports: &[u16]) -> Server {
        let addresses = ports.iter().map(|port| SocketAddr::from(([192, 0, 2, 1], *port))).collect();
        Server { transport: Transport::Udp, priority, weight, addresses }
    }

    fn ports(servers: &[Server], draw: &mut impl FnMut(u32) -> u32) -> Vec<u16> {
        order(servers, draw).into_iter().map(|(_, address)| address.port()).collect()
    }

    fn seeded(seed: u64) -> impl FnMut(u32) -> u32 {
        let mut rng = StdRng::seed_from_u64(seed);
        move |last| rng.random_range(0..=last)
    }

    /// How often each port came first, in thousandths.
    fn first(servers: &[Server]) -> BTreeMap<u16, usize> {
        let mut draw = seeded(7);
        let mut counts = BTreeMap::new();
        (0..10_000).for_each(|_| *counts.entry(ports(servers, &mut draw)[0]).or_default() += 1);
        counts.values_mut().for_each(|count| *count /= 10);
        counts
    }

    #[test]
    fn lower_priorities_come_first_whatever_their_weight() {
        let servers = [server(20, 60_000, &[3]), server(10, 1, &[1]), server(10, 0, &[2])];
        let mut draw = seeded(1);
        for _ in 0..100 {
            assert_eq!(ports(&servers, &mut draw)[2], 3);
        }
    }

    #[test]
    fn servers_of_one_priority_come_first_by_their_weights() {
        let shares = first(&[server(10, 60, &[1]), server(10, 30, &[2]), server(10, 10, &[3])]);
        for (port, share) in [(1, 600), (2, 300), (3, 100)] {
            assert!(shares[&port].abs_diff(share) < 20, "{shares:?}");
        }
    }

    #[test]
    fn what_is_left_is_drawn_by_its_weights_again() {
        let servers = [server(10, 1_000, &[1]), server(10, 30, &[2]), server(10, 10, &[3])];
        let mut draw = seeded(3);
        let second = (0..10_000).filter(|_| ports(&servers, &mut draw)[..2] == [1, 2]).count();
        // 1,000 of 1,040, then 30 of 40.
        assert!((7_000..7_400).contains(&second), "{second}");
    }

    #[test]
    fn a_server_without_weight_is_drawn_hardly_ever() {
        let shares = first(&[server(10, 0, &[1]), server(10, 99, &[2])]);
        assert!((5..20).contains(&shares[&1]), "one of a hundred: {shares:?}");
        let even = first(&[server(10, 0, &[1]), server(10, 0, &[2])]);
        assert!(even[&1].abs_diff(500) < 20, "{even:?}");
    }

    #[test]
    fn all_addresses_of_a_server_come_before_the_next_server() {
        let servers = [server(1, 5, &[1, 2, 3]), server(2, 5, &[4])];
        let mut seen = BTreeMap::<u16, u32>::new();
        let mut draw = seeded(5);
        for _ in 0..300 {
            let ports = ports(&servers, &mut draw);
            assert_eq!(ports[3], 4);
            *seen.entry(ports[0]).or_default() += 1;
        }
        assert!(seen.len() == 3 && seen.values().all(|count| *count > 70), "{seen:?}");
    }

    #[test]
    fn where_there_is_nothing_to_choose_nothing_is_drawn() {
        let mut never = |_| panic!("it was drawn");
        assert_eq!(ports(&[server(2, 7, &[2]), server(1, 0, &[1])], &mut never), [1, 2]);
        assert_eq!(ports(&[], &mut never), [0; 0]);
    }
}
