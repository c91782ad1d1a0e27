//! `trueup init --from-database`: what a database has becomes files of `schema/` and a baseline, proved.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::{application, read, trueup, write};
use crate::support::program::Program;
use crate::support::{self, TestDatabase};

const FROM_DATABASE: [&str; 5] = ["init", "--from-database", "--yes", "--name", "shop"];

/// Names, kinds and circles that a writer of files could stumble over.
const HOSTILE: &str = include_str!("hostile.sql");

fn taken_in(directory: &TempDir, database: &TestDatabase) -> Program {
    trueup(directory, &FROM_DATABASE, Some(database))
}

/// All files of a directory with their texts, by their paths in it.
fn files(directory: &TempDir) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    collect(directory.path(), directory.path(), &mut files);
    files
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names of the files that differ between two states of a directory.
fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<_> = names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}

#[test]
fn a_database_of_hostile_objects_is_declared_as_it_is() {
    let (directory, database) = (application(&[]), support::database());
    database.psql(HOSTILE);
    taken_in(&directory, &database).exit(0).says(["written", "V1__baseline.sql", "next: trueup adopt"]);
    let written = files(&directory);
    for name in [
        "schema/+sales%20+team/+order%20+items.sql",
        "schema/%73eeds/x.sql",
        "schema/event_triggers.sql",
        "schema/public/+t.sql",
        "schema/public/a%2fb.sql",
        "schema/public/functions/is_ok.sql",
        "schema/public/t.sql",
        "schema/public/types.sql",
        "schema/public/views/totals.sql",
        "migrations/V1__baseline.sql",
        "trueup.lock",
        "trueup.toml",
    ] {
        assert!(written.contains_key(name), "{name}: {:#?}", written.keys());
    }
    for (name, text) in written.iter().filter(|(name, _)| name.starts_with("schema/")) {
        let is_plain = text.ends_with(";\n") && !text.contains("\nSET ") && !text.contains("OWNER TO");
        assert!(is_plain, "{name}:\n{text}");
    }
    // A partition and an heir do not repeat what they have from their parents.
    assert!(!written["schema/public/logs_2024.sql"].contains("NOT NULL"));
    assert!(written["schema/public/t.sql"].contains("id bigint GENERATED ALWAYS AS IDENTITY NOT NULL"));

    // The second run writes nothing, and another database of the same schema gives the same bytes.
    trueup(&directory, &["init", "--from-database"], Some(&database)).exit(0).says("0 files written");
    assert_eq!(changed(&written, &files(&directory)), [""; 0]);
    let (again, copy) = (application(&[]), support::database());
    copy.psql(HOSTILE);
    taken_in(&again, &copy).exit(0);
    assert_eq!(changed(&written, &files(&again)), [""; 0]);

    trueup(&directory, &["compile", "--check"], None).exit(0);
    // Until the history is recorded, that is all there is to say of the database.
    let document = trueup(&directory, &["check", "--format", "json"], Some(&database)).exit(1).json();
    let codes: Vec<_> = document["findings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["history.missing", "function.search_path"], "{document:#}");
    trueup(&directory, &["adopt", "--yes"], Some(&database)).exit(0);
    trueup(&directory, &["check"], Some(&database)).exit(0);

    // The baseline makes the same of an empty database.
    let empty = support::database();
    trueup(&directory, &["upgrade", "--yes", "--no-backup"], Some(&empty)).exit(0);
    trueup(&directory, &["check"], Some(&empty)).exit(0);
}

const SHOP: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text);
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users);
    CREATE VIEW mails AS SELECT email FROM users;";

fn shop() -> (TempDir, TestDatabase) {
    let (directory, database) = (application(&[]), support::database());
    database.exec(SHOP);
    taken_in(&directory, &database).exit(0);
    (directory, database)
}

