//! `trunkline ctl watch` on a terminal: the calls that are there, shown anew whenever something happens.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::client::Client;
use super::stream::Stream;
use super::terminal::{Screen, ended, size};
use super::{CtlError, table};
use crate::driver::clock;
use crate::records::unix_ms;

/// Shows the calls, of one line where one is named, until the person has seen enough.
pub(super) async fn live(client: &Client, line: Option<&str>, out: &mut impl Write) -> Result<(), CtlError> {
    let mut shown = Shown { screen: Screen::enter(out)?, at: client.authority(), line, calls: Value::Null };
    tokio::select! {
        done = shown.keep(client) => done,
        done = ended() => Ok(done?),
    }
}

struct Shown<'o, W: Write> {
    screen: Screen<'o, W>,
    at: &'o str,
    line: Option<&'o str>,
    /// What the daemon said last.
    calls: Value,
}

impl<W: Write> Shown<'_, W> {
    /// Keeps what is shown true, over a restart of the daemon, too. Ends where the daemon refuses.
    async fn keep(&mut self, client: &Client) -> Result<(), CtlError> {
        loop {
            let lost = match self.follow(client).await {
                Ok(()) => "the daemon ended the stream".to_owned(),
                Err(lost @ (CtlError::Unreachable(..) | CtlError::Foreign(_))) if !self.calls.is_null() => {
                    lost.to_string()
                }
                Err(error) => return Err(error),
            };
            self.draw(&lost)?;
            sleep(AGAIN).await;
        }
    }

    /// Asks for the calls whenever an event says that something has changed, as long as the daemon tells events.
    async fn follow(&mut self, client: &Client) -> Result<(), CtlError> {
        // First the stream, so that nothing happens between the two.
        let mut events = Stream::open(client, "/v1/events").await?;
        loop {
            let asked = Instant::now();
            let answer = timeout(ANSWER_MAX, client.get("/v1/calls")).await;
            self.calls = answer.map_err(|_| CtlError::Foreign("it does not answer".to_owned()))??;
            self.draw("")?;
            // Where an answer takes long it is not asked for all the time.
            let (soon, late) = (asked + LEAST.max(asked.elapsed() * 5), asked + MOST);
            let (mut is_due, mut drawn) = (late, Instant::now());
            while Instant::now() < is_due {
                tokio::select! {
                    event = events.next() => match event? {
                        Some(_) => is_due = soon,
                        None => return Ok(()),
                    },
                    () = sleep_until(is_due.min(drawn + SECOND)) => {
                        drawn = Instant::now();
                        self.draw("")?;
                    }
                }
            }
        }
    }

    fn draw(&mut self, lost: &str) -> Result<(), CtlError> {
        let now_ms = i64::try_from(clock::unix_now().as_millis()).unwrap_or_default();
        let head = Head { at: self.at, line: self.line, lost };
        Ok(self.screen.show(&lines(&self.calls, &head, now_ms, size()), 2)?)
    }
}

/// What stands above the calls.
struct Head<'h> {
    /// Where the daemon is.
    at: &'h str,
    /// Whose calls are shown; `None`: all.
    line: Option<&'h str>,
    /// Why what is shown may be old; empty: it is not.
    lost: &'h str,
}

/// What is to be seen of calls, the latest first, in so many columns and rows.
fn lines(calls: &Value, head: &Head<'_>, now_ms: i64, (columns, rows): (usize, usize)) -> Vec<String> {
    // One that is over stays there until its owners have let go of it.
    let is_wanted =
        |call: &&Value| call["state"] != "idle" && head.line.is_none_or(|line| call["line"] == line);
    let wanted: Vec<&Value> = calls.as_array().into_iter().flatten().rev().filter(is_wanted).collect();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &wanted {
        *states.entry(call["state"].as_str().unwrap_or("unknown")).or_default() += 1;
    }
    let states: Vec<String> = states.into_iter().map(|(state, calls)| format!("{calls} {state}")).collect();
    let of = head.line.map(|line| format!(" of {line}")).unwrap_or_default();
    let counted = if wanted.len() == 1 { "1 call".to_owned() } else { format!("{} calls", wanted.len()) };
    let counted = [format!("{counted}{of}"), states.join(", ")];
    let counted =
        counted.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ");
    let ago = if head.lost.is_empty() { String::new() } else { format!("  NOT CURRENT: {}", head.lost) };
    let mut lines = vec![format!("{}  {counted}{ago}", head.at)];
    // The head, the titles of the columns, and how many are not shown.
    let room = rows.saturating_sub(3).max(1);
    let shown: Vec<Value> = wanted.iter().take(room).map(|call| with_age(call, now_ms)).collect();
    lines.extend(table::live(&Value::Array(shown)).lines().map(str::to_owned));
    match wanted.len().checked_sub(room) {
        None | Some(0) => {}
        Some(more) => lines.push(format!("and {more} older")),
    }
    for line in &mut lines {
        *line =
            line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(columns).collect();
    }
    lines
}

