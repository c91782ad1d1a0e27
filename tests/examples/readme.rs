//! The form of an example's README.
//!
//! A code block whose first line begins with `$ ` is a session: its commands are run in order, each by a shell of its own in the
//! directory of the example. What a command prints is shown below it, and `[exit 1]` where it ends with another code than 0.
//! A command that ends with `\` is continued on the next line. All other blocks are only shown.

use std::fmt::Write as _;

use crate::support::steady::steady;

/// A README, as the pieces that it consists of.
pub(super) struct Readme {
    pieces: Vec<Piece>,
}

enum Piece {
    /// Lines that are no session.
    Prose(String),
    Session(Vec<Command>),
}

/// A command and what it prints.
pub(super) struct Command {
    pub(super) line: String,
    pub(super) output: String,
}

impl Readme {
    pub(super) fn parse(text: &str) -> Self {
        let (mut pieces, mut prose) = (Vec::new(), String::new());
        let mut lines = text.lines().peekable();
        let mut in_a_block = false;
        while let Some(line) = lines.next() {
            let _ = writeln!(prose, "{line}");
            let fence = line.starts_with("```");
            in_a_block ^= fence;
            if fence && in_a_block && lines.peek().is_some_and(|first| first.starts_with("$ ")) {
                let mut session = Vec::new();
                while let Some(line) = lines.next_if(|line| !line.starts_with("```")) {
                    session.push(line);
                }
                pieces.push(Piece::Prose(std::mem::take(&mut prose)));
                pieces.push(Piece::Session(commands(&session)));
            }
        }
        pieces.push(Piece::Prose(prose));
        let readme = Self { pieces };
        assert!(readme.pieces.len() > 1, "the README has no command");
        assert_eq!(readme.text(), text, "a session has an empty line too many, or too few");
        readme
    }

    /// The README with other commands in the place of these.
    pub(super) fn map_commands(&self, mut change: impl FnMut(&Command) -> Command) -> Self {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Prose(text) => Piece::Prose(text.clone()),
            Piece::Session(commands) => Piece::Session(commands.iter().map(&mut change).collect()),
        });
        Self { pieces: pieces.collect() }
    }

    pub(super) fn text(&self) -> String {
        self.written(str::to_owned)
    }

    /// The text without what differs from run to run: identifiers, times, sizes, versions, and where lines are wrapped.
    pub(super) fn steady(&self) -> String {
        self.written(|shown| {
            let mut steady_lines: Vec<String> = Vec::new();
            for line in shown.lines() {
                match (steady_lines.last_mut(), line.strip_prefix("  ")) {
                    (Some(before), Some(rest)) => *before = format!("{before} {}", rest.trim_start()),
                    _ => steady_lines.push(line.to_owned()),
                }
            }
            let lines = steady_lines.iter().map(|line| without_version(&steady(&narrow(line))));
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    fn written(&self, change: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Prose(prose) => text.push_str(prose),
                Piece::Session(commands) => {
                    let shown = commands.iter().map(|command| match command.output.as_str() {
                        "" => format!("$ {}\n", change(&command.line)),
                        printed => format!("$ {}\n{}\n", change(&command.line), change(printed)),
                    });
                    // An output is set apart from the command after it.
                    let mut gap = "";
                    for (shown, command) in shown.zip(commands) {
                        text.push_str(gap);
                        text.push_str(&shown);
                        gap = if command.output.is_empty() { "" } else { "\n" };
                    }
                }
            }
        }
        text
    }
}

/// The commands of a session.
fn commands(lines: &[&str]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut continued = false;
    for line in lines {
        if let Some(line) = line.strip_prefix("$ ") {
            commands.push(Command { line: line.to_owned(), output: String::new() });
        } else {
            let last = commands.last_mut().expect("a session begins with a command");
            let text = if continued { &mut last.line } else { &mut last.output };
            if continued || !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
        let in_a_command = continued || line.starts_with("$ ");
        continued = in_a_command && line.ends_with('\\');
    }
    for command in &mut commands {
        command.output = command.output.trim_end().trim_start_matches('\n').to_owned();
    }
    commands
}

/// A line whose table is as narrow as it can be: the widths of columns depend on what is in them.
fn narrow(line: &str) -> String {
    let mut narrow = String::new();
    for char in line.chars() {
        if !(" ─╌═-".contains(char) && narrow.ends_with(char)) {
            narrow.push(char);
        }
    }
    narrow
}

/// `PostgreSQL 15.18` without the version.
fn without_version(line: &str) -> String {
    match line.split_once("PostgreSQL ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|char: char| char.is_ascii_digit() || char == '.');
            format!("{before}PostgreSQL VERSION{rest}")
        }
        None => line.to_owned(),
    }
}
