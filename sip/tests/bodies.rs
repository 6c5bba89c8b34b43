//! The session descriptions inside the torture messages of RFC 4475 and RFC 5118.

use std::path::Path;

use bytes::Bytes;
use trunkline_sip::message::{Framing, Limits, Message};
use trunkline_sip::sdp::{Origin, SessionDescription};

#[test]
fn every_body_is_read_and_survives_printing() {
    let mut read = 0;
    for folder in ["rfc4475", "rfc5118"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
        for entry in std::fs::read_dir(folder).expect("the corpus is beside the sources") {
            let path = entry.expect("the corpus can be listed").path();
            let bytes = Bytes::from(std::fs::read(&path).expect("the corpus can be read"));
            let Ok(message) = Message::scan(bytes, Framing::Datagram, &Limits::DEFAULT) else { continue };
            let is_sdp = message.content_type().is_some_and(|kind| kind.starts_with("application/sdp"));
            let is_cut = message.validate(&Limits::DEFAULT).is_err();
            if !is_sdp || is_cut || message.body().is_empty() {
                continue;
            }
            let name = path.display();
            let sdp = SessionDescription::parse(&message.body_bytes())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!sdp.media.is_empty(), "{name}");
            let printed = sdp.print(Origin { id: 1, version: 1 }, [192, 0, 2, 200].into());
            assert_eq!(SessionDescription::parse(&printed), Ok(sdp), "{name}");
            read += 1;
        }
    }
    assert_eq!(read, 13, "every message with a body of this type");
}

#[test]
fn addresses_of_both_families() {
    let rtp = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/rfc5118").join(name);
        let bytes = Bytes::from(std::fs::read(path).expect("the corpus is beside the sources"));
        let message =
            Message::scan(bytes, Framing::Datagram, &Limits::DEFAULT).expect("the message is well-formed");
        let sdp = SessionDescription::parse(&message.body_bytes()).expect("the body is well-formed");
        (0..sdp.media.len())
            .map(|index| sdp.rtp(index).map(|address| address.to_string()))
            .collect::<Vec<_>>()
    };
    let both = |one: &str, other: &str| vec![Some(one.to_owned()), Some(other.to_owned())];
    assert_eq!(rtp("ipv6-in-sdp.fixed.dat"), both("[2001:db8::20]:6000", "[2001:db8::20]:6024"));
    assert_eq!(rtp("mult-ip-in-sdp.fixed.dat"), both("192.0.2.1:22334", "[2001:db8::1]:6024"));
    assert_eq!(rtp("ipv4-mapped-ipv6.fixed.dat"), both("192.0.2.2:6000", "192.0.2.2:6024"));
}
