//! Presence (RFC 3856): a phone shows whether a colleague can be reached and what he does, which his own phone says, too (RFC 3903).

use trunkline::switch::{ForwardEntry, ForwardMode, Operation};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_sip::outbox::PublishedPresence;
use trunkline_tests::{Lab, Plan, xpidf};

use crate::desk::Desk;

const SUBSCRIBE: &str = "Event: presence\nAccept: application/pidf+xml\nExpires: 600\n";

/// `open on-the-phone: On the phone`.
fn words(notify: &Message) -> String {
    assert_eq!(notify.content_type(), Some("application/pidf+xml"));
    let PublishedPresence { is_open, activities, note } =
        PublishedPresence::parse(notify.body()).expect("the engine writes XML");
    let basic = if is_open.expect("it is said") { "open" } else { "closed" };
    let activities: String = activities.iter().map(|activity| format!(" {}", activity.name())).collect();
    format!("{basic}{activities}: {note}")
}

fn told(lab: &mut Lab, desk: &mut Desk) -> Vec<String> {
    lab.run_ms(1_500);
    desk.told(lab).iter().map(words).collect()
}

#[test]
fn a_colleague_is_seen_to_come_to_talk_and_to_want_quiet() {
    for workers in [1, 4] {
        let plan = Plan::seeded(21).workers(workers).with(|setup| {
            for line in setup.lines.iter_mut().filter(|line| ["1002", "1004"].contains(&&*line.address)) {
                line.groups = vec!["desk".into()];
            }
        });
        let mut lab = plan.build().with_registered(&["alice"]);
        let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
        let dialog = desk.subscribes(&mut lab, "1002", SUBSCRIBE);
        assert_eq!(told(&mut lab, &mut desk), ["closed: "], "nobody is registered");
        lab.register("bob");
        assert_eq!(told(&mut lab, &mut desk), ["open: "]);
        lab.call("alice", "1002");
        assert!(told(&mut lab, &mut desk).is_empty(), "who is called may not be there");
        lab.answer("bob");
        assert_eq!(told(&mut lab, &mut desk), ["open on-the-phone: On the phone"]);
        let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None };
        lab.does_ask("crm", Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None });
        assert_eq!(told(&mut lab, &mut desk), ["open on-the-phone busy: On the phone"]);
        lab.hang_up("alice");
        assert_eq!(told(&mut lab, &mut desk), ["open busy: Do not disturb"]);
        lab.restart();
        lab.run_ms(5_000);
        assert_eq!(told(&mut lab, &mut desk), ["open busy: Do not disturb"], "in the same subscription");
        lab.reload(|setup| setup.lines.iter_mut().for_each(|line| line.groups.clear()));
        assert_eq!(told(&mut lab, &mut desk), ["open: "], "it is shown to who is in its group");
        let ended = desk.says(&mut lab, "SUBSCRIBE", &dialog, "Event: presence\nExpires: 0\n", "");
        assert_eq!(ended.status(), 200);
        let last = desk.told(&mut lab).pop().expect("a last NOTIFY");
        assert_eq!(last.value(HeaderName::SubscriptionState), Some("terminated;reason=timeout"));
        lab.nothing_left();
    }
}

/// Phones that are older than RFC 3863, of Poly among them; over a restart and a refresh that says nothing of it, too.
#[test]
fn who_reads_only_what_was_before_pidf_is_told_that() {
    let mut lab = Plan::seeded(26).build().with_registered(&["alice", "bob"]);
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let accept = "Event: presence\nExpires: 600\nAccept: application/xpidf+xml\n";
    let dialog = desk.subscribes(&mut lab, "1002", accept);
    let told = |lab: &mut Lab, desk: &mut Desk| {
        lab.run_ms(1_500);
        let words = |notify: Message| {
            assert_eq!(notify.content_type(), Some("application/xpidf+xml"));
            let told = xpidf::judge(&String::from_utf8_lossy(notify.body())).expect("it was judged");
            assert_eq!(told.uri, "sip:1002@pbx.example");
            format!("{} {}: {}", told.status, told.substatus, told.note)
        };
        desk.told(lab).into_iter().map(words).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut lab, &mut desk), ["open online: "]);
    lab.connected_call("alice", "bob");
    assert_eq!(told(&mut lab, &mut desk), ["inuse onthephone: On the phone"]);
    lab.restart();
    lab.run_ms(5_000);
    assert_eq!(told(&mut lab, &mut desk).last().map(String::as_str), Some("inuse onthephone: On the phone"));
    let refreshed = desk.says(&mut lab, "SUBSCRIBE", &dialog, "Event: presence\nExpires: 600\n", "");
    assert_eq!(refreshed.status(), 200);
    assert_eq!(told(&mut lab, &mut desk), ["inuse onthephone: On the phone"], "it takes what it took");
    lab.hang_up("alice");
    assert_eq!(told(&mut lab, &mut desk), ["open online: "]);
    lab.does("bob", |phone, now, out| phone.unregister(now, out));
    assert_eq!(told(&mut lab, &mut desk), ["closed away: "]);
    let newer = "Event: presence\nExpires: 600\nAccept: application/pidf+xml, application/xpidf+xml\n";
    assert_eq!(desk.says(&mut lab, "SUBSCRIBE", &dialog, newer, "").status(), 200);
    lab.run_ms(1_500);
    assert_eq!(desk.told(&mut lab).iter().map(words).collect::<Vec<_>>(), ["closed: "]);
    desk.says(&mut lab, "SUBSCRIBE", &dialog, "Event: presence\nExpires: 0\n", "");
    lab.nothing_left();
}

