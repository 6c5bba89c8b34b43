//! `application/csta+xml`: services that a phone is asked for, and what it says of its calls (ECMA-323, by SIP as ECMA TR/87).
//!
//! ```text
//!  engine                                          phone
//!    │ INVITE  RequestSystemStatus ──────────────────▶│   a dialog without media
//!    │◀── 200  RequestSystemStatusResponse ───────────│
//!    │ INFO  AnswerCall ─────────────────────────────▶│
//!    │◀── 200  AnswerCallResponse, or CSTAErrorCode ──│   some phones: 200 without a body, then an INFO
//!    │◀── INFO  EstablishedEvent ─────────────────────│   once MonitorStart was asked for
//! ```
//!
//! Bodies have no number: a response belongs to the service that was asked for last. Elements are known by their local names,
//! whatever edition of the namespace a phone writes.

mod texts;
mod wish;

use super::Unreadable;
use super::features::bare;
use super::xml::Escaped;
use crate::outbox::{FeatureWish, ForwardKind};
use texts::Texts;

/// The type of the bodies.
pub const CONTENT_TYPE: &str = "application/csta+xml";

/// What the bodies are for (RFC 3261 §20.11): who cannot read them refuses the request.
pub(crate) const DISPOSITION: &str = "signal;handling=required";

/// A longer body is not read, in bytes.
pub const BYTES_MAX: usize = 8_192;

/// A longer text is read past, in bytes: a call whose name is longer is not known.
pub const IDENTIFIER_BYTES_MAX: usize = 256;

/// The edition of June 2004, which TR/87 was written for: phones know it, and later ones add to it.
const NAMESPACE: &str = "http://www.ecma-international.org/standards/ecma-323/csta/ed3";

/// One end of a call: as the phone names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Connection {
    /// `callID`.
    pub call: String,
    /// `deviceID`; perhaps empty.
    pub device: String,
}

/// What a phone is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Service {
    /// Whether it serves (ECMA-269 §13.1.1).
    RequestSystemStatus,
    /// To tell what becomes of the calls of this device (§14.1.2).
    MonitorStart(String),
    /// To call from the device to the other one, without waiting for the user (§17.1.19).
    MakeCall(String, String),
    /// To answer a call that rings (§17.1.3).
    AnswerCall(Connection),
    /// To take back a call that it holds (ECMA-269 §17.1).
    RetrieveCall(Connection),
    /// To leave a call (§17.1.8).
    ClearConnection(Connection),
    /// To let nobody disturb the device, or again everybody (ECMA-269 §22.1).
    SetDoNotDisturb(String, bool),
    /// To send calls of the device elsewhere, or no longer (§22.1).
    SetForwarding {
        /// The device.
        device: String,
        /// When.
        kind: ForwardKind,
        /// Where to; `None`: no longer.
        to: Option<String>,
        /// Rings before nobody answers.
        rings: Option<u32>,
    },
}

impl Service {
    /// Its element.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RequestSystemStatus => "RequestSystemStatus",
            Self::MonitorStart(_) => "MonitorStart",
            Self::MakeCall(..) => "MakeCall",
            Self::AnswerCall(_) => "AnswerCall",
            Self::RetrieveCall(_) => "RetrieveCall",
            Self::ClearConnection(_) => "ClearConnection",
            Self::SetDoNotDisturb(..) => "SetDoNotDisturb",
            Self::SetForwarding { .. } => "SetForwarding",
        }
    }

    /// Whether it may be asked for again where nobody knows whether the phone heard of it. A call would be made twice.
    pub(crate) const fn may_repeat(&self) -> bool {
        !matches!(self, Self::MakeCall(..))
    }

    /// The body.
    pub(crate) fn print(&self) -> String {
        let inside = match self {
            Self::RequestSystemStatus => String::new(),
            Self::MonitorStart(device) => {
                format!("<monitorObject>{}</monitorObject>", element("deviceObject", device))
            }
            Self::MakeCall(from, to) => {
                let (from, to) = (element("callingDevice", from), element("calledDirectoryNumber", to));
                format!("{from}{to}<autoOriginate>doNotPrompt</autoOriginate>")
            }
            Self::AnswerCall(call) => connection("callToBeAnswered", call),
            Self::RetrieveCall(call) => connection("callToBeRetrieved", call),
            Self::ClearConnection(call) => connection("connectionToBeCleared", call),
            Self::SetDoNotDisturb(device, is_on) => {
                format!("{}<doNotDisturbOn>{is_on}</doNotDisturbOn>", element("device", device))
            }
            Self::SetForwarding { device, kind, to, rings } => {
                let (device, kind) = (element("device", device), kind.word());
                let is_on = to.is_some();
                let number = to.as_ref().map(|to| element("forwardDN", to)).unwrap_or_default();
                let rings = rings.map(|rings| format!("<ringCount>{rings}</ringCount>")).unwrap_or_default();
                format!(
                    "{device}<forwardingType>{kind}</forwardingType><activateForward>{is_on}</activateForward>\
                     {number}{rings}"
                )
            }
        };
        document(self.name(), &inside)
    }
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", Escaped(text))
}

