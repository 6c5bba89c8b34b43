//! Phones register: RFC 3261 §10, digest by RFC 7616 and 8760.

use std::time::Duration;

use trunkline::demo::{Phone, PhoneOutbox, Status};
use trunkline_sip::message::HeaderName;
use trunkline_tests::{Lab, Plan};

use crate::lamps::{answer, read};

#[test]
fn a_phone_registers_with_its_password() {
    let mut lab = Lab::seeded(1);
    lab.register("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   REGISTER sip:pbx.example
         engine -> alice   401 REGISTER, algorithm=SHA-256, algorithm=MD5
         alice -> engine   REGISTER, Authorization: Digest
         engine -> alice   200 REGISTER, <sip:1001@10.0.1.1:5060;transport=udp>;expires=3600",
    );
    lab.expect_messages("crm", "1001 registration registered");
    lab.nothing_left();
}

#[test]
fn a_wrong_password_registers_nothing() {
    let mut lab = Lab::seeded(2);
    lab.imposter("alice", "wrong");
    lab.register("alice");
    lab.run_ms(500);
    assert!(!lab.phone("alice").is_registered());
    let refused = lab.ladder().count("engine", "alice", "401") + lab.ladder().count("engine", "alice", "403");
    assert_eq!(refused, 2);
    assert_eq!(lab.ladder().count("engine", "alice", "200"), 0);
    lab.nothing_left();
}

#[test]
fn a_phone_refreshes_before_its_registration_ends() {
    let mut lab = Lab::seeded(3);
    lab.phone("alice").script.expires_s = 120;
    let mut lab = lab.with_registered(&["alice", "bob"]);
    lab.run(Duration::from_secs(119));
    assert_eq!(lab.ladder().count("alice", "engine", "REGISTER"), 2);
    lab.run(Duration::from_secs(300));
    lab.call("bob", "1001");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Ringing);
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_phone_behind_a_translator_is_reached_after_a_long_silence() {
    for (plan, is_reached) in [(Plan::seeded(9), true), (Plan::seeded(9).without_keep_alive(), false)] {
        let mut lab = plan.workers(2).translated("alice").build().with_registered(&["alice", "bob"]);
        lab.run(Duration::from_secs(600));
        lab.call("bob", "1001");
        lab.run_ms(500);
        assert_eq!(lab.status("alice") == Status::Ringing, is_reached);
        lab.hang_up("bob");
        lab.nothing_left();
    }
}

/// Some count only what comes from inside: there the four bytes that nobody answers keep nothing open, and OPTIONS do.
#[test]
fn a_phone_behind_a_translator_that_counts_what_it_says_itself_is_asked() {
    let plan = || Plan::seeded(10).translated("alice").counting_inside_alone();
    for (plan, is_reached) in [(plan(), false), (plan().asking(), true), (plan().asking().workers(3), true)] {
        let mut lab = plan.build().with_registered(&["alice", "bob"]);
        lab.run(Duration::from_secs(600));
        assert_eq!(lab.ladder().count("engine", "alice", "OPTIONS"), if is_reached { 24 } else { 0 });
        assert_eq!(lab.ladder().count("engine", "bob", "OPTIONS"), 0, "nobody translates there");
        lab.call("bob", "1001");
        lab.run_ms(500);
        assert_eq!(lab.status("alice") == Status::Ringing, is_reached);
        lab.hang_up("bob");
        lab.nothing_left();
    }
}

#[test]
fn a_registration_that_is_not_refreshed_ends() {
    let mut lab = Lab::seeded(4);
    lab.phone("alice").script.expires_s = 60;
    lab.phone("alice").script.refreshes = false;
    let mut lab = lab.with_registered(&["alice", "bob"]);
    lab.run(Duration::from_secs(61));
    lab.expect_messages("crm", "1001 registration expired");
    lab.call("bob", "1001");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(480));
    lab.nothing_left();
}

#[test]
fn an_interval_too_brief_is_refused_with_the_least() {
    let mut lab = Lab::seeded(5);
    lab.phone("alice").script.expires_s = 10;
    lab.register("alice");
    lab.run_ms(500);
    assert!(lab.ladder().last("engine", "alice", "423").is_some_and(|text| text.contains("Min-Expires: 60")));
    assert!(lab.phone("alice").is_registered());
    lab.nothing_left();
}

/// Phones without a time server set their clock by Date (RFC 3261 §20.17).
#[test]
fn a_phone_is_told_the_time_when_it_registers() {
    let mut lab = Lab::registered(11, &["alice"]);
    let told = |lab: &mut Lab| lab.ladder().last("engine", "alice", "200").expect("an answer").to_owned();
    assert!(told(&mut lab).contains("Date: Sat, 13 Nov 2010 23:29:00 GMT"), "{}", told(&mut lab));
    lab.run(Duration::from_secs(7_200));
    assert!(told(&mut lab).contains("Date: Sun, 14 Nov 2010 0"), "{}", told(&mut lab));
    lab.nothing_left();
}

