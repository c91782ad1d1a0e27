//! `trueup rehearse`: the pending migrations in a throwaway server, and what is said of them.

mod backup;
mod data;
mod estimates;
mod rows;

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use crate::support;
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::tools::not_run;

const BASE: &str =
    "CREATE TABLE users (id bigint PRIMARY KEY, name text);\nCREATE TABLE orders (id bigint);\n";

/// A compiled project of a base and these migrations, which have the versions from 2 on. One with `-- down` has a down script
/// below that line.
fn project(migrations: &[&str]) -> Project {
    let project = uncompiled(migrations);
    support::trueup(["compile"]).current_dir(project.path()).exit(0);
    project
}

fn uncompiled(migrations: &[&str]) -> Project {
    let project = Project::of_schema(BASE);
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (index, sql) in [BASE].iter().chain(migrations).enumerate() {
        let (up, down) = sql.split_once("-- down\n").map_or((*sql, None), |(up, down)| (up, Some(down)));
        let path = |suffix: &str| project.path().join(format!("migrations/V{}__m{suffix}.sql", index + 1));
        fs::write(path(""), up).unwrap();
        if let Some(down) = down {
            fs::write(path(".down"), down).unwrap();
        }
    }
    project
}

/// Without a database: from the base.
fn rehearse(project: &Project) -> Program {
    support::trueup(["rehearse", "--from", "1"]).current_dir(project.path())
}

fn document(program: Program) -> Value {
    program.args(["--format", "json"]).exit_in(&[0, 1]).document()
}

fn codes(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_pending_is_applied_reverted_and_applied_again() {
    let site = Project::reference();
    site.compile();
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "3"], &database).exit(0);
    let known = "SELECT (SELECT count(*) FROM refinery_schema_history), (SELECT count(*) FROM trueup.runs), \
                 (SELECT transactions FROM trueup.fence)";
    let before = database.query(known);
    let ran = site.trueup(["rehearse"], &database).env("COLUMNS", "200").exit(0);
    ran.says([
        "next: trueup upgrade\n",
        "4 migrations after V3__password_hash_nullable",
        "V4__api_keys_user_id: migrations/V4__api_keys_user_id.sql, one transaction, applied in",
        "SHARE ROW EXCLUSIVE on public.users: writers wait",
        "readers and writers of public.api_keys and writers of public.users wait",
        "V6__api_keys_user_id_index: migrations/V6__api_keys_user_id_index.sql, statement by statement",
        "SHARE UPDATE EXCLUSIVE on public.api_keys",
        "stopped before V8__api_keys_user_id_required",
        "OK: 4 migrations applied, reverted, and applied again; the result is the compiled schema",
    ]);
    assert_eq!(database.query(known), before);
    let document = document(site.trueup(["rehearse", "--contract"], &database));
    let migrations = document["migrations"].as_array().unwrap();
    assert_eq!(migrations.len(), 5);
    assert!(
        migrations[2]["blocks"].is_null() && migrations[0]["blocks"]["milliseconds"].as_f64().unwrap() > 0.0
    );
    assert_eq!(migrations[4]["blocks"]["locks"][0]["relation"], "public.api_keys");
    assert_eq!(migrations[4]["down_blocks"]["locks"][0]["relation"], "public.api_keys");
    assert_eq!(migrations[4]["statements"][0]["work"][0], "reads all rows of public.api_keys");
    assert!(
        migrations.iter().all(|one| one["again_milliseconds"].is_u64() && one["down_milliseconds"].is_u64())
    );
}

#[test]
fn nothing_pending_starts_no_server() {
    let site = Project::reference();
    site.compile();
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "7"], &database).exit(0);
    site.without_postgres(["rehearse"], &database).exit(0).says([
        "nothing to rehearse",
        "stopped before V8__api_keys_user_id_required",
        "trueup rehearse --contract",
    ]);
    site.trueup(["rehearse", "--from", "77"], &database).exit(2).says("no such migration");
}

