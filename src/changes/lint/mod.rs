//! Judges migrations by what their statements did when the project was compiled, and by what they do to the catalog: who waits
//! for what, what is lost, and what the application that runs now does not survive. It needs no database.
//!
//! What the same run makes keeps nobody waiting and breaks nothing: the rules look at relations alone that were there before
//! the first of the migrations.

mod allowed;
mod brief;
mod fix;
mod levels;
mod naming;
mod rules;
mod sized;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::error::Failure;
use crate::findings::{Change, Finding, Location, Remedy, Sides};
use crate::migrations::Migration;
use crate::migrations::script::{Examination, ExaminedStatement};
use crate::migrations::tools::MigrationTool;
use crate::model::{CompiledMigration, Effect, Footprint, HeldLock, Lock, is_long_and_plain};
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{Position, names_in, read_file};
use allowed::Allowances;
use brief::brief_locks;
use naming::StatementNames;

pub use brief::BriefLock;
pub use fix::{FixedFile, LintFix, fix};
pub use rules::{EXAMPLE_TABLES, LintRule, RULES, rule};
pub use sized::{LintSizes, SMALL, SilencedFinding, SizedFindings};

/// What the rules found, and what they could not look at.
#[derive(Debug, Default)]
pub struct LintOutcome {
    /// What was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// The locks that others wait for and that no finding tells, in the same order.
    pub brief_locks: Vec<BriefLock>,
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

/// Judges migrations by the rules whose codes are `asked`. `shown` is how their files are named.
///
/// # Errors
/// Exit 2: what an `allow` says wrongly, with file and line.
pub fn lint(
    lock: &Lock,
    files: &[Migration],
    scope: &LintScope,
    asked: impl Fn(&str) -> bool,
    shown: impl Fn(&Migration) -> String,
) -> Result<LintOutcome, Failure> {
    let rules: Vec<&LintRule> = RULES.iter().filter(|rule| asked(rule.code)).collect();
    let mut base = Before::of(lock);
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
                Some(file) => {
                    outcome.judge(lock, compiled, file, &shown(file), (&rules, &base)).unwrap_or_else(
                        |failure| {
                            failures.push(failure);
                        },
                    );
                }
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
        lock: &Lock,
        compiled: &CompiledMigration,
        file: &Migration,
        name: &str,
        (rules, base): (&[&LintRule], &Before),
    ) -> Result<(), Failure> {
        let examined = Examination::of(name.as_ref(), &file.sql, &file.directives);
        let migration = LintedMigration::new(lock, compiled, file, &examined.statements, base);
        let statements: Vec<_> = examined.statements.iter().map(|examined| examined.statement).collect();
        if is_long_and_plain(&statements) {
            self.unmeasured.push(Location::new(name, 1));
        }
        let allowances = Allowances::read(name, &file.sql, &examined.statements)?;
        let place = |at: Position| Location::new(name, at.line).at_column(at.column);
        let findings = migration.findings(rules, place);
        self.brief_locks.extend(brief_locks(&migration, &findings, place));
        self.findings.extend(allowances.keep(findings));
        Ok(())
    }
}

/// The objects that are there before the first of the migrations, by their qualified names. A constraint may have the name of a
/// column.
struct Before(HashMap<SmolStr, Vec<Arc<Object>>>);

impl Before {
    /// Those of a new database.
    fn of(lock: &Lock) -> Self {
        let mut before = Self(HashMap::new());
        lock.initial.iter().for_each(|object| before.put(object));
        before
    }