/// A call with how long it has been in its state.
fn with_age(call: &Value, now_ms: i64) -> Value {
    let since = call["since"].as_str().and_then(unix_ms);
    let seconds = since.map_or(0, |since| (now_ms - since).max(0) / 1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let age = if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    };
    let mut call = call.clone();
    call["age"] = json!(age);
    call
}

/// How long after one question the next may be asked, and how long after it it is asked though nothing has happened: how a call sounds is
/// no event.
const LEAST: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// How long the daemon may take to answer, and after what time one that is gone is looked for again.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head<'static> = Head { at: "127.0.0.1:8080", line: None, lost: "" };

    fn call(id: &str, line: &str, state: &str, since: &str) -> Value {
        json!({"id": id, "line": line, "state": state, "state_mode": null, "since": since, "privilege": "owner",
               "caller": {"number": "1001", "name": "Reception"}, "called": {"number": "1002", "name": ""}})
    }

    fn calls() -> Value {
        json!([
            call("c1", "1001", "connected", "2026-11-23T16:00:00Z"),
            call("c2", "1002", "connected", "2026-11-23T16:00:01Z"),
            call("c3", "1003", "offering", "2026-11-23T17:01:01.5Z"),
            call("c4", "1003", "idle", "2026-11-23T17:01:01.5Z"),
        ])
    }

    fn at(moment: &str) -> i64 {
        unix_ms(moment).unwrap()
    }

    #[test]
    fn the_latest_calls_are_first_and_say_for_how_long() {
        let shown = lines(&calls(), &HEAD, at("2026-11-23T17:01:02Z"), (100, 24));
        assert_eq!(
            shown,
            [
                "127.0.0.1:8080  3 calls: 2 connected, 1 offering",
                "CALL  LINE  STATE      FOR      CALLER          CALLED  PRIVILEGE  MOS",
                "c3    1003  offering   0:00     1001 Reception  1002    owner",
                "c2    1002  connected  1:01:01  1001 Reception  1002    owner",
                "c1    1001  connected  1:01:02  1001 Reception  1002    owner",
            ]
        );
        let of = Head { line: Some("1003"), lost: "gone", ..HEAD };
        let shown = lines(&calls(), &of, at("2026-11-23T17:02:42Z"), (100, 24));
        assert_eq!(shown[0], "127.0.0.1:8080  1 call of 1003: 1 offering  NOT CURRENT: gone");
        assert_eq!(shown[2], "c3    1003  offering  1:40  1001 Reception  1002    owner");
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn no_more_is_shown_than_there_is_room_for() {
        let shown = lines(&calls(), &HEAD, at("2026-11-23T17:01:02Z"), (20, 4));
        assert_eq!(
            shown,
            ["127.0.0.1:8080  3 ca", "CALL  LINE  STATE   ", "c3    1003  offering", "and 2 older"]
        );
        assert_eq!(lines(&json!([]), &HEAD, 0, (80, 24)), ["127.0.0.1:8080  0 calls", "none"]);
        assert_eq!(lines(&Value::Null, &HEAD, 0, (80, 0)).len(), 2);
        let mut hostile = calls();
        hostile[0]["caller"]["name"] = json!("\u{1b}[2J\u{9b}");
        let shown = lines(&hostile, &HEAD, 0, (200, 24)).join("\n");
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown}");
    }
}
