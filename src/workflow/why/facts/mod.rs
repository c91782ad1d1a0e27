//! What a server is asked about an error, beside its schema: settings, privileges, functions, sessions. All of it is one
//! message in a READ ONLY transaction: it reads system catalogs and the server's own state, takes no lock on any other table, and
//! waits for nobody.

mod connections;
mod privileges;
mod relatives;
mod sessions;
mod settings;

use std::time::Duration;

use anyhow::Result;

use super::case::NamedRelation;
use super::text::ReadError;
use crate::postgres::connection::{
    OwnedRow, ReadOnlyTransaction, RowBuffer, RowError, Session, server_failure,
};
use crate::postgres::sql::{QualifiedTable, literal, schemas_of_path};

pub(crate) use connections::{ConnectionCount, ConnectionLimits};
pub(crate) use privileges::GrantedObject;
pub(crate) use relatives::{AvailableExtension, NamedRoutine, NamedType};
pub(crate) use sessions::LockingSession;
pub(crate) use settings::{EffectiveSetting, RoleSettings};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The schema is compared with the declared one. The settings come with it: they hold the search_path.
    Schema,
    /// Whether a sequence is behind, of the table that has the constraint.
    Sequences,
    /// What a role may do with an object.
    Privileges,
    /// The functions of a name, and the extension that would bring it.
    Routines,
    /// The types of a name.
    Types,
    /// The limits of connections, and who has them.
    Connections,
    /// Who keeps others waiting.
    Sessions,
    /// The databases of the server.
    Databases,
}

/// What the server answered.
#[derive(Debug, Default)]
pub(crate) struct ServerFacts {
    /// The role and its settings.
    pub(crate) settings: RoleSettings,
    /// What the role may do.
    pub(crate) privileges: Vec<GrantedObject>,
    /// The functions of the name.
    pub(crate) routines: Vec<NamedRoutine>,
    /// The types of the name.
    pub(crate) types: Vec<NamedType>,
    /// The extensions that were asked for.
    pub(crate) extensions: Vec<AvailableExtension>,
    /// The limits of connections.
    pub(crate) limits: Option<ConnectionLimits>,
    /// Who has them, the most first.
    pub(crate) connections: Vec<ConnectionCount>,
    /// Who keeps others waiting, or may.
    pub(crate) sessions: Vec<LockingSession>,
    /// The tables that have an index of the constraint's name.
    pub(crate) of_constraint: Vec<QualifiedTable>,
    /// The schemas that the role may not use. Names without a schema are not looked for in them.
    pub(crate) closed: Vec<String>,
    /// The server's databases, where they were asked for.
    pub(crate) databases: Vec<String>,
}

/// `statement_timeout`: system catalogs alone are read.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// `lock_timeout`: nobody is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);

