//! What a phone does, step by step, in the words of its brand.
//!
//! Several dialogs of one phone are one call of SIPp's: what stands before `///` in a Call-ID it leaves out when it looks for
//! the call that a message belongs to. Tags and targets of far ends are kept in variables, `a_tag` and `a_target` for call `a`.

mod subscribing;

use std::collections::HashMap;
use std::path::Path;

use super::brand::{Brand, fill};
use super::scenario::{Scenario, header_of, keep, must, must_not, quote};

/// One phone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phone {
    /// Its line.
    pub(crate) line: &'static str,
    /// Its address.
    pub(crate) host: &'static str,
    /// Its port.
    pub(crate) port: u16,
    /// Whether it speaks by TCP.
    pub(crate) is_tcp: bool,
}

/// What becomes of a REFER's two dialogs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consulted {
    /// There is no second one.
    Nobody,
    /// The engine ends the second one.
    Somebody,
}

/// What one phone does, from its first step to its last.
pub(crate) struct Script<'a> {
    brand: &'a Brand,
    phone: Phone,
    scenario: Scenario,
    dialogs: HashMap<&'static str, Dialog>,
}

/// A dialog, or what is on its way to one.
#[derive(Default)]
struct Dialog {
    number: String,
    cseq: u32,
    sdp_version: u32,
    is_established: bool,
    /// What a subscription is to.
    event: &'static str,
}

impl<'a> Script<'a> {
    /// Of this phone.
    pub(crate) fn of(brand: &'a Brand, phone: Phone) -> Self {
        Self { brand, phone, scenario: Scenario::default(), dialogs: HashMap::new() }
    }

    /// Registers as after power-on: with no password, then with it. The answer must show the phone's own Contact.
    pub(crate) fn register(&mut self, call: &'static str) -> &mut Self {
        self.open(call, self.phone.line);
        self.send("REGISTER", call, &[("AUTH", ""), ("EXPIRES", "3600")]);
        self.expect("response=\"401\" auth=\"true\"", &[]);
        self.refresh(call)
    }

    /// Registers again in the same way, with the password that it has been asked for.
    pub(crate) fn refresh(&mut self, call: &'static str) -> &mut Self {
        self.send("REGISTER", call, &[("AUTH", "[authentication]"), ("EXPIRES", "3600")]);
        let contact = quote(&self.own("{{CONTACT_SETTING}}"));
        self.expect("response=\"200\"", &[must(&header_of("Contact"), &contact)])
    }

    /// Says that it goes.
    pub(crate) fn unregister(&mut self, call: &'static str) -> &mut Self {
        self.open(call, self.phone.line);
        self.send("REGISTER", call, &[("AUTH", ""), ("EXPIRES", "0")]);
        self.expect("response=\"401\" auth=\"true\"", &[]);
        self.send("REGISTER", call, &[("AUTH", "[authentication]"), ("EXPIRES", "0")]);
        self.expect("response=\"200\"", &[])
    }

    /// Calls a number and is answered. `more` is a header line of the INVITE, or nothing.
    pub(crate) fn call(&mut self, call: &'static str, number: &str, more: &str) -> &mut Self {
        self.invite(call, number, more);
        let early = [keep(&header_of("To"), ";tag=([^;]*)", &format!("{call}_tag"))];
        self.expect("response=\"180\" optional=\"true\"", &early);
        self.expect("response=\"183\" optional=\"true\"", &early);
        self.answered(call)
    }

    /// The same by a phone whose lamps change meanwhile.
    pub(crate) fn call_amid_lamps(&mut self, call: &'static str, number: &str, more: &str) -> &mut Self {
        self.invite(call, number, more);
        let established = self.established(call);
        self.amid_lamps("response=\"200\"", &established, &["180", "183"]);
        self.acknowledge(call)
    }

