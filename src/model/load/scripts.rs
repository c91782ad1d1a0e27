//! The files of `schema/` as statements, and which statements do not belong there.

use crate::error::{ErrorCode, Failure};
use crate::migrations::script::Tokens;
use crate::model::inputs::SchemaFile;
use crate::model::recognise::{Class, classify, declare};
use crate::postgres::catalog::history_tables;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::sql::{Statement, split_all};

/// A file with its statements.
pub(in crate::model) struct SqlScript<'f> {
    pub(in crate::model) path: &'f str,
    pub(in crate::model) statements: Vec<Statement<'f>>,
}

impl<'f> SqlScript<'f> {
    /// Splits a text.
    fn new(path: &'f str, text: &'f str) -> Result<Self, Failure> {
        let (statements, errors) = split_all(text);
        let refused = errors.into_iter().map(|error| {
            Err(Failure::usage(format!("{path}: line {}: {}", error.line, error.kind))
                .code(ErrorCode::SCHEMA_INVALID))
        });
        Failure::collect::<()>(refused)?;
        Ok(Self { path, statements })
    }

    /// Adds what the statements declare.
    pub(in crate::model) fn declare(&self, options: &mut ReadOptions) {
        for statement in &self.statements {
            declare(statement, options);
        }
    }
}

/// Splits the files, and refuses statements that are not DDL of one database. Rows of a migration history are left out:
/// a tool writes them at the end of its dump.
///
/// # Errors
/// Exit 2: all such statements of all files.
pub(in crate::model) fn scripts(files: &[SchemaFile]) -> Result<Vec<SqlScript<'_>>, Failure> {
    let mut scripts = Failure::collect(files.iter().map(|file| SqlScript::new(&file.path, &file.text)))?;
    for script in &mut scripts {
        script.statements.retain(|statement| history_rows(statement).is_none());
    }
    let statements =
        scripts.iter().flat_map(|script| script.statements.iter().map(|statement| (script.path, statement)));
    Failure::collect(statements.map(|(path, statement)| refuse(path, statement)))?;
    Ok(scripts)
}

/// The table of a known tool's migration history that a statement inserts rows into.
pub(in crate::model) fn history_rows(statement: &Statement<'_>) -> Option<String> {
    let mut tokens = Tokens::of(statement, 16);
    let table = tokens.take(&["insert", "into"]).then(|| tokens.take_name()).flatten()?.name;
    history_tables::is_of_a_tool(&table).then(|| table.to_string())
}

fn refuse(path: &str, statement: &Statement<'_>) -> Result<(), Failure> {
    let (what, next) = match classify(statement) {
        Class::Cluster(thing) => (
            format!("creates or changes {thing}; schema/ holds the DDL of one database"),
            "keep it where the server is set up",
        ),
        Class::CreateRole(_) | Class::Role => (
            "creates or changes a role; schema/ holds the DDL of one database".to_owned(),
            "keep it where the server is set up; roles that the DDL names need not exist here",
        ),
        Class::Data(word) => (
            format!("{word} changes rows; schema/ holds DDL"),
            "put rows that the application needs into schema/seeds/*.toml",
        ),
        Class::Rollback => (
            "ROLLBACK is not allowed: a transaction that is rolled back declares nothing".to_owned(),
            "remove it",
        ),
        _ => return Ok(()),
    };
    let summary = statement.summary();
    Err(Failure::usage(format!("{path}: line {}: {what}\n  statement: {summary}", statement.line))
        .code(ErrorCode::SCHEMA_INVALID)
        .next(next))
}
