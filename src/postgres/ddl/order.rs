//! A whole catalog as one script, in an order that PostgreSQL accepts.
//!
//! The order of kinds does most of it. What goes against it (a table's default that calls a function, a view on a
//! view) is found by the names that an object's attributes mention; of a circle that remains, the kind that usually
//! comes first goes first. Bodies of functions are not looked into: the script turns their check off.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use smol_str::SmolStr;

use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::{qualified, split_qualified};

use super::mentions::qualified_names;
use super::names::belongings;
use super::{create, privileges, routines, sequences, tables, types};

/// What a script sets for its session: names resolve as they were printed, and bodies of functions are not checked.
const SETTINGS: [&str; 2] = ["SET check_function_bodies = off;", "SET search_path = pg_catalog;"];

/// All of a catalog as statements, in an order that PostgreSQL accepts. It begins with settings of the session, and
/// wants a database that has none of the objects (the schema `public` is made when it is not there). Roles that it
/// names must exist.
pub fn script(catalog: &Catalog) -> Vec<String> {
    SETTINGS.iter().map(|setting| (*setting).to_owned()).chain(statements(catalog)).collect()
}

/// As [`script`], without settings of the session: bodies of functions are not to be checked.
pub fn statements(catalog: &Catalog) -> Vec<String> {
    statements_below(catalog, &[])
}

/// As [`statements`], where some tables are partitions or children of others that are made elsewhere: `above` are the columns of
/// those.
pub fn statements_below<'c>(catalog: &'c Catalog, above: &[&'c Object]) -> Vec<String> {
    let mut plan = Plan::new(catalog);
    for column in above {
        plan.above.entry(relation(&column.id)).or_default().push(column);
    }
    let order = sorted(&plan.needs(), |step| rank(&plan.steps[step]));
    let steps = order.into_iter().flat_map(|step| plan.statements(&plan.steps[step]));
    steps.chain(privileges::withheld(catalog.objects.iter().map(AsRef::as_ref), catalog)).collect()
}

/// All of a catalog as statements, in groups: `group` says of an object which one it belongs to. Those of a group are in an
/// order that PostgreSQL accepts once what other groups make is there, and depend on nothing else in the other groups.
/// Settings of the session are left out.
pub fn grouped<G: Ord>(catalog: &Catalog, group: impl Fn(&Object) -> G) -> BTreeMap<G, Vec<String>> {
    let plan = Plan::new(catalog);
    let needs = plan.needs();
    let mut groups: BTreeMap<G, Vec<usize>> = BTreeMap::new();
    for (number, step) in plan.steps.iter().enumerate() {
        groups.entry(group(step.object())).or_default().push(number);
    }
    let statements = |members: Vec<usize>| {
        let inside = |need: &usize| members.binary_search(need).ok();
        let needs: Vec<BTreeSet<usize>> =
            members.iter().map(|member| needs[*member].iter().filter_map(inside).collect()).collect();
        let order = sorted(&needs, |member| rank(&plan.steps[members[member]]));
        let steps = order.into_iter().map(|member| &plan.steps[members[member]]);
        let mut statements: Vec<String> = steps.clone().flat_map(|step| plan.statements(step)).collect();
        let made = steps.filter_map(|step| match step {
            Step::Object(object) => Some(*object),
            Step::Shell(_) | Step::Afterwards(_) => None,
        });
        statements.extend(privileges::withheld(made, catalog));
        statements
    };
    groups.into_iter().map(|(group, members)| (group, statements(members))).collect()
}