#[test]
fn a_star_removes_every_contact() {
    let mut lab = Lab::registered(6, &["alice", "bob", "bob-home"]);
    lab.does("bob", Phone::unregister_all);
    lab.run_ms(500);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(480));
    lab.nothing_left();
}

/// RFC 5627: `gr` means one device, and who names his own address is found where he is registered.
#[test]
fn a_device_is_called_by_its_own_address_and_is_found_behind_it() {
    let mut lab = Lab::seeded(8);
    for (name, instance) in [("alice", "urn:uuid:a"), ("bob", "urn:uuid:desk"), ("bob-home", "urn:uuid:home")]
    {
        lab.phone(name).script.instance = Some(instance.to_owned());
    }
    let mut lab = lab.with_registered(&["alice", "bob", "bob-home"]);
    let given = lab.ladder().last("engine", "alice", "200").unwrap();
    assert!(given.contains(";pub-gruu=\"sip:1001@pbx.example;gr=urn:uuid:a\""), "{given}");

    lab.call("alice", "sip:1002@pbx.example;gr=urn:uuid:home");
    lab.run_ms(500);
    assert_eq!((lab.status("bob"), lab.status("bob-home")), (Status::Idle, Status::Ringing));
    let named = lab.ladder().last("alice", "engine", "INVITE").unwrap();
    assert!(named.contains("Contact: <sip:1001@pbx.example;gr=urn:uuid:a>"), "{named}");
    lab.answer("bob-home");
    lab.run_ms(500);
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob-home");
    lab.hang_up("bob-home");
    lab.run_ms(500);
    let bye = lab.ladder().last("engine", "alice", "BYE").unwrap();
    assert!(bye.starts_with("BYE sip:1001@10.0.1.1:5060;transport=udp SIP/2.0"), "{bye}");

    lab.call("alice", "sip:1002@pbx.example;gr=urn:uuid:elsewhere");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(480));
    lab.nothing_left();
}

#[test]
fn a_phone_unregisters_its_own_contact_only() {
    let mut lab = Lab::registered(7, &["alice", "bob", "bob-home"]);
    lab.does("bob", |phone: &mut Phone, now, out: &mut PhoneOutbox| phone.unregister(now, out));
    lab.run_ms(500);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!((lab.status("bob"), lab.status("bob-home")), (Status::Idle, Status::Ringing));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_line_that_does_not_exist_is_refused_like_a_wrong_password() {
    let mut lab = Lab::seeded(8);
    lab.stranger("mallory", "10.0.66.6:5060");
    lab.sends(
        "mallory",
        "REGISTER sip:pbx.example SIP/2.0
         Via: SIP/2.0/UDP 10.0.66.6:5060;branch=z9hG4bKm1;rport
         Max-Forwards: 70
         From: <sip:9999@pbx.example>;tag=m1
         To: <sip:9999@pbx.example>
         Call-ID: m1@10.0.66.6
         CSeq: 1 REGISTER
         Contact: <sip:9999@10.0.66.6>
         Content-Length: 0

         ",
    );
    lab.run_ms(500);
    lab.expect_ladder(
        "mallory -> engine   REGISTER
         engine -> mallory   401, WWW-Authenticate: Digest",
    );
    lab.nothing_left();
}

/// A desk phone behind a router, which knows its private address alone and asks for no port (RFC 3581), as recorded ones do.
#[test]
fn a_phone_behind_a_translator_that_asks_for_no_port_is_answered() {
    let mut lab = Lab::registered(9, &["alice"]);
    lab.stranger("desk", "203.0.113.9:40321");
    let request = |cseq: u32, headers: &str| {
        format!(
            "REGISTER sip:pbx.example SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.10:5062;branch=z9hG4bK{cseq}\nMax-Forwards: 70\n\
             From: <sip:1004@pbx.example>;tag=desk\nTo: <sip:1004@pbx.example>\nCall-ID: desk\nCSeq: {cseq} REGISTER\n\
             User-Agent: Yealink SIP-T46S 66.85.0.5\n{headers}Contact: <sip:1004@192.168.1.10:5062>\nContent-Length: 0\n\n"
        )
    };
    lab.sends("desk", &request(1, ""));
    lab.run_ms(100);
    let challenge = read(&lab.received("desk")[0]);
    let asked: Vec<_> = challenge.lines(HeaderName::WwwAuthenticate).collect();
    assert!(challenge.status() == 401 && asked.len() == 1 && asked[0].contains("algorithm=MD5"), "{asked:?}");
    lab.sends("desk", &request(2, &answer(&challenge, "REGISTER", "sip:pbx.example")));
    lab.run_ms(100);
    assert_eq!(read(&lab.received("desk")[0]).status(), 200);
    lab.call("alice", "1004");
    lab.run_ms(100);
    let rings: Vec<_> = lab.received("desk").iter().map(|text| read(text)).collect();
    assert!(rings.iter().any(|message| message.method_text() == "INVITE"), "{rings:?}");
    lab.hang_up("alice");
    lab.run_ms(40_000);
    lab.nothing_left();
}
