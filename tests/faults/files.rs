//! Files of the project that are malformed. What is said of trueup.toml before a command begins: `tests/command_line/entry.rs`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use trueup::model::Lock;
use trueup::postgres::catalog::{Attribute, Object};

use crate::support;
use crate::support::project::{Project, Site};

#[test]
fn f46_a_malformed_settings_file_says_file_line_and_what_was_expected() {
    let site = Site::with_drift();
    let toml = site.project.path().join("trueup.toml");
    let huge = "x".repeat(3_000_000);
    for (text, words) in [
        ("[database]\nschemas = \"public\"\n", &["trueup.toml:2", "schemas"][..]),
        ("[database]\nignore = [1]\n", &["trueup.toml:2", "ignore"]),
        ("[database]\nstatement_timeout = \"soon\"\n", &["trueup.toml:2", "statement_timeout"]),
        ("[databse]\nschemas = []\n", &["trueup.toml:1", "database"]),
        ("[check]\nfail_on = \"sometimes\"\n", &["trueup.toml:2"]),
        ("[check.severity]\n\"column.missing\" = \"fatal\"\n", &["trueup.toml:2"]),
        ("[compile]\nserver_version = \"fifteen\"\n", &["trueup.toml:2", "server_version"]),
        ("[compile]\nserver_version = 9\n", &["trueup.toml:2", "server_version"]),
        ("[project]\nname = \"a\"\nname = \"b\"\n", &["trueup.toml:3"]),
        ("[project\n", &["trueup.toml:1"]),
        ("\0\0\0", &["trueup.toml:1"]),
        (&huge, &["trueup.toml"]),
    ] {
        fs::write(&toml, text).unwrap();
        let ran = site.project.check(&site.database).exit(2).says(words);
        assert!(ran.said().len() < 2000, "{} bytes are said", ran.said().len());
    }
}

#[test]
fn f46_a_malformed_lock_file_says_file_line_and_what_was_expected() {
    let site = Site::with_drift();
    let lock = site.project.lock();
    let good = fs::read_to_string(&lock).unwrap();
    let lines = good.lines().count();
    let half = good.lines().take(lines / 2).map(|line| format!("{line}\n")).collect::<String>();
    let check = |bytes: &[u8], words: &[&str]| {
        fs::write(&lock, bytes).unwrap();
        let ran = site.project.check(&site.database).exit(2).says(words);
        let ran = ran.says(["trueup.lock: line ", "next: ", "trueup compile"]);
        assert!(ran.said().len() < 4000, "{} bytes are said", ran.said().len());
    };
    check(b"", &[]);
    check(half.as_bytes(), &[]);
    check(&good.as_bytes()[..good.len() - 10], &[]);
    check(b"{}\n", &["line 1"]);
    check(b"\x7fELF\x02\x01\x01\0\0\0", &["line 1"]);
    check(&[0xff; 4096], &["line 1", "UTF-8"]);
    check(&vec![b'['; 10_000_000], &["line 1"]);
    check(format!("{good}{good}").as_bytes(), &["nothing after"]);
    check(good.replacen("\"server\":", "\"sevrer\":", 1).as_bytes(), &["line 1"]);
    let deep = format!("{}\n{{\"table\":{}\n", good.lines().next().unwrap(), "[".repeat(1_000_000));
    check(deep.as_bytes(), &["line 2"]);
    let unknown = good.replacen("\"column\":", "\"colunm\":", 1);
    assert_ne!(unknown, good);
    check(unknown.as_bytes(), &["colunm"]);
    // One of a newer trueup: not malformed, but nothing to guess about.
    check(good.replacen("\"trueup.lock\":3", "\"trueup.lock\":999", 1).as_bytes(), &["line 1", "999"]);
    // Conflict marks of a merge.
    check(good.replacen('\n', "\n<<<<<<< HEAD\n", 1).as_bytes(), &["line 2"]);
}

/// What a model says: the order of columns and the name of an owned sequence mean nothing.
fn meaning(lock: &Lock) -> Vec<Object> {
    let without_order = |object: &Arc<Object>| {
        let mut id = object.id.clone();
        if object.get(Attribute::OwnedBy).is_some() {
            id.name = "".into();
        }
        Object { id, attributes: object.attributes.with(Attribute::Position, None) }
    };
    lock.model.objects.iter().map(without_order).collect()
}

/// Small, and the same every time: each mutation of the lock's bytes gives an answer of the contract, and a model that
/// was changed is never called clean.
#[test]
fn f46_a_mutated_lock_file_never_makes_a_drifted_model_clean() {
    let project = Project::of_schema(
        "CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood NOT NULL DEFAULT 'sad', n numeric(9,2) CHECK (n > 0));
         CREATE VIEW v AS SELECT id, n FROM t WHERE n > 1; COMMENT ON TABLE t IS 'Things.';
         CREATE INDEX t_n ON t (n) WHERE mood = 'happy';",
    );
    project.compile();
    let database = support::database();
    project.build(&database);
    project.check(&database).exit(0);
    let good = fs::read(project.lock()).unwrap();
    let path = Path::new("trueup.lock");
    let original = Lock::from_reader(&good[..], path).unwrap();
    // Knuth's MMIX generator: no two runs differ.
    let mut state: u64 = 46;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let (mut read, mut changed) = (0, 0);
    for round in 0..1500 {
        let mut bytes = good.clone();
        for _ in 0..=random(2) {
            let at = random(bytes.len());
            match random(6) {
                0 => bytes[at] ^= 1 << random(8),
                1 => bytes[at] = b"0123456789abctfnu\"{}[],:\\ \n"[random(27)],
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, b"\"{},0a\n"[random(7)]),
                4 => bytes.truncate(at.max(1)),
                // A line twice, or away.
                _ => {
                    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                    let end = bytes[at..]
                        .iter()
                        .position(|byte| *byte == b'\n')
                        .map_or(bytes.len(), |end| at + end + 1);
                    let line = bytes[start..end].to_vec();
                    if random(2) == 0 {
                        drop(bytes.drain(start..end))
                    } else {
                        drop(bytes.splice(start..start, line))
                    }
                }
            }
        }
        // Reading never panics; what can be read goes through the whole command.
        let Ok(lock) = Lock::from_reader(&bytes[..], path) else { continue };
        read += 1;
        fs::write(project.lock(), &bytes).unwrap();
        let case = format!("round {round}: {}", String::from_utf8_lossy(&bytes));
        let same = meaning(&lock) == meaning(&original);
        project.check(&database).case(case).exit_in(if same { &[0, 1, 2, 3] } else { &[1, 2, 3] });
        changed += usize::from(!same);
    }
    assert!(read > 50 && changed > 15, "{read} could be read, {changed} of them with another model");
}
