//! A strict reader of `application/reginfo+xml`: what RFC 3680 §5 says of elements, their order and attributes, and nothing else.

use crate::xml::{attribute, has, in_order, is_uri, whole};

/// What a NOTIFY tells of one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Counts the notices of one subscription.
    pub version: u32,
    /// The line.
    pub aor: String,
    /// `init`, `active` or `terminated`.
    pub state: String,
    /// Of each contact its URI, state, and event.
    pub contacts: Vec<[String; 3]>,
}

/// Reads a body.
///
/// # Errors
/// The first fault.
pub fn judge(body: &str) -> Result<Told, String> {
    let root = whole(body)?;
    has(&root, "reginfo", &["xmlns", "version", "state"], &[])?;
    if attribute(&root, "xmlns") != "urn:ietf:params:xml:ns:reginfo" || attribute(&root, "state") != "full" {
        return Err("another namespace, or not all of it".to_owned());
    }
    let version = attribute(&root, "version").parse().map_err(|_| "the version is no number")?;
    let [registration] = &root.children[..] else { return Err("not one registration".to_owned()) };
    has(registration, "registration", &["aor", "id", "state"], &[])?;
    is_uri(attribute(registration, "aor"))?;
    let state = attribute(registration, "state").to_owned();
    let mut contacts: Vec<[String; 3]> = Vec::new();
    let mut ids = Vec::new();
    for contact in &registration.children {
        has(
            contact,
            "contact",
            &["id", "state", "event"],
            &["q", "expires", "retry-after", "callid", "cseq"],
        )?;
        in_order(contact, &["uri", "display-name", "unknown-param"])?;
        let [id, is, event] = ["id", "state", "event"].map(|name| attribute(contact, name));
        let events: &[&str] = match is {
            "active" => &["registered", "created", "refreshed", "shortened"],
            "terminated" => &["expired", "deactivated", "probation", "unregistered", "rejected"],
            _ => return Err(format!("a contact is {is}")),
        };
        if !events.contains(&event) || ids.contains(&id) {
            return Err(format!("a contact is {is} by {event}, or told twice"));
        }
        let uri = contact.children.first().filter(|first| first.name == "uri").ok_or("no URI")?;
        is_uri(uri.text)?;
        ids.push(id);
        contacts.push([uri.text, is, event].map(str::to_owned));
    }
    let is_any = |wanted: &str| contacts.iter().any(|[_, is, _]| is == wanted);
    let expected = match (is_any("active"), contacts.is_empty()) {
        (true, _) => "active",
        (false, true) => "init",
        (false, false) => "terminated",
    };
    if state != expected {
        return Err(format!("the registration is {state}, its contacts say {expected}"));
    }
    Ok(Told { version, aor: attribute(registration, "aor").to_owned(), state, contacts })
}
