//! A column that was never applied in development, foreign keys without an index, and the rights of three roles.

use super::Story;
use crate::adopt::tools::{did_not_run, python};

#[test]
fn gym_platform_is_as_told() {
    let Some(python) = python() else { return did_not_run("SQLAlchemy") };
    let story = Story::of("gym-platform", "gym").with_python(&python);
    story.is_as_told();
    let may = |role: &str, what: &str| {
        let sql = format!("SELECT has_table_privilege('{role}', 'payments', '{what}')::text");
        story.value(&sql)
    };
    assert_eq!(may("gym_owner", "SELECT"), "true");
    assert_eq!(may("gym_trainer", "SELECT"), "false");
    assert_eq!(may("gym_trainee", "SELECT"), "false");
    let reads = "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname LIKE 'gym%' \
                 AND has_column_privilege(rolname, 'users', 'hashed_password', 'SELECT')";
    assert_eq!(story.value(reads), "gym_app");
}
