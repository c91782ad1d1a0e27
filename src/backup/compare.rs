//! Compares an archive with the snapshot that it was dumped from.

use std::collections::BTreeSet;

use super::full_read::ArchiveContents;
use super::manifest::{BackedUpRelation, Scope};
use super::pg_dump_errors;
use crate::error::{ErrorCode, Exit, Failure};

/// Compares the relations and their row counts.
///
/// # Errors
/// Exit 5: the archive lacks relations, or has another number of rows. The error names them.
pub(super) fn compare(
    found: &ArchiveContents,
    relations: &[BackedUpRelation],
    scope: &Scope,
) -> Result<(), Failure> {
    let defined: BTreeSet<u32> = found.contents.relations.iter().copied().collect();
    let data: BTreeSet<u32> = found.contents.data.iter().copied().collect();
    let mut wrong = Vec::new();
    for BackedUpRelation { oid, name, rows: wanted } in relations {
        if *scope == Scope::Full && !defined.contains(oid) {
            wrong.push(format!("{name} is missing"));
            continue;
        }
        let Some(wanted) = wanted else { continue };
        if !data.contains(oid) {
            wrong.push(format!("the rows of {name} are missing"));
            continue;
        }
        // Where the rows were not counted, the table of contents is all there is to compare.
        let rows = found.rows.as_ref().map_or(*wanted, |rows| rows.get(oid).copied().unwrap_or_default());
        if rows != *wanted {
            wrong.push(format!("{name} has {rows} rows in the archive, {wanted} in the database"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::RolledBack,
        format!("the archive does not match the database: {}", pg_dump_errors::first_of(&wrong)),
    )
    .code(ErrorCode::BACKUP_DAMAGED)
    .next("take another backup; if it fails again, check which pg_dump it is, and row security"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::archives::archive::TableOfContents;
    use super::*;

    fn relation(oid: u32, name: &str, rows: Option<u64>) -> BackedUpRelation {
        BackedUpRelation { oid, name: name.to_owned(), rows }
    }

    fn found() -> ArchiveContents {
        ArchiveContents {
            contents: TableOfContents { entries: 4, relations: vec![1, 2, 3], data: vec![1, 2] },
            rows: Some(BTreeMap::from([(1, 3), (2, 0)])),
        }
    }

    #[test]
    fn f49_what_is_missing_is_named() {
        let there = [
            relation(1, "public.users", Some(3)),
            relation(2, "public.order", Some(0)),
            relation(3, "public.v", None),
        ];
        compare(&found(), &there, &Scope::Full).unwrap();
        for (relation, said) in [
            (relation(4, "public.w", None), "public.w is missing"),
            (relation(1, "public.users", Some(4)), "public.users has 3 rows in the archive, 4"),
            (relation(3, "public.v", Some(0)), "the rows of public.v are missing"),
        ] {
            let failure = compare(&found(), &[relation], &Scope::Full).unwrap_err();
            assert!(failure.what.contains(said), "{failure}");
        }
    }
}