    /// Calls a number, hears it ring, and gives up.
    pub(crate) fn give_up(&mut self, call: &'static str, number: &str) -> &mut Self {
        self.invite(call, number, "");
        self.expect("response=\"180\"", &[]);
        self.pause(300);
        // Of the INVITE, as RFC 3261 §9.1 has it: the engine looks at its branch and number, which are those of the message
        // that SIPp sent last.
        let (cseq, number) = (self.dialogs[call].cseq, self.dialogs[call].number.clone());
        let target = self.target_of(&number);
        let from = self.from(call);
        let to = self.own(self.brand.setting("other")).replace("{{NUMBER}}", &number);
        let call_id = self.call_id(call);
        let text = format!(
            "CANCEL {target} SIP/2.0\n[last_Via:]\nFrom: {from}\nTo: {to}\nCall-ID: {call_id}\nCSeq: {cseq} CANCEL\n\
             Max-Forwards: 70\nContent-Length: 0"
        );
        self.say(&text, " retrans=\"500\"");
        self.expect("response=\"200\"", &[]);
        self.expect("response=\"487\"", &[]);
        self.acknowledge_refusal(call)
    }

    /// Dials the code that parks the call that is held: is told which slot it has, and that both calls are over.
    pub(crate) fn park_by_code(&mut self, call: &'static str, code: &str) -> &mut Self {
        self.invite(call, code, "");
        let mut answer = self.established(call).to_vec();
        answer.push(must(&header_of("P-Asserted-Identity"), "sip:701@"));
        // The end of the call that is parked is another worker's: it may come before the answer, or after it.
        let [amid, done] = [0; 2].map(|_| self.label());
        self.expect(&format!("request=\"BYE\" optional=\"true\" next=\"{amid}\""), &[]);
        self.expect("response=\"200\"", &answer);
        self.acknowledge(call);
        self.expect("request=\"BYE\"", &[]);
        self.answer_ok("");
        self.expect("request=\"BYE\"", &[]);
        self.answer_ok(&format!(" next=\"{done}\""));
        self.at(&amid);
        self.answer_ok("");
        self.expect("response=\"200\"", &answer);
        self.acknowledge(call);
        self.expect("request=\"BYE\"", &[]);
        self.answer_ok("");
        self.at(&done)
    }

    fn invite(&mut self, call: &'static str, number: &str, more: &str) {
        self.open(call, number);
        self.send("INVITE", call, &[("AUTH", ""), ("MORE", more), ("DIRECTION", "sendrecv")]);
        self.expect("response=\"100\" optional=\"true\"", &[]);
        self.expect("response=\"401\" auth=\"true\"", &[]);
        self.acknowledge_refusal(call);
        self.send("INVITE", call, &[("AUTH", "[authentication]"), ("MORE", more), ("DIRECTION", "sendrecv")]);
        self.expect("response=\"100\" optional=\"true\"", &[]);
        // The challenge once more, where the first INVITE was repeated.
        self.expect("response=\"401\" optional=\"true\"", &[]);
    }

    fn answered(&mut self, call: &'static str) -> &mut Self {
        let established = self.established(call);
        self.expect("response=\"200\"", &established);
        self.acknowledge(call)
    }

    /// Its Contact and tag are where requests go from then on.
    fn established(&mut self, call: &str) -> [String; 2] {
        self.note(&[format!("{call}_tag"), format!("{call}_target")]);
        [
            keep(&header_of("To"), ";tag=([^;]*)", &format!("{call}_tag")),
            keep(&header_of("Contact"), "<([^>]*)>", &format!("{call}_target")),
        ]
    }

    fn acknowledge(&mut self, call: &'static str) -> &mut Self {
        self.dialog(call).is_established = true;
        self.send("ACK", call, &[])
    }

    fn acknowledge_refusal(&mut self, call: &'static str) -> &mut Self {
        let (cseq, number) = (self.dialogs[call].cseq, self.dialogs[call].number.clone());
        let (from, call_id, target) = (self.from(call), self.call_id(call), self.target_of(&number));
        let text = format!(
            "ACK {target} SIP/2.0\n[last_Via:]\nFrom: {from}\n[last_To:]\nCall-ID: {call_id}\nCSeq: {cseq} ACK\n\
             Max-Forwards: 70\nContent-Length: 0"
        );
        self.say(&text, "")
    }

    /// The hold key, in the brand's form.
    pub(crate) fn hold(&mut self, call: &'static str) -> &mut Self {
        let (direction, connection, answer) = match self.brand.setting("hold") {
            "sendonly" => ("sendonly", self.phone.host, must("msg", "a=(recvonly|inactive)")),
            "inactive" => ("inactive", self.phone.host, must("msg", "a=inactive")),
            "address" => ("sendrecv", "0.0.0.0", must("msg", "m=audio [1-9]")),
            form => panic!("{form}: no form of hold"),
        };
        self.reinvite(call, direction, connection, &answer)
    }

