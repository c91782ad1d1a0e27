//! Which environment a database belongs to, and databases that are not the one that is meant.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::{ends, last_run, project, run};
use crate::support::cluster::Cluster;
use crate::support::project::{Project, expect, said};
use crate::support::{self, TestDatabase};

const FILES: &[(&str, &str)] = &[
    ("V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n"),
    ("V2__note.sql", "ALTER TABLE items ADD COLUMN note text;\n"),
];
const ENVIRONMENTS: &str =
    "[environments.production]\nprotected = true\n[environments.staging]\n[environments.dev]\n";

fn marked(database: &TestDatabase) -> String {
    database.value("SELECT project || ' ' || coalesce(environment, '-') FROM trueup.mark")
}

fn set(project: &Project, database: &TestDatabase, args: &[&str], code: i32, words: &[&str]) {
    ends(project, database, &[&["environment", "set"], args].concat(), code, words);
}

#[test]
fn a_database_is_marked_and_marked_otherwise() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    set(&project, &database, &["staging"], 4, &["not confirmed"]);
    assert_eq!(database.value("SELECT to_regnamespace('trueup') IS NULL"), "t", "nothing was made");
    set(&project, &database, &["staging", "--yes", "--reason", "a new one"], 0, &["environment staging"]);
    assert_eq!(marked(&database), "faults staging");
    assert_eq!(last_run(&database), "environment|set staging --yes --reason a new one|clean|0|a new one");
    let first = database.value("SELECT id FROM trueup.mark");
    set(&project, &database, &["staging", "--yes"], 0, &["nothing to do"]);
    assert_eq!(database.value("SELECT count(*) FROM trueup.runs"), "1");
    set(&project, &database, &["dev", "--yes"], 0, &["done"]);
    assert_eq!(marked(&database), "faults dev");
    assert_ne!(database.value("SELECT id FROM trueup.mark"), first, "a copy is not its original");
    let detail = database
        .value("SELECT detail FROM trueup.steps WHERE action = 'environment' ORDER BY run DESC LIMIT 1");
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(
        (&detail["old"]["environment"], &detail["new"]["environment"]),
        (&"staging".into(), &"dev".into())
    );
    assert_eq!(detail["old"]["id"], first.as_str());
    let output = run(&project, &database, &["environment", "set", "dev", "--yes", "--format", "json"]);
    let document = support::json(&output);
    assert_eq!(
        (&document["exit_code"], &document["mark"]["after"]["environment"]),
        (&0.into(), &"dev".into())
    );
    ends(&project, &database, &["upgrade", "--yes", "--env", "dev"], 0, &[]);
}

#[test]
fn a_protected_environment_is_named_twice() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    set(&project, &database, &["production", "--yes"], 4, &["--yes --env production"]);
    set(&project, &database, &["production", "--yes", "--env", "staging"], 2, &["says staging"]);
    set(&project, &database, &["production", "--yes", "--env", "production"], 0, &[]);
    set(&project, &database, &["dev", "--yes"], 4, &["--yes --env dev"]);
    assert_eq!(marked(&database), "faults production");
    set(&project, &database, &["dev", "--yes", "--env", "dev"], 0, &[]);
    set(&project, &database, &["prodction", "--yes"], 2, &["no environment", "did you mean production?"]);
}

#[test]
fn another_projects_database_is_marked_at_a_terminal_alone() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    set(&project, &database, &["dev", "--yes"], 0, &[]);
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    ends(&project, &database, &["upgrade", "--yes"], 4, &["marked as project \"shop\"", "environment set"]);
    set(&project, &database, &["dev", "--yes", "--env", "dev"], 4, &["project \"shop\"'s", "terminal"]);
    assert_eq!(marked(&database), "shop dev");
}

