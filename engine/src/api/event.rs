//! A message of the switch as one line of the event stream.

use serde::Serialize;
use utoipa::ToSchema;

use super::operate::Done;
use super::problem::Problem;
use super::shape::Media;
use crate::handle::Delivery;
use crate::switch::{ForkEnd, Message};

/// One event. `seq` grows by one with each, over all restarts of the engine too; a client that was away resumes with `?after=SEQ`.
#[derive(Serialize)]
pub(super) struct Event {
    /// Its number.
    seq: u64,
    /// What happened.
    #[serde(flatten)]
    kind: Kind,
}

/// The types of events, with what each carries.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Kind {
    /// LINE_REPLY: a request is over, with what its HTTP answer would have said.
    Reply {
        /// Which request.
        request: u32,
        /// How it ended well; of `translate-address` a `Translated`.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<Done>,
        /// How it ended badly.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// LINE_APPNEWCALL: this application was given a handle.
    NewCall {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// The privilege given.
        privilege: &'static str,
    },
    /// LINE_CALLSTATE.
    CallState {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// LINECALLSTATE_.
        state: &'static str,
        /// The mode of the state.
        state_mode: Option<&'static str>,
        /// The privilege just given.
        privilege: Option<&'static str>,
    },
    /// LINE_CALLINFO.
    CallInfo {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// LINECALLINFOSTATE_. `qos`: how the call sounds has changed, see `media` of the call.
        changed: &'static str,
    },
    /// The media of a call is over: how it was.
    CallQuality {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// The figures of its station.
        media: Box<Media>,
    },
    /// A recording of the call began, is paused or resumed, or is over.
    Recording {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// `started`, `paused`, `resumed`, `stopped` or `failed`.
        change: &'static str,
        /// The file, from the directory of recordings on.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Why it is over: `stopped`, `toolong`, `diskfull`, `failed` or `resourceunavail`.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        /// How long it is, when it is over.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// A fork of the call's audio began, or is over.
    Fork {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// The fork, as in f3.
        fork: String,
        /// `started`, `stopped` or `failed`.
        change: &'static str,
        /// Why it is over: `stopped`, `callover`, `shutdown`, `closed` (by the server); failed: `nosuchhost`, `unreachable`, `timeout`,
        /// `tls`, `refused`, `protocol`, `lost`, `stalled`.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        /// With `refused`: the HTTP status that the server answered; with `closed`: its code (RFC 6455 §7.4), if it named one.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// When it is over: pieces of 20 ms that found no room on their way to the server.
        #[serde(skip_serializing_if = "Option::is_none")]
        pieces_lost: Option<u64>,
    },
    /// LINE_ADDRESSSTATE.
    AddressState {
        /// The line.
        line: String,
        /// LINEADDRESSSTATE_: `numcalls`, or `forward` when the forwarding of the line changed.
        changed: &'static str,
        /// With `numcalls`: calls that are neither idle nor on hold.
        #[serde(skip_serializing_if = "Option::is_none")]
        num_active_calls: Option<u16>,
        /// With `numcalls`: calls on hold.
        #[serde(skip_serializing_if = "Option::is_none")]
        num_on_hold_calls: Option<u16>,
        /// With `numcalls`: calls on hold pending transfer or conference.
        #[serde(skip_serializing_if = "Option::is_none")]
        num_on_hold_pend_calls: Option<u16>,
    },
    /// LINE_LINEDEVSTATE.
    LineState {
        /// The line.
        line: String,
        /// LINEDEVSTATE_.
        state: &'static str,
        /// The ring mode, or the completion.
        detail: u32,
        /// The ring count.
        count: u32,
    },
    /// LINE_CLOSE.
    Close {
        /// The line.
        line: String,
    },
    /// LINE_MONITORDIGITS.
    Digits {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// The digit.
        digit: char,
        /// LINEDIGITMODE_.
        mode: &'static str,
    },
    /// LINE_GATHERDIGITS.
    GatherDigits {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// What was gathered.
        digits: String,
        /// LINEGATHERTERM_.
        reason: &'static str,
    },
    /// LINE_GENERATE.
    Generate {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// LINEGENERATETERM_.
        reason: &'static str,
    },
    /// LINE_MONITORMEDIA.
    MonitorMedia {
        /// The call.
        call: String,
        /// Its line.
        line: String,
        /// LINEMEDIAMODE_.
        media_mode: &'static str,
    },
    /// A park address was taken or became free.
    Parked {
        /// The park address.
        parked_at: String,
        /// Who parked.
        line: String,
        /// Who is parked.
        party: String,
        /// `parked`, `retrieved`, `returned` or `abandoned`.
        change: &'static str,
    },
    /// A phone registered, unregistered or expired.
    Registration {
        /// The line.
        line: String,
        /// The Contact URI.
        contact: String,
        /// `registered`, `unregistered` or `expired`.
        change: &'static str,
    },
    /// The client was too slow or away for too long, or the engine started again meanwhile: read the state again. `seq` is the last that
    /// is lost.
    Lost {
        /// The first that is lost.
        from: u64,
        /// The last that is lost.
        to: u64,
    },
}

impl From<Delivery> for Event {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Message { seq, message } => Self { seq, kind: Kind::from(&*message) },
            Delivery::Lost { from, to } => Self { seq: to, kind: Kind::Lost { from, to } },
        }
    }
}