#[test]
fn a_migration_that_fails_is_a_finding() {
    let site = project(&["CREATE TABLE later (id bigint);", "GRANT SELECT ON users TO somebody_else;"]);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    // The real server has no such role, and the upgrade fails there as well.
    let ran = site.trueup(["rehearse"], &database).exit(1);
    ran.says([
        "migrations/V3__m.sql:1:1  error rehearse.failed: V3__m",
        "role \"somebody_else\" does not exist",
        "do not apply this yet; only the throwaway server was touched",
    ]);
    let known = document(site.trueup(["rehearse"], &database));
    assert_eq!(codes(&known), ["rehearse.failed"]);
    assert!(
        known["migrations"][0]["milliseconds"].is_u64() && known["migrations"][1]["milliseconds"].is_null()
    );
    site.trueup(["upgrade", "--yes"], &database).exit(6).says("somebody_else");
    // Nobody knows the roles of a server that is not read.
    rehearse(&site).exit(0);
}

#[test]
fn a_failure_is_at_its_statement() {
    let at = |sql: &str| {
        let found = document(rehearse(&project(&[sql])));
        let place = found["findings"][0]["location"].clone();
        assert_eq!(place["file"], "migrations/V2__m.sql", "{found:#}");
        (place["line"].as_u64().unwrap(), place["column"].as_u64().unwrap())
    };
    let moment = "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name LIKE '%rehearse') > 0";
    // The server says no position: the statement.
    let raised = format!("DO $$ BEGIN IF {moment} THEN RAISE 'now'; END IF; END $$;");
    assert_eq!(at(&format!("-- why\nALTER TABLE users ADD COLUMN a int;\n\n  {raised}")), (4, 3));
    assert_eq!(
        at(&format!("-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY i ON users (name);\n{raised}")),
        (3, 1)
    );
    // What is refused at COMMIT is due to any statement: it is behind all of them.
    let late = format!(
        "ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES users DEFERRABLE INITIALLY DEFERRED;\n\
         INSERT INTO orders SELECT 7 WHERE {moment};\n  SELECT 1;"
    );
    assert_eq!(at(&late), (3, 3));
    // A parse error in what exists only sometimes has a position.
    let made = format!("DO $$ BEGIN IF NOT {moment} THEN CREATE TABLE made (id int); END IF; END $$;");
    let found = at(&format!("{made}\nINSERT INTO orders\nSELECT id FROM made;"));
    assert_eq!(found, (3, 16));
}

#[test]
fn a_down_script_that_leaves_something_is_a_finding() {
    let site = project(&[
        "ALTER TABLE users ADD COLUMN a int, ADD COLUMN b int;\n-- down\nALTER TABLE users DROP COLUMN a;",
    ]);
    let ran = rehearse(&site).exit(1);
    ran.says([
        "rehearse.down",
        "V2__m.down.sql",
        "cannot be reverted",
        "public.users.b",
        "fix the down script",
    ]);
    let site = project(&["ALTER TABLE users ADD COLUMN a int;", "SELECT 1;\n-- down\nSELECT 2;"]);
    rehearse(&site)
        .exit(0)
        .says(["a down script is missing: 1 migration", "1 of them reverted and applied again"]);
}

#[test]
fn a_result_that_depends_on_the_moment_is_a_finding() {
    let sql = "DO $$ BEGIN IF (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name LIKE '%rehearse') > 0 \
               THEN ALTER TABLE users ADD COLUMN odd int; END IF; END $$;";
    let found = document(rehearse(&project(&[sql])));
    assert_eq!(codes(&found), ["rehearse.result"]);
    assert_eq!(found["findings"][0]["object"], "public.users.odd");
}

#[test]
fn the_longest_wait_is_that_of_a_transaction() {
    let slow = "SELECT pg_sleep(0.2);\nALTER TABLE users ADD COLUMN a int;\nSELECT pg_sleep(0.3);\n\
                CREATE TABLE new (id int);\nALTER TABLE new ADD COLUMN b int;";
    let apart = "-- trueup: no-transaction\nALTER TABLE users ADD COLUMN c int;\nSELECT pg_sleep(0.3);\n\
                 CREATE INDEX CONCURRENTLY i ON users (c);";
    let found = document(rehearse(&project(&[slow, apart])));
    let blocks = &found["migrations"][0]["blocks"];
    assert_eq!((&blocks["from_line"], &blocks["to_line"]), (&Value::from(2), &Value::from(5)));
    let waits = blocks["milliseconds"].as_f64().unwrap();
    assert!((300.0..500.0).contains(&waits), "{waits}");
    assert_eq!(blocks["locks"].as_array().unwrap().len(), 1, "{blocks}");
    let statements = &found["migrations"][0]["statements"];
    assert!(statements[0]["milliseconds"].as_f64().unwrap() >= 200.0);
    let blocks = &found["migrations"][1]["blocks"];
    assert_eq!((&blocks["from_line"], &blocks["to_line"]), (&Value::from(2), &Value::from(2)));
    let slept = found["migrations"][1]["statements"][1]["milliseconds"].as_f64().unwrap();
    assert!(slept >= 300.0, "{slept}");
}

