//! Calls that come and go.

use trunkline_sip::outbox::{CauseKind, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD};

fn trunk() -> Peer {
    Peer::Trunk("carrier".into())
}

#[test]
fn a_call_from_trunk_to_trunk_is_bridged() {
    let mut rig = Rig::new();
    let caller = rig.call_in(trunk(), "030", Some(USUAL));
    let (station, invite) = rig.invited();
    assert_eq!((invite.target.uri.as_str(), invite.max_forwards), ("sip:30@carrier.example", 69));
    rig.progress(station, 180, None);
    assert_eq!(rig.commands(), [format!("progress 180 {caller}")]);
    rig.answer(station, "0 101");
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
    assert_eq!(rig.feeds[&station], format!("leg {caller:?}"));
    assert_eq!(rig.open[&caller].0, rig.open[&station].0);
    assert_eq!(
        rig.states(WALLBOARD),
        [
            "c1 new monitor",
            "c1 offering/active",
            "c2 new monitor",
            "c2 dialing",
            "c2 proceeding",
            "c2 ringback",
            "c1 accepted",
            "c2 connected/active",
            "c1 connected/active",
        ]
    );
    rig.hang_up(caller);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(
        rig.states(CRM)[9..],
        ["c1 disconnected/normal", "c2 disconnected/normal", "c1 idle", "c2 idle"]
    );
    rig.assert_quiet();
}

#[test]
fn a_caller_who_gives_up_cancels_the_phone() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.states(CRM);
    rig.commands();
    rig.end(caller, CauseKind::Cancel);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(rig.states(CRM), ["c1 idle", "c2 disconnected/cancelled", "c2 idle"]);
    rig.assert_quiet();
}
