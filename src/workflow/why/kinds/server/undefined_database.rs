//! `3D000`: the server has no database of a name.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_catalog_name",
    sqlstate: "3D000",
    patterns: &[
        "database {database} does not exist",
        // Prisma, P1003.
        r"Database `(?P<database>[^`\n]+)` does not exist on the database server",
    ],
    follows: false,
    meaning: "The server has no database of the name that the application's URL has.",
    asks: &[Ask::Databases],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let asked = case.names().database.clone().unwrap_or_default();
    let (database, next) = (
        case.database,
        "correct the database in the application's URL, or its host: it may be another server",
    );
    let others = &case.facts.databases;
    match others.contains(&asked) {
        true => Explanation::elsewhere(
            format!("this server has a database {}: the application asks another server", identifier(&asked)),
            "compare the host and port of the application's URL with these",
        ),
        false => Explanation::elsewhere(
            format!(
                "this server has no database {}{}; trueup is connected to {}",
                identifier(&asked),
                Case::did_you_mean(&likely(&asked, others.iter().map(String::as_str))),
                identifier(database)
            ),
            next,
        ),
    }
}