    /// The key once more.
    pub(crate) fn resume(&mut self, call: &'static str) -> &mut Self {
        self.reinvite(call, "sendrecv", self.phone.host, &must_not("msg", "a=(recvonly|sendonly|inactive)"))
    }

    fn reinvite(&mut self, call: &'static str, direction: &str, connection: &str, answer: &str) -> &mut Self {
        self.dialog(call).sdp_version += 1;
        let name = if self.brand.says("re-INVITE") { "re-INVITE" } else { "INVITE" };
        let values = [("AUTH", ""), ("MORE", ""), ("DIRECTION", direction), ("CONNECTION", connection)];
        self.send(name, call, &values);
        self.expect("response=\"100\" optional=\"true\"", &[]);
        self.expect("response=\"200\"", &[answer.to_owned()]);
        self.send("ACK", call, &[])
    }

    /// Transfers the far end of a call to a number, waits until it is there, and hangs up.
    pub(crate) fn transfer(&mut self, call: &'static str, number: &str) -> &mut Self {
        let to = self.target_of(number);
        self.refer(call, &to, Consulted::Nobody);
        self.hang_up(call)
    }

    /// Transfers the far end of a call to that of another, waits until they are joined, and hangs up.
    pub(crate) fn transfer_to_call(&mut self, call: &'static str, to: &'static str) -> &mut Self {
        let number = self.dialogs[to].number.clone();
        let plain = self.own(&format!("sip:{number}@{{{{SERVER}}}}"));
        let call_id = self.call_id(to).replace('@', "%40");
        let own_tag = Self::tag(to);
        let replaces = format!("{plain}?Replaces={call_id}%3Bto-tag%3D[${to}_tag]%3Bfrom-tag%3D{own_tag}");
        self.refer(call, &replaces, Consulted::Somebody);
        self.hang_up(call)
    }

    fn refer(&mut self, call: &'static str, to: &str, consulted: Consulted) {
        let is_over = format!("{call}_over");
        self.note(std::slice::from_ref(&is_over));
        let succeeded = [
            keep("msg", "Subscription-State: (terminated)", &is_over),
            must("body", "^SIP/2.0 (100|18.|200)"),
        ];
        self.send("REFER", call, &[("REFER_TO", to)]);
        if consulted == Consulted::Nobody {
            self.expect("response=\"202\"", &[]);
            self.until_notified(&succeeded, &is_over, "");
            return;
        }
        // The end of the second dialog is another worker's: it may come before the answer, before the last NOTIFY, or after it.
        let [at_once, again, amid, last, done] = [0; 5].map(|_| self.label());
        self.expect(&format!("request=\"BYE\" optional=\"true\" next=\"{at_once}\""), &[]);
        self.expect("response=\"202\"", &[]);
        self.at(&again);
        self.expect(&format!("request=\"BYE\" optional=\"true\" next=\"{amid}\""), &[]);
        self.expect(&format!("request=\"NOTIFY\" next=\"{last}\" test=\"{is_over}\""), &succeeded);
        self.answer_ok(&format!(" next=\"{again}\""));
        self.at(&at_once);
        self.answer_ok("");
        self.expect("response=\"202\"", &[]);
        self.until_notified(&succeeded, &is_over, &format!(" next=\"{done}\""));
        self.at(&amid);
        self.answer_ok("");
        self.until_notified(&succeeded, &is_over, &format!(" next=\"{done}\""));
        self.at(&last);
        self.answer_ok("");
        self.expect("request=\"BYE\"", &[]);
        self.answer_ok("");
        self.at(&done);
    }

    /// Answers NOTIFYs until one sets this variable. SIPp must never stand at a step that only jumps: what comes then is
    /// unexpected. So the jumps are those of sent and received messages.
    fn until_notified(&mut self, actions: &[String], flag: &str, after: &str) {
        let [again, last] = [0; 2].map(|_| self.label());
        self.at(&again);
        self.expect(&format!("request=\"NOTIFY\" next=\"{last}\" test=\"{flag}\""), actions);
        self.answer_ok(&format!(" next=\"{again}\""));
        self.at(&last);
        self.answer_ok(after);
    }

