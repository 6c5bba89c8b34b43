//! The contract of the API, as a client sees it.

mod hostile;
mod metrics;
mod stage;

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use trunkline_sip::ids::ConnectionId;
use trunkline_sip::location::Binding;
use trunkline_sip::transport::{Flow, Transport};

use self::stage::{Answer, MONITOR, OWNER, Stage};
use crate::cli::{Cli, Command, Ctl};
use crate::ctl;
use crate::driver::clock;
use crate::switch::{CallId, CallOperation, LineOperation, Message};

#[tokio::test]
async fn nothing_is_told_without_a_token() {
    let stage = Stage::new().await;
    for path in [
        "/v1",
        "/v1/apps",
        "/v1/lines",
        "/v1/lines/1001",
        "/v1/calls",
        "/v1/calls/c1",
        "/v1/registrations",
        "/v1/trunks",
        "/v1/parked",
        "/v1/records",
        "/v1/events",
        "/v1/log",
        "/v1/nothing",
        "/v1/calls/c1/get-conf-related-calls",
    ] {
        for headers in [&[][..], &[("Authorization", "Bearer wrong")], &[("Authorization", "Basic b3duZXI6")]]
        {
            let answer = stage.ask("GET", path, headers, "").await;
            assert_eq!(answer.problem(), (401, "unauthorized".into()), "{path} {headers:?}");
            assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        }
    }
    for path in [
        "/v1/lines/1001/make-call",
        "/v1/calls/c1/drop",
        "/v1/calls/c1/nothing",
        "/v1/reload",
        "/v1/check-config",
    ] {
        assert_eq!(stage.post(path, "", "").await.problem().0, 401, "{path}");
    }
}

