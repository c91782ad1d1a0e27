//! What was seeded last, what is declared, and what is there.

use super::*;

#[test]
fn missing_rows_are_made_and_a_second_run_changes_none() {
    let (project, database) = teams();
    ask(&project, &database, &["--check"])
        .exit(1)
        .says(["not as declared: 2 missing, of 2 rows", "next: trueup seed"]);
    assert_eq!(
        database.value("SELECT (to_regnamespace('trueup') IS NULL)::text"),
        "true",
        "a question writes nothing"
    );
    ask(&project, &database, &[]).exit(4).says(["insert 2 rows", "no terminal"]);
    seed(&project, &database, &[])
        .exit(0)
        .says(["public.teams[code=red]", "done: inserted 2 rows, updated 0"]);
    assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
    assert_eq!(database.value("SELECT count(*) FROM teams WHERE made_at > now() - interval '1 hour'"), "2");
    assert_eq!(
        database.value("SELECT count(*) FROM teams WHERE updated_at = 'epoch'"),
        "2",
        "they were not changed"
    );
    settled(&project, &database, "teams");
    let detail = database.value("SELECT detail FROM trueup.steps WHERE action = 'seed'");
    assert!(detail.contains("\"made\":2"), "{detail}");
    project.trueup(["status", "--runs"], &database).run().says("seed --yes");
}

#[test]
fn a_new_declaration_changes_its_columns_alone() {
    let (project, database) = teams();
    seed(&project, &database, &[]).exit(0);
    database.exec("UPDATE teams SET made_at = 'epoch', note = 'by hand' WHERE code = 'red'");
    declare(&project, "\"Blue\"", "\"Navy\"");
    let before = versions(&database, "(SELECT *, ctid, xmin FROM teams WHERE code = 'red')");
    ask(&project, &database, &["--check"]).exit(1).says(["1 different", "name: Blue", "name: Navy"]);
    seed(&project, &database, &[]).exit(0).says("inserted 0 rows, updated 1");
    assert_eq!(teams_of(&database), "blue:Navy:n red:Red:by hand");
    assert_eq!(database.value("SELECT count(*) FROM teams WHERE updated_at > 'epoch'"), "1", "on_change");
    // Neither an expression nor a column that is not declared is compared.
    assert_eq!(versions(&database, "(SELECT *, ctid, xmin FROM teams WHERE code = 'red')"), before);
    settled(&project, &database, "teams");
}

#[test]
fn an_edit_is_told_and_left_alone_unless_it_is_overwritten() {
    let (project, database) = teams();
    seed(&project, &database, &[]).exit(0);
    database.exec("UPDATE teams SET name = 'Edited' WHERE code = 'red'");
    // A new declaration of another row is carried out beside it, and one of another column of the same row.
    write(
        &project,
        &[(
            "teams.toml",
            &TWO_TEAMS
                .replace("\"Blue\"", "\"Navy\"")
                .replace("name = \"Red\"", "name = \"Red\"\nnote = \"new\""),
        )],
    );
    let told = ask(&project, &database, &["--check"]).document();
    let states: Vec<&str> = told["tables"][0]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        (states, &told["exit_code"]),
        (vec!["different", "edited", "different"], &1.into()),
        "{told:#}"
    );
    seed(&project, &database, &[]).exit(0).says("changed by hand, skipped");
    assert_eq!(teams_of(&database), "blue:Navy:n red:Edited:new");
    let before = versions(&database, "teams");
    seed(&project, &database, &[])
        .exit(0)
        .says(["nothing to do; 1 row changed by hand, skipped", "--overwrite"]);
    seed(&project, &database, &["--strict"]).exit(1).says("skipped");
    ask(&project, &database, &["--check"]).exit(1).says("1 changed by hand");
    assert_eq!(versions(&database, "teams"), before);
    ask(&project, &database, &["--overwrite", "--dry-run"])
        .exit(0)
        .says(["1 updated", "next: trueup seed --overwrite"]);
    assert_eq!(versions(&database, "teams"), before);
    seed(&project, &database, &["--overwrite"]).exit(0).says("updated 1");
    assert_eq!(teams_of(&database), "blue:Navy:n red:Red:new");
    settled(&project, &database, "teams");
}

