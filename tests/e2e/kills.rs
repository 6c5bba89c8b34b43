//! The daemon is killed at random moments, again and again, while phones register and calls come, are up and go: what was kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::swarm::{Call, Ends, Load, PORTS, SIDES, Side, Stage, Swarm, config, line};

/// The same at a size that a shared machine bears beside other tests.
#[test]
fn small() {
    alone(|| {
        let plan = Plan {
            kills: 3,
            calls: 20,
            registrations: 200,
            packet_every: Duration::from_millis(40),
            load: Load { calls: 5.0, registers: 20.0, only_strangers: false },
            between_ms: (1_200, 2_500),
            ports: "20000-20399".to_owned(),
        };
        let kills = run(&plan);
        for kill in &kills {
            assert!(kill.is_kept(), "{kill}");
            assert!(kill.ready < Duration::from_secs(5), "{kill}");
        }
    });
}

/// The size is that of `TRUNKLINE_KILLS` (10), `_CALLS` (500), `_REGISTRATIONS` (10,000) and `_PACKET_MS` (20).
#[test]
#[ignore = "takes minutes and the whole machine: tests/soak.sh kills"]
fn soak() {
    alone(|| {
        let plan = Plan {
            kills: number("TRUNKLINE_KILLS", 10),
            calls: number("TRUNKLINE_KILLS_CALLS", 500),
            registrations: number("TRUNKLINE_KILLS_REGISTRATIONS", 10_000),
            packet_every: Duration::from_millis(number("TRUNKLINE_KILLS_PACKET_MS", 20) as u64),
            load: Load { calls: 20.0, registers: 100.0, only_strangers: false },
            between_ms: (2_000, 6_000),
            ports: std::env::var("TRUNKLINE_KILLS_PORTS").unwrap_or_else(|_| PORTS.to_owned()),
        };
        for kill in run(&plan) {
            assert!(kill.is_kept(), "{kill}");
            let gaps = kill.gaps_ms.last().copied().unwrap_or_default();
            assert!(kill.ready < Duration::from_secs(2) && gaps <= 3_000, "{kill}");
        }
    });
}

/// The size of a run.
struct Plan {
    kills: usize,
    /// With audio, all of the time.
    calls: usize,
    registrations: usize,
    packet_every: Duration,
    load: Load,
    between_ms: (u64, u64),
    ports: String,
}

/// What one kill cost.
#[derive(Default)]
struct Kill {
    number: usize,
    started: Option<Instant>,
    /// Until the daemon says that it is ready.
    ready: Duration,
    /// Until the first answer to anybody.
    serves: Duration,
    /// Of those that were told so a second before or earlier, how many are registered.
    bindings: (usize, usize),
    /// Of the calls that were up for a second or longer, how many talk on in both directions.
    calls: (usize, usize),
    /// The silences that they heard, in order.
    gaps_ms: Vec<u128>,
    /// BYEs of the network and of phones that were answered by 200 and reached the other side.
    byes: [(usize, usize); 2],
    /// Forwarding lists, parked calls, requests for completion.
    others: [(usize, usize); 3],
    /// Calls that came back though they had been hung up.
    ghosts: BTreeSet<String>,
    /// How long after the start at most they were gone.
    gone: Duration,
}

impl Kill {
    fn is_kept(&self) -> bool {
        let all = |(kept, of): (usize, usize)| kept == of;
        let (calls, of) = self.calls;
        all(self.bindings)
            && calls * 100 >= of * 99
            && self.byes.into_iter().all(all)
            && self.others.into_iter().all(all)
            && self.gone < GONE_WITHIN
    }
}

const COLUMNS: &str = "\
| kill | ready ms | serves ms | bindings | calls | silence ms, median / most | BYE of the network | BYE of phones | forwarding | parked | completions | ghosts, gone after ms |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |(kept, of): (usize, usize)| format!("{kept} of {of}");
        let gap = |at: usize| self.gaps_ms.get(at).copied().unwrap_or_default();
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} / {} |",
            self.number,
            self.ready.as_millis(),
            self.serves.as_millis(),
            part(self.bindings),
            part(self.calls),
            gap(self.gaps_ms.len() / 2),
            gap(self.gaps_ms.len().saturating_sub(1))
        )?;
        self.byes.into_iter().chain(self.others).try_for_each(|pair| write!(f, " {} |", part(pair)))?;
        write!(f, " {}, {} |", self.ghosts.len(), self.gone.as_millis())
    }
}

