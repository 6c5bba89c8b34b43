//! `application/pidf+xml`: whether a line can be reached, and what its person does (RFC 3863, RFC 4479, RFC 4480).

use std::fmt::Write as _;

use super::xml::{self, Escaped, EscapedText, Node};
use super::{Notice, Unreadable};
use crate::outbox::{PresenceState, PublishedPresence};

/// A longer document that a phone publishes is not read, in bytes.
pub const PUBLISHED_BYTES_MAX: usize = 8_192;

/// More of a note is not heard, in bytes as they are printed: what fits before it is told fits when it is told, in one datagram.
pub const NOTE_BYTES_MAX: usize = 256;

/// More activities of one person are not heard.
pub const ACTIVITIES_MAX: usize = 4;

/// The type of the document.
pub(crate) const PIDF: &str = "application/pidf+xml";

/// What RFC 4480 §3.2 knows that a person may do, without what says nothing in a word (`unknown`, `other`).
const ACTIVITIES: [&str; 25] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "vacation",
    "working",
    "worship",
];

/// What a person does: one of the activities of RFC 4480.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activity(&'static str);

impl Activity {
    /// Has calls.
    pub const ON_THE_PHONE: Self = Self("on-the-phone");

    /// Wants not to be disturbed.
    pub const BUSY: Self = Self("busy");

    /// The one that is called so. `None`: RFC 4480 has no such.
    pub fn parse(name: &str) -> Option<Self> {
        ACTIVITIES.into_iter().find(|known| *known == name).map(Self)
    }

    /// How its element is called.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl PublishedPresence {
    /// Reads a document: open if any of its tuples is, all that its persons do, the first note. What is not known is left out.
    ///
    /// # Errors
    /// [`Unreadable`], whatever the bytes are.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > PUBLISHED_BYTES_MAX {
            return Err(Unreadable::TooLong);
        }
        let mut found = Self::default();
        let mut path: Vec<String> = Vec::new();
        // The text of the element that is open, and whether a note is closed.
        let (mut text, mut is_noted) = (String::new(), false);
        xml::read(body, |node| match node {
            Node::Open(depth, element) => {
                path.truncate(depth);
                path.push(String::from_utf8_lossy(element.local_name().as_ref()).into_owned());
                text.clear();
                if let [.., parent, name] = &path[..]
                    && parent == "activities"
                {
                    found.add(name);
                }
            }
            Node::Text(more) => text.push_str(more),
            Node::Close(depth) => {
                let closed = path.get(depth).map(String::as_str).unwrap_or_default();
                match (closed, text.trim()) {
                    ("basic", "open") => found.is_open = Some(true),
                    ("basic", "closed") => found.is_open = found.is_open.or(Some(false)),
                    ("note", note) if !is_noted && !note.is_empty() => {
                        found.note = cut(note).to_owned();
                        is_noted = true;
                    }
                    _ => {}
                }
                text.clear();
            }
        })?;
        if path.first().is_some_and(|root| root == "presence") { Ok(found) } else { Err(Unreadable::Foreign) }
    }

    fn add(&mut self, activity: &str) {
        if let Some(activity) = Activity::parse(activity)
            && self.activities.len() < ACTIVITIES_MAX
            && !self.activities.contains(&activity)
        {
            self.activities.push(activity);
        }
    }
}

/// As much of a note as has room when it is printed.
fn cut(note: &str) -> &str {
    let mut printed = 0;
    let end = note.char_indices().find(|(_, c)| {
        printed += EscapedText(c.encode_utf8(&mut [0; 4])).to_string().len();
        printed > NOTE_BYTES_MAX
    });
    end.map_or(note, |(end, _)| &note[..end])
}

