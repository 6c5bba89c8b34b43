//! A part of a core for a program under test, so that a load generator on the same machine can ask for more than it can do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::Process;

/// A control group of its own. Gone with the value, after the processes in it.
pub(crate) struct Throttle(PathBuf);

impl Throttle {
    /// Makes one that leaves so many of a hundred parts of one core. `None` where this user may not.
    pub(crate) fn create(percent: u64) -> Option<Self> {
        let name = format!("trunkline-{}", std::env::var("TRUNKLINE_E2E_INSIDE").ok()?.replace("::", "-"));
        // Short periods: a pause must not look like an overload of its own.
        let (quota, period) = (PERIOD_US * percent / 100, PERIOD_US);
        let (old, unified) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
        if old.join("cpu.cfs_quota_us").exists() || old.join("cgroup.procs").exists() {
            let group = Self::make(&old.join(&name))?;
            fs::write(group.0.join("cpu.cfs_period_us"), period.to_string()).ok()?;
            fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string()).ok()?;
            return Some(group);
        }
        let group = Self::make(&unified.join(&name))?;
        fs::write(group.0.join("cpu.max"), format!("{quota} {period}")).ok()?;
        Some(group)
    }

    /// Puts a program into it, with all its threads.
    pub(crate) fn hold(&self, process: &Process) {
        fs::write(self.0.join("cgroup.procs"), process.id().to_string()).expect("a group of ours");
    }

    fn make(path: &Path) -> Option<Self> {
        // One of a run that was killed.
        drop(fs::remove_dir(path));
        fs::create_dir(path).ok()?;
        Some(Self(path.to_owned()))
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

const PERIOD_US: u64 = 5_000;
