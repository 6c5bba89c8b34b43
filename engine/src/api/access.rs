//! Who may speak to the API: by which name, from which web page, with which token.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use subtle::{Choice, ConstantTimeEq};

use super::Shared;
use super::explain::Missing;
use super::problem::Problem;
use crate::config;
use crate::driver::clock;
use crate::driver::http::Source;
use crate::handle::AppIdentity;

/// By which names the API may be called, and whose web pages may use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Host names allowed beside `localhost` and addresses, in lower case. Empty: any, unless `loopback`.
    pub hosts: Vec<String>,
    /// Web origins allowed beside the API's own, in lower case.
    pub origins: Vec<String>,
    /// Whether the listener can be reached from this machine only: then a name that is not listed is that of a web
    /// page whose owner let it point here (DNS rebinding).
    pub loopback: bool,
    /// Requests of each application within a second; 0: as many as it likes.
    pub requests_per_second: u32,
}

impl From<&config::Api> for Access {
    fn from(api: &config::Api) -> Self {
        Self {
            hosts: api.hosts.clone(),
            origins: api.origins.clone(),
            loopback: api.listen.is_none_or(|listen| listen.ip().is_loopback()),
            requests_per_second: api.requests_per_second,
        }
    }
}

impl Access {
    fn admits_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || self.hosts.contains(&host)
            || self.hosts.is_empty() && !self.loopback
    }

    fn admits_origin(&self, origin: &str, host: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        own == Some(host.to_ascii_lowercase().as_str()) || self.origins.contains(&origin)
    }

    /// Checks the headers that a browser writes and a page cannot change.
    fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let bad_host = || {
            Problem::http(
                StatusCode::BAD_REQUEST,
                Missing::Request,
                "The request needs exactly one Host header.",
            )
        };
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next(), uri.authority()) {
            (Some(host), None, _) => host.to_str().map_err(|_| bad_host())?,
            (None, None, Some(authority)) => authority.as_str(),
            _ => return Err(bad_host()),
        };
        let authority: Authority = host.parse().map_err(|_| bad_host())?;
        // Neither a user before the name nor anything behind an address in brackets.
        let rest = host.strip_prefix(authority.host()).ok_or_else(bad_host)?;
        if !rest.is_empty()
            && authority.port().is_none_or(|port| rest.strip_prefix(':') != Some(port.as_str()))
        {
            return Err(bad_host());
        }
        if !self.admits_host(authority.host()) {
            let detail =
                format!("The API is not called {:?}; add the name to hosts of [api].", authority.host());
            return Err(Problem::http(StatusCode::MISDIRECTED_REQUEST, Missing::Host, detail));
        }
        let foreign = headers.get_all(ORIGIN).iter().find(|origin| {
            let origin = origin.to_str().unwrap_or_default();
            !self.admits_origin(origin, host)
        });
        match foreign {
            None => Ok(()),
            Some(_) => {
                let detail =
                    "Web pages of another origin may not use the API; add theirs to origins of [api].";
                Err(Problem::http(StatusCode::FORBIDDEN, Missing::Origin, detail))
            }
        }
    }
}

/// Refuses requests under a foreign name or from a foreign page before anything else looks at them, and tells the log of those
/// that had no token, or a wrong one.
pub(super) async fn guard(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    shared.access.admit(request.uri(), request.headers())?;
    let source = request.extensions().get::<Source>().copied();
    let response = next.run(request).await;
    if let (StatusCode::UNAUTHORIZED, Some(Source(source))) = (response.status(), source) {
        shared.tell_refused(source);
    }
    Ok(response)
}

/// The application whose token the request carries.
pub(super) struct Caller(pub(super) AppIdentity);

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        admit(shared, bearer(&parts.headers)?).map(Self)
    }
}

/// The application of a token, if it has not asked too often.
pub(super) fn admit(shared: &Shared, token: &str) -> Result<AppIdentity, Problem> {
    let app = authenticate(shared, token)?;
    shared.limiter.take(clock::now(), app.id).map_err(Problem::too_often)?;
    Ok(app)
}

/// The token of the Authorization header (RFC 6750 §2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthorized("Send one header: Authorization: Bearer TOKEN."));
    };
    let value = value.to_str().unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::unauthorized("The Authorization header must read: Bearer TOKEN.")),
    }
}

/// The application of a token. Every token is compared, in time that does not tell how much of it was right.
pub(super) fn authenticate(shared: &Shared, token: &str) -> Result<AppIdentity, Problem> {
    let apps = shared.engine.apps();
    let mut found = None;
    for app in apps.iter() {
        let same: Choice = app.token.as_bytes().ct_eq(token.as_bytes());
        if bool::from(same) {
            found = Some(app);
        }
    }
    found.cloned().ok_or_else(|| Problem::unauthorized("No application has this token."))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn admits(access: &Access, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        access.admit(&Uri::from_static("/v1/lines"), &headers).is_ok()
    }

    fn loopback() -> Access {
        Access {
            hosts: vec!["pbx.example".into()],
            origins: vec!["https://crm.example".into()],
            loopback: true,
            requests_per_second: 0,
        }
    }

    #[test]
    fn a_rebound_name_is_refused_on_loopback() {
        let access = loopback();
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "pbx.example"] {
            assert!(admits(&access, host, None), "{host}");
        }
        for host in ["evil.example:8080", "localhost.evil.example", "pbx.example.evil", "a b"] {
            assert!(!admits(&access, host, None), "{host}");
        }
    }

    #[test]
    fn any_name_is_taken_beyond_loopback_unless_names_are_listed() {
        let open = Access { hosts: Vec::new(), loopback: false, ..loopback() };
        assert!(admits(&open, "whatever.example", None));
        let listed = Access { loopback: false, ..loopback() };
        assert!(!admits(&listed, "whatever.example", None));
    }

    #[test]
    fn a_foreign_origin_is_refused() {
        let access = loopback();
        assert!(admits(&access, "127.0.0.1:8080", Some("http://127.0.0.1:8080")));
        assert!(admits(&access, "127.0.0.1:8080", Some("https://crm.example")));
        for origin in ["https://evil.example", "null", "http://127.0.0.1:8081", "https://crm.example.evil"] {
            assert!(!admits(&access, "127.0.0.1:8080", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_bearer_token_is_found_in_one_header_only() {
        let headers = |values: &[&'static str]| {
            let pairs = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value)));
            pairs.fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
        };
        assert_eq!(bearer(&headers(&["bearer abc"])).unwrap(), "abc");
        for wrong in [&[][..], &["Basic abc"], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(bearer(&headers(wrong)).is_err(), "{wrong:?}");
        }
    }
}
