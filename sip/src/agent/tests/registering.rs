//! REGISTER and digest at the edge of the agent.

use super::bench::{Bench, invite, request};
use super::*;
use crate::auth::{Account, Algorithm, ClientAuth, Credentials};
use crate::message::{HeaderName, Message};
use crate::outbox::Peer;

fn lines() -> Directory {
    let mut directory = trusting();
    for line in ["alice", "bob"] {
        let algorithms = [Algorithm::Sha256, Algorithm::Md5];
        directory.add_line(Account {
            line: line.into(),
            password: "secret".into(),
            algorithms: algorithms.into(),
        });
    }
    directory
}

/// A phone at an address that no trunk has.
pub(super) fn phone() -> Bench {
    Bench::with(lines(), "198.51.100.2:5070")
}

/// The request again, with credentials for the challenge that it met.
pub(super) fn with_credentials(text: &str, challenge: &Message, user: &str, password: &str) -> String {
    let credentials = Credentials { username: user.into(), password: password.into(), realm: None };
    let mut auth = ClientAuth::new(Arc::new(credentials));
    let method = text.split(' ').next().unwrap();
    let uri = text.split(' ').nth(1).unwrap();
    let challenges = challenge.lines(HeaderName::WwwAuthenticate);
    let (_, value) = auth.answer(401, challenges, method, uri, "cnonce").unwrap();
    let next = text
        .replace(&format!("CSeq: 1 {method}"), &format!("CSeq: 2 {method}"))
        .replace("z9hG4bK-1", "z9hG4bK-2");
    next.replace("Max-Forwards: 70\r\n", &format!("Max-Forwards: 70\r\nAuthorization: {value}\r\n"))
}

pub(super) fn register(to: &str, headers: &str) -> String {
    let text = request("REGISTER", 1, "", headers, "").replace("sip:bob@192.0.2.1 SIP", "sip:192.0.2.1 SIP");
    text.replace("To: <sip:bob@192.0.2.1>", &format!("To: <sip:{to}@192.0.2.1>"))
        .replace("<sip:alice@192.0.2.2:5070>", "<sip:alice@198.51.100.2:5070;line=x>")
}

#[test]
fn a_phone_that_fails_on_two_challenges_sees_one() {
    let mut bench = phone();
    let text = register("alice", "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n");
    bench.say(text.clone());
    let challenge = bench.only();
    let challenges: Vec<_> = challenge.lines(HeaderName::WwwAuthenticate).collect();
    assert!(challenges.len() == 1 && challenges[0].contains("algorithm=MD5"), "{challenges:?}");
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!(bench.only().status(), 200);
}

#[test]
fn a_phone_registers_after_a_challenge() {
    let mut bench = phone();
    let text = register("alice", "Expires: 600\r\n");
    bench.say(text.clone());
    let challenge = bench.only();
    let challenges: Vec<_> = challenge.lines(HeaderName::WwwAuthenticate).collect();
    assert_eq!((challenge.status(), challenges.len()), (401, 2));
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[0].contains("realm=\"test\""));
    assert_eq!(bench.agent.gauges(), Gauges::default());
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    let ok = bench.only();
    assert_eq!(ok.status(), 200);
    let contact = ok.value(HeaderName::Contact).unwrap();
    assert!(contact.contains("<sip:alice@198.51.100.2:5070;line=x>") && contact.contains("expires=600"));
    assert_eq!(bench.told(), ["Registered"]);
    // A retransmission is answered by its transaction.
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!((bench.only().bytes(), bench.told()), (ok.bytes(), vec![]));
    bench.pass(seconds(601));
    assert_eq!(bench.told(), ["Expired"]);
    bench.expect_nothing_left();
}

#[test]
fn stun_is_answered_to_where_a_line_is_registered_from_and_to_nobody_else() {
    let mut bench = phone();
    let asks = |bench: &mut Bench, source: &str| {
        let flow = udp(bench.flow.local, source.parse().unwrap());
        let request = Bytes::from_static(b"\0\x01\0\0\x21\x12\xa4\x42transaction!");
        let mut out = Outbox::default();
        bench.agent.receive(bench.now, flow, request, &mut out);
        out.transmits.iter().map(|sent| (sent.flow == flow, sent.bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(asks(&mut bench, "198.51.100.2:5070"), [], "nobody is there yet");
    let text = register("alice", "");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!(bench.only().status(), 200);
    for (source, answers) in [
        ("198.51.100.2:5070", vec![(true, 32)]),
        ("198.51.100.2:40000", vec![(true, 32)]),
        ("198.51.100.3:5070", vec![]),
        ("192.0.2.2:5070", vec![]),
    ] {
        assert_eq!(asks(&mut bench, source), answers, "{source}");
    }
    bench.told();
    bench.pass(seconds(3_601));
    assert_eq!(asks(&mut bench, "198.51.100.2:5070"), [], "no longer");
}

#[test]
fn an_extension_that_is_unknown_is_refused_once_it_is_clear_who_asks() {
    let mut bench = phone();
    let text = register("alice", "Require: path, gin\r\n");
    bench.say(text.clone());
    let challenge = bench.only();
    assert_eq!(challenge.status(), 401);
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::Unsupported)), (420, Some("gin")));
    assert!(bench.told().is_empty());
}

