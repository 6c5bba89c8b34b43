//! Event packages: what a subscriber is told, as a body of its type, and what we read as a subscriber.
//!
//! | package | body | printed | read |
//! |---|---|---|---|
//! | `dialog` | `application/dialog-info+xml` (RFC 4235) | full state | id, state, direction |
//! | `conference` | `application/conference-info+xml` (RFC 4575) | full state | |
//! | `call-completion` | `application/call-completion` (RFC 6910) | state, URI | state, URI |
//! | `as-feature-event` | `application/x-as-feature-event+xml` (no RFC) | full state | wishes |
//! | `message-summary` | `application/simple-message-summary` (RFC 3842) | counts of voice messages | the same |
//! | `presence` | `application/pidf+xml` (RFC 3863, RFC 4480), or `application/xpidf+xml` (no RFC) | full state | status, activities, note |
//! | `reg` | `application/reginfo+xml` (RFC 3680) | full state | |
//! | `dialog` or `presence` of a list | `multipart/related` with `application/rlmi+xml` (RFC 4662) | what changed | |
//!
//! [`csta`] is no package: its bodies go in a dialog of their own.
//!
//! State of one thing is always full: a phone that missed a version of a partial one would have to subscribe again, and few do.

pub mod call_completion;
pub mod csta;
pub mod dialog_info;
pub mod event_list;
pub mod message_summary;
pub mod presence;
pub mod reginfo;

mod conference_info;
pub(crate) mod features;
mod xml;
mod xpidf;

use std::borrow::Cow;

use crate::ids::LegId;
use crate::message::{Scheme, Uri, escape_user};
use crate::outbox::{Document, Package, Party};
use crate::token::Token;

/// A longer body is not read, in bytes.
pub const BODY_BYTES_MAX: usize = 65_536;

/// The packages that are served, as they stand in Allow-Events.
pub(crate) const PACKAGES: [Package; 7] = [
    Package::Dialog,
    Package::Conference,
    Package::CallCompletion,
    Package::MessageSummary,
    Package::Features,
    Package::Presence,
    Package::Registration,
];

/// Why a body cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// Above [`BODY_BYTES_MAX`].
    #[error("the body is too long")]
    TooLong,
    /// Not well-formed, or not UTF-8.
    #[error("the body is malformed")]
    Malformed,
    /// It has a document type declaration, which no package needs.
    #[error("the body declares a document type")]
    DocumentType,
    /// More elements, or deeper ones, than any state has.
    #[error("the body has too many elements")]
    TooMany,
    /// It is of another kind.
    #[error("the body is of another package")]
    Foreign,
}

impl Package {
    /// As it stands in Event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::Conference => "conference",
            Self::CallCompletion => "call-completion",
            Self::MessageSummary => "message-summary",
            Self::Features => "as-feature-event",
            Self::Presence => "presence",
            Self::Registration => "reg",
        }
    }

    /// Reads the package of an Event value: exactly, since event types are case-sensitive (RFC 6665 §7.2).
    pub fn parse(name: &str) -> Option<Self> {
        PACKAGES.into_iter().find(|package| package.name() == name)
    }

    /// The type of its body.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::Conference => "application/conference-info+xml",
            Self::CallCompletion => "application/call-completion",
            Self::MessageSummary => "application/simple-message-summary",
            Self::Features => features::PART,
            Self::Presence => presence::PIDF,
            Self::Registration => reginfo::REGINFO,
        }
    }

    /// The type of a body in this form that tells all there is.
    pub(crate) const fn printed_type(self, form: Form) -> &'static str {
        match (self, form) {
            (Self::Features, _) => features::PARTS,
            (Self::Presence, Form::Xpidf) => xpidf::XPIDF,
            (
                Self::Dialog
                | Self::Conference
                | Self::CallCompletion
                | Self::MessageSummary
                | Self::Presence
                | Self::Registration,
                _,
            ) => self.content_type(),
        }
    }

    /// The forms of its body, the wanted one first.
    pub(crate) const fn forms(self) -> &'static [Form] {
        match self {
            Self::Presence => &[Form::Usual, Form::Xpidf],
            Self::Dialog
            | Self::Conference
            | Self::CallCompletion
            | Self::MessageSummary
            | Self::Features
            | Self::Registration => &[Form::Usual],
        }
    }
}

/// In which form a package tells its subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Form {
    /// As its RFC says.
    #[default]
    Usual,
    /// Presence as phones read it that are older than RFC 3863.
    Xpidf,
}

/// Whom a subscription is about, as the subscriber wrote it: phones compare it with what they subscribed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entity {
    /// The URI without port and parameters.
    uri: Box<str>,
    host: Box<str>,
}

