//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::ctl::operate::Operate;

/// A SIP session engine with the semantics of TAPI.
#[derive(Parser, Debug)]
#[command(name = "trunkline", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

impl Cli {
    /// What to do: `serve` where nothing is named.
    pub fn command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the daemon (the default).
    Serve(Serve),
    /// Say what is wrong with a configuration, and where the relay in the kernel would run: exit status 0 or 2.
    Check(Check),
    /// Play calls between three scripted phones over real sockets, and print the ladder.
    Demo,
    /// Speak to a running daemon.
    Ctl(Ctl),
    /// Print what completes this command line in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the contract of the HTTP API (OpenAPI 3.1), which a daemon serves at /v1/openapi.json.
    Openapi,
    /// Print the JSON schema of the configuration, for editors.
    Schema,
    /// Write the man pages: of each command, and of the configuration.
    Man {
        /// Where man1 and man5 are made; man -M takes it.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// `trunkline serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// The configuration. Default: ./trunkline.toml, else /etc/trunkline/trunkline.toml, else four phones with random
    /// passwords.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where registrations, calls that are up and made passwords are kept. Default: $STATE_DIRECTORY, else ./trunkline-state.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// `trunkline check`.
#[derive(Args, Debug)]
pub struct Check {
    /// The configuration. Default: as serve looks for it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `trunkline ctl`.
#[derive(Args, Debug)]
pub struct Ctl {
    /// The daemon's API. Default: $TRUNKLINE_URL, else http://127.0.0.1:8080.
    #[arg(long, global = true)]
    pub url: Option<String>,
    /// The application's token. Default: $TRUNKLINE_TOKEN, else that of the built-in application.
    #[arg(long, global = true, conflicts_with = "token_file")]
    pub token: Option<String>,
    /// A file with the token: no other user of this machine can read it there.
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Where the daemon keeps the token of the built-in application.
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Print the API's JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to ask.
    #[command(subcommand)]
    pub ask: Ask,
}

/// What to ask of a daemon.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// List lines.
    Lines {
        /// Only this one.
        line: Option<String>,
    },
    /// List calls.
    Calls {
        /// Only this one.
        call: Option<String>,
    },
    /// Say how many voice messages a line has.
    SetMessages {
        /// The line.
        line: String,
        /// New ones.
        new: u16,
        /// Old ones.
        #[arg(default_value_t = 0)]
        old: u16,
        /// How many of the new ones are urgent.
        #[arg(long, default_value_t = 0)]
        urgent_new: u16,
        /// How many of the old ones are urgent.
        #[arg(long, default_value_t = 0)]
        urgent_old: u16,
    },
    /// Tell the phones of a line to fetch their configuration.
    CheckSync {
        /// The line.
        line: String,
        /// They start anew in any case.
        #[arg(long)]
        reboot: bool,
    },
    /// List where phones are registered.
    Registrations,
    /// List trunks.
    Trunks,
    /// List parked calls.
    Parked,
    /// List webhooks, and how they do.
    Webhooks,
    /// List records of calls, the newest first.
    Records {
        /// Those that began then or later: 2026-11-23, 2026-11-23T05:45:35Z, or seconds since 1970. Universal time without an offset.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Those that began before then.
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Those of this line or trunk, on either side.
        #[arg(long)]
        line: Option<String>,
        /// ANSWERED, "NO ANSWER", BUSY, FAILED or CONGESTION.
        #[arg(long)]
        disposition: Option<String>,
        /// How many at most, up to 1000. Default: 100.
        #[arg(long)]
        limit: Option<u32>,
    },
    /// Make a token by which a phone fetches its configuration, and print what is typed into it.
    PhoneToken {
        /// Its hardware address.
        mac: String,
        /// How long it holds. Default: as the configuration says.
        #[arg(long)]
        hours: Option<u32>,
    },
    /// Read the configuration again: all of it, or nothing.
    Reload,
    /// Say whether calls are taken: exit status 0 or 1. It needs no token.
    Ready,
    /// Say what a reload would do: what is wrong, and where; nothing is changed.
    CheckConfig,
    /// Print the last lines of the daemon's log.
    Log {
        /// Go on with those to come.
        #[arg(long, short)]
        follow: bool,
        /// The least that matters.
        #[arg(long, default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"])]
        level: String,
        /// Only lines with this text, in capitals or not.
        #[arg(long, value_name = "TEXT")]
        contains: Option<String>,
    },
    /// Do something with a line or a call.
    #[command(flatten)]
    Operate(Operate),
    /// Show what went over the wire and what calls did: of a call, afterwards too, or as it happens.
    Trace {
        /// The call; without it, what happens from now on.
        call: Option<String>,
        /// Only calls of this line.
        #[arg(long, conflicts_with = "call")]
        line: Option<String>,
        /// What happens to the call from now on, too, until ctrl-C.
        #[arg(long, short, requires = "call", conflicts_with = "pcapng")]
        follow: bool,
        /// Whole messages.
        #[arg(long)]
        full: bool,
        /// A ladder with a column for each address, which is what a terminal gets, or a line for each entry.
        #[arg(long, value_name = "FORM", value_enum, conflicts_with = "pcapng")]
        form: Option<Form>,
        /// Write the call's messages to this file, for Wireshark; - for standard output.
        #[arg(long, value_name = "FILE", requires = "call", conflicts_with = "full")]
        pcapng: Option<PathBuf>,
    },
    /// Show the calls that are there as they change, in a terminal; elsewhere, print events as they happen.
    Watch {
        /// Only calls and events of this line.
        #[arg(long)]
        line: Option<String>,
        /// Events in a terminal, too.
        #[arg(long)]
        events: bool,
        /// Events, beginning behind this one, not with the next one.
        #[arg(long, value_name = "SEQ")]
        after: Option<u64>,
    },
}

/// How a trace is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Form {
    /// A column for each address.
    Ladder,
    /// A line for each entry.
    Lines,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn command(line: &str) -> Command {
        Cli::try_parse_from(line.split(' ')).unwrap().command()
    }

    #[test]
    fn the_definition_is_consistent() {
        <Cli as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn serve_is_what_is_done_without_a_word() {
        let Command::Serve(Serve { config: None, state_dir: None }) = command("trunkline") else { panic!() };
        for line in ["trunkline --config a.toml", "trunkline serve --config a.toml"] {
            let Command::Serve(Serve { config: Some(config), .. }) = command(line) else { panic!("{line}") };
            assert_eq!(config, PathBuf::from("a.toml"));
        }
    }

    #[test]
    fn ctl_takes_its_options_before_and_after_the_word() {
        for line in ["trunkline ctl --json make-call 1001 1002", "trunkline ctl make-call 1001 1002 --json"] {
            let Command::Ctl(ctl) = command(line) else { panic!("{line}") };
            assert!(ctl.json);
            let Ask::Operate(Operate::MakeCall { line, to, .. }) = ctl.ask else { panic!() };
            assert_eq!((&*line, &*to), ("1001", "1002"));
        }
    }
}