/// Something that is made in one go.
#[derive(Debug, Clone, Copy)]
enum Step<'c> {
    /// `CREATE TYPE x;` ahead of a range type whose canonical function takes it.
    Shell(&'c Object),
    /// The object, as [`create`] writes it; a table with its columns.
    Object(&'c Object),
    /// What a table or sequence can say only when others are there: OWNED BY, REPLICA IDENTITY USING INDEX.
    Afterwards(&'c Object),
}

impl<'c> Step<'c> {
    fn object(&self) -> &'c Object {
        let (Step::Shell(object) | Step::Object(object) | Step::Afterwards(object)) = self;
        object
    }
}

/// (schema, name): the way by which printed text mentions an object.
pub type PrintedName = (SmolStr, SmolStr);

struct Plan<'c> {
    steps: Vec<Step<'c>>,
    /// A table's columns, and the sequences of its identity columns.
    parts: HashMap<PrintedName, Vec<&'c Object>>,
    /// The columns of parents that are made elsewhere.
    above: HashMap<PrintedName, Vec<&'c Object>>,
}

impl<'c> Plan<'c> {
    fn new(catalog: &'c Catalog) -> Self {
        let objects = || catalog.objects.iter().map(AsRef::as_ref);
        let mut parts: HashMap<PrintedName, Vec<&Object>> = HashMap::new();
        let mut identities = BTreeSet::new();
        for column in objects().filter(|object| object.id.kind == Kind::Column) {
            parts.entry(relation(&column.id)).or_default().push(column);
            if column.get(Attribute::Identity).is_some() {
                identities.insert(column.id.to_string());
            }
        }
        let mut steps = Vec::new();
        for object in objects() {
            match object.id.kind {
                // The columns of a table are made with it.
                Kind::Column => {}
                Kind::Sequence
                    if object.get(Attribute::OwnedBy).is_some_and(|owner| identities.contains(owner)) =>
                {
                    let owner = object.get(Attribute::OwnedBy).and_then(split_qualified).unwrap_or_default();
                    if let [schema, table, _] = &owner[..] {
                        parts.entry((schema.clone(), table.clone())).or_default().push(object);
                    }
                }
                kind => {
                    if kind == Kind::RangeType && object.get(Attribute::Canonical).is_some() {
                        steps.push(Step::Shell(object));
                    }
                    steps.push(Step::Object(object));
                    if matches!(kind, Kind::Sequence | Kind::Table | Kind::MaterializedView) {
                        steps.push(Step::Afterwards(object));
                    }
                }
            }
        }
        Self { steps, parts, above: HashMap::new() }
    }

    fn parts(&self, table: &ObjectId) -> &[&'c Object] {
        self.parts.get(&relation(table)).map_or(&[], Vec::as_slice)
    }

    fn statements(&self, step: &Step<'_>) -> Vec<String> {
        match *step {
            Step::Shell(object) => vec![types::shell(object)],
            Step::Afterwards(object) if object.id.kind == Kind::Sequence => {
                sequences::own(object).into_iter().collect()
            }
            Step::Afterwards(object) => tables::settings_by_index(object),
            Step::Object(object) => match object.id.kind {
                Kind::Schema if object.id.name == "public" => {
                    let mut statements = vec!["CREATE SCHEMA IF NOT EXISTS public;".to_owned()];
                    statements.extend(belongings(object));
                    statements
                }
                Kind::Table => self.table(object),
                Kind::Sequence => {
                    sequences::create_unowned(object).into_iter().chain(belongings(object)).collect()
                }
                _ => create(object, &[]),
            },
        }
    }