#[test]
fn a_binding_ends_with_its_stream() {
    let mut bench = phone().by_tcp();
    let text = register("alice", "");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!((bench.heard(), bench.told()), (vec!["200".to_owned()], vec!["Registered".to_owned()]));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!(bench.told(), ["Expired"]);
}

/// Registers the device of alice from where the peer is; what the last answer says.
fn register_device(bench: &mut Bench, call_id: &str) -> Message {
    let text = request("REGISTER", 1, "", "Supported: gruu\r\n", "")
        .replace("sip:bob@192.0.2.1 SIP", "sip:192.0.2.1 SIP");
    let contact = format!("<sip:alice@{}>;+sip.instance=\"<urn:uuid:1>\"", bench.flow.remote);
    let text = text
        .replace("To: <sip:bob@192.0.2.1>", "To: <sip:alice@192.0.2.1>")
        .replace("<sip:alice@192.0.2.2:5070>", &contact)
        .replace("Call-ID: ", &format!("Call-ID: {call_id}"))
        .replace("z9hG4bK-1", &format!("z9hG4bK-1{call_id}"));
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    bench.only()
}

/// Alice calls and names this as where she is; the leg, which is up.
fn calls_from(bench: &mut Bench, contact: &str) -> LegId {
    let text = invite("").replace("<sip:alice@192.0.2.2:5070>", &format!("<{contact}>"));
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    let leg = |event: &Event| if let Event::Incoming(leg, _) = event { Some(*leg) } else { None };
    let leg = bench.events().iter().find_map(leg).unwrap();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let answer = bench.sent().pop().unwrap().1;
    bench.say(request("ACK", 2, answer.to_tag(), "", ""));
    leg
}

/// Nobody is led to somebody else's device, and what was said sealed does not go on in clear.
#[test]
fn the_address_of_a_device_leads_nowhere_but_to_who_names_it_and_as_safely() {
    let mut bench = phone();
    register_device(&mut bench, "first");
    let mut others = crate::testing::binding("sip:bob@203.0.113.7:5060");
    others.params = ";+sip.instance=\"<urn:uuid:bob>\"".into();
    others.flow.remote = "203.0.113.7:5060".parse().unwrap();
    bench.agent.endpoint.location.put(bench.now, &"bob".into(), others, &mut Outbox::default()).unwrap();
    let stolen = "sip:bob@192.0.2.1;gr=urn:uuid:bob";
    let leg = calls_from(&mut bench, stolen);
    bench.command(Command::End(leg, None));
    let (flow, bye) = bench.sent().pop().unwrap();
    assert_eq!((flow.remote, bye.request_uri()), (bench.flow.remote, stolen));

    let mut bench = phone().by_tcp();
    bench.flow.transport = Transport::Tls;
    register_device(&mut bench, "first");
    let leg = calls_from(&mut bench, "sip:alice@192.0.2.1;gr=urn:uuid:1");
    let sealed = bench.flow;
    bench.flow = udp(sealed.local, "198.51.100.9:5080".parse().unwrap());
    assert_eq!(register_device(&mut bench, "second").status(), 200);
    bench.command(Command::End(leg, None));
    assert_eq!(bench.sent().pop().unwrap().0, sealed);
}

/// Its own address names the engine's host: what is sent there goes to the device, and not in a circle.
#[test]
fn a_device_that_moves_in_a_call_is_found_by_its_own_address() {
    let mut bench = phone();
    let registered = register_device(&mut bench, "first");
    let gruu = "sip:alice@192.0.2.1;gr=urn:uuid:1";
    let contact = registered.value(HeaderName::Contact).unwrap();
    assert!(contact.contains(&format!(";pub-gruu=\"{gruu}\"")), "{contact}");
    let leg = calls_from(&mut bench, gruu);
    bench.command(Command::Notify(leg, "talk"));
    let (flow, notify) = bench.sent().pop().unwrap();
    assert_eq!((flow.remote, notify.request_uri()), (bench.flow.remote, "sip:alice@198.51.100.2:5070"));

    bench.flow.remote = "198.51.100.9:5080".parse().unwrap();
    assert_eq!(register_device(&mut bench, "second").status(), 200);
    bench.command(Command::End(leg, None));
    let (flow, bye) = bench.sent().pop().unwrap();
    assert_eq!((flow.remote, bye.request_uri()), (bench.flow.remote, "sip:alice@198.51.100.9:5080"));
}

