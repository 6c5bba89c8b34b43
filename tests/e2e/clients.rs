//! The examples of the typed clients, as the programs they are, before a real daemon with real phones: what they print is what the phones
//! do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, thread};

use crate::baresip::{Answer, Baresip};
use crate::daemon::{API, Daemon, Directory};
use crate::network::alone;
use crate::process::Process;

#[test]
fn typescript() {
    alone(|| {
        a_day(&|example| {
            let mut command = Command::new("node");
            command.arg(clients().join("typescript/dist/examples").join(example).with_extension("js"));
            command
        });
    });
}

#[test]
fn python() {
    alone(|| {
        a_day(&|example| {
            let here = clients().join("python");
            let program = here.join("examples").join(example.replace('-', "_")).with_extension("py");
            let mut command = Command::new(here.join(".venv/bin/python"));
            command.arg(program).env("PYTHONPATH", here);
            command
        });
    });
}

/// A call by click-to-dial pops up before it is picked up, is transferred after a consultation, and the wall board shows it all,
/// whatever happens to its connections. In the end nobody talks and every program has said so.
fn a_day(example: &dyn Fn(&str) -> Command) {
    let directory = Directory::create();
    let mut daemon = Daemon::start(directory.path(), CONFIG);
    let mut phones = [(1, Answer::Auto), (2, Answer::Manual), (3, Answer::Auto)].map(|(phone, answer)| {
        Baresip::start(directory.path(), phone, &format!("100{phone}"), PASSWORD, "", answer)
    });
    daemon.expect_metric("trunkline_registrations", 3.0, WITHIN);
    let customers = directory.path().join("customers.json");
    fs::write(&customers, r#"{"1001": "Ada Lovelace, gold"}"#).expect("a directory of ours");
    let start = |name: &str, token: &str, server: SocketAddr, arguments: &[&str]| {
        let mut command = example(name);
        command
            .args(arguments)
            .env("TRUNKLINE_URL", format!("http://{server}"))
            .env("TRUNKLINE_TOKEN", token);
        Process::spawn(name, &mut command)
    };

    let way = Way::open();
    let mut board = start("wall-board", WATCHER, way.address, &[]);
    for line in ["1001 Reception free", "1002 Workshop free", "1003 Cellar free"] {
        says(&mut board, line);
    }
    let mut pop = start("screen-pop", OWNER, API, &["1002", &customers.to_string_lossy()]);
    says(&mut pop, "waiting for calls of 1002");

    let mut dial = start("click-to-dial", OWNER, API, &["1001", "1002"]);
    says(&mut dial, ": 1001 calls 1002");
    phones[1].expect("CALL_INCOMING", WITHIN);
    says(&mut pop, ": 1001 calls (direct): Ada Lovelace, gold");
    says(&mut dial, ": ringback");
    says(&mut board, "1002 Workshop accepted Reception");
    way.cut();
    phones[1].command("accept", "");
    phones[1].expect("CALL_ESTABLISHED", WITHIN);
    says(&mut dial, ": connected");
    says(&mut pop, ": picked up");
    says(&mut board, "1001 Reception connected Workshop");

    way.cut();
    let mut transfer = start("attended-transfer", OWNER, API, &["1001", "1003"]);
    says(&mut transfer, " calls 1003");
    says(&mut transfer, "1003 has answered");
    says(&mut transfer, " is transferred to 1003");
    assert!(transfer.wait_exit(WITHIN).success());
    phones[2].expect("CALL_ESTABLISHED", WITHIN);
    phones[0].expect("CALL_CLOSED", WITHIN);
    says(&mut dial, ": idle");
    assert!(dial.wait_exit(WITHIN).success());
    says(&mut board, "1003 Cellar connected Workshop");

    let mut nothing = start("attended-transfer", OWNER, API, &["1001", "1003"]);
    says(&mut nothing, "1001 is in no call that could be transferred");
    assert_eq!(nothing.wait_exit(WITHIN).code(), Some(1));
    let mut nobody = start("click-to-dial", WATCHER, API, &["9999", "1002"]);
    says(&mut nobody, "9999 cannot call 1002: ");
    assert_eq!(nobody.wait_exit(WITHIN).code(), Some(1));

    way.cut();
    phones[1].command("hangup", "");
    phones[2].expect("CALL_CLOSED", WITHIN);
    for line in ["1001 Reception free", "1002 Workshop free", "1003 Cellar free"] {
        says(&mut board, line);
    }
    eprintln!("clients: {} connections of the wall board, three times all of them cut", way.connections());
    drop((board, pop));
    daemon.expect_metric("trunkline_calls", 0.0, WITHIN);
}

/// Waits until a program prints a line that has this at some place, whatever stands between its words.
fn says(program: &mut Process, wanted: &str) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = words(wanted);
    program.wait_for(WITHIN, |_, line| words(line).contains(&wanted));
}

/// Where `tests/run.sh` has built the clients.
fn clients() -> PathBuf {
    Path::new(&env::var_os("TRUNKLINE_CLIENTS").expect("tests/run.sh says where the clients are")).to_owned()
}

/// A way to the API on which connections break.
struct Way {
    address: SocketAddr,
    up: Arc<Mutex<Vec<TcpStream>>>,
    opened: Arc<Mutex<usize>>,
}

impl Way {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let way = Self { address, up: Arc::default(), opened: Arc::default() };
        let (up, opened) = (Arc::clone(&way.up), Arc::clone(&way.opened));
        // It ends with the process of the test.
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(API) else { continue };
                *opened.lock().expect("nobody panics with it") += 1;
                let mut up = up.lock().expect("nobody panics with it");
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let from = from.try_clone().expect("a socket can be shared");
                    let to = to.try_clone().expect("a socket can be shared");
                    thread::spawn(move || carry(from, to));
                }
                up.extend([near, far]);
            }
        });
        way
    }

    /// Ends all connections.
    fn cut(&self) {
        for end in self.up.lock().expect("nobody panics with it").drain(..) {
            // It may have ended already.
            drop(end.shutdown(Shutdown::Both));
        }
    }

    fn connections(&self) -> usize {
        *self.opened.lock().expect("nobody panics with it")
    }
}

/// Carries octets until one end is closed, then closes the other.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut octets = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut octets) {
        if to.write_all(&octets[..read]).is_err() {
            break;
        }
    }
    let closed: io::Result<()> = to.shutdown(Shutdown::Both);
    drop(closed);
}

const OWNER: &str = "a-token-for-the-owner";
const WATCHER: &str = "a-token-for-the-watcher";
const PASSWORD: &str = "correct-horse-battery";
const WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = "udp:0.0.0.0:5060"
[media]
listen = "0.0.0.0"
kernel = "off"
[api]
listen = "127.0.0.1:8080"
[[line]]
address = "1001"
name = "Reception"
password = "correct-horse-battery"
[[line]]
address = "1002"
name = "Workshop"
password = "correct-horse-battery"
[[line]]
address = "1003"
name = "Cellar"
password = "correct-horse-battery"
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[app]]
name = "wallboard"
token = "a-token-for-the-watcher"
lines = ["*"]
privilege = "monitor"
"#;
