//! What is shown while a command works, at a terminal and in a pipe, and in which characters.

use std::fs;
use std::time::Duration;

use crate::support::other::Other;
use crate::support::program::{Program, Ran};
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

fn upgrade(project: &Project, database: &TestDatabase) -> Program {
    project.trueup(["upgrade", "--yes"], database)
}

fn progress(ran: &Ran) -> Vec<&str> {
    ran.stderr().lines().collect()
}

#[test]
fn in_a_pipe_a_step_is_a_line_at_its_beginning_and_one_at_its_end() {
    let (project, database) = site();
    let ran = upgrade(&project, &database).run();
    let lines = progress(&ran);
    let expected: Vec<String> = ["V1__a", SLOW, "V3__b"]
        .iter()
        .flat_map(|step| [format!("applying {step} ..."), format!("{step}: done in ")])
        .collect();
    // The first run of a superuser says so once.
    let (note, lines) = lines.split_first().unwrap();
    assert!(note.starts_with("note: this role is a superuser"), "{note}");
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected), "{lines:#?}");
    }
}

/// The one that is waited for is named, without the values in its statement.
#[test]
fn in_a_pipe_a_wait_is_told_once_in_ten_seconds() {
    let (project, database) = site();
    upgrade(&project, &database).args(["--to", "1"]).exit(0);
    let mut other = Other::at(database.url(), "billing");
    other.run("BEGIN; SELECT 'a secret', 4711 FROM a");
    let pid = other.pid();
    let child = upgrade(&project, &database).start();
    std::thread::sleep(Duration::from_secs(4));
    other.run("COMMIT");
    let ran = child.ended().exit(0);
    let lines = progress(&ran);
    let waits: Vec<&str> = lines.iter().copied().filter(|line| line.contains("waiting for a lock")).collect();
    assert_eq!(waits.len(), 1, "{lines:#?}");
    assert!(waits[0].starts_with("V3__b: waiting for a lock ("), "{lines:#?}");
    assert!(waits[0].contains(&format!("pid {pid} (role")), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("secret") && !line.contains("4711")), "{lines:#?}");
    let (begun, waited) = (
        lines.iter().position(|line| *line == "applying V3__b ..."),
        lines.iter().position(|line| *line == waits[0]),
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
        let impatient = upgrade(&project, &database).args(["--wait", "100ms"]);
        impatient.args(flags).exit(75).stderr_contains(shown);
    }
}

#[test]
fn at_a_terminal_a_step_is_one_line_that_fits_and_stays() {
    let (project, database) = site();
    let beginning = format!("applying {SLOW}").chars().take(59).collect::<String>() + "\u{2026}\r\n";
    let words = [beginning.as_str(), "2/3 running for ", "applying V3__b ...\r\n", "V3__b: done in "];
    let ran = Terminal::start(upgrade(&project, &database), 60).end().exit(0).says(words);
    // What is drawn over is no wider than the terminal, with room for ^C.
    let drawn = ran.stdout().split(['\r', '\n']).filter(|line| line.contains("running for"));
    for line in drawn {
        assert!(console::measure_text_width(line) <= 57, "{line:?}");
    }
}

#[test]
fn at_a_terminal_a_signal_says_what_is_rolled_back_and_what_to_run() {
    let (project, database) = site();
    let mut terminal = Terminal::start(upgrade(&project, &database), 200);
    terminal.wait_for("2/3 running for ").press(INTERRUPT);
    terminal
        .end()
        .exit(6)
        .says(format!("interrupted: rolling back {SLOW}. Run the same command to continue"))
        .says(format!("interrupted by SIGINT: {SLOW} was rolled back"));
}

#[test]
fn a_locale_without_utf8_and_a_dumb_terminal_are_shown_ascii_alone() {
    let (project, database) = site();
    let dry = || project.trueup(["upgrade", "--dry-run"], &database);
    let ascii = |ran: Ran| assert!(ran.stdout().is_ascii(), "{}", ran.shown());
    for (name, value) in [("LC_ALL", "C"), ("LC_ALL", "de_DE.ISO-8859-1"), ("TERM", "dumb")] {
        ascii(dry().env(name, value).case(value).run().stdout_contains("+---"));
    }
    let unicode = dry().env_remove("LC_ALL").env("LC_CTYPE", "").env("LANG", "C.UTF-8");
    unicode.run().stdout_contains("\u{2502}");
    // At a terminal what is drawn over, too; a dumb one cannot draw over anything.
    let terminal = Terminal::start(upgrade(&project, &database).env("LC_ALL", "C"), 60);
    ascii(terminal.end().exit(0).says("2/3 running for "));
    let database = support::database();
    let terminal = Terminal::start(upgrade(&project, &database).env("TERM", "dumb"), 60);
    ascii(terminal.end().exit(0).lacks(["\x1b", "running for"]));
}

#[test]
fn in_a_pipe_columns_decides_about_the_width_and_a_terminal_knows_its_own() {
    let (project, database) = site();
    // What it says of itself is wrapped; the first line names where the test's server is.
    let widest = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(" on /") && !line.contains(SLOW));
        lines.map(console::measure_text_width).max().unwrap_or_default()
    };
    let dry = || project.trueup(["upgrade", "--dry-run", "--to", "1"], &database);
    for (columns, least, most) in [("60", 0, 60), ("100", 61, 100), ("0", 101, 120), ("wide", 101, 120)] {
        let ran = dry().env("COLUMNS", columns).run();
        assert!((least..=most).contains(&widest(ran.stdout())), "{columns}: {}", ran.shown());
    }
    let ran = Terminal::start(dry().env("COLUMNS", "200"), 60).end();
    assert!(widest(ran.stdout()) <= 60, "{}", ran.shown());
}

/// What is said of a failure fits the terminal as reports do; what is there to be pasted stays whole.
#[test]
fn a_failure_is_as_wide_as_the_terminal() {
    let (project, database) = site();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    let adopt = ["adopt", "--yes", "--version", "2"];
    let refused = || project.trueup(adopt, &database);
    let error = "error: --version 2: refinery's history is at V1; nothing was changed\n";
    refused().exit(4).stderr_contains([error, "\nnext: trueup upgrade and trueup downgrade change it\n"]);
    let ran = Terminal::start(refused(), 44).end().exit(4);
    let shown = ran.stdout().replace('\r', "");
    let wrapped =
        "error: --version 2: refinery's history is at\n       V1; nothing was changed\ntarget: database ";
    assert!(shown.contains(wrapped), "{shown}");
    let ran = refused().env("COLUMNS", "44").run();
    ran.exit(4).stderr_contains([wrapped, "\nnext: "]).says("trueup downgrade");
}
