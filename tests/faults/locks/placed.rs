//! Settings of roles and databases, and servers that take no writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CHANGE, TABLE, applied, project, untouched, upgrade};
use crate::support;
use crate::support::cluster::Cluster;
use crate::support::proxy::{Proxy, Then};

/// A setting of a role or database that would disturb a run, and a value that does.
const HOSTILE: [(&str, &str); 14] = [
    ("statement_timeout", "'1ms'"),
    ("lock_timeout", "'1ms'"),
    ("idle_in_transaction_session_timeout", "'1ms'"),
    ("search_path", "nowhere"),
    ("search_path", "public, pg_catalog"),
    ("row_security", "off"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_isolation", "'repeatable read'"),
    ("default_transaction_deferrable", "on"),
    ("standard_conforming_strings", "off"),
    ("client_min_messages", "debug5"),
    ("TimeZone", "'Asia/Kathmandu'"),
    ("DateStyle", "'SQL, DMY'"),
    ("synchronous_commit", "off"),
];

/// What a run is set to while its script runs: written down by the script itself.
const WITNESS: &str = "CREATE TABLE public.witness (name text, setting text);\n\
    INSERT INTO witness SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', \
    'idle_in_transaction_session_timeout', 'idle_session_timeout', 'search_path', 'row_security', \
    'transaction_isolation', 'transaction_read_only', 'standard_conforming_strings', 'synchronous_commit');\n\
    INSERT INTO witness SELECT 'slept', pg_sleep(0.05)::text;\n";

#[test]
fn f24_settings_of_a_role_or_database_do_not_disturb_a_run() {
    let project = project("", &[("V1__witness.sql", WITNESS)]);
    let admin = support::database();
    let expected = [
        ("idle_in_transaction_session_timeout", "60000"),
        ("idle_session_timeout", "60000"),
        ("lock_timeout", "3000"),
        ("row_security", "off"),
        ("search_path", "public, pg_temp"),
        ("slept", ""),
        ("standard_conforming_strings", "on"),
        ("statement_timeout", "30000"),
        ("synchronous_commit", "on"),
        ("transaction_isolation", "read committed"),
        ("transaction_read_only", "off"),
    ];
    admin.exec("CREATE ROLE f24_deploy SUPERUSER LOGIN");
    for (name, value) in HOSTILE {
        for of_role in [true, false] {
            let database = support::database();
            let subject =
                if of_role { "ROLE f24_deploy".to_owned() } else { format!("DATABASE {}", database.name()) };
            admin.exec(&format!("ALTER {subject} SET {name} = {value}"));
            let ran = upgrade(&project, &database.url_as("f24_deploy"))
                .case(format!("{subject} SET {name} = {value}"))
                .run();
            admin.exec(&format!("ALTER {subject} RESET {name}"));
            ran.exit(0);
            let found =
                database.query("SELECT name, setting FROM public.witness ORDER BY name COLLATE \"C\"");
            let found: Vec<(&str, &str)> =
                found.iter().map(|row| (row[0].as_deref().unwrap(), row[1].as_deref().unwrap())).collect();
            assert_eq!(found, expected, "{subject} SET {name} = {value}");
            assert_eq!(applied(&database), ["1 witness"]);
            database.exec("DROP OWNED BY f24_deploy");
        }
    }
    admin.exec("DROP ROLE f24_deploy");
}

/// A statement_timeout of the role or database holds again for a moment whenever the session is made clean: what it cuts off
/// there, before the script, is said again, and not for ever.
#[test]
fn f24_a_session_that_is_cut_off_while_it_is_set_up_is_set_up_again() {
    const OVERRULED: &str = "SET statement_timeout = 0;";
    let cut_off = |text: &str| {
        let slow = format!("SET statement_timeout = 1; SELECT FROM pg_sleep(1); {OVERRULED}");
        Then::Instead(text.replace(OVERRULED, &slow))
    };
    let sets_up = |text: &str| text.contains("RESET ALL") && text.contains(OVERRULED);
    let concurrently = "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY items_note ON items (note);\n";
    let project =
        project("", &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE), ("V3__index.sql", concurrently)]);

    let database = support::database();
    let (met, lost) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&lost);
    let proxy = Proxy::start(&database, move |_, text| {
        // Every other one, so that each of them is met.
        if sets_up(text) && met.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            counted.fetch_add(1, Ordering::Relaxed);
            return cut_off(text);
        }
        Then::Forward
    });
    upgrade(&project, &proxy.url(&database)).exit(0).says("done: applied 3 migrations");
    assert_eq!(applied(&database), ["1 items", "2 note", "3 index"]);
    assert!(lost.load(Ordering::Relaxed) >= 3, "{lost:?}");

    let database = support::database();
    let proxy =
        Proxy::start(&database, move |_, text| if sets_up(text) { cut_off(text) } else { Then::Forward });
    upgrade(&project, &proxy.url(&database))
        .exit(75)
        .says("preparing the session: the server stopped the statement");
    untouched(&database);
}

