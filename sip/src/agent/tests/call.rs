//! Whole calls between two agents, as ladders in virtual time.

use super::*;

#[test]
fn a_call_from_invite_to_bye() {
    let mut network = Network::of_two();
    let caller = network.call();
    network.run(milliseconds(10));
    let callee = network.incoming(1);
    network.command(1, Command::Progress(callee, 180, None));
    network.run(milliseconds(10));
    network.command(1, Command::Answer(callee, Some(sdp(5000))));
    network.run(milliseconds(10));
    network.command(0, Command::End(caller, None));
    network.run(milliseconds(10));
    assert_eq!(network.ladder(), ["0 INVITE", "1 100", "1 180", "1 200", "0 ACK", "0 BYE", "1 200"]);
    assert_eq!(
        network.events(),
        ["1 Incoming", "0 Progress 180", "0 Answered", "1 Established", "0 Ended Local", "1 Ended Bye"]
    );
    network.expect_nothing_left();
    assert_eq!(network.ladder(), [""; 0]);
    assert_eq!(network.events(), [""; 0]);
}
