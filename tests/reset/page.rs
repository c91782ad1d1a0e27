//! docs/reset.md shows what is printed. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::path::Path;

use super::*;

#[test]
#[allow(clippy::disallowed_methods, reason = "a test is told by a variable")]
fn the_page_shows_what_is_printed() {
    let project = project();
    let database = built(&project);
    database.exec("CREATE TABLE public.users_copy AS SELECT * FROM users; CREATE SCHEMA reports; CREATE VIEW reports.names AS SELECT name FROM users; ANALYZE");
    let ran = run(&project, &database, &["reset", "--dry-run"]).env("COLUMNS", "100").exit(0);
    // The name of the database and the place of its server are another one each time.
    let shown: String = ran
        .stdout()
        .lines()
        .map(|line| match line.strip_prefix("database ") {
            Some(_) => "database shop on localhost:5432 as app, PostgreSQL 15.18\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reset.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- printed -->\n```\n").unwrap();
    let (told, after) = rest.split_once("```\n").unwrap();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let new = format!("{before}<!-- printed -->\n```\n{shown}```\n{after}");
        fs::write(page, new).unwrap();
        return;
    }
    assert_eq!(told, shown);
}
