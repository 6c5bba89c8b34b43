//! The configuration of a first start: four phones and one application, with secrets of this machine's own.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::state_dir::{ADMIN_TOKEN_FILE, keep};
use super::{App, BUILT_IN, Config, ConfigError, Line, Secret, lines};
use crate::switch::RecordPolicy;
use crate::switch::privilege::CallPrivilege;
use crate::switch::setup::{LineKind, SrtpPolicy};

impl Config {
    /// SIP on UDP and TCP 5060 of all addresses, HTTP on 127.0.0.1:8080, lines 1001 to 1004 and the application
    /// `admin`. Passwords and token are random, made at the first start and kept in `state_dir`.
    ///
    /// # Errors
    /// The state directory cannot be read or written, or its file of passwords is not what was written there.
    pub fn built_in(state_dir: &Path) -> Result<Self, Vec<ConfigError>> {
        let unusable = |name: &str, wrong: String| {
            vec![ConfigError {
                file: state_dir.join(name),
                line: 0,
                key: String::new(),
                wrong,
                right: "name a directory that the daemon may write with --state-dir".to_owned(),
            }]
        };
        let (phones, first_start) =
            keep(state_dir, PHONES_FILE, phones).map_err(|error| unusable(PHONES_FILE, error.to_string()))?;
        let (token, _) = keep(state_dir, ADMIN_TOKEN_FILE, || Ok(random(TOKEN_LETTERS)? + "\n"))
            .map_err(|error| unusable(ADMIN_TOKEN_FILE, error.to_string()))?;
        let lines: Vec<_> = phones.lines().filter_map(line).collect();
        if lines.is_empty() {
            return Err(unusable(PHONES_FILE, "holds no line of the form: 1001 PASSWORD".to_owned()));
        }
        let app = App {
            name: "admin".into(),
            token: Secret(token.trim().into()),
            lines: vec!["*".to_owned()],
            privilege: CallPrivilege::Owner,
        };
        let defaults = Self::parse(Path::new(BUILT_IN), "")?;
        Ok(Self { file: None, first_start, lines, apps: vec![app], ..defaults })
    }
}

fn phones() -> io::Result<String> {
    let mut text = String::new();
    for address in 1001..=1004 {
        text += &format!("{address} {}\n", random(PASSWORD_LETTERS)?);
    }
    Ok(text)
}

fn line(text: &str) -> Option<Line> {
    let (address, password) = text.trim().split_once(' ')?;
    let address: Arc<str> = address.into();
    Some(Line {
        refuses_hidden: false,
        name: address.to_string(),
        address,
        password: Some(Secret(password.trim().into())),
        groups: Vec::new(),
        calls_max: None,
        srtp: SrtpPolicy::default(),
        transcodes: None,
        video: true,
        holds_at_phone: false,
        mailbox: None,
        deposits: true,
        deposit_rings: None,
        intercom: true,
        outside_number: None,
        picks_up: Vec::new(),
        digest: lines::DIGEST_DEFAULT.to_vec(),
        kind: LineKind::Phone,
        record: RecordPolicy::default(),
        is_captured: false,
    })
}

/// Random letters, five bits each.
pub(crate) fn random(letters: usize) -> io::Result<String> {
    let mut bytes = vec![0; letters];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

/// Lines with their passwords, in the state directory.
pub(super) const PHONES_FILE: &str = "phones";

/// What a person types on a phone's keypad without mistaking l for 1 or o for 0.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// 60 bits, against guessing over a network.
const PASSWORD_LETTERS: usize = 12;

/// 160 bits.
const TOKEN_LETTERS: usize = 32;
