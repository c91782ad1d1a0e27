//! Finds the version of a database without a history, and how it differs from that version. Pure.
//!
//! A version is treated as a project that ends there: the differences are the findings that `check` would report for
//! such a project. Rows are not compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::{Finding, Severity};
use crate::migrations::history::{Applied, OtherHistory};
use crate::migrations::{Migration, tools};
use crate::model::diagnosis::{self, Facts, RecordedState};
use crate::model::{Effect, Lock};
use crate::postgres::catalog::{Catalog, Kind, ObjectId};
use crate::postgres::connection::ServerVersion;

/// The live database, and which of its objects are compared.
#[derive(Clone, Copy)]
pub struct LiveDatabase<'f> {
    /// Its name.
    pub database: &'f str,
    /// Its server's version.
    pub server: ServerVersion,
    /// Its catalog.
    pub catalog: &'f Catalog,
    /// The histories of other tools in it.
    pub others: &'f [OtherHistory],
    /// Whether an object is compared.
    pub in_scope: &'f dyn Fn(&ObjectId) -> bool,
    /// Whether an object is ignored by the settings, with all that belongs to it.
    pub ignored: &'f dyn Fn(&ObjectId) -> bool,
}

/// A version, and the differences of the database from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adoption {
    /// The number of migrations, from the first one on, that build it.
    pub applied: usize,
    /// The numbers of migrations whose results match equally well, this one included; empty when the version was
    /// given.
    pub equally_close: Vec<usize>,
    /// Every difference from what those migrations build.
    pub differences: Vec<Finding>,
    /// What the database has of every object that differs: created, or dropped.
    pub objects: Vec<Effect>,
}

/// The number of migrations, from the first one on, that another tool's history says are applied, where they were taken over
/// from it.
fn said(others: &[OtherHistory], lock: &Lock, migrations: &[Migration]) -> Option<usize> {
    let at =
        |version: i64| lock.migrations.binary_search_by_key(&version, |migration| migration.version).ok();
    // The files say which of the tool's they were.
    let stated = migrations.iter().rev().find(|migration| {
        migration.directives.from.as_ref().is_some_and(|from| {
            let is_it = |other: &OtherHistory| {
                other.tool == from.revision.tool.title()
                    && other.current.as_deref() == Some(&from.revision.id)
            };
            others.iter().any(is_it)
        })
    });
    if let Some(stated) = stated {
        return at(stated.version).map(|index| index + 1);
    }
    let index = others.iter().filter_map(|other| other.current.as_deref()).find_map(|revision| {
        let versions = tools::versions_of(revision);
        let name = tools::words(revision);
        let named = || {
            let mut named = (0..lock.migrations.len()).filter(|index| lock.migrations[*index].name == name);
            named.next().filter(|_| named.next().is_none())
        };
        if versions.is_empty() { named() } else { versions.into_iter().find_map(at) }
    });
    index.map(|index| index + 1)
}

impl Adoption {
    /// Finds the version that matches the catalog best (of several the one that another tool's history names, else the
    /// newest), or takes the one that is given.
    ///
    /// # Errors
    /// Exit 2 when there is no such version. Exit 4 when the project has no migrations, or when a database without
    /// any of them matches best.
    pub fn evaluate(
        lock: &Lock,
        migrations: &[Migration],
        found: &LiveDatabase<'_>,
        stated: Option<i64>,
    ) -> Result<Self, Failure> {
        if lock.migrations.is_empty() {
            let what = "this project has no migrations: the database cannot be at any version";
            let next = "write the first migration, migrations/V1__baseline.sql, which creates this database's schema from \
                 nothing";
            return Err(Failure::new(Exit::Refused, what).code(ErrorCode::MIGRATION_UNKNOWN).next(next));
        }
        let (applied, equally_close) = match stated {
            Some(version) => (number_of(lock, version)?, Vec::new()),
            None => {
                let closest = diagnosis::closest(lock, found.catalog, found.server, found.in_scope);
                match said(found.others, lock, migrations).filter(|applied| closest.contains(applied)) {
                    Some(applied) => (applied, vec![applied]),
                    None => (closest.last().copied().unwrap_or(0), closest),
                }
            }
        };
        if applied == 0 {
            let what =
                "this database matches none of the versions that the migrations build; nothing was recorded";
            return Err(Failure::new(Exit::Refused, what).next(
                "check the target: is it this project's database? trueup check shows what is missing",
            ));
        }
        let (differences, objects) = differences(lock, found, applied);
        Ok(Self { applied, equally_close, differences, objects })
    }

