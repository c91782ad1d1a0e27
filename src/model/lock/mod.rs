//! `trueup.lock`: the declared model and the effect of every migration, as a real PostgreSQL made them.
//!
//! The file is JSON Lines with one object of the catalog in each line, so that a review can read its diff. Objects that a
//! migration creates as the model has them are only named. This module has the types and their operations; `read` and
//! `write` convert the text.

mod creates;
mod footprints;
mod head;
mod read;
mod write;

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::migrations::tools::ToolRevision;
use crate::migrations::{Directives, Migration, MigrationId};
use crate::model::{Footprint, Input};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

pub use head::{CompiledSettings, DeclaredBy, Head};
pub use read::{LockFile, effects_from_text};
pub use write::effects_to_text;

/// The format that this version of trueup writes and reads.
pub const FORMAT: u32 = 3;

/// The name of the lock file in a project directory.
pub const FILE_NAME: &str = crate::findings::LOCK_FILE;

/// A compiled project.
#[derive(Debug, Clone, PartialEq)]
pub struct Lock {
    /// The inputs and settings that it was compiled from.
    pub head: Head,
    /// The declared model.
    pub model: Catalog,
    /// The objects of a new database, before the first migration.
    pub initial: Vec<Arc<Object>>,
    /// The migrations, sorted by version.
    pub migrations: Vec<CompiledMigration>,
}

/// What one migration does to the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledMigration {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// What another tool calls it, where that keeps it.
    pub revision: Option<ToolRevision>,
    /// The revisions that the tool applies before it, where it keeps more than their order.
    pub parents: Vec<SmolStr>,
    /// Those of them that it rests on without coming after them (Alembic's `depends_on`).
    pub dependencies: Vec<SmolStr>,
    /// Its file in the project, with `/`, where it is a program.
    pub file: Option<String>,
    /// Whether it is marked `-- trueup: contract`.
    pub contract: bool,
    /// What its statements do to relations that were there before it, where that was measured.
    pub footprints: Vec<Footprint>,
    /// Its down script, where it has one of its own.
    pub down: Option<CompiledDown>,
    /// Renames first, by level (see [`Effect::Renamed`]), then the others by name.
    pub effects: Vec<Effect>,
}

/// A down script. It was run right after its migration, in a transaction that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledDown {
    /// The SHA-256 of its text, see [`crate::model::Input`]: of another text nothing is known.
    pub sha256: String,
    /// What came of it.
    pub outcome: DownOutcome,
}

impl CompiledDown {
    /// What the statements of this text do; `None` where that is another one, or was not measured.
    pub fn footprints(&self, sql: &str) -> Option<&[Footprint]> {
        match &self.outcome {
            DownOutcome::Measured(footprints) if Input::new("", sql).sha256 == self.sha256 => {
                Some(footprints)
            }
            _ => None,
        }
    }
}

/// What came of running a down script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownOutcome {
    /// What its statements do to the relations that are there after the migration.
    Measured(Vec<Footprint>),
    /// It cannot be run: the line and why.
    Refused(String),
    /// It cannot be rolled back, or is too long: it was not run.
    Unmeasured,
}

impl CompiledMigration {
    /// The migration as a file of the project, where it is a program: its text is nothing to trueup.
    pub fn of_program(&self) -> Migration {
        Migration {
            version: self.version,
            name: self.name.clone(),
            path: self.file.as_deref().unwrap_or_default().into(),
            sql: String::new(),
            down: None,
            directives: Directives::default(),
            revision: self.revision.clone(),
            parents: self.parents.clone(),
        }
    }

    /// A migration whose effects nobody asks for: its identity, and whether it is a contract migration.
    pub fn listed(migration: &Migration) -> Self {
        Self {
            version: migration.version,
            name: migration.name.clone(),
            revision: migration.revision.clone(),
            parents: Vec::new(),
            dependencies: Vec::new(),
            file: None,
            contract: migration.directives.contract,
            footprints: Vec::new(),
            down: None,
            effects: Vec::new(),
        }
    }

