//! What to do about a finding: a command, SQL, or advice; never one in the place of another.

use serde::Serialize;

use super::Command;
use crate::postgres::ddl;
use crate::postgres::sql::portable;

/// What SQL of a remedy does beside changing the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// Rows or values are lost.
    LosesData,
    /// The table may be rewritten while nobody can read it.
    RewritesTable,
    /// The table is read in full while nobody can write to it.
    ScansTable,
    /// Writers wait while an index is built.
    BlocksWrites,
    /// The query of a materialized view is run while nobody can read the view.
    RunsQuery,
}

impl Hazard {
    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::LosesData => "loses data",
            Self::RewritesTable => "may rewrite the table",
            Self::ScansTable => "reads the whole table",
            Self::BlocksWrites => "blocks writes while it runs",
            Self::RunsQuery => "runs the view's query while nobody can read the view",
        }
    }
}

/// What to do about a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// The command to run next.
    pub run: Option<Command>,
    /// The SQL that makes the database as declared.
    pub sql: Option<String>,
    /// What a person has to do or to decide, in one sentence.
    pub advice: Option<String>,
    /// What the SQL does beside changing the schema.
    pub hazards: Vec<Hazard>,
    /// The changes that `sql` is made of, to be put in order with those of other findings.
    #[serde(skip)]
    pub changes: Vec<ddl::DdlChange>,
}

impl Remedy {
    /// A command.
    pub fn run(command: Command) -> Self {
        Self { run: Some(command), ..Self::default() }
    }

    /// Advice.
    pub fn advice(advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..Self::default() }
    }

    /// Adds changes with their SQL, which means the same under any setting of the session that it is pasted into.
    #[must_use]
    pub fn with_changes(mut self, mut changes: Vec<ddl::DdlChange>) -> Self {
        for statement in changes.iter_mut().flat_map(|change| &mut change.statements) {
            *statement = portable(statement);
        }
        let statements = changes.iter().flat_map(|change| &change.statements);
        let statements: Vec<String> =
            statements.map(|statement| format!("{};", statement.trim_end_matches(';'))).collect();
        self.sql = (!statements.is_empty()).then(|| statements.join("\n"));
        self.changes = changes;
        self
    }

    /// Whether there is anything to do.
    pub fn is_some(&self) -> bool {
        self.run.is_some() || self.sql.is_some() || self.advice.is_some()
    }

    /// What people read where the SQL is printed elsewhere in the report; `None` when there is nothing to do.
    pub fn summary(&self) -> Option<String> {
        match (&self.run, &self.advice, &self.sql) {
            (Some(command), _, _) => Some(command.to_string()),
            (None, Some(advice), _) => Some(advice.clone()),
            (None, None, Some(_)) => Some("run the SQL below".to_owned()),
            (None, None, None) => None,
        }
    }
}
