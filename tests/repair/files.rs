//! F46: a check that is wrong is told with its file, its line and what is wrong, before any row is read or written.

use super::*;

const SCHEMA: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL);
    CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint, tag text UNIQUE, code text NOT NULL, half text NOT NULL,
        lazy text NOT NULL UNIQUE DEFERRABLE, twice bigint GENERATED ALWAYS AS (id * 2) STORED, n int,
        serial bigint GENERATED ALWAYS AS IDENTITY, expr text NOT NULL, plain text NOT NULL);
    CREATE UNIQUE INDEX ON keys (half) WHERE id > 0;
    CREATE UNIQUE INDEX ON keys (lower(expr));
    CREATE VIEW key_list AS SELECT * FROM keys;
    CREATE TABLE ruled (id bigint PRIMARY KEY, v int); CREATE RULE no AS ON UPDATE TO ruled DO INSTEAD NOTHING;
    CREATE TABLE parent (id bigint PRIMARY KEY, v int); CREATE TABLE child () INHERITS (parent);
    INSERT INTO keys (id, code, half, lazy, expr, plain) VALUES (1, 'c', 'h', 'l', 'e', 'p')";

/// A whole check: title, table and key on lines 1 to 3, the query on line 5, the fix on 6 and 7.
fn check(key: &str, find: &str, fix: &str) -> String {
    format!("-- title: t\n-- table: keys\n-- key: {key}\n-- find:\n{find}\n-- fix: f\n{fix}\n")
}

fn by_id(fix: &str) -> String {
    check("id", "SELECT id FROM keys;", fix)
}

fn find(query: &str) -> String {
    check("id", query, "SELECT id, 1::bigint AS user_id FROM keys;")
}

fn key(key: &str) -> String {
    check(key, "SELECT * FROM keys;", "SELECT *, 1 AS one FROM keys;")
}

fn of_table(table: &str) -> String {
    format!(
        "-- title: t\n-- table: {table}\n-- key: id\n-- find:\nSELECT id FROM {table};\n-- fix: f\nSELECT id, 1 AS v FROM {table};\n"
    )
}

#[test]
fn f46_what_is_wrong_with_a_file_is_told() {
    let shop = Shop::with(SCHEMA, &[]);
    // An index whose making failed.
    let mut unlike = Other::at(shop.database.url(), "t");
    unlike.run("INSERT INTO keys (id, code, half, lazy, expr, plain) VALUES (2, 'c', 'h2', 'l2', 'e2', 'p')");
    assert!(shop.database.try_query("CREATE UNIQUE INDEX CONCURRENTLY keys_code ON keys (code)").is_err());
    let state = "SELECT md5(string_agg(concat(xmin, ctid, k), ',' ORDER BY ctid)) || (SELECT count(*) FROM pg_class) FROM keys AS k";
    let before = shop.database.value(state);
    let cases: Vec<(String, usize, &str)> = vec![
        // Its text.
        (find("SELECT id\n  FROM keys\n  WHERE id = ;"), 7, "syntax error"),
        (find("SELECT id FROM keys,;"), 5, "syntax error"),
        (find("SELECT 'é', id\nFROM keys\n\nORDER id;"), 8, "syntax error"),
        (find("SELECT id FROM keys"), 6, "does not end with a semicolon"),
        (find("SELECT 'open FROM keys;"), 5, ""),
        (find("SELECT id FROM (keys;"), 6, "does not end with a semicolon"),
        (find("UPDATE keys SET n = 1;"), 5, "a check only reads"),
        (find("SELECT id FROM keys; SELECT 2;"), 5, "a second query"),
        (find(""), 6, "no query after `-- find:`"),
        (by_id("").replace("-- fix: f\n\n", "-- fix: f\n"), 6, "no query after `-- fix: f`"),
        // Directives.
        (
            by_id("SELECT 1;").replace("-- title:", "-- tilte:"),
            1,
            "unknown directive `tilte`; did you mean `title`?",
        ),
        (
            by_id("SELECT 1;").replace("-- title: t", "-- severity: bad\n-- title: t"),
            1,
            "error, warning or info; found `bad`",
        ),
        (by_id("SELECT 1;").replace("-- title: t", "-- title: t\n-- title: t"), 2, "a second `-- title:`"),
        (by_id("SELECT 1;").replace("-- title: t", "-- title:"), 1, "needs a value"),
        (by_id("SELECT 1;").replace("-- title: t\n", ""), 1, "no `-- title:`"),
        (by_id("SELECT 1;").replace("-- key: id\n", ""), 5, "a fix needs `-- table:` and `-- key:`"),
        (
            by_id("SELECT 1;").replace("-- fix: f", "-- fix: f\n-- action: drop"),
            7,
            "update or delete; found `drop`",
        ),
        (
            by_id("SELECT 1;").replace("-- fix: f", "-- fix: f\n-- at-most: many"),
            7,
            "a number of rows; found `many`",
        ),
        (
            by_id("SELECT 1;").replace("-- fix: f", "-- fix: f\n-- at_most: 5"),
            7,
            "unknown directive `at_most`; did you mean `at-most`?",
        ),
        (
            by_id("SELECT 1;").replace("-- fix: f", "-- fix: f\n-- at-most : many"),
            7,
            "a number of rows; found `many`",
        ),
        (by_id("SELECT 1;").replace("-- find:", "-- at-most: 5\n-- find:"), 4, "belongs between"),
        (by_id("SELECT 1;\n-- show: n"), 8, "belongs above `-- find:`"),
        (by_id("SELECT 1;\n-- fix: f\nSELECT 1;"), 8, "a second fix `f`"),
        (by_id("SELECT 1;").replace("-- fix: f", "-- fix: a/b"), 6, "letters, digits"),
        (by_id("SELECT 1;").replace("-- table: keys", "-- table: a.b.c"), 2, "is a table, as SQL writes it"),
        // What the database does not have.
        (find("SELECT id\nFROM keyz;"), 6, "keyz"),
        (find("SELECT id,\n\n usr FROM keys;"), 7, "usr"),
        (by_id("SELECT 1;").replace("-- table: keys", "-- table: keyz"), 2, "there is no table keyz"),
        (find("SELECT user_id FROM keys;"), 3, "does not return a column id"),
        (find("SELECT id, id FROM keys;"), 3, "returns more than once a column id"),
        (
            find("SELECT id FROM keys;").replace("-- key: id", "-- key: id\n-- show: nme"),
            4,
            "does not return a column nme",
        ),
        // What does not identify a row.
        (key("plain"), 3, "no unique index of public.keys is over exactly (plain); unique are (id)"),
        (key("id, plain"), 3, "no unique index of public.keys is over exactly (id, plain)"),
        (key("tag"), 3, "column tag of public.keys may be NULL"),
        (key("half"), 3, "is partial, or of expressions"),
        (key("expr"), 3, "no unique index"),
        (key("code"), 3, "keys_code of public.keys over (code) is not valid"),
        (key("lazy"), 3, "is not valid, or deferrable"),
        (key("ident").replace("SELECT *", "SELECT 1 AS ident, *"), 3, "public.keys has no column ident"),
        // What a fix returns.
        (by_id("SELECT user_id FROM keys;"), 6, "does not return id, of the key"),
        (by_id("SELECT id FROM keys;"), 6, "no column to set; `-- action: delete`"),
        (by_id("SELECT id, 1 AS email FROM keys;"), 6, "public.keys has no column email"),
        (by_id("SELECT id, 1 AS user_ids FROM keys;"), 6, "did you mean user_id?"),
        (by_id("SELECT id, 2::bigint AS twice FROM keys;"), 6, "column twice of public.keys is generated"),
        (by_id("SELECT id, 2::bigint AS serial FROM keys;"), 6, "column serial of public.keys is generated"),
        (
            by_id("SELECT id, now() AS user_id FROM keys;"),
            6,
            "column user_id of public.keys is of type bigint",
        ),
        (by_id("SELECT now() AS id, 1 AS user_id FROM keys;"), 6, "id, of the key, is of type bigint"),
        (by_id("SELECT id, n, n FROM keys;"), 6, "returns column n twice"),
        (
            by_id("SELECT id, n FROM keys;").replace("-- fix: f", "-- fix: f\n-- action: delete"),
            6,
            "returns the key and nothing else",
        ),
        (by_id("SELECT id,\n m FROM keys;"), 8, "column \"m\" does not exist"),
        // What is no table that rows are changed in.
        (of_table("key_list"), 3, "public.key_list may be NULL"),
        (of_table("ruled"), 6, "has a rule"),
        (of_table("parent"), 6, "tables that inherit from it"),
    ];
    for (text, line, words) in &cases {
        shop.checks(&[("wrong", text)]);
        for args in [&["verify"][..], &["verify", "--fix", "--yes"]] {
            let place = format!("checks/wrong.sql: line {line}: ");
            shop.trueup(args).case(text).exit(2).says([&place, *words]);
        }
    }
    assert_eq!(shop.database.value(state), before);
    println!("F46: {} files", cases.len());
}

