//! Others who are at the same database.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{DRIFT, Site};
use crate::support::other::Other;
use crate::support::proxy::{Proxy, Then};
use crate::support::terminal::Terminal;

/// What somebody does to the view that a fix is about to create again.
const MEANWHILE: &str =
    "CREATE OR REPLACE VIEW public.names AS SELECT id, name, email, 1 AS meanwhile FROM public.users";

#[test]
fn two_operators_do_it_once() {
    let site = Site::with(DRIFT);
    let runs: Vec<_> = (0..2).map(|_| site.fix().arg("--yes").start()).collect();
    for run in runs {
        run.ended().exit_in(&[0, 4]);
    }
    site.is_whole();
    let created =
        "SELECT count(*) FROM trueup.steps WHERE text LIKE 'CREATE UNIQUE INDEX%' AND state = 'done'";
    assert_eq!(site.database.value(created), "1");
}

#[test]
fn what_changed_since_it_was_shown_is_refused() {
    let site = Site::with(DRIFT);
    let mut terminal = Terminal::start(site.fix(), 120);
    terminal.wait_for("carry out 6 steps in database");
    site.database.exec(MEANWHILE);
    terminal.press("y\r");
    terminal.end().exit(4).says(["has changed since the plan was shown", "nothing was changed"]);
    assert!(!site.has_records());
}

/// The guard in the step's own transaction finds what no look before it can.
#[test]
fn what_changed_in_the_last_moment_is_refused() {
    let site = Site::with("CREATE OR REPLACE VIEW names AS SELECT id, name, email FROM users");
    let (url, changed) = (site.database.url().to_owned(), AtomicBool::new(false));
    let proxy = Proxy::start(&site.database, move |_: usize, sql: &str| {
        if sql.contains("DO $trueup$") && !changed.swap(true, Ordering::SeqCst) {
            Other::at(&url, "meanwhile").run(MEANWHILE);
        }
        Then::Forward
    });
    let failed = site.fix_at(&proxy.url(&site.database)).arg("--yes").exit(4);
    failed.says([
        "changed since it was seen: public.names",
        "nothing was changed",
        "run the same command again",
    ]);
    assert!(site.holds("pg_get_viewdef('names'::regclass) LIKE '%meanwhile%'") && !site.has_records());
    site.fix().arg("--yes").exit(0);
    site.is_whole();
}

#[test]
fn who_is_in_the_way_is_named() {
    let site = Site::with("ALTER TABLE users ALTER email DROP NOT NULL");
    let mut other = Other::at(site.database.url(), "report");
    other.run("BEGIN");
    other.run("SELECT count(*) FROM users");
    let pid = other.pid();
    let failed = site.fix().arg("--yes").exit(75);
    failed.says(["alter column public.users.email", &pid, "report", "nothing was changed"]);
    other.run("COMMIT");
    site.fix().arg("--yes").exit(0);
    site.is_whole();
}
