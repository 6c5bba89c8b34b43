//! Tokens: who has the one of a phone is given its configuration, from one host, for some hours.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use subtle::ConstantTimeEq;

use super::Mac;

/// The tokens that hold, one a phone at most.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<Mac, Held>);

struct Held {
    token: String,
    until: Instant,
    /// Who fetched by it first, or is meant; nobody else may.
    host: Option<IpAddr>,
}

/// Nothing of a token.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held(masked, {:?})", self.host)
    }
}

/// Whose token one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// This phone's.
    Phone(Mac),
    /// This phone's, but of another host.
    Elsewhere(Mac),
}

impl Tokens {
    /// Gives a phone a token; the one that it had holds no longer. With a host it holds there alone.
    pub(super) fn give(&mut self, mac: Mac, token: String, until: Instant, host: Option<IpAddr>) {
        self.0.insert(mac, Held { token, until, host });
    }

    /// Takes away the tokens of phones that are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Mac) -> bool) {
        self.0.retain(|mac, _| is_wanted(*mac));
    }

    /// The phone of a token that holds for this host. Every token is compared, in time that does not tell how much of one
    /// was right.
    pub(super) fn find(&self, now: Instant, token: &str, host: IpAddr) -> Option<Found> {
        let mut found = None;
        for (mac, held) in &self.0 {
            if bool::from(held.token.as_bytes().ct_eq(token.as_bytes())) {
                found = Some((*mac, held));
            }
        }
        let (mac, _) = found.filter(|(_, held)| now < held.until)?;
        let is_its = found.is_some_and(|(_, held)| held.host.is_none_or(|bound| bound == host));
        Some(if is_its { Found::Phone(mac) } else { Found::Elsewhere(mac) })
    }

    /// The token that a phone has and that is meant for this host, if it holds.
    pub(super) fn of(&self, now: Instant, mac: Mac, host: IpAddr) -> Option<&str> {
        let held = self.0.get(&mac).filter(|held| now < held.until && held.host == Some(host))?;
        Some(&held.token)
    }

    /// A phone is given a file: from here on its token holds for this host alone. Whether it does: another may have come first.
    pub(super) fn bind(&mut self, mac: Mac, token: &str, host: IpAddr) -> bool {
        let held = self.0.get_mut(&mac).filter(|held| held.token == token);
        held.is_some_and(|held| *held.host.get_or_insert(host) == host)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::clock;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn mac(last: u8) -> Mac {
        Mac::parse(&format!("0015650000{last:02x}")).unwrap()
    }

    fn host(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_token_holds_for_its_time() {
        let start = clock::now();
        let mut tokens = Tokens::default();
        tokens.give(mac(1), "one".to_owned(), start + HOUR, None);
        tokens.give(mac(2), "two".to_owned(), start + HOUR, None);
        assert_eq!(tokens.find(start, "one", host(1)), Some(Found::Phone(mac(1))));
        assert_eq!(tokens.find(start, "two", host(1)), Some(Found::Phone(mac(2))));
        for wrong in ["", "on", "ones", "ONE"] {
            assert_eq!(tokens.find(start, wrong, host(1)), None, "{wrong}");
        }
        assert_eq!(tokens.find(start + HOUR, "one", host(1)), None);
    }

    #[test]
    fn a_token_is_its_first_hosts() {
        let start = clock::now();
        let mut tokens = Tokens::default();
        tokens.give(mac(1), "one".to_owned(), start + HOUR, None);
        assert!(tokens.bind(mac(1), "one", host(1)));
        assert!(!tokens.bind(mac(1), "one", host(2)), "who came first");
        assert!(!tokens.bind(mac(1), "two", host(1)), "another by now");
        assert_eq!(tokens.find(start, "one", host(1)), Some(Found::Phone(mac(1))));
        assert_eq!(tokens.find(start, "one", host(2)), Some(Found::Elsewhere(mac(1))));
        tokens.give(mac(1), "later".to_owned(), start + HOUR, Some(host(3)));
        assert_eq!(tokens.find(start, "one", host(1)), None, "one token a phone");
        assert_eq!(tokens.of(start, mac(1), host(3)), Some("later"));
        assert_eq!(
            (tokens.of(start, mac(1), host(1)), tokens.of(start + HOUR, mac(1), host(3))),
            (None, None)
        );
        assert_eq!(tokens.find(start, "later", host(1)), Some(Found::Elsewhere(mac(1))));
        assert_eq!(tokens.find(start, "later", host(3)), Some(Found::Phone(mac(1))));
        tokens.retain(|_| false);
        assert_eq!(tokens.find(start, "later", host(3)), None);
    }
}
