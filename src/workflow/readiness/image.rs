//! The migrations that this version of the application was built with: `trueup.lock`, and the files beside it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::error::{ErrorCode, Failure};
use crate::migrations::history::Applied;
use crate::migrations::{Migration, checksum, read_all};
use crate::model::{CompiledMigration, Head, LockFile, Sources};
use crate::project::Settings;

/// The migrations of a project as they were compiled.
#[derive(Debug)]
pub(crate) struct ImageMigrations {
    /// Those of `trueup.lock`, in its order.
    pub(super) compiled: Vec<CompiledMigration>,
    /// The same with their texts, where those are known.
    pub(super) files: Arc<[Migration]>,
    /// Whether their texts are known, or their tool compares them itself: an applied one that was modified is noticed.
    pub(super) texts_known: bool,
}

impl ImageMigrations {
    /// Reads them. The lock counts. The files of `migrations/` may be missing as a whole, as in an image without them; where they
    /// are there, they must be those that were compiled.
    ///
    /// # Errors
    /// Exit 2: the lock is missing, wrong or older than the files. Exit 3: it lists no migrations.
    pub(crate) fn read(settings: &Settings) -> Result<Self, Failure> {
        let project = &settings.project;
        let shown = project.display(&project.lock_path);
        let Some(lock) = LockFile::open(&project.lock_path)? else {
            return Err(Failure::usage(format!(
                "{shown} is missing: it lists the migrations that are needed"
            ))
            .code(ErrorCode::LOCK_FILE_INVALID)
            .next("run `trueup compile`; copy trueup.toml, trueup.lock and migrations/ into the image"));
        };
        let head = lock.head().clone();
        let compiled = lock.read_migrations()?;
        let stale = |reason: String| {
            Failure::usage(format!("{shown} is stale: {reason}"))
                .code(ErrorCode::LOCK_FILE_STALE)
                .next("run `trueup compile`, commit trueup.lock, and build the image again")
        };
        if head.settings.tool != settings.migrations.tool {
            return Err(stale("[migrations] tool changed".to_owned()));
        }
        if compiled.is_empty() {
            return Err(Failure::cannot_tell(format!(
                "{shown} lists no migrations: the history cannot say whether the schema is there"
            ))
            .next("trueup check, which compares the schema itself"));
        }
        let programs = || compiled.iter().map(CompiledMigration::of_program).collect();
        if settings.migrations.tool.is_some() {
            return Ok(Self { files: programs(), texts_known: true, compiled });
        }
        let files = read_all(&project.migrations_dir, None)?.migrations;
        if files.is_empty() {
            return Ok(Self { files: programs(), texts_known: false, compiled });
        }
        let sources = Sources { migrations: files, ..Sources::default() };
        if let Some(reason) = difference(&head, &compiled, &sources, settings) {
            return Err(stale(reason));
        }
        Ok(Self { files: sources.migrations.into(), texts_known: true, compiled })
    }

    /// The migrations, and whether their texts are known.
    pub(crate) fn files(&self) -> (Arc<[Migration]>, bool) {
        (Arc::clone(&self.files), self.texts_known)
    }

    /// The versions that were applied with the text that they have here, as far as that can be known.
    pub(super) fn unchanged(&self, history: &[Applied]) -> BTreeSet<i64> {
        if self.texts_known {
            return checksum::unchanged(&self.files, history);
        }
        self.compiled.iter().map(|migration| migration.version).collect()
    }
}

/// The first difference between the files and what was compiled.
fn difference(
    head: &Head,
    compiled: &[CompiledMigration],
    sources: &Sources,
    settings: &Settings,
) -> Option<String> {
    let known: HashMap<&str, &str> =
        head.inputs.iter().map(|input| (input.path.as_str(), input.sha256.as_str())).collect();
    let differs = sources.inputs(&settings.project.dir).into_iter().find_map(|input| {
        match known.get(input.path.as_str()) {
            None => Some(format!("{} is new", input.path)),
            Some(hash) if **hash != input.sha256 => Some(format!("{} changed", input.path)),
            Some(_) => None,
        }
    });
    let there: BTreeSet<i64> = sources.migrations.iter().map(|file| file.version).collect();
    let gone = || compiled.iter().find(|migration| !there.contains(&migration.version));
    differs.or_else(|| gone().map(|gone| format!("the file of {} is gone", gone.id())))
}
