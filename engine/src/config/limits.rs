//! `[limits]`: what is refused when there is too much of it, and the table of it in `docs/limits.md`.

use std::time::Duration;

use trunkline_sip::admission::AdmissionLimits;
use trunkline_sip::location::LocationLimits;

use super::section::Section;
use super::{ConnectionLimits, Limits};
use crate::switch::setup::{TRANSCODED_CALLS_MAX, WatchSetup};

/// One key.
struct Row {
    key: &'static str,
    default: u64,
    /// Whether 0 may be written for no limit.
    may_be_off: bool,
}

/// Reads the table.
pub(super) fn read(section: Section<'_>) -> Limits {
    let count = |row: &Row| usize::try_from(value(&section, row)).unwrap_or(usize::MAX);
    let limits = Limits {
        calls: value(&section, &CALLS),
        transcoded_calls: value(&section, &TRANSCODED_CALLS),
        admission: AdmissionLimits {
            calls_per_source: value(&section, &CALLS_PER_SOURCE),
            calls_per_line: value(&section, &CALLS_PER_LINE),
            calls_per_second: value(&section, &CALLS_PER_SECOND),
            calls_per_second_per_source: value(&section, &CALLS_PER_SECOND_PER_SOURCE),
            calls_per_second_per_line: value(&section, &CALLS_PER_SECOND_PER_LINE),
            registrations_per_second: value(&section, &REGISTRATIONS_PER_SECOND),
            registrations_per_second_per_source: value(&section, &REGISTRATIONS_PER_SECOND_PER_SOURCE),
            subscriptions_per_second: value(&section, &SUBSCRIPTIONS_PER_SECOND),
            subscriptions_per_second_per_line: value(&section, &SUBSCRIPTIONS_PER_SECOND_PER_LINE),
        },
        registrations: LocationLimits {
            bindings_max: count(&REGISTRATIONS),
            bindings_per_source_max: count(&REGISTRATIONS_PER_SOURCE),
            contacts_per_line_max: count(&REGISTRATIONS_PER_LINE),
        },
        watches: WatchSetup {
            subscriptions_max: count(&SUBSCRIPTIONS),
            subscriptions_per_line_max: count(&SUBSCRIPTIONS_PER_LINE),
        },
        connections: ConnectionLimits {
            connections_max: count(&CONNECTIONS),
            connections_per_source_max: count(&CONNECTIONS_PER_SOURCE),
            handshakes_max: count(&HANDSHAKES),
            handshakes_per_second_per_source: value(&section, &HANDSHAKES_PER_SECOND_PER_SOURCE),
        },
        orphans_after: Duration::from_secs(u64::from(
            section.integer("orphan_timeout_s", 1..=86_400).unwrap_or(ORPHAN_TIMEOUT_S),
        )),
    };
    section.close();
    limits
}

fn value(section: &Section<'_>, row: &Row) -> u32 {
    let allowed = u32::from(!row.may_be_off)..=WRITTEN_MAX;
    match section.integer(row.key, allowed) {
        Some(0) => u32::MAX,
        Some(value) => value,
        None => u32::try_from(row.default).unwrap_or(u32::MAX),
    }
}

/// The largest limit that can be written.
const WRITTEN_MAX: u32 = 1_000_000;

/// Calls at once where the file does not say; the media ports may end first.
const CALLS_DEFAULT: u32 = 10_000;

/// How long a call waits for another owner where the file does not say.
const ORPHAN_TIMEOUT_S: u32 = 30;

const CALLS: Row = Row { key: "calls", default: CALLS_DEFAULT as u64, may_be_off: false };

const TRANSCODED_CALLS: Row =
    Row { key: "transcoded_calls", default: TRANSCODED_CALLS_MAX as u64, may_be_off: true };

const CALLS_PER_SOURCE: Row = Row {
    key: "calls_per_source",
    default: AdmissionLimits::DEFAULT.calls_per_source as u64,
    may_be_off: true,
};

