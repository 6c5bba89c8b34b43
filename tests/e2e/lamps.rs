//! Two hundred phones watch the lamps of two hundred lines while a network calls these lines (RFC 4235).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};
use trunkline_sip::outbox::DialogPhase;
use trunkline_sip::package::dialog_info::DialogInfo;
use trunkline_tests::dialog_info;

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// Every NOTIFY is as the schema has it, its version is one more than the last of its subscription, and what each lamp shows in the
/// end, while calls are up and when they are over, is what the engine says of the line. With `TRUNKLINE_FULL` each of 200 phones watches
/// all 200 lines, 40,000 subscriptions, else 20 of them. Where the machine is busy with other things the daemon may turn away what is
/// new (503): such a request is made again, such a call is none.
#[test]
fn lamps_tell_the_truth_under_load() {
    alone(|| {
        let is_full = std::env::var_os("TRUNKLINE_FULL").is_some();
        let (watched_by_each, seconds) = if is_full { (LINES, 20) } else { (20, 6) };
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &config());
        register_all();
        let callee = Sipp::untraced_callee(directory.path(), "phones", PHONES, &["-sn", "uas"]);
        let mut watchers = Watchers::new();
        let began = Instant::now();
        for watcher in 0..LINES {
            let watched = (0..watched_by_each).map(|step| (watcher + step) % LINES);
            watched.for_each(|line| watchers.subscribe(watcher, line));
        }
        watchers.until("every subscription is there", |watchers| watchers.waiting.is_empty());
        let subscriptions = LINES * watched_by_each;
        eprintln!(
            "lamps: {subscriptions} subscriptions in {:.1} s, {} of them put off",
            began.elapsed().as_secs_f64(),
            watchers.put_off
        );
        assert_eq!(watchers.lamps.len(), subscriptions);
        watchers.until("every lamp is told", |watchers| watchers.lamps.values().all(|lamp| lamp.is_told()));
        assert!(watchers.lit().is_empty(), "nobody calls");

        let calls = RATE * seconds;
        let numbers: String = (0..LINES).fold("SEQUENTIAL\n".to_owned(), |mut text, line| {
            writeln!(text, "{};", number(line)).expect("a String takes everything");
            text
        });
        fs::write(directory.path().join("numbers.csv"), numbers).expect("a directory of ours");
        let file = scenario(directory.path(), "lamp_call.xml", &[]);
        let (many, rate) = (calls.to_string(), RATE.to_string());
        let load = ["127.0.0.1:5060", "-i", NETWORK, "-p", "5090", "-sf", &file, "-inf", "numbers.csv"];
        let load = [&load[..], &["-m", &many, "-r", &rate, "-d", "2000", "-l", "1000"]].concat();
        let caller = Sipp::untraced(directory.path(), "network", &load);
        let told_before = watchers.told;
        watchers.listen(Duration::from_secs(seconds) + Duration::from_secs(3));
        let counted = caller.finish(WITHIN);
        assert_eq!(counted.successful() + counted.failed(), calls);
        assert!(counted.successful() >= calls / 2, "{} of {calls}", counted.successful());
        watchers.until("every lamp goes out", |watchers| watchers.lit().is_empty());
        eprintln!(
            "lamps: {calls} calls at {RATE}/s, {} turned away; {} NOTIFYs judged, {} sent twice",
            counted.failed(),
            watchers.told - told_before,
            watchers.repeated
        );

        // Ten calls that stay: who is on the phone, and nobody else.
        let stay = ["127.0.0.1:5060", "-i", NETWORK, "-p", "5091", "-sf", &file, "-inf", "numbers.csv"];
        let stay = [&stay[..], &["-m", "10", "-r", "10", "-d", "8000"]].concat();
        let caller = Sipp::untraced(directory.path(), "staying", &stay);
        watchers.until("calls that stay are shown", |watchers| {
            let lit = watchers.lit();
            lit.len() > 5 && lit == talking()
        });
        watchers.listen(Duration::from_secs(2));
        let lit = watchers.lit();
        assert_eq!(lit, talking(), "the lamps and the engine");
        for lamp in watchers.lamps.values() {
            assert_eq!(lamp.is_lit, lit.contains(&number(lamp.line)), "{}: {}", number(lamp.line), lamp.last);
        }
        let counted = caller.finish(WITHIN);
        assert!(counted.successful() > 5, "{}", counted.successful());
        watchers.until("every lamp goes out", |watchers| watchers.lit().is_empty());
        assert!(talking().is_empty());
        watchers.leave();
        drop(callee);
        daemon.expect_metric("trunkline_subscriptions", 0.0, WITHIN);
        daemon.expect_nothing_left();
    });
}

