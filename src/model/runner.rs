//! Runs a project's statements in one session of the scratch server, and creates what they take for granted: roles,
//! and stand-ins for extensions that the server lacks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::assume::{Assumed, Spelling};
use super::default_privileges::DefaultPrivileges;
use super::footprint::{Footprint, FootprintWatch, OutsideWatch};
use super::lock::CompiledSettings;
use super::outcome::StatementOutcome;
use super::recognise::{Class, Extension, classify};
use super::server_error::StatementError;
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::MigrationTool;
use crate::postgres::catalog::history_tables::filled_in;
use crate::postgres::catalog::reader::{CatalogReading, ReadOptions, read};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::connection::{ServerVersion, Session};
use crate::postgres::scratch::{Scratch, ScratchDatabase};
use crate::postgres::sql::{
    ChosenHistory, Statement, identifier, literal, newer_setting, set_meaning, split,
};

/// The number of missing roles that one statement, or one migration, may name.
pub(super) const MOST_ROLES: usize = 100;

/// How often, and after which pause, the server is asked whether it has counted a connection.
const CONNECTION_TRIES: usize = 40;
const CONNECTION_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Runner<'s> {
    scratch: &'s mut Scratch,
    database: ScratchDatabase,
    pub(super) session: Session,
    settings: &'s CompiledSettings,
    pub(super) assumed: Assumed,
    default_privileges: DefaultPrivileges,
    /// The versions of extensions that the DDL states; this server may have others.
    versions: HashMap<String, String>,
    /// Whether a transaction is open.
    in_transaction: bool,
    /// Whether the search_path of this session is that of all sessions.
    keeps_search_path: bool,
}

/// What a session takes for granted.
pub(super) struct Assumptions {
    assumed: Assumed,
    versions: HashMap<String, String>,
}

impl<'s> Runner<'s> {
    /// Creates a database and connects to it.
    pub(super) async fn new(
        scratch: &'s mut Scratch,
        settings: &'s CompiledSettings,
        default_privileges: DefaultPrivileges,
    ) -> Result<Self> {
        let database = scratch.create_database().await?;
        let session = scratch.connect(&database).await?;
        Ok(Self {
            scratch,
            database,
            session,
            settings,
            assumed: Assumed::default(),
            default_privileges,
            versions: HashMap::new(),
            in_transaction: false,
            keeps_search_path: false,
        })
    }

