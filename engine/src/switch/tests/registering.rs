//! Trunks that register, as the switch sees it: which worker, which peer, which event counts.

use std::time::Duration;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Event};
use trunkline_sip::servers::Server;
use trunkline_sip::transport::Transport;

use crate::switch::Setup;
use crate::switch::rig::{Rig, setup};
use crate::switch::setup::{RegistrationSetup, TrunkPlaces};

fn registering() -> Setup {
    let mut setup = setup();
    setup.trunks[0].registration = Some(RegistrationSetup {
        user: "4930".to_owned(),
        contact: "4930".into(),
        expires: Duration::from_secs(600),
    });
    setup
}

/// The usage of the last REGISTER, and the words for what was said.
fn asked(rig: &mut Rig) -> (Option<UsageId>, Vec<String>) {
    let usage = rig
        .sip
        .iter()
        .rev()
        .find_map(|command| if let Command::Register(usage, _) = command { Some(*usage) } else { None });
    let said = rig.commands();
    let said = said.iter().map(|text| text.rsplit_once(' ').map_or("", |(text, _)| text).to_owned());
    (usage, said.collect())
}

fn over(rig: &mut Rig, usage: UsageId, status: u16) {
    let trunk = "carrier".into();
    rig.tell(Event::RegistrationOver { usage, trunk, status, retry_after_s: None });
}

fn accepted(rig: &mut Rig, usage: UsageId) {
    let (trunk, expires) = ("carrier".into(), Duration::from_secs(600));
    rig.tell(Event::Registered { usage, trunk, expires, service_route: Vec::new(), is_first: true });
}

#[test]
fn every_try_of_a_trunk_is_of_one_worker_and_the_next_peer_is_asked_at_once() {
    let mut rig = Rig::with(registering());
    rig.pass(Duration::ZERO);
    let (first, said) = asked(&mut rig);
    assert_eq!(said, ["register 198.51.100.7:5060"]);
    over(&mut rig, first.unwrap(), 408);
    rig.pass(Duration::from_millis(50));
    let (second, said) = asked(&mut rig);
    assert_eq!(said, ["register 198.51.100.8:5060"]);
    assert_eq!(first.unwrap().worker(), second.unwrap().worker());
    assert_ne!(first, second);
    accepted(&mut rig, first.unwrap());
    assert!(!rig.switch.trunks()[0].is_in_service, "what comes late of a registration that is over");
    accepted(&mut rig, second.unwrap());
    assert!(rig.switch.trunks()[0].is_in_service);
    over(&mut rig, first.unwrap(), 408);
    assert!(rig.switch.trunks()[0].is_in_service);
}

#[test]
fn calls_go_first_where_the_trunk_is_registered() {
    let mut rig = Rig::with(registering());
    rig.pass(Duration::ZERO);
    let (first, _) = asked(&mut rig);
    over(&mut rig, first.unwrap(), 503);
    rig.pass(Duration::from_millis(50));
    let (second, _) = asked(&mut rig);
    accepted(&mut rig, second.unwrap());
    rig.call_in(trunkline_sip::outbox::Peer::Line("1001".into()), "030", Some(crate::switch::rig::USUAL));
    let invited = rig.sip.iter().find_map(|command| {
        if let Command::Invite(_, invite) = command {
            Some(invite.target.flow.remote.to_string())
        } else {
            None
        }
    });
    assert_eq!(invited.as_deref(), Some("198.51.100.8:5060"));
}

#[test]
fn an_engine_that_drains_registers_nowhere_again() {
    let mut rig = Rig::with(registering());
    rig.pass(Duration::ZERO);
    let (first, _) = asked(&mut rig);
    let mut out = crate::switch::Outbox::default();
    rig.switch.drain(rig.now, &mut out);
    assert!(matches!(out.sip[..], [Command::Unregister(usage)] if Some(usage) == first));
    over(&mut rig, first.unwrap(), 0);
    assert_eq!(rig.switch.registrations_leaving(), 0);
    rig.switch.reconfigure(rig.now, registering(), &mut out);
    rig.pass(Duration::from_secs(4_000));
    assert_eq!(asked(&mut rig).1, Vec::<String>::new());
}

