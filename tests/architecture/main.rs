//! Which room may use which: arrows point downwards only. The list of rooms is the map of the house; `CONTRIBUTING.md`
//! explains it. What the files of `src/` name is read from their syntax trees (`source.rs`).

mod rooms;
mod source;
mod types;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rooms::{ROOMS, Room};
use source::{Place, Source, directory, sources};

/// A file is not longer than this.
const LINES: usize = 600;

/// A folder has no more files than this directly in it.
const FILES: usize = 15;

/// Who may use a command's folder from another one, and which: the demo tells a story with the others.
const COMMANDS_OF_COMMANDS: &[(&str, &[&str])] =
    &[("demo", &["adopt", "check", "gate", "seed", "upgrade", "verify"])];

/// The room that a path leads to: the longest name on the map that it begins with.
fn room_of(names: &[String]) -> Option<&'static str> {
    let fits = |room: &Room| {
        let parts: Vec<&str> = room.name.split('/').collect();
        parts.len() <= names.len() && parts.iter().zip(names).all(|(part, name)| part == name)
    };
    ROOMS.iter().filter(|room| fits(room)).map(|room| room.name).max_by_key(|name| name.len())
}

/// The rooms that a file uses, its own left out.
fn rooms_used(source: &Source) -> BTreeSet<&'static str> {
    let own = room_of(&source.module);
    let inside = source.uses.iter().filter_map(|place| match place {
        Place::Crate(names) => room_of(names),
        Place::Elsewhere(_) => None,
    });
    inside.filter(|room| Some(*room) != own).collect()
}

/// `lib.rs` and `main.rs` stand above the map; what declares a group of rooms names nothing else.
fn is_roof(source: &Source) -> bool {
    source.module.is_empty()
        || (is_group(&source.module) && !source.uses.iter().any(|place| matches!(place, Place::Crate(_))))
}

fn is_group(names: &[String]) -> bool {
    rooms::GROUPS.contains(&names.join("/").as_str())
}

#[test]
fn every_arrow_points_downwards() {
    for (position, room) in ROOMS.iter().enumerate() {
        for used in room.uses {
            let below = ROOMS[..position].iter().any(|other| other.name == *used);
            assert!(below, "{} may use {used}, which does not stand below it", room.name);
        }
    }
}

