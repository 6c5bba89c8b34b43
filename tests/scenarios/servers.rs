//! Trunks with several servers, as name servers name them (RFC 3263 §4.3, RFC 2782).

use std::net::SocketAddr;
use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::Setup;
use trunkline_sip::servers::Server;
use trunkline_sip::transport::Transport;
use trunkline_tests::{Lab, Plan};

/// The first trunk has two servers: its own phone, and behind it that of the second trunk.
fn two_servers(setup: &mut Setup) {
    let [first, second] = [0, 1].map(|place| setup.trunks[place].peers[0].1);
    place(setup, &[(10, 1, first), (20, 1, second)]);
}

fn place(setup: &mut Setup, servers: &[(u16, u16, SocketAddr)]) {
    let server = |&(priority, weight, address)| Server {
        transport: Transport::Udp,
        priority,
        weight,
        addresses: vec![address],
    };
    let trunk = &mut setup.trunks[0];
    trunk.servers = vec![servers.iter().map(server).collect()];
    trunk.peers = servers.iter().map(|(_, _, address)| (Transport::Udp, *address)).collect();
}

#[test]
fn a_server_that_says_nothing_is_left_for_the_next_and_tried_last_for_a_while() {
    let mut lab = Plan::seeded(1).with(two_servers).build().with_registered(&["alice"]);
    lab.phone("carrier").script.dead = true;
    lab.phone("overseas").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.call("alice", "0301234");
    lab.run_ms(3_900);
    assert_eq!(lab.ladder().count("engine", "overseas", "INVITE"), 0);
    lab.run_ms(600);
    lab.expect_talk("alice", "overseas");
    let first = lab.ladder().last("engine", "carrier", "INVITE").expect("it was tried").to_owned();
    let second = lab.ladder().last("engine", "overseas", "INVITE").expect("it was tried").to_owned();
    let branch = |text: &str| {
        text.split("branch=").nth(1).and_then(|rest| rest.split([';', '\r']).next().map(str::to_owned))
    };
    assert_ne!(branch(&first), branch(&second), "a transaction of its own");
    lab.hang_up("alice");
    lab.run_ms(500);

    let before = lab.ladder().count("engine", "carrier", "INVITE");
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "overseas");
    assert_eq!(lab.ladder().count("engine", "carrier", "INVITE"), before, "not asked again so soon");
    lab.hang_up("alice");
    lab.run(Duration::from_secs(31));

    let carrier = lab.phone("carrier");
    carrier.script.dead = false;
    carrier.script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_server_that_is_overloaded_is_left_at_once_and_one_that_refuses_speaks_for_all() {
    let mut lab = Plan::seeded(2).with(two_servers).build().with_registered(&["alice"]);
    lab.phone("overseas").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.phone("carrier").script.on_invite = OnInvite::Refuse(503, Duration::ZERO);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "overseas");
    lab.hang_up("alice");
    lab.run(Duration::from_secs(31));
    lab.phone("carrier").script.on_invite = OnInvite::Refuse(404, Duration::ZERO);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(404));
    assert_eq!(lab.ladder().count("engine", "overseas", "INVITE"), 1, "of the first call");
    lab.nothing_left();
}

#[test]
fn calls_choose_among_servers_of_one_priority_by_weight() {
    let equal = |setup: &mut Setup| {
        let [first, second] = [0, 1].map(|place| setup.trunks[place].peers[0].1);
        place(setup, &[(10, 75, first), (10, 25, second)]);
    };
    let mut lab = Plan::seeded(3).with(equal).build().with_registered(&["alice"]);
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    }
    for _ in 0..100 {
        lab.call("alice", "0301234");
        lab.run_ms(500);
        assert_eq!(lab.status("alice"), Status::Over(486));
    }
    let mut count = |name| lab.ladder().count("engine", name, "INVITE");
    let (first, second) = (count("carrier"), count("overseas"));
    assert_eq!(first + second, 100);
    assert!((62..=88).contains(&first), "{first} and {second}");
    lab.nothing_left();
}

#[test]
fn a_trunk_that_moves_is_called_at_its_other_place() {
    let mut lab = Lab::registered(4, &["alice"]);
    for name in ["carrier", "overseas"] {
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::ZERO);
    }
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.reload(|setup| {
        let other = setup.trunks[1].peers[0].1;
        place(setup, &[(0, 0, other)]);
    });
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "overseas");
    lab.hang_up("alice");
    lab.reload(|setup| place(setup, &[]));
    lab.run_ms(500);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(480), "nobody knows where it is");
    lab.nothing_left();
}
