//! How the statements of a migration are chosen: whom they keep waiting, and what code survives.

use super::{at_first, files, generate, project, statements, text, upgrade};

#[test]
fn what_is_missing_is_written_proved_and_applied_without_losing_a_row() {
    let project = project(
        "CREATE TABLE users (id bigint PRIMARY KEY, name text, email text NOT NULL);
         CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);
         CREATE VIEW names AS SELECT id, name FROM users;",
        "-- trueup: renamed column public.users.name to public.users.full_name
         -- trueup: backfill public.users.status = 'active'
         CREATE TABLE users (id bigint PRIMARY KEY, full_name text, email text NOT NULL UNIQUE, status text NOT NULL);
         CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users);
         CREATE INDEX orders_user ON orders (user_id);
         CREATE VIEW names AS SELECT id, full_name AS name FROM users;",
    );
    generate(&project).exit(0).says("written and proved");
    assert_eq!(
        files(&project, "migrations"),
        [
            "V1__base.sql",
            "V2__create_status_and_more.down.sql",
            "V2__create_status_and_more.sql",
            "V3__create_status_and_more_step_by_step.down.sql",
            "V3__create_status_and_more_step_by_step.sql",
            "V4__create_status_and_more_contract.down.sql",
            "V4__create_status_and_more_contract.sql",
            "V5__create_status_and_more_step_by_step_contract.down.sql",
            "V5__create_status_and_more_step_by_step_contract.sql",
        ]
    );
    assert_eq!(
        statements(&project, "migrations/V2__create_status_and_more.sql"),
        ["ALTER TABLE public.users ADD COLUMN status text DEFAULT 'active' NOT NULL;"]
    );
    assert!(text(&project, "migrations/V5__create_status_and_more_step_by_step_contract.sql").starts_with(
        "-- trueup: no-transaction\n-- trueup: contract\n-- trueup: requires-check orders_user_id_has_a_value\n"
    ));

    let database = at_first(&project);
    database.exec(
        "INSERT INTO users VALUES (1, 'Ada', 'ada@example.com'), (2, NULL, 'b@example.com');
         INSERT INTO orders VALUES (1, 1), (2, NULL)",
    );
    upgrade(&project, &database).exit(0);
    // Code from before goes on.
    database.exec("INSERT INTO users (id, name, email) VALUES (3, 'Cy', 'c@example.com')");
    // A row has no value yet.
    upgrade(&project, &database).args(["--contract"]).exit_in(&[1, 4, 6]);
    database.exec("UPDATE orders SET user_id = 2 WHERE user_id IS NULL");
    upgrade(&project, &database).args(["--contract"]).exit(0);
    let rows = "SELECT string_agg(concat_ws(' ', id, full_name, status), ', ' ORDER BY id) FROM users";
    assert_eq!(database.value(rows), "1 Ada active, 2 active, 3 Cy active");
    project.check(database.url()).exit(0);
    generate(&project).exit(0).says("nothing is missing");
}

#[test]
fn nobody_waits_for_an_index_a_key_or_a_constraint() {
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY, a int, b int); CREATE INDEX t_a ON t (a);",
        "CREATE TABLE t (id bigint PRIMARY KEY, a int UNIQUE, b int CHECK (b > 0)); CREATE INDEX t_a ON t (a, b);",
    );
    generate(&project).args(["rules"]).exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__rules_step_by_step.sql"),
        [
            "CREATE UNIQUE INDEX CONCURRENTLY t_a_key ON public.t (a);",
            "ALTER TABLE public.t ADD CONSTRAINT t_a_key UNIQUE USING INDEX t_a_key;",
            "ALTER TABLE public.t ADD CONSTRAINT t_b_check CHECK ((b > 0)) NOT VALID;",
            "ALTER TABLE public.t VALIDATE CONSTRAINT t_b_check;",
            "CREATE INDEX CONCURRENTLY t_a_new ON public.t (a, b);",
            "ALTER INDEX public.t_a RENAME TO t_a_old;",
            "ALTER INDEX public.t_a_new RENAME TO t_a;",
            "DROP INDEX CONCURRENTLY public.t_a_old;",
        ]
    );
    assert_eq!(files(&project, "migrations").len(), 3);
}

#[test]
fn a_column_becomes_required_without_a_scan_under_a_lock() {
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY, a int);",
        "-- trueup: backfill public.t.a = 7\nCREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL);",
    );
    generate(&project).args(["require a"]).exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__require_a_step_by_step_contract.sql"),
        [
            "ALTER TABLE public.t ADD CONSTRAINT t_a_not_null CHECK (a IS NOT NULL) NOT VALID;",
            "ALTER TABLE public.t VALIDATE CONSTRAINT t_a_not_null;",
            "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL;",
            "ALTER TABLE public.t DROP CONSTRAINT t_a_not_null;",
        ]
    );
    // Rows are filled by the repair of a data check: in batches, and with an undo.
    let database = at_first(&project);
    database.exec("INSERT INTO t SELECT n, NULLIF(n % 3, 0) FROM generate_series(1, 9) AS n");
    project.trueup(["verify", "--fix", "--yes"], database.url()).exit(0);
    assert_eq!(database.value("SELECT count(*) FROM t WHERE a = 7"), "3");
    upgrade(&project, &database).args(["--contract"]).exit(0);
    project.check(database.url()).exit(0);
}

