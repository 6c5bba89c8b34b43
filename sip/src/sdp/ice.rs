//! ICE in a session description (RFC 8839), as a lite agent needs it: the far end's credentials, and its own.

use std::net::SocketAddr;

use bytes::Bytes;

use super::SessionDescription;
use super::print::{line, text};

/// The credentials of one side (RFC 8839 §5.4).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ice {
    /// The user name fragment: 4 to 256 letters, digits, `+` and `/`.
    pub ufrag: Bytes,
    /// The password: 22 to 256 of the same.
    pub password: Bytes,
}

/// What our own description says of ICE in a section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnIce {
    /// We answer the checks of the far end: `a=ice-lite`, our credentials, and host candidates at the section's ports.
    Lite(Box<Ice>),
    /// The far end's address was replaced on the way and is used as it stands: `a=ice-mismatch`.
    Mismatch,
}

/// The highest priority that a host candidate can have (RFC 8445 §5.1.2), less one for RTCP.
const HOST_PRIORITY: [u32; 2] = [2_130_706_431, 2_130_706_430];

impl SessionDescription {
    /// The credentials of a far end that checks the connectivity of section `index`. `None` where it does not, or is lite
    /// itself (two lite sides check nothing), or where somebody on the way replaced its address: see
    /// [`is_ice_mismatch`](Self::is_ice_mismatch).
    pub fn ice(&self, index: usize) -> Option<Ice> {
        self.described_ice(index).filter(|_| !self.is_ice_mismatch(index))
    }

    /// Whether ICE is offered for section `index`, and its address is none of its candidates: the answer says
    /// `a=ice-mismatch` (RFC 8839 §4.2.5) and the address is used as it stands.
    pub fn is_ice_mismatch(&self, index: usize) -> bool {
        let Some((rtp, media)) = self.rtp(index).zip(self.media.get(index)) else { return false };
        let mut candidates = media.attributes("candidate").filter_map(rtp_candidate);
        self.described_ice(index).is_some() && !candidates.any(|candidate| candidate == rtp)
    }

    /// Whether section `index` names no address of its own, for checks are to find it (RFC 8840 §4.1.1, RFC 8839 §4.2.1.2): a
    /// browser that hides its addresses behind names, or has none yet.
    pub fn is_found_by_ice(&self, index: usize) -> bool {
        self.described_ice(index).is_some() && self.rtp(index).is_none() && self.media[index].port != 0
    }

    fn described_ice(&self, index: usize) -> Option<Ice> {
        let is_lite = self.lines.iter().any(|line| line.eq_ignore_ascii_case(b"a=ice-lite"));
        let section = &self.media.get(index).filter(|_| !is_lite)?.lines;
        let value = |name: &str| {
            let of = |lines: &[Bytes]| lines.iter().find_map(|line| value(line, name));
            of(section).or_else(|| of(&self.lines))
        };
        let (ufrag, password) = (value("ice-ufrag")?, value("ice-pwd")?);
        let fits = (4..=256).contains(&ufrag.len()) && (22..=256).contains(&password.len());
        (fits && ufrag.iter().chain(&password).all(|byte| is_ice_char(*byte)))
            .then_some(Ice { ufrag, password })
    }
}

