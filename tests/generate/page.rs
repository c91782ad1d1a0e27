//! docs/generate.md shows what is printed. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::fs;
use std::path::Path;

use super::{generate, project};

const BEFORE: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text);
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);";
const DECLARED: &str = "CREATE TABLE users (
    id bigint PRIMARY KEY,
    full_name text,
    -- trueup: renamed column public.users.name to public.users.full_name
    status text NOT NULL
    -- trueup: backfill public.users.status = 'active'
);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
CREATE INDEX orders_user ON orders (user_id);";

#[test]
#[allow(clippy::disallowed_methods, reason = "a test is told by a variable")]
fn the_page_shows_what_is_printed() {
    let project = project(BEFORE, DECLARED);
    let ran = generate(&project).args(["users_status"]).env("COLUMNS", "100").exit(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/generate.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- printed -->\n```\n").unwrap();
    let (shown, after) = rest.split_once("```\n").unwrap();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let new = format!("{before}<!-- printed -->\n```\n{}```\n{after}", ran.stdout());
        fs::write(page, new).unwrap();
        return;
    }
    assert_eq!(shown, ran.stdout());
}