/// The translator forgot it: with its next registration it is at another port, and in the dialog it says nothing.
#[test]
fn a_phone_behind_a_translator_that_forgets_in_a_call_is_found_where_it_registers_next() {
    let behind = "sip:alice@192.168.1.10:5070";
    let register_behind = |bench: &mut Bench, call_id: &str| {
        let text = register("alice", "").replace("sip:alice@198.51.100.2:5070", behind);
        let text = text.replace("Call-ID: ", &format!("Call-ID: {call_id}"));
        let text = text.replace("z9hG4bK-1", &format!("z9hG4bK-1{call_id}"));
        bench.say(text.clone());
        let challenge = bench.only();
        bench.say(with_credentials(&text, &challenge, "alice", "secret"));
        assert_eq!(bench.only().status(), 200);
    };
    let mut bench = phone();
    register_behind(&mut bench, "first");
    let leg = calls_from(&mut bench, behind);
    let before = bench.flow;
    bench.command(Command::Notify(leg, "hold"));
    assert_eq!(bench.sent().pop().unwrap().0, before);
    bench.flow.remote = "198.51.100.2:40123".parse().unwrap();
    register_behind(&mut bench, "second");
    bench.command(Command::End(leg, None));
    let (flow, bye) = bench.sent().pop().unwrap();
    assert_eq!((flow, bye.request_uri()), (bench.flow, behind));
    assert_ne!(flow, before);
}

#[test]
fn a_line_registers_itself_only_and_here_only() {
    let mut bench = phone();
    let text = register("bob", "");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!((bench.heard(), bench.told()), (vec!["403".to_owned()], vec!["Refused 403".to_owned()]));
    bench.say(register("alice", "").replace("sip:192.0.2.1 SIP", "sip:elsewhere.example SIP"));
    assert_eq!(bench.heard(), ["404"]);
    bench.say(register("alice", "").replace("sip:192.0.2.1 SIP", "sip:user@EXAMPLE.com SIP"));
    assert_eq!(bench.heard(), ["401"], "a domain of ours, and a user part is tolerated");
}

#[test]
fn a_contact_that_leads_back_to_us_is_refused() {
    let mut bench = phone();
    let text = register("alice", "").replace("alice@198.51.100.2:5070", "alice@192.0.2.1");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!((bench.heard(), bench.told()), (vec!["403".to_owned()], vec![]));
}

