//! Gauges and counters of the running engine: written by the drivers, read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use trunkline_media::kernel::KernelStatus;
use trunkline_sip::Agent;
use trunkline_sip::admission::{Limit, Refusals};

use super::call_quality::CallQuality;
use crate::switch::quality::MediaTotals;

/// Something that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counter {
    /// Datagrams dropped since a worker's mailbox was full.
    MailboxDrops,
    /// Panics caught.
    Panics,
    /// Datagrams that the kernel refused.
    SendErrors,
    /// Binding changes that the store could not keep.
    StoreErrors,
    /// Requests refused for want of valid credentials.
    Refused,
    /// Calls that came into being.
    Calls,
    /// Recordings that began.
    Recordings,
    /// Recordings that could not begin, or were cut off.
    RecordingsFailed,
    /// Pieces of recordings for which the disk was too slow.
    RecordingPiecesLost,
    /// Forks whose server listened.
    Forks,
    /// Forks that found no server, or lost it.
    ForksFailed,
    /// Pieces of forks for which the server was too slow.
    ForkPiecesLost,
    /// Records of calls that were written.
    CallRecords,
    /// Records of calls that could not be written and were given up.
    CallRecordsLost,
    /// Failures to write records of calls.
    CallRecordErrors,
    /// What happened to calls and could not wait to be written down.
    CallFactsDropped,
    /// Packets of HEP that were sent.
    HepPackets,
    /// What should have been told by HEP and was not.
    HepDropped,
}

const COUNTERS: usize = Counter::HepDropped as usize + 1;

/// All numbers. One writer each for the gauges, any for the counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    counters: [AtomicU64; COUNTERS],
    /// What the drivers refused themselves.
    refusals: RefusalCells,
    /// What the switch refused.
    switch_refusals: RefusalCells,
    agents: Vec<AgentCells>,
    calls: AtomicU64,
    legs: AtomicU64,
    media_ports_in_use: AtomicU64,
    recordings: AtomicU64,
    forks: AtomicU64,
    csta_sessions: AtomicU64,
    /// Written by the switch once in a while, read once a scrape.
    media: Mutex<MediaTotals>,
    /// Panics caught by the media threads, which count for themselves.
    pub(crate) relay_panics: OnceLock<Vec<Arc<AtomicU64>>>,
    /// How calls sounded.
    pub(crate) call_quality: CallQuality,
    /// The relay in the kernel, where there is one.
    pub(crate) kernel: OnceLock<KernelStatus>,
}

#[derive(Debug, Default)]
struct AgentCells {
    transactions: AtomicU64,
    dialogs: AtomicU64,
    subscriptions: AtomicU64,
    is_overloaded: AtomicU64,
    refusals: RefusalCells,
}

type RefusalCells = [AtomicU64; Limit::COUNT];

