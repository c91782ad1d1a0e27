//! Sequences that more than one column takes its numbers from.

use super::cases::{printed_sql, shown};
use super::reloaded::compiled;
use crate::support;

/// The old sequence of a column that gets an identity stays while another table takes its numbers from it: dropping it
/// would fail, and take the whole script back. The name that it gets is free in the database, and not declared either.
#[test]
fn a_sequence_that_others_use_is_not_dropped() {
    let database = support::database();
    database.exec(
        "CREATE TABLE gadget (id bigserial PRIMARY KEY);
        CREATE TABLE widget (id bigint DEFAULT nextval('gadget_id_seq') PRIMARY KEY);
        INSERT INTO gadget DEFAULT VALUES; INSERT INTO widget DEFAULT VALUES",
    );
    let project = compiled(
        "CREATE TABLE gadget (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
        CREATE TABLE widget (id bigint DEFAULT nextval('gadget_id_seq') PRIMARY KEY);
        CREATE SEQUENCE gadget_id_seq_old;",
    );
    let script = || printed_sql(&shown(&project, &database)).unwrap_or_default().to_owned();
    let first = script();
    assert!(first.contains("RENAME TO gadget_id_seq_old2") && !first.contains("DROP SEQUENCE"), "{first}");
    database.psql(&first);
    assert_eq!(database.value("SELECT nextval('gadget_id_seq')"), "3");
    // The other column takes its numbers from the declared sequence then, and nothing keeps the old one.
    database.psql(&script());
    let default = "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'widget'::regclass";
    assert_eq!(database.value(default), "nextval('gadget_id_seq'::regclass)");
    database.exec("DROP SEQUENCE gadget_id_seq_old2");
    project.check(database.url()).exit(0);
}
