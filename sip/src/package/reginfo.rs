//! `application/reginfo+xml`: where a line is registered (RFC 3680).

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::Notice;
use super::xml::Escaped;
use crate::outbox::{ContactState, RegistrationChange};

/// More contacts are not told: a line has ten, and some may just have gone.
pub const CONTACTS_MAX: usize = 32;

/// The type of the document.
pub(crate) const REGINFO: &str = "application/reginfo+xml";

/// The body. A contact that has gone is told once, with why.
pub(super) fn print(contacts: &[ContactState], notice: &Notice<'_>) -> String {
    let is_active = |contact: &ContactState| contact.last == RegistrationChange::Registered;
    let state = if contacts.iter().any(is_active) {
        "active"
    } else if contacts.is_empty() {
        "init"
    } else {
        "terminated"
    };
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" \
         state=\"full\">\r\n<registration aor=\"{}\" id=\"line\" state=\"{state}\">\r\n",
        notice.version,
        Escaped(&notice.entity.uri)
    );
    for contact in contacts.iter().take(CONTACTS_MAX) {
        let (state, event) = match contact.last {
            RegistrationChange::Registered => ("active", "registered"),
            RegistrationChange::Unregistered => ("terminated", "unregistered"),
            RegistrationChange::Expired => ("terminated", "expired"),
        };
        let q_milli = contact.q_milli.min(1000);
        let written = write!(
            body,
            "<contact id=\"{}\" state=\"{state}\" event=\"{event}\" q=\"{}.{:03}\"><uri>{}</uri></contact>\r\n",
            id(&contact.uri),
            q_milli / 1000,
            q_milli % 1000,
            Escaped(&contact.uri)
        );
        written.expect("writing to memory");
    }
    body.push_str("</registration>\r\n</reginfo>\r\n");
    body
}

/// Names a contact the same way in every document.
fn id(uri: &str) -> String {
    let mut hasher = DefaultHasher::new();
    uri.hash(&mut hasher);
    format!("c{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::package::Form;
    use crate::package::tests::entity;
    use crate::package::xml;

    fn contact(uri: &str, q_milli: u16, last: RegistrationChange) -> ContactState {
        ContactState { uri: uri.to_owned(), q_milli, last }
    }

    fn printed(contacts: &[ContactState]) -> String {
        let entity = entity("sip:102@pbx:5060");
        let body = print(
            contacts,
            &Notice { entity: &entity, version: 3, last_dialog: 0, form: Form::Usual, dialog_of: &|_| None },
        );
        xml::read(body.as_bytes(), |_| {}).unwrap();
        body
    }

    #[test]
    fn contacts_are_told_with_what_became_of_them() {
        let (desk, soft) = ("sip:102@192.0.2.7;line=<1>", "sip:102@192.0.2.8");
        let body = printed(&[
            contact(desk, 1000, RegistrationChange::Registered),
            contact(soft, 250, RegistrationChange::Expired),
        ]);
        assert_eq!(
            body,
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"3\" \
                 state=\"full\">\r\n<registration aor=\"sip:102@pbx\" id=\"line\" state=\"active\">\r\n\
                 <contact id=\"{}\" state=\"active\" event=\"registered\" q=\"1.000\">\
                 <uri>sip:102@192.0.2.7;line=&lt;1&gt;</uri></contact>\r\n\
                 <contact id=\"{}\" state=\"terminated\" event=\"expired\" q=\"0.250\"><uri>sip:102@192.0.2.8</uri></contact>\r\n\
                 </registration>\r\n</reginfo>\r\n",
                id(desk),
                id(soft)
            )
        );
        assert_ne!(id(desk), id(soft));
    }

    #[test]
    fn a_registration_begins_is_active_and_ends() {
        assert!(printed(&[]).contains("id=\"line\" state=\"init\""));
        let gone = printed(&[contact("sip:a@b", 1000, RegistrationChange::Unregistered)]);
        assert!(
            gone.contains("id=\"line\" state=\"terminated\"") && gone.contains("event=\"unregistered\""),
            "{gone}"
        );
    }

    #[test]
    fn no_more_contacts_than_the_limit_are_told() {
        let many = vec![contact("sip:a@b", 1000, RegistrationChange::Registered); CONTACTS_MAX + 1];
        assert_eq!(printed(&many).matches("<contact ").count(), CONTACTS_MAX);
    }

    proptest! {
        #[test]
        fn any_contact_is_printed_well_formed(uri in ".*", q_milli in any::<u16>()) {
            printed(&[contact(&uri, q_milli, RegistrationChange::Registered)]);
        }
    }
}
