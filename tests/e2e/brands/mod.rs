//! Phones of seven brands, as they speak: SIPp says their messages, in their words and order, from power-on to the end of the day.
//!
//! What a brand says is written down in `BRAND.txt`, with where it comes from ([`brand`]); what is done with a phone is the same
//! for all ([`script`], and the plays below), but for what brands do differently: the form of hold, pickup by Replaces or by
//! code, the header that lets them answer by themselves, and what they forget when they go. docs/matrix.md shows what is played.

mod brand;
mod documents;
mod office;
pub(crate) mod received;
mod scenario;
mod script;

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::http;
use crate::network::alone;
use crate::sipp::Sipp;
use office::{Office, went_well, went_well_each};
use script::Phone;

#[test]
fn yealink() {
    alone(|| a_day_of("yealink"));
}

#[test]
fn snom() {
    alone(|| a_day_of("snom"));
}

#[test]
fn poly() {
    alone(|| a_day_of("poly"));
}

#[test]
fn grandstream() {
    alone(|| a_day_of("grandstream"));
}

#[test]
fn cisco_mpp() {
    alone(|| a_day_of("cisco_mpp"));
}

#[test]
fn cisco_spa() {
    alone(|| a_day_of("cisco_spa"));
}

#[test]
fn fanvil() {
    alone(|| a_day_of("fanvil"));
}

#[test]
fn gigaset() {
    alone(|| a_day_of("gigaset"));
}

fn a_day_of(brand: &str) {
    let mut office = Office::open(brand);
    office.phones_register();
    office.a_phone_boots();
    office.lines_show_messages_and_features();
    if office.has_lamps() {
        office.a_phone_with_twenty_keys_boots();
        office.a_call_is_held_while_a_lamp_shows_it();
        office.a_ringing_call_is_picked_up();
    } else {
        office.a_call_is_held();
    }
    office.a_call_is_transferred_blindly();
    office.a_call_is_transferred_attended();
    office.a_caller_gives_up();
    office.a_call_is_parked_and_retrieved();
    office.a_call_is_parked_by_code();
    office.an_application_calls_for_a_phone();
    office.an_application_answers_at_a_phone();
    if office.brand.announces("INVITE", "hold") {
        office.an_application_holds_at_a_phone();
    }
    office.a_phone_speaks_by_tcp();
    office.phones_go();
    let told = received::judge(office.directory.path());
    eprintln!("brands: phones of {brand} were told {told} messages");
    assert!(told > MESSAGES, "the phones were told too little");
    office.daemon.expect_nothing_left();
}

impl Office {
    /// Power-on, a refresh with the password asked for before, and a power cut: the phone is there once.
    fn phones_register(&mut self) {
        let names = ["register_1", "register_2", "register_3", "register_4"];
        let running = PHONES.into_iter().zip(names).map(|(phone, name)| {
            let mut script = self.script(phone);
            script.register("r1").refresh("r1").register("r2");
            self.plays(name, phone, &script)
        });
        let running: Vec<Sipp> = running.collect();
        running.into_iter().for_each(went_well);
        self.daemon.expect_metric("trunkline_registrations", 4.0, SOON);
    }

    /// Everything that the phone asks for when it starts, in its order.
    fn a_phone_boots(&self) {
        let mut script = self.script(WATCHER);
        script.register("r4").boot(CALLEE.line);
        went_well(self.plays("starting", WATCHER, &script));
    }

    /// The lamp of the mailbox, and, where the phone has them, keys that show what the line does: switched at the phone and by an
    /// application.
    fn lines_show_messages_and_features(&mut self) {
        let mut messages = self.messages_are_shown();
        if self.keeps_in_step() {
            self.keys_show_what_the_line_does();
        }
        Self::is_told(&mut messages, 2);
        self.say_messages(0);
        went_well(messages);
    }