    /// Refuses to choose between versions that match equally well.
    ///
    /// # Errors
    /// Exit 4.
    pub fn unambiguous(&self, lock: &Lock) -> Result<(), Failure> {
        const MOST: usize = 5;
        if self.equally_close.len() < 2 {
            return Ok(());
        }
        let closest: Vec<_> = self
            .equally_close
            .iter()
            .rev()
            .filter_map(|applied| applied.checked_sub(1))
            .map(|index| &lock.migrations[index])
            .collect();
        let mut names: Vec<String> =
            closest.iter().take(MOST).map(|migration| migration.id().to_string()).collect();
        if closest.len() > MOST {
            names.push(format!("{} more", closest.len() - MOST));
        }
        let (last, rest) = names.split_last().map_or(("none", &[][..]), |(last, rest)| (last.as_str(), rest));
        let names = if rest.is_empty() {
            format!("{last} and a database with no migration are")
        } else {
            format!("{} and {last} are", rest.join(", "))
        };
        let what = format!(
            "{names} equally good matches: the schema does not show which of them was applied last, and migrations \
             that only change rows would be recorded as applied; nothing was recorded"
        );
        Err(Failure::new(Exit::Refused, what)
            .next("name the last migration that was applied: trueup adopt --version VERSION"))
    }
}

/// The number of migrations, from the first one on, that lead to a version.
fn number_of(lock: &Lock, version: i64) -> Result<usize, Failure> {
    const MOST: usize = 5;
    let found = lock.migrations.binary_search_by_key(&version, |migration| migration.version);
    found.map(|index| index + 1).map_err(|_| {
        let newest = lock.migrations.iter().rev().take(MOST);
        let newest: Vec<String> = newest.map(|migration| migration.version.to_string()).collect();
        Failure::usage(format!(
            "--version {version}: no such migration; the newest are {}",
            newest.join(", ")
        ))
        .code(ErrorCode::MIGRATION_UNKNOWN)
        .next("name the version of a file in migrations/")
    })
}

