//! `[fork]`: where applications may have calls' audio sent, and how often at once.

use super::section::Section;
use super::tls::Sealing;
use crate::switch::{ForkSetup, ForkUrl};

/// Reads the table. Nothing is forked where it allows nothing.
pub(super) fn read(section: Section<'_>, tls: &mut Sealing) -> ForkSetup {
    let named = section.strings("allow").unwrap_or_default();
    if named.len() > ALLOWED_MAX {
        let right = format!("write {ALLOWED_MAX} at most");
        section.refuse_key("allow", &format!("names {} servers", named.len()), &right);
    }
    let mut allow = Vec::new();
    for value in &named {
        match ForkUrl::parse(value.get_ref()).filter(|url| !url.has_query()) {
            Some(url) => allow.push(url),
            None => {
                let wrong = format!("{:?} is no WebSocket that can be forked to", value.get_ref());
                let right =
                    "write scheme, host, port and the beginning of the path, as in \"ws://127.0.0.1:9000/\"";
                section.refuse("allow", value, wrong, right);
            }
        }
    }
    if allow.iter().any(ForkUrl::is_sealed) {
        tls.trust_fork_servers(&section, "allow");
    }
    let forks_max = section.integer("max_forks", 1..=500).unwrap_or(FORKS_MAX);
    let per_call_max = section.integer("max_per_call", 1..=8).unwrap_or(PER_CALL_MAX);
    for key in ["max_forks", "max_per_call"] {
        if named.is_empty() && section.has(key) {
            let right = format!("{key} stands without one: write allow = [\"ws://127.0.0.1:9000/\"]");
            section.missing("allow", right);
        }
    }
    section.close();
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    ForkSetup { allow, forks_max: count(forks_max), per_call_max: count(per_call_max) }
}

/// Servers that may be named.
const ALLOWED_MAX: usize = 64;

/// Forks at once where nobody says how many.
const FORKS_MAX: u32 = 50;

/// Forks of one call at once where nobody says how many.
const PER_CALL_MAX: u32 = 2;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        let errors =
            |errors: Vec<super::super::ConfigError>| errors.iter().map(ToString::to_string).collect();
        Config::parse(Path::new("t.toml"), text).map_err(errors)
    }

    #[test]
    fn nothing_is_forked_where_nothing_is_allowed() {
        assert_eq!(parse("").unwrap().fork.allow, []);
        assert_eq!(parse("[fork]\nallow = []\n").unwrap().setup().fork.allow, []);
    }

    #[test]
    fn what_is_written_is_what_holds() {
        let config =
            parse("[fork]\nallow = [\"ws://127.0.0.1:9000\", \"ws://Speech/v1/\"]\nmax_forks = 7\n").unwrap();
        let allow = ["ws://127.0.0.1:9000/", "ws://speech/v1/"].map(|url| ForkUrl::parse(url).unwrap());
        let expected = ForkSetup { allow: allow.to_vec(), forks_max: 7, per_call_max: 2 };
        assert_eq!(config.setup().fork, expected);
        assert!(config.tls.forks.is_none(), "nobody is asked for a certificate");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            (
                "[fork]\nallow = [\"http://127.0.0.1:9000/\"]\n",
                "t.toml:2: fork.allow: \"http://127.0.0.1:9000/\" is no WebSocket that can be forked to; \
                 write scheme, host, port and the beginning of the path, as in \"ws://127.0.0.1:9000/\"",
            ),
            (
                "[fork]\nallow = [\"ws://h/?a=1\"]\n",
                "t.toml:2: fork.allow: \"ws://h/?a=1\" is no WebSocket that can be forked to; \
                 write scheme, host, port and the beginning of the path, as in \"ws://127.0.0.1:9000/\"",
            ),
            (
                "[fork]\nmax_forks = 5\n",
                "t.toml:1: fork.allow: is missing; \
                 max_forks stands without one: write allow = [\"ws://127.0.0.1:9000/\"]",
            ),
            (
                "[fork]\nallow = [\"ws://h/\"]\nmax_forks = 501\n",
                "t.toml:3: fork.max_forks: 501 is out of range; write a number from 1 to 500",
            ),
            (
                "[fork]\nallow = [\"ws://h/\"]\nmax_per_call = 9\n",
                "t.toml:3: fork.max_per_call: 9 is out of range; write a number from 1 to 8",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), [expected], "{text}");
        }
        let many = format!("[fork]\nallow = [{}]\n", "\"ws://h/\", ".repeat(ALLOWED_MAX + 1));
        assert_eq!(parse(&many).unwrap_err(), ["t.toml:2: fork.allow: names 65 servers; write 64 at most"]);
    }
}
