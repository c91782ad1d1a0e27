//! Plans what is done to the rows of a database: what differs, and in which order tables and rows are seeded.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::Result;
use serde::Serialize;

use super::lookups;
use crate::data::seeds::{
    self, ColumnSequence, EditorTable, ExpressionAt, Lookups, PlannedGroup, PlannedSeed, SeedForeignKey,
    SeedQuery, SeedQueryRow, SeedScript, SeedTarget, Seeds, TablePlan, TableToOrder,
};
use crate::error::{ErrorCode, Failure};
use crate::postgres::catalog::reader::IndexedSequence;
use crate::postgres::catalog::{Catalog, ObjectId};
use crate::postgres::connection::Session;
use crate::project::Settings;
use crate::snapshot::{Asked, DatabaseSnapshot, SequenceBehind, UnreadSequence, UnseenReason};
use crate::workflow::reports::schema_report::to_see_all_of;

/// The planned changes of a database.
pub(crate) struct SeedPlan {
    pub(crate) snapshot: DatabaseSnapshot,
    /// The tables in the order in which they are seeded.
    pub(crate) tables: Vec<PlannedTable>,
    /// The tables that are seeded together, and whether each of their rows is inserted by itself.
    groups: Vec<(Range<usize>, bool)>,
    /// The expressions that read tables.
    pub(crate) lookups: Lookups,
    /// Whether constraints are deferred to the end of the transaction.
    pub(crate) deferred: bool,
    /// The tables that were seeded and are declared no more, where they were asked for.
    pub(crate) undeclared: Vec<UndeclaredTable>,
}

/// The plan of one table.
pub(crate) struct PlannedTable {
    pub(crate) id: ObjectId,
    pub(crate) query: SeedQuery,
    pub(crate) answers: Vec<SeedQueryRow>,
    /// The constant defaults of its columns.
    pub(crate) defaults: BTreeMap<String, String>,
    pub(crate) plan: TablePlan,
    /// Its foreign keys.
    keys: Vec<SeedForeignKey>,
    /// The sequences that fill its columns.
    sequences: Vec<ColumnSequence>,
}

/// A table that was seeded, and of which no file declares rows any more. They are kept.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UndeclaredTable {
    /// The table: `public.organizations`.
    pub(crate) table: String,
    /// The number of rows that were seeded.
    pub(crate) seeded: usize,
    /// Those that are still in the database.
    pub(crate) rows: Vec<String>,
    /// Why it is not known which of them are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<String>,
    /// Whether the table does not exist any more: the next run that writes removes the records of its rows.
    #[serde(skip)]
    pub(crate) is_dropped: bool,
}

/// The tables and how they differ from the declaration. Their order is not known yet.
pub(crate) struct ComparedSeeds {
    snapshot: DatabaseSnapshot,
    tables: Vec<PlannedTable>,
}

impl ComparedSeeds {
    /// Compares the rows of the database with the declaration; `overwrite` as for `trueup seed`.
    ///
    /// # Errors
    /// Exit 2: a file does not fit the database. Exit 3: this role does not see all rows.
    pub(crate) fn new(
        settings: &Settings,
        mut snapshot: DatabaseSnapshot,
        seeds: &Seeds,
        overwrite: bool,
    ) -> Result<Self> {
        refuse_unseen(&snapshot)?;
        // The results may be large: they are moved, not copied.
        let mut asked: BTreeMap<usize, Asked> =
            snapshot.seeded.asked.drain(..).map(|asked| (asked.seed, asked)).collect();
        let mut tables: Vec<PlannedTable> = Vec::new();
        for (number, seed) in seeds.tables.iter().enumerate() {
            let SeedTarget { id } =
                SeedTarget::resolve(seed, &snapshot.catalog, &settings.database.search_path)?;
            if let Some(other) = tables.iter().find(|other| other.id == id) {
                let what = format!("table: the rows of {id} are declared in {}, too", other.query.seed.file);
                return Err(seed
                    .error_at(seed.table.line, what)
                    .next("put all rows of a table into one file")
                    .into());
            }
            let Some(Asked { question: query, answers, .. }) = asked.remove(&number) else { continue };
            let defaults = seeds::defaults(&query.columns, &snapshot.catalog);
            let plan = seeds::plan(&query, &answers, &defaults, overwrite)?;
            let keys = SeedForeignKey::of(&query.columns, &snapshot.catalog);
            let sequences = ColumnSequence::of(&query.columns, &snapshot.catalog);
            tables.push(PlannedTable { id, query, answers, defaults, plan, keys, sequences });
        }
        Ok(Self { snapshot, tables })
    }

