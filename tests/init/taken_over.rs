//! The migrations of another tool become trueup's.

use super::{application, read, trueup};
use crate::support;

/// Names, versions and markers that stood in the way of public sets of migrations.
const DBMATE: &[(&str, &str)] = &[
    (
        "db/migrations/20191231235959_users.sql",
        "-- migrate:up\nCREATE TABLE users (id bigint PRIMARY KEY);\n\n-- migrate:down\nDROP TABLE users;\n",
    ),
    (
        "db/migrations/20200101_add-e.mail of users.sql",
        "-- migrate:up\nALTER TABLE users ADD COLUMN email text;\n-- migrate:down\n",
    ),
    (
        "db/migrations/20200102030405_index.sql",
        "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY users_email ON users (email);\n-- migrate:down\nDROP INDEX CONCURRENTLY users_email;\n",
    ),
    ("db/migrations/20200103030405_nothing.sql", "-- migrate:up\n\n-- migrate:down\n"),
];

#[test]
fn they_are_converted_proved_and_adopted() {
    let (application, database) = (application(DBMATE), support::database());
    trueup(
        &application,
        &["init", "--from", "dbmate", "--take-over", "--yes", "--name", "shop"],
        Some(&database),
    )
    .exit(0)
    .stdout_contains("migrations (4 migrations)")
    .stdout_contains("20200101 is V20200101000000__add_e_mail_of_users")
    .stdout_contains("trueup adopt");
    assert_eq!(
        read(&application, "migrations/V20191231235959__users.sql"),
        "-- trueup: from dbmate 20191231235959\nCREATE TABLE users (id bigint PRIMARY KEY);\n"
    );
    assert_eq!(
        read(&application, "migrations/V20200102030405__index.down.sql"),
        "-- trueup: no-transaction\nDROP INDEX CONCURRENTLY users_email;\n"
    );
    assert!(read(&application, "migrations/V20200103030405__nothing.sql").contains("\n-- Nothing to do"));
    database.exec(
        "CREATE TABLE users (id bigint PRIMARY KEY); ALTER TABLE users ADD COLUMN email text;
         CREATE INDEX users_email ON users (email);
         CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
         INSERT INTO schema_migrations VALUES ('20191231235959'), ('20200101'), ('20200102030405'), ('20200103030405')",
    );
    trueup(&application, &["adopt", "--yes"], Some(&database)).exit(0);
    trueup(&application, &["check"], Some(&database)).exit(0);
    trueup(&application, &["compile", "--check"], None).exit(0);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_when_it_is_refused() {
    let application = application(DBMATE);
    super::write(application.path(), &[("migrations/V1__own.sql", "SELECT 1;")]);
    let take_over = ["init", "--from", "dbmate", "--take-over", "--yes"];
    trueup(&application, &take_over, None).exit(2).says("migrations is there already");
    let broken = super::application(&[
        ("migrations/1_a.up.sql", "CREATE TABLE a (id int);"),
        ("migrations/2_b.up.sql", "SET ROLE NONE; CREATE TABLE b (id int);"),
    ]);
    trueup(&broken, &["init", "--from", "golang-migrate", "--take-over", "--yes"], None)
        .exit(2)
        .says("trueup-migrations/V2__b.sql: line 2");
    let left: Vec<_> =
        std::fs::read_dir(broken.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["migrations"], "neither a temporary folder nor settings");
}

#[test]
fn a_value_of_the_moment_in_a_definition_is_told_and_no_difference() {
    let files =
        [("migrations/1_a.sql", "CREATE TABLE a (id int); CREATE VIEW v AS SELECT TIMESTAMP 'now' AS at;")];
    let application = application(&files);
    trueup(&application, &["init", "--from", "sqlx", "--take-over", "--yes"], None)
        .exit(0)
        .stdout_contains("build something else every time")
        .stdout_contains("V1__a");
}

#[test]
fn settings_that_are_there_stay_as_they_are() {
    let application = application(DBMATE);
    trueup(&application, &["init", "--yes", "--name", "shop"], None).exit(0);
    let before = read(&application, "trueup.toml");
    trueup(&application, &["init", "--from", "dbmate", "--take-over", "--yes"], None)
        .exit(0)
        .stdout_contains("remove `tool`, and set dir = \"migrations\"");
    assert_eq!(read(&application, "trueup.toml"), before);
}

#[test]
fn repeatable_and_dotted_ones_of_flyway_get_whole_numbers() {
    let application = application(&[
        ("flyway.conf", ""),
        ("sql/V1__a.sql", "CREATE TABLE a (id int);"),
        ("sql/V1.2__b.sql", "CREATE TABLE b (id int);"),
        ("sql/U1.2__b.sql", "DROP TABLE b;"),
        ("sql/R__views.sql", "CREATE OR REPLACE VIEW v AS SELECT id FROM a;"),
    ]);
    trueup(&application, &["init", "--from", "flyway", "--take-over", "--yes"], None)
        .exit(0)
        .stdout_contains("1.2 is V102__b")
        .stdout_contains("repeatable in flyway, and placed last");
    assert_eq!(read(&application, "migrations/V102__b.down.sql"), "DROP TABLE b;\n");
    assert!(read(&application, "migrations/V103__views.sql").contains("\nCREATE OR REPLACE VIEW"));
    let first = read(&application, "migrations/V103__views.sql");
    assert!(first.starts_with("-- trueup: from flyway R__views "), "{first}");
}
