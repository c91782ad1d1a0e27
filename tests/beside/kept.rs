//! `[migrations] also_record_in`: after a take-over the tool's table is kept in step, so that the tool can take over again. What the
//! tool itself says of it is asked of dbmate and of sqlx's own migrator.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx_core::connection::ConnectOptions as _;
use sqlx_core::migrate::Migrator;
use sqlx_postgres::PgConnectOptions;
use tempfile::TempDir;

use super::{Tool, project, tools, write};
use crate::adopt::tools::{address, dbmate, did_not_run, tool as run_tool};
use crate::support::program::Program;
use crate::support::{self, TestDatabase};

const DROP_USER_ID: &str = "ALTER TABLE api_keys DROP COLUMN user_id;\n";

/// A tool's migrations that have become trueup's, and are recorded in its table, too.
struct Taken {
    directory: TempDir,
    /// The versions of the three migrations.
    versions: Vec<String>,
    migrations: PathBuf,
}

impl Taken {
    fn over(tool: &Tool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &tool.files);
        let init = support::trueup(["init", "--from", tool.name, "--take-over", "--yes", "--name", "shop"]);
        let init = init.current_dir(directory.path()).env_remove("DATABASE_URL").case(tool.name);
        init.env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0).says("also_record_in");
        let settings = directory.path().join("trueup.toml");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, format!("{text}also_record_in = \"{}\"\n", tool.name)).unwrap();
        let taken = directory.path().join("trueup-migrations");
        let migrations = if taken.is_dir() { taken } else { directory.path().join("migrations") };
        let mut names: Vec<String> = fs::read_dir(&migrations)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".down.sql"))
            .collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names.sort_by_key(|name| name[1..].split('_').next().unwrap().parse::<i64>().unwrap());
        let last = names.last().unwrap();
        fs::write(migrations.join(last.replace(".sql", ".down.sql")), DROP_USER_ID).unwrap();
        let versions = names.iter().map(|name| name[1..].split('_').next().unwrap().to_owned()).collect();
        let taken = Self { directory, versions, migrations };
        taken.trueup(&["compile"], None).exit(0);
        taken
    }

    fn trueup(&self, args: &[&str], database: Option<&TestDatabase>) -> Program {
        let program = support::trueup(args).current_dir(self.directory.path());
        let program = program.env("TRUEUP_PG_BIN", &support::server().bin_dir);
        match database {
            Some(database) => program.env("DATABASE_URL", database.url()),
            None => program.env_remove("DATABASE_URL"),
        }
    }

    fn upgrade(&self, database: &TestDatabase) -> support::program::Ran {
        self.trueup(&["upgrade", "--yes", "--no-backup"], Some(database)).exit(0)
    }

    fn downgrade(&self, database: &TestDatabase) {
        let args = ["downgrade", "--to", &self.versions[1], "--yes", "--no-backup"];
        self.trueup(&args, Some(database)).exit(0);
    }
}

/// How many migrations trueup reads from the tool's table, beside the tool, and how many the tool would apply.
fn beside(tool: &Tool, database: &TestDatabase) -> (u64, usize) {
    let found = project(tool).check(database).document();
    let pending =
        found["history"]["pending"].as_array().unwrap_or_else(|| panic!("{}: {found:#}", tool.name));
    (found["history"]["applied"].as_u64().unwrap(), pending.len())
}

#[test]
fn the_tools_table_has_what_the_tool_would_have_written() {
    for tool in tools().into_iter().filter(|tool| tool.name != "sqitch") {
        let (taken, database) = (Taken::over(&tool), support::database());
        taken.upgrade(&database).lacks("does not know");
        assert_eq!(beside(&tool, &database), (3, 0), "{}", tool.name);
        taken.downgrade(&database);
        assert_eq!(beside(&tool, &database), (2, 1), "{}", tool.name);
        taken.upgrade(&database);
        assert_eq!(beside(&tool, &database), (3, 0), "{}", tool.name);
        taken.trueup(&["check"], Some(&database)).exit(0);
        // In a database of the tool's own, whose table is older than the setting.
        let theirs = super::database(&tool);
        if tool.name == "sqlx" {
            theirs.exec("DELETE FROM _sqlx_migrations WHERE NOT success");
        }
        taken.trueup(&["adopt", "--yes"], Some(&theirs)).exit(0);
        taken.upgrade(&theirs);
        assert_eq!(beside(&tool, &theirs), (3, 0), "{}", tool.name);
    }
}

/// A setting that is made late, and migrations that are new.
#[test]
fn what_is_missing_is_added_and_what_is_new_is_told() {
    let goose = tools().into_iter().find(|tool| tool.name == "goose").unwrap();
    let (taken, database) = (Taken::over(&goose), support::database());
    let settings = taken.directory.path().join("trueup.toml");
    let with = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, with.replace("also_record_in", "# also_record_in")).unwrap();
    taken.upgrade(&database);
    assert_eq!(database.value("SELECT (to_regclass('goose_db_version') IS NULL)::text"), "true");
    fs::write(&settings, with).unwrap();
    let dry_run = taken.trueup(&["upgrade", "--dry-run"], Some(&database)).exit(0);
    dry_run.says("the table of goose gets the rows that it lacks: V1__users, V2__keys, V3__user_id");
    taken.trueup(&["upgrade"], Some(&database)).exit(4).says("add 3 rows to the table").says("not confirmed");
    let rows = "SELECT string_agg(version_id::text, ' ' ORDER BY id) FROM goose_db_version";
    taken.upgrade(&database).says("gets the rows").says("nothing to do: the database is at V3");
    assert_eq!(database.value(rows), "0 1 2 3");
    taken.upgrade(&database).says("nothing to do").lacks("gets the rows");
    database.exec("DELETE FROM goose_db_version WHERE version_id = 2");
    fs::write(taken.migrations.join("V4__new.sql"), "CREATE TABLE new (id int);\n").unwrap();
    taken.trueup(&["compile"], None).exit(0);
    let upgrade = taken.upgrade(&database).says("goose does not know V4__new: not taken over from it");
    upgrade.says("the table of goose gets the rows that it lacks: V2__keys");
    assert_eq!(database.value(rows), "0 1 3 2");
    let script = taken.trueup(&["upgrade", "--sql"], Some(&support::database())).exit(0);
    script.stdout_contains("INSERT INTO public.goose_db_version (version_id, is_applied) SELECT 3, true");
}

