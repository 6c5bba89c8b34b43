//! What somebody says, written into a URI (RFC 3986 §2.1).

/// A path with what is asked for behind the `?`.
pub(crate) fn asking<'a>(path: &str, said: impl IntoIterator<Item = (&'static str, &'a str)>) -> String {
    let mut asking = path.to_owned();
    for (place, (name, value)) in said.into_iter().enumerate() {
        asking.push(if place == 0 { '?' } else { '&' });
        asking += name;
        asking.push('=');
        encode(value, &mut asking);
    }
    asking
}

/// Appends a text whose characters mean nothing where it stands.
pub(crate) fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte))
            }
            _ => *into += &format!("%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_stays_in_its_place() {
        assert_eq!(asking("/v1/records", []), "/v1/records");
        let said = [("line", "a&b"), ("to", "2026-11-23T06:00:00+01:00")];
        assert_eq!(
            asking("/v1/records", said),
            "/v1/records?line=a%26b&to=2026-11-23T06%3A00%3A00%2B01%3A00"
        );
    }
}
