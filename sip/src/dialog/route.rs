//! The route set: which proxies a request inside the dialog passes (RFC 3261 §12.1, §12.2.1.1, §16.12).

use crate::message::{HeaderName, Message, NameAddr};

/// How many routes are kept: as many as a message may carry Via values in practice.
const ROUTES_MAX: usize = 30;

/// Route values in the order in which a request visits them. Frozen when the dialog is confirmed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteSet(Box<[Box<str>]>);

/// Request-URI and Route of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routed<'a> {
    /// The Request-URI.
    pub uri: &'a str,
    /// The Route values, each a name-addr.
    pub route: Vec<&'a str>,
    /// With strict routing the remote target stands at the end of Route.
    pub last: Option<&'a str>,
}

impl RouteSet {
    /// As the UAS of the INVITE: Record-Route in order.
    pub fn of_request(request: &Message) -> Self {
        Self(request.values(HeaderName::RecordRoute).take(ROUTES_MAX).map(Into::into).collect())
    }

    /// As the UAC of the INVITE: Record-Route in reverse.
    pub fn of_response(response: &Message) -> Self {
        let mut routes: Vec<Box<str>> =
            response.values(HeaderName::RecordRoute).take(ROUTES_MAX).map(Into::into).collect();
        routes.reverse();
        Self(routes.into())
    }

    /// Values to preload: Path of a binding (RFC 3327 §5.2).
    pub fn preloaded(values: &[String]) -> Self {
        Self(values.iter().take(ROUTES_MAX).map(|value| value.as_str().into()).collect())
    }

    /// Whether requests go straight to the remote target.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values, in the order in which a request visits them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The URI of the next hop: the first route, loose or strict.
    pub fn first_uri(&self) -> Option<&str> {
        Some(NameAddr::parse(self.0.first()?)?.uri)
    }

    /// Request-URI and Route for a request to `target`: with a loose first route (`;lr`, whatever its value) the target
    /// stays the Request-URI; a strict one takes its place and the target goes last.
    pub fn apply<'a>(&'a self, target: &'a str) -> Routed<'a> {
        let Some(first) = self.0.first() else {
            return Routed { uri: target, route: Vec::new(), last: None };
        };
        let uri = NameAddr::parse(first).map_or(target, |first| first.uri);
        let is_loose = NameAddr::parse(first)
            .and_then(|first| first.parsed_uri())
            .is_none_or(|uri| uri.param("lr").is_some());
        if is_loose {
            Routed { uri: target, route: self.0.iter().map(AsRef::as_ref).collect(), last: None }
        } else {
            Routed { uri, route: self.0.iter().skip(1).map(AsRef::as_ref).collect(), last: Some(target) }
        }
    }
}
