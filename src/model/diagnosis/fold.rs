//! Consequences folded into their cause: the columns of a missing table, the index that went with its column,
//! what every partition shows because its parent does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, qualified, words_of};

/// A difference with all that only comes with it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The difference that becomes a finding.
    pub(super) head: Difference,
    /// What belongs to it as a part: columns and constraints of a table. The finding leaves them out.
    pub(super) parts: Vec<Difference>,
    /// The same in partitions and children, which follow their parent. The finding leaves them out.
    pub(super) copies: Vec<Difference>,
    /// What came with it and is told in it: the index of a column, a foreign key of another table.
    pub(super) consequences: Vec<Difference>,
}

impl Group {
    fn of(head: Difference) -> Self {
        Self { head, parts: Vec::new(), copies: Vec::new(), consequences: Vec::new() }
    }
}

/// On which side an object stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Missing,
    Unexpected,
    Neither,
    Both,
}

fn side(difference: &Difference) -> Side {
    match (&difference.live, &difference.model) {
        (None, Some(_)) => Side::Missing,
        (Some(_), None) => Side::Unexpected,
        (None, None) => Side::Neither,
        (Some(_), Some(_)) => Side::Both,
    }
}

/// The object itself, from any state that has it.
pub(super) fn any(difference: &Difference) -> Option<&Arc<Object>> {
    [&difference.model, &difference.live, &difference.last, &difference.applied]
        .into_iter()
        .find_map(Option::as_ref)
}

/// Schema, table, partition of a partition, column, index: no chain of reasons is longer.
const MOST_TIES: usize = 64;

/// How a difference relates to the one that explains it.
#[derive(Clone, Copy)]
enum Tie {
    Copy(usize),
    Part(usize),
    Consequence(usize),
}

impl Tie {
    fn to(self) -> usize {
        match self {
            Self::Copy(to) | Self::Part(to) | Self::Consequence(to) => to,
        }
    }
}

/// Folds. `parents` holds, per table path, the tables that it is a partition of or inherits from.
pub(super) fn fold(differences: Vec<Difference>, parents: &HashMap<String, Vec<String>>) -> Vec<Group> {
    let index = Index::new(&differences);
    let ties: Vec<Option<Tie>> =
        differences.iter().map(|difference| index.tie(difference, &differences, parents)).collect();
    let mut groups: Vec<Option<Group>> = Vec::with_capacity(differences.len());
    let mut later = Vec::new();
    for (number, (difference, tie)) in differences.into_iter().zip(&ties).enumerate() {
        if tie.is_none() {
            groups.push(Some(Group::of(difference)));
        } else {
            groups.push(None);
            later.push((number, difference));
        }
    }
    for (number, difference) in later {
        // A chain (index -> column -> table) ends at the difference that becomes a finding.
        let chain = std::iter::successors(ties[number], |tie| ties[tie.to()]);
        let ties: Vec<Tie> = chain.take(MOST_TIES).collect();
        let Some(group) = ties.last().and_then(|tie| groups[tie.to()].as_mut()) else { continue };
        if ties.iter().any(|tie| matches!(tie, Tie::Copy(_))) {
            group.copies.push(difference);
        } else if ties.iter().all(|tie| matches!(tie, Tie::Part(_))) {
            group.parts.push(difference);
        } else {
            group.consequences.push(difference);
        }
    }
    groups.into_iter().flatten().collect()
}

/// Where the differences are that may explain others.
struct Index {
    schemas: HashMap<(Side, String), usize>,
    relations: HashMap<(Side, String), usize>,
    columns: HashMap<(Side, String), Vec<(usize, String)>>,
    types: Vec<(Side, String, usize)>,
    /// The schemas of what can be moved to another one, by side, kind and name.
    movable: HashMap<(Side, Kind, String), Vec<String>>,
    by_id: HashMap<ObjectId, usize>,
}

impl Index {
    fn new(differences: &[Difference]) -> Self {
        let mut index = Self {
            schemas: HashMap::new(),
            relations: HashMap::new(),
            columns: HashMap::new(),
            types: Vec::new(),
            movable: HashMap::new(),
            by_id: HashMap::new(),
        };
        for (number, difference) in differences.iter().enumerate() {
            let (id, side) = (&difference.id, side(difference));
            index.by_id.insert(id.clone(), number);
            if side == Side::Both {
                continue;
            }
            if let Some(schema) = id.schema.as_ref().filter(|_| is_movable(id.kind)) {
                let same = index.movable.entry((side, id.kind, id.name.to_string())).or_default();
                same.push(schema.to_string());
            }
            match id.kind {
                Kind::Schema => {
                    index.schemas.insert((side, id.name.to_string()), number);
                }
                Kind::Table | Kind::View | Kind::MaterializedView => {
                    index.relations.insert((side, id.to_string()), number);
                }
                Kind::Column => {
                    let name = identifier(&id.name).into_owned();
                    index.columns.entry((side, id.relation_path())).or_default().push((number, name));
                }
                Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => {
                    index.types.push((side, id.to_string(), number));
                }
                _ => {}
            }
        }
        index
    }

