//! What a header says, written straight into the message. Nearly all of it is text, numbers and addresses, for which the
//! formatting machinery costs ten times what the copying does.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A value of a header, or a piece of one: a tuple is its pieces in order.
pub trait Value {
    /// Writes it.
    fn write(&self, text: &mut Text<'_>);
}

/// Takes text into a message, with control characters, the tab apart, as spaces.
#[derive(Debug)]
pub struct Text<'a>(&'a mut Vec<u8>);

impl<'a> Text<'a> {
    /// At the end of what is there.
    pub const fn of(bytes: &'a mut Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Writes text.
    pub fn str(&mut self, text: &str) {
        // Without an early end, so that many octets are looked at at once.
        if text.bytes().fold(false, |found, b| found | is_control(b)) {
            self.0.extend(text.bytes().map(|b| if is_control(b) { b' ' } else { b }));
        } else {
            self.0.extend_from_slice(text.as_bytes());
        }
    }

    /// Writes a decimal number.
    pub fn number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
    }

    /// Writes hexadecimal digits, in lower case, as many as are asked for.
    pub fn hexadecimal(&mut self, number: u64, digits: u32) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for place in (0..digits).rev() {
            self.0.push(DIGITS[(number >> (4 * place) & 15) as usize]);
        }
    }

    /// Writes whatever can be printed.
    pub fn display(&mut self, value: impl fmt::Display) {
        write!(self, "{value}").expect("writing to memory, and a Display that does not fail");
    }

    /// Writes an address without brackets.
    pub fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                for (place, octet) in ip.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.0.push(b'.');
                    }
                    self.number(octet.into());
                }
            }
            IpAddr::V6(ip) => self.display(ip),
        }
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.str(text);
        Ok(())
    }
}

/// The value as text.
pub(crate) fn text_of(value: impl Value) -> String {
    let mut bytes = Vec::new();
    value.write(&mut Text::of(&mut bytes));
    String::from_utf8(bytes).expect("only text can be written")
}

const fn is_control(b: u8) -> bool {
    (b < b' ' && b != b'\t') || b == 0x7f
}

impl Value for str {
    fn write(&self, text: &mut Text<'_>) {
        text.str(self);
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn write(&self, text: &mut Text<'_>) {
        (**self).write(text);
    }
}

macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn write(&self, text: &mut Text<'_>) {
                text.str(self);
            }
        }
    )*};
}

as_text!(String, Box<str>, Arc<str>, Cow<'_, str>);

macro_rules! as_number {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            fn write(&self, text: &mut Text<'_>) {
                text.number(u64::from(*self));
            }
        }
    )*};
}

as_number!(u8, u16, u32, u64);

impl Value for usize {
    fn write(&self, text: &mut Text<'_>) {
        text.number(*self as u64);
    }
}

/// A number as it stands in a program.
impl Value for i32 {
    fn write(&self, text: &mut Text<'_>) {
        text.display(self);
    }
}

impl Value for fmt::Arguments<'_> {
    fn write(&self, text: &mut Text<'_>) {
        text.display(self);
    }
}

impl Value for IpAddr {
    fn write(&self, text: &mut Text<'_>) {
        text.ip(*self);
    }
}

/// An IPv6 address in brackets.
impl Value for SocketAddr {
    fn write(&self, text: &mut Text<'_>) {
        match self {
            Self::V4(address) => (IpAddr::V4(*address.ip()), ":", address.port()).write(text),
            Self::V6(_) => text.display(self),
        }
    }
}

impl<A: Value, B: Value> Value for (A, B) {
    fn write(&self, text: &mut Text<'_>) {
        self.0.write(text);
        self.1.write(text);
    }
}

impl<A: Value, B: Value, C: Value> Value for (A, B, C) {
    fn write(&self, text: &mut Text<'_>) {
        self.0.write(text);
        self.1.write(text);
        self.2.write(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_written_as_they_print() {
        for number in [0, 7, 10, 99, 100, 65_535, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(text_of(number), number.to_string());
        }
        for address in ["192.0.2.1:5060", "255.255.255.255:0", "[2001:db8::1]:65535", "[::ffff:192.0.2.1]:1"]
        {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(text_of(address), address.to_string());
            assert_eq!(text_of(address.ip()), address.ip().to_string());
        }
        let mut bytes = Vec::new();
        Text::of(&mut bytes).hexadecimal(0x0a1f, 6);
        assert_eq!(bytes, b"000a1f");
    }

    #[test]
    fn control_characters_become_spaces_and_the_tab_stays() {
        assert_eq!(text_of(("a\r\nb\0", "c\td\x7f", format_args!("{}", "e\x1b"))), "a  b c\td e ");
        assert_eq!(text_of("J\u{f6}rg"), "J\u{f6}rg");
    }
}
