//! What comes back: into a new database, into an empty one, in the place of one.

use super::site::{Site, beside, checksum, databases, values};
use crate::support::tools::not_run;
use crate::support::{self, try_query_at};

const TABLES: &str = "CREATE TABLE public.users (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO public.users SELECT n, 'user ' || n FROM generate_series(1, 500) AS n;
    CREATE VIEW public.named AS SELECT name FROM public.users;
    SELECT lo_from_bytea(0, 'bytes')";

#[test]
fn a_new_database_is_what_was_backed_up() {
    let (site, database) = (Site::new(""), support::database());
    database.exec(TABLES);
    site.trueup(["backup"], &database).exit(0);
    let name = format!("{}_copy", database.name());
    let into = beside(&database, &name);
    let restore = site.trueup(["restore", "latest", "--into", &into, "--yes", "--format", "json"], &database);
    let document = restore.exit(0).json();
    assert_eq!((&document["command"], &document["rows"]), (&"restore".into(), &500.into()), "{document}");
    assert_eq!(document["target"]["database"], name.as_str());
    assert_eq!(checksum(&into), checksum(database.url()));
    assert_eq!(databases(&database, &name), [name]);
    let analyzed = "SELECT reltuples::int FROM pg_class WHERE oid = 'public.users'::regclass";
    assert_eq!(values(&into, analyzed), ["500"]);
}

#[test]
fn a_directory_is_restored_by_several_connections() {
    let (site, database) = (Site::new("format = \"directory\"\njobs = 2"), support::database());
    database.exec(TABLES);
    site.trueup(["backup"], &database).exit(0);
    let into = beside(&database, &format!("{}_dir", database.name()));
    site.trueup(["restore", "latest", "--into", &into, "--yes", "--jobs", "3"], &database).exit(0);
    assert_eq!(checksum(&into), checksum(database.url()));
}

#[test]
fn an_empty_database_keeps_its_settings() {
    let (site, database, empty) = (Site::new(""), support::database(), support::database());
    database.exec(TABLES);
    empty.exec(&format!("ALTER DATABASE {} SET work_mem = '7MB'", empty.name()));
    site.trueup(["backup"], &database).exit(0);
    site.trueup(["restore", "latest", "--into", empty.url(), "--yes"], &database).exit(0);
    assert_eq!(checksum(empty.url()), checksum(database.url()));
    assert_eq!(empty.value("SHOW work_mem"), "7MB");
    assert_eq!(databases(&database, empty.name()), [empty.name()], "the empty one is gone");
}

