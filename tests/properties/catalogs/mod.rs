//! What is written as DDL is read back as it was: random catalogs through the generator of DDL, a real server, the
//! reader, and `pg_dump --schema-only | psql`. Names and texts are hostile on purpose (F43).
//!
//! `PROPTEST_CASES` says how many catalogs are tried (64 unless told).

mod check;
mod dump;
pub(crate) mod generate;
mod rule;

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use similar::TextDiff;
use tokio::runtime::Runtime;
use trueup::postgres::catalog::reader::{ReadOptions, read};
use trueup::postgres::catalog::{Attribute, Catalog, Kind, Object};
use trueup::postgres::ddl;
use trueup::postgres::scratch::{Scratch, ScratchDatabase, ScratchOptions};

/// How many numbers a catalog may be made of: more than most need.
pub(crate) const TAPE: usize = 500;

#[test]
fn f43_a_random_catalog_is_read_back_as_it_was_written() -> Result<()> {
    let structure = ReadOptions::default();
    let runtime = runtime();
    let scratch = RefCell::new(runtime.block_on(Scratch::start(&ScratchOptions::default()))?);
    let bare = runtime.block_on(fill(&mut scratch.borrow_mut(), &[], &structure))?.0;
    for_random_catalogs(64, |catalog| {
        runtime.block_on(round_trip(&mut scratch.borrow_mut(), &bare, catalog))
    });
    runtime.block_on(scratch.into_inner().stop())
}

/// Whether the model is the DDL that made the database or a dump of it, and whether the database was made by it or
/// is a restored copy.
#[test]
fn check_finds_nothing_in_a_database_made_from_its_own_model() -> Result<()> {
    let runtime = runtime();
    let scratch = RefCell::new(runtime.block_on(Scratch::start(&ScratchOptions::default()))?);
    for_random_catalogs(24, |catalog| {
        runtime.block_on(check::own_model(&mut scratch.borrow_mut(), &ddl::script(catalog)))
    });
    runtime.block_on(scratch.into_inner().stop())
}

/// The same of the files of `schema/` that are written from a database.
#[test]
fn the_files_of_a_database_declare_it() -> Result<()> {
    let runtime = runtime();
    let scratch = RefCell::new(runtime.block_on(Scratch::start(&ScratchOptions::default()))?);
    for_random_catalogs(24, |catalog| {
        runtime.block_on(check::own_files(&mut scratch.borrow_mut(), &ddl::script(catalog)))
    });
    runtime.block_on(scratch.into_inner().stop())
}

