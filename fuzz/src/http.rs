//! What the HTTP API reads: a body is refused, or makes an operation that a switch with calls replies to.
//!
//! The input is `lines/1001/make-call`, a line end, and the body.

use trunkline::api;
use trunkline::switch::{AppId, Operation};

use crate::switch::{CRM, WALLBOARD, World};

/// Panics if a rule of the API's reader, or of the switch, is broken for these octets.
pub fn check(octets: &[u8]) {
    play(octets);
}

/// As [`check`]; whether there was an operation.
pub fn play(octets: &[u8]) -> bool {
    let at = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    let (path, body) = (&octets[..at], octets.get(at + 1..).unwrap_or_default());
    let Ok(path) = std::str::from_utf8(path) else { return false };
    let mut segments = path.trim_end().splitn(3, '/');
    let (Some(kind), Some(target), Some(name)) = (segments.next(), segments.next(), segments.next()) else {
        return false;
    };
    match api::operation(kind, target, name, body) {
        Ok(operation) => {
            let app = if octets.len().is_multiple_of(8) { WALLBOARD } else { CRM };
            ask(app, operation);
            true
        }
        Err((status, detail)) => {
            assert!(matches!(status, 400 | 404 | 422), "{status} {detail}");
            // The names of an operation and of a field are told, with what is no letter escaped.
            assert!(detail.len() < 10 * octets.len() + 2_000, "{detail}");
            false
        }
    }
}

/// A conversation, a call that is offered to a line of the engine, and one that nobody has dialled yet: calls 1 to 5.
fn ask(app: AppId, operation: Operation) {
    let mut world = World::new();
    for step in [&b"i 0 1 0"[..], b"a 0 0", b"e 1 0", b"i 2 2 0", b"l 2 1 18"] {
        world.step(step);
    }
    world.ask(app, operation);
    world.step(b"@ 1");
    world.end();
}
