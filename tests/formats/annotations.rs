//! GitHub's annotations: read by the grammar of the runner, and held against what GitHub's own toolkit writes.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};

use serde_json::{Value, json};

use super::made;
use super::readers;

/// A workflow command.
#[derive(Debug, PartialEq)]
struct Command {
    name: String,
    properties: BTreeMap<String, String>,
    message: String,
}

/// Reads a line as the runner does (`ActionCommand.TryParseV2` of actions/runner): the name up to the first space,
/// properties between commas, the message behind the next `::`.
fn read(line: &str) -> Option<Command> {
    let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = properties.trim().split(',').filter_map(|property| property.split_once('='));
    let unescaped = |text: &str, more: &[(&str, &str)]| {
        let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
        for (escaped, found) in more {
            text = text.replace(escaped, found);
        }
        text.replace("%25", "%")
    };
    let value = |text: &str| unescaped(text, &[("%3A", ":"), ("%2C", ",")]);
    Some(Command {
        name: name.to_owned(),
        properties: properties.map(|(name, text)| (name.to_owned(), value(text))).collect(),
        message: unescaped(message, &[]),
    })
}

fn commands(text: &str) -> Vec<Command> {
    text.lines().map(|line| read(line).unwrap_or_else(|| panic!("no command: {line}"))).collect()
}

/// GitHub takes ten annotations of a kind and drops the others silently; the last one counts them.
#[test]
fn the_worst_ten_of_a_kind_are_annotations_and_the_last_counts_the_others() {
    for made in made::all() {
        let commands = commands(&made.text("github"));
        let findings = made.findings();
        for (kind, severity) in [("error", "error"), ("warning", "warning"), ("notice", "info")] {
            let of_kind: Vec<_> = commands.iter().filter(|command| command.name == kind).collect();
            let found = findings.iter().filter(|finding| finding["severity"] == severity).count();
            match found {
                0 => {}
                1..=10 => assert_eq!(of_kind.len(), found, "{}", made.name),
                _ => {
                    let rest = format!("and {} more {kind}s: see the step summary", found - 9);
                    assert_eq!(of_kind.len(), 10, "{}", made.name);
                    assert_eq!(of_kind[9].message, rest, "{}", made.name);
                }
            }
        }
        let kinds: Vec<&str> = commands.iter().map(|command| command.name.as_str()).collect();
        let order = |kind: &&str| ["error", "warning", "notice"].iter().position(|known| known == kind);
        assert!(kinds.is_sorted_by_key(order), "{}: {kinds:?}", made.name);
        if made.exit > 1 {
            assert_eq!(kinds, ["error"], "{}: no answer is an error", made.name);
        }
        if made.exit == 0 {
            assert!(commands.is_empty(), "{}", made.name);
        }
    }
}

/// Nothing of a name becomes a command or a property.
#[test]
fn names_stay_in_their_place() {
    for name in ["hostile", "seeded"] {
        let made = made::named(name);
        let findings = made.findings();
        for command in commands(&made.text("github")) {
            assert!(["error", "warning"].contains(&command.name.as_str()), "{command:?}");
            let Some(file) = command.properties.get("file") else {
                assert!(command.message.starts_with("and "), "{command:?}");
                continue;
            };
            let is_it = |finding: &&Value| {
                let object = trueup::output::escape(finding["object"].as_str().unwrap()).into_owned();
                let title = format!("{} {object}", finding["code"].as_str().unwrap());
                let line = finding["location"]["line"].to_string();
                finding["location"]["file"] == **file
                    && command.properties["line"] == line
                    && command.properties["title"] == title
                    && command.message.contains(&object)
            };
            assert!(findings.iter().any(|finding| is_it(&finding)), "{command:?}");
            assert_eq!(command.properties.len(), 3, "{command:?}");
        }
    }
}

/// GitHub's toolkit, which most actions write their annotations with, writes the same line from what the runner reads.
#[test]
fn githubs_toolkit_writes_the_same() {
    const PROGRAM: &str = "
        const { issueCommand } = require('@actions/core/lib/command');
        for (const [name, properties, message] of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
            issueCommand(name, properties, message);
        }";
    let (Some(node), Some(_)) = (readers::node(), readers::of_npm("@actions/core/lib/command.js")) else {
        return readers::did_not_run("node or @actions/core", "an annotation");
    };
    let lines: String = made::all().iter().map(|made| made.text("github")).collect();
    // In the order of the line: a map would sort the properties.
    let calls: Vec<Value> = lines
        .lines()
        .map(|line| {
            let command = read(line).unwrap();
            let order = ["file", "line", "title"].into_iter();
            let properties = order.filter_map(|name| Some((name, command.properties.get(name)?)));
            let properties: serde_json::Map<String, Value> =
                properties.map(|(name, value)| (name.to_owned(), json!(value))).collect();
            json!([command.name, properties, command.message])
        })
        .collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(json!(calls).to_string().as_bytes()).unwrap();
    file.rewind().unwrap();
    let ran = node.args(["-e", PROGRAM]).stdin(file).exit(0);
    let written = ran.stdout();
    assert_eq!(written.lines().count(), lines.lines().count());
    for (theirs, ours) in written.lines().zip(lines.lines()) {
        assert_eq!(theirs, ours);
    }
}
