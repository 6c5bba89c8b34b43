//! `register` of a trunk: as whom, under which Contact, for how long.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use trunkline_sip::auth::Credentials;

use super::section::Section;
use crate::switch::setup::RegistrationSetup;

/// Reads how a trunk registers, if it does.
pub(super) fn read(
    section: &Section<'_>,
    credentials: Option<&Arc<Credentials>>,
) -> Option<RegistrationSetup> {
    let registers = section.boolean("register").is_some_and(Spanned::into_inner);
    let user = user_part(section, "register_user");
    let contact = user_part(section, "contact_user");
    let expires_s = section.integer("register_expires_s", 60..=86_400);
    let is_bulk = section.boolean("register_bulk").is_some_and(Spanned::into_inner);
    if !registers {
        let written = ["register_user", "contact_user", "register_expires_s", "register_bulk"];
        for key in written.into_iter().filter(|key| section.has(key)) {
            section.refuse_key(key, "stands without register", "write register = true, or leave it out");
        }
        return None;
    }
    if !section.has("username") {
        section.missing("username", "register = true needs username and password");
        return None;
    }
    let user = user.or_else(|| credentials.map(|known| known.username.to_string()))?;
    if is_bulk && contact.is_some() {
        let right = "write the one or the other: numbers of a block are called by themselves";
        section.refuse_key("contact_user", "stands beside register_bulk", right);
    }
    let contact = if is_bulk { "".into() } else { contact.unwrap_or_else(|| user.clone()).into() };
    let expires = Duration::from_secs(expires_s.unwrap_or(EXPIRES_S_DEFAULT).into());
    Some(RegistrationSetup { user, contact, expires })
}

fn user_part(section: &Section<'_>, key: &'static str) -> Option<String> {
    let value = section.string(key)?;
    let text = *value.get_ref();
    if text.is_empty()
        || text.len() > USER_BYTES_MAX
        || text.contains(|letter: char| "@:;<>\" ".contains(letter))
    {
        let right = "write what stands before the @ of a SIP address, as in \"4930123456\"";
        section.refuse(key, &value, format!("{text:?} is no user part of a SIP address"), right);
        return None;
    }
    Some(text.to_owned())
}

/// Carriers notice within ten minutes who is gone.
const EXPIRES_S_DEFAULT: u32 = 600;

/// The longest user part.
const USER_BYTES_MAX: usize = 128;
