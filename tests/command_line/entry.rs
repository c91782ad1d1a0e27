//! What the binary answers before any command has begun. Needs no server.

use std::fs::{self, OpenOptions};
use std::process::Stdio;

use tempfile::TempDir;

use crate::support::program::Program;
use crate::support::trueup;

/// In a directory, with nothing in the environment.
fn call(dir: &TempDir, args: &[&str]) -> Program {
    trueup(args).current_dir(dir).with(|command| command.env_clear().env("HOME", dir.path()))
}

#[test]
fn without_arguments_there_is_help_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    call(&dir, &[]).exit(2).stderr_contains("Exit codes:");
    call(&dir, &["--version"]).exit(0);
}

#[test]
fn wrong_arguments_are_a_document_too() {
    let dir = tempfile::tempdir().unwrap();
    for format in [&["--format", "json"][..], &["--format=json"]] {
        let document = call(&dir, &["check", "--nope"]).args(format).exit(2).document();
        assert_eq!(document["command"], "check");
        assert!(document["error"]["what"].as_str().unwrap().starts_with("unexpected argument '--nope'"));
    }
}

#[test]
fn a_failures_document_goes_where_the_report_would_have_gone() {
    let dir = tempfile::tempdir().unwrap();
    let ran = call(&dir, &["check", "--output", "report.json"]).exit(2);
    assert_eq!(ran.stdout(), "");
    let document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("report.json")).unwrap()).unwrap();
    assert!(document["error"]["what"].as_str().unwrap().starts_with("no project here"));
}

#[test]
fn f46_a_malformed_settings_file_names_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    for (text, words) in [
        (&b"[database]\nschema = []\n"[..], "trueup.toml:2: unknown key \"schema\" in [database]"),
        (b"[database\n", "trueup.toml:1: "),
        (b"[database]\n\xff\n", "trueup.toml:2: is not UTF-8"),
    ] {
        fs::write(dir.path().join("trueup.toml"), text).unwrap();
        for command in ["check", "compile"] {
            call(&dir, &[command]).exit(2).stderr_contains(words);
        }
    }
    fs::remove_file(dir.path().join("trueup.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("trueup.toml")).unwrap();
    call(&dir, &["check"]).exit(2).stderr_contains("trueup.toml: cannot be read");
}

#[test]
fn f43_names_from_files_reach_the_terminal_escaped() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("trueup.toml"), "\"\\u001b[2J\\u202e\" = 1\n").unwrap();
    call(&dir, &["check"]).exit(2).lacks(["\u{1b}", "\u{202e}"]);
}

#[test]
fn f09_what_nobody_could_hear_is_not_success() {
    let dir = tempfile::tempdir().unwrap();
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    call(&dir, &["--help"]).stdout(full()).exit(3);
    let shell = |script: &str| call(&dir, &[]).through("/bin/sh", &["-c", script]);
    shell("exec \"$0\" --help >&-").exit(3);
    shell("exec \"$0\" --help >/dev/null").exit(0);
    // A failure keeps its code whoever listens.
    shell("exec \"$0\" check --format json >/dev/full 2>/dev/full").exit(2);
    shell("exec \"$0\" check --format json >&- 2>&-").exit(2);
}

#[test]
fn a_fault_of_trueup_itself_is_70() {
    assert_eq!(::trueup::commands::broke(&[], "a test says so").code(), 70);
}
