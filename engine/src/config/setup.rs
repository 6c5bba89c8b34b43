//! What the configuration tells the switch and the SIP workers.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;

use ipnet::IpNet;
use trunkline_sip::auth::Algorithm;

use super::{Config, Secret};
use crate::switch::RecordingSetup;
use crate::switch::setup::{AppSetup, LineSetup, MediaSetup, RedirectSetup, RouteSetup, Setup, TrunkSetup};

/// What the registrar knows of one line.
#[derive(Clone, Debug)]
pub struct Account {
    /// The line's address: the user name.
    pub line: Arc<str>,
    /// The password.
    pub password: Secret,
    /// Challenges offered, in this order.
    pub algorithms: Vec<Algorithm>,
}

impl Config {
    /// The world of the switch.
    pub fn setup(&self) -> Setup {
        let lines = self.lines.iter().map(|line| LineSetup {
            address: Arc::clone(&line.address),
            name: line.name.clone(),
            kind: line.kind,
            groups: line.groups.clone(),
            calls_max: line.calls_max,
            picks_up: line.picks_up.clone(),
            srtp: line.srtp,
            transcodes: line.transcodes.unwrap_or(self.media.transcodes),
            video: line.video,
            holds_at_phone: line.holds_at_phone,
            refuses_hidden: line.refuses_hidden,
            mailbox: line.mailbox.clone(),
            deposits: line.deposits,
            deposit_rings: line.deposit_rings,
            intercom: line.intercom,
            outside_number: line.outside_number.clone(),
            record: line.record,
            is_captured: line.is_captured,
        });
        let trunks = self.trunks.iter().map(|trunk| TrunkSetup {
            name: Arc::clone(&trunk.name),
            peers: trunk.peers.clone(),
            servers: trunk.servers.clone(),
            domain: trunk.domain.clone(),
            credentials: trunk.credentials.clone(),
            calls_max: trunk.calls_max,
            redirects: RedirectSetup { own: trunk.allow_from.clone(), places: trunk.redirect_to.clone() },
            srtp: trunk.srtp,
            codecs: trunk.codecs.clone(),
            early_media: trunk.early_media,
            transcodes: trunk.transcodes.unwrap_or(self.media.transcodes),
            video: trunk.video,
            numbers: trunk.numbers.clone(),
            is_trusted: trunk.is_trusted,
            registration: trunk.registration.clone(),
            patience: trunk.failover.patience,
            progress: trunk.failover.progress,
            rest: trunk.failover.rest,
            failover_on: trunk.failover.statuses.clone(),
            calls_per_second: trunk.failover.calls_per_second,
            qualify_every: trunk.failover.qualify_every,
            record: trunk.record,
        });
        let apps = self.apps.iter().map(|app| AppSetup {
            name: Arc::clone(&app.name),
            lines: app.lines.clone(),
            privilege: app.privilege,
        });
        Setup {
            lines: lines.collect(),
            groups: self.groups.clone(),
            pages: self.pages.clone(),
            lists: self.lists.clone(),
            trunks: trunks.collect(),
            routes: self.all_routes(),
            apps: apps.collect(),
            media: MediaSetup {
                address: self.media.listen,
                ports: self.media.ports.clone(),
                workers: self.media.workers,
                silent_after: self.media.silence_timeout,
                music: self.media.music.clone(),
                tones: self.media.tones.clone(),
                opus: self.media.opus,
            },
            conference: self.conference.clone(),
            recording: RecordingSetup {
                recordings_max: self.recording.as_ref().map_or(0, |recording| recording.recordings_max),
            },
            fork: self.fork.clone(),
            translation: Arc::clone(&self.locations),
            park: self.park.clone(),
            features: self.features.clone(),
            domain: self.domain(),
            sip_workers: self.sip.workers,
            ring_max: self.sip.ring_timeout,
            calls_max: self.limits.calls,
            transcoded_calls_max: self.limits.transcoded_calls,
            watches: self.limits.watches,
            orphans_after: self.limits.orphans_after,
            forward: self.forward.clone(),
            completion: self.completion.clone(),
            vendors: self.vendors.clone(),
            voicemail: self.voicemail.clone(),
        }
    }

    /// The routes of the file, and behind them the way to who keeps messages.
    pub(super) fn all_routes(&self) -> Vec<RouteSetup> {
        let is_taken = |number: &str| {
            self.lines.iter().any(|line| *line.address == *number)
                || self.groups.iter().any(|group| *group.address == *number)
                || self.pages.iter().any(|page| *page.address == *number)
        };
        let way = super::voicemail::way(&self.voicemail, &self.lines, is_taken);
        self.routes.iter().cloned().chain(way).collect()
    }

    /// Lines that register, each with its password.
    pub fn accounts(&self) -> Vec<Account> {
        let accounts = self.lines.iter().filter_map(|line| {
            let password = line.password.clone()?;
            Some(Account { line: Arc::clone(&line.address), password, algorithms: line.digest.clone() })
        });
        accounts.collect()
    }

    /// Whom calls are taken from without a challenge, and as which trunk. The first network that holds the source
    /// wins.
    pub fn trusted(&self) -> Vec<(IpNet, Arc<str>)> {
        let networks = |trunk: &super::Trunk| {
            let name = Arc::clone(&trunk.name);
            trunk.sources().into_iter().map(move |network| (network, Arc::clone(&name)))
        };
        self.trunks.iter().flat_map(networks).collect()
    }

    /// The engine's own domain, for From and To: the first domain, else its own address.
    pub fn domain(&self) -> String {
        match (self.sip.domains.first(), self.own_address()) {
            (Some(domain), _) => domain.clone(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        }
    }

    /// The address that phones reach the engine at: the one advertised, else the first that is listened on, else
    /// the one that this machine would use towards the outside. No packet is sent to learn it.
    pub fn own_address(&self) -> IpAddr {
        let listened =
            self.sip.listen.iter().map(|(_, address)| address.ip()).find(|ip| !ip.is_unspecified());
        let routed = || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
            // A documentation address (RFC 5737): connecting a datagram socket only asks the routing table.
            socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
            Some(socket.local_addr().ok()?.ip())
        };
        self.sip.advertise.or(listened).or_else(routed).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}
