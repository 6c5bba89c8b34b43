//! Event lists (RFC 4662): all keys of a phone by one subscription, which is told all at first and then what changed.

use std::collections::BTreeMap;

use trunkline::switch::setup::{GroupSetup, LineSetup, ListSetup};
use trunkline::switch::{LineKind, Operation};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_sip::outbox::PublishedPresence;
use trunkline_sip::package::dialog_info::DialogInfo;
use trunkline_sip::package::event_list::{BODY_BYTES_MAX, ENTRIES_MAX};
use trunkline_tests::event_list::judge;
use trunkline_tests::{Lab, Plan};

use crate::desk::{Desk, Dialog};

/// As phones of Yealink and Poly ask for it.
const SUBSCRIBE: &str = "Event: dialog\nSupported: eventlist\nExpires: 600\n\
                         Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related\n";

/// The keys of a phone: what it makes of what it is told.
struct Keys {
    desk: Desk,
    dialog: Dialog,
    next: u32,
    /// Of each its state, and the version of the document that told it; no version: it waits.
    keys: BTreeMap<String, (String, Option<u32>)>,
    /// How many NOTIFYs, and how many of them named every key.
    notices: (usize, usize),
}

impl Keys {
    fn of(lab: &mut Lab, list: &str) -> Self {
        let mut desk = Desk::new(lab, "desk", "10.0.66.7:5060");
        let dialog = desk.subscribes(lab, list, SUBSCRIBE);
        Self { desk, dialog, next: 0, keys: BTreeMap::new(), notices: (0, 0) }
    }

    /// What the keys show after a while, by the last words of those that are not out; every NOTIFY is judged.
    fn show(&mut self, lab: &mut Lab) -> String {
        self.notices = (0, 0);
        for _ in 0..40 {
            lab.run_ms(50);
            for notify in self.desk.told(lab) {
                self.hears(&notify);
            }
        }
        let lit = self.keys.iter().filter(|(_, (state, _))| state != "terminated");
        lit.map(|(key, (state, _))| format!("{key} {state}")).collect::<Vec<_>>().join(", ")
    }

    fn hears(&mut self, notify: &Message) {
        assert_eq!(notify.value(HeaderName::Require), Some("eventlist"));
        let body = String::from_utf8_lossy(notify.body()).into_owned();
        let told = judge(notify.content_type().unwrap_or_default(), &body);
        let told = told.unwrap_or_else(|fault| panic!("{fault}: {body}"));
        assert_eq!(told.version, self.next, "{body}");
        self.next += 1;
        self.notices = (self.notices.0 + 1, self.notices.1 + usize::from(told.is_full));
        let before = if told.is_full { std::mem::take(&mut self.keys) } else { self.keys.clone() };
        for resource in told.resources {
            let (state, version) = match DialogInfo::parse(resource.part.as_bytes()) {
                Ok(info) => {
                    let phases =
                        info.dialogs.iter().map(|dialog| format!("{:?}", dialog.phase).to_lowercase());
                    (phases.collect::<Vec<_>>().join("+"), Some(info.version))
                }
                Err(_) => match PublishedPresence::parse(resource.part.as_bytes()) {
                    Ok(said) if said.is_open == Some(true) && said.note.is_empty() => {
                        ("open".to_owned(), None)
                    }
                    Ok(said) if said.is_open == Some(true) => (said.note, None),
                    Ok(_) => ("closed".to_owned(), None),
                    Err(_) => (resource.state.clone(), None),
                },
            };
            let key = resource.user().to_owned();
            let known = before.get(&key);
            assert!(told.is_full || known.is_some(), "{key} was not in the list: {body}");
            if let (Some((_, Some(known))), Some(version)) = (known, version) {
                assert_eq!(version, known + 1, "{body}");
            }
            self.keys.insert(key, (state, version));
        }
    }
}

fn plan(seed: u64) -> Plan {
    Plan::seeded(seed).with(|setup| {
        setup.groups = vec![GroupSetup::new("600", &["1002"])];
        setup.lists = vec![ListSetup::new("keys", &["1001", "1002", "600", "701", "carrier"])];
    })
}

