//! The heaps of the C library's allocator: how many there are, and when what they have free goes back to the system.

use std::time::{Duration, Instant};

use super::syscall;

/// How many processors share a heap.
const PROCESSORS_A_HEAP: usize = 4;

/// A process that has grown by less than this, in bytes, keeps what it has free for the next calls.
const GROWN_BYTES: u64 = 16 << 20;

/// A process that grew by no more than this since it was last looked at, in bytes, does not grow.
const STEADY_BYTES: u64 = 1 << 20;

/// Where so many fewer things are held than at the last trim, and not half as many, what they took may be free: some 10 MiB.
const FEWER: u64 = 5_000;

/// Between two trims: what is given back in vain under load is asked for again, page by page.
const TRIM_EVERY: Duration = Duration::from_secs(20);

/// Trims that follow one at that distance, whatever is held by then: of what a flood leaves, some is in use for a minute where no
/// count of calls, transactions or connections shows it, and that little keeps whole pages.
const FOLLOWED_BY: u8 = 3;

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
/// grows no more; when what was in use by then no longer is; and some more times after either. The allocator by itself gives back
/// only what lies above all that is in use, and one small thing that came last holds down everything a flood needed.
#[derive(Default, Debug)]
pub struct HeapTrim {
    /// Since the last trim.
    smallest: Option<u64>,
    /// The most things that were held, at the last trim or since.
    most: u64,
    last: u64,
    trimmed_at: Option<Instant>,
    /// Trims that are still to follow the last.
    to_follow: u8,
}

impl HeapTrim {
    /// Whether memory is to be given back at `now`, when so many bytes are resident and so many things (calls, transactions,
    /// connections) are held. Ask every few seconds.
    pub fn is_due(&mut self, resident: u64, things: u64, now: Instant) -> bool {
        let smallest = self.smallest.map_or(resident, |smallest| smallest.min(resident));
        self.smallest = Some(smallest);
        let is_steady = resident <= self.last.saturating_add(STEADY_BYTES);
        self.last = resident;
        let has_grown = resident - smallest >= GROWN_BYTES.max(smallest / 16);
        self.most = self.most.max(things);
        let is_emptied = things < self.most / 2 && self.most - things >= FEWER;
        let rested = self.trimmed_at.is_none_or(|at| now.saturating_duration_since(at) >= TRIM_EVERY);
        let has_cause = has_grown || is_emptied;
        let is_due = is_steady && rested && (has_cause || self.to_follow > 0);
        if is_due {
            self.to_follow = if has_cause { FOLLOWED_BY } else { self.to_follow - 1 };
            // What is resident at the next look is what is needed.
            self.smallest = None;
            self.most = things;
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
    fn asked(looks: &[(u64, u64)]) -> Vec<bool> {
        asked_with(&looks.iter().map(|&(seconds, mib)| (seconds, mib, 10)).collect::<Vec<_>>())
    }

    /// The same with things.
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn asked_with(looks: &[(u64, u64, u64)]) -> Vec<bool> {
        let (mut trim, began) = (HeapTrim::default(), Instant::now());
        looks
            .iter()
            .map(|&(seconds, mib, things)| {
                trim.is_due(mib * MIB, things, began + Duration::from_secs(seconds))
            })
            .collect()
    }

    #[test]
    fn memory_is_given_back_after_a_flood() {
        let looks = [(0, 20), (5, 60), (10, 220), (15, 220), (20, 30), (25, 30)];
        assert_eq!(asked(&looks), [false, false, false, true, false, false]);
    }

    #[test]
    fn a_trim_is_followed_by_a_few_and_no_more() {
        let looks =
            [(0, 20), (5, 300), (10, 300), (25, 300), (30, 160), (50, 150), (70, 40), (90, 40), (900, 40)];
        let expected = [false, false, true, false, true, true, true, false, false];
        assert_eq!(asked(&looks), expected);
        // One that has a cause of its own begins the row anew.
        let again = [(905, 80), (910, 80), (930, 40), (950, 40), (970, 40), (990, 40)];
        let all = asked(&[&looks[..], &again].concat());
        assert_eq!(all[looks.len()..], [false, true, true, true, true, false]);
    }

    #[test]
    fn what_was_in_use_at_a_trim_is_given_back_when_it_is_over() {
        let flood = [
            (0, 20, 0),
            (5, 170, 60_000),
            (10, 170, 60_000),
            (30, 170, 59_000),
            (50, 170, 59_000),
            (70, 170, 59_000),
        ];
        let over = [(90, 170, 59_000), (140, 170, 25_000), (145, 170, 0), (165, 90, 0), (170, 30, 0)];
        assert_eq!(asked_with(&flood), [false, false, true, true, true, true]);
        let all = asked_with(&[&flood[..], &over].concat());
        assert_eq!(all[flood.len()..], [false, true, false, true, false]);
        assert_eq!(asked_with(&[(0, 50, 6_000), (5, 50, 3_000), (60, 50, 1_500)]), [false; 3], "too few");
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
