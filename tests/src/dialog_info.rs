//! A strict reader of `application/dialog-info+xml`: what RFC 4235 §4.4 says of elements, their order and attributes, and nothing else;
//! but that the value of a parameter is `pvalue`, as its examples and all phones have it.

/// One element as it is written.
struct Element<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    children: Vec<Self>,
    text: &'a str,
}

/// Says what is wrong with a body, if anything is.
///
/// # Errors
/// The first fault.
pub fn judge(body: &str) -> Result<(), String> {
    let rest = body.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no declaration")?;
    let (root, rest) = element(rest.trim_start())?;
    if !rest.trim().is_empty() {
        return Err(format!("{rest:?} after the end"));
    }
    has(&root, "dialog-info", &["xmlns", "version", "state", "entity"], &[])?;
    let value = |name| attribute(&root, name);
    if value("xmlns") != "urn:ietf:params:xml:ns:dialog-info"
        || !["full", "partial"].contains(&value("state"))
    {
        return Err("another namespace or state".to_owned());
    }
    value("version").parse::<u32>().map_err(|_| "the version is no number")?;
    is_uri(value("entity"))?;
    root.children.iter().try_for_each(dialog)
}

fn dialog(dialog: &Element<'_>) -> Result<(), String> {
    has(dialog, "dialog", &["id"], &["call-id", "local-tag", "remote-tag", "direction"])?;
    if !["", "initiator", "recipient"].contains(&attribute(dialog, "direction")) {
        return Err("another direction".to_owned());
    }
    in_order(dialog, &["state", "duration", "replaces", "referred-by", "route-set", "local", "remote"])?;
    let state = dialog.children.first().filter(|first| first.name == "state").ok_or("no state")?;
    has(state, "state", &[], &["event", "code"])?;
    if !["trying", "proceeding", "early", "confirmed", "terminated"].contains(&state.text) {
        return Err(format!("{} is no state", state.text));
    }
    for party in dialog.children.iter().filter(|child| ["local", "remote"].contains(&child.name)) {
        in_order(party, &["identity", "target", "session-description", "cseq"])?;
        for child in &party.children {
            match child.name {
                "identity" => {
                    has(child, "identity", &[], &["display"])?;
                    is_uri(child.text)?;
                }
                "target" => {
                    has(child, "target", &["uri"], &[])?;
                    is_uri(attribute(child, "uri"))?;
                    child
                        .children
                        .iter()
                        .try_for_each(|param| has(param, "param", &["pname", "pvalue"], &[]))?;
                }
                other => return Err(format!("{other} was never told")),
            }
        }
    }
    Ok(())
}

/// Whether it has this name, these attributes, and none beyond those that it may have.
fn has(element: &Element<'_>, name: &str, needs: &[&str], may: &[&str]) -> Result<(), String> {
    if element.name != name {
        return Err(format!("{} in the place of {name}", element.name));
    }
    if let Some(missing) = needs.iter().find(|need| attribute(element, need).is_empty()) {
        return Err(format!("{name} without {missing}"));
    }
    let stranger = element.attributes.iter().find(|(key, _)| !needs.contains(key) && !may.contains(key));
    stranger.map_or(Ok(()), |(key, _)| Err(format!("{name} with {key}")))
}

/// Whether the children are of these, each once, in this order.
fn in_order(element: &Element<'_>, names: &[&str]) -> Result<(), String> {
    let mut left = names.iter();
    let fits = |child: &Element<'_>| left.any(|name| *name == child.name);
    match element.children.iter().map(fits).position(|fits| !fits) {
        Some(place) => {
            Err(format!("{} is not where {} may have it", element.children[place].name, element.name))
        }
        None => Ok(()),
    }
}

fn is_uri(text: &str) -> Result<(), String> {
    let is_good = text.strip_prefix("sip:").is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|letter: char| letter.is_whitespace() || "<>\"".contains(letter))
    });
    if is_good { Ok(()) } else { Err(format!("{text:?} is no SIP URI")) }
}

fn attribute<'a>(element: &Element<'a>, name: &str) -> &'a str {
    element.attributes.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

/// Reads one element, and returns what is behind it.
fn element(text: &str) -> Result<(Element<'_>, &str), String> {
    let rest = text.strip_prefix('<').ok_or_else(|| format!("no element at {:.40}", text))?;
    let (head, mut rest) = rest.split_once('>').ok_or("an element without an end")?;
    let (head, is_empty) = head.strip_suffix('/').map_or((head, false), |head| (head, true));
    let (name, mut written) = head.split_once(' ').unwrap_or((head, ""));
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    while !written.trim_start().is_empty() {
        let (key, after) = written.trim_start().split_once("=\"").ok_or("an attribute without a value")?;
        let (value, after) = after.split_once('"').ok_or("a value without an end")?;
        if value.contains('<') || attributes.iter().any(|(known, _)| *known == key) {
            return Err(format!("{key} is wrong"));
        }
        is_escaped(value)?;
        attributes.push((key, value));
        written = after;
    }
    let mut found = Element { name, attributes, children: Vec::new(), text: "" };
    if is_empty {
        return Ok((found, rest));
    }
    loop {
        let (said, after) = rest.split_once('<').ok_or_else(|| format!("{name} does not end"))?;
        is_escaped(said)?;
        if !said.trim().is_empty() {
            found.text = said.trim();
        }
        if let Some(after) = after.strip_prefix('/') {
            let after = after.strip_prefix(name).and_then(|after| after.strip_prefix('>'));
            return after.map(|after| (found, after)).ok_or_else(|| format!("{name} ends as another"));
        }
        let (child, after) = element(&rest[said.len()..])?;
        found.children.push(child);
        rest = after;
    }
}

/// Whether each `&` begins a reference that XML has.
fn is_escaped(text: &str) -> Result<(), String> {
    let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
    let is_good =
        text.split('&').skip(1).all(|rest| known.iter().any(|reference| rest.starts_with(reference)));
    if is_good { Ok(()) } else { Err(format!("{text:?} is not escaped")) }
}
