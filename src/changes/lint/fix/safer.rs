//! A statement that makes others wait, and statements that come to the same and do not.

use std::ops::Range;

use crate::postgres::sql::{LONGEST_NAME, Part, Statement, identifier};

/// What to write in the place of one statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Safer {
    /// An index that is built CONCURRENTLY.
    Concurrently {
        /// The statement.
        sql: String,
        /// The index, or its table where it has no name.
        name: String,
    },
    /// A constraint that is added for new rows first.
    NotValid {
        /// The statement in its place.
        sql: String,
        /// What checks the rows that are there.
        validate: String,
        /// The constraint.
        name: String,
    },
    /// A column that is proved to have no NULL before it is declared so.
    NotNull {
        /// The statement in its place.
        sql: String,
        /// What checks the rows that are there.
        validate: String,
        /// What follows when they are checked.
        set: String,
        /// The column, with its table.
        name: String,
    },
    /// A unique constraint that takes over an index.
    UsingIndex {
        /// What builds the index.
        build: String,
        /// What makes it a constraint.
        add: String,
        /// The constraint.
        name: String,
    },
}

impl Safer {
    /// Reads a statement; `None` where nothing is known that comes to the same.
    pub(super) fn of(statement: &Statement<'_>) -> Option<Self> {
        let tokens =
            StatementParts { text: statement.text, parts: statement.placed_parts().collect::<Vec<_>>() };
        match () {
            () if tokens.is(0, "create") => tokens.create_index(),
            () if tokens.is(0, "alter") && tokens.is(1, "table") => tokens.alter_table(),
            () => None,
        }
    }
}

struct StatementParts<'s> {
    text: &'s str,
    parts: Vec<(Range<usize>, Part<'s>)>,
}