#[test]
fn a_phone_is_told_all_at_first_and_then_what_changed() {
    for workers in [1, 4] {
        let mut lab = plan(71).workers(workers).build().with_registered(&["alice", "bob"]);
        let mut keys = Keys::of(&mut lab, "keys");
        assert_eq!(keys.show(&mut lab), "");
        assert_eq!((keys.keys.len(), keys.notices), (5, (1, 1)));
        lab.call("alice", "1002");
        assert_eq!(keys.show(&mut lab), "1001 confirmed, 1002 early");
        lab.answer("bob");
        assert_eq!(keys.show(&mut lab), "1001 confirmed, 1002 confirmed");
        assert_eq!(keys.notices.1, 0, "what has not changed is not told");
        let call = lab.call_on("crm", "1002").id;
        lab.does_ask("crm", Operation::Park { call, to: None });
        assert_eq!(keys.show(&mut lab), "1001 confirmed, 701 confirmed");
        let ok = keys.desk.says(&mut lab, "SUBSCRIBE", &keys.dialog, SUBSCRIBE, "");
        assert_eq!((ok.status(), ok.value(HeaderName::Require)), (200, Some("eventlist")));
        assert_eq!(keys.show(&mut lab), "1001 confirmed, 701 confirmed");
        assert_eq!(keys.notices, (1, 1), "a refresh is told all");
        lab.hang_up("alice");
        lab.call("bob", "0301234");
        lab.run_ms(500);
        lab.answer("carrier");
        assert_eq!(keys.show(&mut lab), "1002 confirmed, carrier confirmed");
        lab.hang_up("bob");
        assert_eq!(keys.show(&mut lab), "");
        let ok = keys.desk.says(&mut lab, "SUBSCRIBE", &keys.dialog, "Event: dialog\nExpires: 0\n", "");
        assert_eq!(ok.status(), 200);
        assert_eq!(keys.show(&mut lab), "");
        assert_eq!((keys.keys.len(), keys.notices), (5, (1, 1)), "the last one is whole");
        lab.nothing_left();
    }
}

/// Killed in the middle of a call: the keys are right again in the same subscription, by all that there is.
#[test]
fn keys_go_on_after_the_engine_was_killed() {
    for workers in [1, 4] {
        let mut lab = plan(72).workers(workers).build().with_registered(&["alice", "bob"]);
        let mut keys = Keys::of(&mut lab, "keys");
        lab.call("alice", "1002");
        lab.run_ms(500);
        lab.answer("bob");
        assert_eq!(keys.show(&mut lab), "1001 confirmed, 1002 confirmed");
        lab.restart();
        // Numbers may have been told that nobody knows any more.
        let before = keys.next;
        keys.next += 10_000 - before % 10_000 + before;
        keys.keys.clear();
        for _ in 0..100 {
            lab.run_ms(50);
            for notify in keys.desk.told(&mut lab) {
                let body = String::from_utf8_lossy(notify.body()).into_owned();
                let told = judge(notify.content_type().unwrap_or_default(), &body).expect("it is a list");
                assert!(told.version > before && (told.is_full || keys.keys.len() == 5), "{body}");
                keys.next = told.version;
                keys.hears(&notify);
            }
        }
        assert_eq!(keys.show(&mut lab), "1001 confirmed, 1002 confirmed");
        lab.hang_up("alice");
        assert_eq!(keys.show(&mut lab), "");
        assert_eq!(keys.notices.1, 0);
    }
}

#[test]
fn a_reload_changes_a_list_and_takes_it_away() {
    let mut lab = plan(73).build().with_registered(&["alice", "bob"]);
    let mut keys = Keys::of(&mut lab, "keys");
    keys.show(&mut lab);
    lab.reload(|setup| setup.calls_max = 7);
    keys.show(&mut lab);
    assert_eq!(keys.notices.0, 0, "nothing of it has changed");
    lab.reload(|setup| setup.lists = vec![ListSetup::new("keys", &["1003", "1002"])]);
    lab.connected_call("alice", "bob");
    assert_eq!(keys.show(&mut lab), "1002 confirmed");
    assert_eq!(keys.keys.keys().collect::<Vec<_>>(), ["1002", "1003"]);
    lab.reload(|setup| setup.lists[0].watchers = vec!["1001".into()]);
    assert_eq!(keys.show(&mut lab), "", "who may not watch sees nothing");
    let again = keys.desk.says(&mut lab, "SUBSCRIBE", &keys.dialog, SUBSCRIBE, "");
    assert_eq!(again.status(), 481);
    assert_eq!(keys.desk.asks(&mut lab, "SUBSCRIBE", "keys", SUBSCRIBE, "").status(), 403);
    lab.hang_up("alice");
    lab.reload(|setup| setup.lists.clear());
    assert_eq!(keys.desk.asks(&mut lab, "SUBSCRIBE", "keys", SUBSCRIBE, "").status(), 404);
    lab.run_ms(500);
    lab.nothing_left();
}

