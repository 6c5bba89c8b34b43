//! G.711: µ-law and A-law (ITU-T G.711), sample by sample.

/// Which of the two companding laws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    /// µ-law.
    Mu,
    /// A-law.
    A,
}

/// Compresses one 16-bit sample.
#[inline]
pub const fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => encode_ulaw(sample),
        Law::A => encode_alaw(sample),
    }
}

/// Expands one byte to a 16-bit sample.
#[inline]
pub const fn decode(law: Law, byte: u8) -> i16 {
    match law {
        Law::Mu => decode_ulaw(byte),
        Law::A => decode_alaw(byte),
    }
}

/// Compresses samples into as many bytes; what is left over on either side is not touched.
pub fn compress(law: Law, samples: &[i16], bytes: &mut [u8]) {
    for (sample, byte) in samples.iter().zip(bytes) {
        *byte = encode(law, *sample);
    }
}

/// Expands bytes into as many samples; what is left over on either side is not touched.
pub fn expand(law: Law, bytes: &[u8], samples: &mut [i16]) {
    let table = match law {
        Law::Mu => &EXPANDED_ULAW,
        Law::A => &EXPANDED_ALAW,
    };
    for (byte, sample) in bytes.iter().zip(samples) {
        *sample = table[usize::from(*byte)];
    }
}

static EXPANDED_ULAW: [i16; 256] = expanded(Law::Mu);
static EXPANDED_ALAW: [i16; 256] = expanded(Law::A);

#[expect(clippy::cast_possible_truncation, reason = "the table has an entry for every byte")]
const fn expanded(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = decode(law, byte as u8);
        byte += 1;
    }
    table
}

/// The bias that µ-law adds so that each segment begins at a power of two, in 16-bit samples.
const ULAW_BIAS: u16 = 0x84;
/// The greatest magnitude that µ-law can say, in 16-bit samples.
const ULAW_CLIP: u16 = 32_635;

#[expect(clippy::cast_possible_truncation, reason = "segment and mantissa are masked to three and four bits")]
const fn encode_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    let biased = (if magnitude > ULAW_CLIP { ULAW_CLIP } else { magnitude }) + ULAW_BIAS;
    let segment = 8 - biased.leading_zeros();
    let mantissa = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment as u8) << 4 | mantissa as u8)
}

const fn decode_ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = (((((byte & 0x0f) as i16) << 3) + 0x84) << ((byte >> 4) & 7)) - 0x84;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

#[expect(clippy::cast_possible_truncation, reason = "segment and mantissa are masked to three and four bits")]
const fn encode_alaw(sample: i16) -> u8 {
    // Thirteen bits, of which the negative ones are counted from -1.
    let thirteen = sample >> 3;
    let (sign, magnitude) =
        if thirteen < 0 { (0, (!thirteen).cast_unsigned()) } else { (0x80, thirteen.cast_unsigned()) };
    let segment = if magnitude < 32 { 0 } else { 11 - magnitude.leading_zeros() };
    let mantissa = if segment == 0 { magnitude >> 1 } else { magnitude >> segment };
    (sign | (segment as u8) << 4 | (mantissa & 0x0f) as u8) ^ 0x55
}

const fn decode_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let segment = (byte >> 4) & 7;
    let mantissa = ((byte & 0x0f) as i16) << 4;
    let magnitude = if segment == 0 { mantissa + 8 } else { (mantissa + 0x108) << (segment - 1) };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_standard() {
        for (sample, byte) in [
            (0, 0xff),
            (-1, 0x7f),
            (32_124, 0x80),
            (-32_124, 0x00),
            (i16::MAX, 0x80),
            (i16::MIN, 0x00),
            (132, 0xef),
        ] {
            assert_eq!(encode(Law::Mu, sample), byte, "{sample}");
        }
        for (sample, byte) in
            [(0, 0xd5), (-1, 0x55), (32_256, 0xaa), (-32_256, 0x2a), (i16::MAX, 0xaa), (i16::MIN, 0x2a)]
        {
            assert_eq!(encode(Law::A, sample), byte, "{sample}");
        }
        assert_eq!((decode(Law::Mu, 0xff), decode(Law::Mu, 0x80)), (0, 32_124));
        assert_eq!((decode(Law::A, 0xd5), decode(Law::A, 0xaa)), (8, 32_256));
    }

    #[test]
    fn every_byte_survives_expansion_and_compression() {
        for byte in 0..=u8::MAX {
            assert_eq!(encode(Law::A, decode(Law::A, byte)), byte);
            // µ-law has two zeros.
            if byte != 0x7f {
                assert_eq!(encode(Law::Mu, decode(Law::Mu, byte)), byte);
            }
        }
    }

    #[test]
    fn the_error_is_a_small_part_of_every_sample() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::Mu, Law::A] {
                let error = (i32::from(decode(law, encode(law, sample))) - i32::from(sample)).abs();
                assert!(error <= 16 + i32::from(sample).abs() / 30, "{law:?} {sample} {error}");
            }
        }
    }
}
