//! A strict reader of `application/conference-info+xml`: what RFC 4575 §5 and its schema say of elements, their order and attributes, and
//! nothing else.

use crate::xml::{Element, attribute, has, in_order, is_uri, whole};

/// What a NOTIFY tells of a conference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Counts the notices of one subscription.
    pub version: u32,
    /// The conference.
    pub entity: String,
    /// `full` or `deleted`.
    pub state: String,
    /// Of each member what a person reads, and how he takes part.
    pub users: Vec<[String; 2]>,
}

/// Reads a body.
///
/// # Errors
/// The first fault.
pub fn judge(body: &str) -> Result<Told, String> {
    let root = whole(body)?;
    has(&root, "conference-info", &["xmlns", "entity", "state", "version"], &[])?;
    let value = |name| attribute(&root, name);
    if value("xmlns") != "urn:ietf:params:xml:ns:conference-info"
        || !["full", "deleted"].contains(&value("state"))
    {
        return Err("another namespace or state".to_owned());
    }
    is_uri(value("entity"))?;
    let version = value("version").parse().map_err(|_| "the version is no number")?;
    in_order(&root, &["conference-description", "host-info", "conference-state", "users"])?;
    let mut told = Told {
        version,
        entity: value("entity").to_owned(),
        state: value("state").to_owned(),
        users: Vec::new(),
    };
    if told.state == "deleted" {
        return if root.children.is_empty() { Ok(told) } else { Err("something of what is over".to_owned()) };
    }
    let [state, users] = &root.children[..] else { return Err("not its state and its users".to_owned()) };
    has(state, "conference-state", &[], &[])?;
    in_order(state, &["user-count", "active", "locked"])?;
    let of =
        |name: &str| state.children.iter().find(|child| child.name == name).map_or("", |child| child.text);
    let count: usize = of("user-count").parse().map_err(|_| "the count is no number")?;
    if !["true", "false"].contains(&of("active")) {
        return Err("it is neither active nor not".to_owned());
    }
    has(users, "users", &["state"], &[])?;
    let mut entities = Vec::new();
    for child in &users.children {
        told.users.push(user(child)?);
        entities.push(attribute(child, "entity"));
    }
    // The entity is a key (RFC 4575 §5.6).
    entities.sort_unstable();
    let known = entities.len();
    entities.dedup();
    if attribute(users, "state") != "full" || count < known || entities.len() < known {
        return Err(format!("{count} users, {known} told, {} of them apart", entities.len()));
    }
    Ok(told)
}

fn user(user: &Element<'_>) -> Result<[String; 2], String> {
    has(user, "user", &["entity", "state"], &[])?;
    is_uri(attribute(user, "entity"))?;
    in_order(user, &["display-text", "associated-aors", "roles", "languages", "cascaded-focus", "endpoint"])?;
    let [name, endpoint] = &user.children[..] else { return Err("not a name and an endpoint".to_owned()) };
    has(name, "display-text", &[], &[])?;
    has(endpoint, "endpoint", &["entity"], &["state"])?;
    is_uri(attribute(endpoint, "entity"))?;
    in_order(endpoint, &["display-text", "referred", "status", "joining-method", "joining-info"])?;
    let [status] = &endpoint.children[..] else { return Err("not one status".to_owned()) };
    has(status, "status", &[], &[])?;
    let known = [
        "pending",
        "dialing-out",
        "dialing-in",
        "alerting",
        "on-hold",
        "connected",
        "muted-via-focus",
        "disconnecting",
        "disconnected",
    ];
    if attribute(user, "state") != "full" || !known.contains(&status.text) {
        return Err(format!("{} is no status", status.text));
    }
    Ok([name.text, status.text].map(str::to_owned))
}
