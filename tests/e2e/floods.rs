//! Floods of requests and of connections: cases 24 to 27 of SECURITY.md. In CI a few seconds of each; `tests/soak.sh floods`
//! gives them a minute and full rates.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, thread};

use socket2::{Domain, Socket, Type};

use crate::daemon::{Daemon, Directory};
use crate::load::sample;
use crate::network::alone;
use crate::normal_load::{self, Amount, NormalLoad};
use crate::sipp::{Counted, Sipp, scenario};

/// Strangers send REGISTERs and INVITEs and open connections as fast as they can; a phone calls as if they were not there.
#[test]
fn case_24_floods_beside_a_normal_load() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, normal_load::CONFIG);
        let before = daemon.resident_bytes();
        let lasts = Duration::from_secs(sample(3, 60));
        let rate = 50;
        let amount = Amount { rate, calls: rate * (4 * lasts.as_secs() + 3), hold: Duration::from_secs(1) };
        let load = NormalLoad::start(path, amount);
        let mut most = Vec::new();

        let registers = Flood::start("127.0.0.9:5999", sample(3_000, 10_000), |number| {
            // Half of them claim to be the phone, half are nobody.
            let user = if number.is_multiple_of(2) { "1001".to_owned() } else { format!("u{number}") };
            request("REGISTER", "UDP", "127.0.0.9:5999", &user, &format!("r{number}"))
        });
        daemon.process.runs_for(lasts);
        let registers = registers.stop();
        most.push(daemon.resident_bytes());
        for method in ["REGISTER", "INVITE"] {
            sipp_flood(path, method, sample(2_000, 6_000), lasts);
            most.push(daemon.resident_bytes());
        }
        let connections = HalfOpen::start("127.0.0.9");
        let until = Instant::now() + lasts;
        while Instant::now() < until {
            expect_service_by_tcp("127.0.0.3");
            daemon.process.runs_for(Duration::from_millis(500));
        }
        let connections = connections.stop();
        most.push(daemon.resident_bytes());

        let went = load.finish(Duration::from_secs(40));
        let grown = most.iter().max().expect("some").saturating_sub(before);
        eprintln!(
            "floods: {registers} REGISTERs by a raw sender, {connections} connections; of {} calls beside them {} failed, {} \
             retransmissions, set-up p50 {:.0} ms, p99 {:.0} ms; {} kB more memory at most, refused {}",
            amount.calls,
            went.caller.failed(),
            went.caller.retransmissions(),
            went.percentile_ms(50, 0.0..1.0),
            went.percentile_ms(99, 0.0..1.0),
            grown >> 10,
            daemon.metric("trunkline_limit_refusals_total"),
        );
        assert_eq!((went.caller.successful(), went.caller.failed()), (amount.calls, 0), "the normal calls");
        assert!(grown <= 64 << 20, "{grown} bytes more");
        daemon.expect_nothing_left();
        daemon.expect_metric("trunkline_subscriptions", 0.0, Duration::ZERO);
        daemon.expect_memory_back(before, 32 << 20, Duration::from_secs(60));
    });
}

/// A network sends INVITEs and nothing else: no ACK, no CANCEL, at full size no answer to a BYE either. There are never more calls than there may
/// be, nothing is repeated beyond RFC 3261's timers, and in the end everything is forgotten.
#[test]
fn case_25_invites_without_ack_or_cancel() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let calls_max = sample(200, 8_000);
        let mut daemon =
            Daemon::start(path, &TRUNKS.replace("{calls}", &calls_max.to_string()).replace("{ring}", "5"));
        let before = daemon.resident_bytes();
        let _answers = Sipp::untraced_callee(path, "answers", "127.0.0.6:5070", &["-sn", "uas"]);
        let rings_file = scenario(path, "rings.xml", &[]);
        let rings = Sipp::untraced_callee(path, "rings", "127.0.0.7:5070", &["-sf", &rings_file]);

        let socket = UdpSocket::bind("127.0.0.5:5070").expect("an address of ours");
        let (rate, count) = (sample(200, 2_000), sample(400, 120_000));
        let mut heard = Heard::default();
        let mut most = 0.0_f64;
        let began = Instant::now();
        let mut sent = 0;
        // Answers come for 64 × T1 after the last INVITE, with pauses of 4 s at most.
        while sent < count || heard.last.is_some_and(|last| last.elapsed() < Duration::from_secs(6)) {
            let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
            while sent < count.min(due) {
                let user = if sent.is_multiple_of(2) { "200" } else { "300" };
                let text = request("INVITE", "UDP", "127.0.0.5:5070", user, &format!("i{sent}"));
                socket.send_to(text.as_bytes(), SIP).expect("the loopback carries");
                sent += 1;
                if sent.is_multiple_of(rate) {
                    most = most.max(daemon.metric("trunkline_calls"));
                }
            }
            heard.listen(&socket, sample(1, 0) == 1);
        }
        let (accepted, refused) = (heard.calls_with("200"), heard.calls_with("503"));
        let (worst, what) = heard.most_repeated();
        eprintln!(
            "floods: of {sent} INVITEs {accepted} were answered, {refused} refused, {} rang until the time was over; {most} \
             calls at most; a final answer came {worst} times at most ({what}); {} kB more memory",
            heard.calls_with("480") + heard.calls_with("408"),
            daemon.resident_bytes().saturating_sub(before) >> 10
        );
        assert!(accepted > 0 && refused > 0, "some are let in, what is beyond the limit is not");
        // What comes in by one trunk and leaves by another are two calls in terms of TAPI.
        assert!(most <= 2.0 * calls_max as f64, "{most} calls");
        assert!(worst <= 11, "{what} came {worst} times");
        daemon.expect_metric("trunkline_calls", 0.0, Duration::from_secs(10));
        daemon.expect_nothing_left();
        is_cancelled(&rings.close());
        daemon.expect_memory_back(before, 32 << 20, Duration::from_secs(60));
    });
}

