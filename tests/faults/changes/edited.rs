//! Files that are not as they were when they were applied, and versions that come too late or too early.

use std::fs;

use super::{applied, project, write};
use crate::support;

const FILES: &[(&str, &str)] = &[
    ("V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n"),
    ("V2__note.sql", "-- A note.\nALTER TABLE items ADD COLUMN note text;\n"),
];

#[test]
fn f36_both_texts_of_an_edited_migration_are_shown() {
    let project = project("", FILES);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    write(&project, "V2__note.sql", "-- A note.\nALTER TABLE items ADD COLUMN note varchar(10);\n");
    project.compile();
    let words = [
        "V2__note was modified after being applied",
        "--- as it was applied",
        "-ALTER TABLE items ADD COLUMN note text;",
        "+ALTER TABLE items ADD COLUMN note varchar(10);",
    ];
    project.trueup(["upgrade", "--yes"], &database).exit(4).says(words);
    project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(4).says(words);
    write(&project, "V2__note.sql", "-- Another note.\nALTER TABLE items ADD COLUMN note text;\n");
    project.compile();
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(4)
        .says(["only comments or whitespace", "+-- Another note."]);
}

/// One byte is another file.
#[test]
fn f36_what_means_nothing_is_the_same_file() {
    let project = project("", FILES);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let text = FILES[1].1;
    for (same, spelled) in [
        (true, text.replace('\n', "\r\n")),
        (true, format!("\u{feff}{text}")),
        (true, text.trim_end().to_owned()),
        (true, format!("\u{feff}{}", text.replace('\n', "\r\n").trim_end())),
        (false, text.replace("A note", "a note")),
        (false, text.replace(" text", "  text")),
    ] {
        write(&project, "V2__note.sql", &spelled);
        project.compile();
        let code = if same { 0 } else { 4 };
        project.trueup(["upgrade", "--yes"], &database).exit(code);
        project.trueup(["check"], &database).exit(i32::from(!same));
    }
}

#[test]
fn f37_a_lower_version_that_appears_later_is_told() {
    let project = project("", &[FILES[0], ("V3__tags.sql", "CREATE TABLE tags (id int);\n")]);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    write(&project, FILES[1].0, FILES[1].1);
    project.compile();
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(4)
        .says(["V2__note is not applied", "--allow-out-of-order"]);
    assert_eq!(applied(&database), "1 3");
    project.trueup(["upgrade", "--yes", "--allow-out-of-order"], &database).exit(0).says("V2__note");
    assert_eq!(applied(&database), "1 2 3");
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn f39_an_older_project_has_nothing_to_do() {
    let project = project("", FILES);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    fs::remove_file(project.path().join("migrations/V2__note.sql")).unwrap();
    project.compile();
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(0)
        .says(["ahead of this project: V2__note", "nothing to do"]);
    project
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(4)
        .says("V2__note is applied, but not in this project");
    // What the newer migration did is told apart from what somebody did by hand.
    database.exec("ALTER TABLE items ADD COLUMN by_hand text");
    let document = project.trueup(["check"], &database).document();
    assert_eq!(document["exit_code"], 1, "{document:#}");
    let mut causes: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!("{} {}", finding["object"].as_str().unwrap(), finding["cause"]["kind"].as_str().unwrap())
        })
        .collect();
    causes.retain(|line| line.starts_with("public."));
    causes.sort();
    assert_eq!(causes, ["public.items.by_hand drift", "public.items.note ahead"]);
}

#[test]
fn f42_what_a_migration_leaves_in_the_session_the_next_does_not_see() {
    let messy = "CREATE SCHEMA other;\nSET search_path = other;\nSET lock_timeout = '1ms';\nSET row_security = on;\n\
        CREATE TEMPORARY TABLE items (wrong int);\nPREPARE p AS SELECT 1;\nLISTEN l;\n\
        SET default_transaction_isolation = 'serializable';\nSET default_transaction_read_only = on;\n\
        CREATE TABLE here (id int);\n";
    let seen = "CREATE TABLE seen AS SELECT current_setting('search_path') AS path, current_setting('row_security') AS \
        rows, current_setting('lock_timeout') AS lock,\n (SELECT count(*)::int FROM pg_prepared_statements WHERE name NOT LIKE 'trueup%') AS prepared, \
        current_setting('transaction_isolation') AS isolation, \
        to_regclass('pg_temp.items') IS NULL AS clean;\nALTER TABLE items ADD COLUMN note text;\n";
    let project = project("", &[FILES[0], ("V2__messy.sql", messy), ("V3__seen.sql", seen)]);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(
        database
            .value("SELECT concat_ws('|', path, rows, lock, prepared, isolation, clean) FROM public.seen"),
        "public, pg_temp|off|3s|0|read committed|t"
    );
    assert_eq!(database.value("SELECT to_regclass('other.here') IS NOT NULL"), "t");
    assert_eq!(applied(&database), "1 2 3");
}

/// What trueup has prepared in the session is its own business: a script that takes it away is applied all the same, once.
#[test]
fn f42_a_migration_may_take_away_what_is_prepared() {
    let takes = "CREATE TABLE public.n{n} (id int);\nDO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;\n";
    let files: Vec<(String, String)> =
        (2..=5).map(|n| (format!("V{n}__n{n}.sql"), takes.replace("{n}", &n.to_string()))).collect();
    let files = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str()));
    let project = project("", &[FILES[0]].into_iter().chain(files).collect::<Vec<_>>());
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(applied(&database), "1 2 3 4 5");
    // What is not there, and is the script's, is its error.
    let wrong = "CREATE TABLE public.more (id int);\nDO $$ BEGIN IF current_setting('x.live', true) = 'on' THEN \
        EXECUTE 'EXECUTE nothing'; END IF; END $$;\n";
    let project = self::project("", &[FILES[0], ("V2__wrong.sql", wrong)]);
    let database = support::database();
    database.exec(&format!("ALTER DATABASE {} SET x.live = 'on'", database.name()));
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(6)
        .says(["V2__wrong.sql: line 2", "\"nothing\" does not exist"]);
    assert_eq!(applied(&database), "1");
}
