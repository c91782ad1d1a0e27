//! What is said of columns, tables, functions and types that an application does not find.

use std::fs;

use super::{behind, role_of, site, why, why_as};
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const MISSING: &str = "psycopg.errors.UndefinedColumn: column k.user_id does not exist\n\
    LINE 1: SELECT k.user_id FROM api_keys AS k WHERE k.id = 1";

#[test]
fn a_column_of_a_pending_migration_names_the_migration() {
    let (project, database) = behind("3");
    let ran = why(&project, &database, MISSING).exit(1);
    ran.says([
        "42703 undefined_column: column k.user_id does not exist",
        "column public.api_keys.user_id: missing (bigint NOT NULL) (pending: V4__api_keys_user_id adds it)",
        "next: trueup upgrade",
    ]);
    let document = why(&project, &database, MISSING).document();
    assert_eq!(document["findings"][0]["cause"]["kind"], "pending", "{document:#}");
    assert_eq!(document["findings"][0]["remedy"]["run"], serde_json::json!(["trueup", "upgrade"]));
    assert_eq!(document["text"]["sqlstate"], "42703");
    assert_eq!(document["target"]["database"], database.name());
    // The class is a table, too.
    why(&project, &database, "AttributeError: 'ApiKey' object has no attribute 'user_id'")
        .exit(1)
        .says("pending: V4__api_keys_user_id adds it");
}

#[test]
fn a_column_that_was_dropped_by_hand_comes_with_sql_that_runs() {
    let (project, database) = site();
    database.exec("ALTER TABLE users DROP COLUMN last_login_at");
    let text = "column users.last_login_at does not exist";
    let ran = why(&project, &database, text).exit(1);
    let ran = ran.says(["drift: V1__baseline created it; it was dropped by hand", "SQL that corrects it"]);
    let sql = ran.stdout().lines().find(|line| line.starts_with("ALTER TABLE")).unwrap().to_owned();
    database.exec(&sql);
    why(&project, &database, text).exit(0).says([
        "has public.users.last_login_at as declared: the reason is elsewhere",
        "compare the application's URL",
    ]);
}

#[test]
fn a_difference_that_is_not_the_reason_is_not_told() {
    let (project, database) = behind("4");
    // V8 is to make it NOT NULL: no reason not to find it.
    why(&project, &database, MISSING).exit(0).says("as declared").lacks("V8");
    database.exec("ALTER TABLE users ALTER COLUMN email DROP NOT NULL");
    why(&project, &database, "column users.email does not exist").exit(0).lacks("drift");
}

#[test]
fn a_name_that_is_nowhere_comes_with_the_likely_ones() {
    let (project, database) = site();
    why(&project, &database, "column users.emial does not exist").exit(0).says("did you mean users.email?");
    why(&project, &database, "relation \"orgnizations\" does not exist")
        .exit(0)
        .says("did you mean organizations");
    database.exec("CREATE TABLE \"ApiTokens\" (id int)");
    why(&project, &database, "relation \"apitokens\" does not exist")
        .exit(0)
        .says(["did you mean \"ApiTokens\"?", "capital letters in double quotes"]);
    why(&project, &database, "column \"zzz\" does not exist").exit(0).says("no table of the database");
}

#[test]
fn the_search_path_of_the_role_decides_which_table_is_found() {
    let (project, database) = site();
    let role = role_of(&database, "web");
    database.exec(&format!(
        "CREATE SCHEMA app; CREATE TABLE app.users (id int); CREATE TABLE app.invoices (id int);
         ALTER ROLE {role} IN DATABASE {} SET search_path = app, public",
        database.name()
    ));
    // The server does not look into a schema that the role may not use.
    why_as(&project, &database, &role, "column users.username does not exist").exit(0).says("as declared");
    database.exec(&format!("GRANT USAGE ON SCHEMA app TO {role}"));
    let text = "column users.username does not exist";
    why_as(&project, &database, &role, text).exit(1).says([
        &*format!("role {role} finds app.users first"),
        "public.users has it",
        &format!("ALTER ROLE {role} IN DATABASE"),
    ]);
    // Another role finds the right one.
    why(&project, &database, text).exit(0).says("as declared");
    why(&project, &database, "relation \"invoices\" does not exist")
        .exit(1)
        .says(["in schema app, which is not in the search_path", "search_path does not lead to the table"]);
    why_as(&project, &database, &role, "relation \"invoices\" does not exist").exit(0);
    why(&project, &database, "relation \"app.invoices\" does not exist").exit(0);
}

