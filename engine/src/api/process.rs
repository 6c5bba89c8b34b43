//! What the kernel says of the process, by the names that Prometheus' own clients give it.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use trunkline_media::io::resident_bytes;

/// What `/proc` counts time in: 100 a second for programs, on every kind of machine.
const TICKS_A_SECOND: f64 = 100.0;

/// What is known; a kernel that hides a number has it left out.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct ProcessNumbers {
    cpu_seconds: Option<f64>,
    started_at: Option<f64>,
    resident_bytes: Option<u64>,
    open_descriptors: Option<u64>,
    descriptors_max: Option<u64>,
}

impl ProcessNumbers {
    /// Reads them from `/proc`.
    pub(super) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let of = Self::of(&text("/proc/self/stat"), &text("/proc/stat"), &text("/proc/self/limits"));
        Self { resident_bytes: resident_bytes(), open_descriptors: open_descriptors(), ..of }
    }

    /// What is in `/proc/self/stat`, `/proc/stat` and `/proc/self/limits`.
    fn of(process: &str, machine: &str, limits: &str) -> Self {
        // The name, in parentheses, may have blanks. Behind it stand the fields from the third on (proc_pid_stat(5)).
        let fields: Vec<&str> =
            process.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let ticks = |field: usize| fields.get(field - 3).and_then(|ticks| ticks.parse::<f64>().ok());
        let seconds = |ticks: f64| ticks / TICKS_A_SECOND;
        let booted: Option<f64> = machine
            .lines()
            .find_map(|line| line.strip_prefix("btime "))
            .and_then(|seconds| seconds.trim().parse().ok());
        let descriptors = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))
            .and_then(|rest| rest.split_whitespace().next());
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| seconds(user + system)),
            started_at: booted.zip(ticks(22)).map(|(booted, after)| booted + seconds(after)),
            descriptors_max: descriptors.and_then(|most| most.parse().ok()),
            ..Self::default()
        }
    }
}

/// Newer kernels tell it as the size of the directory; else they are counted.
fn open_descriptors() -> Option<u64> {
    const DIRECTORY: &str = "/proc/self/fd";
    match fs::metadata(DIRECTORY).ok()?.len() {
        0 => Some(fs::read_dir(DIRECTORY).ok()?.count() as u64),
        open => Some(open),
    }
}

impl Collector for ProcessNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(seconds) = self.cpu_seconds {
            let counter = ConstCounter::new(seconds);
            let help = "Time that the process has run, in user space and in the kernel.";
            counter.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        if let Some(seconds) = self.started_at {
            let gauge = ConstGauge::new(seconds);
            let help = "When the process was started, in seconds since 1970.";
            gauge.encode(encoder.encode_descriptor(
                "process_start_time_seconds",
                help,
                None,
                gauge.metric_type(),
            )?)?;
        }
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Memory of the process.", self.resident_bytes),
            ("process_open_fds", "Files and sockets that the process has open.", self.open_descriptors),
            ("process_max_fds", "Files and sockets that the process may have open.", self.descriptors_max),
        ] {
            if let Some(value) = value {
                let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 12345 1000000 500 18446744073709551615";
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        let read = ProcessNumbers::of(stat, "cpu 1 2 3\nbtime 1700000000\n", limits);
        assert_eq!((read.cpu_seconds, read.started_at), (Some(2.0), Some(1_700_000_123.45)));
        assert_eq!(read.descriptors_max, Some(1_024));
    }

    #[test]
    fn a_kernel_that_says_nothing_is_no_error() {
        assert_eq!(ProcessNumbers::of("", "", ""), ProcessNumbers::default());
        assert_eq!(
            ProcessNumbers::of("1 (x", "btime x", "Max open files unlimited"),
            ProcessNumbers::default()
        );
    }

    #[test]
    fn this_process_has_all_of_them() {
        let read = ProcessNumbers::read();
        assert!(read.open_descriptors > Some(2) && read.descriptors_max > Some(2), "{read:?}");
        assert!(read.resident_bytes > Some(1 << 20) && read.cpu_seconds.is_some(), "{read:?}");
        assert!(read.started_at > Some(1_700_000_000.0), "{read:?}");
    }
}
