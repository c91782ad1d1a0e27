//! 23 migrations in three apps of Django: the order of a deploy, and one migration back.

use super::Story;
use crate::adopt::tools::{did_not_run, python};

#[test]
fn django_checklist_is_as_told() {
    let Some(python) = python() else { return did_not_run("Django") };
    let story = Story::of("django-checklist", "inspections").with_python(&python);
    story.is_as_told();
    assert_eq!(story.value("SELECT count(*)::text FROM django_migrations"), "22");
    let last = "SELECT name FROM django_migrations WHERE app = 'checklists' ORDER BY name DESC LIMIT 1";
    assert_eq!(story.value(last), "0022_run_area");
    let slug = "SELECT slug FROM people_team WHERE name = 'Night shift'";
    assert_eq!(story.value(slug), "night-shift-1", "0021_fill_team_slug ran");
}
