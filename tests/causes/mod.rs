//! What is said of a difference, and of a database as a whole: no more than a history proves, and first of all whether
//! the database is the right one.

mod first_run;
mod history;
mod named;
mod other_application;
mod tools;
mod undeclared;

use std::fs;

use crate::support::project::{Project, SETTINGS};

/// A compiled project of these files; `settings` are added to trueup.toml.
fn project(settings: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::of_schema("");
    fs::remove_file(project.path().join("schema/model.sql")).unwrap();
    if !files.iter().any(|(name, _)| name.starts_with("schema/")) {
        fs::remove_dir(project.path().join("schema")).unwrap();
    }
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in files {
        let path = project.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sql).unwrap();
    }
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{settings}")).unwrap();
    project.trueup(["compile"], "").env_remove("DATABASE_URL").exit(0);
    project
}

/// The findings of a check: code, object, cause.
fn found(document: &serde_json::Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap_or_else(|| panic!("no findings: {document:#}"));
    let one = |finding: &serde_json::Value| {
        let [code, object, cause] = [&finding["code"], &finding["object"], &finding["cause"]["kind"]]
            .map(|text| text.as_str().unwrap_or_default().to_owned());
        format!("{code} {object}: {cause}")
    };
    findings.iter().map(one).collect()
}
