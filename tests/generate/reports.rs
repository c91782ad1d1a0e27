//! The cases of `tests/reports/cases`, each in both directions, as a change of the model.

use std::fs;
use std::path::Path;

use super::{generate, project, upgraded};
use crate::reports::case::{Case, Expected};
use crate::support;
use crate::support::project::SETTINGS;

const POSTGRES: &str =
    "DO $$BEGIN CREATE ROLE postgres SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END$$";

/// What is not proved, and why: the rows that are made for the proof do not fit, or there are no statements for it. Nothing is
/// written as a migration then.
const NOT_PROVED: [(&str, &str); 18] = [
    ("attach", "partition constraint of relation \"p1\" is violated by some row"),
    ("default_cast_min", "invalid input value for enum role_t"),
    ("disable_trigger_all_partition", "as a superuser: ALTER TABLE public.p1 ENABLE TRIGGER ALL"),
    ("easy_domain, swapped", "contains values that violate the new constraint"),
    ("enum_defaults_of_children", "invalid input value for enum st"),
    ("enum_in_keys", "column public.g.s is generated"),
    ("enum_in_keys, swapped", "column public.g.s is generated"),
    ("enum_of_partitions_and_domains", "domain public.d needs it as it is"),
    ("enum_of_partitions_and_domains, swapped", "domain public.d needs it as it is"),
    ("enum_with_readers", "invalid input value for enum st"),
    ("function_with_users", "column public.t.n needs it as it is"),
    ("function_with_users, swapped", "column public.t.n needs it as it is"),
    ("index_of_a_foreign_key", "foreign key public.b.b_a_fkey may need it as it is"),
    ("index_of_a_foreign_key, swapped", "foreign key public.b.b_a_fkey may need it as it is"),
    ("long_names", "invalid input value for enum mood"),
    ("noinherit, swapped", "a child of public.base cannot be without it"),
    ("numbering_of_other_names", "relation \"public.a_id_seq\" does not exist"),
    ("required_columns", "the type public.nn does not accept null"),
];

/// A migration that is generated builds what is declared, and an upgrade of a database with rows ends clean.
#[test]
fn public_reports_are_generated_in_both_directions() {
    let only = std::env::var("CASE").unwrap_or_default();
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/cases")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains(&only));
    files.sort();
    assert!(!files.is_empty());
    support::database().try_query(POSTGRES).unwrap();
    let (mut wrong, mut proved) = (Vec::new(), 0);
    for path in files {
        let case = Case::read(&path);
        let major = support::server().version.major();
        if !case.majors.is_empty() && !case.majors.contains(&major) || case.expected == Expected::Circle {
            continue;
        }
        for (direction, case) in [("", Some(case.clone())), (", swapped", case.swapped())] {
            let Some(case) = case else { continue };
            let name = format!("{}{direction}", path.file_stem().unwrap().to_string_lossy());
            let expected = NOT_PROVED.iter().find(|(case, _)| *case == name).map(|(_, why)| *why);
            match (holds(&case), expected) {
                (Ok(()), None) => proved += 1,
                (Ok(()), Some(_)) => wrong.push(format!("{name}: it is proved")),
                (Err(why), Some(expected)) if why.contains(expected) && why.contains("exit code 1") => {}
                (Err(why), _) => wrong.push(format!("{name}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{proved} proved\n{}", wrong.join("\n\n"));
}

fn holds(case: &Case) -> Result<(), String> {
    // The role of a migration is that of the project.
    if case.live.to_lowercase().contains("set role") {
        return Ok(());
    }
    let project =
        project(&format!("{}\n{}", case.before, case.live), &format!("{}\n{}", case.before, case.declared));
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{}", case.settings)).unwrap();
    let mut decisions: Vec<String> = Vec::new();
    let ended = loop {
        let mut call = generate(&project).args(["next"]);
        for decision in &decisions {
            call = call.args(["--decide", decision]);
        }
        let ran = call.run();
        let asked = ran.stderr().lines().filter_map(|line| line.trim().strip_prefix("-- trueup: ")).next();
        match asked.filter(|_| ran.code() == Some(2) && decisions.len() < 10) {
            Some(decision) => decisions.push(decision.replace("EXPRESSION", "'0'")),
            None => break ran,
        }
    };
    if ended.code() != Some(0) {
        return Err(ended.shown());
    }
    upgraded(&project, &case.rows).map(drop)
}
