//! What a phone subscribes to: lamps, messages, and how its line forwards.

use super::{Dialog, Script, header_of, keep, must};

impl Script<'_> {
    /// Subscribes to what its brand asks for when it starts, in the brand's order, and ends it all again. What is not served is
    /// refused, and the phone goes on.
    pub(crate) fn boot(&mut self, watched: &str) -> &mut Self {
        let brand = self.brand;
        let order = brand.setting("boots").split(' ').map(|wanted| {
            let known = PACKAGES.into_iter().find(|(event, ..)| *event == wanted);
            known.unwrap_or_else(|| panic!("{wanted}: no package"))
        });
        for (event, _, told) in order.clone() {
            let number = if event == "dialog" { watched } else { self.phone.line };
            match told {
                Some(told) => self.subscribe(event, event, number, told),
                None => self.ask_in_vain(event),
            };
        }
        for (event, ..) in order.filter(|(_, _, told)| told.is_some()) {
            self.unsubscribe(event);
        }
        self
    }

    /// Subscribes, and is told this at once.
    pub(crate) fn subscribe(
        &mut self,
        call: &'static str,
        event: &'static str,
        number: &str,
        told: &str,
    ) -> &mut Self {
        self.ask_for(call, event, number);
        let established = self.established(call);
        self.expect("response=\"200\"", &established);
        self.dialog(call).is_established = true;
        self.expect("request=\"NOTIFY\"", &[must("body", told)]);
        self.answer_ok("")
    }

    fn ask_for(&mut self, call: &'static str, event: &'static str, number: &str) {
        self.open(call, number);
        self.dialog(call).event = event;
        self.send("SUBSCRIBE", call, &[("AUTH", ""), ("EXPIRES", "600")]);
        self.expect("response=\"401\" auth=\"true\"", &[]);
        self.send("SUBSCRIBE", call, &[("AUTH", "[authentication]"), ("EXPIRES", "600")]);
    }

    /// Asks for what nobody serves, and is told what is.
    fn ask_in_vain(&mut self, event: &'static str) -> &mut Self {
        self.ask_for(event, event, self.phone.line);
        self.expect("response=\"489\"", &[must(&header_of("Allow-Events"), "dialog")])
    }

    /// Watches a number: the lamp of a key.
    pub(crate) fn watch(&mut self, call: &'static str, number: &str) -> &mut Self {
        self.subscribe(call, "dialog", number, "state=\"full\"")
    }

    /// Waits until a lamp shows this.
    pub(crate) fn see(&mut self, state: &str) -> &mut Self {
        let seen = format!("seen_{state}");
        self.note(std::slice::from_ref(&seen));
        let shown = keep("body", &format!("<state[^>]*>({state})</state>"), &seen);
        self.until_notified(&[shown], &seen, "");
        self
    }

    /// Waits until a lamp shows a call that rings and can be picked up by Replaces: the phone that rings has said its tag.
    pub(crate) fn see_what_rings(&mut self) -> &mut Self {
        let names = ["dialog_id", "dialog_local", "dialog_remote"].map(str::to_owned);
        let seen = "seen_tags".to_owned();
        self.note(&names);
        self.note(std::slice::from_ref(&seen));
        let actions = [
            keep("body", "local-tag=(\"[^\"]+\").*<state[^>]*>early</state>", &seen),
            keep("body", " call-id=\"([^\"]*)\"", &names[0]),
            keep("body", " local-tag=\"([^\"]*)\"", &names[1]),
            keep("body", " remote-tag=\"([^\"]*)\"", &names[2]),
        ];
        self.until_notified(&actions, &seen, "");
        self
    }

    /// Waits until what a subscription tells has this.
    pub(crate) fn see_told(&mut self, told: &str) -> &mut Self {
        let seen = format!("told_{}", self.label());
        self.note(std::slice::from_ref(&seen));
        self.until_notified(&[keep("body", &format!("({told})"), &seen)], &seen, "");
        self
    }

    /// The key for do not disturb, or for forwarding to a number, in the brand's words.
    pub(crate) fn press(&mut self, call: &'static str, key: &str, on: bool, to: &str) -> &mut Self {
        let values = vec![("ON", on.to_string()), ("TO", to.to_owned())];
        let body = self.brand.message(key, &self.with_own(values));
        self.send("SUBSCRIBE", call, &[("AUTH", ""), ("EXPIRES", "600"), ("BODY", &body)]);
        self.expect("response=\"200\"", &[])
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&mut self, call: &'static str) -> &mut Self {
        self.send("SUBSCRIBE", call, &[("AUTH", ""), ("EXPIRES", "0")]);
        self.amid_lamps("response=\"200\"", &[], &[]);
        let over = format!("over_{}", self.label());
        self.note(std::slice::from_ref(&over));
        self.until_notified(&[keep("msg", "Subscription-State: (terminated)", &over)], &over, "");
        self
    }

    /// The lines of a SUBSCRIBE that say what it is to.
    pub(super) fn about_event(&self, call: &str, has_body: bool) -> Vec<(&'static str, String)> {
        let Dialog { event, .. } = self.dialogs[call];
        let default =
            PACKAGES.into_iter().find(|(known, ..)| *known == event).map_or("", |(_, accept, _)| accept);
        let accept = match self.brand.setting("accept_dialog") {
            own if event == "dialog" && !own.is_empty() => own,
            _ => default,
        };
        let line = |name: &str, value: &str| match value {
            "" => String::new(),
            value => format!("{name}: {value}"),
        };
        let mut values = vec![
            ("EVENT", line("Event", event)),
            ("ACCEPT", line("Accept", accept)),
            ("CONTENT_TYPE", line("Content-Type", if has_body { default } else { "" })),
            ("LENGTH", if has_body { "[len]" } else { "0" }.to_owned()),
        ];
        if !has_body {
            values.push(("BODY", String::new()));
        }
        values
    }

    pub(super) fn amid_lamps(&mut self, awaited: &str, actions: &[String], passing: &[&str]) {
        let [wait, lamp, done] = [0; 3].map(|_| self.label());
        self.at(&wait);
        self.expect(&format!("request=\"NOTIFY\" optional=\"true\" next=\"{lamp}\""), &[]);
        for status in passing {
            self.expect(&format!("response=\"{status}\" optional=\"true\" next=\"{wait}\""), &[]);
        }
        self.expect(&format!("{awaited} next=\"{done}\""), actions);
        self.at(&lamp);
        self.answer_ok(&format!(" next=\"{wait}\""));
        self.at(&done);
    }
}

/// Each package that phones ask for, the body that they accept, and what they are told at once: nothing where it is not served.
const PACKAGES: [(&str, &str, Option<&str>); 4] = [
    ("message-summary", "application/simple-message-summary", Some("^Messages-Waiting: no")),
    ("dialog", "application/dialog-info+xml", Some("state=\"full\"")),
    (
        "as-feature-event",
        "application/x-as-feature-event+xml",
        Some("<doNotDisturbOn>false.*<forwardStatus>false"),
    ),
    // Shared lines.
    ("call-info", "", None),
];