#[test]
fn columns_of_one_row_are_told_apart() {
    let (project, database) = teams();
    seed(&project, &database, &[]).exit(0);
    database.exec("UPDATE teams SET name = 'Edited' WHERE code = 'blue'");
    declare(&project, "note = \"n\"", "note = \"m\"");
    seed(&project, &database, &[]).exit(0).says("updated 1; 1 row changed by hand");
    assert_eq!(teams_of(&database), "blue:Edited:m red:Red");
    // Once it is declared, it is no edit any more.
    write(
        &project,
        &[("teams.toml", &TWO_TEAMS.replace("\"Blue\"", "\"Edited\"").replace("\"n\"", "\"m\""))],
    );
    seed(&project, &database, &[]).exit(0).says("1 row as declared already, now recorded as seeded");
    settled(&project, &database, "teams");
    declare(&project, "note = \"n\"", "note = \"m\"");
    seed(&project, &database, &[]).exit(0).says("updated 1");
    assert_eq!(teams_of(&database), "blue:Blue:m red:Red");
}

#[test]
fn a_row_that_somebody_made_is_taken_over_only_when_that_is_said() {
    let (project, database) = teams();
    database.exec("INSERT INTO teams (code, name) VALUES ('red', 'Mine'), ('blue', 'Blue')");
    ask(&project, &database, &["--check"]).exit(1).says("2 changed by hand");
    seed(&project, &database, &[]).exit(0).says("2 rows changed by hand, skipped");
    assert_eq!(teams_of(&database), "blue:Blue red:Mine");
    // What of it is as declared is as good as seeded.
    declare(&project, "\"Blue\"", "\"Navy\"");
    seed(&project, &database, &[]).exit(0).says("updated 1");
    assert_eq!(teams_of(&database), "blue:Navy red:Mine");
    seed(&project, &database, &["--overwrite"]).exit(0).says("updated 2");
    assert_eq!(teams_of(&database), "blue:Navy:n red:Red");
    settled(&project, &database, "teams");
}

#[test]
fn a_row_that_was_deleted_is_made_again_and_one_that_is_declared_no_more_stays() {
    let (project, database) = teams();
    seed(&project, &database, &[]).exit(0);
    database.exec("DELETE FROM teams WHERE code = 'red'");
    seed(&project, &database, &[]).exit(0).says("inserted 1 row");
    let one = TWO_TEAMS.split("[[rows]]").take(2).collect::<Vec<_>>().join("[[rows]]");
    write(&project, &[("teams.toml", &one)]);
    seed(&project, &database, &[]).exit(0).says([
        "nothing to do",
        "no longer declared in schema/seeds/teams.toml, kept in the database: public.teams[code=blue]",
    ]);
    assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
    let gone =
        ask(&project, &database, &["--check"]).document()["tables"][0]["no_longer_declared_rows"].clone();
    assert_eq!(gone, serde_json::json!(["public.teams[code=blue]"]));
    // A row that is not there any more is nothing to tell of.
    database.exec("DELETE FROM teams WHERE code = 'blue'");
    seed(&project, &database, &[]).exit(0).says("nothing to do").lacks("no longer declared");
}

