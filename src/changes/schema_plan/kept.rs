//! What is dropped gets another name first, so that it can be had back as long as nobody has dropped it.

use std::sync::Arc;

use super::{PlannedMigration, PlannedStep};
use crate::model::diagnosis::Decided;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;

/// What gets another name before it is dropped.
pub struct KeptObjects {
    /// The migration that gives it.
    pub migration: PlannedMigration,
    /// What is to be there before: what is declared, and what goes.
    pub until: Catalog,
    names: Vec<ObjectId>,
}

impl KeptObjects {
    /// What is to be known of it.
    pub fn note(&self) -> String {
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        format!(
            "{} is renamed by one migration and dropped by a later one: run trueup upgrade --contract --to the first, and the \
             second when nobody misses it",
            names.join(", ")
        )
    }
}

/// The tables and columns that go, under names with this suffix. `None` where none goes.
pub fn put_aside([from, to]: [&Catalog; 2], decided: &Decided, suffix: &str) -> Option<KeptObjects> {
    let is_gone =
        |id: &ObjectId| to.get(id).is_none() && decided.renamed.iter().all(|(before, _)| before != id);
    let is_of_kept_table = |column: &ObjectId| {
        let table = ObjectId::parse(Kind::Table, &column.relation_path());
        table.is_some_and(|table| from.get(&table).is_some() && to.get(&table).is_some())
    };
    let gone: Vec<&Arc<Object>> = from
        .objects
        .iter()
        .filter(|object| is_gone(&object.id))
        .filter(|object| match object.id.kind {
            // A partition without its parent's rows is no table that anybody would want back under another name.
            Kind::Table => object.get(Attribute::PartitionOf).is_none(),
            Kind::Column => is_of_kept_table(&object.id),
            _ => false,
        })
        .collect();
    if gone.is_empty() {
        return None;
    }
    let belongs = |object: &Object| gone.iter().any(|gone| goes_with(object, &gone.id));
    let rest = from.objects.iter().filter(|object| to.get(&object.id).is_none() && belongs(object));
    let until = Catalog::new(to.objects.iter().chain(rest).cloned().collect(), to.unmodeled.clone());
    let (mut steps, mut names) = (Vec::new(), Vec::new());
    for object in gone {
        let is_taken = |name: &str| {
            let all = from.objects.iter().chain(&to.objects);
            all.into_iter().any(|other| other.id.schema == object.id.schema && other.id.name == name)
        };
        let aside = object.id.named(ddl::free_name(&object.id.name, suffix, is_taken));
        steps.push(PlannedStep::alone(
            aside.clone(),
            "rename",
            ddl::rename(&object.id, &aside).into_iter().collect(),
        ));
        names.push(object.id.clone());
    }
    Some(KeptObjects { migration: PlannedMigration::of(steps, true, true), until, names })
}

/// Whether an object is one that goes, a part of it, or reads it.
fn goes_with(object: &Object, gone: &ObjectId) -> bool {
    if object.id == *gone {
        return true;
    }
    let relation = ddl::relation_name(gone);
    let concerned = ddl::needs(object).contains(&relation)
        || object.is(Attribute::OnTable, &gone.relation_path())
        || object
            .get(Attribute::OwnedBy)
            .is_some_and(|owner| owner.starts_with(&format!("{}.", gone.relation_path())))
        || object.id.kind == Kind::Privilege && ddl::printed_name(&object.id) == relation;
    concerned
        && (gone.kind == Kind::Table || object.id.kind != Kind::Column && ddl::has_word(object, &gone.name))
}
