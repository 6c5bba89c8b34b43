//! The call-progress tones of countries, as their administrations reported them (ITU-T E.180 Supplement 2).

use super::{Cadence, CallProgress, Segment};

/// One country's tones. Tones that repeat begin again after their last segment.
struct Plan {
    countries: &'static [&'static str],
    dial: &'static [Segment],
    special_dial: &'static [Segment],
    ringback: &'static [Segment],
    busy: &'static [Segment],
    congestion: &'static [Segment],
    call_waiting: &'static [Segment],
}

pub(super) fn cadence(tone: CallProgress, country: &str) -> Cadence {
    let plan = plan(country);
    let (segments, repeats) = match tone {
        CallProgress::Dial => (plan.dial, true),
        CallProgress::SpecialDial => (plan.special_dial, !is_endless(plan.special_dial)),
        CallProgress::Ringback => (plan.ringback, true),
        CallProgress::Busy => (plan.busy, true),
        CallProgress::Congestion => (plan.congestion, true),
        CallProgress::CallWaiting => (plan.call_waiting, true),
        CallProgress::SpecialInformation => (SPECIAL_INFORMATION, true),
        CallProgress::Confirmation => return confirmation(plan),
    };
    Cadence { segments: segments.to_vec(), repeats }
}

pub(super) fn has(country: &str) -> bool {
    PLANS.iter().any(|plan| plan.is_of(country))
}

fn plan(country: &str) -> &'static Plan {
    PLANS.iter().find(|plan| plan.is_of(country)).unwrap_or(&RECOMMENDED)
}

impl Plan {
    fn is_of(&self, country: &str) -> bool {
        self.countries.iter().any(|known| known.eq_ignore_ascii_case(country))
    }
}

/// Three short bursts of dial tone.
fn confirmation(plan: &Plan) -> Cadence {
    let frequencies_hz = plan.dial.first().map_or([425, 0, 0, 0], |segment| segment.frequencies_hz);
    Cadence { segments: vec![Segment { frequencies_hz, on_ms: 100, off_ms: 100 }; 3], repeats: false }
}

/// Whether the last segment never ends.
fn is_endless(segments: &[Segment]) -> bool {
    segments.last().is_some_and(|segment| segment.on_ms == 0)
}

/// E.180 §7: the same three frequencies everywhere.
const SPECIAL_INFORMATION: &[Segment] = &[one(950, 330, 0), one(1_400, 330, 0), one(1_800, 330, 1_000)];

const fn one(hz: u16, on_ms: u16, off_ms: u16) -> Segment {
    Segment { frequencies_hz: [hz, 0, 0, 0], on_ms, off_ms }
}

const fn two(low_hz: u16, high_hz: u16, on_ms: u16, off_ms: u16) -> Segment {
    Segment { frequencies_hz: [low_hz, high_hz, 0, 0], on_ms, off_ms }
}

/// A carrier whose amplitude is modulated: the carrier and its two sidebands.
const fn modulated(hz: u16, by_hz: u16, on_ms: u16, off_ms: u16) -> Segment {
    Segment { frequencies_hz: [hz - by_hz, hz, hz + by_hz, 0], on_ms, off_ms }
}

const fn lasting(hz: u16) -> Segment {
    one(hz, 0, 0)
}

/// E.180 §§2-6: 425 Hz, and the middle of the ranges recommended for each cadence.
const RECOMMENDED: Plan = Plan {
    countries: &[],
    dial: &[lasting(425)],
    special_dial: &[one(425, 500, 50)],
    ringback: &[one(425, 1_000, 4_000)],
    busy: &[one(425, 500, 500)],
    congestion: &[one(425, 200, 200)],
    call_waiting: &[one(425, 200, 600), one(425, 200, 5_000)],
};

/// The stutter of North America: ten bursts, then dial tone.
const NORTH_AMERICAN_STUTTER: &[Segment] = &[
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 100, 100),
    two(350, 440, 0, 0),
];

