//! Why a value is not what it should be: the four-state rule, per attribute and for existence.

mod words;

use crate::findings::{Cause, CauseKind};
use crate::model::CompiledMigration;
use crate::model::diff::Values;
use crate::postgres::catalog::{Attribute, Catalog, Kind, ObjectId};

use words::{Value, does, left};

use super::between::Allowed;
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
    /// What the SQL of remedies may do.
    pub(super) allowed: Allowed<'f>,
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
        Some(match (values.live == values.model, values.live == values.applied) {
            (true, true) => self.led_away(id, attribute, values),
            (true, false) => self.ahead_of_migrations(id, attribute, values),
            (false, true) => self.pending_or_unmigrated(id, attribute, values),
            (false, false) => self.drifted(id, attribute, values, deed),
        })
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

    /// L = K = M, N differs: the pending migrations lead away from the model.
    fn led_away<T: Value>(&self, id: &ObjectId, attribute: Option<Attribute>, values: Values<T>) -> Cause {
        let pending = self.pending_setter(id, attribute);
        let by = self.label_or(pending, "a pending migration");
        let detail = match attribute {
            None if values.last.is_present() => format!("{by} adds it, but schema/ does not declare it"),
            None => format!("{by} drops it, but schema/ declares it"),
            Some(_) => format!(
                "{by} changes it to {}, but schema/ declares {}",
                values.last.in_words(attribute),
                values.model.in_words(attribute)
            ),
        };
        self.of(CauseKind::Unmigrated, pending, detail)
    }

    /// L = M, K differs: the database is as declared, but not by its applied migrations. A pending migration would do it
    /// again, or none does it.
    fn ahead_of_migrations<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
    ) -> Cause {
        let again = values.last == values.model;
        let pending = self.pending_setter(id, attribute);
        if again && !self.proved {
            let (by, does) =
                (self.label_or(pending, "a migration"), does(attribute, values.last, values.applied));
            let detail = format!(
                "{by} {does}, and the database has it so already; {NO_HISTORY} whether that was applied{}",
                self.evidence
            );
            return self.of(CauseKind::Unknown, pending, detail);
        }
        let accepted = self.accepted(id, attribute, values.live);
        let kind = if accepted.is_some() { CauseKind::Unknown } else { CauseKind::Drift };
        let came = if self.proved { "already done by hand" } else { "as schema/ declares it" };
        let came = accepted.unwrap_or_else(|| came.to_owned());
        if again {
            let by = pending.map(|index| format!("the pending {}", self.label(index)));
            let by = by.unwrap_or_else(|| "a pending migration".into());
            return self.of(kind, pending, format!("{came}; {by} would do it again"));
        }
        let detail = format!("{came}; no migration does it, so a database built from migrations lacks it");
        self.of(CauseKind::Unmigrated, None, detail)
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
        let by = self.label_or(pending, "a pending migration");
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
        match self.proved {
            true => self.by_hand(id, attribute, values, deed, setter),
            false => self.unproved(attribute, values, setter),
        }
    }

    /// As [`Self::drifted`], where the history proves what was there: somebody changed it, or it was accepted so.
    fn by_hand<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        values: Values<T>,
        deed: ByHand,
        setter: Option<usize>,
    ) -> Cause {
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
    pub(super) fn accepted<T: Value>(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        live: T,
    ) -> Option<String> {
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
        let is_cause = |index: &usize| cause.migration == Some(self.migrations[*index].version.to_string());
        match cause.kind {
            CauseKind::Drift => true,
            CauseKind::Unknown => self.proved && self.state.pending.iter().any(is_cause),
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

    pub(super) fn label(&self, index: usize) -> String {
        label(&self.migrations[index]).into()
    }

    /// The migration's label, or these words where it is not known which one it is.
    fn label_or(&self, index: Option<usize>, words: &str) -> String {
        index.map_or_else(|| words.to_owned(), |index| self.label(index))
    }

    pub(super) fn of(&self, kind: CauseKind, migration: Option<usize>, detail: String) -> Cause {
        let migration = migration.map(|index| self.migrations[index].version.to_string());
        Cause { kind, migration, detail }
    }
}
