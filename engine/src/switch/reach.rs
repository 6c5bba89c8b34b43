//! Whether what is dialled leads anywhere, for a configuration that is not yet run.

use super::line::Lines;
use super::route::{Destination, Source, resolve};
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

    /// Whether a caller who is sent to this number by a line is led anywhere.
    ///
    /// # Errors
    /// The status that it would be refused with.
    pub fn check(&self, number: &str) -> Result<(), u16> {
        match resolve(&self.setup.routes, &self.lines, Source::Line, number)? {
            Destination::Page(_) => Err(403),
            Destination::Line(_) | Destination::Group(_) | Destination::Trunk(..) => Ok(()),
        }
    }

    /// Whether a line that dials this number speaks to a page group, where nobody is sent.
    pub fn is_page(&self, number: &str) -> bool {
        let found = resolve(&self.setup.routes, &self.lines, Source::Line, number);
        matches!(found, Ok(Destination::Page(_)))
    }
}