    /// Goes on in a new database.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        let database = self.scratch.create_database().await?;
        let session = self.scratch.connect(&database).await?;
        self.change_session(session).await;
        self.scratch.drop_database(std::mem::replace(&mut self.database, database)).await?;
        self.assumed = Assumed::default();
        self.versions.clear();
        self.in_transaction = false;
        if self.keeps_search_path { self.keep_search_path().await } else { Ok(()) }
    }

    /// Goes on in a copy of the database, until [`Self::leave_copy`].
    pub(super) async fn enter_copy(&mut self) -> Result<ScratchDatabase> {
        self.change_session(self.scratch.connect_outside().await?).await;
        let copy = self.scratch.copy_database(&self.database).await?;
        self.change_session(self.scratch.connect(&copy).await?).await;
        let original = std::mem::replace(&mut self.database, copy);
        if self.keeps_search_path {
            self.keep_search_path().await?;
        }
        Ok(original)
    }

    /// Goes back to the database that was copied, and drops the copy.
    pub(super) async fn leave_copy(&mut self, original: ScratchDatabase) -> Result<()> {
        self.change_session(self.scratch.connect(&original).await?).await;
        self.in_transaction = false;
        self.scratch.drop_database(std::mem::replace(&mut self.database, original)).await
    }

    async fn change_session(&mut self, session: Session) {
        std::mem::replace(&mut self.session, session).close().await;
    }

    /// Whether a state of the database can be kept, or restored: on a given server it would bring roles of another one.
    pub(super) fn keeps_states(&self) -> bool {
        self.scratch.bin_dir().is_some()
    }

    /// The server's version.
    pub(super) fn server(&self) -> ServerVersion {
        self.scratch.version()
    }

    /// The URL of the database, for a program beside trueup.
    pub(super) fn url(&self) -> String {
        self.scratch.url(&self.database)
    }

    /// Makes the search_path of this session that of all sessions in the database.
    pub(super) async fn keep_search_path(&mut self) -> Result<()> {
        self.keeps_search_path = true;
        self.reset().await?;
        let database = identifier(self.database.name());
        self.session.execute(format!("ALTER DATABASE {database} SET search_path FROM CURRENT")).await
    }

    /// Lets programs that connect to the database log what they run there; `false` where the log cannot be read.
    pub(super) async fn log_statements(&mut self) -> Result<bool> {
        self.scratch.log_statements(&self.database).await
    }

    /// Where the server's log ends now.
    pub(super) fn log_end(&self) -> u64 {
        self.scratch.log_end()
    }

    /// What was logged since, and committed.
    pub(super) fn statements_since(&self, from: u64) -> Result<Vec<String>> {
        Ok(self.scratch.statements_since(from)?)
    }

    /// How many connections there have been to the database.
    pub(super) async fn connections(&mut self) -> Result<i64> {
        const SESSIONS: &str = "SELECT sessions FROM pg_catalog.pg_stat_database \
                                WHERE datname = pg_catalog.current_database()";
        self.session.scalar(SESSIONS).await
    }

    /// Whether somebody connected to the database since it had so many connections. The server counts them a moment later.
    pub(super) async fn was_connected_to(&mut self, before: i64) -> Result<bool> {
        for _ in 0..CONNECTION_TRIES {
            if self.connections().await? > before {
                return Ok(true);
            }
            tokio::time::sleep(CONNECTION_PAUSE).await;
        }
        Ok(false)
    }

    /// Whether a tool has recorded a revision.
    pub(super) async fn has_applied(&mut self, tool: MigrationTool, revision: &str) -> Result<bool> {
        let history = tool.history();
        let mut tables: Vec<String> = Vec::new();
        let (is_it, column) = match &self.settings.applied {
            Some(ChosenHistory { table, column }) => (
                format!(
                    "c.relname = {} AND n.nspname = {} AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE \
                     a.attrelid = c.oid AND a.attname = {})",
                    literal(&table.table),
                    literal(&table.schema),
                    literal(column.as_deref().unwrap_or_default())
                ),
                column.as_deref(),
            ),
            None => (format!("c.relname = {}", literal(history.table)), None),
        };
        let named = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND {is_it}"
        );
        self.session
            .message(named, |_, row| {
                tables.extend(row.text(0).map(str::to_owned));
                Ok(())
            })
            .await?;
        let mut is_applied = false;
        for table in tables {
            let rows = filled_in(history.applied, &table, column);
            self.session
                .message(rows, |_, row| {
                    is_applied |= row.text(0) == Some(revision);
                    Ok(())
                })
                .await?;
        }
        Ok(is_applied)
    }

    /// Where the project's own tool is to record a revision, for a sentence; empty for another one, whose table is known.
    pub(super) fn recorded_in(&self) -> String {
        let column = |chosen: &ChosenHistory| {
            format!(" in {}, column {}", chosen.table, chosen.column.as_deref().unwrap_or_default())
        };
        self.settings.applied.as_ref().map(column).unwrap_or_default()
    }

    /// Makes a role that a program named.
    pub(super) async fn make_role(&mut self, name: &str) -> Result<()> {
        self.scratch.create_role(name).await
    }

    /// The database as SQL. `None` where it cannot be had, or would not be all that the migrations have done: settings of the
    /// database are not part of it.
    pub(super) async fn dump(&mut self) -> Result<Option<String>> {
        const SETTINGS: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_db_role_setting s \
            JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, pg_catalog.unnest(s.setconfig) setting \
            WHERE d.datname = pg_catalog.current_database() AND setting NOT LIKE 'search_path=%'";
        if self.session.scalar::<i64>(SETTINGS).await? > 0 {
            return Ok(None);
        }
        Ok(self.scratch.dump(&self.database).await)
    }

    /// Runs a dump in the database, which is new. `stated` is the catalog that it is of. Returns whether the server has
    /// accepted all of it.
    pub(super) async fn restore(&mut self, dump: &str, stated: &Catalog) -> Result<bool> {
        // So many statements are sent at once, each time as one transaction: with all in one, a big schema takes more
        // locks than a transaction can have.
        const AT_ONCE: usize = 500;
        for extension in stated.objects.iter().filter(|object| object.id.kind == Kind::Extension) {
            if let Some(version) = extension.get(Attribute::Version) {
                self.versions.insert(extension.id.name.to_string(), version.to_owned());
            }
        }
        let Ok(statements) = split(dump) else { return Ok(false) };
        self.reset().await?;
        for some in statements.chunks(AT_ONCE) {
            let texts: Vec<&str> = some.iter().map(|statement| statement.text).collect();
            if !self.send(&texts.join(";\n")).await?.is_accepted() {
                return Ok(false);
            }
        }
        self.reset().await?;
        Ok(true)
    }

    /// The tables, with the number of columns that each has had.
    pub(super) async fn tables(&mut self) -> Result<Vec<(ObjectId, i64)>> {
        const TABLES: &str = "SELECT n.nspname, c.relname, c.relnatts \
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'";
        let mut tables = Vec::new();
        self.session
            .message(TABLES.to_owned(), |_, row| {
                let (schema, name): (&str, &str) = (row.get("nspname")?, row.get("relname")?);
                tables.push((ObjectId::in_schema(Kind::Table, schema, name), row.get("relnatts")?));
                Ok(())
            })
            .await?;
        Ok(tables)
    }

    /// Drops the database.
    pub(super) async fn finish(self) -> Result<()> {
        self.session.close().await;
        self.scratch.drop_database(self.database).await
    }

    /// Whether statements may need stand-ins.
    pub(super) fn assumes(&self) -> bool {
        !self.settings.assume_extensions.is_empty()
    }

    /// Reads the catalog. Objects that belong to the scratch server's own role have no declared owner.
    pub(super) async fn read(&mut self, options: &ReadOptions) -> Result<CatalogReading> {
        let mut reading = read(&mut self.session, self.scratch.version(), options).await?;
        self.assumed.restore(&mut reading.catalog);
        if options.owners || options.privileges {
            let [role, bootstrap] = self.roles().await?;
            self.default_privileges.rename_own_role(&mut reading.catalog, &role);
            for object in &mut reading.catalog.objects {
                // Before 15 initdb gives the schema public to the bootstrap superuser, and nothing shows who declared that.
                let initial = object.id.kind == Kind::Schema && object.id.name == "public";
                if object.is(Attribute::Owner, &role) || initial && object.is(Attribute::Owner, &bootstrap) {
                    let attributes = object.attributes.with(Attribute::Owner, None);
                    *object = Arc::new(Object { id: object.id.clone(), attributes });
                }
            }
        }
        for object in &mut reading.catalog.objects {
            let stated =
                self.versions.get(object.id.name.as_str()).filter(|_| object.id.kind == Kind::Extension);
            if let Some(version) = stated.filter(|version| object.get(Attribute::Version) != Some(version))
                && options.extension_versions.contains(&object.id.name.to_string())
            {
                let attributes = object.attributes.with(Attribute::Version, Some(version.into()));
                *object = Arc::new(Object { id: object.id.clone(), attributes });
            }
        }
        Ok(reading)
    }

    /// The session's role and the server's bootstrap superuser.
    async fn roles(&mut self) -> Result<[String; 2]> {
        const ROLES: &str = "SELECT SESSION_USER, pg_catalog.pg_get_userbyid(10)";
        let mut roles = <[String; 2]>::default();
        self.session
            .message(ROLES.to_owned(), |_, row| {
                roles = [0, 1].map(|column| row.text(column).unwrap_or_default().to_owned());
                Ok(())
            })
            .await?;
        Ok(roles)
    }

    /// Resets the session: no settings, role, transaction or temporary table of earlier scripts remain.
    pub(super) async fn reset(&mut self) -> Result<()> {
        self.in_transaction = false;
        self.session.execute("ROLLBACK").await?;
        self.session.execute("DISCARD ALL").await?;
        // Messages are matched by their English text; only superusers may ask for it before 15, and where that
        // fails the server's own language stays.
        let _ = self.session.execute("SET lc_messages = 'C'").await;
        // A given server may have settings of its own.
        let (meaning, path) = (set_meaning("SET"), literal(&self.settings.search_path));
        let path = format!("SELECT pg_catalog.set_config('search_path', {path}, false)");
        self.session.execute(format!("{meaning} {path}")).await
    }

    /// Whether a schema of the search_path is there: a migration may have to create it.
    pub(super) async fn has_current_schema(&mut self) -> Result<bool> {
        self.session.scalar("SELECT pg_catalog.current_schema() IS NOT NULL").await
    }

    /// Opens a transaction, which [`Runner::commit`] or [`Runner::reset`] ends, and watches it where that is asked for.
    pub(super) async fn begin(&mut self, watched: bool) -> Result<Option<FootprintWatch>> {
        let watch = if watched {
            Some(FootprintWatch::begin(&mut self.session).await?)
        } else {
            self.session.execute("BEGIN").await?;
            None
        };
        self.in_transaction = true;
        Ok(watch)
    }

    /// What the session has taken for granted so far.
    pub(super) fn assumptions(&self) -> Assumptions {
        Assumptions { assumed: self.assumed.clone(), versions: self.versions.clone() }
    }

    /// Takes for granted what it did when these were kept: what came since was rolled back.
    pub(super) fn assume_again(&mut self, kept: Assumptions) {
        Assumptions { assumed: self.assumed, versions: self.versions } = kept;
    }

    /// Commits. A deferred constraint may refuse it.
    pub(super) async fn commit(&mut self) -> Result<StatementOutcome> {
        self.in_transaction = false;
        StatementOutcome::of(self.session.execute("COMMIT").await)
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// A lost connection; an extension that cannot be had.
    pub(super) async fn run(&mut self, path: &str, statement: &Statement<'_>) -> Result<StatementOutcome> {
        use StatementOutcome::{Accepted, Refused};
        match classify(statement) {
            Class::Transaction | Class::Rollback | Class::SetValue | Class::Role => Ok(Accepted),
            Class::CreateRole(name) => {
                // The statement is not sent as it is written: on a given server the role must be removed afterwards.
                self.scratch.create_role(&name).await?;
                Ok(Accepted)
            }
            Class::CreateExtension(extension) => self.create_extension(path, statement, extension).await,
            Class::AlterExtension(name, version) => {
                let assumed = self.assumed.has(&name);
                let stated = version.is_some();
                self.versions.extend(version.map(|version| (name, version)));
                if assumed {
                    return Ok(Accepted);
                }
                // What comes after it in the same transaction is run all the same.
                self.in_transaction_only("SAVEPOINT before_extension").await?;
                match self.send(statement.text).await? {
                    Refused(error) if stated && error.is_other_version() => {
                        self.in_transaction_only("ROLLBACK TO SAVEPOINT before_extension").await?;
                        Ok(Accepted)
                    }
                    outcome => Ok(outcome),
                }
            }
            Class::Setting if self.is_unknown_dump_setting(statement) => Ok(Accepted),
            // What is not a transaction here is one when it is applied.
            Class::Setting if !self.in_transaction && statement.starts_with(&["set", "local"]) => {
                let rest = statement.text.get(3..).unwrap_or_default().trim_start();
                self.send(&format!("SET {}", &rest[5..])).await
            }
            _ => match self.assumed.spelling(statement.text) {
                Some(spelling) => self.send_as(spelling).await,
                None => {
                    let outcome = self.send(statement.text).await?;
                    match self.default_privileges.for_own_role(statement).filter(|_| outcome.is_accepted()) {
                        Some(text) => self.send(&text).await,
                        None => Ok(outcome),
                    }
                }
            },
        }
    }

    /// Whether a statement sets what the pg_dump of a newer major sets, and this server does not have.
    fn is_unknown_dump_setting(&self, statement: &Statement<'_>) -> bool {
        newer_setting(statement).is_some_and(|since| self.scratch.version().major() < since)
    }

    /// Runs one statement, and makes what it misses where extensions are assumed. Returns the error with which the server
    /// refuses it all the same.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub(super) async fn run_assuming(
        &mut self,
        path: &str,
        statement: &Statement<'_>,
    ) -> Result<Option<StatementError>> {
        if !self.assumes() {
            return Ok(self.run(path, statement).await?.refusal());
        }
        let mut roles = 0;
        loop {
            // An error would end the transaction.
            self.in_transaction_only("SAVEPOINT before_statement").await?;
            let Some(error) = self.run(path, statement).await?.refusal() else {
                self.in_transaction_only("RELEASE SAVEPOINT before_statement").await?;
                return Ok(None);
            };
            self.in_transaction_only("ROLLBACK TO SAVEPOINT before_statement").await?;
            let made = if roles < MOST_ROLES && self.make_missing_role(&error).await? {
                roles += 1;
                true
            } else {
                self.assumed.stand_in(&mut self.session, statement, &error).await?
            };
            if !made {
                return Ok(Some(error));
            }
        }
    }

    /// Runs one statement outside of a transaction, and watches what it does to the relations that were there `before`.
    /// Returns the error with which the server refuses it.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub(super) async fn run_outside(
        &mut self,
        path: &str,
        statement: &Statement<'_>,
        before: &CatalogReading,
    ) -> Result<(Option<StatementError>, Vec<Footprint>)> {
        let mut watch = OutsideWatch::new(&mut self.session, statement).await?;
        let holders =
            [self.scratch.connect(&self.database).await?, self.scratch.connect(&self.database).await?];
        let refused = watch.during(holders, self.run_assuming(path, statement)).await?;
        let footprints = match refused {
            None => watch.footprints(&mut self.session, statement, before).await?,
            Some(_) => Vec::new(),
        };
        Ok((refused, footprints))
    }

    /// Sends a statement as the stand-ins need it.
    async fn send_as(&mut self, spelling: Spelling) -> Result<StatementOutcome> {
        if spelling.unchecked {
            self.session.execute("SET check_function_bodies = off").await?;
        }
        let outcome = self.send(&spelling.text).await?;
        // A transaction in which it was refused takes the setting back, too.
        if spelling.unchecked && (outcome.is_accepted() || !self.in_transaction) {
            self.session.execute("RESET check_function_bodies").await?;
        }
        if let (true, Some(after)) = (outcome.is_accepted(), spelling.after) {
            self.session.execute(after).await?;
        }
        Ok(outcome)
    }

    /// Creates the role for lack of which a statement failed; `false` when it failed for another reason.
    pub(super) async fn make_missing_role(&mut self, error: &StatementError) -> Result<bool> {
        match error.missing_role() {
            Some(role) if !role.is_empty() => {
                self.scratch.create_role(role).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Sends a text. Roles that it names and that do not exist are created, unless a transaction is open, which the
    /// error has ended.
    async fn send(&mut self, text: &str) -> Result<StatementOutcome> {
        let mut roles = 0;
        loop {
            let outcome = StatementOutcome::of(self.session.execute(text).await)?;
            let StatementOutcome::Refused(error) = &outcome else { return Ok(outcome) };
            if self.in_transaction || roles == MOST_ROLES || !self.make_missing_role(error).await? {
                return Ok(outcome);
            }
            roles += 1;
        }
    }

    async fn create_extension(
        &mut self,
        path: &str,
        statement: &Statement<'_>,
        extension: Extension,
    ) -> Result<StatementOutcome> {
        let available = self.available(&extension.name).await?;
        if let Some(version) = &extension.version {
            self.versions.insert(extension.name.clone(), version.clone());
        }
        if available {
            self.in_transaction_only("SAVEPOINT before_extension").await?;
            let mut outcome = self.send(statement.text).await?;
            if matches!(&outcome, StatementOutcome::Refused(error) if error.is_other_version()) {
                self.in_transaction_only("ROLLBACK TO SAVEPOINT before_extension").await?;
                let schema = extension.schema.as_deref();
                let schema =
                    schema.map_or_else(String::new, |schema| format!(" SCHEMA {}", identifier(schema)));
                let name = identifier(&extension.name);
                outcome =
                    self.send(&format!("CREATE EXTENSION IF NOT EXISTS {name}{schema} CASCADE")).await?;
            }
            let StatementOutcome::Refused(error) = &outcome else {
                self.in_transaction_only("RELEASE SAVEPOINT before_extension").await?;
                return Ok(outcome);
            };
            // A later statement may make what the extension needs.
            if error.is_missing_name() || !self.is_assumed(&extension.name) {
                return Ok(outcome);
            }
        } else if !self.is_assumed(&extension.name) {
            let Extension { name, .. } = extension;
            return Err(Failure::usage(format!(
                "{path}: line {}: the scratch server (PostgreSQL {}) lacks the extension {name}",
                statement.line,
                self.scratch.version(),
            ))
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next(format!(
                "give a server that has it: --scratch-url URL; or install it for the local PostgreSQL; or list it in \
                 trueup.toml, [compile] assume_extensions = [{}], which creates stand-ins for its types and functions",
                serde_json::Value::from(name),
            ))
            .into());
        }
        self.assumed.create_extension(&mut self.session, &extension).await
    }

    async fn in_transaction_only(&mut self, text: &str) -> Result<()> {
        if self.in_transaction { self.session.execute(text).await } else { Ok(()) }
    }

    fn is_assumed(&self, name: &str) -> bool {
        self.settings.assume_extensions.iter().any(|assumed| assumed == name)
    }

    async fn available(&mut self, name: &str) -> Result<bool> {
        let mut found = false;
        let name = literal(name);
        self.session
            .message(
                format!("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = {name}"),
                |_, _| {
                    found = true;
                    Ok(())
                },
            )
            .await?;
        Ok(found)
    }
}
