//! What each tool takes for its migrations, by small directories.

use super::*;

fn set(tool: MigrationTool, files: &[(&str, &str)]) -> Result<ToolMigrations, Failure> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    let source = ToolSource { tool, home: directory.path(), placeholders: &[] };
    read(source, directory.path())
}

/// Revision, name, SQL, down and whether it runs without a transaction, a line each.
fn shown(found: &ToolMigrations) -> Vec<String> {
    let line = |found: &ToolMigration| {
        let down = found.down.as_ref().map_or("-", |(_, down)| down.trim());
        let outside = if found.no_transaction { " alone" } else { "" };
        format!("{} {}: {} / {down}{outside}", found.revision, found.name, found.up.trim())
    };
    found.migrations.iter().map(line).collect()
}

#[test]
fn both_directions_in_one_file() {
    let dbmate = [
        ("20260102030405_a.sql", "-- migrate:up\nselect 1;\n\n-- migrate:down\nselect -1;\n"),
        ("20260103030405_add-b.sql", "-- migrate:up transaction:false\nselect 2;\n-- migrate:down\n"),
        ("notes.txt", "x"),
    ];
    let found = set(MigrationTool::Dbmate, &dbmate).expect("reads");
    assert_eq!(
        shown(&found),
        ["20260102030405 a: select 1; / select -1;", "20260103030405 add_b: select 2; / - alone"]
    );
    assert_eq!(found.migrations[0].up, "\nselect 1;\n\n\n\n", "lines keep their numbers");
    let goose = [
        ("00002_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nselect 2;\n"),
        (
            "00001_a.sql",
            "-- +goose Up\n-- +goose StatementBegin\nselect 1;\n-- +goose StatementEnd\n-- +goose Down\nselect -1;",
        ),
        ("00003_c.go", "package x"),
    ];
    let found = set(MigrationTool::Goose, &goose).expect("reads");
    assert_eq!(shown(&found), ["1 a: select 1; / select -1;", "2 b: select 2; / - alone"]);
    assert!(found.code[0].ends_with("00003_c.go"));
    let other = set(
        MigrationTool::SqlMigrate,
        &[("1-a.sql", "-- +migrate Up notransaction\nselect 1;\n-- +migrate Down\nselect -1;")],
    );
    assert_eq!(shown(&other.expect("reads")), ["1-a.sql a: select 1; / select -1; alone"]);
    let other = set(
        MigrationTool::NodePgMigrate,
        &[("1_a.sql", "-- Up Migration\nselect 1;\n-- Down Migration\nselect -1;")],
    );
    assert_eq!(shown(&other.expect("reads")), ["1_a a: select 1; / select -1;"]);
}

#[test]
fn one_file_for_each_direction() {
    let files = [
        ("000010_b.up.sql", "create index concurrently i on t (a);"),
        ("000002_a b.up.sql", "select 1;"),
        ("000002_a b.down.sql", "select -1;"),
        ("000011_c.down.sql", "select 0;"),
    ];
    let found = set(MigrationTool::GolangMigrate, &files).expect("reads");
    assert_eq!(
        shown(&found),
        ["2 a_b: select 1; / select -1;", "10 b: create index concurrently i on t (a); / - alone"]
    );
    let sqlx = [
        ("1_a.sql", "-- no-transaction\nselect 1;"),
        ("2_b.up.sql", "select 2;"),
        ("2_b.down.sql", "select -2;"),
    ];
    assert_eq!(
        shown(&set(MigrationTool::Sqlx, &sqlx).expect("reads")),
        ["1 a: -- no-transaction\nselect 1; / - alone", "2 b: select 2; / select -2;"]
    );
}

#[test]
fn names_that_the_tool_does_not_take_are_no_migrations() {
    let files = [
        ("1_a.up.sql", "select 1;"),
        ("002_seed.sql", "insert into t values (1);"),
        ("3-b.up.sql", "select 3;"),
        ("3_helper_test.go", "package x"),
    ];
    let found = set(MigrationTool::GolangMigrate, &files).expect("reads");
    assert_eq!(shown(&found), ["1 a: select 1; / -"]);
    assert!(found.code.is_empty(), "{:?}", found.code);
    let sqlx = [("1_a.sql", "select 1;"), ("2b.sql", "select 2;")];
    assert_eq!(shown(&set(MigrationTool::Sqlx, &sqlx).expect("reads")), ["1 a: select 1; / -"]);
    let node = [("1_a.up.sql", "select 1;"), ("1_a.down.sql", "select -1;")];
    assert_eq!(
        shown(&set(MigrationTool::NodePgMigrate, &node).expect("reads")),
        ["1_a.down a_down: select -1; / -", "1_a.up a_up: select 1; / -"],
        "it knows no such names, and runs both"
    );
    let goose = [("1_a.sql", "-- +goose Up\nselect 1;"), ("5-b.sql", "-- +goose Up\nselect 5;")];
    let refused = set(MigrationTool::Goose, &goose).expect_err("as goose does");
    assert!(refused.what.contains("5-b.sql: goose takes"), "{}", refused.what);
    let words = [
        ("2.sql", "-- +migrate Up\nselect 2;"),
        ("10-b.sql", "-- +migrate Up\nselect 10;"),
        ("a.sql", "-- +migrate Up\nselect 11;"),
    ];
    assert_eq!(
        shown(&set(MigrationTool::SqlMigrate, &words).expect("reads")),
        ["2.sql migration: select 2; / -", "10-b.sql b: select 10; / -", "a.sql a: select 11; / -"]
    );
}

