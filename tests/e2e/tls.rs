//! TLS as others speak it: baresip (OpenSSL), linphonec (mbed TLS) and `openssl s_client` against the daemon.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::daemon::{Daemon, Directory};
use crate::linphonec::Linphonec;
use crate::network::{alone, daemon_address, phone_address, run};
use crate::process::{Process, wait_until};

/// Two phones of different makers, who check the daemon's certificate and take nothing but SRTP, call each other and hear each
/// other. While the first call is up the daemon gets another certificate: whoever comes after that is shown it, the call goes on.
#[test]
fn phones_by_tls() {
    alone(|| {
        let directory = Directory::create();
        let authority = Authority::new(directory.path());
        let names = ["pbx.test".to_owned(), daemon_address(1).to_string(), daemon_address(2).to_string()];
        authority.sign("pbx", "first", &names);
        let mut daemon = Daemon::start(directory.path(), PHONES);
        let mut baresip = Baresip::start_by_tls(directory.path(), 1, "1001", PASSWORD, Answer::Auto);
        let mut linphonec = Linphonec::start_by_tls(directory.path(), 2, "1003", PASSWORD);
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        daemon.expect_metric("trunkline_connections", 2.0, WITHIN);
        assert!(shown(directory.path()).contains("first"));

        baresip.command("dial", &format!("sip:1003@{};transport=tls", daemon_address(1)));
        baresip.expect("CALL_ESTABLISHED", WITHIN);
        linphonec.expect("Media streams established", WITHIN);
        authority.sign("pbx", "second", &names);
        daemon.process.signal("HUP");
        wait_until(&mut daemon.process, WITHIN, || match shown(directory.path()) {
            said if said.contains("second") => Ok(()),
            said => Err(said),
        });
        daemon.process.runs_for(TALK);
        // It overwrites its recording when the call ends.
        let heard = linphonec.heard_tone(TONE_HZ);
        linphonec.command("terminate");
        baresip.expect("CALL_CLOSED", WITHIN);
        daemon.expect_metric("trunkline_connections", 2.0, WITHIN);

        linphonec.command(&format!("call sip:1001@{}", daemon_address(2)));
        baresip.expect("CALL_ESTABLISHED", WITHIN);
        daemon.process.runs_for(TALK);
        let heard = [heard, linphonec.heard_tone(TONE_HZ)];
        baresip.command("hangup", "");
        linphonec.expect("ended", WITHIN);
        let heard_by_baresip = baresip.heard_tone(TONE_HZ);
        eprintln!(
            "tls: linphonec heard {heard:.1?} s of tone in two calls, baresip {heard_by_baresip:.1} s in both"
        );
        assert!(heard.iter().all(|&seconds| seconds > HEARD_S), "linphonec heard {heard:?}");
        assert!(heard_by_baresip > 2.0 * HEARD_S, "baresip heard {heard_by_baresip}");
        // Each takes its connection with it.
        baresip.quit();
        linphonec.command("quit");
        linphonec.process.wait_exit(WITHIN);
        daemon.expect_nothing_left();
    });
}

/// The peer has the name that is configured, and both sides call by TLS, each by its certificate: one that has another name hears nothing
/// of a call and is let in with none, and one that a stranger signed says nothing.
#[test]
fn a_trunk_by_tls() {
    alone(|| {
        let directory = Directory::create();
        let authority = Authority::new(directory.path());
        let names = ["pbx.test".to_owned(), daemon_address(3).to_string(), daemon_address(4).to_string()];
        authority.sign("pbx", "pbx", &names);
        let hosts = directory.path().join("hosts");
        let (carrier, impostor) = (phone_address(3), phone_address(4));
        let text =
            format!("127.0.0.1 localhost\n{carrier} sip.carrier.test\n{impostor} other.carrier.test\n");
        fs::write(&hosts, text).expect("a directory of ours");
        run("mount", &[OsStr::new("--bind"), hosts.as_os_str(), OsStr::new("/etc/hosts")]);
        let mut daemon = Daemon::start(directory.path(), TRUNKS);
        let carrier_name = ["sip.carrier.test".to_owned()];
        let own = authority.sign("carrier", "carrier", &carrier_name);
        let another = authority.sign("mallory", "mallory", &["mallory.test".to_owned()]);
        let mut phone = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Auto);
        let mut peers = [(3, "30", &own), (4, "40", &another)].map(|(host, number, certificate)| {
            Baresip::start_as_tls_peer(directory.path(), host, number, certificate)
        });
        let [carrier, impostor] = &mut peers;
        daemon.expect_metric("trunkline_registrations", 1.0, WITHIN);

        // Its own connection comes first: by its certificate alone it is the carrier.
        carrier.command("dial", &format!("sip:1001@{}:5061;transport=tls", daemon_address(3)));
        phone.expect("CALL_ESTABLISHED", WITHIN);
        daemon.process.runs_for(TALK);
        carrier.command("hangup", "");
        phone.expect("CALL_CLOSED", WITHIN);

        phone.command("dial", &format!("sip:030@{}", daemon_address(1)));
        carrier.expect("CALL_ESTABLISHED", WITHIN);
        phone.expect("CALL_ESTABLISHED", WITHIN);
        daemon.process.runs_for(TALK);
        phone.command("hangup", "");
        carrier.expect("CALL_CLOSED", WITHIN);
        let heard = [phone.heard_tone(TONE_HZ), carrier.heard_tone(TONE_HZ)];
        eprintln!(
            "tls: the phone heard {:.1} s of tone in two calls, the carrier {:.1} s",
            heard[0], heard[1]
        );
        assert!(heard.iter().all(|&seconds| seconds > 2.0 * HEARD_S), "{heard:?}");

        phone.command("dial", &format!("sip:040@{}", daemon_address(1)));
        phone.expect("CALL_CLOSED", WITHIN);
        daemon.process.wait_for(WITHIN, |_, line| {
            line.contains("a TLS connection was not made") && line.contains("other.carrier.test")
        });
        assert!(!impostor.rings(), "its certificate is another's");
        impostor.command("dial", &format!("sip:1001@{}:5061;transport=tls", daemon_address(4)));
        let refused = impostor.expect("CALL_CLOSED", WITHIN);
        // It was asked for a password, and has tried one.
        assert!(refused["param"].as_str().is_some_and(|why| why.contains("403")), "{refused}");
        assert!(!phone.rings(), "that name is no trunk's");

        let answered = asked(directory.path(), "carrier");
        assert!(answered.starts_with("SIP/2.0 200"), "{answered}");
        let foreign = directory.path().join("foreign");
        fs::create_dir(&foreign).expect("a directory of ours");
        Authority::new(&foreign).sign("carrier", "carrier", &carrier_name);
        let refused = asked(directory.path(), "foreign/carrier");
        assert!(refused.contains("alert number"), "a stranger signed it: {refused}");
        // Connections stay as long as anybody may want them.
        peers.into_iter().for_each(Baresip::quit);
        phone.quit();
        daemon.expect_nothing_left();
    });
}

