//! Tools whose migrations are programs: trueup lets the tool run them in a throwaway database, and afterwards knows them by
//! `trueup.lock` alone.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::real::{REVISIONS, is_at, revision};
use super::write;
use crate::adopt::tools::{address, did_not_run, python, tool};
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

pub(super) const ALEMBIC: &str = "\
import os
from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ['DATABASE_URL']).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
";

pub(super) const DJANGO: &str = "\
import os
SECRET_KEY = 'test'
USE_TZ = True
INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'shop']
DATABASES = {'default': {
    'ENGINE': 'django.db.backends.postgresql',
    'HOST': os.environ['DB_HOST'], 'USER': os.environ['DB_USER'], 'NAME': os.environ['DB_NAME'],
}}
";

pub(super) const MANAGE: &str = "\
import os, sys
os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
";

/// A project of these files.
pub(super) fn project(settings: &str, files: &[(&str, String)]) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    write(project.path(), files);
    project
}

pub(super) fn compile(project: &Project) -> Program {
    let compile = project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir);
    compile.env("PYTHONDONTWRITEBYTECODE", "1")
}

/// The revisions in the order of the lock.
pub(super) fn revisions(project: &Project) -> Vec<String> {
    let lock = fs::read_to_string(project.path().join("trueup.lock")).unwrap();
    let lines = lock.lines().filter(|line| line.starts_with("{\"migration\""));
    let revision =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["revision"].as_str().unwrap().to_owned();
    lines.map(revision).collect()
}

/// A revision of Alembic.
pub(super) fn alembic_revision(id: &str, parents: &str, sql: &str, alone: bool) -> (String, String) {
    let (block, indent) = match alone {
        true => ("    with op.get_context().autocommit_block():\n", "        "),
        false => ("", "    "),
    };
    let text = format!(
        "\"\"\"revision {id}\"\"\"\nfrom alembic import op\nfrom sqlalchemy import text\nrevision = '{id}'\ndown_revision = {parents}\n\
         def upgrade():\n{block}{indent}op.execute(text(r\"\"\"{}\"\"\"))\n",
        sql.replace(':', "\\:")
    );
    (format!("alembic/versions/{id}.py"), text)
}

/// A project of Alembic with these revisions.
pub(super) fn alembic(python: &Path, revisions: &[(String, String)]) -> Project {
    let settings = format!(
        "[project]\nname = \"code\"\n[migrations]\ntool = \"alembic\"\nprogram = [{python:?}, \"-m\", \"alembic\"]\n\
         driver = \"psycopg\"\n"
    );
    let ini = "[alembic]\nscript_location = alembic\n".to_owned();
    let project = project(&settings, &[("alembic.ini", ini), ("alembic/env.py", ALEMBIC.to_owned())]);
    for (name, text) in revisions {
        write(project.path(), &[(name, text.clone())]);
    }
    project
}

/// Two revisions: a table, and a column of it.
pub(super) fn two() -> [(String, String); 2] {
    [
        alembic_revision("aa", "None", "CREATE TABLE users (id bigint PRIMARY KEY);", false),
        alembic_revision("bb", "'aa'", "ALTER TABLE users ADD COLUMN email text;", false),
    ]
}

/// Runs a program of Python with the database in its variables.
pub(super) fn in_database(python: &Path, project: &Project, database: &TestDatabase) -> Program {
    let (user, name, socket) = address(database);
    tool(python, project.path())
        .env("DATABASE_URL", format!("postgresql+psycopg://{user}@/{name}?host={socket}"))
        .envs([("DB_USER", user), ("DB_NAME", name), ("DB_HOST", socket)])
}

