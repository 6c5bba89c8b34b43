//! Offers that cross, and requests out of order.

use trunkline::demo::{HoldForm, Phone, Status};
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

/// A call in PCMU; Alice then knows nothing but PCMA, and says so with her next offer.
fn changing_codec(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.phone("alice").script.formats = vec![8, 101];
    lab
}

#[test]
fn a_changed_codec_is_offered_to_the_other_side() {
    let mut lab = changing_codec(5);
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   INVITE, RTP/AVP 8 101
         engine -> alice   200, RTP/AVP 8 101
         engine -> bob     INVITE, RTP/AVP 8 101
         alice -> engine   ACK
         bob -> engine     200, RTP/AVP 8 101
         engine -> bob     ACK",
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_change_that_the_other_side_refuses_leaves_the_call_up() {
    let mut lab = changing_codec(6);
    lab.phone("bob").script.refuses_reinvite = Some(488);
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> bob   INVITE
         bob -> engine   488
         engine -> bob   ACK",
    );
    lab.run_ms(5_000);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Connected, Status::Connected));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn offers_that_cross_are_both_491_and_both_made_again() {
    let mut lab = changing_codec(7);
    lab.phone("bob").script.hold_form = HoldForm::SendOnly;
    lab.resume("alice");
    lab.run_ms(7);
    lab.hold("bob");
    lab.run_ms(20);
    lab.expect_ladder(
        "engine -> bob   INVITE
         bob -> engine   INVITE, a=sendonly
         bob -> engine   491
         engine -> bob   491
         engine -> bob   ACK
         bob -> engine   ACK",
    );
    // RFC 3261 §14.1: who owns the Call-ID waits 2.1 to 4 s, the other up to 2 s.
    lab.run_ms(8_000);
    assert_eq!(lab.ladder().count("bob", "engine", "INVITE"), 1);
    assert!(lab.ladder().count("engine", "bob", "INVITE") >= 1);
    lab.resume("bob");
    lab.run_ms(2_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_call_that_ends_while_an_offer_waits_for_its_turn_ends() {
    let mut lab = changing_codec(8);
    lab.phone("bob").script.refuses_reinvite = Some(491);
    lab.resume("alice");
    lab.run_ms(3_000);
    lab.hang_up("bob");
    lab.run_ms(1_000);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}
