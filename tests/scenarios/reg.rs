//! Registrations as a phone of the line sees them (RFC 3680).

use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::{Lab, Plan};

use crate::desk::Desk;

/// `active: 10.0.66.7 registered, …`.
fn words(notify: &Message) -> String {
    assert_eq!(notify.content_type(), Some("application/reginfo+xml"));
    let body = String::from_utf8_lossy(notify.body()).into_owned();
    let value = |text: &str, name: &str| {
        let rest = text.split_once(&format!("{name}=\"")).map(|(_, rest)| rest).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let (line, contacts) = body.split_once("<registration ").expect("it is of one line");
    assert_eq!(value(line, "state"), "full");
    let told = contacts.split("<contact ").skip(1).map(|contact| {
        let host = contact.split('@').nth(1).unwrap_or_default().split(':').next().unwrap_or_default();
        format!("{host} {}", value(contact, "event"))
    });
    format!("{}: {}", value(contacts, "state"), told.collect::<Vec<_>>().join(", "))
}

fn told(lab: &mut Lab, desk: &mut Desk) -> Vec<String> {
    lab.run_ms(1_500);
    desk.told(lab).iter().map(words).collect()
}

#[test]
fn phones_of_a_line_come_and_go() {
    let mut lab = Plan::seeded(31).build();
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let mut soft = Desk::new(&mut lab, "soft", "10.0.66.8:5060");
    let subscribe = "Event: reg\nAccept: application/reginfo+xml\nExpires: 600\n";
    let dialog = desk.subscribes(&mut lab, "1004", subscribe);
    assert_eq!(told(&mut lab, &mut desk), ["init: "]);
    desk.asks(&mut lab, "REGISTER", "1004", "Expires: 600\n", "");
    assert_eq!(told(&mut lab, &mut desk), ["active: 10.0.66.7 registered"]);
    soft.asks(&mut lab, "REGISTER", "1004", "Expires: 60\n", "");
    assert_eq!(told(&mut lab, &mut desk), ["active: 10.0.66.7 registered, 10.0.66.8 registered"]);
    lab.restart();
    lab.run_ms(5_000);
    assert_eq!(
        told(&mut lab, &mut desk).pop().as_deref(),
        Some("active: 10.0.66.7 registered, 10.0.66.8 registered"),
        "in the same subscription"
    );
    lab.run_ms(60_000);
    let last = told(&mut lab, &mut desk);
    assert_eq!(last, ["active: 10.0.66.7 registered, 10.0.66.8 expired"]);
    desk.asks(&mut lab, "REGISTER", "1004", "Expires: 0\n", "");
    assert_eq!(told(&mut lab, &mut desk), ["terminated: 10.0.66.7 unregistered"]);
    let ended = desk.says(&mut lab, "SUBSCRIBE", &dialog, "Event: reg\nExpires: 0\n", "");
    assert_eq!(ended.status(), 200);
    let last = desk.told(&mut lab).pop().expect("a last NOTIFY");
    assert_eq!(last.value(HeaderName::SubscriptionState), Some("terminated;reason=timeout"));
    lab.nothing_left();
}

#[test]
fn nobody_is_told_where_others_are() {
    let mut lab = Plan::seeded(32).build();
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let refused = desk.asks(&mut lab, "SUBSCRIBE", "1002", "Event: reg\nExpires: 600\n", "");
    assert_eq!(refused.status(), 403);
    lab.nothing_left();
}
