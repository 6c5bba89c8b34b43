//! The object-shaped face before a real engine.

mod bench;
mod timeouts;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use self::bench::{Bench, VOICE, create, next, states};
use super::{
    AddressChange, AddressType, CallHubChange, CallInfoChange, CallState, DisconnectCode, Error, Event,
    EventFilter, FinishMode, ForwardInformation, Notifications, Success, Wait,
};
use crate::switch::{CallPrivilege, DigitMode, ForwardMode, Gathering, MediaMode, QosLevel};

#[tokio::test]
async fn a_call_is_an_object_until_it_is_connected() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    let call = bench.call_to("1002").await;
    assert_eq!((call.id(), call.call_state().await), (None, Ok(CallState::Idle)));
    assert_eq!(call.call_info().await, Err(Error::InvalCallState));
    assert_eq!(call.hold(true).await, Err(Error::InvalCallState));
    assert_eq!(call.disconnect(DisconnectCode::Normal).await, Ok(Success::False));
    call.put_call_data(Bytes::from_static(b"case 42")).await.unwrap();
    call.connect(Wait::Sync).await.unwrap();
    let info = call.call_info().await.unwrap();
    assert_eq!((info.call_state(), info.privilege()), (CallState::Connected, CallPrivilege::Owner));
    assert_eq!((&*info.called_id().number, &info.call_data()[..]), ("1002", &b"case 42"[..]));
    assert_eq!(call.connect(Wait::Sync).await, Err(Error::InvalCallState));
    assert_eq!(call.answer().await, Err(Error::Unexpected));
    call.hold(true).await.unwrap();
    assert_eq!(call.call_state().await, Ok(CallState::Hold));
    call.hold(false).await.unwrap();
    assert_eq!(call.disconnect(DisconnectCode::Normal).await, Ok(Success::Ok));
    assert_eq!(call.call_state().await, Ok(CallState::Disconnected));
    assert_eq!(call.disconnect(DisconnectCode::Normal).await, Ok(Success::False));
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn who_does_not_ask_for_events_hears_none() {
    let bench = Bench::new().await;
    let mut offers = bench.offers(&["1002"]).await;
    let mut events = bench.crm.events().unwrap();
    let call = bench.call_to("1002").await;
    call.connect(Wait::Async).await.unwrap();
    let Event::CallNotification { call: offered, privilege } = next(&mut offers).await else { panic!() };
    assert_eq!(privilege, CallPrivilege::Owner);
    bench.crm.put_event_filter(EventFilter::CALL_STATE);
    assert_eq!(bench.crm.event_filter(), EventFilter::CALL_STATE);
    offered.answer().await.unwrap();
    let told = states(&mut events, &[("call", &call)], 1).await;
    assert!(["call CS_INPROGRESS", "call CS_CONNECTED"].contains(&&*told[0]), "{told:?}");
    // The desk was told of the offer, then of its state.
    let told = states(&mut offers, &[("offered", &offered)], 2).await;
    assert_eq!(told, ["offered CS_OFFERING", "offered CS_CONNECTED"]);
    bench.end().await;
}

#[tokio::test]
async fn calls_that_nobody_asked_for_are_not_told() {
    let bench = Bench::new().await;
    let address = bench.desk.address("1002").await.unwrap();
    bench.desk.put_event_filter(EventFilter::ALL);
    let mut events = bench.desk.events().unwrap();
    bench.desk.register_call_notifications(&address, Notifications::Owner, &VOICE).await.unwrap();
    bench.desk.unregister_notifications(&address).await.unwrap();
    bench.call_to("1002").await.connect(Wait::Async).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert!(address.calls().await.unwrap().is_empty());
    let told = tokio::time::timeout(Duration::from_millis(50), async {
        loop {
            if !matches!(events.next().await, Some(Event::Address { .. })) {
                break;
            }
        }
    });
    assert!(told.await.is_err(), "a call was told");
    bench.end().await;
}

