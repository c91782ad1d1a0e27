//! Roles that may little, and `[database] set_role`.

use std::fs;

use super::{CHANGE, TABLE, applied, project, untouched, upgrade};
use crate::support;

/// trueup's schema cannot be made: what to grant is said, and nothing is there afterwards.
#[test]
fn f28_a_role_that_may_not_make_the_schema_gets_the_remedy() {
    let project = project("", &[("V1__items.sql", TABLE)]);
    let database = support::database();
    database.exec("CREATE ROLE \"f28 poor\" LOGIN; GRANT CREATE ON SCHEMA public TO \"f28 poor\"");
    let url = database.url_as("f28 poor");
    let grant = format!("GRANT CREATE ON DATABASE {} TO \"f28 poor\"", database.name());
    upgrade(&project, &url)
        .exit(4)
        .says(&grant)
        .says(["the role \"f28 poor\" may not create schema trueup", "nothing was changed"]);
    untouched(&database);
    // As it says.
    database.exec(&grant);
    upgrade(&project, &url).exit(0).says("done: applied 1 migration");
    database.exec("DROP OWNED BY \"f28 poor\"; DROP ROLE \"f28 poor\"");
}

/// A downgrade deletes the row of the migration: without that right the down script must not begin, least of all one whose
/// statements commit by themselves.
#[test]
fn f28_a_downgrade_asks_for_the_right_that_it_needs() {
    let row = "INSERT INTO public.items VALUES (200, 'item 200');\n";
    let project = project("", &[("V1__items.sql", TABLE), ("V2__row.sql", row)]);
    let down = "-- trueup: no-transaction\nSELECT 1;\nSELECT 2;\n";
    fs::write(project.path().join("migrations/V2__row.down.sql"), down).unwrap();
    let database = support::database();
    upgrade(&project, &database).exit(0);
    database.exec(&format!(
        "CREATE ROLE f28_down LOGIN; GRANT CREATE ON SCHEMA public TO f28_down;
         GRANT CREATE ON DATABASE {} TO f28_down; GRANT USAGE ON SCHEMA trueup TO f28_down;
         GRANT ALL ON ALL TABLES IN SCHEMA trueup TO f28_down; GRANT ALL ON ALL SEQUENCES IN SCHEMA trueup TO f28_down;
         GRANT SELECT, INSERT ON public.refinery_schema_history TO f28_down",
        database.name()
    ));
    let url = database.url_as("f28_down");
    let downgrade = || project.trueup(["downgrade", "--to", "1", "--yes"], &url);
    downgrade().exit(4).says([
        "the role f28_down may not write to the history table public.refinery_schema_history",
        "GRANT DELETE ON public.refinery_schema_history TO f28_down;",
        "nothing was changed",
    ]);
    assert_eq!(applied(&database), ["1 items", "2 row"]);
    // The right to insert is not needed.
    database.exec(
        "REVOKE INSERT ON public.refinery_schema_history FROM f28_down; \
         GRANT DELETE ON public.refinery_schema_history TO f28_down",
    );
    downgrade().exit(0).says("reverted 1 migration");
    assert_eq!(applied(&database), ["1 items"]);
    upgrade(&project, &url).exit(4).says("GRANT INSERT ON public.refinery_schema_history TO f28_down;");
    database.exec("DROP OWNED BY f28_down; DROP ROLE f28_down");
}

/// The role that logs in inherits nothing: whatever is done or asked in another role's right would fail.
#[test]
fn f28_set_role_is_honoured() {
    let database = support::database();
    let project = project(
        "[database]\nset_role = \"f28 owner\"\n",
        &[
            ("V1__items.sql", TABLE),
            ("V2__note.sql", CHANGE),
            (
                "V3__index.sql",
                "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY items_name_idx ON public.items (name);\n",
            ),
        ],
    );
    database.exec(&format!(
        "CREATE ROLE \"f28 owner\"; CREATE ROLE f28_login LOGIN NOINHERIT;
         GRANT CREATE ON DATABASE {} TO \"f28 owner\"; GRANT CREATE ON SCHEMA public TO \"f28 owner\"",
        database.name()
    ));
    let url = database.url_as("f28_login");
    upgrade(&project, &url).exit(4).says([
        "[database] set_role \"f28 owner\" cannot be taken: permission denied to set role",
        "GRANT \"f28 owner\" TO f28_login",
    ]);
    untouched(&database);
    database.exec("GRANT \"f28 owner\" TO f28_login");
    upgrade(&project, &url).args(["--to", "1"]).exit(0).says("done: applied 1 migration");
    // The second time the mark is there and read.
    upgrade(&project, &url).exit(0).says("done: applied 2 migrations");
    upgrade(&project, &url).exit(0).says("nothing to do");
    assert_eq!(applied(&database), ["1 items", "2 note", "3 index"]);
    let owners = database.query(
        "SELECT DISTINCT pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('public', 'trueup')
         UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'trueup'",
    );
    assert_eq!(owners, [[Some("f28 owner".to_owned())]]);
    // The audit log knows who it was all the same.
    assert_eq!(database.value("SELECT string_agg(DISTINCT role, ',') FROM trueup.runs"), "f28_login");
    database.exec("DROP OWNED BY \"f28 owner\", f28_login; DROP ROLE f28_login, \"f28 owner\"");
}

#[test]
fn f28_a_role_that_is_not_there_is_refused() {
    let project = project("[database]\nset_role = \"nobody_is_called_so\"\n", &[("V1__items.sql", TABLE)]);
    let database = support::database();
    upgrade(&project, &database).exit(4).says([
        "set_role \"nobody_is_called_so\" cannot be taken",
        "does not exist",
        "name another role",
    ]);
    untouched(&database);
}
