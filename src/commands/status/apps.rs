//! Where each app stands, with a tool that keeps its migrations by app: one plan has them all, and its last one says nothing
//! of the others.

use std::collections::BTreeMap;

use crate::migrations::MigrationId;

/// The most migrations of an app that are named.
const NAMES: usize = 5;

/// An app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct App {
    /// `app auth`
    pub(super) title: String,
    applied: usize,
    /// The newest applied migration, and its place in the plan.
    newest: Option<(i64, String)>,
    pending: Vec<String>,
}

impl App {
    /// The apps of these migrations, by name; none with a tool that knows no apps.
    pub(super) fn all<'m>(
        applied: impl Iterator<Item = MigrationId<'m>>,
        pending: impl Iterator<Item = MigrationId<'m>>,
    ) -> Vec<Self> {
        let mut found: BTreeMap<&str, Self> = BTreeMap::new();
        let parts = |id: MigrationId<'m>| Some((id.version, id.revision?.app()?));
        for (version, (app, name)) in applied.filter_map(parts) {
            let app = found.entry(app).or_default();
            app.applied += 1;
            if app.newest.as_ref().is_none_or(|(newest, _)| *newest < version) {
                app.newest = Some((version, name.to_owned()));
            }
        }
        for (_, (app, name)) in pending.filter_map(parts) {
            found.entry(app).or_default().pending.push(name.to_owned());
        }
        found.into_iter().map(|(name, app)| Self { title: format!("app {name}"), ..app }).collect()
    }

    /// `0012_alter_user, 12 applied; pending: 0013_email`
    pub(super) fn fact(&self) -> String {
        let at = match &self.newest {
            Some((_, name)) => format!("{name}, {} applied", self.applied),
            None => "none applied".to_owned(),
        };
        if self.pending.is_empty() {
            return at;
        }
        let shown = &self.pending[..self.pending.len().min(NAMES)];
        let more = match self.pending.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{at}; {} pending: {}{more}", self.pending.len(), shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::tools::{MigrationTool, ToolRevision};

    #[test]
    fn every_app_has_its_own_place() {
        let revision = |tool, id: &str| ToolRevision { tool, id: id.into() };
        let django = ["auth.0001_initial", "shop.0001_initial", "auth.0002_email", "shop.0002_keys"]
            .map(|id| revision(MigrationTool::Django, id));
        let id = |(version, revision)| MigrationId { version, name: "x", revision: Some(revision) };
        let ids: Vec<MigrationId<'_>> = (1..).zip(&django).map(id).collect();
        let apps = App::all(ids[..3].iter().copied(), ids[3..].iter().copied());
        let shown: Vec<String> = apps.iter().map(|app| format!("{}: {}", app.title, app.fact())).collect();
        assert_eq!(
            shown,
            ["app auth: 0002_email, 2 applied", "app shop: 0001_initial, 1 applied; 1 pending: 0002_keys"]
        );
        let alembic = revision(MigrationTool::Alembic, "a.b");
        assert!(App::all([id((1, &alembic))].into_iter(), std::iter::empty()).is_empty());
    }
}