/// The row is part of the migration's transaction.
#[test]
fn a_table_that_takes_no_row_keeps_the_migration_from_being_applied() {
    let goose = tools().into_iter().find(|tool| tool.name == "goose").unwrap();
    let (taken, database) = (Taken::over(&goose), super::database(&goose));
    taken.trueup(&["adopt", "--yes"], Some(&database)).exit(0);
    database.exec("ALTER TABLE goose_db_version ADD CONSTRAINT below CHECK (version_id < 3) NOT VALID");
    taken.trueup(&["upgrade", "--yes", "--no-backup"], Some(&database)).exit(5).says("below");
    assert_eq!(beside(&goose, &database), (2, 1));
    database.exec("DROP TABLE goose_db_version; CREATE TABLE goose_db_version (version_id text)");
    let refused = taken.trueup(&["upgrade", "--yes", "--no-backup"], Some(&database)).exit(4);
    refused.says("public.goose_db_version is not the table of goose");
    let golang = tools().into_iter().find(|tool| tool.name == "golang-migrate").unwrap();
    let (taken, database) = (Taken::over(&golang), super::database(&golang));
    taken.trueup(&["adopt", "--yes"], Some(&database)).exit(0);
    database.exec("UPDATE schema_migrations SET dirty = true");
    let refused = taken.trueup(&["upgrade", "--yes", "--no-backup"], Some(&database)).exit(4);
    refused.says("public.schema_migrations says that 2 failed or was interrupted").says("migrate force");
}

/// A role that may not write to it is told before anything is written.
#[test]
fn the_rights_on_the_table_are_asked_for() {
    let goose = tools().into_iter().find(|tool| tool.name == "goose").unwrap();
    let (taken, database) = (Taken::over(&goose), super::database(&goose));
    taken.trueup(&["adopt", "--yes"], Some(&database)).exit(0);
    database.exec(&format!(
        "CREATE ROLE kept_poor LOGIN; GRANT CREATE ON DATABASE {} TO kept_poor; GRANT USAGE ON SCHEMA trueup TO kept_poor;
         GRANT ALL ON ALL TABLES IN SCHEMA trueup TO kept_poor; GRANT ALL ON refinery_schema_history TO kept_poor;
         GRANT SELECT ON goose_db_version TO kept_poor",
        database.name()
    ));
    let upgrade = taken.trueup(&["upgrade", "--yes", "--no-backup"], None);
    upgrade.env("DATABASE_URL", database.url_as("kept_poor")).exit(4).says([
        "the role kept_poor may not write to public.goose_db_version",
        "GRANT INSERT, DELETE ON public.goose_db_version TO kept_poor;",
        "nothing was changed",
    ]);
    database.exec("DROP OWNED BY kept_poor; DROP ROLE kept_poor");
}

#[test]
fn sqlx_finds_its_own_checksums() {
    let sqlx = tools().into_iter().find(|tool| tool.name == "sqlx").unwrap();
    let (taken, database) = (Taken::over(&sqlx), support::database());
    taken.upgrade(&database);
    let own = taken.directory.path().join("migrations");
    let migrate = |directory: &Path| {
        support::runtime().block_on(async {
            let mut connection = PgConnectOptions::from_str(database.url()).unwrap().connect().await.unwrap();
            Migrator::new(directory).await.unwrap().run(&mut connection).await
        })
    };
    migrate(&own).expect("nothing to do");
    assert_eq!(database.value("SELECT count(*)::text FROM _sqlx_migrations"), "3");
    let rows = "SELECT string_agg(description, ', ' ORDER BY version) FROM _sqlx_migrations";
    assert_eq!(database.value(rows), "users, keys, user id");
    taken.downgrade(&database);
    migrate(&own).expect("the last one is applied");
    taken.trueup(&["check"], Some(&database)).exit(1);
    fs::write(own.join("1_users.sql"), "SELECT 1;").unwrap();
    migrate(&own).expect_err("the checksums are compared");
}

#[test]
fn dbmate_has_nothing_to_do() {
    let Some(program) = dbmate() else { return did_not_run("dbmate") };
    let tool = tools().into_iter().find(|tool| tool.name == "dbmate").unwrap();
    let (taken, database) = (Taken::over(&tool), support::database());
    let (user, name, socket) = address(&database);
    let url = format!("postgres://{user}@/{name}?socket={socket}&sslmode=disable");
    let run = |word: &str| {
        run_tool(&program, taken.directory.path()).args(["--url", &url, "--no-dump-schema", word]).exit(0)
    };
    taken.upgrade(&database);
    run("status").says(["Applied: 3", "Pending: 0"]);
    run("up").lacks("Applying");
    taken.downgrade(&database);
    run("status").says(["Applied: 2", "Pending: 1"]);
    run("up").says("Applying: 20260103000000_add-user_id.sql");
}
