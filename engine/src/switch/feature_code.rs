//! Feature codes: what is dialled at a phone to be served, rather than to be connected. They are read before routes.
//!
//! A feature that was switched is confirmed by a call that is answered, plays the confirmation tone and ends; one that is
//! refused is refused by a status. Either is a call of the line that every application sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::outbox::Command;

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, DisconnectMode};
use super::error::LineError;
use super::forward::ForwardMode;
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::setup::LineKind;
use super::status::{Failure, NORMAL_CLEARING};
use super::timers::Timer;
use super::view::PartyView;

/// The longest code.
pub const CODE_BYTES_MAX: usize = 16;

/// How long the confirmation tone is heard.
const CONFIRMATION: Duration = Duration::from_secs(1);

/// What is dialled for which feature. An empty code switches its feature off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureCodes {
    /// Parks at a free slot the call that the phone holds, or that it transfers here.
    pub park: String,
    /// Picks up a call of the own groups.
    pub pickup: String,
    /// Picks up at the address behind the code.
    pub pickup_directed: String,
    /// Forwards all calls to the number behind the code.
    pub forward_on: String,
    /// Cancels that.
    pub forward_off: String,
    /// Forwards calls to a busy line to the number behind the code.
    pub forward_busy_on: String,
    /// Cancels that.
    pub forward_busy_off: String,
    /// Forwards calls that nobody answers to the number behind the code.
    pub forward_no_answer_on: String,
    /// Cancels that.
    pub forward_no_answer_off: String,
    /// Do not disturb.
    pub dnd_on: String,
    /// Cancels that.
    pub dnd_off: String,
    /// Calls back when the number called last is free.
    pub completion: String,
    /// Cancels that.
    pub completion_cancel: String,
    /// Calls the line behind the code, whose phone is asked to answer by itself.
    pub intercom: String,
}

impl Default for FeatureCodes {
    fn default() -> Self {
        let code = str::to_owned;
        Self {
            park: code("*70"),
            pickup: code("*8"),
            pickup_directed: code("**"),
            forward_on: code("*21*"),
            forward_off: code("#21"),
            forward_busy_on: code("*67*"),
            forward_busy_off: code("#67"),
            forward_no_answer_on: code("*61*"),
            forward_no_answer_off: code("#61"),
            dnd_on: code("*78"),
            dnd_off: code("*79"),
            completion: code("*66"),
            completion_cancel: code("#66"),
            intercom: code("*80"),
        }
    }
}