/// The lines that are on the phone, as the engine tells applications.
fn talking() -> BTreeSet<String> {
    let calls = http::get("/v1/calls", Some(OWNER)).json();
    let calls = calls.as_array().expect("a list").iter();
    let is_up = |call: &&serde_json::Value| call["state"] == "connected";
    let lines = calls.filter(is_up).map(|call| call["line"].as_str().unwrap_or_default().to_owned());
    lines.filter(|line| line != "network").collect()
}

/// Registers every line at the place where SIPp answers.
fn register_all() {
    let socket = UdpSocket::bind(PHONES).expect("an address of this machine");
    socket.set_read_timeout(Some(WITHIN)).expect("a timeout can be set");
    socket.connect("127.0.0.1:5060").expect("the loopback is there");
    for line in 0..LINES {
        let number = number(line);
        let mut auth = authority(&number);
        let mut proof = String::new();
        for cseq in 1..=2 {
            let request = format!(
                "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONES};branch=z9hG4bKr{line}x{cseq}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:{number}@127.0.0.1>;tag=r{line}\r\nTo: <sip:{number}@127.0.0.1>\r\n\
                 Call-ID: register{line}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{number}@{PHONES}>\r\n\
                 Expires: 3600\r\n{proof}Content-Length: 0\r\n\r\n"
            );
            socket.send(request.as_bytes()).expect("the daemon listens");
            let mut answer = vec![0; 4_096];
            let length = socket.recv(&mut answer).expect("an answer");
            let answer = read(Bytes::copy_from_slice(&answer[..length]));
            if cseq == 2 {
                assert_eq!(answer.status(), 200);
            } else {
                proof = prove(&mut auth, &answer, "REGISTER", "sip:127.0.0.1");
            }
        }
    }
}

/// All phones that watch, on one socket.
struct Watchers {
    socket: UdpSocket,
    auth: BTreeMap<usize, ClientAuth>,
    /// By Call-ID: what was asked and not answered, when, and how often it was challenged.
    waiting: BTreeMap<String, Waiting>,
    /// By Call-ID.
    lamps: BTreeMap<String, Lamp>,
    told: usize,
    repeated: usize,
    /// Requests that were to be made again later.
    put_off: usize,
}

struct Waiting {
    watcher: usize,
    line: usize,
    cseq: u32,
    text: String,
    again_at: Instant,
}

/// One lamp of one phone.
struct Lamp {
    watcher: usize,
    line: usize,
    our_cseq: u32,
    tag: String,
    /// Number and version of the last NOTIFY.
    heard: Option<(u32, u32)>,
    is_lit: bool,
    last: String,
    is_over: bool,
}

impl Lamp {
    fn is_told(&self) -> bool {
        self.heard.is_some()
    }
}

