//! The thread that writes recordings, over a real directory.

use std::fs;

use tokio::sync::mpsc;

use super::testing::{Directory, read};
use super::*;

/// The thread with its switch.
struct Bench {
    recordings: Recordings,
    thread: JoinHandle<()>,
    told: mpsc::Receiver<SwitchInput>,
    metrics: Arc<Metrics>,
}

fn limits() -> Recording {
    Recording { directory: "recordings".into(), recordings_max: 10, seconds_max: 2, free_min: 0 }
}

fn begin(recording: u64) -> RecordingCommand {
    let line = "1001".into();
    RecordingCommand::Begin { recording: RecordingId(recording), call: CallId(7), line, is_wide: false }
}

fn end(recording: u64, length: Duration) -> RecordingCommand {
    RecordingCommand::End { recording: RecordingId(recording), length }
}

fn piece(recording: u64, frame: u64, sample: i16) -> Recorded {
    let samples = vec![sample; 320 * 10].into();
    Recorded { tap: TapId::Recording(RecordingId(recording)), frame, samples, undecoded: [0; 2] }
}

impl Bench {
    fn new(directory: &Directory, limits: &Recording) -> Self {
        let (switch, told) = Letterbox::new(64);
        let metrics = Arc::new(Metrics::new(1));
        let started = Recordings::start(directory.0.clone(), limits, Arc::clone(&metrics), switch);
        let (recordings, thread) = started.unwrap();
        Self { recordings, thread, told, metrics }
    }

    fn told(&mut self) -> RecordingEvent {
        match self.told.blocking_recv() {
            Some(SwitchInput::Recording(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    /// Begins one; its file.
    fn begins(&mut self, recording: u64) -> Arc<str> {
        self.recordings.command(begin(recording)).unwrap();
        match self.told() {
            RecordingEvent::Began { path, .. } => path,
            other => panic!("{other:?}"),
        }
    }

    fn stop(self) {
        drop(self.recordings);
        self.thread.join().unwrap();
    }
}

#[test]
fn a_recording_is_whole_when_it_is_told_to_be_over() {
    let directory = Directory::new("whole");
    let mut bench = Bench::new(&directory, &limits());
    let path = bench.begins(1);
    assert!(path.ends_with("Z-c7-1.wav") && path.len() == 25, "{path}");
    bench.recordings.piece(piece(1, 10, 5));
    bench.recordings.command(end(1, Duration::from_millis(500))).unwrap();
    // What a media thread brings behind the end belongs to it, too.
    bench.recordings.piece(piece(1, 0, 4));
    let over = RecordingEvent::Ended {
        recording: RecordingId(1),
        end: RecordingEnd::Stopped,
        length: Duration::from_millis(500),
    };
    assert_eq!(bench.told(), over);
    let (_, [left, _]) = read(&directory.0.join(&*path));
    assert_eq!((left.len(), left[0], left[1_600], left[3_999]), (4_000, 4, 5, 0));
    assert_eq!(bench.metrics.snapshot(0, 0).recordings_total, 1);
    // What comes later still has no file to go to, which is counted.
    bench.recordings.piece(piece(1, 20, 5));
    bench.begins(2);
    assert_eq!(bench.metrics.snapshot(0, 0).recording_pieces_lost_total, 1);
    bench.stop();
}

#[test]
fn a_recording_that_grows_too_long_is_over() {
    let directory = Directory::new("long");
    let mut bench = Bench::new(&directory, &limits());
    let path = bench.begins(1);
    bench.recordings.piece(piece(1, 90, 5));
    bench.recordings.piece(piece(1, 100, 6));
    let length = Duration::from_secs(2);
    let over = RecordingEvent::Ended { recording: RecordingId(1), end: RecordingEnd::TooLong, length };
    assert_eq!(bench.told(), over);
    assert_eq!(read(&directory.0.join(&*path)).1[0].len(), 16_000);
    bench.stop();
}

#[test]
fn where_the_disk_has_no_room_nothing_begins() {
    let directory = Directory::new("full");
    let mut bench = Bench::new(&directory, &Recording { free_min: u64::MAX, ..limits() });
    bench.recordings.command(begin(1)).unwrap();
    let over = RecordingEvent::Ended {
        recording: RecordingId(1),
        end: RecordingEnd::DiskFull,
        length: Duration::ZERO,
    };
    assert_eq!(bench.told(), over);
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
    assert_eq!(bench.metrics.snapshot(0, 0).recordings_failed_total, 1);
    bench.stop();
}

#[test]
fn the_end_of_the_engine_makes_every_file_whole() {
    let directory = Directory::new("stop");
    let mut bench = Bench::new(&directory, &limits());
    let paths = [1, 2].map(|recording| bench.begins(recording));
    for recording in [1, 2] {
        bench.recordings.piece(piece(recording, 0, 9));
    }
    bench.stop();
    for path in paths {
        assert_eq!(read(&directory.0.join(&*path)).1[1], [9; 1_600]);
    }
}

#[test]
fn pieces_beyond_what_may_wait_are_dropped_and_counted() {
    let (jobs, queue) = channel();
    let metrics = Arc::new(Metrics::new(1));
    let recordings = Recordings { jobs, waiting: Arc::default(), metrics: Arc::clone(&metrics) };
    for n in 0..PIECES_WAITING_MAX + 3 {
        recordings.piece(piece(1, n as u64 * 10, 1));
    }
    recordings.command(end(1, Duration::ZERO)).unwrap();
    assert_eq!(metrics.snapshot(0, 0).recording_pieces_lost_total, 3);
    assert_eq!(queue.try_iter().count(), PIECES_WAITING_MAX + 1, "what ends a recording is never dropped");
}

#[test]
fn a_thread_that_has_ended_takes_no_commands() {
    let (jobs, queue) = channel();
    let recordings = Recordings { jobs, waiting: Arc::default(), metrics: Arc::new(Metrics::new(1)) };
    drop(queue);
    recordings.piece(piece(1, 0, 1));
    assert_eq!(recordings.command(begin(1)), Err(Ended));
    let failed = RecordingEvent::failed(&begin(1));
    assert!(matches!(
        failed,
        RecordingEvent::Ended { recording: RecordingId(1), end: RecordingEnd::Failed, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_holds_up_no_stop() {
    let (hangs, hung) = channel::<()>();
    let thread = std::thread::spawn(move || assert!(hung.recv().is_err()));
    let asked = tokio::time::Instant::now();
    finish(thread).await;
    assert!(asked.elapsed() >= FINISH_AT_MOST && asked.elapsed() < 2 * FINISH_AT_MOST);
    drop(hangs);
    // Who has ended is waited for no longer.
    let asked = tokio::time::Instant::now();
    let thread = std::thread::spawn(|| {});
    while !thread.is_finished() {
        std::thread::yield_now();
    }
    finish(thread).await;
    assert_eq!(asked.elapsed(), Duration::ZERO);
}