#[test]
fn the_database_as_it_stands_is_told_from_the_rehearsal() {
    let site = project(&["ALTER TABLE users ADD COLUMN a int;", "ALTER TABLE users ADD COLUMN b int;"]);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "2"], &database).exit(0);
    database.exec("ALTER TABLE orders ADD COLUMN by_hand int");
    site.trueup(["rehearse"], &database)
        .exit(0)
        .says(["changed by hand (1 difference", "1 migration after V2__m"]);
    database.exec("DELETE FROM refinery_schema_history WHERE version = 1");
    site.trueup(["rehearse"], &database).exit(4).says("V1__m is not applied");
    database.exec("DROP TABLE refinery_schema_history");
    site.trueup(["rehearse"], &database).exit(4).says("trueup adopt");
}

#[test]
fn another_tool_applies_its_migrations_itself() {
    let site = uncompiled(&[]);
    fs::write(site.path().join("trueup.toml"), "[migrations]\ntool = \"goose\"\n").unwrap();
    rehearse(&site).exit(2).says(["applies those of this project", "trueup lint"]);
}

#[test]
fn an_interrupted_rehearsal_leaves_nothing() {
    let site = project(&["SELECT pg_sleep(31.4) FROM pg_stat_activity \
                          WHERE datname = current_database() AND application_name LIKE '%rehearse' LIMIT 1;"]);
    let host = support::database();
    let running = rehearse(&site).args(["--scratch-url", host.url()]).start();
    let asleep = "SELECT datname FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(31.4)%' \
                  AND query LIKE '%rehearsed%' AND pid <> pg_backend_pid()";
    support::wait_for("the statement", || !host.query(asleep).is_empty());
    let name = host.query(asleep).remove(0).remove(0).unwrap();
    running.stop(Signal::SIGINT, Duration::from_secs(15));
    let there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    support::wait_for("its database to be dropped", || host.query(&there).is_empty());
}

#[test]
fn the_server_is_of_the_databases_major() {
    let Some(cache) = support::cache().map(|cache| cache.join("postgresql")).filter(|cache| cache.is_dir())
    else {
        return not_run("no other PostgreSQL is in the cache (scripts/postgres 16)");
    };
    let own = support::server().version.major();
    let Some(other) = (14..=18).find(|major| *major != own && cache.join(format!("{major}/bin")).is_dir())
    else {
        return not_run("no other PostgreSQL is in the cache (scripts/postgres 16)");
    };
    let site = project(&["ALTER TABLE users ALTER COLUMN id TYPE int;"]);
    let (runtime, bin_dir) = (support::runtime(), cache.join(format!("{other}/bin")));
    let options = ScratchOptions { bin_dir: Some(bin_dir), ..Default::default() };
    let mut server = runtime.block_on(Scratch::start(&options)).unwrap();
    let database = runtime.block_on(server.create_database()).unwrap();
    let url = server.url(&database);
    site.trueup(["upgrade", "--yes", "--to", "1"], url.as_str()).exit(0);
    site.trueup(["rehearse"], url.as_str()).exit(0).says([
        format!("throwaway server, PostgreSQL {other}.").as_str(),
        format!("the locks were measured by PostgreSQL {own}.").as_str(),
    ]);
    let nowhere = site.path().join("nowhere");
    let only = site.trueup(["rehearse"], url.as_str()).env("TRUEUP_CACHE", &nowhere).exit(0);
    // The system's own directories may have it as well.
    if !only.said().contains(&format!("throwaway server, PostgreSQL {other}.")) {
        only.says([
            format!("the programs of PostgreSQL {other} were not found").as_str(),
            format!("the rehearsal is on PostgreSQL {own}.").as_str(),
        ]);
    }
}

