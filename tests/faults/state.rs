//! What is there and does not work.

use crate::support;
use crate::support::project::Project;

const SCHEMA: &str = "\
CREATE TABLE parents (id bigint PRIMARY KEY);
CREATE TABLE t (id bigint PRIMARY KEY, parent bigint CONSTRAINT t_parent_fkey REFERENCES parents, n int CONSTRAINT t_n_check CHECK (n > 0));
CREATE UNIQUE INDEX t_n ON t (n);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE POLICY everybody ON t USING (true);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
ALTER TABLE t FORCE ROW LEVEL SECURITY;
CREATE TABLE e (id bigint) PARTITION BY LIST (id);
CREATE TABLE e1 PARTITION OF e FOR VALUES IN (1);
CREATE TRIGGER stamp BEFORE INSERT ON e FOR EACH ROW EXECUTE FUNCTION stamp();
";

#[test]
fn f31_what_is_there_and_does_not_work_is_found() {
    let project = Project::of_schema(SCHEMA);
    project.compile();
    let check = |database: &support::TestDatabase| project.check(database).args(["--format", "json"]);
    for (fault, object, attribute) in [
        (
            "ALTER TABLE t DROP CONSTRAINT t_parent_fkey;
             ALTER TABLE t ADD CONSTRAINT t_parent_fkey FOREIGN KEY (parent) REFERENCES parents NOT VALID",
            "public.t.t_parent_fkey",
            "valid",
        ),
        (
            "ALTER TABLE t DROP CONSTRAINT t_n_check; ALTER TABLE t ADD CONSTRAINT t_n_check CHECK (n > 0) NOT VALID",
            "public.t.t_n_check",
            "valid",
        ),
        ("ALTER TABLE t DISABLE TRIGGER stamp", "public.t.stamp", "enabled"),
        // On one partition alone; its parent's is as it was.
        ("ALTER TABLE e1 DISABLE TRIGGER stamp", "public.e1.stamp", "enabled"),
        ("ALTER TABLE e1 ENABLE ALWAYS TRIGGER stamp", "public.e1.stamp", "enabled"),
        // What keeps a foreign key is a trigger, on either table.
        (
            "ALTER TABLE t DISABLE TRIGGER ALL; ALTER TABLE t ENABLE TRIGGER USER",
            "public.t.t_parent_fkey",
            "enabled",
        ),
        ("ALTER TABLE parents DISABLE TRIGGER ALL", "public.t.t_parent_fkey", "enabled"),
        ("ALTER TABLE t ENABLE REPLICA TRIGGER stamp", "public.t.stamp", "enabled"),
        ("ALTER TABLE t DISABLE ROW LEVEL SECURITY", "public.t", "row_security"),
        ("ALTER TABLE t NO FORCE ROW LEVEL SECURITY", "public.t", "force_row_security"),
    ] {
        let database = support::database();
        project.build(&database);
        check(&database).exit(0);
        database.exec(fault);
        let found = check(&database).findings();
        assert_eq!(found.len(), 1, "{fault}: {found:#?}");
        let named = found[0].contains(&format!(" {object} "))
            && found[0].contains(&format!("\"name\":\"{attribute}\""));
        assert!(named, "{fault}: {found:#?}");
        if let Some(sql) = check(&database).run().json()["findings"][0]["remedy"]["sql"].as_str() {
            database.exec(sql);
            check(&database).exit(0);
        }
    }
}

/// As CREATE UNIQUE INDEX CONCURRENTLY leaves it when it meets duplicates.
#[test]
fn f31_an_invalid_index_is_found() {
    let project = Project::of_schema(SCHEMA);
    project.compile();
    let database = support::database();
    project.build(&database);
    database.exec("DROP INDEX t_n; INSERT INTO t (id, n) VALUES (1, 1), (2, 1)");
    assert!(database.try_query("CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n)").is_err());
    let ran = project.check(&database).args(["--format", "json"]).run();
    let found = ran.findings();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("index.") && found[0].contains("public.t_n"), "{found:#?}");
    assert_eq!(ran.json()["findings"][0]["severity"], "error");
}
