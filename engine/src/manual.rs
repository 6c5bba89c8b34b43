//! What an installation has beside the binary: man pages, and what completes the command line in a shell.

mod configuration;
mod keys;
#[cfg(test)]
mod reference;
mod schema;

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

pub(crate) use self::schema::text as schema;
use crate::cli::Cli;

/// The command line as it is defined.
fn definition() -> clap::Command {
    <Cli as CommandFactory>::command()
}

/// The script by which `shell` completes the command line.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), "trunkline", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes every man page below `directory`, which `man -M` takes then: a page for each command, and `trunkline.toml(5)`.
pub(crate) fn write_pages(directory: &Path) -> io::Result<()> {
    let named =
        |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let (commands, formats) = (directory.join("man1"), directory.join("man5"));
    for section in [&commands, &formats] {
        fs::create_dir_all(section).map_err(|error| named(section, error))?;
    }
    clap_mangen::generate_to(definition(), &commands).map_err(|error| named(&commands, error))?;
    let write = |path: PathBuf, page: String| fs::write(&path, page).map_err(|error| named(&path, error));
    write(commands.join("trunkline.1"), first_page()?)?;
    write(formats.join("trunkline.toml.5"), configuration::page())
}

/// `trunkline(1)`: what the command line says of itself, and what it does not say.
fn first_page() -> io::Result<String> {
    let mut page = Vec::new();
    // Its own sub-command `help` is no command that one looks up.
    Man::new(definition().disable_help_subcommand(true)).render(&mut page)?;
    let mut more = Roff::new();
    let mut section = |heading: &str, rows: &[(&str, &str)]| {
        more.control("SH", [heading]);
        for (what, text) in rows {
            more.control("TP", []).text([bold(*what)]).text([roman(*text)]);
        }
    };
    section(
        "SIGNALS",
        &[
            ("SIGHUP", "The configuration is read again: all of it, or nothing."),
            (
                "SIGTERM, SIGINT",
                "No call is taken any more, and those that are up go on until they end; a second one does not wait for that.",
            ),
            (
                "SIGUSR1",
                "Stops at once, with all written: the next process, if it starts within a minute, takes up the calls.",
            ),
        ],
    );
    section(
        "EXIT STATUS",
        &[
            ("0", "What was asked is done."),
            ("1", "It could not be done; standard error says why."),
            ("2", "The configuration or the command line is wrong."),
        ],
    );
    section(
        "ENVIRONMENT",
        &[
            ("STATE_DIRECTORY", "Where the daemon keeps its state, unless --state-dir says otherwise."),
            ("TRUNKLINE_URL, TRUNKLINE_TOKEN", "The API and the token that ctl uses."),
            ("RUST_LOG", "What is logged, before what the configuration says."),
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC",
                "Where systemd is told what the daemon does, and how often that it lives.",
            ),
        ],
    );
    section(
        "FILES",
        &[
            (
                "./trunkline.toml, /etc/trunkline/trunkline.toml",
                "The configuration: the first that is there.",
            ),
            ("/var/lib/trunkline", "The state, where the daemon is a service of systemd."),
        ],
    );
    more.control("SH", ["SEE ALSO"]).text([bold("trunkline.toml"), roman("(5)")]);
    page.extend(more.to_roff().into_bytes());
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_command_has_a_page_that_says_what_its_help_says() {
        let directory = std::env::temp_dir().join(format!("trunkline-pages-{}", std::process::id()));
        write_pages(&directory).unwrap();
        let page = |path: &str| fs::read_to_string(directory.join(path)).unwrap();
        let first = page("man1/trunkline.1");
        for word in ["trunkline\\-serve(1)", "\\fBSIGHUP\\fR", "trunkline.toml\\fR(5)"] {
            assert!(first.contains(word), "{word}: {first}");
        }
        assert!(!first.contains("trunkline\\-help"));
        assert!(
            page("man1/trunkline-ctl-blind-transfer.1").contains("\\-\\-token\\-file"),
            "global options are there, too"
        );
        let mut pages: Vec<String> = Vec::new();
        for entry in fs::read_dir(directory.join("man1")).unwrap() {
            pages.push(entry.unwrap().file_name().into_string().unwrap());
        }
        fs::remove_dir_all(&directory).unwrap();
        let mut root = definition().disable_help_subcommand(true);
        root.build();
        let mut wanted = vec!["trunkline.1".to_owned()];
        for command in root.get_subcommands() {
            wanted.push(format!("trunkline-{}.1", command.get_name()));
            let below = command.get_subcommands().filter(|below| below.get_name() != "help");
            wanted.extend(
                below.map(|below| format!("trunkline-{}-{}.1", command.get_name(), below.get_name())),
            );
        }
        pages.sort();
        wanted.sort();
        assert_eq!(pages, wanted);
    }

    #[test]
    fn pages_that_cannot_be_written_name_where() {
        let refused = write_pages("/dev/null/pages".as_ref()).unwrap_err().to_string();
        assert!(refused.starts_with("/dev/null/pages/man1: "), "{refused}");
    }

    #[test]
    fn every_shell_is_told_the_operations() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            for word in ["completions", "setup-transfer", "token-file"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    /// Asked as bash asks when somebody presses the tabulator behind `words`.
    fn completed(words: &[&str]) -> String {
        let script = format!(
            "{}\nCOMP_WORDS=({}) COMP_CWORD={}\n_trunkline trunkline '{}' '{}'\necho \"${{COMPREPLY[@]}}\"",
            completions(Shell::Bash),
            words.join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        // It is longer than an argument may be.
        let mut bash = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = bash.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    #[test]
    fn bash_completes_commands_operations_and_options() {
        assert_eq!(completed(&["trunkline", "ch"]), "check");
        assert_eq!(completed(&["trunkline", "ctl", "setup-t"]), "setup-transfer");
        assert_eq!(completed(&["trunkline", "ctl", "--token-"]), "--token-file");
        assert_eq!(completed(&["trunkline", "completions", "fi"]), "fish");
    }
}