const CALLS_PER_LINE: Row =
    Row { key: "calls_per_line", default: AdmissionLimits::DEFAULT.calls_per_line as u64, may_be_off: true };

const CALLS_PER_SECOND: Row = Row {
    key: "calls_per_second",
    default: AdmissionLimits::DEFAULT.calls_per_second as u64,
    may_be_off: true,
};

const CALLS_PER_SECOND_PER_SOURCE: Row = Row {
    key: "calls_per_second_per_source",
    default: AdmissionLimits::DEFAULT.calls_per_second_per_source as u64,
    may_be_off: true,
};

const CALLS_PER_SECOND_PER_LINE: Row = Row {
    key: "calls_per_second_per_line",
    default: AdmissionLimits::DEFAULT.calls_per_second_per_line as u64,
    may_be_off: true,
};

const REGISTRATIONS: Row =
    Row { key: "registrations", default: LocationLimits::DEFAULT.bindings_max as u64, may_be_off: false };

const REGISTRATIONS_PER_SOURCE: Row = Row {
    key: "registrations_per_source",
    default: LocationLimits::DEFAULT.bindings_per_source_max as u64,
    may_be_off: true,
};

const REGISTRATIONS_PER_LINE: Row = Row {
    key: "registrations_per_line",
    default: LocationLimits::DEFAULT.contacts_per_line_max as u64,
    may_be_off: false,
};

const REGISTRATIONS_PER_SECOND: Row = Row {
    key: "registrations_per_second",
    default: AdmissionLimits::DEFAULT.registrations_per_second as u64,
    may_be_off: true,
};

const REGISTRATIONS_PER_SECOND_PER_SOURCE: Row = Row {
    key: "registrations_per_second_per_source",
    default: AdmissionLimits::DEFAULT.registrations_per_second_per_source as u64,
    may_be_off: true,
};

const SUBSCRIPTIONS: Row =
    Row { key: "subscriptions", default: WatchSetup::DEFAULT.subscriptions_max as u64, may_be_off: false };

const SUBSCRIPTIONS_PER_LINE: Row = Row {
    key: "subscriptions_per_line",
    default: WatchSetup::DEFAULT.subscriptions_per_line_max as u64,
    may_be_off: true,
};

const SUBSCRIPTIONS_PER_SECOND: Row = Row {
    key: "subscriptions_per_second",
    default: AdmissionLimits::DEFAULT.subscriptions_per_second as u64,
    may_be_off: true,
};

const SUBSCRIPTIONS_PER_SECOND_PER_LINE: Row = Row {
    key: "subscriptions_per_second_per_line",
    default: AdmissionLimits::DEFAULT.subscriptions_per_second_per_line as u64,
    may_be_off: true,
};

const CONNECTIONS: Row =
    Row { key: "connections", default: ConnectionLimits::DEFAULT.connections_max as u64, may_be_off: false };

const CONNECTIONS_PER_SOURCE: Row = Row {
    key: "connections_per_source",
    default: ConnectionLimits::DEFAULT.connections_per_source_max as u64,
    may_be_off: true,
};

const HANDSHAKES: Row =
    Row { key: "handshakes", default: ConnectionLimits::DEFAULT.handshakes_max as u64, may_be_off: false };

