//! What really was on the wire, by tshark.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::audio::{Audio, from_ulaw};
use crate::network::on_host;
use crate::process::Process;

/// A capture under way.
pub(crate) struct Capture {
    process: Process,
    file: PathBuf,
}

/// A UDP datagram as captured.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    /// Since the epoch, on the clock that [`since_epoch`] reads.
    pub(crate) at: Duration,
    /// Source.
    pub(crate) source: (IpAddr, u16),
    /// Destination.
    pub(crate) destination: (IpAddr, u16),
    /// The payload.
    pub(crate) payload: Vec<u8>,
}

impl Datagram {
    /// The RTP header's payload type, where this is RTP (RFC 5761 §4 tells it from RTCP).
    pub(crate) fn rtp_payload_type(&self) -> Option<u8> {
        let header = self.payload.get(..12)?;
        (header[0] >> 6 == 2 && !(192..=223).contains(&header[1])).then_some(header[1] & 0x7F)
    }
}

impl Capture {
    /// Starts capturing what fits the filter; on the wire when this returns.
    pub(crate) fn start(directory: &Path, interface: &str, filter: &str) -> Self {
        Self::run(Command::new("tshark"), directory, interface, interface, filter)
    }

    /// The same at the end of the wire that is on the host of a program, under this name.
    pub(crate) fn start_on_host(directory: &Path, host: &Process, name: &str, filter: &str) -> Self {
        Self::run(on_host(host, "tshark"), directory, name, "eth0", filter)
    }

    fn run(mut command: Command, directory: &Path, name: &str, interface: &str, filter: &str) -> Self {
        let file = directory.join(format!("{name}.pcapng"));
        // Room for what comes while it is not let run.
        command.args(["-q", "-n", "-B", "16", "-i", interface, "-f", filter, "-w"]).arg(&file);
        let mut process = Process::spawn("tshark", &mut command);
        process.wait_for(STARTED_WITHIN, |_, line| line.starts_with("Capturing on"));
        // tshark says so before its child captures; the child says so with the file.
        process
            .wait_for(STARTED_WITHIN, |_, line| line.contains("File: ") || line.contains("Capture started"));
        Self { process, file }
    }

    /// Ends it: the UDP datagrams in order.
    pub(crate) fn finish(mut self) -> Vec<Datagram> {
        // The kernel hands packets over in blocks; one that is not full is lost with the interrupt.
        self.process.runs_for(BLOCK_HANDED_OVER_WITHIN);
        self.process.signal("INT");
        self.process.wait_exit(Duration::from_secs(20));
        let fields = [
            "frame.time_epoch",
            "ip.src",
            "ipv6.src",
            "udp.srcport",
            "ip.dst",
            "ipv6.dst",
            "udp.dstport",
            "udp.payload",
        ];
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.file).args(["-n", "-Y", "udp", "-T", "fields", "-E", "occurrence=f"]);
        command.args(fields.iter().flat_map(|field| ["-e", field]));
        let output = command.output().expect("tshark is installed");
        assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().filter_map(read_line).collect()
    }
}

/// The time as captures write it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set")
}

/// The G.711 µ-law audio of these datagrams, in the order captured.
pub(crate) fn ulaw_audio<'a>(datagrams: impl Iterator<Item = &'a Datagram>) -> Audio {
    let samples = datagrams
        .filter(|datagram| datagram.rtp_payload_type() == Some(0))
        .flat_map(|datagram| datagram.payload[12..].iter().copied().map(from_ulaw));
    Audio { rate_hz: 8000, samples: samples.collect() }
}

fn read_line(line: &str) -> Option<Datagram> {
    let mut fields = line.split('\t');
    let at = Duration::from_secs_f64(fields.next()?.parse().ok()?);
    let mut end = || {
        let (v4, v6) = (fields.next()?, fields.next()?);
        let address: IpAddr = if v4.is_empty() { v6 } else { v4 }.parse().ok()?;
        Some((address, fields.next()?.parse().ok()?))
    };
    let (source, destination) = (end()?, end()?);
    let hex = fields.next()?;
    let payload = (0..hex.len() / 2).filter_map(|n| u8::from_str_radix(hex.get(2 * n..2 * n + 2)?, 16).ok());
    Some(Datagram { at, source, destination, payload: payload.collect() })
}

/// tshark reads thousands of dissectors first, on a machine that may run three more tests.
const STARTED_WITHIN: Duration = Duration::from_secs(30);

/// Twice the time after which dumpcap wants a block that is not full.
const BLOCK_HANDED_OVER_WITHIN: Duration = Duration::from_millis(500);
