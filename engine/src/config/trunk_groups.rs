//! `[[trunk_group]]`: trunks that stand in for one another.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Trunk;
use super::section::Section;
use crate::switch::setup::TrunkChoice;

/// A group of trunks, as routes name it.
#[derive(Clone, Debug)]
pub(super) struct TrunkGroup {
    pub(super) name: Arc<str>,
    /// Those of one priority together, the lowest first.
    pub(super) choice: TrunkChoice,
}

/// Reads one group. `whole`: every trunk of the file could be read; `others` are the groups before it.
pub(super) fn read(
    section: Section<'_>,
    trunks: &[Trunk],
    whole: bool,
    others: &[TrunkGroup],
) -> Option<TrunkGroup> {
    if !section.has("name") {
        section.missing("name", "write name = \"outside\"");
    }
    let name = section.string("name");
    let taken = name.as_ref().filter(|name| others.iter().any(|other| *other.name == **name.get_ref()));
    if let Some(taken) = taken {
        let wrong = format!("{} is used twice", taken.get_ref());
        section.refuse("name", taken, wrong, "give every trunk group a name of its own");
    }
    let members = section.tables("members");
    if !section.has("members") || members.is_empty() || members.len() > TRUNKS_MAX {
        let right = format!(
            "write 1 to {TRUNKS_MAX} trunks, members = [{{ trunk = \"NAME\" }}, {{ trunk = \"OTHER\", priority = 2 }}]"
        );
        section.refuse_key("members", &format!("names {} trunks", members.len()), &right);
    }
    let mut tiers: BTreeMap<u32, Vec<(Arc<str>, u16)>> = BTreeMap::new();
    for member in members {
        let named: Vec<_> = tiers.values().flatten().map(|(name, _)| Arc::clone(name)).collect();
        if let Some((priority, name, weight)) = self::member(member, trunks, whole, &named) {
            tiers.entry(priority).or_default().push((name, weight));
        }
    }
    section.close();
    let choice = TrunkChoice { tiers: tiers.into_values().collect() };
    Some(TrunkGroup { name: name?.into_inner().into(), choice })
}

/// A trunk with its place in the group. `named` are the trunks before it.
fn member(
    section: Section<'_>,
    trunks: &[Trunk],
    whole: bool,
    named: &[Arc<str>],
) -> Option<(u32, Arc<str>, u16)> {
    if !section.has("trunk") {
        section.missing("trunk", "write { trunk = \"NAME\" }");
    }
    let value = section.string("trunk");
    let priority = section.integer("priority", 0..=65_535).unwrap_or(1);
    let weight = section.integer("weight", 1..=65_535).unwrap_or(1);
    let trunk = value.as_ref().and_then(|value| {
        let found = trunks.iter().find(|trunk| *trunk.name == **value.get_ref());
        if found.is_none() && whole {
            let wrong = format!("there is no trunk {:?}", value.get_ref());
            section.refuse("trunk", value, wrong, "write a [[trunk]] of that name");
        }
        if found.is_some_and(|found| named.contains(&found.name)) {
            section.refuse(
                "trunk",
                value,
                format!("{} is named twice", value.get_ref()),
                "name each trunk once",
            );
        }
        Some(Arc::clone(&found?.name))
    });
    section.close();
    Some((priority, trunk?, weight.try_into().ok()?))
}

/// How a route names a group.
pub(super) const PREFIX: &str = "trunk_group:";

/// Trunks of one group, and of one route.
pub(super) const TRUNKS_MAX: usize = 16;
