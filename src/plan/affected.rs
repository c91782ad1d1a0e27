//! Which tables a plan changes, for a backup of these alone. Where that cannot be told, it says why, and the whole
//! database is meant.

use std::collections::BTreeSet;

use super::{Plan, Step};
use crate::catalog::{Attribute, Catalog, Kind, ObjectId};
use crate::sql::words_of;

/// The tables that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    /// These, which are there already.
    Tables(BTreeSet<ObjectId>),
    /// Nobody can tell, and why.
    Unknown(String),
}

/// What changes rows of the tables that it names and, but for triggers, rules and foreign keys, of no others.
const ROWS: [&str; 6] = ["insert", "update", "delete", "merge", "truncate", "copy"];
/// What changes no row, or computes a table anew from its own.
const OBJECTS: [&str; 16] = [
    "alter", "analyse", "analyze", "cluster", "comment", "create", "drop", "grant", "lock", "refresh",
    "reindex", "reset", "revoke", "security", "set", "vacuum",
];
/// What takes more with it than it names.
const WIDE: [&str; 6] = ["schema", "owned", "extension", "type", "domain", "database"];

impl Plan {
    /// Tells them, with the relations that the steps lock (see [`Plan::look_up`]).
    pub fn affected(&self, catalog: &Catalog) -> Affected {
        let mut tables = BTreeSet::new();
        for step in self.steps.iter().filter(|step| !step.record) {
            let mut rows_of = BTreeSet::new();
            if let Some(why) = step.untold() {
                return Affected::Unknown(format!("{}: {why}", step.title));
            }
            let touched = step.touches.iter().filter(|id| id.kind.is_under_relation());
            let touched = touched.filter_map(|id| ObjectId::parse(Kind::Table, &id.relation_path()));
            let locked = step.held.keys().filter(|id| id.kind == Kind::Table).cloned();
            let dropped = step.touches.iter().filter(|id| id.kind == Kind::Table).cloned();
            for table in touched.chain(locked).chain(dropped) {
                if catalog.get(&table).is_some() {
                    rows_of.insert(table);
                }
            }
            if step.changes_rows() {
                if let Some(view) = step.held.keys().find(|id| id.kind == Kind::View) {
                    return Affected::Unknown(format!("{}: it changes the tables behind {view}", step.title));
                }
                rows_of = with_referring(catalog, rows_of);
                let acting = |kind| {
                    let of =
                        |id: &ObjectId| rows_of.iter().any(|table| table.to_string() == id.relation_path());
                    catalog.objects.iter().find(|object| object.id.kind == kind && of(&object.id))
                };
                if let Some(acting) = acting(Kind::Trigger).or_else(|| acting(Kind::Rule)) {
                    return Affected::Unknown(format!(
                        "{}: {} {} may change other tables",
                        step.title,
                        acting.id.kind.spoken(),
                        acting.id
                    ));
                }
            }
            tables.extend(rows_of);
        }
        Affected::Tables(tables)
    }
}

impl Step {
    fn verbs(&self) -> impl Iterator<Item = (String, &str)> {
        self.script.statements.iter().map(|statement| {
            let verb = words_of(&statement.text).next().unwrap_or_default().to_ascii_lowercase();
            (verb, statement.text.as_str())
        })
    }

    /// Why it cannot be told what it changes.
    fn untold(&self) -> Option<String> {
        self.verbs().find_map(|(verb, text)| {
            let mut words = words_of(text).skip(1).map(str::to_ascii_lowercase);
            let known = ROWS.contains(&verb.as_str()) || OBJECTS.contains(&verb.as_str());
            if !known {
                return Some(format!("what {} changes cannot be told", verb.to_ascii_uppercase()));
            }
            let wide = verb == "drop"
                && (words.next().is_some_and(|what| WIDE.contains(&what.as_str()))
                    || words.any(|word| word == "cascade"));
            wide.then(|| "what it drops takes others with it".to_owned())
        })
    }

    fn changes_rows(&self) -> bool {
        self.verbs().any(|(verb, _)| ROWS.contains(&verb.as_str()))
    }
}

/// And the tables whose foreign keys refer to them, whatever these do when a row goes.
fn with_referring(catalog: &Catalog, mut tables: BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
    loop {
        let referring = catalog.objects.iter().filter(|object| object.id.kind == Kind::ForeignKey);
        let referring = referring.filter(|key| {
            let referred = key.get(Attribute::References).unwrap_or_default();
            tables.iter().any(|table| table.to_string() == referred)
        });
        let more: Vec<ObjectId> = referring
            .filter_map(|key| ObjectId::parse(Kind::Table, &key.id.relation_path()))
            .filter(|table| !tables.contains(table))
            .collect();
        if more.is_empty() {
            return tables;
        }
        tables.extend(more);
    }
}
