//! `application/xpidf+xml`: presence for phones that are older than RFC 3863.
//!
//! The format of draft-rosenberg-impp-pidf-00 with `msnsubstatus`, as the appendix of MS-SIP has its document type. That calls the
//! identifier of an atom `atomid`, and in its words `id`, as most who write it do: here it has both.

use std::fmt::Write as _;

use super::Notice;
use super::xml::{Escaped, EscapedText};
use crate::outbox::PresenceState;

/// The type of the document.
pub(super) const XPIDF: &str = "application/xpidf+xml";

/// What the format has a word for, by the activities of RFC 4480.
const SUBSTATUSES: [(&str, &[&str]); 4] = [
    ("onthephone", &["on-the-phone"]),
    ("outtolunch", &["meal", "breakfast", "lunch", "dinner"]),
    ("away", &["away", "holiday", "in-transit", "permanent-absence", "sleeping", "travel", "vacation"]),
    ("busy", &["appointment", "busy", "meeting", "performance", "presentation", "working", "worship"]),
];

/// The body.
pub(super) fn print(state: &PresenceState, notice: &Notice<'_>) -> String {
    let uri = Escaped(&notice.entity.uri);
    let known = state.activities.iter().find_map(|activity| {
        let means = |(_, names): &&(&str, &[&str])| names.contains(&activity.name());
        SUBSTATUSES.iter().find(means).map(|(word, _)| *word)
    });
    // Who cannot be reached is away, whatever he does.
    let (status, substatus) = match (state.is_open, known) {
        (false, _) => ("closed", "away"),
        (true, Some("onthephone")) => ("inuse", "onthephone"),
        (true, Some(word)) => ("open", word),
        (true, None) => ("open", "online"),
    };
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <!DOCTYPE presence PUBLIC \"-//IETF//DTD RFCxxxx XPIDF 1.0//EN\" \"xpidf.dtd\">\r\n\
         <presence>\r\n<presentity uri=\"{uri};method=SUBSCRIBE\"/>\r\n<atom atomid=\"line\" id=\"line\">\r\n\
         <address uri=\"{uri};user=ip\" priority=\"0.800000\">\r\n<status status=\"{status}\"/>\r\n\
         <msnsubstatus substatus=\"{substatus}\"/>\r\n"
    );
    if !state.note.is_empty() {
        write!(body, "<note>{}</note>\r\n", EscapedText(&state.note)).expect("writing to memory");
    }
    body.push_str("</address>\r\n</atom>\r\n</presence>\r\n");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Form;
    use crate::package::presence::Activity;
    use crate::package::tests::entity;

    fn printed(is_open: bool, activities: &[&str], note: &str) -> String {
        let entity = entity("sip:102@pbx.example.com:5060");
        let activities = activities.iter().map(|name| Activity::parse(name).unwrap()).collect();
        print(
            &PresenceState { is_open, activities, note: note.to_owned() },
            &Notice { entity: &entity, version: 0, last_dialog: 0, form: Form::Xpidf, dialog_of: &|_| None },
        )
    }

    #[test]
    fn who_is_on_the_phone_is_in_use() {
        assert_eq!(
            printed(true, &["on-the-phone", "busy"], "Talks to <Al>"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <!DOCTYPE presence PUBLIC \"-//IETF//DTD RFCxxxx XPIDF 1.0//EN\" \"xpidf.dtd\">\r\n\
             <presence>\r\n<presentity uri=\"sip:102@pbx.example.com;method=SUBSCRIBE\"/>\r\n\
             <atom atomid=\"line\" id=\"line\">\r\n\
             <address uri=\"sip:102@pbx.example.com;user=ip\" priority=\"0.800000\">\r\n<status status=\"inuse\"/>\r\n\
             <msnsubstatus substatus=\"onthephone\"/>\r\n<note>Talks to &lt;Al&gt;</note>\r\n</address>\r\n</atom>\r\n\
             </presence>\r\n"
        );
    }

    #[test]
    fn an_activity_is_the_nearest_word_that_there_is() {
        for (is_open, activities, status, substatus) in [
            (true, &[][..], "open", "online"),
            (true, &["busy"], "open", "busy"),
            (true, &["looking-for-work", "lunch", "busy"], "open", "outtolunch"),
            (true, &["vacation"], "open", "away"),
            (true, &["tv"], "open", "online"),
            (false, &[], "closed", "away"),
            (false, &["on-the-phone"], "closed", "away"),
        ] {
            let body = printed(is_open, activities, "");
            let expected = format!(
                "<status status=\"{status}\"/>\r\n<msnsubstatus substatus=\"{substatus}\"/>\r\n</address>"
            );
            assert!(body.contains(&expected), "{activities:?}: {body}");
        }
    }
}
