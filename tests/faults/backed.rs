//! The backup before a change: taken or not, of the right database, recorded, and named when it is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

/// A project of two migrations that is at the first; `settings` are `[backup]` and what follows.
fn site(settings: &str) -> (Project, TestDatabase) {
    site_of("ALTER TABLE public.notes ADD COLUMN more text;\n", settings)
}

fn site_of(second: &str, settings: &str) -> (Project, TestDatabase) {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::create_dir(project.path().join("migrations")).unwrap();
    let file = |name: &str| project.path().join("migrations").join(name);
    fs::write(file("V1__notes.sql"), "CREATE TABLE public.notes (id int PRIMARY KEY);\n").unwrap();
    fs::write(file("V2__second.sql"), second).unwrap();
    fs::write(file("V2__second.down.sql"), "ALTER TABLE public.notes DROP COLUMN more;\n").unwrap();
    fs::write(project.path().join("trueup.toml"), "[backup]\nrequired = \"never\"\n").unwrap();
    project.compile();
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("INSERT INTO public.notes SELECT generate_series(1, 100)");
    fs::write(project.path().join("trueup.toml"), format!("[project]\nname = \"backed\"\n{settings}"))
        .unwrap();
    // The mark is of the directory's name.
    database.exec("UPDATE trueup.mark SET project = 'backed'");
    (project, database)
}

fn upgrade(project: &Project, database: &TestDatabase, args: &[&str]) -> Value {
    let args = [&["upgrade", "--yes", "--format", "json"], args].concat();
    project.trueup(&args, database).exit(0).json()
}

fn backups(project: &Project, database: &TestDatabase) -> Vec<Value> {
    let ran = project.trueup(["backup", "list", "--format", "json"], database).exit(0);
    ran.json()["backups"].as_array().unwrap().clone()
}

fn recorded(database: &TestDatabase) -> Vec<String> {
    let rows = database.query("SELECT detail FROM trueup.steps WHERE action = 'backup' ORDER BY started_at");
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// Whether the second migration is there.
fn is_upgraded(database: &TestDatabase) -> bool {
    let sql =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.notes'::regclass AND attname = 'more'";
    database.value(sql) == "1"
}

#[test]
fn a_backup_comes_before_the_change_and_is_of_what_was() {
    let (project, database) = site("");
    let document = upgrade(&project, &database, &[]);
    assert_eq!(document["plan"]["backup"]["action"], "take", "{document:#}");
    let id = document["backup"]["id"].as_str().unwrap();
    assert_eq!(document["run"], id);
    let listed = backups(&project, &database);
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["version"]), (&Value::from(id), &Value::from("1")));
    assert_eq!(listed[0]["verified"]["how"], "contents");
    let catalog = fs::read_to_string(project.path().join("backups").join(id).join("catalog.jsonl")).unwrap();
    assert!(catalog.contains("public.notes.id") && !catalog.contains("public.notes.more"), "{catalog}");
    let steps = recorded(&database);
    assert_eq!(steps.len(), 1);
    assert!(steps[0].contains(id), "{steps:?}");

    project
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(0)
        .says(["backup: 01", "reverted V2__second"]);
    assert_eq!(backups(&project, &database).len(), 2);
    assert_eq!(backups(&project, &database)[1]["version"], "2");
}

#[test]
fn without_a_backup_is_said_recorded_and_not_allowed_where_it_matters() {
    let (project, database) = site("");
    let document = upgrade(&project, &database, &["--no-backup"]);
    assert_eq!(document["plan"]["backup"]["action"], "none");
    assert!(document.get("backup").is_none(), "{document:#}");
    assert_eq!(recorded(&database), ["--no-backup"]);
    assert!(!project.path().join("backups").exists());

    let (project, database) = site("[environments.production]\nprotected = true\n");
    let args = ["upgrade", "--yes", "--env", "production", "--no-backup"];
    project.trueup(args, &database).exit(4).says("--no-backup is not allowed on a protected environment");
    assert!(!is_upgraded(&database));
}

#[test]
fn what_needs_no_backup_says_why() {
    for (settings, second, why) in [
        ("[backup]\nrequired = \"never\"\n", "ALTER TABLE notes ADD more text;", "required = \"never\""),
        (
            "[backup]\nrequired = \"protected\"\n",
            "ALTER TABLE notes ADD more text;",
            "this environment is not",
        ),
        ("[backup]\nscope = \"affected\"\n", "CREATE TABLE other (id int);", "no existing table is changed"),
    ] {
        let (project, database) = site_of(second, settings);
        let document = upgrade(&project, &database, &[]);
        let backup = &document["plan"]["backup"];
        assert_eq!(backup["action"], "none", "{settings}");
        assert!(backup["why"].as_str().unwrap().contains(why), "{backup}");
        assert_eq!((backups(&project, &database).len(), recorded(&database).len()), (0, 0), "{settings}");
    }
    // A database with nothing in it has nothing to lose.
    let (project, _) = site("");
    let empty = support::database();
    let document = upgrade(&project, &empty, &[]);
    assert_eq!(document["plan"]["backup"]["action"], "none", "{document:#}");
}

