//! Calls at other people's cost: cases 20, 21 and 23.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline_sip::message::HeaderName;

use super::{Letter, Siege, siege};

/// INVITEs that left by a trunk, or for a host that is nobody's business.
fn left(siege: &mut Siege) -> u32 {
    ["carrier", "overseas", "10.0.1.7:5060", "10.9.9.9:5060", "169.254.169.254:5060"]
        .map(|to| siege.lab.ladder().count("engine", to, "INVITE"))
        .iter()
        .sum()
}

/// Targets that would cost money, or lead elsewhere.
const TARGETS: [&str; 10] = [
    "sip:0301234@pbx.example",
    "sip:0301234@10.0.0.1",
    "sip:900666@10.0.1.6",
    "sip:900666@10.9.9.9",
    "sip:1@evil.example",
    "sip:0301234@pbx.example;maddr=10.9.9.9",
    "sip:0301234%40carrier@pbx.example",
    "sip:carrier@pbx.example",
    "tel:+4930900666",
    "sips:0301234@pbx.example",
];

#[test]
fn case_20_open_relay() {
    let mut siege = siege(20);
    for uri in TARGETS {
        let plain = Letter::invite(uri);
        for letter in [
            plain.clone(),
            plain.clone().with("Route: <sip:10.9.9.9;lr>\r\n"),
            plain.clone().with("Route: <sip:10.0.0.1;lr>, <sip:10.0.1.6;lr>\r\n"),
            plain.clone().by("sip:1001@pbx.example"),
            plain.by("sip:overseas@10.0.1.7"),
        ] {
            let status = siege.asks(&letter);
            assert!([401, 404, 416].contains(&status), "{uri}: {status}");
        }
    }
    assert_eq!(left(&mut siege), 0);
    siege.ends();
}

/// A line calls out by its routes, and goes where they lead: no header and no host of the Request-URI adds to them.
#[test]
fn case_20_a_line_beyond_its_routes() {
    let mut siege = siege(20);
    for (uri, status) in [
        ("sip:666@pbx.example", 403),
        ("sip:900666@10.0.1.6", 404),
        ("sip:900666@10.9.9.9", 404),
        ("sip:carrier@pbx.example", 404),
        ("sip:0301234%40carrier@pbx.example", 404),
        ("sip:9555@pbx.example", 404),
    ] {
        for headers in ["", "Route: <sip:10.0.1.6;lr>\r\n", "Route: <sip:10.9.9.9;lr>, <sip:10.0.1.7;lr>\r\n"]
        {
            let letter = Letter::invite(uri).by("sip:1001@pbx.example").with(headers);
            assert_eq!(siege.insists(&letter, "1001"), status, "{uri} {headers}");
        }
    }
    assert_eq!(left(&mut siege), 0);
    // What it may call leaves by its own trunk, whatever Route and maddr say.
    siege.lab.phone("carrier").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    let letter = Letter::invite("sip:0301234@pbx.example;maddr=10.0.1.7").by("sip:1001@pbx.example");
    assert_eq!(siege.insists(&letter.with("Route: <sip:10.0.1.7;lr>\r\n"), "1001"), 486);
    let invite = siege.lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned();
    assert!(invite.starts_with("INVITE sip:301234@10.0.1.6") && !invite.contains("Route:"), "{invite}");
    assert_eq!(siege.lab.ladder().count("engine", "overseas", "INVITE"), 0);
    siege.ends();
}

/// The first trunk may send calls to the second by `9…`, the second may not; neither may do what only lines do.
#[test]
fn case_20_a_trunk_beyond_its_routes() {
    let mut siege = Siege::of_exchange(trunkline_tests::Lab::registered(20, &["alice", "bob"]));
    for uri in ["sip:0301234@pbx.example", "sip:*97@pbx.example", "sip:1@10.9.9.9;maddr=10.9.9.9"] {
        let answered = siege.says(&Letter::invite(uri).with("Route: <sip:10.9.9.9;lr>\r\n"));
        assert!(!answered.iter().any(|answer| answer.status() == 200), "{uri}");
        siege.lab.run_ms(300);
    }
    assert_eq!(siege.lab.ladder().count("engine", "carrier", "INVITE"), 0);
    assert_eq!(siege.lab.ladder().count("engine", "10.9.9.9:5060", "INVITE"), 0);
    siege.lab.run(Duration::from_secs(3));
    siege.ends();
}

/// A REFER outside a dialog moves nothing, whoever sends it.
#[test]
fn case_21_refer_outside_a_dialog() {
    let mut siege = siege(21);
    for to in [
        "0301234@pbx.example",
        "666@pbx.example",
        "x@169.254.169.254",
        "0301234@pbx.example?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2",
    ] {
        let letter = Letter::new("REFER", "sip:1002@pbx.example").with(&format!("Refer-To: <sip:{to}>\r\n"));
        assert_eq!(siege.asks(&letter), 401, "{to}");
        let status = siege.insists(&letter.by("sip:1001@pbx.example"), "1001");
        assert!([400, 403, 404, 481, 603].contains(&status), "{to}: {status}");
    }
    assert_eq!(left(&mut siege), 0);
    assert_eq!(siege.lab.ladder().count("engine", "bob", "INVITE"), 0);
    siege.ends();
}