impl StatementParts<'_> {
    fn is(&self, at: usize, word: &str) -> bool {
        self.parts.get(at).is_some_and(|(_, part)| part.is(word))
    }

    fn is_sign(&self, at: usize, sign: &str) -> bool {
        self.parts.get(at).is_some_and(|(_, part)| *part == Part::Other(sign))
    }

    fn name(&self, at: usize) -> Option<String> {
        self.parts.get(at)?.1.name().map(str::to_owned)
    }

    /// The text of these tokens.
    fn text(&self, tokens: Range<usize>) -> Option<&str> {
        let (first, last) = (self.parts.get(tokens.start)?, self.parts.get(tokens.end.checked_sub(1)?)?);
        self.text.get(first.0.start..last.0.end)
    }

    /// `CREATE [UNIQUE] INDEX [[IF NOT EXISTS] name] ON table ...`
    fn create_index(&self) -> Option<Safer> {
        let index = if self.is(1, "unique") { 2 } else { 1 };
        if !self.is(index, "index") || self.is(index + 1, "concurrently") {
            return None;
        }
        let named = if self.is(index + 1, "if") { index + 4 } else { index + 1 };
        let on = self.parts.iter().position(|(_, part)| part.is("on"))?;
        // A part of a partitioned table's index.
        if self.is(on + 1, "only") {
            return None;
        }
        let (name, _) = match named < on {
            true => (self.name(named)?, named),
            false => self.table(on + 1)?,
        };
        let behind = self.parts[index].0.end;
        let sql = format!("{} CONCURRENTLY{}", &self.text[..behind], &self.text[behind..]);
        Some(Safer::Concurrently { sql, name })
    }

    /// The last part of a table's name that begins here, and the token behind it.
    fn table(&self, at: usize) -> Option<(String, usize)> {
        match self.is_sign(at + 1, ".") {
            true => Some((self.name(at + 2)?, at + 3)),
            false => Some((self.name(at)?, at + 1)),
        }
    }

    /// `ALTER TABLE name` with one action.
    fn alter_table(&self) -> Option<Safer> {
        if self.is(2, "only") || self.is(2, "if") {
            return None;
        }
        let (table_name, action) = self.table(2)?;
        let table = self.text(2..action)?;
        if self.is_sign(action, "*") || self.has_several_actions(action) {
            return None;
        }
        if self.is(action, "add") && self.is(action + 1, "constraint") {
            return self.add_constraint(table, action + 2);
        }
        let column = if self.is(action + 1, "column") { action + 2 } else { action + 1 };
        let sets = ["set", "not", "null"];
        let sets = sets.iter().enumerate().all(|(place, word)| self.is(column + 1 + place, word));
        if !self.is(action, "alter") || !sets || self.parts.len() != column + 4 {
            return None;
        }
        let name = format!("{table_name}_{}", self.name(column)?);
        let written = self.text(column..column + 1)?;
        let check = format!("{}_is_set", &name[..name.floor_char_boundary(LONGEST_NAME - "_is_set".len())]);
        let check = identifier(&check);
        Some(Safer::NotNull {
            sql: format!(
                "ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({written} IS NOT NULL) NOT VALID"
            ),
            validate: format!("ALTER TABLE {table} VALIDATE CONSTRAINT {check};"),
            set: format!(
                "ALTER TABLE {table} ALTER COLUMN {written} SET NOT NULL;\nALTER TABLE {table} DROP CONSTRAINT {check};"
            ),
            name,
        })
    }

    /// What follows `ADD CONSTRAINT`.
    fn add_constraint(&self, table: &str, at: usize) -> Option<Safer> {
        let (name, written) = (self.name(at)?, self.text(at..at + 1)?);
        let end = self.parts.len();
        let is_valid = !(self.is(end.checked_sub(2)?, "not") && self.is(end - 1, "valid"));
        let is_enforced = !self.parts.iter().any(|(_, part)| part.is("enforced"));
        if (self.is(at + 1, "check") || self.is(at + 1, "foreign")) && is_valid && is_enforced {
            return Some(Safer::NotValid {
                sql: format!("{} NOT VALID", self.text),
                validate: format!("ALTER TABLE {table} VALIDATE CONSTRAINT {written};"),
                name,
            });
        }
        // Its columns, and nothing behind them.
        let closes = self.parts.iter().position(|(_, part)| *part == Part::Other(")"));
        if !self.is(at + 1, "unique") || !self.is_sign(at + 2, "(") || closes != end.checked_sub(1) {
            return None;
        }
        let columns = self.text(at + 2..end)?;
        Some(Safer::UsingIndex {
            build: format!("CREATE UNIQUE INDEX CONCURRENTLY {written} ON {table} {columns};"),
            add: format!("ALTER TABLE {table} ADD CONSTRAINT {written} UNIQUE USING INDEX {written};"),
            name,
        })
    }

    fn has_several_actions(&self, from: usize) -> bool {
        let mut depth = 0_usize;
        self.parts.iter().skip(from).any(|(_, part)| {
            match part {
                Part::Other("(" | "[") => depth += 1,
                Part::Other(")" | "]") => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && *part == Part::Other(",")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn safer(sql: &str) -> Option<Safer> {
        Safer::of(&split(sql).unwrap()[0])
    }

    #[test]
    fn what_comes_to_the_same() {
        let concurrently = |sql: &str, name: &str| Safer::Concurrently { sql: sql.into(), name: name.into() };
        assert_eq!(
            safer("CREATE UNIQUE INDEX /* x */ i ON a.t (b)"),
            Some(concurrently("CREATE UNIQUE INDEX CONCURRENTLY /* x */ i ON a.t (b)", "i"))
        );
        assert_eq!(
            safer("create index on a.\"T\" (b)"),
            Some(concurrently("create index CONCURRENTLY on a.\"T\" (b)", "T"))
        );
        assert_eq!(
            safer("ALTER TABLE a.t ADD CONSTRAINT \"C\" CHECK (b IN (1, 2))"),
            Some(Safer::NotValid {
                sql: "ALTER TABLE a.t ADD CONSTRAINT \"C\" CHECK (b IN (1, 2)) NOT VALID".into(),
                validate: "ALTER TABLE a.t VALIDATE CONSTRAINT \"C\";".into(),
                name: "C".into(),
            })
        );
        assert_eq!(
            safer("ALTER TABLE t ALTER \"B\" SET NOT NULL"),
            Some(Safer::NotNull {
                sql: "ALTER TABLE t ADD CONSTRAINT \"t_B_is_set\" CHECK (\"B\" IS NOT NULL) NOT VALID".into(),
                validate: "ALTER TABLE t VALIDATE CONSTRAINT \"t_B_is_set\";".into(),
                set: "ALTER TABLE t ALTER COLUMN \"B\" SET NOT NULL;\nALTER TABLE t DROP CONSTRAINT \"t_B_is_set\";"
                    .into(),
                name: "t_B".into(),
            })
        );
        assert_eq!(
            safer("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a, b)"),
            Some(Safer::UsingIndex {
                build: "CREATE UNIQUE INDEX CONCURRENTLY c ON t (a, b);".into(),
                add: "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX c;".into(),
                name: "c".into(),
            })
        );
    }

    #[test]
    fn what_is_left_as_it_is() {
        for sql in [
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "CREATE INDEX i ON ONLY t (a)",
            "CREATE TABLE t (a int)",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0), ADD COLUMN b int",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u NOT ENFORCED",
            "ALTER TABLE t ADD CHECK (a > 0)",
            "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a) INCLUDE (b)",
            "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a) DEFERRABLE",
            "ALTER TABLE t ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (a)",
            "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY (a)",
            "ALTER TABLE ONLY t ADD CONSTRAINT c CHECK (a > 0)",
            "ALTER TABLE t ALTER a SET NOT NULL, ALTER b SET NOT NULL",
            "ALTER TABLE t ALTER a DROP NOT NULL",
            "DO $$ BEGIN EXECUTE 'CREATE INDEX i ON t (a)'; END $$",
        ] {
            assert_eq!(safer(sql), None, "{sql}");
        }
    }
}
