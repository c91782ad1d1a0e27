//! F64: what is typed at a question never confirms more than was meant.

use std::fs;
use std::time::Duration;

use crate::support::project::{Project, SETTINGS};
use crate::support::terminal::{END_OF_INPUT, INTERRUPT, Terminal};
use crate::support::{self, TestDatabase};

const QUESTION: &str = "[y/N] ";
/// Long enough for an answer that was typed before to be taken, if it were.
const MOMENT: Duration = Duration::from_millis(500);

struct Site {
    project: Project,
    database: TestDatabase,
}

/// A project of one migration that is not applied, and its database.
fn site() -> Site {
    let project = Project::of_schema("CREATE TABLE a (id int);");
    fs::create_dir(project.path().join("migrations")).unwrap();
    fs::write(project.path().join("migrations/V1__a.sql"), "CREATE TABLE a (id int);").unwrap();
    fs::write(
        project.path().join("trueup.toml"),
        format!("{SETTINGS}[environments.production]\nprotected = true\n"),
    )
    .unwrap();
    project.compile();
    Site { project, database: support::database() }
}

impl Site {
    /// `trueup upgrade` after these keys were pressed.
    fn upgrade_after(&self, keys: &str) -> Terminal {
        Terminal::start_after(self.project.trueup(["upgrade"], &self.database), 100, keys)
    }

    fn is_applied(&self) -> bool {
        self.database.value("SELECT to_regclass('a') IS NOT NULL") == "t"
    }

    /// It was not confirmed, with these words, and nothing was changed.
    #[track_caller]
    fn refused(&self, terminal: Terminal, words: &str) {
        let shown = terminal.end().exit(4).says([words, "nothing was changed"]).said();
        let left = self
            .database
            .value("SELECT to_regclass('a') IS NOT NULL OR to_regnamespace('trueup') IS NOT NULL");
        assert_eq!(left, "f", "{shown}");
    }

    #[track_caller]
    fn applied(&self, terminal: Terminal) {
        let shown = terminal.end().exit(0).said();
        assert!(self.is_applied(), "{shown}");
    }
}

#[test]
fn f64_what_was_typed_before_the_question_does_not_answer_it() {
    for early in ["y", "y\n", "yes\nyes\n"] {
        let site = site();
        let mut terminal = site.upgrade_after(early);
        terminal.wait_for(QUESTION).waits(MOMENT);
        assert!(!site.is_applied(), "{early:?} confirmed it");
        // A letter that was left over would make yes of this.
        terminal.press("\n");
        site.refused(terminal, "not confirmed");
    }
}

#[test]
fn f64_yes_confirms_in_full_and_by_its_letter_and_only_with_enter() {
    for answer in ["yes", "y", "YES"] {
        let site = site();
        let mut terminal = site.upgrade_after("");
        terminal.wait_for(QUESTION).press(answer).waits(MOMENT);
        assert!(!site.is_applied(), "{answer} without Enter confirmed it");
        terminal.press("\n");
        site.applied(terminal);
    }
}

#[test]
fn f64_enter_alone_is_no_and_anything_else_is_asked_once_more() {
    let site = site();
    for answer in ["\n", "n\n", "no\n"] {
        let mut terminal = site.upgrade_after("");
        terminal.wait_for(QUESTION).press(answer);
        site.refused(terminal, "not confirmed");
    }
    let mut terminal = site.upgrade_after("");
    terminal.wait_for(QUESTION).press("yy\n").wait_for("please type yes or no").press("ja\n");
    site.refused(terminal, "not confirmed");
    let mut terminal = site.upgrade_after("");
    terminal.wait_for(QUESTION).press("ye\n").wait_for("please type yes or no").press("yes\n");
    site.applied(terminal);
}

#[test]
fn f64_ctrl_c_and_the_end_of_input_cancel() {
    let site = site();
    for (keys, words) in [
        (INTERRUPT, "cancelled (Ctrl-C)"),
        ("yes\x03", "cancelled (Ctrl-C)"),
        (END_OF_INPUT, "cancelled (end of input)"),
        // The line is handed over without its end.
        ("y\x04\x04", "cancelled (end of input)"),
    ] {
        let mut terminal = site.upgrade_after("");
        terminal.wait_for(QUESTION).press(keys);
        site.refused(terminal, words);
    }
}

#[test]
fn f64_a_name_is_typed_in_full_after_it_was_asked_for() {
    let site = site();
    let set = ["environment", "set", "production", "--yes"];
    let marked = support::database();
    site.project.trueup(set, &marked).env("TRUEUP_ENV", "production").exit(0);
    let site = Site { database: marked, ..site };
    let name = site.database.name().to_owned();
    let question = "Type the database's name: ";
    let abbreviated = &name[..name.len() - 1];
    for (early, typed) in [("", "yes"), ("", "y"), ("", abbreviated), ("", ""), (name.as_str(), "")] {
        let mut terminal = site.upgrade_after(&format!("{early}\n"));
        terminal.wait_for(question).waits(MOMENT).press(&format!("{typed}\n"));
        let shown = terminal.end().exit(4).said();
        assert!(!site.is_applied(), "{typed:?}: {shown}");
    }
    let mut terminal = site.upgrade_after("");
    terminal.wait_for(question).press(INTERRUPT);
    terminal.end().exit(4).says("cancelled (Ctrl-C): nothing was changed");
    let mut terminal = site.upgrade_after("");
    terminal.wait_for(question).press(&format!("{name}\n"));
    site.applied(terminal);
}
