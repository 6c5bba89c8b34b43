//! What phones of a vendor understand: how one is asked to answer by itself, and how it rings differently (RFC 3261 §20.4).
//!
//! A phone is known by its User-Agent. Rows of the configuration stand before the built-in ones, and each wish is taken from the
//! first row that fits and says something of it. A phone is only asked: one that is not set up for it rings as always. These headers
//! are made here and nowhere copied, so that no caller from outside can open a microphone.

use std::borrow::Cow;

use regex::Regex;
use trunkline_sip::auth::Algorithm;

use super::csta::CstaUse;

/// A row of the table.
#[derive(Clone, Debug)]
pub struct VendorSetup {
    /// What a User-Agent must have.
    pub pattern: Regex,
    /// The header lines that ask the phone to answer by itself; `None`: those of the rows below.
    pub auto_answer: Option<Vec<HeaderLine>>,
    /// Alert-Info of a call from another line; `None`: that of the rows below, or none at all.
    pub ring_internal: Option<String>,
    /// Alert-Info of a call from outside.
    pub ring_external: Option<String>,
    /// Alert-Info of a call that comes back: a callback, a parked call.
    pub ring_callback: Option<String>,
    /// Alert-Info of a call to a group of the line; empty, or `None` in all rows: as of any other call.
    pub ring_group: Option<String>,
    /// What the phone is asked for by CSTA; `None`: what the rows below say, or nothing at all.
    pub csta: Option<Vec<CstaUse>>,
    /// Whether the phone is asked by REFER to call for an application; `None`: what the rows below say, or not at all.
    pub refer: Option<bool>,
    /// The event of a NOTIFY at which the phone looks at its configuration; `None`: that of the rows below.
    pub check_sync: Option<String>,
    /// The same, at which it restarts.
    pub reboot: Option<String>,
    /// What the phone is challenged with, as far as its line allows it; `None`: what the rows below, or the built-in ones, say.
    pub digest: Option<Vec<Algorithm>>,
}

impl VendorSetup {
    /// A row that says nothing yet.
    pub const fn of(pattern: Regex) -> Self {
        Self {
            pattern,
            auto_answer: None,
            ring_internal: None,
            ring_external: None,
            ring_callback: None,
            ring_group: None,
            csta: None,
            refer: None,
            check_sync: None,
            reboot: None,
            digest: None,
        }
    }

    /// The row as those who ask for passwords read it.
    pub fn digests(&self) -> Option<(Regex, Vec<Algorithm>)> {
        self.digest.clone().map(|digest| (self.pattern.clone(), digest))
    }
}

/// The name and value of a header.
pub type HeaderLine = (&'static str, String);

/// The headers by which a phone can be asked.
pub const HEADERS: [&str; 4] = ["Alert-Info", "Call-Info", "Answer-Mode", "P-Auto-Answer"];

/// Where a call comes from, as a phone can be made to ring by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RingKind {
    /// From another line of the engine.
    Internal,
    /// From outside.
    External,
    /// Back: who was called before, or parked.
    Callback,
    /// To a ring group.
    Group,
}

/// The header lines that ask a phone with this User-Agent to answer by itself, in an INVITE from `domain`.
pub(super) fn auto_answer(rows: &[VendorSetup], user_agent: &str, domain: &str) -> Vec<HeaderLine> {
    let mut fitting = rows.iter().filter(|row| row.pattern.is_match(user_agent));
    match fitting.find_map(|row| row.auto_answer.as_ref()) {
        Some(lines) => lines.iter().map(|(name, value)| (*name, value.replace(DOMAIN, domain))).collect(),
        None => built_in(user_agent, domain),
    }
}

/// The header line that makes a phone with this User-Agent ring so, where there is one.
pub(super) fn ring(
    rows: &[VendorSetup],
    user_agent: &str,
    kind: RingKind,
    domain: &str,
) -> Option<HeaderLine> {
    let mut fitting = rows.iter().filter(|row| row.pattern.is_match(user_agent));
    let value = fitting.find_map(|row| match kind {
        RingKind::Internal => row.ring_internal.as_ref(),
        RingKind::External => row.ring_external.as_ref(),
        RingKind::Callback => row.ring_callback.as_ref(),
        RingKind::Group => row.ring_group.as_ref(),
    })?;
    (!value.is_empty()).then(|| ("Alert-Info", value.replace(DOMAIN, domain)))
}