/// Who may make no database restores into an empty one, in one transaction.
#[test]
fn an_empty_database_is_filled_directly_without_the_right_to_make_one() {
    let (site, database, empty) = (Site::new(""), support::database(), support::database());
    let role = format!("{}_app", empty.name());
    database.exec("CREATE TABLE public.users (id int PRIMARY KEY); INSERT INTO public.users VALUES (1), (2)");
    empty.exec(&format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {} TO {role}", empty.name()));
    empty.exec(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    site.trueup(["backup"], &database).exit(0);
    let url = empty.url_as(&role);
    site.trueup(["restore", "latest", "--into", &url, "--yes"], &database)
        .exit(0)
        .says(["in one transaction", "left out: owners"]);
    assert_eq!(values(&url, "SELECT count(*) FROM public.users"), ["2"]);
    // Once more: it is not empty any more.
    site.trueup(["restore", "latest", "--into", &url, "--yes"], &database).exit(4);
}

/// Naming the tablespace that a new database gets anyway takes a right that only superusers have.
#[test]
fn an_owner_who_may_create_databases_replaces_one() {
    let (site, database) = (Site::new(""), support::database());
    let (name, role) = (database.name(), format!("{}_owner", database.name()));
    database.exec(&format!("CREATE ROLE {role} LOGIN CREATEDB; ALTER DATABASE {name} OWNER TO {role}"));
    let url = database.url_as(&role);
    try_query_at(&url, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)").unwrap();
    site.trueup(["backup"], &url).exit(0);
    try_query_at(&url, "DELETE FROM users").unwrap();
    site.trueup(["restore", "latest", "--replace", "--yes"], &url).exit(0);
    assert_eq!(values(&url, "SELECT count(*) FROM users"), ["2"]);
}

#[test]
fn replace_carries_settings_and_grants_and_ends_sessions() {
    let (site, database) = (Site::new(""), support::database());
    let (name, role) = (database.name(), format!("{}_r", database.name()));
    database.exec(TABLES);
    site.trueup(["backup"], &database).exit(0);
    database.exec("DELETE FROM public.users WHERE id > 10; CREATE TABLE public.later ()");
    database.exec(&format!(
        "CREATE ROLE {role} LOGIN;
         ALTER DATABASE {name} SET search_path = \"$user\", public, \"odd, name\";
         ALTER DATABASE {name} SET app.tenant = 'it''s';
         ALTER ROLE {role} IN DATABASE {name} SET work_mem = '9MB';
         REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {role} WITH GRANT OPTION;
         ALTER DATABASE {name} CONNECTION LIMIT 77; COMMENT ON DATABASE {name} IS 'ours'"
    ));
    let about = format!(
        "SELECT concat_ws('|', datconnlimit, datacl::text, shobj_description(oid, 'pg_database'), datallowconn, \
         (SELECT string_agg(setrole::regrole || array_to_string(setconfig, ';'), '/' ORDER BY setrole) \
            FROM pg_db_role_setting WHERE setdatabase = d.oid)) FROM pg_database d WHERE datname = '{name}'"
    );
    let maintenance = beside(&database, "postgres");
    let before = values(&maintenance, &about);
    // A session that is open, and in a transaction.
    let runtime = support::runtime();
    let mut open = runtime.block_on(database.connect());
    runtime.block_on(open.execute("BEGIN; SELECT count(*) FROM public.users")).unwrap();
    let restore = ["restore", "latest", "--into", database.url(), "--replace", "--yes", "--format", "json"];
    let document = site.trueup(restore, &database).exit(0).json();
    let replaced = &document["restored"]["in_place_of"];
    assert_eq!(replaced["sessions"][0]["application"], "test", "{document}");
    assert!(runtime.block_on(open.execute("SELECT 1")).is_err(), "it was ended");
    assert_eq!(database.value("SELECT count(*) FROM public.users"), "500");
    assert_eq!(values(&maintenance, &about), before);
    let aside = replaced["kept_as"].as_str().unwrap();
    assert!(aside.starts_with(&format!("{name}_before_2")), "{aside}");
    assert_eq!(values(&beside(&database, aside), "SELECT count(*) FROM public.users"), ["10"]);
    // And once more within the minute: another name.
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database).exit(0);
    assert_eq!(databases(&database, name).len(), 3, "{:?}", databases(&database, name));
}

#[test]
fn owners_and_grants_stay_where_the_roles_are() {
    let (site, database) = (Site::new(""), support::database());
    let role = format!("{}_owner", database.name());
    database
        .exec(&format!("CREATE ROLE {role}; CREATE TABLE public.t (); ALTER TABLE public.t OWNER TO {role}"));
    site.trueup(["backup"], &database).exit(0);
    let into = beside(&database, &format!("{}_copy", database.name()));
    site.trueup(["restore", "latest", "--into", &into, "--yes"], &database).exit(0);
    assert_eq!(
        values(&into, "SELECT relowner::regrole FROM pg_class WHERE relname = 't'"),
        std::slice::from_ref(&role)
    );
    // Elsewhere there is no such role: it is said.
    let other = support::own_server().database();
    let elsewhere = beside(&other, "elsewhere");
    site.trueup(["restore", "latest", "--into", &elsewhere, "--yes"], &database)
        .exit(0)
        .says(format!("left out: owners: this server has no role {role}"));
}

/// Only what belongs to the missing role, or was granted to it or by it, is left out.
#[test]
fn a_missing_role_takes_no_other_roles_grants_with_it() {
    let (site, database) = (Site::new(""), support::database());
    let role = |what: &str| format!("{}_{what}", database.name());
    let (gone, reader, owner) = (role("gone"), role("reader"), role("owner"));
    database.exec(&format!(
        "CREATE ROLE {gone}; CREATE ROLE {reader}; CREATE ROLE {owner};
         CREATE TABLE public.a (n int); CREATE TABLE public.b (n int); CREATE SCHEMA s;
         ALTER TABLE public.a OWNER TO {owner}; ALTER TABLE public.b OWNER TO {gone};
         GRANT SELECT ON public.a TO {gone}; GRANT SELECT (n) ON public.a TO {reader};
         GRANT USAGE ON SCHEMA s TO {reader} WITH GRANT OPTION; GRANT SELECT ON public.b TO {reader};
         SET ROLE {reader}; GRANT USAGE ON SCHEMA s TO {gone}; RESET ROLE;
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader};
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON SEQUENCES TO {gone}"
    ));
    site.trueup(["backup"], &database).exit(0);
    let other = support::own_server().database();
    other.exec(&format!("CREATE ROLE {reader}; CREATE ROLE {owner}"));
    let elsewhere = beside(&other, "elsewhere");
    site.trueup(["restore", "latest", "--into", &elsewhere, "--yes"], &database)
        .exit(0)
        .says(format!("this server has no role {gone}; their objects will belong to"))
        .says(format!("CREATE ROLE {gone} NOLOGIN;"))
        .says("left out: grants (");
    let one = |sql: &str| values(&elsewhere, sql).concat();
    assert_eq!(one("SELECT relowner::regrole FROM pg_class WHERE relname = 'a'"), owner);
    let may = |what: &str| one(&format!("SELECT {what}"));
    assert_eq!(may(&format!("has_column_privilege('{reader}', 'public.a', 'n', 'SELECT')")), "t");
    assert_eq!(may(&format!("has_table_privilege('{reader}', 'public.b', 'SELECT')")), "t");
    assert_eq!(may(&format!("has_schema_privilege('{reader}', 's', 'USAGE WITH GRANT OPTION')")), "t");
    assert_eq!(one("SELECT count(*) FROM pg_default_acl"), "1");
    assert_eq!(one("SELECT relacl::text FROM pg_class WHERE relname = 'a'").matches(&gone).count(), 0);
}

