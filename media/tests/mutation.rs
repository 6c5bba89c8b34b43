//! The fuzz checks of the relay on edited scripts of datagrams: some thousands, the same each time.
//!
//! For longer runs there is `fuzz/src/bin/mutate.rs`.
#![expect(clippy::disallowed_methods, reason = "where virtual time begins")]

#[path = "../../fuzz/src/mutator.rs"]
pub mod mutator;
#[path = "../../fuzz/src/relay.rs"]
pub mod relay;

/// One or two seconds.
const INPUTS: usize = if cfg!(debug_assertions) { 10_000 } else { 60_000 };

#[test]
fn edited_datagrams_break_no_rule() {
    let mut mutator = mutator::Mutator::new(relay::scripts(), 20_261_121);
    for _ in 0..INPUTS {
        relay::check(&mutator.input());
    }
}

#[test]
fn scripts_reach_the_other_far_end_unedited() {
    let played = relay::scripts().iter().map(|script| relay::play(script)).collect::<Vec<_>>();
    assert!(played.iter().all(|played| played.relayed >= 20 && played.events > 0), "{played:?}");
    assert_eq!(played.iter().map(|played| played.answered).collect::<Vec<_>>(), [0, 0, 2, 2]);
}
