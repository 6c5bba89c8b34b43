//! `name-addr` and `addr-spec` with their header parameters: From, To, Contact, Route …

use std::borrow::Cow;

use super::Uri;

/// One value of From, To, Contact, Route, Record-Route, Path …
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name as sent, with its quotes.
    pub display: &'a str,
    /// The URI, without angle brackets. `*` for the wildcard Contact.
    pub uri: &'a str,
    params: &'a str,
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl<'a> NameAddr<'a> {
    pub fn parse(text: &'a str) -> Option<Self> { let x = NameAddr { display: "", uri: "", params: "" }; Some(x) }
    pub fn param(&self, name: &str) -> Option<&'a str> { let _ = self.params; todo!() }
    pub fn params(&self) -> impl Iterator<Item = (&'a str, &'a str)> { std::iter::empty() }
    pub fn display_name(&self) -> Cow<'a, str> { todo!() }
    pub fn tag(&self) -> &'a str { todo!() }
    pub fn parsed_uri(&self) -> Option<Uri<'a>> { todo!() }
}
