//! A changed configuration for a running engine: all of it is taken, or nothing.

use std::fmt;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, ConfigError};

/// What was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// The file; `None`: the built-in default.
    pub file: Option<PathBuf>,
    /// How many lines it names.
    pub lines: usize,
    /// How many trunks.
    pub trunks: usize,
    /// How many routes.
    pub routes: usize,
    /// How many applications.
    pub apps: usize,
}

impl From<&Config> for Loaded {
    fn from(config: &Config) -> Self {
        Self {
            file: config.file.clone(),
            lines: config.lines.len(),
            trunks: config.trunks.len(),
            routes: config.routes.len(),
            apps: config.apps.len(),
        }
    }
}

/// Why nothing was taken. Everything is as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReloadError {
    /// The configuration is wrong: everything that is, in the order of its lines.
    Wrong(Vec<ConfigError>),
    /// It changes what only a restart can change: each such key.
    NeedsRestart(Vec<ConfigError>),
    /// [`RELOADS_WAITING_MAX`] reloads wait already.
    Busy,
    /// The engine stops.
    Stopping,
}

impl ReloadError {
    /// What is wrong, and where.
    pub fn errors(&self) -> &[ConfigError] {
        match self {
            Self::Wrong(errors) | Self::NeedsRestart(errors) => errors,
            Self::Busy | Self::Stopping => &[],
        }
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(errors) | Self::NeedsRestart(errors) => {
                let texts: Vec<_> = errors.iter().map(ConfigError::to_string).collect();
                f.write_str(&texts.join("\n"))
            }
            Self::Busy => f.write_str("other reloads wait already"),
            Self::Stopping => f.write_str("the engine is stopping"),
        }
    }
}

impl std::error::Error for ReloadError {}

/// What a reload would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// What would be taken; `None`: the configuration is wrong.
    pub loaded: Option<Loaded>,
    /// What is wrong, in the order of its lines.
    pub errors: Vec<ConfigError>,
    /// What only a restart can change.
    pub restart: Vec<ConfigError>,
    /// What is to be known, though nothing is wrong: of certificates that end soon, and hosts of trunks that name servers do not know.
    pub notes: Vec<String>,
}

/// A wish of an operator; who has it fulfilled says here what came of it.
#[derive(Debug)]
pub enum ReloadRequest {
    /// That the configuration be read again.
    Reload(oneshot::Sender<Result<Loaded, ReloadError>>),
    /// That it be read and judged, and nothing changed.
    Check(oneshot::Sender<Checked>),
}

/// Asks whoever runs the engine to read its configuration again, or to judge it. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Reloader(mpsc::Sender<ReloadRequest>);

impl Reloader {
    /// The two ends: who asks, and what is asked.
    pub fn new() -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (sender, requests) = mpsc::channel(RELOADS_WAITING_MAX);
        (Self(sender), requests)
    }

    /// Has the configuration read again, and waits for what comes of it.
    ///
    /// # Errors
    /// [`ReloadError`]; everything is as it was then.
    pub async fn reload(&self) -> Result<Loaded, ReloadError> {
        let (answer, loaded) = oneshot::channel();
        self.ask(ReloadRequest::Reload(answer))?;
        loaded.await.unwrap_or(Err(ReloadError::Stopping))
    }

    /// Has the configuration read and judged, and nothing changed.
    ///
    /// # Errors
    /// [`ReloadError::Busy`] and [`ReloadError::Stopping`].
    pub async fn check(&self) -> Result<Checked, ReloadError> {
        let (answer, checked) = oneshot::channel();
        self.ask(ReloadRequest::Check(answer))?;
        checked.await.map_err(|_| ReloadError::Stopping)
    }

    fn ask(&self, request: ReloadRequest) -> Result<(), ReloadError> {
        self.0.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ReloadError::Busy,
            mpsc::error::TrySendError::Closed(_) => ReloadError::Stopping,
        })
    }
}

/// Keys, the first of them the one that is named, and whether two configurations differ in what they say.
type Fixed = (&'static [&'static str], fn(&Config, &Config) -> bool);