    fn put(&mut self, object: &Arc<Object>) {
        let named = self.0.entry(object.id.to_string().into()).or_default();
        named.retain(|other| other.id.kind != object.id.kind);
        named.push(object.clone());
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Created(object) | Effect::Changed { after: object, .. } => self.put(object),
            Effect::Dropped(id) => {
                let name = id.to_string();
                if let Some(named) = self.0.get_mut(name.as_str()) {
                    named.retain(|object| object.id.kind != id.kind);
                    if named.is_empty() {
                        self.0.remove(name.as_str());
                    }
                }
            }
            Effect::Renamed { from, to } => {
                let (from, to) = (from.to_string(), to.to_string());
                let new = |name: &SmolStr| {
                    let rest = name.strip_prefix(from.as_str())?;
                    (rest.is_empty() || rest.starts_with('.')).then(|| SmolStr::from(format!("{to}{rest}")))
                };
                let objects = std::mem::take(&mut self.0);
                self.0 = objects
                    .into_iter()
                    .map(|(name, objects)| (new(&name).unwrap_or(name), objects))
                    .collect();
            }
        }
    }

    /// The object, under the name that it has now.
    fn get(&self, id: &ObjectId) -> Option<&Arc<Object>> {
        self.0.get(id.to_string().as_str())?.iter().find(|object| object.id.kind == id.kind)
    }

    /// The objects of a kind, each with its name.
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&SmolStr, &Arc<Object>)> {
        let all = self.0.iter().flat_map(|(name, objects)| objects.iter().map(move |object| (name, object)));
        all.filter(move |(_, object)| object.id.kind == kind)
    }

    /// The relation of this qualified name, where it is of this kind.
    fn relation(&self, name: &str, kind: Kind) -> Option<&Arc<Object>> {
        self.0.get(name)?.iter().find(|object| object.id.kind == kind)
    }
}

/// A migration, as the rules see it.
struct LintedMigration<'l> {
    lock: &'l Lock,
    compiled: &'l CompiledMigration,
    /// `V2__add_username`.
    title: String,
    transactional: bool,
    statements: &'l [ExaminedStatement<'l>],
    /// The names in them, as soon as a rule has asked for a statement by a name.
    names: OnceCell<StatementNames>,
    /// The locks that are held when each statement that did anything has run, by its place.
    held: BTreeMap<Position, BTreeMap<SmolStr, HeldLock>>,
    /// The objects that were there before the first of the migrations.
    base: &'l Before,
    /// The name of its down script, and what that does, where that is known.
    down: Option<(String, Vec<Footprint>)>,
}

/// What a rule found.
struct LintMatch {
    /// The statement.
    at: Position,
    /// What happens, to what, and why.
    what: String,
    /// What to write instead. `{outside}` is how the project's tool runs a migration outside of a transaction.
    instead: String,
}