#[tokio::test]
async fn health_and_the_contract_itself_need_no_token() {
    let stage = Stage::new().await;
    for path in ["/livez", "/readyz", "/metrics", "/v1/openapi.json", "/v1/asyncapi.json"] {
        assert_eq!(stage.ask("GET", path, &[], "").await.status, 200, "{path}");
    }
    let metrics = stage.ask("GET", "/metrics", &[], "").await.body;
    for gauge in [
        "calls",
        "sip_dialogs",
        "sip_transactions",
        "media_ports_in_use",
        "media_kernel_flows",
        "media_kernel_flows_max",
        "subscriptions",
        "registrations",
    ] {
        assert!(
            metrics.contains(&format!("\n# TYPE trunkline_{gauge} gauge\ntrunkline_{gauge} 0\n"))
                || metrics.contains(&format!("# TYPE trunkline_{gauge} gauge\ntrunkline_{gauge} 0\n")),
            "{gauge}: {metrics}"
        );
    }
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn an_operator_sees_the_applications_and_who_listens_others_themselves() {
    let stage = Stage::new().await;
    let monitor = format!("Bearer {MONITOR}");
    let _events = stage.listen("", &[("Authorization", &monitor)]).await.map_err(drop).unwrap();
    let all = stage.get("/v1/apps", OWNER).await.json();
    let of = |name: &str| all.as_array().unwrap().iter().find(|app| app["name"] == name).unwrap().clone();
    assert_eq!(all.as_array().unwrap().iter().filter(|app| app["you"] == true).count(), 1, "{all}");
    let own = stage.get("/v1/apps", MONITOR).await.json();
    let own = own.as_array().unwrap();
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(
        (&own[0]["you"], &own[0]["privilege"], &own[0]["operator"]),
        (&json!(true), &json!("monitor"), &json!(false))
    );
    let seen = of(own[0]["name"].as_str().unwrap());
    assert_eq!(
        (&seen["event_streams"], &seen["lines"], &seen["you"]),
        (&json!(1), &own[0]["lines"], &json!(false))
    );
    assert!(!all.to_string().contains("token"), "{all}");
}

#[tokio::test]
async fn an_operator_sees_how_all_webhooks_do_others_their_own_and_nobody_what_is_secret() {
    let stage = Stage::new().await;
    let all = stage.get("/v1/webhooks", OWNER).await.json();
    let own = stage.get("/v1/webhooks", MONITOR).await.json();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|hook| hook["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names(&all), names(&own)),
        (vec!["crm-events".into(), "wall".into()], vec!["wall".to_owned()])
    );
    assert_eq!(
        own[0],
        json!({"name": "wall", "app": "wallboard", "server": "http://127.0.0.1:9000", "events": ["call-state"],
               "lines": ["1001"], "state": "up", "since": "1970-01-01T00:00:00.000Z", "last_seq": null, "behind": 0,
               "failures": 0, "last_error": null, "next_try": null, "delivered": 0, "failed": 0, "lost": 0})
    );
    assert_eq!((&all[0]["server"], &all[0]["behind"]), (&json!("http://crm.example"), &json!(0)));
    assert!(!["hidden", "whsec", "AAEC"].iter().any(|secret| all.to_string().contains(secret)), "{all}");
    stage.tell(Message::Close { line: "1001".into() });
    assert_eq!(
        stage.get("/v1/webhooks", OWNER).await.json()[0]["behind"],
        1,
        "of the application that was told"
    );
    let metrics = stage.ask("GET", "/metrics", &[], "").await.body;
    for line in [
        "trunkline_webhook_events_behind{webhook=\"crm-events\"} 1",
        "trunkline_webhook_events_behind{webhook=\"wall\"} 0",
        "trunkline_webhook_up{webhook=\"wall\"} 1",
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn the_console_needs_no_token_and_may_load_nothing_foreign() {
    let stage = Stage::new().await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/console.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = stage.ask("GET", path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
        for header in [
            &format!("content-type: {kind}"),
            "content-security-policy: default-src 'self';",
            "nosniff",
            "etag: \"",
        ] {
            assert!(answer.head.contains(header), "{path}: {header} in {}", answer.head);
        }
    }
    assert_eq!(stage.ask("GET", "/", &[("Host", "evil.example")], "").await.problem().0, 421);
    assert_eq!(stage.ask("GET", "/console", &[], "").await.problem().0, 401);
}

#[tokio::test]
async fn a_foreign_name_or_page_is_refused_before_the_token_is_looked_at() {
    let stage = Stage::new().await;
    let answer = stage.ask("GET", "/livez", &[("Host", "evil.example")], "").await;
    assert_eq!(answer.problem(), (421, "misdirected-request".into()));
    let answer = stage.ask("GET", "/v1/lines", &[("Origin", "https://evil.example")], "").await;
    assert_eq!(answer.problem(), (403, "forbidden".into()));
    for head in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        let answer = stage.raw(&format!("GET /livez HTTP/1.1\r\nConnection: close\r\n{head}\r\n")).await;
        assert_eq!(answer.problem().0, 400, "{head}");
    }
}

#[tokio::test]
async fn an_operation_answers_when_its_reply_comes() {
    let stage = Stage::new().await;
    let answer = stage.post("/v1/lines/1001/make-call", OWNER, r#"{"to":"1002"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"call": "c9"})));
    for operation in ["accept", "answer", "drop", "deallocate-call", "hold", "unhold"] {
        for body in ["", "{}"] {
            let answer = stage.post(&format!("/v1/calls/c1/{operation}"), OWNER, body).await;
            assert_eq!((answer.status, answer.json()), (200, json!({})), "{operation}");
        }
    }
}

#[tokio::test]
async fn who_repeats_a_request_with_its_key_is_given_the_first_answer() {
    let stage = Stage::new().await;
    let Ok(mut listener) = stage.listen(&format!("?access_token={OWNER}"), &[]).await else { panic!() };
    let owner = format!("Bearer {OWNER}");
    let post = async |path: &str, key: &str, body: &str| {
        stage.ask("POST", path, &[("Authorization", &owner), ("Idempotency-Key", key)], body).await
    };
    let call = "/v1/lines/1001/make-call";
    for _ in 0..2 {
        let answer = post(call, "\"k1\"", r#"{"to":"1002"}"#).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"call": "c9"})));
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        // A refusal is an answer as well.
        assert_eq!(post("/v1/calls/c2/hold", "k2", "").await.problem(), (409, "invalcallstate".into()));
    }
    assert_eq!(post(call, "k1", r#"{"to":"1003"}"#).await.problem(), (422, "invalparam".into()));
    assert_eq!(post("/v1/lines/1002/make-call", "k1", r#"{"to":"1002"}"#).await.problem().0, 422);
    assert_eq!(post(call, "", "").await.problem(), (400, "invalparam".into()));
    let stranger = stage.ask("POST", call, &[("Idempotency-Key", "k1")], r#"{"to":"1002"}"#).await;
    assert_eq!(stranger.problem().0, 401);
    // Each of the two was done once.
    let result = listener.next().await;
    assert_eq!((&result["type"], &result["result"]), (&json!("reply"), &json!({"call": "c9"})));
    assert_eq!(listener.next().await["problem"]["code"], "invalcallstate");
    assert_eq!(post("/v1/calls/c1/hold", "k3", "").await.status, 200);
    assert_eq!(listener.next().await["result"], json!({}));
}

#[tokio::test]
async fn what_a_client_left_goes_on_under_its_key() {
    let stage = Stage::new().await;
    let head = format!(
        "POST /v1/calls/c5/hold HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {OWNER}\r\nIdempotency-Key: k\r\n\
         Connection: close\r\nContent-Length: 0\r\n\r\n",
        stage.address
    );
    // One of the two is the first, which is never answered.
    let second = tokio::select! {
        answer = stage.raw(&head) => answer,
        answer = stage.raw(&head) => answer,
    };
    assert_eq!(second.problem(), (409, "conflict".into()));
    // By now the first has lost its client.
    for _ in 0..3 {
        assert_eq!(stage.raw(&head).await.problem(), (409, "conflict".into()));
    }
}

#[tokio::test]
async fn the_messages_of_a_line_are_put() {
    let stage = Stage::new().await;
    let owner = format!("Bearer {OWNER}");
    let put = async |line: &str, body: &str| {
        stage.ask("PUT", &format!("/v1/lines/{line}/messages"), &[("Authorization", &owner)], body).await
    };
    let answer = put("1001", r#"{"new":2,"old":8,"urgent_old":1}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(put("1002", r#"{"new":2,"old":8,"urgent_old":1}"#).await.problem().0, 404);
    for body in [r#"{"new":-1}"#, r#"{"new":65536}"#, r#"{"new":"2"}"#, r#"{"unheard":2}"#] {
        assert_eq!(put("1001", body).await.problem(), (422, "invalparam".into()), "{body}");
    }
    let answer = stage.post("/v1/lines/1001/messages", OWNER, "{}").await;
    assert_eq!(answer.problem(), (405, "method-not-allowed".into()));
}

#[tokio::test]
async fn an_operator_makes_tokens_for_phones() {
    let stage = Stage::new().await;
    let path = "/v1/phones/00-15-65-AB-CD-EF/token";
    let answer = stage.post(path, OWNER, r#"{"hours":2}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    let token = answer.json();
    assert_eq!((&token["mac"], &token["expires_s"]), (&json!("00:15:65:ab:cd:ef"), &json!(7_200)));
    let url = token["url"].as_str().unwrap();
    assert!(url.starts_with("http://pbx.example:8090/p/") && url.ends_with('/'), "{url}");
    let again = stage.post(path, OWNER, "").await.json();
    assert_eq!(again["expires_s"], 86_400);
    assert_ne!(again["url"], token["url"]);
    assert_eq!(stage.post(path, MONITOR, "").await.problem(), (403, "notowner".into()));
    assert_eq!(stage.post(path, "", "").await.problem().0, 401);
    for mac in ["001565000000", "nonsense"] {
        let answer = stage.post(&format!("/v1/phones/{mac}/token"), OWNER, "").await;
        assert_eq!(answer.problem(), (404, "not-found".into()), "{mac}");
    }
    for body in [r#"{"hours":0}"#, r#"{"hours":745}"#, r#"{"hours":"2"}"#, r#"{"days":2}"#] {
        assert_eq!(stage.post(path, OWNER, body).await.problem(), (422, "invalparam".into()), "{body}");
    }
}

#[tokio::test]
async fn the_phones_of_a_line_look_at_their_configuration() {
    let stage = Stage::new().await;
    let answer = stage.post("/v1/lines/1001/check-sync", OWNER, r#"{"reboot":true}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    let answer = stage.post("/v1/lines/1002/check-sync", OWNER, r#"{"reboot":true}"#).await;
    assert_eq!(answer.problem(), (404, "invallinehandle".into()));
    let answer = stage.post("/v1/lines/1001/check-sync", OWNER, r#"{"reboot":"now"}"#).await;
    assert_eq!(answer.problem(), (422, "invalparam".into()));
}

#[tokio::test]
async fn a_refusal_names_its_line_error_and_what_would_have_been_allowed() {
    let stage = Stage::new().await;
    let answer = stage.post("/v1/calls/c2/hold", OWNER, "").await;
    assert_eq!(answer.problem(), (409, "invalcallstate".into()));
    let problem = answer.json();
    assert_eq!((&problem["state"], &problem["allowed"]), (&json!("onhold"), &json!(["drop", "unhold"])));
    assert!(problem["detail"].as_str().unwrap().ends_with("The call is onhold. Allowed: drop, unhold."));
    assert_eq!(stage.post("/v1/calls/c3/drop", MONITOR, "").await.problem(), (403, "notowner".into()));
    for call in ["c4", "c", "4", "c-1", "c99999999999999999999", "%00", "c4%2F"] {
        let answer = stage.post(&format!("/v1/calls/{call}/drop"), OWNER, "").await;
        assert_eq!(answer.problem(), (404, "invalcallhandle".into()), "{call}");
    }
    let answer = stage.post("/v1/lines/1009/make-call", OWNER, r#"{"to":"1002"}"#).await;
    assert_eq!(answer.problem(), (404, "invallinehandle".into()));
}

#[tokio::test]
async fn an_application_sees_the_lines_that_it_opens() {
    let stage = Stage::new().await;
    let addresses = |answer: Answer| -> Vec<Value> {
        answer.json().as_array().unwrap().iter().map(|line| line["address"].clone()).collect()
    };
    assert_eq!(addresses(stage.get("/v1/lines", OWNER).await), ["1001", "1002", "carrier"]);
    assert_eq!(addresses(stage.get("/v1/lines", MONITOR).await), ["1001"]);
    let line = stage.get("/v1/lines/1001", MONITOR).await.json();
    assert_eq!(
        (&line["name"], &line["kind"], &line["registered"]),
        (&json!("Reception"), &json!("phone"), &json!(false))
    );
    for line in ["1002", "1009", "carrier", "%00", "..%2Fcalls"] {
        let answer = stage.get(&format!("/v1/lines/{line}"), MONITOR).await;
        assert_eq!(answer.problem(), (404, "invallinehandle".into()), "{line}");
    }
    assert_eq!(stage.get("/v1/lines/%ff", MONITOR).await.problem().0, 400);
}

#[tokio::test]
async fn a_registration_is_shown_to_those_who_open_its_line() {
    let stage = Stage::new().await;
    let now = clock::now();
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.17:5060".parse().unwrap(),
        connection: ConnectionId::default(),
    };
    for line in ["1001", "1002"] {
        let binding = Binding {
            key: "k".into(),
            contact: format!("sip:{line}@192.0.2.17").into(),
            params: "".into(),
            q_milli: 1000,
            path: Box::default(),
            flow,
            call_id: "c".into(),
            cseq: 1,
            user_agent: "Phone/1".into(),
            expires: now + Duration::from_secs(60),
        };
        stage.location.load(now, [(line.into(), binding)]);
    }
    let lines = |answer: Answer| -> Vec<Value> {
        answer.json().as_array().unwrap().iter().map(|registration| registration["line"].clone()).collect()
    };
    assert_eq!(lines(stage.get("/v1/registrations", OWNER).await), ["1001", "1002"]);
    assert_eq!(lines(stage.get("/v1/registrations", MONITOR).await), ["1001"]);
    assert_eq!(stage.get("/v1/lines/1001", OWNER).await.json()["registered"], true);
}

#[tokio::test]
async fn a_quiet_switch_has_trunks_and_no_calls() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/v1/calls", OWNER).await.json(), json!([]));
    assert_eq!(stage.get("/v1/parked", OWNER).await.json(), json!([]));
    assert_eq!(stage.get("/v1/calls/c1", OWNER).await.problem(), (404, "invalcallhandle".into()));
    assert_eq!(
        stage.get("/v1/trunks", OWNER).await.json(),
        json!([{"name": "carrier", "domain": "192.0.2.1", "calls": 0, "max_calls": 60, "in_service": true, "registration": null,
                "calls_per_second": null,
                "peers": [{"peer": "udp:192.0.2.1:5060", "state": "up", "rests_s": null, "last_failure": null}]}])
    );
}

#[tokio::test]
async fn records_are_those_of_the_lines_that_one_opens() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/v1/records", OWNER).await.json(), json!([]));
    // From, to, what was said of it by an application.
    for (from, to, disposition) in
        [("1001", "carrier", "ANSWERED"), ("1002", "1001", "BUSY"), ("1002", "carrier", "FAILED")]
    {
        stage.record(from, to, disposition);
    }
    let ids = |answer: &Answer| -> Vec<i64> {
        let records = answer.json();
        records.as_array().unwrap().iter().map(|record| record["id"].as_i64().unwrap()).collect()
    };
    let all = stage.get("/v1/records", OWNER).await;
    assert_eq!(ids(&all), [3, 2, 1]);
    assert_eq!(all.json()[0]["userfield"], "case 7");
    let own = stage.get("/v1/records", MONITOR).await;
    assert_eq!(ids(&own), [2, 1]);
    let said: Vec<_> = own.json().as_array().unwrap().iter().map(|one| one["userfield"].clone()).collect();
    assert_eq!(said, ["", "case 7"], "what is said on the other side is not for everybody");
    for (question, expected) in [
        ("line=carrier", vec![3, 1]),
        ("line=1001&disposition=busy", vec![2]),
        ("disposition=NO%20ANSWER", vec![]),
        ("from=2026-11-23T05:00:02Z", vec![3, 2]),
        ("to=2026-11-23T06:00:03%2B01:00", vec![2, 1]),
        ("from=2026-11-24", vec![]),
        ("after=2", vec![1]),
    ] {
        assert_eq!(ids(&stage.get(&format!("/v1/records?{question}"), OWNER).await), expected, "{question}");
    }
    // Page by page.
    let page = stage.get("/v1/records?limit=2&line=1001&to=2026-11-24", OWNER).await;
    assert_eq!(ids(&page), [2, 1]);
    assert!(!page.head.contains("link:"), "{}", page.head);
    let page = stage.get("/v1/records?limit=2", OWNER).await;
    assert_eq!(ids(&page), [3, 2]);
    assert!(page.head.contains("link: </v1/records?limit=2&after=2>; rel=\"next\""), "{}", page.head);
    let page = stage.get("/v1/records?limit=2&after=2", OWNER).await;
    assert_eq!((ids(&page), page.head.contains("link:")), (vec![1], false));
    // For a spreadsheet.
    let token = format!("Bearer {OWNER}");
    for (path, headers) in [
        ("/v1/records?format=csv&limit=1", vec![("Authorization", &*token)]),
        ("/v1/records?limit=1", vec![("Authorization", &*token), ("Accept", "text/csv, */*;q=0.1")]),
    ] {
        let csv = stage.ask("GET", path, &headers, "").await;
        assert!(csv.head.contains("content-type: text/csv; charset=utf-8; header=present"), "{}", csv.head);
        let lines: Vec<_> = csv.body.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("\"id\",\"accountcode\",\"src\","), "{}", csv.body);
        assert!(lines[1].starts_with("3,\"1002\",\"1002\","), "{}", csv.body);
    }
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=x",
        "from=soon",
        "to=2026-02-30",
        "disposition=HAPPY",
        "format=xml",
    ] {
        let answer = stage.get(&format!("/v1/records?{wrong}"), OWNER).await;
        assert_eq!(answer.problem(), (400, "invalparam".into()), "{wrong}");
    }
}

#[tokio::test]
async fn records_that_are_not_kept_are_not_found() {
    let stage = Stage::without_records().await;
    let answer = stage.get("/v1/records", OWNER).await;
    assert_eq!(answer.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn a_name_that_means_nothing_is_not_found() {
    let stage = Stage::new().await;
    for path in ["/v1/lines/1001/dance", "/v1/calls/c1/dance", "/v1/apps/crm/dance"] {
        let answer = stage.post(path, OWNER, "{}").await;
        assert_eq!(answer.problem(), (404, "not-found".into()), "{path}");
    }
}

#[tokio::test]
async fn the_configuration_is_read_again_for_who_opens_every_line() {
    let stage = Stage::new().await;
    let reload = async |token| stage.post("/v1/reload", token, "").await;
    assert_eq!(reload(MONITOR).await.problem(), (403, "notowner".into()));
    assert_eq!(stage.post("/v1/reload", OWNER, r#"{"file":"/etc/passwd"}"#).await.problem().0, 422);
    assert_eq!(stage.get("/v1/reload", OWNER).await.problem(), (405, "method-not-allowed".into()));
    let taken = reload(OWNER).await;
    let counts = json!({"file": "t.toml", "lines": 2, "trunks": 1, "routes": 0, "apps": 2});
    assert_eq!((taken.status, taken.json()), (200, counts));
    let wrong = reload(OWNER).await;
    assert_eq!(wrong.problem(), (422, "invalparam".into()));
    let place = |line: usize| json!({"file": "t.toml", "line": line, "key": "sip.listen", "wrong": "is wrong", "right": "write it right"});
    assert_eq!(wrong.json()["errors"], json!([place(3), place(7)]));
    let line = |line| format!("t.toml:{line}: sip.listen: is wrong; write it right");
    assert_eq!(wrong.json()["detail"], format!("Nothing was changed.\n{}\n{}.", line(3), line(7)));
    let restart = reload(OWNER).await;
    assert_eq!(
        (restart.problem(), restart.json()["errors"].clone()),
        ((409, "conflict".into()), json!([place(2)]))
    );
    assert_eq!(reload(OWNER).await.problem(), (503, "uninitialized".into()));
}

#[tokio::test]
async fn the_configuration_is_judged_for_who_opens_every_line_and_not_taken() {
    let stage = Stage::new().await;
    let check = async |token| stage.post("/v1/check-config", token, "").await;
    assert_eq!(check(MONITOR).await.problem(), (403, "notowner".into()));
    assert_eq!(stage.post("/v1/check-config", OWNER, r#"{"file":"/etc/passwd"}"#).await.problem().0, 422);
    let place = |line: usize| json!({"file": "t.toml", "line": line, "key": "sip.listen", "wrong": "is wrong", "right": "write it right"});
    let counts = json!({"file": "t.toml", "lines": 2, "trunks": 1, "routes": 0, "apps": 2});
    let found = json!({"loaded": counts, "errors": [place(3)], "restart": [place(7)], "notes": ["a note"]});
    for _ in 0..5 {
        let answer = check(OWNER).await;
        assert_eq!((answer.status, answer.json()), (200, found.clone()));
    }
    assert_eq!(stage.post("/v1/reload", OWNER, "").await.status, 200, "none was used up");
}

#[tokio::test]
async fn the_log_is_told_to_who_opens_every_line_by_level_and_text() {
    use tracing_subscriber::layer::SubscriberExt;

    let stage = Stage::new().await;
    let read = async |token: &str, query: &str| {
        stage.listen_to(&format!("/v1/log?access_token={token}{query}"), &[]).await
    };
    let say = |said: &dyn Fn()| {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(stage.log.layer()), said);
    };
    assert_eq!(read("wrong", "").await.err(), Some(401));
    assert_eq!(read(MONITOR, "").await.err(), Some(403));
    for query in ["&level=loud", "&after=x", &format!("&contains={}", "x".repeat(300))] {
        assert_eq!(read(OWNER, query).await.err(), Some(400), "{query}");
    }
    say(&|| {
        tracing::info!("the first");
        tracing::debug!("a detail");
        tracing::warn!(line = "1001", "the third");
    });
    let Ok(mut all) = read(OWNER, "").await else { panic!() };
    let first = all.next().await;
    assert_eq!((&first["number"], &first["text"]), (&json!(1), &json!("the first")));
    let third = all.next().await;
    assert_eq!(
        (&third["number"], &third["level"], &third["text"]),
        (&json!(3), &json!("warn"), &json!("the third line=1001"))
    );
    assert!(third["target"].as_str().is_some_and(|target| target.starts_with("trunkline")));
    say(&|| tracing::error!("the fourth"));
    assert_eq!(all.next().await["text"], "the fourth");
    let Ok(mut some) = read(OWNER, "&level=warn&contains=THIRD&follow=false").await else { panic!() };
    assert_eq!(some.next().await["number"], 3);
    assert_eq!(some.closed().await, Some(1000));
    let Ok(mut behind) = read(OWNER, "&level=trace&after=1").await else { panic!() };
    assert_eq!(behind.next().await["text"], "a detail");
    all.0.send(Frame::text("hello")).await.unwrap();
    assert_eq!(all.closed().await, Some(1003));
    drop(behind);
    let mut readers = Vec::new();
    while let Ok(reader) = read(OWNER, "").await {
        readers.push(reader);
        assert!(readers.len() <= super::log::READERS_MAX);
    }
    assert_eq!(read(OWNER, "").await.err(), Some(503));
    stage.stop().await;
    assert_eq!(readers.remove(0).closed().await, Some(1001));
}

#[tokio::test]
async fn an_argument_that_cannot_be_is_refused() {
    let stage = Stage::new().await;
    let deep = "[".repeat(100_000);
    let long = format!(r#"{{"to":"{}"}}"#, "1".repeat(257));
    for (status, body) in [
        (400, "{"),
        (400, "to=1002"),
        (422, deep.as_str()),
        (422, ""),
        (422, "[]"),
        (422, r#"{"to":1002}"#),
        (422, r#"{"to":"1002","form":"1001"}"#),
        (422, r#"{"to":"1002\r\nBye: 1"}"#),
        (422, r#"{"to":"\u0000"}"#),
        (422, long.as_str()),
    ] {
        let answer = stage.post("/v1/lines/1001/make-call", OWNER, body).await;
        assert_eq!(answer.problem(), (status, "invalparam".into()), "{}", &body[..body.len().min(40)]);
    }
    for body in [r#"{"to":"1"}"#, "[]", " [null]"] {
        assert_eq!(stage.post("/v1/calls/c1/drop", OWNER, body).await.problem().0, 422, "{body}");
    }
}

#[tokio::test]
async fn the_field_that_is_wrong_is_named_with_what_it_takes() {
    let stage = Stage::new().await;
    let call = "/v1/lines/1001/make-call";
    let forward = "/v1/lines/1001/forward";
    let park = "/v1/calls/c1/park";
    let messages = ("PUT", "/v1/lines/1001/messages");
    for ((method, path), body, field, kind) in [
        (("POST", call), "{}", "to", json!("string")),
        (("POST", call), r#"{"to":7}"#, "to", json!("string")),
        (("POST", call), r#"{"to":"1","secure":"yes"}"#, "secure", json!("boolean")),
        (("POST", call), r#"{"to":"1","user_user":"0"}"#, "user_user", json!(["string", "null"])),
        (("POST", forward), r#"{"entries":[{"mode":7}]}"#, "entries", json!("array")),
        (("POST", forward), r#"{"entries":[{"mode":"never"}]}"#, "entries", json!("array")),
        (("POST", park), r#"{"mode":"sideways"}"#, "mode", json!("string")),
        (("POST", park), r#"{"mode":"directed"}"#, "to", json!(["string", "null"])),
        (("POST", "/v1/calls/c1/monitor-digits"), r#"{"modes":["morse"]}"#, "modes", json!("array")),
        (
            ("POST", "/v1/apps/crm/set-app-priority"),
            r#"{"media_mode":"x","priority":1}"#,
            "media_mode",
            json!("string"),
        ),
        (messages, r#"{"new":-1}"#, "new", json!("integer")),
        // There is no such field, so it takes nothing.
        (("POST", call), r#"{"to":"1","form":"1001"}"#, "form", json!(null)),
    ] {
        let owner = format!("Bearer {OWNER}");
        let answer = stage.ask(method, path, &[("Authorization", &owner)], body).await;
        assert_eq!(answer.problem().0, 422, "{body}");
        let explain = answer.json()["explain"].clone();
        let argument = &explain["argument"];
        assert_eq!(
            (&argument["field"], &argument["takes"]["type"]),
            (&json!(field), &kind),
            "{path} {body}: {explain}"
        );
        assert_eq!(
            explain["operation"],
            path.rsplit('/').next().unwrap().replace("messages", "set-messages")
        );
    }
    let explain = stage.post(call, OWNER, r#"{"to":"1","form":"1001"}"#).await.json()["explain"].clone();
    assert!(
        explain["sentence"].as_str().unwrap().starts_with("make-call takes block_id, call_data, "),
        "{explain}"
    );
    let explain = stage.post("/v1/calls/c1/drop", OWNER, r#"{"to":"1"}"#).await.json()["explain"].clone();
    assert_eq!(explain["sentence"], "drop takes user_user.");
    let explain = stage.post("/v1/calls/c1/hold", OWNER, r#"{"to":"1"}"#).await.json()["explain"].clone();
    assert_eq!(explain["sentence"], "hold takes no argument.");
}

#[tokio::test]
async fn an_address_is_translated_from_the_location_of_the_line() {
    let stage = Stage::new().await;
    let path = "/v1/lines/1001/translate-address";
    let answer = stage.post(path, OWNER, r#"{"address":"+1 (425) 555-0100\r\n+1 (425) 555-0101|7"}"#).await;
    assert_eq!(
        answer.json(),
        json!({
            "dialable": "T0014255550100",
            "displayable": "T001425555-0100",
            "current_country": 49,
            "dest_country": 1,
            "results": ["canonical", "international"],
        })
    );
    let forced = r#"{"address":"+49 (40) 1234","card":1,"options":["forcelocal","cancelcallwaiting"]}"#;
    assert_eq!(stage.post(path, OWNER, forced).await.json()["results"], json!(["canonical", "local"]));
    for (status, code, body) in [
        (422, "invaladdress", r#"{"address":""}"#),
        (422, "invaladdress", r#"{"address":"+49  1"}"#),
        (422, "invalcard", r#"{"address":"1","card":2,"options":["cardoverride"]}"#),
        (422, "invalparam", r#"{"address":"1","options":["local"]}"#),
        (422, "invalparam", r#"{"address":"1","options":["forcelocal","forceld"]}"#),
        (422, "invalparam", r#"{"adress":"1"}"#),
    ] {
        assert_eq!(stage.post(path, OWNER, body).await.problem(), (status, code.into()), "{body}");
    }
}

#[tokio::test]
async fn a_body_beyond_a_megabyte_is_not_read() {
    let stage = Stage::new().await;
    let authorization = format!("Bearer {OWNER}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Length", "1048577")];
    let answer = stage.ask("POST", "/v1/calls/c1/drop", &headers, "").await;
    assert_eq!(answer.problem(), (413, "content-too-large".into()));
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(17);
    let answer = stage
        .raw(&format!(
            "POST /v1/calls/c1/drop HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
             Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
        ))
        .await;
    assert_eq!(answer.problem().0, 413);
}

#[tokio::test]
async fn two_lengths_of_one_body_are_no_request() {
    let stage = Stage::new().await;
    let answer = stage
        .raw(
            "POST /v1/calls/c1/drop HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\
             Content-Length: 5\r\n\r\n",
        )
        .await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_client_that_prefers_not_to_wait_gets_its_reply_as_an_event() {
    let stage = Stage::new().await;
    let authorization = format!("Bearer {OWNER}");
    let mut listener =
        stage.listen("", &[("authorization", &authorization)]).await.unwrap_or_else(|s| panic!("{s}"));
    let headers = [("Authorization", authorization.as_str()), ("Prefer", "respond-async")];
    let answer = stage.ask("POST", "/v1/calls/c2/hold", &headers, "").await;
    assert_eq!((answer.status, answer.json()), (202, json!({"request": 1})));
    assert!(answer.head.contains("preference-applied: respond-async"), "{}", answer.head);
    let event = listener.next().await;
    assert_eq!((&event["type"], &event["request"]), (&json!("reply"), &json!(1)));
    assert_eq!(event["problem"]["code"], "invalcallstate");
}

#[tokio::test(start_paused = true)]
async fn nobody_can_take_for_ever() {
    let stage = Stage::new().await;
    // Half a head: closed without an answer.
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHo").await.unwrap();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest).await);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    // Half a body.
    let authorization = format!("Bearer {OWNER}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Length", "10")];
    let answer = stage.ask("POST", "/v1/calls/c1/drop", &headers, "{").await;
    assert_eq!(answer.problem(), (408, "request-timeout".into()));
    // A far side that never answers.
    assert_eq!(stage.post("/v1/calls/c5/hold", OWNER, "").await.problem(), (504, "gateway-timeout".into()));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_answers_no_ping_is_gone() {
    let stage = Stage::new().await;
    let authorization = format!("Authorization: Bearer {OWNER}");
    // No WebSocket library: it would answer.
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let pings = bytes.windows(2).filter(|frame| *frame == [0x89, 0]).count();
    assert_eq!(pings, 3);
    assert!(bytes.ends_with(b"no answer to ping"), "{}", String::from_utf8_lossy(&bytes));
}

fn info(call: u64) -> Message {
    Message::CallInfo { call: CallId(call), line: "1001".into(), changed: "connectedid" }
}

#[tokio::test]
async fn events_resume_behind_a_number() {
    let stage = Stage::new().await;
    for call in 1..=3 {
        stage.tell(info(call));
    }
    let Ok(mut listener) = stage.listen(&format!("?after=1&access_token={OWNER}"), &[]).await else {
        panic!()
    };
    for seq in 2..=3 {
        let expected = json!({"seq": seq, "type": "call-info", "call": format!("c{seq}"), "line": "1001",
                              "changed": "connectedid"});
        assert_eq!(listener.next().await, expected);
    }
}

#[tokio::test]
async fn a_client_that_was_away_too_long_is_told_what_it_lost() {
    let stage = Stage::new().await;
    for call in 0..20_000 {
        stage.tell(info(call));
    }
    let Ok(mut listener) = stage.listen(&format!("?after=0&access_token={OWNER}"), &[]).await else {
        panic!()
    };
    let lost = listener.next().await;
    assert_eq!((&lost["type"], &lost["from"]), (&json!("lost"), &json!(1)));
    assert_eq!(lost["to"], lost["seq"]);
    assert_eq!(listener.next().await["seq"].as_u64(), lost["to"].as_u64().map(|to| to + 1));
}

#[tokio::test]
async fn an_application_hears_its_own_events_only() {
    let stage = Stage::new().await;
    let Ok(mut monitor) = stage.listen(&format!("?access_token={MONITOR}"), &[]).await else { panic!() };
    stage.tell(info(1));
    assert_eq!(stage.post("/v1/calls/c3/drop", MONITOR, "").await.status, 403);
    assert_eq!(monitor.next().await["type"], "reply");
}

#[tokio::test]
async fn the_event_stream_has_a_door() {
    let stage = Stage::new().await;
    let token = format!("?access_token={OWNER}");
    assert_eq!(stage.listen("", &[]).await.err(), Some(401));
    assert_eq!(stage.listen("?access_token=wrong", &[]).await.err(), Some(401));
    assert_eq!(stage.listen(&token, &[("origin", "https://evil.example")]).await.err(), Some(403));
    assert_eq!(stage.listen(&format!("{token}&after=x"), &[]).await.err(), Some(400));
    assert_eq!(stage.get("/v1/events", OWNER).await.problem(), (426, "upgrade-required".into()));
    let own = format!("http://{}", stage.address);
    assert!(stage.listen(&token, &[("origin", &own)]).await.is_ok());
}

#[tokio::test]
async fn a_client_that_speaks_on_the_event_stream_is_shown_out() {
    let stage = Stage::new().await;
    for (frame, code) in [(Frame::text("hello"), Some(1003)), (Frame::binary(vec![0; 70_000]), None)] {
        let Ok(mut listener) = stage.listen(&format!("?access_token={OWNER}"), &[]).await else { panic!() };
        drop(listener.0.send(frame).await);
        let closed = listener.closed().await;
        assert!(code.is_none() || closed == code, "{closed:?}");
    }
    let Ok(mut flood) = stage.listen(&format!("?access_token={OWNER}"), &[]).await else { panic!() };
    for _ in 0..1000 {
        if flood.0.send(Frame::Ping(Vec::new().into())).await.is_err() {
            break;
        }
    }
    assert!(matches!(flood.closed().await, Some(1008) | None));
}

#[tokio::test]
async fn event_streams_at_once_have_a_limit() {
    let stage = Stage::new().await;
    let token = format!("?access_token={OWNER}");
    let mut open = Vec::new();
    for _ in 0..super::events::SOCKETS_MAX {
        open.push(stage.listen(&token, &[]).await.unwrap_or_else(|status| panic!("{status}")));
    }
    assert_eq!(stage.listen(&token, &[]).await.err(), Some(503));
}

#[tokio::test]
async fn the_end_of_the_server_is_told_to_those_who_listen() {
    let stage = Stage::new().await;
    let Ok(mut listener) = stage.listen(&format!("?access_token={OWNER}"), &[]).await else { panic!() };
    stage.stop().await;
    assert_eq!(listener.closed().await, Some(1001));
}

#[tokio::test]
async fn the_contract_names_every_path_and_operation() {
    let stage = Stage::new().await;
    let document = stage.ask("GET", "/v1/openapi.json", &[], "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let reads = [
        "/v1/apps",
        "/v1/calls",
        "/v1/calls/{call}",
        "/v1/check-config",
        "/v1/events",
        "/v1/lines",
        "/v1/lines/{line}",
        "/v1/lines/{line}/messages",
        "/v1/log",
        "/v1/parked",
        "/v1/phones/{mac}/token",
        "/v1/records",
        "/v1/registrations",
        "/v1/reload",
        "/v1/trunks",
        "/v1/webhooks",
        "/v1/trace",
        "/v1/calls/{call}/trace",
    ];
    let on_lines = [
        "check-sync",
        "close",
        "forward",
        "get-new-calls",
        "make-call",
        "open",
        "pickup",
        "set-status-messages",
        "setup-conference",
        "translate-address",
        "uncomplete-call",
        "unpark",
    ];
    let mut expected: Vec<String> = reads.map(str::to_owned).into();
    expected.push("/v1/apps/{app}/set-app-priority".to_owned());
    expected.extend(on_lines.map(|name| format!("/v1/lines/{{line}}/{name}")));
    expected.extend(CallOperation::ALL.map(|on| format!("/v1/calls/{{call}}/{}", on.name())));
    let mut sorted = paths;
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = ["get", "post", "put"].iter().find_map(|method| item.get(method)).unwrap();
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("default"), "{path}");
        let told = |response: &Value| response["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(responses.values().all(told), "{path}");
        let parameters = item["post"]["parameters"].as_array().into_iter().flatten();
        let keys = parameters.filter(|parameter| parameter["name"] == "Idempotency-Key").count();
        assert_eq!(keys, usize::from(item.get("post").is_some()), "{path}");
    }
    for item in document["paths"].as_object().unwrap().values() {
        let operation = item.get("put").unwrap_or_else(|| &item["post"]);
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(name) = body.as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) else {
            continue;
        };
        for (field, schema) in schemas[name]["properties"].as_object().into_iter().flatten() {
            let is_flag = schema["type"] == "boolean" || schema["items"].get("$ref").is_some();
            assert!(is_flag || schema.get("example").is_some(), "{name}.{field} has no example: {schema}");
        }
    }
    let mut references = Vec::new();
    find_references(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{reference} leads nowhere");
    }
}

#[test]
fn what_is_printed_is_what_is_served_and_names_each_operation_once() {
    let document: Value = serde_json::from_str(&crate::api::openapi()).unwrap();
    let items = document["paths"].as_object().unwrap();
    let operations = items.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(_, operation)| (path, operation))
    });
    let mut ids = std::collections::BTreeSet::new();
    for (path, operation) in operations {
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{path}: {}",
            operation["operationId"]
        );
        assert_eq!(operation["tags"], json!([path.split('/').nth(2)]), "{path}");
    }
    assert!(ids.contains("line-setup-conference") && ids.contains("setup-conference"));
    let done = &document["components"]["schemas"]["Done"];
    assert!(done["properties"]["call"].is_object() && done["properties"]["dialable"].is_object(), "{done}");
    assert!(done.get("required").is_none(), "{done}");
}

#[tokio::test]
async fn every_type_of_event_is_in_the_contract() {
    let stage = Stage::new().await;
    let document = stage.ask("GET", "/v1/openapi.json", &[], "").await.json();
    let schemas = &document["components"]["schemas"];
    let event = &schemas["Event"];
    assert_eq!(event["discriminator"]["propertyName"], "type");
    let mapping = event["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(mapping["call-state"], "#/components/schemas/CallStateEvent");
    assert_eq!(event["oneOf"].as_array().unwrap().len(), mapping.len());
    let mut types: Vec<_> = mapping
        .iter()
        .map(|(type_name, reference)| {
            let name = reference.as_str().and_then(|path| path.rsplit('/').next()).unwrap();
            let schema = &schemas[name];
            assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{schema}");
            assert_eq!(schema["properties"]["type"]["enum"], json!([type_name]), "{name}");
            for field in ["seq", "type"] {
                assert!(schema["required"].as_array().unwrap().contains(&json!(field)), "{name}.{field}");
            }
            type_name.as_str()
        })
        .collect();
    types.sort_unstable();
    assert_eq!(
        types,
        [
            "address-state",
            "call-info",
            "call-quality",
            "call-state",
            "close",
            "digits",
            "fork",
            "gather-digits",
            "generate",
            "line-state",
            "lost",
            "monitor-media",
            "new-call",
            "parked",
            "recording",
            "registration",
            "reply"
        ]
    );
}

/// Each event, and each entry of a trace, is what the OpenAPI document says of it, and all that either document speaks of is there.
#[tokio::test]
async fn what_comes_by_websocket_is_described_by_the_same_schemas() {
    let stage = Stage::new().await;
    let open = stage.ask("GET", "/v1/openapi.json", &[], "").await.json();
    let told = stage.ask("GET", "/v1/asyncapi.json", &[], "").await.json();
    let schemas = &open["components"]["schemas"];
    for (channel, kinds, tag) in [("events", "Event", "type"), ("trace", "TraceEntry", "kind")] {
        let described = &told["channels"][channel];
        assert_eq!(described["address"], format!("/v1/{channel}"));
        let kinds = schemas[kinds]["oneOf"].as_array().unwrap();
        assert!(kinds.len() >= 3);
        assert_eq!(described["messages"].as_object().unwrap().len(), kinds.len());
        for kind in kinds {
            let reference = kind["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
            let kind = reference.map_or(kind, |path| open.pointer(path).unwrap());
            let name = kind["properties"][tag]["enum"][0].as_str().unwrap();
            let reference = described["messages"][name]["$ref"].as_str().unwrap();
            let message = told.pointer(reference.strip_prefix('#').unwrap()).unwrap();
            assert_eq!(&message["payload"], kind, "{name}");
            assert_eq!(message["summary"], kind["description"], "{name}");
            if channel == "events" {
                assert!(kind["properties"].get("seq").is_some(), "{name} has a number");
            }
        }
        let query = open["paths"][format!("/v1/{channel}")]["get"]["parameters"].as_array().unwrap();
        for parameter in query {
            let name = parameter["name"].as_str().unwrap();
            let found = &described["bindings"]["ws"]["query"]["properties"][name];
            assert_eq!(found["description"], parameter["description"], "{name}");
        }
    }
    let log = &told["channels"]["log"];
    assert_eq!((&log["address"], log["messages"].as_object().unwrap().len()), (&json!("/v1/log"), 1));
    assert_eq!(told["components"]["messages"]["log.line"]["payload"], schemas["LoggedLine"]);
    assert_eq!(log["bindings"]["ws"]["query"]["properties"]["contains"]["maxLength"], 256);
    let used = told["components"]["schemas"].as_object().unwrap();
    for (name, schema) in used {
        assert_eq!(schema, &schemas[name], "{name}");
    }
    let mut references = Vec::new();
    find_references(&told, &mut references);
    for reference in references {
        assert!(told.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference} leads nowhere");
    }
}

/// A list by pieces is the list, and each piece leads to the next.
#[tokio::test]
async fn lists_are_read_by_pieces() {
    let stage = Stage::new().await;
    let now = clock::now();
    let flow = Flow {
        transport: Transport::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote: "192.0.2.17:5060".parse().unwrap(),
        connection: ConnectionId::default(),
    };
    let bindings = [("1001", "a"), ("1001", "b"), ("1001", "c"), ("1002", "a")].map(|(line, key)| {
        let binding = Binding {
            key: key.into(),
            contact: format!("sip:{line}@192.0.2.17;{key}").into(),
            params: "".into(),
            q_milli: 1000,
            path: Box::default(),
            flow,
            call_id: key.into(),
            cseq: 1,
            user_agent: "Phone/1".into(),
            expires: now + Duration::from_secs(60),
        };
        (line.into(), binding)
    });
    stage.location.load(now, bindings);
    for (path, entries) in [
        ("/v1/lines", 3),
        ("/v1/registrations", 4),
        ("/v1/trunks", 1),
        ("/v1/apps", 2),
        ("/v1/calls", 0),
        ("/v1/parked", 0),
    ] {
        let whole = stage.get(path, OWNER).await;
        assert!(!whole.head.contains("\nlink: "), "all of it: {}", whole.head);
        let whole = whole.json().as_array().unwrap().clone();
        assert_eq!(whole.len(), entries, "{path}");
        let (mut found, mut next) = (Vec::new(), Some(format!("{path}?limit=1")));
        while let Some(at) = next {
            let piece = stage.get(&at, OWNER).await;
            assert_eq!(piece.status, 200, "{at}");
            let listed = piece.json().as_array().unwrap().clone();
            assert!(listed.len() <= 1);
            found.extend(listed);
            let link = piece.head.lines().find_map(|line| line.strip_prefix("link: <"));
            next = link.map(|link| link.strip_suffix(">; rel=\"next\"").unwrap().to_owned());
        }
        assert_eq!(found.len(), whole.len(), "{path}");
        assert!(whole.iter().all(|entry| found.contains(entry)), "{path}: {found:?}");
        for wrong in ["limit=0", "limit=1001", "limit=x", "limit="] {
            let answer = stage.get(&format!("{path}?{wrong}"), OWNER).await;
            assert_eq!(answer.problem(), (400, "invalparam".into()), "{path} {wrong}");
            assert_eq!(answer.json()["explain"]["argument"]["field"], "limit");
        }
    }
    for path in
        ["/v1/lines?after=gone", "/v1/calls?after=1", "/v1/registrations?after=1001", "/v1/trunks?after=%00"]
    {
        let answer = stage.get(path, OWNER).await;
        assert_eq!(answer.problem(), (400, "invalparam".into()), "{path}");
        assert_eq!(answer.json()["explain"]["argument"]["field"], "after");
    }
    assert_eq!(stage.get("/v1/calls?after=c7&limit=1000", OWNER).await.json(), json!([]));
    assert_eq!(stage.get("/v1/lines?limit=1", "").await.problem().0, 401);
}

#[test]
fn every_operation_has_a_row_in_the_readme_and_each_row_a_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    // What is no function of TAPI 2.x begins with a dash.
    let is_row = |line: &&str| line.starts_with("| line") || line.starts_with("| – |");
    let rows: Vec<_> = readme.lines().filter(is_row).collect();
    let on_calls = CallOperation::ALL.map(CallOperation::name).into_iter();
    for name in on_calls.chain(LineOperation::ALL.map(LineOperation::name)) {
        let row = rows.iter().find(|row| row.contains(&format!("`{name}`")));
        assert!(row.is_some(), "no row for {name}");
    }
    for row in rows {
        let (_, path) = row.rsplit_once("](").unwrap_or_else(|| panic!("no test: {row}"));
        let path = path.split(')').next().unwrap();
        assert!(path.contains("tests/") && root.join(path).is_file(), "{path} is not there: {row}");
    }
}

fn find_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| find_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| find_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn ctl_says_what_the_daemon_says() {
    use clap::Parser;

    let stage = Stage::new().await;
    let command = |words: &str| -> Ctl {
        let line = format!("trunkline ctl --url http://{} --token {OWNER} {words}", stage.address);
        let Command::Ctl(ctl) = Cli::parse_from(line.split(' ')).command() else { panic!() };
        ctl
    };
    ctl::run(command("make-call 1001 1002")).await.unwrap();
    ctl::run(command("hold c1 --json")).await.unwrap();
    let refused = ctl::run(command("hold c2")).await.unwrap_err().to_string();
    assert!(
        refused.starts_with("invalcallstate: ")
            && refused.ends_with(
                "Allowed: drop, unhold.\nhold takes a call that is connected; this one is onhold."
            ),
        "{refused}"
    );
    ctl::run(command("check-config")).await.unwrap();
    ctl::run(command("log --level debug --contains 1001")).await.unwrap();
    ctl::run(command("reload")).await.unwrap();
    let refused = ctl::run(command("reload")).await.unwrap_err().to_string();
    assert!(refused.starts_with("invalparam: Nothing was changed.\nt.toml:3: sip.listen: "), "{refused}");
    let mut stranger = command("drop c1");
    stranger.token = Some("wrong".into());
    assert_eq!(
        ctl::run(stranger).await.unwrap_err().to_string(),
        "unauthorized: No application has this token.\nSend the token of an [[app]] of the configuration: Authorization: Bearer TOKEN."
    );
    let mut nowhere = command("lines");
    nowhere.url = Some("http://127.0.0.1:1".into());
    assert!(
        ctl::run(nowhere).await.unwrap_err().to_string().starts_with("no daemon answers at 127.0.0.1:1: ")
    );
}
