//! Who does not want to be known: a From that names nobody, and parties that are not shown.

use super::bench::{Bench, SDP_BODY, invite, request, response, word};
use super::registering::{phone, with_credentials};
use super::*;
use crate::message::HeaderName;
use crate::outbox::Peer;

/// A message of a phone that hides: nobody in From, the phone's own Contact.
fn hidden(text: &str) -> String {
    text.replace("From: <sip:alice@192.0.2.2>", "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>")
}

fn answered(status: u16, headers: &str) -> Party {
    let mut bench = Bench::new();
    let sent = calling::calling(&mut bench, |_| {});
    let headers = format!("Contact: <sip:bob@192.0.2.2:5070>\r\n{headers}");
    bench.say(response(&sent, status, "b", &headers, SDP_BODY));
    let connected = bench
        .events()
        .into_iter()
        .find_map(|event| if let Event::Answered { connected, .. } = event { Some(connected) } else { None });
    connected.expect("the call was answered")
}

#[test]
fn a_line_that_hides_proves_who_it_is_and_stays_hidden() {
    let mut bench = phone();
    let text = hidden(&invite("Privacy: id\r\nP-Preferred-Identity: <sip:bob@192.0.2.1>\r\n"));
    bench.say(text.clone());
    let challenge = bench.only();
    assert_eq!(challenge.status(), 401);
    bench.say(with_credentials(&text, &challenge, "alice", "wrong"));
    assert_eq!((bench.heard(), bench.told()), (vec!["403".to_owned()], vec!["Refused 403".to_owned()]));
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    let [Event::Incoming(_, call)] = &bench.events()[..] else { panic!("one call") };
    assert_eq!(call.peer, Peer::Line("alice".into()), "whom it would rather be proves nothing");
    assert!(call.from.is_anonymous() && call.details.as_ref().is_some_and(|details| details.is_private));
}

#[test]
fn a_refer_of_a_line_that_hides_is_that_line_s() {
    let mut bench = phone();
    let text = hidden(&invite(""));
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent()[1].1.to_tag().to_owned();
    bench.say(hidden(&request("ACK", 2, &tag, "", "")));
    bench.say(hidden(&request("REFER", 3, &tag, "Refer-To: <sip:1003@192.0.2.1>\r\n", "")));
    let refer = bench
        .events()
        .into_iter()
        .find_map(|event| if let Event::Refer(_, refer) = event { Some(refer.peer) } else { None });
    assert_eq!(refer, Some(Peer::Line("alice".into())));
}

#[test]
fn names_of_nobody() {
    let party = |user: &str, host: &str| Party {
        user: user.to_owned(),
        host: host.to_owned(),
        name: "Anonymous".to_owned(),
    };
    assert!(Party::anonymous().is_anonymous() && party("Anonymous", "carrier.example").is_anonymous());
    assert!(party("restricted", "ANONYMOUS.invalid").is_anonymous());
    assert!(!party("1001", "pbx.example").is_anonymous(), "a display name proves nothing");
}

#[test]
fn who_answers_and_hides_is_not_told() {
    let asserted = "P-Asserted-Identity: <sip:+4930@192.0.2.2>\r\n";
    assert_eq!(answered(200, asserted).user, "+4930");
    for wish in ["Privacy: id\r\n", "Remote-Party-ID: <sip:+4930@h>;party=called;privacy=full\r\n"] {
        assert_eq!(answered(200, &format!("{asserted}{wish}")), Party::anonymous(), "{wish}");
    }
    let of_other = "Remote-Party-ID: <sip:1@h>;party=calling;privacy=full\r\n";
    assert_eq!(answered(200, &format!("{asserted}{of_other}")).user, "+4930");
}

#[test]
fn somebody_who_hides_is_shown_as_nobody() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.sent();
    bench.command(Command::Identify(leg, Party::anonymous()));
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let answer = bench.only();
    let nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    assert_eq!(
        (word(&answer), answer.value(HeaderName::PAssertedIdentity)),
        ("200".to_owned(), Some(nobody))
    );
    let remote = format!("{nobody};party=called;privacy=full;screen=yes");
    assert_eq!(answer.value(HeaderName::RemotePartyId), Some(&*remote));
}
