//! A scenario as SIPp reads it: steps in XML, patterns that messages must fit, variables, labels.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A scenario that grows.
#[derive(Default)]
pub(super) struct Scenario {
    steps: String,
    variables: BTreeSet<String>,
    labels: u32,
}

impl Scenario {
    /// Says a message, with these attributes of the step.
    pub(super) fn send(&mut self, text: &str, attributes: &str) {
        self.step(&format!("<send{attributes}><![CDATA[\n\n{text}\n\n]]></send>"));
    }

    /// Waits for a message. The attributes say which; the actions are done with it.
    pub(super) fn expect(&mut self, what: &str, actions: &[String]) {
        let mut checks = String::new();
        for action in actions {
            // Each pattern needs a variable to put what it fits into.
            let unused = format!("unused_{}", self.variables.len());
            let action = action.replace("%unused%", &unused);
            let whole = action.split("assign_to=\"").nth(1).and_then(|rest| rest.split([',', '"']).next());
            self.variables.extend(whole.map(str::to_owned));
            checks.push_str(&action);
        }
        if checks.is_empty() {
            self.step(&format!("<recv {what}/>"));
        } else {
            self.step(&format!("<recv {what}><action>{checks}</action></recv>"));
        }
    }

    /// Lets time pass.
    pub(super) fn pause(&mut self, milliseconds: u32) {
        self.step(&format!("<pause milliseconds=\"{milliseconds}\"/>"));
    }

    /// These variables are used. SIPp takes no scenario that uses one once.
    pub(super) fn note(&mut self, variables: &[String]) {
        self.variables.extend(variables.iter().cloned());
    }

    /// A label that is nowhere yet.
    pub(super) fn label(&mut self) -> String {
        self.labels += 1;
        self.labels.to_string()
    }

    /// What comes next is where this label is.
    pub(super) fn at(&mut self, label: &str) {
        self.step(&format!("<label id=\"{label}\"/>"));
    }

    /// Writes the scenario as NAME.xml. The path as an argument of SIPp.
    pub(super) fn write(&self, directory: &Path, name: &str) -> String {
        let variables: Vec<&str> = self.variables.iter().map(String::as_str).collect();
        let reference = match variables.as_slice() {
            [] => String::new(),
            names => format!("  <Reference variables=\"{}\"/>\n", names.join(",")),
        };
        let steps = &self.steps;
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"{name}\">\n{steps}{reference}</scenario>\n"
        );
        let path = directory.join(format!("{name}.xml"));
        fs::write(&path, text).expect("a directory of ours");
        path.to_str().expect("paths here are UTF-8").to_owned()
    }

    fn step(&mut self, xml: &str) {
        writeln!(self.steps, "  {xml}").expect("a string takes it");
    }
}

/// The part of a message that fits the group of a pattern goes into a variable, where it fits.
pub(super) fn keep(place: &str, pattern: &str, variable: &str) -> String {
    let pattern = escape(pattern);
    format!("<ereg regexp=\"{pattern}\" search_in=\"{place}\" assign_to=\"{variable}_whole,{variable}\"/>")
}

/// Where a header's value is looked for. Two attributes of one action.
pub(super) fn header_of(name: &str) -> String {
    format!("hdr\" header=\"{name}:")
}

/// What does not fit fails the call.
pub(super) fn must(place: &str, pattern: &str) -> String {
    let pattern = escape(pattern);
    format!("<ereg regexp=\"{pattern}\" search_in=\"{place}\" check_it=\"true\" assign_to=\"%unused%\"/>")
}

/// What fits fails the call.
pub(super) fn must_not(place: &str, pattern: &str) -> String {
    let pattern = escape(pattern);
    format!(
        "<ereg regexp=\"{pattern}\" search_in=\"{place}\" check_it_inverse=\"true\" assign_to=\"%unused%\"/>"
    )
}

/// A pattern that fits this text.
pub(super) fn quote(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if "\\^$.[]|()*+?{}".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "&#10;")
}
