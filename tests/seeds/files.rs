//! F46: whatever is wrong with a file is told, with the file, the line and what was expected, before anything is written.

use super::*;

const SCHEMA: &str = "CREATE DOMAIN public.small AS int CHECK (VALUE < 10);
    CREATE TABLE public.teams (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL, name varchar(5), tags text[], doc json,
        size public.small, key uuid, born date, twice text GENERATED ALWAYS AS (code || code) STORED, late text,
        CONSTRAINT teams_late UNIQUE (late) DEFERRABLE
    );
    CREATE UNIQUE INDEX teams_code ON public.teams (code);
    CREATE UNIQUE INDEX teams_some ON public.teams (name) WHERE name IS NOT NULL;
    CREATE VIEW public.team_names AS SELECT name FROM public.teams;";

/// A file of one row, and another line.
fn with(line: &str) -> String {
    format!("table = \"teams\"\nkey = [\"code\"]\n[[rows]]\ncode = \"a\"\n{line}\n")
}

#[test]
fn f46_what_is_wrong_with_a_file_is_told_before_anything_is_written() {
    let (project, database) = site_of(SCHEMA, &[]);
    let key = |key: &str| with("name = \"x\"").replace("[\"code\"]", key);
    let long = "x = 1\n".repeat(3) + "= 1";
    let cases: Vec<(String, &str)> = vec![
        ("table = teams".into(), "teams.toml:1: "),
        (long, "teams.toml:2: "),
        ("".into(), "teams.toml:1: table: expected the table's name, found nothing"),
        (
            "table = \"teams\"\n".into(),
            "teams.toml:1: key: expected a list of the columns that identify a row",
        ),
        ("table = \"teams\"\nkey = [\"code\"]\n".into(), "teams.toml:1: rows: expected [[rows]], or csv"),
        ("table = \"teams\"\nkey = [\"code\"]\nrows = 1\n".into(), "teams.toml:3: rows: expected [[rows]]"),
        ("table = 3\nkey = [\"code\"]\n".into(), "teams.toml:1: table: expected a string"),
        (
            "table = \"teams\"\nkey = \"code\"\n".into(),
            "teams.toml:2: key: expected a list of strings, found a string",
        ),
        (format!("tabel = \"teams\"\n{}", with("")), "teams.toml:1: unknown key \"tabel\""),
        (format!("mod = \"insert\"\n{}", with("")), "did you mean \"mode\"?"),
        (
            format!("mode = \"merge\"\n{}", with("")),
            "teams.toml:1: mode: expected \"upsert\" or \"insert\", found \"merge\"",
        ),
        (format!("on_change = 1\n{}", with("")), "teams.toml:1: on_change: expected a table of columns"),
        (
            format!("on_change = {{ code = 1 }}\n{}", with("")),
            "teams.toml:1: on_change: code is a column of the key",
        ),
        (
            format!("on_change = {{ tags = [1] }}\n{}", with("")),
            "teams.toml:1: on_change: tags: expected a plain value or an expression",
        ),
        (with("name = { sql = 1 }"), "teams.toml:5: name: sql: expected one expression as a string"),
        (
            with("name = { sql = \"now()); COMMIT; create table pwned(); --\" }"),
            "teams.toml:5: name: sql: expected one expression",
        ),
        (with("name = { sql = \"'a\" }"), "teams.toml:5: name: sql: expected one expression"),
        (with("tags = [{ sql = \"now()\" }]"), "teams.toml:5: tags: an expression must stand alone"),
        (
            with("nmae = \"x\""),
            "teams.toml:5: nmae: public.teams has no such column\nnext: did you mean \"name\"?",
        ),
        (with("\n\nid = 1"), "teams.toml:7: id: is an identity column (GENERATED ALWAYS)"),
        (with("twice = \"x\""), "teams.toml:5: twice: is computed from other columns"),
        (with("name = \"abcdef\""), "teams.toml:5: name: value too long for type character varying(5)"),
        (with("key = \"zzz\""), "teams.toml:5: key: invalid input syntax for type uuid: \"zzz\""),
        (with("size = 10"), "teams.toml:5: size: value for domain public.small violates check constraint"),
        (with("born = 2024-02-30"), "teams.toml:5: "),
        (with("born = \"2024-02-30\""), "teams.toml:5: born: date/time field value out of range"),
        (with("tags = 1"), "teams.toml:5: tags: expected JSON array"),
        (with("doc = \"{a}\""), "teams.toml:5: doc: is not JSON"),
        (with("[[rows]]\nname = \"b\""), "teams.toml:5: code: a column of the key, which this row lacks"),
        (with("[[rows]]\ncode = { sql = \"'b'\" }"), "teams.toml:6: code: expected a plain value"),
        (
            with("[[rows]]\ncode = { sql = \"NULL\" }"),
            "teams.toml:6: code: expected a plain value, because the key identifies the row; found NULL",
        ),
        (
            with("[[rows]]\n\ncode = \"a\""),
            "teams.toml:5: the same code as the row at schema/seeds/teams.toml:3",
        ),
        (key("[\"name\"]"), "teams.toml:2: key: expected the columns of a unique index"),
        (
            with("late = \"x\"").replace("[\"code\"]", "[\"late\"]"),
            "teams.toml:2: key: expected the columns of a unique index",
        ),
        (key("[\"code\", \"name\"]"), "has unique indexes over (id), (code)"),
        (
            with("").replace("\"teams\"", "\"team\""),
            "teams.toml:1: table: this database has no table team\nnext: did you mean",
        ),
        (
            with("").replace("\"teams\"", "\"public.team_names\""),
            "teams.toml:1: table: expected a table, and public.team_names is a view",
        ),
        (with("").replace("\"teams\"", "\"a.b.c\""), "teams.toml:1: table: \"a.b.c\" is not a table name"),
        (
            format!("csv = \"../x.csv\"\n{}", with("")),
            "teams.toml:1: csv: expected the name of a file in the same directory",
        ),
        (format!("csv = \"none.csv\"\n{}", with("")), "teams.toml:1: csv: "),
        (
            format!("csv = \"bad.csv\"\n{}", with("")),
            "bad.csv:3: expected 2 fields, as the header has; found 1",
        ),
        (
            format!("csv = \"type.csv\"\n{}", with("")),
            "type.csv:4: key: invalid input syntax for type uuid: \"x\"",
        ),
        (
            format!("csv = \"lines.csv\"\n{}", with("")),
            "lines.csv:3: key: invalid input syntax for type uuid: \"x\"",
        ),
        (
            format!("csv = \"open.csv\"\n{}", with("")),
            "open.csv:3: expected the quote that closes a field which begins here; found the end of the file",
        ),
        (
            format!("csv = \"after.csv\"\n{}", with("")),
            "after.csv:2: expected a comma or the end of the line after the quote that closes the field",
        ),
        (format!("csv = \"inside.csv\"\n{}", with("")), "inside.csv:2: expected quotes around a whole field"),
    ];
    write(&project, &[("bad.csv", "code,name\nb,c\nd\n"), ("type.csv", "code,key\nb,\nc,\nd,x\ne,\n")]);
    write(
        &project,
        &[
            ("lines.csv", "code,key\r\nb,\r\nc,x\r\nd,\r\n"),
            ("open.csv", "code,name\nb,c\nd,\"$\ne,f\n"),
            ("after.csv", "code,name\nb,\"c\" x\n"),
            ("inside.csv", "code,name\nb,c\"d\n"),
        ],
    );
    for (text, words) in cases {
        write(&project, &[("teams.toml", &text)]);
        for args in [&["--yes"][..], &["--check"], &["--sql"]] {
            ask(&project, &database, args).case(&text).exit(2).says("schema/seeds/").says(words);
        }
    }
    assert_eq!(database.value("SELECT count(*) FROM teams"), "0");
    assert_eq!(database.value("SELECT concat(to_regclass('pwned'), to_regnamespace('trueup'))"), "");
    // A file that cannot be read, and one of a table that another has.
    fs::write(project.path().join("schema/seeds/teams.toml"), b"table = \"\xff\"").unwrap();
    ask(&project, &database, &["--check"]).exit(2).says("teams.toml: line 1: not UTF-8");
    write(
        &project,
        &[("teams.toml", &with("")), ("teams2.toml", &with("").replace("teams", "public.teams"))],
    );
    ask(&project, &database, &["--check"])
        .exit(2)
        .says("teams2.toml:1: table: the rows of public.teams are declared in schema/seeds/teams.toml, too");
}