/// The findings that `check` would report if the project ended with these migrations and the history had all of them. What
/// is as declared, and only worth a remark, is no difference. With them, what the database has of the objects.
fn differences(lock: &Lock, found: &LiveDatabase<'_>, applied: usize) -> (Vec<Finding>, Vec<Effect>) {
    let migrations = lock.migrations[..applied].to_vec();
    let versions: BTreeSet<i64> = migrations.iter().map(|migration| migration.version).collect();
    let rows: Vec<Applied> = migrations
        .iter()
        .map(|migration| Applied {
            version: migration.version,
            name: migration.name.clone(),
            applied_on: String::new(),
            revision: None,
            checksum: None,
        })
        .collect();
    let model = lock.state_after(|version| versions.contains(&version));
    let until = Lock { head: lock.head.clone(), model, initial: lock.initial.clone(), migrations };
    // Migrations that grant nothing leave grants to the model, which no version of the history speaks of.
    let grants = lock.initial.iter().any(|object| object.id.kind == Kind::Privilege)
        || lock
            .migrations
            .iter()
            .flat_map(|migration| &migration.effects)
            .any(|effect| effect.id().kind == Kind::Privilege);
    let in_scope = |id: &ObjectId| (grants || id.kind != Kind::Privilege) && (found.in_scope)(id);
    let facts = Facts {
        database: found.database,
        server: found.server,
        live: found.catalog,
        history: Some(&rows),
        assumed: true,
        others: found.others,
        recorded: &RecordedState::default(),
        lock: &until,
        last: &until.model,
        unchanged: &versions,
        in_scope: &in_scope,
        ignored: found.ignored,
        partly_squashed: None,
        malformed_history: None,
        history_hidden: false,
        severities: &BTreeMap::new(),
    };
    let mut findings = diagnosis::diagnose(&facts).findings;
    findings.retain(|finding| finding.severity > Severity::Info || finding.cause.is_some());
    let objects = diagnosis::deviations(&facts).into_iter().filter_map(|deviation| {
        let dropped = deviation.declared.map(|object| Effect::Dropped(Box::new(object.id.clone())));
        deviation.live.map(Effect::Created).or(dropped)
    });
    (findings, objects.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::samples::{SampleMigration, lock_of, object};
    use super::*;
    use crate::postgres::catalog::{Attribute, Object};

    fn table(name: &str) -> Arc<Object> {
        object(ObjectId::in_schema(Kind::Table, "public", name), &[])
    }

    fn column(table: &str, name: &str, kind: &str) -> Arc<Object> {
        object(ObjectId::under(Kind::Column, "public", table, name), &[(Attribute::Type, kind)])
    }

    /// V1 makes users, V2 changes rows alone, V3 adds a column.
    fn lock() -> Lock {
        let made = [table("users"), column("users", "id", "bigint")].map(Effect::Created);
        let added = Effect::Created(column("users", "name", "text"));
        let samples = [
            SampleMigration::new(1, "create table users (id bigint);").doing(made.to_vec()),
            SampleMigration::new(2, "update users set id = id + 1;"),
            SampleMigration::new(3, "alter table users add name text;").doing(vec![added]),
        ];
        lock_of(&samples).0
    }

    fn evaluate(objects: &[Arc<Object>], stated: Option<i64>) -> Result<Adoption, Failure> {
        let catalog = Catalog::new(objects.to_vec(), Vec::new());
        let found = LiveDatabase {
            database: "d",
            server: ServerVersion(150_018),
            catalog: &catalog,
            others: &[],
            in_scope: &|_| true,
            ignored: &|_| false,
        };
        Adoption::evaluate(&lock(), &[], &found, stated)
    }

    #[test]
    fn the_version_is_found_and_differences_are_told_from_it() {
        let all = [table("users"), column("users", "id", "bigint"), column("users", "name", "text")];
        let found = evaluate(&all, None).expect("adopted");
        assert_eq!(
            (found.applied, found.equally_close.as_slice(), found.differences.len()),
            (3, &[3][..], 0)
        );
        assert!(found.unambiguous(&lock()).is_ok());
        // Looked at as V2 the column of V3 is one too many: a difference, though the model has it.
        let as_second = evaluate(&all, Some(2)).expect("judged");
        assert_eq!(as_second.differences.len(), 1);
        assert_eq!(as_second.differences[0].object, "public.users.name");
    }

    #[test]
    fn versions_that_a_catalog_does_not_tell_apart_are_for_a_person_to_choose() {
        let first = [table("users"), column("users", "id", "bigint")];
        let found = evaluate(&first, None).expect("judged");
        assert_eq!((found.applied, found.equally_close.as_slice()), (2, &[1, 2][..]));
        let failure = found.unambiguous(&lock()).expect_err("ambiguous");
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.what.contains("V2__m2 and V1__m1 are equally good matches"), "{}", failure.what);
        assert!(failure.next.ends_with("--version VERSION"), "{}", failure.next);
        assert!(evaluate(&first, Some(1)).expect("judged").unambiguous(&lock()).is_ok());
    }

    #[test]
    fn what_is_like_nothing_is_refused() {
        let other = [table("orders"), column("orders", "id", "bigint")];
        assert_eq!(evaluate(&other, None).expect_err("another database").exit, Exit::Refused);
        let unknown = evaluate(&other, Some(9)).expect_err("no such version");
        assert_eq!(unknown.exit, Exit::Usage);
        assert!(unknown.what.contains("the newest are 3, 2, 1"), "{}", unknown.what);
    }
}
