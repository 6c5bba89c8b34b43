//! The web console in headless Chromium, before a real daemon with real phones: everything is done by its buttons.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::baresip::{Answer, Baresip};
use crate::capture::Capture;
use crate::daemon::{API, Daemon, Directory};
use crate::http;
use crate::network::{alone, interface, phone_address};
use crate::page::Page;
use crate::sipp::Sipp;

/// Call, hold, consult, swap, transfer, transfer blindly to a carrier, park, retrieve, confer, drop: all of it by buttons. The wall
/// tells who talks with whom.
#[test]
fn a_day_by_buttons() {
    alone(|| {
        let mut stage = Stage::start(3, "");
        let _carrier = Sipp::start(
            stage.directory.path(),
            "carrier",
            &["-sn", "uas", "-i", "127.0.0.1", "-p", "5070", "-rtp_echo"],
        );
        stage.page.resize(1_200, 800, "light");
        stage.page.serves_everybody();
        stage.page.picture("login");
        stage.sign_in(OWNER);
        stage.page.has("[data-line='1001'].idle");
        stage.page.click("nav a[href='#/registrations']");
        stage.page.until("document.querySelectorAll('tbody tr').length === 3");
        stage.pictures("registrations");

        let wire = Capture::start(stage.directory.path(), &interface(1), "udp port 5060");
        stage.make_call("1001", "1002");
        stage.talk(&[("1001", "1002")]);
        stage.pictures("wall");
        stage.go("calls/c1");
        stage.page.has(".ladder[data-how='live'] [data-row='state'][aria-label*='c1: connected']");
        stage.operate("1001", "hold");
        stage.page.has(".ladder[data-how='live'] [data-row='state'][aria-label*='c1: onhold']");
        stage.page.has("[data-row='media'][aria-label*='c2 hears silence']");
        stage.operate("1001", "unhold");
        stage.page.has(".call [data-state='connected']");
        stage.keys();
        stage.draws("[data-call='c1']", 2);
        stage.go("line/1001");
        stage.pictures("call");

        stage.ask_to("1001", "setup-transfer", "1003");
        stage.page.has(".call [data-state='onholdpendtransfer']");
        stage.page.has(".call [data-state='connected']");
        stage.submit("1001", "swap-hold");
        stage.page.reads(".call:has([data-state='connected'])", "1002");
        stage.pictures("consultation");
        stage.submit("1001", "complete-transfer");
        stage.talk(&[("1002", "1003")]);
        stage.page.has("[data-line='1001'].idle");
        stage.phones[0].expect("CALL_CLOSED", WITHIN);
        stage.shows_what_was_on(wire);

        stage.go("line/1002");
        stage.ask_to("1002", "blind-transfer", "0123");
        stage.go("wall");
        stage.page.reads("[data-line='1003'] .with", "0123");
        stage.phones[1].expect("CALL_CLOSED", WITHIN);
        stage.go("trunks");
        stage.page.reads("[data-trunk='carrier'] .load", "1 of 60 calls");
        stage.draws("[data-trunk='carrier']", 1);
        stage.pictures("trunks");
        stage.go("line/1003");
        stage.operate("1003", "drop");
        stage.page.until("!document.querySelector('[data-operation=drop]')");
        stage.phones[2].expect("CALL_CLOSED", WITHIN);

        stage.make_call("1001", "1002");
        stage.talk(&[("1001", "1002")]);
        stage.go("line/1001");
        stage.submit("1001", "park");
        stage.go("parked");
        stage.page.reads("[data-slot='701']", "1002");
        stage.pictures("parked");
        stage.page.choose("[data-form='unpark'] select", "1003");
        stage.page.click("[data-form='unpark'] .primary");
        stage.talk(&[("1003", "1002")]);

        stage.go("line/1003");
        stage.submit("1003", "setup-conference");
        stage.ask_to("1003", "dial", "1001");
        stage.submit("1003", "add-to-conference");
        stage.go("calls");
        stage.page.until("document.querySelectorAll('.members [data-state=conferenced]').length === 2");
        stage.pictures("conference");
        stage.page.click(".conference > .call [data-operation='drop']");
        stage.page.until("!document.querySelector('[data-operation=drop]')");
        for phone in &mut stage.phones {
            phone.expect("CALL_CLOSED", WITHIN);
        }
        stage.go("events");
        stage.pictures("events");
        stage.go("apps");
        stage.page.reads("tbody tr", "this console");
        stage.pictures("apps");
        stage.go("configuration");
        let sip = CONFIG.replace("0.0.0.0:5060", "0.0.0.0:nowhere");
        fs::write(stage.directory.path().join("trunkline.toml"), sip).expect("a directory of ours");
        stage.page.click("[data-operation='check-config']");
        stage.page.reads("[aria-label='Mistakes'] tbody tr", "sip.listen");
        stage.pictures("configuration");
        stage.page.click("[data-operation='reload']");
        stage.page.reads(".bad", "Nothing was changed");
        fs::write(stage.directory.path().join("trunkline.toml"), CONFIG).expect("a directory of ours");
        stage.page.click("[data-operation='check-config']");
        stage.page.reads(".good", "a reload would take");
        stage.page.click("[data-operation='reload']");
        stage.page.reads(".good", "Loaded");
        stage.page.reads(".good", "3 lines, 1 trunks");
        stage.reads_the_log();
        stage.page.is_content();
        stage.daemon.expect_metric("trunkline_calls", 0.0, WITHIN);
    });
}

