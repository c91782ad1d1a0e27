//! Every way in which connecting fails has its own clear message, exit code and remedy, and none holds a password.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support;
use crate::support::cluster::{Cluster, cluster, fake_server};
use crate::support::program::Program;
use trueup::error::{Exit, Failure};
use trueup::postgres::connection::{PasswordSources, Session, Target};

fn connect(target: &Target) -> anyhow::Result<Session> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let session = runtime.block_on(target.connect("trueup/test connect"));
    runtime.shutdown_background();
    session
}

fn failure(target: &Target) -> Failure {
    let error = connect(target).map(|_| ()).expect_err(&target.to_string());
    error.downcast::<Failure>().expect("a Failure")
}

/// Expects a failure with this code, these words, and a remedy.
#[track_caller]
fn refused(url: &str, exit: Exit, words: &[&str]) -> Failure {
    let failure = failure(&Target::parse(url).unwrap());
    let text = format!("{}\n{}", failure.what, failure.next);
    assert_eq!(failure.exit, exit, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
    assert!(!failure.next.is_empty(), "no remedy: {text}");
    assert!(!text.contains("at line") && !text.contains("os error"), "{text}");
    failure
}

const TELL: Exit = Exit::CannotTell;

#[test]
fn connects_by_tcp_by_socket_and_with_a_password() {
    let cluster = cluster();
    let socket =
        format!("postgres://app@/shop?host={}&port={}", cluster.socket_dir().display(), cluster.port);
    for url in [
        cluster.url("app@127.0.0.1", "shop"),
        cluster.url("app@localhost", "shop?options=-cnonsense%3D1&application_name=x"),
        cluster.url("secured:right%3Aone@127.0.0.1", "shop"),
        cluster.url("encrypted@127.0.0.1", "shop"),
        cluster.url("encrypted@127.0.0.1", "shop?sslmode=allow"),
        socket,
    ] {
        if let Err(error) = connect(&Target::parse(&url).unwrap()) {
            panic!("{url}: {error:#}");
        }
    }
}

#[test]
fn role_password_and_database_are_told_apart() {
    let cluster = cluster();
    let url = |place, rest| cluster.url(place, rest);
    refused(&url("secured:wrong@127.0.0.1", "shop"), TELL, &["the password of role \"secured\" is wrong"]);
    refused(&url("secured@127.0.0.1", "shop"), TELL, &["needs a password, and none was given", "PGPASSWORD"]);
    refused(&url("forbidden@127.0.0.1", "shop"), TELL, &["refuses role \"forbidden\"", "pg_hba.conf"]);
    refused(&url("cannot_login@127.0.0.1", "shop"), TELL, &["refuses role \"cannot_login\"", "may log in"]);
    refused(&url("app@127.0.0.1", "shpo"), TELL, &["there is no database \"shpo\"", "never creates it"]);
    refused(
        &url("app@127.0.0.1", "closed"),
        TELL,
        &["role \"app\" may not connect to database \"closed\"", "GRANT CONNECT ON DATABASE closed TO app"],
    );
    let socket = cluster.socket_dir().display();
    refused(
        &format!("postgres://nobody_here@/shop?host={socket}&port={}", cluster.port),
        TELL,
        &["refuses role \"nobody_here\"", "exists and may log in"],
    );
    refused(&format!("postgres://app@/shop?host={socket}&port=1"), TELL, &["there is no such socket"]);
}

#[test]
fn what_the_server_answers_later_is_put_into_words() {
    let cluster = cluster();
    let superuser = Target::parse(&cluster.url("postgres@127.0.0.1", "shop")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut holder = superuser.connect("trueup/test holder").await.unwrap();
        holder.execute("CREATE TABLE private (id int); CREATE TABLE held (id int)").await.unwrap();
        holder.execute("BEGIN; LOCK TABLE held").await.unwrap();
        for (role, sql, exit, words) in [
            (
                "app",
                "SELECT * FROM private",
                TELL,
                "looking: this role lacks a right: permission denied for table",
            ),
            (
                "postgres",
                "SET statement_timeout = 10; SELECT pg_sleep(9)",
                Exit::Busy,
                "stopped the statement",
            ),
            (
                "postgres",
                "SET lock_timeout = 10; SELECT * FROM held",
                Exit::Busy,
                "timed out waiting for a lock",
            ),
            (
                "postgres",
                "SELECT pg_terminate_backend(pg_backend_pid())",
                TELL,
                "the server ended the connection",
            ),
            ("postgres", "SELECT 1/0", TELL, "the server answered: division by zero"),
        ] {
            let url = cluster.url(&format!("{role}@127.0.0.1"), "shop");
            let mut session = Target::parse(&url).unwrap().connect("trueup/test").await.unwrap();
            let error = session.execute(sql).await.unwrap_err();
            let failure =
                trueup::postgres::connection::server_failure(error, "looking").downcast::<Failure>().unwrap();
            assert_eq!(failure.exit, exit, "{failure}");
            assert!(failure.what.contains(words) && !failure.what.contains("at line"), "{failure}");
        }
        holder.execute("ROLLBACK; DROP TABLE private, held").await.unwrap();
    });
}

