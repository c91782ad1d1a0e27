//! Recording that migrations are applied which somebody else has run: refinery's history, texts and effects, proved in
//! the very transaction that records it.

use anyhow::Result;

use super::{delete_stale_texts, text_record};
use crate::migrations::{Ledger, Migration};
use crate::model::Lock;
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::connection::{ServerVersion, Session};
use crate::writer::{Limits, Watch, Work, WriteSession};

/// What is to be recorded, and with what.
pub struct Adopt<'a> {
    /// The door, its run begun.
    pub writer: &'a mut WriteSession,
    /// Who is told what happens.
    pub watch: &'a mut dyn Watch,
    /// The compiled project.
    pub lock: &'a Lock,
    /// The migrations whose texts are kept from now on.
    pub migrations: &'a [&'a Migration],
    /// refinery's history, where these migrations get their rows; `None` when they have them.
    pub ledger: Option<&'a Ledger>,
    /// What the step's record says.
    pub detail: &'a str,
    /// How long it may take.
    pub limits: Limits,
    /// The server's version, for reading its catalog.
    pub version: ServerVersion,
    /// What a reading takes in.
    pub options: &'a ReadOptions,
}

/// Records it in one transaction. `prove` looks at the catalog as it is in there; what it returns as an error rolls all
/// of it back.
///
/// # Errors
/// As [`Door::proved_transaction`].
pub async fn adopt(adopt: Adopt<'_>, prove: impl FnOnce(Catalog) -> Result<()>) -> Result<()> {
    let Adopt { writer, watch, lock, migrations, ledger, detail, limits, version, options } = adopt;
    let what = "recording the migrations";
    let mut records: Vec<String> = Vec::new();
    if let Some(ledger) = ledger {
        records.extend((!ledger.exists).then(|| ledger.create()));
        // A row that somebody wrote meanwhile is a failure of its key, and nothing is recorded.
        records.extend(migrations.iter().map(|migration| ledger.insert(migration)));
    }
    let run = writer.run().to_owned();
    records.extend(
        (!migrations.is_empty())
            .then(|| delete_stale_texts(migrations.iter().map(|migration| migration.version))),
    );
    records.extend(migrations.iter().map(|migration| text_record(lock, migration, "adopted", &run)));
    let newest = migrations.last().map(|migration| migration.version);
    records.push(writer.step_record(1, "adopt", newest, Some(detail)));
    let records = records.join(";\n");
    let work = Work::records(what, &records, limits);
    let recorded = writer
        .proved_transaction(&work, watch, async |session: &mut Session| {
            prove(reader::read_inside(session, version, options).await?.catalog)
        })
        .await;
    recorded.map_err(|trouble| trouble.failure(what, false))
}
