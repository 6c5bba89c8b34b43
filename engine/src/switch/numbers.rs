//! Numbers as a trunk writes them, and who calls as it is told.
//!
//! ```text
//!   dialled ── route ──▶ number ── number_format ── rewrite_out ──▶ Request-URI, To
//!   caller ── outside_number, caller_number ── number_format ── rewrite_out ──▶ From, P-Asserted-Identity …
//!   Request-URI, From … of the trunk ── rewrite_in ── number_format ──▶ routes, lines, applications
//! ```

use regex::Regex;
use trunkline_sip::outbox::Party;

use super::Switch;
use super::outbound::escaped;
use super::setup::{LineKind, TrunkSetup};
use super::view::PartyView;
use crate::translate::{Location, caller_id};

/// How a trunk writes telephone numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum NumberFormat {
    /// As they come.
    #[default]
    Plain,
    /// `+4930123456` (RFC 3966), both ways.
    E164,
    /// As they are dialled in the country of the trunk's location: `030123456`, `0044…`. What comes in becomes E.164.
    National,
}

impl NumberFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::E164, Self::National];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::E164 => "e164",
            Self::National => "national",
        }
    }

    fn written(self, location: Option<&Location>, number: &str) -> Option<String> {
        if self == Self::Plain {
            return None;
        }
        let location = location?;
        let whole = caller_id::canonical(location, number)?;
        let country = &location.country;
        Some(match self {
            Self::National if whole.country_code == country.code => {
                [&country.trunk_prefix, &*whole.area, &whole.subscriber].concat()
            }
            Self::National => {
                let prefix = country.international_prefix.as_deref()?;
                [prefix, whole.e164().trim_start_matches('+')].concat()
            }
            Self::Plain | Self::E164 => whole.e164(),
        })
    }
}

/// Which header tells a trunk the caller's number beside From.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CallerHeader {
    /// None.
    #[default]
    From,
    /// P-Asserted-Identity (RFC 3325 §9.1).
    Asserted,
    /// P-Preferred-Identity (RFC 3325 §9.2).
    Preferred,
    /// Remote-Party-ID, for who knows nothing else.
    RemoteParty,
}

impl CallerHeader {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::From, Self::Asserted, Self::Preferred, Self::RemoteParty];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::Asserted => "asserted",
            Self::Preferred => "preferred",
            Self::RemoteParty => "remote-party",
        }
    }

    fn line(self, party: &Party) -> Option<(&'static str, String)> {
        let address = format!("<sip:{}@{}>", escaped(&party.user), party.host);
        Some(match self {
            Self::From => return None,
            Self::Asserted => ("P-Asserted-Identity", address),
            Self::Preferred => ("P-Preferred-Identity", address),
            Self::RemoteParty => {
                ("Remote-Party-ID", format!("{address};party=calling;screen=yes;privacy=off"))
            }
        })
    }
}

/// One row that writes a number otherwise.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// The numbers that it is about.
    pub pattern: Regex,
    /// What stands in their place, with `$1` for groups.
    pub number: String,
}

/// The numbers of a trunk.
#[derive(Clone, Debug, Default)]
pub struct NumberSetup {
    /// How they are written.
    pub format: NumberFormat,
    /// What is written otherwise on the way out, after that; the first that fits.
    pub rewrite_out: Vec<Rewrite>,
    /// What is read otherwise on the way in, before that; the first that fits.
    pub rewrite_in: Vec<Rewrite>,
    /// The user part of From, whoever calls.
    pub from_user: Option<String>,
    /// The host part of From.
    pub from_domain: Option<String>,
    /// The number of lines that have none for the outside.
    pub caller_number: Option<String>,
    /// What tells the caller's number beside From.
    pub caller_header: CallerHeader,
}

impl NumberSetup {
    /// A number as the trunk is told it.
    pub(super) fn sent(&self, location: Option<&Location>, number: &str) -> String {
        let written = self.format.written(location, number).unwrap_or_else(|| number.to_owned());
        rewritten(&self.rewrite_out, &written).unwrap_or(written)
    }

    /// A number as the trunk tells it.
    pub(super) fn received(&self, location: Option<&Location>, number: &str) -> String {
        let read = rewritten(&self.rewrite_in, number).unwrap_or_else(|| number.to_owned());
        let format = if self.format == NumberFormat::National { NumberFormat::E164 } else { self.format };
        format.written(location, &read).unwrap_or(read)
    }
}

