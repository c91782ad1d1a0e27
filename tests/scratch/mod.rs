//! Throwaway servers: they start, they keep apart, and nothing of them outlives the process that holds them.

mod support_works;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trueup::error::{Exit, Failure};
use trueup::postgres::scratch::{Scratch, ScratchOptions, left_behind};

use crate::support;

/// Tells the re-executed test binary that it is the child.
const CHILD: &str = "TRUEUP_TEST_CHILD";

async fn start() -> Scratch {
    let options = ScratchOptions {
        bin_dir: std::env::var_os("TRUEUP_PG_BIN").map(Into::into),
        major: std::env::var("TRUEUP_TEST_MAJOR").ok().map(|text| text.parse().expect("a major")),
        ..ScratchOptions::default()
    };
    Scratch::start(&options).await.expect("a scratch server")
}

async fn ask(
    scratch: &Scratch,
    database: &trueup::postgres::scratch::ScratchDatabase,
    sql: &str,
) -> Vec<String> {
    let mut session = scratch.connect(database).await.expect("a session");
    let mut answer = Vec::new();
    session
        .message(sql.to_owned(), |_, row| {
            answer.extend(row.text(0).map(str::to_owned));
            Ok(())
        })
        .await
        .expect(sql);
    session.close().await;
    answer
}

/// The directory of a local server, from a URL of it.
fn directory(url: &str) -> PathBuf {
    url.split_once("?host=").expect("a socket").1.into()
}

/// Over the loopback interface every user of the machine can ask: only who has the password is answered.
#[tokio::test]
async fn a_server_that_programs_reach_over_the_network_asks_for_a_password() {
    let bin_dir = std::env::var_os("TRUEUP_PG_BIN").map(Into::into);
    let options = ScratchOptions { bin_dir, loopback: true, ..ScratchOptions::default() };
    let mut scratch = Scratch::start(&options).await.expect("a scratch server");
    let database = scratch.create_database().await.unwrap();
    let url = scratch.url(&database);
    let (role, address) = url.rsplit_once('@').unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let (role, password) = role.rsplit_once(':').unwrap();
    assert_eq!((role, password.len()), ("postgresql://trueup_scratch", 48));
    let asked = support::try_query_at(&url, "SELECT 1");
    assert_eq!(asked.expect("answers").len(), 1);
    for wrong in [
        format!("{role}:{}@{address}", password.to_uppercase().replace('0', "1")),
        format!("{role}@{address}"),
    ] {
        assert!(support::try_query_at(&wrong, "SELECT 1").is_err(), "{wrong}");
    }
    // trueup itself takes the private socket, and another server listens nowhere else.
    let own = ask(&scratch, &database, "SELECT inet_client_addr() IS NULL").await;
    assert_eq!(own, ["t"]);
    scratch.stop().await.expect("stopped");
    let mut scratch = start().await;
    let database = scratch.create_database().await.unwrap();
    let listens = ask(&scratch, &database, "SELECT current_setting('listen_addresses')").await;
    assert_eq!(listens, [""]);
    scratch.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_server_starts_answers_and_leaves_nothing() {
    let mut scratch = start().await;
    let one = scratch.create_database().await.unwrap();
    let other = scratch.create_database().await.unwrap();
    assert_ne!(one, other);
    let role = ask(&scratch, &one, "SELECT current_user || ' ' || current_setting('is_superuser')").await;
    assert_eq!(role, ["trueup_scratch on"]);
    ask(&scratch, &one, "CREATE TABLE t ()").await;
    assert_eq!(ask(&scratch, &other, "SELECT to_regclass('t') IS NULL").await, ["t"], "databases are apart");
    scratch.drop_database(one).await.unwrap();
    let directory = directory(&scratch.url(&other));
    assert!(directory.is_dir());
    scratch.stop().await.unwrap();
    assert!(!directory.exists());
}

#[tokio::test]
async fn two_starts_at_once_give_two_servers() {
    let (mut one, mut other) = tokio::join!(start(), start());
    let a = one.create_database().await.unwrap();
    let b = other.create_database().await.unwrap();
    assert_ne!(directory(&one.url(&a)), directory(&other.url(&b)));
    ask(&one, &a, "CREATE TABLE t ()").await;
    one.stop().await.unwrap();
    assert_eq!(ask(&other, &b, "SELECT to_regclass('t') IS NULL").await, ["t"], "the other one lives on");
}

#[tokio::test]
async fn dropping_a_server_stops_it() {
    let mut scratch = start().await;
    let database = scratch.create_database().await.unwrap();
    let directory = directory(&scratch.url(&database));
    let postmaster = postmaster(&directory);
    drop(scratch);
    assert!(!directory.exists());
    assert!(!runs(postmaster));
}

#[tokio::test]
async fn only_its_own_account_reaches_it() {
    let mut scratch = start().await;
    let database = scratch.create_database().await.unwrap();
    let directory = directory(&scratch.url(&database));
    for dir in [directory.as_path(), directory.parent().unwrap()] {
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", dir.display());
    }
    let listening = ask(&scratch, &database, "SELECT current_setting('listen_addresses')").await;
    assert_eq!(listening, [""]);
}

#[tokio::test]
async fn variables_of_libpq_do_not_reach_the_server() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env("PGDATA", "/nonexistent").env("PGPORT", "1").env("PGTZ", "nonsense");
    let mut holder = Holder::spawn(child);
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
}