#[test]
fn a_trunk_that_moves_registers_where_it_is_and_no_more_where_it_was() {
    let mut rig = Rig::with(registering());
    rig.pass(Duration::ZERO);
    let (first, _) = asked(&mut rig);
    accepted(&mut rig, first.unwrap());
    let move_to = |rig: &mut Rig, hosts: &[&str]| {
        let addresses: Vec<_> = hosts.iter().map(|host| host.parse().unwrap()).collect();
        let server =
            Server { transport: Transport::Udp, priority: 0, weight: 0, addresses: addresses.clone() };
        let peers = addresses.into_iter().map(|address| (Transport::Udp, address)).collect();
        let (name, servers) = ("carrier".into(), vec![vec![server]]);
        let mut out = crate::switch::Outbox::default();
        rig.switch.relocate(
            rig.now,
            vec![TrunkPlaces { name, peers, servers, redirects: Vec::new() }],
            &mut out,
        );
        out.sip
    };
    let said = move_to(&mut rig, &["198.51.100.9:5060", "198.51.100.7:5060"]);
    assert!(said.is_empty(), "it is there still: {said:?}");
    let said = move_to(&mut rig, &["198.51.100.9:5060"]);
    assert!(matches!(said[..], [Command::Unregister(usage)] if Some(usage) == first), "{said:?}");
    assert!(!rig.switch.trunks()[0].is_in_service);
    rig.pass(Duration::from_secs(1));
    assert_eq!(asked(&mut rig).1, Vec::<String>::new(), "the end of the first is waited for");
    over(&mut rig, first.unwrap(), 0);
    rig.pass(Duration::from_millis(50));
    let (second, said) = asked(&mut rig);
    assert_eq!(said, ["register 198.51.100.9:5060"]);
    accepted(&mut rig, second.unwrap());
    assert!(rig.switch.trunks()[0].is_in_service);
}

#[test]
fn a_new_password_is_not_used_before_the_old_registration_has_ended_or_nobody_answers() {
    let mut rig = Rig::with(registering());
    rig.pass(Duration::ZERO);
    let (first, _) = asked(&mut rig);
    accepted(&mut rig, first.unwrap());
    let mut changed = registering();
    changed.trunks[0].domain = "other.example".to_owned();
    let mut out = crate::switch::Outbox::default();
    rig.switch.reconfigure(rig.now, changed, &mut out);
    assert!(matches!(out.sip[..], [Command::Unregister(usage)] if Some(usage) == first));
    rig.pass(Duration::from_secs(3));
    assert_eq!(asked(&mut rig).1, Vec::<String>::new());
    rig.pass(Duration::from_secs(1));
    let (second, said) = asked(&mut rig);
    assert_eq!(said, ["register 198.51.100.7:5060"]);
    // A pause that follows is not cut short by what comes of the first.
    over(&mut rig, second.unwrap(), 403);
    over(&mut rig, first.unwrap(), 408);
    rig.pass(Duration::from_secs(60));
    assert_eq!(asked(&mut rig).1, Vec::<String>::new());
}

#[test]
fn a_trunk_that_is_renamed_registers_when_what_it_registered_before_is_over() {
    let mut rig = Rig::with(registering());
    rig.pass(Duration::ZERO);
    let (first, _) = asked(&mut rig);
    accepted(&mut rig, first.unwrap());
    let mut renamed = registering();
    renamed.trunks[0].name = "provider".into();
    let mut out = crate::switch::Outbox::default();
    rig.switch.reconfigure(rig.now, renamed, &mut out);
    assert!(matches!(out.sip[..], [Command::Unregister(usage)] if Some(usage) == first), "{:?}", out.sip);
    rig.pass(Duration::from_secs(1));
    assert_eq!(asked(&mut rig).1, Vec::<String>::new(), "the end of the first is waited for");
    over(&mut rig, first.unwrap(), 0);
    rig.pass(Duration::from_millis(50));
    assert_eq!(asked(&mut rig).1, ["register 198.51.100.7:5060"]);
}