/// The script of the reference, §4.5.
#[tokio::test]
async fn a_consultation_transfer() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002", "1003"]).await;
    bench.crm.put_event_filter(EventFilter::CALL_STATE);
    let mut events = bench.crm.events().unwrap();
    let original = bench.call_to("1002").await;
    original.connect(Wait::Sync).await.unwrap();
    let consult = bench.call_to("1003").await;
    assert_eq!(consult.finish(FinishMode::AsTransfer).await, Err(Error::InvalCallState));
    original.transfer(&consult, Wait::Sync).await.unwrap();
    consult.finish(FinishMode::AsTransfer).await.unwrap();
    let calls = [("original", &original), ("consult", &consult)];
    let mut told = states(&mut events, &calls, 7).await;
    assert_eq!(
        told[..5],
        [
            "original CS_INPROGRESS",
            "original CS_CONNECTED",
            "original CS_HOLD",
            "consult CS_INPROGRESS",
            "consult CS_CONNECTED"
        ]
    );
    told[5..].sort_unstable();
    assert_eq!(
        told[5..],
        ["consult CS_DISCONNECTED DisconnectNormal", "original CS_DISCONNECTED DisconnectNormal"]
    );
    original.release().await.unwrap();
    consult.release().await.unwrap();
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn a_consultation_call_that_is_connected_already_is_taken_as_it_is() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002", "1003"]).await;
    let (original, consult) = (bench.call_to("1002").await, bench.call_to("1003").await);
    original.connect(Wait::Sync).await.unwrap();
    original.hold(true).await.unwrap();
    consult.connect(Wait::Sync).await.unwrap();
    consult.swap_hold(&original).await.unwrap();
    assert_eq!(original.call_state().await, Ok(CallState::Connected));
    original.swap_hold(&consult).await.unwrap();
    original.transfer(&consult, Wait::Async).await.unwrap();
    consult.finish(FinishMode::AsTransfer).await.unwrap();
    assert_eq!(original.call_state().await, Ok(CallState::Disconnected));
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn a_consultation_call_must_fit() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    let original = bench.call_to("1002").await;
    original.connect(Wait::Sync).await.unwrap();
    assert_eq!(original.transfer(&original, Wait::Sync).await, Err(Error::InvalidArg));
    let nowhere = bench.call_to("").await;
    assert_eq!(original.transfer(&nowhere, Wait::Sync).await, Err(Error::InvalidArg));
    assert_eq!(original.conference(&nowhere, Wait::Sync).await, Err(Error::InvalidArg));
    let foreign = create(&bench.desk.address("1004").await.unwrap(), "1003");
    assert_eq!(original.transfer(&foreign, Wait::Sync).await, Err(Error::InvalidArg));
    assert_eq!(original.call_state().await, Ok(CallState::Connected));
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn a_conference_is_a_hub() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002", "1003", "1004"]).await;
    let (first, second, third) =
        (bench.call_to("1002").await, bench.call_to("1003").await, bench.call_to("1004").await);
    first.connect(Wait::Sync).await.unwrap();
    first.conference(&second, Wait::Sync).await.unwrap();
    assert_eq!(second.finish(FinishMode::AsTransfer).await, Err(Error::InvalCallState));
    second.finish(FinishMode::AsConference).await.unwrap();
    first.conference(&third, Wait::Sync).await.unwrap();
    third.finish(FinishMode::AsConference).await.unwrap();
    let hub = first.call_hub().unwrap();
    let members = hub.calls().await.unwrap();
    assert_eq!(members.len(), 3);
    assert!([&first, &second, &third].iter().all(|call| members.contains(call)));
    second.remove_from_conference().await.unwrap();
    assert_eq!(second.call_state().await, Ok(CallState::Disconnected));
    assert_eq!(hub.num_calls().await, Ok(2));
    hub.clear().await.unwrap();
    assert_eq!(first.call_state().await, Ok(CallState::Disconnected));
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn hubs_are_told_from_first_to_last() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    bench.crm.put_event_filter(EventFilter::CALL_HUB);
    let mut events = bench.crm.events().unwrap();
    let call = bench.call_to("1002").await;
    call.connect(Wait::Sync).await.unwrap();
    for expected in [CallHubChange::CallHubNew, CallHubChange::CallJoin] {
        let Event::CallHub { hub, call: joined, change } = next(&mut events).await else { panic!() };
        assert_eq!((change, hub.number()), (expected, 1));
        assert!(joined.is_none_or(|joined| joined == call));
    }
    call.disconnect(DisconnectCode::Normal).await.unwrap();
    for expected in [CallHubChange::CallLeave, CallHubChange::CallHubIdle] {
        let Event::CallHub { change, .. } = next(&mut events).await else { panic!() };
        assert_eq!(change, expected);
    }
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn a_call_is_parked_retrieved_and_picked_up() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    let call = bench.call_to("1002").await;
    call.connect(Wait::Sync).await.unwrap();
    let slot = call.park_indirect().await.unwrap();
    assert_eq!(call.call_state().await, Ok(CallState::Disconnected));
    let retrieved = bench.call_to(&slot).await;
    retrieved.unpark().await.unwrap();
    assert_eq!(retrieved.unpark().await, Err(Error::InvalCallState));
    assert_eq!(retrieved.call_state().await, Ok(CallState::Connected));
    retrieved.park_direct("702").await.unwrap();
    let nobody = bench.call_to("701").await;
    assert!(nobody.unpark().await.is_err());
    assert_eq!(nobody.call_state().await, Ok(CallState::Idle));
    // 1004 calls 1005, and 1001 takes the call.
    let mut offers = bench.offers(&["1005"]).await;
    let calling = create(&bench.desk.address("1004").await.unwrap(), "1005");
    calling.connect(Wait::Async).await.unwrap();
    while !matches!(next(&mut offers).await, Event::CallNotification { .. }) {}
    let picked = bench.call_to("1005").await;
    picked.pickup(None).await.unwrap();
    assert_eq!(picked.call_state().await, Ok(CallState::Connected));
    picked.blind_transfer("1002").await.unwrap();
    assert_eq!(picked.call_state().await, Ok(CallState::Disconnected));
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn a_call_that_is_refused_fails() {
    let bench = Bench::new().await;
    let refusing = bench.refusing("1002").await;
    let call = bench.call_to("1002").await;
    assert_eq!(call.connect(Wait::Sync).await, Err(Error::DestUnavail));
    refusing.abort();
    bench.end().await;
}

