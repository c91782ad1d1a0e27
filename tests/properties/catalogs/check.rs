//! `check` without its command line: compile, look, diagnose.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use trueup::model::declare;
use trueup::model::diagnosis::{Facts, RecordedState, diagnose};
use trueup::model::{CompiledProject, CompiledSettings, Lock, LockFile, Sources, compile};
use trueup::postgres::scratch::{Scratch, ScratchDatabase};
use trueup::snapshot::{Request, SequenceScope, take};

use super::dump;

/// Nothing differs between what a script makes and the script, nor by way of pg_dump on either side.
pub(crate) async fn own_model(scratch: &mut Scratch, script: &[String]) -> Result<()> {
    let database = scratch.create_database().await?;
    let mut session = scratch.connect(&database).await?;
    for statement in script {
        session.execute(statement.clone()).await.with_context(|| statement.clone())?;
    }
    session.close().await;
    let restored = scratch.create_database().await?;
    dump::copy(&scratch.url(&database), &scratch.url(&restored))?;

    let ddl = script.join("\n");
    let dump = String::from_utf8(dump::schema(&scratch.url(&database), &[])?)?;
    for (model, text) in [("its DDL", ddl), ("its dump", dump)] {
        let lock =
            declared(scratch, &text).await.with_context(|| format!("{model} as the model:\n{text}"))?;
        for (name, database) in [("made by its DDL", &database), ("restored from its dump", &restored)] {
            nothing_found(scratch, database, &lock)
                .await
                .with_context(|| format!("a database {name}, with {model} as the model:\n{text}"))?;
        }
    }
    scratch.drop_database(restored).await?;
    scratch.drop_database(database).await
}

/// Nothing differs between what a script makes and the files of `schema/` that declare it, nor the baseline; and these files
/// give themselves again.
pub(crate) async fn own_files(scratch: &mut Scratch, script: &[String]) -> Result<()> {
    let database = scratch.create_database().await?;
    let mut session = scratch.connect(&database).await?;
    for statement in script {
        session.execute(statement.clone()).await.with_context(|| statement.clone())?;
    }
    session.close().await;
    let made = declared(scratch, &script.join("\n")).await?;
    let files = declare::files(&made.model, &made.initial);
    let shown = || format!("declared by {files:#?}");
    // The bodies of random functions cannot be read.
    let unread = files.iter().map(|(path, text)| match path.contains("/functions/") {
        true => (path.clone(), format!("SET check_function_bodies = off;\n{text}")),
        false => (path.clone(), text.clone()),
    });
    let loaded = compiled(scratch, &unread.collect()).await.with_context(shown)?;
    nothing_found(scratch, &database, &loaded).await.with_context(shown)?;
    ensure!(declare::files(&loaded.model, &loaded.initial) == files, "other files than {files:#?}");
    let baseline = declare::baseline(&made.model, &made.initial).unwrap_or_default();
    let migrations =
        BTreeMap::from([("migrations/V1__baseline.sql".to_owned(), format!("-- A baseline.\n{baseline}"))]);
    let replayed = compiled(scratch, &migrations).await.with_context(|| baseline.clone())?;
    let replayed = Lock { model: replayed.state_after(|_| true), migrations: Vec::new(), ..replayed };
    // The settings of the files are those that count: a baseline without grants is read without them.
    if replayed.head.options == loaded.head.options {
        nothing_found(scratch, &database, &replayed).await.with_context(|| baseline)?;
    }
    scratch.drop_database(database).await
}

/// A project of one schema file, compiled.
async fn declared(scratch: &mut Scratch, schema: &str) -> Result<Lock> {
    compiled(scratch, &BTreeMap::from([("schema/schema.sql".to_owned(), schema.to_owned())])).await
}

/// A project of these files, compiled.
async fn compiled(scratch: &mut Scratch, files: &BTreeMap<String, String>) -> Result<Lock> {
    let project = tempfile::tempdir()?;
    for (path, text) in files {
        let path = project.path().join(path);
        std::fs::create_dir_all(path.parent().context("a directory")?)?;
        std::fs::write(path, text)?;
    }
    let sources = Sources::read_any(project.path(), &project.path().join("migrations"), None)?;
    let settings = CompiledSettings {
        search_path: "public, pg_temp".into(),
        assume_extensions: Vec::new(),
        server_major: None,
        tool: None,
        applied: None,
    };
    let inputs = CompiledProject {
        directory: project.path(),
        sources: &sources,
        settings: &settings,
        states: None,
        footprints: true,
    };
    let lock = compile(inputs, scratch, None, &mut |_| {}).await?.lock;
    // What check reads is what compile wrote.
    let path = project.path().join("trueup.lock");
    lock.save(&path)?;
    LockFile::open(&path)?.context("the lock that was written")?.read().map_err(Into::into)
}

async fn nothing_found(scratch: &Scratch, database: &ScratchDatabase, lock: &Lock) -> Result<()> {
    let mut session = scratch.connect(database).await?;
    let request = Request {
        options: lock.head.options.clone(),
        migrations: [].into(),
        texts: false,
        earlier: false,
        attested: false,
        seeds: Default::default(),
        seed_rows: Default::default(),
        sequences: SequenceScope::None,
        tool: None,
        kept: None,
        search_path: "public, pg_temp".into(),
        statement_timeout: Duration::from_secs(60),
        lock_timeout: Duration::from_secs(5),
        stays_open: false,
        set_role: None,
    };
    let survey = take(&mut session, &request).await?;
    session.close().await;
    let last = if lock.migrations.is_empty() { lock.model.clone() } else { lock.state_after(|_| true) };
    let diagnosis = diagnose(&Facts {
        database: &survey.identity.database,
        server: survey.version,
        live: &survey.catalog,
        history: survey.history.as_deref(),
        assumed: false,
        others: &survey.others,
        recorded: &RecordedState::default(),
        lock,
        last: &last,
        unchanged: &BTreeSet::new(),
        in_scope: &|_| true,
        ignored: &|_| false,
        history_hidden: false,
        partly_squashed: None,
        malformed_history: survey.malformed_history.as_deref(),
        severities: &BTreeMap::new(),
    });
    ensure!(diagnosis.findings.is_empty(), "{:#?}", diagnosis.findings);
    ensure!(survey.catalog.unmodeled == lock.model.unmodeled, "{:?}", survey.catalog.unmodeled);
    Ok(())
}
