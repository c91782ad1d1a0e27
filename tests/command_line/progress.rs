//! What is shown while a command works, at a terminal and in a pipe, and in which characters.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::other::Other;
use crate::support::project::{Project, SETTINGS};
use crate::support::terminal::{INTERRUPT, Terminal};
use crate::support::{self, TestDatabase};

const SLOW: &str = "V2__a_step_whose_name_alone_is_longer_than_the_sixty_columns_of_a_terminal";

/// A project whose second migration takes a while, and whose third waits for whoever reads the table.
fn site() -> (Project, TestDatabase) {
    let comment =
        "COMMENT ON TABLE a IS 'a text that is long enough to have no room beside another column at all';";
    let project = Project::of_schema(&format!("CREATE TABLE a (id int, b int); {comment}"));
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in [
        ("V1__a", format!("CREATE TABLE a (id int); {comment}").as_str()),
        (SLOW, "SELECT pg_sleep(1);"),
        ("V3__b", "ALTER TABLE a ADD COLUMN b int;"),
    ] {
        fs::write(project.path().join(format!("migrations/{name}.sql")), sql).unwrap();
    }
    project.compile();
    fs::write(
        project.path().join("trueup.toml"),
        format!("{SETTINGS}[migrations]\nlock_timeout = \"1s\"\nlock_budget = \"30s\"\nwait = \"30s\"\n"),
    )
    .unwrap();
    (project, support::database())
}

fn upgrade(project: &Project, database: &TestDatabase) -> Command {
    project.command(&["upgrade", "--yes"], database.url())
}

fn stderr(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
}

#[test]
fn in_a_pipe_a_step_is_a_line_at_its_beginning_and_one_at_its_end() {
    let (project, database) = site();
    let lines = stderr(&upgrade(&project, &database).output().unwrap());
    let expected: Vec<String> = ["V1__a", SLOW, "V3__b"]
        .iter()
        .flat_map(|step| [format!("applying {step} ..."), format!("{step}: done in ")])
        .collect();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected), "{lines:#?}");
    }
}

/// The one that is waited for is named, without the values in its statement.
#[test]
fn in_a_pipe_a_wait_is_told_once_in_ten_seconds() {
    let (project, database) = site();
    let first = project.command(&["upgrade", "--yes", "--to", "1"], database.url()).output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let mut other = Other::at(database.url(), "billing");
    other.run("BEGIN; SELECT 'a secret', 4711 FROM a");
    let pid = other.pid();
    let mut child = upgrade(&project, &database);
    let child =
        child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    other.run("COMMIT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = stderr(&output);
    let waits: Vec<&String> = lines.iter().filter(|line| line.contains("waiting for a lock")).collect();
    assert_eq!(waits.len(), 1, "{lines:#?}");
    assert!(waits[0].starts_with("V3__b: waiting for a lock ("), "{lines:#?}");
    assert!(waits[0].contains(&format!("pid {pid} (role")), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("secret") && !line.contains("4711")), "{lines:#?}");
    let (begun, waited) = (
        lines.iter().position(|line| line == "applying V3__b ..."),
        lines.iter().position(|line| line == waits[0]),
    );
    assert!(begun < waited, "{lines:#?}");
}

/// With `-v` the statement is whole.
#[test]
fn the_statement_of_who_is_waited_for_is_whole_with_v() {
    let (project, database) = site();
    for (flags, shown) in
        [(&[][..], "SELECT ?, ? FROM pg_class"), (&["-v"], "SELECT 'a secret', 4711 FROM pg_class")]
    {
        let mut other = Other::at(database.url(), "billing");
        other.run("SELECT pg_advisory_lock(8390876182742073344)");
        other.run("SELECT 'a secret', 4711 FROM pg_class");
        let args = [&["upgrade", "--yes", "--wait", "100ms"], flags].concat();
        let output = project.command(&args, database.url()).output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(shown), "{output:?}");
    }
}

#[test]
fn at_a_terminal_a_step_is_one_line_that_fits_and_stays() {
    let (project, database) = site();
    let terminal = Terminal::start(&upgrade(&project, &database), 60);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    let beginning = format!("applying {SLOW}").chars().take(59).collect::<String>() + "\u{2026}\r\n";
    for text in [beginning.as_str(), "2/3 running for ", "applying V3__b ...\r\n", "V3__b: done in "] {
        assert!(shown.contains(text), "{text:?}: {shown}");
    }
    // What is drawn over is no wider than the terminal, with room for ^C.
    let drawn = shown.split(['\r', '\n']).filter(|line| line.contains("running for"));
    for line in drawn {
        assert!(console::measure_text_width(line) <= 57, "{line:?}");
    }
}

#[test]
fn at_a_terminal_a_signal_says_what_is_rolled_back_and_what_to_run() {
    let (project, database) = site();
    let mut terminal = Terminal::start(&upgrade(&project, &database), 200);
    terminal.wait_for("2/3 running for ").press(INTERRUPT);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(6), "{shown}");
    for text in [
        format!("interrupted: rolling back {SLOW}. Run the same command to continue"),
        format!("interrupted by SIGINT: {SLOW} was rolled back"),
    ] {
        assert!(shown.contains(&text), "{text}: {shown}");
    }
}

#[test]
fn a_locale_without_utf8_and_a_dumb_terminal_are_shown_ascii_alone() {
    let (project, database) = site();
    for (name, value) in [("LC_ALL", "C"), ("LC_ALL", "de_DE.ISO-8859-1"), ("TERM", "dumb")] {
        let mut command = project.command(&["upgrade", "--dry-run"], database.url());
        let output = command.env(name, value).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("+---") && shown.is_ascii(), "{name}={value}: {shown}");
    }
    let mut command = project.command(&["upgrade", "--dry-run"], database.url());
    let output = command.env_remove("LC_ALL").env("LC_CTYPE", "").env("LANG", "C.UTF-8").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains('\u{2502}'), "{output:?}");
    // At a terminal what is drawn over, too; a dumb one cannot draw over anything.
    let mut command = upgrade(&project, &database);
    let (code, shown) = Terminal::start(command.env("LC_ALL", "C"), 60).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.is_ascii() && shown.contains("2/3 running for "), "{shown}");
    let database = support::database();
    let mut command = upgrade(&project, &database);
    let (code, shown) = Terminal::start(command.env("TERM", "dumb"), 60).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.is_ascii() && !shown.contains('\x1b') && !shown.contains("running for"), "{shown}");
}

#[test]
fn in_a_pipe_columns_decides_about_the_width_and_a_terminal_knows_its_own() {
    let (project, database) = site();
    // What it says of itself is wrapped; the first line names where the test's server is.
    let widest = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(" on /") && !line.contains(SLOW));
        lines.map(console::measure_text_width).max().unwrap_or_default()
    };
    for (columns, least, most) in [("60", 0, 60), ("100", 61, 100), ("0", 101, 120), ("wide", 101, 120)] {
        let mut command = project.command(&["upgrade", "--dry-run", "--to", "1"], database.url());
        let output = command.env("COLUMNS", columns).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!((least..=most).contains(&widest(&shown)), "{columns}: {shown}");
    }
    let mut command = project.command(&["upgrade", "--dry-run", "--to", "1"], database.url());
    let (_, shown) = Terminal::start(command.env("COLUMNS", "200"), 60).end();
    assert!(widest(&shown) <= 60, "{shown}");
}