/// What a dialled code asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Feature<'a> {
    Park,
    Pickup,
    PickupAt(&'a str),
    Forward(ForwardMode, Option<&'a str>),
    DoNotDisturb(bool),
    Complete,
    CancelCompletion,
    Intercom(&'a str),
}

impl FeatureCodes {
    /// Every code.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        [
            &self.park,
            &self.pickup,
            &self.pickup_directed,
            &self.forward_on,
            &self.forward_off,
            &self.forward_busy_on,
            &self.forward_busy_off,
            &self.forward_no_answer_on,
            &self.forward_no_answer_off,
            &self.dnd_on,
            &self.dnd_off,
            &self.completion,
            &self.completion_cancel,
            &self.intercom,
        ]
        .into_iter()
        .map(String::as_str)
    }

    /// Every code with its key in the configuration.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut String)> {
        [
            ("park", &mut self.park),
            ("pickup", &mut self.pickup),
            ("pickup_directed", &mut self.pickup_directed),
            ("forward_on", &mut self.forward_on),
            ("forward_off", &mut self.forward_off),
            ("forward_busy_on", &mut self.forward_busy_on),
            ("forward_busy_off", &mut self.forward_busy_off),
            ("forward_no_answer_on", &mut self.forward_no_answer_on),
            ("forward_no_answer_off", &mut self.forward_no_answer_off),
            ("dnd_on", &mut self.dnd_on),
            ("dnd_off", &mut self.dnd_off),
            ("completion", &mut self.completion),
            ("completion_cancel", &mut self.completion_cancel),
            ("intercom", &mut self.intercom),
        ]
        .into_iter()
    }

    /// A whole code wins over one with a number behind it, of those the longest. A `#` that only says that dialling is
    /// over is left out.
    fn read<'a>(&self, dialled: &'a str) -> Option<Feature<'a>> {
        let whole = [
            (&self.park, Feature::Park),
            (&self.pickup, Feature::Pickup),
            (&self.forward_off, Feature::Forward(ForwardMode::Uncond, None)),
            (&self.forward_busy_off, Feature::Forward(ForwardMode::Busy, None)),
            (&self.forward_no_answer_off, Feature::Forward(ForwardMode::NoAnsw, None)),
            (&self.dnd_on, Feature::DoNotDisturb(true)),
            (&self.dnd_off, Feature::DoNotDisturb(false)),
            (&self.completion, Feature::Complete),
            (&self.completion_cancel, Feature::CancelCompletion),
        ];
        let ended = dialled.strip_suffix('#').unwrap_or(dialled);
        let is_whole = |code: &str| !code.is_empty() && (code == dialled || code == ended);
        if let Some((_, feature)) = whole.into_iter().find(|(code, _)| is_whole(code)) {
            return Some(feature);
        }
        let forward = |mode| move |number| Feature::Forward(mode, Some(number));
        let prefixes: [(&String, &dyn Fn(&'a str) -> Feature<'a>); 5] = [
            (&self.pickup_directed, &Feature::PickupAt),
            (&self.intercom, &Feature::Intercom),
            (&self.forward_on, &forward(ForwardMode::Uncond)),
            (&self.forward_busy_on, &forward(ForwardMode::Busy)),
            (&self.forward_no_answer_on, &forward(ForwardMode::NoAnsw)),
        ];
        let fits = |code: &str| !code.is_empty() && dialled.starts_with(code);
        let (code, feature) =
            prefixes.into_iter().filter(|(code, _)| fits(code)).max_by_key(|(code, _)| code.len())?;
        let number = dialled.strip_prefix(code.as_str())?;
        Some(feature(number.strip_suffix('#').unwrap_or(number)))
    }
}

impl Switch {
    /// Serves what a station dialled, if it is a feature code or a park slot. Whether it was.
    pub(super) fn serve(&mut self, now: Instant, id: CallId, dialled: &str, out: &mut Outbox) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let dials = matches!(call.state, CallState::Dialing | CallState::DialTone(_)) && call.peer.is_none();
        // A code is dialled by whom it serves, never by whoever sends his callers on.
        if call.kind == LineKind::Trunk || !dials || call.trail.is_ours() {
            return false;
        }
        let line = Arc::clone(&call.line);
        if self.is_slot(dialled) {
            let served = self.dialled_slot(now, id, dialled, out);
            self.served(now, id, served, out);
            return true;
        }
        if let Some(number) = self.own_messages(call, dialled) {
            self.dial(now, id, &number, out);
            return true;
        }
        let Some(feature) = self.setup.features.read(dialled) else { return false };
        let served = match feature {
            Feature::Park => self.park_held(now, id, None, out),
            Feature::Pickup => self.pick_up(now, id, None, out).map(|()| Served::Connected),
            Feature::PickupAt(address) => {
                self.pick_up(now, id, Some(address), out).map(|()| Served::Connected)
            }
            Feature::Forward(_, Some("")) | Feature::Intercom("") => Err(484),
            Feature::Intercom(number) => self.intercom(now, id, number, out).map(|()| Served::Connected),
            Feature::Forward(mode, number) => confirmed(self.forward_by_code(&line, mode, number, out)),
            Feature::DoNotDisturb(wanted) => {
                self.set_do_not_disturb(&line, wanted, out);
                confirmed(Ok(()))
            }
            Feature::Complete => confirmed(self.complete_last(now, &line, out).map(|_| ())),
            Feature::CancelCompletion => {
                self.cancel_completions(now, &line, out);
                confirmed(Ok(()))
            }
        };
        self.served(now, id, served, out);
        true
    }

    fn served(&mut self, now: Instant, id: CallId, served: Result<Served, u16>, out: &mut Outbox) {
        match served {
            Ok(Served::Connected) => {}
            Ok(Served::Confirmed) => self.confirm(now, id, None, out),
            Ok(Served::Parked(slot)) => self.confirm(now, id, Some(&slot), out),
            Err(status) => self.fail(now, id, &Failure::local(status), out),
        }
    }

    /// Answers, plays the confirmation tone and hangs up; the phone is shown where a call was parked.
    fn confirm(&mut self, now: Instant, id: CallId, slot: Option<&str>, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.is_confirmed = true;
        if let Some(slot) = slot {
            let name = format!("Parked at {slot}");
            call.connected = PartyView::new(slot.to_owned(), name.clone());
            let shown = format!("\"{name}\" <sip:{slot}@{}>", self.setup.domain);
            let leg = call.leg.filter(|leg| self.legs.get(leg).is_some_and(|leg| !leg.is_up()));
            if let Some(leg) = leg {
                out.sip.push(Command::Enclose(leg, vec![("P-Asserted-Identity", shown)]));
            }
        }
        self.timers.start(id, Timer::Confirmation, now + CONFIRMATION);
        self.answer_caller(now, id, None, out);
    }

    /// The confirmation tone was heard.
    pub(super) fn confirmation_over(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let parting = Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING));
        self.over(now, id, CallReport::Disconnected(DisconnectMode::Normal), &parting, out);
    }

    /// The call of the line that is held and was held last, but this one.
    pub(super) fn held_on(&self, line: &str, but: CallId) -> Option<&Call> {
        let calls = self.lines.of_call(line)?.calls.iter().filter_map(|id| self.calls.get(id));
        calls.filter(|call| call.id != but && call.state == CallState::OnHold).max_by_key(|call| call.since)
    }
}

