//! Messages waiting (RFC 3842): an application and the system that keeps messages say how many there are, phones show it.

use trunkline::switch::setup::VoicemailSetup;
use trunkline::switch::{MessageCounts, Operation};
use trunkline_sip::message::{HeaderName, Message};
use trunkline_tests::{Lab, Plan};

use crate::lamps::{answer, read};

/// Another phone of line 1004.
const DESK: &str = "10.0.66.8:5060";
/// A host of the trunk `carrier`, which keeps the messages here.
const VOICEMAIL: &str = "10.0.1.6:5070";

fn subscribe(call: &str, cseq: u32, to_tag: &str, expires: u32, authorization: &str) -> String {
    format!(
        "SUBSCRIBE sip:1004@pbx.example SIP/2.0\nVia: SIP/2.0/UDP {DESK};branch=z9hG4bK{call}{cseq}\nMax-Forwards: 70\n\
         From: <sip:1004@pbx.example>;tag=desk\nTo: <sip:1004@pbx.example>{to_tag}\nCall-ID: {call}\n\
         CSeq: {cseq} SUBSCRIBE\nContact: <sip:1004@{DESK}>\nEvent: message-summary\n\
         Accept: application/simple-message-summary\nExpires: {expires}\n{authorization}Content-Length: 0\n\n"
    )
}

/// What the phone was told since the last look: each NOTIFY is answered.
fn told(lab: &mut Lab) -> Vec<String> {
    let received: Vec<Message> = lab.received("desk").iter().map(|text| read(text)).collect();
    heard(lab, &received)
}

/// What NOTIFYs among these say, which are answered.
fn heard(lab: &mut Lab, received: &[Message]) -> Vec<String> {
    let notifies = received.iter().filter(|message| message.is_request());
    let told = notifies.map(|notify| {
        let line = |name| notify.value(name).unwrap_or_default();
        let ok = format!(
            "SIP/2.0 200 OK\nVia: {}\nFrom: {}\nTo: {}\nCall-ID: {}\nCSeq: {}\nContent-Length: 0\n\n",
            line(HeaderName::Via),
            line(HeaderName::From),
            line(HeaderName::To),
            line(HeaderName::CallId),
            line(HeaderName::CSeq)
        );
        lab.sends("desk", &ok);
        String::from_utf8_lossy(notify.body()).replace("\r\n", "|")
    });
    told.collect()
}

/// The phone subscribes: our tag of that, and what it is told.
fn subscribed(lab: &mut Lab, call: &str) -> (String, Vec<String>) {
    lab.sends("desk", &subscribe(call, 1, "", 600, ""));
    lab.run_ms(50);
    let challenge = read(&lab.received("desk")[0]);
    assert_eq!(challenge.status(), 401);
    let value = answer(&challenge, "SUBSCRIBE", "sip:1004@pbx.example");
    lab.sends("desk", &subscribe(call, 2, "", 600, &value));
    lab.run_ms(50);
    let received: Vec<Message> = lab.received("desk").iter().map(|text| read(text)).collect();
    assert_eq!(received[0].status(), 200);
    (format!(";tag={}", received[0].to_tag()), heard(lab, &received))
}

/// What the trunk says of a mailbox without being asked, and the answer to it.
fn says(lab: &mut Lab, cseq: u32, mailbox: &str, body: &str) -> u16 {
    let body = body.replace('|', "\n");
    lab.sends(
        "voicemail",
        &format!(
            "NOTIFY sip:{mailbox}@pbx.example SIP/2.0\nVia: SIP/2.0/UDP {VOICEMAIL};branch=z9hG4bKvm{cseq}\n\
             Max-Forwards: 70\nFrom: <sip:vm@{VOICEMAIL}>;tag=vm\nTo: <sip:{mailbox}@pbx.example>\nCall-ID: vm{cseq}\n\
             CSeq: {cseq} NOTIFY\nContact: <sip:vm@{VOICEMAIL}>\nEvent: message-summary\n\
             Subscription-State: active\nContent-Type: application/simple-message-summary\n\
             Content-Length: {}\n\n{body}",
            body.len() + body.matches('\n').count()
        ),
    );
    lab.run_ms(50);
    lab.received("voicemail").first().map_or(0, |text| read(text).status())
}

#[test]
fn messages_are_shown_by_the_phone_and_outlive_the_engine() {
    let plan = Plan::seeded(9).with(|setup| {
        setup.voicemail = VoicemailSetup {
            trunk: Some("carrier".into()),
            subscribes: false,
            number: "*97".to_owned(),
            ..VoicemailSetup::default()
        };
        setup.lines[3].mailbox = Some("5004".into());
    });
    let mut lab = plan.build();
    lab.stranger("desk", DESK);
    lab.stranger("voicemail", VOICEMAIL);
    let account = "Message-Account: sip:*97@pbx.example";
    let (tag, first) = subscribed(&mut lab, "first");
    assert_eq!(first, [format!("Messages-Waiting: no|{account}|Voice-Message: 0/0 (0/0)|")]);

    lab.run_ms(1_000);
    let listen = Operation::SetStatusMessages {
        line: "1004".into(),
        line_states: vec!["msgwaiton".to_owned(), "msgwaitoff".to_owned()],
        address_states: Vec::new(),
    };
    lab.does_ask("wall", listen);
    let counts = MessageCounts { is_waiting: true, new: 2, old: 8, urgent_new: 0, urgent_old: 1 };
    lab.does_ask("crm", Operation::SetMessages { line: "1004".into(), counts });
    assert_eq!(told(&mut lab), [format!("Messages-Waiting: yes|{account}|Voice-Message: 2/8 (0/1)|")]);
    assert_eq!(lab.told("wall", "line-state").len(), 1, "an application hears of it, too");

    lab.run_ms(1_000);
    assert_eq!(says(&mut lab, 1, "5004", "Messages-Waiting: yes|Voice-Message: 3/8 (1/1)|"), 200);
    let last = format!("Messages-Waiting: yes|{account}|Voice-Message: 3/8 (1/1)|");
    assert_eq!(told(&mut lab), std::slice::from_ref(&last));
    assert_eq!(says(&mut lab, 2, "5004", "hello"), 400);
    assert_eq!(says(&mut lab, 3, "5005", "Messages-Waiting: yes|"), 200, "of nobody's mailbox");
    assert!(told(&mut lab).is_empty());

    lab.restart();
    lab.run_ms(50);
    assert_eq!(told(&mut lab), std::slice::from_ref(&last), "in the same subscription");
    lab.run_ms(1_000);
    lab.sends("desk", &subscribe("first", 3, &tag, 0, ""));
    lab.run_ms(50);
    assert_eq!(told(&mut lab), [last]);
    lab.nothing_left();
}

/// RFC 3842 §4: how many messages somebody has is his own business.
#[test]
fn nobody_sees_the_messages_of_others() {
    let mut lab = Plan::seeded(9).build();
    lab.stranger("desk", DESK);
    let uri = "sip:1002@pbx.example";
    let ask = |cseq, authorization: &str| {
        subscribe("nosy", cseq, "", 600, authorization).replace("SUBSCRIBE sip:1004@", "SUBSCRIBE sip:1002@")
    };
    lab.sends("desk", &ask(1, ""));
    lab.run_ms(50);
    let value = answer(&read(&lab.received("desk")[0]), "SUBSCRIBE", uri);
    lab.sends("desk", &ask(2, &value));
    lab.run_ms(50);
    assert_eq!(read(&lab.received("desk")[0]).status(), 403);
    lab.nothing_left();
}