#[tokio::test]
async fn a_hand_off_that_fails_ends_the_call() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    for media in [None, Some(MediaMode::G3Fax)] {
        let call = bench.call_to("1002").await;
        call.connect(Wait::Sync).await.unwrap();
        let handed = match media {
            None => call.handoff_direct("nobody").await,
            Some(media) => call.handoff_indirect(media).await,
        };
        assert_eq!(handed, Err(Error::TargetNotFound));
        assert_eq!(call.call_state().await, Ok(CallState::Disconnected));
    }
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn both_kinds_of_release_free_the_handle() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    let app = bench.premises.running.engine().app("crm").unwrap();
    let call = bench.call_to("1002").await;
    call.connect(Wait::Sync).await.unwrap();
    let clone = call.clone();
    drop(call);
    assert_eq!(app.calls().await.unwrap().len(), 1);
    drop(clone);
    for _ in 0..100 {
        if app.calls().await.unwrap().is_empty() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert!(app.calls().await.unwrap().is_empty());
    let call = bench.call_to("1003").await;
    call.connect(Wait::Async).await.unwrap();
    call.disconnect(DisconnectCode::Normal).await.unwrap();
    call.release().await.unwrap();
    call.release().await.unwrap();
    assert!(app.calls().await.unwrap().is_empty());
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn what_changes_on_a_call_is_told() {
    let bench = Bench::new().await;
    let answering = bench.answering(&["1002"]).await;
    let call = bench.call_to("1002").await;
    call.connect(Wait::Sync).await.unwrap();
    bench.crm.put_event_filter(EventFilter::CALL_INFO_CHANGE | EventFilter::QOS);
    let mut events = bench.crm.events().unwrap();
    call.put_call_data(Bytes::from_static(b"x")).await.unwrap();
    call.set_qos(MediaMode::InteractiveVoice, QosLevel::BestEffort).await.unwrap();
    assert_eq!(
        next(&mut events).await,
        Event::CallInfoChange { call: call.clone(), change: CallInfoChange::CallData }
    );
    assert_eq!(next(&mut events).await, Event::Qos { call: call.clone() });
    assert_eq!(call.set_qos(MediaMode::Video, QosLevel::BestEffort).await, Err(Error::InvalidArg));
    let needed = call.set_qos(MediaMode::InteractiveVoice, QosLevel::Needed).await;
    assert_eq!(needed, Err(Error::ResourceUnavail));
    bench.crm.put_event_filter(EventFilter::GATHER_DIGITS);
    assert_eq!(call.detect_digits(&[DigitMode::Dtmf]).await, Ok(()));
    assert_eq!(call.detect_digits(&[DigitMode::Pulse]).await, Err(Error::InvalMode));
    let gathering = Gathering { count: 4, termination: "#".into(), first_digit: None, inter_digit: None };
    call.gather_digits(gathering).await.unwrap();
    assert_eq!(call.monitor_media(&[MediaMode::Video]).await, Err(Error::InvalidMediaType));
    call.disconnect(DisconnectCode::Normal).await.unwrap();
    let gathered = next(&mut events).await;
    assert_eq!(gathered, Event::GatherDigits { call, digits: String::new(), reason: "cancel" });
    answering.abort();
    bench.end().await;
}

#[tokio::test]
async fn an_address_forwards_and_is_not_disturbed() {
    let bench = Bench::new().await;
    let address = bench.desk.address("1002").await.unwrap();
    bench.desk.register_call_notifications(&address, Notifications::Both, &VOICE).await.unwrap();
    bench.desk.put_event_filter(EventFilter::ADDRESS);
    let mut events = bench.desk.events().unwrap();
    let mut information = ForwardInformation::new();
    information.set_forward_type(ForwardMode::NoAnsw, "1003", None).unwrap();
    information.put_num_rings_no_answer(4);
    address.forward(Some(information), None).await.unwrap();
    assert_eq!(
        next(&mut events).await,
        Event::Address { address: address.clone(), change: AddressChange::Forward }
    );
    let current = address.current_forward_info().await.unwrap();
    assert_eq!(current.forward_type_destination(ForwardMode::NoAnsw), Some("1003"));
    assert_eq!(current.num_rings_no_answer(), Some(4));
    address.put_do_not_disturb(true).await.unwrap();
    assert_eq!(address.do_not_disturb().await, Ok(true));
    let current = address.current_forward_info().await.unwrap();
    assert_eq!(current.forward_type_destination(ForwardMode::NoAnsw), None);
    address.put_do_not_disturb(false).await.unwrap();
    assert_eq!(address.do_not_disturb().await, Ok(false));
    let consult = create(&address, "1003");
    assert_eq!(address.forward(None, Some(&consult)).await, Err(Error::InvalidArg));
    bench.end().await;
}

#[tokio::test]
async fn an_address_takes_telephone_numbers_alone() {
    let bench = Bench::new().await;
    let address = bench.crm.address("1001").await.unwrap();
    let create = |kind, media: &[MediaMode]| address.create_call(Some("1002"), kind, media).err();
    assert_eq!(create(AddressType::EmailName, &VOICE), Some(Error::InvalidArg));
    assert_eq!(create(AddressType::PhoneNumber, &[]), Some(Error::InvalidArg));
    assert_eq!(create(AddressType::PhoneNumber, &VOICE), None);
    assert_eq!(bench.crm.address("1002").await.err(), Some(Error::InvalidArg));
    assert_eq!(bench.crm.addresses().await.unwrap(), [address]);
    bench.end().await;
}
