//! Files that hold a migration and what reverts it, under lines of comment that say which is which.

use super::MigrationTool;

/// What such a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Up {
        no_transaction: bool,
    },
    Down,
    /// The whole file is run without a transaction.
    NoTransaction,
    /// It only helps the tool to split the file.
    Split,
    /// Something that trueup cannot do.
    Unsupported(&'static str),
}

/// The two parts of a file. Lines that are not part of one are empty in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) up: Option<String>,
    pub(super) down: Option<String>,
    pub(super) no_transaction: bool,
}

/// Splits a file of a tool. `Err` has the line and what is wrong with it.
pub(super) fn split(tool: MigrationTool, text: &str) -> Result<Sections, (usize, &'static str)> {
    let mut sections = Sections::default();
    let mut in_down = None;
    let (mut up, mut down) = (String::new(), String::new());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let mark = mark(tool, line.trim());
        match mark {
            Some(Mark::Up { no_transaction }) => {
                if in_down.is_some() {
                    return Err((index + 1, "a second part that is run"));
                }
                in_down = Some(false);
                sections.no_transaction |= no_transaction;
            }
            Some(Mark::Down) => in_down = Some(true),
            Some(Mark::NoTransaction) => sections.no_transaction = true,
            Some(Mark::Unsupported(why)) => return Err((index + 1, why)),
            Some(Mark::Split) | None => {}
        }
        let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
        let kept = if mark.is_some() { end } else { line };
        up.push_str(if in_down == Some(false) { kept } else { end });
        down.push_str(if in_down == Some(true) { kept } else { end });
    }
    sections.up = (in_down.is_some()).then_some(up);
    sections.down = Some(down).filter(|down| !down.trim().is_empty());
    Ok(sections)
}

fn mark(tool: MigrationTool, line: &str) -> Option<Mark> {
    let comment = line.strip_prefix("--")?.trim_start();
    let after = |marker: &str| {
        let start = comment.get(..marker.len())?;
        start.eq_ignore_ascii_case(marker).then(|| comment[marker.len()..].trim())
    };
    match tool {
        MigrationTool::Dbmate => {
            let has = |options: &str| options.split_whitespace().any(|option| option == "transaction:false");
            let up = after("migrate:up").map(|options| Mark::Up { no_transaction: has(options) });
            up.or_else(|| after("migrate:down").map(|_| Mark::Down))
        }
        MigrationTool::Goose => Some(match after("+goose")?.to_ascii_lowercase().as_str() {
            "up" => Mark::Up { no_transaction: false },
            "down" => Mark::Down,
            "no transaction" => Mark::NoTransaction,
            "envsub on" => Mark::Unsupported("values of environment variables are put into the SQL"),
            _ => Mark::Split,
        }),
        MigrationTool::SqlMigrate => {
            let words = after("+migrate")?.to_ascii_lowercase();
            let mut words = words.split_whitespace();
            Some(match words.next() {
                Some("up") => Mark::Up { no_transaction: words.any(|word| word == "notransaction") },
                Some("down") => Mark::Down,
                _ => Mark::Split,
            })
        }
        MigrationTool::NodePgMigrate => {
            let up = after("up migration").map(|_| Mark::Up { no_transaction: false });
            up.or_else(|| after("down migration").map(|_| Mark::Down))
        }
        _ => None,
    }
}
