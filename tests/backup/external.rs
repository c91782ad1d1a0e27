//! `kind = "command"`: a backup that a command takes elsewhere, and another one confirms.

use std::fs;

use super::site::{Site, runs};

/// A site whose command and confirm are these scripts.
fn site(command: &str, confirm: &str) -> Site {
    let site = Site::new();
    let list = |script: &str| format!("[\"sh\", \"-c\", '''{script}''']");
    site.settings(&format!(
        "kind = \"command\"\ntimeout = \"1s\"\ncommand = {}\nconfirm = {}",
        list(command),
        list(confirm)
    ));
    site
}

#[test]
fn a_command_that_takes_a_backup_is_told_of_what_and_is_confirmed() {
    let site = site("env >command.env; echo progress; echo; echo snap-1; echo", "env >confirm.env");
    let hostile = [("PGHOST", "elsewhere"), ("PGPASSWORD", "canary"), ("PGSSLMODE", "disable")];
    let backup = site.backup(&["--format", "json"]).envs(hostile).env("AWS_REGION", "eu-central-1");
    let backup = backup.exit(0).json()["backup"].clone();
    assert_eq!((backup["reference"].as_str(), backup["kind"].as_str()), (Some("snap-1"), Some("command")));
    for file in ["command.env", "confirm.env"] {
        let environment = fs::read_to_string(site.dir().join(file)).unwrap();
        let value = |name: &str| {
            let line = environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap_or_else(|| panic!("no {name} in {environment}")).to_owned()
        };
        assert_eq!(value("TRUEUP_DATABASE"), site.database.name());
        assert_eq!(value("TRUEUP_BACKUP_ID"), backup["id"].as_str().unwrap());
        assert_eq!(
            value("TRUEUP_SYSTEM_IDENTIFIER"),
            backup["source"]["system_identifier"].as_str().unwrap()
        );
        assert_eq!(value("TRUEUP_DATABASE_OID"), backup["source"]["database_oid"].to_string());
        assert_eq!(value("TRUEUP_BACKUP_REFERENCE"), if file == "confirm.env" { "snap-1" } else { "" });
        assert_eq!(value("AWS_REGION"), "eu-central-1");
        for line in environment.lines() {
            assert!(!line.starts_with("PG") && !line.starts_with("DATABASE_URL"), "{file}: {line}");
        }
        assert!(
            !environment.contains("canary") && !environment.contains(site.database.url()),
            "{environment}"
        );
    }
    site.backup(&["list"]).exit(0).says("snap-1 (elsewhere)");
    site.backup(&["verify"]).exit(0).says("is OK");
}

#[test]
fn a_command_that_fails_says_nothing_or_is_not_confirmed_makes_no_backup() {
    for (command, confirm, words) in [
        ("echo out; echo no rights >&2; exit 3", "true", &["[backup] command failed", "no rights"][..]),
        ("true", "true", &["printed no reference"]),
        ("echo snap-1; kill -9 $$", "true", &["[backup] command failed", "signal: 9"]),
        ("echo snap-1", "echo not there >&2; exit 1", &["[backup] confirm failed", "not there"]),
        ("echo snap-1", "sleep 77.5; true", &["[backup] confirm failed", "longer than 1 s"]),
        ("sleep 77.5; echo snap-1", "true", &["[backup] command failed", "longer than 1 s"]),
    ] {
        let site = site(command, confirm);
        site.backup(&[]).exit(5).says(words);
        site.nothing();
        assert!(!runs("sleep\u{0}77.5"), "what it started goes, too: {command}, {confirm}");
    }
    let site = Site::new();
    site.settings("kind = \"command\"\ncommand = [\"/no/such\"]\nconfirm = [\"true\"]");
    site.backup(&[]).exit(4).says("/no/such does not start");
    site.nothing();
}

/// What was confirmed once may be gone.
#[test]
fn a_reference_that_is_not_confirmed_any_more_is_found_by_verify() {
    let site = site("echo snap-1", "test -e $PWD/there");
    fs::write(site.dir().join("there"), "").unwrap();
    site.taken(&[]);
    site.backup(&["verify"]).exit(0).says("is OK");
    fs::remove_file(site.dir().join("there")).unwrap();
    site.backup(&["verify"]).exit(1).says(["verification of backup", "[backup] confirm failed"]);
}
