//! Too much of everything: cases 28, 29, 30 and 33. It is refused, or drops, and the next call is as ever.

use std::time::{Duration, Instant};

use super::{EXCHANGE, Letter, MALLORY, SDP, Siege, siege, status};

/// A message as it is, but for what one case changes.
fn text(letter: &Letter, address: &str) -> String {
    String::from_utf8(letter.write(900, address, "").to_vec()).expect("it is text")
}

/// The same in a call of its own.
fn anew(text: &str, number: usize) -> bytes::Bytes {
    let text = text.replace("450@evil", &format!("{number}@evil"));
    text.replace("z9hG4bK-900", &format!("z9hG4bK-{number}x")).into()
}

#[test]
fn case_28_oversize() {
    let mut siege = siege(28);
    let plain = text(&Letter::invite("sip:1002@pbx.example"), MALLORY);
    let length = format!("Content-Length: {}", SDP.len());
    let headers =
        |headers: &str| plain.replacen("Max-Forwards: 70\r\n", &format!("Max-Forwards: 70\r\n{headers}"), 1);
    for (what, text, statuses) in [
        ("a length of 2 GB", plain.replace(&length, "Content-Length: 2000000000"), [400, 413]),
        ("beyond 64 bits", plain.replace(&length, "Content-Length: 99999999999999999999"), [400, 413]),
        ("negative", plain.replace(&length, "Content-Length: -1"), [400, 413]),
        ("doubled", plain.replace(&length, &format!("{length}\r\nContent-Length: 1")), [400, 400]),
        ("doubled, compact", plain.replace(&length, &format!("{length}\r\nl: 1")), [400, 400]),
        ("hexadecimal", plain.replace(&length, "Content-Length: 0x10"), [400, 400]),
        ("a long header", headers(&format!("X: {}\r\n", "x".repeat(9_000))), [400, 413]),
        ("a folded header", headers(&format!("X: x\r\n{}", " x\r\n".repeat(3_000))), [400, 413]),
        ("2000 headers", headers(&"X: x\r\n".repeat(2_000)), [400, 413]),
        ("1200 Vias", headers(&"v: SIP/2.0/UDP a\r\n".repeat(1_200)), [400, 413]),
        (
            "1200 Vias in a line",
            headers(&format!("v: SIP/2.0/UDP a{}\r\n", ",SIP/2.0/UDP a".repeat(500))),
            [400, 413],
        ),
        (
            "a long URI",
            plain.replace("INVITE sip:1002@", &format!("INVITE sip:{}@", "1".repeat(12_000))),
            [400, 414],
        ),
        ("a long method", plain.replace("INVITE", &"I".repeat(9_000)), [400, 501]),
        ("gzip", headers("Content-Encoding: gzip\r\n"), [401, 415]),
    ] {
        assert!(text.len() < 65_536, "{what}");
        let found = status(&siege.sends(text.into()));
        assert!(statuses.contains(&found), "{what}: {found}");
    }
    let longest = headers(&format!("X: {}\r\n", "x".repeat(8_000)).repeat(9));
    assert!(longest.len() > 65_536);
    let found = status(&siege.sends(longest.into()));
    assert!([0, 400, 413].contains(&found), "{found}");
    siege.ends();
}

/// Descriptions from a network that is trusted to call.
#[test]
fn case_29_sdp_bombs() {
    let mut siege = Siege::of_exchange(trunkline_tests::Lab::registered(29, &["alice", "bob"]));
    let payloads: String = (0..300).map(|number| format!(" {}", number % 128)).collect();
    let sections = "m=audio 4000 RTP/AVP 0\r\n".repeat(1_500);
    let candidates = "a=candidate:1 1 UDP 1 10.0.66.6 4000 typ host\r\n".repeat(450);
    let fmtp = format!("a=fmtp:0 {}\r\n", "x".repeat(31_000));
    for (what, body) in [
        ("1500 sections", format!("{SDP}{sections}")),
        ("450 candidates", format!("{SDP}{candidates}")),
        ("300 formats", SDP.replace(" 0\r\n", &format!("{payloads}\r\n"))),
        ("no format", SDP.replace("RTP/AVP 0", "RTP/AVP")),
        ("a port that is none", SDP.replace("4000", "99999")),
        ("a long fmtp", format!("{SDP}{fmtp}{fmtp}")),
        ("600 lines", format!("{SDP}{}", "a=x\r\n".repeat(600))),
        ("a version that is none", SDP.replace("v=0", "v=4294967296")),
        ("no description", "x".repeat(20_000)),
    ] {
        let letter = Letter { body, ..Letter::invite("sip:1002@pbx.example") };
        let found = status(&siege.says(&letter));
        assert!([400, 413, 415, 488].contains(&found), "{what}: {found}");
    }
    assert_eq!(siege.lab.ladder().count("engine", "bob", "INVITE"), 0);
    siege.ends();
}

