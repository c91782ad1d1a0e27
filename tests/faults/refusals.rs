//! What the server refuses of a migration is told with file, line and statement, whether the server gave a position or
//! not.

use std::fs;

use crate::support;
use crate::support::project::Project;

#[test]
fn the_statement_that_failed_is_named() {
    for (migration, words) in [
        // No position: a constraint, found by how many statements were carried out.
        (
            "CREATE TABLE t (id int PRIMARY KEY);\n\nSELECT 1, 2; SELECT 3;\nINSERT INTO t VALUES (1);\n\
             INSERT INTO t\n  VALUES (1);\nCREATE TABLE u ();\n",
            &[
                "migrations/V1__t.sql: line 5: duplicate key",
                "detail: Key (id)=(1)",
                "statement: INSERT INTO t",
            ][..],
        ),
        // A position: counted in characters, behind a byte order mark and letters of several bytes.
        (
            "\u{feff}-- é\nCREATE TABLE t (id int PRIMARY KEY);\nSELECT 'é',\n  nothing FROM t;\n",
            &[
                "V1__t.sql: line 4: column \"nothing\" does not exist",
                "statement: SELECT 'é', ...",
                "SQLSTATE 42703",
            ],
        ),
        // In a function: its context.
        (
            "CREATE TABLE t (id int PRIMARY KEY);\nDO $$ BEGIN PERFORM 1 / 0; END $$;\n",
            &["V1__t.sql: line 2: division by zero", "context: "],
        ),
        // At the very end.
        (
            "CREATE TABLE t (id int PRIMARY KEY);\nCREATE TABLE c (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\n\
             INSERT INTO c VALUES (7);\n",
            &["V1__t.sql: at COMMIT: insert or update on table \"c\" violates foreign key"],
        ),
    ] {
        let project = Project::of_schema("CREATE TABLE t (id int PRIMARY KEY); -- the model\n");
        let directory = project.path().join("migrations");
        fs::create_dir(&directory).unwrap();
        // The lock file is of a migration that a throwaway server can run: what fails, fails on data.
        fs::write(directory.join("V1__t.sql"), "CREATE TABLE t (id int PRIMARY KEY);\n").unwrap();
        project.compile();
        let head = fs::read_to_string(project.lock()).unwrap();
        fs::write(directory.join("V1__t.sql"), migration).unwrap();
        let digest = |text: &str| {
            use sha2::Digest as _;
            sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let (was, is) = (
            digest("CREATE TABLE t (id int PRIMARY KEY);\n"),
            digest(migration.trim_start_matches('\u{feff}')),
        );
        assert!(head.contains(&was), "the lock file hashes its inputs");
        fs::write(project.lock(), head.replace(&was, &is)).unwrap();

        let database = support::database();
        project
            .trueup(["upgrade", "--yes"], &database)
            .exit(5)
            .says(words)
            .says("V1__t failed, it was rolled back: the database is as it was");
        let left = database.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname IN ('t', 'u', 'c')");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_stays_of_a_migration_that_failed_between_its_statements_is_said() {
    let project = Project::of_schema(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int, CONSTRAINT few CHECK (id < 5));\n",
    );
    let directory = project.path().join("migrations");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("V1__t.sql"), "CREATE TABLE t (id int PRIMARY KEY);\n").unwrap();
    fs::write(
        directory.join("V2__columns.sql"),
        "-- trueup: no-transaction\nALTER TABLE t ADD a int;\nALTER TABLE t ADD b int;\n\
         ALTER TABLE t ADD CONSTRAINT few CHECK (id < 5);\n",
    )
    .unwrap();
    project.compile();
    let database = support::database();
    let upgrade = |more: &[&str]| project.trueup(["upgrade", "--yes"], &database).args(more);
    upgrade(&["--to", "1"]).exit(0);
    database.exec("INSERT INTO t VALUES (7)");

    // Whether this run did the statements before, or an earlier one.
    for exit in [6, 5] {
        upgrade(&[]).exit(exit).says([
            "V2__columns.sql: ",
            "violated by some row",
            "V2__columns, statement 3 failed, it was rolled back; the statements before it are committed and recorded: \
             the same command continues with this one",
        ]);
        let columns =
            "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 1 ORDER BY 1";
        assert_eq!(database.query(columns).len(), 2);
    }
    database.exec("DELETE FROM t");
    upgrade(&[]).exit(0).says("at V2");
}
