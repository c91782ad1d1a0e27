//! The tests' own support: what it promises to the other tests.

use crate::support;
use crate::support::pgbouncer::PgBouncer;
use crate::support::program::{Program, Ran};

#[test]
fn databases_are_fresh_and_apart() {
    let (one, other) = (support::database(), support::database());
    one.exec("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (NULL)");
    assert_eq!(one.query("SELECT a FROM t ORDER BY a"), [[Some("1".to_owned())], [None]]);
    assert_eq!(other.value("SELECT to_regclass('t') IS NULL"), "t");
    assert!(one.try_query("SELECT nonsense").is_err());
}

#[test]
fn a_database_is_dropped_with_whoever_is_in_it() {
    let witness = support::database();
    let database = support::database();
    let name = database.name().to_owned();
    let session = support::runtime().block_on(database.connect());
    drop(database);
    // Databases are made and dropped in the order of the requests.
    drop(support::database());
    let there = witness.value(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
    assert_eq!(there, "0");
    drop(session);
}

#[tokio::test]
async fn it_works_inside_a_runtime() {
    let database = support::database();
    database.exec("CREATE TABLE t ()");
    database.connect().await.execute("SELECT FROM t").await.unwrap();
}

#[test]
fn psql_takes_what_only_it_understands() {
    let database = support::database();
    let script =
        "CREATE TABLE t (a text);\nCOPY t FROM stdin;\none\n\\.\n\\echo :AUTOCOMMIT\nSELECT a FROM t;\n";
    assert_eq!(database.psql(script), "on\none\n");
}

#[test]
fn the_binary_sees_a_clean_environment() {
    let left = Program::of("env").exit(0);
    let names: Vec<_> = left.stdout().lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.contains(&"HOME") && names.contains(&"PATH"), "{names:?}");
    let redirects = |name: &str| ["PG", "DATABASE_URL", "CARGO"].iter().any(|known| name.starts_with(known));
    assert!(!names.iter().any(|name| redirects(name)), "{names:?}");
}

#[test]
fn an_expectation_that_fails_shows_the_command_and_all_that_it_said() {
    let ran = || Program::of("sh").args(["-c", "echo one; echo two >&2; exit 4"]).case("a case").run();
    ran()
        .exit(4)
        .exit_in(&[3, 4])
        .says(["two", "one"])
        .lacks("three")
        .stdout_contains("one")
        .stderr_contains("two");
    let wrong: [fn(Ran) -> Ran; 10] = [
        |ran| ran.exit(0),
        |ran| ran.exit_in(&[0, 5]),
        Ran::killed,
        |ran| ran.says("three"),
        |ran| ran.says(["one", "three"]),
        |ran| ran.lacks("two"),
        |ran| ran.lacks(["three", "one"]),
        |ran| ran.stdout_contains("two"),
        |ran| ran.stderr_contains("one"),
        |ran| ran.json().is_null().then_some(ran).expect("a document"),
    ];
    for (number, expectation) in wrong.into_iter().enumerate() {
        let failure = std::panic::catch_unwind(|| drop(expectation(ran()))).expect_err("it is not so");
        let text = failure.downcast_ref::<String>().expect("words");
        for part in ["`a case: sh -c echo one; ", "`: exit code 4\n", "stdout: one\n", "stderr: two\n"] {
            assert!(text.contains(part), "{number}: no {part:?} in {text}");
        }
    }
}

#[test]
fn a_program_that_does_not_end_in_time_is_killed() {
    let bound = std::time::Duration::from_millis(50);
    let child = Program::of("sh").args(["-c", "echo here; exec sleep 60"]).start();
    let pid = child.pid();
    let ends = std::panic::AssertUnwindSafe(|| drop(child.ends_within(bound)));
    let failure = std::panic::catch_unwind(ends).expect_err("it does not end");
    let text = failure.downcast_ref::<String>().expect("words");
    assert!(text.contains("did not end within 50ms") && text.contains("stdout: here"), "{text}");
    assert!(nix::sys::signal::kill(pid, None).is_err(), "it is gone");
}

#[test]
fn a_program_that_writes_more_than_a_pipe_holds_ends() {
    let much = "head -c 1000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero | tr '\\0' y >&2";
    let ran =
        Program::of("sh").args(["-c", much]).start().ends_within(std::time::Duration::from_secs(20)).exit(0);
    assert_eq!((ran.stdout().len(), ran.stderr().len()), (1_000_000, 1_000_000));
}

#[test]
fn a_role_can_be_chosen() {
    let database = support::database();
    database.exec("CREATE ROLE \"a role\" LOGIN");
    let url = database.url_as("a role");
    let who = support::runtime().block_on(async {
        let mut session =
            trueup::postgres::connection::Target::parse(&url).unwrap().connect("test").await.unwrap();
        let mut who = None;
        session
            .message("SELECT current_user".to_owned(), |_, row| {
                who = row.text(0).map(str::to_owned);
                Ok(())
            })
            .await
            .unwrap();
        who
    });
    assert_eq!(who.as_deref(), Some("a role"));
    database.exec("DROP ROLE \"a role\"");
}

#[test]
fn two_majors_can_run_side_by_side() {
    let one = support::database();
    let other = support::server_of(Some(one.server.version.major())).database();
    assert_ne!(one.socket_dir(), other.socket_dir());
    assert_eq!(one.server.version, other.server.version);
}

#[test]
fn the_pooler_pools_transactions() {
    let database = support::database();
    let pooler = PgBouncer::start(&database, "trueup_scratch", 1);
    let settings = support::runtime().block_on(async {
        // Without startup parameters, which the pooler refuses, and as an application would: SET on one connection
        // is met by the next one, because both are the same session of the server.
        let target = trueup::postgres::connection::Target::parse(&pooler.url()).unwrap();
        let mut one = target.connect("one").await.unwrap();
        let mut other = target.connect("other").await.unwrap();
        one.execute("SET search_path = elsewhere").await.unwrap();
        let mut seen = None;
        other
            .message("SHOW search_path".to_owned(), |_, row| {
                seen = row.text(0).map(str::to_owned);
                Ok(())
            })
            .await
            .unwrap();
        seen
    });
    assert_eq!(settings.as_deref(), Some("elsewhere"));
}
