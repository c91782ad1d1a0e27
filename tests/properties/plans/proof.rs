//! One pair, proved on a server: each catalog is made in a transaction that is rolled back.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use similar::TextDiff;
use trueup::changes::schema_plan::{PlannedStep, in_one_transaction, migrations};
use trueup::model::diagnosis::{CatalogChange, Decided, between};
use trueup::model::diff::align_owned_sequences;
use trueup::model::{CompiledSettings, DeclaredBy, Head};
use trueup::postgres::catalog::reader::{ReadOptions, read_inside};
use trueup::postgres::catalog::{Catalog, Kind, Object};
use trueup::postgres::connection::Session;
use trueup::postgres::ddl;
use trueup::postgres::scratch::{Scratch, ScratchDatabase, ScratchOptions};

use super::values;
use crate::properties::catalogs::{lines, what_ddl_says};

/// How often what a plan has left is planned again, as `generate` does it.
const MOST_ROUNDS: usize = 4;

/// How many pairs one database is used for: what is rolled back stays in its files.
const PAIRS_OF_A_DATABASE: usize = 25;

/// A server, and what was seen on it.
pub(crate) struct Prover {
    scratch: Scratch,
    database: ScratchDatabase,
    session: Session,
    head: Head,
    pairs: usize,
    unmade: usize,
    rounds: [usize; MOST_ROUNDS + 1],
    unsaid: usize,
    ways_back: usize,
}

impl Prover {
    pub(crate) async fn start() -> Result<Self> {
        let mut scratch = Scratch::start(&ScratchOptions::default()).await?;
        let database = scratch.create_database().await?;
        let session = scratch.connect(&database).await?;
        let head = Head {
            server: scratch.version(),
            declared_by: DeclaredBy::Schema,
            options: ReadOptions::default(),
            settings: CompiledSettings::default(),
            inputs: Vec::new(),
        };
        Ok(Self {
            scratch,
            database,
            session,
            head,
            pairs: 0,
            unmade: 0,
            rounds: Default::default(),
            unsaid: 0,
            ways_back: 0,
        })
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.session.close().await;
        self.scratch.stop().await
    }

    /// Whether most pairs could be made, and most plans had a way back that was tried.
    pub(crate) fn has_tried_enough(&self) -> bool {
        10 * self.unmade < self.pairs && 4 * self.ways_back > self.pairs
    }

    /// What was tried, in numbers.
    pub(crate) fn told(&self) -> String {
        format!(
            "{} pairs, {} of them not made, by how many plans {:?}, {} with something that has no statements, {} ways back",
            self.pairs, self.unmade, self.rounds, self.unsaid, self.ways_back
        )
    }

    /// Whether the plan from one catalog to the other holds, and the one back.
    pub(crate) async fn holds(&mut self, pair: &[Catalog; 2]) -> Result<()> {
        self.pairs += 1;
        if self.pairs.is_multiple_of(PAIRS_OF_A_DATABASE) {
            self.renew().await?;
        }
        let held = self.in_transactions(pair).await;
        self.session.execute("ROLLBACK").await?;
        held
    }

    async fn renew(&mut self) -> Result<()> {
        let database = self.scratch.create_database().await?;
        let session = self.scratch.connect(&database).await?;
        std::mem::replace(&mut self.session, session).close().await;
        let used = std::mem::replace(&mut self.database, database);
        self.scratch.drop_database(used).await
    }

    async fn in_transactions(&mut self, [first, second]: &[Catalog; 2]) -> Result<()> {
        // What is left when objects are taken out of a catalog is not always a catalog.
        let Ok(to) = self.made(second).await else {
            self.unmade += 1;
            return Ok(());
        };
        self.session.execute("ROLLBACK").await?;
        let Ok(from) = self.made(first).await else {
            self.unmade += 1;
            return Ok(());
        };
        let mut applied = Vec::new();
        let reached = self.forward(&from, &to, &mut applied).await;
        let told = |applied: &[String]| {
            format!(
                "the first:\n{}\n\nthe second:\n{}\n\nthe plan:\n{}",
                script(first),
                script(second),
                applied.join("\n")
            )
        };
        if !reached.with_context(|| told(&applied))? {
            return Ok(());
        }
        let mut back = Vec::new();
        self.back(&to, &from, &mut back)
            .await
            .with_context(|| format!("{}\n\nthe way back:\n{}", told(&applied), back.join("\n")))
    }