    /// Ends a call.
    pub(crate) fn hang_up(&mut self, call: &'static str) -> &mut Self {
        self.send("BYE", call, &[]);
        self.expect("response=\"200\"", &[])
    }

    /// Takes the call that rings at a number whose lamp blinks, in the brand's way.
    pub(crate) fn pick_up(&mut self, call: &'static str, number: &str) -> &mut Self {
        match self.brand.setting("pickup") {
            "code" => self.call_amid_lamps(call, &format!("**{number}"), ""),
            // The tags change sides: the engine's own is the one that is remote for the phone that rings.
            "replaces" => self.call_amid_lamps(
                call,
                number,
                "Replaces: [$dialog_id];to-tag=[$dialog_remote];from-tag=[$dialog_local];early-only",
            ),
            form => panic!("{form}: no form of pickup"),
        }
    }

    /// Waits until the far end of a call hangs up, while lamps change.
    pub(crate) fn is_hung_up_amid_lamps(&mut self) -> &mut Self {
        self.amid_lamps("request=\"BYE\"", &[], &[]);
        self.answer_ok("")
    }

    /// Is called, rings for so long, answers, and does as it is told until the far end hangs up. The INVITE must name its own
    /// Contact, and have all of these headers (`NAME: PATTERN`).
    pub(crate) fn be_called(&mut self, rings_ms: u32, fits: &[&str]) -> &mut Self {
        self.ring(fits);
        self.pause(rings_ms);
        let answer = self.answer();
        self.say(&answer, " retrans=\"500\"");
        self.expect("request=\"ACK\"", &[]);
        self.serve_until_bye()
    }

    /// Is told to do something, within a dialog (`Event: hold`).
    pub(crate) fn be_told(&mut self, event: &str) -> &mut Self {
        self.expect("request=\"NOTIFY\"", &[must(&header_of("Event"), event)]);
        self.answer_ok("")
    }

    /// Is called, rings, and answers when it is told to by `Event: talk`.
    pub(crate) fn be_told_to_answer(&mut self) -> &mut Self {
        self.ring(&[]);
        self.be_told("talk");
        let mut answer = self.answer();
        for name in KEPT_HEADERS {
            answer = answer.replace(&format!("[last_{name}:]"), &format!("{name}:[$kept_{}]", word(name)));
        }
        self.say(&answer, " retrans=\"500\"");
        self.expect("request=\"ACK\"", &[]);
        self.serve_until_bye()
    }

    /// Is called, rings, and is cancelled; is called anew with this header (`NAME: PATTERN`), and answers. Two calls.
    pub(crate) fn be_rung_anew(&mut self, fits: &str) -> &mut Self {
        let (header, pattern) = fits.split_once(": ").expect("a header line");
        let [by_itself, done] = [0; 2].map(|_| self.label());
        let asked = "asked".to_owned();
        let mut actions = self.keep_request();
        actions.push(keep(&header_of(header), &format!("({pattern})"), &asked));
        self.note(&[asked]);
        self.expect(&format!("request=\"INVITE\" next=\"{by_itself}\" test=\"asked\""), &actions);
        let ringing = self.response("180");
        self.say(&ringing, "");
        self.be_cancelled(&format!(" next=\"{done}\""));
        self.at(&by_itself);
        let answer = self.answer();
        self.say(&answer, " retrans=\"500\"");
        self.expect("request=\"ACK\"", &[]);
        self.serve_until_bye();
        self.at(&done)
    }

    /// Is called and rings until the caller gives up, or another takes the call.
    pub(crate) fn ring_until_cancelled(&mut self) -> &mut Self {
        self.ring(&[]);
        self.be_cancelled("")
    }

    fn be_cancelled(&mut self, after: &str) -> &mut Self {
        self.expect("request=\"CANCEL\"", &[]);
        self.answer_ok("");
        let refusal = format!(
            "SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n[last_To:]{}\n[last_Call-ID:]\n\
             CSeq:[$kept_CSeq]\nContent-Length: 0",
            Self::to_tag()
        );
        self.say(&refusal, " retrans=\"500\"");
        self.expect(&format!("request=\"ACK\"{after}"), &[])
    }

