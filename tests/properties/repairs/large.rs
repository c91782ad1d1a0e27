//! Rows of many megabytes: they never come to this process (F44).

use std::io::{Read as _, Seek as _, Write as _};

use super::site::Project;
use crate::support;

#[test]
fn f44_values_of_100_mb_are_repaired_and_given_back() {
    const CHECK: &str = "-- title: large\n-- table: large\n-- key: id\n-- show: id, body, raw\n-- find:\n\
        SELECT id, body, raw FROM large WHERE note IS NULL;\n\
        -- fix: longer\nSELECT id, body || 'x' AS body, raw || '\\x01'::bytea AS raw, 'done' AS note FROM large WHERE note IS NULL \
        AND id < 3;\n\
        -- fix: gone\n-- action: delete\nSELECT id FROM large WHERE id = 3;\n";
    const IMAGE: &str = "SELECT string_agg(id || ':' || coalesce(sha256(convert_to(body, 'UTF8'))::text, '-') || \
        coalesce(sha256(raw)::text, '-') || coalesce(note, '-'), E'\\n' ORDER BY id) FROM large";
    // 20,000,000 times 5 bytes, 10,000,000 times 5.
    let database = support::database();
    database.exec(
        "CREATE TABLE large (id int PRIMARY KEY, body text, raw bytea, note text);
         ALTER TABLE large ALTER body SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;
         INSERT INTO large VALUES (1, repeat(E'ä\\n\\\\\"', 20000000), NULL, NULL),
             (2, NULL, convert_to(repeat('12345', 10000000), 'UTF8') || '\\x00ff'::bytea, NULL),
             (3, repeat('gone', 5000000), '\\x00', NULL)",
    );
    assert!(
        database.value("SELECT octet_length(body) FROM large WHERE id = 1").parse::<u64>().unwrap()
            >= 100_000_000
    );
    let before = database.value(IMAGE);
    let project = Project::of(&[("large", CHECK)]);
    let bounded = |args: &[&str], exit: i32| {
        // A pipe that nobody reads would stop it.
        let mut stdout = tempfile::tempfile().unwrap();
        let mut program = project.trueup(args, &database).stdout(stdout.try_clone().unwrap()).start();
        let peak = program.peak();
        program.ended().exit(exit);
        let _ = std::io::stderr().write_all(format!("{args:?}: {peak} kB at the most\n").as_bytes());
        assert!(peak > 0 && peak < 64_000, "{args:?}: {peak} kB");
        let mut printed = Vec::new();
        stdout.rewind().unwrap();
        stdout.read_to_end(&mut printed).unwrap();
        assert!(printed.len() < 100_000, "{args:?}: {} bytes", printed.len());
        printed
    };
    bounded(&["verify", "--format", "json"], 1);
    bounded(&["verify"], 1);
    bounded(&["verify", "--fix", "--dry-run"], 1);
    let report = bounded(&["verify", "--fix", "--yes", "--format", "json"], 0);
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        database.value("SELECT string_agg(octet_length(body)::text || note, ',') FROM large WHERE id = 1"),
        "100000001done"
    );
    assert_eq!(database.value("SELECT count(*) FROM large"), "2");
    let run = report["run"].as_str().unwrap();
    bounded(&["undo", run, "--dry-run"], 0);
    bounded(&["undo", run, "--yes"], 0);
    assert_eq!(database.value(IMAGE), before);
}