/// What only a restart can change, beside the names and places of applications.
const FIXED: [Fixed; 30] = [
    (&["sip.listen"], |one, other| one.sip.listen != other.sip.listen),
    (&["sip.workers"], |one, other| one.sip.workers != other.sip.workers),
    (&["sip.domains"], |one, other| one.sip.domains != other.sip.domains),
    (&["sip.realm"], |one, other| one.sip.realm != other.sip.realm),
    (&["sip.dscp"], |one, other| one.sip.dscp != other.sip.dscp),
    (&["sip.websocket_origins"], |one, other| one.sip.websocket_origins != other.sip.websocket_origins),
    (&["sip.advertise"], |one, other| one.sip.advertise != other.sip.advertise),
    (&["media.listen"], |one, other| one.media.listen != other.media.listen),
    (&["media.ports"], |one, other| one.media.ports != other.media.ports),
    (&["media.dscp"], |one, other| one.media.dscp != other.media.dscp),
    (&["media.continuity"], |one, other| one.media.continuity != other.media.continuity),
    (&["media.kernel"], |one, other| one.media.kernel != other.media.kernel),
    (&["media.kernel_hook"], |one, other| one.media.kernel_hook != other.media.kernel_hook),
    (&["media.kernel_interfaces"], |one, other| one.media.kernel_interfaces != other.media.kernel_interfaces),
    (&["media.workers"], |one, other| one.media.workers != other.media.workers),
    (&["api.listen"], |one, other| one.api.listen != other.api.listen),
    (&["api.hosts"], |one, other| one.api.hosts != other.api.hosts),
    (&["api.origins"], |one, other| one.api.origins != other.api.origins),
    (&["api.requests_per_second"], |one, other| one.api.requests_per_second != other.api.requests_per_second),
    (&["provisioning.listen"], |one, other| one.provisioning.listen != other.provisioning.listen),
    (&["provisioning.pnp"], |one, other| one.provisioning.pnp != other.provisioning.pnp),
    (&["fork.allow", "fork.max_forks", "fork.max_per_call"], |one, other| one.fork != other.fork),
    (&["capture.hep", "capture.agent_id", "capture.key", "capture.key_file"], |one, other| {
        one.hep != other.hep
    }),
    (&["capture.media_mib"], |one, other| one.capture_bytes != other.capture_bytes),
    (
        &[
            "recording.directory",
            "recording.max_recordings",
            "recording.max_seconds",
            "recording.min_free_mb",
        ],
        |one, other| one.recording != other.recording,
    ),
    (
        &[
            "records.sqlite",
            "records.csv",
            "records.json_lines",
            "records.csv_events",
            "records.events",
            "records.keep_days",
            "records.max_bytes",
        ],
        |one, other| one.records != other.records,
    ),
    (&["store.url"], |one, other| one.store != other.store),
    (&["log.format"], |one, other| one.log.format != other.log.format),
    (&["log.level"], |one, other| one.log.level != other.log.level),
    (&["log.trace_mib"], |one, other| one.log.trace_bytes != other.log.trace_bytes),
];

/// Whether only a restart can change a key, as `sip.listen`.
pub(crate) fn is_fixed(key: &str) -> bool {
    key == "app.name" || FIXED.iter().any(|(keys, _)| keys.contains(&key))
}

/// What differs between two configurations that a running engine cannot change.
pub(super) fn needs_restart(running: &Config, wanted: &Config) -> Vec<ConfigError> {
    let refuse = |key: &str| {
        wanted.refuse(key, "cannot change while the engine runs", "restart it, or write what it was")
    };
    let mut errors: Vec<_> =
        FIXED.iter().filter(|(_, differ)| differ(running, wanted)).map(|(keys, _)| refuse(keys[0])).collect();
    // Handles and events of applications are numbered by their place.
    let names = |config: &Config| config.apps.iter().map(|app| app.name.clone()).collect::<Vec<_>>();
    let (were, are) = (names(running), names(wanted));
    if were != are {
        let same = were.iter().zip(&are).take_while(|(one, other)| one == other).count();
        errors.push(wanted.refuse(
            &format!("app.{same}.name"),
            "applications cannot come, go or change places while the engine runs",
            "restart it, or name them as they were",
        ));
    }
    errors.sort_by_key(|error| error.line);
    errors
}

