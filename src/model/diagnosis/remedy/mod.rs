//! What to do about a finding: the command, and the SQL that makes the database as declared.

mod carriers;
mod casts;
mod gone;
mod made;

use std::sync::Arc;

use crate::findings::{Cause, CauseKind, Command, Finding, Hazard, Remedy, Undeclared};
use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlAction, DdlChange};
use crate::postgres::sql::identifier;

use super::between::Allowed;
use super::cause::CauseResolver;
use super::fold::Group;
use super::runnable::gently;
use super::sequences::NumberingChange;
use super::{runnable, sequences};

/// What to do for a cause.
fn for_cause(cause: CauseKind) -> Remedy {
    match cause {
        CauseKind::Pending | CauseKind::Unfinished => Remedy::run(Command::Upgrade),
        CauseKind::Unmigrated => Remedy::run(Command::Generate),
        // Completed when the file is known that lacks it.
        CauseKind::Undeclared => Remedy::advice("declare it in schema/"),
        CauseKind::Ahead => {
            Remedy::advice("check again with the project directory that has the newer migrations")
        }
        CauseKind::Edited => Remedy::advice("restore the migration's file as it was applied"),
        CauseKind::Drift | CauseKind::Unknown => Remedy::default(),
    }
}

/// The remedy of a missing object: it is created again with all that came with it.
pub(super) fn missing(group: &Group, cause: CauseKind, states: &CauseResolver<'_>) -> Remedy {
    let model = states.model;
    let changes = if is_others(cause) { Vec::new() } else { made::create(group, states) };
    let lost = [&group.head].into_iter().chain(&group.parts).chain(&group.consequences);
    let mut columns = lost.filter_map(|part| part.model.as_ref());
    let is_there = !matches!(group.head.id.kind, Kind::Table | Kind::Schema);
    if let Some(column) = columns
        .find(|column| is_there && needs_values(column, model) && !changes.is_empty())
        .filter(|column| !states.allowed.fills(column))
    {
        let mut remedy = for_cause(cause);
        if !remedy.is_some() {
            remedy.advice = Some(steps_to_required(column));
        }
        return remedy;
    }
    let hazard = match group.head.id.kind {
        Kind::Index if changes.iter().any(gently::blocks_writes) => Some(Hazard::BlocksWrites),
        kind if kind.is_constraint() => Some(Hazard::ScansTable),
        _ => None,
    };
    let mut remedy = for_cause(cause).with_changes(changes);
    remedy.hazards.extend(hazard.filter(|_| remedy.sql.is_some()));
    remedy
}

/// Whether a column can be added only where no row is: each would need a value.
pub(super) fn needs_values(column: &Object, model: &Catalog) -> bool {
    let domain = column.get(Attribute::Type).and_then(|found| ObjectId::parse(Kind::Domain, found));
    let domain = domain.and_then(|domain| model.get(&domain));
    let refuses =
        |object: &Object| object.is(Attribute::Nullable, "false") && object.is(Attribute::Valid, "true");
    column.id.kind == Kind::Column
        && (refuses(column) || domain.is_some_and(|domain| refuses(domain)))
        && domain.is_none_or(|domain| domain.get(Attribute::Default).is_none())
        && [Attribute::Default, Attribute::Identity, Attribute::Generated]
            .iter()
            .all(|value| column.get(*value).is_none())
}

/// How a column that must have a value is added to a table with rows.
fn steps_to_required(column: &Object) -> String {
    let nullable =
        Object { id: column.id.clone(), attributes: column.attributes.with(Attribute::Nullable, None) };
    let add = ddl::create(&nullable, &[]).join(" ");
    if !column.is(Attribute::Nullable, "false") {
        return format!(
            "every row needs a value, because the type {} does not accept null: {add} with a DEFAULT, which can be dropped \
             afterwards; an empty table needs no default",
            column.get(Attribute::Type).unwrap_or_default()
        );
    }
    let require = ddl::alter(column, &nullable, Attribute::Nullable).unwrap_or_default();
    format!("every row needs a value: {add} then fill it, then {require} an empty table needs no filling")
}

fn holds_data(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Schema | Kind::Table | Kind::Column | Kind::Sequence | Kind::MaterializedView | Kind::Extension
    )
}

/// The remedy of an object that the model does not have. What holds data is never dropped by a suggestion.
pub(super) fn unexpected(group: &Group, cause: CauseKind, allowed: Allowed<'_>) -> Remedy {
    let id = &group.head.id;
    let with_it = group.consequences.iter().filter(|other| other.live.is_some());
    let holds_data = holds_data(id.kind) || with_it.into_iter().any(|other| holds_data(other.id.kind));
    if cause == CauseKind::Drift || cause == CauseKind::Unknown {
        let keep = "to keep it, declare it in schema/ and write a migration that creates it";
        let advice = if holds_data {
            format!("{keep}; it may hold data")
        } else {
            format!("{keep}; else run the SQL")
        };
        let is_dropped = !holds_data || allowed.loses_values();
        let changes = if is_dropped { gone::changes(group) } else { Vec::new() };
        let mut remedy = Remedy::advice(advice).with_changes(changes);
        remedy.hazards.extend((holds_data && remedy.sql.is_some()).then_some(Hazard::LosesData));
        return remedy;
    }
    for_cause(cause)
}