#[tokio::test]
async fn no_binaries_is_said_with_the_places_and_the_ways_out() {
    let options = ScratchOptions { bin_dir: Some("/nonexistent/bin".into()), ..Default::default() };
    let error = Scratch::start(&options).await.unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert_eq!(failure.exit, Exit::CannotTell);
    assert!(failure.what.contains("/nonexistent/bin"), "{}", failure.what);
    for way in ["package", "scripts/postgres", "--pg-bin", "--scratch-url"] {
        assert!(failure.next.contains(way), "{way}: {}", failure.next);
    }
}

#[tokio::test]
async fn a_damaged_template_is_made_anew() {
    // Binaries under another path have a template of their own, which no other test uses.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::set_permissions(elsewhere.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let bin_dir = elsewhere.path().join("bin");
    std::os::unix::fs::symlink(&support::server().bin_dir, &bin_dir).unwrap();
    let options = ScratchOptions { bin_dir: Some(bin_dir.clone()), ..Default::default() };

    let mut scratch = Scratch::start(&options).await.unwrap();
    let database = scratch.create_database().await.unwrap();
    let home = directory(&scratch.url(&database)).parent().unwrap().to_owned();
    scratch.stop().await.unwrap();
    let template = std::fs::read_dir(&home)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|dir| {
            std::fs::read_to_string(dir.join("trueup.binaries")).is_ok_and(|of| Path::new(&of) == bin_dir)
        })
        .expect("its template");
    std::fs::remove_file(template.join("global/pg_control")).unwrap();

    Scratch::start(&options).await.expect("a server from a new template").stop().await.unwrap();
    assert!(template.join("global/pg_control").exists());

    drop(elsewhere);
    start().await.stop().await.unwrap();
    assert!(!template.exists(), "a template whose binaries are gone is swept");
}

#[test]
fn kill_9_leaves_neither_process_nor_directory() {
    let mut holder = Holder::start();
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    holder.assert_gone();
}

#[test]
fn sigterm_leaves_neither_process_nor_directory() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut holder = Holder::start();
        kill(holder.pid(), signal).unwrap();
        holder.child.wait().unwrap();
        holder.assert_gone();
    }
}

#[tokio::test]
async fn what_is_left_without_a_watchdog_is_swept_by_the_next_start() {
    let mut holder = Holder::start();
    // One that is at work must survive the sweep.
    let bystander = Holder::start();
    let watchdog = watchdog(&holder.directory);
    kill(watchdog, Signal::SIGKILL).unwrap();
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    start().await.stop().await.unwrap();
    holder.assert_gone();
    assert!(runs(bystander.postmaster) && bystander.directory.is_dir());
}

#[tokio::test]
async fn a_given_server_is_left_as_it_was() {
    let host = support::server().database();
    let options = ScratchOptions { url: Some(host.url().to_owned()), ..Default::default() };
    let mut given = Scratch::start(&options).await.unwrap();
    let database = given.create_database().await.unwrap();
    let name = database.name().to_owned();
    assert!(name.starts_with("trueup_scratch_"), "{name}");
    let role = format!("Owner of \"{name}");
    given.create_role(&role).await.unwrap();
    given.create_role(&role).await.expect("a role that exists is as good");
    let owner = format!("\"{}\"", role.replace('"', "\"\""));
    ask(&given, &database, &format!("CREATE SCHEMA s AUTHORIZATION {owner}")).await;
    assert!(given.url(&database).contains(&name));
    assert_eq!(there(&host, &name, &role), ["1", "1"]);
    given.stop().await.unwrap();
    assert_eq!(there(&host, &name, &role), ["0", "0"]);
}

