//! A strict reader of `application/xpidf+xml`: the document type in the appendix of MS-SIP, and nothing else; but that an atom has `id`
//! beside `atomid`, as the appendix has it in its words, and `msnsubstatus` an attribute `substatus`, which the appendix gives no name.

use crate::xml::{Element, attribute, has, in_order, is_uri, of_type};

/// What a NOTIFY tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Whose presence it is, without parameters.
    pub uri: String,
    /// `open`, `inuse` or `closed`.
    pub status: String,
    /// What he does.
    pub substatus: String,
    /// What is said of it.
    pub note: String,
}

/// Reads a body.
///
/// # Errors
/// The first fault.
pub fn judge(body: &str) -> Result<Told, String> {
    let root =
        of_type("<!DOCTYPE presence PUBLIC \"-//IETF//DTD RFCxxxx XPIDF 1.0//EN\" \"xpidf.dtd\">", body)?;
    has(&root, "presence", &[], &[])?;
    let [presentity, atom] = &root.children[..] else { return Err("not one of each".to_owned()) };
    has(presentity, "presentity", &["uri"], &[])?;
    has(atom, "atom", &["atomid", "id"], &["expires"])?;
    if attribute(atom, "atomid") != attribute(atom, "id") {
        return Err("an atom of two names".to_owned());
    }
    let [address] = &atom.children[..] else { return Err("not one address".to_owned()) };
    has(address, "address", &["uri"], &["priority"])?;
    for element in [presentity, address] {
        is_uri(attribute(element, "uri"))?;
    }
    if !attribute(address, "priority").parse().is_ok_and(|priority: f32| (0.0..=1.0).contains(&priority)) {
        return Err("a priority that is none".to_owned());
    }
    // Each of them may stand once.
    in_order(address, &["status", "msnsubstatus", "note"])?;
    let bare =
        |element: &Element<'_>| attribute(element, "uri").split(';').next().unwrap_or_default().to_owned();
    let uri = bare(presentity);
    if bare(address) != uri {
        return Err("the address is another's".to_owned());
    }
    let mut told = Told { uri, status: String::new(), substatus: String::new(), note: String::new() };
    for child in &address.children {
        let (known, said): (&[&str], _) = match child.name {
            "status" => (&["open", "closed", "inuse"], &mut told.status),
            "msnsubstatus" => (
                &["unknown", "away", "online", "idle", "busy", "berightback", "onthephone", "outtolunch"],
                &mut told.substatus,
            ),
            _ => {
                has(child, "note", &[], &[])?;
                child.text.clone_into(&mut told.note);
                continue;
            }
        };
        let name = if child.name == "status" { "status" } else { "substatus" };
        has(child, child.name, &[name], &[])?;
        attribute(child, name).clone_into(said);
        if !known.contains(&&**said) || !child.text.is_empty() || !child.children.is_empty() {
            return Err(format!("{} is {said}", child.name));
        }
    }
    Ok(told)
}
