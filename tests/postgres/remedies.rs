//! Every statement that `ddl` offers for a difference does what it says: one database is made to differ from
//! another, the statements are run, and what still differs is exactly what no single statement changes.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use trueup::postgres::catalog::reader::{ReadOptions, read};
use trueup::postgres::catalog::{Attribute, Catalog, Kind, Object};
use trueup::postgres::ddl;
use trueup::postgres::scratch::{Scratch, ScratchDatabase, ScratchOptions};

const BOTH: &str = include_str!("../fixtures/remedies/both.sql");
const DECLARED: &str = include_str!("../fixtures/remedies/declared.sql");
const ACTUAL: &str = include_str!("../fixtures/remedies/actual.sql");

/// What differs between the two and has no single statement.
const BEYOND: &[&str] = &[
    "column app.t.computed generated",
    "composite_type app.has_more fields",
    "enum app.shrunk labels",
    "function app.result(integer) body",
    "function app.result(integer) returns",
    "index app.t_a_idx columns",
    "materialized_view app.summary definition",
    "policy app.t.command command",
    "range_type app.span subtype",
    "table app.parted partition_by",
    "view app.narrower definition",
];

#[tokio::test]
async fn a_remedy_does_what_it_says_and_nothing_is_left_but_what_has_none() -> Result<()> {
    let mut scratch = Scratch::start(&ScratchOptions::default()).await?;
    scratch.create_role("remedy_reader").await?;
    let (declared, _) = fill(&mut scratch, &[BOTH, DECLARED]).await?;
    let (actual, database) = fill(&mut scratch, &[BOTH, ACTUAL]).await?;

    let mut statements = remedies(&declared, &actual);
    // Default privileges change what objects get that are made after them.
    statements.sort_by_key(|statement| match statement.starts_with("ALTER DEFAULT PRIVILEGES") {
        true if statement.contains(" REVOKE ") => 0,
        true => 2,
        false => 1,
    });
    let mut session = scratch.connect(&database).await?;
    // A statement may need another one's work (a column leaves its primary key before it becomes nullable).
    let mut waiting = statements.clone();
    while !waiting.is_empty() {
        let mut failed = Vec::new();
        for statement in &waiting {
            if let Err(why) = session.execute(statement.clone()).await {
                failed.push((statement.clone(), format!("{why:#}")));
            }
        }
        assert!(failed.len() < waiting.len(), "{failed:#?}");
        waiting = failed.into_iter().map(|(statement, _)| statement).collect();
    }
    session.close().await;

    let mended = catalog_of(&scratch, &database).await?;
    let left = differences(&declared, &mended);
    let left: Vec<_> = left.iter().map(String::as_str).collect();
    assert_eq!(left, BEYOND, "\nafter:\n{}", statements.join("\n"));
    scratch.stop().await
}

#[tokio::test]
async fn renames_are_one_statement() -> Result<()> {
    let mut scratch = Scratch::start(&ScratchOptions::default()).await?;
    scratch.create_role("remedy_reader").await?;
    let (catalog, database) = fill(&mut scratch, &[BOTH, DECLARED]).await?;
    let mut session = scratch.connect(&database).await?;
    let mut renamed = BTreeSet::new();
    let tied = [Attribute::Inherits, Attribute::PartitionOf, Attribute::OfType];
    let tied = catalog.objects.iter().filter(|object| tied.iter().any(|how| object.get(*how).is_some()));
    let tied: BTreeSet<_> = tied.map(|table| table.id.to_string()).collect();
    for object in &catalog.objects {
        if object.id.kind == Kind::Column && tied.contains(&object.id.relation_path()) {
            // Its name is its parent's or its type's.
            continue;
        }
        let to = object.id.named(format!("{}'s \"new\"", object.id.name));
        let Some(there) = ddl::rename(&object.id, &to) else { continue };
        let back = ddl::rename(&to, &object.id).context("a way back")?;
        for statement in [there, back] {
            session.execute(statement.clone()).await.with_context(|| statement.clone())?;
        }
        renamed.insert(object.id.kind);
    }
    session.close().await;
    let unnamed = [Kind::Extension, Kind::Privilege];
    let expected: BTreeSet<_> = Kind::ALL.iter().copied().filter(|kind| !unnamed.contains(kind)).collect();
    assert_eq!(renamed, expected);
    assert_eq!(catalog_of(&scratch, &database).await?, catalog);
    scratch.stop().await
}

