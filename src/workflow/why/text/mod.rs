//! The text of an error, as somebody copied it out of a log: made readable, and read. It is pure, and echoes nothing that may be
//! a value of a row.

mod clean;
mod error;
mod input;
mod pattern;
mod statement;

pub(crate) use clean::clean;
pub(crate) use error::{ErrorNames, ReadError};
pub(crate) use input::{ErrorText, from_reader};
pub(crate) use statement::{MentionedTable, StatementMentions};
