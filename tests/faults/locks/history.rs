//! A history that does not tell the truth any more.

use super::{CHANGE, TABLE, project, upgrade};
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const THIRD: &str = "CREATE TABLE public.more (id int);\n";

/// Two of three migrations are applied.
fn site() -> (Project, TestDatabase) {
    let project = project("", &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE), ("V3__more.sql", THIRD)]);
    let database = support::database();
    upgrade(&project, &database).args(["--to", "2"]).exit(0);
    (project, database)
}

/// Tampers, and expects that the next upgrade is refused with these words and changes nothing.
#[track_caller]
fn refused(tamper: &str, code: i32, words: &[&str]) {
    let (project, database) = site();
    let all = "SELECT version::text || name || checksum FROM public.refinery_schema_history ORDER BY 1";
    database.exec(tamper);
    let before = database.try_query(all).ok();
    let runs = database.value("SELECT count(*) FROM trueup.runs");
    upgrade(&project, &database).exit(code).says(words);
    assert_eq!(database.try_query(all).ok(), before, "{tamper}");
    assert_eq!(database.value("SELECT count(*) FROM trueup.runs"), runs, "no run began");
    assert_eq!(database.value("SELECT to_regclass('public.more') IS NULL"), "t");
}

#[test]
fn f32_a_deleted_row_is_shown_and_refused() {
    // In the middle.
    refused(
        "DELETE FROM public.refinery_schema_history WHERE version = 1",
        4,
        &["V1__items is not applied, but the newer version 2 is"],
    );
    // At the end: what the migration does is there already.
    refused(
        "DELETE FROM public.refinery_schema_history WHERE version = 2",
        4,
        &["public.items.note", "nothing was changed"],
    );
    // All of them.
    refused(
        "DELETE FROM public.refinery_schema_history",
        4,
        &["tables, but no migration history", "trueup adopt"],
    );
    refused("DROP TABLE public.refinery_schema_history", 4, &["trueup adopt"]);
}

#[test]
fn f32_a_changed_checksum_is_shown_and_refused() {
    refused(
        "UPDATE public.refinery_schema_history SET checksum = '12345' WHERE version = 2",
        4,
        &["V2__note", "no further migration is applied"],
    );
    refused(
        "UPDATE public.refinery_schema_history SET checksum = 'no number' WHERE version = 2",
        4,
        &["V2__note"],
    );
}

#[test]
fn f32_a_version_that_stands_there_twice_is_shown_and_refused() {
    refused(
        "ALTER TABLE public.refinery_schema_history DROP CONSTRAINT refinery_schema_history_pkey;
         INSERT INTO public.refinery_schema_history SELECT 2, 'another', applied_on, checksum
         FROM public.refinery_schema_history WHERE version = 2",
        4,
        &["version 2", "more than once"],
    );
    refused(
        "ALTER TABLE public.refinery_schema_history DROP CONSTRAINT refinery_schema_history_pkey;
         INSERT INTO public.refinery_schema_history SELECT * FROM public.refinery_schema_history WHERE version = 2",
        4,
        &["version 2", "more than once"],
    );
}

#[test]
fn f32_a_changed_name_is_shown_and_refused() {
    refused(
        "UPDATE public.refinery_schema_history SET name = 'another' WHERE version = 2",
        4,
        &["V2__note was modified after being applied"],
    );
}

#[test]
fn f32_a_table_that_is_half_made_is_shown_and_refused() {
    for tamper in [
        "ALTER TABLE public.refinery_schema_history DROP COLUMN checksum",
        "ALTER TABLE public.refinery_schema_history RENAME COLUMN applied_on TO applied_at",
        "ALTER TABLE public.refinery_schema_history ALTER COLUMN version TYPE text",
    ] {
        let (project, database) = site();
        database.exec(tamper);
        let words = [
            "refinery_schema_history has the name of refinery's history and is not one",
            "nothing was changed",
        ];
        upgrade(&project, &database).exit(4).says(words);
    }
    let (project, database) = site();
    database.exec("DROP TABLE trueup.steps");
    let words = ["schema trueup that is not as this trueup makes it", "nothing was changed"];
    upgrade(&project, &database).exit(4).says(words);
}

/// The history's table came from a backup, the rest did not: the catalog is ahead of it.
#[test]
fn f32_an_old_history_that_was_restored_is_shown_and_refused() {
    let (project, database) = site();
    database
        .exec("CREATE TABLE public.saved AS SELECT * FROM public.refinery_schema_history WHERE version < 2");
    upgrade(&project, &database).exit(0).says("done: applied 1 migration");
    database.exec(
        "DELETE FROM public.refinery_schema_history;
         INSERT INTO public.refinery_schema_history SELECT * FROM public.saved; DROP TABLE public.saved",
    );
    upgrade(&project, &database).exit(4).says([
        "public.items.note",
        "public.more",
        "nothing was changed",
        "--record-satisfied",
    ]);
    // What is there is proved before it is recorded.
    upgrade(&project, &database).arg("--record-satisfied").exit(0).says("done: applied 2 migrations");
    assert_eq!(super::applied(&database), ["1 items", "2 note", "3 more"]);
}
