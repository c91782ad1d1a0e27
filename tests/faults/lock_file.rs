//! A committed trueup.lock is all that a check needs.

use std::fs;

use crate::support::project::Site;

#[test]
fn without_postgresql_a_lock_file_is_enough_and_a_stale_one_is_not() {
    let site = Site::with_drift();
    // `Project::check` hides every PostgreSQL program.
    site.findings();
    let schema = site.project.path().join("schema/users.sql");
    let users = fs::read_to_string(&schema).unwrap();
    fs::write(&schema, format!("{users}\nCREATE TABLE more ();\n")).unwrap();
    let check = || site.project.check(&site.database);
    check().exit(3).says(["trueup.lock is stale", "schema/users.sql", "next: ", "trueup compile"]);
    // Line ends are no change: a checkout on Windows does not make it stale.
    fs::write(&schema, users.replace('\n', "\r\n")).unwrap();
    check().exit(1).says("organizations_slug_key");
    fs::remove_file(site.project.lock()).unwrap();
    check().exit(3).says(["trueup.lock is missing", "--pg-bin", "--scratch-url", "trueup compile"]);
}