#[test]
fn alembic_builds_what_the_lock_says() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let id = |number: usize| format!("r{number:02}");
    let written: Vec<(String, String)> = (0..REVISIONS)
        .map(|number| {
            let (sql, alone) = revision(number);
            // 30 and 31 are branches, and 32 merges them.
            let parents = match number {
                0 => "None".to_owned(),
                31 => format!("'{}'", id(29)),
                32 => format!("('{}', '{}')", id(30), id(31)),
                _ => format!("'{}'", id(number - 1)),
            };
            alembic_revision(&id(number), &parents, &sql, alone)
        })
        .collect();
    let (last, earlier) = written.split_last().unwrap();
    let (project, database) = (alembic(&python, earlier), support::database());
    // What other tests have compiled is not used.
    let cache = tempfile::tempdir().unwrap();
    let compile = || compile(&project).env("TRUEUP_CACHE", cache.path());
    compile().exit(0).lacks("replayed");
    write(project.path(), &[(&last.0, last.1.clone())]);
    compile().exit(0).stdout_contains(format!("{REVISIONS} migrations (1 replayed)").as_str());
    let order = revisions(&project);
    assert_eq!(order.len(), REVISIONS);
    // Every one of the first, and those where branches begin and end.
    for (index, revision) in order.iter().enumerate() {
        if index < 11 || (29..34).contains(&index) || index + 1 == REVISIONS {
            in_database(&python, &project, &database).args(["-m", "alembic", "upgrade", revision]).exit(0);
            is_at(&project, &database, index + 1);
        }
    }
}

