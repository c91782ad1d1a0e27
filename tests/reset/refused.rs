//! Which databases are not reset, and what keeps one from being.

use super::*;

/// A database with this environment, as `trueup environment set` leaves it.
fn marked(project: &Project, environment: &str) -> TestDatabase {
    let database = built(project);
    database.exec(&format!("UPDATE trueup.mark SET environment = '{environment}'"));
    database
}

#[track_caller]
fn untouched(database: &TestDatabase) {
    assert_eq!(database.value("SELECT count(*) FROM app.orders"), "1");
}

#[test]
fn the_mark_decides() {
    let project = project();
    for environment in ["production", "staging", "dev2"] {
        let database = marked(&project, environment);
        let ran = run(&project, &database, &["reset", "--yes"]).exit(4);
        ran.says([&format!("is marked as environment {environment}"), "trueup environment set development"]);
        untouched(&database);
    }
    for environment in ["development", "test"] {
        let database = marked(&project, environment);
        run(&project, &database, &["reset", "--yes"]).exit(0);
        is_new(&project, &database);
        assert_eq!(database.value("SELECT environment FROM trueup.mark"), environment, "the mark stays");
    }
}

#[test]
fn what_is_asked_for_and_the_settings_count_as_well() {
    let project = project();
    settings(
        &project,
        "[environments.development]\nprotected = true\n[environments.test]\n[environments.production]\n",
    );
    let database = marked(&project, "development");
    run(&project, &database, &["reset", "--yes"]).exit(4).says("environment development is protected");
    run(&project, &database, &["reset", "--yes", "--env", "test"])
        .exit(4)
        .says("is marked as environment development");
    database.exec("UPDATE trueup.mark SET environment = NULL");
    run(&project, &database, &["reset", "--yes", "--env", "production"])
        .exit(4)
        .says("is asked for as environment production");
    database.exec("UPDATE trueup.mark SET project = 'another'");
    run(&project, &database, &["reset", "--yes"]).exit(4).says("marked as project \"another\"'s");
    untouched(&database);
}

#[test]
fn without_a_yes_nothing_is_dropped() {
    let project = project();
    let database = built(&project);
    run(&project, &database, &["reset"]).exit(4).says(["public", "emptied", "not confirmed", "--yes"]);
    untouched(&database);
    assert_eq!(database.value("SELECT count(*) FROM trueup.runs WHERE command = 'reset'"), "0");
}

#[test]
fn a_project_that_cannot_build_it_again_is_met_before() {
    let project = project();
    let database = built(&project);
    write(&project, "migrations/V4__broken.sql", "CREATE TABLE public.x ();\nCOMMIT;\n");
    run(&project, &database, &["reset", "--yes"]).exit_in(&[2, 4]).says("V4__broken.sql");
    untouched(&database);
    fs::remove_dir_all(project.path().join("migrations")).unwrap();
    fs::remove_file(project.lock()).unwrap();
    run(&project, &database, &["reset", "--yes"]).exit_in(&[2, 4]);
    untouched(&database);
}

#[test]
fn objects_of_other_roles_are_named_before_anything_is_dropped() {
    let project = project();
    let database = built(&project);
    let role = format!("{}_app", database.name());
    database.exec(&format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {} TO {role}; GRANT USAGE ON SCHEMA trueup TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA trueup, public, app TO {role}; GRANT ALL ON SCHEMA public, app TO {role}",
        database.name()
    ));
    let ran = project.trueup(["reset", "--yes"], &database.url_as(&role)).exit(4);
    ran.says([&format!("role {role} may not drop schema app"), "of role ", "GRANT "]);
    untouched(&database);
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
