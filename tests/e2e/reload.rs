//! The configuration is read again while people talk.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::capture::since_epoch;
use crate::conversation::{Conversation, Direction, TOKEN};
use crate::http;
use crate::network::alone;
use crate::process::wait_until;

/// Ten reloads, by SIGHUP and over HTTP in turn, each with another line: no packet of the call is lost, both phones stay
/// registered. Then one with a mistake and one that needs a restart: both say what and where, and change nothing.
#[test]
fn a_call_hears_nothing_of_ten_reloads() {
    alone(|| {
        let mut conversation = Conversation::start("off");
        let [call, callees] = conversation.talk();
        let file = conversation.directory().join("trunkline.toml");
        let before = fs::read_to_string(&file).expect("the daemon read it");
        let talked_at = since_epoch();
        for number in 2001..=2010 {
            let changed = format!("{before}[[line]]\naddress = \"{number}\"\nkind = \"local\"\n");
            fs::write(&file, changed).expect("a directory of ours");
            if number % 2 == 0 {
                conversation.daemon.process.signal("HUP");
            } else {
                let loaded = http::post("/v1/reload", TOKEN, &json!({}));
                assert_eq!((loaded.status, &loaded.json()["lines"]), (200, &json!(3)), "{}", loaded.text);
            }
            let wanted = ["1001".to_owned(), "1002".to_owned(), number.to_string()];
            wait_until(&mut conversation.daemon.process, SOON, || match lines() {
                lines if lines == wanted => Ok(()),
                lines => Err(format!("{number}: the lines are {lines:?}")),
            });
            assert_eq!(conversation.state(&call), "connected");
            conversation.daemon.process.runs_for(TALK);
        }
        for (text, status, place) in [
            ("[[line]]\naddres = \"2011\"\n", 422, "trunkline.toml:23: line.addres: unknown key"),
            ("[limits]\ncalls = 0\n", 422, "limits.calls: 0 is out of range"),
            ("[log]\nlevel = \"debug\"\n", 409, "log.level: cannot change while the engine runs"),
        ] {
            fs::write(&file, format!("{before}{text}")).expect("a directory of ours");
            let refused = http::post("/v1/reload", TOKEN, &json!({}));
            assert_eq!(refused.status, status, "{}", refused.text);
            let detail = refused.json()["detail"].as_str().expect("a sentence").to_owned();
            assert!(detail.contains(place), "{detail}");
            assert!(detail.contains("trunkline.toml:"), "{detail}");
            assert_eq!(lines(), ["1001", "1002", "2010"], "nothing was changed");
        }
        assert_eq!([conversation.state(&call), conversation.state(&callees)], ["connected", "connected"]);
        conversation.daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        let talk = talked_at..since_epoch();
        let (wires, _) = conversation.finish();
        for (speaker, hearer) in [(1, 2), (2, 1)] {
            let direction = Direction::of(&wires, speaker, hearer);
            direction.is_one_stream();
            assert_eq!(direction.carries(std::slice::from_ref(&talk)).gaps, 0);
        }
    });
}

fn lines() -> Vec<String> {
    let lines = http::get("/v1/lines", Some(TOKEN)).json();
    let addresses = lines.as_array().expect("a list").iter();
    addresses.map(|line| line["address"].as_str().expect("an address").to_owned()).collect()
}

/// After each reload: in ten of them some 300 packets are said.
const TALK: Duration = Duration::from_millis(600);
const SOON: Duration = Duration::from_secs(10);
