//! Every limit on a message, in one place.

/// Counts and lengths beyond which a message is refused. [`Limits::DEFAULT`] is what the daemon uses.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A whole message, in bytes: 413.
    pub message_bytes_max: usize,
    /// One header line with its folds, in bytes: 400.
    pub header_bytes_max: usize,
    /// Header lines: 400.
    pub headers_max: usize,
    /// Via values: 400.
    pub vias_max: usize,
    /// Request-URI, in bytes: 414.
    pub uri_bytes_max: usize,
    /// Contact values of one message: 400.
    pub contacts_max: usize,
}

impl Limits {
    /// What practice asks for: generous for real phones, hostile to bombs.
    pub const DEFAULT: Self = Self {
        message_bytes_max: 65_535,
        header_bytes_max: 8_192,
        headers_max: 256,
        vias_max: 70,
        uri_bytes_max: 2_048,
        contacts_max: 32,
    };
}

/// Parameters or headers of one URI that [`Uri::equals`](super::Uri::equals) compares as sets; above that, only equal text
/// is equal.
pub(super) const URI_ELEMENTS_COMPARED_MAX: usize = 64;
