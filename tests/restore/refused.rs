//! What is refused before anything is touched.

use super::site::{Site, beside, databases, values};
use crate::support;

#[test]
fn a_database_that_is_not_empty_is_not_restored_into() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.ends(0, database.url(), &["backup"]);
    for made in [
        "CREATE TABLE public.x ()",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE public.e AS ENUM ('a')",
        "CREATE SCHEMA other",
        "SELECT lo_create(0)",
    ] {
        let target = support::database();
        target.exec(made);
        let said = site.ends(4, database.url(), &["restore", "latest", "--into", target.url(), "--yes"]);
        assert!(said.contains("is not empty") && said.contains("--replace"), "{said}");
    }
}

#[test]
fn without_a_terminal_it_wants_yes() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.ends(0, database.url(), &["backup"]);
    let name = format!("{}_copy", database.name());
    let said = site.ends(4, database.url(), &["restore", "latest", "--into", &beside(&database, &name)]);
    assert!(said.contains("into a new database") && said.contains("--yes"), "{said}");
    site.ends(4, database.url(), &["restore", "latest", "--into", database.url(), "--replace"]);
    assert_eq!(databases(&database, &name), Vec::<String>::new());
    assert_eq!(databases(&database, database.name()), [database.name()]);
}

#[test]
fn another_projects_database_is_not_replaced() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.ends(0, database.url(), &["backup"]);
    database.exec(trueup::writer::SCHEMA);
    database.exec("INSERT INTO trueup.mark (layout, project, run) VALUES (1, 'another', 'x')");
    let said =
        site.ends(4, database.url(), &["restore", "latest", "--into", database.url(), "--replace", "--yes"]);
    assert!(said.contains("marked as project"), "{said}");
}

#[test]
fn what_a_command_took_is_restored_elsewhere() {
    let backup = "kind = \"command\"\ncommand = [\"echo\", \"snap-1\"]\nconfirm = [\"true\"]";
    let (site, database) = (Site::new(backup), support::database());
    site.ends(0, database.url(), &["backup"]);
    let into = beside(&database, &format!("{}_copy", database.name()));
    let said = site.ends(4, database.url(), &["restore", "latest", "--into", &into, "--yes"]);
    assert!(said.contains("taken elsewhere, as snap-1") && said.contains("restore snap-1 there"), "{said}");
}

#[test]
fn a_role_that_a_policy_names_must_be_there() {
    let (site, database) = (Site::new(""), support::database());
    let role = format!("{}_p", database.name());
    database.exec(&format!(
        "CREATE ROLE {role}; CREATE TABLE public.t (id int); CREATE POLICY p ON public.t TO {role} USING (true)"
    ));
    site.ends(0, database.url(), &["backup"]);
    let other = support::own_server().database();
    let into = beside(&other, "elsewhere");
    let said = site.ends(4, database.url(), &["restore", "latest", "--into", &into, "--yes"]);
    assert!(said.contains(&format!("CREATE ROLE {role} NOLOGIN")), "{said}");
    assert_eq!(databases(&other, "elsewhere"), Vec::<String>::new());
}

#[test]
fn an_open_restore_of_the_same_database_is_waited_for() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.ends(0, database.url(), &["backup"]);
    let name = format!("{}_copy", database.name());
    let runtime = support::runtime();
    let maintenance = beside(&database, "postgres");
    let mut other = runtime
        .block_on(trueup::postgres::connection::Target::parse(&maintenance).unwrap().connect("test"))
        .unwrap();
    let lock = format!("SELECT pg_advisory_lock(hashtextextended('trueup restore of {name}', 0))");
    runtime.block_on(other.execute(lock)).unwrap();
    site.ends(75, database.url(), &["restore", "latest", "--into", &beside(&database, &name), "--yes"]);
    assert_eq!(values(&maintenance, "SELECT 1"), ["1"]);
}

