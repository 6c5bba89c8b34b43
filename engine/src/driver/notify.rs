//! Tells systemd what the daemon does (`sd_notify`), where systemd asks for it.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use trunkline_media::io::monotonic_ns;

use super::pulse::Pulse;

/// How often within the time of the watchdog the engine is felt for: one beat may be lost, and one be late.
const BEATS: u32 = 3;

/// Sends state lines: `READY=1`, `STOPPING=1`. Without NOTIFY_SOCKET nothing happens.
pub(crate) fn notify_service_manager(state: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return };
    let path = path.to_string_lossy();
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&*path),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop));
    if let Err(error) = sent {
        tracing::debug!(%error, "the service manager was not told");
    }
}

/// That the configuration is being read again; `READY=1` ends it. A service of the type notify-reload says since when.
pub(crate) fn notify_reloading() {
    notify_service_manager(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_ns() / 1_000));
}

/// The time within which the service manager wants to hear that the daemon lives; `None`: it does not.
pub(crate) fn watchdog_limit() -> Option<Duration> {
    let text = |name: &str| env::var(name).ok();
    limit_of(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), std::process::id())
}

/// What is in `WATCHDOG_USEC` and `WATCHDOG_PID` (sd_watchdog_enabled(3)).
fn limit_of(microseconds: Option<&str>, process: Option<&str>, own: u32) -> Option<Duration> {
    let is_meant = process.is_none_or(|process| process.parse() == Ok(own));
    let limit = microseconds.and_then(|microseconds| microseconds.parse().ok()).map(Duration::from_micros);
    limit.filter(|limit| is_meant && !limit.is_zero())
}

/// Says `WATCHDOG=1` as long as every thread of the engine turns.
pub(crate) async fn keep_watchdog(pulse: Pulse, limit: Duration) {
    let every = limit / BEATS;
    let mut beat = tokio::time::interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match pulse.feel(every).await {
            Ok(()) => notify_service_manager("WATCHDOG=1"),
            Err(stand) => tracing::error!(
                threads = stand.join(" "),
                "the engine stands still; the service manager is not told that it lives"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(limit_of(Some("1000000"), None, 7), second);
        assert_eq!(limit_of(Some("1000000"), Some("7"), 7), second);
        for (microseconds, process) in
            [(Some("1000000"), Some("8")), (Some("0"), None), (Some("x"), None), (None, Some("7"))]
        {
            assert_eq!(limit_of(microseconds, process, 7), None);
        }
    }
}
