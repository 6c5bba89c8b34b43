//! What does an operation cost: in the switch alone, and over HTTP with its JSON, its thread changes and its LINE_REPLY?
//!
//! Both hold and retrieve a call between two lines whose media ends in the engine: nothing waits for a phone. The cost in the
//! switch is that of one event with all its consequences: the check, the states of both calls, what each leg hears, and the
//! messages to the applications.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::api::{self, Access};
use trunkline::switch::setup::{AppSetup, LineKind, LineSetup};
use trunkline::switch::{Operation, Outbox, Outcome, Switch};
use trunkline::{AppId, CallId, CallPrivilege, Config, Message, RequestId, Running};
use trunkline_bench::exchange;
use trunkline_sip::location::{Location, LocationLimits};

const APP: AppId = AppId(0);

fn operations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("operations");
    group.throughput(Throughput::Elements(2));
    let mut desk = Desk::new(Instant::now());
    group.bench_function("hold and unhold in the switch", |bencher| {
        bencher.iter(|| {
            desk.ask(Operation::Hold(desk.call));
            desk.ask(Operation::Unhold(desk.call));
        });
    });
    let mut client = Client::new();
    group.bench_function("hold and unhold over HTTP", |bencher| {
        bencher.iter(|| {
            client.post(&format!("/v1/calls/{}/hold", client.call), "");
            client.post(&format!("/v1/calls/{}/unhold", client.call), "");
        });
    });
    group.finish();
}

/// A switch with one call between two lines of the engine.
struct Desk {
    switch: Switch,
    now: Instant,
    call: CallId,
    requests: u32,
    out: Outbox,
}

impl Desk {
    fn new(now: Instant) -> Self {
        let mut setup = exchange::setup();
        setup.routes.clear();
        let line = |address: &str| LineSetup::new(address, LineKind::Local);
        setup.lines = vec![line("1003"), line("1004")];
        let lines = vec!["*".to_owned()];
        setup.apps = vec![AppSetup { name: "crm".into(), lines, privilege: CallPrivilege::Owner }];
        let location = Arc::new(Location::new(now, LocationLimits::DEFAULT));
        let switch = Switch::new(setup, location, [1; 32], now);
        let mut desk = Self { switch, now, call: CallId(1), requests: 0, out: Outbox::default() };
        let made = Operation::MakeCall { line: "1003".into(), to: "1004".to_owned(), params: None };
        assert_eq!(desk.ask(made), Outcome::Call(CallId(1)));
        desk.ask(Operation::Answer(CallId(2), None));
        desk
    }

    fn ask(&mut self, operation: Operation) -> Outcome {
        self.requests += 1;
        self.out.messages.clear();
        let request = RequestId(self.requests);
        self.switch.request(self.now, APP, request, operation, &mut self.out);
        let Some((_, Message::Reply { reply: Ok(outcome), .. })) = self.out.messages.first() else {
            panic!("{:?}", self.out.messages);
        };
        outcome.clone()
    }
}

/// A client of a running engine, over one connection.
struct Client {
    stream: TcpStream,
    call: String,
    _runtime: tokio::runtime::Runtime,
    _running: Running,
}

impl Client {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
        let state = std::env::temp_dir().join(format!("trunkline-bench-{}", std::process::id()));
        std::fs::create_dir_all(&state).expect("a directory");
        let config = Config::parse(Path::new("bench.toml"), CONFIG).expect("a good configuration");
        let access = Access::from(&config.api);
        let (running, address) = runtime.block_on(async {
            let running = Running::start(config, &state).expect("an engine");
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let address = listener.local_addr().expect("it is bound");
            let engine = running.engine().clone();
            tokio::spawn(api::serve(
                listener,
                engine,
                access,
                api::Operator::default(),
                std::future::pending(),
            ));
            (running, address)
        });
        let mut client = Self::connect(address, runtime, running);
        let made = client.post("/v1/lines/1003/make-call", r#"{"to":"1004"}"#);
        assert!(made.contains("\"call\":\"c1\""), "{made}");
        client.post("/v1/calls/c2/answer", "");
        client
    }

    fn connect(address: SocketAddr, runtime: tokio::runtime::Runtime, running: Running) -> Self {
        let stream = TcpStream::connect(address).expect("the API listens");
        stream.set_nodelay(true).expect("an option of TCP");
        Self { stream, call: "c1".to_owned(), _runtime: runtime, _running: running }
    }

    fn post(&mut self, path: &str, body: &str) -> String {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).expect("the API reads");
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let length = self.stream.read(&mut buffer).expect("the API answers");
            answer.extend_from_slice(&buffer[..length]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let mut lengths = head
                .lines()
                .filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let expected: usize = lengths.next().expect("a length");
            if body.len() >= expected {
                assert!(head.starts_with("HTTP/1.1 200"), "{text}");
                return body.to_owned();
            }
        }
    }
}

const TOKEN: &str = "an-application-of-the-bench-0123456789";
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:25060"]
[media]
listen = "127.0.0.1"
[[app]]
name = "crm"
token = "an-application-of-the-bench-0123456789"
lines = ["*"]
privilege = "owner"
[[line]]
address = "1003"
kind = "local"
[[line]]
address = "1004"
kind = "local"
"#;

criterion_group!(benches, operations);
criterion_main!(benches);
