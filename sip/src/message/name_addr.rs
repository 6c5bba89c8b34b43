//! `name-addr` and `addr-spec` with their header parameters: From, To, Contact, Route … (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;

use super::find::{find, find2, find3};
use super::{Uri, chars, list};

/// One value of From, To, Contact, Route, Record-Route, Path …
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name as sent, with its quotes.
    pub display: &'a str,
    /// The URI, without angle brackets. `*` for the wildcard Contact.
    pub uri: &'a str,
    pub(super) params: &'a str,
}

impl<'a> NameAddr<'a> {
    /// Reads one value (not a comma list). `None` if it is not well-formed: an open quote, white space inside `<>`, an
    /// unquoted comma in the display name, anything but parameters behind `>`, or a `?` in a URI without brackets.
    ///
    /// Without brackets, what follows the first semicolon are header parameters (RFC 3261 §20).
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = list::trim(text);
        if text.starts_with('"') {
            let (display, rest) = text.split_at(list::quoted_len(text.as_bytes())?);
            return Self::bracketed(display, list::trim(rest));
        }
        match find2(b'<', b';', text.as_bytes()) {
            Some(at) if text.as_bytes()[at] == b'<' => {
                let display = list::trim(&text[..at]);
                if find3(b',', b'"', b'>', display.as_bytes()).is_some() {
                    return None;
                }
                Self::bracketed(display, &text[at..])
            }
            Some(at) => Self::bare(list::trim(&text[..at]), &text[at..]),
            None => Self::bare(text, ""),
        }
    }

    fn bracketed(display: &'a str, text: &'a str) -> Option<Self> {
        let inside = text.strip_prefix('<')?;
        let (uri, rest) = inside.split_at(find(b'>', inside.as_bytes())?);
        let params = list::trim(&rest[1..]);
        let well_formed = !uri.is_empty()
            && !chars::any(uri.as_bytes(), chars::NOT_IN_URI)
            && (params.is_empty() || params.starts_with(';'))
            && list::quotes_close(params);
        well_formed.then_some(Self { display, uri, params })
    }

    fn bare(uri: &'a str, params: &'a str) -> Option<Self> {
        let well_formed = !uri.is_empty()
            && !chars::any(uri.as_bytes(), chars::NOT_IN_URI)
            && find2(b'?', b',', uri.as_bytes()).is_none()
            && list::quotes_close(params);
        well_formed.then_some(Self { display: "", uri, params })
    }

    /// The value of a header parameter, its name compared without regard to case; `Some("")` if it has none. A quoted
    /// value comes as sent, with its quotes.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        list::param(self.params, name)
    }

    /// The header parameters in order, name and value; the value `""` where there is none.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        list::params(self.params)
    }

    /// The header parameters as sent, with the leading semicolon; empty if there are none.
    pub const fn params_text(&self) -> &'a str {
        self.params
    }

    /// The display name without quotes and escapes.
    pub fn display_name(&self) -> Cow<'a, str> {
        let Some(quoted) = self.display.strip_prefix('"') else { return Cow::Borrowed(self.display) };
        let inside = quoted.strip_suffix('"').unwrap_or(quoted);
        if !inside.contains('\\') {
            return Cow::Borrowed(inside);
        }
        let mut plain = String::with_capacity(inside.len());
        let mut chars = inside.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.extend(chars.next()),
                _ => plain.push(c),
            }
        }
        Cow::Owned(plain)
    }

    /// The `tag` parameter; `""` if there is none (RFC 3261 §19.3).
    pub fn tag(&self) -> &'a str {
        self.param("tag").unwrap_or("")
    }

    /// The URI, taken apart.
    pub fn parsed_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_separate_uri_and_header_parameters() {
        let contact = NameAddr::parse(r#""A. G. Bell" <sip:agb@bell-telephone.com;lr>;tag=a48s"#).unwrap();
        assert_eq!((contact.display, contact.uri), (r#""A. G. Bell""#, "sip:agb@bell-telephone.com;lr"));
        assert_eq!((contact.tag(), contact.param("lr")), ("a48s", None));
    }

    #[test]
    fn without_brackets_parameters_belong_to_the_header() {
        let to = NameAddr::parse("sip:+12125551212@server.phone2net.com ; tag = 887s").unwrap();
        assert_eq!((to.uri, to.tag()), ("sip:+12125551212@server.phone2net.com", "887s"));
    }

    #[test]
    fn display_names_in_every_spelling() {
        let read = |text| NameAddr::parse(text).map(|value| value.display_name().into_owned());
        assert_eq!(read("<sip:a@b>").as_deref(), Some(""));
        assert_eq!(read("caller<sip:a@b>").as_deref(), Some("caller"));
        assert_eq!(read("J\u{f6}rg M. <sip:a@b>").as_deref(), Some("J\u{f6}rg M."));
        assert_eq!(read(r#""J Rosenberg \\\"" <sip:a@b>"#).as_deref(), Some(r#"J Rosenberg \""#));
        assert_eq!(read(r#""<x>" <sip:a@b>"#).as_deref(), Some("<x>"));
    }

    #[test]
    fn the_wildcard_contact() {
        assert_eq!(NameAddr::parse(" * ").unwrap().uri, "*");
    }

    #[test]
    fn ill_formed_values_are_refused() {
        for text in [
            "",
            "\"open <sip:a@b>",
            "Bell, Alexander <sip:a@b>",
            "<sip:a@b",
            "< sip:a@b >",
            "<sip:a@b> x",
            "<>",
            "sip:a@b?Route=%3Csip:x%3E",
            "sip:a b@c",
            "<sip:a@b>;x=\"open",
        ] {
            assert_eq!(NameAddr::parse(text), None, "{text}");
        }
    }

    #[test]
    fn trailing_semicolons_are_no_parameters() {
        let contact = NameAddr::parse("\"Joe\" <sip:joe@example.org>;;;;").unwrap();
        assert_eq!(contact.params().count(), 0);
    }
}
