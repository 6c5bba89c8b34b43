//! Text from users into the grammar of SIP.

/// A display name as quoted string: backslash and quote escaped, control characters as spaces (RFC 3261 §25.1).
pub fn quote_display(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => quoted.push(' '),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A user part: every octet that is neither `unreserved` nor `user-unreserved` as `%HH` (RFC 3261 §25.1).
pub fn escape_user(user: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(user.len());
    for octet in user.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&octet) {
            escaped.push(octet.into());
        } else {
            escaped.push('%');
            escaped.push(HEX[usize::from(octet >> 4)].into());
            escaped.push(HEX[usize::from(octet & 15)].into());
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{NameAddr, Uri};

    #[test]
    fn quoting_is_undone_by_reading() {
        for name in ["", "Alice", r#"a "b" \c"#, "J\u{f6}rg <sip:x>, Jr."] {
            let text = format!("{} <sip:a@b>", quote_display(name));
            assert_eq!(NameAddr::parse(&text).unwrap().display_name(), name);
        }
        assert_eq!(quote_display("a\r\nVia: x\0"), "\"a  Via: x \"");
    }

    #[test]
    fn escaping_is_undone_by_reading() {
        for user in ["alice", "+4930123", "a@b:c", "50%", "a b\r\n", "j\u{f6}rg", "#31#"] {
            let text = format!("sip:{}@h", escape_user(user));
            assert_eq!(Uri::parse(&text).unwrap().user_unescaped(), user);
        }
        assert_eq!(escape_user("*97;x=1"), "*97;x=1");
    }
}