#[test]
fn a_role_that_a_migration_creates_is_no_obstacle() {
    let site = project(&["CREATE ROLE \"Made here\";\nGRANT SELECT ON users TO \"Made here\";"]);
    rehearse(&site).args(["--rows", "10"]).exit(0).says("OK: 1 migration applied");
}

/// Roles that the server of the database has, in a down script alone, and in capital letters; and those of a server that is not
/// read.
#[test]
fn a_role_that_the_server_has_is_there() {
    let database = support::database();
    let role = format!("keeper_of_{}", database.name());
    database.exec(&format!("CREATE ROLE {role}"));
    let site = project(&[
        &format!("GRANT SELECT ON users TO {};", role.to_uppercase()),
        &format!(
            "ALTER TABLE users ADD COLUMN a int;\n-- down\nALTER TABLE users DROP COLUMN a;\n\
             ALTER TABLE orders OWNER TO {role};\nALTER TABLE orders OWNER TO CURRENT_USER;"
        ),
    ]);
    let went_well = "OK: 2 migrations applied, 1 of them reverted and applied again";
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    site.trueup(["rehearse"], &database).exit(0).says(went_well);
    rehearse(&site).exit(0).says(went_well);
    database.exec(&format!("DROP ROLE {role}"));
}

/// Types, keys, checks and foreign keys, also those that the migrations only add.
const SHOP: &str = "CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE DOMAIN mail AS text CHECK (VALUE ~ '^[^@]+@[^@]+$');
    CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail mail NOT NULL UNIQUE,
      status text NOT NULL CHECK (status IN ('new', 'old')), mood mood NOT NULL, code varchar(6) NOT NULL UNIQUE,
      share numeric(3, 2) NOT NULL CHECK (share BETWEEN 0 AND 1), tags text[] NOT NULL, about jsonb NOT NULL,
      since timestamptz NOT NULL, until timestamptz, CHECK (until > since), double int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE things (id uuid PRIMARY KEY, customer int REFERENCES customers, size smallint NOT NULL, at point);
    INSERT INTO customers (mail, status, mood, code, share, tags, about, since)
      VALUES ('a@b', 'new', 'good', 'x', 0, '{}', '{}', now());";

#[test]
fn made_rows_have_all_that_the_tables_ask_for() {
    let add = "ALTER TABLE things ALTER COLUMN customer SET NOT NULL, ADD CHECK (size > 0);\n\
               ALTER TABLE customers ADD COLUMN more uuid DEFAULT gen_random_uuid();\n\
               DO $$ BEGIN IF (SELECT count(*) FROM things) NOT IN (0, 2000) THEN RAISE 'rows'; END IF; END $$;\n\
               INSERT INTO customers (mail, status, mood, code, share, tags, about, since)\n\
               VALUES ('c@d', 'new', 'good', 'late', 0, '{}', '{}', now());\n\
               -- down\nDELETE FROM customers WHERE code = 'late';\n\
               ALTER TABLE customers DROP COLUMN more;\n\
               ALTER TABLE things ALTER COLUMN customer DROP NOT NULL, DROP CONSTRAINT things_size_check;";
    let site = project(&[SHOP, add]);
    let found = document(support::trueup(["rehearse", "--rows", "2000"]).current_dir(site.path()));
    assert_eq!(codes(&found), Vec::<String>::new(), "{found:#}");
    let filled = found["filled"].as_array().unwrap();
    for table in filled {
        assert!(table["failed"].is_null() && table["rows"].as_u64().unwrap() >= 2000, "{filled:?}");
    }
    assert_eq!(filled.len(), 2);
    assert!(found["migrations"][0]["blocks"]["milliseconds"].as_f64().unwrap() > 1.0);
}

#[test]
fn what_cannot_be_filled_is_told() {
    let base = "CREATE TABLE odd (v point NOT NULL, w text CHECK (w = 'x' || md5(w)));";
    let site = project(&[base, "ALTER TABLE odd ADD COLUMN n int;"]);
    support::trueup(["rehearse", "--rows", "10"])
        .current_dir(site.path())
        .exit(0)
        .says(["no rows could be made for public.odd", "null value in column \"v\""]);
}

