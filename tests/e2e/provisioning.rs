//! Phones fetch their configuration, in clear and by TLS, and register with what they find in it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory, executable};
use crate::http::{self, Response};
use crate::network::{alone, daemon_address, run};
use crate::tls::Authority;

/// What a Yealink fetches in clear and a Snom by TLS, after a restart, is what a phone needs to register. Tokens and passwords
/// stand nowhere in the log, at its highest level, and tokens end with the process.
#[test]
fn phones_fetch_what_they_register_with() {
    alone(|| {
        let directory = Directory::create();
        let authority = Authority::new(directory.path());
        authority.sign("pbx", "pbx", &["pbx.test".to_owned()]);
        let mut daemon = Daemon::start(directory.path(), &config("http:0.0.0.0:8090"));
        let yealink = token_by_ctl(YEALINK);
        let path = format!("{}{YEALINK}.cfg", path_of(&yealink, "http"));
        let wrong = path.replace(&token_of(&path), &"a".repeat(32));
        assert_eq!(http::get_from(FETCH, &wrong).status, 404);
        assert_eq!(http::get_from(FETCH, &path.replace(YEALINK, SNOM)).status, 404);
        let file = http::get_from(FETCH, &path);
        assert_eq!(file.status, 200, "{}", file.text);
        let value = |key: &str| {
            let found = file.text.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
            found.unwrap_or_else(|| panic!("no {key}: {}", file.text)).to_owned()
        };
        assert_eq!(value("account.1.sip_server.1.address"), daemon_address(1).to_string());
        assert_eq!(value("account.1.sip_server.1.port"), "5060");
        assert_eq!((value("linekey.2.type"), value("linekey.2.value")), ("16".to_owned(), "1002".to_owned()));
        let (user, password) = (value("account.1.user_name"), value("account.1.password"));
        let phone = Baresip::start(directory.path(), 1, &user, &password, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 1.0, WITHIN);

        fs::write(directory.path().join("trunkline.toml"), config("https:0.0.0.0:8090")).expect("ours");
        daemon.process.runs_for(Duration::from_secs(1));
        daemon.process.kill();
        let first = daemon.start_again();
        assert_eq!(fetch_by_tls(directory.path(), &path).status, 404, "tokens end with the process");
        let answer = http::post(&format!("/v1/phones/{SNOM}/token"), OWNER, &json!({"hours": 1}));
        assert_eq!((answer.status, &answer.json()["expires_s"]), (200, &json!(3600)), "{}", answer.text);
        let snom = answer.json()["url"].as_str().expect("a URL").to_owned();
        let path = path_of(&snom, "https").replace("{mac}", &SNOM.to_uppercase());
        let file = fetch_by_tls(directory.path(), &path);
        assert_eq!(file.status, 200, "{}", file.text);
        let value = |name: &str| {
            let start = format!("<{name} idx=\"1\" perm=\"\">");
            let (_, rest) =
                file.text.split_once(&start).unwrap_or_else(|| panic!("no {name}: {}", file.text));
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        let server = daemon_address(1);
        assert_eq!(value("user_host"), server.to_string());
        assert_eq!(value("user_outbound"), format!("sip:{server}:5060;transport=tcp"));
        let (user, password) = (value("user_pname"), value("user_pass"));
        let second = Baresip::start(directory.path(), 2, &user, &password, ";transport=tcp", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        phone.quit();
        second.quit();
        daemon.expect_nothing_left();

        let said: Vec<&str> = first.seen().chain(daemon.process.seen()).collect();
        let secrets = [PASSWORD, OTHER_PASSWORD, OWNER].map(str::to_owned);
        for secret in secrets.into_iter().chain([token_of(&yealink), token_of(&snom)]) {
            let line = said.iter().find(|line| line.contains(&secret));
            assert_eq!(line, None, "a secret in the log");
        }
        assert!(
            !said.iter().any(|line| line.contains("refused source=")),
            "who bans hears of no phone: {said:#?}"
        );
        assert!(said.iter().any(|line| line.contains("a phone was given its configuration")));
    });
}

/// A phone that the configuration names asks the network by multicast, is told until it answers, and fetches by what it was told;
/// one that it does not name hears nothing, and neither hears the SIP side, though its port is the same.
#[test]
fn a_phone_asks_the_network() {
    alone(|| {
        run("ip", &["link", "add", "tl9", "type", "veth", "peer", "name", "tl9-far"]);
        run("ip", &["addr", "add", &format!("{}/24", daemon_address(9)), "dev", "tl9"]);
        run("ip", &["link", "set", "tl9", "up"]);
        run("ip", &["link", "set", "tl9-far", "up"]);
        let directory = Directory::create();
        Authority::new(directory.path()).sign("pbx", "pbx", &["pbx.test".to_owned()]);
        let text = config("http:0.0.0.0:8090").replace("[provisioning]\n", "[provisioning]\npnp = true\n");
        let mut daemon = Daemon::start(directory.path(), &text);
        let socket = UdpSocket::bind((daemon_address(9), 5_062)).expect("an address of this machine");
        socket2::SockRef::from(&socket).set_multicast_if_v4(&daemon_address(9)).expect("an interface");
        socket.set_read_timeout(Some(WITHIN)).expect("a timeout can be set");
        let ask = |mac: &str| {
            let uri = format!("sip:MAC%3A{mac}@224.0.1.75");
            let own = format!("{}:5062", daemon_address(9));
            let text = format!(
                "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport\r\nFrom: <{uri}>;tag=1\r\nTo: <{uri}>\r\n\
                 Call-ID: {mac}@phone\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:{own}>\r\nExpires: 0\r\n\
                 Event: ua-profile;profile-type=\"device\";vendor=\"yealink\";model=\"T46U\";version=\"1\"\r\n\
                 Accept: application/url\r\nContent-Length: 0\r\n\r\n"
            );
            socket.send_to(text.as_bytes(), "224.0.1.75:5060").expect("the network carries");
        };
        let hear = || {
            let mut datagram = [0; 4_096];
            let (length, source) = socket.recv_from(&mut datagram).expect("an answer");
            (String::from_utf8_lossy(&datagram[..length]).into_owned(), source)
        };
        ask("001565000000");
        ask(YEALINK);
        let (accepted, _) = hear();
        assert!(accepted.starts_with("SIP/2.0 200 ") && accepted.contains(YEALINK), "{accepted}");
        let (notify, source) = hear();
        assert!(
            notify.starts_with("NOTIFY sip:") && notify.contains("\r\nEvent: ua-profile\r\n"),
            "{notify}"
        );
        assert_eq!(hear().0, notify, "it is said again until it is answered");
        let lines = notify.split("\r\n").filter(|line| {
            ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "].iter().any(|name| line.starts_with(name))
        });
        let lines: Vec<&str> = lines.collect();
        let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
        socket.send_to(answer.as_bytes(), source).expect("the network carries");
        let (_, url) = notify.split_once("\r\n\r\n").expect("a body");
        let path = format!("{}{YEALINK}.cfg", path_of(url, "http"));
        assert_eq!(http::get_from(FETCH, &path).status, 404, "it is another host's");
        let file = http::get_from(SocketAddr::new(daemon_address(9).into(), FETCH.port()), &path);
        assert_eq!(file.status, 200);
        assert!(file.text.contains("account.1.user_name = 1001"), "{}", file.text);
        daemon.expect_nothing_left();
        let said: Vec<&str> = daemon.process.seen().collect();
        assert!(!said.iter().any(|line| line.contains(&token_of(url)) || line.contains(PASSWORD)));
    });
}

fn config(listen: &str) -> String {
    CONFIG.replace("{listen}", listen).replace("{server}", &daemon_address(1).to_string())
}

/// What `trunkline ctl` prints of a token that it makes.
fn token_by_ctl(mac: &str) -> String {
    let output = Command::new(executable())
        .args(["ctl", "--token", OWNER, "phone-token", mac])
        .output()
        .expect("the program that is tested");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("expires_s 86400\n"), "{said}");
    said.lines().find_map(|line| line.strip_prefix("url ")).expect("a URL").to_owned()
}

fn path_of(url: &str, scheme: &str) -> String {
    let place = format!("{scheme}://{}:8090", daemon_address(1));
    url.strip_prefix(&place).unwrap_or_else(|| panic!("not at {place}")).to_owned()
}

fn token_of(url: &str) -> String {
    let (_, rest) = url.split_once("/p/").expect("the place of files");
    rest.split('/').next().expect("a token").to_owned()
}

/// What a phone that checks the certificate is given.
fn fetch_by_tls(directory: &Path, path: &str) -> Response {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "pbx.test", "-CAfile"])
        .arg(directory.join("ca.pem"))
        .args([OsStr::new("-connect"), OsStr::new(&FETCH.to_string())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut request = client.stdin.take().expect("it was asked for");
    write!(request, "GET {path} HTTP/1.1\r\nHost: pbx.test\r\nConnection: close\r\n\r\n").expect("it reads");
    let output = client.wait_with_output().expect("it ends");
    drop(request);
    Response::read(output.stdout)
}

const FETCH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8090);
const YEALINK: &str = "001565abcdef";
const SNOM: &str = "000413fedcba";
const PASSWORD: &str = "correct-horse-battery";
const OTHER_PASSWORD: &str = "wrong-donkey-staple";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
/// It comes at once where the machine is free.
const WITHIN: Duration = Duration::from_secs(25);

const CONFIG: &str = r#"
[log]
level = "trace"
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
[media]
kernel = "off"
[provisioning]
listen = "{listen}"
server = "{server}"
certificate = "pbx.pem"
key = "pbx.key"
[[app]]
name = "owner"
token = "token-of-a-test-that-is-long-enough"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
name = "Workshop"
password = "wrong-donkey-staple"
[[phone]]
mac = "00:15:65:ab:cd:ef"
brand = "yealink"
lines = ["1001"]
keys = [{ kind = "blf", line = "1002" }]
[[phone]]
mac = "00:04:13:fe:dc:ba"
brand = "snom"
lines = ["1002"]
transport = "tcp"
"#;