fn connection(name: &str, Connection { call, device }: &Connection) -> String {
    format!("<{name}>{}{}</{name}>", element("callID", call), element("deviceID", device))
}

fn document(root: &str, inside: &str) -> String {
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n";
    match inside {
        "" => format!("{declaration}<{root} xmlns=\"{NAMESPACE}\"/>\r\n"),
        _ => format!("{declaration}<{root} xmlns=\"{NAMESPACE}\">{inside}</{root}>\r\n"),
    }
}

/// What a phone says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// A service was done, or is under way.
    Response {
        /// The element of the service: `MakeCall` for `MakeCallResponse`.
        service: String,
        /// The call that it made or changed.
        connection: Option<Connection>,
        /// Whether `systemStatus` says that the phone does not serve.
        is_disabled: bool,
    },
    /// A service was refused (`CSTAErrorCode`): category and value, as `stateIncompatibility invalidObjectState`.
    Error(String),
    /// Something became of a call.
    CallEvent(CallEvent),
    /// A key for do not disturb or forwarding was pressed: it has changed them, or wants them changed.
    Feature {
        /// What holds at the phone, or is to.
        wish: FeatureWish,
        /// The service that it asks for; `None`: it tells what it did.
        service: Option<&'static str>,
    },
    /// It asks whether we serve (`RequestSystemStatus`), or tells whether it does (`SystemStatus`).
    Status {
        /// Whether it asks.
        is_question: bool,
    },
    /// Something else, which needs no answer of its own.
    Other,
}

/// What became of a call at the phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallEvent {
    /// What.
    pub change: CallChange,
    /// Whose end it is: that of the phone, or of the other party.
    pub connection: Connection,
    /// The number of the caller, without scheme and host; empty where it is not said.
    pub calling: String,
    /// The number that was called, the same way.
    pub called: String,
    /// Whose end it is, as a number.
    pub device: String,
}

/// How a call changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallChange {
    /// `ServiceInitiatedEvent`, `OriginatedEvent`: the phone makes a call.
    Begun,
    /// `DeliveredEvent`: it rings at the device.
    Delivered,
    /// `EstablishedEvent`.
    Established,
    /// `HeldEvent`.
    Held,
    /// `RetrievedEvent`.
    Retrieved,
    /// `ConnectionClearedEvent`, `CallClearedEvent`, `DivertedEvent`, `TransferedEvent`: it is there no more.
    Cleared,
    /// `FailedEvent`.
    Failed,
}

impl CallChange {
    /// The change that an element tells.
    fn of(root: &str) -> Option<Self> {
        Some(match root {
            "ServiceInitiatedEvent" | "OriginatedEvent" => Self::Begun,
            "DeliveredEvent" => Self::Delivered,
            "EstablishedEvent" => Self::Established,
            "HeldEvent" => Self::Held,
            "RetrievedEvent" => Self::Retrieved,
            "ConnectionClearedEvent" | "CallClearedEvent" | "DivertedEvent" | "TransferedEvent" => {
                Self::Cleared
            }
            "FailedEvent" => Self::Failed,
            _ => return None,
        })
    }
}