/// Reloads and checks that wait at once; each reads the whole file.
pub const RELOADS_WAITING_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BEFORE: &str = "[sip]\nworkers = 1\n[media]\nworkers = 1\n[api]\n[log]\n[[app]]\nname = \"crm\"\n\
                          token = \"a\"\nlines = [\"*\"]\n[[app]]\nname = \"desk\"\ntoken = \"b\"\nlines = [\"*\"]\n";

    fn parse(text: &str) -> Config {
        Config::parse(Path::new("t.toml"), text).expect(text)
    }

    /// The keys that stand in the way, each with its line.
    fn refused(after: &str) -> Vec<(usize, String)> {
        let errors = needs_restart(&parse(BEFORE), &parse(after));
        for error in &errors {
            assert!(error.to_string().starts_with("t.toml"), "{error}");
        }
        errors.into_iter().map(|error| (error.line, error.key)).collect()
    }

    #[test]
    fn every_key_that_only_a_restart_can_change_is_named_with_its_line() {
        for (table, line, text) in [
            ("sip", 2, "listen = [\"udp:127.0.0.1:5070\"]"),
            ("sip", 2, "domains = [\"pbx.example\"]\nrealm = \"trunkline\""),
            ("sip", 2, "realm = \"pbx.example\""),
            ("sip", 2, "dscp = 0"),
            ("sip", 2, "websocket_origins = [\"https://phone.example\"]"),
            ("sip", 2, "advertise = \"192.0.2.1\""),
            ("media", 4, "listen = \"127.0.0.1\""),
            ("media", 4, "ports = \"20000-20099\""),
            ("media", 4, "dscp = 0"),
            ("media", 4, "continuity = false"),
            ("media", 4, "kernel = \"off\""),
            ("media", 4, "kernel_hook = \"tc\""),
            ("media", 4, "kernel_interfaces = [\"eth0\"]"),
            ("api", 6, "listen = \"off\""),
            ("api", 6, "hosts = [\"pbx.example\"]"),
            ("api", 6, "origins = [\"https://crm.example\"]"),
            ("api", 6, "requests_per_second = 10"),
            ("log", 7, "format = \"json\""),
            ("log", 7, "level = \"debug\""),
        ] {
            let header = format!("[{table}]\n");
            let after = BEFORE.replace(&header, &format!("{header}{text}\n"));
            let key = text.split(' ').next().unwrap();
            assert_eq!(refused(&after), [(line, format!("{table}.{key}"))], "{text}");
        }
        let workers = BEFORE.replace("workers = 1", "workers = 2");
        assert_eq!(refused(&workers), [(2, "sip.workers".to_owned()), (4, "media.workers".to_owned())]);
        let store = format!("[store]\nurl = \"sqlite:other.db\"\n{BEFORE}");
        assert_eq!(refused(&store), [(2, "store.url".to_owned())]);
        let recorded = format!("[recording]\ndirectory = \"recordings\"\n{BEFORE}");
        assert_eq!(refused(&recorded), [(2, "recording.directory".to_owned())]);
        let counted = format!("[records]\nsqlite = \"records.db\"\n{BEFORE}");
        assert_eq!(refused(&counted), [(2, "records.sqlite".to_owned())]);
        let told = format!("[capture]\nhep = \"udp:192.0.2.10:9060\"\n{BEFORE}");
        assert_eq!(refused(&told), [(2, "capture.hep".to_owned())]);
        let forked = format!("[fork]\nallow = [\"ws://127.0.0.1:9000/\"]\n{BEFORE}");
        assert_eq!(refused(&forked), [(2, "fork.allow".to_owned())]);
        let fetched = format!("[provisioning]\nlisten = \"http:127.0.0.1:8090\"\npnp = true\n{BEFORE}");
        let both = [(2, "provisioning.listen".to_owned()), (3, "provisioning.pnp".to_owned())];
        assert_eq!(refused(&fetched), both);
    }

    #[test]
    fn what_only_a_restart_changes_are_keys_that_are_read() {
        let shape = crate::config::shape(include_str!("../../trunkline.example.toml"));
        for key in FIXED.iter().flat_map(|(keys, _)| *keys) {
            let (table, key) = key.split_once('.').unwrap();
            assert!(shape[table].contains_key(key), "[{table}] {key}");
        }
        assert!(is_fixed("fork.max_forks") && is_fixed("app.name") && !is_fixed("sip.ring_timeout_s"));
    }

    #[test]
    fn a_key_that_was_taken_out_is_named_with_its_table() {
        let before = BEFORE.replace("[media]\n", "[media]\ndscp = 0\n");
        let errors = needs_restart(&parse(&before), &parse(BEFORE));
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].line, &*errors[0].key), (3, "media.dscp"));
        let errors = needs_restart(&parse("[store]\nurl = \"sqlite:other.db\"\n"), &parse(""));
        assert_eq!(
            errors[0].to_string(),
            "t.toml: store.url: cannot change while the engine runs; restart it, or write what it was"
        );
    }

    #[test]
    fn applications_keep_their_places() {
        assert_eq!(refused(&BEFORE.replace("\"desk\"", "\"wallboard\"")), [(12, "app.name".to_owned())]);
        let more = format!("{BEFORE}[[app]]\nname = \"third\"\ntoken = \"c\"\nlines = []\n");
        assert_eq!(refused(&more), [(16, "app.name".to_owned())]);
        let (fewer, _) = BEFORE.rsplit_once("[[app]]").unwrap();
        assert_eq!(refused(fewer), [(7, "app.name".to_owned())]);
    }

    #[test]
    fn what_else_changes_needs_no_restart() {
        let after = BEFORE.replace("token = \"a\"", "token = \"c\"\nprivilege = \"monitor\"");
        let after = format!(
            "{after}[[line]]\naddress = \"1001\"\nkind = \"local\"\n[[trunk]]\nname = \"carrier\"\npeer = \"udp:192.0.2.1\"\n\
             [[route]]\nmatch = \"^0\"\nto = \"trunk:carrier\"\n[limits]\ncalls = 5\n[park]\nslots = \"\"\n\
             [conference]\nmax_parties = 3\n[forward]\nring_s = 5\n[completion]\nmax = 1\n[location]\ncountry_code = 49\narea_code = \"30\"\n"
        );
        let after = after.replace("[media]\n", "[media]\nsilence_timeout_s = 5\ntones = \"de\"\n");
        assert_eq!(refused(&after.replace("[sip]\n", "[sip]\nring_timeout_s = 5\n")), []);
    }

    #[tokio::test]
    async fn who_asks_is_answered_refused_or_told_that_nobody_is_there() {
        let (reloader, mut requests) = Reloader::new();
        let waiting: Vec<_> = (0..RELOADS_WAITING_MAX)
            .map(|_| {
                let reloader = reloader.clone();
                tokio::spawn(async move { reloader.reload().await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(reloader.reload().await, Err(ReloadError::Busy));
        assert_eq!(reloader.check().await, Err(ReloadError::Busy));
        let loaded = Loaded::from(&parse(BEFORE));
        assert_eq!((loaded.lines, loaded.apps), (0, 2));
        let Some(ReloadRequest::Reload(answer)) = requests.recv().await else { panic!() };
        answer.send(Ok(loaded.clone())).unwrap();
        drop(requests);
        let mut outcomes = Vec::new();
        for asked in waiting {
            outcomes.push(asked.await.unwrap());
        }
        assert_eq!(outcomes[0], Ok(loaded));
        assert!(outcomes[1..].iter().all(|outcome| *outcome == Err(ReloadError::Stopping)));
        assert_eq!(reloader.reload().await, Err(ReloadError::Stopping));
    }
}