/// Runs a command at a terminal of its own (util-linux's `script`), and types this when it is asked.
fn at_a_terminal(
    project: &Project,
    database: &TestDatabase,
    args: &str,
    typed: &str,
) -> (Option<i32>, String) {
    let trueup = project.command(&[], database.url());
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{} {args}", trueup.get_program().to_str().unwrap()), "/dev/null"]);
    command.env_clear().envs(trueup.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm").current_dir(project.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&shown).contains("Type the database's name") {
        if screen.read(&mut byte).unwrap() == 0 {
            break;
        }
        shown.push(byte[0]);
    }
    // The command may have ended without a question.
    let _ = keys.write_all(format!("{typed}\r").as_bytes());
    screen.read_to_end(&mut shown).unwrap();
    let status = child.wait().unwrap();
    (status.code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn at_a_terminal_the_databases_name_is_typed() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    let (code, shown) = at_a_terminal(&project, &database, "environment set dev --yes", "y");
    assert_eq!(code, Some(4), "{shown}");
    assert!(shown.contains("not confirmed: that is not the database's name"), "{shown}");
    assert_eq!(database.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
    let (code, shown) = at_a_terminal(&project, &database, "environment set dev", database.name());
    assert_eq!((code, marked(&database).as_str()), (Some(0), "faults dev"), "{shown}");
    // A database that says it is another project's.
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    let (code, shown) = at_a_terminal(&project, &database, "environment set production", database.name());
    assert_eq!((code, marked(&database).as_str()), (Some(0), "faults production"), "{shown}");
    assert!(shown.contains("that is another project"), "{shown}");
    // Protected: whatever writes has it typed, --yes or not.
    let (code, shown) = at_a_terminal(&project, &database, "upgrade --yes", "y");
    assert_eq!(code, Some(4), "{shown}");
    let (code, shown) = at_a_terminal(&project, &database, "upgrade", database.name());
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn f27_another_environments_database_is_refused() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    ends(&project, &database, &["upgrade", "--yes", "--env", "staging", "--to", "1"], 0, &[]);
    assert_eq!(marked(&database), "faults staging");
    for command in [&["upgrade", "--yes"][..], &["downgrade", "--to", "1", "--yes"], &["check"], &["status"]]
    {
        let args = [command, &["--env", "dev"]].concat();
        ends(&project, &database, &args, 4, &["environment staging, not dev", "environment set dev"]);
    }
    ends(&project, &database, &["upgrade", "--yes"], 0, &[]);
    assert_eq!(marked(&database), "faults staging", "nobody said otherwise");
}

#[test]
fn f27_an_environment_expects_its_address() {
    let settings = "[environments.production]\nexpect = { host = \"*.example.com\" }\n[environments.dev]\nexpect = { database = \"dev_*\" }\n";
    let project = project(settings, FILES);
    let database = support::database();
    for environment in ["production", "dev"] {
        for command in
            [&["upgrade", "--yes", "--env", environment][..], &["environment", "set", environment, "--yes"]]
        {
            ends(&project, &database, command, 4, &[&format!("environment \"{environment}\" expects")]);
        }
    }
    assert_eq!(database.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
}

/// A copy of a whole cluster has the original's system identifier, mark and history. Only its address is another one.
#[test]
fn f27_a_copied_cluster_that_calls_itself_production_is_noticed_by_its_host() {
    let original = Cluster::start(&["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    let settings = "[environments.production]\nexpect = { host = \"localhost\" }\n[environments.staging]\n";
    let project = project(settings, FILES);
    let at = |cluster: &Cluster, host: &str, args: &[&str]| {
        let url = cluster.url(&format!("postgres@{host}"), "shop");
        project.command(args, &url).stdin(Stdio::null()).output().unwrap()
    };
    expect(&at(&original, "localhost", &["upgrade", "--yes", "--to", "1", "--env", "production"]), 0, &[]);
    let copy = original.standby();
    copy.psql("SELECT pg_promote()");
    for args in [&["upgrade", "--yes"][..], &["downgrade", "--to", "0", "--yes"]] {
        expect(&at(&copy, "127.0.0.1", args), 4, &["environment \"production\" expects \"localhost\""]);
    }
    let looked = at(&copy, "127.0.0.1", &["check"]);
    assert!(said(&looked).contains("is it a copy?"), "{}", said(&looked));
    let args = ["environment", "set", "staging", "--yes", "--reason", "restored for a rehearsal"];
    expect(&at(&copy, "127.0.0.1", &args), 0, &["marked as environment production", "environment staging"]);
    expect(&at(&copy, "127.0.0.1", &["upgrade", "--yes", "--env", "staging"]), 0, &["V2__note"]);
    expect(&at(&original, "localhost", &["status", "--env", "production"]), 1, &["1 pending"]);
}

/// One URL behind which two clusters take turns: two connections of one run reach different servers.
#[test]
fn f27_a_second_cluster_behind_the_same_url_is_noticed() {
    let project = project("", FILES);
    let (first, second) = (support::database(), Cluster::start(&[]));
    second.psql("CREATE ROLE trueup_scratch SUPERUSER LOGIN");
    second.psql(&format!("CREATE DATABASE {}", first.name()));
    let dir = tempfile::Builder::new().prefix("turns").tempdir_in("/tmp").unwrap();
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
    let servers = [
        first.socket_dir().join(".s.PGSQL.5432"),
        second.socket_dir().join(format!(".s.PGSQL.{}", second.port)),
    ];
    std::thread::spawn(move || {
        for (turn, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { return };
            let server = std::os::unix::net::UnixStream::connect(&servers[turn % 2]).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (mut back, mut answer) = (server, client);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || std::io::copy(&mut back, &mut answer));
        }
    });
    let url = first.url().replace(first.socket_dir().to_str().unwrap(), dir.path().to_str().unwrap());
    let output = project.command(&["upgrade", "--yes"], &url).stdin(Stdio::null()).output().unwrap();
    expect(&output, 4, &["reach different databases", "system identifier"]);
    assert_eq!(first.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
}