impl Entity {
    pub(crate) fn of(uri: &Uri<'_>) -> Self {
        let scheme = match uri.scheme {
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Sip | Scheme::Service | Scheme::Other => "sip",
        };
        let user = uri.user.unwrap_or_default();
        let text = match (uri.scheme, user) {
            (Scheme::Tel, _) => format!("tel:{user}"),
            (_, "") => format!("{scheme}:{}", uri.host),
            (_, _) => format!("{scheme}:{user}@{}", uri.host),
        };
        Self { uri: text.into(), host: uri.host.into() }
    }

    /// The URI, without port and parameters.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// The URI of a party; one without a host is at the host of the entity.
    fn uri_of(&self, party: &Party) -> String {
        let host = if party.host.is_empty() { &*self.host } else { &party.host };
        let at = if party.user.is_empty() { "" } else { "@" };
        format!("sip:{}{at}{host}", escape_user(&party.user))
    }
}

/// The dialog of a leg, named as the peer of that leg names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LegDialog {
    pub(crate) call_id: String,
    /// The tag of the peer: the watched line. Empty as long as it has none.
    pub(crate) peer_tag: String,
    pub(crate) our_tag: Token,
}

/// What a document is printed for.
pub(crate) struct Notice<'a> {
    pub(crate) entity: &'a Entity,
    /// Counts the notices of one subscription from zero.
    pub(crate) version: u32,
    /// The dialog that was told last: it stands for those that are over.
    pub(crate) last_dialog: u64,
    /// What the subscriber reads.
    pub(crate) form: Form,
    /// The dialog of a leg of this worker.
    pub(crate) dialog_of: &'a dyn Fn(LegId) -> Option<LegDialog>,
}

/// A body as it is sent.
pub(crate) struct Body {
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) text: String,
}

/// The body that tells a document. Of a list [`event_list::Told`] knows what is to be told; here it is nothing.
pub(crate) fn print(document: &Document, notice: &Notice<'_>) -> String {
    match document {
        Document::Dialogs(dialogs) => dialog_info::print(dialogs, notice),
        Document::Conference(conference) => conference_info::print(conference, notice),
        Document::CallCompletion { is_ready, uri } => call_completion::print(*is_ready, uri),
        Document::Messages { counts, account } => message_summary::print(counts, account.as_deref(), notice),
        Document::Features(states) => features::print(states),
        Document::Presence(state) => match notice.form {
            Form::Usual => presence::print(state, notice),
            Form::Xpidf => xpidf::print(state, notice),
        },
        Document::Registration(contacts) => reginfo::print(contacts, notice),
        Document::List(_) => String::new(),
    }
}

/// Whether a document is of this package.
pub(crate) fn is_of(document: &Document, package: Package) -> bool {
    package_of(document) == package
}

/// The package of a document: of a list that of its resources.
const fn package_of(document: &Document) -> Package {
    match document {
        Document::Dialogs(_) => Package::Dialog,
        Document::Conference(_) => Package::Conference,
        Document::CallCompletion { .. } => Package::CallCompletion,
        Document::Messages { .. } => Package::MessageSummary,
        Document::Features(_) => Package::Features,
        Document::Presence(_) => Package::Presence,
        Document::Registration(_) => Package::Registration,
        Document::List(list) => list.package,
    }
}

/// The type of a part that tells a document.
const fn media_type(document: &Document, form: Form) -> &'static str {
    package_of(document).printed_type(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::package) fn entity(uri: &str) -> Entity {
        Entity::of(&Uri::parse(uri).unwrap())
    }

    #[test]
    fn a_package_reads_back_as_it_prints_and_no_other_spelling_does() {
        for package in PACKAGES {
            assert_eq!(Package::parse(package.name()), Some(package));
            assert_eq!(Package::parse(&package.name().to_uppercase()), None);
        }
        assert_eq!(Package::parse("winfo"), None);
    }

    #[test]
    fn the_entity_is_what_the_phone_wrote_without_port_and_parameters() {
        for (written, uri) in [
            ("sip:102@pbx.example.com", "sip:102@pbx.example.com"),
            ("sip:102@192.0.2.1:5060;user=phone", "sip:102@192.0.2.1"),
            ("sip:%31%2302@[2001:db8::1]:5060", "sip:%31%2302@[2001:db8::1]"),
            ("sips:pbx", "sips:pbx"),
            ("tel:+49301;phone-context=x", "tel:+49301"),
        ] {
            assert_eq!(&*entity(written).uri, uri);
        }
        let party = Party { user: "a b".to_owned(), ..Party::default() };
        assert_eq!(entity("sip:102@pbx:5080").uri_of(&party), "sip:a%20b@pbx");
    }
}
