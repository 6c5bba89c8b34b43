//! Codecs that pass a trunk, and their order.

use trunkline::demo::Status;
use trunkline::switch::{CodecList, Setup};
use trunkline_tests::{Lab, Plan};

fn passing(names: &[&str]) -> impl FnOnce(&mut Setup) {
    let list = CodecList::new(names.iter().map(|name| (*name).to_owned()));
    move |setup| setup.trunks[0].codecs = list
}

/// The formats of the audio section of the last such message.
fn formats(lab: &mut Lab, from: &str, to: &str, word: &str) -> Vec<String> {
    let text = lab.ladder().last(from, to, word).expect("it was sent").to_owned();
    let section =
        text.lines().find(|line| line.starts_with("m=audio")).expect("it describes audio").to_owned();
    section.split_whitespace().skip(3).map(str::to_owned).collect()
}

#[test]
fn what_leaves_by_a_trunk_is_offered_in_its_order_and_no_more() {
    let mut lab = Plan::seeded(1).with(passing(&["PCMA", "PCMU"])).build().with_registered(&["alice"]);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    let offered = formats(&mut lab, "alice", "engine", "INVITE");
    let passed = formats(&mut lab, "engine", "carrier", "INVITE");
    assert_eq!(passed[0], "8", "{offered:?} became {passed:?}");
    assert!(
        passed
            .iter()
            .all(|format| ["8", "0"].contains(&format.as_str()) || format.parse::<u8>().unwrap() > 95)
    );
    lab.answer("carrier");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn what_comes_by_a_trunk_is_cut_down_before_a_phone_sees_it() {
    let mut lab = Plan::seeded(2).with(passing(&["PCMA"])).build().with_registered(&["bob"]);
    lab.call("carrier", "1002");
    lab.run_ms(500);
    let passed = formats(&mut lab, "engine", "bob", "INVITE");
    assert!(passed[0] == "8" && !passed.contains(&"0".to_owned()), "{passed:?}");
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("carrier", "bob");
    let answered = formats(&mut lab, "engine", "carrier", "200");
    assert!(answered[0] == "8" && !answered.contains(&"0".to_owned()), "{answered:?}");
    lab.hold("bob");
    lab.run_ms(500);
    lab.resume("bob");
    lab.run_ms(500);
    lab.expect_talk("carrier", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_call_without_a_codec_in_common_is_refused() {
    let mut lab = Plan::seeded(3).with(passing(&["G729"])).build().with_registered(&["alice"]);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(488));
    assert_eq!(lab.ladder().count("engine", "carrier", "INVITE"), 0);
    lab.call("carrier", "1001");
    lab.run_ms(500);
    assert_eq!(lab.status("carrier"), Status::Over(488));
    lab.nothing_left();
}