/// Tries so many catalogs, unless the environment says how many, and panics with the smallest that fails.
fn for_random_catalogs(cases: u32, holds: impl Fn(&Catalog) -> Result<()>) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if std::env::var_os("PROPTEST_MAX_SHRINK_ITERS").is_none() {
        // A step costs databases and a dump.
        config.max_shrink_iters = 200;
    }
    let tapes = proptest::collection::vec(any::<u16>(), 0..TAPE);
    let outcome = TestRunner::new(config).run(&tapes, |tape| {
        holds(&generate::catalog(tape)).map_err(|why| TestCaseError::fail(format!("{why:#}")))
    });
    match outcome {
        Ok(()) => {}
        // The tape says nothing to a reader.
        Err(TestError::Fail(why, _tape)) => panic!("{why}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The reader's own example of every kind that it models.
#[tokio::test]
async fn every_kind_is_read_back_as_it_was_written() -> Result<()> {
    let mut scratch = Scratch::start(&ScratchOptions::default()).await?;
    let everything = ReadOptions { owners: true, privileges: true, ..ReadOptions::default() };
    let fixture = include_str!("../../fixtures/every_kind.sql").to_owned();
    let (catalog, _) = fill(&mut scratch, &[fixture], &everything).await?;
    let script = ddl::script(&catalog);
    let (again, _) = fill(&mut scratch, &script, &everything).await.with_context(|| script.join("\n"))?;
    same("written and read again", &what_ddl_says(&catalog), &what_ddl_says(&again), &script)?;
    scratch.stop().await
}

/// What the generator no longer makes, the property no longer proves.
#[test]
fn random_catalogs_have_every_kind_that_is_meant_to_be_in_them() {
    use Kind::*;
    let mut state = 1_u32;
    let mut number = || {
        // A linear congruential generator: the same numbers on every machine.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16
    };
    let (mut kinds, mut attributes, mut names) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for _ in 0..200 {
        let catalog = generate::catalog((0..TAPE).map(|_| number()).collect());
        for object in &catalog.objects {
            kinds.insert(object.id.kind);
            attributes.extend(object.attributes.iter().map(|(attribute, _)| attribute));
            names.push_str(&object.id.name);
        }
    }
    let absent: BTreeSet<_> = Kind::ALL.iter().copied().filter(|kind| !kinds.contains(kind)).collect();
    assert_eq!(absent, [Extension, Collation, Exclusion, Aggregate, EventTrigger, Privilege].into());
    assert!(attributes.len() > 60, "only {} attributes", attributes.len());
    for hostile in ["\n", "\"", "'", "\\", "%", "*", "-", "\u{1b}", "\u{202e}", "🦀", "select", "$$", "."] {
        assert!(names.contains(hostile), "{hostile:?}");
    }
}

/// Loads a catalog, reads it, loads what was read, reads that, and does the same by way of pg_dump.
async fn round_trip(scratch: &mut Scratch, bare: &Catalog, catalog: &Catalog) -> Result<()> {
    let structure = ReadOptions::default();
    let script = ddl::script(catalog);
    let (read, database) = fill(scratch, &script, &structure)
        .await
        .with_context(|| format!("the script:\n{}", script.join("\n")))?;
    let objects = bare.objects.iter().chain(&catalog.objects).cloned().collect();
    same("read back", &with_printed_queries(Catalog::new(objects, Vec::new()), &read), &read, &script)?;

    let again = ddl::script(&read);
    let (second, copy) = fill(scratch, &again, &structure)
        .await
        .with_context(|| format!("the second script:\n{}", again.join("\n")))?;
    same("written and read again", &read, &second, &again)?;
    scratch.drop_database(copy).await?;

    let restored = scratch.create_database().await?;
    dump::copy(&scratch.url(&database), &scratch.url(&restored))
        .with_context(|| format!("the script:\n{}", script.join("\n")))?;
    let dumped = catalog_of(scratch, &restored, &structure).await?;
    same("dumped and restored", &read, &dumped, &script)?;
    scratch.drop_database(restored).await?;
    scratch.drop_database(database).await
}

/// A database made by a script, and its catalog.
async fn fill(
    scratch: &mut Scratch,
    script: &[String],
    options: &ReadOptions,
) -> Result<(Catalog, ScratchDatabase)> {
    let database = scratch.create_database().await?;
    let mut session = scratch.connect(&database).await?;
    for statement in script {
        session.execute(statement.clone()).await.with_context(|| statement.clone())?;
    }
    session.close().await;
    Ok((catalog_of(scratch, &database, options).await?, database))
}

async fn catalog_of(scratch: &Scratch, database: &ScratchDatabase, options: &ReadOptions) -> Result<Catalog> {
    let mut session = scratch.connect(database).await?;
    let reading = read(&mut session, scratch.version(), options).await?;
    session.close().await;
    Ok(reading.catalog)
}

/// The generator does not know how the server prints a query: its views take over what was read.
fn with_printed_queries(catalog: Catalog, read: &Catalog) -> Catalog {
    let objects = catalog.objects.into_iter().map(|object| {
        let printed = matches!(object.id.kind, Kind::View | Kind::MaterializedView)
            .then(|| read.get(&object.id)?.get(Attribute::Definition))
            .flatten();
        match printed {
            Some(query) => {
                let attributes = object.attributes.with(Attribute::Definition, Some(query.into()));
                Object { id: object.id.clone(), attributes }.into()
            }
            None => object,
        }
    });
    Catalog::new(objects.collect(), catalog.unmodeled)
}

/// Without what the reader does not model, and without the gaps that dropped columns have left.
pub(crate) fn what_ddl_says(catalog: &Catalog) -> Catalog {
    let objects = catalog.objects.iter().map(|object| {
        let attributes = object.attributes.with(Attribute::Position, None);
        Object { id: object.id.clone(), attributes }.into()
    });
    Catalog::new(objects.collect(), Vec::new())
}

fn same(what: &str, expected: &Catalog, found: &Catalog, script: &[String]) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (lines(expected), lines(found));
    let diff = TextDiff::from_lines(&expected, &found);
    let diff = diff.unified_diff().context_radius(0).header("expected", what).to_string();
    anyhow::bail!("{what}, it is another catalog:\n{diff}\nthe script:\n{}", script.join("\n"))
}

/// One attribute a line.
pub(crate) fn lines(catalog: &Catalog) -> String {
    let mut text = String::new();
    for object in &catalog.objects {
        let name = format!("{} {:?}", object.id.kind, object.id.to_string());
        text.push_str(&format!("{name}\n"));
        for (attribute, value) in object.attributes.iter() {
            text.push_str(&format!("{name} {attribute} = {value:?}\n"));
        }
    }
    for unmodeled in &catalog.unmodeled {
        text.push_str(&format!("unmodeled {} {:?}\n", unmodeled.kind, unmodeled.object));
    }
    text
}