fn run(plan: &Plan) -> Vec<Kill> {
    let directory = Directory::create();
    let users = plan.registrations + plan.registrations / 4;
    let mut daemon = Daemon::start(directory.path(), &configured(users, &plan.ports));
    let swarm = Swarm::start(users, plan.packet_every);
    let began = Instant::now();
    swarm.register(plan.registrations, Duration::from_secs(120));
    eprintln!("kills: {} phones registered within {:?}", plan.registrations, began.elapsed());
    let others = prepare(&swarm, plan);
    let mut next = plan.calls + PARKED;
    swarm.call_all(0..plan.calls, 100.0);
    // Any seed will do; which one it was can be read.
    let mut rng = StdRng::seed_from_u64(number("TRUNKLINE_KILLS_SEED", 1) as u64);
    let mut records = BTreeMap::new();
    eprintln!("{COLUMNS}");
    let mut kills = Vec::new();
    for number in 1..=plan.kills {
        swarm.ends().load = plan.load;
        let (least, most) = plan.between_ms;
        daemon.process.runs_for(Duration::from_millis(rng.random_range(least..most)));
        let mut kill = kill(&swarm, &mut daemon, &mut records);
        kill.number = number;
        kill.others = others.kept();
        await_ghosts(&swarm, &mut kill);
        hang_up_some(&swarm, &mut kill);
        // As many are up again as before.
        let missing = plan.calls.saturating_sub(swarm.ends().talking_before(Instant::now()).len());
        swarm.ends().load = Load::default();
        let callees = (0..missing).map(|step| plan.calls + PARKED + (next + step) % (plan.registrations / 4));
        let callees: Vec<usize> = callees.filter(|user| !swarm.ends().is_busy(*user)).collect();
        next += missing;
        swarm.call_all(callees, 100.0);
        eprintln!("{kill}");
        kills.push(kill);
    }
    finish(&swarm, &mut daemon, &mut records, &kills);
    kills
}

/// One kill, until everything talks again or will not.
fn kill(swarm: &Swarm, daemon: &mut Daemon, records: &mut BTreeMap<String, u32>) -> Kill {
    let killed = Instant::now();
    let earlier = killed.checked_sub(KEPT_AFTER).expect("the machine runs for longer");
    let (bound, talking) = {
        let mut ends = swarm.ends();
        ends.load.only_strangers = true;
        daemon.process.kill();
        ends.cut(earlier);
        (ends.registered_before(earlier), ends.talking_before(earlier))
    };
    // What was still in the sockets was said by the one that was killed.
    swarm.wait(Duration::from_millis(50), |_| false);
    swarm.ends().answered = None;
    swarm.media.forget_gaps();
    let started = Instant::now();
    let mut ended = daemon.start_again();
    let ready = started.elapsed();
    let ghosts = calls_on(|number| swarm.ends().calls.get(number).is_some_and(Call::is_over));

    let registrations = http::get("/v1/registrations", Some(TOKEN)).json();
    let lines = registrations.as_array().expect("a list").iter();
    let lines: BTreeSet<String> = lines.filter_map(|one| Some(one["line"].as_str()?.to_owned())).collect();
    let kept = bound.iter().filter(|user| lines.contains(&line(**user))).count();
    swarm.ends().forget_registrations(|user| lines.contains(&line(user)));

    let is_up = |call: &usize| SIDES.into_iter().all(|side| swarm.media.has_heard(*call, side, started));
    swarm.wait(Duration::from_secs(5), |_| talking.iter().all(is_up));
    let recovered: Vec<usize> = talking.iter().copied().filter(is_up).collect();
    let silence = |call: &usize| SIDES.map(|side| swarm.media.gap(*call, side).as_millis());
    let mut gaps_ms: Vec<u128> = recovered.iter().flat_map(silence).collect();
    gaps_ms.sort_unstable();
    let mut ends = swarm.ends();
    ends.load.only_strangers = false;
    let serves = ends.answered.map_or(Duration::MAX, |at| at.saturating_duration_since(started));
    drop(ends);
    // All that it had said is read by then.
    ended.wait_exit(Duration::from_secs(20));
    note_records(ended.seen(), records);
    let calls = (recovered.len(), talking.len());
    let bindings = (kept, bound.len());
    Kill { started: Some(started), ready, serves, bindings, calls, gaps_ms, ghosts, ..Kill::default() }
}

/// Waits until nobody is left of the calls that had been hung up before the kill.
fn await_ghosts(swarm: &Swarm, kill: &mut Kill) {
    let started = kill.started.expect("it was started");
    while !kill.ghosts.is_empty() && kill.gone < GONE_WITHIN && !calls_on(|_| true).is_disjoint(&kill.ghosts)
    {
        swarm.wait(Duration::from_millis(250), |_| false);
        kill.gone = started.elapsed();
    }
}

