//! What a brand's phones say: a text file each, with its messages in the brand's own words and order.
//!
//! A file has sections, `== NAME` or `== NAME, NAME`: `about`, where the words come from; `settings`, one `key = value` a line;
//! and a section for each message. `{{KEY}}` stands for what differs from phone to phone and from message to message.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The phones of one brand.
pub(crate) struct Brand {
    sections: HashMap<String, String>,
    settings: HashMap<String, String>,
}

impl Brand {
    /// Reads `tests/e2e/brands/NAME.txt`.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("e2e/brands/{name}.txt"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut sections = HashMap::new();
        for section in text.split("== ").skip(1) {
            let (names, body) = section.split_once('\n').expect("a section has a line of names");
            for name in names.split(", ") {
                let before = sections.insert(name.to_owned(), body.trim_end().to_owned());
                assert!(before.is_none(), "{name} twice");
            }
        }
        let settings = sections["settings"].lines().map(|line| {
            let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{line}: no setting"));
            (key.to_owned(), value.to_owned())
        });
        Self { settings: settings.collect(), sections }
    }

    /// A setting. Empty where the file does not have it.
    pub(crate) fn setting(&self, key: &str) -> &str {
        self.settings.get(key).map_or("", String::as_str)
    }

    /// A message as it is written down.
    pub(crate) fn template(&self, name: &str) -> &str {
        self.sections.get(name).unwrap_or_else(|| panic!("the brand says no {name}"))
    }

    /// A message with these values in place of `{{KEY}}`. A line that is nothing but a key without a value goes.
    pub(crate) fn message(&self, name: &str, values: &[(&str, String)]) -> String {
        fill(self.template(name), values)
    }

    /// Whether the brand has words of its own for this message.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.sections.contains_key(name)
    }
}

/// Puts values in place of `{{KEY}}`, also within values that come before them.
pub(crate) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut lines = Vec::new();
    for line in template.lines() {
        let mut filled = line.to_owned();
        for (key, value) in values {
            filled = filled.replace(&format!("{{{{{key}}}}}"), value);
        }
        assert!(!filled.contains("{{"), "{line}: a key without a value");
        if line.is_empty() || !filled.is_empty() {
            lines.push(filled);
        }
    }
    lines.join("\n")
}
