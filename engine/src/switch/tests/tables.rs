//! The tables of the switch, printed whole and compared with `tests/tables/`: a change of behaviour is a changed line of a
//! document. `TRUNKLINE_BLESS=1` writes them.

use std::fmt::Write as _;
use std::path::PathBuf;

use trunkline_sip::outbox::{Cause, CauseKind};

use crate::switch::status::{Failure, of_q850, relayed_status};
use crate::switch::*;

fn compare(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tables").join(name);
    if std::env::var_os("TRUNKLINE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, text, "{name} differs; look, then run with TRUNKLINE_BLESS=1");
}

fn states() -> Vec<CallState> {
    let connected = [
        ConnectedMode::Active,
        ConnectedMode::Inactive,
        ConnectedMode::ActiveHeld,
        ConnectedMode::InactiveHeld,
    ];
    let mut states = vec![
        CallState::Idle,
        CallState::Offering(OfferingMode::Active),
        CallState::Offering(OfferingMode::Inactive),
        CallState::Accepted,
        CallState::DialTone(call_state::DialToneMode::Normal),
        CallState::Dialing,
        CallState::Proceeding,
        CallState::Ringback,
        CallState::Busy(BusyMode::Station),
        CallState::SpecialInfo(SpecialInfo::NoCircuit),
    ];
    states.extend(connected.map(CallState::Connected));
    states.extend([
        CallState::OnHold,
        CallState::OnHoldPendConf,
        CallState::OnHoldPendTransfer,
        CallState::Conferenced,
        CallState::Disconnected(DisconnectMode::Normal),
        CallState::Unknown,
    ]);
    states
}

fn name(state: CallState) -> String {
    let mode = state.mode_name().map(|mode| format!(" ({mode})")).unwrap_or_default();
    format!("{}{mode}", state.name())
}

#[test]
fn every_report_in_every_state() {
    let mut text = String::from(
        "# What a report does to a call\n\nEmpty: nothing for an application to hear.\n\n| state |",
    );
    for report in CallReport::SAMPLES {
        write!(text, " {report:?} |").unwrap();
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(CallReport::SAMPLES.len()));
    for state in states() {
        write!(text, "\n| {} |", name(state)).unwrap();
        for report in CallReport::SAMPLES {
            match advance(state, report) {
                Some(next) => write!(text, " {} |", name(next)).unwrap(),
                None => text.push_str(" |"),
            }
        }
    }
    text.push('\n');
    compare("call_states.md", &text);
}

#[test]
fn every_operation_in_every_state() {
    let mut text = String::from("# Who may do what, and when\n");
    for privilege in [CallPrivilege::Owner, CallPrivilege::Monitor, CallPrivilege::None] {
        write!(text, "\n## {}\n\n| state |", privilege.name()).unwrap();
        for operation in CallOperation::ALL {
            write!(text, " {} |", operation.name()).unwrap();
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(CallOperation::ALL.len()));
        for state in states() {
            write!(text, "\n| {} |", name(state)).unwrap();
            for operation in CallOperation::ALL {
                match permit(state, privilege, operation) {
                    Ok(()) => text.push_str(" yes |"),
                    Err(error) => write!(text, " {error} |").unwrap(),
                }
            }
        }
        text.push('\n');
    }
    compare("permissions.md", &text);
}

#[test]
fn every_status_and_cause() {
    let mut text = String::from(
        "# How a failure reads\n\nrang: the station was alerted before. Retry-After: the refusal named a time.\n\n\
         | status | call of the calling side | rang | Retry-After | status for the caller |\n|---|---|---|---|---|\n",
    );
    let of = |status, rang, retry_after: bool| {
        let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
        Failure { retry_after_s: retry_after.then_some(1), ..Failure::of(cause, rang) }
    };
    let said = |report| match advance(CallState::Proceeding, report) {
        Some(CallState::Disconnected(mode)) => mode.name().to_owned(),
        Some(state) => name(state),
        None => unreachable!("a failure ends a call that is proceeding"),
    };
    let mut rows: Vec<(u16, u16, String)> = Vec::new();
    for status in 300..700 {
        let row = [(false, false), (true, false), (false, true)]
            .map(|(rang, retry_after)| said(of(status, rang, retry_after).report()));
        let same = if row[1] == row[0] { "" } else { &row[1] };
        let again = if row[2] == row[0] { "" } else { &row[2] };
        let same_status = relayed_status(status) == status;
        let relayed = if same_status { "as it is".to_owned() } else { relayed_status(status).to_string() };
        let row = format!("{} | {same} | {again} | {relayed}", row[0]);
        match rows.last_mut() {
            Some((_, last, before)) if *before == row => *last = status,
            _ => rows.push((status, status, row)),
        }
    }
    for (first, last, row) in rows {
        let range = if first == last { first.to_string() } else { format!("{first} to {last}") };
        writeln!(text, "| {range} | {row} |").unwrap();
    }
    text.push_str("\n| Q.850 cause | mode |\n|---|---|\n");
    for cause in 0..128 {
        writeln!(text, "| {cause} | {} |", of_q850(cause).name()).unwrap();
    }
    text.push_str("\n| end | mode | status for the caller | Reason for the other leg |\n|---|---|---|---|\n");
    for kind in [
        CauseKind::Bye,
        CauseKind::Cancel,
        CauseKind::Unreachable,
        CauseKind::NoAck,
        CauseKind::Local,
        CauseKind::Lost,
    ] {
        let failure = Failure::of(Cause { kind, ..Cause::default() }, false);
        let (mode, status, reason) = (failure.mode().name(), failure.status_for_caller(), failure.reason());
        writeln!(text, "| {kind:?} | {mode} | {status} | `{reason}` |").unwrap();
    }
    compare("disconnect_modes.md", &text);
}

#[test]
fn every_error() {
    let mut text = String::from(
        "# LINEERR_ codes in use\n\n| variant | in the API | value in tapi.h |\n|---|---|---|\n",
    );
    for error in LineError::ALL {
        writeln!(text, "| {error:?} | {} | 0x{:08X} |", error.name(), error.code()).unwrap();
    }
    compare("lineerr.md", &text);
}

/// Which operation is valid in which state, as the pages of the TAPI functions say. The columns are those of [`COLUMNS`].
/// `X`: the page says so. `p`: the provider's page only. `v`: any handle, a sole owner's since version 2.0. `m`: in the modes
/// in which another station talks. `s`: not on the page, accepted here. `x`: one of two pages that disagree, refused here.
const PAGES: [(CallOperation, &str); 24] = [
    (CallOperation::Accept, ".X.............."),
    (CallOperation::AddToConference, "..........XX...."),
    (CallOperation::Answer, ".XX......m......"),
    (CallOperation::BlindTransfer, ".........X......"),
    (CallOperation::CompleteCall, ".....pXX........"),
    (CallOperation::CompleteTransfer, "..........X.X..."),
    (CallOperation::DeallocateCall, "Xvvvvvvvvvvvvvvv"),
    (CallOperation::Dial, ".xxXXxxxxxxxxx.x"),
    (CallOperation::Drop, ".XXXXXXXXXXXXXXX"),
    (CallOperation::GetConfRelatedCalls, "XXXXXXXXXXXXXXXX"),
    (CallOperation::Handoff, "XXXXXXXXXXXXXXXX"),
    (CallOperation::Hold, ".........X......"),
    (CallOperation::MonitorDigits, ".XXXXXXXXXXXXX.X"),
    (CallOperation::MonitorMedia, ".XXXXXXXXXXXXXXX"),
    (CallOperation::Park, ".........X......"),
    (CallOperation::PrepareAddToConference, ".........X......"),
    (CallOperation::Redirect, ".Xs............."),
    (CallOperation::RemoveFromConference, ".............X.."),
    (CallOperation::SecureCall, "xXXXXXXXXXXXXXXX"),
    (CallOperation::SendUserUserInfo, ".XX...X..X......"),
    (CallOperation::SetupConference, ".........X......"),
    (CallOperation::SetupTransfer, ".........X......"),
    (CallOperation::SwapHold, ".........X......"),
    // The first party's call while a conference is set up (lineSetupConference): the set-up is cancelled.
    (CallOperation::Unhold, "..........XXXs.."),
];

const COLUMNS: [&str; 16] = [
    "idle",
    "offering",
    "accepted",
    "dialtone",
    "dialing",
    "proceeding",
    "ringback",
    "busy",
    "specialinfo",
    "connected",
    "onhold",
    "onholdpendconf",
    "onholdpendtransfer",
    "conferenced",
    "disconnected",
    "unknown",
];

#[test]
fn what_is_permitted_is_what_the_pages_say() {
    for (operation, page) in PAGES {
        for state in states() {
            let column = COLUMNS.iter().position(|column| *column == state.name()).unwrap();
            let expected = match page.as_bytes()[column] {
                b'X' | b'p' | b'v' | b's' => true,
                b'm' => matches!(
                    state,
                    CallState::Connected(ConnectedMode::Inactive | ConnectedMode::InactiveHeld)
                ),
                _ => false,
            };
            let is_permitted = permit(state, CallPrivilege::Owner, operation).is_ok();
            assert_eq!(is_permitted, expected, "{} in {}", operation.name(), name(state));
        }
    }
}