#[tokio::test]
async fn an_interrupted_run_leaves_a_given_server_as_it_was() {
    let host = support::server().database();
    let options = ScratchOptions { url: Some(host.url().to_owned()), ..Default::default() };
    let mut given = Scratch::start(&options).await.unwrap();
    let name = given.create_database().await.unwrap().name().to_owned();
    given.create_role("interrupted").await.unwrap();
    drop(given);
    assert_eq!(there(&host, &name, "interrupted"), ["0", "0"]);
}

#[tokio::test]
async fn what_a_given_server_keeps_is_said() {
    let mut host = start().await;
    let database = host.create_database().await.unwrap();
    let options = ScratchOptions { url: Some(host.url(&database)), ..Default::default() };
    let mut given = Scratch::start(&options).await.unwrap();
    let name = given.create_database().await.unwrap().name().to_owned();
    host.stop().await.unwrap();
    drop(given);
    let left = left_behind();
    assert!(left.iter().any(|statement| statement.contains(&name)), "{left:?}");
}

#[tokio::test]
async fn a_role_that_may_make_no_database_is_told_so() {
    let host = support::server().database();
    host.exec("CREATE ROLE may_nothing LOGIN");
    let options = ScratchOptions { url: Some(host.url_as("may_nothing")), ..Default::default() };
    let mut given = Scratch::start(&options).await.unwrap();
    let error = given.create_database().await.unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert_eq!(failure.exit, Exit::CannotTell);
    assert!(failure.next.contains("CREATEDB"), "{}", failure.next);
    drop(given);
    host.exec("DROP ROLE may_nothing");
}

#[tokio::test]
async fn another_major_than_asked_for_is_refused() {
    let host = support::server().database();
    let other = if host.server.version.major() == 14 { 15 } else { 14 };
    let options =
        ScratchOptions { url: Some(host.url().to_owned()), major: Some(other), ..Default::default() };
    let error = Scratch::start(&options).await.unwrap_err();
    assert!(error.to_string().contains(&format!("must be {other}")), "{error}");
}

/// How many databases and roles of these names the server has.
fn there(host: &support::TestDatabase, database: &str, role: &str) -> [String; 2] {
    let role = role.replace('\'', "''");
    [
        host.value(&format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'")),
        host.value(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")),
    ]
}

/// Another process that holds a scratch server until it is killed.
struct Holder {
    child: Child,
    directory: PathBuf,
    postmaster: i32,
}

impl Holder {
    fn start() -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .args(["--exact", "scratch::holds_a_server_until_it_is_killed", "--ignored", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("holds ").map(|(_, url)| url.to_owned()))
            .expect("the child's server");
        let directory = directory(&url);
        let postmaster = postmaster(&directory);
        assert!(runs(postmaster));
        Self { child, directory, postmaster }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    fn assert_gone(&self) {
        let killed = Instant::now();
        while self.directory.exists() || runs(self.postmaster) {
            assert!(killed.elapsed() < Duration::from_secs(5), "{} is still there", self.directory.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what [`Holder`] runs in a process of its own.
#[test]
#[ignore = "run by the tests that kill it"]
#[allow(clippy::print_stdout, reason = "how the child tells where its server is")]
fn holds_a_server_until_it_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    support::runtime().block_on(async {
        let mut scratch = start().await;
        let database = scratch.create_database().await.unwrap();
        assert_eq!(ask(&scratch, &database, "SELECT 1").await, ["1"]);
        println!("holds {}", scratch.url(&database));
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
}

fn postmaster(directory: &Path) -> i32 {
    let text = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

/// Whether a process is there and not only waits to be reaped by whoever adopted it.
fn runs(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])))
}

/// The shell that watches over a directory.
fn watchdog(directory: &Path) -> Pid {
    let wanted = format!("trueup-watchdog\0{}\0", directory.display());
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
            String::from_utf8_lossy(&arguments).ends_with(&wanted).then(|| Pid::from_raw(pid))
        })
        .expect("a watchdog")
}
