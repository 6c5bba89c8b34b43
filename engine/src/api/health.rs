//! For those who watch the daemon: `/metrics`, `/livez`, `/readyz`. No token, as they tell no person's affairs.

use std::fmt;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use trunkline_media::kernel::KernelStatus;
use trunkline_sip::admission::{Limit, Refusals};

use super::Shared;
use super::process::ProcessNumbers;
use crate::driver::clock;
use crate::handle::{Engine, MetricsSnapshot};
use crate::switch::TrunkView;
use crate::webhook::Standing;

/// The gauges and counters in OpenMetrics text.
pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let mut registry = Registry::with_prefix("trunkline");
    shared.engine.call_quality().register(&mut registry);
    let numbers = shared.engine.metrics();
    register_refusals(&mut registry, &numbers.refusals);
    registry.register_collector(Box::new(Numbers(numbers)));
    register_kernel(&mut registry, shared.engine.kernel_relay());
    register_webhooks(&mut registry, &shared.engine);
    let seen = shared.engine.view(|switch| (switch.trunks(), switch.media_ports_max())).await;
    let (trunks, media_ports_max) = seen.unwrap_or_default();
    register_trunks(&mut registry, &trunks);
    register_most(&mut registry, media_ports_max);
    registry.register(
        "api_requests_limited",
        "Requests of applications that were more than requests_per_second of [api]",
        ConstCounter::new(shared.limiter.refused()),
    );
    // A process with many descriptors takes milliseconds to count them.
    let process = tokio::task::spawn_blocking(ProcessNumbers::read).await.unwrap_or_default();
    let mut of_process = Registry::default();
    of_process.register_collector(Box::new(process));
    let mut body = String::new();
    text::encode_registry(&mut body, &registry)
        .and_then(|()| text::encode(&mut body, &of_process))
        .expect("a String takes everything");
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], body).into_response()
}

