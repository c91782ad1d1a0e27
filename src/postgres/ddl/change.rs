//! Changes of several objects in an order that PostgreSQL accepts.
//!
//! What is called otherwise comes first, then what goes, then what is made or altered, each after what it needs; foreign
//! keys come after all keys, and what was put aside goes last. Otherwise the order stays.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, words_of};

use super::order::{PrintedName, is_mentioned, mention, needs_keys, pair, relation, sorted};

/// What statements do to objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DdlAction {
    /// Gives one another name.
    Rename,
    /// Drops one.
    Drop,
    /// Makes them.
    Make,
    /// Makes one as declared.
    Alter,
    /// Drops one and makes it as declared.
    Replace,
    /// Removes one that was put aside, when all else is done.
    Finish,
}

/// Statements that belong together, and what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdlChange {
    /// What they do.
    pub action: DdlAction,
    /// As they will be; as it is, where it is dropped. The first one is what it is about.
    pub objects: Vec<Arc<Object>>,
    /// The object as it is, where it is altered.
    pub before: Option<Arc<Object>>,
    /// The statements, in order.
    pub statements: Vec<String>,
}

impl DdlChange {
    fn makes(&self) -> impl Iterator<Item = &Object> {
        let makes = self.action == DdlAction::Make;
        self.objects.iter().filter(move |_| makes).map(AsRef::as_ref)
    }

    fn kind(&self) -> Kind {
        self.objects.first().map_or(Kind::Privilege, |object| object.id.kind)
    }

    fn rank(&self) -> (u32, Reverse<Option<Kind>>) {
        let late = match (self.action, self.kind()) {
            (DdlAction::Rename, _) => 0,
            (DdlAction::Finish, _) => 6,
            // What needs another thing is of a later kind than that.
            (DdlAction::Drop, kind) => return (1, Reverse(Some(kind))),
            (_, Kind::ForeignKey) => 3,
            (_, Kind::Privilege) => 4,
            (_, Kind::EventTrigger) => 5,
            _ => 2,
        };
        (late, Reverse(None))
    }
}

/// The statements of all changes, in an order that PostgreSQL accepts.
pub fn arrange(changes: &[&DdlChange]) -> Vec<String> {
    let order = ordered(changes).into_iter();
    order.flat_map(|(number, _)| &changes[number].statements).cloned().collect()
}

/// The numbers of the changes in an order that PostgreSQL accepts, each with those that must come before it.
pub fn ordered(changes: &[&DdlChange]) -> Vec<(usize, BTreeSet<usize>)> {
    let names = Names::of(changes);
    let mut needs: Vec<BTreeSet<usize>> =
        (0..changes.len()).map(|number| names.before(number, changes)).collect();
    let order = sorted(&needs, |number| changes[number].rank());
    order.into_iter().map(|number| (number, std::mem::take(&mut needs[number]))).collect()
}

/// Which changes make the thing of a name or a key of a table, and which need the thing of a name as it is now.
#[derive(Default)]
struct Names {
    made: HashMap<PrintedName, Vec<usize>>,
    keys: HashMap<PrintedName, Vec<usize>>,
    needed_now: HashMap<PrintedName, Vec<usize>>,
    /// Which changes drop an object of a name, whatever its kind.
    dropped: HashMap<ObjectId, Vec<usize>>,
}

impl Names {
    fn of(changes: &[&DdlChange]) -> Self {
        let mut names = Self::default();
        for (number, change) in changes.iter().enumerate() {
            // A label that is added to an enum is there before it is used, and a column before what reads it.
            let alters = matches!(change.action, DdlAction::Alter | DdlAction::Replace);
            let altered = change.objects.iter().filter(|_| alters);
            for object in change.makes().chain(altered.map(AsRef::as_ref)) {
                if is_mentioned(object.id.kind) && object.id.kind != Kind::Table
                    || object.id.kind == Kind::Column
                    || change.action == DdlAction::Make && object.id.kind == Kind::Table
                {
                    names.made.entry(relation(&object.id)).or_default().push(number);
                }
                if let Some(table) = key_of(object).filter(|_| change.action == DdlAction::Make) {
                    names.keys.entry(table).or_default().push(number);
                }
            }
            for gone in change.objects.iter().filter(|_| change.action == DdlAction::Drop) {
                names.dropped.entry(any_kind(&gone.id)).or_default().push(number);
            }
            let now = match change.action {
                DdlAction::Drop => change.objects.as_slice(),
                DdlAction::Finish => &[],
                _ => change.before.as_slice(),
            };
            let needed: BTreeSet<PrintedName> = now.iter().flat_map(|object| mentioned(object)).collect();
            for name in needed {
                names.needed_now.entry(name).or_default().push(number);
            }
        }
        names
    }

