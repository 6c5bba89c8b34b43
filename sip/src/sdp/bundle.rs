//! Names of sections and the transport that they share (RFC 5888, RFC 9143): browsers that bundle take no description without.

use bytes::Bytes;

use super::{SessionDescription, attribute};

/// The sections of a leg that share a transport.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bundle {
    /// The names of the sections, in their order; empty for those that are not in the group.
    names: Vec<Bytes>,
}

impl Bundle {
    /// What a far end bundles. `None`: nothing.
    pub fn described(description: &SessionDescription) -> Option<Self> {
        let bundled = description.lines.iter().find_map(|line| {
            let mut words = attribute(line, "group")?.split(u8::is_ascii_whitespace);
            words.next()?.eq_ignore_ascii_case(b"BUNDLE").then_some(words)
        })?;
        let is_bundled = |name: &[u8]| !name.is_empty() && bundled.clone().any(|bundled| bundled == name);
        let names = description.media.iter().map(|section| {
            let line = section.lines.iter().find_map(|line| {
                let name = attribute(line, "mid")?.trim_ascii();
                is_bundled(name).then(|| line.slice_ref(name))
            });
            line.unwrap_or_default()
        });
        Some(Self { names: names.collect() })
    }

    /// For an offer of ours with so many sections: all of them, by their number.
    pub fn of_sections(count: usize) -> Self {
        Self { names: (0..count).map(|index| Bytes::from(index.to_string())).collect() }
    }

    /// Names the sections of our description, and bundles those that have a port.
    pub fn write(&self, description: &mut SessionDescription) {
        let mut group = b"a=group:BUNDLE".to_vec();
        let named = description.media.iter_mut().zip(&self.names).filter(|(_, name)| !name.is_empty());
        for (section, name) in named {
            section.lines.push(Bytes::from([b"a=mid:", &name[..]].concat()));
            if section.port != 0 {
                group.push(b' ');
                group.extend_from_slice(name);
            }
        }
        description.lines.push(Bytes::from(group));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(group: &str, sections: &str) -> SessionDescription {
        SessionDescription::parse(&Bytes::from(format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{group}{sections}")))
            .unwrap()
    }

    const SECTIONS: &str = "m=audio 4000 RTP/AVP 0\r\na=mid:speech\r\nm=video 4000 RTP/AVP 99\r\na=mid: 1 \r\n\
                            m=image 4000 udptl t38\r\na=mid:fax\r\nm=text 4000 RTP/AVP 98\r\n";

    /// The session's lines, and the last of each section.
    fn written(bundle: &Bundle, ports: [u16; 2]) -> Vec<String> {
        let mut ours = parsed("", "m=audio 1 RTP/AVP 0\r\na=x\r\nm=video 1 RTP/AVP 99\r\na=y\r\n");
        ours.media.iter_mut().zip(ports).for_each(|(section, port)| section.port = port);
        bundle.write(&mut ours);
        let last = ours.media.iter().filter_map(|section| section.lines.last());
        ours.lines.iter().chain(last).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
    }

    #[test]
    fn sections_keep_the_names_of_the_far_end() {
        let bundle = Bundle::described(&parsed("a=group:BUNDLE speech 1\r\n", SECTIONS)).unwrap();
        assert_eq!(bundle.names, ["speech", "1", "", ""]);
        assert_eq!(written(&bundle, [20_000, 0]), ["a=group:BUNDLE speech", "a=mid:speech", "a=mid:1"]);
    }

    #[test]
    fn who_bundles_nothing_is_told_no_names() {
        for group in ["", "a=group:LS speech 1\r\n", "a=group\r\n"] {
            assert_eq!(Bundle::described(&parsed(group, SECTIONS)), None, "{group}");
        }
    }

    #[test]
    fn our_own_sections_are_numbered() {
        let bundle = Bundle::of_sections(2);
        assert_eq!(written(&bundle, [20_000, 0]), ["a=group:BUNDLE 0", "a=mid:0", "a=mid:1"]);
        assert_eq!(written(&Bundle::of_sections(1), [20_000, 0]), ["a=group:BUNDLE 0", "a=mid:0", "a=y"]);
    }
}
