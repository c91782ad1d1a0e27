//! The kinds of error that are understood: one file each, registered once in [`KINDS`].

mod no_attribute;
mod rows;
mod schema;
mod server;

use super::case::Case;
use super::explanation::Explanation;
use super::facts::Ask;

/// One kind of error: how it is told from others, what it means, and how its cause is found.
pub(crate) struct ErrorKind {
    /// Its name in the manual, appendix "PostgreSQL Error Codes"; of an error that is not PostgreSQL's, a name of trueup's.
    pub(crate) condition: &'static str,
    /// Its SQLSTATE; empty where it is not PostgreSQL's.
    pub(crate) sqlstate: &'static str,
    /// Regular expressions of its messages, PostgreSQL's and the drivers' own. Their groups are the fields of
    /// [`super::text::ErrorNames`]; `{table}` stands for a group of that name in quotes.
    pub(crate) patterns: &'static [&'static str],
    /// Whether it only follows from an error before it.
    pub(crate) follows: bool,
    /// What it means, in one sentence.
    pub(crate) meaning: &'static str,
    /// What the server is asked.
    pub(crate) asks: &'static [Ask],
    /// Finds the cause.
    pub(crate) judge: fn(&Case<'_>) -> Explanation,
}

impl std::fmt::Debug for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.condition)
    }
}

impl ErrorKind {
    /// Whether the schema is compared.
    pub(crate) fn compares(&self) -> bool {
        self.asks.contains(&Ask::Schema)
    }
}

/// Every kind.
pub(crate) const KINDS: &[&ErrorKind] = &[
    &schema::undefined_column::KIND,
    &schema::undefined_table::KIND,
    &schema::undefined_function::KIND,
    &schema::undefined_object::KIND,
    &schema::undefined_object::SETTING,
    &schema::undefined_schema::KIND,
    &schema::dependent_objects::KIND,
    &schema::duplicate_object::COLUMN,
    &schema::duplicate_object::OBJECT,
    &schema::duplicate_object::TABLE,
    &schema::datatype_mismatch::KIND,
    &schema::conflict_target::KIND,
    &schema::cached_plan::KIND,
    &schema::wrong_statement::AMBIGUOUS,
    &schema::wrong_statement::KIND,
    &rows::existing_rows::KIND,
    &rows::not_null::KIND,
    &rows::unique::KIND,
    &rows::foreign_key::KIND,
    &rows::check::KIND,
    &rows::enum_label::KIND,
    &rows::text_syntax::KIND,
    &rows::too_long::KIND,
    &rows::out_of_range::NUMBER,
    &rows::out_of_range::DATE,
    &rows::out_of_range::DIVISION,
    &rows::out_of_range::SEQUENCE,
    &rows::generated::KIND,
    &server::privilege::KIND,
    &server::attribute::KIND,
    &server::read_only::KIND,
    &server::resources::DISK,
    &server::resources::LOCKS,
    &server::connections::KIND,
    &server::connections::POOL,
    &server::lock_not_available::KIND,
    &server::statement_timeout::KIND,
    &server::statement_timeout::SESSION,
    &server::deadlock::KIND,
    &server::serialization::KIND,
    &server::aborted::KIND,
    &server::login::KIND,
    &server::login::PASSWORD,
    &server::undefined_database::KIND,
    &server::prepared_statement::KIND,
    &server::prepared_statement::DUPLICATE,
    &server::unreachable::KIND,
    &no_attribute::KIND,
];
