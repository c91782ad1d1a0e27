//! Which room may use which: arrows point downwards only. The list is the map of the house; `CONTRIBUTING.md`
//! explains it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every room, from the ground up, and the rooms that it may use. A room stands below all that use it.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("sql", &["error"]),
    ("section", &["error"]),
    ("db", &["error", "sql"]),
    ("catalog", &["db", "sql"]),
    ("ddl", &["catalog", "sql"]),
    ("door", &["db", "error", "sql"]),
    ("programs", &["db"]),
    ("checks", &["db", "error", "sql"]),
    ("scratch", &["db", "error", "programs", "sql"]),
    ("migrations", &["db", "error", "sql"]),
    ("seeds", &["catalog", "db", "error", "section", "sql"]),
    ("survey", &["catalog", "db", "door", "error", "migrations", "seeds", "sql"]),
    ("model", &["catalog", "db", "error", "migrations", "scratch", "sql"]),
    ("diff", &["catalog", "db", "sql"]),
    ("backup", &["catalog", "db", "diff", "door", "error", "model", "programs", "scratch", "sql"]),
    ("diagnosis", &["catalog", "db", "ddl", "diff", "migrations", "model", "seeds", "sql"]),
    ("plan", &["catalog", "db", "diagnosis", "diff", "error", "migrations", "model", "sql"]),
    ("apply", &["catalog", "db", "diff", "door", "error", "migrations", "model", "plan", "sql"]),
    ("cli", &["sql"]),
    ("project", &["cli", "db", "error", "section", "sql"]),
    ("repair", &["checks", "db", "door", "error", "sql"]),
    (
        "report",
        &[
            "apply",
            "backup",
            "catalog",
            "checks",
            "diagnosis",
            "door",
            "error",
            "migrations",
            "repair",
            "sql",
            "survey",
        ],
    ),
    (
        "commands",
        &[
            "apply",
            "backup",
            "catalog",
            "checks",
            "cli",
            "db",
            "diagnosis",
            "door",
            "error",
            "migrations",
            "model",
            "plan",
            "project",
            "repair",
            "report",
            "scratch",
            "seeds",
            "sql",
            "survey",
        ],
    ),
];

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let with_room = paths.into_iter().map(|path| {
        let first = path.strip_prefix(&src).unwrap().components().next().unwrap();
        let room = first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        (room, path, text)
    });
    with_room.collect()
}

/// The code of a file without its comments: a doc link is no use.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let name = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = &list[..list.find('}').unwrap_or(list.len())];
                used.extend(
                    list.split(',').map(|part| name(part.trim_start())).filter(|part| !part.is_empty()),
                );
            }
            None => drop(used.insert(name(rest))),
        }
    }
    used
}

#[test]
fn every_room_uses_only_rooms_below_it() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let order: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (position, (room, uses)) in ROOMS.iter().enumerate() {
        for used in *uses {
            let below = order[..position].contains(used);
            assert!(below, "{room} may use {used}, which does not stand below it");
        }
    }
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        if room == "main" || room == "lib" {
            continue;
        }
        let uses = allowed.get(room.as_str()).unwrap_or_else(|| panic!("{room} is not on the map of rooms"));
        for used in rooms_used(&code(&text)) {
            if used != room && !uses.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the map of rooms:\n{}", wrong.join("\n"));
}

#[test]
fn no_permission_is_left_over() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (room, _, text) in sources() {
        used.entry(room).or_default().extend(rooms_used(&code(&text)));
    }
    for (room, uses) in ROOMS {
        let really = &used[*room];
        let idle: Vec<_> = uses.iter().filter(|other| !really.contains(**other)).collect();
        assert!(idle.is_empty(), "{room} does not use {idle:?}: take that off the map");
    }
}

#[test]
fn no_command_imports_a_sibling() {
    let commands: BTreeSet<String> = [
        "adopt",
        "backup",
        "check",
        "compile",
        "demo",
        "downgrade",
        "environment",
        "resolve",
        "restore",
        "seed",
        "status",
        "undo",
        "upgrade",
        "verify",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    for (room, path, text) in sources().into_iter().filter(|(room, ..)| room == "commands") {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !commands.contains(&stem) {
            continue;
        }
        for other in commands.iter().filter(|other| **other != stem) {
            let imports = code(&text).contains(&format!("super::{other}"));
            assert!(!imports, "{room}/{stem} imports its sibling {other}");
        }
    }
}

#[test]
fn only_main_exits_and_only_report_prints() {
    for (room, path, text) in sources() {
        let code = code(&text);
        for (word, home) in [
            ("process::exit", "main"),
            ("println!", "report"),
            ("eprintln!", "report"),
            ("io::stdout", "report"),
        ] {
            let found = code.contains(word) && room != home;
            let asks_for_terminal = word == "io::stdout" && (room == "project");
            assert!(!found || asks_for_terminal, "{} has {word}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (_, path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no module documentation", path.display());
    }
}
