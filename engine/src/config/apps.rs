//! `[[app]]`: TAPI applications.

use std::sync::Arc;

use super::App;
use super::lines::Addresses;
use super::secret::TOKEN;
use super::section::Section;
use crate::switch::privilege::CallPrivilege;

/// Reads one application; `before` are those above it in the file.
pub(super) fn read(
    section: Section<'_>,
    before: &[App],
    addresses: &Addresses,
    guarded: bool,
) -> Option<App> {
    let name = name(&section, before);
    let token = TOKEN.read(&section);
    if !TOKEN.present(&section) {
        section.missing("token", "write token or token_file: the application sends it as its bearer token");
    }
    if let Some(token) = &token {
        check_token(&section, &token.0, before, guarded);
    }
    let lines = lines(&section, addresses);
    let privilege = privilege(&section);
    section.close();
    Some(App { name: name?, token: token?, lines, privilege })
}

fn name(section: &Section<'_>, before: &[App]) -> Option<Arc<str>> {
    if !section.has("name") {
        section.missing("name", "write name = \"…\"");
        return None;
    }
    let value = section.string("name")?;
    let text = *value.get_ref();
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        let right = format!("write 1 to {NAME_BYTES_MAX} bytes");
        section.refuse("name", &value, format!("has {} bytes", text.len()), right);
        return None;
    }
    if before.iter().any(|app| &*app.name == text) {
        section.refuse("name", &value, format!("{text} is used twice"), "give every app a name of its own");
        return None;
    }
    Some(text.into())
}

fn check_token(section: &Section<'_>, token: &str, before: &[App], guarded: bool) {
    // b64token of RFC 6750 §2.1: whatever a client can put into an Authorization header.
    let sendable = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if !sendable {
        let right = "write letters, digits or - . _ ~ + / = (RFC 6750), as in `openssl rand -hex 16`";
        section.refuse_key(TOKEN.written(section), "has a character that no bearer token may have", right);
    }
    if guarded && token.len() < OPEN_TOKEN_BYTES_MIN {
        let right = format!("write at least {OPEN_TOKEN_BYTES_MIN} characters, as in `openssl rand -hex 16`");
        section.refuse_key(
            TOKEN.written(section),
            "is short while the API listens beyond this machine",
            &right,
        );
    }
    if let Some(other) = before.iter().find(|app| &*app.token.0 == token) {
        let wrong = format!("is the token of {} too", other.name);
        section.refuse_key(TOKEN.written(section), &wrong, "give every app a token of its own");
    }
}

fn lines(section: &Section<'_>, addresses: &Addresses) -> Vec<String> {
    let Some(values) = section.strings("lines") else {
        if !section.has("lines") {
            section.missing("lines", "write lines = [\"*\"] for all, or name them");
        }
        return Vec::new();
    };
    for value in &values {
        let line = *value.get_ref();
        if line != "*" && !addresses.has(line) {
            let right = "name a [[line]] or [[trunk]] of this file, or \"*\" for all";
            section.refuse("lines", value, format!("there is no line {line:?}"), right);
        }
    }
    values.into_iter().map(|line| line.into_inner().to_owned()).collect()
}

fn privilege(section: &Section<'_>) -> CallPrivilege {
    let Some(value) = section.string("privilege") else { return CallPrivilege::Owner };
    match *value.get_ref() {
        "owner" => CallPrivilege::Owner,
        "monitor" => CallPrivilege::Monitor,
        other => {
            let right = "write \"owner\", or \"monitor\" for one that only watches";
            section.refuse("privilege", &value, format!("{other:?} is no privilege"), right);
            CallPrivilege::Monitor
        }
    }
}

/// The longest name of an application.
const NAME_BYTES_MAX: usize = 64;

/// The shortest token where other machines can try tokens: 16 hexadecimal digits are 64 bits.
const OPEN_TOKEN_BYTES_MIN: usize = 16;