    /// Its version and its name.
    pub fn id(&self) -> MigrationId<'_> {
        MigrationId { version: self.version, name: &self.name, revision: self.revision.as_ref() }
    }
}

/// One effect of a migration on one object. A baseline has as many effects as the model has objects, nearly all of
/// them `Created`: what the other variants hold is boxed.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The object is created.
    Created(Arc<Object>),
    /// Some of its attributes are set or removed.
    Changed {
        /// The object as the migration leaves it.
        after: Arc<Object>,
        /// The attributes that are set or removed.
        attributes: Vec<Attribute>,
    },
    /// Renames it. What stands under it follows: objects of a schema, parts of a relation. Renames of one level
    /// (schemas; objects in schemas; parts of relations) take place at once, one level after the other.
    Renamed {
        /// Its name before, after the renames of the levels above.
        from: Box<ObjectId>,
        /// Its name afterwards.
        to: Box<ObjectId>,
    },
    /// The object is dropped.
    Dropped(Box<ObjectId>),
}

impl Effect {
    /// The object as the migration leaves it, if it creates or changes one.
    pub fn after(&self) -> Option<&Arc<Object>> {
        match self {
            Self::Created(object) | Self::Changed { after: object, .. } => Some(object),
            Self::Renamed { .. } | Self::Dropped(_) => None,
        }
    }

    /// The object's name after the migration; before it, if the object is dropped.
    pub fn id(&self) -> &ObjectId {
        match self {
            Self::Created(object) | Self::Changed { after: object, .. } => &object.id,
            Self::Renamed { to: id, .. } | Self::Dropped(id) => id,
        }
    }
}

impl Lock {
    /// The catalog of a database that has these migrations: the effects of those, in order, on a new one.
    /// Where a skipped migration made an object, later changes of it bring what they leave behind.
    pub fn state_after(&self, applied: impl FnMut(i64) -> bool) -> Catalog {
        self.state_with(&[], applied)
    }

    /// The catalog of [`Lock::state_after`] with other migrations in addition, by version, that the project does not
    /// have.
    pub fn state_with(&self, others: &[CompiledMigration], mut applied: impl FnMut(i64) -> bool) -> Catalog {
        let mut state = CatalogState { objects: self.initial.iter().cloned().map(ById).collect() };
        let mut others = others.iter().peekable();
        for migration in self.migrations.iter().filter(|migration| applied(migration.version)) {
            while let Some(other) = others.next_if(|other| other.version < migration.version) {
                state.apply(&other.effects);
            }
            state.apply(&migration.effects);
        }
        others.for_each(|other| state.apply(&other.effects));
        state.into_catalog()
    }

    /// What is left of the catalog that the migrations of `before` build once those of `after` have dropped objects of it,
    /// under the names that those have given them.
    pub fn left_of(&self, before: impl FnMut(i64) -> bool, mut after: impl FnMut(i64) -> bool) -> Catalog {
        let mut state = CatalogState::of(&self.state_after(before));
        for migration in self.migrations.iter().filter(|migration| after(migration.version)) {
            let moves = migration.effects.iter().filter(|effect| effect.after().is_none());
            state.apply(&moves.cloned().collect::<Vec<_>>());
        }
        state.into_catalog()
    }
}

/// A catalog that effects are applied to.
#[derive(Debug, Default)]
pub(super) struct CatalogState {
    objects: BTreeSet<ById>,
}

#[derive(Debug, Clone)]
struct ById(Arc<Object>);

impl CatalogState {
    /// The state of a catalog.
    pub(super) fn of(catalog: &Catalog) -> Self {
        Self { objects: catalog.objects.iter().map(|object| ById(object.clone())).collect() }
    }

