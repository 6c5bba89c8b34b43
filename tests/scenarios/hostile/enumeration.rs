//! Who exists, and what his password is: cases 12, 14, 15 and 16.

use std::time::Duration;

use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::Plan;

use super::{Letter, MALLORY, Siege, answer, password_of, siege, status};

/// What an answer shows of who was asked for: status, headers in their order, and how long it is.
fn shape(answers: &[Message]) -> Vec<(u16, Vec<String>, usize)> {
    let names = |answer: &Message| {
        answer.headers().map(|(_, name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    };
    answers.iter().map(|answer| (answer.status(), names(answer), answer.bytes().len())).collect()
}

/// Requests to somebody, and in his name.
fn requests(user: &str) -> Vec<Letter> {
    let uri = format!("sip:{user}@pbx.example");
    let methods = [
        "INVITE",
        "OPTIONS",
        "SUBSCRIBE",
        "MESSAGE",
        "PUBLISH",
        "REFER",
        "NOTIFY",
        "INFO",
        "UPDATE",
        "PRACK",
        "BYE",
        "FOO",
    ];
    let all = methods.into_iter().flat_map(|method| {
        let to = Letter::new(method, &uri).with("Event: dialog\r\nRefer-To: <sip:1@a>\r\n");
        [to.clone(), to.by(&uri)]
    });
    [Letter::register(user), Letter::register(user).by("sip:mallory@evil.example")]
        .into_iter()
        .chain(all)
        .collect()
}

/// A line with a phone, one without, one that has none, and nobody: all are answered alike.
#[test]
fn case_14_enumeration_by_answer() {
    let mut siege = siege(14);
    let mut shapes: Vec<Vec<_>> = Vec::new();
    for user in ["1001", "1004", "2001", "9999"] {
        siege.serial = 100;
        let mut of_user = Vec::new();
        for letter in requests(user) {
            of_user.push((letter.method.clone(), shape(&siege.says(&letter))));
        }
        shapes.push(of_user);
    }
    for other in &shapes[1..] {
        assert_eq!(&shapes[0], other);
    }
    assert!(shapes[0].iter().all(|(_, answers)| answers.len() == 1), "{:?}", shapes[0]);
    assert_eq!(siege.lab.ladder().count("engine", "alice", "INVITE"), 0);
    siege.ends();
}

/// The same with a password that is wrong.
#[test]
fn case_14_enumeration_by_the_answer_to_a_guess() {
    let makes: [fn(&str) -> Letter; 2] = [Letter::register, |user: &str| {
        let uri = format!("sip:{user}@pbx.example");
        Letter::invite("sip:1002@pbx.example").by(&uri)
    }];
    for make in makes {
        let shapes = ["1001", "1004", "2001", "9999"].map(|user| {
            let mut siege = siege(14);
            let shape = shape(&siege.proves_with(&make(user), user, "guess"));
            assert_eq!(shape[0].0, 403);
            siege.ends();
            shape
        });
        assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    }
}

/// An answer that was overheard is worth nothing a second time, to whichever worker it comes.
#[test]
fn case_12_replay() {
    let mut siege = Siege::of(Plan::seeded(12).workers(3).build().with_registered(&["alice", "bob"]));
    let letter = Letter::register("1003");
    let challenge = siege.says(&letter);
    let overheard = answer(&challenge[0], &letter, "1003", &password_of("1003"));
    assert_eq!(status(&siege.says_again(&letter, &overheard)), 200);
    assert_eq!(siege.lab.told("crm", "registration").len(), 1);
    for _ in 0..20 {
        siege.serial = (siege.serial | 1) + 1;
        let bytes = letter.clone().with("Expires: 0\r\n").write(siege.serial, MALLORY, &overheard);
        let answers = siege.sends(bytes);
        assert_eq!(status(&answers), 401);
        assert!(
            answers[0].value(HeaderName::WwwAuthenticate).is_some_and(|value| value.contains("stale=true"))
        );
    }
    assert_eq!(siege.lab.told("crm", "registration"), [""; 0]);
    siege.ends();
}

/// Ten guesses are checked, the eleventh is not, not even where it is right; the owner registers from where he is.
#[test]
fn case_15_password_guessing() {
    let mut siege = siege(15);
    for guess in 0..30 {
        assert_eq!(
            status(&siege.proves_with(&Letter::register("1003"), "1003", &format!("guess-{guess}"))),
            403
        );
    }
    assert_eq!(siege.insists(&Letter::register("1003"), "1003"), 403, "not even the right one");
    siege.lab.register("carol");
    siege.lab.run_ms(500);
    assert!(siege.lab.phone("carol").is_registered(), "the owner is elsewhere");
    siege.lab.run(Duration::from_secs(60));
    assert_eq!(siege.insists(&Letter::register("1003"), "1003"), 200, "a minute later it is heard again");
    siege.ends();
}

/// UDP lets anybody write the owner's address as his own: guesses under it lock nobody out.
#[test]
fn case_15_guessing_under_the_address_of_the_owner() {
    let mut siege = siege(15);
    let letter = Letter::register("1003");
    let challenge = siege.says(&letter).remove(0);
    // Carol's phone is at 10.0.1.3.
    for guess in 0..40 {
        let authorization = answer(&challenge, &letter, "1003", &format!("guess-{guess}"));
        let bytes = letter.write(1_000 + guess, "10.0.1.3:5999", &authorization);
        siege.lab.forges("10.0.1.3:5999", bytes);
        siege.lab.run_ms(20);
    }
    let mut answers = |word| siege.lab.ladder().count("engine", "10.0.1.3:5999", word);
    assert_eq!([answers("401"), answers("403")], [40, 0], "nor is he accused of them");
    siege.lab.register("carol");
    siege.lab.run_ms(500);
    assert!(siege.lab.phone("carol").is_registered());
    siege.ends();
}

#[test]
fn case_16_methods_without_a_password() {
    let mut siege = siege(16);
    for method in ["INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "REFER"] {
        for from in ["sip:1001@pbx.example", "sip:carrier@10.0.1.6", "sip:mallory@evil.example"] {
            let letter = Letter::new(method, "sip:1002@pbx.example").by(from);
            let letter = letter.with("Event: dialog\r\nRefer-To: <sip:0301@pbx.example>\r\n");
            assert_eq!(siege.asks(&letter), 401, "{method} {from}");
        }
    }
    assert_eq!(siege.asks(&Letter::register("1003")), 401);
    for phone in ["alice", "bob", "carrier"] {
        let texts = ["INVITE", "MESSAGE", "NOTIFY", "REFER"]
            .map(|word| siege.lab.ladder().count("engine", phone, word));
        assert_eq!(texts, [0; 4], "{phone}");
    }
    siege.ends();
}
