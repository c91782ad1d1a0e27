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

const ALEMBIC: &str = "\
import os
from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ['DATABASE_URL']).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
";

const DJANGO: &str = "\
import os
SECRET_KEY = 'test'
USE_TZ = True
INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'shop']
DATABASES = {'default': {
    'ENGINE': 'django.db.backends.postgresql',
    'HOST': os.environ['DB_HOST'], 'USER': os.environ['DB_USER'], 'NAME': os.environ['DB_NAME'],
}}
";

const MANAGE: &str = "\
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
fn alembic_revision(id: &str, parents: &str, sql: &str, alone: bool) -> (String, String) {
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
fn alembic(python: &Path, revisions: &[(String, String)]) -> Project {
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
fn two() -> [(String, String); 2] {
    [
        alembic_revision("aa", "None", "CREATE TABLE users (id bigint PRIMARY KEY);", false),
        alembic_revision("bb", "'aa'", "ALTER TABLE users ADD COLUMN email text;", false),
    ]
}

/// Runs a program of Python with the database in its variables.
fn in_database(python: &Path, project: &Project, database: &TestDatabase) -> Program {
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
    let (project, database) = (alembic(&python, &written), support::database());
    compile(&project).exit(0);
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
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(4)
        .says("are alembic's")
        .says("alembic downgrade REVISION")
        // Its programs become no files of SQL.
        .lacks(["--take-over"]);
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