/// All of them at once, and as a document.
#[test]
fn f46_every_file_that_is_wrong_is_told() {
    let shop = Shop::with(
        SCHEMA,
        &[
            ("a", "-- title: t\n-- find:\nSELECT 1 FROM nowhere;\n"),
            ("b", "-- title: t\n-- find:\nSELECT 1\nFROM nobody;\n"),
        ],
    );
    shop.verify().exit(2).says(["checks/a.sql: line 3: ", "nowhere", "checks/b.sql: line 4: ", "nobody"]);
    let document = shop.document(&["verify"], 2);
    assert!(document["error"]["what"].to_string().contains("checks/b.sql: line 4"), "{document:#}");
    shop.checks(&[("a", "-- titel: t\n-- find:\nSELECT 1;\n"), ("b", "")]);
    shop.verify().exit(2).says(["checks/a.sql: line 1: unknown directive", "checks/b.sql: line 1: "]);
    fs::write(shop.project.path().join("checks/c.sql"), b"-- title: \xff\n").unwrap();
    shop.verify().exit(2).says("c.sql");
    shop.trueup(["verify", "keyz"]).exit(2);
}

/// How the last query of a file ends makes no difference: it needs no semicolon, and a comment may follow.
#[test]
fn a_query_ends_with_a_semicolon_a_comment_or_nothing() {
    let query = KEYS.trim_end().trim_end_matches(';');
    let (find, _) = query.split_once(";\n-- fix:").unwrap();
    for end in [
        "",
        "\n",
        " -- the end",
        "; -- the end; of it",
        " /* the end */",
        "\n;\n\n-- The end of the file.",
        " ;\r\n",
    ] {
        let shop = Shop::of(7);
        for text in [find, query] {
            shop.checks(&[("keys", &format!("{text}{end}")), ("other", &format!("{find}{end}"))]);
            shop.verify().case(end).exit(1).says("14 rows wrong");
        }
        shop.checks(&[("keys", &format!("{query}{end}"))]);
        shop.trueup(["verify", "--fix", "--dry-run"]).case(end).exit(1).says("7 rows would be repaired");
        shop.fix().case(end).exit(0).says("repaired 7 rows");
        shop.undo_all();
        shop.as_before();
    }
}
