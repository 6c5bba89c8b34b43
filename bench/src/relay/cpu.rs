//! CPU time of processes and kernel threads in nanoseconds, and the cores they run on.

use std::fs;
use std::path::PathBuf;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::Failure;

/// Adds up what a packet may be charged to: this process, a relay, and the kernel's threads for receiving.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// `schedstat` of each `ksoftirqd`, open or by path.
    softirqd: Vec<PathBuf>,
}

impl Meter {
    /// A meter that reads these `schedstat` files of kernel threads besides those of processes.
    pub const fn new(softirqd: Vec<PathBuf>) -> Self {
        Self { softirqd }
    }

    /// CPU time so far of this process, of another (`None`: no other) and of the kernel's threads, in nanoseconds.
    ///
    /// # Errors
    /// A process has ended.
    pub fn read_ns(&self, process: Option<u32>) -> Result<u64, Failure> {
        let mut total = process_ns("self")?;
        if let Some(process) = process {
            total += process_ns(&process.to_string())?;
        }
        for thread in &self.softirqd {
            total += first_number(&fs::read_to_string(thread)?)?;
        }
        Ok(total)
    }
}

/// CPU time of a process with all its threads, in nanoseconds, from `/proc/PID/task/*/schedstat`.
///
/// # Errors
/// It has ended.
pub fn process_ns(process: &str) -> Result<u64, Failure> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        total += first_number(&text)?;
    }
    Ok(total)
}

/// CPU time of the calling thread, in nanoseconds.
///
/// # Errors
/// The kernel does not tell.
pub fn this_thread_ns() -> Result<u64, Failure> {
    first_number(&fs::read_to_string("/proc/thread-self/schedstat")?)
}

/// Lets the calling thread and those that it starts run on one core.
///
/// # Errors
/// There is no such core.
pub fn pin_this_thread(core: usize) -> Result<(), Failure> {
    Ok(sched_setaffinity(Pid::from_raw(0), &only(core)?)?)
}

/// Lets every thread of a process run on one core.
///
/// # Errors
/// There is no such core or process.
pub fn pin_process(process: u32, core: usize) -> Result<(), Failure> {
    let only = only(core)?;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let name = task?.file_name();
        let thread: i32 = name.to_str().ok_or("a thread without a number")?.parse()?;
        sched_setaffinity(Pid::from_raw(thread), &only)?;
    }
    Ok(())
}

fn only(core: usize) -> Result<CpuSet, Failure> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(set)
}

fn first_number(schedstat: &str) -> Result<u64, Failure> {
    Ok(schedstat.split_whitespace().next().unwrap_or("0").parse()?)
}
