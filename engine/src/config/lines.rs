//! `[[line]]`: phones and lines of the engine.

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;
use trunkline_sip::auth::Algorithm;

use super::locations::Places;
use super::numbers;
use super::recording;
use super::secret::PASSWORD;
use super::section::Section;
use super::voicemail::{mailbox, rings};
use super::{Line, Recording, Secret};
use crate::switch::setup::{LineKind, SrtpPolicy};

/// The addresses of lines, groups and trunks, each with the line of the file that names it first.
#[derive(Default)]
pub(super) struct Addresses(HashMap<Arc<str>, usize>);

impl Addresses {
    /// Reads an address under `key`; it must be there, be well-formed and be the first of its name.
    pub(super) fn take(&mut self, section: &Section<'_>, key: &'static str) -> Option<Arc<str>> {
        if !section.has(key) {
            section.missing(key, format!("write {key} = \"…\""));
            return None;
        }
        let value = section.string(key)?;
        let text = *value.get_ref();
        let well_formed = (1..=ADDRESS_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte))
            && text != "*";
        if !well_formed {
            let right = format!("write 1 to {ADDRESS_BYTES_MAX} letters, digits or + - . _ * #");
            section.refuse(key, &value, format!("{text:?} is no address"), right);
            return None;
        }
        let line = section.report().line(value.span().start);
        if let Some(first) = self.0.get(text) {
            let wrong = format!("{text} is used twice, first in line {first}");
            section.refuse(key, &value, wrong, "give every line, group and trunk a name of its own");
            return None;
        }
        let address: Arc<str> = text.into();
        self.0.insert(Arc::clone(&address), line);
        Some(address)
    }

    /// Nobody after this may be called so.
    pub(super) fn reserve(&mut self, section: &Section<'_>, value: &Spanned<&str>, name: &Arc<str>) {
        let line = section.report().line(value.span().start);
        self.0.entry(Arc::clone(name)).or_insert(line);
    }

    /// Whether a line, group or trunk has this address.
    pub(super) fn has(&self, address: &str) -> bool {
        self.0.contains_key(address)
    }
}

/// Reads one line.
pub(super) fn read(
    section: Section<'_>,
    addresses: &mut Addresses,
    places: &mut Places,
    recording: Option<&Recording>,
) -> Option<Line> {
    let address = addresses.take(&section, "address");
    places.place(&section, address.as_ref());
    let name = section.string("name").map(|name| name.into_inner().to_owned());
    let kind = kind(&section);
    let password = password(&section, kind);
    let groups = section.strings("groups").unwrap_or_default();
    let groups = groups.into_iter().map(|group| group.into_inner().to_owned()).collect();
    let picks_up = section.string_or_strings("picks_up").unwrap_or_default();
    let picks_up = picks_up.into_iter().map(|line| line.into_inner().to_owned()).collect();
    let digest = digest(&section);
    let calls_max = calls_max(&section);
    let srtp = srtp(&section);
    let transcodes = section.boolean("transcode").map(Spanned::into_inner);
    let video = section.boolean("video").is_none_or(Spanned::into_inner);
    let holds_at_phone = holds_at_phone(&section);
    let refuses_hidden = refuses_hidden(&section);
    let mailbox = mailbox(&section);
    let deposits = section.boolean("voicemail").is_none_or(Spanned::into_inner);
    let deposit_rings = rings(&section, "voicemail_rings");
    let intercom = section.boolean("intercom").is_none_or(Spanned::into_inner);
    let outside_number = numbers::number(&section, "outside_number");
    let record = recording::policy(&section, recording);
    let is_captured = section.boolean("capture").is_some_and(Spanned::into_inner);
    section.close();
    let address = address?;
    let name = name.unwrap_or_else(|| address.to_string());
    Some(Line {
        name,
        address,
        password,
        groups,
        picks_up,
        digest,
        calls_max,
        kind,
        srtp,
        transcodes,
        video,
        holds_at_phone,
        refuses_hidden,
        mailbox,
        deposits,
        deposit_rings,
        intercom,
        outside_number: outside_number.map(Into::into),
        record,
        is_captured,
    })
}

