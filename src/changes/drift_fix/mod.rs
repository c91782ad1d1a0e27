//! What was changed by hand is brought back on a live database: the steps, a guard before each, one script of them for elsewhere,
//! and the run through the write session.
//!
//! [`crate::changes::schema_plan::repairs`] says what the steps are. Nothing is asked here: the caller has shown the plan, and
//! has got the confirmation.

mod failure;
mod guard;
mod run;
mod script;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use smol_str::SmolStr;

use crate::changes::plan::{Affected, Relations, Script};
use crate::changes::schema_plan::{PlannedMigration, PlannedStep};
use crate::error::Failure;
use crate::findings::Hazard;
use crate::migrations::Directives;
use crate::postgres::catalog::{Catalog, Kind, ObjectId};
use crate::postgres::ddl;
use crate::postgres::lock_mode::LockMode;

pub use guard::{Guarded, SeenObject, SeenObjects, answer, question};
pub use run::{FixJob, FixOutcome, run};
pub use script::{ScriptPlace, to_sql};

/// The name of the statements in refusals.
const SOURCE: &str = "check --fix";

/// The steps that bring a database back, in order.
#[derive(Debug, Clone, Default)]
pub struct FixPlan {
    /// They.
    pub steps: Vec<FixStep>,
}

/// Statements that stay together.
#[derive(Debug, Clone)]
pub struct FixStep {
    /// What they are about, by the name that it has afterwards.
    pub object: ObjectId,
    /// What they do to it.
    pub verb: &'static str,
    /// What they do beside changing the schema.
    pub hazards: Vec<Hazard>,
    /// Whether they are one transaction; else each is committed before the next one.
    pub transactional: bool,
    /// The statements.
    pub script: Script,
    /// The locks that they take on relations that are there.
    pub held: BTreeMap<ObjectId, LockMode>,
    /// What must be as it was seen when the step begins. What an earlier step works on is not among it.
    pub guarded: Vec<Guarded>,
    /// What is dropped and created again.
    pub recreated: Vec<Guarded>,
}

impl FixPlan {
    /// The steps of parts, for a database as it is; names without a schema are looked for along `search_path`.
    ///
    /// # Errors
    /// A statement is none that a migration may have.
    pub fn of(
        parts: Vec<PlannedMigration>,
        live: &Catalog,
        search_path: &[SmolStr],
    ) -> Result<Self, Failure> {
        let relations = Relations::of(live, search_path);
        let drops: HashMap<String, &ObjectId> =
            live.objects.iter().map(|object| (ddl::drop(&object.id), &object.id)).collect();
        let mut touched: BTreeSet<Guarded> = BTreeSet::new();
        let planned = parts.into_iter().flat_map(|part| part.steps);
        let steps = planned.map(|step| FixStep::of(step, &relations, &drops, &mut touched));
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether another plan has the same statements in the same order.
    pub fn is_same(&self, other: &Self) -> bool {
        let texts = |plan: &Self| -> Vec<String> {
            let statements = plan.steps.iter().flat_map(|step| &step.script.statements);
            statements.map(|statement| statement.text.clone()).collect()
        };
        texts(self) == texts(other)
    }

    /// Whether a step loses rows or values.
    pub fn loses_data(&self) -> bool {
        self.steps.iter().any(|step| step.hazards.contains(&Hazard::LosesData))
    }

    /// Everything that is guarded.
    pub fn guarded(&self) -> Vec<&Guarded> {
        self.steps.iter().flat_map(|step| &step.guarded).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Everything that has to be seen: what is guarded, and what is created again.
    pub fn to_see(&self) -> Vec<&Guarded> {
        let all = self.steps.iter().flat_map(|step| step.guarded.iter().chain(&step.recreated));
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The tables whose rows or definitions change.
    pub fn affected(&self, live: &Catalog) -> Affected {
        let of_objects =
            self.steps.iter().filter_map(|step| ObjectId::parse(Kind::Table, &step.object.relation_path()));
        let locked = self.steps.iter().flat_map(|step| step.held.keys().cloned());
        let tables = of_objects.chain(locked).filter(|id| id.kind == Kind::Table && live.get(id).is_some());
        Affected::by_rows(live, tables.collect(), SOURCE)
    }
}

impl FixStep {
    fn of(
        step: PlannedStep,
        relations: &Relations<'_>,
        drops: &HashMap<String, &ObjectId>,
        touched: &mut BTreeSet<Guarded>,
    ) -> Result<Self, Failure> {
        let directives = Directives { no_transaction: !step.transactional, ..Directives::default() };
        let script = Script::examine(Path::new(SOURCE), &step.statements.join("\n"), &directives)?;
        let held = relations.held(script.statements.iter().flat_map(|statement| &statement.locks));
        let of_relations = held.keys().filter_map(Guarded::of);
        let all: BTreeSet<Guarded> = Guarded::of(&step.object).into_iter().chain(of_relations).collect();
        let guarded = all.iter().filter(|object| !touched.contains(object)).cloned().collect();
        touched.extend(all);
        let dropped = script.statements.iter().filter_map(|statement| {
            drops
                .get(&format!("{};", statement.text))
                .filter(|id| id.relation.is_none())
                .and_then(|id| Guarded::of(id))
        });
        let recreated = dropped.filter(|_| step.verb != "drop").collect();
        Ok(Self {
            object: step.object,
            verb: step.verb,
            hazards: step.hazards,
            transactional: step.transactional,
            script,
            held,
            guarded,
            recreated,
        })
    }

    /// `alter column public.users.email`
    pub fn title(&self) -> String {
        format!("{} {} {}", self.verb, self.object.kind.spoken(), self.object)
    }
}
