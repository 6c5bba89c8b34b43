//! What name servers have said, how long it holds, and what is to be asked next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::procedure::{Zone, locate};
use super::{Host, Question, Record, Server};

/// What the operator is to be told, once each time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A question got no answer, the first of those that get none: what was said before holds.
    Silent(Question),
    /// Every question has its answer again.
    Answered,
}

/// The hosts that the engine must know, with all that was said of them.
///
/// An answer holds for its TTL and is asked for again then. While no answer comes the last one holds on, and the question is
/// asked again after five seconds, then ten, up to a minute. That a name is not there is an answer, and holds for its TTL, too (RFC 2308).
#[derive(Debug)]
pub struct Names {
    hosts: BTreeSet<Host>,
    has_ipv4: bool,
    has_ipv6: bool,
    known: BTreeMap<Question, Known>,
}

/// What was said to one question.
#[derive(Debug)]
struct Known {
    records: Vec<Record>,
    /// Whether anything came of it once, be it that nobody answers.
    is_asked: bool,
    is_under_way: bool,
    ask_at: Instant,
    failures: u32,
    /// Whether a host still leads here.
    is_needed: bool,
}

impl Names {
    /// Nothing is known. The engine can send by IPv4, by IPv6, or by both.
    pub const fn new(has_ipv4: bool, has_ipv6: bool) -> Self {
        Self { hosts: BTreeSet::new(), has_ipv4, has_ipv6, known: BTreeMap::new() }
    }

    /// From here on these hosts are wanted, and no others.
    pub fn set_hosts(&mut self, hosts: impl IntoIterator<Item = Host>) {
        self.hosts = hosts.into_iter().collect();
    }

    /// The questions whose time has come. Each is answered by [`Self::answered`] or [`Self::unanswered`].
    pub fn due(&mut self, now: Instant) -> Vec<Question> {
        self.known.values_mut().for_each(|known| known.is_needed = false);
        let hosts = std::mem::take(&mut self.hosts);
        for host in &hosts {
            // What is missing is noted as it is asked for.
            drop(self.walk(host, now));
        }
        self.hosts = hosts;
        self.known.retain(|_, known| known.is_needed || known.is_under_way);
        let mut due = Vec::new();
        for (question, known) in &mut self.known {
            if !known.is_under_way && known.ask_at <= now {
                known.is_under_way = true;
                due.push(question.clone());
            }
        }
        due
    }

    /// When [`Self::due`] has something to say next, apart from what answers lead to.
    pub fn next_due(&self) -> Option<Instant> {
        self.known.values().filter(|known| !known.is_under_way).map(|known| known.ask_at).min()
    }

    /// These records are the answer, which holds for so long; none of them: there are none.
    pub fn answered(
        &mut self,
        now: Instant,
        question: &Question,
        mut records: Vec<Record>,
        ttl: Duration,
    ) -> Option<Notice> {
        let known = self.known.get_mut(question)?;
        records.sort();
        records.dedup();
        records.truncate(RECORDS_MAX);
        let ttl = ttl.clamp(TTL_MIN, TTL_MAX);
        let was_silent = known.failures > 0;
        *known = Known {
            records,
            is_asked: true,
            is_under_way: false,
            ask_at: now + ttl,
            failures: 0,
            is_needed: true,
        };
        let is_over = was_silent && self.known.values().all(|known| known.failures == 0);
        is_over.then_some(Notice::Answered)
    }

    /// Nobody answered, or only that he cannot.
    pub fn unanswered(&mut self, now: Instant, question: &Question) -> Option<Notice> {
        let was_silent = self.known.values().any(|known| known.failures > 0);
        let known = self.known.get_mut(question)?;
        (known.is_asked, known.is_under_way) = (true, false);
        known.ask_at = now + RETRY_MAX.min(RETRY * 2_u32.saturating_pow(known.failures));
        known.failures = known.failures.saturating_add(1);
        (!was_silent).then(|| Notice::Silent(question.clone()))
    }

