//! Tells a collector (Homer, sngrep) by HEP what SIP said, and how calls sounded.
//!
//! ```text
//!  rings of the trace ─▶ Teller: whose it is, without secrets ─▶ HEP ─▶ collector
//! ```
//!
//! The rings are the queue: who writes never waits, and what they no longer have when it is looked for is counted as dropped.

mod correlation;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use trunkline_sip::agent::Agent as SipAgent;
use trunkline_sip::transport::{Flow, Transport};

use self::correlation::{Correlation, Station};
use self::wire::Wire;
use super::clock;
use super::metrics::{Counter, Metrics};
use super::trace::{Happened, Noted, Report, Tail, Trace};
use crate::capture::hep::{Agent, Kind, Packet, Protocol};
use crate::capture::masking::masked;
use crate::capture::rtcp;
use crate::config::Hep;
use crate::switch::quality::{DirectionView, EndedMedia};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(100);

/// How long a message may come before what says whose it is; then it is told under its own Call-ID.
const MOMENT: Duration = Duration::from_secs(1);

/// Messages that wait so.
const WAITING_MAX: usize = 10_000;

/// How often at most the log says that packets are lost.
const TOLD_EACH: Duration = Duration::from_secs(60);

/// Starts the thread that tells; it ends, having told what there is, when the sender is dropped.
///
/// # Errors
/// The system has no thread.
pub(super) fn start(
    hep: Hep,
    trace: &Arc<Trace>,
    metrics: Arc<Metrics>,
) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let tail = trace.tail();
    let (ends, end) = channel();
    let run = move || Teller::new(hep, tail, metrics).run(&end);
    Ok((ends, thread::Builder::new().name("hep".to_owned()).spawn(run)?))
}

struct Teller {
    hep: Hep,
    tail: Tail,
    known: Correlation,
    /// What belongs to nothing yet, in order.
    waiting: Vec<Noted>,
    wire: Wire,
    metrics: Arc<Metrics>,
    told: Option<Instant>,
}

impl Teller {
    fn new(hep: Hep, tail: Tail, metrics: Arc<Metrics>) -> Self {
        let wire = Wire::new(hep.server);
        Self { hep, tail, known: Correlation::default(), waiting: Vec::new(), wire, metrics, told: None }
    }

