//! The cases of `tests/reports/cases`, each in both directions, as something that was done to a live database by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{at_first, compile};
use crate::reports::case::{Case, Expected};
use crate::support::program::Program;
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

const POSTGRES: &str =
    "DO $$BEGIN CREATE ROLE postgres SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END$$";

/// What is not fixed, and why.
const NOT_FIXED: [(&str, &str); 16] = [
    ("disable_trigger_all_partition", "as a superuser: ALTER TABLE public.p1 ENABLE TRIGGER ALL"),
    ("enum_in_keys", "column public.g.s is generated"),
    ("enum_in_keys, swapped", "column public.g.s is generated"),
    ("enum_of_partitions_and_domains", "hand: domain"),
    ("enum_of_partitions_and_domains, swapped", "hand: domain"),
    ("function_with_users", "column public.t.n needs it as it is"),
    ("function_with_users, swapped", "column public.t.n needs it as it is"),
    ("index_of_a_foreign_key", "foreign key public.b.b_a_fkey may need it as it is"),
    ("index_of_a_foreign_key, swapped", "foreign key public.b.b_a_fkey may need it as it is"),
    ("noinherit, swapped", "a child of public.base cannot be without it"),
    ("numbering_of_other_names", "column id of table a requires it"),
    ("required_column", "every row needs a value"),
    ("required_columns", "every row needs a value"),
    ("required_domain", "every row needs a value"),
    ("view_with_readers", "view_column_default public.w.b would be lost"),
    ("view_with_readers, swapped", "view_column_default public.w.b would be lost"),
];

/// A database that was changed by hand is as it was before, with all its rows, unless a loss was asked for.
#[test]
fn public_reports_are_fixed_in_both_directions() {
    let only = std::env::var("CASE").unwrap_or_default();
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/cases")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains(&only));
    files.sort();
    assert!(!files.is_empty());
    support::database().try_query(POSTGRES).unwrap();
    let (mut wrong, mut fixed) = (Vec::new(), 0);
    for path in files {
        let case = Case::read(&path);
        let major = support::server().version.major();
        if !case.majors.is_empty() && !case.majors.contains(&major) || case.expected == Expected::Circle {
            continue;
        }
        for (direction, case) in [("", Some(case.clone())), (", swapped", case.swapped())] {
            let Some(case) = case else { continue };
            let name = format!("{}{direction}", path.file_stem().unwrap().to_string_lossy());
            let expected = NOT_FIXED.iter().find(|(case, _)| *case == name).map(|(_, why)| *why);
            match (holds(&case), expected) {
                (Ok(()), None) => fixed += 1,
                (Ok(()), Some(_)) => wrong.push(format!("{name}: it is fixed")),
                (Err(why), Some(expected)) if why.contains(expected) => {}
                (Err(why), _) => wrong.push(format!("{name}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{fixed} fixed\n{}", wrong.join("\n\n"));
}

fn holds(case: &Case) -> Result<(), String> {
    // The role of a migration is that of the project.
    if case.declared.to_lowercase().contains("set role") {
        return Ok(());
    }
    let project = project(case);
    let database = support::database();
    for sql in [&case.before, &case.live, &case.rows] {
        database.try_query(sql).map_err(|why| format!("{why:#}\n{sql}"))?;
    }
    if project.path().join("migrations").exists() {
        project.record(&database);
    }
    let before = rows(&database);
    let gently = fix(&project, &database).run();
    let after = rows(&database);
    let is_kept = |(table, count): (&String, &i64)| after.get(table) == Some(count);
    if !before.iter().all(is_kept) {
        return Err(format!("rows are lost: {before:?}, now {after:?}\n{}", gently.shown()));
    }
    if gently.code() == Some(0) {
        return clean(&project, &database);
    }
    let name = database.name();
    let fixed = fix(&project, &database).args(["--destructive", "--confirm-name", name]).run();
    if fixed.code() == Some(0) { clean(&project, &database) } else { Err(fixed.shown()) }
}

/// A project whose migration builds what its schema declares; without migrations where the order of the files does not do for
/// one.
fn project(case: &Case) -> Project {
    let declared = format!("{}\n{}", case.before, case.declared);
    let settings = format!("{SETTINGS}{}", case.settings);
    if let Some(project) = at_first(&declared, &settings) {
        return project;
    }
    let project = Project::of_schema(&declared);
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    compile(&project).exit(0);
    project
}

fn fix(project: &Project, database: &TestDatabase) -> Program {
    project.without_postgres(["check", "--fix", "--yes"], database.url())
}

fn clean(project: &Project, database: &TestDatabase) -> Result<(), String> {
    let check = project.check(database.url()).run();
    if check.code() == Some(0) { Ok(()) } else { Err(check.shown()) }
}

/// How many rows each table has. A table that has another name now is counted with its rows.
fn rows(database: &TestDatabase) -> BTreeMap<String, i64> {
    let tables = "SELECT c.oid, c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_|^information_schema$|^trueup$'";
    let tables = database.query(tables).into_iter().map(|row| {
        let [oid, name] = row.try_into().expect("two columns");
        let count = database.value(&format!("SELECT count(*) FROM {}", name.expect("a name")));
        (oid.expect("an oid"), count.parse().expect("a number"))
    });
    tables.collect()
}
