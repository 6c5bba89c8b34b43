//! Via (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

/// One Via value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The transport as sent: `UDP`.
    pub transport: &'a str,
    /// Host of sent-by; an IPv6 reference with its brackets.
    pub host: &'a str,
    /// Port of sent-by, if written.
    pub port: Option<u16>,
    params: &'a str,
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl<'a> Via<'a> {
    pub fn parse(text: &'a str) -> Option<Self> { let v = Via { transport: "", host: "", port: None, params: "" }; Some(v) }
    pub fn branch(&self) -> &'a str { todo!() }
    pub fn param(&self, name: &str) -> Option<&'a str> { let _ = self.params; todo!() }
    pub fn received(&self) -> Option<IpAddr> { todo!() }
    pub fn rport(&self) -> Option<Option<u16>> { todo!() }
}
