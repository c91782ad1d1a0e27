//! What an application's database error means for this database: the text is read, the objects that it names are looked up, and
//! what is found explains it, or says that the database is as declared.
//!
//! | step | where |
//! |---|---|
//! | a log, a traceback, a line of JSON -> one error with the names in it | [`text`] (pure) |
//! | what the server is asked about it: one message | [`facts`] |
//! | the schema, compared as `trueup check` does it, without waiting for any lock | [`asked`] |
//! | the cause, one file for each kind of error | [`kinds`] (pure) |
//! | what is said | [`report`] |
//!
//! Nothing is written, no row is read but the greatest value of a key whose sequence may be behind, and no value of a row that the
//! text holds is shown.

mod asked;
mod case;
mod explanation;
mod facts;
mod kinds;
mod likely;
mod report;
mod text;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::model::LockFile;
use crate::postgres::connection::server_failure;
use crate::project::Settings;
use crate::snapshot::StatusDetail;
use case::NamedRelation;
use explanation::Explanation;
pub(crate) use report::WhyReport;
use text::ReadError;
pub(crate) use text::{ErrorText, from_reader};

/// The most names that an answer without an error has.
const NAMES: usize = 5;

/// Explains the error in a text, for the role that the application works as; `None` for the connection's own.
///
/// # Errors
/// Those of the project's files. A database that does not answer is no error: the report says so, and how it ends.
pub(crate) async fn explain(settings: &Settings, text: &ErrorText, role: Option<&str>) -> Result<WhyReport> {
    let Some(error) = ReadError::find(&text.text) else {
        return Ok(WhyReport::not_understood(settings, text, &names_of_project(settings, text)));
    };
    match asked::ask(settings, &error, role).await {
        Ok(answer) => {
            let judged = match error.by_code && error.kind.names_objects() {
                true => Explanation::unknown(
                    "only the SQLSTATE was understood: the message that names the object is cut off, or not in English",
                    "give the message in English: SET lc_messages = 'C' in the session of the application; or: trueup check",
                ),
                false => (error.kind.judge)(&answer.case(&error)),
            };
            Ok(WhyReport::judged(settings, text, &error, answer, judged))
        }
        Err(failed) => {
            let failed = server_failure(failed, "asking the database about the error");
            let failure = failed
                .downcast::<Failure>()
                .unwrap_or_else(|other| Failure::new(Exit::Internal, format!("{other:#}")));
            match failure.exit {
                // Nobody gave a URL: the text has a meaning all the same.
                _ if failure.error_code() == ErrorCode::CONNECTION_NOT_GIVEN => {
                    Ok(WhyReport::not_asked(settings, text, &error, &failure))
                }
                Exit::Usage | Exit::Internal => Err(failure.into()),
                _ => Ok(WhyReport::not_asked(settings, text, &error, &failure)),
            }
        }
    }
}

/// The relations that an error names, or the statement around it.
fn mentioned(error: &ReadError) -> Vec<NamedRelation> {
    let own = error.names.table.as_deref().map(NamedRelation::parse);
    let others = error.mentions.tables.iter();
    let others =
        others.map(|table| NamedRelation { schema: table.schema.clone(), name: table.table.clone() });
    let mut all: Vec<NamedRelation> = own.into_iter().chain(others).collect();
    let mut seen = std::collections::HashSet::new();
    all.retain(|named| seen.insert(named.to_string()));
    all
}

/// The objects of the project whose names stand in a text that is not understood, the longest names first: short ones are words, too.
fn names_of_project(settings: &Settings, text: &ErrorText) -> Vec<String> {
    let lock = LockFile::open(&settings.project.lock_path).ok().flatten().and_then(|file| file.read().ok());
    let words: std::collections::BTreeSet<&str> =
        text.text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.len() > 2).collect();
    let objects = lock.iter().flat_map(|lock| &lock.model.objects);
    let mut found: Vec<String> = objects
        .filter(|object| words.contains(object.id.name.as_str()))
        .map(|object| object.id.to_string())
        .collect();
    found.sort_by_key(|name| std::cmp::Reverse(name.len()));
    found.dedup();
    found.truncate(NAMES);
    found
}

/// What is read of the status of a database where its schema is not compared.
const DETAIL: StatusDetail = StatusDetail::Brief;
