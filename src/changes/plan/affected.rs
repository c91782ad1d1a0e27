//! Determines which tables a plan changes, for a backup of only these. Where that is not known, it says why, and the
//! whole database is backed up. Changes made by functions that an expression calls are not seen.

use std::collections::BTreeSet;

use super::{MigrationPlan, Step};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::words_of;

/// The tables that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    /// These tables, which exist already.
    Tables(BTreeSet<ObjectId>),
    /// It is not known which: why.
    Unknown(String),
}

/// Statements that change rows of the tables that they name and, except through triggers, rules and foreign keys, of
/// no others.
const ROWS: [&str; 6] = ["insert", "update", "delete", "merge", "truncate", "copy"];
/// Statements that change no rows, or that rebuild a table from its own rows.
const OBJECTS: [&str; 16] = [
    "alter", "analyse", "analyze", "cluster", "comment", "create", "drop", "grant", "lock", "refresh",
    "reindex", "reset", "revoke", "security", "set", "vacuum",
];
/// Statements that drop more than they name.
const WIDE: [&str; 6] = ["schema", "owned", "extension", "type", "domain", "database"];

impl MigrationPlan {
    /// Determines the tables, using the relations that the steps lock (see [`MigrationPlan::look_up`]).
    pub fn affected(&self, catalog: &Catalog) -> Affected {
        let mut tables = BTreeSet::new();
        for step in self.steps.iter().filter(|step| !step.record) {
            let mut rows_of = BTreeSet::new();
            if let Some(why) = step.unknown_effects() {
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
                match Affected::by_rows(catalog, rows_of, &step.title) {
                    Affected::Tables(all) => rows_of = all,
                    unknown @ Affected::Unknown(_) => return unknown,
                }
            }
            tables.extend(rows_of);
        }
        Affected::Tables(with_children(catalog, tables))
    }
}

impl Affected {
    /// The tables that change with rows of these: they themselves, those that refer to them, and their partitions and
    /// children. Where a trigger or a rule may change more, it is not known; `who` is the beginning of the reason.
    pub fn by_rows(catalog: &Catalog, tables: BTreeSet<ObjectId>, who: &str) -> Self {
        let tables = with_referring(catalog, tables);
        let acting = |kind| {
            let of = |id: &ObjectId| tables.iter().any(|table| table.to_string() == id.relation_path());
            catalog.objects.iter().find(|object| object.id.kind == kind && of(&object.id))
        };
        if let Some(acting) = acting(Kind::Trigger).or_else(|| acting(Kind::Rule)) {
            let kind = acting.id.kind.spoken();
            return Self::Unknown(format!("{who}: {kind} {} may change other tables", acting.id));
        }
        Self::Tables(with_children(catalog, tables))
    }
}

impl Step {
    fn verbs(&self) -> impl Iterator<Item = (String, &str)> {
        self.script.statements.iter().map(|statement| {
            let verb = words_of(&statement.text).next().unwrap_or_default().to_ascii_lowercase();
            (verb, statement.text.as_str())
        })
    }

    /// Why it is not known which tables the statement changes.
    fn unknown_effects(&self) -> Option<String> {
        self.verbs().find_map(|(verb, text)| {
            let mut words = words_of(text).skip(1).map(str::to_ascii_lowercase);
            let known = ROWS.contains(&verb.as_str()) || OBJECTS.contains(&verb.as_str());
            if !known {
                return Some(format!("it is not known which tables {} changes", verb.to_ascii_uppercase()));
            }
            let wide = verb == "drop"
                && (words.next().is_some_and(|what| WIDE.contains(&what.as_str()))
                    || words.any(|word| word == "cascade"));
            wide.then(|| "DROP ... CASCADE may drop other objects".to_owned())
        })
    }

    fn changes_rows(&self) -> bool {
        self.verbs().any(|(verb, _)| ROWS.contains(&verb.as_str()))
    }
}

/// Adds the tables whose foreign keys refer to these, whatever their action is when a row is deleted.
fn with_referring(catalog: &Catalog, tables: BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
    closure(catalog, tables, |object, named| {
        let refers =
            object.id.kind == Kind::ForeignKey && object.get(Attribute::References).is_some_and(named);
        refers.then(|| ObjectId::parse(Kind::Table, &object.id.relation_path())).flatten()
    })
}

