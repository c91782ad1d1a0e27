//! `trueup demo`: the reference project's story on a throwaway server. It needs no project and no database, and leaves
//! nothing behind.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::declared::Declared;
use super::deliver::{self, deliver};
use super::{comparison, declared};
use crate::db::Target;
use crate::error::{Exit, Failure};
use crate::migrations::{Directives, Migration, checksum, history};
use crate::model::{SchemaFile, Sources};
use crate::project::Settings;
use crate::scratch::{Scratch, ScratchDatabase};
use crate::sql::{literal, split};

/// The reference project at the repository's root.
const SCHEMA: &[(&str, &str)] = &[
    ("schema/api_keys.sql", include_str!("../../schema/api_keys.sql")),
    ("schema/common.sql", include_str!("../../schema/common.sql")),
    ("schema/organizations.sql", include_str!("../../schema/organizations.sql")),
    ("schema/users.sql", include_str!("../../schema/users.sql")),
];

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "baseline", include_str!("../../migrations/V1__baseline.sql")),
    (2, "add_username", include_str!("../../migrations/V2__add_username.sql")),
    (3, "password_hash_nullable", include_str!("../../migrations/V3__password_hash_nullable.sql")),
    (4, "api_keys_user_id", include_str!("../../migrations/V4__api_keys_user_id.sql")),
    (5, "api_keys_user_id_validate", include_str!("../../migrations/V5__api_keys_user_id_validate.sql")),
    (6, "api_keys_user_id_index", include_str!("../../migrations/V6__api_keys_user_id_index.sql")),
    (7, "api_keys_user_id_required", include_str!("../../migrations/V7__api_keys_user_id_required.sql")),
];

/// The database of the incident `'User' object has no attribute 'username'`: nothing applied since the baseline.
const LEGACY: &str = include_str!("../../tests/fixtures/users_without_username.sql");

/// What somebody did by hand in the night.
const BY_HAND: &str = "DROP INDEX public.organizations_slug_key";
/// Keys that belong to nobody would stop the last migration; their repair is another command's story.
const REPAIR: &str =
    "UPDATE public.api_keys SET user_id = (SELECT min(id) FROM public.users) WHERE user_id IS NULL";

/// refinery's history as refinery makes it (refinery-core, `assert_migrations_table_query`).
const HISTORY: &str = "CREATE TABLE IF NOT EXISTS public.refinery_schema_history( \
    version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))";

/// Runs the command.
///
/// # Errors
/// When no scratch server can be had (exit 3), or the story does not end as it should (exit 70).
pub(super) async fn run(settings: &Settings) -> Result<Exit> {
    let mut settings = settings.clone();
    settings.project.name = "platform".to_owned();
    // The story shows what `trueup check` says.
    settings.command = "check";
    let sources = sources()?;

    let started = Instant::now();
    let mut scratch = Scratch::start(&declared::scratch_options(&settings)).await?;
    say(&format!("A throwaway PostgreSQL {} is up after {:.1?}.", scratch.version(), started.elapsed()))?;
    let outcome = story(&settings, &sources, &mut scratch).await;
    scratch.stop().await?;
    outcome?;
    say("The throwaway server is gone. `trueup check --help` says how to do this to a database of yours.")?;
    Ok(Exit::Clean)
}

async fn story(settings: &Settings, sources: &Sources, scratch: &mut Scratch) -> Result<()> {
    let lock = declared::compile_on(settings, sources, scratch).await?;
    let declared = Declared::new(lock, sources.migrations.clone(), Vec::new());
    let (declared_objects, migrations) = (declared.lock.model.objects.len(), sources.migrations.len());
    say(&format!(
        "The project: {declared_objects} objects declared in schema/, {migrations} migrations that lead there."
    ))?;

    let database = scratch.create_database().await?;
    let target = Target::parse(&scratch.url(&database))?;
    let baseline = &sources.migrations[..1];
    apply(scratch, &database, None, baseline, LEGACY).await?;
    execute(scratch, &database, BY_HAND).await?;
    say("A legacy database: only V1 was ever applied, the application says\n\
         \x20   'User' object has no attribute 'username'\n\
         and somebody dropped an index by hand in the night.\n\n$ trueup check")?;
    let before =
        comparison::compare(settings, &target, target.connect(&settings.application()).await?, &declared)
            .await?;
    deliver(&settings.output, |format, style| before.render(format, style) + "\n")?;
    expect(before.exit == Exit::Findings, "the broken database was called clean")?;

    say("Now the six missing migrations are put in, and the index again.")?;
    for migration in &sources.migrations[1..] {
        if migration.directives.contract {
            execute(scratch, &database, REPAIR).await?;
        }
        apply(scratch, &database, Some(migration), std::slice::from_ref(migration), &migration.sql).await?;
    }
    let index = before.findings.iter().find(|finding| finding.code == "index.missing");
    let index = index.and_then(|finding| finding.remedy.sql.as_deref());
    execute(scratch, &database, index.ok_or_else(|| anyhow!("the dropped index was not found"))?).await?;

    say("$ trueup check")?;
    let after =
        comparison::compare(settings, &target, target.connect(&settings.application()).await?, &declared)
            .await?;
    deliver(&settings.output, |format, style| after.render(format, style) + "\n")?;
    expect(after.exit == Exit::Clean, "the mended database was not clean")
}

fn sources() -> Result<Sources> {
    let schema = SCHEMA.iter().map(|(path, text)| SchemaFile { path: (*path).into(), text: (*text).into() });
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        let path = PathBuf::from(format!("migrations/V{version}__{name}.sql"));
        let directives = Directives::read(&path, sql)?;
        Ok(Migration {
            version: *version,
            name: (*name).into(),
            path,
            sql: (*sql).into(),
            down: None,
            directives,
        })
    });
    Ok(Sources { schema: schema.collect(), migrations: migrations.collect::<Result<_>>()? })
}

/// Runs a script statement by statement, and records these migrations as refinery would.
async fn apply(
    scratch: &Scratch,
    database: &ScratchDatabase,
    named: Option<&Migration>,
    migrations: &[Migration],
    script: &str,
) -> Result<()> {
    let statements = split(script).map_err(|error| anyhow!("{named:?}: {error:?}"))?;
    let statements = statements.iter().map(|statement| statement.text.to_owned());
    let records = migrations.iter().map(|migration| {
        format!(
            "INSERT INTO public.{} VALUES ({}, {}, now()::text, {})",
            history::TABLE,
            migration.version,
            literal(&migration.name),
            literal(&checksum::written(migration, checksum::Width::Four).to_string()),
        )
    });
    let mut session = scratch.connect(database).await?;
    for statement in statements.chain([HISTORY.to_owned()]).chain(records) {
        session.execute(statement).await?;
    }
    session.close().await;
    Ok(())
}

async fn execute(scratch: &Scratch, database: &ScratchDatabase, sql: &str) -> Result<()> {
    let mut session = scratch.connect(database).await?;
    session.execute(sql).await?;
    session.close().await;
    Ok(())
}

fn say(text: &str) -> Result<(), Failure> {
    deliver::say(&format!("{text}\n\n"))
}

fn expect(held: bool, otherwise: &'static str) -> Result<()> {
    if held { Ok(()) } else { Err(anyhow!(otherwise)) }
}
