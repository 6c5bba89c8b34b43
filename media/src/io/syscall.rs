//! The system calls that the standard library does not offer: the only `unsafe` of the workspace.
#![expect(
    unsafe_code,
    reason = "epoll, eventfd, recvmmsg, SO_MEMINFO, netlink groups, free space, the allocator, look-ups of names and the raw clock have no safe form in the standard library"
)]

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Readiness of many sockets (`epoll(7)`), level-triggered.
#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
}

/// What `epoll_wait` fills: one entry for each ready socket.
pub(crate) type ReadyEvent = libc::epoll_event;

/// An entry to fill an array with.
pub(crate) const NOT_READY: ReadyEvent = ReadyEvent { events: 0, u64: 0 };

impl Epoll {
    pub(crate) fn open() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is valid, and nobody else owns it.
        Ok(Self { epoll: unsafe { OwnedFd::from_raw_fd(epoll) } })
    }

    /// Watches a descriptor for input, until its last copy is closed.
    pub(crate) fn watch(&self, watched: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = ReadyEvent { events: libc::EPOLLIN.cast_unsigned(), u64: token };
        // SAFETY: `event` lives throughout the call; both descriptors are borrowed from their owners and so are open.
        let done = unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, watched.as_raw_fd(), &raw mut event)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Watches a descriptor no longer.
    pub(crate) fn forget(&self, watched: &impl AsRawFd) -> io::Result<()> {
        // SAFETY: both descriptors are borrowed from their owners and so are open; the event is not read for this operation.
        let done = unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, watched.as_raw_fd(), ptr::null_mut())
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Waits for input, at most for `timeout` (rounded up to milliseconds); returns how many entries were filled.
    pub(crate) fn wait(&self, ready: &mut [ReadyEvent], timeout: Option<Duration>) -> io::Result<usize> {
        let room = i32::try_from(ready.len()).unwrap_or(i32::MAX);
        let timeout_ms = timeout
            .map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        // SAFETY: the kernel writes at most `room` entries, which is no more than the slice has.
        let filled =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), ready.as_mut_ptr(), room, timeout_ms) };
        if let Ok(filled) = usize::try_from(filled) {
            return Ok(filled);
        }
        match io::Error::last_os_error() {
            interrupted if interrupted.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        }
    }
}

/// A non-blocking counter to wake a thread with (`eventfd(2)`), read and written like a file.
pub(crate) fn open_eventfd() -> io::Result<File> {
    // SAFETY: no pointers are passed.
    let eventfd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if eventfd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is valid, and nobody else owns it.
    Ok(unsafe { File::from_raw_fd(eventfd) })
}

/// How many datagrams one call of [`receive_many`] takes at most.
pub(crate) const RECEIVED_AT_ONCE: usize = 8;

/// Receives what waits in a socket (`recvmmsg(2)`) without waiting for any: datagram `n` into the `n`th part of the buffer, which
/// has [`RECEIVED_AT_ONCE`] parts of `longest` bytes. How long each is and whence it came is written to `received`; longer ones are
/// cut. Returns how many there were: fewer than [`RECEIVED_AT_ONCE`] only where no other waited.
pub(crate) fn receive_many(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    longest: usize,
    received: &mut [(usize, SocketAddr); RECEIVED_AT_ONCE],
) -> io::Result<usize> {
    /// Room for an address of either family, whose fields of that size both have in the same places.
    const NOWHERE: libc::sockaddr_in6 = libc::sockaddr_in6 {
        sin6_family: 0,
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
        sin6_scope_id: 0,
    };
    let mut sources = [NOWHERE; RECEIVED_AT_ONCE];
    let mut parts = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; RECEIVED_AT_ONCE];
    let nothing = libc::mmsghdr {
        msg_hdr: libc::msghdr {
            msg_name: ptr::null_mut(),
            msg_namelen: 0,
            msg_iov: ptr::null_mut(),
            msg_iovlen: 1,
            msg_control: ptr::null_mut(),
            msg_controllen: 0,
            msg_flags: 0,
        },
        msg_len: 0,
    };
    let mut headers = [nothing; RECEIVED_AT_ONCE];
    let address_bytes = libc::socklen_t::try_from(size_of_val(&NOWHERE)).unwrap_or(0);
    let mut room = 0;
    for (((header, source), part), bytes) in
        headers.iter_mut().zip(&mut sources).zip(&mut parts).zip(buffer.chunks_exact_mut(longest))
    {
        *part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        header.msg_hdr.msg_name = (&raw mut *source).cast();
        header.msg_hdr.msg_namelen = address_bytes;
        header.msg_hdr.msg_iov = &raw mut *part;
        room += 1;
    }
    // SAFETY: the kernel writes to the first `room` headers only, and through them to as many addresses and parts of the buffer, no
    // more than each is long; all of them outlive the call, and nothing else refers to them during it.
    let filled = unsafe {
        libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), room, libc::MSG_DONTWAIT, ptr::null_mut())
    };
    let Ok(filled) = usize::try_from(filled) else { return Err(io::Error::last_os_error()) };
    for ((entry, header), source) in received.iter_mut().zip(&headers).zip(&sources).take(filled) {
        *entry = (header.msg_len as usize, address(source));
    }
    Ok(filled)
}

