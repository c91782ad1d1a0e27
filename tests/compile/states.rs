//! States that a compilation keeps for the next one: what did not change is not replayed, and the lock is the same as if
//! it had been.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{project, trueup};
use crate::support;
use crate::support::program::Ran;

/// Whatever is read in another way after a reload, numbered otherwise, or is no part of the catalog.
const BASE: &str = "
    CREATE ROLE reader;
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE \"Users\" (gone1 int, id serial PRIMARY KEY, gone2 int, kind varchar(9) CHECK (kind IN ('a', 'b')),
        mood mood, age int CHECK (age BETWEEN 1 AND 150 AND age <> 13), note text DEFAULT NULL, gone3 int);
    ALTER TABLE \"Users\" DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone3;
    CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE VIEW kinds AS SELECT kind, NULL::int FROM (SELECT kind, 1 FROM \"Users\" WHERE kind IN ('a', 'b')) AS inner_rows;
    CREATE FUNCTION double(x int) RETURNS int LANGUAGE sql IMMUTABLE SET search_path = public AS 'SELECT 2 * x';
    CREATE INDEX ON \"Users\" (double(id)) WHERE kind IN ('a', 'b');
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM \"Users\";
    GRANT SELECT ON \"Users\" TO reader;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;
    COMMENT ON COLUMN \"Users\".kind IS E'it''s\\n\\\\restrict';
    CREATE SEQUENCE numbers INCREMENT 5;
    SELECT nextval('numbers');
    INSERT INTO \"Users\" (kind, note) SELECT 'a', E'line\\n\\\\restrict x;\\n' || n FROM generate_series(1, 2500) n;
    REFRESH MATERIALIZED VIEW counted;
    SELECT pg_sleep(2.1);
";
/// What depends on all that.
const NEXT: &str = "
    DO $$ BEGIN
        IF (SELECT count(*) || ' ' || max(id) FROM \"Users\") <> '2500 2500' OR nextval('numbers') <> 6
            OR (SELECT n FROM counted) <> 2500 OR nextval('\"Users_id_seq\"') <> 2501 THEN
            RAISE 'not the rows that were there';
        END IF;
    END $$;
    ALTER TABLE \"Users\" ADD COLUMN email text NOT NULL DEFAULT '';
    ALTER TABLE \"Users\" RENAME mood TO feels;
    ALTER TABLE \"Users\" DROP COLUMN feels, ADD COLUMN born date;
    ALTER TABLE parts RENAME TO pieces;
    ALTER TABLE pieces ADD COLUMN more int;
    CREATE VIEW kinds2 AS SELECT kind, NULL::int FROM \"Users\" WHERE kind IN ('a', 'b');
    ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
    CREATE TABLE granted (id int);
";

fn compile(project: &TempDir, cache: &Path, more: &[&str]) -> Ran {
    trueup(project, &[&["compile"], more].concat())
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .env("TRUEUP_CACHE", cache)
        .exit(0)
}

fn lock(project: &TempDir) -> String {
    fs::read_to_string(project.path().join("trueup.lock")).unwrap()
}

/// Compiles, and holds the lock against that of a replay of all migrations.
#[track_caller]
fn compiles(project: &TempDir, cache: &Path, counted: &[&str]) {
    compile(project, cache, &[]).stdout_contains(counted);
    let kept = lock(project);
    compile(project, cache, &["--no-cache"]).lacks("replayed");
    assert_same(&kept, &lock(project));
}

#[track_caller]
fn assert_same(one: &str, other: &str) {
    let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert!(one == other, "{differs:#?}");
}

fn states(cache: &Path) -> Vec<PathBuf> {
    let states = fs::read_dir(cache.join("states")).unwrap();
    states.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn only_what_is_new_is_replayed_and_the_lock_is_the_same() {
    let (project, cache) = (project(&[("migrations/V1__base.sql", BASE)]), tempfile::tempdir().unwrap());
    let cache = cache.path();
    let path = |name: &str| project.path().join("migrations").join(name);
    compile(&project, cache, &[]).lacks("replayed").stdout_contains("1 migration, compiled by");
    let [state] = &states(cache)[..] else { panic!("{:?}", states(cache)) };
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    compiles(&project, cache, &["1 migration (0 replayed)"]);

    fs::write(path("V2__next.sql"), NEXT).unwrap();
    compiles(&project, cache, &["2 migrations (1 replayed)"]);
    let down = "ALTER TABLE \"Users\" DROP COLUMN email, ADD COLUMN again int;";
    fs::write(path("V3__more.sql"), down).unwrap();
    // Whether the state after the second was kept is up to the machine.
    let three = ["3 migrations (", " replayed)"];
    compiles(&project, cache, &three);
    // Written once more; and the one before it.
    fs::write(path("V3__more.sql"), "ALTER TABLE \"Users\" ADD COLUMN again int;").unwrap();
    compiles(&project, cache, &three);
    fs::remove_file(path("V3__more.sql")).unwrap();
    compiles(&project, cache, &["2 migrations (", " replayed)"]);

    // What the server would have printed of these before the reload is not known: all is replayed.
    for copies in [
        "ALTER TABLE \"Users\" RENAME kind TO sort;",
        "ALTER TABLE \"Users\" RENAME TO people;",
        "CREATE TABLE more_users (LIKE \"Users\" INCLUDING ALL);",
        "CREATE OR REPLACE VIEW kinds AS SELECT kind, 1::int AS int4 FROM \"Users\";",
    ] {
        fs::write(path("V3__more.sql"), copies).unwrap();
        compiles(&project, cache, &["3 migrations, compiled by"]);
    }
    fs::remove_file(path("V3__more.sql")).unwrap();

    // What was compiled in another way says nothing about this one.
    fs::write(project.path().join("trueup.toml"), "[database]\nsearch_path = \"public, other\"\n").unwrap();
    compile(&project, cache, &[]).lacks("replayed");
    fs::write(path("V1__base.sql"), BASE.replace("age <> 13", "age <> 14")).unwrap();
    compile(&project, cache, &[]).lacks("replayed");
}

/// A state names the owner's role of the server that it is of.
#[test]
fn no_state_is_restored_on_a_given_server() {
    let (project, cache) = (project(&[("migrations/V1__base.sql", BASE)]), tempfile::tempdir().unwrap());
    compile(&project, cache.path(), &[]).lacks("replayed");
    compile(&project, cache.path(), &[]).stdout_contains("(0 replayed)");
    let server = support::database();
    compile(&project, cache.path(), &["--scratch-url", server.url()]).lacks("replayed");
    assert_eq!(states(cache.path()).len(), 1);
}

/// A migration that is written next is often wrong at first: nothing but it is replayed.
#[test]
fn the_state_before_the_last_migration_is_kept_too() {
    let (project, cache) = (
        project(&[("migrations/V1__base.sql", BASE), ("migrations/V2__next.sql", NEXT)]),
        tempfile::tempdir().unwrap(),
    );
    compile(&project, cache.path(), &[]).lacks("replayed");
    for more in ["SELECT wrong;", "CREATE TABLE right_now (id int);"] {
        fs::write(project.path().join("migrations/V2__next.sql"), format!("{NEXT}{more}")).unwrap();
        let compile = trueup(&project, &["compile"]).env("TRUEUP_CACHE", cache.path());
        let ran = compile.env("TRUEUP_PG_BIN", &support::server().bin_dir).run();
        match more.contains("wrong") {
            true => ran.exit(2).says("column \"wrong\" does not exist"),
            false => ran.exit(0).stdout_contains("2 migrations (1 replayed)"),
        };
    }
}

#[test]
fn a_state_that_cannot_be_trusted_is_not_used() {
    let (project, cache) = (project(&[("migrations/V1__base.sql", BASE)]), tempfile::tempdir().unwrap());
    let cache = cache.path();
    compile(&project, cache, &[]).lacks("replayed");
    let state = states(cache).remove(0);
    let whole = fs::read_to_string(&state).unwrap();
    let (header, rest) = whole.split_once('\n').unwrap();
    let hash = |text: &str| -> String {
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert!(header.contains(&hash(rest)), "{header}");
    // As if it had been written so.
    let written = |rest: &str| {
        format!("{}\n{rest}", header.replace(&hash(whole.split_once('\n').unwrap().1), &hash(rest)))
    };
    let (before, dumped) = rest.split_at(rest.rfind("age <> 13").unwrap());
    let other = format!("{before}{}", dumped.replacen("13", "15", 1));
    let marker = project.path().join("marker");
    let run = format!("COPY (SELECT 1) TO PROGRAM 'touch {}';\n", marker.display());
    for (what, text, mode) in [
        ("cut", whole[..whole.len() / 2].to_owned(), 0o600),
        ("empty", String::new(), 0o600),
        ("changed", whole.replace("mood", "m00d"), 0o600),
        ("another database", written(&other), 0o600),
        ("SQL that fails", written(&format!("{rest}SELECT 1/0;\n")), 0o600),
        ("writable by others", format!("{header}\n{rest}{run}"), 0o622),
        ("writable by others, and whole", written(&format!("{rest}{run}")), 0o622),
    ] {
        fs::write(&state, text).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
        let ran = compile(&project, cache, &[]);
        assert!(ran.stdout().contains("1 migration, compiled by"), "{what}: {}", ran.said());
        assert!(!marker.exists(), "{what}");
    }
    compiles(&project, cache, &["1 migration (0 replayed)"]);

    // A place that cannot be used is no reason to fail.
    for place in ["/proc/nowhere", "/dev/null"] {
        compile(&project, Path::new(place), &[]).lacks("replayed");
    }
}