#[test]
fn a_protected_environment_gets_its_backup() {
    let settings = "[backup]\nrequired = \"protected\"\n[environments.production]\nprotected = true\n";
    let (project, database) = site(settings);
    let document = upgrade(&project, &database, &["--env", "production"]);
    assert_eq!(document["plan"]["backup"]["action"], "take");
    assert_eq!(backups(&project, &database).len(), 1);
}

#[test]
fn f51_a_fresh_backup_counts_for_the_same_database_alone() {
    let (project, database) = site("[backup]\nfresh_for = \"15min\"\n");
    project.trueup(["backup"], &database).exit(0).says("9 tables with 105 rows");
    let document = upgrade(&project, &database, &[]);
    assert_eq!(document["plan"]["backup"]["action"], "fresh", "{document:#}");
    let listed = backups(&project, &database);
    assert_eq!(listed.len(), 1);
    assert_eq!(document["backup"]["id"], listed[0]["id"]);
    assert!(recorded(&database)[0].contains(listed[0]["id"].as_str().unwrap()));

    // Another database with the same rows: its own backup is taken.
    let other = support::database();
    other.exec("CREATE TABLE public.notes (id int PRIMARY KEY)");
    project.trueup(["adopt", "--yes"], &other).exit(0);
    let document = upgrade(&project, &other, &[]);
    assert_eq!(document["plan"]["backup"]["action"], "take", "{document:#}");

    // One that is too old does not count.
    let toml = "[project]\nname = \"backed\"\n[backup]\nfresh_for = \"1ms\"\n";
    fs::write(project.path().join("trueup.toml"), toml).unwrap();
    let args = ["downgrade", "--to", "1", "--dry-run", "--format", "json"];
    assert_eq!(project.trueup(args, &database).run().json()["plan"]["backup"]["action"], "take");
}

#[test]
fn f51_a_fresh_backup_that_was_damaged_does_not_count() {
    let (project, database) = site("[backup]\nfresh_for = \"15min\"\n");
    project.trueup(["backup"], &database).exit(0);
    let id = backups(&project, &database)[0]["id"].as_str().unwrap().to_owned();
    let archive = project.path().join("backups").join(&id).join("archive.dump");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let document = upgrade(&project, &database, &[]);
    assert_ne!(document["backup"]["id"], id, "{document:#}");
    assert_eq!(backups(&project, &database).len(), 2);
}

#[test]
fn a_dry_run_tells_the_backup_and_makes_nothing() {
    let (project, database) = site("");
    project.trueup(["upgrade", "--dry-run"], &database).exit(0).says("backup first: full pg_dump to ");
    assert!(!project.path().join("backups").exists());
    project.trueup(["backup"], &database).exit(0);
    project.trueup(["upgrade", "--dry-run"], &database).exit(0).says(["; about ", "like the last one"]);
}

