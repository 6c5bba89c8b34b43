//! `[[route]]`: which dialled numbers go where.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use toml::Spanned;

use super::Trunk;
use super::section::Section;
use super::trunk_groups::{self, TrunkGroup};
use crate::switch::setup::{RouteFrom, RouteSetup, RouteTo, TrunkChoice};

/// Reads one route.
pub(super) fn read(section: Section<'_>, trunks: &Trunks<'_>) -> Option<RouteSetup> {
    let from = from(&section, trunks);
    let pattern = pattern(&section, "write match = \"^0(\\\\d+)$\", or \".*\" for everything");
    let to = to(&section, trunks);
    let number = section.string("number");
    if let (Some(number), Some(pattern)) = (&number, &pattern) {
        check_groups(&section, number, pattern);
    }
    let is_emergency = section.boolean("emergency").is_some_and(Spanned::into_inner);
    section.close();
    let number = number.map(|number| number.into_inner().to_owned());
    Some(RouteSetup { from: from?, pattern: pattern?, to: to?, number, is_emergency })
}

/// The trunks of the file and their groups; not whole where some could not be read, so that no route is blamed for that.
pub(super) struct Trunks<'t> {
    pub(super) named: &'t [Trunk],
    pub(super) whole: bool,
    pub(super) groups: &'t [TrunkGroup],
    pub(super) groups_whole: bool,
}

impl Trunks<'_> {
    fn find(
        &self,
        section: &Section<'_>,
        key: &'static str,
        value: &Spanned<&str>,
        name: &str,
    ) -> Option<Box<str>> {
        if !self.whole || self.named.iter().any(|trunk| &*trunk.name == name) {
            return Some(name.into());
        }
        let names: Vec<_> = self.named.iter().map(|trunk| &*trunk.name).collect();
        let right = match names.is_empty() {
            true => "write a [[trunk]] of that name".to_owned(),
            false => format!("the trunks are: {}", names.join(", ")),
        };
        section.refuse(key, value, format!("there is no trunk {name:?}"), right);
        None
    }
}

fn from(section: &Section<'_>, trunks: &Trunks<'_>) -> Option<RouteFrom> {
    if !section.has("from") {
        return Some(RouteFrom::Any);
    }
    let value = section.string("from")?;
    match *value.get_ref() {
        "any" => Some(RouteFrom::Any),
        "line" => Some(RouteFrom::Line),
        other => match other.strip_prefix("trunk:") {
            Some(name) => Some(RouteFrom::Trunk(trunks.find(section, "from", &value, name)?.into())),
            None => {
                let right = "write \"line\", \"trunk:NAME\" or \"any\"";
                section.refuse("from", &value, format!("{other:?} is no place a call comes from"), right);
                None
            }
        },
    }
}

/// The regular expression of a row, which must have one.
pub(super) fn pattern(section: &Section<'_>, example: &str) -> Option<Regex> {
    if !section.has("match") {
        section.missing("match", example);
        return None;
    }
    let value = section.string("match")?;
    match RegexBuilder::new(value.get_ref()).size_limit(PATTERN_BYTES_MAX).build() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let wrong = format!("{:?} is no regular expression: {reason}", value.get_ref());
            section.refuse("match", &value, wrong, "write the syntax of https://docs.rs/regex");
            None
        }
    }
}

fn to(section: &Section<'_>, trunks: &Trunks<'_>) -> Option<RouteTo> {
    let right = "write \"trunk:NAME\", \"trunk_group:NAME\", \"line\" or \"reject:404\" with a status from 400 to 699";
    if !section.has("to") {
        section.missing("to", right);
        return None;
    }
    let values = section.string_or_strings("to")?;
    let value = match &values[..] {
        [value] if !value.get_ref().starts_with(trunk_groups::PREFIX) => value,
        values => return Some(RouteTo::Trunks(choice(section, values, trunks)?.into())),
    };
    let text = *value.get_ref();
    if text == "line" {
        return Some(RouteTo::Line);
    }
    if let Some(name) = text.strip_prefix("trunk:") {
        return Some(RouteTo::Trunk(trunks.find(section, "to", value, name)?.into()));
    }
    let status = text.strip_prefix("reject:").and_then(|status| status.parse().ok());
    match status.filter(|status| (400..700).contains(status)) {
        Some(status) => Some(RouteTo::Reject(status)),
        None => {
            section.refuse("to", value, format!("{text:?} is no place a call goes to"), right);
            None
        }
    }
}

/// The trunks of a list: those of a group in the place of its name, each trunk where it is named first.
fn choice(section: &Section<'_>, values: &[Spanned<&str>], trunks: &Trunks<'_>) -> Option<TrunkChoice> {
    if values.is_empty() {
        section.refuse_key("to", "is an empty list", "write to = [\"trunk:NAME\", \"trunk:OTHER\"]");
        return None;
    }
    let found: Vec<_> = values.iter().map(|value| named(section, value, trunks)).collect();
    let mut tiers: Vec<_> =
        found.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flat_map(|choice| choice.tiers).collect();
    let mut seen = Vec::new();
    for tier in &mut tiers {
        tier.retain(|(name, _)| {
            let is_new = !seen.contains(name);
            seen.push(Arc::clone(name));
            is_new
        });
    }
    tiers.retain(|tier| !tier.is_empty());
    let count = tiers.iter().map(Vec::len).sum::<usize>();
    if count > trunk_groups::TRUNKS_MAX {
        let right = format!("name {} at most", trunk_groups::TRUNKS_MAX);
        section.refuse_key("to", &format!("names {count} trunks"), &right);
        return None;
    }
    Some(TrunkChoice { tiers })
}

/// The trunk of this name, or those of the group.
fn named(section: &Section<'_>, value: &Spanned<&str>, trunks: &Trunks<'_>) -> Option<TrunkChoice> {
    let text = *value.get_ref();
    if let Some(name) = text.strip_prefix("trunk:") {
        let tier = vec![(trunks.find(section, "to", value, name)?.into(), 1)];
        return Some(TrunkChoice { tiers: vec![tier] });
    }
    let Some(name) = text.strip_prefix(trunk_groups::PREFIX) else {
        let right = "write \"trunk:NAME\" or \"trunk_group:NAME\" in a list";
        section.refuse("to", value, format!("{text:?} is no trunk"), right);
        return None;
    };
    let group = trunks.groups.iter().find(|group| *group.name == *name);
    if group.is_none() && trunks.whole && trunks.groups_whole {
        let right = "write a [[trunk_group]] of that name";
        section.refuse("to", value, format!("there is no trunk group {name:?}"), right);
    }
    Some(group?.choice.clone())
}

/// Every `$1` or `$name` of the number must be a group of the pattern: an unknown one would vanish silently.
pub(super) fn check_groups(section: &Section<'_>, number: &Spanned<&str>, pattern: &Regex) {
    for reference in number.get_ref().split('$').skip(1).filter(|reference| !reference.is_empty()) {
        let name: String = match reference.strip_prefix('{') {
            Some(braced) => braced.chars().take_while(|letter| *letter != '}').collect(),
            None => {
                reference.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
            }
        };
        let known = match name.parse::<usize>() {
            Ok(group) => group < pattern.captures_len(),
            Err(_) => pattern.capture_names().flatten().any(|group| group == name),
        };
        if !known {
            let groups = pattern.captures_len() - 1;
            let wrong = format!("${name} is no group of match, which has {groups}");
            section.refuse(
                "number",
                number,
                wrong,
                "put the part meant in parentheses; ${1}23 sets $1 off from digits",
            );
        }
    }
}

/// The size of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
