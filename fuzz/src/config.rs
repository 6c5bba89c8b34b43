//! A configuration file: it is refused with the place of each mistake, or makes a switch. Its secrets are told to nobody.

use std::path::Path;
use std::sync::Arc;

use trunkline::Config;
use trunkline::switch::{Gauges, Outbox, Switch};
use trunkline_sip::location::{Location, LocationLimits};

use crate::switch::epoch;
use crate::words::setup;

/// Panics if a rule of the reader, or of the switch, is broken for these octets.
pub fn check(octets: &[u8]) {
    play(octets);
}

/// As [`check`]; whether it is a good configuration.
pub fn play(octets: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(octets) else { return false };
    match Config::parse_alone(Path::new("fuzz.toml"), text) {
        Ok(config) => {
            keeps_secret(text, &format!("{config:?}"));
            run(&config);
            true
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            let lines = text.matches('\n').count() + 1;
            for error in errors {
                assert!(error.line <= lines && !error.wrong.is_empty(), "{error:?}");
                let shown = error.to_string();
                assert!(shown.starts_with("fuzz.toml") && !shown.contains('\n'), "{shown:?}");
                keeps_secret(text, &shown);
            }
            false
        }
    }
}

/// A switch starts with it, and takes it in place of another and back.
fn run(config: &Config) {
    let new = |setup| {
        let location = Arc::new(Location::new(epoch(), LocationLimits::DEFAULT));
        Switch::new(setup, location, [7; 32], epoch())
    };
    let mut switch = new(config.setup());
    let mut other = new(setup().clone());
    let mut out = Outbox::default();
    other.reconfigure(epoch(), config.setup(), &mut out);
    other.reconfigure(epoch(), setup().clone(), &mut out);
    switch.reconfigure(epoch(), config.setup(), &mut out);
    switch.handle_timeout(epoch(), &mut out);
    assert_eq!((switch.gauges(), switch.deadline()), (Gauges::default(), None));
}

/// Where the secret of the seeds stands only where secrets stand, it is not shown.
fn keeps_secret(text: &str, shown: &str) {
    for (secret, keys) in SECRETS {
        let mut lines = text.split(['\n', '\r']).filter(|line| line.contains(secret));
        let is_secret = |line: &str| {
            let value =
                keys.iter().find_map(|key| line.trim().strip_prefix(key)?.trim().strip_prefix("= \""));
            let value = value.and_then(|value| value.strip_suffix('"'));
            value.is_some_and(|value| !value.contains(['"', '\\', '#']))
        };
        // The number of a route is none.
        let is_route = keys.contains(&"number") && text.contains("route");
        assert!(is_route || !lines.all(is_secret) || !shown.contains(secret), "{shown}");
    }
}

/// What the seeds have for passwords, tokens and card numbers, and under which keys it stands.
const SECRETS: [(&str, &[&str]); 2] =
    [("do-not-tell", &["password", "token"]), ("99887766554433", &["number"])];
