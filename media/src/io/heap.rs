//! The heaps of the C library's allocator: how many there are, and when what they have free goes back to the system.

use std::time::{Duration, Instant};

use super::syscall;

/// How many processors share a heap.
const PROCESSORS_A_HEAP: usize = 4;

/// A process that has grown by less than this, in bytes, keeps what it has free for the next calls.
const GROWN_BYTES: u64 = 16 << 20;

/// A process that grew by no more than this since it was last looked at, in bytes, does not grow.
const STEADY_BYTES: u64 = 1 << 20;

/// Between two trims: what is given back in vain under load is asked for again, page by page.
const TRIM_EVERY: Duration = Duration::from_secs(20);

/// Lets the threads of the process share heaps, four processors one: the C library gives each thread one of its own, and what
/// one thread has free is of no use to another. Whether it was done: not beside other threads, so a program does it first of all.
pub fn share_heaps() -> bool {
    let is_alone = std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    is_alone && syscall::limit_heaps(i32::try_from(processors.div_ceil(PROCESSORS_A_HEAP)).unwrap_or(1))
}

/// Gives the memory that the allocator has free back to the system; whether there was some. Takes milliseconds where much is free,
/// while which other threads wait for memory: see [`HeapTrim`].
pub fn trim_heaps() -> bool {
    syscall::trim_heaps()
}

/// The memory of this process that is resident, in bytes. None without `/proc`.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 = status.split_once("VmRSS:")?.1.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// When a process gives memory back: once it has grown by a sixteenth or 16 MiB, whichever is more, since it was smallest, and
/// grows no more. The allocator by itself gives back only what lies above all that is in use, and one small thing that came last
/// holds down everything a flood needed.
#[derive(Default, Debug)]
pub struct HeapTrim {
    /// Since the last trim.
    smallest: Option<u64>,
    last: u64,
    trimmed_at: Option<Instant>,
}

impl HeapTrim {
    /// Whether memory is to be given back at `now`, when so much is resident. Ask every few seconds.
    pub fn is_due(&mut self, resident: u64, now: Instant) -> bool {
        let smallest = self.smallest.map_or(resident, |smallest| smallest.min(resident));
        self.smallest = Some(smallest);
        let is_steady = resident <= self.last.saturating_add(STEADY_BYTES);
        self.last = resident;
        let has_grown = resident - smallest >= GROWN_BYTES.max(smallest / 16);
        let rested = self.trimmed_at.is_none_or(|at| now.saturating_duration_since(at) >= TRIM_EVERY);
        let is_due = is_steady && has_grown && rested;
        if is_due {
            // What is resident at the next look is what is needed.
            self.smallest = None;
            self.trimmed_at = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// What a new one says at these looks: seconds and MiB.
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn asked(looks: &[(u64, u64)]) -> Vec<bool> {
        let (mut trim, began) = (HeapTrim::default(), Instant::now());
        looks
            .iter()
            .map(|&(seconds, mib)| trim.is_due(mib * MIB, began + Duration::from_secs(seconds)))
            .collect()
    }

    #[test]
    fn memory_is_given_back_once_after_a_flood() {
        let looks = [(0, 20), (5, 60), (10, 220), (15, 220), (20, 30), (25, 30), (60, 31)];
        assert_eq!(asked(&looks), [false, false, false, true, false, false, false]);
    }

    #[test]
    fn what_is_in_use_is_not_trimmed_again() {
        let looks = [(0, 20), (5, 300), (10, 300), (15, 300), (40, 300), (80, 310)];
        assert_eq!(asked(&looks), [false, false, true, false, false, false]);
    }

    #[test]
    fn trims_keep_their_distance() {
        let looks = [(0, 20), (5, 40), (6, 40), (7, 20), (12, 40), (13, 40), (25, 40), (26, 40)];
        assert_eq!(asked(&looks), [false, false, true, false, false, false, false, true]);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > MIB));
        // Whether there is something to give back depends on all other tests.
        let _some = trim_heaps();
    }
}