    /// The expressions that may be lookups: those of the rows that are inserted or updated, or of all rows.
    pub(crate) fn expressions(&self, of_all_rows: bool) -> Vec<ExpressionAt> {
        let of_table = |table: &PlannedTable| -> Vec<ExpressionAt> {
            let on_change = of_all_rows || table.plan.updates() > 0;
            seeds::expressions(&table.query.seed, table.inserted(of_all_rows), on_change).collect()
        };
        self.tables.iter().flat_map(of_table).collect()
    }

    /// Orders the tables by their foreign keys and by what the lookups of their rows read, which the server is asked.
    ///
    /// # Errors
    /// Exit 2: an expression is wrong, or foreign keys form a cycle. Exit 3: the server cannot be asked.
    pub(crate) async fn ordered(
        self,
        settings: &Settings,
        session: &mut Session,
        of_all_rows: bool,
    ) -> Result<SeedPlan> {
        let expressions = self.expressions(of_all_rows);
        let lookups = lookups::read(settings, session, &expressions).await?;
        self.in_order(lookups, of_all_rows)
    }

    /// Orders the tables by their foreign keys.
    ///
    /// # Errors
    /// Exit 2: foreign keys form a cycle.
    pub(crate) fn without_lookups(self) -> Result<SeedPlan> {
        self.in_order(Lookups::default(), false)
    }

    fn in_order(self, lookups: Lookups, of_all_rows: bool) -> Result<SeedPlan> {
        let Self { snapshot, tables } = self;
        let to_order: Vec<TableToOrder<'_>> = tables
            .iter()
            .map(|table| {
                let seed = &table.query.seed;
                let rows = table.inserted(of_all_rows).into_iter();
                let (looks_up, mut reads) = lookups.reads(rows.flat_map(|row| &seed.rows[row].cells));
                reads.extend(lookups.reads(&seed.on_change).1);
                TableToOrder { columns: &table.query.columns, looks_up, reads }
            })
            .collect();
        let order = seeds::order(&to_order, &snapshot.catalog).map_err(|cycle| {
            Failure::usage(format!("the foreign keys of {} form a cycle", cycle.tables.join(", ")))
                .next("make one of them deferrable: ALTER TABLE ... ALTER CONSTRAINT ... DEFERRABLE")
        })?;
        drop(to_order);
        let mut unordered: Vec<Option<PlannedTable>> = tables.into_iter().map(Some).collect();
        let (mut tables, mut groups) = (Vec::new(), Vec::new());
        for group in &order.groups {
            let first = tables.len();
            tables.extend(group.positions.iter().filter_map(|position| unordered[*position].take()));
            groups.push((first..tables.len(), group.row_by_row));
        }
        let (deferred, undeclared) = (order.deferred, Vec::new());
        Ok(SeedPlan { snapshot, tables, groups, lookups, deferred, undeclared })
    }
}

/// Refuses a database in which this role does not see all rows of a table.
fn refuse_unseen(snapshot: &DatabaseSnapshot) -> Result<()> {
    let code = snapshot.seeded.unseen.iter().find_map(|unseen| match &unseen.why {
        Some(UnseenReason::Code(code)) => Some(code),
        _ => None,
    });
    if let Some(code) = code {
        return Err(Failure::cannot_tell(format!("{}; nothing was changed", code.sentence()))
            .code(ErrorCode::DATA_UNTRUSTED)
            .next(code.remedy())
            .into());
    }
    let tables: Vec<&str> = snapshot.seeded.unseen.iter().map(|unseen| unseen.table.as_str()).collect();
    let unseen = snapshot.seeded.unseen.iter().map(|unseen| match &unseen.why {
        Some(why) => format!("{} ({})", unseen.table, why.in_words()),
        None => unseen.table.clone(),
    });
    let unseen: Vec<String> = unseen.collect();
    if unseen.is_empty() {
        return Ok(());
    }
    Err(Failure::cannot_tell(format!(
        "this role does not see all rows of {}; nothing was changed",
        unseen.join(", ")
    ))
    .code(ErrorCode::DATA_HIDDEN)
    .next(to_see_all_of(&tables, &snapshot.identity.role))
    .into())
}

