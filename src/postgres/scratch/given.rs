//! A server that somebody gave (`--scratch-url`): databases of its own there, dropped afterwards. What could not be
//! dropped is said, never passed over.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use ulid::Ulid;
use url::Url;

use super::{APPLICATION, words};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{Session, Target};
use crate::postgres::sql::{identifier, literal};

/// What the names of databases begin with; a ULID follows, which says when it was made.
pub(super) const PREFIX: &str = "trueup_scratch_";

/// Databases of a crashed trueup are dropped when they are older than this and nobody is connected.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the clean-up of an interrupted run may take.
const PATIENCE: Duration = Duration::from_secs(10);

static LEFT_BEHIND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What had to be left on a given server, in statements that would remove it, since this was last asked. `main`
/// asks before it exits.
pub fn left_behind() -> Vec<String> {
    LEFT_BEHIND.lock().map(|mut statements| std::mem::take(&mut *statements)).unwrap_or_default()
}

/// The given server, and what was made there.
#[derive(Debug)]
pub(super) struct Given {
    url: Url,
    target: Target,
    databases: Vec<String>,
    roles: Vec<String>,
}

impl Given {
    /// # Errors
    /// When the text is no URL (exit 2).
    pub(super) fn new(url: &str) -> Result<Self> {
        let target = Target::parse(url)?;
        // The error of `url` does not repeat the text, which may hold a password.
        let url = Url::parse(url).map_err(|why| {
            Failure::usage(format!("--scratch-url is not a URL: {why}"))
                .code(ErrorCode::CONNECTION_URL_INVALID)
        })?;
        Ok(Self { url, target, databases: Vec::new(), roles: Vec::new() })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn url(&self, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(&format!("/{database}"));
        // `dbname=` would win over the path.
        let rest: Vec<(String, String)> =
            url.query_pairs().filter(|(key, _)| key != "dbname").map(|(k, v)| (k.into(), v.into())).collect();
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
        url.into()
    }

    /// A name that no other run takes; noted before the database is there, so that it is dropped in any case.
    pub(super) fn new_name(&mut self) -> String {
        let name = format!("{PREFIX}{}", Ulid::generate().to_string().to_ascii_lowercase());
        self.databases.push(name.clone());
        name
    }

    /// A database of this name is dropped in any case.
    pub(super) fn note_database(&mut self, name: &str) {
        self.databases.push(name.to_owned());
    }

    pub(super) fn role_made(&mut self, name: &str) {
        self.roles.push(name.to_owned());
    }

    pub(super) fn dropped(&mut self, database: &str) {
        self.databases.retain(|name| name != database);
    }

    /// Drops databases that a crashed run left a day ago or longer, as far as this role may.
    pub(super) async fn sweep(&self, admin: &mut Session) -> Result<()> {
        let query = format!(
            "SELECT d.datname FROM pg_catalog.pg_database AS d
             JOIN pg_catalog.pg_roles AS r ON r.oid = d.datdba
             WHERE d.datname LIKE {} AND r.rolname = CURRENT_USER
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.datid = d.oid)",
            literal(&format!("{}%", PREFIX.replace('_', "\\_")))
        );
        let mut found = Vec::new();
        admin
            .message(query, |_, row| {
                found.extend(row.text(0).map(str::to_owned));
                Ok(())
            })
            .await?;
        for name in found.iter().filter(|name| is_stale(name, SystemTime::now())) {
            // Another trueup may be sweeping as well.
            let _ = admin.execute(format!("DROP DATABASE IF EXISTS {}", identifier(name))).await;
        }
        Ok(())
    }

    /// Statements that remove all that was made.
    fn clean_up(&mut self) -> Vec<String> {
        let databases = std::mem::take(&mut self.databases);
        let roles = std::mem::take(&mut self.roles);
        let databases = databases.iter().map(|name| drop_database(name));
        databases
            .chain(roles.iter().map(|name| format!("DROP ROLE IF EXISTS {}", identifier(name))))
            .collect()
    }

    /// Removes all that was made.
    ///
    /// # Errors
    /// When something stays there: what, and why (exit 3).
    pub(super) async fn stop(mut self) -> Result<()> {
        let statements = self.clean_up();
        if statements.is_empty() {
            return Ok(());
        }
        match remove(&self.target, &statements).await {
            Ok(()) => Ok(()),
            Err((left, why)) => Err(Failure::cannot_tell(format!(
                "could not be removed from the scratch server: {}",
                words(&why)
            ))
            .code(ErrorCode::SCRATCH_LEFT_BEHIND)
            .next(format!("run there: {};", left.join("; ")))
            .into()),
        }
    }
}

impl Drop for Given {
    /// Reached with something left only when a run is interrupted or fails. Drop cannot wait on the runtime that it
    /// may be running on: a thread with a runtime of its own does the work.
    fn drop(&mut self) {
        let statements = self.clean_up();
        if statements.is_empty() {
            return;
        }
        let target = self.target.clone();
        let cleaner = std::thread::spawn(move || {
            let left = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    let removing =
                        async { tokio::time::timeout(PATIENCE, remove(&target, &statements)).await };
                    match runtime.block_on(removing) {
                        Ok(Ok(())) => Vec::new(),
                        Ok(Err((left, _why))) => left,
                        Err(_late) => statements,
                    }
                }
                Err(_) => statements,
            };
            if let Ok(mut all) = LEFT_BEHIND.lock() {
                all.extend(left);
            }
        });
        let _ = cleaner.join();
    }
}

/// The statement that drops a scratch database; whoever is still connected is disconnected.
pub(super) fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name))
}

/// Runs all statements, each on its own, and returns those that failed with the last reason.
async fn remove(target: &Target, statements: &[String]) -> Result<(), (Vec<String>, anyhow::Error)> {
    let mut session = match target.connect(APPLICATION).await {
        Ok(session) => session.unobserved(),
        Err(why) => return Err((statements.to_vec(), why)),
    };
    let mut left = Vec::new();
    let mut reason = None;
    for statement in statements {
        if let Err(why) = session.execute(statement.clone()).await {
            left.push(statement.clone());
            reason = Some(why);
        }
    }
    session.close().await;
    reason.map_or(Ok(()), |why| Err((left, why)))
}

/// Whether a database of this name was made so long ago that its trueup cannot be at work any more.
fn is_stale(name: &str, now: SystemTime) -> bool {
    let Some(made) =
        name.strip_prefix(PREFIX).and_then(|ulid| Ulid::from_string(&ulid.to_ascii_uppercase()).ok())
    else {
        return false;
    };
    now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_millis(made.timestamp_ms()))
        .is_ok_and(|age| age > STALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_databases_of_its_own_are_stale() {
        let mut given = Given::new("postgres://u@localhost/postgres").unwrap();
        let name = given.new_name();
        given.dropped(&name);
        let now = SystemTime::now();
        assert!(!is_stale(&name, now));
        assert!(is_stale(&name, now + STALE + Duration::from_secs(1)));
        assert!(!is_stale("trueup_scratch_mine", now + STALE * 2), "somebody else's name");
    }

    #[test]
    fn its_url_names_the_database_and_keeps_the_rest() {
        let given = Given::new("postgres://u:p@h:1/postgres?sslmode=disable&dbname=other").unwrap();
        assert_eq!(given.url("x"), "postgres://u:p@h:1/x?sslmode=disable");
    }
}
