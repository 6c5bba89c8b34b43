//! A strict reader of what the engine writes as XML: what it need not write is a fault.

/// One element as it is written.
pub(crate) struct Element<'a> {
    pub(crate) name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    pub(crate) children: Vec<Self>,
    pub(crate) text: &'a str,
}

/// Reads a document: its root.
pub(crate) fn whole(body: &str) -> Result<Element<'_>, String> {
    of_type("", body)
}

/// The same of one that declares its document type, in these words.
pub(crate) fn of_type<'a>(declared: &str, body: &'a str) -> Result<Element<'a>, String> {
    let rest = body.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no declaration")?;
    let rest = rest.trim_start().strip_prefix(declared).ok_or("another document type")?;
    let (root, rest) = element(rest.trim_start())?;
    if rest.trim().is_empty() { Ok(root) } else { Err(format!("{rest:?} after the end")) }
}

/// Whether it has this name, these attributes, and none beyond those that it may have.
pub(crate) fn has(element: &Element<'_>, name: &str, needs: &[&str], may: &[&str]) -> Result<(), String> {
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
pub(crate) fn in_order(element: &Element<'_>, names: &[&str]) -> Result<(), String> {
    let mut left = names.iter();
    let fits = |child: &Element<'_>| left.any(|name| *name == child.name);
    match element.children.iter().map(fits).position(|fits| !fits) {
        Some(place) => {
            Err(format!("{} is not where {} may have it", element.children[place].name, element.name))
        }
        None => Ok(()),
    }
}

pub(crate) fn is_uri(text: &str) -> Result<(), String> {
    let is_good = text.strip_prefix("sip:").is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|letter: char| letter.is_whitespace() || "<>\"".contains(letter))
    });
    if is_good { Ok(()) } else { Err(format!("{text:?} is no SIP URI")) }
}

pub(crate) fn attribute<'a>(element: &Element<'a>, name: &str) -> &'a str {
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
