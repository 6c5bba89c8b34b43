//! baresip as a desk phone: it plays a tone, records what it hears, and is steered over its control socket.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audio::Audio;
use crate::network::{daemon_address, phone_address, spawn_on_host};
use crate::process::Process;
use crate::translator::Translator;

/// A phone on a host of its own.
pub(crate) struct Baresip {
    /// The process.
    pub(crate) process: Process,
    directory: PathBuf,
    control: TcpStream,
    received: Vec<u8>,
}

/// Who picks up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// The test.
    Manual,
    /// The phone, at once.
    Auto,
}

/// What a phone says.
#[derive(Clone, Copy, Debug)]
enum Plays<'a> {
    /// A tone of so many hertz.
    Tone(f64),
    /// A WAV file.
    Recording(&'a Path),
}

/// Where a phone is.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// On a link of its own to the daemon.
    Linked(u8),
    /// Behind a translator.
    Behind(&'a Translator, u8),
}

impl Place<'_> {
    fn spawn(self, name: &str, command: &Command) -> Process {
        match self {
            Self::Linked(phone) => spawn_on_host(phone, name, command),
            Self::Behind(translator, phone) => translator.spawn_behind(phone, name, command),
        }
    }

    fn registrar(self) -> Ipv4Addr {
        match self {
            Self::Linked(phone) => daemon_address(phone),
            Self::Behind(translator, _) => daemon_address(translator.link()),
        }
    }

    /// Where the test steers it.
    fn control(self) -> SocketAddr {
        match self {
            Self::Linked(phone) => (phone_address(phone), CONTROL_PORT).into(),
            Self::Behind(translator, phone) => translator.control(phone),
        }
    }
}

impl Baresip {
    /// Starts phone number `phone` with this account, on the daemon's side of its link as registrar.
    /// `parameters` are those of its registrar's URI: `;transport=tcp`.
    pub(crate) fn start(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        parameters: &str,
        answer: Answer,
    ) -> Self {
        Self::start_with_tone(directory, phone, account, password, parameters, answer, TONE_HZ)
    }

    /// As [`Self::start`]; the phone plays this tone.
    pub(crate) fn start_with_tone(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        parameters: &str,
        answer: Answer,
        tone_hz: f64,
    ) -> Self {
        Self::launch(
            directory,
            phone,
            (account, password, parameters),
            answer,
            Plays::Tone(tone_hz),
            ("", ""),
        )
    }

    /// As [`Self::start`]; the phone encrypts its media by this method: `srtp-mand`.
    pub(crate) fn start_encrypted(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        answer: Answer,
        method: &str,
    ) -> Self {
        let module = if method == "dtls_srtp" { "module dtls_srtp.so\n" } else { "module srtp.so\n" };
        let option = format!(";mediaenc={method}");
        Self::launch(directory, phone, (account, password, ""), answer, PLAYS, (module, &option))
    }

    /// As [`Self::start`]; the phone speaks TLS, and SRTP by SDES alone.
    pub(crate) fn start_by_tls(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        answer: Answer,
    ) -> Self {
        let modules = format!("module srtp.so\nsip_cafile {}\n", directory.join("ca.pem").display());
        let account = (account, password, ";transport=tls");
        Self::launch(directory, phone, account, answer, PLAYS, (&modules, ";mediaenc=srtp-mand"))
    }

    /// As [`Self::start_by_tls`], at 5061, with this certificate and its key in one file; it registers nowhere.
    pub(crate) fn start_as_tls_peer(directory: &Path, phone: u8, account: &str, certificate: &Path) -> Self {
        let (ca, own) = (directory.join("ca.pem"), certificate.display());
        let modules = format!("module srtp.so\nsip_cafile {}\nsip_certificate {own}\n", ca.display());
        let account = (account, "none", ";transport=tls");
        let options = (modules.as_str(), ";mediaenc=srtp-mand;regint=0");
        Self::launch(directory, phone, account, Answer::Auto, PLAYS, options)
    }

    /// As [`Self::start`]; the phone checks connectivity (ICE) and shares a port with RTCP.
    pub(crate) fn start_with_ice(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        answer: Answer,
    ) -> Self {
        let modules = "module stun.so\nmodule turn.so\nmodule ice.so\nrtcp_mux yes\n";
        let options = (modules, ";medianat=ice");
        Self::launch(directory, phone, (account, password, ""), answer, PLAYS, options)
    }

