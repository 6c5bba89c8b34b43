//! Properties of generated messages: reading gives back what was written, however it was spelled; and rsip, where it can
//! read a message at all, reads the same.

use proptest::prelude::*;
use rsip::headers::ToTypedHeader;
use rsip::prelude::{HeadersExt, UntypedHeader};
use trunkline_sip::message::{
    Framing, HeaderName, Limits, Message, Method, NameAddr, Uri, escape_user, quote_display, request,
};

#[derive(Clone, Debug)]
struct Written {
    method: Method,
    uri: String,
    vias: Vec<String>,
    from: (String, String, String),
    to: (String, String),
    call_id: String,
    cseq: u32,
    contacts: Vec<String>,
    others: Vec<(String, String)>,
    body: Vec<u8>,
}

const METHODS: [Method; 8] = [
    Method::Invite,
    Method::Bye,
    Method::Options,
    Method::Register,
    Method::Refer,
    Method::Message,
    Method::Update,
    Method::Prack,
];

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}[a-z0-9](\\.[a-z]{2,3})?",
        "10\\.[1-9]\\.[1-9]\\.[1-9]",
        "\\[2001:db8::[1-9a-f]\\]"
    ]
}

fn uri() -> impl Strategy<Value = String> {
    let port = prop_oneof![Just(String::new()), (1..=u16::MAX).prop_map(|port| format!(":{port}"))];
    let params =
        prop_oneof![Just(""), Just(";transport=tcp"), Just(";lr"), Just(";lr=on;x=%41"), Just(";user=phone")];
    ("\\PC{1,12}", host(), port, params)
        .prop_map(|(user, host, port, params)| format!("sip:{}@{host}{port}{params}", escape_user(&user)))
}

fn via() -> impl Strategy<Value = String> {
    let transport = prop_oneof![Just("UDP"), Just("TCP"), Just("TLS"), Just("WSS")];
    let params = prop_oneof![
        Just(""),
        Just(";rport"),
        Just(";rport=5"),
        Just(";received=192.0.2.1"),
        Just(";ttl=1;x")
    ];
    (transport, host(), params, "[A-Za-z0-9.-]{1,20}").prop_map(|(transport, host, params, branch)| {
        format!("SIP/2.0/{transport} {host}{params};branch=z9hG4bK{branch}")
    })
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,16}"
}

fn written() -> impl Strategy<Value = Written> {
    let contact =
        (uri(), "\\PC{0,10}").prop_map(|(uri, name)| format!("{} <{uri}>;q=0.5", quote_display(&name)));
    let other = (token().prop_map(|name| format!("X-{name}")), "[!-~]([ -~]{0,30}[!-~])?");
    let parties = (("\\PC{0,12}", uri(), token()), (uri(), prop_oneof![Just(String::new()), token()]));
    (
        (proptest::sample::select(&METHODS), uri(), prop::collection::vec(via(), 1..5)),
        parties,
        ("[!-~]{1,30}", any::<u32>()),
        prop::collection::vec(contact, 0..4),
        prop::collection::vec(other, 0..30),
        prop::collection::vec(any::<u8>(), 0..60),
    )
        .prop_map(|((method, uri, vias), (from, to), (call_id, cseq), contacts, others, body)| Written {
            method,
            uri,
            vias,
            from,
            to,
            call_id,
            cseq,
            contacts,
            others,
            body,
        })
}

fn build(written: &Written) -> Vec<u8> {
    let (name, from, tag) = &written.from;
    let (to, to_tag) = &written.to;
    let mut builder = request(written.method, &written.uri);
    for via in &written.vias {
        builder = builder.header(HeaderName::Via, via);
    }
    builder = builder
        .header(HeaderName::From, format_args!("{} <{from}>;tag={tag}", quote_display(name)))
        .header(HeaderName::To, format_args!("<{to}>"));
    if !to_tag.is_empty() {
        builder = builder.to_tag(to_tag);
    }
    builder = builder
        .header(HeaderName::CallId, &written.call_id)
        .header(HeaderName::CSeq, format_args!("{} {}", written.cseq, written.method.name()));
    for contact in &written.contacts {
        builder = builder.header(HeaderName::Contact, contact);
    }
    for (name, value) in &written.others {
        builder = builder.raw(name, value);
    }
    builder.body("application/octet-stream", &written.body).to_vec()
}

