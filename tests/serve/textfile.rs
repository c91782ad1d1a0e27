//! `--format prometheus`: files for node_exporter's textfile collector.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use super::{Metrics, promtool, site};
use crate::support::project::Project;

fn write(project: &Project, at: &str, command: &str, exit: i32) -> String {
    let file = project.path().join(format!("{command}.prom"));
    project.without_postgres([command, "--output"], at).arg(&file).exit(exit);
    fs::read_to_string(file).unwrap()
}

/// Several of them lie beside each other: no sample is in two.
#[test]
fn each_command_writes_what_it_reads() {
    let (project, database) = site();
    database.exec(
        "DROP INDEX public.organizations_slug_key; DELETE FROM refinery_schema_history WHERE version > 6",
    );
    let [check, verify, ready] = [("check", 1), ("verify", 0), ("ready", 1)]
        .map(|(command, exit)| write(&project, database.url(), command, exit));
    let all = Metrics([check, verify, ready].concat());
    all.is("trueup_ready", &[], 0.0);
    all.is("trueup_pending", &[("phase", "expand")], 1.0);
    all.is("trueup_pending", &[("phase", "contract")], 1.0);
    all.is("trueup_unfinished", &[], 0.0);
    all.is("trueup_check_rows", &[("check", "users_email_is_unique")], 0.0);
    assert!(all.value("trueup_drift_findings", &[("severity", "error")]) > Some(0.0), "{}", all.0);
    for probe in ["schema", "data", "readiness"] {
        all.is("trueup_probe_success", &[("probe", probe), ("database", database.name())], 1.0);
        assert!(all.value("trueup_last_success_timestamp_seconds", &[("probe", probe)]) > Some(1.7e9));
    }
    let samples: Vec<&str> = all.0.lines().filter(|line| !line.starts_with('#')).collect();
    let mut once: Vec<&str> = samples.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), samples.len(), "{}", all.0);
    let Some(_) = promtool() else { return };
    for command in ["check", "verify", "ready"] {
        let file = fs::File::open(project.path().join(format!("{command}.prom"))).unwrap();
        let ran = promtool().unwrap().args(["check", "metrics"]).stdin(Stdio::from(file)).exit(0);
        assert_eq!(ran.said(), "", "{command}");
    }
}

/// What was written before does not stay: nobody is to take it for an answer.
#[test]
fn a_failure_replaces_the_file() {
    let (project, database) = site();
    write(&project, database.url(), "check", 0);
    let nobody = "postgres://a@127.0.0.1:1/shop";
    let failed = Metrics(write(&project, nobody, "check", 3));
    failed.is("trueup_probe_success", &[("probe", "schema"), ("database", "shop")], 0.0);
    assert_eq!(failed.0.lines().filter(|line| !line.starts_with('#')).count(), 1, "{}", failed.0);
}

/// Who reads it never sees half of it: it is another file each time.
#[test]
fn the_file_is_replaced_whole() {
    let (project, database) = site();
    let path = project.path().join("check.prom");
    write(&project, database.url(), "check", 0);
    let first = fs::metadata(&path).unwrap();
    let held = fs::File::open(&path).unwrap();
    write(&project, database.url(), "check", 0);
    let second = fs::metadata(&path).unwrap();
    assert_ne!(first.ino(), second.ino());
    assert!(std::io::read_to_string(held).unwrap().contains("trueup_drift_findings"));
    // The collector is another user, and reads nothing that does not end in .prom.
    assert_eq!(second.mode() & 0o444, 0o444 & !umask(), "{:o}", second.mode());
    let left = fs::read_dir(project.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
    // A pipe is written to.
    let ran = project.without_postgres(["check", "--output", "prometheus=/dev/stderr"], &database).exit(0);
    ran.stderr_contains("trueup_drift_findings{");
}

/// The mask of this process, which its children have, too.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(mask.trim(), 8).unwrap()
}

/// A command without metrics says so before it does anything.
#[test]
fn other_commands_refuse_the_format() {
    let (project, database) = site();
    database.exec("DELETE FROM refinery_schema_history WHERE version = 8");
    for args in [
        &["upgrade", "--yes", "--contract", "--format", "prometheus"][..],
        &["upgrade", "--yes", "--contract", "--output", "x.prom"],
        &["verify", "--fix", "--yes", "--format", "prometheus"],
        &["gate", "--format", "prometheus"],
    ] {
        project.trueup(args, &database).exit(2).says(["has no metrics", "nothing was done"]);
    }
    assert_eq!(database.value("SELECT count(*) FROM refinery_schema_history"), "7");
    assert!(
        !project.path().join("x.prom").exists()
            || fs::read(project.path().join("x.prom")).unwrap().is_empty()
    );
}
