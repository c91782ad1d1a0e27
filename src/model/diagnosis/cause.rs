//! Why a value is not what it should be: the four-state rule, per attribute and for existence.

use crate::findings::{Cause, CauseKind};
use crate::model::CompiledMigration;
use crate::model::diff::Values;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

use super::migration_state::{Basis, MigrationState};
use super::origin::{Origins, label};
use super::recorded::Accepted;

/// What a cause says of a database without a history.
const NO_HISTORY: &str = "no migration history shows";

/// What the rule needs beside the four values.
pub(super) struct CauseResolver<'f> {
    pub(super) migrations: &'f [CompiledMigration],
    pub(super) state: &'f MigrationState,
    pub(super) origins: &'f Origins<'f>,
    /// Applied migrations that the project lacks, of those whose effects were recorded.
    pub(super) ahead: &'f [CompiledMigration],
    pub(super) ahead_origins: &'f Origins<'f>,
    /// The live catalog.
    pub(super) live: &'f Catalog,
    /// The declared one.
    pub(super) model: &'f Catalog,
    /// Whether the database's own history says what is applied; else nothing proves what was there.
    pub(super) proved: bool,
    /// What was accepted when the database was adopted.
    pub(super) accepted: Option<&'f Accepted>,
    /// What other tools' histories say, for causes that are not proved: `; Alembic is at 3f2a`.
    pub(super) evidence: String,
    /// The lock file's server and the live one print views differently.
    pub(super) views_print_differently: bool,
    /// Whether owners and privileges of the live objects were read.
    pub(super) knows_privileges: bool,
}

/// A value that a sentence can name: an attribute's, or whether the object exists.
pub(super) trait Value: PartialEq + Copy {
    /// The value in words.
    fn in_words(self, attribute: Option<Attribute>) -> String;

    /// Whether there is anything: an object that exists, an attribute that is set.
    fn is_present(self) -> bool;

    /// Whether an object, or its absence, has this value.
    fn is_of(self, object: Option<&Object>, attribute: Option<Attribute>) -> bool;
}

impl Value for Option<&str> {
    fn in_words(self, attribute: Option<Attribute>) -> String {
        match (attribute, self) {
            (Some(Attribute::Nullable), Some("true")) => "nullable".into(),
            (Some(Attribute::Nullable), Some(_)) => "NOT NULL".into(),
            (_, None) => "nothing".into(),
            (Some(attribute), Some(_)) if attribute.is_text() => "another text".into(),
            (_, Some(value)) if value.contains('\n') || value.chars().count() > 60 => "another value".into(),
            (_, Some(value)) => value.into(),
        }
    }

    fn is_present(self) -> bool {
        self.is_some()
    }

    fn is_of(self, object: Option<&Object>, attribute: Option<Attribute>) -> bool {
        object.zip(attribute).and_then(|(object, attribute)| object.attributes.meaning(attribute)) == self
    }
}

impl Value for bool {
    fn in_words(self, _: Option<Attribute>) -> String {
        if self { "exist".into() } else { "not exist".into() }
    }

    fn is_present(self) -> bool {
        self
    }

    fn is_of(self, object: Option<&Object>, _: Option<Attribute>) -> bool {
        object.is_some() == self
    }
}

/// What somebody did to an object by hand, where the database shows no trace of it but the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByHand {
    /// What the values show: an attribute was changed, an object created or dropped.
    AsShown,
    /// The object has another name now.
    Renamed,
}