#[test]
fn only_the_files_of_what_changed_are_written() {
    let (directory, database) = shop();
    let first = files(&directory);
    let again = || trueup(&directory, &["init", "--from-database"], Some(&database));
    database.exec("ALTER TABLE orders ADD COLUMN note text; CREATE INDEX ON orders (note)");
    again().exit(0).says([
        "schema/public/orders.sql",
        "1 file written, 0 removed, 2 unchanged",
        "trueup compile",
    ]);
    let second = files(&directory);
    assert_eq!(changed(&first, &second), ["schema/public/orders.sql"]);
    assert!(second["schema/public/orders.sql"].contains("note text"));

    // Whatever a person wrote into the files of other objects stays.
    let commented = format!("-- Who may log in.\n{}", second["schema/public/users.sql"]);
    write(directory.path(), &[("schema/public/users.sql", &commented)]);
    let before = files(&directory);
    database.exec("CREATE TYPE mood AS ENUM ('sad'); DROP TABLE orders");
    again().exit(0).says(["1 file written, 1 removed", "schema/public/types.sql"]);
    assert_eq!(changed(&before, &files(&directory)), ["schema/public/orders.sql", "schema/public/types.sql"]);
    let document =
        trueup(&directory, &["init", "--from-database", "--format", "json"], Some(&database)).exit(0).json();
    assert_eq!(document["schema"]["unchanged"], 3, "{document:#}");
    assert_eq!(document["schema"]["written"].as_array().unwrap().len(), 0, "{document:#}");
}

#[test]
fn another_database_does_not_take_the_place_of_the_project() {
    let (directory, _own) = shop();
    let before = files(&directory);
    let (empty, other) = (support::database(), support::database());
    other.exec("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE c (x int)");
    for database in [empty, other] {
        let refused = trueup(&directory, &["init", "--from-database", "--format", "json"], Some(&database))
            .exit(4)
            .json();
        assert_eq!(refused["error"]["code"], "database.other", "{refused:#}");
        assert_eq!(changed(&before, &files(&directory)), [""; 0]);
    }
}

#[test]
fn a_project_that_has_only_migrations_does_not_take_in_another_database() {
    let project = [
        ("migrations/V1__users.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text);"),
        ("migrations/V2__orders.sql", "CREATE TABLE orders (id bigint PRIMARY KEY);"),
        ("trueup.toml", "[project]\nname = \"shop\"\n"),
    ];
    let (directory, other) = (application(&project), support::database());
    other.exec("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE c (x int)");
    let before = files(&directory);
    let again = |database| trueup(&directory, &["init", "--from-database"], Some(database));
    again(&other).exit(4).says([
        "has little of what the migrations in migrations/ build",
        "nothing was written",
        "DATABASE_URL",
    ]);
    assert_eq!(changed(&before, &files(&directory)), [""; 0]);

    // Whatever was made by hand in it since: a database with the history of these migrations is the project's.
    let own = support::database();
    trueup(&directory, &["compile"], None).exit(0);
    trueup(&directory, &["upgrade", "--yes", "--no-backup"], Some(&own)).exit(0);
    own.exec("CREATE TABLE a (x int); CREATE TABLE b (x int); DROP TABLE users; DROP TABLE orders");
    again(&own).exit(0).says("2 files written");
    assert!(!directory.path().join("migrations/V1__baseline.sql").exists());
}

/// "All objects" is what the project looks at: what else there is in the database is said.
#[test]
fn what_is_left_out_is_said() {
    let (directory, database) = (application(&[]), support::database());
    database.exec("CREATE TABLE t (id int); GRANT SELECT ON t TO pg_monitor");
    let rights = "owners and grants are not declared; where schema/ declares one of them";
    taken_in(&directory, &database).exit(0).says(rights);
    taken_in(&directory, &database).exit(0).says("0 files written").lacks("grants");
    let text = "CREATE TABLE public.t (id integer);\nGRANT INSERT ON public.t TO pg_monitor;\n";
    write(directory.path(), &[("schema/public/t.sql", text)]);
    taken_in(&directory, &database).exit(0).lacks("are not declared");
    let text = read(&directory, "schema/public/t.sql");
    assert!(
        text.contains("GRANT SELECT ON TABLE public.t TO pg_monitor") && !text.contains("INSERT"),
        "{text}"
    );
}

