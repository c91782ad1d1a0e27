//! What other commands say of seeds, what cannot be told, and the statements for a query editor.

use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::proxy::{Proxy, Then};

use super::*;

fn findings(project: &Project, url: &str) -> (Value, Vec<Value>) {
    let document = project.check(url).document();
    let findings = document["findings"].as_array().unwrap().clone();
    (document, findings)
}

#[test]
fn check_reports_seeds_as_findings() {
    let (project, database) = teams();
    project.compile();
    let (document, found) = findings(&project, database.url());
    assert_eq!((&document["summary"]["error"], found.len()), (&2.into(), 2), "{document:#}");
    let blue = &found[1];
    assert_eq!(
        (&blue["code"], &blue["kind"], &blue["severity"], &blue["change"], &blue["object"]),
        (
            &"seed.missing".into(),
            &"seed".into(),
            &"error".into(),
            &"missing".into(),
            &"public.teams[code=blue]".into()
        )
    );
    assert_eq!(
        (&blue["cause"]["kind"], &blue["remedy"]["run"]),
        (&"pending".into(), &serde_json::json!(["trueup", "seed"]))
    );

    seed(&project, &database, &[]).exit(0);
    let (document, _) = findings(&project, database.url());
    assert_eq!(document["exit_code"], 0, "{document:#}");

    database
        .exec("UPDATE teams SET name = 'Edited' WHERE code = 'red'; DELETE FROM teams WHERE code = 'blue'");
    let (document, found) = findings(&project, database.url());
    let told = |number: usize| {
        let one: &Value = &found[number];
        [&one["code"], &one["severity"], &one["cause"]["kind"]].map(|text| text.as_str().unwrap().to_owned())
    };
    assert_eq!(told(0), ["seed.missing", "error", "drift"], "{document:#}");
    assert_eq!(told(1), ["seed.different", "warning", "drift"]);
    assert_eq!(
        found[1]["attributes"],
        serde_json::json!([{ "name": "name", "declared": "Red", "actual": "Edited" }])
    );
    assert_eq!(found[1]["remedy"]["run"], serde_json::json!(["trueup", "seed", "--overwrite"]));

    declare(&project, "\"Blue\"", "\"Navy\"");
    seed(&project, &database, &["--overwrite"]).exit(0);
    declare(&project, "\"Red\"", "\"Crimson\"");
    let (_, found) = findings(&project, database.url());
    assert_eq!(
        (&found[1]["code"], &found[1]["cause"]["kind"]),
        (&"seed.different".into(), &"pending".into())
    );
    settings(&project, "[check]\nseverity = { \"seed.different\" = \"info\" }\n");
    write(&project, &[("teams.toml", &TWO_TEAMS.replace("\"Blue\"", "\"Teal\""))]);
    let (document, _) = findings(&project, database.url());
    assert_eq!(
        (&document["exit_code"], &document["summary"]["info"]),
        (&0.into(), &1.into()),
        "{document:#}"
    );
    let ignored = project.check(&database).args(["--ignore", "public.teams"]).document();
    assert_eq!(ignored["findings"], serde_json::json!([]));
}

#[test]
fn a_table_that_a_pending_migration_makes_is_not_missed_and_upgrade_tells_what_comes_next() {
    let project = Project::of_schema(TEAMS);
    fs::create_dir(project.path().join("migrations")).unwrap();
    fs::write(project.path().join("migrations/V1__other.sql"), "CREATE TABLE other (id int);\n").unwrap();
    fs::write(project.path().join("migrations/V2__teams.sql"), format!("DROP TABLE other;\n{TEAMS}\n"))
        .unwrap();
    project.compile();
    write(&project, &[("teams.toml", TWO_TEAMS)]);
    // Seeds are no part of what the lock is compiled from.
    project.trueup(["compile", "--check"], "").exit(0);
    let database = support::database();
    let upgrade = |args: &[&str]| project.trueup([&["upgrade", "--yes"], args].concat(), &database);
    upgrade(&["--to", "1"]).exit(0).lacks("seed");
    let (_, found) = findings(&project, database.url());
    assert!(found.iter().all(|one| one["kind"] != "seed"), "{found:#?}");
    seed(&project, &database, &[]).exit(2).says(["this database has no table teams", "trueup upgrade"]);
    upgrade(&[]).exit(0).says("2 seeds are missing or different: trueup seed");
    seed(&project, &database, &[]).exit(0).says("inserted 2 rows");
    project.check(&database).exit(0).says("OK: ");
    upgrade(&["--strict"]).exit(0);
    // Where nothing is pending, a table that is not there is the file's fault, and said.
    write(&project, &[("other.toml", &TWO_TEAMS.replace("\"teams\"", "\"team\""))]);
    let words =
        ["note: schema/seeds/other.toml: not compared: table team, or a column of it, does not exist"];
    project.check(&database).exit(0).says(words);
}

