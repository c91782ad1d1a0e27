//! Findings: the one type that every report prints and every test compares.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::postgres::ddl;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nobody has to act.
    Info,
    /// Costs later.
    Warning,
    /// The application can break.
    Error,
}

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Declared, but not in the database.
    Missing,
    /// In the database, but not declared.
    Unexpected,
    /// In both, and not the same.
    Different,
}

/// Why a difference exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CauseKind {
    /// A migration that is not applied yet changes this.
    Pending,
    /// Somebody changed the database by hand.
    Drift,
    /// The model says so but no migration does.
    Unmigrated,
    /// The database has newer migrations than this project directory.
    Ahead,
    /// A migration was changed after it was applied.
    Edited,
    /// A migration broke off.
    Unfinished,
    /// It cannot be told.
    Unknown,
}

impl CauseKind {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Drift,
        Self::Unmigrated,
        Self::Ahead,
        Self::Edited,
        Self::Unfinished,
        Self::Unknown,
    ];

    /// The word for it, in JSON and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Drift => "drift",
            Self::Unmigrated => "unmigrated",
            Self::Ahead => "ahead",
            Self::Edited => "edited",
            Self::Unfinished => "unfinished",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why, and which migration it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The cause.
    pub kind: CauseKind,
    /// The version of the migration that the detail speaks of.
    pub migration: Option<String>,
    /// One sentence.
    pub detail: String,
}

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeFinding {
    /// The attribute's name.
    pub name: String,
    /// What the model says; `None` when it says nothing.
    pub declared: Option<String>,
    /// What the database has; `None` when it has nothing.
    pub actual: Option<String>,
    /// Why, where it is not the finding's cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// The two sides of a difference, in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// The database's.
    pub database: String,
    /// The model's.
    pub model: String,
}

/// What to do about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// The command to run next, or one sentence where no command does it.
    pub command: Option<String>,
    /// The SQL that makes the database as declared, where there is one.
    pub sql: Option<String>,
    /// The same as changes, to be arranged among those of other findings.
    #[serde(skip)]
    pub changes: Vec<ddl::Change>,
}

impl Remedy {
    /// A command, or words, alone.
    pub fn told(command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..Self::default() }
    }

    /// Changes with their SQL, and the command where there is one.
    pub(super) fn of(command: Option<String>, changes: Vec<ddl::Change>) -> Self {
        let statements = changes.iter().flat_map(|change| &change.statements);
        let statements: Vec<String> =
            statements.map(|statement| format!("{};", statement.trim_end_matches(';'))).collect();
        let sql = (!statements.is_empty()).then(|| statements.join("\n"));
        Self { command, sql, changes }
    }
}

/// One difference or fault: object, severity, cause, remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `column.missing`, `column.nullability`, `history.edited`: stable, an API.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What the object is.
    pub kind: &'static str,
    /// Its name, qualified and quoted.
    pub object: String,
    /// What kind of difference.
    pub change: Change,
    /// The attributes that differ, all of them.
    pub attributes: Vec<AttributeFinding>,
    /// Why.
    pub cause: Cause,
    /// What to do.
    pub remedy: Remedy,
    /// What comes only as a consequence of this finding, and is therefore no finding of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
    /// What the database has and what the model says, in a few words for people, where no attribute says it.
    #[serde(skip)]
    pub sides: Option<Sides>,
}
