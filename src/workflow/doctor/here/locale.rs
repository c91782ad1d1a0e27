//! `locale`: the characters of this machine's locale, and those of the database.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::error::Failure;
use crate::postgres::sql::identifier;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "locale",
    help: "Whether the locale of this machine is UTF-8 (LC_ALL, LC_CTYPE, LANG), which decides what is drawn; encoding and \
           collation of the database, and, since PostgreSQL 15, whether its indexes were built by another version of the \
           collation than the server has now: they may then miss rows.",
    needs: &[],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let here = if around.settings.output.ascii { "here ASCII" } else { "here UTF-8" };
        let Some(version) = around.answering() else {
            return Ok(Examined::ok(format!("{here}; the database did not answer")));
        };
        Ok(match database(around, version.major()).await {
            Ok(examined) => Examined { what: format!("{here}; {}", examined.what), ..examined },
            Err(failure) => Examined::ok(here).and_failure(Grade::Warn, &failure),
        })
    })
}

async fn database(around: &mut Surroundings<'_>, major: u32) -> Result<Examined, Failure> {
    let (recorded, actual) = match major {
        15.. => ("d.datcollversion", "pg_database_collation_actual_version(d.oid)"),
        _ => ("NULL", "NULL"),
    };
    let sql = format!(
        "SELECT pg_encoding_to_char(d.encoding) AS encoding, d.datcollate::text AS collation, {recorded}::text AS recorded, \
         {actual}::text AS actual, d.datname::text AS name FROM pg_database d WHERE d.datname = current_database()"
    );
    let row = around.ask_one("reading the locale of the database", sql).await?;
    let read = || {
        let (encoding, collation): (String, String) = (row.get("encoding")?, row.get("collation")?);
        let (recorded, actual): (Option<String>, Option<String>) = (row.get("recorded")?, row.get("actual")?);
        anyhow::Ok((encoding, collation, recorded, actual, row.get::<String>("name")?))
    };
    let (encoding, collation, recorded, actual, name) = read().map_err(failure_of)?;
    let mut examined = Examined::ok(format!("the database {encoding}, {collation}"));
    if encoding != "UTF8" {
        let what = format!("the database's encoding is {encoding}: not every text can be kept in it");
        examined = examined.and(
            Grade::Warn,
            "encoding",
            what,
            "move to a database with encoding UTF8: restore --into",
        );
    }
    if let (Some(recorded), Some(actual)) = (recorded, actual)
        && recorded != actual
    {
        let name = identifier(&name);
        let what = format!(
            "indexes of texts were built by version {recorded} of the collation, the server has {actual}"
        );
        let next = format!(
            "REINDEX (CONCURRENTLY) DATABASE {name}; only when that succeeded: ALTER DATABASE {name} REFRESH COLLATION VERSION"
        );
        examined = examined.and(Grade::Warn, "collation", what, next);
    }
    Ok(examined)
}
