//! Restores an archive in parts, after restoring it as a whole has failed: the definitions, the rows, and what is derived
//! from the rows.
//!
//! `pg_restore` runs with an empty search_path. A function that uses names without a schema fails then, and with it the
//! index, the check, the generated column or the materialized view that calls it. Here such functions have a
//! search_path of their own while rows are loaded and the rest is created. Checks that call functions are added after
//! all rows are there. What still fails is left out and named.

use anyhow::Result;

use super::super::progress::BackupObserver;
use super::archive::VerifiedArchive;
use super::run::{self, ArchivePart, NotRestored, RestoreOptions};
use super::server::failed;
use super::{session_without_timeouts, swap};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{self, Session, Target};
use crate::postgres::sql::{identifier, literal, schemas_of_path};

const FUNCTIONS: &str = include_str!("../sql/functions.sql");
const CHECKS: &str = include_str!("sql/checks.sql");
/// The search_path of a new database.
const DEFAULT_PATH: &str = "\"$user\", public";
/// Names in what is read here are qualified. Event triggers of the restored database do not see what is done here.
const OWN: &str = "SET search_path = pg_catalog, pg_temp; \
    SELECT set_config('session_replication_role', 'replica', false) \
     WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)";

/// What was needed to restore a backup that cannot be restored as it is, and what is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derivation {
    /// What is not in the restored database, and why; the rows are.
    pub missing: Vec<String>,
    /// The statements that let `pg_restore` alone restore the next backup.
    pub cures: Vec<String>,
}

impl Derivation {
    /// What to do about the functions, in one sentence.
    pub fn note(&self) -> Option<String> {
        note_about(&self.cures)
    }
}

/// What to do about functions that find names by the search_path of whoever runs them, in one sentence.
pub(in crate::backup) fn note_about(cures: &[String]) -> Option<String> {
    (!cures.is_empty()).then(|| {
        format!(
            "indexes, checks, generated columns or materialized views use functions without SET search_path: pg_restore \
             alone may fail at them. In the database that is backed up, run: {};",
            cures.join("; ")
        )
    })
}

/// The statement that gives a function a search_path of its own.
pub(in crate::backup) fn cure(function: &str, path: &str) -> String {
    format!("ALTER FUNCTION {function} SET search_path = {path}")
}

/// Whether a restore in parts may do better after this failure.
pub(super) fn may_help(error: &anyhow::Error) -> bool {
    let Some(failure) = error.downcast_ref::<Failure>() else { return false };
    failure.code == Some(ErrorCode::RESTORE_OBJECT_FAILED) && failure.exit == Exit::RolledBack
}

/// Restores the parts of an archive into an empty database, one after the other.
///
/// # Errors
/// Exit 5: definitions or rows could not be restored.
pub(super) async fn restore(
    backup: &VerifiedArchive<'_>,
    (target, application): (&Target, &str),
    how: &RestoreOptions,
    (search_path, analyze): (&str, bool),
    observer: &mut dyn BackupObserver,
) -> Result<Derivation> {
    let part = |part| RestoreOptions { part, whole: false, ..how.clone() };
    run::run(backup, target, application, &part(ArchivePart::Definitions), observer).await?;
    let path = wanted_path(search_path, backup.manifest.source.search_path.as_deref());
    let mut session = own_session(target, application).await?;
    let functions: Vec<String> =
        functions(&mut session).await?.into_iter().map(|function| function.name).collect();
    let set = functions.iter().map(|function| cure(function, &path));
    execute(&mut session, set.collect()).await?;
    let checks = HeldCheck::hold_back(&mut session).await?;
    session.close().await;

    run::run(backup, target, application, &part(ArchivePart::Rows), observer).await?;
    let mut session = own_session(target, application).await?;
    let mut missing = Vec::new();
    for check in &checks {
        missing.extend(check.add(&mut session).await?);
    }
    session.close().await;
    missing.extend(run::run(backup, target, application, &part(ArchivePart::Derived), observer).await?);

    let mut session = own_session(target, application).await?;
    if analyze && let Err(error) = session.execute("ANALYZE").await {
        missing.push(NotRestored {
            what: "statistics".to_owned(),
            why: said(error)?,
            statement: "ANALYZE".to_owned(),
        });
    }
    let reset = functions.iter().map(|function| format!("ALTER FUNCTION {function} RESET search_path"));
    execute(&mut session, reset.collect()).await?;
    let used = self::functions(&mut session).await?.into_iter().filter(|function| {
        function.used || missing.iter().any(|missing| function.is_called_in(&missing.statement))
    });
    let cures = used.map(|function| cure(&function.name, &path)).collect();
    session.close().await;
    Ok(Derivation { missing: missing.iter().map(NotRestored::text).collect(), cures })
}

