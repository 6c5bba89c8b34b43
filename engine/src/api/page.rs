//! Long lists by pieces: `?limit=N` takes so many, `?after=CURSOR` goes on behind one, and a `Link` header leads to what is next
//! (RFC 8288). The body is an array in any case.

use std::num::NonZeroU16;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::header::LINK;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::Shared;
use super::arguments::TEXT_BYTES_MAX;
use super::problem::Problem;

/// Which piece of a list is wanted; by default all of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many entries at most; left out: all.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<NonZeroU16>,
    /// The cursor that the `Link` header of the piece before has: the list goes on behind it.
    #[param(max_length = 256)]
    after: Option<String>,
}

impl FromRequestParts<Shared> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let query: Result<Query<Self>, QueryRejection> = Query::from_request_parts(parts, shared).await;
        let Ok(Query(page)) = query else {
            return Err(Self::wrong("limit", LIMIT));
        };
        if page.limit.is_some_and(|limit| limit.get() > LIMIT_MAX) {
            return Err(Self::wrong("limit", LIMIT));
        }
        if page.after.as_ref().is_some_and(|after| after.len() > TEXT_BYTES_MAX) {
            return Err(Self::wrong("after", NOWHERE));
        }
        Ok(page)
    }
}

impl Page {
    fn wrong(field: &str, detail: &str) -> Problem {
        Problem::invalid(StatusCode::BAD_REQUEST, detail).at_field(field)
    }

    /// Whether all of the list is wanted.
    pub(super) const fn is_all(&self) -> bool {
        self.limit.is_none() && self.after.is_none()
    }

    /// Of a list whose entries stay where they are, by names: what is behind the one that the cursor names.
    pub(super) fn of_named<T>(
        &self,
        path: &str,
        mut all: Vec<T>,
        name: impl Fn(&T) -> String,
    ) -> Result<Listed<T>, Problem> {
        if let Some(after) = &self.after {
            let known = all.iter().position(|one| name(one) == *after);
            let known = known.ok_or_else(|| Self::wrong("after", NOWHERE))?;
            all.drain(..=known);
        }
        Ok(self.cut(path, all, name))
    }

    /// Of a list in the order of its cursors, whose entries come and go: what is behind the place of the cursor, whether there is
    /// still something at it or not.
    pub(super) fn of_ordered<T, K: Ord>(
        &self,
        path: &str,
        mut all: Vec<T>,
        key: impl Fn(&T) -> K,
        parse: impl Fn(&str) -> Option<K>,
        name: impl Fn(&T) -> String,
    ) -> Result<Listed<T>, Problem> {
        if let Some(after) = &self.after {
            let after = parse(after).ok_or_else(|| Self::wrong("after", NOWHERE))?;
            all.retain(|one| key(one) > after);
        }
        Ok(self.cut(path, all, name))
    }

    fn cut<T>(&self, path: &str, mut all: Vec<T>, name: impl Fn(&T) -> String) -> Listed<T> {
        let Some(limit) = self.limit.map(|limit| usize::from(limit.get())) else {
            return Listed { entries: all, next: None };
        };
        let is_more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| is_more);
        let next = last.map(|last| format!("{path}?limit={limit}&after={}", encoded(&name(last))));
        Listed { entries: all, next }
    }
}

/// A list, or a piece of it.
#[derive(Debug)]
pub(super) struct Listed<T> {
    entries: Vec<T>,
    /// Where the next piece is.
    next: Option<String>,
}

impl<T> Listed<T> {
    /// The same list of something made of each entry.
    pub(super) fn map<U>(self, make: impl FnMut(T) -> U) -> Listed<U> {
        Listed { entries: self.entries.into_iter().map(make).collect(), next: self.next }
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.entries).into_response();
        let link = self.next.and_then(|next| HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok());
        if let Some(link) = link {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}

/// What may stand in a query as it is (RFC 3986 §2.3); all else by its octets.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// Entries of a piece at most.
pub(super) const LIMIT_MAX: u16 = 1000;

const LIMIT: &str = "limit is how many entries are wanted, 1 to 1000.";
const NOWHERE: &str =
    "after is the cursor that the Link header of the piece before has; what it names is gone: begin anew.";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(limit: u16, after: Option<&str>) -> Page {
        Page { limit: NonZeroU16::new(limit), after: after.map(str::to_owned) }
    }

    #[test]
    fn the_document_and_the_limit_agree() {
        let params = serde_json::to_value(Page::into_params(|| None)).unwrap();
        assert_eq!(params[0]["name"], "limit");
        assert_eq!(params[0]["schema"]["maximum"], json!(LIMIT_MAX));
        assert_eq!(params[1]["schema"]["maxLength"], json!(TEXT_BYTES_MAX));
        assert!(LIMIT.contains(&LIMIT_MAX.to_string()));
    }

    #[test]
    fn the_pieces_of_a_list_are_the_list() {
        let all: Vec<String> = (0..10).map(|n| format!("line {n}/ü")).collect();
        let mut found = Vec::new();
        let mut after = None;
        for pieces in 1.. {
            let listed = page(3, after.as_deref()).of_named("/v1/lines", all.clone(), String::clone).unwrap();
            found.extend(listed.entries.clone());
            let Some(next) = listed.next else {
                assert_eq!(pieces, 4);
                break;
            };
            assert!(next.starts_with("/v1/lines?limit=3&after=line%20"), "{next}");
            assert!(next.ends_with("%2F%C3%BC"), "{next}");
            after = listed.entries.last().cloned();
        }
        assert_eq!(found, all);
        // A piece that takes the rest just so leads nowhere.
        assert_eq!(page(10, None).of_named("/", all.clone(), String::clone).unwrap().next, None);
        let whole = Page::default().of_named("/", all.clone(), String::clone).unwrap();
        assert_eq!((whole.entries, whole.next), (all.clone(), None));
        assert!(page(3, Some("gone")).of_named("/", all, String::clone).is_err());
    }

    #[test]
    fn what_has_gone_meanwhile_does_not_break_an_ordered_list() {
        let parse = |text: &str| text.parse::<u32>().ok();
        let listed =
            page(2, Some("3")).of_ordered("/", vec![1, 2, 5, 7, 9], |n| *n, parse, u32::to_string).unwrap();
        assert_eq!((listed.entries, listed.next.as_deref()), (vec![5, 7], Some("/?limit=2&after=7")));
        assert!(page(2, Some("x")).of_ordered("/", vec![1], |n| *n, parse, u32::to_string).is_err());
    }
}
