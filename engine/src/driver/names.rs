//! Asking name servers: what [`Names`] wants to know goes to `hickory-resolver`, what comes of it to switch, workers and
//! connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use trunkline_sip::servers::{Host, Names, Notice, Question, Record, RecordKind, Server};

use super::audio_fork::Forks;
use super::clock;
use super::reload::Loaded;
use super::start::directory;
use super::stream::Connections;
use super::switch::SwitchInput;
use super::worker::Workers;
use crate::config::Config;
use crate::switch::TrunkPlaces;

/// A changed configuration, and who waits until it is taken.
pub(crate) type Wish = (Box<Config>, oneshot::Sender<Loaded>);

/// A configuration with what name servers say of its hosts.
#[derive(Debug)]
pub struct Located {
    config: Config,
    names: Names,
    /// What was found last; a host that is not here was never asked for to the end.
    found: BTreeMap<Host, Vec<Server>>,
    asking: JoinSet<(Question, Option<Answer>)>,
}

/// The records and how long they hold. None of them: there are none.
type Answer = (Vec<Record>, Duration);

/// Who is told where trunks are.
pub(crate) struct World {
    pub(crate) switch: mpsc::Sender<SwitchInput>,
    pub(crate) workers: Workers,
    pub(crate) connections: Connections,
    pub(crate) forks: Forks,
}

impl Located {
    /// Nobody is asked yet.
    pub fn nowhere(config: Config) -> Self {
        let (has_ipv4, has_ipv6) = config.families();
        let mut names = Names::new(has_ipv4, has_ipv6);
        names.set_hosts(config.hosts());
        Self { config, names, found: BTreeMap::new(), asking: JoinSet::new() }
    }

    /// Asks name servers, until all has been found or for `at_most`.
    pub async fn ask(config: Config, at_most: Duration) -> Self {
        let mut located = Self::nowhere(config);
        // Who needs longer is waited for by nobody.
        drop(tokio::time::timeout(at_most, located.ask_all()).await);
        located.find();
        located
    }

    /// The configuration, as far as its names are resolved.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The hosts that no server is known of.
    pub fn missing(&self) -> impl Iterator<Item = Host> {
        let found = &self.found;
        let is_missing = |host: &Host| found.get(host).is_none_or(Vec::is_empty);
        self.config.hosts().into_iter().filter(is_missing)
    }

    /// Keeps up with what name servers say, and takes changed configurations, until it is dropped.
    pub(crate) async fn keep_up(mut self, world: World, mut wishes: mpsc::Receiver<Wish>) {
        loop {
            self.ask_due();
            let next = self.names.next_due();
            tokio::select! {
                Some(answered) = self.asking.join_next() => {
                    self.take(answered.ok());
                    if self.find() {
                        self.tell(&world).await;
                    }
                }
                Some((config, taken)) = wishes.recv() => {
                    self.reload(*config, &world).await;
                    // Whoever waits may be gone.
                    drop(taken.send(Loaded::from(&self.config)));
                }
                () = until(next) => {}
            }
        }
    }

    /// Takes a changed configuration with what is known of its hosts. Those that nobody knew before are asked for first, for a while.
    async fn reload(&mut self, config: Config, world: &World) {
        self.config = config;
        let hosts = self.config.hosts();
        self.found.retain(|host, _| hosts.contains(host));
        self.names.set_hosts(hosts);
        drop(tokio::time::timeout(RELOAD_AT_MOST, self.ask_all()).await);
        self.find();
        let doubtful = self.config.locate(|host| self.found.get(host).cloned().unwrap_or_default());
        say_doubtful(&doubtful);
        let setup = Box::new(self.config.setup());
        // Who must be at an address stands there before anybody goes to it.
        world.connections.set_tls(Arc::clone(&self.config.tls));
        world.forks.set_tls(self.config.tls.forks.clone());
        // The switch first: a line that a phone may register must exist. A closed mailbox means that the engine stops.
        drop(world.switch.send(SwitchInput::Reconfigure(setup)).await);
        world.workers.directory(&Arc::new(directory(&self.config)));
    }

    async fn tell(&self, world: &World) {
        let places = self.config.trunks.iter().map(|trunk| TrunkPlaces {
            name: Arc::clone(&trunk.name),
            peers: trunk.peers.clone(),
            servers: trunk.servers.clone(),
            redirects: trunk.redirect_to.clone(),
        });
        let places = places.collect();
        // Who must be at an address stands there before anybody goes to it.
        world.connections.set_tls(Arc::clone(&self.config.tls));
        world.workers.directory(&Arc::new(directory(&self.config)));
        drop(world.switch.send(SwitchInput::Relocate(places)).await);
    }

    /// Asks until every host has an answer.
    async fn ask_all(&mut self) {
        loop {
            self.ask_due();
            let hosts = self.config.hosts();
            let now = clock::now();
            if hosts.iter().all(|host| self.names.servers(now, host).is_some()) {
                return;
            }
            let Some(answered) = self.asking.join_next().await else { return };
            self.take(answered.ok());
        }
    }