    fn tie(
        &self,
        difference: &Difference,
        all: &[Difference],
        parents: &HashMap<String, Vec<String>>,
    ) -> Option<Tie> {
        let (id, side) = (&difference.id, side(difference));
        if let Some(number) = self.same_in_parent(difference, all, parents) {
            return Some(Tie::Copy(number));
        }
        if side == Side::Both {
            return None;
        }
        let object = any(difference)?;
        if let Some(relation) = relation_of(object) {
            if let Some(number) = self.relations.get(&(side, relation.clone())) {
                return Some(Tie::Part(*number));
            }
            if let Some(number) = self.column_behind(object, side, &relation) {
                return Some(Tie::Consequence(number));
            }
        }
        if let Some(owner) = object.get(Attribute::OwnedBy).filter(|_| id.kind == Kind::Sequence) {
            let column = ObjectId::parse(Kind::Column, owner).and_then(|column| self.by_id.get(&column));
            let makes = [Attribute::Identity, Attribute::Default];
            let changed = |number: &&usize| all[**number].attributes().iter().any(|a| makes.contains(a));
            if let Some(number) = column.filter(changed) {
                return Some(Tie::Consequence(*number));
            }
        }
        if let Some(number) = self.type_behind(object, side) {
            return Some(Tie::Consequence(number));
        }
        let refers = [Attribute::References, Attribute::PartitionOf].iter().find_map(|a| object.get(*a));
        if let Some(number) = refers.and_then(|path| self.relations.get(&(side, path.to_owned()))) {
            return Some(Tie::Consequence(*number));
        }
        let schema = id.schema.as_ref()?;
        if self.may_have_moved(id, side) {
            return None;
        }
        self.schemas.get(&(side, schema.to_string())).map(|number| Tie::Part(*number))
    }

    /// Whether what came or went with its schema may be what went from, or came to, a schema that is there on both sides.
    fn may_have_moved(&self, id: &ObjectId, side: Side) -> bool {
        let other = match side {
            Side::Missing => Side::Unexpected,
            Side::Unexpected => Side::Missing,
            Side::Neither | Side::Both => return false,
        };
        let schemas = self.movable.get(&(other, id.kind, id.name.to_string()));
        schemas.into_iter().flatten().any(|schema| !self.schemas.contains_key(&(other, schema.clone())))
    }

    /// The column whose coming or going explains this part of its table.
    fn column_behind(&self, object: &Object, side: Side, relation: &str) -> Option<usize> {
        let columns = self.columns.get(&(side, relation.to_owned()))?;
        if let Some(owner) = object.get(Attribute::OwnedBy) {
            let owner = ObjectId::parse(Kind::Column, owner)?;
            let name = identifier(&owner.name);
            return columns.iter().find(|(_, column)| *column == name).map(|(number, _)| *number);
        }
        if object.id.kind == Kind::Column {
            return None;
        }
        let texts = [
            Attribute::Columns,
            Attribute::Include,
            Attribute::Expression,
            Attribute::Predicate,
            Attribute::Definition,
            Attribute::Using,
            Attribute::WithCheck,
        ];
        let mentioned: HashSet<&str> =
            texts.iter().filter_map(|attribute| object.get(*attribute)).flat_map(words_of).collect();
        columns.iter().find(|(_, column)| mentioned.contains(column.as_str())).map(|(number, _)| *number)
    }

    /// The type whose coming or going explains this column, routine or type over it.
    fn type_behind(&self, object: &Object, side: Side) -> Option<usize> {
        let texts = [
            Attribute::Type,
            Attribute::Arguments,
            Attribute::Returns,
            Attribute::Fields,
            Attribute::Subtype,
        ];
        let uses = |path: &str| {
            texts.iter().filter_map(|attribute| object.get(*attribute)).any(|text| mentions(text, path))
        };
        let own = object.id.to_string();
        let mut types = self.types.iter().filter(|(of, path, _)| *of == side && *path != own);
        types.find(|(_, path, _)| uses(path)).map(|(.., number)| *number)
    }

    /// The same difference of the same name in a table that this one's table is a partition or child of.
    fn same_in_parent(
        &self,
        difference: &Difference,
        all: &[Difference],
        parents: &HashMap<String, Vec<String>>,
    ) -> Option<usize> {
        if !difference.id.kind.is_under_relation() {
            return None;
        }
        let above = parents.get(&difference.id.relation_path())?;
        above.iter().find_map(|parent| {
            let table = ObjectId::parse(Kind::Table, parent)?;
            let id = ObjectId { schema: table.schema, relation: Some(table.name), ..difference.id.clone() };
            let number = *self.by_id.get(&id)?;
            let explains = side(&all[number]) == side(difference)
                && difference.attributes().iter().all(|attribute| {
                    all[number].values(*attribute).live == difference.values(*attribute).live
                });
            explains.then_some(number)
        })
    }
}

/// Whether `ALTER ... SET SCHEMA` moves objects of this kind, and a name alone identifies them.
pub(super) fn is_movable(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table
            | Kind::View
            | Kind::MaterializedView
            | Kind::Enum
            | Kind::Domain
            | Kind::CompositeType
            | Kind::RangeType
    )
}

/// The relation that an object is a part of, qualified and quoted.
pub(super) fn relation_of(object: &Object) -> Option<String> {
    if object.id.kind.is_under_relation() {
        return Some(object.id.relation_path());
    }
    if let Some(owner) = object.get(Attribute::OwnedBy) {
        return ObjectId::parse(Kind::Column, owner).map(|column| column.relation_path());
    }
    if object.id.kind == Kind::Privilege {
        let schema = object.id.schema.as_ref()?;
        return Some(qualified(schema, &object.id.name));
    }
    object.get(Attribute::OnTable).map(str::to_owned)
}

/// Whether a text has this qualified name in it, and not as a part of a longer one.
fn mentions(text: &str, path: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '$');
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + path.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}