/// Whether a Content-Type is that of these bodies.
pub(crate) fn is_type(content_type: Option<&str>) -> bool {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case(CONTENT_TYPE)
}

/// Reads what a phone says.
///
/// # Errors
/// [`Unreadable`], whatever the bytes are.
pub fn read(body: &[u8]) -> Result<Statement, Unreadable> {
    let texts = Texts::read(body)?;
    let root = texts.root.as_str();
    if let Some(service) = root.strip_suffix("Response") {
        let connection = texts.connection();
        let is_disabled = texts.of("systemStatus").eq_ignore_ascii_case("disabled");
        return Ok(Statement::Response { service: service.to_owned(), connection, is_disabled });
    }
    if let (Some(change), Some(connection)) = (CallChange::of(root), texts.connection()) {
        let party = |name: &str| {
            let texts = [texts.of(&format!("{name}/deviceIdentifier")), texts.of(name)];
            number(texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default())
        };
        let device = number(&connection.device);
        let (calling, called) = (party("callingDevice"), party("calledDevice"));
        return Ok(Statement::CallEvent(CallEvent { change, connection, calling, called, device }));
    }
    if let Some(wish) = wish::read(&texts) {
        return Ok(Statement::Feature { wish, service: wish::service(root) });
    }
    Ok(match root {
        "CSTAErrorCode" => {
            Statement::Error(texts.first().map(|(name, text)| format!("{name} {text}")).unwrap_or_default())
        }
        "RequestSystemStatus" => Statement::Status { is_question: true },
        "SystemStatus" => Statement::Status { is_question: false },
        _ => Statement::Other,
    })
}

/// What is answered to a body that wants an answer.
pub(crate) fn response_to(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Status { is_question: true } => {
            let status = element("systemStatus", "normal");
            Some(document("RequestSystemStatusResponse", &status))
        }
        Statement::Status { is_question: false } => Some(document("SystemStatusResponse", "")),
        Statement::Feature { service: Some(service), .. } => {
            Some(document(&format!("{service}Response"), ""))
        }
        Statement::Feature { service: None, .. } | Statement::Response { .. } => None,
        Statement::Error(_) | Statement::CallEvent(_) | Statement::Other => None,
    }
}