/// What a phone with this User-Agent is asked for by CSTA.
pub(super) fn csta<'r>(rows: &'r [VendorSetup], user_agent: &str) -> &'r [CstaUse] {
    let mut fitting = rows.iter().filter(|row| row.pattern.is_match(user_agent));
    fitting.find_map(|row| row.csta.as_deref()).unwrap_or_default()
}

/// Whether a phone with this User-Agent is asked by REFER to call.
pub(super) fn takes_refer(rows: &[VendorSetup], user_agent: &str) -> bool {
    let mut fitting = rows.iter().filter(|row| row.pattern.is_match(user_agent));
    fitting.find_map(|row| row.refer).unwrap_or_default()
}

/// Whether any phone is asked for anything by CSTA.
pub(super) fn uses_csta(rows: &[VendorSetup]) -> bool {
    rows.iter().any(|row| row.csta.as_ref().is_some_and(|uses| !uses.is_empty()))
}

/// The event at which a phone with this User-Agent looks at its configuration, or restarts.
pub(super) fn check_sync(rows: &[VendorSetup], user_agent: &str, reboot: bool) -> Cow<'static, str> {
    let mut fitting = rows.iter().filter(|row| row.pattern.is_match(user_agent));
    let written = fitting.find_map(|row| if reboot { row.reboot.as_ref() } else { row.check_sync.as_ref() });
    let agent = user_agent.to_ascii_lowercase();
    let is_sipura = SIPURA.iter().any(|name| agent.contains(name));
    match written {
        Some(event) => Cow::Owned(event.clone()),
        None if is_sipura => Cow::Borrowed(if reboot { "reboot_now" } else { "resync" }),
        // Those that know no parameter read past it.
        None => Cow::Borrowed(if reboot { "check-sync;reboot=true" } else { "check-sync;reboot=false" }),
    }
}

/// Parts of a User-Agent in lower case, of phones that grew from Sipura's.
const SIPURA: [&str; 3] = ["cisco", "linksys", "sipura"];

/// Stands for the engine's domain in a value.
const DOMAIN: &str = "{domain}";

