//! An error of PostgreSQL about a statement, as a message with file, line and statement.

use std::fmt::Write as _;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use crate::error::Failure;
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::Statement;

/// A server's error (manual, "Error and Notice Message Fields").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementError {
    pub(super) code: String,
    pub(super) message: String,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    position: Option<usize>,
}

impl StatementError {
    /// Extracts the server's error from another one.
    ///
    /// # Errors
    /// Returns the error itself if it is not the server's: a lost connection.
    pub(super) fn of(error: anyhow::Error) -> anyhow::Result<Self> {
        let database = match error.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Database(database)) => database.try_downcast_ref::<PgDatabaseError>(),
            _ => None,
        };
        let Some(database) = database else { return Err(error) };
        Ok(Self {
            code: database.code().to_owned(),
            message: database.message().to_owned(),
            detail: database.detail().map(str::to_owned),
            hint: database.hint().map(str::to_owned),
            context: database.r#where().map(str::to_owned),
            position: match database.position() {
                Some(PgErrorPosition::Original(position)) => Some(position),
                _ => None,
            },
        })
    }

    /// The failure that the operator sees (exit 2).
    pub(super) fn in_statement(&self, path: &str, statement: &Statement<'_>) -> Failure {
        let line = self.position.map_or(statement.line, |position| statement.line_of(position));
        let mut what = format!("{path}: line {line}: {}\n  statement: {}", self.message, statement.summary());
        if line != statement.line {
            let _ = write!(what, " (line {})", statement.line);
        }
        for (word, text) in [("detail", &self.detail), ("hint", &self.hint), ("context", &self.context)] {
            if let Some(text) = text {
                let _ = write!(what, "\n  {word}: {}", text.replace('\n', "\n    "));
            }
        }
        Failure::usage(what)
    }

    /// Whether a function or a `DO` block ran what failed.
    pub(super) fn is_in_code(&self) -> bool {
        self.context.is_some()
    }

    /// The role that is missing.
    pub(super) fn missing_role(&self) -> Option<&str> {
        // SET ROLE and SET SESSION AUTHORIZATION call it an invalid value.
        matches!(self.code.as_str(), sqlstate::UNDEFINED_OBJECT | sqlstate::INVALID_PARAMETER_VALUE)
            .then_some(())?;
        self.message.strip_prefix("role \"")?.strip_suffix("\" does not exist")
    }

    /// The type that is missing, as the message writes it: names joined with dots.
    pub(super) fn missing_type(&self) -> Option<&str> {
        (self.code == sqlstate::UNDEFINED_OBJECT).then_some(())?;
        let rest = self.message.strip_prefix("type ")?.strip_suffix(" does not exist")?;
        Some(rest.trim_matches('"').trim_end_matches("[]"))
    }

    /// The relation that is missing, as the message writes it: names joined with dots.
    pub(super) fn missing_relation(&self) -> Option<&str> {
        (self.code == sqlstate::UNDEFINED_TABLE).then_some(())?;
        self.message.strip_prefix("relation \"")?.strip_suffix("\" does not exist")
    }

    /// The function that is missing: its name as the message writes it, and its argument types.
    pub(super) fn missing_function(&self) -> Option<(&str, &str)> {
        (self.code == sqlstate::UNDEFINED_FUNCTION).then_some(())?;
        let rest = self.message.strip_prefix("function ")?.strip_suffix(" does not exist")?;
        rest.strip_suffix(')')?.split_once('(')
    }

    /// The last part of the name of the relation, function or type that is missing.
    pub(super) fn missing_name(&self) -> Option<&str> {
        let function = || self.missing_function().map(|(name, _)| name);
        let name = self.missing_relation().or_else(function).or_else(|| self.missing_type())?;
        name.rsplit('.').next()
    }

    /// The operator that is missing: the types of its sides and its name, which may have a schema, as the message
    /// writes them. Prefix operators are none of these.
    pub(super) fn missing_operator(&self) -> Option<(&str, &str, &str)> {
        const SIGNS: &str = "+-*/<>=~!@#%^&|`?";
        (self.code == sqlstate::UNDEFINED_FUNCTION).then_some(())?;
        let rest = self.message.strip_prefix("operator does not exist: ")?;
        let name = rest.split(' ').find(|word| word.ends_with(|sign| SIGNS.contains(sign)))?;
        let (left, right) = rest.split_once(&format!(" {name} "))?;
        Some((left, name, right))
    }

    /// The operator class that is missing, and the access method that it was to be of.
    pub(super) fn missing_operator_class(&self) -> Option<(&str, &str)> {
        (self.code == sqlstate::UNDEFINED_OBJECT).then_some(())?;
        let rest = self.message.strip_prefix("operator class \"")?.strip_suffix('"')?;
        rest.split_once("\" does not exist for access method \"")
    }

    /// The type that has no default operator class, as it is written, and the access method.
    pub(super) fn missing_default_class(&self) -> Option<(&str, &str)> {
        (self.code == sqlstate::UNDEFINED_OBJECT).then_some(())?;
        let rest = self.message.strip_prefix("data type ")?.strip_suffix('"')?;
        rest.split_once(" has no default operator class for access method \"")
    }

    /// The operator that an operator family lacks, as `schema.name(left,right)`, and the family's name.
    pub(super) fn missing_member(&self) -> Option<(&str, &str)> {
        (self.code == sqlstate::WRONG_OBJECT_TYPE).then_some(())?;
        let rest = self.message.strip_prefix("operator ")?.strip_suffix('"')?;
        rest.split_once(" is not a member of operator family \"")
    }

    /// The access method that is missing.
    pub(super) fn missing_method(&self) -> Option<&str> {
        (self.code == sqlstate::UNDEFINED_OBJECT).then_some(())?;
        self.message.strip_prefix("access method \"")?.strip_suffix("\" does not exist")
    }

    /// Whether an access method does not know a storage parameter.
    pub(super) fn is_unknown_parameter(&self) -> bool {
        self.code == sqlstate::INVALID_PARAMETER_VALUE && self.message.starts_with("unrecognized parameter")
    }

    /// Whether a type modifier is not one number: `invalid_text_representation` or `invalid_parameter_value`.
    pub(super) fn is_wrong_modifier(&self) -> bool {
        match self.code.as_str() {
            sqlstate::INVALID_TEXT_REPRESENTATION => {
                self.message.starts_with("invalid input syntax for type integer")
                    || self.message.starts_with("invalid input syntax for integer")
            }
            sqlstate::INVALID_PARAMETER_VALUE => {
                self.message == "invalid type modifier"
                    || self.message.starts_with("length for type varchar ")
            }
            _ => false,
        }
    }

    /// Whether an extension is there, but not in the version that was asked for.
    pub(super) fn is_other_version(&self) -> bool {
        self.code == sqlstate::INVALID_PARAMETER_VALUE
            && self.message.starts_with("extension \"")
            && self.message.contains(" path ")
    }

    /// Whether a statement that something else must precede may fail like this: a name is not known yet.
    pub(super) fn is_missing_name(&self) -> bool {
        matches!(
            self.code.as_str(),
            sqlstate::UNDEFINED_TABLE
                | sqlstate::UNDEFINED_FUNCTION
                | sqlstate::UNDEFINED_OBJECT
                | sqlstate::INVALID_SCHEMA_NAME
                | sqlstate::UNDEFINED_COLUMN
        )
    }
}