/// The same message in the oddest spelling the grammar allows: compact names, folds, commas, cases, lone line feeds.
fn respell(written: &Written) -> Vec<u8> {
    let (name, from, tag) = &written.from;
    let (to, to_tag) = &written.to;
    let method = written.method.name();
    let mut text = format!("\r\n{method} {} SIP/2.0\r\n", written.uri);
    text += &format!("v :\r\n\t{}\n", written.vias.join(" ,\r\n  ").replace(';', " ; ").replace('/', " / "));
    text += &format!("F:{}<{from}>\r\n ;  TAG =\r\n {tag}\r\n", quote_display(name));
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(" ; x=\"a;b,\\\"\" ;tag={to_tag}") };
    text +=
        &format!("t:<{to}>{to_tag} \t\r\nI:{}\ncSEQ: 000{}\r\n {method}\r\n", written.call_id, written.cseq);
    if !written.contacts.is_empty() {
        text += &format!("m: {}\r\n", written.contacts.join(","));
    }
    for (name, value) in &written.others {
        text += &format!("{name}  :{value}\r\n");
    }
    text += &format!("L: {}\r\nC:application/octet-stream\r\n\r\n", written.body.len());
    [text.as_bytes(), &written.body, b"trailing octets"].concat()
}

fn check(written: &Written, message: &Message) -> Result<(), TestCaseError> {
    prop_assert_eq!(message.validate(&Limits::DEFAULT), Ok(()));
    prop_assert_eq!((message.method(), message.request_uri()), (written.method, written.uri.as_str()));
    prop_assert!(Uri::parse(message.request_uri()).is_some());
    let branches = |via: &str| via.split("branch=").nth(1).map(str::to_owned);
    let expected: Vec<_> = written.vias.iter().filter_map(|via| branches(via)).collect();
    prop_assert_eq!(message.vias().map(|via| via.branch().to_owned()).collect::<Vec<_>>(), expected);
    let from = message.from().expect("a valid message has From");
    let expected = (&*written.from.0, &*written.from.1, &*written.from.2);
    prop_assert_eq!((&*from.display_name().into_owned(), from.uri, from.tag()), expected);
    let to = message.to().expect("a valid message has To");
    prop_assert_eq!((to.uri, to.tag()), (&*written.to.0, &*written.to.1));
    prop_assert_eq!((message.call_id(), message.cseq().number), (&*written.call_id, written.cseq));
    let expected: Vec<_> = written.contacts.iter().filter_map(|text| NameAddr::parse(text)).collect();
    prop_assert_eq!(expected.len(), written.contacts.len());
    prop_assert_eq!(message.contacts().collect::<Vec<_>>(), expected);
    for (name, _) in &written.others {
        let first = written
            .others
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value);
        prop_assert_eq!(message.other(name), first);
    }
    prop_assert_eq!(message.body(), &written.body);
    prop_assert_eq!(message.content_type(), Some("application/octet-stream"));
    Ok(())
}

fn scan(bytes: Vec<u8>) -> Message {
    Message::scan(bytes.into(), Framing::Datagram, &Limits::DEFAULT).expect("a generated message can be read")
}

proptest! {
    #[test]
    fn reading_gives_back_what_was_written(written in written()) {
        check(&written, &scan(build(&written)))?;
    }

    #[test]
    fn spelling_changes_nothing(written in written()) {
        check(&written, &scan(respell(&written)))?;
    }

    #[test]
    fn writing_what_was_read_gives_the_same_octets(written in written()) {
        let bytes = build(&written);
        let message = scan(bytes.clone());
        let mut builder = request(message.method(), message.request_uri());
        for (name, sent_name, value) in message.headers() {
            if name != HeaderName::ContentLength && name != HeaderName::ContentType {
                builder = builder.raw(std::str::from_utf8(sent_name).unwrap(), std::str::from_utf8(value).unwrap());
            }
        }
        prop_assert_eq!(&builder.body("application/octet-stream", message.body())[..], &bytes[..]);
    }
}

