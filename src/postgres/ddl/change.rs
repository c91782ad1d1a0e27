//! Changes of several objects in an order that PostgreSQL accepts.
//!
//! What is called otherwise comes first, then what goes, then what is made or altered, each after what it needs; foreign
//! keys come after all keys, and what was put aside goes last. Otherwise the order stays.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, words_of};

use super::order::{PrintedName, is_mentioned, mention, needs_keys, pair, printed_name, relation, sorted};

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
    /// Which changes take a name from an object, whatever its kind.
    freed: HashMap<ObjectId, Vec<usize>>,
    /// Which changes make a schema.
    schemas: HashMap<SmolStr, Vec<usize>>,
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
                    for name in names_of(object) {
                        names.made.entry(name).or_default().push(number);
                    }
                }
                if let Some(table) = key_of(object).filter(|_| change.action == DdlAction::Make) {
                    names.keys.entry(table).or_default().push(number);
                }
            }
            for schema in change.makes().filter(|made| made.id.kind == Kind::Schema) {
                names.schemas.entry(schema.id.name.clone()).or_default().push(number);
            }
            let gone = match change.action {
                DdlAction::Drop => change.objects.as_slice(),
                DdlAction::Rename => change.before.as_slice(),
                _ => &[],
            };
            for place in gone.iter().flat_map(|gone| places(gone)) {
                names.freed.entry(place).or_default().push(number);
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
            // What goes to another schema goes there when that is made, and to a name when that is free.
            DdlAction::Rename => {
                for object in &change.objects {
                    add(&mut before, object.id.schema.as_ref().and_then(|schema| self.schemas.get(schema)));
                    places(object).iter().for_each(|place| add(&mut before, self.freed.get(place)));
                }
            }
            DdlAction::Drop => {
                for object in &change.objects {
                    // A key goes after what refers to its table; what else stands under a relation, nobody mentions.
                    let names = if is_mentioned(object.id.kind) {
                        names_of(object)
                    } else {
                        key_of(object).into_iter().collect()
                    };
                    names.iter().for_each(|name| add(&mut before, self.needed_now.get(name)));
                }
                let has_foreign_key = |other: &DdlChange| {
                    let goes = if other.action == DdlAction::Drop {
                        other.objects.as_slice()
                    } else {
                        other.before.as_slice()
                    };
                    goes.iter().any(|object| object.id.kind == Kind::ForeignKey)
                };
                before.retain(|other| is_mentioned(change.kind()) || has_foreign_key(changes[*other]));
                // A schema goes when nothing is in it.
                for schema in change.objects.iter().filter(|object| object.id.kind == Kind::Schema) {
                    let leaves = |other: &DdlChange| {
                        let is_in = |object: &Arc<Object>| object.id.schema.as_ref() == Some(&schema.id.name);
                        match other.action {
                            DdlAction::Drop => other.objects.iter().any(is_in),
                            _ => other.before.iter().any(is_in),
                        }
                    };
                    before.extend((0..changes.len()).filter(|other| leaves(changes[*other])));
                }
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
                    add(&mut before, made.id.schema.as_ref().and_then(|schema| self.schemas.get(schema)));
                    places(made).iter().for_each(|place| add(&mut before, self.freed.get(place)));
                }
                // A column needs no other one of its table that it does not name, and nothing that happens to it afterwards.
                let is_needed = |other: &DdlChange| {
                    let is_later = change.action == DdlAction::Make && other.before.is_some();
                    let named = |column: &Object| {
                        let is_own = change.objects.iter().any(|own| own.id == column.id);
                        !(is_own && is_later)
                            && change.objects.iter().any(|own| has_word(own, &column.id.name))
                    };
                    other.kind() != Kind::Column
                        || other.action == DdlAction::Drop
                        || other.objects.iter().any(|object| object.id.kind != Kind::Column || named(object))
                };
                before.retain(|other| is_needed(changes[*other]));
                before.extend(self.dropped_readers(change, changes));
                before.extend(self.keys_that_require(change, changes));
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

impl Names {
    /// The changes after which a column that needs no value any more is of no primary key.
    fn keys_that_require(&self, change: &DdlChange, changes: &[&DdlChange]) -> BTreeSet<usize> {
        let (Some(before), Some(after)) = (&change.before, change.objects.first()) else {
            return BTreeSet::new();
        };
        let is_freed = after.id.kind == Kind::Column
            && before.is(Attribute::Nullable, "false")
            && after.is(Attribute::Nullable, "true");
        let requires = |object: &Arc<Object>| {
            object.id.kind == Kind::PrimaryKey
                && relation(&object.id) == relation(&before.id)
                && has_word(object, &before.id.name)
        };
        let takes_key = |other: &DdlChange| match other.action {
            DdlAction::Drop => other.objects.iter().any(requires),
            _ => other.before.iter().any(requires),
        };
        let users = self.needed_now.get(&relation(&before.id)).filter(|_| is_freed);
        users.into_iter().flatten().copied().filter(|other| takes_key(changes[*other])).collect()
    }

    /// The changes that drop what reads an object which is created again, or a column of another type; and the columns of an enum
    /// whose place another one takes.
    fn dropped_readers(&self, change: &DdlChange, changes: &[&DdlChange]) -> BTreeSet<usize> {
        let Some(before) = &change.before else { return BTreeSet::new() };
        let differs = |attribute| {
            change.objects.first().is_some_and(|after| after.get(attribute) != before.get(attribute))
        };
        let is_retyped = before.id.kind == Kind::Column
            && [Attribute::Type, Attribute::Collation].into_iter().any(differs);
        if change.action != DdlAction::Replace && !is_retyped {
            return BTreeSet::new();
        }
        let is_enum = before.id.kind == Kind::Enum;
        let reads = |user: &DdlChange| {
            let is_on_it = match user.kind() {
                Kind::Table | Kind::Column => is_enum,
                Kind::View | Kind::MaterializedView | Kind::Trigger | Kind::Policy | Kind::Rule => true,
                kind => kind.is_routine(),
            };
            let named = || user.objects.iter().any(|object| has_word(object, &before.id.name));
            user.action == DdlAction::Drop && is_on_it && (!is_retyped || named())
        };
        let users = names_of(before).into_iter().filter_map(|name| self.needed_now.get(&name));
        users.flatten().copied().filter(|user| reads(changes[*user])).collect()
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

/// The names by which text mentions an object: its own, and that of the multirange of a range.
fn names_of(object: &Object) -> Vec<PrintedName> {
    let multirange = object.get(Attribute::Multirange).and_then(pair);
    [relation(&object.id)].into_iter().chain(multirange).collect()
}

/// The names that an object takes: no other one can have one of them at the same time, though it may be of another kind.
fn places(object: &Object) -> Vec<ObjectId> {
    let own = ObjectId { kind: Kind::Schema, ..object.id.clone() };
    let mut places = vec![own.clone()];
    // The index of a constraint has its name among the relations.
    if matches!(object.id.kind, Kind::PrimaryKey | Kind::Unique | Kind::Exclusion) {
        places.push(ObjectId { relation: None, ..own.clone() });
    }
    // A table has one primary key, whatever its name.
    if object.id.kind == Kind::PrimaryKey {
        places.push(ObjectId { kind: Kind::PrimaryKey, ..own.named("") });
    }
    let multirange = object.get(Attribute::Multirange).and_then(pair);
    // A range type makes functions of its name and of its multirange's.
    let routine = |schema: SmolStr, name: SmolStr| ObjectId::in_schema(Kind::Function, schema, name);
    if object.id.kind.is_routine() || object.id.kind == Kind::RangeType {
        let (schema, name) = printed_name(&object.id);
        places.push(routine(schema, name));
    }
    if let Some((schema, name)) = multirange {
        places.push(ObjectId::in_schema(Kind::Schema, schema.clone(), name.clone()));
        places.push(routine(schema, name));
    }
    places
}