/// What phones are asked with that no row of the configuration is for: one of the three forms is understood by each.
fn built_in(user_agent: &str, domain: &str) -> Vec<HeaderLine> {
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

    fn row(pattern: &str) -> VendorSetup {
        VendorSetup::of(Regex::new(pattern).unwrap())
    }

    /// The values of Alert-Info, Call-Info and Answer-Mode.
    fn asked(user_agent: &str) -> [String; 3] {
        let lines = auto_answer(&[], user_agent, "pbx.example");
        let [alert, call, mode] = <[HeaderLine; 3]>::try_from(lines).unwrap();
        assert_eq!([alert.0, call.0, mode.0], HEADERS[..3]);
        [alert.1, call.1, mode.1]
    }

    #[test]
    fn each_vendor_is_told_to_look_at_its_configuration_in_its_own_word() {
        for (user_agent, look, restart) in [
            ("Yealink SIP-T46S 66.85.0.5", "check-sync;reboot=false", "check-sync;reboot=true"),
            ("snomD785/10.1.64", "check-sync;reboot=false", "check-sync;reboot=true"),
            ("", "check-sync;reboot=false", "check-sync;reboot=true"),
            ("Cisco/SPA508G-7.6.2", "resync", "reboot_now"),
            ("Cisco-CP-8851-3PCC/11.2", "resync", "reboot_now"),
            ("Linksys/SPA942-6.1.5", "resync", "reboot_now"),
        ] {
            assert_eq!([false, true].map(|reboot| check_sync(&[], user_agent, reboot)), [look, restart]);
        }
        let rows = [
            VendorSetup { reboot: Some("reboot".to_owned()), ..row("^Cisco-CP") },
            VendorSetup {
                check_sync: Some("look".to_owned()),
                reboot: Some("x".to_owned()),
                ..row("(?i)cisco")
            },
        ];
        let events = |user_agent| [false, true].map(|reboot| check_sync(&rows, user_agent, reboot));
        assert_eq!(
            events("Cisco-CP-8851-3PCC/11.2"),
            ["look", "reboot"],
            "each from the first row that has it"
        );
        assert_eq!(events("Linksys/SPA942-6.1.5"), ["resync", "reboot_now"]);
    }

    #[test]
    fn each_vendor_is_asked_in_a_form_that_it_understands() {
        let (common, short) = (ALERT_INFO, "info=alert-autoanswer");
        let cases = [
            ("Yealink SIP-T46S 66.85.0.5", short),
            ("yealink T58W", short),
            ("PolycomVVX-VVX_410-UA/5.9", "Ring Answer"),
            ("Poly/7.2", "Ring Answer"),
            ("Mitel 6869i", "info=alert-autoanswer;delay=0"),
            ("Aastra 6731i/3.3.1", "info=alert-autoanswer;delay=0"),
            ("AUDIOCODES-IPPHONE-450HD", "ring answer"),
            ("OpenStage_60_V3", "http://www.example.com;info=alert-autoanswer"),
            ("Unify OpenScape Desk Phone", "http://www.example.com;info=alert-autoanswer"),
            // By Call-Info, or by the common form.
            ("snomD785/10.1.64", common),
            ("Grandstream GXP2170 1.0.11", common),
            ("Cisco-CP-8851-3PCC/11.2", common),
            ("Cisco/SPA508G-7.6.2", common),
            ("Fanvil X6U 2.4", common),
            ("Gigaset N510 IP PRO", common),
            ("baresip v1.0.0 (x86_64/linux)", common),
            ("Linphonec/5.1", common),
            ("", common),
        ];
        for (user_agent, alert) in cases {
            let expected = [alert, "<sip:pbx.example>;answer-after=0", "Auto"].map(str::to_owned);
            assert_eq!(asked(user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn a_row_of_the_configuration_stands_before_the_built_in_ones() {
        let lines = vec![("Call-Info", "<sip:{domain}>;answer-after=2".to_owned())];
        let rows = [row("^Snom"), VendorSetup { auto_answer: Some(lines), ..row("(?i)^(snom|yealink)") }];
        let asked = |user_agent| auto_answer(&rows, user_agent, "pbx.example");
        let own = vec![("Call-Info", "<sip:pbx.example>;answer-after=2".to_owned())];
        assert_eq!((asked("Snom/8"), asked("Yealink T46")), (own.clone(), own));
        assert_eq!(asked("Poly/7.2")[0].1, "Ring Answer");
        let rows = [VendorSetup { auto_answer: Some(Vec::new()), ..row("") }];
        assert_eq!(auto_answer(&rows, "Yealink T46", "x"), [], "phones that are not to be asked");
    }

    #[test]
    fn csta_is_for_the_phones_that_a_row_names() {
        let rows = [
            VendorSetup { csta: Some(Vec::new()), ..row("^Yealink SIP-T21") },
            row("^Yealink"),
            VendorSetup { csta: Some(vec![CstaUse::Answer]), ..row("^(Yealink|Snom)") },
        ];
        for user_agent in ["Yealink SIP-T46S 66.85.0.5", "Snom/8"] {
            assert_eq!(csta(&rows, user_agent), [CstaUse::Answer]);
        }
        assert_eq!(csta(&rows, "Yealink SIP-T21P"), []);
        assert_eq!(csta(&rows, "Poly/7.2"), []);
        assert!(uses_csta(&rows) && !uses_csta(&rows[..2]));
    }

    #[test]
    fn phones_ring_differently_where_a_row_says_so() {
        let some = |text: &str| Some(text.to_owned());
        let rows = [
            VendorSetup { ring_external: some("<http://{domain}>;info=outside"), ..row("^Snom") },
            VendorSetup { ring_internal: some(""), ..row("^Snom 3") },
            VendorSetup {
                ring_internal: some("inside"),
                ring_external: some("outside"),
                ring_callback: some("again"),
                ring_group: some("group"),
                ..row("")
            },
        ];
        let rings = |user_agent, kind| ring(&rows, user_agent, kind, "pbx.example").map(|(_, value)| value);
        assert_eq!(rings("Snom/8", RingKind::External), some("<http://pbx.example>;info=outside"));
        assert_eq!(rings("Snom/8", RingKind::Internal), some("inside"), "what the first row leaves open");
        assert_eq!(rings("Snom 320", RingKind::Internal), None, "an empty value is none");
        assert_eq!(rings("Poly", RingKind::Callback), some("again"));
        assert_eq!(rings("Poly", RingKind::Group), some("group"));
        assert_eq!(ring(&[], "Poly", RingKind::Internal, "x"), None);
    }
}
