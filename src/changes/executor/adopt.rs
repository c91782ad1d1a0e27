//! Records migrations as applied that somebody else has run: history rows, texts and effects. The transaction that
//! records them also verifies that the database matches them.

use anyhow::Result;

use super::{delete_stale_texts, text_record};
use crate::migrations::{Ledger, Migration};
use crate::model::{Effect, Lock, effects_to_text};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::connection::{ServerVersion, Session};
use crate::writer::{StepLimits, Watch, Work, WriteSession};

/// The migrations to record, and what is needed for it.
pub struct Adopt<'a> {
    /// The write session; its run has been started.
    pub writer: &'a mut WriteSession,
    /// The observer of events.
    pub watch: &'a mut dyn Watch,
    /// The compiled project.
    pub lock: &'a Lock,
    /// The migrations whose texts are recorded.
    pub migrations: &'a [&'a Migration],
    /// refinery's history table, if these migrations get their rows in it; `None` if they have them already.
    pub ledger: Option<&'a Ledger>,
    /// The detail in the step's record.
    pub detail: &'a str,
    /// What the database has of every object that differs, which was accepted.
    pub accepted: &'a [Effect],
    /// The time limits of the transaction.
    pub limits: StepLimits,
    /// The server's version, for reading its catalog.
    pub version: ServerVersion,
    /// What is read of the catalog.
    pub options: &'a ReadOptions,
}

/// Records the migrations in one transaction. `prove` gets the catalog as that transaction sees it; an error that it
/// returns rolls everything back.
///
/// # Errors
/// See [`WriteSession::proved_transaction`].
pub async fn adopt(adopt: Adopt<'_>, prove: impl FnOnce(Catalog) -> Result<()>) -> Result<()> {
    let Adopt { writer, watch, lock, migrations, ledger, detail, accepted, limits, version, options } = adopt;
    let what = "recording the migrations";
    let mut records: Vec<String> = Vec::new();
    if let Some(ledger) = ledger {
        records.extend((!ledger.exists).then(|| ledger.create()));
        // If somebody else has recorded one of them meanwhile, the primary key is violated and nothing is recorded.
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
    records.extend(
        (!accepted.is_empty())
            .then(|| writer.step_record(2, "accept", newest, Some(&effects_to_text(accepted)))),
    );
    let records = records.join(";\n");
    let work = Work::records(what, &records, limits);
    let recorded = writer
        .proved_transaction(&work, watch, async |session: &mut Session| {
            prove(reader::read_inside(session, version, options).await?.catalog)
        })
        .await;
    recorded.map_err(|trouble| trouble.failure(what, false))
}
