//! `pg_dump`: missing, too old, lying.

use std::fs;
use std::os::unix::fs::symlink;

use super::site::Site;
use crate::support;
use crate::support::tools::not_run;

#[test]
fn f47_programs_that_are_not_there_or_too_old_are_refused() {
    let site = Site::new();
    let major = site.database.server.version.major();
    let missing = site.stub("exec \"$REAL\" \"$@\"");
    fs::remove_file(missing.join("pg_restore")).unwrap();
    site.backup_by(&missing, &[]).exit(4).says(["no pg_restore", "nothing was changed"]);
    let older = site.stub_that_says(&format!("{}.3", major - 1), "exec \"$REAL\" \"$@\"");
    fs::remove_file(older.join("pg_restore")).unwrap();
    fs::copy(older.join("pg_dump"), older.join("pg_restore")).unwrap();
    let text = fs::read_to_string(older.join("pg_restore")).unwrap().replace("'pg_dump (", "'pg_restore (");
    fs::write(older.join("pg_restore"), text).unwrap();
    let needs = format!("needs a pg_dump of {major} or newer");
    let version = format!("version {}.3", major - 1);
    site.backup_by(&older, &[]).exit(4).says(&needs).says(&version).says("--pg-bin");
    let broken = site.stub_that_says("devel", "exit 0");
    site.backup_by(&broken, &[]).exit(4).says("is not a release");
    site.nothing();
}

/// A real one, where there is one in the cache.
#[test]
fn f47_a_real_older_pg_dump_is_refused() {
    let site = Site::new();
    let major = site.database.server.version.major();
    if major == 14 {
        // The oldest that is supported.
        return;
    }
    let caches = support::cache().into_iter().chain(["/var/cache/trueup".into()]);
    let older = caches
        .flat_map(|cache| (14..major).map(move |older| cache.join(format!("postgresql/{older}/bin"))))
        .find(|bin| bin.join("pg_dump").is_file());
    let Some(older) = older else {
        return not_run("no older pg_dump in the cache (scripts/postgres 14)");
    };
    let bin = tempfile::tempdir_in(site.dir()).unwrap();
    for program in ["pg_dump", "pg_restore"] {
        symlink(older.join(program), bin.path().join(program)).unwrap();
    }
    let needs = format!("needs a pg_dump of {major} or newer");
    site.backup_by(bin.path(), &[]).exit(4).says(&needs);
    site.nothing();
}

#[test]
fn f47_a_pg_dump_that_ends_well_and_wrote_no_archive_is_found_out() {
    let site = Site::new();
    for level in ["quick", "contents"] {
        for (script, words) in [
            ("exit 0", "wrote nothing"),
            ("echo this is no archive at all; exit 0", "the archive is damaged"),
            ("head -c 3000000 /dev/urandom; exit 0", "the archive is damaged"),
        ] {
            let stub = site.stub(script);
            site.backup_by(&stub, &["--verify", level]).exit(5).says(words);
            site.nothing();
        }
    }
}

#[test]
fn f47_half_an_archive_is_found_out() {
    let site = Site::new();
    let half = "\"$REAL\" \"$@\" >$HERE/all; head -c $(($(stat -c %s $HERE/all) / 2)) $HERE/all; exit 0";
    site.backup_by(&site.stub(half), &[]).exit(5).says("the archive is damaged");
    site.nothing();
    // Without its last bytes: what ends an archive is a part of it, too.
    let most = "\"$REAL\" \"$@\" >$HERE/all; head -c -20 $HERE/all; exit 0";
    site.backup_by(&site.stub(most), &[]).exit(5);
    site.nothing();
}

#[test]
fn f47_a_directory_that_was_not_written_is_found_out() {
    let site = Site::new();
    site.settings("format = \"directory\"");
    // The archive's directory is the word after --file.
    let place = "while [ \"$1\" != --file ]; do shift; done; mkdir -p \"$2\"";
    for (script, word) in [
        ("exit 0".to_owned(), "writing the backup to"),
        (place.to_owned(), "\"toc.dat\" does not exist"),
        (format!("{place}; echo no >\"$2/toc.dat\""), "the archive is damaged"),
    ] {
        site.backup_by(&site.stub(&script), &[]).exit(5).says(word);
        site.nothing();
    }
}
