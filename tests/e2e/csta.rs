//! Phones that are told by CSTA, or asked by REFER. SIPp is told: it makes a call to baresip, and shows what its line does.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::process::wait_until;
use crate::sipp::{Sipp, register, scenario};

#[test]
fn sipp_calls_as_it_is_told() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let callee = Baresip::start(path, 1, "1001", PASSWORD, "", Answer::Auto);
        register(path, "1002", PASSWORD, "5070");
        let session = scenario(path, "csta.xml", &[("NUMBER", "1001")]);
        let phone = Sipp::callee(path, "phone", "127.0.0.2:5070", &["-m", "1", "-sf", &session]);
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        daemon.expect_metric("trunkline_csta_sessions", 1.0, WITHIN);
        calls_as_it_was_asked(path, &mut daemon, callee);

        daemon.process.signal("TERM");
        let counted = phone.finish(WITHIN);
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "told BYE at the end");
        assert!(daemon.process.wait_exit(WITHIN).success());
    });
}

/// The same by REFER: SIPp wants the password of the line first, says 202, and tells by NOTIFY that it calls.
#[test]
fn sipp_calls_whom_a_refer_names() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, &CONFIG.replace(r#"csta = ["make-call"]"#, "refer = true"));
        let callee = Baresip::start(path, 1, "1001", PASSWORD, "", Answer::Auto);
        register(path, "1002", PASSWORD, "5070");
        let asked = scenario(path, "referred.xml", &[("NUMBER", "1001")]);
        let phone = Sipp::callee(path, "phone", "127.0.0.2:5070", &["-m", "1", "-sf", &asked]);
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        calls_as_it_was_asked(path, &mut daemon, callee);
        let counted = phone.finish(WITHIN);
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "each NOTIFY was answered");
    });
}

/// An application calls 1001 on line 1002: the phone of SIPp is asked, calls, and its call is that of the application.
fn calls_as_it_was_asked(path: &Path, daemon: &mut Daemon, mut callee: Baresip) {
    let made = http::post("/v1/lines/1002/make-call", TOKEN, &json!({"to": "1001"}));
    let call = made.json()["call"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    let state = || http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()["state"].clone();
    assert_eq!(state(), "dialing", "the phone has not called yet");
    let own = scenario(path, "auth_call.xml", &[("LINE", "1002")]);
    let arguments = ["127.0.0.1:5060", "-i", "127.0.0.2", "-p", "5071", "-sf", &own, "-s", "1001", "-m", "1"];
    let arguments = [&arguments[..], &["-d", "2000", "-au", "1002", "-ap", PASSWORD]].concat();
    let caller = Sipp::start(path, "call", &arguments);
    callee.expect("CALL_ESTABLISHED", WITHIN);
    wait_until(&mut daemon.process, WITHIN, || match state() {
        up if up == "connected" => Ok(()),
        other => Err(format!("the call that was made is {other}")),
    });
    let counted = caller.finish(WITHIN);
    assert_eq!((counted.successful(), counted.failed()), (1, 0));
    callee.quit();
    daemon.expect_metric("trunkline_calls", 0.0, WITHIN);
}

/// SIPp is the phone: what its key does the line does, and what an application does the phone is told.
#[test]
fn sipp_shows_what_its_line_does() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, &CONFIG.replace(r#"["make-call"]"#, r#"["features"]"#));
        register(path, "1002", PASSWORD, "5070");
        let session = scenario(path, "csta_keys.xml", &[]);
        let phone = Sipp::callee(path, "phone", "127.0.0.2:5070", &["-m", "1", "-sf", &session]);
        let forwarding = || http::get("/v1/lines/1002", Some(TOKEN)).json()["forwarding"].clone();
        wait_until(&mut daemon.process, WITHIN, || match forwarding() {
            list if list[0]["mode"] == "uncond" && list[0]["destination"].is_null() => Ok(()),
            other => Err(format!("the key lets nobody disturb, but the line has {other}")),
        });
        http::post("/v1/lines/1002/forward", TOKEN, &json!({"entries": []}));
        assert_eq!(forwarding(), json!([]));
        // The phone is told before it hears the end of its session, else it fails.
        daemon.expect_metric("trunkline_csta_sessions", 1.0, WITHIN);
        daemon.process.signal("TERM");
        let counted = phone.finish(WITHIN);
        assert_eq!((counted.successful(), counted.failed()), (1, 0));
        assert!(daemon.process.wait_exit(WITHIN).success());
    });
}

const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
const WITHIN: Duration = Duration::from_secs(15);
/// The phones of SIPp say no User-Agent.
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
privilege = "owner"
[[vendor]]
match = "^$"
csta = ["make-call"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
digest = ["MD5"]
"#;