#[test]
fn django_builds_what_the_lock_says() {
    let Some(python) = python() else { return did_not_run("Django") };
    let settings = format!(
        "[project]\nname = \"code\"\n[migrations]\ntool = \"django\"\nprogram = [{python:?}, \"manage.py\"]\n\
         [migrations.variables]\nDB_HOST = \"{{host}}\"\nDB_USER = \"{{user}}\"\nDB_NAME = \"{{database}}\"\n"
    );
    let mut files = vec![
        ("manage.py".to_owned(), MANAGE.to_owned()),
        ("settings.py".to_owned(), DJANGO.to_owned()),
        ("shop/__init__.py".to_owned(), String::new()),
        ("shop/migrations/__init__.py".to_owned(), String::new()),
    ];
    let name = |number: usize| format!("{number:04}_r{number}");
    for number in 0..36 {
        let (sql, alone) = revision(number);
        let before = match number {
            0 => "('auth', '0001_initial')".to_owned(),
            _ => format!("('shop', '{}')", name(number - 1)),
        };
        let text = format!(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n    atomic = {}\n    dependencies = [{before}]\n    \
             operations = [migrations.RunSQL(r\"\"\"{sql}\"\"\")]\n",
            if alone { "False" } else { "True" }
        );
        files.push((format!("shop/migrations/{}.py", name(number)), text));
    }
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let (project, database) = (project(&settings, &files), support::database());
    compile(&project).exit(0);
    let order = revisions(&project);
    assert_eq!(order.len(), REVISIONS, "14 of Django's own, and those of the project");
    let (first, last) = (order.iter().position(|id| id == "auth.0001_initial").unwrap() + 1, order.len());
    for count in [1, first, 15, 16, 17, 18, 19, 20, 30, last] {
        // Django takes what is missing before it, too.
        for revision in &order[..count] {
            let (app, name) = revision.split_once('.').unwrap();
            let is_there = "SELECT (count(*) > 0)::text FROM pg_class WHERE relname = 'django_migrations'";
            let is_applied = format!(
                "SELECT count(*)::text FROM django_migrations WHERE app = '{app}' AND name = '{name}'"
            );
            if database.value(is_there) == "false" || database.value(&is_applied) == "0" {
                in_database(&python, &project, &database)
                    .args(["manage.py", "migrate", app, name, "--verbosity", "0"])
                    .exit(0);
            }
        }
        is_at(&project, &database, count);
        if count == 20 {
            // Each app has a place of its own: the last one of the plan says nothing of the others.
            let status = || project.trueup(["status"], &database).exit(1);
            status()
                .stdout_contains("version          20 migrations applied")
                .stdout_contains("app auth         0012_alter_user_first_name_max_length, 12 applied\n")
                .stdout_contains("app shop         0005_r5, 6 applied; 30 pending: 0006_r6, ");
            let markdown = project.trueup(["status", "--format", "markdown"], &database).exit(1);
            markdown.stdout_contains("app auth").lacks("Django shop.");
        }
    }
}

/// Django puts a new migration of one app before those of others: they need not be replayed, unless they have to do with the
/// same tables.
#[test]
fn a_migration_of_django_in_the_middle_is_replayed_alone() {
    let Some(python) = python() else { return did_not_run("Django") };
    let settings = format!(
        "[project]\nname = \"code\"\n[migrations]\ntool = \"django\"\nprogram = [{python:?}, \"manage.py\"]\n\
         [migrations.variables]\nDB_HOST = \"{{host}}\"\nDB_USER = \"{{user}}\"\nDB_NAME = \"{{database}}\"\n"
    );
    let migration = |name: &str, before: &str, sql: &str| {
        let text = format!(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n    dependencies = [{before}]\n    \
             operations = [migrations.RunSQL({sql:?})]\n"
        );
        (format!("aa/migrations/{name}.py"), text)
    };
    let files = [
        ("manage.py".to_owned(), MANAGE.to_owned()),
        ("settings.py".to_owned(), DJANGO.replace("'shop'", "'aa'")),
        ("aa/__init__.py".to_owned(), String::new()),
        ("aa/migrations/__init__.py".to_owned(), String::new()),
        migration("0001_one", "", "CREATE TABLE one (id int PRIMARY KEY)"),
    ];
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let (project, cache) = (project(&settings, &files), tempfile::tempdir().unwrap());
    let lock = || fs::read_to_string(project.path().join("trueup.lock")).unwrap();
    let compile = || compile(&project).env("TRUEUP_CACHE", cache.path());
    compile().exit(0).lacks("replayed");
    assert!(lock().contains("\"file\":\"aa/migrations/0001_one.py\""));

    let two = migration("0002_two", "('aa', '0001_one')", "CREATE TABLE two (id int REFERENCES one)");
    write(project.path(), &[(&two.0, two.1)]);
    compile().exit(0).stdout_contains("16 migrations (1 replayed)");
    assert_eq!(revisions(&project)[1], "aa.0002_two");
    let kept = lock();
    compile().arg("--no-cache").exit(0).lacks("replayed");
    assert!(kept == lock(), "another lock than after a replay of all");

    // In its place it finds no such table. On top of all others it would.
    let looks = "DO $$ BEGIN IF to_regclass('auth_user') IS NOT NULL THEN ALTER TABLE auth_user ADD COLUMN three int; \
                 END IF; END $$";
    let three = migration("0003_three", "('aa', '0002_two')", looks);
    write(project.path(), &[(&three.0, three.1)]);
    compile().exit(0).stdout_contains("17 migrations, compiled by");
    assert!(!lock().contains("auth_user.three"), "it is not what the tool builds");
}

/// From an empty database to a clean one, with the tool's own words; then somebody changes it by hand.
#[test]
fn a_story_beside_alembic() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let (project, database) = (alembic(&python, &two()), support::database());
    // Nothing is known before somebody asks the tool.
    project.check(&database).exit(3).says("only `trueup compile` runs the migrations of Alembic");
    compile(&project).exit(0);
    let first = ["-m", "alembic", "upgrade", "aa"];
    in_database(&python, &project, &database).args(first).exit(0);
    project
        .check(&database)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("at Alembic aa, 1 migration applied, pending: Alembic bb (revision bb)")
        .stdout_contains("pending: Alembic bb (revision bb) adds it")
        .stdout_contains("alembic upgrade head");
    let upgrade = project.trueup(["upgrade", "--yes", "--no-backup"], &database);
    upgrade.exit(0).stdout_contains("applied Alembic bb (revision bb)");
    project.check(&database).exit(0);
    project
        .trueup(["status"], &database)
        .exit(0)
        .stdout_contains("Alembic bb (revision bb), 2 migrations applied");
    // Neither trueup's records nor anything else of it is a difference for Alembic.
    let made = "SELECT count(*)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = 'public' AND c.relkind = 'r'";
    assert_eq!(database.value(made), "2");
    database.exec("ALTER TABLE users DROP COLUMN email");
    project
        .check(&database)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("drift: Alembic bb (revision bb) created it; it was dropped by hand");
    // An edited program is not run by a command that reads.
    write(project.path(), &[("alembic/versions/bb.py", format!("{}\n# edited\n", two()[1].1))]);
    project.check(&database).exit(3).says("alembic/versions/bb.py changed").says("next: trueup compile");
    project
        .trueup(["adopt", "--yes"], &database)
        .exit(4)
        .says("are alembic's")
        .says("trueup init --from alembic --take-over");
}

#[test]
fn roles_and_grants_of_programs_are_compared() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let grant = "GRANT SELECT ON users TO code_reader;";
    let revisions = [two()[0].clone(), alembic_revision("bb", "'aa'", grant, false)];
    let (project, database) = (alembic(&python, &revisions), support::database());
    compile(&project).exit(0);
    database.exec("CREATE ROLE code_reader");
    in_database(&python, &project, &database).args(["-m", "alembic", "upgrade", "head"]).exit(0);
    project.check(&database).exit(0);
    database.exec("REVOKE SELECT ON users FROM code_reader");
    project.check(&database).exit(1).stdout_contains("code_reader");
    database.exec("DROP ROLE code_reader");
}

