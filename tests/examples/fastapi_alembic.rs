//! A deploy whose migrations never ran, and API keys that belong to nobody.

use super::Story;
use crate::adopt::tools::{did_not_run, python};

#[test]
fn fastapi_alembic_is_as_told() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let story =
        Story::of("fastapi-alembic", "platform").with_python(&python).with_scheme("postgresql+psycopg");
    story.is_as_told();
    assert_eq!(story.value("SELECT count(*)::text FROM api_keys WHERE user_id IS NULL"), "0");
    // Nothing that trueup made is anything to Alembic.
    let revision = "alembic revision --autogenerate -m nothing >/dev/null && grep -c '^    pass$' alembic/versions/*_nothing.py";
    assert_eq!(story.prints(revision), "2");
}
