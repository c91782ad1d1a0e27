//! One error beside what is known of the database: what the judgements ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::explanation::{Explanation, reason, sql};
use super::facts::ServerFacts;
use super::likely::is_table_of;
use super::text::{ErrorNames, ReadError};
use crate::findings::{Change, Command, Finding, Remedy, Severity};
use crate::model::{CompiledMigration, Effect, Lock};
use crate::postgres::catalog::{Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, split_qualified};
use crate::snapshot::UnreadSequence;

/// The schema of a database beside the declared one.
pub(crate) struct ComparedCatalogs {
    /// What the database has.
    pub(crate) live: Catalog,
    /// What the project declares, and its migrations; `None` where no schema was asked for.
    pub(crate) lock: Option<Lock>,
    /// All differences, as `trueup check` finds them.
    pub(crate) findings: Vec<Finding>,
    /// The versions that are applied.
    pub(crate) applied: BTreeSet<i64>,
    /// The sequences whose tables could not be read.
    pub(crate) unread: Vec<UnreadSequence>,
    /// The tables that have seeds, as their files write them.
    pub(crate) seeded: Vec<String>,
    /// The data checks of the project: the name, and the names in the query.
    pub(crate) checks: Vec<(String, BTreeSet<String>)>,
}

/// What is judged.
pub(crate) struct Case<'c> {
    /// The error.
    pub(crate) error: &'c ReadError,
    /// The schema.
    pub(crate) schema: &'c ComparedCatalogs,
    /// What else the server was asked.
    pub(crate) facts: &'c ServerFacts,
    /// The database's name.
    pub(crate) database: &'c str,
}

/// A relation as an error names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedRelation {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// What can stand after FROM.
const RELATIONS: [Kind; 4] = [Kind::Table, Kind::View, Kind::MaterializedView, Kind::Sequence];

impl NamedRelation {
    /// `users`, `app.users`; the server puts both into one pair of quotes.
    pub(crate) fn parse(text: &str) -> Self {
        let plain = || Self { schema: None, name: text.to_owned() };
        match split_qualified(text).as_deref() {
            Some([name]) => Self { schema: None, name: name.to_string() },
            Some([schema, name]) => Self { schema: Some(schema.to_string()), name: name.to_string() },
            Some([_, schema, name]) => Self { schema: Some(schema.to_string()), name: name.to_string() },
            _ => plain(),
        }
    }

    fn is(&self, id: &ObjectId) -> bool {
        RELATIONS.contains(&id.kind)
            && id.name == self.name.as_str()
            && self.schema.as_deref().is_none_or(|schema| id.schema.as_deref() == Some(schema))
    }
}

impl std::fmt::Display for NamedRelation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", identifier(schema))?;
        }
        f.write_str(&identifier(&self.name))
    }
}

