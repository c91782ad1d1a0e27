//! Settings of roles and databases, which a session starts with before it says anything.

use std::time::{Duration, Instant};

use crate::support::project::{Project, Site};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

/// A setting, its hostile value, and whether the server may end the session before it can be overruled.
const HOSTILE: &[(&str, &str, bool)] = &[
    ("search_path", "public, pg_catalog", false),
    ("search_path", "''", false),
    ("row_security", "off", false),
    ("row_security", "on", false),
    ("default_transaction_read_only", "on", false),
    ("default_transaction_isolation", "'read committed'", false),
    ("default_transaction_isolation", "'serializable'", false),
    ("default_transaction_deferrable", "on", false),
    ("quote_all_identifiers", "on", false),
    ("standard_conforming_strings", "off", false),
    ("backslash_quote", "off", false),
    ("transform_null_equals", "on", false),
    ("array_nulls", "off", false),
    ("DateStyle", "'SQL, DMY'", false),
    ("DateStyle", "'German'", false),
    ("IntervalStyle", "'sql_standard'", false),
    ("TimeZone", "'Asia/Kathmandu'", false),
    ("extra_float_digits", "-15", false),
    ("bytea_output", "'escape'", false),
    ("xmlbinary", "'hex'", false),
    ("xmloption", "'document'", false),
    ("client_encoding", "'LATIN1'", false),
    ("client_min_messages", "'debug5'", false),
    ("constraint_exclusion", "on", false),
    ("enable_seqscan", "off", false),
    ("enable_indexscan", "off", false),
    ("enable_hashjoin", "off", false),
    ("work_mem", "'64kB'", false),
    ("from_collapse_limit", "1", false),
    ("join_collapse_limit", "1", false),
    ("force_parallel_mode", "on", false),
    ("plan_cache_mode", "force_generic_plan", false),
    ("default_tablespace", "''", false),
    ("statement_timeout", "'5ms'", true),
    ("lock_timeout", "'1ms'", false),
    ("idle_in_transaction_session_timeout", "'1ms'", false),
    ("idle_session_timeout", "'1ms'", true),
];

#[test]
fn f24_settings_of_a_role_or_database_change_no_finding() {
    let site = Site::with_drift();
    let expected = site.findings();
    // The settings are made from elsewhere: some would not let themselves be taken back.
    let admin = support::database();
    let role = "f24_settings";
    site.database.exec(&format!("CREATE ROLE {role} SUPERUSER LOGIN"));
    let mut refused = Vec::new();
    for (name, value, may_refuse) in HOSTILE {
        // 16 renamed force_parallel_mode.
        if site.database.value(&format!("SELECT count(*) FROM pg_settings WHERE name = '{name}'")) == "0" {
            continue;
        }
        for subject in [format!("ROLE {role}"), format!("DATABASE {}", site.database.name())] {
            admin.exec(&format!("ALTER {subject} SET {name} = {value}"));
            let ran = site.check(&site.database.url_as(role)).run();
            admin.exec(&format!("ALTER {subject} RESET {name}"));
            if *may_refuse && matches!(ran.code(), Some(3 | 75)) {
                // "The server ...", or "the connection to the server was lost": whoever is the first to notice.
                ran.says(["\"error\"", "reading the catalog: the"]);
                refused.push(*name);
            } else {
                assert_eq!(ran.findings(), expected, "{subject} SET {name} = {value}");
            }
        }
    }
    site.database.exec(&format!("DROP ROLE {role}"));
    assert_eq!(site.check(&site.database).findings(), expected, "the settings are away again: {refused:?}");
}

/// All of them at once; `role` makes the session somebody who may do nothing.
#[test]
fn f24_a_session_that_starts_as_another_role_reads_the_same() {
    let site = Site::with_drift();
    let expected = site.findings();
    site.database.exec(
        "CREATE ROLE f24_nobody; CREATE ROLE f24_login LOGIN IN ROLE f24_nobody;
         GRANT SELECT ON refinery_schema_history TO f24_nobody;
         ALTER ROLE f24_login SET role = 'f24_nobody';
         ALTER ROLE f24_login SET search_path = 'public';
         ALTER ROLE f24_login SET quote_all_identifiers = on;
         ALTER ROLE f24_login SET DateStyle = 'Postgres, DMY';
         ALTER ROLE f24_login SET TimeZone = 'Pacific/Chatham';
         ALTER ROLE f24_login SET default_transaction_read_only = on",
    );
    let found = site.check(&site.database.url_as("f24_login")).findings();
    site.database.exec("DROP OWNED BY f24_nobody, f24_login; DROP ROLE f24_nobody, f24_login");
    assert_eq!(found, expected);
}

/// The timeouts are trueup's own, whatever the role's are: each query that could be long runs under them.
#[test]
fn f24_the_servers_own_patience_is_ours() {
    let site = Site::with_drift();
    site.database.exec("CREATE ROLE f24_patient SUPERUSER LOGIN");
    for name in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        site.database.exec(&format!("ALTER ROLE f24_patient SET {name} = 0"));
    }
    let toml = site.project.path().join("trueup.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, text.replace("[database]", "[database]\nlock_timeout = \"300ms\"")).unwrap();
    // Printing a view takes ACCESS SHARE on its tables; somebody holds the strongest lock.
    let runtime = support::runtime();
    let mut holder = runtime.block_on(site.database.connect());
    runtime.block_on(holder.execute("BEGIN; LOCK TABLE public.organizations")).unwrap();
    let began = Instant::now();
    let ran = site.check(&site.database.url_as("f24_patient")).run();
    let took = began.elapsed();
    runtime.block_on(holder.close());
    site.database.exec("DROP ROLE f24_patient");
    ran.exit(75).says(["timed out waiting for a lock", "\"busy\""]);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// A server, or something between, that does not keep the settings: nothing read under others is believed.