/// An event as the event stream writes it, with its number.
pub(crate) fn event_json(delivery: Delivery) -> (u64, String) {
    let event = Event::from(delivery);
    let json = serde_json::to_string(&event).expect("an event has string keys only");
    (event.seq, json)
}

impl From<&Message> for Kind {
    fn from(message: &Message) -> Self {
        match message {
            Message::Reply { request, reply } => {
                let request = request.0;
                match reply {
                    Ok(outcome) => {
                        Self::Reply { request, result: Some(outcome.clone().into()), problem: None }
                    }
                    Err(refusal) => {
                        Self::Reply { request, result: None, problem: Some(refusal.clone().into()) }
                    }
                }
            }
            Message::NewCall { call, line, privilege } => {
                Self::NewCall { call: call.to_string(), line: line.to_string(), privilege: privilege.name() }
            }
            Message::CallState { call, line, state, privilege } => Self::CallState {
                call: call.to_string(),
                line: line.to_string(),
                state: state.name(),
                state_mode: state.mode_name(),
                privilege: privilege.map(|privilege| privilege.name()),
            },
            Message::CallInfo { call, line, changed } => {
                Self::CallInfo { call: call.to_string(), line: line.to_string(), changed }
            }
            Message::CallQuality { call, line, media } => Self::CallQuality {
                call: call.to_string(),
                line: line.to_string(),
                media: Box::new(Media::new(media, None)),
            },
            Message::Recording { call, line, change, path, reason, length } => Self::Recording {
                call: call.to_string(),
                line: line.to_string(),
                change,
                path: path.as_deref().map(str::to_owned),
                reason: *reason,
                seconds: reason.map(|_| length.as_secs_f64()),
            },
            Message::Fork { call, line, fork, change, end, pieces_lost } => Self::Fork {
                call: call.to_string(),
                line: line.to_string(),
                fork: fork.to_string(),
                change,
                reason: end.map(ForkEnd::name),
                status: end.and_then(ForkEnd::status),
                pieces_lost: end.map(|_| *pieces_lost),
            },
            Message::AddressState { line, calls: [active, on_hold, on_hold_pend] } => Self::AddressState {
                line: line.to_string(),
                changed: "numcalls",
                num_active_calls: Some(*active),
                num_on_hold_calls: Some(*on_hold),
                num_on_hold_pend_calls: Some(*on_hold_pend),
            },
            Message::Forwarded { line } => Self::AddressState {
                line: line.to_string(),
                changed: "forward",
                num_active_calls: None,
                num_on_hold_calls: None,
                num_on_hold_pend_calls: None,
            },
            Message::LineState { line, state, detail, count } => {
                Self::LineState { line: line.to_string(), state, detail: *detail, count: *count }
            }
            Message::Close { line } => Self::Close { line: line.to_string() },
            Message::MonitorDigits { call, line, digit, mode } => Self::Digits {
                call: call.to_string(),
                line: line.to_string(),
                digit: *digit,
                mode: mode.name(),
            },
            Message::GatherDigits { call, line, digits, reason } => Self::GatherDigits {
                call: call.to_string(),
                line: line.to_string(),
                digits: digits.clone(),
                reason,
            },
            Message::Generate { call, line, reason } => {
                Self::Generate { call: call.to_string(), line: line.to_string(), reason }
            }
            Message::MonitorMedia { call, line, media_mode } => Self::MonitorMedia {
                call: call.to_string(),
                line: line.to_string(),
                media_mode: media_mode.name(),
            },
            Message::Parked { slot, line, party, change } => Self::Parked {
                parked_at: slot.to_string(),
                line: line.to_string(),
                party: party.clone(),
                change,
            },
            Message::Registration { line, contact, change } => {
                Self::Registration { line: line.to_string(), contact: contact.clone(), change }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::switch::{
        CallId, CallOperation, CallPrivilege, CallState, Circumstances, DigitMode, ForkId, LineError,
        MediaMode, OfferingMode, Outcome, Refusal, RequestId, Requested,
    };

    fn event(message: Message) -> Value {
        serde_json::to_value(Event::from(Delivery::Message { seq: 7, message: Arc::new(message) })).unwrap()
    }

    #[test]
    fn each_message_reads_as_its_line_constant() {
        let (call, line) = (CallId(3), Arc::<str>::from("1001"));
        let state = CallState::Offering(OfferingMode::Active);
        let privilege = CallPrivilege::Owner;
        assert_eq!(
            event(Message::CallState { call, line: line.clone(), state, privilege: Some(privilege) }),
            json!({"seq": 7, "type": "call-state", "call": "c3", "line": "1001", "state": "offering",
                   "state_mode": "active", "privilege": "owner"})
        );
        assert_eq!(
            event(Message::NewCall { call, line: line.clone(), privilege }),
            json!({"seq": 7, "type": "new-call", "call": "c3", "line": "1001", "privilege": "owner"})
        );
        assert_eq!(
            event(Message::CallInfo { call, line: line.clone(), changed: "connectedid" }),
            json!({"seq": 7, "type": "call-info", "call": "c3", "line": "1001", "changed": "connectedid"})
        );
        assert_eq!(
            event(Message::AddressState { line: line.clone(), calls: [1, 2, 3] }),
            json!({"seq": 7, "type": "address-state", "line": "1001", "changed": "numcalls", "num_active_calls": 1,
                   "num_on_hold_calls": 2, "num_on_hold_pend_calls": 3})
        );
        let mode = DigitMode::DtmfEnd;
        for (message, expected) in [
            (
                Message::Forwarded { line: line.clone() },
                json!({"type": "address-state", "changed": "forward"}),
            ),
            (
                Message::LineState { line: line.clone(), state: "ringing", detail: 1, count: 2 },
                json!({"type": "line-state", "state": "ringing", "detail": 1, "count": 2}),
            ),
            (Message::Close { line: line.clone() }, json!({"type": "close"})),
            (
                Message::Recording {
                    call,
                    line: line.clone(),
                    change: "stopped",
                    path: Some("a.wav".into()),
                    reason: Some("toolong"),
                    length: std::time::Duration::from_millis(1_500),
                },
                json!({"type": "recording", "call": "c3", "change": "stopped", "path": "a.wav",
                       "reason": "toolong", "seconds": 1.5}),
            ),
            (
                Message::Fork {
                    call,
                    line: line.clone(),
                    fork: ForkId(1),
                    change: "failed",
                    end: Some(ForkEnd::Refused(302)),
                    pieces_lost: 0,
                },
                json!({"type": "fork", "call": "c3", "fork": "f1", "change": "failed", "reason": "refused",
                       "status": 302, "pieces_lost": 0}),
            ),
            (
                Message::MonitorDigits { call, line: line.clone(), digit: '#', mode },
                json!({"type": "digits", "call": "c3", "digit": "#", "mode": "dtmfend"}),
            ),
            (
                Message::GatherDigits { call, line: line.clone(), digits: "42".into(), reason: "bufferfull" },
                json!({"type": "gather-digits", "call": "c3", "digits": "42", "reason": "bufferfull"}),
            ),
            (
                Message::Generate { call, line: line.clone(), reason: "done" },
                json!({"type": "generate", "call": "c3", "reason": "done"}),
            ),
            (
                Message::MonitorMedia { call, line: line.clone(), media_mode: MediaMode::G3Fax },
                json!({"type": "monitor-media", "call": "c3", "media_mode": "g3fax"}),
            ),
            (
                Message::Parked {
                    slot: "701".into(),
                    line: line.clone(),
                    party: "1002".into(),
                    change: "parked",
                },
                json!({"type": "parked", "parked_at": "701", "party": "1002", "change": "parked"}),
            ),
        ] {
            let mut expected = expected;
            expected["seq"] = json!(7);
            expected["line"] = json!("1001");
            assert_eq!(event(message), expected);
        }
        assert_eq!(
            event(Message::Registration { line, contact: "sip:a@b".into(), change: "expired" }),
            json!({"seq": 7, "type": "registration", "line": "1001", "contact": "sip:a@b", "change": "expired"})
        );
    }

    #[test]
    fn a_reply_says_what_its_http_answer_would_have_said() {
        let request = RequestId(5);
        assert_eq!(
            event(Message::Reply { request, reply: Ok(Outcome::Call(CallId(3))) }),
            json!({"seq": 7, "type": "reply", "request": 5, "result": {"call": "c3"}})
        );
        let refusal = Refusal {
            error: LineError::InvalCallState,
            state: Some(CallState::OnHold),
            allowed: vec![CallOperation::Unhold],
            circumstances: Some(Box::new(Circumstances {
                requested: Requested::OnCall(CallOperation::Hold),
                state: Some(CallState::OnHold),
                privilege: Some(CallPrivilege::Owner),
                allowed: Some(vec!["unhold"]),
            })),
        };
        let reply = event(Message::Reply { request, reply: Err(refusal.clone()) });
        assert_eq!(reply["problem"], serde_json::to_value(Problem::from(refusal)).unwrap());
        assert_eq!(reply["problem"]["code"], "invalcallstate");
    }

    #[test]
    fn webhooks_choose_among_all_types_of_events() {
        let schema = serde_json::to_value(<Kind as utoipa::PartialSchema>::schema()).unwrap();
        let types = schema["oneOf"].as_array().unwrap().iter().map(|kind| {
            let named = kind
                .pointer("/properties/type/enum/0")
                .or_else(|| kind.pointer("/allOf/1/properties/type/enum/0"));
            named.and_then(Value::as_str).unwrap_or_else(|| panic!("{kind}")).to_owned()
        });
        let mut types: Vec<_> = types.filter(|kind| kind != "lost").collect();
        types.sort_unstable();
        assert_eq!(types, crate::webhook::EVENT_TYPES);
    }

    #[test]
    fn what_was_lost_is_told_with_the_number_to_go_on_from() {
        let lost = serde_json::to_value(Event::from(Delivery::Lost { from: 2, to: 9 })).unwrap();
        assert_eq!(lost, json!({"seq": 9, "type": "lost", "from": 2, "to": 9}));
    }
}
