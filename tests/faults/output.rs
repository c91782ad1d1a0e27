//! Standard output that is closed, full, or that nobody reads to the end.

use std::fs::{self, OpenOptions};
use std::process::Stdio;

use crate::support;
use crate::support::project::{Project, Site};

/// A database without any difference: only the undelivered report can make its code other than 0.
#[test]
fn f09_a_clean_report_that_nobody_could_read_is_not_code_0() {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    project.build(&database);
    project.check(&database).exit(0);

    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    for format in ["human", "json", "markdown"] {
        project
            .check(&database)
            .args(["--format", format])
            .stdout(full())
            .exit(3)
            .says(["could not be written", "No space left"]);

        // A pipe whose reader has gone, as after `| head -1`.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        project
            .check(&database)
            .args(["--format", format])
            .stdout(writer)
            .exit(3)
            .says("could not be written");
    }
    project.check(&database).args(["--output", "json=/dev/full"]).exit(3).says("could not be written");
    // Standard error has nothing that the answer needs.
    project.check(&database).stdout(Stdio::null()).stderr(full()).exit(0);
}

#[test]
fn f09_findings_keep_their_code_or_say_that_they_were_lost() {
    let site = Site::with_drift();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    site.project.check(&site.database).stdout(writer).exit(3).says("could not be written");
    // The report goes to a file that takes it: its directory is there, and nothing else is left there.
    let to = site.project.path().join("out");
    fs::create_dir(&to).unwrap();
    site.project.check(&site.database).args(["--format", "json", "--output", "out/report.json"]).exit(1);
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    let document: serde_json::Value =
        serde_json::from_slice(&fs::read(to.join("report.json")).unwrap()).unwrap();
    assert_eq!(document["exit_code"], 1);
}