#[test]
fn rows_that_a_role_does_not_see_are_not_called_as_declared() {
    let (project, database) = teams();
    project.compile();
    seed(&project, &database, &[]).exit(0);
    let role = format!("reader_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    let check = |code: i32, words: &[&str]| {
        let url = database.url_as(&role);
        project.check(&url).exit(code).says(words);
        let words: &[&str] = if code == 0 { &["OK: "] } else { &["does not see all rows of public.teams"] };
        project.trueup(["seed", "--check"], &url).exit(code).says(words);
    };
    check(3, &["public.teams (no right to read it)", "cannot tell"]);
    database.exec(&format!("GRANT SELECT ON teams TO {role}"));
    check(0, &["OK: "]);
    // A policy would hide rows without a word.
    database.exec(&format!(
        "ALTER TABLE teams ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON teams TO {role} USING (code = 'red')"
    ));
    let url = database.url_as(&role);
    let document = project.check(&url).document();
    assert_eq!(document["exit_code"], 3, "{document:#}");
    assert_eq!(document["coverage"]["complete"], false);
    assert_eq!(
        document["coverage"]["invisible"],
        serde_json::json!([{"object": "public.teams", "why": "row-level security hides rows of it"}])
    );
    project.trueup(["seed", "--yes"], &url).exit(3).says("row-level security hides rows");
    assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
    database.exec(&format!("DROP TABLE teams; DROP ROLE {role}"));
}

#[test]
fn what_was_seeded_is_not_known_to_everybody() {
    let (project, database) = teams();
    seed(&project, &database, &[]).exit(0);
    project.compile();
    declare(&project, "\"Blue\"", "\"Navy\"");
    let role = format!("stranger_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON teams TO {role}"));
    let (_, found) = findings(&project, &database.url_as(&role));
    assert_eq!(
        (&found[0]["code"], &found[0]["cause"]["kind"]),
        (&"seed.different".into(), &"unknown".into())
    );
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_statements_for_an_editor_change_nothing_the_second_time() {
    let (project, database) = teams();
    database.exec("INSERT INTO teams (code, name) VALUES ('blue', 'Other')");
    let ran = ask(&project, &database, &["--sql"])
        .exit(0)
        .says("ON CONFLICT (code) DO UPDATE SET name = excluded.name");
    assert_eq!(database.value("SELECT (to_regnamespace('trueup') IS NULL)::text"), "true");
    database.psql(ran.stdout());
    assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
    assert_eq!(database.value("SELECT string_agg(code, ',') FROM teams WHERE updated_at > 'epoch'"), "blue");
    let before = versions(&database, "teams");
    database.psql(ran.stdout());
    assert_eq!(versions(&database, "teams"), before);
    // What an editor has made is then recorded, so that a later declaration finds it.
    seed(&project, &database, &[]).exit(0).says("2 rows as declared already, now recorded as seeded");
    assert_eq!(versions(&database, "teams"), before);
    settled(&project, &database, "teams");
    declare(&project, "\"Blue\"", "\"Navy\"");
    seed(&project, &database, &[]).exit(0).says("updated 1");
}

#[test]
fn the_statements_for_an_editor_go_where_they_are_asked_for() {
    let (project, database) = teams();
    let file = project.path().join("seeds.sql");
    let ran = ask(&project, &database, &["--sql", "--output", file.to_str().unwrap()])
        .exit(0)
        .says("INSERT INTO public.teams");
    assert_eq!(fs::read_to_string(&file).unwrap(), ran.stdout());
    for format in ["json", "markdown"] {
        let words = ["--sql writes statements", "leave --format out"];
        ask(&project, &database, &["--sql", "--format", format]).exit(2).says(words);
    }
}