#[test]
fn f46_one_key_in_two_spellings_is_one_row() {
    let rows = with("").replace("[\"code\"]", "[\"key\"]").replace(
        "code = \"a\"",
        "code = \"a\"\nkey = \"6F1C2A34-0000-4000-8000-00000000000A\"\n[[rows]]\ncode = \"b\"\nkey = \"6f1c2a34-0000-4000-8000-00000000000a\"",
    );
    let schema = format!("{SCHEMA}CREATE UNIQUE INDEX teams_key ON public.teams (key);");
    let (project, database) = site_of(&schema, &[("teams.toml", &rows)]);
    seed(&project, &database, &[]).exit(2).says(["teams.toml:", "another row of the file has the same key"]);
    project.compile();
    let words = ["teams.toml:", "another row of the file has the same key"];
    project.check(&database).exit(2).says(words);
    assert_eq!(database.value("SELECT count(*) FROM teams"), "0");
}

#[test]
fn f46_an_expression_cannot_leave_its_place() {
    for sql in [
        "now()); COMMIT; create table pwned(); --",
        "1) ON CONFLICT DO NOTHING; DROP TABLE teams; --",
        "1 -- \n) ; create table pwned(); (",
        "$$a$$); create table pwned(); --",
        "E'\\\\'); create table pwned(); --'",
        "1 /* ) */), (2",
        "(SELECT 1",
    ] {
        let (project, database) = site_of(SCHEMA, &[]);
        let text = with(&format!("name = {{ sql = {} }}", serde_json::Value::from(sql)));
        write(&project, &[("teams.toml", &text)]);
        seed(&project, &database, &[]).case(sql).exit_in(&[2, 5]);
        assert_eq!(
            database.value("SELECT concat(to_regclass('pwned'), (SELECT count(*) FROM teams))"),
            "0",
            "{sql}"
        );
    }
    // What a function of it does ends with the transaction, and what the server refuses is told.
    let (project, database) = site_of(SCHEMA, &[]);
    write(&project, &[("teams.toml", &with("name = { sql = \"nonsense()\" }"))]);
    seed(&project, &database, &[]).exit(5).says(["function nonsense() does not exist", "rolled back"]);
    assert_eq!(database.value("SELECT to_regnamespace('trueup') IS NULL"), "t", "the database is as it was");
}
