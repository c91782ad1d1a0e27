//! Stand-ins for extensions that the scratch server lacks (`[compile] assume_extensions`).
//!
//! The extension gets its row in `pg_extension`; types, functions, operators, operator classes and access methods
//! that the DDL misses are made when it misses them, and belong to it, so that the reader sees what it sees in the
//! live database: an extension, and what uses it. A type is text underneath. Nothing of it computes anything. What
//! it cannot stand in for stays the server's error.

mod callables;
mod indexes;
mod modifiers;
mod types;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::Result;

use self::callables::Callable;
use self::modifiers::Modifiers;
use self::types::type_sql;
use super::outcome::StatementOutcome;
use super::recognise::Extension;
use super::server_error::StatementError;
use crate::error::{ErrorCode, Failure};
use crate::postgres::catalog::{Attributes, Catalog, Object};
use crate::postgres::connection::{Session, sqlstate};
use crate::postgres::sql::{Statement, identifier, literal, qualified, split_qualified};

/// `datatype_mismatch`, `undefined_function` (an operator is one), `cannot_coerce`: another result may do.
const WRONG_TYPE: [&str; 3] =
    [sqlstate::DATATYPE_MISMATCH, sqlstate::UNDEFINED_FUNCTION, sqlstate::CANNOT_COERCE];

/// The extensions that are stood in for, in one database.
#[derive(Debug, Clone, Default)]
pub(super) struct Assumed {
    /// Name and schema.
    extensions: Vec<(String, String)>,
    /// The types that were made: schema and name.
    types: Vec<(String, String)>,
    /// The access methods that were made.
    methods: Vec<String>,
    modifiers: Modifiers,
    /// How statements are sent that the server would not take as they are written, by their texts.
    spellings: HashMap<String, Spelling>,
    trial: Option<Trial>,
}

/// Another way to send a statement.
#[derive(Debug, Clone)]
pub(super) struct Spelling {
    /// What is sent in its place.
    pub(super) text: String,
    /// Whether the bodies of functions are left unread.
    pub(super) unchecked: bool,
    /// What is sent when it has been accepted.
    pub(super) after: Option<String>,
}

/// A function or operator whose result is being guessed.
#[derive(Debug, Clone)]
struct Trial {
    statement: String,
    extension: String,
    callable: Callable,
    results: VecDeque<String>,
}

impl Assumed {
    /// Whether an extension is stood in for.
    pub(super) fn has(&self, name: &str) -> bool {
        self.extensions.iter().any(|(found, _)| found == name)
    }

    /// Registers an extension without its script.
    pub(super) async fn create_extension(
        &mut self,
        session: &mut Session,
        extension: &Extension,
    ) -> Result<StatementOutcome> {
        if self.has(&extension.name) {
            return Ok(StatementOutcome::Accepted);
        }
        let schema = match &extension.schema {
            Some(schema) => schema.clone(),
            None => current_schema(session).await?,
        };
        let name = literal(&extension.name);
        let version = literal(extension.version.as_deref().unwrap_or("assumed"));
        let namespace = literal(&identifier(&schema));
        let sql = format!(
            "SET allow_system_table_mods = on; \
             INSERT INTO pg_catalog.pg_extension SELECT \
             pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'), \
             {name}, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER), \
             {namespace}::pg_catalog.regnamespace, false, {version}, NULL, NULL; \
             RESET allow_system_table_mods"
        );
        let outcome = StatementOutcome::of(session.execute(sql).await)?;
        match &outcome {
            StatementOutcome::Accepted => self.extensions.push((extension.name.clone(), schema)),
            StatementOutcome::Refused(error) if error.code == sqlstate::INSUFFICIENT_PRIVILEGE => {
                return Err(Failure::cannot_tell(format!(
                    "a stand-in for the extension {} needs a superuser on the scratch server",
                    extension.name
                ))
                .code(ErrorCode::SCRATCH_UNAVAILABLE)
                .next("omit --scratch-url to start a local server, or give a server that has the extension")
                .into());
            }
            StatementOutcome::Refused(_) => {}
        }
        Ok(outcome)
    }

    /// How a statement is sent, if not as it is written.
    pub(super) fn spelling(&self, text: &str) -> Option<Spelling> {
        self.spellings.get(text).cloned()
    }

    /// Brings what stands for modifiers in the catalog back to what it stands for.
    pub(super) fn restore(&self, catalog: &mut Catalog) {
        for object in &mut catalog.objects {
            if !object.attributes.iter().any(|(_, value)| self.modifiers.printed(value).is_some()) {
                continue;
            }
            let restored = object.attributes.iter().map(|(attribute, value)| {
                (attribute, self.modifiers.printed(value).map_or_else(|| value.clone(), Into::into))
            });
            let attributes = Attributes::new(restored.collect());
            *object = Arc::new(Object { id: object.id.clone(), attributes });
        }
    }

