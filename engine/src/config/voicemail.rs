//! `[voicemail]`: who keeps the messages of lines, and what a phone dials to hear them.

use std::sync::Arc;

use toml::Spanned;

use super::Trunk;
use super::section::Section;
use crate::switch::setup::VoicemailSetup;

/// Reads `[voicemail]`. `whole`: every trunk of the file could be read.
pub(super) fn read(section: Section<'_>, trunks: &[Trunk], whole: bool) -> VoicemailSetup {
    let trunk = section.string("trunk");
    if let Some(value) = trunk.as_ref().filter(|value| whole && find(trunks, value).is_none()) {
        let right = "write the name of a [[trunk]]";
        section.refuse("trunk", value, format!("there is no trunk {:?}", value.get_ref()), right);
    }
    let subscribes = section.boolean("subscribe").is_some_and(Spanned::into_inner);
    if subscribes && !section.has("trunk") {
        section.missing("trunk", "subscribe stands without one");
    }
    let number = section.string("number").map_or_else(String::new, |value| {
        if !value.get_ref().is_empty() && !is_number(value.get_ref()) {
            let wrong = format!("{:?} is no number", value.get_ref());
            section.refuse(
                "number",
                &value,
                wrong,
                "write what a line dials, as in \"*97\", or \"\" for none",
            );
        }
        value.into_inner().to_owned()
    });
    section.close();
    let trunk = trunk.and_then(|value| find(trunks, &value));
    VoicemailSetup { trunk, subscribes, number }
}

/// Reads the mailbox of a line.
pub(super) fn mailbox(section: &Section<'_>) -> Option<Arc<str>> {
    let value = section.string("mailbox")?;
    let text = *value.get_ref();
    if !text.is_empty() && !is_number(text) {
        let right = "write the name of a mailbox, as in \"1001\", or \"\" for none";
        section.refuse("mailbox", &value, format!("{text:?} is no name of a mailbox"), right);
    }
    Some(text.into())
}

fn find(trunks: &[Trunk], value: &Spanned<&str>) -> Option<Arc<str>> {
    trunks.iter().find(|trunk| *trunk.name == **value.get_ref()).map(|trunk| Arc::clone(&trunk.name))
}

fn is_number(text: &str) -> bool {
    (1..=NUMBER_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte))
}

/// The longest number or name of a mailbox.
const NUMBER_BYTES_MAX: usize = 64;