/// What rsip can write and read again without loss: names without dots, IPv4 or domain hosts, its own transports.
fn rsip_request() -> impl Strategy<Value = rsip::Request> {
    let host = prop_oneof!["[a-z][a-z0-9]{0,8}\\.com", "10\\.[1-9]\\.[1-9]\\.[1-9]"];
    let user = "[a-z0-9]{1,10}";
    let port = proptest::option::of(1_u16..);
    let methods = [rsip::Method::Invite, rsip::Method::Bye, rsip::Method::Register, rsip::Method::Subscribe];
    let transports = [rsip::Transport::Udp, rsip::Transport::Tcp, rsip::Transport::Tls, rsip::Transport::Ws];
    let names = (user, user, "[A-Za-z0-9]{1,12}", "[A-Za-z0-9]{1,12}", "[A-Za-z0-9.@-]{1,20}");
    let picks = (proptest::sample::select(methods.to_vec()), proptest::sample::select(transports.to_vec()));
    (host, port, names, picks, any::<u32>(), "[ -~]{0,40}").prop_map(
        |(host, port, (user, other, tag, branch, call_id), (method, transport), seq, body)| {
            let uri = |user: &str| rsip::Uri {
                scheme: Some(rsip::Scheme::Sip),
                auth: Some((user, None::<String>).into()),
                host_with_port: rsip::HostWithPort { host: host.as_str().into(), port: port.map(Into::into) },
                ..Default::default()
            };
            let mut headers = rsip::Headers::default();
            let via = rsip::typed::Via {
                version: rsip::Version::V2,
                transport,
                uri: rsip::Uri { auth: None, scheme: None, ..uri(&user) },
                params: vec![rsip::Param::Branch(rsip::param::Branch::new(format!("z9hG4bK{branch}")))],
            };
            headers.push(via.into());
            let from = rsip::typed::From {
                display_name: Some("Ada L".into()),
                uri: uri(&other),
                params: vec![rsip::Param::Tag(rsip::param::Tag::new(tag))],
            };
            headers.push(from.into());
            headers.push(rsip::typed::To { display_name: None, uri: uri(&user), params: vec![] }.into());
            headers.push(rsip::headers::CallId::from(call_id).into());
            headers.push(rsip::typed::CSeq { seq, method }.into());
            headers
                .push(rsip::typed::Contact { display_name: None, uri: uri(&other), params: vec![] }.into());
            headers.push(rsip::headers::MaxForwards::default().into());
            headers.push(rsip::headers::ContentLength::from(body.len() as u32).into());
            rsip::Request { method, uri: uri(&user), version: rsip::Version::V2, headers, body: body.into() }
        },
    )
}

proptest! {
    #[test]
    fn rsip_and_we_read_alike(theirs in rsip_request()) {
        let bytes = theirs.to_string().into_bytes();
        let read = rsip::Request::try_from(bytes.clone()).expect("rsip reads what it wrote");
        let ours = scan(bytes);
        prop_assert_eq!(ours.validate(&Limits::DEFAULT), Ok(()));
        prop_assert_eq!(ours.method_text(), read.method.to_string());
        let same_uri = |ours: Uri<'_>, theirs: &rsip::Uri| {
            ours.user == theirs.user()
                && ours.host == theirs.host_with_port.host.to_string()
                && ours.port == theirs.port().map(|port| *port.value())
        };
        prop_assert!(same_uri(Uri::parse(ours.request_uri()).unwrap(), &read.uri));
        let via = read.via_header().unwrap().typed().unwrap();
        let our_via = ours.via().unwrap();
        prop_assert_eq!(our_via.transport, via.transport.to_string());
        prop_assert_eq!(our_via.host, via.uri.host_with_port.host.to_string());
        prop_assert_eq!(our_via.branch(), via.branch().unwrap().value());
        let from = read.from_header().unwrap().typed().unwrap();
        prop_assert!(same_uri(ours.from().unwrap().parsed_uri().unwrap(), &from.uri));
        prop_assert_eq!(ours.from_tag(), from.tag().unwrap().value());
        prop_assert_eq!(Some(ours.from().unwrap().display), from.display_name.as_deref());
        let to = read.to_header().unwrap().typed().unwrap();
        prop_assert!(same_uri(ours.to().unwrap().parsed_uri().unwrap(), &to.uri));
        let cseq = read.cseq_header().unwrap().typed().unwrap();
        prop_assert_eq!((ours.cseq().number, ours.cseq().method_text), (cseq.seq, &*cseq.method.to_string()));
        prop_assert_eq!(ours.call_id(), read.call_id_header().unwrap().value());
        let contact = read.contact_header().unwrap().typed().unwrap();
        prop_assert!(same_uri(ours.contacts().next().unwrap().parsed_uri().unwrap(), &contact.uri));
        prop_assert_eq!(ours.max_forwards(), Some(70));
        prop_assert_eq!(ours.body(), &read.body);
    }

    #[test]
    fn conversion_to_rsip_and_back_keeps_every_value(theirs in rsip_request()) {
        let ours = Message::try_from(rsip::SipMessage::from(theirs.clone())).expect("a message we can read");
        let again = rsip::SipMessage::try_from(&ours).expect("a message rsip has values for");
        let rsip::SipMessage::Request(again) = again else { panic!("a request stays one") };
        prop_assert_eq!((again.method, again.uri.to_string(), &again.body), (theirs.method, theirs.uri.to_string(), &theirs.body));
        let lines = |request: &rsip::Request| {
            let mut lines: Vec<_> = request.headers.iter().map(ToString::to_string).collect();
            lines.sort();
            lines
        };
        prop_assert_eq!(lines(&again), lines(&theirs));
    }
}