#[test]
fn what_fails_in_the_middle_leaves_nothing() {
    let (site, database) = (Site::new(""), support::database());
    // Its rows cannot be loaded: the function that checks them looks for a table by a search path.
    database.exec(
        "CREATE TABLE public.other (id int);
         CREATE FUNCTION public.ok(int) RETURNS bool LANGUAGE plpgsql AS
           'BEGIN RETURN $1 >= (SELECT count(*) FROM other); END';
         CREATE TABLE public.t (id int CHECK (public.ok(id))); INSERT INTO public.t VALUES (1)",
    );
    site.ends(0, database.url(), &["backup"]);
    let name = format!("{}_copy", database.name());
    let said =
        site.ends(5, database.url(), &["restore", "latest", "--into", &beside(&database, &name), "--yes"]);
    assert!(said.contains("was dropped, and nothing was changed"), "{said}");
    assert_eq!(databases(&database, &name), Vec::<String>::new());
    site.ends(5, database.url(), &["restore", "latest", "--into", database.url(), "--replace", "--yes"]);
    assert_eq!(databases(&database, database.name()), [database.name()]);
    assert_eq!(database.value("SELECT count(*) FROM public.t"), "1");
    // And so a backup that is to be proved by a restore is none.
    let said = site.ends(5, database.url(), &["backup", "--verify", "restore"]);
    assert!(said.contains("could not be verified by restoring it, and was removed"), "{said}");
    site.ends(1, database.url(), &["backup", "verify", "latest", "--level", "restore"]);
}

/// One store, two databases of one project: `latest` is the latest of the one that is meant.
#[test]
fn f51_latest_is_the_latest_of_this_database() {
    let (site, ours, theirs) = (Site::new(""), support::database(), support::database());
    for (database, row) in [(&ours, 1), (&theirs, 2)] {
        database.exec(&format!("CREATE TABLE public.t AS SELECT {row} AS whose"));
        site.ends(0, database.url(), &["backup"]);
    }
    let said = site.ends(0, ours.url(), &["backup", "verify"]);
    let mine = site.backup(0).file_name().unwrap().to_string_lossy().into_owned();
    assert!(said.contains(&format!("backup {} is OK", &mine[..10])), "{said}");
    let copy = beside(&ours, &format!("{}_copy", ours.name()));
    site.ends(0, ours.url(), &["restore", "latest", "--into", &copy, "--yes"]);
    assert_eq!(values(&copy, "SELECT whose FROM t"), ["1"]);
    // What is replaced decides, whatever the project's own database is.
    site.ends(0, theirs.url(), &["restore", "latest", "--into", ours.url(), "--replace", "--yes"]);
    assert_eq!(values(ours.url(), "SELECT whose FROM t"), ["1"]);

    let third = support::database();
    third.exec("CREATE TABLE public.t AS SELECT 3 AS whose");
    let said = site.ends(2, third.url(), &["restore", "latest", "--into", third.url(), "--replace", "--yes"]);
    assert!(said.contains(&format!("there is no backup of database {}", third.name())), "{said}");
    assert!(said.contains(ours.name()) && said.contains("trueup backup list --all"), "{said}");
    assert_eq!(values(third.url(), "SELECT whose FROM t"), ["3"]);
}

#[test]
fn f51_a_protected_environment_is_not_replaced_by_another_database() {
    let site = Site::new("[environments.production]\nprotected = true\n[environments.staging]");
    let (ours, theirs) = (support::database(), support::database());
    for (database, row) in [(&ours, 1), (&theirs, 2)] {
        database.exec(&format!("CREATE TABLE public.t AS SELECT {row} AS whose"));
    }
    site.ends(0, theirs.url(), &["backup"]);
    let id = site.backup(0).file_name().unwrap().to_string_lossy().into_owned();
    let replace = ["restore", &id, "--into", ours.url(), "--replace", "--yes", "--env", "production"];
    let said = site.ends(4, ours.url(), &replace);
    let why = format!(
        "is of database {}, and database {} is of environment production, which is protected; nothing was changed",
        theirs.name(),
        ours.name()
    );
    assert!(said.contains(&why), "{said}");
    assert_eq!(values(ours.url(), "SELECT whose FROM t"), ["1"]);
    assert_eq!(databases(&ours, ours.name()), [ours.name()]);
    // Elsewhere it is a way to make a copy.
    let replace = ["restore", &id, "--into", ours.url(), "--replace", "--yes", "--env", "staging"];
    site.ends(0, ours.url(), &replace);
    assert_eq!(values(ours.url(), "SELECT whose FROM t"), ["2"]);
}
