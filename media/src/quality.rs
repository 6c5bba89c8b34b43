//! How speech sounds after its way through a network, estimated from loss and delay: the E-model of ITU-T G.107 in its simplified
//! form.
//!
//! ```text
//! R     = 93.2 − Id − Ie,eff                       G.107 with everything but delay and loss at its defaults
//! Id    = 0.024·d + 0.11·(d − 177.3)·H(d − 177.3)  d: one way, in milliseconds (Cole and Rosenbluth 2001, a fit of G.107)
//! Ie,eff = Ie + (95 − Ie)·Ppl / (Ppl + Bpl)        Ppl: loss in percent, taken as random; Ie and Bpl of the codec: G.113
//! MOS   = 1 + 0.035·R + 7·10⁻⁶·R·(R − 60)·(100 − R)   for R from 0 to 100 (G.107 Annex B), never below 1
//! ```
//!
//! `d` is half the round trip, one packet, and a jitter buffer of twice the jitter. What the relay cannot see is left out: echo,
//! noise, the far network, a jitter buffer that drops what is late.

/// What a codec takes from the rating (ITU-T G.113 Appendix I).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Impairment {
    /// Ie, without loss.
    pub ie: u8,
    /// Bpl, how well it bears random loss, in tenths.
    pub bpl_x10: u16,
}

impl Impairment {
    /// G.711 with its packet loss concealment (Appendix I of G.711), which every phone has in some form. Taken for whatever G.113
    /// has no figures for.
    pub const G711: Self = Self { ie: 0, bpl_x10: 251 };

    /// That of an encoding by its name in SDP, in either case.
    pub fn of_encoding(name: &str) -> Self {
        let known = [
            ("G729", Self { ie: 11, bpl_x10: 190 }),
            ("G723", Self { ie: 15, bpl_x10: 161 }),
            ("AMR", Self { ie: 5, bpl_x10: 100 }),
            ("GSM-EFR", Self { ie: 5, bpl_x10: 100 }),
            // G.113 gives Ie alone for these; Bpl is that of GSM-EFR.
            ("GSM", Self { ie: 20, bpl_x10: 100 }),
            ("G728", Self { ie: 7, bpl_x10: 100 }),
            ("G726-32", Self { ie: 7, bpl_x10: 100 }),
        ];
        let named = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map_or(Self::G711, |(_, impairment)| *impairment)
    }
}

/// What became of a stream on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Way {
    /// Packets that arrived, each counted once.
    pub arrived: u64,
    /// Packets that did not.
    pub lost: u64,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u32,
    /// There and back, in microseconds; 0 where it is not known.
    pub round_trip_us: u32,
}

/// The length of a packet, as it is with nearly every phone.
const PACKET_MS: f64 = 20.0;

impl Way {
    /// Lost packets of those that were sent, in millionths; `None` where nothing was sent.
    pub fn loss_ppm(&self) -> Option<u32> {
        let sent = self.arrived.saturating_add(self.lost);
        let ppm = (u128::from(self.lost) * 1_000_000).checked_div(u128::from(sent))?;
        u32::try_from(ppm).ok()
    }

    /// The rating R, 0 to 93.2; `None` where nothing was sent.
    pub fn rating(&self, codec: Impairment) -> Option<f64> {
        let loss_percent = f64::from(self.loss_ppm()?) / 10_000.0;
        let delay_ms =
            f64::from(self.round_trip_us) / 2_000.0 + PACKET_MS + f64::from(self.jitter_us) / 500.0;
        let delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
        let (ie, bpl) = (f64::from(codec.ie), f64::from(codec.bpl_x10) / 10.0);
        let equipment = ie + (95.0 - ie) * loss_percent / (loss_percent + bpl);
        Some((93.2 - delay - equipment).max(0.0))
    }

    /// The mean opinion score that listeners would give, in hundredths: 100 (bad) to 441; `None` where nothing was sent.
    pub fn mos_x100(&self, codec: Impairment) -> Option<u16> {
        let r = self.rating(codec)?;
        let mos = 1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "R is 0 to 93.2, so that it is 1 to 4.41"
        )]
        Some((mos.max(1.0) * 100.0).round() as u16)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn way(lost: u64, jitter_ms: u32, round_trip_ms: u32) -> Way {
        Way {
            arrived: 1_000 - lost,
            lost,
            jitter_us: jitter_ms * 1_000,
            round_trip_us: round_trip_ms * 1_000,
        }
    }

    #[test]
    fn scores_are_those_computed_by_hand() {
        let g729 = Impairment::of_encoding("g729");
        for (way, codec, mos) in [
            // R = 93.2 − 0.48 = 92.72
            (way(0, 0, 0), Impairment::G711, 440),
            // 2 %: Ie,eff = 95·2 / 27.1 = 7.011; R = 85.709
            (way(20, 0, 0), Impairment::G711, 422),
            // 5 %, d = 20 + 150 + 60 = 230: Id = 5.52 + 5.797, Ie,eff = 11 + 84·5/24 = 28.5; R = 53.383
            (way(50, 30, 300), g729, 275),
            // 10 %: Ie,eff = 95·10 / 35.1 = 27.066; R = 65.654
            (way(100, 0, 0), Impairment::G711, 339),
            // d = 420: Id = 10.08 + 26.697; R = 56.423
            (way(0, 0, 800), Impairment::G711, 291),
            (way(1_000, 0, 0), Impairment::G711, 116),
        ] {
            assert_eq!(way.mos_x100(codec), Some(mos), "{way:?}");
        }
        assert_eq!(Way::default().mos_x100(Impairment::G711), None);
    }

    #[test]
    fn loss_is_of_what_was_sent() {
        assert_eq!(way(20, 0, 0).loss_ppm(), Some(20_000));
        assert_eq!(Way { arrived: 2, lost: 1, ..Way::default() }.loss_ppm(), Some(333_333));
    }

    proptest! {
        #[test]
        fn a_worse_way_never_sounds_better(
            arrived in 0_u64..u64::MAX / 2,
            lost in 0_u64..u64::MAX / 2,
            jitter_us: u32,
            round_trip_us: u32,
        ) {
            let way = Way { arrived, lost, jitter_us, round_trip_us };
            for codec in ["PCMU", "G729", "GSM"].map(Impairment::of_encoding) {
                let Some(mos) = way.mos_x100(codec) else { continue };
                prop_assert!((100..=441).contains(&mos));
                let lossier = Way { lost: lost.saturating_mul(2), ..way };
                prop_assert!(lossier.mos_x100(codec).unwrap() <= mos);
                let slower = Way { round_trip_us: round_trip_us.saturating_add(50_000), ..way };
                prop_assert!(slower.mos_x100(codec).unwrap() <= mos);
            }
        }
    }
}
