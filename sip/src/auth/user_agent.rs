//! Phones that give up when they see a challenge of an algorithm that they do not know, though RFC 8760 §2.4 tells them
//! to take the next: such a phone is shown the one that it knows.

use super::Algorithm;

/// Parts of a User-Agent in lower case, of phones that know MD5 alone, or are not known to know more: those on desks have long lives.
const MD5_ALONE: [&str; 23] = [
    "yealink",
    "snom",
    "poly",
    "grandstream",
    "cisco",
    "linksys",
    "sipura",
    "fanvil",
    "gigaset",
    // Gigaset names the model alone: `C610A IP/42.076`, `N670 IP PRO/83.V2.37`.
    "c610",
    "c530",
    "c430",
    " ip pro/",
    "s850a go",
    "htek",
    "aastra",
    "mitel",
    "audiocodes",
    "openstage",
    "panasonic",
    "linphone/3.",
    "linphonec/3.",
    "x-lite",
];

/// Beginnings of one, of software that fails on SHA-256 beside MD5.
const OLD: [&str; 16] = [
    "baresip v0.",
    "baresip v1.",
    "baresip v2.",
    "pjsua v0.",
    "pjsua v1.",
    "pjsua v2.0",
    "pjsua v2.1 ",
    "pjsua v2.1.",
    "pjsua v2.2",
    "pjsua v2.3",
    "pjsua v2.4",
    "pjsua v2.5",
    "pjsua v2.6",
    "pjsua v2.7",
    "pjsua v2.8",
    "pjsua v2.9",
];

/// No phone is told from another by what is behind, in bytes.
const USER_AGENT_BYTES_MAX: usize = 256;

/// The beginning of a User-Agent, by which a phone is known.
pub(crate) fn known_by(user_agent: &str) -> &str {
    &user_agent[..user_agent.floor_char_boundary(USER_AGENT_BYTES_MAX)]
}

/// The algorithms to challenge with: those of the line, as far as `said` of this phone has them and in its order; where nothing is
/// said, cut down to what the phone can stand. An MD5 answer would be taken from anybody where the line allows MD5, so that
/// nobody gains by lying about the name.
pub(crate) fn algorithms_for<'a>(
    user_agent: Option<&str>,
    said: Option<&'a [Algorithm]>,
    of_line: &'a [Algorithm],
) -> Vec<Algorithm> {
    let of_phone: Vec<_> =
        said.into_iter().flatten().copied().filter(|algorithm| of_line.contains(algorithm)).collect();
    if !of_phone.is_empty() {
        return of_phone;
    }
    let name = user_agent.map(|name| known_by(name).to_ascii_lowercase()).unwrap_or_default();
    let is_old =
        OLD.iter().any(|old| name.starts_with(old)) || MD5_ALONE.iter().any(|part| name.contains(part));
    if said.is_none() && is_old && of_line.contains(&Algorithm::Md5) {
        return vec![Algorithm::Md5];
    }
    of_line.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    #[test]
    fn a_phone_on_a_desk_and_an_old_program_see_the_algorithm_that_they_know() {
        for name in [
            "Yealink SIP-T46S 66.85.0.5",
            "snomD785/10.1.64",
            "PolycomVVX-VVX_410-UA/5.9",
            "Poly/7.2",
            "Grandstream GXP2170 1.0.11",
            "Cisco-CP-8851-3PCC/11.2",
            "Cisco/SPA508G-7.6.2",
            "Linksys/SPA942-6.1.5",
            "Fanvil X6U 2.4",
            "Gigaset N510 IP PRO",
            "C610A IP/42.076.00.000.000",
            "N670 IP PRO/83.V2.37.0",
            "Linphone/3.12.0 (belle-sip/1.6.3)",
            "baresip v1.0.0 (x86_64/linux)",
            "PJSUA v2.1 Linux",
            "PJSUA v2.7.1 Linux-4.9/x86_64/glibc",
        ] {
            assert_eq!(algorithms_for(Some(name), None, &BOTH), [Algorithm::Md5], "{name}");
            assert_eq!(algorithms_for(Some(name), None, &[Algorithm::Sha256]), [Algorithm::Sha256], "{name}");
        }
    }

    #[test]
    fn any_other_sees_all_in_the_order_of_the_line() {
        let long = "é".repeat(USER_AGENT_BYTES_MAX) + "Yealink";
        for name in [
            None,
            Some("baresip v3.10.0 (x86_64/Linux)"),
            Some("Linphonec/5.1"),
            Some("PJSUA v2.12.1 Linux"),
            Some(""),
            Some(&long),
        ] {
            assert_eq!(algorithms_for(name, None, &BOTH), BOTH);
        }
    }

    #[test]
    fn what_is_said_of_a_phone_counts_as_far_as_the_line_allows_it() {
        let backwards = [Algorithm::Md5, Algorithm::Sha256];
        for (said, of_line, shown) in [
            (&BOTH[..], &BOTH[..], &BOTH[..]),
            (&backwards, &BOTH, &backwards),
            (&BOTH[..1], &BOTH, &BOTH[..1]),
            (&BOTH, &BOTH[1..], &BOTH[1..]),
            (&BOTH[1..], &BOTH[..1], &BOTH[..1]),
            (&BOTH[..1], &BOTH[1..], &BOTH[1..]),
        ] {
            assert_eq!(algorithms_for(Some("Yealink"), Some(said), of_line), shown, "{said:?} {of_line:?}");
        }
    }
}