/// The number that a device identifier names: `1001` for `sip:1001@pbx.example;user=phone` and for `<sip:1001@pbx>`.
fn number(device: &str) -> String {
    let device = device.trim().trim_start_matches('<').trim_end_matches('>');
    bare(device).split(['@', ';']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Connection {
        Connection { call: "7<&".to_owned(), device: "sip:1001@pbx.example".to_owned() }
    }

    #[test]
    fn each_service_is_written_as_the_standard_has_it() {
        let from = "sip:1001@pbx.example".to_owned();
        let to = "sip:1002@pbx.example".to_owned();
        let cases = [
            (Service::RequestSystemStatus, "RequestSystemStatus", ""),
            (
                Service::MonitorStart(from.clone()),
                "MonitorStart",
                "<monitorObject><deviceObject>sip:1001@pbx.example</deviceObject></monitorObject>",
            ),
            (
                Service::MakeCall(from, to),
                "MakeCall",
                "<callingDevice>sip:1001@pbx.example</callingDevice>\
                 <calledDirectoryNumber>sip:1002@pbx.example</calledDirectoryNumber>\
                 <autoOriginate>doNotPrompt</autoOriginate>",
            ),
            (
                Service::AnswerCall(call()),
                "AnswerCall",
                "<callToBeAnswered><callID>7&lt;&amp;</callID><deviceID>sip:1001@pbx.example</deviceID></callToBeAnswered>",
            ),
            (
                Service::RetrieveCall(call()),
                "RetrieveCall",
                "<callToBeRetrieved><callID>7&lt;&amp;</callID><deviceID>sip:1001@pbx.example</deviceID></callToBeRetrieved>",
            ),
            (
                Service::ClearConnection(call()),
                "ClearConnection",
                "<connectionToBeCleared><callID>7&lt;&amp;</callID><deviceID>sip:1001@pbx.example</deviceID>\
                 </connectionToBeCleared>",
            ),
            (
                Service::SetDoNotDisturb("sip:1001@x".to_owned(), true),
                "SetDoNotDisturb",
                "<device>sip:1001@x</device><doNotDisturbOn>true</doNotDisturbOn>",
            ),
            (
                Service::SetForwarding {
                    device: "sip:1001@x".to_owned(),
                    kind: ForwardKind::NoAnswer,
                    to: Some("sip:30&@x".to_owned()),
                    rings: Some(4),
                },
                "SetForwarding",
                "<device>sip:1001@x</device><forwardingType>forwardNoAns</forwardingType>\
                 <activateForward>true</activateForward><forwardDN>sip:30&amp;@x</forwardDN><ringCount>4</ringCount>",
            ),
            (
                Service::SetForwarding {
                    device: "sip:1001@x".to_owned(),
                    kind: ForwardKind::Immediate,
                    to: None,
                    rings: None,
                },
                "SetForwarding",
                "<device>sip:1001@x</device><forwardingType>forwardImmediate</forwardingType>\
                 <activateForward>false</activateForward>",
            ),
        ];
        for (service, name, inside) in cases {
            let rest = if inside.is_empty() { "/>".to_owned() } else { format!(">{inside}</{name}>") };
            let expected = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
                 <{name} xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed3\"{rest}\r\n"
            );
            assert_eq!((service.name(), service.print()), (name, expected));
            assert_ne!(read(service.print().as_bytes()), Err(Unreadable::Malformed));
        }
    }

    fn response(service: &str, connection: Option<(&str, &str)>) -> Statement {
        let connection =
            connection.map(|(call, device)| Connection { call: call.to_owned(), device: device.to_owned() });
        Statement::Response { service: service.to_owned(), connection, is_disabled: false }
    }

    /// As phones of Snom, Yealink and Unify write it, in editions and with prefixes of their own.
    #[test]
    fn responses_are_read_in_every_spelling() {
        let made = "<?xml version=\"1.0\"?><MakeCallResponse xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed4\">\n\
                    <callingDevice>\n<callID>1043</callID>\n<deviceID>sip:1001@pbx.example</deviceID></callingDevice>\
                    <mediaCallCharacteristics/></MakeCallResponse>";
        let expected = response("MakeCall", Some(("1043", "sip:1001@pbx.example")));
        assert_eq!(read(made.as_bytes()), Ok(expected));
        assert_eq!(read(b"<c:AnswerCallResponse xmlns:c=\"u\"/>"), Ok(response("AnswerCall", None)));
        let status = |word: &str| {
            read(format!("<RequestSystemStatusResponse><systemStatus>{word}</systemStatus></RequestSystemStatusResponse>").as_bytes())
        };
        assert_eq!(status("normal"), Ok(response("RequestSystemStatus", None)));
        let disabled = Statement::Response {
            service: "RequestSystemStatus".to_owned(),
            connection: None,
            is_disabled: true,
        };
        assert_eq!(status("disabled"), Ok(disabled));
        let error =
            b"<CSTAErrorCode><stateIncompatibility>invalidObjectState</stateIncompatibility></CSTAErrorCode>";
        assert_eq!(read(error), Ok(Statement::Error("stateIncompatibility invalidObjectState".to_owned())));
        assert_eq!(read(b"<CSTAErrorCode/>"), Ok(Statement::Error(String::new())));
    }

    #[test]
    fn what_becomes_of_a_call_is_read() {
        let delivered = "<DeliveredEvent xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed3\">\
            <monitorCrossRefID>1</monitorCrossRefID><connection><callID>9</callID><deviceID>sip:1001@pbx.example</deviceID>\
            </connection><alertingDevice><deviceIdentifier>sip:1001@pbx.example</deviceIdentifier></alertingDevice>\
            <callingDevice><deviceIdentifier>&lt;sip:1002@pbx.example;user=phone&gt;</deviceIdentifier></callingDevice>\
            <calledDevice><deviceIdentifier>tel:1001</deviceIdentifier></calledDevice>\
            <localConnectionInfo>alerting</localConnectionInfo><cause>newCall</cause></DeliveredEvent>";
        let connection = Connection { call: "9".to_owned(), device: "sip:1001@pbx.example".to_owned() };
        let expected = CallEvent {
            change: CallChange::Delivered,
            connection: connection.clone(),
            calling: "1002".to_owned(),
            called: "1001".to_owned(),
            device: "1001".to_owned(),
        };
        assert_eq!(read(delivered.as_bytes()), Ok(Statement::CallEvent(expected)));
        for (root, inside, change) in [
            ("OriginatedEvent", "originatedConnection", CallChange::Begun),
            ("ServiceInitiatedEvent", "initiatedConnection", CallChange::Begun),
            ("EstablishedEvent", "establishedConnection", CallChange::Established),
            ("HeldEvent", "heldConnection", CallChange::Held),
            ("RetrievedEvent", "retrievedConnection", CallChange::Retrieved),
            ("ConnectionClearedEvent", "droppedConnection", CallChange::Cleared),
            ("FailedEvent", "failedConnection", CallChange::Failed),
        ] {
            let body = format!(
                "<{root}><{inside}><callID>9</callID><deviceID>sip:1001@pbx.example</deviceID></{inside}></{root}>"
            );
            let (calling, called, device) = (String::new(), String::new(), "1001".to_owned());
            let event = CallEvent { change, connection: connection.clone(), calling, called, device };
            assert_eq!(read(body.as_bytes()), Ok(Statement::CallEvent(event)), "{root}");
            assert_eq!(read(format!("<{root}/>").as_bytes()), Ok(Statement::Other), "of no call");
        }
    }

    #[test]
    fn a_phone_that_asks_is_answered() {
        let answered = |body: &[u8]| response_to(&read(body).unwrap());
        let namespace = format!("xmlns=\"{NAMESPACE}\"");
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n";
        let normal = format!(
            "{declaration}<RequestSystemStatusResponse {namespace}><systemStatus>normal</systemStatus>\
             </RequestSystemStatusResponse>\r\n"
        );
        assert_eq!(answered(b"<RequestSystemStatus/>"), Some(normal));
        let noted = format!("{declaration}<SystemStatusResponse {namespace}/>\r\n");
        let told = b"<SystemStatus><systemStatus>enabled</systemStatus></SystemStatus>";
        assert_eq!(answered(told), Some(noted));
        let set = format!("{declaration}<SetDoNotDisturbResponse {namespace}/>\r\n");
        let wanted = b"<SetDoNotDisturb><doNotDisturbOn>1</doNotDisturbOn></SetDoNotDisturb>";
        assert_eq!(answered(wanted), Some(set));
        assert_eq!(answered(b"<MicrophoneMuteEvent/>"), None);
    }

    #[test]
    fn hostile_bodies_are_refused() {
        assert_eq!(read(b""), Err(Unreadable::Malformed));
        assert_eq!(read(b"<DeliveredEvent>"), Err(Unreadable::Malformed));
        assert_eq!(read(b"<!DOCTYPE a []><a/>"), Err(Unreadable::DocumentType));
        let long = format!("<a>{}</a>", " ".repeat(BYTES_MAX));
        assert_eq!(read(long.as_bytes()), Err(Unreadable::TooLong));
        let named = |bytes: usize| {
            let call = "1".repeat(bytes);
            read(
                format!("<HeldEvent><heldConnection><callID>{call}</callID></heldConnection></HeldEvent>")
                    .as_bytes(),
            )
        };
        assert!(matches!(named(IDENTIFIER_BYTES_MAX), Ok(Statement::CallEvent(_))));
        assert_eq!(named(IDENTIFIER_BYTES_MAX + 1), Ok(Statement::Other), "a call that nobody can name");
        assert_eq!(number("<sip:1001@pbx>"), "1001");
        assert_eq!(number("1001@pbx"), "1001");
        assert_eq!(number(""), "");
    }

    #[test]
    fn the_type_is_known_in_every_spelling() {
        assert!(is_type(Some("Application/CSTA+xml; charset=utf-8")));
        assert!(!is_type(Some("application/sdp")) && !is_type(None));
    }
}