#[test]
fn f34_too_many_connections() {
    refused(&cluster().url("app@127.0.0.1", "crowded"), TELL, &["takes no more connections"]);
    let small =
        Cluster::start(&["max_connections=4", "superuser_reserved_connections=3", "max_wal_senders=0"]);
    let target = Target::parse(&small.url("app@127.0.0.1", "shop")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _held = runtime.block_on(target.connect("trueup/test holder")).unwrap();
    refused(&small.url("app@127.0.0.1", "shop"), TELL, &["takes no more connections", "pg_stat_activity"]);
}

#[test]
fn tls_that_is_missing_or_not_trusted() {
    let cluster = cluster();
    let url = |place, rest: &str| cluster.url(place, rest);
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/ca.pem");
    for good in [
        url("app@localhost", &format!("shop?sslmode=verify-full&sslrootcert={ca}")),
        url("app@127.0.0.1", &format!("shop?sslmode=verify-ca&sslrootcert={ca}")),
        url("app@127.0.0.1", "shop?sslmode=require"),
    ] {
        if let Err(error) = connect(&Target::parse(&good).unwrap()) {
            panic!("{good}: {error:#}");
        }
    }
    refused(&url("encrypted@127.0.0.1", "shop?sslmode=disable"), TELL, &["without TLS", "sslmode=require"]);
    refused(
        &url("app@localhost", "shop?sslmode=verify-full"),
        TELL,
        &["certificate is not trusted", "sslrootcert="],
    );
    refused(
        &url("app@127.0.0.1", &format!("shop?sslmode=verify-full&sslrootcert={ca}")),
        TELL,
        &["certificate is for another name than \"127.0.0.1\"", "sslmode=verify-ca"],
    );
    let missing =
        Target::parse(&url("app@localhost", "shop?sslmode=verify-full&sslrootcert=/none.pem")).unwrap();
    let missing = failure(&missing);
    assert_eq!(missing.exit, Exit::Usage);
    assert!(missing.what.contains("sslrootcert: /none.pem cannot be read: No such file"), "{missing}");
}

#[test]
fn nobody_there_or_somebody_else() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    refused(
        &format!("postgres://a@127.0.0.1:{closed}/x"),
        TELL,
        &[&format!("127.0.0.1:{closed}: connection refused: no server is listening there")],
    );
    refused("postgres://a@no-such-host.invalid/x", TELL, &["\"no-such-host.invalid\" cannot be resolved"]);
    let web = fake_server(|_, stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    for (mode, words) in [
        ("prefer", "the server there is not PostgreSQL"),
        ("disable", "check that this is a PostgreSQL server"),
    ] {
        refused(&format!("postgres://a@127.0.0.1:{web}/x?sslmode={mode}"), TELL, &[words]);
    }
    let hangs_up = fake_server(|_, stream| {
        let _ = stream.read(&mut [0; 1024]);
    });
    refused(
        &format!("postgres://a@127.0.0.1:{hangs_up}/x"),
        TELL,
        &["closed before the server said anything"],
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = fake_server(|_, stream| {
        // Reads until the other side has gone.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let began = Instant::now();
    refused(&format!("postgres://a@127.0.0.1:{silent}/x?connect_timeout=1"), TELL, &["no answer within 1 s"]);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// Answers N to a request for TLS, then an error to the startup message.
fn answer_error(stream: &mut TcpStream, sqlstate: &str, message: &str) {
    let mut request = [0; 1024];
    let read = stream.read(&mut request).unwrap_or(0);
    if read == 8 {
        let _ = stream.write_all(b"N");
        let _ = stream.read(&mut request);
    }
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let _ = stream.write_all(b"E");
    let _ = stream.write_all(&u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    let _ = stream.write_all(fields.as_bytes());
}

#[test]
fn f10_a_starting_server_is_waited_for_within_the_budget() {
    let port = fake_server(|number, stream| {
        let sqlstate =
            if number < 3 { ("57P03", "the database system is starting up") } else { ("3D000", "up now") };
        answer_error(stream, sqlstate.0, sqlstate.1);
    });
    refused(&format!("postgres://a@127.0.0.1:{port}/x"), TELL, &["there is no database", "up now"]);
    let port = fake_server(|_, stream| answer_error(stream, "57P03", "the database system is starting up"));
    let began = Instant::now();
    refused(
        &format!("postgres://a@127.0.0.1:{port}/x?connect_timeout=1"),
        TELL,
        &["not ready: the database system is starting up", "try again"],
    );
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_poolers_answers_are_understood() {
    for (message, words) in [
        ("no such database: x", "its own list of databases"),
        ("password authentication failed", "its own list of roles"),
        ("SSL required", "sslmode=require"),
        ("no more connections allowed (max_client_conn)", "raise the pooler's limits"),
    ] {
        let port = fake_server(move |_, stream| answer_error(stream, "08P01", message));
        refused(&format!("postgres://a@127.0.0.1:{port}/x"), TELL, &[message, words]);
    }
}

/// 0.0.0.0 reaches this machine and is no loopback address: what another machine would be.
#[test]
fn f55_tls_downgrade_is_refused_on_a_protected_environment() {
    let port = fake_server(|_, stream| answer_error(stream, "3D000", "the startup message came through"));
    let url = format!("postgres://app:canary@0.0.0.0:{port}/shop");
    refused(&url, TELL, &["came through"]);
    refused(&format!("{url}?sslmode=require"), TELL, &["requires TLS, and the server offers none"]);
    for mode in ["", "?sslmode=allow", "?sslmode=prefer"] {
        let mut target = Target::parse(&format!("{url}{mode}")).unwrap();
        target.require_encryption("production").unwrap();
        let failure = failure(&target);
        assert_eq!(failure.exit, Exit::Refused);
        assert!(
            failure.what.contains("offers no TLS, and environment \"production\" is protected"),
            "{failure}"
        );
    }
}

#[test]
fn a_password_file_is_used_if_only_its_owner_can_read_it() {
    let cluster = cluster();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pgpass");
    fs::write(&file, format!("127.0.0.1:{}:shop:secured:right\\:one\n", cluster.port)).unwrap();
    let mut target = Target::parse(&cluster.url("secured@127.0.0.1", "shop")).unwrap();
    let sources = PasswordSources { password: None, file: Some(file.clone()) };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    target.find_password(&sources);
    let failure = failure(&target);
    assert!(failure.next.contains("chmod 600"), "{}", failure.next);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    target.find_password(&sources);
    connect(&target).unwrap();
}

// The binary.

fn project(settings: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("schema")).unwrap();
    fs::write(dir.path().join("schema/users.sql"), "CREATE TABLE users (id bigint PRIMARY KEY);\n").unwrap();
    fs::write(dir.path().join("trueup.toml"), settings).unwrap();
    dir
}

fn trueup(project: &TempDir, args: &[&str]) -> Program {
    support::trueup(args).current_dir(project).env("HOME", project.path())
}

#[test]
fn f54_pg_variables_do_not_redirect_a_connection() {
    let cluster = cluster();
    let dir = project("");
    // Nobody changes this database: two checks of it say the same.
    let url = cluster.url("app@127.0.0.1", "quiet");
    let hostile = [
        ("PGHOST", "elsewhere.invalid"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGDATABASE", "postgres"),
        ("PGUSER", "postgres"),
        ("PGOPTIONS", "-c nonsense_setting=1"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/none.pem"),
        ("PGSSLCERT", "/none.pem"),
        ("PGAPPNAME", "somebody"),
        ("PGSERVICE", "elsewhere"),
        ("PGSYSCONFDIR", "/none"),
    ];
    let check = |url: &str| trueup(&dir, &["check"]).env("DATABASE_URL", url);
    let plain = check(&url).run();
    let ran = check(&url).envs(hostile).run().lacks("cannot connect");
    assert_eq!((ran.code(), ran.said()), (plain.code(), plain.said()));
    check("postgres://app@127.0.0.1:1/shop")
        .envs(hostile)
        .exit(3)
        .says("cannot connect to 127.0.0.1:1: connection refused: no server is listening");
}

#[test]
fn f53_a_canary_password_appears_in_no_output() {
    let cluster = cluster();
    let dir = project("");
    let port = cluster.port;
    for (url, exit) in [
        (format!("postgres://secured:canary@127.0.0.1:{port}/shop"), 3),
        (format!("postgres://app:canary@127.0.0.1:{port}/none"), 3),
        ("postgres://app:canary@127.0.0.1:1/shop".to_owned(), 3),
        ("postgres://app:canary@no-such-host.invalid/shop".to_owned(), 3),
        ("postgres://app:can/ary@localhost/shop".to_owned(), 2),
        ("postgres://app:canary@localhost".to_owned(), 2),
        ("mysql://app:canary@localhost/shop".to_owned(), 2),
    ] {
        for args in [&["check"][..], &["check", "-v"], &["check", "--format", "json"]] {
            let by_variable = trueup(&dir, args).env("DATABASE_URL", &url);
            let by_flag = trueup(&dir, args).args(["--database-url", &url]);
            for check in [by_variable, by_flag] {
                check.case(&url).exit(exit).lacks(["canary", "ary@"]);
            }
        }
    }
    trueup(&dir, &["check", "-v"])
        .env("DATABASE_URL", cluster.url("secured@127.0.0.1", "shop"))
        .env("PGPASSWORD", "canary")
        .exit(3)
        .lacks("canary");
}

#[test]
fn f55_the_binary_refuses_a_downgrade() {
    let dir = project("[environments.production]\nprotected = true\n");
    let port = fake_server(|_, stream| answer_error(stream, "3D000", "the startup message came through"));
    for rest in ["", "?sslmode=disable"] {
        let url = format!("postgres://app@0.0.0.0:{port}/shop{rest}");
        trueup(&dir, &["check", "--env", "production"]).env("DATABASE_URL", url).exit(4);
    }
}

#[test]
fn no_database_is_no_default_database() {
    let dir = project("[database]\nurl_env = \"SHOP_URL\"\n");
    let document = trueup(&dir, &["check"]).env("DATABASE_URL", "postgres://a@b/c").document();
    assert_eq!((&document["exit_code"], &document["outcome"]), (&2.into(), &"usage".into()));
    assert!(document["error"]["what"].as_str().unwrap().contains("the variable SHOP_URL is not set"));
    assert!(document["error"]["next"].as_str().unwrap().contains("--database-url"));
}