impl Case<'_> {
    pub(super) fn names(&self) -> &ErrorNames {
        &self.error.names
    }

    /// The relation that the error names, else those of the statement around it.
    pub(super) fn named_relations(&self) -> Vec<NamedRelation> {
        let mentions = &self.error.mentions;
        let of = |table: &super::text::MentionedTable| NamedRelation {
            schema: table.schema.clone(),
            name: table.table.clone(),
        };
        match &self.names().table {
            Some(name) => match mentions.meant_by(name) {
                Some(table) => vec![of(table)],
                None => vec![NamedRelation::parse(name)],
            },
            None => mentions.tables.iter().map(of).collect(),
        }
    }

    /// The relations of that name that the database has or the project declares. Those that the role finds without a schema
    /// come first.
    pub(super) fn relations(&self, named: &NamedRelation) -> Vec<ObjectId> {
        let mut found: Vec<ObjectId> =
            self.ids().filter(|id| named.is(id)).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        found.sort_by_key(|id| self.rank(id));
        found
    }

    /// The tables that a class of an application may stand for.
    pub(super) fn tables_of_class(&self, class: &str) -> Vec<ObjectId> {
        let tables = self.ids().filter(|id| id.kind == Kind::Table && is_table_of(class, &id.name)).cloned();
        let mut tables: Vec<ObjectId> = tables.collect::<BTreeSet<_>>().into_iter().collect();
        // The shortest name has the least in front of it.
        tables.sort_by_key(|id| id.name.len());
        tables.truncate(1);
        tables
    }

    /// The place of an object's schema in the role's search_path.
    fn rank(&self, id: &ObjectId) -> usize {
        let path = self.facts.path();
        let place = path.iter().position(|schema| Some(schema.as_str()) == id.schema.as_deref());
        place.unwrap_or(usize::MAX)
    }

    /// Whether the role finds the object without its schema being named.
    pub(super) fn is_in_path(&self, id: &ObjectId) -> bool {
        self.rank(id) != usize::MAX
    }

    /// All names of the database and of the project.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ObjectId> {
        self.objects().map(|object| &object.id)
    }

    /// All objects of the database and of the project.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        let declared = self.schema.lock.iter().flat_map(|lock| &lock.model.objects);
        self.schema.live.objects.iter().chain(declared)
    }

    /// The migrations of the project.
    pub(super) fn migrations(&self) -> &[CompiledMigration] {
        self.schema.lock.as_ref().map_or(&[], |lock| &lock.migrations)
    }

    pub(super) fn live(&self, id: &ObjectId) -> Option<&Object> {
        self.schema.live.get(id).map(AsRef::as_ref)
    }

    pub(super) fn declared(&self, id: &ObjectId) -> Option<&Object> {
        self.schema.lock.as_ref()?.model.get(id).map(AsRef::as_ref)
    }

    /// The objects of these kinds and this name, on either side.
    pub(super) fn named(&self, kinds: &[Kind], name: &str) -> Vec<ObjectId> {
        let found = self.ids().filter(|id| kinds.contains(&id.kind) && id.name == name).cloned();
        found.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The same of the table that the error names, where it names one: other tables have objects of the same name.
    pub(super) fn named_of_table(&self, kinds: &[Kind], name: &str) -> Vec<ObjectId> {
        let mut found = self.named(kinds, name);
        if self.names().table.is_some() {
            let tables: Vec<ObjectId> =
                self.named_relations().iter().flat_map(|named| self.relations(named)).collect();
            let is_on = |id: &ObjectId| {
                let of =
                    |table: &ObjectId| table.schema == id.schema && id.relation.as_ref() == Some(&table.name);
                id.relation.is_none() || tables.iter().any(of)
            };
            found.retain(is_on);
        }
        found
    }

    /// The differences of exactly this object: its own, those that it is a consequence of, and a new name.
    pub(super) fn differences_of(&self, id: &ObjectId) -> Vec<Finding> {
        let path = id.to_string();
        let renamed = |finding: &Finding| {
            finding.code.ends_with(".renamed")
                && finding.kind == id.kind.word()
                && finding.attributes.iter().any(|attribute| {
                    [&attribute.declared, &attribute.actual]
                        .into_iter()
                        .flatten()
                        .any(|name| *name == *id.name || *name == path || *name == identifier(&id.name))
                })
        };
        let is_it = |finding: &&Finding| {
            finding.object == path && finding.kind != "privilege"
                || finding.consequences.iter().any(|one| one.ends_with(&format!(" {path}")))
                || renamed(finding)
        };
        self.schema.findings.iter().filter(is_it).cloned().collect()
    }

    /// The differences of a part of a relation, else those of the relation as a whole where it is missing.
    pub(super) fn differences_of_part(&self, relation: &ObjectId, part: &ObjectId) -> Vec<Finding> {
        let own = self.differences_of(part);
        if !own.is_empty() {
            return own;
        }
        let missing = |finding: &Finding| finding.change == Change::Missing;
        self.differences_of(relation).into_iter().filter(missing).collect()
    }

    /// What is wrong with the database as a whole, so that nothing else needs a reason.
    pub(super) fn of_database(&self) -> Vec<Finding> {
        let whole = |finding: &&Finding| finding.code.starts_with("database.");
        self.schema.findings.iter().filter(whole).cloned().collect()
    }

    /// The database as a whole explains what is missing.
    pub(super) fn wrong_database(&self) -> Option<Explanation> {
        let findings = self.of_database();
        let verdict = format!(
            "{} is not the database of the application, or nothing was applied to it yet",
            self.database
        );
        (!findings.is_empty()).then(|| Explanation::explained(findings, verdict))
    }

    /// That it differs from what is declared.
    pub(super) fn differs(&self, findings: Vec<Finding>) -> Explanation {
        Explanation::explained(
            findings,
            "the database does not match the schema in schema/ in what the error names".to_owned(),
        )
    }

    /// The applied migration that took an object away, or gave it another name: who still asks for it is older.
    pub(super) fn taken_away(&self, id: &ObjectId) -> Option<Finding> {
        let mut applied = self
            .migrations()
            .iter()
            .rev()
            .filter(|migration| self.schema.applied.contains(&migration.version));
        let (migration, words) = applied.find_map(|migration| {
            migration.effects.iter().find_map(|effect| match effect {
                Effect::Dropped(dropped) if **dropped == *id => Some((migration, "dropped it".to_owned())),
                Effect::Renamed { from, to } if **from == *id => {
                    Some((migration, format!("renamed it to {to}")))
                }
                _ => None,
            })
        })?;
        let sentence = format!("{} {words}: an app version of before it is running", migration.id());
        let remedy = Remedy::advice("deploy the app version that goes with the database, or end the old one");
        let kind = id.kind.word();
        Some(reason("old_version", Severity::Warning, kind, id.to_string(), sentence).remedy(remedy))
    }

    /// What else can be the reason where the database is as declared, for whoever looks on.
    pub(super) fn elsewhere(&self, object: &str) -> Explanation {
        let (database, role) = (self.database, &self.facts.settings.role);
        Explanation::elsewhere(
            format!("database {database} has {object} as declared: the reason is elsewhere"),
            format!(
                "compare the application's URL with this database, its role with {role} and its search_path with {}; restart \
                 it where it has been running since before the last migration",
                self.facts.path_in_words()
            ),
        )
    }

    /// An object is there, and the role does not find it without its schema.
    pub(super) fn outside_path(
        &self,
        kind: &'static str,
        object: &str,
        schema: &str,
        advice: String,
    ) -> Explanation {
        let role = &self.facts.settings.role;
        let schema_name = identifier(schema);
        if self.facts.is_closed(schema) {
            let sentence =
                format!("role {role} lacks USAGE on schema {schema_name}, and does not see what is in it");
            let grant = format!("GRANT USAGE ON SCHEMA {schema_name} TO {};", identifier(role));
            let found = reason("privilege", Severity::Error, kind, object, sentence).remedy(sql([grant]));
            return Explanation::explained(vec![found], format!("role {role} lacks a right"));
        }
        let sentence = format!(
            "it is in schema {schema_name}, which is not in the search_path of role {role}: {}",
            self.facts.path_in_words()
        );
        let found =
            reason("search_path", Severity::Warning, kind, object, sentence).remedy(Remedy::advice(advice));
        Explanation::explained(vec![found], format!("search_path does not lead to the {kind}"))
    }

    /// The data checks of the project whose query names all of these.
    pub(super) fn checks_about(&self, names: &[&str]) -> Option<Command> {
        let knows = |(_, words): &&(String, BTreeSet<String>)| names.iter().all(|name| words.contains(*name));
        let checks: Vec<String> =
            self.schema.checks.iter().filter(knows).map(|(name, _)| name.clone()).take(2).collect();
        (!checks.is_empty()).then_some(Command::Verify { checks })
    }

    /// `did you mean users.email?`, from the likeliest names.
    pub(super) fn did_you_mean(names: &[String]) -> String {
        match names {
            [] => String::new(),
            [one] => format!("; did you mean {one}?"),
            names => format!("; did you mean one of {}?", names.join(", ")),
        }
    }
}
