//! Rights per command: the GRANTs that are told are enough, and what is said to work does.

use serde_json::Value;

use super::{configure, doctor, document, examination, expect, result, what};
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
    std::fs::create_dir(project.path().join("checks")).unwrap();
    let check = "-- title: users have a name\n-- find:\nSELECT id FROM users WHERE name IS NULL;\n";
    std::fs::write(project.path().join("checks/named.sql"), check).unwrap();
    configure(&project, "[backup]\nrequired = \"never\"\n");
    project.compile();
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    (project, database)
}

/// A role that may do nothing.
fn role(database: &support::TestDatabase, name: &str) -> String {
    let role = format!("doctor_{name}_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    role
}

fn drop_role(database: &support::TestDatabase, role: &str) {
    let owner = database.value("SELECT current_user");
    database
        .exec(&format!("REASSIGN OWNED BY {role} TO \"{owner}\"; DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Does what the problems with one code of an examination advise.
#[track_caller]
fn do_as_told(database: &support::TestDatabase, found: &Value, name: &str, code: &str) {
    let problems = examination(found, name)["problems"].as_array().unwrap();
    let told = problems
        .iter()
        .find(|problem| problem["code"] == code)
        .unwrap_or_else(|| panic!("{code}: {found:#}"));
    let next = told["next"].as_str().unwrap().lines().next().unwrap();
    database.exec(next.split_once(": ").unwrap().1);
}

#[test]
fn what_is_granted_as_told_is_enough_for_each_command() {
    let (project, database) = site();
    database.exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let role = role(&database, "rights");
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
    do_as_told(&database, &found, "history", "hidden");
    expect(&look(0), &[("history", "ok")]);

    for (command, args, refused) in [
        ("verify", &["verify"][..], &[1, 3, 4][..]),
        ("backup", &["backup"], &[3, 4, 5]),
        ("seed", &["seed", "--yes"], &[3, 4]),
    ] {
        let found = look(0);
        assert!(result(&found, "rights").contains(command), "{}", result(&found, "rights"));
        project.trueup(args, url.as_str()).exit_in(refused);
        do_as_told(&database, &found, "rights", command);
        assert!(!result(&look(0), "rights").contains(command), "{}", result(&look(0), "rights"));
        project.trueup(args, url.as_str()).exit(0);
    }
    // The GRANTs themselves are drift: the project does not declare them.
    project.trueup(["check"], url.as_str()).exit_in(&[0, 1]);
    let sql = "ALTER TABLE users ADD COLUMN more text;\n";
    std::fs::write(project.path().join("migrations/V2__more.sql"), sql).unwrap();
    project.compile();
    project.trueup(["upgrade", "--yes"], url.as_str()).exit_in(&[3, 4]);
    do_as_told(&database, &look(0), "rights", "upgrade");
    expect(&look(0), &[("rights", "warn: restore")]);
    project.trueup(["upgrade", "--yes"], url.as_str()).exit(0);
    // The owner is a superuser: nobody is made a member of it, and the history stays with it.
    assert_eq!(
        database.value(&format!("SELECT pg_has_role('{role}', current_user, 'MEMBER')::text")),
        "false"
    );
    let owner = "SELECT (relowner = current_user::regrole)::text FROM pg_class WHERE relname = 'refinery_schema_history'";
    assert_eq!(database.value(owner), "true");

    do_as_told(&database, &look(0), "rights", "restore");
    let found = look(0);
    expect(&found, &[("rights", "ok")]);
    assert!(
        what(&found, "rights").ends_with("may run check, status, verify, seed, upgrade, backup, restore")
    );
    let name = database.name();
    let copy = url.replace(&format!("/{name}"), &format!("/{name}_copy"));
    project.trueup(["restore", "latest", "--into", &copy, "--yes"], url.as_str()).exit(0);
    database.exec(&format!("DROP DATABASE IF EXISTS {name}_copy"));
    drop_role(&database, &role);
}

#[test]
fn a_schema_that_may_not_be_used_is_told_and_not_stumbled_over() {
    let project =
        Project::of_schema("CREATE SCHEMA app; CREATE TABLE app.users (id bigint PRIMARY KEY, name text);\n");
    std::fs::create_dir(project.path().join("migrations")).unwrap();
    let sql = "CREATE SCHEMA app;\nCREATE TABLE app.users (id bigint PRIMARY KEY, name text);\n";
    std::fs::write(project.path().join("migrations/V1__users.sql"), sql).unwrap();
    std::fs::create_dir(project.path().join("schema/seeds")).unwrap();
    let seeds = "table = \"app.users\"\nkey = [\"id\"]\n[[rows]]\nid = 1\nname = \"a\"\n";
    std::fs::write(project.path().join("schema/seeds/users.toml"), seeds).unwrap();
    let settings = |history: &str| {
        let rest =
            "[database]\nschemas = [\"app\"]\n[backup]\nrequired = \"never\"\n[migrations]\nhistory = ";
        configure(&project, &format!("{rest}\"{history}\"\n"));
        project.compile();
    };
    settings("ops.history");
    let database = support::database();
    database.exec("CREATE SCHEMA ops");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let role = role(&database, "schemas");
    let url = database.url_as(&role);
    let look = |exit| document(doctor(&project, url.as_str()), exit);
    expect(
        &look(1),
        &[("history", "fail: hidden"), ("rights", "warn: verify, seed, upgrade, backup, restore")],
    );
    do_as_told(&database, &look(1), "history", "hidden");
    do_as_told(&database, &look(0), "rights", "upgrade");
    expect(&look(0), &[("rights", "warn: restore")]);
    project.trueup(["seed", "--yes"], url.as_str()).exit(0);
    // The rights that the role has in schema trueup are enough only together.
    for taken in ["UPDATE ON ALL TABLES IN SCHEMA trueup", "USAGE ON SCHEMA trueup"] {
        database.exec(&format!("REVOKE {taken} FROM {role}"));
        let found = look(0);
        let result = result(&found, "rights");
        assert!(result.contains("seed, upgrade"), "{taken}: {result}");
        do_as_told(&database, &found, "rights", "upgrade");
        expect(&look(0), &[("rights", "warn: restore")]);
    }
    std::fs::write(project.path().join("schema/seeds/users.toml"), "nonsense").unwrap();
    expect(&look(1), &[("rights", "fail: restore, project.file_invalid")]);
    drop_role(&database, &role);
}

#[test]
fn where_the_history_is_to_be_made_the_role_has_to_create() {
    let project = Project::of_schema("CREATE SCHEMA app; CREATE TABLE app.users (id bigint);\n");
    std::fs::create_dir(project.path().join("migrations")).unwrap();
    std::fs::write(
        project.path().join("migrations/V1__users.sql"),
        "CREATE SCHEMA app;\nCREATE TABLE app.users (id bigint);\n",
    )
    .unwrap();
    configure(&project, "[database]\nschemas = [\"app\"]\n[backup]\nrequired = \"never\"\n");
    project.compile();
    let database = support::database();
    let role = role(&database, "place");
    database.exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    database.exec(&format!("GRANT CREATE ON DATABASE {} TO {role}", database.name()));
    let url = database.url_as(&role);
    let found = document(doctor(&project, url.as_str()), 0);
    expect(&found, &[("history", "ok"), ("rights", "warn: upgrade, restore")]);
    project.trueup(["upgrade", "--yes"], url.as_str()).exit_in(&[3, 4]);
    do_as_told(&database, &found, "rights", "upgrade");
    project.trueup(["upgrade", "--yes"], url.as_str()).exit(0);
    drop_role(&database, &role);
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
