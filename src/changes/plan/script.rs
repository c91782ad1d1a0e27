//! Examines a script before it is run: splits it into statements, determines what each needs, and refuses what a
//! migration must not contain (F40, F41).

use std::fmt::Write as _;
use std::path::Path;

use super::locks::{self, ExpectedLock};
use super::non_transactional::NonTransactional;
use super::refuse::{Refusal, refusal};
use super::statement_effect::{self, StatementEffect};
use super::tokens::Tokens;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Directives;
use crate::postgres::sql::{SplitError, SplitErrorKind, Statement, split};

/// A script that has been examined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Its statements, in order.
    pub statements: Vec<PlannedStatement>,
}

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStatement {
    /// The text, without its semicolon.
    pub text: String,
    /// The line of its first token, from 1.
    pub line: usize,
    /// Where it starts in the script, in bytes.
    pub offset: usize,
    /// Its first line, shortened.
    pub summary: String,
    /// Why it must run outside of a transaction; only in scripts marked `no-transaction`.
    pub outside: Option<NonTransactional>,
    /// The locks that it takes on relations that exist already.
    pub locks: Vec<ExpectedLock>,
    /// What kind of thing it changes.
    pub reach: StatementEffect,
}

impl PlannedStatement {
    /// Whether it may change rows, which a catalog does not show.
    pub fn is_data(&self) -> bool {
        self.reach == StatementEffect::Rows
    }

    /// The line of the script at a position in the statement; `position` counts characters from 1, as PostgreSQL
    /// does.
    pub fn line_of(&self, position: usize) -> usize {
        self.as_statement().line_of(position)
    }

    fn as_statement(&self) -> Statement<'_> {
        Statement { text: &self.text, line: self.line, offset: self.offset }
    }
}

/// The number of tokens of a statement that are examined: no DDL is longer, and of a statement with rows the
/// beginning suffices.
const HEAD: usize = 20_000;

impl Script {
    /// Examines a script. `path` names it in refusals.
    ///
    /// # Errors
    /// Exit 2 when it cannot be split (a string is not closed). Exit 4, with file, line and statement: psql commands;
    /// statements that would end the transaction or change the role or the lock of the run; statements that cannot
    /// run in a transaction block, in a script that is not marked `no-transaction`.
    pub fn examine(path: &Path, sql: &str, directives: &Directives) -> Result<Self, Failure> {
        let found = split(sql).map_err(|error| not_split(path, error))?;
        let mut statements = Vec::with_capacity(found.len());
        for statement in found {
            let head = Tokens::of(&statement, HEAD);
            if let Some(Refusal { why, next }) = refusal(&statement, &head) {
                return Err(refused(path, &statement, why, next));
            }
            let mut outside = NonTransactional::of(&head);
            match &outside {
                Some(found) if !directives.no_transaction => {
                    let why = format!("{} cannot run inside a transaction block", found.command());
                    let next =
                        "put it into a migration of its own, whose first line is: -- trueup: no-transaction";
                    return Err(refused(path, &statement, &why, next));
                }
                None if directives.no_transaction => outside = NonTransactional::unprovable(&head),
                _ => {}
            }
            statements.push(PlannedStatement {
                text: statement.text.to_owned(),
                line: statement.line,
                offset: statement.offset,
                summary: statement.summary(),
                outside,
                locks: locks::expected_locks(&statement),
                reach: statement_effect::of(&head),
            });
        }
        Ok(Self { statements })
    }

    /// Whether everything that it changes is visible in the catalog that trueup reads.
    pub fn is_ddl_alone(&self) -> bool {
        self.statements.iter().all(|statement| statement.reach <= StatementEffect::Catalog)
    }
}

fn refused(path: &Path, statement: &Statement<'_>, why: &str, next: &str) -> Failure {
    let mut what = format!("{}: line {}: {why}", path.display(), statement.line);
    let _ = write!(what, "\n  statement: {}", statement.summary());
    Failure::new(Exit::Refused, what).code(ErrorCode::MIGRATION_UNSUPPORTED).next(next)
}