const HANDSHAKES_PER_SECOND_PER_SOURCE: Row = Row {
    key: "handshakes_per_second_per_source",
    default: ConnectionLimits::DEFAULT.handshakes_per_second_per_source as u64,
    may_be_off: true,
};

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    use trunkline_sip::admission::Limit;
    use trunkline_sip::agent::{Capacity, PEER_SUBSCRIPTIONS_MAX};
    use trunkline_sip::auth::{GUESS_WINDOW, GUESSES_MAX};
    use trunkline_sip::message::Limits as MessageLimits;
    use trunkline_sip::registrar::Registrar;
    use trunkline_sip::{sdp, stream};

    use super::*;
    use crate::Config;

    /// Each with what is counted, and what happens beyond.
    const ROWS: [(&Row, &str, &str); 20] = [
        (&CALLS, "calls at once", "503 with Retry-After; `callunavail` to applications"),
        (&CALLS_PER_SOURCE, "calls at once that lines at one address made", "503 with Retry-After"),
        (&CALLS_PER_LINE, "calls at once that the phones of one line made", "503 with Retry-After"),
        (&CALLS_PER_SECOND, "calls that come in within a second", "503 with Retry-After"),
        (&CALLS_PER_SECOND_PER_SOURCE, "the same of lines at one address", "503 with Retry-After"),
        (&CALLS_PER_SECOND_PER_LINE, "the same of one line", "503 with Retry-After"),
        (&REGISTRATIONS, "contacts of all lines", "503 with Retry-After; refreshes never"),
        (
            &REGISTRATIONS_PER_SOURCE,
            "contacts that were registered from one address",
            "503 with Retry-After; refreshes never",
        ),
        (&REGISTRATIONS_PER_LINE, "contacts of one line", "the one refreshed longest ago gives way"),
        (
            &REGISTRATIONS_PER_SECOND,
            "REGISTERs within a second from where the line is not registered",
            "503 with Retry-After; refreshes never",
        ),
        (
            &REGISTRATIONS_PER_SECOND_PER_SOURCE,
            "the same from one address",
            "503 with Retry-After; refreshes never",
        ),
        (&SUBSCRIPTIONS, "subscriptions of all lines and trunks", "503 with Retry-After"),
        (&SUBSCRIPTIONS_PER_LINE, "subscriptions of one line or trunk", "403"),
        (&SUBSCRIPTIONS_PER_SECOND, "subscriptions that begin within a second", "503 with Retry-After"),
        (&SUBSCRIPTIONS_PER_SECOND_PER_LINE, "the same of one line or trunk", "503 with Retry-After"),
        (
            &TRANSCODED_CALLS,
            "calls at once that began between ends which share no codec",
            "488, as where nothing is transcoded",
        ),
        (&CONNECTIONS, "stream connections", "closed at once"),
        (
            &CONNECTIONS_PER_SOURCE,
            "stream connections with one address, those that are being made included",
            "closed at once",
        ),
        (
            &HANDSHAKES,
            "TLS handshakes of those who came that are not over; an eighth of them from one address",
            "closed at once",
        ),
        (
            &HANDSHAKES_PER_SECOND_PER_SOURCE,
            "TLS handshakes that begin within a second from one address",
            "closed at once",
        ),
    ];

    /// 65536 as `65,536`.
    fn grouped(number: u64) -> String {
        let digits = number.to_string();
        let places = digits.chars().enumerate().flat_map(|(place, digit)| {
            let comma = place > 0 && (digits.len() - place).is_multiple_of(3);
            comma.then_some(',').into_iter().chain([digit])
        });
        places.collect()
    }

    /// Those that a configuration can change.
    fn configurable() -> String {
        let mut text =
            "| key of `[limits]` | default | what is counted | beyond |\n|---|---|---|---|\n".to_owned();
        for (Row { key, default, may_be_off }, what, beyond) in ROWS {
            let off = if *may_be_off { ", 0: none" } else { "" };
            writeln!(text, "| `{key}` | {}{off} | {what} | {beyond} |", grouped(*default)).unwrap();
        }
        text
    }

    /// Those that are part of the program.
    fn fixed() -> String {
        let message = MessageLimits::DEFAULT;
        let registrar = Registrar::DEFAULT;
        let capacity = Capacity::DEFAULT;
        let rows = [
            (message.message_bytes_max, "bytes of a message", "413; a stream is closed"),
            (stream::MESSAGE_BYTES_MAX, "bytes of a message that a stream announces", "the stream is closed"),
            (message.header_bytes_max, "bytes of a header line with its folds", "400"),
            (message.headers_max, "header lines", "400"),
            (message.vias_max, "Via values", "400"),
            (message.uri_bytes_max, "bytes of a Request-URI", "414"),
            (message.contacts_max, "Contact values", "400"),
            (registrar.contacts_max, "contacts that one REGISTER makes", "403"),
            (registrar.paths_max, "Path values of a REGISTER", "403"),
            (sdp::BODY_BYTES_MAX, "bytes of a description", "488"),
            (sdp::MEDIA_MAX, "media sections of a description", "488"),
            (sdp::FORMATS_MAX, "formats of a media section", "488"),
            (sdp::CANDIDATES_MAX, "ICE candidates of a description", "488"),
            (capacity.legs, "legs of a worker", "503 with Retry-After; in dialogs never"),
            (capacity.transactions, "transactions of a worker", "503 with Retry-After; in dialogs never"),
            (capacity.subscriptions, "subscriptions of a worker", "503 with Retry-After"),
            (
                PEER_SUBSCRIPTIONS_MAX,
                "subscriptions of one line or trunk with a worker",
                "480 with Retry-After",
            ),
        ];
        let mut text = "| limit | of what | beyond |\n|---|---|---|\n".to_owned();
        for (limit, what, beyond) in rows {
            writeln!(text, "| {} | {what} | {beyond} |", grouped(limit as u64)).unwrap();
        }
        let window = GUESS_WINDOW.as_secs();
        let what = format!("wrong passwords within {window} s from one source, and for one user from there");
        writeln!(text, "| {GUESSES_MAX} | {what} | 403 without a look at the password |").unwrap();
        text
    }

    fn document() -> (PathBuf, String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/limits.md");
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    }

    /// Replaces the table that begins with this line.
    fn with_table(text: &str, table: &str) -> String {
        let head = table.lines().next().unwrap();
        let before: Vec<&str> = text.lines().take_while(|line| *line != head).collect();
        let after = text.lines().skip(before.len()).skip_while(|line| line.starts_with('|'));
        let lines: Vec<&str> = before.iter().copied().chain(table.lines()).chain(after).collect();
        lines.join("\n") + "\n"
    }

    #[test]
    fn the_document_has_what_the_code_has() {
        let (path, text) = document();
        let wanted = with_table(&with_table(&text, &configurable()), &fixed());
        if std::env::var_os("TRUNKLINE_BLESS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        assert_eq!(document().1, wanted, "docs/limits.md differs; look, then run with TRUNKLINE_BLESS=1");
    }

    #[test]
    fn each_limit_that_refuses_is_in_the_document() {
        let (_, text) = document();
        for limit in Limit::ALL {
            let name = limit.name();
            assert!(text.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn what_is_written_is_what_holds() {
        let parse = |text: &str| Config::parse(Path::new("t.toml"), text).unwrap().limits;
        let default = parse("");
        assert_eq!(default.admission, AdmissionLimits::DEFAULT);
        assert_eq!(default.registrations, LocationLimits::DEFAULT);
        assert_eq!((default.watches, default.connections), (WatchSetup::DEFAULT, ConnectionLimits::DEFAULT));
        // Each key changes the limits, and no two to the same.
        let mut seen = vec![default];
        for (row, ..) in ROWS {
            let limits = parse(&format!("[limits]\n{} = 7", row.key));
            assert!(!seen.contains(&limits), "{}", row.key);
            seen.push(limits);
            let off = Config::parse(Path::new("t.toml"), &format!("[limits]\n{} = 0", row.key));
            assert_eq!(off.is_ok(), row.may_be_off, "{}", row.key);
        }
        assert_eq!(parse("[limits]\ncalls_per_second = 0").admission.calls_per_second, u32::MAX);
    }
}
