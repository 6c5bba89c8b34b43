//! How a phone is asked to answer by itself (click-to-dial): by headers, which differ from vendor to vendor.
//!
//! It is only asked: a phone that is not set up for it rings. These headers are made here and nowhere copied, so that no
//! caller from outside can open a microphone.

/// The header lines for a phone with this User-Agent, in an INVITE from `domain`.
pub(super) fn headers(user_agent: &str, domain: &str) -> Vec<(&'static str, String)> {
    let agent = user_agent.to_ascii_lowercase();
    let vendor = VENDORS.iter().find(|(names, _)| names.iter().any(|name| agent.contains(name)));
    let alert = vendor.map_or(ALERT_INFO, |(_, alert)| alert);
    vec![
        ("Alert-Info", alert.to_owned()),
        ("Call-Info", format!("<sip:{domain}>;answer-after=0")),
        // RFC 5373.
        ("Answer-Mode", "Auto".to_owned()),
    ]
}

/// Understood by most: Snom, Grandstream, Fanvil, Gigaset, baresip, and who is not known.
const ALERT_INFO: &str = "<http://www.notused.com>;info=alert-autoanswer;delay=0";

/// Parts of a User-Agent in lower case, and the Alert-Info that this vendor's phones want instead.
const VENDORS: &[(&[&str], &str)] = &[
    (&["poly"], "Ring Answer"),
    (&["yealink"], "info=alert-autoanswer"),
    (&["aastra", "mitel"], "info=alert-autoanswer;delay=0"),
    (&["audiocodes"], "ring answer"),
    (&["openstage", "unify"], "http://www.example.com;info=alert-autoanswer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn alert_info(user_agent: &str) -> String {
        let (name, value) = headers(user_agent, "pbx.example").remove(0);
        assert_eq!(name, "Alert-Info");
        value
    }

    #[test]
    fn vendors_get_their_own_word() {
        assert_eq!(alert_info("PolycomVVX-VVX_410-UA/5.9"), "Ring Answer");
        assert_eq!(alert_info("Poly/7.2"), "Ring Answer");
        assert_eq!(alert_info("Yealink SIP-T46S 66.85"), "info=alert-autoanswer");
        assert_eq!(alert_info("Mitel 6869i"), "info=alert-autoanswer;delay=0");
    }

    #[test]
    fn an_unknown_phone_gets_all_the_common_forms() {
        let headers = headers("", "pbx.example");
        assert_eq!(headers[0].1, "<http://www.notused.com>;info=alert-autoanswer;delay=0");
        assert_eq!(headers[1], ("Call-Info", "<sip:pbx.example>;answer-after=0".to_owned()));
        assert_eq!(headers[2], ("Answer-Mode", "Auto".to_owned()));
    }
}
