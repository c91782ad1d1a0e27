//! Judges migrations by what their statements did when the project was compiled, and by what they do to the catalog: who waits
//! for what, what is lost, and what the application that runs now does not survive. It needs no database.
//!
//! What the same run makes keeps nobody waiting and breaks nothing: the rules look at relations alone that were there before
//! the first of the migrations.

mod allowed;
mod rules;
mod sized;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use smol_str::SmolStr;

use crate::error::Failure;
use crate::findings::{Change, Finding, Location, Remedy, Sides};
use crate::migrations::Migration;
use crate::migrations::script::{Examination, ExaminedStatement};
use crate::model::{CompiledMigration, Effect, Footprint, HeldLock, Lock, is_long_and_plain};
use crate::postgres::catalog::ObjectId;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{Position, names_in};
use allowed::Allowances;

pub use rules::{LintRule, RULES, rule};
pub use sized::{LintSizes, SilencedFinding, SizedFindings};

/// What the rules found, and what they could not look at.
#[derive(Debug, Default)]
pub struct LintOutcome {
    /// What was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// The migrations that were not measured, because they are long and have nothing but DDL.
    pub unmeasured: Vec<Location>,
    /// The migrations that are programs: their statements are not known.
    pub programs: usize,
}

/// Which migrations are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LintScope {
    /// Those of these versions, as one run: what one of them makes, the others may change.
    Run(BTreeSet<i64>),
    /// All, each as a run of its own.
    Each,
}

impl LintScope {
    /// How many of these migrations.
    pub fn count(&self, lock: &Lock) -> usize {
        match self {
            Self::Run(versions) => versions.len(),
            Self::Each => lock.migrations.len(),
        }
    }
}

/// Judges migrations. `shown` is how their files are named.
///
/// # Errors
/// Exit 2: what an `allow` says wrongly, with file and line.
pub fn lint(
    lock: &Lock,
    files: &[Migration],
    scope: &LintScope,
    shown: impl Fn(&Migration) -> String,
) -> Result<LintOutcome, Failure> {
    let mut base = Names::of(lock);
    let mut outcome = LintOutcome::default();
    let mut failures = Vec::new();
    for compiled in &lock.migrations {
        let chosen = match scope {
            LintScope::Run(versions) => versions.contains(&compiled.version),
            LintScope::Each => true,
        };
        if chosen {
            let file = files.binary_search_by_key(&compiled.version, |file| file.version);
            let file = file.ok().map(|index| &files[index]);
            match file.filter(|_| compiled.file.is_none()) {
                None => outcome.programs += 1,
                Some(file) => outcome.judge(compiled, file, &shown(file), &base).unwrap_or_else(|failure| {
                    failures.push(failure);
                }),
            }
        }
        // What the others make is there when the run begins, whatever their versions are.
        if !chosen || *scope == LintScope::Each {
            compiled.effects.iter().for_each(|effect| base.apply(effect));
        }
    }
    let mut failures = failures.into_iter();
    match failures.next() {
        Some(first) => Err(first.and(failures)),
        None => Ok(outcome),
    }
}

impl LintOutcome {
    fn judge(
        &mut self,
        compiled: &CompiledMigration,
        file: &Migration,
        name: &str,
        base: &Names,
    ) -> Result<(), Failure> {
        let examined = Examination::of(name.as_ref(), &file.sql, &file.directives);
        let migration = LintedMigration::new(compiled, file, &examined.statements, base);
        let statements: Vec<_> = examined.statements.iter().map(|examined| examined.statement).collect();
        if is_long_and_plain(&statements) {
            self.unmeasured.push(Location::new(name, 1));
        }
        let allowances = Allowances::read(name, &file.sql, &examined.statements)?;
        self.findings.extend(allowances.keep(migration.findings(name)));
        Ok(())
    }
}

/// The qualified names of all objects that are there.
struct Names(HashSet<SmolStr>);

