//! Little sent, much answered: case 32.

use std::time::Duration;

use super::{Letter, MALLORY, Siege, siege};

/// A datagram whose source is made up is answered once, at that source, with at most twice its bytes, or 600.
#[test]
fn case_32_amplification() {
    let methods = [
        "INVITE",
        "OPTIONS",
        "REGISTER",
        "SUBSCRIBE",
        "MESSAGE",
        "PUBLISH",
        "REFER",
        "NOTIFY",
        "INFO",
        "UPDATE",
        "PRACK",
        "BYE",
        "CANCEL",
        "FOO",
        "ACK",
    ];
    let extras = [
        "",
        "Require: a, b, c\r\n",
        "Event: dialog\r\nAccept: a/b\r\n",
        "Proxy-Require: x\r\n",
        "Content-Type: text/x\r\nContent-Encoding: gzip\r\n",
        "Contact: <sip:victim@10.9.9.9>\r\nRecord-Route: <sip:10.9.9.9;lr>\r\n",
    ];
    let mut siege = siege(32);
    for method in methods {
        for extra in extras {
            for pad in [0, 100, 200] {
                let letter = Letter::new(method, "sip:1@pbx.example").with(extra);
                let text = letter.write(10, MALLORY, "");
                let text = String::from_utf8(text.to_vec()).expect("it is text");
                let text = text.replace("5@evil", &format!("{}@evil", "x".repeat(pad + 1)));
                let text = text
                    .replace(";rport", ";maddr=10.9.9.9;rport")
                    .replace("z9hG4bK-10", &format!("z9hG4bK{method}{pad}{}", extra.len()));
                let asked = text.len();
                siege.lab.received("mallory");
                siege.lab.sends_bytes("mallory", text.into());
                siege.lab.run(Duration::from_secs(35));
                let answers = siege.lab.received("mallory");
                assert!(answers.len() <= 1, "{method} {extra}: {answers:?}");
                let answered: usize = answers.iter().map(String::len).sum();
                assert!(
                    answered <= (2 * asked).max(600),
                    "{method} {extra}: {asked} -> {answered}\n{answers:?}"
                );
            }
        }
    }
    assert_eq!(siege.lab.ladder().texts("engine", "10.9.9.9:5060"), [""; 0]);
    siege.ends();
}

/// Who subscribes names somebody else as his Contact: what is told goes to where he has proven himself from.
#[test]
fn case_32_notify_to_somebody_else() {
    let mut siege: Siege = siege(32);
    let letter = Letter::new("SUBSCRIBE", "sip:1002@pbx.example").by("sip:1001@pbx.example");
    let letter = letter.with("Event: dialog\r\nExpires: 600\r\nContact: <sip:victim@10.9.9.9:5060>\r\n");
    let answers = siege.proves(&letter, "1001");
    assert!(answers.iter().any(|answer| !answer.is_request() && answer.status() == 200), "{answers:?}");
    siege.lab.run(Duration::from_secs(2));
    siege.lab.call("carrier", "1002");
    siege.lab.run(Duration::from_secs(2));
    siege.lab.hang_up("carrier");
    siege.lab.run(Duration::from_secs(120));
    assert!(siege.lab.ladder().count("engine", "mallory", "NOTIFY") > 0, "it was told there");
    assert_eq!(siege.lab.ladder().texts("engine", "10.9.9.9:5060"), [""; 0]);
    siege.ends();
}
