//! The JSON bodies of operations, and the operations that they make.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::switch::{
    Authorization, CallId, CallParams, CallPrivilege, CompletionId, CompletionMode, DigitMode, ForkUrl,
    ForwardEntry, ForwardMode, Gathering, HandoffTarget, LineError, MediaMode, Operation, QosLevel,
    TransferMode,
};

/// The longest string of an argument.
pub(super) const TEXT_BYTES_MAX: usize = 256;

/// The longest list of an argument.
const ITEMS_MAX: usize = 64;

/// The argument of operations that have none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The argument of `accept`, `answer` and `drop`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserUser {
    /// User-user information for the far side, in hexadecimal (RFC 7433).
    #[schema(value_type = Option<String>, example = "0468656c6c6f")]
    #[serde(default)]
    pub(super) user_user: Option<Hex>,
}

/// Octets in hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug, ToSchema)]
#[schema(value_type = String)]
pub(super) struct Hex(pub(super) Bytes);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > 2 * 8192 {
            return Err(D::Error::custom("octets: too many"));
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let octets = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        let octets: Option<Vec<u8>> = octets.collect();
        octets.map(|octets| Self(octets.into())).ok_or_else(|| D::Error::custom("octets: not hexadecimal"))
    }
}

/// Octets as they are shown: in hexadecimal.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A string that cannot break a header or a line of a log.
#[derive(Clone, PartialEq, Eq, Debug, ToSchema)]
#[schema(value_type = String)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().any(char::is_control) {
            return Err(D::Error::custom("a string has a control character"));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(D::Error::custom(format_args!("a string has more than {TEXT_BYTES_MAX} bytes")));
        }
        Ok(Self(text))
    }
}

/// The argument of `make-call`: the destination, and LINECALLPARAMS.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeCall {
    /// The destination in dialable format; empty, or `;` at its end: `dial` brings the rest. Digits after a `,` are said when
    /// the call is connected, two seconds for each `,`.
    #[schema(value_type = String, example = "1002")]
    to: Text,
    /// User-user information for the called party, in hexadecimal.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "0468656c6c6f")]
    user_user: Option<Hex>,
    /// CallData, in hexadecimal.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "63617365203432")]
    call_data: Option<Hex>,
    /// The call is given up when nobody answered for so many seconds.
    #[serde(default)]
    #[schema(example = 20)]
    no_answer_timeout_s: Option<u32>,
    /// Nothing may interrupt the call.
    #[serde(default)]
    secure: bool,
    /// The called party is not shown who calls.
    #[serde(default)]
    block_id: bool,
    /// Only if the line has no call.
    #[serde(default)]
    idle: bool,
    /// The called phone is asked to answer by itself.
    #[serde(default)]
    dest_off_hook: bool,
    /// The name that the called party is shown.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Reception")]
    calling_party: Option<Text>,
}

impl MakeCall {
    pub(super) fn on(self, line: Arc<str>) -> Operation {
        let params = CallParams {
            user_user: self.user_user.map(|hex| hex.0),
            call_data: self.call_data.map(|hex| hex.0).unwrap_or_default(),
            no_answer_after: self.no_answer_timeout_s.map(|s| Duration::from_secs(s.into())),
            secure: self.secure,
            block_id: self.block_id,
            idle: self.idle,
            dest_off_hook: self.dest_off_hook,
            calling_party: self.calling_party.map(|text| text.0),
        };
        let params = (params != CallParams::default()).then(|| Box::new(params));
        Operation::MakeCall { line, to: self.to.0, params }
    }
}

/// The argument of `forward`: the whole list; an empty one cancels all forwarding.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Forward {
    /// The entries.
    #[serde(default)]
    entries: Vec<ForwardItem>,
    /// Rings before a call counts as not answered.
    #[serde(default)]
    #[schema(example = 4)]
    rings: Option<u32>,
}

/// LINEFORWARD.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForwardItem {
    /// LINEFORWARDMODE_.
    #[schema(example = "noansw")]
    mode: String,
    /// The caller, with the specific modes.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "1002")]
    caller: Option<Text>,
    /// Where to; none: do not disturb.
    #[schema(value_type = Option<String>, example = "1003")]
    #[serde(default)]
    destination: Option<Text>,
}

impl Forward {
    pub(super) fn on(self, line: Arc<str>) -> Result<Operation, Problem> {
        let entry = |item: ForwardItem| {
            let mode = ForwardMode::ALL
                .into_iter()
                .find(|mode| mode.name() == item.mode)
                .ok_or_else(|| Problem::of_field(LineError::InvalParam, "entries"))?;
            let caller = item.caller.map(|text| text.0.into());
            Ok(ForwardEntry { mode, caller, destination: item.destination.map(|text| text.0.into()) })
        };
        let entries: Result<Vec<_>, Problem> = self.entries.into_iter().map(entry).collect();
        Ok(Operation::Forward { line, entries: entries?, rings: self.rings })
    }
}