/// Ten INVITEs by a connection, which is reset at once: the callees stop ringing.
#[test]
fn case_26_tcp_invites_then_reset() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, &TRUNKS.replace("{calls}", "10000").replace("{ring}", "120"));
        let rings_file = scenario(path, "rings.xml", &[]);
        let rings = Sipp::untraced_callee(path, "rings", "127.0.0.7:5070", &["-sf", &rings_file]);
        let (connections, rate) = (sample(60, 10_000), sample(100, 1_000));
        let began = Instant::now();
        let mut most = 0.0_f64;
        for number in 0..connections {
            let source = format!("127.0.0.5:{}", 10_000 + number % 50_000);
            let mut stream = connect(&source, None).expect("the daemon listens");
            for call in 0..10 {
                let text = request("INVITE", "TCP", &source, "300", &format!("t{number}-{call}"));
                stream.write_all(text.as_bytes()).expect("the daemon reads");
            }
            // Some are gone before the first byte of an answer.
            if !number.is_multiple_of(3) {
                stream.read_exact(&mut [0]).expect("an answer");
            }
            if number.is_multiple_of(20) {
                most = most.max(daemon.metric("trunkline_legs"));
            }
            reset(stream);
            while (began.elapsed().as_secs_f64() * rate as f64) < number as f64 {
                thread::yield_now();
            }
        }
        daemon.expect_metric("trunkline_legs", 0.0, Duration::from_secs(20));
        let began = daemon.metric("trunkline_incoming_calls_total");
        let counted = rings.close();
        eprintln!(
            "floods: {connections} connections with 10 INVITEs each, reset: {began} calls began, {most} legs at most, {} callees \
             were cancelled, {} were not",
            counted.successful(),
            counted.failed()
        );
        assert!(began > 0.0 && counted.successful() > 0, "some began");
        is_cancelled(&counted);
        daemon.expect_nothing_left();
        daemon.expect_metric("trunkline_connections", 0.0, Duration::from_secs(5));
    });
}

/// Connections that say nothing, too little, half of it, or never listen are closed in time; others do not notice.
#[test]
fn case_27_slow_and_stuck_tcp_peers() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), normal_load::CONFIG);
        let before = daemon.resident_bytes();
        let idle: Vec<TcpStream> = (0..sample(500, 5_000))
            .map(|number| {
                connect(&format!("127.0.1.{}:0", 1 + number / 500), None).expect("the daemon listens")
            })
            .collect();
        let half = "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.9;bran";
        let stuck: Vec<JoinHandle<()>> =
            (0..10).map(|number| thread::spawn(move || never_listens(number))).collect();
        let slow: Vec<JoinHandle<Duration>> =
            (0..20).map(|_| thread::spawn(says_an_octet_now_and_then)).collect();
        for _ in 0..50 {
            let mut stream = connect("127.0.0.9:0", None).expect("the daemon listens");
            stream.write_all(half.as_bytes()).expect("the daemon reads");
            stream.shutdown(Shutdown::Write).expect("it is open");
            let began = Instant::now();
            assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)), "half a message has no answer");
            assert!(began.elapsed() < Duration::from_secs(5), "closed at once");
        }
        let opened = daemon.metric("trunkline_connections");
        let until = Instant::now() + Duration::from_secs(12);
        while Instant::now() < until {
            expect_service_by_tcp("127.0.0.3");
            daemon.process.runs_for(Duration::from_millis(500));
        }
        for stream in stuck {
            stream.join().expect("it was closed");
        }
        for stream in slow {
            let lasted = stream.join().expect("it was closed");
            assert!(lasted < Duration::from_secs(25), "{lasted:?}");
        }
        daemon.expect_metric("trunkline_connections", 0.0, Duration::from_secs(15));
        eprintln!(
            "floods: {opened} connections at most, all closed; {} kB more memory",
            daemon.resident_bytes().saturating_sub(before) >> 10
        );
        drop(idle);
        daemon.expect_nothing_left();
        daemon.expect_memory_back(before, 64 << 20, Duration::from_secs(60));
    });
}

