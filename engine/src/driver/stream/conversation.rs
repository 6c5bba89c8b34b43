//! What is said on one connection: messages in, cut out of the stream; messages out, one after the other.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use trunkline_sip::stream::{Frame, Framer, PONG};
use trunkline_sip::transport::Flow;

use crate::driver::worker::{WorkerInput, Workers};

/// A connection that has sent a message is closed after this time without traffic: longer than a registration and Timer B together.
pub(super) const IDLE: Duration = Duration::from_secs(7_200 + 64);

/// A message that has begun must be complete within this time.
pub(super) const REST_OF_MESSAGE: Duration = Duration::from_secs(10);

/// What a connection reads at once: little, for most hardly ever say anything; more once it says much.
const READ_MIN: usize = 1_024;
const READ_MAX: usize = 16_384;

/// A message must be written within this time.
pub(super) const WRITE: Duration = Duration::from_secs(5);

/// One connection, whatever it is made of.
pub(super) struct Conversation {
    /// `local` of a connection that was opened here is the listener, not the port that the kernel chose.
    pub(super) flow: Flow,
    pub(super) workers: Workers,
    /// What is to be written.
    pub(super) queue: mpsc::Receiver<Bytes>,
    /// Where pongs go. It holds nothing open.
    pub(super) answers: mpsc::WeakSender<Bytes>,
    /// By then the first message must have come; pings are none.
    pub(super) first_until: Instant,
}

impl Conversation {
    /// Reads and writes until either ends.
    pub(super) async fn hold(self, reader: impl AsyncRead + Unpin, writer: impl AsyncWrite + Unpin) {
        let Self { flow, workers, queue, answers, first_until } = self;
        let reading = Reading { flow, workers, answers, first_until };
        let (writing, reading) = (write_all(writer, queue), reading.read_all(reader));
        tokio::select! { () = reading => {}, () = writing => {} }
    }
}

struct Reading {
    flow: Flow,
    workers: Workers,
    answers: mpsc::WeakSender<Bytes>,
    first_until: Instant,
}

impl Reading {
    async fn read_all(self, mut reader: impl AsyncRead + Unpin) {
        let Self { flow, workers, answers, first_until } = self;
        let mut framer = Framer::new();
        let mut buffer = vec![0; READ_MIN];
        let mut until = first_until;
        let mut has_spoken = false;
        let mut begun = None;
        loop {
            let Ok(Ok(read @ 1..)) = timeout_at(until, reader.read(&mut buffer)).await else { return };
            let mut frames = framer.push(&buffer[..read]);
            let mut pinged = false;
            loop {
                match frames.next() {
                    // Who is not written to any more is not read either: each answer would open a connection of its own.
                    Some(Ok(Frame::Message(_))) if answers.strong_count() == 0 => return,
                    Some(Ok(Frame::Message(message))) => {
                        begun = None;
                        has_spoken = true;
                        workers.deliver(WorkerInput::Message(flow, message)).await;
                    }
                    Some(Ok(Frame::Ping)) => pinged = true,
                    Some(Err(error)) => {
                        tracing::debug!(remote = %flow.remote, %error, "a connection was closed");
                        return;
                    }
                    None => break,
                }
            }
            drop(frames);
            if pinged && let Some(answers) = answers.upgrade() {
                // A full queue needs no pong: there is traffic.
                drop(answers.try_send(PONG));
            }
            let now = Instant::now();
            // A message has one deadline, however it is cut into pieces.
            until = if framer.is_partial() {
                *begun.get_or_insert(now) + REST_OF_MESSAGE
            } else {
                begun = None;
                if has_spoken { now + IDLE } else { first_until }
            };
            if read == buffer.len() && read < READ_MAX {
                buffer.resize(read * 2, 0);
            }
        }
    }
}

async fn write_all(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        let Ok(Ok(())) = timeout(WRITE, write(&mut writer, &bytes)).await else { return };
    }
    // The peer learns of the end even if it does not read.
    drop(timeout(WRITE, writer.shutdown()).await);
}

/// What seals a message may hold a part of it back until it is flushed.
async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
