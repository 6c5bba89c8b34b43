//! Phones that are told to look at their configuration.

use trunkline_sip::outbox::{Command, Content, Event};

use crate::switch::rig::{CRM, Rig, WALLBOARD};
use crate::switch::*;

fn ask(rig: &mut Rig, app: AppId, line: &str, reboot: bool) -> Result<(), LineError> {
    let reply = rig.request(app, Operation::CheckSync { line: line.into(), reboot });
    reply.map(|_| ()).map_err(|refusal| refusal.error)
}

#[test]
fn every_phone_of_a_line_is_told() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:desk", 1000);
    rig.register("1002", "sip:soft", 500);
    for (reboot, event) in [(true, "check-sync;reboot=true"), (false, "check-sync;reboot=false")] {
        assert_eq!(ask(&mut rig, CRM, "1002", reboot), Ok(()));
        let told: Vec<_> = std::mem::take(&mut rig.sip);
        assert_eq!(told.len(), 2);
        for command in told {
            let Command::Message(usage, message) = command else { panic!("{command:?}") };
            assert_eq!((message.content, message.to.user.as_str()), (Content::Event(event.into()), "1002"));
            rig.tell(Event::MessageDone { usage, status: 489 });
        }
    }
    rig.assert_quiet();
}

#[test]
fn who_may_not_and_who_has_no_phone_is_refused() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:desk", 1000);
    for (app, line, error) in [
        (WALLBOARD, "1001", LineError::NotOwner),
        (CRM, "1002", LineError::InvalLineState),
        (CRM, "1003", LineError::OperationUnavail),
        (CRM, "carrier", LineError::OperationUnavail),
        (CRM, "4711", LineError::InvalLineHandle),
    ] {
        assert_eq!(ask(&mut rig, app, line, true), Err(error), "{line}");
    }
    assert!(rig.sip.is_empty());
}