impl<'l> LintedMigration<'l> {
    fn new(
        lock: &'l Lock,
        compiled: &'l CompiledMigration,
        file: &Migration,
        statements: &'l [ExaminedStatement<'l>],
        base: &'l Before,
    ) -> Self {
        let transactional = !file.directives.no_transaction;
        let held = Footprint::held(&compiled.footprints, transactional);
        let down = file.down.as_ref().zip(compiled.down.as_ref()).and_then(|(path, down)| {
            let footprints = down.footprints(&read_file(path).ok()?)?.to_vec();
            Some((path.file_name()?.to_string_lossy().into_owned(), footprints))
        });
        let held = compiled.footprints.iter().map(|footprint| footprint.at).zip(held).collect();
        Self {
            lock,
            compiled,
            title: file.id().to_string(),
            transactional,
            statements,
            names: OnceCell::new(),
            held,
            base,
            down,
        }
    }

    fn findings(&self, rules: &[&LintRule], place: impl Fn(Position) -> Location) -> Vec<Finding> {
        let tool = self.lock.head.settings.tool;
        let outside = tool.map_or("marked -- trueup: no-transaction", MigrationTool::outside_transaction);
        let mut findings = Vec::new();
        for rule in rules {
            for LintMatch { at, what, instead } in (rule.find)(self) {
                let mut finding =
                    Finding::new(rule.code, rule.severity, "migration", &self.title, Change::Different)
                        .at(place(at))
                        .remedy(Remedy::advice(instead.replace("{outside}", outside)));
                finding.sides = Some(Sides::new(what, ""));
                findings.push(finding);
            }
        }
        findings.sort_by_key(|finding| finding.location.as_ref().map(|place| (place.line, place.column)));
        findings
    }

    /// Whether an object was there before the first of the migrations.
    fn was_there(&self, name: &str) -> bool {
        self.base.0.contains_key(name)
    }

    /// Whether a relation was there before, and is no partitioned table: such a one has no rows of its own.
    fn had_rows(&self, name: &str) -> bool {
        self.was_there(name) && !self.is_partitioned(name)
    }

    /// Whether a partitioned table of this name was there before.
    fn is_partitioned(&self, name: &str) -> bool {
        let table = self.base.relation(name, Kind::Table);
        table.is_some_and(|table| table.get(Attribute::PartitionBy).is_some())
    }

    /// What a statement did.
    fn footprint_at(&self, at: Position) -> Option<&'l Footprint> {
        self.compiled.footprints.iter().find(|footprint| footprint.at == at)
    }

    /// Whether an object, or the relation that it is part of, was there before.
    fn had(&self, id: &ObjectId) -> bool {
        self.was_there(&id.to_string())
    }

    /// An object as it was before the first of the migrations, by the name that this one leaves it with.
    fn before(&self, id: &ObjectId) -> Option<&Arc<Object>> {
        let old_name = |id: &ObjectId| {
            self.compiled.effects.iter().find_map(|effect| match effect {
                Effect::Renamed { from, to } if **to == *id => Some(from.name.clone()),
                _ => None,
            })
        };
        let mut old = id.clone();
        old.name = old_name(id).unwrap_or(old.name);
        if let (Some(schema), Some(relation)) = (&id.schema, &id.relation) {
            let table = ObjectId::in_schema(Kind::Table, schema.clone(), relation.clone());
            old.relation = old_name(&table).or(old.relation);
        }
        self.base.get(&old)
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
        self.first_naming(id, &["alter", "drop"])
    }

    /// The statement that gives a column another type: it may be renamed by another one.
    fn statement_retyping(&self, column: &ObjectId) -> Position {
        let before = self.before(column).map_or(&column.name, |before| &before.id.name);
        let retypes = |examined: &&ExaminedStatement<'_>| {
            examined.statement.words().any(|word| word == "type")
                && names_in(examined.statement.text)
                    .any(|name| name == column.name.as_str() || name == before.as_str())
        };
        let found = self.statements.iter().find(retypes);
        found.map_or_else(|| self.statement_of(column), |examined| examined.statement.position())
    }

    /// The statement that makes this object, in the same way.
    fn statement_making(&self, id: &ObjectId) -> Position {
        self.first_naming(id, &["create", "alter"])
    }

    /// The DDL with one of these verbs that names an object, and best its relation as well.
    fn first_naming(&self, id: &ObjectId, verbs: &[&str]) -> Position {
        let relation = id.relation_path();
        let alone = |footprint: &&Footprint| {
            footprint.locks.get(relation.as_str()) == Some(&LockMode::AccessExclusive)
                || footprint.drops.contains(relation.as_str())
        };
        let names = self.names.get_or_init(|| StatementNames::of(self.statements));
        let of_its_relation = id.relation.as_ref().and_then(|of| names.first(verbs, &[&id.name, of]));
        let named = of_its_relation.or_else(|| names.first(verbs, &[&id.name]));
        let place = |place: usize| self.statements.get(place).map(|examined| examined.statement.position());
        let locked = || self.compiled.footprints.iter().find(alone).map(|footprint| footprint.at);
        named.and_then(place).or_else(locked).or_else(|| place(0)).unwrap_or_default()
    }

    /// The text of a statement.
    fn text_at(&self, at: Position) -> &'l str {
        let found = self.statements.iter().find(|examined| examined.statement.position() == at);
        found.map_or("", |examined| examined.statement.text)
    }
}
