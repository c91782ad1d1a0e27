//! Applications that embed plain refinery, in both widths of its versions: `tests/programs/embedded`, with another
//! driver, built with a lock file and into a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use trueup::migrations::checksum::Width;

use super::taken::{adopt, expected, history, reference};
use super::tools::did_not_run;
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

/// The program with refinery's default features, and with `int8-versions`. `None` where its crates cannot be had.
fn programs() -> Option<&'static [PathBuf; 2]> {
    static PROGRAMS: OnceLock<Option<[PathBuf; 2]>> = OnceLock::new();
    PROGRAMS.get_or_init(build).as_ref()
}

fn build() -> Option<[PathBuf; 2]> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/embedded/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded");
    let cargo = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(args).args(["--locked", "--quiet", "--manifest-path"]).arg(&manifest);
        command.env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS");
        command
    };
    let fetched = cargo(&["fetch"]).output().unwrap();
    if !fetched.status.success() {
        return None;
    }
    let widths: [(&str, &[&str]); 2] = [("int4", &[]), ("int8", &["--features", "int8"])];
    Some(widths.map(|(name, features)| {
        let built = cargo(&[&["build", "--offline"], features].concat()).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let program = target.join(name);
        fs::copy(target.join("debug/embedded"), &program).unwrap();
        program
    }))
}

/// Starts the application: what it says that it applied.
fn start(program: &Path, project: &Project, database: &TestDatabase, version: Option<i64>) -> Vec<String> {
    let migrate = Program::of(program).arg(database.url()).arg(project.path().join("migrations"));
    let ran = migrate.args(version.map(|version| version.to_string())).exit(0);
    ran.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn what_an_application_has_applied_is_trueups_history_and_the_other_way_round() {
    let Some(programs) = programs() else { return did_not_run("refinery with its driver (crates.io)") };
    for (program, width) in programs.iter().zip([Width::Four, Width::Eight]) {
        let (project, database) = (reference(), support::database());
        assert_eq!(start(program, &project, &database, Some(5)).len(), 5);
        assert_eq!(history(&database), expected(&project, 5, width));

        let status = project.trueup(["status"], &database).document();
        let names = |key: &str| status["history"][key].as_array().unwrap().len();
        assert_eq!((names("pending"), names("edited"), names("skipped")), (3, 0, 0), "{status:#}");
        let checked = project.trueup(["check"], &database).document();
        let findings = checked["findings"].as_array().unwrap();
        assert!(
            !findings.is_empty() && findings.iter().all(|one| one["cause"]["kind"] == "pending"),
            "{checked:#}"
        );

        project.trueup(["upgrade", "--contract", "--yes"], &database).exit(0);
        assert_eq!(history(&database), expected(&project, 8, width));
        assert_eq!(start(program, &project, &database, None), [""; 0], "nothing is left to the application");
        assert_eq!(project.trueup(["check"], &database).document()["exit_code"], 0);
        // The next one is the application's again.
        let next = project.path().join("migrations/V9__notes.sql");
        fs::write(next, "CREATE TABLE notes (id bigint PRIMARY KEY);\n").unwrap();
        assert_eq!(start(program, &project, &database, None), ["V9__notes"]);
        let status = project.trueup(["status"], &database).document();
        assert_eq!(
            (&status["exit_code"], &status["history"]["current"]["version"]),
            (&0.into(), &"9".into())
        );
    }
}

#[test]
fn a_history_of_the_application_is_taken_over_as_it_is() {
    let Some(programs) = programs() else { return did_not_run("refinery with its driver (crates.io)") };
    for (program, width) in programs.iter().zip([Width::Four, Width::Eight]) {
        let (project, database) = (reference(), support::database());
        start(program, &project, &database, Some(5));
        let rows = || database.query("SELECT h.*::text, h.xmin::text FROM refinery_schema_history AS h");
        let before = rows();
        adopt(&project, &database, &["--yes"])
            .exit(0)
            .says(["took over the records of 5 migrations", "at V5"]);
        assert_eq!(rows(), before, "refinery's history is left as it is");
        let kept =
            "SELECT count(*)::text FROM trueup.migrations WHERE how = 'adopted' AND effects IS NOT NULL";
        assert_eq!(database.value(kept), "5");
        adopt(&project, &database, &["--yes"]).exit(0).says("nothing to do");
        assert_eq!(start(program, &project, &database, Some(5)), [""; 0]);
        assert_eq!(history(&database), expected(&project, 5, width));
    }
}

#[test]
fn an_application_has_nothing_to_do_after_an_upgrade() {
    let Some([narrow, wide]) = programs() else { return did_not_run("refinery with its driver (crates.io)") };
    let (project, database) = (reference(), support::database());
    project.trueup(["upgrade", "--contract", "--yes"], &database).exit(0);
    assert_eq!(start(narrow, &project, &database, None), [""; 0]);

    // Timestamps make the history as wide as `int8-versions` has it.
    let project = Project::of_schema("CREATE TABLE users (id bigint PRIMARY KEY, name text);\n");
    let directory = project.path().join("migrations");
    fs::create_dir(&directory).unwrap();
    let table = "CREATE TABLE users (id bigint PRIMARY KEY);\n";
    fs::write(directory.join("V20250101120000__users.sql"), table).unwrap();
    fs::write(directory.join("V20250102120000__name.sql"), "ALTER TABLE users ADD COLUMN name text;\n")
        .unwrap();
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(start(wide, &project, &database, None), [""; 0]);
    assert_eq!(history(&database), expected(&project, 2, Width::Eight));
}
