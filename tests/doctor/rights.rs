//! Rights per command: the GRANTs that are told are enough, and what is said to work does.

use serde_json::Value;

use super::{configure, doctor, document, examination, expect, what};
use crate::support;
use crate::support::project::Project;

/// A project with a migration and reference rows, applied in a database.
fn site() -> (Project, support::TestDatabase) {
    let project = Project::of_schema("CREATE TABLE users (id bigint PRIMARY KEY, name text);\n");
    std::fs::create_dir(project.path().join("migrations")).unwrap();
    let sql = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n";
    std::fs::write(project.path().join("migrations/V1__users.sql"), sql).unwrap();
    std::fs::create_dir(project.path().join("schema/seeds")).unwrap();
    let seeds = "table = \"public.users\"\nkey = [\"id\"]\n[[rows]]\nid = 1\nname = \"a\"\n";
    std::fs::write(project.path().join("schema/seeds/users.toml"), seeds).unwrap();
    configure(&project, "[backup]\nrequired = \"never\"\n");
    project.compile();
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    (project, database)
}

/// The statements that a problem advises.
fn statements(problem: &Value) -> String {
    problem["next"].as_str().unwrap().lines().next().unwrap().split_once(": ").unwrap().1.to_owned()
}

#[test]
fn what_is_granted_as_told_is_enough_for_each_command() {
    let (project, database) = site();
    let role = format!("doctor_rights_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    let url = database.url_as(&role);
    let look = |exit| document(doctor(&project, url.as_str()), exit);
    let found = look(1);
    // The history cannot be read, either.
    expect(
        &found,
        &[("history", "fail: hidden"), ("rights", "warn: verify, seed, upgrade, backup, restore")],
    );
    project.trueup(["check"], url.as_str()).exit(3);
    project.trueup(["seed", "--yes"], url.as_str()).exit_in(&[3, 4]);
    let hidden = examination(&found, "history")["problems"][0]["next"].as_str().unwrap().to_owned();
    assert!(hidden.contains("GRANT SELECT ON public.refinery_schema_history TO "), "{hidden}");
    database.exec(&statements(&examination(&found, "history")["problems"][0]));
    database.exec(&format!(
        "GRANT USAGE ON SCHEMA trueup TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA trueup, public TO {role}"
    ));
    let found = look(0);
    expect(&found, &[("history", "ok")]);
    assert!(
        what(&found, "rights").contains("may run check, status, verify, backup; not"),
        "{}",
        what(&found, "rights")
    );
    // The GRANTs themselves are drift: the project does not declare them.
    project.trueup(["check"], url.as_str()).exit_in(&[0, 1]);
    project.trueup(["verify"], url.as_str()).exit_in(&[0, 2]);
    project.trueup(["backup"], url.as_str()).exit(0);
    project.trueup(["seed", "--yes"], url.as_str()).exit_in(&[3, 4]);

    for problem in examination(&found, "rights")["problems"].as_array().unwrap() {
        database.exec(&statements(problem));
    }
    let found = look(0);
    expect(&found, &[("rights", "ok")]);
    assert!(
        what(&found, "rights").ends_with("may run check, status, verify, seed, upgrade, backup, restore")
    );
    project.trueup(["seed", "--yes"], url.as_str()).exit(0);
    let sql = "ALTER TABLE users ADD COLUMN more text;\n";
    std::fs::write(project.path().join("migrations/V2__more.sql"), sql).unwrap();
    project.compile();
    project.trueup(["upgrade", "--yes"], url.as_str()).exit(0);
    let name = database.name();
    let copy = url.replace(&format!("/{name}"), &format!("/{name}_copy"));
    project.trueup(["restore", "latest", "--into", &copy, "--yes"], url.as_str()).exit(0);
    database.exec(&format!("DROP DATABASE IF EXISTS {name}_copy"));
    let owner = database.value("SELECT current_user");
    database
        .exec(&format!("REASSIGN OWNED BY {role} TO \"{owner}\"; DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_role_that_works_is_the_one_that_counts() {
    let (project, database) = site();
    let (login, works) =
        (format!("doctor_in_{}", database.name()), format!("doctor_works_{}", database.name()));
    database.exec(&format!("CREATE ROLE {works} SUPERUSER; CREATE ROLE {login} LOGIN IN ROLE {works}"));
    let url = database.url_as(&login);
    configure(&project, &format!("[database]\nset_role = \"{works}\"\n"));
    let found = document(doctor(&project, url.as_str()), 0);
    expect(&found, &[("rights", "warn: restore")]);
    assert!(what(&found, "rights").starts_with(&format!("{works} may run check, ")));
    database.exec(&format!("DROP ROLE {login}; DROP ROLE {works}"));
}
