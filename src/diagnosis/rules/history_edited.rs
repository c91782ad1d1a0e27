//! `history.edited`: a migration's file is not the one that was applied.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::super::origin::label;
use super::{Rule, Told};

pub(super) const RULE: Rule = Rule {
    code: "history.edited",
    help: "The checksum in the history is not that of the file: the migration was changed after it was applied, or \
           the history was. Line endings, a BOM and a final newline do not count. Restore the file as it was, and \
           put the change into a new migration.",
    severity: Severity::Error,
    find: |facts, standing, _| {
        let edited = standing.edited.iter().map(|index| {
            let migration = &facts.lock.migrations[*index];
            let row = facts.history.into_iter().flatten().find(|row| row.version == migration.version);
            let detail = match row {
                Some(row) if row.checksum.is_none() => "its checksum in the history is no number".to_owned(),
                Some(row) if row.name != migration.name => {
                    format!(
                        "the history calls it {:?}: it was renamed or replaced after it was applied",
                        row.name
                    )
                }
                _ => "the file was changed after it was applied".to_owned(),
            };
            Told {
                kind: "migration",
                object: label(migration).into(),
                change: Change::Different,
                sides: Sides { database: "applied".into(), model: "another text".into() },
                cause: Cause {
                    kind: CauseKind::Edited,
                    migration: Some(migration.version.to_string()),
                    detail,
                },
                command: "restore the migration's file as it was applied".into(),
            }
        });
        edited.collect()
    },
};
