//! Event and Subscription-State (RFC 6665 §8.2).

use crate::message::{HeaderName, Message, Text, Value, text_of};
use crate::outbox::{Package, SubscriptionPhase};
use crate::package::Form;

/// A longer `id` is refused: it is kept for as long as the subscription lasts.
const ID_BYTES_MAX: usize = 128;

/// Parameters of `dialog` by which phones ask for a shared line, as they are echoed. They ask for nothing else than others.
const SHARINGS: [&str; 2] = ["sla", "shared"];

/// What is subscribed to: a package, and an `id` that tells subscriptions of one dialog apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EventType {
    pub(crate) package: Package,
    id: Option<Box<str>>,
    /// Says nothing of what is subscribed to (RFC 6665 §8.2.1), but phones want it back.
    sharing: Option<&'static str>,
    /// In which form it is told: Accept says so.
    pub(crate) form: Form,
}

impl EventType {
    /// Of a subscription of ours.
    pub(crate) const fn new(package: Package) -> Self {
        Self { package, id: None, sharing: None, form: Form::Usual }
    }

    /// Reads Event. `None`: it is absent, or names no package that is served.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        Self::parse(message.value(HeaderName::Event)?)
    }

    /// Reads the value of Event.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (name, params) = split(value);
        let id = param(params, "id").filter(|id| !id.is_empty());
        if id.is_some_and(|id| id.len() > ID_BYTES_MAX) {
            return None;
        }
        let has = |flag: &&str| params.split(';').any(|param| param.trim().eq_ignore_ascii_case(flag));
        let package = Package::parse(name)?;
        let sharing = SHARINGS.into_iter().find(has).filter(|_| package == Package::Dialog);
        Some(Self { package, id: id.map(Into::into), sharing, form: Form::Usual })
    }

    /// What a store keeps: Event, and behind a line end, which no header has, the type of body that is not the usual one.
    pub(crate) fn keep(&self) -> String {
        let kept = text_of(self);
        match self.form {
            Form::Usual => kept,
            form @ Form::Xpidf => kept + "\n" + self.package.printed_type(form),
        }
    }

    /// Reads what was kept.
    pub(crate) fn kept(kept: &str) -> Option<Self> {
        let (event, body) = kept.split_once('\n').unwrap_or((kept, ""));
        let event = Self::parse(event)?;
        let package = event.package;
        let form = package.forms().iter().copied().find(|form| package.printed_type(*form) == body);
        Some(Self { form: form.unwrap_or_default(), ..event })
    }

    /// Whether both are the same subscription of a dialog: package and `id` say so.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.package, &self.id) == (other.package, &other.id)
    }
}

impl Value for EventType {
    fn write(&self, text: &mut Text<'_>) {
        text.str(self.package.name());
        if let Some(sharing) = self.sharing {
            (";", sharing).write(text);
        }
        if let Some(id) = &self.id {
            (";id=", id).write(text);
        }
    }
}

/// Subscription-State as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct State<'a> {
    pub(crate) phase: SubscriptionPhase,
    /// `reason` of the end.
    pub(crate) reason: &'a str,
    /// `expires`, in seconds.
    pub(crate) expires_s: Option<u32>,
}

impl<'a> State<'a> {
    /// Reads Subscription-State. A state that is not known is taken for `active` (RFC 6665 §4.1.3).
    pub(crate) fn of(message: &'a Message) -> Option<Self> {
        let (name, params) = split(message.value(HeaderName::SubscriptionState)?);
        let phase = match name {
            "" => return None,
            _ if name.eq_ignore_ascii_case("terminated") => SubscriptionPhase::Terminated,
            _ if name.eq_ignore_ascii_case("pending") => SubscriptionPhase::Pending,
            _ => SubscriptionPhase::Active,
        };
        let expires_s = param(params, "expires").and_then(|seconds| seconds.parse().ok());
        Some(Self { phase, reason: param(params, "reason").unwrap_or_default(), expires_s })
    }

    /// Whether an end invites to subscribe again at once (RFC 6665 §4.1.3).
    pub(crate) fn is_inviting(&self) -> bool {
        ["deactivated", "timeout"].iter().any(|reason| self.reason.eq_ignore_ascii_case(reason))
    }
}

fn split(value: &str) -> (&str, &str) {
    let (name, params) = value.split_once(';').unwrap_or((value, ""));
    (name.trim(), params)
}

fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    params.split(';').find_map(|param| {
        let (found, value) = param.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits, text_of};

    fn message(header: &str) -> Message {
        let text = format!("NOTIFY sip:a SIP/2.0\r\n{header}\r\nContent-Length: 0\r\n\r\n");
        Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap()
    }

    #[test]
    fn an_event_is_a_package_and_perhaps_an_id() {
        let event = |value: &str| EventType::of(&message(value)).map(text_of);
        assert_eq!(event("Event: dialog").as_deref(), Some("dialog"));
        assert_eq!(event("o: dialog ; sla;ID=7 ").as_deref(), Some("dialog;sla;id=7"));
        assert_eq!(event("Event: dialog;Shared;x=1").as_deref(), Some("dialog;shared"));
        assert_eq!(event("Event: conference;shared").as_deref(), Some("conference"));
        assert_eq!(event("Event: presence.winfo"), None);
        assert_eq!(event("Event:"), None);
        assert_eq!(event("Subject: dialog"), None);
        let id = |len| event(&format!("Event: dialog;id={}", "x".repeat(len)));
        assert!(id(ID_BYTES_MAX).is_some() && id(ID_BYTES_MAX + 1).is_none());
    }

    #[test]
    fn what_is_kept_has_the_form() {
        for (event, form, kept) in [
            ("dialog;sla;id=7", Form::Usual, "dialog;sla;id=7"),
            ("presence;id=7", Form::Usual, "presence;id=7"),
            ("presence;id=7", Form::Xpidf, "presence;id=7\napplication/xpidf+xml"),
        ] {
            let event = EventType { form, ..EventType::parse(event).unwrap() };
            assert_eq!(event.keep(), kept);
            assert_eq!(EventType::kept(kept), Some(event));
        }
        let of = |kept: &str| EventType::kept(kept).map(|event| event.form);
        assert_eq!(of("presence\nsomething of another version"), Some(Form::Usual));
        assert_eq!(of("dialog\napplication/xpidf+xml"), Some(Form::Usual));
        assert_eq!(of("winfo\n"), None);
    }

    #[test]
    fn a_state_says_how_long_and_why() {
        let read = |value: &str| {
            let message = message(&format!("Subscription-State: {value}"));
            State::of(&message).map(|state| (state.phase, state.expires_s, state.is_inviting()))
        };
        assert_eq!(read("active;expires=60"), Some((SubscriptionPhase::Active, Some(60), false)));
        assert_eq!(read("Pending"), Some((SubscriptionPhase::Pending, None, false)));
        assert_eq!(read("terminated;reason=Timeout"), Some((SubscriptionPhase::Terminated, None, true)));
        assert_eq!(
            read("terminated;reason=noresource;expires=x"),
            Some((SubscriptionPhase::Terminated, None, false))
        );
        assert_eq!(read("waiting"), Some((SubscriptionPhase::Active, None, false)));
        assert_eq!(read(""), None);
    }
}
