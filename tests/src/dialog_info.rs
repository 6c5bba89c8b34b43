//! A strict reader of `application/dialog-info+xml`: what RFC 4235 §4.4 says of elements, their order and attributes, and nothing else;
//! but that the value of a parameter is `pvalue`, as its examples and all phones have it.

use crate::xml::{Element, attribute, has, in_order, is_uri, whole};

/// Says what is wrong with a body, if anything is.
///
/// # Errors
/// The first fault.
pub fn judge(body: &str) -> Result<(), String> {
    let root = whole(body)?;
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
