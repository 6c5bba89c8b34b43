//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::net::IpAddr;

use crate::transport::Transport;

/// The scheme of a URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each variant is the scheme of its name")]
pub enum Scheme {
    Sip, Sips, Tel,
    /// A scheme the engine does not route.
    Other,
}

/// A URI, split where it is certain how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part as sent, escaped; a tel URI's number.
    pub user: Option<&'a str>,
    /// The host as sent; an IPv6 reference with its brackets. Empty for tel.
    pub host: &'a str,
    /// The port, if written.
    pub port: Option<u16>,
    params: &'a str,
    headers: &'a str,
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl<'a> Uri<'a> {
    pub fn parse(text: &'a str) -> Option<Self> { let u = Uri { scheme: Scheme::Sip, user: None, host: "", port: None, params: "", headers: "" }; Some(u) }
    pub fn user_unescaped(&self) -> Cow<'a, str> { todo!() }
    pub fn param(&self, name: &str) -> Option<&'a str> { let _ = self.params; todo!() }
    pub fn headers(&self) -> &'a str { self.headers }
    pub fn host_ip(&self) -> Option<IpAddr> { todo!() }
    pub fn equals(&self, other: &Uri<'_>) -> bool { todo!() }
    pub fn transport(&self) -> Option<Transport> { todo!() }
}
