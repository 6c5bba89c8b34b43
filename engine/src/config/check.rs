//! `trunkline check`: says what is wrong with a configuration, or what it holds.

use std::fmt::Write;
use std::path::Path;

use super::{Config, ConfigError};

/// Checks the file that [`Config::find`] finds and returns what to tell the person.
///
/// # Errors
/// The text names every error, a line each.
pub fn check(named: Option<&Path>) -> Result<String, String> {
    let Some(path) = Config::find(named) else {
        return Ok("no configuration file: trunkline would start with the built-in default\n".to_owned());
    };
    match Config::load(&path) {
        Ok(config) => Ok(format!(
            "{}: good: {}, {}, {}, {}\n",
            path.display(),
            count(config.lines.len(), "line"),
            count(config.trunks.len(), "trunk"),
            count(config.routes.len(), "route"),
            count(config.apps.len(), "app"),
        )),
        Err(errors) => Err(list(&errors)),
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn list(errors: &[ConfigError]) -> String {
    let mut text = String::new();
    for error in errors {
        writeln!(text, "{error}").expect("a String takes everything");
    }
    text
}
