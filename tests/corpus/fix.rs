//! The proof of `check --fix`: what drifted in the database of a case is as it was before, and a check says so.

use serde_json::Value;

use super::{Case, Servers, build};
use crate::support::trueup;

/// What stays, and why: words of what is said instead.
const NOT_FIXED: [(&str, &str); 32] = [
    ("cause-already-by-hand-differently", "run its SQL, which `trueup check` prints"),
    ("cause-pending-rename-table-and-dropped-column", "trueup upgrade"),
    ("collation-deterministic", BY_HAND),
    ("collation-lc-differ", BY_HAND),
    ("collation-locale", BY_HAND),
    ("column-generated", BY_HAND),
    ("column-generated-missing", BY_HAND),
    ("column-missing-with-index", "every row needs a value"),
    ("compile-extension-assumed", "is not available"),
    ("composite_type-field-order", BY_HAND),
    ("composite_type-field-unexpected", BY_HAND),
    ("domain-collation", BY_HAND),
    ("domain-type", BY_HAND),
    ("event_trigger-definition", BY_HAND),
    ("extension-version-stated", "has no update path"),
    ("history-gap", "trueup upgrade --allow-out-of-order"),
    ("history-gap-other-objects", "trueup upgrade --allow-out-of-order"),
    ("model-pg_dump", "role \\\"platform_owner\\\" does not exist"),
    ("own-ahead-changed-since", "check again with the project directory that has it"),
    ("partition-bounds", BY_HAND),
    ("partition-default", BY_HAND),
    ("partition-expression-key", BY_HAND),
    ("partition-hash", BY_HAND),
    ("partition-index-invalid", "ATTACH PARTITION for each"),
    ("partition-key", BY_HAND),
    ("partition-not-partitioned", BY_HAND),
    ("privilege-column", BY_HAND),
    ("privilege-role-missing", "does not exist"),
    ("range_type-multirange", BY_HAND),
    ("range_type-opclass-and-collation", BY_HAND),
    ("range_type-subtype", BY_HAND),
    ("range_type-subtype_diff", BY_HAND),
];
/// There is no statement for it.
const BY_HAND: &str = "by hand until it is as declared";

/// Repairs the database of a case, and holds what a check finds then against what may be left.
pub(super) fn run(case: &Case, servers: &Servers) -> Result<(), String> {
    let project = build::project(case);
    let database = servers.live.database();
    build::database(case, project.path(), &database);
    let scratch = servers.compile.database();
    let call = |args: &[&str]| {
        let call = trueup(["check", "--format", "json"]).arg("--project").arg(project.path());
        let call = call.args(["--database-url", database.url(), "--scratch-url", scratch.url()]);
        call.args(args).args(&case.spec.args).run()
    };
    let name = database.name();
    let fixed = call(&["--fix", "--yes", "--no-backup", "--destructive", "--confirm-name", name]);
    let document = fixed.document();
    let refused = [2, 3, 4].iter().any(|code| document["exit_code"] == *code);
    let left = by_hand(&call(&[]).document());
    let expected = NOT_FIXED.iter().find(|(case_name, _)| *case_name == case.name).map(|(_, why)| *why);
    match (left.is_empty() || refused && no_drift(&left), expected) {
        (true, None) => Ok(()),
        (true, Some(_)) => Err("it is fixed".to_owned()),
        (false, Some(why)) if document.to_string().contains(why) => Ok(()),
        (false, _) => {
            let (error, fix) = (&document["error"], &document["fix"]);
            Err(format!("left: {}\nerror: {error}\nfix: {fix}", left.join(", ")))
        }
    }
}

/// Where nothing proves what was changed by hand, a refusal is right.
fn no_drift(left: &[String]) -> bool {
    left.iter().all(|finding| finding.starts_with("unknown "))
}

/// The findings about objects that somebody changed, as far as it is known.
fn by_hand(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().into_iter().flatten();
    let by_hand = findings.filter_map(|finding| {
        let cause = finding["cause"]["kind"].as_str().filter(|kind| ["drift", "unknown"].contains(kind))?;
        // What a pending migration does again is recorded by an upgrade.
        let code = finding["code"].as_str().filter(|code| !code.ends_with(".by_hand"))?;
        // `trueup seed` is for rows.
        let is_schema = finding["kind"] != "seed" && finding["kind"] != "migration";
        let code = Some(code).filter(|_| is_schema)?;
        Some(format!("{cause} {code} {}", finding["object"]))
    });
    by_hand.collect()
}
