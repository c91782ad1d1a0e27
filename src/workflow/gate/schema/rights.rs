//! `rights`: whether the role may do what is pending.

use std::collections::BTreeSet;

use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{GateSection, Judge, Judgement, Judging, finding};
use super::super::session::{GateSession, failure_of};
use crate::changes::plan::Direction;
use crate::error::{ErrorCode, Failure};
use crate::findings::Finding;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::connection::RowBuffer;
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
    judge: Judge::Database(judge),
};

fn judge<'a>(facts: &'a GateFacts<'_>, session: &'a mut GateSession) -> Judging<'a> {
    Box::pin(async move {
        let upgrade = facts.upgrade.as_ref().map_err(Clone::clone)?;
        let schema = facts.schema.as_ref().map_err(Clone::clone)?;
        if upgrade.plan.steps.is_empty() {
            return Ok(Judgement::ready("nothing to apply"));
        }
        let ledger = plan_steps::ledger(facts.settings, &schema.snapshot, &facts.declared.migrations)?;
        let records = RecordRights { ledger: &ledger, direction: Direction::Up };
        let needs = Needs::of(facts, upgrade);
        let (mut recording, mut lacking) = (RowBuffer::default(), RowBuffer::default());
        session
            .ask("looking up the role's rights", |batch| {
                batch.rows(records.sql(), &mut recording);
                batch.rows(needs.sql(), &mut lacking);
            })
            .await?;
        let mut findings = Vec::new();
        // Another tool writes its own history, under its own rights.
        if facts.settings.migrations.tool.is_none() {
            for row in recording.into_vec() {
                if let Err(error) = records.require(&row, &schema.snapshot.identity.database) {
                    let Failure { what, next, .. } = failure_of(error);
                    let what = what.trim_end_matches("; nothing was changed");
                    findings.push(lack("history", what.to_owned(), next));
                }
            }
        }
        let mut role = String::new();
        for row in lacking.into_vec() {
            let read = || -> Result<Finding, crate::postgres::connection::RowError> {
                let (object, right): (&str, &str) = (row.get("object")?, row.get("lacks")?);
                let (role, owner): (&str, Option<&str>) = (row.get("role")?, row.get("owner")?);
                Ok(lacks(object, right, role, owner))
            };
            findings.push(read().map_err(|error| failure_of(error.into()))?);
            role = row.get::<&str>("role").unwrap_or_default().to_owned();
        }
        let what = match findings.first().and_then(|first| first.sides.as_ref()) {
            None => format!("the role may apply {}", plural(upgrade.plan.steps.len(), "migration")),
            Some(first) if findings.len() == 1 => first.database.clone(),
            Some(_) => format!("{} lacks {}", identifier(&role), plural(findings.len(), "right")),
        };
        Ok(Judgement::of_findings(findings, what))
    })
}

fn lack(object: &str, what: String, advice: String) -> Finding {
    let code = ErrorCode::PERMISSION_MISSING.as_str();
    finding(SectionName::Rights, code, object, &what, &advice)
}

/// A right that a role lacks on an object.
fn lacks(object: &str, right: &str, role: &str, owner: Option<&str>) -> Finding {
    let name = identifier(role);
    match owner {
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
    }
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