    /// As [`Self::start`]; the phone subscribes to its messages (RFC 3842) once it is registered. It registers when it has started
    /// and not while it does: version 1.0.0 subscribes without end when the answer comes within its first millisecond, which it takes
    /// from the clock on the wall.
    pub(crate) fn start_with_messages(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        answer: Answer,
    ) -> Self {
        let options = ("module_app mwi.so\n", ";regint=0");
        let mut started = Self::launch(directory, phone, (account, password, ""), answer, PLAYS, options);
        let registers = format!("<sip:{account}@{}>;auth_pass={password};regint=600", daemon_address(phone));
        started.command("uanew", &registers);
        started
    }

    /// As [`Self::start`]; the phone publishes its presence (RFC 3903), and subscribes to that of another line.
    pub(crate) fn start_with_presence(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        watched: Option<&str>,
    ) -> Self {
        let contact = watched.map(|line| format!("<sip:{line}@{}>;presence=p2p\n", daemon_address(phone)));
        let of_account = directory.join(format!("baresip-{account}"));
        fs::create_dir_all(&of_account).expect("a directory of ours");
        fs::write(of_account.join("contacts"), contact.unwrap_or_default()).expect("a directory of ours");
        let options = ("module_app contact.so\nmodule_app presence.so\n", ";pubint=600");
        Self::launch(directory, phone, (account, password, ""), Answer::Manual, PLAYS, options)
    }

    /// As [`Self::start_with_tone`]; the phone knows these codecs alone, of these modules beside G.711: `G722/16000/1`, `g722`.
    pub(crate) fn start_with_codecs(
        directory: &Path,
        phone: u8,
        account: (&str, &str),
        answer: Answer,
        tone_hz: f64,
        (codecs, module): (&str, &str),
    ) -> Self {
        let (account, password) = account;
        let modules = if module.is_empty() { String::new() } else { format!("module {module}.so\n") };
        let options = (modules.as_str(), &*format!(";audio_codecs={codecs}"));
        Self::launch(directory, phone, (account, password, ""), answer, Plays::Tone(tone_hz), options)
    }

    /// As [`Self::start`]; the phone plays this file of 8,000 Hz and one channel instead of a tone.
    pub(crate) fn start_with_recording(
        directory: &Path,
        phone: u8,
        account: &str,
        password: &str,
        answer: Answer,
        recording: &Path,
    ) -> Self {
        let plays = Plays::Recording(recording);
        Self::launch(directory, phone, (account, password, ""), answer, plays, ("", ""))
    }

    /// As [`Self::start_with_tone`]; between the phone and the daemon is a translator, of which the phone is told nothing.
    pub(crate) fn start_behind(
        directory: &Path,
        place: (&Translator, u8),
        (account, password, parameters): (&str, &str, &str),
        answer: Answer,
        tone_hz: f64,
    ) -> Self {
        let place = Place::Behind(place.0, place.1);
        let account = (account, password, parameters);
        Self::launch_at(place, directory, account, answer, Plays::Tone(tone_hz), ("", ""))
    }

    fn launch(
        directory: &Path,
        phone: u8,
        account: (&str, &str, &str),
        answer: Answer,
        plays: Plays<'_>,
        options: (&str, &str),
    ) -> Self {
        Self::launch_at(Place::Linked(phone), directory, account, answer, plays, options)
    }

    fn launch_at(
        place: Place<'_>,
        directory: &Path,
        (account, password, parameters): (&str, &str, &str),
        answer: Answer,
        plays: Plays<'_>,
        (modules, options): (&str, &str),
    ) -> Self {
        let directory = directory.join(format!("baresip-{account}"));
        fs::create_dir_all(&directory).expect("a directory of ours");
        // `ausine` knows only 48 kHz and two channels, `aufile` only what the file has.
        let source = match plays {
            Plays::Tone(hz) => format!("ausine,{hz}\nausrc_srate 48000\nausrc_channels 2"),
            Plays::Recording(file) => {
                format!("aufile,{}\nausrc_srate 8000\nausrc_channels 1", file.display())
            }
        };
        let config = CONFIG.replace("{source}", &source);
        let config = config + modules;
        let mode = if answer == Answer::Auto { "auto" } else { "manual" };
        let renewal = if options.contains(";regint=") { "" } else { ";regint=600" };
        // A registration outlives the test: three phones that renew theirs every minute leave no moment without a transaction.
        let codecs =
            if options.contains(";audio_codecs=") { "" } else { ";audio_codecs=PCMU/8000/1,PCMA/8000/1" };
        let line = format!(
            "<sip:{account}@{}{parameters}>;auth_pass={password}{renewal};answermode={mode}{codecs}{options}\n",
            place.registrar()
        );
        for (file, text) in [("config", config.as_str()), ("accounts", &line)] {
            fs::write(directory.join(file), text).expect("a directory of ours");
        }
        // Without such a file it writes one with strangers in it.
        let contacts = directory.join("contacts");
        if !contacts.exists() {
            fs::write(contacts, "").expect("a directory of ours");
        }
        let mut command = Command::new("baresip");
        // It records into the directory where it runs: a path of more than some 90 octets it would cut off, name and all.
        command.args(["-4", "-f"]).arg(&directory).current_dir(&directory);
        let mut process = place.spawn(&format!("baresip {account}"), &command);
        process.wait_for(SPEAKS_WITHIN, |_, line| line.contains("baresip is ready"));
        let control = TcpStream::connect(place.control()).expect("the control socket listens");
        Self { process, directory, control, received: Vec::new() }
    }

