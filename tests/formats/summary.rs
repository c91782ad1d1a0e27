//! Markdown, and the summary of a step of GitHub Actions, which is written in it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::made;
use super::readers;
use super::site::Site;
use crate::support::program::Ran;

/// GitHub takes nothing of a summary that is longer than 1 MiB.
const LARGEST: usize = 900_000;

#[test]
fn a_parser_finds_tables_and_code_and_nothing_that_a_name_has_made() {
    let Some(python) = readers::python() else { return readers::did_not_run("markdown-it-py", "Markdown") };
    for made in made::all() {
        for format in ["markdown", "summary"] {
            let read = python.read("markdown", &[&made.file(format)]);
            let html: BTreeSet<&str> =
                read["html"].as_array().unwrap().iter().map(|html| html.as_str().unwrap()).collect();
            assert!(html.is_subset(&BTreeSet::from(["<br>"])), "{}: {html:?}", made.name);
            assert_eq!(read["links"], json!([]), "{}", made.name);
            assert_eq!(read["headings"].as_array().unwrap().len(), 1, "{}: {}", made.name, read["headings"]);
            for table in read["tables"].as_array().unwrap() {
                let widths: BTreeSet<_> =
                    table.as_array().unwrap().iter().map(|width| width.as_u64()).collect();
                assert_eq!(widths.len(), 1, "{}: the rows of a table are of one length", made.name);
            }
            let rows: usize = read["tables"]
                .as_array()
                .unwrap()
                .iter()
                .map(|table| table.as_array().unwrap().len() - 1)
                .sum();
            assert_eq!(
                rows,
                match made.name {
                    "verified" => 25,
                    // A row for each section that was asked.
                    "gated" => made.findings().len() + made.sections(),
                    _ => made.findings().len(),
                },
                "{}",
                made.name
            );
        }
    }
}

/// Runs a check that writes a summary into a file.
fn check(site: &Site, summary: &Path, args: &[&str]) -> Ran {
    let check = site.project.trueup(["check"], site.database.url());
    check.args(args).env("GITHUB_STEP_SUMMARY", summary).run()
}

#[test]
fn the_summary_is_written_where_annotations_are_asked_for() {
    let site = Site::of_many(2);
    let summary = site.path().join("summary.md");
    for args in [&[][..], &["--format", "json"], &["--format", "markdown"], &["--output", "report.sarif"]] {
        check(&site, &summary, args).exit(1);
        assert!(!summary.exists(), "{args:?}");
    }
    for args in
        [&["--format", "github"][..], &["--output", "github=annotations.txt"], &["-q", "--format", "github"]]
    {
        let ran = check(&site, &summary, args).exit(1);
        assert_eq!(ran.stderr(), "");
        let text = fs::read_to_string(&summary).unwrap();
        let heading = "## trueup check: 2 errors, 2 warnings: the database does not match";
        assert!(text.starts_with(heading), "{text}");
        assert!(text.contains("| `public.missing_0`<br>table, error |"), "{text}");
        fs::remove_file(&summary).unwrap();
    }
}

/// The steps of a job write into one file each, but the commands of one step into the same.
#[test]
fn a_summary_is_added_to_what_is_there_and_stays_below_the_limit() {
    let site = Site::of_many(300);
    let summary = site.path().join("summary.md");
    fs::write(&summary, "what another command wrote").unwrap();
    check(&site, &summary, &["--format", "github"]).exit(1);
    let once = fs::read_to_string(&summary).unwrap();
    let ours = once
        .strip_prefix("what another command wrote\n## trueup check: ")
        .expect("begins on a line of its own");
    assert!(!ours.contains("Left out"));
    let mut length = once.len();
    loop {
        check(&site, &summary, &["--format", "github"]).exit(1);
        let now = fs::read_to_string(&summary).unwrap();
        assert!(now.len() <= LARGEST, "{}", now.len());
        let added = &now[length..];
        length = now.len();
        if !added.contains("Left out") {
            continue;
        }
        // The table has no room any more, as a whole; heading and what to do next have.
        assert!(
            added.starts_with("\n## trueup check: ")
                && added.contains("Next: `trueup check --fix --dry-run`"),
            "{added}"
        );
        assert!(!added.contains("| object |"), "{added}");
        assert!(added.contains("`trueup --output FILE` writes the whole report."), "{added}");
        break;
    }
    fs::write(&summary, "x".repeat(LARGEST)).unwrap();
    let ran = check(&site, &summary, &["--format", "github"]).exit(1);
    let warning = ran.stderr();
    assert!(
        warning.starts_with("warning: the step summary ") && warning.contains("has no room"),
        "{warning}"
    );
    assert_eq!(fs::metadata(&summary).unwrap().len(), LARGEST as u64);
}

#[test]
fn a_summary_that_cannot_be_written_is_a_warning_and_nothing_else() {
    let site = Site::clean();
    let read_only = site.path().join("read-only.md");
    fs::write(&read_only, "").unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o444)).unwrap();
    let pipe = site.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let nowhere = site.path().join("no/such/directory.md");
    let files = [site.path().to_owned(), nowhere, pipe, "/dev/full".into()];
    // Root may write what is read-only.
    let files = files.into_iter().chain((!nix::unistd::geteuid().is_root()).then_some(read_only));
    for file in files {
        let ran = check(&site, &file, &["--format", "github"]).exit(0);
        assert_eq!(ran.stdout(), "", "{file:?}");
        let warning = ran.stderr();
        let expected = format!("warning: the step summary {} could not be written: ", file.display());
        assert!(warning.starts_with(&expected), "{warning}");
        assert_eq!(warning.lines().count(), 1, "{warning}");
    }
    // An empty variable is none.
    let ran = check(&site, Path::new(""), &["--format", "github"]).exit(0);
    assert_eq!(ran.said(), "");
}

/// A pipeline that looks at the summary alone must not take a failure for silence.
#[test]
fn a_failure_is_in_the_summary() {
    let text = made::named("nowhere").text("summary");
    assert!(text.starts_with("## trueup check: failed: cannot connect to "), "{text}");
    let site = Site::clean();
    let summary = site.path().join("summary.md");
    let wrong = site.project.trueup(["chekc", "--format", "github"], site.database.url());
    wrong.env("GITHUB_STEP_SUMMARY", &summary).exit(2);
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("## trueup: failed: trueup has no command chekc"), "{text}");
}