/// The rows of a file that was deleted are kept and named, as those that left a file.
#[test]
fn rows_of_a_file_that_was_deleted_are_named() {
    let tags = "CREATE TABLE public.\"Tags t\" (region text, id int, name text, UNIQUE (id, region));";
    let file =
        "table = '\"Tags t\"'\nkey = [\"region\", \"id\"]\n[[rows]]\nid = 7\nregion = \"eu\"\nname = \"x\"\n";
    let (project, database) =
        site_of(&format!("{TEAMS}{tags}"), &[("teams.toml", TWO_TEAMS), ("tags.toml", file)]);
    let seeds = project.path().join("schema/seeds");
    seed(&project, &database, &[]).exit(0).says("inserted 3 rows").lacks("any more");
    fs::remove_file(seeds.join("tags.toml")).unwrap();
    let named = "no file of schema/seeds/ declares rows of public.\"Tags t\" any more, kept in the database: \
                 public.\"Tags t\"[region=eu, id=7]";
    for args in [&["--check"][..], &["--dry-run"], &["--yes"]] {
        ask(&project, &database, args).exit(0).says(named);
    }
    // Also with work to do, and where no file is left.
    database.exec("DELETE FROM teams WHERE code = 'blue'");
    seed(&project, &database, &[]).exit(0).says(["inserted 1 row", named]);
    fs::remove_file(seeds.join("teams.toml")).unwrap();
    seed(&project, &database, &[]).exit(0).says([
        "declares no rows",
        named,
        "public.teams[code=blue], public.teams[code=red]",
    ]);
    let document = ask(&project, &database, &["--check"]).document();
    let rows = serde_json::json!({"table": "public.\"Tags t\"", "seeded": 1, "rows": ["public.\"Tags t\"[region=eu, id=7]"]});
    assert_eq!(document["undeclared_tables"][0], rows, "{document:#}");
    // What is not there any more is nothing to tell of; a table that cannot be looked into is.
    database.exec("DELETE FROM \"Tags t\"");
    ask(&project, &database, &["--check"]).exit(0).lacks("Tags");
    database.exec("ALTER TABLE teams DROP CONSTRAINT teams_code_key");
    ask(&project, &database, &["--check"]).exit(0).says(
        "no file of schema/seeds/ declares rows of public.teams any more, where 2 rows were seeded: no unique index of it has the columns \
         of their key",
    );
    database.exec("DROP TABLE teams");
    // Of a table that was dropped no row can come back: the next run removes its records, and says so once.
    let dropped = "table public.teams does not exist any more: the record of its 2 seeded rows";
    for args in ["--check", "--dry-run"] {
        let removed = format!("{dropped} is removed by the next `trueup seed`");
        ask(&project, &database, &[args]).exit(0).says(removed);
    }
    seed(&project, &database, &[]).exit(0).says(format!("{dropped} was removed"));
    for args in [&["--check"][..], &["--yes"]] {
        ask(&project, &database, args).exit(0).lacks("public.teams");
    }
    assert_eq!(database.value("SELECT string_agg(relation, ', ') FROM trueup.seeds"), "public.\"Tags t\"");
}

/// Also where other rows are seeded in the same run.
#[test]
fn the_records_of_a_dropped_table_go_with_the_next_seed() {
    let tags = "CREATE TABLE public.tags (id int PRIMARY KEY);";
    let file = "table = \"tags\"\nkey = [\"id\"]\n[[rows]]\nid = 7\n";
    let (project, database) =
        site_of(&format!("{TEAMS}{tags}"), &[("teams.toml", TWO_TEAMS), ("tags.toml", file)]);
    seed(&project, &database, &[]).exit(0);
    fs::remove_file(project.path().join("schema/seeds/tags.toml")).unwrap();
    database.exec("DROP TABLE tags; DELETE FROM teams WHERE code = 'blue'");
    let words = [
        "inserted 1 row",
        "table public.tags does not exist any more: the record of its 1 seeded row was removed",
    ];
    seed(&project, &database, &[]).exit(0).says(words);
    seed(&project, &database, &[]).exit(0).says("nothing to do").lacks("public.tags");
}

/// A row that is declared no more is looked for by its key, whatever the size of the table.
#[test]
fn a_row_that_is_declared_no_more_is_found_by_the_index_of_its_key() {
    // A session reports what it has read before it is gone.
    let scans = |database: &TestDatabase| {
        let sessions = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'trueup/%'";
        wait_for("the end of the sessions", || database.value(sessions) == "0");
        let scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'kinds'";
        database.value(scans).parse::<i64>().unwrap()
    };
    for (kind, gone, stays, others, passes) in [
        ("bigint", "9223372036854775807", "7", "n", 0),
        ("smallint", "-1", "7", "(n % 10000)::smallint", 0),
        ("varchar(40)", "it's \\\"gone\\\"", "stays", "'o' || n", 0),
        ("character(8)", "gone", "stays", "'o' || n", 0),
        // What a numeric value is written like is not known: one pass over the table.
        ("numeric", "1.50", "2", "n", 1),
        (
            "uuid",
            "5a6b1d1a-5284-4523-bc25-d49987293f4c",
            "6a6b1d1a-5284-4523-bc25-d49987293f4c",
            "gen_random_uuid()",
            0,
        ),
    ] {
        let schema = format!("CREATE TABLE public.kinds (id {kind}, part text, PRIMARY KEY (part, id));");
        let row = |id: &str| format!("[[rows]]\nid = \"{id}\"\npart = \"a\"\n");
        let file = |rows: &[&str]| {
            let rows: String = rows.iter().map(|id| row(id)).collect();
            format!("table = \"kinds\"\nkey = [\"id\", \"part\"]\n{rows}")
        };
        let (project, database) = site_of(&schema, &[("kinds.toml", &file(&[gone, stays]))]);
        seed(&project, &database, &[]).exit(0);
        database.exec(&format!(
            "INSERT INTO kinds SELECT {others}, 'b' || n FROM generate_series(1, 30000) AS n;
             ANALYZE kinds"
        ));
        write(&project, &[("kinds.toml", &file(&[stays]))]);
        let before = scans(&database);
        let told = ask(&project, &database, &["--check"]).exit(0);
        assert_eq!(scans(&database) - before, passes, "{kind}");
        told.says(format!("public.kinds[id={}, part=a]", gone.replace('\\', "")));
    }
}