/// Who signs in with the privilege monitor sees calls as they change, and is offered nothing that he may not do; a thousand lines more
/// are found by their names; when the daemon was gone the console comes back by itself.
#[test]
fn a_watcher() {
    alone(|| {
        let many: String = (2_000..3_000)
            .map(|line| format!("[[line]]\naddress = \"{line}\"\nname = \"Room {line}\"\nkind = \"local\"\n"))
            .collect();
        let mut stage = Stage::start(2, &many);
        stage.page.click("#token");
        stage.page.type_text("console-nobody");
        stage.page.press("Enter");
        stage.page.reads("[role='alert']", "No application has this token");
        stage.sign_in(WATCHER);
        stage.page.until("document.querySelectorAll('.tile').length === 1_004");
        stage.page.click("input[type='search']");
        stage.page.type_text("room 2345");
        stage.page.until("document.querySelectorAll('.tile').length === 1");
        stage.page.evaluate("document.querySelector('input[type=search]').select()");
        stage.page.type_text("100");

        let made = http::post("/v1/lines/1001/make-call", OWNER, &json!({"to": "1002"}));
        assert_eq!(made.status, 200, "{}", made.text);
        stage.page.has("[data-line='1001'].talking");
        stage.go("calls");
        stage.page.reads(".call .privilege", "monitor");
        for operation in ["hold", "drop", "park", "blind-transfer", "setup-conference"] {
            assert_eq!(stage.page.count(&format!("[data-operation='{operation}']")), 0, "{operation}");
        }
        stage.go("line/1001");
        stage.page.reads(".line header", "Reception");
        stage.page.has(".self[title='only watches']");
        assert_eq!(stage.page.count("[data-operation]"), 0);
        stage.go("wall");
        stage.page.until("document.querySelectorAll('.tile').length === 1_004");
        stage.page.fits();
        stage.page.serves_everybody();
        stage.page.picture("thousand");

        stage.daemon.process.kill();
        stage.page.has("[role='status'].lost");
        drop(stage.daemon.start_again());
        stage.page.has("[role='status'].live");
        stage.page.click("nav a[href='#/calls']");
        stage.page.is_content();
    });
}

/// A daemon, its phones, and a browser before its console.
struct Stage {
    page: Page,
    phones: Vec<Baresip>,
    daemon: Daemon,
    directory: Directory,
}