/// Whether the process answers at all.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether calls are taken: 503 before all sockets are bound, and while the daemon drains.
pub(super) async fn readyz(State(shared): State<Shared>) -> Response {
    match shared.engine.is_ready() {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// How the trunks are. There is nothing to say of them while the engine stops.
fn register_trunks(registry: &mut Registry, trunks: &[TrunkView]) {
    let gauges = || Family::<[(&'static str, String); 1], Gauge>::default();
    let (in_service, registered, calls, calls_max) = (gauges(), gauges(), gauges(), gauges());
    let now = clock::now();
    let up = Family::<[(&'static str, String); 2], Gauge>::default();
    for trunk in trunks {
        let labels = [("trunk", trunk.name.to_string())];
        in_service.get_or_create(&labels).set(trunk.is_in_service.into());
        calls.get_or_create(&labels).set(trunk.calls.into());
        calls_max.get_or_create(&labels).set(trunk.calls_max.into());
        for place in &trunk.places {
            let peer = format!("{}:{}", place.transport.name(), place.address);
            let labels = [("trunk", trunk.name.to_string()), ("peer", peer)];
            up.get_or_create(&labels).set((place.rests(now).is_none() && !place.is_down).into());
        }
        if let Some(registration) = &trunk.registration {
            registered.get_or_create(&labels).set(registration.since.is_some().into());
        }
    }
    registry.register(
        "trunk_in_service",
        "Whether calls can be expected to pass by a trunk: 1 or 0",
        in_service,
    );
    registry.register("trunk_registered", "Whether a trunk that registers is registered: 1 or 0", registered);
    registry.register(
        "trunk_peer_up",
        "Whether calls of a trunk go to a peer: 1, or 0 while it rests or is down",
        up,
    );
    registry.register("trunk_calls", "Calls of a trunk, both directions", calls);
    registry.register("trunk_calls_max", "Calls that a trunk may have at once", calls_max);
}

/// How the webhooks do.
fn register_webhooks(registry: &mut Registry, engine: &Engine) {
    let counters = || Family::<[(&'static str, String); 1], Counter>::default();
    let gauges = || Family::<[(&'static str, String); 1], Gauge>::default();
    let (delivered, failed, lost) = (counters(), counters(), counters());
    let (behind, up) = (gauges(), gauges());
    for entry in &**engine.webhooks().entries() {
        let (now, counts) = (entry.now(), entry.counts());
        let labels = [("webhook", now.hook.name.to_string())];
        delivered.get_or_create(&labels).inc_by(counts.delivered);
        failed.get_or_create(&labels).inc_by(counts.failed);
        lost.get_or_create(&labels).inc_by(counts.lost);
        let waiting = engine.events_behind(entry.app, entry.position());
        behind.get_or_create(&labels).set(i64::try_from(waiting).unwrap_or(i64::MAX));
        up.get_or_create(&labels).set((now.standing == Standing::Up).into());
    }
    registry.register("webhook_events_delivered", "Events that a webhook took", delivered);
    registry.register("webhook_tries_failed", "Requests to a webhook that were not taken", failed);
    registry.register(
        "webhook_events_lost",
        "Events that were kept no longer when a webhook was to be told",
        lost,
    );
    registry.register("webhook_events_behind", "Events that a webhook is still to be told", behind);
    registry.register("webhook_up", "Whether a webhook took the last request: 1 or 0", up);
}

/// What does not change while the daemon runs.
fn register_most(registry: &mut Registry, media_ports_max: usize) {
    let pairs = ConstGauge::new(i64::try_from(media_ports_max).unwrap_or(i64::MAX));
    registry.register("media_ports_max", "Pairs of RTP and RTCP ports that there are for calls", pairs);
    registry.register("build", "The version that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
}

/// What the limits refused.
fn register_refusals(registry: &mut Registry, refusals: &Refusals) {
    let counted = Family::<[(&'static str, &'static str); 1], Counter>::default();
    for limit in Limit::ALL {
        counted.get_or_create(&[("limit", limit.name())]).inc_by(refusals.of(limit));
    }
    registry.register("limit_refusals", "What was refused, by the limit that it was beyond", counted);
}

/// What the relay in the kernel runs on, and how full it is.
fn register_kernel(registry: &mut Registry, relay: Option<&KernelStatus>) {
    let (flows, flows_max) = relay.map_or((0, 0), |relay| (relay.live() as u64, relay.flows_max()));
    let gauge = |value: u64| ConstGauge::new(value.min(i64::MAX as u64) as i64);
    // The registry adds the full stop.
    registry.register(
        "media_kernel_flows",
        "Directions of calls that the kernel forwards by itself",
        gauge(flows),
    );
    registry.register(
        "media_kernel_flows_max",
        "Directions of calls that the kernel has room for; 0 where it forwards none",
        gauge(flows_max.into()),
    );
    let attached = Family::<[(&'static str, String); 2], Gauge>::default();
    for (interface, hook) in relay.map(KernelStatus::attached).unwrap_or_default() {
        attached.get_or_create(&[("interface", interface), ("hook", hook.to_string())]).set(1);
    }
    registry.register(
        "media_kernel_attached",
        "Interfaces on which the kernel forwards, and at which hook: 1 each",
        attached,
    );
}

/// The numbers of one moment.
#[derive(Debug)]
struct Numbers(MetricsSnapshot);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in gauges(&self.0) {
            let gauge = ConstGauge::new(value.min(i64::MAX as u64) as i64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, value) in counters(&self.0) {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}

type Number = (&'static str, &'static str, u64);

fn gauges(numbers: &MetricsSnapshot) -> [Number; 12] {
    [
        ("calls", "TAPI calls that are not idle.", numbers.calls),
        ("legs", "SIP legs of calls.", numbers.legs),
        ("sip_dialogs", "SIP dialogs, early ones included.", numbers.sip_dialogs),
        ("sip_transactions", "SIP transactions in any state.", numbers.sip_transactions),
        (
            "media_ports_in_use",
            "Pairs of RTP and RTCP ports that calls have, without those that rest after one.",
            numbers.media_ports_in_use,
        ),
        ("csta_sessions", "Sessions about CSTA with phones.", numbers.csta_sessions),
        ("recordings", "Recordings of calls whose file is not whole yet.", numbers.recordings),
        ("forks", "Forks of calls' audio, those included that are being connected.", numbers.forks),
        ("subscriptions", "SIP subscriptions.", numbers.subscriptions),
        ("registrations", "Contacts of phones.", numbers.registrations),
        ("connections", "SIP stream connections.", numbers.connections),
        (
            "workers_overloaded",
            "SIP workers that do not keep up and refuse whatever is new.",
            numbers.workers_overloaded,
        ),
    ]
}

/// The encoder appends `_total`.
fn counters(numbers: &MetricsSnapshot) -> [Number; 32] {
    let media = &numbers.media;
    [
        ("incoming_calls", "Calls that came in by SIP.", numbers.calls_total),
        ("refused", "SIP requests refused for want of valid credentials.", numbers.refused_total),
        ("mailbox_drops", "Datagrams dropped between workers.", numbers.mailbox_drops_total),
        ("panics", "Panics caught.", numbers.panics_total),
        ("send_errors", "Datagrams that the kernel refused.", numbers.send_errors_total),
        (
            "store_errors",
            "Failures to store state: the log says what is not kept.",
            numbers.store_errors_total,
        ),
        ("recordings_begun", "Recordings of calls that began.", numbers.recordings_total),
        (
            "recordings_failed",
            "Recordings that could not begin, or were cut off: the log says why.",
            numbers.recordings_failed_total,
        ),
        (
            "recording_pieces_lost",
            "Pieces of 200 ms that recordings lack since the disk was too slow.",
            numbers.recording_pieces_lost_total,
        ),
        ("forks_begun", "Forks of calls' audio whose server listened.", numbers.forks_total),
        (
            "forks_failed",
            "Forks that found no server, or lost it: the log says why.",
            numbers.forks_failed_total,
        ),
        (
            "fork_pieces_lost",
            "Pieces of 20 ms that were not sent since their server was too slow.",
            numbers.fork_pieces_lost_total,
        ),
        ("call_records", "Records of calls that were written.", numbers.call_records_total),
        (
            "call_records_lost",
            "Records of calls that are lost: they could not be written for too long, or the queue was full.",
            numbers.call_records_lost_total,
        ),
        (
            "call_record_errors",
            "Failures to write records of calls: the log says what waits.",
            numbers.call_record_errors_total,
        ),
        ("hep_packets", "Packets of HEP that were sent to the collector.", numbers.hep_packets_total),
        (
            "hep_dropped",
            "Messages and reports that the collector was not told of: it did not take them, or they came too fast.",
            numbers.hep_dropped_total,
        ),
        (
            "call_facts_dropped",
            "What happened to calls and was not told their records since the queue was full.",
            numbers.call_facts_dropped_total,
        ),
        (
            "media_datagrams_received",
            "Datagrams of fax (UDPTL) from stations and trunks.",
            media.datagrams_received,
        ),
        ("media_datagrams_sent", "Datagrams of fax (UDPTL) to stations and trunks.", media.datagrams_sent),
        ("media_packets_received", "RTP packets from stations and trunks.", media.packets_received),
        ("media_packets_sent", "RTP packets to stations and trunks.", media.packets_sent),
        ("media_packets_lost", "RTP packets that did not arrive here.", media.lost),
        ("media_packets_late", "RTP packets that came after one with a higher number.", media.late),
        ("media_packets_duplicate", "RTP packets that came more than once.", media.duplicates),
        ("media_packets_foreign", "Packets from sources that may not speak.", media.foreign),
        (
            "media_packets_unauthentic",
            "SRTP packets that were forged, damaged, replayed or under another key.",
            media.unauthentic,
        ),
        ("media_packets_malformed", "Packets that are neither RTP nor RTCP.", media.malformed),
        ("media_packets_unheard", "RTP packets that nobody was to hear.", media.unheard),
        ("media_send_failed", "Media packets that the kernel refused to send.", media.send_failed),
        (
            "media_kernel_dropped",
            "Media packets that the kernel dropped since they were not fetched in time.",
            media.kernel_dropped,
        ),
        ("media_kernel_packets", "RTP packets that the kernel forwarded by itself.", media.kernel_packets),
    ]
}
