//! linphonec as a desk phone: typed at like a terminal, with files for a sound card.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::audio::Audio;
use crate::baresip::TONE_HZ;
use crate::network::{daemon_address, spawn_on_host};
use crate::process::Process;

/// A phone on a host of its own.
pub(crate) struct Linphonec {
    /// The process.
    pub(crate) process: Process,
    recording: PathBuf,
}

impl Linphonec {
    /// Starts phone number `phone`, which registers this account at the daemon's side of its link, about which it says
    /// nothing, and answers calls by itself.
    pub(crate) fn start(directory: &Path, phone: u8, account: &str, password: &str) -> Self {
        Self::launch(directory, phone, account, password, CONFIG, "")
    }

    /// The same by TCP alone.
    pub(crate) fn start_by_tcp(directory: &Path, phone: u8, account: &str, password: &str) -> Self {
        let config = CONFIG
            .replace("sip_port=5060\n", "sip_port=-1\n")
            .replace("sip_tcp_port=-1\n", "sip_tcp_port=5060\n");
        Self::launch(directory, phone, account, password, &config, ";transport=tcp")
    }

    /// The same by TLS, with SRTP alone. It believes the authority of `ca.pem`, and nobody without the daemon's address in his
    /// certificate.
    pub(crate) fn start_by_tls(directory: &Path, phone: u8, account: &str, password: &str) -> Self {
        let ca = directory.join("ca.pem").display().to_string();
        let config = CONFIG
            .replace("sip_port=5060\n", "sip_port=-1\n")
            .replace(
                "sip_tls_port=-1\n",
                &format!("sip_tls_port=5061\nroot_ca={ca}\nverify_server_certs=1\nverify_server_cn=1\n"),
            )
            .replace("media_encryption=none\n", "media_encryption=srtp\nmedia_encryption_mandatory=1\n");
        Self::launch(directory, phone, account, password, &config, ";transport=tls")
    }

    fn launch(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        config: &str,
        parameters: &str,
    ) -> Self {
        let directory = directory.join(format!("linphonec-{account}"));
        // It stores its database here, and complains all the way when it cannot.
        fs::create_dir_all(directory.join(".local/share/linphone")).expect("a directory of ours");
        fs::write(directory.join("linphonerc"), config).expect("a directory of ours");
        let (tone, recording) = (directory.join("tone.wav"), directory.join("heard.wav"));
        Audio::write_tone(&tone, TONE_HZ, 60);
        let mut command = Command::new("linphonec");
        command.current_dir(&directory).env("HOME", &directory).args(["-a", "-d", "0", "-c", "linphonerc"]);
        let mut process = spawn_on_host(phone, &format!("linphonec {account}"), &command);
        process.type_line("soundcard use files");
        process.type_line(&format!("play {}", tone.display()));
        process.type_line(&format!("record {}", recording.display()));
        let registrar = daemon_address(phone);
        process
            .type_line(&format!("register sip:{account}@{registrar} sip:{registrar}{parameters} {password}"));
        Self { process, recording }
    }

    /// Types a command: `call sip:…`, `pause`, `resume`, `terminate`.
    pub(crate) fn command(&mut self, command: &str) {
        self.process.type_line(command);
    }

    /// Blocks until it says so.
    pub(crate) fn expect(&mut self, text: &str, within: Duration) {
        self.process.wait_for(within, |_, line| line.contains(text));
    }

    /// Seconds for which this tone is in what it recorded.
    pub(crate) fn heard_tone(&self, tone_hz: f64) -> f64 {
        Audio::read(&self.recording).seconds_of_tone(tone_hz)
    }
}

const CONFIG: &str = "\
[sip]
sip_port=5060
sip_tcp_port=-1
sip_tls_port=-1
guess_hostname=1
use_ipv6=0
media_encryption=none
[rtp]
audio_rtp_port=7078
[sound]
echocancellation=0
echolimiter=0
[video]
enabled=0
[misc]
tone_indications=0
";
