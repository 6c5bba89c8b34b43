//! Tones: what they are made of ([`Cadence`]), the call-progress tones of each country ([`CallProgress`]), and their sound.

mod country;
mod sound;

use std::sync::Arc;

pub(crate) use sound::{Oscillator, Sounding};

use crate::limits::CADENCE_SEGMENTS_MAX;

/// A stretch of tone and the silence after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// The frequencies that sound together, in hertz; 0 for none.
    pub frequencies_hz: [u16; 4],
    /// How long they sound, in milliseconds; 0 without end.
    pub on_ms: u16,
    /// The silence after them, in milliseconds.
    pub off_ms: u16,
}

/// A tone: its segments one after the other, once or for ever.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cadence {
    /// The segments; those beyond [`CADENCE_SEGMENTS_MAX`] are not played.
    pub segments: Vec<Segment>,
    /// Whether the first follows the last.
    pub repeats: bool,
}

impl Cadence {
    /// The segments that are played.
    pub(crate) fn played(&self) -> &[Segment] {
        &self.segments[..self.segments.len().min(CADENCE_SEGMENTS_MAX)]
    }
}

/// What a network says about a call by tones (ITU-T E.180).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallProgress {
    /// Dial.
    Dial,
    /// Dial, though a service such as forwarding is active, or in a consultation.
    SpecialDial,
    /// The destination rings.
    Ringback,
    /// The destination is busy.
    Busy,
    /// The network has no way.
    Congestion,
    /// Somebody calls while one talks.
    CallWaiting,
    /// The call cannot be completed; an announcement tells why.
    SpecialInformation,
    /// A service was switched on or off.
    Confirmation,
}

impl CallProgress {
    /// Every tone.
    pub const ALL: [Self; 8] = [
        Self::Dial,
        Self::SpecialDial,
        Self::Ringback,
        Self::Busy,
        Self::Congestion,
        Self::CallWaiting,
        Self::SpecialInformation,
        Self::Confirmation,
    ];

    /// The tone as played in a country, by its ISO 3166 alpha-2 code in either case. A country that is not in the table has
    /// the 425 Hz plan that ITU-T E.180 recommends.
    pub fn cadence(self, country: &str) -> Arc<Cadence> {
        Arc::new(country::cadence(self, country))
    }
}

/// Whether the table has a plan for the country.
pub fn has_country(country: &str) -> bool {
    country::has(country)
}
