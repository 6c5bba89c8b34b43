//! What a run showed, as markdown.

use std::fmt::Write as _;

use super::far_ends::Window;
use super::peers::Peer;
use super::{median, percentile};

/// What one round showed of one peer under one load.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Which peer.
    pub peer: Peer,
    /// How many streams.
    pub streams: usize,
    /// In which round.
    pub round: usize,
    /// The window that cost is taken from.
    pub cost: Window,
    /// The direct window beside it.
    pub direct: Window,
    /// The window that loss and delay are taken from.
    pub load: Window,
}

/// All cells of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// What was measured.
    pub cells: Vec<Cell>,
    /// Peers that are not to be had, and why.
    pub missing: Vec<(Peer, String)>,
    /// What relays said of themselves.
    pub notes: Vec<String>,
}

/// A value of each round, by its middle and its ends.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The median.
    pub middle: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let (middle, least, greatest) = (median(values), percentile(values, 0), percentile(values, 100));
        (!values.is_empty()).then_some(Self { middle, least, greatest })
    }
}

impl Report {
    /// One table for each load, what is missing, and what went wrong.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for streams in self.loads() {
            self.table(streams, &mut text);
        }
        for (peer, why) in &self.missing {
            let _infallible = writeln!(text, "Not measured: {}: {why}.", peer.name());
        }
        for note in &self.notes {
            let _infallible = writeln!(text, "Note: {note}");
        }
        for streams in self.loads() {
            for peer in Peer::ALL {
                let of = || self.of(peer, streams);
                let windows = || of().flat_map(|cell| [&cell.cost, &cell.direct, &cell.load]);
                let astray: u64 = windows().map(|window| window.astray).sum();
                // What is lost of the load is in the table.
                let lost: u64 = of().map(|cell| cell.cost.lost() + cell.direct.lost()).sum();
                let slow = windows().filter(|window| !window.is_complete()).count();
                if astray > 0 || lost > 0 || slow > 0 {
                    let _infallible = writeln!(
                        text,
                        "Note: {}, {streams} streams: {astray} packets astray, {lost} lost where cost was measured, \
                         {slow} windows in which the generator fell behind.",
                        peer.name(),
                    );
                }
            }
        }
        text
    }

    /// The loads that were measured.
    pub fn loads(&self) -> Vec<usize> {
        let mut loads: Vec<usize> = self.cells.iter().map(|cell| cell.streams).collect();
        loads.sort_unstable();
        loads.dedup();
        loads
    }

    /// CPU time that a peer adds to a packet, in nanoseconds. The machine's speed drifts: it is corrected by the direct window
    /// beside each.
    pub fn added_ns(&self, peer: Peer, streams: usize) -> Option<Spread> {
        let values: Vec<f64> = self.of(peer, streams).map(|cell| self.added(cell)).collect();
        Spread::of(&values)
    }

    /// Packets lost of a hundred.
    pub fn loss_percent(&self, peer: Peer, streams: usize) -> Option<Spread> {
        let loss = |cell: &Cell| 100.0 * cell.load.lost() as f64 / cell.load.sent.max(1) as f64;
        Spread::of(&self.of(peer, streams).map(loss).collect::<Vec<_>>())
    }

    fn table(&self, streams: usize, text: &mut String) {
        let direct_ns = self.direct_ns(streams);
        let direct_delay = |percent: fn(&Window) -> f64| {
            median(&self.of(Peer::Direct, streams).map(|cell| percent(&cell.load)).collect::<Vec<_>>())
        };
        let _infallible = write!(
            text,
            "\n**{streams} streams, {} packets/s.** Direct: {direct_ns:.0} ns of CPU a packet; delay p50 / p99 {:.0} / {:.0} µs.\n\n\
             | relay | lost, % | delay added p50 / p99, µs | CPU added, ns a packet | × rtpengine | × kernel routing |\n\
             |---|---|---|---|---|---|\n",
            streams * super::PACKETS_PER_SECOND as usize,
            direct_delay(p50),
            direct_delay(p99),
        );
        for peer in Peer::ALL {
            let Some(loss) = self.loss_percent(peer, streams) else { continue };
            let lost: u64 = self.of(peer, streams).map(|cell| cell.load.lost()).sum();
            let loss = if lost == 0 { "0".to_owned() } else { span(loss, 3) };
            let added = self.added_ns(peer, streams).filter(|_| peer != Peer::Direct);
            let cells = [
                added.map(|added| span(added, 0)),
                self.ratio(peer, Peer::RtpEngine, streams).map(|ratio| span(ratio, 2)),
                self.ratio(peer, Peer::Routing, streams).map(|ratio| span(ratio, 1)),
            ];
            let [added, to_rtpengine, to_routing] = cells.map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
            let delay = if peer == Peer::Direct {
                "–".to_owned()
            } else {
                let [p50, p99] = [p50, p99].map(|percent| self.delay_added_us(peer, streams, percent));
                format!("{p50:.0} / {p99:.0}")
            };
            let name = peer.name();
            let _infallible =
                writeln!(text, "| {name} | {loss} | {delay} | {added} | {to_rtpengine} | {to_routing} |");
        }
        text.push('\n');
    }

    fn of(&self, peer: Peer, streams: usize) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.peer == peer && cell.streams == streams)
    }

    fn in_round(&self, peer: Peer, streams: usize, round: usize) -> Option<&Cell> {
        self.of(peer, streams).find(|cell| cell.round == round)
    }

    /// What the generator itself costs for a packet.
    fn direct_ns(&self, streams: usize) -> f64 {
        let cells = self.cells.iter().filter(|cell| cell.streams == streams);
        median(&cells.map(|cell| cell.direct.cpu_ns).collect::<Vec<_>>())
    }

    fn added(&self, cell: &Cell) -> f64 {
        let beside = cell.direct.cpu_ns;
        (cell.cost.cpu_ns - beside) / beside * self.direct_ns(cell.streams)
    }

    fn ratio(&self, peer: Peer, to: Peer, streams: usize) -> Option<Spread> {
        if peer == Peer::Direct {
            return None;
        }
        let of_round = |cell: &Cell| {
            let other = self.in_round(to, streams, cell.round)?;
            Some(self.added(cell) / self.added(other))
        };
        Spread::of(&self.of(peer, streams).filter_map(of_round).collect::<Vec<_>>())
    }

    fn delay_added_us(&self, peer: Peer, streams: usize, percent: fn(&Window) -> f64) -> f64 {
        let of_round = |cell: &Cell| {
            let direct = self.in_round(Peer::Direct, streams, cell.round)?;
            Some(percent(&cell.load) - percent(&direct.load))
        };
        median(&self.of(peer, streams).filter_map(of_round).collect::<Vec<_>>())
    }
}

