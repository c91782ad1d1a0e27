//! Development databases that lag behind the models.

use super::Story;
use crate::adopt::tools::{did_not_run, python};

#[test]
fn sqlalchemy_users_is_as_told() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let story =
        Story::of("sqlalchemy-users", "accounts").with_python(&python).with_scheme("postgresql+psycopg");
    story.is_as_told();
    assert_eq!(story.value("SELECT version_num FROM alembic_version"), "0003");
}