    fn ring(&mut self, fits: &[&str]) {
        let target = self.own("{{CONTACT_SETTING}}");
        let target = quote(target.trim_start_matches('<').trim_end_matches('>'));
        let mut actions = vec![must("msg", &format!("^INVITE {target} SIP/2.0"))];
        actions.extend(fits.iter().map(|line| {
            let (header, value) = line.split_once(": ").expect("a header line");
            must(&header_of(header), value)
        }));
        actions.extend(self.keep_request());
        self.expect("request=\"INVITE\"", &actions);
        let ringing = self.response("180");
        self.say(&ringing, "");
    }

    fn keep_request(&mut self) -> Vec<String> {
        let variables = KEPT_HEADERS.map(|name| format!("kept_{}", word(name)));
        self.note(&variables);
        KEPT_HEADERS
            .iter()
            .zip(variables)
            .map(|(name, variable)| keep(&header_of(name), "(.*)", &variable))
            .collect()
    }

    fn serve_until_bye(&mut self) -> &mut Self {
        let [serve, update, reinvite, done] = [0; 4].map(|_| self.label());
        self.at(&serve);
        self.expect(&format!("request=\"UPDATE\" optional=\"true\" next=\"{update}\""), &[]);
        self.expect(&format!("request=\"INVITE\" optional=\"true\" next=\"{reinvite}\""), &[]);
        self.expect("request=\"BYE\"", &[]);
        self.answer_ok(&format!(" next=\"{done}\""));
        self.at(&update);
        self.answer_ok(&format!(" next=\"{serve}\""));
        self.at(&reinvite);
        let answer = self.answer().replace(&Self::to_tag(), "");
        self.say(&answer, " retrans=\"500\"");
        self.expect(&format!("request=\"ACK\" next=\"{serve}\""), &[]);
        self.at(&done)
    }

    /// Lets time pass.
    pub(crate) fn pause(&mut self, milliseconds: u32) -> &mut Self {
        self.scenario.pause(milliseconds);
        self
    }

    /// Writes it as the scenario NAME.xml. The path as an argument of SIPp.
    pub(crate) fn write(&self, directory: &Path, name: &str) -> String {
        self.scenario.write(directory, name)
    }

    fn open(&mut self, call: &'static str, number: &str) {
        let first: u32 = self.brand.setting("first_cseq").parse().expect("a number");
        let dialog = Dialog { number: number.to_owned(), cseq: first - 1, ..Dialog::default() };
        assert!(self.dialogs.insert(call, dialog).is_none(), "{call} twice");
    }

    fn dialog(&mut self, call: &str) -> &mut Dialog {
        self.dialogs.get_mut(call).expect("the call was made")
    }

    /// A request of a dialog, or one that begins it.
    fn send(&mut self, name: &str, call: &'static str, more: &[(&str, &str)]) -> &mut Self {
        if name != "ACK" {
            self.dialog(call).cseq += 1;
        }
        let dialog = &self.dialogs[call];
        let (number, cseq) = (dialog.number.clone(), dialog.cseq.to_string());
        let version = (20_022 + dialog.sdp_version).to_string();
        let other = if name == "REGISTER" { "me" } else { "other" };
        let mut to = self.own(self.brand.setting(other)).replace("{{NUMBER}}", &number);
        let mut target = self.target_of(&number);
        if dialog.is_established {
            to.push_str(&format!(";tag=[${call}_tag]"));
            target = format!("[${call}_target]");
        }
        let contact = match (name, more.contains(&("EXPIRES", "0")), self.brand.setting("forget")) {
            ("REGISTER", true, "star") => "*".to_owned(),
            ("REGISTER", _, _) => self.own("{{CONTACT_SETTING}}{{CONTACT_MORE}}"),
            _ => self.own("{{CONTACT_SETTING}}"),
        };
        let mut values: Vec<(&str, String)> =
            more.iter().map(|&(key, value)| (key, value.to_owned())).collect();
        let sdp = if self.brand.says(name) && name.ends_with("INVITE") {
            let direction =
                more.iter().find(|(key, _)| *key == "DIRECTION").map_or("sendrecv", |(_, value)| value);
            let connection =
                more.iter().find(|(key, _)| *key == "CONNECTION").map_or(self.phone.host, |(_, value)| value);
            self.description(&version, direction, connection)
        } else {
            String::new()
        };
        values.extend([
            ("METHOD", name.to_owned()),
            ("TARGET", target),
            ("FROM", self.from(call)),
            ("TO", to),
            ("CALL_ID", self.call_id(call)),
            ("CSEQ", cseq),
            ("CONTACT", contact),
            ("SDP", sdp),
        ]);
        values.extend(self.about_event(call, more.iter().any(|(key, _)| *key == "BODY")));
        let values = self.with_own(values);
        let text = self.brand.message(name, &values);
        self.say(text.trim_end(), if name == "ACK" { "" } else { " retrans=\"500\"" })
    }

