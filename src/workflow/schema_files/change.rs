//! What is to be written and removed, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::writing::FileSet;
use super::{NewFile, first_of, proof};
use crate::error::{ErrorCode, Failure};
use crate::migrations::{Directives, Migration};
use crate::model::declare::{self, Layout};
use crate::model::diagnosis::{self, Deviation};
use crate::model::{Declarations, Lock, SchemaFile, Sources, UnreadableBody};
use crate::postgres::catalog::{Catalog, Kind, Object, ObjectId};
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::comparison::{in_scope, named};

/// The file name of the baseline.
const BASELINE: &str = "V1__baseline.sql";

/// What is to be done with the project's files.
pub(super) struct FileChanges {
    pub(super) objects: usize,
    /// The files of `schema/` that are written.
    pub(super) texts: BTreeMap<String, String>,
    /// Those that declare nothing of the database any more.
    pub(super) removed: Vec<String>,
    /// Those that stay.
    kept: Vec<SchemaFile>,
    pub(super) unchanged: usize,
    pub(super) baseline: Option<Migration>,
    /// What the server says of functions whose bodies it cannot read.
    pub(super) unreadable: Vec<String>,
}

impl FileChanges {
    /// Compares the files with the database.
    ///
    /// # Errors
    /// Exit 2: what differs is declared in a file that this command did not write. Exit 4: the database looks like another
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
        let mut texts = declare::files(&live, &initial);
        let objects = live.objects.len();
        let mut change = Self {
            objects,
            texts: BTreeMap::new(),
            removed: Vec::new(),
            kept: Vec::new(),
            unchanged: 0,
            baseline: None,
            unreadable: Vec::new(),
        };
        if schema.is_empty() {
            change.texts = texts;
            return Ok(change);
        }
        let layouts = Layouts { live: Layout::new(&live), model: Layout::new(&model) };
        let deviations = proof::deviations(settings, now, &now.model, snapshot);
        let differing: BTreeSet<String> = deviations.iter().flat_map(|one| layouts.files_of(one)).collect();
        let declarations =
            Declarations::new(schema, &[], &settings.project.dir, &settings.database.search_path);
        let elsewhere = layouts.declared_elsewhere(&declarations, &[&live, &model], &differing);
        if !elsewhere.is_empty() {
            return Err(Failure::usage(format!(
                "these objects are not in {} as schema/ declares them, or stand in one file with such objects, and each \
                 belongs into a file of its own:{}\nnothing was written",
                snapshot.identity.database,
                first_of(&elsewhere)
            ))
            .code(ErrorCode::SCHEMA_FILE_FOREIGN)
            .next(
                "move each declaration into the file that is named for it; or move all SQL files out of schema/ and run \
                 the same command again",
            ));
        }
        let written_before = declare::files(&model, &initial);
        for file in schema {
            match (differing.contains(&file.path), texts.remove(&file.path)) {
                (true, Some(text)) => {
                    change.texts.insert(file.path.clone(), text);
                }
                (true, None) if is_as_written(file, &written_before) => {
                    change.removed.push(file.path.clone());
                }
                (true, None) => return Err(edited(file, &snapshot.identity.database)),
                (false, _) => change.kept.push(file.clone()),
            }
        }
        change.unchanged = change.kept.len();
        change.texts.extend(texts.into_iter().filter(|(path, _)| differing.contains(path)));
        Ok(change)
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
        self.baseline =
            Some(Migration { version: 1, name, path, sql, down: None, directives, revision: None });
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
        Sources { schema, migrations: self.baseline.iter().cloned().collect() }
    }

    /// Lets the server not read the bodies of functions that it cannot read in the database either.
    pub(super) fn leave_unread(&mut self, unreadable: &[UnreadableBody]) {
        let mut paths: Vec<&String> = unreadable.iter().map(|body| &body.path).collect();
        paths.dedup();
        for path in paths {
            if let Some(text) = self.texts.get_mut(path) {
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

/// Whether a file is as this command wrote it.
fn is_as_written(file: &SchemaFile, written: &BTreeMap<String, String>) -> bool {
    let text = file.text.strip_prefix(declare::UNCHECKED).unwrap_or(&file.text);
    written.get(&file.path).is_some_and(|written| written == text)
}

/// A file that would go, and that a person has changed.
fn edited(file: &SchemaFile, database: &str) -> Failure {
    let path = &file.path;
    Failure::usage(format!(
        "{path} declares what {database} does not have, and was not written by this command, or was edited since; nothing \
         was written"
    ))
    .code(ErrorCode::SCHEMA_FILE_FOREIGN)
    .next(format!("remove from {path} what is not needed any more, and run the same command again"))
}

/// The files of the objects of both sides.
struct Layouts {
    live: Layout,
    model: Layout,
}

impl Layouts {
    fn files_of(&self, deviation: &Deviation) -> impl Iterator<Item = String> {
        let live = deviation.live.as_ref().map(|object| self.live.file_of(object));
        let model = deviation.declared.as_ref().map(|object| self.model.file_of(object));
        live.into_iter().chain(model)
    }

    /// The objects of files that are written, as far as the project declares them in other files.
    fn declared_elsewhere(
        &self,
        declarations: &Declarations<'_>,
        [live, model]: &[&Catalog; 2],
        written: &BTreeSet<String>,
    ) -> Vec<String> {
        let live = live.objects.iter().map(|object| (object, self.live.file_of(object)));
        let model = model.objects.iter().map(|object| (object, self.model.file_of(object)));
        let mut elsewhere = BTreeSet::new();
        for (object, file) in live.chain(model).filter(|(_, file)| written.contains(file)) {
            // Columns and constraints stand where their tables do; schema public is in no file.
            let has_statement = !(object.id.kind.is_under_relation() || object.id.kind == Kind::Privilege);
            let found = declarations.schema_file(&object.id).filter(|found| has_statement && *found != file);
            elsewhere.extend(found.map(|found| {
                format!("{} {}: in {found}, not in {file}", object.id.kind.spoken(), object.id)
            }));
        }
        elsewhere.into_iter().collect()
    }
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
