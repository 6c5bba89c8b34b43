//! Which transaction a message belongs to (RFC 3261 §17.1.3 and §17.2.3).

use smallvec::SmallVec;

use crate::message::{Glance, Message, Method, Via};
use crate::token::{COOKIE, Token};

/// A client transaction: the branch we made, and whether it is the CANCEL that shares it with an INVITE.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ClientKey {
    /// The random bits of the branch.
    pub(crate) branch: u64,
    /// Whether the request is CANCEL.
    pub(crate) is_cancel: bool,
}

impl ClientKey {
    /// The key of a request with this branch.
    pub(crate) const fn new(branch: Token, method: Method) -> Self {
        Self { branch: branch.bits, is_cancel: matches!(method, Method::Cancel) }
    }

    /// The transaction that a response answers, if the branch is one that this worker made.
    pub(crate) fn of_response(response: &Message, worker: u16) -> Option<Self> {
        let branch = Token::parse_branch(response.via()?.branch())?;
        (branch.worker == worker).then(|| Self::new(branch, response.cseq().method))
    }
}

/// A server transaction: branch, sent-by and method of a request, as bytes to compare.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ServerKey(SmallVec<[u8; 128]>);

impl ServerKey {
    /// The key of a request; an ACK and, where `of_invite` is set, a CANCEL have the key of their INVITE.
    ///
    /// A branch without the magic cookie says nothing alone: then Call-ID, From tag and CSeq number belong to the key.
    pub(crate) fn of_request(request: &Message, of_invite: bool) -> Option<Self> {
        let via = request.via()?;
        let method = if of_invite { "INVITE" } else { request.method_text() };
        Some(Self::of_parts(method, &via, || (request.call_id(), request.from_tag(), request.cseq().number)))
    }

    /// The same of an INVITE, or the ACK to one, that was only glanced at.
    pub(crate) fn of_glance(request: &Glance<'_>) -> Self {
        let identity = || (request.call_id, request.from_tag, request.cseq);
        Self::of_parts(Method::Invite.name(), &request.via, identity)
    }

    fn of_parts<'a>(method: &str, via: &Via<'_>, identity: impl FnOnce() -> (&'a str, &'a str, u32)) -> Self {
        let mut key = SmallVec::<[u8; 128]>::new();
        let branch = via.branch();
        for part in [method, "\0", branch, "\0"] {
            key.extend_from_slice(part.as_bytes());
        }
        let host_at = key.len();
        key.extend_from_slice(via.host.as_bytes());
        key[host_at..].make_ascii_lowercase();
        key.extend_from_slice(&via.port.unwrap_or(5060).to_be_bytes());
        if !branch.starts_with(COOKIE) {
            let (call_id, from_tag, cseq) = identity();
            for part in [call_id, "\0", from_tag] {
                key.extend_from_slice(part.as_bytes());
            }
            key.extend_from_slice(&cseq.to_be_bytes());
        }
        Self(key)
    }
}
