//! What the far ends read and write: text, with nothing of the engine's.

/// The first header line of this name.
pub(super) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    headers(message, name).next().unwrap_or_default()
}

/// All header lines of this name.
pub(super) fn headers<'a>(message: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = message.split("\r\n").take_while(|line| !line.is_empty());
    lines.filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The parameter of a header value: `;name=…`.
pub(super) fn param<'a>(value: &'a str, name: &str) -> &'a str {
    let found = value.split(';').skip(1).find_map(|param| param.trim().strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_default()
}

/// The URI between angle brackets.
pub(super) fn uri(value: &str) -> &str {
    value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri)
}

/// The user of the URI of a header value.
pub(super) fn user(value: &str) -> &str {
    let uri = uri(value);
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// The number and the method of a message's CSeq.
pub(super) fn cseq(message: &str) -> (u32, &str) {
    let (number, method) = header(message, "CSeq").split_once(' ').unwrap_or_default();
    (number.parse().unwrap_or_default(), method.trim())
}

/// The status of a response.
pub(super) fn status(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// Where the audio of a description goes.
pub(super) fn audio_port(message: &str) -> Option<u16> {
    let line = message.lines().find(|line| line.starts_with("m=audio "))?;
    line.split(' ').nth(1)?.parse().ok()
}

/// A response with this status, To tag and description.
pub(super) fn response(request: &str, status: &str, tag: &str, contact: &str, description: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "Record-Route", "From"] {
        for value in headers(request, name) {
            text += &format!("{name}: {value}\r\n");
        }
    }
    let to = header(request, "To");
    let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
    let (call_id, cseq) = (header(request, "Call-ID"), header(request, "CSeq"));
    text + &format!("To: {to}{tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nContact: <{contact}>\r\n")
        + &body(description)
}

/// The rest of a message.
pub(super) fn body(description: &str) -> String {
    let kind = if description.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{kind}Content-Length: {}\r\n\r\n{description}", description.len())
}