/// The ids of the daemon's calls that are up and whose number of the swarm fits.
fn calls_on(fits: impl Fn(usize) -> bool) -> BTreeSet<String> {
    let calls = http::get("/v1/calls", Some(TOKEN)).json();
    let number = |call: &Value| call["caller"]["number"].as_str()?.parse().ok();
    let is_it = |call: &&Value| call["state"] != "idle" && number(call).is_some_and(&fits);
    let ids = calls.as_array().expect("a list").iter().filter(is_it);
    ids.map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
}

/// Each side hangs up one in ten.
fn hang_up_some(swarm: &Swarm, kill: &mut Kill) {
    let mut ends = swarm.ends();
    let talking = ends.talking_before(Instant::now());
    let chosen: Vec<(usize, Side)> =
        talking.iter().step_by(5).zip(SIDES.into_iter().cycle()).map(|(call, side)| (*call, side)).collect();
    chosen.iter().for_each(|(call, side)| ends.hang_up(*call, *side));
    drop(ends);
    let is_done = |ends: &Swarm, side: Side| {
        let ends = ends.ends();
        let of_side = chosen.iter().filter(|(_, by)| *by == side);
        let (mut done, mut all) = (0, 0);
        for (call, by) in of_side {
            let call = &ends.calls[*call];
            all += 1;
            let other = SIDES[1 - *by as usize];
            done += usize::from(call.bye == Some((*by, Some(200))) && call.is_hung_up_on[other as usize]);
        }
        (done, all)
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        kill.byes = SIDES.map(|side| is_done(swarm, side));
        if kill.byes.iter().all(|(done, all)| done == all) || Instant::now() > deadline {
            return;
        }
        swarm.wait(Duration::from_millis(20), |_| false);
    }
}

/// What else has to be kept.
struct Others {
    forwarded: Vec<String>,
    completing: Vec<(String, Value)>,
    parked: usize,
}

fn prepare(swarm: &Swarm, plan: &Plan) -> Others {
    let ask = |path: &str, body: &Value| {
        let answer = http::post(path, TOKEN, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    };
    let forwarded: Vec<String> = (0..FORWARDED).map(line).collect();
    for line in &forwarded {
        let entries = json!({"entries": [{"mode": "busy", "destination": "200001"}]});
        ask(&format!("/v1/lines/{line}/forward"), &entries);
    }
    let completing = (0..COMPLETIONS).map(|pair| {
        let [caller, callee] = [200_001, 200_002].map(|first| (first + pair * 2).to_string());
        let made = ask(&format!("/v1/lines/{caller}/make-call"), &json!({"to": callee}));
        let call = made["call"].as_str().expect("a call").to_owned();
        let asked = ask(&format!("/v1/calls/{call}/complete-call"), &json!({"mode": "callback"}));
        (caller, asked["completion"].clone())
    });
    let completing = completing.collect();
    let parking = plan.calls..plan.calls + PARKED;
    let lines: Vec<String> = parking.clone().map(line).collect();
    swarm.call_all(parking, 100.0);
    for call in http::get("/v1/calls", Some(TOKEN)).json().as_array().expect("a list") {
        if lines.iter().any(|line| call["line"] == line.as_str()) {
            let call = call["id"].as_str().expect("an id");
            ask(&format!("/v1/calls/{call}/park"), &json!({"mode": "nondirected"}));
        }
    }
    let others = Others { forwarded, completing, parked: PARKED };
    assert!(others.kept().into_iter().all(|(kept, of)| kept == of), "{:?}", others.kept());
    others
}

impl Others {
    /// Forwarding lists, parked calls, requests for completion: those that are there, and all.
    fn kept(&self) -> [(usize, usize); 3] {
        let read = |line: &String| http::get(&format!("/v1/lines/{line}"), Some(TOKEN)).json();
        let forwards = |line: &&String| read(line)["forwarding"][0]["destination"] == "200001";
        let completes = |(line, id): &&(String, Value)| read(line)["completions"] == json!([id]);
        let parked = http::get("/v1/parked", Some(TOKEN)).json().as_array().map_or(0, Vec::len);
        [
            (self.forwarded.iter().filter(forwards).count(), self.forwarded.len()),
            (parked, self.parked),
            (self.completing.iter().filter(completes).count(), self.completing.len()),
        ]
    }
}

/// Notes whose record is in the log.
fn note_records<'a>(log: impl Iterator<Item = &'a str>, records: &mut BTreeMap<String, u32>) {
    for text in log.filter(|text| text.contains("the media of a call is over")) {
        let call = text.split_whitespace().find_map(|word| word.strip_prefix("call=")).expect("an id");
        *records.entry(call.to_owned()).or_default() += 1;
    }
}

