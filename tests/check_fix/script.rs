//! `--sql`: one script that looks first whether the database stands where it should.

use super::{DRIFT, Site};
use crate::support;

fn script(site: &Site) -> String {
    site.fix().arg("--sql").exit(0).stdout().to_owned()
}

#[test]
fn the_script_does_what_the_command_does_and_only_once() {
    let site = Site::with(DRIFT);
    let script = script(&site);
    assert!(!site.has_records());
    site.database.psql(&script);
    site.is_whole();
    // It is no longer as it was.
    let again = site.database.try_psql(&script);
    assert!(
        again.code() != Some(0) && again.stderr().contains("changed since it was seen"),
        "{}",
        again.shown()
    );
    site.is_whole();
    site.fix().arg("--sql").exit(0).says("Nothing was changed by hand");
    site.fix().args(["--sql", "--format", "json"]).exit(2);
}

/// psql goes on after an error unless it is told not to: what can be in a transaction is not done then.
#[test]
fn a_script_that_may_not_run_changes_nothing() {
    let drift = DRIFT.replace("DROP INDEX users_email_idx;", "");
    let site = Site::with(&drift);
    let script = script(&site);
    site.database.exec("ALTER TABLE users ADD meanwhile text");
    let before = site.check().document()["findings"].clone();
    let ran = site
        .database
        .server
        .program("psql")
        .args(["-X", "-q", "-d", site.database.url(), "-c", &script])
        .run();
    assert!(ran.stderr().contains("changed since it was seen: public.users"), "{}", ran.shown());
    let file = site.project.path().join("fix.sql");
    std::fs::write(&file, &script).unwrap();
    let psql = site.database.server.program("psql");
    psql.args(["-X", "-q", "-d", site.database.url(), "-f"]).arg(&file).run();
    assert_eq!(site.check().document()["findings"], before);
}

#[test]
fn a_script_is_for_its_database_and_its_version() {
    let site = Site::with(DRIFT);
    let script = script(&site);
    let other = support::database();
    site.project.build(&other);
    other.exec(DRIFT);
    let ran = other.try_psql(&script);
    assert!(ran.stderr().contains("this script is for database"), "{}", ran.shown());
    site.database.exec("UPDATE refinery_schema_history SET applied_on = 'later'");
    let ran = site.database.try_psql(&script);
    assert!(
        ran.stderr().contains("has other migrations than when this was written (at V1)"),
        "{}",
        ran.shown()
    );
    site.check().exit(1);
}
