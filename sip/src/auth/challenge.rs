//! The server's side: challenges, and judging what comes back (RFC 3261 §22.1, §22.4; RFC 8760 §2.3).

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::Algorithm;
use super::digest::{Digest, Hex};
use super::guesses::{Guess, Guesses};
use super::nonce::{NONCE_LIFETIME, NONCES_MAX, Nonces};
use super::params::{Params, quoted};
use crate::admission::network;
use crate::message::Uri;

/// Whom a user name stands for.
#[derive(Clone)]
pub struct Account {
    /// The line.
    pub line: Arc<str>,
    /// Its password.
    pub password: Arc<str>,
    /// The algorithms that it may answer with: those that it is challenged with.
    pub algorithms: Arc<[Algorithm]>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({}, masked)", self.line)
    }
}

/// The request that credentials come with.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The Request-URI as sent.
    pub uri: &'a str,
    /// Where it came from: guesses are counted by source.
    pub source: SocketAddr,
    /// Whether it came by a stream. Who writes a datagram can name whatever source he likes.
    pub is_by_stream: bool,
}

/// What credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The password of this line.
    Ok {
        /// The line.
        line: Arc<str>,
    },
    /// The password is right, but the nonce is old, not ours or used up: challenge again with `stale=true`.
    Stale,
    /// There are none for this realm, or they are wrong and do not even show that their source hears us, since they answer a
    /// nonce that was not sent there of late: challenge. Nobody is to be blamed for those.
    Missing,
    /// The password, the user, the algorithm or the request is another one, or this source has guessed too often
    /// ([`GUESSES_MAX`](super::GUESSES_MAX)) to be heard: challenge or refuse.
    Wrong {
        /// The user that was named, cut to 64 bytes.
        username: String,
    },
}

/// Challenges requests and judges the answers. One value for all workers, by `Arc`: the counts that were used on a
/// nonce must be known to whichever worker it comes back to.
pub struct Challenger {
    realm: Arc<str>,
    nonces: Nonces,
    guesses: Guesses,
    /// Stands in for the password of a user who does not exist.
    no_password: String,
}

impl std::fmt::Debug for Challenger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Challenger({}, key masked)", self.realm)
    }
}

/// User names in logs and events.
const USERNAME_BYTES_MAX: usize = 64;

impl Challenger {
    /// `key` is random and for this process only. A nonce is taken for [`NONCE_LIFETIME`].
    pub fn new(key: [u8; 32], epoch: Instant, realm: impl Into<Arc<str>>) -> Self {
        Self {
            realm: realm.into(),
            nonces: Nonces::new(key, epoch, NONCE_LIFETIME, NONCES_MAX),
            guesses: Guesses::new(),
            no_password: Hex::of(&key).as_str().to_owned(),
        }
    }

    /// The realm.
    pub const fn realm(&self) -> &Arc<str> {
        &self.realm
    }

    /// A number of this user's own, the same each time, which nobody can foretell: it decides what one is challenged with who
    /// does not exist ([`Directory::algorithms_of`](crate::Directory::algorithms_of)).
    pub fn draw(&self, user: &str) -> u64 {
        self.nonces.draw(user)
    }

