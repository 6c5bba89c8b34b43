//! `[[webhook]]`: where events of applications are posted to.

use std::sync::Arc;
use std::time::Duration;

use super::lines::Addresses;
use super::secret::{OLD_SECRET, SECRET, SecretKeys};
use super::section::Section;
use super::tls::Sealing;
use super::{App, Webhook};
use crate::webhook::{EVENT_TYPES, Filter, SigningKey, WebhookUrl};

/// What webhooks may name.
pub(super) struct Known<'a> {
    pub(super) apps: &'a [App],
    /// Whether these are all applications of the file: one that is wrong is not among them.
    pub(super) whole: bool,
    pub(super) addresses: &'a Addresses,
}

/// Reads the webhooks.
pub(super) fn read(sections: Vec<Section<'_>>, known: &Known<'_>, tls: &mut Sealing) -> Vec<Arc<Webhook>> {
    let mut webhooks: Vec<Arc<Webhook>> = Vec::new();
    for (number, section) in sections.into_iter().enumerate() {
        if number == WEBHOOKS_MAX {
            let right = format!("write {WEBHOOKS_MAX} at most");
            section.refuse_key("name", "is one webhook too many", &right);
            break;
        }
        webhooks.extend(webhook(section, &webhooks, known, tls).map(Arc::new));
    }
    webhooks
}

fn webhook(
    section: Section<'_>,
    before: &[Arc<Webhook>],
    known: &Known<'_>,
    tls: &mut Sealing,
) -> Option<Webhook> {
    let name = name(&section, before);
    let app = app(&section, known);
    let url = url(&section);
    let is_sealed = url.as_ref().is_some_and(WebhookUrl::is_sealed);
    let client = if is_sealed { tls.client(&section, "url", None) } else { None };
    if !SECRET.present(&section) {
        section.missing("secret", format!("write secret or secret_file: {KEY}"));
    }
    let keys = [SECRET, OLD_SECRET].map(|keys| key(&section, keys));
    let filter = Filter { events: events(&section), lines: lines(&section, known.addresses) };
    let timeout_s = section.integer("timeout_s", 1..=60).unwrap_or(TIMEOUT_S);
    section.close();
    let [Some(current), old] = keys else { return None };
    Some(Webhook {
        name: name?,
        app: app?,
        url: url?,
        tls: client,
        keys: [current].into_iter().chain(old).collect(),
        filter,
        timeout: Duration::from_secs(timeout_s.into()),
    })
}

fn name(section: &Section<'_>, before: &[Arc<Webhook>]) -> Option<Arc<str>> {
    if !section.has("name") {
        section.missing("name", "write name = \"…\"");
        return None;
    }
    let value = section.string("name")?;
    let text = *value.get_ref();
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        let right = format!("write 1 to {NAME_BYTES_MAX} bytes");
        section.refuse("name", &value, format!("has {} bytes", text.len()), right);
        return None;
    }
    if before.iter().any(|hook| &*hook.name == text) {
        let right = "give every webhook a name of its own";
        section.refuse("name", &value, format!("{text} is used twice"), right);
        return None;
    }
    Some(text.into())
}

fn app(section: &Section<'_>, known: &Known<'_>) -> Option<Arc<str>> {
    if !section.has("app") {
        section.missing("app", "name the [[app]] whose events it is told");
        return None;
    }
    let value = section.string("app")?;
    let found = known.apps.iter().find(|app| &*app.name == *value.get_ref());
    if found.is_none() && known.whole {
        let wrong = format!("there is no app {:?}", value.get_ref());
        section.refuse("app", &value, wrong, "name an [[app]] of this file");
    }
    found.map(|app| Arc::clone(&app.name))
}

fn url(section: &Section<'_>) -> Option<WebhookUrl> {
    let right = "write https://HOST/PATH, or http: where nobody else reads what is on the wire";
    if !section.has("url") {
        section.missing("url", right);
        return None;
    }
    let value = section.string("url")?;
    let url = WebhookUrl::parse(value.get_ref());
    if url.is_none() {
        // Nothing of it is shown: it may hold what is secret.
        section.refuse("url", &value, "is no place that can be posted to", right);
    }
    url
}

fn key(section: &Section<'_>, keys: SecretKeys) -> Option<SigningKey> {
    // Both keys are asked for, so that both are known to the section.
    keys.present(section);
    let secret = keys.read(section)?;
    let key = SigningKey::parse(&secret.0);
    if key.is_none() {
        section.refuse_key(keys.written(section), "is no secret of a webhook", &format!("write {KEY}"));
    }
    key
}

