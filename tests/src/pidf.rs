//! A strict reader of `application/pidf+xml`: what RFC 3863 §4.4 says of elements, their order and attributes, with a person of RFC 4479
//! and activities of RFC 4480, and nothing else.

use crate::xml::{Element, attribute, has, in_order, is_uri, whole};

/// Says what is wrong with a body, if anything is.
///
/// # Errors
/// The first fault.
pub fn judge(body: &str) -> Result<(), String> {
    let root = whole(body)?;
    let spaces = ["xmlns", "xmlns:dm", "xmlns:rpid"];
    has(&root, "presence", &["xmlns", "xmlns:dm", "xmlns:rpid", "entity"], &[])?;
    let expected = ["", ":data-model", ":rpid"].map(|more| format!("urn:ietf:params:xml:ns:pidf{more}"));
    if spaces.map(|space| attribute(&root, space)) != expected.each_ref().map(String::as_str) {
        return Err("another namespace".to_owned());
    }
    is_uri(attribute(&root, "entity"))?;
    // The schema has tuples, notes and all others in this order.
    let kinds: Vec<_> = root.children.iter().map(|child| child.name).collect();
    if !matches!(&kinds[..], ["tuple"] | ["tuple", "dm:person"]) {
        return Err(format!("{kinds:?} were never told"));
    }
    tuple(&root.children[0])?;
    root.children.get(1).map_or(Ok(()), person)
}

fn tuple(tuple: &Element<'_>) -> Result<(), String> {
    has(tuple, "tuple", &["id"], &[])?;
    is_id(attribute(tuple, "id"))?;
    in_order(tuple, &["status", "contact", "note", "timestamp"])?;
    let status = tuple.children.first().filter(|first| first.name == "status").ok_or("no status")?;
    has(status, "status", &[], &[])?;
    let [basic] = &status.children[..] else { return Err("not one basic status".to_owned()) };
    has(basic, "basic", &[], &[])?;
    if !["open", "closed"].contains(&basic.text) {
        return Err(format!("basic is {}", basic.text));
    }
    for child in &tuple.children[1..] {
        match child.name {
            "contact" => {
                has(child, "contact", &[], &["priority"])?;
                is_uri(child.text)?;
            }
            "note" => has(child, "note", &[], &["xml:lang"])?,
            other => return Err(format!("{other} was never told")),
        }
    }
    Ok(())
}

fn person(person: &Element<'_>) -> Result<(), String> {
    has(person, "dm:person", &["id"], &[])?;
    is_id(attribute(person, "id"))?;
    let [activities] = &person.children[..] else { return Err("not one list of activities".to_owned()) };
    has(activities, "rpid:activities", &[], &["id", "from", "until"])?;
    if activities.children.is_empty() {
        return Err("no activity".to_owned());
    }
    let is_good = |activity: &&Element<'_>| {
        let name = activity.name.strip_prefix("rpid:").unwrap_or_default();
        ACTIVITIES.contains(&name) && activity.children.is_empty() && activity.text.is_empty()
    };
    match activities.children.iter().find(|activity| !is_good(activity)) {
        Some(stranger) => Err(format!("{} is no activity", stranger.name)),
        None => activities.children.iter().try_for_each(|activity| has(activity, activity.name, &[], &[])),
    }
}

/// `xs:ID`: a name without colon, which begins with no digit.
fn is_id(id: &str) -> Result<(), String> {
    let begins = id.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let is_good = begins && id.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if is_good { Ok(()) } else { Err(format!("{id:?} is no ID")) }
}

/// RFC 4480 §3.2 and its schema.
const ACTIVITIES: [&str; 25] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "vacation",
    "working",
    "worship",
];