/// How a feature was served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Served {
    /// The caller talks with somebody.
    Connected,
    /// It is done.
    Confirmed,
    /// The held call is parked here.
    Parked(Arc<str>),
}

fn confirmed(done: Result<(), LineError>) -> Result<Served, u16> {
    done.map(|()| Served::Confirmed).map_err(status)
}

/// What a phone is refused with.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other error is for the moment")]
const fn status(error: LineError) -> u16 {
    match error {
        LineError::InvalAddress => 404,
        LineError::OperationUnavail | LineError::AddressBlocked => 403,
        LineError::ResourceUnavail => 503,
        _ => 480,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialled: &str) -> Option<Feature<'_>> {
        FeatureCodes::default().read(dialled)
    }

    #[test]
    fn codes_are_read_with_what_is_behind_them() {
        assert_eq!(read("*70"), Some(Feature::Park));
        assert_eq!(read("*8"), Some(Feature::Pickup));
        assert_eq!(read("**1002"), Some(Feature::PickupAt("1002")));
        assert_eq!(read("*21*030123#"), Some(Feature::Forward(ForwardMode::Uncond, Some("030123"))));
        assert_eq!(read("*67*1003"), Some(Feature::Forward(ForwardMode::Busy, Some("1003"))));
        assert_eq!(read("#61#"), Some(Feature::Forward(ForwardMode::NoAnsw, None)));
        assert_eq!(read("*78"), Some(Feature::DoNotDisturb(true)));
        assert_eq!(read("*66"), Some(Feature::Complete));
        assert_eq!(read("#66"), Some(Feature::CancelCompletion));
        assert_eq!(read("*801002#"), Some(Feature::Intercom("1002")));
    }

    #[test]
    fn what_is_no_code_is_a_number() {
        for dialled in ["", "1002", "*9", "*81", "*701", "#", "0*8"] {
            assert_eq!(read(dialled), None, "{dialled}");
        }
    }

    #[test]
    fn an_empty_code_is_never_dialled() {
        let codes =
            FeatureCodes { pickup: String::new(), pickup_directed: String::new(), ..FeatureCodes::default() };
        assert_eq!(codes.read("*8"), None);
        assert_eq!(codes.read("**1002"), None);
        assert_eq!(codes.read(""), None);
    }

    #[test]
    fn the_longest_code_wins() {
        let codes = FeatureCodes { pickup_directed: "*".to_owned(), ..FeatureCodes::default() };
        assert_eq!(codes.read("*21*1002"), Some(Feature::Forward(ForwardMode::Uncond, Some("1002"))));
        assert_eq!(codes.read("*1002"), Some(Feature::PickupAt("1002")));
        assert_eq!(codes.read("*8"), Some(Feature::Pickup), "a whole code wins over any other");
    }
}
