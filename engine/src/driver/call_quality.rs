//! How the media of calls was: a line in the log when it is over, and distributions for those who watch the daemon.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trunkline_media::SrtpSuite;

use crate::switch::quality::{DirectionView, EndedMedia};

/// `direction`: `received` from the station, or `sent` to it.
type ByDirection = Family<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>;

/// Distributions over the calls whose media is over. Bounded: two directions, buckets that are fixed.
#[derive(Debug)]
pub(crate) struct CallQuality {
    mos: ByDirection,
    loss_ratio: ByDirection,
    jitter_seconds: ByDirection,
    round_trip_seconds: Histogram,
}

impl Default for CallQuality {
    fn default() -> Self {
        Self {
            mos: ByDirection::new_with_constructor(mos),
            loss_ratio: ByDirection::new_with_constructor(loss_ratio),
            jitter_seconds: ByDirection::new_with_constructor(jitter_seconds),
            round_trip_seconds: Histogram::new([0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0]),
        }
    }
}

/// Where G.109 draws its lines (R 50, 60, 70, 80, 90), and between.
fn mos() -> Histogram {
    Histogram::new([1.5, 2.0, 2.58, 3.1, 3.6, 3.8, 4.03, 4.2, 4.34, 4.41])
}

fn loss_ratio() -> Histogram {
    Histogram::new([0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
}

fn jitter_seconds() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
}

impl CallQuality {
    /// Notes how a call's media was.
    pub(crate) fn note(&self, ended: &EndedMedia) {
        let EndedMedia { call, line, media } = ended;
        let (received, sent) = (&media.received, &media.sent);
        for (direction, view) in [("received", received), ("sent", sent)] {
            self.observe(direction, view);
        }
        if let Some(us) = media.round_trip_us {
            self.round_trip_seconds.observe(f64::from(us) / 1e6);
        }
        let percent = |view: &DirectionView| view.loss_ppm.map(|ppm| f64::from(ppm) / 10_000.0);
        let jitter_ms = |view: &DirectionView| view.jitter_us.map(|us| f64::from(us) / 1_000.0);
        let mos = |view: &DirectionView| view.mos_x100.map(|mos_x100| f64::from(mos_x100) / 100.0);
        tracing::info!(
            %call,
            %line,
            codec = media.codec,
            packets_received = received.packets,
            loss_percent_received = percent(received),
            jitter_ms_received = jitter_ms(received),
            late = received.late,
            duplicates = received.duplicates,
            mos_received = mos(received),
            packets_sent = sent.packets,
            loss_percent_sent = percent(sent),
            jitter_ms_sent = jitter_ms(sent),
            mos_sent = mos(sent),
            round_trip_ms = media.round_trip_us.map(|us| f64::from(us) / 1_000.0),
            foreign = media.foreign,
            keys = media.secured.keys(),
            suite = media.secured.suite().map(SrtpSuite::name),
            unauthentic = media.unauthentic,
            "the media of a call is over"
        );
    }

    fn observe(&self, direction: &'static str, view: &DirectionView) {
        let labels = [("direction", direction)];
        for (family, value) in [
            (&self.mos, view.mos_x100.map(|mos_x100| f64::from(mos_x100) / 100.0)),
            (&self.loss_ratio, view.loss_ppm.map(|ppm| f64::from(ppm) / 1e6)),
            (&self.jitter_seconds, view.jitter_us.map(|us| f64::from(us) / 1e6)),
        ] {
            if let Some(value) = value {
                family.get_or_create(&labels).observe(value);
            }
        }
    }

    /// Shows the distributions to whoever reads the registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let side = "in each direction, of calls whose media is over";
        registry.register("call_mos", format!("Estimated mean opinion score {side}"), self.mos.clone());
        registry.register("call_loss_ratio", format!("Packet loss {side}"), self.loss_ratio.clone());
        registry.register(
            "call_jitter_seconds",
            format!("Interarrival jitter at the end, {side}"),
            self.jitter_seconds.clone(),
        );
        registry.register(
            "call_round_trip_seconds",
            "Round trip between engine and station by RTCP, of calls whose media is over",
            self.round_trip_seconds.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use trunkline_media::Secured;

    use super::*;
    use crate::driver::clock;
    use crate::switch::{CallId, MediaView};

    #[test]
    fn what_is_not_known_of_a_call_is_not_counted() {
        let received = DirectionView {
            packets: 990,
            loss_ppm: Some(10_000),
            jitter_us: Some(3_000),
            mos_x100: Some(431),
            ..DirectionView::default()
        };
        let sent = DirectionView { packets: 1_000, ..DirectionView::default() };
        let media = MediaView {
            codec: None,
            received,
            sent,
            round_trip_us: Some(25_000),
            grade: None,
            in_kernel: false,
            foreign: 0,
            secured: Secured::Not,
            unauthentic: 0,
            measured: clock::now(),
        };
        let quality = CallQuality::default();
        quality.note(&EndedMedia { call: CallId(1), line: "1001".into(), media });
        let mut registry = Registry::with_prefix("trunkline");
        quality.register(&mut registry);
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        for line in [
            "trunkline_call_mos_bucket{le=\"4.2\",direction=\"received\"} 0",
            "trunkline_call_mos_bucket{le=\"4.34\",direction=\"received\"} 1",
            "trunkline_call_loss_ratio_sum{direction=\"received\"} 0.01",
            "trunkline_call_jitter_seconds_bucket{le=\"0.005\",direction=\"received\"} 1",
            "trunkline_call_round_trip_seconds_bucket{le=\"0.05\"} 1",
        ] {
            assert!(text.contains(line), "no {line} in\n{text}");
        }
        assert!(!text.contains("direction=\"sent\""), "{text}");
    }
}
