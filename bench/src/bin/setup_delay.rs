//! How long a caller waits for the first sound: from INVITE to 180, call after call through a SIP server that is otherwise
//! idle. SIPp tells milliseconds; this tells what lies below.
//!
//! Caller and callee are two threads that block on a socket each. The callee rings at once and answers when that has
//! certainly arrived. Prints a line of microseconds for each call; a call that fails ends the run.

use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);
/// From 180 to 200: a server may let one overtake the other.
const RINGING: Duration = Duration::from_millis(20);
const DATAGRAM_MAX: usize = 65_535;
const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

#[derive(Debug, Parser)]
struct Arguments {
    /// The server; the callee's own address for what the two cost each other.
    #[arg(long)]
    through: SocketAddr,
    #[arg(long, default_value = "127.0.0.1:5080")]
    caller: SocketAddr,
    /// Where the server sends all calls.
    #[arg(long, default_value = "127.0.0.1:5070")]
    callee: SocketAddr,
    #[arg(long, default_value_t = 100)]
    calls: u32,
    /// A second.
    #[arg(long, default_value_t = 10)]
    rate: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let callee = UdpSocket::bind(arguments.callee)?;
    thread::spawn(move || answer(&callee));
    let socket = UdpSocket::bind(arguments.caller)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let caller = Caller { socket, local: arguments.caller, server: arguments.through };
    let mut stdout = io::stdout().lock();
    let begun = Instant::now();
    for call in 0..arguments.calls {
        let due = begun + Duration::from_secs(1) * call / arguments.rate.max(1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A server still knows the calls of a run right before.
        let name = format!("{}-{call}", process::id());
        let waited = caller.call(&name).map_err(|error| format!("call {call}: {error}"))?;
        writeln!(stdout, "{}", waited.as_nanos() as f64 / 1_000.0)?;
    }
    Ok(())
}

struct Caller {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
}

impl Caller {
    /// Makes one call and hangs up; returns how long it took to ring.
    fn call(&self, call: &str) -> Result<Duration, Box<dyn Error>> {
        let mut buffer = [0; DATAGRAM_MAX];
        let begun = Instant::now();
        self.say(call, "INVITE", 1, "<sip:service@127.0.0.1>", SDP)?;
        self.hear(&mut buffer, "SIP/2.0 180", call)?;
        let rang = begun.elapsed();
        let answer = self.hear(&mut buffer, "SIP/2.0 200", call)?;
        let to = header(&answer, "To").ok_or("an answer without To")?.to_owned();
        self.say(call, "ACK", 1, &to, "")?;
        self.say(call, "BYE", 2, &to, "")?;
        self.hear(&mut buffer, "SIP/2.0 200", call)?;
        Ok(rang)
    }

    fn say(&self, call: &str, method: &str, number: u32, to: &str, body: &str) -> io::Result<usize> {
        let Self { local, server, .. } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:service@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{call}-{method}\r\n\
             From: <sip:caller@{local}>;tag=c{call}\r\nTo: {to}\r\nCall-ID: {call}@{local}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:caller@{local}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(text.as_bytes(), server)
    }

    /// Waits for an answer to this call with this beginning; others go by.
    fn hear(&self, buffer: &mut [u8], wanted: &str, call: &str) -> Result<String, Box<dyn Error>> {
        let call = format!("{call}@{}", self.local);
        loop {
            let length = self.socket.recv(buffer)?;
            let text = String::from_utf8_lossy(&buffer[..length]);
            if header(&text, "Call-ID") != Some(&call) {
                continue;
            }
            if text.starts_with(wanted) {
                return Ok(text.into_owned());
            }
            if !text.starts_with("SIP/2.0 1") && !text.starts_with("SIP/2.0 200") {
                return Err(text.lines().next().unwrap_or_default().into());
            }
        }
    }
}

/// Rings and answers whatever calls.
fn answer(socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        let request = String::from_utf8_lossy(&buffer[..length]);
        if request.starts_with("INVITE ") {
            socket.send_to(response(&request, "180 Ringing", "").as_bytes(), from)?;
            thread::sleep(RINGING);
            socket.send_to(response(&request, "200 OK", SDP).as_bytes(), from)?;
        } else if request.starts_with("BYE ") {
            socket.send_to(response(&request, "200 OK", "").as_bytes(), from)?;
        }
    }
}

fn response(request: &str, status: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if !["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|wanted| name.eq_ignore_ascii_case(wanted)) {
            continue;
        }
        let tag = if name.eq_ignore_ascii_case("To") && !line.contains("tag=") { ";tag=callee" } else { "" };
        text += &format!("{line}{tag}\r\n");
    }
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    text + &format!("Contact: <sip:127.0.0.1:5070>\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The first header of this name, written out.
fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_what_ties_it_to_its_request() {
        let request = "INVITE sip:a SIP/2.0\r\nVia: one\r\nVia: two\r\nSubject: no\r\nTo: <sip:a>\r\nCall-ID: 7\r\n\r\nTo: x";
        let answer = response(request, "180 Ringing", "");
        assert!(
            answer.starts_with("SIP/2.0 180 Ringing\r\nVia: one\r\nVia: two\r\nTo: <sip:a>;tag=callee\r\n")
        );
        assert!(!answer.contains("Subject"));
        assert_eq!(header(&answer, "call-id"), Some("7"));
        assert_eq!(header(&answer, "Content-Length"), Some("0"));
    }
}