/// Corrects the remedy of a finding that would record a migration of which only a part was done by hand: such a migration
/// can neither be recorded nor run.
pub(super) fn done_in_part(finding: &mut Finding, head: &Difference) {
    let migration = finding.cause.as_ref().and_then(|cause| cause.migration.as_deref());
    let (Some(version), Some(Command::UpgradeRecordSatisfied)) = (migration, &finding.remedy.run) else {
        return;
    };
    let created = head.live.is_some() && head.applied.is_none() && !holds_data(head.id.kind);
    let undo = if created { format!("undo this ({})", ddl::drop(&head.id)) } else { "undo this".to_owned() };
    finding.remedy = Remedy::advice(format!(
        "V{version} is done only in part: {undo} and run `{}`, or do the rest of it by hand and run `{}`",
        Command::Upgrade,
        Command::UpgradeRecordSatisfied
    ));
}

/// The remedy where the database is as declared already, though not by a migration.
pub(super) fn drifted(cause: &Cause, resolver: &CauseResolver<'_>) -> Remedy {
    match (cause.kind, &cause.migration) {
        _ if resolver.is_done_already(cause) => Remedy::run(Command::UpgradeRecordSatisfied),
        (CauseKind::Unmigrated, Some(version)) => Remedy::advice(format!(
            "change schema/ or V{version}, which is not applied yet: they disagree about this"
        )),
        (kind, _) => for_cause(kind),
    }
}

/// The longest text to declare that a remedy quotes, in bytes.
const LONGEST: usize = 300;

/// What `schema/` lacks: this object with what belongs to it, or the attributes of it that only the database has.
pub(super) fn undeclared(group: &Group, attributes: &[Attribute]) -> Option<Undeclared> {
    let object = group.head.live.as_ref()?;
    let id = &object.id;
    let on_table = object.get(Attribute::OnTable).map(str::to_owned);
    let verb = if attributes.is_empty() { "drop" } else { "change" };
    let text = match (attributes, id.kind) {
        ([], Kind::Column) => {
            let table = id.relation_path();
            format!("{} (in CREATE TABLE {table})", ddl::column_definition(object, None))
        }
        ([], _) => {
            let with_it = group.parts.iter().chain(&group.consequences);
            let with_it = with_it.filter_map(|part| part.live.clone());
            on_one_line([Arc::clone(object)].into_iter().chain(with_it).collect())
        }
        (attributes, _) => {
            let stated = attributes
                .iter()
                .filter_map(|attribute| Some(format!("{} {}", attribute.word(), object.get(*attribute)?)));
            format!("{} of {} {id}", stated.collect::<Vec<_>>().join(", "), id.kind.spoken())
        }
    };
    Some(Undeclared {
        text: Some(text).filter(|text| text.len() <= LONGEST && !text.contains('\n')),
        relation: on_table.or_else(|| id.relation.is_some().then(|| id.relation_path())),
        unwanted: format!(
            "write a migration that takes it away: V<version>__{}.sql",
            slug(&format!("{verb}_{}", id.name))
        ),
    })
}

/// The statements that make these objects, on one line unless a text of theirs has several.
fn on_one_line(objects: Vec<Arc<Object>>) -> String {
    let has_lines =
        objects.iter().any(|object| object.attributes.iter().any(|(_, value)| value.contains('\n')));
    let made = made::together(objects, &Catalog::default(), &|_| None).join(" ");
    if has_lines { made } else { made.lines().map(str::trim).collect::<Vec<_>>().join(" ") }
}

