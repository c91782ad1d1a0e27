//! Liquibase: a shell script here, which lists, applies and records change sets as it does, over the address that JDBC is
//! given. One file of SQL is one change set.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::code::{compile, project, revisions};
use super::downs::{goes_down_and_up, is_trueups, scripts, take_over, text};
use super::write;
use crate::support;
use crate::support::project::Project;

const SETTINGS: &str =
    "[project]\nname = \"changelog\"\n[migrations]\ntool = \"liquibase\"\nprogram = [\"./liquibase\"]\n";

/// What `liquibase` prints and does. A database of a test is reached by a socket, which JDBC does not know.
fn tool() -> String {
    let psql = support::server().bin_dir.join("psql");
    let table = "CREATE TABLE IF NOT EXISTS databasechangelog (id varchar(255) NOT NULL, author varchar(255) NOT NULL, filename \
                 varchar(255) NOT NULL, dateexecuted timestamp NOT NULL DEFAULT now(), orderexecuted int NOT NULL, exectype \
                 varchar(10) NOT NULL, md5sum varchar(35)); CREATE TABLE IF NOT EXISTS databasechangeloglock (id int PRIMARY \
                 KEY, locked boolean NOT NULL, lockgranted timestamp, lockedby varchar(255))";
    format!(
        r#"#!/bin/sh
set -eu
url=${{LIQUIBASE_COMMAND_URL#jdbc:}}
case $url in postgresql:///*) url=$DATABASE_URL ;; esac
export PGUSER="$LIQUIBASE_COMMAND_USERNAME" PGPASSWORD="$LIQUIBASE_COMMAND_PASSWORD" PGOPTIONS=--client-min-messages=warning
sql() {{ {psql} -XqtA -1 -v ON_ERROR_STOP=1 "$@" "$url"; }}
echo 'the banner' >&2
sql -c "{table}"
pending() {{
    for file in db/changelog/*.sql; do
        id=$(basename "$file" .sql)
        applied=$(sql -c "SELECT count(*) FROM databasechangelog WHERE id = '$id'")
        if [ "$applied" = 0 ] || grep -q runAlways "$file"; then echo "$id"; fi
    done
}}
apply() {{
    for id in $1; do
        echo "Running Changeset: db/changelog/$id.sql::$id::ann smith"
        sql -f "db/changelog/$id.sql" -c "DELETE FROM databasechangelog WHERE id = '$id'" -c "INSERT INTO databasechangelog \
            SELECT '$id', 'ann smith', '/db/changelog/$id.sql', now(), count(*) + 1, 'EXECUTED', 'x' FROM databasechangelog"
    done
}}
case $1 in
status)
    echo "some changesets have not been applied to $PGUSER@jdbc:$url"
    for id in $(pending); do echo "     db/changelog/$id.sql::$id::ann smith"; done ;;
update-count) apply "$(pending | head -n "${{2#--count=}}")" ;;
update) apply "$(pending)" ;;
rollback-count)
    id=$(sql -c "SELECT id FROM databasechangelog ORDER BY orderexecuted DESC LIMIT 1")
    if ! [ -f "db/rollback/$id.sql" ]; then
        echo 'Unexpected error running Liquibase: Liquibase does not support automatic rollback generation for raw sql changes' >&2
        echo 'For more information, please use the --log-level flag' >&2
        exit 1
    fi
    sql -f "db/rollback/$id.sql" -c "DELETE FROM databasechangelog WHERE id = '$id'" ;;
esac
"#,
        psql = psql.display()
    )
}

fn liquibase() -> Project {
    let files = [
        ("liquibase", tool()),
        ("liquibase.properties", "changeLogFile=db/changelog/root.xml\n".to_owned()),
        ("db/changelog/1.sql", "CREATE TABLE users (id bigint PRIMARY KEY);".to_owned()),
        (
            "db/changelog/2.sql",
            "-- runAlways\nCREATE OR REPLACE VIEW all_users AS SELECT id FROM users;".to_owned(),
        ),
        ("db/changelog/3.sql", "ALTER TABLE users ADD COLUMN email text;".to_owned()),
        ("db/changelog/4.sql", "CREATE TABLE keys (id bigint PRIMARY KEY);".to_owned()),
    ];
    let project = project(SETTINGS, &files);
    fs::set_permissions(project.path().join("liquibase"), fs::Permissions::from_mode(0o755)).unwrap();
    project
}

/// The tool's own words, from an empty database to a clean one. What it runs every time hides nothing that comes after it.
#[test]
fn a_story_beside_liquibase() {
    let (project, database) = (liquibase(), support::database());
    compile(&project).exit(0);
    let id = |number: usize| format!("db/changelog/{number}.sql::{number}::ann smith");
    assert_eq!(revisions(&project), (1..5).map(id).collect::<Vec<_>>());
    let lock = fs::read_to_string(project.lock()).unwrap();
    for (number, object) in
        [(1, "public.users"), (2, "public.all_users"), (3, "public.users.email"), (4, "public.keys")]
    {
        let migration = lock.split("{\"migration\"").find(|text| text.contains(&id(number))).unwrap();
        assert!(migration.contains(&format!("\"{object}\"")), "{number}: {migration}");
    }
    let upgrade = project.trueup(["upgrade", "--yes", "--no-backup"], &database);
    upgrade.exit(0).stdout_contains("applied Liquibase db/changelog/4.sql::4::ann smith\n");
    project
        .check(&database)
        .exit(0)
        .stdout_contains("at Liquibase db/changelog/4.sql::4::ann smith, 4 migrations applied");
    database.exec(
        "ALTER TABLE users DROP COLUMN email; DELETE FROM databasechangelog WHERE id = '4'; DROP TABLE keys",
    );
    project
        .check(&database)
        .env("COLUMNS", "250")
        .exit(1)
        .stdout_contains(
            "drift: Liquibase db/changelog/3.sql::3::ann smith created it; it was dropped by hand",
        )
        .stdout_contains("pending: Liquibase db/changelog/4.sql::4::ann smith")
        .stdout_contains("liquibase update")
        .lacks("databasechangelog");
    database.exec("UPDATE databasechangelog SET exectype = 'FAILED' WHERE id = '3'");
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(4).says("liquibase update");
    write(project.path(), &[("db/changelog/4.sql", "SELECT 1;".to_owned())]);
    project.check(&database).exit(3).says("db/changelog/4.sql changed");
}

#[test]
fn a_change_set_that_fails_is_named() {
    let project = liquibase();
    write(project.path(), &[("db/changelog/3.sql", "ALTER TABLE nowhere ADD COLUMN email text;".to_owned())]);
    compile(&project)
        .exit(2)
        .says("db/changelog/3.sql::3::ann smith (db/changelog/3.sql) in a throwaway database failed")
        .says("relation \"nowhere\" does not exist");
}

#[test]
fn init_finds_liquibase() {
    let project = liquibase();
    fs::remove_file(project.path().join("trueup.toml")).unwrap();
    let path = std::env::var("PATH").unwrap();
    project
        .trueup(["init", "--yes", "--name", "shop"], "")
        .env("PATH", format!("{}:{path}", project.path().display()))
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .exit(0)
        .stdout_contains("migrations: liquibase, found by liquibase.properties")
        .stdout_contains("4 migrations compiled");
    let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    assert!(
        settings.contains("tool = \"liquibase\"\ndir = \"db/changelog\"\n# program = [\"liquibase\""),
        "{settings}"
    );
}

#[test]
fn a_project_of_liquibase_becomes_trueups() {
    let (project, database) = (liquibase(), support::database());
    for (id, sql) in [(1, "DROP TABLE users;"), (2, "DROP VIEW all_users;"), (4, "DROP TABLE keys;")] {
        write(project.path(), &[(&format!("db/rollback/{id}.sql"), sql.to_owned())]);
    }
    compile(&project).exit(0);
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    take_over(&project, "liquibase", &[])
        .exit(0)
        .stdout_contains("migrations (4 migrations)")
        .says("no down script: V3__db_changelog_3_sql__3__ann_smith: ")
        .says("Liquibase does not support automatic rollback generation for raw sql changes");
    assert_eq!(scripts(&project).len(), 3);
    let first = text(&project, "V1__db_changelog_1_sql__1__ann_smith.sql");
    assert_eq!(
        first,
        "-- trueup: from liquibase 'db/changelog/1.sql::1::ann smith'\nCREATE TABLE users (id bigint PRIMARY KEY);\n"
    );
    is_trueups(&project);
    project.trueup(["adopt", "--yes"], &database).exit(0);
    project.check(&database).exit(0);
    goes_down_and_up(&project, &[3]);
}