/// Adds their partitions and children, which hold the rows.
fn with_children(catalog: &Catalog, tables: BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
    closure(catalog, tables, |object, named| {
        let parents = [Attribute::PartitionOf, Attribute::Inherits];
        let mut parents = parents.into_iter().filter_map(|attribute| object.get(attribute));
        let is_child = parents.any(|list| list.split(", ").any(named));
        (object.id.kind == Kind::Table && is_child).then(|| object.id.clone())
    })
}

/// Adds tables until no more follow. `follows` returns the table that an object adds; it is told whether a table of
/// that name is already included.
fn closure(
    catalog: &Catalog,
    mut tables: BTreeSet<ObjectId>,
    follows: impl Fn(&Object, &dyn Fn(&str) -> bool) -> Option<ObjectId>,
) -> BTreeSet<ObjectId> {
    loop {
        let names: BTreeSet<String> = tables.iter().map(ToString::to_string).collect();
        let named = |name: &str| names.contains(name);
        let before = tables.len();
        tables.extend(catalog.objects.iter().filter_map(|object| follows(object, &named)));
        if tables.len() == before {
            return tables;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{SampleMigration, lock_of, object};
    use super::super::{MigrationPlan, Relations, UpgradeGoal};
    use super::*;
    use crate::model::diagnosis::MigrationState;

    fn table(name: &str) -> ObjectId {
        ObjectId::in_schema(Kind::Table, "public", name)
    }

    /// What a script affects where `users` is referred to by `api_keys`, `logs` has a trigger, and there is a view.
    fn affected(sql: &'static str) -> Result<Vec<String>, String> {
        let key = ObjectId::under(Kind::ForeignKey, "public", "api_keys", "api_keys_user_id_fkey");
        let objects = [
            object(table("api_keys"), &[]),
            object(key, &[(Attribute::References, "public.users")]),
            object(table("logs"), &[]),
            object(ObjectId::under(Kind::Trigger, "public", "logs", "notify"), &[]),
            object(table("users"), &[]),
            object(ObjectId::in_schema(Kind::View, "public", "people"), &[]),
            object(table("events"), &[]),
            object(table("events_1"), &[(Attribute::PartitionOf, "public.events")]),
        ];
        let catalog = Catalog::new(objects.to_vec(), Vec::new());
        let (lock, files) = lock_of(&[SampleMigration::new(1, sql)]);
        let state = MigrationState::from_history(&lock.migrations, &[], &BTreeSet::new());
        let mut plan =
            MigrationPlan::upgrade(&lock, &files, &state, &UpgradeGoal::default()).expect("a plan");
        plan.look_up(&Relations::of(&catalog, &["public".into()]));
        match plan.affected(&catalog) {
            Affected::Tables(tables) => Ok(tables.iter().map(ToString::to_string).collect()),
            Affected::Unknown(why) => Err(why),
        }
    }

    #[test]
    fn tables_that_are_named_and_those_that_follow() {
        for (sql, tables) in [
            ("alter table users add column x int;", &["public.users"][..]),
            ("create table new (id int); create view v as select 1;", &[]),
            ("delete from users where id = 1;", &["public.api_keys", "public.users"]),
            ("update api_keys set x = 1;", &["public.api_keys"]),
            ("drop table api_keys;", &["public.api_keys", "public.users"]),
            ("grant select on users to a;", &[]),
            ("insert into events values (1);", &["public.events", "public.events_1"]),
        ] {
            assert_eq!(affected(sql).unwrap(), tables, "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_told_means_all() {
        for (sql, why) in [
            ("do $$ begin end $$;", "it is not known which tables DO changes"),
            ("select f();", "it is not known which tables SELECT changes"),
            ("drop schema a;", "may drop other objects"),
            ("drop table users cascade;", "may drop other objects"),
            ("insert into logs values (1);", "trigger public.logs.notify may change other tables"),
            ("update people set x = 1;", "the tables behind"),
        ] {
            let said = affected(sql).unwrap_err();
            assert!(said.contains(why) && said.starts_with("V1__m1: "), "{sql}: {said}");
        }
    }
}