/// What OpenSSL says of the certificate that it is shown; it checks it.
fn shown(directory: &Path) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-verify_return_error", "-verify_hostname", "pbx.test", "-CAfile"])
        .arg(directory.join("ca.pem"))
        .args(["-servername", "pbx.test", "-connect", &format!("{}:5061", daemon_address(1))])
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter(|line| line.starts_with("subject")).collect()
}

/// The answer or the alert that OpenSSL is given which shows this certificate and asks by OPTIONS.
fn asked(directory: &Path, certificate: &str) -> String {
    let asks = "OPTIONS sip:pbx.test SIP/2.0\r\nVia: SIP/2.0/TLS a.test;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
                From: <sip:a.test>;tag=1\r\nTo: <sip:pbx.test>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
                Content-Length: 0\r\n\r\n";
    fs::write(directory.join("asks"), asks).expect("a directory of ours");
    let script = format!(
        "exec openssl s_client -quiet -connect {}:5061 -cert {certificate}.pem -key {certificate}.key <asks",
        daemon_address(1)
    );
    let mut client = Command::new("sh");
    client.current_dir(directory).args(["-c", &script]);
    let says = |_, line: &str| line.starts_with("SIP/2.0 ") || line.contains("alert number");
    Process::spawn("openssl", &mut client).wait_for(WITHIN, says)
}

/// Signs certificates, and writes them where the daemon looks.
pub(crate) struct Authority<'a> {
    directory: &'a Path,
    issuer: Issuer<'static, KeyPair>,
}

impl<'a> Authority<'a> {
    /// Writes its own certificate, `ca.pem`.
    pub(crate) fn new(directory: &'a Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        let key = KeyPair::generate().expect("randomness");
        let own = params.self_signed(&key).expect("a certificate");
        fs::write(directory.join("ca.pem"), own.pem()).expect("a directory of ours");
        Self { directory, issuer: Issuer::new(params, key) }
    }

    /// Writes `FILE.pem`, `FILE.key`, and both in one file, whose path it returns.
    pub(crate) fn sign(&self, file: &str, subject: &str, names: &[String]) -> PathBuf {
        let mut params = CertificateParams::new(names).expect("names and addresses");
        params.distinguished_name.push(DnType::CommonName, subject);
        // linphonec's library compares what was dialled with the names alone, an address too.
        let as_names = names.iter().map(|name| name.as_str().try_into().expect("letters and digits"));
        params.subject_alt_names.extend(as_names.map(SanType::DnsName));
        let key = KeyPair::generate().expect("randomness");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let both = self.directory.join(format!("{file}-both.pem"));
        for (path, text) in [
            (self.directory.join(format!("{file}.pem")), certificate.clone()),
            (self.directory.join(format!("{file}.key")), key.serialize_pem()),
            (both.clone(), key.serialize_pem() + &certificate),
        ] {
            fs::write(path, text).expect("a directory of ours");
        }
        both
    }
}

const PASSWORD: &str = "correct-horse-battery";
const TALK: Duration = Duration::from_secs(4);
/// Of each four seconds of talk.
const HEARD_S: f64 = 2.0;
/// It comes at once where the machine is free, and in any case before a transaction would be given up (32 s).
const WITHIN: Duration = Duration::from_secs(25);

const PHONES: &str = r#"
[sip]
listen = ["tls:0.0.0.0:5061"]
[sip.tls]
certificate = "pbx.pem"
key = "pbx.key"
[media]
kernel = "off"
[[line]]
address = "1001"
password = "correct-horse-battery"
srtp = "required"
[[line]]
address = "1003"
password = "correct-horse-battery"
srtp = "required"
"#;

const TRUNKS: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060", "tls:0.0.0.0:5061"]
[sip.tls]
certificate = "pbx.pem"
key = "pbx.key"
trusted_ca = "ca.pem"
client_ca = "ca.pem"
[media]
kernel = "off"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[trunk]]
name = "carrier"
peer = "tls:sip.carrier.test"
certificate = "sip.carrier.test"
srtp = "required"
[[trunk]]
name = "impostor"
peer = "tls:other.carrier.test"
srtp = "required"
[[route]]
match = "^0(3\\d)$"
to = "trunk:carrier"
number = "$1"
[[route]]
match = "^0(4\\d)$"
to = "trunk:impostor"
number = "$1"
"#;