/// The remedy of an object that differs in these attributes. A sequence that its column lost is created again.
pub(super) fn different(
    group: &Group,
    attributes: &[Attribute],
    cause: CauseKind,
    states: &CauseResolver<'_>,
) -> Remedy {
    let (Some(declared), Some(actual)) = (&group.head.model, &group.head.live) else {
        return Remedy::default();
    };
    let numbering =
        sequences::numbering(declared, actual, states).filter(|_| declared.id.kind == Kind::Column);
    let (mut action, mut statements) =
        (DdlAction::Alter, statements(group, declared, actual, attributes, numbering.as_ref(), states));
    if statements.is_empty() {
        (action, statements) = replacement(declared, actual, states);
    }
    if is_others(cause) {
        statements.clear();
    }
    let mut remedy = for_cause(cause);
    let may_lose = !statements.is_empty()
        && attributes.contains(&Attribute::Type)
        && may_lose(declared, actual, states.model);
    if may_lose && !states.allowed.loses_values() {
        if !remedy.is_some() {
            remedy.advice = Some(format!(
                "the new type may change or cut values: look at them, then run {}",
                statements.join(" ")
            ));
        }
        return remedy;
    }
    if let Some((from, to)) = ddl::renamed_label(declared, actual).filter(|_| !statements.is_empty()) {
        remedy.advice = Some(format!("run the SQL below; rows that have {from} have {to} afterwards"));
    }
    let owner = sequences::identity_of(declared, states.model).filter(|_| attributes == [Attribute::OwnedBy]);
    if let Some(column) = owner.filter(|_| !remedy.is_some()) {
        remedy.advice = Some(format!("nothing for itself: the identity of column {column} brings it"));
    }
    if statements.is_empty() && !remedy.is_some() {
        remedy.advice = Some(in_words(declared.id.kind, attributes));
    }
    let changes = (!statements.is_empty()).then(|| DdlChange {
        before: Some(Arc::clone(actual)),
        ..change(action, vec![Arc::clone(declared)], statements)
    });
    let finish = numbering.and_then(|numbering| numbering.finish).filter(|_| changes.is_some());
    remedy = remedy.with_changes(changes.into_iter().chain(finish).collect());
    if remedy.sql.is_some() && declared.id.kind == Kind::Column {
        let becomes_required =
            attributes.contains(&Attribute::Nullable) && declared.is(Attribute::Nullable, "false");
        remedy.hazards.extend(may_lose.then_some(Hazard::LosesData));
        remedy.hazards.extend(attributes.contains(&Attribute::Type).then_some(Hazard::RewritesTable));
        remedy.hazards.extend(becomes_required.then_some(Hazard::ScansTable));
    }
    remedy
}

/// The statements that make the attributes what is declared; none where not every one of them can be made so.
fn statements(
    group: &Group,
    declared: &Object,
    actual: &Object,
    attributes: &[Attribute],
    numbering: Option<&NumberingChange>,
    states: &CauseResolver<'_>,
) -> Vec<String> {
    if attributes.contains(&Attribute::Type) && casts::has_none(declared, actual, states) {
        return Vec::new();
    }
    let mut statements: Vec<String> = Vec::new();
    let sequence = sequences::lost_sequence(group);
    let mut dropped = Vec::new();
    let is_column = declared.id.kind == Kind::Column;
    // The default of the old type stands in the way of a new type.
    if is_column && [Attribute::Type, Attribute::Default].iter().all(|changed| attributes.contains(changed)) {
        let bare = declared.attributes.with(Attribute::Default, None);
        let bare = Object { id: declared.id.clone(), attributes: bare };
        statements.extend(ddl::alter(&bare, actual, Attribute::Default));
    }
    let mut ordered = attributes.to_vec();
    if sequences::identity_of(declared, states.model).is_some() {
        ordered.retain(|attribute| *attribute != Attribute::OwnedBy);
    }
    if let Some(numbering) = numbering {
        // The declared sequence may count beyond the type that the column has.
        if attributes.contains(&Attribute::Type) {
            let Some(retyped) = ddl::alter(declared, actual, Attribute::Type) else { return Vec::new() };
            statements.push(retyped);
        }
        statements.extend(numbering.statements.iter().cloned());
        statements.insert(0, "BEGIN;".to_owned());
        statements.push("COMMIT;".to_owned());
        ordered.retain(|attribute| {
            !matches!(attribute, Attribute::Identity | Attribute::Default | Attribute::Type)
        });
    }
    ordered.sort_by_key(|attribute| *attribute != Attribute::Type);
    for attribute in ordered {
        let takes_values = matches!(attribute, Attribute::Identity | Attribute::Default);
        if attribute == Attribute::Default {
            dropped.extend(sequences::owned_sequences(group, declared));
        }
        match (ddl::alter(declared, actual, attribute), sequence.filter(|_| takes_values)) {
            (Some(statement), Some(sequence)) => {
                statements.extend(ddl::restore_sequence(declared, sequence, &statement));
            }
            // One statement may set several attributes (CREATE OR REPLACE).
            (Some(statement), None)
                if attribute == Attribute::Nullable && states.allowed.works_in_steps() =>
            {
                statements.extend(required_in_steps(declared, statement, states));
            }
            (Some(statement), None) if !statements.contains(&statement) => statements.push(statement),
            (Some(_), None) => {}
            (None, _) => return Vec::new(),
        }
    }
    if is_column && attributes.contains(&Attribute::Type) {
        statements.extend(reset_by_type(declared, actual, attributes));
    }
    statements.extend(dropped);
    statements
}

