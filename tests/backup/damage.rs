//! Archives that are not what the database was, or not what was stored.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trueup::backup::restore::TrialTarget;
use trueup::backup::{
    self, BackupFormat, BackupMethod, BackupRequest, Manifest, ProofLevel, Scope, SourceLabels, Store,
};
use trueup::error::{Exit, exit_of};
use trueup::postgres::connection::Target;
use trueup::postgres::scratch::ScratchOptions;
use trueup::writer::StopSignal;

use super::site::Site;
use crate::support;

/// Changes one byte.
fn flip(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn f49_every_byte_that_was_flipped_and_every_file_that_was_cut_is_found() {
    for format in ["custom", "directory"] {
        let site = Site::new();
        site.settings(&format!("format = \"{format}\""));
        let taken = site.taken(&[]);
        assert_eq!(taken["verified"]["how"], "contents");
        let id = taken["id"].as_str().unwrap();
        let verify = |level: &str| site.backup(&["verify", id, "--level", level]);
        for level in ["quick", "contents"] {
            verify(level).exit(0).says("is OK");
        }
        let files = files(&site.store().join(id));
        let least = if format == "custom" { 3 } else { 6 };
        assert!(files.len() >= least, "{files:?}");
        let before = |path: &Path| fs::read(path).unwrap();
        for path in &files {
            let whole = before(path);
            let places: [&dyn Fn(usize) -> usize; 3] = [&|_| 0, &|size| size / 2, &|size| size - 2];
            for level in ["quick", "contents"] {
                for place in places {
                    flip(path, place);
                    verify(level).exit(1).says(["verification of backup", "next: use another"]);
                    fs::write(path, &whole).unwrap();
                }
                fs::write(path, &whole[..whole.len() / 2]).unwrap();
                verify(level).exit(1).says("verification of backup");
                if !path.ends_with("manifest.json") {
                    fs::remove_file(path).unwrap();
                    verify(level).exit(1).says("verification of backup");
                }
                fs::write(path, &whole).unwrap();
            }
        }
        verify("contents").exit(0).says("is OK");
    }
}

/// `pg_dump` ends well, the archive is whole, and something is missing.
#[test]
fn f49_an_archive_without_the_rows_of_a_table_is_found_by_the_comparison() {
    for format in ["custom", "directory"] {
        let site = Site::new();
        site.settings(&format!("format = \"{format}\""));
        for (argument, words) in [
            ("--exclude-table-data=public.b", "the rows of public.b are missing"),
            ("--exclude-table=public.b", "public.b is missing"),
            ("--exclude-table-data=public.empty", "the rows of public.empty are missing"),
            ("--schema-only", "the rows of public.a are missing"),
        ] {
            let stub = site.stub(&format!("exec \"$REAL\" \"$@\" {argument}"));
            site.backup_by(&stub, &[]).exit(5).says(["the archive does not match the database", words]);
            site.nothing();
        }
    }
}

/// What `pg_dump --enable-row-security` does, and says nothing.
#[test]
fn f49_rows_that_a_policy_hides_are_missed() {
    let site = Site::new();
    site.database.exec(
        "CREATE ROLE f49_policed LOGIN; GRANT pg_read_all_data TO f49_policed;
         ALTER TABLE public.b ENABLE ROW LEVEL SECURITY; ALTER TABLE public.b FORCE ROW LEVEL SECURITY;
         CREATE POLICY few ON public.b USING (id < 10)",
    );
    let url = site.database.url_as("f49_policed");
    let stub = site.stub("exec \"$REAL\" --enable-row-security \"$@\"");
    let bin = stub.to_str().unwrap();
    for args in [&[][..], &["--pg-bin", bin], &["--verify", "quick"]] {
        site.backup_of(&url, args).exit(4).says(["row-level security", "ALTER ROLE f49_policed BYPASSRLS"]);
        site.nothing();
    }
    site.database.exec("ALTER ROLE f49_policed BYPASSRLS");
    site.backup_of(&url, &[]).exit(0).says("3 tables with 20100 rows");
    site.database.exec("DROP OWNED BY f49_policed; DROP ROLE f49_policed");
}

#[test]
fn f49_a_role_that_may_not_read_a_table_is_told_what_it_needs() {
    let site = Site::new();
    site.database.exec("CREATE ROLE f49_reader LOGIN; GRANT SELECT ON public.a TO f49_reader");
    let ran = site.backup_of(&site.database.url_as("f49_reader"), &[]).run();
    site.database.exec("DROP OWNED BY f49_reader; DROP ROLE f49_reader");
    ran.exit(4).says(["permission denied for table", "GRANT pg_read_all_data TO f49_reader"]);
    site.nothing();
}

/// A backup of some tables, as a change asks for it.
fn of_tables(site: &Site, kind: BackupFormat, tables: &[&str]) -> anyhow::Result<Manifest> {
    let target = Target::parse(site.database.url()).unwrap();
    let store = Store::local(&site.store());
    let request = BackupRequest {
        target: &target,
        application: "test",
        search_path: "public",
        set_role: None,
        store: &store,
        id: "01J00000000000000000000000",
        run: "01J00000000000000000000000",
        method: BackupMethod::Dump {
            kind,
            jobs: 2,
            compression: None,
            bin_dir: Some(&site.database.server.bin_dir),
        },
        scope: Scope::Tables(tables.iter().map(|table| (*table).to_owned()).collect()),
        level: ProofLevel::Contents,
        trial: &TrialTarget::Scratch(ScratchOptions::default()),
        lock_wait: Duration::from_secs(5),
        labels: SourceLabels::default(),
        expected: None,
    };
    let (_ask, stop) = StopSignal::channel();
    support::runtime().block_on(backup::take(&request, stop, &mut ()))
}

#[test]
fn f49_a_table_of_the_scope_that_is_not_there_is_refused() {
    let site = Site::of(
        "CREATE TABLE public.\"we\"\"ird*\" (id int); INSERT INTO public.\"we\"\"ird*\" VALUES (1), (2);
                         CREATE TABLE public.weirdo (id int)",
    );
    for kind in [BackupFormat::Custom, BackupFormat::Directory] {
        let error = of_tables(&site, kind, &["public.weirdo", "public.gone"]).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Refused, "{error:#}");
        assert!(error.to_string().contains("do not exist: public.gone"), "{error:#}");
        site.nothing();
        let taken = of_tables(&site, kind, &["public.\"we\"\"ird*\""]).unwrap();
        let names: Vec<_> = taken.relations.iter().map(|one| (one.name.as_str(), one.rows)).collect();
        assert_eq!(names, [("public.\"we\"\"ird*\"", Some(2))]);
        site.backup(&["verify", "--format", "json"]).exit(0).says("\"contents\"");
        fs::remove_dir_all(site.store()).unwrap();
    }
}