/// The argument of `pickup`: an address, a group, or neither for the line's own groups.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pickup {
    /// The address of the alerting station.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "1002")]
    from: Option<Text>,
    /// The group of the alerting station.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "sales")]
    group: Option<Text>,
}

impl Pickup {
    pub(super) fn on(self, line: Arc<str>) -> Operation {
        Operation::Pickup { line, from: self.from.map(|text| text.0), group: self.group.map(|text| text.0) }
    }
}

/// The argument of `unpark`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unpark {
    /// The park address.
    #[schema(value_type = String, example = "701")]
    pub(super) from: Text,
}

/// The argument of `uncomplete-call`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UncompleteCall {
    /// The request that is outstanding.
    #[schema(example = 3)]
    completion: u32,
}

impl UncompleteCall {
    pub(super) fn on(self, line: Arc<str>) -> Operation {
        Operation::UncompleteCall { line, completion: CompletionId(self.completion) }
    }
}

/// The argument of `open`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenLine {
    /// `none`, `monitor` or `owner`.
    #[schema(example = "owner")]
    privilege: String,
    /// What is taken as owner; none: interactive voice.
    #[serde(default)]
    #[schema(example = json!(["interactivevoice"]))]
    media_modes: Vec<String>,
}

impl OpenLine {
    pub(super) fn on(self, line: Arc<str>) -> Result<Operation, Problem> {
        let privilege = CallPrivilege::named(&self.privilege)
            .ok_or_else(|| Problem::of_field(LineError::InvalPrivSelect, "privilege"))?;
        Ok(Operation::OpenLine { line, privilege, media_modes: media_modes(&self.media_modes)? })
    }
}

/// The argument of `set-status-messages`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStatusMessages {
    /// LINEDEVSTATE_ that are wanted.
    #[serde(default)]
    #[schema(example = json!(["ringing", "numcompletions"]))]
    line_states: Vec<String>,
    /// LINEADDRESSSTATE_ that are wanted.
    #[serde(default)]
    #[schema(example = json!(["numcalls", "forward"]))]
    address_states: Vec<String>,
}

impl SetStatusMessages {
    pub(super) fn on(mut self, line: Arc<str>) -> Operation {
        self.line_states.truncate(ITEMS_MAX);
        self.address_states.truncate(ITEMS_MAX);
        let Self { line_states, address_states } = self;
        Operation::SetStatusMessages { line, line_states, address_states }
    }
}

/// The argument of `set-app-priority`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetAppPriority {
    /// For which mode.
    #[schema(example = "interactivevoice")]
    media_mode: String,
    /// 1: to the top; 0: off the list.
    #[schema(example = 1)]
    priority: u32,
}

impl SetAppPriority {
    pub(super) fn on(self, app: String) -> Result<Operation, Problem> {
        let media_mode = MediaMode::named(&self.media_mode)
            .ok_or_else(|| Problem::of_field(LineError::InvalMediaMode, "media_mode"))?;
        Ok(Operation::SetAppPriority { app, media_mode, priority: self.priority })
    }
}

/// The argument of `swap-hold`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwapHold {
    /// The held call.
    #[schema(example = "c41")]
    with: String,
}

impl SwapHold {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        Ok(Operation::SwapHold { call, with: second(&self.with, "with", LineError::InvalCallHandle)? })
    }
}

/// The argument of `start-fork`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartFork {
    /// A WebSocket that `[fork] allow` names, or below one: `ws://` or `wss://`.
    #[schema(example = "ws://127.0.0.1:9000/listen")]
    url: String,
    /// The value of the Authorization header of the request to it. It is neither shown nor logged.
    #[serde(default)]
    #[schema(example = "Bearer 8f14e45f")]
    authorization: Option<String>,
}

impl StartFork {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let unusable = |field, what| Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, what).at_field(field);
        let url = ForkUrl::parse(&self.url);
        let url =
            url.ok_or_else(|| unusable("url", "url is no URL of a WebSocket that can be forked to."))?;
        let authorization = self.authorization.map(|value| {
            let value = Authorization::parse(&value);
            value.ok_or_else(|| unusable("authorization", "authorization is no value of a header."))
        });
        Ok(Operation::StartFork { call, url, authorization: authorization.transpose()? })
    }
}

/// The argument of `stop-fork`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopFork {
    /// Which; none: all of the call.
    #[serde(default)]
    #[schema(example = "f3")]
    fork: Option<String>,
}

