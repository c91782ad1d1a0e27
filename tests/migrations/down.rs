//! Down scripts that run outside of a transaction, and down scripts that leave something.

use nix::sys::signal::Signal;

use super::{applied, project, write};
use crate::support::{self, wait_for};

const BASE: (&str, &str) =
    ("migrations/V1__t.sql", "CREATE TYPE st AS ENUM ('a', 'b');\nCREATE TABLE t (id int, s st);\n");
const BASE_DOWN: (&str, &str) = ("migrations/V1__t.down.sql", "DROP TABLE t;\nDROP TYPE st;\n");

#[test]
fn an_index_is_dropped_concurrently() {
    let up = "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (id);\nALTER TABLE t ADD x int;\n";
    let down = "DROP INDEX CONCURRENTLY i;\nALTER TABLE t DROP x;\n";
    let files = [BASE, ("migrations/V2__i.sql", up), ("migrations/V2__i.down.sql", down)];
    let project = project("", &files);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let args = ["downgrade", "--to", "1", "--yes"];
    let advice = ["DROP INDEX CONCURRENTLY cannot run", "-- trueup: no-transaction"];
    project.trueup(args, &database).exit(4).says(advice);
    write(&project, "migrations/V2__i.down.sql", &format!("-- trueup: no-transaction\n{down}"));
    project.trueup(args, &database).exit(0).says("reverted 1 migration");
    assert_eq!(applied(&database), "1");
    assert_eq!(database.value("SELECT to_regclass('i') IS NULL"), "t");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(args, &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
}

/// It goes on with the statement that failed, and nothing is recorded before the result is what it has to be.
#[test]
fn a_down_script_outside_of_a_transaction_is_continued_and_proved() {
    let up = "CREATE INDEX i ON t (id);\nALTER TABLE t ADD x int;\nALTER TABLE t ADD y int;\n";
    let down = "-- trueup: no-transaction\nDROP INDEX CONCURRENTLY i;\nALTER TABLE t DROP x;\nSELECT 1 / (SELECT count(*) FROM t);\n";
    let files = [BASE, ("migrations/V2__i.sql", up), ("migrations/V2__i.down.sql", down)];
    let project = project("", &files);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let args = ["downgrade", "--to", "1", "--yes"];
    project
        .trueup(args, &database)
        .exit(6)
        .says(["V2__i.down.sql: line 4: division by zero", "continues with this one"]);
    assert_eq!(
        (applied(&database), database.value("SELECT to_regclass('i') IS NULL").as_str()),
        ("1 2".into(), "t")
    );
    project.trueup(["status"], &database).exit(1).says("downgrade");
    database.exec("INSERT INTO t VALUES (1, 'a')");
    let left =
        ["column public.t.y is there", "its statements are committed and recorded", "-- trueup: leaves"];
    project.trueup(args, &database).exit(6).says(left);
    assert_eq!(applied(&database), "1 2");
    database.exec("ALTER TABLE t DROP y");
    project.trueup(args, &database).exit(0).says("reverted 1 migration");
    assert_eq!(applied(&database), "1");
    project.trueup(["check", "--fail-on", "drift"], &database).exit(0);
}

#[test]
fn a_down_script_that_was_killed_between_its_statements_is_continued() {
    let down =
        "-- trueup: no-transaction\nDROP INDEX CONCURRENTLY i;\nSELECT pg_sleep(30 * count(*)) FROM t;\n";
    let files =
        [BASE, ("migrations/V2__i.sql", "CREATE INDEX i ON t (id);\n"), ("migrations/V2__i.down.sql", down)];
    let project = project("", &files);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    database.exec("INSERT INTO t VALUES (1, 'a')");
    let args = ["downgrade", "--to", "1", "--yes"];
    let run = project.trueup(args, &database).start();
    let sleeps =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait_for("the second statement", || database.value(sleeps) == "1");
    run.send(Signal::SIGKILL);
    run.ended().killed();
    assert_eq!(
        (applied(&database), database.value("SELECT to_regclass('i') IS NULL").as_str()),
        ("1 2".into(), "t")
    );
    // The server ends what nobody waits for any more.
    database.exec("TRUNCATE t");
    project.trueup(["status"], &database).exit(1).says("downgrade");
    project.trueup(args, &database).exit(0).says("reverted 1 migration");
    assert_eq!(applied(&database), "1");
}

#[test]
fn a_down_script_may_leave_what_a_person_has_accepted() {
    let down = "SELECT 'PostgreSQL drops no label';\n";
    let files = [
        BASE,
        BASE_DOWN,
        ("migrations/V2__c.sql", "ALTER TYPE st ADD VALUE 'c';\n"),
        ("migrations/V2__c.down.sql", down),
        ("migrations/V3__x.sql", "ALTER TABLE t ADD x int;\n"),
        ("migrations/V3__x.down.sql", "ALTER TABLE t DROP x;\n"),
    ];
    let project = project("", &files);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let args = ["downgrade", "--to", "1", "--yes"];
    project.trueup(args, &database).exit(6).says(["enum public.st", "-- trueup: leaves"]);
    assert_eq!(applied(&database), "1 2");
    // Another label than the one that is accepted is none.
    let wrong = format!("-- trueup: leaves enum_value public.st.b\n{down}");
    write(&project, "migrations/V2__c.down.sql", &wrong);
    project.trueup(args, &database).exit(5).says("enum public.st");
    write(
        &project,
        "migrations/V2__c.down.sql",
        &format!("-- trueup: leaves enum_value public.st.c\n{down}"),
    );
    project.trueup(args, &database).exit(0).says("reverted 1 migration");
    assert_eq!(applied(&database), "1");
    let detail = "SELECT detail FROM trueup.steps WHERE action = 'revert' AND version = 2";
    assert_eq!(database.value(detail), "leaves enum_value public.st.c");
    // What is below is not closed.
    project.trueup(["downgrade", "--to", "0", "--yes"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
}

/// Only the label that a person has accepted is in nobody's way; what was changed by hand beside it is.
#[test]
fn another_label_than_the_one_that_is_left_is_drift() {
    let up = "ALTER TYPE st ADD VALUE 'c';\nALTER TYPE st RENAME VALUE 'b' TO 'd';\n";
    let down = "-- trueup: leaves enum_value public.st.c\nALTER TYPE st RENAME VALUE 'd' TO 'b';\n";
    let files = [BASE, BASE_DOWN, ("migrations/V2__c.sql", up), ("migrations/V2__c.down.sql", down)];
    let project = project("", &files);
    // The last one is what the migration does, too.
    for by_hand in [
        "ALTER TYPE st ADD VALUE 'z'",
        "ALTER TYPE st RENAME VALUE 'c' TO 'z'",
        "ALTER TYPE st RENAME VALUE 'b' TO 'd'",
    ] {
        let database = support::database();
        project.trueup(["upgrade", "--yes"], &database).exit(0);
        project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(0);
        database.exec(by_hand);
        project.trueup(["downgrade", "--to", "0", "--yes"], &database).exit(4).says("enum public.st");
        assert_eq!(applied(&database), "1", "{by_hand}");
    }
}

/// With an object stays all that belongs to it, and nothing else.
#[test]
fn a_down_script_may_leave_a_table() {
    let down = "-- trueup: leaves table public.kept\nALTER TABLE t DROP x;\n";
    let up =
        "CREATE TABLE kept (id int PRIMARY KEY);\nCREATE INDEX ON kept (id);\nALTER TABLE t ADD x int;\n";
    let files = [BASE, ("migrations/V2__kept.sql", up), ("migrations/V2__kept.down.sql", down)];
    let project = project("", &files);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let args = ["downgrade", "--to", "1", "--yes"];
    write(&project, "migrations/V2__kept.down.sql", "-- trueup: leaves table public.kept\nSELECT 1;\n");
    project.trueup(args, &database).exit(5).says("column public.t.x is there").lacks("public.kept");
    write(&project, "migrations/V2__kept.down.sql", down);
    project.trueup(args, &database).exit(0);
    assert_eq!(database.value("SELECT to_regclass('kept') IS NOT NULL"), "t");
    write(&project, "migrations/V2__kept.sql", &format!("-- trueup: leaves table public.kept\n{up}"));
    project.trueup(["compile"], &database).exit(2).says("in a down script only");
}
