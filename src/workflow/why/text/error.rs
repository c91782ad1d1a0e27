//! Finds the error in a text: the last one that is a cause, and the objects that it names.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::super::kinds::{ErrorKind, KINDS};
use super::StatementMentions;
use super::pattern::{MESSAGES, Quotes};

/// What an error names. A name is as the error has it: one with a dot in it may be qualified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ErrorNames {
    /// The table, view or sequence, or an alias of one.
    pub(crate) table: Option<String>,
    /// The column.
    pub(crate) column: Option<String>,
    /// The constraint or index.
    pub(crate) constraint: Option<String>,
    /// The type.
    pub(crate) type_name: Option<String>,
    /// The function.
    pub(crate) function: Option<String>,
    /// The types of its arguments, or of an operator's sides.
    pub(crate) arguments: Option<String>,
    /// The schema.
    pub(crate) schema: Option<String>,
    /// The role.
    pub(crate) role: Option<String>,
    /// The database.
    pub(crate) database: Option<String>,
    /// The extension.
    pub(crate) extension: Option<String>,
    /// The kind of object that the error is about: `table`, `sequence`, `type`.
    pub(crate) what: Option<String>,
    /// The kind of object that only its owner may change.
    pub(crate) owned: Option<String>,
    /// The class of the application that maps a table.
    pub(crate) class: Option<String>,
    /// A value that was sent: it is compared, and never shown unless it is a name of the schema.
    pub(crate) value: Option<String>,
}

/// An error that was found in a text.
#[derive(Debug, Clone)]
pub(crate) struct ReadError {
    /// What kind of error it is.
    pub(crate) kind: &'static ErrorKind,
    /// The error's own sentence, without values.
    pub(crate) message: String,
    /// What it names.
    pub(crate) names: ErrorNames,
    /// What the text around it mentions.
    pub(crate) mentions: StatementMentions,
    /// How many other errors are in the text.
    pub(crate) others: usize,
    /// Whether only an SQLSTATE was understood, and no message.
    pub(crate) by_code: bool,
}

/// The rows that DETAIL shows. Their values may be anything, the text of another error too.
static ROWS: LazyLock<Regex> = LazyLock::new(|| {
    let row = r"(?s)(?:ailing row contains |Key \([^\n]{0,500}?\)=)\(.*?\)(?:\.|\n|$| already exists| is not present| is still| conflicts)";
    Regex::new(row).expect("a pattern of this file")
});

/// An SQLSTATE as drivers write it beside a message, or in the place of one.
static SQLSTATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:sqlstate[\s:=\[]*|"?\bcode"?\s*[:=]\s*['"]?|\berror:\s+)(?P<code>[0-9A-Z]{5})\b"#)
        .expect("a pattern of this file")
});

/// The longest name that is taken for one, in bytes: two names of PostgreSQL with quotes and a dot, and types of arguments.
const LONGEST_NAME: usize = 500;

/// The places where an error may stand, and how it is told from one inside of it: the later end wins, then the longer text.
type Rank = (bool, usize, usize);

impl ReadError {
    /// The last error of a text that is a cause: what only follows from an error before it counts where nothing else is
    /// there. `None` where no error is understood.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let text = &*without_rows(text);
        Self::by_message(text, Quotes::Written)
            .or_else(|| Self::by_message(text, Quotes::Lost))
            .or_else(|| Self::by_code(text))
    }

    fn by_message(text: &str, quotes: Quotes) -> Option<Self> {
        let mut best: Option<(Rank, &'static ErrorKind, Captures<'_>)> = None;
        let mut starts: Vec<(usize, &'static str)> = Vec::new();
        let possible =
            MESSAGES.iter().filter_map(|message| Some((message.kind, message.for_text(text, quotes)?)));
        for (kind, pattern) in possible {
            for found in pattern.captures_iter(text) {
                let Some(whole) = found.get(0) else { continue };
                starts.push((whole.end(), kind.condition));
                let rank = (!kind.follows, whole.end(), usize::MAX - whole.start());
                if best.as_ref().is_none_or(|(known, ..)| rank > *known) {
                    best = Some((rank, kind, found));
                }
            }
        }
        let (_, kind, found) = best?;
        let whole = found.get(0)?;
        // What ends where this one does is a part of it.
        starts.retain(|(end, _)| *end != whole.end());
        let mut others: Vec<&str> = starts.iter().map(|(_, condition)| *condition).collect();
        others.retain(|condition| *condition != kind.condition);
        others.sort_unstable();
        others.dedup();
        Some(Self {
            kind,
            message: without_value(&found),
            names: names(&found),
            mentions: StatementMentions::around(text, whole.start(), whole.end()),
            others: others.len(),
            by_code: false,
        })
    }

    /// By an SQLSTATE alone: the message is in another language, or the driver cut it.
    fn by_code(text: &str) -> Option<Self> {
        let known = |found: &Captures<'_>| {
            let code = found["code"].to_ascii_uppercase();
            KINDS.iter().copied().find(|kind| kind.sqlstate == code)
        };
        let codes = SQLSTATE.captures_iter(text).filter_map(|found| Some((known(&found)?, found)));
        let (kind, found) = codes.last()?;
        let place = found.get(0)?;
        Some(Self {
            kind,
            message: format!("SQLSTATE {}", kind.sqlstate),
            names: ErrorNames::default(),
            mentions: StatementMentions::around(text, place.start(), place.end()),
            others: 0,
            by_code: true,
        })
    }
}