    fn run(mut self, end: &Receiver<()>) {
        while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            self.look(clock::now());
        }
        self.look(clock::now() + MOMENT);
    }

    /// Tells what has happened since the last look.
    fn look(&mut self, now: Instant) {
        let mut found = std::mem::take(&mut self.waiting);
        let lost = self.tail.read(&mut found);
        self.metrics.count_many(Counter::HepDropped, usize::try_from(lost).unwrap_or(usize::MAX));
        found.sort_by_key(|noted| noted.at);
        found.iter().for_each(|noted| self.known.learn(&noted.what));
        let mut error = None;
        for noted in found {
            let told = match &noted.what {
                // Keep-alives are no SIP.
                Happened::Received(_, bytes) | Happened::Sent(_, bytes)
                    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) =>
                {
                    continue;
                }
                Happened::Received(flow, bytes) | Happened::Sent(flow, bytes) => {
                    let call_id = SipAgent::call_id_in(bytes);
                    self.known.note_flow(call_id, *flow);
                    let is_young = now.saturating_duration_since(noted.at) < MOMENT;
                    match self.known.of(call_id) {
                        None if is_young && self.waiting.len() < WAITING_MAX => {
                            self.waiting.push(noted);
                            continue;
                        }
                        known => {
                            let is_sent = matches!(noted.what, Happened::Sent(..));
                            let correlation = known.unwrap_or_else(|| call_id.into());
                            self.tell_message(noted.at, (flow, is_sent), &correlation, bytes)
                        }
                    }
                }
                Happened::Ended(ended) => match self.known.station(ended.call) {
                    Some(station) => self.tell_quality(noted.at, &station, ended),
                    None => continue,
                },
                Happened::Report(report) => match self.known.station_at(report.leg) {
                    Some(station) => self.tell_report(noted.at, &station, report),
                    None => continue,
                },
                Happened::Leg(..)
                | Happened::State(_)
                | Happened::LegOf(..)
                | Happened::Operation { .. }
                | Happened::Media(_)
                | Happened::MediaChange(_) => continue,
            };
            error = told.err().or(error);
        }
        if let Some(error) = error
            && self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EACH)
        {
            self.told = Some(now);
            tracing::warn!(collector = %self.hep.server, %error, "packets of HEP are lost");
        }
    }

    fn tell_message(
        &mut self,
        at: Instant,
        (flow, is_sent): (&Flow, bool),
        correlation: &[u8],
        message: &[u8],
    ) -> io::Result<()> {
        let (from, to) = if is_sent { (flow.local, flow.remote) } else { (flow.remote, flow.local) };
        self.send(&Packet {
            kind: Kind::Sip,
            protocol: protocol(flow.transport),
            from,
            to,
            at: self.tail.unix(at),
            correlation,
            payload: &masked(message),
        })
    }

    /// Both directions of a call's media, between the addresses of its signalling.
    fn tell_quality(&mut self, at: Instant, station: &Station, ended: &EndedMedia) -> io::Result<()> {
        let (local, remote) = (station.flow.local, station.flow.remote);
        let at = self.tail.unix(at);
        let mut told = Ok(());
        for (number, view, (from, to)) in
            [(0, &ended.media.received, (remote, local)), (1, &ended.media.sent, (local, remote))]
        {
            let report = report(station, ended, (number, view), at).to_string();
            let sent = self.send(&Packet {
                kind: Kind::Quality,
                protocol: Protocol::Udp,
                from,
                to,
                at,
                correlation: &station.correlation,
                payload: report.as_bytes(),
            });
            told = told.and(sent);
        }
        told
    }

    /// Each report of a compound, between the addresses of the media.
    fn tell_report(&mut self, at: Instant, station: &Station, report: &Report) -> io::Result<()> {
        let to = SocketAddr::new(station.flow.local.ip(), report.port);
        let at = self.tail.unix(at);
        let mut told = Ok(());
        for said in rtcp::reports(&report.compound) {
            let sent = self.send(&Packet {
                kind: Kind::Rtcp,
                protocol: Protocol::Udp,
                from: report.from,
                to,
                at,
                correlation: &station.correlation,
                payload: said.to_string().as_bytes(),
            });
            told = told.and(sent);
        }
        told
    }

    fn send(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let key = self.hep.key.as_ref().map(|key| key.0.as_bytes());
        let agent = Agent { id: self.hep.agent_id, key };
        let sent = match packet.encode(&agent) {
            Some(encoded) => self.wire.send(&encoded),
            None => Err(io::ErrorKind::FileTooLarge.into()),
        };
        self.metrics.count(if sent.is_ok() { Counter::HepPackets } else { Counter::HepDropped });
        sent
    }
}

const fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Udp => Protocol::Udp,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Protocol::Tcp,
    }
}

/// A report in the vocabulary of sipcapture's agents; what is not known is left out.
fn report(
    station: &Station,
    ended: &EndedMedia,
    (number, view): (u8, &DirectionView),
    at: Duration,
) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Station { correlation, call_id, flow } = station;
    let (from, to) = if number == 0 { (flow.remote, flow.local) } else { (flow.local, flow.remote) };
    let mut report = Map::new();
    let mut say = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            report.insert(key.to_owned(), value);
        }
    };
    let mos = view.mos_x100.map(|mos_x100| json!(f64::from(mos_x100) / 100.0));
    let jitter = view.jitter_us.map(|us| json!(f64::from(us) / 1_000.0));
    say("CORRELATION_ID", Some(text(correlation).into()));
    say("RTP_SIP_CALL_ID", Some(text(call_id).into()));
    say("REPORT_TS", Some(at.as_secs().into()));
    say("SRC_IP", Some(from.ip().to_canonical().to_string().into()));
    say("SRC_PORT", Some(from.port().into()));
    say("DST_IP", Some(to.ip().to_canonical().to_string().into()));
    say("DST_PORT", Some(to.port().into()));
    say("TL_BYTE", Some(view.bytes.into()));
    say("TOTAL_PK", Some(view.packets.into()));
    say("EXPECTED_PK", view.lost.map(|lost| view.packets.saturating_add(lost).into()));
    say("PACKET_LOSS", view.lost.map(Value::from));
    say("OUT_ORDER", view.late.map(Value::from));
    say("JITTER", jitter.clone());
    say("MEAN_JITTER", jitter);
    say("MOS", mos.clone());
    say("MEAN_MOS", mos);
    say("CODEC_NAME", ended.media.codec.map(Value::from));
    say("DIR", Some(number.into()));
    say("REPORT_NAME", Some(ended.line.to_string().into()));
    say("TYPE", Some("FINAL".into()));
    Value::Object(report)
}

#[cfg(test)]
mod tests;
