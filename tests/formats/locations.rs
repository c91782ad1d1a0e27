//! Where reports say that something is: by the project's files, from the root of the repository where that is asked for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::site::Site;
use crate::support;
use crate::support::project::Project;

fn places(document: &Value) -> BTreeMap<String, String> {
    let place = |finding: &Value| {
        let (file, line) = (&finding["location"]["file"], &finding["location"]["line"]);
        (finding["object"].as_str().unwrap().to_owned(), format!("{}:{line}", file.as_str().unwrap()))
    };
    document["findings"].as_array().unwrap().iter().map(place).collect()
}

#[test]
fn a_finding_is_at_the_migration_the_declaration_or_the_lock_file() {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    project.build(&database);
    database.exec(
        "DELETE FROM refinery_schema_history WHERE version >= 7; \
         ALTER TABLE organizations DROP COLUMN public_id; \
         ALTER TABLE users ALTER email DROP NOT NULL; CREATE TABLE by_hand (id int)",
    );
    let places = places(&project.check(&database).document());
    let at = |object: &str| places.get(object).map_or("no finding", String::as_str);
    assert_eq!(
        at("public.organizations.public_id"),
        "migrations/V7__organizations_public_id.sql:4",
        "{places:#?}"
    );
    assert_eq!(at("public.users.email"), "schema/users.sql:5", "{places:#?}");
    assert_eq!(at("public.by_hand"), "trueup.lock:1", "{places:#?}");
}

/// The files were read for the comparison; that one of them went away meanwhile, or cannot be read, is no fault of it.
#[test]
fn a_file_that_cannot_be_read_changes_nothing_but_the_place() {
    let declarations = trueup::model::SchemaFile::readable;
    let site = Site::of_many(1);
    site.write("schema/other.sql", "CREATE TABLE other (id int);");
    site.write("schema/binary.sql", "");
    fs::write(site.path().join("schema/binary.sql"), [0xff, 0x00]).unwrap();
    std::os::unix::fs::symlink("/nonexistent", site.path().join("schema/dangling.sql")).unwrap();
    fs::create_dir(site.path().join("schema/folder.sql")).unwrap();
    let secret = site.path().join("schema/secret.sql");
    fs::write(&secret, "CREATE TABLE secret (id int);").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let mut read: Vec<String> = declarations(site.path()).into_iter().map(|file| file.path).collect();
    // Root reads everything.
    read.retain(|path| path != "schema/secret.sql");
    assert_eq!(read, ["schema/model.sql", "schema/other.sql"]);
    assert!(declarations(&site.path().join("nowhere")).is_empty());
}

/// What a reader of the repository calls a file is not what the project calls it.
#[test]
fn pipelines_are_told_the_files_of_the_repository() {
    let repository = tempfile::tempdir().unwrap();
    fs::create_dir(repository.path().join(".git")).unwrap();
    let site = Site::of_many(1);
    let inside = repository.path().join("services/a b");
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    let copied = std::process::Command::new("cp").arg("-r").args([site.path(), &inside]).status().unwrap();
    assert!(copied.success());
    let run = |format: &str| {
        let check = support::trueup(["check", "--format", format]).arg("--project").arg(&inside);
        let check = check.current_dir(repository.path()).env("DATABASE_URL", site.database.url());
        check.exit(1).stdout().to_owned()
    };
    assert!(
        run("github").starts_with("::error file=services/a b/schema/model.sql,line=1,"),
        "{}",
        run("github")
    );
    let quality: Value = serde_json::from_str(&run("gitlab")).unwrap();
    assert_eq!(quality[0]["location"]["path"], "services/a b/schema/model.sql");
    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "services/a%20b/schema/model.sql");
    // A person and a program are in the project.
    let document: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(document["findings"][0]["location"]["file"], "schema/model.sql");
    assert!(run("junit").contains("at: schema/model.sql:1"));
}