#[test]
fn a_directory_for_each() {
    let files =
        [("20260102_init/migration.sql", "select 1;"), ("migration_lock.toml", "provider = \"postgresql\"")];
    assert_eq!(
        shown(&set(MigrationTool::Prisma, &files).expect("reads")),
        ["20260102_init init: select 1; / -"]
    );
    let files = [
        ("2026-01-02-030405_b/up.sql", "select 2;"),
        ("2026-01-02-030405_b/metadata.toml", "run_in_transaction = false"),
        ("00000000000000_a/up.sql", "select 1;"),
        ("00000000000000_a/down.sql", "select -1;"),
    ];
    assert_eq!(
        shown(&set(MigrationTool::Diesel, &files).expect("reads")),
        ["00000000000000 a: select 1; / select -1;", "20260102030405 b: select 2; / - alone"]
    );
}

#[test]
fn flyway_compares_the_parts_of_a_version() {
    let files = [
        ("V1.10__c.sql", "select 3;"),
        ("V1_2__b.sql", "select 2;"),
        ("more/V1__a_b.sql", "select 1;"),
        ("U1_2__b.sql", "select -2;"),
        ("R__views.sql", "select 9;"),
        ("V2__code.java", ""),
    ];
    let found = set(MigrationTool::Flyway, &files).expect("reads");
    assert_eq!(
        shown(&found),
        [
            "1 a_b: select 1; / -",
            "1.2 b: select 2; / select -2;",
            "1.10 c: select 3; / -",
            "R__views views: select 9; / -"
        ]
    );
    assert_eq!(found.code.len(), 1);
    assert!(found.migrations[3].is_repeatable);
    let wrong = [("V1__a.sql", "select '${x}';"), ("V2__b.sql", ""), ("V2.0__c.sql", ""), ("B3__d.sql", "")];
    let failure = set(MigrationTool::Flyway, &wrong).expect_err("wrong");
    for words in [
        "V1__a.sql: line 1: placeholder ${x}: it has no value",
        "V2__b.sql: the version of ",
        "B3__d.sql: a baseline",
    ] {
        assert!(failure.what.contains(words), "{words}: {}", failure.what);
    }
}

#[test]
fn flyways_settings_say_how_a_migration_runs() {
    let files = [
        ("flyway.conf", "flyway.executeInTransaction=false\nflyway.schemas=app\nflyway.placeholders.a=1\n"),
        ("V1__a.sql", "select ${a};"),
        ("V2__b.sql", "select '${b}';"),
        ("V2__b.sql.conf", "placeholderReplacement=false\nexecuteInTransaction = true\n"),
        ("V3__c.sql", "select 3;"),
        ("V3__c.sql.conf", "# executeInTransaction=true\n"),
        ("U3__c.sql", "select -${a};"),
    ];
    let found = set(MigrationTool::Flyway, &files).expect("reads");
    assert_eq!(
        shown(&found),
        [
            "1 a: CREATE SCHEMA IF NOT EXISTS app; select 1; / - alone",
            "2 b: select '${b}'; / -",
            "3 c: select 3; / select -1; alone"
        ]
    );
    assert_eq!(found.replaced_in.len(), 2, "{:?}", found.replaced_in);
    assert_eq!(found.placeholders.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "1".to_owned())]);
}

#[test]
fn sqitch_runs_the_changes_of_its_plan() {
    let files = [
        (
            "sqitch.plan",
            "%project=x\n\nusers 2026-01-01T00:00:00Z A <a@b> # first\n@v1 2026-01-02T00:00:00Z A <a@b>\nusers [users@v1] 2026-01-03T00:00:00Z A <a@b>\n",
        ),
        ("deploy/users@v1.sql", "select 1;"),
        ("deploy/users.sql", "select 2;"),
        ("revert/users.sql", "select -2;"),
    ];
    let found = set(MigrationTool::Sqitch, &files).expect("reads");
    assert_eq!(shown(&found), ["users users: select 1; / -", "users users: select 2; / select -2;"]);
    let failure = set(MigrationTool::Sqitch, &[("sqitch.plan", "users x\n")]).expect_err("no script");
    assert!(failure.what.contains("deploy/users.sql"), "{}", failure.what);
}

#[test]
fn wrong_files_are_told_at_once() {
    let files = [
        ("1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\nselect ${X};"),
        ("2_b.sql", "select 1;"),
        ("3_c.sql", "-- +goose Up\nselect 1;\n-- +goose Up\nselect 2;"),
    ];
    let failure = set(MigrationTool::Goose, &files).expect_err("wrong");
    for words in
        ["1_a.sql: line 2: values of environment", "2_b.sql: there is no marker", "3_c.sql: line 3: a second"]
    {
        assert!(failure.what.contains(words), "{words}: {}", failure.what);
    }
    assert!(set(MigrationTool::Goose, &[("1_a.go", "")]).expect_err("code").next.contains("is code"));
    assert!(set(MigrationTool::Sqlx, &[]).expect_err("nothing").what.contains("no migration of sqlx"));
}