/// What is wrong with a tool is told before it has changed anything but a throwaway database.
#[test]
fn a_tool_that_does_not_do_its_work_is_told() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let (project, other) = (alembic(&python, &two()), support::database());
    let env = |text: &str| write(project.path(), &[("alembic/env.py", text.to_owned())]);
    let (user, name, socket) = address(&other);
    let url = format!("'postgresql+psycopg://{user}@/{name}?host={socket}'");
    env(&ALEMBIC.replace("os.environ['DATABASE_URL']", &url));
    compile(&project)
        .exit(2)
        .says("did not connect to the throwaway database")
        .says("[migrations.variables]");
    assert_eq!(other.value("SELECT count(*)::text FROM pg_class WHERE relname = 'users'"), "0");

    env(&ALEMBIC.replace("DATABASE_URL", "SHOP_DATABASE"));
    compile(&project).exit(2).says("KeyError: 'SHOP_DATABASE'").says("trueup gives alembic the variables");
    let settings = project.path().join("trueup.toml");
    let before = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{before}[migrations.variables]\nSHOP_DATABASE = \"{{url}}\"\n")).unwrap();
    compile(&project).exit(0);

    env(&format!("input('continue? ')\n{ALEMBIC}"));
    compile(&project).exit(2).says("EOFError");
    env(&format!("import time\ntime.sleep(60)\n{ALEMBIC}"));
    fs::write(&settings, before.replace("driver", "timeout = \"1s\"\ndriver")).unwrap();
    compile(&project).exit(2).says("it took longer than 1.0 s, and was ended");
    fs::write(&settings, before.replace("-m", "-c")).unwrap();
    compile(&project).exit(2).says("failed (exit status");
    let gone = before.replace(&format!("{python:?}, \"-m\", \"alembic\""), "\"no-such-program\"");
    fs::write(&settings, gone).unwrap();
    compile(&project).exit(4).says("no-such-program cannot be started").says("install alembic");

    fs::write(&settings, before.replace("driver", "working_directory = \"nowhere\"\ndriver")).unwrap();
    compile(&project).exit(2).says("nowhere: there is no such directory").says("working_directory");

    env(ALEMBIC);
    fs::write(&settings, &before).unwrap();
    let (name, text) = alembic_revision("bb", "'aa'", "ALTER TABLE nowhere ADD COLUMN email text;", false);
    write(project.path(), &[(&name, text)]);
    compile(&project).exit(2).says("bb (alembic/versions/bb.py)").says("relation \"nowhere\" does not exist");
    let (name, text) = alembic_revision("bb", "None", "CREATE TABLE keys (id int);", false);
    write(project.path(), &[(&name, text)]);
    compile(&project).exit(0).stdout_contains("has 2 heads");
}

