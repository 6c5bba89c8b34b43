//! Writing a session description (RFC 8866 §5).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::parse::{RANK_AFTER_CONNECTION, RANK_AFTER_TIME, media_rank, session_rank};
use super::{MediaDescription, Origin, OwnIce, SessionDescription};
use crate::message::{Text, Value};

impl SessionDescription {
    /// Writes it with this origin and with `address` for every unspecified address.
    ///
    /// The user name is a word and not `-`, because SIPp's `regexp` scenario asks for one. `c=0.0.0.0`, the hold of
    /// RFC 2543, is never written.
    pub fn print(&self, origin: Origin, address: IpAddr) -> Bytes {
        let mut out = Vec::with_capacity(self.printed_bytes());
        let Origin { id, version } = origin;
        out.extend_from_slice(b"v=0\r\no=trunkline ");
        text(&mut out, (id, " ", version));
        text(&mut out, (" IN ", Address(address)));
        out.extend_from_slice(b"\r\ns=-\r\n");
        let (before_connection, rest) = split(&self.lines, session_rank, RANK_AFTER_CONNECTION);
        let (before_time, after_time) = split(rest, session_rank, RANK_AFTER_TIME);
        keep(&mut out, before_connection);
        let connection = self.printed_connection(address);
        if let Some(connection) = connection {
            line(&mut out, ("c=IN ", Address(connection)));
        }
        keep(&mut out, before_time);
        out.extend_from_slice(b"t=0 0\r\n");
        keep(&mut out, after_time);
        if self.media.iter().any(|media| matches!(media.printed_ice(), Some(OwnIce::Lite(_)))) {
            out.extend_from_slice(b"a=ice-lite\r\n");
        }
        if let Some(direction) = self.direction {
            line(&mut out, ("a=", direction.name()));
        }
        for media in &self.media {
            media.print(&mut out, connection, address);
        }
        // Legs keep it for as long as they last: without the room that was left.
        Bytes::copy_from_slice(&out)
    }

    /// The session-level address; ours also where a section would otherwise have none.
    fn printed_connection(&self, address: IpAddr) -> Option<IpAddr> {
        let wanted = self.media.iter().any(|media| media.connection.is_none());
        self.connection.map(|connection| filled(connection, address)).or_else(|| wanted.then_some(address))
    }

    fn printed_bytes(&self) -> usize {
        let lines = |lines: &[Bytes]| lines.iter().map(|line| line.len() + 2).sum::<usize>();
        let ice = |media: &MediaDescription| if media.ice.is_some() { 256 } else { 0 };
        let sections =
            self.media.iter().map(|media| 160 + ice(media) + 4 * media.formats.len() + lines(&media.lines));
        160 + lines(&self.lines) + sections.sum::<usize>()
    }
}

impl MediaDescription {
    fn print(&self, out: &mut Vec<u8>, session: Option<IpAddr>, address: IpAddr) {
        out.extend_from_slice(b"m=");
        out.extend_from_slice(&self.kind);
        text(out, (" ", self.port, " "));
        out.extend_from_slice(&self.protocol);
        for format in &self.formats {
            out.push(b' ');
            out.extend_from_slice(format);
        }
        out.extend_from_slice(b"\r\n");
        let (before_connection, rest) = split(&self.lines, media_rank, 1);
        keep(out, before_connection);
        let connection = self.connection.map(|connection| filled(connection, address));
        if let Some(connection) = connection
            && session != Some(connection)
        {
            line(out, ("c=IN ", Address(connection)));
        }
        keep(out, rest);
        match self.rtcp {
            None => {}
            Some((port, None)) => line(out, ("a=rtcp:", port)),
            Some((port, Some(host))) => {
                line(out, ("a=rtcp:", (port, " IN "), Address(filled(host, address))));
            }
        }
        if self.rtcp_mux {
            out.extend_from_slice(b"a=rtcp-mux\r\n");
        }
        if let Some(ice) = self.printed_ice() {
            let rtp = SocketAddr::new(connection.or(session).unwrap_or(address), self.port);
            let rtcp_port = self.rtcp.map_or_else(|| self.port.checked_add(1), |(port, _)| Some(port));
            ice.print(out, rtp, rtcp_port.filter(|_| !self.rtcp_mux));
        }
        if let Some(direction) = self.direction {
            line(out, ("a=", direction.name()));
        }
    }

