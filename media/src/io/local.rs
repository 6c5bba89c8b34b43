//! The addresses of this machine, as the kernel lists them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every address of this machine, of both families; none where `/proc` is not to be read.
pub fn local_addresses() -> Vec<IpAddr> {
    let v4 = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let mut addresses: Vec<IpAddr> = local_v4(&v4).chain(local_v6(&v6)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// A trie of routes: the line after an address says what it is.
fn local_v4(trie: &str) -> impl Iterator<Item = IpAddr> {
    let lines = trie.lines().map(str::trim);
    lines.clone().zip(lines.skip(1)).filter_map(|(address, kind)| {
        let address: Ipv4Addr = address.strip_prefix("|-- ")?.parse().ok()?;
        kind.starts_with("/32 host LOCAL").then_some(address.into())
    })
}

/// One address a line, in 32 hexadecimal digits.
fn local_v6(list: &str) -> impl Iterator<Item = IpAddr> {
    list.lines().filter_map(|line| {
        let digits = line.split_whitespace().next()?;
        Some(Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_are_told_from_networks_and_broadcasts() {
        let trie = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.5
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
";
        assert_eq!(local_v4(trie).collect::<Vec<_>>(), ["192.0.2.5".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn addresses_of_version_six_are_read() {
        let list = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    20010db8000000000000000000000005 02 40 00 80     eth0\nnonsense\n";
        let expected: [IpAddr; 2] = ["::1".parse().unwrap(), "2001:db8::5".parse().unwrap()];
        assert_eq!(local_v6(list).collect::<Vec<_>>(), expected);
    }
}
