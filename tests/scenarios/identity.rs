//! Callers who hide: what is on the wire of everybody else (RFC 3323, RFC 3325, RFC 5079).

use trunkline::demo::Status;
use trunkline::switch::Operation;
use trunkline_tests::{Lab, Plan};

/// Somebody outside, as his network asserts him.
const ASSERTED: &str = "4930777";

/// Calls and asks not to be shown; a trunk says who it is, all the same.
fn call_hidden(lab: &mut Lab, name: &str, to: &str) {
    let asserted = format!("\"Ada\" <sip:+{ASSERTED}@carrier.example>");
    let headers = [("Privacy", "id"), ("P-Asserted-Identity", &asserted)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    lab.does(name, |phone, now, out| {
        phone.call_with(now, to, headers, out);
    });
}

/// Nothing that the engine wrote to these names the caller.
fn expect_hidden(lab: &mut Lab, from: &[&str], caller: &str) {
    for name in from {
        let texts = lab.ladder().texts("engine", name);
        assert!(texts.iter().any(|text| text.starts_with("INVITE")), "{name} was called");
        for text in texts {
            assert!(!text.contains(caller) && !text.contains("Ada"), "{name} was told: {text}");
        }
    }
}

#[test]
fn a_phone_that_hides_is_anonymous_at_the_other() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    call_hidden(&mut lab, "alice", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    let caller = lab.call_on("crm", "1002").caller;
    assert_eq!(
        (caller.number.as_str(), caller.is_blocked),
        ("1001", true),
        "what a phone asserts is nothing"
    );
    lab.hang_up("alice");
    lab.run_ms(500);
    expect_hidden(&mut lab, &["bob"], "1001");
    lab.expect_ladder(
        "engine -> bob  INVITE, From: \"Anonymous\" <sip:anonymous@anonymous.invalid>
         bob -> engine  180
         bob -> engine  200
         engine -> bob  ACK
         engine -> bob  BYE
         bob -> engine  200",
    );
    lab.nothing_left();
}

#[test]
fn a_network_s_caller_who_hides_stays_hidden_wherever_he_is_sent() {
    let mut lab = Lab::registered(2, &["bob", "carol", "dave"]);
    call_hidden(&mut lab, "carrier", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    let call = lab.call_on("crm", "1002");
    assert_eq!((call.caller.number.as_str(), call.caller.is_blocked), ("+4930777", true));
    lab.does_ask("crm", Operation::BlindTransfer { call: call.id, to: "1003".to_owned() });
    lab.run_ms(500);
    lab.answer("carol");
    lab.run_ms(500);
    lab.expect_talk("carrier", "carol");
    let call = lab.call_on("crm", "1003").id;
    lab.does_ask("crm", Operation::Park { call, to: Some("701".to_owned()) });
    lab.run_ms(500);
    lab.does_ask("crm", Operation::Unpark { line: "1004".into(), from: "701".to_owned() });
    lab.run_ms(500);
    if lab.status("dave") == Status::Ringing {
        lab.answer("dave");
    }
    lab.run_ms(500);
    lab.expect_talk("carrier", "dave");
    lab.hang_up("carrier");
    lab.run_ms(500);
    expect_hidden(&mut lab, &["bob", "carol", "dave"], ASSERTED);
    lab.nothing_left();
}

#[test]
fn only_a_trunk_that_is_trusted_hears_who_hides() {
    for is_trusted in [false, true] {
        let plan = Plan::seeded(3).with(|setup| setup.trunks[0].is_trusted = is_trusted);
        let mut lab = plan.build().with_registered(&["alice"]);
        call_hidden(&mut lab, "alice", "0301234");
        lab.run_ms(500);
        let invite = lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned();
        assert!(invite.contains("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{invite}");
        let says = ["Privacy: id\r\n", "P-Asserted-Identity: <sip:1001@pbx.example>\r\n"];
        assert_eq!(says.map(|line| invite.contains(line)), [is_trusted; 2], "{invite}");
        assert_eq!(invite.contains("1001"), is_trusted, "{invite}");
        lab.hang_up("alice");
        lab.run_ms(500);
        lab.nothing_left();
    }
}

#[test]
fn a_line_may_refuse_who_hides() {
    let plan = Plan::seeded(4).with(|setup| setup.lines[1].refuses_hidden = true);
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    call_hidden(&mut lab, "alice", "1002");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.ladder().count("engine", "bob", "INVITE")), (Status::Over(433), 0));
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}
