//! What a data check found, as a report and as a finding.

use serde::Serialize;

use crate::data::checks::{CheckResult, VisibilityGap};
use crate::findings::{
    AttributeFinding, Change, Command, Finding, Location, Remedy, Severity, Sides, Summary,
};

/// The result of one check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DataCheckReport {
    /// The name of the check: `api_keys_have_a_user`.
    pub(crate) name: String,
    /// The file of the check: `checks/api_keys_have_a_user.sql`.
    pub(crate) file: String,
    /// What has to be true, in the project's words.
    pub(crate) title: String,
    /// The severity of wrong rows.
    pub(crate) severity: Severity,
    /// The table of the rows: `public.api_keys`.
    pub(crate) table: Option<String>,
    /// How many rows are wrong; `None` when that is not known.
    pub(crate) rows: Option<u64>,
    /// Why it is not known how many rows are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<String>,
    /// Why the check does not apply to this database: it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_applicable: Option<String>,
    /// Why this role may not see every row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) obstacles: Vec<VisibilityGap>,
    /// The columns of the sample: first the key, then `-- show:`.
    pub(crate) columns: Vec<String>,
    /// Some of the wrong rows, values as the server prints them; `None` for NULL.
    pub(crate) sample: Vec<Vec<Option<String>>>,
    /// The names of the fixes.
    pub(crate) fixes: Vec<String>,
    /// With `--fix`: why rows are not repaired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<String>,
    /// How long the check took, in milliseconds.
    pub(crate) milliseconds: u64,
}

impl DataCheckReport {
    /// Whether it is known that rows are wrong.
    pub(crate) fn fails(&self) -> bool {
        self.rows.is_some_and(|rows| rows > 0)
    }

    /// The number of wrong rows, for people.
    pub(crate) fn count(&self) -> String {
        match (self.rows, &self.not_applicable) {
            (_, Some(_)) => "not run".to_owned(),
            (Some(rows), None) => rows.to_string(),
            (None, None) => "cannot tell".to_owned(),
        }
    }
}

/// The code of a check that found wrong rows.
pub(crate) const WRONG_ROWS: &str = "data_check.failed";
/// The code of a check that cannot see every row.
const UNREADABLE: &str = "data_check.unreadable";

impl DataCheckReport {
    /// The result as a finding; `None` when no row is wrong.
    fn finding(&self) -> Option<Finding> {
        let (code, severity) = match self.rows {
            None => (UNREADABLE, Severity::Error),
            Some(0) => return None,
            Some(_) => (WRONG_ROWS, self.severity),
        };
        let mut finding = Finding::new(code, severity, "data_check", &self.name, Change::Different)
            .at(Location::new(&self.file, 1));
        finding.remedy = match (self.rows, self.fixes.is_empty()) {
            (None, _) => Remedy::advice("give this role the right to see every row"),
            (_, false) => Remedy::run(Command::VerifyFix { checks: vec![self.name.clone()], dry_run: true }),
            (_, true) => Remedy::advice("correct the rows by hand: the check has no fix"),
        };
        match self.rows {
            None => {
                let why = self.unknown.clone().unwrap_or_else(|| "cannot tell".to_owned());
                finding.sides = Some(Sides::new(why, &self.title));
            }
            Some(rows) => finding.attributes.push(AttributeFinding {
                name: "rows".to_owned(),
                declared: Some("0".to_owned()),
                actual: Some(rows.to_string()),
                cause: None,
            }),
        }
        Some(finding)
    }
}

/// The findings of checks.
pub(crate) fn findings(checks: &[DataCheckReport]) -> Vec<Finding> {
    checks.iter().filter_map(DataCheckReport::finding).collect()
}

/// How many checks found wrong rows, by severity.
pub(crate) fn summary(findings: &[Finding]) -> Summary {
    Summary::of(findings.iter().filter(|finding| finding.code == WRONG_ROWS))
}

/// The report of a result.
pub(crate) fn data_check_report(result: CheckResult) -> DataCheckReport {
    let CheckResult { check: validated, rows, sample, took } = result;
    let (rows, unknown) = match rows {
        Ok(rows) => (Some(rows), None),
        Err(why) => (None, Some(why)),
    };
    let check = validated.check;
    DataCheckReport {
        name: check.name,
        file: check.path.display().to_string(),
        title: check.title,
        severity: check.severity,
        table: validated.table.map(|table| table.qualified()),
        rows,
        unknown,
        not_applicable: validated.not_applicable,
        obstacles: validated.gaps,
        columns: sample.columns,
        sample: sample.rows,
        fixes: check.fixes.into_iter().map(|fix| fix.name).collect(),
        left: Vec::new(),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}
