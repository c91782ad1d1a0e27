//! Recognises the statements that PostgreSQL only runs outside of transaction blocks (`PreventInTransactionBlock` in
//! its source; each command's page in the manual, "Notes").
//!
//! The effects of such a statement are not rolled back: so it is described in the detail that is needed to check its
//! result in the catalog.

use smol_str::SmolStr;

use super::tokens::{Tokens, WrittenName};

/// A statement that only runs outside of a transaction, or that must run there because it may end one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NonTransactional {
    /// `CREATE INDEX CONCURRENTLY`: done when the index is there, valid, and as the statement says.
    CreateIndex {
        /// `UNIQUE`.
        unique: bool,
        /// `IF NOT EXISTS`, which is content with an index of another definition and with an invalid one.
        if_not_exists: bool,
        /// Its name, in the table's schema; the server chooses one where there is none.
        name: Option<SmolStr>,
        /// The table.
        table: WrittenName,
    },
    /// `DROP INDEX CONCURRENTLY`: done when there is no such index.
    DropIndex {
        /// The index; PostgreSQL takes one only.
        index: WrittenName,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `REINDEX CONCURRENTLY`, or REINDEX of more than one table. Running it again does no harm.
    Reindex {
        /// `index`, `table`, `schema`, `database` or `system`.
        what: &'static str,
        /// Its name; `DATABASE` and `SYSTEM` need none.
        name: Option<WrittenName>,
        /// `CONCURRENTLY`: interrupted, it leaves invalid indexes with names that end in `_ccnew` or `_ccold`.
        concurrently: bool,
    },
    /// `ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY`: done when the table is no partition any more;
    /// interrupted, the partition is pending detach, and `FINALIZE` completes it.
    DetachPartition {
        /// The partitioned table.
        table: WrittenName,
        /// The partition.
        partition: WrittenName,
    },
    /// `VACUUM`: the catalog does not show whether it was done; running it again does no harm.
    Vacuum,
    /// Another statement that cannot run in a transaction block: its command.
    Other(&'static str),
    /// `CALL` and `DO` in files marked `no-transaction`: they may end transactions, and nothing shows how far they
    /// got.
    Unprovable(&'static str),
}

impl NonTransactional {
    /// The name of the command, for messages.
    pub fn command(&self) -> &'static str {
        match self {
            Self::CreateIndex { .. } => "CREATE INDEX CONCURRENTLY",
            Self::DropIndex { .. } => "DROP INDEX CONCURRENTLY",
            Self::Reindex { concurrently: true, .. } => "REINDEX CONCURRENTLY",
            Self::Reindex { what: "schema", .. } => "REINDEX SCHEMA",
            Self::Reindex { what: "system", .. } => "REINDEX SYSTEM",
            Self::Reindex { .. } => "REINDEX DATABASE",
            Self::DetachPartition { .. } => "DETACH PARTITION CONCURRENTLY",
            Self::Vacuum => "VACUUM",
            Self::Other(command) | Self::Unprovable(command) => command,
        }
    }

    /// Recognises a statement that cannot run in a transaction block.
    pub(super) fn of(tokens: &Tokens<'_>) -> Option<Self> {
        let mut tokens = tokens.clone();
        let verb = tokens.take_one(&["create", "drop", "alter", "reindex", "vacuum", "cluster"])?;
        match verb {
            "create" => create(tokens),
            "drop" => drop(tokens),
            "alter" => alter(tokens),
            "reindex" => reindex(tokens),
            "vacuum" => Some(Self::Vacuum),
            _ => cluster(tokens),
        }
    }

    /// Recognises a statement that may end transactions of its own.
    pub(super) fn unprovable(tokens: &Tokens<'_>) -> Option<Self> {
        match tokens.word() {
            "call" => Some(Self::Unprovable("CALL")),
            "do" => Some(Self::Unprovable("DO")),
            _ => None,
        }
    }
}

fn create(mut tokens: Tokens<'_>) -> Option<NonTransactional> {
    let unique = tokens.take(&["unique"]);
    match tokens.word() {
        "index" => {
            tokens.advance();
            if !tokens.take(&["concurrently"]) {
                return None;
            }
            let if_not_exists = tokens.take(&["if", "not", "exists"]);
            let name = if tokens.word() == "on" { None } else { tokens.take_name().map(|name| name.name) };
            tokens.take(&["on"]);
            tokens.take(&["only"]);
            Some(NonTransactional::CreateIndex { unique, if_not_exists, name, table: tokens.take_name()? })
        }
        "database" => Some(NonTransactional::Other("CREATE DATABASE")),
        "tablespace" => Some(NonTransactional::Other("CREATE TABLESPACE")),
        "subscription" => {
            let options = tokens.skip_past("with").then(|| tokens.take_parentheses()).flatten();
            let alone =
                options.is_some_and(|list| list.lacks_option("connect") || list.lacks_option("create_slot"));
            (!alone).then_some(NonTransactional::Other("CREATE SUBSCRIPTION"))
        }
        _ => None,
    }
}

fn drop(mut tokens: Tokens<'_>) -> Option<NonTransactional> {
    match tokens.take_one(&["index", "database", "tablespace", "subscription"])? {
        "index" => {
            if !tokens.take(&["concurrently"]) {
                return None;
            }
            let if_exists = tokens.take(&["if", "exists"]);
            Some(NonTransactional::DropIndex { index: tokens.take_name()?, if_exists })
        }
        "database" => Some(NonTransactional::Other("DROP DATABASE")),
        "tablespace" => Some(NonTransactional::Other("DROP TABLESPACE")),
        _ => Some(NonTransactional::Other("DROP SUBSCRIPTION")),
    }
}

fn alter(mut tokens: Tokens<'_>) -> Option<NonTransactional> {
    match tokens.take_one(&["system", "database", "subscription", "table"])? {
        "system" => Some(NonTransactional::Other("ALTER SYSTEM")),
        "database" => {
            tokens.take_name()?;
            tokens
                .take(&["set", "tablespace"])
                .then_some(NonTransactional::Other("ALTER DATABASE SET TABLESPACE"))
        }
        "subscription" => {
            tokens.take_name()?;
            let publications = matches!(tokens.word(), "set" | "add" | "drop") && {
                tokens.advance();
                tokens.word() == "publication"
            };
            let refresh = tokens.word() == "refresh";
            let options = tokens.skip_past("with").then(|| tokens.take_parentheses()).flatten();
            let quiet = options.is_some_and(|list| list.lacks_option("refresh"));
            (refresh || publications && !quiet)
                .then_some(NonTransactional::Other("ALTER SUBSCRIPTION ... REFRESH PUBLICATION"))
        }
        _ => {
            tokens.take(&["if", "exists"]);
            tokens.take(&["only"]);
            let table = tokens.take_name()?;
            tokens.take_sign("*");
            if !tokens.take(&["detach", "partition"]) {
                return None;
            }
            let partition = tokens.take_name()?;
            tokens.take(&["concurrently"]).then_some(NonTransactional::DetachPartition { table, partition })
        }
    }
}

fn reindex(mut tokens: Tokens<'_>) -> Option<NonTransactional> {
    let in_options = tokens.take_parentheses().is_some_and(|options| options.has_option("concurrently"));
    let what = tokens.take_one(&["index", "table", "schema", "database", "system"])?;
    let concurrently = tokens.take(&["concurrently"]) || in_options;
    let many = matches!(what, "schema" | "database" | "system");
    let name = tokens.take_name();
    (concurrently || many).then_some(NonTransactional::Reindex { what, name, concurrently })
}

/// Without a table it clusters all tables that were clustered before.
fn cluster(mut tokens: Tokens<'_>) -> Option<NonTransactional> {
    tokens.take_parentheses();
    tokens.take(&["verbose"]);
    tokens.is_at_end().then_some(NonTransactional::Other("CLUSTER of all tables"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn outside(text: &str) -> Option<NonTransactional> {
        NonTransactional::of(&Tokens::of(&split(text).expect("splits")[0], usize::MAX))
    }

    fn written(schema: Option<&str>, name: &str) -> WrittenName {
        WrittenName { schema: schema.map(Into::into), name: name.into() }
    }

    #[test]
    fn what_the_catalog_can_be_asked_about() {
        let index = |unique, if_not_exists, name: Option<&str>, table| NonTransactional::CreateIndex {
            unique,
            if_not_exists,
            name: name.map(Into::into),
            table,
        };
        for (text, expected) in [
            (
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"I\" ON ONLY a.t (x)",
                index(true, true, Some("I"), written(Some("a"), "t")),
            ),
            ("create index concurrently on T using gin (x)", index(false, false, None, written(None, "t"))),
            (
                "drop index concurrently if exists a.i",
                NonTransactional::DropIndex { index: written(Some("a"), "i"), if_exists: true },
            ),
            (
                "reindex (verbose, concurrently) table t",
                NonTransactional::Reindex {
                    what: "table",
                    name: Some(written(None, "t")),
                    concurrently: true,
                },
            ),
            (
                "reindex index concurrently i",
                NonTransactional::Reindex {
                    what: "index",
                    name: Some(written(None, "i")),
                    concurrently: true,
                },
            ),
            (
                "reindex schema s",
                NonTransactional::Reindex {
                    what: "schema",
                    name: Some(written(None, "s")),
                    concurrently: false,
                },
            ),
            ("reindex system", NonTransactional::Reindex { what: "system", name: None, concurrently: false }),
            (
                "alter table if exists m detach partition m_1 concurrently",
                NonTransactional::DetachPartition {
                    table: written(None, "m"),
                    partition: written(None, "m_1"),
                },
            ),
            ("vacuum (analyze) t", NonTransactional::Vacuum),
            ("cluster", NonTransactional::Other("CLUSTER of all tables")),
            ("cluster (verbose)", NonTransactional::Other("CLUSTER of all tables")),
            ("alter system set work_mem = '1GB'", NonTransactional::Other("ALTER SYSTEM")),
            ("alter database d set tablespace t", NonTransactional::Other("ALTER DATABASE SET TABLESPACE")),
            (
                "create subscription s connection 'x' publication p with (enabled = false)",
                NonTransactional::Other("CREATE SUBSCRIPTION"),
            ),
            (
                "alter subscription s refresh publication",
                NonTransactional::Other("ALTER SUBSCRIPTION ... REFRESH PUBLICATION"),
            ),
        ] {
            assert_eq!(outside(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_a_transaction_can_hold() {
        for text in [
            "create index concurrently_i on t (x)",
            "create index \"concurrently\" on t (x)",
            "drop index i",
            "reindex table t",
            "reindex (concurrently false) table t",
            "alter table m detach partition m_1",
            "alter table m detach partition m_1 finalize",
            "alter database d set work_mem = '1MB'",
            "cluster t using i",
            "analyze t",
            "create subscription s connection 'x' publication p with (connect = false)",
            "alter subscription s set publication p with (refresh = false)",
            "alter subscription s disable",
            "comment on index i is 'create index concurrently'",
        ] {
            assert_eq!(outside(text), None, "{text}");
        }
    }
}