    /// Applies the effects of one migration.
    pub(super) fn apply(&mut self, effects: &[Effect]) {
        for level in RenameLevel::ALL {
            let renames = effects.iter().filter_map(|effect| match effect {
                Effect::Renamed { from, to } if RenameLevel::of(from.kind) == level => {
                    Some((ObjectId::clone(from), ObjectId::clone(to)))
                }
                _ => None,
            });
            self.rename(&renames.collect());
        }
        // A baseline makes everything: building the tree at once is several times as fast as one by one.
        let made = effects.iter().filter_map(|effect| match effect {
            Effect::Created(object) => Some(ById(object.clone())),
            Effect::Changed { .. } | Effect::Renamed { .. } | Effect::Dropped(_) => None,
        });
        if self.objects.len() < effects.len() / 2 {
            let mut made: BTreeSet<ById> = made.collect();
            self.objects.append(&mut made);
        } else {
            for object in made {
                self.objects.replace(object);
            }
        }
        for effect in effects {
            match effect {
                Effect::Changed { after, attributes } => self.change(after, attributes),
                Effect::Dropped(id) => {
                    self.objects.remove(id.as_ref());
                }
                Effect::Created(_) | Effect::Renamed { .. } => {}
            }
        }
    }

    fn change(&mut self, after: &Arc<Object>, attributes: &[Attribute]) {
        let changed = match self.objects.get(&after.id) {
            None => after.clone(),
            Some(ById(found)) => {
                let values = attributes.iter().fold(found.attributes.clone(), |values, attribute| {
                    values.with(*attribute, after.attributes.stated(*attribute).map(SmolStr::from))
                });
                if values == after.attributes {
                    after.clone()
                } else {
                    Arc::new(Object { id: after.id.clone(), attributes: values })
                }
            }
        };
        self.objects.replace(ById(changed));
    }

    /// Renames objects of one level, and what stands under them.
    pub(super) fn rename(&mut self, renames: &HashMap<ObjectId, ObjectId>) {
        if renames.is_empty() {
            return;
        }
        let moved: Vec<(ById, ObjectId)> = self
            .objects
            .iter()
            .filter_map(|object| Some((object.clone(), Self::new_name(renames, &object.0.id)?)))
            .collect();
        for (object, _) in &moved {
            self.objects.remove(object);
        }
        for (ById(object), id) in moved {
            self.objects.replace(ById(Arc::new(Object { id, attributes: object.attributes.clone() })));
        }
    }

    /// What an object is called after these renames, if they touch it.
    pub(super) fn new_name(renames: &HashMap<ObjectId, ObjectId>, id: &ObjectId) -> Option<ObjectId> {
        if let Some(to) = renames.get(id) {
            return Some(to.clone());
        }
        let schema = id.schema.as_ref()?;
        if let Some(to) = renames.get(&ObjectId::bare(Kind::Schema, schema.clone())) {
            return Some(ObjectId { schema: Some(to.name.clone()), ..id.clone() });
        }
        let relation = id.relation.as_ref()?;
        let to = RELATIONS
            .iter()
            .find_map(|kind| renames.get(&ObjectId::in_schema(*kind, schema.clone(), relation.clone())))?;
        Some(ObjectId { schema: to.schema.clone(), relation: Some(to.name.clone()), ..id.clone() })
    }

    pub(super) fn get(&self, id: &ObjectId) -> Option<&Arc<Object>> {
        self.objects.get(id).map(|ById(object)| object)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.iter().map(|ById(object)| object)
    }

    pub(super) fn into_catalog(self) -> Catalog {
        // They come in order.
        let objects = self.objects.into_iter().map(|ById(object)| object).collect();
        Catalog { objects, unmodeled: Vec::new() }
    }
}

/// Which renames take place at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RenameLevel {
    Outside,
    InSchema,
    UnderRelation,
}

impl RenameLevel {
    pub(super) const ALL: [Self; 3] = [Self::Outside, Self::InSchema, Self::UnderRelation];

    pub(super) fn of(kind: Kind) -> Self {
        if kind.is_bare() {
            Self::Outside
        } else if kind.is_under_relation() {
            Self::UnderRelation
        } else {
            Self::InSchema
        }
    }
}

/// What columns, constraints, triggers, policies and rules stand under.
const RELATIONS: [Kind; 3] = [Kind::Table, Kind::View, Kind::MaterializedView];

impl Borrow<ObjectId> for ById {
    fn borrow(&self) -> &ObjectId {
        &self.0.id
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
pub(super) mod tests;
