//! Classifies a statement by its first words, as far as loading needs it.

use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::sql::{Part, Statement};

/// How a statement is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Class {
    /// Sent to the server as it is.
    Plain,
    /// Sets something for the session: `SET`, `RESET`, `SELECT set_config(...)`.
    Setting,
    /// `BEGIN`, `COMMIT`: statements are run as the loader thinks right.
    Transaction,
    /// `ROLLBACK`, `SAVEPOINT` and their like.
    Rollback,
    /// `CREATE EXTENSION`.
    CreateExtension(Extension),
    /// `ALTER EXTENSION` of this name, with the version of `UPDATE TO`.
    AlterExtension(String, Option<String>),
    /// `CREATE SCHEMA public`, which every new database has.
    CreatePublic,
    /// `CREATE ROLE`, `USER` or `GROUP` of this name.
    CreateRole(String),
    /// `ALTER` or `DROP` of a role.
    Role,
    /// Databases, tablespaces, the server's settings: not of one database.
    Cluster(&'static str),
    /// Rows.
    Data(&'static str),
    /// `SELECT setval(...)`: a sequence's position is data, and pg_dump writes it among the DDL.
    SetValue,
}

/// The options of a `CREATE EXTENSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) schema: Option<String>,
    pub(super) version: Option<String>,
}

/// Classifies a statement.
pub(super) fn classify(statement: &Statement<'_>) -> Class {
    let head: Vec<Part<'_>> = statement.parts().take(8).collect();
    let words: Vec<&str> =
        head.iter().map(|part| if let Part::Word(word) = part { word } else { "" }).collect();
    match words.as_slice() {
        ["set", "constraints" | "transaction", ..] => Class::Plain,
        ["set" | "reset", ..] => Class::Setting,
        ["select", rest @ ..] => {
            let rest = if rest.starts_with(&["pg_catalog", ""]) { &rest[2..] } else { rest };
            match rest.first() {
                Some(&"set_config") => Class::Setting,
                Some(&"setval") => Class::SetValue,
                _ => Class::Plain,
            }
        }
        ["begin" | "commit" | "end", ..] | ["start", "transaction", ..] => Class::Transaction,
        ["rollback" | "savepoint" | "abort" | "release", ..] => Class::Rollback,
        ["create", "extension", ..] => extension(statement).map_or(Class::Plain, Class::CreateExtension),
        ["alter", "extension", ..] => named(&head, 2).map_or(Class::Plain, |name| {
            let version =
                statement.parts().skip(3).skip_while(|part| !part.is("to")).nth(1).and_then(version_of);
            Class::AlterExtension(name, version)
        }),
        ["create", "schema", rest @ ..] if rest.iter().take(4).any(|word| *word == "public") => {
            Class::CreatePublic
        }
        ["create" | "alter" | "drop", "user", "mapping", ..] => Class::Plain,
        ["create", "role" | "user" | "group", ..] => named(&head, 2).map_or(Class::Plain, Class::CreateRole),
        ["alter" | "drop", "role" | "user" | "group", ..] => Class::Role,
        ["create" | "alter" | "drop", "database", ..] => Class::Cluster("a database"),
        ["create" | "alter" | "drop", "tablespace", ..] => Class::Cluster("a tablespace"),
        ["alter", "system", ..] => Class::Cluster("the server's settings"),
        ["insert", ..] => Class::Data("INSERT"),
        ["update", ..] => Class::Data("UPDATE"),
        ["delete", ..] => Class::Data("DELETE"),
        ["merge", ..] => Class::Data("MERGE"),
        ["copy", ..] => Class::Data("COPY"),
        ["truncate", ..] => Class::Data("TRUNCATE"),
        _ => Class::Plain,
    }
}