    /// Our side of ICE, where the section has ports.
    fn printed_ice(&self) -> Option<&OwnIce> {
        self.ice.as_ref().filter(|_| self.port != 0)
    }
}

/// The lines below this rank, and the others. Lines that were parsed are sorted by rank.
fn split(lines: &[Bytes], rank: fn(&[u8]) -> u8, from: u8) -> (&[Bytes], &[Bytes]) {
    let at = lines.iter().position(|line| rank(line) >= from).unwrap_or(lines.len());
    lines.split_at(at)
}

fn keep(out: &mut Vec<u8>, lines: &[Bytes]) {
    for line in lines {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

fn filled(address: IpAddr, ours: IpAddr) -> IpAddr {
    if address.is_unspecified() { ours } else { address }
}

pub(super) fn text(out: &mut Vec<u8>, value: impl Value) {
    value.write(&mut Text::of(out));
}

pub(super) fn line(out: &mut Vec<u8>, value: impl Value) {
    text(out, value);
    out.extend_from_slice(b"\r\n");
}

/// `IP4 192.0.2.1`, `IP6 2001:db8::1`.
struct Address(IpAddr);

impl Value for Address {
    fn write(&self, text: &mut Text<'_>) {
        text.str(if self.0.is_ipv4() { "IP4 " } else { "IP6 " });
        text.ip(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str, address: &str) -> String {
        let sdp = SessionDescription::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap();
        let printed = sdp.print(Origin { id: 7, version: 1 }, address.parse().unwrap());
        String::from_utf8(printed.to_vec()).unwrap()
    }

    #[test]
    fn lines_stand_where_the_grammar_wants_them() {
        assert_eq!(
            printed(
                "v=0\no=a 1 1 IN IP4 192.0.2.9\ns=x\nt=5 6\na=x-one\nb=AS:64\ni=about\na=x-two\nc=IN IP4 192.0.2.9\n\
                 m=audio 4000 RTP/AVP 0\na=ptime:20\na=sendonly\ni=speech\nb=AS:32\n",
                "192.0.2.1"
            ),
            "v=0\r\no=trunkline 7 1 IN IP4 192.0.2.1\r\ns=-\r\ni=about\r\nc=IN IP4 192.0.2.9\r\nb=AS:64\r\nt=0 0\r\n\
             a=x-one\r\na=x-two\r\nm=audio 4000 RTP/AVP 0\r\ni=speech\r\nb=AS:32\r\na=ptime:20\r\na=sendonly\r\n"
        );
    }

    #[test]
    fn unspecified_addresses_become_ours() {
        let text = "v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\nc=IN IP6 ::\na=rtcp:5 IN IP4 0.0.0.0\n";
        assert_eq!(
            printed(text, "2001:db8::1"),
            "v=0\r\no=trunkline 7 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 0\r\na=rtcp:5 IN IP6 2001:db8::1\r\n"
        );
    }

    #[test]
    fn a_media_level_address_is_written_only_where_it_differs() {
        let text = "v=0\nc=IN IP4 192.0.2.9\nm=audio 1 RTP/AVP 0\nc=IN IP4 192.0.2.9\nm=audio 2 RTP/AVP 0\nc=IN IP4 192.0.2.8\n";
        assert_eq!(printed(text, "192.0.2.1").matches("c=IN").count(), 2);
    }

    #[test]
    fn a_section_without_any_address_gets_ours() {
        assert!(printed("v=0\nm=audio 1 RTP/AVP 0\n", "192.0.2.1").contains("c=IN IP4 192.0.2.1\r\n"));
    }

    #[test]
    fn the_origin_pleases_the_regexp_of_sipp() {
        let text = printed("v=0\nm=audio 1 RTP/AVP 0\n", "192.0.2.1");
        let origin = text.lines().find_map(|line| line.strip_prefix("o=")).unwrap();
        let words: Vec<_> = origin.split(' ').take(3).collect();
        assert_eq!(words.len(), 3);
        assert!(
            words
                .iter()
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        );
    }
}
