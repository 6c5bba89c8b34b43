//! What networks tell each other for their bills (RFC 7315 §4.5, §4.6).

use crate::message::{HeaderName, Message};

/// The header lines of a message, each at most once.
pub(crate) fn of(message: &Message) -> Vec<(&'static str, String)> {
    if !message.names().any(|name| name == HeaderName::Other) {
        return Vec::new();
    }
    let lines = NAMES.into_iter().filter_map(|name| Some((name, message.other(name)?)));
    let lines = lines.filter(|(_, value)| !value.is_empty() && value.len() <= VALUE_BYTES_MAX);
    lines.map(|(name, value)| (name, value.to_owned())).collect()
}

const NAMES: [&str; 2] = ["P-Charging-Vector", "P-Charging-Function-Addresses"];

/// A longer one is left out.
const VALUE_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(headers: &str) -> Vec<(&'static str, String)> {
        let text = format!("SIP/2.0 200 OK\r\nCall-ID: c\r\n{headers}Content-Length: 0\r\n\r\n");
        of(&Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap())
    }

    #[test]
    fn each_is_read_once() {
        let both = "p-charging-function-addresses: ccf=192.0.2.1; ecf=192.0.2.2\r\nP-Charging-Vector: icid-value=1\r\n\
                    P-Charging-Vector: icid-value=2\r\nP-Charging: x\r\n";
        assert_eq!(
            read(both),
            [
                ("P-Charging-Vector", "icid-value=1".to_owned()),
                ("P-Charging-Function-Addresses", "ccf=192.0.2.1; ecf=192.0.2.2".to_owned())
            ]
        );
        assert_eq!(read("Server: x\r\n"), []);
        assert_eq!(read("P-Charging-Vector:\r\n"), []);
        let long = |octets: usize| read(&format!("P-Charging-Vector: {}\r\n", "a".repeat(octets))).len();
        assert_eq!((long(VALUE_BYTES_MAX), long(VALUE_BYTES_MAX + 1)), (1, 0));
    }
}
