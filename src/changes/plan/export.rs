//! Writes a plan as one script that is run elsewhere, in psql or in the query editor of a managed database: `--sql`.
//!
//! The script contains the history rows, and guards: before every migration it checks that the database is in the
//! expected state, and before a statement that ran outside of a transaction is recorded, it checks the result.
//! Otherwise an editor that continues after an error would leave a gap. It contains no psql commands.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Direction, MigrationPlan, Sending, Step};
use crate::migrations::script::{NonTransactional, WrittenName};
use crate::migrations::{Ledger, Migration};
use crate::postgres::connection::ServerVersion;
use crate::postgres::sql::{identifier, literal, portable, reset_meaning, set_meaning};

/// The settings under which the project's SQL runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorSession {
    /// `search_path`, as SET takes it.
    pub search_path: String,
    /// The `lock_timeout` of migrations that set none.
    pub lock_timeout: Duration,
    /// The role that the script runs as.
    pub set_role: Option<String>,
    /// The version of the server that it is for.
    pub server: ServerVersion,
}

impl MigrationPlan {
    /// Returns the script. `migrations` are the project's: checksums are computed from their texts.
    pub fn to_sql(&self, migrations: &[Migration], history: &Ledger, session: &EditorSession) -> String {
        let mut script = String::new();
        let baseline = self.squashed(migrations, history);
        self.head(&mut script, baseline.is_none());
        script.extend(baseline);
        let creates = !history.exists && self.direction == Direction::Up && !self.steps.is_empty();
        if creates && !history.awaits_schema {
            let _ = writeln!(script, "{};\n", history.create());
        }
        let mut before = self.current;
        for (number, step) in self.steps.iter().enumerate() {
            // The first step creates the schema of the history, and nothing can be asked of that before.
            let with_history = creates && history.awaits_schema && number == 0;
            let record = match self.direction {
                Direction::Up => migrations
                    .iter()
                    .find(|migration| migration.version == step.version)
                    .map(|migration| format!("{};\n", history.insert(migration)))
                    .map(|record| match with_history {
                        true => format!("{};\n{record}", history.create()),
                        false => record,
                    }),
                Direction::Down => Some(format!("{};\n", history.delete(step.version))),
            };
            let checks = if with_history { Vec::new() } else { self.checks(step, before, history) };
            let writer = Writer { step, session, checks, record: record.unwrap_or_default() };
            writer.write(&mut script, self.direction);
            if self.direction == Direction::Up {
                before = Some(step.version);
            }
        }
        if let Some(stop) = &self.stop {
            let _ = writeln!(script, "-- Planning {}.", stop.why());
            let _ = writeln!(script, "-- Not applied: {}.", stop.waiting().join(", "));
            let _ = writeln!(script, "-- Next: {}", stop.next());
        }
        script
    }

    /// The transaction that records a baseline in the place of the migrations that it replaces, where an upgrade does that.
    fn squashed(&self, migrations: &[Migration], history: &Ledger) -> Option<String> {
        let (version, replaced) = history.squashed.as_ref().filter(|_| self.direction == Direction::Up)?;
        let baseline = migrations.iter().find(|migration| migration.version == *version)?;
        let (id, records) = (baseline.id(), history.squash(baseline, replaced));
        let count = replaced.len();
        Some(format!("-- Records {id} in the place of {count} migrations.\nBEGIN;\n{records};\nCOMMIT;\n\n"))
    }

    fn head(&self, script: &mut String, is_all: bool) {
        let verb = if self.direction == Direction::Up { "applies" } else { "reverts" };
        let titles: Vec<&str> = self.steps.iter().map(|step| step.title.as_str()).collect();
        match titles.as_slice() {
            [] if is_all => script.push_str("-- There is nothing to do.\n"),
            [] => {}
            _ => {
                let _ = writeln!(script, "-- Written by trueup; {verb} {}.", titles.join(", "));
            }
        }
        if titles.len() > 1 {
            script.push_str("-- Stop at the first error (psql: -v ON_ERROR_STOP=1); the statements before it stay committed.\n");
        }
        script.push('\n');
    }

