//! What there is to fetch, and who may.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;

use super::sources::{SECOND, Sources};
use super::tokens::{Found, Tokens};
use super::{Brand, File, Mac, Phone, Site};
use crate::config::{self, Config};
use crate::driver::clock;

/// The configurations of phones, and the tokens by which they are fetched.
pub struct Provisioner {
    /// `None`: provisioning is off.
    site: ArcSwapOption<Site>,
    /// What `https:` shows.
    tls: ArcSwapOption<ServerConfig>,
    state: Mutex<State>,
}

struct State {
    tokens: Tokens,
    sources: Sources,
}

/// A token that was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// What is typed into the phone. Whoever knows it is given the phone's passwords.
    pub url: String,
    /// How long it holds.
    pub holds: Duration,
}

/// Nothing of a token.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("holds", &self.holds).finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The configuration has no `[provisioning] listen`.
    #[error("provisioning is off: write [provisioning] listen")]
    Off,
    /// The configuration has no such phone.
    #[error("no [[phone]] has this mac")]
    UnknownPhone,
    /// The kernel gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(io::Error),
}

/// What a request is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The file.
    File(File),
    /// Whatever was wrong: the token, its host, its time, the name.
    NotFound,
    /// Nothing was looked at; how long that goes on.
    TooMany(Duration),
}

impl Provisioner {
    /// With the phones of a configuration.
    pub fn new(config: &Config) -> Self {
        let state = State { tokens: Tokens::default(), sources: Sources::default() };
        let empty =
            Self { site: ArcSwapOption::empty(), tls: ArcSwapOption::empty(), state: Mutex::new(state) };
        empty.set(config);
        empty
    }

    /// Takes another configuration. Tokens of phones that it names as well go on holding.
    pub fn set(&self, config: &Config) {
        let revision = clock::unix_now().as_secs();
        let site = config.site().map(|site| Site { revision, ..site });
        self.state().tokens.retain(|mac| site.as_ref().is_some_and(|site| site.phones.contains_key(&mac)));
        self.tls.store(config.provisioning.tls(&config.tls));
        self.site.store(site.map(Arc::new));
    }

    /// Makes a token for a phone; the one that it had holds no longer. It holds for the time that is given, else for that of
    /// the configuration, and for the first host that fetches by it, or for this one.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn issue(
        &self,
        now: Instant,
        mac: Mac,
        holds: Option<Duration>,
        host: Option<IpAddr>,
    ) -> Result<Issued, TokenError> {
        let site = self.site.load_full().ok_or(TokenError::Off)?;
        let phone = site.phones.get(&mac).ok_or(TokenError::UnknownPhone)?;
        let token = config::random(TOKEN_LETTERS).map_err(TokenError::Random)?;
        let holds = holds.unwrap_or(site.token_holds);
        let url = place(&site, phone, &token);
        self.state().tokens.give(mac, token, now + holds, host.map(|host| host.to_canonical()));
        Ok(Issued { url, holds })
    }

    /// Where a phone that asks the network finds its configuration: by a token that holds for an hour, for the host that asks.
    /// `None`: there is no such phone, or the host asks too often.
    pub(super) fn offer(&self, now: Instant, mac: Mac, host: IpAddr) -> Option<String> {
        let host = host.to_canonical();
        let site = self.site.load_full()?;
        let phone = site.phones.get(&mac)?;
        {
            let mut state = self.state();
            if !state.sources.admits(now, host) {
                return None;
            }
            // A question that is asked again has the answer that it had.
            if let Some(token) = state.tokens.of(now, mac, host) {
                return Some(place(&site, phone, token));
            }
        }
        self.issue(now, mac, Some(OFFER_HOLDS), Some(host)).ok().map(|issued| issued.url)
    }

    /// What is answered to a request. Every wrong one is answered alike, and before anything is known of phones. None is told
    /// to who bans: no token of 160 bits is guessed, and a phone whose token is over goes on asking, from the office's address.
    pub fn answer(&self, now: Instant, source: IpAddr, path: &str, query: Option<&str>) -> Answer {
        let source = source.to_canonical();
        let (token, name) = split(path);
        let (admitted, found) = {
            let mut state = self.state();
            let admitted = state.sources.admits(now, source);
            (admitted, admitted.then(|| state.tokens.find(now, token, source)).flatten())
        };
        let mac = match found {
            _ if !admitted => return Answer::TooMany(SECOND),
            None => return Answer::NotFound,
            Some(Found::Elsewhere(mac)) => {
                tracing::warn!(%source, %mac, "the token of a phone came from another host than before");
                return Answer::NotFound;
            }
            Some(Found::Phone(mac)) => mac,
        };
        let site = self.site.load_full();
        let phone = site.as_ref().and_then(|site| Some((site, site.phones.get(&mac)?)));
        let Some(file) = phone.and_then(|(site, phone)| Brand::file(site, phone, name, query)) else {
            // Phones ask for more than there is: for their model, their directory, their ring tones.
            tracing::debug!(%source, %mac, "a phone asked for a file that is not made for it");
            return Answer::NotFound;
        };
        if !self.state().tokens.bind(mac, token, source) {
            return Answer::NotFound;
        }
        tracing::info!(%source, %mac, "a phone was given its configuration");
        Answer::File(file)
    }

    /// What a handshake of TLS shows.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.load_full()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Provisioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provisioner")
    }
}

/// What is typed into a phone.
fn place(site: &Site, phone: &Phone, token: &str) -> String {
    format!("{}{PLACE}{token}/{}", site.base, phone.brand.asked())
}

/// Token and name of `/p/TOKEN/MAC.cfg`; folders that a phone writes between them do not count. Both are empty where
/// there is no such thing: no token is.
fn split(path: &str) -> (&str, &str) {
    let Some((token, rest)) = path.strip_prefix(PLACE).and_then(|path| path.split_once('/')) else {
        return ("", "");
    };
    (token, rest.rsplit('/').next().unwrap_or_default())
}

/// Where files are.
const PLACE: &str = "/p/";

/// How long a token holds that is told to who asks the network: a phone fetches at once.
const OFFER_HOLDS: Duration = Duration::from_secs(3_600);

/// 160 bits.
const TOKEN_LETTERS: usize = 32;
