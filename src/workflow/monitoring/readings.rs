//! What was read of a database last, and the metrics that follow from it.

use std::time::Duration;

use super::probe::{Probe, ProbeFacts};
use crate::backup::{Manifest, ProofLevel, Scope};
use crate::findings::{Change, Finding, Severity};
use crate::output::{MetricFamily, MetricLabels, Metrics, ProbeName};
use crate::snapshot::Identity;
use crate::workflow::backup_store;
use crate::workflow::readiness::ReadyReport;
use crate::workflow::reports::metrics::{self, DriftBySeverity, PendingByPhase};
use crate::workflow::reports::schema_report::SchemaReport;

/// What was read of a database last.
#[derive(Debug)]
pub(crate) struct Readings {
    /// The ULID of the run.
    pub(super) run: String,
    /// How metrics call the database.
    pub(super) labels: MetricLabels,
    /// Whether it has the schema that is needed.
    pub(super) readiness: Probe<ReadyReport>,
    /// How its schema differs from the declared one.
    pub(super) schema: Probe<ComparedObjects>,
    /// The rows that each data check finds.
    pub(super) checks: Vec<WatchedCheck>,
    /// Its backups.
    pub(super) backups: Probe<KnownBackups>,
}

/// The differences of a schema, by their names: no definition, no value.
#[derive(Debug)]
pub(super) struct ComparedObjects {
    /// The outcome in one sentence.
    pub(super) verdict: String,
    /// The objects that differ, the most severe first.
    pub(super) objects: Vec<DifferingObject>,
    drift: DriftBySeverity,
}

/// An object that differs.
#[derive(Debug)]
pub(super) struct DifferingObject {
    pub(super) object: String,
    pub(super) kind: String,
    pub(super) severity: Severity,
    pub(super) change: Change,
    pub(super) cause: &'static str,
}

/// A data check that is repeated.
#[derive(Debug)]
pub(super) struct WatchedCheck {
    pub(super) name: String,
    pub(super) severity: Severity,
    pub(super) rows: Probe<u64>,
}

/// The full backups of a database.
#[derive(Debug)]
pub(super) struct KnownBackups {
    pub(super) count: usize,
    pub(super) newest: Option<NewestBackup>,
}

/// The newest of them.
#[derive(Debug)]
pub(super) struct NewestBackup {
    pub(super) manifest: Manifest,
}

impl Readings {
    /// Nothing was read yet. An answer about readiness counts for `max_age`, the others for three times `interval`: they are
    /// read as seldom as that.
    pub(crate) fn new(
        run: String,
        labels: MetricLabels,
        checks: impl Iterator<Item = (String, Severity)>,
        max_age: Duration,
        interval: Duration,
    ) -> Self {
        let seldom = max_age.max(interval * 3);
        let watched = |(name, severity)| WatchedCheck { name, severity, rows: Probe::new(seldom) };
        Self {
            run,
            labels,
            readiness: Probe::new(max_age),
            schema: Probe::new(seldom),
            checks: checks.map(watched).collect(),
            backups: Probe::new(seldom),
        }
    }

