//! A program under test or its peer: what it prints can be waited for, and it never outlives its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Which stream a line was printed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// A running program.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<(Stream, String)>,
    seen: Vec<(Stream, String)>,
}

impl Process {
    /// Starts it. It is killed when the value goes out of scope.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let (sender, lines) = mpsc::channel();
        follow(child.stdout.take().expect("stdout is piped"), Stream::Stdout, sender.clone());
        follow(child.stderr.take().expect("stderr is piped"), Stream::Stderr, sender);
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, lines, seen: Vec::new() }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything printed and looked at so far.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(|(_, text)| text.as_str())
    }

    /// Looks at what was printed, to its end where the program has ended, and else so far.
    pub(crate) fn drain(&mut self) {
        let has_ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        self.ends_within(if has_ended { DRAINED_WITHIN * 50 } else { DRAINED_WITHIN });
    }

    /// Types one line into it.
    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the program reads its input");
    }

    /// Blocks until a line fits, which is returned. Panics at the deadline and when the program ends before.
    pub(crate) fn wait_for(&mut self, within: Duration, fits: impl Fn(Stream, &str) -> bool) -> String {
        let deadline = Instant::now() + within;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((stream, text)) => {
                    self.seen.push((stream, text.clone()));
                    if fits(stream, &text) {
                        return text;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: the line waited for did not come within {within:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} ended ({:?}) before the line waited for", self.name, self.child.wait())
                }
            }
        }
    }

    /// Blocks until the program ends by itself. Panics at the deadline.
    pub(crate) fn wait_exit(&mut self, within: Duration) -> ExitStatus {
        assert!(self.ends_within(within), "{} still runs after {within:?}", self.name);
        self.child.wait().expect("a child can be waited for")
    }

    /// Asserts that the program goes on for this long. The way to let time pass.
    pub(crate) fn runs_for(&mut self, time: Duration) {
        assert!(!self.ends_within(time), "{} ended: {:?}", self.name, self.child.wait());
    }

    /// Sends a signal, by name: `USR1`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot signal {}", self.name);
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    fn ends_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
        if thread::panicking() {
            self.seen.extend(self.lines.try_iter());
            eprintln!("---- the last lines of {}", self.name);
            let start = self.seen.len().saturating_sub(LINES_SHOWN);
            for (_, text) in &self.seen[start..] {
                eprintln!("{text}");
            }
        }
    }
}

/// Blocks until `condition` holds, looking every [`LOOK_EVERY`] while `process` runs.
///
/// # Panics
/// At the deadline, with what `condition` said last; and when the process ends.
pub(crate) fn wait_until(
    process: &mut Process,
    within: Duration,
    mut condition: impl FnMut() -> Result<(), String>,
) {
    let deadline = Instant::now() + within;
    while let Err(reason) = condition() {
        assert!(Instant::now() < deadline, "not within {within:?}: {reason}");
        process.runs_for(LOOK_EVERY);
    }
}

fn follow(source: impl Read + Send + 'static, stream: Stream, lines: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if lines.send((stream, text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// What a program has printed is read by then.
const DRAINED_WITHIN: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LINES_SHOWN: usize = 60;