    fn ask_due(&mut self) {
        let due = self.names.due(clock::now());
        if due.is_empty() {
            return;
        }
        // What the system says of name servers and hosts may have changed since.
        let resolver = resolver(&self.config.sip.dns);
        for question in due {
            let resolver = resolver.clone();
            self.asking.spawn(async move {
                let answer = match &resolver {
                    Some(resolver) => ask(resolver, &question).await,
                    None => None,
                };
                (question, answer)
            });
        }
    }

    fn take(&mut self, answered: Option<(Question, Option<Answer>)>) {
        let Some((question, answer)) = answered else { return };
        let now = clock::now();
        let notice = match answer {
            Some((records, ttl)) => self.names.answered(now, &question, records, ttl),
            None => self.names.unanswered(now, &question),
        };
        match notice {
            Some(Notice::Silent(Question { name, kind })) => {
                tracing::warn!(name, ?kind, "no name server answers: what was said before holds");
            }
            Some(Notice::Answered) => tracing::info!("name servers answer again"),
            None => {}
        }
    }

    /// Looks what is known of each host; whether anything has changed.
    fn find(&mut self) -> bool {
        let now = clock::now();
        let mut has_changed = false;
        for host in self.config.hosts() {
            let Some(servers) = self.names.servers(now, &host) else { continue };
            let before = self.found.get(&host);
            if before == Some(&servers) {
                continue;
            }
            if servers.is_empty() {
                tracing::warn!(host = host.name, "no server of this host is known: no call can go there");
            } else if before.is_some() {
                tracing::info!(host = host.name, servers = servers.len(), "a host is elsewhere");
            }
            self.found.insert(host, servers);
            has_changed = true;
        }
        if has_changed {
            let doubtful = self.config.locate(|host| self.found.get(host).cloned().unwrap_or_default());
            say_doubtful(&doubtful);
        }
        has_changed
    }
}

fn say_doubtful(addresses: &[SocketAddr]) {
    for address in addresses {
        tracing::warn!(
            %address,
            "two trunks expect other names, or show other certificates, at this address: it is left to the first"
        );
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// By these name servers; by those of the system where none is named.
fn resolver(servers: &[SocketAddr]) -> Option<TokioResolver> {
    let (config, mut options) = if servers.is_empty() {
        // A machine without name servers may have a file of hosts.
        read_system_conf().unwrap_or_else(|_| (by(&[]), ResolverOpts::default()))
    } else {
        (by(servers), ResolverOpts::default())
    };
    options.timeout = ANSWER_WITHIN;
    options.attempts = ATTEMPTS;
    // `Names` remembers.
    options.cache_size = 0;
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let built = builder.with_options(options).build();
    if let Err(error) = &built {
        tracing::debug!(%error, "no resolver");
    }
    built.ok()
}

fn by(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        connections.iter_mut().for_each(|connection| connection.port = address.port());
        NameServerConfig::new(address.ip(), true, connections)
    };
    ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect())
}

/// Asks one question. `None`: nobody answers, or only that he cannot.
async fn ask(resolver: &TokioResolver, question: &Question) -> Option<Answer> {
    let kind = match question.kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Naptr => RecordType::NAPTR,
        RecordKind::Srv => RecordType::SRV,
    };
    // The name of a neighbour is looked for in the domains of this machine, any other stands for itself.
    let is_whole = question.name.contains('.');
    let mut name = Name::from_utf8(&question.name).ok()?;
    name.set_fqdn(is_whole);
    match resolver.lookup(name, kind).await {
        Ok(found) => {
            let ttl = found.valid_until().saturating_duration_since(clock::now());
            Some((found.answers().iter().filter_map(|answer| record(&answer.data)).collect(), ttl))
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
        {
            let ttl = none.negative_ttl.map_or(ABSENT, |seconds| Duration::from_secs(seconds.into()));
            Some((Vec::new(), ttl))
        }
        Err(error) => {
            tracing::debug!(name = question.name, ?kind, %error, "no answer");
            None
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what else name servers know is not asked for")]
fn record(data: &RData) -> Option<Record> {
    Some(match data {
        RData::A(address) => Record::Address(address.0.into()),
        RData::AAAA(address) => Record::Address(address.0.into()),
        RData::SRV(srv) => Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: text(&srv.target),
        },
        RData::NAPTR(naptr) => Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
            service: String::from_utf8_lossy(&naptr.services).into_owned(),
            replacement: text(&naptr.replacement),
        },
        _ => return None,
    })
}

/// A name without its final dot.
fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

/// How long one name server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How often it is asked before it counts as silent.
const ATTEMPTS: usize = 2;

/// How long it holds that a name is not there, where the answer does not say.
const ABSENT: Duration = Duration::from_secs(30);

/// How long a reload waits for hosts that were not known before.
const RELOAD_AT_MOST: Duration = Duration::from_secs(1);