/// What the kernel wrote of an address. A `sockaddr_in` has its family and port where a `sockaddr_in6` has them, and its address where
/// that has the flow label.
fn address(source: &libc::sockaddr_in6) -> SocketAddr {
    let port = u16::from_be(source.sin6_port);
    if libc::c_int::from(source.sin6_family) == libc::AF_INET {
        SocketAddrV4::new(Ipv4Addr::from(source.sin6_flowinfo.to_ne_bytes()), port).into()
    } else {
        let ip = Ipv6Addr::from(source.sin6_addr.s6_addr);
        SocketAddrV6::new(ip, port, source.sin6_flowinfo, source.sin6_scope_id).into()
    }
}

/// How many datagrams the kernel dropped at a socket because its buffer was full (`SO_MEMINFO`).
pub(crate) fn receive_drops(socket: &impl AsRawFd) -> io::Result<u32> {
    const WORDS: usize = 9;
    const DROPS: usize = 8;
    let mut words = [0_u32; WORDS];
    let mut length = libc::socklen_t::try_from(size_of_val(&words)).unwrap_or(0);
    let descriptor: RawFd = socket.as_raw_fd();
    // SAFETY: the kernel writes at most `length` bytes, the size of `words`, and updates `length`; both outlive the call.
    let done = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            words.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if done == 0 { Ok(words[DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// Raises the limit of open descriptors to what the system allows this process; returns it.
pub(crate) fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`, which lives throughout the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads one `rlimit`, which lives throughout the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

/// How many bytes of the file system of a file are free for who is not root.
pub(crate) fn free_bytes(file: &impl AsRawFd) -> io::Result<u64> {
    // SAFETY: a `statvfs` is plain numbers, for which zero is a value.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `statvfs`, which lives throughout the call; the descriptor is borrowed from its owner.
    if unsafe { libc::fstatvfs(file.as_raw_fd(), &raw mut found) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Lets the allocator of the C library spread over this many heaps; whether it has such a limit. Other threads must not run.
#[cfg(target_env = "gnu")]
pub(crate) fn limit_heaps(count: i32) -> bool {
    // SAFETY: no pointers are passed, and no other thread allocates meanwhile.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, count) == 1 }
}

/// The same where the C library knows no heaps.
#[cfg(not(target_env = "gnu"))]
pub(crate) const fn limit_heaps(_count: i32) -> bool {
    false
}

/// Lets the allocator of the C library give what it has free back to the system; whether there was something.
#[cfg(target_env = "gnu")]
pub(crate) fn trim_heaps() -> bool {
    // SAFETY: no pointers are passed; the allocator takes its own locks.
    unsafe { libc::malloc_trim(0) == 1 }
}

/// The same where the C library knows no heaps.
#[cfg(not(target_env = "gnu"))]
pub(crate) const fn trim_heaps() -> bool {
    false
}

/// Has the C library look up hosts by what is in it: the file of hosts, and name servers. Whether it does. Other threads must not run.
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
pub(crate) fn look_up_without_libraries() -> bool {
    unsafe extern "C" {
        fn __nss_configure_lookup(
            database: *const libc::c_char,
            services: *const libc::c_char,
        ) -> libc::c_int;
    }
    // SAFETY: both strings end with a zero and live for ever, and no other thread looks anything up meanwhile.
    unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) == 0 }
}

/// Where the program has the libraries of its machine, the machine says how.
#[cfg(not(all(target_env = "gnu", target_feature = "crt-static")))]
pub(crate) const fn look_up_without_libraries() -> bool {
    false
}

/// Lets a netlink socket hear what the kernel tells a group (`RTNLGRP_*`).
pub(crate) fn join_netlink_group(socket: &impl AsRawFd, group: u32) -> io::Result<()> {
    const ADD_MEMBERSHIP: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&group)).unwrap_or(0);
    // SAFETY: the kernel reads `length` bytes, the size of `group`, which lives throughout the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            ADD_MEMBERSHIP,
            (&raw const group).cast(),
            length,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The monotonic clock as programs in the kernel read it, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which lives throughout the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    if done != 0 {
        return 0;
    }
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000_000 + nanoseconds.unwrap_or(0)
}
