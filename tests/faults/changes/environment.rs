//! Which environment a database belongs to, and databases that are not the one that is meant.

use super::{last_run, project};
use crate::support::cluster::Cluster;
use crate::support::program::{Program, Ran};
use crate::support::project::Project;
use crate::support::terminal::Terminal;
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

fn set(project: &Project, database: &TestDatabase, args: &[&str]) -> Program {
    project.trueup(["environment", "set"], database).args(args)
}

#[test]
fn a_database_is_marked_and_marked_otherwise() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    set(&project, &database, &["staging"]).exit(4).says("not confirmed");
    assert_eq!(database.value("SELECT to_regnamespace('trueup') IS NULL"), "t", "nothing was made");
    set(&project, &database, &["staging", "--yes", "--reason", "a new one"])
        .exit(0)
        .says("environment staging");
    assert_eq!(marked(&database), "faults staging");
    assert_eq!(last_run(&database), "environment|set staging --yes --reason a new one|clean|0|a new one");
    let first = database.value("SELECT id FROM trueup.mark");
    set(&project, &database, &["staging", "--yes"]).exit(0).says("nothing to do");
    assert_eq!(database.value("SELECT count(*) FROM trueup.runs"), "1");
    set(&project, &database, &["dev", "--yes"]).exit(0).says("done");
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
    let document = set(&project, &database, &["dev", "--yes"]).document();
    assert_eq!(
        (&document["exit_code"], &document["mark"]["after"]["environment"]),
        (&0.into(), &"dev".into())
    );
    project.trueup(["upgrade", "--yes", "--env", "dev"], &database).exit(0);
}

#[test]
fn a_protected_environment_is_named_twice() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    set(&project, &database, &["production", "--yes"]).exit(4).says("--yes --env production");
    set(&project, &database, &["production", "--yes", "--env", "staging"]).exit(2).says("says staging");
    set(&project, &database, &["production", "--yes", "--env", "production"]).exit(0);
    set(&project, &database, &["dev", "--yes"]).exit(4).says("--yes --env dev");
    assert_eq!(marked(&database), "faults production");
    set(&project, &database, &["dev", "--yes", "--env", "dev"]).exit(0);
    set(&project, &database, &["prodction", "--yes"])
        .exit(2)
        .says(["no environment", "did you mean production?"]);
}

#[test]
fn another_projects_database_is_marked_at_a_terminal_alone() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    set(&project, &database, &["dev", "--yes"]).exit(0);
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(4)
        .says(["marked as project \"shop\"", "environment set"]);
    set(&project, &database, &["dev", "--yes", "--env", "dev"])
        .exit(4)
        .says(["project \"shop\"'s", "terminal"]);
    assert_eq!(marked(&database), "shop dev");
}

/// Runs a command at a terminal, and types this when it is asked.
#[track_caller]
fn at_a_terminal(project: &Project, database: &TestDatabase, args: &[&str], typed: &str) -> Ran {
    let mut terminal = Terminal::start(project.trueup(args, database), 100);
    terminal.wait_for("Type the database's name").press(&format!("{typed}\n"));
    terminal.end()
}

#[test]
fn at_a_terminal_the_databases_name_is_typed() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    at_a_terminal(&project, &database, &["environment", "set", "dev", "--yes"], "y")
        .exit(4)
        .says("not confirmed: that is not the database's name");
    assert_eq!(database.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
    at_a_terminal(&project, &database, &["environment", "set", "dev"], database.name()).exit(0);
    assert_eq!(marked(&database), "faults dev");
    // A database that says it is another project's.
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    at_a_terminal(&project, &database, &["environment", "set", "production"], database.name())
        .exit(0)
        .says("that is another project");
    assert_eq!(marked(&database), "faults production");
    // Protected: whatever writes has it typed, --yes or not.
    at_a_terminal(&project, &database, &["upgrade", "--yes"], "y").exit(4);
    at_a_terminal(&project, &database, &["upgrade"], database.name()).exit(0);
}

#[test]
fn f27_another_environments_database_is_refused() {
    let project = project(ENVIRONMENTS, FILES);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--env", "staging", "--to", "1"], &database).exit(0);
    assert_eq!(marked(&database), "faults staging");
    for command in [&["upgrade", "--yes"][..], &["downgrade", "--to", "1", "--yes"], &["check"], &["status"]]
    {
        let args = [command, &["--env", "dev"]].concat();
        project
            .trueup(&args, &database)
            .exit(4)
            .says(["environment staging, not dev", "environment set dev"]);
    }
    project.trueup(["upgrade", "--yes"], &database).exit(0);
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
            project.trueup(command, &database).exit(4).says(format!("environment \"{environment}\" expects"));
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
        project.trueup(args, &url)
    };
    at(&original, "localhost", &["upgrade", "--yes", "--to", "1", "--env", "production"]).exit(0);
    let copy = original.standby();
    copy.psql("SELECT pg_promote()");
    for args in [&["upgrade", "--yes"][..], &["downgrade", "--to", "0", "--yes"]] {
        at(&copy, "127.0.0.1", args).exit(4).says("environment \"production\" expects \"localhost\"");
    }
    at(&copy, "127.0.0.1", &["check"]).run().says("is it a copy?");
    let args = ["environment", "set", "staging", "--yes", "--reason", "restored for a rehearsal"];
    at(&copy, "127.0.0.1", &args).exit(0).says(["marked as environment production", "environment staging"]);
    at(&copy, "127.0.0.1", &["upgrade", "--yes", "--env", "staging"]).exit(0).says("V2__note");
    at(&original, "localhost", &["status", "--env", "production"]).exit(1).says("1 pending");
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
    project
        .trueup(["upgrade", "--yes"], &url)
        .exit(4)
        .says(["reach different databases", "system identifier"]);
    assert_eq!(first.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
}
