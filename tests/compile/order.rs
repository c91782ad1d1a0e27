//! The order of the statements of `schema/`, and the names of its files, change nothing.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{compiled, names, project, trueup};

/// Each function needs the one after it, each pair of a function and a table each other. Trying all again after each that
/// could be created took minutes.
#[test]
fn long_chains_of_functions_are_loaded_in_time() {
    let mut chain = String::new();
    for number in (1..=1000).rev() {
        let body = if number == 1 { "SELECT 1".to_owned() } else { format!("SELECT f{}()", number - 1) };
        writeln!(chain, "CREATE FUNCTION f{number}() RETURNS int LANGUAGE sql AS '{body}';").unwrap();
    }
    let mut pairs = String::new();
    for number in 0..300 {
        writeln!(
            pairs,
            "CREATE TABLE t{number} (id int DEFAULT g{number}());
            CREATE FUNCTION g{number}() RETURNS int LANGUAGE sql AS 'SELECT max(id) FROM t{number}';"
        )
        .unwrap();
    }
    let project = project(&[("schema/chain.sql", &chain), ("schema/pairs.sql", &pairs)]);
    let begun = Instant::now();
    trueup(&project, &["compile"]).exit(0).says("1901 objects");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// What a file says of an event trigger may stand before its creation, and it is created after all that would fire it.
#[tokio::test]
async fn statements_about_event_triggers_stand_anywhere() {
    let guard = "CREATE EVENT TRIGGER guard ON ddl_command_start EXECUTE FUNCTION forbidden();";
    let lock = compiled(&[
        ("schema/1.sql", "COMMENT ON EVENT TRIGGER guard IS 'no'; ALTER EVENT TRIGGER guard DISABLE;"),
        ("schema/2.sql", guard),
        (
            "schema/3.sql",
            "CREATE FUNCTION forbidden() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
            ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;",
        ),
        ("schema/4.sql", "CREATE TABLE t (id int DEFAULT later()); CREATE VIEW v AS SELECT later();"),
        ("schema/5.sql", "CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT max(id) FROM t';"),
    ])
    .await;
    assert!(names(&lock.model).contains(&"event_trigger guard".to_owned()), "{:?}", names(&lock.model));
    let refused = project(&[("schema/1.sql", "COMMENT ON EVENT TRIGGER missing IS 'no';")]);
    trueup(&refused, &["compile"]).exit(2).says(["schema/1.sql: line 1", "\"missing\" does not exist"]);
}

/// Default privileges act on what the same file creates after them, and not on what another file happens to create later.
#[tokio::test]
async fn default_privileges_act_within_their_file() {
    let defaults = "CREATE SCHEMA app;
        ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_monitor;
        ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
        CREATE TABLE app.with_grant (id int);
        CREATE TABLE app.waits (id int DEFAULT app.later());";
    let others = "CREATE TABLE app.without_grant (id int);
        CREATE FUNCTION app.later() RETURNS int LANGUAGE sql AS 'SELECT 1';";
    let mut seen = Vec::new();
    for (first, second) in [(defaults, others), (others, defaults)] {
        let lock = compiled(&[("schema/a.sql", first), ("schema/b.sql", second)]).await;
        let mut found = names(&lock.model);
        found.retain(|name| name.starts_with("privilege"));
        seen.push(found);
    }
    assert_eq!(seen[0], seen[1]);
    let has = |object: &str| seen[0].iter().any(|name| name.contains(object));
    assert!(has("app.with_grant TO pg_monitor") && has("app.waits TO pg_monitor"), "{seen:#?}");
    assert!(!has("app.without_grant TO pg_monitor") && has("app.later() TO PUBLIC"), "{seen:#?}");
    assert!(
        has("default_privileges FOR ROLE CURRENT_USER IN SCHEMA app ON TABLES TO pg_monitor"),
        "{seen:#?}"
    );
    assert!(has("default_privileges FOR ROLE CURRENT_USER ON FUNCTIONS"), "{seen:#?}");
}

/// An heir gets the defaults that its parent has in the end, wherever the files say so.
#[tokio::test]
async fn an_heir_is_created_when_all_is_said_of_its_parent() {
    let parent = "CREATE TABLE parent (id int DEFAULT 1);";
    let child = "CREATE TABLE child () INHERITS (parent); ALTER TABLE ONLY child ALTER id DROP DEFAULT;";
    let heir = "CREATE TABLE heir () INHERITS (child);";
    let mut models = Vec::new();
    for [a, b, c] in
        [[parent, child, heir], [heir, child, parent], [child, heir, parent], [child, parent, heir]]
    {
        models.push(compiled(&[("schema/a.sql", a), ("schema/b.sql", b), ("schema/c.sql", c)]).await.model);
    }
    assert!(models.windows(2).all(|pair| pair[0] == pair[1]), "{models:#?}");
}
