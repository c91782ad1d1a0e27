//! What a script is taken to be before it runs.

use super::*;

fn examined(sql: &str) -> (Vec<String>, Vec<String>) {
    let path = Path::new("V1__x.sql");
    let directives = Directives::read(path, sql).expect("directives");
    let found = Examination::of(path, sql, &directives);
    (
        found.statements.iter().map(|examined| examined.statement.text.to_owned()).collect(),
        found.refused.into_iter().map(|failure| failure.what).collect(),
    )
}

#[test]
fn one_transaction_around_a_whole_file_is_that_of_the_migration() {
    for (sql, statements) in [
        (
            "BEGIN;\n\n-- Running upgrade  -> 1a\n\ncreate table t ();\n\nCOMMIT;\n",
            &["create table t ()"][..],
        ),
        ("begin work; select 1; select 2; end transaction", &["select 1", "select 2"]),
        ("START TRANSACTION; select 1; COMMIT WORK;", &["select 1"]),
        ("BEGIN;\n--\n-- Raw Python operation\n--\nCOMMIT;\n", &[]),
        ("begin; end", &[]),
        ("-- nothing to do\n", &[]),
    ] {
        assert_eq!(
            examined(sql),
            (statements.iter().map(ToString::to_string).collect(), Vec::new()),
            "{sql}"
        );
    }
    for (sql, count) in [
        ("begin; select 1; commit; select 2", 2),
        ("begin; select 1; commit; begin; select 2; commit", 2),
        ("begin isolation level serializable; select 1; commit", 2),
        ("begin; select 1; commit and chain", 2),
        ("begin; select 1; rollback", 2),
        ("begin", 1),
        ("-- trueup: no-transaction\nbegin; vacuum; commit", 2),
    ] {
        assert_eq!(examined(sql).1.len(), count, "{sql}: {:?}", examined(sql).1);
    }
}

#[test]
fn all_refusals_of_a_file_are_told() {
    let sql =
        "set role a;\nselect 1;\n\\echo x\ncreate index concurrently i on t (x);\n-- migrate:down\ncommit;\n";
    let lines: Vec<_> =
        examined(sql).1.iter().map(|what| what.split(": ").nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(lines, ["line 1", "line 3", "line 4", "line 5", "line 6"]);
}