/// Asks and asks and never reads an answer, until the daemon has enough.
fn never_listens(number: u64) {
    let mut stream = connect("127.0.0.8:0", Some(4_096)).expect("the daemon listens");
    stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    for question in 0..1_000_000 {
        let text = request("OPTIONS", "TCP", "127.0.0.8:5060", "1001", &format!("n{number}-{question}"));
        if let Err(error) = stream.write_all(text.as_bytes()) {
            let is_closed =
                !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(is_closed, "it is still open: {error}");
            return;
        }
    }
    panic!("nobody stops it");
}

/// One octet every half second; how long that was endured.
fn says_an_octet_now_and_then() -> Duration {
    let mut stream = connect("127.0.0.8:0", None).expect("the daemon listens");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout can be set");
    let began = Instant::now();
    for octet in b"OPTIONS sip:127.0.0.1 SIP/2.0\r\n".iter().cycle() {
        if stream.write_all(&[*octet]).is_err() || matches!(stream.read(&mut [0; 8]), Ok(0)) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it is still open");
    }
    began.elapsed()
}

/// Who rings is cancelled. A callee that is not let run for half a second has everything said to it twice, and the scenario fails
/// where a CANCEL comes again.
fn is_cancelled(rings: &Counted) {
    let (failed, repeated) = (rings.failed(), rings.retransmissions());
    assert!(failed <= repeated, "{failed} were not cancelled; the callees said {repeated} messages again");
}

/// A new connection from elsewhere is served as ever, within 1.5 s where the machine has nothing else to do.
fn expect_service_by_tcp(source: &str) {
    let began = Instant::now();
    let mut stream = connect(&format!("{source}:0"), None).expect("the daemon listens");
    let text = request("OPTIONS", "TCP", &format!("{source}:5060"), "1001", "probe");
    stream.write_all(text.as_bytes()).expect("the daemon reads");
    let mut answer = [0; 1_024];
    let length = stream.read(&mut answer).expect("an answer");
    assert!(answer[..length].starts_with(b"SIP/2.0 200 "), "{}", answer[..length].escape_ascii());
    assert!(began.elapsed() < Duration::from_millis(sample(15_000, 1_500)), "it took {:?}", began.elapsed());
}

/// Requests of nobody by SIPp.
fn sipp_flood(directory: &Path, method: &str, rate: u64, lasts: Duration) {
    let users: String =
        (0..1_000).map(|user| format!("{}\n", if user % 2 == 0 { 1_001 } else { 5_000 + user })).collect();
    fs::write(directory.join("users.csv"), format!("RANDOM\n{users}")).expect("a directory of ours");
    let to = if method == "INVITE" { "200@" } else { "" };
    let file = scenario(directory, "stranger.xml", &[("METHOD", method), ("TO", to)]);
    let (rate, calls) = (rate.to_string(), (rate * lasts.as_secs()).to_string());
    let arguments =
        [SIP, "-i", "127.0.0.9", "-p", "5090", "-sf", &file, "-inf", "users.csv", "-r", &rate, "-m", &calls];
    let more = ["-l", "100000", "-default_behaviors", "none"];
    let counted = Sipp::untraced(directory, "strangers", &[&arguments[..], &more].concat())
        .finish(lasts * 3 + Duration::from_secs(180));
    eprintln!("floods: SIPp sent {} {method}s", counted.successful() + counted.failed());
    assert!(counted.successful() > 0, "SIPp is answered");
}

