//! Digits: said to a far end ([`Saying`]) and heard from it ([`Ear`]), as RFC 4733 events or as DTMF tones (ITU-T Q.23).

mod ear;
mod event;
mod inband;
mod saying;

pub(crate) use ear::{Ear, Told};
pub(crate) use saying::{Said, Saying};

/// The low group of DTMF, in hertz, by the row of the keypad.
const ROWS_HZ: [u16; 4] = [697, 770, 852, 941];
/// The high group, by the column.
const COLUMNS_HZ: [u16; 4] = [1_209, 1_336, 1_477, 1_633];
/// The keypad, row by row.
const KEYPAD: [u8; 16] = *b"123A456B789C*0#D";

/// Digits by their event code (RFC 4733 §3.2); the sixteenth is a hook flash.
const EVENTS: [u8; 17] = *b"0123456789*#ABCD!";

/// The event code of a digit.
fn event(digit: u8) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    (0..).zip(EVENTS).find(|(_, known)| *known == digit).map(|(event, _)| event)
}

/// The digit of an event code.
fn digit(event: u8) -> Option<u8> {
    EVENTS.get(usize::from(event)).copied()
}

/// The two frequencies of a digit.
fn frequencies(digit: u8) -> Option<(u16, u16)> {
    let place = KEYPAD.iter().position(|known| *known == digit.to_ascii_uppercase())?;
    Some((ROWS_HZ[place / 4], COLUMNS_HZ[place % 4]))
}