impl StopFork {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let fork =
            self.fork.map(|text| text.parse().map_err(|()| Problem::of_field(LineError::InvalParam, "fork")));
        Ok(Operation::StopFork { call, fork: fork.transpose()? })
    }
}

/// The argument of `dial`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dial {
    /// More digits; `;` at the end: more follow.
    #[schema(value_type = String, example = "1003")]
    pub(super) digits: Text,
}

/// The argument of `blind-transfer` and `redirect`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    /// Where to.
    #[schema(value_type = String, example = "1003")]
    pub(super) to: Text,
}

/// The argument of `setup-transfer`, `setup-conference` and `prepare-add-to-conference`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Consult {
    /// Whom to consult at once: LINECALLPARAMFLAGS_ONESTEPTRANSFER or _NOHOLDCONFERENCE.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "1003")]
    to: Option<Text>,
}

impl Consult {
    pub(super) fn to(self) -> Option<String> {
        self.to.map(|text| text.0)
    }
}

/// The argument of `complete-transfer`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteTransfer {
    /// The call that the party is transferred to.
    #[schema(example = "c43")]
    consult: String,
    /// `transfer` or `conference`.
    #[schema(example = "transfer")]
    mode: String,
}

impl CompleteTransfer {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let mode = match &*self.mode {
            "transfer" => TransferMode::Transfer,
            "conference" => TransferMode::Conference,
            _ => return Err(Problem::of_field(LineError::InvalTransferMode, "mode")),
        };
        let consult = second(&self.consult, "consult", LineError::InvalConsultCallHandle)?;
        Ok(Operation::CompleteTransfer { call, consult, mode })
    }
}

/// The argument of `add-to-conference`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddToConference {
    /// The call to add.
    #[schema(example = "c43")]
    consult: String,
}

impl AddToConference {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        Ok(Operation::AddToConference {
            call,
            consult: second(&self.consult, "consult", LineError::InvalCallHandle)?,
        })
    }
}

/// The argument of `park`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Park {
    /// `directed` or `nondirected`.
    #[schema(example = "nondirected")]
    mode: String,
    /// The park address, if directed.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "701")]
    to: Option<Text>,
}

impl Park {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let to = match (&*self.mode, self.to) {
            ("directed", Some(to)) => Some(to.0),
            ("directed", None) => return Err(Problem::of_field(LineError::InvalAddress, "to")),
            ("nondirected", _) => None,
            _ => return Err(Problem::of_field(LineError::InvalParkMode, "mode")),
        };
        Ok(Operation::Park { call, to })
    }
}

/// The argument of `complete-call`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteCall {
    /// `campon`, `callback`, `intrude` or `message`.
    #[schema(example = "callback")]
    mode: String,
    /// Which message, with `message`.
    #[serde(default)]
    #[schema(example = 0)]
    message: Option<u32>,
}

impl CompleteCall {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let modes = [
            CompletionMode::CampOn,
            CompletionMode::Callback,
            CompletionMode::Intrude,
            CompletionMode::Message,
        ];
        let mode = modes.into_iter().find(|mode| mode.name() == self.mode);
        let mode = mode.ok_or_else(|| Problem::of_field(LineError::InvalCallComplMode, "mode"))?;
        Ok(Operation::CompleteCall { call, mode, message: self.message })
    }
}

/// The argument of `handoff`: an application, or a media mode.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Handoff {
    /// The application's name.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "desk")]
    app: Option<Text>,
    /// LINEMEDIAMODE_: to the first that opened the line as owner for it.
    #[serde(default)]
    #[schema(example = "g3fax")]
    media_mode: Option<String>,
}

impl Handoff {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let to = match (self.app, self.media_mode) {
            (Some(app), _) => HandoffTarget::App(app.0),
            (None, Some(mode)) => {
                let mode = MediaMode::named(&mode);
                let unknown = || Problem::of_field(LineError::InvalMediaMode, "media_mode");
                HandoffTarget::Media(mode.ok_or_else(unknown)?)
            }
            (None, None) => return Err(Problem::of_field(LineError::InvalParam, "app")),
        };
        Ok(Operation::Handoff { call, to })
    }
}

/// The argument of `set-call-privilege`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetCallPrivilege {
    /// `monitor` or `owner`.
    #[schema(example = "owner")]
    privilege: String,
}

impl SetCallPrivilege {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let privilege = CallPrivilege::named(&self.privilege)
            .ok_or_else(|| Problem::of_field(LineError::InvalCallPrivilege, "privilege"))?;
        Ok(Operation::SetCallPrivilege { call, privilege })
    }
}