fn named(head: &[Part<'_>], index: usize) -> Option<String> {
    head.get(index)?.name().map(str::to_owned)
}

fn extension(statement: &Statement<'_>) -> Option<Extension> {
    let mut parts = statement.parts().skip(2).peekable();
    if parts.peek()?.is("if") {
        parts.nth(2);
    }
    let name = parts.next()?.name()?.to_owned();
    let (mut schema, mut version) = (None, None);
    while let Some(part) = parts.next() {
        if part.is("schema") {
            schema = parts.next().and_then(|part| part.name().map(str::to_owned));
        } else if part.is("version") {
            version = version_of(parts.next()?);
        }
    }
    Some(Extension { name, schema, version })
}

fn version_of(part: Part<'_>) -> Option<String> {
    match part {
        Part::Word(text) | Part::Quoted(text) => Some(text),
        Part::Literal(text) => Some(text.to_owned()),
        Part::Other(_) => None,
    }
}

/// Adds to `options` what this statement declares: owners, privileges, versions of extensions. Privileges are compared
/// with owners: who owns an object has all of them.
pub(super) fn declare(statement: &Statement<'_>, options: &mut ReadOptions) {
    declare_own(statement, options);
    options.owners |= options.privileges;
}

fn declare_own(statement: &Statement<'_>, options: &mut ReadOptions) {
    let Some(Part::Word(first)) = statement.parts().next() else { return };
    match first.as_str() {
        "alter" => {
            if statement.starts_with(&["alter", "default", "privileges"]) {
                options.privileges = true;
                return;
            }
            let words: Vec<_> = statement.words().collect();
            options.owners |= words.windows(2).any(|pair| pair == ["owner", "to"]);
            if let Class::AlterExtension(name, Some(_)) = classify(statement) {
                add_version(options, name);
            }
        }
        "create" if statement.starts_with(&["create", "schema"]) => {
            options.owners |= statement.words().any(|word| word == "authorization");
        }
        "create" => {
            if let Class::CreateExtension(Extension { name, version: Some(_), .. }) = classify(statement) {
                add_version(options, name);
            }
        }
        // GRANT role TO role has no ON.
        "grant" | "revoke" => options.privileges |= statement.words().any(|word| word == "on"),
        _ => {}
    }
}

fn add_version(options: &mut ReadOptions, name: String) {
    if let Err(place) = options.extension_versions.binary_search(&name) {
        options.extension_versions.insert(place, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn class(text: &str) -> Class {
        classify(&split(text).expect("splits")[0])
    }

    #[test]
    fn statements_are_told_apart() {
        let extension = |name: &str, schema: Option<&str>, version: Option<&str>| {
            let (schema, version) = (schema.map(str::to_owned), version.map(str::to_owned));
            Class::CreateExtension(Extension { name: name.into(), schema, version })
        };
        for (text, expected) in [
            ("SET search_path = a", Class::Setting),
            ("SET CONSTRAINTS ALL DEFERRED", Class::Plain),
            ("SELECT pg_catalog.set_config('search_path', '', false)", Class::Setting),
            ("select set_config('a.b', '', false)", Class::Setting),
            ("SELECT pg_catalog.setval('public.s', 1, false)", Class::SetValue),
            ("SELECT audit.enable('t')", Class::Plain),
            ("start transaction", Class::Transaction),
            ("CREATE EXTENSION citext", extension("citext", None, None)),
            (
                "create extension if not exists \"uuid-ossp\" with schema ext version '1.1' cascade",
                extension("uuid-ossp", Some("ext"), Some("1.1")),
            ),
            (
                "ALTER EXTENSION citext UPDATE TO '1.6'",
                Class::AlterExtension("citext".into(), Some("1.6".into())),
            ),
            ("ALTER EXTENSION citext SET SCHEMA a", Class::AlterExtension("citext".into(), None)),
            ("COMMENT ON EXTENSION citext IS 'x'", Class::Plain),
            ("CREATE SCHEMA public", Class::CreatePublic),
            ("CREATE SCHEMA IF NOT EXISTS public AUTHORIZATION x", Class::CreatePublic),
            ("CREATE SCHEMA app", Class::Plain),
            ("CREATE USER MAPPING FOR a SERVER b", Class::Plain),
            ("CREATE ROLE \"App\" LOGIN", Class::CreateRole("App".into())),
            ("DROP USER a", Class::Role),
            ("CREATE DATABASE a", Class::Cluster("a database")),
            ("INSERT INTO a VALUES (1)", Class::Data("INSERT")),
            ("CREATE TABLE set (a int)", Class::Plain),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_script_declares() {
        let declared = |script: &str| {
            let mut options = ReadOptions::default();
            for statement in split(script).expect("splits") {
                declare(&statement, &mut options);
            }
            (options.owners, options.privileges, options.extension_versions.join(" "))
        };
        assert_eq!(
            declared("create table owner (to_whom text); grant a to b"),
            (false, false, String::new())
        );
        assert_eq!(declared("alter table a owner to b"), (true, false, String::new()));
        assert_eq!(declared("create schema a authorization b"), (true, false, String::new()));
        assert_eq!(declared("revoke all on schema public from public"), (true, true, String::new()));
        assert_eq!(
            declared("alter default privileges grant select on tables to b"),
            (true, true, String::new())
        );
        let versions = "create extension b version '1'; create extension c; alter extension a update to '2'";
        assert_eq!(declared(versions), (false, false, "a b".to_owned()));
    }
}
