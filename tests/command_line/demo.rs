//! `trueup demo` tells the story that the README shows, and leaves nothing behind.

use std::fs;
use std::path::Path;

use crate::support::trueup;

/// The story without what differs from run to run: times, versions, names of throwaway places.
fn steady(text: &str) -> String {
    let lines = text.trim().lines().map(|line| {
        if line.starts_with("A throwaway PostgreSQL") {
            "A throwaway PostgreSQL is up.".to_owned()
        } else if line.starts_with("database ") {
            "database".to_owned()
        } else if line.starts_with("backup: ") {
            "backup".to_owned()
        } else if let Some((before, _)) = line.split_once(" (longest: ") {
            before.to_owned()
        } else if let Some((before, _)) = line.split_once("trueup undo ") {
            before.to_owned()
        } else {
            without_time(line.trim_end())
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `applied V2__add_username (3 ms)` without its time.
fn without_time(line: &str) -> String {
    match line.rsplit_once(" (") {
        Some((before, time)) if time.ends_with(" ms)") || time.ends_with(" s)") => before.to_owned(),
        _ => line.to_owned(),
    }
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let ran = trueup(["demo"]).exit(0);
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, after) = readme.split_once("`make demo` prints:\n\n```\n").unwrap();
    let (shown, _) = after.split_once("\n```\n").unwrap();
    assert_eq!(steady(ran.stdout()), steady(shown), "the README's output is to be taken anew");
}

#[test]
fn the_lock_file_of_the_reference_project_is_up_to_date() {
    let root = env!("CARGO_MANIFEST_DIR");
    trueup(["compile", "--check", "--project", root]).exit(0);
}