#[test]
fn a_database_with_a_history_gets_no_baseline_beside_it() {
    // The project has lost its migrations, or keeps them elsewhere.
    let (first, database) =
        (application(&[("migrations/V1__t.sql", "CREATE TABLE t (id int);")]), support::database());
    trueup(&first, &["init", "--yes", "--name", "shop"], None).exit(0);
    trueup(&first, &["upgrade", "--yes", "--no-backup"], Some(&database)).exit(0);
    let directory = application(&[]);
    for args in [&FROM_DATABASE[..], &["init", "--from-database", "--tool", "trueup"]] {
        trueup(&directory, args, Some(&database)).exit(0).says([
            "refinery_schema_history: 1 migration is applied that this project does not have",
            "no baseline migration is written",
            "[migrations] dir",
        ]);
        assert!(!directory.path().join("migrations").exists());
    }
    // Those of another tool are not in the directory that was asked for.
    let (directory, database) = (application(&[]), support::database());
    database.exec(
        "CREATE TABLE t (id int); CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
        INSERT INTO schema_migrations VALUES ('20240101000000')",
    );
    taken_in(&directory, &database).exit(0).says([
        "public.schema_migrations: dbmate migrates this database",
        "trueup init --from dbmate --take-over",
        "trueup init --from-database --tool trueup",
    ]);
    assert!(!directory.path().join("migrations").exists());
    trueup(&directory, &["check"], Some(&database)).exit(0);
    trueup(&directory, &["init", "--from-database", "--tool", "trueup"], Some(&database))
        .exit(0)
        .says(["V1__baseline.sql", "public.schema_migrations: not declared: it is a history of dbmate"]);
    trueup(&directory, &["adopt", "--yes"], Some(&database)).exit(0);
    trueup(&directory, &["check"], Some(&database)).exit(0);
}

#[test]
fn a_dump_is_brought_up_to_date_where_it_is() {
    let (directory, database) = (application(&[]), support::database());
    database.exec(
        "CREATE SCHEMA app; CREATE TABLE app.users (id serial PRIMARY KEY, email text UNIQUE, age int DEFAULT 1);
        CREATE TABLE app.logs (at date, user_id int REFERENCES app.users) PARTITION BY RANGE (at);
        CREATE TABLE app.logs_1 PARTITION OF app.logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE INDEX ON app.logs (at); COMMENT ON COLUMN app.users.email IS 'x';
        ALTER TABLE app.users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON app.users USING (true)",
    );
    let dump = support::server()
        .program("pg_dump")
        .args(["-s", "-O", "-x", database.url()])
        .exit(0)
        .stdout()
        .to_owned();
    write(directory.path(), &[("schema/schema.sql", &dump)]);
    taken_in(&directory, &database).exit(0).says("0 files written");
    database.exec(
        "ALTER TABLE app.users ALTER COLUMN age SET DEFAULT 2, ADD COLUMN note text; ALTER TABLE app.logs ADD COLUMN x int;
        CREATE POLICY q ON app.users USING (false)",
    );
    let again = || trueup(&directory, &["init", "--from-database"], Some(&database));
    again().exit(0).says("1 file written, 0 removed, 0 unchanged");
    again().exit(0).says("0 files written");
    assert_eq!(files(&directory).keys().filter(|name| name.starts_with("schema/")).count(), 1);
}

/// A file as people write it: what is about one thing stands together, with comments and with what no catalog shows.
const BY_HAND: &str = "-- Who buys.
CREATE TABLE users (id bigint PRIMARY KEY, email text);
COMMENT ON TABLE users IS 'Buyers';

