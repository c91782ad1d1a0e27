//! The script of a step: its statements, with what each needs and locks.

use std::path::Path;

use super::locks::{self, ExpectedLock};
use crate::error::Failure;
use crate::migrations::Directives;
use crate::migrations::script::{Examination, ExaminedStatement, NonTransactional, StatementEffect};
use crate::postgres::sql::{Position, Statement};

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
    /// The column that it begins in, in characters from 1.
    pub column: usize,
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
    fn of(examined: ExaminedStatement<'_>) -> Self {
        let ExaminedStatement { statement, outside, effect } = examined;
        Self {
            text: statement.text.to_owned(),
            line: statement.line,
            column: statement.column,
            offset: statement.offset,
            summary: statement.summary(),
            outside,
            locks: locks::expected_locks(&statement),
            reach: effect,
        }
    }

    /// Whether it may change rows, which a catalog does not show.
    pub fn is_data(&self) -> bool {
        self.reach == StatementEffect::Rows
    }

    /// The line and the column of the script at a position in the statement, which counts characters from 1, as PostgreSQL
    /// does; without one, where it begins.
    pub fn place_of(&self, position: Option<usize>) -> Position {
        let statement = self.as_statement();
        position.map_or_else(|| statement.position(), |position| statement.place_of(position))
    }

    /// The statement itself.
    pub(crate) fn as_statement(&self) -> Statement<'_> {
        Statement { text: &self.text, line: self.line, column: self.column, offset: self.offset }
    }
}

impl Script {
    /// Examines a script. `path` names it in refusals.
    ///
    /// # Errors
    /// See [`Examination::refused`]: all of them as one.
    pub fn examine(path: &Path, sql: &str, directives: &Directives) -> Result<Self, Failure> {
        let Examination { statements, refused, .. } = Examination::of(path, sql, directives);
        let mut refused = refused.into_iter();
        if let Some(first) = refused.next() {
            return Err(first.and(refused));
        }
        Ok(Self { statements: statements.into_iter().map(PlannedStatement::of).collect() })
    }

    /// Whether everything that it changes is visible in the catalog that trueup reads.
    pub fn is_ddl_alone(&self) -> bool {
        self.statements.iter().all(|statement| statement.reach <= StatementEffect::Catalog)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Exit;

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
        assert_eq!(
            (last.line, last.place_of(Some(14)).line, last.summary.as_str()),
            (3, 4, "select 'ü', ...")
        );
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
