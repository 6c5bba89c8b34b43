//! `application/conference-info+xml`: who is in a conference (RFC 4575).

use std::collections::HashSet;
use std::fmt::Write as _;

use super::Notice;
use super::xml::Escaped;
use crate::outbox::ConferenceState;

/// More members are counted, not named: the body stays below the length of a datagram.
const MEMBERS_MAX: usize = 128;

/// The body.
pub(super) fn print(conference: &ConferenceState, notice: &Notice<'_>) -> String {
    let state = if conference.is_over { "deleted" } else { "full" };
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<conference-info \
         xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"{}\" state=\"{state}\" version=\"{}\">\r\n",
        Escaped(&notice.entity.uri),
        notice.version
    );
    if !conference.is_over {
        print_members(&mut body, conference, notice);
    }
    body.push_str("</conference-info>\r\n");
    body
}

fn print_members(body: &mut String, conference: &ConferenceState, notice: &Notice<'_>) {
    let written = write!(
        body,
        "<conference-state><user-count>{}</user-count><active>true</active></conference-state>\r\n<users state=\"full\">\r\n",
        conference.members.len()
    );
    written.expect("writing to memory");
    let mut named = HashSet::new();
    for (number, member) in conference.members.iter().take(MEMBERS_MAX).enumerate() {
        let mut entity = notice.entity.uri_of(&member.party);
        // The entity of a user is a key of the document (RFC 4575 §5.6).
        if !named.insert(entity.clone()) {
            entity.push_str(&format!(";member={number}"));
        }
        let entity = Escaped(&entity);
        let name = if member.party.name.is_empty() { &member.party.user } else { &member.party.name };
        let status = if member.is_held { "on-hold" } else { "connected" };
        let written = write!(
            body,
            "<user entity=\"{entity}\" state=\"full\"><display-text>{}</display-text>\
             <endpoint entity=\"{entity}\"><status>{status}</status></endpoint></user>\r\n",
            Escaped(name)
        );
        written.expect("writing to memory");
    }
    body.push_str("</users>\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{ConferenceMember, Party};
    use crate::package::Form;
    use crate::package::tests::entity;
    use crate::package::xml;

    fn member(user: &str, name: &str, is_held: bool) -> ConferenceMember {
        let party = Party { user: user.to_owned(), host: String::new(), name: name.to_owned() };
        ConferenceMember { party, is_held }
    }

    fn printed(members: Vec<ConferenceMember>, is_over: bool) -> String {
        let conference = ConferenceState { focus: "conf-77".to_owned(), members, is_over };
        let entity = entity("sip:conf-77@pbx");
        let notice =
            Notice { entity: &entity, version: 2, last_dialog: 0, form: Form::Usual, dialog_of: &|_| None };
        let body = print(&conference, &notice);
        xml::read(body.as_bytes(), |_| {}).unwrap();
        body
    }

    #[test]
    fn every_member_is_a_user_with_one_endpoint() {
        let body = printed(vec![member("100", "Al & Co", false), member("101", "", true)], false);
        assert!(body.contains("entity=\"sip:conf-77@pbx\" state=\"full\" version=\"2\""), "{body}");
        assert!(body.contains("<user-count>2</user-count>"));
        assert!(body.contains(
            "<user entity=\"sip:100@pbx\" state=\"full\"><display-text>Al &amp; Co</display-text>\
             <endpoint entity=\"sip:100@pbx\"><status>connected</status></endpoint></user>"
        ));
        assert!(
            body.contains("<display-text>101</display-text>") && body.contains("<status>on-hold</status>")
        );
    }

    #[test]
    fn two_members_of_one_address_are_two_users() {
        let body = printed(vec![member("anonymous", "", false), member("anonymous", "", false)], false);
        assert!(body.contains("<user entity=\"sip:anonymous@pbx\""));
        assert!(body.contains("<user entity=\"sip:anonymous@pbx;member=1\""));
    }

    #[test]
    fn a_conference_that_is_over_is_deleted() {
        let body = printed(vec![member("100", "", false)], true);
        assert!(body.contains("state=\"deleted\"") && !body.contains("<user"), "{body}");
    }

    #[test]
    fn members_beyond_the_limit_are_counted_only() {
        let body = printed(vec![member("1", "", false); MEMBERS_MAX + 1], false);
        assert_eq!(body.matches("<user ").count(), MEMBERS_MAX);
        assert!(body.contains(&format!("<user-count>{}<", MEMBERS_MAX + 1)));
    }
}
