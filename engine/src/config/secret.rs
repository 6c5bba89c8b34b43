//! Passwords and tokens: in the file itself, or each in a file of its own.

use std::io::{self, Read};

use super::Secret;
use super::error::Report;
use super::section::Section;

/// The two keys one secret may be written under.
#[derive(Clone, Copy)]
pub(super) struct SecretKeys {
    pub(super) plain: &'static str,
    pub(super) file: &'static str,
}

/// `password`, `password_file`.
pub(super) const PASSWORD: SecretKeys = SecretKeys { plain: "password", file: "password_file" };

/// `inbound_password`, `inbound_password_file`.
pub(super) const INBOUND_PASSWORD: SecretKeys =
    SecretKeys { plain: "inbound_password", file: "inbound_password_file" };

/// `token`, `token_file`.
pub(super) const TOKEN: SecretKeys = SecretKeys { plain: "token", file: "token_file" };

/// `secret`, `secret_file`: of a webhook.
pub(super) const SECRET: SecretKeys = SecretKeys { plain: "secret", file: "secret_file" };

/// `old_secret`, `old_secret_file`: of a webhook, until its receiver knows the new one.
pub(super) const OLD_SECRET: SecretKeys = SecretKeys { plain: "old_secret", file: "old_secret_file" };

/// `number`, `number_file`: of a calling card.
pub(super) const NUMBER: SecretKeys = SecretKeys { plain: "number", file: "number_file" };

impl SecretKeys {
    /// Whether either key is there.
    pub(super) fn present(self, section: &Section<'_>) -> bool {
        // Both are asked, so that both are known to the section.
        let plain = section.has(self.plain);
        section.has(self.file) || plain
    }

    /// The key that the file uses.
    pub(super) fn written(self, section: &Section<'_>) -> &'static str {
        if section.has(self.plain) { self.plain } else { self.file }
    }

    /// Reads the secret. A relative file name begins at the configuration's directory.
    pub(super) fn read(self, section: &Section<'_>) -> Option<Secret> {
        let plain = section.string(self.plain);
        let file = section.string(self.file);
        let (key, at, text) = match (&plain, &file) {
            (Some(_), Some(file)) => {
                let wrong = format!("stands beside {}", self.plain);
                section.refuse(self.file, file, wrong, "keep one of the two");
                return None;
            }
            (Some(plain), None) => (self.plain, plain, (*plain.get_ref()).to_owned()),
            (None, Some(file)) => match read(section.report(), file.get_ref()) {
                Ok(text) => (self.file, file, text),
                Err(error) => {
                    let wrong = format!("{} cannot be read: {error}", file.get_ref());
                    section.refuse(self.file, file, wrong, "name a text file that the daemon may read");
                    return None;
                }
            },
            (None, None) => return None,
        };
        let wrong = if text.is_empty() {
            "is empty".to_owned()
        } else if text.len() > SECRET_BYTES_MAX {
            format!("has {} bytes", text.len())
        } else if text.chars().any(char::is_control) {
            "has a control character".to_owned()
        } else {
            return Some(Secret(text.into()));
        };
        section.refuse(key, at, wrong, format!("write one line of 1 to {SECRET_BYTES_MAX} bytes"));
        None
    }
}

fn read(report: &Report<'_>, name: &str) -> io::Result<String> {
    let mut text = String::new();
    report.open(name)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The longest secret.
const SECRET_BYTES_MAX: usize = 256;

/// How much of a secret's file is read.
const FILE_BYTES_MAX: u64 = 4096;