/// The body.
pub(super) fn print(state: &PresenceState, notice: &Notice<'_>) -> String {
    let uri = Escaped(&notice.entity.uri);
    let basic = if state.is_open { "open" } else { "closed" };
    let note = match state.note.as_str() {
        "" => String::new(),
        note => format!("<note>{}</note>", EscapedText(note)),
    };
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"{uri}\">\r\n<tuple id=\"line\"><status><basic>{basic}</basic></status><contact>{uri}</contact>{note}</tuple>\r\n"
    );
    if !state.activities.is_empty() {
        body.push_str("<dm:person id=\"person\"><rpid:activities>");
        for activity in &state.activities {
            write!(body, "<rpid:{}/>", activity.name()).expect("writing to memory");
        }
        body.push_str("</rpid:activities></dm:person>\r\n");
    }
    body.push_str("</presence>\r\n");
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::package::Form;
    use crate::package::tests::entity;

    fn printed(state: &PresenceState) -> String {
        let entity = entity("sip:102@pbx.example.com:5060");
        print(
            state,
            &Notice { entity: &entity, version: 0, last_dialog: 0, form: Form::Usual, dialog_of: &|_| None },
        )
    }

    fn published(inside: &str) -> Result<PublishedPresence, Unreadable> {
        PublishedPresence::parse(
            format!("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@b\">{inside}</presence>")
                .as_bytes(),
        )
    }

    fn said(is_open: Option<bool>, activities: &[&str], note: &str) -> Result<PublishedPresence, Unreadable> {
        let activities = activities.iter().map(|name| Activity::parse(name).unwrap()).collect();
        Ok(PublishedPresence { is_open, activities, note: note.to_owned() })
    }

    #[test]
    fn who_is_on_the_phone_is_a_tuple_and_a_person() {
        let activities = vec![Activity::ON_THE_PHONE];
        let note = "Talks to <Al>".to_owned();
        assert_eq!(
            printed(&PresenceState { is_open: true, activities, note }),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:102@pbx.example.com\">\r\n\
             <tuple id=\"line\"><status><basic>open</basic></status><contact>sip:102@pbx.example.com</contact>\
             <note>Talks to &lt;Al&gt;</note></tuple>\r\n\
             <dm:person id=\"person\"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>\r\n</presence>\r\n"
        );
    }

    #[test]
    fn who_does_nothing_is_no_person() {
        let body = printed(&PresenceState { is_open: false, activities: Vec::new(), note: String::new() });
        assert!(
            body.contains("<basic>closed</basic>") && !body.contains("person") && !body.contains("<note"),
            "{body}"
        );
    }

    /// 256 bytes of a phone are not to become a packet that is cut on its way.
    #[test]
    fn quotes_of_a_note_stay_quotes_and_it_stands_there_once() {
        let note = "\"'".repeat(NOTE_BYTES_MAX / 2);
        let body =
            printed(&PresenceState { is_open: true, activities: vec![Activity::BUSY], note: note.clone() });
        assert!(body.contains(&note) && body.len() < 900, "{}", body.len());
        let read = PublishedPresence::parse(body.as_bytes()).unwrap();
        assert_eq!(read, said(Some(true), &["busy"], &note).unwrap());
    }

    #[test]
    fn what_is_longer_when_it_is_printed_is_cut_by_that() {
        let published = published(&format!("<note>{}</note>", "&amp;&lt;".repeat(NOTE_BYTES_MAX))).unwrap();
        assert_eq!(published.note, "&<".repeat(28));
        let body = printed(&PresenceState { is_open: true, activities: Vec::new(), note: published.note });
        assert!(body.len() < 900, "{}", body.len());
    }

    #[test]
    fn every_activity_of_the_rfc_is_known() {
        for name in ["worship", "appointment", "working"] {
            assert_eq!(Activity::parse(name).map(Activity::name), Some(name));
        }
        assert_eq!([Activity::parse("unknown"), Activity::parse("other")], [None, None]);
    }

    /// As baresip writes it; the empty list and the status that is none say nothing.
    #[test]
    fn baresip_publishes() {
        let of = |basic: &str| {
            published(&format!(
                "\r\n  <dm:person xmlns:dm=\"d\" xmlns:rpid=\"r\" id=\"p4159\"><rpid:activities/></dm:person>\r\n  <tuple \
                 id=\"t4109\">\r\n    <status>\r\n      <basic>{basic}</basic>\r\n    </status>\r\n    \
                 <contact>sip:a@b</contact>\r\n  </tuple>\r\n"
            ))
        };
        assert_eq!(of("open"), said(Some(true), &[], ""));
        assert_eq!(of("closed"), said(Some(false), &[], ""));
        assert_eq!(of("unkown"), said(None, &[], ""));
    }

    #[test]
    fn a_person_is_read_wherever_it_stands() {
        let rich = "<tuple id=\"1\"><status><basic>closed</basic><e:activities xmlns:e=\"x\"><e:meal/></e:activities></status>\
                    <note/><note>Ben &amp; Co&#x2e;</note></tuple><tuple id=\"2\"><status><basic> open </basic></status></tuple>\
                    <note>later</note><person><activities><unknown/><busy/><meal/><dancing/></activities></person>";
        assert_eq!(published(rich), said(Some(true), &["meal", "busy"], "Ben & Co."));
        assert_eq!(published(""), said(None, &[], ""));
        assert_eq!(published("<basic>open<x/></basic>"), said(None, &[], ""), "with more in it than a word");
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_foreign_is_refused() {
        let note = "ü".repeat(NOTE_BYTES_MAX);
        assert_eq!(published(&format!("<note>{note}</note>")).unwrap().note, "ü".repeat(NOTE_BYTES_MAX / 2));
        let all: String = ACTIVITIES.iter().map(|name| format!("<{name}/>")).collect();
        let all = format!("<person><activities>{all}</activities></person>");
        assert_eq!(published(&all).unwrap().activities.len(), ACTIVITIES_MAX);
        assert_eq!(published(&" ".repeat(PUBLISHED_BYTES_MAX)), Err(Unreadable::TooLong));
        assert_eq!(PublishedPresence::parse(b"<dialog-info/>"), Err(Unreadable::Foreign));
        assert_eq!(PublishedPresence::parse(b"<!DOCTYPE x><presence/>"), Err(Unreadable::DocumentType));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for prefix in [&b""[..], b"<presence><note>", b"<presence><person><activities>"] {
                let read = PublishedPresence::parse(&[prefix, &bytes].concat()).unwrap_or_default();
                prop_assert!(read.note.len() <= NOTE_BYTES_MAX && read.activities.len() <= ACTIVITIES_MAX);
            }
        }

        #[test]
        fn any_note_is_printed_well_formed(note in ".*") {
            let state = PresenceState { is_open: true, activities: vec![Activity::BUSY], note };
            let read = PublishedPresence::parse(printed(&state).as_bytes());
            prop_assert!(read.is_ok_and(|read| read.is_open == Some(true) && read.activities == [Activity::BUSY]));
        }
    }
}
