//! What passes from one trusted network to the next: Identity, P-Charging-Vector, what was found of the caller's number, who sent the call elsewhere.

use trunkline::switch::{CallReason, Setup};
use trunkline_tests::lab::T1_64;
use trunkline_tests::{Lab, Plan};

const VECTOR: &str = "icid-value=\"AyretyU0dm\";orig-ioi=home1.example";
const ADDRESSES: &str = "ccf=192.0.2.1; ecf=192.0.2.2";
const IDENTITY: &str =
    "eyJhbGciOiJFUzI1NiJ9.eyJkZXN0Ijp7fX0.c2ln;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken";

fn trusted(setup: &mut Setup) {
    setup.trunks.iter_mut().for_each(|trunk| trunk.is_trusted = true);
}

/// A call from the first trunk to the second, signed, and what the second is told.
fn passed(lab: &mut Lab, from: &str, dialled: &str) -> String {
    let invite = format!(
        "INVITE sip:{dialled}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {{address}};branch=z9hG4bK-carried\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{from};verstat=TN-Validation-Passed@carrier.example>;tag=1\r\nTo: <sip:{dialled}@10.0.0.1>\r\n\
         Call-ID: carried-{dialled}\r\nCSeq: 1 INVITE\r\nContact: <sip:{{address}}>\r\nDate: Sun, 22 Nov 2026 16:00:00 GMT\r\n\
         Identity: {IDENTITY}\r\nP-Charging-Vector: {VECTOR}\r\nP-Charging-Function-Addresses: {ADDRESSES}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let address = lab.phone("carrier").config().address.to_string();
    lab.forges(&address, invite.replace("{address}", &address).into());
    lab.run_ms(500);
    lab.ladder().last("engine", "overseas", "INVITE").expect("it was called").to_owned()
}

#[test]
fn what_a_trusted_network_signed_goes_on_to_the_next() {
    let mut lab = Plan::seeded(1)
        .with(trusted)
        .with(|setup| setup.routes.iter_mut().for_each(|route| route.number = None))
        .build();
    let text = passed(&mut lab, "+4930123456", "9555");
    assert!(text.contains(&format!("Identity: {IDENTITY}\r\n")), "{text}");
    assert!(text.contains("Date: Sun, 22 Nov 2026 16:00:00 GMT\r\n"), "{text}");
    assert!(text.contains(&format!("P-Charging-Vector: {VECTOR}\r\n")), "{text}");
    assert!(text.contains(&format!("P-Charging-Function-Addresses: {ADDRESSES}\r\n")), "{text}");
    let seen = lab.call_on("crm", "carrier");
    assert_eq!(seen.verstat.as_deref(), Some("TN-Validation-Passed"));
    assert_eq!(seen.caller.number, "+4930123456", "without what was found of it");
}

#[test]
fn a_signature_over_another_number_is_left_out() {
    let mut lab = Plan::seeded(2).with(trusted).build();
    let text = passed(&mut lab, "+4930123456", "9555");
    assert!(text.starts_with("INVITE sip:555@"), "{text}");
    assert!(!text.contains("Identity:") && !text.contains("Date:"), "{text}");
    assert!(text.contains("P-Charging-Vector: "), "{text}");
}

#[test]
fn networks_that_are_not_trusted_pass_nothing_on() {
    let mut lab = Plan::seeded(3).build();
    let text = passed(&mut lab, "+4930123456", "9555");
    assert!(!text.contains("Identity:") && !text.contains("P-Charging-"), "{text}");
    assert_eq!(lab.call_on("crm", "carrier").verstat, None);
}

/// The network that answers says what stands on bills, and the one that called hears it, if both are trusted.
#[test]
fn what_an_answer_says_of_bills_goes_back() {
    for is_trusted in [true, false] {
        let plan = Plan::seeded(5);
        let mut lab = if is_trusted { plan.with(trusted).build() } else { plan.build() };
        lab.phone("overseas").script.dead = true;
        lab.call("carrier", "9555");
        lab.run_ms(300);
        let invite = lab.ladder().last("engine", "overseas", "INVITE").expect("it was called").to_owned();
        let named = |name: &&str| invite.lines().find(|line| line.starts_with(*name)).map(str::trim_end);
        let copied: Vec<_> =
            ["Via: ", "From: ", "Call-ID: ", "CSeq: ", "To: "].iter().filter_map(named).collect();
        let address = lab.phone("overseas").config().address.to_string();
        let body = "v=0\r\no=x 1 1 IN IP4 10.0.1.7\r\ns=-\r\nc=IN IP4 10.0.1.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
        let answer = format!(
            "SIP/2.0 200 OK\r\n{};tag=x\r\nContact: <sip:{address}>\r\nP-Charging-Vector: {VECTOR};term-ioi=b.example\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            copied.join("\r\n"),
            body.len()
        );
        lab.forges(&address, answer.into());
        lab.run_ms(500);
        let told = lab.ladder().last("engine", "carrier", "200").expect("it is answered").to_owned();
        let line = format!("P-Charging-Vector: {VECTOR};term-ioi=b.example\r\n");
        assert_eq!(told.contains(&line), is_trusted, "{told}");
        lab.hang_up("carrier");
        lab.run(T1_64);
        lab.nothing_left();
    }
}

/// A carrier that knows no Diversion: applications hear who was called first and why, and the next network hears it in both forms.
#[test]
fn who_sent_a_call_here_is_read_off_its_history() {
    let mut lab = Plan::seeded(4).build().with_registered(&["alice"]);
    let address = lab.phone("carrier").config().address.to_string();
    let history = "History-Info: <sip:+4930555@carrier.example?Reason=SIP%3Bcause%3D486>;index=1\r\n\
                   History-Info: <sip:+4930777@carrier.example;cause=486>;index=1.1;mp=1\r\n";
    for dialled in ["1001", "9555"] {
        let invite = format!(
            "INVITE sip:{dialled}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-history-{dialled}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+4930123456@carrier.example>;tag=1\r\nTo: <sip:{dialled}@10.0.0.1>\r\n\
             Call-ID: history-{dialled}\r\nCSeq: 1 INVITE\r\nContact: <sip:{address}>\r\n{history}Content-Length: 0\r\n\r\n"
        );
        lab.forges(&address, invite.into());
        lab.run_ms(500);
    }
    let seen = lab.call_on("crm", "1001");
    assert_eq!((seen.reason, seen.redirecting.number.as_str()), (CallReason::FwdBusy, "+4930555"));
    let told = lab.ladder().last("engine", "overseas", "INVITE").expect("it was called").to_owned();
    assert!(
        told.contains("Diversion: <sip:+4930555@carrier.example>;reason=user-busy;counter=1\r\n"),
        "{told}"
    );
    assert!(
        told.contains("History-Info: <sip:+4930555@carrier.example?Reason=SIP%3Bcause%3D486>;index=1\r\n"),
        "{told}"
    );
}
