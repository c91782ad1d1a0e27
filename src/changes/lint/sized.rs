//! What was found, with the sizes of the tables: how long others wait, and which tables are too small to wait for.
//!
//! Sizes are looked at last, after what a person has allowed: an allowance stays needed whatever a table's size is today.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use smol_str::SmolStr;

use super::LintOutcome;
use crate::changes::estimate::{Estimate, SizesInPlan, StatementEstimate, TimeClass, estimates};
use crate::findings::{Finding, Location};
use crate::migrations::Migration;
use crate::migrations::script::{Examination, WrittenName};
use crate::model::{CompiledMigration, Lock};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::Position;
use crate::snapshot::Size;
use crate::text::{plural, size as bytes_in_words};

/// A table of fewer rows makes nobody wait for long.
pub const SMALL: u64 = 10_000;

/// The rules that a small table has nothing to do with begin otherwise.
const BLOCKS: &str = "blocks.";

/// What is known of the sizes of tables.
pub struct LintSizes<'s> {
    /// The sizes by qualified and quoted names, before the migrations that are judged.
    pub known: &'s BTreeMap<String, Size>,
    /// Whether the project says of a relation that it is small.
    pub is_small: &'s dyn Fn(&str) -> bool,
    /// The schemas in which a name without one is looked for.
    pub search_path: &'s [SmolStr],
}

/// A finding that is none, because the table is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilencedFinding {
    /// The rule.
    pub code: String,
    /// The statement.
    pub location: Option<Location>,
    /// Why: `public.settings has 200 rows`.
    pub why: String,
}

/// What sizes have changed of what was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SizedFindings {
    /// What is not alarming.
    pub silenced: Vec<SilencedFinding>,
    /// The relations that others wait for, and whose sizes are not known.
    pub unknown: BTreeSet<SmolStr>,
}

impl LintOutcome {
    /// Adds to what was found how long others wait, and leaves out what is about small tables alone.
    pub fn apply_sizes(&mut self, lock: &Lock, files: &[Migration], sizes: &LintSizes<'_>) -> SizedFindings {
        let mut made = SizedFindings::default();
        let is_of_locks = |finding: &Finding| finding.code.starts_with(BLOCKS);
        if !self.findings.iter().any(is_of_locks) {
            return made;
        }
        let files: HashMap<i64, &Migration> = files.iter().map(|file| (file.version, file)).collect();
        let named = |compiled| {
            Some((files.get(&CompiledMigration::id(compiled).version)?.id().to_string(), compiled))
        };
        let compiled: HashMap<String, &CompiledMigration> =
            lock.migrations.iter().filter_map(named).collect();
        let mut estimated: HashMap<i64, Vec<StatementEstimate>> = HashMap::new();
        self.findings.retain_mut(|finding| {
            let at = finding
                .location
                .as_ref()
                .and_then(|location| Some(Position { line: location.line, column: location.column? }));
            let (Some(at), Some(compiled), true) = (at, compiled.get(&finding.object), is_of_locks(finding))
            else {
                return true;
            };
            let statements = estimated.entry(compiled.version).or_insert_with(|| {
                files.get(&compiled.version).map(|file| sizes.estimates(compiled, file)).unwrap_or_default()
            });
            let Some(statement) = statements.iter().find(|one| one.at == at) else { return true };
            if let Some(why) = sizes.why_small(statement) {
                let (code, location) = (finding.code.clone(), finding.location.clone());
                made.silenced.push(SilencedFinding { code, location, why });
                return false;
            }
            let unknown = statement.works.iter().filter(|work| work.bytes.is_none());
            made.unknown.extend(unknown.map(|work| work.on.clone()));
            say(finding, statement);
            true
        });
        made
    }
}

/// Says the size and the time in a finding.
fn say(finding: &mut Finding, statement: &StatementEstimate) {
    let size = statement.heaviest().bytes.map(bytes_in_words);
    let said = match (size, &statement.estimate) {
        (Some(size), Some(estimate)) => format!("{size}, {}", estimate.class().word()),
        _ => "size not known".to_owned(),
    };
    if let Some(sides) = &mut finding.sides {
        sides.database.push_str(&format!(" ({said})"));
    }
    finding.estimate = statement.estimate.as_ref().map(|estimate| estimate.reported(statement.blocks()));
}

impl LintSizes<'_> {
    fn estimates(&self, compiled: &CompiledMigration, file: &Migration) -> Vec<StatementEstimate> {
        let path = file.path.as_path();
        let examined = Examination::of(path, &file.sql, &file.directives);
        let statements: Vec<_> = examined.statements.iter().map(|examined| examined.statement).collect();
        let transactional = !file.directives.no_transaction;
        let mut sizes = SizesInPlan::new(self.known);
        estimates(&statements, &compiled.footprints, transactional, &|name| Some(self.find(name)), &mut sizes)
    }

    /// The relation that a written name means: the first of that name whose size is known, else one of the first schema.
    fn find(&self, name: &WrittenName) -> SmolStr {
        let of = |schema: &SmolStr| {
            SmolStr::from(ObjectId::in_schema(Kind::Table, schema.clone(), name.name.clone()).to_string())
        };
        let schemas = name.schema.as_ref().map_or(self.search_path, std::slice::from_ref);
        let mut all = schemas.iter().map(of);
        let known = all.clone().find(|relation| self.known.contains_key(relation.as_str()));
        known.or_else(|| all.next()).unwrap_or_else(|| SmolStr::from(name.to_string()))
    }

    /// Why nobody waits for this statement for long: all that it works on is small.
    fn why_small(&self, statement: &StatementEstimate) -> Option<String> {
        let why = |on: &SmolStr| {
            if (self.is_small)(on) {
                return Some(format!("[lint] small names {on}"));
            }
            let size = self.known.get(on.as_str())?;
            let few = size.rows < SMALL && is_quick(statement.estimate.as_ref());
            few.then(|| format!("{on} has {}", plural(size.rows, "row")))
        };
        let all: Option<BTreeSet<String>> = statement.works.iter().map(|work| why(&work.on)).collect();
        all.map(|all| all.into_iter().collect::<Vec<_>>().join(", "))
    }
}

/// Few rows may be large ones.
fn is_quick(estimate: Option<&Estimate>) -> bool {
    estimate.is_none_or(|estimate| estimate.class() <= TimeClass::Seconds)
}