    /// Two new messages; the lamp is out when there are none.
    fn messages_are_shown(&self) -> Sipp {
        let mut script = self.script(WATCHER);
        script.subscribe("mwi", "message-summary", WATCHER.line, "^Messages-Waiting: no");
        script.see_told("Messages-Waiting: yes.*Message-Account: sip:\\*97@.*Voice-Message: 2/8");
        script.see_told("Messages-Waiting: no.*Voice-Message: 0/8").unsubscribe("mwi");
        let mut phone = self.plays("mailbox", WATCHER, &script);
        Self::is_told(&mut phone, 1);
        self.say_messages(2);
        phone
    }

    fn say_messages(&self, new: u32) {
        let path = format!("/v1/lines/{}/messages", WATCHER.line);
        let answer = http::put(&path, TOKEN, &json!({"new": new, "old": 8}));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    fn keys_show_what_the_line_does(&mut self) {
        let disturbed = |on: bool| format!("<doNotDisturbOn>{on}");
        let forwarded = format!(
            "forwardImmediate</forwardingType><forwardStatus>true</forwardStatus><forwardTo>{}<",
            CALLEE.line
        );
        let mut script = self.script(THIRD);
        script.subscribe("keys", "as-feature-event", THIRD.line, &disturbed(false));
        script
            .press("keys", "SetDoNotDisturb", true, "")
            .see_told(&disturbed(true))
            .see_told(&disturbed(false));
        script.press("keys", "SetForwarding", true, CALLEE.line).see_told(&forwarded).unsubscribe("keys");
        let mut phone = self.plays("keys", THIRD, &script);
        Self::is_told(&mut phone, 2);
        self.line_becomes(THIRD, "do_not_disturb", &json!(true));
        let path = format!("lines/{}/forward", THIRD.line);
        self.ask(&path, &json!({"entries": []}));
        went_well(phone);
        let entry = json!([{"mode": "uncond", "caller": null, "destination": CALLEE.line}]);
        self.line_becomes(THIRD, "forwarding", &entry);
        self.ask(&path, &json!({"entries": []}));
    }

    /// Twenty lamps of parking slots, asked for at once.
    fn a_phone_with_twenty_keys_boots(&self) {
        let slots: String = (701..=720).map(|slot| format!("{slot};\n")).collect();
        fs::write(self.directory.path().join("slots.csv"), format!("SEQUENTIAL\n{slots}"))
            .expect("a directory of ours");
        let mut script = self.script(WATCHER);
        script.watch("lamp", "[field0]").pause(1_200).unsubscribe("lamp");
        let more = ["-inf", "slots.csv", "-r", "1000"];
        went_well_each(20, self.plays_more("boot", WATCHER, &script, 20, &more));
    }

    /// The lamp blinks, lights, and is out, and no state is skipped by its numbers.
    fn a_call_is_held_while_a_lamp_shows_it(&mut self) {
        let mut script = self.script(WATCHER);
        script.watch("lamp", CALLEE.line).see("early").see("confirmed").see("terminated").unsubscribe("lamp");
        let mut watcher = self.plays("watcher", WATCHER, &script);
        // The first state may have been told a second ago, and no more than one a second is told.
        Self::is_told(&mut watcher, 1);
        self.a_call_is_held();
        went_well(watcher);
        self.lamp_told_each_state();
    }

    fn a_call_is_held(&self) {
        let mut script = self.script(CALLEE);
        script.be_called(2_000, &[]);
        let callee = self.waits("held_callee", CALLEE, &script);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").hold("a").pause(1_200).resume("a").hang_up("a");
        let caller = self.plays("held_caller", CALLER, &script);
        [caller, callee].into_iter().for_each(went_well);
    }

    fn a_call_is_transferred_blindly(&mut self) {
        let first = self.is_called("blind_first", CALLEE);
        let second = self.is_called("blind_second", THIRD);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").hold("a").transfer("a", THIRD.line);
        went_well(self.plays("blind_caller", CALLER, &script));
        self.drop_calls_of(THIRD);
        [first, second].into_iter().for_each(went_well);
    }

    fn a_call_is_transferred_attended(&mut self) {
        let first = self.is_called("attended_first", CALLEE);
        let second = self.is_called("attended_second", THIRD);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").hold("a").call("b", THIRD.line, "").hold("b");
        script.transfer_to_call("a", "b");
        went_well(self.plays("attended_caller", CALLER, &script));
        self.drop_calls_of(THIRD);
        [first, second].into_iter().for_each(went_well);
    }

    fn a_caller_gives_up(&mut self) {
        let mut script = self.script(CALLEE);
        script.ring_until_cancelled();
        let callee = self.waits("given_up_callee", CALLEE, &script);
        let mut script = self.script(CALLER);
        script.give_up("a", CALLEE.line);
        let caller = self.plays("given_up_caller", CALLER, &script);
        [caller, callee].into_iter().for_each(went_well);
    }

    /// By the key whose lamp blinks.
    fn a_ringing_call_is_picked_up(&mut self) {
        let mut script = self.script(WATCHER);
        script.watch("lamp", CALLEE.line).see_what_rings().pick_up("p", CALLEE.line);
        script.is_hung_up_amid_lamps().unsubscribe("lamp");
        let mut watcher = self.plays("picking_up", WATCHER, &script);
        Self::is_told(&mut watcher, 1);
        let mut script = self.script(CALLEE);
        script.ring_until_cancelled();
        let callee = self.waits("picked_up_callee", CALLEE, &script);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").pause(300).hang_up("a");
        let caller = self.plays("picked_up_caller", CALLER, &script);
        [caller, callee, watcher].into_iter().for_each(went_well);
    }

    /// By a transfer to the slot, as keys for parking do; whoever dials the slot has the call.
    fn a_call_is_parked_and_retrieved(&mut self) {
        let mut script = self.script(WATCHER);
        if self.has_lamps() {
            script.watch("lamp", "701").see("confirmed").see("terminated").unsubscribe("lamp");
        }
        let watcher = self.has_lamps().then(|| self.plays("slot_watcher", WATCHER, &script));
        let parked = self.is_called("parked", CALLEE);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").hold("a").transfer("a", "701");
        went_well(self.plays("parking", CALLER, &script));
        self.daemon.process.runs_for(LAMP_INTERVAL);
        let mut script = self.script(THIRD);
        // The parked phone is offered the other's codecs first.
        script.call("a", "701", "").pause(300).hang_up("a");
        let retrieving = self.plays("retrieving", THIRD, &script);
        [retrieving, parked].into_iter().chain(watcher).for_each(went_well);
    }

    /// Held, and the code dialled: the phone is shown the slot.
    fn a_call_is_parked_by_code(&self) {
        let parked = self.is_called("parked_by_code", CALLEE);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").hold("a").park_by_code("b", "*70");
        went_well(self.plays("parking_by_code", CALLER, &script));
        let mut script = self.script(THIRD);
        // The parked phone is offered the other's codecs first.
        script.call("a", "701", "").pause(300).hang_up("a");
        [self.plays("taking_back", THIRD, &script), parked].into_iter().for_each(went_well);
    }

    /// The phone is asked to answer by itself, in the words that its brand knows.
    fn an_application_calls_for_a_phone(&mut self) {
        let mut script = self.script(CALLER);
        script.be_called(0, &[self.brand.setting("auto_answer")]);
        let own = self.waits("rung_for_its_call", CALLER, &script);
        let called = self.is_called("called_for_another", CALLEE);
        self.ask(&format!("lines/{}/make-call", CALLER.line), &json!({"to": CALLEE.line}));
        self.reaches(CALLEE, "connected");
        self.drop_calls_of(CALLER);
        [own, called].into_iter().for_each(went_well);
    }

    /// By `Event: talk`, where the phone says that it knows it; any other is cancelled and rung anew, asked to answer by itself.
    fn an_application_answers_at_a_phone(&mut self) {
        let mut script = self.script(CALLEE);
        let calls = if self.brand.announces("180", "talk") {
            script.be_told_to_answer();
            1
        } else {
            script.be_rung_anew(self.brand.setting("auto_answer"));
            2
        };
        let callee = self.waits_for(calls, "told_to_answer", CALLEE, &script);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").hang_up("a");
        let caller = self.plays("answered_by_application", CALLER, &script);
        let call = self.reaches(CALLEE, "accepted");
        self.ask(&format!("calls/{call}/answer"), &json!({}));
        went_well(caller);
        went_well_each(calls, callee);
        // A call that an application took part in waits for it when it is over.
        self.ask(&format!("calls/{call}/drop"), &json!({}));
    }

    /// By `Event: hold`, and retrieves by `Event: talk`: the phone that called announced both.
    fn an_application_holds_at_a_phone(&mut self) {
        let callee = self.is_called("held_by_application", CALLEE);
        let mut script = self.script(CALLER);
        script.call("a", CALLEE.line, "").be_told("hold").hold("a").be_told("talk").resume("a").hang_up("a");
        let caller = self.plays("told_to_hold", CALLER, &script);
        let call = self.reaches(CALLER, "connected");
        self.ask(&format!("calls/{call}/hold"), &json!({}));
        assert_eq!(self.reaches(CALLER, "onhold"), call);
        self.ask(&format!("calls/{call}/unhold"), &json!({}));
        [caller, callee].into_iter().for_each(went_well);
    }

    /// One connection from power-on to the end.
    fn a_phone_speaks_by_tcp(&self) {
        let callee = self.is_called("called_by_tcp", CALLEE);
        let mut script = self.script(BY_TCP);
        script.register("r1").call("a", CALLEE.line, "").hold("a").resume("a").hang_up("a").unregister("r2");
        went_well(self.plays_more("tcp", BY_TCP, &script, 1, &["-t", "t1"]));
        went_well(callee);
    }

    fn phones_go(&mut self) {
        let names = ["unregister_1", "unregister_2", "unregister_3", "unregister_4"];
        let running = PHONES.into_iter().zip(names).map(|(phone, name)| {
            let mut script = self.script(phone);
            script.unregister("r3");
            self.plays(name, phone, &script)
        });
        let running: Vec<Sipp> = running.collect();
        running.into_iter().for_each(went_well);
        self.daemon.expect_metric("trunkline_registrations", 0.0, SOON);
    }
}

const CALLER: Phone = Phone { line: "1001", host: "127.0.0.2", port: 5091, is_tcp: false };
const CALLEE: Phone = Phone { line: "1002", host: "127.0.0.3", port: 5092, is_tcp: false };
const THIRD: Phone = Phone { line: "1003", host: "127.0.0.4", port: 5093, is_tcp: false };
const WATCHER: Phone = Phone { line: "1004", host: "127.0.0.5", port: 5094, is_tcp: false };
const BY_TCP: Phone = Phone { line: "1005", host: "127.0.0.6", port: 5095, is_tcp: true };
const PHONES: [Phone; 4] = [CALLER, CALLEE, THIRD, WATCHER];
const PASSWORD: &str = "correct horse battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
/// A lamp is told no more than one state in a second.
const LAMP_INTERVAL: Duration = Duration::from_millis(1_200);
/// What the phones are told in a day is some 350 messages, 180 without lamps.
const MESSAGES: usize = 150;
/// At once where the machine is free.
const SOON: Duration = Duration::from_secs(20);
const FINISHED_WITHIN: Duration = Duration::from_secs(40);
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
[park]
slots = "701-720"
[voicemail]
number = "*97"
[[line]]
address = "1001"
password = "correct horse battery"
groups = ["desk"]
hold = "phone"
[[line]]
address = "1002"
password = "correct horse battery"
groups = ["desk"]
[[line]]
address = "1003"
password = "correct horse battery"
groups = ["desk"]
[[line]]
address = "1004"
password = "correct horse battery"
groups = ["desk"]
[[line]]
address = "1005"
password = "correct horse battery"
"#;