#[test]
fn f28_what_somebody_has_put_in_the_way_is_not_called() {
    let trap = "CREATE FUNCTION public.trap() RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END'";
    let schema = "CREATE TYPE public.mood AS ENUM ('calm', 'wild');
        CREATE TABLE public.moods (mood public.mood, code text, PRIMARY KEY (mood, code), note text);";
    let rows = "table = \"moods\"\nkey = [\"mood\", \"code\"]\n[[rows]]\nmood = \"calm\"\ncode = \"c\"\nnote = \"n\"\n";
    let (project, database) = site_of(schema, &[("moods.toml", rows)]);
    seed(&project, &database, &[]).exit(0).says("public.moods[mood=calm, code=c]");
    database.exec(&format!(
        "{trap};
         CREATE FUNCTION public.as_text(public.mood) RETURNS text LANGUAGE sql AS 'SELECT public.trap()';
         CREATE CAST (public.mood AS text) WITH FUNCTION public.as_text(public.mood) AS IMPLICIT;
         CREATE FUNCTION public.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap() IS NULL';
         CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same);
         CREATE OPERATOR public.= (LEFTARG = xid, RIGHTARG = xid, FUNCTION = pg_catalog.xidneq);
         CREATE FUNCTION public.format(text, public.mood) RETURNS text LANGUAGE sql AS 'SELECT public.trap()'"
    ));
    settings(&project, "[database]\nsearch_path = \"public, pg_catalog, pg_temp\"\n");
    settled(&project, &database, "moods");
    write(&project, &[("moods.toml", &rows.replace("\"n\"", "\"m\""))]);
    seed(&project, &database, &[]).exit(0).says("updated 1");
    write(&project, &[("moods.toml", &rows.replace("calm", "wild"))]);
    seed(&project, &database, &[]).exit(0).says("inserted 1 row");
    settled(&project, &database, "moods");
}

#[test]
fn f14_a_pooler_is_asked_through_and_not_seeded_through() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let (project, database) = teams();
    let pooler = PgBouncer::start(&database, "pooled_app", 1);
    let seed = |args: &[&str]| project.trueup(["seed"], &pooler.url()).args(args);
    seed(&["--check"]).exit(1).says("2 missing");
    seed(&["--sql"]).exit(0).says("INSERT INTO public.teams");
    seed(&["--yes"]).exit(4).says("transaction-pooling");
    assert_eq!(teams_of(&database), "");
}

