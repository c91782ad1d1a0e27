//! `rights`: whether the role may do what is pending.

use std::collections::BTreeSet;

use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{Asking, GateSection, Judge, Judgement, Question, finding};
use super::super::session::failure_of;
use crate::changes::plan::Direction;
use crate::error::{ErrorCode, Failure};
use crate::findings::Finding;
use crate::migrations::Ledger;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::{identifier, literal};
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::plan_steps;
use crate::workflow::write_command::RecordRights;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Rights,
    level: GateLevel::Block,
    help: "The role may do what is pending: it owns, or is a member of the role that owns, each table, view, type and routine \
           that a pending migration changes or drops; it may create in the schemas that get new objects; and it may write the \
           history and schema trueup. What changes rows alone is not looked at.",
    judge: Judge::Database(Asking { doing: "looking up the role's rights", questions, judge }),
};

fn questions(facts: &GateFacts<'_>) -> Result<Vec<Question>, Failure> {
    let upgrade = facts.upgrade.as_ref().map_err(Clone::clone)?;
    if upgrade.plan.steps.is_empty() {
        return Ok(Vec::new());
    }
    let ledger = ledger(facts)?;
    let records = RecordRights { ledger: &ledger, direction: Direction::Up };
    let needs = Needs::of(facts, upgrade);
    Ok(vec![Question::new(records.sql()), Question::new(needs.sql())])
}

fn ledger(facts: &GateFacts<'_>) -> Result<Ledger, Failure> {
    let schema = facts.schema.as_ref().map_err(Clone::clone)?;
    plan_steps::ledger(facts.settings, &schema.snapshot, &facts.declared.migrations)
}

fn judge(facts: &GateFacts<'_>, answers: &[Vec<OwnedRow>]) -> Result<Judgement, Failure> {
    let upgrade = facts.upgrade.as_ref().map_err(Clone::clone)?;
    let [recording, lacking] = answers else { return Ok(Judgement::ready("nothing to apply")) };
    let mut findings = Vec::new();
    // Another tool writes its own history, under its own rights.
    if facts.settings.migrations.tool.is_none() {
        findings.extend(unrecordable(facts, recording)?);
    }
    let mut role = String::new();
    for row in lacking {
        findings.push(lacks(row).map_err(|error| failure_of(error.into()))?);
        role = row.get::<&str>("role").unwrap_or_default().to_owned();
    }
    let what = match findings.first().and_then(|first| first.sides.as_ref()) {
        None => format!("the role may apply {}", plural(upgrade.plan.steps.len(), "migration")),
        Some(first) if findings.len() == 1 => first.database.clone(),
        Some(_) => format!("{} lacks {}", identifier(&role), plural(findings.len(), "right")),
    };
    Ok(Judgement::of_findings(findings, what))
}

/// What the role lacks for the records of trueup.
fn unrecordable(facts: &GateFacts<'_>, rows: &[OwnedRow]) -> Result<Vec<Finding>, Failure> {
    let ledger = ledger(facts)?;
    let records = RecordRights { ledger: &ledger, direction: Direction::Up };
    let database = facts.database.as_ref().map_err(Clone::clone)?;
    let of_row = |row: &OwnedRow| {
        let error = records.require(row, &database.identity.database).err()?;
        let Failure { what, next, .. } = failure_of(error);
        let what = what.trim_end_matches("; nothing was changed");
        Some(lack("history", what.to_owned(), next))
    };
    Ok(rows.iter().filter_map(of_row).collect())
}

fn lack(object: &str, what: String, advice: String) -> Finding {
    let code = ErrorCode::PERMISSION_MISSING.as_str();
    finding(SectionName::Rights, code, object, &what, &advice)
}

/// A right that the role lacks on an object.
fn lacks(row: &OwnedRow) -> Result<Finding, RowError> {
    let (object, right): (&str, &str) = (row.get("object")?, row.get("lacks")?);
    let name = identifier(row.get("role")?);
    Ok(match row.get("owner")? {
        Some(owner) => {
            let owner = identifier(owner);
            let advice = format!(
                "work as {owner} ([database] set_role), or as a member of it: GRANT {owner} TO {name};"
            );
            lack(object, format!("{name} does not own {object}, {owner} does"), advice)
        }
        None => lack(
            object,
            format!("{name} may not create in {object}"),
            format!("as the owner: GRANT {right} ON {object} TO {name};"),
        ),
    })
}