    /// Makes what the statement missed. `false` when that is nothing that an extension could have brought.
    pub(super) async fn stand_in(
        &mut self,
        session: &mut Session,
        statement: &Statement<'_>,
        error: &StatementError,
    ) -> Result<bool> {
        let Some((first, schema)) = self.extensions.first().cloned() else { return Ok(false) };
        if error.is_wrong_modifier() || error.is_unknown_parameter() {
            return Ok(self.spell(statement, error));
        }
        if let Some(name) = error.missing_type() {
            let (schema, name) = place(name, &schema);
            let sql = type_sql(&self.owner_of(&schema, &first), &schema, name);
            let made = make(session, sql).await?;
            self.types.extend(made.then(|| (schema, name.to_owned())));
            return Ok(made);
        }
        if let Some(name) = error.missing_method() {
            let made = make(session, indexes::method_sql(&first, name)).await?;
            self.methods.extend(made.then(|| name.to_owned()));
            return Ok(made);
        }
        if let Some(sql) = self.class(&first, &schema, error) {
            return make(session, sql).await;
        }
        if let Some((left, name, right)) = error.missing_operator() {
            let (schema, name) = place(name, &schema);
            if let Some((left, right)) = self.sides(left, name, right) {
                let (owner, results) = (self.owner_of(&schema, &first), callables::operator_results(name));
                let callable = Callable::Operator { schema, name: name.to_owned(), left, right };
                return self.call(session, statement, owner, callable, results).await;
            }
        }
        if let Some((name, arguments)) = error.missing_function() {
            let (schema, name) = place(name, &schema);
            let owner = self.owner_of(&schema, &first);
            if self.known_functions(session, &owner, &schema, name).await? {
                return Ok(true);
            }
            let arguments = arguments.replace("unknown", "text");
            let signature = format!("{}({arguments})", qualified(&schema, name));
            let is_trigger = [&["create", "trigger"][..], &["create", "constraint", "trigger"]];
            let results = if is_trigger.iter().any(|words| statement.starts_with(words)) {
                vec!["trigger".to_owned()]
            } else {
                callables::results(name, &self.types)
            };
            return self.call(session, statement, owner, Callable::Function { signature }, results).await;
        }
        self.next_result(session, statement, error).await
    }

    /// Finds another way to send a statement.
    fn spell(&mut self, statement: &Statement<'_>, error: &StatementError) -> bool {
        let written = || Spelling { text: statement.text.to_owned(), unchecked: false, after: None };
        let mut spelling = self.spelling(statement.text).unwrap_or_else(written);
        let sent = Statement { text: &spelling.text, ..*statement };
        if error.is_unknown_parameter() {
            let Some((text, after)) = indexes::without_parameters(&sent, &self.methods) else { return false };
            spelling = Spelling { text, after: Some(after), ..spelling };
        } else {
            let names: Vec<&str> = self.types.iter().map(|(_, name)| name.as_str()).collect();
            match self.modifiers.numbered(&sent, &names) {
                Some(text) => spelling.text = text,
                // It is in the body of a function, which is kept as it is written.
                None if !spelling.unchecked && !names.is_empty() && statement.creates_routine() => {
                    spelling.unchecked = true;
                }
                None => return false,
            }
        }
        self.spellings.insert(statement.text.to_owned(), spelling);
        true
    }

    /// Makes an operator class that is missing, or adds the operator that one lacks.
    fn class(&self, first: &str, schema: &str, error: &StatementError) -> Option<String> {
        if let Some((name, method)) = error.missing_operator_class() {
            let (schema, name) = place(name, schema);
            let input = indexes::default_of(name, method).and_then(|name| self.own_type(name));
            let owner = self.owner_of(&schema, first);
            return Some(indexes::class_sql(&owner, (&schema, name), method, input.as_deref()));
        }
        if let Some((input, method)) = error.missing_default_class() {
            let built_in = indexes::FOR_BUILT_IN.into_iter().any(|name| self.has(name));
            let own = self.own_type(input);
            if !built_in && own.is_none() {
                return None;
            }
            let name = split_qualified(input).and_then(|mut parts| parts.pop());
            let class = indexes::default_class(method, name.as_deref().unwrap_or(input));
            let input = own.as_deref().unwrap_or(input);
            return Some(indexes::class_sql(first, (schema, &class), method, Some(input)));
        }
        let (operator, family) = error.missing_member()?;
        Some(indexes::member_sql(operator, &qualified(schema, family)))
    }

