//! Calls over a bad network: every one ends, and nothing is left.

use super::*;
use crate::outbox::Subject;

/// A sequence of pseudo-random numbers: the same seed loses the same messages.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn lossy(seed: u64, loss_percent: u64) -> Network {
    let mut network = Network::of_two();
    let mut dice = Dice(seed);
    network.lose = Box::new(move |_, _| dice.roll(100) < loss_percent);
    network
}

/// The last events of all legs: each leg has exactly one, and nothing follows it.
fn ends(events: &[(usize, Event)]) -> Vec<(usize, LegId, String)> {
    let mut ends: Vec<(usize, LegId, String)> = Vec::new();
    for (agent, event) in events {
        let Some(Subject::Leg(leg)) = event.subject() else { continue };
        let is_over = ends.iter().any(|(of, over, _)| (of, over) == (agent, &leg));
        assert!(!is_over, "{} after the end", name(event));
        if event.ends_leg() {
            ends.push((*agent, leg, name(event)));
        }
    }
    ends
}

#[test]
fn a_call_survives_the_loss_of_any_one_message() {
    for lost in 0..7 {
        let mut network = Network::of_two();
        network.lose = Box::new(move |number, _| number == lost);
        let caller = network.call();
        network.run(seconds(2));
        let callee = network.incoming(1);
        network.command(1, Command::Progress(callee, 180, None));
        network.run(seconds(2));
        network.command(1, Command::Answer(callee, Some(sdp(5000))));
        network.run(seconds(5));
        network.command(0, Command::End(caller, None));
        network.run(seconds(20));
        let ends: Vec<_> = ends(&network.events).into_iter().map(|(agent, _, end)| (agent, end)).collect();
        assert_eq!(ends, [(0, "Ended Local".to_owned()), (1, "Ended Bye".to_owned())], "lost {lost}");
        network.expect_nothing_left();
    }
}

#[test]
fn a_call_that_rings_reliably_survives_the_loss_of_any_one_message() {
    for lost in 0..12 {
        let mut network = Network::of_two();
        for (_, agent) in &mut network.agents {
            agent.set_directory(Arc::new(relying()));
        }
        network.lose = Box::new(move |number, _| number == lost);
        let caller = network.call();
        network.run(seconds(2));
        let callee = network.incoming(1);
        network.command(1, Command::Progress(callee, 180, None));
        network.run(seconds(2));
        network.command(1, Command::Progress(callee, 183, Some(sdp(5000))));
        network.command(1, Command::Answer(callee, Some(sdp(5000))));
        network.run(seconds(10));
        let events = network.events.iter().map(|(agent, event)| format!("{agent} {}", name(event)));
        let events: Vec<_> = events.collect();
        for told in ["0 Progress 180", "0 Progress 183", "0 Answered", "1 Established"] {
            assert_eq!(events.iter().filter(|event| *event == told).count(), 1, "lost {lost}: {told}");
        }
        network.command(0, Command::End(caller, None));
        network.run(seconds(20));
        let ends: Vec<_> = ends(&network.events).into_iter().map(|(agent, _, end)| (agent, end)).collect();
        assert_eq!(ends, [(0, "Ended Local".to_owned()), (1, "Ended Bye".to_owned())], "lost {lost}");
        network.expect_nothing_left();
    }
}

#[test]
fn calls_over_bad_links_are_set_up_and_leave_nothing() {
    for (loss_percent, set_up_min) in [(0, 100), (5, 100), (20, 98)] {
        let mut set_up = 0;
        for seed in 0..100 {
            let mut network = lossy(seed, loss_percent);
            if seed % 4 == 0 {
                for (_, agent) in &mut network.agents {
                    agent.set_directory(Arc::new(relying()));
                }
            }
            let caller = network.call();
            network.run(seconds(20));
            let callee = network
                .events
                .iter()
                .find_map(|(_, event)| if let Event::Incoming(leg, _) = event { Some(*leg) } else { None });
            let Some(callee) = callee else { continue };
            network.command(1, Command::Progress(callee, 180, None));
            network.run(seconds(1));
            network.command(1, Command::Answer(callee, Some(sdp(5000))));
            network.run(seconds(30));
            let names: Vec<_> = network.events.iter().map(|(_, event)| name(event)).collect();
            let is_up =
                names.iter().any(|name| name == "Answered") && names.iter().any(|name| name == "Established");
            set_up += u32::from(is_up);
            network.command(0, Command::Offer(caller, sdp(7000)));
            network.command(1, Command::Offer(callee, sdp(7001)));
            network.run(seconds(10));
            network.command(0, Command::AnswerOffer(caller, sdp(7002)));
            network.command(1, Command::AnswerOffer(callee, sdp(7003)));
            network.run(seconds(10));
            network.command(
                usize::from(seed % 2 == 0),
                Command::End(if seed % 2 == 0 { callee } else { caller }, None),
            );
            network.run(seconds(100));
            network.command(0, Command::End(caller, None));
            network.command(1, Command::End(callee, None));
            network.expect_nothing_left();
            assert_eq!(ends(&network.events).len(), 2, "seed {seed}");
        }
        assert!(set_up >= set_up_min, "{set_up} of 100 calls at {loss_percent} %");
    }
}

#[test]
fn a_dead_peer_costs_nothing_but_time() {
    let mut network = Network::of_two();
    network.lose = Box::new(|_, _| true);
    network.call();
    network.run(seconds(33));
    assert_eq!(network.events(), ["0 Failed Unreachable 408"]);
    network.expect_nothing_left();
}