fn names(found: &Captures<'_>) -> ErrorNames {
    let name = |group: &str| {
        let text = found.name(group)?.as_str().trim();
        (!text.is_empty() && text.len() <= LONGEST_NAME).then(|| text.to_owned())
    };
    let mut names = ErrorNames {
        table: name("table"),
        column: name("column"),
        constraint: name("constraint"),
        type_name: name("type_name"),
        function: name("function"),
        arguments: name("arguments"),
        schema: name("schema"),
        role: name("role"),
        database: name("database"),
        extension: name("extension"),
        what: name("what"),
        owned: name("owned"),
        class: name("class"),
        value: name("value"),
    };
    // `column u.locale does not exist`: the server writes both as one, without quotes.
    if let Some(path) = name("path") {
        match path.rsplit_once('.') {
            Some((table, column)) => {
                (names.table, names.column) = (Some(table.to_owned()), Some(column.to_owned()))
            }
            None => names.column = Some(path),
        }
    }
    names
}

/// The text with dots in the place of the rows that it shows.
fn without_rows(text: &str) -> Cow<'_, str> {
    ROWS.replace_all(text, "(...).")
}

/// The sentence as it stands, with dots in the place of a value.
fn without_value(found: &Captures<'_>) -> String {
    let Some(whole) = found.get(0) else { return String::new() };
    let text = match found.name("value") {
        Some(value) => {
            let (start, end) = (value.start() - whole.start(), value.end() - whole.start());
            format!("{}...{}", &whole.as_str()[..start], &whole.as_str()[end..])
        }
        None => whole.as_str().to_owned(),
    };
    crate::text::one_line(&text, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> ReadError {
        ReadError::find(&super::super::clean(text.as_bytes()))
            .unwrap_or_else(|| panic!("not understood: {text}"))
    }

    /// What a driver printed, by the name of the condition.
    fn sections(recorded: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
        recorded.split("=== ").skip(1).map(|section| section.split_once('\n').unwrap())
    }

    const DRIVERS: [&str; 10] = [
        include_str!("../../../../tests/fixtures/why/asyncpg-0.32.0.txt"),
        include_str!("../../../../tests/fixtures/why/django-5.2.19.txt"),
        include_str!("../../../../tests/fixtures/why/node-postgres-8.23.1.txt"),
        include_str!("../../../../tests/fixtures/why/pgjdbc-42.7.4.txt"),
        include_str!("../../../../tests/fixtures/why/pgx-5.13.0.txt"),
        include_str!("../../../../tests/fixtures/why/postgresql-15.18-log.txt"),
        include_str!("../../../../tests/fixtures/why/psycopg-3.3.9.txt"),
        include_str!("../../../../tests/fixtures/why/psycopg2-2.9.13.txt"),
        include_str!("../../../../tests/fixtures/why/rails-6.1.7.txt"),
        include_str!("../../../../tests/fixtures/why/sqlalchemy-2.1.9.txt"),
    ];

    #[test]
    fn what_every_driver_prints_is_understood_and_no_value_is_kept() {
        let mut count = 0;
        for (condition, text) in DRIVERS.iter().flat_map(|recorded| sections(recorded)) {
            let error = found(text);
            let expected = match condition.trim_end_matches("_json").trim_end_matches("_code") {
                "cached_plan" => "feature_not_supported",
                other => other,
            };
            assert_eq!(error.kind.condition, expected, "{text}");
            assert!(!error.message.contains("canary"), "{}", error.message);
            let names = &error.names;
            let named = match expected {
                "undefined_column" => names.column.as_deref() == Some("locale"),
                "undefined_table" => names.table.as_deref() == Some("invoices"),
                "not_null_violation" => {
                    (names.table.as_deref(), names.column.as_deref())
                        == (Some("users"), Some("password_hash"))
                }
                "unique_violation" => names.constraint.as_deref() == Some("users_email_key"),
                "foreign_key_violation" => {
                    (names.table.as_deref(), names.constraint.as_deref())
                        == (Some("orders"), Some("orders_user_id_fkey"))
                }
                "check_violation" => names.constraint.as_deref() == Some("users_age_check"),
                "insufficient_privilege" => names.table.as_deref() == Some("secrets"),
                "invalid_text_representation" => names.type_name.as_deref() == Some("mood"),
                "undefined_function" => names.function.as_deref() == Some("uuid_generate_v4"),
                "no_attribute" => {
                    (names.class.as_deref(), names.column.as_deref()) == (Some("User"), Some("username"))
                }
                _ => true,
            };
            assert!(named, "{condition}: {names:?}\n{text}");
            count += 1;
        }
        assert!(count > 120, "{count}");
    }

    #[test]
    fn texts_that_drivers_add_of_their_own_are_understood() {
        let cases = [
            ("The column `users.locale` does not exist in the current database.", "undefined_column"),
            (
                "Invalid `prisma.user.findMany()` invocation:\n\n\nThe table `public.invoices` does not exist in the current database.",
                "undefined_table",
            ),
            ("Unique constraint failed on the fields: (`email`)", "unique_violation"),
            (
                "Foreign key constraint violated on the constraint: `orders_user_id_fkey`",
                "foreign_key_violation",
            ),
            ("Null constraint violation on the fields: (`password_hash`)", "not_null_violation"),
            ("Timed out fetching a new connection from the connection pool.", "pool_exhausted"),
            ("ActiveModel::UnknownAttributeError (unknown attribute 'username' for User.)", "no_attribute"),
            ("undefined method `username' for #<User id: 1, email: \"a@b\">", "no_attribute"),
            ("undefined method 'username' for an instance of User", "no_attribute"),
            ("AttributeError: type object 'User' has no attribute 'username'", "no_attribute"),
            ("FATAL:  password authentication failed for user \"app\"", "invalid_password"),
            (
                "FATAL: no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", database \"shop\", no encryption",
                "invalid_authorization_specification",
            ),
            ("FATAL:  role \"app\" does not exist", "invalid_authorization_specification"),
            ("FATAL:  database \"shop\" does not exist", "invalid_catalog_name"),
            ("ERROR: schema \"billing\" does not exist", "invalid_schema_name"),
            ("ERROR: type \"geometry\" does not exist", "undefined_object"),
            ("ERROR:  relation \"users\" already exists", "duplicate_table"),
            ("ERROR:  column \"age\" of relation \"users\" already exists", "duplicate_column"),
            ("ERROR: column \"age\" is of type integer but expression is of type text", "datatype_mismatch"),
            (
                "ERROR: there is no unique or exclusion constraint matching the ON CONFLICT specification",
                "invalid_column_reference",
            ),
            ("ERROR: operator does not exist: text = integer", "undefined_function"),
            ("ERROR: prepared statement \"S_1\" already exists", "duplicate_prepared_statement"),
            (
                "ERROR: deadlock detected\nDETAIL: Process 12 waits for ShareLock on transaction 7; blocked by process 13.",
                "deadlock_detected",
            ),
            ("ERROR: could not serialize access due to concurrent update", "serialization_failure"),
            ("Error: connect ECONNREFUSED 127.0.0.1:5432", "connection_failure"),
            (
                "SQLSTATE[42P01]: Undefined table: 7 FEHLER: Relation »users« existiert nicht",
                "undefined_table",
            ),
            (
                "ERROR: new row violates row-level security policy for table \"users\"",
                "insufficient_privilege",
            ),
            ("ERROR: must be owner of table users", "insufficient_privilege"),
            ("ERROR: invalid input syntax for type uuid: \"secret\"", "invalid_text_representation"),
        ];
        for (text, condition) in cases {
            assert_eq!(found(text).kind.condition, condition, "{text}");
        }
    }

    #[test]
    fn a_longer_sentence_is_not_taken_for_the_one_inside_of_it() {
        let error = found("ERROR: column \"locale\" of relation \"users\" does not exist");
        assert_eq!(error.kind.condition, "undefined_column");
        assert_eq!(
            (error.names.table.as_deref(), error.names.column.as_deref()),
            (Some("users"), Some("locale"))
        );
        let error = found("ERROR: constraint \"c\" of relation \"users\" does not exist");
        assert_eq!((error.kind.condition, error.names.table.as_deref()), ("undefined_object", Some("users")));
    }

    #[test]
    fn the_last_error_that_is_a_cause_counts() {
        let log = "ERROR: relation \"a\" does not exist\nERROR: column b.c does not exist\n\
             ERROR: current transaction is aborted, commands ignored until end of transaction block\n\
             ERROR: current transaction is aborted, commands ignored until end of transaction block\n\
             OperationalError: server closed the connection unexpectedly";
        let error = found(log);
        assert_eq!((error.kind.condition, error.others), ("undefined_column", 3));
        let alone = found(
            "InternalError: current transaction is aborted, commands ignored until end of transaction block",
        );
        assert_eq!(alone.kind.condition, "in_failed_sql_transaction");
    }

    #[test]
    fn names_are_read_as_they_are() {
        let table = |text: &str| found(text).names.table;
        assert_eq!(table("relation \"app.Users\" does not exist").as_deref(), Some("app.Users"));
        assert_eq!(table("relation \"naïve table\" does not exist").as_deref(), Some("naïve table"));
        let json = r#"{"level":"error","msg":"pq: relation \"users\" does not exist","sql":"SELECT * FROM users u"}"#;
        assert_eq!(table(json).as_deref(), Some("users"));
        let error = found("column u1_0.userName does not exist\r\nfrom app.users u1_0 where 1=1\r\n");
        assert_eq!(error.names.column.as_deref(), Some("userName"));
        assert_eq!(error.mentions.meant_by("u1_0").unwrap().table, "users");
        let privilege = found("ERROR: permission denied for table users (SQLSTATE 42501)");
        assert_eq!(privilege.names.table.as_deref(), Some("users"));
    }

    #[test]
    fn no_value_is_kept() {
        for text in [
            "invalid input value for enum mood: \"hunter2\"",
            "duplicate key value violates unique constraint \"k\"\nDETAIL: Key (email)=(hunter2) already exists.",
            "null value in column \"a\" of relation \"b\" violates not-null constraint\nDETAIL: Failing row contains (hunter2).",
            "invalid input syntax for type integer: \"hunter2\"",
            "postgres://app:hunter2@db/x: FATAL: password authentication failed for user \"app\"",
        ] {
            assert!(!found(text).message.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn an_error_inside_of_a_value_is_not_the_error() {
        for detail in [
            "Failing row contains (1, relation \"canary\" does not exist).",
            "Failing row contains (1, two\nlines, relation \"canary\" does not exist).",
            "Key (message)=(relation \"canary\" does not exist) already exists.",
        ] {
            let text = format!(
                "ERROR:  new row for relation \"logs\" violates check constraint \"c\"\nDETAIL:  {detail}\n\
                 STATEMENT:  INSERT INTO logs VALUES ($1)"
            );
            let error = found(&text);
            assert_eq!((error.kind.condition, error.others), ("check_violation", 0), "{text}");
            assert_eq!(error.mentions.privilege, Some("INSERT"), "{text}");
        }
    }

    #[test]
    fn names_are_read_in_whatever_a_shell_has_left_of_their_quotes() {
        for text in [
            "relation 'users' does not exist",
            "relation users does not exist",
            "ERROR: relation \u{ab}users\u{bb} does not exist",
            "relation &quot;users&quot; does not exist",
            "relation &#x27;users&#x27; does not exist",
            // csvlog.
            "2026-12-01 UTC,\"app\",\"db\",ERROR,42P01,\"relation \"\"users\"\" does not exist\",,,,,,\"select 1\",15,,\"psql\"",
        ] {
            assert_eq!(found(text).names.table.as_deref(), Some("users"), "{text}");
        }
        let error = found("duplicate key value violates unique constraint 'users_pkey'");
        assert_eq!(error.names.constraint.as_deref(), Some("users_pkey"));
        // What is written as it should be counts before what is not.
        let error =
            found("ERROR: relation \"users\" does not exist\nthen: relation of ours does not exist, sorry");
        assert_eq!(error.names.table.as_deref(), Some("users"));
        assert!(ReadError::find("the relation does not exist").is_none());
    }

    #[test]
    fn a_value_may_be_empty_or_have_line_ends() {
        for value in ["", "can\nary", "canary"] {
            let error = found(&format!("ERROR: invalid input value for enum mood: \"{value}\""));
            assert_eq!(error.names.type_name.as_deref(), Some("mood"));
            assert!(!error.message.contains("ary"), "{}", error.message);
        }
    }

    #[test]
    fn what_is_no_error_is_not_understood() {
        for text in ["", "all is well", "\u{0}\u{1}\u{2}", "KeyError: 'username'", "ERROR: out of coffee"] {
            assert!(ReadError::find(&super::super::clean(text.as_bytes())).is_none(), "{text}");
        }
    }
}