#[test]
fn a_user_that_does_not_exist_looks_like_one_that_does() {
    let mut bench = phone();
    let mut answers = Vec::new();
    for user in ["alice", "nobody"] {
        let text = register(user, "");
        bench.say(text.clone());
        let challenge = bench.only();
        bench.say(with_credentials(&text, &challenge, user, "wrong"));
        let refused = bench.only();
        let shape = |message: &Message| -> Vec<String> {
            message.headers().map(|(_, name, _)| String::from_utf8_lossy(name).into_owned()).collect()
        };
        answers.push((challenge.status(), shape(&challenge), refused.status(), shape(&refused)));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((answers[0].0, answers[0].2), (401, 403));
    assert_eq!(bench.told(), ["Refused 403", "Refused 403"]);
}

/// The line of the log that fail2ban reads is no weapon: whoever writes datagrams under the address of somebody else gets nobody
/// banned.
#[test]
fn a_guess_that_answers_no_challenge_of_ours_accuses_nobody() {
    let mut bench = phone();
    let text = register("alice", "");
    bench.say(text.clone());
    let challenge = bench.only();
    let forged = with_credentials(&text, &challenge, "alice", "wrong");
    let (nonce, _) = forged.split_once("nonce=\"").unwrap().1.split_once('"').unwrap();
    bench.say(forged.replace(nonce, &nonce.replace('a', "b").replace('1', "2")));
    assert_eq!((bench.heard(), bench.told()), (vec!["401".to_owned()], vec![]));
    bench.say(forged.replace("z9hG4bK-2", "z9hG4bK-3"));
    assert_eq!((bench.heard(), bench.told()), (vec!["403".to_owned()], vec!["Refused 403".to_owned()]));
}

#[test]
fn what_a_line_is_challenged_with_does_not_give_it_away() {
    let mut directory = lines();
    for line in 0..6 {
        directory.add_line(Account {
            line: format!("md5-{line}").into(),
            password: "secret".into(),
            algorithms: [Algorithm::Md5].into(),
        });
    }
    let mut bench = Bench::with(directory, "198.51.100.2:5070");
    let mut challenges = |user: &str| {
        bench.say(register(user, ""));
        let challenge = bench.only();
        challenge.lines(HeaderName::WwwAuthenticate).count()
    };
    assert_eq!((challenges("alice"), challenges("md5-3")), (2, 1));
    let strangers: Vec<_> = (0..100).map(|user| challenges(&format!("nobody-{user}"))).collect();
    let alone = strangers.iter().filter(|count| **count == 1).count();
    assert!((55..95).contains(&alone), "{alone} of 100, as 6 of 8 lines");
    let again: Vec<_> = (0..100).map(|user| challenges(&format!("nobody-{user}"))).collect();
    assert_eq!(strangers, again);
}

/// Hostile input: who names another as his source sends him at most twice what he sends himself, or 600 bytes.
#[test]
fn a_datagram_is_never_answered_with_much_more() {
    let mut directory = lines();
    directory.realm = "a-realm-with-a-name-that-is-longer-than-most".into();
    for pad in 0..40 {
        let mut bench = Bench::with(directory.clone(), "198.51.100.2:5070");
        let text =
            register("alice", "").replace("Call-ID: call", &format!("Call-ID: {}", "c".repeat(pad * 10)));
        let text = if pad == 0 { text.replace("Call-ID: ", "Call-ID: c") } else { text };
        bench.say(text.clone());
        let (long, count) = (bench.only(), text.len());
        assert!(long.bytes().len() <= 600.max(2 * count), "{count} -> {}", long.bytes().len());
        assert!(long.value(HeaderName::WwwAuthenticate).unwrap().contains("SHA-256"));
    }
    let mut bench = Bench::with(directory, "198.51.100.2:5070").by_tcp();
    bench.say(register("alice", ""));
    assert_eq!(bench.only().lines(HeaderName::WwwAuthenticate).count(), 2, "a stream has no other source");
}

#[test]
fn a_line_calls_after_a_challenge_under_its_own_name() {
    let mut bench = phone();
    let text = invite("");
    bench.say(text.clone());
    let challenge = bench.only();
    assert_eq!((challenge.status(), bench.told()), (401, vec![]));
    bench.say(request("ACK", 1, challenge.to_tag(), "", "").replace("-1-ACK", "-1-INVITE"));
    assert_eq!((bench.heard(), bench.agent.gauges()), (vec![], Gauges::default()));
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!(bench.heard(), ["100"]);
    let [Event::Incoming(_, call)] = &bench.events()[..] else { panic!("expected a call") };
    assert_eq!((&call.peer, &*call.from.user), (&Peer::Line("alice".into()), "alice"));

    let mut bench = phone();
    let text = text.replace("<sip:alice@192.0.2.2>;tag", "<sip:bob@192.0.2.2>;tag");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!((bench.heard(), bench.told()), (vec!["403".to_owned()], vec!["Refused 403".to_owned()]));
}

#[test]
fn everything_else_outside_a_dialog_is_challenged_too() {
    for method in ["MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "REFER"] {
        let mut bench = phone();
        bench.say(request(method, 1, "", "", ""));
        assert_eq!(bench.heard(), ["401"], "{method}");
    }
}

#[test]
fn a_trunk_that_registers_is_humoured() {
    let mut bench = Bench::with(lines(), "192.0.2.2:5070");
    let text = register("ua1", "").replace("sip:192.0.2.1 SIP", "sip:CA.cym.com SIP");
    bench.say(text.clone());
    let ok = bench.only();
    assert_eq!((ok.status(), bench.told()), (200, vec![]));
    assert!(ok.value(HeaderName::Contact).unwrap().contains("alice@198.51.100.2"));
    // A line is a line wherever it is.
    bench.say(register("alice", "").replace("z9hG4bK-", "z9hG4bK-b-"));
    assert_eq!(bench.heard(), ["401"]);
    bench.agent.endpoint.config.reply_200_to_trunk_register = false;
    bench.say(text.replace("z9hG4bK-", "z9hG4bK-c-"));
    assert_eq!(bench.heard(), ["404"]);
}

#[test]
fn a_phone_at_the_host_of_a_trunk_is_a_phone_once_it_has_registered() {
    let mut bench = Bench::with(lines(), "192.0.2.2:5070");
    bench.say(invite("").replace("z9hG4bK-", "z9hG4bK-0-").replace("Call-ID: call", "Call-ID: first"));
    assert_eq!(bench.heard(), ["100"]);
    bench.events();
    let text = register("alice", "");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    assert_eq!((bench.heard(), bench.told()), (vec!["200".to_owned()], vec!["Registered".to_owned()]));
    bench.say(invite(""));
    assert_eq!(bench.heard(), ["401"]);
    bench.flow.remote.set_port(5099);
    bench.say(invite("").replace("z9hG4bK-", "z9hG4bK-3-").replace("Call-ID: call", "Call-ID: third"));
    assert_eq!(bench.heard(), ["100"], "the trunk is still one");
}

#[test]
fn a_trunk_proves_itself_by_a_password_from_anywhere_and_registers_nothing() {
    let mut directory = lines();
    directory.trunks.push(TrustedTrunk { name: "branch".into(), allow_from: Vec::new() });
    let account = Account {
        line: "branch".into(),
        password: "other".into(),
        algorithms: [Algorithm::Sha256, Algorithm::Md5].into(),
    };
    directory.trunk_accounts.insert("site".into(), account);
    let mut bench = Bench::with(directory, "203.0.113.77:5060");
    // Whom From names is whoever calls there.
    let text = invite("");
    bench.say(text.clone());
    let challenge = bench.only();
    assert_eq!(challenge.status(), 401);
    bench.say(with_credentials(&text, &challenge, "site", "secret"));
    assert_eq!(bench.only().status(), 403, "a password of somebody else");
    bench.told();
    bench.say(with_credentials(&text, &challenge, "site", "other"));
    assert_eq!(bench.only().status(), 100);
    let peer = bench
        .events()
        .into_iter()
        .find_map(|event| if let Event::Incoming(_, call) = event { Some(call.peer) } else { None });
    assert_eq!(peer, Some(Peer::Trunk("branch".into())));
    for to in ["branch", "site", "alice"] {
        let text = register(to, "");
        bench.say(text.clone());
        let challenge = bench.sent().pop().unwrap().1;
        bench.say(with_credentials(&text, &challenge, "site", "other"));
        assert_eq!(bench.sent().pop().unwrap().1.status(), 403, "{to}");
    }
}

#[test]
fn a_certificate_is_a_trunk_from_anywhere_as_long_as_its_connection_is_there() {
    let mut directory = lines();
    directory.trunks.push(TrustedTrunk { name: "sealed".into(), allow_from: Vec::new() });
    directory.certificates = vec![Vec::new(), vec!["sip.carrier.example".into()]];
    let certificates = Arc::new(crate::certificates::Certificates::default());
    let mut bench = Bench::with(directory, "203.0.113.77:40000").by_tcp();
    bench.agent = bench.agent.with_certificates(Arc::clone(&certificates));
    let mut number = 0;
    let mut call = |bench: &mut Bench| {
        number += 1;
        let (branch, call) = (format!("z9hG4bK-{number}-"), format!("Call-ID: call{number}"));
        bench.say(invite("").replace("z9hG4bK-", &branch).replace("Call-ID: call", &call));
        let status = bench.heard().pop().expect("an answer");
        let called = |event| if let Event::Incoming(_, call) = event { Some(call.peer) } else { None };
        let peer = bench.events().into_iter().find_map(called);
        (status, peer)
    };
    bench.flow.transport = Transport::Tls;
    assert_eq!(call(&mut bench), ("401".to_owned(), None));
    certificates.note(bench.flow.connection, ["other.example"]);
    assert_eq!(call(&mut bench), ("401".to_owned(), None), "a name that is no trunk's");
    certificates.note(bench.flow.connection, ["other.example", "SIP.carrier.example"]);
    let trunk = Some(Peer::Trunk("sealed".into()));
    assert_eq!(call(&mut bench), ("100".to_owned(), trunk.clone()));
    bench.flow.connection = ConnectionId(2);
    assert_eq!(call(&mut bench), ("401".to_owned(), None), "another connection from the same place");
    certificates.note(bench.flow.connection, ["sip.carrier.example"]);
    bench.flow.remote = "192.0.2.2:40000".parse().unwrap();
    assert_eq!(call(&mut bench), ("100".to_owned(), trunk), "the address is another trunk's");
    bench.flow.transport = Transport::Tcp;
    assert!(call(&mut bench).1.is_some_and(|peer| peer != Peer::Trunk("sealed".into())), "it is not sealed");
    bench.flow.remote = "203.0.113.77:40000".parse().unwrap();
    bench.flow.transport = Transport::Tls;
    certificates.forget(bench.flow.connection);
    assert_eq!(call(&mut bench), ("401".to_owned(), None));
}
