//! What is to be written and removed, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::{NewFile, first_of, proof};
use crate::error::{ErrorCode, Failure};
use crate::migrations::{Directives, Migration};
use crate::model::declare;
use crate::model::diagnosis;
use crate::model::{Lock, Rewrite, Rewritten, SchemaFile, Sources, UnreadableBody};
use crate::postgres::catalog::{Catalog, Object, ObjectId};
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::comparison::{in_scope, named};
use crate::workflow::file_set::FileSet;

/// The file name of the baseline.
const BASELINE: &str = "V1__baseline.sql";

/// What is to be done with the project's files.
#[derive(Default)]
pub(super) struct FileChanges {
    pub(super) objects: usize,
    /// The files of `schema/` that are written.
    pub(super) texts: BTreeMap<String, String>,
    /// Those that declare nothing of the database any more.
    pub(super) removed: Vec<String>,
    /// Those that stay.
    kept: Vec<SchemaFile>,
    pub(super) unchanged: usize,
    /// The written files that keep statements of others.
    pub(super) edited: Vec<String>,
    /// What the files declare and the project leaves out of every comparison: it stays.
    pub(super) left_out: Vec<ObjectId>,
    pub(super) baseline: Option<Migration>,
    /// What the server says of functions whose bodies it cannot read.
    pub(super) unreadable: Vec<String>,
}

impl FileChanges {
    /// Compares the files with the database.
    ///
    /// # Errors
    /// Exit 2: comments would be lost. Exit 4: the database looks like another
    /// application's.
    pub(super) fn of(
        settings: &Settings,
        sources: &Sources,
        now: &Lock,
        snapshot: &DatabaseSnapshot,
    ) -> Result<Self, Failure> {
        proof::refuse_other(settings, sources, now, snapshot)?;
        let schema = &sources.schema;
        let (live, model) = (scoped(settings, &snapshot.catalog), scoped(settings, &now.model));
        let initial = scoped_objects(settings, &now.initial);
        let objects = live.objects.len();
        if schema.is_empty() {
            return Ok(Self { objects, texts: declare::files(&live, &initial), ..Self::default() });
        }
        let deviations = proof::deviations(settings, now, &now.model, snapshot);
        let differing = deviations.iter().flat_map(|one| one.live.iter().chain(&one.declared));
        let rewrite = Rewrite {
            schema,
            search_path: &settings.database.search_path,
            model: &model,
            wanted: &live,
            initial: &initial,
        };
        let Rewritten { texts, removed, kept, edited, lost } =
            rewrite.carry_out(differing.map(AsRef::as_ref));
        if !lost.is_empty() {
            return Err(comments_lost(&lost));
        }
        let ignored = now.model.objects.iter().filter(|object| model.get(&object.id).is_none());
        Ok(Self {
            objects,
            texts,
            removed,
            unchanged: kept.len(),
            kept,
            edited,
            left_out: ignored.map(|object| object.id.clone()).collect(),
            baseline: None,
            unreadable: Vec::new(),
        })
    }

    /// Adds the migration that makes all that the database has.
    pub(super) fn write_baseline(
        &mut self,
        settings: &Settings,
        now: &Lock,
        snapshot: &DatabaseSnapshot,
    ) -> Result<(), Failure> {
        let live = scoped(settings, &snapshot.catalog);
        let path = settings.project.migrations_dir.join(BASELINE);
        let Some(sql) = declare::baseline(&live, &scoped_objects(settings, &now.initial)) else {
            return Ok(());
        };
        let directives = Directives::read(&path, &sql)?;
        let name = "baseline".to_owned();
        self.baseline = Some(Migration {
            version: 1,
            name,
            path,
            sql,
            down: None,
            directives,
            revision: None,
            parents: Vec::new(),
        });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.removed.is_empty() && self.baseline.is_none()
    }

    /// The project as it will be.
    pub(super) fn sources(&self) -> Sources {
        let written = self.texts.iter();
        let written = written.map(|(path, text)| SchemaFile { path: path.clone(), text: text.clone() });
        let mut schema: Vec<SchemaFile> = self.kept.iter().cloned().chain(written).collect();
        schema.sort_by(|a, b| Path::new(&a.path).cmp(Path::new(&b.path)));
        Sources { schema, migrations: self.baseline.iter().cloned().collect(), ..Sources::default() }
    }

    /// Lets the server not read the bodies of functions that it cannot read in the database either.
    pub(super) fn leave_unread(&mut self, unreadable: &[UnreadableBody]) {
        let paths: BTreeSet<&String> = unreadable.iter().map(|body| &body.path).collect();
        for path in paths {
            if let Some(text) = self.texts.get_mut(path).filter(|text| !text.starts_with(declare::UNCHECKED))
            {
                text.insert_str(0, declare::UNCHECKED);
            }
        }
        self.unreadable = unreadable.iter().map(|body| body.why.clone()).collect();
    }

    /// The files of this change, with others that are written in the same run.
    pub(super) fn files<'f>(&'f self, settings: &'f Settings, others: &'f [NewFile]) -> FileSet<'f> {
        let project = &settings.project.dir;
        let schema = self.texts.iter().map(|(path, text)| (project.join(path), text.as_str()));
        let baseline = self.baseline.iter().map(|migration| (migration.path.clone(), migration.sql.as_str()));
        let others = others.iter().map(|file| (file.path.clone(), file.text.as_str()));
        FileSet {
            project,
            texts: schema.chain(baseline).chain(others).collect(),
            removed: self.removed.iter().map(|path| project.join(path)).collect(),
        }
    }
}

/// Comments that stand where a statement is written anew.
fn comments_lost(lost: &[String]) -> Failure {
    Failure::usage(format!(
        "files of schema/ were not written by this command, or were edited since, and writing what differs from the \
         database would lose these comments:{}\nnothing was written",
        first_of(lost)
    ))
    .code(ErrorCode::SCHEMA_FILE_FOREIGN)
    .next(
        "move each of them in front of a statement that stays, or remove it, and run the same command again; \
         `trueup check` says what differs",
    )
}

/// What the project looks at.
fn scoped(settings: &Settings, catalog: &Catalog) -> Catalog {
    Catalog::new(scoped_objects(settings, &catalog.objects), Vec::new())
}

fn scoped_objects(settings: &Settings, objects: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let in_scope = |id: &ObjectId| in_scope(settings, id);
    let ignored = |id: &ObjectId| named(&settings.database.ignore, id);
    objects.iter().filter(|object| diagnosis::takes_in(object, &in_scope, &ignored)).cloned().collect()
}
