//! docs/gate.md shows what is printed.

use std::fs;
use std::path::Path;

use super::{BASE, at_base, configure, gate, project};

const SETTINGS: &str = "[gate]\nmax_transaction_age = \"30s\"\n";
const MIGRATIONS: [&str; 2] = [
    "ALTER TABLE users ADD COLUMN plan text;\n",
    "-- trueup: contract\nALTER TABLE orders DROP COLUMN id;\n",
];

/// The blocks of the page that show a command, without the line that has it.
fn shown() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gate.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```console\n$ trueup gate").skip(1);
    blocks.map(|block| block.split_once('\n').unwrap().1.split("\n```").next().unwrap().to_owned()).collect()
}

/// The lines without the borders of tables, whose widths depend on a database's name, and without that name.
fn lines(text: &str, database: &str) -> Vec<String> {
    let text = text.replace(database, "shop");
    let lines =
        text.lines().filter(|line| !line.starts_with(['┌', '╞', '├', '└']) && !line.starts_with("database "));
    let words =
        lines.map(|line| line.split([' ', '│', '┆']).filter(|word| !word.is_empty()).collect::<Vec<_>>());
    words.filter(|words| !words.is_empty()).map(|words| words.join(" ")).collect()
}

#[test]
fn the_page_shows_what_is_printed() {
    assert!(BASE.contains("users") && BASE.contains("orders"));
    let site = project(SETTINGS, &MIGRATIONS);
    let database = at_base(&site);
    configure(&site, SETTINGS);
    fs::create_dir(site.path().join("checks")).unwrap();
    let check = "-- title: every user has a name\n-- severity: error\n-- find:\nSELECT id FROM users WHERE name = '';\n";
    fs::write(site.path().join("checks/users_have_a_name.sql"), check).unwrap();
    let print = |exit: i32| gate(&site, &database).env("COLUMNS", "140").exit(exit).stdout().to_owned();
    database.exec("INSERT INTO users VALUES (1, ''); ALTER TABLE users ADD COLUMN note text");
    let refused = print(1);
    database.exec("UPDATE users SET name = 'anna'; ALTER TABLE users DROP COLUMN note");
    let ready = print(0);
    let shown = shown();
    let now = [&refused, &ready].map(|text| lines(text, database.name()));
    if shown.len() != 2 || shown.iter().zip(&now).any(|(shown, now)| lines(shown, "shop") != *now) {
        panic!("docs/gate.md shows something else than is printed now:\n{refused}\n----\n{ready}");
    }
}
