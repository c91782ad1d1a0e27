//! `/metrics`: what each value is, and that nothing is said of what is not known.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::{OFTEN, Served, promtool, site};
use crate::support::wait_for;

/// Errors and a warning.
const DRIFT: &str = "DROP INDEX public.organizations_slug_key; \
    ALTER TABLE public.users ALTER COLUMN email DROP NOT NULL; ALTER TABLE public.users ADD COLUMN extra int; DROP INDEX public.users_email_key";

#[test]
fn every_value_is_what_the_commands_find() {
    let (project, database) = site();
    database.exec(DRIFT);
    database.exec(
        "INSERT INTO users (email, username) VALUES ('a@example.com', 'anna'), ('A@example.com', 'bert')",
    );
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_all();
    let metrics = served.metrics();
    let summary = project.without_postgres(["check"], &database).document()["summary"].clone();
    for severity in ["error", "warning", "info"] {
        metrics.is("trueup_drift_findings", &[("severity", severity)], summary[severity].as_f64());
    }
    assert!(summary["error"].as_f64() > Some(0.0), "{summary}");
    let checks = project.without_postgres(["verify"], &database).document();
    let checks = checks["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["rows"].as_f64() > Some(0.0)), "{checks:?}");
    for check in checks {
        let labels =
            [("check", check["name"].as_str().unwrap()), ("severity", check["severity"].as_str().unwrap())];
        metrics.is("trueup_check_rows", &labels, check["rows"].as_f64());
    }
    metrics.is("trueup_ready", &[("database", database.name()), ("project", "platform")], 1.0);
    metrics.is("trueup_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    metrics.is("trueup_unfinished", &[], 0.0);
    // No backup has no age.
    metrics.is("trueup_backups", &[], 0.0);
    metrics.is("trueup_backup_age_seconds", &[], None);
    metrics.is("trueup_backup_verified_level", &[], None);
    project.trueup(["backup", "--verify", "contents"], &database).exit(0);
    wait_for("the backup", || served.metrics().value("trueup_backups", &[]) == Some(1.0));
    let metrics = served.metrics();
    metrics.is("trueup_backup_verified_level", &[], 2.0);
    assert!(metrics.value("trueup_backup_age_seconds", &[]).unwrap() < 600.0);
    served.stop();
}

/// A check that fails has no rows, not 0; the others have theirs.
#[test]
fn what_is_not_known_has_no_value() {
    let (project, database) = site();
    database.exec("INSERT INTO users (email) VALUES ('a@example.com')");
    let checks = project.path().join("checks");
    fs::write(
        checks.join("broken.sql"),
        "-- title: A\n-- find:\nSELECT id FROM users WHERE 1 / (length(email) - length(email)) = 1\n",
    )
    .unwrap();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_all();
    let metrics = served.metrics();
    metrics.is("trueup_check_rows", &[("check", "broken")], None);
    metrics.is("trueup_check_rows", &[("check", "users_email_is_unique")], 0.0);
    metrics.is("trueup_probe_success", &[("probe", "data")], 0.0);
    metrics.is("trueup_scrape_age_seconds", &[("probe", "data")], None);
    assert!(served.get("/").body.contains("cannot tell"));
    served.stop();
}

/// What a pending migration resolves is no drift.
#[test]
fn what_is_pending_is_no_drift() {
    let (project, database) = site();
    fs::write(project.path().join("migrations/V9__later.sql"), "CREATE TABLE later (id int);\n").unwrap();
    fs::write(project.path().join("schema/later.sql"), "CREATE TABLE later (id int);\n").unwrap();
    project.compile();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_all();
    let metrics = served.metrics();
    metrics.is("trueup_pending", &[("phase", "expand")], 1.0);
    metrics.is("trueup_drift_findings", &[("severity", "error")], 0.0);
    metrics.is("trueup_drift_findings", &[("severity", "warning")], 0.0);
    served.stop();
}

#[test]
fn prometheus_reads_them() {
    let (project, database) = site();
    // A name that every format has to escape.
    let odd = "-- title: A\n-- find:\nSELECT 1 AS id\n";
    fs::write(project.path().join("checks/say \"hi\" \\.sql"), odd).unwrap();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_all();
    let text = served.get("/metrics").body;
    let Some(promtool) = promtool() else { return };
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let ran = promtool.args(["check", "metrics"]).stdin(Stdio::from(input)).exit(0);
    assert_eq!(ran.said(), "", "{text}");
    served.stop();
}