    fn response(&self, name: &str) -> String {
        let sdp = self.description("20022", "sendrecv", self.phone.host);
        let values =
            vec![("TO_TAG", Self::to_tag()), ("CONTACT", self.own("{{CONTACT_SETTING}}")), ("SDP", sdp)];
        self.brand.message(name, &self.with_own(values))
    }

    fn answer(&self) -> String {
        self.response("200 INVITE")
    }

    fn answer_ok(&mut self, attributes: &str) -> &mut Self {
        let text = self.response("200");
        self.say(&text, attributes)
    }

    fn description(&self, version: &str, direction: &str, connection: &str) -> String {
        let values = vec![
            ("VERSION", version.to_owned()),
            ("DIRECTION", direction.to_owned()),
            ("CONNECTION", connection.to_owned()),
            ("MEDIA", "[media_port]".to_owned()),
        ];
        self.brand.message("SDP", &self.with_own(values))
    }

    fn from(&self, call: &str) -> String {
        format!("{};tag={}", self.own("{{ME}}"), Self::tag(call))
    }

    fn tag(call: &str) -> String {
        format!("[pid]{call}[call_number]")
    }

    fn to_tag() -> String {
        ";tag=[pid]callee[call_number]".to_owned()
    }

    fn call_id(&self, call: &str) -> String {
        self.brand.setting("call_id").replace("{{CALL}}", call) + "///[call_id]"
    }

    fn target_of(&self, number: &str) -> String {
        self.own(self.brand.setting("target")).replace("{{NUMBER}}", number)
    }

    /// A setting or text with what is the phone's own.
    fn own(&self, text: &str) -> String {
        fill(text, &self.with_own(vec![("NUMBER", "{NUMBER}".to_owned())])).replace("{NUMBER}", "{{NUMBER}}")
    }

    fn with_own<'v>(&self, mut values: Vec<(&'v str, String)>) -> Vec<(&'v str, String)> {
        let setting = |key| self.brand.setting(key).to_owned();
        let mut contact = setting("contact");
        if self.phone.is_tcp {
            contact = contact.replace(";transport=udp", "").replace("{{PORT}}", "{{PORT}};transport=tcp");
        }
        values.extend([
            ("CONTACT_SETTING", contact),
            ("CONTACT_MORE", setting("contact_more")),
            ("ME", setting("me")),
            ("LINE", self.phone.line.to_owned()),
            ("HOST", self.phone.host.to_owned()),
            ("PORT", self.phone.port.to_string()),
            ("SERVER", SERVER.to_owned()),
        ]);
        values
    }

    fn expect(&mut self, what: &str, actions: &[String]) -> &mut Self {
        self.scenario.expect(what, actions);
        self
    }

    fn say(&mut self, text: &str, attributes: &str) -> &mut Self {
        if self.phone.is_tcp {
            self.scenario.send(&text.replace(" SIP/2.0/UDP ", " SIP/2.0/TCP "), attributes);
        } else {
            self.scenario.send(text, attributes);
        }
        self
    }

    fn note(&mut self, variables: &[String]) {
        self.scenario.note(variables);
    }

    fn label(&mut self) -> String {
        self.scenario.label()
    }

    fn at(&mut self, label: &str) -> &mut Self {
        self.scenario.at(label);
        self
    }
}

/// A header's name as a part of a variable's.
fn word(header: &str) -> String {
    header.replace('-', "")
}

/// What an answer repeats of its request: kept, for another request may come before the answer.
const KEPT_HEADERS: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];
/// The engine.
pub(crate) const SERVER: &str = "127.0.0.1";
