//! The terminal that standard output is, if it is one: its size, and its other screen.

use std::io::{self, IsTerminal, Write};

use tokio::signal::unix::{SignalKind, signal};

/// Whether a person looks at standard output.
pub(super) fn is_looked_at() -> bool {
    io::stdout().is_terminal()
}

/// Columns and rows; what most terminals have where it does not say.
pub(super) fn size() -> (usize, usize) {
    match terminal_size::terminal_size() {
        Some((width, height)) => (width.0.into(), height.0.into()),
        None => (80, 24),
    }
}

/// Waits until the person, or the machine, wants an end.
pub(super) async fn ended() -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// The other screen, which leaves what the terminal had shown as it was. It is left whatever happens.
pub(super) struct Screen<'o, W: Write>(&'o mut W);

impl<'o, W: Write> Screen<'o, W> {
    pub(super) fn enter(out: &'o mut W) -> io::Result<Self> {
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[?7l")?;
        Ok(Self(out))
    }

    /// Shows these lines, the first `bold` of them in bold, and nothing else.
    pub(super) fn show(&mut self, lines: &[String], bold: usize) -> io::Result<()> {
        let lines: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(nth, line)| if nth < bold { format!("\x1b[1m{line}\x1b[0m") } else { line.clone() })
            .collect();
        write!(self.0, "\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\r\n"))?;
        self.0.flush()
    }
}

impl<W: Write> Drop for Screen<'_, W> {
    fn drop(&mut self) {
        // Nothing is lost but the looks where nobody reads any more.
        drop(self.0.write_all(b"\x1b[?7h\x1b[?25h\x1b[?1049l").and_then(|()| self.0.flush()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_is_left_as_it_was_found() {
        let mut out = Vec::new();
        let mut screen = Screen::enter(&mut out).unwrap();
        screen.show(&["a".to_owned(), "b".to_owned()], 1).unwrap();
        drop(screen);
        let shown = "\x1b[H\x1b[1ma\x1b[0m\x1b[K\r\nb\x1b[K\x1b[J";
        let all = format!("\x1b[?1049h\x1b[?25l\x1b[?7l{shown}\x1b[?7h\x1b[?25h\x1b[?1049l");
        assert_eq!(String::from_utf8(out).unwrap(), all);
    }
}