impl SeedPlan {
    pub(crate) fn count(&self, of: impl Fn(&TablePlan) -> usize) -> usize {
        self.tables.iter().map(|table| of(&table.plan)).sum()
    }

    /// The tables whose rows are declared, qualified and quoted.
    pub(crate) fn declared_tables(&self) -> BTreeSet<String> {
        self.tables.iter().map(|table| table.query.columns.path()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.plan.is_empty()) && self.dropped_tables().is_empty()
    }

    /// The tables whose rows are recorded as seeded and that do not exist any more.
    pub(crate) fn dropped_tables(&self) -> Vec<&str> {
        let dropped = self.undeclared.iter().filter(|table| table.is_dropped);
        dropped.map(|table| table.table.as_str()).collect()
    }

    pub(crate) fn changes_nothing(&self) -> bool {
        self.tables.iter().all(|table| table.plan.changes_nothing())
    }

    pub(crate) fn is_part_of(&self, shown: &Self) -> bool {
        self.tables.iter().all(|table| {
            let known = shown.tables.iter().find(|known| known.id == table.id);
            known.is_some_and(|known| table.plan.is_part_of(&known.plan))
        })
    }

    /// The sequences of seeded tables that are behind their columns, where they were asked for.
    pub(crate) fn behind(&self) -> impl Iterator<Item = &SequenceBehind> {
        self.snapshot.behind.iter().filter(|behind| self.fills(&behind.of))
    }

    /// The sequences of seeded tables of which that is not known, where they were asked for.
    pub(crate) fn unread_sequences(&self) -> impl Iterator<Item = &UnreadSequence> {
        self.snapshot.unread_sequences.iter().filter(|unread| self.fills(&unread.of))
    }

    fn fills(&self, of: &IndexedSequence) -> bool {
        self.tables.iter().any(|table| table.query.columns.path() == of.path())
    }

    pub(crate) fn seeds(&self) -> Vec<PlannedSeed<'_>> {
        self.tables.iter().map(PlannedTable::planned).collect()
    }

    /// The statements that apply the plan.
    pub(crate) fn script(&self) -> SeedScript<'_> {
        let group = |(tables, row_by_row): &(Range<usize>, bool)| PlannedGroup {
            tables: self.tables[tables.clone()].iter().map(PlannedTable::planned).collect(),
            row_by_row: *row_by_row,
        };
        let groups: Vec<PlannedGroup<'_>> = self.groups.iter().map(group).collect();
        SeedScript::new(&groups, &self.lookups, self.deferred)
    }

    /// The statements for a query editor, from the answers for all rows.
    pub(crate) fn script_for_editor(&self) -> String {
        let catalog = &self.snapshot.catalog;
        let group = |(tables, row_by_row): &(Range<usize>, bool)| {
            let tables = self.tables[tables.clone()].iter();
            (tables.map(|table| table.in_editor(catalog)).collect(), *row_by_row)
        };
        let groups: Vec<(Vec<EditorTable<'_>>, bool)> = self.groups.iter().map(group).collect();
        seeds::script_for_editor(&groups, &self.lookups)
    }
}

impl PlannedTable {
    /// The positions of the rows that are inserted, or those of all rows.
    fn inserted(&self, all: bool) -> Vec<usize> {
        let missing = self.plan.rows.iter().filter(|row| row.missing).map(|row| row.row);
        if all { (0..self.query.len()).collect() } else { missing.collect() }
    }

    fn planned(&self) -> PlannedSeed<'_> {
        let Self { query, plan, keys, sequences, .. } = self;
        PlannedSeed { query, plan, keys, sequences }
    }

    fn in_editor(&self, catalog: &Catalog) -> EditorTable<'_> {
        let Self { query, answers, keys, sequences, .. } = self;
        let refers_to_itself = seeds::refers_to_itself(&query.columns, catalog);
        EditorTable { query, answers, refers_to_itself, keys, sequences }
    }
}
