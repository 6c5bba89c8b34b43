//! The fuzz checks of the message layer on edited torture messages: some thousands, the same each time.
//!
//! For longer runs there is `fuzz/src/bin/mutate.rs`.
#![expect(clippy::disallowed_methods, reason = "where virtual time begins")]

use std::path::Path;

#[path = "../../fuzz/src/agent.rs"]
pub mod agent;
#[path = "../../fuzz/src/header.rs"]
pub mod header;
#[path = "../../fuzz/src/message.rs"]
pub mod message;
#[path = "../../fuzz/src/mutator.rs"]
pub mod mutator;
#[path = "../../fuzz/src/sdp.rs"]
pub mod sdp;
#[path = "../../fuzz/src/stream.rs"]
pub mod stream;
#[path = "../../fuzz/src/uri.rs"]
pub mod uri;

/// A debug build takes a millisecond for each.
const INPUTS: usize = if cfg!(debug_assertions) { 6_000 } else { 100_000 };

#[test]
fn edited_torture_messages_break_no_rule() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut mutator =
        mutator::Mutator::of_folders(&[&corpus.join("rfc4475"), &corpus.join("rfc5118")], 20_261_121);
    for _ in 0..INPUTS {
        let input = mutator.input();
        message::check(&input);
        message::scan(&input);
        stream::check(&input);
    }
}

#[test]
fn edited_values_break_no_rule() {
    let values = [
        "\"A. G. Bell\" <sip:agb@bell-telephone.com;transport=tcp?Replaces=a%40b>;tag=a48s;q=0.5",
        "sip:+12125551212;phone-context=x:secret@[2001:db8::1]:5070;lr;maddr=h",
        "SIP / 2.0 / UDP [2001:db8::9:1] : 5060 ;received=2001:db8::9:255;rport;branch=z9hG4bKas3-111",
        "4294967295 INVITE",
        "tel:+1-201-555-0123;phone-context=example.com",
    ];
    let values = values.into_iter().map(|value| value.as_bytes().to_vec()).collect();
    let mut mutator = mutator::Mutator::new(values, 20_261_121);
    for _ in 0..INPUTS {
        uri::check(&mutator.input());
    }
}

#[test]
fn edited_session_descriptions_break_no_rule() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/sdp");
    let seeds = ["offer.sdp", "hold.sdp", "sdes.sdp", "dtls.sdp"].map(|name| seeds.join(name));
    let seeds = seeds.map(|path| std::fs::read(path).expect("the seeds are part of the repository"));
    let mut mutator = mutator::Mutator::new(seeds.to_vec(), 20_261_121);
    for _ in 0..INPUTS / 4 {
        sdp::check(&mutator.input());
    }
}

/// Each agent lives through some minutes.
#[test]
fn edited_conversations_break_no_rule() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let mut mutator = mutator::Mutator::of_folders(&[&seeds.join("agent")], 20_261_122);
    mutator.run(INPUTS / 8, agent::check);
    let mut mutator = mutator::Mutator::of_folders(&[&seeds.join("header")], 20_261_122);
    mutator.run(INPUTS / 8, header::check);
}
