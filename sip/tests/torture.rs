//! The torture messages of RFC 4475 and RFC 5118: the verdict on each file, and the values read from the valid ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its corpus has failed")]

use std::path::{Path, PathBuf};

use trunkline_sip::message::{
    Framing, HeaderName, Limits, Malformed, Message, Method, NameAddr, Scheme, StartLine, Uri, request_named,
    response,
};
use trunkline_sip::stream::{Frame, FrameError, Framer};

/// What the message layer makes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict<'a> {
    /// CSeq number, Via values, Contact values, From tag, To tag, body length.
    Valid(u32, usize, usize, &'a str, &'a str, usize),
    /// A request to be answered with this status.
    Refused(u16),
    /// Nothing to answer: a malformed response.
    Dropped,
}

use Verdict::{Dropped, Refused, Valid};

const RFC4475: &[(&str, Verdict<'_>)] = &[
    ("badaspec", Refused(400)),
    ("badbranch", Valid(8, 1, 0, "33242", "", 0)),
    ("baddate", Valid(1392934, 1, 1, "2234923", "", 150)),
    ("baddn", Refused(400)),
    ("baddn.fixed", Refused(400)),
    ("badinv01", Refused(400)),
    ("badvers", Refused(505)),
    ("bcast", Valid(35, 2, 1, "11141343", "2229", 154)),
    ("bext01", Valid(8, 1, 0, "242etr", "", 0)),
    ("bigcode", Dropped),
    ("clerr", Refused(400)),
    ("cparam01", Valid(2, 1, 1, "DkfVgjkrtMwaerKKpe", "", 0)),
    ("cparam02", Valid(3, 1, 1, "838293", "", 0)),
    ("dblreq", Valid(8, 1, 1, "43251j3j324", "", 0)),
    ("esc01", Valid(234234, 1, 1, "938", "", 150)),
    ("esc02", Valid(29344, 1, 2, "f232jadfj23", "", 0)),
    ("escnull", Valid(14398234, 1, 2, "839923423", "", 0)),
    ("escruri", Refused(400)),
    ("insuf", Refused(400)),
    ("intmeth", Valid(139122385, 1, 0, "_token~1'+`*%!-.", "", 0)),
    ("inv2543", Valid(56, 1, 0, "", "", 105)),
    ("invut", Valid(235448, 1, 1, "8392034", "", 40)),
    ("longreq", Valid(3882340, 34, 1, LONG_TAG, "", 150)),
    ("ltgtruri", Refused(400)),
    ("lwsdisp", Valid(60, 1, 0, "323", "", 0)),
    ("lwsruri", Refused(400)),
    ("lwsstart", Refused(400)),
    ("mcl01", Refused(400)),
    ("mismatch01", Refused(400)),
    ("mismatch02", Refused(400)),
    ("mpart01", Valid(1, 1, 1, "2fb0dcc9", "", 553)),
    ("multi01", Refused(400)),
    ("ncl", Refused(400)),
    ("noreason", Valid(35, 1, 1, "39ansfi3", "902jndnke3", 0)),
    ("novelsc", Refused(416)),
    ("quotbal", Refused(400)),
    ("regaut01", Valid(9338, 1, 0, "87321hj23128", "", 0)),
    ("regbadct", Refused(400)),
    ("regescrt", Valid(14398234, 1, 1, "8", "", 0)),
    ("scalar02", Refused(400)),
    ("scalarlg", Dropped),
    ("sdp01", Valid(8, 1, 1, "234", "", 150)),
    ("semiuri", Valid(8, 1, 0, "33242", "", 0)),
    ("transports", Valid(60, 5, 0, "323", "", 0)),
    ("trws", Valid(238923, 1, 0, "329429089", "", 0)),
    ("unkscm", Refused(416)),
    ("unksm2", Valid(234902, 1, 1, "3234233", "", 0)),
    ("unreason", Valid(35, 1, 1, "11141343", "2229", 154)),
    ("wsinv", Valid(9, 3, 1, "98asjd8", "1918181833n", 150)),
    ("zeromf", Valid(39234321, 1, 0, "3ghsd41", "", 0)),
];

const RFC5118: &[(&str, Verdict<'_>)] = &[
    ("ipv4-mapped-ipv6", Valid(612, 2, 1, "81x2", "", 236)),
    ("ipv4-mapped-ipv6.fixed", Valid(612, 2, 1, "81x2", "", 245)),
    ("ipv6-bad", Refused(400)),
    ("ipv6-bug-abnf-3-colons", Valid(689, 1, 0, "810x2", "", 0)),
    ("ipv6-correct-abnf-2-colons", Valid(689, 1, 0, "810x2", "", 0)),
    ("ipv6-good", Valid(98176, 1, 1, "81x2", "", 0)),
    ("ipv6-in-sdp", Refused(400)),
    ("ipv6-in-sdp.fixed", Valid(8612, 1, 1, "81x2", "", 251)),
    ("mult-ip-in-header", Valid(89187, 3, 0, "81x2", "9817--94", 0)),
    ("mult-ip-in-sdp", Valid(8912, 1, 1, "81x2", "", 181)),
    ("mult-ip-in-sdp.fixed", Valid(8912, 1, 1, "81x2", "", 189)),
    ("port-ambiguous", Valid(98176, 1, 1, "81x2", "", 0)),
    ("port-unambiguous", Valid(98176, 1, 1, "81x2", "", 0)),
    ("via-received-param-no-delim", Valid(921, 1, 1, "81x2", "", 0)),
    ("via-received-param-with-delim", Valid(321, 1, 0, "81x2", "bd76ya", 0)),
];

const LONG_TAG: &str = "\
    1298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298298\
    2982982982982982982982982982982982982982982982982982424\
    ";

#[test]
fn each_file_gets_its_verdict() {
    for (folder, table) in [("rfc4475", RFC4475), ("rfc5118", RFC5118)] {
        let files = std::fs::read_dir(corpus(folder)).unwrap().count();
        assert_eq!(files, table.len(), "every file of {folder} has a verdict");
        for &(name, expected) in table {
            let bytes = read(folder, name);
            let message = Message::scan(bytes.clone().into(), Framing::Datagram, &Limits::DEFAULT).ok();
            assert_eq!(verdict(message.as_ref()), expected, "{folder}/{name}");
            assert!(message.is_none_or(|message| message.bytes() == &bytes), "{folder}/{name}");
        }
    }
}

fn verdict(message: Option<&Message>) -> Verdict<'_> {
    let Some(message) = message else { return Dropped };
    match message.validate(&Limits::DEFAULT) {
        Ok(()) => Valid(
            message.cseq().number,
            message.vias().count(),
            message.contacts().count(),
            message.from_tag(),
            message.to_tag(),
            message.body().len(),
        ),
        Err(Malformed { status, .. }) if message.answerable() => Refused(status),
        Err(_) => Dropped,
    }
}

/// A request written again header by header reads the same: names, values, order, body.
#[test]
fn valid_requests_read_the_same_when_written_again() {
    for message in valid_messages().filter(Message::is_request) {
        let again = scan(&print(&message));
        assert_eq!(again.validate(&Limits::DEFAULT), Ok(()));
        assert_eq!(again.start(), message.start());
        assert_eq!(again.body(), message.body());
        let values = |message: &Message| -> Vec<(HeaderName, Vec<u8>)> {
            let others = message.headers().filter(|(name, ..)| !WRITTEN_LAST.contains(name));
            // The escaped control characters of one display name become spaces.
            let clean =
                |value: &[u8]| value.iter().map(|b| if b.is_ascii_control() { b' ' } else { *b }).collect();
            others.map(|(name, _, value)| (name, clean(value))).collect()
        };
        assert_eq!(values(&again), values(&message));
        assert_eq!(again.content_type(), message.content_type());
    }
}

const WRITTEN_LAST: [HeaderName; 2] = [HeaderName::ContentLength, HeaderName::ContentType];

fn print(message: &Message) -> Vec<u8> {
    let mut builder = request_named(message.method_text(), message.request_uri());
    for (name, sent_name, value) in message.headers() {
        if !WRITTEN_LAST.contains(&name) {
            let value = std::str::from_utf8(value).expect("no header of the corpus has other octets");
            builder = builder.raw(std::str::from_utf8(sent_name).unwrap(), value);
        }
    }
    match message.content_type() {
        Some(content_type) => builder.body(content_type, message.body()).to_vec(),
        None => builder.finish().to_vec(),
    }
}

#[test]
fn every_answerable_request_gets_its_vias_and_dialog_headers_back() {
    let source = "192.0.2.99:5062".parse().unwrap();
    for message in all_messages().filter(Message::answerable) {
        let answer = scan(&response(&message, 400, source).to_tag("t").finish());
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.vias().count(), message.vias().count());
        assert_eq!(answer.via().unwrap().branch(), message.via().unwrap().branch());
        assert_eq!((answer.cseq(), answer.call_id()), (message.cseq(), message.call_id()));
        assert_eq!(answer.from(), message.from());
        if message.validate(&Limits::DEFAULT).is_ok() {
            assert_eq!(answer.validate(&Limits::DEFAULT), Ok(()));
            let expected = if message.to_tag().is_empty() { "t" } else { message.to_tag() };
            assert_eq!(answer.to_tag(), expected);
        }
    }
}

