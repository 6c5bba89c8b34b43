//! A page in headless Chromium before a person: Playwright clicks, types and looks as it is told (`browser/page.mjs`).

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::chromium::FLAGS;
use crate::process::{Process, Stream};

/// One page of a browser that runs where the test does.
pub(crate) struct Page {
    process: Process,
}

impl Page {
    /// Starts a browser with this address.
    pub(crate) fn open(directory: &Path, address: &str) -> Self {
        let home = directory.join("browser");
        fs::create_dir_all(&home).expect("a directory of ours");
        let modules = env::var_os("TRUNKLINE_BROWSER").expect("tests/run.sh installs Playwright");
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", SCRIPT]).arg(modules);
        command.arg(json!(FLAGS).to_string()).arg(WITHIN.as_millis().to_string());
        command.env("HOME", &home).env("TMPDIR", &home);
        let mut page = Self { process: Process::spawn("the browser", &mut command) };
        page.ask("open", json!({"address": address}));
        page
    }

    /// Blocks until an expression of the page is true to it, and returns it.
    pub(crate) fn until(&mut self, expression: &str) -> Value {
        self.ask("until", json!({"expression": expression}))
    }

    /// Blocks until the page has an element.
    pub(crate) fn has(&mut self, selector: &str) {
        self.until(&format!("!!document.querySelector({})", json!(selector)));
    }

    /// Blocks until the text of an element has this in it.
    pub(crate) fn reads(&mut self, selector: &str, text: &str) {
        self.until(&format!(
            "document.querySelector({}).innerText.includes({})",
            json!(selector),
            json!(text)
        ));
    }

    /// How many elements there are.
    pub(crate) fn count(&mut self, selector: &str) -> u64 {
        let found = self.evaluate(&format!("document.querySelectorAll({}).length", json!(selector)));
        found.as_u64().expect("a number")
    }

    /// Presses the mouse on an element, once it is there, at rest, enabled, and nothing lies above it.
    pub(crate) fn click(&mut self, selector: &str) {
        self.ask("click", json!({"selector": selector}));
    }

    /// Types into what has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.ask("type", json!({"text": text}));
    }

    /// Presses a key: `Tab`, `Enter`, `Escape`.
    pub(crate) fn press(&mut self, key: &str) {
        self.ask("press", json!({"key": key}));
    }

    /// Chooses an option of a list.
    pub(crate) fn choose(&mut self, selector: &str, value: &str) {
        self.ask("choose", json!({"selector": selector, "value": value}));
    }

    /// The size of the window in pixels, and whether it is `light` or `dark`.
    pub(crate) fn resize(&mut self, width: u32, height: u32, theme: &str) {
        self.ask("resize", json!({"width": width, "height": height, "theme": theme}));
    }

    /// Whether everything fits into the width of the window.
    pub(crate) fn fits(&mut self) {
        self.until("document.documentElement.scrollWidth <= window.innerWidth");
    }

    /// Asserts that who sees little, or has no mouse, is served as well: axe-core finds nothing serious.
    pub(crate) fn serves_everybody(&mut self) {
        let faults = self.ask("faults", json!({}));
        assert_eq!(faults, json!([]), "axe-core finds faults");
    }

    /// Presses what saves a file: its name, and what is in it.
    pub(crate) fn save(&mut self, selector: &str) -> (String, String) {
        let saved = self.ask("save", json!({"selector": selector}));
        let text = |key: &str| saved[key].as_str().expect("a name and a text").to_owned();
        (text("name"), text("text"))
    }

    /// A picture, where somebody wants to look: in the directory that `TRUNKLINE_SCREENSHOTS` names.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(directory) = env::var_os("TRUNKLINE_SCREENSHOTS") else { return };
        let path = Path::new(&directory).join(format!("{name}.png"));
        self.ask("picture", json!({"path": path.to_string_lossy()}));
    }

    /// Asserts that nothing went wrong in the page.
    pub(crate) fn is_content(&mut self) {
        let complaints = self.ask("complaints", json!({}));
        assert_eq!(complaints, json!([]), "the page complains");
    }

    /// The value of an expression, or of the promise that it is.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        self.ask("evaluate", json!({"expression": expression}))
    }

    fn ask(&mut self, action: &str, mut told: Value) -> Value {
        told["action"] = json!(action);
        let line = told.to_string();
        self.process.type_line(&line);
        let said = self.process.wait_for(WITHIN * 3, |stream, _| stream == Stream::Stdout);
        let mut answer: Value = serde_json::from_str(&said).expect("it answers by a line of JSON");
        assert!(answer.get("failed").is_none(), "{line}: {}", answer["failed"].as_str().unwrap_or_default());
        answer["done"].take()
    }
}

const SCRIPT: &str = include_str!("browser/page.mjs");
/// What the page is waited for. A browser does things slowly where others work.
const WITHIN: Duration = Duration::from_secs(40);
