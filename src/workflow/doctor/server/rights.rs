//! `rights`: which commands the role may run, and what it lacks for the others, as GRANTs.

use std::collections::BTreeMap;

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::data::seeds::Seeds;
use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::{QualifiedTable, literal};
use crate::text::plural;
use crate::workflow::plan_steps::history_place;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "rights",
    help: "Which commands the role may run, and for each other one the GRANTs that are missing. verify reads all tables of the \
           declared schemas; seed writes those of schema/seeds; upgrade owns the tables, creates in the schemas, and makes and \
           writes the history and schema trueup; backup reads every table and sequence of the database; restore creates a \
           database. What a single migration or check needs beyond that, `trueup gate` and the command itself say.",
    needs: &["authentication"],
    limit: TimeLimit::Of(15),
    is_finished_first: false,
    examine,
};

const SQL: &str = include_str!("rights.sql");

/// More tables of a schema than this are granted by the schema.
const BY_NAME: usize = 3;

/// A right on an object that the role lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lack {
    right: String,
    object: String,
    schema: String,
    /// Whether the object is in a declared schema.
    is_declared: bool,
}

/// The role that works, and the one that logs in; both quoted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Roles {
    works: String,
    logs_in: String,
}

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let dir = settings.project.seeds_dir.clone();
        let reading = tokio::task::spawn_blocking(move || Seeds::read(&dir)).await;
        let (seeds, unread) = match reading.map_err(|error| failure_of(error.into()))? {
            Ok(seeds) => (seeds, None),
            Err(failure) => (Seeds::default(), Some(failure)),
        };
        let sql = SQL
            .replace("{schemas}", &array(&settings.database.schemas))
            .replace("{histories}", &histories(around))
            .replace("{place}", &place_of_new(around))
            .replace("{seeds}", &seed_tables(&seeds, &settings.database.search_path));
        let rows = around.ask("looking up the role's rights", sql).await?;
        let (lacks, roles) = read(&rows).map_err(|error| failure_of(error.into()))?;
        let hidden = around.status.as_ref().is_some_and(|status| !status.invisible.is_empty());
        let examined = judge(&lacks, &roles, hidden);
        Ok(match unread {
            Some(failure) => examined.and_failure(Grade::Fail, &failure),
            None => examined,
        })
    })
}

fn array(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| literal(text)).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

/// The schema in which trueup would make a history for the project's migrations.
fn place_of_new(around: &Surroundings<'_>) -> String {
    match around.settings.migrations.tool.is_none() && !around.migrations.is_empty() {
        true => literal(&history_place(around.settings).schema),
        false => "NULL".to_owned(),
    }
}

/// The histories in the database as rows of VALUES, that of the project first.
fn histories(around: &Surroundings<'_>) -> String {
    let status = around.status.as_ref();
    let own = status.and_then(|status| QualifiedTable::parse(status.history_table.as_deref()?));
    let own = own.unwrap_or_else(|| history_place(around.settings));
    let others = status.into_iter().flat_map(|status| &status.others);
    let others = others.filter_map(|other| QualifiedTable::parse(&other.table));
    let rows = std::iter::once(own).chain(others).zip(1..);
    let rows = rows.map(|(QualifiedTable { schema, table }, number)| {
        format!("({number}, {}::name, {}::name)", literal(&schema), literal(&table))
    });
    rows.collect::<Vec<_>>().join(", ")
}

/// The tables that the files of reference rows may mean, as rows of VALUES.
fn seed_tables(seeds: &Seeds, search_path: &str) -> String {
    let mut rows = vec!["(0, 0, NULL::name, NULL::name)".to_owned()];
    for (seed, file) in seeds.tables.iter().zip(1..) {
        for (table, place) in seed.candidates(search_path).into_iter().zip(1..) {
            rows.push(format!("({file}, {place}, {}, {})", literal(&table.schema), literal(&table.name)));
        }
    }
    rows.join(", ")
}

fn read(rows: &[OwnedRow]) -> Result<(Vec<Lack>, Roles), RowError> {
    let (mut lacks, mut roles) = (Vec::new(), Roles::default());
    for row in rows {
        let right: String = row.get("lacks")?;
        roles = Roles { works: row.get("role")?, logs_in: row.get("login")? };
        if !right.is_empty() {
            let (object, schema, is_declared) =
                (row.get("object")?, row.get("schema")?, row.get("declared")?);
            lacks.push(Lack { right, object, schema, is_declared });
        }
    }
    Ok((lacks, roles))
}

/// The commands, with the rights that each needs; `true`: of all schemas, else of the declared ones.
const COMMANDS: [(&str, bool, &[&str]); 5] = [
    ("verify", false, &["usage", "select"]),
    ("seed", false, &["usage", "seed", "records", "own_records"]),
    ("upgrade", false, &["usage", "create", "own", "own_of_superuser", "history", "records", "own_records"]),
    ("backup", true, &["usage", "select", "sequence"]),
    ("restore", false, &["createdb"]),
];

