//! `history.edited`: a migration's file is not the one that was applied.

use super::super::finding::{AttributeFinding, Cause, CauseKind, Change, Severity, Sides};
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
            let renamed = row.is_some_and(|row| row.name != migration.name);
            // What was applied is what the file says: then it is the history that was changed.
            let kept = facts.kept.edits.get(&migration.version);
            let as_applied = !renamed && kept.is_some_and(|edit| edit.applied == edit.file);
            let respelled = !renamed && !as_applied && standing.respelled.contains(index);
            let detail = match row {
                Some(row) if row.checksum.is_none() => "its checksum in the history is no number".to_owned(),
                Some(row) if row.name != migration.name => {
                    format!(
                        "the history calls it {:?}: it was renamed or replaced after it was applied",
                        row.name
                    )
                }
                _ if as_applied => {
                    "the file is as it was applied; its checksum in the history was changed since".to_owned()
                }
                _ if respelled => {
                    "only comments or spacing of the file were changed after it was applied".to_owned()
                }
                _ => "the file was changed after it was applied".to_owned(),
            };
            let text = kept.filter(|edit| edit.applied != edit.file).map(|edit| AttributeFinding {
                name: "text".into(),
                declared: Some(edit.file.clone()),
                actual: Some(edit.applied.clone()),
                cause: None,
            });
            Told {
                kind: "migration",
                object: label(migration).into(),
                change: Change::Different,
                sides: Sides {
                    database: if as_applied { "another checksum" } else { "applied" }.into(),
                    model: if as_applied { "as applied" } else { "another text" }.into(),
                },
                cause: Cause {
                    kind: CauseKind::Edited,
                    migration: Some(migration.version.to_string()),
                    detail,
                },
                command: match respelled || as_applied {
                    true => {
                        format!("trueup resolve {} --as accept-edit --reason ...", migration.version)
                    }
                    false => "restore the migration's file as it was applied".into(),
                },
                severity: respelled.then_some(Severity::Warning),
                attributes: text.into_iter().collect(),
            }
        });
        edited.collect()
    },
};
