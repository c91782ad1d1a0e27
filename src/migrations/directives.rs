//! The directives in a migration's leading comments, such as `-- trueup: contract`.

use std::fmt;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use smol_str::SmolStr;

use super::SquashedMigration;
use super::tools::TakenOver;
use crate::error::{ErrorCode, Failure};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::{self, comments, identifier, split_qualified};

/// The directives of one migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `no-transaction`: the statements run one by one, each on its own.
    pub no_transaction: bool,
    /// `contract`: it breaks old app versions.
    pub contract: bool,
    /// `lock-timeout 5s`: how long a statement may wait for a lock.
    pub lock_timeout: Option<Duration>,
    /// `max-duration 10min`: how long the whole migration may take.
    pub max_duration: Option<Duration>,
    /// `requires-check NAME`: data checks that must pass before it.
    pub requires_checks: Vec<String>,
    /// `from TOOL REVISION`: which migration of another tool it was.
    pub from: Option<TakenOver>,
    /// `leaves KIND NAME`, in down scripts: what stays of the migration, as a person has accepted.
    pub leaves: Vec<Left>,
    /// `squashes VERSION NAME CHECKSUMS`, in a baseline: the migrations that it replaces.
    pub squashes: Vec<SquashedMigration>,
}

/// What a down script leaves of what its migration made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// An object, with all that belongs to it.
    Object(ObjectId),
    /// `enum_value public.status.archived`: a label of an enum, which PostgreSQL cannot drop.
    EnumValue {
        /// The enum.
        of: ObjectId,
        /// The label.
        label: String,
    },
}

impl Left {
    fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(char::is_whitespace)?;
        let name = name.trim();
        if kind == ENUM_VALUE {
            let [schema, of, label] = <[SmolStr; 3]>::try_from(split_qualified(name)?).ok()?;
            let of = ObjectId::in_schema(Kind::Enum, schema, of);
            return Some(Self::EnumValue { of, label: label.into() });
        }
        ObjectId::parse(Kind::from_str(kind).ok()?, name).map(Self::Object)
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(id) => write!(f, "{} {id}", id.kind.word()),
            Self::EnumValue { of, label } => write!(f, "{ENUM_VALUE} {of}.{}", identifier(label)),
        }
    }
}

const ENUM_VALUE: &str = "enum_value";

const KNOWN: &str = "no-transaction, contract, lock-timeout 5s, max-duration 10min, requires-check NAME, from TOOL REVISION, \
                     squashes VERSION NAME CHECKSUMS (trueup squash writes it), in down scripts leaves KIND NAME, above a statement allow CODE: REASON";