fn judge(lacks: &[Lack], roles: &Roles, hidden: bool) -> Examined {
    let mut may = Vec::new();
    let mut may_not = Vec::new();
    match hidden {
        // The history says so, with the GRANTs.
        true => may_not.extend(["check", "status"]),
        false => may.extend(["check", "status"]),
    }
    let mut details = Vec::new();
    let mut lacking = Vec::new();
    for (command, of_all, rights) in COMMANDS {
        let of_command: Vec<&Lack> = lacks
            .iter()
            .filter(|lack| rights.contains(&lack.right.as_str()))
            .filter(|lack| of_all || lack.is_declared || lack.right == "own_records")
            .collect();
        if of_command.is_empty() {
            may.push(command);
            details.push(format!("{command}: yes"));
            continue;
        }
        may_not.push(command);
        let grants = grants(&of_command, roles).join(" ");
        details.push(format!("{command}: no; {grants}"));
        lacking.push((command, of_command.len(), grants));
    }
    let role = &roles.works;
    let mut what =
        format!("{role} may run {}", if may.is_empty() { "nothing".to_owned() } else { may.join(", ") });
    if !may_not.is_empty() {
        what.push_str(&format!("; not {}", may_not.join(", ")));
    }
    let mut examined = Examined { is_told_whole: true, ..Examined::ok(what).details(details) };
    for (command, count, grants) in lacking {
        let what = format!("{role} lacks {} for {command}", plural(count, "right"));
        examined = examined.and(Grade::Warn, command, what, format!("if it is to run {command}: {grants}"));
    }
    examined
}

/// The statements that give what is lacking.
fn grants(lacks: &[&Lack], roles: &Roles) -> Vec<String> {
    let Roles { works: role, logs_in } = roles;
    let mut by_schema: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut grants = Vec::new();
    for lack in lacks {
        let object = &lack.object;
        grants.push(match lack.right.as_str() {
            "usage" => format!("GRANT USAGE ON SCHEMA {object} TO {role};"),
            "create" => format!("GRANT CREATE ON SCHEMA {object} TO {role};"),
            "seed" => format!("GRANT SELECT, INSERT, UPDATE ON {object} TO {role};"),
            "own" => format!("GRANT {object} TO {role};"),
            "history" => format!("GRANT INSERT ON {object} TO {role};"),
            "records" => format!("GRANT CREATE ON DATABASE {object} TO {role};"),
            "own_records" => {
                "GRANT USAGE ON SCHEMA trueup TO ROLE; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA trueup TO ROLE;"
                    .replace("ROLE", role)
            }
            "createdb" => format!("ALTER ROLE {logs_in} CREATEDB;"),
            right => {
                by_schema.entry((right, lack.schema.as_str())).or_default().push(object);
                continue;
            }
        });
    }
    for ((right, schema), objects) in by_schema {
        if right == "own_of_superuser" {
            // Whoever is a member of a superuser is one.
            let named = objects.iter().take(BY_NAME);
            grants.extend(named.map(|object| format!("ALTER TABLE {object} OWNER TO {role};")));
            if objects.len() > BY_NAME {
                grants.push(format!("/* and {} more in {schema} */", objects.len() - BY_NAME));
            }
            continue;
        }
        let (one, all) = if right == "sequence" { ("SEQUENCE ", "SEQUENCES") } else { ("", "TABLES") };
        grants.push(match objects.len() > BY_NAME {
            true => format!("GRANT SELECT ON ALL {all} IN SCHEMA {schema} TO {role};"),
            false => format!("GRANT SELECT ON {one}{} TO {role};", objects.join(", ")),
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    grants.retain(|grant| seen.insert(grant.clone()));
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lack(right: &str, object: &str, is_declared: bool) -> Lack {
        let schema = object.split('.').next().unwrap_or_default().to_owned();
        Lack { right: right.into(), object: object.into(), schema, is_declared }
    }

    fn judged(lacks: &[Lack]) -> Examined {
        judge(lacks, &Roles { works: "app".into(), logs_in: "login".into() }, false)
    }

    #[test]
    fn each_command_needs_its_own_rights() {
        assert_eq!(judged(&[]).what, "app may run check, status, verify, seed, upgrade, backup, restore");
        let elsewhere = judged(&[lack("select", "audit.log", false)]);
        assert_eq!(elsewhere.what, "app may run check, status, verify, seed, upgrade, restore; not backup");
        let tables = ["a.t", "a.u", "a.v", "a.w"].map(|name| lack("select", name, true));
        let many = judged(&tables);
        assert!(many.what.ends_with("; not verify, backup"), "{}", many.what);
        assert!(many.problems[0].next.ends_with("GRANT SELECT ON ALL TABLES IN SCHEMA a TO app;"));
        let one = judged(&[lack("own", "boss", true), lack("createdb", "", true)]);
        assert_eq!(one.details[2], "upgrade: no; GRANT boss TO app;");
        assert_eq!(one.details[4], "restore: no; ALTER ROLE login CREATEDB;");
        let of_superuser = judged(&["a.t", "a.u"].map(|name| lack("own_of_superuser", name, true)));
        let wanted = "upgrade: no; ALTER TABLE a.t OWNER TO app; ALTER TABLE a.u OWNER TO app;";
        assert_eq!(of_superuser.details[2], wanted);
        let many: Vec<Lack> =
            (0..9).map(|number| lack("own_of_superuser", &format!("a.t{number}"), true)).collect();
        assert!(
            judged(&many).details[2].ends_with("OWNER TO app; /* and 6 more in a */"),
            "{:?}",
            judged(&many)
        );
    }
}
