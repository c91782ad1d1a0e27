//! Computes refinery's checksums, in every form in which a history may hold the checksum of an unchanged file.
//!
//! refinery-core 0.10 hashes name, version and text with SipHash 1-3 (`runner.rs`, `Migration::unapplied`). The width
//! of the version matters: refinery with `int8-versions` computes other values than refinery without it. Line
//! endings, byte order mark and final newline differ between checkouts and editors and do not make another migration.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};

use siphasher::sip::SipHasher13;

use super::history::Applied;
use super::{Migration, MigrationId};
use crate::postgres::sql::without_bom;

/// The width of the version that refinery hashed; the type of the history's column shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// `int4`, plain refinery.
    Four,
    /// `int8`, refinery with `int8-versions`.
    Eight,
}

/// The checksum that refinery writes for the file as it is stored. A version that does not fit into four bytes is
/// hashed with eight.
pub fn written(migration: &Migration, width: Width) -> u64 {
    let of = |width| checksum(migration.id(), width, &migration.sql);
    of(width).or_else(|| of(Width::Eight)).unwrap_or_default()
}

/// Whether this recorded checksum stands for the file.
pub fn accepts(migration: &Migration, recorded: u64) -> bool {
    // Nearly always the file is as it was; computing the other forms copies it.
    WIDTHS.into_iter().any(|width| written(migration, width) == recorded)
        || stands_for(migration.id(), &forms(&migration.sql), recorded)
}

/// Every checksum that [`accepts`] takes for this file.
pub fn accepted(migration: &Migration) -> Vec<u64> {
    let id = migration.id();
    let forms = forms(&migration.sql);
    forms
        .iter()
        .flat_map(|text| WIDTHS.into_iter().filter_map(move |width| checksum(id, width, text)))
        .collect()
}

/// The versions whose file is as it was applied. Files of another tool count as such: that tool compares them itself.
pub fn unchanged(migrations: &[Migration], history: &[Applied]) -> BTreeSet<i64> {
    let recorded: BTreeMap<i64, u64> =
        history.iter().filter_map(|row| Some((row.version, row.checksum?))).collect();
    let is_unchanged = |file: &&Migration| {
        file.revision.is_some()
            || recorded.get(&file.version).is_some_and(|recorded| accepts(file, *recorded))
    };
    migrations.iter().filter(is_unchanged).map(|file| file.version).collect()
}

/// Every form of a text that stands for it: with and without byte order mark and final newline, with the line endings
/// as they are, with LF and with CRLF.
fn forms(sql: &str) -> BTreeSet<String> {
    let bare = without_bom(sql);
    let lf = bare.replace("\r\n", "\n");
    let crlf = lf.replace('\n', "\r\n");
    let mut found = BTreeSet::from([sql.to_owned()]);
    for (text, newline) in [(bare, "\n"), (bare, "\r\n"), (&lf, "\n"), (&crlf, "\r\n")] {
        let trimmed = text.trim_end_matches(['\r', '\n']);
        for body in [text.to_owned(), trimmed.to_owned(), format!("{trimmed}{newline}")] {
            found.extend([format!("\u{feff}{body}"), body]);
        }
    }
    found
}

/// Whether a recorded checksum is that of one of these forms of a migration, in either width.
fn stands_for(id: MigrationId<'_>, forms: &BTreeSet<String>, recorded: u64) -> bool {
    forms.iter().any(|text| WIDTHS.into_iter().any(|width| checksum(id, width, text) == Some(recorded)))
}

/// The files that were given another version after they were applied: by the version that they were applied as, the one
/// that they have now. The text of such a file is that of a row of the history, and its own version is not applied.
/// `unchanged` are the versions whose file is as it was applied.
pub fn renumbered(
    migrations: &[Migration],
    history: &[Applied],
    unchanged: &BTreeSet<i64>,
) -> BTreeMap<i64, i64> {
    let applied: BTreeSet<i64> = history.iter().map(|row| row.version).collect();
    let mut rows: Vec<&Applied> =
        history.iter().filter(|row| !unchanged.contains(&row.version) && row.checksum.is_some()).collect();
    let mut files: Vec<&Migration> =
        migrations.iter().filter(|file| !applied.contains(&file.version)).collect();
    let mut found = BTreeMap::new();
    // Nearly always the name stayed: only files of one name are held against each row.
    let mut by_name: HashMap<&str, Vec<&Migration>> = HashMap::new();
    for file in &files {
        by_name.entry(&file.name).or_default().push(file);
    }
    rows.retain(|row| {
        let same =
            by_name.get(row.name.as_str()).and_then(|files| files.iter().find(|file| is_text_of(file, row)));
        found.extend(same.map(|file| (row.version, file.version)));
        same.is_none()
    });
    let known: BTreeSet<i64> = found.values().copied().collect();
    files.retain(|file| !known.contains(&file.version));
    // The checksum is of name, version and text together, so each file has to be held against each row.
    if rows.len() * files.len() <= MOST_PAIRS {
        for row in rows {
            let same = files.iter().find(|file| is_text_of(file, row));
            found.extend(same.map(|file| (row.version, file.version)));
        }
    }
    found
}

/// How many pairs of a row and a file of another name are compared: a database with so many unknown migrations is another
/// application's.
const MOST_PAIRS: usize = 10_000;

/// Whether what was applied is the text of a file.
fn is_text_of(file: &Migration, row: &Applied) -> bool {
    row.checksum.is_some_and(|recorded| stands_for(row.id(), &forms(&file.sql), recorded))
}

const WIDTHS: [Width; 2] = [Width::Four, Width::Eight];