    /// The catalog as the server reads it back, in a transaction that is open then.
    async fn made(&mut self, catalog: &Catalog) -> Result<Catalog> {
        self.session.execute("BEGIN").await?;
        for statement in ddl::script(catalog) {
            self.session.execute(statement.clone()).await.with_context(|| statement)?;
        }
        self.read().await
    }

    async fn read(&mut self) -> Result<Catalog> {
        let options = ReadOptions::default();
        Ok(read_inside(&mut self.session, self.head.server, &options).await?.catalog)
    }

    /// Applies plans until the second catalog is there: whether it is. Else something was named that has no statements.
    async fn forward(&mut self, from: &Catalog, to: &Catalog, applied: &mut Vec<String>) -> Result<bool> {
        let decided = values::decided(from, to);
        let mut state = from.clone();
        for round in 0..=MOST_ROUNDS {
            let plan = migrations(&self.head, &state, to, &decided);
            if plan.is_empty() {
                self.rounds[round] += 1;
                break;
            }
            ensure!(round < MOST_ROUNDS, "the plan does not come to an end");
            let steps = plan.iter().flat_map(|migration| &migration.steps);
            self.apply(steps, applied).await?;
            state = self.read().await?;
        }
        let left = between(&self.head, [&state, to], Some(&Decided::default()), true);
        self.unsaid += usize::from(!left.is_empty());
        explained(&left)?;
        if left.is_empty() {
            same(to, &state)?;
        }
        Ok(left.is_empty())
    }

    /// Applies the way back, unless something is named that has no statements.
    async fn back(&mut self, from: &Catalog, to: &Catalog, applied: &mut Vec<String>) -> Result<()> {
        let (steps, without) = in_one_transaction(&self.head, from, to, &Decided::default());
        if without.iter().any(|(object, _)| object.kind == Kind::Column) {
            return Ok(());
        }
        self.apply(steps.iter(), applied).await?;
        let state = self.read().await?;
        let left = between(&self.head, [&state, to], Some(&Decided::default()), false);
        if without.is_empty() {
            ensure!(left.is_empty(), "the way back leaves:\n{}", told(&left));
            same(to, &state)?;
            self.ways_back += 1;
        }
        explained(&left)
    }

    async fn apply<'p>(
        &mut self,
        steps: impl Iterator<Item = &'p PlannedStep>,
        applied: &mut Vec<String>,
    ) -> Result<()> {
        for statement in steps.flat_map(|step| &step.statements) {
            // All is one transaction here.
            let statement = statement.replacen(" CONCURRENTLY ", " ", 1);
            applied.push(statement.clone());
            self.session.execute(statement.clone()).await.with_context(|| format!("refused: {statement}"))?;
        }
        Ok(())
    }
}

/// What is left has a reason.
fn explained(left: &[CatalogChange]) -> Result<()> {
    let unexplained: Vec<CatalogChange> =
        left.iter().filter(|change| change.why.is_none() || !change.changes.is_empty()).cloned().collect();
    ensure!(unexplained.is_empty(), "left without a reason:\n{}", told(&unexplained));
    Ok(())
}

fn told(left: &[CatalogChange]) -> String {
    let lines = left.iter().map(|change| {
        let why = change.why.as_deref().unwrap_or("no reason");
        format!("{:?} {} {}: {why}", change.change, change.object.kind, change.object)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn same(expected: &Catalog, found: &Catalog) -> Result<()> {
    // The name of a column's own sequence means nothing.
    let found = align_owned_sequences(found, expected);
    let (expected, found) = (what_ddl_says(expected), what_ddl_says(&found));
    let equal = |(one, other): (&Arc<Object>, &Arc<Object>)| {
        one.id == other.id && one.attributes.differing(&other.attributes).is_empty()
    };
    let all = expected.objects.iter().zip(&found.objects);
    if expected.objects.len() == found.objects.len() && all.into_iter().all(equal) {
        return Ok(());
    }
    let (expected, found) = (lines(&expected), lines(&found));
    let diff = TextDiff::from_lines(&expected, &found);
    bail!(
        "nothing differs, and it is another catalog:\n{}",
        diff.unified_diff().context_radius(0).header("expected", "found")
    )
}

fn script(catalog: &Catalog) -> String {
    ddl::script(catalog).join("\n")
}