impl CauseResolver<'_> {
    /// The cause of a disagreement between the four states. `None` when there is none worth telling.
    pub(super) fn cause<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
    ) -> Option<Cause> {
        self.cause_by(id, attribute, values, ByHand::AsShown)
    }

    /// The cause, as [`Self::cause`] finds it, of a disagreement that came by this deed if it came by hand.
    pub(super) fn cause_by<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
        deed: ByHand,
    ) -> Option<Cause> {
        if values.agree() {
            return None;
        }
        if values.live != values.applied && self.broke_off(id, values) {
            return self.unfinished(id);
        }
        if let Some(index) = self.origins.touches(id, |index| self.state.skipped.contains(&index)) {
            let detail =
                format!("{} touches this and is not applied, though a newer migration is", self.label(index));
            return Some(self.of(CauseKind::Unknown, Some(index), detail));
        }
        if values.recorded != values.applied && values.live == values.recorded {
            return Some(self.ahead(id, attribute, values));
        }
        if values.live == values.model {
            return self.ahead_of_migrations(id, attribute, values);
        }
        if values.live == values.applied {
            return Some(self.pending_or_unmigrated(id, attribute, values));
        }
        Some(self.drifted(id, attribute, values, deed))
    }

    /// Whether an unfinished migration touches the object, and may have left it so.
    fn broke_off<T: Value>(&self, id: &ObjectId, values: Values<T>) -> bool {
        values.live != values.recorded
            && self.origins.touches(id, |index| self.state.unfinished.contains(&index)).is_some()
    }

    fn unfinished(&self, id: &ObjectId) -> Option<Cause> {
        let index = self.origins.touches(id, |index| self.state.unfinished.contains(&index))?;
        let detail = format!("{} touches this and is not finished", self.label(index));
        Some(self.of(CauseKind::Unfinished, Some(index), detail))
    }

    /// L = R: a migration that the project lacks made it so.
    fn ahead<T: Value>(&self, id: &ObjectId, attribute: Option<Attribute>, values: Values<T>) -> Cause {
        let setter = self.ahead_setter(id, attribute);
        let by = setter.map_or_else(|| "a migration".to_owned(), |migration| label(migration).into());
        let does = does(attribute, values.recorded, values.applied);
        Cause {
            kind: CauseKind::Ahead,
            migration: setter.map(|migration| migration.version.to_string()),
            detail: format!("{by} {does}; this project does not have that migration"),
        }
    }

    /// A migration that the project lacks renamed it.
    pub(super) fn renamed_ahead(&self, by: &CompiledMigration, from: &ObjectId, to: &ObjectId) -> Cause {
        Cause {
            kind: CauseKind::Ahead,
            migration: Some(by.version.to_string()),
            detail: format!(
                "{} renames {} to {}; this project does not have that migration",
                label(by),
                from.name,
                to.name
            ),
        }
    }

    /// The migration beyond the project's that set this last.
    fn ahead_setter(&self, id: &ObjectId, attribute: Option<Attribute>) -> Option<&CompiledMigration> {
        let any = |_| true;
        let setter = self.ahead_origins.setter(id, attribute, any);
        setter.or_else(|| self.ahead_origins.touches(id, any)).map(|index| &self.ahead[index])
    }

    /// L = M: the database is as declared, but a pending migration would meet it so, or no migration leads here.
    fn ahead_of_migrations<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
    ) -> Option<Cause> {
        let pending = self.pending_setter(id, attribute);
        if values.live == values.applied {
            // L = K = M, N differs: the migrations lead away from the model.
            let by = pending.map(|index| self.label(index)).unwrap_or_else(|| "a pending migration".into());
            let detail = match attribute {
                None if values.last.is_present() => format!("{by} adds it, but schema/ does not declare it"),
                None => format!("{by} drops it, but schema/ declares it"),
                Some(_) => format!(
                    "{by} changes it to {}, but schema/ declares {}",
                    values.last.in_words(attribute),
                    values.model.in_words(attribute)
                ),
            };
            return Some(self.of(CauseKind::Unmigrated, pending, detail));
        }
        if values.last == values.model && !self.proved {
            let by = pending.map(|index| self.label(index)).unwrap_or_else(|| "a migration".into());
            let does = does(attribute, values.last, values.applied);
            let detail = format!(
                "{by} {does}, and the database has it so already; {NO_HISTORY} whether that was applied{}",
                self.evidence
            );
            return Some(self.of(CauseKind::Unknown, pending, detail));
        }
        let accepted = self.accepted(id, attribute, values.live);
        if values.last == values.model {
            let by = pending.map(|index| format!("the pending {}", self.label(index)));
            let by = by.unwrap_or_else(|| "a pending migration".into());
            let (kind, came) = match accepted {
                Some(accepted) => (CauseKind::Unknown, accepted),
                None => (CauseKind::Drift, "already done by hand".to_owned()),
            };
            return Some(self.of(kind, pending, format!("{came}; {by} would do it again")));
        }
        let came = match (accepted, self.proved) {
            (Some(accepted), _) => accepted,
            (None, true) => "already done by hand".to_owned(),
            (None, false) => "as schema/ declares it".to_owned(),
        };
        let detail = format!("{came}; no migration does it, so a database built from migrations lacks it");
        Some(self.of(CauseKind::Unmigrated, None, detail))
    }

    /// L = K: the database is as its applied migrations left it.
    fn pending_or_unmigrated<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
    ) -> Cause {
        if values.applied == values.last {
            let applied = |index: usize| self.state.applied.contains(&index);
            if let Some(index) = self.origins.setter(id, attribute, applied)
                && !values.model.is_present()
            {
                let does = match attribute {
                    None => "creates it",
                    Some(_) => "sets it",
                };
                let detail = format!("{} {does}, but schema/ does not declare it", self.label(index));
                return self.of(CauseKind::Undeclared, Some(index), detail);
            }
            let detail = match (attribute, values.model.is_present()) {
                (None, true) => "schema/ declares it, no migration creates it",
                (None, false) => "schema/ does not declare it, no migration drops it",
                (Some(_), _) => "schema/ declares it so, no migration changes it",
            };
            return self.of(CauseKind::Unmigrated, None, detail.to_owned());
        }
        let pending = self.pending_setter(id, attribute);
        let by = pending.map(|index| self.label(index)).unwrap_or_else(|| "a pending migration".into());
        let does = does(attribute, values.last, values.live);
        let detail = if values.last == values.model {
            format!("{by} {does}")
        } else {
            let (to, wanted) = (values.last.in_words(attribute), values.model.in_words(attribute));
            format!("{by} changes it to {to}; schema/ declares {wanted}, and no migration does that")
        };
        self.of(CauseKind::Pending, pending, detail)
    }

    /// L is neither the model nor what the migrations left.
    fn drifted<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
        deed: ByHand,
    ) -> Cause {
        let applied = |index: usize| self.state.applied.contains(&index);
        let setter = self.origins.setter(id, attribute, applied);
        let edited =
            |index: &usize| self.state.edited.contains(index) && !self.state.respelled.contains(index);
        if let Some(index) = setter.filter(edited) {
            let detail = format!("{} was changed after it was applied here", self.label(index));
            return self.of(CauseKind::Edited, Some(index), detail);
        }
        if values.recorded != values.applied
            && let Some(migration) = self.ahead_setter(id, attribute)
        {
            let left = left(attribute, values.recorded);
            let detail = format!("{} {left}; it was changed by hand since", label(migration));
            return Cause { kind: CauseKind::Drift, migration: Some(migration.version.to_string()), detail };
        }
        let is_recorded = |version: i64| self.ahead.iter().any(|migration| migration.version == version);
        let unrecorded = self.state.ahead.iter().filter(|row| !is_recorded(row.version));
        let names: Vec<String> = unrecorded.map(|row| row.id().to_string()).collect();
        if !names.is_empty() {
            let detail = format!("{} may have changed it; this project does not have it", names.join(", "));
            return self.of(CauseKind::Ahead, None, detail);
        }
        let is_view = matches!(id.kind, Kind::View | Kind::MaterializedView);
        if self.views_print_differently && is_view && attribute == Some(Attribute::Definition) {
            let detail =
                "the two servers print views differently; the rest may be a difference of spelling only";
            return self.of(CauseKind::Unknown, setter, detail.into());
        }
        if !self.proved {
            return self.unproved(attribute, values, setter);
        }
        let accepted = self.accepted(id, attribute, values.live);
        let kind = if accepted.is_some() { CauseKind::Unknown } else { CauseKind::Drift };
        let done = match (deed, attribute) {
            (ByHand::Renamed, _) => "renamed",
            (ByHand::AsShown, Some(_)) => "changed",
            (ByHand::AsShown, None) if values.live.is_present() => "created",
            (ByHand::AsShown, None) => "dropped",
        };
        let came = accepted.unwrap_or_else(|| format!("it was {done} by hand"));
        let mut detail = match setter {
            None if attribute.is_none() => format!("no migration creates it; {came}"),
            None => format!("no migration sets it so; {came}"),
            Some(index) if kind == CauseKind::Drift => {
                format!("{} {}; {came}", self.label(index), left(attribute, values.applied))
            }
            Some(index) => {
                format!("{} {}; {came}", self.label(index), does(attribute, values.applied, values.live))
            }
        };
        if values.applied != values.model && values.last == values.model {
            if let Some(index) = self.pending_setter(id, attribute) {
                let does = does(attribute, values.last, values.applied);
                detail.push_str(&format!("; the pending {} {does}", self.label(index)));
            }
        } else if values.last != values.model {
            detail.push_str("; schema/ differs from the migrations, too");
        }
        self.of(kind, setter, detail)
    }

    /// What is said of a value that the database had when it was adopted, and that was accepted then: who brought it about
    /// is not known. `None` where it was not so, or a migration that was applied since sets it.
    fn accepted<T: Value>(&self, id: &ObjectId, attribute: Option<Attribute>, live: T) -> Option<String> {
        let accepted = self.accepted?;
        if !live.is_of(accepted.object(id)?, attribute) {
            return None;
        }
        let since = |index: usize| {
            self.state.applied.contains(&index)
                && !accepted.versions.contains(&self.migrations[index].version)
        };
        if self.origins.setter(id, attribute, since).is_some() {
            return None;
        }
        Some(format!(
            "this difference was accepted when the database was adopted ({}, {})",
            accepted.at, accepted.by
        ))
    }

    /// Whether the database has already what a pending migration does, by what somebody did outside of migrations.
    pub(super) fn is_done_already(&self, cause: &Cause) -> bool {
        let pending = self.state.pending.iter().map(|index| self.migrations[*index].version.to_string());
        match cause.kind {
            CauseKind::Drift => true,
            CauseKind::Unknown => {
                self.proved && pending.into_iter().any(|version| Some(version) == cause.migration)
            }
            _ => false,
        }
    }

    /// As [`Self::drifted`], where no history proves what was there: nobody can say that it was changed by hand.
    fn unproved<T: Value>(
        &self,
        attribute: Option<Attribute>,
        values: Values<T>,
        setter: Option<usize>,
    ) -> Cause {
        let detail = match (self.state.basis, setter) {
            (Basis::ModelOnly, _) => {
                "the database or schema/ was changed: this project has no migrations that show which"
                    .to_owned()
            }
            (_, Some(index)) => {
                let does = does(attribute, values.applied, values.live);
                format!("{} {does}; {NO_HISTORY} whether that was applied", self.label(index))
            }
            (_, None) if attribute.is_none() => {
                format!("no migration creates it; {NO_HISTORY} where it comes from")
            }
            (_, None) => format!("no migration sets it so; {NO_HISTORY} where it comes from"),
        };
        self.of(CauseKind::Unknown, setter, format!("{detail}{}", self.evidence))
    }

    fn pending_setter(&self, id: &ObjectId, attribute: Option<Attribute>) -> Option<usize> {
        let pending = |index: usize| self.state.pending.contains(&index);
        self.origins.setter(id, attribute, pending).or_else(|| self.origins.setter(id, None, pending))
    }

    /// Whether an index is on a partitioned table.
    pub(super) fn is_partitioned(&self, index: &Object) -> bool {
        let table = index.get(Attribute::OnTable).and_then(|path| ObjectId::parse(Kind::Table, path));
        let table = table.and_then(|table| self.live.get(&table));
        table.is_some_and(|table| table.get(Attribute::PartitionBy).is_some())
    }

    pub(super) fn label(&self, index: usize) -> String {
        label(&self.migrations[index]).into()
    }

    pub(super) fn of(&self, kind: CauseKind, migration: Option<usize>, detail: String) -> Cause {
        let migration = migration.map(|index| self.migrations[index].version.to_string());
        Cause { kind, migration, detail }
    }
}

/// What a pending migration does: "adds it", "makes it nullable".
fn does<T: Value>(attribute: Option<Attribute>, to: T, from: T) -> String {
    let (new, old) = (to.in_words(attribute), from.in_words(attribute));
    match attribute {
        None if to.is_present() => "adds it".into(),
        None => "drops it".into(),
        Some(Attribute::Nullable) => format!("makes it {new}"),
        Some(_) if !to.is_present() => "removes it".into(),
        Some(attribute) if attribute.is_text() => "changes it".into(),
        Some(_) if !from.is_present() => format!("sets it to {new}"),
        Some(_) => format!("changes it from {old} to {new}"),
    }
}

/// What an applied migration had done: "created it", "left it nullable".
fn left<T: Value>(attribute: Option<Attribute>, value: T) -> String {
    match attribute {
        None if value.is_present() => "created it".into(),
        None => "dropped it".into(),
        Some(_) if !value.is_present() => "left it unset".into(),
        Some(attribute) if attribute.is_text() => "wrote it".into(),
        Some(_) => format!("left it {}", value.in_words(attribute)),
    }
}
