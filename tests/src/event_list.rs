//! A strict reader of `multipart/related` with `application/rlmi+xml`: what RFC 4662 §5 and RFC 2387 say, and nothing else.

use crate::body;
use crate::xml::{attribute, has, is_uri, whole};

/// What a NOTIFY tells of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Counts the notices of one subscription.
    pub version: u32,
    /// Whether all resources are named.
    pub is_full: bool,
    /// Those that are.
    pub resources: Vec<Resource>,
}

/// One resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    /// Its URI.
    pub uri: String,
    /// What a person reads.
    pub name: String,
    /// `active` or `terminated`; empty: nothing is said of it yet.
    pub state: String,
    /// The document that tells it; empty: none.
    pub part: String,
}

impl Resource {
    /// The user part of its URI.
    pub fn user(&self) -> &str {
        self.uri.trim_start_matches("sip:").split('@').next().unwrap_or_default()
    }
}

/// Reads a body, and judges its parts.
///
/// # Errors
/// The first fault.
pub fn judge(content_type: &str, body: &str) -> Result<Told, String> {
    let (media_type, params) = content_type.split_once(';').ok_or("no parameters")?;
    let param = |name: &str| {
        let value = params.split(';').find_map(|param| param.strip_prefix(&format!("{name}=\"")));
        value.and_then(|value| value.strip_suffix('"')).ok_or_else(|| format!("no {name}"))
    };
    if media_type != "multipart/related" || param("type")? != "application/rlmi+xml" {
        return Err(format!("{content_type} is no list"));
    }
    let parts = parts(body, param("boundary")?)?;
    let (root, others) = parts.split_first().ok_or("no parts")?;
    if root.id != param("start")? || root.media_type != "application/rlmi+xml;charset=\"UTF-8\"" {
        return Err("the root is not the list".to_owned());
    }
    let told = list(root.text, others)?;
    let ids: Vec<_> =
        others.iter().filter(|part| !root.text.contains(&format!("cid=\"{}\"", bare(part.id)))).collect();
    if ids.is_empty() { Ok(told) } else { Err(format!("{} parts belong to nothing", ids.len())) }
}

/// One part of a body.
struct Part<'a> {
    id: &'a str,
    media_type: &'a str,
    text: &'a str,
}

fn bare(id: &str) -> &str {
    id.trim_start_matches('<').trim_end_matches('>')
}

fn parts<'a>(body: &'a str, boundary: &str) -> Result<Vec<Part<'a>>, String> {
    let delimiter = format!("--{boundary}");
    let body = body.strip_suffix(&format!("{delimiter}--\r\n")).ok_or("the last part does not end")?;
    let rest = body.strip_prefix(&format!("{delimiter}\r\n")).ok_or("something before the first part")?;
    let mut parts: Vec<Part<'a>> = Vec::new();
    for text in rest.split(&format!("{delimiter}\r\n")) {
        let (head, text) = text.split_once("\r\n\r\n").ok_or("a part without an empty line")?;
        let header = |name: &str| {
            let value = head.split("\r\n").find_map(|line| line.strip_prefix(name));
            value.ok_or_else(|| format!("no {name} in {head}"))
        };
        let (id, media_type) = (header("Content-ID: ")?, header("Content-Type: ")?);
        if header("Content-Transfer-Encoding: ")? != "binary" || head.split("\r\n").count() != 3 {
            return Err(format!("other headers: {head}"));
        }
        let is_id = id.starts_with('<') && id.ends_with('>') && id.matches('@').count() == 1;
        if !is_id || parts.iter().any(|part| part.id == id) {
            return Err(format!("{id} names no part, or two"));
        }
        let text = text.strip_suffix("\r\n").ok_or("a part runs into the next")?;
        parts.push(Part { id, media_type, text });
    }
    Ok(parts)
}

fn list(text: &str, parts: &[Part<'_>]) -> Result<Told, String> {
    let root = whole(text)?;
    has(&root, "list", &["xmlns", "uri", "version", "fullState"], &["cid"])?;
    if attribute(&root, "xmlns") != "urn:ietf:params:xml:ns:rlmi" {
        return Err("another namespace".to_owned());
    }
    is_uri(attribute(&root, "uri"))?;
    let version = attribute(&root, "version").parse().map_err(|_| "the version is no number")?;
    let is_full = attribute(&root, "fullState").parse().map_err(|_| "fullState is no boolean")?;
    let mut resources: Vec<Resource> = Vec::new();
    for child in &root.children {
        match child.name {
            "name" if resources.is_empty() => has(child, "name", &[], &["xml:lang"])?,
            _ => resources.push(resource(child, parts)?),
        }
    }
    let is_twice =
        |resource: &Resource| resources.iter().filter(|other| other.uri == resource.uri).count() > 1;
    match resources.iter().find(|resource| is_twice(resource)) {
        Some(twice) => Err(format!("{} is named twice", twice.uri)),
        None => Ok(Told { version, is_full, resources }),
    }
}

fn resource(element: &crate::xml::Element<'_>, parts: &[Part<'_>]) -> Result<Resource, String> {
    has(element, "resource", &["uri"], &[])?;
    let uri = attribute(element, "uri").to_owned();
    is_uri(&uri)?;
    let (mut name, mut state, mut part) = (String::new(), String::new(), String::new());
    for child in &element.children {
        match child.name {
            "name" if state.is_empty() => name = child.text.to_owned(),
            "instance" if state.is_empty() => {
                has(child, "instance", &["id", "state"], &["reason", "cid"])?;
                state = attribute(child, "state").to_owned();
                let cid = attribute(child, "cid");
                part = match parts.iter().find(|part| bare(part.id) == cid) {
                    Some(part) if state == "active" => {
                        body::judge(part.media_type, part.text)?;
                        part.text.to_owned()
                    }
                    None if state == "terminated" && cid.is_empty() => String::new(),
                    _ => return Err(format!("an instance of {uri} is {state} with cid {cid:?}")),
                };
            }
            other => return Err(format!("{other} is not where a resource may have it")),
        }
    }
    if !part.is_empty() && !part.contains(&format!("entity=\"{uri}\"")) {
        return Err(format!("the part of {uri} is of another"));
    }
    Ok(Resource { uri, name, state, part })
}
