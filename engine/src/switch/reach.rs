//! Whether what is dialled leads anywhere, for a configuration that is not yet run.

use super::line::Lines;
use super::route::{Source, resolve};
use super::setup::Setup;

/// The stations and routes of a configuration.
#[derive(Debug)]
pub struct Reach {
    setup: Setup,
    lines: Lines,
}

impl Reach {
    /// The lines, groups and routes of this one.
    pub fn new(setup: Setup) -> Self {
        let lines = Lines::new(&setup);
        Self { setup, lines }
    }

    /// Whether a line that dials this number is led anywhere.
    ///
    /// # Errors
    /// The status that it would be refused with.
    pub fn check(&self, number: &str) -> Result<(), u16> {
        resolve(&self.setup.routes, &self.lines, Source::Line, number).map(drop)
    }
}
