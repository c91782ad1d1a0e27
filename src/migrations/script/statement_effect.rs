//! Determines from its first words what a statement changes, and so whether a catalog can show that it was done.

use super::tokens::Tokens;

/// What a statement changes. The later variants show less in a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementEffect {
    /// Nothing that outlives the session: `SET`, `RESET`.
    Session,
    /// Objects that trueup reads, and nothing else.
    Catalog,
    /// Objects that trueup does not read: publications, roles, planner statistics.
    Unmodeled,
    /// Rows, or whatever else it may do: DML, queries, calls.
    Rows,
}

/// The objects that trueup reads, as CREATE, ALTER, DROP and COMMENT ON call them.
const MODELED: &[&str] = &[
    "schema",
    "extension",
    "collation",
    "type",
    "domain",
    "sequence",
    "table",
    "index",
    "statistics",
    "view",
    "materialized",
    "function",
    "procedure",
    "routine",
    "aggregate",
    "trigger",
    "constraint",
    "event",
    "policy",
    "rule",
    "column",
    "default",
];

/// What may stand between CREATE and the kind of object.
const ADJECTIVES: &[&str] =
    &["or", "replace", "global", "local", "unlogged", "recursive", "unique", "trusted", "procedural"];

/// Determines it from a statement's tokens.
pub(super) fn of(tokens: &Tokens<'_>) -> StatementEffect {
    let mut tokens = tokens.clone();
    let verb = tokens.word().to_owned();
    tokens.advance();
    match verb.as_str() {
        "set" | "reset" => StatementEffect::Session,
        // GRANT role TO role has no ON.
        "grant" | "revoke" if tokens.has("on") => StatementEffect::Catalog,
        "comment" => {
            tokens.take(&["on"]);
            modeled(&tokens)
        }
        "create" => create(tokens),
        "alter" => alter(tokens),
        "drop" => modeled(&tokens),
        "grant" | "revoke" | "security" | "analyze" | "analyse" | "vacuum" | "cluster" | "reindex"
        | "listen" | "unlisten" | "import" | "reassign" | "load" | "checkpoint" | "prepare"
        | "deallocate" | "lock" => StatementEffect::Unmodeled,
        _ => StatementEffect::Rows,
    }
}

fn modeled(tokens: &Tokens<'_>) -> StatementEffect {
    if MODELED.contains(&tokens.word()) { StatementEffect::Catalog } else { StatementEffect::Unmodeled }
}

fn create(mut tokens: Tokens<'_>) -> StatementEffect {
    while ADJECTIVES.contains(&tokens.word()) {
        tokens.advance();
    }
    match tokens.word() {
        // A temporary object is gone with the session, but statements on it may have changed others.
        "temp" | "temporary" => StatementEffect::Rows,
        "table" => {
            // The columns stand in parentheses; CREATE TABLE ... AS does not.
            let mut clauses = tokens.clone();
            if clauses.skip_past("as") || tokens.has("execute") {
                StatementEffect::Rows
            } else {
                StatementEffect::Catalog
            }
        }
        // It is filled with rows, as by REFRESH.
        "materialized" if !tokens.has("no") => StatementEffect::Rows,
        // Its elements may be any CREATE statements.
        "schema" => StatementEffect::Catalog,
        _ => modeled(&tokens),
    }
}

fn alter(tokens: Tokens<'_>) -> StatementEffect {
    let rows = match tokens.word() {
        "sequence" => tokens.has("restart"),
        // ALTER COLUMN ... TYPE ... USING computes values; RESTART is an identity's.
        "table" => tokens.has("restart") || tokens.has("type") && tokens.has("using"),
        _ => false,
    };
    if rows { StatementEffect::Rows } else { modeled(&tokens) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    #[test]
    fn what_a_catalog_can_show() {
        for (reach, texts) in [
            (StatementEffect::Session, &["set search_path = a", "reset all"][..]),
            (
                StatementEffect::Catalog,
                &[
                    "create table t (as_of date)",
                    "create unlogged table t (x int)",
                    "create unique index i on t (x)",
                    "create or replace function f() returns int language sql as 'select 1'",
                    "create view v as select 1",
                    "create constraint trigger a after insert on t for each row execute function f()",
                    "alter table t add check (x > 0)",
                    "alter default privileges grant select on tables to a",
                    "drop materialized view v",
                    "comment on column t.x is 'y'",
                    "grant select on t to a",
                    "create materialized view v as select 1 with no data",
                ],
            ),
            (
                StatementEffect::Unmodeled,
                &[
                    "create publication p",
                    "create role a",
                    "alter system set a = 1",
                    "grant a to b",
                    "comment on role a is 'x'",
                    "vacuum t",
                    "analyze",
                    "drop owned by a",
                ],
            ),
            (
                StatementEffect::Rows,
                &[
                    "insert into t values (1)",
                    "with x as (select 1) select 1",
                    "truncate t",
                    "copy t from '/x'",
                    "call p()",
                    "do $$ $$",
                    "select f()",
                    "values (1)",
                    "refresh materialized view v",
                    "create materialized view v as select 1",
                    "create table t as select 1",
                    "create table t (a, b) as table u",
                    "create temp table t (x int)",
                    "alter table t alter x type int using x::int",
                    "alter sequence s restart with 7",
                ],
            ),
        ] {
            for text in texts {
                let statement = split(text).expect("splits")[0];
                assert_eq!(of(&Tokens::of(&statement, usize::MAX)), reach, "{text}");
            }
        }
    }
}
