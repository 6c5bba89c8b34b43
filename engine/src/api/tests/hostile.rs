//! Requests that no client sends: cases 34, 36 and 38 of SECURITY.md.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{MONITOR, OWNER, Stage};

/// Operations with a text in their argument, and an argument whose `X` is that text.
const TEXTS: [(&str, &str); 17] = [
    ("/v1/lines/1001/make-call", r#"{"to":"X"}"#),
    ("/v1/lines/1001/make-call", r#"{"to":"1002","calling_party":"X"}"#),
    ("/v1/lines/1001/forward", r#"{"entries":[{"mode":"uncond","destination":"X"}]}"#),
    (
        "/v1/lines/1001/forward",
        r#"{"entries":[{"mode":"uncondspecific","caller":"X","destination":"1002"}]}"#,
    ),
    ("/v1/lines/1001/pickup", r#"{"from":"X"}"#),
    ("/v1/lines/1001/pickup", r#"{"group":"X"}"#),
    ("/v1/lines/1001/unpark", r#"{"from":"X"}"#),
    ("/v1/calls/c1/dial", r#"{"digits":"X"}"#),
    ("/v1/calls/c1/redirect", r#"{"to":"X"}"#),
    ("/v1/calls/c1/blind-transfer", r#"{"to":"X"}"#),
    ("/v1/calls/c1/setup-transfer", r#"{"to":"X"}"#),
    ("/v1/calls/c1/setup-conference", r#"{"to":"X"}"#),
    ("/v1/calls/c1/prepare-add-to-conference", r#"{"to":"X"}"#),
    ("/v1/calls/c1/park", r#"{"mode":"directed","to":"X"}"#),
    ("/v1/calls/c1/handoff", r#"{"app":"X"}"#),
    ("/v1/calls/c1/generate-digits", r#"{"digits":"X"}"#),
    ("/v1/calls/c1/gather-digits", r#"{"count":1,"termination_digits":"X"}"#),
];

#[tokio::test]
async fn case_34_line_ends_in_arguments() {
    let stage = Stage::new().await;
    for (path, body) in TEXTS {
        for hostile in [r"1\r\nVia: x", r"1\n", r"\r", r"1\u0000", r"\u001b[2J", r"1\u007f", r"1\u0085"] {
            let answer = stage.post(path, OWNER, &body.replace('X', hostile)).await;
            assert_eq!(answer.problem(), (422, "invalparam".into()), "{path} {hostile}");
        }
        // Unescaped they are not even JSON.
        let answer = stage.post(path, OWNER, &body.replace('X', "1\r\nVia: x")).await;
        assert!(matches!(answer.problem().0, 400 | 422), "{path}");
    }
}

/// Sends bytes that may be no request, and reads what comes until the server closes or has nothing more to say.
async fn exchange(stage: &Stage, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(timeout(SILENCE, stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

const SILENCE: Duration = Duration::from_millis(300);

/// One request in another: whatever a server in front takes for a body, there is no line's name without a token.
#[tokio::test]
async fn case_36_request_smuggling() {
    let stage = Stage::new().await;
    let inner = "GET /v1/lines HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let head = "POST /v1/calls/c1/drop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer owner-token\r\n";
    let chunked = format!("0\r\n\r\n{inner}");
    let length = chunked.len();
    for lines in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding : chunked\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding:\tchunked, identity\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
        format!("Content-Length: +{length}\r\n"),
        format!("Content-Length: {length}, {length}\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999\r\n".to_owned(),
    ] {
        let answer = exchange(&stage, format!("{head}{lines}\r\n{chunked}").as_bytes()).await;
        assert!(!answer.contains("Reception"), "{lines}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 2, "{lines}: {answer}");
    }
}

#[tokio::test]
async fn case_36_tokens_that_are_nearly_right() {
    let stage = Stage::new().await;
    for token in [
        "",
        " ",
        "owner-toke",
        "owner-tokenn",
        "OWNER-TOKEN",
        "owner-token,monitor-token",
        "owner",
        "*",
        "null",
    ] {
        assert_eq!(stage.get("/v1/lines", token).await.problem().0, 401, "{token:?}");
    }
    for headers in [
        &[("Authorization", "Bearer owner-token"), ("Authorization", "Bearer monitor-token")][..],
        &[("Authorization", "Bearer")],
        &[("Authorization", "Token owner-token")],
        &[("X-Authorization", "Bearer owner-token")],
        &[("Proxy-Authorization", "Bearer owner-token")],
        &[("Cookie", "access_token=owner-token")],
    ] {
        assert_eq!(stage.ask("GET", "/v1/lines", headers, "").await.problem().0, 401, "{headers:?}");
    }
    for path in ["/v1/lines?access_token=owner-token", "/v1/lines?token=owner-token"] {
        assert_eq!(stage.ask("GET", path, &[], "").await.problem().0, 401, "{path}");
    }
}

/// What reads does not operate, whatever a header says that the method were.
#[tokio::test]
async fn case_36_method_override() {
    let stage = Stage::new().await;
    let authorization = format!("Bearer {OWNER}");
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let headers = [("Authorization", authorization.as_str()), (name, "POST")];
        let answer = stage.ask("GET", "/v1/calls/c1/drop", &headers, "").await;
        assert_eq!(answer.problem().0, 405, "{name}");
        let answer = stage.ask("GET", "/v1/calls/c1/drop?_method=POST", &headers, "").await;
        assert_eq!(answer.problem().0, 405, "{name}");
    }
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "FOO"] {
        let answer = stage.ask(method, "/v1/calls/c1/drop", &[("Authorization", &authorization)], "").await;
        assert_eq!(answer.problem().0, 405, "{method}");
    }
}

/// A page of another origin is told nothing, and not that it may ask.
#[tokio::test]
async fn case_36_cross_origin_requests() {
    let stage = Stage::new().await;
    let authorization = format!("Bearer {OWNER}");
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://"] {
        let preflight = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        for (method, headers) in [
            ("OPTIONS", &preflight[..]),
            ("GET", &[("Origin", origin), ("Authorization", authorization.as_str())]),
            (
                "POST",
                &[
                    ("Origin", origin),
                    ("Authorization", authorization.as_str()),
                    ("Content-Type", "text/plain"),
                ][..],
            ),
        ] {
            let answer = stage.ask(method, "/v1/calls/c1/drop", headers, "").await;
            assert_eq!(answer.problem().0, 403, "{method} {origin}");
            assert!(!answer.head.contains("access-control-allow"), "{}", answer.head);
        }
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::1].evil.example"] {
        let headers = [("Host", host), ("Authorization", authorization.as_str())];
        let status = stage.ask("GET", "/v1/lines", &headers, "").await.problem().0;
        assert!([400, 421].contains(&status), "{host}: {status}");
    }
}

/// Another tenant's calls and lines look like none, in every spelling of the path.
#[tokio::test]
async fn case_36_other_peoples_calls() {
    let stage = Stage::new().await;
    for path in [
        "/v1/lines/1002",
        "/v1/lines/1001/../1002",
        "/v1/lines/1001%2f..%2f1002",
        "/v1/lines/./1002",
        "/v1//lines/1002",
        "/v1/lines/1002/",
        "/v1/lines/1002%00",
        "/V1/LINES/1002",
        "/v1/calls/c18446744073709551616",
        "/v1/calls/c-1",
        "/v1/calls/c1%20",
    ] {
        let status = stage.get(path, MONITOR).await.problem().0;
        assert!(matches!(status, 404 | 405), "{path}: {status}");
    }
}

/// What is no HTTP is closed, with 400 or without a word, and the next client is served.
#[tokio::test]
async fn case_36_what_is_no_http() {
    let stage = Stage::new().await;
    let long_header = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let many_headers = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(5_000));
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(200_000));
    for bytes in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"INVITE sip:1001@localhost SIP/2.0\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost : localhost\n\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        long_header.as_bytes(),
        many_headers.as_bytes(),
        long_path.as_bytes(),
    ] {
        let answer = exchange(&stage, bytes).await;
        let is_refused =
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4");
        let shown = bytes[..bytes.len().min(60)].escape_ascii();
        assert!(is_refused, "{shown}: {answer}");
    }
    assert_eq!(stage.ask("GET", "/livez", &[], "").await.status, 200);
}

/// Who asks whether he may send a long body is told that he may not, and does not send it.
#[tokio::test]
async fn case_36_expect() {
    let stage = Stage::new().await;
    let authorization = format!("Bearer {OWNER}");
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Expect", "100-continue"),
        ("Content-Length", "2000000000"),
    ];
    assert_eq!(stage.ask("POST", "/v1/calls/c1/drop", &headers, "").await.problem().0, 413);
    let headers = [("Expect", "100-continue"), ("Content-Length", "2")];
    assert_eq!(
        stage.ask("POST", "/v1/calls/c1/drop", &headers, "").await.problem().0,
        401,
        "nobody is encouraged"
    );
}

/// Whoever asks for an operation names no file and no address to fetch, by whatever key other systems have for it.
#[tokio::test]
async fn case_38_files_and_addresses_of_others() {
    let stage = Stage::new().await;
    for (path, body) in TEXTS {
        let sound = body.replace('X', "1002");
        let fields = sound.strip_suffix('}').expect("an object");
        for key in
            ["file", "path", "url", "music", "moh", "prompt", "playlist", "record", "webhook", "callback"]
        {
            for value in
                ["../../etc/passwd", "file:///etc/passwd", "http://169.254.169.254/latest/", r"a\u0000b"]
            {
                let answer = stage.post(path, OWNER, &format!(r#"{fields},"{key}":"{value}"}}"#)).await;
                assert!(matches!(answer.problem().0, 400 | 422), "{path} {key} {value}");
            }
        }
    }
}
