//! Values of every type, rows from CSV files, and names that are not what names should be.

use super::*;

#[test]
fn values_of_every_type_are_made_as_declared_and_are_the_same_the_second_time() {
    let schema = "CREATE TYPE public.mood AS ENUM ('calm', 'wild');
        CREATE TYPE public.pair AS (a int, b text);
        CREATE DOMAIN public.percent AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100);
        CREATE TABLE public.kinds (
            id int4, region public.mood, PRIMARY KEY (id, region),
            small int2, big int8, exact numeric(12,2), free numeric, single float4, double float8, flag boolean,
            fixed char(5), short varchar(8), bytes bytea, day date, clock time, moment timestamptz, wall timestamp,
            span interval, address inet, plain json, document jsonb, place point, share public.percent,
            words text[], grid int[], duo public.pair, range int4range, money money, doc xml, id2 uuid, bits bit(3)
        );";
    let rows = r#"
table = "public.kinds"
key = ["id", "region"]
[[rows]]
id = 1
region = "wild"
small = -3
big = 9223372036854775807
exact = 12.345
free = 1.10
single = 0.1
double = -inf
flag = true
fixed = "ab"
short = "emoji 🎈"
bytes = "\\xdeadbeef"
day = 2024-02-29
clock = 23:59:59.5
moment = 2024-03-01T12:00:00+02:00
wall = 2024-03-01T12:00:00
span = "1 year 2 days"
address = "10.0.0.0/8"
plain = '{"b":1,  "a":[1,2]}'
document = { b = 1, a = [true, { sql = "NULL" }, "x"] }
place = "(1,2)"
share = 99.5
words = ["a\"b", "", "NULL", { sql = "NULL" }]
grid = [[1, 2], [3, 4]]
duo = { a = 7, b = "x,y" }
range = "[1,5)"
money = "12.30"
doc = "<a>é</a>"
id2 = "6F1C2A34-0000-4000-8000-00000000000A"
bits = "101"
[[rows]]
id = 2
region = "calm"
double = nan
exact = { sql = "NULL" }
words = "{x,y}"
document = "[1, 2]"
[[rows]]
id = 3
region = "calm"
short = { sql = "upper('x')" }
big = { sql = "1 + 1" }
"#;
    let (project, database) = site_of(schema, &[("kinds.toml", rows)]);
    seed(&project, &database, &[]).exit(0).says("inserted 3 rows");
    settled(&project, &database, "kinds");
    let value = |column: &str| database.value(&format!("SELECT {column}::text FROM kinds WHERE id = 1"));
    assert_eq!(value("exact"), "12.35");
    assert_eq!(value("free"), "1.10");
    assert_eq!(value("plain"), "{\"b\":1,  \"a\":[1,2]}", "json stays as it is written");
    assert_eq!(value("document"), r#"{"a": [true, null, "x"], "b": 1}"#);
    assert_eq!(value("words"), r#"{"a\"b","","NULL",NULL}"#);
    assert_eq!(value("grid"), "{{1,2},{3,4}}");
    assert_eq!(value("duo"), "(7,\"x,y\")");
    assert_eq!(value("short"), "emoji 🎈");
    assert_eq!(value("bytes"), "\\xdeadbeef");
    assert_eq!(database.value("SELECT document::text || words::text FROM kinds WHERE id = 2"), "[1, 2]{x,y}");
    assert_eq!(database.value("SELECT short || big FROM kinds WHERE id = 3"), "X2");
    // Whatever its type, a change of a declared column is seen, and an edit told from it.
    for (column, edit) in [
        ("plain", "'{}'"),
        ("place", "'(2,1)'"),
        ("double", "1"),
        ("doc", "'<b/>'"),
        ("money", "'1'"),
        ("duo", "ROW(7, 'x')"),
        ("grid", "'[2:3][1:2]={{1,2},{3,4}}'"),
        ("fixed", "'abc'"),
        ("flag", "NULL"),
    ] {
        database.exec(&format!("UPDATE kinds SET {column} = {edit} WHERE id = 1"));
        ask(&project, &database, &["--check"]).exit(1).says(["1 changed by hand", column]);
        seed(&project, &database, &["--overwrite"]).exit(0).says("updated 1");
        settled(&project, &database, "kinds");
    }
}

#[test]
fn a_session_of_other_settings_says_nothing_else() {
    let schema = "CREATE TABLE public.k (id int PRIMARY KEY, at timestamptz, f float8, span interval, b bytea, d date);";
    let rows = "table = \"k\"\nkey = [\"id\"]\n[[rows]]\nid = 1\nat = 2024-03-01T12:00:00Z\nf = 0.1\nspan = \"1 day 2 hours\"\n\
        b = \"\\\\x00ff\"\nd = 2024-03-04\n";
    let (project, database) = site_of(schema, &[("k.toml", rows)]);
    seed(&project, &database, &[]).exit(0);
    for setting in [
        "TimeZone = 'Asia/Tokyo'",
        "DateStyle = 'German'",
        "IntervalStyle = 'iso_8601'",
        "extra_float_digits = -3",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
        "backslash_quote = on",
    ] {
        database.exec(&format!("ALTER DATABASE {} SET {setting}", database.name()));
    }
    settled(&project, &database, "k");
    let other = rows.replace("2024-03-04", "2024-04-03").replace("x00ff", "x00fe");
    write(&project, &[("k.toml", &other)]);
    seed(&project, &database, &[]).exit(0).says("updated 1");
    settled(&project, &database, "k");
    assert_eq!(database.value("SELECT to_char(d, 'YYYY-MM-DD') || get_byte(b, 1) FROM k"), "2024-04-03254");
}

#[test]
fn ten_thousand_rows_of_a_csv_file() {
    let schema =
        "CREATE TABLE public.currencies (code text PRIMARY KEY, name text NOT NULL, digits int, note text);";
    let toml = "table = \"currencies\"\nkey = [\"code\"]\ncsv = \"currencies.csv\"\n";
    let mut csv = String::from("code,name,digits,note\r\n");
    for number in 0..10_000 {
        csv.push_str(&format!("C{number:05},\"Name, the {number}th\",{},\r\n", number % 4));
    }
    let (project, database) = site_of(schema, &[("currencies.toml", toml), ("currencies.csv", &csv)]);
    let began = std::time::Instant::now();
    seed(&project, &database, &[]).exit(0).says(["done: inserted 10000 rows", "and 9980 rows more"]);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(
        database.value("SELECT count(*) FROM currencies WHERE note IS NULL AND name LIKE 'Name, the %'"),
        "10000"
    );
    settled(&project, &database, "currencies");
    write(
        &project,
        &[("currencies.csv", &csv.replace("C00007,\"Name, the 7th\",3,", "C00007,Seven,3,\"a\nb\""))],
    );
    seed(&project, &database, &[]).exit(0).says(["currencies[code=C00007]", "updated 1"]);
    assert_eq!(database.value("SELECT name || note FROM currencies WHERE code = 'C00007'"), "Sevena\nb");
    // Rows that are all gone are counted where a report would be too long.
    project.compile();
    database.exec("TRUNCATE currencies");
    let document = project.check(&database).document();
    let findings = document["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &findings[0]["object"]), (1, &"public.currencies".into()), "{document:#}");
}

#[test]
fn f34_names_and_values_are_data() {
    for name in [
        "it's \"a\" name",
        "-leading",
        "100%",
        "emoji 🎈",
        "new\nline",
        "semi;colon",
        "a.b",
        "Upper",
        "select",
        "tab\there",
        "$1",
        "\\back",
    ] {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let schema = format!("CREATE TABLE public.{quoted} ({quoted} text PRIMARY KEY, v text, f text);");
        let toml = |text: &str| serde_json::Value::from(text).to_string();
        let table = format!("public.{quoted}");
        let rows = format!(
            "table = {}\nkey = [{key}]\non_change = {{ f = \"x\" }}\n[[rows]]\n{key} = {value}\nv = {value}\n",
            toml(&table),
            key = toml(name),
            value = toml(&format!("{name}'); DROP TABLE x; --"))
        );
        let (project, database) = site_of(&schema, &[("odd.toml", &rows)]);
        seed(&project, &database, &[]).exit(0).says("inserted 1 row");
        settled(&project, &database, &format!("public.{quoted}"));
        let value = database.value(&format!("SELECT v FROM public.{quoted}"));
        assert_eq!(value, format!("{name}'); DROP TABLE x; --"));
        write(&project, &[("odd.toml", &rows.replace("v = ", "v = \"new\" # "))]);
        let sql = ask(&project, &database, &["--sql"]).run();
        database.psql(sql.stdout());
        assert_eq!(database.value(&format!("SELECT v || f FROM public.{quoted}")), "newx", "{name}");
    }
}