/// The numbers at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MetricsSnapshot {
    /// TAPI calls that are not idle.
    pub calls: u64,
    /// SIP legs that the switch holds.
    pub legs: u64,
    /// SIP dialogs, early ones included.
    pub sip_dialogs: u64,
    /// SIP transactions of any state.
    pub sip_transactions: u64,
    /// Pairs of RTP and RTCP ports that calls have, without those that rest after one.
    pub media_ports_in_use: u64,
    /// Recordings whose file is not whole.
    pub recordings: u64,
    /// Forks of calls' audio, those included that are being connected.
    pub forks: u64,
    /// Sessions about CSTA with phones.
    pub csta_sessions: u64,
    /// SIP subscriptions.
    pub subscriptions: u64,
    /// Bindings of the location table.
    pub registrations: u64,
    /// Stream connections.
    pub connections: u64,
    /// SIP workers that do not keep up at present and refuse whatever is new.
    pub workers_overloaded: u64,
    /// What the limits refused, since the start.
    pub refusals: Refusals,
    /// Calls since the start.
    pub calls_total: u64,
    /// Refused for want of valid credentials, since the start.
    pub refused_total: u64,
    /// Datagrams dropped between workers, since the start.
    pub mailbox_drops_total: u64,
    /// Panics caught, since the start.
    pub panics_total: u64,
    /// Datagrams that the kernel refused, since the start.
    pub send_errors_total: u64,
    /// Binding changes that the store could not keep, since the start.
    pub store_errors_total: u64,
    /// Recordings that began, since the start.
    pub recordings_total: u64,
    /// Recordings that could not begin or were cut off, since the start.
    pub recordings_failed_total: u64,
    /// Pieces of recordings, of 200 ms, for which the disk was too slow, since the start.
    pub recording_pieces_lost_total: u64,
    /// Forks whose server listened, since the start.
    pub forks_total: u64,
    /// Forks that found no server or lost it, since the start.
    pub forks_failed_total: u64,
    /// Pieces of forks, of 20 ms, for which the server was too slow, since the start.
    pub fork_pieces_lost_total: u64,
    /// Records of calls that were written, since the start.
    pub call_records_total: u64,
    /// Records of calls that were given up, since the start.
    pub call_records_lost_total: u64,
    /// Failures to write records of calls, since the start.
    pub call_record_errors_total: u64,
    /// What happened to calls and could not wait to be written down, since the start.
    pub call_facts_dropped_total: u64,
    /// Packets of HEP that were sent.
    pub hep_packets_total: u64,
    /// What should have been told by HEP and was not.
    pub hep_dropped_total: u64,
    /// What the relay counted since the start, as far as it has said: a few seconds ago for calls that are up.
    pub media: MediaTotals,
}

impl Metrics {
    pub(crate) fn new(workers: u16) -> Self {
        Self {
            counters: Default::default(),
            refusals: Default::default(),
            switch_refusals: Default::default(),
            agents: (0..workers).map(|_| AgentCells::default()).collect(),
            calls: AtomicU64::new(0),
            legs: AtomicU64::new(0),
            media_ports_in_use: AtomicU64::new(0),
            recordings: AtomicU64::new(0),
            forks: AtomicU64::new(0),
            csta_sessions: AtomicU64::new(0),
            media: Mutex::default(),
            relay_panics: OnceLock::new(),
            call_quality: CallQuality::default(),
            kernel: OnceLock::new(),
        }
    }

    pub(crate) fn count(&self, counter: Counter) {
        self.count_many(counter, 1);
    }

    /// Counts several at once.
    pub(crate) fn count_many(&self, counter: Counter, many: usize) {
        self.counters[counter as usize].fetch_add(many as u64, Ordering::Relaxed);
    }

