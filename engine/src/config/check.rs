//! `trunkline check`: says what is wrong with a configuration, or what it holds.

use std::fmt::Write;
use std::path::Path;

use super::tls::Ending;
use super::{Config, ConfigError};
use crate::driver::clock;

/// A configuration without errors.
#[derive(Debug)]
pub struct Checked {
    /// What to tell the person: a line.
    pub text: String,
    /// What was read; `None` where there is no file.
    pub config: Option<Config>,
}

/// Checks the file that [`Config::find`] finds and returns what to tell the person.
///
/// # Errors
/// The text names every error, a line each.
pub fn check(named: Option<&Path>) -> Result<Checked, String> {
    let Some(path) = Config::find(named) else {
        let text = "no configuration file: trunkline would start with the built-in default\n".to_owned();
        return Ok(Checked { text, config: None });
    };
    let config = Config::load(&path).map_err(|errors| list(&errors))?;
    let text = format!(
        "{}: good: {}, {}, {}, {}\n",
        path.display(),
        count(config.lines.len(), "line"),
        count(config.trunks.len(), "trunk"),
        count(config.routes.len(), "route"),
        count(config.apps.len(), "app"),
    );
    let endings = config.tls.endings(clock::unix_now());
    if endings.iter().any(|ending| ending.is_over) {
        return Err(told(&path, &endings));
    }
    let text = text + &told(&path, &endings);
    Ok(Checked { text, config: Some(config) })
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What there is to say of certificates, a line each.
fn told(path: &Path, endings: &[Ending]) -> String {
    endings.iter().map(|ending| format!("{}: sip.tls: {}\n", path.display(), ending.text)).collect()
}

fn list(errors: &[ConfigError]) -> String {
    let mut text = String::new();
    for error in errors {
        writeln!(text, "{error}").expect("a String takes everything");
    }
    text
}
