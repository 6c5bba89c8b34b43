//! What is said on a fork's WebSocket, and what is made of what the server says: docs/forking.md.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};
use trunkline_media::Recorded;

use super::connection::{Socket, is_too_much};
use super::queue::{Next, Queue};
use crate::switch::{ForkBegin, ForkEnd};

/// How long one message may take to be written; then the server does not read.
const STALLED: Duration = Duration::from_secs(5);

/// How often a server is pinged that is sent nothing, as while a call is held: proxies forget who says nothing for a minute.
const PING: Duration = Duration::from_secs(25);

/// How many messages a server may send in a second. None of them is read; whoever sends more has mistaken this for something else.
const MESSAGES_PER_SECOND_MAX: u32 = 200;

/// How long a server has to close the connection after `stop`.
const CLOSE: Duration = Duration::from_secs(1);

/// How often it is looked whether a fork that is over has its time behind it.
const LOOK: Duration = Duration::from_millis(500);

/// What is said beside the audio.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Said<'a> {
    Start {
        fork: String,
        call_id: String,
        line: &'a str,
        caller: &'a str,
        called: &'a str,
        encoding: &'static str,
        endian: &'static str,
        rate: u32,
        channels: u32,
    },
    Gap {
        pieces: u64,
        lost: u64,
    },
    Stop {
        reason: &'static str,
        pieces_lost: u64,
    },
}

impl Said<'_> {
    fn message(&self) -> Message {
        Message::text(serde_json::to_string(self).unwrap_or_default())
    }
}

type Speaker = SplitSink<Socket, Message>;

/// Speaks and listens until somebody ends it; why it is over.
pub(super) async fn converse(socket: Socket, begin: &ForkBegin, queue: &Queue) -> ForkEnd {
    let (mut speaker, mut listener) = socket.split();
    let spoken = tokio::select! {
        biased;
        end = listen(&mut listener) => return end,
        end = queue.overdue(LOOK) => return end,
        spoken = speak(&mut speaker, begin, queue) => spoken,
    };
    // The server closes the connection, or has had its time.
    if spoken.is_wanted() {
        drop(timeout(CLOSE, listen(&mut listener)).await);
    }
    spoken
}

async fn speak(speaker: &mut Speaker, begin: &ForkBegin, queue: &Queue) -> ForkEnd {
    match tell(speaker, begin, queue).await {
        Ok(end) | Err(end) => end,
    }
}

async fn tell(speaker: &mut Speaker, begin: &ForkBegin, queue: &Queue) -> Result<ForkEnd, ForkEnd> {
    let start = Said::Start {
        fork: begin.fork.to_string(),
        call_id: begin.call.to_string(),
        line: &begin.line,
        caller: &begin.caller,
        called: &begin.called,
        encoding: "L16",
        endian: "little",
        rate: if begin.is_wide { 16_000 } else { 8_000 },
        channels: 2,
    };
    say(speaker, start.message()).await?;
    let mut pace = Pace::default();
    loop {
        match timeout(PING, queue.next()).await {
            Ok(Next::Piece(piece)) => {
                for message in pace.messages(&piece, queue.lost()).into_iter().flatten() {
                    say(speaker, message).await?;
                }
            }
            Ok(Next::End(end)) => {
                let stop = Said::Stop { reason: end.name(), pieces_lost: queue.lost() };
                say(speaker, stop.message()).await?;
                say(speaker, Message::Close(None)).await?;
                return Ok(end);
            }
            Err(_) => say(speaker, Message::Ping(Bytes::new())).await?,
        }
    }
}

/// Which piece comes next.
#[derive(Default)]
struct Pace {
    next: u64,
    /// Pieces that were lost before.
    lost: u64,
}

impl Pace {
    /// What is said of a piece: that there is a gap before it, and what it holds.
    fn messages(&mut self, piece: &Recorded, lost: u64) -> [Option<Message>; 2] {
        // One leg's clock may be part of a frame behind that of the leg before; and there may be nothing but a count.
        if piece.samples.is_empty() || piece.frame < self.next {
            return [None, None];
        }
        let pieces = piece.frame - self.next;
        // What was lost behind this piece is told of with the next gap.
        let is_gap = pieces > 0;
        let lost_here = if is_gap { (lost - self.lost).min(pieces) } else { 0 };
        self.lost += lost_here;
        self.next = piece.frame + 1;
        let octets: Vec<u8> = piece.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let gap = is_gap.then(|| Said::Gap { pieces, lost: lost_here }.message());
        [gap, Some(Message::binary(octets))]
    }
}

async fn say(speaker: &mut Speaker, message: Message) -> Result<(), ForkEnd> {
    match timeout(STALLED, speaker.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => Err(ForkEnd::Closed(None)),
        Ok(Err(_)) => Err(ForkEnd::Lost),
        Err(_) => Err(ForkEnd::Stalled),
    }
}

/// Reads what the server says until it ends; nothing of it is looked at, the library answers pings.
async fn listen(listener: &mut SplitStream<Socket>) -> ForkEnd {
    let mut until = Instant::now() + SECOND;
    let mut count = 0;
    while let Some(came) = listener.next().await {
        match came {
            Ok(Message::Close(said)) => return ForkEnd::Closed(said.map(|said| said.code.into())),
            Ok(_) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return ForkEnd::Closed(None),
            Err(Error::Io(error)) if is_too_much(&error) => return ForkEnd::Protocol,
            // A server that was killed says no goodbye.
            Err(Error::Io(_) | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return ForkEnd::Lost;
            }
            Err(_) => return ForkEnd::Protocol,
        }
        if Instant::now() >= until {
            (until, count) = (Instant::now() + SECOND, 0);
        }
        count += 1;
        if count > MESSAGES_PER_SECOND_MAX {
            return ForkEnd::Protocol;
        }
    }
    ForkEnd::Closed(None)
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use trunkline_media::{ForkId, TapId};

    use super::*;

    fn piece(frame: u64) -> Recorded {
        let samples = [0x0102, -2].into();
        Recorded { tap: TapId::Fork(ForkId(1)), frame, samples, undecoded: [0; 2] }
    }

    fn said(pace: &mut Pace, frame: u64, lost: u64) -> Vec<String> {
        let messages = pace.messages(&piece(frame), lost).into_iter().flatten();
        messages
            .map(|message| match message.to_text() {
                Ok(text) if message.is_text() => text.to_owned(),
                _ => format!("{:?}", message.into_data()),
            })
            .collect()
    }

    #[test]
    fn a_gap_is_told_of_before_the_piece_behind_it() {
        let mut pace = Pace::default();
        let audio = "b\"\\x02\\x01\\xfe\\xff\"";
        assert_eq!(said(&mut pace, 0, 0), [audio]);
        assert_eq!(said(&mut pace, 1, 0), [audio]);
        assert_eq!(said(&mut pace, 5, 0), [r#"{"event":"gap","pieces":3,"lost":0}"#, audio]);
        // Two were lost, one more behind this piece.
        assert_eq!(said(&mut pace, 8, 3), [r#"{"event":"gap","pieces":2,"lost":2}"#, audio]);
        assert_eq!(said(&mut pace, 10, 3), [r#"{"event":"gap","pieces":1,"lost":1}"#, audio]);
        assert_eq!(said(&mut pace, 10, 3), [""; 0], "no moment is told of twice");
        assert_eq!(said(&mut pace, 11, 3), [audio]);
    }
}