impl Watchers {
    fn new() -> Self {
        let socket = UdpSocket::bind(WATCHERS).expect("an address of this machine");
        socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20).expect("a larger buffer");
        socket.connect("127.0.0.1:5060").expect("the loopback is there");
        Self {
            socket,
            auth: BTreeMap::new(),
            waiting: BTreeMap::new(),
            lamps: BTreeMap::new(),
            told: 0,
            repeated: 0,
            put_off: 0,
        }
    }

    fn subscribe(&mut self, watcher: usize, line: usize) {
        let uri = format!("sip:{}@127.0.0.1", number(line));
        let auth = self.auth.get_mut(&watcher).and_then(|auth| auth.header("SUBSCRIBE", &uri, "c"));
        let proof = auth.map(|(name, value)| format!("{}: {value}\r\n", name.name())).unwrap_or_default();
        self.send(watcher, line, 1, &proof);
        // Not more at once than a socket holds.
        while self.waiting.len() >= AT_ONCE {
            self.hear(Instant::now() + TICK);
        }
    }

    fn send(&mut self, watcher: usize, line: usize, cseq: u32, proof: &str) {
        let call_id = format!("w{watcher}x{line}");
        let text = subscribe(watcher, line, &call_id, cseq, "", 3_600, proof);
        self.socket.send(text.as_bytes()).expect("the daemon listens");
        let again_at = Instant::now() + AGAIN_AFTER;
        self.waiting.insert(call_id, Waiting { watcher, line, cseq, text, again_at });
    }

    /// Hears what comes until then, and says again what was not answered.
    fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.hear((Instant::now() + TICK).min(until));
        }
    }

    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + LOAD_WITHIN;
        while !holds(self) {
            assert!(Instant::now() < deadline, "not within {LOAD_WITHIN:?}: {what}");
            self.listen(TICK);
        }
    }

    fn hear(&mut self, until: Instant) {
        let mut datagram = [0; 16_384];
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).expect("a timeout can be set");
            match self.socket.recv(&mut datagram) {
                Ok(length) => self.take(Bytes::copy_from_slice(&datagram[..length])),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("the socket broke: {error}"),
            }
            if Instant::now() >= until || self.waiting.len() < AT_ONCE / 2 && self.waiting.len() > AT_ONCE / 4
            {
                break;
            }
        }
        let now = Instant::now();
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.again_at <= now) {
            self.socket.send(waiting.text.as_bytes()).expect("the daemon listens");
            waiting.again_at = now + AGAIN_AFTER;
        }
    }

    fn take(&mut self, bytes: Bytes) {
        let message = read(bytes.clone());
        let text = String::from_utf8(bytes.to_vec()).expect("the engine speaks UTF-8");
        if message.is_request() {
            self.notified(&message, &text);
        } else {
            self.answered(&message);
        }
    }

    fn answered(&mut self, answer: &Message) {
        let call_id = answer.value(HeaderName::CallId).expect("a Call-ID");
        let cseq: u32 = answer
            .value(HeaderName::CSeq)
            .and_then(|value| value.split(' ').next()?.parse().ok())
            .expect("a CSeq");
        let Some(waiting) = self.waiting.get(call_id).filter(|waiting| waiting.cseq == cseq) else { return };
        let (watcher, line) = (waiting.watcher, waiting.line);
        match answer.status() {
            200 => {
                self.waiting.remove(call_id);
                let lamp = self.lamp(call_id, watcher, line);
                lamp.tag = answer.to_tag().to_owned();
                lamp.our_cseq = lamp.our_cseq.max(cseq);
                if let Some(auth) = self.auth.get_mut(&watcher) {
                    auth.accepted();
                }
            }
            401 => {
                let uri = format!("sip:{}@127.0.0.1", number(line));
                let auth = self.auth.entry(watcher).or_insert_with(|| authority(&number(watcher)));
                // Of several that are asked at once each is challenged; the last challenge counts for all.
                *auth = authority(&number(watcher));
                let proof = prove(auth, answer, "SUBSCRIBE", &uri);
                self.send(watcher, line, cseq + 1, &proof);
            }
            // Where the machine is busy with other things the daemon asks for patience (Retry-After).
            503 => {
                let uri = format!("sip:{}@127.0.0.1", number(line));
                let auth = self.auth.get_mut(&watcher).and_then(|auth| auth.header("SUBSCRIBE", &uri, "c"));
                let proof =
                    auth.map(|(name, value)| format!("{}: {value}\r\n", name.name())).unwrap_or_default();
                let text = subscribe(watcher, line, call_id, cseq + 1, "", 3_600, &proof);
                let again_at = Instant::now() + PATIENCE;
                self.put_off += 1;
                self.waiting
                    .insert(call_id.to_owned(), Waiting { watcher, line, cseq: cseq + 1, text, again_at });
            }
            status => panic!("{call_id}: {status}"),
        }
    }

    fn lamp(&mut self, call_id: &str, watcher: usize, line: usize) -> &mut Lamp {
        self.lamps.entry(call_id.to_owned()).or_insert_with(|| Lamp {
            watcher,
            line,
            our_cseq: 1,
            tag: String::new(),
            heard: None,
            is_lit: false,
            last: String::new(),
            is_over: false,
        })
    }

    /// Judges a NOTIFY, and answers it.
    fn notified(&mut self, notify: &Message, text: &str) {
        let line = |name| notify.value(name).unwrap_or_default();
        let call_id = line(HeaderName::CallId).to_owned();
        let answer = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
            line(HeaderName::Via),
            line(HeaderName::From),
            line(HeaderName::To),
            line(HeaderName::CSeq)
        );
        self.socket.send(answer.as_bytes()).expect("the daemon listens");
        let (watcher, watched) = call_id[1..].split_once('x').expect("a Call-ID of ours");
        let (watcher, watched) = (watcher.parse().expect("a number"), watched.parse().expect("a number"));
        let cseq: u32 =
            line(HeaderName::CSeq).split(' ').next().and_then(|number| number.parse().ok()).expect("a CSeq");
        let is_over = line(HeaderName::SubscriptionState).starts_with("terminated");
        assert_eq!(line(HeaderName::Event), "dialog", "{text}");
        assert_eq!(line(HeaderName::ContentType), "application/dialog-info+xml", "{text}");
        let body = std::str::from_utf8(notify.body()).expect("UTF-8");
        let entity = format!("entity=\"sip:{}@127.0.0.1\"", number(watched));
        assert!(body.contains(&entity), "{text}");
        dialog_info::judge(body).unwrap_or_else(|fault| panic!("{fault}: {text}"));
        let info = DialogInfo::parse(notify.body()).expect("it was judged");
        assert!(info.is_full, "{text}");
        let lamp = self.lamp(&call_id, watcher, watched);
        match lamp.heard {
            Some((last, _)) if last == cseq => {
                assert_eq!(lamp.last, body, "what is said again is the same");
                self.repeated += 1;
                return;
            }
            Some((last, version)) => {
                assert_eq!((cseq, info.version), (last + 1, version + 1), "after {}: {text}", lamp.last);
            }
            None => assert_eq!(info.version, 0, "{text}"),
        }
        lamp.heard = Some((cseq, info.version));
        lamp.is_lit = info.dialogs.iter().any(|dialog| dialog.phase != DialogPhase::Terminated);
        lamp.last = body.to_owned();
        lamp.is_over |= is_over;
        self.told += 1;
    }

    /// The lines of which some lamp is lit.
    fn lit(&self) -> BTreeSet<String> {
        self.lamps.values().filter(|lamp| lamp.is_lit).map(|lamp| number(lamp.line)).collect()
    }

    /// Ends every subscription.
    fn leave(&mut self) {
        let calls: Vec<String> = self.lamps.keys().cloned().collect();
        for call_id in calls {
            let lamp = &self.lamps[&call_id];
            let (watcher, line, cseq) = (lamp.watcher, lamp.line, lamp.our_cseq + 1);
            let text = subscribe(watcher, line, &call_id, cseq, &lamp.tag, 0, "");
            self.socket.send(text.as_bytes()).expect("the daemon listens");
            let again_at = Instant::now() + AGAIN_AFTER;
            self.waiting.insert(call_id, Waiting { watcher, line, cseq, text, again_at });
            while self.waiting.len() >= AT_ONCE {
                self.hear(Instant::now() + TICK);
            }
        }
        self.until("every subscription is over", |watchers| {
            watchers.waiting.is_empty() && watchers.lamps.values().all(|lamp| lamp.is_over)
        });
    }
}

