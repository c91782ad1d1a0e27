//! F52: an archive that is not what was stored: `verify` finds it, `restore` refuses it, and the target stays as it was.

use std::fs;
use std::path::Path;

use super::site::{Site, beside, databases};
use crate::support::{self, TestDatabase};

const TABLES: &str = "CREATE TABLE public.users (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO public.users SELECT n, md5(n::text) FROM generate_series(1, 5000) AS n;
    CREATE TABLE public.other (id int); INSERT INTO public.other VALUES (1);
    SELECT lo_from_bytea(0, 'bytes')";

fn flipped(at: impl Fn(usize) -> usize) -> impl Fn(&[u8]) -> Vec<u8> {
    move |bytes| {
        let mut bytes = bytes.to_vec();
        let at = at(bytes.len());
        bytes[at] ^= 1;
        bytes
    }
}

/// Changes a file, sees it found and refused, and puts it back.
fn found_and_refused(
    site: &Site,
    database: &TestDatabase,
    file: &Path,
    what: &str,
    change: &dyn Fn(&[u8]) -> Vec<u8>,
) {
    let good = fs::read(file).unwrap();
    fs::write(file, change(&good)).unwrap();
    let name = format!("{}_copy", database.name());
    let id = site.backup(0).file_name().unwrap().to_string_lossy().into_owned();
    let shown = format!("{what} of {}", file.display());
    for level in ["quick", "contents", "restore"] {
        let verify = site.trueup(["backup", "verify", &id, "--level", level], database);
        verify.case(&shown).exit_in(&[1, 5]);
    }
    for into in [beside(database, &name), database.url().to_owned()] {
        site.trueup(["restore", &id, "--into", &into, "--yes", "--replace"], database)
            .case(&shown)
            .exit(4)
            .says("nothing was changed");
    }
    assert_eq!(databases(database, database.name()), [database.name()], "{shown}");
    assert_eq!(database.value("SELECT count(*) FROM public.users"), "5000", "{shown}");
    fs::write(file, good).unwrap();
}

#[test]
fn f52_every_class_of_tampering_with_one_file() {
    let (site, database) = (Site::new(""), support::database());
    database.exec(TABLES);
    site.trueup(["backup"], &database).exit(0);
    database.exec("UPDATE public.other SET id = 2");
    site.trueup(["backup"], &database).exit(0);
    let (backup, another) = (site.backup(0), site.backup(1));
    let archive = backup.join("archive.dump");
    let swapped = fs::read(another.join("archive.dump")).unwrap();
    let check = |what: &str, change: &dyn Fn(&[u8]) -> Vec<u8>| {
        found_and_refused(&site, &database, &archive, what, change);
    };
    check("the first byte", &flipped(|_| 0));
    check("the version", &flipped(|_| 6));
    check("the table of contents", &flipped(|_| 200));
    check("the middle", &flipped(|length| length / 2));
    check("the last byte", &flipped(|length| length - 1));
    check("cut in half", &|bytes| bytes[..bytes.len() / 2].to_vec());
    check("without its last byte", &|bytes| bytes[..bytes.len() - 1].to_vec());
    check("with a byte more", &|bytes| [bytes, b"\0"].concat());
    check("emptied", &|_| Vec::new());
    check("another backup's", &|_| swapped.clone());
    check("a script for psql", &|_| b"DROP TABLE public.users;\n".to_vec());
    let catalog = backup.join("catalog.jsonl");
    found_and_refused(&site, &database, &catalog, "the schema", &flipped(|length| length / 2));
    let manifest = backup.join("manifest.json");
    found_and_refused(&site, &database, &manifest, "a byte", &flipped(|length| length / 2));
    let other_manifest = fs::read(another.join("manifest.json")).unwrap();
    found_and_refused(&site, &database, &manifest, "another's", &|_| other_manifest.clone());
    found_and_refused(&site, &database, &manifest, "rows", &|bytes| {
        String::from_utf8_lossy(bytes).replace("\"rows\":5000", "\"rows\":4000").into_bytes()
    });
    // Put back, it is as good as it was.
    let into = beside(&database, &format!("{}_copy", database.name()));
    site.trueup(["restore", "latest", "--into", &into, "--yes"], &database).exit(0);
}

#[test]
fn f52_every_member_of_a_directory() {
    let (site, database) = (Site::new("format = \"directory\""), support::database());
    database.exec(TABLES);
    site.trueup(["backup"], &database).exit(0);
    let archive = site.backup(0).join("archive");
    let members: Vec<_> = fs::read_dir(&archive).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(members.len() >= 4, "{members:?}");
    for member in &members {
        let length = fs::metadata(member).unwrap().len();
        if length > 0 {
            found_and_refused(&site, &database, member, "a byte", &flipped(|length| length / 2));
        }
        found_and_refused(&site, &database, member, "a byte more", &|bytes| [bytes, b"x"].concat());
        found_and_refused(&site, &database, member, "cut", &|bytes| {
            if bytes.is_empty() { b"x".to_vec() } else { bytes[..bytes.len() - 1].to_vec() }
        });
    }
}