    /// Gives a command: `dial`, `hold`, `resume`, `hangup`, `accept`.
    pub(crate) fn command(&mut self, command: &str, parameters: &str) {
        self.type_command(command, parameters);
        let answer = self.wait(SPEAKS_WITHIN, |message| message["token"] == command);
        assert_eq!(answer["ok"], true, "the phone refuses {command}: {answer}");
    }

    /// Unregisters and ends, as when a person switches it off.
    pub(crate) fn quit(mut self) {
        self.type_command("quit", "");
        self.process.wait_exit(SPEAKS_WITHIN);
    }

    /// Blocks until an event of this type: `CALL_ESTABLISHED`.
    pub(crate) fn expect(&mut self, event: &str, within: Duration) -> Value {
        self.wait(within, |message| message["type"] == event)
    }

    /// As [`Self::expect`], where it may not come.
    pub(crate) fn hears(&mut self, event: &str, within: Duration) -> Option<Value> {
        self.look(within, |message| message["type"] == event)
    }

    /// Whether a call has come in that nobody waited for.
    pub(crate) fn rings(&mut self) -> bool {
        self.receive(Duration::from_millis(300));
        while let Some(message) = self.next_received() {
            if message["type"] == "CALL_INCOMING" {
                return true;
            }
        }
        false
    }

    /// Seconds for which the other side's tone is in what this phone recorded, over all its calls.
    pub(crate) fn heard_tone(&self, tone_hz: f64) -> f64 {
        let files = fs::read_dir(&self.directory).expect("a directory of ours").filter_map(Result::ok);
        let heard = files.map(|file| file.path()).filter(|path| path.to_string_lossy().ends_with("-dec.wav"));
        heard.map(|path| Audio::read(&path).seconds_of_tone(tone_hz)).sum()
    }

    fn type_command(&mut self, command: &str, parameters: &str) {
        let text = json!({"command": command, "params": parameters, "token": command}).to_string();
        write!(self.control, "{}:{text},", text.len()).expect("the phone runs");
    }

    fn wait(&mut self, within: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let said = self.look(within, fits);
        said.unwrap_or_else(|| panic!("the phone did not say so within {within:?}"))
    }

    fn look(&mut self, within: Duration, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let deadline = Instant::now() + within;
        loop {
            while let Some(message) = self.next_received() {
                if fits(&message) {
                    return Some(message);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.receive(left);
        }
    }

    fn receive(&mut self, within: Duration) {
        self.control.set_read_timeout(Some(within)).expect("a timeout can be set");
        let mut buffer = [0; 4096];
        match self.control.read(&mut buffer) {
            Ok(0) => panic!("the phone ended: {}", self.process.wait_exit(Duration::from_secs(5))),
            Ok(length) => self.received.extend(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("the phone's control socket: {error}"),
        }
    }

    /// Takes one netstring (`12:hello world!,`) off what was received.
    fn next_received(&mut self) -> Option<Value> {
        let colon = self.received.iter().position(|&octet| octet == b':')?;
        let length: usize =
            String::from_utf8_lossy(&self.received[..colon]).trim().parse().expect("a netstring");
        let end = colon + 1 + length;
        if self.received.len() <= end {
            return None;
        }
        let message = serde_json::from_slice(&self.received[colon + 1..end]).expect("the phone speaks JSON");
        self.received.drain(..=end);
        Some(message)
    }
}

/// The tone that each phone plays.
pub(crate) const TONE_HZ: f64 = 440.0;

/// Where a phone takes commands.
pub(crate) const CONTROL_PORT: u16 = 4444;

/// It is alive by then, however busy the machine is.
const SPEAKS_WITHIN: Duration = Duration::from_secs(30);

const PLAYS: Plays<'_> = Plays::Tone(TONE_HZ);

const CONFIG: &str = "\
poll_method epoll
sip_listen 0.0.0.0:5060
audio_source {source}
audio_txmode poll
audio_buffer 20-160
rtp_tos 184
rtp_stats no
statmode_default off
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module aufile.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 0.0.0.0:4444
snd_path .
";
