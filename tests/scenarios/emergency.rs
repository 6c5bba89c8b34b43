//! Calls for help.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::Setup;
use trunkline::switch::setup::{RouteFrom, RouteTo};
use trunkline_tests::Plan;

/// `0112` is for help, and everything is full at one call.
fn help(setup: &mut Setup) {
    let mut route = setup.routes[0].clone();
    route.pattern = "^0(112)$".parse().expect("it is written here");
    route.is_emergency = true;
    setup.routes.insert(0, route);
    setup.trunks[0].calls_max = 1;
    setup.calls_max = 1;
}

#[test]
fn a_call_for_help_passes_every_limit_of_calls() {
    let mut lab = Plan::seeded(1).with(help).build().with_registered(&["alice", "bob", "carol"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.call("bob", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(503), "everything is full");
    lab.call("carol", "0112");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Connected);
    let invite = lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned();
    assert!(invite.starts_with("INVITE sip:112@"), "{invite}");
    for name in ["alice", "carol"] {
        lab.hang_up(name);
    }
    lab.nothing_left();
}

/// A phone or a network that names the service instead of a number (RFC 5031), and says where it is.
#[test]
fn the_service_is_called_by_its_name() {
    let help = |setup: &mut Setup| {
        let mut route = setup.routes[0].clone();
        route.pattern = "^112$".parse().expect("it is written here");
        (route.number, route.is_emergency) = (None, true);
        route.from = RouteFrom::Any;
        route.to = RouteTo::Trunk("overseas".into());
        setup.routes.insert(0, route);
    };
    let mut lab = Plan::seeded(2).with(help).build();
    let address = lab.phone("carrier").config().address.to_string();
    let headers =
        "Geolocation: <https://lis.example/a>\r\nGeolocation-Routing: yes\r\nResource-Priority: esnet.0\r\n";
    for (number, uri) in (1..).zip(["urn:service:sos", "urn:service:SOS.fire", "sip:9112@10.0.0.1"]) {
        let invite = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-sos-{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:+4930123456@carrier.example>;tag=1\r\nTo: <{uri}>\r\nCall-ID: sos-{number}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:{address}>\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        lab.forges(&address, invite.into());
        lab.run_ms(300);
        let told = lab.ladder().last("engine", "overseas", "INVITE").expect("it was called").to_owned();
        assert!(told.starts_with("INVITE sip:112@"), "{told}");
        assert_eq!(told.contains(headers), number < 3, "{uri}: {told}");
        assert_eq!(lab.ladder().count("engine", "overseas", "INVITE"), number);
    }
    let counseling = "OPTIONS urn:service:counseling SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-c\r\n\
                      Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <urn:service:counseling>\r\nCall-ID: c\r\n\
                      CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    lab.forges(&address, counseling.replace("{address}", &address).into());
    lab.run_ms(300);
    assert_eq!(lab.ladder().count("engine", "carrier", "416"), 1);
}
