//! What waits for the server of one fork: the newest pieces, and that it is over.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};
use trunkline_media::Recorded;

use crate::switch::ForkEnd;

/// Pieces of 20 ms that wait for a server: two seconds, 64 to 128 kB. A further one takes the place of the oldest.
pub(super) const PIECES_WAITING_MAX: usize = 100;

/// How long a fork that is over waits for what media threads took down of it.
const LAST_PIECES: Duration = Duration::from_millis(100);

/// How long a server has to hear the end, counted from when it is wanted.
const END: Duration = Duration::from_secs(2);

/// Filled by media threads, which never wait: the lock is held for a push or a pop.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    /// Rung for the one task that looks.
    bell: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    pieces: VecDeque<Recorded>,
    lost: u64,
    /// Why it is to end, and when that was said.
    end: Option<(ForkEnd, Instant)>,
}

/// What comes next.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    Piece(Recorded),
    /// Nothing comes any more.
    End(ForkEnd),
}

impl Queue {
    /// Puts a piece in, and gives back the one whose place it took.
    pub(super) fn push(&self, piece: Recorded) -> Option<Recorded> {
        let mut inner = self.lock();
        let oldest = if inner.pieces.len() >= PIECES_WAITING_MAX { inner.pieces.pop_front() } else { None };
        inner.lost += u64::from(oldest.is_some());
        inner.pieces.push_back(piece);
        drop(inner);
        self.bell.notify_one();
        oldest
    }

    /// Wants it over. What was said first holds.
    pub(super) fn end(&self, end: ForkEnd) {
        self.lock().end.get_or_insert_with(|| (end, Instant::now()));
        self.bell.notify_one();
    }

    /// Pieces that lost their place.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Waits until it is wanted over.
    pub(super) async fn ended(&self) -> ForkEnd {
        loop {
            let end = self.lock().end;
            if let Some((end, _)) = end {
                return end;
            }
            self.bell.notified().await;
        }
    }

    /// Waits for what comes next; the end is behind what media threads took down before it.
    pub(super) async fn next(&self) -> Next {
        loop {
            let (piece, end) = {
                let mut inner = self.lock();
                (inner.pieces.pop_front(), inner.end)
            };
            if let Some(piece) = piece {
                return Next::Piece(piece);
            }
            match end {
                None => self.bell.notified().await,
                Some((end, since)) => {
                    if timeout_at(since + LAST_PIECES, self.bell.notified()).await.is_err() {
                        return Next::End(end);
                    }
                }
            }
        }
    }

    /// Waits until whoever was to hear the end had time enough.
    pub(super) async fn overdue(&self, look: Duration) -> ForkEnd {
        loop {
            let end = self.lock().end;
            match end {
                Some((end, since)) => {
                    sleep_until(since + END).await;
                    return end;
                }
                None => tokio::time::sleep(look).await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