const PLANS: &[Plan] = &[
    Plan {
        countries: &["US", "CA", "PR"],
        dial: &[two(350, 440, 0, 0)],
        special_dial: NORTH_AMERICAN_STUTTER,
        ringback: &[two(440, 480, 2_000, 4_000)],
        busy: &[two(480, 620, 500, 500)],
        congestion: &[two(480, 620, 250, 250)],
        call_waiting: &[one(440, 300, 10_000)],
    },
    Plan {
        countries: &["DE"],
        dial: &[lasting(425)],
        special_dial: &[two(400, 425, 0, 0)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 480, 480)],
        congestion: &[one(425, 240, 240)],
        call_waiting: &[one(425, 200, 200), one(425, 200, 5_000)],
    },
    Plan {
        countries: &["GB", "IM", "JE", "GG"],
        dial: &[two(350, 440, 0, 0)],
        special_dial: &[two(350, 440, 750, 0), one(440, 750, 0)],
        ringback: &[two(400, 450, 400, 200), two(400, 450, 400, 2_000)],
        busy: &[one(400, 375, 375)],
        congestion: &[one(400, 400, 350), one(400, 225, 525)],
        call_waiting: &[one(400, 100, 4_000)],
    },
    Plan {
        countries: &["IE"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 400, 40)],
        ringback: &[two(400, 450, 400, 200), two(400, 450, 400, 2_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 250, 250)],
        call_waiting: &[one(425, 180, 200), one(425, 200, 4_500)],
    },
    Plan {
        countries: &["FR"],
        dial: &[lasting(440)],
        special_dial: &[two(330, 440, 0, 0)],
        ringback: &[one(440, 1_500, 3_500)],
        busy: &[one(440, 500, 500)],
        congestion: &[one(440, 250, 250)],
        call_waiting: &[one(440, 300, 10_000)],
    },
    Plan {
        countries: &["IT", "SM", "VA"],
        dial: &[one(425, 200, 200), one(425, 600, 1_000)],
        special_dial: &[one(470, 400, 0), one(425, 400, 0)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 400, 100), one(425, 250, 100), one(425, 150, 14_000)],
    },
    Plan {
        countries: &["ES", "AD"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 320, 20)],
        ringback: &[one(425, 1_500, 3_000)],
        busy: &[one(425, 200, 200)],
        congestion: &[one(425, 200, 200), one(425, 200, 200), one(425, 200, 600)],
        call_waiting: &[one(425, 175, 175), one(425, 175, 3_500)],
    },
    Plan {
        countries: &["PT"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 1_000, 200)],
        ringback: &[one(425, 1_000, 5_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 200, 200), one(425, 200, 5_000)],
    },
    Plan {
        countries: &["NL"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 500, 50)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 250, 250)],
        call_waiting: &[one(425, 500, 9_500)],
    },
    Plan {
        countries: &["BE", "LU"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 1_000, 250)],
        ringback: &[one(425, 1_000, 3_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 167, 167)],
        call_waiting: &[one(1_400, 175, 175), one(1_400, 175, 3_500)],
    },
    Plan {
        countries: &["CH", "LI"],
        dial: &[lasting(425)],
        special_dial: &[two(340, 425, 1_100, 1_100)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 200, 200), one(425, 200, 4_000)],
    },
    Plan {
        countries: &["AT"],
        dial: &[lasting(420)],
        special_dial: &[two(380, 420, 0, 0)],
        ringback: &[one(420, 1_000, 5_000)],
        busy: &[one(420, 400, 400)],
        congestion: &[one(420, 200, 200)],
        call_waiting: &[one(420, 40, 1_960)],
    },
    Plan {
        countries: &["SE"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 320, 20)],
        ringback: &[one(425, 1_000, 5_000)],
        busy: &[one(425, 250, 250)],
        congestion: &[one(425, 250, 750)],
        call_waiting: &[one(425, 200, 500), one(425, 200, 5_000)],
    },
    Plan {
        countries: &["NO"],
        dial: &[lasting(425)],
        special_dial: &[one(470, 400, 0), one(425, 400, 0)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 200, 600), one(425, 200, 10_000)],
    },
    Plan {
        countries: &["DK"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 400, 40)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 200, 600), one(425, 200, 3_000)],
    },
    Plan {
        countries: &["FI"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 650, 25)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 300, 300)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 150, 150), one(425, 150, 8_000)],
    },
    Plan {
        countries: &["PL"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 1_000, 50)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 500, 500)],
        congestion: &[one(425, 500, 500)],
        call_waiting: &[one(425, 150, 150), one(425, 150, 4_000)],
    },
    Plan {
        countries: &["CZ", "SK"],
        dial: &[one(425, 330, 330), one(425, 660, 660)],
        special_dial: &[one(425, 165, 165), one(425, 165, 165), one(425, 660, 660)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 330, 330)],
        congestion: &[one(425, 165, 165)],
        call_waiting: &[one(425, 330, 9_000)],
    },
    Plan {
        countries: &["HU"],
        dial: &[lasting(425)],
        special_dial: &[two(375, 425, 0, 0)],
        ringback: &[one(425, 1_250, 3_750)],
        busy: &[one(425, 300, 300)],
        congestion: &[one(425, 300, 300)],
        call_waiting: &[one(425, 40, 1_960)],
    },
    Plan {
        countries: &["GR", "CY"],
        dial: &[one(425, 200, 300), one(425, 700, 800)],
        special_dial: &[one(425, 200, 300), one(425, 700, 800)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 300, 300)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 150, 150), one(425, 150, 8_000)],
    },
    Plan {
        countries: &["RU"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 500, 50)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 400, 400)],
        congestion: &[one(425, 200, 200)],
        call_waiting: &[one(425, 200, 5_000)],
    },
    Plan {
        countries: &["TR"],
        dial: &[lasting(450)],
        special_dial: &[one(450, 1_000, 250)],
        ringback: &[one(450, 2_000, 4_000)],
        busy: &[one(450, 500, 500)],
        congestion: &[one(450, 200, 200), one(450, 200, 200), one(450, 200, 200), one(450, 600, 200)],
        call_waiting: &[one(450, 200, 600), one(450, 200, 8_000)],
    },
    Plan {
        countries: &["IL"],
        dial: &[lasting(400)],
        special_dial: &[one(400, 170, 140)],
        ringback: &[one(400, 1_000, 3_000)],
        busy: &[one(400, 500, 500)],
        congestion: &[one(400, 250, 250)],
        call_waiting: &[one(400, 150, 10_000)],
    },
    Plan {
        countries: &["JP"],
        dial: &[lasting(400)],
        special_dial: &[one(400, 125, 125)],
        ringback: &[modulated(400, 16, 1_000, 2_000)],
        busy: &[one(400, 500, 500)],
        congestion: &[one(400, 500, 500)],
        call_waiting: &[modulated(400, 16, 500, 8_000)],
    },
    Plan {
        countries: &["CN"],
        dial: &[lasting(450)],
        special_dial: &[one(450, 400, 40)],
        ringback: &[one(450, 1_000, 4_000)],
        busy: &[one(450, 350, 350)],
        congestion: &[one(450, 700, 700)],
        call_waiting: &[one(450, 400, 4_000)],
    },
    Plan {
        countries: &["IN"],
        dial: &[modulated(400, 25, 0, 0)],
        special_dial: &[one(400, 2_800, 200)],
        ringback: &[modulated(400, 25, 400, 200), modulated(400, 25, 400, 2_000)],
        busy: &[one(400, 750, 750)],
        congestion: &[one(400, 250, 250)],
        call_waiting: &[one(400, 200, 100), one(400, 200, 7_500)],
    },
    Plan {
        countries: &["SG"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 100, 100)],
        ringback: &[modulated(425, 24, 400, 200), modulated(425, 24, 400, 2_000)],
        busy: &[one(425, 750, 750)],
        congestion: &[one(425, 250, 250)],
        call_waiting: &[modulated(425, 24, 300, 200), modulated(425, 24, 300, 3_200)],
    },
    Plan {
        countries: &["AU"],
        dial: &[two(413, 438, 0, 0)],
        special_dial: &[two(413, 438, 100, 40)],
        ringback: &[two(413, 438, 400, 200), two(413, 438, 400, 2_000)],
        busy: &[one(425, 375, 375)],
        congestion: &[one(425, 375, 375), one(420, 375, 375)],
        call_waiting: &[one(425, 200, 200), one(425, 200, 4_400)],
    },
    Plan {
        countries: &["NZ"],
        dial: &[lasting(400)],
        special_dial: &[one(400, 100, 100)],
        ringback: &[two(400, 450, 400, 200), two(400, 450, 400, 2_000)],
        busy: &[one(400, 500, 500)],
        congestion: &[one(400, 250, 250)],
        call_waiting: &[one(400, 200, 3_000)],
    },
    Plan {
        countries: &["ZA"],
        dial: &[modulated(400, 33, 0, 0)],
        special_dial: &[modulated(400, 33, 500, 500)],
        ringback: &[modulated(400, 33, 400, 200), modulated(400, 33, 400, 2_000)],
        busy: &[one(400, 500, 500)],
        congestion: &[one(400, 250, 250)],
        call_waiting: &[modulated(400, 33, 400, 4_000)],
    },
    Plan {
        countries: &["BR"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 975, 50)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 250, 250)],
        congestion: &[one(425, 250, 250), one(425, 750, 250)],
        call_waiting: &[one(425, 50, 1_000)],
    },
    Plan {
        countries: &["MX"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 500, 50)],
        ringback: &[one(425, 1_000, 4_000)],
        busy: &[one(425, 250, 250)],
        congestion: &[one(425, 250, 250)],
        call_waiting: &[one(425, 200, 600), one(425, 200, 10_000)],
    },
    Plan {
        countries: &["AR"],
        dial: &[lasting(425)],
        special_dial: &[one(425, 1_000, 50)],
        ringback: &[one(425, 1_000, 4_500)],
        busy: &[one(425, 300, 200)],
        congestion: &[one(425, 300, 400)],
        call_waiting: &[one(425, 400, 9_000)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CADENCE_SEGMENTS_MAX;

    #[test]
    fn there_are_at_least_twenty_countries_and_none_twice() {
        let mut countries: Vec<_> = PLANS.iter().flat_map(|plan| plan.countries).collect();
        let all = countries.len();
        countries.sort();
        countries.dedup();
        assert_eq!(countries.len(), all);
        assert!(PLANS.len() >= 20);
        assert!(countries.iter().all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn every_tone_sounds_and_is_played_whole() {
        for code in PLANS.iter().flat_map(|plan| plan.countries).chain([&"??"]) {
            for tone in CallProgress::ALL {
                let cadence = cadence(tone, code);
                assert!(!cadence.segments.is_empty() && cadence.segments.len() <= CADENCE_SEGMENTS_MAX);
                for segment in &cadence.segments {
                    assert!(segment.frequencies_hz[0] >= 300, "{code} {tone:?}");
                    assert!(segment.frequencies_hz.iter().all(|hz| *hz <= 2_000));
                }
                // A segment without end is the last one.
                let endless = cadence.segments.iter().position(|segment| segment.on_ms == 0);
                assert!(endless.is_none_or(|at| at == cadence.segments.len() - 1), "{code} {tone:?}");
            }
        }
    }

    #[test]
    fn tones_of_some_countries() {
        let ringback = |code| cadence(CallProgress::Ringback, code).segments;
        assert_eq!(ringback("us"), [two(440, 480, 2_000, 4_000)]);
        assert_eq!(ringback("DE"), [one(425, 1_000, 4_000)]);
        assert_eq!(ringback("gb"), [two(400, 450, 400, 200), two(400, 450, 400, 2_000)]);
        assert_eq!(ringback("fr"), [one(440, 1_500, 3_500)]);
        assert_eq!(cadence(CallProgress::Busy, "US").segments, [two(480, 620, 500, 500)]);
        assert_eq!(cadence(CallProgress::Dial, "CN").segments, [lasting(450)]);
    }

    #[test]
    fn a_country_without_a_plan_has_the_recommended_one() {
        assert!(!has("XX") && has("de"));
        assert_eq!(cadence(CallProgress::Busy, "XX").segments, [one(425, 500, 500)]);
    }

    #[test]
    fn a_stutter_ends_in_dial_tone_and_a_confirmation_ends() {
        let stutter = cadence(CallProgress::SpecialDial, "US");
        assert!(!stutter.repeats && stutter.segments.last().is_some_and(|segment| segment.on_ms == 0));
        let confirmation = cadence(CallProgress::Confirmation, "US");
        assert_eq!(confirmation.segments, [two(350, 440, 100, 100); 3]);
        assert!(!confirmation.repeats);
    }
}