/// The server does not look into schemas that the role may not use.
#[test]
fn a_schema_that_the_role_may_not_use_hides_its_tables() {
    let (project, database) = site();
    let role = role_of(&database, "shut");
    database.exec("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    let grant = format!("GRANT USAGE ON SCHEMA public TO {role};");
    for text in ["relation \"users\" does not exist", "function touch_updated_at() does not exist"] {
        why_as(&project, &database, &role, text).exit(1).says([&*grant, "lacks USAGE on schema public"]);
    }
    database.exec(&grant);
    why_as(&project, &database, &role, "relation \"users\" does not exist").exit(0).says("as declared");
}

#[test]
fn a_column_that_was_added_by_hand_makes_a_name_ambiguous() {
    let (project, database) = site();
    let text =
        "column reference \"name\" is ambiguous\nLINE 1: SELECT name FROM users JOIN organizations ON true";
    why(&project, &database, text)
        .exit(0)
        .says(["42702 ambiguous_column", "have their columns name as declared"]);
    database.exec("ALTER TABLE users ADD COLUMN name text");
    why(&project, &database, text).exit(1).says(["public.users.name", "by hand"]);
}

/// A part of a statement is none.
#[test]
fn a_statement_that_is_too_long_is_not_cut() {
    let (project, database) = site();
    database.exec("DROP FUNCTION touch_updated_at() CASCADE");
    why(&project, &database, "function touch_updated_at() does not exist")
        .exit(1)
        .says("trueup check --only 'public.touch_updated_at()*'")
        .lacks("CREATE FUNCTION");
}

#[test]
fn a_database_without_tables_and_another_applications_are_told_first() {
    let (project, database) = (super::reference(), support::database());
    why(&project, &database, "relation \"users\" does not exist")
        .exit(1)
        .says(["this database is empty: wrong database, or nothing applied yet", "trueup upgrade"]);
    database.exec(
        "CREATE TABLE posts (id int, title text); CREATE TABLE comments (id int, post_id int);
         CREATE TABLE tags (id int, name text); CREATE TABLE likes (id int, post_id int)",
    );
    why(&project, &database, "relation \"users\" does not exist")
        .exit(1)
        .says("another application's database?")
        .lacks("CREATE TABLE");
}

/// What only a project with migrations of its own has: a column that one of them drops.
fn dropped() -> (Project, TestDatabase) {
    let project = Project::of_schema("CREATE TABLE users (id int PRIMARY KEY, name text);\n");
    let migrations = project.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    fs::write(
        migrations.join("V1__first.sql"),
        "CREATE TABLE users (id int PRIMARY KEY, name text, nick text);\n",
    )
    .unwrap();
    fs::write(migrations.join("V2__no_nick.sql"), "ALTER TABLE users DROP COLUMN nick;\n").unwrap();
    project.compile();
    let database = support::database();
    project.build(&database);
    (project, database)
}

#[test]
fn a_column_that_a_migration_dropped_is_asked_for_by_an_old_version() {
    let (project, database) = dropped();
    why(&project, &database, "column users.nick does not exist")
        .exit(1)
        .says(["V2__no_nick dropped it: an app version of before it is running", "deploy the app version"]);
}

#[test]
fn functions_are_missing_for_different_reasons() {
    let (project, database) = site();
    let missing = "function similarity(unknown, text) does not exist";
    let ran = why(&project, &database, missing).exit(1);
    ran.says("CREATE EXTENSION IF NOT EXISTS pg_trgm;");
    database.exec("CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext");
    why(&project, &database, missing).exit(1).says("in schema ext, which is not in the search_path");
    database.exec("ALTER EXTENSION pg_trgm SET SCHEMA public");
    why(&project, &database, missing)
        .exit(0)
        .says(["exists with other types of arguments", "called with (unknown, text)"]);
    database.exec("DROP FUNCTION touch_updated_at() CASCADE");
    why(&project, &database, "function touch_updated_at() does not exist")
        .exit(1)
        .says("it was dropped by hand");
}

#[test]
fn labels_of_an_enum_are_compared() {
    let (project, database) = site();
    let missing = "invalid input value for enum membership_role: \"canary-label\"";
    why(&project, &database, missing)
        .exit(0)
        .says(["none of its labels: owner, admin, member"])
        .lacks("canary");
    why(&project, &database, "invalid input value for enum membership_role: \"membr\"")
        .exit(0)
        .says("did you mean member?");
    database.exec("ALTER TYPE membership_role RENAME VALUE 'admin' TO 'administrator'");
    why(&project, &database, "invalid input value for enum membership_role: \"admin\"")
        .exit(1)
        .says("membership_role");
}

/// On every major that a lock of somebody's is waited for while an expression is printed.
#[test]
fn a_table_that_is_locked_is_not_waited_for() {
    let (project, database) = behind("3");
    database.exec("ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON users USING (id > 0)");
    support::runtime().block_on(async {
        let mut holder = database.connect().await;
        holder
            .execute("BEGIN; LOCK TABLE users, organizations, api_keys, memberships IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let ran = why(&project, &database, MISSING).exit(1);
        let ran = ran.says("pending: V4__api_keys_user_id adds it");
        assert!(!ran.stdout().contains("policy"));
        why(&project, &database, "column users.email does not exist").exit(0);
        why(&project, &database, "duplicate key value violates unique constraint \"users_pkey\"")
            .exit(0)
            .says("another session holds a lock on the table");
        holder.execute("ROLLBACK").await.unwrap();
    });
}

#[test]
fn what_exists_already_was_made_by_hand_or_elsewhere() {
    let (project, database) = behind("6");
    let text = "ERROR:  column \"public_id\" of relation \"organizations\" already exists";
    why(&project, &database, text).exit(0).says([
        "42701 duplicate_column",
        "has no column public_id in organizations now: the statement ran in another database",
    ]);
    database.exec("ALTER TABLE organizations ADD COLUMN public_id uuid");
    why(&project, &database, text).exit(1).says([
        "the history and the schema of the database do not go together",
        "V7__organizations_public_id",
    ]);
}
