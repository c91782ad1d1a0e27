//! The way from one catalog to another, as the migrations that it takes: pure functions over data.
//!
//! [`crate::model::diagnosis::between`] says which statements change what. Here they are put in an order, and divided
//! into migrations: what old code does not mind comes before what it does (contract), and what cannot be in a
//! transaction, or must be committed before the next statement, is apart from what is one transaction.

mod circles;
mod divide;
pub mod kept;
mod phase;
pub mod retype;
mod step;

use crate::model::Head;
use crate::model::diagnosis::{CatalogChange, Decided, between};
use crate::postgres::catalog::{Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;

pub use step::PlannedStep;

/// A migration to be written.
#[derive(Debug, Clone)]
pub struct PlannedMigration {
    /// Whether code that runs now may not survive it.
    pub contract: bool,
    /// Whether it is one transaction.
    pub transactional: bool,
    /// The data checks that must find nothing before it.
    pub requires: Vec<String>,
    /// Why no script takes it back.
    pub one_way: Option<&'static str>,
    /// What it does, in order.
    pub steps: Vec<PlannedStep>,
}

impl PlannedMigration {
    /// A migration of these steps, which are as it is.
    pub fn of(mut steps: Vec<PlannedStep>, contract: bool, transactional: bool) -> Self {
        for step in &mut steps {
            (step.contract, step.transactional) = (contract, transactional);
        }
        Self { contract, transactional, requires: Vec::new(), one_way: None, steps }
    }
}

/// The migrations from one catalog of a lock file's server to another, in order. A difference for which there is no statement has
/// none.
pub fn migrations(head: &Head, from: &Catalog, to: &Catalog, decided: &Decided) -> Vec<PlannedMigration> {
    divide::divide(steps(between(head, [from, to], Some(decided), true)).0)
}

/// The same in one transaction, for a script that takes a migration back, with the differences for which there is no statement.
pub fn in_one_transaction(
    head: &Head,
    from: &Catalog,
    to: &Catalog,
    decided: &Decided,
) -> (Vec<PlannedStep>, Vec<(ObjectId, Option<String>)>) {
    steps(between(head, [from, to], Some(decided), false))
}

/// The enums that lose labels, each with those, as SQL literals. A label that is renamed goes on in the rows.
pub fn lost_labels<'c>(from: &'c Catalog, to: &Catalog) -> Vec<(&'c Object, Vec<&'c str>)> {
    let enums = from.objects.iter().filter(|object| object.id.kind == Kind::Enum);
    let lost = enums.filter_map(|labels| {
        let after = to.get(&labels.id)?;
        let gone = ddl::labels_without(labels, after);
        (!gone.is_empty() && ddl::renamed_label(after, labels).is_none()).then_some((&**labels, gone))
    });
    lost.collect()
}

/// What repairs a database as it runs, in parts that are in one transaction or none, and the differences for which there is no
/// statement. What code survives is no question: it runs on what is declared.
pub fn repairs(changes: Vec<CatalogChange>) -> (Vec<PlannedMigration>, Vec<(ObjectId, Option<String>)>) {
    let (mut steps, without) = steps(changes);
    steps.iter_mut().for_each(|step| step.contract = false);
    (divide::divide(steps), without)
}

/// The steps in an order that PostgreSQL accepts, and what has none.
fn steps(mut changes: Vec<CatalogChange>) -> (Vec<PlannedStep>, Vec<(ObjectId, Option<String>)>) {
    circles::break_circles(&mut changes);
    let (with, without): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|change| !change.changes.is_empty());
    let without = without.into_iter().map(|change| (change.object, change.why)).collect();
    (step::in_order(with), without)
}
