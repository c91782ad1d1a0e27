//! Texts that drivers make on this very server, where `scripts/tools` has installed them. What others print was recorded:
//! `tests/fixtures/why`, whose tests are beside the code that reads them.

use super::{site, why};
use crate::formats::readers::node;
use crate::support::TestDatabase;
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::tools;

/// What is wrong, the statement, and how the command ends: 1 where the database explains it.
const CASES: [(&str, &str, i32, &str); 6] = [
    ("42703 undefined_column", "SELECT u.last_login_at FROM users AS u", 1, "dropped by hand"),
    ("42P01 undefined_table", "SELECT * FROM invoices", 0, "neither the database"),
    (
        "23502 not_null_violation",
        "INSERT INTO users (email, password_hash) VALUES ('canary@example.com', 'canary')",
        1,
        "by_hand",
    ),
    ("22P02 invalid_text_representation", "SELECT 'canary'::membership_role", 0, "none of its labels"),
    ("42883 undefined_function", "SELECT similarity('a', 'b')", 1, "CREATE EXTENSION IF NOT EXISTS pg_trgm"),
    ("25006 read_only_sql_transaction", "SET TRANSACTION READ ONLY; DELETE FROM users", 0, "takes writes"),
];

/// The database in which these statements fail.
fn broken() -> (Project, TestDatabase) {
    let (project, database) = site();
    database.exec(
        "ALTER TABLE users DROP COLUMN last_login_at; ALTER TABLE users ADD COLUMN by_hand text NOT NULL",
    );
    (project, database)
}

/// Lets a driver run each statement, and explains what it prints when that fails. The program gets the URL's parts and the
/// statement.
fn explained(driver: &str, program: impl Fn(&TestDatabase, &str) -> Program) {
    let (project, database) = broken();
    for (condition, statement, exit, says) in CASES {
        let ran = program(&database, statement).run();
        let text = [ran.stdout(), ran.stderr()].concat();
        assert!(!text.is_empty(), "{driver} says nothing: {statement}");
        let ran = why(&project, &database, &text).case(format!("{driver}: {text}")).exit(exit);
        ran.says([condition, says]).lacks("canary");
    }
}

/// A driver whose program gets the same arguments.
fn driven(driver: &str, program: Option<impl Fn() -> Program>) {
    match program {
        Some(program) => explained(driver, |database, statement| {
            program().arg(database.socket_dir()).args([database.name(), statement, &user(database)])
        }),
        None => tools::did_not_run(driver, "what it prints of an error is not explained"),
    }
}

fn python(script: &'static str) -> Option<impl Fn(&TestDatabase, &str) -> Program> {
    let python =
        tools::directory().map(|tools| tools.join("venv/bin/python")).filter(|path| path.is_file())?;
    Some(move |database: &TestDatabase, statement: &str| {
        let socket = database.socket_dir();
        Program::of(&python).args(["-c", script]).arg(socket).args([database.name(), statement])
    })
}

/// The role of the scratch server.
fn user(database: &TestDatabase) -> String {
    url::Url::parse(database.url()).unwrap().username().to_owned()
}

#[test]
fn psycopg() {
    const SCRIPT: &str = "import sys, psycopg\n\
        c = psycopg.connect(host=sys.argv[1], dbname=sys.argv[2], user=sys.argv[4])\n\
        c.execute(sys.argv[3])";
    match python(SCRIPT) {
        Some(run) => explained("psycopg", |database, statement| run(database, statement).arg(user(database))),
        None => tools::did_not_run("psycopg", "what it prints of an error is not explained"),
    }
}

#[test]
fn sqlalchemy() {
    const SCRIPT: &str = "import sys, sqlalchemy as sa\n\
        url = sa.URL.create('postgresql+psycopg', username=sys.argv[4], database=sys.argv[2], query={'host': sys.argv[1]})\n\
        with sa.create_engine(url).connect() as c:\n    c.exec_driver_sql(sys.argv[3])";
    match python(SCRIPT) {
        Some(run) => {
            explained("SQLAlchemy", |database, statement| run(database, statement).arg(user(database)))
        }
        None => tools::did_not_run("SQLAlchemy", "what it prints of an error is not explained"),
    }
}

#[test]
fn django() {
    const SCRIPT: &str = "import sys, django\nfrom django.conf import settings\n\
        settings.configure(DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': sys.argv[1], \
        'NAME': sys.argv[2], 'USER': sys.argv[4]}})\ndjango.setup()\nfrom django.db import connection, transaction\n\
        with transaction.atomic(), connection.cursor() as c:\n    c.execute(sys.argv[3])";
    match python(SCRIPT) {
        Some(run) => explained("Django", |database, statement| run(database, statement).arg(user(database))),
        None => tools::did_not_run("Django", "what it prints of an error is not explained"),
    }
}

#[test]
fn rails() {
    const SCRIPT: &str = "require 'active_record'; require 'pg'\n\
        ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: ARGV[0], database: ARGV[1], username: ARGV[3])\n\
        ActiveRecord::Base.connection.execute(ARGV[2])";
    let has_rails = Program::of("ruby").args(["-e", "require 'active_record'; require 'pg'"]);
    if !std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join("ruby").is_file()))
        || has_rails.run().code() != Some(0)
    {
        return tools::did_not_run("Rails", "what it prints of an error is not explained");
    }
    explained("Rails", |database, statement| {
        let socket = database.socket_dir();
        Program::of("ruby").args(["-e", SCRIPT]).arg(socket).args([
            database.name(),
            statement,
            &user(database),
        ])
    });
}

#[test]
fn asyncpg() {
    const SCRIPT: &str = "import asyncio, sys, asyncpg\n\
        async def main():\n    c = await asyncpg.connect(host=sys.argv[1], database=sys.argv[2], user=sys.argv[4])\n    \
        await c.execute(sys.argv[3])\nasyncio.run(main())";
    let python = tools::directory().map(|tools| tools.join("venv/bin/python"));
    let python =
        python.filter(|python| Program::of(python).args(["-c", "import asyncpg"]).run().code() == Some(0));
    driven("asyncpg", python.map(|python| move || Program::of(&python).args(["-c", SCRIPT])));
}

#[test]
fn node_postgres() {
    const SCRIPT: &str = "const { Client } = require('pg'); const [host, database, statement, user] = process.argv.slice(1);\n\
        (async () => { const c = new Client({ host, database, user }); await c.connect(); await c.query(statement); \
        await c.end(); })().catch((error) => { console.error(error); process.exit(1); });";
    let has_it = node().is_some_and(|node| node.args(["-e", "require('pg')"]).run().code() == Some(0));
    driven("node-postgres", has_it.then_some(|| node().unwrap().args(["-e", SCRIPT])));
}

#[test]
fn pgx() {
    let program = tools::directory().map(|tools| tools.join("go/pgx")).filter(|path| path.is_file());
    driven("pgx", program.map(|program| move || Program::of(&program)));
}

/// The server's own log lines, and psql's.
#[test]
fn psql() {
    explained("psql", |database, statement| {
        database.server.program("psql").args(["-X", "-d", database.url(), "-c", statement])
    });
}
