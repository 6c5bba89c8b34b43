//! Keeps the way to phones behind address translators open.
//!
//! A translator forgets whom a phone talks to after half a minute of silence (RFC 4787 §4.3), and then no call reaches the phone until
//! it registers anew. By a stream the phone keeps it open (RFC 5626 §4.4.1); by UDP few phones do, so the engine sends them four
//! bytes that no phone takes for a message. A translator that counts only what comes from inside needs an answer: then it is OPTIONS.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Binding, Line, Location};
use crate::message::Uri;
use crate::outbox::{Outbox, Transmit};
use crate::transport::Transport;

/// What phones behind translators are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KeepAlive {
    /// CRLF CRLF.
    #[default]
    Crlf,
    /// OPTIONS, which every phone answers somehow; the answer is not waited for.
    Options,
}

impl KeepAlive {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Crlf, Self::Options];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crlf => "crlf",
            Self::Options => "options",
        }
    }
}

/// CRLF CRLF, as by streams.
pub const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

impl Location {
    /// How often each phone behind a translator is sent something; zero: never. Phones that are registered already follow when they
    /// are due, or when they refresh.
    pub fn set_keep_alive(&self, every: Duration, with: KeepAlive) {
        self.keep_alive_s.store(every.as_secs(), Ordering::Relaxed);
        self.asks.store(with == KeepAlive::Options, Ordering::Relaxed);
    }

    /// Sends what is due. Any worker may find it due; one of them sends it. `ask` sends OPTIONS to the contact of a line.
    pub(crate) fn keep_alive(
        &self,
        now: Instant,
        out: &mut Outbox,
        mut ask: impl FnMut(&str, &Binding, &mut Outbox),
    ) {
        let every_s = self.keep_alive_s.load(Ordering::Relaxed);
        let asks = self.asks.load(Ordering::Relaxed);
        for (second, lines) in self.quiet.take(now) {
            for name in lines {
                let Some(mut line) = self.lines.get_mut(&name) else { continue };
                if line.quiet != Some(second) {
                    continue;
                }
                line.quiet = None;
                if every_s == 0 {
                    continue;
                }
                for binding in line.bindings.iter().filter(|binding| binding.expires > now) {
                    if !is_translated(binding) {
                        continue;
                    }
                    if asks {
                        ask(&name, binding, out);
                    } else {
                        out.transmits
                            .push(Transmit { flow: binding.flow, bytes: Bytes::from_static(KEEP_ALIVE) });
                    }
                }
                let next = needs_keep_alive(&line).then(|| self.quiet.second_of(now) + every_s);
                self.quiet.shift(&name, &mut line.quiet, next);
            }
        }
    }

    /// Something was registered: phones of one moment are spread over the interval, so that each second has its share.
    pub(super) fn begin_keep_alive(&self, now: Instant, name: &Arc<str>, line: &mut Line) {
        let every_s = self.keep_alive_s.load(Ordering::Relaxed);
        if every_s > 0 && line.quiet.is_none() && needs_keep_alive(line) {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % every_s;
            self.quiet.shift(name, &mut line.quiet, Some(self.quiet.second_of(now) + 1 + turn));
        }
    }

    /// Something ended.
    pub(super) fn end_keep_alive(&self, name: &Arc<str>, line: &mut Line) {
        if line.quiet.is_some() && !needs_keep_alive(line) {
            self.quiet.shift(name, &mut line.quiet, None);
        }
    }
}

fn needs_keep_alive(line: &Line) -> bool {
    line.bindings.iter().any(|binding| is_translated(binding))
}

