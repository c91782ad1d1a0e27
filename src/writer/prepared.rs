//! What is said at every step, prepared in the session: planned once for a run, not once for a step.
//!
//! A script may take prepared statements away (DEALLOCATE), leave others behind, or fail. Then all of them are forgotten,
//! and are prepared again under other names in a session from which every one is removed.

use std::fmt::Write as _;

/// A statement that is said again and again, with other values.
#[derive(Debug, Clone, Copy)]
pub struct PreparedStatement<'r> {
    /// What it is called.
    pub name: &'static str,
    /// The statement after the name of a `PREPARE`: `(int8) AS DELETE FROM t WHERE id = $1`. The same text for the same
    /// name, as long as a run lasts.
    pub form: &'r str,
    /// The values, as SQL writes them between parentheses; may be empty.
    pub values: &'r str,
}

/// What is prepared in a session.
#[derive(Debug, Default)]
pub(super) struct PreparedStatements {
    /// How often all was forgotten.
    generation: u32,
    known: Vec<&'static str>,
}

impl PreparedStatements {
    /// Whether nothing is prepared.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether this one is.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.known.contains(&name)
    }

    /// Nothing is relied on any more.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.generation += 1;
    }

    /// The beginning of the names.
    pub(super) fn prefix(&self) -> String {
        format!("trueup_{}_", self.generation)
    }

    /// Prepares a statement where it is not, at the end of `sql`, and takes it for prepared: when the message fails,
    /// [`PreparedStatements::forget`].
    pub(super) fn prepare(&mut self, sql: &mut String, name: &'static str, form: &str) {
        if !self.knows(name) {
            let _ = writeln!(sql, "PREPARE trueup_{}_{name} {form};", self.generation);
            self.known.push(name);
        }
    }

    /// Says a statement that is prepared, at the end of `sql`.
    pub(super) fn execute(&self, sql: &mut String, name: &str, values: &str) {
        let _ = write!(sql, "EXECUTE trueup_{}_{name}", self.generation);
        if !values.is_empty() {
            let _ = write!(sql, "({values})");
        }
    }

    /// Both.
    pub(super) fn say(&mut self, sql: &mut String, said: &PreparedStatement<'_>) {
        self.prepare(sql, said.name, said.form);
        self.execute(sql, said.name, said.values);
    }
}