/// What broke other parsers: numbers at their ends, parts in parts, quotes that never close.
#[test]
fn case_30_parser_classics() {
    let mut siege = Siege::of_exchange(trunkline_tests::Lab::registered(30, &["alice", "bob"]));
    let plain = text(&Letter::invite("sip:1002@pbx.example"), EXCHANGE);
    let nested = |depth: usize| {
        let mut body = SDP.to_owned();
        for level in 0..depth {
            body = format!(
                "--b{level}\r\nContent-Type: multipart/mixed;boundary=b{}\r\n\r\n{body}\r\n--b{level}--\r\n",
                level.wrapping_sub(1)
            );
        }
        body
    };
    let multipart = |boundary: &str, body: String| {
        let letter = Letter { body, headers: String::new(), ..Letter::invite("sip:1002@pbx.example") };
        text(&letter.with(&format!("Content-Type: multipart/mixed;boundary={boundary}\r\n")), EXCHANGE)
    };
    for (number, (what, text)) in [
        ("CSeq beyond 32 bits", plain.replace("CSeq: 900", "CSeq: 4294967296")),
        ("CSeq beyond 64 bits", plain.replace("CSeq: 900", "CSeq: 99999999999999999999999")),
        ("a negative CSeq", plain.replace("CSeq: 900", "CSeq: -1")),
        ("CSeq of another method", plain.replace("CSeq: 900 INVITE", "CSeq: 900 BYE")),
        ("Max-Forwards beyond its range", plain.replace("Max-Forwards: 70", "Max-Forwards: 99999999999")),
        (
            "50 long Accepts",
            plain.replace(
                "Max-Forwards",
                &format!("{}Max-Forwards", format!("Accept: {}\r\n", "a/b,".repeat(200)).repeat(50)),
            ),
        ),
        (
            "a To that never ends",
            plain.replace("To: <sip:1002@pbx.example>", &format!("To: \"{}", "\\".repeat(7_000))),
        ),
        (
            "a To of brackets",
            plain.replace("To: <sip:1002@pbx.example>", &format!("To: {}", "<".repeat(7_000))),
        ),
        ("parts in parts", multipart("b199", nested(200))),
        ("a boundary of 8 kB", multipart(&"b".repeat(7_000), format!("--{}\r\n", "b".repeat(20_000)))),
        ("an empty boundary", multipart("\"\"", "--\r\n--\r\n----\r\n".repeat(2_000))),
        ("a thousand parts", multipart("x", "--x\r\n\r\n".repeat(6_000))),
        ("a Via without host", plain.replace(EXCHANGE, "")),
        (
            "a port beyond 16 bits",
            plain.replace("Contact: <sip:mallory@10.0.1.6:5070>", "Contact: <sip:mallory@10.0.1.6:99999>"),
        ),
        (
            "an address of 9000 digits",
            plain.replace(
                "Contact: <sip:mallory@10.0.1.6:5070>",
                &format!("Contact: <sip:mallory@[{}]>", "1".repeat(7_000)),
            ),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let found = status(&siege.sends(anew(&text, number)));
        assert!(found == 0 || (400..600).contains(&found) || found == 180 || found == 100, "{what}: {found}");
        siege.lab.run_ms(200);
    }
    // Those that are calls after all ring until they are cancelled.
    siege.lab.run(Duration::from_secs(100));
    siege.ends();
}

/// The worst that fits into a datagram costs no more than a multiple of its length: what grew by its square would take minutes.
#[test]
fn case_33_algorithmic_complexity() {
    let mut siege = Siege::of_exchange(trunkline_tests::Lab::registered(33, &["alice", "bob"]));
    let plain = text(&Letter::invite("sip:1002@pbx.example"), EXCHANGE);
    let headers =
        |line: &str| plain.replacen("Max-Forwards: 70\r\n", &format!("Max-Forwards: 70\r\n{line}"), 1);
    let fill = |piece: &str| piece.repeat(8_000 / piece.len());
    let spread = |name: &str, piece: &str| headers(&format!("{name}: {}\r\n", fill(piece)).repeat(7));
    let mut hostile = vec![
        plain.replace("sip:1002@pbx", &format!("sip:{}@pbx", "1".repeat(2_000))),
        headers(&" \r\n".repeat(2_000)),
    ];
    for name in [
        "Via",
        "Contact",
        "Route",
        "Supported",
        "Diversion",
        "Authorization",
        "Accept",
        "Replaces",
        "Reason",
        "User-to-User",
        "Call-Info",
        "Subject",
    ] {
        for piece in [",", ";", "\\", "(", "\"", "<", ";a=b", "a,", "\"\\\"", "%", "=", " ", "<sip:a>,", "%0"]
        {
            hostile.push(spread(name, piece));
        }
    }
    let bodies = ["a=", "a=rtpmap:", "a=crypto:1 ", "c=IN IP4 ", "m=audio 1 RTP/AVP "];
    for start in bodies {
        let body = format!("{SDP}{start}{}\r\n", " 1;,/|".repeat(5_000));
        hostile.push(text(&Letter { body, ..Letter::invite("sip:1002@pbx.example") }, EXCHANGE));
    }
    let mut worst = (Duration::ZERO, "");
    for (number, text) in hostile.iter().enumerate() {
        let bytes = anew(text, number);
        let began = Instant::now();
        siege.sends(bytes);
        worst = worst.max((began.elapsed(), text.as_str()));
    }
    let (time, text) = worst;
    assert!(
        time < Duration::from_secs(2),
        "{time:?}, even in a build that is not optimised: {}",
        text.get(..2_000).unwrap_or(text)
    );
    siege.lab.run(Duration::from_secs(100));
    siege.ends();
}