impl OwnIce {
    /// Writes the lines of the section: one candidate where RTCP shares the port of RTP.
    pub(super) fn print(&self, out: &mut Vec<u8>, rtp: SocketAddr, rtcp_port: Option<u16>) {
        let Self::Lite(ice) = self else {
            out.extend_from_slice(b"a=ice-mismatch\r\n");
            return;
        };
        let Ice { ufrag, password } = &**ice;
        for (name, value) in [("ice-ufrag", ufrag), ("ice-pwd", password)] {
            text(out, ("a=", name, ":"));
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        let ports = std::iter::once(rtp.port()).chain(rtcp_port);
        for ((component, port), priority) in (1..).zip(ports).zip(HOST_PRIORITY) {
            let ip = rtp.ip();
            text(out, ("a=candidate:1 ", component, " UDP "));
            line(out, ((priority, " ", ip), (" ", port, " typ host")));
        }
    }
}

fn value(line: &Bytes, name: &str) -> Option<Bytes> {
    super::attribute(line, name).map(|value| line.slice_ref(value.trim_ascii()))
}

const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// The address of a UDP candidate for RTP: `foundation component transport priority address port …`.
fn rtp_candidate(value: &[u8]) -> Option<SocketAddr> {
    let mut fields = std::str::from_utf8(value).ok()?.split_ascii_whitespace().skip(1);
    let (component, transport) = (fields.next()?, fields.next()?);
    let (address, port) = (fields.nth(1)?, fields.next()?);
    if component != "1" || !transport.eq_ignore_ascii_case("udp") {
        return None;
    }
    let address: std::net::IpAddr = address.parse().ok()?;
    Some(SocketAddr::new(address.to_canonical(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Origin;

    const CREDENTIALS: &str = "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n";
    const CANDIDATE: &str = "a=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host\r\n";

    fn parsed(session: &str, section: &str) -> SessionDescription {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{session}m=audio 4000 RTP/AVP 0\r\n{section}");
        SessionDescription::parse(&Bytes::from(text)).unwrap()
    }

    #[test]
    fn credentials_stand_at_either_level_and_those_of_the_section_win() {
        let expected = Ice { ufrag: "8hhY".into(), password: "asd88fgpdd777uzjYhagZg".into() };
        assert_eq!(parsed("", &format!("{CREDENTIALS}{CANDIDATE}")).ice(0), Some(expected.clone()));
        assert_eq!(parsed(CREDENTIALS, CANDIDATE).ice(0), Some(expected.clone()));
        let other = "a=ice-ufrag:other\r\na=ice-pwd:0000000000000000000000\r\n";
        assert_eq!(parsed(other, &format!("{CREDENTIALS}{CANDIDATE}")).ice(0), Some(expected));
        assert_eq!(parsed("", CANDIDATE).ice(0), None);
        assert_eq!(parsed("", "").ice(7), None);
    }

    #[test]
    fn what_is_no_credential_is_no_ice() {
        for bad in [
            "a=ice-ufrag:8hh\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n",
            "a=ice-ufrag:8hhY\r\na=ice-pwd:short\r\n",
            "a=ice-ufrag:8h hY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n",
            "a=ice-ufrag:8hhY\r\n",
        ] {
            assert_eq!(parsed("", &format!("{bad}{CANDIDATE}")).ice(0), None, "{bad}");
        }
    }

    #[test]
    fn two_lite_sides_check_nothing() {
        assert_eq!(parsed("a=ice-lite\r\n", &format!("{CREDENTIALS}{CANDIDATE}")).ice(0), None);
    }

    #[test]
    fn an_address_that_is_no_candidate_was_replaced_on_the_way() {
        for other in [
            "",
            "a=candidate:1 1 UDP 2130706431 10.0.0.1 4000 typ host\r\n",
            "a=candidate:1 1 UDP 2130706431 192.0.2.1 4002 typ host\r\n",
            "a=candidate:1 2 UDP 2130706430 192.0.2.1 4000 typ host\r\n",
            "a=candidate:1 1 TCP 2130706431 192.0.2.1 4000 typ host\r\n",
            "a=candidate:1 1 UDP\r\n",
        ] {
            let replaced = parsed("", &format!("{CREDENTIALS}{other}"));
            assert!(replaced.is_ice_mismatch(0) && replaced.ice(0).is_none(), "{other}");
        }
        assert!(!parsed("", &format!("{CREDENTIALS}{CANDIDATE}")).is_ice_mismatch(0));
        assert!(!parsed("", CANDIDATE).is_ice_mismatch(0));
    }

    #[test]
    fn who_has_no_address_yet_is_found_by_checks_and_holds_nothing() {
        let hidden = "a=candidate:1 1 udp 2113937151 8a0c1f9e-2a4d.local 61000 typ host\r\n";
        let described = |lines: &str, port: u16| {
            let text = format!("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio {port} RTP/AVP 0\r\n{lines}");
            SessionDescription::parse(&Bytes::from(text)).unwrap()
        };
        let found = described(&format!("{CREDENTIALS}{hidden}"), 9);
        assert!(found.is_found_by_ice(0) && !found.is_hold(0) && !found.is_ice_mismatch(0));
        assert!(found.ice(0).is_some());
        let held = described("", 9);
        assert!(!held.is_found_by_ice(0) && held.is_hold(0));
        let rejected = described(CREDENTIALS, 0);
        assert!(!rejected.is_found_by_ice(0));
        assert!(!parsed("", &format!("{CREDENTIALS}{CANDIDATE}")).is_found_by_ice(0));
    }

    #[test]
    fn our_side_is_lite_with_a_host_candidate_for_each_port() {
        let mut ours = parsed("", "");
        ours.connection = Some(crate::sdp::UNFILLED);
        let ice = Ice { ufrag: "ufragABC".into(), password: "0123456789abcdefghijklmn".into() };
        ours.media[0].ice = Some(OwnIce::Lite(Box::new(ice)));
        let printed = |ours: &SessionDescription| {
            let text = ours.print(Origin { id: 1, version: 1 }, "2001:db8::1".parse().unwrap());
            String::from_utf8(text.to_vec()).unwrap().split_once("t=0 0\r\n").unwrap().1.replace("\r\n", "|")
        };
        assert_eq!(
            printed(&ours),
            "a=ice-lite|m=audio 4000 RTP/AVP 0|a=ice-ufrag:ufragABC|a=ice-pwd:0123456789abcdefghijklmn|\
             a=candidate:1 1 UDP 2130706431 2001:db8::1 4000 typ host|\
             a=candidate:1 2 UDP 2130706430 2001:db8::1 4001 typ host|"
        );
        ours.media[0].rtcp_mux = true;
        assert!(!printed(&ours).contains("4001"));
        ours.media[0].ice = Some(OwnIce::Mismatch);
        assert_eq!(printed(&ours), "m=audio 4000 RTP/AVP 0|a=rtcp-mux|a=ice-mismatch|");
        ours.media[0].port = 0;
        assert!(!printed(&ours).contains("ice"), "a rejected section has no transport");
    }
}