/// The argument of `set-media-mode` and `monitor-media`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MediaModes {
    /// LINEMEDIAMODE_.
    #[serde(default)]
    #[schema(example = json!(["interactivevoice"]))]
    media_modes: Vec<String>,
}

impl MediaModes {
    pub(super) fn modes(&self) -> Result<Vec<MediaMode>, Problem> {
        media_modes(&self.media_modes)
    }
}

/// The argument of `set-call-data` and `send-user-user-info`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Octets {
    /// Octets in hexadecimal; none: removed.
    #[schema(value_type = String, example = "63617365203432")]
    pub(super) data: Hex,
}

/// The argument of `set-call-quality-of-service`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Quality {
    /// `needed`, `if-available` or `best-effort`.
    #[schema(example = "best-effort")]
    level: String,
}

impl Quality {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let level = match &*self.level {
            "needed" => QosLevel::Needed,
            "if-available" => QosLevel::IfAvailable,
            "best-effort" => QosLevel::BestEffort,
            _ => return Err(Problem::of_field(LineError::InvalParam, "level")),
        };
        Ok(Operation::SetCallQualityOfService { call, level })
    }
}

/// The argument of `generate-digits`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GenerateDigits {
    /// `0`-`9`, `A`-`D`, `*`, `#`, `,` for a pause, `!` for a hookflash; none: what is being said is cancelled.
    #[schema(value_type = Option<String>, example = "1234#")]
    #[serde(default)]
    digits: Option<Text>,
    /// How long each lasts; clamped.
    #[serde(default)]
    #[schema(example = 100)]
    duration_ms: Option<u32>,
    /// LINEDIGITMODE_: `dtmf`.
    #[serde(default)]
    #[schema(example = "dtmf")]
    mode: Option<String>,
}

impl GenerateDigits {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let mode = self.mode.as_deref().map(|mode| digit_mode(mode, "mode")).transpose()?;
        let duration = self.duration_ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(Operation::GenerateDigits { call, digits: self.digits.map(|text| text.0), duration, mode })
    }
}

/// The argument of `gather-digits`; without a count: cancels.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatherDigits {
    /// How many digits.
    #[schema(example = 4)]
    #[serde(default)]
    count: Option<u32>,
    /// Digits that end it.
    #[schema(value_type = Option<String>, example = "#")]
    #[serde(default)]
    termination_digits: Option<Text>,
    /// How long the first digit is waited for.
    #[serde(default)]
    #[schema(example = 5000)]
    first_digit_timeout_ms: Option<u32>,
    /// How long each further digit is waited for.
    #[serde(default)]
    #[schema(example = 3000)]
    inter_digit_timeout_ms: Option<u32>,
}

impl GatherDigits {
    pub(super) fn on(self, call: CallId) -> Operation {
        let ms = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(ms.into()));
        let gathering = self.count.map(|count| Gathering {
            count,
            termination: self.termination_digits.map(|text| text.0).unwrap_or_default(),
            first_digit: ms(self.first_digit_timeout_ms),
            inter_digit: ms(self.inter_digit_timeout_ms),
        });
        Operation::GatherDigits { call, gathering }
    }
}

/// The argument of `monitor-digits`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MonitorDigits {
    /// LINEDIGITMODE_: `dtmf`, `dtmfend`; none: stops.
    #[serde(default)]
    #[schema(example = json!(["dtmf"]))]
    modes: Vec<String>,
}

impl MonitorDigits {
    pub(super) fn on(self, call: CallId) -> Result<Operation, Problem> {
        let modes: Result<Vec<_>, Problem> =
            self.modes.iter().take(ITEMS_MAX).map(|mode| digit_mode(mode, "modes")).collect();
        Ok(Operation::MonitorDigits { call, modes: modes? })
    }
}

fn digit_mode(name: &str, field: &str) -> Result<DigitMode, Problem> {
    let modes = [DigitMode::Pulse, DigitMode::Dtmf, DigitMode::DtmfEnd];
    let mode = modes.into_iter().find(|mode| mode.name() == name);
    mode.ok_or_else(|| Problem::of_field(LineError::InvalDigitMode, field))
}

fn media_modes(names: &[String]) -> Result<Vec<MediaMode>, Problem> {
    let modes = names.iter().take(ITEMS_MAX).map(|name| MediaMode::named(name));
    let modes: Option<Vec<_>> = modes.collect();
    modes.ok_or_else(|| Problem::of_field(LineError::InvalMediaMode, "media_modes"))
}

fn second(text: &str, field: &str, missing: LineError) -> Result<CallId, Problem> {
    text.parse().map_err(|()| Problem::of_field(missing, field))
}