/// The checksum of a migration of this text; `None` where the version does not fit into the width.
fn checksum(id: MigrationId<'_>, width: Width, text: &str) -> Option<u64> {
    let mut hasher = SipHasher13::new();
    id.name.hash(&mut hasher);
    match width {
        Width::Four => i32::try_from(id.version).ok()?.hash(&mut hasher),
        Width::Eight => id.version.hash(&mut hasher),
    }
    text.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Directives;

    fn migration(version: i64, sql: &str) -> Migration {
        let directives = Directives::default();
        Migration {
            version,
            name: "add_users".into(),
            path: "x".into(),
            sql: sql.into(),
            down: None,
            directives,
            revision: None,
            parents: Vec::new(),
        }
    }

    /// Every checksum that stands for the file.
    fn accepted(migration: &Migration) -> Vec<u64> {
        let of = |text: &String| WIDTHS.map(|width| checksum(migration.id(), width, text));
        forms(&migration.sql).iter().flat_map(of).flatten().collect()
    }

    fn refinery(version: i64, sql: &str) -> u64 {
        let name = format!("V{version}__add_users");
        refinery_core::Migration::unapplied(&name, sql).expect("a migration").checksum()
    }

    #[test]
    fn eight_bytes_are_what_refinery_writes() {
        for sql in ["create table users ();\n", "\u{feff}select 1;\r\n", "-- é\n"] {
            assert_eq!(written(&migration(7, sql), Width::Eight), refinery(7, sql));
        }
    }

    /// The value is what refinery-core 0.10.1 gives when it is built without `int8-versions`.
    #[test]
    fn four_bytes_are_what_plain_refinery_writes() {
        assert_eq!(written(&migration(7, "select 1;"), Width::Four), 17_385_799_888_192_124_744);
        assert_ne!(refinery(7, "select 1;"), 17_385_799_888_192_124_744);
    }

    #[test]
    fn f36_only_what_means_nothing_is_accepted() {
        let body = "create table a ();\ncreate table b ();";
        let crlf = body.replace('\n', "\r\n");
        let forms = [
            body.to_owned(),
            format!("{body}\n"),
            format!("\u{feff}{body}\n"),
            crlf.clone(),
            format!("{crlf}\r\n"),
            format!("\u{feff}{crlf}\r\n"),
        ];
        for ours in &forms {
            let accepted = accepted(&migration(3, ours));
            for theirs in &forms {
                assert!(accepted.contains(&refinery(3, theirs)), "{ours:?} accepts {theirs:?}");
                assert!(accepted.contains(&written(&migration(3, theirs), Width::Four)));
            }
            for other in ["create table a ();\ncreate table c ();", "create table a (); create table b ();"] {
                assert!(!accepted.contains(&refinery(3, other)));
            }
            assert!(!accepted.contains(&refinery(4, ours)));
        }
    }

    #[test]
    fn a_file_with_another_version_is_known_by_its_text() {
        let row = |version: i64, of: &Migration| Applied {
            version,
            name: of.name.clone(),
            applied_on: String::new(),
            revision: None,
            checksum: Some(written(&Migration { version, ..of.clone() }, Width::Four)),
        };
        let (one, other) = (migration(6, "create table a ();\n"), migration(5, "create table b ();\n"));
        let renamed = Migration { name: "add_a".into(), sql: "create table a ();".into(), ..one.clone() };
        let renumbered = |files: &[Migration], history: &[Applied]| {
            super::renumbered(files, history, &unchanged(files, history))
        };
        let history = [row(5, &one)];
        for files in [vec![one.clone()], vec![other.clone(), one.clone()], vec![renamed]] {
            assert_eq!(renumbered(&files, &history), BTreeMap::from([(5, 6)]));
        }
        assert!(renumbered(&[migration(6, "create table c ();")], &history).is_empty());
        assert!(renumbered(&[migration(5, "create table a ();"), one.clone()], &history).is_empty());
        assert!(renumbered(&[other, one.clone()], &[row(5, &one), row(6, &one)]).is_empty());
    }

    /// All of a long history got other versions, or none of it is known.
    #[test]
    fn a_long_history_is_compared_in_time() {
        let file = |number: i64, shift: i64| Migration {
            name: format!("m{number}"),
            ..migration(
                number + shift,
                &format!("create table t{number} (id int); {}", "-- text\n".repeat(500)),
            )
        };
        let row = |number: i64, name: &str| {
            let of = Migration { name: name.to_owned(), ..file(number, 0) };
            let checksum = Some(written(&of, Width::Four));
            Applied { version: number, name: of.name, applied_on: String::new(), revision: None, checksum }
        };
        let files: Vec<Migration> = (1..=2000).map(|number| file(number, 5000)).collect();
        let begun = std::time::Instant::now();
        let history: Vec<Applied> = (1..=2000).map(|number| row(number, &format!("m{number}"))).collect();
        assert_eq!(renumbered(&files, &history, &BTreeSet::new()).len(), 2000);
        let history: Vec<Applied> = (1..=2000).map(|number| row(number, "other")).collect();
        assert!(renumbered(&files, &history, &BTreeSet::new()).is_empty());
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
        let history: Vec<Applied> = (1..=3).map(|number| row(number, "other")).collect();
        assert_eq!(renumbered(&files, &history, &BTreeSet::new()).len(), 3);
    }

    #[test]
    fn mixed_line_endings_are_kept_too() {
        let mixed = "select 1;\r\nselect 2;\nselect 3;\n";
        assert!(accepted(&migration(1, mixed)).contains(&refinery(1, mixed)));
        assert!(accepted(&migration(1, mixed)).contains(&refinery(1, mixed.trim_end())));
    }

    #[test]
    fn timestamps_have_one_width() {
        let migration = migration(20_260_102_030_405, "select 1;");
        assert_eq!(written(&migration, Width::Four), written(&migration, Width::Eight));
    }
}