    /// The values of WWW-Authenticate or Proxy-Authenticate, one header line each, the most wanted algorithm first
    /// (RFC 8760 §2.3). `stale`: the password was right (RFC 7616 §3.3). `source` is whoever is challenged.
    pub fn challenge(
        &self,
        now: Instant,
        source: IpAddr,
        algorithms: &[Algorithm],
        stale: bool,
    ) -> Vec<String> {
        let realm = quoted(&self.realm);
        let stale = if stale { ", stale=true" } else { "" };
        let value = |algorithm: &Algorithm| {
            let nonce = self.nonces.issue(now, &self.realm, network(source));
            let algorithm = algorithm.name();
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}")
        };
        algorithms.iter().map(value).collect()
    }

    /// Judges the values of Authorization or Proxy-Authorization. `lookup` finds whom a user name stands for; a name
    /// with the domain of the realm or of the request (`1001@pbx.example`) is tried without it too.
    ///
    /// A user who does not exist takes the same path as one with a wrong password.
    pub fn verify<'a>(
        &self,
        now: Instant,
        attempt: Attempt<'_>,
        values: impl IntoIterator<Item = &'a str>,
        lookup: impl Fn(&str) -> Option<Account>,
    ) -> Verdict {
        let of_realm = |params: &Params<'a>| params.get("realm").is_some_and(|realm| *realm == *self.realm);
        let Some(params) = values.into_iter().filter_map(Params::parse).find(of_realm) else {
            return Verdict::Missing;
        };
        let username = params.get("username").unwrap_or_default();
        let wrong = || {
            let end = username.floor_char_boundary(USERNAME_BYTES_MAX);
            Verdict::Wrong { username: username[..end].to_owned() }
        };
        let is_heard = || {
            let nonce = params.get("nonce").unwrap_or_default();
            attempt.is_by_stream || self.nonces.is_of(now, &self.realm, &nonce, network(attempt.source.ip()))
        };
        let guess = |is_blind| Guess { source: attempt.source, username: &username, is_blind };
        let is_limited = |is_blind| !self.guesses.permits(now, guess(is_blind));
        if is_limited(false) || is_limited(true) {
            // Who was challenged here answers that challenge, and is judged by it.
            let is_blind = !is_heard();
            if is_limited(is_blind) {
                return if is_blind { Verdict::Missing } else { wrong() };
            }
        }
        let wrong = || {
            let is_blind = !is_heard();
            self.guesses.wrong(now, guess(is_blind));
            if is_blind { Verdict::Missing } else { wrong() }
        };
        let Some(answer) = Answer::read(&params) else { return wrong() };
        let account = self.account(&username, attempt.uri, lookup);
        let password = account.as_ref().map_or(&*self.no_password, |account| &account.password);
        let is_right = self.is_right(&params, &answer, attempt.method, password);
        let Some(account) = account else { return wrong() };
        let is_allowed = account.algorithms.contains(&answer.algorithm);
        if !is_right || !is_allowed || !is_same_target(&answer.uri, attempt.uri) {
            return wrong();
        }
        self.guesses.right(guess(false));
        if self.nonces.accept(now, &self.realm, &answer.nonce, answer.count) {
            Verdict::Ok { line: account.line }
        } else {
            Verdict::Stale
        }
    }

    fn account(
        &self,
        username: &str,
        uri: &str,
        lookup: impl Fn(&str) -> Option<Account>,
    ) -> Option<Account> {
        lookup(username).or_else(|| {
            let (user, domain) = username.rsplit_once('@')?;
            let of_request = || Uri::parse(uri).is_some_and(|uri| uri.host.eq_ignore_ascii_case(domain));
            let is_ours = domain.eq_ignore_ascii_case(&self.realm) || of_request();
            if is_ours { lookup(user) } else { None }
        })
    }

    fn is_right(&self, params: &Params<'_>, answer: &Answer<'_>, method: &str, password: &str) -> bool {
        let digest = |username: &str| {
            Digest {
                algorithm: answer.algorithm,
                is_session: answer.is_session,
                username,
                realm: &self.realm,
                password,
                method,
                uri: &answer.uri,
                nonce: &answer.nonce,
                cnonce: &answer.cnonce,
                nonce_count: Some(answer.count_text),
            }
            .response()
            .equals(&answer.response)
        };
        let plain = params.get("username").unwrap_or_default();
        let raw = params.raw("username").unwrap_or_default();
        // `unq` of RFC 7616 §3.4 removes the quotes; phones disagree on whether it undoes the escapes.
        digest(&plain) || (raw != plain && digest(raw))
    }
}

/// The fields of a response that every one of ours must have.
struct Answer<'a> {
    algorithm: Algorithm,
    is_session: bool,
    uri: Cow<'a, str>,
    nonce: Cow<'a, str>,
    cnonce: Cow<'a, str>,
    response: Cow<'a, str>,
    count_text: &'a str,
    count: u32,
}

