//! The steps of a plan: statements that stay together, with what they need to come first.

use std::collections::BTreeSet;

use super::phase;
use crate::findings::Hazard;
use crate::migrations::script::cannot_run_in_transaction;
use crate::model::diagnosis::CatalogChange;
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// Statements that stay together.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// What they are about, by the name that it has afterwards.
    pub object: ObjectId,
    /// What they do to it.
    pub verb: &'static str,
    /// The statements.
    pub statements: Vec<String>,
    /// What they do beside changing the schema.
    pub hazards: Vec<Hazard>,
    /// Whether code that runs now may not survive them.
    pub contract: bool,
    /// Whether they run in one transaction; else each is committed before the next one.
    pub transactional: bool,
    /// The steps that must come before it, by their numbers.
    pub(super) needs: BTreeSet<usize>,
}

impl PlannedStep {
    /// Statements about an object that need no other step.
    pub fn alone(object: ObjectId, verb: &'static str, statements: Vec<String>) -> Self {
        let (contract, transactional, needs) = (false, true, BTreeSet::new());
        Self { object, verb, statements, hazards: Vec::new(), contract, transactional, needs }
    }
}

/// The steps of all changes, in an order that PostgreSQL accepts.
pub(super) fn in_order(changes: Vec<CatalogChange>) -> Vec<PlannedStep> {
    let all: Vec<(&CatalogChange, &DdlChange)> =
        changes.iter().flat_map(|found| found.changes.iter().map(move |change| (found, change))).collect();
    let ddl: Vec<&DdlChange> = all.iter().map(|(_, change)| *change).collect();
    let mut steps: Vec<PlannedStep> = Vec::new();
    // The last step of each change that is done.
    let mut last: Vec<Option<usize>> = vec![None; all.len()];
    for (number, mut needed) in ddl::ordered(&ddl) {
        let (found, change) = all[number];
        needed.retain(|other| !is_only_beside(change, ddl[*other]));
        needed.extend((0..ddl.len()).filter(|other| *other != number && is_renamed_for(change, ddl[*other])));
        let mut needs: BTreeSet<usize> = needed.iter().filter_map(|need| last[*need]).collect();
        let contract = phase::is_contract(change) || needs.iter().any(|need| steps[*need].contract);
        for (transactional, statements) in divided(change) {
            let step = PlannedStep {
                object: change
                    .objects
                    .first()
                    .map_or_else(|| found.object.clone(), |object| object.id.clone()),
                verb: verb(change),
                statements,
                hazards: found.hazards.clone(),
                contract,
                transactional,
                needs: std::mem::take(&mut needs),
            };
            needs.insert(steps.len());
            last[number] = Some(steps.len());
            steps.push(step);
        }
    }
    steps
}

fn verb(change: &DdlChange) -> &'static str {
    match change.action {
        DdlAction::Rename => "rename",
        DdlAction::Drop | DdlAction::Finish => "drop",
        DdlAction::Make => "create",
        DdlAction::Alter => "alter",
        DdlAction::Replace => "re-create",
    }
}

/// Whether the statements of a change use the name that another one gives.
fn is_renamed_for(change: &DdlChange, other: &DdlChange) -> bool {
    if other.action != DdlAction::Rename {
        return false;
    }
    let Some(to) = other.objects.first() else { return false };
    change.objects.iter().any(|object| uses(object, &to.id))
}

fn uses(object: &Object, renamed: &ObjectId) -> bool {
    match renamed.kind {
        Kind::Schema => object.id.schema.as_ref() == Some(&renamed.name),
        kind if ddl::is_mentioned(kind) => {
            let name = ddl::printed_name(renamed);
            ddl::needs(object).contains(&name)
                || object.id.schema == renamed.schema && object.id.name == renamed.name
        }
        Kind::Column => {
            ddl::needs(object).contains(&ddl::relation_name(renamed)) && ddl::has_word(object, &renamed.name)
        }
        _ => object.id == *renamed,
    }
}

/// Whether another change is about columns alone that this one does not name: it may come at any time.
fn is_only_beside(change: &DdlChange, other: &DdlChange) -> bool {
    let is_column = other.objects.first().is_some_and(|object| object.id.kind == Kind::Column);
    let uses = |column: &ObjectId| change.objects.iter().any(|object| ddl::has_word(object, &column.name));
    let columns = other.objects.iter().filter(|object| object.id.kind == Kind::Column);
    is_column && other.action != DdlAction::Drop && !columns.map(|column| &column.id).any(uses)
}

/// The statements of a change, in parts that are one transaction and parts of which each statement is committed.
fn divided(change: &DdlChange) -> Vec<(bool, Vec<String>)> {
    let statements: Vec<String> =
        change.statements.iter().filter_map(|text| without_transaction(text)).collect();
    // A label of an enum can be used when it is committed.
    let is_label = change.action == DdlAction::Alter
        && change.objects.first().is_some_and(|object| {
            object.id.kind == Kind::Enum
                && change
                    .before
                    .as_ref()
                    .is_some_and(|before| before.get(Attribute::Labels) != object.get(Attribute::Labels))
        });
    let alone =
        |statement: &String| is_label || commits_first(statement) || cannot_run_in_transaction(statement);
    let first = statements.iter().position(alone).unwrap_or(statements.len());
    let (together, one_by_one) = statements.split_at(first);
    let parts = [(true, together), (false, one_by_one)].into_iter().filter(|(_, part)| !part.is_empty());
    parts.map(|(transactional, part)| (transactional, part.to_vec())).collect()
}

/// The statements of a text without those that begin and end a transaction: the migration is one.
fn without_transaction(text: &str) -> Option<String> {
    let inner = text.strip_prefix("BEGIN;\n").and_then(|text| text.strip_suffix("\nCOMMIT;"));
    (text != "BEGIN;" && text != "COMMIT;").then(|| inner.unwrap_or(text).to_owned())
}

/// Whether a statement adds a constraint that a later one validates: the lock that adding takes is given back before that.
fn commits_first(statement: &str) -> bool {
    statement.trim_end_matches(';').ends_with(" NOT VALID")
}
