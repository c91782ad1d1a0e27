//! What is written builds the same, rows among it.

use super::*;

#[test]
fn the_baseline_builds_what_the_old_migrations_built() {
    let project = project();
    fs::write(project.path().join("migrations/V2__features.down.sql"), "DROP TABLE features CASCADE;\n")
        .unwrap();
    commit(&project);
    let old = at(&project, "5");
    squash(&project, "4").arg("--dry-run").exit(0).says(["would be written", "proved to build the same"]);
    assert_eq!(files(&project).len(), 6, "nothing was written");
    let ran = squash(&project, "4").exit(0);
    ran.says([
        "4 rows in public.features, public.plans",
        "1 down script",
        "data checks any more: codes",
        "trueup upgrade",
    ]);
    assert_eq!(files(&project), ["V4__baseline.sql", "V5__name.sql"]);
    run(&project, "", &["compile", "--check"]).exit(0);
    let new = at(&project, "5");
    assert_eq!(new.value(MADE), old.value(MADE));
    run(&project, new.url(), &["check"]).exit(0).says("OK: ");
    assert_ne!(
        new.value("SELECT count(DISTINCT made_at) FROM plans WHERE made_at > now() - interval '1 hour'"),
        "0"
    );
    // The next row does not meet those of the baseline.
    new.exec("INSERT INTO plans (code) VALUES ('next')");
    assert_eq!(new.value("SELECT id FROM plans WHERE code = 'next'"), "41");
}

#[test]
fn a_baseline_can_be_squashed_again() {
    let project = project();
    squash(&project, "3").exit(0);
    commit(&project);
    let database = at(&project, "5");
    run(&project, "", &["squash", "--to", "5", "--name", "second"]).exit(0);
    assert_eq!(files(&project), ["V5__second.sql"]);
    run(&project, database.url(), &["upgrade", "--yes"]).exit(0).says("in the place of 3 migrations");
    run(&project, database.url(), &["check"]).exit(0);
}

#[test]
fn grants_and_functions_are_in_it() {
    let project = of(&[
        ("V1__a.sql", "CREATE TABLE t (id int); GRANT SELECT ON t TO PUBLIC;
          CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.id := coalesce(NEW.id, 1); RETURN NEW; END';\n"),
        ("V2__b.sql", "CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); INSERT INTO t DEFAULT VALUES;\n"),
    ]);
    squash(&project, "2").exit(0);
    let database = at(&project, "2");
    let granted = "SELECT concat(has_table_privilege('public', 't', 'SELECT'), (SELECT string_agg(id::text, ',') FROM t))";
    assert_eq!(database.value(granted.replace("'public', 't'", "(SELECT 'pg_monitor'), 't'").as_str()), "t1");
}