/// A thread that sends datagrams.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    /// Begins to send, from this address, so many a second.
    fn start(address: &str, rate: u64, write: impl Fn(u64) -> String + Send + 'static) -> Self {
        let socket = UdpSocket::bind(address).expect("an address of ours");
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (began, mut sent) = (Instant::now(), 0);
            let mut answer = [0; 2_048];
            socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout can be set");
            while !is_over.load(Ordering::Relaxed) {
                let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
                while sent < due {
                    // What the kernel has no room for is lost, as on a network.
                    drop(socket.send_to(write(sent).as_bytes(), SIP));
                    sent += 1;
                }
                drop(socket.recv(&mut answer));
            }
            sent
        });
        Self { stop, thread }
    }

    /// Ends it; how many it sent.
    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends")
    }
}

/// A thread that opens connections, begins a message by each, and opens the next.
struct HalfOpen {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl HalfOpen {
    fn start(source: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut open = std::collections::VecDeque::new();
            let mut opened = 0;
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(mut stream) = connect(&format!("{source}:0"), None) {
                    // The daemon closes at once what is beyond its limit.
                    drop(stream.write_all(b"INVITE sip:200@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.9"));
                    open.push_back(stream);
                    opened += 1;
                }
                if open.len() > HELD_MAX {
                    open.pop_front();
                }
            }
            opened
        });
        Self { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ends")
    }
}

/// The answers to a flood: how often each came.
#[derive(Default)]
struct Heard {
    answers: HashMap<(String, String), u32>,
    last: Option<Instant>,
}

impl Heard {
    /// Takes what has come, waits a millisecond for more. Unanswered BYEs would take as long again as everything before.
    fn listen(&mut self, socket: &UdpSocket, answers_bye: bool) {
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout can be set");
        let mut buffer = [0; 4_096];
        while let Ok(length) = socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            if answers_bye && text.starts_with("BYE ") {
                let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
                let copied = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
                let copied: String = copied.map(|line| format!("{line}\r\n")).collect();
                let answer = format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n");
                socket.send_to(answer.as_bytes(), SIP).expect("the loopback carries");
            }
            let Some(status) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)) else { continue };
            self.last = Some(Instant::now());
            let call = text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap_or_default();
            if !status.starts_with('1') {
                *self.answers.entry((status.to_owned(), call.to_owned())).or_default() += 1;
            }
        }
    }

    fn calls_with(&self, status: &str) -> usize {
        self.answers.keys().filter(|(found, _)| found == status).count()
    }

    fn most_repeated(&self) -> (u32, String) {
        let most = self.answers.iter().max_by_key(|(_, count)| **count);
        most.map(|((status, call), count)| (*count, format!("{status} for {call}"))).unwrap_or_default()
    }
}

/// A connection with the daemon from this address, with a receive buffer of so many bytes.
fn connect(source: &str, receive_buffer_bytes: Option<usize>) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if let Some(bytes) = receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    socket.bind(&address(source).into())?;
    socket.connect_timeout(&address(SIP).into(), Duration::from_secs(5))?;
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// Ends a connection by RST.
fn reset(stream: TcpStream) {
    let socket: Socket = stream.into();
    socket.set_linger(Some(Duration::ZERO)).expect("an option of TCP");
}

/// A request outside any dialog. An INVITE has an offer.
fn request(method: &str, transport: &str, address: &str, user: &str, call: &str) -> String {
    let body = if method == "INVITE" { SDP } else { "" };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:{user}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {address};branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@127.0.0.1>;tag=f\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:f@{address}>\r\n{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.5\r\ns=-\r\nc=IN IP4 127.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const SIP: &str = "127.0.0.1:5060";
/// Connections that one stranger keeps: more than the daemon lets him have.
const HELD_MAX: usize = 1_200;

/// One network that floods, one that answers, one that rings.
const TRUNKS: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
ring_timeout_s = {ring}
[media]
listen = "127.0.0.1"
ports = "10000-59999"
[limits]
calls = {calls}
[[trunk]]
name = "flooder"
peer = "udp:127.0.0.5:5070"
allow_from = ["127.0.0.5/32"]
max_calls = 50000
[[trunk]]
name = "answers"
peer = "udp:127.0.0.6:5070"
allow_from = ["127.0.0.6/32"]
max_calls = 50000
[[trunk]]
name = "rings"
peer = "udp:127.0.0.7:5070"
allow_from = ["127.0.0.7/32"]
max_calls = 50000
[[route]]
from = "trunk:flooder"
match = "^2\\d\\d$"
to = "trunk:answers"
[[route]]
from = "trunk:flooder"
match = "^3\\d\\d$"
to = "trunk:rings"
"#;
