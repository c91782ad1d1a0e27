//! Alembic, writing two of three migrations in its own words.

use std::fs;

use super::taken::{migrations, prove, reference};
use super::tools::{address, did_not_run, python, tool};
use crate::support;

const ENV: &str = r"
import os
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(os.environ['ALEMBIC_URL'])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
";

const BASELINE: &str = r"
import pathlib
from alembic import op
from sqlalchemy import text

revision = '7c1f0e5a2b90'
down_revision = None

def upgrade():
    sql = pathlib.Path(__file__).with_name('baseline.sql').read_text()
    # text() takes colons for parameters.
    op.execute(text(sql.replace(':', '\\:')))
";

const USERNAME: &str = r#"
import sqlalchemy as sa
from alembic import op

revision = 'a3d2c4e81f07'
down_revision = '7c1f0e5a2b90'

def upgrade():
    comment = 'Public handle; NULL until the user has chosen one.'
    op.add_column('users', sa.Column('username', sa.Text(), nullable=True, comment=comment))
    op.create_check_constraint('users_username_check', 'users', "username ~ '^[a-z0-9_]{2,32}$'")
    op.create_index('users_username_key', 'users', ['username'], unique=True)
"#;

const PASSWORD: &str = r"
from alembic import op

revision = 'e95b7d3f6a12'
down_revision = 'a3d2c4e81f07'

def upgrade():
    op.alter_column('users', 'password_hash', nullable=True,
                    comment='argon2id; NULL for users of an identity provider.')
";

#[test]
fn alembics_history_is_taken_over() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let (project, database) = (reference(), support::database());
    let home = tempfile::tempdir().unwrap();
    let versions = home.path().join("alembic/versions");
    fs::create_dir_all(&versions).unwrap();
    fs::write(home.path().join("alembic.ini"), "[alembic]\nscript_location = alembic\n").unwrap();
    fs::write(home.path().join("alembic/env.py"), ENV).unwrap();
    fs::write(versions.join("baseline.sql"), &migrations(&project)[0].sql).unwrap();
    for (name, text) in [("baseline.py", BASELINE), ("username.py", USERNAME), ("password.py", PASSWORD)] {
        fs::write(versions.join(name), text).unwrap();
    }
    let (user, name, socket) = address(&database);
    let url = format!("postgresql+psycopg://{user}@/{name}?host={socket}");
    tool(&python, home.path()).env("ALEMBIC_URL", url).args(["-m", "alembic", "upgrade", "head"]).exit(0);
    assert_eq!(database.value("SELECT version_num FROM alembic_version"), "e95b7d3f6a12");
    prove(&project, &database, ("Alembic", "public.alembic_version"), 3, &[]);
}