#[test]
fn one_command_leads_from_alembic_to_the_first_diagnosis() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let (project, database) = (alembic(&python, &two()), support::database());
    fs::remove_file(project.path().join("trueup.toml")).unwrap();
    let program = project.path().join(".venv/bin/alembic");
    let script = format!("#!/bin/sh\nexec {} -m alembic \"$@\"\n", python.display());
    write(project.path(), &[(".venv/bin/alembic", script)]);
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    in_database(&python, &project, &database).args(["-m", "alembic", "upgrade", "aa"]).exit(0);
    let (user, name, socket) = address(&database);
    let url = format!("postgresql+psycopg://{user}@/{name}?host={socket}");
    project
        .trueup(["init", "--yes", "--name", "shop"], url.as_str())
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("migrations: alembic, found by alembic.ini")
        .stdout_contains("pending: Alembic bb (revision bb) adds it")
        .stdout_contains("next: alembic upgrade head");
    project.trueup(["check"], url.as_str()).exit(1);
}

/// The files of a directory, by name.
fn texts(directory: &Path) -> Vec<(String, String)> {
    let mut texts: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    texts.sort();
    texts
}

/// What revisions of Alembic ran becomes SQL; the database that Alembic has migrated is taken over, and the next
/// migration is trueup's.
#[test]
fn a_project_of_alembic_becomes_trueups() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let [aa, bb] = two();
    let index = "CREATE INDEX CONCURRENTLY users_email ON users (email);";
    let rows = "\"\"\"rows\"\"\"\nfrom alembic import op\nimport sqlalchemy as sa\nrevision = 'dd'\ndown_revision = 'cc'\n\
                def upgrade():\n    users = sa.table('users', sa.column('id'), sa.column('email'))\n    \
                op.bulk_insert(users, [{'id': 1, 'email': \"it's $1\"}, {'id': 2, 'email': None}])\n    \
                for row in op.get_bind().execute(sa.text('SELECT id FROM users WHERE id > 5')):\n        \
                op.execute('DROP TABLE users')\n";
    let revisions = [
        aa,
        bb,
        alembic_revision("cc", "'bb'", index, true),
        ("alembic/versions/dd.py".to_owned(), rows.to_owned()),
    ];
    let (project, database) = (alembic(&python, &revisions), support::database());
    let init =
        || project.trueup(["init", "--from", "alembic", "--take-over", "--dir", "alembic/versions"], "");
    let init = || init().env("TRUEUP_PG_BIN", &support::server().bin_dir).env("PYTHONDONTWRITEBYTECODE", "1");
    in_database(&python, &project, &database).args(["-m", "alembic", "upgrade", "head"]).exit(0);
    init()
        .exit(0)
        .stdout_contains("migrations (4 migrations)")
        .stdout_contains("programs that read or compute rows; what they would do where there are rows is not carried: V4__")
        .stdout_contains("they change rows, as they did in an empty database; read them before they run: V4__");
    let texts = texts(&project.path().join("migrations"));
    let [one, two, three, four] = &texts[..] else { panic!("{texts:#?}") };
    assert_eq!(one.1, "-- trueup: from alembic aa\nCREATE TABLE users (id bigint PRIMARY KEY);\n",);
    assert!(two.1.ends_with("ALTER TABLE users ADD COLUMN email text;\n"), "{}", two.1);
    assert!(three.1.contains("-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY"), "{}", three.1);
    assert!(four.1.contains("'it''s $1'") && !four.1.contains("alembic_version"), "{}", four.1);

    // trueup.toml is the operator's.
    fs::write(project.path().join("trueup.toml"), "[project]\nname = \"code\"\n").unwrap();
    project.trueup(["adopt", "--yes"], &database).exit(0);
    project.check(&database).exit(0);
    let next = ("migrations/V5__next.sql", "ALTER TABLE users ADD COLUMN age int;\n".to_owned());
    write(project.path(), &[next]);
    compile(&project).exit(0);
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    project.check(&database).exit(0);
    // A new database gets the same rows as Alembic's.
    let new = support::database();
    project.trueup(["upgrade", "--yes", "--no-backup"], &new).exit(0);
    project.check(&new).exit(0);
    let rows = "SELECT string_agg(concat_ws(' ', id, email), ', ' ORDER BY id) FROM users";
    assert_eq!(new.value(rows), database.value(rows));
    init().exit(2).says("is there already, and is not overwritten");
}