    /// The changes that must come before this one.
    fn before(&self, number: usize, changes: &[&DdlChange]) -> BTreeSet<usize> {
        let change = changes[number];
        let mut before = BTreeSet::new();
        let add =
            |to: &mut BTreeSet<usize>, found: Option<&Vec<usize>>| to.extend(found.into_iter().flatten());
        match change.action {
            // What goes to another schema goes there when that is made.
            DdlAction::Rename => {
                let to = change.objects.first().and_then(|object| object.id.schema.as_ref());
                let makes_schema = |other: &&DdlChange| {
                    other.makes().any(|made| made.id.kind == Kind::Schema && Some(&made.id.name) == to)
                };
                before.extend((0..changes.len()).filter(|number| makes_schema(&changes[*number])));
            }
            DdlAction::Drop => {
                for object in &change.objects {
                    // A key goes after what refers to its table; what else stands under a relation, nobody mentions.
                    let name = if is_mentioned(object.id.kind) {
                        Some(relation(&object.id))
                    } else {
                        key_of(object)
                    };
                    add(&mut before, name.and_then(|name| self.needed_now.get(&name)));
                }
                before.retain(|other| {
                    is_mentioned(change.kind()) || changes[*other].kind() == Kind::ForeignKey
                });
                // A column goes after what reads it.
                for column in change.objects.iter().filter(|object| object.id.kind == Kind::Column) {
                    let users = self.needed_now.get(&relation(&column.id)).into_iter().flatten();
                    before.extend(users.filter(|other| {
                        let other = changes[**other];
                        let now = other.before.as_ref().or(other.objects.first());
                        now.is_some_and(|now| now.id != column.id && has_word(now, &column.id.name))
                    }));
                }
            }
            DdlAction::Finish => {
                let others = changes.iter().enumerate();
                let others = others.filter(|(_, other)| other.action != DdlAction::Finish);
                before.extend(others.map(|(other, _)| other));
            }
            DdlAction::Make | DdlAction::Alter | DdlAction::Replace => {
                for object in &change.objects {
                    let own = relation(&object.id);
                    for name in mentioned(object) {
                        let made = self.made.get(&name).into_iter().flatten();
                        // Of the other columns of its table a column needs those that it reads.
                        let is_beside = object.id.kind == Kind::Column && name == own;
                        before.extend(made.filter(|other| {
                            let mut others = changes[**other].objects.iter();
                            !is_beside || others.any(|other| reads_or_stands_in(object, other))
                        }));
                        if needs_keys(object) {
                            add(&mut before, self.keys.get(&name));
                        }
                    }
                }
                for made in change.makes() {
                    add(&mut before, self.dropped.get(&any_kind(&made.id)));
                }
            }
        }
        before.remove(&number);
        before
    }
}

/// Whether a column reads another one of its table, or stands in the table itself.
fn reads_or_stands_in(column: &Object, other: &Object) -> bool {
    match other.id.kind {
        Kind::Column => has_word(column, &other.id.name),
        kind => is_mentioned(kind) && relation(&other.id) == relation(&column.id),
    }
}

/// The table that an object is a key of.
fn key_of(object: &Object) -> Option<PrintedName> {
    match object.id.kind {
        Kind::PrimaryKey | Kind::Unique => Some(relation(&object.id)),
        Kind::Index if object.is(Attribute::IsUnique, "true") => {
            object.get(Attribute::OnTable).and_then(pair)
        }
        _ => None,
    }
}

/// Whether a name stands in what an object says of itself, or is its own.
pub fn has_word(object: &Object, name: &str) -> bool {
    let word = identifier(name);
    object.id.name == name
        || object.attributes.iter().any(|(_, text)| words_of(text).any(|found| found == word))
}

/// The names that an object needs, as its attributes mention them, with that of the relation that it stands under.
pub fn mentioned(object: &Object) -> BTreeSet<PrintedName> {
    let mut names = BTreeSet::new();
    mention(object, &mut names);
    if object.id.relation.is_some() {
        names.insert(relation(&object.id));
    }
    names
}

/// The identifier that all objects have which cannot be there beside each other, though they may be of different kinds.
fn any_kind(id: &ObjectId) -> ObjectId {
    ObjectId { kind: Kind::Schema, ..id.clone() }
}