    /// The conditions under which this step must not start.
    fn checks(&self, step: &Step, before: Option<i64>, history: &Ledger) -> Vec<Check> {
        let has = |version: i64| format!("EXISTS (SELECT FROM {} WHERE version = {version})", history.table);
        let (version, title) = (step.version, &step.title);
        let mut checks = Vec::new();
        match self.direction {
            Direction::Up => {
                checks.push(Check::new(has(version), format!("{title} is applied already")));
                if let Some(before) = before {
                    let what = format!("version {before} is not applied, and {title} comes after it");
                    checks.push(Check::new(format!("NOT {}", has(before)), what));
                }
            }
            Direction::Down => {
                checks.push(Check::new(format!("NOT {}", has(version)), format!("{title} is not applied")));
                let newer = self.steps.iter().take_while(|other| other.version != version).last();
                if let Some(newer) = newer {
                    let what = format!("{} is not reverted yet", newer.title);
                    checks.push(Check::new(has(newer.version), what));
                }
            }
        }
        checks
    }
}

/// A condition that must not hold, and the message if it does.
struct Check {
    condition: String,
    what: String,
}

impl Check {
    fn new(condition: String, what: String) -> Self {
        Self { condition, what }
    }

    /// The condition that must not hold when a statement outside of a transaction is done, if the catalog shows it.
    fn after(outside: &NonTransactional) -> Option<Self> {
        let class = |name: &WrittenName| format!("pg_catalog.to_regclass({})", literal(&name.to_string()));
        match outside {
            NonTransactional::CreateIndex { name: Some(name), table, .. } => {
                let index = WrittenName { schema: table.schema.clone(), name: name.clone() };
                let condition = format!(
                    "NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {} AND indisvalid)",
                    class(&index)
                );
                Some(Self::new(condition, format!("the index {index} is missing or invalid")))
            }
            NonTransactional::DropIndex { index, .. } => Some(Self::new(
                format!("{} IS NOT NULL", class(index)),
                format!("the index {index} is still there"),
            )),
            NonTransactional::DetachPartition { partition, .. } => {
                let condition = format!(
                    "EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = {} AND relispartition)",
                    class(partition)
                );
                Some(Self::new(condition, format!("{partition} is still a partition")))
            }
            _ => None,
        }
    }
}

/// One statement that raises an exception if one of the conditions holds, and otherwise runs what it is given.
fn block(checks: &[Check], then: &str) -> String {
    let mut body = String::from("BEGIN\n");
    for Check { condition, what } in checks {
        let message = literal(what);
        let _ = writeln!(body, "  IF {condition} THEN RAISE EXCEPTION USING MESSAGE = {message}; END IF;");
    }
    if !then.is_empty() {
        let _ = write!(body, "  {then}");
    }
    body.push_str("END\n");
    let mut tag = "$trueup$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("DO {tag}\n{body}{tag};\n")
}

struct Writer<'p> {
    step: &'p Step,
    session: &'p EditorSession,
    checks: Vec<Check>,
    record: String,
}

