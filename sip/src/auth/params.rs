//! The parameters of a `Digest` challenge or response (RFC 7616 §3.3, §3.4), read once and without guessing.

use std::borrow::Cow;

use smallvec::SmallVec;

/// The parameters, each name at most once.
#[derive(Debug)]
pub(super) struct Params<'a> {
    fields: SmallVec<[Field<'a>; 12]>,
}

#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    name: &'a str,
    /// Without the surrounding quotes, escapes as sent.
    raw: &'a str,
    is_quoted: bool,
}

/// More parameters than this are no digest.
const PARAMS_MAX: usize = 32;

impl<'a> Params<'a> {
    /// Reads a header value. `None` for another scheme, for text that does not parse, and where a name appears twice:
    /// who reads the first and who reads the last would then disagree.
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (scheme, mut rest) = value.trim_ascii().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut params = Self { fields: SmallVec::new() };
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
            if rest.is_empty() {
                return Some(params);
            }
            let (field, after) = Field::split(rest)?;
            if params.fields.len() == PARAMS_MAX || params.field(field.name).is_some() {
                return None;
            }
            params.fields.push(field);
            rest = after;
        }
    }

    /// The value, without quotes and escapes.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.field(name).map(|field| field.plain())
    }

    /// The value without its quotes, escapes as sent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.field(name).map(|field| field.raw)
    }

    fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

impl<'a> Field<'a> {
    /// The parameter at the start of `text`, and what follows it.
    fn split(text: &'a str) -> Option<(Self, &'a str)> {
        let (name, value) = text.split_once('=')?;
        let name = name.trim_ascii_end();
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return None;
        }
        let value = value.trim_ascii_start();
        match value.strip_prefix('"') {
            Some(inside) => {
                let end = closing_quote(inside)?;
                let after = inside[end + 1..].trim_ascii_start();
                (after.is_empty() || after.starts_with(','))
                    .then_some((Self { name, raw: &inside[..end], is_quoted: true }, after))
            }
            None => {
                let (raw, after) = value.split_at(value.find(',').unwrap_or(value.len()));
                let raw = raw.trim_ascii_end();
                let is_token = !raw.is_empty() && !raw.contains([' ', '\t', '"']);
                is_token.then_some((Self { name, raw, is_quoted: false }, after))
            }
        }
    }

    fn plain(&self) -> Cow<'a, str> {
        if !self.is_quoted || !self.raw.contains('\\') {
            return Cow::Borrowed(self.raw);
        }
        let mut plain = String::with_capacity(self.raw.len());
        let mut chars = self.raw.chars();
        while let Some(char) = chars.next() {
            plain.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
        }
        Cow::Owned(plain)
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })
}

/// `text` as the inside of a quoted string.
pub(super) fn quoted(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '\\']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_parameter() {
        let params = Params::parse(
            "dIgEsT username=\"a \\\"b\\\" \\\\c\" ,realm = \"x, y=z\",,nc=00000001,\tqop=auth, Cnonce=\"\", uri=\"sip:a;b=c\"",
        )
        .unwrap();
        assert_eq!(params.get("Username").unwrap(), "a \"b\" \\c");
        assert_eq!(params.raw("username").unwrap(), "a \\\"b\\\" \\\\c");
        assert_eq!(params.get("realm").unwrap(), "x, y=z");
        assert_eq!(params.get("nc").unwrap(), "00000001");
        assert_eq!(params.get("qop").unwrap(), "auth");
        assert_eq!(params.get("cnonce").unwrap(), "");
        assert_eq!(params.get("uri").unwrap(), "sip:a;b=c");
        assert_eq!(params.get("opaque"), None);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for value in [
            "",
            "Digest",
            "NoOneKnowsThisScheme opaque-data=here",
            "Basic dXNlcg==",
            "Digest realm",
            "Digest =x",
            "Digest realm=\"x",
            "Digest realm=\"x\\\"",
            "Digest realm=\"x\"y",
            "Digest realm=x y",
            "Digest realm=",
            "Digest re alm=x",
            "Digest realm=\"x\", REALM=\"y\"",
        ] {
            assert!(Params::parse(value).is_none(), "{value}");
        }
        let many = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join(",");
        assert!(Params::parse(&format!("Digest {}", many(PARAMS_MAX))).is_some());
        assert!(Params::parse(&format!("Digest {}", many(PARAMS_MAX + 1))).is_none());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Digest )?[ -~\u{e4}\t]{0,80}") {
            if let Some(params) = Params::parse(&text) {
                params.fields.iter().for_each(|field| { field.plain(); });
            }
        }

        #[test]
        fn quoting_is_undone_by_reading(value in "[ -~\u{e4}]{0,40}") {
            let text = format!("Digest a=\"{}\", b=c", quoted(&value));
            prop_assert_eq!(Params::parse(&text).unwrap().get("a").unwrap(), value);
        }
    }
}