    /// All that is known, as metrics.
    pub(super) fn metrics(&self) -> Metrics {
        let readiness = self.readiness.current().map(|report| &report.readiness);
        let pending = readiness.filter(|readiness| !readiness.hidden_by_newer);
        let backups = self.backups.current();
        let newest = backups.and_then(|backups| backups.newest.as_ref());
        let probes = self.probes();
        let counts = self.checks.iter();
        let counts = counts.map(|check| (&*check.name, check.severity, check.rows.current().copied()));
        Metrics::of(self.labels.clone())
            .family(build_info())
            .family(metrics::ready(readiness.map(|readiness| readiness.ready)))
            .family(metrics::pending(pending.map(|readiness| PendingByPhase {
                expand: readiness.pending.len(),
                contract: readiness.contract.len(),
            })))
            .family(metrics::unfinished(readiness.map(|readiness| readiness.unfinished.len())))
            .family(metrics::modified(
                readiness.filter(|readiness| readiness.texts_compared).map(|readiness| readiness.modified.len()),
            ))
            .family(metrics::drift(self.schema.current().map(|compared| compared.drift)))
            .family(metrics::check_rows(counts))
            .family(
                MetricFamily::new("trueup_backups", "Full backups of this database in the store.")
                    .known(backups.map(|backups| backups.count as f64)),
            )
            .family(
                MetricFamily::new("trueup_backup_age_seconds", "How old the newest full backup is.")
                    .known(newest.and_then(NewestBackup::age).map(metrics::seconds)),
            )
            .family(
                MetricFamily::new(
                    "trueup_backup_verified_level",
                    "How thoroughly the newest full backup was verified: 0 not, 1 quick, 2 contents, 3 restore.",
                )
                .known(newest.map(|newest| f64::from(newest.level()))),
            )
            .family(metrics::success(probes.map(|(probe, facts)| (probe, facts.succeeded))))
            .family(metrics::last_success(probes.map(|(probe, facts)| (probe, facts.answered_at))))
            .family(metrics::age(probes.map(|(probe, facts)| (probe, facts.age))))
            .family(metrics::took(probes.map(|(probe, facts)| (probe, facts.took))))
    }

    /// What is known of each probe. The data checks are one probe: as old as the oldest of them, and answered when all are.
    fn probes(&self) -> [(ProbeName, ProbeFacts); 4] {
        let checks: Vec<ProbeFacts> = self.checks.iter().map(|check| check.rows.facts()).collect();
        [
            (ProbeName::Readiness, self.readiness.facts()),
            (ProbeName::Schema, self.schema.facts()),
            (ProbeName::Data, ProbeFacts::of_all(&checks)),
            (ProbeName::Backup, self.backups.facts()),
        ]
    }
}

impl ComparedObjects {
    /// Keeps the names of what a comparison found.
    pub(super) fn of(report: SchemaReport) -> Self {
        let drift = DriftBySeverity::of(&report.findings);
        let mut objects: Vec<DifferingObject> = report.findings.iter().map(DifferingObject::of).collect();
        objects.sort_by_key(|object| std::cmp::Reverse(object.severity));
        Self { verdict: report.verdict(), objects, drift }
    }
}

impl DifferingObject {
    fn of(finding: &Finding) -> Self {
        Self {
            object: finding.object_in_line(),
            kind: finding.kind_label(),
            severity: finding.severity,
            change: finding.change,
            cause: finding.cause_kind().map_or("", |cause| cause.label()),
        }
    }
}

impl KnownBackups {
    /// The full backups of this database among those of a store, which are sorted by age.
    pub(super) fn of(manifests: Vec<Manifest>, identity: &Identity) -> Self {
        let is_of_it = |manifest: &Manifest| {
            manifest.is_of(&identity.system_identifier, identity.database_oid, &identity.database)
                && manifest.scope == Scope::Full
        };
        let mut full: Vec<Manifest> = manifests.into_iter().filter(is_of_it).collect();
        Self { count: full.len(), newest: full.pop().map(|manifest| NewestBackup { manifest }) }
    }
}

impl NewestBackup {
    /// Its age right now.
    pub(super) fn age(&self) -> Option<Duration> {
        backup_store::age(&self.manifest)
    }

    /// The level of its verification.
    pub(super) fn verified(&self) -> Option<ProofLevel> {
        self.manifest.verified.as_ref().map(|verified| verified.how)
    }

    fn level(&self) -> u8 {
        match self.verified() {
            None => 0,
            Some(ProofLevel::Quick) => 1,
            Some(ProofLevel::Contents) => 2,
            Some(ProofLevel::Restore) => 3,
        }
    }
}

fn build_info() -> MetricFamily {
    let version = env!("CARGO_PKG_VERSION");
    MetricFamily::new("trueup_build_info", "The version of trueup that answers.")
        .sample(&[("version", version)], 1.0)
}
