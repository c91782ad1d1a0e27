//! docs/ready.md shows what is printed, and its manifests run. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::waiting::{counting, wait_for_looks};
use super::{ready, site};
use crate::support::program::Ran;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ready.md")
}

/// The blocks of code, with the language in the first line.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").skip(1).step_by(2)
}

/// What was printed, about the database that the page is about.
fn shown(command: &str, ran: &Ran) -> String {
    let line = |line: &str| match line.starts_with("database ") {
        true => "database platform on db.example.com:5432 as app, PostgreSQL 15.18\n".to_owned(),
        false => format!("{line}\n"),
    };
    let printed = [ran.stderr(), ran.stdout()].concat();
    format!("\n$ {command}\n{}", printed.lines().map(line).collect::<String>())
}

fn look(project: &Project, database: &TestDatabase, command: &str, exit: i32) -> String {
    let args: Vec<&str> = command.split(' ').skip(2).collect();
    shown(command, &ready(project, database, &args).env("COLUMNS", "110").exit(exit))
}

#[test]
fn the_page_shows_what_is_printed() {
    let (project, database) = site();
    let upgraded = |versions: &str| {
        database.exec(&format!("DELETE FROM refinery_schema_history WHERE version IN ({versions})"));
    };
    database.exec("CREATE TABLE kept AS TABLE refinery_schema_history");
    let empty = support::database();
    let mut printed = vec![look(&project, &empty, "trueup ready", 1)];
    upgraded("6, 7, 8");
    printed.push(look(&project, &database, "trueup ready", 1));
    database.exec("INSERT INTO refinery_schema_history SELECT * FROM kept WHERE version IN (6, 7)");
    printed.push(look(&project, &database, "trueup ready", 0));
    upgraded("7");
    let (proxy, looks) = counting(&database);
    let waiting = ready(&project, &proxy.url(&database), &["--wait", "5m"]).env("COLUMNS", "110").start();
    wait_for_looks(&looks, 2);
    database.exec("INSERT INTO refinery_schema_history SELECT * FROM kept WHERE version = 7");
    let ran = waiting.ends_within(Duration::from_secs(30)).exit(0);
    printed.push(shown("trueup ready --wait 5m", &ran));

    let text = fs::read_to_string(page()).unwrap();
    let told: Vec<&str> = blocks(&text).filter(|block| block.starts_with("\n$ ")).collect();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let mut parts: Vec<String> = text.split("```").map(str::to_owned).collect();
        let places = (0..parts.len()).filter(|place| parts[*place].starts_with("\n$ ")).collect::<Vec<_>>();
        for (place, printed) in places.into_iter().zip(printed) {
            parts[place] = printed;
        }
        fs::write(page(), parts.join("```")).unwrap();
        return;
    }
    assert_eq!(told, printed);
}

/// Every command of a manifest is one that trueup understands, and that succeeds beside a database that is ready.
#[test]
fn the_manifests_run() {
    let (project, database) = site();
    let text = fs::read_to_string(page()).unwrap();
    let commands: Vec<Vec<String>> = text
        .split("[\"trueup\"")
        .skip(1)
        .map(|rest| {
            serde_json::from_str(&format!("[\"trueup\"{}]", rest.split(']').next().unwrap())).unwrap()
        })
        .collect();
    assert_eq!(commands.len(), 4);
    for command in commands {
        project.without_postgres(&command[1..], &database).case(command.join(" ")).exit(0).says("READY");
    }
    let task = blocks(&text).find_map(|block| block.strip_prefix("json\n")).unwrap();
    let task: Value = serde_json::from_str(task).unwrap();
    let [wait, application] = task["containerDefinitions"].as_array().unwrap().as_slice() else {
        panic!("{task}")
    };
    assert_eq!(application["dependsOn"][0]["containerName"], wait["name"]);
    assert_eq!((&wait["essential"], &application["essential"]), (&false.into(), &true.into()));
}