fn rewritten(rows: &[Rewrite], number: &str) -> Option<String> {
    rows.iter().find_map(|row| {
        let mut written = String::new();
        row.pattern.captures(number)?.expand(&row.number, &mut written);
        Some(written)
    })
}

impl Switch {
    /// A number as this trunk is told it.
    pub(super) fn sent_number(&self, trunk: &TrunkSetup, number: &str) -> String {
        trunk.numbers.sent(self.setup.translation.of_line(&trunk.name), number)
    }

    /// A number that came by this line; of a trunk as everybody else is to see it.
    pub(super) fn received_number(&self, line: &str, number: &str) -> String {
        let location = self.setup.translation.of_line(line);
        self.trunk(line).map_or_else(|| number.to_owned(), |trunk| trunk.numbers.received(location, number))
    }

    /// Who calls as a trunk is told: From, and header lines beside it.
    pub(super) fn told_caller(
        &self,
        trunk: &TrunkSetup,
        caller: &PartyView,
        from_host: &str,
    ) -> (Party, Vec<(&'static str, String)>) {
        let numbers = &trunk.numbers;
        let host = numbers.from_domain.as_deref().unwrap_or(from_host).to_owned();
        let number = self.outside_number(trunk, caller);
        let whole = Party { user: number, host, name: caller.name.clone() };
        if caller.is_blocked {
            // RFC 3325 §5: whoever is trusted still hears who calls, and keeps it to himself.
            let mut headers = Vec::new();
            if trunk.is_trusted {
                headers.push(("Privacy", "id".to_owned()));
                if !whole.user.is_empty() {
                    headers.extend(CallerHeader::Asserted.line(&whole));
                }
            }
            return (Party::anonymous(), headers);
        }
        let headers =
            numbers.caller_header.line(&whole).into_iter().filter(|_| !whole.user.is_empty()).collect();
        let user = numbers.from_user.clone().unwrap_or_else(|| whole.user.clone());
        (Party { user, ..whole }, headers)
    }

    /// The number that calls back who calls, as far as the outside knows one.
    fn outside_number(&self, trunk: &TrunkSetup, caller: &PartyView) -> String {
        let is_line = self.lines.get(&caller.number).is_some_and(|line| line.kind != LineKind::Trunk);
        if !is_line {
            return self.sent_number(trunk, &caller.number);
        }
        let line = self.setup.lines.iter().find(|line| *line.address == *caller.number);
        let own = line.and_then(|line| line.outside_number.as_deref());
        match own.or(trunk.numbers.caller_number.as_deref()) {
            Some(number) => self.sent_number(trunk, number),
            None => caller.number.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Country;

    fn row(pattern: &str, number: &str) -> Rewrite {
        Rewrite { pattern: Regex::new(pattern).unwrap(), number: number.to_owned() }
    }

    #[test]
    fn numbers_are_written_as_the_format_says() {
        let location = Location::new(Country::of_code(49).unwrap(), "30");
        for (number, e164, national) in [
            ("+4930123456", "+4930123456", "030123456"),
            ("030123456", "+4930123456", "030123456"),
            ("004420794600", "+4420794600", "004420794600"),
            ("+442079460018", "+442079460018", "00442079460018"),
            ("112", "112", "112"),
            ("1001", "1001", "1001"),
            ("alice", "alice", "alice"),
        ] {
            let setup = |format| NumberSetup { format, ..NumberSetup::default() };
            assert_eq!(setup(NumberFormat::Plain).sent(Some(&location), number), number);
            assert_eq!(setup(NumberFormat::E164).sent(Some(&location), number), e164);
            assert_eq!(setup(NumberFormat::National).sent(Some(&location), number), national);
            assert_eq!(setup(NumberFormat::National).received(Some(&location), number), e164);
            assert_eq!(setup(NumberFormat::E164).sent(None, number), number, "nobody knows where it is");
        }
    }

    #[test]
    fn rows_come_after_the_format_out_and_before_it_in() {
        let location = Location::new(Country::of_code(49).unwrap(), "30");
        let numbers = NumberSetup {
            format: NumberFormat::E164,
            rewrite_out: vec![row(r"^\+(\d+)$", "$1"), row("^4", "never")],
            rewrite_in: vec![row(r"^49(\d+)$", "+49$1")],
            ..NumberSetup::default()
        };
        assert_eq!(numbers.sent(Some(&location), "030123456"), "4930123456");
        assert_eq!(numbers.received(Some(&location), "4930123456"), "+4930123456");
        assert_eq!(numbers.received(Some(&location), "030123456"), "+4930123456");
    }
}
