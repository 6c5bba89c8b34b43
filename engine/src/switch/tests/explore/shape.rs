//! What tells one state of the switch from another, whatever its calls and legs are called and when it was reached.
//!
//! Calls and legs are the nodes of a graph. A node is what its fields say, but for names, numbers shown and times, and what
//! applications may do with it; an edge is a field that names another. Two states of one shape are the same but for the names.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};

use trunkline_sip::LegId;

use super::{Far, World};
use crate::switch::call::{Call, Errand, Few, Sent};
use crate::switch::rig::CRM;
use crate::switch::ring::Ring;
use crate::switch::setup::LineKind;
use crate::switch::{CallId, Conference, Leg};

/// One call or leg.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Call(CallId),
    Leg(LegId),
}

/// What a node says, and whom it names.
struct Seen {
    text: String,
    names: Vec<Option<Node>>,
}

/// How often what a node says is extended by what those say that it names: to the far end of a conference's member's call.
const ROUNDS: usize = 4;

/// The shape of a state.
pub(super) fn shape(world: &World) -> u64 {
    let switch = &world.rig.switch;
    let mut seen: BTreeMap<Node, Seen> = BTreeMap::new();
    for (id, call) in switch.calls.iter() {
        let mut read = read_call(call, world);
        if let Some(conference) = switch.conferences.get(id) {
            read_conference(conference, &mut read);
        }
        for app in [CRM, super::QUEUE] {
            let features = switch.call(app, *id).map(|view| view.features);
            write!(read.text, "{features:?}").unwrap();
        }
        seen.insert(Node::Call(*id), read);
    }
    for (id, leg) in switch.legs.iter() {
        seen.insert(Node::Leg(*id), read_leg(leg, world.far(*id)));
    }
    let mut hashes: BTreeMap<Node, u64> = seen.iter().map(|(node, seen)| (*node, of(&seen.text))).collect();
    for _ in 0..ROUNDS {
        let next = |(node, seen): (&Node, &Seen)| {
            let named: Vec<_> =
                seen.names.iter().map(|name| name.and_then(|name| hashes.get(&name))).collect();
            (*node, of(&(hashes.get(node), named)))
        };
        hashes = seen.iter().map(next).collect();
    }
    let mut all: Vec<u64> = hashes.into_values().collect();
    all.sort_unstable();
    of(&(all, switch.completions.len()))
}

fn of(value: &impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

fn read_call(call: &Call, world: &World) -> Seen {
    let Call {
        id: _,
        line: _,
        kind,
        state,
        since: _,
        origin: _,
        reason: _,
        caller: _,
        caller_id: _,
        called: _,
        connected: _,
        calls,
        peer,
        leg,
        ring,
        max_forwards,
        completable,
        reached: _,
        trail,
        completion,
        media_worker: _,
        handles,
        made: _,
        claimed: _,
        held,
        held_by_station,
        media_modes: _,
        rings: _,
        dest_off_hook,
        is_secure,
        is_confirmed,
        media: _,
        few: _,
    } = call;
    let Few {
        errand,
        digits,
        completes,
        device,
        rings_until,
        greeting: _,
        no_answer_after,
        listening: _,
        consultation,
        sent,
        sends,
        sent_by,
        conference,
        pending,
        parked,
        taker,
        camped,
        redirecting: _,
        redirection: _,
        data: _,
        user_user: _,
        verstat: _,
        carried: _,
        is_urgent: _,
        deposited,
    } = &**call;
    let is_own = call.line.as_ref() == world.line;
    // Of a line that no application opens only the kind counts.
    let kind = if is_own { None } else { Some(*kind != LineKind::Local) };
    let mut text = format!(
        "{kind:?}{state:?}{calls}{:?}{}{}{}{}{}{:?}{handles:?}{held:?}{held_by_station}",
        digits.is_some(),
        *max_forwards > 0,
        completable.is_some(),
        completes.is_some() || device.is_some() || deposited.is_some(),
        trail.is_full(),
        rings_until.is_some(),
        completion.is_some(),
    );
    let mut names = vec![peer.map(Node::Call), leg.map(Node::Leg)];
    write!(
        text,
        "{}{dest_off_hook}{}{}",
        no_answer_after.is_some(),
        sent_by.is_some(),
        *is_secure && world.calls_max == 1
    )
    .unwrap();
    write!(text, "{}{}{is_confirmed}", parked.is_some(), camped.is_some()).unwrap();
    write!(text, "{:?}", pending.map(|pending| (pending.app, pending.wish))).unwrap();
    if let Some(Ring {
        invitation: _,
        branches,
        waiting,
        others: _,
        failure,
        elsewhere,
        contacts,
        tried,
        rang: _,
        reached: _,
        early,
        dead_flows,
    }) = ring.as_deref()
    {
        let (failure, elsewhere) = (failure.is_some(), elsewhere.is_some());
        write!(text, "{}{}{failure}{elsewhere}", branches.len(), waiting.len()).unwrap();
        write!(text, "{}{}{}", contacts.len(), tried.len(), dead_flows.len()).unwrap();
        names.extend(branches.iter().map(|leg| Some(Node::Leg(*leg))));
        names.push(early.map(Node::Leg));
    }
    if let Some(errand) = errand {
        let (kind, other) = match errand {
            Errand::Dial(_) => ("dial", None),
            Errand::Collect => ("collect", None),
            Errand::Join(other) => ("join", Some(*other)),
            Errand::Take(other) => ("take", Some(*other)),
            Errand::CallBack(..) => ("call back", None),
        };
        text.push_str(kind);
        names.push(other.map(Node::Call));
    }
    let consultation = consultation.map(|consultation| {
        write!(text, "{:?}{}", consultation.hold, consultation.is_consult).unwrap();
        Node::Call(consultation.other)
    });
    let from = sent.as_ref().and_then(|Sent { by: _, from, usage, rang, is_hidden: _ }| {
        write!(text, "sent{}{rang}", usage.is_some()).unwrap();
        from.map(Node::Call)
    });
    names.extend([consultation, from]);
    names.extend([*sends, *conference, *taker].map(|other| other.map(Node::Call)));
    Seen { text, names }
}

fn read_conference(conference: &Conference, read: &mut Seen) {
    let (members, original, silent, is_asked_for) = conference.parts();
    write!(read.text, "conference of {}{is_asked_for}", members.len()).unwrap();
    read.names.extend([original, silent].map(|call| call.map(Node::Call)));
}

fn read_leg(leg: &Leg, far: Option<Far>) -> Seen {
    let shown = (leg.phase, leg.talk, leg.far_end, leg.offered.len(), leg.focus.is_some(), far);
    Seen { text: format!("{shown:?}"), names: vec![Some(Node::Call(leg.call))] }
}
