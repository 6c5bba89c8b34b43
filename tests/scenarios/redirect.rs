//! lineRedirect and lineSecureCall: an offered call goes elsewhere, a secured one is left alone.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{LineError, Operation};
use trunkline_tests::Lab;

#[test]
fn an_offered_call_rings_elsewhere_and_the_first_phone_no_more() {
    let mut lab = Lab::registered(1, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_millis(500));
    lab.call("alice", "1002");
    lab.run_ms(500);
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Redirect { call, to: "1003".to_owned() });
    lab.run_ms(1_500);
    lab.expect_talk("alice", "carol");
    lab.expect_ladder(
        "engine -> bob      INVITE
         bob -> engine      180
         engine -> bob      CANCEL
         engine -> carol    INVITE, 1001
         bob -> engine      200 CANCEL
         bob -> engine      487
         carol -> engine    180
         engine -> bob      ACK
         carol -> engine    200
         engine -> carol    ACK",
    );
    assert_eq!(
        lab.refusal("crm", Operation::Redirect { call, to: "1004".to_owned() }),
        LineError::InvalCallState
    );
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn a_call_of_a_trunk_is_redirected_to_a_phone() {
    let mut lab = Lab::registered(2, &["bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_millis(500));
    lab.call("carrier", "1002");
    lab.run_ms(500);
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Redirect { call, to: "1003".to_owned() });
    lab.run_ms(1_500);
    lab.expect_talk("carrier", "carol");
    lab.hang_up("carrier");
    lab.nothing_left();
}

#[test]
fn a_station_with_a_secured_call_is_busy() {
    let mut lab = Lab::registered(3, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::SecureCall(call));
    lab.call("carol", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("carol"), Status::Over(486));
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.call("carol", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("carol", "bob");
    lab.hang_up("carol");
    lab.nothing_left();
}
