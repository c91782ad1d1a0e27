//! Converts a plan to a report or to a script.

use anyhow::Result;

use super::args::SeedArgs;
use super::report::{BehindSequence, RowState, SeedColumn, SeedReport, SeedRow, SeedStage, SeedTable};
use crate::data::seeds::{self, RowPlan, SeedQuery};
use crate::error::Exit;
use crate::findings::Finding;
use crate::model::diagnosis;
use crate::postgres::connection::Target;
use crate::postgres::sql::{identifier, set_meaning};
use crate::project::Settings;
use crate::snapshot::UnreadReason;
use crate::workflow::deliver::deliver;
use crate::workflow::reports::target::TargetReport;
use crate::workflow::seeding::{PlannedTable, SeedPlan};
use crate::workflow::{comparison, environment_mark};

/// Prints the report.
pub(super) fn print(settings: &Settings, report: &SeedReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit)
}

/// The plan as a report.
pub(super) fn build(
    settings: &Settings,
    args: &SeedArgs,
    target: &Target,
    seed_plan: &SeedPlan,
    stage: SeedStage,
) -> SeedReport {
    let identity = &seed_plan.snapshot.identity;
    let marked = seed_plan.snapshot.mark();
    let left = seed_plan.tables.iter().any(|table| table.plan.skips_any());
    let differs = match stage {
        SeedStage::Checked => left || !seed_plan.changes_nothing() || seed_plan.behind().next().is_some(),
        SeedStage::Planned | SeedStage::Done => left && args.strict,
    };
    let mut notes: Vec<String> = environment_mark::note(settings, target, marked).into_iter().collect();
    if stage != SeedStage::Done {
        notes.extend(seed_plan.snapshot.notes.iter().cloned());
        notes.extend(UnreadReason::notes(seed_plan.unread_sequences()));
    }
    SeedReport {
        run: settings.run.clone(),
        exit: if differs { Exit::Findings } else { Exit::Clean },
        target: TargetReport::new(settings, target, identity, marked),
        stage,
        overwrite: args.overwrite,
        tables: seed_plan.tables.iter().map(table_report).collect(),
        behind: seed_plan
            .behind()
            .map(|behind| BehindSequence::new(&comparison::sequence_behind(behind)))
            .collect(),
        undeclared: seed_plan.undeclared.clone(),
        findings: (stage == SeedStage::Checked).then(|| self::findings(seed_plan)),
        backup_plan: None,
        backup: None,
        notes,
    }
}

/// The rows that are missing or different, and the sequences that are behind them, as findings.
fn findings(seed_plan: &SeedPlan) -> Vec<Finding> {
    let known = seed_plan.snapshot.seeded.known;
    let rows = seed_plan.tables.iter().flat_map(|table| diagnosis::seeded(&table.query, &table.plan, known));
    rows.chain(seed_plan.behind().map(comparison::sequence_behind)).collect()
}

fn table_report(PlannedTable { query, plan, .. }: &PlannedTable) -> SeedTable {
    let only_recorded = |row: &&RowPlan| {
        !row.missing && row.changes.is_empty() && row.skipped().next().is_none() && row.record.is_some()
    };
    SeedTable {
        table: query.columns.path(),
        file: query.seed.file.clone(),
        declared: plan.declared,
        missing: plan.inserts(),
        different: plan.updates(),
        edited: plan.edited().count(),
        unseeded: plan.unseeded().count(),
        recorded: plan.rows.iter().filter(only_recorded).count(),
        no_longer_declared: plan.no_longer_declared.len(),
        no_longer_declared_rows: plan.no_longer_declared.iter().map(|key| query.label(key)).collect(),
        rows: plan.rows.iter().flat_map(|row| row_reports(query, row)).collect(),
    }
}

/// A row can have columns that are updated and others that are kept.
fn row_reports(query: &SeedQuery, row: &RowPlan) -> Vec<SeedRow> {
    let declared = &query.seed.rows[row.row];
    let states = [
        (RowState::Missing, row.missing, &[][..]),
        (RowState::Different, !row.changes.is_empty(), &row.changes[..]),
        (RowState::Edited, !row.edits.is_empty(), &row.edits[..]),
        (RowState::Unseeded, !row.unseeded.is_empty(), &row.unseeded[..]),
    ];
    let report = |(state, _, differences): (RowState, bool, &[seeds::ColumnDifference])| SeedRow {
        object: query.label(&row.key),
        state,
        declared_at: format!("{}:{}", declared.file, declared.line),
        columns: differences
            .iter()
            .map(|difference| SeedColumn {
                name: difference.column.clone(),
                declared: difference.declared.clone(),
                actual: difference.actual.clone(),
            })
            .collect(),
    };
    states.into_iter().filter(|(_, holds, _)| *holds).map(report).collect()
}

/// The script of `--sql`.
pub(super) fn script(settings: &Settings, seed_plan: &SeedPlan) -> String {
    let mut script = String::from(
        "-- What schema/seeds/ declares. Run twice, it changes nothing the second time.\nBEGIN;\n",
    );
    if let Some(role) = &settings.database.set_role {
        script.push_str(&format!("SET LOCAL ROLE {};\n", identifier(role)));
    }
    script.push_str(&format!("SET LOCAL search_path = {};\n", settings.database.search_path));
    script.push_str(&format!("{}\nSET LOCAL lc_monetary = 'C';\n", set_meaning("SET LOCAL")));
    if seed_plan.deferred {
        script.push_str("SET CONSTRAINTS ALL DEFERRED;\n");
    }
    script.push_str(&seed_plan.script_for_editor());
    script.push_str("\nCOMMIT;\n");
    script
}