/// Everybody hangs up: nothing is left, and every call that was hung up has a record on each side, none two.
fn finish(swarm: &Swarm, daemon: &mut Daemon, records: &mut BTreeMap<String, u32>, kills: &[Kill]) {
    let mut ends = swarm.ends();
    ends.load = Load::default();
    // Those whose phone was left when they were parked are hung up by the network.
    let up: Vec<usize> = (0..ends.calls.len()).filter(|call| ends.calls[*call].stage == Stage::Up).collect();
    up.iter().for_each(|call| ends.hang_up(*call, Side::Network));
    drop(ends);
    swarm.wait(Duration::from_secs(20), |ends| {
        ends.calls.iter().all(|call| matches!(call.stage, Stage::Over | Stage::Failed))
    });
    // An application took part in the calls that were parked: it may still ask about them.
    for call in http::get("/v1/calls", Some(TOKEN)).json().as_array().expect("a list") {
        if call["state"] == "idle" {
            let call = call["id"].as_str().expect("an id");
            http::post(&format!("/v1/calls/{call}/deallocate-call"), TOKEN, &json!({}));
        }
    }
    let left = || http::get("/v1/calls", Some(TOKEN)).json().as_array().cloned().unwrap_or_default();
    swarm.wait(Duration::from_secs(10), |_| left().is_empty());
    assert!(left().is_empty(), "calls that nobody has: {:?}", left());
    daemon.expect_nothing_left();
    daemon.process.drain();
    note_records(daemon.process.seen(), records);
    let ends = swarm.ends();
    let ended = ends.calls.iter().filter(|call| call.bye.is_some_and(|(_, answer)| answer == Some(200)));
    let (cut, whole): (Vec<_>, Vec<_>) = ended.partition(|call| call.is_cut);
    let failed = ends.calls.iter().filter(|call| call.stage == Stage::Failed).count();
    let twice = records.values().filter(|count| **count > 1).count();
    let strange = swarm.media.strange.load(std::sync::atomic::Ordering::Relaxed);
    eprintln!(
        "kills: {} calls; {} hung up, and {} that began or ended within a second of a kill; {failed} failed as they were set up; \
         {} records, {twice} twice; {} requests refused, {} never answered; {strange} packets heard in another call",
        ends.calls.len(),
        whole.len(),
        cut.len(),
        records.len(),
        ends.refused,
        ends.unanswered,
    );
    say_strangers(swarm, &ends, kills);
    let whole = whole.len();
    assert_eq!(twice, 0, "records that are there twice");
    assert_eq!(strange, 0, "packets heard in another call than they were said in");
    assert!(records.len() >= whole * 2, "{} records of {whole} calls", records.len());
}

/// Says who was heard in another call than his own, and whose ports those were.
fn say_strangers(swarm: &Swarm, ends: &Ends, kills: &[Kill]) {
    let kills: Vec<Instant> = kills.iter().filter_map(|kill| kill.started).collect();
    for stranger in swarm.media.strangers() {
        let Call { stage, is_cut, bye, .. } = &ends.calls[stranger.call];
        let shown = stranger.shown(swarm.media.began(), &kills);
        eprintln!("kills: {shown}; his call: {stage:?}, cut: {is_cut}, BYE: {bye:?}");
    }
}

/// The lines of the swarm, and those whose calls wait to be completed.
fn configured(users: usize, ports: &str) -> String {
    let desks = (0..COMPLETIONS * 2)
        .map(|desk| format!("[[line]]\naddress = \"{}\"\nkind = \"local\"\n", 200_001 + desk));
    config(users, ports) + CONFIG + &desks.collect::<String>()
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Whoever is asked whether he has a call answers at once, but not all are asked at once.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// What is newer may be missing.
const KEPT_AFTER: Duration = Duration::from_secs(1);
const FORWARDED: usize = 10;
const PARKED: usize = 5;
const COMPLETIONS: usize = 5;
const TOKEN: &str = "a-token-of-the-owner-that-is-long-enough";
const CONFIG: &str = r#"
[park]
slots = "701-720"
timeout_s = 3600
[[app]]
name = "owner"
token = "a-token-of-the-owner-that-is-long-enough"
lines = ["*"]
privilege = "owner"
"#;