/// A row without a key cannot be named to anybody.
#[test]
fn a_table_without_a_primary_key_gets_no_check() {
    let project = project("CREATE TABLE t (a int);", "CREATE TABLE t (a int NOT NULL);");
    generate(&project).args(["--rows", "0", "require"]).exit(0);
    assert_eq!(files(&project, "checks"), Vec::<String>::new());
    let text = text(&project, "migrations/V2__require_step_by_step_contract.sql");
    assert!(!text.contains("requires-check"), "{text}");
}

/// What a person has made of a check is not overwritten.
#[test]
fn a_check_that_is_there_stays_as_it_is() {
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY, a int);",
        "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL);",
    );
    let own = "-- title: Mine\n-- severity: error\n-- table: public.t\n-- key: id\n-- find:\n\
               SELECT id FROM public.t WHERE a IS NULL;\n";
    std::fs::create_dir(project.path().join("checks")).unwrap();
    std::fs::write(project.path().join("checks/t_a_has_a_value.sql"), own).unwrap();
    generate(&project).args(["require"]).exit(0);
    assert_eq!(text(&project, "checks/t_a_has_a_value.sql"), own);
    let written = text(&project, "migrations/V2__require_step_by_step_contract.sql");
    assert!(written.contains("requires-check t_a_has_a_value"), "{written}");
}

/// On each partition concurrently, then on the table alone, which takes those over.
#[test]
fn indexes_and_constraints_of_a_partitioned_table_are_made_on_its_partitions() {
    let tables = |index: &str, rules: &str| {
        format!(
            "CREATE TABLE other (id int PRIMARY KEY);
             CREATE TABLE p (id int NOT NULL, a int, at date NOT NULL {rules}) PARTITION BY RANGE (id);
             CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
             CREATE TABLE \"P 2\" PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (at);
             CREATE TABLE p2a PARTITION OF \"P 2\" DEFAULT;
             CREATE INDEX p_a ON p (a{index});"
        )
    };
    let project =
        project(&tables("", ""), &tables(", id", ", UNIQUE (id, at), FOREIGN KEY (a) REFERENCES other"));
    generate(&project).args(["rules"]).exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__rules_step_by_step.sql"),
        [
            "CREATE UNIQUE INDEX CONCURRENTLY p2a_id_at_key ON public.p2a (id, at);",
            "ALTER TABLE public.p2a ADD CONSTRAINT p2a_id_at_key UNIQUE USING INDEX p2a_id_at_key;",
            r#"ALTER TABLE ONLY public."P 2" ADD CONSTRAINT "P 2_id_at_key" UNIQUE (id, at);"#,
            r#"ALTER INDEX public."P 2_id_at_key" ATTACH PARTITION public.p2a_id_at_key;"#,
            "CREATE UNIQUE INDEX CONCURRENTLY p1_id_at_key ON public.p1 (id, at);",
            "ALTER TABLE public.p1 ADD CONSTRAINT p1_id_at_key UNIQUE USING INDEX p1_id_at_key;",
            "ALTER TABLE ONLY public.p ADD CONSTRAINT p_id_at_key UNIQUE (id, at);",
            r#"ALTER INDEX public.p_id_at_key ATTACH PARTITION public."P 2_id_at_key";"#,
            "ALTER INDEX public.p_id_at_key ATTACH PARTITION public.p1_id_at_key;",
            "CREATE INDEX CONCURRENTLY p2a_a ON public.p2a (a, id);",
            r#"CREATE INDEX "P 2_a" ON ONLY public."P 2" (a, id);"#,
            r#"ALTER INDEX public."P 2_a" ATTACH PARTITION public.p2a_a;"#,
            "CREATE INDEX CONCURRENTLY p1_a ON public.p1 (a, id);",
            "CREATE INDEX p_a_new ON ONLY public.p (a, id);",
            r#"ALTER INDEX public.p_a_new ATTACH PARTITION public."P 2_a";"#,
            "ALTER INDEX public.p_a_new ATTACH PARTITION public.p1_a;",
            "ALTER INDEX public.p_a RENAME TO p_a_old;",
            "ALTER INDEX public.p_a_new RENAME TO p_a;",
            "DROP INDEX public.p_a_old;",
            "ALTER TABLE public.p2a ADD CONSTRAINT p2a_a_fkey FOREIGN KEY (a) REFERENCES public.other(id) NOT VALID;",
            "ALTER TABLE public.p2a VALIDATE CONSTRAINT p2a_a_fkey;",
            r#"ALTER TABLE public."P 2" ADD CONSTRAINT "P 2_a_fkey" FOREIGN KEY (a) REFERENCES public.other(id);"#,
            "ALTER TABLE public.p1 ADD CONSTRAINT p1_a_fkey FOREIGN KEY (a) REFERENCES public.other(id) NOT VALID;",
            "ALTER TABLE public.p1 VALIDATE CONSTRAINT p1_a_fkey;",
            "ALTER TABLE public.p ADD CONSTRAINT p_a_fkey FOREIGN KEY (a) REFERENCES public.other(id);",
        ]
    );
    let database = at_first(&project);
    database.exec("INSERT INTO other VALUES (1); INSERT INTO p SELECT n, 1, '2026-01-01' FROM generate_series(0, 19) AS n");
    upgrade(&project, &database).args(["--contract"]).exit(0);
    project.check(database.url()).exit(0);
    project.trueup(["downgrade", "--to", "1", "--yes"], database.url()).exit(0);
    assert_eq!(database.value("SELECT count(*) FROM p"), "20");
}