/// DROP for what is too much, CREATE for what is missing, ALTER for what differs.
fn remedies(declared: &Catalog, actual: &Catalog) -> Vec<String> {
    let mut statements = Vec::new();
    // What stands under something comes after it in a catalog, and goes with it.
    let gone = |object: &Object| declared.get(&object.id).is_none();
    let tables: Vec<_> =
        actual.objects.iter().filter(|object| object.id.kind == Kind::Table && gone(object)).collect();
    let goes_along = |object: &Object| {
        let table = tables
            .iter()
            .any(|table| object.id.relation.is_some() && object.id.relation_path() == table.id.to_string());
        table || object.get(Attribute::OwnedBy).is_some()
    };
    for object in actual.objects.iter().rev().filter(|object| gone(object) && !goes_along(object)) {
        statements.push(ddl::drop(&object.id));
    }
    for object in &declared.objects {
        match actual.get(&object.id) {
            // An identity column brings its sequence.
            None if object.get(Attribute::OwnedBy).is_some() => {}
            None if object.id.kind == Kind::Index => statements.extend(ddl::create_concurrently(object)),
            None => {
                let of_table = |part: &&Object| {
                    part.id.kind == Kind::Column && part.id.relation.as_ref() == Some(&object.id.name)
                };
                let columns: Vec<&Object> =
                    declared.objects.iter().map(AsRef::as_ref).filter(of_table).collect();
                let made_with_table = object.id.kind == Kind::Column
                    && actual
                        .objects
                        .iter()
                        .all(|other| other.id.relation_path() != object.id.relation_path());
                if !made_with_table {
                    statements.extend(ddl::create(object, &columns));
                }
            }
            Some(found) => {
                let differing = Attribute::ALL
                    .iter()
                    .filter(|attribute| object.get(**attribute) != found.get(**attribute));
                let statement = differing.filter_map(|attribute| ddl::alter(object, found, *attribute));
                for statement in statement {
                    if !statements.contains(&statement) {
                        statements.push(statement);
                    }
                }
            }
        }
    }
    statements
}

/// `kind name attribute`, and `kind name` where one side has no such object.
fn differences(declared: &Catalog, actual: &Catalog) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for object in &declared.objects {
        match actual.get(&object.id) {
            None => {
                found.insert(format!("{} {} is missing", object.id.kind, object.id));
            }
            Some(other) => {
                let differing = Attribute::ALL.iter().filter(|attribute| {
                    attribute.is_compared() && object.get(**attribute) != other.get(**attribute)
                });
                found.extend(
                    differing.map(|attribute| format!("{} {} {attribute}", object.id.kind, object.id)),
                );
            }
        }
    }
    for object in actual.objects.iter().filter(|object| declared.get(&object.id).is_none()) {
        found.insert(format!("{} {} is there", object.id.kind, object.id));
    }
    found
}

async fn fill(scratch: &mut Scratch, scripts: &[&str]) -> Result<(Catalog, ScratchDatabase)> {
    let database = scratch.create_database().await?;
    let mut session = scratch.connect(&database).await?;
    for script in scripts {
        session.execute(*script).await?;
    }
    session.close().await;
    Ok((catalog_of(scratch, &database).await?, database))
}

async fn catalog_of(scratch: &Scratch, database: &ScratchDatabase) -> Result<Catalog> {
    let mut session = scratch.connect(database).await?;
    let options = ReadOptions { privileges: true, ..ReadOptions::default() };
    let reading = read(&mut session, scratch.version(), &options).await?;
    session.close().await;
    Ok(reading.catalog)
}
