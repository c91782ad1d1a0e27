//! docs/squash.md shows what is printed. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::path::Path;

use super::*;

#[test]
#[allow(clippy::disallowed_methods, reason = "a test is told by a variable")]
fn the_page_shows_what_is_printed() {
    let project = project();
    let ran = squash(&project, "4").env("COLUMNS", "110").exit(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/squash.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- printed -->\n```\n").unwrap();
    let (told, after) = rest.split_once("```\n").unwrap();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let new = format!("{before}<!-- printed -->\n```\n{}```\n{after}", ran.stdout());
        fs::write(page, new).unwrap();
        return;
    }
    assert_eq!(told, ran.stdout());
}