#[test]
fn the_time_for_the_real_rows_is_a_range_and_a_limit() {
    let site = project(&["ALTER TABLE users ALTER COLUMN name TYPE varchar(2000) USING name || 'x';"]);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database
        .exec("INSERT INTO users SELECT g, repeat('x', 30) FROM generate_series(1, 100000) g; ANALYZE users");
    let record = site.path().join("rehearsal.json");
    let at = |limit: &str| {
        fs::write(site.path().join("trueup.toml"), format!("[rehearse]\nmax_block = \"{limit}\"\n")).unwrap();
        site.trueup(["rehearse", "--rows", "5000", "--record", "rehearsal.json"], &database)
    };
    let found = document(at("10min"));
    let blocks = &found["migrations"][0]["blocks"];
    let (low, high) =
        (blocks["estimate"]["low_milliseconds"].as_f64(), blocks["estimate"]["high_milliseconds"].as_f64());
    let made = blocks["milliseconds"].as_f64().unwrap();
    assert!(low.unwrap() > 2.0 * made && high.unwrap() > 10.0 * made, "{blocks}");
    let passed: Value = serde_json::from_str(&fs::read_to_string(&record).unwrap()).unwrap();
    assert_eq!((&passed["passed"], &passed["pending"]), (&Value::from(true), &serde_json::json!(["2"])));
    assert_eq!(passed["lock"].as_str().unwrap().len(), 64);
    assert_eq!(passed["database"]["name"], database.name());
    at("1ms").exit(1).says([
        "rehearse.blocks: V2__m",
        "others may wait",
        "[rehearse] max_block is 1 ms",
        "migrations/V2__m.sql:1",
    ]);
    let passed: Value = serde_json::from_str(&fs::read_to_string(&record).unwrap()).unwrap();
    assert_eq!(
        (&passed["passed"], &passed["findings"][0]),
        (&Value::from(false), &Value::from("rehearse.blocks"))
    );
}

#[test]
fn values_of_people_are_not_read() {
    let site = project(&["ALTER TABLE users ADD COLUMN a int;"]);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("INSERT INTO users SELECT g, 'canary' FROM generate_series(1, 1000) g; ANALYZE users");
    let said = site.trueup(["rehearse", "--rows", "100", "--format", "json", "-v"], &database).exit(0);
    assert!(!said.said().contains("canary"));
}

#[test]
fn other_sessions_say_what_they_were_refused() {
    let site = project(&[
        "CREATE INDEX ON users (name);\nSELECT pg_sleep(0.4);",
        "ALTER TABLE orders ADD COLUMN a int;\nSELECT pg_sleep(0.4);",
    ]);
    let found = document(rehearse(&site).args(["--probe"]));
    let refused: Vec<(&str, &str, u64)> = found["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (text("table"), text("action"), one["milliseconds"].as_u64().unwrap())
        })
        .collect();
    for (table, action, is_refused) in [
        ("public.users", "SELECT", false),
        ("public.users", "UPDATE", true),
        ("public.users", "SELECT FOR UPDATE", false),
        ("public.users", "VACUUM", true),
        ("public.orders", "SELECT", true),
        ("public.orders", "UPDATE", true),
        ("public.orders", "SELECT FOR UPDATE", true),
        ("public.orders", "VACUUM", true),
    ] {
        let time = refused.iter().find(|one| one.0 == table && one.1 == action).map(|one| one.2);
        assert_eq!(time.is_some(), is_refused, "{table} {action}: {refused:?}");
        assert!(time.is_none_or(|time| (250..900).contains(&time)), "{table} {action}: {time:?}");
    }
    rehearse(&site).args(["--probe"]).exit(0).says("refused on public.orders: SELECT for");
    // Of each statement, as long as it ran or its transaction lasted.
    let of = |migration: usize, statement: usize, table: &str, action: &str| {
        let statement = &found["migrations"][migration]["statements"][statement];
        let refused = statement["refused"].as_array().unwrap().iter();
        let one = refused.clone().find(|one| one["table"] == table && one["action"] == action);
        one.map(|one| one["milliseconds"].as_u64().unwrap())
    };
    assert!(of(0, 1, "public.users", "UPDATE").is_some_and(|time| (250..600).contains(&time)), "{found:#}");
    assert_eq!(of(0, 1, "public.users", "SELECT"), None);
    assert_eq!(of(0, 1, "public.orders", "SELECT"), None);
    assert!(of(1, 1, "public.orders", "SELECT").is_some_and(|time| (250..600).contains(&time)), "{found:#}");
    let whole = found["migrations"][1]["refused"].as_array().unwrap();
    assert!(
        whole.iter().any(|one| one["table"] == "public.orders" && one["action"] == "SELECT"),
        "{whole:?}"
    );
}

