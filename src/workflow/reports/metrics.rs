//! The metrics of reports: their names, what they mean, and their values.
//!
//! `trueup serve` has all of them; `check`, `verify` and `ready` write those of what they read, so that the files of several
//! commands can lie beside each other. What is not known has no sample: an old value or a guess would be taken for a fact.

use std::time::{Duration, SystemTime};

use crate::findings::{CauseKind, Finding, Severity};
use crate::output::{MetricFamily, MetricLabels, Metrics, ProbeName};

/// The migrations that are not applied, by what they mean for a running application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PendingByPhase {
    /// Those that old versions of the application survive.
    pub(crate) expand: usize,
    /// Contract migrations.
    pub(crate) contract: usize,
}

/// `trueup_ready`
pub(crate) fn ready(ready: Option<bool>) -> MetricFamily {
    MetricFamily::new(
        "trueup_ready",
        "Whether the database has the schema that this version of the application needs (trueup ready).",
    )
    .known(ready.map(f64::from))
}

/// `trueup_pending`
pub(crate) fn pending(pending: Option<PendingByPhase>) -> MetricFamily {
    let family = MetricFamily::new(
        "trueup_pending",
        "Migrations of this project that are not applied; contract migrations break old versions of the application.",
    );
    pending.into_iter().fold(family, |family, PendingByPhase { expand, contract }| {
        family.sample(&[("phase", "expand")], expand as f64).sample(&[("phase", "contract")], contract as f64)
    })
}

/// `trueup_unfinished`
pub(crate) fn unfinished(count: Option<usize>) -> MetricFamily {
    MetricFamily::new("trueup_unfinished", "Migrations that were interrupted, or are running right now.")
        .known(count.map(|count| count as f64))
}

/// `trueup_modified`
pub(crate) fn modified(count: Option<usize>) -> MetricFamily {
    MetricFamily::new("trueup_modified", "Migrations that were applied with another text or name.")
        .known(count.map(|count| count as f64))
}

/// The differences that no pending migration resolves, counted by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DriftBySeverity([usize; 3]);

impl DriftBySeverity {
    /// Counts findings.
    pub(crate) fn of(findings: &[Finding]) -> Self {
        let drift = |finding: &&Finding| finding.cause_kind() != Some(CauseKind::Pending);
        let count = |severity: Severity| {
            findings.iter().filter(drift).filter(|finding| finding.severity == severity).count()
        };
        Self(Severity::ALL.map(count))
    }
}

/// `trueup_drift_findings`
pub(crate) fn drift(drift: Option<DriftBySeverity>) -> MetricFamily {
    let family = MetricFamily::new(
        "trueup_drift_findings",
        "Differences between the database and its declared schema that no pending migration resolves (trueup check).",
    );
    let counts = drift.into_iter().flat_map(|DriftBySeverity(counts)| Severity::ALL.into_iter().zip(counts));
    counts.fold(family, |family, (severity, count)| {
        family.sample(&[("severity", severity.word())], count as f64)
    })
}

/// `trueup_check_rows`: the name of each data check, its severity, and how many rows are wrong.
pub(crate) fn check_rows<'c>(checks: impl Iterator<Item = (&'c str, Severity, Option<u64>)>) -> MetricFamily {
    let family = MetricFamily::new("trueup_check_rows", "Rows that a data check finds (trueup verify).");
    checks.fold(family, |family, (check, severity, rows)| match rows {
        Some(rows) => family.sample(&[("check", check), ("severity", severity.word())], rows as f64),
        None => family,
    })
}

/// `trueup_probe_success`
pub(crate) fn success(probes: impl IntoIterator<Item = (ProbeName, Option<bool>)>) -> MetricFamily {
    let help = "Whether the last attempt to read this was answered in full.";
    by_probe("trueup_probe_success", help, probes, f64::from)
}

/// `trueup_last_success_timestamp_seconds`
pub(crate) fn last_success(
    probes: impl IntoIterator<Item = (ProbeName, Option<SystemTime>)>,
) -> MetricFamily {
    let help = "When this was last read in full, by the clock of trueup's machine.";
    by_probe("trueup_last_success_timestamp_seconds", help, probes, |at| {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since.as_millis() as f64 / 1000.0
    })
}

/// `trueup_scrape_age_seconds`
pub(crate) fn age(probes: impl IntoIterator<Item = (ProbeName, Option<Duration>)>) -> MetricFamily {
    let help = "How old the answer is from which the metrics of this probe are.";
    by_probe("trueup_scrape_age_seconds", help, probes, seconds)
}

/// `trueup_probe_duration_seconds`
pub(crate) fn took(probes: impl IntoIterator<Item = (ProbeName, Option<Duration>)>) -> MetricFamily {
    let help = "How long the last attempt to read this took.";
    by_probe("trueup_probe_duration_seconds", help, probes, seconds)
}

/// Seconds, to the millisecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

fn by_probe<T>(
    name: &'static str,
    help: &'static str,
    probes: impl IntoIterator<Item = (ProbeName, Option<T>)>,
    value: impl Fn(T) -> f64,
) -> MetricFamily {
    let known = probes.into_iter().filter_map(|(probe, found)| Some((probe, found?)));
    known.fold(MetricFamily::new(name, help), |family, (probe, found)| {
        family.sample(&[("probe", probe.word())], value(found))
    })
}

/// The metrics of a command that reads one thing, with whether it could read it in full.
pub(crate) fn of_command(labels: MetricLabels, probe: ProbeName, complete: bool) -> Metrics {
    let now = complete.then(SystemTime::now);
    Metrics::of(labels).family(success([(probe, Some(complete))])).family(last_success([(probe, now)]))
}