    /// Counts what a driver refused.
    pub(crate) fn count_refusal(&self, limit: Limit) {
        self.refusals[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_agent(&self, worker: u16, agent: &Agent) {
        let Some(cells) = self.agents.get(usize::from(worker)) else { return };
        let gauges = agent.gauges();
        cells.is_overloaded.store(agent.is_overloaded().into(), Ordering::Relaxed);
        store_refusals(&cells.refusals, &agent.refusals());
        cells.transactions.store(gauges.transactions as u64, Ordering::Relaxed);
        cells.dialogs.store(gauges.dialogs as u64, Ordering::Relaxed);
        cells.subscriptions.store(gauges.subscriptions as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_switch(&self, calls: u64, legs: u64, media_ports_in_use: u64) {
        self.calls.store(calls, Ordering::Relaxed);
        self.legs.store(legs, Ordering::Relaxed);
        self.media_ports_in_use.store(media_ports_in_use, Ordering::Relaxed);
    }

    pub(crate) fn set_taps(&self, recordings: u64, forks: u64) {
        self.recordings.store(recordings, Ordering::Relaxed);
        self.forks.store(forks, Ordering::Relaxed);
    }

    pub(crate) fn set_csta_sessions(&self, sessions: u64) {
        self.csta_sessions.store(sessions, Ordering::Relaxed);
    }

    pub(crate) fn set_switch_refusals(&self, refusals: &Refusals) {
        store_refusals(&self.switch_refusals, refusals);
    }

    pub(crate) fn set_media(&self, totals: MediaTotals) {
        *self.media.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }

    pub(crate) fn snapshot(&self, registrations: u64, connections: u64) -> MetricsSnapshot {
        let sum = |cell: fn(&AgentCells) -> &AtomicU64| {
            self.agents.iter().map(|cells| cell(cells).load(Ordering::Relaxed)).sum()
        };
        let mut refusals = Refusals::default();
        for cells in self.agents.iter().map(|cells| &cells.refusals) {
            refusals.add(&load_refusals(cells));
        }
        refusals.add(&load_refusals(&self.refusals));
        refusals.add(&load_refusals(&self.switch_refusals));
        let counted = |counter: Counter| self.counters[counter as usize].load(Ordering::Relaxed);
        let of_relays = self.relay_panics.get().into_iter().flatten();
        let relay_panics: u64 = of_relays.map(|panics| panics.load(Ordering::Relaxed)).sum();
        MetricsSnapshot {
            calls: self.calls.load(Ordering::Relaxed),
            legs: self.legs.load(Ordering::Relaxed),
            sip_dialogs: sum(|cells| &cells.dialogs),
            sip_transactions: sum(|cells| &cells.transactions),
            media_ports_in_use: self.media_ports_in_use.load(Ordering::Relaxed),
            recordings: self.recordings.load(Ordering::Relaxed),
            forks: self.forks.load(Ordering::Relaxed),
            csta_sessions: self.csta_sessions.load(Ordering::Relaxed),
            subscriptions: sum(|cells| &cells.subscriptions),
            registrations,
            connections,
            workers_overloaded: sum(|cells| &cells.is_overloaded),
            refusals,
            calls_total: counted(Counter::Calls),
            refused_total: counted(Counter::Refused),
            mailbox_drops_total: counted(Counter::MailboxDrops),
            panics_total: counted(Counter::Panics) + relay_panics,
            send_errors_total: counted(Counter::SendErrors),
            store_errors_total: counted(Counter::StoreErrors),
            recordings_total: counted(Counter::Recordings),
            recordings_failed_total: counted(Counter::RecordingsFailed),
            recording_pieces_lost_total: counted(Counter::RecordingPiecesLost),
            forks_total: counted(Counter::Forks),
            forks_failed_total: counted(Counter::ForksFailed),
            fork_pieces_lost_total: counted(Counter::ForkPiecesLost),
            call_records_total: counted(Counter::CallRecords),
            call_records_lost_total: counted(Counter::CallRecordsLost),
            call_record_errors_total: counted(Counter::CallRecordErrors),
            call_facts_dropped_total: counted(Counter::CallFactsDropped),
            hep_packets_total: counted(Counter::HepPackets),
            hep_dropped_total: counted(Counter::HepDropped),
            media: *self.media.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

fn store_refusals(cells: &RefusalCells, refusals: &Refusals) {
    for limit in Limit::ALL {
        cells[limit as usize].store(refusals.of(limit), Ordering::Relaxed);
    }
}

fn load_refusals(cells: &RefusalCells) -> Refusals {
    Refusals::of_counts(|limit| cells[limit as usize].load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_of_agents_and_relays_are_one_number() {
        let metrics = Metrics::new(1);
        metrics.count(Counter::Panics);
        assert_eq!(metrics.snapshot(0, 0).panics_total, 1);
        let relays = [2, 3].map(|panics| Arc::new(AtomicU64::new(panics)));
        metrics.relay_panics.get_or_init(|| relays.to_vec());
        assert_eq!(metrics.snapshot(0, 0).panics_total, 6);
    }
}