/// The rights of a REFER are those of the line; of what its Refer-To says beside the number, nothing is sent on.
#[test]
fn case_21_refer_beyond_the_rights_of_the_line() {
    let mut siege = siege(21);
    siege.lab.connected_call("alice", "bob");
    for to in ["666", "900666", "900666@10.9.9.9;x=", "carrier", "x@169.254.169.254;x=", "1001"] {
        siege.lab.does("alice", |phone, now, out| phone.transfer(now, to, out));
        siege.lab.run_ms(500);
        assert_eq!(left(&mut siege), 0, "{to}");
    }
    siege.lab.expect_talk("alice", "bob");
    let to = "0301234@10.0.1.7?Route=%3Csip%3A10.0.1.7%3Blr%3E&Authorization=Digest%20x&P-Asserted-Identity=%3Csip%3A1@a%3E&x=";
    siege.lab.does("alice", |phone, now, out| phone.transfer(now, to, out));
    siege.lab.run_ms(500);
    let invite = siege.lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned();
    assert!(invite.starts_with("INVITE sip:301234@10.0.1.6"), "{invite}");
    for planted in ["10.0.1.7", "Route:", "Authorization:", "sip:1@a"] {
        assert!(!invite.contains(planted), "{planted}: {invite}");
    }
    siege.lab.answer("carrier");
    siege.lab.run_ms(1_000);
    siege.lab.expect_talk("bob", "carrier");
    siege.lab.hang_up("bob");
    siege.lab.run_ms(500);
    siege.ends();
}

/// A thousand REFERs in one dialog, to the own line and to one that rings: one at most is under way.
#[test]
fn case_21_a_thousand_refers() {
    let mut siege = Siege::of(trunkline_tests::Lab::registered(21, &["alice", "bob", "carol"]));
    siege.lab.connected_call("alice", "bob");
    for number in 0..1_000 {
        let to = if number % 2 == 0 { "1001" } else { "1003" };
        siege.lab.does("alice", |phone, now, out| phone.transfer(now, to, out));
        if number % 50 == 0 {
            siege.lab.run_ms(20);
        }
    }
    siege.lab.run_ms(500);
    assert!(siege.lab.ladder().count("engine", "carol", "INVITE") <= 1);
    for phone in ["alice", "bob", "carol"].repeat(3) {
        siege.lab.hang_up(phone);
        siege.lab.run(Duration::from_secs(1));
    }
    siege.ends();
}

/// Contacts that lead to the engine or nowhere, and more of them than there are phones.
#[test]
fn case_23_contact_and_path_poisoning() {
    let mut siege = siege(23);
    let register = |headers: &str| Letter::register("1004").with(headers);
    let many = |count: usize| -> String {
        (0..count).map(|contact| format!("Contact: <sip:{contact}@10.9.9.9>\r\n")).collect()
    };
    let paths = "Path: <sip:10.9.9.9;lr>\r\n".repeat(50);
    for (headers, statuses) in [
        ("Contact: <sip:1004@10.0.0.1>\r\n".to_owned(), [403, 403]),
        ("Contact: <sip:1004@10.0.0.1:5060;transport=tcp>\r\n".to_owned(), [403, 403]),
        (many(11), [403, 403]),
        (many(500), [400, 400]),
        (format!("Contact: <sip:1004@10.0.66.6>\r\n{paths}"), [400, 403]),
        ("Contact: <sip:1004@10.0.66.6>;expires=1\r\n".to_owned(), [423, 423]),
        ("Contact: *\r\nExpires: 5\r\n".to_owned(), [400, 400]),
        ("Contact: <sip:1004@10.0.66.6\r\n".to_owned(), [400, 400]),
    ] {
        let status = siege.insists(&register(&headers), "1004");
        assert!(statuses.contains(&status), "{status}: {}", &headers[..headers.len().min(80)]);
    }
    assert_eq!(siege.lab.told("crm", "registration"), [""; 0], "all of it or nothing");

    let forever = register("Contact: <sip:1004@10.0.66.6>;expires=4294967296\r\n");
    let answers = siege.proves(&forever, "1004");
    let contact = answers[0].value(HeaderName::Contact).expect("it is bound").to_owned();
    assert!(contact.ends_with(";expires=7200"), "{contact}");
    // A contact that names a trunk: what rings is the place that registered it.
    let at_trunk = register("Contact: <sip:900666@10.0.1.6>\r\n");
    assert_eq!(siege.insists(&at_trunk, "1004"), 200);
    siege.lab.call("alice", "1004");
    siege.lab.run_ms(300);
    assert_eq!(left(&mut siege), 0);
    assert!(siege.lab.ladder().count("engine", "mallory", "INVITE") > 0);
    siege.lab.hang_up("alice");
    siege.lab.run(Duration::from_secs(40));
    siege.ends();
}

/// Two lines that forward to each other: the caller hears of it at once.
#[test]
fn case_23_a_loop_of_lines() {
    let mut siege = Siege::of(trunkline_tests::Lab::registered(23, &["alice", "bob", "carol", "dave"]));
    for (phone, to) in [("carol", "1004"), ("dave", "1003")] {
        let script = &mut siege.lab.phone(phone).script;
        script.on_invite = OnInvite::Refuse(302, Duration::ZERO);
        script.redirects_to = format!("<sip:{to}@pbx.example>");
    }
    siege.lab.call("alice", "1003");
    siege.lab.run(Duration::from_secs(5));
    assert!(matches!(siege.lab.status("alice"), Status::Over(400..=499)), "{:?}", siege.lab.status("alice"));
    let rung = ["carol", "dave"].map(|phone| siege.lab.ladder().count("engine", phone, "INVITE"));
    assert!(rung.iter().sum::<u32>() <= 12, "{rung:?}");
    siege.ends();
}