/// Whether requests reach the phone elsewhere than it says: somebody between translates. A proxy of its own sees to it itself, and a
/// claimed address leads nowhere.
fn is_translated(binding: &Binding) -> bool {
    let source = binding.flow.remote.ip();
    binding.flow.transport == Transport::Udp
        && binding.path.is_empty()
        && !source.is_unspecified()
        && Uri::parse(&binding.contact).is_some_and(|contact| contact.host_ip() != Some(source))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::ids::ConnectionId;
    use crate::location::LocationLimits;
    use crate::transport::Flow;

    const EVERY: Duration = Duration::from_secs(25);

    struct Office {
        location: Location,
        start: Instant,
    }

    impl Office {
        fn new() -> Self {
            let start = crate::testing::start();
            let location = Location::new(start, LocationLimits::DEFAULT);
            location.set_keep_alive(EVERY, KeepAlive::Crlf);
            Self { location, start }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// A phone at 203.0.113.1 that says that it is elsewhere, for so long.
        fn registers(&self, line: &str, contact: &str, seconds: u64, change: impl FnOnce(&mut Binding)) {
            let mut binding = Binding {
                key: contact.into(),
                contact: contact.into(),
                params: "".into(),
                q_milli: 1000,
                path: Box::default(),
                flow: Flow {
                    transport: Transport::Udp,
                    local: SocketAddr::from(([192, 0, 2, 1], 5060)),
                    remote: SocketAddr::from(([203, 0, 113, 1], 40_000)),
                    connection: ConnectionId::default(),
                },
                call_id: "call".into(),
                cseq: 1,
                user_agent: "".into(),
                expires: self.at(seconds),
            };
            change(&mut binding);
            self.location.put(self.start, &line.into(), binding, &mut Outbox::default()).unwrap();
        }

        /// How many are sent in the second that begins then.
        fn sent(&self, seconds: u64) -> usize {
            let mut out = Outbox::default();
            self.location.keep_alive(self.at(seconds), &mut out, |_, _, _| panic!("nobody is asked"));
            assert!(out.transmits.iter().all(|sent| sent.bytes == KEEP_ALIVE));
            assert!(out.transmits.iter().all(|sent| sent.flow.remote.port() == 40_000));
            out.transmits.len()
        }
    }

    #[test]
    fn a_phone_behind_a_translator_is_sent_something_every_25_s_while_it_is_registered() {
        let office = Office::new();
        office.registers("1001", "sip:1001@192.168.1.10:5060", 100, |_| {});
        let sent: Vec<u64> = (0..200).filter(|second| office.sent(*second) > 0).collect();
        assert_eq!(sent, [1, 26, 51, 76], "and none after it ended, swept or not");
        office.location.expire(office.at(200), &mut Outbox::default());
        assert_eq!(office.sent(201), 0);
        assert_eq!((office.location.quiet.deadline(), office.location.quiet.len()), (None, 0));
    }

    #[test]
    fn who_can_be_reached_where_it_says_is_left_alone() {
        let office = Office::new();
        office.registers("1001", "sip:1001@203.0.113.1:5060", 600, |_| {});
        office.registers("1002", "sip:1002@192.168.1.10", 600, |binding| {
            binding.flow.transport = Transport::Tcp;
            binding.flow.connection = ConnectionId(7);
        });
        office.registers("1003", "sip:1003@192.168.1.10", 600, |binding| {
            binding.path = Box::new(["<sip:edge.example;lr>".into()]);
        });
        office.registers("701", "sip:park-c1@pbx.example", 600, |binding| {
            binding.flow.remote = SocketAddr::from(([0, 0, 0, 0], 0));
        });
        assert_eq!((0..100).map(|second| office.sent(second)).sum::<usize>(), 0);
        assert_eq!(office.location.quiet.deadline(), None, "and nobody wakes for them");
    }

    #[test]
    fn phones_of_one_moment_are_spread_evenly() {
        let office = Office::new();
        for line in 0..250 {
            office.registers(&line.to_string(), "sip:a@phone.invalid", 3_600, |_| {});
        }
        for second in 1..=100 {
            assert_eq!(office.sent(second), 10, "{second}");
        }
    }

    #[test]
    fn a_refresh_does_not_put_it_off_and_every_contact_gets_one() {
        let office = Office::new();
        for contact in ["sip:a@10.0.0.1", "sip:b@10.0.0.2", "sip:a@10.0.0.1"] {
            office.registers("1001", contact, 3_600, |_| {});
        }
        assert_eq!((office.sent(1), office.sent(25), office.sent(26)), (2, 0, 2));
        office.location.remove("1001", "sip:a@10.0.0.1", &mut Outbox::default());
        assert_eq!(office.sent(51), 1);
        office.location.remove("1001", "sip:b@10.0.0.2", &mut Outbox::default());
        assert_eq!((office.sent(76), office.location.quiet.len()), (0, 0));
    }

    #[test]
    fn it_can_be_turned_off_and_on() {
        let office = Office::new();
        office.registers("1001", "sip:a@10.0.0.1", 3_600, |_| {});
        office.location.set_keep_alive(Duration::ZERO, KeepAlive::Crlf);
        assert_eq!((office.sent(1), office.sent(26)), (0, 0));
        office.location.set_keep_alive(EVERY, KeepAlive::Crlf);
        office.registers("1001", "sip:a@10.0.0.1", 3_600, |_| {});
        assert_eq!((0..60).map(|second| office.sent(second)).sum::<usize>(), 3);
    }

    #[test]
    fn where_they_are_asked_each_contact_is_and_no_bytes_go_out() {
        let office = Office::new();
        office.location.set_keep_alive(EVERY, KeepAlive::Options);
        office.registers("1001", "sip:a@10.0.0.1", 3_600, |_| {});
        office.registers("1002", "sip:b@203.0.113.1:5060", 3_600, |_| {});
        let mut asked = Vec::new();
        for second in 0..60 {
            let mut out = Outbox::default();
            let ask = |line: &str, binding: &Binding, _: &mut Outbox| {
                asked.push((second, line.to_owned(), binding.contact.to_string()));
            };
            office.location.keep_alive(office.at(second), &mut out, ask);
            assert!(out.transmits.is_empty());
        }
        let one = |second| (second, "1001".to_owned(), "sip:a@10.0.0.1".to_owned());
        assert_eq!(asked, [one(1), one(26), one(51)]);
    }
}