impl<'a> Answer<'a> {
    /// `None` where a field is missing or malformed, for `auth-int`, and without qop: it was asked for, and without a
    /// count a captured response could be used again.
    fn read(params: &Params<'a>) -> Option<Self> {
        let name = params.get("algorithm").unwrap_or(Cow::Borrowed("MD5"));
        let (name, is_session) =
            match name.len().checked_sub(SESSION.len()).and_then(|at| name.split_at_checked(at)) {
                Some((plain, suffix)) if suffix.eq_ignore_ascii_case(SESSION) => (plain, true),
                _ => (&*name, false),
            };
        let algorithm = Algorithm::parse(name)?;
        if !params.get("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        let count_text = params.raw("nc")?;
        if count_text.len() > 8 || !count_text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        Some(Self {
            algorithm,
            is_session,
            uri: params.get("uri")?,
            nonce: params.get("nonce")?,
            cnonce: params.get("cnonce")?,
            response: params.get("response")?,
            count_text,
            count: u32::from_str_radix(count_text, 16).ok()?,
        })
    }
}

const SESSION: &str = "-sess";

/// Whether the `uri` of the credentials is that of the request, as far as proxies leave it alone (RFC 7616 §3.4.6):
/// host and user. Some clients, SIPp among them, leave the user out.
fn is_same_target(named: &str, requested: &str) -> bool {
    if named == requested {
        return true;
    }
    let (Some(named), Some(requested)) = (Uri::parse(named), Uri::parse(requested)) else { return false };
    let is_same_user = named.user.is_none()
        || requested.user.is_none()
        || named.user_unescaped() == requested.user_unescaped();
    !named.host.is_empty() && named.host.eq_ignore_ascii_case(requested.host) && is_same_user
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::{ClientAuth, Credentials, GUESSES_MAX};
    use super::*;
    use crate::testing;

    const URI: &str = "sip:pbx.example";
    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const REGISTER: Attempt<'_> =
        Attempt { method: "REGISTER", uri: URI, source: SocketAddr::new(HOME, 5060), is_by_stream: false };

    struct Server {
        challenger: Challenger,
        start: Instant,
    }

    impl Server {
        fn new() -> Self {
            let start = testing::start();
            Self { challenger: Challenger::new([3; 32], start, "pbx.example"), start }
        }

        /// The same, but nothing was guessed yet.
        fn anew(&self) -> Self {
            Self { challenger: Challenger::new([3; 32], self.start, "pbx.example"), start: self.start }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn challenge(&self, algorithms: &[Algorithm]) -> Vec<String> {
            self.challenger.challenge(self.start, HOME, algorithms, false)
        }

        fn verify(&self, seconds: u64, attempt: Attempt<'_>, value: &str) -> Verdict {
            self.challenger.verify(self.at(seconds), attempt, [value], account)
        }
    }

    /// 1001 may use both algorithms, 1002 only the better one.
    fn account(username: &str) -> Option<Account> {
        let algorithms: &[Algorithm] = match username {
            "1001" | "DOMAIN\\1001" => &[Algorithm::Sha256, Algorithm::Md5],
            "1002" => &[Algorithm::Sha256],
            _ => return None,
        };
        Some(Account { line: username.into(), password: "secret".into(), algorithms: algorithms.into() })
    }

    fn phone(username: &str, password: &str) -> ClientAuth {
        ClientAuth::new(Arc::new(Credentials {
            username: username.into(),
            password: password.into(),
            realm: None,
        }))
    }

    fn answered(server: &Server, algorithm: Algorithm, username: &str, password: &str) -> String {
        let challenges = server.challenge(&[algorithm]);
        let challenges = challenges.iter().map(String::as_str);
        phone(username, password).answer(401, challenges, "REGISTER", URI, "c").unwrap().1
    }

    fn ok(line: &str) -> Verdict {
        Verdict::Ok { line: line.into() }
    }

    fn wrong(username: &str) -> Verdict {
        Verdict::Wrong { username: username.to_owned() }
    }

    #[test]
    fn challenges_come_in_the_order_asked_for_with_a_nonce_each() {
        let server = Server::new();
        let values =
            server.challenger.challenge(server.start, HOME, &[Algorithm::Sha256, Algorithm::Md5], true);
        let parts: Vec<_> = values.iter().map(|value| value.split('"').collect::<Vec<_>>()).collect();
        assert_eq!((parts[0][0], parts[0][1]), ("Digest realm=", "pbx.example"));
        assert_eq!(
            (parts[0][4], parts[0][5], parts[0][6]),
            (", algorithm=SHA-256, qop=", "auth", ", stale=true")
        );
        assert_eq!((parts[1][4], parts[1][5]), (", algorithm=MD5, qop=", "auth"));
        assert_ne!(parts[0][3], parts[1][3]);
        // Unauthenticated requests must not be amplified (at most 600 octets in all).
        assert!(values.iter().map(|value| value.len() + "WWW-Authenticate: \r\n".len()).sum::<usize>() < 360);
    }

    #[test]
    fn the_right_password_is_taken_once() {
        let server = Server::new();
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let value = answered(&server, algorithm, "1001", "secret");
            assert_eq!(server.verify(1, REGISTER, &value), ok("1001"));
            assert_eq!(server.verify(2, REGISTER, &value), Verdict::Stale, "a replay");
        }
    }

    #[test]
    fn a_phone_may_go_on_with_its_nonce() {
        let server = Server::new();
        let mut phone = phone("1001", "secret");
        let challenges = server.challenge(&[Algorithm::Sha256, Algorithm::Md5]);
        let challenges = challenges.iter().map(String::as_str);
        let first = phone.answer(401, challenges, "REGISTER", URI, "c1").unwrap().1;
        let second = phone.header("REGISTER", URI, "c2").unwrap().1;
        assert_eq!(server.verify(1, REGISTER, &second), ok("1001"));
        assert_eq!(server.verify(1, REGISTER, &first), ok("1001"), "overtaken on the way");
        assert_eq!(
            server.verify(301, REGISTER, &phone.header("REGISTER", URI, "c3").unwrap().1),
            Verdict::Stale
        );
    }

    #[test]
    fn a_phone_that_never_counts_is_told_to_ask_again() {
        let server = Server::new();
        let challenges = server.challenge(&[Algorithm::Md5]);
        let mut values = ["c1", "c2"].map(|cnonce| {
            let challenges = challenges.iter().map(String::as_str);
            phone("1001", "secret").answer(401, challenges, "REGISTER", URI, cnonce).unwrap().1
        });
        values.sort();
        assert_eq!(server.verify(1, REGISTER, &values[0]), ok("1001"));
        assert_eq!(server.verify(1, REGISTER, &values[1]), Verdict::Stale);
    }

    #[test]
    fn stale_only_for_who_knows_the_password() {
        let server = Server::new();
        let right = answered(&server, Algorithm::Sha256, "1001", "secret");
        let bad = answered(&server, Algorithm::Sha256, "1001", "guess");
        assert_eq!(server.verify(301, REGISTER, &right), Verdict::Stale);
        assert_eq!(server.verify(301, REGISTER, &bad), Verdict::Missing, "nothing is said of that password");
        let restarted =
            Server { challenger: Challenger::new([4; 32], server.start, "pbx.example"), ..server };
        assert_eq!(restarted.verify(1, REGISTER, &right), Verdict::Stale);
        assert_eq!(restarted.verify(1, REGISTER, &bad), Verdict::Missing);
    }

    #[test]
    fn unknown_users_and_wrong_passwords_look_alike() {
        let server = Server::new();
        for user in ["1001", "nobody"] {
            assert_eq!(
                server.verify(1, REGISTER, &answered(&server, Algorithm::Sha256, user, "guess")),
                wrong(user)
            );
        }
        let fake = server.challenger.no_password.clone();
        assert_eq!(
            server.verify(1, REGISTER, &answered(&server, Algorithm::Sha256, "nobody", &fake)),
            wrong("nobody")
        );
    }

    #[test]
    fn after_too_many_guesses_not_even_the_right_password_is_heard() {
        let server = Server::new();
        for guess in 0..GUESSES_MAX {
            let value = answered(&server, Algorithm::Sha256, &format!("10{guess:02}"), "guess");
            assert!(matches!(server.verify(1, REGISTER, &value), Verdict::Wrong { .. }));
        }
        let right = answered(&server, Algorithm::Sha256, "1001", "secret");
        assert_eq!(server.verify(1, REGISTER, &right), wrong("1001"));
        let elsewhere = Attempt { source: "192.0.2.2:5060".parse().unwrap(), ..REGISTER };
        assert_eq!(server.verify(1, elsewhere, &right), ok("1001"));
        let right = answered(&server, Algorithm::Sha256, "1001", "secret");
        assert_eq!(server.verify(61, REGISTER, &right), ok("1001"));
    }

    /// UDP names whatever source it likes: who uses that of the owner hears no challenge, and can only make nonces up, or take
    /// those that he was given where he is.
    #[test]
    fn guesses_under_the_address_of_the_owner_do_not_shut_him_out() {
        let server = Server::new();
        let away = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
        let given = server.challenger.challenge(server.start, away, &[Algorithm::Sha256], false);
        let guess = |password: &str| {
            let challenges = given.iter().map(String::as_str);
            phone("1001", password).answer(401, challenges, "REGISTER", URI, "c").unwrap().1
        };
        let missing = Verdict::Missing;
        for _ in 0..30 {
            assert_eq!(server.verify(1, REGISTER, &guess("guess")), missing, "the owner is not accused");
        }
        assert_eq!(server.verify(1, REGISTER, &guess("secret")), missing, "and not checked any more");
        let by_stream = Attempt { is_by_stream: true, ..REGISTER };
        assert_eq!(server.verify(1, by_stream, &guess("guess")), wrong("1001"), "who hears us is");
        let right = answered(&server, Algorithm::Sha256, "1001", "secret");
        assert_eq!(server.verify(1, REGISTER, &right), ok("1001"));
    }

    #[test]
    fn credentials_for_nobody_here_are_missing() {
        let server = Server::new();
        let values = [
            "NoOneKnowsThisScheme opaque-data=here",
            "Basic eDp5",
            "Digest realm=\"other\", nonce=\"x\"",
            "Digest",
            "",
        ];
        for value in values {
            assert_eq!(server.verify(1, REGISTER, value), Verdict::Missing);
        }
        assert_eq!(server.challenger.verify(server.start, REGISTER, [], account), Verdict::Missing);
        let right = answered(&server, Algorithm::Md5, "1001", "secret");
        let values = values.into_iter().chain([&*right]);
        assert_eq!(server.challenger.verify(server.start, REGISTER, values, account), ok("1001"));
    }

    #[test]
    fn no_downgrade() {
        let server = Server::new();
        let sha256 = answered(&server, Algorithm::Sha256, "1002", "secret");
        let md5 = answered(&server, Algorithm::Md5, "1002", "secret");
        let cases = [
            (md5, "MD5 for a user of SHA-256 only"),
            (sha256.replace(", algorithm=SHA-256", ""), "algorithm removed"),
            (sha256.replace("SHA-256", "MD5"), "algorithm exchanged"),
            (sha256.replace("SHA-256", "SHA-512-256"), "algorithm unknown"),
            (sha256.replace("qop=auth", "qop=auth-int"), "auth-int"),
            (sha256.replace(", qop=auth", ""), "qop removed"),
            (sha256.replace("nc=00000001", "nc=00000002"), "nc changed"),
            (sha256.replace("nc=00000001", "nc=0000000000001"), "nc too long"),
            (sha256.replace("cnonce=\"c\"", "cnonce=\"d\""), "cnonce changed"),
            (sha256.replace(", cnonce=\"c\"", ""), "cnonce removed"),
        ];
        for (value, name) in cases {
            assert_ne!(value, sha256, "{name}");
            let server = &server.anew();
            assert_eq!(server.verify(1, REGISTER, &value), wrong("1002"), "{name}");
        }
        let invite = Attempt { method: "INVITE", ..REGISTER };
        assert_eq!(server.verify(1, invite, &sha256), wrong("1002"), "other method");
        let elsewhere = Attempt { uri: "sip:other.example", ..REGISTER };
        assert_eq!(server.verify(1, elsewhere, &sha256), wrong("1002"), "other request");
        assert_eq!(server.verify(1, REGISTER, &sha256), ok("1002"), "untouched");
    }

    #[test]
    fn quotes_where_they_do_not_belong_are_tolerated() {
        let server = Server::new();
        let value = answered(&server, Algorithm::Sha256, "1001", "secret");
        let value = value
            .replace("qop=auth", "qop=\"auth\"")
            .replace("nc=00000001", "nc=\"00000001\"")
            .replace("algorithm=SHA-256", "algorithm=\"sha-256\"");
        assert_eq!(server.verify(1, REGISTER, &value), ok("1001"));
    }

    /// What a client of our own never sends.
    fn digest_value(server: &Server, shown: &str, hashed: &str, algorithm: &str, is_session: bool) -> String {
        let challenge = server.challenge(&[Algorithm::Md5]).remove(0);
        let nonce = challenge.split('"').nth(3).unwrap();
        let digest = Digest {
            algorithm: Algorithm::Md5,
            is_session,
            username: hashed,
            realm: "pbx.example",
            password: "secret",
            method: "REGISTER",
            uri: URI,
            nonce,
            cnonce: "c",
            nonce_count: Some("00000001"),
        };
        let response = digest.response();
        let response = response.as_str();
        format!(
            "Digest username=\"{shown}\", realm=\"pbx.example\", nonce=\"{nonce}\", uri=\"{URI}\", qop=auth, \
             nc=00000001, cnonce=\"c\", response=\"{response}\"{algorithm}"
        )
    }

    #[test]
    fn names_with_domain_and_backslash() {
        let server = Server::new();
        for (shown, hashed, verdict) in [
            ("1001@pbx.example", "1001@pbx.example", ok("1001")),
            ("1001@PBX.example", "1001@PBX.example", ok("1001")),
            ("1001@other", "1001@other", wrong("1001@other")),
            ("DOMAIN\\\\1001", "DOMAIN\\1001", ok("DOMAIN\\1001")),
            ("DOMAIN\\\\1001", "DOMAIN\\\\1001", ok("DOMAIN\\1001")),
        ] {
            assert_eq!(
                server.verify(1, REGISTER, &digest_value(&server, shown, hashed, "", false)),
                verdict,
                "{shown}"
            );
        }
    }

    #[test]
    fn session_variants_are_computed_as_such() {
        let server = Server::new();
        let value = digest_value(&server, "1001", "1001", ", algorithm=MD5-sess", true);
        assert_eq!(server.verify(1, REGISTER, &value), ok("1001"));
        let value = digest_value(&server, "1001", "1001", ", algorithm=MD5-sess", false);
        assert_eq!(server.verify(1, REGISTER, &value), wrong("1001"));
    }

    #[test]
    fn the_uri_is_compared_leniently() {
        for (named, requested, same) in [
            ("sip:pbx", "sip:pbx", true),
            ("sip:PBX:5060;transport=udp", "sip:pbx", true),
            ("sip:192.0.2.1:5060", "sip:1002@192.0.2.1", true),
            ("sip:1002@pbx", "sip:1002@pbx;user=phone", true),
            ("sip:100%32@pbx", "sip:1002@pbx", true),
            ("sip:1003@pbx", "sip:1002@pbx", false),
            ("sip:1002@elsewhere", "sip:1002@pbx", false),
            ("tel:+491", "tel:+491", true),
            ("tel:+491", "tel:+492", false),
            ("", "sip:pbx", false),
            ("/", "sip:pbx", false),
        ] {
            assert_eq!(is_same_target(named, requested), same, "{named} {requested}");
        }
    }

    #[test]
    fn a_long_name_is_cut_for_the_log() {
        let server = Server::new();
        let name = "\u{e4}".repeat(50);
        let value = answered(&server, Algorithm::Md5, &name, "x");
        assert_eq!(server.verify(1, REGISTER, &value), wrong(&name[..64]));
    }

    #[test]
    fn no_secret_is_printed() {
        let server = Server::new();
        let text = format!("{:?} {:?}", server.challenger, account("1001"));
        assert!(!text.contains("secret") && !text.contains("030303") && !text.contains("3, 3"), "{text}");
    }

    proptest! {
        #[test]
        fn both_sides_agree_on_every_name_and_realm(
            username in "[ -~\u{e4}]{1,20}",
            password in "[ -~\u{e4}]{0,20}",
            realm in "[ -~\u{e4}]{1,20}",
            algorithm in prop::sample::select(vec![Algorithm::Md5, Algorithm::Sha256]),
        ) {
            let start = testing::start();
            let challenger = Challenger::new([3; 32], start, &*realm);
            let challenge = challenger.challenge(start, HOME, &[algorithm], false).remove(0);
            let credentials = Credentials {
                username: (&*username).into(),
                password: (&*password).into(),
                realm: Some((&*realm).into()),
            };
            let mut client = ClientAuth::new(Arc::new(credentials));
            let (_, value) = client.answer(401, [&*challenge], "REGISTER", URI, "c").unwrap();
            let lookup = |name: &str| (name == username).then(|| Account {
                line: name.into(),
                password: (&*password).into(),
                algorithms: [algorithm].into(),
            });
            prop_assert_eq!(challenger.verify(start, REGISTER, [&*value], lookup), ok(&username));
        }

        #[test]
        fn no_damage_is_taken_for_the_truth(at in 0usize..400, with in "[ -~\u{e4}]{0,3}", len in 0usize..4) {
            let server = Server::new();
            let right = answered(&server, Algorithm::Sha256, "1001", "secret");
            let (start, end) = (at.min(right.len()), (at + len).min(right.len()));
            let damaged = format!("{}{with}{}", &right[..start], &right[end..]);
            if let Verdict::Ok { line } = server.verify(1, REGISTER, &damaged) {
                prop_assert_eq!(&*line, "1001");
            }
        }
    }
}
