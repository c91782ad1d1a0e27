//! What a database that was restored from SQL shows otherwise than the one that the SQL was taken of: the server prints
//! some expressions in another way after a reload, and columns that were dropped have no numbers there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use crate::postgres::catalog::reader::{CatalogReading, ObjectOid};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

/// The differences, by address: that stays when an object is renamed.
#[derive(Debug, Default)]
pub(super) struct Reload {
    values: HashMap<(ObjectOid, Kind), Vec<Reloaded>>,
    /// How the server prints now what it printed otherwise before.
    prints: HashSet<SmolStr>,
    tables: HashMap<u32, ColumnNumbers>,
}

/// One attribute of one object.
#[derive(Debug)]
struct Reloaded {
    attribute: Attribute,
    now: Option<SmolStr>,
    before: Option<SmolStr>,
}

/// The numbers of a table's columns.
#[derive(Debug)]
struct ColumnNumbers {
    /// The last one.
    last: i64,
    /// How many more there were before.
    more: i64,
}

impl Reload {
    /// Compares the reading of the restored database with the catalog that it was taken of. `columns` says how many
    /// columns tables have had before, where they have fewer now, and `tables` how many they have had since. `None` when it
    /// is not the same catalog.
    pub(super) fn of(
        saved: &Catalog,
        reading: &CatalogReading,
        columns: &BTreeMap<String, i64>,
        tables: &[(ObjectId, i64)],
    ) -> Option<Self> {
        if saved.objects.len() != reading.catalog.objects.len() {
            return None;
        }
        let mut reload = Self::default();
        for (before, now) in saved.objects.iter().zip(&reading.catalog.objects) {
            if before.id != now.id || !before.attributes.differing(&now.attributes).is_empty() {
                return None;
            }
            if before.attributes != now.attributes {
                let at = *reading.oids.get(&now.id)?;
                let values = reloaded(before, now);
                let printed = values.iter().filter(|value| value.attribute != Attribute::Position);
                reload.prints.extend(printed.filter_map(|value| value.now.clone()));
                reload.values.entry((at, now.id.kind)).or_default().extend(values);
            }
        }
        for (table, last) in tables {
            if let (Some(before), Some(at)) = (columns.get(&table.to_string()), reading.oids.get(table)) {
                reload.tables.insert(at.oid, ColumnNumbers { last: *last, more: before - last });
            }
        }
        Some(reload)
    }

    /// How many more columns a table had before.
    pub(super) fn more_columns(&self, table: u32) -> i64 {
        self.tables.get(&table).map_or(0, |numbers| numbers.more)
    }

    /// Makes a reading what it would be in the database before. `false` where that cannot be known: an expression that was
    /// printed otherwise has changed, or was copied.
    pub(super) fn undo(&self, reading: &mut CatalogReading) -> bool {
        if self.values.is_empty() && self.tables.is_empty() {
            return true;
        }
        for object in &mut reading.catalog.objects {
            let Some(at) = reading.oids.get(&object.id) else { continue };
            let known = self.values.get(&(*at, object.id.kind)).map_or(&[][..], Vec::as_slice);
            let mut attributes = object.attributes.clone();
            for Reloaded { attribute, now, before } in known {
                if object.attributes.stated(*attribute) != now.as_deref() {
                    return false;
                }
                attributes = attributes.with(*attribute, before.clone());
            }
            if let Some(position) = self.tables.get(&at.oid).and_then(|numbers| numbers.before(object, *at)) {
                attributes = attributes.with(Attribute::Position, Some(position));
            }
            if attributes.iter().any(|(_, value)| self.prints.contains(value)) {
                return false;
            }
            if attributes != object.attributes {
                *object = Arc::new(Object { id: object.id.clone(), attributes });
            }
        }
        true
    }
}

impl ColumnNumbers {
    /// The number that a column would have, which the table got since.
    fn before(&self, object: &Object, at: ObjectOid) -> Option<SmolStr> {
        let number = i64::from(at.subid);
        (object.id.kind == Kind::Column && number > self.last)
            .then(|| format_smolstr!("{}", number + self.more))
    }
}

fn reloaded(before: &Object, now: &Object) -> Vec<Reloaded> {
    let both = before.attributes.iter().chain(now.attributes.iter()).map(|(attribute, _)| attribute);
    let mut attributes: Vec<Attribute> = both.collect();
    attributes.sort_unstable();
    attributes.dedup();
    let value = |object: &Object, attribute| object.attributes.stated(attribute).map(SmolStr::from);
    attributes
        .into_iter()
        .map(|attribute| Reloaded { attribute, now: value(now, attribute), before: value(before, attribute) })
        .filter(|value| value.now != value.before)
        .collect()
}
