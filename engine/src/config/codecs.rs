//! `codecs` of a trunk: which pass.

use toml::Spanned;

use super::section::Section;
use crate::switch::CodecList;

/// Reads the list. Any encoding name is one that a phone may know (RFC 4855).
pub(super) fn read(section: &Section<'_>) -> CodecList {
    let Some(values) = section.strings("codecs") else { return CodecList::default() };
    if values.is_empty() || values.len() > CODECS_MAX {
        let right = format!("write 1 to {CODECS_MAX}, or leave it out to let every codec pass");
        section.refuse_key("codecs", &format!("names {} codecs", values.len()), &right);
    }
    let name = |value: &Spanned<&str>| {
        let text = *value.get_ref();
        let is_name = !text.is_empty()
            && text.len() <= NAME_BYTES_MAX
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
        if !is_name {
            let right = "write names as in [\"PCMA\", \"PCMU\", \"G722\", \"opus\"]";
            section.refuse("codecs", value, format!("{text:?} is no name of a codec"), right);
        }
        text.to_owned()
    };
    CodecList::new(values.iter().map(name))
}

/// Codecs of one list.
const CODECS_MAX: usize = 16;

/// The longest name.
const NAME_BYTES_MAX: usize = 32;