    /// The servers of a host. `None`: what leads to them has never been asked to the end.
    pub fn servers(&mut self, now: Instant, host: &Host) -> Option<Vec<Server>> {
        self.walk(host, now)
    }

    fn walk(&mut self, host: &Host, now: Instant) -> Option<Vec<Server>> {
        let (has_ipv4, has_ipv6) = (self.has_ipv4, self.has_ipv6);
        locate(host, has_ipv4, has_ipv6, &mut Asked { known: &mut self.known, now })
    }
}

/// What is known; what is not is noted as a question.
struct Asked<'k> {
    known: &'k mut BTreeMap<Question, Known>,
    now: Instant,
}

impl Zone for Asked<'_> {
    fn records(&mut self, question: &Question) -> Option<&[Record]> {
        let now = self.now;
        let known = self.known.entry(question.clone()).or_insert_with(|| Known {
            records: Vec::new(),
            is_asked: false,
            is_under_way: false,
            ask_at: now,
            failures: 0,
            is_needed: true,
        });
        known.is_needed = true;
        known.is_asked.then_some(&known.records)
    }
}

/// An answer that holds for less is asked for this often: nobody's name server is to be asked for each call.
const TTL_MIN: Duration = Duration::from_secs(2);

/// An answer that holds for longer is asked for this often: what an operator changes is to be seen.
const TTL_MAX: Duration = Duration::from_secs(3_600);

/// When a question without an answer is asked again; twice as late each time.
const RETRY: Duration = Duration::from_secs(5);