    fn columns_of(&self, parent: &PrintedName) -> Option<&Vec<&'c Object>> {
        self.parts.get(parent).or_else(|| self.above.get(parent))
    }

    fn table(&self, table: &Object) -> Vec<String> {
        let parts = self.parts(&table.id);
        let own: Vec<_> = parts.iter().copied().filter(|part| part.id.kind == Kind::Column).collect();
        let inherited: Vec<_> =
            parents(table).iter().filter_map(|parent| self.columns_of(parent)).flatten().copied().collect();
        let is_said = |part: &&Object| part.id.kind == Kind::Column || !sequences::is_usual(part);
        let said: Vec<_> = parts.iter().copied().filter(is_said).collect();
        let mut statements = tables::create(table, &said, &inherited);
        statements.extend(belongings(table));
        statements.extend(tables::undo_inherited_defaults(&own, &inherited));
        let sequences = parts.iter().filter(|part| part.id.kind == Kind::Sequence);
        statements.extend(sequences.flat_map(|sequence| belongings(sequence)));
        statements
    }

    /// For each step, those that must come before it.
    fn needs(&self) -> Vec<BTreeSet<usize>> {
        // What makes the thing of a name; keys of a table for those that need more than the table.
        let mut made_by: HashMap<PrintedName, Vec<usize>> = HashMap::new();
        let mut keys: HashMap<PrintedName, Vec<usize>> = HashMap::new();
        let mut indexes: HashMap<PrintedName, Vec<usize>> = HashMap::new();
        let mut canonical: BTreeSet<PrintedName> = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Shell(object) | Step::Object(object) => {
                    let kind = object.id.kind;
                    if let Some(schema) = object.id.schema.clone().filter(|_| is_mentioned(kind)) {
                        made_by.entry((schema.clone(), object.id.name.clone())).or_default().push(index);
                        if let Some(multirange) = object.get(Attribute::Multirange).and_then(split_qualified)
                        {
                            let name = multirange.last().cloned().unwrap_or_default();
                            made_by.entry((schema, name)).or_default().push(index);
                        }
                    }
                    if matches!(kind, Kind::PrimaryKey | Kind::Unique) {
                        keys.entry(relation(&object.id)).or_default().push(index);
                    }
                    if kind == Kind::Index && object.is(Attribute::IsUnique, "true") {
                        let table = object.get(Attribute::OnTable).and_then(pair).unwrap_or_default();
                        keys.entry(table).or_default().push(index);
                    }
                    if matches!(kind, Kind::PrimaryKey | Kind::Unique | Kind::Exclusion) {
                        indexes.entry(relation(&object.id)).or_default().push(index);
                    }
                    if let Some(table) = object.get(Attribute::OnTable).and_then(pair) {
                        indexes.entry(table).or_default().push(index);
                    }
                    canonical.extend(object.get(Attribute::Canonical).and_then(pair));
                }
                Step::Afterwards(_) => {}
            }
        }
        let nothing = Vec::new();
        let needs_of = |(index, step): (usize, &Step<'c>)| {
            let mut needs = BTreeSet::new();
            let (Step::Object(object) | Step::Afterwards(object)) = step else { return needs };
            let is_canonical = object.id.kind.is_routine() && canonical.contains(&relation(&object.id));
            for name in self.mentioned(object) {
                for need in made_by.get(&name).unwrap_or(&nothing) {
                    let whole_range = matches!(self.steps[*need], Step::Object(range) if range.get(Attribute::Canonical).is_some());
                    if !(is_canonical && whole_range) {
                        needs.insert(*need);
                    }
                }
                if needs_keys(object) {
                    needs.extend(keys.get(&name).unwrap_or(&nothing));
                }
            }
            if let Step::Afterwards(object) = step {
                let owner = object.get(Attribute::OwnedBy).and_then(pair);
                for name in owner.into_iter().chain([relation(&object.id)]) {
                    needs.extend(made_by.get(&name).unwrap_or(&nothing));
                }
                needs.extend(indexes.get(&relation(&object.id)).unwrap_or(&nothing));
            }
            needs.remove(&index);
            needs
        };
        self.steps.iter().enumerate().map(needs_of).collect()
    }

    /// The names that making an object needs.
    fn mentioned(&self, object: &Object) -> BTreeSet<PrintedName> {
        let mut names = BTreeSet::new();
        if object.id.relation.is_some() {
            names.insert(relation(&object.id));
        }
        let parts = if object.id.kind == Kind::Table { self.parts(&object.id) } else { &[] };
        [object].into_iter().chain(parts.iter().copied()).for_each(|part| mention(part, &mut names));
        names
    }
}

/// Adds the names that making an object needs, as its attributes mention them.
pub(super) fn mention(object: &Object, names: &mut BTreeSet<PrintedName>) {
    for (attribute, value) in object.attributes.iter() {
        let prose = matches!(
            attribute,
            Attribute::Comment
                | Attribute::ColumnComments
                | Attribute::Owner
                | Attribute::Labels
                | Attribute::Settings
        );
        let unchecked = attribute == Attribute::Body && !routines::is_sql_standard(object);
        let later = attribute == Attribute::OwnedBy;
        if !(prose || unchecked || later) {
            names.extend(qualified_names(value));
        }
    }
}

