//! More than there may be, and more than can be done: what is new is refused, what there is goes on.

use trunkline::demo::Status;
use trunkline_sip::admission::{AdmissionLimits, Limit};
use trunkline_tests::{Lab, Plan};

#[test]
fn an_engine_that_does_not_keep_up_refuses_what_is_new() {
    let mut lab = Lab::registered(1, &["alice", "bob", "carol", "dave"]);
    lab.connected_call("alice", "bob");
    lab.fall_behind();
    lab.call("carol", "1004");
    lab.run_ms(500);
    lab.expect_ladder(
        "carol -> engine   INVITE sip:1004@pbx.example
         engine -> carol   503 INVITE, Retry-After:
         carol -> engine   ACK",
    );
    assert_eq!((lab.status("carol"), lab.status("dave")), (Status::Over(503), Status::Idle));
    assert_eq!(lab.refusals(Limit::Overload), 1);
    // The call that is up does whatever calls do.
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    // Phones that are registered stay so.
    lab.register("dave");
    lab.run_ms(500);
    assert!(lab.phone("dave").is_registered());
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.catch_up();
    lab.connected_call("carol", "dave");
    lab.expect_talk("carol", "dave");
    lab.hang_up("dave");
    lab.nothing_left();
}

#[test]
fn a_call_is_turned_away_without_a_trace_and_in_the_same_words_again() {
    let request = |method: &str, to: &str| {
        format!(
            "{method} sip:1002@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;rport;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@pbx.example>;tag=far\r\nTo: {to}\r\nCall-ID: rush\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:1001@198.51.100.9>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let said = |lab: &mut Lab, text: &str| {
        lab.sends("rush", text);
        lab.run_ms(100);
        lab.received("rush")
    };
    let mut lab = Lab::registered(3, &["bob"]);
    lab.stranger("rush", "198.51.100.9:5060");
    lab.fall_behind();
    let invite = request("INVITE", "<sip:1002@pbx.example>");
    let refusals = said(&mut lab, &invite);
    let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
    assert!(refusal.starts_with("SIP/2.0 503 ") && refusal.contains("\r\nRetry-After: "), "{refusal}");
    assert!(refusal.contains(";rport=5060") && refusal.contains(";received=198.51.100.9"), "{refusal}");
    // Whose 503 is lost asks again.
    assert_eq!(said(&mut lab, &invite), refusals);
    let to = refusal.lines().find_map(|line| line.strip_prefix("To: ")).expect("it is copied");
    assert!(to.contains(";tag="), "{to}");
    assert!(said(&mut lab, &request("ACK", to)).is_empty());
    lab.catch_up();
    assert_eq!(said(&mut lab, &invite), refusals, "what it was told holds, though there is room");
    assert!(said(&mut lab, &request("ACK", to)).is_empty());
    let found = said(&mut lab, &request("CANCEL", "<sip:1002@pbx.example>"));
    assert!(found[0].starts_with("SIP/2.0 481 "), "{found:?}");
    assert_eq!(lab.refusals(Limit::Overload), 1);
    let other = said(&mut lab, &invite.replace("z9hG4bK1", "z9hG4bK2").replace("rush", "later"));
    assert!(other[0].starts_with("SIP/2.0 401 "), "{other:?}");
    lab.nothing_left();
}

#[test]
fn a_phone_that_is_not_here_yet_comes_later() {
    let mut lab = Lab::registered(2, &["alice"]);
    lab.fall_behind();
    lab.register("bob");
    lab.run_ms(300);
    assert!(!lab.phone("bob").is_registered());
    assert!(lab.ladder().last("engine", "bob", "503").is_some_and(|text| text.contains("Retry-After: ")));
    lab.catch_up();
    lab.register("bob");
    lab.run_ms(300);
    assert!(lab.phone("bob").is_registered());
    lab.nothing_left();
}

#[test]
fn a_line_makes_so_many_calls_and_others_are_not_hindered() {
    let limits = AdmissionLimits { calls_per_line: 1, ..AdmissionLimits::DEFAULT };
    let phones = ["alice", "bob", "carol", "dave"];
    let mut lab = Plan::seeded(3).workers(3).limits(limits).build().with_registered(&phones);
    lab.connected_call("alice", "bob");
    lab.hold("alice");
    lab.run_ms(500);
    lab.call("alice", "1003");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.refusals(Limit::CallsPerLine)), (Status::Over(503), 1));
    lab.connected_call("carol", "dave");
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.hang_up("carol");
    lab.nothing_left();
}
