//! The relays under comparison, each in a process of its own so that its CPU time can be told from the generator's.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{FAR_PORT, Failure, RELAY_PORT, at};

/// Trunkline's relay in its process.
#[derive(Debug)]
pub struct OwnRelay {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl OwnRelay {
    /// Starts the binary, on a core if one is named, and waits until its sessions are open.
    ///
    /// # Errors
    /// It does not start or does not open its ports.
    pub fn start(binary: &Path, core: Option<usize>, sessions: u16) -> Result<Self, Failure> {
        let mut child = on_core(core, binary.as_os_str())
            .args(["--sessions", &sessions.to_string()])
            .args(["--first", &RELAY_PORT.to_string(), "--far", &FAR_PORT.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.trim() != "ready" {
            return Err("the relay did not start".into());
        }
        Ok(Self { child, output })
    }

    /// Its process number.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where the far ends of all sessions send to.
    pub fn addresses(sessions: u16) -> Vec<SocketAddr> {
        (0..sessions * 2).map(|far| at(RELAY_PORT + 2 * far)).collect()
    }

    /// Ends it; says what it counted.
    ///
    /// # Errors
    /// It ended before.
    pub fn end(mut self) -> Result<String, Failure> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        self.child.wait()?;
        Ok(line.trim().to_owned())
    }
}

/// rtpengine in user space, spoken to by its control protocol.
#[derive(Debug)]
pub struct RtpEngine {
    child: Child,
}

impl Drop for RtpEngine {
    fn drop(&mut self) {
        let _ended = self.child.kill().is_ok() && self.child.wait().is_ok();
    }
}

impl RtpEngine {
    /// Starts it, on a core if one is named; `None` when there is no such binary.
    pub fn start(binary: &str, core: Option<usize>) -> Option<Self> {
        let (first, last) = RTPENGINE_PORTS;
        // `taskset` would start without it.
        Command::new(binary).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let child = on_core(core, binary.as_ref())
            .args(["--table=-1", "--num-threads=1", "--foreground", "--log-level=2", "--log-stderr"])
            .arg(format!("--listen-ng=127.0.0.1:{RTPENGINE_CONTROL}"))
            .arg("--interface=127.0.0.1")
            .args([format!("--port-min={first}"), format!("--port-max={last}")])
            .arg("--config-file=none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child })
    }

    /// Its process number.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Opens sessions between the far ends; returns where each of them sends to.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub fn open_sessions(&self, sessions: u16) -> Result<Vec<SocketAddr>, Failure> {
        let control = UdpSocket::bind(at(0))?;
        control.connect(at(RTPENGINE_CONTROL))?;
        control.set_read_timeout(Some(Duration::from_millis(500)))?;
        let mut to = Vec::new();
        for session in 0..sessions {
            let far = FAR_PORT + 2 * session;
            let callee_sends_to = ask(&control, "offer", session, far)?;
            let caller_sends_to = ask(&control, "answer", session, far + 1)?;
            to.extend([at(caller_sends_to), at(callee_sends_to)]);
        }
        Ok(to)
    }
}

/// A command that runs on one core, or wherever the scheduler likes.
fn on_core(core: Option<usize>, binary: &OsStr) -> Command {
    let Some(core) = core else { return Command::new(binary) };
    let mut command = Command::new("taskset");
    // `taskset` becomes the binary: the process number stays.
    command.args(["-c", &core.to_string()]).arg(binary);
    command
}

/// One offer or answer with the SDP of a far end; returns the port that rtpengine put in its place.
fn ask(control: &UdpSocket, command: &str, session: u16, far_port: u16) -> Result<u16, Failure> {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {far_port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    );
    let call = format!("session-{session}");
    let cookie = format!("{command}-{session}");
    let mut fields =
        vec![("command", command), ("call-id", &call), ("from-tag", "a"), ("sdp", &sdp), ("ICE", "remove")];
    if command == "answer" {
        fields.push(("to-tag", "b"));
    }
    let mut request = format!("{cookie} d");
    for (key, value) in fields {
        request += &format!("{}:{key}{}:{value}", key.len(), value.len());
    }
    request.push('e');
    let mut buffer = [0; 8_192];
    for _ in 0..20 {
        control.send(request.as_bytes())?;
        let Ok(length) = control.recv(&mut buffer) else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let answer = String::from_utf8_lossy(&buffer[..length]);
        if !answer.starts_with(&cookie) {
            continue;
        }
        let port = answer.split_once("m=audio ").and_then(|(_, rest)| rest.split(' ').next());
        return Ok(port.ok_or_else(|| format!("rtpengine refused: {answer}"))?.parse()?);
    }
    Err("rtpengine does not answer".into())
}

/// The media ports of rtpengine: enough for [`SESSIONS_MAX`](super::SESSIONS_MAX).
const RTPENGINE_PORTS: (u16, u16) = (26_000, 32_767);

/// The port of its control protocol.
const RTPENGINE_CONTROL: u16 = 11_223;
