//! What a request demands of us that we cannot do (RFC 3261 §8.2.2.3, §8.2.3).

use crate::endpoint::{ACCEPT, SUPPORTED};
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
    let is_unknown = |option: &&str| {
        let of_lists = (request.method() == Method::Subscribe).then_some(event_list::OPTION);
        let mut known = SUPPORTED.split(", ").chain([reliable::OPTION]).chain(of_lists);
        !option.is_empty() && !known.any(|known| known.eq_ignore_ascii_case(option))
    };
    let required = [HeaderName::Require, HeaderName::ProxyRequire];
    let unknown: Vec<&str> =
        required.into_iter().flat_map(|name| request.values(name)).filter(is_unknown).collect();
    if !unknown.is_empty() {
        return Some(Unmet::Extension(unknown.join(", ")));
    }
    if !is_readable(request) {
        return Some(Unmet::Body);
    }
    refresh::is_too_brief(request).then_some(Unmet::Interval)
}

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
