//! The sections about who waits for whom: hazards, blockers, rights, replicas.

use super::{at_base, codes, conclusion, configure, document, gate, judged, project, section};
use crate::support;
use crate::support::cluster::Cluster;
use crate::support::other::Other;

const WIDEN: &str = "ALTER TABLE users ALTER COLUMN id TYPE int;";

#[test]
fn hazards_are_of_large_tables() {
    let site = project("", &[WIDEN]);
    let database = at_base(&site);
    // It is empty, and that is known.
    assert_eq!(judged(&site, &database, "hazards", 0).0, "ready");
    database.exec("INSERT INTO users SELECT g, 'a' FROM generate_series(1, 20000) g");
    // Never analyzed: how large it is, nobody knows.
    assert_eq!(judged(&site, &database, "hazards", 0).0, "warns");
    database.exec("ANALYZE users");
    let found = document(&site, &database, &[], 0);
    assert_eq!(codes(&found, "hazards"), ["blocks.rewrite"], "{found:#}");
    assert_eq!(conclusion(&found, "hazards"), "warns");
    configure(&site, "[gate]\nhazard_rows = 10000\n");
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "hazards"), codes(&found, "hazards")[0].as_str()),
        ("blocks", "blocks.rewrite")
    );
    let finding = &section(&found, "hazards")["findings"][0];
    assert_eq!((&finding["severity"], &finding["location"]["line"]), (&"error".into(), &1.into()));
    gate(&site, &database).exit(1).says("DO NOT DEPLOY: hazards: ");
    configure(&site, "[gate]\nhazard_size = \"1kB\"\n");
    assert_eq!(judged(&site, &database, "hazards", 1).0, "blocks");
    // Few rows keep nobody waiting.
    database.exec("TRUNCATE users; INSERT INTO users VALUES (1); ANALYZE users");
    assert_eq!(judged(&site, &database, "hazards", 0).0, "ready");
}

#[test]
fn what_is_allowed_is_no_hazard_and_what_takes_too_long_is_one() {
    let allowed = format!("-- trueup: allow blocks.rewrite: at night\n{WIDEN}");
    let site = project("[gate]\nhazard_rows = 10000\n", &[&allowed]);
    let database = at_base(&site);
    database.exec("INSERT INTO users SELECT g, 'a' FROM generate_series(1, 20000) g; ANALYZE users");
    assert_eq!(codes(&document(&site, &database, &[], 0), "hazards"), Vec::<String>::new());
    database.exec("UPDATE pg_class SET reltuples = 4e8, relpages = 12000000 WHERE relname = 'users'");
    configure(&site, "[migrations]\nmax_duration = \"1s\"\n");
    let found = document(&site, &database, &[], 1);
    assert_eq!(codes(&found, "hazards"), ["migration.too_long"]);
    assert!(
        section(&found, "hazards")["details"][0]
            .as_str()
            .unwrap()
            .starts_with("V2:2 locks out readers and writers")
    );
}

#[test]
fn an_old_transaction_is_in_the_way() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    assert_eq!(judged(&site, &database, "blockers", 0).0, "ready");
    let role = format!("{}_watcher", database.name());
    database.exec(&format!(
        "CREATE ROLE \"{role}\" LOGIN; ALTER TABLE users OWNER TO \"{role}\"; GRANT ALL ON SCHEMA public, trueup TO \"{role}\"; \
         GRANT ALL ON ALL TABLES IN SCHEMA public, trueup TO \"{role}\""
    ));
    let mut other = Other::at(database.url(), "report of the night");
    let pid = other.pid();
    other.run("BEGIN; SELECT count(*) FROM users WHERE name = 'secret of anna'");
    // It has just begun.
    assert_eq!(judged(&site, &database, "blockers", 0).0, "ready");
    configure(&site, "[gate]\nmax_transaction_age = \"1s\"\n");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "blockers"), codes(&found, "blockers")[0].as_str()),
        ("blocks", "gate.blockers.transaction")
    );
    let finding = &section(&found, "blockers")["findings"][0];
    assert_eq!(finding["object"], format!("pid {pid}"));
    let message = finding["message"].as_str().unwrap();
    let stopped =
        "holds ACCESS SHARE on public.users: V2:1 ALTER TABLE users ADD COLUMN a int would wait for it";
    assert!(message.ends_with(stopped), "{message}");
    assert_eq!(finding["location"]["file"], "migrations/V2__m.sql");
    let ran = gate(&site, &database).exit(1);
    ran.says([
        format!("pid {pid} (role ").as_str(),
        "application report of the night",
        "idle in transaction for ",
        "pg_terminate_backend",
    ]);
    gate(&site, &database).exit(1).lacks("secret of anna");
    // Somebody who may not see that says so.
    let found = site.trueup(["gate", "--format", "json"], database.url_as(&role).as_str()).exit(3).document();
    assert_eq!(conclusion(&found, "blockers"), "cannot tell", "{found:#}");
    assert!(section(&found, "blockers")["what"].as_str().unwrap().contains(&pid));
    other.run("ROLLBACK");
    let found = site.trueup(["gate", "--format", "json"], database.url_as(&role).as_str()).exit(0).document();
    assert_eq!(conclusion(&found, "blockers"), "ready");
    // An unrelated table is in nobody's way.
    other.run("BEGIN; SELECT count(*) FROM orders");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(judged(&site, &database, "blockers", 0).0, "ready");
    other.run("ROLLBACK");
    database.exec(&format!(
        "REASSIGN OWNED BY \"{role}\" TO CURRENT_USER; DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""
    ));
}