/// What was recorded may be no value of the column any more.
#[test]
fn recorded_keys_of_another_type_are_no_rows() {
    for (key, kind) in
        [("gone", "int USING 8"), ("99999999999999999999", "bigint USING 8"), ("x", "uuid USING NULL")]
    {
        let schema = "CREATE TABLE public.kinds (id text UNIQUE);";
        let file = |id: &str| format!("table = \"kinds\"\nkey = [\"id\"]\n[[rows]]\nid = \"{id}\"\n");
        let (project, database) = site_of(schema, &[("kinds.toml", &file(key))]);
        seed(&project, &database, &[]).exit(0);
        database.exec(&format!("ALTER TABLE kinds ALTER id TYPE {kind}"));
        write(&project, &[("kinds.toml", &file("5a6b1d1a-5284-4523-bc25-d49987293f4c"))]);
        if !kind.starts_with("uuid") {
            write(&project, &[("kinds.toml", &file("8"))]);
        }
        let document = ask(&project, &database, &["--check"]).document();
        assert_eq!(document["tables"][0]["no_longer_declared_rows"], serde_json::json!([]), "{document:#}");
    }
}

#[test]
fn rows_that_only_have_to_be_there_are_never_changed_nor_told() {
    let (project, database) = site_of(TEAMS, &[("teams.toml", &format!("mode = \"insert\"\n{TWO_TEAMS}"))]);
    database.exec("INSERT INTO teams (code, name) VALUES ('red', 'Mine')");
    ask(&project, &database, &["--check"]).exit(1).says("1 missing, of 2 rows");
    seed(&project, &database, &["--overwrite", "--strict"]).exit(0).says("inserted 1 row, updated 0");
    assert_eq!(teams_of(&database), "blue:Blue:n red:Mine");
    database.exec("UPDATE teams SET name = 'Other'");
    settled(&project, &database, "teams");
}

#[test]
fn a_backup_is_of_the_tables_that_are_seeded_where_that_is_asked_for() {
    let other = "CREATE TABLE public.other (id int);";
    let (project, database) = site_of(&format!("{TEAMS}{other}"), &[("teams.toml", TWO_TEAMS)]);
    fs::write(
        project.path().join("trueup.toml"),
        "[project]\nname = \"faults\"\n[backup]\nscope = \"affected\"\n",
    )
    .unwrap();
    let done = ask(&project, &database, &["--yes"]).document();
    assert_eq!((&done["backup_plan"]["tables"], &done["exit_code"]), (&1.into(), &0.into()), "{done:#}");
    assert_eq!(done["backup"]["id"], done["run"]);
}