-- What they buy.
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    user_id bigint REFERENCES users
);
CREATE INDEX orders_user ON orders (user_id);
DO $$ BEGIN END $$;

CREATE VIEW mails AS
    SELECT email FROM users; -- For the newsletter.
SELECT 1;
";

#[test]
fn a_file_that_a_person_wrote_keeps_all_but_what_differs() {
    let (directory, database) = (application(&[("schema/model.sql", BY_HAND)]), support::database());
    database.exec(BY_HAND);
    taken_in(&directory, &database).exit(0).says("0 files written");
    assert_eq!(read(&directory, "schema/model.sql"), BY_HAND);
    let again = || trueup(&directory, &["init", "--from-database"], Some(&database));
    database.exec(
        "ALTER TABLE orders ADD COLUMN note text; CREATE INDEX orders_note ON orders (note);
        COMMENT ON TABLE users IS 'Customers'; DROP VIEW mails; CREATE TYPE mood AS ENUM ('sad')",
    );
    again().exit(0).says(["written: schema/model.sql", "2 files written, 0 removed, 0 unchanged"]);
    assert_eq!(
        read(&directory, "schema/model.sql"),
        "-- Who buys.
CREATE TABLE public.users (
    id bigint NOT NULL,
    email text
);

COMMENT ON TABLE public.users IS 'Customers';

ALTER TABLE public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

-- What they buy.
CREATE TABLE public.orders (
    id bigint NOT NULL,
    user_id bigint,
    note text
);

ALTER TABLE public.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE public.orders ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
CREATE INDEX orders_user ON orders (user_id);
DO $$ BEGIN END $$;

-- For the newsletter.
SELECT 1;

CREATE INDEX orders_note ON public.orders (note);
"
    );
    assert_eq!(read(&directory, "schema/public/types.sql"), "CREATE TYPE public.mood AS ENUM ('sad');\n");
    let first = files(&directory);
    again().exit(0).says("0 files written");
    assert_eq!(changed(&first, &files(&directory)), [""; 0]);
}

#[test]
fn comments_and_what_is_left_out_are_not_lost() {
    let (directory, database) = shop();
    let again = || trueup(&directory, &["init", "--from-database"], Some(&database));
    let refused = |name: &str, text: &str, words: &[&str; 2]| {
        write(directory.path(), &[(name, text)]);
        let before = files(&directory);
        again().case(text).exit(2).says(words).says("nothing was written");
        assert_eq!(changed(&before, &files(&directory)), [""; 0]);
    };
    let (orders, mails) = ("schema/public/orders.sql", "schema/public/views/mails.sql");
    let (plain, view) = (read(&directory, orders), read(&directory, mails));

    // A comment inside of a statement that is written anew; one in front of it stays.
    database.exec("ALTER TABLE orders ADD COLUMN note text");
    let inside = plain.replace("user_id bigint", "user_id bigint -- Who ordered.\n   ");
    refused(orders, &inside, &["schema/public/orders.sql: line 3: -- Who ordered.", "would lose"]);
    write(directory.path(), &[(orders, &format!("-- Ours.\n{plain}"))]);
    again().exit(0).says("1 file written, 0 removed, 2 unchanged");
    let text = read(&directory, orders);
    assert!(
        text.starts_with("-- Ours.\nCREATE TABLE public.orders (") && text.contains("note text"),
        "{text}"
    );

    // A file that would be left with comments alone.
    database.exec("DROP VIEW mails");
    refused(
        mails,
        &format!("-- Ours.\n{view}"),
        &["schema/public/views/mails.sql: -- Ours.", "edited since"],
    );
    write(directory.path(), &[(mails, &view)]);
    again().exit(0).says("0 files written, 1 removed");

    // What the project leaves out stands in the same statement as what differs.
    let settings = "[project]\nname = \"shop\"\n[database]\nignore = [\"public.orders.secret\"]\n";
    write(directory.path(), &[("trueup.toml", settings)]);
    database.exec("ALTER TABLE orders DROP COLUMN note");
    let secret = text.replace("note text", "note text,\n    secret text");
    refused(orders, &secret, &["column public.orders.secret", "[database] ignore"]);
}

