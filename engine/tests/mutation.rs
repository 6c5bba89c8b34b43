//! The fuzz checks of switch, HTTP bodies and configuration on edited seeds: some thousands, the same each time.
//!
//! For longer runs there is `fuzz/src/bin/mutate.rs`.
#![expect(clippy::disallowed_methods, reason = "where virtual time begins")]

use std::path::Path;
use std::time::Instant;

#[path = "../../fuzz/src/config.rs"]
pub mod config;
#[path = "../../fuzz/src/http.rs"]
pub mod http;
#[path = "../../fuzz/src/mutator.rs"]
pub mod mutator;
#[path = "../../fuzz/src/switch.rs"]
pub mod switch;
#[path = "../../fuzz/src/words.rs"]
pub mod words;

/// Some seconds each, where nobody says otherwise.
const INPUTS: usize = 2_000;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    let files = std::fs::read_dir(folder).expect("the seeds are part of the repository");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("the seeds can be listed").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).expect("the seeds can be read")).collect()
}

fn run(name: &str, check: fn(&[u8])) {
    let inputs = std::env::var("TRUNKLINE_INPUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(INPUTS);
    let start = Instant::now();
    mutator::Mutator::new(seeds(name), 20_261_122).run(inputs, check);
    eprintln!("{name}: {inputs} inputs, {:.0} a second", inputs as f64 / start.elapsed().as_secs_f64());
}

#[test]
fn edited_scripts_of_calls_break_no_rule() {
    run("switch", switch::check);
}

#[test]
fn edited_bodies_break_no_rule() {
    run("http", http::check);
}

#[test]
fn edited_configurations_break_no_rule() {
    run("config", config::check);
}

#[test]
fn unedited_seeds_do_what_they_are_for() {
    for script in seeds("switch") {
        let played = switch::play(&script);
        assert!(
            played.connected >= 2 && played.obeyed >= 1,
            "{played:?}: {}",
            String::from_utf8_lossy(&script)
        );
    }
    for body in seeds("http") {
        assert!(http::play(&body), "{}", String::from_utf8_lossy(&body));
    }
    for text in seeds("config") {
        // A file of its own is asked for, which nobody may read here.
        let is_alone = !String::from_utf8_lossy(&text).contains("_file");
        assert_eq!(config::play(&text), is_alone, "{}", String::from_utf8_lossy(&text));
    }
}
