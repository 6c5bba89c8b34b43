//! CPU and loss over streams as an SVG picture of two panels.

use std::fmt::Write as _;

use super::peers::Peer;
use super::report::Report;

/// Draws a report.
pub fn svg(report: &Report) -> String {
    let mut text = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 940 400\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"940\" height=\"400\" fill=\"#fff\"/>\n",
    );
    let loads = report.loads();
    let points = |value: &dyn Fn(Peer, usize) -> Option<f64>| -> Vec<(Peer, Vec<(usize, f64)>)> {
        let of_peer = |peer| {
            let of_load = |&streams: &usize| Some((streams, value(peer, streams)?));
            (peer, loads.iter().filter_map(of_load).collect())
        };
        Peer::ALL.into_iter().filter(|peer| *peer != Peer::Direct).map(of_peer).collect()
    };
    let added = points(&|peer, streams| Some(report.added_ns(peer, streams)?.middle / 1_000.0));
    let loss = points(&|peer, streams| Some(report.loss_percent(peer, streams)?.middle));
    let panel = |left, title| Panel { left, title, loads: &loads };
    panel(60.0, "CPU added per packet, µs").draw(&added, &mut text);
    panel(440.0, "packets lost, %").draw(&loss, &mut text);
    for (n, (peer, _)) in added.iter().enumerate() {
        let y = 60.0 + 24.0 * n as f64;
        let (colour, width) = style(*peer);
        let name = peer.name().trim_matches('*');
        let _infallible = writeln!(
            text,
            "<path d=\"M770 {y}h24\" stroke=\"{colour}\" stroke-width=\"{width}\"/><text x=\"800\" y=\"{}\">{}</text>",
            y + 4.0,
            name.split(" (").next().unwrap_or(name),
        );
    }
    text + "</svg>\n"
}

struct Panel<'a> {
    left: f64,
    title: &'a str,
    loads: &'a [usize],
}

impl Panel<'_> {
    fn draw(&self, lines: &[(Peer, Vec<(usize, f64)>)], text: &mut String) {
        let values = lines.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
        let top = round_up(values.fold(0.0, f64::max));
        let y = |value: f64| BOTTOM - HEIGHT * value.max(0.0) / top;
        let left = self.left;
        let _infallible =
            writeln!(text, "<text x=\"{left}\" y=\"28\" font-weight=\"bold\">{}</text>", self.title);
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let _infallible = writeln!(
                text,
                "<path d=\"M{left} {0:.1}h{WIDTH}\" stroke=\"#ddd\"/><text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
                y(value),
                left - 6.0,
                y(value) + 4.0,
                (value * 1_000.0).round() / 1_000.0,
            );
        }
        for &streams in self.loads {
            let _infallible = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{streams}</text>",
                self.x(streams),
                BOTTOM + 18.0
            );
        }
        let _infallible = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">streams of 50 packets/s</text>",
            left + WIDTH / 2.0,
            BOTTOM + 38.0
        );
        for (peer, points) in lines.iter().filter(|(_, points)| !points.is_empty()) {
            let (colour, width) = style(*peer);
            let path: Vec<String> = points
                .iter()
                .map(|(streams, value)| format!("{:.1},{:.1}", self.x(*streams), y(*value)))
                .collect();
            let _infallible = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
                path.join(" ")
            );
            for point in path {
                let (x, y) = point.split_once(',').unwrap_or_default();
                let _infallible = writeln!(text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>");
            }
        }
    }

    /// Loads grow by factors.
    fn x(&self, streams: usize) -> f64 {
        let of = |streams: usize| (streams.max(1) as f64).ln();
        let (first, last) = (
            self.loads.first().map_or(0.0, |&first| of(first)),
            self.loads.last().map_or(1.0, |&last| of(last)),
        );
        let part = if last > first { (of(streams) - first) / (last - first) } else { 0.5 };
        self.left + 15.0 + (WIDTH - 30.0) * part
    }
}

/// The next of 1, 2, 5, 10, 20 … that is not below.
fn round_up(value: f64) -> f64 {
    let unit = 10_f64.powf(value.max(1e-3).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * unit).find(|top| *top >= value).unwrap_or(value)
}

const fn style(peer: Peer) -> (&'static str, &'static str) {
    match peer {
        Peer::Direct => ("#000", "1"),
        Peer::Routing => ("#888", "2"),
        Peer::Nat => ("#b8860b", "2"),
        Peer::TrunklineKernel => ("#006d2c", "4"),
        Peer::Trunkline => ("#41ab5d", "4"),
        Peer::Epoll => ("#74a9cf", "2"),
        Peer::Naive => ("#7b3294", "2"),
        Peer::RtpEngine => ("#d7301f", "2"),
    }
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 280.0;
const BOTTOM: f64 = 330.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let found = [0.0, 0.004, 1.0, 1.1, 14.4, 50.0].map(round_up);
        let expected = [0.001, 0.005, 1.0, 2.0, 20.0, 50.0];
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
}