#[test]
fn statements_that_stand_apart_are_brought_together() {
    let project = [
        (
            "schema/1_tables.sql",
            "SET search_path = app;\nCREATE TABLE t (id int);\nCREATE TABLE u (id int);\n",
        ),
        ("schema/0_schemas.sql", "CREATE SCHEMA app;\n"),
        ("schema/2_keys.sql", "ALTER TABLE ONLY app.t\n    ADD CONSTRAINT t_key PRIMARY KEY (id);\n"),
        ("schema/3_more.sql", "COMMENT ON COLUMN app.t.id IS 'x';\nCOMMENT ON TABLE app.u IS 'y';\n"),
    ];
    let (directory, database) = (application(&project), support::database());
    for (_, sql) in [project[1], project[0], project[2], project[3]] {
        database.exec(sql);
    }
    taken_in(&directory, &database).exit(0).says("0 files written");
    database.exec("ALTER TABLE app.t ADD COLUMN note text");
    trueup(&directory, &["init", "--from-database"], Some(&database))
        .exit(0)
        .says("2 files written, 1 removed, 1 unchanged");
    assert_eq!(read(&directory, "schema/3_more.sql"), "COMMENT ON TABLE app.u IS 'y';\n");
    assert!(!directory.path().join("schema/2_keys.sql").exists());
    let text = read(&directory, "schema/1_tables.sql");
    assert!(
        text.contains("ADD CONSTRAINT t_key") && text.ends_with("\nCREATE TABLE u (id int);\n"),
        "{text}"
    );
    trueup(&directory, &["init", "--from-database"], Some(&database)).exit(0).says("0 files written");
}

#[test]
fn what_cannot_be_declared_in_full_is_refused() {
    let (directory, database) = (application(&[]), support::database());
    database.exec("CREATE TABLE t (id int); CREATE PUBLICATION p FOR TABLE t");
    taken_in(&directory, &database).exit(3).says([
        "publication p",
        "nothing was written",
        "[database] ignore",
    ]);
    assert_eq!(files(&directory).len(), 0);
    write(directory.path(), &[("trueup.toml", "[project]\nname = \"shop\"\n[database]\nignore = [\"p\"]\n")]);
    taken_in(&directory, &database).exit(0);
    assert!(files(&directory).contains_key("schema/public/t.sql"));
}

#[test]
fn a_function_that_names_what_is_gone_is_declared_as_it_is() {
    let (directory, database) = (application(&[]), support::database());
    database.exec(
        "CREATE TABLE t (id bigint DEFAULT 1);
        CREATE FUNCTION whole() RETURNS bigint LANGUAGE sql AS 'SELECT max(id) FROM t';
        SET check_function_bodies = off;
        CREATE FUNCTION broken() RETURNS bigint LANGUAGE sql AS 'SELECT id FROM missing'",
    );
    taken_in(&directory, &database)
        .exit(0)
        .says(["cannot run", "functions/broken.sql", "\"missing\" does not exist"])
        .lacks("\\n");
    let text = read(&directory, "schema/public/functions/broken.sql");
    assert!(
        text.starts_with("SET check_function_bodies = off;\n\nCREATE FUNCTION public.broken()"),
        "{text}"
    );
    assert!(read(&directory, "schema/public/functions/whole.sql").starts_with("CREATE FUNCTION"));
    trueup(&directory, &["adopt", "--yes"], Some(&database)).exit(0);
    trueup(&directory, &["check"], Some(&database)).exit(0);
    trueup(&directory, &["init", "--from-database"], Some(&database)).exit(0).says("0 files written");
    database.exec("DROP FUNCTION broken()");
    trueup(&directory, &["init", "--from-database"], Some(&database))
        .exit(0)
        .says("0 files written, 1 removed");
}

