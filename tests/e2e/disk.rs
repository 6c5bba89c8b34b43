//! The disk is full, may not be written, or is damaged: calls go on, the log says what is not kept, and later it is kept.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::daemon::{Daemon, Directory, executable};
use crate::network::{alone, run};
use crate::process::{Process, Stream, wait_until};
use crate::swarm::{PORTS, SIDES, Stage, Swarm, config};

const USERS: usize = 60;
const CALLS: usize = 5;
/// At once where the machine is free.
const SOON: Duration = Duration::from_secs(20);

/// The disk of the state is full for a while, also while the daemon is killed and starts again.
#[test]
fn case_39_full() {
    alone(|| {
        let directory = Directory::create();
        let state = directory.path().join("state");
        let disk = Disk::mount(&state, "size=600k");
        let mut daemon = Daemon::start(directory.path(), &config(USERS, PORTS));
        let swarm = Swarm::start(USERS, Duration::from_millis(40));
        swarm.register(20, Duration::from_secs(20));
        swarm.call_all(0..CALLS, 20.0);
        daemon.process.runs_for(Duration::from_millis(1_500));

        let fill = state.join("fill");
        fill_up(&fill);
        swarm.register(40, Duration::from_secs(20));
        let later = swarm.call_all(20..20 + CALLS, 20.0);
        let said = "state cannot be stored: calls go on";
        daemon.process.wait_for(Duration::from_secs(20), |_, text| text.contains(said));
        assert!(daemon.metric("trunkline_store_errors_total") > 0.0);
        talk(&swarm, &mut daemon);

        fs::remove_file(&fill).expect("it is ours");
        daemon.process.wait_for(Duration::from_secs(30), |_, text| text.contains("state is stored again"));
        daemon.process.runs_for(Duration::from_millis(1_500));
        daemon.power_cut();
        daemon.expect_metric("trunkline_registrations", 40.0, SOON);
        daemon.expect_metric("trunkline_calls", 4.0 * CALLS as f64, SOON);
        talk(&swarm, &mut daemon);

        // What was stored before is there though nothing can be written.
        fill_up(&fill);
        daemon.power_cut();
        daemon.expect_metric("trunkline_registrations", 40.0, SOON);
        talk(&swarm, &mut daemon);
        let mut ends = swarm.ends();
        for (call, side) in later.iter().zip(SIDES.into_iter().cycle()) {
            ends.hang_up(*call, side);
        }
        drop(ends);
        let is_over = |swarm: &Swarm| later.iter().all(|call| swarm.ends().calls[*call].stage == Stage::Over);
        wait_until(&mut daemon.process, SOON, || {
            if is_over(&swarm) { Ok(()) } else { Err("calls are not over".to_owned()) }
        });
        drop(disk);
    });
}

/// The disk of the log is full from the beginning.
#[test]
fn case_39_full_of_its_log() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        fs::write(path.join("trunkline.toml"), config(USERS, PORTS)).expect("a directory of ours");
        let log = File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 2>/dev/full", "sh"]).arg(executable()).current_dir(path);
        command
            .args(["serve", "--config", "trunkline.toml", "--state-dir", "state"])
            .stderr(Stdio::from(log));
        let mut daemon = Process::spawn("trunkline", &mut command);
        daemon.wait_for(Duration::from_secs(20), |stream, text| stream == Stream::Stdout && text == "ready");
        let swarm = Swarm::start(USERS, Duration::from_millis(40));
        swarm.register(20, Duration::from_secs(20));
        let calls = swarm.call_all(0..CALLS, 20.0);
        let mut ends = swarm.ends();
        calls.iter().for_each(|call| ends.hang_up(*call, SIDES[0]));
        drop(ends);
        let is_over = |swarm: &Swarm| calls.iter().all(|call| swarm.ends().calls[*call].stage == Stage::Over);
        wait_until(&mut daemon, SOON, || {
            if is_over(&swarm) { Ok(()) } else { Err("calls are not over".to_owned()) }
        });
        let metrics = crate::http::get("/metrics", None).text;
        let panics: Vec<&str> = metrics.lines().filter(|line| line.starts_with("trunkline_panics")).collect();
        assert!(!panics.is_empty() && panics.iter().all(|line| line.ends_with(" 0")), "{panics:?}");
    });
}

/// Somebody writes over the file while it is in use: calls go on, and the next process begins anew.
#[test]
fn case_39_damaged() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &config(USERS, PORTS));
        let swarm = Swarm::start(USERS, Duration::from_millis(40));
        swarm.register(20, Duration::from_secs(20));
        swarm.call_all(0..CALLS, 20.0);
        daemon.process.runs_for(Duration::from_millis(1_500));
        let state = directory.path().join("state");
        for name in ["state.db", "state.db-wal"] {
            let path = find(&state, name);
            let length = fs::metadata(&path).expect("it is there").len() as usize;
            let mut file = File::options().write(true).open(&path).expect("it is ours");
            file.write_all(&vec![0x55; length]).expect("it is written over");
        }
        swarm.register(40, Duration::from_secs(20));
        swarm.call_all(20..20 + CALLS, 20.0);
        talk(&swarm, &mut daemon);
        daemon.process.runs_for(Duration::from_millis(1_500));
        daemon.power_cut();
        swarm.ends().forget_registrations(|_| false);
        swarm.register(40, Duration::from_secs(20));
        swarm.call_all(30..30 + CALLS, 20.0);
    });
}

/// All calls are heard on both sides.
fn talk(swarm: &Swarm, daemon: &mut Daemon) {
    let since = std::time::Instant::now();
    let calls = swarm.ends().talking_before(since);
    assert!(calls.len() >= CALLS, "{calls:?}");
    wait_until(&mut daemon.process, SOON, || {
        let is_heard =
            |call: &&usize| SIDES.into_iter().all(|side| swarm.media.has_heard(**call, side, since));
        match calls.iter().filter(is_heard).count() {
            heard if heard == calls.len() => Ok(()),
            heard => Err(format!("{heard} of {} calls talk", calls.len())),
        }
    });
}

/// A small disk in the mount namespace of this test.
struct Disk(String);

impl Disk {
    fn mount(directory: &Path, options: &str) -> Self {
        fs::create_dir_all(directory).expect("a directory of ours");
        let target = directory.to_str().expect("paths here are UTF-8");
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", target]);
        Self(target.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy", &self.0]);
    }
}

/// Writes until there is no room.
fn fill_up(path: &Path) {
    let mut file = File::create(path).expect("it is ours");
    for size in [4_096, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn find(state: &Path, name: &str) -> std::path::PathBuf {
    let stored = fs::read_dir(state).expect("the daemon has made it").flatten().map(|entry| entry.path());
    let mut found = stored.filter(|path| path.to_string_lossy().ends_with(&name["state".len()..]));
    found.next().unwrap_or_else(|| panic!("no {name}"))
}
