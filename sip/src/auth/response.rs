//! The client's side: answers to the challenges of one peer (RFC 3261 §22.2, §22.3).

use std::net::IpAddr;
use std::sync::Arc;

use super::digest::Digest;
use super::params::{Params, quoted};
use super::{Algorithm, Credentials};
use crate::message::HeaderName;

/// Challenges in a row that are answered; a peer that asks once more does not want these credentials.
pub const ATTEMPTS_MAX: u8 = 2;

/// Credentials for one peer, with what that peer last challenged with. Never to be used towards another peer: a hash
/// of the password would leak.
#[derive(Debug)]
pub struct ClientAuth {
    credentials: Arc<Credentials>,
    /// The host of that peer, where it is known.
    peer: Option<IpAddr>,
    challenge: Option<Challenge>,
    attempts: u8,
}

/// A challenge that we can answer.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Challenge {
    is_proxy: bool,
    realm: Box<str>,
    /// As sent between the quotes, like `opaque`: given back unchanged.
    nonce: Box<str>,
    opaque: Option<Box<str>>,
    algorithm: Algorithm,
    is_session: bool,
    /// Whether the challenge named its algorithm: who names none may not know the parameter.
    names_algorithm: bool,
    has_qop: bool,
    count: u32,
}

impl ClientAuth {
    /// Nothing is answered yet.
    pub const fn new(credentials: Arc<Credentials>) -> Self {
        Self { credentials, peer: None, challenge: None, attempts: 0 }
    }

    /// The same, for the peer at this host. Whoever sends its answers asks [`Self::peer`] first: in a dialog the far end
    /// names where requests go.
    pub const fn for_peer(credentials: Arc<Credentials>, peer: IpAddr) -> Self {
        Self { credentials, peer: Some(peer), challenge: None, attempts: 0 }
    }

    /// The host that the credentials belong to; `None`: the owner knows.
    pub const fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Answers a 401 (`challenges` are its WWW-Authenticate lines) or 407 (Proxy-Authenticate): the header to add when
    /// the request is sent again with `uri` as its Request-URI. `cnonce` is random and in token characters.
    ///
    /// Of the challenges of our realm the strongest algorithm is taken (RFC 8760 §2.4). `None`: there is none, the
    /// password is wrong (the same nonce again without `stale`), or this is more than [`ATTEMPTS_MAX`] in a row.
    pub fn answer<'a>(
        &mut self,
        status: u16,
        challenges: impl IntoIterator<Item = &'a str>,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> Option<(HeaderName, String)> {
        if self.attempts == ATTEMPTS_MAX {
            return None;
        }
        let is_proxy = match status {
            401 => false,
            407 => true,
            _ => return None,
        };
        let (challenge, is_stale) = self.pick(is_proxy, challenges)?;
        let is_repeated = self.challenge.as_ref().is_some_and(|last| last.nonce == challenge.nonce);
        if is_repeated && !is_stale {
            return None;
        }
        self.attempts += 1;
        self.challenge = Some(challenge);
        self.header(method, uri, cnonce)
    }

    /// The header for a further request on the nonce that the peer last gave, before it asks (RFC 3261 §22.2).
    pub fn header(&mut self, method: &str, uri: &str, cnonce: &str) -> Option<(HeaderName, String)> {
        let challenge = self.challenge.as_mut()?;
        challenge.count = challenge.count.checked_add(1)?;
        let name =
            if challenge.is_proxy { HeaderName::ProxyAuthorization } else { HeaderName::Authorization };
        Some((name, challenge.value(&self.credentials, method, uri, cnonce)))
    }

    /// The peer took the last answer: any response but 401 and 407.
    pub const fn accepted(&mut self) {
        self.attempts = 0;
    }

    fn pick<'a>(
        &self,
        is_proxy: bool,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Option<(Challenge, bool)> {
        let mut realm = self.credentials.realm.as_deref().map(str::to_owned);
        if realm.is_none() {
            realm = self.challenge.as_ref().map(|last| last.realm.to_string());
        }
        let mut picked: Option<(Challenge, bool)> = None;
        for value in values {
            let Some(params) = Params::parse(value) else { continue };
            let Some(named) = params.get("realm") else { continue };
            if *realm.get_or_insert_with(|| named.to_string()) != *named {
                continue;
            }
            let Some(challenge) = Challenge::read(&params, is_proxy, &named) else { continue };
            if picked.as_ref().is_none_or(|(best, _)| challenge.algorithm > best.algorithm) {
                let is_stale = params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
                picked = Some((challenge, is_stale));
            }
        }
        picked
    }
}