#[test]
fn a_database_without_the_schema_public_gets_a_baseline_that_can_be_applied() {
    let (directory, database) = (application(&[]), support::database());
    database.exec("DROP SCHEMA public; CREATE SCHEMA app; CREATE TABLE app.t (id int)");
    taken_in(&directory, &database).exit(0);
    assert!(read(&directory, "schema/schemas.sql").contains("DROP SCHEMA public"));
    trueup(&directory, &["compile", "--check"], None).exit(0);
    trueup(&directory, &["init", "--from-database"], Some(&database)).exit(0).says("0 files written");
    let settings = "[project]\nname = \"shop\"\n[migrations]\nhistory = \"app.refinery_schema_history\"\n";
    write(directory.path(), &[("trueup.toml", settings)]);
    trueup(&directory, &["adopt", "--yes"], Some(&database)).exit(0);
    trueup(&directory, &["check"], Some(&database)).exit(0);
    let empty = support::database();
    trueup(&directory, &["upgrade", "--yes", "--no-backup"], Some(&empty)).exit(0);
    trueup(&directory, &["check"], Some(&empty)).exit(0);
}

/// Only messages hide what looks like a password: files are exact.
#[test]
fn the_sql_of_passwords_is_written_as_it_is() {
    let (directory, database) = (application(&[]), support::database());
    let body = "UPDATE users SET password = crypt(new, gen_salt('bf')) WHERE id = 1 AND url <> 'postgres://u:pw@h/d'";
    let default = "DEFAULT 'password=secret host=db'";
    database.exec(&format!(
        "CREATE TABLE users (id int, password text {default}, url text);
        CREATE FUNCTION reset(new text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN {body}; END $$"
    ));
    taken_in(&directory, &database).exit(0);
    let written = files(&directory);
    for name in ["schema/public/functions/reset.sql", "migrations/V1__baseline.sql"] {
        assert!(written[name].contains(body), "{name}: {}", written[name]);
    }
    assert!(written["schema/public/users.sql"].contains("'password=secret host=db'"));
    assert!(written["trueup.lock"].contains("crypt(new, gen_salt('bf'))"));
}

#[test]
fn what_does_not_give_the_same_schema_again_is_not_written() {
    let directory = application(&[]);
    // An index that was not built to the end is built when it is created again.
    let other = support::database();
    other.exec("CREATE TABLE t (id int); CREATE INDEX t_id ON t (id)");
    other.exec("UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 't_id'::regclass");
    let refused = taken_in(&directory, &other).args(["--format", "json"]).exit(2).json();
    assert_eq!(refused["error"]["code"], "schema.not_proved", "{refused:#}");
    let what = refused["error"]["what"].as_str().unwrap();
    assert!(what.contains("index public.t_id: valid is true, not false"), "{what}");
    assert_eq!(files(&directory).len(), 0);
    // The advice can be followed.
    let next = refused["error"]["next"].as_str().unwrap();
    let setting = next.split_once("[database] ").unwrap().1;
    assert_eq!(setting, "ignore = [\"public.t_id\"]");
    write(
        directory.path(),
        &[("trueup.toml", &format!("[project]\nname = \"shop\"\n[database]\n{setting}\n"))],
    );
    trueup(&directory, &["init", "--from-database"], Some(&other)).exit(0);
    assert_eq!(read(&directory, "schema/public/t.sql"), "CREATE TABLE public.t (\n    id integer\n);\n");
}

/// Puts something into the place of a file.
type Stand<'s> = &'s dyn Fn(&Path);

#[test]
fn what_stands_in_the_way_of_a_file_is_told_before_any_is_written() {
    let (outside, database) = (tempfile::tempdir().unwrap(), support::database());
    database.exec("CREATE TABLE a (id int); CREATE TABLE t (id int)");
    fs::write(outside.path().join("t.sql"), "-- Theirs.").unwrap();
    let linked = |place: &Path| symlink(outside.path(), place).unwrap();
    let linked_file = |place: &Path| {
        let root = place.ancestors().find(|above| above.join("elsewhere.sql").exists()).unwrap();
        symlink(root.join("elsewhere.sql"), place).unwrap();
    };
    let directory = |place: &Path| fs::create_dir_all(place).unwrap();
    let file = |place: &Path| fs::write(place, "").unwrap();
    let cases: [(&str, Stand<'_>, &str); 6] = [
        ("schema/public", &linked, "a symbolic link"),
        ("schema/public/t.sql", &linked_file, "a symbolic link, which is not followed"),
        ("schema/public/t.sql", &directory, "a directory, where a file is to be written"),
        ("schema/public", &file, "no directory, though files are to be written into it"),
        ("trueup.lock", &linked_file, "a symbolic link, which is not followed"),
        ("trueup.lock", &directory, "a directory, where a file is to be written"),
    ];
    for (place, stand, words) in cases {
        let project = application(&[("elsewhere.sql", "")]);
        let at = project.path().join(place);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        stand(&at);
        let before = files(&project);
        taken_in(&project, &database).case(place).exit(2).says([place, words]);
        assert_eq!(changed(&before, &files(&project)), [""; 0], "{place}: {words}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}

#[test]
fn grants_are_written_where_the_project_declares_some() {
    let (directory, database) = (application(&[]), support::database());
    let role = format!("reader_{}", database.name());
    database.exec(&format!(
        "CREATE ROLE {role}; CREATE TABLE t (id int); CREATE VIEW v AS SELECT id FROM t;
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM PUBLIC;
        GRANT SELECT ON t, v TO {role}"
    ));
    taken_in(&directory, &database).exit(0);
    let plain = files(&directory);
    assert!(plain.values().all(|text| !text.contains("GRANT ")), "{plain:#?}");
    let granted = format!("{}\nGRANT SELECT ON public.t TO {role};\n", plain["schema/public/t.sql"]);
    write(directory.path(), &[("schema/public/t.sql", &granted)]);
    trueup(&directory, &["init", "--from-database"], Some(&database)).exit(0);
    let text = read(&directory, "schema/public/views/v.sql");
    assert!(text.contains(&format!("GRANT SELECT ON TABLE public.v TO {role};")), "{text}");
    assert!(
        read(&directory, "schema/public/functions/f.sql")
            .contains("REVOKE ALL ON ROUTINE public.f() FROM PUBLIC")
    );
    trueup(&directory, &["init", "--from-database"], Some(&database)).exit(0).says("0 files written");
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn what_belongs_to_an_extension_is_not_written() {
    let (directory, database) = (application(&[]), support::database());
    database.exec("CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE t (email ext.citext)");
    taken_in(&directory, &database).exit(0).says("3 files written");
    assert_eq!(read(&directory, "schema/extensions.sql"), "CREATE EXTENSION citext WITH SCHEMA ext;\n");
    assert_eq!(
        read(&directory, "schema/public/t.sql"),
        "CREATE TABLE public.t (\n    email ext.citext\n);\n"
    );
}

#[test]
fn beside_another_tool_no_baseline_is_written() {
    let (directory, database) =
        (application(&[("alembic.ini", ""), ("alembic/versions/.keep", "")]), support::database());
    database.exec("CREATE TABLE t (id int)");
    taken_in(&directory, &database).exit(0).says("Alembic migrates, so no baseline migration is written");
    assert!(!directory.path().join("migrations").exists());
    trueup(&directory, &["check"], Some(&database)).exit(0);
    // A database has to be given.
    trueup(&application(&[]), &FROM_DATABASE, None).exit(2).says("DATABASE_URL");
}