#[test]
fn every_room_uses_only_what_the_map_allows() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().map(|room| (room.name, room.uses)).collect();
    let mut wrong = BTreeSet::new();
    for source in sources().iter().filter(|source| !is_roof(source)) {
        let Some(room) = room_of(&source.module) else {
            wrong.insert(format!("{} is in no room on the map", source.name));
            continue;
        };
        for used in rooms_used(source).iter().filter(|used| !allowed[room].contains(used)) {
            wrong.insert(format!("{} uses {used}", source.name));
        }
        for place in &source.uses {
            if let Place::Crate(names) = place
                && room_of(names).is_none()
                && !is_group(names)
            {
                wrong.insert(format!(
                    "{} uses crate::{}, which is in no room",
                    source.name,
                    names.join("::")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "against the map of rooms:\n{}", lines(wrong));
}

#[test]
fn no_permission_is_left_over() {
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources().iter().filter(|source| !is_roof(source)) {
        if let Some(room) = room_of(&source.module) {
            used.entry(room).or_default().extend(rooms_used(source));
        }
    }
    let mut idle = BTreeSet::new();
    for room in ROOMS {
        let really = used.get(room.name).unwrap_or_else(|| panic!("there is no room {}", room.name));
        for other in room.uses.iter().filter(|other| !really.contains(**other)) {
            idle.insert(format!("{} does not use {other}", room.name));
        }
    }
    assert!(idle.is_empty(), "to be taken off the map:\n{}", lines(idle));
}

/// The commands are the folders below `src/commands/`.
#[test]
fn no_command_imports_another() {
    let commands: BTreeSet<String> = fs::read_dir(directory().join("commands"))
        .expect("src/commands")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("a name in UTF-8"))
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    let mut wrong = BTreeSet::new();
    let mut idle: BTreeSet<(&str, &str)> = COMMANDS_OF_COMMANDS
        .iter()
        .flat_map(|(command, others)| others.iter().map(move |other| (*command, *other)))
        .collect();
    for source in sources() {
        let [room, command, ..] = &source.module[..] else { continue };
        if room != "commands" || !commands.contains(command) {
            continue;
        }
        for place in &source.uses {
            let Place::Crate(names) = place else { continue };
            match &names[..] {
                [room, other, ..] if room == "commands" && other != command && commands.contains(other) => {
                    let known = COMMANDS_OF_COMMANDS
                        .iter()
                        .any(|(name, others)| name == command && others.contains(&other.as_str()));
                    if known {
                        idle.remove(&(command.as_str(), other.as_str()));
                    } else {
                        wrong.insert(format!("{} uses the command {other}", source.name));
                    }
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "what commands share is in src/workflow:\n{}", lines(wrong));
    assert!(idle.is_empty(), "to be taken off the list: {idle:?}");
}

#[test]
fn only_main_exits_and_only_output_prints() {
    let mut wrong = BTreeSet::new();
    for source in sources() {
        let room = source.module.first().map_or("", String::as_str);
        let names = source.uses.iter().filter_map(|place| match place {
            Place::Elsewhere(names) => Some(names.iter().map(String::as_str).collect::<Vec<_>>()),
            Place::Crate(_) => None,
        });
        for names in names {
            let exits = matches!(names[..], ["std", "process", "exit" | "abort", ..]);
            let prints = matches!(names[..], ["std", "io", "stdout" | "stderr" | "Stdout" | "Stderr", ..]);
            // Whether there is a terminal is asked where the environment is read.
            let asks = source.name == "project/process_env.rs";
            if (exits && source.name != "main.rs") || (prints && room != "output" && !asks) {
                wrong.insert(format!("{}: {}", source.name, names.join("::")));
            }
        }
        for name in &source.macros {
            let prints = matches!(name.as_str(), "print" | "println" | "eprint" | "eprintln" | "dbg");
            if prints && room != "output" {
                wrong.insert(format!("{}: {name}!", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "only main exits, and only output prints:\n{}", lines(wrong));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = sources().iter().filter(|source| !source.text.starts_with("//!"));
    let silent: BTreeSet<String> = silent.map(|source| source.name.clone()).collect();
    assert!(silent.is_empty(), "without module documentation:\n{}", lines(silent));
}

#[test]
fn no_file_is_long() {
    let long = sources().iter().map(|source| (source.text.lines().count(), &source.name));
    let long: BTreeSet<String> = long
        .filter(|(count, _)| *count > LINES)
        .map(|(count, name)| format!("{name} has {count} lines"))
        .collect();
    assert!(long.is_empty(), "files of more than {LINES} lines:\n{}", lines(long));
}

#[test]
fn no_folder_is_a_heap() {
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources() {
        let folder = source.path.parent().expect("a folder").strip_prefix(directory()).expect("below src");
        *files.entry(folder.display().to_string()).or_default() += 1;
    }
    let heaps: BTreeSet<String> = files
        .into_iter()
        .filter(|(_, count)| *count > FILES)
        .map(|(folder, count)| format!("{folder} has {count} files"))
        .collect();
    assert!(heaps.is_empty(), "folders of more than {FILES} files:\n{}", lines(heaps));
}

/// Every way of naming something is seen: groups, globs, renames, `super`, imports of imports, and macros.
#[test]
fn what_a_file_names_is_seen_however_it_is_written() {
    let above = "pub mod commands; pub mod model; pub mod output; pub mod postgres;";
    let commands = "mod check; mod undo; mod status; use crate::postgres; use crate::output as printed;";
    for (written, leads_to) in [
        ("use super::{undo, status::{Report, self}};", "commands::status::Report"),
        ("use super::{undo, status::{Report, self}};", "commands::undo"),
        ("use crate::{model, commands::{status::Report}};", "commands::status::Report"),
        ("use super::*; fn f() { undo::run() }", "commands::undo::run"),
        ("use super::*; fn f() -> postgres::sql::Text { todo!() }", "postgres::sql::Text"),
        ("use super::super::output; fn f() { output::json::print() }", "output::json::print"),
        ("use super::printed::json; fn f() { json::print() }", "output::json::print"),
        ("fn f() { use crate::postgres; postgres::sql::quote() }", "postgres::sql::quote"),
        ("fn f() { let _ = format!(\"{}\", [crate::model::NAME]); }", "model::NAME"),
        ("impl crate::model::Kind for Vec<crate::postgres::Row> {}", "postgres::Row"),
        ("#[cfg(test)] mod tests { use super::*; use super::super::undo; }", "commands::undo"),
        ("use std::process; fn f() { process::exit(1) }", "std::process::exit"),
    ] {
        let texts =
            [above, "pub mod json;", commands, written].map(|text| syn::parse_file(text).expect(text));
        let modules = [&[][..], &["output"], &["commands"], &["commands", "check"]];
        let modules = modules.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let named = source::named_in(modules.into_iter().zip(&texts));
        let places: Vec<String> = named[3]
            .uses
            .iter()
            .map(|place| match place {
                Place::Crate(names) | Place::Elsewhere(names) => names.join("::"),
            })
            .collect();
        assert!(places.iter().any(|place| place == leads_to), "{written}: {places:?}");
    }
}

fn lines(of: BTreeSet<String>) -> String {
    of.into_iter().collect::<Vec<_>>().join("\n")
}
