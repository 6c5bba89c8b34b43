//! Event lists (RFC 4662): what a phone watches by one subscription, each as if it had subscribed to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_sip::outbox::{Document, ListEntry, ListState, Package};

use super::Switch;
use super::setup::{ListSetup, Setup};

/// The lists, and what is on which of them.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct EventLists {
    by_address: BTreeMap<Arc<str>, Arc<ListSetup>>,
    by_entry: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl EventLists {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut lists = Self::default();
        for list in &setup.lists {
            for (entry, _) in &list.entries {
                lists.by_entry.entry(Arc::clone(entry)).or_default().push(Arc::clone(&list.address));
            }
            lists.by_address.insert(Arc::clone(&list.address), Arc::new(list.clone()));
        }
        lists
    }

    /// The list with this address.
    pub(super) fn get(&self, address: &str) -> Option<&Arc<ListSetup>> {
        self.by_address.get(address)
    }

    /// The addresses of the lists that name this.
    pub(super) fn naming(&self, entry: &str) -> &[Arc<str>] {
        self.by_entry.get(entry).map(Vec::as_slice).unwrap_or_default()
    }
}

impl ListSetup {
    /// Whether a line may watch it.
    pub(crate) fn is_for(&self, watcher: &str) -> bool {
        self.watchers.is_empty() || self.watchers.iter().any(|line| **line == *watcher)
    }
}

impl Switch {
    /// What there is to say of a list to this line.
    pub(super) fn list_state(&self, list: &ListSetup, package: Package, watcher: &str) -> Document {
        let entries = list.entries.iter().map(|(user, name)| ListEntry {
            user: user.to_string(),
            name: name.clone(),
            state: self.document(package, user, watcher),
        });
        Document::List(Box::new(ListState { package, name: list.name.clone(), entries: entries.collect() }))
    }
}
