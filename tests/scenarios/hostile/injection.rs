//! Headers and line ends that come in disguise: cases 18 and 34. Nothing that a phone writes beside the call itself reaches a
//! network, and no line end that came as data leaves as one.

use std::time::Duration;

use regex::Regex;
use trunkline::demo::OnInvite;
use trunkline::switch::setup::{RouteFrom, RouteSetup, RouteTo};
use trunkline_tests::Plan;

use super::{Letter, SDP, Siege, siege};

/// Spellings of header lines whose value must not reach a network (CVE-2020-28361).
const PLANTED: [&str; 22] = [
    "P-Asserted-Identity: <sip:evil@evil>\r\n",
    "P-Asserted-Identity : <sip:evil@evil>\r\n",
    "P-Asserted-Identity\t:\t<sip:evil@evil>\r\n",
    "p-asserted-identity:<sip:evil@evil>\r\n",
    "P-Asserted-Identity:\r\n <sip:evil@evil>\r\n",
    "P-Asserted-Identity: <sip:1001@pbx.example>\r\nP-ASSERTED-IDENTITY: <sip:evil@evil>\r\n",
    "Subject: x\r\n P-Asserted-Identity: <sip:evil@evil>\r\n",
    "Subject: x\rP-Asserted-Identity: <sip:evil@evil>\r\n",
    "X-Trunk: evil\r\n",
    "X-Trunk : evil\r\n",
    "x-trunk:evil\r\n",
    "X-Trunk:\r\n\tevil\r\n",
    "Diversion: <sip:evil@evil>;reason=unconditional\r\n",
    "diversion : <sip:evil@evil>\r\n",
    "Remote-Party-ID: \"evil\" <sip:evil@evil>;party=calling;screen=yes\r\n",
    "History-Info: <sip:evil@evil>;index=1\r\n",
    "Identity: evil\r\nDate: evil\r\n",
    "s: evil\r\nj: evil\r\nb: <sip:evil@evil>\r\n",
    "Record-Route: <sip:evil.evil;lr>\r\n",
    "Privacy: none\r\nP-Charging-Vector: icid-value=evil\r\nP-Access-Network-Info: evil\r\n",
    "Call-Info: <http://evil/>;purpose=icon\r\nAlert-Info: <http://evil/>\r\n",
    "User-Agent: evil\r\nOrganization: evil\r\nWarning: 399 evil \"evil\"\r\nServer: evil\r\n",
];

#[test]
fn case_18_headers_in_every_spelling() {
    let mut siege = siege(18);
    siege.lab.phone("carrier").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    for headers in PLANTED {
        let letter = Letter::invite("sip:0301234@pbx.example").by("sip:1001@pbx.example").with(headers);
        let before = siege.lab.ladder().count("engine", "carrier", "INVITE");
        siege.proves(&letter, "1001");
        siege.lab.run_ms(200);
        let after = siege.lab.ladder().count("engine", "carrier", "INVITE");
        if after > before {
            let invite =
                siege.lab.ladder().last("engine", "carrier", "INVITE").expect("it was sent").to_owned();
            assert!(!invite.to_lowercase().contains("evil"), "{headers:?}\n{invite}");
        }
        siege.lab.run(Duration::from_secs(1));
    }
    let sent = siege.lab.ladder().count("engine", "carrier", "INVITE");
    assert!(sent > 15, "most of them are calls: {sent}");
    siege.ends();
}

/// Any number is let through to the carrier, whatever is in it.
fn open_siege(seed: u64) -> Siege {
    let plan = Plan::seeded(seed).with(|setup| {
        setup.routes = vec![RouteSetup {
            from: RouteFrom::Line,
            pattern: Regex::new("(?s)^0(.+)$").expect("the pattern is written here"),
            to: RouteTo::Trunk("carrier".into()),
            number: Some("$1".to_owned()),
            is_emergency: false,
        }];
    });
    Siege::of(plan.build().with_registered(&["alice", "bob"]))
}

/// No line of a message begins like a header of Mallory's, and none has half an end in it.
fn assert_clean(text: &str) {
    let (head, _) = text.split_once("\r\n\r\n").expect("a head and a body");
    for line in head.split("\r\n") {
        assert!(!line.starts_with("X-Evil") && !line.starts_with("Via: evil"), "{text}");
        assert!(!line.contains(['\r', '\n']), "{text:?}");
    }
}

#[test]
fn case_34_line_ends_in_numbers_and_names() {
    let mut siege = open_siege(34);
    siege.lab.phone("carrier").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    let hostile = "%0d%0aX-Evil:%20yes%0d%0a%0d%0aINVITE%20sip:evil%20SIP/2.0%0d%0a";
    for (uri, display) in [
        (format!("sip:030{hostile}@pbx.example"), String::new()),
        (format!("sip:030%00{hostile}@pbx.example"), String::new()),
        (format!("sip:030%0a%0aX-Evil%3a1@pbx.example;x={hostile}"), String::new()),
        ("sip:0301@pbx.example".to_owned(), "\"a\\\r\\\nX-Evil: 1\" ".to_owned()),
        ("sip:0301@pbx.example".to_owned(), "\"a\u{85}\u{2028}X-Evil: 1\u{1b}[2J\" ".to_owned()),
        ("sip:0301@pbx.example".to_owned(), "\"a\\\0b\" ".to_owned()),
    ] {
        let plain = Letter::invite(&uri).by("sip:1001@pbx.example");
        for letter in [Letter { display, ..plain.clone() }, plain] {
            siege.proves(&letter, "1001");
            siege.lab.run_ms(200);
        }
    }
    let sent = siege.lab.ladder().texts("engine", "carrier");
    assert!(sent.iter().filter(|text| text.starts_with("INVITE")).count() >= 3, "{sent:?}");
    sent.iter().for_each(|text| assert_clean(text));
    assert!(!sent.iter().any(|text| text.contains('\0')), "{sent:?}");
    let back = siege.lab.ladder().texts("engine", "mallory");
    back.iter().for_each(|text| assert_clean(text));
    siege.ends();
}

/// What a phone says of its user goes through lamps and caller names; none of it begins a line.
#[test]
fn case_34_line_ends_in_bodies() {
    let mut siege = siege(34);
    siege.lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::ZERO);
    let letter = Letter::invite("sip:1002@pbx.example").by("sip:1001@pbx.example");
    let sdp = SDP.replace("s=-", "s=\u{1b}]0;evil\u{7}").replace("o=- 1 1", "o=evil\0evil 1 1");
    let answers = siege.proves(&Letter { body: sdp, ..letter.clone() }, "1001");
    assert!(answers.iter().any(|answer| answer.status() >= 400), "a NUL in a description is no description");
    let sdp = format!("{SDP}a=x:1\ra=evil:2\r\n");
    let answers = siege.proves(&Letter { body: sdp, ..letter }, "1001");
    assert!(answers.iter().any(|answer| answer.status() >= 400), "nor is a bare CR");
    assert_eq!(siege.lab.ladder().count("engine", "bob", "INVITE"), 0);
    siege.ends();
}