/// A directory of programs: links to the real ones, but for `pg_dump`.
fn programs(project: &Project, pg_dump: Option<&str>) -> PathBuf {
    let bin = project.path().join("programs");
    fs::create_dir_all(&bin).unwrap();
    let real = &support::server().bin_dir;
    std::os::unix::fs::symlink(real.join("pg_restore"), bin.join("pg_restore")).unwrap();
    if let Some(script) = pg_dump {
        let path = bin.join("pg_dump");
        fs::write(&path, script.replace("REAL", &real.join("pg_dump").display().to_string())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

#[test]
fn f47_without_pg_dump_nothing_is_changed() {
    let (project, database) = site("");
    let nowhere = project.path().join("nowhere");
    let bin = programs(&project, Some("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n"));
    let upgrade = project.trueup(["upgrade", "--yes"], &database).env("PATH", &nowhere);
    upgrade.env("TRUEUP_CACHE", &nowhere).env("TRUEUP_PG_BIN", bin).exit(4).says([
        "needs a pg_dump of",
        "9.6.24",
        "nothing was changed",
    ]);
    assert!(!is_upgraded(&database));
    assert_eq!(recorded(&database), Vec::<String>::new());
}

#[test]
fn f48_when_the_backup_fails_nothing_is_changed() {
    let stub = "#!/bin/sh\ncase $* in *--version*) exec REAL --version;; esac\n\
                echo 'pg_dump: error: the disk is on fire' >&2\nexit 1\n";
    let (project, database) = site("");
    let bin = programs(&project, Some(stub));
    project
        .trueup(["upgrade", "--yes"], &database)
        .env("TRUEUP_PG_BIN", bin)
        .exit(5)
        .says(["no backup was taken", "the disk is on fire"]);
    assert!(!is_upgraded(&database));
    assert_eq!(backups(&project, &database).len(), 0);
    assert_eq!(recorded(&database), Vec::<String>::new());
    // The same command goes on when it works again.
    upgrade(&project, &database, &[]);
    assert!(is_upgraded(&database));
}

#[test]
fn only_the_affected_tables_are_backed_up_where_that_can_be_told() {
    let (project, database) = site("[backup]\nscope = \"affected\"\n");
    database.exec("CREATE TABLE public.large AS SELECT generate_series(1, 1000) AS id");
    let document = upgrade(&project, &database, &[]);
    assert_eq!(document["plan"]["backup"]["tables"], 1, "{document:#}");
    assert_eq!(backups(&project, &database)[0]["tables"], 1);

    let (project, database) = site_of("DO $$ BEGIN END $$;", "[backup]\nscope = \"affected\"\n");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let ran = project.trueup(["backup", "list", "--format", "json"], &database).run();
    assert!(ran.json()["backups"][0].get("tables").is_none());
}

#[test]
fn what_stopped_part_way_names_the_backup_last_and_what_was_rolled_back_does_not() {
    let (project, database) = site("");
    let bad = "ALTER TABLE public.notes ADD CONSTRAINT small CHECK (id < 50);\n";
    fs::write(project.path().join("migrations/V3__bad.sql"), bad).unwrap();
    project.compile();
    let text = project.trueup(["upgrade", "--yes"], &database).exit(6).said();
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    let (go_on, back, restore) =
        (place("to continue: "), place("trueup downgrade --to 1"), place("trueup restore 01"));
    assert!(go_on < back && back < restore, "{text}");
    assert!(text.contains(" of WAL)") && text.contains("this loses what was written since"), "{text}");

    project.trueup(["upgrade", "--yes"], &database).exit(5).says("rolled back").lacks("trueup restore");
}

/// A command that is pasted from an error is about the database of that run, and of no other.
#[test]
fn what_is_printed_to_restore_names_the_same_database() {
    let bad = "ALTER TABLE public.notes ADD more text;\n";
    for (args, restore) in [
        (&["--env", "production"][..], " --replace --env production; this loses"),
        (&["--database-url"][..], " --replace --into URL, with the URL of --database-url; this loses"),
    ] {
        let (project, database) = site_of(bad, "[environments.production]\nurl_env = \"PRODUCTION\"\n");
        let third = "ALTER TABLE public.notes ADD CONSTRAINT small CHECK (id < 50);\n";
        fs::write(project.path().join("migrations/V3__bad.sql"), third).unwrap();
        project.compile();
        let mut args = [&["upgrade", "--yes"], args].concat();
        args.extend(args.ends_with(&["--database-url"]).then(|| database.url()));
        project
            .trueup(&args, "postgres://nobody@127.0.0.1:1/nothing")
            .env("PRODUCTION", database.url())
            .exit(6)
            .says(["trueup downgrade --to 1 --", restore]);
    }
}

#[test]
fn f27_f51_the_backup_is_of_the_database_that_is_changed() {
    let (project, database) = site("");
    // Another server with a database of the same name and the same tables.
    let other = Cluster::start(&[]);
    other.psql("CREATE ROLE trueup_scratch SUPERUSER LOGIN");
    other.psql(&format!("CREATE DATABASE {}", database.name()));
    other.load(database.name(), database.url());
    let (ours, theirs) = (database.socket_dir().join(".s.PGSQL.5432"), other.socket());
    let count = Arc::new(AtomicUsize::new(0));
    let connections = Arc::clone(&count);
    // The door's two connections are to the one, all that follow to the other.
    let toward = move || match connections.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => ours.clone(),
        _ => theirs.clone(),
    };
    let proxy = Proxy::toward(toward, |_, _| Then::Forward);
    project
        .trueup(["upgrade", "--yes"], &proxy.url(&database))
        .exit(4)
        .says(["reached a different database", "nothing was changed"]);
    assert!(count.load(Ordering::SeqCst) > 2);
    assert!(!is_upgraded(&database));
    assert!(no_backup_in(&project.path().join("backups")));
}

fn no_backup_in(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().all(|entry| !entry.unwrap().path().is_dir())
}

#[test]
fn status_tells_the_last_backup() {
    let (project, database) = site("");
    let status =
        || project.trueup(["status", "--format", "json"], &database).run().json()["last_backup"].clone();
    assert_eq!(status(), Value::Null);
    let id = upgrade(&project, &database, &[])["backup"]["id"].clone();
    assert_eq!(status()["id"], id);
    // Where the store is another machine's, the database still knows.
    fs::remove_dir_all(project.path().join("backups")).unwrap();
    assert_eq!(status()["id"], id);
    // One that no run took is known by the store.
    project.trueup(["backup"], &database).exit(0);
    assert_eq!(status()["id"], backups(&project, &database)[0]["id"]);
}

#[test]
fn status_tells_a_run_that_has_failed() {
    let (project, database) = site_of("ALTER TABLE public.notes ADD CONSTRAINT few CHECK (id < 5);\n", "");
    project.trueup(["upgrade", "--yes"], &database).exit(5);
    project.trueup(["status"], &database).exit(1).says(["failed at", "(5)", "violated by some row"]);
    let status = project.trueup(["status", "--format", "json"], &database).run().json();
    assert_eq!(status["failed_run"]["exit_code"], 5, "{status:#}");
    // A later run that is well replaces it.
    database.exec("UPDATE trueup.runs SET exit_code = 0, outcome = 'clean' WHERE exit_code = 5");
    project.trueup(["status"], &database).exit(1).lacks("failed at");
}