/// The statements that set again what a new type takes back to its own: how values are stored.
fn reset_by_type(declared: &Object, actual: &Object, attributes: &[Attribute]) -> Vec<String> {
    let reset = [Attribute::Storage, Attribute::Compression].into_iter();
    let reset = reset.filter(|attribute| !attributes.contains(attribute));
    let set = reset.filter_map(|attribute| {
        let bare = Object { id: actual.id.clone(), attributes: actual.attributes.with(attribute, None) };
        declared.attributes.stated(attribute)?;
        ddl::alter(declared, &bare, attribute)
    });
    set.collect()
}

/// A column becomes required without a look at the rows under a lock that stops everybody: a constraint that was validated
/// meanwhile proves that none is null.
fn required_in_steps(declared: &Object, statement: String, states: &CauseResolver<'_>) -> Vec<String> {
    if declared.id.kind != Kind::Column || !declared.is(Attribute::Nullable, "false") {
        return vec![statement];
    }
    let table = declared.id.relation.as_deref().unwrap_or_default();
    let beside = declared.id.named(format!("{table}_{}", declared.id.name));
    let name = runnable::free_name([states.live, states.model], &beside, "_not_null");
    let expression = format!("{} IS NOT NULL", identifier(&declared.id.name));
    let attributes = [
        (Attribute::Expression, expression.as_str()),
        (Attribute::Valid, "true"),
        (Attribute::Enforced, "true"),
    ];
    let attributes = attributes.map(|(attribute, value)| (attribute, value.into())).to_vec();
    let id = ObjectId { kind: Kind::Check, name, ..declared.id.clone() };
    let proof = Object { id, attributes: Attributes::new(attributes) };
    let mut statements = ddl::add_and_validate(&proof);
    statements.push(statement);
    statements.push(ddl::drop(&proof.id));
    statements
}

/// The statements that re-create an object, where no ALTER makes it as declared, with the action that they are.
fn replacement(declared: &Object, actual: &Object, states: &CauseResolver<'_>) -> (DdlAction, Vec<String>) {
    // What reads them is put around these statements once it is known.
    let statements = match actual.id.kind {
        // Nothing builds the index of a partitioned table beside the one that is there.
        Kind::Index
            if !states.allowed.commits_between()
                || states.allowed.loses_values() && gently::is_on_partitioned(actual, states.model) =>
        {
            ddl::replace(declared, actual)
        }
        Kind::Index if !gently::is_on_partitioned(actual, states.model) => ddl::replace_index(
            declared,
            actual,
            runnable::free_name([states.live, states.model], &actual.id, "_new"),
        ),
        Kind::Enum => ddl::replace(declared, actual),
        _ if ddl::is_replaceable(declared, actual) => ddl::replace(declared, actual),
        _ => Vec::new(),
    };
    (DdlAction::Replace, statements)
}

/// Whether the declared type may not keep a value that the live column has. A label that an enum lacks is refused.
fn may_lose(declared: &Object, actual: &Object, model: &Catalog) -> bool {
    let (Some(wanted), Some(found)) = (declared.get(Attribute::Type), actual.get(Attribute::Type)) else {
        return false;
    };
    let is_enum = ObjectId::parse(Kind::Enum, wanted).is_some_and(|id| model.get(&id).is_some());
    declared.id.kind == Kind::Column && !is_enum && !ddl::keeps_values(found, wanted)
}

/// The remedy of what has another name.
pub(super) fn renamed(cause: CauseKind, from: &Arc<Object>, to: &ObjectId) -> Remedy {
    let statement = if is_others(cause) { None } else { ddl::rename(&from.id, to) };
    let object = Object { id: to.clone(), attributes: from.attributes.clone() };
    let changes = statement.map(|statement| DdlChange {
        before: Some(Arc::clone(from)),
        ..change(DdlAction::Rename, vec![Arc::new(object)], vec![statement])
    });
    for_cause(cause).with_changes(changes.into_iter().collect())
}

/// Whether the database is right and the project is not: no SQL makes it otherwise.
fn is_others(cause: CauseKind) -> bool {
    matches!(cause, CauseKind::Ahead | CauseKind::Edited)
}

fn change(action: DdlAction, objects: Vec<Arc<Object>>, statements: Vec<String>) -> DdlChange {
    DdlChange { action, objects, before: None, statements }
}

/// What to do where no statement does it.
fn in_words(kind: Kind, attributes: &[Attribute]) -> String {
    let words = format!("change the {} by hand until it is as declared", kind.spoken());
    match attributes.contains(&Attribute::Fields) {
        true => {
            format!("{words}, or declare what it has; dropping an attribute loses its values")
        }
        false => words,
    }
}

/// A migration's name: lower-case words.
fn slug(text: &str) -> String {
    let mapped: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let words: Vec<&str> = mapped.split('_').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "change".into() } else { words.join("_") }
}
