//! Offers that cross, and requests out of order.

use trunkline::demo::{Phone, Status};
use trunkline_tests::Lab;

#[test]
fn both_phones_hold_at_once() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.hold("alice");
    lab.hold("bob");
    lab.run_ms(8_000);
    lab.resume("alice");
    lab.resume("bob");
    lab.run_ms(8_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn an_offer_that_cannot_be_met_leaves_the_call_as_it_was() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.does("alice", |phone: &mut Phone, now, out| phone.offer_unknown_codec(now, out));
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine   INVITE
         engine -> alice   488
         alice -> engine   ACK",
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_request_out_of_order_is_refused_and_the_call_goes_on() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    lab.ladder().forget();
    lab.does("alice", |phone: &mut Phone, now, out| phone.repeat_sequence_number(now, out));
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   OPTIONS
         engine -> alice   500",
    );
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_hangs_up_while_its_offer_is_open_is_obeyed() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.hold("alice");
    lab.hang_up("alice");
    lab.run_ms(1_000);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.nothing_left();
}