#[test]
fn a_label_is_taken_from_an_enum_when_no_row_has_it() {
    let project = project(
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (id bigint PRIMARY KEY, m mood DEFAULT 'ok');",
        "CREATE TYPE mood AS ENUM ('ok', 'happy'); CREATE TABLE t (id bigint PRIMARY KEY, m mood DEFAULT 'ok');",
    );
    generate(&project).args(["moods"]).exit(0);
    assert!(
        text(&project, "migrations/V2__moods_contract.sql")
            .starts_with("-- trueup: contract\n-- trueup: requires-check t_m_has_no_old_label\n")
    );
    let database = at_first(&project);
    database.exec("INSERT INTO t VALUES (1, 'sad'), (2, 'ok')");
    upgrade(&project, &database).args(["--contract"]).exit_in(&[1, 4]);
    database.exec("UPDATE t SET m = 'ok'");
    upgrade(&project, &database).args(["--contract"]).exit(0);
    assert_eq!(database.value("SELECT count(*) FROM t WHERE m = 'ok'"), "2");
    project.check(database.url()).exit(0);
}

#[test]
fn a_down_script_gives_back_what_was_there() {
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY, a varchar(10)); CREATE VIEW v AS SELECT a FROM t;
         CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "CREATE TABLE t (id bigint PRIMARY KEY, a varchar(20)); CREATE VIEW v AS SELECT a, id FROM t;
         CREATE TABLE n (id bigint PRIMARY KEY REFERENCES t, CHECK (id > 0));",
    );
    generate(&project).args(["next"]).exit(0);
    let database = at_first(&project);
    let schema = || {
        database
            .server
            .program("pg_dump")
            .args(["-s", "-N", "trueup", "-d", database.url()])
            .exit(0)
            .stdout()
            .to_owned()
    };
    database.exec("INSERT INTO t VALUES (1, 'x')");
    let before = schema();
    upgrade(&project, &database).args(["--contract"]).exit(0);
    assert_ne!(schema(), before);
    project.trueup(["downgrade", "--to", "1", "--yes"], database.url()).exit(0);
    let restricted = |text: &str| {
        text.lines().filter(|line| !line.starts_with("\\")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(restricted(&schema()), restricted(&before));
    assert_eq!(database.value("SELECT a FROM t"), "x");
}

#[test]
fn the_lint_of_what_is_written_is_shown() {
    let project = project(
        "CREATE TABLE t (id int PRIMARY KEY, a int); CREATE TABLE u (t int REFERENCES t);",
        "-- trueup: dropped column public.t.a
         CREATE TABLE t (id bigint PRIMARY KEY); CREATE TABLE u (t int REFERENCES t);",
    );
    let said = generate(&project).exit(0);
    let said = said.stdout();
    assert!(said.contains("blocks.rewrite") && said.contains("loses.dropped"), "{said}");
    // What code does not survive is marked, and so is not told as that.
    assert!(!said.contains("breaks."), "{said}");
}

/// Tables go after those that refer to them; of a circle the foreign keys go first.
#[test]
fn tables_that_refer_to_each_other_are_dropped() {
    let kept = "CREATE TABLE kept (id bigint PRIMARY KEY);";
    let project = project(
        &format!(
            "{kept} CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE TABLE a (id bigint PRIMARY KEY DEFAULT one(), kept bigint REFERENCES kept);
             CREATE TABLE b (id bigint PRIMARY KEY, a bigint REFERENCES a, parent bigint REFERENCES b);
             CREATE TABLE z (id bigint PRIMARY KEY, b bigint REFERENCES b);
             ALTER TABLE b ADD z bigint REFERENCES z;
             CREATE TABLE y (id bigint PRIMARY KEY, z bigint REFERENCES z); CREATE VIEW v AS SELECT id FROM z;"
        ),
        kept,
    );
    generate(&project).args(["fewer"]).exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__fewer_contract.sql"),
        [
            "DROP VIEW public.v;",
            "ALTER TABLE public.b DROP CONSTRAINT b_z_fkey;",
            "ALTER TABLE public.z DROP CONSTRAINT z_b_fkey;",
            "DROP TABLE public.b;",
            "DROP TABLE public.a;",
            "DROP FUNCTION public.one();",
            "DROP TABLE public.y;",
            "DROP TABLE public.z;",
        ]
    );
    assert!(files(&project, "migrations").contains(&"V2__fewer_contract.down.sql".to_owned()));
}
