//! rtpengine in user space, spoken to by its control protocol.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{Failure, Sessions, far, relay_address};

/// Its command line, at the addresses of a host number.
pub fn command(host: u8) -> Command {
    let mut command = Command::new("rtpengine");
    command
        .args(["--table=-1", "--num-threads=1", "--foreground", "--log-level=2", "--log-stderr"])
        .args(["--config-file=none", "--port-min=20000", "--port-max=49999"])
        .arg(format!("--listen-ng={}:{CONTROL_PORT}", relay_address(host, 0)))
        .arg(format!("--interface=client/{}", relay_address(host, 0)))
        .arg(format!("--interface=server/{}", relay_address(host, 1)));
    command
}

/// Opens sessions between the far ends; returns where each end sends to.
///
/// # Errors
/// It does not answer, or refuses.
pub fn open_sessions(place: Sessions) -> Result<Vec<SocketAddr>, Failure> {
    let address = relay_address(place.host, 0);
    let control = UdpSocket::bind((address, 0))?;
    control.connect((address, CONTROL_PORT))?;
    control.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut to = Vec::new();
    for end in place.ends().step_by(2) {
        // Each description is answered by the one that the other side is to see: its port is where that side sends to.
        let server_sends_to = ask(&control, "offer", end)?;
        let client_sends_to = ask(&control, "answer", end + 1)?;
        to.push(SocketAddr::from((relay_address(place.host, 0), client_sends_to)));
        to.push(SocketAddr::from((relay_address(place.host, 1), server_sends_to)));
    }
    Ok(to)
}

/// One offer or answer with the SDP of an end; returns the port that rtpengine put in its place.
fn ask(control: &UdpSocket, command: &str, end: usize) -> Result<u16, Failure> {
    let (ip, port) = (far(end).ip(), far(end).port());
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    );
    let call = format!("session-{}", end / 2);
    let cookie = format!("{command}-{end}");
    let mut fields = vec![
        ("ICE", text("remove")),
        ("call-id", text(&call)),
        ("command", text(command)),
        ("from-tag", text("a")),
        ("sdp", text(&sdp)),
    ];
    if command == "answer" {
        fields.push(("to-tag", text("b")));
    } else {
        fields.push(("direction", format!("l{}{}e", text("client"), text("server"))));
    }
    let fields: String = fields.into_iter().map(|(key, value)| text(key) + &value).collect();
    let request = format!("{cookie} d{fields}e");
    let mut buffer = [0; 8_192];
    for _ in 0..20 {
        // It may not listen yet.
        let sent = control.send(request.as_bytes());
        let Some(length) = sent.ok().and_then(|_| control.recv(&mut buffer).ok()) else {
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

/// A string as bencode writes it.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

const CONTROL_PORT: u16 = 2_223;