impl Directives {
    /// Reads the directives of a script.
    ///
    /// # Errors
    /// Exit 2, with file and line: unknown directives, wrong arguments, directives below the first statement.
    pub fn read(path: &Path, script: &str) -> Result<Self, Failure> {
        let mut directives = Self::default();
        if !script.contains("trueup:") {
            return Ok(directives);
        }
        for comment in comments(script) {
            let Some(text) = comment.text.strip_prefix("trueup:") else { continue };
            let refuse = |what: String| {
                Failure::usage(format!("{}: line {}: {what}", path.display(), comment.line))
                    .code(ErrorCode::MIGRATIONS_INVALID)
                    .next(format!("Known directives: {KNOWN}; one to a line, before the first statement."))
            };
            // `lint` reads those: they stand above any statement.
            if text.split_whitespace().next() == Some("allow") {
                continue;
            }
            if !comment.leading {
                return Err(refuse("a directive after the first statement, where it has no effect".into()));
            }
            directives.add(text.trim()).map_err(refuse)?;
        }
        Ok(directives)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let (word, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument = argument.trim();
        let duration = || {
            sql::duration(argument).filter(|found| !found.is_zero()).ok_or_else(|| {
                format!(
                    "`{word}` needs a duration above zero, such as 500ms, 5s or 10min; found `{argument}`"
                )
            })
        };
        match word {
            "lock-timeout" => self.lock_timeout = Some(duration()?),
            "max-duration" => self.max_duration = Some(duration()?),
            "requires-check" => {
                let named = argument.chars().all(|found| found.is_alphanumeric() || "_-".contains(found));
                if argument.is_empty() || !named {
                    return Err(format!(
                        "`{word}` needs the name of a file in checks/, without .sql; found `{argument}`"
                    ));
                }
                self.requires_checks.push(argument.to_owned());
            }
            "from" => {
                let from = TakenOver::parse(argument).ok_or_else(|| {
                    format!(
                        "`{word}` needs a tool and what that calls the migration, as `trueup init --take-over` writes it; found \
                         `{argument}`"
                    )
                })?;
                self.from = Some(from);
            }
            "leaves" => {
                let left = Left::parse(argument).ok_or_else(|| {
                    format!(
                        "`{word}` needs a kind and a name with its schema, such as `enum_value public.status.archived` or \
                         `table public.old_users`; found `{argument}`"
                    )
                })?;
                self.leaves.push(left);
            }
            "squashes" => {
                let squashed = SquashedMigration::parse(argument).ok_or_else(|| {
                    format!("`{word}` needs a version, a name and checksums, as `trueup squash` writes it; found `{argument}`")
                })?;
                self.squashes.push(squashed);
            }
            "no-transaction" | "contract" if !argument.is_empty() => {
                return Err(format!("`{word}` takes no argument; found `{argument}`"));
            }
            "no-transaction" => self.no_transaction = true,
            "contract" => self.contract = true,
            _ => return Err(format!("unknown directive `{word}`")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Result<Directives, String> {
        Directives::read(Path::new("V1__a.sql"), script).map_err(|failure| failure.what)
    }

    #[test]
    fn all_of_them() {
        let script = "-- Why: the index.\n-- trueup: no-transaction\r\n--trueup:contract\n-- trueup: lock-timeout 5s\n\
                      -- trueup: max-duration 10 min\n/* x */ -- trueup: requires-check orphans\n-- trueup: leaves enum_value public.st.\"C\"\n\
                      -- trueup: leaves column public.t.c\n-- trueup: from goose 3\nselect 1; -- trueup is good\n\
                      -- trueup: allow blocks.scan: it is small\nselect 2;\n";
        let expected = Directives {
            no_transaction: true,
            contract: true,
            lock_timeout: Some(Duration::from_secs(5)),
            max_duration: Some(Duration::from_secs(600)),
            requires_checks: vec!["orphans".into()],
            from: TakenOver::parse("goose 3"),
            leaves: vec![
                Left::EnumValue { of: ObjectId::in_schema(Kind::Enum, "public", "st"), label: "C".into() },
                Left::Object(ObjectId::under(Kind::Column, "public", "t", "c")),
            ],
            squashes: Vec::new(),
        };
        let shown: Vec<String> = expected.leaves.iter().map(Left::to_string).collect();
        assert_eq!(shown, ["enum_value public.st.\"C\"", "column public.t.c"]);
        assert_eq!(read(script), Ok(expected));
        assert_eq!(read("select '-- trueup: nonsense';"), Ok(Directives::default()));
    }

    #[test]
    fn wrong_ones_name_their_line() {
        for (script, words) in [
            ("\n-- trueup: contrakt\n", "V1__a.sql: line 2: unknown directive `contrakt`"),
            ("-- trueup: contract now\n", "takes no argument"),
            ("-- trueup: lock-timeout soon\n", "needs a duration"),
            ("-- trueup: lock-timeout 0s\n", "needs a duration"),
            ("-- trueup: max-duration 99999999999999999h\n", "needs a duration"),
            ("-- trueup: requires-check\n", "needs the name"),
            ("-- trueup: requires-check ../x\n", "needs the name"),
            ("-- trueup: from gose 3\n", "needs a tool"),
            ("-- trueup: squashes 12 a\n", "needs a version, a name and checksums"),
            ("-- trueup: leaves enum_value c\n", "needs a kind and a name"),
            ("-- trueup: leaves tables public.c\n", "needs a kind and a name"),
            ("select 1;\n-- trueup: contract\n", "line 2: a directive after the first statement"),
        ] {
            let what = read(script).expect_err(script);
            assert!(what.contains(words), "{what}");
        }
    }
}
