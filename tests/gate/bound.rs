//! What a verdict is bound to: `trueup upgrade --gate`.

use std::fs;

use serde_json::Value;

use super::{at_base, gate, project};
use crate::support::TestDatabase;
use crate::support::project::Project;

fn asked(site: &Project, database: &TestDatabase, args: &[&str]) {
    gate(site, database).args(args).args(["--output", "gate.json"]).exit(0);
}

fn edit(site: &Project, change: impl FnOnce(&mut Value)) {
    let path = site.path().join("gate.json");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut document);
    fs::write(path, document.to_string()).unwrap();
}

#[test]
fn an_upgrade_does_what_the_gate_said_ready_to() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;", "ALTER TABLE users ADD COLUMN b int;"]);
    let database = at_base(&site);
    let upgrade = |args: &[&str]| site.trueup(["upgrade", "--gate", "gate.json"], &database).args(args);
    upgrade(&["--yes"]).exit(2).says(["gate.json", "there is no such file"]);
    asked(&site, &database, &[]);
    upgrade(&["--dry-run"]).exit(0);
    upgrade(&["--yes", "--to", "2"]).exit(0);
    // It was asked when more was pending.
    upgrade(&["--yes"])
        .exit(4)
        .says(["when 2, 3 was pending, and now 3 is", "trueup gate --output gate.json"]);
    upgrade(&["--dry-run"]).exit(4);
    asked(&site, &database, &[]);
    edit(&site, |document| document["valid_for"]["at"] = "2020-01-01T00:00:00Z".into());
    upgrade(&["--yes"]).exit(4).says("valid for 15 min");
    edit(&site, |document| document["verdict"] = "DO NOT DEPLOY".into());
    upgrade(&["--yes"]).exit(4).says("the gate said DO NOT DEPLOY; nothing was changed");
    asked(&site, &database, &[]);
    edit(&site, |document| document["valid_for"]["lock"] = "0".into());
    upgrade(&["--yes"]).exit(4).says("another trueup.lock");
    asked(&site, &database, &[]);
    let other = at_base(&site);
    site.trueup(["upgrade", "--yes", "--gate", "gate.json"], &other).exit(4).says("another database");
    upgrade(&["--yes"]).exit(0);
    fs::write(site.path().join("gate.json"), "{}").unwrap();
    upgrade(&["--yes"]).exit(2).says("this is no document of trueup gate");
}

#[test]
fn what_was_overridden_is_in_the_audit_of_the_upgrade() {
    let site = project("", &["ALTER TABLE orders ADD COLUMN a int;"]);
    let database = at_base(&site);
    database.exec("ALTER TABLE users DROP COLUMN name");
    gate(&site, &database).args(["--output", "gate.json"]).exit(1);
    site.trueup(["upgrade", "--yes", "--gate", "gate.json"], &database)
        .exit(4)
        .says("the gate said DO NOT DEPLOY");
    let document: Value =
        serde_json::from_str(&fs::read_to_string(site.path().join("gate.json")).unwrap()).unwrap();
    let hash = document["valid_for"]["lock"].as_str().unwrap();
    asked(&site, &database, &["--override", "drift", "--reason", "INC-4711", "--for", hash]);
    site.trueup(["upgrade", "--yes", "--gate", "gate.json"], &database).exit(0);
    let reason = database.value("SELECT reason FROM trueup.runs ORDER BY started_at DESC LIMIT 1");
    assert!(reason.starts_with("gate overridden: drift, by ") && reason.ends_with(": INC-4711"), "{reason}");
}