/// A proxy that swallows settings: what is read back decides, before the script runs.
#[test]
fn f24_a_setting_that_does_not_take_is_noticed() {
    let change = format!("-- trueup: lock-timeout 7s\n{CHANGE}");
    let project = project("", &[("V1__items.sql", TABLE), ("V2__note.sql", &change)]);
    let database = support::database();
    let proxy = Proxy::start(&database, |_, text| Then::Instead(text.replace("'7000ms'", "'0'")));
    // The first migration stays.
    let words = "the server did not take a setting: lock_timeout is \"0\", not \"7000ms\"";
    upgrade(&project, &proxy.url(&database)).exit(6).says([words, "was not begun"]);
    assert_eq!(applied(&database), ["1 items"]);
    upgrade(&project, &database).exit(0).says("done: applied 1 migration");
}

#[test]
fn f25_a_read_only_default_is_refused_before_anything() {
    let project = project("", &[("V1__items.sql", TABLE)]);
    let admin = support::database();
    admin.exec("CREATE ROLE f25_deploy SUPERUSER LOGIN");
    for of_role in [true, false] {
        let database = support::database();
        let url = database.url_as("f25_deploy");
        let subject =
            if of_role { "ROLE f25_deploy".to_owned() } else { format!("DATABASE {}", database.name()) };
        admin.exec(&format!("ALTER {subject} SET default_transaction_read_only = on"));
        upgrade(&project, &url)
            .exit(4)
            .says(["are read-only (default_transaction_read_only = on)", "ALTER ROLE"]);
        upgrade(&project, &url).arg("--dry-run").exit(0).says(["V1__items", "nothing was changed"]);
        project.trueup(["status"], &url).exit(1).says("1 pending");
        project.check(&url).exit(1).says("pending");
        admin.exec(&format!("ALTER {subject} RESET default_transaction_read_only"));
        untouched(&database);
    }
    admin.exec("DROP ROLE f25_deploy");
}

#[test]
fn f25_a_standby_is_refused_before_anything() {
    let project = project("", &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
    let primary = Cluster::start(&["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    let url = primary.url("postgres@127.0.0.1", "shop");
    upgrade(&project, &url).args(["--to", "1"]).exit(0);
    let standby = primary.standby();
    let url = standby.url("postgres@127.0.0.1", "shop");
    upgrade(&project, &url)
        .exit(4)
        .says(["is a standby: nothing can be written there", "give the address of the primary"]);
    let locks =
        support::try_query_at(&url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").unwrap();
    assert_eq!(locks, [[Some("0".to_owned())]]);
    upgrade(&project, &url).arg("--dry-run").exit(0).says(["V2__note", "nothing was changed"]);
    project.trueup(["status"], &url).exit(1).says("1 pending");
    project.check(&url).exit(1).says("pending");
    upgrade(&project, &url).arg("--sql").run().stdout_contains("ADD COLUMN note");
}
