//! What the binary answers before any command has begun. Needs no server.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn trueup(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
    command.env_clear().env("HOME", dir).current_dir(dir);
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    trueup(dir).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_arguments_there_is_help_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("Exit codes:"), "{}", said(&output));
    assert_eq!(run(dir.path(), &["--version"]).status.code(), Some(0));
}

#[test]
fn wrong_arguments_are_a_document_too() {
    let dir = tempfile::tempdir().unwrap();
    for format in [&["--format", "json"][..], &["--format=json"]] {
        let output = run(dir.path(), &[&["check", "--nope"], format].concat());
        assert_eq!(output.status.code(), Some(2));
        let document = document(&output);
        assert_eq!((document["command"].as_str(), document["exit_code"].as_u64()), (Some("check"), Some(2)));
        assert!(document["error"]["what"].as_str().unwrap().starts_with("unexpected argument '--nope'"));
    }
}

#[test]
fn a_failures_document_goes_where_the_report_would_have_gone() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["check", "--output", "report.json"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
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
            let output = run(dir.path(), &[command]);
            assert_eq!(output.status.code(), Some(2));
            assert!(said(&output).contains(words), "{}", said(&output));
        }
    }
    fs::remove_file(dir.path().join("trueup.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("trueup.toml")).unwrap();
    let output = run(dir.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("trueup.toml: cannot be read"), "{}", said(&output));
}

#[test]
fn f43_names_from_files_reach_the_terminal_escaped() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("trueup.toml"), "\"\\u001b[2J\\u202e\" = 1\n").unwrap();
    let output = run(dir.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!said(&output).contains(['\u{1b}', '\u{202e}']), "{:?}", said(&output));
}

#[test]
fn f09_what_nobody_could_hear_is_not_success() {
    let dir = tempfile::tempdir().unwrap();
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let status = trueup(dir.path()).arg("--help").stdout(full()).status().unwrap();
    assert_eq!(status.code(), Some(3));
    let shell = |script: &str| {
        Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_trueup")])
            .current_dir(dir.path())
            .env_clear()
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(shell("exec \"$0\" --help >&-"), Some(3));
    assert_eq!(shell("exec \"$0\" --help >/dev/null"), Some(0));
    // A failure keeps its code whoever listens.
    assert_eq!(shell("exec \"$0\" check --format json >/dev/full 2>/dev/full"), Some(2));
    assert_eq!(shell("exec \"$0\" check --format json >&- 2>&-"), Some(2));
}

#[test]
fn a_fault_of_trueup_itself_is_70() {
    assert_eq!(trueup::commands::broke(&[], "a test says so").code(), 70);
}
