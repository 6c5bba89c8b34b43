//! The relay that one writes first: tokio, a task for each socket. The baseline of the comparison.
//!
//! Prints `ready` once all sockets are bound, and ends when standard input does.

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::Arc;

use clap::Parser;
use tokio::net::UdpSocket;
use trunkline_bench::relay::{Sessions, far};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    sessions: Sessions,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { sessions } = Arguments::parse();
    trunkline_media::io::raise_descriptor_limit()?;
    let mut sockets = Vec::new();
    for end in sessions.ends() {
        sockets.push(Arc::new(UdpSocket::bind(sessions.leg(end)).await?));
    }
    for end in sessions.ends() {
        let (from, by) = (Arc::clone(&sockets[end]), Arc::clone(&sockets[end ^ 1]));
        tokio::spawn(async move {
            let (source, to) = (far(end), far(end ^ 1));
            let mut packet = [0; 2_048];
            while let Ok((length, heard)) = from.recv_from(&mut packet).await {
                if heard == source && length >= 12 && packet[0] >> 6 == 2 {
                    // A packet that is not sent is missed by its receiver.
                    let _sent = by.send_to(&packet[..length], to).await.is_ok();
                }
            }
        });
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
