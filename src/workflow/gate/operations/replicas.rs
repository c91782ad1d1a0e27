//! `replicas`: whether standbys and slots keep up, and how much is to come for them.

use std::time::Duration;

use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{Asking, GateSection, Judge, Judgement, Question, finding};
use super::super::session::failure_of;
use crate::error::Failure;
use crate::findings::{Finding, Severity};
use crate::postgres::connection::{OwnedRow, RowError};
use crate::project::{GateLevel, SectionName};
use crate::text::{duration, size};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Replicas,
    level: GateLevel::Warn,
    help: "Standbys keep up: none is further behind than [repair] max_replica_lag (10s) or 1 GB of WAL, and no replication \
           slot is unused or about to lose its WAL. It warns: whether the service bears a standby that lags, you know. How \
           much WAL pending rewrites write is estimated. Where this role may not see it, there is no answer: GRANT pg_monitor.",
    judge: Judge::Database(Asking {
        doing: "looking at the standbys",
        questions: |_| Ok(vec![Question::new(STANDBYS), Question::new(SLOTS)]),
        judge,
    }),
};

/// A standby that has so many bytes of WAL to replay lags, whatever it says of its time.
const FAR_BEHIND: u64 = 1 << 30;

/// What a rewrite writes of WAL for each byte of the table: 21.8 MB were measured for 12.05 MB.
const WAL_PER_BYTE: f64 = 1.8;

const STANDBYS: &str = "SELECT COALESCE(NULLIF(application_name, ''), 'pid ' || pid) AS name, state, \
    CASE WHEN NOT pg_is_in_recovery() THEN GREATEST(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::int8 END AS behind, \
    (EXTRACT(epoch FROM replay_lag) * 1000)::int8 AS lag_ms \
    FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' ORDER BY 1";

const SLOTS: &str = "SELECT slot_name::text AS name, active, wal_status FROM pg_replication_slots \
    WHERE NOT temporary ORDER BY 1";

fn judge(facts: &GateFacts<'_>, answers: &[Vec<OwnedRow>]) -> Result<Judgement, Failure> {
    let rows = |number: usize| answers.get(number).map(Vec::as_slice).unwrap_or_default();
    told(facts, rows(0), rows(1)).map_err(|error| failure_of(error.into()))
}

fn told(facts: &GateFacts<'_>, standbys: &[OwnedRow], slots: &[OwnedRow]) -> Result<Judgement, RowError> {
    let limit = facts.settings.repair.max_replica_lag;
    let mut findings = Vec::new();
    let mut hidden = None;
    for row in standbys {
        let (name, state): (&str, Option<&str>) = (row.get("name")?, row.get("state")?);
        let (behind, lag): (Option<i64>, Option<i64>) = (row.get("behind")?, row.get("lag_ms")?);
        let Some(state) = state else {
            hidden = Some(name.to_owned());
            continue;
        };
        let behind = u64::try_from(behind.unwrap_or_default()).unwrap_or_default();
        let lag = Duration::from_millis(u64::try_from(lag.unwrap_or_default()).unwrap_or_default());
        let late = !limit.is_zero() && lag > limit;
        if state != "streaming" {
            findings.push(warning(
                "lag",
                name,
                &format!("standby {name} is in state {state}: it does not stream"),
            ));
        } else if late || behind > FAR_BEHIND {
            let what = format!("standby {name} is {} and {} behind", duration(lag), size(behind));
            findings.push(warning("lag", name, &what));
        }
    }
    for row in slots {
        let (name, active): (&str, bool) = (row.get("name")?, row.get("active")?);
        match row.get::<Option<&str>>("wal_status")? {
            Some(status @ ("unreserved" | "lost")) => {
                let what = format!("slot {name} is losing its WAL (wal_status {status})");
                findings.push(warning("slot", name, &what));
            }
            _ if !active => {
                let what = format!("nobody uses slot {name}, and the server keeps all WAL for it");
                findings.push(warning("slot", name, &what));
            }
            _ => {}
        }
    }
    let mut what = match (findings.first().and_then(|first| first.sides.as_ref()), standbys.len()) {
        (Some(first), _) => first.database.clone(),
        (None, 0) => "no standby".to_owned(),
        (None, count) => {
            if count == 1 {
                "1 standby keeps up".to_owned()
            } else {
                format!("{count} standbys keep up")
            }
        }
    };
    let coming = facts.upgrade.as_ref().map_or(0, wal_to_come);
    if coming > 0 && !standbys.is_empty() {
        what.push_str(&format!("; about {} of WAL is to come", size(coming)));
    }
    let judged = Judgement::of_findings(findings, what);
    Ok(match hidden {
        None => judged,
        Some(name) => judged
            .incomplete(format!("this role may not see how far standby {name} is"))
            .next("GRANT pg_monitor TO the role, or ask as one that has it"),
    })
}

fn warning(code: &str, object: &str, what: &str) -> Finding {
    let advice = "look at the standby or slot; a rewrite makes it lag further";
    let mut finding = finding(SectionName::Replicas, code, object, what, advice);
    finding.severity = Severity::Warning;
    finding
}

/// About how many bytes of WAL the rewrites of a plan write.
fn wal_to_come(upgrade: &PlannedUpgrade) -> u64 {
    let Ok(measured) = &upgrade.measured else { return 0 };
    let footprints = upgrade.plan.steps.iter().filter(|step| !step.record).flat_map(|step| &step.footprints);
    let rewrites = footprints.flat_map(|footprint| &footprint.rewrites);
    let bytes: u64 = rewrites.filter_map(|name| Some(measured.sizes.get(name.as_str())?.bytes)).sum();
    (bytes as f64 * WAL_PER_BYTE) as u64
}