#[test]
fn f24_settings_that_did_not_take_are_noticed() {
    let site = Site::with_drift();
    for (ours, theirs, found) in [
        ("SET LOCAL search_path = pg_catalog, pg_temp", "SET LOCAL search_path = public", "\\\"public\\\""),
        ("REPEATABLE READ READ ONLY", "REPEATABLE READ READ WRITE", "\\\"off\\\""),
        ("ISOLATION LEVEL REPEATABLE READ", "ISOLATION LEVEL READ COMMITTED", "\\\"read committed\\\""),
    ] {
        let proxy = Proxy::start(&site.database, move |_, text| Then::Instead(text.replace(ours, theirs)));
        site.check(&proxy.url(&site.database)).exit(3).says([
            "the server did not take a setting",
            found,
            "nothing was read",
        ]);
        assert_eq!(proxy.messages(), 1, "nothing else was asked");
    }
}

/// Settings of the database under which a text means something else, or makes something else.
const OTHER_MEANING: &[(&str, &str)] = &[
    ("standard_conforming_strings", "off"),
    ("escape_string_warning", "off"),
    ("backslash_quote", "on"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("DateStyle", "'SQL, DMY'"),
    ("IntervalStyle", "'sql_standard'"),
    ("xmloption", "'document'"),
    ("quote_all_identifiers", "on"),
    ("check_function_bodies", "off"),
    ("search_path", "pg_temp, pg_catalog"),
];

/// A table whose declaration and rows read otherwise under those.
const MEANT: &str = r"CREATE TABLE public.meant (
    id int PRIMARY KEY,
    digits text DEFAULT 'a\b' CONSTRAINT digits CHECK (digits ~ '^[\d\\]+$|^a\\b$'),
    day date DEFAULT '01/02/2024',
    span interval DEFAULT '-1 2:03:00',
    list text[] DEFAULT '{NULL}'
);
";

fn meant() -> (Project, TestDatabase) {
    let project = Project::of_schema(MEANT);
    let at = |name: &str| project.path().join(name);
    for folder in ["migrations", "schema/seeds"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    let row = r"INSERT INTO public.meant (id, digits) VALUES (1, '1\');";
    std::fs::write(at("migrations/V1__meant.sql"), format!("{MEANT}{row}\n")).unwrap();
    std::fs::write(at("schema/seeds/meant.toml"), SEED).unwrap();
    project.compile();
    (project, support::database())
}

const SEED: &str = r#"table = "meant"
key = ["id"]
[[rows]]
id = 2
digits = '2\'
[[rows]]
id = 3
digits = { sql = "regexp_replace('3x', '\\D', '')" }
"#;

/// Every session of the database begins with other settings.
fn turn(database: &TestDatabase) {
    let name = database.name();
    let turned: Vec<String> = OTHER_MEANING
        .iter()
        .map(|(setting, value)| format!("ALTER DATABASE {name} SET {setting} = {value}"))
        .collect();
    support::database().exec(&turned.join("; "));
}

/// What the texts have made.
const MADE: &str = r"SET standard_conforming_strings = on; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres';
    SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', id, digits, day, span, list::text), ', ' ORDER BY id) FROM public.meant";
const AS_MEANT: &str = r"1 1\ 2024-01-02 -1 days +02:03:00 {NULL}, 2 2\ 2024-01-02 -1 days +02:03:00 {NULL}, 3 3 2024-01-02 -1 days +02:03:00 {NULL}";

#[test]
fn f24_migrations_and_seeds_mean_the_same_whatever_a_database_has_set() {
    let (project, database) = meant();
    turn(&database);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["seed", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
    assert_eq!(database.value(MADE), AS_MEANT);
}

#[test]
fn f24_printed_sql_means_the_same_whatever_a_database_has_set() {
    let (project, database) = meant();
    turn(&database);
    for command in ["upgrade", "seed"] {
        let script = project.trueup([command, "--sql"], &database).exit(0).stdout().to_owned();
        database.psql(&script);
        if command == "upgrade" {
            // Some query editors send a script as one message, which the server reads before it runs any of it.
            let other = support::database();
            turn(&other);
            other.exec(&script);
            assert_eq!(other.value("SELECT digits FROM public.meant"), r"1\");
        }
    }
    assert_eq!(database.value(MADE), AS_MEANT);
    project.trueup(["check"], &database).exit(0);
    // What a finding prints is pasted into a session of the database.
    for lost in [
        "ALTER TABLE public.meant DROP CONSTRAINT digits",
        "ALTER TABLE public.meant ALTER digits DROP DEFAULT",
    ] {
        database.exec(lost);
        let document = project.trueup(["check"], &database).args(["--format", "json"]).exit(1).json();
        let sql = document["findings"][0]["remedy"]["sql"].as_str().unwrap_or_else(|| panic!("{document:#}"));
        database.exec(sql);
        project.trueup(["check"], &database).case(sql).exit(0);
    }
}
