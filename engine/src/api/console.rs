//! The web console at `/`: what `console/` builds, in the daemon itself. It needs no token, as it tells nothing: what it shows it
//! reads by the API, as the application whose token the operator types.

use std::hash::{DefaultHasher, Hasher};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Shared;

/// One file of the console.
#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

/// All of them. Nothing else is served but by the API.
const FILES: [File; 4] = [
    File {
        path: "/",
        kind: "text/html; charset=utf-8",
        content: include_bytes!("../../../console/dist/index.html"),
    },
    File {
        path: "/console.js",
        kind: "text/javascript; charset=utf-8",
        content: include_bytes!("../../../console/dist/console.js"),
    },
    File {
        path: "/style.css",
        kind: "text/css; charset=utf-8",
        content: include_bytes!("../../../console/dist/style.css"),
    },
    File {
        path: "/icon.svg",
        kind: "image/svg+xml",
        content: include_bytes!("../../../console/dist/icon.svg"),
    },
];

/// A page of the daemon's may load what is the daemon's, run no text as a script, and be in no other page.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; \
                      require-trusted-types-for 'script'";

/// Its routes.
pub(super) fn routes() -> Router<Shared> {
    FILES.into_iter().fold(Router::new(), |router, file| {
        let tag = tag(file.content);
        router.route(
            file.path,
            get(move |headers: HeaderMap| {
                let answer = answer(file, &tag, &headers);
                async { answer }
            }),
        )
    })
}

fn answer(file: File, tag: &str, headers: &HeaderMap) -> Response {
    let head = [
        (CONTENT_TYPE, file.kind),
        (ETAG, tag),
        // Asked for again each time, and sent again when the daemon is another.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    if knows(headers, tag) {
        return (StatusCode::NOT_MODIFIED, head, ()).into_response();
    }
    (head, Bytes::from_static(file.content)).into_response()
}

/// Whether the client has this version (RFC 9110 §13.1.2).
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// Another content has another tag: it protects nothing, so no cryptography is needed.
fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::str;

    use super::*;

    /// What a page names must be served, and by this daemon.
    #[test]
    fn the_page_names_nothing_but_files_of_the_table() {
        let page = str::from_utf8(FILES[0].content).unwrap();
        let named = page.split(['"', '\'']).filter(|text| text.starts_with('/') || text.contains("://"));
        let named: Vec<_> = named.filter(|text| !text.contains('>')).collect();
        assert_eq!(named, ["/icon.svg", "/style.css", "/console.js"]);
        assert!(named.iter().all(|path| FILES.iter().any(|file| file.path == *path)));
        assert!(!page.contains("<style") && !page.contains("style=") && page.matches("<script").count() == 1);
    }

    #[test]
    fn a_style_sheet_fetches_nothing() {
        let style = str::from_utf8(FILES[2].content).unwrap();
        assert!(!style.contains("url(") && !style.contains("@import"));
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let tag = tag(FILES[1].content);
        let status = |known: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
            answer(FILES[1], &tag, &headers).status()
        };
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            assert_eq!(status(&known), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(status("\"x\""), StatusCode::OK);
        assert_eq!(answer(FILES[1], &tag, &HeaderMap::new()).status(), StatusCode::OK);
    }
}
