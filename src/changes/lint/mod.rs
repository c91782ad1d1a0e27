//! Judges migrations by what their statements did when the project was compiled, and by what they do to the catalog: who waits
//! for what, what is lost, and what the application that runs now does not survive. It needs no database.
//!
//! What the same run makes keeps nobody waiting and breaks nothing: the rules look at relations alone that were there before
//! the first of the migrations.

mod allowed;
mod rules;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use smol_str::SmolStr;

use crate::error::Failure;
use crate::findings::{Change, Finding, Location, Remedy, Sides};
use crate::migrations::Migration;
use crate::migrations::script::{Examination, ExaminedStatement};
use crate::model::{CompiledMigration, Footprint, HeldLock, Lock};
use crate::postgres::catalog::ObjectId;
use allowed::Allowances;

pub use rules::{LintRule, RULES, rule};

/// What the rules found, and what they could not look at.
#[derive(Debug, Default)]
pub struct LintOutcome {
    /// What was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// The statements that run outside of a transaction: what they lock was not measured.
    pub unmeasured: Vec<Location>,
    /// The migrations that are programs: their statements are not known.
    pub programs: usize,
}

/// Judges the migrations of these versions. `shown` is how their files are named.
///
/// # Errors
/// Exit 2: what an `allow` says wrongly, with file and line.
pub fn lint(
    lock: &Lock,
    files: &[Migration],
    chosen: &BTreeSet<i64>,
    shown: impl Fn(&Migration) -> String,
) -> Result<LintOutcome, Failure> {
    let Some(first) = chosen.first() else { return Ok(LintOutcome::default()) };
    let base = lock.state_after(|version| version < *first);
    let base: HashSet<SmolStr> = base.objects.iter().map(|object| object.id.to_string().into()).collect();
    let mut outcome = LintOutcome::default();
    let mut failures = Vec::new();
    for compiled in lock.migrations.iter().filter(|migration| chosen.contains(&migration.version)) {
        let file = files.iter().find(|file| file.version == compiled.version);
        let Some(file) = file.filter(|_| compiled.file.is_none()) else {
            outcome.programs += 1;
            continue;
        };
        let name = shown(file);
        let examined = Examination::of(name.as_ref(), &file.sql, &file.directives);
        let migration = LintedMigration::new(compiled, file, &examined.statements, &base);
        let outside = examined.statements.iter().filter(|examined| examined.outside.is_some());
        outcome.unmeasured.extend(outside.map(|examined| Location::new(&name, examined.statement.line)));
        match Allowances::read(&name, &file.sql, &examined.statements) {
            Ok(allowances) => outcome.findings.extend(allowances.keep(migration.findings(&name))),
            Err(failure) => failures.push(failure),
        }
    }
    let mut failures = failures.into_iter();
    match failures.next() {
        Some(first) => Err(first.and(failures)),
        None => Ok(outcome),
    }
}

/// A migration, as the rules see it.
struct LintedMigration<'l> {
    compiled: &'l CompiledMigration,
    /// `V2__add_username`.
    title: String,
    transactional: bool,
    statements: &'l [ExaminedStatement<'l>],
    /// The locks that are held when each statement that did anything has run, by its line.
    held: BTreeMap<usize, BTreeMap<SmolStr, HeldLock>>,
    /// The names of the objects that were there before the first of the migrations.
    base: &'l HashSet<SmolStr>,
}

/// What a rule found.
struct LintMatch {
    line: usize,
    /// What happens, to what, and why.
    what: String,
    /// What to write instead.
    instead: String,
}

impl<'l> LintedMigration<'l> {
    fn new(
        compiled: &'l CompiledMigration,
        file: &Migration,
        statements: &'l [ExaminedStatement<'l>],
        base: &'l HashSet<SmolStr>,
    ) -> Self {
        let transactional = !file.directives.no_transaction;
        let held = Footprint::held(&compiled.footprints, transactional);
        let held = compiled.footprints.iter().map(|footprint| footprint.line).zip(held).collect();
        Self { compiled, title: file.id().to_string(), transactional, statements, held, base }
    }

    fn findings(&self, file: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for rule in RULES {
            for LintMatch { line, what, instead } in (rule.find)(self) {
                let mut finding =
                    Finding::new(rule.code, rule.severity, "migration", &self.title, Change::Different)
                        .at(Location::new(file, line))
                        .remedy(Remedy::advice(instead));
                finding.sides = Some(Sides::new(what, ""));
                findings.push(finding);
            }
        }
        findings.sort_by_key(|finding| finding.location.as_ref().map(|location| location.line));
        findings
    }

    /// Whether an object was there before the first of the migrations.
    fn was_there(&self, name: &str) -> bool {
        self.base.contains(name)
    }

    /// Whether an object, or the relation that it is part of, was there before.
    fn had(&self, id: &ObjectId) -> bool {
        self.was_there(&id.to_string())
    }

    /// The relations whose readers or writers wait while the statement of this line runs, with the lock that they wait for.
    fn blocked_at(&self, line: usize) -> Vec<(&SmolStr, HeldLock)> {
        let held = match self.transactional {
            true => self.held.range(..=line).next_back().map(|(_, held)| held),
            false => self.held.get(&line),
        };
        let locks = held.into_iter().flatten();
        let blocking =
            locks.filter(|(relation, lock)| lock.mode.blocks_writers() && self.was_there(relation));
        blocking.map(|(relation, lock)| (relation, *lock)).collect()
    }

    /// The line of the statement that an effect on this object comes from, as far as that is known: the first that touches its
    /// relation, else the first of all.
    fn line_of(&self, id: &ObjectId) -> usize {
        let relation = id.relation_path();
        let touches = |footprint: &&Footprint| {
            footprint.locks.contains_key(relation.as_str()) || footprint.drops.contains(relation.as_str())
        };
        let found = self.compiled.footprints.iter().find(touches).map(|footprint| footprint.line);
        let first = self.statements.first().map(|examined| examined.statement.line);
        found.or(first).unwrap_or(1)
    }
}
