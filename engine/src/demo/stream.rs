//! Messages cut out of a stream by Content-Length (RFC 3261 §18.3), as the phone does it.

use bytes::{Buf, Bytes, BytesMut};

/// What came on a connection and is not a whole message yet.
#[derive(Debug, Default)]
pub(super) struct Stream {
    buffer: BytesMut,
}

impl Stream {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        while self.buffer.starts_with(b"\r") || self.buffer.starts_with(b"\n") {
            self.buffer.advance(1);
        }
        let head_bytes = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.buffer[..head_bytes]).to_lowercase();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            ["content-length", "l"].contains(&name.trim()).then(|| value.trim().parse::<usize>().ok())?
        });
        let whole_bytes = head_bytes + length.unwrap_or(0);
        (self.buffer.len() >= whole_bytes).then(|| self.buffer.split_to(whole_bytes).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_whatever_the_pieces() {
        let text =
            b"\r\n\r\nBYE sip:a SIP/2.0\r\nl: 3\r\n\r\nabcOPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
        let mut stream = Stream::default();
        let mut found = Vec::new();
        for byte in text {
            stream.push(&[*byte]);
            found.extend(stream.next());
        }
        assert_eq!(found.len(), 2);
        assert!(found[0].ends_with(b"abc") && found[1].starts_with(b"OPTIONS"));
    }
}