#[test]
fn triggers_fire_and_a_backup_comes_first_only_where_rows_change() {
    let schema = format!(
        "{TEAMS}
        CREATE FUNCTION public.shout() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN NEW.note := upper(NEW.name); RETURN NEW; END';
        CREATE TRIGGER shout BEFORE INSERT ON public.teams FOR EACH ROW EXECUTE FUNCTION public.shout();"
    );
    let rows = TWO_TEAMS.replace("note = \"n\"\n", "");
    let (project, database) = site_of(&schema, &[("teams.toml", &rows)]);
    fs::write(project.path().join("trueup.toml"), "[project]\nname = \"faults\"\n").unwrap();
    let backups = || {
        let listed = project.trueup(["backup", "list"], &database).document();
        listed["backups"].as_array().unwrap().len()
    };
    let done = ask(&project, &database, &["--yes"]).document();
    assert_eq!((&done["exit_code"], &done["backup_plan"]["action"]), (&0.into(), &"take".into()), "{done:#}");
    assert_eq!(teams_of(&database), "blue:Blue:BLUE red:Red:RED");
    assert_eq!(backups(), 1);
    settled(&project, &database, "teams");
    assert_eq!(backups(), 1);
    // What a trigger makes otherwise than it is declared can never be so: told, and rolled back.
    let wrong = rows.replace("name = \"Red\"", "name = \"Red\"\nnote = \"red\"");
    write(&project, &[("teams.toml", &wrong)]);
    database.exec("DELETE FROM teams");
    let words = [
        "schema/seeds/teams.toml:5: public.teams[code=red]: a trigger or a rule writes note otherwise than declared",
    ];
    seed(&project, &database, &["--no-backup"]).exit(5).says(words);
    assert_eq!(teams_of(&database), "");
}

/// Organizations that have a column of which the file says nothing at first.
const ORGS: &str = "CREATE TABLE public.orgs (
    code text PRIMARY KEY, slug text, internal boolean NOT NULL DEFAULT false, fee numeric(12,2) NOT NULL DEFAULT 0,
    kind text NOT NULL DEFAULT 'plain'
);";

/// One of them.
const ONE_ORG: &str =
    "table = \"orgs\"\nkey = [\"code\"]\n[[rows]]\ncode = \"a\"\nslug = { sql = \"upper('x')\" }\n";

#[test]
fn a_column_that_is_declared_later_is_nobodys_edit_where_it_has_the_default_of_the_database() {
    let (project, database) = site_of(ORGS, &[("orgs.toml", ONE_ORG)]);
    seed(&project, &database, &[]).exit(0).says("inserted 1 row");
    project.compile();
    let later = format!("{ONE_ORG}internal = true\nfee = 2.5\nkind = \"other\"\n");
    write(&project, &[("orgs.toml", &later)]);
    ask(&project, &database, &["--check"]).exit(1).says(["1 different", "internal: false"]);
    project
        .check(&database)
        .args(["--format", "json"])
        .run()
        .says("orgs.toml was changed since it was seeded")
        .lacks("by hand");
    seed(&project, &database, &[]).exit(0).says("inserted 0 rows, updated 1");
    assert_eq!(database.value("SELECT concat(slug, internal, fee, kind) FROM orgs"), "Xt2.50other");
    settled(&project, &database, "orgs");
}

#[test]
fn what_a_column_had_before_it_was_declared_is_not_called_an_edit() {
    let (project, database) = site_of(ORGS, &[("orgs.toml", ONE_ORG)]);
    seed(&project, &database, &[]).exit(0).says("inserted 1 row");
    project.compile();
    // Neither the default nor NULL: what made it, an expression or a person, is not known.
    database.exec("UPDATE orgs SET kind = 'mine'");
    let later = ONE_ORG.replace("{ sql = \"upper('x')\" }", "\"y\"\nkind = \"other\"");
    write(&project, &[("orgs.toml", &later)]);
    for _ in 0..2 {
        let told = ask(&project, &database, &["--check"]).document();
        let row = &told["tables"][0]["rows"][0];
        assert_eq!(
            (&row["state"], &told["tables"][0]["edited"]),
            (&"unseeded".into(), &0.into()),
            "{told:#}"
        );
        assert_eq!(told["exit_code"], 1);
        let words = "1 row not as declared in columns that were never seeded, skipped";
        seed(&project, &database, &[]).exit(0).says([words, "skip: never seeded", "trueup seed --overwrite"]);
        project.check(&database).args(["--format", "json"]).run().says("never seeded").lacks("by hand");
    }
    seed(&project, &database, &["--strict"]).exit(1).says("skipped");
    assert_eq!(database.value("SELECT slug || kind FROM orgs"), "Xmine");
    seed(&project, &database, &["--overwrite"]).exit(0).says("updated 1");
    assert_eq!(database.value("SELECT slug || kind FROM orgs"), "yother");
    settled(&project, &database, "orgs");
}
