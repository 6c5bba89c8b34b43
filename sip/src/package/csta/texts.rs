//! The texts of a body, each by the way that leads to it below the root: `connection/callID`.

use std::mem;

use quick_xml::events::BytesStart;

use super::{BYTES_MAX, Connection, IDENTIFIER_BYTES_MAX};
use crate::package::Unreadable;
use crate::package::xml::{self, Node};

/// Texts of one body that are kept; the further ones are read past.
pub(super) const TEXTS_MAX: usize = 64;

/// What is said, without attributes and namespaces.
pub(super) struct Texts {
    /// The root element.
    pub(super) root: String,
    all: Vec<(String, String)>,
}

impl Texts {
    /// # Errors
    /// [`Unreadable`], whatever the bytes are.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > BYTES_MAX {
            return Err(Unreadable::TooLong);
        }
        let mut texts = Self { root: String::new(), all: Vec::new() };
        let mut path: Vec<String> = Vec::new();
        // Text comes in pieces, with references between them.
        let mut text = String::new();
        xml::read(body, |node| match node {
            Node::Open(depth, found) => {
                text.clear();
                match depth {
                    0 => texts.root = name(found),
                    _ => path.push(name(found)),
                }
            }
            Node::Text(piece) => text.push_str(piece),
            Node::Close(_) => {
                let said = mem::take(&mut text);
                let said = said.trim();
                if !said.is_empty() && !path.is_empty() && texts.all.len() < TEXTS_MAX {
                    // One that is too long stays as an empty one: another of that name must not be taken for it.
                    let kept = if said.len() <= IDENTIFIER_BYTES_MAX { said } else { "" };
                    texts.all.push((path.join("/"), kept.to_owned()));
                }
                path.pop();
            }
        })?;
        Ok(texts)
    }

    /// The text of an element; empty: none, or one that is too long.
    pub(super) fn of(&self, path: &str) -> &str {
        self.all.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// The first text right below the root, with the name of its element.
    pub(super) fn first(&self) -> Option<(&str, &str)> {
        let found = self.all.iter().find(|(path, _)| !path.contains('/'));
        found.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The first connection, whatever its element is called.
    pub(super) fn connection(&self) -> Option<Connection> {
        let (path, call) = self.all.iter().find(|(path, _)| path.ends_with("/callID"))?;
        let device = format!("{}deviceID", path.strip_suffix("callID")?);
        let connection = Connection { call: call.clone(), device: self.of(&device).to_owned() };
        (!call.is_empty()).then_some(connection)
    }
}

fn name(element: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(element.local_name().as_ref()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Texts {
        Texts::read(body.as_bytes()).expect("it is well-formed")
    }

    #[test]
    fn text_is_whole_whatever_stands_in_it() {
        let texts = read("<a><b> &lt;sip:1&#38;<!-- 2 -->3@x&gt; \n</b><c><d>4</d> 5</c><b>6</b></a>");
        let found = (texts.root.as_str(), texts.of("b"), texts.of("c/d"), texts.of("c"), texts.of("d"));
        assert_eq!(found, ("a", "<sip:1&3@x>", "4", "5", ""));
        assert_eq!(texts.first(), Some(("b", "<sip:1&3@x>")));
    }

    #[test]
    fn one_long_text_costs_no_other() {
        let long = "x".repeat(IDENTIFIER_BYTES_MAX + 1);
        let texts = read(&format!("<a><private>{long}</private><c><callID>1</callID></c></a>"));
        assert_eq!(texts.connection().map(|connection| connection.call), Some("1".to_owned()));
        // A name that is cut would be that of another call.
        let texts = read(&format!("<a><b><callID>{long}</callID></b><c><callID>1</callID></c></a>"));
        assert_eq!(texts.connection(), None);
        let fits = &long[1..];
        let texts = read(&format!("<a><b><callID>{fits}</callID><deviceID>{long}</deviceID></b></a>"));
        let connection = Connection { call: fits.to_owned(), device: String::new() };
        assert_eq!(texts.connection(), Some(connection));
    }

    #[test]
    fn of_many_texts_the_first_are_kept() {
        let texts = read(&format!("<a>{}<c><callID>1</callID></c></a>", "<x>y</x>".repeat(TEXTS_MAX)));
        assert_eq!((texts.all.len(), texts.connection()), (TEXTS_MAX, None));
    }
}
