//! The daemon `trunkline` and its commands.

use std::process::ExitCode;

use clap::Parser;
use trunkline::cli::Cli;

fn main() -> ExitCode {
    // Before there are threads. Elsewhere it goes without.
    let _shared = trunkline_media::io::share_heaps();
    let _own = trunkline_media::io::look_up_without_libraries();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nothing is set up that could log.
            drop(std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("no runtime: {error}\n")));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(trunkline::run(cli))
}