impl Stage {
    /// With so many phones, which answer by themselves, on lines 1001 and on; `more` is added to the configuration.
    fn start(phones: u8, more: &str) -> Self {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &format!("{CONFIG}{more}"));
        let phones: Vec<_> = (1..=phones)
            .map(|phone| {
                Baresip::start(directory.path(), phone, &format!("100{phone}"), PASSWORD, "", Answer::Auto)
            })
            .collect();
        daemon.expect_metric("trunkline_registrations", phones.len() as f64, WITHIN);
        let page = Page::open(directory.path(), &format!("http://{API}/"));
        Self { page, phones, daemon, directory }
    }

    fn sign_in(&mut self, token: &str) {
        self.page.click("#token");
        self.page.evaluate("document.querySelector('#token').select()");
        self.page.type_text(token);
        self.page.press("Enter");
        self.page.reads("[role='status'].live", "live");
        self.page.has("main[aria-busy='false']");
    }

    fn go(&mut self, view: &str) {
        self.page.evaluate(&format!("location.hash = '#/{view}'"));
    }

    /// By the form of the line, which is shown afterwards.
    fn make_call(&mut self, from: &str, to: &str) {
        self.go(&format!("line/{from}"));
        self.page.click(&format!("[data-line='{from}'] [data-operation='make-call']"));
        self.page.has("[data-form='make-call'] input:focus");
        self.page.type_text(to);
        self.page.press("Enter");
    }

    /// The form of an operation of a call, as it comes.
    fn submit(&mut self, line: &str, operation: &str) {
        self.operate(line, operation);
        self.page.click(&format!("[data-form='{operation}'] .primary"));
    }

    /// The form of an operation of a call that asks where to.
    fn ask_to(&mut self, line: &str, operation: &str, to: &str) {
        self.operate(line, operation);
        self.page.has(&format!("[data-form='{operation}'] input:focus"));
        self.page.type_text(to);
        self.page.press("Enter");
    }

    /// The wall shows these pairs, each at both of its lines.
    fn talk(&mut self, pairs: &[(&str, &str)]) {
        self.go("wall");
        for (one, other) in pairs {
            for (line, far) in [(one, other), (other, one)] {
                self.page.reads(&format!("[data-line='{line}'].talking .with"), far);
            }
        }
    }

    /// The log has what the phones did, and by level what went wrong.
    fn reads_the_log(&mut self) {
        self.go("log");
        self.page.click("input[type='search']");
        self.page.type_text("REGISTRATION line=100");
        self.page.until(
            "[...document.querySelectorAll('.log li')].filter(line => line.innerText.includes('registration line=100')).length >= 3",
        );
        self.page.until(
            "[...document.querySelectorAll('.log li')].every(line => line.innerText.includes('registration line=100'))",
        );
        self.page.evaluate("document.querySelector('input[type=search]').select()");
        self.page.press("Backspace");
        self.pictures("log");
        self.page.choose("select[name='level']", "error");
        // What was asked for before stays until the answer is there.
        self.page.until("!document.querySelector(\".log [data-level='info']\")");
        self.page.reads(".log [data-level='error']", "nothing was changed");
    }

    /// By keys alone: from row to row of the ladder, into a message, into a form and back.
    fn keys(&mut self) {
        self.page.evaluate("document.querySelector('[data-row]').focus()");
        self.page.press("End");
        // More rows may have come since.
        self.page.until("[...document.querySelectorAll('[data-row]')].indexOf(document.activeElement) > 4");
        self.page.press("Home");
        self.page.until("document.activeElement === document.querySelector('[data-row]')");
        self.page.press("ArrowDown");
        self.page.press("ArrowUp");
        self.page.press("Enter");
        self.page.has("[data-row][aria-pressed='true']:focus");
        self.page.has(".details");
        assert_eq!(self.page.count("[data-row][tabindex='0']"), 1, "one stop for all rows");
        self.operate("1001", "park");
        self.page.has("[data-form='park'] :focus");
        self.page.press("Escape");
        self.page.has("[data-operation='park'][aria-expanded='false']:focus");
    }

    /// The curves of how it sounds have so many points, and say so to who does not see them.
    fn draws(&mut self, of: &str, points: usize) {
        for figure in ["mos", "loss_percent", "jitter_ms"] {
            let curve = format!("{of} [data-figure='{figure}']");
            self.page.until(&format!(
                "document.querySelector({}).getAttribute('d').match(/[ML]/g).length >= {points}",
                json!(format!("{curve} path"))
            ));
            self.page.has(&format!("{curve} svg[aria-label*=' now, from ']"));
        }
    }

    /// What is saved of the ladder has what is drawn.
    fn saves_the_ladder(&mut self) {
        let saved = (0..5).find_map(|_| {
            let rows = self.page.count("[data-row]");
            let messages = self.page.count("[data-row='sip']");
            let files =
                ["text", "svg", "mermaid"].map(|how| self.page.save(&format!("[data-export='{how}']")));
            // Rows may come while it is saved: then what was counted says nothing.
            (self.page.count("[data-row]") == rows).then_some((rows, messages, files))
        });
        let (rows, messages, [text, drawing, mermaid]) = saved.expect("a ladder that rests");
        let counted = |count: usize, expected: u64, text: &str| assert_eq!(count as u64, expected, "{text}");
        let (name, text) = text;
        assert_eq!(name, "c1.txt");
        let (ladder, whole) = text.split_once("\n\n").expect("messages behind the ladder");
        counted(ladder.lines().count(), rows, ladder);
        counted(whole.lines().filter(|line| line.starts_with("---- ")).count(), messages, whole);
        assert!(whole.contains("m=audio ") && ladder.contains("c2 hears silence"), "{text}");
        let (name, drawing) = drawing;
        assert!(name == "c1.svg" && drawing.starts_with("<svg xmlns="), "{name}: {drawing}");
        counted(drawing.matches("data-row=\"sip\"").count(), messages, &drawing);
        assert!(!drawing.contains("var("), "it has colours of its own: {drawing}");
        let (name, mermaid) = mermaid;
        assert!(name == "c1.mmd" && mermaid.starts_with("sequenceDiagram\n"), "{name}: {mermaid}");
        counted(mermaid.matches("Note over ").count(), rows - messages, &mermaid);
        let arrows = |line: &&str| line.contains("->>") || line.contains("-->>");
        counted(mermaid.lines().filter(arrows).count(), messages, &mermaid);
    }

    /// The ladder of the first call has each SIP message of it that was on the wire to the first phone, between the two it was between.
    fn shows_what_was_on(&mut self, wire: Capture) {
        let phone = format!("{}:5060", phone_address(1));
        let sent = wire.finish().into_iter().filter(|datagram| {
            let text = String::from_utf8_lossy(&datagram.payload).to_lowercase();
            text.lines().any(|line| {
                line.starts_with("cseq:")
                    && ["invite", "ack", "bye"].iter().any(|method| line.ends_with(method))
            })
        });
        let (to, from): (Vec<_>, Vec<_>) =
            sent.partition(|datagram| datagram.destination.0 == phone_address(1));
        assert!(to.len() > 2 && from.len() > 2, "{} and {}", to.len(), from.len());
        self.go("calls/c1");
        for (way, count) in
            [(format!("Trunkline to {phone}"), to.len()), (format!("{phone} to Trunkline"), from.len())]
        {
            let rows = format!("[data-row='sip'][aria-label*='{way}']");
            self.page.until(&format!("document.querySelectorAll({}).length === {count}", json!(rows)));
        }
        eprintln!(
            "console: {} messages to and {} from the phone, on the wire as in the ladder",
            to.len(),
            from.len()
        );
        self.page.has("[data-row='operation'][aria-label*='console: hold c1']");
        self.page.has("[data-row='state'][aria-label*='c1: onholdpendtransfer']");
        self.page.click("[data-row='sip']");
        self.page.reads(".details pre", "INVITE sip:1001");
        self.saves_the_ladder();
        self.pictures("ladder");
    }

    /// What is shown fits into a phone's width and a desk's, and can be looked at in both themes.
    fn pictures(&mut self, name: &str) {
        for (size, width, height) in [("phone", 375, 812), ("desk", 1_200, 800)] {
            for theme in ["dark", "light"] {
                self.page.resize(width, height, theme);
                self.page.fits();
                self.page.picture(&format!("{name}-{size}-{theme}"));
                // Each theme and each width, not each with each: it takes its time.
                if (size == "phone") == (theme == "dark") {
                    self.page.serves_everybody();
                }
            }
        }
    }

    /// The button of an operation of the first call that offers it, in what is shown.
    fn operate(&mut self, line: &str, operation: &str) {
        self.page.click(&format!("[aria-label$='of {line}'] [data-operation='{operation}']"));
    }
}

const OWNER: &str = "console-owner";
const WATCHER: &str = "console-watcher";
const PASSWORD: &str = "correct-horse-battery";
const WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = "udp:0.0.0.0:5060"
[media]
listen = "0.0.0.0"
kernel = "off"
[api]
listen = "127.0.0.1:8080"
[park]
slots = "701-720"
[[trunk]]
name = "carrier"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 60
[[route]]
from = "line"
match = "^0"
to = "trunk:carrier"
[[line]]
address = "1001"
name = "Reception"
password = "correct-horse-battery"
[[line]]
address = "1002"
name = "Workshop"
password = "correct-horse-battery"
[[line]]
address = "1003"
name = "Cellar"
password = "correct-horse-battery"
[[app]]
name = "console"
token = "console-owner"
lines = ["*"]
[[app]]
name = "wallboard"
token = "console-watcher"
lines = ["*"]
privilege = "monitor"
"#;