impl Writer<'_> {
    fn write(mut self, script: &mut String, direction: Direction) {
        let Step { title, contract, transactional, .. } = self.step;
        let down = if direction == Direction::Down { ", reverted" } else { "" };
        let _ = writeln!(script, "-- ---- {title}{down}");
        if *contract {
            script.push_str("-- Contract migration: it breaks old app versions.\n");
        }
        let local = if *transactional {
            script.push_str("BEGIN;\n");
            "LOCAL "
        } else {
            script.push_str(
                "-- Not in a transaction: run these statements one at a time, not as one batch, and check each \
                 result.\n",
            );
            ""
        };
        script.push_str(&block(&self.checks, ""));
        self.settings(script, local);
        for part in self.step.script.sending(self.lock_timeout(), self.session.server) {
            match part {
                Sending::Statement(index) => {
                    let text = &self.step.script.statements[index].text;
                    let _ = writeln!(script, "{};", portable(text));
                }
                Sending::Limit(_, limit) if *transactional => {
                    let _ = writeln!(script, "SET LOCAL lock_timeout = {};", limit.as_millis());
                }
                Sending::Limit(..) => {}
            }
        }
        if *transactional {
            script.push_str(&self.record);
            script.push_str("COMMIT;\n\n");
        } else {
            // An editor that continues after an error must not record what failed: the statement that writes the
            // record checks the result itself.
            let outside = self.step.script.statements.iter().filter_map(|planned| planned.outside.as_ref());
            self.checks.extend(outside.filter_map(Check::after));
            script.push_str(&block(&self.checks, &self.record));
            if self.session.set_role.is_some() {
                script.push_str("RESET ROLE;\n");
            }
            let _ = writeln!(script, "RESET search_path;\nRESET lock_timeout;\n{}\n", reset_meaning());
        }
    }

    fn settings(&self, script: &mut String, local: &str) {
        let EditorSession { search_path, set_role, .. } = self.session;
        if let Some(role) = set_role {
            let _ = writeln!(script, "SET {local}ROLE {};", identifier(role));
        }
        let _ = writeln!(script, "{}", set_meaning(format!("SET {local}").trim_end()));
        let _ = writeln!(script, "SET {local}search_path = {search_path};");
        let _ = writeln!(script, "SET {local}lock_timeout = {};", self.lock_timeout().as_millis());
    }

    fn lock_timeout(&self) -> Duration {
        match (self.step.directives.lock_timeout, self.step.transactional) {
            (Some(own), _) => own,
            (None, true) => self.session.lock_timeout,
            // Concurrent index builds wait for every older transaction: a short limit would leave invalid indexes
            // behind.
            (None, false) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::UpgradeGoal;
    use super::super::samples::{SampleMigration, lock_of};
    use super::*;
    use crate::migrations::checksum::Width;
    use crate::model::diagnosis::MigrationState;

    fn script(samples: &[SampleMigration], exists: bool) -> String {
        let (lock, files) = lock_of(samples);
        let state = MigrationState::from_history(&lock.migrations, &[], &BTreeSet::new());
        let plan = MigrationPlan::upgrade(&lock, &files, &state, &UpgradeGoal::default()).expect("a plan");
        let history = Ledger {
            table: "public.refinery_schema_history".into(),
            exists,
            width: Width::Four,
            awaits_schema: false,
            also: None,
            squashed: None,
        };
        let session = EditorSession {
            search_path: "public, pg_temp".into(),
            lock_timeout: Duration::from_secs(3),
            set_role: None,
            server: ServerVersion(150_018),
        };
        plan.to_sql(&files, &history, &session)
    }

    #[test]
    fn a_transaction_and_its_record() {
        let found = script(
            &[SampleMigration::new(1, "-- why\ncreate table t (x text default ';'); -- tail\n")],
            false,
        );
        let order = [
            "CREATE TABLE IF NOT EXISTS public.refinery_schema_history",
            "BEGIN;",
            "V1__m1 is applied already",
            "SET LOCAL standard_conforming_strings = 'on'; ",
            "SET LOCAL search_path = public, pg_temp;",
            "SET LOCAL lock_timeout = 3000;",
            "create table t (x text default ';');\n",
            "INSERT INTO public.refinery_schema_history (version, name, applied_on, checksum) VALUES (1, 'm1', ",
            "COMMIT;",
        ];
        let places: Vec<_> =
            order.iter().map(|part| found.find(part).unwrap_or_else(|| panic!("{part}"))).collect();
        assert!(places.is_sorted(), "{found}");
        assert!(!found.contains('\\'), "{found}");
    }

    #[test]
    fn what_is_outside_of_a_transaction_and_what_waits() {
        let found = script(
            &[
                SampleMigration::new(1, "select 1;"),
                SampleMigration::new(2, "-- trueup: no-transaction\ncreate index concurrently i on t (x);"),
                SampleMigration::new(3, "-- trueup: contract\ndrop table t;"),
            ],
            true,
        );
        assert!(!found.contains("CREATE TABLE IF NOT EXISTS"));
        let second = &found[found.find("-- ---- V2__m2").expect("V2")..];
        assert!(second.contains("version 1 is not applied, and V2__m2 comes after it"), "{second}");
        assert!(second.contains("\nSET standard_conforming_strings = 'on'; "), "{second}");
        assert!(second.contains("RESET check_function_bodies; "), "{second}");
        assert!(second.contains("\nSET search_path") && second.contains("RESET search_path;"), "{second}");
        assert!(second.contains("the index i is missing or invalid"), "{second}");
        assert!(!second.contains("BEGIN;") && !second.contains("drop table"), "{second}");
        assert!(second.contains("-- Planning stopped before V3__m3"), "{second}");
        assert!(found.contains("ON_ERROR_STOP"));
    }
}
