//! What makes one catalog another: the changes that a database is given which is as the first and is to be as the second.
//!
//! They are the remedies of such a database: what `check` prints and what a migration does is written by the same code.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cause::CauseResolver;
use super::differences::{differences, parents_of};
use super::fold::Group;
use super::migration_state::{Basis, MigrationState};
use super::origin::Origins;
use super::{Facts, RecordedState, objects, remedy};
use crate::findings::{Change, Finding, Hazard};
use crate::model::{Head, Lock};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{DdlAction, DdlChange};

/// What a person has decided about the changes between two catalogs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// The objects that have another name in the second catalog: as the first calls them, and as the second does.
    pub renamed: Vec<(ObjectId, ObjectId)>,
    /// Columns of the second catalog, with the SQL expression that rows have in them that are there already.
    pub filled: Vec<(ObjectId, String)>,
}

/// What the SQL of remedies may do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Allowed<'a> {
    /// It repairs a database: it loses no values, and what is likely to be renamed is.
    Repairs,
    /// The same in steps such that nobody waits for them.
    Fixes {
        /// Whether values may be lost.
        destructive: bool,
    },
    /// It is a migration: what is declared no more goes, with its values.
    Migrates {
        decided: &'a Decided,
        /// Whether statements are split such that nobody waits for them. They cannot be in one transaction then.
        in_steps: bool,
    },
}

impl Allowed<'_> {
    /// Whether what holds rows may be dropped.
    pub(super) fn loses_values(self) -> bool {
        matches!(self, Self::Migrates { .. } | Self::Fixes { destructive: true })
    }

    /// Whether there are statements that cannot be in one transaction with others.
    pub(super) fn commits_between(self) -> bool {
        !matches!(self, Self::Migrates { in_steps: false, .. })
    }

    /// Whether statements are split such that readers and writers go on.
    pub(super) fn works_in_steps(self) -> bool {
        matches!(self, Self::Migrates { in_steps: true, .. } | Self::Fixes { .. })
    }

    /// Whether a column goes: it is not declared, and has no other name.
    pub(super) fn drops(self, column: &ObjectId, declared: &Catalog) -> bool {
        let Self::Migrates { decided, .. } = self else { return false };
        let is_of = |before: &ObjectId| match before.kind {
            Kind::Schema => column.schema.as_ref() == Some(&before.name),
            Kind::Table => column.relation_path() == before.to_string(),
            _ => column == before,
        };
        declared.get(column).is_none() && !decided.renamed.iter().any(|(before, _)| is_of(before))
    }

    /// Whether rows that are there already get a value in this column.
    pub(super) fn fills(self, column: &Object) -> bool {
        self.fill(&column.id).is_some()
    }

    /// The column with the default from which such rows get it.
    pub(super) fn filled(self, object: Arc<Object>) -> Arc<Object> {
        match self.fill(&object.id).filter(|_| object.get(Attribute::Default).is_none()) {
            Some(value) => {
                let attributes = object.attributes.with(Attribute::Default, Some(value.into()));
                Arc::new(Object { id: object.id.clone(), attributes })
            }
            None => object,
        }
    }

    fn fill(&self, id: &ObjectId) -> Option<&str> {
        let Self::Migrates { decided, .. } = self else { return None };
        decided.filled.iter().find(|(column, _)| column == id).map(|(_, value)| value.as_str())
    }

    /// Makes of likely renames those that were decided, by the numbers of their groups: (missing, unexpected). What holds no
    /// values is renamed without a question.
    pub(super) fn decide(self, groups: &[Group], pairs: &mut Vec<(usize, usize)>) {
        let Self::Migrates { decided, .. } = self else { return };
        pairs.retain(|(missing, _)| !holds_values(groups[*missing].head.id.kind));
        for (from, to) in &decided.renamed {
            let place = |id: &ObjectId, is_missing: bool| {
                let is_it = |group: &Group| {
                    group.head.id == *id
                        && group.head.live.is_none() == is_missing
                        && group.head.model.is_some() == is_missing
                };
                groups.iter().position(is_it)
            };
            pairs.extend(place(to, true).zip(place(from, false)));
        }
    }
}

/// Whether rows or values go with an object of this kind, or with what is made of it.
fn holds_values(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Schema
            | Kind::Table
            | Kind::Column
            | Kind::Sequence
            | Kind::Enum
            | Kind::Domain
            | Kind::CompositeType
            | Kind::RangeType
    )
}

/// One difference between two catalogs.
#[derive(Debug, Clone)]
pub struct CatalogChange {
    /// The object, by its name in the second catalog where it is there.
    pub object: ObjectId,
    /// The code of a finding about it.
    pub code: String,
    /// Which of the two has it.
    pub change: Change,
    /// The statements, in groups. There are none where the difference goes with another one, or cannot be brought about.
    pub changes: Vec<DdlChange>,
    /// What the statements do beside changing the schema.
    pub hazards: Vec<Hazard>,
    /// What is to be known, where there are no statements.
    pub why: Option<String>,
}

impl CatalogChange {
    /// What holds values and has another name: before and after.
    pub fn renamed(&self) -> impl Iterator<Item = (&ObjectId, &ObjectId)> {
        let renames = self.changes.iter().filter(|change| change.action == DdlAction::Rename);
        let names =
            renames.filter_map(|change| Some((&change.before.as_ref()?.id, &change.objects.first()?.id)));
        names.filter(|(before, _)| holds_values(before.kind))
    }
}

/// The changes from one catalog to another, both of the server of a lock file. With a decision they are those of a migration;
/// without one they lose nothing, and renames are the likely ones.
pub fn between(
    head: &Head,
    [from, to]: [&Catalog; 2],
    decided: Option<&Decided>,
    in_steps: bool,
) -> Vec<CatalogChange> {
    let lock = Lock { head: head.clone(), model: to.clone(), initial: Vec::new(), migrations: Vec::new() };
    let facts = Facts {
        database: "",
        server: head.server,
        live: from,
        history: None,
        assumed: false,
        others: &[],
        recorded: &RecordedState::default(),
        lock: &lock,
        last: to,
        unchanged: &BTreeSet::new(),
        in_scope: &|_| true,
        ignored: &|_| false,
        partly_squashed: None,
        malformed_history: None,
        history_hidden: false,
        severities: &Default::default(),
    };
    let differences = differences(&facts, to, None);
    let resolver = CauseResolver {
        migrations: &[],
        state: &MigrationState::first(0, 0, Basis::ModelOnly),
        origins: &Origins::new(&[]),
        ahead: &[],
        ahead_origins: &Origins::new(&[]),
        live: from,
        model: to,
        proved: true,
        accepted: None,
        evidence: String::new(),
        views_print_differently: false,
        knows_privileges: head.options.privileges,
        allowed: decided.map_or(Allowed::Repairs, |decided| Allowed::Migrates { decided, in_steps }),
    };
    changes_of(objects::found(&resolver, differences, &parents_of(from, to)))
}

/// The changes that are the remedies of findings.
pub(super) fn changes_of(found: Vec<(ObjectId, Finding)>) -> Vec<CatalogChange> {
    let changes = found.into_iter().map(|(object, finding)| CatalogChange {
        object,
        code: finding.code,
        change: finding.change,
        changes: finding.remedy.changes,
        hazards: finding.remedy.hazards,
        why: finding.remedy.advice,
    });
    changes.collect()
}

/// Whether a column can be added only where no row is: each would need a value, which nothing gives.
pub fn needs_value(column: &Object, model: &Catalog) -> bool {
    remedy::needs_values(column, model)
}
