//! The names of what statements declare, by the kinds of object that share them.

use crate::postgres::catalog::{Kind, ObjectId};

/// Kinds of object that share their names: a table and a view of one name cannot both be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Namespace {
    Schema,
    Extension,
    EventTrigger,
    Relation,
    Type,
    Routine,
    Collation,
    Statistics,
    Column,
    Constraint,
    Trigger,
    Policy,
    Rule,
    DefaultPrivileges,
}

/// The name of what is declared. Parts that it does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::model) struct DeclaredName {
    pub(super) namespace: Namespace,
    pub(super) schema: String,
    pub(super) relation: String,
    pub(super) name: String,
}

impl DeclaredName {
    /// The name of an object; `None` for what no statement of its own declares.
    pub(super) fn of(object: &ObjectId) -> Option<Self> {
        let namespace = match object.kind {
            Kind::Schema => Namespace::Schema,
            Kind::Extension => Namespace::Extension,
            Kind::EventTrigger => Namespace::EventTrigger,
            Kind::Collation => Namespace::Collation,
            Kind::Statistics => Namespace::Statistics,
            Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => Namespace::Type,
            Kind::Sequence | Kind::Table | Kind::Index | Kind::View | Kind::MaterializedView => {
                Namespace::Relation
            }
            Kind::Function | Kind::Procedure | Kind::Aggregate => Namespace::Routine,
            Kind::Column => Namespace::Column,
            Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::Exclusion | Kind::ForeignKey => {
                Namespace::Constraint
            }
            Kind::Trigger => Namespace::Trigger,
            Kind::Policy => Namespace::Policy,
            Kind::Rule => Namespace::Rule,
            Kind::Privilege => return None,
        };
        let text = |part: &Option<smol_str::SmolStr>| part.as_deref().unwrap_or_default().to_owned();
        Some(Self {
            namespace,
            schema: text(&object.schema),
            relation: text(&object.relation),
            name: object.name.to_string(),
        })
    }
}

/// The name that default privileges have instead of an object's.
pub(super) const DEFAULT_PRIVILEGES: &str = "default_privileges";