fn events(section: &Section<'_>) -> Vec<&'static str> {
    let values = section.strings("events").unwrap_or_default();
    let known = |value: &toml::Spanned<&str>| {
        let found = EVENT_TYPES.into_iter().find(|kind| kind == value.get_ref());
        if found.is_none() {
            let right = format!("known here: {}", EVENT_TYPES.join(", "));
            section.refuse("events", value, format!("{:?} is no type of events", value.get_ref()), right);
        }
        found
    };
    values.iter().filter_map(known).collect()
}

fn lines(section: &Section<'_>, addresses: &Addresses) -> Vec<String> {
    let values = section.strings("lines").unwrap_or_default();
    for value in values.iter().filter(|value| !addresses.has(value.get_ref())) {
        let wrong = format!("there is no line {:?}", value.get_ref());
        section.refuse(
            "lines",
            value,
            wrong,
            "name a [[line]] or [[trunk]] of this file, or leave lines out for all",
        );
    }
    values.into_iter().map(|line| line.into_inner().to_owned()).collect()
}

/// What a secret looks like.
const KEY: &str =
    "\"whsec_\" and 24 to 64 random bytes in base64, as of echo whsec_$(openssl rand -base64 32)";

/// Webhooks; each is a task and has its events written down.
const WEBHOOKS_MAX: usize = 64;

/// The longest name.
const NAME_BYTES_MAX: usize = 64;

/// How long a receiver may take where nobody says how long.
const TIMEOUT_S: u32 = 15;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    const APP: &str = "[[app]]\nname = \"crm\"\ntoken = \"t\"\nlines = [\"*\"]\n";
    const KEY_A: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    const KEY_B: &str = "whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA";

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        let text = format!("{APP}{text}");
        Config::parse(Path::new("t.toml"), &text)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn webhook(more: &str) -> String {
        format!("[[webhook]]\nname = \"a\"\napp = \"crm\"\nurl = \"http://h/\"\nsecret = \"{KEY_A}\"\n{more}")
    }

    #[test]
    fn what_is_written_is_what_holds() {
        assert!(parse("").unwrap().webhooks.is_empty());
        let plain = parse(&webhook("")).unwrap();
        let hook = &plain.webhooks[0];
        assert_eq!((&*hook.name, &*hook.app, &*hook.url.to_string()), ("a", "crm", "http://h"));
        assert_eq!((hook.keys.len(), &hook.filter), (1, &Filter::default()));
        assert_eq!((hook.timeout, hook.tls.is_none()), (Duration::from_secs(15), true));
        let more = format!(
            "old_secret = \"{KEY_B}\"\nevents = [\"call-state\", \"new-call\"]\nlines = [\"1001\"]\ntimeout_s = 3\n\
             [[line]]\naddress = \"1001\"\nkind = \"local\"\n"
        );
        let narrow = parse(&webhook(&more)).unwrap();
        let hook = &narrow.webhooks[0];
        let [current, old] = [KEY_A, KEY_B].map(|key| SigningKey::parse(key).unwrap());
        assert_eq!(hook.keys, [current, old]);
        let filter = Filter { events: vec!["call-state", "new-call"], lines: vec!["1001".to_owned()] };
        assert_eq!((&hook.filter, hook.timeout), (&filter, Duration::from_secs(3)));
        let shown = format!("{:?}", narrow.webhooks);
        assert!(!shown.contains("AAEC") && !shown.contains("FxYV"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_shows_no_secret() {
        let wrong = |from: &str, to: &str| {
            let text = webhook("");
            assert!(text.contains(from), "{from}");
            parse(&text.replace(from, to)).unwrap_err()
        };
        for (from, to, expected) in [
            ("name = \"a\"\n", "", "t.toml:5: webhook.name: is missing; write name = \"…\""),
            (
                "app = \"crm\"",
                "app = \"crn\"",
                "t.toml:7: webhook.app: there is no app \"crn\"; name an [[app]] of this file",
            ),
            (
                "http://h/",
                "ws://h/?key=hidden",
                "t.toml:8: webhook.url: is no place that can be posted to; \
                 write https://HOST/PATH, or http: where nobody else reads what is on the wire",
            ),
            (
                KEY_A,
                "hidden",
                "t.toml:9: webhook.secret: is no secret of a webhook; \
                 write \"whsec_\" and 24 to 64 random bytes in base64, as of echo whsec_$(openssl rand -base64 32)",
            ),
        ] {
            assert_eq!(wrong(from, to), [expected], "{to}");
        }
        let more = |more: &str| parse(&webhook(more)).unwrap_err();
        assert_eq!(
            more("lines = [\"7\"]\n")[0].split(';').next(),
            Some("t.toml:10: webhook.lines: there is no line \"7\"")
        );
        let events = more("events = [\"lost\"]\n");
        assert!(events[0].starts_with("t.toml:10: webhook.events: \"lost\" is no type of events; known here: address-state, call-info"), "{events:?}");
        assert_eq!(
            more("timeout_s = 61\n"),
            ["t.toml:10: webhook.timeout_s: 61 is out of range; write a number from 1 to 60"]
        );
        assert_eq!(
            more(&webhook("")),
            ["t.toml:11: webhook.name: a is used twice; give every webhook a name of its own"]
        );
        let many: String =
            (0..=WEBHOOKS_MAX).map(|n| webhook("").replace("\"a\"", &format!("\"{n}\""))).collect();
        let many = parse(&many).unwrap_err();
        assert_eq!(many, ["t.toml:326: webhook.name: is one webhook too many; write 64 at most"]);
    }
}
