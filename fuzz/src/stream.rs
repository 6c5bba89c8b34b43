//! A stream from the network: cut into messages alike however it arrives, each as long as its own header says.

use trunkline_sip::message::{Framing, Limits, Message};
use trunkline_sip::stream::{Frame, FrameError, Framer};

/// Panics if a rule of the stream framer is broken for these octets.
pub fn check(octets: &[u8]) {
    let whole = frames(octets, octets.len().max(1));
    let piece_len = octets.first().map_or(1, |&first| usize::from(first % 61) + 1);
    assert_eq!(frames(octets, piece_len), whole, "what arrives in pieces of {piece_len} is the same");
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::DEFAULT };
    for frame in whole {
        let Ok(Frame::Message(bytes)) = frame else { continue };
        let Ok(message) = Message::scan(bytes, Framing::Stream, &limits) else { continue };
        let length_is_wrong =
            message.validate(&limits).is_err_and(|malformed| malformed.reason.contains("Content-Length"));
        assert!(!length_is_wrong, "the framer and the scanner read the same length");
    }
}

fn frames(octets: &[u8], piece_len: usize) -> Vec<Result<Frame, FrameError>> {
    let mut framer = Framer::new();
    octets.chunks(piece_len).flat_map(|piece| framer.push(piece).collect::<Vec<_>>()).collect()
}
