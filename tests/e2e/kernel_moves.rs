//! A conversation that moves between the kernel and user space, as the wires on both sides of the relay saw it.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::capture::since_epoch;
use crate::conversation::{Conversation, Direction};
use crate::network::alone;

/// Hold with music, unhold, digits listened for and no longer, on either side: user space does what needs it, the kernel the
/// rest, and each phone is sent one stream in which nothing is lost, doubled or out of order.
#[test]
fn a_conversation_moves_between_kernel_and_user_space_without_a_seam() {
    alone(|| {
        let mut conversation = Conversation::start("require");
        let [call, callees] = conversation.talk();
        conversation.daemon.process.runs_for(SETTLE);
        let talked_at = since_epoch();
        carried_by_user_space(&mut conversation, "talk", 0);
        let held_at = since_epoch();
        conversation.ask(&call, "hold", &json!({}));
        carried_by_user_space(&mut conversation, "music", 2);
        conversation.ask(&call, "unhold", &json!({}));
        let unheld_at = since_epoch();
        carried_by_user_space(&mut conversation, "unheld", 0);
        for (phase, listening) in [("callee listened to", &call), ("caller listened to", &callees)] {
            conversation.ask(listening, "monitor-digits", &json!({"modes": ["dtmf"]}));
            carried_by_user_space(&mut conversation, phase, 1);
            conversation.ask(listening, "monitor-digits", &json!({"modes": []}));
            carried_by_user_space(&mut conversation, "listened to no longer", 0);
        }
        let talk = [talked_at..held_at, unheld_at..since_epoch()];
        let (wires, in_kernel) = conversation.finish();
        let mut speech = 0;
        for (speaker, hearer) in [(1, 2), (2, 1)] {
            let direction = Direction::of(&wires, speaker, hearer);
            direction.is_one_stream();
            let carried = direction.carries(&talk);
            assert_eq!(carried.gaps, 1, "the hold");
            speech += carried.speech;
        }
        eprintln!("kernel_moves: {speech} packets of speech arrived, {in_kernel} of them by the kernel");
        assert!(in_kernel as usize > speech / 2 && in_kernel as usize <= speech);
    });
}

/// From shortly after now on, what so many of the two phones say passes user space: the kernel counts what it gives to
/// sockets.
fn carried_by_user_space(conversation: &mut Conversation, phase: &str, speakers: u64) {
    conversation.daemon.process.runs_for(SETTLE);
    let before = datagrams_received();
    conversation.daemon.process.runs_for(Duration::from_secs(1));
    let received = datagrams_received() - before;
    eprintln!("kernel_moves: {phase}: {received} datagrams in a second went to user space");
    // Phones that are not let run for a while say less, and later more.
    let reports_and_signalling = 10;
    let about = (speakers * 20)..=(speakers * 100 + reports_and_signalling);
    assert!(about.contains(&received), "{phase}: {received} datagrams went to user space, not {about:?}");
}

/// How many UDP datagrams sockets of this network were given.
fn datagrams_received() -> u64 {
    let text = fs::read_to_string("/proc/net/snmp").expect("the kernel counts");
    let mut rows = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (rows.next().expect("names"), rows.next().expect("numbers"));
    let column = names.split(' ').position(|name| name == "InDatagrams").expect("it is counted");
    values.split(' ').nth(column).and_then(|value| value.parse().ok()).expect("a number")
}

/// Five packets in good order, and the reply to whoever asked.
const SETTLE: Duration = Duration::from_millis(400);
