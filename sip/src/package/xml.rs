//! XML: text of users into elements and attributes, and elements out of what the network sent.

use std::fmt::{self, Write as _};

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::{BODY_BYTES_MAX, Unreadable};

/// More elements are not read.
const ELEMENTS_MAX: usize = 4_096;

/// Elements inside elements; deeper ones are not read.
const DEPTH_MAX: usize = 16;

/// Text in an element or between the quotes of an attribute. What XML 1.0 cannot hold becomes a space.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                '\u{fffe}' | '\u{ffff}' => f.write_char(' ')?,
                _ if c.is_control() => f.write_char(' ')?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text in an element alone, where quotes need no escape.
pub(super) struct EscapedText<'a>(pub(super) &'a str);

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(['"', '\'']) {
            let text = piece.trim_end_matches(['"', '\'']);
            write!(f, "{}{}", Escaped(text), &piece[text.len()..])?;
        }
        Ok(())
    }
}

/// What stands in a document, in order.
pub(super) enum Node<'a> {
    /// An element begins: how many are open around it, and the element.
    Open(usize, &'a BytesStart<'a>),
    /// A piece of text. References to characters and to the five entities that XML itself has are pieces of their own; others are
    /// left out.
    Text(&'a str),
    /// An element ends: how many are open around it.
    Close(usize),
}

/// Reads a document node by node. Entities are never expanded; a document that could declare one is refused.
///
/// # Errors
/// Whatever is too long, too deep, too much or not well-formed. Nodes before the fault have been told.
pub(super) fn read(body: &[u8], mut tell: impl FnMut(Node<'_>)) -> Result<(), Unreadable> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Unreadable::TooLong);
    }
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?;
    let mut reader = Reader::from_str(text);
    let (mut depth, mut elements) = (0_usize, 0_usize);
    let mut count = |depth: usize| {
        elements += 1;
        if elements > ELEMENTS_MAX || depth == DEPTH_MAX { Err(Unreadable::TooMany) } else { Ok(()) }
    };
    loop {
        match reader.read_event().map_err(|_| Unreadable::Malformed)? {
            Event::Start(start) => {
                count(depth)?;
                tell(Node::Open(depth, &start));
                depth += 1;
            }
            Event::Empty(start) => {
                count(depth)?;
                tell(Node::Open(depth, &start));
                tell(Node::Close(depth));
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or(Unreadable::Malformed)?;
                tell(Node::Close(depth));
            }
            Event::Text(text) => {
                tell(Node::Text(std::str::from_utf8(&text).map_err(|_| Unreadable::Malformed)?));
            }
            Event::CData(text) => {
                tell(Node::Text(std::str::from_utf8(&text).map_err(|_| Unreadable::Malformed)?));
            }
            Event::DocType(_) => return Err(Unreadable::DocumentType),
            Event::GeneralRef(reference) => {
                let name = std::str::from_utf8(&reference).map_err(|_| Unreadable::Malformed)?;
                if let Some(text) = resolve_xml_entity(name) {
                    tell(Node::Text(text));
                } else if let Ok(Some(c)) = reference.resolve_char_ref() {
                    tell(Node::Text(c.encode_utf8(&mut [0; 4])));
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if depth == 0 && elements > 0 => return Ok(()),
            Event::Eof => return Err(Unreadable::Malformed),
        }
    }
}

/// The value of an attribute as it is written; `None` if it is absent or malformed.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    // Without the check for repetition, which takes the square of their number.
    let mut attributes = element.attributes();
    let found =
        attributes.with_checks(false).flatten().find(|found| found.key.as_ref() == name.as_bytes())?;
    std::str::from_utf8(&found.value).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(body: &str) -> Result<usize, Unreadable> {
        let mut elements = 0;
        read(body.as_bytes(), |node| elements += usize::from(matches!(node, Node::Open(..))))?;
        Ok(elements)
    }

    #[test]
    fn text_of_users_stays_text() {
        assert_eq!(Escaped("a<b>&\"'\u{1b}\r\n\0").to_string(), "a&lt;b&gt;&amp;&quot;&apos;    ");
        assert_eq!(Escaped("Jörg").to_string(), "Jörg");
        assert_eq!(EscapedText("\"'a<b>&'\"\0'").to_string(), "\"'a&lt;b&gt;&amp;'\" '");
    }

    #[test]
    fn a_document_that_declares_entities_is_refused() {
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
        assert_eq!(elements(bomb), Err(Unreadable::DocumentType));
        let outside = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
        assert_eq!(elements(outside), Err(Unreadable::DocumentType));
    }

    #[test]
    fn references_are_text_if_they_are_to_characters() {
        let mut text = String::new();
        read(b"<a>1 &lt; 2 &#38;&#x20ac;&other;&#0;&#xd800;&#99999999999;!</a>", |node| {
            if let Node::Text(piece) = node {
                text.push_str(piece);
            }
        })
        .unwrap();
        assert_eq!(text, "1 < 2 &\u{20ac}!");
    }

    #[test]
    fn what_is_too_long_too_deep_or_too_much_is_refused() {
        let deep = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert_eq!(elements(&deep(DEPTH_MAX)), Ok(DEPTH_MAX));
        assert_eq!(elements(&deep(DEPTH_MAX + 1)), Err(Unreadable::TooMany));
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert_eq!(elements(&many(ELEMENTS_MAX - 1)), Ok(ELEMENTS_MAX));
        assert_eq!(elements(&many(ELEMENTS_MAX)), Err(Unreadable::TooMany));
        let long = format!("<a>{}</a>", " ".repeat(BODY_BYTES_MAX));
        assert_eq!(elements(&long), Err(Unreadable::TooLong));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in
            ["", "  ", "hello", "<a>", "</a>", "<a></b>", "<a><b></a></b>", "<", "<a", "<!--", "<a/></a>"]
        {
            assert_eq!(elements(text), Err(Unreadable::Malformed), "{text}");
        }
        assert!(read(b"<a>\xff</a>", |_| {}).is_err());
    }

    #[test]
    fn attributes_without_end_cost_no_more_than_their_length() {
        let text = format!("<a {}z=\"1\"/>", "x=\"1\" ".repeat(9_000));
        let mut found = None;
        read(text.as_bytes(), |node| {
            if let Node::Open(_, element) = node {
                found = attribute(element, "z");
            }
        })
        .unwrap();
        assert_eq!(found.as_deref(), Some("1"));
    }
}
