//! The least that a relay in user space can do: one epoll, a table of far ends, a receive and a send for each packet. What
//! Trunkline's relay costs beyond it is its own code.
//!
//! Prints `ready` once all sockets are bound, and ends when standard input does.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::{process, thread};

use clap::Parser;
use nix::sys::epoll::{
    EpollCreateFlags, EpollEvent, EpollFlags, EpollOp, epoll_create1, epoll_ctl, epoll_wait,
};
use trunkline_bench::relay::{Sessions, far};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    sessions: Sessions,
}

struct Leg {
    socket: UdpSocket,
    source: SocketAddr,
    packets: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { sessions } = Arguments::parse();
    trunkline_media::io::raise_descriptor_limit()?;
    let epoll = epoll_create1(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut legs = Vec::new();
    for end in sessions.ends() {
        let socket = UdpSocket::bind(sessions.leg(end))?;
        socket.set_nonblocking(true)?;
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN, end as u64);
        epoll_ctl(epoll, EpollOp::EpollCtlAdd, socket.as_raw_fd(), &mut event)?;
        legs.push(Leg { socket, source: far(end), packets: 0 });
    }
    thread::spawn(|| {
        let ended = io::stdin().lock().read_to_end(&mut Vec::new());
        process::exit(i32::from(ended.is_err()));
    });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    relay(epoll, &mut legs)
}

fn relay(epoll: RawFd, legs: &mut [Leg]) -> Result<(), Box<dyn Error>> {
    let mut events = [EpollEvent::empty(); 256];
    let mut packet = [0; 2_048];
    loop {
        let ready = epoll_wait(epoll, &mut events, -1)?;
        for event in &events[..ready] {
            let end = event.data() as usize;
            let leg = &mut legs[end];
            let Ok((length, from)) = leg.socket.recv_from(&mut packet) else { continue };
            if from != leg.source || length < 12 || packet[0] >> 6 != 2 {
                continue;
            }
            leg.packets += 1;
            let beyond = &legs[end ^ 1];
            // A packet that is not sent is missed by its receiver.
            let _sent = beyond.socket.send_to(&packet[..length], beyond.source).is_ok();
        }
    }
}