/// `pg_restore` of 17 and newer sets transaction_timeout, which a server before 17 does not know.
#[test]
fn a_backup_by_a_newer_pg_dump_comes_back_into_an_older_server() {
    let database = support::database();
    let own = database.server.version.major();
    if own >= 17 {
        // Such a server knows the setting.
        return;
    }
    let caches = support::cache().into_iter().chain(["/var/cache/trueup".into()]);
    let newer = caches
        .flat_map(|cache| (17..=18).map(move |major| cache.join(format!("postgresql/{major}/bin"))))
        .find(|bin| bin.join("pg_restore").is_file());
    let Some(newer) = newer else {
        return not_run("no pg_dump of 17 or newer in the cache (scripts/postgres 17)");
    };
    let site = Site::new("");
    let by_newer = |args: &[&str], at: &str| site.trueup(args, at).env("TRUEUP_PG_BIN", &newer);
    database.exec(TABLES);
    by_newer(&["backup"], database.url())
        .exit(0)
        .says(format!("because no pg_dump {own} was found"))
        .says(format!("postgresql-client-{own}"));
    let into = beside(&database, &format!("{}_copy", database.name()));
    by_newer(&["restore", "latest", "--into", &into, "--yes"], database.url())
        .exit(0)
        .says("sets transaction_timeout, which a server of");
    assert_eq!(values(&into, "SELECT count(*) FROM public.users"), ["500"]);
    // Where something else fails, too, it is restored in parts.
    try_query_at(&into, LATE).unwrap();
    by_newer(&["backup"], &into).exit(0);
    let again = beside(&database, &format!("{}_again", database.name()));
    by_newer(&["restore", "latest", "--into", &again, "--yes"], &into).exit(0);
    assert_eq!(values(&again, "SELECT count(*) FROM pg_class WHERE relname = 'late'"), ["1"]);
    by_newer(&["backup", "verify", "latest", "--level", "restore"], &into)
        .exit(0)
        .says("it was restored on PostgreSQL 1");
}

/// An index whose function finds a table by the search_path.
const LATE: &str = "CREATE TABLE public.words (w text); INSERT INTO public.words VALUES ('a');
    CREATE FUNCTION public.known(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
        'BEGIN RETURN (SELECT count(*) FROM words); END';
    CREATE INDEX late ON public.users (public.known(1))";

#[test]
fn a_backup_is_verified_by_restoring_it() {
    let (site, database) = (Site::new(""), support::database());
    database.exec(TABLES);
    site.trueup(["backup", "--verify", "restore"], &database).exit(0).says("restored and compared");
    site.trueup(["backup", "verify", "latest", "--level", "restore"], &database)
        .exit(0)
        .says("it was restored");
    let before = databases(&database, "");
    site.trueup(["backup", "verify", "--level", "restore", "--into", database.url()], &database).exit(0);
    assert_eq!(databases(&database, "trueup_verify"), Vec::<String>::new(), "{before:?}");
}

#[test]
fn the_project_is_compared_afterwards_and_the_run_recorded() {
    let (site, database) = (Site::new(""), support::database());
    std::fs::create_dir_all(site.path().join("migrations")).unwrap();
    std::fs::write(site.path().join("migrations/V1__t.sql"), "CREATE TABLE t (id int);").unwrap();
    site.trueup(["compile", "--scratch-url", support::database().url()], &database).exit(0);
    site.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    site.trueup(["backup"], &database).exit(0);
    let into = beside(&database, &format!("{}_copy", database.name()));
    let document = site.trueup(["restore", "latest", "--into", &into, "--yes"], &database).document();
    assert_eq!(document["check"]["exit_code"], 0, "{document}");
    assert_eq!(document["check"]["version"], "1", "{document}");
    let runs = values(&into, "SELECT command FROM trueup.runs ORDER BY started_at");
    assert_eq!(runs, ["upgrade", "restore"]);
}

#[test]
fn every_kind_of_object_comes_back() {
    super::kinds::comes_back(&support::database(), 20_000);
}

/// It is restored with owners, as roles of the throwaway server, of which this one has to be a superuser.
#[test]
fn a_backup_with_an_event_trigger_is_proved_by_restoring_it() {
    let (site, database) = (Site::new(""), support::database());
    let role = format!("{}_root", database.name());
    database.exec(&format!(
        "CREATE ROLE {role} SUPERUSER; CREATE TABLE public.t (id int);
         CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted();
         ALTER EVENT TRIGGER noted OWNER TO {role}"
    ));
    site.trueup(["backup"], &database).exit(0);
    site.trueup(["backup", "verify", "latest", "--level", "restore"], &database).exit(0);
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_database_of_the_environment_is_replaced_without_being_named_again() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    site.trueup(["backup"], &database).exit(0);
    database.exec("INSERT INTO t VALUES (2)");
    site.trueup(["restore", "latest"], &database).exit(2).says("--into");
    site.trueup(["restore", "latest", "--replace", "--yes"], &database).exit(0);
    assert_eq!(values(database.url(), "SELECT count(*) FROM t"), ["1"]);
}
