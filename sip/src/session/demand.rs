//! What a request demands of us that we cannot do (RFC 3261 §8.2.2.3, §8.2.3).

use crate::endpoint::{ACCEPT, SUPPORTED};
use crate::gruu;
use crate::message::{Builder, HeaderName, Message, Method};
use crate::package::event_list;

use super::{description, refresh, reliable};

/// A demand that cannot be met, as the response that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unmet {
    /// 420: these options are required of us.
    Extension(String),
    /// 415: the body is of another type or coding.
    Body,
    /// 422: the session interval is too short.
    Interval,
}

impl Unmet {
    /// The status that refuses the request.
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Extension(_) => 420,
            Self::Body => 415,
            Self::Interval => 422,
        }
    }

    /// Says what would do.
    pub(crate) fn explain(&self, reply: Builder) -> Builder {
        match self {
            Self::Extension(options) => reply.header(HeaderName::Unsupported, options),
            Self::Body => reply.header(HeaderName::Accept, ACCEPT),
            Self::Interval => reply.header(HeaderName::MinSe, refresh::MIN_SE_S),
        }
    }
}

/// The first demand of a request that cannot be met.
pub(crate) fn unmet(request: &Message) -> Option<Unmet> {
    let of_lists = (request.method() == Method::Subscribe).then_some(event_list::OPTION);
    let required = [(HeaderName::Require, None), (HeaderName::ProxyRequire, Some(PRIVACY))];
    let unknown = required.into_iter().flat_map(|(name, of_proxies)| {
        let more = move || of_lists.into_iter().chain(of_proxies);
        request.values(name).filter(move |option| !option.is_empty() && !is_known(option, more()))
    });
    let unknown: Vec<&str> = unknown.collect();
    if !unknown.is_empty() {
        return Some(Unmet::Extension(unknown.join(", ")));
    }
    if !is_readable(request) {
        return Some(Unmet::Body);
    }
    refresh::is_too_brief(request).then_some(Unmet::Interval)
}

/// Whether we do what an option names; `more` is what we do in such a request beside the usual.
fn is_known(option: &str, more: impl Iterator<Item = &'static str>) -> bool {
    let mut known = SUPPORTED.split(", ").chain([reliable::OPTION, gruu::OPTION]).chain(more);
    known.any(|known| known.eq_ignore_ascii_case(option))
}

/// Who wants to be hidden may require that of who can hide him (RFC 3323 §5.1): what Privacy asks for is done for whoever asks.
const PRIVACY: &str = "privacy";

/// Whether the body is of a type and coding that we read, or need not be read. Only INVITE and UPDATE bring what
/// matters.
fn is_readable(request: &Message) -> bool {
    if request.body().is_empty() || !matches!(request.method(), Method::Invite | Method::Update) {
        return true;
    }
    let is_optional = request
        .value(HeaderName::ContentDisposition)
        .is_some_and(|value| value.to_ascii_lowercase().contains("handling=optional"));
    let is_plain = request
        .value(HeaderName::ContentEncoding)
        .is_none_or(|coding| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity"));
    is_optional || is_plain && description::of(request).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    #[test]
    fn privacy_may_be_required_of_who_stands_between() {
        let demand = |headers: &str| {
            let text = format!("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: c\r\n{headers}Content-Length: 0\r\n\r\n");
            unmet(&Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap())
        };
        let refused = |options: &str| Some(Unmet::Extension(options.to_owned()));
        assert_eq!(demand("Proxy-Require: Privacy, timer\r\nRequire: 100rel\r\n"), None);
        assert_eq!(demand("Proxy-Require: privacy, x\r\nRequire: y\r\n"), refused("y, x"));
        assert_eq!(demand("Require: privacy\r\n"), refused("privacy"), "it is none of an end's");
    }
}