/// What the steps of a plan need of objects that are there before.
#[derive(Default)]
struct Needs {
    relations: BTreeSet<String>,
    types: BTreeSet<String>,
    routines: BTreeSet<String>,
    /// The schemas that get new objects.
    schemas: BTreeSet<String>,
    /// Whether the database gets new schemas.
    database: bool,
}

impl Needs {
    fn of(facts: &GateFacts<'_>, upgrade: &PlannedUpgrade) -> Self {
        let mut needs = Self::default();
        let migrations = &facts.declared.lock.migrations;
        let steps = upgrade.plan.steps.iter().filter(|step| !step.record);
        for effect in steps.flat_map(|step| &migrations[step.index].effects) {
            match effect {
                Effect::Created(object) => needs.create(&object.id, object.get(Attribute::OnTable)),
                Effect::Changed { after, .. } => needs.own(&after.id, after.get(Attribute::OnTable)),
                Effect::Renamed { from, .. } => needs.own(from, None),
                Effect::Dropped(id) => needs.own(id, None),
            }
        }
        needs
    }

    fn create(&mut self, id: &ObjectId, table: Option<&str>) {
        if id.kind.is_under_relation() || table.is_some() {
            self.own(id, table);
        }
        let new_column = id.kind.is_under_relation() && !id.kind.is_constraint();
        match &id.schema {
            Some(schema) if !new_column && id.kind != Kind::Privilege => {
                self.schemas.insert(schema.to_string());
            }
            None if id.kind == Kind::Schema => self.database = true,
            _ => {}
        }
    }

    /// What is not there yet is made by the same run, and its own.
    fn own(&mut self, id: &ObjectId, table: Option<&str>) {
        let kind = id.kind;
        if let Some(table) = table {
            self.relations.insert(table.to_owned());
        } else if kind == Kind::Trigger || kind == Kind::Privilege || kind.is_bare() {
            // The right to make a trigger can be granted, and what was granted may be anybody's.
        } else if kind.is_under_relation() {
            self.relations.insert(id.relation_path());
        } else if kind.is_routine() {
            self.routines.insert(id.to_string());
        } else if matches!(kind, Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType) {
            self.types.insert(id.to_string());
        } else {
            self.relations.insert(id.to_string());
        }
    }

    /// The question which of these the role lacks.
    fn sql(&self) -> String {
        let names = |names: &BTreeSet<String>| {
            let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
            format!("ARRAY[{}]::text[]", names.join(", "))
        };
        let owned = |names_of: &BTreeSet<String>, find: &str, catalog: &str, owner: &str| {
            format!(
                "SELECT n.name AS object, '' AS lacks, current_user::text AS role, o.rolname::text AS owner \
                 FROM unnest({}) AS n(name) JOIN {catalog} c ON c.oid = {find}(n.name) JOIN pg_roles o ON o.oid = c.{owner} \
                 WHERE NOT pg_has_role(c.{owner}, 'USAGE')",
                names(names_of)
            )
        };
        let schemas = format!(
            "SELECT 'SCHEMA ' || quote_ident(n.nspname), 'CREATE', current_user, NULL FROM unnest({}) AS w(name) \
             JOIN pg_namespace n ON n.nspname = w.name WHERE NOT has_schema_privilege(n.oid, 'CREATE')",
            names(&self.schemas)
        );
        let database = format!(
            "SELECT 'DATABASE ' || quote_ident(current_database()), 'CREATE', current_user, NULL \
             WHERE {} AND NOT has_database_privilege(current_database(), 'CREATE')",
            self.database
        );
        [
            owned(&self.relations, "to_regclass", "pg_class", "relowner"),
            owned(&self.types, "to_regtype", "pg_type", "typowner"),
            owned(&self.routines, "to_regprocedure", "pg_proc", "proowner"),
            schemas,
            database,
        ]
        .join(" UNION ALL ")
    }
}