/// The latest that it is.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Records of one answer.
const RECORDS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::transport::Transport;

    const ADDRESS: &str = "192.0.2.1";

    /// One host, reached by UDP and whatever SRV says, in virtual time.
    struct Stage {
        names: Names,
        host: Host,
        now: Instant,
    }

    impl Stage {
        fn new(port: Option<u16>) -> Self {
            let host = Host { name: "example.com".to_owned(), transport: Some(Transport::Udp), port };
            let mut names = Names::new(true, false);
            names.set_hosts([host.clone()]);
            Self { names, host, now: testing::start() }
        }

        fn due(&mut self) -> Vec<String> {
            let due = self.names.due(self.now);
            due.into_iter().map(|question| format!("{:?} {}", question.kind, question.name)).collect()
        }

        fn wait(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        fn answer(&mut self, question: &str, records: &[Record], ttl_s: u64) -> Option<Notice> {
            let question = self.question(question);
            let ttl = Duration::from_secs(ttl_s);
            self.names.answered(self.now, &question, records.to_vec(), ttl)
        }

        fn silence(&mut self, question: &str) -> Option<Notice> {
            let question = self.question(question);
            self.names.unanswered(self.now, &question)
        }

        fn question(&self, text: &str) -> Question {
            let shown = |question: &&Question| format!("{:?} {}", question.kind, question.name) == text;
            self.names.known.keys().find(shown).expect("it was asked").clone()
        }

        fn ports(&mut self) -> Option<Vec<u16>> {
            let servers = self.names.servers(self.now, &self.host)?;
            Some(servers.iter().flat_map(|server| &server.addresses).map(|address| address.port()).collect())
        }
    }

    fn address() -> Record {
        Record::Address(ADDRESS.parse().unwrap())
    }

    fn srv(port: u16, target: &str) -> Record {
        Record::Srv { priority: 1, weight: 1, port, target: target.to_owned() }
    }

    const SRV: &str = "Srv _sip._udp.example.com";

    #[test]
    fn questions_follow_from_answers() {
        let mut stage = Stage::new(None);
        assert_eq!((stage.due(), stage.ports()), (vec![SRV.to_owned()], None));
        assert_eq!(stage.due(), [""; 0], "it is under way");
        stage.answer(SRV, &[srv(5070, "one.example.com"), srv(5071, "two.example.com")], 60);
        assert_eq!(stage.due(), ["A one.example.com", "A two.example.com"]);
        stage.answer("A one.example.com", &[address()], 60);
        assert_eq!(stage.ports(), None, "half of it would send all calls to one");
        stage.answer("A two.example.com", &[address()], 60);
        assert_eq!(stage.ports(), Some(vec![5070, 5071]));
        assert_eq!(stage.names.next_due(), Some(stage.now + Duration::from_secs(60)));
    }

    #[test]
    fn an_answer_is_asked_for_again_when_its_time_is_over() {
        let mut stage = Stage::new(Some(5060));
        stage.due();
        stage.answer("A example.com", &[address()], 30);
        stage.wait(29);
        assert_eq!(stage.due(), [""; 0]);
        stage.wait(1);
        assert_eq!(stage.due(), ["A example.com"]);
        assert_eq!(stage.ports(), Some(vec![5060]), "meanwhile it holds");
        let other = Record::Address("192.0.2.2".parse().unwrap());
        stage.answer("A example.com", &[address(), other], 0);
        assert_eq!(stage.ports(), Some(vec![5060, 5060]));
        assert_eq!(stage.names.next_due(), Some(stage.now + TTL_MIN), "not with each call");
        stage.wait(2);
        stage.due();
        stage.answer("A example.com", &[address()], 1_000_000);
        assert_eq!(stage.names.next_due(), Some(stage.now + TTL_MAX));
    }

    #[test]
    fn while_nobody_answers_the_last_answer_holds_and_it_is_said_once() {
        let mut stage = Stage::new(Some(5060));
        stage.due();
        stage.answer("A example.com", &[address()], 30);
        let mut told = 0;
        for wait in [30, 5, 10, 20, 40, 60, 60] {
            assert_eq!(stage.due(), [""; 0]);
            stage.wait(wait);
            assert_eq!(stage.due(), ["A example.com"], "after {wait} s");
            told += usize::from(stage.silence("A example.com").is_some());
            assert_eq!(stage.ports(), Some(vec![5060]));
        }
        assert_eq!(told, 1);
        stage.wait(60);
        stage.due();
        assert_eq!(stage.answer("A example.com", &[address()], 30), Some(Notice::Answered));
        stage.wait(30);
        stage.due();
        assert_eq!(stage.answer("A example.com", &[address()], 30), None, "nothing was amiss");
    }

    #[test]
    fn a_silent_server_leaves_a_host_without_addresses_but_known() {
        let mut stage = Stage::new(None);
        stage.due();
        stage.silence(SRV);
        assert_eq!(stage.due(), ["A example.com"], "a file of hosts may know the name");
        stage.silence("A example.com");
        assert_eq!(stage.ports(), Some(vec![]));
        stage.wait(5);
        assert_eq!(stage.due().len(), 2);
        stage.answer(SRV, &[srv(5080, "example.com")], 60);
        stage.answer("A example.com", &[address()], 60);
        assert_eq!(stage.ports(), Some(vec![5080]));
    }

    #[test]
    fn that_a_name_is_not_there_is_an_answer_and_kept() {
        let mut stage = Stage::new(Some(5060));
        stage.due();
        stage.answer("A example.com", &[address()], 5);
        stage.wait(5);
        stage.due();
        assert_eq!(stage.answer("A example.com", &[], 300), None);
        assert_eq!(stage.ports(), Some(vec![]), "it was taken away");
        stage.wait(299);
        assert_eq!(stage.due(), [""; 0], "not asked again before its time");
    }

    #[test]
    fn what_nobody_wants_any_more_is_forgotten() {
        let mut stage = Stage::new(None);
        stage.due();
        stage.answer(SRV, &[srv(5070, "one.example.com")], 60);
        stage.due();
        stage.answer("A one.example.com", &[address()], 60);
        stage.names.set_hosts([]);
        assert_eq!(stage.due(), [""; 0]);
        assert_eq!((stage.names.known.len(), stage.names.next_due()), (0, None));
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let mut stage = Stage::new(Some(5060));
        stage.due();
        let many: Vec<_> = (0..=255).map(|n| Record::Address([192, 0, 2, n].into())).collect();
        stage.answer("A example.com", &many, 60);
        assert_eq!(stage.names.known.values().map(|known| known.records.len()).sum::<usize>(), RECORDS_MAX);
    }
}
