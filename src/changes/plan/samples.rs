//! What the tests of this room share: migrations as files and as a compiled project.

use std::path::Path;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::migrations::history::Applied;
use crate::migrations::{Directives, Migration};
use crate::model::{CompiledMigration, CompiledSettings, DeclaredBy, Effect, Head, Lock};
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::catalog::{Attribute, Attributes, Catalog, Object, ObjectId};

/// A migration called `V<version>__m<version>`.
pub(super) struct SampleMigration {
    pub(super) version: i64,
    pub(super) sql: &'static str,
    pub(super) effects: Vec<Effect>,
}

impl SampleMigration {
    pub(super) fn new(version: i64, sql: &'static str) -> Self {
        Self { version, sql, effects: Vec::new() }
    }

    pub(super) fn doing(mut self, effects: Vec<Effect>) -> Self {
        self.effects = effects;
        self
    }

    /// Its row in the history.
    pub(super) fn row(version: i64) -> Applied {
        Applied {
            version,
            name: format!("m{version}"),
            applied_on: String::new(),
            revision: None,
            checksum: Some(1),
        }
    }
}

/// A project of these migrations.
pub(super) fn lock_of(samples: &[SampleMigration]) -> (Lock, Vec<Migration>) {
    let files = samples.iter().map(|sample| {
        let (version, name) = (sample.version, format!("m{}", sample.version));
        let path = Path::new("migrations").join(format!("V{version}__{name}.sql"));
        let directives = Directives::read(&path, sample.sql).expect("directives");
        Migration {
            version,
            name,
            path,
            sql: sample.sql.to_owned(),
            down: None,
            directives,
            revision: None,
            parents: Vec::new(),
        }
    });
    let files: Vec<Migration> = files.collect();
    let compiled = files.iter().zip(samples).map(|(file, sample)| CompiledMigration {
        version: file.version,
        name: file.name.clone(),
        revision: file.revision.clone(),
        parents: Vec::new(),
        dependencies: Vec::new(),
        file: None,
        contract: file.directives.contract,
        footprints: Vec::new(),
        down: None,
        effects: sample.effects.clone(),
    });
    let head = Head {
        server: crate::postgres::connection::ServerVersion(150_018),
        declared_by: DeclaredBy::Migrations,
        options: ReadOptions::default(),
        settings: CompiledSettings {
            search_path: "public, pg_temp".into(),
            assume_extensions: Vec::new(),
            server_major: None,
            tool: None,
            applied: None,
        },
        inputs: Vec::new(),
    };
    let lock = Lock { head, model: Catalog::default(), initial: Vec::new(), migrations: compiled.collect() };
    let model = lock.state_after(|_| true);
    (Lock { model, ..lock }, files)
}

pub(super) fn object(id: ObjectId, attributes: &[(Attribute, &str)]) -> Arc<Object> {
    let values = attributes.iter().map(|(attribute, value)| (*attribute, SmolStr::from(*value))).collect();
    Arc::new(Object { id, attributes: Attributes::new(values) })
}
