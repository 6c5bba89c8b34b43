//! No coder of Opus: there are no values of these types.

/// Codes speech.
#[derive(Debug)]
pub(crate) enum Encoder {}

/// Decodes speech.
#[derive(Debug)]
pub(crate) enum Decoder {}

impl Encoder {
    /// None.
    pub(crate) const fn of(_is_wide: bool, _bits_per_second_max: u32) -> Option<Self> {
        None
    }

    /// Never called.
    pub(crate) const fn encode(&mut self, _samples: &[i16], _payload: &mut [u8]) -> Option<usize> {
        match *self {}
    }
}

impl Decoder {
    /// None.
    pub(crate) const fn of(_is_wide: bool) -> Option<Self> {
        None
    }

    /// Never called.
    pub(crate) const fn decode(&mut self, _payload: &[u8], _samples: &mut [i16]) -> Option<usize> {
        match *self {}
    }

    /// Never called.
    pub(crate) const fn recover(&mut self, _payload: &[u8], _samples: &mut [i16]) -> Option<usize> {
        match *self {}
    }

    /// Never called.
    pub(crate) const fn reset(&mut self) {
        match *self {}
    }
}