impl Challenge {
    /// `None` without a nonce, for an algorithm that we do not know, and where only `auth-int` is offered.
    fn read(params: &Params<'_>, is_proxy: bool, realm: &str) -> Option<Self> {
        let named = params.get("algorithm");
        let name = named.as_deref().unwrap_or("MD5");
        let lower = name.to_ascii_lowercase();
        let plain = lower.strip_suffix("-sess");
        let has_qop = match params.get("qop") {
            None => false,
            Some(options) => {
                let mut options = options.split(',');
                options.any(|option| option.trim().eq_ignore_ascii_case("auth")).then_some(true)?
            }
        };
        Some(Self {
            is_proxy,
            realm: realm.into(),
            nonce: params.raw("nonce")?.into(),
            opaque: params.raw("opaque").map(Into::into),
            algorithm: Algorithm::parse(plain.unwrap_or(&lower))?,
            is_session: plain.is_some(),
            names_algorithm: named.is_some(),
            has_qop,
            count: 0,
        })
    }

    fn value(&self, credentials: &Credentials, method: &str, uri: &str, cnonce: &str) -> String {
        let count = format!("{:08x}", self.count);
        let digest = Digest {
            algorithm: self.algorithm,
            is_session: self.is_session,
            username: &credentials.username,
            realm: &self.realm,
            password: &credentials.password,
            method,
            uri,
            nonce: &self.nonce,
            cnonce,
            nonce_count: self.has_qop.then_some(&*count),
        };
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\"",
            quoted(&credentials.username),
            quoted(&self.realm),
            self.nonce,
            quoted(uri),
            digest.response().as_str(),
        );
        if self.names_algorithm {
            value.push_str(", algorithm=");
            value.push_str(self.algorithm.name());
            value.push_str(if self.is_session { "-sess" } else { "" });
        }
        if self.has_qop || self.is_session {
            value.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if self.has_qop {
            value.push_str(&format!(", qop=auth, nc={count}"));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URI: &str = "sip:carrier.example";
    const MD5: &str = "Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    const SHA256: &str =
        "Digest realm=\"carrier\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"o\\\"p\"";

    fn client(realm: Option<&str>) -> ClientAuth {
        ClientAuth::new(Arc::new(Credentials {
            username: "Mu\"fasa".into(),
            password: "Circle of Life".into(),
            realm: realm.map(Into::into),
        }))
    }

    fn answer(client: &mut ClientAuth, status: u16, challenges: &[&str]) -> Option<(HeaderName, String)> {
        client.answer(status, challenges.iter().copied(), "INVITE", URI, "c")
    }

    #[test]
    fn the_example_of_rfc_7616_section_3_9_1() {
        let credentials =
            Credentials { username: "Mufasa".into(), password: "Circle of Life".into(), realm: None };
        let challenges = ["SHA-256", "MD5"].map(|algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        });
        let challenges = challenges.iter().map(String::as_str);
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let mut client = ClientAuth::new(Arc::new(credentials));
        let (name, value) = client.answer(401, challenges, "GET", "/dir/index.html", cnonce).unwrap();
        assert_eq!(name, HeaderName::Authorization);
        assert_eq!(
            value,
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", \
             response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", algorithm=SHA-256, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, nc=00000001, \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
    }

    #[test]
    fn the_strongest_known_algorithm_is_taken() {
        let unknown = "Digest realm=\"carrier\", nonce=\"n3\", algorithm=SHA-512-256, qop=\"auth\"";
        for order in [[unknown, MD5, SHA256], [SHA256, MD5, unknown]] {
            let (_, value) = answer(&mut client(None), 401, &order).unwrap();
            assert!(value.contains("algorithm=SHA-256") && value.contains("nonce=\"n2\""), "{value}");
            assert!(
                value.contains("username=\"Mu\\\"fasa\"") && value.contains("opaque=\"o\\\"p\""),
                "{value}"
            );
        }
        assert_eq!(answer(&mut client(None), 401, &[unknown]), None);
    }

    #[test]
    fn the_status_names_the_header() {
        assert_eq!(answer(&mut client(None), 401, &[MD5]).unwrap().0, HeaderName::Authorization);
        assert_eq!(answer(&mut client(None), 407, &[MD5]).unwrap().0, HeaderName::ProxyAuthorization);
        assert_eq!(answer(&mut client(None), 403, &[MD5]), None);
    }

    #[test]
    fn no_other_realm_is_answered() {
        let other = "Digest realm=\"evil\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
        assert_eq!(answer(&mut client(Some("carrier")), 401, &[other]), None);
        let value = answer(&mut client(Some("carrier")), 401, &[other, MD5]).unwrap().1;
        assert!(value.contains("realm=\"carrier\""));
        let mut client = client(None);
        assert!(answer(&mut client, 401, &[MD5, other]).unwrap().1.contains("realm=\"carrier\""));
        assert_eq!(answer(&mut client, 401, &[other]), None, "the first realm that the peer named stays");
    }

    #[test]
    fn the_same_nonce_again_is_a_wrong_password() {
        let mut client = client(None);
        answer(&mut client, 401, &[MD5]).unwrap();
        assert_eq!(answer(&mut client, 401, &[MD5]), None);
        assert!(answer(&mut client, 401, &[&format!("{MD5}, stale=TRUE")]).is_some());
    }

    #[test]
    fn attempts_are_bounded_until_one_is_taken() {
        let mut client = client(None);
        let challenge = |n: u32| format!("Digest realm=\"carrier\", nonce=\"x{n}\", stale=true");
        assert!(answer(&mut client, 401, &[&challenge(1)]).is_some());
        assert!(answer(&mut client, 401, &[&challenge(2)]).is_some());
        assert_eq!(answer(&mut client, 401, &[&challenge(3)]), None);
        client.accepted();
        assert!(answer(&mut client, 401, &[&challenge(3)]).is_some());
    }

    #[test]
    fn counts_go_up_on_a_nonce_and_begin_again_on_the_next() {
        let mut client = client(None);
        assert_eq!(client.header("INVITE", URI, "c"), None, "nothing was asked yet");
        assert!(answer(&mut client, 407, &[MD5]).unwrap().1.contains("nc=00000001"));
        assert!(client.header("BYE", URI, "c").unwrap().1.contains("nc=00000002"));
        assert!(answer(&mut client, 407, &[SHA256]).unwrap().1.contains("nc=00000001"));
    }

    #[test]
    fn a_challenge_without_qop_is_answered_as_in_rfc_2069() {
        let plain = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        let credentials =
            Credentials { username: "Mufasa".into(), password: "Circle Of Life".into(), realm: None };
        let mut client = ClientAuth::new(Arc::new(credentials));
        assert_eq!(
            client.answer(401, [plain], "GET", "/dir/index.html", "c").unwrap().1,
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
             uri=\"/dir/index.html\", response=\"670fd8c2df070c60b045671b8b24ff02\""
        );
        let int = "Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"";
        assert_eq!(answer(&mut self::client(None), 401, &[int]), None);
    }

    proptest! {
        #[test]
        fn no_challenge_panics(values in prop::collection::vec("Digest (realm=\"[a-z]\"|nonce=\"x\"|qop=auth|[ -~]{0,12}|, ){0,8}", 0..4)) {
            let mut client = client(None);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            if let Some((_, value)) = answer(&mut client, 401, &values) {
                prop_assert!(Params::parse(&value).is_some(), "{}", value);
            }
        }
    }
}