/// What is printed, without what differs from run to run: times, versions, the address, the backup, and the lines of the table.
fn bare(text: &str) -> Vec<String> {
    let time = |words: &[&str], at: usize| {
        let is_number = words[at].chars().all(|letter| letter.is_ascii_digit() || letter == '.');
        is_number && matches!(words.get(at + 1), Some(&("ms" | "s" | "min" | "ms;" | "s;" | "ms," | "s,")))
    };
    let line = |line: &str| {
        let words: Vec<&str> = line.split([' ', '│', '┆']).filter(|word| !word.is_empty()).collect();
        let mut kept = Vec::new();
        let mut at = 0;
        while at < words.len() {
            if words[at] == "under" && words.get(at + 1) == Some(&"1") {
                at += 1;
            } else if time(&words, at) {
                at += 2;
            } else {
                kept.push(words[at]);
                at += 1;
            }
        }
        kept.join(" ")
    };
    let lines = text.lines().filter(|line| {
        !["database ", "on the rows "].iter().any(|start| line.starts_with(start))
            && !line.starts_with(['┌', '╞', '├', '└'])
    });
    lines.map(line).filter(|line| !line.is_empty() && !line.contains("throwaway server")).collect()
}

/// docs/rehearse.md shows what is printed.
#[test]
fn the_page_shows_what_is_printed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rehearse.md");
    let page = fs::read_to_string(page).unwrap();
    let part = |begins: &str| {
        page.split(begins).nth(1).and_then(|rest| rest.split("```").next()).unwrap().to_owned()
    };
    let site = Project::of_schema("");
    fs::remove_dir_all(site.path().join("schema")).unwrap();
    fs::create_dir(site.path().join("migrations")).unwrap();
    let tables = "CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail text NOT NULL UNIQUE);\n\
                  CREATE TABLE orders (id int PRIMARY KEY, customer bigint NOT NULL REFERENCES customers,\n  \
                  state text NOT NULL CHECK (state IN ('new', 'paid', 'sent')), placed timestamptz NOT NULL);\n";
    fs::write(site.path().join("migrations/V1__shop.sql"), tables).unwrap();
    fs::write(site.path().join("migrations/V2__order_ids.sql"), part("```sql\n")).unwrap();
    support::trueup(["compile"]).current_dir(site.path()).exit(0);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    // As large as ANALYZE would say.
    database.exec("UPDATE pg_class SET reltuples = 4100000, relpages = 41000 WHERE oid = 'orders'::regclass");
    let ran = site.trueup(["rehearse", "--rows", "100000"], &database).env("COLUMNS", "150").exit(0);
    assert_eq!(bare(&part("$ trueup rehearse --rows 100000\n")), bare(ran.stdout()), "{}", ran.stdout());

    database.exec(
        "INSERT INTO customers (mail) SELECT g || '@example.com' FROM generate_series(1, 2000) g;
         INSERT INTO orders SELECT g, 1 + g % 2000, 'paid', now() - g * interval '1 min' FROM generate_series(1, 200000) g;
         INSERT INTO orders SELECT -g, 1, 'new', now() + interval '9 days' FROM generate_series(1, 3) g;
         ANALYZE",
    );
    fs::create_dir(site.path().join("checks")).unwrap();
    let check = "-- title: Orders were placed in the past\n-- severity: error\n-- find:\n\
                 SELECT id FROM orders WHERE placed > now();\n";
    fs::write(site.path().join("checks/orders_of_the_past.sql"), check).unwrap();
    site.trueup(["backup"], &database).exit(0);
    let ran = site.trueup(["rehearse", "--from-backup"], &database).env("COLUMNS", "180").exit(0);
    let ran = ran.says("on the rows of backup ");
    assert_eq!(bare(&part("$ trueup rehearse --from-backup\n")), bare(ran.stdout()), "{}", ran.stdout());
}