/// The search_path of the database that was backed up, then that of the project.
pub(in crate::backup) fn wanted_path(project: &str, database: Option<&str>) -> String {
    let database = database.unwrap_or(DEFAULT_PATH);
    let known = schemas_of_path(database);
    let more = schemas_of_path(project).into_iter().filter(|schema| !known.contains(schema));
    let more = more.map(|schema| identifier(&schema).into_owned());
    std::iter::once(swap::setting("search_path", database)).chain(more).collect::<Vec<_>>().join(", ")
}

/// A function that looks names up when it runs.
struct LateFunction {
    /// Its name with its arguments.
    name: String,
    used: bool,
}

impl LateFunction {
    fn is_called_in(&self, statement: &str) -> bool {
        self.name.split_once('(').is_some_and(|(name, _)| statement.contains(&format!("{name}(")))
    }
}

async fn functions(session: &mut Session) -> Result<Vec<LateFunction>> {
    let owned = format!("SELECT function, used FROM ({FUNCTIONS}) AS f WHERE owned ORDER BY function");
    let rows = session.query(owned).await;
    let rows = rows.map_err(|error| failed(error, "listing the functions of the new database"))?;
    let function =
        |row: &connection::OwnedRow| Ok(LateFunction { name: row.get("function")?, used: row.get("used")? });
    rows.iter().map(function).collect()
}

/// A check that is added after the rows: what its functions read may be loaded after the table that it is of.
struct HeldCheck {
    name: String,
    /// `TABLE public.t`, `DOMAIN public.d`
    of: String,
    definition: String,
    /// The statement that gives it its comment back.
    comment: Option<String>,
}

impl HeldCheck {
    /// Drops the checks that call functions of the database.
    async fn hold_back(session: &mut Session) -> Result<Vec<Self>> {
        let rows = session.query(CHECKS).await;
        let rows = rows.map_err(|error| failed(error, "listing the checks of the new database"))?;
        let mut held = Vec::new();
        for row in rows {
            let (name, on): (String, &str) = (row.get("name")?, row.get("commented")?);
            let comment: Option<&str> = row.get("comment")?;
            held.push(Self {
                of: row.get("of")?,
                definition: row.get("definition")?,
                comment: comment
                    .map(|text| format!("COMMENT ON CONSTRAINT {name} ON {on} IS {}", literal(text))),
                name,
            });
        }
        let drop = held.iter().map(|check| format!("ALTER {} DROP CONSTRAINT {}", check.of, check.name));
        execute(session, drop.collect()).await?;
        Ok(held)
    }

    /// Adds the check; where rows violate it or its functions fail, for new rows only.
    async fn add(&self, session: &mut Session) -> Result<Option<NotRestored>> {
        let add = format!("ALTER {} ADD CONSTRAINT {} {}", self.of, self.name, self.definition);
        let mut missing = None;
        if let Err(error) = session.execute(add.clone()).await {
            missing = Some(NotRestored {
                what: format!("CONSTRAINT {} of {} (it is NOT VALID)", self.name, self.of),
                why: said(error)?,
                statement: format!("ALTER {} VALIDATE CONSTRAINT {}", self.of, self.name),
            });
            execute(session, vec![format!("{add} NOT VALID")]).await?;
        }
        execute(session, self.comment.iter().cloned().collect()).await?;
        Ok(missing)
    }
}

/// What the server answered; any other error stays one.
fn said(error: anyhow::Error) -> Result<String> {
    match connection::server_error(&error).map(connection::describe) {
        Some(said) => Ok(said.text()),
        None => Err(failed(error, "restoring what is derived from the rows")),
    }
}

async fn execute(session: &mut Session, statements: Vec<String>) -> Result<()> {
    if statements.is_empty() {
        return Ok(());
    }
    let done = session.execute(statements.join("; ")).await;
    done.map_err(|error| failed(error, "restoring what relies on the search_path"))
}

pub(super) async fn own_session(target: &Target, application: &str) -> Result<Session> {
    let mut session = session_without_timeouts(target, application).await?;
    session.execute(OWN).await.map_err(|error| failed(error, "opening the new database"))?;
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_database_comes_before_that_of_the_project() {
        assert_eq!(wanted_path("app, pg_temp", None), "'$user', 'public', app, pg_temp");
        assert_eq!(wanted_path("public, pg_temp", None), "'$user', 'public', pg_temp");
        assert_eq!(wanted_path("", Some("\"o,d\", b")), "'o,d', 'b'");
        assert_eq!(wanted_path("\"o,d\", \"N,w\"", Some("\"o,d\"")), "'o,d', \"N,w\"");
    }

    #[test]
    fn a_function_is_found_in_a_statement() {
        let function = LateFunction { name: "public.key(integer)".to_owned(), used: false };
        assert!(function.is_called_in("CREATE INDEX i ON public.t USING btree (public.key(n))"));
        assert!(!function.is_called_in("CREATE INDEX i ON public.t USING btree (public.keys(n))"));
    }
}