/// A script that only psql understands is refused, as is a statement that a migration must not hold (exit 4). A string
/// that is not closed is a mistake in the file (exit 2).
fn not_split(path: &Path, error: SplitError) -> Failure {
    let for_psql = match error.kind {
        SplitErrorKind::PsqlCommand(_) | SplitErrorKind::CopyFromStdin => true,
        SplitErrorKind::Unterminated(_) => false,
    };
    let failure = error.in_file(path);
    if for_psql {
        Failure { exit: Exit::Refused, ..failure }
            .next("write it as SQL that the server understands: migrations do not run in psql")
    } else {
        failure
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn examine(sql: &str) -> Result<Script, Failure> {
        let path = Path::new("migrations/V3__x.sql");
        Script::examine(path, sql, &Directives::read(path, sql).expect("directives"))
    }

    #[test]
    fn f40_refusals_name_file_line_and_statement() {
        for (sql, words) in [
            ("select 1;\n\n commit;", ["V3__x.sql: line 3: a migration must not begin", "statement: commit"]),
            ("select 1;\n\\connect other\n", ["V3__x.sql: line 2: `\\connect`", "psql"]),
            ("copy t from stdin;\n1\n\\.\n", ["V3__x.sql: line 1: COPY ... FROM stdin", "psql"]),
            ("set role app", ["V3__x.sql: line 1:", "statement: set role app"]),
        ] {
            let failure = examine(sql).expect_err(sql);
            assert_eq!(failure.exit, Exit::Refused, "{sql}");
            assert!(words.iter().all(|word| failure.what.contains(word)), "{}", failure.what);
            assert!(!failure.next.is_empty());
        }
        let failure = examine("select 1;\nselect 'a").expect_err("never ends");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.contains("line 2"), "{}", failure.what);
    }

    #[test]
    fn f41_what_cannot_run_in_a_transaction_names_the_remedy() {
        for sql in ["create index concurrently i on t (x)", "VACUUM t", "reindex database d"] {
            let failure = examine(&format!("create table t (x int);\n{sql};")).expect_err(sql);
            assert_eq!(failure.exit, Exit::Refused);
            assert!(
                failure.what.contains("line 2") && failure.what.contains("cannot run inside"),
                "{failure}"
            );
            assert!(failure.next.contains("-- trueup: no-transaction"), "{}", failure.next);
            let script = examine(&format!("-- trueup: no-transaction\n{sql};\nanalyze t")).expect(sql);
            assert!(script.statements[0].outside.is_some() && script.statements[1].outside.is_none());
        }
    }

    #[test]
    fn calls_are_unprovable_outside_of_a_transaction_only() {
        let sql = "call p();\ndo $$ begin commit; end $$;\nselect 1";
        let inside = examine(sql).expect("examined");
        assert!(inside.statements.iter().all(|statement| statement.outside.is_none()));
        let outside = examine(&format!("-- trueup: no-transaction\n{sql}")).expect("examined");
        let found: Vec<_> = outside.statements.iter().map(|statement| statement.outside.clone()).collect();
        assert_eq!(
            found,
            [Some(NonTransactional::Unprovable("CALL")), Some(NonTransactional::Unprovable("DO")), None]
        );
    }

    #[test]
    fn statements_keep_their_places() {
        let script =
            examine("\u{feff}-- head\r\ncreate table t (x int);\r\nselect 'ü',\r\n nonsense").expect("ok");
        let last = &script.statements[1];
        assert_eq!((last.line, last.line_of(14), last.summary.as_str()), (3, 4, "select 'ü', ..."));
        assert!(last.is_data() && !script.is_ddl_alone());
    }

    fn fragment() -> impl Strategy<Value = String> {
        const WORDS: &str = "create alter drop table index concurrently on only t \"T\" . , ( ) = 'x' 1 add column \
            constraint foreign key references partition of attach detach set session local role with as insert into \
            update delete from comment is truncate lock in mode vacuum full reindex cluster select set_config ;";
        prop_oneof![
            8 => prop::sample::select(WORDS.split_ascii_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned),
            1 => "\\PC{0,8}",
        ]
    }

    proptest! {
        /// Whatever is written, it is examined or refused; what is kept is what was written.
        #[test]
        fn anything_is_examined_or_refused(fragments in prop::collection::vec(fragment(), 0..30), alone: bool) {
            let sql = fragments.join(" ");
            let directives = Directives { no_transaction: alone, ..Directives::default() };
            if let Ok(script) = Script::examine(Path::new("x.sql"), &sql, &directives) {
                for statement in script.statements {
                    prop_assert!(sql[statement.offset..].starts_with(&statement.text));
                    prop_assert!(alone || statement.outside.is_none());
                }
            }
        }
    }
}