#[test]
fn a_prepared_transaction_and_an_index_build_are_in_the_way() {
    let server = Cluster::start(&["max_prepared_transactions=2"]);
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let url = server.url("postgres@127.0.0.1", "postgres");
    site.trueup(["upgrade", "--yes", "--to", "1"], url.as_str()).exit(0);
    let ask = |exit| site.trueup(["gate", "--format", "json"], url.as_str()).exit(exit).document();
    server.psql("BEGIN; INSERT INTO users VALUES (1); PREPARE TRANSACTION 'forgotten'");
    let found = ask(1);
    assert_eq!(codes(&found, "blockers"), ["gate.blockers.prepared"], "{found:#}");
    let advice = section(&found, "blockers")["findings"][0]["remedy"]["advice"].as_str().unwrap().to_owned();
    assert!(advice.contains("ROLLBACK PREPARED 'forgotten'"), "{advice}");
    server.psql("ROLLBACK PREPARED 'forgotten'");
    // It waits for the reader, and holds its lock meanwhile.
    let mut reader = Other::at(&url, "reader");
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders");
    let site_url = url.clone();
    let building = std::thread::spawn(move || {
        let mut other = Other::at(&site_url, "builder");
        other.run("CREATE INDEX CONCURRENTLY users_name ON users (name)");
    });
    support::wait_for("the index build", || {
        let running = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for%'";
        support::try_query_at(&url, running).unwrap()[0][0].as_deref() == Some("1")
    });
    assert_eq!(codes(&ask(1), "blockers"), ["gate.blockers.index_build"]);
    reader.run("ROLLBACK");
    building.join().unwrap();
    assert_eq!(conclusion(&ask(1), "blockers"), "ready", "the index is drift now");
}

#[test]
fn rights() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;\nCREATE TABLE later (id int);"]);
    let database = at_base(&site);
    assert_eq!(judged(&site, &database, "rights", 0).0, "ready");
    let role = format!("{}_app", database.name());
    database.exec(&format!(
        "CREATE ROLE \"{role}\" LOGIN; GRANT USAGE ON SCHEMA public, trueup TO \"{role}\"; REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
         GRANT SELECT ON ALL TABLES IN SCHEMA public, trueup TO \"{role}\""
    ));
    let ask = |exit| {
        site.trueup(["gate", "--format", "json"], database.url_as(&role).as_str()).exit(exit).document()
    };
    let found = ask(1);
    assert_eq!(conclusion(&found, "rights"), "blocks");
    assert_eq!(codes(&found, "rights"), ["permission.missing"; 3]);
    let objects: Vec<_> = section(&found, "rights")["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["object"].as_str().unwrap())
        .collect();
    assert_eq!(objects, ["history", "public.users", "SCHEMA public"], "{found:#}");
    // The upgrade says the same.
    site.trueup(["upgrade", "--yes"], database.url_as(&role).as_str()).exit(4).says("INSERT");
    let name = database.name().to_owned();
    database.exec(&format!(
        "GRANT CREATE ON SCHEMA public TO \"{role}\"; GRANT ALL ON ALL TABLES IN SCHEMA public, trueup TO \"{role}\"; \
         ALTER TABLE users OWNER TO \"{role}\"; GRANT ALL ON DATABASE \"{name}\" TO \"{role}\"; GRANT ALL ON SCHEMA trueup TO \"{role}\"; \
         GRANT ALL ON ALL SEQUENCES IN SCHEMA trueup TO \"{role}\""
    ));
    assert_eq!(conclusion(&ask(0), "rights"), "ready");
    database.exec(&format!(
        "REASSIGN OWNED BY \"{role}\" TO CURRENT_USER; DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""
    ));
}

