//! A changed set-up: what is up stays, what is named the same keeps its calls.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::Switch;
use super::ids::AppId;
use super::line::Lines;
use super::owner::App;
use super::setup::Setup;

impl Switch {
    pub(super) fn adopt(&mut self, setup: Setup) {
        let ids = |apps: &mut dyn Iterator<Item = Arc<str>>| -> Vec<(Arc<str>, AppId)> {
            (0..).map(AppId).zip(apps).map(|(id, name)| (name, id)).collect()
        };
        let after: BTreeMap<_, _> =
            ids(&mut setup.apps.iter().map(|app| Arc::clone(&app.name))).into_iter().collect();
        let before = ids(&mut self.apps.iter().map(|app| Arc::clone(&app.name)));
        let renumbered: BTreeMap<AppId, AppId> =
            before.into_iter().filter_map(|(name, old)| Some((old, *after.get(&name)?))).collect();

        let mut kept: BTreeMap<_, _> =
            mem::take(&mut self.apps).into_iter().map(|app| (Arc::clone(&app.name), app)).collect();
        let apps = setup
            .apps
            .iter()
            .map(|app| kept.remove(&app.name).unwrap_or_else(|| App::new(Arc::clone(&app.name))));
        self.apps = apps.collect();
        for (id, call) in self.calls.iter_mut() {
            call.handles.retain_mut(|(app, _)| {
                let other = renumbered.get(app);
                other.inspect(|other| *app = **other).is_some()
            });
            if let Some(pending) = call.pending {
                call.pending =
                    renumbered.get(&pending.app).map(|app| super::call::Pending { app: *app, ..pending });
            }
            self.dirty.insert(*id);
        }

        let before = mem::replace(&mut self.lines, Lines::new(&setup));
        self.lines.take_over(before, &setup, &renumbered);
        self.setup = Arc::new(setup);
        let lines = &self.lines;
        let is_there = |line: &str| lines.get(line).is_some();
        self.publications.retain(is_there);
        self.texts.retain(is_there);
        self.wishes.retain(is_there);
        self.watches.adopt(&self.setup);
    }
}
