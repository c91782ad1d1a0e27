//! What is said of a server, on a real one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{doctor, document, examination, expect, site, what};
use crate::support;
use crate::support::cluster::{Cluster, cluster};
use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::proxy::{Proxy, Then};

/// A server whose answers are those of another one, with some bytes changed for as many others: a major that is not
/// installed here.
fn changed(port: u16, from: &'static str, to: &'static str) -> u16 {
    assert_eq!(from.len(), to.len());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port))) else { return };
            let (mut to_server, mut from_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || answer(server, client, from.as_bytes(), to.as_bytes()));
        }
    });
    own
}

fn answer(mut server: TcpStream, mut client: TcpStream, from: &[u8], to: &[u8]) {
    let mut buffer = [0; 65536];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        for place in 0..count.saturating_sub(from.len()) {
            if &buffer[place..place + from.len()] == from {
                buffer[place..place + from.len()].copy_from_slice(to);
            }
        }
        if client.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn a_major_that_trueup_does_not_know_fails_and_the_rest_goes_on() {
    let (project, _database) = site("");
    let cluster = cluster();
    let version = support::server().version;
    for major in ["13", "19"] {
        let from = format!("server_version\0{}", version.major()).leak();
        let to = format!("server_version\0{major}").leak();
        let port = changed(cluster.port, from, to);
        let url = format!("postgres://app@127.0.0.1:{port}/shop?sslmode=disable");
        let found = document(doctor(&project, url.as_str()).case(major), 1);
        let server = if major == "13" { "fail: ended, unsupported" } else { "fail: unsupported" };
        expect(
            &found,
            &[
                ("server", server),
                ("rights", "warn: seed, upgrade, restore"),
                ("clock", "ok"),
                ("store", "ok"),
            ],
        );
    }
}

#[test]
fn a_standby_is_a_warning() {
    let (project, _database) = site("");
    let primary = Cluster::start(&[]);
    let standby = primary.standby();
    expect(
        &document(doctor(&project, primary.url("postgres@127.0.0.1", "shop").as_str()), 0),
        &[("standby", "ok")],
    );
    let url = standby.url("postgres@127.0.0.1", "shop");
    let found = document(doctor(&project, url.as_str()), 0);
    expect(&found, &[("standby", "warn: standby"), ("rights", "ok"), ("history", "ok"), ("locale", "ok")]);
    primary.psql("ALTER ROLE app SET default_transaction_read_only = on");
    let url = primary.url("app@127.0.0.1", "shop");
    expect(&document(doctor(&project, url.as_str()), 0), &[("standby", "warn: read_only")]);
}

#[test]
fn a_pooler_is_seen_and_everything_else_is_read_through_it() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let (project, database) = site("");
    let pooler = PgBouncer::start(&database, "doctor_pooled", 1);
    let begun = Instant::now();
    let found = document(doctor(&project, pooler.url().as_str()), 0);
    assert!(begun.elapsed() < Duration::from_secs(40));
    expect(&found, &[("pooler", "warn: connection.pooler"), ("rights", "ok"), ("timeouts", "ok")]);
    let session = PgBouncer::start_in("session", &database, "doctor_pooled", 5);
    expect(&document(doctor(&project, session.url().as_str()), 0), &[("pooler", "ok")]);
}

#[test]
fn timeouts_are_those_that_the_role_begins_with() {
    let (project, database) = site("");
    let name = database.name();
    database.exec(&format!("ALTER DATABASE {name} SET statement_timeout = '7min'"));
    let found = document(doctor(&project, &database), 0);
    assert!(what(&found, "timeouts").contains("statement_timeout 420000 ms"), "{found:#}");
    if support::server().version.major() >= 17 {
        database.exec(&format!("ALTER DATABASE {name} SET transaction_timeout = '1h'"));
        expect(&document(doctor(&project, &database), 0), &[("timeouts", "warn: transaction")]);
    }
}

#[test]
fn policies_that_hide_rows_are_named() {
    let (project, database) = site("");
    let role = format!("doctor_rls_{}", database.name());
    database.exec(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON users TO {role}; ALTER TABLE users ENABLE ROW LEVEL SECURITY"
    ));
    let found = document(doctor(&project, database.url_as(&role).as_str()), 0);
    expect(&found, &[("row-security", "warn: hidden")]);
    assert!(what(&found, "row-security").contains("public.users"));
    database.exec(&format!("ALTER ROLE {role} BYPASSRLS"));
    expect(&document(doctor(&project, database.url_as(&role).as_str()), 0), &[("row-security", "ok")]);
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn extensions_that_the_server_does_not_have_fail() {
    let (project, database) = site("");
    let lock = std::fs::read_to_string(project.lock()).unwrap();
    assert!(!lock.contains("citext"));
    std::fs::write(project.path().join("schema/extension.sql"), "CREATE EXTENSION citext;\n").unwrap();
    project.compile();
    let found = document(doctor(&project, &database), 0);
    assert_eq!(what(&found, "extensions"), "not created yet, and installed on the server: citext");
    let lock = std::fs::read_to_string(project.lock()).unwrap();
    std::fs::write(project.lock(), lock.replace("citext", "noneed")).unwrap();
    let found = document(doctor(&project, &database), 1);
    expect(&found, &[("extensions", "fail: missing")]);
}

#[test]
fn another_projects_database_is_told() {
    let (project, _built) =
        site("[backup]\nrequired = \"never\"\n[environments.staging]\n[environments.production]\n");
    let database = support::database();
    std::fs::create_dir(project.path().join("migrations")).unwrap();
    std::fs::write(
        project.path().join("migrations/V1__a.sql"),
        "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n",
    )
    .unwrap();
    project.compile();
    let as_url = [("PRODUCTION", database.url())];
    project.trueup(["upgrade", "--yes", "--env", "staging"], &database).envs(as_url).exit(0);
    expect(&document(doctor(&project, &database), 0), &[("identity", "ok"), ("history", "ok")]);
    let found = document(doctor(&project, &database).args(["--env", "production"]), 1);
    expect(&found, &[("identity", "fail: database.wrong_environment"), ("rights", "ok")]);
    // The mark is told beside a history that is none, too.
    database.exec("ALTER TABLE refinery_schema_history RENAME version TO other");
    let found = document(doctor(&project, &database).args(["--env", "production"]), 1);
    expect(&found, &[("history", "fail: malformed"), ("identity", "fail: database.wrong_environment")]);
}

#[test]
fn indexes_of_another_version_of_the_collation_are_built_without_blocking_writers() {
    if support::server().version.major() < 15 {
        return;
    }
    let (project, database) = site("");
    let proxy = Proxy::start(&database, |_, sql| match sql.contains("d.datcollversion::text") {
        true => Then::Instead(
            sql.replace("d.datcollversion::text", "'1'::text")
                .replace("pg_database_collation_actual_version(d.oid)::text", "'2'::text"),
        ),
        false => Then::Forward,
    });
    let found = document(doctor(&project, proxy.url(&database).as_str()), 0);
    expect(&found, &[("locale", "warn: collation")]);
    let next = examination(&found, "locale")["problems"][0]["next"].as_str().unwrap();
    let (first, then) = next.split_once("; only when that succeeded: ").unwrap();
    assert_eq!(first, format!("REINDEX (CONCURRENTLY) DATABASE {}", database.name()));
    database.exec(first);
    database.exec(then);
}