#[test]
fn a_line_that_is_taken_away_is_closed_for_the_last_time() {
    let mut lab = Plan::seeded(25).build().with_registered(&["alice"]);
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    desk.subscribes(&mut lab, "1001", SUBSCRIBE);
    assert_eq!(told(&mut lab, &mut desk), ["open: "]);
    lab.reload(|setup| setup.lines.retain(|line| *line.address != *"1001"));
    lab.run_ms(1_500);
    let last = desk.told(&mut lab).pop().expect("a last NOTIFY");
    assert_eq!(last.value(HeaderName::SubscriptionState), Some("terminated;reason=noresource"));
    assert_eq!(words(&last), "closed: ");
    lab.nothing_left();
}

#[test]
fn nobody_else_has_presence() {
    let mut lab = Plan::seeded(22).build();
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    for (to, status) in [("4711", 404), ("carrier", 404)] {
        assert_eq!(desk.asks(&mut lab, "SUBSCRIBE", to, SUBSCRIBE, "").status(), status, "{to}");
    }
    lab.nothing_left();
}

/// As Linphone writes it.
fn pidf(basic: &str, activity: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:1004@pbx.example\" \
         xmlns=\"urn:ietf:params:xml:ns:pidf\">\n<tuple id=\"nnfxqv\">\n<status>\n<basic>{basic}</basic>\n</status>\n\
         <contact>sip:1004@pbx.example</contact>\n</tuple>\n<dm:person id=\"gkqkjy\">\n<rpid:activities>\n{activity}\
         </rpid:activities>\n<dm:note>{note}</dm:note>\n</dm:person>\n</presence>\n"
    )
}

const PUBLISH: &str = "Event: presence\nContent-Type: application/pidf+xml\n";

#[test]
fn what_a_phone_publishes_is_shown_until_it_is_removed_or_forgotten() {
    let mut lab = Plan::seeded(23).build();
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    desk.asks(&mut lab, "REGISTER", "1004", "Expires: 7200\n", "");
    let mut watcher = Desk::new(&mut lab, "watcher", "10.0.66.8:5060");
    watcher.subscribes(&mut lab, "1004", SUBSCRIBE);
    assert_eq!(told(&mut lab, &mut watcher), ["open: "]);

    let publish = |lab: &mut Lab, desk: &mut Desk, headers: &str, body: &str| {
        let answer = desk.asks(lab, "PUBLISH", "1004", &format!("{PUBLISH}{headers}"), body);
        (answer.status(), answer.other("SIP-ETag").unwrap_or_default().to_owned(), answer.expires())
    };
    let lunch = pidf("open", "<rpid:meal/>\n", "Lunch &amp; a walk");
    let (status, tag, expires) = publish(&mut lab, &mut desk, "Expires: 600\n", &lunch);
    assert_eq!((status, expires), (200, Some(600)));
    assert_eq!(told(&mut lab, &mut watcher), ["open meal: Lunch & a walk"]);

    let refresh = |tag: &str, expires: u32| format!("SIP-If-Match: {tag}\nExpires: {expires}\n");
    let (status, next, _) = publish(&mut lab, &mut desk, &refresh(&tag, 600), "");
    assert_eq!(status, 200);
    assert_eq!(publish(&mut lab, &mut desk, &refresh(&tag, 600), "").0, 412, "tags are used once");
    let gone = pidf("closed", "<rpid:away/>\n", "");
    let (status, tag, _) = publish(&mut lab, &mut desk, &refresh(&next, 600), &gone);
    assert_eq!(status, 200);
    assert_eq!(told(&mut lab, &mut watcher), ["closed away: "]);
    assert_eq!(publish(&mut lab, &mut desk, &refresh(&tag, 0), "").0, 200);
    assert_eq!(told(&mut lab, &mut watcher), ["open: "]);

    assert_eq!(publish(&mut lab, &mut desk, "Expires: 60\n", &lunch).0, 200);
    assert_eq!(told(&mut lab, &mut watcher), ["open meal: Lunch & a walk"]);
    lab.run_ms(60_000);
    assert_eq!(told(&mut lab, &mut watcher), ["open: "], "nobody refreshed it");

    let (_, tag, _) = publish(&mut lab, &mut desk, "", &lunch);
    lab.restart();
    lab.run_ms(5_000);
    assert_eq!(publish(&mut lab, &mut desk, &refresh(&tag, 600), "").0, 412, "the phone says it again");
    assert_eq!(told(&mut lab, &mut watcher).pop().as_deref(), Some("open: "));
}

#[test]
fn nobody_speaks_for_others_nor_of_other_things() {
    let mut lab = Plan::seeded(24).build();
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let body = pidf("open", "", "");
    for (to, headers, status) in [
        ("1002", PUBLISH, 403),
        ("4711", PUBLISH, 404),
        ("1004", "Event: dialog\nContent-Type: application/dialog-info+xml\n", 489),
        ("1004", "Event: presence\nContent-Type: text/plain\n", 415),
        ("1004", "Event: presence\nContent-Type: application/pidf+xml\nExpires: 59\n", 423),
    ] {
        let answer = desk.asks(&mut lab, "PUBLISH", to, headers, &body);
        assert_eq!(answer.status(), status, "{to} {headers}");
        match status {
            489 => assert_eq!(answer.value(HeaderName::AllowEvents), Some("presence")),
            423 => assert_eq!(answer.value(HeaderName::MinExpires), Some("60")),
            415 => assert_eq!(answer.value(HeaderName::Accept), Some("application/pidf+xml")),
            _ => {}
        }
    }
    lab.nothing_left();
}