#[test]
fn f25_a_server_that_takes_no_writes_is_asked_and_not_seeded() {
    let (project, database) = teams();
    database.exec(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    ask(&project, &database, &["--check"]).exit(1).says("2 missing");
    ask(&project, &database, &["--sql"]).exit(0).says("INSERT INTO public.teams");
    ask(&project, &database, &["--yes"]).exit(4).says("read-only");
}

#[test]
fn a_check_takes_no_message_more() {
    let (project, database) = teams();
    project.compile();
    let messages = || {
        let proxy = Proxy::start(&database, |_, _| Then::Forward);
        (proxy.round_trips(), project.check(&proxy.url(&database)).run().said().contains("seed, error"))
    };
    let with = messages();
    fs::remove_dir_all(project.path().join("schema/seeds")).unwrap();
    let without = messages();
    assert_eq!((with.1, without.1), (true, false));
    assert_eq!(with.0, without.0, "messages of a check with seeds and without");
}

#[test]
fn a_question_is_asked_in_markdown_and_quietly_too() {
    let (project, database) = teams();
    ask(&project, &database, &["--check", "--format", "markdown"]).exit(1).says([
        "## trueup seed: not as declared: 2 missing",
        "| `public.teams[code=red]` | missing | teams.toml:5 | insert |",
    ]);
    let quiet = ask(&project, &database, &["--check", "-q"]).run();
    assert_eq!(quiet.said(), "not as declared: 2 missing, of 2 rows\nnext: trueup seed\n");
    let bare = Project::of_schema(TEAMS);
    ask(&bare, &database, &["--yes"]).exit(0).says("nothing to do: schema/seeds/ declares no rows");
    ask(&project, &database, &["--check", "--sql"]).exit(2).says("cannot be used with");
}

#[test]
fn a_row_that_the_server_refuses_is_told_with_its_line_and_what_comes_next() {
    let schema = format!(
        "{TEAMS}ALTER TABLE public.teams ADD CONSTRAINT teams_name UNIQUE (name);
         ALTER TABLE public.teams ADD CONSTRAINT teams_note CHECK (note <> 'bad');
         ALTER TABLE public.teams ADD COLUMN boss bigint REFERENCES public.teams (id);"
    );
    let (project, database) = site_of(&schema, &[("teams.toml", TWO_TEAMS)]);
    let refused = |words: &[&str]| {
        let told = ask(&project, &database, &["--yes"]).document();
        let (message, next) = (told["error"]["what"].as_str().unwrap(), told["error"]["next"].as_str());
        assert_eq!(told["exit_code"], 5, "{told:#}");
        for word in words {
            assert!(message.contains(word), "no {word:?} in {message}");
        }
        assert!(message.contains("public.teams") && message.contains("nothing was changed"), "{message}");
        assert!(next.unwrap_or_default().contains("trueup seed --check"), "{told:#}");
    };
    // Somebody has made it under another key.
    database.exec("INSERT INTO teams (code, name) VALUES ('azure', 'Blue')");
    refused(&[
        "schema/seeds/teams.toml:10: public.teams[code=blue]",
        "teams_name",
        "Key (name)=(Blue) already exists",
    ]);
    database.exec("DELETE FROM teams");
    write(&project, &[("teams.toml", &format!("{TWO_TEAMS}boss = 77\n"))]);
    refused(&["schema/seeds/teams.toml:10: public.teams[code=blue]", "teams_boss_fkey", "Key (boss)=(77)"]);
    declare(&project, "note = \"n\"", "note = \"bad\"");
    refused(&["schema/seeds/teams.toml", "teams_note"]);
    // A row that is changed has a statement of its own.
    write(&project, &[("teams.toml", TWO_TEAMS)]);
    seed(&project, &database, &[]).exit(0).says("inserted 2 rows");
    declare(&project, "note = \"n\"", "note = \"bad\"");
    refused(&["schema/seeds/teams.toml:10: public.teams[code=blue]", "teams_note"]);
    assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
}

#[test]
fn a_right_that_lacks_is_told_before_anything_is_touched() {
    let (project, database) = teams();
    seed(&project, &database, &[]).exit(0);
    let role = format!("writer_{}", database.name());
    database.exec(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON teams TO {role}; GRANT ALL ON SCHEMA trueup TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA trueup TO {role}; DELETE FROM teams WHERE code = 'red'"
    ));
    let url = database.url_as(&role);
    let run = || project.trueup(["seed", "--yes"], &url);
    run().exit(4).says(["public.teams", "INSERT", "GRANT"]);
    // What is granted of columns is enough where no other is named.
    database.exec(&format!("GRANT INSERT (code, name, note, made_at) ON teams TO {role}"));
    run().exit(0).says("inserted 1 row");
    declare(&project, "\"Blue\"", "\"Navy\"");
    database.exec(&format!("GRANT UPDATE (name) ON teams TO {role}"));
    run().exit(4).says(["UPDATE (updated_at)", "public.teams"]);
    database.exec(&format!("GRANT UPDATE (updated_at) ON teams TO {role}"));
    run().exit(0).says("updated 1");
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn f45_a_row_that_the_server_does_not_make_is_told_and_why() {
    let (project, database) = site_of(
        "CREATE EXTENSION citext; CREATE TABLE public.tags (code citext PRIMARY KEY, name text);",
        &[("tags.toml", "table = \"tags\"\nkey = [\"code\"]\n[[rows]]\ncode = \"abc\"\nname = \"n\"\n")],
    );
    database.exec("INSERT INTO tags VALUES ('ABC', 'n')");
    let words =
        ["schema/seeds/tags.toml:3: public.tags[code=abc]", "public.tags[code=ABC]", "nothing was changed"];
    seed(&project, &database, &[]).exit(5).says(words);
    write(
        &project,
        &[("tags.toml", "table = \"tags\"\nkey = [\"code\"]\n[[rows]]\ncode = \"ABC\"\nname = \"n\"\n")],
    );
    seed(&project, &database, &[]).exit(0).says("1 row as declared already, now recorded as seeded");

    let (project, database) = teams();
    database.exec(
        "CREATE FUNCTION public.drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER gate BEFORE INSERT ON teams FOR EACH ROW WHEN (NEW.code = 'blue')
             EXECUTE FUNCTION public.drop_it();
         CREATE TRIGGER later AFTER INSERT ON teams FOR EACH ROW EXECUTE FUNCTION public.drop_it();",
    );
    let words =
        ["schema/seeds/teams.toml:10: public.teams[code=blue]", "trigger gate", "nothing was changed"];
    seed(&project, &database, &[]).exit(5).says(words);
    assert_eq!(teams_of(&database), "");
}