impl ServerFacts {
    /// Asks the server what the kind of error wants to know, for a role.
    ///
    /// # Errors
    /// Exit 3: the server does not answer. Exit 75: it is too busy.
    pub(crate) async fn read(
        session: &mut Session,
        error: &ReadError,
        role: Option<&str>,
        set_role: Option<&str>,
    ) -> Result<Self> {
        let asks = error.kind.asks;
        let names = &error.names;
        let role = role.map_or_else(|| "session_user".to_owned(), literal);
        let [mut settings, mut privileges, mut routines, mut types, mut extensions] =
            std::array::from_fn(|_| RowBuffer::default());
        let [mut limits, mut connections, mut sessions, mut constraints, mut closed, mut databases] =
            std::array::from_fn(|_| RowBuffer::default());
        let mut batch = ReadOnlyTransaction::read_committed()
            .statement_timeout(STATEMENT_TIMEOUT)
            .lock_timeout(LOCK_TIMEOUT)
            .catalog_search_path()
            .role(set_role)
            .batch();
        batch.rows(settings::statement(&role), &mut settings);
        if asks.contains(&Ask::Schema) {
            batch.rows(privileges::closed_schemas(&role), &mut closed);
        }
        let mut bringing: Vec<Option<&str>> = Vec::new();
        if asks.contains(&Ask::Privileges) {
            let object =
                error.names.table.as_deref().or(names.function.as_deref()).or(names.schema.as_deref());
            let object = NamedRelation::parse(object.unwrap_or_default());
            batch.rows(privileges::statement(&role, &object), &mut privileges);
        }
        if asks.contains(&Ask::Routines) {
            let name = NamedRelation::parse(names.function.as_deref().unwrap_or_default()).name;
            batch.rows(relatives::routines(&name), &mut routines);
            bringing.push(relatives::extension_of_function(&name));
        }
        if asks.contains(&Ask::Types) {
            let name = NamedRelation::parse(names.type_name.as_deref().unwrap_or_default()).name;
            batch.rows(relatives::types(&name), &mut types);
            bringing.extend([names.extension.as_deref(), relatives::extension_of_type(&name)]);
        }
        if !bringing.is_empty() {
            batch.rows(relatives::extensions(&bringing), &mut extensions);
        }
        if asks.contains(&Ask::Connections) {
            batch.rows(connections::limits(&role), &mut limits);
            batch.rows(connections::holders(), &mut connections);
        }
        if asks.contains(&Ask::Sessions) {
            let relations: Vec<String> =
                super::mentioned(error).into_iter().map(|named| named.name).collect();
            batch.rows(sessions::statement(&relations), &mut sessions);
        }
        if asks.contains(&Ask::Databases) {
            batch.rows("SELECT d.datname AS name FROM pg_database AS d WHERE d.datallowconn", &mut databases);
        }
        if asks.contains(&Ask::Sequences) {
            let name = names.constraint.as_deref().unwrap_or_default();
            batch.rows(relatives::tables_of_index(name), &mut constraints);
        }
        batch.execute("COMMIT");
        session.give_up_after(STATEMENT_TIMEOUT.saturating_add(STATEMENT_TIMEOUT));
        session
            .run(batch)
            .await
            .map_err(|error| server_failure(error, "asking the server about the error"))?;
        Ok(Self {
            settings: RoleSettings::read(&settings.into_vec())?,
            privileges: read(privileges, GrantedObject::read)?,
            routines: read(routines, NamedRoutine::read)?,
            types: read(types, NamedType::read)?,
            extensions: read(extensions, AvailableExtension::read)?,
            limits: read(limits, ConnectionLimits::read)?.into_iter().next(),
            connections: read(connections, ConnectionCount::read)?,
            sessions: read(sessions, LockingSession::read)?,
            of_constraint: read(constraints, |row| {
                Ok(QualifiedTable { schema: row.get("schema")?, table: row.get("table")? })
            })?,
            closed: read(closed, |row| row.get("schema"))?,
            databases: read(databases, |row| row.get("name"))?,
        })
    }

    /// The schemas in which the role finds what is named without one.
    pub(crate) fn path(&self) -> Vec<String> {
        self.whole_path().filter(|schema| !self.closed.contains(schema)).collect()
    }

    /// Whether an object is not found because the role may not use its schema, which the search_path has.
    pub(crate) fn is_closed(&self, schema: &str) -> bool {
        self.closed.iter().any(|closed| closed == schema) && self.whole_path().any(|one| one == schema)
    }

    fn whole_path(&self) -> impl Iterator<Item = String> {
        let path =
            self.settings.of("search_path").map_or("\"$user\", public", |setting| setting.value.as_str());
        let schemas = schemas_of_path(path).into_iter();
        schemas.map(|schema| if schema == "$user" { self.settings.role.clone() } else { schema.to_string() })
    }

    /// `"$user", public`, and where it was set, where that is known.
    pub(crate) fn path_in_words(&self) -> String {
        match self.settings.of("search_path") {
            Some(EffectiveSetting { value, origin }) if origin.is_empty() => value.clone(),
            Some(EffectiveSetting { value, origin }) => format!("{value} ({origin})"),
            None => "\"$user\", public".to_owned(),
        }
    }
}

fn read<T>(rows: RowBuffer, one: impl Fn(&OwnedRow) -> Result<T, RowError>) -> Result<Vec<T>> {
    let read: Result<Vec<T>, _> = rows.into_vec().iter().map(one).collect();
    Ok(read?)
}