fn kind(section: &Section<'_>) -> LineKind {
    let Some(value) = section.string("kind") else { return LineKind::Phone };
    match *value.get_ref() {
        "phone" => LineKind::Phone,
        "local" => LineKind::Local,
        other => {
            let right = "write \"phone\", or \"local\" for a line whose media ends in the engine";
            section.refuse("kind", &value, format!("{other:?} is no kind of line"), right);
            LineKind::Phone
        }
    }
}

/// Calls at once; without call waiting, one.
fn calls_max(section: &Section<'_>) -> Option<u32> {
    let calls_max = section.integer("max_calls", 1..=1_000_000);
    let call_waiting = section.boolean("call_waiting").is_none_or(|waiting| *waiting.get_ref());
    if !call_waiting && calls_max.is_some_and(|most| most > 1) {
        let right = "leave one of the two out";
        section.refuse_key("max_calls", "says that more calls wait, and call_waiting that none does", right);
    }
    if call_waiting { calls_max } else { Some(1) }
}

/// Whether the phone is asked to hold.
fn holds_at_phone(section: &Section<'_>) -> bool {
    let Some(value) = section.string("hold") else { return false };
    match *value.get_ref() {
        "engine" => false,
        "phone" => true,
        other => {
            let right = "write \"engine\", or \"phone\" for one that shows what an application holds";
            section.refuse("hold", &value, format!("{other:?} holds no call"), right);
            false
        }
    }
}

/// Whether callers who hide are refused.
fn refuses_hidden(section: &Section<'_>) -> bool {
    let Some(value) = section.string("anonymous") else { return false };
    match *value.get_ref() {
        "accept" => false,
        "refuse" => true,
        other => {
            let right = "write \"accept\", or \"refuse\" to answer callers who hide their number with 433";
            section.refuse("anonymous", &value, format!("{other:?} says nothing of them"), right);
            false
        }
    }
}

/// Reads how the media of a line or trunk is protected.
pub(super) fn srtp(section: &Section<'_>) -> SrtpPolicy {
    let Some(value) = section.string("srtp") else { return SrtpPolicy::default() };
    let named = SrtpPolicy::ALL.into_iter().find(|policy| policy.name() == *value.get_ref());
    named.unwrap_or_else(|| {
        let right = "write \"off\", \"accept\" (as it is offered), \"optional\", \"required\" or \"dtls\"";
        section.refuse("srtp", &value, format!("{:?} protects nothing", value.get_ref()), right);
        SrtpPolicy::default()
    })
}

fn password(section: &Section<'_>, kind: LineKind) -> Option<Secret> {
    let password = PASSWORD.read(section);
    match kind {
        LineKind::Phone if !PASSWORD.present(section) => {
            section.missing("password", "a phone registers with one: write password or password_file");
        }
        LineKind::Local if PASSWORD.present(section) => {
            section.refuse_key(
                PASSWORD.written(section),
                "a local line never registers",
                "leave the password out",
            );
        }
        LineKind::Phone | LineKind::Local | LineKind::Trunk => {}
    }
    password
}

fn digest(section: &Section<'_>) -> Vec<Algorithm> {
    digests(section).unwrap_or_else(|| DIGEST_DEFAULT.to_vec())
}

/// The algorithms that are written; `None`: there are none.
pub(super) fn digests(section: &Section<'_>) -> Option<Vec<Algorithm>> {
    let values = section.strings("digest")?;
    let mut algorithms = Vec::new();
    for value in values {
        match algorithm(&value) {
            Some(algorithm) if !algorithms.contains(&algorithm) => algorithms.push(algorithm),
            Some(_) => {}
            None => {
                let wrong = format!("{:?} is no digest algorithm of this version", value.get_ref());
                section.refuse("digest", &value, wrong, "write \"SHA-256\" or \"MD5\"");
            }
        }
    }
    (!algorithms.is_empty()).then_some(algorithms)
}

fn algorithm(value: &Spanned<&str>) -> Option<Algorithm> {
    match value.get_ref().to_ascii_uppercase().as_str() {
        "SHA-256" => Some(Algorithm::Sha256),
        "MD5" => Some(Algorithm::Md5),
        _ => None,
    }
}

/// What is offered to phones: the better first, as RFC 8760 §2.4 asks.
pub(super) const DIGEST_DEFAULT: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// The longest address of a line or name of a trunk.
const ADDRESS_BYTES_MAX: usize = 64;