#[test]
fn who_takes_no_lists_is_told_what_is_missing() {
    let mut lab = plan(74).build();
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let refused = desk.asks(&mut lab, "SUBSCRIBE", "keys", "Event: dialog\nExpires: 600\n", "");
    assert_eq!((refused.status(), refused.value(HeaderName::Require)), (421, Some("eventlist")));
    let other =
        desk.asks(&mut lab, "SUBSCRIBE", "keys", "Event: message-summary\nSupported: eventlist\n", "");
    assert_eq!(other.status(), 404, "of messages there is no list");
    let required = SUBSCRIBE.replace("Supported", "Require");
    assert_eq!(desk.asks(&mut lab, "SUBSCRIBE", "keys", &required, "").status(), 200);
    let unsubscribe = format!("{SUBSCRIBE}Expires: 0\n").replace("Expires: 600\n", "");
    assert_eq!(desk.asks(&mut lab, "SUBSCRIBE", "keys", &unsubscribe, "").status(), 200, "asked once");
}

#[test]
fn presence_of_a_list_is_that_of_its_lines() {
    let mut lab = plan(75).build().with_registered(&["alice", "bob"]);
    let mut desk = Desk::new(&mut lab, "desk", "10.0.66.7:5060");
    let subscribe = SUBSCRIBE.replace("dialog", "presence").replace("application/presence-info+xml", "*/*");
    let dialog = desk.subscribes(&mut lab, "keys", &subscribe);
    let mut keys = Keys { desk, dialog, next: 0, keys: BTreeMap::new(), notices: (0, 0) };
    assert_eq!(keys.show(&mut lab), "1001 open, 1002 open");
    assert_eq!(keys.keys["701"].0, "terminated", "a slot has none");
    lab.connected_call("alice", "bob");
    assert_eq!(keys.show(&mut lab), "1001 On the phone, 1002 On the phone");
    lab.does("bob", |phone, now, out| phone.unregister(now, out));
    assert_eq!(keys.show(&mut lab), "1001 On the phone, 1002 closed");
}

/// What has no room in a NOTIFY follows in the next, at once and without a lamp that is wrong.
#[test]
fn a_long_list_is_told_in_pieces() {
    let lines: Vec<String> = (0..ENTRIES_MAX).map(|line| format!("5{line:03}")).collect();
    let names: Vec<&str> = lines.iter().map(String::as_str).collect();
    let plan = Plan::seeded(76).with(|setup| {
        setup.lines.extend(names.iter().map(|line| LineSetup::new(line, LineKind::Local)));
        setup.lists = vec![ListSetup::new("keys", &names)];
    });
    let mut lab = plan.build();
    let mut keys = Keys::of(&mut lab, "keys");
    let mut longest = 0;
    for _ in 0..20 {
        lab.run_ms(50);
        for notify in keys.desk.told(&mut lab) {
            longest = longest.max(notify.body().len());
            keys.hears(&notify);
        }
    }
    assert!(longest <= BODY_BYTES_MAX + 512, "{longest}");
    assert!(keys.notices.0 > 1 && keys.notices.1 == 1, "{:?}", keys.notices);
    let told = keys.keys.values().filter(|key| **key == ("terminated".to_owned(), Some(0)));
    assert_eq!(told.count(), ENTRIES_MAX, "each once, within a second: {:?}", keys.keys);
    lab.reload(|setup| setup.lists.clear());
    keys.show(&mut lab);
    let told = keys.keys.values().filter(|(state, version)| state == "terminated" && version.is_some());
    assert_eq!((told.count(), keys.notices), (ENTRIES_MAX, (1, 1)), "all lamps are out");
}