#[test]
fn wsinv_reads_like_its_unfolded_form() {
    let message = valid("rfc4475", "wsinv");
    let from = message.from().unwrap();
    assert_eq!((from.display_name().as_ref(), from.uri), (r#"J Rosenberg \""#, "sip:jdrosen@example.com"));
    assert_eq!(message.to().unwrap().uri, "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(message.max_forwards(), Some(68));
    let vias: Vec<_> = message.vias().map(|via| (via.transport, via.host, via.branch())).collect();
    assert_eq!(
        vias,
        [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239"),
        ]
    );
    assert_eq!(message.value(HeaderName::Subject), Some(""));
    let unfolded = message.other("newfangledheader").unwrap();
    assert_eq!(
        unfolded.split_whitespace().collect::<Vec<_>>(),
        ["newfangled", "value", "continued", "newfangled", "value"]
    );
    assert!(!unfolded.contains(['\r', '\n']));
    assert_eq!(message.other("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    let contact = message.contacts().next().unwrap();
    assert_eq!(contact.display_name(), r#"Quoted string """#);
    assert_eq!((contact.param("newparam"), contact.param("q")), (Some("newvalue"), Some("0.33")));
    assert_eq!(contact.param("secondparam"), Some(""));
    let route =
        NameAddr::parse(message.values(HeaderName::Route).next().unwrap()).unwrap().parsed_uri().unwrap();
    assert_eq!((route.host, route.param("lr")), ("services.example.com", Some("")));
}

#[test]
fn intmeth_has_every_odd_character() {
    let message = valid("rfc4475", "intmeth");
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!((message.method(), message.method_text()), (Method::Other, method));
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!(uri.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host, "example.com");
    assert_eq!(message.to().unwrap().display_name(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    let from = message.from().unwrap();
    assert_eq!(from.display, "token1~` token2'+_ token3*%!.-");
    assert!(from.param("fromParam''~+*_!.-%").unwrap().starts_with("\"\u{440}\u{430}\u{431}\u{43e}"));
    assert_eq!(message.call_id(), "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    assert_eq!(message.via().unwrap().branch(), "z9hG4bK-.!%66*_+`'~");
    assert_eq!(message.other("extensionHeader-!.%*+_`'~"), Some("\u{feff}\u{5927}\u{505c}\u{96fb}"));
}

#[test]
fn escapes_stay_escapes() {
    let message = valid("rfc4475", "esc01");
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!((uri.user_unescaped().as_ref(), uri.host), ("sips:user@example.com", "example.net"));
    assert_eq!(message.from().unwrap().parsed_uri().unwrap().user_unescaped(), "I have spaces");
    let user = message.to().unwrap().parsed_uri().unwrap();
    assert!(user.equals(&Uri::parse("sip:user@example.com").unwrap()));

    let message = valid("rfc4475", "esc02");
    assert_eq!((message.method(), message.method_text()), (Method::Other, "RE%47IST%45R"));
    assert_eq!(message.contacts().count(), 2);
    assert!(message.other("C%6Fntact").is_some());
    assert_eq!(message.to().unwrap().display_name(), "%Z%45");

    let message = valid("rfc4475", "escnull");
    let contacts: Vec<_> = message.contacts().map(|contact| contact.parsed_uri().unwrap()).collect();
    assert_eq!(contacts[0].user_unescaped(), "\0");
    assert!(!contacts[0].equals(&contacts[1]));
}

#[test]
fn parameters_of_the_uri_are_not_those_of_the_header() {
    let unknown_param = |name| {
        let message = valid("rfc4475", name);
        let contact = message.contacts().next().unwrap();
        (
            contact.param("unknownparam").is_some(),
            contact.parsed_uri().unwrap().param("unknownparam").is_some(),
        )
    };
    assert_eq!(unknown_param("cparam01"), (true, false));
    assert_eq!(unknown_param("cparam02"), (false, true));
    let message = valid("rfc4475", "semiuri");
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!((uri.user, uri.param("par")), (Some("user;par=u%40example.net"), None));
    let message = valid("rfc4475", "regescrt");
    let contact = message.contacts().next().unwrap().parsed_uri().unwrap();
    assert_eq!(contact.header("route").as_deref(), Some("<sip:sip.example.com>"));
    assert_eq!(message.value(HeaderName::Route), None);
}

#[test]
fn what_the_agent_decides_by_can_be_read() {
    let bext01 = valid("rfc4475", "bext01");
    let required = ["nothingSupportsThis", "nothingSupportsThisEither"];
    assert_eq!(bext01.values(HeaderName::Require).collect::<Vec<_>>(), required);
    assert_eq!(valid("rfc4475", "invut").content_type(), Some("application/unknownformat"));
    let sdp01 = valid("rfc4475", "sdp01");
    assert!(
        sdp01.value(HeaderName::Accept).is_some() && !sdp01.has_option(HeaderName::Accept, "application/sdp")
    );
    assert_eq!(valid("rfc4475", "zeromf").max_forwards(), Some(0));
    let regaut01 = valid("rfc4475", "regaut01");
    assert!(regaut01.value(HeaderName::Authorization).unwrap().starts_with("NoOneKnowsThisScheme"));
    let unksm2 = valid("rfc4475", "unksm2");
    assert_eq!(unksm2.contacts().next().unwrap().parsed_uri().unwrap().scheme, Scheme::Other);
    assert_eq!(valid("rfc4475", "badbranch").via().unwrap().branch(), "z9hG4bK");
    assert_eq!(scan(&read("rfc4475", "scalar02")).expires(), Some(u32::MAX));
    let transports = valid("rfc4475", "transports");
    let transports: Vec<_> = transports.vias().map(|via| via.transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn responses_keep_their_reason() {
    let reason = |name| match valid("rfc4475", name).start() {
        StartLine::Response { status, reason } => (status, String::from_utf8(reason.to_vec()).unwrap()),
        StartLine::Request { .. } => panic!("{name} is a response"),
    };
    assert_eq!(reason("noreason"), (100, String::new()));
    let (status, text) = reason("unreason");
    assert_eq!(status, 200);
    assert!(text.starts_with("= 2**3 * 5**2 \u{43d}\u{43e}"), "{text}");
}

#[test]
fn only_the_first_request_of_a_datagram_is_read() {
    let message = valid("rfc4475", "dblreq");
    assert_eq!((message.method(), message.body()), (Method::Register, &b""[..]));
}

#[test]
fn ipv6_hosts_ports_and_received() {
    let uri = |name| {
        let message = valid("rfc5118", name);
        let uri = Uri::parse(message.request_uri()).unwrap();
        (uri.host_ip().map(|ip| ip.to_string()), uri.port)
    };
    let ip = |text: &str| Some(text.to_owned());
    assert_eq!(uri("ipv6-good"), (ip("2001:db8::10"), None));
    assert_eq!(uri("port-ambiguous"), (ip("2001:db8::10:5070"), None));
    assert_eq!(uri("port-unambiguous"), (ip("2001:db8::10"), Some(5070)));
    assert_eq!(uri("ipv6-correct-abnf-2-colons"), (ip("2001:db8::c000:201"), None));
    assert_eq!(uri("ipv6-bug-abnf-3-colons"), (None, None));
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let received = valid("rfc5118", name).via().unwrap().received();
        assert_eq!(received, Some("2001:db8::9:255".parse().unwrap()), "{name}");
    }
}

/// Cut anywhere, a message is refused or is another message: never a panic, never a value from past its end.
#[test]
fn every_prefix_of_every_file_is_survived() {
    for whole in all_messages() {
        let complete_len = whole.bytes().len();
        for len in 0..complete_len {
            let cut = whole.bytes().slice(..len);
            let Ok(message) = Message::scan(cut, Framing::Stream, &Limits::DEFAULT) else { continue };
            if message.validate(&Limits::DEFAULT).is_ok() {
                assert!(
                    message
                        .value(HeaderName::ContentLength)
                        .is_none_or(|text| text.parse() == Ok(message.body().len()))
                );
            }
        }
    }
}

/// On a stream, whatever the sizes of the reads: one message where Content-Length fits, the end of the stream where it is
/// no length or missing, and patience where octets are to come.
#[test]
fn streams_end_at_a_wrong_length_and_wait_for_a_long_one() {
    for (folder, table) in [("rfc4475", RFC4475), ("rfc5118", RFC5118)] {
        for &(name, _) in table {
            let bytes = read(folder, name);
            let whole = frames(&bytes, bytes.len());
            for piece_len in [1, 2, 3, 7, 64, 500] {
                assert_eq!(frames(&bytes, piece_len), whole, "{name} in pieces of {piece_len}");
            }
            let messages = whole.iter().filter(|frame| matches!(frame, Ok(Frame::Message(_)))).count();
            let error = whole.last().and_then(|frame| frame.as_ref().err());
            let expected = match name {
                // The body of the second is longer than its length says.
                "dblreq" => (2, Some(&FrameError::NoLength)),
                "clerr" | "baddn" | "ipv6-in-sdp" => (0, None),
                "ncl" | "mcl01" => (0, Some(&FrameError::BadLength)),
                "inv2543" => (0, Some(&FrameError::NoLength)),
                _ => (1, None),
            };
            assert_eq!((messages, error), expected, "{folder}/{name}");
        }
    }
}

fn frames(bytes: &[u8], piece_len: usize) -> Vec<Result<Frame, FrameError>> {
    let mut framer = Framer::new();
    bytes.chunks(piece_len).flat_map(|piece| framer.push(piece).collect::<Vec<_>>()).collect()
}

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder)
}

fn read(folder: &str, name: &str) -> Vec<u8> {
    std::fs::read(corpus(folder).join(format!("{name}.dat"))).unwrap()
}

fn scan(bytes: &[u8]) -> Message {
    Message::scan(bytes.to_vec().into(), Framing::Datagram, &Limits::DEFAULT).unwrap()
}

fn valid(folder: &str, name: &str) -> Message {
    let message = scan(&read(folder, name));
    assert_eq!(message.validate(&Limits::DEFAULT), Ok(()), "{name}");
    message
}

fn all_messages() -> impl Iterator<Item = Message> {
    let tables = [("rfc4475", RFC4475), ("rfc5118", RFC5118)].into_iter();
    let files = tables.flat_map(|(folder, table)| table.iter().map(move |(name, _)| read(folder, name)));
    files.filter_map(|bytes| Message::scan(bytes.into(), Framing::Datagram, &Limits::DEFAULT).ok())
}

fn valid_messages() -> impl Iterator<Item = Message> {
    all_messages().filter(|message| message.validate(&Limits::DEFAULT).is_ok())
}