/// A median with its ends, where they are not the same.
fn span(spread: Spread, digits: usize) -> String {
    let Spread { middle, least, greatest } = spread;
    let [middle, least, greatest] = [middle, least, greatest].map(|value| format!("{value:.digits$}"));
    if least == greatest { middle } else { format!("{middle} ({least} to {greatest})") }
}

const fn p50(window: &Window) -> f64 {
    window.delay_us.0
}

const fn p99(window: &Window) -> f64 {
    window.delay_us.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cpu_ns: f64, lost: u64, delay_us: f64) -> Window {
        let (sent, rate) = (1_000, 1_000.0);
        Window {
            cpu_ns,
            sent,
            rate,
            seconds: 1.0,
            received: sent - lost,
            astray: 0,
            delay_us: (delay_us, 2.0 * delay_us),
        }
    }

    fn cell(peer: Peer, round: usize, cost_ns: f64, direct_ns: f64, lost: u64, delay_us: f64) -> Cell {
        let cost = window(cost_ns, 0, f64::NAN);
        let direct = window(direct_ns, 0, f64::NAN);
        Cell { peer, streams: 100, round, cost, direct, load: window(0.0, lost, delay_us) }
    }

    #[test]
    fn ratios_are_freed_of_the_machines_drift() {
        // In the second round the machine is half as fast: everything costs twice as much.
        let cells = [1.0, 2.0].into_iter().enumerate().flat_map(|(round, slowness)| {
            [
                cell(Peer::Direct, round, 5_000.0 * slowness, 5_000.0 * slowness, 0, 10.0),
                cell(Peer::RtpEngine, round, 15_000.0 * slowness, 5_000.0 * slowness, 0, 110.0),
                cell(Peer::Trunkline, round, 10_000.0 * slowness, 5_000.0 * slowness, 5, 60.0),
            ]
        });
        let report = Report { cells: cells.collect(), missing: Vec::new(), notes: Vec::new() };
        let ours = report.ratio(Peer::Trunkline, Peer::RtpEngine, 100).expect("both were measured");
        assert_eq!((ours.least, ours.greatest), (0.5, 0.5));
        let text = report.markdown();
        assert!(
            text.contains("| **Trunkline, user space** | 0.500 | 50 / 100 | 7500 | 0.50 | – |"),
            "{text}"
        );
        assert!(text.contains("| rtpengine, user space | 0 | 100 / 200 | 15000 | 1.00 | – |"), "{text}");
    }
}
