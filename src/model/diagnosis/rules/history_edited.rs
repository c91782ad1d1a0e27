//! `history.edited`: a migration's file is not the one that was applied.

use super::super::origin::label;
use super::Rule;
use crate::findings::{AttributeFinding, Cause, CauseKind, Change, Remedy, Severity, Sides};

pub(super) const RULE: Rule = Rule {
    code: "history.edited",
    help: "The checksum in the history is not that of the file (checksum mismatch): the migration was changed after it \
           was applied, or the history was. Line endings, a BOM and a final newline do not count. Restore the file as \
           it was, and put the change into a new migration.",
    severity: Severity::Error,
    find: |rule, facts, state, _| {
        let edited = state.edited.iter().map(|index| {
            let migration = &facts.lock.migrations[*index];
            let row = facts.history.into_iter().flatten().find(|row| row.version == migration.version);
            let renamed = row.is_some_and(|row| row.name != migration.name);
            // If the applied text is the file's, the history was changed and not the file.
            let recorded = facts.recorded.edits.get(&migration.version);
            let as_applied = !renamed && recorded.is_some_and(|edit| edit.applied == edit.file);
            let respelled = !renamed && !as_applied && state.respelled.contains(index);
            let now = state.renumbered.get(&migration.version).map(|index| facts.lock.migrations[*index].id());
            let renumbered = row.zip(now);
            let detail = match row {
                Some(row) if row.checksum.is_none() => {
                    "its checksum in the history is not a number".to_owned()
                }
                Some(row) if row.name != migration.name => format!(
                    "the history calls it {:?}: it was renamed or replaced after it was applied",
                    row.name
                ),
                _ if as_applied => {
                    "the file is as it was applied; its checksum in the history was changed since".to_owned()
                }
                _ if respelled => {
                    "only comments or spacing of the file were changed after it was applied".to_owned()
                }
                _ => "the file was changed after it was applied".to_owned(),
            };
            let text = recorded.filter(|edit| edit.applied != edit.file).map(|edit| AttributeFinding {
                name: "text".into(),
                declared: Some(edit.file.clone()),
                actual: Some(edit.applied.clone()),
                cause: None,
            });
            let sides = match as_applied {
                true => Sides::new("another checksum", "as applied"),
                false => Sides::new("applied", "another text"),
            };
            let advice = match respelled || as_applied {
                true => format!(
                    "accept the edit, and say why: trueup resolve {} --as accept-edit --reason TEXT",
                    migration.version
                ),
                false => "restore the migration's file as it was applied".to_owned(),
            };
            let (detail, advice) = match renumbered {
                Some((row, now)) => (
                    format!("{} was applied; its text is that of {now} now: the file was renumbered", row.id()),
                    format!(
                        "give the file the version back that is applied: rename {now}.sql to {}.sql, and give {} another \
                         version",
                        row.id(),
                        migration.id()
                    ),
                ),
                None => (detail, advice),
            };
            let mut finding = rule
                .finding("migration", label(migration), Change::Different)
                .sides(sides)
                .cause(Cause {
                    kind: CauseKind::Edited,
                    migration: Some(migration.version.to_string()),
                    detail,
                })
                .remedy(Remedy::advice(advice));
            if respelled {
                finding.severity = Severity::Warning;
            }
            finding.attributes.extend(text);
            finding
        });
        edited.collect()
    },
};
