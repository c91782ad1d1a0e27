//! What `trueup.lock` says that each statement of a migration does to relations that were there before it. It is the same on
//! all majors: `tests/it.rs` runs it on one, `tests/matrix.rs` on the others.

mod statements;

use std::collections::HashSet;
use std::fmt::Write as _;

use trueup::model::{CompiledProject, CompiledSettings, Footprint, Sources, compile};
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use crate::support::{self, TestServer};

use statements::{AGAIN, MORE, OUTSIDE};
pub(crate) use statements::{INSIDE, MORE_SETUP, SETUP};

/// The statements that the server has (MERGE came with 15), with what each of them does.
pub(crate) fn measured(server: &TestServer) -> Vec<(&'static str, Vec<Footprint>)> {
    let major = server.version.major();
    let known = |sql: &&'static str| major >= 15 || !sql.starts_with("MERGE");
    let statements: Vec<&'static str> =
        INSIDE.iter().chain(MORE).chain(OUTSIDE).copied().filter(known).collect();
    let footprints = footprints(server, &statements);
    statements.into_iter().zip(footprints).collect()
}

/// Compiles a project with a migration for each of these, each after all is as it was in the beginning.
fn footprints(server: &TestServer, statements: &[&str]) -> Vec<Vec<Footprint>> {
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join("migrations");
    std::fs::create_dir(&directory).unwrap();
    let write = |version: usize, sql: &str| {
        std::fs::write(directory.join(format!("V{version}__m.sql")), sql).unwrap();
    };
    let setup = format!("{SETUP}{MORE_SETUP}");
    write(1, &setup);
    for (index, sql) in statements.iter().enumerate() {
        let outside = if OUTSIDE.contains(sql) { "-- trueup: no-transaction\n" } else { "" };
        write(2 * index + 2, &format!("{outside}{sql}"));
        write(2 * index + 3, &format!("{AGAIN}{setup}"));
    }
    let sources = Sources::read(project.path(), &directory).unwrap();
    let settings = CompiledSettings { search_path: "public, pg_temp".into(), ..CompiledSettings::default() };
    let options = ScratchOptions { bin_dir: Some(server.bin_dir.clone()), ..ScratchOptions::default() };
    let project = CompiledProject {
        directory: project.path(),
        sources: &sources,
        settings: &settings,
        states: None,
        footprints: true,
    };
    let lock = support::runtime().block_on(async {
        let mut scratch = Scratch::start(&options).await.unwrap();
        let outcome = compile(project, &mut scratch, None, &mut |_| {}).await;
        scratch.stop().await.unwrap();
        outcome.unwrap().lock
    });
    lock.migrations.into_iter().skip(1).step_by(2).map(|migration| migration.footprints).collect()
}

/// Holds what each statement does against the file.
pub(crate) fn are_as_expected(server: &TestServer, measured: &[(&'static str, Vec<Footprint>)]) {
    let told = measured.iter().map(|(sql, footprints)| {
        let mut told = format!("{sql}\n");
        for footprint in footprints {
            let _ = writeln!(told, "    {}", in_words(footprint));
        }
        told
    });
    let told: Vec<String> = told.collect();
    let path = format!("{}/tests/footprints/expected.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, told.concat()).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let expected = entries(&expected);
    let wrong: Vec<&String> = told.iter().filter(|told| !expected.contains(told.as_str())).collect();
    assert!(wrong.is_empty(), "on {}; UPDATE_EXPECTED=1 accepts what was found: {wrong:#?}", server.version);
    assert!(told.len() >= 150, "{}", told.len());
}

/// The entries of the file: a statement, and the indented lines below it.
fn entries(text: &str) -> HashSet<&str> {
    let begins = |at: usize| at == 0 || text[..at].ends_with('\n') && !text[at..].starts_with(' ');
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).filter(|at| begins(*at)).collect();
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn in_words(footprint: &Footprint) -> String {
    let Footprint { at: _, locks, scans, rewrites, builds, drops } = footprint;
    let mut parts: Vec<String> = locks.iter().map(|(relation, mode)| format!("{mode} {relation}")).collect();
    for (what, relations) in [("reads", scans), ("rewrites", rewrites), ("indexes", builds), ("drops", drops)]
    {
        parts.extend(relations.iter().map(|relation| format!("{what} {relation}")));
    }
    parts.join(", ")
}