fn subscribe(
    watcher: usize,
    line: usize,
    call_id: &str,
    cseq: u32,
    tag: &str,
    expires: u32,
    proof: &str,
) -> String {
    let (own, watched) = (number(watcher), number(line));
    let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    format!(
        "SUBSCRIBE sip:{watched}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {WATCHERS};branch=z9hG4bK{call_id}c{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{own}@127.0.0.1>;tag=w\r\nTo: <sip:{watched}@127.0.0.1>{tag}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:{own}@{WATCHERS}>\r\nEvent: dialog\r\n\
         Accept: application/dialog-info+xml\r\nExpires: {expires}\r\n{proof}Content-Length: 0\r\n\r\n"
    )
}

fn read(bytes: Bytes) -> Message {
    Message::scan(bytes, Framing::Datagram, &Limits::DEFAULT).expect("the engine writes SIP")
}

fn authority(line: &str) -> ClientAuth {
    let credentials = Credentials { username: line.into(), password: PASSWORD.into(), realm: None };
    ClientAuth::new(Arc::new(credentials))
}

fn prove(auth: &mut ClientAuth, challenge: &Message, method: &str, uri: &str) -> String {
    let challenges = challenge.lines(HeaderName::WwwAuthenticate);
    let (name, value) = auth.answer(challenge.status(), challenges, method, uri, "c").expect("a challenge");
    format!("{}: {value}\r\n", name.name())
}

fn number(line: usize) -> String {
    (2_000 + line).to_string()
}

fn config() -> String {
    let lines = (0..LINES).map(|line| {
        format!("[[line]]\naddress = \"{}\"\npassword = \"{PASSWORD}\"\ndigest = [\"MD5\"]\n", number(line))
    });
    CONFIG.to_owned() + &lines.collect::<String>()
}

const LINES: usize = 200;
const RATE: u64 = 20;
const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
const PHONES: &str = "127.0.0.3:5070";
const WATCHERS: &str = "127.0.0.4:5080";
const NETWORK: &str = "127.0.0.5";
/// Requests that wait for an answer.
const AT_ONCE: usize = 64;
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// What Retry-After says at least.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(20);
/// It comes at once where the machine is free.
const WITHIN: Duration = Duration::from_secs(40);
const LOAD_WITHIN: Duration = Duration::from_secs(120);

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
kernel = "off"
silence_timeout_s = 0
[[app]]
name = "owner"
token = "token-of-a-test-that-is-long-enough"
lines = ["*"]
[[trunk]]
name = "network"
peer = "udp:127.0.0.5:5090"
allow_from = ["127.0.0.5/32"]
max_calls = 1000
[[route]]
from = "trunk:network"
match = "^2\\d\\d\\d$"
to = "line"
"#;
