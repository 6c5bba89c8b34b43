//! lineSwapHold: a phone that consults goes back and forth between two parties.

use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline::switch::{CallId, CallState, Operation, Outcome};
use trunkline_tests::Lab;

#[test]
fn the_phone_talks_with_one_party_and_the_other_hears_music() {
    let mut lab = Lab::registered(1, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    let call = lab.call_on("crm", "1001").id;
    let set_up = lab.asks("crm", Operation::SetupTransfer { call, to: Some("1003".to_owned()) });
    let Ok(Outcome::Consult(consult)) = set_up else { panic!("{set_up:?}") };
    lab.run_ms(2_000);
    lab.expect_talk("alice", "carol");
    let music = lab.hears("bob", Duration::from_secs(1));
    assert!(music.tone() >= 45 && music.voice("1001") == 0, "{music:?}");
    let swap = |lab: &mut Lab, call: CallId, with: CallId| {
        lab.does_ask("crm", Operation::SwapHold { call, with });
        lab.run_ms(300);
    };
    swap(&mut lab, consult, call);
    lab.expect_talk("alice", "bob");
    let music = lab.hears("carol", Duration::from_secs(1));
    assert!(music.tone() >= 45 && music.voice("1001") == 0, "{music:?}");
    swap(&mut lab, call, consult);
    lab.expect_talk("alice", "carol");
    lab.does_ask("crm", Operation::Unhold(call));
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    let idle = lab.calls("crm").iter().find(|call| call.id == consult).map(|call| call.state);
    assert_eq!(idle, Some(CallState::Idle));
    lab.hang_up("alice");
    lab.nothing_left();
}