    /// A type that was made, by its name as the server writes it.
    fn own_type(&self, written: &str) -> Option<String> {
        let name = split_qualified(written)?.pop()?;
        let (schema, name) = self.types.iter().find(|(_, own)| *own == name)?;
        Some(qualified(schema, name))
    }

    /// The types of the sides of an operator that an extension could have brought. A constant's type is that of the
    /// other side.
    fn sides(&self, left: &str, name: &str, right: &str) -> Option<(String, String)> {
        let (left, right) = match (left, right) {
            ("unknown", right) => (right, right),
            (left, "unknown") => (left, left),
            sides => sides,
        };
        let own = self.own_type(left).zip(self.own_type(right));
        let of_text = left == "text" && right == "text" && callables::is_of_text(name);
        own.or_else(|| of_text.then(|| ("text".to_owned(), "text".to_owned())))
    }

    /// Makes the functions of a name as far as they are known, with the types that they need.
    async fn known_functions(
        &mut self,
        session: &mut Session,
        extension: &str,
        schema: &str,
        name: &str,
    ) -> Result<bool> {
        let functions = callables::known(schema, name);
        let mut needed: Vec<&str> = functions.iter().flat_map(|known| known.types.iter().copied()).collect();
        needed.sort_unstable();
        needed.dedup();
        for name in needed {
            let wanted = (schema.to_owned(), name.to_owned());
            if !self.types.contains(&wanted) && make(session, type_sql(extension, schema, name)).await? {
                self.types.push(wanted);
            }
        }
        let sql: Vec<String> = functions
            .into_iter()
            .map(|known| Callable::Function { signature: known.signature }.create(extension, &known.result))
            .collect();
        Ok(!sql.is_empty() && make(session, sql.join("; ")).await?)
    }

    /// Makes a function or operator with the first of the results; the others are tried when that is none.
    async fn call(
        &mut self,
        session: &mut Session,
        statement: &Statement<'_>,
        extension: String,
        callable: Callable,
        results: Vec<String>,
    ) -> Result<bool> {
        let mut results = VecDeque::from(results);
        let Some(result) = results.pop_front() else { return Ok(false) };
        let sql = callable.create(&extension, &result);
        self.trial = Some(Trial { statement: statement.text.to_owned(), extension, callable, results });
        make(session, sql).await
    }

    /// Creates what is on trial again, with another result.
    async fn next_result(
        &mut self,
        session: &mut Session,
        statement: &Statement<'_>,
        error: &StatementError,
    ) -> Result<bool> {
        let trial = self.trial.as_mut().filter(|trial| trial.statement == statement.text);
        let Some(Trial { extension, callable, results, .. }) = trial else { return Ok(false) };
        if !WRONG_TYPE.contains(&error.code.as_str()) {
            return Ok(false);
        }
        let Some(result) = results.pop_front() else { return Ok(false) };
        let sql = format!("{}; {}", callable.drop(extension), callable.create(extension, &result));
        make(session, sql).await
    }

    /// An extension that is installed in that schema, else the first.
    fn owner_of(&self, schema: &str, first: &str) -> String {
        let found = self.extensions.iter().find(|(_, installed)| installed == schema);
        found.map_or(first, |(name, _)| name).to_owned()
    }
}

/// Runs what makes a stand-in. When the server refuses that, the statement's own error tells more, and the transaction
/// goes on, if there is one.
async fn make(session: &mut Session, sql: String) -> Result<bool> {
    let inside = StatementOutcome::of(session.execute("SAVEPOINT stand_in").await)?.is_accepted();
    let made = StatementOutcome::of(session.execute(sql).await)?.is_accepted();
    if inside {
        let end = if made { "RELEASE SAVEPOINT stand_in" } else { "ROLLBACK TO SAVEPOINT stand_in" };
        session.execute(end).await?;
    }
    Ok(made)
}

fn place<'n>(name: &'n str, schema: &str) -> (String, &'n str) {
    match name.split_once('.') {
        Some((schema, name)) => (schema.trim_matches('"').to_owned(), name.trim_matches('"')),
        None => (schema.to_owned(), name.trim_matches('"')),
    }
}

async fn current_schema(session: &mut Session) -> Result<String> {
    let mut schema = "public".to_owned();
    session
        .message("SELECT pg_catalog.current_schema()".to_owned(), |_, row| {
            if let Some(found) = row.text(0) {
                schema = found.to_owned();
            }
            Ok(())
        })
        .await?;
    Ok(schema)
}
