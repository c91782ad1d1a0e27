//! docs/why.md shows what is printed. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::fs;
use std::path::{Path, PathBuf};

use super::{behind, why_as};
use crate::support::TestDatabase;
use crate::support::program::Ran;
use crate::support::project::Project;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/why.md")
}

/// What was printed, about the database and the role that the page is about.
fn shown(database: &TestDatabase, role: &str, text: &str, ran: &Ran) -> String {
    let line = |line: &str| match line.starts_with("database ") {
        true => "database platform on db.example.com:5432 as app, PostgreSQL 15.18\n".to_owned(),
        false => format!("{line}\n"),
    };
    let printed: String = ran.stdout().lines().map(line).collect();
    let printed = printed.replace(role, "web").replace(database.name(), "platform");
    format!("\n$ trueup why --role web \"{text}\"\n{printed}")
}

fn look(project: &Project, database: &TestDatabase, role: &str, text: &str, exit: i32) -> String {
    let ran = why_as(project, database, role, text).env("COLUMNS", "110").exit(exit);
    shown(database, role, &text.replace('"', "'"), &ran)
}

#[test]
fn the_page_shows_what_is_printed() {
    let (project, database) = behind("3");
    let role = super::role_of(&database, "web");
    let column = "column k.user_id does not exist LINE 1: SELECT k.user_id FROM api_keys AS k";
    let mut printed = vec![look(&project, &database, &role, column, 1)];
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    database.exec(
        "INSERT INTO organizations (id, slug, name) OVERRIDING SYSTEM VALUE VALUES (41, 'acme', 'Acme');
         CREATE SCHEMA app; CREATE TABLE app.users (id int)",
    );
    database
        .exec(&format!("ALTER ROLE {role} IN DATABASE {} SET search_path = app, public", database.name()));
    let key = "duplicate key value violates unique constraint \"organizations_pkey\"";
    printed.push(look(&project, &database, &role, key, 1));
    printed.push(look(&project, &database, &role, "permission denied for table users", 1));
    database.exec(&format!("GRANT USAGE ON SCHEMA app TO {role}"));
    printed.push(look(&project, &database, &role, "column users.username does not exist", 1));
    let reference =
        "insert or update on table \"api_keys\" violates foreign key constraint \"api_keys_user_id_fkey\"";
    printed.push(look(&project, &database, &role, reference, 0));

    let text = fs::read_to_string(page()).unwrap();
    let is_shown = |block: &&str| block.starts_with("\n$ ");
    let told: Vec<&str> = text.split("```").skip(1).step_by(2).filter(is_shown).collect();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let mut parts: Vec<String> = text.split("```").map(str::to_owned).collect();
        let places = (0..parts.len()).filter(|place| is_shown(&parts[*place].as_str())).collect::<Vec<_>>();
        for (place, printed) in places.into_iter().zip(printed) {
            parts[place] = printed;
        }
        fs::write(page(), parts.join("```")).unwrap();
        return;
    }
    assert_eq!(told, printed);
}