/// Numbers in order, each after all that it needs; those that nothing holds back by their rank. The first of a circle
/// breaks it.
pub(super) fn sorted<R: Ord>(needs: &[BTreeSet<usize>], rank: impl Fn(usize) -> R) -> Vec<usize> {
    let mut needed_by = vec![Vec::new(); needs.len()];
    let mut missing: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    for (step, needs) in needs.iter().enumerate() {
        for need in needs {
            needed_by[*need].push(step);
        }
    }
    let mut ready: BinaryHeap<_> =
        (0..needs.len()).filter(|step| missing[*step] == 0).map(|step| Reverse((rank(step), step))).collect();
    let mut waiting: BTreeSet<_> =
        (0..needs.len()).filter(|step| missing[*step] > 0).map(|step| (rank(step), step)).collect();
    let mut order = Vec::with_capacity(needs.len());
    loop {
        // Nothing is ready in a circle: the first of those that wait breaks it.
        let step = match ready.pop() {
            Some(Reverse((_, step))) => step,
            None => match waiting.pop_first() {
                Some((_, step)) => step,
                None => return order,
            },
        };
        order.push(step);
        for next in &needed_by[step] {
            missing[*next] -= 1;
            if missing[*next] == 0 && waiting.remove(&(rank(*next), *next)) {
                ready.push(Reverse((rank(*next), *next)));
            }
        }
    }
}

/// Whether text mentions objects of this kind by schema and name.
pub fn is_mentioned(kind: Kind) -> bool {
    !(kind.is_under_relation() || kind.is_bare() || matches!(kind, Kind::Statistics | Kind::Privilege))
}

/// Whether an object may need a key of a table that it mentions: what a foreign key refers to, what lets a view
/// group by the key alone, or what ON CONFLICT names.
pub(super) fn needs_keys(object: &Object) -> bool {
    matches!(object.id.kind, Kind::ForeignKey | Kind::View | Kind::MaterializedView | Kind::Rule)
        || object.id.kind.is_routine()
}

/// Where a step stands when nothing else decides. Foreign keys come after all that they may refer to, event triggers
/// after all that would fire them.
fn rank(step: &Step<'_>) -> u32 {
    match step {
        Step::Shell(_) => Kind::Collation as u32 * 10 + 1,
        Step::Afterwards(_) => Kind::Index as u32 * 10 + 2,
        Step::Object(object) => match object.id.kind {
            Kind::ForeignKey => Kind::Index as u32 * 10 + 1,
            Kind::EventTrigger => u32::MAX,
            // What a partition has from its parent is there with the parent's.
            Kind::Trigger if object.get(Attribute::PartitionOf).is_some() => Kind::Trigger as u32 * 10 + 1,
            kind => kind as u32 * 10,
        },
    }
}

/// Schema and relation of a part, schema and name of everything else.
pub fn relation(id: &ObjectId) -> PrintedName {
    (id.schema.clone().unwrap_or_default(), id.relation.as_ref().unwrap_or(&id.name).clone())
}

/// Schema and name.
pub fn printed_name(id: &ObjectId) -> PrintedName {
    (id.schema.clone().unwrap_or_default(), id.name.clone())
}

/// A pair as `public.users`.
pub fn path(name: &PrintedName) -> String {
    qualified(&name.0, &name.1)
}

/// `public.users` as a pair.
pub(super) fn pair(text: &str) -> Option<PrintedName> {
    qualified_names(text).into_iter().next()
}

/// The tables whose columns a partition or an heir starts with.
fn parents(table: &Object) -> Vec<PrintedName> {
    let attributes = [Attribute::PartitionOf, Attribute::Inherits];
    attributes.into_iter().filter_map(|attribute| table.get(attribute)).flat_map(qualified_names).collect()
}
