//! Objects that are dropped and created again, because the server does not change what they stand on, or them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::super::between::Allowed;
use super::gently;
use super::lookup::{LiveLookup, free_name};
use super::{dependents, enums, indexes, withhold};
use crate::findings::{Finding, Hazard};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// What decides which objects can be created again.
pub(super) struct Remaking<'s> {
    pub(super) live: &'s Catalog,
    pub(super) lookup: &'s LiveLookup<'s>,
    pub(super) model: &'s Catalog,
    /// The objects that have findings of their own.
    pub(super) differing: &'s HashSet<ObjectId>,
    /// Whether owners and privileges were read.
    pub(super) knows_privileges: bool,
    /// What the statements may do.
    pub(super) allowed: Allowed<'s>,
    /// The objects with findings of their own that statements of other findings bring to what is declared.
    pub(super) taken: RefCell<HashSet<ObjectId>>,
}

impl Remaking<'_> {
    /// Puts the statements that change a column's type between those that drop what reads the column and those that make it
    /// again.
    pub(super) fn retype(&self, finding: &mut Finding) {
        let retypes = |change: &&mut DdlChange| {
            let (Some(before), Some(after)) = (&change.before, change.objects.first()) else { return false };
            let differs = |attribute| before.get(attribute) != after.get(attribute);
            after.id.kind == Kind::Column && (differs(Attribute::Type) || differs(Attribute::Collation))
        };
        let Some(change) = finding.remedy.changes.iter_mut().find(retypes) else { return };
        let Some(column) = change.before.clone() else { return };
        let mut readers = dependents::of_column(self.lookup, &column);
        readers.retain(|reader| !self.goes_before(reader));
        if readers.is_empty() {
            return;
        }
        if let Some(why) = self.obstacle(&readers, &[]) {
            return withhold(finding, format!("change the type by hand: {why}"));
        }
        let statements = std::mem::take(&mut change.statements);
        change.statements = self.between(readers.clone(), statements, &readers);
        change.objects.extend(self.taken_among(&readers));
        print_again(finding);
    }

    /// Keeps the states that partitions' triggers are to have, where CREATE OR REPLACE of their parent's resets them.
    pub(super) fn keep_states(&self, finding: &mut Finding) {
        let replaces = |change: &&mut DdlChange| {
            let before = change.before.as_ref().filter(|before| before.id.kind == Kind::Trigger);
            let after = change.objects.first();
            let differs = before.zip(after).is_some_and(|(before, after)| {
                before.get(Attribute::Definition) != after.get(Attribute::Definition)
            });
            change.action == DdlAction::Alter && differs
        };
        let Some(change) = finding.remedy.changes.iter_mut().find(replaces) else { return };
        let states = change.before.as_ref().map(|trigger| self.states_on_partitions(trigger));
        let states = states.unwrap_or_default();
        if !states.is_empty() {
            change.statements.extend(states);
            print_again(finding);
        }
    }

    /// Re-creates an object as it is declared, with all that reads it.
    pub(super) fn remake(&self, finding: &mut Finding) {
        let mut changes = finding.remedy.changes.iter_mut();
        let Some(change) = changes.find(|change| change.action == DdlAction::Replace) else { return };
        let (Some(before), Some(after)) = (change.before.clone(), change.objects.first().cloned()) else {
            return;
        };
        let kind = before.id.kind;
        let made = match kind {
            Kind::Index => indexes::replace([self.live, self.model], &after, &before, self.allowed)
                .map(|statements| (statements, Vec::new())),
            _ => self.made(&before, &after),
        };
        match made {
            Ok((statements, taken)) => {
                change.statements = statements;
                change.objects.extend(taken);
            }
            Err(why) => return withhold(finding, format!("change the {} by hand: {why}", kind.spoken())),
        }
        let hazard = match kind {
            Kind::Enum if !enums::columns(self.live, &before).is_empty() => Some(Hazard::RewritesTable),
            Kind::MaterializedView => Some(Hazard::RunsQuery),
            Kind::Index if gently::blocks_writes(change) => Some(Hazard::BlocksWrites),
            _ => None,
        };
        print_again(finding);
        finding.remedy.hazards.extend(hazard);
    }

    /// The statements, and what they bring to what is declared beside the object; else what stands in the way.
    fn made(&self, before: &Arc<Object>, after: &Object) -> Result<(Vec<String>, Vec<Arc<Object>>), String> {
        let mut columns = enums::columns(self.live, before);
        columns.retain(|column| !self.allowed.drops(&column.id, self.model));
        let mut readers = dependents::of_object(self.lookup, before);
        for reader in columns.iter().flat_map(|column| dependents::of_column(self.lookup, column)) {
            if !readers.iter().any(|known| known.id == reader.id) {
                readers.push(reader);
            }
        }
        readers.retain(|reader| !self.goes_before(reader));
        if let Some(why) = self.obstacle(&readers, &columns).or_else(|| self.lost_with(before)) {
            return Err(why);
        }
        // It keeps its owner where that is known.
        let owner = after.get(Attribute::Owner).or(before.get(Attribute::Owner)).map(Into::into);
        let attributes = after.attributes.with(Attribute::Owner, owner);
        let wanted = Object { id: after.id.clone(), attributes };
        let mut statements = match before.id.kind {
            Kind::Enum => {
                let old = free_name([self.live, self.model], &before.id, "_old");
                enums::replace(&wanted, before, &columns, [self.live, self.model], &old)
            }
            _ => ddl::replace(&wanted, before),
        };
        statements.extend(ddl::withheld([after].into_iter(), self.model));
        statements.extend(self.states_on_partitions(before));
        let remade: Vec<Arc<Object>> = readers.iter().chain([before]).cloned().collect();
        let readers: Vec<_> = readers.into_iter().filter(|reader| reader.id.kind != Kind::Column).collect();
        let taken = self.taken_among(&readers);
        Ok((self.between(readers, statements, &remade), taken))
    }

    /// The statements that give the partitions' triggers of a trigger that is created again the states that they are to have.
    fn states_on_partitions(&self, trigger: &Object) -> Vec<String> {
        if trigger.id.kind != Kind::Trigger {
            return Vec::new();
        }
        let tables = self.lookup.family(ddl::relation_name(&trigger.id));
        let parts = tables.iter().flat_map(|table| self.lookup.parts(table));
        let parts = parts.map(|number| self.lookup.object(*number)).filter(|part| {
            part.id.kind == Kind::Trigger
                && part.id.name == trigger.id.name
                && part.get(Attribute::PartitionOf).is_some()
        });
        parts.flat_map(|part| ddl::create(self.model.get(&part.id).unwrap_or(part), &[])).collect()
    }

    /// Statements between those that drop their readers and those that create them again, in one transaction. `remade` is all
    /// that is another object afterwards.
    fn between(
        &self,
        readers: Vec<Arc<Object>>,
        statements: Vec<String>,
        remade: &[Arc<Object>],
    ) -> Vec<String> {
        let mut all: Vec<String> = self.warning(remade).into_iter().collect();
        all.push("BEGIN;".to_owned());
        all.extend(dependents::drop(&readers));
        all.extend(
            statements.into_iter().filter(|statement| statement != "BEGIN;" && statement != "COMMIT;"),
        );
        all.extend(dependents::create(
            readers.into_iter().filter_map(|reader| self.afterwards(reader)).collect(),
        ));
        all.push("COMMIT;".to_owned());
        all
    }

    /// A reader as it is created again: as it is declared, where it differs and its values may go.
    fn afterwards(&self, reader: Arc<Object>) -> Option<Arc<Object>> {
        match self.is_taken(&reader) {
            true => self.model.get(&reader.id).cloned(),
            false => Some(reader),
        }
    }

    /// Whether a reader is dropped for good, which is done first.
    fn goes_before(&self, reader: &Object) -> bool {
        self.is_taken(reader) && self.model.get(&reader.id).is_none()
    }

    fn is_taken(&self, reader: &Object) -> bool {
        self.allowed.loses_values() && self.differing.contains(&reader.id)
    }

    /// The readers that are created as they are declared: their own findings need no statements any more.
    fn taken_among(&self, readers: &[Arc<Object>]) -> Vec<Arc<Object>> {
        let taken = readers.iter().filter(|reader| self.is_taken(reader));
        let mut declared = Vec::new();
        for reader in taken {
            self.taken.borrow_mut().insert(reader.id.clone());
            declared.extend(self.model.get(&reader.id).cloned());
        }
        declared
    }

    /// Why some objects cannot be dropped and created again. Of the `columns` the type is changed in place.
    fn obstacle(&self, readers: &[Arc<Object>], columns: &[Arc<Object>]) -> Option<String> {
        readers.iter().find_map(|reader| {
            if columns.iter().any(|column| column.id == reader.id) {
                return enums::obstacle(self.live, reader);
            }
            let kind = reader.id.kind;
            let is_made = dependents::can_be_made_again(reader)
                || self.allowed.loses_values()
                    && (kind.is_routine() || kind == Kind::Check || self.model.get(&reader.id).is_none());
            let differs = reader.id.kind != Kind::Privilege && self.differing.contains(&reader.id);
            match is_made && (!differs || self.allowed.loses_values()) {
                true => self.lost_with(reader),
                false => Some(format!("{} {} needs it as it is", reader.id.kind.spoken(), reader.id)),
            }
        })
    }

    /// What goes with an object and is not compared, and so cannot be created again.
    fn lost_with(&self, object: &Object) -> Option<String> {
        let part = format!("{}.", object.id);
        let lost = self.live.unmodeled.iter().find(|other| other.object.starts_with(&part))?;
        Some(format!("{} {} would be lost", lost.kind, lost.object))
    }

    /// A comment that names the objects that are created again and whose grants and owners were not read.
    fn warning(&self, remade: &[Arc<Object>]) -> Option<String> {
        let has_grants = |object: &&Arc<Object>| {
            matches!(object.id.kind, Kind::View | Kind::MaterializedView | Kind::Enum)
                || object.id.kind.is_routine()
        };
        let names: Vec<String> =
            remade.iter().filter(has_grants).map(|object| object.id.to_string()).collect();
        (!names.is_empty() && !self.knows_privileges).then(|| {
            format!(
                "-- Warning: this re-creates {}: grants are lost, and the role that runs it becomes owner. Save both first",
                names.join(", ")
            )
        })
    }
}

/// Takes over the changed statements into what is printed.
fn print_again(finding: &mut Finding) {
    let (advice, changes) = (finding.remedy.advice.take(), std::mem::take(&mut finding.remedy.changes));
    finding.remedy = std::mem::take(&mut finding.remedy).with_changes(changes);
    finding.remedy.advice = advice;
}