#[test]
fn standbys_and_slots_warn() {
    let server = Cluster::start(&["wal_level=replica"]);
    let site = project("", &[WIDEN]);
    let url = server.url("postgres@127.0.0.1", "postgres");
    site.trueup(["upgrade", "--yes", "--to", "1"], url.as_str()).exit(0);
    let ask = || site.trueup(["gate", "--format", "json"], url.as_str()).exit(0).document();
    let found = ask();
    assert_eq!(
        (conclusion(&found, "replicas"), &section(&found, "replicas")["what"]),
        ("ready", &"no standby".into())
    );
    server.psql("SELECT pg_create_physical_replication_slot('left', true)");
    let found = ask();
    assert_eq!(
        (conclusion(&found, "replicas"), codes(&found, "replicas")[0].as_str()),
        ("warns", "gate.replicas.slot")
    );
    server.psql("SELECT pg_drop_replication_slot('left')");
    let standby = server.standby();
    support::wait_for("the standby", || {
        support::try_query_at(&url, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
            .unwrap()[0][0]
            .as_deref()
            == Some("1")
    });
    let found = ask();
    assert_eq!(
        (conclusion(&found, "replicas"), &section(&found, "replicas")["what"]),
        ("ready", &"1 standby keeps up".into())
    );
    // It replays nothing for a while.
    let follower = standby.url("postgres@127.0.0.1", "postgres");
    support::try_query_at(&follower, "ALTER SYSTEM SET recovery_min_apply_delay = '1h'").unwrap();
    support::try_query_at(&follower, "SELECT pg_reload_conf()").unwrap();
    configure(&site, "[repair]\nmax_replica_lag = \"100ms\"\n");
    support::wait_for("a lag", || {
        server.psql("INSERT INTO users (id) SELECT coalesce(max(id), 0) + 1 FROM users");
        conclusion(&ask(), "replicas") == "warns"
    });
    assert_eq!(codes(&ask(), "replicas"), ["gate.replicas.lag"]);
    support::try_query_at(&follower, "ALTER SYSTEM RESET recovery_min_apply_delay").unwrap();
    support::try_query_at(&follower, "SELECT pg_reload_conf()").unwrap();
    // A standby is nothing to deploy to.
    let at = standby.url("postgres@127.0.0.1", "postgres");
    support::wait_for("what was replayed", || {
        support::try_query_at(&at, "SELECT count(*) FROM refinery_schema_history").is_ok()
    });
    let found = site.trueup(["gate", "--format", "json"], at.as_str()).exit(1).document();
    assert_eq!(codes(&found, "identity"), ["server.standby"]);
    server.psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO app");
    let blind = server.url("app@127.0.0.1", "postgres");
    let found = site.trueup(["gate", "--format", "json"], blind.as_str()).exit_in(&[1, 3]).document();
    assert_eq!(conclusion(&found, "replicas"), "cannot tell");
}

/// An autovacuum that prevents wraparound gives way to nobody.
#[test]
fn an_autovacuum_against_wraparound_is_in_the_way() {
    let server =
        Cluster::start(&["autovacuum=on", "autovacuum_freeze_max_age=100000", "autovacuum_naptime=1s"]);
    let site = project("", &[WIDEN]);
    let url = server.url("postgres@127.0.0.1", "postgres");
    site.trueup(["upgrade", "--yes", "--to", "1"], url.as_str()).exit(0);
    let ask = |exit| site.trueup(["gate", "--format", "json"], url.as_str()).exit(exit).document();
    assert_eq!(conclusion(&ask(0), "blockers"), "ready");
    // No other autovacuum comes to this table, and this one takes its time for it.
    server.psql(
        "ALTER TABLE users SET (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100, \
         autovacuum_vacuum_cost_limit = 1)",
    );
    server.psql("INSERT INTO users SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g");
    server.psql(
        "CREATE PROCEDURE age() LANGUAGE plpgsql AS 'BEGIN FOR i IN 1..100100 LOOP \
         PERFORM pg_current_xact_id(); COMMIT; END LOOP; END'",
    );
    server.psql("CALL age()");
    server.psql("DROP PROCEDURE age()");
    let found = "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
                 WHERE a.backend_type = 'autovacuum worker' AND a.query LIKE '%wraparound%' AND l.relation = 'users'::regclass";
    support::wait_for("the autovacuum", || {
        support::try_query_at(&url, found).unwrap()[0][0].as_deref() != Some("0")
    });
    let found = ask(1);
    assert_eq!(
        (conclusion(&found, "blockers"), codes(&found, "blockers")[0].as_str()),
        ("blocks", "gate.blockers.autovacuum")
    );
}

/// Where the catalog cannot be read, what is read from it has no answer, and what is pending has one.
#[test]
fn a_schema_that_cannot_be_read_is_no_answer() {
    let site = project("[gate]\ndeadline = \"6s\"\n", &[WIDEN]);
    let database = at_base(&site);
    let mut other = Other::at(database.url(), "other");
    other.run("BEGIN; LOCK TABLE pg_catalog.pg_description IN ACCESS EXCLUSIVE MODE");
    let found = document(&site, &database, &[], 3);
    other.run("ROLLBACK");
    for name in ["rights", "history", "drift", "hazards"] {
        assert_eq!(conclusion(&found, name), "cannot tell", "{name}: {found:#}");
    }
    // What is applied is known all the same.
    assert_eq!(conclusion(&found, "pending"), "ready");
    assert_eq!(conclusion(&document(&site, &database, &[], 0), "drift"), "ready");
}

/// Who has locked what the schema is read from is found all the same: by what is pending.
#[test]
fn a_locked_table_is_told_with_who_has_locked_it() {
    let view = "CREATE VIEW named AS SELECT id, name FROM users WHERE name <> '';";
    let site = project("", &[view, "ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    site.trueup(["upgrade", "--yes", "--to", "2"], &database).exit(0);
    configure(&site, "[gate]\ndeadline = \"8s\"\nmax_transaction_age = \"1s\"\n");
    let mut other = Other::at(database.url(), "psql");
    let pid = other.pid();
    other.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let found = document(&site, &database, &[], 1);
    assert_eq!(codes(&found, "blockers"), ["gate.blockers.transaction"], "{found:#}");
    let message = section(&found, "blockers")["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains(&format!("pid {pid} (")), "{message}");
    assert!(
        message.contains("holds ACCESS EXCLUSIVE on public.users: V3:1 ALTER TABLE users ADD COLUMN a"),
        "{message}"
    );
    for name in ["rights", "drift", "hazards", "backup"] {
        assert_eq!(conclusion(&found, name), "cannot tell", "{name}: {found:#}");
        let next = section(&found, name)["next"].as_str().unwrap();
        assert!(next.ends_with(&format!("SELECT pg_terminate_backend({pid});")), "{name}: {next}");
    }
    gate(&site, &database).exit(1).says("DO NOT DEPLOY: blockers: ");
    other.run("ROLLBACK");
    assert_eq!(found["verdict"], "DO NOT DEPLOY");
    assert_eq!(conclusion(&document(&site, &database, &[], 0), "blockers"), "ready");
}

/// What changes rows takes no lock that others wait for, and they wait for the one that its transaction has.
#[test]
fn changed_rows_of_a_table_of_unknown_size_warn() {
    let site =
        project("", &["LOCK TABLE users IN ACCESS EXCLUSIVE MODE;\nDELETE FROM users WHERE name = 'x';"]);
    let database = at_base(&site);
    let rows = "INSERT INTO users SELECT g, 'a' FROM generate_series(1, 20000) g";
    database.exec(rows);
    let found = document(&site, &database, &[], 0);
    assert_eq!((conclusion(&found, "hazards"), codes(&found, "hazards").len()), ("warns", 1), "{found:#}");
    database.exec("ANALYZE users");
    assert_eq!(judged(&site, &database, "hazards", 0).0, "warns");
    configure(&site, "[gate]\nhazard_rows = 10000\n");
    assert_eq!(judged(&site, &database, "hazards", 1).0, "blocks");
}

/// What nobody has to look at is not the conclusion of a section that is ready.
#[test]
fn an_information_concludes_nothing() {
    let site = project("[lint.rules]\n\"blocks.rewrite\" = \"info\"\n", &[WIDEN]);
    let database = at_base(&site);
    database.exec("INSERT INTO users SELECT g, 'a' FROM generate_series(1, 20000) g; ANALYZE users");
    let found = document(&site, &database, &[], 0);
    let hazards = section(&found, "hazards");
    assert_eq!(codes(&found, "hazards"), ["blocks.rewrite"], "{found:#}");
    assert_eq!(
        (&hazards["conclusion"], hazards["findings"][0]["severity"].as_str()),
        (&"ready".into(), Some("info"))
    );
    assert!(!hazards["what"].as_str().unwrap().contains("public.users"), "{hazards:#}");
}