impl Names {
    /// Those of a new database.
    fn of(lock: &Lock) -> Self {
        Self(lock.initial.iter().map(|object| object.id.to_string().into()).collect())
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Created(object) => {
                self.0.insert(object.id.to_string().into());
            }
            Effect::Dropped(id) => {
                self.0.remove(id.to_string().as_str());
            }
            Effect::Renamed { from, to } => {
                let (from, to) = (from.to_string(), to.to_string());
                let new = |name: &SmolStr| {
                    let rest = name.strip_prefix(from.as_str())?;
                    (rest.is_empty() || rest.starts_with('.')).then(|| SmolStr::from(format!("{to}{rest}")))
                };
                self.0 = self.0.iter().map(|name| new(name).unwrap_or_else(|| name.clone())).collect();
            }
            Effect::Changed { .. } => {}
        }
    }
}

/// A migration, as the rules see it.
struct LintedMigration<'l> {
    compiled: &'l CompiledMigration,
    /// `V2__add_username`.
    title: String,
    transactional: bool,
    statements: &'l [ExaminedStatement<'l>],
    /// The locks that are held when each statement that did anything has run, by its place.
    held: BTreeMap<Position, BTreeMap<SmolStr, HeldLock>>,
    /// The names of the objects that were there before the first of the migrations.
    base: &'l Names,
}

/// What a rule found.
struct LintMatch {
    /// The statement.
    at: Position,
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
        base: &'l Names,
    ) -> Self {
        let transactional = !file.directives.no_transaction;
        let held = Footprint::held(&compiled.footprints, transactional);
        let held = compiled.footprints.iter().map(|footprint| footprint.at).zip(held).collect();
        Self { compiled, title: file.id().to_string(), transactional, statements, held, base }
    }

    fn findings(&self, file: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for rule in RULES {
            for LintMatch { at, what, instead } in (rule.find)(self) {
                let mut finding =
                    Finding::new(rule.code, rule.severity, "migration", &self.title, Change::Different)
                        .at(Location::new(file, at.line))
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
        self.base.0.contains(name)
    }

    /// Whether an object, or the relation that it is part of, was there before.
    fn had(&self, id: &ObjectId) -> bool {
        self.was_there(&id.to_string())
    }

    /// What is dropped and was there before. What goes with its relation is left out.
    fn dropped(&self) -> impl Iterator<Item = &ObjectId> {
        let dropped = || {
            self.compiled.effects.iter().filter_map(|effect| match effect {
                Effect::Dropped(id) => Some(&**id),
                _ => None,
            })
        };
        let whole: HashSet<String> =
            dropped().filter(|id| !id.kind.is_under_relation()).map(ToString::to_string).collect();
        dropped().filter(move |id| {
            self.had(id) && !(id.kind.is_under_relation() && whole.contains(&id.relation_path()))
        })
    }

    /// The relations whose readers or writers wait while this statement runs, with the lock that they wait for.
    fn blocked_at(&self, at: Position) -> Vec<(&SmolStr, HeldLock)> {
        let held = match self.transactional {
            true => self.held.range(..=at).next_back().map(|(_, held)| held),
            false => self.held.get(&at),
        };
        let locks = held.into_iter().flatten();
        let blocking =
            locks.filter(|(relation, lock)| lock.mode.blocks_writers() && self.was_there(relation));
        blocking.map(|(relation, lock)| (relation, *lock)).collect()
    }

    /// The statement that changes, renames or drops this object, as far as that is known: the first DDL that names
    /// it, else the first statement that nobody else can use its relation under, else the first of all.
    fn statement_of(&self, id: &ObjectId) -> Position {
        let names = |examined: &&ExaminedStatement<'_>| {
            let mut words = examined.statement.words();
            words.next().is_some_and(|verb| matches!(verb.as_str(), "alter" | "drop"))
                && names_in(examined.statement.text).any(|name| name == id.name.as_str())
        };
        let relation = id.relation_path();
        let alone = |footprint: &&Footprint| {
            footprint.locks.get(relation.as_str()) == Some(&LockMode::AccessExclusive)
                || footprint.drops.contains(relation.as_str())
        };
        let place = |examined: &ExaminedStatement<'_>| examined.statement.position();
        let named = self.statements.iter().find(names).map(place);
        let locked = || self.compiled.footprints.iter().find(alone).map(|footprint| footprint.at);
        named.or_else(locked).or_else(|| self.statements.first().map(place)).unwrap_or_default()
    }
}
